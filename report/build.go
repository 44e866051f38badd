package report

import (
	"cmp"
	"iter"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/decision"
	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/findings/suspects"
	"github.com/mbaudit/mbaudit/internal/casefile"
)

// The most that a report lists. What is more is counted, and a reader is told where to find it.
const (
	maxExhibits = 2000
	maxGaps     = 500
	maxEvents   = 400
	maxMessages = 200
	maxContacts = 500

	maxRecipients = 20 // of one message
	maxSources    = 100
	maxNetworks   = 500
	maxDays       = 3700
	maxLinks      = 60
	maxPeople     = 100_000
	maxOwn        = 8 // exhibits with traces of the collection itself
)

// manualPrefix begins the rows of the ledger for what no program reads, which people attach.
const manualPrefix = "manual/"

// Inputs are what a report is made of. Only Case, Now and Tool must be there.
type Inputs struct {
	Case          casefile.Case
	Journal       []journal.Line
	JournalBroken error // why the journal is not read to its end
	Facts         iter.Seq2[*facts.Fact, error]
	Findings      *findings.Result
	Decision      *decision.Decision
	Timeline      []decision.TimelineEntry // timeline.jsonl; without it the chronology is made of the findings
	Plans         []Plan                   // of containment, the oldest first
	Watch         *Watch                   // nil: nobody watched the logs
	Now           time.Time
	Tool          string
	Number        int
}

// A Builder takes the bundles of a case one after the other, and then all the rest.
type Builder struct {
	in    Inputs
	cited map[string]bool
	model *Model
}

// NewBuilder begins a report.
func NewBuilder(in Inputs) *Builder {
	b := &Builder{in: in, cited: map[string]bool{}, model: &Model{V: 1, Number: max(in.Number, 1), MadeAt: in.Now.UTC().Truncate(time.Second), Tool: in.Tool, Audience: Cell,
		Accounts: []string{}, Withheld: []string{}, Findings: []*findings.Finding{}}}
	b.model.Case = caseInfo(in)
	for _, q := range in.Case.Open() {
		b.model.Open = append(b.model.Open, OpenQuestion{Key: q.Key, Text: decision.Text{FR: q.FR, EN: q.EN}, Who: q.Who})
	}
	b.cite()
	return b
}

func caseInfo(in Inputs) CaseInfo {
	c := in.Case
	info := CaseInfo{Reference: c.Case, OpenedAt: c.OpenedAt, TimeZone: c.TimeZone, Organisation: c.Organisation, Operator: c.Operator.Name, Contact: c.Operator.Contact,
		Authority: c.Authority, Roles: c.Roles, Contacts: c.Contacts, Business: c.Business, Complainant: c.Complainant,
		Insurance: c.Insurance, Bank: c.Bank, Hosting: c.Hosting, OwnDomains: c.OwnDomains}
	for _, line := range in.Journal {
		if line.Type == journal.Detection {
			info.Detected = append(info.Detected, Detection{At: line.EventTime, By: line.Informant, Text: line.Description, Seq: line.Seq})
		}
	}
	return info
}

// cite notes which exhibits the findings and the decision rest on: these are listed whatever the length.
func (b *Builder) cite() {
	if b.in.Findings != nil {
		for _, f := range b.in.Findings.Findings {
			b.citeAll(f.Exhibits)
		}
	}
	d := b.in.Decision
	if d == nil {
		return
	}
	for _, axis := range []decision.Axis{d.Confirmation, d.Scope, d.Impact, d.Urgency} {
		for _, g := range slices.Concat(axis.Grounds, axis.Open) {
			b.citeAll(g.Exhibits)
		}
	}
	for _, x := range d.Exfiltration {
		b.citeAll(x.Exhibits)
	}
	for _, x := range d.Perimeter {
		b.citeAll(x.Exhibits)
	}
	for _, x := range d.Doctrine {
		b.citeAll(x.Exhibits)
	}
}

func (b *Builder) citeAll(exhibits []string) {
	for _, id := range exhibits {
		b.cited[id] = true
	}
}

// Read adds a bundle: what it says of itself, its ledger, its list of exhibits. No body is read.
func (b *Builder) Read(bundle *evidence.Bundle) error {
	m, o := b.model, bundle.Opening
	m.Bundles = append(m.Bundles, Bundle{ID: o.Bundle, CreatedAt: o.CreatedAt, SealedAt: bundle.SealedAt, TagManifest: bundle.TagManifest.String(), Counts: bundle.Counts,
		Operator: o.Operator.Name, Signer: o.Signer, Tool: o.Tool.Name + " " + o.Tool.Version, Sources: o.Sources, Clocks: bundle.Clocks, Partial: bundle.Partial})
	for _, account := range o.Accounts {
		if !slices.Contains(m.Accounts, account) {
			m.Accounts = append(m.Accounts, account)
		}
	}
	m.Coverage = append(m.Coverage, bundle.Coverage...)
	for record, err := range bundle.Records() {
		if err != nil {
			return err
		}
		if record.Gap != nil {
			b.gap(o.Bundle, record)
		} else {
			b.exhibit(o.Bundle, record)
		}
	}
	return nil
}

