package workspace_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
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
	var mu sync.Mutex
	done := map[string]time.Duration{}
	slots := make(chan struct{}, atOnce)
	var group sync.WaitGroup
	for _, account := range accounts {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			if err := c.Collect(t.Context(), collectors.Scope{Account: account, Messages: collectors.MessagesNone}, sink); err != nil {
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
		if r.Status == http.StatusTooManyRequests || r.Reason == "rateLimitExceeded" || r.Reason == "userRateLimitExceeded" || r.Reason == "backendError" {
			n++
		}
	}
	return n
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

// tenth are quotas a tenth as large as Google's.
func tenth() fakegoogle.Quotas {
	return fakegoogle.Quotas{GmailUnits: 600, GmailProject: 120_000, Directory: 240, Reports: 240, Others: 30}
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

// TestQuotaIsNeverPassed reads many accounts at the edge of a known quota: nothing is refused, nothing is lost, and little
// time beyond what the quota itself takes.
func TestQuotaIsNeverPassed(t *testing.T) {
	key, file := keyFile(t)
	synctest.Test(t, func(t *testing.T) {
		p := newPaced(fakegoogle.Config{Key: key, Users: 220, Messages: 1, Quiet: true, Quotas: tenth()}, file)
		p.config.Quota, _ = workspace.ParseQuota("0.1")
		p.config.NoLogs = true
		sink := &collectortest.Sink{DigestsOnly: true}
		p.collect(t, sink, ordinary(t, p.tenant, 200), 16)
		took := time.Since(p.began)
		wantNoGap(t, sink)
		if n := p.refused(); n > 0 {
			t.Errorf("%d requests were refused for their quota", n)
		}
		bound := p.tenant.LowerBound(p.tenant.Requests())
		t.Logf("200 accounts, %d requests: %s; the quotas take %s at least", len(p.tenant.Requests()), took, bound)
		if bound < 3*time.Minute || took > bound+bound/3 {
			t.Errorf("it took %s, the quotas take %s", took, bound)
		}
	})
}

// TestQuotaSmallerThanSaid meets quotas that are a quarter of what they are believed to be, in each way that they refuse.
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
			synctest.Test(t, func(t *testing.T) {
				q.GmailUnits, q.Directory, q.Reports = 120, 300, 300
				p := newPaced(fakegoogle.Config{Key: key, Users: 60, Messages: 1, Quiet: true, Quotas: q}, file)
				sink := &collectortest.Sink{DigestsOnly: true}
				p.collect(t, sink, ordinary(t, p.tenant, 16), 16)
				wantNoGap(t, sink)
				refused, all := p.refused(), len(p.tenant.Requests())
				t.Logf("%d of %d requests refused, %s; the quotas take %s at least", refused, all, time.Since(p.began), p.tenant.LowerBound(p.tenant.Requests()))
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

// TestEqualParts reads an account with a long list beside others: it does not hold them up.
func TestEqualParts(t *testing.T) {
	key, file := keyFile(t)
	synctest.Test(t, func(t *testing.T) {
		p := newPaced(fakegoogle.Config{Key: key, Users: 30, Messages: 1, Quiet: true, Quotas: tenth()}, file)
		accounts := ordinary(t, p.tenant, 6)
		var devices []map[string]any
		for i := range 5_000 {
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
				t.Errorf("%s was done after %s, the one with 50 pages after %s", account, done[account], done[accounts[0]])
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
