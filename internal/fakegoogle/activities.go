package fakegoogle

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
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
	shows       time.Time     // when it shows, whatever the lag; zero is not said
	actor       object        // instead of the user; nil is the user
	device      object        // instead of the user's usual one
	resources   []any
}

// An event is a part of an activity; some have several.
type event struct {
	kind, name string
	parameters []any
}

// applications are those of the discovery document. TestApplications holds the list to it.
func applications() []string {
	return []string{"access_transparency", "admin", "calendar", "chat", "drive", "gcp", "gmail", "gplus", "groups", "groups_enterprise",
		"jamboard", "login", "meet", "mobile", "rules", "saml", "token", "user_accounts", "context_aware_access", "chrome", "data_studio",
		"keep", "vault", "gemini_in_workspace_apps", "classroom", "assignments", "cloud_search", "tasks", "data_migration", "meet_hardware",
		"directory_sync", "ldap", "profile", "access_evaluation", "admin_data_action", "contacts", "takeout", "graduation", "voice",
		"chrome_sync", "workspace_studio", "gemini_notebook"}
}

// Applications are the names of all applications whose activities the Reports API lists.
func Applications() []string { return applications() }

// A log is what an application's activities come from: the numbers of the habits that are thrown, and what happened
// once, newest first where it is sorted.
type log struct {
	people, administrators, machines []int // habits by who may have them
	recorded                         []activity
	sorted                           bool
}

// newLogs deals the habits out. Every activity of user_accounts stands in login too, as at Google.
func newLogs(habits []habit) map[string]*log {
	logs := map[string]*log{}
	for _, name := range applications() {
		logs[name] = &log{}
	}
	for i := range habits {
		in := []*log{logs[habits[i].application]}
		if habits[i].application == "user_accounts" {
			in = append(in, logs["login"])
		}
		for _, l := range in {
			switch habits[i].by {
			case everybody:
				l.people, l.administrators = append(l.people, i), append(l.administrators, i)
			case administrators:
				l.administrators = append(l.administrators, i)
			default:
				l.machines = append(l.machines, i)
			}
		}
	}
	return logs
}

// A thrown is an activity as short as it can be: there may be hundreds of thousands in a day.
type thrown struct {
	at, qualifier int64 // in milliseconds
	user          int32
	habit         int16
	part, late    uint8 // late in hours
}

func (a thrown) compare(b thrown) int {
	return cmp.Or(cmp.Compare(b.at, a.at), cmp.Compare(b.qualifier, a.qualifier), cmp.Compare(a.part, b.part))
}

func (a thrown) key() key { return key{time.UnixMilli(a.at).UTC(), a.qualifier, int(a.part)} }

const dayLength = 24 * time.Hour

// activities finds at most limit activities that show at a time, newest first.
func (t *Tenant) activities(w wanted, now time.Time, limit int) []activity {
	var found []activity
	t.each(w, now, func(a activity) bool {
		found = append(found, a)
		return len(found) != limit
	})
	return found
}

// each yields the activities that show at a time, newest first, until yield says that it is enough.
func (t *Tenant) each(w wanted, now time.Time, yield func(activity) bool) {
	if !w.after.at.IsZero() && w.after.at.Before(w.to) {
		w.to = w.after.at
	}
	recorded := t.recordedOf(w.application)
	recorded = recorded[sort.Search(len(recorded), func(i int) bool { return !recorded[i].key.at.After(w.to) }):]
	lag := t.config.Lag(w.application)
	give := func(a activity) bool {
		return !t.wants(w, a) || a.showsAt(lag).After(now) || yield(a)
	}
	newest := w.to.UnixMilli()
	for day := w.to.UTC().Truncate(dayLength); !day.Before(w.from.UTC().Truncate(dayLength)); day = day.Add(-dayLength) {
		all := t.day(w.application, day, w.user)
		for _, short := range all[sort.Search(len(all), func(i int) bool { return all[i].at <= newest }):] {
			for len(recorded) > 0 && recorded[0].key.compare(short.key()) < 0 {
				if !give(recorded[0]) {
					return
				}
				recorded = recorded[1:]
			}
			if !give(t.long(w.application, short)) {
				return
			}
		}
		for len(recorded) > 0 && !recorded[0].key.at.Before(day) {
			if !give(recorded[0]) {
				return
			}
			recorded = recorded[1:]
		}
	}
}

// recordedOf is what happened once in an application, newest first.
func (t *Tenant) recordedOf(application string) []activity {
	l := t.logs[application]
	if !l.sorted {
		slices.SortStableFunc(l.recorded, func(a, b activity) int { return a.key.compare(b.key) })
		l.sorted = true
	}
	return l.recorded
}

// showsAt is when an activity appears in the log.
func (a activity) showsAt(lag time.Duration) time.Time {
	if !a.shows.IsZero() {
		return a.shows
	}
	return a.key.at.Add(lag + a.late)
}

