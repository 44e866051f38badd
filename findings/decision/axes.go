package decision

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/facts"
)

// answered makes a ground of what somebody answered.
func (m *maker) answered(item string, value int, fr, en string) Ground {
	a := m.Record.Answers[item]
	return Ground{Value: value, Source: "answer", Rule: item, At: a.At.UTC(), Exhibits: []string{}, Text: Text{fr, en},
		Refutes: Text{fmt.Sprintf("réponse de %s, main courante n° %d", a.By, a.Seq), fmt.Sprintf("answer by %s, journal entry %d", a.By, a.Seq)}}
}

// scope: 0 one account, mail only; 1 more is reachable; 2 proved use of another account, service or machine, or administration
// from an intruder's session; 3 the organisation. What was done from a session counts as proved only where the account is confirmed.
func (m *maker) scope() {
	a := &m.d.Scope
	for _, w := range m.all {
		value := scopeOf(w, m)
		switch {
		case value == 0:
		case w.Recognition == findings.Recognised || m.confirmedOf(w.Account) || !w.Examined && m.anyConfirmed():
			a.Grounds = append(a.Grounds, ground(w, value))
		case m.suspectOf(w.Account) || !w.Examined && m.anySuspect():
			a.Open = append(a.Open, ground(w, value))
		}
		if value == 0 && opensAll(w) && w.Recognition != findings.Recognised && m.suspectOf(w.Account) {
			a.Open = append(a.Open, ground(w, 3)) // no administrator has said whose it is
		}
	}
	m.scopeOfReach(a)
	m.otherAccounts(a)
	m.scopeFloors(a)
	m.gaps(a, 2, "saml-suspect", "admin-suspect", "file-burst", "source-suspect-elsewhere", "token-granted-suspect")
	a.finish(Text{"Périmètre", "Scope"}, []Text{{"un compte, messagerie seule", "one account, mail only"}, {"autres accès atteignables", "more is reachable"},
		{"étendu : usage prouvé au-delà", "extended: use beyond is proved"}, {"organisation entière", "the whole organisation"}}, 2)
}

// scopeOf is what a finding makes of the scope.
func scopeOf(w *weighed, m *maker) int {
	if opensAll(w) && w.Recognition == findings.NotRecognised {
		return 3
	}
	switch w.Rule {
	case "delegation-domain-wide", "takeout-of-everybody", "mail-routing-changed", "email-monitor-created":
		if w.tied || w.Recognition == findings.NotRecognised {
			return 3
		}
	case "saml-suspect", "admin-suspect":
		return 2
	case "file-shared-outside", "file-burst", "user-created", "role-granted", "vault-export", "mailbox-dump", "group-opened", "protection-lowered", "alerts-deleted", "script-trigger":
		if w.tied {
			return 2
		}
	case "source-suspect-elsewhere":
		return 2
	case "same-source-other-accounts":
		if !m.examined(w.Account) {
			return 2
		}
	}
	return 0
}

// opensAll says whether a finding about a whole tenant opens each of its accounts, once no administrator recognises it.
func opensAll(w *weighed) bool { return facts.IsTenant(w.Account) && w.Strength == "strong" }

func (m *maker) anyConfirmed() bool { return m.worstOf() == confirmed }

// scopeOfReach counts what is reachable, and what was used.
func (m *maker) scopeOfReach(a *Axis) {
	if !m.anySuspect() {
		return
	}
	named := 0
	for _, r := range m.d.Perimeter {
		if r.State == "recognised" || r.Kind == "account" || r.Kind == "device" || named >= maxPlaces {
			continue
		}
		g := Ground{Value: 1, Source: "fact", Account: r.Account, Subject: r.Name, At: r.At, Exhibits: r.Exhibits, Text: Text{r.Name + " : " + r.How.FR, r.Name + ": " + r.How.EN},
			Refutes: Text{"le journal de ce service ne montre rien", "that service's log shows nothing"}}
		if r.Kind == "service" && r.State == "used" {
			if g.Value = 2; !m.confirmedOf(r.Account) {
				a.Open = append(a.Open, g)
				continue
			}
		}
		a.Grounds = append(a.Grounds, g)
		named++
	}
}