func (b *Builder) gap(bundle string, record evidence.Record) {
	if len(b.model.Gaps) >= maxGaps {
		b.model.MoreGaps++
		return
	}
	g := record.Gap
	b.model.Gaps = append(b.model.Gaps, Gap{ID: bundle + "/" + record.ID(), Account: g.Account, Resource: g.Resource, Item: g.Item, Class: g.Class, Reason: g.Reason})
}

func (b *Builder) exhibit(bundle string, record evidence.Record) {
	id, x := bundle+"/"+record.ID(), record.Exhibit
	if slot, ok := strings.CutPrefix(x.Resource, manualPrefix); ok && x.Attrs["slot"] != "" && len(b.model.Handed) < maxExhibits {
		b.model.Handed = append(b.model.Handed, Handed{ID: id, Account: x.Account, Slot: slot, Name: path.Base(x.Name), MediaType: x.MediaType, Size: x.Size, SHA256: x.SHA256.String(), FetchedAt: x.FetchedAt,
			TakenAt: x.Attrs["taken-at"], TakenBy: x.Attrs["taken-by"], TakenWith: x.Attrs["taken-with"], FileTime: x.Attrs["mtime"], Note: x.Attrs["note"]})
	}
	cited := b.cited[id]
	if !cited && len(b.model.Exhibits) >= maxExhibits {
		b.model.Unlisted++
		return
	}
	b.model.Exhibits = append(b.model.Exhibits, Exhibit{ID: id, Account: x.Account, Resource: x.Resource, Name: x.Name, Size: x.Size, SHA256: x.SHA256.String(),
		FetchedAt: x.FetchedAt, Cited: cited})
}

// Finish reads the facts once and gives the whole report: that of the crisis cell.
func (b *Builder) Finish() (*Model, error) {
	in, m := b.in, b.model
	if d := in.Decision; d != nil {
		m.Decision, m.Level, m.Possible = d, d.InForce, d.Possible
		if len(d.Accounts) > 0 {
			m.Accounts = d.Accounts
		}
	}
	m.Accounts = slices.DeleteFunc(m.Accounts, func(a string) bool { return strings.HasPrefix(a, "@") })
	m.Plans, m.Watch = in.Plans, in.Watch
	m.Journal, m.Entries = in.Journal, len(in.Journal)
	if n := len(in.Journal); n > 0 {
		m.Head = in.Journal[n-1].SHA256
	}
	if in.JournalBroken != nil {
		m.JournalBroken = in.JournalBroken.Error()
	}
	w := newWatch(in.Case, m.Accounts)
	var judge *suspects.Builder
	if in.Findings != nil {
		judge = suspects.New(in.Findings, in.Decision, in.Case.OwnDomains)
	}
	if in.Facts != nil {
		for f, err := range in.Facts {
			if err != nil {
				return nil, err
			}
			w.see(f)
			if judge != nil {
				judge.See(f)
			}
		}
	}
	w.finish(m)
	var list suspects.List
	if judge != nil {
		list = *judge.Finish()
		m.suspects(&list)
	}
	m.Letter = NewLetter(in.Case, m.Accounts, list.Messages)
	m.Data.Named = m.named()
	b.findings(w.personal)
	b.timeline()
	return m, nil
}

// findings takes the findings of the accounts examined, and of others those that weigh. What was observed in a message that
// is marked personal is left out for everybody.
func (b *Builder) findings(personal map[string]bool) {
	m, r := b.model, b.in.Findings
	if r == nil {
		return
	}
	m.Content, m.OwnTraces = r.Content, r.OwnTraces
	m.Analysed, m.Foreign, m.Rules = true, len(r.ThirdParty), map[string]int64{}
	for _, o := range r.Outcomes {
		m.Rules[string(o.State)]++
	}
	for _, f := range r.Findings {
		if !f.Examined && (f.Grade == findings.Check || f.Grade == findings.Context) {
			m.Others++
			continue
		}
		m.Findings = append(m.Findings, impersonal(f, personal))
	}
}

// impersonal is a finding without what a personal message says.
func impersonal(f *findings.Finding, personal map[string]bool) *findings.Finding {
	private := func(o *findings.Observation) bool { return personal[o.Bundle+"/"+o.Exhibit+"#"+o.Locator] }
	if !slices.ContainsFunc(f.Observed, private) {
		return f
	}
	g := *f
	g.Observed, g.Subject = nil, ""
	for _, o := range f.Observed {
		if private(o) {
			bare := *o
			bare.Fields = nil
			o = &bare
		}
		g.Observed = append(g.Observed, o)
	}
	return &g
}

