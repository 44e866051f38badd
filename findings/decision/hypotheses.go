package decision

import (
	"cmp"
	"slices"
	"strings"

	"github.com/mbaudit/mbaudit/findings"
)

// What is said of a hypothesis.
const (
	verdictSupported    = "supported"
	verdictPossible     = "possible"
	verdictContradicted = "contradicted"
	verdictUnknown      = "unknown"
)

// A way is how somebody may have got in, and what speaks for and against it.
type way struct {
	id       string
	name     Text
	then     Text
	rules    []string // findings that speak for it
	yes      string   // item whose answer yes speaks for it, and no against it
	saysYes  Text
	saysNo   Text
	without  []string // rules that speak against it where all that they look at was read and they do not hold
	none     Text     // what that means
	missing  []Text   // what no collection of ours has
	widens   bool
	workOnly bool // on a Workspace only
}

func ways() []way {
	edr := Text{"antivirus ou EDR du poste", "antivirus or EDR of the computer"}
	history := Text{"historique du navigateur", "browser history"}
	return []way{
		{id: "phishing", name: Text{"hameçonnage", "phishing"}, rules: []string{"link-followed", "sender-look-alike", "own-domain-forged", "name-holds-address", "reply-to-elsewhere", "google-alert", "state-attack"},
			yes: "Q-phishing", saysYes: Text{"la personne a saisi son mot de passe après un lien", "the person typed the password after following a link"},
			saysNo:  Text{"la personne n'a saisi son mot de passe nulle part", "the person typed the password nowhere"},
			missing: []Text{history, {"passerelle de messagerie, proxy", "mail gateway, proxy"}}, then: Text{"chercher le message, l'expéditeur et l'adresse chez les autres comptes", "look for the message, sender and address at the other accounts"}},
		{id: "infostealer", name: Text{"voleur d'identifiants (infostealer)", "infostealer"}, rules: []string{"session-stolen", "device-compromised"}, yes: "Q-malware", widens: true,
			saysYes: Text{"un logiciel suspect a été trouvé ou installé", "suspect software was found or installed"}, saysNo: Text{"le poste a été analysé et il est sain", "the computer was scanned and is clean"},
			missing: []Text{edr, {"fuites connues (HIBP, CERT)", "known leaks (HIBP, CERT)"}}, then: Text{"renouveler toutes les sessions et tous les mots de passe du poste", "renew all sessions and passwords of the computer"}},
		{id: "password", name: Text{"mot de passe réutilisé, deviné ou forcé", "password reused, guessed or brute-forced"},
			rules: []string{"google-guessed", "mail-guessed", "google-failure-then-suspect", "google-guessing", "mail-guessing", "google-spraying", "mail-spraying", "password-leaked", "password-reused"}, yes: "Q-reuse",
			saysYes: Text{"le mot de passe servait ailleurs", "the password was used elsewhere"}, saysNo: Text{"le mot de passe ne servait qu'ici", "the password was used here only"},
			without: []string{"google-guessing", "mail-guessing"}, none: Text{"aucune série d'échecs avant, journal lu en entier", "no run of failures before, log read as a whole"},
			missing: []Text{{"fuites connues (HIBP, CERT)", "known leaks (HIBP, CERT)"}}, then: Text{"renouveler le mot de passe partout où il servait", "renew the password wherever it was used"}},
		{id: "consent", name: Text{"application autorisée (OAuth)", "application consent (OAuth)"}, rules: []string{"token-granted-suspect", "token-granted", "token-anonymous", "token-google-login", "delegation-domain-wide", "token-mail"},
			without: []string{"token-granted", "token-mail"}, none: Text{"aucune application n'a un accès large", "no application has wide access"}, workOnly: true,
			missing: []Text{{"page d'autorisation vue par la personne", "the consent page that the person saw"}}, then: Text{"révoquer l'application et la chercher chez les autres comptes", "revoke the application and look for it at the other accounts"}},
		{id: "session", name: Text{"vol de session", "session theft"}, rules: []string{"session-stolen"}, widens: true, missing: []Text{edr, {"proxy inverse (page relais)", "reverse proxy (relay page)"}},
			then: Text{"fermer toutes les sessions, analyser le poste", "end all sessions, scan the computer"}},
		{id: "insider", name: Text{"personne de l'organisation, délégué ou hébergeur", "insider, delegate or mail host"},
			rules: []string{"mail-sign-in-master", "delegate-at-work", "delegate-internal", "delegate-external", "password-set-by-admin", "mailbox-dump", "vault-export", "two-step-off-by-admin", "backup-codes-made", "acl-other", "acl-everybody", "email-monitor-created"},
			yes:   "Q-insider", saysYes: Text{"un différend ou un départ récent est connu", "a dispute or a recent leaving is known"}, saysNo: Text{"aucun différend connu", "no dispute is known"},
			missing: []Text{{"journaux d'administration de l'hébergeur", "the host's administration logs"}}, then: Text{"restreindre la diffusion de la collecte, faire relire par un tiers", "restrict who knows of the collection, have a third party read it"}},
		{id: "app-password", name: Text{"mot de passe d'application", "app password"}, rules: []string{"app-password-recent", "app-password-present"}, without: []string{"app-password-recent", "app-password-present"},
			none: Text{"il n'y a aucun mot de passe d'application", "there is no app password"}, workOnly: true, then: Text{"les supprimer tous", "delete all of them"}},
		{id: "no-second-factor", name: Text{"accès IMAP ou POP sans second facteur", "IMAP or POP without a second factor"}, rules: []string{"two-step-off", "imap-on", "two-step-disabled", "two-step-off-by-admin"},
			missing: []Text{{"politique du second facteur", "policy of the second factor"}}, then: Text{"fermer IMAP et POP, imposer le second facteur", "close IMAP and POP, enforce the second factor"}},
		{id: "device", name: Text{"appareil perdu, volé ou ajouté", "device lost, stolen or added"}, rules: []string{"device-after-new-source", "device-registered", "device-recent"}, yes: "Q-device",
			saysYes: Text{"un appareil a été perdu ou volé", "a device was lost or stolen"}, saysNo: Text{"aucun appareil perdu", "no device was lost"}, missing: []Text{edr},
			then: Text{"effacer et retirer l'appareil", "wipe and remove the device"}},
	}
}

