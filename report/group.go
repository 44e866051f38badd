package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/decision"
)

// What people read says alike things once: rows that differ only in what they are about become one row that counts and names
// them. The model keeps every one of them, and so does report.json.

// groups puts what has the same key together, in the order in which the keys come first.
func groups[T any](all []T, key func(T) string) [][]T {
	at := map[string]int{}
	var out [][]T
	for _, x := range all {
		k := key(x)
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k], out = i, append(out, nil)
		}
		out[i] = append(out[i], x)
	}
	return out
}

func joined(parts ...string) string { return strings.Join(parts, "\x00") }

// Alike lists the findings of the same rule, account and worth together, in the order in which the first of each comes.
func Alike(all []*findings.Finding) [][]*findings.Finding {
	return groups(all, func(f *findings.Finding) string {
		return joined(f.Rule, f.Title["fr"], f.Account, string(f.Grade), f.Strength, string(f.Recognition))
	})
}

// few is the distinct strings of a list, as they came, at most so many of them, the rest counted.
func (p *page) few(all []string, most, width int) string {
	safe := make([]string, len(all))
	for i, s := range all {
		safe[i] = cut(s, width)
	}
	return p.fewSaid(safe, most)
}

// fewSaid is few of what is safe to show already.
func (p *page) fewSaid(all []string, most int) string {
	var shown []string
	seen := map[string]bool{}
	rest := 0
	for _, s := range all {
		switch {
		case s == "" || seen[s]:
		case len(shown) == most:
			rest++
		default:
			shown = append(shown, s)
		}
		seen[s] = true
	}
	if rest > 0 {
		shown = append(shown, p.more(rest))
	}
	return strings.Join(shown, ", ")
}

// more says how many there are beside those shown.
func (p *page) more(n int) string {
	if n == 1 {
		return p.t("refs.one")
	}
	return p.t("refs.more", n)
}

// period is from when to when; of what has no time it says so.
func (p *page) period(first, last time.Time, undated string) string {
	switch {
	case first.IsZero():
		return undated
	case !last.After(first) || p.minute(last) == p.minute(first):
		return p.minute(first)
	case first.In(p.zone).Format(time.DateOnly) == last.In(p.zone).Format(time.DateOnly):
		return p.minute(first) + " → " + last.In(p.zone).Format("15:04")
	}
	return p.minute(first) + " → " + p.minute(last)
}

// spread is the time of the first and of the last of many.
type spread struct{ first, last time.Time }

func (s *spread) take(all ...time.Time) {
	for _, t := range all {
		if t.IsZero() {
			continue
		}
		if s.first.IsZero() || t.Before(s.first) {
			s.first = t
		}
		s.last = later(s.last, t)
	}
}

// union is the exhibits of many, each once.
func union(lists ...[]string) []string {
	var all distinct
	all.add(lists...)
	return all.texts
}

// distinct gathers texts, each once, in the order in which they come. One finding may stand on tens of thousands.
type distinct struct {
	texts []string
	seen  map[string]bool
}

func (d *distinct) add(lists ...[]string) {
	for _, list := range lists {
		for _, x := range list {
			if d.seen[x] {
				continue
			}
			if d.seen == nil {
				d.seen = map[string]bool{}
			}
			d.seen[x] = true
			d.texts = append(d.texts, x)
		}
	}
}

// A leak is one row of what left: so many ways out of the same kind, name and state.
type leak struct {
	decision.Exfiltration
	count int
}

func leaks(all []decision.Exfiltration) []leak {
	var out []leak
	for _, group := range groups(all, func(x decision.Exfiltration) string { return joined(x.Account, x.Kind, x.Name, x.State) }) {
		sum := group[0]
		when := spread{}
		var exhibits distinct
		for i, x := range group {
			when.take(x.From, x.Until)
			exhibits.add(x.Exhibits)
			if i > 0 {
				sum.Viewed, sum.Fetched, sum.Sent, sum.Bytes = sum.Viewed+x.Viewed, sum.Fetched+x.Fetched, sum.Sent+x.Sent, sum.Bytes+x.Bytes
			}
		}
		sum.From, sum.Until, sum.Exhibits = when.first, when.last, exhibits.texts
		out = append(out, leak{sum, len(group)})
	}
	return out
}

// deeds puts what was done to the same message together: a log and the mailbox tell of one sending twice, by the same subject
// in the same second, and what was only read or deleted is one row for each subject.
func deeds(all []Message) []deed {
	var out []deed
	key := func(m Message) string {
		if m.Action == actionSent {
			return joined(m.Account, m.Action, m.Subject, m.At.Truncate(time.Second).String())
		}
		return joined(m.Account, m.Action, m.Subject, m.IP)
	}
	for _, group := range groups(all, key) {
		d := deed{Message: group[0]}
		var recipients, exhibits distinct
		ids := map[string]map[string]bool{} // by bundle: each tells of the same messages by its own ids
		for _, m := range group {
			d.when.take(m.At)
			recipients.add(m.Recipients)
			d.IP, d.Subject = cmp.Or(d.IP, m.IP), cmp.Or(d.Subject, m.Subject)
			exhibits.add(nonEmpty(m.Exhibit), m.Exhibits)
			bundle, _, _ := strings.Cut(m.Exhibit, "/")
			if ids[bundle] == nil {
				ids[bundle] = map[string]bool{}
			}
			ids[bundle][cmp.Or(m.ID, m.At.String())] = true
		}
		d.Recipients, d.exhibits = recipients.texts, exhibits.texts
		for _, each := range ids {
			d.count = max(d.count, len(each))
		}
		out = append(out, d)
	}
	return out
}

