package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/evidence/journal/export"
	"github.com/mbaudit/mbaudit/internal/visible"
)

type logAddOptions struct {
	at, precision, informant, kind, account, state, decisionBy, result, cost, confidentiality string
	approximate                                                                               bool
	evidence                                                                                  []string
	corrects, outcomeOf                                                                       uint64
	step                                                                                      int
	runbook                                                                                   string
}

func newLogAddCommand(t *terminal, g *global) *cobra.Command {
	var opts logAddOptions
	cmd := &cobra.Command{
		Use:   "add [DESCRIPTION]",
		Short: "write an entry: what happened, when, and who said so",
		Long: `add writes one entry. On a terminal it asks for what is missing, in the case's language.
Entries are never changed: what turns out wrong gets an entry of type correction.
Write facts, no opinion, and no passwords.`,
		Example: `  mbaudit log add
  mbaudit log add --informant "M. Martin, accounting" --type detection \
    --time "yesterday 17:00" "replies to mails that she did not send"
  mbaudit log add --step 3 --informant "A. Durand, hosting" --time 14:05
  mbaudit log add --type correction --corrects 4 --informant "J. Petit" "it was 08:14, not 08:40"`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runLogAdd(cmd.Context(), t, g, strings.Join(args, " "), opts)
		},
	}
	f := cmd.Flags()
	f.StringVar(&opts.at, "time", "", `when it happened: 2026-11-23T14:05:00+01:00, 08:40, "yesterday 17:00" (default: now)`)
	f.StringVar(&opts.precision, "precision", "", "minute, hour or day, where the time is no finer than that")
	f.BoolVar(&opts.approximate, "approximate", false, "it happened around that time")
	f.StringVar(&opts.informant, "informant", "", "person or service who detected or informed")
	f.StringVar(&opts.kind, "type", "", "detection, information, decision, action, collection, communication, cost, error or correction")
	f.StringVar(&opts.account, "account", "", "mailbox or other asset that it is about")
	f.StringArrayVar(&opts.evidence, "evidence", nil, "exhibit that shows it, as in P-000042 (repeatable)")
	f.Uint64Var(&opts.corrects, "corrects", 0, "number of the entry that this one corrects")
	f.Uint64Var(&opts.outcomeOf, "outcome-of", 0, "number of the entry that announced what this one concludes")
	f.IntVar(&opts.step, "step", 0, "tick this step of a runbook (of contain --imap): an action, done, in the runbook's words")
	f.StringVar(&opts.runbook, "runbook", "", "the runbook of --step (default: the case's newest)")
	f.StringVar(&opts.state, "state", "", "of an action: planned, started, done, verified or failed")
	f.StringVar(&opts.decisionBy, "decision-by", "", "who decided")
	f.StringVar(&opts.result, "result", "", "what came of it")
	f.StringVar(&opts.cost, "cost", "", "money or time spent, for the insurer")
	f.StringVar(&opts.confidentiality, "confidentiality", "", "who may read it, as in TLP:AMBER")
	return cmd
}

func runLogAdd(ctx context.Context, t *terminal, g *global, description string, opts logAddOptions) error {
	c, err := g.openCase(t)
	if err != nil {
		return err
	}
	zone, err := c.zone()
	if err != nil {
		return err
	}
	times := timeReader{now: t.now(), zone: zone, language: c.Language}
	entry := journal.Entry{EventTime: t.now().In(zone).Truncate(time.Second), EventPrecision: journal.Precision(opts.precision), EventApproximate: opts.approximate,
		Informant: opts.informant, Recorder: recorder(c), Type: journal.Type(opts.kind), Description: description, Account: opts.account,
		Evidence: opts.evidence, Corrects: opts.corrects, OutcomeOf: opts.outcomeOf, ActionState: journal.State(opts.state),
		DecisionBy: opts.decisionBy, Result: opts.result, Cost: opts.cost, Confidentiality: opts.confidentiality}
	if kind, ok := export.ParseType(opts.kind); ok {
		entry.Type = kind
	}
	if state, ok := export.ParseState(opts.state); ok {
		entry.ActionState = state
	}
	if opts.at != "" {
		told, err := times.read(opts.at)
		if err != nil {
			return usageError(fmt.Errorf("--time: %w", err), timeHint)
		}
		setTime(&entry, told)
	}
	if opts.step != 0 || opts.runbook != "" {
		if err := c.tick(&entry, opts.runbook, opts.step); err != nil {
			return err
		}
	}
	if t.interactive {
		if err := askMissing(ctx, t, c, &entry, times, opts.at == ""); err != nil {
			sayTyped(t, c, entry)
			return err
		}
	}
	written, err := c.journal.Append(entry)
	if err != nil && t.interactive {
		sayTyped(t, c, entry)
	}
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
	t.print(c.words("entry %d written", "entrée %d écrite"), written.Seq)
	return nil
}

