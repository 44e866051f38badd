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
		Use: "list", Short: "all rules, a line each", Args: noArgs,
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
	serving := 0
	for _, l := range lines {
		if l.Grade == "none" {
			serving++
		}
		t.print("%s", visible.Cut(fmt.Sprintf("%-28s %-13s %-9s %-7s %-20s %s", l.Name, l.Class, l.Grade, l.Strength, strings.Join(l.Technique, ","), l.Title), max(t.width, 120)))
	}
	t.print("%d rules, of which %d serve others only; ATT&CK v%s", len(lines), serving, set.Attack.Version)
	return nil
}

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
	p := page{t}
	p.row("rule", l.Name+" ("+l.ID+")")
	p.row("title", l.Title)
	p.row("titre", l.FR.Title)
	p.row("class", fmt.Sprintf("%s, grade %s, %s", l.Class, l.Grade, l.Strength))
	for _, id := range l.Technique {
		p.row("ATT&CK", fmt.Sprintf("%s %s (v%s)", id, set.Attack.Techniques[id], set.Attack.Version))
	}
	p.row("looks at", l.Source)
	var fields []string
	for _, base := range set.Bases(r) {
		fields = append(fields, base.Reads()...)
		if source, ok := set.Source(base.Logsource); ok {
			p.row("collected", strings.Join(source.Resources, ", "))
			p.row("without", source.EN+": not known")
			p.row("sans", source.FR+" : on ne sait pas")
		}
	}
	slices.Sort(fields)
	p.row("fields", strings.Join(slices.Compact(fields), ", "))
	p.row("needs", strings.Join(l.Needs, ", "))
	p.row("means", l.EN.Means)
	p.row("signifie", l.FR.Means)
	p.row("asks", l.EN.Question)
	p.row("demande", l.FR.Question)
	for _, test := range r.Tests {
		p.row("test", fmt.Sprintf("%s: holds %t", test.Name, test.Expect))
	}
	return nil
}
