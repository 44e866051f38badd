//go:build unix

package s3_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/evidence/store/storetest"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

// BenchmarkPush sends 64 MiB objects as Create does, and the same bytes by plain PUTs in turn with them. "ratio" is the
// speed of the first to that of the second; "cpu-s/GB" is the time on a processor that Create took in this process, for
// 10^9 bytes; the server runs on the same machine.
func BenchmarkPush(b *testing.B) {
	srv := servertest.S3(b)
	srv.MakeBucket(b, "locked", true)
	srv.MakeBucket(b, "plain", false)
	st, client := open(b, config(srv, "locked", true)), srv.Client(b)
	body := make([]byte, 64<<20)
	if _, err := rand.Read(body); err != nil {
		b.Fatal(err)
	}
	obj := storetest.Object("", body)
	var pushed, plain, cpu time.Duration
	b.SetBytes(int64(len(body)))
	for i := 0; b.Loop(); i++ {
		obj.Name = fmt.Sprintf("segments/%06d.zip", i)
		start, used := time.Now(), processor(b)
		if err := st.Create(b.Context(), obj, bytes.NewReader(body)); err != nil {
			b.Fatal(err)
		}
		pushed += time.Since(start)
		cpu += processor(b) - used

		b.StopTimer()
		start = time.Now()
		_, err := client.PutObject(b.Context(), "plain", obj.Name, bytes.NewReader(body), obj.Size, plainPut())
		if err != nil {
			b.Fatal(err)
		}
		plain += time.Since(start)
		b.StartTimer()
	}
	b.ReportMetric(plain.Seconds()/pushed.Seconds(), "ratio")
	b.ReportMetric(cpu.Seconds()/(float64(b.N)*float64(len(body))/1e9), "cpu-s/GB")
}

// processor is the time that this process has spent on processors.
func processor(b *testing.B) time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
