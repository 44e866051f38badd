package suspects

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/addresses"
	"github.com/mbaudit/mbaudit/findings/decision"
	"github.com/mbaudit/mbaudit/findings/facts"
)

// gmailSent is the number of what Gmail's log calls sending.
const gmailSent = "1"

// isSent says whether a fact is that a message was sent.
func isSent(f *facts.Fact) bool {
	switch f.Kind {
	case facts.KindMessage:
		return f.Is("sent")
	case facts.KindMailLog:
		return f.Text("event.name") == "submission"
	case facts.KindAudit:
		return f.Text("event_info.mail_event_type") == gmailSent
	}
	return false
}

// noteSent notes which sent messages a finding is about, so that the messages that it saw are listed even where their source
// was not suspect, and those that the person recognises are not.
func (b *Builder) noteSent(f *findings.Finding) {
	if f.Class != "fraud" {
		return
	}
	for _, o := range f.Observed {
		at := place(o.Bundle, o.Exhibit, o.Locator)
		switch {
		case f.Recognition == findings.Recognised:
			b.denied[at] = true
		case f.Recognition == findings.NotRecognised, b.grounds[f.ID]:
			b.observed[at] = Confirmed
		}
	}
}

// seeSent keeps sent messages that are suspect, and of all others whom they went to: a log's line and a mailbox's copy each know
// a part.
func (b *Builder) seeSent(f *facts.Fact) {
	if b.sent == nil {
		b.sent, b.queues = map[string]*Message{}, map[string]*Message{}
	}
	if f.Kind == facts.KindMailLog && f.Text("event.name") != "submission" {
		b.followQueue(f)
	}
	if !isSent(f) {
		return
	}
	id := messageID(f)
	to := recipients(f)
	b.known.note(id, to)
	at := place(f.Bundle, f.Exhibit, f.Locator)
	status, noticed := b.observed[at]
	suspect := f.Is("source.suspect") && !b.home[homeKey(f.Account, f.Text("ip"))]
	if !suspect && !noticed || b.denied[at] {
		return
	}
	if f.Is("personal") {
		b.list.Personal++
		return
	}
	k := cmp.Or(id, strings.Join([]string{f.Account, f.Time.String(), subjectOf(f)}, "\x00"))
	m := b.sent[k]
	if m == nil {
		if len(b.sent) >= maxMessages {
			b.list.Uncounted++
			return
		}
		k, id = strings.Clone(k), strings.Clone(id) // else each keeps its fact's whole line
		m = &Message{At: f.Time.UTC(), Account: strings.Clone(f.Account), ID: id, Status: Possible}
		b.sent[k] = m
		b.keys = append(b.keys, k)
	}
	if queue := f.Text("queue_id"); queue != "" {
		b.queues[strings.Clone(queue)] = m
	}
	if status == Confirmed {
		m.Status = Confirmed
	}
	m.Subject, m.IP = cmp.Or(m.Subject, strings.Clone(subjectOf(f))), cmp.Or(m.IP, strings.Clone(CanonicalIP(f.Text("ip"))))
	if len(to) > 0 {
		m.Recipients = cloned(to)
	}
	m.Cut = m.Cut || len(to) >= maxRecipient || f.Is("cut") && len(to) > 0
	x := &Indicator{}
	x.add(&m.Exhibits, f.Bundle+"/"+f.Exhibit, maxExhibits)
	if v, ok := f.Get("message_info.attachment.sha256"); ok {
		for _, sum := range v.All() {
			x.add(&m.Files, strings.Clone(strings.ToLower(sum)), maxExhibits)
		}
	}
	m.hold(carried(f))
}

// carried is what a fact says that a message holds.
func carried(f *facts.Fact) *Message {
	m := &Message{Text: strings.Clone(f.Text("content"))}
	list := func(name string) []string {
		v, ok := f.Get(name)
		if !ok {
			return nil
		}
		return v.All()[:min(v.Len(), maxCarried)]
	}
	for _, names := range [][3]string{{"attachments", "attachments.types", "attachments.sha256"}, {"message_info.attachment.file_name", "", "message_info.attachment.sha256"}} {
		files, types, sums := list(names[0]), list(names[1]), list(names[2])
		if len(files) == 0 {
			files = make([]string, len(sums)) // of these only the digests are known
		}
		for i, name := range files {
			a := Attachment{Name: strings.Clone(name)}
			if len(types) == len(files) {
				a.Type = strings.Clone(types[i])
			}
			if len(sums) == len(files) { // else nobody knows whose they are
				a.SHA256 = strings.Clone(strings.ToLower(sums[i]))
			}
			m.Attached = append(m.Attached, a)
		}
	}
	m.Links, m.IBANs = cloned(slices.Clone(list("links"))), cloned(slices.Clone(list("iban")))
	if v, ok := f.Get("links.more"); ok {
		m.MoreLinks = int(v.Int())
	}
	return m
}

