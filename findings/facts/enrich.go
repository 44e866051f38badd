package facts

import (
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/findings/addresses"
)

// An enricher makes the fields that need more than the fact itself. It sees facts in the order of their times.
type enricher struct {
	options   Options
	known     *known
	topics    topicIndex
	addresses []string
	sightings *sightings
	same      duplicates
	payments  *payments
	own       *own
	partners  *partners
}

func newEnricher(o Options, k *known, ours *own) *enricher {
	return &enricher{options: o, known: k, own: ours, topics: newTopicIndex(), addresses: kindsOfAddresses(), sightings: newSightings(o.Location),
		payments: newPayments(k.sentOf), partners: newPartners(k)}
}

func (e *enricher) enrich(f *Fact) {
	e.judgeAddresses(f)
	switch f.Kind {
	case KindFilter:
		e.labels(f)
	case KindRole:
		r := e.known.roles[f.Text("roleid")]
		f.say("role.name", r.name)
		f.Set("role.super", Bool(r.super))
	case KindRuleAction:
		e.parties(f)
	case KindDraft, KindDisappeared:
		f.setTopics(e.topics.ofSubject(f.Text("subject")))
	case KindMessage:
		e.partners.see(f)
		e.payments.see(f)
		f.setTopics(e.topics.ofSubject(f.Text("subject")))
		if orphan, sure := e.known.orphan(f); sure {
			f.Set("reply.orphan", Bool(orphan))
		}
	case KindAudit:
		f.setTopics(e.topics.ofSubject(f.Text("message_info.subject")))
		if e.same.mark(f) {
			return // what the first one made known holds already
		}
		if e.own.mark(f) {
			e.place(f)
			return // the operator's network is none of the account's
		}
		e.client(f)
	}
	e.place(f)
	if f.Kind == KindMailLog && e.own.mark(f) {
		return
	}
	e.sightings.see(f, e.known.identity(f))
}

func (f *Fact) setTopics(topics []string) {
	if len(topics) > 0 {
		f.Set("topics", List(topics))
	}
}

// judgeAddresses says whose the addresses are.
func (e *enricher) judgeAddresses(f *Fact) {
	for _, name := range e.addresses {
		v, there := f.Get(name)
		if !there {
			continue
		}
		if f.Kind == KindRuleAction && v.form == list {
			e.judgeTargets(f, v)
			continue
		}
		e.judge(f, name, v.String())
	}
	to, there := f.Get("recipients")
	if !there {
		return
	}
	external, alike, free := int64(0), int64(0), int64(0)
	for i := range to.Len() {
		verdict := e.known.book.Judge(to.At(i), f.Account)
		if verdict.External() {
			if external++; external == 1 {
				f.say("recipients.first_external", party(to.At(i), verdict.Domain, string(verdict.Class)))
			}
		}
		switch verdict.Class {
		case addresses.LookAlike:
			alike++
		case addresses.FreeMail, addresses.Disposable:
			free++
		}
	}
	f.Set("recipients.external", Number(external))
	f.Set("recipients.look_alike", Number(alike))
	f.Set("recipients.free", Number(free))
}

func (e *enricher) judge(f *Fact, name, address string) {
	verdict := e.known.book.Judge(address, f.Account)
	f.say(name+".class", string(verdict.Class))
	f.say(name+".domain", verdict.Domain)
	f.say(name+".like", verdict.Like)
	f.Set(name+".external", Bool(verdict.External()))
}

// judgeTargets says of the worst of several targets whose it is.
func (e *enricher) judgeTargets(f *Fact, v Value) {
	order := []addresses.Class{addresses.Unknown, addresses.Own, addresses.Private, addresses.External, addresses.FreeMail, addresses.Disposable, addresses.LookAlike}
	worst := ""
	for i := range v.Len() {
		class := e.known.book.Judge(v.At(i), f.Account).Class
		if worst == "" || slices.Index(order, class) > slices.Index(order, e.known.book.Judge(worst, f.Account).Class) {
			worst = v.At(i)
		}
	}
	e.judge(f, "target", worst)
}

