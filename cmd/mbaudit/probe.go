package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/evidence/store/probe"
	"github.com/mbaudit/mbaudit/evidence/store/s3"
	"github.com/mbaudit/mbaudit/internal/casefile"
	"github.com/mbaudit/mbaudit/internal/visible"
)

type probeOptions struct {
	store                                    storeOptions
	thorough, clean, writeOnlyOK, tryDefault bool
}

func newProbeCommand(t *terminal, g *global) *cobra.Command {
	var opts probeOptions
	cmd := &cobra.Command{
		Use:   "probe s3://BUCKET/PREFIX",
		Short: "try whether a store keeps evidence as it is written, before it has to",
		Long: `probe writes at most twenty objects of a few bytes under PREFIX/mbaudit-probe-…, locked for
a minute at the most, and tries to replace, delete and unlock them with the rights that the
key has. It says what was refused, by which answer, and what that is worth. What is still
locked at the end is removed by the next probe or by --clean.

Exit status: 0 if the store keeps evidence write-once, 1 if not or if the key may not try
everything; --write-only-ok takes the latter for done.`,
		Example: `  mbaudit probe s3://evidence/2026-0042
  mbaudit probe s3://evidence/2026-0042 --thorough`,
		Args: exactArgs("s3://BUCKET/PREFIX"),
		RunE: func(cmd *cobra.Command, args []string) error { return runProbe(cmd.Context(), t, g, args[0], &opts) },
	}
	f := cmd.Flags()
	f.BoolVar(&opts.thorough, "thorough", false, "also wait a minute for a lock to expire, to see whether a legal hold outlasts it, and ask the bucket to suspend its versioning")
	f.BoolVar(&opts.clean, "clean", false, "only remove what earlier probes left")
	f.BoolVar(&opts.writeOnlyOK, "write-only-ok", false, "exit with 0 where nothing speaks against the store, though the key may not try everything")
	f.BoolVar(&opts.tryDefault, "try-default", false, "also write an object that stays for as long as the bucket's default retention says")
	opts.store.addReadFlags(f)
	return cmd
}

func runProbe(ctx context.Context, t *terminal, g *global, location string, opts *probeOptions) error {
	config, err := opts.store.s3Config(t, location)
	if err != nil {
		return err
	}
	c, err := g.caseIfAny(t)
	if err != nil {
		return err
	}
	if opts.clean {
		return runProbeClean(ctx, t, g, c, location, config)
	}
	result, err := probeStore(ctx, t, c, location, probe.Config{S3: config, Thorough: opts.thorough, TryDefault: opts.tryDefault, Now: t.now})
	if err != nil {
		return err
	}
	if g.json {
		err = t.printJSON(result)
	} else {
		printProbe(t, result)
	}
	if err != nil {
		return err
	}
	if result.Verdict == probe.WriteOnce || result.Verdict == probe.Undecided && opts.writeOnlyOK {
		return nil
	}
	return statusError(statusFailed)
}

// probeForAcquisition probes the store that a collection is to be pushed to. A store that is not write-once is no reason
// not to collect: it is said, and it stands in acquisition.json.
func (o *storeOptions) probeForAcquisition(ctx context.Context, t *terminal, c *openCase, location string) (json.RawMessage, error) {
	if !strings.HasPrefix(location, "s3://") {
		return nil, usageError(errors.New("only a store in S3 can be probed"), "add --push s3://BUCKET/PREFIX, or leave --probe out")
	}
	config, err := o.s3Config(t, location)
	if err != nil {
		return nil, err
	}
	result, err := probeStore(ctx, t, c, location, probe.Config{S3: config, Now: t.now})
	if err != nil {
		return nil, err
	}
	for _, line := range wrap(visible.Text(result.Summary()), t.width) {
		t.say("%s", line)
	}
	return json.Marshal(result)
}

