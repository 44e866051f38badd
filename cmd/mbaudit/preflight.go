package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mbaudit/mbaudit/collectors/imap"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/internal/visible"
)

type preflightOptions struct {
	account  string
	imap     imapOptions
	google   googleOptions
	patience time.Duration
}

func newPreflightCommand(t *terminal, g *global) *cobra.Command {
	var opts preflightOptions
	cmd := &cobra.Command{
		Use:   "preflight --account A (--imap imaps://HOST | --workspace)",
		Short: "say what a server offers and refuses, before anything is collected",
		Long: `preflight connects, logs in, opens one folder for reading only, and says what this server
offers that evidence depends on, what it refuses, how much there is to collect, and what
its administrator can switch on. It changes nothing and keeps nothing; the server writes
the login into its logs. With a case, the logbook says that it was done. It works without.

OK: offered, and where it can be tried, tried. not offered: the server does not have it.
refused: it has it and says no. unknown: not asked, or not answered.

With --workspace each source of a Google Workspace is asked once for its smallest page:
what can be read, which scope, role, licence or API is missing, how long Google keeps each
log, whether the clocks agree, and what to do about each of these (docs/WORKSPACE.md).
With --imap imaps://imap.gmail.com beside it, the same delegation logs in there too.

Exit status: 0 if a collection can work, 1 if not, with what to do about it; 3 if some
sources of a Workspace would be gaps.`,
		Example: `  mbaudit preflight --account alice@example.com --imap imaps://mail.example.com
  mbaudit preflight --account alice@example.com --workspace --google-key key.json \
    --google-admin admin@example.com`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runPreflight(cmd.Context(), t, g, &opts) },
	}
	f := cmd.Flags()
	f.StringVar(&opts.account, "account", "", "account to examine")
	opts.imap.addFlags(f)
	opts.google.addAccessFlags(f)
	f.DurationVar(&opts.patience, "timeout", time.Minute, "how long to wait for the server altogether")
	return cmd
}

func runPreflight(ctx context.Context, t *terminal, g *global, opts *preflightOptions) error {
	switch {
	case opts.account == "":
		return usageError(errors.New("no account is named"), "add --account alice@example.com")
	case opts.patience <= 0:
		return usageError(errors.New("--timeout is not a time to wait"), "write it as in: --timeout 5m")
	case opts.imap.url == "" && !opts.google.on:
		return usageError(errors.New("no source is named"), "add --imap imaps://mail.example.com, or --workspace")
	case opts.imap.url != "" && opts.google.on && !opts.imap.takesDelegation(t):
		return usageError(errors.New("--imap and --workspace are two sources"), "test them one after the other; the delegation is tried at --imap imaps://imap.gmail.com where no other login is given")
	}
	if err := opts.google.check([]string{opts.account}, false); err != nil {
		return err
	}
	if opts.google.on {
		return runGooglePreflight(ctx, t, g, opts)
	}
	if err := opts.imap.check(1); err != nil {
		return err
	}
	c, err := g.caseIfAny(t)
	if err != nil {
		return err
	}
	sources, err := opts.imap.sources(t, []string{opts.account})
	if err != nil {
		return err
	}
	done := func(string, error) error { return nil }
	if c != nil {
		done, err = c.begin(journal.Collection, "testing what "+opts.imap.url+" offers for "+opts.account,
			map[string]string{"account": opts.account, "server": opts.imap.url})
		if err != nil {
			return err
		}
	}
	report, failed := sources[opts.account].collector.Preflight(ctx, opts.account,
		imap.PreflightOptions{Patience: opts.patience})
	if err := done(preflightSummary(report), failed); err != nil {
		return errors.Join(failed, err)
	}
	if g.json {
		err = t.printJSON(report)
	} else {
		printPreflight(t, report)
	}
	if c != nil {
		c.tellOpen(t)
	}
	if failed != nil {
		return failed
	}
	return err
}

// preflightSummary is one line for the logbook.
func preflightSummary(r *imap.PreflightReport) string {
	var lacking []string
	for _, c := range r.Checks {
		if c.Verdict != imap.OK {
			lacking = append(lacking, c.Name+" "+verdictWord(c.Verdict))
		}
	}
	counts := plural(int64(r.Folders), "folder") + ", " + plural(r.Messages, "message")
	text := counts
	if r.Software != "" {
		text = r.Software + ": " + counts
	}
	if len(lacking) > 0 {
		text += "; " + strings.Join(lacking, ", ")
	}
	return text
}

func verdictWord(v imap.Verdict) string {
	return map[imap.Verdict]string{imap.OK: "OK", imap.NotOffered: "not offered", imap.Refused: "refused", imap.Unknown: "unknown"}[v]
}

// printPreflight prints a table of at most 80 columns, what there is to collect, and the hints.
func printPreflight(t *terminal, r *imap.PreflightReport) {
	software := r.Software
	if software == "" {
		software = "a server that does not name itself"
	}
	for _, line := range wrap(visible.Text(r.Server)+", "+visible.Text(r.Account)+", "+r.At.Format(time.RFC3339), 80) {
		t.print("%s", line)
	}
	t.print("%s", software)
	t.print("")
	for _, c := range r.Checks {
		t.print("%s", strings.TrimRight(tableRow(verdictWord(c.Verdict), c.Name, checkText(c)), "\n"))
	}
	t.print("")
	t.print("%s", preflightTotal(r))
	if len(r.Hints) > 0 {
		t.print("")
		for _, line := range wrap("For who runs the server. A hint changes the server and tells nothing of the past: collect first.", 80) {
			t.print("%s", line)
		}
	}
	for _, h := range r.Hints {
		printHint(t, h)
	}
}

func checkText(c imap.Check) string {
	switch {
	case c.Detail == "":
		return c.Meaning
	case c.Meaning == "":
		return c.Detail
	}
	return c.Meaning + ": " + c.Detail
}

// tableRow lays out one check: the verdict, the name, and the text in lines of 51 characters.
func tableRow(verdict, name, text string) string {
	var b strings.Builder
	for i, line := range wrap(text, 51) {
		if i > 0 {
			verdict, name = "", ""
		}
		b.WriteString(strings.TrimRight(fmt.Sprintf("%-12s %-14s  %s", verdict, name, line), " ") + "\n")
	}
	return b.String()
}

func preflightTotal(r *imap.PreflightReport) string {
	if r.Folders == 0 {
		return "what there is to collect is not known"
	}
	total := plural(int64(r.Folders), "folder")
	if r.Check("messages").Verdict == imap.OK {
		total += ", " + plural(r.Messages, "message")
	}
	switch {
	case r.BytesEstimated:
		total += ", about " + mebibytes(r.Bytes)
	case r.Check("size").Verdict == imap.OK:
		total += ", " + mebibytes(r.Bytes)
	}
	return total
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

func printHint(t *terminal, h imap.Hint) {
	text := h.What
	if h.For != "" {
		text = h.For + ": " + text
	}
	for i, line := range wrap(text, 76) {
		t.print("%s", map[bool]string{true: "  - ", false: "    "}[i == 0]+line)
	}
	for _, line := range h.Type {
		t.print("      %s", line)
	}
}
