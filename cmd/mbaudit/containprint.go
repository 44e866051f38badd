package main

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/mbaudit/mbaudit/containment"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// containWords are what tables of containment say, in the case's language.
type containWords struct {
	head, why, effect, scope, seen, stops, warning, instead, unknown string
	decisions                                                        map[containment.Decision]string
	undo                                                             map[containment.Reversibility]string
	verdicts                                                         map[containment.Verdict]string
	events                                                           map[containment.Event]string
}

func (c *openCase) containWords() containWords {
	if c.Language == "fr" {
		return containWords{"plan %s\n%s : %s, %d étapes, %d à appliquer", "raison : ", "effet : ", "droit : ", "pièce", "ARRÊT : ", "attention : ", "plutôt : ", "%d étapes attendent votre décision",
			map[containment.Decision]string{containment.Take: "oui", containment.Keep: "garder", containment.Unknown: "décider"},
			map[containment.Reversibility]string{containment.Whole: "entière", containment.Partly: "en partie", containment.Never: "jamais"},
			map[containment.Verdict]string{containment.Stands: "tient", containment.Back: "REVENU", containment.New: "NOUVEAU", containment.NotSeen: "non vu",
				containment.Pending: "en cours", containment.Untold: "invisible"},
			map[containment.Event]string{containment.Done: "fait", containment.Held: "déjà fait", containment.Failed: "ÉCHEC", containment.Undone: "annulé", containment.UndoFail: "annulation impossible"}}
	}
	return containWords{"plan %s\n%s: %s, %d steps, %d to be applied", "why: ", "effect: ", "right: ", "exhibit", "STOPS: ", "warning: ", "instead: ", "%d steps wait for your decision",
		map[containment.Decision]string{containment.Take: "apply", containment.Keep: "keep", containment.Unknown: "decide"},
		map[containment.Reversibility]string{containment.Whole: "whole", containment.Partly: "partly", containment.Never: "never"},
		map[containment.Verdict]string{containment.Stands: "stands", containment.Back: "BACK", containment.New: "NEW", containment.NotSeen: "not seen",
			containment.Pending: "pending", containment.Untold: "unseeable"},
		map[containment.Event]string{containment.Done: "done", containment.Held: "held already", containment.Failed: "FAILED", containment.Undone: "undone", containment.UndoFail: "not undone"}}
}

// tableWidth is that of a letter and of the oldest terminals.
const tableWidth = 80

// printPlan prints a plan for people.
func (r *containing) printPlan(p containment.Plan) {
	w := r.c.containWords()
	counts := map[containment.Decision]int{}
	for _, s := range p.Steps {
		counts[s.Decision]++
	}
	for _, line := range strings.Split(fmt.Sprintf(w.head, p.ID, p.Mode, visible.Line(p.Account), len(p.Steps), counts[containment.Take]), "\n") {
		r.wrapped("", line)
	}
	if n := counts[containment.Unknown]; n > 0 {
		r.wrapped("", fmt.Sprintf(w.unknown, n))
	}
	for _, warning := range p.Warnings {
		kind := w.warning
		if warning.Stops {
			kind = w.stops
		}
		r.wrapped("  ! ", kind+warning.Text.In(r.c.Language))
		r.wrapped("    ", w.instead+warning.Instead.In(r.c.Language))
	}
	for _, s := range p.Steps {
		r.wrapped(fmt.Sprintf("%3d %-8s %-9s ", s.N, w.decisions[s.Decision], w.undo[s.Undo]), s.What.In(r.c.Language))
		const indent = "                       "
		r.wrapped(indent, w.why+s.Why.In(r.c.Language))
		r.wrapped(indent, w.effect+s.SideEffect.In(r.c.Language))
		last := w.scope + strings.TrimPrefix(s.Scope, "https://www.googleapis.com/auth/")
		if len(s.Exhibits) > 0 {
			last += "; " + w.seen + " " + strings.Join(s.Exhibits, ", ")
		}
		r.wrapped(indent, last)
	}
	r.printChores(p)
}

// printChores prints what is left to a person, with what the log has of it.
func (r *containing) printChores(p containment.Plan) {
	if len(p.ByHand) == 0 {
		return
	}
	r.print("%s", r.c.words("By hand, for no API does it:", "À la main, car aucune API ne le fait :"))
	for _, c := range p.ByHand {
		r.wrapped("  [ ] ", c.What.In(r.c.Language))
		r.wrapped("      ", r.c.containWords().why+c.Why.In(r.c.Language))
		if c.Link != "" {
			r.wrapped("      ", c.Link)
		}
		for _, line := range c.Seen {
			r.wrapped("      ! ", line)
		}
	}
}

// wrapped prints a text in lines of at most 80 characters, the first behind a head, the others indented as far. What came
// from an account is escaped.
func (r *containing) wrapped(head, text string) {
	for _, line := range wrapBehind(head, visible.Line(text), tableWidth) {
		r.print("%s", line)
	}
}

// wrapBehind breaks a text into lines, the first behind a head, the others indented as far.
func wrapBehind(head, text string, width int) []string {
	indent := strings.Repeat(" ", utf8.RuneCountInString(head))
	lines := wrap(text, width-len(indent))
	for i, line := range lines {
		lines[i] = strings.TrimRight(head+line, " ")
		head = indent
	}
	return lines
}
