package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/evidence/journal/export"
	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/decision"
)

// makers gives for each section what makes its blocks.
func (p *page) makers() map[string]func() []block {
	return map[string]func() []block{
		SecSynthesis: p.synthesis, SecReported: p.reported, SecConfirm: p.confirmation, SecScope: p.scope, SecAccess: p.access, SecImpact: p.impact, SecUrgency: p.urgency,
		SecRule: p.rule, SecTimeline: p.timeline, SecContainment: p.containment, SecMessages: p.messages, SecDetection: p.detection, SecContacts: p.contacts,
		SecRemediation: p.remediation, SecDoctrine: p.doctrine, SecLimits: p.limits, SecExhibits: p.exhibits, SecComplaint: p.complaint, SecCNIL: p.cnil, SecJournal: p.journal,
		SecGlossary: p.glossary, SecIndicators: p.indicators, SecSheets: p.sheets,
	}
}

// How much page 1 holds, so that it stays one page.
const (
	summaryAccounts = 4
	summaryUnknowns = 5
	summaryClocks   = 4
	summaryDone     = 3
	summaryFacts    = 5
	summaryWidth    = 110
)

// synthesis is page 1.
func (p *page) synthesis() []block {
	d := p.m.Decision
	if d == nil {
		return p.undecided()
	}
	if p.m.Audience == Partner {
		return []block{p.story(d), heading(p.t("partner.title")), list(p.lines("partner"))}
	}
	blocks := []block{p.levels(d), p.conclusions(d), p.story(d)}
	blocks = append(blocks, p.keyFacts()...)
	left := []block{heading(p.t("clocks.title")), p.clocks(d, summaryClocks)}
	if t0 := p.knowledge(d); t0 != "" {
		left = append(left, note(t0))
	}
	if p.m.Audience == Cell { // others are told; they are not asked to decide
		blocks = append(blocks, heading(p.t("ask.title")), p.asked(d))
		left = append(left, heading(p.t("never.title")), list(p.lines("never")))
	}
	right := []block{heading(p.t("unknown.title")), p.unknown(d), heading(p.t("done.title")), p.done()}
	return append(blocks, block{Kind: "columns", Blocks: []block{{Kind: "column", Blocks: left}, {Kind: "column", Blocks: right}}})
}

// keyFacts are the few findings that tell the story to somebody who reads nothing else, in the order in which they happened;
// what is a state that was found, without a time, comes last.
func (p *page) keyFacts() []block {
	weight := map[findings.Grade]int{findings.Confirmed: 2, findings.Probable: 1}
	strength := map[string]int{"strong": 2, "medium": 1}
	all := slices.DeleteFunc(Alike(p.m.Findings), func(g []*findings.Finding) bool {
		return weight[g[0].Grade] == 0 || strength[g[0].Strength] == 0 || g[0].Recognition == findings.Recognised || !g[0].Examined
	})
	slices.SortStableFunc(all, func(x, y []*findings.Finding) int {
		return cmp.Or(cmp.Compare(strength[y[0].Strength], strength[x[0].Strength]), cmp.Compare(weight[y[0].Grade], weight[x[0].Grade]), -compareBool(!x[0].First.IsZero(), !y[0].First.IsZero()))
	})
	about := map[string]bool{} // a forwarding that was set up and is still there is one story, not two
	var kept [][]*findings.Finding
	for _, g := range all {
		if s := g[0].Subject; s != "" && about[s] {
			continue
		}
		about[g[0].Subject] = true
		if kept = append(kept, g); len(kept) == summaryFacts {
			break
		}
	}
	if len(kept) == 0 {
		return nil
	}
	slices.SortStableFunc(kept, func(x, y []*findings.Finding) int {
		a, b := x[0].First, y[0].First
		if a.IsZero() || b.IsZero() {
			return -compareBool(!a.IsZero(), !b.IsZero())
		}
		return a.Compare(b)
	})
	var rows []row
	for _, g := range kept {
		f := g[0]
		when := p.t("facts.found")
		if !f.First.IsZero() {
			when = p.minute(f.First)
		}
		rows = append(rows, row{Class: "grade-" + string(f.Grade), Cells: []cell{{Text: when, Class: "when"}, {Text: shorten(p.ours(f.Title[p.language])+suffix(p.colon(), p.few(subjectsOf(g), 1, 36)), summaryWidth)}, {Text: p.word("sure", string(f.Grade)), Class: "word"}, {Text: p.refs(f.Exhibits, 1), Class: "code"}}})
	}
	return []block{table("facts", p.heads("since", "fact", "sure", "best"), rows)}
}

func subjectsOf(group []*findings.Finding) []string {
	var all []string
	for _, f := range group {
		all = append(all, f.Subject)
	}
	return all
}

// undecided is page 1 of a case that nobody has qualified.
func (p *page) undecided() []block {
	return []block{warn(p.t("undecided")), pairs([]pair{p.accounts(), {p.t("undecided.findings"), p.counted()}}), heading(p.t("ask.title")), p.asked(nil),
		heading(p.t("done.title")), p.done(), heading(p.t("never.title")), list(p.lines("never"))}
}

func (p *page) counted() string {
	if !p.m.Analysed {
		return p.t("notanalysed")
	}
	return p.t("findings.count", len(p.m.Findings)+p.m.Others)
}

func (p *page) accounts() pair {
	var all []string
	for i, a := range p.m.Accounts {
		if i == summaryAccounts {
			all = append(all, p.more(len(p.m.Accounts)-i))
			break
		}
		all = append(all, cut(a, 50))
	}
	return pair{p.t("accounts"), cmp.Or(strings.Join(all, ", "), p.t("none.accounts"))}
}

// levels is the band with the level established and the level possible.
func (p *page) levels(d *decision.Decision) block {
	b := block{Kind: "level", Class: string(d.InForce), Pairs: []pair{{p.t("level.established"), d.Level.In(p.language)}}}
	if d.Possible != "" {
		b.Pairs = append(b.Pairs, pair{p.t("level.possible"), d.Possible.In(p.language)})
	}
	if d.Override != nil {
		b.Pairs = append(b.Pairs, pair{p.t("level.override"), d.InForce.In(p.language)})
	}
	if len(d.If) > 0 {
		b.Text = p.t("level.if", shorten(p.say(d.If[0]), summaryWidth))
	}
	return b
}

