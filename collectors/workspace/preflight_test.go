package workspace_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
	"github.com/mbaudit/mbaudit/internal/secret"
)

// preflight runs one with two tries for each source.
func (g *rig) preflight(t *testing.T, account string, patience time.Duration) (*workspace.PreflightReport, error) {
	t.Helper()
	g.config.Tries = 2
	c, err := workspace.New(g.config)
	if err != nil {
		t.Fatal(err)
	}
	return c.Preflight(t.Context(), account, patience)
}

// TestPreflightAsksOnce wants each source asked once, for its smallest page, and a row for each row of a collection.
func TestPreflightAsksOnce(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Messages: 1, Now: time.Now})
	report, err := g.preflight(t, fakegoogle.Victim, time.Minute)
	if err != nil || !report.Usable || !report.Complete || len(report.Hints) > 0 {
		t.Fatalf("%v, %+v", err, report)
	}
	rows := map[string]workspace.Verdict{}
	for _, s := range report.Sources {
		rows[s.Resource] = s.Verdict
	}
	for _, row := range allRows() {
		if v := rows[row]; v != workspace.OK && (v != workspace.NotAsked || listOf(row) == "" && row != "gmail/draftsList" && row != "workspace/manual-checklist") {
			t.Errorf("%s: %q", row, v)
		}
	}
	asked := map[string]int{}
	for _, r := range g.tenant.Requests() {
		if !r.Reads() || r.Method != "token" && r.Method != "driveactivity.activity.query" && r.Verb != http.MethodGet {
			t.Errorf("%s %s arrived", r.Verb, r.Path)
		}
		if r.Method == "token" {
			continue
		}
		if asked[r.Method]++; asked[r.Method] > 1 && r.Method != "directory.users.list" && r.Method != "directory.roleAssignments.list" { // several rows each
			t.Errorf("%s is asked twice", r.Method)
		}
		query, err := url.ParseQuery(r.Query)
		if err != nil || query.Has("maxResults") && query.Get("maxResults") != "1" {
			t.Errorf("%s is asked with %s", r.Method, r.Query)
		}
	}
	if state, err := g.tenant.State(fakegoogle.Victim); err != nil || report.Messages == nil || !strings.Contains(report.Quota, "messages take about") {
		t.Errorf("%v: of %v: %+v, %s", err, state, report.Messages, report.Quota)
	}
}

// TestPreflightVerdicts gives one source one misfortune, and wants the verdict and a hint that says what to do.
func TestPreflightVerdicts(t *testing.T) {
	const always = -1
	key := rigKey(t)
	for _, c := range []struct {
		name    string
		fault   fakegoogle.Fault
		verdict workspace.Verdict
		hint    string
	}{
		{"busy", fakegoogle.Fault{Times: always, Status: 503}, workspace.Busy, "try again"},
		{"over the quota", fakegoogle.Fault{Times: always, Status: 403, Reason: "userRateLimitExceeded"}, workspace.Busy, "quota"},
		{"cut", fakegoogle.Fault{Times: always, Reset: true}, workspace.Unreachable, "proxy"},
		{"cut once", fakegoogle.Fault{Reset: true}, workspace.OK, ""},
		{"damaged", fakegoogle.Fault{Times: always, Garbage: true}, workspace.Unreachable, "reaches"},
		{"scope", fakegoogle.Fault{Times: always, Status: 403, Reason: "insufficientPermissions"}, workspace.NoScope, "edit the client " + fakegoogle.ClientID},
		{"off", fakegoogle.Fault{Times: always, Status: 403, Reason: "accessNotConfigured"}, workspace.APIOff, "enable the Admin SDK API in project case-0001"},
		{"right", fakegoogle.Fault{Times: always, Status: 403, Reason: "forbidden"}, workspace.NoRole, "User Security Management"},
		{"other", fakegoogle.Fault{Times: always, Status: 501, Reason: "notImplemented"}, workspace.Refused, "API controls"},
	} {
		g := newRig(t, fakegoogle.Config{Messages: 1, Now: time.Now, Key: key})
		c.fault.Method = "directory.asps.list"
		g.tenant.Fail(c.fault)
		report, err := g.preflight(t, fakegoogle.Victim, time.Minute)
		if err != nil || !report.Usable || report.Complete != (c.verdict == workspace.OK) {
			t.Errorf("%s: %v, %+v", c.name, err, report)
		}
		for _, s := range report.Sources {
			hinted := s.Hint > 0 && strings.Contains(report.Hints[s.Hint-1].Text, c.hint)
			if s.Resource == "directory/asps" && (s.Verdict != c.verdict || hinted != (c.hint != "")) {
				t.Errorf("%s: %+v, hints %+v", c.name, s, report.Hints)
			}
			if s.Resource != "directory/asps" && (s.Hint > 0 || s.Verdict != workspace.OK && s.Verdict != workspace.NotAsked) {
				t.Errorf("%s: %s suffers from it: %+v", c.name, s.Resource, s)
			}
		}
		if text := report.Access; strings.Contains(text, "PRIVATE") {
			t.Errorf("the key is in %q", text)
		}
	}
}

