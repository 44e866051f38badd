package workspace_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
	"github.com/mbaudit/mbaudit/internal/secret"
)

// These tests run on the clock of testing/synctest: it goes on when everybody waits, so that minutes of quotas pass in
// moments and every figure is the same each time. The tenant answers without a network, which such a clock does not know.

// direct answers requests by calling the tenant.
type direct struct{ tenant *fakegoogle.Tenant }

// RoundTrip implements http.RoundTripper.
func (d direct) RoundTrip(req *http.Request) (resp *http.Response, err error) {
	defer func() {
		if broken := recover(); broken != nil {
			resp, err = nil, io.ErrUnexpectedEOF
		}
	}()
	in := req.Clone(req.Context())
	in.Host, in.RequestURI = req.URL.Host, req.URL.RequestURI()
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	d.tenant.Handler().ServeHTTP(w, in)
	return w.Result(), nil
}

// A paced is a tenant whose quotas count, on a clock of the bubble.
type paced struct {
	tenant *fakegoogle.Tenant
	config workspace.Config
	began  time.Time

	several int // accounts that the collector is told of
}

// keyFile makes a service account's key, and the file that Google would have handed out.
func keyFile(t testing.TB) (*rsa.PrivateKey, secret.String) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	server, err := fakegoogle.New(fakegoogle.Config{Key: key}).Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	file, err := server.KeyFile(googleTokens)
	if err != nil {
		t.Fatal(err)
	}
	return key, secret.New(string(file))
}

// newPaced is called within a bubble.
func newPaced(config fakegoogle.Config, file secret.String) *paced {
	began := time.Now()
	config.Now = func() time.Time { return fakegoogle.Start().Add(time.Since(began)) }
	if config.Latency == nil {
		config.Latency = func(string) time.Duration { return 120 * time.Millisecond }
	}
	tenant := fakegoogle.New(config)
	return &paced{tenant: tenant, began: began,
		config: workspace.Config{Key: file, Admin: fakegoogle.Admin, Transport: direct{tenant}, Now: config.Now}}
}

// collect reads accounts side by side, so many at once, and says when each was done.
func (p *paced) collect(t testing.TB, sink collectors.Sink, accounts []string, atOnce int) map[string]time.Duration {
	t.Helper()
	c, err := workspace.New(p.config)
	if err != nil {
		t.Fatal(err)
	}
	c.Several(p.several)
	var mu sync.Mutex
	done := map[string]time.Duration{}
	slots := make(chan struct{}, atOnce)
	var group sync.WaitGroup
	for _, account := range accounts {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			scope := collectors.Scope{Account: account, Messages: collectors.MessagesNone, Since: fakegoogle.Start().AddDate(0, 0, -60)}
			if err := c.Collect(t.Context(), scope, sink); err != nil {
				t.Errorf("%s: %v", account, err)
			}
			mu.Lock()
			defer mu.Unlock()
			done[account] = time.Since(p.began)
		})
	}
	group.Wait()
	return done
}

// refused counts the requests that a quota refused.
func (p *paced) refused() int {
	n := 0
	for _, r := range p.tenant.Requests() {
		if r.OverQuota() {
			n++
		}
	}
	return n
}

// used prints what the quotas take of which most was used, one of each API, and gives the longest.
func (p *paced) used(t testing.TB, accounts int) time.Duration {
	t.Helper()
	requests, took := p.tenant.Requests(), time.Since(p.began)
	bound := p.tenant.LowerBound(requests)
	t.Logf("%d accounts, %d requests (%d refused for a quota): %s; the quotas take %s at least", accounts, len(requests), p.refused(), took.Round(time.Second), bound)
	if bound > 0 {
		t.Logf("    ratio %.3f", took.Seconds()/bound.Seconds())
	}
	seen := map[string]bool{}
	for _, b := range p.tenant.Bounds(requests) {
		api, of, _ := strings.Cut(b.Quota, " ")
		if strings.Contains(of, "@") {
			of = "user"
		}
		if !seen[api+of] && b.Units >= b.Limit/10 { // what is less than a tenth of a period's is nowhere near
			t.Logf("    %-12s %-9s %6d units, %7d in a period: %s at least", api, of, b.Units, b.Limit, b.Least)
		}
		seen[api+of] = true
	}
	return bound
}

