package selection

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/mbaudit/mbaudit/evidence"
)

// Words lists the words that mark a message as personal, without accents and in lower case: French, English, German,
// Spanish, Portuguese, Italian, Dutch.
func Words() []string {
	return []string{
		"prive", "privee", "prives", "privees", "perso", "persos", "personnel", "personnelle", "personnels", "personnelles",
		"private", "personal",
		"privat", "privates", "persoenlich", "personlich",
		"privado", "privada", "privados", "privadas", "personales", "pessoal", "pessoais",
		"privato", "privata", "privati", "personale", "personali",
		"persoonlijk",
	}
}

// PersonalMark gives the word by which a record is marked as personal, or "". It is looked for as a whole word,
// whatever its case and accents, in the folder, in labels, keywords and categories, in the decoded subject, and in the
// Sensitivity field. A word too many (the "personnel" of a staff department) keeps a message back that --include-personal
// lets through; a word too few would disclose what the employee's correspondent marked as private.
func PersonalMark(r evidence.Record, head Head) string {
	if r.Gap != nil {
		return mark(folderOf(r))
	}
	texts := []string{folderOf(r), head.Subject, head.Sensitivity}
	for _, name := range []string{"flags", "label", "labels", "x-gm-labels", "categories", "subject", "sensitivity"} {
		texts = append(texts, r.Exhibit.Attrs[name])
	}
	return mark(texts...)
}

// mark finds the first personal word in texts.
func mark(texts ...string) string {
	words := Words()
	for _, text := range texts {
		for word := range strings.FieldsFuncSeq(fold(text), func(r rune) bool { return !unicode.IsLetter(r) }) {
			if slices.Contains(words, word) {
				return word
			}
		}
	}
	return ""
}

// fold takes accents and case off a text.
func fold(text string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(text)))
}
