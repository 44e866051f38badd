package decision

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/internal/casefile"
)

// An Input is what a decision is made of.
type Input struct {
	Result   *findings.Result // with the answers applied: Record.Regrade
	Coverage *facts.Coverage
	Survey   *Survey
	Case     casefile.Case
	Record   Record
	Now      time.Time
}

// A maker makes a decision.
type maker struct {
	Input
	*judge
	accounts []string
	sure     map[string]int // confirmation by account, in lower case
	d        *Decision
}

// Decide makes the decision. It changes nothing of what it is given.
func Decide(in Input) *Decision {
	m := &maker{Input: in, judge: newJudge(in.Result, in.Survey, newWorlds(in.Coverage)), accounts: mailboxes(in.Coverage.Accounts()), sure: map[string]int{}}
	m.d = &Decision{V: 1, MadeAt: in.Now.UTC().Truncate(time.Second), Case: in.Case.Case, Accounts: m.accounts, Bundles: in.Result.Bundles, Bias: bias(), Precautions: precautions()}
	for _, account := range m.accounts {
		m.sure[key(account)] = m.confirmation(account)
	}
	m.tenants()
	m.confirm()
	m.sensitive()
	m.d.Exfiltration = m.exfiltration()
	m.d.Perimeter = m.perimeter()
	m.d.Story = m.story()
	m.d.Hypotheses = m.hypotheses()
	m.scope()
	m.impact()
	m.urgency()
	m.level()
	m.d.Clocks = m.clocks()
	m.d.Unknowns = m.unknowns()
	m.d.Questions = m.questions()
	m.d.Change = m.change()
	m.d.Doctrine = m.doctrine()
	return m.d
}

// tenants says of the tenants of the accounts how sure it is that somebody else was in: as sure as of the worst of their accounts,
// and, where something of the whole tenant is suspect by itself (a key that signs anybody in and that no administrator knows),
// as that says. The accounts keep their own: that somebody could enter all is no proof that he entered one.
func (m *maker) tenants() {
	for _, w := range m.all {
		tenant := key(w.Account)
		if _, done := m.sure[tenant]; done || !w.Examined || !facts.IsTenant(w.Account) {
			continue
		}
		sure := notConfirmed
		for _, account := range m.accounts {
			if m.Coverage.Concerns(w.Account, account) {
				sure = max(sure, m.sure[key(account)])
			}
		}
		if own := m.confirmation(w.Account); own >= suspected || sure >= suspected {
			m.sure[tenant] = max(sure, own)
		}
	}
}

// mailboxes leaves the tenants out of the accounts under examination.
func mailboxes(accounts []string) []string {
	all := []string{}
	for _, a := range accounts {
		if !facts.IsTenant(a) {
			all = append(all, a)
		}
	}
	return all
}

func bias() Text {
	return Text{"Avant de signer : la première idée n'est pas la bonne par défaut, un journal absent ne rassure pas, refaire la qualification à chaque point de situation.",
		"Before signing: the first idea is not right by default, a missing log is no comfort, qualify again at each situation report."}
}

func precautions() []Text {
	return []Text{
		{"renouveler le mot de passe et le communiquer de vive voix", "renew the password and tell it by voice"},
		{"réenregistrer le second facteur, en présence de la personne", "re-enrol the second factor, in the person's presence"},
		{"révoquer les sessions actives, les jetons et les mots de passe d'application", "revoke active sessions, tokens and app passwords"},
	}
}

// suspectOf says whether an account under examination is at least suspected, and confirmedOf whether confirmed.
func (m *maker) suspectOf(account string) bool   { return m.sure[key(account)] >= suspected }
func (m *maker) confirmedOf(account string) bool { return m.sure[key(account)] == confirmed }

// worstOf is the confirmation of the case: that of its worst account.
func (m *maker) worstOf() int {
	worst := ruledOut
	for _, v := range m.sure {
		worst = max(worst, v)
	}
	if len(m.sure) == 0 {
		return notConfirmed
	}
	return worst
}

// ground makes a ground of a finding.
func ground(w *weighed, value int) Ground {
	g := Ground{Value: value, Text: Text{w.Title["fr"], w.Title["en"]}, Strength: w.Strength, Source: "finding", Finding: w.ID, Rule: w.Rule, Grade: w.Grade, Account: w.Account,
		Subject: w.Subject, At: w.First, Exhibits: firsts(w.Exhibits), Refutes: refutes(w), Recognition: w.Recognition, Struck: w.Recognition == findings.Recognised}
	if w.weight != context {
		g.Strength = w.weight.String()
	}
	return g
}

func firsts(exhibits []string) []string {
	return slices.Clone(exhibits[:min(len(exhibits), maxPlaces)])
}

// refutes says what would speak against a finding: that the person recognises it, and what was not read.
func refutes(w *weighed) Text {
	t := Text{"la personne le reconnaît : " + w.Question["fr"], "the person recognises it: " + w.Question["en"]}
	for _, m := range w.Missing[:min(len(w.Missing), 1)] {
		t.FR += " ; ou " + m.Source + ", non lu, l'explique"
		t.EN += "; or " + m.Source + ", which was not read, explains it"
	}
	return t
}

