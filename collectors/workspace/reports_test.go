package workspace_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
	"github.com/mbaudit/mbaudit/internal/googlelog"
)

const tenantRow = "@" + fakegoogle.Domain

// newLogRig is a tenant whose clock stands still, of which the logs are read in pages of so many.
func newLogRig(t *testing.T, config fakegoogle.Config, page int) (*rig, *fakegoogle.Clock) {
	t.Helper()
	clock := fakegoogle.NewClock(fakegoogle.Start())
	config.Now, config.Messages = clock.Now, 1
	g := newRig(t, config)
	g.config.NoLogs, g.config.LogPage, g.config.Now = false, page, clock.Now
	return g, clock
}

// TestApplicationsAreGoogles holds the list of applications to the discovery document of the module: an update that adds
// one fails here.
func TestApplicationsAreGoogles(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "google.golang.org/api").Output()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "admin", "reports", "v1", "admin-api.json"))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Resources map[string]struct {
			Methods map[string]struct {
				Parameters map[string]struct{ Enum []string }
			}
		}
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	want := doc.Resources["activities"].Methods["list"].Parameters["applicationName"].Enum
	account, tenant := workspace.Applications()
	if len(want) == 0 || !slices.Equal(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(account))) {
		t.Errorf("Google has the applications\n%q, read are\n%q", slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(account)))
	}
	for _, app := range tenant {
		if !slices.Contains(account, app) {
			t.Errorf("%s is read of the tenant alone", app)
		}
	}
}

// activities are the identities of the activities in the exhibits of a log, and how often each came.
func activities(t *testing.T, sink *collectortest.Sink, account, app string) (all map[googlelog.Identity]int, qualifiers map[string]int, counted int) {
	t.Helper()
	all, qualifiers = map[googlelog.Identity]int{}, map[string]int{}
	for _, k := range sink.Resource("reports/" + app) {
		if k.Account != account {
			continue
		}
		n, err := strconv.Atoi(k.Attrs["activities"])
		if err != nil {
			t.Fatalf("%s: %v", k.Name, k.Attrs)
		}
		counted += n
		reader := googlelog.NewReader(bytes.NewReader(k.Body), googlelog.Options{})
		for {
			rec, err := reader.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			all[rec.Identity()]++
			qualifiers[rec.Qualifier]++
		}
	}
	return all, qualifiers, counted
}

// checkLog compares a log with the tenant's own count.
func checkLog(t *testing.T, g *rig, sink *collectortest.Sink, account, app string, from, to time.Time) int {
	t.Helper()
	user := account
	if account == tenantRow {
		user = "all"
	}
	shown, _ := g.tenant.Activities(app, user, from, to)
	all, qualifiers, counted := activities(t, sink, account, app)
	if len(all) != len(shown) || counted != len(shown) {
		t.Errorf("%s %s: %d activities came, %d are counted, the tenant served %d", account, app, len(all), counted, len(shown))
	}
	for _, q := range shown {
		if qualifiers[q] == 0 {
			t.Errorf("%s %s: activity %s did not come", account, app, q)
		}
	}
	return len(shown)
}

// checkLogs compares all logs with the tenant.
func checkLogs(t *testing.T, g *rig, sink *collectortest.Sink) {
	t.Helper()
	to := fakegoogle.Start()
	from := to.Add(-180 * 24 * time.Hour)
	account, tenant := workspace.Applications()
	total := 0
	for _, app := range account {
		total += checkLog(t, g, sink, fakegoogle.Victim, app, from, to)
	}
	for _, app := range tenant {
		total += checkLog(t, g, sink, tenantRow, app, from, to)
	}
	if total < 1000 {
		t.Errorf("the tenant has %d activities, too few to prove anything", total)
	}
}

