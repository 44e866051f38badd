package fakegoogle

import (
	"bytes"
	"fmt"
	"iter"
	"mime"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/internal/seedmail"
)

// A mailbox is a user's messages and what happened to them.
type mailbox struct {
	messages []*message // oldest first
	byID     map[string]*message
	threads  map[string]string // from Message-IDs
	history  []historyRecord   // oldest first
	last     uint64            // history id
}

// A message is one message. Its bytes are made when they are asked for.
type message struct {
	id, thread              string
	labels                  []string
	date                    time.Time
	size                    int
	historyID               uint64
	from, to, subject, rfc2 string // decoded header fields; rfc2 is the Message-ID
	attachment              bool
	raw                     func() []byte
}

// A historyRecord is one thing that happened to a message.
type historyRecord struct {
	id      uint64
	at      time.Time
	kind    string // as in historyTypes
	message *message
	labels  []string // added or removed
	after   []string // all labels of the message then
}

func systemLabels() []string {
	return []string{"INBOX", "SENT", "DRAFT", "TRASH", "SPAM", "UNREAD", "STARRED", "IMPORTANT", "CHAT",
		"CATEGORY_PERSONAL", "CATEGORY_SOCIAL", "CATEGORY_PROMOTIONS", "CATEGORY_UPDATES", "CATEGORY_FORUMS"}
}

// furnishMail gives a new account the settings that every mailbox has.
func (t *Tenant) furnishMail(a *account) {
	m := &a.mail
	m.autoForwarding = object{"enabled": false}
	m.imap = object{"enabled": true, "autoExpunge": true, "expungeBehavior": "archive", "maxFolderSize": 0.0}
	m.pop = object{"accessWindow": "disabled", "disposition": "leaveInInbox"}
	m.vacation = object{"enableAutoReply": false, "restrictToContacts": false, "restrictToDomain": false}
	m.languageUsed = object{"displayLanguage": "fr"}
	m.smime = map[string][]object{}
	m.sendAs = []object{{"sendAsEmail": a.email, "displayName": a.given + " " + a.family, "isPrimary": true, "isDefault": true, "treatAsAlias": false,
		"replyToAddress": "", "signature": "<div>" + a.given + "<br>Menuiserie Dulac</div>", "verificationStatus": "accepted"}}
	for _, name := range systemLabels() {
		m.labels = append(m.labels, object{"id": name, "name": name, "type": "system", "messageListVisibility": "hide", "labelListVisibility": "labelHide"})
	}
}

// labelFor returns the id of the user's label with a name, and makes it if need be.
func (m *gmailState) labelFor(name string) string {
	if i := where(m.labels, "name", name); i >= 0 {
		return text(m.labels[i], "id")
	}
	id := fmt.Sprintf("Label_%d", len(m.labels)-len(systemLabels())+1)
	m.labels = append(m.labels, object{"id": id, "name": name, "type": "user", "messageListVisibility": "show", "labelListVisibility": "labelShow"})
	return id
}

// box returns an account's mailbox and makes it the first time.
func (t *Tenant) box(a *account) *mailbox {
	if a.mail.box == nil {
		a.mail.box = &mailbox{byID: map[string]*message{}, threads: map[string]string{}, last: 10_000 + uint64(a.number)}
		t.fill(a, t.ordinary(a))
		if t.takenOver(a.person) {
			t.fill(a, keptWhole(seedmail.CompromisedLater(t.config.Weeks)))
			t.coverTracks(a)
		}
	}
	return a.mail.box
}

// A letter is a message that is to be delivered, and what makes its bytes again.
type letter struct {
	seedmail.Message
	again func() []byte
}

// keptWhole are messages whose bytes stay in memory.
func keptWhole(messages []seedmail.Message) iter.Seq[letter] {
	return func(yield func(letter) bool) {
		for _, m := range messages {
			if !yield(letter{m, func() []byte { return m.Raw }}) {
				return
			}
		}
	}
}

// ordinary are a user's messages apart from the story: as many as Config says, none of them after the clock's start.
func (t *Tenant) ordinary(a *account) iter.Seq[letter] {
	count, configured := t.config.Mailboxes[a.email]
	if !configured && !t.takenOver(a.person) {
		count = t.config.Messages
	}
	spec := seedmail.Spec{Seed: t.config.Seed + uint64(a.number)<<16, Messages: count + count/20 + 2, Owner: a.email, MeanSize: 2 << 10,
		Folders: []string{"INBOX", "Sent", "Archive", "Clients/Devis", "Drafts", "Trash", "Junk"}}
	return func(yield func(letter) bool) {
		number := 0
		for m := range seedmail.Mailbox(spec) {
			n := number
			if number++; n == count || !yield(letter{m, func() []byte { return spec.Message(n) }}) {
				return
			}
		}
	}
}

