package findings_test

import (
	"context"
	"io"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/findings/findingstest"
	"github.com/mbaudit/mbaudit/findings/rules"
)

// largeBundle has pages of logs, and headers of messages.
func largeBundle(t testing.TB, events, messages int) *evidence.Bundle {
	w := findingstest.New(t, bundleID, alice)
	w.Fill(findingstest.Volume{Events: events, Messages: messages})
	return w.Open()
}

// readAll reads every body once: the least that anybody has to do.
func readAll(t testing.TB, b *evidence.Bundle) time.Duration {
	start := time.Now()
	for r, err := range b.Records() {
		if err != nil {
			t.Fatal(err)
		}
		if r.Exhibit == nil {
			continue
		}
		body, err := b.Body(r.Exhibit)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, body); err != nil {
			t.Fatal(err)
		}
	}
	return time.Since(start)
}

// evaluateLarge gives the time, the largest heap seen while facts went by, and how many there were.
func evaluateLarge(t testing.TB, b *evidence.Bundle) (took time.Duration, heap uint64, count int) {
	set, err := rules.Load()
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	c := facts.NewCollection(facts.Options{})
	defer c.Close() //nolint:errcheck // a temporary file
	if err := c.Read(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	_, err = findings.Evaluate(set, c, nil, func(f *facts.Fact) error {
		if count++; count%5000 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			heap = max(heap, m.HeapInuse)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return time.Since(start), heap, count
}

// TestMemoryIsFlat: five times the events and messages take little more memory. MBAUDIT_TEST_LARGE=1 takes 100,000 and
// 50,000.
func TestMemoryIsFlat(t *testing.T) {
	events, messages := 25_000, 5_000
	if os.Getenv("MBAUDIT_TEST_LARGE") != "" {
		events, messages = 100_000, 50_000
	}
	_, small, _ := evaluateLarge(t, largeBundle(t, events/5, messages/5))
	b := largeBundle(t, events, messages)
	read := readAll(t, b)
	took, heap, count := evaluateLarge(t, b)
	t.Logf("%d facts in %v, %.1f times reading the bundle once (%v); heap %d MiB, of a fifth %d MiB", count, took, float64(took)/float64(read), read, heap>>20, small>>20)
	if count != events+messages {
		t.Errorf("%d facts of %d", count, events+messages)
	}
	if heap > 192<<20 || heap > 3*small+64<<20 {
		t.Errorf("the heap grew from %d to %d MiB", small>>20, heap>>20)
	}
}
