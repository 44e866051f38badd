package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mbaudit/mbaudit/findings/decision"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// pageWidth is how wide a decision is printed: it is read over the telephone and on paper.
const pageWidth = 80

// maxPrinted is how many clocks and unknowns are printed; decision.json has them all.
const maxPrinted = 5

// A decisionPage prints a decision in one language.
type decisionPage struct {
	t        *terminal
	language string
}

// printDecision prints the level, the rule, the four axes, the clocks and what nobody knows.
func printDecision(t *terminal, language string, d *decision.Decision) {
	p := decisionPage{t, language}
	p.levels(d)
	t.print("")
	for _, a := range []decision.Axis{d.Confirmation, d.Scope, d.Impact, d.Urgency} {
		p.axis(a)
	}
	t.print("")
	p.clocks(d)
	p.unknowns(d)
	if d.Change != nil && len(d.Change.Text) > 0 {
		p.line("%s %s :", p.word("Changed since", "Depuis"), utc(d.Change.Since))
		for _, c := range d.Change.Text {
			p.wrap("  ", c.In(language))
		}
	}
	p.wrap("", d.Bias.In(language))
	t.print("")
}

func (p decisionPage) word(english, french string) string {
	return decision.Text{FR: french, EN: english}.In(p.language)
}

func (p decisionPage) line(format string, args ...any) {
	p.t.print("%s", visible.Cut(fmt.Sprintf(format, args...), pageWidth))
}

// wrap prints a text over as many lines as it takes, each indented.
func (p decisionPage) wrap(indent, text string) { p.lines(indent, indent, visible.Text(text)) }

// hang prints a text behind first, and what does not fit in lines that begin below it. What a stranger wrote ends somewhere.
func (p decisionPage) hang(first, text string) {
	indent := strings.Repeat(" ", utf8.RuneCountInString(first))
	p.lines(first, cmp.Or(indent, first), visible.Cut(text, longestWords))
}

// lines breaks what has been made visible already.
func (p decisionPage) lines(first, indent, text string) {
	line, begun := first, false
	for _, word := range strings.Fields(text) {
		if utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > pageWidth && begun {
			p.t.print("%s", cutRunes(line))
			line, begun = indent, false
		}
		if begun {
			line += " "
		}
		line, begun = line+word, true
	}
	if begun {
		p.t.print("%s", cutRunes(line))
	}
}

// cutRunes shortens what has been made visible already.
func cutRunes(s string) string {
	if utf8.RuneCountInString(s) <= pageWidth {
		return s
	}
	return string([]rune(s)[:pageWidth-1]) + "…"
}

func (p decisionPage) levels(d *decision.Decision) {
	p.line("%s: %s", p.word("Case", "Dossier "), strings.Join(nonEmpty(d.Case, strings.Join(d.Accounts, ", ")), ", "))
	p.line("%-20s %s (%s)", p.word("LEVEL ESTABLISHED", "NIVEAU ÉTABLI"), strings.ToUpper(d.Level.In(p.language)), ruleName(d.Rule))
	p.line("%-20s %s (%s)", p.word("LEVEL POSSIBLE", "NIVEAU POSSIBLE"), strings.ToUpper(d.Possible.In(p.language)), ruleName(d.Worst))
	if o := d.Override; o != nil {
		p.line("%-20s %s", p.word("LEVEL IN FORCE", "NIVEAU RETENU"), strings.ToUpper(d.InForce.In(p.language)))
		p.wrap("  ", fmt.Sprintf(p.word("set by %s on %s (journal entry %d): %s", "fixé par %s le %s (main courante n° %d) : %s"), o.By, utc(o.At), o.Seq, o.Reason))
	}
	p.wrap("  ", ruleName(d.Rule)+p.word(": ", " : ")+d.Rule.Text.In(p.language))
	for _, why := range d.If[:min(len(d.If), maxPrinted)] {
		p.wrap("  ", p.word("possible if: ", "possible si : ")+why.In(p.language))
	}
	for _, s := range d.Sensitive {
		p.wrap("  ", p.word("sensitive account: ", "compte sensible : ")+s.Account+", "+s.Why.In(p.language))
	}
	p.wrap("  ", d.Story.What.In(p.language)+p.when(d.Story.First, d.Story.Last))
}

func ruleName(r decision.Rule) string {
	if r.Via == "" {
		return r.ID
	}
	return r.ID + "/" + r.Via
}

func (p decisionPage) when(first, last time.Time) string {
	if first.IsZero() {
		return ""
	}
	return fmt.Sprintf(p.word("; from %s to %s", " ; du %s au %s"), utc(first), utc(last))
}

// axis prints an axis in one line: its answer, its value, and the best exhibit with what it shows.
func (p decisionPage) axis(a decision.Axis) {
	answers := map[decision.Answer]string{decision.Yes: p.word("yes", "oui"), decision.No: p.word("no", "non"), decision.Unknown: p.word("not known", "ne sait pas")}
	value := fmt.Sprint(a.Established)
	if a.Possible > a.Established {
		value = fmt.Sprintf("%d-%d", a.Established, a.Possible)
	}
	best := ""
	if a.Best != "" {
		_, best, _ = strings.Cut(a.Best, "/")
	}
	p.line("%-13s %-3s %s", a.Name.In(p.language), value, strings.Join(nonEmpty(answers[a.Answer], a.Word.In(p.language), best, groundOf(a, p.language)), ", "))
}

// groundOf is what the first ground says, or what is open where none holds.
func groundOf(a decision.Axis, language string) string {
	for _, g := range a.Grounds {
		if !g.Struck {
			return g.Text.In(language)
		}
	}
	if len(a.Open) > 0 {
		return a.Open[0].Text.In(language)
	}
	return ""
}

func (p decisionPage) clocks(d *decision.Decision) {
	states := map[string]string{"running": p.word("running", "court"), "over": p.word("OVER", "DÉPASSÉ"), "stopped": p.word("done", "fait"), "not started": p.word("not started", "non commencé")}
	left := 0
	for i, c := range d.Clocks {
		if i >= maxPrinted {
			left++
			continue
		}
		ends := p.word("at once", "tout de suite")
		if !c.Ends.IsZero() {
			ends = utc(c.Ends)
		}
		p.line("%-14s %-20s %s", states[c.State], ends, c.Name.In(p.language))
	}
	if left > 0 {
		p.line(p.word("%d more clocks: decision.json", "%d autres échéances : decision.json"), left)
	}
}

func (p decisionPage) unknowns(d *decision.Decision) {
	if len(d.Unknowns) == 0 {
		return
	}
	p.line("%s", p.word("What we do not know:", "Ce que l'on ne sait pas :"))
	for _, u := range d.Unknowns[:min(len(d.Unknowns), maxPrinted)] {
		until := ""
		if !u.Expires.IsZero() {
			until = p.word(" (until ", " (jusqu'au ") + u.Expires.UTC().Format(time.DateOnly) + ")"
		}
		p.line("  %s%s", strings.Join(nonEmpty(u.Text.In(p.language), u.Account), ", "), until)
	}
	if more := len(d.Unknowns) - maxPrinted; more > 0 {
		p.line(p.word("  %d more: decision.json", "  %d de plus : decision.json"), more)
	}
}
