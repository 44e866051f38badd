package imap

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/internal/seedmail"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

// far puts a line with a long round trip in front of a server.
func far(t testing.TB, cfg Config, address string, spec servertest.LinkSpec) (Config, *servertest.Link) {
	t.Helper()
	link := servertest.NewLink(t, address, spec)
	scheme, _, _ := strings.Cut(cfg.URL, "://")
	cfg.URL = scheme + "://localhost:" + strconv.Itoa(link.Port)
	cfg.Connections = MaxConnections
	return cfg, link
}

// sessions counts the connections on which a Dovecot's clients sent commands.
func sessions(t *testing.T, d *servertest.DovecotServer) int {
	t.Helper()
	log, err := os.ReadFile(d.EventLog)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(log)) {
		if _, rest, ok := strings.Cut(line, `"session":"`); ok {
			id, _, _ := strings.Cut(rest, `"`)
			seen[id] = true
		}
	}
	return len(seen)
}

// TestSideBySide: over a distance several folders are read at once, near by one after the other, and what comes is the
// same.
func TestSideBySide(t *testing.T) {
	for _, c := range []struct {
		name      string
		roundTrip time.Duration
		allowed   int
		several   bool
	}{
		{"far", 20 * time.Millisecond, MaxConnections, true},
		{"far, one allowed", 20 * time.Millisecond, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := servertest.Dovecot(t)
			alice := d.Users[0]
			d.Seed(t, alice, seedmail.Spec{Seed: 7, Messages: seeded})
			before := dovecotSnapshot(t, d, alice)
			cfg, _ := far(t, dovecotConfig(d), net.JoinHostPort("127.0.0.1", strconv.Itoa(d.IMAPSPort)), servertest.LinkSpec{RoundTrip: c.roundTrip})
			cfg.Connections = c.allowed
			sink := &collectortest.Sink{}
			if err := mustNew(t, cfg).Collect(t.Context(), collectors.Scope{Account: alice, Messages: collectors.MessagesRaw}, sink); err != nil {
				t.Fatal(err)
			}
			collectortest.CheckSink(t, sink)
			want := len(onWire(t, d.MailDir(alice))) + len(sharedWithAlice(t, d))
			if got := len(sink.Messages()); got != want || len(sink.Gaps()) > 0 {
				t.Errorf("%d of %d messages, gaps: %+v", got, want, sink.Gaps())
			}
			if n := sessions(t, d); (n > 1) != c.several || n > MaxConnections {
				t.Errorf("%d connections", n)
			}
			if after := dovecotSnapshot(t, d, alice); after != before {
				t.Errorf("the source changed.\nbefore:\n%s\nafter:\n%s", before, after)
			}
		})
	}
}

