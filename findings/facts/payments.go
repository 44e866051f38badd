package facts

import (
	"hash/maphash"
	"slices"
	"strings"
)

// payments remember which account numbers were told in which conversation and by whom, in the order of time, so that a change
// is seen. What a side sends and what it gets are kept apart: both have account numbers of their own.
type payments struct {
	seed  maphash.Seed
	told  map[uint64]struct{} // a place and a number
	known map[uint64]earlierIBAN
	full  bool

	sentOf map[string]bool // accounts of which sent mail is known
}

// An earlierIBAN is a number that a place had before, the exhibit that told it, and how many different ones the place has had.
type earlierIBAN struct {
	iban, at string
	count    int
}

// maxUsual is how many account numbers a correspondent may have before another one tells nothing: platforms send the invoices of many.
const maxUsual = 3

// maxPayments is how many pairs of a place and a number are remembered; beyond, no change is told.
const maxPayments = 500_000

func newPayments(sentOf map[string]bool) *payments {
	return &payments{sentOf: sentOf, seed: maphash.MakeSeed(), told: map[uint64]struct{}{}, known: map[uint64]earlierIBAN{}}
}

func (p *payments) hash(parts ...string) uint64 {
	return maphash.String(p.seed, strings.ToLower(strings.Join(parts, "\x00")))
}

// see says of a message with account numbers whether one is new where others were told before: in the thread, by the same
// correspondent (to him, of what the account sends), or in what the message itself quotes.
func (p *payments) see(f *Fact) {
	own, there := f.Get("iban")
	if !there {
		return
	}
	direction := "received"
	if f.Is("sent") {
		direction = "sent"
	}
	places := [...]struct{ name, key string }{{"thread", f.Text("thread")}, {"correspondent", correspondent(f)}}
	var fresh, changedIn []string
	var before earlierIBAN
	for _, place := range places {
		if place.key == "" {
			continue
		}
		where := p.hash(f.Account, direction, place.name, place.key)
		earlier, known := p.known[where]
		isNew := slices.DeleteFunc(slices.Clone(own.All()), func(iban string) bool {
			_, told := p.told[p.hash(f.Account, direction, place.name, place.key, iban)]
			return told
		})
		if known && len(isNew) > 0 && !p.full && earlier.count < maxUsual {
			changedIn, fresh, before = append(changedIn, place.name), isNew, earlier
		}
		p.remember(f, direction, place.name, place.key, where, own.All(), earlier.count+len(isNew))
	}
	if quoted := p.quoted(f, direction); quoted != "" {
		changedIn = append(changedIn, "quoted text")
		if fresh == nil {
			fresh, before = own.All(), earlierIBAN{iban: quoted}
		}
	}
	f.Set("iban.changed", Bool(len(changedIn) > 0))
	if len(changedIn) == 0 {
		return
	}
	f.Set("iban.changed_in", List(changedIn))
	f.Set("iban.new", List(fresh))
	f.say("iban.before", before.iban)
	bundle, exhibit, _ := strings.Cut(before.at, "/")
	f.say("other.bundle", bundle) // both exhibits stand in what is found
	f.say("other.exhibit", exhibit)
	f.Set("iban.country_changed", Bool(fresh[0][:2] != before.iban[:2]))
}

// quoted is a number that a message received repeats from an earlier one of its own side: of those that the account sent, an
// answer repeats them beside its sender's own number, and nothing has changed. Where no sent mail is known, nobody can say.
func (p *payments) quoted(f *Fact, direction string) string {
	all, there := f.Get("iban.quoted")
	if !there || direction == "sent" || !p.sentOf[f.Account] {
		return ""
	}
	for _, iban := range all.All() {
		if _, ours := p.told[p.hash(f.Account, "sent", iban)]; !ours {
			return iban
		}
	}
	return ""
}

func (p *payments) remember(f *Fact, direction, name, key string, where uint64, all []string, count int) {
	if p.full = p.full || len(p.told)+len(all) > maxPayments; p.full {
		return
	}
	for _, iban := range all {
		p.told[p.hash(f.Account, direction, name, key, iban)] = struct{}{}
		p.told[p.hash(f.Account, direction, iban)] = struct{}{}
	}
	p.known[where] = earlierIBAN{all[0], f.Bundle + "/" + f.Exhibit, count}
}

// correspondent is whom a message is from, or of a sent one to: a domain, or where everybody may have an address, the address.
func correspondent(f *Fact) string {
	if !f.Is("sent") {
		return party(f.Text("from"), f.Text("from.domain"), f.Text("from.class"))
	}
	return f.Text("recipients.first_external")
}

func party(address, domain, class string) string {
	if class == "external" || class == "look-alike" {
		return domain
	}
	return address
}
