package imap

import (
	"context"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
)

// delayed is a connection to something far away: what is read arrives delay after it was sent. Writing is not
// delayed, so that delay is the round trip.
type delayed struct {
	net.Conn
	arrived chan chunk
	rest    []byte
}

type chunk struct {
	data []byte
	at   time.Time
	err  error
}

func delay(nc net.Conn, by time.Duration) *delayed {
	d := &delayed{Conn: nc, arrived: make(chan chunk, 1<<16)}
	go func() {
		for {
			buf := make([]byte, 32<<10)
			n, err := nc.Read(buf)
			d.arrived <- chunk{buf[:n], time.Now().Add(by), err}
			if err != nil {
				close(d.arrived)
				return
			}
		}
	}()
	return d
}

func (d *delayed) SetReadDeadline(time.Time) error { return nil } // the goroutine reads all the time

func (d *delayed) Read(p []byte) (int, error) {
	if len(d.rest) == 0 {
		c, ok := <-d.arrived
		if !ok {
			return 0, io.EOF
		}
		time.Sleep(time.Until(c.at))
		if d.rest = c.data; len(d.rest) == 0 {
			return 0, c.err
		}
	}
	n := copy(p, d.rest)
	d.rest = d.rest[n:]
	return n, nil
}

// BenchmarkSettings reads the rights and settings of 500 folders over a link of 40 ms: MYRIGHTS, GETACL, LISTRIGHTS for
// three identifiers, GETMETADATA and GETQUOTAROOT each. One command after the other would take 140 seconds.
func BenchmarkSettings(b *testing.B) {
	names := []string{"INBOX"}
	for i := range 499 {
		names = append(names, fmt.Sprintf("folder%03d", i))
	}
	f := boxes(allCaps+" LIST-EXTENDED LIST-STATUS", names...)
	f.command = func(c *fakeConn, tag, name, args string) bool {
		if name == "LIST" {
			for _, folder := range f.folders {
				c.say("* LIST () \"/\" %s\r\n* STATUS %s (MESSAGES 0)\r\n", folder.name, folder.name)
			}
			c.say("%s OK done\r\n", tag)
			return true
		}
		return wellBehaved(c, tag, name, args)
	}
	cfg := f.start(b)
	cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		nc, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return delay(nc, 40*time.Millisecond), nil
	}
	c, err := New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		sink := &collectortest.Sink{}
		start := len(f.sent())
		err := c.Collect(b.Context(), collectors.Scope{Account: rawScope.Account, Folders: []string{"INBOX"}, Messages: collectors.MessagesNone}, sink)
		if err != nil || len(sink.Gaps()) > 0 {
			b.Fatalf("%v, gaps %+v", err, sink.Gaps())
		}
		b.ReportMetric(float64(len(f.sent())-start), "commands")
	}
}