// conclusions are the four questions, in the doctrine's order.
func (p *page) conclusions(d *decision.Decision) block {
	var rows []row
	for i, axis := range []decision.Axis{d.Confirmation, d.Scope, d.Impact, d.Urgency} {
		if axis.Word == (decision.Text{}) {
			continue // this audience does not get it
		}
		basis := p.t("basis.none")
		if axis.Best != "" {
			basis = p.refs([]string{axis.Best}, 1)
		}
		rows = append(rows, row{Class: "answer-" + answer(axis.Answer), Cells: []cell{{Text: p.t(fmt.Sprintf("question.%d", i+1))}, {Text: p.answer(axis.Answer), Class: "answer"},
			{Text: p.axisWord(axis)}, {Text: basis, Class: "code"}}})
	}
	return table("conclusions", p.heads("question", "answer", "state", "best"), rows)
}

func answer(a decision.Answer) string { return cmp.Or(string(a), "unknown") }

func (p *page) answer(a decision.Answer) string { return p.word("answer", answer(a)) }

func (p *page) axisWord(a decision.Axis) string {
	word := shorten(p.say(a.Word), 70)
	if a.Possible > a.Established {
		word += " (" + p.t("possible", shorten(p.say(a.WorstWord), 70)) + ")"
	}
	return word
}

func (p *page) story(d *decision.Decision) block {
	s := d.Story
	since := p.t("undated")
	if !s.First.IsZero() {
		since = p.period(s.First, s.Last, "") + " (" + p.zone.String() + ")"
	}
	return pairs([]pair{p.accounts(), {p.t("story.what"), shorten(p.say(s.What), summaryWidth)}, {p.t("story.since"), since},
		{p.t("story.open"), p.answer(s.StillOpen) + suffix(p.colon(), shorten(p.say(s.Why), summaryWidth))}})
}

func suffix(before, s string) string {
	if s == "" {
		return ""
	}
	return before + s
}

// asked are the decisions that page 1 asks for: by whom, until when, to be ticked by hand.
func (p *page) asked(d *decision.Decision) block {
	ends := map[string]string{}
	if d != nil {
		for _, c := range d.Clocks {
			switch {
			case c.State == "stopped":
				ends[c.ID] = p.t("ask.done")
			case !c.Ends.IsZero():
				ends[c.ID] = p.minute(c.Ends)
			default:
				ends[c.ID] = p.t("ask.now")
			}
		}
	}
	lock, crisis := p.t("ask.now"), p.t("ask.later")
	if d != nil && d.Confirmation.Possible < 2 {
		lock = p.t("ask.precaution")
	}
	if p.m.Level.Rank() >= decision.Major.Rank() || p.m.Possible.Rank() >= decision.Crisis.Rank() {
		crisis = p.t("ask.now")
	}
	if n := p.taken(); n > 0 {
		lock = p.t("ask.taken", n)
	}
	contacts := p.t("ask.today")
	if n := p.m.outside(); n > 0 {
		contacts = p.t("ask.contacts", n)
	}
	rows := []row{}
	for i, x := range []struct{ role, until string }{{"decision_maker", lock}, {"decision_maker", p.t("ask.after")}, {"communication", contacts}, {"legal", cmp.Or(ends["complaint"], p.t("ask.seventytwo"))},
		{"dpo", cmp.Or(ends["cnil"], p.t("ask.seventytwo"))}, {"finance", cmp.Or(ends["bank"], p.t("ask.money"))}, {"decision_maker", crisis}} {
		rows = append(rows, row{Cells: []cell{{Text: p.t(fmt.Sprintf("ask.%d", i+1))}, p.whom(x.role), {Text: x.until}, {Text: "☐ " + p.t("tick.yes") + "  ☐ " + p.t("tick.no"), Class: "tickbox"}, {}}})
	}
	return table("asked", p.heads("decision", "by", "until", "tick", "signature"), rows)
}

// whom names a role, and who has it.
func (p *page) whom(role string) cell {
	if name := p.m.Case.Roles[role]; name != "" {
		return cell{Text: p.word("role", role), Sub: cut(name, 40)}
	}
	return cell{Text: p.word("role", role)}
}

func (p *page) clocks(d *decision.Decision, most int) block {
	clocks := slices.Clone(d.Clocks)
	law := func(c decision.Clock) bool { return !strings.HasPrefix(c.ID, "log:") }
	slices.SortStableFunc(clocks, func(x, y decision.Clock) int { return -compareBool(law(x), law(y)) })
	var rows []row
	for i, c := range clocks {
		if i == most {
			break
		}
		ends := "—"
		if !c.Ends.IsZero() {
			ends = p.minute(c.Ends)
		}
		sub := ""
		if most > summaryClocks {
			sub = p.say(c.Why)
		}
		rows = append(rows, row{Class: "clock-" + strings.ReplaceAll(c.State, " ", "-"), Cells: []cell{{Text: shorten(p.say(c.Name), 60), Sub: sub}, {Text: p.word("clock", c.State)}, {Text: ends, Class: "num"}}})
	}
	if len(rows) == 0 {
		return note(p.t("clocks.none"))
	}
	return table("clocks", p.heads("term", "state", "ends"), rows)
}

// knowledge is the moment from which the legal terms run, and who set it.
func (p *page) knowledge(d *decision.Decision) string {
	for _, c := range d.Clocks {
		if !strings.HasPrefix(c.ID, "log:") && !c.Starts.IsZero() {
			why, _, _ := strings.Cut(p.say(c.Why), ";")
			return p.t("clocks.t0", p.minute(c.Starts), shorten(strings.TrimSpace(why), summaryWidth))
		}
	}
	return ""
}

func (p *page) unknown(d *decision.Decision) block {
	var items []string
	for i, u := range d.Unknowns {
		if i == summaryUnknowns {
			break
		}
		items = append(items, shorten(p.say(u.Text), 64))
	}
	if len(items) == 0 {
		return note(p.t("unknown.none"))
	}
	return list(items)
}

// done lists what was done: the journal's actions, and what was sealed.
func (p *page) done() block {
	items := p.contained()
	items = items[:min(len(items), summaryDone-1)]
	contained := len(items) > 0
	for _, b := range p.m.Bundles {
		if len(items) >= summaryDone-1 {
			break
		}
		items = append(items, p.t("done.sealed", show(b.ID), b.Counts.Exhibits, b.Counts.Gaps, p.minute(b.SealedAt)))
	}
	for i := len(p.m.Journal) - 1; i >= 0 && len(items) < summaryDone; i-- {
		if e := p.m.Journal[i]; e.Type == journal.Action && !(contained && e.Auto) && (e.ActionState == journal.Verified || e.ActionState == journal.Done || e.ActionState == journal.Failed) {
			items = append(items, cut(p.minute(e.EventTime), 40)+" "+strings.Join(nonEmpty(p.reword(e.Description, 40), p.reword(e.Result, 30)), " ")+" ("+export.StateWord(e.ActionState, p.language)+")")
		}
	}
	if len(items) == 0 {
		return note(p.t("done.none"))
	}
	return list(items)
}

