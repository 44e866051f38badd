package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/findings/decision"
	"github.com/mbaudit/mbaudit/findings/suspects"
)

// An Indicator is something to look for elsewhere, as exports have it.
type Indicator struct {
	Kind     suspects.Kind   `json:"kind"`
	Value    string          `json:"value"`
	Status   suspects.Status `json:"status"`
	Why      []decision.Text `json:"why"` // titles of the findings that name it
	Warnings []decision.Text `json:"warnings,omitempty"`
	Until    time.Time       `json:"valid_until,omitzero"`
	Exhibits []string        `json:"exhibits"`
	Received bool            `json:"was_written_to,omitempty"` // a fraudulent message was sent to it
}

// A LeftOut is what a finding names and what is no indicator.
type LeftOut struct {
	Kind  suspects.Kind `json:"kind"`
	Value string        `json:"value"`
	Why   decision.Text `json:"why_not"`
}

// A Blind spot is why messages may be missing in the lists.
type Blind struct {
	Account string        `json:"account"`
	What    decision.Text `json:"what"`
	Source  string        `json:"source"`
	Reason  string        `json:"reason"`
}

// suspects puts what was judged to be the intruder's into the model.
func (m *Model) suspects(list *suspects.List) {
	for _, x := range list.Indicators {
		m.Indicators = append(m.Indicators, indicator(x))
		if x.Kind != suspects.KindIP || len(m.Sources) == maxSources {
			continue
		}
		s := Source{IP: x.Value, Network: x.Network, ASN: x.ASN, Country: x.Country, Events: x.Events, First: x.First, Last: x.Last, Accounts: x.Accounts, Status: x.Status, Warnings: warnings(x)}
		s.Agent, s.Exhibit = first(x.Agents), first(x.Exhibits)
		for _, y := range x.Sightings {
			s.Sightings = append(s.Sightings, Sighting(y))
		}
		m.Sources = append(m.Sources, s)
	}
	for _, x := range list.LeftOut {
		m.LeftOut = append(m.LeftOut, LeftOut{x.Kind, x.Value, x.Why})
	}
	for _, x := range list.Blind {
		m.Blind = append(m.Blind, Blind{x.Account, x.What, x.Source, x.Reason})
	}
	for _, c := range list.Contacts {
		if len(m.Contacts) == maxContacts {
			m.MoreContacts++
			continue
		}
		m.Contacts = append(m.Contacts, Contact{Address: c.Address, First: c.First, Count: len(c.Messages), Exhibit: first(list.Messages[c.Messages[0]].Exhibits), Inside: c.Inside, Like: c.Like, Named: c.Named, Status: c.Status})
	}
	m.messages(list)
}

func indicator(x suspects.Indicator) Indicator {
	made := Indicator{Kind: x.Kind, Value: x.Value, Status: x.Status, Warnings: warnings(x), Until: x.Until, Exhibits: x.Exhibits, Received: x.Received}
	for _, r := range x.Reasons {
		if !slices.Contains(made.Why, r.Title) {
			made.Why = append(made.Why, r.Title)
		}
	}
	return made
}

func warnings(x suspects.Indicator) []decision.Text {
	var all []decision.Text
	for _, w := range x.Warnings {
		all = append(all, w.Text)
	}
	return all
}

// messages puts the fraudulent messages before what was read and deleted.
func (m *Model) messages(list *suspects.List) {
	var sent []Message
	for _, x := range list.Messages {
		if x.Recipients == nil {
			m.Unaddressed++
		}
		var files []Attachment
		for _, a := range x.Attached {
			files = append(files, Attachment(a))
		}
		sent = append(sent, Message{Text: x.Text, Attached: files, Links: x.Links, MoreLinks: x.MoreLinks, IBANs: x.IBANs, At: x.At, Account: x.Account, Subject: x.Subject, ID: x.ID, Recipients: x.Recipients[:min(len(x.Recipients), maxRecipients)], IP: x.IP, Exhibit: first(x.Exhibits),
			Exhibits: x.Exhibits, Action: actionSent, Status: x.Status})
	}
	m.MoreSent = list.Uncounted + int64(max(len(sent)-maxMessages, 0))
	m.Sent = slices.Concat(sent, m.Sent)
	m.Sent = m.Sent[:min(len(m.Sent), maxMessages)]
}

func first(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return all[0]
}

// outside are the contacts who are not of the organisation.
func (m *Model) outside() int {
	n := 0
	for _, c := range m.Contacts {
		if !c.Inside {
			n++
		}
	}
	return n + m.MoreContacts
}

