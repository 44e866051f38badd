package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/evidence/journal/anchor"
	"github.com/mbaudit/mbaudit/evidence/journal/remote"
	"github.com/mbaudit/mbaudit/evidence/store"
	"github.com/mbaudit/mbaudit/internal/visible"
)

type logVerifyOptions struct {
	storeOptions
	heads  []string
	tsaCA  string
	script bool
}

func newLogVerifyCommand(t *terminal, g *global) *cobra.Command {
	var opts logVerifyOptions
	cmd := &cobra.Command{
		Use:   "verify [s3://BUCKET/PREFIX|DIRECTORY]",
		Short: "prove that no entry was changed, removed or inserted",
		Long: `verify checks the chain of the entries, the anchors in CASE/anchors, a head that was noted
elsewhere (--head), and the copy off this machine that log push made, where it is named.`,
		Example: `  mbaudit log verify
  mbaudit log verify --head "3f2a 99c0 …"
  mbaudit log verify s3://evidence/2026-0042
  mbaudit log verify --script > verify-log.sh`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if opts.script {
				_, err := io.WriteString(t.stdout, journal.VerifyScript())
				return err
			}
			return runLogVerify(cmd.Context(), t, g, strings.Join(args, ""), &opts)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&opts.heads, "head", nil, "SHA-256 that was noted elsewhere; spaces in it do not matter (repeatable)")
	f.StringVar(&opts.tsaCA, "tsa-ca", "", "PEM file of authorities to trust for timestamps, besides the system's")
	f.BoolVar(&opts.script, "script", false, "print the script that checks the chain without mbaudit, with sh and sha256sum")
	opts.addReadFlags(f)
	return cmd
}

// A logVerified is what log verify found.
type logVerified struct {
	journal.Head
	Verified bool
	Problems []logProblem
	Heads    map[string]uint64 // the entry at which each noted head stood
	Anchors  []logAnchor
	Copy     *remote.Report `json:",omitempty"`
}

// A logProblem is one thing that is not as it was written.
type logProblem struct{ Kind, Detail string }

// A logAnchor is one time-stamp that holds.
type logAnchor struct {
	File, Authority                string
	Seq                            uint64
	Time                           time.Time
	Trusted, Qualified, LocalClock bool
}

func (v *logVerified) problem(kind, format string, args ...any) {
	v.Problems = append(v.Problems, logProblem{kind, fmt.Sprintf(format, args...)})
}

func runLogVerify(ctx context.Context, t *terminal, g *global, location string, opts *logVerifyOptions) error {
	c, err := g.openCase(t)
	if err != nil {
		return err
	}
	heads, err := notedHeads(opts.heads)
	if err != nil {
		return err
	}
	found := &logVerified{Heads: make(map[string]uint64)}
	lines, err := c.journal.Lines()
	var broken *journal.BrokenError
	switch {
	case errors.As(err, &broken):
		found.problem("chain", "%s", err.Error())
	case err != nil:
		return err
	}
	if found.Head, err = c.journal.Verify(); err != nil && broken == nil {
		return err
	}
	for _, head := range heads {
		found.checkHead(head, lines)
	}
	if err := found.checkAnchors(c, lines, opts.tsaCA); err != nil {
		return err
	}
	if location != "" {
		if err := found.checkCopy(ctx, t, c, lines, location, opts); err != nil {
			return err
		}
	}
	found.Verified = len(found.Problems) == 0
	return found.report(t, g, location)
}

// notedHeads reads digests as people note them: in groups, in large letters.
func notedHeads(typed []string) ([]string, error) {
	var heads []string
	for _, s := range typed {
		head := strings.ToLower(strings.Map(func(r rune) rune {
			if strings.ContainsRune(" \t:-.", r) {
				return -1
			}
			return r
		}, s))
		if len(head) != 64 || strings.Trim(head, "0123456789abcdef") != "" {
			return nil, usageError(fmt.Errorf("--head %q is not a SHA-256: it has 64 digits from 0 to f", visible.Text(s)), "type it as log anchor printed it, in quotes")
		}
		heads = append(heads, head)
	}
	return heads, nil
}

