package workspace_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
)

// A target is the list of an API that meets the failures.
type target struct {
	api      string
	row      string
	tenant   bool
	method   string
	page     int    // things on a page, so that there are several
	path     string // which requests, where others use the method too
	second   string // path of what is asked second, where the API has no pages
	answered string // in path and query of the requests for the row
}

func targets() []target {
	const login = "/users/" + fakegoogle.Victim + "/applications/login$"
	return []target{
		{"Gmail", "gmail/draftsList", false, "gmail.users.drafts.list", 1, "", "", ""},
		{"Directory", "directory/mobiledevices", false, "directory.mobiledevices.list", 3, "", "", ""},
		{"Reports", "reports/login", false, "reports.activities.list", 40, login, "", strings.TrimSuffix(login, "$")},
		{"Groups Settings", "groupssettings/groups", false, "groupsSettings.groups.get", 0, "", "/factures@example.test$", ""},
		{"Alert Center", "alertcenter/alerts", true, "alertcenter.alerts.list", 1, "", "", ""},
		{"Cloud Identity", "cloudidentity/policies", true, "cloudidentity.policies.list", 3, "", "", ""},
		{"Drive", "drive/files", false, "drive.files.list", 3, "", "", ""},
		{"Drive Activity", "driveactivity/activity", false, "driveactivity.activity.query", 4, "", "", ""},
		{"Calendar", "calendar/calendarList", false, "calendar.calendarList.list", 1, "", "", ""},
		{"Vault", "vault/matters", true, "vault.matters.list", 1, "", "", ""},
		{"Apps Script", "script/processes", false, "script.processes.list", 4, "", "", ""},
	}
}

// A failure that a list meets; says is in the reason of the gap that it leaves where it lasts.
type matrixFailure struct {
	name   string
	fault  fakegoogle.Fault
	says   string
	tokens bool // it is in the token of the next page
}

func matrixFailures() []matrixFailure {
	return []matrixFailure{
		{"403 rateLimitExceeded", fakegoogle.Fault{Status: 403, Reason: "rateLimitExceeded"}, "403 not available", false},
		{"403 userRateLimitExceeded", fakegoogle.Fault{Status: 403, Reason: "userRateLimitExceeded"}, "403 not available", false},
		{"403 quotaExceeded", fakegoogle.Fault{Status: 403, Reason: "quotaExceeded"}, "403 not available", false},
		{"429", fakegoogle.Fault{Status: 429}, "429 not available", false},
		{"429 Retry-After", fakegoogle.Fault{Status: 429, RetryAfter: 20 * time.Second}, "429 not available", false},
		{"500", fakegoogle.Fault{Status: 500}, "500 not available", false},
		{"502", fakegoogle.Fault{Status: 502}, "502 not available", false},
		{"503", fakegoogle.Fault{Status: 503}, "503 not available", false},
		{"reset", fakegoogle.Fault{Reset: true}, "connection lost", false},
		{"truncated", fakegoogle.Fault{Truncate: true}, "connection lost", false},
		{"half as if whole", fakegoogle.Fault{Garbage: true}, "damaged answer", false},
		{"repeated token", fakegoogle.Fault{RepeatToken: true}, "the pages go in a circle", true},
		{"looping token", fakegoogle.Fault{LoopToken: true}, "the pages go in a circle", true},
	}
}

// A matrixMode is how often, and where, a failure is met.
type matrixMode struct {
	name  string
	times int
	page  int
}

func matrixModes() []matrixMode {
	return []matrixMode{{"once", 1, 0}, {"for ever", -1, 0}, {"page 2 once", 1, 2}, {"page 2 for ever", -1, 2}}
}

// fault is the failure for one list.
func (f matrixFailure) of(to target, m matrixMode) fakegoogle.Fault {
	fault := f.fault
	fault.Method, fault.Path, fault.Times, fault.Page = to.method, to.path, m.times, m.page
	if m.page > 0 && to.second != "" {
		fault.Path, fault.Page = to.second, 0
	}
	return fault
}

