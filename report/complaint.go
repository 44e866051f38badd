package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/mbaudit/mbaudit/evidence/journal"
)

// The states of an item of a form: what the evidence says is given, what only people know is left to them.
const (
	formGiven = "given" // from the evidence
	formPart  = "part"  // some of it, the rest is for people
	formOpen  = "open"  // for people
)

// complaintItems is how many things police ask for.
const complaintItems = 18

// complaint is the file for the police: 18 items, each given or open, and what stands at the end.
func (p *page) complaint() []block {
	var rows []row
	for i := 1; i <= complaintItems; i++ {
		state, value := p.complaintItem(i)
		rows = append(rows, row{Class: "form-" + state, Cells: []cell{{Text: fmt.Sprint(i), Class: "num"}, {Text: p.t(fmt.Sprintf("complaint.%d", i))}, {Text: p.word("form", state), Class: "word"}, {Text: value}}})
	}
	return []block{text(p.t("complaint.intro")), table("complaint", p.heads("number", "item", "state", "value"), rows), heading(p.t("offences")), note(p.t("offences.note")), list(p.lines("offence")),
		heading(p.t("routing")), list(p.lines("route"))}
}

// complaintItem gives what the evidence knows of one item.
func (p *page) complaintItem(n int) (state, value string) {
	m := p.m
	blank := p.t("blank")
	switch n {
	case 1:
		c := m.Case.Complainant
		return p.said(cmp.Or(c.Name, m.Case.Organisation), c.Registration, c.Representative, c.Address)
	case 2:
		return p.said(m.Case.Operator, m.Case.Contact, m.Case.Roles["technical_lead"])
	case 3:
		return p.said(p.storyLine(), m.Case.Hosting.Provider, m.Case.Hosting.Address)
	case 4:
		return p.dates()
	case 5:
		return open(len(m.Accounts) > 0, show(strings.Join(m.Accounts, ", ")))
	case 6:
		return open(len(m.Exhibits) > 0, p.t("complaint.mails", p.exhibitsOf("message"), sentCount(p.m.Sent)))
	case 7:
		return p.addressLines()
	case 8:
		return open(len(m.Bundles) > 0, p.t("complaint.logs", p.exhibitsOf("report")+p.exhibitsOf("log")))
	case 10:
		return p.said(m.Case.Bank.Name, m.Case.Bank.Phone)
	case 11:
		return p.said(p.costs()...)
	case 12:
		return open(len(m.Contacts) > 0, p.t("complaint.contacts", len(m.Contacts)))
	case 13:
		return open(m.Entries > 0, p.t("complaint.journal", m.Entries, m.Head))
	case 15:
		return p.said(m.Case.Insurance.Insurer, m.Case.Insurance.Policy, m.Case.Insurance.Phone)
	case 16:
		var sums []string
		for _, b := range m.Bundles {
			sums = append(sums, p.t("complaint.sum", show(b.ID), b.TagManifest))
		}
		return open(len(sums) > 0, strings.Join(sums, "; "))
	case 17:
		return p.method()
	}
	return formOpen, blank
}

// said is what people said of an item so far; there may always be more to say.
func (p *page) said(parts ...string) (string, string) {
	if parts = nonEmpty(parts...); len(parts) == 0 {
		return formOpen, p.t("blank")
	}
	for i := range parts {
		parts[i] = show(parts[i])
	}
	return formPart, strings.Join(parts, ", ") + p.t("blank")
}

func (p *page) storyLine() string {
	if d := p.m.Decision; d != nil {
		return d.Story.What.In(p.language)
	}
	return ""
}

// costs are what the journal says of money and time that were lost.
func (p *page) costs() []string {
	var all []string
	for _, line := range p.m.Journal {
		if line.Cost != "" && len(all) < 8 {
			all = append(all, line.Cost+" ("+line.Description+")")
		}
	}
	return all
}

// open says that an item is given in part where there is something, and open where there is nothing.
func open(some bool, value string) (string, string) {
	if !some {
		return formOpen, cmp.Or(value, "…")
	}
	return formPart, value
}

func (p *page) dates() (string, string) {
	var parts []string
	if d := p.m.Decision; d != nil && !d.Story.First.IsZero() {
		parts = append(parts, p.t("complaint.first", p.both(d.Story.First)), p.t("complaint.last", p.both(d.Story.Last)))
	}
	for _, d := range p.m.Case.Detected {
		parts = append(parts, p.t("complaint.known", p.both(d.At), show(d.By)))
		break
	}
	return open(len(parts) > 0, cmp.Or(strings.Join(parts, "; "), p.t("blank")))
}

// addressLines are the intruder's addresses with the second and the zone.
func (p *page) addressLines() (string, string) {
	var parts []string
	for i, s := range p.m.Sources {
		if i == 10 {
			parts = append(parts, p.t("refs.more", len(p.m.Sources)-i))
			break
		}
		parts = append(parts, show(s.IP)+" "+strings.Join(nonEmpty(number("AS", s.ASN), s.Country), " ")+" "+p.both(s.First)+" → "+p.both(s.Last)+" · "+p.refs([]string{s.Exhibit}, 1))
	}
	if len(parts) == 0 {
		return formOpen, p.t("complaint.noip")
	}
	return formGiven, strings.Join(parts, "; ")
}

