package findings

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/findings/rules"
)

// The most that a result holds.
const (
	maxFindings = 20_000
	maxObserved = 20
	maxExhibits = 200
)

// Evaluate goes through the facts of a collection once, hands each to each (which may be nil; facts.jsonl is written so),
// and gives what the rules find. An error is that of the facts or of each.
func Evaluate(set *rules.Set, collection *facts.Collection, foreign *Foreign, each func(*facts.Fact) error) (*Result, error) {
	return evaluate(set, collection.All(), collection.Coverage(), foreign, each)
}

func evaluate(set *rules.Set, all iter.Seq2[*facts.Fact, error], coverage *facts.Coverage, foreign *Foreign, each func(*facts.Fact) error) (*Result, error) {
	a := &assembly{set: set, findings: map[string]*Finding{}, counts: map[string]int64{}}
	engine := rules.NewEngine(set)
	for f, err := range all {
		if err != nil {
			return nil, err
		}
		a.counts[f.Kind]++
		if f.Is("duplicate") {
			a.repeated++
		}
		if f.Is("own_trace") {
			a.ownTraces++
		}
		engine.Evaluate(f, a.hit)
		foreign.evaluate(f)
		if each != nil {
			if err := each(f); err != nil {
				return nil, err
			}
		}
	}
	return a.result(coverage, foreign), nil
}

// An assembly puts hits together to findings.
type assembly struct {
	set      *rules.Set
	findings map[string]*Finding
	counts   map[string]int64
	repeated int64
	leftOut  int64

	ownTraces int64
}

// hit adds a hit to its finding.
func (a *assembly) hit(h rules.Hit) {
	subject := subjectOf(h)
	key := h.Rule.Name + "\x00" + strings.ToLower(h.Fact.Account) + "\x00" + strings.ToLower(subject)
	f := a.findings[key]
	if f == nil {
		if len(a.findings) >= maxFindings {
			a.leftOut++
			return
		}
		f = a.newFinding(h.Rule, h.Fact.Account, subject)
		a.findings[key] = f
	}
	f.Count++
	for _, o := range h.Observations {
		f.observe(o)
	}
	if a.tied(h) {
		f.raiseFor(raisedSource)
	}
}

// subjectOf joins the values that tell a rule's findings apart.
func subjectOf(h rules.Hit) string {
	var parts []string
	for _, name := range h.Rule.About.Subject {
		if v, ok := h.Fact.Get(name); ok && v.String() != "" {
			parts = append(parts, v.String())
		}
	}
	return strings.Join(parts, " ")
}

func (a *assembly) newFinding(r *rules.Rule, account, subject string) *Finding {
	f := &Finding{ID: idOf(r.Name, account, subject), Rule: r.Name, Class: r.About.Class, Account: account, Subject: subject, Grade: Grade(r.About.Grade),
		Base: Grade(r.About.Grade), Strength: r.About.Strength, State: Yes,
		Title:          map[string]string{"fr": r.About.FR.Title, "en": r.Title},
		Interpretation: map[string]string{"fr": r.About.FR.Means, "en": r.About.EN.Means},
		Question:       map[string]string{"fr": r.About.FR.Question, "en": r.About.EN.Question}}
	for _, id := range r.Techniques() {
		f.Technique = append(f.Technique, a.set.Attack.Current(id))
	}
	return f
}

// observe keeps an observation: the first ones and, of more, the latest.
func (f *Finding) observe(o *Observation) {
	if slices.ContainsFunc(f.Observed, func(x *Observation) bool {
		return x.Bundle == o.Bundle && x.Exhibit == o.Exhibit && x.Locator == o.Locator
	}) {
		return
	}
	if len(f.Observed) < maxObserved {
		f.Observed = append(f.Observed, o)
	} else {
		f.Observed[maxObserved-1] = o
	}
	exhibit := o.Bundle + "/" + o.Exhibit
	if len(f.Exhibits) < maxExhibits && !slices.Contains(f.Exhibits, exhibit) {
		f.Exhibits = append(f.Exhibits, exhibit)
	}
	if o.Time.IsZero() {
		return
	}
	if f.First.IsZero() || o.Time.Before(f.First) {
		f.First = o.Time
	}
	if o.Time.After(f.Last) {
		f.Last = o.Time
	}
}

