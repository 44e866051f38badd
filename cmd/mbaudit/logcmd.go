package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/internal/visible"
)

func newLogCommand(t *terminal, g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "log",
		Short: "the logbook (main courante): add, list, verify",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, args []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newLogAddCommand(t, g), newLogListCommand(t, g), newLogVerifyCommand(t, g))
	return cmd
}

type logAddOptions struct {
	at, precision, informant, kind, account, state, decisionBy, result, cost string
	approximate                                                              bool
	evidence                                                                 []string
	corrects                                                                 uint64
}

func newLogAddCommand(t *terminal, g *global) *cobra.Command {
	var opts logAddOptions
	cmd := &cobra.Command{
		Use:   "add [DESCRIPTION]",
		Short: "write an entry: what happened, when, and who said so",
		Example: `  mbaudit log add --informant "M. Martin, accounting" --type detection \
    --time 2026-11-23T08:40:00+01:00 "replies to mails that she did not send"
  mbaudit log add --type correction --corrects 4 --informant "J. Petit" "it was 08:14, not 08:40"`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runLogAdd(t, g, strings.Join(args, " "), opts)
		},
	}
	f := cmd.Flags()
	f.StringVar(&opts.at, "time", "", "when it happened, with its offset: 2026-11-23T14:05:00+01:00 (default: now)")
	f.StringVar(&opts.precision, "precision", "", "minute, hour or day, where the time is no finer than that")
	f.BoolVar(&opts.approximate, "approximate", false, "it happened around that time")
	f.StringVar(&opts.informant, "informant", "", "person or service who detected or informed")
	f.StringVar(&opts.kind, "type", "", "detection, information, decision, action, collection, communication, cost, error or correction")
	f.StringVar(&opts.account, "account", "", "mailbox or other asset that it is about")
	f.StringArrayVar(&opts.evidence, "evidence", nil, "exhibit that shows it, as in P-000042 (repeatable)")
	f.Uint64Var(&opts.corrects, "corrects", 0, "number of the entry that this one corrects")
	f.StringVar(&opts.state, "state", "", "of an action: planned, started, done, verified or failed")
	f.StringVar(&opts.decisionBy, "decision-by", "", "who decided")
	f.StringVar(&opts.result, "result", "", "what came of it")
	f.StringVar(&opts.cost, "cost", "", "money or time spent, for the insurer")
	return cmd
}

func runLogAdd(t *terminal, g *global, description string, opts logAddOptions) error {
	c, err := g.openCase(t)
	if err != nil {
		return err
	}
	entry := journal.Entry{EventTime: t.now().Truncate(time.Second), EventPrecision: journal.Precision(opts.precision), EventApproximate: opts.approximate,
		Informant: opts.informant, Recorder: recorder(c), Type: journal.Type(opts.kind), Description: description, Account: opts.account,
		Evidence: opts.evidence, Corrects: opts.corrects, ActionState: journal.State(opts.state), DecisionBy: opts.decisionBy, Result: opts.result, Cost: opts.cost}
	if opts.at != "" {
		if entry.EventTime, err = time.Parse(time.RFC3339, opts.at); err != nil {
			return usageError(fmt.Errorf("--time %q is not a time", visible.Text(opts.at)), "write it with its offset, as in --time 2026-11-23T14:05:00+01:00")
		}
	}
	if t.interactive {
		if err := askMissing(t, &entry); err != nil {
			return err
		}
	}
	written, err := c.journal.Append(entry)
	var invalid *journal.InvalidError
	if errors.As(err, &invalid) {
		return usageError(err, "an entry needs --informant, --type and a description: mbaudit log add --help")
	}
	if err != nil {
		return err
	}
	if g.json {
		return t.printJSON(written)
	}
	t.print("entry %d written", written.Seq)
	return nil
}

// recorder is who writes: the person at the keyboard, who may be another than the case's operator.
func recorder(c *openCase) string {
	u, err := user.Current()
	if err != nil || u.Username == "root" || u.Name == c.Operator.Name || u.Username == c.Operator.Name {
		return c.Operator.Name
	}
	return loginName()
}

