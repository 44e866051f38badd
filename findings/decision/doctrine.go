package decision

import (
	"fmt"
	"slices"
	"strings"
)

// How far a row of the doctrine is covered.
const (
	Done          = "done"
	Partial       = "partial"
	NotDone       = "not done"
	NotApplicable = "not applicable"
	ForPeople     = "for a human" // no program can; it stays open until somebody says so
)

// A Covered row says how far one sentence of the doctrine is covered by the evidence at hand.
type Covered struct {
	ID       string   `json:"id"` // A1 to G24
	Title    Text     `json:"title"`
	State    string   `json:"state"` // one of the constants
	Why      Text     `json:"why"`   // what makes it so
	Human    Text     `json:"human"` // what stays for a person; empty where nothing does
	Exhibits []string `json:"exhibits,omitempty"`
}

// A row is one sentence of the doctrine, and how it is known whether it is covered.
type row struct {
	id           string
	title, human Text
	check        func(*maker) (state string, why Text)
}

// Row names a row of the doctrine.
type Row struct {
	ID    string
	Title Text
	Human Text // what stays for a person whatever the program does; empty where nothing does
}

// Rows lists the rows of the doctrine in its order.
func Rows() []Row {
	var all []Row
	for _, r := range doctrineRows() {
		all = append(all, Row{r.id, r.title, r.human})
	}
	return all
}

// doctrine says of every row how far it is covered.
func (m *maker) doctrine() []Covered {
	all := make([]Covered, 0, 100)
	for _, r := range doctrineRows() {
		state, why := r.check(m)
		all = append(all, Covered{ID: r.id, Title: r.title, State: state, Why: why, Human: r.human})
	}
	return all
}