// hypotheses weighs the ways in. None is ever a verdict.
func (m *maker) hypotheses() []Hypothesis {
	all := []Hypothesis{}
	for _, w := range ways() {
		if !m.anySuspect() || w.workOnly && !slices.ContainsFunc(m.accounts, m.worlds.workspace) {
			continue
		}
		all = append(all, m.hypothesis(w))
	}
	order := []string{verdictSupported, verdictPossible, verdictUnknown, verdictContradicted}
	slices.SortStableFunc(all, func(a, b Hypothesis) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Verdict), slices.Index(order, b.Verdict)), cmp.Compare(best(b.For), best(a.For)), cmp.Compare(len(b.For), len(a.For)))
	})
	return all
}

func best(arguments []Argument) int {
	strengths := []string{"", "weak", "medium", "strong"}
	most := 0
	for _, a := range arguments {
		most = max(most, slices.Index(strengths, a.Strength))
	}
	return most
}

func (m *maker) hypothesis(w way) Hypothesis {
	h := Hypothesis{ID: w.id, Name: w.name, Widens: w.widens, ThenCheck: w.then, For: []Argument{}, Against: []Argument{}, Missing: []Argument{}}
	for _, f := range m.all {
		if !slices.Contains(w.rules, f.Rule) || !m.suspectOf(f.Account) {
			continue
		}
		a := Argument{Text: Text{f.Title["fr"], f.Title["en"]}, Strength: strengthFor(w.id, f), Exhibits: firsts(f.Exhibits), Finding: f.ID}
		if f.Recognition == findings.Recognised {
			a.Text = Text{"reconnu : " + a.Text.FR, "recognised: " + a.Text.EN}
			h.Against = append(h.Against, a)
		} else if len(h.For) < maxPlaces {
			h.For = append(h.For, a)
		}
	}
	m.answersFor(w, &h)
	m.absent(w, &h)
	m.special(w, &h)
	m.missingFor(w, &h)
	h.Verdict = verdict(&h)
	return h
}

