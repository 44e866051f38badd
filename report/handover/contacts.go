package handover

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/mbaudit/mbaudit/internal/visible"
	"github.com/mbaudit/mbaudit/report"
)

// contacts makes the list of whom to warn, a letter in each language, and what nobody knows about it. Nothing is sent.
func contacts(h *Handover, o Options) ([]File, error) {
	if len(h.Messages) == 0 && len(h.Contacts) == 0 && len(h.Blind) == 0 && h.Personal == 0 {
		return nil, ErrNothing
	}
	made := []File{{"contacts.csv", h.contactTable(o)}, {"messages.csv", h.messageTable(o)}}
	for _, language := range report.Languages() {
		letter, err := h.letter(o, language)
		if err != nil {
			return nil, err
		}
		made = append(made, File{"letter-" + language + ".txt", letter})
	}
	return append(made, File{"READ-FIRST.txt", []byte(h.readFirst(o))}), nil
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

// letter is the letter of the report, as a text file.
func (h *Handover) letter(o Options, language string) ([]byte, error) {
	paragraphs, err := report.NewLetter(h.Case, h.Accounts, h.Messages).Paragraphs(language, o.Language, o.zone())
	if err != nil {
		return nil, err
	}
	for i, p := range paragraphs {
		paragraphs[i] = folded(p)
	}
	return []byte(strings.Join(paragraphs, "\n\n") + "\n"), nil
}

// letterWidth is how many characters a line of a letter has.
const letterWidth = 95

// folded breaks a paragraph into lines. A blank that is not to be broken at is none here.
func folded(paragraph string) string {
	var b strings.Builder
	width, hang := 0, ""
	if number, _, ok := strings.Cut(paragraph, ". "); ok && len(number) == 1 {
		hang = "   "
	}
	for i, word := range strings.Split(paragraph, " ") {
		n := len([]rune(word))
		switch {
		case i == 0:
		case width+1+n > letterWidth:
			b.WriteString("\n" + hang)
			width = len(hang)
		default:
			b.WriteByte(' ')
			width++
		}
		b.WriteString(word)
		width += n
	}
	return b.String()
}

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
