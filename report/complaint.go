package report

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/content"
	"github.com/mbaudit/mbaudit/findings/suspects"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// The states of an item of a form: what the evidence says is given, what only people know is left to them.
const (
	formGiven = "given" // from the evidence
	formPart  = "part"  // some of it, the rest is for people
	formOpen  = "open"  // for people
)

// complaintItems is how many things police ask for.
const complaintItems = 18

// complaint is the file for the police: 18 items, each given or open with who should know and where to look, then what is too
// long for a form, and what stands at the end.
func (p *page) complaint() []block {
	var rows []row
	for i := 1; i <= complaintItems; i++ {
		state, value := p.complaintItem(i)
		todo := ""
		if state != formGiven {
			todo = p.t("complaint.todo", p.t(fmt.Sprintf("complaint.todo.%d", i)))
		}
		rows = append(rows, row{Class: "form-" + state, Cells: []cell{{Text: fmt.Sprint(i), Class: "num"}, {Text: p.t(fmt.Sprintf("complaint.%d", i))}, {Text: p.word("form", state), Class: "word"}, {Text: value, Sub: todo}}})
	}
	blocks := []block{text(p.t("complaint.intro")), table("complaint", p.heads("number", "item", "state", "value"), rows)}
	blocks = append(append(append(blocks, p.carried()...), p.sightings()...), p.handed()...)
	return append(blocks, heading(p.t("offences")), note(p.t("offences.note")), list(p.lines("offence")), heading(p.t("routing")), list(p.lines("route")))
}

// complaintItem gives what the evidence knows of one item.
func (p *page) complaintItem(n int) (state, value string) {
	m := p.m
	switch n {
	case 1:
		c := m.Case.Complainant
		return p.said(cmp.Or(c.Name, m.Case.Organisation), c.Registration, c.Representative, c.Address)
	case 2:
		return p.said(m.Case.Operator, m.Case.Contact, m.Case.Roles["technical_lead"])
	case 3:
		return p.joined(slices.Concat(shown(p.storyLine(), m.Case.Hosting.Provider, m.Case.Hosting.Address), p.hosts()))
	case 4:
		return p.dates()
	case 5:
		return p.partly(len(m.Accounts) > 0, show(strings.Join(m.Accounts, ", ")))
	case 6:
		return p.partly(len(m.Exhibits) > 0, p.t("complaint.mails", p.exhibitsOf("message"), sentCount(m.Sent))+p.semicolon()+p.contents())
	case 7:
		return p.addressLines()
	case 8:
		return p.partly(p.exhibitsOf("report")+p.exhibitsOf("log") > 0, p.t("complaint.logs", p.exhibitsOf("report")+p.exhibitsOf("log")))
	case 9:
		shots := p.screenshots()
		return p.partly(len(shots) > 0, p.t("complaint.shots", len(shots), p.refs(shots, 10)))
	case 10:
		return p.joined(slices.Concat(shown(p.intruders()...), p.accountNumbers(), shown(m.Case.Bank.Name, m.Case.Bank.Phone)))
	case 11:
		return p.said(p.costs()...)
	case 12:
		return p.partly(len(m.Contacts) > 0, p.t("complaint.contacts", m.outside()))
	case 13:
		return p.partly(m.Entries > 0, strings.Join(append(p.contained(), p.t("complaint.journal", m.Entries, m.Head)), p.semicolon()))
	case 14:
		return p.insider()
	case 15:
		return p.said(m.Case.Insurance.Insurer, m.Case.Insurance.Policy, m.Case.Insurance.Phone)
	case 16:
		return p.exhibitSums()
	case 17:
		return p.method()
	case 18:
		return p.told()
	}
	return formOpen, p.t("complaint.unknown")
}

// said is what people said of an item so far; there may always be more to say.
func (p *page) said(parts ...string) (string, string) { return p.joined(shown(parts...)) }

// shown makes what people and mailboxes said safe to show, and leaves out what is empty.
func shown(parts ...string) []string {
	parts = nonEmpty(parts...)
	for i := range parts {
		parts[i] = show(parts[i])
	}
	return parts
}

func (p *page) joined(parts []string) (string, string) {
	return p.partly(len(parts) > 0, strings.Join(parts, ", "))
}