// parties says whether those whom a rule looks for are of the organisation.
func (e *enricher) parties(f *Fact) {
	v, there := f.Get("parties")
	if !there {
		return
	}
	f.Set("parties.count", Number(int64(v.Len())))
}

// labels gives the names of the labels that a filter puts on.
func (e *enricher) labels(f *Fact) {
	v, there := f.Get("action.addlabelids")
	if !there {
		return
	}
	var names []string
	for _, id := range v.All() {
		if name := e.known.labels[f.Account+"\x00"+id]; name != "" {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		f.Set("labels.names", List(names))
		f.Set("labels.odd", Bool(slices.ContainsFunc(names, oddLabel)))
	}
}

// oddLabel says whether a label's or folder's name is one that nobody files under: of marks only, of one letter, or one that
// mail programs have and nobody opens.
func oddLabel(name string) bool {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		name = name[i+1:]
	}
	bare := strings.Trim(strings.ToLower(name), " .,;:!?*#@-_'\"()[]{}<>|\\")
	return len([]rune(bare)) <= 1 || slices.Contains([]string{"rss", "rss feeds", "rss subscriptions", "flux rss", "conversation history", "historique des conversations"}, bare)
}

// client says whether the tenant knew an application before.
func (e *enricher) client(f *Fact) {
	if f.Text("event.application") != "token" || f.Text("client_id") == "" || f.Text("event.name") != "authorize" {
		return
	}
	_, new := e.sightings.remember("client\x00"+f.Text("client_id"), f.Time)
	f.Set("client.new", Bool(new))
}

// place says where an address belongs.
func (e *enricher) place(f *Fact) {
	ip := f.Text("ip")
	if ip == "" {
		return
	}
	asn, country := firstASN(f), f.Text("network_info.regioncode")
	if place, ok := e.options.Networks.Find(ip); ok {
		if asn == 0 && place.ASN > 0 {
			asn = int64(place.ASN)
			f.say("asn.name", place.Name)
		}
		if country == "" {
			country = place.Country
		}
	}
	if asn > 0 {
		f.Set("asn", Number(asn))
	}
	f.say("country", country)
	f.Set("network.resolved", Bool(asn > 0 || country != ""))
}

// duplicates tells events that are there already from new ones. All that can be the same have the same time, so nothing
// older is kept.
type duplicates struct {
	at   time.Time
	seen map[string]*seenEvent
}

type seenEvent struct {
	first   string         // exhibit and locator
	origins map[string]int // how often an activity has had this event
}

// mark says whether the event is there already, and marks it.
func (d *duplicates) mark(f *Fact) bool {
	if f.Time.IsZero() || f.Text("event.qualifier") == "" {
		return false
	}
	if !f.Time.Equal(d.at) || d.seen == nil {
		d.at, d.seen = f.Time, map[string]*seenEvent{}
	}
	key := strings.Join([]string{f.Text("event.qualifier"), f.Text("event.name"), f.Text("event.service"), f.Text("actor.profile_id") + f.Text("actor.key"), f.Text("event.customer")}, "\x00")
	activity, _, _ := strings.Cut(f.Locator, "/events/")
	if offset := f.Text("source.offset"); offset != "" {
		activity = offset
	}
	origin := strings.Join([]string{f.Bundle, f.Exhibit, activity, f.Text("event.application")}, "\x00")
	// The same event may stand several times in one activity, for several targets: the n-th of one is the n-th of another.
	for n := 0; ; n++ {
		nth := key + "\x00" + string(rune('0'+min(n, 60)))
		s := d.seen[nth]
		if s == nil {
			d.seen[nth] = &seenEvent{f.Exhibit + " " + f.Locator, map[string]int{origin: 1}}
			return false
		}
		if s.origins[origin] == 0 || n >= 60 {
			s.origins[origin]++
			f.Set("duplicate", Bool(true))
			f.say("duplicate_of", s.first)
			return true
		}
	}
}

func (e *enricher) baselines() map[string]bool { return e.sightings.baselines() }