// sourceNear is how many minutes behind a new source a deed is tied to it.
const sourceNear = 60

// tied says whether a hit is tied to a source that was new for the person, unless the rule asks for just that.
func (a *assembly) tied(h rules.Hit) bool {
	for _, base := range a.set.Bases(h.Rule) {
		for _, name := range base.Reads() {
			if strings.HasPrefix(name, "source.") || name == "minutes_since_new_source" {
				return false
			}
		}
	}
	if h.Fact.Is("source.suspect") {
		return true
	}
	v, ok := h.Fact.Get("minutes_since_new_source")
	return ok && v.Int() <= sourceNear
}

// sameAddress raises findings of one account that name the same address in different places: who gets the forwarded mail is
// the recovery address too.
func sameAddress(all []*Finding) {
	places := map[string]map[string][]*Finding{}
	for _, f := range all {
		for _, word := range strings.Fields(strings.ToLower(f.Subject)) {
			if !strings.Contains(word, "@") {
				continue
			}
			key := strings.ToLower(f.Account) + " " + word
			if places[key] == nil {
				places[key] = map[string][]*Finding{}
			}
			places[key][f.Class] = append(places[key][f.Class], f)
		}
	}
	for _, classes := range places {
		if len(classes) < 2 {
			continue
		}
		for _, some := range classes {
			for _, f := range some {
				f.raiseFor(raisedAddress)
			}
		}
	}
}

// result finishes: pairs confirm each other, and of each rule and account it is said whether it holds.
func (a *assembly) result(coverage *facts.Coverage, foreign *Foreign) *Result {
	r := &Result{V: 1, NotRead: coverage.Unread(), MadeAt: time.Now().UTC().Truncate(time.Second), Attack: a.set.Attack.Version, Facts: a.counts, Repeated: a.repeated, OwnTraces: a.ownTraces, Content: coverage.Content(),
		LeftOut: a.leftOut, Findings: []*Finding{}}
	for _, f := range a.findings {
		r.Findings = append(r.Findings, f)
	}
	a.confirm(r.Findings)
	sameAddress(r.Findings)
	examined := map[string]bool{}
	for _, f := range r.Findings {
		is, known := examined[f.Account]
		if !known {
			is = coverage.Examined(f.Account)
			examined[f.Account] = is
		}
		f.Examined = is
	}
	slices.SortFunc(r.Findings, compareFindings)
	r.Outcomes = a.outcomes(coverage, r.Findings)
	r.ThirdParty, r.NotLoaded = foreign.results()
	return r
}

// compareFindings puts those of the accounts examined first, and the weightiest.
func compareFindings(x, y *Finding) int {
	strengths := []string{"weak", "medium", "strong"}
	examined := func(f *Finding) int {
		if f.Examined {
			return 0
		}
		return 1
	}
	return cmp.Or(
		cmp.Compare(examined(x), examined(y)),
		cmp.Compare(slices.Index(Grades(), y.Grade), slices.Index(Grades(), x.Grade)),
		cmp.Compare(slices.Index(strengths, y.Strength), slices.Index(strengths, x.Strength)),
		strings.Compare(x.Rule, y.Rule), strings.Compare(x.Account, y.Account), strings.Compare(x.Subject, y.Subject))
}

// confirm raises findings of a state and of an event with the same pair, account and target: what the event began is
// still so.
func (a *assembly) confirm(all []*Finding) {
	type side struct{ states, events []*Finding }
	pairs := map[string]*side{}
	for _, f := range all {
		pair := a.set.Rule(f.Rule).About.Pair
		if pair == "" || f.Subject == "" {
			continue
		}
		target, _, _ := strings.Cut(strings.ToLower(f.Subject), " ")
		key := pair + "\x00" + strings.ToLower(f.Account) + "\x00" + target
		if pairs[key] == nil {
			pairs[key] = &side{}
		}
		if f.First.IsZero() {
			pairs[key].states = append(pairs[key].states, f)
		} else {
			pairs[key].events = append(pairs[key].events, f)
		}
	}
	for _, p := range pairs {
		if len(p.states) == 0 || len(p.events) == 0 {
			continue
		}
		for _, f := range slices.Concat(p.states, p.events) {
			f.raiseFor(raisedPair)
		}
	}
}

