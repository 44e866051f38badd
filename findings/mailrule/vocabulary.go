package mailrule

import (
	"strings"
	"sync"
)

// Class is what a word of the vocabulary is about.
type Class string

const (
	Money    Class = "money"    // invoices, payments, bank details, those who pay
	Security Class = "security" // passwords, sign-ins, second factors, warnings, bounces, those who help
	Bulk     Class = "bulk"     // newsletters and other mail that machines send to many
	Thread   Class = "thread"   // marks of an answer: "Re:" at the start of a subject
)

// Word is a word of the vocabulary that a rule looks for.
type Word struct {
	Class Class  `json:"class"`
	Kind  string `json:"kind"` // "invoice", "payment", "bank", "password", "sign-in", "two-step", "warning", "bounce", "help-desk", …
	Lang  string `json:"lang"` // ISO 639-1, "" for a word of all the five languages
	Term  string `json:"term"` // the vocabulary's own spelling, folded; a "*" stands for any ending
	Text  string `json:"text"` // as the source has it
	At    Span   `json:"at"`
	Part  bool   `json:"part,omitempty"` // the rule looks for a part of the word, or for a pattern that the word satisfies
}

// term is one entry: words that follow each other.
type term struct {
	class      Class
	kind, lang string
	words      []string // without the "*"
	open       []bool   // any ending may follow
	spelling   string
}

// lexicon gives the entries by the first three letters of their first word, shorter ones by what they have.
var lexicon = sync.OnceValue(func() map[string][]term {
	index := make(map[string][]term)
	for _, line := range vocabulary() {
		for spelling := range strings.SplitSeq(line.terms, ",") {
			spelling = strings.TrimSpace(spelling)
			t := term{class: line.class, kind: line.kind, lang: line.lang, spelling: spelling}
			for word := range strings.FieldsSeq(spelling) {
				bare, open := strings.CutSuffix(word, "*")
				t.words = append(t.words, bare)
				t.open = append(t.open, open)
			}
			key := indexKey(t.words[0])
			index[key] = append(index[key], t)
		}
	}
	return index
})

func indexKey(word string) string { return word[:min(3, len(word))] }

type vocabularyLine struct {
	class      Class
	kind, lang string
	terms      string
}