// fill puts messages into a mailbox.
func (t *Tenant) fill(a *account, messages iter.Seq[letter]) {
	for m := range messages {
		t.deliver(a, m.InternalDate, a.mail.labelsOf(m.Message), m.Raw, m.again)
	}
	b := a.mail.box
	slices.SortStableFunc(b.messages, func(x, y *message) int { return x.date.Compare(y.date) })
	slices.SortStableFunc(b.history, func(x, y historyRecord) int { return x.at.Compare(y.at) })
	b.renumber()
}

// labelsOf says in Gmail's words where a message lies.
func (m *gmailState) labelsOf(s seedmail.Message) []string {
	var labels []string
	switch s.Folder {
	case "INBOX":
		labels = []string{"INBOX", "CATEGORY_PERSONAL"}
	case "Sent":
		labels = []string{"SENT"}
	case "Drafts":
		labels = []string{"DRAFT"}
	case "Trash":
		labels = []string{"TRASH"}
	case "Junk":
		labels = []string{"SPAM"}
	case "Archive":
	default:
		labels = []string{m.labelFor(s.Folder)}
	}
	if !slices.Contains(s.Flags, `\Seen`) && !slices.Contains(labels, "SENT") && !slices.Contains(labels, "DRAFT") {
		labels = append(labels, "UNREAD")
	}
	if slices.Contains(s.Flags, `\Flagged`) {
		labels = append(labels, "STARRED")
	}
	return labels
}

// deliver adds a message to a mailbox.
func (t *Tenant) deliver(a *account, at time.Time, labels []string, raw []byte, later func() []byte) *message {
	b := a.mail.box
	m := &message{id: fmt.Sprintf("%016x", uint64(at.UnixMilli())<<20|uint64(len(b.messages))&0xfffff), labels: labels, date: at, size: len(raw), raw: later}
	m.thread = m.id
	m.attachment = bytes.Contains(raw, []byte("Content-Disposition: attachment"))
	if parsed, err := mail.ReadMessage(bytes.NewReader(raw)); err == nil {
		words := new(mime.WordDecoder)
		decode := func(name string) string {
			value := parsed.Header.Get(name)
			if decoded, err := words.DecodeHeader(value); err == nil {
				return decoded
			}
			return value
		}
		m.from, m.to, m.subject, m.rfc2 = decode("From"), decode("To"), decode("Subject"), parsed.Header.Get("Message-Id")
		for _, id := range strings.Fields(parsed.Header.Get("References") + " " + parsed.Header.Get("In-Reply-To")) {
			if thread := b.threads[id]; thread != "" {
				m.thread = thread
				break
			}
		}
		b.threads[m.rfc2] = m.thread
	}
	b.messages = append(b.messages, m)
	b.byID[m.id] = m
	b.record(at, "messageAdded", m, nil)
	return m
}

// record writes down that something happened to a message.
func (b *mailbox) record(at time.Time, kind string, m *message, labels []string) {
	b.last += 7
	m.historyID = b.last
	b.history = append(b.history, historyRecord{id: b.last, at: at, kind: kind, message: m, labels: labels, after: slices.Clone(m.labels)})
}

// relabel adds labels to a message and takes others off, and writes both down.
func (b *mailbox) relabel(at time.Time, m *message, add, drop []string) {
	var added, dropped []string
	for _, label := range add {
		if !slices.Contains(m.labels, label) {
			m.labels, added = append(slices.Clone(m.labels), label), append(added, label)
		}
	}
	for _, label := range drop {
		if i := slices.Index(m.labels, label); i >= 0 {
			m.labels, dropped = slices.Delete(slices.Clone(m.labels), i, i+1), append(dropped, label)
		}
	}
	if len(added) > 0 {
		b.record(at, "labelAdded", m, added)
	}
	if len(dropped) > 0 {
		b.record(at, "labelRemoved", m, dropped)
	}
}

// expunge deletes a message for good: only the history knows that it was there.
func (b *mailbox) expunge(at time.Time, m *message) {
	b.record(at, "messageDeleted", m, nil)
	delete(b.byID, m.id)
	b.messages = slices.DeleteFunc(b.messages, func(other *message) bool { return other == m })
}