// setTime puts a time as it was told into an entry. What a flag said of its precision stays.
func setTime(e *journal.Entry, told toldTime) {
	e.EventTime, e.EventApproximate = told.at, e.EventApproximate || told.approximate
	if e.EventPrecision == journal.Exact {
		e.EventPrecision = told.precision
	}
}

// A question asks a person for one field. take keeps the answer, or says why it cannot be: then it is asked again.
type question struct {
	prompt string
	need   bool // an empty answer is asked again; else it leaves the field as it is
	take   func(answer string) error
}

// askMissing asks a person for what no flag gave. It asks nothing if nothing mandatory is missing.
func askMissing(ctx context.Context, t *terminal, c *openCase, e *journal.Entry, times timeReader, askTime bool) error {
	if e.Informant != "" && e.Type != "" && e.Description != "" && (e.Type != journal.Correction || e.Corrects != 0) {
		return nil
	}
	answers := readLines(t)
	ask := func(missing bool, q question) error {
		if !missing {
			return nil
		}
		return askOne(ctx, t, c, answers, q)
	}
	text := func(field *string) func(string) error {
		return func(answer string) error { *field = answer; return nil }
	}
	if err := ask(e.Informant == "", question{c.words("Informant (person or service who detected or informed): ",
		"Informateur (personne ou service qui a détecté ou informé) : "), true, text(&e.Informant)}); err != nil {
		return err
	}
	if err := ask(askTime, question{c.words("Time of the event (08:40, yesterday 17:00, 2026-11-23 14:05; Enter: now): ",
		"Date et heure du fait (08:40, hier 17:00, 23/11/2026 14:05 ; Entrée : maintenant) : "), false, func(answer string) error {
		told, err := times.read(answer)
		if err == nil {
			setTime(e, told)
		}
		return err
	}}); err != nil {
		return err
	}
	if err := ask(e.Type == "", question{c.words("Type (", "Type (") + typeWords(c.Language) + c.words("): ", ") : "), true, func(answer string) error {
		kind, ok := export.ParseType(answer)
		if !ok {
			return fmt.Errorf(c.words("%q is none of these types", "%q n’est aucun de ces types"), visible.Text(answer))
		}
		e.Type = kind
		return nil
	}}); err != nil {
		return err
	}
	if err := ask(e.Type == journal.Correction && e.Corrects == 0, question{c.words("Corrects (number of the entry that is wrong): ",
		"Corrige (numéro de l’entrée inexacte) : "), true, func(answer string) error { return takeNumber(c, answer, &e.Corrects) }}); err != nil {
		return err
	}
	if err := ask(e.Description == "", question{c.words("Description (what happened; facts, no opinion): ",
		"Description (les faits, sans opinion) : "), true, text(&e.Description)}); err != nil {
		return err
	}
	if err := ask(e.Account == "", question{c.words("Account or other asset (Enter: none): ",
		"Compte ou autre élément concerné (Entrée : aucun) : "), false, text(&e.Account)}); err != nil {
		return err
	}
	if err := ask(e.Type == journal.Decision && e.DecisionBy == "", question{c.words("Decided by (Enter: not said): ",
		"Décidé par (Entrée : non précisé) : "), false, text(&e.DecisionBy)}); err != nil {
		return err
	}
	if err := ask(e.Type == journal.Cost && e.Cost == "", question{c.words("Cost (money or time, Enter: not known yet): ",
		"Coût (argent ou temps, Entrée : pas encore connu) : "), false, text(&e.Cost)}); err != nil {
		return err
	}
	return ask(e.Type == journal.Action && e.ActionState == "", question{c.words("State (planned, started, done, verified, failed; Enter: not said): ",
		"État (prévu, entamé, fait, vérifié, échoué ; Entrée : non précisé) : "), false, func(answer string) error {
		state, ok := export.ParseState(answer)
		if !ok {
			return fmt.Errorf(c.words("%q is none of these states", "%q n’est aucun de ces états"), visible.Text(answer))
		}
		e.ActionState = state
		return nil
	}})
}