// vocabulary is the list of what rules of intruders look for, folded. Words that ordinary mail is full of are not in it
// alone ("conto", "avis", "account", "support"). A stem ends in "*".
func vocabulary() []vocabularyLine {
	return []vocabularyLine{
		{Money, "invoice", "fr", "factur*, refactur*, acompte*, impaye*, echeancier*, bon de commande, bons de commande, releve de compte, releves de compte"},
		{Money, "invoice", "en", "invoic*, inv, billing, purchase order*, past due, overdue, outstanding balance, remittance*, statement of account, credit note, proforma, pro forma"},
		{Money, "invoice", "de", "rechnung*, zahlungserinnerung*, mahnung*, gutschrift*, lieferantenrechnung*, offene posten, abschlagsrechnung*"},
		{Money, "invoice", "es", "factura*, albaran*, nota de credito, vencimiento*, impagad*"},
		{Money, "invoice", "it", "fattur*, nota di credito, scadenz*, insolut*, estratto conto"},
		{Money, "payment", "fr", "paiement*, virement*, prelevement*, reglement facture, ordre de virement, fovi, versement*, tresorerie"},
		{Money, "payment", "en", "payment*, paying, wire, wires, wire transfer*, wired, transfer, transfers, ach, direct deposit, payroll, paystub*, payslip*, escrow, closing funds, disbursement*"},
		{Money, "payment", "de", "zahlung*, uberweisung*, ueberweisung*, lastschrift*, auszahlung*, gehaltsabrechnung*, lohnabrechnung*, bezahlung*"},
		{Money, "payment", "es", "pago, pagos, transferencia*, cobro*, nomina, nominas, abono*, giro bancario"},
		{Money, "payment", "it", "pagament*, bonific*, saldo fattura, stipendi*, busta paga"},
		{Money, "bank", "", "iban, bic, swift, sepa, rib"},
		{Money, "bank", "fr", "banque*, bancaire*, coordonnees bancaires, compte bancaire"},
		{Money, "bank", "en", "bank, banks, banking, bank account, bank details, account number, routing number, sort code"},
		{Money, "bank", "de", "bankverbindung*, kontoverbindung*, bankdaten, bankkonto, kontonummer*, kontodaten, sparkasse*, bankangaben"},
		{Money, "bank", "es", "banco*, bancari*, cuenta bancaria, datos bancarios, numero de cuenta"},
		{Money, "bank", "it", "banca, banche, bancari*, conto corrente, coordinate bancarie"},
		{Money, "who pays", "", "compta, comptabilite*, accounting, accounts payable, accounts receivable, buchhaltung*, contabilidad, contabilita, tesoreria, fournisseur*, kreditoren*, finance, finanzen, finanzas, finanza, daf, cfo"},

		{Security, "password", "fr", "mot de passe, mots de passe, mdp, reinitialis*"},
		{Security, "password", "en", "password*, passwd, passcode*, reset your, account recovery, credential*"},
		{Security, "password", "de", "passwort*, passworter, kennwort*, zurucksetz*, zuruecksetz*"},
		{Security, "password", "es", "contrasena*, restablec*"},
		{Security, "password", "it", "parola d ordine, reimposta*, credenzial*"},
		{Security, "sign-in", "fr", "connexion, connexions, nouvelle connexion, nouvel appareil, appareil inconnu, identifiants, nouveau terminal"},
		{Security, "sign-in", "en", "sign in, signin, sign ins, signed in, login*, log in, logon, new device*, new sign*, unrecognized device, accounts google com, accountprotection microsoft com, account security noreply, new location"},
		{Security, "sign-in", "de", "anmeldung*, anmeldeversuch*, neues gerat, neues geraet, neuen gerat, login versuch"},
		{Security, "sign-in", "es", "inicio de sesion, inicios de sesion, nuevo dispositivo, acceso no autorizado"},
		{Security, "sign-in", "it", "nuovo accesso, accesso, nuovo dispositivo, accesso non autorizzato"},
		{Security, "two-step", "", "2fa, mfa, otp, totp, 2sv, authenticator*"},
		{Security, "two-step", "fr", "double authentification, deux etapes, code de verification, code de validation, code de securite, a usage unique"},
		{Security, "two-step", "en", "2 step, two step, 2 factor, two factor, multi factor, multifactor, verification code*, verify your, security code*, security key*, one time code*, one time pass*, passkey*, recovery email, recovery phone, backup code*"},
		{Security, "two-step", "de", "bestatigungscode*, bestaetigungscode*, sicherheitscode*, zwei faktor, 2 faktor, zwei schritt, einmalcode*"},
		{Security, "two-step", "es", "codigo de verificacion, codigo de seguridad, dos pasos, doble factor, verificacion en"},
		{Security, "two-step", "it", "codice di verifica, codice di sicurezza, due passaggi, due fattori, verifica in"},
		{Security, "warning", "", "phish*, hack*, malware*, virus, spam, spamming, ransomware*, infostealer*"},
		{Security, "warning", "fr", "alerte de securite, alertes de securite, alerte securite, alerte, alertes, hameconn*, pirat*, suspect*, inhabituel*, frauduleu*, fraude, fraudes, arnaque*, usurp*, compromis, compromise, compromission, escroquerie*"},
		{Security, "warning", "en", "security alert*, security notice*, security info*, security notification*, security noreply, alert, alerts, suspicious*, suspect*, unusual*, fraud*, scam*, spoof*, compromised, breach*, stolen, unauthori*, is this legit, legit, did you send, you sent"},
		{Security, "warning", "de", "sicherheitswarnung*, sicherheitshinweis*, sicherheitsbenachrichtigung*, warnung, verdacht*, ungewohnlich*, ungewoehnlich*, betrug*, betrueg*, gehackt, kompromittiert*"},
		{Security, "warning", "es", "alerta de seguridad, alertas de seguridad, aviso de seguridad, alerta, alertas, sospechos*, inusual*, fraudulent*, estafa*, pirate*, suplant*"},
		{Security, "warning", "it", "avviso di sicurezza, avvisi di sicurezza, allerta, sospett*, insolit*, frode, frodi, truff*, compromess*, violazion*"},
		{Security, "bounce", "", "mailer daemon, postmaster"},
		{Security, "bounce", "fr", "non remis*, echec de remise, echec de la remise, non distribu*, message non delivre, rapport de non remise, courrier retourne, echec de distribution"},
		{Security, "bounce", "en", "undeliver*, delivery status*, delivery fail*, delivery has failed, mail delivery, returned mail, failure notice, non delivery, message not delivered, out of office, automatic reply"},
		{Security, "bounce", "de", "unzustellbar*, nicht zugestellt*, zustellung fehlgeschlagen, zustellbericht*"},
		{Security, "bounce", "es", "no entregad*, no se puede entregar, no se ha podido entregar, devuelto al remitente"},
		{Security, "bounce", "it", "mancato recapito, mancata consegna, non recapitat*, non consegnat*"},
		{Security, "help-desk", "", "helpdesk*, help desk, service desk, servicedesk, rssi, dsi, ciso, csirt, cert fr, it support, itsupport, abuse"},
		{Security, "help-desk", "fr", "support informatique, service informatique, assistance informatique, equipe informatique"},
		{Security, "help-desk", "en", "it department, it team, it security, security team, information security, administrator"},
		{Security, "help-desk", "de", "it abteilung, it sicherheit, edv, it hilfe"},
		{Security, "help-desk", "es", "soporte informatico, soporte tecnico, departamento de informatica"},
		{Security, "help-desk", "it", "supporto informatico, assistenza tecnica, ufficio it, reparto it"},

		{Bulk, "newsletter", "", "newsletter*, mailing*, promo, promos, promotion*, marketing, offers, deals, campaign*, unsubscribe, desinscri*, desabonn*, abmelden, darse de baja, disiscri*, digest, infolettre*, bulletin*, linkedin, facebook*, twitter, soldes, discount*, coupon*, sale, werbung, angebote, ofertas, offerte, publicite*"},
	}
}

