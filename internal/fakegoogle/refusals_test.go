package fakegoogle

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	admin "google.golang.org/api/admin/directory/v1"
	reports "google.golang.org/api/admin/reports/v1"
	"google.golang.org/api/gmail/v1"
	"google.golang.org/api/vault/v1"
)

// TestWaysToRefuse has Gmail refuse a second call in each of the ways that Google does.
func TestWaysToRefuse(t *testing.T) {
	for name, c := range map[string]struct {
		quotas     Quotas
		status     int
		reason     string
		retryAfter string
	}{
		"rate":           {Quotas{}, 403, "rateLimitExceeded", ""},
		"user rate":      {Quotas{Refusal: UserRateLimit, RetryAfter: 7 * time.Second}, 403, "userRateLimitExceeded", "7"},
		"429":            {Quotas{Refusal: TooMany, RetryAfter: 1500 * time.Millisecond}, 429, "rateLimitExceeded", "2"},
		"rest of minute": {Quotas{Refusal: TooMany, RetryAfter: -1}, 429, "rateLimitExceeded", "50"},
		"short minute":   {Quotas{Refusal: TooMany, RetryAfter: -1, Minute: 12 * time.Second}, 429, "rateLimitExceeded", "2"},
	} {
		t.Run(name, func(t *testing.T) {
			c.quotas.GmailUnits = 1
			w := newWire(t, Config{Quotas: c.quotas})
			token := w.token(Victim, gmail.GmailReadonlyScope)
			ask := func() *http.Response {
				r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), "GET", "https://gmail.googleapis.com/gmail/v1/users/me/profile", nil))
				r.Header.Set("Authorization", "Bearer "+token)
				response := must[*http.Response](t)(w.client.Do(r))
				response.Body.Close()
				return response
			}
			if first := ask(); first.StatusCode != http.StatusOK {
				t.Fatalf("the first call was answered %d", first.StatusCode)
			}
			w.clock.Advance(10 * time.Second)
			refused := ask()
			log := w.Requests()
			if refused.StatusCode != c.status || refused.Header.Get("Retry-After") != c.retryAfter || log[len(log)-1].Reason != c.reason {
				t.Errorf("the refusal is %d, Retry-After %q, %s", refused.StatusCode, refused.Header.Get("Retry-After"), log[len(log)-1].Reason)
			}
			if c.quotas.RetryAfter < 0 {
				w.clock.Advance(w.config.Quotas.Minute - 10*time.Second)
				if again := ask(); again.StatusCode != http.StatusOK {
					t.Errorf("when the minute is over the answer is %d", again.StatusCode)
				}
			}
		})
	}
}

func TestLowerBound(t *testing.T) {
	tenant := New(Config{Quotas: Quotas{GmailProject: 14_000, Minute: 3 * time.Second}})
	repeat := func(n int, r Request) []Request { return slices.Repeat([]Request{r}, n) }
	get := Request{Method: "gmail.users.messages.get", Subject: Victim}
	quoted := func(user string) Request {
		return Request{Method: "directory.tokens.list", Subject: Admin, Query: url.Values{"quotaUser": {user}}.Encode()}
	}
	for name, c := range map[string]struct {
		requests []Request
		minutes  time.Duration
	}{
		"nothing":                       {nil, 0},
		"a minute's worth":              {repeat(300, get), 0},
		"one more":                      {repeat(301, get), 1},
		"ten thousand messages":         {repeat(10_000, get), 33},
		"over three mailboxes":          {slices.Concat(repeat(300, get), repeat(300, Request{Method: get.Method, Subject: "a"}), repeat(300, Request{Method: get.Method, Subject: "b"})), 1},
		"what a quota refused":          {repeat(10_000, Request{Method: get.Method, Subject: Victim, Reason: "rateLimitExceeded"}), 0},
		"tokens":                        {repeat(10_000, Request{Method: "token", Subject: Victim}), 0},
		"Directory":                     {repeat(2401, Request{Method: "directory.tokens.list", Subject: Admin}), 1},
		"Directory for two quota users": {slices.Concat(repeat(2000, quoted("a")), repeat(2000, quoted("b"))), 0},
		"the same by one":               {repeat(4000, quoted("a")), 1},
	} {
		if got := tenant.LowerBound(c.requests); got != c.minutes*3*time.Second {
			t.Errorf("%s: %v, not %d minutes of three seconds", name, got, c.minutes)
		}
	}
}

