package report

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/mbaudit/mbaudit/findings/decision"
)

// What the program wrote into the journal and the ledger by itself is in the language of its time: English, or the case's. A report
// in the other language says it again by the catalogue's said.1, said.2 …, which have the same sentence in both. What somebody
// else wrote, a server or a person, stays as it is.

// A form is a sentence that the program writes, in the language it is read in and in that of the report.
type form struct {
	read *regexp.Regexp
	say  []string // what stands between the values
	ours []bool   // of each value: it is the program's own words as well
}

// verb is a place for a value in the catalogue: %s and %d for what stays as it is, %v for what is said again in its turn.
var verb = regexp.MustCompile(`%[sdv]`)

// forms compiles the catalogue's sentences for a report's language.
func forms(words catalogue, language string) []form {
	var all []form
	for i := 1; ; i++ {
		texts, ok := words[fmt.Sprintf("said.%d", i)]
		if !ok {
			return all
		}
		from, to := texts.EN, texts.FR
		if language == "en" {
			from, to = to, from
		}
		pattern := "^"
		f := form{say: verb.Split(to, -1)}
		pieces := verb.Split(from, -1)
		for j, v := range append(verb.FindAllString(from, -1), "") {
			pattern += anySpace.ReplaceAllString(regexp.QuoteMeta(pieces[j]), `[ \x{a0}\x{202f}]`)
			switch v {
			case "%d":
				pattern += `(-?\d+)`
			case "%s", "%v":
				pattern += `(.+?)`
			}
			if v != "" {
				f.ours = append(f.ours, v == "%v")
			}
		}
		f.read = regexp.MustCompile(strings.NewReplacer("'", "['’]", "’", "['’]").Replace(pattern) + "$")
		all = append(all, f)
	}
}

// anySpace are those that French typography makes narrow or fixed.
var anySpace = regexp.MustCompile(`[ \x{a0}\x{202f}]`)

// reword says in the report's language what the program wrote, safe to show. What is in no known form stays as it is.
func (p *page) reword(s string, width int) string {
	if p.forms == nil {
		p.forms = forms(p.words, p.language)
		p.steps = map[string]decision.Text{}
		for _, plan := range p.m.Plans {
			for _, step := range plan.Steps {
				p.steps[step.What.FR], p.steps[step.What.EN] = step.What, step.What
			}
		}
	}
	if text, ok := p.known(s, width); ok {
		return text
	}
	account, step, ok := strings.Cut(s, ": ")
	if text, known := p.steps[strings.TrimSpace(step)]; ok && known {
		return cut(strings.TrimSpace(account), width) + p.colon() + p.say(text)
	}
	parts := strings.Split(s, "; ")
	if len(parts) == 1 || len(parts) > 8 {
		return cut(s, width)
	}
	found := false
	for i, part := range parts {
		part = strings.TrimRight(part, " \u00a0")
		text, ok := p.known(part, width)
		if found = found || ok; ok {
			parts[i] = text
		} else {
			parts[i] = show(part)
		}
	}
	if !found {
		return cut(s, width)
	}
	return strings.Join(parts, p.semicolon())
}

// semicolon stands between two sentences of one line.
func (p *page) semicolon() string {
	if p.language == "fr" {
		return "\u00a0; "
	}
	return "; "
}

// known says a sentence again if it is in a form of the catalogue.
func (p *page) known(s string, width int) (string, bool) {
	if len(s) > maxShown {
		return "", false
	}
	for _, f := range p.forms {
		values := f.read.FindStringSubmatch(s)
		if values == nil {
			continue
		}
		var b strings.Builder
		for i, piece := range f.say {
			b.WriteString(piece)
			if i == len(f.say)-1 {
				break
			}
			if f.ours[i] {
				b.WriteString(p.reword(values[i+1], width))
			} else {
				b.WriteString(cut(values[i+1], width))
			}
		}
		return b.String(), true
	}
	return "", false
}