// partly says that an item is given in part where there is something, and not known where there is nothing.
func (p *page) partly(some bool, value string) (string, string) {
	if !some {
		return formOpen, p.t("complaint.unknown")
	}
	return formPart, value
}

// hosts are the servers that were read, as the bundles name them.
func (p *page) hosts() []string {
	var all []string
	for _, b := range p.m.Bundles {
		for _, s := range b.Sources {
			if u, err := url.Parse(s.Address); err == nil && u.Host != "" { // a path is a file that was handed over
				all = union(all, []string{p.t("complaint.host", show(u.Host))})
			}
		}
	}
	return all[:min(len(all), 8)]
}

// contents counts what the fraudulent messages hold; what nobody looked for is said to be unknown.
func (p *page) contents() string {
	var files, links, unread int
	for _, m := range p.m.Sent {
		if m.Action != actionSent {
			continue
		}
		files, links = files+len(m.Attached), links+len(m.Links)+m.MoreLinks
		if m.Text != "read" {
			unread++
		}
	}
	if p.m.Content == nil {
		return p.t("complaint.nocontent", files)
	}
	return p.t("complaint.content", files, links, unread)
}

// accountNumbers are those that the fraudulent messages wrote, and those that a finding says took another one's place.
func (p *page) accountNumbers() []string {
	var written, announced []string
	for _, m := range p.m.Sent {
		if m.Action == actionSent {
			written = union(written, m.IBANs)
		}
	}
	for _, f := range p.m.Findings {
		if !strings.HasPrefix(f.Rule, "iban-changed") || f.Recognition == findings.Recognised {
			continue
		}
		for _, o := range f.Observed {
			for _, field := range o.Fields {
				if field.Name == "iban.new" {
					announced = union(announced, field.Value.All())
				}
			}
		}
	}
	announced = slices.DeleteFunc(announced, func(iban string) bool { return slices.Contains(written, iban) })
	var all []string
	if len(written) > 0 {
		all = append(all, p.t("complaint.iban.written", show(strings.Join(written, ", "))))
	}
	if len(announced) > 0 {
		all = append(all, p.t("complaint.iban.announced", show(strings.Join(announced, ", "))))
	}
	return all
}

// screenshots are the pictures among what people attached.
func (p *page) screenshots() []string {
	var all []string
	for _, x := range p.m.Handed {
		if strings.HasPrefix(x.MediaType, "image/") || x.MediaType == "application/pdf" {
			all = append(all, x.ID)
		}
	}
	return all
}

// insider is the lead to somebody within, as the decision weighs it. The program accuses nobody, and clears nobody.
func (p *page) insider() (string, string) {
	if p.m.Decision == nil {
		return formOpen, p.t("complaint.unknown")
	}
	for _, h := range p.m.Decision.Hypotheses {
		if h.ID == "insider" {
			return formPart, p.t("complaint.insider", p.say(h.Name), p.word("verdict", h.Verdict), p.arguments(h.For), p.arguments(h.Against), p.arguments(h.Missing))
		}
	}
	return formOpen, p.t("complaint.unknown")
}

// exhibitSums has one number for each bundle, and how many files people attached.
func (p *page) exhibitSums() (string, string) {
	var sums []string
	for i, b := range p.m.Bundles {
		sums = append(sums, p.t("complaint.sum", i+1, b.TagManifest))
	}
	if len(sums) == 0 {
		return formOpen, p.t("complaint.unknown")
	}
	return formGiven, strings.Join(append(sums, p.t("complaint.handed", len(p.m.Handed))), p.semicolon())
}

// told names the entries of the logbook in which people wrote whom they told: requests to keep data are among them or nowhere.
func (p *page) told() (string, string) {
	var numbers []string
	for _, line := range p.m.Journal {
		if line.Type == journal.Communication && !line.Auto {
			numbers = append(numbers, fmt.Sprint(line.Seq))
		}
	}
	return p.partly(len(numbers) > 0, p.t("complaint.told", strings.Join(numbers[:min(len(numbers), 20)], ", ")))
}