// outcomes says of each rule and account whether it holds, and what was not read.
func (a *assembly) outcomes(coverage *facts.Coverage, all []*Finding) []Outcome {
	holds := map[string]bool{}
	hold := func(rule, account string) { holds[rule+"\x00"+strings.ToLower(account)] = true }
	for _, f := range all {
		hold(f.Rule, f.Account)
		if facts.IsTenant(f.Account) { // what is so of the whole tenant is so of each of its accounts
			for _, account := range coverage.Accounts() {
				if coverage.Concerns(f.Account, account) {
					hold(f.Rule, account)
				}
			}
		}
	}
	missing, same := map[string][]Missing{}, shared{} // missing is by rule and account of a finding: of thousands of accounts most have none
	for _, f := range all {
		missing[f.Rule+"\x00"+strings.ToLower(f.Account)] = nil
	}
	judged := slices.DeleteFunc(slices.Clone(a.set.Rules), (*rules.Rule).Serves)
	var outcomes []Outcome
	for _, account := range coverage.Accounts() {
		if facts.IsTenant(account) {
			continue
		}
		if outcomes == nil {
			outcomes = make([]Outcome, 0, len(coverage.Accounts())*len(judged))
		}
		rows := coverage.Of(account)
		for _, r := range judged {
			o := Outcome{Rule: r.Name, Account: account, State: No, Missing: same.one(a.missing(r, account, rows, coverage))}
			key := r.Name + "\x00" + strings.ToLower(account)
			if _, found := missing[key]; found {
				missing[key] = o.Missing
			}
			switch {
			case holds[key]:
				o.State = Yes
			case len(o.Missing) > 0:
				o.State = Unknown
			}
			outcomes = append(outcomes, o)
		}
	}
	for _, f := range all {
		if f.Missing = missing[f.Rule+"\x00"+strings.ToLower(f.Account)]; facts.IsTenant(f.Account) {
			f.Missing = a.missing(a.set.Rule(f.Rule), f.Account, coverage.Of(f.Account), coverage)
		}
	}
	return outcomes
}

// missing lists what a rule looks at and what was not read, or not as a whole.
func (a *assembly) missing(r *rules.Rule, account string, rows []*facts.Row, coverage *facts.Coverage) []Missing {
	var all []Missing
	add := func(m Missing) {
		if !slices.ContainsFunc(all, func(x Missing) bool { return x.Source == m.Source && x.Reason == m.Reason }) {
			all = append(all, m)
		}
	}
	for _, base := range a.set.Bases(r) {
		source, ok := a.set.Source(base.Logsource)
		if !ok {
			continue
		}
		what := map[string]string{"fr": cmp.Or(r.About.FR.Gap, source.FR), "en": cmp.Or(r.About.EN.Gap, source.EN)}
		if base.Logsource.Category != facts.KindSettingChange { // of each of its sources two collections are compared, or none
			for _, m := range lacking(source, account, rows, coverage) {
				m.What = what
				add(m)
			}
		}
		for _, need := range slices.Concat(base.About.Needs, r.About.Needs) {
			if m, lacks := a.need(need, account, coverage); lacks {
				m.What = what
				add(m)
			}
		}
	}
	for _, u := range coverage.UnreadOf(account) {
		add(Missing{Source: UnreadBundle + u.Bundle, Reason: u.Reason,
			What: map[string]string{"fr": "ce que contient le lot scellé " + u.Bundle + ", qui n'a pas pu être lu", "en": "what bundle " + u.Bundle + " holds, which could not be read"}})
	}
	return all
}

// Names of what a rule may miss and that is no resource.
const (
	SecondCollection = "second collection"
	MessageText      = "text of messages"
	UnreadBundle     = "bundle " // and its ULID
)