// askMissing asks a person for the mandatory fields that no flag gave.
func askMissing(t *terminal, e *journal.Entry) error {
	in := bufio.NewReader(t.stdin)
	for _, field := range []struct {
		question string
		value    *string
	}{
		{"Who detected or informed? ", &e.Informant},
		{"Type (detection, information, decision, action, communication, cost, error)? ", (*string)(&e.Type)},
		{"What happened? ", &e.Description},
	} {
		if *field.value != "" {
			continue
		}
		fmt.Fprint(t.stderr, field.question)
		answer, err := in.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		*field.value = strings.TrimSpace(answer)
	}
	return nil
}

func newLogListCommand(t *terminal, g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "print the entries",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, args []string) error { return runLogList(t, g) },
	}
}

func runLogList(t *terminal, g *global) error {
	c, err := g.openCase(t)
	if err != nil {
		return err
	}
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return err
	}
	f, err := os.Open(c.journal.Path())
	if err != nil {
		return err
	}
	defer f.Close()
	for entry, err := range journal.Read(f) {
		if err != nil {
			var broken *journal.BrokenError
			if !errors.As(err, &broken) {
				return err
			}
			t.say("mbaudit: warning: %s", visible.Line(err.Error()))
			if entry.Seq == 0 {
				continue
			}
		}
		if g.json {
			if err := t.printJSON(entry); err != nil {
				return err
			}
			continue
		}
		printEntry(t, entry, zone)
	}
	return nil
}

// late is from when on an entry that was written after its event is marked.
const late = 15 * time.Minute

// printEntry prints one entry, in as many lines as it needs at 80 columns: time and kind, then who and what.
func printEntry(t *terminal, e journal.Entry, zone *time.Location) {
	when := e.EventTime.In(zone).Format("2006-01-02 15:04:05 -07:00")
	if e.EventApproximate {
		when = "about " + when
	}
	mark := ""
	if e.Auto {
		mark += " [mbaudit]"
	}
	if e.ActionState != "" {
		mark += " [" + visible.Text(string(e.ActionState)) + "]"
	}
	if d := e.Delay(); d > late {
		mark += fmt.Sprintf(" [written %s later]", d.Round(time.Minute))
	}
	if e.Corrects != 0 {
		mark += fmt.Sprintf(" [corrects %d]", e.Corrects)
	}
	t.print("%4d  %s  %s%s", e.Seq, when, visible.Text(string(e.Type)), mark)
	if !e.Auto {
		t.print("      %s:", visible.Text(e.Informant))
	}
	for _, line := range wrap(visible.Text(e.Description), t.width-6) {
		t.print("      %s", line)
	}
	if e.Result != "" {
		for _, line := range wrap("-> "+visible.Text(e.Result), t.width-6) {
			t.print("      %s", line)
		}
	}
}

// wrap breaks a text at spaces into lines of at most width characters; a longer word stays whole.
func wrap(text string, width int) []string {
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
	}
	return append(lines, line)
}

func newLogVerifyCommand(t *terminal, g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "prove that no entry was changed, removed or inserted",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, args []string) error { return runLogVerify(t, g) },
	}
}

func runLogVerify(t *terminal, g *global) error {
	c, err := g.openCase(t)
	if err != nil {
		return err
	}
	f, err := os.Open(c.journal.Path())
	if err != nil {
		return err
	}
	defer f.Close()
	head, err := journal.Verify(f)
	var broken *journal.BrokenError
	if errors.As(err, &broken) {
		t.print("NOT VERIFIED: %s", visible.Line(err.Error()))
		return statusError(statusNotVerified)
	}
	if err != nil {
		return err
	}
	if g.json {
		return t.printJSON(head)
	}
	t.print("VERIFIED: %d entries, the last one's SHA-256 is %s", head.Count, head.SHA256)
	for _, seq := range head.Late {
		t.say("entry %d was recorded, by the clock, before the one above it: was the clock set back?", seq)
	}
	return nil
}
