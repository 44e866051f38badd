package imapbench_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/collectors/imap"
	"github.com/mbaudit/mbaudit/collectors/imap/imapbench"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/secret"
	"github.com/mbaudit/mbaudit/internal/seedmail"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

func config(d *servertest.DovecotServer) imap.Config {
	return imap.Config{
		URL:        "imaps://" + net.JoinHostPort(d.Host, strconv.Itoa(d.IMAPSPort)),
		RootCAFile: d.CAFile, Password: secret.New(d.Password), Timeout: time.Minute,
	}
}

// TestSameAsTheCollector makes sure that the limit reads what the collector reads.
func TestSameAsTheCollector(t *testing.T) {
	d := servertest.Dovecot(t)
	d.Seed(t, d.Users[0], seedmail.Spec{Seed: 11, Messages: 100})
	for _, mode := range []collectors.MessageMode{collectors.MessagesRaw, collectors.MessagesMetadata} {
		scope := collectors.Scope{Account: d.Users[0], Messages: mode}
		n, size, err := imapbench.Discard(t.Context(), config(d), scope)
		if err != nil {
			t.Fatal(err)
		}
		c, err := imap.New(config(d))
		if err != nil {
			t.Fatal(err)
		}
		sink := &collectortest.Sink{DigestsOnly: true}
		if err := c.Collect(t.Context(), scope, sink); err != nil {
			t.Fatal(err)
		}
		var want int64
		for _, k := range sink.Messages() {
			want += k.Size
		}
		if n != int64(len(sink.Messages())) || size != want {
			t.Errorf("%v: %d messages, %d bytes; the collector has %d messages, %d bytes", mode, n, size, len(sink.Messages()), want)
		}
	}
}

// A hashSink hashes what it gets and keeps nothing.
type hashSink struct {
	messages int64
	size     int64
}

func (s *hashSink) Put(ex evidence.Exhibit, body io.Reader) (evidence.Digest, error) {
	h := sha256.New()
	n, err := io.Copy(h, body)
	s.messages++
	s.size += n
	return evidence.Digest(h.Sum(nil)), err
}
func (s *hashSink) Gap(g evidence.Gap) error                { return fmt.Errorf("gap: %+v", g) }
func (s *hashSink) Expect(evidence.Expectation) error       { return nil }
func (s *hashSink) Has(account, resource, item string) bool { return false }

// BenchmarkRead compares the collector, with a sink that only hashes, to the reader that discards. Each operation is
// one reading of the same mailbox; compare MB/s.
func BenchmarkRead(b *testing.B) {
	d := servertest.Dovecot(b)
	d.Seed(b, d.Users[0], seedmail.Spec{Seed: 12, Messages: 10_000, Folders: []string{"INBOX"}})
	for _, mode := range []collectors.MessageMode{collectors.MessagesRaw, collectors.MessagesMetadata} {
		scope := collectors.Scope{Account: d.Users[0], Messages: mode, Folders: []string{"INBOX"}}
		b.Run(mode.String()+"/discard", func(b *testing.B) {
			for b.Loop() {
				_, size, err := imapbench.Discard(b.Context(), config(d), scope)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(size)
			}
		})
		b.Run(mode.String()+"/collect", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c, err := imap.New(config(d))
				if err != nil {
					b.Fatal(err)
				}
				sink := &hashSink{}
				if err := c.Collect(b.Context(), scope, sink); err != nil {
					b.Fatal(err)
				}
				b.SetBytes(sink.size)
			}
		})
	}
}
