package workspace

import (
	"errors"
	"fmt"
	"strconv"
)

// A Quota is what Google lets one project ask for in a minute, in units where an API counts in units, else in queries.
// The zero Quota is NewQuota.
type Quota struct {
	old   bool
	scale float64 // of all limits; 0 is 1
}

// ErrQuota says that a text names no quota.
var ErrQuota = errors.New("a quota is new, old, or a factor from 0.001 to 1000")

// NewQuota is that of projects that use Gmail's API since May 2026 or later, OldQuota that of projects that used it before.
func NewQuota() Quota { return Quota{} }

// OldQuota has two and a half times the units for a mailbox, of which a message costs a quarter.
func OldQuota() Quota { return Quota{old: true} }

// ParseQuota reads "new", "old", or a factor: 0.5 is half of all limits of a new project, where other programs use it
// too; 4 is four times, where Google has raised them. "old*0.5" is a factor of the old one.
func ParseQuota(text string) (Quota, error) {
	var q Quota
	switch text {
	case "", "new":
		return q, nil
	case "old":
		return OldQuota(), nil
	}
	if len(text) > 4 && text[:4] == "old*" {
		q.old, text = true, text[4:]
	}
	factor, err := strconv.ParseFloat(text, 64)
	if err != nil || !(factor >= 0.001 && factor <= 1000) {
		return q, fmt.Errorf("%w: this is %.40q", ErrQuota, text)
	}
	q.scale = factor
	return q, nil
}

// A limit is what one bucket of a quota holds.
type limit struct {
	perMinute float64 // units
	parallel  int     // requests at once
	dearest   float64 // units that a single request may cost
	atOnce    float64 // units that may be asked for at once
}

// of is the limit of an API for one user. Of the APIs whose limits Google does not publish, few are asked a second.
func (q Quota) of(a api) limit {
	l := limit{perMinute: 300, parallel: 5, dearest: 5}
	switch a {
	case gmail:
		l = limit{perMinute: 6000, parallel: 10, dearest: 40}
		if q.old {
			l.perMinute = 15_000
		}
	case directory, reports:
		l = limit{perMinute: 2400, parallel: 20, dearest: 1}
	case drive, driveActivity:
		l = limit{perMinute: 12_000, parallel: 10, dearest: 100} // of Drive's 325,000 units a query costs up to some tens
	case calendar:
		l = limit{perMinute: 600, parallel: 5, dearest: 5}
	}
	return q.scaled(l)
}

// project is the limit of an API for all users of the project together; none where it is not known.
func (q Quota) project(a api) (limit, bool) {
	if a != gmail {
		return limit{}, false
	}
	return q.scaled(limit{perMinute: 1_200_000, parallel: 1000, dearest: 40}), true
}

func (q Quota) scaled(l limit) limit {
	l.atOnce = l.perMinute * burst.Minutes()
	if q.scale != 0 {
		l.perMinute *= q.scale
		l.atOnce *= min(q.scale, 1)
	}
	l.atOnce = max(l.atOnce, l.dearest)
	return l
}

// cost is what a page of a source costs. Sources say what they cost in a new project; in an old one a message and a
// thread cost a quarter of it.
func (q Quota) cost(s source) int {
	units := max(s.units, 1)
	if q.old && s.api == gmail && units >= 20 && units <= 40 {
		return units / 4
	}
	return units
}
