package reportsfile

import (
	"bufio"
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

// BenchmarkCollect collects one page of 1 GB (two readings: the file, its events, which fill two exhibits) and prints the speed, the largest
// resident set, and the ratio to reading the file once with bufio:
//
//	go test ./collectors/reportsfile -run NONE -bench Collect -benchtime 1x
func BenchmarkCollect(b *testing.B) {
	path := filepath.Join(b.TempDir(), "page.json")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriter(f)
	fmt.Fprint(w, `{"items":[`) //nolint:errcheck // Flush says it
	size, events := 0, 0
	for size < 1<<30 {
		n, _ := fmt.Fprintf(w, `{"kind":"admin#reports#activity","id":{"time":"2026-10-12T07:14:05.123Z","uniqueQualifier":"-7312%d","applicationName":"login","customerId":"C01"},`+
			`"etag":"\"abcdefghijklmnopqrstuvwxyz0123456789/%d\"","actor":{"callerType":"USER","email":"user%d@example.com","profileId":"118000000000000000000"},"ipAddress":"192.0.2.66","networkInfo":{"ipAsn":[64496],"regionCode":"NL"},`+
			`"events":[{"type":"login","name":"login_success","parameters":[{"name":"login_type","value":"google_password"},{"name":"login_challenge_method","multiValue":["password","none"]},{"name":"is_suspicious","boolValue":false}]}]},`+"\n", events, events, events%500)
		size += n
		events++
	}
	fmt.Fprint(w, `]}`) //nolint:errcheck // Flush says it
	if err := w.Flush(); err != nil {
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
		read(b, path)
		after, _ := spent(b)
		plain := after - before
		sink := &collectortest.Sink{DigestsOnly: true}
		if err := c.Collect(b.Context(), collectors.Scope{Account: alice}, sink); err != nil {
			b.Fatal(err)
		}
		end, resident := spent(b)
		if n := len(sink.Kept()); n != 4 || len(sink.Gaps()) > 0 {
			b.Fatalf("%d exhibits, %v", n, sink.Gaps())
		}
		b.ReportMetric(float64(size)/1e6/(end-after).Seconds(), "MB/cpu-s")
		b.ReportMetric((end-after).Seconds()/plain.Seconds(), "times-bufio")
		b.ReportMetric(float64(resident)/1e6, "MB-resident")
		b.ReportMetric(float64(events), "events")
	}
}

func read(b *testing.B, path string) {
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	r := bufio.NewReaderSize(f, 64<<10)
	for {
		if _, err := r.ReadSlice('\n'); err == io.EOF {
			return
		} else if err != nil && err != bufio.ErrBufferFull {
			b.Fatal(err)
		}
	}
}
