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

// lagAfter is how long after a session its log must have been read before its silence counts: Google's logs come late.
const lagAfter = 72 * time.Hour

// exfiltration says of each session of a suspected intruder and of each way out what left by it.
func (m *maker) exfiltration() []Exfiltration {
	all := []Exfiltration{}
	for _, s := range m.Survey.sessions {
		if m.intruders(key(s.account, s.prefix)) {
			all = append(all, m.ofSession(s))
		}
	}
	for _, w := range m.all {
		if w.Examined && w.Recognition != findings.Recognised && m.suspectOf(w.Account) {
			if x, ok := m.ofFinding(w); ok && !slices.ContainsFunc(all, func(y Exfiltration) bool {
				return y.Account == x.Account && y.Kind == x.Kind && strings.EqualFold(y.Name, x.Name)
			}) {
				all = append(all, x)
			}
		}
	}
	slices.SortFunc(all, func(a, b Exfiltration) int {
		order := []string{Proved, Possible, Excluded}
		return cmp.Or(cmp.Compare(slices.Index(order, a.State), slices.Index(order, b.State)), strings.Compare(a.Account, b.Account), a.From.Compare(b.From), strings.Compare(a.Kind+a.Name, b.Kind+b.Name),
			a.Until.Compare(b.Until), slices.Compare(a.Exhibits, b.Exhibits)) // two sessions may begin in the same second
	})
	return all
}

func (m *maker) ofSession(s *session) Exfiltration {
	x := Exfiltration{Account: s.account, Kind: "session", Name: s.prefix, From: s.first, Until: s.last, Viewed: s.viewed, Fetched: s.fetched, Bytes: s.bytes, Exhibits: s.places}
	log := "reports/gmail"
	if s.server && !s.gmail {
		log = "log-events:*"
	}
	switch {
	case s.viewed+s.fetched+s.files > 0:
		x.State = Proved
		x.Why = Text{fmt.Sprintf("messages ouverts : %d, téléchargements : %d, fichiers : %d", s.viewed, s.fetched, s.files),
			fmt.Sprintf("messages opened: %d, downloads: %d, files: %d", s.viewed, s.fetched, s.files)}
	case s.bytes >= provedBytes:
		x.State = Proved
		x.Why = Text{fmt.Sprintf("le serveur a envoyé %d octets", s.bytes), fmt.Sprintf("the server sent %d bytes", s.bytes)}
	case log == "reports/gmail" && m.worlds.read(s.account, log) == wholly && m.Survey.latest.Sub(s.last) >= lagAfter:
		x.State = Excluded
		x.Why = Text{"le journal Gmail, lu en entier plus de 72 h après, ne montre aucune lecture", "Gmail's log, read as a whole more than 72 h later, shows no reading"}
	default:
		x.State = Possible
		x.Why = Text{"accès sans trace de lecture : " + log + " n'est pas lu en entier, ou pas assez tard", "access without a trace of reading: " + log + " was not read as a whole, or not late enough"}
	}
	return x
}

// provedBytes is how much a mail server must have sent in a session for more than a listing of folders.
const provedBytes = 1 << 20

// ofFinding says what left by a forwarding, an application, a delegate, an export or a share.
func (m *maker) ofFinding(w *weighed) (Exfiltration, bool) {
	x := Exfiltration{Account: w.Account, From: w.First, Until: w.Last, Exhibits: firsts(w.Exhibits), State: Possible}
	target, _, _ := strings.Cut(w.Subject, " ")
	x.Name = target
	switch w.Rule {
	case "forwarding-external", "filter-forwards", "rule-sends-outside", "filter-forwards-and-hides", "email-monitor-created":
		x.Kind = "forwarding"
		return m.ofForwarding(x), true
	case "forwarding-set-up", "forwarding-after-new-source":
		x.Kind = "forwarding"
		return m.ofForwarding(x), true
	case "token-mail", "token-granted-suspect", "token-anonymous", "token-granted":
		x.Kind, x.Why = "application", Text{"l'application peut lire le courrier ; rien ne dit ce qu'elle a lu", "the application can read the mail; nothing says what it read"}
		return x, w.weight >= weak
	case "delegate-external", "delegate-at-work", "acl-everybody", "acl-other":
		x.Kind, x.Why = "delegate", Text{"un tiers peut lire la boîte", "somebody else can read the mailbox"}
		return x, true
	case "takeout", "takeout-of-everybody", "mailbox-dump", "vault-export":
		x.Kind, x.Why = "export", Text{"un export a été demandé ou achevé", "an export was asked for or made"}
		if w.tied {
			x.State = Proved
		}
		return x, true
	case "file-shared-outside":
		x.Kind, x.Name, x.Why = "share", w.Subject, Text{"un fichier a été partagé au-dehors", "a file was shared outside"}
		if w.tied {
			x.State = Proved
		}
		return x, true
	}
	return x, false
}