// reported is how the incident became known, who is in charge, and what the organisation lives on.
func (p *page) reported() []block {
	c := p.m.Case
	var rows []row
	for _, d := range c.Detected {
		rows = append(rows, cells(p.both(d.At), show(d.By), p.reword(d.Text, maxShown), p.t("journal.entry", d.Seq)))
	}
	blocks := []block{p.tableOr("reported", p.heads("time", "informant", "text", "journal"), rows, p.t("reported.none"))}
	blocks = append(blocks, pairs([]pair{p.accounts(), {p.t("authority"), cmp.Or(show(c.Authority), p.t("open.authority"))}, {p.t("domains"), cmp.Or(show(strings.Join(c.OwnDomains, ", ")), p.t("open.domains"))},
		{p.t("business.critical"), p.filled(c.Business.CriticalActivities)}, {p.t("business.depends"), p.filled(c.Business.DependsOnMailbox)},
		{p.t("business.money"), p.filled(c.Business.MoneyWorkflows)}, {p.t("business.continuity"), cmp.Or(show(c.Business.Continuity), p.t("open.person"))}}))
	if named := p.named(); len(named) > 0 {
		blocks = append(blocks, heading(p.t("roles")), pairs(named))
	}
	if p.m.Audience == Cell {
		blocks = append(blocks, p.open()...)
	}
	if len(c.Contacts) > 0 {
		rows = nil
		for _, x := range c.Contacts {
			rows = append(rows, cells(show(x.Name), show(x.Role), show(x.Phone), show(x.Email)))
		}
		blocks = append(blocks, heading(p.t("contactlist")), table("contactlist", p.heads("name", "role", "phone", "email"), rows))
	}
	if d := p.m.Decision; d != nil {
		blocks = append(blocks, p.sensitive(d)...)
		if len(d.Clocks) > 0 {
			blocks = append(blocks, heading(p.t("clocks.title")), p.clocks(d, 100))
		}
		if p.m.Audience == Cell {
			blocks = append(blocks, p.questions(d)...)
		}
	}
	return blocks
}

// named are the roles that somebody has, and whom else to call.
func (p *page) named() []pair {
	var all []pair
	for _, name := range slices.Sorted(maps.Keys(p.m.Case.Roles)) {
		if who := p.m.Case.Roles[name]; who != "" {
			all = append(all, pair{p.word("role", name), show(who)})
		}
	}
	c := p.m.Case
	for _, x := range []struct{ key, value string }{{"bank", strings.Join(nonEmpty(c.Bank.Name, c.Bank.Phone), ", ")}, {"insurer", strings.Join(nonEmpty(c.Insurance.Insurer, c.Insurance.Policy, c.Insurance.Phone), ", ")},
		{"host", strings.Join(nonEmpty(c.Hosting.Provider, c.Hosting.Address, c.Hosting.TimeZone), ", ")}} {
		if x.value != "" {
			all = append(all, pair{p.word("whom", x.key), show(x.value)})
		}
	}
	return all
}

// open is what only people know and nobody has said yet, by who should.
func (p *page) open() []block {
	if len(p.m.Open) == 0 {
		return nil
	}
	var rows []row
	for _, group := range groups(p.m.Open, func(q OpenQuestion) string { return q.Who }) {
		var texts []string
		for _, q := range group {
			texts = append(texts, p.say(q.Text))
		}
		rows = append(rows, row{Class: "open", Cells: []cell{p.whom(group[0].Who), {Text: strings.Join(texts, " · ")}}})
	}
	return []block{heading(p.t("open.title")), table("opens", p.heads("whoanswers", "missingitem"), rows), note(p.t("open.how"))}
}

func (p *page) filled(values []string) string {
	return cmp.Or(show(strings.Join(values, "; ")), p.t("open.person"))
}

func (p *page) sensitive(d *decision.Decision) []block {
	var items []string
	for _, s := range d.Sensitive {
		items = append(items, show(s.Account)+p.colon()+p.say(s.Why)+suffix(" · ", p.refs(s.Exhibits, 3)))
	}
	if len(items) == 0 {
		return nil
	}
	return []block{heading(p.t("sensitive")), list(items)}
}

// mostAsked is how many questions to the person concerned are shown; what the logs cannot answer is asked of everybody else
// and shown whole. mbaudit ask has all.
const mostAsked = 12

// questions are what only people know, the same question about several things once.
func (p *page) questions(d *decision.Decision) []block {
	var rows []row
	hidden, shown := 0, map[string]int{}
	for _, group := range groups(d.Questions, func(q decision.Question) string { return joined(q.For, q.Account, q.Text.FR, q.Answer) }) {
		q := group[0]
		shown[q.For]++
		if q.For == "user" && strings.HasPrefix(q.Item, "F-") && shown[q.For] > mostAsked && q.Answer == "" {
			hidden += len(group)
			continue
		}
		var abouts, subjects, items []string
		for _, x := range group {
			abouts, subjects, items = append(abouts, p.say(x.About)), append(subjects, x.Subject), append(items, x.Item)
		}
		text := p.say(q.Text)
		if len(group) > 1 {
			text += p.t("times", len(group))
		}
		rows = append(rows, row{Cells: []cell{{Text: p.word("for", q.For), Class: "word"}, {Text: text, Sub: strings.Join(nonEmpty(p.fewSaid(abouts, 1), p.few(subjects, 3, 70)), " · ")},
			{Text: p.word("recognition", q.Answer), Class: "word"}, {Text: p.few(items, 3, 20), Class: "code"}}})
	}
	if len(rows) == 0 {
		return nil
	}
	blocks := []block{heading(p.t("questions")), table("questions", p.heads("for", "text", "answer", "item"), rows)}
	return append(blocks, note(p.t("questions.all", len(d.Questions), hidden)))
}

func (p *page) tableOr(class string, head []string, rows []row, empty string) block {
	if len(rows) == 0 {
		return note(empty)
	}
	return table(class, head, rows)
}

// axis shows one of the four: its two values, its grounds, what would raise it. What a table below shows row by row is
// counted here.
func (p *page) axis(a decision.Axis) []block { return p.axisWith(a, p.t("grounds.none")) }