// probeStore says what is going to be written, probes, and journals both where there is a case.
func probeStore(ctx context.Context, t *terminal, c *openCase, location string, config probe.Config) (*probe.Result, error) {
	t.say("probing %s", visible.Text(location))
	t.say("at most twenty objects of a few bytes are written under mbaudit-probe-…, and stay\nfor up to a minute")
	if config.Thorough {
		t.say("thorough: the bucket is asked to suspend its versioning, which it should refuse; then\na minute passes until a lock has expired")
	}
	if config.TryDefault {
		t.say("one object more stays for as long as the bucket's default retention says, if it has one")
	}
	done := func(string, error) error { return nil }
	if c != nil {
		var err error
		if done, err = c.begin(journal.Collection, "probing the store "+location, map[string]string{"store": location}); err != nil {
			return nil, err
		}
	}
	result, err := probe.Run(ctx, config)
	if err != nil {
		return nil, errors.Join(err, done("", err))
	}
	return result, done(string(result.Verdict)+": "+result.Summary(), nil)
}

func runProbeClean(ctx context.Context, t *terminal, g *global, c *openCase, location string, config s3.Config) error {
	done := func(string, error) error { return nil }
	if c != nil {
		var err error
		if done, err = c.begin(journal.Collection, "removing what probes left in "+location, map[string]string{"store": location}); err != nil {
			return err
		}
	}
	cleaned, err := probe.Clean(ctx, config)
	said := fmt.Sprintf("%s of earlier probes removed, %d left", plural(int64(cleaned.Removed), "object"), cleaned.Left)
	if cleaned.LeftUntil != nil {
		said += ", locked until " + cleaned.LeftUntil.Format(time.RFC3339)
	}
	if err := errors.Join(err, done(said, err)); err != nil {
		return err
	}
	if g.json {
		return t.printJSON(cleaned)
	}
	t.print("%s", said)
	return nil
}

// printProbe prints a table of at most 80 columns, and what it comes to.
func printProbe(t *terminal, r *probe.Result) {
	server := r.Server
	if server == "" {
		server = "a service that does not name itself"
	}
	t.print("%s", visible.Text(r.Store))
	t.print("%s, %s", visible.Cut(server, 50), r.At.Format(time.RFC3339))
	t.print("")
	for _, c := range r.Checks {
		word := map[probe.Answer]string{probe.Yes: "yes", probe.No: "NO", probe.Unknown: "?"}[c.Answer]
		said := ""
		if c.Status != 0 {
			said = visible.Cut(fmt.Sprintf("%d %s", c.Status, c.Code), 28)
		}
		t.print("%s", strings.TrimRight(fmt.Sprintf("%-4s %-46s %s", word, c.What, said), " "))
		if c.Answer != probe.Yes && c.Detail != "" {
			for _, line := range wrap(visible.Text(c.Detail), 70) {
				t.print("       %s", line)
			}
		}
	}
	t.print("")
	for _, line := range wrap(visible.Text(r.Summary()), 80) {
		t.print("%s", line)
	}
	switch {
	case r.CleaningNote != "":
		t.say("%s", visible.Text(r.CleaningNote))
	case r.Left > 0 && r.LeftUntil != nil:
		t.say("%d of %d objects are left, the last locked until %s; the next probe removes them, or: --clean", r.Left, r.Written, r.LeftUntil.Format(time.TimeOnly))
	case r.Left > 0:
		t.say("%d of %d objects are left", r.Left, r.Written)
	}
	t.print("%s", map[probe.Verdict]string{probe.WriteOnce: "WRITE-ONCE", probe.NotWriteOnce: "NOT WRITE-ONCE", probe.Undecided: "UNDECIDED"}[r.Verdict])
}

// caseIfAny opens the case, or gives nil where none is named and the current directory is none.
func (g *global) caseIfAny(t *terminal) (*openCase, error) {
	_, err := casefile.Find(g.caseDir, t.getenv("MBAUDIT_CASE"))
	if errors.Is(err, casefile.ErrNoCase) && g.caseDir == "" && t.getenv("MBAUDIT_CASE") == "" {
		return nil, nil
	}
	return g.openCase(t)
}