// TestOtherConnectionsAreRefusedOrLost: whatever the server does to the connections beside the first, everything comes.
func TestOtherConnectionsAreRefusedOrLost(t *testing.T) {
	hooks := map[string]func(*fakeConn, string, string, string) bool{
		"too many connections": func(c *fakeConn, tag, name, _ string) bool {
			if name == "LOGIN" && c.n > 1 {
				c.say("%s NO [LIMIT] too many connections from your address\r\n", tag)
				return true
			}
			return false
		},
		"closed at the first message": func(c *fakeConn, tag, name, _ string) bool {
			if name == "UID FETCH" && c.n > 1 {
				c.say("* BYE [UNAVAILABLE] one connection is enough\r\n")
				_ = c.nc.Close()
				return true
			}
			return false
		},
	}
	for name, hook := range hooks {
		t.Run(name, func(t *testing.T) {
			f := &fake{command: hook}
			for i := range 8 {
				folder := inbox(5)
				folder.name = fmt.Sprintf(`"Folder %d"`, i)
				for uid := range folder.messages {
					folder.messages[uid] = fmt.Sprintf("Subject: %d of folder %d\r\n\r\nbody\r\n", uid, i)
				}
				f.folders = append(f.folders, folder)
			}
			cfg := f.start(t)
			cfg, _ = far(t, cfg, strings.TrimPrefix(cfg.URL, "imap://"), servertest.LinkSpec{RoundTrip: 20 * time.Millisecond})
			sink := &collectortest.Sink{}
			if err := mustNew(t, cfg).Collect(t.Context(), rawScope, sink); err != nil {
				t.Fatal(err)
			}
			collectortest.CheckSink(t, sink)
			if got := len(sink.Messages()); got != 40 || len(sink.Gaps()) > 0 {
				t.Errorf("%d of 40 messages, gaps: %+v", got, sink.Gaps())
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.conns < 2 {
				t.Error("no other connection was tried")
			}
		})
	}
}

// TestOneLargeFolder: what is left of a large folder is shared among the connections, and every message comes once, also
// where the connections beside the first break again and again, or find another folder under the name.
func TestOneLargeFolder(t *testing.T) {
	const messages = 3000
	for _, c := range []struct {
		name string
		hook func(f *fake) func(*fakeConn, string, string, string) bool
	}{
		{"shared", func(*fake) func(*fakeConn, string, string, string) bool { return nil }},
		{"the others break in the middle", func(*fake) func(*fakeConn, string, string, string) bool {
			fetches := map[int]int{}
			return func(c *fakeConn, _, name, _ string) bool {
				if name == "UID FETCH" && c.n > 1 {
					if fetches[c.n]++; fetches[c.n] == 2 {
						_ = c.nc.Close()
						return true
					}
				}
				return false
			}
		}},
		{"the others may not open it", func(*fake) func(*fakeConn, string, string, string) bool {
			return func(c *fakeConn, tag, name, _ string) bool {
				if name == "EXAMINE" && c.n > 1 {
					c.say("%s NO [INUSE] it is open elsewhere\r\n", tag)
					return true
				}
				return false
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fake{folders: []*fakeFolder{inbox(messages)}}
			f.command = c.hook(f)
			cfg := f.start(t)
			cfg, _ = far(t, cfg, strings.TrimPrefix(cfg.URL, "imap://"), servertest.LinkSpec{RoundTrip: 20 * time.Millisecond})
			cfg.Chunk, cfg.Backoff = 100, time.Microsecond
			sink := &collectortest.Sink{}
			if err := mustNew(t, cfg).Collect(t.Context(), rawScope, sink); err != nil {
				t.Fatal(err)
			}
			collectortest.CheckSink(t, sink)
			if got := len(sink.Messages()); got != messages || len(sink.Gaps()) > 0 {
				t.Errorf("%d of %d messages, gaps: %+v", got, messages, sink.Gaps())
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.conns < 2 {
				t.Error("no other connection was opened")
			}
		})
	}
}

// TestSlowLineIsCompressed: what comes over a slow line comes compressed where the server offers it, and the messages are
// the same.
func TestSlowLineIsCompressed(t *testing.T) {
	d := servertest.Dovecot(t)
	alice := d.Users[0]
	d.Seed(t, alice, seedmail.Spec{Seed: 7, Messages: 1000})
	cfg, link := far(t, dovecotConfig(d), net.JoinHostPort("127.0.0.1", strconv.Itoa(d.IMAPSPort)), servertest.LinkSpec{Rate: 2 << 20})
	sink := &collectortest.Sink{}
	if err := mustNew(t, cfg).Collect(t.Context(), collectors.Scope{Account: alice, Messages: collectors.MessagesRaw}, sink); err != nil {
		t.Fatal(err)
	}
	collectortest.CheckSink(t, sink)
	var size int64
	for _, k := range sink.Messages() {
		size += k.Size
	}
	want := append(onWire(t, d.MailDir(alice)), sharedWithAlice(t, d)...)
	if len(sink.Messages()) != len(want) {
		t.Errorf("%d of %d messages", len(sink.Messages()), len(want))
	}
	if link.Down() >= size {
		t.Errorf("%d bytes came over the line for messages of %d bytes", link.Down(), size)
	}
}

// TestJudgeLine: when compression pays.
func TestJudgeLine(t *testing.T) {
	second := mark{at: time.Now().Add(-time.Second)}
	for _, c := range []struct {
		name    string
		offered bool
		mode    collectors.MessageMode
		since   mark
		gauge   gauge
		judged  bool
		want    bool
	}{
		{"slow", true, collectors.MessagesRaw, second, gauge{bytes: 5 << 20, waited: 900 * time.Millisecond}, true, true},
		{"not offered", false, collectors.MessagesRaw, second, gauge{bytes: 5 << 20, waited: 900 * time.Millisecond}, true, false},
		{"fast", true, collectors.MessagesRaw, second, gauge{bytes: 200 << 20, waited: 900 * time.Millisecond}, true, false},
		{"headers shrink more", true, collectors.MessagesMetadata, second, gauge{bytes: 20 << 20, waited: 900 * time.Millisecond}, true, true},
		{"whole messages shrink less", true, collectors.MessagesRaw, second, gauge{bytes: 20 << 20, waited: 900 * time.Millisecond}, true, false},
		{"the disk is what is waited for", true, collectors.MessagesRaw, second, gauge{bytes: 5 << 20, waited: 100 * time.Millisecond}, true, false},
		{"too little came", true, collectors.MessagesRaw, second, gauge{bytes: 1 << 10, waited: 900 * time.Millisecond}, false, false},
		{"too soon", true, collectors.MessagesRaw, mark{at: time.Now().Add(time.Hour)}, gauge{bytes: 5 << 20}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &link{gauge: &c.gauge, began: c.since, caps: caps{"COMPRESS=DEFLATE": c.offered}}
			r := &run{c: &Collector{cfg: Config{Chunk: 2000}}, link: l, scope: collectors.Scope{Messages: c.mode}}
			r.judgeLine()
			if l.judged != c.judged || l.compressNext != c.want {
				t.Errorf("judged %v, compress %v", l.judged, l.compressNext)
			}
			if small := r.chunk() < 2000; small == c.judged {
				t.Errorf("commands ask for %d messages", r.chunk())
			}
		})
	}
}