func (p *page) axisWith(a decision.Axis, empty string) []block {
	if p.m.Decision == nil || a.Word == (decision.Text{}) {
		return []block{warn(p.t("undecided.axis"))}
	}
	blocks := []block{pairs([]pair{{p.t("axis.answer"), p.answer(a.Answer)}, {p.t("axis.established"), fmt.Sprintf("%d · %s", a.Established, p.say(a.Word))},
		{p.t("axis.possible"), fmt.Sprintf("%d · %s", a.Possible, p.say(a.WorstWord))}})}
	blocks = append(blocks, heading(p.t("grounds")))
	blocks = append(blocks, p.grounds(a.Grounds, empty)...)
	if len(a.Open) > 0 {
		blocks = append(blocks, heading(p.t("grounds.open")))
		blocks = append(blocks, p.grounds(a.Open, "")...)
	}
	return blocks
}

func (p *page) grounds(all []decision.Ground, empty string) []block {
	elsewhere := map[string]bool{} // what the table of section 6 shows
	for _, x := range p.m.Decision.Exfiltration {
		elsewhere[joined(x.Account, x.Name, x.From.String())] = true
	}
	reached := map[string]bool{} // what the table of section 4 shows
	for _, x := range p.m.Decision.Perimeter {
		reached[joined(x.Account, x.Name, x.At.String())] = true
	}
	var rows []row
	counted, reachable := 0, 0
	for _, group := range groups(all, func(g decision.Ground) string {
		return joined(fmt.Sprint(g.Value), g.Text.FR, g.Account, g.Strength, g.Source, fmt.Sprint(g.Struck))
	}) {
		g := group[0]
		if (g.Source == "fact" || g.Source == "gap") && elsewhere[joined(g.Account, g.Subject, g.At.String())] {
			counted += len(group)
			continue
		}
		if g.Source == "fact" && reached[joined(g.Account, g.Subject, g.At.String())] {
			reachable += len(group)
			continue
		}
		when := spread{}
		var subjects []string
		var exhibits distinct
		for _, x := range group {
			when.take(x.At)
			subjects = append(subjects, x.Subject)
			exhibits.add(x.Exhibits)
		}
		text := p.say(g.Text)
		if len(group) > 1 {
			text += p.t("times", len(group))
		}
		c := cell{Text: text, Sub: strings.Join(nonEmpty(show(g.Account), p.few(subjects, 3, 90)), " · ")}
		if g.Struck {
			c.Class = "struck"
		}
		refutes := p.say(g.Refutes)
		if g.Source == "finding" && !g.Struck {
			refutes = p.t("refutes.finding") // the question itself is in section 2
		}
		rows = append(rows, row{Cells: []cell{{Text: fmt.Sprint(g.Value), Class: "num"}, c, {Text: p.strength(g), Class: "word"}, {Text: p.period(when.first, when.last, "—"), Class: "when"}, {Text: p.refs(exhibits.texts, 4), Class: "code"}, {Text: refutes}}})
	}
	var blocks []block
	switch {
	case len(rows) > 0:
		blocks = append(blocks, table("grounds", p.heads("value", "ground", "strength", "time", "exhibits", "refutes"), rows))
	case counted+reachable == 0 && empty != "":
		blocks = append(blocks, note(empty))
	}
	if reachable > 0 {
		blocks = append(blocks, note(p.t("grounds.reach", reachable)))
	}
	if counted > 0 {
		blocks = append(blocks, note(p.t("grounds.leaks", counted)))
	}
	return blocks
}

func (p *page) strength(g decision.Ground) string {
	if g.Strength == "" {
		return p.word("groundof", g.Source)
	}
	return p.word("strength", g.Strength)
}

func (p *page) minuteOr(t time.Time) string {
	if t.IsZero() {
		return "—"
	}
	return p.minute(t)
}

func nonEmpty(all ...string) []string {
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}

// confirmation is the table of indicators. The decision's grounds that are findings are these: they are not shown twice.
func (p *page) confirmation() []block {
	var blocks []block
	if d := p.m.Decision; d != nil {
		shown := map[string]bool{}
		for _, f := range p.m.Findings {
			shown[f.ID] = true
		}
		axis := d.Confirmation
		mine := func(g decision.Ground) bool { return g.Source == "finding" && shown[g.Finding] }
		n := len(axis.Grounds)
		axis.Grounds = slices.DeleteFunc(slices.Clone(axis.Grounds), mine)
		empty := p.t("grounds.none")
		if n > len(axis.Grounds) {
			empty = p.t("grounds.below", n-len(axis.Grounds))
		}
		blocks = append(blocks, p.axisWith(axis, empty)...)
	}
	blocks = append(blocks, heading(p.t("indicators.title")))
	if !p.m.Analysed {
		return append(blocks, warn(p.t("notanalysed")))
	}
	var rows []row
	for _, group := range Alike(p.m.Findings) {
		rows = append(rows, p.finding(group))
	}
	heads := p.heads("grade", "indicator", "observed", "period", "exhibits", "recognition")
	if len(rows) > 0 && !slices.ContainsFunc(p.m.Findings, func(f *findings.Finding) bool { return f.Recognition != findings.NotAsked }) {
		blocks = append(blocks, note(p.t("findings.unasked")))
		heads = lastLeft(heads, rows)
	}
	blocks = append(blocks, p.tableOr("findings", heads, rows, p.t("findings.none")))
	if p.m.Others > 0 {
		blocks = append(blocks, note(p.t("findings.others", p.m.Others)))
	}
	if p.m.Foreign > 0 {
		blocks = append(blocks, note(p.t("findings.foreign", p.m.Foreign)))
	}
	return append(blocks, note(p.t("rules.states", p.m.Rules["yes"], p.m.Rules["no"], p.m.Rules["unknown"])))
}

// lastLeft takes the last column out of a table: it says the same in every row.
func lastLeft(heads []string, rows []row) []string {
	for i := range rows {
		rows[i].Cells = rows[i].Cells[:len(rows[i].Cells)-1]
	}
	return heads[:len(heads)-1]
}

