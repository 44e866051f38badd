package main

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/imap"
	"github.com/mbaudit/mbaudit/collectors/imap/imapbench"
	"github.com/mbaudit/mbaudit/internal/secret"
	"github.com/mbaudit/mbaudit/internal/seedmail"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

// BenchmarkCollect measures the whole product (login, fetch over TLS, hash, pack, fsync, seal, sign) on 50,000 messages
// in a real Dovecot, against a reader that fetches the same over one connection and throws it away. The two take turns,
// so that a noisy machine hits both; the medians of five rounds are compared. Where mbsync (Debian's isync) is installed, it
// pulls the same mailbox into a Maildir in the same rounds.
func BenchmarkCollect(b *testing.B) {
	const account = "alice@example.test"
	dovecot := servertest.Dovecot(b)
	seeded := dovecot.Seed(b, account, seedmail.Spec{Seed: 20, Messages: 50_000})
	p := buildProduct(b)
	p.env = append(p.env, "MBAUDIT_IMAP_PASSWORD="+dovecot.Password)
	url := "imaps://localhost:" + strconv.Itoa(dovecot.IMAPSPort)
	limit := imap.Config{URL: url, RootCAFile: dovecot.CAFile, Password: secret.New(dovecot.Password)}
	for _, mode := range []collectors.MessageMode{collectors.MessagesRaw, collectors.MessagesMetadata} {
		b.Run(mode.String(), func(b *testing.B) {
			scope := collectors.Scope{Account: account, Messages: mode}
			if _, _, err := imapbench.Discard(b.Context(), limit, scope); err != nil { // fills the server's caches
				b.Fatal(err)
			}
			var discard, collect, without, peak, mbsync []float64
			sync := newMbsync(b, dovecot, account)
			for round := range 5 * b.N {
				start := time.Now()
				messages, _, err := imapbench.Discard(b.Context(), limit, scope)
				if err != nil || messages < int64(seeded.Messages) { // BODYSTRUCTURE may hold literals too
					b.Fatalf("the discarding reader got %d of %d messages: %v", messages, seeded.Messages, err)
				}
				discard = append(discard, time.Since(start).Seconds())
				run := func(mode collectors.MessageMode) finished {
					p.dir = b.TempDir()
					p.want(b, "init", p.dir)
					f := p.want(b, "collect", "--account", account, "--imap", url, "--tls-ca", dovecot.CAFile, "--messages", mode.String(), "--tsa", "none")
					// The next round gets this one's memory for its files: what a virtual machine takes for memory that it has
					// not used before is more than all of the collection.
					if err := os.RemoveAll(p.dir); err != nil {
						b.Fatal(err)
					}
					return f
				}
				without = append(without, run(collectors.MessagesNone).wall.Seconds())
				f := run(mode)
				collect = append(collect, f.wall.Seconds())
				peak = append(peak, float64(f.peakMemory>>20))
				if sync != nil && mode == collectors.MessagesRaw && round%2 == 0 {
					mbsync = append(mbsync, sync.pull(b, seeded.Messages).Seconds())
				}
			}
			d, c, n := median(discard), median(collect), median(without)
			b.ReportMetric(d/c, "ratio-to-discard")
			b.ReportMetric(d/(c-n), "messages-ratio-to-discard")
			b.ReportMetric(float64(seeded.Messages)/c, "msg/s")
			b.ReportMetric(slices.Max(peak), "MiB-peak")
			fmt.Printf("collect --messages %s: %d messages, %.1f MB: %.2f s; a reader that discards: %.2f s; ratio %.2f, %.2f without the %.2f s that a collection without messages takes (rights, quota, sealing, …)\n",
				mode, seeded.Messages, float64(seeded.Bytes)/1e6, c, d, d/c, d/(c-n), n)
			if len(mbsync) > 0 {
				m := median(mbsync)
				b.ReportMetric(m/c, "times-mbsync")
				fmt.Printf("  mbsync pulls the same into a Maildir in %.2f s: collect is %.1f times as fast\n", m, m/c)
			}
		})
	}
}