// carried is what the fraudulent messages hold: one row for each file, link and account number, and for what nobody read.
func (p *page) carried() []block {
	var rows []row
	add := func(m *Message, kind string, value cell) {
		rows = append(rows, row{Cells: []cell{{Text: p.both(m.At), Sub: cut(cmp.Or(m.Subject, p.t("nosubject")), 80), Class: "when"}, {Text: p.word("carried", kind), Class: "word"}, value, {Text: p.refs(m.Exhibits, 2), Class: "code"}}})
	}
	for i := range p.m.Sent {
		m := &p.m.Sent[i]
		if m.Action != actionSent {
			continue
		}
		for _, a := range m.Attached {
			digest := p.t("complaint.nodigest")
			if a.SHA256 != "" {
				digest = "SHA-256 " + show(a.SHA256)
			}
			add(m, "file", cell{Text: cmp.Or(show(a.Name), p.t("complaint.noname")), Sub: strings.Join(nonEmpty(show(a.Type), digest), " · ")})
		}
		for _, link := range m.Links {
			add(m, "link", cell{Text: Defang(visible.Text(link))}) // whole: whoever seeks the page needs each character
		}
		if m.MoreLinks > 0 {
			add(m, "link", cell{Text: p.t("complaint.morelinks", m.MoreLinks)})
		}
		for _, iban := range m.IBANs {
			add(m, "iban", cell{Text: show(iban), Class: "code"})
		}
		if p.m.Content != nil && m.Text != "read" {
			add(m, "text", cell{Text: p.word("text", m.Text)})
		}
	}
	blocks := []block{heading(p.t("complaint.carried"))}
	if p.m.Content == nil {
		blocks = append(blocks, note(p.t("complaint.unasked")))
	}
	blocks = append(blocks, p.tableOr("carried", p.heads("message", "kind", "value", "exhibits"), rows, p.t("complaint.carried.none")))
	if p.m.MoreSent > 0 {
		blocks = append(blocks, note(p.t("complaint.carried.more", p.m.MoreSent)))
	}
	return blocks
}

// sightings are acts from the intruder's addresses, to the second and with the port where a log has it.
func (p *page) sightings() []block {
	var rows []row
	var more int64
	for _, s := range p.m.Sources {
		for _, x := range s.Sightings {
			zone := ""
			if x.Zone != "" {
				zone = p.t("complaint.zone", show(x.Zone))
			}
			rows = append(rows, row{Cells: []cell{{Text: show(s.IP), Class: "code"}, {Text: cmp.Or(show(x.Port), p.t("complaint.noport")), Class: "num"}, {Text: p.both(x.At), Sub: zone, Class: "when"},
				{Text: p.act(x.What), Sub: strings.Join(nonEmpty(show(x.Service), show(x.Account)), " · ")}, {Text: p.refs([]string{x.Exhibit}, 1), Sub: cut(x.Locator, 60), Class: "code"}}})
		}
		more += max(0, s.Events-int64(len(s.Sightings)))
	}
	if len(rows) == 0 {
		return nil
	}
	return []block{heading(p.t("complaint.sightings")), table("sightings", p.heads("ip", "port", "time", "event", "exhibit"), rows), note(p.t("complaint.sightings.more", more))}
}

// act says what was done, by the source's name for it.
func (p *page) act(name string) string {
	if name == "" {
		return "—"
	}
	return p.word("event", name)
}

// handed lists what people attached.
func (p *page) handed() []block {
	var rows []row
	for _, x := range p.m.Handed {
		taken := p.t("complaint.taken.unsaid", cmp.Or(show(x.FileTime), "—"))
		if x.TakenAt != "" {
			taken = show(x.TakenAt)
			if at, err := time.Parse(time.RFC3339, x.TakenAt); err == nil {
				taken = p.both(at)
			}
		}
		rows = append(rows, row{Cells: []cell{{Text: p.refs([]string{x.ID}, 1), Class: "code"}, {Text: cut(x.Name, 80), Sub: strings.Join(nonEmpty(cut(x.Slot, 60), show(x.Account), show(x.MediaType), p.size(x.Size)), " · ")},
			{Text: taken, Sub: strings.Join(nonEmpty(cut(x.TakenBy, 60), cut(x.TakenWith, 60)), " · "), Class: "when"}, {Text: cmp.Or(cut(x.Note, 300), "—")}, {Text: x.SHA256, Class: "hash"}}})
	}
	return []block{heading(p.t("complaint.files")), p.tableOr("handed", p.heads("exhibit", "file", "taken", "note", "hash"), rows, p.t("complaint.files.none"))}
}

