package files

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
)

// writeLargeMbox writes an mbox of about size bytes with messages as they are in a mailbox, and says how many.
func writeLargeMbox(t testing.TB, path string, size int64) (messages int64) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	out := bufio.NewWriterSize(f, 1<<20)
	all := seeded(300)
	for i, m := range all {
		all[i] = append(bytes.ReplaceAll(m, []byte("\nFrom "), []byte("\n>From ")), "\n\n"...)
	}
	for written := int64(0); written < size; messages++ {
		n, err := fmt.Fprintf(out, "From MAILER-DAEMON Mon Nov 23 14:05:00 2026\nX-Number: %d\n%s", messages, all[messages%int64(len(all))])
		if err != nil {
			t.Fatal(err)
		}
		written += int64(n)
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return messages
}

// processorTime is what this process has used.
func processorTime(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkMbox imports an mbox of 256 MB into a sink that hashes and keeps nothing, and compares that with hashing the
// file once, in processor time, which other programs on the machine disturb less. Three passes are needed: the file's
// SHA-256, where its messages end, their SHA-256.
func BenchmarkMbox(b *testing.B) {
	path := filepath.Join(b.TempDir(), "large.mbox")
	messages := writeLargeMbox(b, path, 256<<20)
	for b.Loop() {
		start := processorTime(b)
		f, err := os.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		size, err := io.Copy(sha256.New(), f)
		if err != nil {
			b.Fatal(err)
		}
		_ = f.Close() // it was only read
		limit := processorTime(b) - start

		start = processorTime(b)
		sink := &collectortest.Sink{DigestsOnly: true}
		if err := mustNew(b, Mbox, path).Collect(b.Context(), scopeOf(collectors.MessagesRaw), sink); err != nil {
			b.Fatal(err)
		}
		took := processorTime(b) - start
		if n := int64(len(sink.Messages())); n != messages {
			b.Fatalf("%d messages, want %d", n, messages)
		}
		b.ReportMetric(limit.Seconds()/took.Seconds(), "ratio-to-sha256")
		b.ReportMetric(float64(size)/1e6/took.Seconds(), "MB/cpu-s")
		b.ReportMetric(float64(size)/1e6/limit.Seconds(), "sha256-MB/cpu-s")
	}
}
