package workspace_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
)

// TestPoll reads a day of everybody's sign-ins page by page, the newest first, each once, and keeps one page as it came.
func TestPoll(t *testing.T) {
	t.Parallel()
	clock := fakegoogle.NewClock(fakegoogle.Start())
	g := newRig(t, fakegoogle.Config{Now: clock.Now, Volume: func(string) int { return 3 }})
	g.config.LogPage, g.config.Now = 20, clock.Now
	c, err := workspace.New(g.config)
	if err != nil {
		t.Fatal(err)
	}
	to := clock.Now()
	from := to.Add(-24 * time.Hour)
	type line struct {
		ID struct {
			Time      time.Time
			Qualifier string `json:"uniqueQualifier"`
		}
	}
	seen, pages := map[string]bool{}, 0
	last := to
	sink := new(collectortest.Sink)
	err = c.Poll(t.Context(), "token", from, to, func(p *workspace.LogPage) error {
		pages++
		var page struct{ Items []line }
		if err := json.Unmarshal(p.JSON, &page); err != nil {
			return err
		}
		for _, one := range page.Items {
			if one.ID.Time.After(last) || one.ID.Time.Before(from) {
				t.Errorf("%s comes after %s", one.ID.Time, last)
			}
			last = one.ID.Time
			seen[one.ID.Time.String()+one.ID.Qualifier] = true
		}
		if p.Number != pages {
			t.Errorf("page %d has the number %d", pages, p.Number)
		}
		if pages != 2 {
			return nil
		}
		if err := p.Keep(sink); err != nil {
			return err
		}
		return workspace.Partial(sink, p.Account(), p.Application, clock.Now())
	})
	shown, _ := g.tenant.Activities("token", "all", from, to)
	if err != nil || pages < 3 || len(seen) != len(shown) {
		t.Errorf("%d pages, %d activities of %d: %v", pages, len(seen), len(shown), err)
	}
	kept := sink.Kept()
	if len(kept) != 1 || kept[0].Resource != "watch/token" || kept[0].Account != "@"+fakegoogle.Domain || len(sink.Gaps()) != 1 {
		t.Fatalf("kept: %v, gaps: %v", kept, sink.Gaps())
	}
	if again := g.get(t, kept[0].Exhibit); !bytes.Equal(again, kept[0].Body) {
		t.Error("the page was not kept as it came")
	}
	for _, r := range g.tenant.Requests() {
		if r.Method != "token" && (r.Verb != http.MethodGet || r.Method != "reports.activities.list") {
			t.Errorf("%s %s arrived", r.Verb, r.Path)
		}
	}
}

// TestPollSaysWhatIsMissing: what breaks off is an error and never the end of a log.
func TestPollSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	clock := fakegoogle.NewClock(fakegoogle.Start())
	to := clock.Now()
	for name, c := range map[string]struct {
		app   string
		since time.Duration
		fault fakegoogle.Fault
		want  error
	}{
		"a page that names itself":   {"token", 24 * time.Hour, fakegoogle.Fault{Page: 2, RepeatToken: true, Times: -1}, workspace.ErrLoop},
		"a page that names an older": {"token", 24 * time.Hour, fakegoogle.Fault{Page: 3, LoopToken: true, Times: -1}, workspace.ErrLoop},
		"a server that is busy":      {"token", 24 * time.Hour, fakegoogle.Fault{Page: 2, Status: 503, Times: -1}, workspace.ErrUnavailable},
		"half an answer":             {"token", 24 * time.Hour, fakegoogle.Fault{Page: 2, Garbage: true, Times: -1}, workspace.ErrDamaged},
		"no right":                   {"saml", 24 * time.Hour, fakegoogle.Fault{}, workspace.ErrNotAuthorised},
		"no such log":                {"mail", 24 * time.Hour, fakegoogle.Fault{}, workspace.ErrApplication},
		"a span without an end":      {"token", 31 * 24 * time.Hour, fakegoogle.Fault{}, workspace.ErrWindow},
		"no span":                    {"token", 0, fakegoogle.Fault{}, workspace.ErrWindow},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t, fakegoogle.Config{Now: clock.Now, Volume: func(string) int { return 3 }, Unlicensed: map[string]fakegoogle.Denial{"saml": {}}})
			g.config.LogPage, g.config.Now, g.config.Tries = 20, clock.Now, 2
			if c.fault.Times != 0 {
				c.fault.Method = "reports.activities.list"
				g.tenant.Fail(c.fault)
			}
			collector, err := workspace.New(g.config)
			if err != nil {
				t.Fatal(err)
			}
			if err := collector.Poll(t.Context(), c.app, to.Add(-c.since), to, func(*workspace.LogPage) error { return nil }); !errors.Is(err, c.want) {
				t.Errorf("%v, not %v", err, c.want)
			}
		})
	}
}