// TestLogsAreWhole compares each page with what the tenant serves, and the activities with the tenant's own count, for pages
// so small that spans are cut, and for Google's.
func TestLogsAreWhole(t *testing.T) {
	for _, page := range []int{7, 0} {
		g, _ := newLogRig(t, fakegoogle.Config{}, page)
		sink := &collectortest.Sink{}
		if err := g.collect(t, fakegoogle.Victim, sink); err != nil {
			t.Fatal(err)
		}
		if gaps := sink.Gaps(); len(gaps) > 0 {
			t.Fatalf("gaps: %+v", gaps)
		}
		checkLogs(t, g, sink)
		cut := 0
		for _, k := range sink.Kept() {
			if !strings.HasPrefix(k.Resource, "reports") {
				continue
			}
			if k.Attrs["cut"] != "" {
				cut++
			}
			if page == 0 && string(k.Body) != string(g.get(t, k.Exhibit)) {
				t.Errorf("%s: the bytes are not those that the tenant serves", k.Name)
			}
		}
		if (cut > 0) != (page == 7) {
			t.Errorf("with pages of %d %d spans were cut", page, cut)
		}
		first := len(sink.Kept())
		if err := g.collect(t, fakegoogle.Victim, sink); err != nil || len(sink.Kept()) != first {
			t.Errorf("collecting again put %d more exhibits: %v", len(sink.Kept())-first, err)
		}
	}
}

