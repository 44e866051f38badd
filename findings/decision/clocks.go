package decision

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/facts"
)

// States of a clock.
const (
	clockRunning    = "running"
	clockOver       = "over"
	clockStopped    = "stopped" // done, as somebody answered
	clockNotStarted = "not started"
)

// legal is how long a complaint (Code des assurances L.12-10-1) and a notification (GDPR art. 33) may take.
const legal = 72 * time.Hour

// googleKeeps is how long Google keeps activities (activities.list).
const googleKeeps = 180 * 24 * time.Hour

// clocks gives the terms. The legal ones count from the moment of knowledge that the journal has, on its strict reading.
func (m *maker) clocks() []Clock {
	start := m.Record.Known.UTC()
	who := Text{fmt.Sprintf("connaissance le %s, selon %s (main courante n° %d)", stamp(start), m.Record.KnownBy, m.Record.KnownSeq),
		fmt.Sprintf("known since %s, by %s (journal entry %d)", stamp(start), m.Record.KnownBy, m.Record.KnownSeq)}
	complaint := Clock{ID: "complaint", Name: Text{"plainte, pour que l'assureur paie", "complaint, so that the insurer pays"}, Starts: start, Ends: start.Add(legal),
		Why: Text{who.FR + " ; Code des assurances L.12-10-1", who.EN + "; French insurance code L.12-10-1"}}
	cnil := Clock{ID: "cnil", Name: Text{"notification CNIL, si risque pour des personnes", "notification to the CNIL, if persons are at risk"}, Starts: start, Ends: start.Add(legal),
		Why: Text{who.FR + " ; RGPD art. 33", who.EN + "; GDPR art. 33"}}
	all := []Clock{m.legal(complaint, "Q-complaint", m.anySuspect()), m.legal(cnil, "Q-cnil", m.anySuspect() && m.mayHaveLeaked())}
	if bank, ok := m.bank(); ok {
		all = append(all, bank)
	}
	return append(all, m.expiries()...)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04Z") }

func (m *maker) legal(c Clock, item string, started bool) Clock {
	switch {
	case m.Record.yes(item):
		c.State = clockStopped
	case !started:
		c.State = clockNotStarted
		c.Why = Text{"rien n'est suspecté ; part si cela change, de la connaissance", "nothing is suspected; starts if that changes, from the moment of knowledge"}
	case m.Now.After(c.Ends):
		c.State = clockOver
	default:
		c.State = clockRunning
	}
	return c
}

func (m *maker) mayHaveLeaked() bool {
	return slices.ContainsFunc(m.d.Exfiltration, func(x Exfiltration) bool { return x.State != Excluded }) || m.d.Impact.Possible > 0
}

// bank is the recall of a transfer. It has no term that is known: every hour lowers what can be had back.
func (m *maker) bank() (Clock, bool) {
	c := Clock{ID: "bank", Name: Text{"rappel de fonds auprès de la banque", "recall of funds at the bank"}, Starts: m.Record.Answers["Q-transfer"].At.UTC(), State: clockRunning}
	switch {
	case m.Record.yes("Q-bank"):
		c.State, c.Why = clockStopped, Text{"la banque est prévenue", "the bank has been told"}
	case m.Record.yes("Q-transfer"):
		c.Why = Text{"un virement est parti : appeler maintenant, demander le retour des fonds", "a transfer went out: call now, ask for the return of the funds"}
	case m.moneySeen() && !m.Record.no("Q-transfer"):
		c.Why = Text{"un échange parle d'argent : demander à la comptabilité si un virement est parti ou prévu", "money is talked of: ask the accounts department whether a transfer went out or is planned"}
	default:
		return Clock{}, false
	}
	return c, true
}

// expiries says until when logs that were not read as a whole can still be had.
func (m *maker) expiries() []Clock {
	all := []Clock{}
	for _, account := range m.accounts {
		if !m.worlds.workspace(account) {
			continue
		}
		for _, log := range []string{"login", "token", "gmail", "drive", "admin", "saml", "mobile"} {
			resource := "reports/" + log
			if m.worlds.read(account, resource) == wholly {
				continue
			}
			ends := m.expiry(resource)
			c := Clock{ID: "log:" + resource + ":" + account, Name: Text{"journal " + resource + ", " + account, "log " + resource + ", " + account}, Starts: m.since(), Ends: ends, State: clockRunning,
				Why: Text{"Google conserve 180 jours, comptés à partir du premier acte suspect, sinon du signalement", "Google keeps 180 days; counted from the first suspect deed, else from the report"}}
			if m.Now.After(ends) {
				c.State = clockOver
			}
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b Clock) int { return cmp.Or(a.Ends.Compare(b.Ends), strings.Compare(a.ID, b.ID)) })
	return all
}

// since is the moment from which evidence is needed.
func (m *maker) since() time.Time {
	if !m.d.Story.First.IsZero() {
		return m.d.Story.First.UTC()
	}
	return m.Record.Known.UTC()
}

// expiry is when the source loses what it has of that moment; zero where nobody knows.
func (m *maker) expiry(resource string) time.Time {
	if (strings.HasPrefix(resource, "reports/") || strings.HasPrefix(resource, "alert")) && !m.since().IsZero() {
		return m.since().Add(googleKeeps)
	}
	return time.Time{}
}

// maxUnknowns is how many unknowns are listed.
const maxUnknowns = 100

// unknowns lists what nobody knows yet, what can be lost first at the top.
func (m *maker) unknowns() []NotKnown {
	all := []NotKnown{}
	seen := map[string]int{}
	for _, o := range m.Result.Outcomes {
		if o.State != findings.Unknown || !m.fitsAll(o) {
			continue
		}
		for _, x := range o.Missing {
			if x.Source == findings.SecondCollection {
				continue // it is no gap that nobody has collected twice
			}
			k := key(o.Account, x.Source, x.What["en"])
			if _, there := seen[k]; there {
				continue
			}
			seen[k] = len(all)
			all = append(all, NotKnown{Text: Text{x.What["fr"], x.What["en"]}, Account: o.Account, Source: x.Source, Reason: x.Reason, Do: toDo(x.Source, o.Account), Expires: m.expiry(x.Source)})
		}
	}
	for _, a := range []struct {
		name string
		Axis
	}{{"confirmation", m.d.Confirmation}, {"scope", m.d.Scope}, {"impact", m.d.Impact}, {"urgency", m.d.Urgency}} {
		for _, g := range a.Open {
			for i := range all {
				if g.Source == "gap" && g.Subject == all[i].Source && strings.EqualFold(g.Account, all[i].Account) && !slices.Contains(all[i].Raises, a.name) {
					all[i].Raises = append(all[i].Raises, a.name)
				}
			}
			if g.Source == "answer" || g.Source == "gap" && g.Subject == "" {
				all = append(all, NotKnown{Text: g.Text, Account: g.Account, Source: cmp.Or(g.Rule, "person"), Reason: "nobody has said", Do: g.Refutes, Raises: []string{a.name}})
			}
		}
	}
	if n := m.Survey.leftOut; n > 0 {
		all = append(all, NotKnown{Text: Text{fmt.Sprintf("%d sessions, services ou réglages au-delà de ce qui est retenu", n), fmt.Sprintf("%d sessions, services or settings beyond what is kept", n)},
			Source: "facts.jsonl", Reason: "too many to keep", Do: Text{"lire analysis/facts.jsonl", "read analysis/facts.jsonl"}, Raises: []string{"scope"}})
	}
	slices.SortStableFunc(all, compareUnknowns)
	return all[:min(len(all), maxUnknowns)]
}

// compareUnknowns puts first what raises an axis, then what can be lost first.
func compareUnknowns(a, b NotKnown) int {
	late := func(u NotKnown) time.Time {
		if u.Expires.IsZero() {
			return time.Unix(1<<40, 0)
		}
		return u.Expires
	}
	none := func(u NotKnown) int {
		if len(u.Raises) == 0 {
			return 1
		}
		return 0
	}
	return cmp.Or(late(a).Compare(late(b)), cmp.Compare(none(a), none(b)), strings.Compare(a.Account+a.Source, b.Account+b.Source))
}

// fitsAll leaves out what the sort of mail system cannot have.
func (m *maker) fitsAll(o findings.Outcome) bool {
	if facts.IsTenant(o.Account) {
		return false
	}
	for _, x := range o.Missing {
		for _, p := range []string{"gmail/", "directory/", "groupssettings/", "reports", "alert", "cloudidentity/", "drive", "calendar/", "script/", "sweep/"} {
			if strings.HasPrefix(x.Source, p) && !m.worlds.workspace(o.Account) && x.Reason == "not collected" {
				return false
			}
		}
		for _, p := range []string{"acl", "sieve", "metadata", "log-events", "disappeared", "messages/"} {
			if strings.HasPrefix(x.Source, p) && !m.worlds.has(o.Account, p) && m.worlds.workspace(o.Account) && x.Reason == "not collected" {
				return false
			}
		}
	}
	return true
}

// toDo says how to find out.
func toDo(source, account string) Text {
	switch {
	case strings.HasPrefix(source, findings.UnreadBundle):
		return Text{"avec sa clé : mbaudit qualify --identity FICHIER ; s'il est endommagé, en reprendre une copie intacte (mbaudit verify dit quoi)",
			"with its key: mbaudit qualify --identity FILE; if it is damaged, take an intact copy of it (mbaudit verify says what is wrong)"}
	case strings.HasPrefix(source, "gmail/"), strings.HasPrefix(source, "directory/"), strings.HasPrefix(source, "groupssettings/"), strings.HasPrefix(source, "reports"), strings.HasPrefix(source, "alert"),
		strings.HasPrefix(source, "cloudidentity/"), strings.HasPrefix(source, "drive"), strings.HasPrefix(source, "calendar/"), strings.HasPrefix(source, "script/"):
		return Text{"mbaudit preflight, donner le droit qui manque, puis : mbaudit collect --account " + account + " --workspace",
			"mbaudit preflight, give the right that is missing, then: mbaudit collect --account " + account + " --workspace"}
	case strings.HasPrefix(source, "sweep/"):
		return Text{"si le mandat le couvre : mbaudit collect --account " + account + " --workspace --sweep", "if the mandate covers it: mbaudit collect --account " + account + " --workspace --sweep"}
	case strings.HasPrefix(source, "log-events"):
		return Text{"copier les journaux du serveur avant leur rotation, puis : mbaudit collect --auth-log FICHIER", "copy the server's logs before they rotate, then: mbaudit collect --auth-log FILE"}
	case source == "baseline":
		return Text{"demander à la personne d'où elle se connecte ; lire un journal plus ancien", "ask the person where they sign in from; read an older log"}
	case source == findings.MessageText:
		return Text{"si le mandat le couvre : mbaudit qualify --content, après mbaudit collect --messages raw", "if the mandate covers it: mbaudit qualify --content, after mbaudit collect --messages raw"}
	case source == "mail rules":
		return Text{"lire les règles soi-même : mbaudit show", "read the rules yourself: mbaudit show"}
	case strings.HasPrefix(source, "sent mail"), strings.HasPrefix(source, "messages"):
		return Text{"collecter les messages : mbaudit collect --messages metadata", "collect the messages: mbaudit collect --messages metadata"}
	}
	return Text{"collecter " + source, "collect " + source}
}

// maxQuestions is how many findings a person is asked about.
const maxQuestions = 60

// questions lists what to ask, and what was answered.
func (m *maker) questions() []Question {
	all := []Question{}
	for _, w := range m.all {
		if !w.Examined || w.Class == "posture" || w.Strength == "weak" && w.Grade == findings.Context && w.Recognition == findings.NotAsked || len(all) >= maxQuestions {
			continue
		}
		q := Question{Item: w.ID, For: "user", Account: w.Account, About: Text{w.Title["fr"], w.Title["en"]}, Text: Text{w.Question["fr"], w.Question["en"]}, At: w.First, Subject: w.Subject, Exhibits: firsts(w.Exhibits)}
		if facts.IsTenant(w.Account) {
			q.For = "technical" // no user knows what an administrator set up for all
		}
		m.answer(&q)
		all = append(all, q)
	}
	for _, q := range ownQuestions() {
		m.answer(&q)
		all = append(all, q)
	}
	return all
}

func (m *maker) answer(q *Question) {
	if a, there := m.Record.Answers[q.Item]; there {
		q.Answer, q.By, q.Seq = a.Answer, a.By, a.Seq
	}
}

// ownQuestions are those that no log answers. Each answer moves an axis, a clock or a hypothesis.
func ownQuestions() []Question {
	ask := func(item, who, aboutFR, aboutEN, fr, en string) Question {
		return Question{Item: item, For: who, About: Text{aboutFR, aboutEN}, Text: Text{fr, en}, Exhibits: []string{}}
	}
	return []Question{
		ask("Q-phishing", "user", "accès initial", "initial access", "Avez-vous saisi votre mot de passe après avoir suivi un lien, ces dernières semaines ?", "Did you type your password after following a link, in the last weeks?"),
		ask("Q-reuse", "user", "accès initial", "initial access", "Ce mot de passe servait-il ailleurs ?", "Was this password used elsewhere?"),
		ask("Q-device", "user", "accès initial", "initial access", "Avez-vous perdu un téléphone ou un ordinateur, ou vous en a-t-on volé un ?", "Was a telephone or computer of yours lost or stolen?"),
		ask("Q-malware", "technical", "poste", "computer", "Un logiciel suspect a-t-il été trouvé ou installé sur le poste ?", "Was suspect software found or installed on the computer?"),
		ask("Q-insider", "technical", "accès initial", "initial access", "Un différend, un départ ou un administrateur peut-il être en cause ?", "May a dispute, somebody's leaving or an administrator be at the root of it?"),
		ask("Q-locked", "technical", "endiguement", "containment", "Mot de passe, sessions, jetons et second facteur ont-ils été renouvelés ?", "Were password, sessions, tokens and second factor renewed?"),
		ask("Q-transfer", "finance", "argent", "money", "Un virement frauduleux a-t-il été exécuté ?", "Was a fraudulent transfer executed?"),
		ask("Q-recall", "finance", "argent", "money", "Peut-il encore être rappelé ?", "Can it still be recalled?"),
		ask("Q-bank", "finance", "argent", "money", "La banque est-elle prévenue ?", "Has the bank been told?"),
		ask("Q-fraud", "finance", "argent", "money", "Un échange frauduleux (RIB, facture, virement) est-il en cours ?", "Is a fraudulent exchange (bank details, invoice, transfer) going on?"),
		ask("Q-activity", "business", "activité", "activity", "Une activité importante est-elle perturbée ?", "Is an important activity disturbed?"),
		ask("Q-vital", "business", "activité", "activity", "Une activité vitale, une grosse perte ou la sécurité de personnes est-elle en jeu ?", "Is a vital activity, a large loss or somebody's safety at stake?"),
		ask("Q-continuity", "business", "activité", "activity", "Une procédure de continuité existe-t-elle ?", "Is there a continuity procedure?"),
		ask("Q-data", "dpo", "données", "data", "La boîte contient-elle des données sensibles ou réglementées ?", "Does the mailbox hold sensitive or regulated data?"),
		ask("Q-cnil", "dpo", "déclarations", "notifications", "La CNIL est-elle notifiée ?", "Has the CNIL been notified?"),
		ask("Q-complaint", "legal", "déclarations", "notifications", "La plainte est-elle déposée ?", "Has the complaint been made?"),
	}
}

// ItemKnown says whether an item can be answered: a finding of the result or one of the questions.
func ItemKnown(result *findings.Result, item string) bool {
	return slices.ContainsFunc(ownQuestions(), func(q Question) bool { return q.Item == item }) ||
		slices.ContainsFunc(result.Findings, func(f *findings.Finding) bool { return f.ID == item })
}
