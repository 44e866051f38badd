package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/evidence/journal/export"
	"github.com/mbaudit/mbaudit/internal/visible"
)

type logListOptions struct {
	types        []string
	account      string
	since, until string
	open         bool
}

func newLogListCommand(t *terminal, g *global) *cobra.Command {
	var opts logListOptions
	cmd := &cobra.Command{
		Use:   "list",
		Short: "print the entries",
		Long: `list prints the entries with the time of the event, in the case's zone, and the time at
which they were written. An entry that was written late is marked, and one that another
entry corrects names that entry.`,
		Example: `  mbaudit log list --type decision --type action --since yesterday\ 08:00
  mbaudit log list --open`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runLogList(t, g, opts) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&opts.types, "type", nil, "only entries of this type (repeatable)")
	f.StringVar(&opts.account, "account", "", "only entries about this mailbox or asset")
	f.StringVar(&opts.since, "since", "", "only events from this time on, as in 2026-11-23 or 08:40")
	f.StringVar(&opts.until, "until", "", "only events until this time, or to the end of this day")
	f.BoolVar(&opts.open, "open", false, "only what was planned or started and has no outcome yet")
	return cmd
}

func runLogList(t *terminal, g *global, opts logListOptions) error {
	c, err := g.openCase(t)
	if err != nil {
		return err
	}
	zone, err := c.zone()
	if err != nil {
		return err
	}
	wanted, err := opts.filter(t, c, zone)
	if err != nil {
		return err
	}
	lines, err := readable(t, c)
	if err != nil {
		return err
	}
	corrections, concluded := export.Corrections(lines), make(map[uint64]bool)
	for _, e := range lines {
		concluded[e.OutcomeOf] = true
	}
	for _, e := range lines {
		if !wanted(e.Entry) || opts.open && (concluded[e.Seq] || e.ActionState != journal.Started && e.ActionState != journal.Planned) {
			continue
		}
		if g.json {
			if err := t.printJSON(e.Entry); err != nil {
				return err
			}
			continue
		}
		printEntry(t, c, e.Entry, corrections[e.Seq], zone)
	}
	return nil
}

// readable gives every entry that can be read, below a broken line too, and warns of each broken one.
func readable(t *terminal, c *openCase) ([]journal.Line, error) {
	f, err := os.Open(c.journal.Path())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var lines []journal.Line
	for line, err := range journal.Lines(f) {
		if err != nil {
			var broken *journal.BrokenError
			if !errors.As(err, &broken) {
				return nil, err
			}
			t.say("mbaudit: warning: %s", visible.Line(err.Error()))
			if line.Seq == 0 {
				continue
			}
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// filter gives the function that says whether an entry is wanted.
func (o logListOptions) filter(t *terminal, c *openCase, zone *time.Location) (func(journal.Entry) bool, error) {
	var types []journal.Type
	for _, word := range o.types {
		kind, ok := export.ParseType(word)
		if !ok {
			return nil, usageError(fmt.Errorf("there is no type %q", visible.Text(word)), "type --type followed by one of: "+typeWords(c.Language))
		}
		types = append(types, kind)
	}
	times := timeReader{now: t.now(), zone: zone, language: c.Language}
	var since, until time.Time
	for _, bound := range []struct {
		flag, value string
		at          *time.Time
	}{{"--since", o.since, &since}, {"--until", o.until, &until}} {
		if bound.value == "" {
			continue
		}
		told, err := times.read(bound.value)
		if err != nil {
			return nil, usageError(fmt.Errorf("%s: %w", bound.flag, err), strings.Replace(timeHint, "--time ", "", 1))
		}
		*bound.at = told.at
		if bound.flag == "--until" && told.precision == journal.Day {
			*bound.at = told.at.AddDate(0, 0, 1).Add(-time.Nanosecond)
		}
	}
	if !since.IsZero() && !until.IsZero() && until.Before(since) {
		return nil, usageError(errors.New("--until is before --since"), "exchange the two")
	}
	return func(e journal.Entry) bool {
		return (len(types) == 0 || slices.Contains(types, e.Type)) && (o.account == "" || strings.EqualFold(e.Account, o.account)) &&
			!e.EventTime.Before(since) && (until.IsZero() || !e.EventTime.After(until))
	}, nil
}

// printEntry prints one entry, in as many lines as it needs on the screen: when and what kind, who and when it was
// written, then what.
func printEntry(t *terminal, c *openCase, e journal.Entry, correctedBy []uint64, zone *time.Location) {
	head := fmt.Sprintf("%4d  %s  %s", e.Seq, export.EventTime(e, zone, c.Language), export.TypeWord(e.Type, c.Language))
	for _, mark := range export.Marks(e, correctedBy, c.Language) {
		mark = "[" + mark + "]"
		if len([]rune(head))+1+len([]rune(mark)) > t.width {
			t.print("%s", head)
			head = "     "
		}
		head += " " + mark
	}
	t.print("%s", head)
	indented := func(text string) {
		for _, line := range wrap(text, t.width-6) {
			t.print("      %s", line)
		}
	}
	if !e.Auto || e.EventTime.Sub(e.RecordedTime).Abs() >= time.Second {
		who := visible.Text(e.Informant) + c.words("; recorded ", " ; enregistré le ") + export.RecordedTime(e, zone)
		if e.Recorder != "" && !e.Auto {
			who += c.words(" by ", " par ") + visible.Text(e.Recorder)
		}
		indented(who)
	}
	indented(visible.Text(e.Description))
	if e.Result != "" {
		indented("-> " + visible.Text(e.Result))
	}
	for _, f := range []struct{ name, value string }{
		{c.words("account: ", "compte : "), e.Account}, {c.words("exhibits: ", "pièces : "), strings.Join(e.Evidence, " ")},
		{c.words("decided by: ", "décidé par : "), e.DecisionBy}, {c.words("cost: ", "coût : "), e.Cost},
		{c.words("confidentiality: ", "confidentialité : "), e.Confidentiality},
	} {
		if f.value != "" && !e.Auto {
			indented(f.name + visible.Text(f.value))
		}
	}
}

// wrap breaks a text at spaces into lines of at most width characters; a longer word is broken where it must be.
func wrap(text string, width int) []string {
	width = max(width, 20)
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
		for rest := []rune(line); len(rest) > width; rest = []rune(line) {
			lines, line = append(lines, string(rest[:width])), string(rest[width:])
		}
	}
	return append(lines, line)
}
