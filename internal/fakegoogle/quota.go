package fakegoogle

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Quotas limit calls per minute of the tenant's clock and per project and user. Zero fields have Google's values for
// projects made since May 2026; a negative one is no limit.
type Quotas struct {
	GmailUnits    int // units per minute and user: 6,000
	GmailProject  int // units per minute, all users together: 1,200,000
	GmailParallel int // calls at once for one user: 50
	Directory     int // queries per minute and user: 2,400
	Reports       int // queries per minute and user: 2,400
	Drive         int // units per minute and user: 325,000
	Others        int // queries per minute and user of each other API: 600

	// MessageGet is what messages.get costs: 20 units, 5 before May 2026.
	MessageGet int

	// Minute is how long a minute of the quotas lasts by the tenant's clock; 0 means a minute. A benchmark on a running
	// clock (Config.Now nil) that has not hours takes one of three seconds: waiting is then 20 times as short, and the
	// tenant as fast as ever, so that what a reader loses by waiting badly shows 20 times as small too.
	Minute time.Duration

	// Refusal is how Gmail says that a quota is spent: at Google all of these are seen.
	Refusal Refusal

	// RetryAfter is sent with refusals, in whole seconds; 0 sends none, negative sends what is left of the minute.
	RetryAfter time.Duration
}

// A Refusal is a way in which Gmail says that a quota is spent.
type Refusal int

const (
	RateLimit     Refusal = iota // 403 rateLimitExceeded
	UserRateLimit                // 403 userRateLimitExceeded
	TooMany                      // 429 rateLimitExceeded
)

