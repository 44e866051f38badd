package fakegoogle

import (
	"net/http"
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
}

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

func (m *meter) take(now time.Time, units, limit int) (wait time.Duration, ok bool) {
	if now.Sub(m.began) >= time.Minute || now.Before(m.began) {
		m.began, m.used = now, 0
	}
	if limit >= 0 && m.used+units > limit {
		return m.began.Add(time.Minute).Sub(now), false
	}
	m.used += units
	return 0, true
}

// charge counts a call and refuses it where the quota of its minute is spent.
func (t *Tenant) charge(c *call) *apiError {
	q := t.config.Quotas
	limit, key := q.Others, c.method.api.Host+" "+c.subject
	switch {
	case c.method.api.Name == "gmail":
		limit = q.GmailUnits
	case strings.HasPrefix(c.method.ID, "reports."):
		limit, key = q.Reports, "reports "+c.subject
	case c.method.api.Name == "admin":
		limit, key = q.Directory, "directory "+c.subject
	case c.method.api.Name == "drive":
		limit = q.Drive
	}
	if user := c.query.Get("quotaUser"); user != "" && c.method.api.Name != "gmail" {
		key += " " + user
	}
	c.units = q.units(c.method)
	if _, ok := t.meter(key).take(c.now, c.units, limit); !ok {
		return c.quotaError()
	}
	if c.method.api.Name == "gmail" {
		if _, ok := t.meter("gmail project").take(c.now, c.units, q.GmailProject); !ok {
			return c.quotaError()
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

// quotaError is what each API says when a minute's quota is spent: they do not agree.
func (c *call) quotaError() *apiError {
	var e *apiError
	switch {
	case c.method.api.Name == "gmail":
		e = failure(http.StatusForbidden, "rateLimitExceeded",
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