// finding is one row: a rule that holds for one account, about one thing or several.
func (p *page) finding(group []*findings.Finding) row {
	f := group[0]
	title := cell{Text: p.ours(f.Title[p.language]), Sub: p.ours(f.Interpretation[p.language]) + suffix(" · ATT&CK ", show(strings.Join(f.Technique, ", ")))}
	if f.Recognition == findings.Recognised {
		title.Class = "struck"
	}
	when := spread{}
	var subjects, ids []string
	var exhibits distinct
	var count int64
	for _, x := range group {
		when.take(x.First, x.Last)
		subjects, ids = append(subjects, x.Subject), append(ids, x.ID)
		exhibits.add(x.Exhibits)
		count += x.Count
	}
	observed := cell{Text: cmp.Or(p.few(subjects, 4, 90), "—"), Sub: show(f.Account) + p.t("times", count)}
	return row{Class: "grade-" + string(f.Grade), Cells: []cell{{Text: p.word("grade", string(f.Grade)), Sub: p.word("strength", f.Strength), Class: "word"}, title, observed,
		{Text: p.period(when.first, when.last, p.t("undated.state")), Class: "when"}, {Text: p.refs(exhibits.texts, 3), Sub: p.few(ids, 3, 20), Class: "code"}, {Text: p.word("recognition", string(f.Recognition)), Class: "word"}}}
}

func (p *page) scope() []block {
	d := p.m.Decision
	var blocks []block
	if d != nil {
		blocks = p.axis(d.Scope)
		var rows []row
		for _, r := range d.Perimeter {
			rows = append(rows, row{Class: "reach-" + r.State, Cells: []cell{{Text: p.word("reach", r.Kind), Class: "word"}, {Text: cut(r.Name, 120), Sub: show(r.Account)}, {Text: p.word("reached", r.State), Class: "word"},
				{Text: p.say(r.How)}, {Text: p.minuteOr(r.At), Class: "when"}, {Text: p.refs(r.Exhibits, 4), Class: "code"}}})
		}
		blocks = append(blocks, heading(p.t("perimeter")), p.tableOr("perimeter", p.heads("kind", "name", "state", "how", "time", "exhibits"), rows, p.t("perimeter.none")))
	} else {
		blocks = []block{warn(p.t("undecided.axis"))}
	}
	return append(blocks, heading(p.t("picture.links")), pictured(p.drawLinks()), p.linkTable())
}

func (p *page) linkTable() block {
	var rows []row
	for _, l := range p.m.Picture.Links {
		side := p.t("inside")
		if l.Outside {
			side = p.t("outside")
		}
		rows = append(rows, row{Cells: []cell{{Text: cut(l.From, 80)}, {Text: p.word("link", l.Kind), Class: "word"}, {Text: cut(l.To, 80)}, {Text: side, Class: "word"}, {Text: p.refs([]string{l.Exhibit}, 1), Class: "code"}}})
	}
	return p.tableOr("links", p.heads("from", "kind", "to", "whose", "exhibits"), rows, p.t("links.none"))
}

func (p *page) access() []block {
	if p.m.Decision == nil {
		return []block{warn(p.t("undecided.axis"))}
	}
	blocks := []block{note(p.t("hypotheses.note"))}
	var rows []row
	for _, h := range p.m.Decision.Hypotheses {
		rows = append(rows, row{Class: "verdict-" + h.Verdict, Cells: []cell{{Text: p.say(h.Name), Sub: p.say(h.ThenCheck)}, {Text: p.word("verdict", h.Verdict), Class: "word"}, {Text: p.arguments(h.For)},
			{Text: p.arguments(h.Against)}, {Text: p.arguments(h.Missing)}}})
	}
	return append(blocks, p.tableOr("hypotheses", p.heads("hypothesis", "verdict", "for.it", "against", "missing"), rows, p.t("hypotheses.none")), heading(p.t("picture.networks")), pictured(p.drawNetworks()))
}

func (p *page) arguments(all []decision.Argument) string {
	var texts []string
	for _, a := range all {
		texts = append(texts, p.sourced(a.Text)+suffix(" · ", p.refs(a.Exhibits, 3)))
	}
	return cmp.Or(strings.Join(texts, p.semicolon()), "—")
}

// sourced says a text that may be the name of a source and why it was not read: the reason is the program's own, in English.
func (p *page) sourced(t decision.Text) string {
	source, reason, ok := strings.Cut(t.EN, ": ")
	if ok && strings.HasSuffix(t.FR, reason) {
		if said := p.reword(reason, 200); said != cut(reason, 200) {
			return show(source) + p.colon() + said
		}
	}
	return p.say(t)
}

func (p *page) impact() []block {
	d := p.m.Decision
	if d == nil {
		return []block{warn(p.t("undecided.axis")), heading(p.t("picture.volume")), pictured(p.drawVolume())}
	}
	blocks := p.axis(d.Impact)
	var rows []row
	for _, x := range leaks(d.Exfiltration) {
		counts := nonEmpty(p.counts("viewed", x.Viewed), p.counts("fetched", x.Fetched), p.counts("forwarded", x.Sent), p.counts("bytes", x.Bytes))
		why := p.say(x.Why)
		if len(counts) > 0 {
			why = "" // it says the same of the first of them
		}
		name := cell{Text: cut(x.Name, 100)}
		if x.Kind == "session" && x.count > 1 { // from the same network one session may have read and another not
			name.Sub = p.t("exfiltration.sessions", x.count)
		}
		rows = append(rows, row{Class: "leak-" + x.State, Cells: []cell{{Text: p.word("leak", x.Kind), Class: "word", Sub: show(x.Account)}, name, {Text: p.word("leakstate", x.State), Class: "word"},
			{Text: p.period(x.From, x.Until, "—"), Class: "when"}, {Text: cmp.Or(strings.Join(counts, ", "), why)}, {Text: p.refs(x.Exhibits, 4), Class: "code"}}})
	}
	return append(blocks, heading(p.t("exfiltration")), note(p.t("exfiltration.note")),
		p.tableOr("leaks", p.heads("kind", "name", "state", "period", "what", "exhibits"), rows, p.t("exfiltration.none")), heading(p.t("picture.volume")), pictured(p.drawVolume()))
}

func (p *page) counts(key string, n int64) string {
	if n == 0 {
		return ""
	}
	return p.t("count."+key, n)
}

func (p *page) urgency() []block {
	if p.m.Decision == nil {
		return []block{warn(p.t("undecided.axis"))}
	}
	return append(p.axis(p.m.Decision.Urgency), note(p.t("urgency.note")))
}