func (p *page) storyLine() string {
	if d := p.m.Decision; d != nil {
		return d.Story.What.In(p.language)
	}
	return ""
}

// intruders are the mail addresses and domains that are the intruder's, or may be.
func (p *page) intruders() []string {
	var all []string
	for _, x := range p.m.Indicators {
		if (x.Kind == suspects.KindEmail || x.Kind == suspects.KindDomain) && !x.Received && len(all) < 8 {
			all = append(all, x.Value+" ("+p.word("suspect", string(x.Status))+")")
		}
	}
	return all
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

func (p *page) dates() (string, string) {
	var parts []string
	if d := p.m.Decision; d != nil && !d.Story.First.IsZero() {
		parts = append(parts, p.t("complaint.first", p.both(d.Story.First)), p.t("complaint.last", p.both(d.Story.Last)))
	}
	for _, d := range p.m.Case.Detected {
		parts = append(parts, p.t("complaint.known", p.both(d.At), show(d.By)))
		break
	}
	return p.partly(len(parts) > 0, strings.Join(parts, p.semicolon()))
}

// addressLines are the intruder's addresses with the second and the zone.
func (p *page) addressLines() (string, string) {
	var parts []string
	withPort := 0
	for i, s := range p.m.Sources {
		if i == 10 {
			parts = append(parts, p.t("refs.more", len(p.m.Sources)-i))
			break
		}
		ports := 0
		for _, x := range s.Sightings {
			if x.Port != "" {
				ports++
			}
		}
		if ports > 0 {
			withPort++
		}
		parts = append(parts, show(s.IP)+" "+strings.Join(nonEmpty(number("AS", s.ASN), s.Country), " ")+" "+p.both(s.First)+" → "+p.both(s.Last)+suffix(" · ", cut(s.Agent, 60))+suffix(" · ", p.refs(nonEmpty(s.Exhibit), 1)))
	}
	if len(parts) == 0 {
		return formOpen, p.t("complaint.noip")
	}
	if withPort < len(p.m.Sources) {
		return formPart, strings.Join(append(parts, p.t("complaint.ports", withPort, len(p.m.Sources))), p.semicolon())
	}
	return formGiven, strings.Join(parts, p.semicolon())
}

// method is the statement on how the evidence was collected: what is the same for all bundles once.
func (p *page) method() (string, string) {
	var parts, tools, people []string
	for i, b := range p.m.Bundles {
		tools, people = union(tools, nonEmpty(b.Tool)), union(people, nonEmpty(b.Operator))
		parts = append(parts, p.t("complaint.bundle", i+1, p.bundleClocks(b)))
	}
	if len(parts) == 0 {
		return formOpen, p.t("complaint.unknown")
	}
	return formGiven, p.t("complaint.method", show(strings.Join(tools, ", ")), cmp.Or(show(strings.Join(people, ", ")), "—"), strings.Join(parts, p.semicolon()))
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
	contacts := p.filling(c.Roles["dpo"])
	representative := p.filling(c.Complainant.Representative, cmp.Or(c.Complainant.Name, c.Organisation), c.Complainant.Registration)
	processors := p.filling(c.Hosting.Provider, c.Roles["provider"])
	values := map[int]string{
		6: contacts, 7: representative, 11: p.late(), 12: p.cause(), 14: processors,
		1:  p.t("cnil.nature", p.leaks()),
		2:  p.persona(),
		3:  p.t("cnil.persons", proved, exposed),
		4:  p.dataSorts(),
		5:  p.t("cnil.records", p.touched(), p.exhibitsOf("message")),
		9:  p.measures(),
		10: p.discovery(),
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
	blocks := []block{text(p.t("cnil.intro")), table("cnil", p.heads("number", "item", "state", "value"), rows), note(p.t("cnil.note"))}
	return append(append(blocks, p.dataTable()...), heading(p.t("cnil.register")), text(p.t("cnil.register.line", show(p.m.Case.Reference), proved, exposed)),
		heading(p.t("cnil.letter")), block{Kind: "letter", Items: p.lines("art34")})
}

// filling is what people said of a field so far, with room for the rest.
func (p *page) filling(parts ...string) string {
	if parts = shown(parts...); len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, ", ") + p.t("blank")
}

// persona are the categories of persons that the addresses show. What somebody is to the organisation, no address says.
func (p *page) persona() string {
	d := p.m.Data
	if d == nil {
		return ""
	}
	parts := []string{p.t("cnil.holders", len(p.m.Accounts)), p.t("cnil.inside", d.Own), p.t("cnil.outside", d.Outside)}
	if nir := d.Sorts[content.NIR]; nir.Messages > 0 {
		parts = append(parts, p.t("cnil.nirpersons", nir.Messages))
	}
	return strings.Join(parts, p.semicolon()) + ". " + p.t("cnil.persona.open")
}

// scanned are the sorts of data that the scan of the messages counts.
func scanned() []string {
	return []string{"iban", content.Card, content.NIR, content.Password, content.Key, content.Token}
}

// dataSorts names the categories of data that the scan of the messages found; the table below has all, and what nobody looked for.
func (p *page) dataSorts() string {
	d := p.m.Data
	if d == nil {
		return ""
	}
	parts := []string{p.t("cnil.addresses", d.Own+d.Outside)}
	var found []string
	for _, sort := range scanned() {
		if h := d.Sorts[sort]; h.Messages > 0 {
			found = append(found, p.t("cnil.sort", p.word("data", sort), h.Messages))
		}
	}
	switch {
	case p.m.Content == nil:
		parts = append(parts, p.t("cnil.notscanned"))
	case len(found) > 0:
		parts = append(parts, p.t("cnil.found", strings.Join(found, ", ")))
	}
	return strings.Join(append(parts, p.t("cnil.table")), p.semicolon())
}

// dataTable has a row for each category of data: what was found of it, that nothing was found in what was read, or why nobody
// looked for it.
func (p *page) dataTable() []block {
	d, c := p.m.Data, p.m.Content
	if d == nil {
		return nil
	}
	var rows []row
	add := func(name, values, messages, touched, state string) {
		rows = append(rows, row{Cells: []cell{{Text: name}, {Text: values, Class: "num"}, {Text: messages, Class: "num"}, {Text: touched, Class: "num"}, {Text: state}}})
	}
	add(p.t("cnil.data.addresses"), fmt.Sprint(d.Own+d.Outside), "—", "—", p.t("cnil.state.headers"))
	for _, sort := range scanned() {
		switch h := d.Sorts[sort]; {
		case c == nil:
			add(p.word("data", sort), "—", "—", "—", p.t("cnil.state.unasked"))
		case h.Messages > 0:
			add(p.word("data", sort), fmt.Sprint(h.Values), fmt.Sprint(h.Messages), fmt.Sprint(h.Touched), p.t("cnil.state.found"))
		default:
			add(p.word("data", sort), "0", "0", "0", p.t("cnil.state.none"))
		}
	}
	add(p.t("cnil.data.attachments"), fmt.Sprint(d.Attachments.Values), fmt.Sprint(d.Attachments.Messages), fmt.Sprint(d.Attachments.Touched), p.t("cnil.state.unopened"))
	add(p.t("cnil.data.others"), "—", "—", "—", p.t("cnil.state.nobody"))
	blocks := []block{heading(p.t("cnil.data")), table("data", p.heads("category", "values", "messages", "touched", "state"), rows)}
	if c != nil {
		blocks = append(blocks, note(p.t("cnil.unread", c.Read, c.HeadersOnly, c.Personal, c.Partly)))
	}
	return blocks
}

// discovery is when it began and ended, whether it goes on, when it became known and how.
func (p *page) discovery() string {
	state, dates := p.dates()
	if state == formOpen {
		return p.t("blank")
	}
	if d := p.m.Decision; d != nil {
		dates += p.semicolon() + p.t("story.open") + p.colon() + p.answer(d.Story.StillOpen)
	}
	for _, x := range p.m.Case.Detected {
		dates += p.semicolon() + p.t("cnil.how", p.reword(x.Text, 200))
		break
	}
	return dates
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
	d := p.m.Data
	if d == nil {
		return 0, p.m.Picture.Correspondents
	}
	return d.Named, max(d.Named, p.m.Picture.Correspondents)
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
			parts = append(parts, p.minute(line.EventTime)+" "+p.reword(line.Description, maxShown))
		}
	}
	return cmp.Or(strings.Join(parts, p.semicolon()), p.t("containment.none"))
}