// timeline puts together what the intruder did, what the person did in between, and what was done about it.
func (b *Builder) timeline() {
	m := b.model
	events := b.runs()
	if len(events) == 0 {
		events = eventsOf(m.Findings)
	}
	for _, line := range b.in.Journal {
		if !responds(line.Entry) {
			continue
		}
		events = append(events, Event{At: line.EventTime.UTC(), Lane: LaneResponder, Account: line.Account, Text: decision.Text{FR: line.Description, EN: line.Description}, Journal: line.Seq,
			Auto: line.Auto, Kind: string(line.Type)})
	}
	slices.SortStableFunc(events, func(x, y Event) int { return cmp.Or(x.At.Compare(y.At), strings.Compare(x.Lane, y.Lane)) })
	if len(events) > maxEvents {
		m.More = len(events) - maxEvents
		events = least(events, maxEvents)
	}
	m.Timeline = events
}

// A run is what one person does from one place, again and again, with no more than this in between.
const runGap = 30 * time.Minute

// How much of what the person did is shown before what the intruder did.
const userBefore = 7 * 24 * time.Hour

// runs puts the lines of timeline.jsonl together to runs, so that forty mails read are one line. What the person did is
// left out where it is long before what the intruder did; the journal is read elsewhere.
func (b *Builder) runs() []Event {
	titles := map[string]decision.Text{}
	for _, f := range b.model.Findings {
		titles[f.ID] = decision.Text{FR: f.Title["fr"], EN: f.Title["en"]}
	}
	var begin time.Time
	for _, e := range b.in.Timeline {
		if e.Lane == decision.LaneAttacker && (begin.IsZero() || e.Time.Before(begin)) {
			begin = e.Time
		}
	}
	var events []Event
	last := map[string]int{}
	for _, e := range b.in.Timeline {
		known := slices.ContainsFunc(b.model.Accounts, func(a string) bool { return strings.EqualFold(a, e.Account) })
		if e.Lane == decision.LaneResponder || e.Time.IsZero() || e.Lane == decision.LaneUser && !known || e.Lane == decision.LaneUser && !begin.IsZero() && e.Time.Before(begin.Add(-userBefore)) {
			continue
		}
		key := strings.Join([]string{e.Lane, e.Account, e.Name, e.IP}, "\x00")
		i, ok := last[key]
		if ok && e.Time.Sub(later(events[i].At, events[i].Until)) <= runGap {
			events[i].add(e)
			continue
		}
		last[key] = len(events)
		events = append(events, newEvent(e, titles))
	}
	return events
}

func newEvent(e decision.TimelineEntry, titles map[string]decision.Text) Event {
	event := Event{At: e.Time.UTC(), Lane: e.Lane, Account: e.Account, Name: e.Name, Subject: strings.Join(nonEmpty(e.IP, e.Detail), " · "), Count: 1}
	if e.Exhibit != "" {
		event.Exhibits = []string{e.Exhibit}
	}
	for _, id := range e.Findings {
		if t, ok := titles[id]; ok {
			event.Text, event.Name = t, ""
			break
		}
	}
	return event
}

func (e *Event) add(x decision.TimelineEntry) {
	e.Count++
	e.Until = later(e.Until, x.Time.UTC())
	if x.Exhibit != "" && len(e.Exhibits) < 10 && !slices.Contains(e.Exhibits, x.Exhibit) {
		e.Exhibits = append(e.Exhibits, x.Exhibit)
	}
}

// least drops what weighs least where there is too much: the person's own events, the latest first.
func least(events []Event, most int) []Event {
	over := len(events) - most
	for i := len(events) - 1; i >= 0 && over > 0; i-- {
		if events[i].Lane == LaneUser {
			events = slices.Delete(events, i, i+1)
			over--
		}
	}
	return events[:min(len(events), most)]
}

// responds says whether an entry of the journal belongs into the chronology: what people did, and what the program did to a
// mail system; not its own outcomes.
func responds(e journal.Entry) bool {
	return e.OutcomeOf == 0 && (!e.Auto || e.Type == journal.Action || e.Type == journal.Collection && e.ActionState == journal.Started)
}

// eventsOf makes events of findings that have a time: each is one event, from its first observation to its last.
func eventsOf(all []*findings.Finding) []Event {
	var events []Event
	for _, f := range all {
		if f.First.IsZero() || f.Grade == findings.Context {
			continue
		}
		lane := LaneAttacker
		if f.Recognition == findings.Recognised {
			lane = LaneUser
		}
		e := Event{At: f.First.UTC(), Lane: lane, Account: f.Account, Subject: f.Subject, Count: f.Count, Exhibits: f.Exhibits,
			Text: decision.Text{FR: f.Title["fr"], EN: f.Title["en"]}}
		if f.Last.After(f.First) {
			e.Until = f.Last.UTC()
		}
		events = append(events, e)
	}
	return events
}