func doctrineRows() []row {
	l := func(resources ...string) []string { return resources }
	return []row{
		{"A1", Text{"Qualifier et endiguer, dans cet ordre", "Qualify and contain, in that order"}, Text{"approuver l'ordre", "approve the order"}, always("collecte en lecture seule, puis décision", "read-only collection, then a decision")},
		{"A2", Text{"Un ou plusieurs comptes", "One account or several"}, Text{"nommer les comptes", "name the accounts"}, accountsNamed},
		{"A3", Text{"Confirmer, trouver les comptes, puis gravité", "Confirm, find the accounts, then the gravity"}, Text{"valider chaque conclusion", "validate each conclusion"}, always("quatre axes et deux niveaux", "four axes and two levels")},
		{"A4", Text{"Couverture de la fiche, ligne par ligne", "Coverage of the sheet, row by row"}, Text{"", ""}, always("cette annexe", "this annex")},
		{"A5", Text{"Ressources internes et externes", "Internal and external resources"}, Text{"remplir les rôles, vérifier que l'infogérant est mobilisable", "fill the roles, check that the provider can be mobilised"}, rolesFilled},
		{"A6", Text{"Accès à l'administration, à la supervision, aux équipements", "Access to administration, monitoring, equipment"}, Text{"EDR, proxy, pare-feu, VPN, annuaire", "EDR, proxy, firewall, VPN, directory"}, gapsOnly},
		{"A7", Text{"Priorités métier", "Business priorities"}, Text{"le métier les remplit", "the business fills them in"}, businessFilled},
		{"A8", Text{"Liste des contacts d'urgence", "List of emergency contacts"}, Text{"numéros, canal hors bande", "numbers, a channel outside the system"}, contactsFilled},
		{"A9", Text{"Ouvrir une main courante", "Open a logbook"}, Text{"nommer un scribe", "name a scribe"}, journalOpen},
		{"A10", Text{"La garder hors du système compromis", "Keep it outside the compromised system"}, Text{"choisir le support, copie papier", "choose the medium, paper copy"}, always("l'emplacement est vérifié à l'ouverture", "its place is checked when it is opened")},
		{"A11", Text{"Y consigner les actions", "Record the actions in it"}, Text{"appels et réunions", "telephone calls and meetings"}, always("chaque étape s'y inscrit d'elle-même", "each step is written by itself")},
		{"A12", Text{"Historique, suivi, efficacité", "History, follow-up, efficacy"}, Text{"", ""}, actionsSeen},
		{"A13-15", Text{"Date et heure, personne, description", "Date and hour, person, description"}, Text{"", ""}, journalOpen},
		{"B1", Text{"Signalement ou détection à l'origine", "Report or detection at the origin"}, Text{"interroger la personne", "interview the person"}, reported},
		{"B2", Text{"Courriels suspects reçus ou envoyés", "Suspicious mail received or sent"}, Text{"« je l'ai envoyé » ou non", "whether \"I sent it\""}, read(l("gmail/messages*", "reports/gmail"), l("messages/*"))},
		{"B3", Text{"Réponse à un message jamais envoyé", "Answer to a message never sent"}, Text{"confirmer", "confirm"}, read(l("gmail/messages*", "reports/gmail"), l("messages/*"))},
		{"B4", Text{"Messages disparus", "Messages that disappeared"}, Text{"demander la sauvegarde", "ask for the backup"}, read(l("reports/gmail"), l("disappeared", "log-events:*"))},
		{"B5", Text{"Avis de fuite d'identifiants", "Notice of leaked credentials"}, Text{"HIBP, CERT, CTI", "HIBP, CERT, CTI"}, read(l("reports/login", "alert*"), l("messages/*"))},
		{"B6", Text{"Règles de messagerie que personne n'a créées", "Mail rules that nobody created"}, Text{"demander à la personne et à l'administrateur", "ask the person and the administrator"}, read(l("gmail/filters", "gmail/autoForwarding", "gmail/forwardingAddresses", "gmail/sendAs", "gmail/vacation"), l("sieve*|scripts/*"))},
		{"B7", Text{"Changement de mot de passe illégitime", "Illegitimate change of password"}, Text{"tickets de l'assistance", "help-desk tickets"}, read(l("reports/login", "reports/admin"), l())},
		{"B8", Text{"Force brute puis succès", "Brute force and then success"}, Text{"", ""}, read(l("reports/login"), l("log-events:*"))},
		{"B9", Text{"Activité inhabituelle", "Unusual activity"}, Text{"déplacements, VPN", "journeys, VPN"}, read(l("reports/login", "reports/gmail"), l("log-events:*"))},
		{"B10", Text{"Avis de connexion illégitime", "Notice of an illegitimate sign-in"}, Text{"confirmer", "confirm"}, read(l("reports/login", "alert*"), l("messages/*"))},
		{"B11", Text{"Délégations d'autres sur cette boîte", "Delegations of others on this mailbox"}, Text{"confirmer chacune", "confirm each"}, read(l("gmail/delegates"), l("acl"))},
		{"B12", Text{"Délégations de ce compte sur d'autres", "Delegations of this account on others"}, Text{"confirmer chacune", "confirm each"}, read(l("sweep/result"), l("acl"))},
		{"C1", Text{"Transfert automatique", "Automatic forwarding"}, Text{"", ""}, read(l("gmail/autoForwarding", "gmail/filters", "reports/gmail"), l("sieve*|scripts/*"))},
		{"C2", Text{"Suppression automatique", "Automatic deletion"}, Text{"", ""}, read(l("gmail/filters"), l("sieve*|scripts/*"))},
		{"C3", Text{"Horaires inhabituels", "Unusual hours"}, Text{"congés, astreintes", "holidays, shifts"}, read(l("reports/login"), l("log-events:*"))},
		{"C4", Text{"Permissions suspectes", "Suspicious permissions"}, Text{"confirmer", "confirm"}, read(l("directory/roleAssignments", "directory/groups", "reports/drive", "reports/calendar"), l("acl"))},
		{"C5", Text{"Applications tierces frauduleuses", "Fraudulent third-party applications"}, Text{"l'application est-elle approuvée ?", "is the application approved?"}, read(l("directory/tokens", "reports/token", "directory/asps"), l())},
		{"C6", Text{"Réinitialisation d'appareils de confiance", "Reset of trusted devices"}, Text{"la liste n'est visible que de la personne", "the list is visible to the person only"}, read(l("reports/login", "directory/user", "directory/mobiledevices"), l())},
		{"C7", Text{"Un ou plusieurs signes : avérée, endiguer", "One sign or several: confirmed, contain"}, Text{"signer l'état", "sign the state"}, always("état de confirmation et ses motifs", "state of confirmation and its grounds")},
		{"C8", Text{"Non confirmé : renouveler mot de passe et MFA quand même", "Not confirmed: renew password and MFA all the same"}, Text{"le faire", "do it"}, locked},
		{"D1", Text{"Circonscrit à la messagerie ?", "Limited to mail?"}, Text{"VPN, SaaS, extranet", "VPN, SaaS, extranet"}, read(l("reports/drive", "reports/saml", "reports/token", "reports/admin"), l())},
		{"D2", Text{"Un ou plusieurs comptes, lesquels", "One account or several, which"}, Text{"", ""}, read(l("reports/login"), l("log-events:*"))},
		{"D3", Text{"Remonter à l'accès initial", "Trace the initial access"}, Text{"EDR, navigateur, CTI", "EDR, browser, CTI"}, hypothesesMade},
		{"D4", Text{"Compte standard, sensible ou d'administration", "Standard, sensitive or administrator's account"}, Text{"VIP, finance, RH, informatique", "VIP, finance, staff, computing"}, read(l("directory/user", "directory/roleAssignments"), l())},
		{"D5", Text{"Fichiers, VPN, cloud, applications, extranet", "Files, VPN, cloud, applications, extranet"}, Text{"compléter la liste", "complete the list"}, read(l("reports/saml", "directory/tokens", "directory/groups"), l())},
		{"D6", Text{"Autres comptes compromis à l'identique", "Other accounts compromised alike"}, Text{"partenaires", "partners"}, read(l("reports/login"), l("log-events:*"))},
		{"D7", Text{"Autres postes, par EDR ou EPP", "Other machines, by EDR or EPP"}, Text{"lancer la recherche", "run the search"}, people},
		{"D8", Text{"Hameçonnage : un couple, plusieurs applications", "Phishing: one pair, several applications"}, Text{"demander la réutilisation", "ask about reuse"}, answered("Q-reuse", "Q-phishing")},
		{"D9", Text{"Infostealer : sessions actives, plus large", "Infostealer: active sessions, wider"}, Text{"fiche infostealer", "infostealer sheet"}, answered("Q-malware")},
		{"E1", Text{"Données exfiltrées ?", "Data exfiltrated?"}, Text{"EDR, proxy", "EDR, proxy"}, read(l("reports/gmail", "reports/drive"), l("log-events:*"))},
		{"E2", Text{"Données sensibles ?", "Sensitive data?"}, Text{"le DPO juge", "the DPO judges"}, answered("Q-data")},
		{"E3", Text{"Accès à un autre compte, système ou application", "Access to another account, system or application"}, Text{"demander aux services", "ask the services"}, read(l("reports/gmail", "reports/saml"), l("log-events:*"))},
		{"E4", Text{"Impacts métier", "Business impact"}, Text{"le métier", "the business"}, answered("Q-activity", "Q-vital")},
		{"E5", Text{"Impact réglementaire", "Regulatory impact"}, Text{"DPO et juriste décident", "DPO and lawyer decide"}, answered("Q-data", "Q-cnil")},
		{"E6", Text{"Récent et évolutif, ou ancien et stable", "Recent and evolving, or old and stable"}, Text{"", ""}, read(l("reports/login", "reports/gmail"), l("log-events:*"))},
		{"E7", Text{"Propagation au système d'information", "Propagation to the information system"}, Text{"RSSI", "CISO"}, read(l("directory/roleAssignments", "reports/admin", "reports/saml"), l())},
		{"E8", Text{"Activité et pertes financières", "Activity and financial loss"}, Text{"comptabilité, rappel bancaire", "accounts department, bank recall"}, answered("Q-transfer", "Q-activity")},
		{"E9", Text{"Niveau : anomalie, mineur, majeur, crise", "Level: anomaly, minor, major, crisis"}, Text{"le décideur signe", "the decider signs"}, always("niveau établi et possible, règle nommée", "level established and possible, rule named")},
		{"E10", Text{"Aide extérieure", "Outside help"}, Text{"appeler", "call"}, people},
		{"F1", Text{"Droits sur l'administration, les comptes, les journaux", "Rights on administration, accounts, logs"}, Text{"super-administrateur présent", "super administrator present"}, people},
		{"F2", Text{"Reprendre le contrôle et nettoyer", "Regain control and clean up"}, Text{"approuver le plan", "approve the plan"}, contained},
		{"F3", Text{"Bloquer jusqu'à la levée de doute", "Block until doubt is cleared"}, Text{"prévenir la personne par téléphone", "tell the person by telephone"}, locked},
		{"F4", Text{"Révoquer les sessions actives", "Revoke active sessions"}, Text{"sessions VPN et SaaS", "VPN and SaaS sessions"}, locked},
		{"F5", Text{"Réinitialiser le mot de passe", "Reset the password"}, Text{"le donner de vive voix", "give it by voice"}, locked},
		{"F6", Text{"Réenregistrer la MFA", "Re-enrol the MFA"}, Text{"retirer les clés étrangères, en présence", "remove foreign keys, in presence"}, locked},
		{"F7", Text{"Nettoyer persistances et accès illégitimes", "Clean persistence and illegitimate access"}, Text{"scripts, Takeout programmé", "scripts, scheduled Takeout"}, contained},
		{"F8", Text{"Supprimer les comptes illégitimes", "Delete illegitimate accounts"}, Text{"confirmer", "confirm"}, contained},
		{"F9", Text{"Revoir les règles de messagerie", "Review the mail rules"}, Text{"revue en console", "review in the console"}, contained},
		{"F10", Text{"Revoir les applications tierces", "Review third-party applications"}, Text{"bloquer l'application", "block the application"}, contained},
		{"F11", Text{"Légitimité des autres actions d'administration", "Legitimacy of other administration"}, Text{"cocher chacune", "tick each"}, read(l("reports/admin"), l())},
		{"F12", Text{"Protéger les autres accès et le poste", "Protect the other accesses and the computer"}, Text{"faire et cocher", "do and tick"}, people},
		{"F13", Text{"Analyse antivirus", "Antivirus scan"}, Text{"lancer, joindre le rapport", "run, attach the report"}, answered("Q-malware")},
		{"F14", Text{"Réinstaller le poste", "Reinstall the computer"}, Text{"décider, image d'abord", "decide, image first"}, people},
		{"F15", Text{"Réinitialiser applications, VPN, cloud", "Reset applications, VPN, cloud"}, Text{"faire et cocher", "do and tick"}, people},
		{"G1", Text{"Augmenter la verbosité des journaux", "Raise log verbosity"}, Text{"appliquer, surveiller l'espace", "apply, watch the space"}, people},
		{"G2", Text{"Augmenter la rétention", "Raise retention"}, Text{"licence, accord juridique", "licence, legal consent"}, people},
		{"G3", Text{"Conserver les traces", "Keep the traces"}, Text{"seconde copie hors site", "second copy off site"}, sealed},
		{"G4", Text{"Preuves pour les forces de l'ordre", "Evidence for law enforcement"}, Text{"porter plainte", "make the complaint"}, answered("Q-complaint")},
		{"G5", Text{"Entraver l'attaquant", "Hinder the attacker"}, Text{"décider du moment", "decide when"}, people},
		{"G6", Text{"Revoir les courriels frauduleux envoyés", "Review fraudulent mail that was sent"}, Text{"confirmer", "confirm"}, read(l("reports/gmail"), l("messages/*"))},
		{"G7", Text{"Revoir les courriels supprimés", "Review deleted mail"}, Text{"demander la restauration", "ask for restoration"}, read(l("reports/gmail"), l("disappeared"))},
		{"G8", Text{"Revoir les courriels contenant des identifiants", "Review mail with credentials"}, Text{"renouveler", "renew"}, read(l("gmail/messages*"), l("messages/*"))},
		{"G9", Text{"Revoir les réinitialisations annoncées", "Review resets that were announced"}, Text{"vérifier auprès de chaque service", "check with each service"}, read(l("gmail/messages*"), l("messages/*"))},
		{"G10", Text{"Fichiers sensibles accessibles", "Sensitive files within reach"}, Text{"serveurs de fichiers", "file servers"}, read(l("drive/files", "reports/drive"), l())},
		{"G11", Text{"L'attaquant y a-t-il accédé ?", "Did the attacker reach them?"}, Text{"journaux des serveurs", "servers' logs"}, read(l("reports/drive"), l())},
		{"G12", Text{"IP suspectes en détection, non en blocage", "Suspicious IPs to detection, not blocking"}, Text{"SIEM, pare-feu", "SIEM, firewall"}, addressesFound},
		{"G13", Text{"Accès initial, puis quarantaine de l'expéditeur", "Initial access, then quarantine of the sender"}, Text{"approuver le blocage du domaine", "approve blocking the domain"}, hypothesesMade},
		{"G14", Text{"Types de fichiers identifiés", "File types identified"}, Text{"appliquer", "apply"}, people},
		{"G15", Text{"Requêtes web vers l'adresse malveillante", "Web requests to the malicious address"}, Text{"proxy, DNS", "proxy, DNS"}, people},
		{"G16", Text{"La détection montre les autres comptes tentés", "Detection shows the other accounts tried"}, Text{"décider du blocage", "decide on blocking"}, read(l("reports/login"), l("log-events:*"))},
		{"G17", Text{"Anomalies sur les postes", "Anomalies on computers"}, Text{"EDR", "EDR"}, people},
		{"G18", Text{"Politique de mots de passe, MFA partout", "Password policy, MFA everywhere"}, Text{"planifier", "plan"}, people},
		{"G19", Text{"Solution de messagerie à jour", "Mail solution up to date"}, Text{"corriger", "patch"}, people},
		{"G20", Text{"Sensibiliser la personne", "Make the person aware"}, Text{"le faire", "do it"}, people},
		{"G21", Text{"Investigation, plainte, déclarations, ensemble", "Investigation, complaint, notifications, together"}, Text{"piloter", "drive"}, answered("Q-complaint", "Q-cnil")},
		{"G22", Text{"Prévenir les contacts externes", "Warn external contacts"}, Text{"envoyer, hors de la boîte compromise", "send, not from the compromised mailbox"}, people},
		{"G23", Text{"Communication large si le domaine est touché", "Wider communication if the domain is hit"}, Text{"communication de crise", "crisis communication"}, people},
		{"G24", Text{"Communiquer et organiser les équipes", "Communicate and organise the teams"}, Text{"valider", "validate"}, told},
	}
}