// TestLogRows reads what the rows say.
func TestLogRows(t *testing.T) {
	g, _ := newLogRig(t, fakegoogle.Config{}, 0)
	sink := &collectortest.Sink{}
	c, err := workspace.New(g.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Collect(t.Context(), collectors.Scope{Account: fakegoogle.Victim}, sink); err != nil {
		t.Fatal(err)
	}
	for row, wants := range map[string][]string{
		"reports/login": {" activities from 2026-", "asked for from 2026-04-18T08:00:00Z to 2026-10-15T08:00:00Z", "activities before 2026-04-18 are gone", "the oldest read here go on 2026-", "collect --again"},
		"reports/admin": {"shows after a couple of minutes"}, "reports/voice": {"empty: no activities from 2026-04-18"},
		"reports/gmail": {"of gmail perhaps those before 2026-09-15"}, "reports-usage": {"2026-10-13 is the newest"},
	} {
		e, _ := sink.Expected(row)
		for _, want := range wants {
			if !strings.Contains(e.Note, want) && !(row == "reports/voice" && len(sink.Resource(row)) > 0 && !strings.Contains(e.Note, "empty")) {
				t.Errorf("%s says %q, not %q", row, e.Note, want)
			}
		}
	}
	if n := len(sink.Resource("reports-usage")); n != 30 {
		t.Errorf("usage of %d days", n)
	}
}

// TestGmailIsAskedForThirtyDays wants no request that Google would refuse, and none that asks beyond the window.
func TestGmailIsAskedForThirtyDays(t *testing.T) {
	g, _ := newLogRig(t, fakegoogle.Config{}, 0)
	sink := &collectortest.Sink{}
	if err := g.collect(t, fakegoogle.Victim, sink); err != nil {
		t.Fatal(err)
	}
	kept := sink.Resource("reports/gmail")
	if len(kept) < 6 || len(sink.Gaps()) > 0 {
		t.Fatalf("%d pages of gmail, gaps %+v", len(kept), sink.Gaps())
	}
	for _, k := range kept {
		_, query, _ := strings.Cut(k.Request, "?")
		var times []time.Time
		for part := range strings.SplitSeq(query, "&") {
			if name, value, _ := strings.Cut(part, "="); name == "startTime" || name == "endTime" {
				at, err := time.Parse(time.RFC3339, strings.ReplaceAll(value, "%3A", ":"))
				if err != nil {
					t.Fatal(err)
				}
				times = append(times, at)
			}
		}
		if len(times) != 2 || times[1].Sub(times[0]).Abs() > 30*24*time.Hour {
			t.Errorf("%s", k.Request)
		}
	}
}

// TestEndIsFixed has activities happen while pages are read: what is read is what was before, and --again has the rest.
func TestEndIsFixed(t *testing.T) {
	g, clock := newLogRig(t, fakegoogle.Config{Lag: func(string) time.Duration { return 0 }}, 10)
	sink := &collectortest.Sink{}
	var n atomic.Int64
	sink.BeforePut = func(ex evidence.Exhibit) error {
		if !strings.HasPrefix(ex.Resource, "reports/") {
			return nil
		}
		clock.Advance(time.Second)
		n.Add(1)
		return g.tenant.Seed(fakegoogle.Seed{Account: fakegoogle.Victim, Activities: []fakegoogle.SeedActivity{
			{Application: "login", Type: "login", Name: "login_success", Time: clock.Now()}}})
	}
	if err := g.collect(t, fakegoogle.Victim, sink); err != nil {
		t.Fatal(err)
	}
	to := fakegoogle.Start()
	shown, _ := g.tenant.Activities("login", fakegoogle.Victim, to.Add(-180*24*time.Hour), to)
	if all, _, counted := activities(t, sink, fakegoogle.Victim, "login"); len(all) != counted || counted < len(shown)-1 || counted > len(shown) || n.Load() < 50 {
		t.Errorf("%d came, %d are counted, there were %d when it began; %d happened since", len(all), counted, len(shown), n.Load())
	}
}

// A logMisfortune is one way in which a page of a log fails.
type logMisfortune struct {
	name  string
	fault fakegoogle.Fault
	class evidence.GapClass // "" where all comes in the end
	says  string
}

func logMisfortunes() []logMisfortune {
	const forEver = -1
	return []logMisfortune{
		{"503 twice", fakegoogle.Fault{Times: 2, Status: 503}, "", ""},
		{"503 for ever", fakegoogle.Fault{Times: forEver, Status: 503}, evidence.GapFailed, "503 not available"},
		{"403 of a quota", fakegoogle.Fault{Times: 3, Status: 403, Reason: "userRateLimitExceeded"}, "", ""},
		{"429", fakegoogle.Fault{Status: 429, RetryAfter: 20 * time.Second}, "", ""},
		{"500 for ever", fakegoogle.Fault{Times: forEver, Status: 500}, evidence.GapFailed, "500 not available"},
		{"reset", fakegoogle.Fault{Reset: true}, "", ""},
		{"reset for ever", fakegoogle.Fault{Times: forEver, Reset: true}, evidence.GapFailed, "connection lost"},
		{"truncated", fakegoogle.Fault{Times: 2, Truncate: true}, "", ""},
		{"truncated for ever", fakegoogle.Fault{Times: forEver, Truncate: true}, evidence.GapFailed, "connection lost"},
		{"half as if whole", fakegoogle.Fault{Garbage: true}, "", ""},
		{"half as if whole for ever", fakegoogle.Fault{Times: forEver, Garbage: true}, evidence.GapFailed, "damaged answer"},
		{"not authorised", fakegoogle.Fault{Times: forEver, Status: 403, Reason: "forbidden"}, evidence.GapRefused, "403 not authorised"},
		{"bad request", fakegoogle.Fault{Times: forEver, Status: 400, Reason: "invalid"}, evidence.GapRefused, "400 refused"},
		{"a page that names itself", fakegoogle.Fault{Times: forEver, RepeatToken: true}, evidence.GapFailed, "the pages go in a circle"},
		{"a page that names the first", fakegoogle.Fault{Times: forEver, LoopToken: true}, evidence.GapFailed, "the pages go in a circle"},
		{"a page that names itself once", fakegoogle.Fault{RepeatToken: true}, "", ""},
	}
}

// TestLogFaults meets the first page and a page in the middle of a log with each misfortune: all comes, or a gap names the
// hole, and nothing outside of the holes is missing. Other logs do not suffer.
func TestLogFaults(t *testing.T) {
	for _, m := range logMisfortunes() {
		for _, page := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s, page %d", m.name, page), func(t *testing.T) {
				t.Parallel()
				m := m // both pages change it
				size := 20
				if m.class != "" && page > 1 {
					size = 3 // so that what is left is not read whole by time
				}
				g, _ := newLogRig(t, fakegoogle.Config{}, size)
				m.fault.Method, m.fault.Page, m.fault.Path = "reports.activities.list", page, "/login$"
				g.tenant.Fail(m.fault)
				sink := &collectortest.Sink{}
				if err := g.collect(t, fakegoogle.Victim, sink); err != nil {
					t.Fatal(err)
				}
				if left := g.tenant.FaultsLeft(); len(left) > 0 {
					t.Fatal("the misfortune did not happen")
				}
				to := fakegoogle.Start()
				from := to.Add(-180 * 24 * time.Hour)
				checkLog(t, g, sink, fakegoogle.Victim, "drive", from, to)
				if m.class == "" {
					if gaps := sink.Gaps(); len(gaps) > 0 {
						t.Errorf("gaps: %+v", gaps)
					}
					checkLog(t, g, sink, fakegoogle.Victim, "login", from, to)
					return
				}
				if m.fault.Reason == "forbidden" && page == 1 { // the administrator is a super administrator, and gets other logs
					if e, _ := sink.Expected("reports/login"); !e.NotOffered || len(sink.Gaps()) > 0 || len(sink.Resource("directory/administrator")) != 1 {
						t.Errorf("%+v, gaps %+v", e, sink.Gaps())
					}
					return
				}
				checkHoles(t, g, sink, m)
			})
		}
	}
}

