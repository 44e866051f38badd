package fakegoogle

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Cell is one user's part of one application's log. User is his primary address; "" is nobody of the tenant, such as
// a machine.
type Cell struct{ User, Application string }

// A servedKey is a Cell before it is written out.
type servedKey struct {
	user        int
	application string
}

// Held counts the activities that a reader of everything would get now, for a time from and a time to, both included,
// by user and application: those that show by now and that Google still has. Without applications it counts all of them.
// A tenant of 2,000 users takes it some seconds for tens of millions; nothing is kept in memory.
func (t *Tenant) Held(from, to time.Time, applications ...string) map[Cell]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.config.Now()
	t.settle(now)
	if len(applications) == 0 {
		applications = Applications()
	}
	counted := map[servedKey]int{}
	for _, application := range applications {
		if t.logs[application] != nil && t.unlicensed(application) == nil {
			t.hold(counted, application, from, to, now)
		}
	}
	return t.cells(counted)
}

// hold counts one application's activities without putting them in order.
func (t *Tenant) hold(counted map[servedKey]int, application string, from, to, now time.Time) {
	if kept := t.oldest(application, now); from.Before(kept) {
		from = kept
	}
	if to.After(now) {
		to = now
	}
	lag := t.config.Lag(application)
	count := func(user int, at, shows time.Time) {
		if !at.Before(from) && !at.After(to) && !shows.After(now) {
			counted[servedKey{user, application}]++
		}
	}
	var all []thrown
	for day := from.UTC().Truncate(dayLength); !day.After(to); day = day.Add(dayLength) {
		all = t.throwDay(all[:0], application, day.Unix()/int64(dayLength/time.Second), -1)
		for _, a := range all {
			at := time.UnixMilli(a.at)
			count(int(a.user), at, at.Add(lag+time.Duration(a.late)*time.Hour))
		}
	}
	for _, a := range t.recordedOf(application) {
		count(a.user, a.key.at, a.showsAt(lag))
	}
}

// Served counts the activities that were sent in answers so far, by user and application. What is sent again counts again.
func (t *Tenant) Served() map[Cell]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.cells(t.served)
}

// count writes down what is sent.
func (t *Tenant) count(found []activity) {
	for _, a := range found {
		t.served[servedKey{a.user, a.application}]++
	}
}

func (t *Tenant) cells(counted map[servedKey]int) map[Cell]int {
	cells := make(map[Cell]int, len(counted))
	people := t.everybody()
	for key, n := range counted {
		cell := Cell{Application: key.application}
		if key.user >= 0 {
			cell.User = people[key.user].email
		}
		cells[cell] += n
	}
	return cells
}

// AddActivity writes one activity of a user into a log, at any time. For user "" the actor is nobody of the tenant.
func (t *Tenant) AddActivity(user string, line SeedActivity) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	number := -1
	if user != "" {
		a, ok := t.userByKey(user)
		if !ok {
			return fmt.Errorf("no user %s", user)
		}
		number = a.number
	}
	return t.addActivity(number, line)
}

func (t *Tenant) addActivity(number int, line SeedActivity) error {
	if !slices.Contains(applications(), line.Application) {
		return fmt.Errorf("no application %s; there are %s", line.Application, strings.Join(applications(), ", "))
	}
	a := activity{key: key{at: line.Time, qualifier: line.Qualifier}, application: line.Application, user: number, ip: line.IP, client: line.Client,
		late: line.Late, shows: line.Shows, actor: clone(line.Actor), device: clone(line.Device)}
	if line.Qualifier != 0 { // others may have the same
		a.key.part = 1000 + int(t.next())
	}
	for _, r := range line.Resources {
		a.resources = append(a.resources, clone(r))
	}
	events := line.Events
	if line.Name != "" || len(events) == 0 {
		events = append([]SeedEvent{{line.Type, line.Name, line.Parameters}}, events...)
	}
	for _, e := range events {
		kept := event{kind: e.Type, name: e.Name}
		for _, p := range e.Parameters {
			kept.parameters = append(kept.parameters, clone(p))
		}
		a.events = append(a.events, kept)
	}
	t.recordActivity(a)
	return nil
}