// otherAccounts counts the accounts under examination that are confirmed: more than one is proved use of another.
func (m *maker) otherAccounts(a *Axis) {
	var sure []string
	for _, account := range m.accounts {
		if m.confirmedOf(account) {
			sure = append(sure, account)
		}
	}
	if len(sure) < 2 {
		return
	}
	g := Ground{Value: 2, Strength: "strong", Source: "finding", Subject: strings.Join(sure, ", "), Text: Text{"plusieurs comptes avérés", "several accounts are confirmed"},
		Refutes: Text{"un seul reste avéré après réponse des personnes", "one only stays confirmed after the persons' answers"}, Exhibits: []string{}}
	for _, w := range m.all {
		if w.weight == strong && m.confirmedOf(w.Account) {
			g.Exhibits = append(g.Exhibits, w.Exhibits[:min(1, len(w.Exhibits))]...)
		}
	}
	g.Exhibits = firsts(g.Exhibits)
	a.Grounds = append(a.Grounds, g)
}

// scopeFloors: a super administrator who was taken over is the organisation; an infostealer is never one account.
func (m *maker) scopeFloors(a *Axis) {
	for account, u := range m.Survey.users {
		if !u.super || !m.examined(account) || m.sure[account] < suspected && (m.anySuspect() || m.d.Confirmation.Possible < suspected) {
			continue
		}
		g := Ground{Value: 3, Strength: "strong", Source: "fact", Account: account, Exhibits: u.places, Text: Text{"super-administrateur détourné", "a super administrator was taken over"},
			Refutes: Text{"le compte n'est pas avéré, ou son rôle n'est pas celui-là", "the account is not confirmed, or this is not its role"}}
		floor := Floor{Axis: "scope", Value: 3, Text: g.Text, Possible: m.sure[account] < confirmed}
		if floor.Possible {
			a.Open = append(a.Open, g)
		} else {
			a.Grounds = append(a.Grounds, g)
		}
		m.d.Floors = append(m.d.Floors, floor)
	}
	for _, h := range m.d.Hypotheses {
		if h.ID != "infostealer" || !m.anySuspect() || h.Verdict != "supported" && h.Verdict != "possible" {
			continue
		}
		g := Ground{Value: 1, Source: "finding", Exhibits: []string{}, Text: Text{"voleur d'identifiants au moins possible : d'autres mots de passe et sessions", "an infostealer is at least possible: other passwords and sessions"},
			Refutes: Text{"le poste est sain", "the computer is clean"}}
		a.Grounds = append(a.Grounds, g)
		m.d.Floors = append(m.d.Floors, Floor{Axis: "scope", Value: 1, Text: g.Text})
	}
	if m.d.Floors == nil {
		m.d.Floors = []Floor{}
	}
}

// gaps adds to what is possible what rules of unknown state could have shown, of an account that is suspected, or, where none is
// and what was not read could make one so, of every account.
func (m *maker) gaps(a *Axis, value int, rules ...string) {
	if m.d.Confirmation.Possible < suspected {
		return
	}
	for _, o := range m.Result.Outcomes {
		if o.State != findings.Unknown || !slices.Contains(rules, o.Rule) || !m.anySuspect() && !m.examined(o.Account) || m.anySuspect() && !m.suspectOf(o.Account) {
			continue
		}
		if !m.fitsAll(o) {
			continue // this sort of mail system has no such log
		}
		a.Open = append(a.Open, gapGround(value, o))
	}
	if a == &m.d.Scope {
		for _, account := range m.accounts {
			if (m.suspectOf(account) || !m.anySuspect()) && !m.worlds.workspace(account) {
				a.Open = append(a.Open, Ground{Value: value, Source: "gap", Account: account, Exhibits: []string{}, Text: Text{"VPN, applications et fichiers sont hors de portée d'IMAP", "VPN, applications and files are out of IMAP's reach"},
					Refutes: Text{"les journaux de ces services", "the logs of those services"}})
			}
		}
	}
}