// checkHoles wants every activity that did not come in a hole that a gap names.
func checkHoles(t *testing.T, g *rig, sink *collectortest.Sink, m logMisfortune) {
	t.Helper()
	type times struct{ from, to time.Time }
	var holes []times
	for _, gap := range sink.Gaps() {
		_, rest, ok := strings.Cut(gap.Reason, "activities from ")
		from, rest, ok2 := strings.Cut(rest, " to ")
		to, _, ok3 := strings.Cut(rest, " are missing: ")
		fromAt, err1 := time.Parse(time.RFC3339, from)
		toAt, err2 := time.Parse(time.RFC3339, to)
		if gap.Resource != "reports/login" || gap.Class != m.class || !strings.Contains(gap.Reason, m.says) || !ok || !ok2 || !ok3 || err1 != nil || err2 != nil || gap.Request == "" {
			t.Errorf("the gap is %+v", gap)
		}
		holes = append(holes, times{fromAt, toAt.Add(time.Second)})
	}
	if len(holes) == 0 {
		t.Fatal("no gap")
	}
	all, came, _ := activities(t, sink, fakegoogle.Victim, "login")
	outside := 0
	to := fakegoogle.Start()
	for day := to.Add(-180 * 24 * time.Hour); day.Before(to); day = day.Add(time.Hour) {
		if slices.ContainsFunc(holes, func(h times) bool { return !day.Add(time.Hour).Before(h.from) && !day.After(h.to) }) {
			continue
		}
		shown, _ := g.tenant.Activities("login", fakegoogle.Victim, day, day.Add(time.Hour-time.Millisecond))
		for _, q := range shown {
			outside++
			if came[q] == 0 {
				t.Errorf("%s of %s did not come, and no gap names it", q, day)
			}
		}
	}
	shown, _ := g.tenant.Activities("login", fakegoogle.Victim, to.Add(-180*24*time.Hour), to)
	if len(all) >= len(shown) && m.says != "the pages go in a circle" || len(all) < outside {
		t.Errorf("%d came of %d, %d are outside of the holes", len(all), len(shown), outside)
	}
}