// long writes out a thrown activity.
func (t *Tenant) long(application string, short thrown) activity {
	h := &t.habits[short.habit]
	a := activity{key: short.key(), application: application, user: int(short.user), habit: h, client: h.client, late: time.Duration(short.late) * time.Hour}
	if !h.anonymous {
		a.ip = "192.0.2.14"
		if short.user >= 0 {
			a.ip = t.usualIP(&t.everybody()[short.user], a.key.at)
		}
	}
	return a
}

// wants says whether an activity is among those that are asked for.
func (t *Tenant) wants(w wanted, a activity) bool {
	if a.key.at.Before(w.from) || a.key.at.After(w.to) || !w.after.at.IsZero() && w.after.compare(a.key) >= 0 {
		return false
	}
	if w.ip != "" && a.ip != w.ip || w.user >= 0 && a.user != w.user || w.client != "" && a.client != w.client {
		return false
	}
	if w.event == "" && len(w.filters) == 0 {
		return true
	}
	if a.habit != nil && w.event != "" && !a.habit.has(w.event) {
		return false
	}
	return slices.ContainsFunc(t.eventsOf(a), func(e event) bool {
		return (w.event == "" || e.name == w.event) && !slices.ContainsFunc(w.filters, func(f filter) bool { return !e.satisfies(f) })
	})
}

// has says whether an event of that name may be among those of the habit.
func (h *habit) has(name string) bool {
	return h.name == name || slices.ContainsFunc(h.more, func(p subevent) bool { return p.name == name })
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
		for _, list := range []string{"multiValue", "multiIntValue"} {
			values, _ := p[list].([]any)
			for _, v := range values {
				if s, _ := v.(string); yes(name, s) {
					return true
				}
			}
		}
		nested, _ := p["multiMessageValue"].([]any)
		if one, ok := p["messageValue"]; ok {
			nested = append(nested[:len(nested):len(nested)], one)
		}
		for _, m := range nested {
			inner, _ := m.(object)["parameter"].([]any)
			if anyParameter(inner, name+".", yes) {
				return true
			}
		}
	}
	return false
}

// A thrownDay is what everybody did on a day. Some are kept, because pages that follow each other ask for the same days.
type thrownDay struct {
	application string
	day         int64
	activities  []thrown
}

// keptActivities is how many activities of such days are kept, which takes sixteen megabytes; the newest day is kept
// however many it has.
const keptActivities = 1 << 19

// day throws what was ordinarily done on one day, newest first, or finds what was thrown.
func (t *Tenant) day(application string, day time.Time, user int) []thrown {
	number := day.Unix() / int64(dayLength/time.Second)
	if user >= 0 {
		all := t.throwDay(nil, application, number, user)
		slices.SortFunc(all, thrown.compare)
		return all
	}
	for _, kept := range t.thrown {
		if kept.day == number && kept.application == application {
			return kept.activities
		}
	}
	all := t.throwDay(nil, application, number, -1)
	slices.SortFunc(all, thrown.compare)
	t.keptActivities += len(all)
	for len(t.thrown) > 0 && (t.keptActivities > keptActivities || len(t.thrown) >= 512) {
		t.keptActivities -= len(t.thrown[0].activities)
		t.thrown = slices.Delete(t.thrown, 0, 1)
	}
	t.thrown = append(t.thrown, thrownDay{application, number, all})
	return all
}

// forgetDays has the days thrown anew, because somebody came or went.
func (t *Tenant) forgetDays() { t.thrown, t.keptActivities = nil, 0 }

// throwDay throws what one user, or everybody and the machines, did on a day, in no order.
func (t *Tenant) throwDay(all []thrown, application string, day int64, user int) []thrown {
	l := t.logs[application]
	volume := 0
	if t.config.Volume != nil {
		volume = t.config.Volume(application)
	}
	throw := func(number int, habits []int) {
		if volume > 0 {
			all = t.throwMany(all, application, habits, number, day, volume)
			return
		}
		for _, h := range habits {
			all = t.throwHabit(all, h, number, day)
		}
	}
	if volume < 0 {
		return all
	}
	people := t.everybody()
	first, last := 0, len(people)-1
	if user >= 0 {
		first, last = user, user
	} else {
		throw(-1, l.machines)
	}
	for number := first; number <= last; number++ {
		habits := l.people
		if people[number].role == superAdmin {
			habits = l.administrators
		}
		throw(number, habits)
	}
	return all
}

// told is the day of the story that a day is, so that a story that is told later has the same ordinary days.
func (t *Tenant) told(day int64) uint64 { return uint64(day - 7*int64(t.config.Weeks)) }

