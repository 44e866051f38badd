package authlog

import (
	"bufio"
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

func spent(b *testing.B) (cpu time.Duration, largest int64) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), u.Maxrss << 10
}

// BenchmarkCollect collects a log of 256 MB (three readings: what is in it, the file, its events) and prints the speed and
// the largest resident set, and the ratio to reading the file three times and hashing it:
//
//	go test ./collectors/authlog -run NONE -bench Collect -benchtime 1x
func BenchmarkCollect(b *testing.B) {
	path := filepath.Join(b.TempDir(), "mail.log")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriter(f)
	for n := 0; n < 256<<20; {
		k, err := w.WriteString(line("Nov 25 10:00:00") + "Nov 25 10:00:00 mx spamd[812]: spamd: processing message <4711@example.com> for nobody:65534\n")
		if err != nil {
			b.Fatal(err)
		}
		n += k
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	c, err := New(Config{Path: path})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		before, _ := spent(b)
		for range 3 {
			if err := hashFile(path); err != nil {
				b.Fatal(err)
			}
		}
		after, _ := spent(b)
		plain := after - before
		before, _ = spent(b)
		sink := &collectortest.Sink{DigestsOnly: true}
		if err := c.Collect(b.Context(), collectors.Scope{Account: alice}, sink); err != nil {
			b.Fatal(err)
		}
		after, resident := spent(b)
		if n := len(sink.Kept()); n != 3 || len(sink.Gaps()) > 0 {
			b.Fatalf("%d exhibits, %v", n, sink.Gaps())
		}
		b.ReportMetric(float64(info.Size())/1e6/(after-before).Seconds(), "MB/cpu-s")
		b.ReportMetric((after-before).Seconds()/plain.Seconds(), "times-hashing")
		b.ReportMetric(float64(resident)/1e6, "MB-resident")
	}
}

func hashFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	n, err := io.Copy(sha256.New(), f)
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("%s is empty", path)
	}
	return f.Close()
}
