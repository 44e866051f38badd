package workspace

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
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

// A limit is what Google allows of one kind of request.
type limit struct {
	units    float64       // in a period
	period   time.Duration // 0 is a minute
	atOnce   float64       // units that may be asked for at once; 0 is what flows in a second
	parallel int           // requests at once
	guessed  bool          // Google names none: it is found out while asking
}

// A charge is what a request costs of one limit.
type charge struct {
	of    bucketKey
	limit limit
	units int
}

// A bucketKey names who shares a limit: the requests for a user, or of the whole project.
type bucketKey struct {
	api api
	of  string // the user; of what the project shares "project", or the part that has a limit of its own
}

// charges are what a page of a source costs, the narrower limits first. Unless it is said otherwise, the limits are those that
// the pages of the APIs below developers.google.com/workspace name, "limits" or "quota", as they were in 2026.
func (q Quota) charges(s source, user string) []charge {
	one := func(of string, units int, l limit) charge {
		return charge{bucketKey{s.api, of}, q.scaled(l, units), units}
	}
	switch s.api {
	case gmail:
		perUser := limit{units: 6000, parallel: 10}
		if q.old {
			perUser.units = 15_000
		}
		return []charge{one(user, q.gmailUnits(s), perUser), one("project", q.gmailUnits(s), limit{units: 1_200_000, parallel: 1000})}
	case directory:
		return []charge{one(user, 1, limit{units: 2400, parallel: 20})}
	case reports:
		all := one(user, 1, limit{units: 2400, parallel: 30})
		if !asksForUser(s) {
			return []charge{all}
		}
		return []charge{one("filtered", 1, limit{units: 250, atOnce: 50, parallel: 20}), all}
	case drive:
		units := 5
		if s.list != "" {
			units = 100
		}
		return []charge{one(user, units, limit{units: 325_000, parallel: 10}), one("project", units, limit{units: 1_000_000, parallel: 200})}
	case calendar:
		return []charge{one(user, 1, limit{units: 600, parallel: 5}), one("project", 1, limit{units: 10_000, parallel: 200})}
	case alertCenter: // the project's limit, of 1,000, is never met: all is asked for one user
		return []charge{one(user, 1, limit{units: 150, period: time.Second, parallel: 10})}
	case vault:
		matters, holds := 10, 0
		if s.resource == "vault/holds" {
			matters, holds = 1, 3
		}
		return []charge{one("matters", matters, limit{units: 120, parallel: 5}), one("holds", holds, limit{units: 228, parallel: 5})}
	case driveActivity: // not named by Google; a project had it (github.com/deathandmayhem/jolly-roger/issues/2161)
		return []charge{one(user, 1, limit{units: 100, parallel: 5, guessed: true})}
	}
	return []charge{one(user, 1, limit{units: 300, parallel: 5, guessed: true})} // of Groups Settings a day's limit is named, 100,000
}

// asksForUser says whether a page of a log asks for one user, of which Google allows a tenth as many as of others.
func asksForUser(s source) bool {
	return strings.HasPrefix(s.resource, logPrefix) && !strings.Contains(s.path, "/users/"+everybody+"/")
}

func (q Quota) scaled(l limit, dearest int) limit {
	if q.scale != 0 {
		l.units *= q.scale
	}
	if l.period == 0 {
		l.period = time.Minute
	}
	if l.atOnce == 0 {
		l.atOnce = l.units * time.Second.Seconds() / l.period.Seconds()
	}
	l.units = max(l.units, float64(dearest))
	l.atOnce = min(max(l.atOnce, float64(dearest)), l.units)
	return l
}

// gmailUnits is what a page of Gmail costs. Sources say what they cost in a new project; in an old one a message and a thread
// cost a quarter of it.
func (q Quota) gmailUnits(s source) int {
	units := max(s.units, 1)
	if q.old && units >= 20 && units <= 40 {
		return units / 4
	}
	return units
}