// ordinary are so many users with a mailbox, without a part in the story.
func ordinary(t testing.TB, tenant *fakegoogle.Tenant, n int) []string {
	t.Helper()
	emails := slices.DeleteFunc(tenant.Emails(), func(email string) bool { return !strings.HasPrefix(email, "user") })
	if len(emails) < n {
		t.Fatalf("the tenant has %d ordinary users, %d are wanted", len(emails), n)
	}
	return emails[:n]
}

func wantNoGap(t testing.TB, sink *collectortest.Sink) {
	t.Helper()
	for _, gap := range sink.Gaps() {
		t.Errorf("gap: %s %s %s: %s", gap.Account, gap.Resource, gap.Item, gap.Reason)
	}
	if silent := sink.Silence(); len(silent) > 0 {
		t.Errorf("lost without a word: %s", strings.Join(silent[:min(len(silent), 5)], "; "))
	}
}

// paceAccounts is how many accounts the tests of pace read: few, or as many as MBAUDIT_TEST_PACE says.
func paceAccounts(t testing.TB) int {
	n, err := strconv.Atoi(cmp.Or(os.Getenv("MBAUDIT_TEST_PACE"), "10"))
	if err != nil || n < 1 {
		t.Fatalf("MBAUDIT_TEST_PACE: %v", err)
	}
	return n
}

// TestQuotaIsNeverPassed reads accounts, all their sources and 60 days of their logs, at the edge of Google's own quotas:
// nothing is refused, nothing is lost, and little time goes beyond what the quotas themselves take. Of that the lower bound
// counts whole minutes only, which is much where there are few.
func TestQuotaIsNeverPassed(t *testing.T) {
	key, file := keyFile(t)
	accounts := paceAccounts(t)
	for name, c := range map[string]struct {
		quota  string
		noLogs bool
	}{"Google's quotas": {"1", false}, "a tenth of them, without logs": {"0.1", true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				factor, _ := strconv.ParseFloat(c.quota, 64)
				q := fakegoogle.UsualQuotas(factor)
				q.Others /= 2 // as guessed
				p := newPaced(fakegoogle.Config{Key: key, Users: accounts + 20, Messages: 1, Quiet: true, Quotas: q}, file)
				p.config.Quota, _ = workspace.ParseQuota(c.quota)
				p.config.NoLogs = c.noLogs
				p.several = accounts
				sink := &collectortest.Sink{DigestsOnly: true}
				p.collect(t, sink, ordinary(t, p.tenant, accounts), 16)
				took := time.Since(p.began)
				wantNoGap(t, sink)
				bound := p.used(t, accounts)
				for _, r := range p.tenant.Requests() {
					if r.OverQuota() && !guessed(r.Method) {
						t.Errorf("refused for its quota: %s", r.Method)
					}
				}
				if took > bound+bound/20+time.Minute || accounts >= 200 && took > bound*115/100 {
					t.Errorf("it took %s, the quotas take %s", took, bound)
				}
			})
		})
	}
}

// guessed says whether a method belongs to an API of which Google names no quota by the minute: there the bound is looked for.
func guessed(method string) bool {
	api, _, _ := strings.Cut(method, ".")
	return slices.Contains([]string{"cloudidentity", "driveactivity", "script", "groupsSettings"}, api)
}