type check = func(*maker) (string, Text)

// always is what the program does by itself in every case.
func always(fr, en string) check {
	return func(*maker) (string, Text) { return Done, Text{fr, en} }
}

// people is what no program does.
func people(*maker) (string, Text) {
	return ForPeople, Text{"à faire par une personne", "to be done by a person"}
}

// read is what was read of the sources of the sort of mail system that each account is on. Sources that this sort has none of make
// the row not applicable.
func read(workspace, imap []string) check {
	return func(m *maker) (string, Text) {
		counts := map[reading]int{}
		var lacking []string
		for _, account := range m.accounts {
			var resources []string
			if m.worlds.workspace(account) {
				resources = append(resources, workspace...)
			}
			if m.worlds.imap(account) {
				resources = append(resources, imap...)
			}
			for _, resource := range resources {
				how := m.worlds.read(account, resource)
				if counts[how]++; (how == notRead || how == partly) && !slices.Contains(lacking, resource) {
					lacking = append(lacking, resource)
				}
			}
		}
		return coverage(counts, lacking)
	}
}

func coverage(counts map[reading]int, lacking []string) (string, Text) {
	missing := strings.Join(lacking, ", ")
	switch {
	case counts[wholly]+counts[partly]+counts[notRead] == 0:
		return NotApplicable, Text{"cette messagerie n'a pas de source de ce type", "this mail system has no such source"}
	case counts[partly]+counts[notRead] == 0:
		return Done, Text{"lu en entier", "read as a whole"}
	case counts[wholly]+counts[partly] == 0:
		return NotDone, Text{"non lu : " + missing, "not read: " + missing}
	}
	return Partial, Text{"non lu en entier : " + missing, "not read as a whole: " + missing}
}