// impact: 0 none seen, 1 limited, 2 strong (sensitive data, money, an important activity), 3 vital activity, large loss, safety.
// Proved leaks alone count for what is established.
func (m *maker) impact() {
	a := &m.d.Impact
	if m.anySuspect() {
		m.leaks(a)
		m.fraud(a)
	}
	for _, q := range []struct {
		item   string
		value  int
		fr, en string
	}{
		{"Q-transfer", 2, "un virement a été exécuté", "a transfer was executed"},
		{"Q-activity", 2, "une activité importante est touchée", "an important activity is hit"},
		{"Q-vital", 3, "une activité vitale, une grosse perte ou la sécurité des personnes est en jeu", "a vital activity, a large loss or safety is at stake"},
	} {
		switch {
		case m.Record.yes(q.item):
			a.Grounds = append(a.Grounds, m.answered(q.item, q.value, q.fr, q.en))
			if q.item == "Q-transfer" {
				m.d.Floors = append(m.d.Floors, Floor{Axis: "impact", Value: 2, Text: Text{q.fr, q.en}})
			}
		case q.item == "Q-transfer" && !m.Record.no(q.item) && m.moneySeen():
			a.Open = append(a.Open, Ground{Value: 2, Source: "answer", Rule: q.item, Exhibits: []string{}, Text: Text{"on ne sait pas si un virement a été fait", "nobody knows whether money was transferred"},
				Refutes: Text{"la comptabilité répond : mbaudit ask", "the accounts department answers: mbaudit ask"}})
		}
	}
	m.gaps(a, 2, "mail-read-suspect", "mail-bulk-read", "mail-auto-forwarded", "forwarding-external", "filter-forwards", "rule-sends-outside", "token-mail")
	a.finish(Text{"Impact", "Impact"}, []Text{{"aucun constaté", "none seen"}, {"limité", "limited"}, {"fort", "strong"}, {"vital", "vital"}}, 2)
}

// leaks counts what left. It is a strong impact where it is known that the data were sensitive.
func (m *maker) leaks(a *Axis) {
	known := m.Record.yes("Q-data")
	for _, x := range m.d.Exfiltration {
		held := known || slices.ContainsFunc(m.d.Sensitive, func(s Sensitive) bool { return s.Source == "case" && strings.EqualFold(s.Account, x.Account) })
		if m.Record.no("Q-data") {
			held = false
		}
		g := Ground{Value: 1, Source: "fact", Account: x.Account, Subject: x.Name, At: x.From, Exhibits: orEmpty(x.Exhibits), Text: Text{exfilWord(x, "fr") + " : " + x.Why.FR, exfilWord(x, "en") + ": " + x.Why.EN},
			Refutes: Text{"la personne reconnaît l'accès", "the person recognises the access"}}
		if x.State == Excluded {
			continue
		}
		if held {
			g.Value = 2
		}
		if x.State == Proved && m.confirmedOf(x.Account) {
			a.Grounds = append(a.Grounds, g)
		} else {
			a.Open = append(a.Open, g)
		}
		if g.Value < 2 && !m.Record.no("Q-data") {
			g.Value, g.Source = 2, "gap"
			g.Text = Text{g.Text.FR + " ; on ne sait pas si c'étaient des données sensibles", g.Text.EN + "; nobody knows whether these were sensitive data"}
			a.Open = append(a.Open, g)
		}
	}
}

func orEmpty(all []string) []string {
	if all == nil {
		return []string{}
	}
	return all
}

// exfilWord says what left by which way.
func exfilWord(x Exfiltration, language string) string {
	kinds := map[string]Text{"session": {"session", "session"}, "forwarding": {"transfert", "forwarding"}, "application": {"application", "application"}, "delegate": {"délégué", "delegate"},
		"export": {"export", "export"}, "share": {"partage", "share"}}
	states := map[string]Text{Proved: {"fuite prouvée", "leak proved"}, Possible: {"fuite possible", "leak possible"}, Excluded: {"fuite exclue", "leak excluded"}}
	return states[x.State].In(language) + ", " + kinds[x.Kind].In(language) + " " + x.Name
}

// fraud counts what was sent in the account's name.
func (m *maker) fraud(a *Axis) {
	for _, w := range m.all {
		if w.Class != "fraud" || !w.Examined || w.weight < weak || !m.suspectOf(w.Account) {
			continue
		}
		if m.confirmedOf(w.Account) {
			a.Grounds = append(a.Grounds, ground(w, 1))
		} else {
			a.Open = append(a.Open, ground(w, 1))
		}
	}
}

// moneySeen says whether anything found is about money.
func (m *maker) moneySeen() bool {
	return m.anySuspect() && slices.ContainsFunc(m.all, func(w *weighed) bool {
		return w.weight >= weak && slices.Contains([]string{"sent-money-suspect", "rule-hides-money", "sent-to-look-alike", "send-as-look-alike", "reply-to-external", "reply-orphan", "iban-changed-sent", "iban-changed-sent-suspect", "bank-change-sent",
			"draft-look-alike"}, w.Rule)
	})
}