func (q Quotas) withDefaults() Quotas {
	for _, d := range []struct {
		field *int
		value int
	}{{&q.GmailUnits, 6000}, {&q.GmailProject, 1_200_000}, {&q.GmailParallel, 50}, {&q.Directory, 2400}, {&q.Reports, 2400},
		{&q.Drive, 325_000}, {&q.Others, 600}, {&q.MessageGet, 20}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if q.Minute == 0 {
		q.Minute = time.Minute
	}
	return q
}

// units is what a call costs.
func (q Quotas) units(m *method) int {
	name, isGmail := strings.CutPrefix(m.ID, "gmail.users.")
	if !isGmail {
		return 1
	}
	switch name {
	case "messages.get":
		return q.MessageGet
	case "threads.get":
		return 2 * q.MessageGet
	case "messages.list", "threads.list", "messages.attachments.get", "messages.modify", "messages.trash", "messages.untrash", "drafts.get", "drafts.list":
		return 5
	case "history.list":
		return 2
	case "messages.batchModify":
		return 50
	case "settings.delegates.create", "settings.forwardingAddresses.create", "settings.sendAs.create", "settings.sendAs.update",
		"settings.sendAs.patch", "settings.sendAs.verify":
		return 100
	}
	switch {
	case m.Verb == http.MethodGet:
		return 1
	case strings.HasPrefix(name, "settings."), strings.HasPrefix(name, "labels."):
		return 5
	}
	return 10
}

// A meter counts the units of a minute, which begins with its first call.
type meter struct {
	began time.Time
	used  int
}

func (m *meter) take(now time.Time, minute time.Duration, units, limit int) (wait time.Duration, ok bool) {
	if now.Sub(m.began) >= minute || now.Before(m.began) {
		m.began, m.used = now, 0
	}
	if limit >= 0 && m.used+units > limit {
		return m.began.Add(minute).Sub(now), false
	}
	m.used += units
	return 0, true
}

// A bucket is what a call is counted in.
type bucket struct {
	name  string
	limit int // units per minute; negative is none
}

// buckets are those of a call for a user; quotaUser parts them further, but at Gmail.
func (q Quotas) buckets(m *method, subject, quotaUser string) []bucket {
	b := bucket{m.api.Host + " " + subject, q.Others}
	switch {
	case m.api.Name == "gmail":
		return []bucket{{b.name, q.GmailUnits}, {"gmail project", q.GmailProject}}
	case strings.HasPrefix(m.ID, "reports."):
		b = bucket{"reports " + subject, q.Reports}
	case m.api.Name == "admin":
		b = bucket{"directory " + subject, q.Directory}
	case m.api.Name == "drive":
		b.limit = q.Drive
	}
	if quotaUser != "" {
		b.name += " " + quotaUser
	}
	return []bucket{b}
}

// charge counts a call and refuses it where the quota of its minute is spent.
func (t *Tenant) charge(c *call) *apiError {
	q := t.config.Quotas
	c.units = q.units(c.method)
	for _, b := range q.buckets(c.method, c.subject, c.query.Get("quotaUser")) {
		if wait, ok := t.meter(b.name).take(c.now, q.Minute, c.units, b.limit); !ok {
			e := c.quotaError()
			if after := q.RetryAfter; after > 0 {
				wait = after
			} else if after == 0 {
				return e
			}
			e.retry = int((wait + time.Second - 1) / time.Second)
			return e
		}
	}
	return nil
}

// LowerBound is how long the quotas make a list of requests take at least, however well they are timed: a bucket's
// first minute is free, each further one has to be waited for. Of a request the method and the subject count, and of the
// query quotaUser; those that a quota refused (Reason) cost nothing. Compare it with the time that a reader took by the
// tenant's clock.
func (t *Tenant) LowerBound(requests []Request) time.Duration {
	q := t.config.Quotas
	spent, limits := map[string]int{}, map[string]int{}
	for _, r := range requests {
		m := t.discovery.method(r.Method)
		if m == nil || r.Reason == "rateLimitExceeded" || r.Reason == "userRateLimitExceeded" || r.Reason == "backendError" {
			continue
		}
		quotaUser := ""
		if query, err := url.ParseQuery(r.Query); err == nil {
			quotaUser = query.Get("quotaUser")
		}
		for _, b := range q.buckets(m, r.Subject, quotaUser) {
			spent[b.name] += q.units(m)
			limits[b.name] = b.limit
		}
	}
	minutes := 0
	for name, units := range spent {
		if limit := limits[name]; limit > 0 {
			minutes = max(minutes, (units-1)/limit)
		}
	}
	return time.Duration(minutes) * q.Minute
}

// method finds a method by its id.
func (e *extract) method(id string) *method {
	for i := range e.APIs {
		for j := range e.APIs[i].Methods {
			if e.APIs[i].Methods[j].ID == id {
				return &e.APIs[i].Methods[j]
			}
		}
	}
	return nil
}

func (t *Tenant) meter(key string) *meter {
	if t.meters[key] == nil {
		t.meters[key] = &meter{}
	}
	return t.meters[key]
}

// says is the status and the reason of a refusal.
func (r Refusal) says() (status int, reason string) {
	switch r {
	case UserRateLimit:
		return http.StatusForbidden, "userRateLimitExceeded"
	case TooMany:
		return http.StatusTooManyRequests, "rateLimitExceeded"
	}
	return http.StatusForbidden, "rateLimitExceeded"
}

// quotaError is what each API says when a minute's quota is spent: they do not agree.
func (c *call) quotaError() *apiError {
	var e *apiError
	switch {
	case c.method.api.Name == "gmail":
		status, reason := c.tenant.config.Quotas.Refusal.says()
		e = failure(status, reason,
			"Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per user' of service 'gmail.googleapis.com' for consumer 'project_number:%s'.", projectNumber)
		e.info = "RATE_LIMIT_EXCEEDED"
	case strings.HasPrefix(c.method.ID, "reports."):
		return failure(http.StatusServiceUnavailable, "backendError", "The service is currently unavailable.")
	case c.method.api.Name == "admin":
		e = failure(http.StatusForbidden, "userRateLimitExceeded",
			"Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per user' of service 'admin.googleapis.com' for consumer 'project_number:%s'.", projectNumber)
	case c.method.api.Name == "drive":
		e = failure(http.StatusForbidden, "userRateLimitExceeded", "User Rate Limit Exceeded. Rate of requests for user exceed configured project quota.")
	default:
		e = failure(http.StatusTooManyRequests, "rateLimitExceeded",
			"Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per user' of service '%s'.", c.method.api.Host)
		e.info = "RATE_LIMIT_EXCEEDED"
	}
	e.domain = "usageLimits"
	return e
}

// enter counts the calls in progress for one mailbox; Gmail refuses too many at once.
func (t *Tenant) enter(c *call) *apiError {
	if c.method.api.Name != "gmail" {
		return nil
	}
	if limit := t.config.Quotas.GmailParallel; limit >= 0 && t.running[c.subject] >= limit {
		e := failure(http.StatusTooManyRequests, "rateLimitExceeded", "Too many concurrent requests for user.")
		e.domain = "usageLimits"
		return e
	}
	t.running[c.subject]++
	c.entered = true
	return nil
}

func (t *Tenant) leave(c *call) {
	if c.entered {
		t.running[c.subject]--
	}
}
