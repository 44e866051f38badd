package workspace_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
)

// used are the logs that somebody of a small tenant has something in.
func used(app string) bool {
	return slices.Contains([]string{"login", "token", "admin", "drive", "gmail"}, app)
}

// smallTenant is one in which most logs are empty, with accounts of which several are read. Activities show at once.
func smallTenant(t *testing.T) (*rig, *fakegoogle.Clock, []string) {
	t.Helper()
	g, clock := newLogRig(t, fakegoogle.Config{Quiet: true, Lag: func(string) time.Duration { return 0 }, Volume: func(app string) int {
		if used(app) {
			return 0
		}
		return -1
	}}, 0)
	accounts := ordinary(t, g.tenant, 3)
	return g, clock, accounts
}

// collectAll reads accounts side by side.
func (g *rig) collectAll(t *testing.T, ctx context.Context, sink collectors.Sink, accounts []string) (*workspace.Collector, error) {
	t.Helper()
	c, err := workspace.New(g.config)
	if err != nil {
		t.Fatal(err)
	}
	c.Several(len(accounts))
	return c, each(ctx, c, sink, accounts)
}

// each reads accounts side by side with one collector.
func each(ctx context.Context, c *workspace.Collector, sink collectors.Sink, accounts []string) error {
	errs := make([]error, len(accounts))
	var group sync.WaitGroup
	for i, account := range accounts {
		group.Go(func() {
			errs[i] = c.Collect(ctx, collectors.Scope{Account: account, Messages: collectors.MessagesNone}, sink)
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// askedLogs counts the requests for logs since some were made: for all users, and for one.
func (g *rig) askedLogs(since int) (all, one map[string]int) {
	all, one = map[string]int{}, map[string]int{}
	for _, r := range g.tenant.Requests()[since:] {
		if _, app, ok := strings.Cut(r.Path, "/applications/"); r.Method == "reports.activities.list" && ok {
			if strings.Contains(r.Path, "/users/all/") {
				all[app]++
			} else {
				one[app]++
			}
		}
	}
	return all, one
}

// sealAll seals what accounts and their logs say, with a collector that was told of so many accounts.
func (g *rig) sealAll(t *testing.T, accounts []string, told int) *evidence.Bundle {
	t.Helper()
	w, seal := collectortest.NewBundle(t, "bundle", accounts, nil)
	c, err := workspace.New(g.config)
	if err != nil {
		t.Fatal(err)
	}
	c.Several(told)
	if err := each(t.Context(), c, w, accounts); err != nil {
		t.Fatal(err)
	}
	return seal()
}

// TestEmptyLogsAreAskedForOnce reads accounts of a tenant whose logs are mostly empty: the ledger's rows are those that come of
// asking for each account, and of an empty log there is one request, for all users.
func TestEmptyLogsAreAskedForOnce(t *testing.T) {
	g, _, accounts := smallTenant(t)
	rows := func(b *evidence.Bundle) map[string]evidence.Coverage {
		found := map[string]evidence.Coverage{}
		for _, row := range b.Coverage {
			if strings.HasPrefix(row.Resource, "reports/") {
				found[row.Account+" "+row.Resource] = row
			}
		}
		return found
	}
	alone := rows(g.sealAll(t, accounts, 1))
	before := len(g.tenant.Requests())
	together := rows(g.sealAll(t, accounts, len(accounts)))
	const forAll = "Google was asked for all users of the customer at once, and has none of anybody: the same answer is kept with each account; "
	for key, want := range alone {
		got := together[key]
		_, app, _ := strings.Cut(key, " reports/")
		if strings.Contains(got.Reason, forAll) == used(app) {
			t.Errorf("%s: %s", key, got.Reason)
		}
		got.Reason = strings.Replace(got.Reason, forAll, "", 1)
		if app == "token" { // the first collection's own tokens are in it by now
			_, got.Reason, _ = strings.Cut(got.Reason, " activities")
			_, want.Reason, _ = strings.Cut(want.Reason, " activities")
		}
		if got != want {
			t.Errorf("%s: asked for alone it is\n%+v, with others\n%+v", key, want, got)
		}
	}
	apps, _ := workspace.Applications()
	if len(alone) != len(apps)*len(accounts) || len(together) != len(alone) {
		t.Errorf("%d rows alone, %d with others", len(alone), len(together))
	}
	all, one := g.askedLogs(before)
	for _, app := range apps {
		if wantAll := map[bool]int{true: 7, false: 1}[app == "gmail"]; all[app] != wantAll || (one[app] == 0) == used(app) {
			t.Errorf("%s: %d requests for all users, %d for one", app, all[app], one[app])
		}
	}
	if one["gmail"] != 2*len(accounts) { // Google keeps a month of it, which are in two spans of seven
		t.Errorf("gmail: %d requests for one user", one["gmail"])
	}
}

// TestEmptyLogIsTheAnswer wants the bytes that came, with the request that they came of and a word about whom it was asked for.
func TestEmptyLogIsTheAnswer(t *testing.T) {
	g, _, accounts := smallTenant(t)
	sink := &collectortest.Sink{}
	if _, err := g.collectAll(t, t.Context(), sink, accounts); err != nil {
		t.Fatal(err)
	}
	wantNoGap(t, sink)
	kept := sink.Resource("reports/voice")
	if len(kept) != len(accounts) {
		t.Fatalf("%d exhibits", len(kept))
	}
	for _, k := range kept {
		if string(k.Body) != string(g.get(t, k.Exhibit)) || !strings.Contains(k.Request, "/users/all/applications/voice?") || !strings.Contains(k.Request, "customerId="+fakegoogle.CustomerID) ||
			k.Attrs["asked-for"] != "all users of the customer at once" || k.Attrs["activities"] != "0" || k.Attrs["derived"] != "" {
			t.Errorf("%+v\n%s", k.Exhibit, k.Body)
		}
	}
	for _, k := range sink.Resource("reports/login") {
		if k.Attrs["asked-for"] != "" || strings.Contains(k.Request, "/users/all/") {
			t.Errorf("%+v", k.Exhibit)
		}
	}
}

// TestAllUsersCannotBeAskedFor asks for each account where an answer for all users does not come, or says nothing, or would be
// another customer's: nothing is missing for it.
func TestAllUsersCannotBeAskedFor(t *testing.T) {
	const voice = "users/all/applications/voice$"
	for name, c := range map[string]struct {
		fault fakegoogle.Fault
		body  string // of an answer with status 200, in the place of Google's
	}{
		"refused":        {fault: fakegoogle.Fault{Path: voice, Times: -1, Status: 403, Reason: "forbidden"}},
		"busy":           {fault: fakegoogle.Fault{Path: voice, Times: -1, Status: 503}},
		"cut off":        {fault: fakegoogle.Fault{Path: voice, Times: -1, Truncate: true}},
		"damaged":        {fault: fakegoogle.Fault{Path: voice, Times: -1, Garbage: true}},
		"no list":        {body: `{}`},
		"another page":   {body: `{"kind":"admin#reports#activities","nextPageToken":"A"}`},
		"whose customer": {fault: fakegoogle.Fault{Method: "directory.users.get", Times: -1, Status: 403, Reason: "insufficientPermissions"}},
		"an activity":    {body: `{"kind":"admin#reports#activities","items":[{"id":{"time":"2026-10-01T00:00:00Z"}}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, _, accounts := smallTenant(t)
			if c.body == "" {
				c.fault.Method = "reports.activities.list"
				if c.fault.Path == "" {
					c.fault.Method = "directory.users.get"
				}
				g.tenant.Fail(c.fault)
			} else {
				g.config.Transport = answering{g.config.Transport, func(path string) bool { return strings.HasSuffix(path, "/users/all/applications/voice") }, 200, c.body}
			}
			sink := &collectortest.Sink{}
			if _, err := g.collectAll(t, t.Context(), sink, accounts); err != nil {
				t.Fatal(err)
			}
			for _, gap := range sink.Gaps() {
				if strings.HasPrefix(gap.Resource, "reports/") {
					t.Errorf("%+v", gap)
				}
			}
			all, one := g.askedLogs(0)
			kept := sink.Resource("reports/voice")
			if one["voice"] != len(accounts) || len(kept) != len(accounts) || (all["keep"] == 0) != (name == "whose customer") {
				t.Errorf("%d requests for voice, %d exhibits; %d of keep for all", one["voice"], len(kept), all["keep"])
			}
			for _, k := range kept {
				if k.Attrs["asked-for"] != "" {
					t.Errorf("%+v", k.Exhibit)
				}
			}
		})
	}
}

// TestEmptyLogsInterrupted stops a collection of several accounts again and again. A log that was empty for all users when it was
// asked for first has an activity when it is taken up again: it comes with who has it, unless his empty log was kept before.
func TestEmptyLogsInterrupted(t *testing.T) {
	g, clock, accounts := smallTenant(t)
	sink := &collectortest.Sink{}
	runs := 0
	for done := false; !done; runs++ {
		ctx, cancel := context.WithCancel(t.Context())
		var pages atomic.Int64
		sink.BeforePut = func(ex evidence.Exhibit) error {
			if strings.HasPrefix(ex.Resource, "reports/") && pages.Add(1) > 25 {
				cancel()
				return context.Canceled
			}
			return nil
		}
		_, err := g.collectAll(t, ctx, sink, accounts)
		cancel()
		if done = err == nil; !done && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		clock.Advance(time.Second)
		if runs == 0 { // it happened within the window, and shows now
			for _, account := range accounts {
				if err := g.tenant.Seed(fakegoogle.Seed{Account: account, Activities: []fakegoogle.SeedActivity{
					{Application: "voice", Type: "seeded", Name: "late", Time: fakegoogle.Start().Add(-time.Hour)}}}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if problems := sink.Problems(); runs < 3 || len(problems) > 0 {
		t.Errorf("%d runs, %v", runs, problems)
	}
	wantNoGap(t, sink)
	came := map[string]bool{}
	for _, k := range sink.Kept() {
		if strings.HasPrefix(k.Resource, "reports/") {
			came[k.Account+" "+k.Resource] = true
		}
		if window := k.Attrs["window"]; window != "" && !strings.HasSuffix(window, "-20261015T080000.000Z") {
			t.Errorf("%s: the window is %s", k.Name, window)
		}
	}
	apps, _ := workspace.Applications()
	if len(came) != len(apps)*len(accounts) {
		t.Errorf("%d logs of %d", len(came), len(apps)*len(accounts))
	}
	for _, account := range accounts {
		emptyThen := slices.ContainsFunc(sink.Resource("reports/voice"), func(k collectortest.Kept) bool { return k.Account == account && k.Attrs["asked-for"] != "" })
		if all, _, _ := activities(t, sink, account, "voice"); (len(all) == 0) != emptyThen {
			t.Errorf("%s: %d activities of voice, empty at first: %t", account, len(all), emptyThen)
		}
	}
}

// TestAgainAfterEmptyLogs reads logs again that were empty for all users: what one account has now is late, and nothing is
// missing or unread of the others.
func TestAgainAfterEmptyLogs(t *testing.T) {
	g, clock, accounts := smallTenant(t)
	first := &collectortest.Sink{}
	if _, err := g.collectAll(t, t.Context(), first, accounts); err != nil {
		t.Fatal(err)
	}
	if err := g.tenant.Seed(fakegoogle.Seed{Account: accounts[1], Activities: []fakegoogle.SeedActivity{
		{Application: "voice", Type: "seeded", Name: "late", Time: fakegoogle.Start().Add(-time.Hour)}}}); err != nil {
		t.Fatal(err)
	}
	clock.Advance(40 * time.Hour)
	before := len(g.tenant.Requests())
	var err error
	if g.config.Again, err = workspace.NewAgain("01EARLIER", fakegoogle.Start(), first); err != nil {
		t.Fatal(err)
	}
	second := &collectortest.Sink{}
	c, err := g.collectAll(t, t.Context(), second, accounts)
	if err != nil {
		t.Fatal(err)
	}
	wantNoGap(t, second)
	reports, err := c.Compare(second)
	if err != nil || len(reports) != len(accounts) {
		t.Fatal(err, len(reports))
	}
	apps, _ := workspace.Applications()
	for _, report := range reports {
		if len(report.Applications) != len(apps) {
			t.Errorf("%s: %d logs", report.Account, len(report.Applications))
		}
		for _, one := range report.Applications {
			late := map[bool]int{true: 1, false: 0}[one.Application == "voice" && report.Account == accounts[1]]
			if len(one.Late) != late || len(one.Missing)+one.UnreadThen+one.UnreadNow > 0 {
				t.Errorf("%s %+v", report.Account, one)
			}
		}
	}
	all, one := g.askedLogs(before)
	if one["keep"] != 0 || all["keep"] != 1 || one["voice"] != len(accounts) {
		t.Errorf("keep: %d requests for all users and %d for one, voice: %d for one", all["keep"], one["keep"], one["voice"])
	}
	if len(second.Resource("directory/user")) > 0 {
		t.Error("more than the logs is kept")
	}
}

// TestHowLongLogsTake says it before anything is asked for, and again when it is known which logs are empty.
func TestHowLongLogsTake(t *testing.T) {
	key, file := keyFile(t)
	for quota, want := range map[string][]string{
		"1": {"the logs of 20 accounts take 3m at the least, unless some are empty for all users: 880 requests, 44 for each account, of which Google's quota lets through 250 a minute",
			"the logs of 20 accounts take less than a minute, now that of 44 parts of logs 38 are known to be empty for all users: 120 requests, 6 for each account, of which Google's quota lets through 250 a minute"},
		"0.1": {"the logs of 20 accounts take 35m at the least, unless some are empty for all users: 880 requests, 44 for each account, of which Google's quota lets through 25 a minute",
			"the logs of 20 accounts take 4m at the least, now that of 44 parts of logs 38 are known to be empty for all users: 120 requests, 6 for each account, of which Google's quota lets through 25 a minute"},
		"100": nil,
	} {
		synctest.Test(t, func(t *testing.T) {
			p := newPaced(fakegoogle.Config{Key: key, Users: 40, Messages: 1, Quiet: true, Quotas: fakegoogle.UsualQuotas(1), Volume: func(app string) int {
				return map[bool]int{true: 0, false: -1}[used(app)]
			}}, file)
			p.config.Quota, _ = workspace.ParseQuota(quota)
			p.several = 20
			var said []string
			p.config.Say = func(text string) {
				if len(said) == 0 && len(p.tenant.Requests()) > 0 {
					t.Error("it was said when something had been asked for")
				}
				said = append(said, text)
			}
			p.collect(t, &collectortest.Sink{DigestsOnly: true}, ordinary(t, p.tenant, 1), 1)
			if !slices.Equal(said, want) {
				t.Errorf("with a quota of %s:\n%s\nnot\n%s", quota, strings.Join(said, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// TestQuotaOfASmallTenant reads accounts of a tenant that uses half of Google's applications: the quota that remains is used nearly
// whole, and half of the time is saved.
func TestQuotaOfASmallTenant(t *testing.T) {
	key, file := keyFile(t)
	accounts := paceAccounts(t)
	apps, _ := workspace.Applications()
	unused := map[string]bool{}
	for _, app := range apps[len(apps)/2:] {
		unused[app] = true
	}
	took := map[int]time.Duration{}
	for _, told := range []int{0, accounts} {
		synctest.Test(t, func(t *testing.T) {
			p := newPaced(fakegoogle.Config{Key: key, Users: accounts + 20, Messages: 1, Quiet: true, Quotas: fakegoogle.UsualQuotas(1), Volume: func(app string) int {
				return map[bool]int{true: -1, false: 0}[unused[app]]
			}}, file)
			p.several = told
			sink := &collectortest.Sink{DigestsOnly: true}
			p.collect(t, sink, ordinary(t, p.tenant, accounts), 16)
			took[told] = time.Since(p.began)
			wantNoGap(t, sink)
			if bound := p.used(t, accounts); took[told] > bound+bound/20+time.Minute {
				t.Errorf("it took %s, the quotas take %s", took[told], bound)
			}
			if logs := len(kinds(sink)); logs != len(apps)*accounts {
				t.Errorf("%d logs of %d", logs, len(apps)*accounts)
			}
		})
	}
	if accounts >= 10 && took[accounts] > took[0]*3/4 {
		t.Errorf("it took %s, without an answer for all users %s", took[accounts], took[0])
	}
}

// kinds are the logs that there are exhibits of.
func kinds(sink *collectortest.Sink) []string {
	found := map[string]bool{}
	for _, k := range sink.Kept() {
		if strings.HasPrefix(k.Resource, "reports/") {
			found[fmt.Sprint(k.Account, k.Resource)] = true
		}
	}
	return slices.Collect(maps.Keys(found))
}

// TestAllUsersAreAskedForAgain reads accounts for longer than an answer for all users may be old: what shows up meanwhile comes with
// the accounts whose logs are begun later.
func TestAllUsersAreAskedForAgain(t *testing.T) {
	g, clock, accounts := smallTenant(t)
	sink := &collectortest.Sink{}
	c, err := workspace.New(g.config)
	if err != nil {
		t.Fatal(err)
	}
	c.Several(len(accounts))
	for i, account := range accounts {
		if i == len(accounts)-1 {
			clock.Advance(11 * time.Minute)
			if err := g.tenant.Seed(fakegoogle.Seed{Account: account, Activities: []fakegoogle.SeedActivity{
				{Application: "voice", Type: "seeded", Name: "late", Time: fakegoogle.Start().Add(-time.Hour)}}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Collect(t.Context(), collectors.Scope{Account: account, Messages: collectors.MessagesNone}, sink); err != nil {
			t.Fatal(err)
		}
	}
	wantNoGap(t, sink)
	all, one := g.askedLogs(0)
	if found, _, _ := activities(t, sink, accounts[len(accounts)-1], "voice"); len(found) != 1 || all["voice"] != 2 || one["voice"] != 1 || all["keep"] != 2 || one["keep"] != 0 {
		t.Errorf("%d activities of voice; asked for all users %d times, for one %d; keep %d and %d", len(found), all["voice"], one["voice"], all["keep"], one["keep"])
	}
}
