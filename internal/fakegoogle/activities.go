package fakegoogle

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// An activity is one line of a log.
type activity struct {
	key         key
	application string
	user        int // -1 is nobody of the tenant
	ip          string
	client      string        // OAuth client through which the actor worked; "" is none
	events      []event       // empty for a habit: those are made when somebody looks
	habit       *habit        // nil for what happened once
	late        time.Duration // beyond the application's lag
}

// An event is a part of an activity; some have several.
type event struct {
	kind, name string
	parameters []any
}

func parameter(name, value string) object { return object{"name": name, "value": value} }

func boolean(name string, value bool) object { return object{"name": name, "boolValue": value} }

// applications are those of the discovery document. TestApplications holds the list to it.
func applications() []string {
	return []string{"access_transparency", "admin", "calendar", "chat", "drive", "gcp", "gmail", "gplus", "groups", "groups_enterprise",
		"jamboard", "login", "meet", "mobile", "rules", "saml", "token", "user_accounts", "context_aware_access", "chrome", "data_studio",
		"keep", "vault", "gemini_in_workspace_apps", "classroom", "assignments", "cloud_search", "tasks", "data_migration", "meet_hardware",
		"directory_sync", "ldap", "profile", "access_evaluation", "admin_data_action", "contacts", "takeout", "graduation", "voice",
		"chrome_sync", "workspace_studio", "gemini_notebook"}
}

// A habit is something that users do on ordinary days.
type habit struct {
	application, kind, name string
	perMille                int  // how often a user does it in a thousand days
	administrators          bool // nobody else does it
	parameters              func(*dice, person) []any
}

// habits are what users do, application by application. The applications that are not here have no activities, as most
// have in most companies; a test seeds what it needs.
func habits() []habit {
	none := func(*dice, person) []any { return nil }
	return []habit{
		{"login", "login", "login_success", 1400, false, func(d *dice, p person) []any {
			challenge := pick(d, "none", "google_prompt", "totp")
			return []any{parameter("login_type", "google_password"), object{"name": "login_challenge_method", "multiValue": texts("password",
				challenge)}, boolean("is_suspicious", false)}
		}},
		{"login", "login", "login_failure", 60, false, func(*dice, person) []any {
			return []any{parameter("login_type", "google_password"), parameter("login_failure_type", "login_failure_invalid_password")}
		}},
		{"login", "login", "logout", 90, false, func(*dice, person) []any { return []any{parameter("login_type", "google_password")} }},
		{"drive", "access", "view", 2500, false, onDocument("view")},
		{"drive", "access", "edit", 900, false, onDocument("edit")},
		{"drive", "access", "download", 150, false, onDocument("download")},
		{"drive", "acl_change", "change_user_access", 40, false, onDocument("change_user_access")},
		{"token", "auth", "authorize", 8, false, func(*dice, person) []any {
			return []any{parameter("client_id", "406964657835-calendarsync.apps.googleusercontent.com"), parameter("app_name", "Agenda Pro"),
				object{"name": "scope", "multiValue": texts("https://www.googleapis.com/auth/calendar.readonly", "openid")}}
		}},
		{"token", "auth", "activity", 700, false, func(*dice, person) []any {
			return []any{parameter("client_id", "406964657835-calendarsync.apps.googleusercontent.com"), parameter("api_name", "calendar"),
				parameter("method_name", "calendar.events.list")}
		}},
		{"user_accounts", "password_change", "password_edit", 3, false, none},
		{"user_accounts", "2sv_change", "2sv_enroll", 1, false, none},
		{"gmail", "delivery_type", "delivery", 4000, false, nil},
		{"admin", "USER_SETTINGS", "CREATE_USER", 20, true, func(d *dice, _ person) []any {
			return []any{parameter("USER_EMAIL", fmt.Sprintf("user%04d@%s", d.below(9999), Domain))}
		}},
		{"admin", "GROUP_SETTINGS", "ADD_GROUP_MEMBER", 80, true, func(*dice, person) []any {
			return []any{parameter("GROUP_EMAIL", "atelier@"+Domain), parameter("USER_EMAIL", "bob@"+Domain)}
		}},
		{"calendar", "event_change", "create_event", 500, false, func(d *dice, p person) []any { return []any{parameter("calendar_id", p.email)} }},
		{"calendar", "event_change", "change_event_guest_response", 300, false, func(d *dice, p person) []any { return []any{parameter("calendar_id", p.email)} }},
		{"mobile", "device_updates", "DEVICE_SYNC_EVENT", 250, false, func(d *dice, p person) []any {
			return []any{parameter("USER_EMAIL", p.email), parameter("DEVICE_MODEL", "Pixel 9")}
		}},
		{"meet", "call", "call_ended", 120, false, func(d *dice, _ person) []any {
			return []any{object{"name": "duration_seconds", "intValue": strconv.Itoa(60 + d.below(4000))}}
		}},
		{"chat", "user_action", "message_posted", 800, false, none},
		{"groups", "acl_permission", "change_acl_permission", 2, false, none},
		{"rules", "rule_match_type", "rule_match", 1, false, none},
		{"chrome", "chromeos_login_logout", "CHROMEOS_LOGIN", 60, false, none},
		{"saml", "login", "login_success", 30, false, func(*dice, person) []any { return []any{parameter("application_name", "Paie en ligne")} }},
		{"context_aware_access", "CONTEXT_AWARE_ACCESS_USER_EVENT", "ACCESS_DENY_EVENT", 2, false, none},
		{"data_studio", "ACCESS", "VIEW", 10, false, none},
		{"vault", "user_action", "view_investigation", 5, true, none},
		{"keep", "user_action", "created_note", 25, false, none},
	}
}

