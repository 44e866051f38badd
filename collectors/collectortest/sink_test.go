package collectortest_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/evidence"
)

func exhibit(item, name string) evidence.Exhibit {
	return evidence.Exhibit{
		Account: "a", Collector: "c", Resource: "r", Item: item, Name: name, MediaType: "text/plain", FetchedAt: time.Now(),
	}
}

// TestSinkSees makes sure that the sink's checks can fail.
func TestSinkSees(t *testing.T) {
	for want, put := range map[string]func(s *collectortest.Sink){
		"put twice: r 1": func(s *collectortest.Sink) {
			_, _ = s.Put(exhibit("1", "a/x"), strings.NewReader(""))
			_, _ = s.Put(exhibit("1", "a/y"), strings.NewReader(""))
		},
		"put twice: r 2": func(s *collectortest.Sink) {
			_, _ = s.Put(exhibit("1", "a/x"), strings.NewReader(""))
			_, _ = s.Put(exhibit("2", "a/X"), strings.NewReader(""))
		},
		"is not safe": func(s *collectortest.Sink) { _, _ = s.Put(exhibit("1", "a/../x"), strings.NewReader("")) },
		"is not UTF-8": func(s *collectortest.Sink) {
			_, _ = s.Put(exhibit("\xff", "a/x"), strings.NewReader(""))
		},
		"an exhibit lacks": func(s *collectortest.Sink) {
			_, _ = s.Put(evidence.Exhibit{Name: "x"}, strings.NewReader(""))
		},
		"a gap lacks":          func(s *collectortest.Sink) { _ = s.Gap(evidence.Gap{Account: "a"}) },
		"an expectation lacks": func(s *collectortest.Sink) { _ = s.Expect(evidence.Expectation{Count: 1}) },
	} {
		s := &collectortest.Sink{}
		put(s)
		if !slices.ContainsFunc(s.Problems(), func(p string) bool { return strings.Contains(p, want) }) {
			t.Errorf("problems are %q, want one with %q", s.Problems(), want)
		}
	}
}

func TestSinkKeepsNothingOfABrokenBody(t *testing.T) {
	s := &collectortest.Sink{}
	broken := errors.New("broken")
	if _, err := s.Put(exhibit("1", "a/x"), iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("error is %v, want that of the body", err)
	}
	if s.Has("a", "r", "1") || len(s.Kept()) > 0 {
		t.Error("something was kept")
	}
}

func TestSilence(t *testing.T) {
	s := &collectortest.Sink{}
	expect := func(want int) {
		t.Helper()
		if got := s.Silence(); len(got) != want {
			t.Errorf("silence is %q, want %d rows", got, want)
		}
	}
	_ = s.Expect(evidence.Expectation{Account: "a", Collector: "c", Resource: "r", Count: 2})
	expect(1)
	_, _ = s.Put(exhibit("1", "a/x"), strings.NewReader(""))
	expect(1)
	_ = s.Gap(evidence.Gap{Account: "a", Collector: "c", Resource: "r", Item: "2", Class: evidence.GapRefused, Reason: "no", At: time.Now()})
	expect(0)
}
