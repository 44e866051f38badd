package suspects

import (
	"cmp"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/addresses"
	"github.com/mbaudit/mbaudit/findings/decision"
	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/findings/networks"
)

// How long an indicator is worth looking for after it was last seen. Intruders change their networks within weeks; an
// address that mail was sent to stays theirs for longer.
const (
	addressLasts = 90 * 24 * time.Hour
	mailboxLasts = 365 * 24 * time.Hour
)

// judge notes on which findings the incident is confirmed, and what the person said of them.
func (b *Builder) judge() {
	b.grounds, b.recognised, b.refused, b.home = map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	if d := b.decision; d != nil && d.Confirmation.Established == 3 {
		for _, g := range d.Confirmation.Grounds {
			if g.Value == 3 && !g.Struck && g.Finding != "" {
				b.grounds[g.Finding] = true
			}
		}
	}
	for _, f := range b.result.Findings {
		if f.Recognition != findings.Recognised && f.Recognition != findings.NotRecognised {
			continue
		}
		if f.Recognition == findings.Recognised {
			delete(b.grounds, f.ID) // answered since the decision was made
		}
		for _, n := range b.named(f) {
			if f.Recognition == findings.NotRecognised {
				b.refused[key(n.kind, n.value)] = true
				continue
			}
			b.recognised[key(n.kind, n.value)] = true
			if n.kind == KindIP && f.Class == "access" {
				b.home[homeKey(f.Account, n.value)] = true
			}
		}
	}
}

func homeKey(account, ip string) string { return strings.ToLower(account) + " " + networks.Prefix(ip) }

// A naming is a value that a finding names.
type naming struct {
	kind  Kind
	value string
	at    time.Time
	place string
	id    string // BUNDLE/P-000042
}

// addressFields are the fields of observations that hold an address which a deed was for. What a message merely mentions, its
// recipients and a rule's correspondents are other people.
func addressFields() []string {
	return []string{"target", "replytoaddress", "recovery", "grantee_email", "member_id", "email_forwarding_destination_address", "reply_to", "from"}
}

// named lists what a finding names that can be looked for elsewhere.
func (b *Builder) named(f *findings.Finding) []naming {
	var all []naming
	for _, o := range f.Observed {
		fields := map[string]facts.Value{}
		for _, field := range o.Fields {
			fields[field.Name] = field.Value
		}
		add := func(kind Kind, value string) {
			all = append(all, naming{kind, value, o.Time, place(o.Bundle, o.Exhibit, o.Locator), o.Bundle + "/" + o.Exhibit})
		}
		if ip, ok := fields["ip"]; ok && speaksOfItsIP(f, o, fields) {
			for _, value := range ip.All() {
				add(KindIP, CanonicalIP(value))
			}
		}
		received := o.Kind == facts.KindMessage && fields["sent"].String() != "true"
		for _, name := range addressFields() {
			if received != (name == "from" || name == "reply_to") {
				continue
			}
			for _, value := range fields[name].All() {
				if strings.Contains(value, "@") {
					add(KindEmail, strings.ToLower(strings.TrimSpace(value)))
				}
			}
		}
		if f.Class == "application" {
			for _, name := range []string{"client_id", "clientid"} {
				if id := fields[name].String(); id != "" {
					add(KindClient, id)
				}
			}
		}
	}
	return all
}

// speaksOfItsIP says whether a finding's address is that of who did it: the source was suspect, or the finding is about
// signing in. Of a message that was received it is a mail server's.
func speaksOfItsIP(f *findings.Finding, o *findings.Observation, fields map[string]facts.Value) bool {
	switch o.Kind {
	case facts.KindAudit, facts.KindMailLog:
		return f.Class == "access" || f.Class == "notice" || fields["source.suspect"].String() == "true"
	case facts.KindAlert:
		return true
	case facts.KindMessage:
		return fields["sent"].String() == "true" && (fields["source.suspect"].String() == "true" || fields["source.new"].String() == "true")
	}
	return false
}