// hold adds what another source says that the message holds. Whoever read its text knows most.
func (m *Message) hold(other *Message) {
	states := []string{"", "headers only", "personal", "partly", "read"}
	if slices.Index(states, other.Text) > slices.Index(states, m.Text) {
		m.Text = other.Text
	}
	for _, a := range other.Attached {
		i := slices.IndexFunc(m.Attached, func(b Attachment) bool { return b.same(a) })
		switch {
		case i >= 0:
			b := &m.Attached[i]
			b.Name, b.Type, b.SHA256 = cmp.Or(b.Name, a.Name), cmp.Or(b.Type, a.Type), cmp.Or(b.SHA256, a.SHA256)
		case len(m.Attached) < maxCarried:
			m.Attached = append(m.Attached, a)
		}
	}
	x := &Indicator{}
	for _, link := range other.Links {
		x.add(&m.Links, link, maxCarried)
	}
	for _, iban := range other.IBANs {
		x.add(&m.IBANs, iban, maxCarried)
	}
	m.MoreLinks = max(m.MoreLinks, other.MoreLinks)
}

// same says whether two sources tell of one file.
func (a Attachment) same(b Attachment) bool {
	if a.SHA256 != "" && b.SHA256 != "" {
		return a.SHA256 == b.SHA256 && (a.Name == b.Name || a.Name == "" || b.Name == "")
	}
	return a.Name == b.Name
}

// A mail server uses its names for messages in the queue again; one that is there longer than this is another one.
const queueLasts = 6 * 24 * time.Hour

// followQueue takes from a mail server's log what became of a message that was handed in: its Message-ID and whom it went to stand
// on other lines, which have its name in the queue.
func (b *Builder) followQueue(f *facts.Fact) {
	m := b.queues[f.Text("queue_id")]
	if m == nil || f.Is("ambiguous") || f.Time.Sub(m.At) > queueLasts {
		return
	}
	m.ID = cmp.Or(m.ID, messageID(f))
	if to := strings.ToLower(f.Text("target")); f.Text("event.name") == "delivery" && strings.Contains(to, "@") && len(m.Recipients) < maxRecipient && !slices.Contains(m.Recipients, to) {
		m.Recipients = append(m.Recipients, to)
	}
	x := &Indicator{}
	x.add(&m.Exhibits, f.Bundle+"/"+f.Exhibit, maxExhibits)
}

func messageID(f *facts.Fact) string {
	return strings.Trim(cmp.Or(f.Text("message_info.rfc2822_message_id"), f.Text("message_id")), "<> ")
}

func subjectOf(f *facts.Fact) string {
	return cmp.Or(f.Text("message_info.subject"), f.Text("subject"))
}

// recipients lists whom a fact says that a message went to, in lower case.
func recipients(f *facts.Fact) []string {
	var all []string
	for _, name := range []string{"recipients", "message_info.destination.address", "message_info.flattened_destinations"} {
		v, ok := f.Get(name)
		if !ok {
			continue
		}
		for _, text := range v.All() {
			for _, one := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' || r == ' ' }) {
				one = one[strings.LastIndexByte(one, ':')+1:] // Gmail's log: service:selector:address
				if one = strings.ToLower(strings.Trim(one, "<>")); strings.Contains(one, "@") && len(all) < maxRecipient && !slices.Contains(all, one) {
					all = append(all, one)
				}
			}
		}
	}
	return all
}

// addressees remember whom sent messages went to, by Message-ID, in little memory: a mailbox sends hundreds of thousands of messages,
// and which of them are suspect is known when the last fact was seen.
type addressees struct {
	by   map[[16]byte]string // of a Message-ID's SHA-256: the addresses, with a line feed between them
	size int
}

func (a *addressees) note(id string, to []string) {
	if id == "" || len(to) == 0 || a.size >= maxRemember {
		return
	}
	if a.by == nil {
		a.by = map[[16]byte]string{}
	}
	k, joined := shortSum(id), strings.Join(to, "\n")
	if len(to) == 1 {
		joined = strings.Clone(joined)
	}
	a.size += len(joined) - len(a.by[k])
	if _, there := a.by[k]; !there {
		a.size += entrySize
	}
	a.by[k] = joined
}

func (a *addressees) of(id string) []string {
	joined := a.by[shortSum(id)]
	if id == "" || joined == "" {
		return nil
	}
	return strings.Split(joined, "\n")
}

func shortSum(id string) [16]byte {
	sum := sha256.Sum256([]byte(id))
	return [16]byte(sum[:16])
}

func cloned(all []string) []string {
	for i, s := range all {
		all[i] = strings.Clone(s)
	}
	return all
}

