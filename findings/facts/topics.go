package facts

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// topicWords are the words and phrases by which the subject of a message is known (and its text, where that is read), without accents and in lower case:
// English, French, German, Spanish, Italian. A word stands for itself, a phrase with blanks for its words in that order.
func topicWords() map[string][]string {
	return map[string][]string{
		"security": {"security alert", "new sign in", "new login", "sign in attempt", "new device", "suspicious", "unusual", "2 step", "two step", "two factor", "2fa",
			"authenticator", "recovery email", "recovery phone", "app password", "alerte de securite", "nouvelle connexion", "connexion suspecte", "nouvel appareil",
			"validation en deux etapes", "double authentification", "mot de passe d application", "adresse de recuperation", "sicherheitswarnung", "sicherheitshinweis",
			"neue anmeldung", "neues gerat", "bestatigung in zwei schritten", "alerta de seguridad", "nuevo inicio de sesion", "nuevo dispositivo", "avviso di sicurezza",
			"nuovo accesso", "nuovo dispositivo"},
		"reset": {"password reset", "reset your password", "reset password", "password change", "password was changed", "password has been changed", "forgot password",
			"reinitialisation", "reinitialiser votre mot de passe", "mot de passe oublie", "changement de mot de passe", "nouveau mot de passe", "mot de passe a ete modifie",
			"passwort zurucksetzen", "passwort geandert", "kennwort zurucksetzen", "restablecer contrasena", "restablecer su contrasena", "cambio de contrasena",
			"reimposta password", "reimpostazione della password", "cambio password"},
		"credential": {"verification code", "one time code", "one time password", "otp", "security code", "magic link", "code de verification", "code de securite",
			"code a usage unique", "vos identifiants", "bestatigungscode", "einmalpasswort", "zugangsdaten", "codigo de verificacion", "codice di verifica", "your account details"},
		"money": {"invoice", "payment", "wire transfer", "bank details", "bank account", "remittance", "purchase order", "iban", "swift", "facture", "virement", "rib",
			"coordonnees bancaires", "paiement", "reglement", "changement de rib", "releve d identite bancaire", "rechnung", "uberweisung", "bankverbindung", "zahlung",
			"factura", "transferencia", "pago", "cuenta bancaria", "fattura", "bonifico", "pagamento", "coordinate bancarie"},
		"bank-change": {"new bank details", "new bank account", "new banking details", "updated bank details", "change of bank details", "change of bank account", "bank details have changed",
			"changed our bank", "new iban", "nouveau rib", "nouvel iban", "changement de rib", "changement de coordonnees bancaires", "nouvelles coordonnees bancaires", "nouveau compte bancaire",
			"changement de domiciliation bancaire", "coordonnees bancaires ont change", "neue bankverbindung", "geanderte bankverbindung", "neue kontoverbindung", "nuevos datos bancarios", "nueva cuenta bancaria",
			"cambio de cuenta bancaria", "nuove coordinate bancarie", "nuovo iban", "cambio iban"},
		"bounce": {"undeliverable", "undelivered mail", "delivery status notification", "mail delivery failed", "returned mail", "delivery failure", "non remis",
			"echec de la remise", "unzustellbar", "no se puede entregar", "mancata consegna"},
	}
}

// wordsOf gives a text's words without accents and in lower case, each with a blank before and after it.
func wordsOf(text string) string {
	var b strings.Builder
	b.WriteByte(' ')
	blank := true
	for _, r := range norm.NFKD.String(text) {
		switch {
		case unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Cf, r):
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			b.WriteRune(unicode.ToLower(r))
			blank = false
		case !blank:
			b.WriteByte(' ')
			blank = true
		}
	}
	if !blank {
		b.WriteByte(' ')
	}
	return b.String()
}

// A topicIndex finds words and phrases by their first word, so that a text is gone through once.
type topicIndex map[string][]topicPhrase

type topicPhrase struct{ topic, phrase string } // the phrase with a blank behind it

func newTopicIndex() topicIndex {
	index := topicIndex{}
	for topic, list := range topicWords() {
		for _, phrase := range list {
			first, _, _ := strings.Cut(phrase, " ")
			index[first] = append(index[first], topicPhrase{topic, phrase + " "})
		}
	}
	return index
}

// ofSubject says what a subject is about.
func (x topicIndex) ofSubject(subject string) []string { return x.in(subject, maxSubject) }

// in says what the first bytes of a text are about.
func (x topicIndex) in(text string, most int) []string {
	if text == "" {
		return nil
	}
	rest := wordsOf(text[:min(len(text), most)])[1:]
	var topics []string
	for rest != "" {
		first, behind, _ := strings.Cut(rest, " ")
		for _, p := range x[first] {
			if strings.HasPrefix(rest, p.phrase) && !slices.Contains(topics, p.topic) {
				topics = append(topics, p.topic)
			}
		}
		rest = behind
	}
	slices.Sort(topics)
	return topics
}

// maxSubject is how much of a subject is looked at.
const maxSubject = 1000