// CanonicalIP writes an IP address as it is compared; what is none stays as it is.
func CanonicalIP(s string) string {
	addr, err := netip.ParseAddr(strings.TrimSpace(s))
	if err != nil {
		return strings.TrimSpace(s)
	}
	return addr.Unmap().WithZone("").String()
}

// candidates goes through the findings and notes what they name.
func (b *Builder) candidates() {
	b.found, b.seen, b.networks, b.observed, b.denied = map[string]*Indicator{}, map[string]*sighting{}, map[string]*habit{}, map[string]Status{}, map[string]bool{}
	for _, f := range b.result.Findings {
		b.noteSent(f)
		if f.State != findings.Yes || f.Recognition == findings.Recognised || f.Grade == findings.Context || !f.Examined && f.Grade == findings.Check {
			for _, n := range b.named(f) {
				b.withhold(n, f)
			}
			continue
		}
		for _, n := range b.named(f) {
			b.name(n, f)
		}
	}
}

// withhold lists what the person recognised and did not deny elsewhere.
func (b *Builder) withhold(n naming, f *findings.Finding) {
	if f.Recognition == findings.Recognised && !b.refused[key(n.kind, n.value)] {
		b.leave(n.kind, n.value, wordRecognised())
	}
}

func (b *Builder) leave(kind Kind, value string, why decision.Text) {
	b.list.LeftOut = append(b.list.LeftOut, LeftOut{kind, value, why})
}

// name notes that a finding names something. What the person recognises is none, unless the incident is confirmed by another finding
// that names it: then it stays, with a warning and without an alarm, since one of the two is wrong.
func (b *Builder) name(n naming, f *findings.Finding) {
	k := key(n.kind, n.value)
	if b.recognised[k] && !b.refused[k] && !b.grounds[f.ID] || b.unfit(n, f.Account) {
		return
	}
	x := b.found[k]
	if x == nil {
		x = &Indicator{Kind: n.kind, Value: n.value, Status: Possible}
		b.found[k] = x
		b.warn(x, f.Account)
	}
	b.because(x, n, f)
	if n.kind == KindIP && b.seen[n.value] == nil {
		b.seen[n.value] = &sighting{}
		b.networks[networks.Prefix(n.value)] = &habit{}
	}
	if n.kind != KindEmail {
		return
	}
	if v := b.book.Judge(n.value, f.Account); v.Class == addresses.LookAlike {
		domain := n
		domain.kind, domain.value = KindDomain, v.Domain
		b.name(domain, f)
	}
}

// because adds the finding to the reasons.
func (b *Builder) because(x *Indicator, n naming, f *findings.Finding) {
	if !slices.ContainsFunc(x.Reasons, func(r Reason) bool { return r.Finding == f.ID }) {
		x.Reasons = append(x.Reasons, Reason{Finding: f.ID, Rule: f.Rule, Title: decision.Text{FR: f.Title["fr"], EN: f.Title["en"]}, Grade: f.Grade, Strength: f.Strength, Technique: f.Technique})
	}
	confidence := map[findings.Grade]int{findings.Confirmed: 50, findings.Probable: 50, findings.Check: 25}[f.Grade]
	if b.grounds[f.ID] || f.Recognition == findings.NotRecognised {
		x.Status, confidence = Confirmed, 85
	}
	x.Confidence = max(x.Confidence, confidence)
	x.at(n.at)
	x.Events++
	x.add(&x.Exhibits, n.id, maxExhibits)
	x.account(&x.Accounts, f.Account)
}

func (x *Indicator) at(t time.Time) {
	if t.IsZero() {
		return
	}
	if x.First.IsZero() || t.Before(x.First) {
		x.First = t.UTC()
	}
	if t.After(x.Last) {
		x.Last = t.UTC()
	}
}

func (x *Indicator) add(list *[]string, s string, most int) {
	if s != "" && len(*list) < most && !slices.Contains(*list, s) {
		*list = append(*list, s)
	}
}

// account adds the account that a fact is about.
func (x *Indicator) account(list *[]string, account string) {
	if strings.Contains(account, "@") && !facts.IsTenant(account) {
		x.add(list, account, maxAccounts)
	}
}

