package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/evidence/mailexport"
	"github.com/mbaudit/mbaudit/evidence/selection"
	"github.com/mbaudit/mbaudit/internal/visible"
	"github.com/mbaudit/mbaudit/report/handover"
)

type exportOptions struct {
	selection   selectionOptions
	identity    identityOptions
	analysis    handoverOptions
	format, out string
}

func newExportCommand(t *terminal, g *global) *cobra.Command {
	var opts exportOptions
	cmd := &cobra.Command{
		Use:   "export --format FORMAT [--out FILE|DIR] | export BUNDLE --format eml|mbox --out DIR|FILE",
		Short: "hand over: timeline, indicators, detection rules, contacts to warn, tables; copies of messages",
		Long: `export writes what other people's tools read. All of it is labelled as derived, with the
bundles and SHA-256 it derives from; nothing is sent, and nothing is overwritten.

Of the case's analysis (made by mbaudit qualify, or now):

  timesketch  timeline for Timesketch (JSONL)
  iris        assets, indicators and timeline that a DFIR-IRIS case imports (CSV); a directory
  stix        indicators with what they rest on (STIX 2.1)
  misp        indicators as an event of MISP
  sigma       Sigma rules that find the suspicious addresses
  suricata    Suricata rules and address lists; alert only; a directory
  contacts    whom to warn, and a letter in French and English; a directory
  csv         all of it as tables for a spreadsheet; a directory

An indicator says why it is one. Own addresses, networks used before, what the person
recognised and what is not routed are none; what others share raises no alarm. --audience
leaves out what the report of that audience leaves out.

Of a bundle, copies of whole messages:

  eml         a tree of files, byte for byte
  mbox        one file; it changes bytes, and its label says how

Messages that are marked personal are left out and counted.

Filters for eml and mbox (--filter, repeatable, all must hold; with --exhibit, of those named):
` + selection.Syntax,
		Example: `  mbaudit export --format stix --audience partenaire --out stix.json
  mbaudit export --format contacts
  mbaudit export 01JD2… --format eml --out copies --filter folder=INBOX`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runExport(cmd, t, g, args, &opts) },
	}
	opts.analysis.addFlags(cmd)
	opts.selection.addFlags(cmd.Flags())
	opts.identity.addFlags(cmd.Flags())
	cmd.Flags().StringVar(&opts.format, "format", "", strings.Join(append(formatNames(), "eml or mbox"), ", "))
	cmd.Flags().StringVar(&opts.out, "out", "", "new file or directory (default, of an analysis: a new one in CASE/exports)")
	return cmd
}

// runExport takes the way of the format: the case's analysis, or the messages of a bundle.
func runExport(cmd *cobra.Command, t *terminal, g *global, args []string, opts *exportOptions) error {
	if opts.format == "eml" || opts.format == "mbox" {
		if err := errors.Join(exactArgs("BUNDLE")(cmd, args), notWith(cmd, opts.format, "lang", "audience", "tlp")); err != nil {
			return err
		}
		return runExportMail(t, g, args[0], opts)
	}
	format, ok := handover.Find(opts.format)
	if !ok {
		return usageError(fmt.Errorf("there is no format %q", visible.Text(opts.format)), "type --format "+strings.Join(formatNames(), ", ")+" (of the case), or eml, mbox (of a bundle)")
	}
	if err := errors.Join(noArgs(cmd, args), notWith(cmd, opts.format, "filter", "exhibit", "include-personal")); err != nil {
		return err
	}
	return runExportAnalysis(cmd.Context(), t, g, format, opts)
}

// notWith refuses options that say nothing to a format: whoever typed one expects that it does.
func notWith(cmd *cobra.Command, format string, names ...string) error {
	for _, name := range names {
		if cmd.Flags().Changed(name) {
			return usageError(fmt.Errorf("--%s does not go with --format %s", name, format), "leave it out; to see what goes with it, type: mbaudit export --help")
		}
	}
	return nil
}

func runExportMail(t *terminal, g *global, name string, opts *exportOptions) error {
	if opts.out == "" {
		return usageError(errors.New("--out is missing"), "name a new directory (eml) or file (mbox): --out copies")
	}
	choice, err := opts.selection.selection()
	if err != nil {
		return err
	}
	dir, c, err := locateBundle(t, g, name)
	if err != nil {
		return err
	}
	b, err := openBundle(t, dir, &opts.identity)
	if err != nil {
		return err
	}
	defer b.Close()
	chosen, err := choose(b, choice)
	if err != nil {
		return err
	}
	out, err := filepath.Abs(opts.out)
	if err != nil {
		return err
	}
	done := func(string, error) error { return nil }
	if c != nil {
		what := fmt.Sprintf("writing derived copies (%s) of messages of bundle %s to %s; by %s", opts.format, b.Opening.Bundle, out, strings.Join(opts.selection.rule(), " "))
		if done, err = c.begin(journal.Collection, what, map[string]string{"bundle": b.Opening.Bundle, "out": out}); err != nil {
			return err
		}
	}
	write := mailexport.EML
	if opts.format == "mbox" {
		write = mailexport.Mbox
	}
	summary, err := write(b, chosen.Numbers, out, t.now())
	result := fmt.Sprintf("%s copied, %d marked personal and %d of which the bundle has the header only left out", plural(summary.Messages, "message"),
		chosen.Personal, summary.HeadersOnly)
	if err != nil {
		result = ""
	}
	if err := errors.Join(err, done(result, err)); err != nil {
		switch {
		case errors.Is(err, mailexport.ErrNoMessages):
			return withHint(err, "whole messages are there after: mbaudit collect --messages raw")
		case errors.Is(err, fs.ErrExist):
			return withHint(err, "name a new directory or file with --out")
		}
		return err
	}
	if g.json {
		return t.printJSON(struct {
			mailexport.Summary
			Personal int64 `json:"personal_left_out"`
		}{summary, chosen.Personal})
	}
	printChoice(t, chosen)
	if summary.HeadersOnly > 0 {
		t.say("of %s the bundle has the header only: left out", plural(summary.HeadersOnly, "message"))
	}
	t.print("%s copied to %s: derived copies, not the evidence", plural(summary.Messages, "message"), visible.Text(opts.out))
	return nil
}