// TestQuotaSmallerThanSaid meets quotas that are a quarter of what they are believed to be, or less, in each way that they
// refuse.
func TestQuotaSmallerThanSaid(t *testing.T) {
	key, file := keyFile(t)
	for name, q := range map[string]fakegoogle.Quotas{
		"403 rateLimitExceeded":     {},
		"403 userRateLimitExceeded": {Refusal: fakegoogle.UserRateLimit},
		"429":                       {Refusal: fakegoogle.TooMany},
		"Retry-After":               {Refusal: fakegoogle.TooMany, RetryAfter: -1},
		"Retry-After of a second":   {RetryAfter: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				q.GmailUnits, q.Directory, q.Reports, q.ReportsFiltered = 120, 40, 100, 62
				p := newPaced(fakegoogle.Config{Key: key, Users: 30, Messages: 1, Quiet: true, Quotas: q}, file)
				sink := &collectortest.Sink{DigestsOnly: true}
				p.collect(t, sink, ordinary(t, p.tenant, 3), 3)
				wantNoGap(t, sink)
				p.used(t, 3)
				refused, all := p.refused(), len(p.tenant.Requests())
				if refused == 0 {
					t.Error("nothing was refused: the quotas were not met")
				}
				if refused > all/5 {
					t.Errorf("%d of %d requests were refused", refused, all)
				}
			})
		})
	}
}

// TestGuessedQuota asks an API of which Google names no quota, and which has four times what is guessed, or a quarter:
// the one is used nearly whole, and of the other nothing is lost.
func TestGuessedQuota(t *testing.T) {
	key, file := keyFile(t)
	for name, c := range map[string]struct {
		others, accounts, devices int
		most                      float64 // times what the quota takes
	}{"four times": {1200, 3, 900, 1.15}, "a quarter": {75, 1, 300, 1.15}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				q := fakegoogle.UsualQuotas(1)
				q.Others = c.others
				p := newPaced(fakegoogle.Config{Key: key, Users: 30, Messages: 1, Quiet: true, Quotas: q}, file)
				accounts := ordinary(t, p.tenant, c.accounts)
				for i, account := range accounts {
					var devices []map[string]any
					for j := range c.devices {
						id := fmt.Sprintf("device-%d-%04d", i, j)
						devices = append(devices, map[string]any{"resourceId": id, "deviceId": id, "status": "APPROVED", "email": []any{account}})
					}
					if err := p.tenant.Seed(fakegoogle.Seed{Account: account, MobileDevices: devices}); err != nil {
						t.Fatal(err)
					}
				}
				p.config.NoLogs = true
				sink := &collectortest.Sink{DigestsOnly: true}
				p.collect(t, sink, accounts, len(accounts))
				took := time.Since(p.began)
				wantNoGap(t, sink)
				p.used(t, c.accounts)
				exact := p.exactly("cloudidentity")
				if exact < 3*time.Minute || took.Seconds() > exact.Seconds()*c.most {
					t.Errorf("it took %s, the quota takes %s", took, exact)
				}
			})
		})
	}
}

// exactly is what a quota takes, with the part of a minute that the lower bound leaves out.
func (p *paced) exactly(quota string) time.Duration {
	for _, b := range p.tenant.Bounds(p.tenant.Requests()) {
		if strings.HasPrefix(b.Quota, quota) {
			return time.Duration(float64(b.Units) / float64(b.Limit) * float64(time.Minute))
		}
	}
	return 0
}

// TestLowerLimitIsLearned reads logs of a project that has a quarter of Google's usual quota left, and nobody said so: the
// quarter is used nearly whole.
func TestLowerLimitIsLearned(t *testing.T) {
	key, file := keyFile(t)
	synctest.Test(t, func(t *testing.T) {
		q := fakegoogle.UsualQuotas(1)
		q.ReportsFiltered /= 4
		p := newPaced(fakegoogle.Config{Key: key, Users: 30, Messages: 1, Quiet: true, Quotas: q}, file)
		sink := &collectortest.Sink{DigestsOnly: true}
		p.collect(t, sink, ordinary(t, p.tenant, 8), 8)
		took := time.Since(p.began)
		wantNoGap(t, sink)
		p.used(t, 8)
		if exact := p.exactly("reports filtered"); took.Seconds() > exact.Seconds()*1.15 {
			t.Errorf("it took %s, the quota takes %s", took, exact)
		}
		if refused := p.refused(); refused == 0 || refused > 50 {
			t.Errorf("%d requests were refused", refused)
		}
	})
}