// newMatrixRig is a tenant in which each target has several pages.
func newMatrixRig(t *testing.T, base fakegoogle.Config) *rig {
	t.Helper()
	pages := map[string]int{}
	for _, to := range targets() {
		pages[to.method] = to.page
	}
	base.Page, base.Quotas = func(method string) int { return pages[method] }, unmetered()
	base.Volume = func(application string) int { return map[bool]int{true: 2, false: -1}[application == "login"] }
	g, _ := newLogRig(t, base, 40)
	g.drafting(t)
	hold := map[string]any{"holdId": "h2", "name": "Garde", "corpus": "DRIVE", "accounts": []any{map[string]any{"email": someone}}}
	var devices []map[string]any
	for i := range 7 {
		devices = append(devices, map[string]any{"resourceId": fmt.Sprintf("device-%d", i), "deviceId": fmt.Sprintf("d%d", i), "email": []any{fakegoogle.Victim}})
	}
	for _, seed := range []fakegoogle.Seed{{Account: fakegoogle.Victim, MobileDevices: devices}, {Account: someone, Holds: []map[string]any{hold}}} {
		if err := g.tenant.Seed(seed); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// A matrix is what became of each list in each case.
type matrix struct {
	mu    sync.Mutex
	cells map[string]map[string][]string // by failure, API and mode
}

func (m *matrix) set(failure, api string, mode int, word string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cells[failure] == nil {
		m.cells[failure] = map[string][]string{}
	}
	if m.cells[failure][api] == nil {
		m.cells[failure][api] = make([]string, len(matrixModes()))
	}
	m.cells[failure][api][mode] = word
}

func (m *matrix) String() string {
	text := &strings.Builder{}
	out := tabwriter.NewWriter(text, 0, 0, 1, ' ', 0)
	fmt.Fprint(out, "once, for ever, page 2 once, page 2 for ever:")
	for _, to := range targets() {
		fmt.Fprint(out, "\t", to.api)
	}
	fmt.Fprintln(out)
	for _, f := range matrixFailures() {
		fmt.Fprint(out, f.name)
		for _, to := range targets() {
			fmt.Fprint(out, "\t", strings.Join(m.cells[f.name][to.api], " "))
		}
		fmt.Fprintln(out)
	}
	_ = out.Flush() // into memory
	return text.String()
}

// TestFaultMatrix has a list of each API meet each failure, once and for ever, on its first page and in its middle, and reads the
// sealed ledger. What the tenant says that it served whole is in the bundle; where something is missing, the row is incomplete
// and a gap names the page, or the time, from which on it is. With -v it prints what became of each: "whole", or "gap".
func TestFaultMatrix(t *testing.T) {
	key := rigKey(t)
	calm := newMatrixRig(t, fakegoogle.Config{Key: key})
	calm.sealed(t, collectors.MessagesNone)
	there := map[string]int{} // things that each list has
	for _, to := range targets() {
		there[to.api] = to.total(servedBy(calm.tenant))
	}
	m := &matrix{cells: map[string]map[string][]string{}}
	t.Run("cells", func(t *testing.T) {
		for _, f := range matrixFailures() {
			for number, mode := range matrixModes() {
				t.Run(f.name+", "+mode.name, func(t *testing.T) {
					t.Parallel()
					g := newMatrixRig(t, fakegoogle.Config{Key: key})
					for _, to := range targets() {
						if !f.tokens || to.page > 0 {
							g.tenant.Fail(f.of(to, mode))
						}
					}
					b := g.sealed(t, collectors.MessagesNone)
					if left := g.tenant.FaultsLeft(); len(left) > 0 {
						t.Errorf("did not happen: %+v", left)
					}
					for _, to := range targets() {
						word := "-"
						if !f.tokens || to.page > 0 {
							word = checkCell(t, g, b, f, mode, to, there[to.api])
						}
						m.set(f.name, to.api, number, word)
					}
				})
			}
		}
	})
	t.Logf("\n%s", m)
}

// total counts the things of a list that the tenant served, by its own count of the whole list.
func (to target) total(served map[question]servedAnswer) int {
	total := 0
	for _, a := range served {
		switch {
		case a.Method != to.method || !strings.Contains(a.Path, to.answered):
		case to.api == "Reports": // overlaps are counted by Activities
		case to.second != "":
			total++
		default:
			total = a.Total
		}
	}
	return total
}

// checkCell holds a row to what the tenant served of it, and gives its word for the matrix.
func checkCell(t *testing.T, g *rig, b *evidence.Bundle, f matrixFailure, mode matrixMode, to target, there int) string {
	t.Helper()
	source := knownSource{row: to.row, tenant: to.tenant}
	row, found := coverageOf(b, [2]string{source.account(), to.row})
	served, sent := 0, 0
	for _, r := range g.tenant.Requests() {
		if r.Method == to.method && strings.Contains(r.Path, to.answered) && r.Status == http.StatusOK && !r.Broken {
			sent++
		}
	}
	for _, a := range servedBy(g.tenant) {
		if a.Method == to.method && strings.Contains(a.Path, to.answered) {
			served++
		}
	}
	if f.tokens { // the same page is sent several times, under one token or another
		served = min(sent, int(row.Got))
	}
	if to.api == "Reports" {
		shown, _ := g.tenant.Activities("login", fakegoogle.Victim, fakegoogle.Start().Add(-180*24*time.Hour), fakegoogle.Start())
		there = len(shown)
	}
	things, gaps := 0, []evidence.Gap{}
	for record, err := range b.Records() {
		if err != nil {
			t.Fatal(err)
		}
		if x := record.Exhibit; x != nil && x.Account == source.account() && x.Resource == to.row {
			things += thingsIn(x, to)
		}
		if gap := record.Gap; gap != nil && gap.Account == source.account() && gap.Resource == to.row {
			gaps = append(gaps, *gap)
		}
	}
	where := to.api + ": " + f.name + ", " + mode.name
	if !found || int(row.Got) != served || row.Asked != row.Got+row.Failed {
		t.Errorf("%s: the tenant served %d answers, the ledger says %+v", where, served, row)
	}
	if missing := things < there; missing && (row.Status != evidence.StatusIncomplete || len(gaps) == 0) || (row.Status == evidence.StatusComplete) != (len(gaps) == 0) {
		t.Errorf("%s: %d of %d things came, the ledger says %+v, gaps %+v", where, things, there, row, gaps)
	}
	if mode.times == 1 && !f.tokens && (len(gaps) > 0 || things != there) {
		t.Errorf("%s: it went by, and %d of %d things came, gaps %+v", where, things, there, gaps)
	}
	for _, gap := range gaps {
		hole := regexp.MustCompile(`^page [2-4] and what follows it: `).MatchString(gap.Reason) || to.second != "" && gap.Item != "" ||
			to.api == "Reports" && strings.Contains(gap.Reason, "activities from ")
		if gap.Class != evidence.GapFailed || !strings.Contains(gap.Reason, f.says) || !strings.Contains(gap.Request, "https://") || (mode.page > 0 || f.tokens) && !hole {
			t.Errorf("%s: the gap does not name the hole: %+v", where, gap)
		}
	}
	if len(gaps) > 0 {
		return "gap"
	}
	return "whole"
}

// thingsIn is how many things of a list an exhibit has.
func thingsIn(x *evidence.StoredExhibit, to target) int {
	if to.second != "" {
		return 1
	}
	n, _ := strconv.Atoi(x.Attrs[map[bool]string{true: "activities", false: "items"}[to.api == "Reports"]])
	return n
}