// plainAddress and plainDomain are what a tool of somebody else reads as one: nothing in it needs an escape.
var (
	plainAddress = regexp.MustCompile(`^[\pL\pN._%+&~=#!$'*/?^{|}-]{1,64}@[\pL\pN-]+(?:\.[\pL\pN-]+)+$`)
	plainDomain  = regexp.MustCompile(`^[a-z0-9-]+(?:\.[a-z0-9-]+)+$`)
	plainToken   = regexp.MustCompile(`^[\x21\x23-\x3b\x3d\x3f-\x7e]{1,250}$`) // no space, quotation mark or angle bracket
)

// PlainAddress says whether a mail address is one that any tool reads alike.
func PlainAddress(s string) bool { return plainAddress.MatchString(s) }

// unfit says that a value can be no indicator, and lists it with the reason. Folders and labels, which are no addresses at all,
// are not even listed.
func (b *Builder) unfit(n naming, account string) bool {
	switch n.kind {
	case KindIP:
		return b.unfitIP(n)
	case KindEmail:
		v := b.book.Judge(n.value, account)
		switch {
		case v.Class == addresses.Own:
			b.leave(n.kind, n.value, wordOwn())
		case v.Class == addresses.Unknown || !plainAddress.MatchString(n.value):
			b.leave(n.kind, n.value, wordNotPlain())
		default:
			return false
		}
	case KindDomain:
		if plainDomain.MatchString(n.value) {
			return false
		}
		b.leave(n.kind, n.value, wordNotPlain())
	case KindClient, KindMessageID:
		if plainToken.MatchString(n.value) {
			return false
		}
		b.leave(n.kind, n.value, wordNotPlain())
	}
	return true
}

func (b *Builder) unfitIP(n naming) bool {
	addr, err := netip.ParseAddr(n.value)
	if err != nil {
		b.leave(n.kind, n.value, wordNotPlain())
		return true
	}
	if !routed(addr) {
		b.leave(n.kind, n.value, wordNotRouted())
		return true
	}
	return false
}

// warn says what to know of an address of mail or of an application before it is used. Of IP addresses warnings come when the
// facts were read.
func (b *Builder) warn(x *Indicator, account string) {
	if b.recognised[key(x.Kind, x.Value)] {
		x.Warnings = append(x.Warnings, Warning{Text: wordContradiction(), Shared: !b.refused[key(x.Kind, x.Value)]})
	}
	switch x.Kind {
	case KindEmail:
		if v := b.book.Judge(x.Value, account); v.Class == addresses.Private {
			x.Warnings = append(x.Warnings, Warning{Text: wordPrivate(), Shared: true})
		}
	case KindClient:
		x.Warnings = append(x.Warnings, Warning{Text: wordProgram(), Shared: true})
	}
}

// A sighting is what the facts say of an IP address that a finding names.
type sighting struct {
	events      int64
	first, last time.Time
	accounts    []string
	exhibits    []string
	agents      []string
	done        []Sighting
	asn         int64
	name        string
	country     string
}

// A habit is when a network was first used by whom it is known for, and when first by a suspect source.
type habit struct{ familiar, suspect time.Time }

// theirs says that people of the organisation used the network before anything suspect came from it.
func (h *habit) theirs(named time.Time) bool {
	before := func(t time.Time) bool { return t.IsZero() || h.familiar.Before(t) }
	return !h.familiar.IsZero() && before(h.suspect) && before(named)
}

// See takes a fact.
func (b *Builder) See(f *facts.Fact) {
	if f.Is("duplicate") {
		return
	}
	if ip := f.Text("ip"); ip != "" && !f.Time.IsZero() {
		b.sight(CanonicalIP(ip), f)
	}
	b.seeSent(f)
}