func (p *page) rule() []block {
	d := p.m.Decision
	if d == nil {
		return []block{warn(p.t("undecided.axis"))}
	}
	all := []pair{{p.t("level.established"), d.Level.In(p.language) + " · " + show(d.Rule.ID) + " · " + p.say(d.Rule.Text)},
		{p.t("level.possible"), d.Possible.In(p.language) + " · " + show(d.Worst.ID) + " · " + p.say(d.Worst.Text)}}
	if o := d.Override; o != nil {
		all = append(all, pair{p.t("level.override"), p.t("override", o.Level.In(p.language), show(o.By), p.minute(o.At), show(o.Reason), o.Seq)})
	}
	blocks := []block{pairs(all)}
	if len(d.If) > 0 {
		blocks = append(blocks, heading(p.t("possible.if")), list(p.texts(d.If)))
	}
	var floors []string
	for _, f := range d.Floors {
		floors = append(floors, p.word("axis", f.Axis)+" ≥ "+fmt.Sprint(f.Value)+p.colon()+p.say(f.Text))
	}
	if len(floors) > 0 {
		blocks = append(blocks, heading(p.t("floors")), list(floors))
	}
	if c := d.Change; c != nil {
		blocks = append(blocks, heading(p.t("change", p.minute(c.Since), c.Level.In(p.language), c.Possible.In(p.language))))
		if len(c.Text) == 0 {
			blocks = append(blocks, note(p.t("change.none")))
		} else {
			blocks = append(blocks, list(p.texts(c.Text)))
		}
	}
	return append(blocks, heading(p.t("rules.title")), list(p.lines("rules")), note(p.say(d.Bias)))
}

func (p *page) texts(all []decision.Text) []string {
	var texts []string
	for _, t := range all {
		texts = append(texts, p.say(t))
	}
	return texts
}

func (p *page) timeline() []block {
	var rows []row
	for _, e := range p.tell() {
		number := fmt.Sprint(e.number)
		if e.to > e.number {
			number += "–" + fmt.Sprint(e.to)
		}
		at := p.both(e.At)
		if !e.Until.IsZero() && p.minute(e.Until) != p.minute(e.At) {
			at += " → " + p.minute(e.Until)
		}
		source := p.refs(e.Exhibits, 2)
		if e.Journal != 0 {
			source = p.t("journal.entry", e.Journal)
			if last := e.journals[len(e.journals)-1]; last != e.Journal {
				source = p.t("journal.entries", e.Journal, last)
			}
		}
		what := p.fewSaid(e.what, 4)
		if e.machine() {
			what = p.t("timeline.program")
			if e.Kind == string(journal.Action) {
				what = p.t("timeline.contained")
			}
		}
		if e.Count > 1 {
			what += p.t("times", e.Count)
		}
		rows = append(rows, row{Class: "lane-" + e.Lane, Cells: []cell{{Text: number, Class: "num"}, {Text: at, Class: "when"}, {Text: p.word("lane", e.Lane), Class: "word"}, {Text: what, Sub: strings.Join(nonEmpty(show(e.Account), p.few(e.subjects, 3, 80)), " · ")},
			{Text: source, Class: "code"}}})
	}
	blocks := []block{pictured(p.drawLanes()), heading(p.t("picture.hours")), pictured(p.drawHours()), heading(p.t("timeline.table")), note(p.t("timeline.note", p.zone.String())),
		p.tableOr("timeline", p.heads("number", "time", "lane", "event", "source"), rows, p.t("timeline.none"))}
	if p.m.More > 0 {
		blocks = append(blocks, note(p.t("timeline.more", p.m.More)))
	}
	return blocks
}

func (p *page) messages() []block {
	var rows []row
	for _, m := range deeds(p.m.Sent) {
		subject := cut(cmp.Or(m.Subject, p.t("nosubject")), 160)
		if m.count > 1 {
			subject += p.t("times", m.count)
		}
		at := p.both(m.when.first)
		if m.when.last.After(m.when.first) {
			at = p.period(m.when.first, m.when.last, "")
		}
		id := ""
		if m.Action == actionSent {
			id = cut(m.ID, 80)
		}
		rows = append(rows, row{Class: "message-" + m.Action, Cells: []cell{{Text: at, Class: "when"}, {Text: p.word("done.to", m.Action), Class: "word"}, {Text: subject, Sub: p.few(m.Recipients, 6, 60)},
			{Text: show(m.IP), Sub: id, Class: "code"}, {Text: p.refs(m.exhibits, 2), Class: "code"}}})
	}
	blocks := []block{text(p.t("messages.intro")), p.tableOr("messages", p.heads("time", "deed", "subject", "ip", "exhibits"), rows, p.t("messages.none"))}
	if len(p.m.Sent) == maxMessages {
		blocks = append(blocks, note(p.t("messages.more", maxMessages)))
	}
	return append(blocks, note(p.t("personal", p.m.Personal)), heading(p.t("review.title")), checks(p.lines("review")))
}

func number(prefix string, n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%s%d", prefix, n)
}

func (p *page) remediation() []block {
	return []block{checks(p.lines("remedy"))}
}

// doctrine is the source document row by row.
func (p *page) doctrine() []block {
	if p.m.Decision == nil || len(p.m.Decision.Doctrine) == 0 {
		return []block{warn(p.t("doctrine.none"))}
	}
	counts := map[string]int{}
	var rows []row
	for _, c := range p.m.Decision.Doctrine {
		counts[c.State]++
		human := p.say(c.Human)
		if human != "" {
			human = "☐ " + human
		}
		rows = append(rows, row{Class: "covered-" + strings.ReplaceAll(c.State, " ", "-"), Cells: []cell{{Text: show(c.ID), Class: "code"}, {Text: p.say(c.Title)}, {Text: p.word("covered", c.State), Class: "word"}, {Text: p.say(c.Why), Sub: p.refs(c.Exhibits, 3)},
			{Text: human}}})
	}
	var sums []string
	for _, state := range []string{decision.Done, decision.Partial, decision.NotDone, decision.NotApplicable, decision.ForPeople} {
		sums = append(sums, p.word("covered", state)+p.colon()+fmt.Sprint(counts[state]))
	}
	return []block{text(p.t("doctrine.intro", len(rows))), text(strings.Join(sums, " · ")), table("doctrine", p.heads("row", "requirement", "state", "why", "human"), rows)}
}

