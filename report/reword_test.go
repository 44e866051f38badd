package report

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/findings/decision"
	"github.com/mbaudit/mbaudit/internal/phrase"
)

// TestReword: what mbaudit wrote by itself is said in the report's language, step texts of plans too; what a server or a person
// said, and what is in no known form, stays as it is.
func TestReword(t *testing.T) {
	m := &Model{Plans: []Plan{{Steps: []Step{{What: decision.Text{FR: "fermer toutes les sessions web", EN: "end all sessions on the web"}}}}}}
	m.Case.TimeZone = "UTC"
	for _, c := range []struct{ language, in, want string }{
		{"fr", "sealing bundle 01ABC", "scellement de 01ABC"},
		{"fr", "collecting the rest of alice@example.test from workspace http://x into 01ABC", "collecte du reste de alice@example.test depuis workspace hxxp[:]//x dans 01ABC"},
		{"fr", "qualified: established major incident, possible cyber crisis, rule R2", "qualifié\u00a0: établi incident majeur, possible crise cyber, règle R2"},
		{"fr", "alice@example.test: end all sessions on the web", "alice@example.test\u00a0: fermer toutes les sessions web"},
		{"en", "alice@example.test: fermer toutes les sessions web", "alice@example.test: end all sessions on the web"},
		{"en", "plan de reprise de alice@example.test : 3 étapes, rien n'a été changé", "planned how to take alice@example.test back: 3 steps, nothing changed"},
		{"fr", "not offered: nothing listens at h:4190 (connection refused); IMAP does not offer FILTER=SIEVE", "non proposé\u00a0: rien n’écoute à h:4190 (connexion refusée)\u00a0; IMAP n’offre pas FILTER=SIEVE"},
		{"fr", "NO [NOPERM] permission denied", "NO [NOPERM] permission denied"},
		{"fr", "sealing bundle \u202ex", "scellement de \\u{202E}x"},
		{"en", "sealing bundle 01ABC", "sealing bundle 01ABC"},
		{"fr", "", ""},
	} {
		p, err := newPage(m, c.language)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.reword(c.in, 200); got != c.want {
			t.Errorf("%s: %q is said as %q, want %q", c.language, c.in, got, c.want)
		}
	}
}

// TestForms: each sentence of the program is found again in either language, by its own form and not by an earlier, shorter one.
func TestForms(t *testing.T) {
	words, err := loadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	verb := regexp.MustCompile(`%[sdv]`)
	known := func(f phrase.Form, sentence string) bool {
		_, ok := f.Again(sentence, func(value string, _ bool) string { return value })
		return ok
	}
	for _, language := range Languages() {
		all := forms(words, language)
		for i, f := range all {
			sentence := verb.ReplaceAllString(words[fmt.Sprintf("said.%d", i+1)].In(map[string]string{"fr": "en", "en": "fr"}[language]), "7")
			if !known(f, sentence) {
				t.Errorf("said.%d does not know its own sentence %q", i+1, sentence)
			}
			for j, other := range all[:i] {
				if known(other, sentence) && other.Values() < f.Values() {
					t.Errorf("said.%d takes %q from said.%d: it belongs after it", j+1, sentence, i+1)
				}
			}
		}
	}
}

func TestOffset(t *testing.T) {
	p, err := newPage(&Model{}, "en")
	if err != nil {
		t.Fatal(err)
	}
	for d, want := range map[time.Duration]string{-794 * time.Millisecond: "-794 ms", 90 * time.Second: "1m30s", -(41*24*time.Hour + 9*time.Hour): "-41 days and 9h0m0s"} {
		if got := p.offset(d); got != want {
			t.Errorf("%v is said as %q, want %q", d, got, want)
		}
	}
}
