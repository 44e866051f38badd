//go:build linux

package evidence

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// BenchmarkBundle packs, seals and verifies messages of 28 KB, the mean of real mail, and prints each step as a ratio to
// its limit in the same run: SHA-256 over the same bytes once, on one core, for packing; SHA-256 over them twice, on all
// cores, for verifying (every byte belongs to an exhibit and to a segment, so each is hashed twice). MBAUDIT_BENCH_MESSAGES
// sets how many messages: 1000000 are 28 GB.
func BenchmarkBundle(b *testing.B) {
	messages := 40_000
	if n, err := strconv.Atoi(os.Getenv("MBAUDIT_BENCH_MESSAGES")); err == nil {
		messages = n
	}
	source := newMail()
	for range b.N {
		plain := filepath.Join(b.TempDir(), "plain")
		written := measure(func() { plainWrite(b, plain, source, messages) })
		removeAll(b, plain)
		id := newIdentity(b)
		dir := filepath.Join(b.TempDir(), testBundle)
		resetPeak(b)
		pack := measure(func() {
			w, err := Create(dir, testOpening(id), WriterConfig{})
			if err != nil {
				b.Fatal(err)
			}
			for n := range messages {
				ex, _ := message(n+1, 0)
				if _, err := w.Put(ex, source.reader(n)); err != nil {
					b.Fatal(err)
				}
			}
			seal(b, w, id)
		})
		packPeak := peakMemory(b)
		var size int64
		once := measure(func() {
			for n := range messages {
				sum := sha256.New()
				k, err := io.Copy(sum, source.reader(n))
				if err != nil {
					b.Fatal(err)
				}
				size += k
			}
		})
		resetPeak(b)
		verifying := measure(func() { wantIntact(b, dir) })
		verifyPeak := peakMemory(b)
		twice := measure(func() { hashTwice(b, dir) })
		report(b, "pack+seal", pack, once, size, packPeak)
		fmt.Printf("  of that the operating system's own work, writing the same bytes to files of %d MiB and syncing them: %.2f CPU s/GB, %.0f MB/s\n",
			SegmentSize>>20, written.cpu.Seconds()*1e9/float64(size), float64(size)/1e6/written.wall.Seconds())
		report(b, "verify", verifying, twice, size, verifyPeak)
		removeAll(b, dir)
	}
}

// BenchmarkAccountsMemory prints the peak of memory of a bundle of 200 and of 2,000 accounts of a Google Workspace, from its
// opening to its seal, and what each account more takes.
func BenchmarkAccountsMemory(b *testing.B) {
	const few, many = 200, 2000
	for range b.N {
		peak := func(accounts int) int64 {
			id := newIdentity(b)
			w := newBundle(b, id, WriterConfig{})
			resetPeak(b)
			putAccounts(b, w, 0, accounts)
			if _, err := w.Seal(SealConfig{Identity: id, Principal: "operator@example.test", Journal: strings.NewReader("")}); err != nil {
				b.Fatal(err)
			}
			return peakMemory(b)
		}
		small, large := peak(few), peak(many)
		fmt.Printf("%d accounts: peak %d MiB; %d accounts: peak %d MiB; ratio %.2f, %.1f KiB an account\n", few, small, many, large,
			float64(large)/float64(small), float64(large-small)*1024/(many-few))
		b.ReportMetric(float64(large)/float64(small), "memory-2000-to-200")
	}
}

// plainWrite writes the messages' bytes to files of a segment's size, and syncs each: what packing costs before the first
// byte is hashed. The files stay until all are written, as segments do: memory that the machine gives out anew for the
// file cache costs more than what was just given back.
func plainWrite(b *testing.B, dir string, source mail, messages int) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		b.Fatal(err)
	}
	var f *os.File
	var in int64
	buf := make([]byte, 0, segmentBuffer)
	write := func() {
		n, err := f.Write(buf)
		if err != nil {
			b.Fatal(err)
		}
		in, buf = in+int64(n), buf[:0]
	}
	finish := func() {
		write()
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			b.Fatal(err)
		}
		f, in = nil, 0
	}
	for n := range messages {
		if f == nil {
			var err error
			if f, err = os.CreateTemp(dir, "plain"); err != nil {
				b.Fatal(err)
			}
		}
		body := source.reader(n)
		for {
			if len(buf) == cap(buf) {
				write()
			}
			k, err := body.Read(buf[len(buf):cap(buf)])
			buf = buf[:len(buf)+k]
			if err == io.EOF {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
		}
		if in >= SegmentSize {
			finish()
		}
	}
	if f != nil {
		finish()
	}
}

// removeAll gives the space back that a measured step took.
func removeAll(b *testing.B, dir string) {
	if err := os.RemoveAll(dir); err != nil {
		b.Fatal(err)
	}
}

// mail makes bodies out of one random block, each beginning with its number.
type mail struct{ block []byte }

func newMail() mail {
	block := make([]byte, 1<<20)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(block) // never fails
	return mail{block}
}

func (m mail) reader(n int) io.Reader {
	size := 8_000 + n*7919%40_000 // 28 KB in the mean
	start := n * 104_729 % (len(m.block) - size)
	return io.MultiReader(strings.NewReader("X-Number: "+strconv.Itoa(n)+"\r\n\r\n"), bytes.NewReader(m.block[start:start+size]))
}

// A cost is what a step took.
type cost struct{ wall, cpu time.Duration }

func measure(step func()) cost {
	cpu, start := cpuTime(), time.Now()
	step()
	return cost{time.Since(start), cpuTime() - cpu}
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// hashTwice reads all segments and hashes their bytes twice, on all cores.
func hashTwice(b *testing.B, dir string) {
	names := make(chan string)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for name := range names {
				f, err := os.Open(name)
				if err != nil {
					b.Error(err)
					continue
				}
				if _, err := io.CopyBuffer(onlyWriter{io.MultiWriter(sha256.New(), sha256.New())}, onlyReader{f}, make([]byte, 256<<10)); err != nil {
					b.Error(err)
				}
				_ = f.Close() // only read
			}
		})
	}
	for name, err := range Dir(dir).Names(context.Background()) {
		if err != nil {
			b.Fatal(err)
		}
		names <- filepath.Join(dir, filepath.FromSlash(name))
	}
	close(names)
	workers.Wait()
}

// resetPeak makes the kernel forget the process's peak of resident memory, after giving back what earlier steps left.
func resetPeak(b *testing.B) {
	runtime.GC()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		b.Logf("the peak of memory cannot be reset: %v", err)
	}
}

// peakMemory is the peak since then, in MiB.
func peakMemory(b *testing.B) int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return kib >> 10
}

func report(b *testing.B, step string, took, limit cost, size, peak int64) {
	gigabytes := float64(size) / 1e9
	ratio := limit.wall.Seconds() / took.wall.Seconds()
	fmt.Printf("%s: %.1f GB, %.0f MB/s, %.2f CPU s/GB, ratio to its limit %.2f (limit %.0f MB/s, %.2f CPU s/GB), peak %d MiB\n", step, gigabytes,
		gigabytes*1e3/took.wall.Seconds(), took.cpu.Seconds()/gigabytes, ratio, gigabytes*1e3/limit.wall.Seconds(), limit.cpu.Seconds()/gigabytes, peak)
	b.ReportMetric(ratio, step+"-ratio")
}