// throwHabit throws how often somebody did a thing on a day, and when.
func (t *Tenant) throwHabit(all []thrown, h, number int, day int64) []thrown {
	if t.isAway(number, day, t.habits[h].application) {
		return all
	}
	d := newDice(t.config.Seed, 1, uint64(h), uint64(number+1), t.told(day))
	times := t.habits[h].perMille / 1000
	if d.chance(t.habits[h].perMille % 1000) {
		times++
	}
	for range times {
		all = t.throwOne(all, &d, h, number, day)
	}
	return all
}

// throwMany throws as many activities of a day as the configuration wants, of the habits that there are in proportion.
func (t *Tenant) throwMany(all []thrown, application string, habits []int, number int, day int64, volume int) []thrown {
	if len(habits) == 0 || t.isAway(number, day, application) {
		return all
	}
	sum := 0
	for _, h := range habits {
		sum += t.habits[h].perMille
	}
	d := newDice(t.config.Seed, 2, uint64(len(application))<<32|uint64(habits[0]), uint64(number+1), t.told(day))
	for range volume {
		chosen, at := habits[0], d.below(sum)
		for _, h := range habits {
			if chosen = h; at < t.habits[h].perMille {
				break
			}
			at -= t.habits[h].perMille
		}
		before := len(all)
		if all = t.throwOne(all, &d, chosen, number, day); len(all) > before+1 {
			all = all[:before+1] // a twin would be one too many
		}
	}
	return all
}

// throwOne throws one activity, and its twin where it has one.
func (t *Tenant) throwOne(all []thrown, d *dice, h, number int, day int64) []thrown {
	a := thrown{at: day*dayLength.Milliseconds() + 7*time.Hour.Milliseconds() + int64(d.below(11*3600_000)), user: int32(number), habit: int16(h)}
	a.qualifier = int64(d.pcg.Uint64() >> 1)
	if d.chance(10) {
		a.late = uint8(4 + d.below(26))
	}
	if !t.isThere(number, a.at) {
		return all
	}
	all = append(all, a)
	switch t.habits[h].twin {
	case sameTime:
		if d.chance(125) {
			a.qualifier = int64(d.pcg.Uint64() >> 1)
			all = append(all, a)
		}
	case sameID:
		if d.chance(333) {
			a.part = 1
			all = append(all, a)
		}
	}
	return all
}

// isAway says that somebody does nothing in an application on a day.
func (t *Tenant) isAway(number int, day int64, application string) bool {
	if number < 0 {
		return false
	}
	p := &t.everybody()[number]
	if application == "gmail" && (t.takenOver(*p) || p.role == noMailbox) { // the victim's are those of the mailbox
		return true
	}
	return p.role == dormant || !p.leaves.IsZero() && day*86400 >= p.leaves.Unix()
}

// isThere says that somebody has come, has not left, and is not suspended or deleted at a time in milliseconds.
func (t *Tenant) isThere(number int, at int64) bool {
	if number < 0 {
		return true
	}
	p := &t.everybody()[number]
	if at < p.created.UnixMilli() || !p.leaves.IsZero() && at >= p.leaves.UnixMilli() {
		return false
	}
	for _, away := range t.absences[number] {
		if at >= away.from.UnixMilli() && (away.to.IsZero() || at < away.to.UnixMilli()) {
			return false
		}
	}
	return true
}

// An absence is a time in which a user is suspended or deleted; one without an end lasts.
type absence struct{ from, to time.Time }

// goes writes down that a user can do nothing any more.
func (t *Tenant) goes(number int, at time.Time) {
	t.absences[number] = append(t.absences[number], absence{from: at})
	t.forgetDays()
}

// comes writes down that a user can do things again.
func (t *Tenant) comes(number int, at time.Time) {
	if all := t.absences[number]; len(all) > 0 && all[len(all)-1].to.IsZero() {
		all[len(all)-1].to = at
	}
	t.forgetDays()
}

// usualIP is where a user works from: the office, or abroad for the traveller's week.
func (t *Tenant) usualIP(p *person, at time.Time) string {
	if p.role == traveller && at.After(t.morning().AddDate(0, 0, -9)) && at.Before(t.morning().AddDate(0, 0, -4)) {
		return "198.51.100.23"
	}
	return "192.0.2.14"
}

// recordActivity writes down what happened apart from habits. What happens in user_accounts stands in login too, with
// the same time and the same qualifier, as at Google.
func (t *Tenant) recordActivity(a activity) {
	if a.key.qualifier == 0 {
		a.key.qualifier = -int64(t.next())
	}
	l := t.logs[a.application]
	l.recorded, l.sorted = append(l.recorded, a), false
	if a.application == "user_accounts" {
		a.application = "login"
		t.recordActivity(a)
	}
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

func hex8(n uint64) string { return fmt.Sprintf("%08x", n) }

func six(n int) string { return fmt.Sprintf("%06d", n) }