// TestLogsInterrupted stops after each page in turn, and takes it up again: nothing is lost, nothing comes twice, and the
// window is the one of the first run.
func TestLogsInterrupted(t *testing.T) {
	g, clock := newLogRig(t, fakegoogle.Config{Lag: func(string) time.Duration { return 0 }}, 25)
	stop := func(err error) bool { return errors.Is(err, context.Canceled) }
	sink := &collectortest.Sink{}
	before := map[string]int{}
	runs := 0
	for done := false; !done; runs++ {
		ctx, cancel := context.WithCancel(t.Context())
		var pages atomic.Int64
		sink.BeforePut = func(ex evidence.Exhibit) error {
			if strings.HasPrefix(ex.Resource, "reports/") && pages.Add(1) > 7 {
				cancel()
				return context.Canceled
			}
			return nil
		}
		c, err := workspace.New(g.config)
		if err != nil {
			t.Fatal(err)
		}
		err = c.Collect(ctx, collectors.Scope{Account: fakegoogle.Victim}, sink)
		if err == nil {
			err = c.Tenant().Collect(ctx, collectors.Scope{Account: tenantRow}, sink)
		}
		cancel()
		if done = err == nil; !done && !stop(err) {
			t.Fatal(err)
		}
		if !done && len(sink.Gaps()) > 0 {
			t.Fatalf("an interruption is a gap: %+v", sink.Gaps())
		}
		clock.Advance(time.Second)
	}
	for _, k := range sink.Kept() {
		if strings.HasPrefix(k.Resource, "reports/") {
			before[k.Request]++
		}
	}
	for request, n := range before {
		if n > 1 {
			t.Errorf("read %d times: %s", n, request)
		}
	}
	if problems := sink.Problems(); runs < 10 || len(problems) > 0 || len(sink.Gaps()) > 0 || len(sink.Silence()) > 0 {
		t.Fatalf("%d runs, problems %v, gaps %+v, silence %v", runs, problems, sink.Gaps(), sink.Silence())
	}
	checkLogs(t, g, sink)
	e, _ := sink.Expected("reports/login")
	shown, _ := g.tenant.Activities("login", fakegoogle.Victim, fakegoogle.Start().Add(-180*24*time.Hour), fakegoogle.Start())
	if !strings.HasPrefix(e.Note, fmt.Sprintf("%d activities ", len(shown))) {
		t.Errorf("login: %q, there are %d", e.Note, len(shown))
	}
}

// An answering transport answers what match says, and passes on the rest.
type answering struct {
	next   http.RoundTripper
	match  func(path string) bool
	status int
	body   string
}

func (a answering) RoundTrip(req *http.Request) (*http.Response, error) {
	if !a.match(req.URL.Path) {
		return a.next.RoundTrip(req)
	}
	return &http.Response{StatusCode: a.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(a.body)), Request: req}, nil
}

// TestNotOffered tells what the tenant does not have from what it may not be asked, and both from what is empty.
func TestNotOffered(t *testing.T) {
	const unknown = "Access denied. You are not authorized to read activity records."
	for _, c := range []struct {
		name, message, reason string
		status                int
		notOffered            bool
		says                  string
		admin                 bool // what the Directory says of the administrator
	}{
		{"no such application", `Parameter \"applicationName\" value \"vault\" does not match the pattern`, "invalidParameter", 400, true, "not licensed: Google answered 400", false},
		{"no licence", "The customer does not have the required license.", "forbidden", 403, true, "not licensed: Google answered 403", false},
		{"no super administrator's", unknown, "authError", 401, false, "not in the tenant's edition, or not in the role of " + fakegoogle.Admin, false},
		{"not authorised", "Not Authorized to access this resource/api", "forbidden", 403, false, "not in the tenant's edition, or not in the role of", false},
		{"not the super administrator's", unknown, "authError", 401, true, "who may read all as a super administrator (directory/administrator)", true},
	} {
		g, _ := newLogRig(t, fakegoogle.Config{}, 0)
		g.config.Transport = answering{g.config.Transport, func(path string) bool { return strings.HasSuffix(path, "/applications/vault") }, c.status,
			fmt.Sprintf(`{"error":{"code":%d,"message":"%s","errors":[{"reason":"%s"}]}}`, c.status, c.message, c.reason)}
		if !c.admin {
			g.config.Transport = answering{g.config.Transport, func(path string) bool { return strings.HasSuffix(path, "/users/"+fakegoogle.Admin) }, 200, `{"isAdmin":false}`}
		}
		sink := &collectortest.Sink{}
		if err := g.collect(t, fakegoogle.Victim, sink); err != nil {
			t.Fatal(err)
		}
		if kept := sink.Resource("directory/administrator"); (len(kept) > 0) != (c.reason == "authError" || c.reason == "forbidden" && !c.notOffered) {
			t.Errorf("%s: %d exhibits of the administrator", c.name, len(kept))
		}
		e, _ := sink.Expected("reports/vault")
		gaps := sink.Gaps()
		switch {
		case e.NotOffered != c.notOffered, c.notOffered && (len(gaps) > 0 || !strings.Contains(e.Note, c.says)):
			t.Errorf("%s: %+v, gaps %+v", c.name, e, gaps)
		case !c.notOffered && (len(gaps) != 2 || gaps[0].Class != evidence.GapRefused || !strings.Contains(gaps[0].Reason, c.says)):
			t.Errorf("%s: gaps %+v", c.name, gaps)
		}
	}
}