func typeWords(language string) string {
	var words []string
	for _, kind := range journal.Types() {
		words = append(words, export.TypeWord(kind, language))
	}
	return strings.Join(words, ", ")
}

// takeNumber reads the number of an entry that is there.
func takeNumber(c *openCase, answer string, field *uint64) error {
	n, err := strconv.ParseUint(answer, 10, 64)
	head, headErr := c.journal.Verify()
	switch {
	case err != nil || n == 0:
		return fmt.Errorf(c.words("%q is not the number of an entry", "%q n’est pas un numéro d’entrée"), visible.Text(answer))
	case headErr == nil && n > head.Seq:
		return fmt.Errorf(c.words("the entries have the numbers 1 to %d", "les entrées portent les numéros 1 à %d"), head.Seq)
	}
	*field = n
	return nil
}

// errInputEnded says that a person stopped answering.
var errInputEnded = errors.New("nothing was written: the answers ended")

// askOne asks until an answer is right.
func askOne(ctx context.Context, t *terminal, c *openCase, answers <-chan string, q question) error {
	for {
		fmt.Fprint(t.stderr, q.prompt)
		select {
		case <-ctx.Done():
			t.say("")
			return fmt.Errorf("nothing was written: %w", ctx.Err())
		case answer, ok := <-answers:
			if !ok {
				t.say("")
				return errInputEnded
			}
			if answer = strings.TrimSpace(answer); answer == "" {
				if !q.need {
					return nil
				}
				t.say("%s", c.words("  this cannot be left out", "  ce champ est obligatoire"))
				continue
			}
			err := q.take(answer)
			if err == nil {
				return nil
			}
			t.say("  %s", visible.Line(err.Error()))
		}
	}
}

// readLines reads stdin line by line, so that a signal is heeded while nobody types. It ends with the program.
func readLines(t *terminal) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		in := bufio.NewReader(t.stdin)
		for {
			line, err := in.ReadString('\n')
			if line != "" {
				lines <- line
			}
			if err != nil {
				return
			}
		}
	}()
	return lines
}

// sayTyped prints the command that goes on with what was typed, so that nothing of it is lost.
func sayTyped(t *terminal, c *openCase, e journal.Entry) {
	var b strings.Builder
	b.WriteString("mbaudit log add --case " + shellQuote(c.dir) + " --time " + shellQuote(e.EventTime.Format(time.RFC3339)))
	for _, f := range []struct{ flag, value string }{
		{"precision", string(e.EventPrecision)}, {"informant", e.Informant}, {"type", string(e.Type)}, {"account", e.Account},
		{"state", string(e.ActionState)}, {"decision-by", e.DecisionBy}, {"result", e.Result}, {"cost", e.Cost},
		{"confidentiality", e.Confidentiality}, {"evidence", strings.Join(e.Evidence, "\x00")},
	} {
		for value := range strings.SplitSeq(f.value, "\x00") {
			if value != "" {
				b.WriteString(" --" + f.flag + " " + shellQuote(value))
			}
		}
	}
	if e.EventApproximate {
		b.WriteString(" --approximate")
	}
	if e.Corrects != 0 {
		fmt.Fprintf(&b, " --corrects %d", e.Corrects)
	}
	if e.OutcomeOf != 0 {
		fmt.Fprintf(&b, " --outcome-of %d", e.OutcomeOf)
	}
	if e.Description != "" {
		b.WriteString(" " + shellQuote(e.Description))
	}
	t.say("%s\n  %s", c.words("What was typed so far; go on with it:", "Ce qui a été saisi ; pour reprendre :"), visible.Line(b.String()))
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