// A deed is one row of the review of messages.
type deed struct {
	Message
	when     spread
	count    int // messages
	exhibits []string
}

// sentCount is how many messages were sent, however many logs tell of each.
func sentCount(all []Message) int {
	n := 0
	for _, d := range deeds(all) {
		if d.Action == actionSent {
			n += d.count
		}
	}
	return n
}

// A line of the chronology as it is shown: one event, or several in a row that are told in one.
type told struct {
	Event
	number, to int // of the first and the last event, from 1
	what       []string
	subjects   []string
	journals   []uint64
	exhibits   distinct
}

// tell folds what weighs little: what the person did, as long as nobody else did anything in between, and what the program
// wrote into the journal by itself.
func (p *page) tell() []told {
	var all []told
	for i, e := range p.m.Timeline {
		what := p.happened(e)
		n := len(all)
		if n > 0 && all[n-1].takes(e) {
			t := &all[n-1]
			t.to = i + 1
			t.Until = later(later(t.Until, e.At), e.Until)
			t.Count += max(e.Count, 1)
			t.exhibits.add(e.Exhibits)
			t.Exhibits = t.exhibits.texts
			t.what, t.subjects = append(t.what, what), append(t.subjects, e.Subject)
			t.journals = append(t.journals, e.Journal)
			continue
		}
		e.Count = max(e.Count, 1)
		var exhibits distinct
		exhibits.add(e.Exhibits)
		all = append(all, told{Event: e, exhibits: exhibits, number: i + 1, to: i + 1, what: []string{what}, subjects: []string{e.Subject}, journals: []uint64{e.Journal}})
	}
	return all
}

func (t *told) takes(e Event) bool {
	if t.Lane != e.Lane || t.Account != e.Account && e.Lane != LaneResponder {
		return false
	}
	switch e.Lane {
	case LaneUser:
		return t.Name != "" && e.Name != "" && e.At.Sub(t.At) < 48*time.Hour
	case LaneResponder:
		return t.Auto && e.Auto && e.Kind == t.Kind && (e.Kind == string(journal.Collection) || e.Kind == string(journal.Action))
	}
	return false
}

// happened says what an event is.
func (p *page) happened(e Event) string {
	switch {
	case e.Name != "":
		return p.word("event", e.Name)
	case e.Journal != 0:
		return p.reword(e.Text.In(p.language), maxShown) // somebody's own words, or the program's
	}
	return p.say(e.Text)
}

// machine is the word for what the program did by itself several times in a row.
func (t *told) machine() bool { return t.Lane == LaneResponder && t.Auto && t.to > t.number }

// A tally is the rows of the completeness ledger that say that all is well, for one account and family of resources.
type tally struct {
	account, family  string
	resources, empty int
	asked, got       int64
}

// whole says of a row of the ledger that nothing of it is missing.
func whole(c evidence.Coverage) bool {
	return c.Failed == 0 && (c.Status == evidence.StatusComplete || c.Status == evidence.StatusEmpty)
}

// tallies sums up what was read as a whole.
func tallies(all []evidence.Coverage) []tally {
	whole := slices.DeleteFunc(slices.Clone(all), func(c evidence.Coverage) bool { return !whole(c) })
	var out []tally
	for _, group := range groups(whole, func(c evidence.Coverage) string { return joined(c.Account, c.Collector, family(c.Resource)) }) {
		t := tally{account: group[0].Account, family: group[0].Collector + suffix(" · ", family(group[0].Resource))}
		for _, c := range group {
			t.resources++
			t.asked, t.got = t.asked+c.Asked, t.got+c.Got
			if c.Got == 0 || c.Status == evidence.StatusEmpty || c.Reason != "" {
				t.empty++
			}
		}
		out = append(out, t)
	}
	return out
}

// family is what a resource belongs to: what stands before the first slash; "" of one that belongs to nothing.
func family(resource string) string {
	name, _, _ := strings.Cut(resource, "/")
	if name == resource {
		return ""
	}
	return name
}

// A heap is the exhibits of one kind that nothing cites.
type heap struct {
	account, resource string
	first, last       string // numbers
	count, bytes      int64
	several           bool // more kinds than resource says
}

// heaps sums up the exhibits that nothing cites.
func heaps(all []Exhibit) []heap {
	rest := slices.DeleteFunc(slices.Clone(all), func(x Exhibit) bool { return x.Cited })
	var out []heap
	for _, group := range groups(rest, func(x Exhibit) string {
		bundle, _, _ := strings.Cut(x.ID, "/")
		return joined(bundle, x.Account, family(x.Resource))
	}) {
		h := heap{account: group[0].Account, resource: cmp.Or(family(group[0].Resource), group[0].Resource), first: group[0].ID, last: group[len(group)-1].ID, count: int64(len(group))}
		for _, x := range group {
			h.bytes += x.Size
			if family(x.Resource) == "" && x.Resource != h.resource {
				h.several = true
			}
		}
		out = append(out, h)
	}
	return out
}

// size is a number of bytes for people.
func (p *page) size(n int64) string {
	unit := func(divisor float64, name string) string {
		s := fmt.Sprintf("%.1f %s", float64(n)/divisor, p.t(name))
		if p.language == "fr" {
			s = strings.Replace(s, ".", ",", 1)
		}
		return s
	}
	switch {
	case n >= 1<<30:
		return unit(1<<30, "unit.gib")
	case n >= 1<<20:
		return unit(1<<20, "unit.mib")
	case n >= 1<<10:
		return unit(1<<10, "unit.kib")
	}
	return fmt.Sprintf("%d %s", n, p.t("unit.byte"))
}