// again reads the logs of an earlier sink once more.
func (g *rig) again(t *testing.T, earlier *collectortest.Sink) (*collectortest.Sink, []workspace.AgainReport) {
	t.Helper()
	again, err := workspace.NewAgain("01EARLIER", fakegoogle.Start(), earlier)
	if err != nil {
		t.Fatal(err)
	}
	g.config.Again = again
	defer func() { g.config.Again = nil }()
	sink := &collectortest.Sink{}
	if err := g.collect(t, fakegoogle.Victim, sink); err != nil {
		t.Fatal(err)
	}
	c, err := workspace.New(g.config)
	if err != nil {
		t.Fatal(err)
	}
	reports, err := c.Compare(sink)
	if err != nil {
		t.Fatal(err)
	}
	if problems, silent := sink.Problems(), sink.Silence(); len(problems)+len(silent) > 0 {
		t.Errorf("problems %v, silence %v", problems, silent)
	}
	return sink, reports
}

// TestAgainFindsLateActivities wants exactly those that the tenant held back at first, in every log, and nothing missing.
func TestAgainFindsLateActivities(t *testing.T) {
	g, clock := newLogRig(t, fakegoogle.Config{}, 30)
	from, to := fakegoogle.Start().Add(-180*24*time.Hour), fakegoogle.Start()
	var held []fakegoogle.SeedActivity
	for i, app := range []string{"login", "token", "admin", "drive", "voice", "takeout", "login", "vault"} {
		held = append(held, fakegoogle.SeedActivity{Application: app, Type: "seeded", Name: "late", Time: to.Add(-time.Duration(i+1) * 7 * time.Hour), Late: 72 * time.Hour})
	}
	if err := g.tenant.Seed(fakegoogle.Seed{Account: fakegoogle.Victim, Activities: held}); err != nil {
		t.Fatal(err)
	}
	first := &collectortest.Sink{}
	if err := g.collect(t, fakegoogle.Victim, first); err != nil {
		t.Fatal(err)
	}
	late := map[string][]string{} // with the tokens of this collection itself, which show later, too
	account, tenant := workspace.Applications()
	for _, app := range account {
		_, late[fakegoogle.Victim+" "+app] = g.tenant.Activities(app, fakegoogle.Victim, from, to)
	}
	for _, app := range tenant {
		_, late[tenantRow+" "+app] = g.tenant.Activities(app, "all", from, to)
	}
	clock.Advance(75 * time.Hour)
	second, reports := g.again(t, first)
	total, missing, expired := 0, 0, 0
	for _, report := range reports {
		for _, one := range report.Applications {
			want := slices.Sorted(slices.Values(late[report.Account+" "+one.Application]))
			var got []string
			for _, a := range one.Late {
				got = append(got, a.Qualifier)
			}
			slices.Sort(got)
			if one.Application != "gmail" && !slices.Equal(got, want) {
				t.Errorf("%s %s: %d are late, want %d", report.Account, one.Application, len(got), len(want))
			}
			if one.UnreadThen+one.UnreadNow+one.NotReadable > 0 || one.Same+len(one.Missing)+one.Expired != one.Earlier {
				t.Errorf("%s %+v", report.Account, one)
			}
			missing += len(one.Missing)
			total += len(want)
			expired += one.Expired
		}
	}
	if total < 12 || missing > 0 || expired == 0 {
		t.Errorf("%d were late, %d are missing, %d expired", total, missing, expired)
	}
	for _, name := range []string{fakegoogle.Victim, tenantRow} {
		if !slices.ContainsFunc(second.Resource(workspace.AgainResource), func(k collectortest.Kept) bool { return k.Account == name && k.Attrs["derived"] != "" }) {
			t.Errorf("%s has no report", name)
		}
	}
	if len(second.Resource("gmail/filters")) > 0 {
		t.Error("more than the logs were read")
	}
}

