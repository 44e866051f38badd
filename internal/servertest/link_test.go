package servertest_test

import (
	"bytes"
	"io"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/internal/servertest"
)

// TestLink: what is sent arrives whole and in order, no sooner than the line allows, and is counted.
func TestLink(t *testing.T) {
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<12)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				var hello [5]byte
				if _, err := io.ReadFull(c, hello[:]); err == nil {
					_, _ = c.Write(body)
				}
			}()
		}
	}()
	spec := servertest.LinkSpec{RoundTrip: 20 * time.Millisecond, Rate: 1 << 20}
	link := servertest.NewLink(t, listener.Addr().String(), spec)
	start := time.Now()
	c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(link.Port)))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "hello"); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, body) {
		t.Fatalf("%d of %d bytes came: %v", len(got), len(body), err)
	}
	if least := spec.RoundTrip + link.Limit(int64(len(body))); time.Since(start) < least {
		t.Errorf("it took %v, the line needs %v", time.Since(start), least)
	}
	if link.Down() != int64(len(body)) || link.Up() != 5 {
		t.Errorf("%d bytes down, %d up", link.Down(), link.Up())
	}
}
