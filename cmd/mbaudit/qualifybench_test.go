package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/findings/findingstest"
)

// BenchmarkQualify measures the real program's qualify and report on 100,000 events and 50,000 headers of messages, and on four
// times as much, against reading the bundle once: going through its index, opening, decompressing and hashing every exhibit.
// All take turns, so that a noisy machine hits all; the medians of three rounds are compared.
func BenchmarkQualify(b *testing.B) {
	p := buildProduct(b)
	for _, times := range []int{1, 4} {
		b.Run(fmt.Sprintf("%dx", times), func(b *testing.B) {
			p.dir = filepath.Join(b.TempDir(), "case")
			if err := os.Mkdir(p.dir, 0o700); err != nil {
				b.Fatal(err)
			}
			p.want(b, "init", p.dir)
			w := findingstest.NewIn(b, filepath.Join(p.dir, "bundles"), "01JSCALE00000000000000000A", "alice@example.test")
			v := findingstest.Volume{Events: times * 100_000, Messages: times * 50_000}
			w.Fill(v)
			w.Open()
			runs := map[string]*measured{"qualify": {}, "report": {}}
			var reads []float64
			var page int64
			for range 3 * b.N {
				reads = append(reads, readOnce(b, filepath.Join(p.dir, "bundles", "01JSCALE00000000000000000A")).Seconds())
				runs["qualify"].add(p.want(b, "qualify"))
				out := filepath.Join(b.TempDir(), "report.html")
				runs["report"].add(p.want(b, "report", "--format", "html", "--out", out))
				info, err := os.Stat(out)
				if err != nil {
					b.Fatal(err)
				}
				page = info.Size()
			}
			read := median(reads)
			fmt.Printf("%d events, %d messages, %.0f MB of index and exhibits: reading once %.2f s\n", v.Events, v.Messages, float64(sizeOf(b, p.dir, "bundles"))/1e6, read)
			whole := 0.0
			for _, name := range []string{"qualify", "report"} {
				m := runs[name]
				wall := median(m.wall)
				whole += wall
				fmt.Printf("  %-8s %.2f s, %.2f s of CPU, peak %.0f MiB: %.1f times reading once\n", name, wall, median(m.cpu), median(m.peak), wall/read)
				b.ReportMetric(wall/read, name+"-to-read")
				b.ReportMetric(median(m.peak), name+"-MiB")
			}
			fmt.Printf("  together %.2f s: %.1f times; analysis %.0f MB, page %.2f MB\n", whole, whole/read, float64(sizeOf(b, p.dir, "analysis"))/1e6, float64(page)/1e6)
		})
	}
}

// BenchmarkQualifyAccounts measures qualify and report on a collection of 2,000 accounts with 80 rows of the ledger each, and on a
// quarter of that.
func BenchmarkQualifyAccounts(b *testing.B) {
	p := buildProduct(b)
	for _, count := range []int{500, 2000} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			p.dir = filepath.Join(b.TempDir(), "case")
			if err := os.Mkdir(p.dir, 0o700); err != nil {
				b.Fatal(err)
			}
			p.want(b, "init", p.dir)
			accounts := make([]string, count)
			for i := range accounts {
				accounts[i] = fmt.Sprintf("user%d@example.test", i)
			}
			w := findingstest.NewIn(b, filepath.Join(p.dir, "bundles"), "01JSCALE00000000000000000B", accounts...)
			w.Fill(findingstest.Volume{Events: 10_000})
			w.Ledger(accounts, 80)
			w.Open()
			for range b.N {
				for _, args := range [][]string{{"qualify"}, {"report", "--format", "html"}} {
					f := p.want(b, args...)
					fmt.Printf("%d accounts: %-8s %.2f s, %.2f s of CPU, peak %d MiB\n", count, args[0], f.wall.Seconds(), f.cpu.Seconds(), f.peakMemory>>20)
					b.ReportMetric(float64(f.peakMemory>>20), args[0]+"-MiB")
				}
				fmt.Printf("  analysis %.0f MB, report %.2f MB\n", float64(sizeOf(b, p.dir, "analysis"))/1e6, float64(sizeOf(b, p.dir, "reports"))/1e6)
			}
		})
	}
}

// measured are the figures of several runs: seconds, and MiB.
type measured struct{ wall, cpu, peak []float64 }

func (m *measured) add(f finished) {
	m.wall, m.cpu, m.peak = append(m.wall, f.wall.Seconds()), append(m.cpu, f.cpu.Seconds()), append(m.peak, float64(f.peakMemory)/(1<<20))
}

// readOnce opens a bundle and reads every exhibit to its end, where its hash is compared: the least that anybody has to do.
func readOnce(b testing.TB, dir string) time.Duration {
	b.Helper()
	start := time.Now()
	bundle, err := evidence.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer bundle.Close() //nolint:errcheck // it was only read
	for r, err := range bundle.Records() {
		if err != nil {
			b.Fatal(err)
		}
		if r.Exhibit == nil {
			continue
		}
		body, err := bundle.Body(r.Exhibit)
		if err == nil {
			_, err = io.Copy(io.Discard, body)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(start)
}

// sizeOf is how many bytes the files below a directory of a case have.
func sizeOf(b testing.TB, dir, name string) (size int64) {
	b.Helper()
	err := filepath.Walk(filepath.Join(dir, name), func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			size += info.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return size
}