// wordsIn returns the words of the vocabulary in v, by their place; of two that overlap the longer.
func wordsIn(v Value) []Word {
	index := lexicon()
	list := tokens(v)
	var found []Word
	for i := 0; i < len(list); {
		word, used := longest(index, v, list, i)
		if used == 0 {
			i++
			continue
		}
		found = append(found, word)
		i += used
	}
	return found
}

func longest(index map[string][]term, v Value, list []token, i int) (Word, int) {
	var best term
	used := 0
	for _, t := range index[indexKey(list[i].text)] {
		if len(t.words) > used && t.at(list[i:]) {
			best, used = t, len(t.words)
		}
	}
	if used == 0 {
		if best, used = compound(index, list[i].text); used == 0 {
			return Word{}, 0
		}
	}
	start, end := list[i].start, list[i+used-1].end
	return Word{Class: best.class, Kind: best.kind, Lang: best.lang, Term: best.spelling, Text: v.Text[start:end], At: v.span(start, end)}, used
}

// compound looks for German stems behind the start of a word: "Monatsrechnung". The start has three letters at least, so
// that "Berechnung" and "Erzählung" are what they are.
func compound(index map[string][]term, word string) (term, int) {
	for i := 3; i+6 <= len(word); i++ {
		for _, t := range index[indexKey(word[i:])] {
			if t.lang == "de" && t.open[0] && len(t.words) == 1 && len(t.words[0]) >= 6 && strings.HasPrefix(word[i:], t.words[0]) {
				return t, 1
			}
		}
	}
	return term{}, 0
}

// at says whether list starts with the term's words.
func (t term) at(list []token) bool {
	if len(list) < len(t.words) {
		return false
	}
	for k, word := range t.words {
		if got := list[k].text; got != word && !(t.open[k] && strings.HasPrefix(got, word)) {
			return false
		}
	}
	return true
}

// wordsWith returns the first word of each kind that matches says is found: for patterns and for parts of words.
func wordsWith(v Value, matches func(word string) bool) []Word {
	var found []Word
	seen := make(map[string]bool)
	for _, line := range vocabulary() {
		key := string(line.class) + line.kind
		if seen[key] || line.class == Bulk {
			continue
		}
		for spelling := range strings.SplitSeq(line.terms, ",") {
			spelling = strings.TrimSpace(spelling)
			if word := strings.ReplaceAll(spelling, "*", ""); len(word) >= 4 && matches(word) {
				found = append(found, Word{Class: line.class, Kind: line.kind, Lang: line.lang, Term: spelling, Text: v.Text, At: v.At, Part: true})
				seen[key] = true
				break
			}
		}
	}
	return found
}