// sight counts what was done from an address that a finding names, and notes whose network it was before.
func (b *Builder) sight(ip string, f *facts.Fact) {
	h := b.networks[networks.Prefix(ip)]
	if h == nil || f.Kind == facts.KindMessage && !f.Is("sent") {
		return
	}
	suspect := f.Is("source.suspect") || f.Is("source.suspect_elsewhere")
	switch {
	case suspect && (h.suspect.IsZero() || f.Time.Before(h.suspect)):
		h.suspect = f.Time
	case !suspect && judged(f) && signedIn(f) && (h.familiar.IsZero() || f.Time.Before(h.familiar)):
		h.familiar = f.Time
	}
	s := b.seen[ip]
	if s == nil {
		return
	}
	s.events++
	if s.first.IsZero() || f.Time.Before(s.first) {
		s.first = f.Time
	}
	if f.Time.After(s.last) {
		s.last = f.Time
	}
	x := &Indicator{}
	x.account(&s.accounts, f.Account)
	x.add(&s.exhibits, f.Bundle+"/"+f.Exhibit, maxExhibits)
	x.add(&s.agents, f.Text("user_agent"), maxAgents)
	s.note(f)
	if v, ok := f.Get("asn"); ok {
		s.asn = v.Int()
	}
	s.name, s.country = cmp.Or(s.name, f.Text("asn.name")), cmp.Or(s.country, f.Text("country"))
}

// note keeps what was done, if there is room or it has a port that another one lacks.
func (s *sighting) note(f *facts.Fact) {
	port := f.Text("port")
	place := len(s.done)
	if place == maxSightings {
		if place = slices.IndexFunc(s.done, func(x Sighting) bool { return x.Port == "" }); place < 0 || port == "" {
			return
		}
		s.done = slices.Delete(s.done, place, place+1)
	}
	s.done = append(s.done, Sighting{At: f.Time.UTC(), Zone: strings.Clone(f.Zone), Port: strings.Clone(port), What: strings.Clone(cmp.Or(f.Text("event.name"), f.Kind)),
		Service: strings.Clone(cmp.Or(f.Text("service"), f.Text("event.service"))), Account: strings.Clone(f.Account), Exhibit: f.Bundle + "/" + f.Exhibit, Locator: strings.Clone(f.Locator)})
}

// judged says that enough of the past was known to tell whether a source was new: before that, an intruder's looks as familiar.
func judged(f *facts.Fact) bool {
	_, ok := f.Get("source.new")
	return ok
}

// signedIn says that somebody got in, so that the network is one that people use; a failure makes nothing known.
func signedIn(f *facts.Fact) bool {
	switch name := f.Text("event.name"); f.Kind {
	case facts.KindAudit:
		return name == "login_success" || f.Text("event.service") != "login" && !strings.Contains(strings.ToLower(name), "fail")
	case facts.KindMailLog:
		return name == "sign-in" || name == "submission"
	}
	return false
}

// sources puts what was seen into the indicators, and takes out the networks that are the organisation's own.
func (b *Builder) sources() {
	for ip, s := range b.seen {
		x := b.found[key(KindIP, ip)]
		if h := b.networks[networks.Prefix(ip)]; h.theirs(x.First) {
			b.leave(KindIP, ip, wordUsedBefore(h.familiar))
			delete(b.found, key(KindIP, ip))
			continue
		}
		if s.events > 0 {
			x.Events = s.events
		}
		x.at(s.first)
		x.at(s.last)
		for _, id := range s.exhibits {
			x.add(&x.Exhibits, id, maxExhibits)
		}
		for _, account := range s.accounts {
			x.add(&x.Accounts, account, maxAccounts)
		}
		x.ASN, x.Network, x.Country, x.Agents, x.Sightings = s.asn, s.name, s.country, s.agents, s.done
		addr, _ := netip.ParseAddr(ip) // unfitIP parsed it
		if whose := sharedBy(addr, s.asn); whose != "" {
			x.Warnings = append(x.Warnings, Warning{Text: wordShared(whose), Shared: true})
		}
		if documentation(addr) {
			x.Warnings = append(x.Warnings, Warning{Text: wordExercise()})
		}
	}
	for _, x := range b.found {
		switch {
		case x.Last.IsZero():
		case x.Kind == KindIP:
			x.Until = x.Last.Add(addressLasts)
		case x.Kind == KindEmail, x.Kind == KindDomain:
			x.Until = x.Last.Add(mailboxLasts)
		}
	}
}