func onDocument(access string) func(*dice, person) []any {
	return func(d *dice, p person) []any {
		return []any{boolean("primary_event", true), parameter("doc_id", fmt.Sprintf("1fAkE%08x", d.below(1<<30))), parameter("doc_type", pick(d,
			"document", "spreadsheet", "pdf")),
			parameter("owner", p.email), parameter("visibility", pick(d, "private", "private", "shared_internally", "people_with_link")), parameter("event", access)}
	}
}

// activities finds at most limit activities that show at a time, newest first.
func (t *Tenant) activities(w wanted, now time.Time, limit int) []activity {
	if !w.after.at.IsZero() && w.after.at.Before(w.to) {
		w.to = w.after.at
	}
	var found []activity
	lag := t.config.Lag(w.application)
	for day := w.to.UTC().Truncate(24 * time.Hour); !day.Before(w.from.UTC().Truncate(24 * time.Hour)); day = day.AddDate(0, 0, -1) {
		for _, a := range t.day(w.application, day, w.user) {
			if t.wants(w, a) && !a.key.at.Add(lag+a.late).After(now) {
				if found = append(found, a); len(found) == limit {
					return found
				}
			}
		}
	}
	return found
}

// wants says whether an activity is among those that are asked for.
func (t *Tenant) wants(w wanted, a activity) bool {
	if a.key.at.Before(w.from) || a.key.at.After(w.to) || !w.after.at.IsZero() && w.after.compare(a.key) >= 0 {
		return false
	}
	if w.ip != "" && a.ip != w.ip {
		return false
	}
	if w.event == "" && len(w.filters) == 0 {
		return true
	}
	if a.habit != nil && w.event != "" && a.habit.name != w.event {
		return false
	}
	return slices.ContainsFunc(t.eventsOf(a), func(e event) bool {
		return (w.event == "" || e.name == w.event) && !slices.ContainsFunc(w.filters, func(f filter) bool { return !e.satisfies(f) })
	})
}

// satisfies looks for a parameter that the filter holds for; nested ones have names with a dot.
func (e event) satisfies(f filter) bool {
	return anyParameter(e.parameters, "", func(name, value string) bool { return name == f.name && f.holds(value) })
}

func anyParameter(parameters []any, prefix string, yes func(name, value string) bool) bool {
	for _, raw := range parameters {
		p := raw.(object)
		name := prefix + text(p, "name")
		value := firstOf(text(p, "value"), text(p, "intValue"))
		if b, isBool := p["boolValue"].(bool); isBool {
			value = strconv.FormatBool(b)
		}
		if yes(name, value) {
			return true
		}
		values, _ := p["multiValue"].([]any)
		for _, v := range values {
			if s, _ := v.(string); yes(name, s) {
				return true
			}
		}
		if nested, ok := p["messageValue"].(object); ok && anyParameter(nested["parameter"].([]any), name+".", yes) {
			return true
		}
	}
	return false
}

// A thrownDay is what users did on a day. Some are kept, because pages that follow each other ask for the same days.
type thrownDay struct {
	application string
	day         time.Time
	user        int
	activities  []activity
}

const keptDays = 16

// day makes the activities of an application on one day, newest first: what users ordinarily do and what the story and
// the callers did.
func (t *Tenant) day(application string, day time.Time, user int) []activity {
	thrown := t.throwDay(application, day, user)
	var recorded []activity
	for _, a := range t.recorded[application] {
		if (user < 0 || a.user == user) && a.key.at.UTC().Truncate(24*time.Hour).Equal(day) {
			recorded = append(recorded, a)
		}
	}
	if len(recorded) == 0 {
		return thrown
	}
	all := slices.Concat(thrown, recorded)
	slices.SortFunc(all, func(a, b activity) int { return a.key.compare(b.key) })
	return all
}