func (m *maker) ofForwarding(x Exfiltration) Exfiltration {
	f := m.Survey.forwards[key(x.Account)]
	switch {
	case f != nil:
		x.State, x.Sent, x.From, x.Until = Proved, f.count, f.first, f.last
		x.Exhibits = slices.Concat(x.Exhibits, f.places)
		x.Why = Text{fmt.Sprintf("%d messages transférés automatiquement", f.count), fmt.Sprintf("%d messages forwarded automatically", f.count)}
	case m.worlds.read(x.Account, "reports/gmail") == wholly && m.Survey.latest.Sub(x.Until) >= lagAfter && !x.Until.IsZero():
		x.State = Excluded
		x.Why = Text{"le journal Gmail, lu en entier, ne montre aucun message transféré", "Gmail's log, read as a whole, shows no message forwarded"}
	default:
		x.Why = Text{"le transfert existe ; rien ne dit ce qui est parti", "the forwarding is there; nothing says what went out"}
	}
	return x
}

// perimeter lists what is beyond the mailbox: other services and accounts, delegates both ways, applications, devices, and the
// same fingerprint elsewhere.
func (m *maker) perimeter() []Reach {
	all := []Reach{}
	for _, r := range m.Survey.services {
		if !m.examined(r.Account) {
			continue
		}
		reach := *r
		if reach.State == "used" && !m.duringIntrusion(r.Account, r.At) {
			reach.State = "reachable"
		}
		if reach.State == "used" {
			reach.How = Text{"connexion depuis l'origine suspecte", "signed in to from the suspect source"}
		}
		all = append(all, reach)
	}
	for _, s := range m.Survey.states {
		if r, ok := reachOf(s); ok && m.examined(s.account) {
			all = append(all, r)
		}
	}
	all = append(all, m.fingerprints()...)
	m.struck(all)
	slices.SortFunc(all, func(a, b Reach) int {
		order := []string{"used", "unknown", "reachable", "recognised"}
		return cmp.Or(cmp.Compare(slices.Index(order, a.State), slices.Index(order, b.State)), strings.Compare(a.Kind+a.Name+a.Account, b.Kind+b.Name+b.Account))
	})
	return all[:min(len(all), maxReach)]
}

const maxReach = 500

// intruders says whether a new source is taken for an intruder's: nobody has recognised it, the account is suspected, and where
// anything but the source itself speaks for that, it was done near. A journey of last summer is none of it.
func (m *maker) intruders(k string) bool {
	n := m.Survey.sources[k]
	if n == nil || m.recognised[k] || !m.suspectOf(n.account) {
		return false
	}
	anchored := false
	for _, w := range m.all {
		if !strings.EqualFold(w.Account, n.account) || w.weight < medium || w.family == "source" || w.First.IsZero() {
			continue
		}
		if anchored = true; w.Last.After(n.first.Add(-time.Hour)) && w.First.Before(n.last.Add(nearSource)) {
			return true
		}
	}
	return !anchored
}

// duringIntrusion says whether a moment is one at which an intruder's source of the account was seen.
func (m *maker) duringIntrusion(account string, at time.Time) bool {
	for k, n := range m.Survey.sources {
		if strings.EqualFold(n.account, account) && !at.Before(n.first.Add(-time.Hour)) && !at.After(n.last.Add(nearSource)) && m.intruders(k) {
			return true
		}
	}
	return false
}

func (m *maker) examined(account string) bool {
	return slices.ContainsFunc(m.accounts, func(a string) bool { return strings.EqualFold(a, account) })
}

// reachOf makes a reach of what the settings say.
func reachOf(s *state) (Reach, bool) {
	r := Reach{Name: s.name, Account: s.account, State: "reachable", At: s.at, Exhibits: []string{s.place}}
	switch s.kind {
	case facts.KindDelegate:
		r.Kind, r.How = "delegate", Text{"peut utiliser cette boîte", "may use this mailbox"}
	case facts.KindACL:
		r.Kind, r.How = "delegate", Text{"a des droits dans " + s.detail, "has rights in " + s.detail}
	case facts.KindRights:
		r.Kind, r.How = "delegator", Text{"ce compte y a des droits : " + s.detail, "this account has rights there: " + s.detail}
	case facts.KindNamedElsewhere:
		if s.detail != "delegates" {
			return r, false
		}
		r.Kind, r.How = "delegator", Text{"ce compte est délégué de cette boîte", "this account is a delegate of that mailbox"}
	case facts.KindToken:
		r.Kind, r.How = "application", Text{"a reçu un accès : " + s.detail, "was given access: " + s.detail}
	case facts.KindDevice:
		r.Kind, r.How = "device", Text{"se synchronise avec le compte", "synchronises with the account"}
	case facts.KindGroup:
		r.Kind, r.How = "group", Text{"le compte en fait partie", "the account is in it"}
	default:
		return r, false
	}
	return r, true
}

// struck marks what the person has recognised.
func (m *maker) struck(all []Reach) {
	for _, f := range m.Result.Findings {
		if f.Recognition != findings.Recognised || f.Subject == "" {
			continue
		}
		for i := range all {
			if all[i].Name != "" && strings.EqualFold(f.Account, all[i].Account) && strings.Contains(strings.ToLower(f.Subject), strings.ToLower(all[i].Name)) {
				all[i].State, all[i].Finding = "recognised", f.ID
			}
		}
	}
}