// TestAgainKnowsGaps does not take for late what was not read then, nor for missing what is not read now.
func TestAgainKnowsGaps(t *testing.T) {
	fault := fakegoogle.Fault{Method: "reports.activities.list", Path: fakegoogle.Victim + "/applications/drive$", Page: 2, Times: -1, Status: 503}
	broken, _ := newLogRig(t, fakegoogle.Config{}, 4)
	broken.tenant.Fail(fault)
	holed := &collectortest.Sink{}
	if err := broken.collect(t, fakegoogle.Victim, holed); err != nil || len(holed.Gaps()) == 0 {
		t.Fatal(err, holed.Gaps())
	}
	healthy, _ := newLogRig(t, fakegoogle.Config{}, 0)
	whole := &collectortest.Sink{}
	if err := healthy.collect(t, fakegoogle.Victim, whole); err != nil || len(whole.Gaps()) > 0 {
		t.Fatal(err, whole.Gaps())
	}
	drive := func(reports []workspace.AgainReport) workspace.AgainOfALog {
		for _, r := range reports {
			for _, a := range r.Applications {
				if r.Account == fakegoogle.Victim && a.Application == "drive" {
					return a
				}
			}
		}
		t.Fatal("no drive")
		return workspace.AgainOfALog{}
	}
	_, reports := healthy.again(t, holed)
	if one := drive(reports); len(one.Late) > 0 || one.UnreadThen == 0 || one.UnreadThen+one.Same != one.Now {
		t.Errorf("then: %+v", one)
	}
	_, reports = broken.again(t, whole)
	if one := drive(reports); len(one.Missing) > 0 || one.UnreadNow == 0 || one.UnreadNow+one.Same != one.Earlier {
		t.Errorf("now: %+v", one)
	}
}

// TestAgainInterrupted stops reading again in the middle, and wants the same comparison as without.
func TestAgainInterrupted(t *testing.T) {
	g, clock := newLogRig(t, fakegoogle.Config{}, 30)
	first := &collectortest.Sink{}
	if err := g.collect(t, fakegoogle.Victim, first); err != nil {
		t.Fatal(err)
	}
	clock.Advance(40 * time.Hour)
	_, want := g.again(t, first)
	var err error
	if g.config.Again, err = workspace.NewAgain("01EARLIER", fakegoogle.Start(), first); err != nil {
		t.Fatal(err)
	}
	sink := &collectortest.Sink{}
	runs := 0
	for ; ; runs++ {
		ctx, cancel := context.WithCancel(t.Context())
		var pages atomic.Int64
		sink.BeforePut = func(evidence.Exhibit) error {
			if pages.Add(1) > 20 {
				cancel()
				return context.Canceled
			}
			return nil
		}
		c, err := workspace.New(g.config)
		if err != nil {
			t.Fatal(err)
		}
		if err = c.Collect(ctx, collectors.Scope{Account: fakegoogle.Victim}, sink); err == nil {
			err = c.Tenant().Collect(ctx, collectors.Scope{Account: tenantRow}, sink)
		}
		cancel()
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if err != nil {
			continue
		}
		sink.BeforePut = nil
		got, err := c.Compare(sink)
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			for k := range got[i].Applications {
				a, b := got[i].Applications[k], want[i].Applications[k]
				if a.Now != b.Now || a.Same != b.Same || len(a.Late) != len(b.Late) || a.Since != b.Since || a.Expired != b.Expired || len(a.Missing)+a.UnreadNow+a.UnreadThen > 0 {
					t.Errorf("%s %+v, without interruption %+v", got[i].Account, a, b)
				}
			}
		}
		break
	}
	if runs < 3 || len(sink.Problems()) > 0 {
		t.Errorf("%d runs, %v", runs, sink.Problems())
	}
}

// TestAgainNeedsLogs refuses a bundle that holds none.
func TestAgainNeedsLogs(t *testing.T) {
	if _, err := workspace.NewAgain("01EARLIER", fakegoogle.Start(), &collectortest.Sink{}); !errors.Is(err, workspace.ErrNoLogs) {
		t.Error(err)
	}
}
