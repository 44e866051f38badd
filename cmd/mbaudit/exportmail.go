package main

import (
	"context"
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
)

type exportOptions struct {
	selection   selectionOptions
	identity    identityOptions
	format, out string
}

func newExportCommand(t *terminal, g *global) *cobra.Command {
	var opts exportOptions
	cmd := &cobra.Command{
		Use:   "export BUNDLE --format eml|mbox --out DIR|FILE",
		Short: "derived copies of messages that mail programs open",
		Long: `export writes copies of the whole messages in a bundle: a tree of .eml files, byte for byte,
or one mbox. Both are labelled as derived (DERIVED.txt: the bundle, the SHA-256 of each
message); mbox changes bytes, and its label says how. The evidence stays the bundle.

Messages that are marked personal are left out and counted.

Filters (--filter, repeatable, all must hold; with --exhibit, of those named):
` + selection.Syntax,
		Example: `  mbaudit export 01JD2… --format eml --out copies --filter folder=INBOX`,
		Args:    exactArgs("BUNDLE"),
		RunE:    func(cmd *cobra.Command, args []string) error { return runExport(cmd.Context(), t, g, args[0], &opts) },
	}
	opts.selection.addFlags(cmd.Flags())
	opts.identity.addFlags(cmd.Flags())
	cmd.Flags().StringVar(&opts.format, "format", "", "eml or mbox")
	cmd.Flags().StringVar(&opts.out, "out", "", "new directory (eml) or file (mbox)")
	return cmd
}

func runExport(_ context.Context, t *terminal, g *global, name string, opts *exportOptions) error {
	if opts.format != "eml" && opts.format != "mbox" {
		return usageError(fmt.Errorf("--format is eml or mbox, not %q", visible.Text(opts.format)), "as in: --format eml --out DIR")
	}
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
