package facts

import (
	"hash/maphash"
	"strings"

	"github.com/mbaudit/mbaudit/findings/addresses"
)

// known is what is learnt while exhibits are read and has to be known of before the first derived field is made: whose
// domains these are, who has which name, what numbers mean, which messages were sent.
type known struct {
	book     *addresses.Book
	profiles map[string]string // the last address of a profile
	labels   map[string]string // account and id: name
	roles    map[string]role   // id
	seed     maphash.Seed
	sent     map[uint64]struct{} // Message-IDs in folders of sent mail
	sentOf   map[string]bool     // accounts of which sent mail is known
	domains  map[string]bool     // right-hand sides of own Message-IDs
	partners map[string]bool     // domains that somebody here has written to, but those of everybody
	mail     map[string]wasMail  // by bundle and exhibit: what is told of a message that a later bundle does not find
	full     bool                // more Message-IDs than are remembered
}

// wasMail is what is remembered of a message.
type wasMail struct {
	subject, id string
	sent        bool
}

// maxMail is of how many messages it is remembered.
const maxMail = 100_000

type role struct {
	name  string
	super bool
}

// The most that is remembered.
const (
	maxProfiles   = 200_000
	maxNames      = 100_000
	maxMessageIDs = 8_000_000
)

func newKnown(domains []string) *known {
	return &known{book: addresses.NewBook(domains), profiles: map[string]string{}, labels: map[string]string{}, roles: map[string]role{}, seed: maphash.MakeSeed(),
		sent: map[uint64]struct{}{}, sentOf: map[string]bool{}, domains: map[string]bool{}, partners: map[string]bool{}, mail: map[string]wasMail{}}
}

// account notes an account under examination: its domain is the organisation's.
func (k *known) account(name string) {
	if _, domain, ok := strings.Cut(name, "@"); ok {
		k.book.AddDomain(domain)
	}
}

// learn takes from a fact what others are judged by.
func (k *known) learn(f *Fact) {
	switch f.Kind {
	case KindUser:
		k.account(f.Text("primaryemail"))
		k.book.AddPerson(f.Account, f.Text("name.fullname"))
	case KindAlias:
		k.account(f.Text("alias"))
	case KindLabel:
		if len(k.labels) < maxNames {
			k.labels[f.Account+"\x00"+f.Text("id")] = f.Text("name")
		}
	case kindRoleName:
		if len(k.roles) < maxNames {
			k.roles[f.Text("roleid")] = role{f.Text("rolename"), f.Is("issuperadminrole")}
		}
	case KindAudit:
		if id, email := f.Text("actor.profile_id"), f.Text("actor"); id != "" && email != "" && k.profiles[id] != email && len(k.profiles) < maxProfiles {
			k.profiles[strings.Clone(id)] = strings.Clone(email) // a fact's strings may be parts of a whole page
		}
	case KindMessage:
		k.learnMessage(f)
	}
}

func (k *known) learnMessage(f *Fact) {
	if len(k.mail) < maxMail {
		subject := f.Text("subject")
		k.mail[f.Bundle+"/"+f.Exhibit] = wasMail{strings.Clone(subject[:min(len(subject), 200)]), strings.Clone(f.Text("message_id")), f.Is("sent")}
	}
	id := f.Text("message_id")
	if !f.Is("sent") || id == "" {
		return
	}
	k.sentOf[f.Account] = true
	k.partnersOf(f)
	if len(k.sent) >= maxMessageIDs {
		k.full = true
		return
	}
	k.sent[k.hash(id)] = struct{}{}
	if _, domain, ok := strings.Cut(id, "@"); ok && len(k.domains) < maxNames {
		k.domains[strings.ToLower(domain)] = true
	}
}

// maxPartners is how many domains of correspondents are compared with those of strangers.
const maxPartners = 2_000

// partnersOf notes whom a sent message is to.
func (k *known) partnersOf(f *Fact) {
	to, _ := f.Get("recipients")
	for i := range to.Len() {
		if verdict := k.book.Judge(to.At(i), f.Account); verdict.Class == addresses.External && len(k.partners) < maxPartners {
			k.partners[verdict.Domain] = true
		}
	}
}

func (k *known) hash(id string) uint64 { return maphash.String(k.seed, id) }

// orphan says whether a message answers one of ours that is not among the messages sent. sure is false where that
// cannot be known.
func (k *known) orphan(f *Fact) (orphan, sure bool) {
	id := f.Text("in_reply_to")
	if id == "" || f.Is("sent") || k.full || !k.sentOf[f.Account] {
		return false, false
	}
	_, domain, _ := strings.Cut(strings.ToLower(id), "@")
	if !k.domains[domain] { // not one of the systems that our mail goes out from
		return false, true
	}
	_, there := k.sent[k.hash(id)]
	return !there, true
}

// identity is whom a sign-in or a deed is counted for: the profile where Google tells it, so that a renamed user stays one.
func (k *known) identity(f *Fact) string {
	if id := f.Text("actor.profile_id"); id != "" {
		if email := k.profiles[id]; email != "" {
			return email
		}
		return id
	}
	if f.Kind == KindMailLog || f.Kind == KindMessage {
		return strings.ToLower(f.Account)
	}
	return f.Text("actor")
}
