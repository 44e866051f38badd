package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/collectors/imap"
	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// preflightTries is how often a source is asked in a preflight: a broken line or a busy server is met twice before it is
// believed.
const preflightTries = 2

// runGooglePreflight asks each source of a Google Workspace once.
func runGooglePreflight(ctx context.Context, t *terminal, g *global, opts *preflightOptions) error {
	c, err := g.caseIfAny(t)
	if err != nil {
		return err
	}
	var collector *workspace.Collector
	if opts.imap.url != "" {
		opts.google.imapServer = opts.imap.url
		opts.google.tryIMAP = func(ctx context.Context, account string) (string, error) {
			opts.imap.tokens = collector.IMAPToken
			return tryIMAP(ctx, t, &opts.imap, account, opts.patience)
		}
	}
	if collector, err = opts.google.collector(t, nil, nil, nil, preflightTries); err != nil {
		return err
	}
	if err := opts.google.consent(ctx, collector, opts.account); err != nil {
		return err
	}
	done := func(string, error) error { return nil }
	if c != nil {
		done, err = c.begin(journal.Collection, "testing what "+collector.Address()+" offers for "+opts.account,
			map[string]string{"account": opts.account, "server": collector.Address()})
		if err != nil {
			return err
		}
	}
	report, failed := collector.Preflight(ctx, opts.account, opts.patience)
	if err := done(sourcesTotal(report), failed); err != nil {
		return err
	}
	if g.json {
		err = t.printJSON(report)
	} else {
		printGooglePreflight(t, report)
	}
	if c != nil {
		c.tellOpen(t)
	}
	switch {
	case failed != nil && len(report.Hints) > 0:
		return withHint(failed, "do what hint 1 says, then run the command again")
	case failed != nil:
		return failed
	case err == nil && !report.Complete:
		return statusError(statusIncomplete)
	}
	return err
}

// tryIMAP logs in at an IMAP server and opens a folder for reading, and says how much is there.
func tryIMAP(ctx context.Context, t *terminal, opts *imapOptions, account string, patience time.Duration) (string, error) {
	if err := opts.check(1); err != nil {
		return "", err
	}
	sources, err := opts.sources(t, []string{account})
	if err != nil {
		return "", err
	}
	report, err := sources[account].collector.Preflight(ctx, account, imap.PreflightOptions{Patience: patience})
	if err != nil {
		return "", err
	}
	return "logged in at " + report.Server + ": " + preflightTotal(report), nil
}

// sourcesTotal is one line of how many sources can be read.
func sourcesTotal(r *workspace.PreflightReport) string {
	text := fmt.Sprintf("%d of %s can be read", r.Count(workspace.OK), plural(int64(len(r.Sources)), "source"))
	for _, v := range []workspace.Verdict{workspace.NotOffered, workspace.NotLicensed, workspace.NotAsked} {
		if n := r.Count(v); n > 0 {
			text += fmt.Sprintf(", %d %s", n, sourceWord(v))
		}
	}
	if n := len(r.Sources) - r.Count(workspace.OK, workspace.NotOffered, workspace.NotLicensed, workspace.NotAsked); n > 0 {
		text += fmt.Sprintf(", %d would be gaps", n)
	}
	return text
}

// sourceWord is what a verdict reads like in the table.
func sourceWord(v workspace.Verdict) string {
	switch v {
	case workspace.OK:
		return "OK"
	case workspace.APIOff:
		return "API off"
	case workspace.NoUser:
		return "no such user"
	case workspace.WrongClock:
		return "wrong clock"
	}
	return strings.ReplaceAll(string(v), "-", " ")
}

// printGooglePreflight prints a table of at most 80 columns but for what is to be copied, and the hints.
func printGooglePreflight(t *terminal, r *workspace.PreflightReport) {
	head := visible.Text(r.Account) + " in Google Workspace, " + r.At.Format(time.RFC3339) + ", by " + visible.Text(r.Access)
	if r.Project != "" {
		head += " of project " + visible.Text(r.Project)
	}
	if r.Admin != "" {
		head += ", for administrator " + visible.Text(r.Admin)
	}
	t.printWrapped("", head)
	t.print("")
	for _, s := range r.Sources {
		t.printSource(s)
	}
	t.print("")
	t.printWrapped("", sourcesTotal(r))
	t.printWrapped("clock: ", clockDifference(r.Clock))
	t.printWrapped("quota: ", visible.Line(r.Quota))
	for _, line := range r.Expires {
		t.printWrapped("gone soon: ", visible.Line(line))
	}
	for i, h := range r.Hints {
		t.print("")
		t.printWrapped(fmt.Sprintf("hint %d: ", i+1), visible.Line(h.Text))
		if h.URL != "" {
			t.print("%s", visible.Text(h.URL))
		}
		for j, scope := range h.Paste {
			t.print("%s%s", visible.Text(scope), map[bool]string{true: ","}[j < len(h.Paste)-1])
		}
	}
}

// printWrapped prints a text of several words after a label, in lines of 80 characters.
func (t *terminal) printWrapped(label, text string) {
	for i, line := range wrap(text, 80-len(label)) {
		if i > 0 {
			label = strings.Repeat(" ", len(label))
		}
		t.print("%s%s", label, line)
	}
}

// printSource prints a line of the table: the verdict, the source, and what there is to say.
func (t *terminal) printSource(s workspace.SourceCheck) {
	verdict, name := sourceWord(s.Verdict), visible.Text(s.Resource)
	for _, line := range wrap(sourceText(s), 79-sourceColumn) {
		row := strings.TrimRight(fmt.Sprintf("%-12s %-*s %s", verdict, sourceColumn-14, name, line), " ")
		if len(name) > sourceColumn-14 {
			t.print("%-12s %s", verdict, name)
			row = strings.Repeat(" ", sourceColumn) + line
		}
		verdict, name = "", ""
		t.print("%s", strings.TrimRight(row, " "))
	}
}

// sourceColumn is where the text of a line of the table begins.
const sourceColumn = 46

func sourceText(s workspace.SourceCheck) string {
	var parts []string
	switch s.Verdict {
	case workspace.OK:
		if s.KeptDays > 0 {
			parts = append(parts, "since "+s.Since)
		}
		if s.Lag != "" {
			parts = append(parts, "lag "+s.Lag)
		}
		if s.Detail != "" {
			parts = append(parts, visible.Line(s.Detail))
		}
	default:
		if s.Hint > 0 {
			parts = append(parts, fmt.Sprintf("hint %d", s.Hint))
		}
		if s.Verdict == workspace.Refused || s.Verdict == workspace.Busy || s.Hint == 0 {
			parts = append(parts, visible.Line(s.Detail))
		}
	}
	return strings.Join(parts, "; ")
}

// clockDifference says how far this machine's clock is from the server's.
func clockDifference(c evidence.Clock) string {
	if c.OffsetMS == nil {
		return "not compared: no answer had a date"
	}
	offset, uncertain := time.Duration(*c.OffsetMS)*time.Millisecond, time.Duration(*c.UncertaintyMS)*time.Millisecond
	word := "behind"
	if offset < 0 {
		word = "ahead of"
	}
	const shown = 100 * time.Millisecond
	return fmt.Sprintf("this machine is %s %s Google, give or take %s", offset.Abs().Round(shown), word, uncertain.Round(shown))
}