// strengthFor is a finding's strength, and for a device or a delegate that nothing ties to an intruder a weak one.
func strengthFor(id string, f *weighed) string {
	if (id == "insider" || id == "device" || id == "consent" || id == "app-password") && !f.tied && f.Recognition != findings.NotRecognised {
		return "weak"
	}
	if id == "phishing" && f.Rule != "link-followed" && f.Rule != "google-alert" {
		return "weak"
	}
	return f.Strength
}

func (m *maker) answersFor(w way, h *Hypothesis) {
	switch {
	case w.yes == "":
	case m.Record.yes(w.yes):
		h.For = append(h.For, Argument{Text: w.saysYes, Strength: "medium"})
	case m.Record.no(w.yes):
		h.Against = append(h.Against, Argument{Text: w.saysNo, Strength: "medium"})
	default:
		h.Missing = append(h.Missing, Argument{Text: Text{"réponse à " + w.yes + " (mbaudit ask)", "answer to " + w.yes + " (mbaudit ask)"}})
	}
}

// absent says what does not hold though all was read.
func (m *maker) absent(w way, h *Hypothesis) {
	states := map[findings.State]int{}
	for _, o := range m.Result.Outcomes {
		if slices.Contains(w.without, o.Rule) && m.suspectOf(o.Account) && m.fits(o) {
			states[o.State]++
		}
	}
	if states[findings.No] > 0 && states[findings.Yes]+states[findings.Unknown] == 0 {
		h.Against = append(h.Against, Argument{Text: w.none, Strength: "medium"})
	}
}

// fits says whether a rule is about the sort of mail system that the account is on.
func (m *maker) fits(o findings.Outcome) bool {
	if strings.HasPrefix(o.Rule, "mail-") {
		return m.worlds.has(o.Account, "log-events:")
	}
	return m.worlds.workspace(o.Account)
}

// special adds what only facts tell.
func (m *maker) special(w way, h *Hypothesis) {
	switch w.id {
	case "session", "infostealer":
		for k, n := range m.Survey.sources {
			if !m.intruders(k) {
				continue
			}
			login := m.worlds.read(n.account, "reports/login") == wholly
			switch {
			case !n.signIn && login && m.worlds.workspace(n.account):
				h.For = append(h.For, Argument{Text: Text{"activité depuis " + n.prefix + " sans aucune connexion", "activity from " + n.prefix + " without any sign-in"}, Strength: "medium", Exhibits: n.places})
			case n.signIn && w.id == "session":
				h.Against = append(h.Against, Argument{Text: Text{"une connexion a eu lieu depuis " + n.prefix, "there was a sign-in from " + n.prefix}, Strength: "weak", Exhibits: n.places})
			}
		}
	case "no-second-factor":
		for _, account := range m.accounts {
			if u := m.Survey.users[key(account)]; u != nil && u.twoStepKnown && u.twoStep && m.suspectOf(account) {
				h.Against = append(h.Against, Argument{Text: Text{account + " a un second facteur", account + " has a second factor"}, Strength: "medium", Exhibits: u.places})
			}
		}
	case "insider":
		if len(h.For) == 0 {
			h.Missing = append(h.Missing, Argument{Text: Text{"qui d'autre connaissait le mot de passe", "who else knew the password"}})
		}
	}
}

// missingFor says what nobody has read yet.
func (m *maker) missingFor(w way, h *Hypothesis) {
	for _, t := range w.missing {
		h.Missing = append(h.Missing, Argument{Text: t})
	}
	for _, o := range m.Result.Outcomes {
		if o.State != findings.Unknown || !slices.Contains(w.rules, o.Rule) || !m.suspectOf(o.Account) || !m.fits(o) {
			continue
		}
		for _, x := range o.Missing {
			t := Text{x.What["fr"] + " (" + x.Source + ")", x.What["en"] + " (" + x.Source + ")"}
			if !slices.ContainsFunc(h.Missing, func(a Argument) bool { return a.Text == t }) && len(h.Missing) < maxPlaces {
				h.Missing = append(h.Missing, Argument{Text: t})
			}
		}
	}
}

func verdict(h *Hypothesis) string {
	switch supports, contradicts := best(h.For), best(h.Against); {
	case supports >= 2 && supports >= contradicts:
		return verdictSupported
	case supports > 0 && contradicts < 2, supports >= 2:
		return verdictPossible
	case contradicts >= 2:
		return verdictContradicted
	case supports > 0:
		return verdictPossible
	}
	return verdictUnknown
}