// TestEqualParts reads an account with a long list beside others: it does not hold them up.
func TestEqualParts(t *testing.T) {
	key, file := keyFile(t)
	synctest.Test(t, func(t *testing.T) {
		p := newPaced(fakegoogle.Config{Key: key, Users: 30, Messages: 1, Quiet: true, Quotas: fakegoogle.UsualQuotas(0.1)}, file)
		accounts := ordinary(t, p.tenant, 6)
		var devices []map[string]any
		for i := range 1_500 {
			devices = append(devices, map[string]any{"resourceId": fmt.Sprintf("device-%04d", i), "email": []any{accounts[0]}})
		}
		if err := p.tenant.Seed(fakegoogle.Seed{Account: accounts[0], MobileDevices: devices}); err != nil {
			t.Fatal(err)
		}
		p.config.Quota, _ = workspace.ParseQuota("0.1")
		p.config.NoLogs = true
		sink := &collectortest.Sink{DigestsOnly: true}
		done := p.collect(t, sink, accounts, len(accounts))
		for _, gap := range sink.Gaps() {
			if gap.Account != accounts[0] { // more devices than are asked about
				t.Errorf("gap: %s %s %s: %s", gap.Account, gap.Resource, gap.Item, gap.Reason)
			}
		}
		for _, account := range accounts[1:] {
			if done[account] > done[accounts[0]]*4/5 {
				t.Errorf("%s was done after %s, the one with 1,500 devices after %s", account, done[account], done[accounts[0]])
			}
		}
	})
}

// TestParallelWithinGmailsBound keeps below the number of requests at once that Gmail takes for a user, however slow it is.
func TestParallelWithinGmailsBound(t *testing.T) {
	key, file := keyFile(t)
	synctest.Test(t, func(t *testing.T) {
		p := newPaced(fakegoogle.Config{Key: key, Messages: 1, Quotas: fakegoogle.Quotas{GmailParallel: 10},
			Latency: func(string) time.Duration { return 5 * time.Second }}, file)
		p.config.EmergencyOnly = true
		sink := &collectortest.Sink{}
		p.collect(t, sink, []string{fakegoogle.Victim}, 1)
		wantNoGap(t, sink)
		if n := p.refused(); n > 0 {
			t.Errorf("%d requests were refused", n)
		}
	})
}

// TestParallelBoundIsLearned meets a bound that is smaller than any that is known.
func TestParallelBoundIsLearned(t *testing.T) {
	key, file := keyFile(t)
	synctest.Test(t, func(t *testing.T) {
		p := newPaced(fakegoogle.Config{Key: key, Messages: 1, Quotas: fakegoogle.Quotas{GmailParallel: 2},
			Latency: func(string) time.Duration { return 3 * time.Second }}, file)
		sink := &collectortest.Sink{}
		p.collect(t, sink, []string{fakegoogle.Victim}, 1)
		wantNoGap(t, sink)
		if p.refused() == 0 {
			t.Error("nothing was refused: the bound was not met")
		}
	})
}

// TestWaitingEndsWithTheContext does not wait for a quota when nobody wants the answer any more.
func TestWaitingEndsWithTheContext(t *testing.T) {
	key, file := keyFile(t)
	synctest.Test(t, func(t *testing.T) {
		p := newPaced(fakegoogle.Config{Key: key, Messages: 1}, file)
		p.tenant.Fail(fakegoogle.Fault{Method: "directory.users.get", Times: -1, Status: http.StatusTooManyRequests, RetryAfter: 10 * time.Minute})
		c, err := workspace.New(p.config)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err = c.Collect(ctx, collectors.Scope{Account: fakegoogle.Victim}, &collectortest.Sink{})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(p.began) > time.Minute {
			t.Errorf("after %s: %v", time.Since(p.began), err)
		}
	})
}