// throwDay throws what users ordinarily did on a day, or finds what was thrown.
func (t *Tenant) throwDay(application string, day time.Time, user int) []activity {
	for _, kept := range t.thrown {
		if kept.application == application && kept.day.Equal(day) && kept.user == user {
			return kept.activities
		}
	}
	var all []activity
	first, last := 0, t.config.Users-1
	if user >= 0 {
		first, last = user, user
	}
	for h := range t.habits {
		if t.habits[h].application != application {
			continue
		}
		for number := first; number <= last; number++ {
			all = t.throwHabit(all, h, number, day)
		}
	}
	slices.SortFunc(all, func(a, b activity) int { return a.key.compare(b.key) })
	if len(t.thrown) == keptDays {
		t.thrown = t.thrown[1:]
	}
	t.thrown = append(t.thrown, thrownDay{application, day, user, all})
	return all
}

// throwHabit throws how often a user did a thing on a day, and when.
func (t *Tenant) throwHabit(all []activity, h, number int, day time.Time) []activity {
	p, habit := &t.people[number], &t.habits[h]
	if habit.administrators && p.role != superAdmin || p.role == suspended || p.role == abusive || p.role == removed || p.role == dormant {
		return all
	}
	if habit.application == "gmail" && (t.takenOver(*p) || p.role == noMailbox) { // the victim's are those of the mailbox
		return all
	}
	d := t.dice("habit", h, number, int(day.Unix()/86400))
	times := habit.perMille / 1000
	if d.chance(habit.perMille % 1000) {
		times++
	}
	for range times {
		at := day.Add(7*time.Hour + time.Duration(d.below(11*3600_000))*time.Millisecond)
		a := activity{key: key{at, int64(d.pcg.Uint64() >> 1)}, application: habit.application, user: number, ip: t.usualIP(p, at), habit: habit}
		if d.chance(10) {
			a.late = time.Duration(4+d.below(26)) * time.Hour
		}
		if !at.Before(p.created) {
			all = append(all, a)
		}
	}
	return all
}

// eventsOf are the events of an activity.
func (t *Tenant) eventsOf(a activity) []event {
	if a.habit == nil {
		return a.events
	}
	p, d := t.people[a.user], t.dice("parameters", int(a.key.qualifier))
	e := event{kind: a.habit.kind, name: a.habit.name}
	if a.application == "gmail" {
		e.parameters = delivery(a.key.at, 1+d.below(2), p.email, "Courrier ordinaire", fmt.Sprintf("<%x@mail.example.test>", a.key.qualifier), "WEB")
	} else {
		e.parameters = a.habit.parameters(d, p)
	}
	return []event{e}
}

// usualIP is where a user works from: the office, or abroad for the traveller's week.
func (t *Tenant) usualIP(p *person, at time.Time) string {
	if p.role == traveller && at.After(Start().AddDate(0, 0, -9)) && at.Before(Start().AddDate(0, 0, -4)) {
		return "198.51.100.23"
	}
	return "192.0.2.14"
}

// delivery is what the gmail log says of a message: who, what and how (appendix gmail). The schema has one level of
// nesting, so deeper names are written with dots.
func delivery(at time.Time, kind int, owner, subject, id, client string, more ...any) []any {
	return []any{
		object{"name": "event_info", "messageValue": object{"parameter": append([]any{
			object{"name": "mail_event_type", "intValue": strconv.Itoa(kind)},
			object{"name": "timestamp_usec", "intValue": strconv.FormatInt(at.UnixMicro(), 10)},
			boolean("success", true), parameter("client_context.client_type", client)}, more...)}},
		object{"name": "message_info", "messageValue": object{"parameter": []any{
			parameter("subject", subject), parameter("rfc2822_message_id", id), parameter("owner", owner)}}},
	}
}

// recordActivity writes down what happened apart from habits.
func (t *Tenant) recordActivity(a activity) {
	if a.key.qualifier == 0 {
		a.key.qualifier = -int64(t.next())
	}
	t.recorded[a.application] = append(t.recorded[a.application], a)
}

// audit writes down what the caller of an API did.
func (c *call) audit(application, kind, name string, parameters ...object) {
	number := -1
	if a, ok := c.tenant.userByKey(c.subject); ok {
		number = a.number
	}
	e := event{kind: kind, name: name}
	for _, p := range parameters {
		e.parameters = append(e.parameters, p)
	}
	c.tenant.recordActivity(activity{key: key{at: c.now}, application: application, user: number, ip: Responder, client: ClientID, events: []event{e}})
}
