package workspace

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
)

const (
	scopeAudit = scopePrefix + "admin.reports.audit.readonly"

	logPrefix = "reports/"

	// kept is for how long Google keeps activities (activities.list: "the most recent 180 days").
	kept = 180 * 24 * time.Hour

	// keptOfGmail is for how long some say that it keeps those of Gmail; the page of activities.list makes no difference.
	keptOfGmail = 30 * 24 * time.Hour

	// longestGmail is the longest span that may be asked of the Gmail log: 30 days, less the edges.
	longestGmail = 30*24*time.Hour - time.Second

	// pageSize is how many activities a page has at the most (activities.list, maxResults).
	pageSize = 1000

	// An activity at the edge of two spans is asked for with both: whether Google counts the edges in, nobody promises.
	edge = time.Millisecond
)

// An application is one of Google's that keeps a log of activities.
type application struct {
	name string

	// lag is how long it takes until an activity shows, by Google's help (support.google.com/a/answer/7061566); "" where
	// that page, as far as it was read, does not say.
	lag string

	// tenant says that the log is read for everybody too: what others did there is about the account or about all.
	tenant bool
}

const (
	lagMinutes = "a couple of minutes"
	lagTens    = "tens of minutes, up to a couple of hours"
	lagHours   = "up to a few hours"
)

// applications are those of the Reports API, the ones that tell of a takeover first.
func applications() []application {
	return []application{
		{"login", "", false},
		{"token", "", false},
		{"user_accounts", "", false},
		{"admin", lagMinutes, true},
		{"gmail", "", false},
		{"takeout", "", true},
		{"drive", "", false},
		{"groups", "", true},
		{"groups_enterprise", "", true},
		{"mobile", lagMinutes, false},
		{"saml", "", false},
		{"rules", "", true},
		{"context_aware_access", lagMinutes, false},
		{"access_evaluation", lagMinutes, false},
		{"chrome", lagMinutes, false},
		{"chrome_sync", "", false},
		{"calendar", lagTens, false},
		{"chat", lagMinutes, false},
		{"contacts", "", false},
		{"profile", "", false},
		{"data_studio", "", false},
		{"vault", "", true},
		{"admin_data_action", lagMinutes, true},
		{"access_transparency", lagMinutes, true},
		{"gcp", "", false},
		{"workspace_studio", "", false},
		{"gemini_in_workspace_apps", "", false},
		{"gemini_notebook", "", false},
		{"data_migration", lagMinutes, true},
		{"directory_sync", "", true},
		{"ldap", "", false},
		{"cloud_search", lagHours, false},
		{"meet", "", false},
		{"meet_hardware", "", false},
		{"voice", "", false},
		{"keep", "", false},
		{"tasks", "", false},
		{"classroom", lagMinutes, false},
		{"assignments", lagMinutes, false},
		{"graduation", "", false},
		{"gplus", "", false},
		{"jamboard", "", false},
	}
}

// tenantApplications are those of which everybody's activities are read.
func tenantApplications() []application {
	return slices.DeleteFunc(applications(), func(a application) bool { return !a.tenant })
}

// Applications lists the logs that are read of an account, and those that are read of the whole tenant.
func Applications() (account, tenant []string) {
	for _, a := range applications() {
		account = append(account, a.name)
		if a.tenant {
			tenant = append(tenant, a.name)
		}
	}
	return account, tenant
}

// everybody stands for all users in the path of a log.
const everybody = "all"

// logStages are the logs of what an account did, or of what everybody did, and what Google counted of it.
func (c *Collector) logStages(apps []application, user string) []stage {
	switch {
	case c.cfg.NoLogs:
		return nil
	case c.cfg.Again != nil:
		return []stage{logs(apps, user)}
	}
	return []stage{logs(apps, user), usage(user)}
}

func logs(apps []application, user string) stage {
	rows := func(*run) []source {
		var rows []source
		for _, a := range apps {
			rows = append(rows, source{resource: logPrefix + a.name, api: reports, scope: scopeAudit})
		}
		return rows
	}
	return stage{"logs", rows, func(ctx context.Context, r *run) error {
		if r.c.consent() != nil {
			return r.withhold(rows(r))
		}
		return r.readLogs(ctx, apps, user)
	}}
}

// withhold writes down that rows are not offered with a user's own consent.
func (r *run) withhold(rows []source) error {
	for _, s := range rows {
		if err := r.notOffered(s, r.c.withheld(s)); err != nil {
			return err
		}
	}
	return nil
}

// A span is from one time on and before another.
type span struct{ from, to time.Time }

const stampForm = "20060102T150405.000Z"

// item names a span in the items of exhibits and gaps.
func (s span) item() string {
	return s.from.UTC().Format(stampForm) + "-" + s.to.UTC().Format(stampForm)
}

