package handover

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/findings/suspects"
	"github.com/mbaudit/mbaudit/internal/casefile"
	"github.com/mbaudit/mbaudit/internal/visible"
	"github.com/mbaudit/mbaudit/report"
)

// contacts makes the list of whom to warn, a letter in each language, and what nobody knows about it. Nothing is sent.
func contacts(h *Handover, o Options) ([]File, error) {
	if len(h.Messages) == 0 && len(h.Contacts) == 0 && len(h.Blind) == 0 && h.Personal == 0 {
		return nil, ErrNothing
	}
	return []File{{"contacts.csv", h.contactTable(o)}, {"messages.csv", h.messageTable(o)}, {"letter-fr.txt", []byte(h.letter(o, "fr"))}, {"letter-en.txt", []byte(h.letter(o, "en"))},
		{"READ-FIRST.txt", []byte(h.readFirst(o))}}, nil
}

// readFirst says how to use the list, and what it does not know.
func (h *Handover) readFirst(o Options) string {
	fr := o.Language == "fr"
	say := func(french, english string) string {
		if fr {
			return french
		}
		return english
	}
	outside, unknown, cut := 0, 0, 0
	for _, c := range h.Contacts {
		if !c.Inside {
			outside++
		}
	}
	for _, m := range h.Messages {
		if m.Recipients == nil {
			unknown++
		}
		if m.Cut {
			cut++
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, say("Contacts extérieurs : %d ; internes : %d ; messages envoyés depuis une origine suspecte : %d.\n", "Contacts outside: %d; inside: %d; messages that were sent from a suspect source: %d.\n"),
		outside, len(h.Contacts)-outside, len(h.Messages))
	b.WriteString(say(`
- Rien n'a été envoyé. Ne prévenez pas depuis la boîte compromise : téléphonez, ou écrivez d'une autre.
- Prévenez d'abord par téléphone ceux à qui l'on a parlé d'argent ; un virement se rappelle en heures.
- Un destinataire ne doit pas voir les autres : une lettre par contact (publipostage : les champs
  «adresse» et «messages» des deux lettres sont des colonnes de contacts.csv).
- « possible » : demandez d'abord à la personne si le message est d'elle.
`, `
- Nothing was sent. Do not warn from the compromised mailbox: telephone, or write from another one.
- Telephone first to those who were written to about money; a transfer can be recalled for hours.
- No recipient may see the others: one letter for each contact (mail merge: the fields
  «address» and «messages» of both letters are columns of contacts.csv).
- "possible": first ask the person whether the message is theirs.
`))
	if unknown > 0 {
		fmt.Fprintf(&b, say(`
ATTENTION. Messages dont on ne connaît pas les destinataires : %d. Aucune copie n'en a été
collectée ; ils sont dans messages.csv. Où chercher : « Recherche dans le journal de messagerie » de la
console Google (30 jours), le journal du serveur d'envoi, ou : mbaudit collect --messages metadata
`, `
WARNING. Messages of which nobody knows the recipients: %d. No copy of them was collected;
they are in messages.csv. Where to look: "Email log search" in Google's console (30 days), the log of
the sending server, or: mbaudit collect --messages metadata
`), unknown)
	}
	if cut > 0 {
		fmt.Fprintf(&b, say("\nATTENTION. Messages envoyés à plus de destinataires que la liste n'en nomme : %d. Les autres sont dans la pièce.\n",
			"\nWARNING. Messages that went to more recipients than the list names: %d. The others are in the exhibit.\n"), cut)
	}
	if h.Uncounted > 0 {
		fmt.Fprintf(&b, say("\nATTENTION. Envois suspects au-delà de ce que la liste contient : %d. Ils sont dans analysis/facts.jsonl.\n",
			"\nWARNING. Suspect messages beyond what the list holds: %d. They are in analysis/facts.jsonl.\n"), h.Uncounted)
	}
	if h.Personal > 0 {
		fmt.Fprintf(&b, say("\nMessages marqués personnels, envoyés de la même origine : %d. Ils ne sont pas nommés ici : voyez avec la personne.\n",
			"\nMessages that are marked personal, sent from the same source: %d. They are not named here: see the person.\n"), h.Personal)
	}
	if len(h.Blind) > 0 {
		b.WriteString(say("\nLa liste peut être incomplète. Ce qui n'a pas été lu :\n", "\nThe list may be incomplete. What was not read:\n"))
		for _, x := range h.Blind {
			fmt.Fprintf(&b, "- %s: %s (%s: %s)\n", visible.Text(x.Account), visible.Line(x.What.In(o.Language)), visible.Text(x.Source), visible.Text(x.Reason))
		}
	}
	return b.String()
}

// letter is a letter with the fields that a mail merge fills. Only what the case holds is filled in; the rest says what is missing.
func (h *Handover) letter(o Options, language string) string {
	fr := language == "fr"
	missing := func(french, english string) string {
		if fr {
			return "[À COMPLÉTER : " + french + "]"
		}
		return "[TO FILL IN: " + english + "]"
	}
	or := func(s, french, english string) string {
		if s = strings.TrimSpace(s); s != "" {
			return report.Defang(visible.Text(s))
		}
		return missing(french, english)
	}
	person := h.speaker()
	organisation := or(h.Case.Organisation, "organisation", "organisation")
	name := or(person.Name, "nom de qui répond", "name of who answers")
	phone := or(person.Phone, "numéro de téléphone, connu par ailleurs du destinataire", "telephone number that the recipient knows from elsewhere")
	email := or(strings.TrimSpace(person.Email), "adresse qui n'est pas sur le compte compromis", "address that is not on the compromised account")
	if h.onOwnAccount(person.Email) {
		email = missing("adresse qui n'est pas sur le compte compromis", "address that is not on the compromised account")
	}
	accounts := map[string]bool{}
	var first, last time.Time
	for _, m := range h.Messages {
		accounts[m.Account] = true
		if first.IsZero() || m.At.Before(first) {
			first = m.At
		}
		if m.At.After(last) {
			last = m.At
		}
	}
	var mailboxes []string
	for account := range accounts {
		mailboxes = append(mailboxes, visible.Text(account))
	}
	slices.Sort(mailboxes)
	mailbox := or(strings.Join(mailboxes, ", "), "adresse du compte", "address of the account")
	period := or(span(first, last, o, language), "dates", "dates")
	field := map[bool]string{true: "«adresse»", false: "«address»"}[o.Language == "fr"] // the column's name in contacts.csv
	sure := slices.ContainsFunc(h.Messages, func(m suspects.Message) bool { return m.Status == suspects.Confirmed })
	dpo := or(h.Case.Roles["dpo"], "délégué à la protection des données, s'il y en a un", "data protection officer, if there is one")
	reference := report.Defang(visible.Text(h.Case.Case))
	if fr {
		used := "a utilisé"
		if !sure {
			used = "a probablement utilisé"
		}
		return fmt.Sprintf(letterFR, organisation, reference, field, used, mailbox, period, name, phone, email, dpo, organisation)
	}
	used := "has used"
	if !sure {
		used = "has probably used"
	}
	return fmt.Sprintf(letterEN, organisation, reference, field, used, mailbox, period, name, phone, email, dpo, organisation)
}

// span is from when to when, as a letter has it, in the case's zone.
func span(first, last time.Time, o Options, language string) string {
	layout, format, once := "2 January 2006", "from %s to %s", "on %s"
	if language == "fr" {
		layout, format, once = "02/01/2006", "du %s au %s", "le %s"
	}
	from, to := first.In(o.zone()).Format(layout), last.In(o.zone()).Format(layout)
	switch {
	case first.IsZero():
		return ""
	case from == to:
		return fmt.Sprintf(once, from)
	}
	return fmt.Sprintf(format, from, to)
}

// speaker is whom the letter names: who speaks for the organisation, else who decides, else the first contact that there is. Roles
// have names; contacts have telephone numbers.
func (h *Handover) speaker() casefile.Contact {
	for _, role := range []string{"communication", "decision_maker", "technical_lead"} {
		for _, c := range h.Case.Contacts {
			if strings.EqualFold(strings.ReplaceAll(c.Role, " ", "_"), role) || c.Name != "" && c.Name == h.Case.Roles[role] {
				return c
			}
		}
		if name := h.Case.Roles[role]; name != "" {
			return casefile.Contact{Name: name}
		}
	}
	return casefile.Contact{}
}

func (h *Handover) onOwnAccount(address string) bool {
	return slices.ContainsFunc(h.Accounts, func(a string) bool { return strings.EqualFold(a, strings.TrimSpace(address)) })
}

const letterFR = `%s
Notre référence : %s

Objet : message frauduleux envoyé depuis l'une de nos adresses

À : %s

Madame, Monsieur,

Une personne non autorisée %s notre compte de messagerie %s.
Elle a envoyé en notre nom (%s) des messages qui ne viennent pas de nous.
D'après nos relevés, vous avez reçu :

«messages»

Nous vous demandons :

1. de ne pas répondre à ces messages, de n'ouvrir ni lien ni pièce jointe, et de ne suivre
   aucun changement de coordonnées bancaires qu'ils annoncent ;
2. si vous avez payé, modifié des coordonnées bancaires, ouvert une pièce jointe ou saisi un
   mot de passe : de prévenir tout de suite votre banque et votre service informatique, puis nous ;
3. de vérifier toute demande d'argent par un appel au numéro que vous aviez déjà, jamais à
   celui du message ;
4. de garder ces messages avec leurs en-têtes, sans les transférer : ils peuvent servir de preuve.

Nous avons pris des mesures pour reprendre le contrôle de ce compte et nous analysons les faits.
Nous vous écrirons si nous apprenons autre chose qui vous concerne.

Pour nous joindre : %s
  téléphone : %s
  courriel : %s
Pour vos données personnelles : %s

%s
`

const letterEN = `%s
Our reference: %s

Subject: fraudulent message sent from one of our addresses

To: %s

Dear Sir or Madam,

Somebody who had no right to do so %s our mailbox %s.
Messages that are not ours were sent in our name (%s).
According to our records you received:

«messages»

We ask you:

1. not to answer these messages, not to open any link or attachment in them, and not to follow any
   change of bank details that they announce;
2. if you have paid, changed bank details, opened an attachment or typed a password: to tell your
   bank and your IT department at once, and then us;
3. to check any request for money by calling the number that you had before, never the one in
   the message;
4. to keep these messages with their headers, and not to forward them: they may serve as evidence.

We have taken measures to take this account back, and are looking into what happened. We
will write again if we learn anything else that concerns you.

To reach us: %s
  telephone: %s
  e-mail: %s
About your personal data: %s

%s
`

// contactTable has one row for each contact: the columns that the letters' fields name, and the rest for who telephones.
func (h *Handover) contactTable(o Options) []byte {
	t := newTable(o, []column{{"address", "adresse"}, {"scope", "où"}, {"status", "état"}, {"messages", "messages"}, {"count", "nombre"}, {"first", "premier"}, {"last", "dernier"},
		{"accounts", "comptes"}, {"message_ids", "Message-ID"}, {"exhibits", "pièces"}, {"note", "remarque"}})
	for _, c := range h.Contacts {
		var texts, accounts, ids, exhibits []string
		for _, i := range c.Messages {
			m := h.Messages[i]
			about := t.say("subject not collected", "objet non collecté")
			if m.Subject != "" {
				about = "« " + report.Defang(visible.Text(m.Subject)) + " »"
			}
			texts = append(texts, o.local(m.At)+" "+about)
			accounts = addOnce(accounts, m.Account)
			ids = addOnce(ids, m.ID)
			for _, x := range m.Exhibits {
				exhibits = addOnce(exhibits, x)
			}
		}
		scope, note := t.say("outside", "extérieur"), ""
		if c.Inside {
			scope = t.say("inside", "interne")
		}
		if c.Like != "" {
			note = t.say("this domain looks like ", "ce domaine imite ") + c.Like + t.say(": it may be the intruder's; do not write there before somebody checked", " : ce peut être celui de l'intrus ; à vérifier avant d'écrire")
		}
		if c.Named {
			note = strings.Join(nonEmpty(note, t.say("a finding names this address too: it may be a victim, or the intruder's; telephone first", "un constat nomme aussi cette adresse : ce peut être une victime ou l'intrus ; téléphoner d'abord")), "; ")
		}
		t.row(c.Address, scope, c.Status.In(o.Language), strings.Join(texts, " ; "), fmt.Sprint(len(c.Messages)), o.local(c.First), o.local(c.Last), strings.Join(accounts, " "),
			strings.Join(ids, " "), strings.Join(exhibits, " "), note)
	}
	return t.out.Bytes()
}

// messageTable has one row for each message, also where nobody knows to whom it went.
func (h *Handover) messageTable(o Options) []byte {
	t := newTable(o, []column{{"time", "heure"}, {"utc", "UTC"}, {"account", "compte"}, {"status", "état"}, {"subject", "objet"}, {"message_id", "Message-ID"}, {"recipients", "destinataires"},
		{"source_ip", "adresse IP"}, {"exhibits", "pièces"}})
	for _, m := range h.Messages {
		to := strings.Join(m.Recipients, " ")
		if m.Recipients == nil {
			to = t.say("not collected", "non collectés")
		}
		if m.Cut {
			to += t.say(" (and more, see the exhibit)", " (et d'autres, voir la pièce)")
		}
		t.row(o.local(m.At), stampOf(m.At), m.Account, m.Status.In(o.Language), m.Subject, m.ID, to, m.IP, strings.Join(m.Exhibits, " "))
	}
	return t.out.Bytes()
}

func addOnce(list []string, s string) []string {
	if s == "" || slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

type column struct{ english, french string }

// A table is a CSV file in the making: for a spreadsheet, as evidence/journal/export writes one.
type table struct {
	out       bytes.Buffer
	french    bool
	separator string
}
