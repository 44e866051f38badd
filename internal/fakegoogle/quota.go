package fakegoogle

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Quotas limit calls per minute of the tenant's clock, for one project. Zero fields have the values that Google's pages name
// for projects made since May 2026 ("limits" or "quota" of each API below developers.google.com/workspace); where they name
// none the comment says so. A negative field is no limit. Where a narrower limit is zero and the broader one that is named
// beside it is set, it is as large as that one.
type Quotas struct {
	GmailUnits         int // units and user: 6,000
	GmailProject       int // units, all users together: 1,200,000
	GmailParallel      int // calls at once for one user: 50
	Directory          int // queries and user: 2,400
	Reports            int // queries and user: 2,400
	ReportsFiltered    int // activities.list that asks for a user, an event or the like, all users together: 250; or Reports
	Drive              int // units and user: 325,000; a list costs 100, another read 5
	DriveProject       int // units, all users together: 1,000,000; or Drive
	Others             int // queries and user of each API of which Google names no limit by the minute: 600, which is a guess
	Calendar           int // queries and user: 600; or Others
	CalendarProject    int // queries, all users together: 10,000; or Others
	AlertCenter        int // queries a second and user: 150; or Others
	AlertCenterProject int // queries a second, all users together: 1,000; or Others
	VaultMatters       int // reads of matters, all users together: 120, of which a list costs 10; or Others
	VaultHolds         int // reads of holds, all users together: 228, of which a list costs 3; or Others
	GroupsSettings     int // queries a day, all users together: 100,000; or Others
	DriveActivity      int // queries and user: 100, which Google does not name, and a project had (jolly-roger#2161); or Others

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

// usualQuotas are what the zero fields of Quotas stand for.
func usualQuotas() Quotas {
	return Quotas{GmailUnits: 6000, GmailProject: 1_200_000, GmailParallel: 50, Directory: 2400, Reports: 2400, ReportsFiltered: 250,
		Drive: 325_000, DriveProject: 1_000_000, Others: 600, Calendar: 600, CalendarProject: 10_000, AlertCenter: 150, AlertCenterProject: 1000,
		VaultMatters: 120, VaultHolds: 228, GroupsSettings: 100_000, DriveActivity: 100, MessageGet: 20, Minute: time.Minute}
}

// UsualQuotas are Google's own times a factor: those of a project of which other programs use a part, or for which more was
// asked. What a call costs stays as it is, and each limit lets the dearest call through.
func UsualQuotas(factor float64) Quotas {
	q := usualQuotas()
	for _, limit := range q.limits() {
		*limit.field = max(int(float64(*limit.field)*factor), limit.dearest)
	}
	return q
}

// A quotaLimit is one of the limits of Quotas.
type quotaLimit struct {
	field, broader *int // broader: nil has none
	dearest        int  // what a single call may cost
}

// limits are all that may be scaled, the broader before the narrower.
func (q *Quotas) limits() []quotaLimit {
	return []quotaLimit{{&q.GmailUnits, nil, 100}, {&q.GmailProject, nil, 100}, {&q.Directory, nil, 1}, {&q.Reports, nil, 1}, {&q.ReportsFiltered, &q.Reports, 1},
		{&q.Drive, nil, 100}, {&q.DriveProject, &q.Drive, 100}, {&q.Others, nil, 1}, {&q.Calendar, &q.Others, 1}, {&q.CalendarProject, &q.Others, 1},
		{&q.AlertCenter, &q.Others, 1}, {&q.AlertCenterProject, &q.Others, 1}, {&q.VaultMatters, &q.Others, 10}, {&q.VaultHolds, &q.Others, 3},
		{&q.GroupsSettings, &q.Others, 1}, {&q.DriveActivity, &q.Others, 1}}
}

func (q Quotas) withDefaults() Quotas {
	said, usual := q, usualQuotas()
	broader, usualLimits := said.limits(), usual.limits()
	for i, limit := range q.limits() {
		switch {
		case *limit.field != 0:
		case broader[i].broader != nil && *broader[i].broader != 0:
			*limit.field = *broader[i].broader
		default:
			*limit.field = *usualLimits[i].field
		}
	}
	q.GmailParallel = cmp.Or(q.GmailParallel, usual.GmailParallel)
	q.MessageGet = cmp.Or(q.MessageGet, usual.MessageGet)
	q.Minute = cmp.Or(q.Minute, usual.Minute)
	return q
}

// units is what a call costs.
func (q Quotas) units(m *method) int {
	name, isGmail := strings.CutPrefix(m.ID, "gmail.users.")
	if m.api.Name == "drive" {
		return driveUnits(m)
	}
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

// driveUnits is what a call costs of Drive's quota: reading, listing, changing.
func driveUnits(m *method) int {
	switch {
	case m.Verb != http.MethodGet:
		return 50
	case strings.HasSuffix(m.ID, ".list"):
		return 100
	}
	return 5
}

// A meter counts the units of a period, which begins with its first call.
type meter struct {
	began time.Time
	used  int
}

// lacks says how long to wait until a bucket has so many units.
func (m *meter) lacks(now time.Time, b bucket) time.Duration {
	if b.limit < 0 || m.over(now, b) || m.used+b.units <= b.limit {
		return 0
	}
	return m.began.Add(b.period).Sub(now)
}

func (m *meter) over(now time.Time, b bucket) bool {
	return now.Sub(m.began) >= b.period || now.Before(m.began)
}

func (m *meter) take(now time.Time, b bucket) {
	if m.over(now, b) {
		m.began, m.used = now, 0
	}
	m.used += b.units
}

// A bucket is what a call is counted in.
type bucket struct {
	name   string
	units  int // of the call
	limit  int // units in a period; negative is none
	period time.Duration
}

// buckets are those of a call for a user; quotaUser parts those of users further, but at Gmail.
func (q Quotas) buckets(m *method, subject, path string, query url.Values) []bucket {
	user := " " + subject
	if quotaUser := query.Get("quotaUser"); quotaUser != "" && m.api.Name != "gmail" {
		user += " " + quotaUser
	}
	units := q.units(m)
	one := func(name string, limit int) bucket { return bucket{name, units, limit, q.Minute} }
	switch m.api.Name {
	case "gmail":
		return []bucket{one("gmail"+user, q.GmailUnits), one("gmail project", q.GmailProject)}
	case "admin":
		if !strings.HasPrefix(m.ID, "reports.") {
			return []bucket{one("directory"+user, q.Directory)}
		}
		buckets := []bucket{one("reports"+user, q.Reports)}
		if m.ID == "reports.activities.list" && filtered(path, query) {
			buckets = append(buckets, one("reports filtered", q.ReportsFiltered))
		}
		return buckets
	case "drive":
		return []bucket{one("drive"+user, q.Drive), one("drive project", q.DriveProject)}
	case "calendar":
		return []bucket{one("calendar"+user, q.Calendar), one("calendar project", q.CalendarProject)}
	case "alertcenter":
		second := q.Minute / 60
		return []bucket{{"alertcenter" + user, units, q.AlertCenter, second}, {"alertcenter project", units, q.AlertCenterProject, second}}
	case "vault":
		matters, holds := vaultReads(m)
		return []bucket{{"vault matters", matters, q.VaultMatters, q.Minute}, {"vault holds", holds, q.VaultHolds, q.Minute}}
	case "groupssettings":
		return []bucket{{"groupssettings project", units, q.GroupsSettings, 24 * 60 * q.Minute}}
	case "driveactivity":
		return []bucket{one("driveactivity"+user, q.DriveActivity)}
	}
	return []bucket{one(m.api.Name+user, q.Others)}
}

// filtered says whether activities.list counts as a filter query: by these parameters, and by a userKey, which stands in
// the path, where "all" is none.
func filtered(path string, query url.Values) bool {
	for _, name := range []string{"actorIpAddress", "eventName", "filters", "orgUnitID", "groupIdFilter"} {
		if query.Get(name) != "" {
			return true
		}
	}
	return !strings.Contains(path, "/users/all/")
}

// vaultReads is what a call costs of the two kinds of reads of Vault.
func vaultReads(m *method) (matters, holds int) {
	switch {
	case m.ID == "vault.matters.list":
		return 10, 0
	case m.ID == "vault.matters.holds.list":
		return 1, 3
	case strings.HasPrefix(m.ID, "vault.matters.holds."):
		return 1, 1
	}
	return 1, 0
}

// charge counts a call and refuses it where a quota is spent. What is refused costs nothing.
func (t *Tenant) charge(c *call) *apiError {
	q := t.config.Quotas
	c.units = q.units(c.method)
	buckets := q.buckets(c.method, c.subject, c.request.URL.EscapedPath(), c.query)
	wait := time.Duration(0)
	for _, b := range buckets {
		wait = max(wait, t.meter(b.name).lacks(c.now, b))
	}
	if wait > 0 {
		e := c.quotaError()
		if q.RetryAfter > 0 {
			wait = q.RetryAfter
		}
		if q.RetryAfter != 0 {
			e.retry = int((wait + time.Second - 1) / time.Second)
		}
		return e
	}
	for _, b := range buckets {
		t.meter(b.name).take(c.now, b)
	}
	return nil
}

// A Bound is how long one quota makes a list of requests take at least.
type Bound struct {
	Quota string // the API, and the user or what else has it; as in "reports filtered", "directory admin@example.com"
	Units int    // that the requests cost
	Limit int    // units in a period
	Least time.Duration
}

// Bounds are the quotas that a list of requests was counted in, the one that takes longest first. However well they are
// timed, a quota's first period is free, and each further one has to be waited for. Of a request the method, the subject,
// the path and the query count; those that a quota refused (Reason) cost nothing.
func (t *Tenant) Bounds(requests []Request) []Bound {
	q := t.config.Quotas
	bounds := map[string]*Bound{}
	for _, r := range requests {
		m := t.discovery.method(r.Method)
		if m == nil || r.OverQuota() {
			continue
		}
		query, err := url.ParseQuery(r.Query)
		if err != nil {
			query = url.Values{}
		}
		for _, b := range q.buckets(m, r.Subject, r.Path, query) {
			if b.limit <= 0 || b.units == 0 {
				continue
			}
			if bounds[b.name] == nil {
				bounds[b.name] = &Bound{Quota: b.name, Limit: b.limit}
			}
			of := bounds[b.name]
			of.Units += b.units
			of.Least = time.Duration((of.Units-1)/b.limit) * b.period
		}
	}
	var all []Bound
	for _, name := range slices.Sorted(maps.Keys(bounds)) {
		all = append(all, *bounds[name])
	}
	slices.SortStableFunc(all, func(a, b Bound) int { return cmp.Compare(b.Least, a.Least) })
	return all
}

// LowerBound is the longest of the Bounds: compare it with the time that a reader took by the tenant's clock.
func (t *Tenant) LowerBound(requests []Request) time.Duration {
	bounds := t.Bounds(requests)
	if len(bounds) == 0 {
		return 0
	}
	return bounds[0].Least
}

// OverQuota says that the request was refused because a quota was spent.
func (r Request) OverQuota() bool {
	return r.Reason == "rateLimitExceeded" || r.Reason == "userRateLimitExceeded" || r.Reason == "backendError"
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
	case strings.HasPrefix(c.method.ID, "reports."), c.method.api.Name == "alertcenter":
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