// method is the statement on how the evidence was collected.
func (p *page) method() (string, string) {
	var parts []string
	for _, b := range p.m.Bundles {
		parts = append(parts, p.t("complaint.method", show(b.ID), show(b.Tool), show(b.Operator), p.both(b.CreatedAt), p.both(b.SealedAt), p.bundleClocks(b)))
	}
	if len(parts) == 0 {
		return formOpen, p.t("blank")
	}
	return formGiven, strings.Join(parts, "; ")
}

// exhibitsOf counts the exhibits whose resource has a word in it, over the whole ledger.
func (p *page) exhibitsOf(word string) int64 {
	var n int64
	for _, c := range p.m.Coverage {
		if strings.Contains(c.Resource, word) {
			n += c.Got
		}
	}
	return n
}

// cnil is the sheet for the notification: what the evidence supports, as the least that is proved and the most that was exposed.
func (p *page) cnil() []block {
	proved, exposed := p.persons()
	c := p.m.Case
	_, contacts := p.said(c.Roles["dpo"], c.Complainant.Representative, cmp.Or(c.Complainant.Name, c.Organisation), c.Complainant.Registration)
	_, processors := p.said(c.Hosting.Provider, c.Roles["provider"])
	values := map[int]string{
		6: contacts, 10: p.late(), 11: p.cause(), 13: processors,
		1: p.t("cnil.nature", p.leaks()),
		3: p.t("cnil.persons", proved, exposed),
		5: p.t("cnil.records", p.touched(), p.exhibitsOf("message")),
		8: p.measures(),
		9: cmp.Or(func() string { _, v := p.dates(); return v }(), p.t("blank")),
	}
	for i, v := range values {
		if v == p.t("blank") || v == "" {
			delete(values, i) // nobody knows any of it
		}
	}
	var rows []row
	for i, field := range p.lines("cnil.field") {
		value, known := values[i+1]
		state := formPart
		if !known {
			state, value = formOpen, p.t("blank")
		}
		rows = append(rows, row{Class: "form-" + state, Cells: []cell{{Text: fmt.Sprint(i + 1), Class: "num"}, {Text: field}, {Text: p.word("form", state), Class: "word"}, {Text: value}}})
	}
	return []block{text(p.t("cnil.intro")), table("cnil", p.heads("number", "item", "state", "value"), rows), note(p.t("cnil.note")), heading(p.t("cnil.register")), text(p.t("cnil.register.line", show(p.m.Case.Reference), proved, exposed)),
		heading(p.t("cnil.letter")), {Kind: "letter", Items: p.lines("art34")}}
}

// late says whether a reason for a delay is to be given.
func (p *page) late() string {
	if p.m.Decision == nil {
		return ""
	}
	for _, clock := range p.m.Decision.Clocks {
		if clock.ID == "cnil" && !clock.Ends.IsZero() {
			if p.m.MadeAt.After(clock.Ends) {
				return p.t("cnil.late", p.minute(clock.Ends)) + p.t("blank")
			}
			return p.t("cnil.intime", p.minute(clock.Ends))
		}
	}
	return ""
}

// cause is what the hypotheses for the initial access support, as such.
func (p *page) cause() string {
	if p.m.Decision == nil {
		return ""
	}
	var names []string
	for _, h := range p.m.Decision.Hypotheses {
		if h.Verdict == "supported" {
			names = append(names, p.say(h.Name))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return p.t("cnil.cause", strings.Join(names, ", ")) + p.t("blank")
}

// persons are the fewest and the most people whose data may be concerned: who wrote or was written to in messages that were
// touched from a suspect source, and all correspondents that are known.
func (p *page) persons() (least, most int) {
	seen := map[string]bool{}
	for _, m := range p.m.Sent {
		for _, r := range m.Recipients {
			seen[strings.ToLower(r)] = true
		}
	}
	return len(seen), max(len(seen), p.m.Picture.Correspondents)
}

func (p *page) touched() int { return p.m.Picture.Touched }

func (p *page) leaks() string {
	if p.m.Decision == nil {
		return p.t("undecided.axis")
	}
	var parts []string
	for _, x := range p.m.Decision.Exfiltration {
		parts = append(parts, p.word("leak", x.Kind)+p.colon()+p.word("leakstate", x.State))
	}
	slices.Sort(parts)
	return cmp.Or(strings.Join(slices.Compact(parts), ", "), p.t("exfiltration.none"))
}

// measures are what was done: by the plans, and by people, as the journal has it.
func (p *page) measures() string {
	parts := p.contained()
	for _, line := range p.m.Journal {
		if line.Type == journal.Action && line.ActionState != journal.Planned && line.OutcomeOf == 0 && !(line.Auto && len(p.m.Plans) > 0) && len(parts) < 8 {
			parts = append(parts, p.minute(line.EventTime)+" "+show(line.Description))
		}
	}
	return cmp.Or(strings.Join(parts, "; "), p.t("containment.none"))
}