// limits is what was not read, and why: what is unknown, the completeness ledger, the gaps. What was read as a whole is
// summed up; coverage.tsv of each bundle has it row by row.
func (p *page) limits() []block {
	blocks := []block{text(p.t("limits.intro"))}
	if d := p.m.Decision; d != nil && len(d.Unknowns) > 0 {
		var open []row
		for _, group := range groups(d.Unknowns, func(u decision.NotKnown) string { return joined(u.Account, u.Source, u.Reason, u.Do.FR) }) {
			u := group[0]
			var texts []string
			for _, x := range group {
				texts = append(texts, p.say(x.Text))
			}
			open = append(open, row{Cells: []cell{{Text: strings.Join(texts, p.semicolon()), Sub: show(u.Account)}, {Text: show(u.Source), Sub: p.reword(u.Reason, 200)}, {Text: p.say(u.Do)}, {Text: p.minuteOr(u.Expires), Class: "when"}}})
		}
		blocks = append(blocks, heading(p.t("unknown.title")), table("unknowns", p.heads("unknown", "source", "how.to", "expires"), open))
	}
	var short, sums []row
	for _, c := range p.m.Coverage {
		if !whole(c) {
			short = append(short, row{Class: "status-" + strings.ReplaceAll(c.Status, " ", "-"), Cells: []cell{{Text: show(c.Account)}, {Text: show(c.Collector) + " · " + cut(c.Resource, 90), Class: "code"}, {Text: fmt.Sprint(c.Asked), Class: "num"}, {Text: fmt.Sprint(c.Got), Class: "num"},
				{Text: fmt.Sprint(c.Failed), Class: "num"}, {Text: p.word("status", c.Status), Sub: p.reword(c.Reason, 200)}}})
		}
	}
	for _, t := range tallies(p.m.Coverage) {
		sums = append(sums, row{Class: "status-complete", Cells: []cell{{Text: show(t.account)}, {Text: show(t.family), Class: "code"}, {Text: fmt.Sprint(t.resources), Class: "num"}, {Text: fmt.Sprint(t.got), Class: "num"}, {Text: fmt.Sprint(t.empty), Class: "num"}}})
	}
	blocks = append(blocks, heading(p.t("coverage.title")))
	if len(p.m.Coverage) == 0 {
		blocks = append(blocks, note(p.t("coverage.none")))
	} else {
		blocks = append(blocks, p.tableOr("coverage", p.heads("account", "resource", "asked", "got", "failed", "state"), short, p.t("coverage.short.none")), heading(p.t("coverage.whole")),
			p.tableOr("tallies", p.heads("account", "resource", "resources", "got", "empty"), sums, p.t("coverage.whole.none")), note(p.t("coverage.where")))
	}
	var rows []row
	for _, g := range p.m.Gaps {
		rows = append(rows, row{Cells: []cell{{Text: p.refs([]string{g.ID}, 1), Class: "code"}, {Text: show(g.Account)}, {Text: cut(g.Resource+suffix(" ", g.Item), 120), Class: "code"}, {Text: p.word("gap", string(g.Class)), Sub: p.reword(g.Reason, 240)}}})
	}
	blocks = append(blocks, heading(p.t("gaps.title")), p.tableOr("gaps", p.heads("number", "account", "resource", "why"), rows, p.t("gaps.none")))
	if p.m.MoreGaps > 0 {
		blocks = append(blocks, note(p.t("gaps.more", p.m.MoreGaps)))
	}
	if p.m.Analysed {
		blocks = append(blocks, heading(p.t("read.title")), list(p.read()))
	}
	return append(blocks, heading(p.t("limits.general")), list(p.lines("limit")))
}

// read says whose text was read, which messages nobody looked into, and which events are the collection's own.
func (p *page) read() []string {
	all := []string{p.t("read.none")}
	if c := p.m.Content; c != nil {
		all = []string{p.t("read.content", c.Read, c.Partly, c.Personal, c.HeadersOnly)}
	}
	all = append(all, p.t("personal", p.m.Personal))
	if p.m.OwnTraces == 0 {
		return append(all, p.t("own.none"))
	}
	return append(all, p.t("own", p.m.OwnTraces, p.period(p.m.OwnFirst, p.m.OwnLast, p.t("undated")), cmp.Or(p.refs(p.m.OwnExhibits, maxOwn), "—")))
}

// exhibits is the list, with the one number of each bundle first.
func (p *page) exhibits() []block {
	blocks := []block{text(p.t("exhibits.intro"))}
	if len(p.m.Accounts) > 0 {
		blocks = append(blocks, note(p.t("exhibits.verify")+" "+p.t("exhibits.within", cut(p.m.Accounts[0], 80))))
	} else {
		blocks = append(blocks, note(p.t("exhibits.verify")))
	}
	for i, b := range p.m.Bundles {
		all := []pair{{p.t("bundle.sum"), b.TagManifest}, {p.t("bundle.dates"), p.both(b.CreatedAt) + " → " + p.both(b.SealedAt)},
			{p.t("bundle.counts"), p.t("bundle.counts.value", b.Counts.Exhibits, b.Counts.Gaps, b.Counts.Bytes)}, {p.t("bundle.signer"), show(b.Signer)}, {p.t("meta.tool"), show(b.Tool)}, {p.t("bundle.sources"), p.bundleSources(b)}, {p.t("bundle.clocks"), p.bundleClocks(b)}}
		if b.Operator != "" {
			all = append(all, pair{p.t("meta.author"), show(b.Operator)})
		}
		blocks = append(blocks, heading(p.t("bundle.title", i+1, show(b.ID))), block{Kind: "sum", Text: p.t("bundle.sum"), Items: []string{b.TagManifest, export.Grouped(b.TagManifest)}}, pairs(all[1:]))
	}
	all := p.m.Audience == Police // who seizes the medium wants each exhibit named; others what the report rests on
	var rows []row
	for _, x := range p.m.Exhibits {
		if !all && !x.Cited {
			continue
		}
		id := cell{Text: p.refs([]string{x.ID}, 1), Class: "code"}
		r := row{Cells: []cell{id, {Text: cut(p.within(x.Name), 140)}, {Text: fmt.Sprint(x.Size), Class: "num"}, {Text: x.FetchedAt.UTC().Format("2006-01-02 15:04:05Z"), Class: "when"}, {Text: x.SHA256, Class: "hash"}}}
		if x.Cited {
			r.Class = "cited"
		}
		rows = append(rows, r)
	}
	title := p.t("exhibits.cited")
	if all {
		title = p.t("exhibits.list")
	}
	blocks = append(blocks, heading(title), p.tableOr("exhibits", p.heads("exhibit", "file", "bytes", "fetched", "hash"), rows, p.t("exhibits.none")))
	if !all {
		blocks = append(blocks, p.heaps()...)
	}
	if p.m.Unlisted > 0 {
		blocks = append(blocks, note(p.t("exhibits.more", p.m.Unlisted)))
	}
	return blocks
}