// urgency: 0 old and stable, 1 within the week, 2 within two days or the access is still open, 3 each hour counts.
func (m *maker) urgency() {
	a := &m.d.Urgency
	if m.anySuspect() {
		m.recent(a)
		m.opened(a)
		m.live(a)
	} else if m.d.Confirmation.Possible >= suspected {
		a.Open = append(a.Open, Ground{Value: 2, Source: "gap", Exhibits: []string{}, Text: Text{"on ne sait pas si quelqu'un est entré", "nobody knows whether somebody got in"},
			Refutes: Text{"lire les journaux qui manquent", "read the logs that are missing"}})
	}
	a.finish(Text{"Urgence", "Urgency"}, []Text{{"ancien et stable", "old and stable"}, {"dans la semaine", "within the week"}, {"sous 24 à 48 h, ou accès ouvert", "within 24 to 48 h, or access open"}, {"chaque heure compte", "each hour counts"}}, 2)
}

func (m *maker) recent(a *Axis) {
	last := m.d.Story.Last
	age, value := m.Now.Sub(last), 0
	switch {
	case last.IsZero():
		a.Open = append(a.Open, Ground{Value: 2, Source: "gap", Exhibits: []string{}, Text: Text{"rien ne dit quand l'intrus a agi", "nothing says when the intruder was at work"}, Refutes: Text{"les journaux de connexion", "the logs of sign-ins"}})
		return
	case age <= 48*time.Hour:
		value = 2
	case age <= 7*24*time.Hour:
		value = 1
	}
	text := last.UTC().Format("2006-01-02 15:04Z")
	a.Grounds = append(a.Grounds, Ground{Value: value, Source: "fact", At: last, Exhibits: orEmpty(m.d.Story.Exhibits), Text: Text{"dernier acte suspect le " + text, "last suspect deed on " + text},
		Refutes: Text{"la personne le reconnaît", "the person recognises it"}})
}

func (m *maker) opened(a *Axis) {
	g := Ground{Value: 2, Source: "fact", Exhibits: []string{}, Text: m.d.Story.Why, Refutes: Text{"mot de passe, sessions, jetons et règles renouvelés et relus", "password, sessions, tokens and rules were renewed and read again"}}
	switch m.d.Story.StillOpen {
	case Yes:
		for _, w := range m.all {
			if lasting(w) && w.weight >= medium && w.Examined && m.suspectOf(w.Account) {
				g.Exhibits, g.Account, g.Finding = firsts(w.Exhibits), w.Account, w.ID
				break
			}
		}
		a.Grounds = append(a.Grounds, g)
	case Unknown:
		g.Source = "gap"
		a.Open = append(a.Open, g)
	}
}

// live finds what cannot wait: money on its way, a fraud going on, mail being sent in numbers, other accounts being taken.
func (m *maker) live(a *Axis) {
	if m.Record.yes("Q-transfer") && !m.Record.no("Q-recall") {
		a.Grounds = append(a.Grounds, m.answered("Q-transfer", 3, "un virement peut encore être rappelé", "a transfer can still be recalled"))
		m.d.Floors = append(m.d.Floors, Floor{Axis: "urgency", Value: 3, Text: Text{"virement exécuté, tant qu'il peut être rappelé", "executed transfer, while it can be recalled"}})
	}
	if m.Record.yes("Q-fraud") {
		a.Grounds = append(a.Grounds, m.answered("Q-fraud", 3, "un échange frauduleux est en cours", "a fraudulent exchange is going on"))
	}
	for _, w := range m.all {
		burst := slices.Contains([]string{"send-burst", "submit-burst", "source-suspect-elsewhere", "same-source-other-accounts"}, w.Rule)
		money := slices.Contains([]string{"sent-money-suspect", "sent-to-look-alike", "iban-changed-sent", "iban-changed-sent-suspect"}, w.Rule)
		if !burst && !money || w.weight < weak || m.Now.Sub(w.Last) > 48*time.Hour || w.Last.IsZero() {
			continue
		}
		if burst && m.anyConfirmed() && (!w.Examined || m.confirmedOf(w.Account)) {
			a.Grounds = append(a.Grounds, ground(w, 3))
		} else if !m.Record.no("Q-fraud") && m.anySuspect() {
			a.Open = append(a.Open, ground(w, 3))
		}
	}
}
