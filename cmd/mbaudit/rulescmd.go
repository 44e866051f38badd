package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mbaudit/mbaudit/findings/rules"
	"github.com/mbaudit/mbaudit/findings/sigma"
	"github.com/mbaudit/mbaudit/internal/visible"
)

func newRulesCommand(t *terminal, g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "the rules by which mbaudit qualify finds: list, test, explain",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newRulesListCommand(t, g), newRulesTestCommand(t, g), newRulesExplainCommand(t, g))
	return cmd
}

func newRulesListCommand(t *terminal, g *global) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "all rules, a line each (on a wide screen with class, strength and techniques; --json: all)", Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return runRulesList(t, g) },
	}
}

// A ruleLine is what is told of a rule.
type ruleLine struct {
	Name      string      `json:"name"`
	ID        string      `json:"id"`
	Title     string      `json:"title"`
	Class     string      `json:"class"`
	Grade     string      `json:"grade"`
	Strength  string      `json:"strength"`
	Technique []string    `json:"technique"`
	Source    string      `json:"source"`
	Needs     []string    `json:"needs,omitempty"`
	FR        rules.Texts `json:"fr"`
	EN        rules.Texts `json:"en"`
	Tests     int         `json:"tests"`
	File      string      `json:"file"`
}

func lineOf(s *rules.Set, r *rules.Rule) ruleLine {
	line := ruleLine{r.Name, r.ID, r.Title, r.About.Class, r.About.Grade, r.About.Strength, r.Techniques(), sourceName(r.Logsource), r.About.Needs, r.About.FR, r.About.EN,
		len(r.Tests), r.File}
	line.EN.Title = r.Title
	if c := r.Correlation; c != nil {
		line.Source = c.Type + " of " + strings.Join(c.Rules, ", ")
	}
	return line
}

// texts are a rule's in a language.
func (l *ruleLine) texts(language string) rules.Texts {
	if language == "fr" {
		return l.FR
	}
	return l.EN
}

func sourceName(l sigma.Logsource) string {
	if l.Service == "" {
		return l.Category
	}
	return l.Category + "/" + l.Service
}

func runRulesList(t *terminal, g *global) error {
	set, err := rules.Load()
	if err != nil {
		return err
	}
	var lines []ruleLine
	for _, r := range set.Rules {
		lines = append(lines, lineOf(set, r))
	}
	if g.json {
		return t.printJSON(lines)
	}
	p := decisionPage{t, g.language(t)}
	serving := 0
	for _, l := range lines {
		if l.Grade == "none" {
			serving++
		}
		title := l.texts(p.language).Title
		row := fmt.Sprintf("%-28s %-9s %s", l.Name, l.Grade, title)
		if t.width >= wideRules {
			row = fmt.Sprintf("%-28s %-13s %-9s %-7s %-20s %s", l.Name, l.Class, l.Grade, l.Strength, strings.Join(l.Technique, ","), title)
		}
		t.print("%s", visible.Cut(row, t.width))
	}
	t.print(p.word("%d rules, of which %d serve others only; ATT&CK v%s", "%d règles, dont %d ne servent qu’à d’autres\u00a0; ATT&CK v%s"),
		len(lines), serving, set.Attack.Version)
	return nil
}

// wideRules is from which width of the screen on a rule's class, strength and techniques have a place beside its title.
const wideRules = 120

func newRulesTestCommand(t *terminal, g *global) *cobra.Command {
	return &cobra.Command{
		Use: "test [DIR]", Short: "run the tests that the rules bring along; of a directory of Sigma rules, say which can be evaluated",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return runRulesTest(t, g, args) },
	}
}

func runRulesTest(t *terminal, g *global, args []string) error {
	if len(args) == 1 {
		return testForeign(t, args[0])
	}
	set, err := rules.Load()
	if err != nil {
		return err
	}
	tests, err := set.Test()
	if err != nil {
		return err
	}
	if g.json {
		return t.printJSON(map[string]int{"rules": len(set.Rules), "tests": tests})
	}
	t.print("%d rules, %d tests, all as expected", len(set.Rules), tests)
	return nil
}

func newRulesExplainCommand(t *terminal, g *global) *cobra.Command {
	return &cobra.Command{
		Use: "explain RULE", Short: "what a rule looks at, what a hit may mean, what is asked, what is missing without its source",
		Args: exactArgs("RULE"),
		RunE: func(_ *cobra.Command, args []string) error { return runRulesExplain(t, g, args[0]) },
	}
}

func runRulesExplain(t *terminal, g *global, name string) error {
	set, err := rules.Load()
	if err != nil {
		return err
	}
	r := set.Rule(name)
	if r == nil {
		return usageError(fmt.Errorf("there is no rule %q", visible.Text(name)), "to see their names, type: mbaudit rules list")
	}
	l := lineOf(set, r)
	if g.json {
		return t.printJSON(l)
	}
	row := func(name, text string) {
		for _, line := range wrapBehind(fmt.Sprintf("%-10s ", name), visible.Text(text), t.width) {
			t.print("%s", line)
		}
	}
	p := decisionPage{t, g.language(t)}
	word, texts := p.word, l.texts(p.language)
	row(word("rule", "règle"), l.Name+" ("+l.ID+")")
	row(word("title", "titre"), texts.Title)
	row(word("class", "classe"), fmt.Sprintf("%s, grade %s, %s", l.Class, l.Grade, l.Strength))
	for _, id := range l.Technique {
		row("ATT&CK", fmt.Sprintf("%s %s (v%s)", id, set.Attack.Techniques[id], set.Attack.Version))
	}
	row(word("looks at", "regarde"), l.Source)
	var fields []string
	told := map[string]bool{}
	for _, base := range set.Bases(r) {
		fields = append(fields, base.Reads()...)
		if source, ok := set.Source(base.Logsource); ok && !told[source.EN] {
			told[source.EN] = true
			row(word("collected", "collecté"), strings.Join(source.Resources, ", "))
			row(word("without", "sans"), word(source.EN+": not known", source.FR+" : on ne sait pas"))
		}
	}
	slices.Sort(fields)
	row(word("fields", "champs"), strings.Join(slices.Compact(fields), ", "))
	if len(l.Needs) > 0 {
		row(word("needs", "exige"), strings.Join(l.Needs, ", "))
	}
	row(word("means", "signifie"), texts.Means)
	row(word("asks", "demande"), texts.Question)
	for _, test := range r.Tests {
		row("test", fmt.Sprintf("%s: holds %t", test.Name, test.Expect))
	}
	return nil
}