// answered is what people have to answer.
func answered(items ...string) check {
	return func(m *maker) (string, Text) {
		said := 0
		for _, item := range items {
			if m.Record.yes(item) || m.Record.no(item) {
				said++
			}
		}
		list := strings.Join(items, ", ")
		switch said {
		case len(items):
			return Done, Text{"répondu : " + list, "answered: " + list}
		case 0:
			return ForPeople, Text{"sans réponse : " + list, "not answered: " + list}
		}
		return Partial, Text{"répondu en partie : " + list, "answered in part: " + list}
	}
}

func accountsNamed(m *maker) (string, Text) {
	n := len(m.accounts)
	if n == 0 {
		return NotDone, Text{"aucun compte examiné", "no account was examined"}
	}
	return Done, Text{fmt.Sprintf("comptes examinés : %d", n), fmt.Sprintf("accounts examined: %d", n)}
}

func rolesFilled(m *maker) (string, Text) {
	filled := 0
	for _, who := range m.Case.Roles {
		if strings.TrimSpace(who) != "" {
			filled++
		}
	}
	return filledOf(filled, len(m.Case.Roles), "rôles remplis", "roles filled")
}

func filledOf(filled, all int, fr, en string) (string, Text) {
	why := Text{fmt.Sprintf("%s : %d sur %d", fr, filled, all), fmt.Sprintf("%s: %d of %d", en, filled, all)}
	switch {
	case filled == 0:
		return ForPeople, why
	case filled < all:
		return Partial, why
	}
	return Done, why
}

