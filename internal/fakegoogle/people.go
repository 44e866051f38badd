package fakegoogle

import (
	"fmt"
	"hash/fnv"
	"math/bits"
	"math/rand/v2"
	"slices"
	"time"
)

// A person is a user as he is made, before anything changes.
type person struct {
	number        int
	email, id     string
	given, family string
	aliases       []string
	orgUnit       string
	role          role
	created       time.Time
	leaves        time.Time // from when on he does nothing, for those whom the story has suspended or deleted; zero is never
}

// A role says what part a user plays in the tests.
type role int

// The roles. Everybody else is ordinary.
const (
	ordinary role = iota
	superAdmin
	helpdesk     // an administrator for users, not a super administrator
	victim       // taken over
	traveller    // signs in from abroad and forwards to a colleague: nothing is wrong
	manager      // has an assistant as delegate, a vacation responder, many filters
	scanner      // a device's account with an app password and IMAP: nothing is wrong
	enforced     // must use two steps
	dormant      // the account that the intruder made the victim's delegate
	suspended    // by an administrator
	abusive      // suspended by Google
	noMailbox    // without a Gmail licence
	removed      // deleted three days ago
	lastOfTheBox // the number of roles
)

// cast are the users with a part, in the order of their numbers.
func cast() []person {
	return []person{
		{email: Admin, given: "Ada", family: "Bernard", role: superAdmin, orgUnit: "/Direction"},
		{email: Victim, given: "Alice", family: "Martin", role: victim, orgUnit: "/Comptabilité", aliases: []string{"compta@example.test"}},
		{email: "bob@example.test", given: "Bob", family: "Rousseau", role: traveller, orgUnit: "/Atelier"},
		{email: "carol@example.test", given: "Carol", family: "Nguyên", role: manager, orgUnit: "/Direction"},
		{email: "dave@example.test", given: "Dave", family: "Lopez", role: helpdesk, orgUnit: "/Direction"},
		{email: "erin@example.test", given: "Erin", family: "Moreau", role: suspended, orgUnit: "/"},
		{email: "frank@example.test", given: "Frank", family: "Girard", role: abusive, orgUnit: "/"},
		{email: "grace@example.test", given: "Grace", family: "Petit", role: enforced, orgUnit: "/Direction"},
		{email: "heidi@example.test", given: "Heidi", family: "Roux", role: noMailbox, orgUnit: "/Atelier"},
		{email: "scan@example.test", given: "Scanner", family: "Atelier", role: scanner, orgUnit: "/Atelier"},
		{email: "stage@example.test", given: "Stage", family: "Été", role: dormant, orgUnit: "/"},
		{email: "judy@example.test", given: "Judy", family: "Simon", role: removed, orgUnit: "/"},
	}
}

// person is the user of a number.
func (t *Tenant) person(number int) person { return t.everybody()[number] }

// everybody are the users in the order of their numbers. What is there never changes: somebody new makes a new list.
func (t *Tenant) everybody() []person { return *t.people.Load() }

// join adds somebody to the tenant.
func (t *Tenant) join(p person) {
	people := append(slices.Clone(t.everybody()), p)
	t.people.Store(&people)
	t.index[p.email], t.index[p.id] = p.number, p.number
	t.forgetDays()
}

// newPerson makes the user of a number.
func (t *Tenant) newPerson(number int) person {
	d := t.dice("person", number)
	p := person{orgUnit: "/Atelier"}
	if members := cast(); number < len(members) {
		p = members[number]
	} else {
		p.given = pick(d, "Adèle", "Bruno", "Chantal", "Denis", "Élodie", "Fatou", "Gilles", "Hélène", "Inès", "Jean", "Karim", "Léa", "Marc", "Nadia", "Olivier")
		p.family = pick(d, "Arnaud", "Blanc", "Colin", "Diallo", "Faure", "Garcia", "Henry", "Lambert", "Mercier", "N'Diaye", "O'Brien", "Perrin",
			"Renaud", "Schmitt", "Traoré")
		p.email = fmt.Sprintf("user%04d@%s", number, Domain)
	}
	p.number = number
	p.id = fmt.Sprintf("1%020d", 5_000_000_000+uint64(number)*7919+t.config.Seed%7919)
	p.created = t.morning().AddDate(0, 0, -400-d.below(1500)).Truncate(time.Second)
	switch p.role {
	case suspended:
		p.leaves = t.morning().AddDate(0, -2, 0)
	case abusive:
		p.leaves = t.morning().AddDate(0, 0, -9)
	case removed:
		p.leaves = t.morning().AddDate(0, 0, -3)
	}
	return p
}

// A dice throws numbers that depend on the tenant's seed and on what they are for.
type dice struct{ pcg rand.PCG }

func (t *Tenant) dice(purpose string, numbers ...int) *dice {
	h := fnv.New64a()
	fmt.Fprint(h, purpose, numbers)
	var d dice
	d.pcg.Seed(t.config.Seed*0x9e3779b97f4a7c15+1, h.Sum64())
	return &d
}

// newDice throws numbers that depend on a seed and some values, and is quick to make.
func newDice(seed uint64, values ...uint64) dice {
	h := seed*0x9e3779b97f4a7c15 + 1
	for _, v := range values {
		h = scatter(h ^ scatter(v+0x9e3779b97f4a7c15))
	}
	var d dice
	d.pcg.Seed(h, scatter(h+1))
	return d
}

// scatter is the finaliser of SplitMix64.
func scatter(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below throws a number from 0 to n-1.
func (d *dice) below(n int) int {
	high, _ := bits.Mul64(d.pcg.Uint64(), uint64(n))
	return int(high)
}

// chance is true in so many of 1000 throws.
func (d *dice) chance(perMille int) bool { return d.below(1000) < perMille }

func pick[T any](d *dice, from ...T) T { return from[d.below(len(from))] }

// stamp is a time as the APIs write it.
func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }
