package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/internal/seedmail"
)

// largeMbox writes an mbox of about size bytes and says how many messages it holds.
func largeMbox(t testing.TB, path string, size int64) (messages int) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all [][]byte
	for m := range seedmail.Mailbox(seedmail.Spec{Seed: 40, Messages: 300}) {
		all = append(all, append(bytes.ReplaceAll(m.Raw, []byte("\nFrom "), []byte("\n>From ")), "\n\n"...))
	}
	out := bufio.NewWriterSize(f, 1<<20)
	for written := int64(0); written < size; messages++ {
		n, err := fmt.Fprintf(out, "From MAILER-DAEMON Mon Nov 23 14:05:00 2026\nX-Number: %d\n%s", messages, all[messages%len(all)])
		if err != nil {
			t.Fatal(err)
		}
		written += int64(n)
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	return messages
}

// importMbox runs the product on an mbox and wants all of its messages in the bundle.
func importMbox(t testing.TB, p *product, path string, messages int) finished {
	t.Helper()
	p.dir = t.TempDir()
	p.want(t, "init", p.dir)
	f := p.want(t, "collect", "--account", "alice@example.test", "--import", "mbox="+path, "--tsa", "none")
	if want := fmt.Sprintf("1 account, %d exhibits, 0 gaps", messages+2); !strings.HasPrefix(f.stdout, want) { // listing and description
		t.Fatalf("%s, want %s", f.stdout, want)
	}
	return f
}

// TestImportMemory: the memory that an import takes does not grow with the file.
func TestImportMemory(t *testing.T) {
	p := buildProduct(t)
	path := filepath.Join(t.TempDir(), "large.mbox")
	messages := largeMbox(t, path, 100<<20)
	const most = 64 << 20
	if f := importMbox(t, p, path, messages); f.peakMemory > most {
		t.Errorf("importing an mbox of 100 MiB took %d MiB of memory, more than %d", f.peakMemory>>20, most>>20)
	}
}

// TestImportKilled: an import that is killed half-way goes on, and each message is in the bundle once.
func TestImportKilled(t *testing.T) {
	p := buildProduct(t)
	path := filepath.Join(t.TempDir(), "large.mbox")
	messages := largeMbox(t, path, 30<<20)
	usual := importMbox(t, p, path, messages).wall
	for part := range 3 {
		p.newCase(t)
		args := []string{"collect", "--account", "alice@example.test", "--import", "mbox=" + path, "--tsa", "none", "--segment-size", "1"}
		outcome := p.runAndKill(t, usual*time.Duration(part+1)/4, args...)
		t.Logf("killed: %v, unfinished: %v", outcome.killed, p.unfinished(t))
		switch {
		case p.unfinished(t):
			p.want(t, "collect", "--resume")
		case !p.sealed(t):
			p.want(t, args...) // killed before the bundle was begun
		}
		verified := p.want(t, "verify", p.dir).stdout
		if want := fmt.Sprintf("VERIFIED: 1 account, %d exhibits, 0 gaps", messages+2); !strings.Contains(verified, want) {
			t.Errorf("%s, want %s", verified, want)
		}
	}
}

// BenchmarkImport measures the whole product (read, cut, hash, pack, fsync, seal, sign) on an mbox of 1 GB, against
// hashing the same file once, in processor time and by the clock.
func BenchmarkImport(b *testing.B) {
	p := buildProduct(b)
	path := filepath.Join(b.TempDir(), "large.mbox")
	messages := largeMbox(b, path, 1<<30)
	for b.Loop() {
		start := time.Now()
		f, err := os.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		size, err := io.Copy(sha256.New(), f)
		if err != nil {
			b.Fatal(err)
		}
		_ = f.Close() // it was only read
		limit := time.Since(start)
		run := importMbox(b, p, path, messages)
		b.ReportMetric(limit.Seconds()/run.wall.Seconds(), "ratio-to-sha256")
		b.ReportMetric(float64(size)/1e6/run.wall.Seconds(), "MB/s")
		b.ReportMetric(float64(size)/1e6/run.cpu.Seconds(), "MB/cpu-s")
		b.ReportMetric(float64(size)/1e6/limit.Seconds(), "sha256-MB/s")
		b.ReportMetric(float64(run.peakMemory>>20), "MiB-peak")
		b.ReportMetric(float64(messages), "messages")
	}
}