// fingerprints finds other accounts with the same source, forwarding target, application or filter.
func (m *maker) fingerprints() []Reach {
	var all []Reach
	ours := m.ownFingerprints()
	for _, w := range m.all {
		switch {
		case w.Recognition == findings.Recognised || !m.anySuspect():
			continue
		case w.Rule == "source-suspect-elsewhere" || w.Rule == "same-source-other-accounts" && !m.examined(w.Account):
			all = append(all, Reach{Kind: "account", Name: w.Account, Account: m.suspectName(), State: "used", At: w.First, Exhibits: firsts(w.Exhibits), Finding: w.ID,
				How: Text{"utilisé depuis la même origine nouvelle : " + w.Subject, "used from the same new source: " + w.Subject}})
		case !w.Examined && ours[key(w.Rule, w.Subject)]:
			all = append(all, Reach{Kind: "account", Name: w.Account, Account: m.suspectName(), State: "unknown", At: w.First, Exhibits: firsts(w.Exhibits), Finding: w.ID,
				How: Text{"même empreinte : " + w.Title["fr"] + " " + w.Subject, "same fingerprint: " + w.Title["en"] + " " + w.Subject}})
		}
	}
	return all
}

// ownFingerprints are the rule and subject of what was found of the accounts under examination and names something.
func (m *maker) ownFingerprints() map[string]bool {
	ours := map[string]bool{}
	for _, w := range m.all {
		if w.Examined && w.Subject != "" && w.weight >= medium && slices.Contains([]string{"forwarding", "hiding", "application", "delegation"}, w.Class) {
			ours[key(w.Rule, w.Subject)] = true
		}
	}
	return ours
}

func (m *maker) anySuspect() bool { return m.worstOf() >= suspected }

// suspectName is the account that is suspected most.
func (m *maker) suspectName() string {
	best := ""
	for _, a := range m.accounts {
		if best == "" || m.sure[key(a)] > m.sure[key(best)] {
			best = a
		}
	}
	return best
}

// longBefore is how long before the first suspect source a finding may begin and still count as the beginning.
const longBefore = 7 * 24 * time.Hour

// story says in a few lines what happened, since when, and whether it goes on.
func (m *maker) story() Story {
	s := Story{StillOpen: Unknown}
	if !m.anySuspect() {
		s.What = Text{"rien n'établit qu'un tiers soit entré", "nothing establishes that somebody else got in"}
		s.StillOpen, s.Why = No, Text{"aucun accès n'est établi", "no access is established"}
		return s
	}
	take := func(first, last time.Time) {
		if !first.IsZero() && (s.First.IsZero() || first.Before(s.First)) {
			s.First = first
		}
		if last.After(s.Last) {
			s.Last = last
		}
	}
	for k, n := range m.Survey.sources {
		if m.intruders(k) {
			take(n.first, n.last)
		}
	}
	var strongest *weighed
	for _, w := range m.all {
		if w.Examined && w.weight >= medium && m.suspectOf(w.Account) {
			if w.family != "source" {
				first := w.First
				if !s.First.IsZero() && first.Before(s.First.Add(-longBefore)) {
					first = w.Last // a rule that the person's own deeds fulfil as well: they do not begin the story
				}
				take(first, w.Last)
			}
			if strongest == nil || w.weight > strongest.weight {
				strongest = w
			}
		}
	}
	if strongest != nil {
		s.What = Text{strongest.Title["fr"] + " (" + strongest.Account + ")", strongest.Title["en"] + " (" + strongest.Account + ")"}
		s.Exhibits = firsts(strongest.Exhibits)
	}
	m.stillOpen(&s)
	return s
}

// stillOpen says whether what would let an intruder back in is still there.
func (m *maker) stillOpen(s *Story) {
	for _, w := range m.all {
		if w.Examined && m.suspectOf(w.Account) && w.weight >= medium && lasting(w) {
			s.StillOpen = Yes
			s.Why = Text{"toujours en place à la collecte : " + w.Title["fr"] + " " + w.Subject, "still there when it was collected: " + w.Title["en"] + " " + w.Subject}
			return
		}
	}
	if m.Record.yes("Q-locked") {
		s.StillOpen, s.Why = No, Text{"mot de passe, sessions et jetons renouvelés, selon la réponse donnée", "password, sessions and tokens were renewed, as was answered"}
		return
	}
	s.Why = Text{"rien ne dit que mot de passe, sessions et jetons ont été renouvelés", "nothing says that password, sessions and tokens were renewed"}
}

// lasting says whether a finding is a state that keeps a door open.
func lasting(w *weighed) bool {
	switch w.Rule {
	case "forwarding-external", "filter-forwards", "filter-forwards-and-hides", "filter-odd-label", "rule-sends-outside", "rule-hides-money", "rule-hides-security", "rule-executes",
		"delegate-external", "token-mail", "token-anonymous", "app-password-recent", "send-as-look-alike", "reply-to-external", "rule-for-everything", "sso-key-recent":
		return true
	}
	return false
}
