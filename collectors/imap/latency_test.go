package imap

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

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
	cfg, _ = far(b, cfg, strings.TrimPrefix(cfg.URL, "imap://"), servertest.LinkSpec{RoundTrip: 40 * time.Millisecond})
	cfg.Connections = 1
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