func businessFilled(m *maker) (string, Text) {
	b, filled := m.Case.Business, 0
	for _, list := range [][]string{b.CriticalActivities, b.DependsOnMailbox, b.MoneyWorkflows} {
		if len(list) > 0 {
			filled++
		}
	}
	return filledOf(filled, 3, "rubriques remplies", "parts filled in")
}

func contactsFilled(m *maker) (string, Text) {
	if n := len(m.Case.Contacts); n > 0 {
		return Done, Text{fmt.Sprintf("%d contacts dans le dossier", n), fmt.Sprintf("%d contacts in the case", n)}
	}
	return ForPeople, Text{"aucun contact d'urgence enregistré", "no contact in the case"}
}

// gapsOnly says whether everything that was asked for was read.
func gapsOnly(m *maker) (string, Text) {
	lacking := 0
	for _, r := range m.Coverage.Rows() {
		if !r.Whole() {
			lacking++
		}
	}
	if lacking == 0 && len(m.Coverage.Rows()) > 0 {
		return Done, Text{"tout ce qui a été demandé a été lu", "all that was asked for was read"}
	}
	return Partial, Text{fmt.Sprintf("%d sources demandées et non lues en entier", lacking), fmt.Sprintf("%d sources were asked for and not read as a whole", lacking)}
}