// messages lists the fraudulent messages: those whose source stands, and those that a finding is about.
func (b *Builder) messages() {
	at := map[string]int{}
	for _, k := range b.keys {
		m := b.sent[k]
		source := b.found[key(KindIP, m.IP)]
		_, left := b.seen[m.IP]
		switch {
		case m.Status == Confirmed:
		case source != nil:
			m.Status = source.Status
		case left: // the address is the organisation's own
			continue
		}
		for _, to := range b.known.of(m.ID) {
			if !slices.Contains(m.Recipients, to) {
				m.Recipients = append(m.Recipients, to)
			}
		}
		if i, there := at[m.ID]; there {
			b.list.Messages[i].merge(m) // a log and a mailbox told of it, and only now is it known to be one message
			continue
		}
		if m.ID != "" {
			at[m.ID] = len(b.list.Messages)
		}
		b.list.Messages = append(b.list.Messages, *m)
	}
	slices.SortStableFunc(b.list.Messages, func(x, y Message) int { return x.At.Compare(y.At) })
	for _, m := range b.list.Messages {
		b.ofMessage(KindMessageID, m.ID, m)
		b.ofMessage(KindSubject, m.Subject, m)
		for _, sum := range m.Files {
			b.ofMessage(KindFile, sum, m)
		}
	}
}

// merge adds what another source says of the same message.
func (m *Message) merge(other *Message) {
	m.Subject, m.IP = cmp.Or(m.Subject, other.Subject), cmp.Or(m.IP, other.IP)
	if other.Status == Confirmed {
		m.Status = Confirmed
	}
	for _, to := range other.Recipients {
		if !slices.Contains(m.Recipients, to) {
			m.Recipients = append(m.Recipients, to)
		}
	}
	x := &Indicator{}
	for _, id := range other.Exhibits {
		x.add(&m.Exhibits, id, maxExhibits)
	}
	m.hold(other)
}

// ofMessage makes an indicator of what a fraudulent message carries.
func (b *Builder) ofMessage(kind Kind, value string, m Message) {
	if value == "" || kind == KindFile && !isSHA256(value) || kind == KindMessageID && b.unfit(naming{kind: kind, value: value}, m.Account) {
		return
	}
	x := b.found[key(kind, value)]
	if x == nil {
		x = &Indicator{Kind: kind, Value: value, Status: Possible, Confidence: 50,
			Reasons: []Reason{{Rule: "fraudulent-message", Title: wordFraudulent(), Technique: []string{"T1534"}}}}
		b.found[key(kind, value)] = x
	}
	if m.Status == Confirmed {
		x.Status, x.Confidence = Confirmed, 85
	}
	x.Events++
	x.at(m.At)
	x.account(&x.Accounts, m.Account)
	for _, id := range m.Exhibits {
		x.add(&x.Exhibits, id, maxExhibits)
	}
}

func isSHA256(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// contacts lists who got a fraudulent message. The accounts under examination are none, and neither are addresses that are
// confirmed to be the intruder's. One that is possibly so stays: a customer whose answer quotes the fraudulent message is named by a
// finding too, and is the very one to be warned.
func (b *Builder) contacts() {
	at := map[string]int{}
	for i, m := range b.list.Messages {
		for _, address := range m.Recipients {
			v := b.book.Judge(address, m.Account)
			named := b.found[key(KindEmail, address)]
			if !plainAddress.MatchString(address) || named != nil && named.Status == Confirmed || slices.ContainsFunc(b.list.Accounts, func(a string) bool { return strings.EqualFold(a, address) }) {
				continue
			}
			n, there := at[address]
			if !there {
				n = len(b.list.Contacts)
				at[address] = n
				b.list.Contacts = append(b.list.Contacts, Contact{Address: address, Inside: v.Class == addresses.Own, Like: v.Like, Named: named != nil, Status: m.Status, First: m.At})
				if named != nil {
					named.Received = true
					named.Warnings = append(named.Warnings, Warning{Text: wordWrittenTo(), Shared: true})
				}
			}
			c := &b.list.Contacts[n]
			if m.Status == Confirmed {
				c.Status = Confirmed
			}
			c.Last, c.Messages = m.At, append(c.Messages, i)
		}
	}
	slices.SortStableFunc(b.list.Contacts, func(x, y Contact) int {
		if x.Inside != y.Inside {
			if x.Inside {
				return 1
			}
			return -1
		}
		return strings.Compare(string(x.Status)+x.Address, string(y.Status)+y.Address)
	})
}

// blind lists why messages may be missing: of the rules about sending, those that nobody can evaluate.
func (b *Builder) blind() {
	seen := map[string]bool{}
	for _, o := range b.result.Outcomes {
		if o.State != findings.Unknown || !slices.Contains([]string{"sent-suspect", "sent-money-suspect", "sent-new-source", "reply-orphan"}, o.Rule) ||
			!slices.ContainsFunc(b.list.Accounts, func(a string) bool { return strings.EqualFold(a, o.Account) }) {
			continue
		}
		for _, m := range o.Missing {
			if k := o.Account + m.Source + m.Reason; !seen[k] {
				seen[k] = true
				b.list.Blind = append(b.list.Blind, Blind{o.Account, decision.Text{FR: m.What["fr"], EN: m.What["en"]}, m.Source, m.Reason})
			}
		}
	}
}
