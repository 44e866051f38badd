package phrase_test

import (
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/internal/phrase"
)

func TestAgain(t *testing.T) {
	for _, c := range []struct{ from, to, text, want string }{
		{"%d messages of %s: %v", "%d messages de %s\u00a0: %v", "3 messages of alice: it failed", "3 messages de <alice>\u00a0: IT FAILED"},
		{"l’analyse de %s : %s", "the analysis of %s: %s", "l'analyse de x\u202f: y", "the analysis of <x>: <y>"},
		{"%d messages", "%d messages", "many messages", ""},
		{"a (b)", "c", "a (b)", "c"},
		{"a (b)", "c", "a (b) and more", ""},
		{"a", "b", "", ""},
	} {
		got, ok := phrase.Compile(c.from, c.to).Again(c.text, func(text string, ours bool) string {
			switch {
			case ours:
				return strings.ToUpper(text)
			case text[0] >= '0' && text[0] <= '9':
				return text
			}
			return "<" + text + ">"
		})
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%q in %q: %q, %v", c.text, c.from, got, ok)
		}
	}
}