// TestEachQuotaIsCountedAsItsPageSays asks until an API refuses, and once more when its period is over.
func TestEachQuotaIsCountedAsItsPageSays(t *testing.T) {
	for name, c := range map[string]struct {
		scope, host, path string
		query             url.Values
		calls, status     int
		period            time.Duration
	}{
		"logs of a user":      {reports.AdminReportsAuditReadonlyScope, "admin.googleapis.com", "admin/reports/v1/activity/users/" + Victim + "/applications/vault", nil, 250, 503, time.Minute},
		"logs of an event":    {reports.AdminReportsAuditReadonlyScope, "admin.googleapis.com", "admin/reports/v1/activity/users/all/applications/vault", url.Values{"eventName": {"x"}}, 250, 503, time.Minute},
		"alerts":              {"https://www.googleapis.com/auth/apps.alerts", "alertcenter.googleapis.com", "v1beta1/alerts", nil, 150, 503, time.Second},
		"matters":             {"https://www.googleapis.com/auth/ediscovery.readonly", "vault.googleapis.com", "v1/matters", nil, 12, 429, time.Minute},
		"calendars of a user": {"https://www.googleapis.com/auth/calendar.readonly", "www.googleapis.com", "calendar/v3/users/me/calendarList", nil, 600, 429, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWire(t, Config{})
			token := w.token(Admin, c.scope)
			ask := func() int {
				status, _ := w.do(token, "GET", c.host, c.path, c.query, nil)
				return status
			}
			for i := range c.calls {
				if status := ask(); status != http.StatusOK {
					t.Fatalf("call %d: %d", i+1, status)
				}
			}
			if status := ask(); status != c.status {
				t.Errorf("call %d: %d, not %d", c.calls+1, status, c.status)
			}
			w.clock.Advance(c.period)
			if status := ask(); status != http.StatusOK {
				t.Errorf("after %s: %d", c.period, status)
			}
		})
	}
}

// TestNobodyIsFasterThanTheLowerBound asks as fast as a reader can who knows when a minute ends.
func TestNobodyIsFasterThanTheLowerBound(t *testing.T) {
	b := newBench(t, Config{Quotas: Quotas{GmailUnits: 100}})
	users := b.gmail(Victim, gmail.GmailReadonlyScope)
	id := b.state(Victim).Messages[0]
	for range 23 {
		for {
			if _, err := users.Messages.Get("me", id).Format("minimal").Do(); err == nil {
				break
			}
			b.clock.Advance(time.Second)
		}
	}
	took := b.clock.Now().Sub(Start())
	if bound := b.LowerBound(b.Requests()); bound != 4*time.Minute || took < bound {
		t.Errorf("it took %v, the bound is %v", took, bound)
	}
}

func TestWhatTheEditionLacks(t *testing.T) {
	b := newBench(t, Config{Unlicensed: map[string]Denial{"gmail": {}, "vault.googleapis.com": {}, "cloudidentity.devices": {}, "context_aware_access": {Status: 403,
		Reason: "forbidden", Message: "Not included"}}})
	r := b.reports(Admin).Activities
	stamp := Start().Format(time.RFC3339)
	_, err := r.List("all", "gmail").StartTime(stamp).EndTime(stamp).Do()
	wantError(t, err, http.StatusUnauthorized, "authError")
	_, err = r.List("all", "context_aware_access").Do()
	wantError(t, err, http.StatusForbidden, "forbidden")
	must[*reports.Activities](t)(r.List("all", "login").Do())
	_, err = service(b, vault.NewService, Admin, vault.EdiscoveryScope).Matters.List().Do()
	wantStatus(t, err, "403")
	w := &wire{b, map[string]string{}, b.server.Client()}
	for path, want := range map[string]int{"v1/devices": 403, "v1/policies": 200} {
		scope := "https://www.googleapis.com/auth/cloud-identity." + strings.TrimPrefix(path, "v1/") + ".readonly"
		if status, body := w.do(w.token(Admin, scope), "GET", "cloudidentity.googleapis.com", path, nil, nil); status != want {
			t.Errorf("%s was answered %d %s", path, status, body)
		}
	}
	if held := b.Held(Start().AddDate(0, 0, -2), Start(), "gmail"); len(held) != 0 {
		t.Errorf("held are %v of what nobody may read", held)
	}
}

func TestRolesHavePrivileges(t *testing.T) {
	const dave = "dave@example.test"
	b := newBench(t, Config{Privileges: map[string][]string{dave: {"USERS_RESET_PASSWORD"}, Admin: nil}})
	d := b.directory(dave, admin.AdminDirectoryUserScope, admin.AdminDirectoryUserSecurityScope, admin.AdminDirectoryGroupScope)
	must[*admin.User](t)(d.Users.Get(Victim).Do())
	must[*admin.User](t)(d.Users.Update(Victim, &admin.User{Password: "a long enough password"}).Do())
	wantError(t, d.Users.SignOut(Victim).Do(), http.StatusForbidden, "forbidden")
	_, err := d.Tokens.List(Victim).Do()
	wantError(t, err, http.StatusForbidden, "forbidden")
	_, err = d.Groups.List().Customer("my_customer").Do()
	wantError(t, err, http.StatusForbidden, "forbidden")
	wantError(t, d.Users.Delete(Victim).Do(), http.StatusForbidden, "forbidden")
	_, err = b.reports(dave).Activities.List("all", "login").Do()
	wantError(t, err, http.StatusUnauthorized, "authError")
	must[*reports.Activities](t)(b.reports(Admin).Activities.List("all", "login").Do()) // super administrators have all
}

func TestConfigurationsThatHitNothingPanic(t *testing.T) {
	for name, config := range map[string]Config{
		"licence":    {Unlicensed: map[string]Denial{"gmial": {}}},
		"privileges": {Privileges: map[string][]string{"nobody@example.test": nil}},
		"protection": {AdvancedProtection: []string{"nobody@example.test"}},
		"federated":  {Federated: []string{"nobody@example.test"}},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if said, _ := recover().(string); !strings.HasPrefix(said, "fakegoogle: ") {
					t.Errorf("it said %q", said)
				}
			}()
			New(config)
		})
	}
}