func (v *logVerified) checkHead(head string, lines []journal.Line) {
	for _, line := range lines {
		if line.SHA256 == head {
			v.Heads[head] = line.Seq
			return
		}
	}
	v.problem("head", "no entry has the SHA-256 %s: entries were cut off or rewritten since it was noted, or it is that of another journal", head)
}

func (v *logVerified) checkAnchors(c *openCase, lines []journal.Line, tsaCA string) error {
	roots, err := stampRoots(tsaCA)
	if err != nil {
		return err
	}
	findings, err := anchor.Verify(c.path(anchor.Dir), lines, roots)
	if err != nil {
		return err
	}
	for _, f := range findings {
		if f.Broken != "" {
			v.problem("anchor", "%s (%s): %s", f.File, f.Broken, visible.Text(f.Detail))
			continue
		}
		v.Anchors = append(v.Anchors, logAnchor{File: f.File, Seq: f.Seq, Time: f.GenTime, Authority: f.Subject, Trusted: f.Trusted, Qualified: f.Qualified, LocalClock: f.Local})
	}
	return nil
}

// checkCopy compares with what log push sent.
func (v *logVerified) checkCopy(ctx context.Context, t *terminal, c *openCase, lines []journal.Line, location string, opts *logVerifyOptions) error {
	st, err := opts.openCopy(ctx, t, location)
	if err != nil {
		return err
	}
	report, err := remote.New(st, c.Case.Case).Verify(ctx, lines)
	if errors.Is(err, fs.ErrNotExist) {
		return withHint(err, "send the journal there first: mbaudit log push "+location)
	}
	if err != nil {
		return err
	}
	v.Copy = &report
	if report.Fork != nil {
		v.problem("fork", "%s", report.Fork.Error())
	}
	if report.Ahead != nil {
		v.problem("cut off", "%s: they were removed here, or another copy of the case went on", report.Ahead.Error())
	}
	if report.Hole != nil {
		v.problem("hole", "%s", report.Hole.Error())
	}
	return nil
}

// openCopy opens a store for reading.
func (o *logVerifyOptions) openCopy(ctx context.Context, t *terminal, location string) (store.Store, error) {
	if strings.HasPrefix(location, "s3://") {
		return o.openForReading(ctx, t, location)
	}
	return openDir(location, false)
}

// report prints what was found; the verdict comes last.
func (v *logVerified) report(t *terminal, g *global, location string) error {
	if g.json {
		if err := t.printJSON(v); err != nil {
			return err
		}
	} else {
		v.print(t, location)
	}
	if !v.Verified {
		return statusError(statusNotVerified)
	}
	return nil
}

func (v *logVerified) print(t *terminal, location string) {
	for _, a := range v.Anchors {
		standing := evidence.Timestamp{Local: a.LocalClock, Trusted: a.Trusted, Qualified: a.Qualified}
		t.print("anchor  entry %d existed on %s,\n        says %s%s", a.Seq, a.Time.Format(time.RFC3339), commonName(a.Authority), stampStanding(standing))
	}
	for head, seq := range v.Heads {
		t.print("head    %s… is that of entry %d of %d", head[:16], seq, v.Count)
	}
	if v.Copy != nil {
		v.printCopy(t, location)
	}
	for _, p := range v.Problems {
		text := p.Detail
		if p.Kind != "chain" {
			text = p.Kind + ": " + text
		}
		t.print("NOT VERIFIED: %s", visible.Line(text))
	}
	for _, seq := range v.Late {
		t.say("entry %d was recorded, by the clock, before the one above it: was the clock set back?", seq)
	}
	if v.Verified {
		t.print("VERIFIED: %d entries; SHA-256 of the last one:\n        %s", v.Count, v.SHA256)
	}
}

func (v *logVerified) printCopy(t *terminal, location string) {
	t.print("copy    %d of %d entries are the same in %s", v.Copy.Compared, v.Copy.Here, location)
	switch {
	case v.Copy.Locked == 0:
		t.print("        none of them is locked there")
	default:
		t.print("        %d of them are locked in compliance mode, the first until %s", v.Copy.Locked, v.Copy.LockedUntil.Format(time.DateOnly))
	}
	if n := v.Copy.Missing(); n > 0 && v.Copy.Agrees() {
		t.print("        %d are not there yet; send them: mbaudit log push %s", n, location)
	}
}