// bare takes out of the indicators what an audience may not have: subjects, and addresses that may be a correspondent's.
func (m *Model) bare(may Access) {
	m.LeftOut = nil // it names the organisation's own
	m.Indicators = slices.DeleteFunc(slices.Clone(m.Indicators), func(x Indicator) bool {
		return x.Kind == suspects.KindSubject && !may.Subjects || x.Received && !may.Correspondents
	})
}

// detection is what to set to detect: the addresses, and what a finding named and is not to be.
func (p *page) detection() []block {
	var rows []row
	for _, s := range p.m.Sources {
		network := strings.Join(nonEmpty(number("AS", s.ASN), s.Network, s.Country), " · ")
		rows = append(rows, row{Class: "grade-" + string(s.Status), Cells: []cell{{Text: show(s.IP), Sub: p.word("suspect", string(s.Status)), Class: "code"}, {Text: cmp.Or(show(network), p.t("unresolved")), Sub: strings.Join(nonEmpty(cut(s.Agent, 120), strings.Join(p.texts(s.Warnings), " · ")), " · ")},
			{Text: fmt.Sprint(s.Events), Class: "num"}, {Text: p.period(s.First, s.Last, "—"), Class: "when"}, {Text: cut(strings.Join(s.Accounts, ", "), 200)}, {Text: p.refs(nonEmpty(s.Exhibit), 1), Class: "code"}}})
	}
	blocks := []block{text(p.t("detection.intro")), p.tableOr("sources", p.heads("ip", "network", "events", "period", "accounts", "exhibits"), rows, p.t("detection.none")), note(p.t("detection.note"))}
	if !p.m.Analysed {
		return append(blocks, warn(p.t("notanalysed")))
	}
	rows = nil
	for _, x := range p.m.LeftOut {
		rows = append(rows, row{Cells: []cell{{Text: p.word("ioc", string(x.Kind)), Class: "word"}, {Text: cut(x.Value, 120), Class: "code"}, {Text: p.say(x.Why)}}})
	}
	if len(rows) > 0 {
		blocks = append(blocks, heading(p.t("leftout")), table("leftout", p.heads("kind", "value", "why"), rows))
	}
	return blocks
}

// contacts is whom to warn, and why somebody may be missing.
func (p *page) contacts() []block {
	var rows []row
	for _, c := range p.m.Contacts {
		var notes []string
		if c.Inside {
			notes = append(notes, p.t("contacts.inside"))
		}
		if c.Named {
			notes = append(notes, p.t("contacts.named"))
		}
		if c.Like != "" {
			notes = append(notes, p.t("contacts.like", show(c.Like)))
		}
		rows = append(rows, row{Cells: []cell{{Text: "☐ " + cut(c.Address, 120), Sub: strings.Join(notes, " · ")}, {Text: p.word("suspect", string(c.Status)), Class: "word"}, {Text: p.both(c.First)}, {Text: fmt.Sprint(c.Count), Class: "num"},
			{Text: p.refs(nonEmpty(c.Exhibit), 1), Class: "code"}}})
	}
	blocks := []block{p.tableOr("contacts", p.heads("address", "state", "first", "messages", "exhibits"), rows, p.t("contacts.none"))}
	if p.m.MoreContacts > 0 {
		blocks = append(blocks, note(p.t("contacts.more", p.m.MoreContacts)))
	}
	if p.m.Unaddressed > 0 {
		blocks = append(blocks, warn(p.t("contacts.unaddressed", p.m.Unaddressed)))
	}
	var blind []string
	for _, x := range p.m.Blind {
		blind = append(blind, show(x.Account)+p.colon()+p.say(x.What)+" ("+show(x.Source)+p.colon()+p.reword(x.Reason, 200)+")")
	}
	if len(blind) > 0 {
		blocks = append(blocks, note(p.t("contacts.blind")), list(blind))
	}
	return append(blocks, note(p.t("contacts.note")), heading(p.t("letter.title")), block{Kind: "letter", Items: p.letter(p.m.Letter, p.language)})
}

// indicators lists what to look for elsewhere.
func (p *page) indicators() []block {
	var rows []row
	for _, x := range p.m.Indicators {
		sub := strings.Join(nonEmpty(p.fewSaid(p.texts(x.Why), 2), strings.Join(p.texts(x.Warnings), " · ")), " · ")
		rows = append(rows, row{Class: "grade-" + string(x.Status), Cells: []cell{{Text: p.word("ioc", string(x.Kind)), Class: "word"}, {Text: p.word("suspect", string(x.Status)), Class: "word"}, {Text: cut(x.Value, 200), Sub: sub, Class: "value"},
			{Text: p.refs(x.Exhibits, 2), Class: "code"}}})
	}
	return []block{text(p.t("ioc.intro")), p.tableOr("iocs", p.heads("kind", "state", "value", "exhibits"), rows, p.t("ioc.none"))}
}
