package watch

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// A Try is what the intruder did at one account, as far as the logs showed while they were watched.
type Try struct {
	Account  string    `json:"account"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	Attempts int64     `json:"attempts"`  // activities, those that succeeded too
	Got      int64     `json:"succeeded"` // of them, those that show that he was let in, and not only somebody similar
	GotFirst time.Time `json:"succeeded_first,omitzero"`
	Verdicts []Verdict `json:"verdicts"`
	By       []string  `json:"by"`     // indicators
	IPs      []string  `json:"ips"`    // he came from
	Events   []string  `json:"events"` // names
}

// Tried are the accounts that the intruder tried, by address. Nobody is "".
type Tried struct {
	accounts map[string]*Try
	others   int64 // activities of accounts beyond the most that are kept
}

// maxTried bounds how many accounts are told apart; maxNamed what is listed of each.
const (
	maxTried = 20_000
	maxNamed = 20
)

// NewTried begins with what an earlier run counted.
func NewTried(earlier []Try) *Tried {
	t := &Tried{accounts: map[string]*Try{}}
	for _, e := range earlier {
		t.accounts[e.Account] = &e
	}
	return t
}

// Add counts a hit. What the account's own user does is none of the intruder's.
func (t *Tried) Add(h *Hit) {
	if h.Verdict == User {
		return
	}
	x := t.accounts[h.Account]
	if x == nil && len(t.accounts) >= maxTried {
		t.others++
		return
	}
	if x == nil {
		x = &Try{Account: h.Account, First: h.Time, Last: h.Time}
		t.accounts[h.Account] = x
	}
	x.Attempts++
	if h.Time.Before(x.First) {
		x.First = h.Time
	}
	if h.Time.After(x.Last) {
		x.Last = h.Time
	}
	if h.GotIn() && h.Verdict != Similar {
		if x.Got++; x.GotFirst.IsZero() || h.Time.Before(x.GotFirst) {
			x.GotFirst = h.Time
		}
	}
	if !slices.Contains(x.Verdicts, h.Verdict) {
		x.Verdicts = append(x.Verdicts, h.Verdict)
	}
	for _, i := range h.Indicators {
		name(&x.By, i.String())
	}
	name(&x.IPs, h.IP)
	for _, e := range h.Events {
		name(&x.Events, e)
	}
}

func name(list *[]string, s string) {
	if s != "" && len(*list) < maxNamed && !slices.Contains(*list, s) {
		*list = append(*list, s)
	}
}

// All lists the accounts: those that he got into first, then those he tried most.
func (t *Tried) All() []Try {
	all := make([]Try, 0, len(t.accounts))
	for _, x := range t.accounts {
		all = append(all, *x)
	}
	slices.SortFunc(all, func(x, y Try) int {
		return cmp.Or(cmp.Compare(min(y.Got, 1), min(x.Got, 1)), cmp.Compare(y.Attempts, x.Attempts), strings.Compare(x.Account, y.Account))
	})
	return all
}

// Others counts activities of accounts beyond the most that are told apart.
func (t *Tried) Others() int64 { return t.others }

// A Flood says of which hits a line of their own is written. The first ones of an account, an indicator and an hour are; of a
// great many the rest is counted, and so is what one indicator does to a great many accounts. That he got in is counted apart,
// so that a thousand failures never hide it.
type Flood struct{ lines map[floodKey]int }

type floodKey struct {
	account, by string
	hour        int64
	in          bool
}

// How many lines an hour has of one account and indicator, and of one indicator altogether.
const (
	linesOfAccount   = 20
	linesOfIndicator = 200
)

// NewFlood makes one that has let nothing pass.
func NewFlood() *Flood { return &Flood{map[floodKey]int{}} }

// Pass says whether a hit has a line of its own, and counts it if so.
func (f *Flood) Pass(h *Hit) bool {
	one, all := f.keys(h)
	if f.lines[one] >= linesOfAccount || f.lines[all] >= linesOfIndicator && !h.GotIn() {
		return false
	}
	f.Note(h)
	return true
}

// Note counts a line that an earlier run wrote.
func (f *Flood) Note(h *Hit) {
	one, all := f.keys(h)
	f.lines[one]++
	f.lines[all]++
}

func (f *Flood) keys(h *Hit) (one, all floodKey) {
	all = floodKey{by: h.By(), hour: h.Time.Unix() / 3600, in: h.GotIn()}
	one = all
	one.account = h.Account + "\x00"
	return one, all
}

// Forget drops what was before a time.
func (f *Flood) Forget(before time.Time) {
	for key := range f.lines {
		if key.hour < before.Unix()/3600 {
			delete(f.lines, key)
		}
	}
}

// Merge sums up two counts.
func Merge(a, b *Tried) *Tried {
	sum := NewTried(a.All())
	sum.others = a.others + b.others
	for _, y := range b.All() {
		x := sum.accounts[y.Account]
		if x == nil {
			sum.accounts[y.Account] = &y
			continue
		}
		x.Attempts, x.Got = x.Attempts+y.Attempts, x.Got+y.Got
		if y.First.Before(x.First) {
			x.First = y.First
		}
		if y.Last.After(x.Last) {
			x.Last = y.Last
		}
		if !y.GotFirst.IsZero() && (x.GotFirst.IsZero() || y.GotFirst.Before(x.GotFirst)) {
			x.GotFirst = y.GotFirst
		}
		x.Verdicts = merged(x.Verdicts, y.Verdicts)
		x.By, x.IPs, x.Events = merged(x.By, y.By), merged(x.IPs, y.IPs), merged(x.Events, y.Events)
	}
	return sum
}

// merged joins lists into one of at most maxNamed, leaving the first as it is.
func merged[T comparable](a, b []T) []T {
	all := slices.Clone(a)
	for _, one := range b {
		if len(all) < maxNamed && !slices.Contains(all, one) {
			all = append(all, one)
		}
	}
	return all
}