// TestPreflightNamesThePrimaryAddress tells who gives an alias, and who has the examined account administer.
func TestPreflightNamesThePrimaryAddress(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Messages: 1, Now: time.Now})
	report, err := g.preflight(t, "compta@example.test", time.Minute)
	if err != nil || len(report.Hints) != 1 || !strings.Contains(report.Hints[0].Text, "another address of "+fakegoogle.Victim) {
		t.Errorf("%v, %+v", err, report.Hints)
	}
	report, err = g.preflight(t, fakegoogle.Admin, time.Minute)
	if err != nil || len(report.Hints) != 1 || !report.Complete || !strings.Contains(report.Hints[0].Text, "is the account that is examined") {
		t.Errorf("%v, %+v", err, report.Hints)
	}
}

// A mute transport never answers.
type mute struct{}

func (mute) RoundTrip(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

// TestPreflightWaitsNoLonger ends when it was told to, with all rows unreachable; and when it is stopped.
func TestPreflightWaitsNoLonger(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Messages: 1})
	g.config.Transport = mute{}
	report, err := g.preflight(t, fakegoogle.Victim, time.Millisecond)
	if !errors.Is(err, workspace.ErrLost) || report.Usable || report.Clock.OffsetMS != nil {
		t.Errorf("%v, %+v", err, report)
	}
	if n := report.Count(workspace.Unreachable, workspace.NotAsked); n != len(report.Sources) {
		t.Errorf("%d of %d rows are unreachable", n, len(report.Sources))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c, err := workspace.New(g.config)
	if err != nil {
		t.Fatal(err)
	}
	if report, err := c.Preflight(ctx, fakegoogle.Victim, time.Minute); !errors.Is(err, context.Canceled) || report == nil {
		t.Errorf("stopped: %v", err)
	}
	if _, err := c.Preflight(t.Context(), "alice", time.Minute); !errors.Is(err, workspace.ErrAccount) {
		t.Errorf("no address: %v", err)
	}
}

// TestNoMachineOfGoogles says at once that nobody gives credentials where no metadata server is.
func TestNoMachineOfGoogles(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Messages: 1})
	g.config.Key, g.config.ServiceAccount, g.config.Endpoint, g.config.Transport = secret.String{}, fakegoogle.ServiceAccount, "http://127.0.0.1:1", nil
	if _, err := g.preflight(t, fakegoogle.Victim, time.Minute); !errors.Is(err, workspace.ErrCredentials) || !strings.Contains(err.Error(), "no metadata server answers") {
		t.Errorf("%v", err)
	}
	if len(g.slept) > 0 {
		t.Errorf("it was waited for: %v", g.slept)
	}
}
