package report

import (
	"fmt"
	"strings"

	"github.com/mbaudit/mbaudit/findings/decision"
	"github.com/mbaudit/mbaudit/internal/phrase"
)

// What the program wrote into the journal and the ledger by itself is in the language of its time: English, or the case's. A report
// in the other language says it again by the catalogue's said.1, said.2 …, which have the same sentence in both. What somebody
// else wrote, a server or a person, stays as it is.

// forms compiles the catalogue's sentences for a report's language.
func forms(words catalogue, language string) []phrase.Form {
	var all []phrase.Form
	for i := 1; ; i++ {
		texts, ok := words[fmt.Sprintf("said.%d", i)]
		switch {
		case !ok:
			return all
		case language == "en":
			all = append(all, phrase.Compile(texts.FR, texts.EN))
		default:
			all = append(all, phrase.Compile(texts.EN, texts.FR))
		}
	}
}

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
		text, ok := f.Again(s, func(value string, ours bool) string {
			if ours {
				return p.reword(value, width)
			}
			return cut(value, width)
		})
		if ok {
			return text, true
		}
	}
	return "", false
}