// need says what of a rule's needs beyond its source is not met.
func (a *assembly) need(need, account string, coverage *facts.Coverage) (Missing, bool) {
	switch need {
	case rules.NeedBaseline:
		if !coverage.Baseline(account) {
			return Missing{Source: "baseline", Reason: "too little is known of earlier sign-ins to call a source new: " +
				"it takes 5 on 3 days, the first 3 days before"}, true
		}
	case rules.NeedMeaning:
		if a.counts[facts.KindRuleAction] == 0 && a.counts[facts.KindFilter]+a.counts[facts.KindScript] > 0 {
			return Missing{Source: "mail rules", Reason: "the rules of the mailbox were collected and what they mean was not read"}, true
		}
	case rules.NeedSent:
		if !coverage.Sent(account) {
			return Missing{Source: "sent mail", Reason: "no message of a folder of sent mail was collected"}, true
		}
	case rules.NeedContent:
		switch n := coverage.Content(); {
		case n == nil:
			return Missing{Source: MessageText, Reason: "nobody asked for it: mbaudit qualify --content"}, true
		case n.HeadersOnly > 0:
			return Missing{Source: MessageText, Reason: fmt.Sprintf("only the headers of %d messages were collected: mbaudit collect --messages raw", n.HeadersOnly)}, true
		case n.Partly > 0:
			return Missing{Source: MessageText, Reason: fmt.Sprintf("of %d messages a part cannot be read", n.Partly)}, true
		}
	case rules.NeedTwo:
		if !coverage.Compared(account) {
			return Missing{Source: SecondCollection, Reason: "there is but one to compare with: collect again"}, true
		}
	}
	return Missing{}, false
}

// lacking says of the rows that concern an account what of a source was not read. Logs that were imported hold all accounts, whichever they were imported for.
func lacking(source rules.Source, account string, rows []*facts.Row, coverage *facts.Coverage) []Missing {
	var found, whole []*facts.Row
	var lacks []Missing
	for _, row := range rows {
		if !serves(source, row, account, coverage) {
			continue
		}
		found = append(found, row)
		if row.Whole() {
			whole = append(whole, row)
			continue
		}
		lacks = append(lacks, Missing{Source: row.Resource, Reason: reasonOf(row)})
	}
	switch {
	case len(found) == 0:
		return []Missing{{Source: strings.Join(source.Resources, ", "), Reason: "not collected"}}
	case source.Category == facts.KindAudit && overlap(found, whole):
		return nil
	}
	return lacks
}

// overlap says whether the logs that were read as a whole have what the others lack. login has all that is in user_accounts,
// and a log of everybody, or one that was imported, has what the account's own part has, but not the other way round.
func overlap(found, whole []*facts.Row) bool {
	everybody := func(r *facts.Row) bool { return ofTenant(r) || strings.HasPrefix(r.Resource, "report-events:") }
	return slices.ContainsFunc(whole, everybody) || len(whole) > 0 && !slices.ContainsFunc(found, everybody)
}

// ofTenant says whether a row is of a whole tenant: collectors name it by its domain, as in @example.com.
func ofTenant(row *facts.Row) bool { return facts.IsTenant(row.Account) }

// serves says whether a row of the ledger is one of a source's.
func serves(source rules.Source, row *facts.Row, account string, coverage *facts.Coverage) bool {
	if strings.HasPrefix(row.Resource, "report-events:") {
		return source.Category == facts.KindAudit && slices.ContainsFunc(row.Services, func(s string) bool {
			return s == source.Service || source.Service == "login" && s == "user_accounts"
		})
	}
	everybody := strings.HasPrefix(row.Resource, "log-events:")
	if !everybody && !coverage.Concerns(row.Account, account) {
		return false
	}
	return slices.ContainsFunc(source.Resources, func(pattern string) bool {
		prefix, wild := strings.CutSuffix(pattern, "*")
		return pattern == row.Resource || wild && strings.HasPrefix(row.Resource, prefix)
	})
}

func reasonOf(row *facts.Row) string {
	switch {
	case row.Unreadable > 0:
		return fmt.Sprintf("%d parts of it cannot be read: %s", row.Unreadable, row.Why)
	case row.Status == evidence.StatusNotOffered:
		return cmp.Or("not offered: "+row.Reason, "not offered by the source")
	}
	return cmp.Or(row.Reason, row.Status)
}
