package maillog

import (
	"bytes"
	"io"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// spent is the processor time used so far and the largest resident set, in bytes.
func spent(b *testing.B) (cpu time.Duration, largest int64) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), u.Maxrss << 10
}

// BenchmarkGigabyte reads 1 GB of Dovecot's lines and prints the speed by the clock and by the processor's time, its ratio
// to reading the same bytes line by line with bufio, and the largest heap and resident set seen:
//
//	go test ./internal/maillog -run NONE -bench Gigabyte -benchtime 1x
func BenchmarkGigabyte(b *testing.B) {
	const size = 1 << 30
	for b.Loop() {
		before, _ := spent(b)
		lines := countLines(newRepeated(b, size))
		after, _ := spent(b)
		plain := after - before

		var largest, stats runtime.MemStats
		before, _ = spent(b)
		begin := time.Now()
		s := NewScanner(newRepeated(b, size), Options{Year: 2024})
		for n := 0; s.Scan(); n++ {
			if n%500_000 == 0 {
				if runtime.ReadMemStats(&stats); stats.HeapInuse > largest.HeapInuse {
					largest = stats
				}
			}
		}
		clock := time.Since(begin)
		after, resident := spent(b)
		parsing := after - before
		sum := s.Summary()
		if s.Err() != nil || sum.Lines != lines || sum.Parsed == 0 {
			b.Fatalf("%+v, %v", sum, s.Err())
		}
		mb := float64(sum.Bytes) / 1e6
		b.ReportMetric(mb/clock.Seconds(), "MB/s")
		b.ReportMetric(mb/parsing.Seconds(), "MB/cpu-s")
		b.ReportMetric(parsing.Seconds()/plain.Seconds(), "times-bufio")
		b.ReportMetric(float64(largest.HeapInuse)/1e6, "MB-heap")
		b.ReportMetric(float64(resident)/1e6, "MB-resident")
		b.ReportMetric(100*float64(sum.Parsed)/float64(sum.Lines), "%parsed")
	}
}

// countLines reads as the scanner does, and parses nothing.
func countLines(r io.Reader) (lines int64) {
	s := NewScanner(r, Options{})
	for {
		if _, _, ok := s.readLine(); !ok {
			return lines
		}
		lines++
	}
}

// BenchmarkSecrets looks for secrets in the same lines.
func BenchmarkSecrets(b *testing.B) {
	block, err := io.ReadAll(newGenerated(1 << 20))
	if err != nil {
		b.Fatal(err)
	}
	lines := bytes.Split(block, []byte{'\n'})
	var s Secrets
	var n int64
	before, _ := spent(b)
	for b.Loop() {
		for _, line := range lines {
			if len(s.Find(line)) > 0 {
				b.Fatalf("a secret in %q", line)
			}
		}
		n += int64(len(block))
	}
	after, _ := spent(b)
	b.ReportMetric(float64(n)/1e6/(after-before).Seconds(), "MB/cpu-s")
}