// BenchmarkLink measures collection through a line of 100 Mbit/s with round trips of 40 ms, against the time that the line
// itself needs for the bytes that came over it.
func BenchmarkLink(b *testing.B) {
	const account = "alice@example.test"
	dovecot := servertest.Dovecot(b)
	seeded := dovecot.Seed(b, account, seedmail.Spec{Seed: 21, Messages: 50_000})
	p := buildProduct(b)
	p.env = append(p.env, "MBAUDIT_IMAP_PASSWORD="+dovecot.Password)
	for _, line := range []struct {
		name string
		spec servertest.LinkSpec
	}{
		{"100 Mbit, 40 ms", servertest.LinkSpec{RoundTrip: 40 * time.Millisecond, Rate: 100e6 / 8}},
		{"the same, each connection held to 128 KiB under way", servertest.LinkSpec{RoundTrip: 40 * time.Millisecond, Rate: 100e6 / 8, Window: 128 << 10}},
	} {
		for _, mode := range []string{"raw", "metadata", "raw --no-compress"} {
			b.Run(line.name+"/"+mode, func(b *testing.B) {
				for range b.N {
					link := servertest.NewLink(b, net.JoinHostPort("127.0.0.1", strconv.Itoa(dovecot.IMAPSPort)), line.spec)
					p.dir = b.TempDir()
					p.want(b, "init", p.dir)
					args := []string{"collect", "--account", account, "--imap", "imaps://localhost:" + strconv.Itoa(link.Port), "--tls-ca", dovecot.CAFile,
						"--tsa", "none", "--messages"}
					f := p.want(b, append(args, strings.Fields(mode)...)...)
					limit := link.Limit(link.Down())
					b.ReportMetric(limit.Seconds()/f.wall.Seconds(), "ratio-to-line")
					fmt.Printf("%s: collect --messages %s: %d messages, %.1f MB over the line: %.2f s; the line needs %.2f s for them; ratio %.2f (%.1f MB of messages as they are on disk would need %.2f s)\n", line.name, mode,
						seeded.Messages, float64(link.Down())/1e6, f.wall.Seconds(), limit.Seconds(), limit.Seconds()/f.wall.Seconds(),
						float64(seeded.Bytes)/1e6, link.Limit(seeded.Bytes).Seconds())
				}
			})
		}
	}
}

// mbsync is the synchroniser of Debian's isync, set up to pull one account without compression.
type mbsync struct {
	program, config, maildir string
}

// newMbsync is nil where it is not installed.
func newMbsync(b *testing.B, d *servertest.DovecotServer, account string) *mbsync {
	program, err := exec.LookPath("mbsync")
	if err != nil {
		fmt.Println("  mbsync is not installed (apt-get install isync): not compared with it")
		return nil
	}
	m := &mbsync{program: program, config: filepath.Join(b.TempDir(), "mbsyncrc"), maildir: filepath.Join(b.TempDir(), "mail")}
	config := fmt.Sprintf(`IMAPAccount there
Host localhost
Port %d
User %s
Pass %q
SSLType IMAPS
CertificateFile %s
DisableExtension COMPRESS=DEFLATE

IMAPStore there
Account there

MaildirStore here
Path %s/
Inbox %s/INBOX
SubFolders Verbatim

Channel all
Far :there:
Near :here:
Patterns *
Create Near
Sync PullNew
SyncState *
`, d.IMAPSPort, account, d.Password, d.CAFile, m.maildir, m.maildir)
	if err := os.WriteFile(m.config, []byte(config), 0o600); err != nil {
		b.Fatal(err)
	}
	return m
}

// pull fetches everything into an empty Maildir.
func (m *mbsync) pull(b *testing.B, want int) time.Duration {
	b.Helper()
	for _, step := range []error{os.RemoveAll(m.maildir), os.Mkdir(m.maildir, 0o700)} {
		if step != nil {
			b.Fatal(step)
		}
	}
	start := time.Now()
	out, err := exec.CommandContext(b.Context(), m.program, "-c", m.config, "-q", "all").CombinedOutput()
	took := time.Since(start)
	if err != nil {
		b.Fatalf("mbsync: %v\n%s", err, out)
	}
	got := 0
	err = filepath.WalkDir(m.maildir, func(path string, _ fs.DirEntry, err error) error {
		if folder := filepath.Base(filepath.Dir(path)); folder == "cur" || folder == "new" {
			got++
		}
		return err
	})
	if err != nil || got < want*99/100 { // it passes over some folders whose names it cannot map
		b.Fatalf("mbsync pulled %d of %d messages: %v", got, want, err)
	}
	return took
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