// compareGrounds puts the weightiest first and those struck last.
func compareGrounds(a, b Ground) int {
	order := func(g Ground) int {
		return slices.Index([]string{"strong", "medium", "weak", ""}, g.Strength)
	}
	struck := func(g Ground) int {
		if g.Struck {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(struck(a), struck(b)), cmp.Compare(b.Value, a.Value), cmp.Compare(order(a), order(b)), a.At.Compare(b.At), strings.Compare(a.Finding, b.Finding))
}

// maxGrounds is how many grounds an axis lists of each sort.
const maxGrounds = 200

// finish sorts an axis, names its values and answers its question: yes from the value bar on.
func (a *Axis) finish(name Text, words []Text, bar int) {
	for i := range a.Grounds {
		if !a.Grounds[i].Struck {
			a.Established = max(a.Established, a.Grounds[i].Value)
		}
	}
	for i := range a.Open {
		a.Possible = max(a.Possible, a.Open[i].Value)
	}
	a.close(name, words, bar)
}

func (a *Axis) close(name Text, words []Text, bar int) {
	a.Possible = max(a.Possible, a.Established)
	slices.SortStableFunc(a.Grounds, compareGrounds)
	slices.SortStableFunc(a.Open, compareGrounds)
	a.Grounds, a.Open = orNone(a.Grounds), orNone(a.Open)
	a.Name, a.Word, a.WorstWord = name, words[a.Established], words[a.Possible]
	a.Answer = No
	switch {
	case a.Established >= bar:
		a.Answer = Yes
	case a.Possible >= bar:
		a.Answer = Unknown
	}
	for _, g := range a.Grounds {
		if len(g.Exhibits) > 0 && !g.Struck {
			a.Best = g.Exhibits[0]
			return
		}
	}
}

func orNone(all []Ground) []Ground {
	if all == nil {
		return []Ground{}
	}
	return all[:min(len(all), maxGrounds)]
}

// confirm makes the axis of confirmation.
func (m *maker) confirm() {
	a := &m.d.Confirmation
	established := m.worstOf()
	for _, w := range m.all {
		if !w.Examined || w.weight == context && w.Recognition != findings.Recognised {
			continue
		}
		a.Grounds = append(a.Grounds, ground(w, notConfirmed+int(max(w.weight, weak))-1))
	}
	possible := established
	if established == suspected {
		possible = confirmed
		a.Open = append(a.Open, Ground{Value: confirmed, Source: "answer", Text: Text{"la personne n'a pas encore tout reconnu", "the person has not yet recognised all of it"}, Exhibits: []string{},
			Refutes: Text{"ses réponses : mbaudit ask", "the person's answers: mbaudit ask"}})
	}
	if established == notConfirmed {
		for _, account := range m.accounts {
			for _, o := range m.lacking(account) {
				possible = confirmed
				a.Open = append(a.Open, gapGround(confirmed, o))
			}
		}
	}
	a.Established, a.Possible = established, possible
	a.close(Text{"Confirmation", "Confirmation"}, []Text{{"écartée", "ruled out"}, {"non confirmée", "not confirmed"}, {"suspectée", "suspected"}, {"avérée", "confirmed"}}, confirmed)
	if established <= notConfirmed && possible < confirmed {
		a.Answer = No
	}
}

// gapGround says what was not read and may raise an axis.
func gapGround(value int, o findings.Outcome) Ground {
	g := Ground{Value: value, Source: "gap", Rule: o.Rule, Account: o.Account, Exhibits: []string{}}
	if len(o.Missing) == 0 {
		return g
	}
	x := o.Missing[0]
	g.Subject = x.Source
	g.Text = Text{"on ne sait pas " + x.What["fr"], "nobody knows " + x.What["en"]}
	g.Refutes = Text{"lire " + x.Source + " (" + x.Reason + ")", "read " + x.Source + " (" + x.Reason + ")"}
	return g
}

// sensitive finds the accounts that weigh more than their size.
func (m *maker) sensitive() {
	m.d.Sensitive = []Sensitive{}
	for _, account := range m.accounts {
		if why := m.Case.Sensitivity(account); why != "" {
			m.d.Sensitive = append(m.d.Sensitive, Sensitive{Account: account, Why: Text{"case.yaml l'indique : " + why, "the case says so: " + why}, Source: "case"})
			continue
		}
		u := m.Survey.users[key(account)]
		switch {
		case u != nil && u.super:
			m.d.Sensitive = append(m.d.Sensitive, Sensitive{Account: account, Why: Text{"super-administrateur", "super administrator"}, Source: "finding", Exhibits: u.places})
		case u != nil && u.admin:
			m.d.Sensitive = append(m.d.Sensitive, Sensitive{Account: account, Why: Text{"compte d'administration", "administrator's account"}, Source: "finding", Exhibits: u.places})
		case m.worlds.workspace(account) && u == nil && m.worlds.read(account, "directory/roleAssignments") != wholly:
			m.d.Sensitive = append(m.d.Sensitive, Sensitive{Account: account, Possible: true, Source: "gap",
				Why: Text{"on ne sait pas s'il administre quelque chose", "nobody knows whether it administers something"}})
		}
	}
}

// Rules lists R1 to R5.
func Rules() []Rule {
	return []Rule{
		{ID: "R1", Text: Text{"avérée, et périmètre, impact et urgence au moins à 2", "confirmed, and scope, impact and urgency at least 2"}},
		{ID: "R2", Text: Text{"avérée, et périmètre ou impact au moins à 2, ou urgence à 3, ou compte sensible", "confirmed, and scope or impact at least 2, or urgency 3, or a sensitive account"}},
		{ID: "R3", Text: Text{"avérée, sans rien de plus", "confirmed, and nothing more"}},
		{ID: "R4", Text: Text{"suspectée : même test, un niveau en dessous pour l'établi", "suspected: the same test, one level lower for what is established"}},
		{ID: "R5", Text: Text{"non confirmée ou écartée, avec précaution", "not confirmed or ruled out, with precaution"}},
	}
}

// Apply is the rules: the first that holds wins. sensitive says that a sensitive account is concerned; possible, that the values
// are those of what is possible, for which a suspicion counts as if it were confirmed.
func Apply(confirmation, scope, impact, urgency int, sensitive, possible bool) (Level, Rule) {
	rules := Rules()
	level, rule := Minor, rules[2]
	switch {
	case scope >= 2 && impact >= 2 && urgency >= 2:
		level, rule = Crisis, rules[0]
	case scope >= 2 || impact >= 2 || urgency >= 3 || sensitive:
		level, rule = Major, rules[1]
	}
	switch {
	case confirmation <= notConfirmed:
		return Anomaly, rules[4]
	case confirmation == confirmed:
		return level, rule
	}
	fourth := rules[3]
	fourth.Via = rule.ID
	if possible {
		return level, fourth
	}
	return level.lower(), fourth
}

// level applies the rules to what is established and to what is possible.
func (m *maker) level() {
	d := m.d
	d.Level, d.Rule = Apply(d.Confirmation.Established, d.Scope.Established, d.Impact.Established, d.Urgency.Established, m.anySensitive(false), false)
	d.Possible, d.Worst = Apply(d.Confirmation.Possible, d.Scope.Possible, d.Impact.Possible, d.Urgency.Possible, m.anySensitive(true), true)
	if d.Possible.Rank() < d.Level.Rank() {
		d.Possible, d.Worst = d.Level, d.Rule
	}
	d.InForce = d.Level
	if o := m.Record.Override; o != nil {
		set := *o
		set.Computed = d.Level
		d.Override, d.InForce = &set, o.Level
	}
	d.If = m.ifs()
}

// anySensitive says whether an account that is suspected is a sensitive one; possible counts those of which it is not known, and
// accounts that nothing was found of.
func (m *maker) anySensitive(possible bool) bool {
	return slices.ContainsFunc(m.d.Sensitive, func(s Sensitive) bool {
		return possible || !s.Possible && m.suspectOf(s.Account)
	})
}

// ifs says what would have to be so for the possible level.
func (m *maker) ifs() []Text {
	all := []Text{}
	if m.d.Possible == m.d.Level {
		return all
	}
	for _, a := range []Axis{m.d.Confirmation, m.d.Scope, m.d.Impact, m.d.Urgency} {
		if a.Possible <= a.Established {
			continue
		}
		for _, g := range a.Open {
			if g.Value == a.Possible && len(all) < maxPlaces {
				all = append(all, Text{fmt.Sprintf("%s : %s", a.Name.FR, g.Text.FR), fmt.Sprintf("%s: %s", a.Name.EN, g.Text.EN)})
				break
			}
		}
	}
	if m.anySensitive(true) && !m.anySensitive(false) {
		for _, s := range m.d.Sensitive {
			all = append(all, Text{s.Account + " : " + s.Why.FR, s.Account + ": " + s.Why.EN})
			break
		}
	}
	return all
}

// change compares with the version before.
func (m *maker) change() *Change {
	last := m.Record.Last
	if last == nil {
		return nil
	}
	c := &Change{Since: last.At.UTC(), Level: last.Level, Possible: last.Possible, Rule: last.Rule, Text: []Text{}}
	note := func(fr, en string, before, after Level) {
		if before != after {
			c.Text = append(c.Text, Text{fmt.Sprintf("%s : %s → %s", fr, before.In("fr"), after.In("fr")), fmt.Sprintf("%s: %s → %s", en, before.In("en"), after.In("en"))})
		}
	}
	note("niveau établi", "level established", last.Level, m.d.Level)
	note("niveau possible", "level possible", last.Possible, m.d.Possible)
	if before, after := strings.Fields(last.Axes), strings.Fields(m.d.axes()); len(before) == len(after) {
		for i, a := range []Axis{m.d.Confirmation, m.d.Scope, m.d.Impact, m.d.Urgency} {
			if before[i] != after[i] {
				c.Text = append(c.Text, Text{fmt.Sprintf("%s : %s → %s", a.Name.FR, before[i], after[i]), fmt.Sprintf("%s: %s → %s", a.Name.EN, before[i], after[i])})
			}
		}
	}
	return c
}