// within shortens the path of what belongs to the first account, which is nearly all.
func (p *page) within(name string) string {
	if len(p.m.Accounts) == 0 {
		return name
	}
	if rest, ok := strings.CutPrefix(name, p.m.Accounts[0]+"/"); ok {
		return "…/" + rest
	}
	return name
}

// heaps sums up the exhibits that nothing cites.
func (p *page) heaps() []block {
	var rows []row
	for _, h := range heaps(p.m.Exhibits) {
		numbers := p.refs([]string{h.first}, 1)
		if h.last != h.first {
			numbers += " … " + p.refs([]string{h.last}, 1)
		}
		resource := show(h.resource)
		if h.several {
			resource += ", …"
		}
		rows = append(rows, row{Cells: []cell{{Text: numbers, Class: "code"}, {Text: show(h.account)}, {Text: resource, Class: "code"}, {Text: fmt.Sprint(h.count), Class: "num"}, {Text: p.size(h.bytes), Class: "num"}}})
	}
	if len(rows) == 0 {
		return nil
	}
	return []block{heading(p.t("exhibits.rest")), table("heaps", p.heads("exhibits", "account", "resource", "count", "bytes"), rows), note(p.t("exhibits.rest.where"))}
}

func (p *page) bundleSources(b Bundle) string {
	var all []string
	for _, s := range b.Sources {
		all = append(all, show(s.Collector)+" "+show(s.Address))
	}
	return cmp.Or(strings.Join(all, ", "), "—")
}

func (p *page) bundleClocks(b Bundle) string {
	var all []string
	for _, c := range b.Clocks {
		if c.OffsetMS != nil {
			all = append(all, p.t("clock.offset", show(c.Against), p.offset(time.Duration(*c.OffsetMS)*time.Millisecond)))
		}
	}
	return cmp.Or(strings.Join(all, p.semicolon()), p.t("clock.unmeasured"))
}

// offset is how far a clock is from another, in words that somebody can read out.
func (p *page) offset(d time.Duration) string {
	day := 24 * time.Hour
	if d.Abs() < 10*time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	if d.Abs() < day {
		return d.Round(time.Second).String()
	}
	return p.t("clock.days", d/day, (d % day).Abs().Round(time.Second).String())
}

func (p *page) journal() []block {
	if p.m.JournalBroken != "" {
		return []block{warn(p.t("journal.broken", show(p.m.JournalBroken)))}
	}
	by := export.Corrections(p.m.Journal)
	var rows []row
	at := map[uint64]int{} // of each entry its row
	for _, line := range p.m.Journal {
		e := line.Entry
		if i, ok := at[e.OutcomeOf]; ok && e.OutcomeOf != 0 && len(by[e.Seq]) == 0 && e.Auto {
			rows[i].Cells[4].Sub += p.outcome(e, rows[i].Cells[4].Sub != "") // what came of it stands with it
			continue
		}
		at[e.Seq] = len(rows)
		kind := cell{Class: "word", Text: export.TypeWord(e.Type, p.language), Sub: strings.Join(export.Marks(e, by[e.Seq], p.language), p.semicolon())}
		rows = append(rows, row{Cells: []cell{{Text: fmt.Sprint(e.Seq), Class: "num"}, p.journalTime(e), p.journalBy(e), kind,
			{Text: p.reword(e.Description, maxShown), Sub: strings.Join(nonEmpty(p.reword(e.Result, maxShown), show(e.Account), show(strings.Join(e.Evidence, " ")), show(e.DecisionBy), show(e.Cost)), " · ")}}})
	}
	blocks := []block{text(p.t("journal.intro", p.m.Entries)), {Kind: "sum", Text: p.t("journal.head"), Items: []string{p.m.Head, export.Grouped(p.m.Head)}}}
	if p.m.JournalKept > 0 {
		blocks = append(blocks, note(p.t("journal.kept", p.m.JournalKept)))
	}
	return append(blocks, p.tableOr("journal", p.heads("number", "time", "informant", "kind", "text"), rows, p.t("journal.none")))
}

// outcome is an entry that says what came of another one.
func (p *page) outcome(e journal.Entry, after bool) string {
	state := cmp.Or(export.StateWord(e.ActionState, p.language), "—")
	s := p.t("journal.outcome", e.Seq, e.RecordedTime.In(p.zone).Format("15:04:05"), state) + suffix(p.colon(), p.reword(e.Result, maxShown))
	if after {
		return " · " + s
	}
	return s
}

// journalBy is who said it, and who wrote it down. What the program wrote by itself is in the operator's name throughout.
func (p *page) journalBy(e journal.Entry) cell {
	if e.Auto || e.Recorder == e.Informant {
		return cell{Text: show(e.Informant)}
	}
	return cell{Text: show(e.Informant), Sub: show(e.Recorder)}
}

// journalTime is when something happened, and when it was written down where that is another minute.
func (p *page) journalTime(e journal.Entry) cell {
	c := cell{Text: export.EventTime(e, p.zone, p.language), Class: "when"}
	if gap := e.RecordedTime.Sub(e.EventTime); gap.Abs() >= time.Minute {
		c.Sub = p.t("journal.recorded", export.RecordedTime(e, p.zone))
	}
	return c
}

func (p *page) glossary() []block {
	var rows []row
	for i := 1; ; i++ {
		texts, ok := p.words[fmt.Sprintf("gloss.%d", i)]
		if !ok {
			break
		}
		rows = append(rows, cells(texts.FR, texts.EN))
	}
	slices.SortFunc(rows, func(x, y row) int { return strings.Compare(x.Cells[0].Text, y.Cells[0].Text) })
	half := (len(rows) + 1) / 2
	for i := range half {
		if j := half + i; j < len(rows) {
			rows[i].Cells = append(rows[i].Cells, rows[j].Cells...)
		} else {
			rows[i].Cells = append(rows[i].Cells, cell{}, cell{})
		}
	}
	return []block{table("glossary", p.heads("french", "english", "french", "english"), rows[:half]), note(p.t("defanged"))}
}

func (p *page) sheets() []block {
	return []block{heading(p.t("sheet.user")), checks(p.lines("user")), heading(p.t("sheet.desk")), checks(p.lines("desk"))}
}

// statuses lists what the ledger says of a resource.
func statuses() []string {
	return []string{evidence.StatusComplete, evidence.StatusEmpty, evidence.StatusIncomplete, evidence.StatusNotOffered, evidence.StatusUnfinished}
}