// String is a span for a person to read.
func (s span) String() string {
	return "from " + s.from.UTC().Format(time.RFC3339) + " to " + s.to.UTC().Format(time.RFC3339)
}

// parseSpan reads what item writes.
func parseSpan(text string) (s span, ok bool) {
	from, to, ok := strings.Cut(text, "-")
	if !ok {
		return s, false
	}
	var errFrom, errTo error
	s.from, errFrom = time.Parse(stampForm, from)
	s.to, errTo = time.Parse(stampForm, to)
	return s, errFrom == nil && errTo == nil && s.from.Before(s.to)
}

// split cuts a span into equal parts, the newest first. One that is shorter than that many milliseconds gives fewer.
func (s span) split(n int) []span {
	var parts []span
	whole := s.to.Sub(s.from)
	to := s.to
	for i := n - 1; i >= 0; i-- {
		from := s.from.Add((whole / time.Duration(n) * time.Duration(i)).Truncate(time.Millisecond))
		if i == 0 {
			from = s.from
		}
		if from.Before(to) {
			parts = append(parts, span{from, to})
			to = from
		}
	}
	return parts
}

// within says whether an other span lies in this one.
func (s span) within(other span) bool { return !s.from.Before(other.from) && !s.to.After(other.to) }

// roots are the spans that reading a log begins with.
func (a application) roots(window span) []span {
	if a.name != "gmail" {
		return []span{window}
	}
	n := (window.to.Sub(window.from) + longestGmail - 1) / longestGmail
	return window.split(int(n))
}

// source is what asks for the activities of a span.
func (l *logReading) source(a application, s span) source {
	asked := s
	if !asked.from.Equal(l.window.from) {
		asked.from = asked.from.Add(-edge)
	}
	if !asked.to.Equal(l.window.to) {
		asked.to = asked.to.Add(edge)
	}
	const form = "2006-01-02T15:04:05.000Z"
	name := logPrefix + a.name
	if s != l.window {
		name += "/" + s.item()
	}
	return source{
		resource: logPrefix + a.name, item: s.item(), name: name, api: reports, scope: scopeAudit, list: "items",
		path: "admin/reports/v1/activity/users/" + l.user + "/applications/" + url.PathEscape(a.name),
		query: url.Values{"startTime": {asked.from.UTC().Format(form)}, "endTime": {asked.to.UTC().Format(form)},
			"maxResults": {strconv.Itoa(l.r.c.cfg.LogPage)}},
	}
}

// ErrWindow says that nothing can have happened between the times that are asked for.
var ErrWindow = errors.New("the logs are asked for until a time that is not after the one from which on")

// logWindow is from when to when logs are read. Its end is taken once, by Google's clock, so that what happens while pages
// are read moves nothing; a collection that is taken up again has the same.
func (c *Collector) logWindow(since, until time.Time) (span, error) {
	m := &c.logMemory
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.end.IsZero() {
		m.end = c.googleNow().UTC().Truncate(time.Second) // not after Google's own now
	}
	w := c.windowUntil(m.end, since, until)
	if !w.from.Before(w.to) {
		return w, fmt.Errorf("%w: %s", ErrWindow, w)
	}
	return w, nil
}

// windowUntil is the window that ends now, or earlier where the operator wants it so.
func (c *Collector) windowUntil(now, since, until time.Time) span {
	if a := c.cfg.Again; a != nil {
		return span{a.From.UTC().Truncate(time.Millisecond), now}
	}
	w := span{now.Add(-kept), now}
	if !since.IsZero() {
		w.from = since.UTC().Truncate(time.Millisecond)
	}
	if end := until.AddDate(0, 0, 1); !until.IsZero() && end.Before(w.to) { // a day counts whole
		w.to = end.UTC().Truncate(time.Millisecond)
	}
	return w
}

// googleNow is the time by Google's clock, as far as it was heard of.
func (c *Collector) googleNow() time.Time {
	c.clock.mu.Lock()
	defer c.clock.mu.Unlock()
	return c.cfg.Now().Add(c.clock.offset)
}

// keptAtLeast is for how long Google surely keeps the activities of an application.
func keptAtLeast(app string) time.Duration {
	if app == "gmail" {
		return keptOfGmail
	}
	return kept
}

// notOffered says whether Google answered that the tenant does not have a log, rather than that we may not read it: it
// knows no application of that name, or names the licence or edition that is missing.
func notOffered(err error) bool {
	var f *failure
	if !errors.As(err, &f) || class(err) != evidence.GapRefused {
		return false
	}
	return f.kind == ErrNotLicensed || licenceWords().MatchString(f.text) || strings.Contains(strings.ToLower(f.text), "applicationname")
}