func journalOpen(m *maker) (string, Text) {
	if m.Record.Known.IsZero() {
		return NotDone, Text{"aucune entrée", "no entry"}
	}
	return Done, Text{"première entrée le " + stamp(m.Record.Known), "first entry on " + stamp(m.Record.Known)}
}

func reported(m *maker) (string, Text) {
	if m.Record.detected {
		return Done, Text{"signalé par " + m.Record.KnownBy, "reported by " + m.Record.KnownBy}
	}
	return ForPeople, Text{"aucune entrée de détection dans la main courante", "the journal has no entry of a detection"}
}

func actionsSeen(m *maker) (string, Text) {
	if m.Record.Actions > 0 {
		return Done, Text{fmt.Sprintf("%d actions faites ou vérifiées", m.Record.Actions), fmt.Sprintf("%d actions done or verified", m.Record.Actions)}
	}
	return Partial, Text{"chronologie faite ; aucune action consignée", "timeline made; no action is recorded"}
}

func told(m *maker) (string, Text) {
	if m.Record.Told > 0 {
		return Partial, Text{fmt.Sprintf("%d communications consignées", m.Record.Told), fmt.Sprintf("%d communications recorded", m.Record.Told)}
	}
	return ForPeople, Text{"aucune communication consignée", "no communication is recorded"}
}

// contained is what the journal says of actions. Which of them were this row's is for a person to say.
func contained(m *maker) (string, Text) {
	if m.Record.Actions > 0 {
		return Partial, Text{fmt.Sprintf("%d actions consignées, à rapprocher", m.Record.Actions), fmt.Sprintf("%d actions recorded, to be matched", m.Record.Actions)}
	}
	return NotDone, Text{"aucune action consignée", "no action is recorded"}
}

// locked is whether somebody said that password, sessions, tokens and second factor were renewed.
func locked(m *maker) (string, Text) {
	if m.Record.yes("Q-locked") {
		return Done, Text{"répondu : " + m.Record.Answers["Q-locked"].By, "answered: " + m.Record.Answers["Q-locked"].By}
	}
	return contained(m)
}

func hypothesesMade(m *maker) (string, Text) {
	if len(m.d.Hypotheses) == 0 {
		return NotApplicable, Text{"rien n'est suspecté", "nothing is suspected"}
	}
	supported := 0
	for _, h := range m.d.Hypotheses {
		if h.Verdict == verdictSupported {
			supported++
		}
	}
	return Partial, Text{fmt.Sprintf("%d hypothèses, %d étayées", len(m.d.Hypotheses), supported), fmt.Sprintf("%d hypotheses, %d supported", len(m.d.Hypotheses), supported)}
}

func sealed(m *maker) (string, Text) {
	n := len(m.Result.Bundles)
	if n == 0 {
		return NotDone, Text{"aucun scellé", "no sealed bundle"}
	}
	return Done, Text{fmt.Sprintf("%d scellés", n), fmt.Sprintf("%d sealed bundles", n)}
}

func addressesFound(m *maker) (string, Text) {
	found := 0
	for k := range m.Survey.sources {
		if m.intruders(k) {
			found++
		}
	}
	if found == 0 {
		return NotApplicable, Text{"aucune origine suspecte", "no suspect source"}
	}
	return Partial, Text{fmt.Sprintf("%d réseaux suspects, à mettre en détection", found), fmt.Sprintf("%d suspect networks, to be put to detection", found)}
}
