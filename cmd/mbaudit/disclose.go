package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/evidence/selection"
	"github.com/mbaudit/mbaudit/internal/visible"
)

type discloseOptions struct {
	selection                 selectionOptions
	identity                  identityOptions
	out, to, reason           string
	withOpening, withManifest bool
}

func newDiscloseCommand(t *terminal, g *global) *cobra.Command {
	var opts discloseOptions
	cmd := &cobra.Command{
		Use:   "disclose BUNDLE --exhibit P-… --to WHOM --reason WHY --out DIR",
		Short: "give some exhibits away with the proof that they are in the sealed bundle",
		Long: `disclose writes a small bag with the chosen exhibits and gaps, and with what proves that they
are in the sealed bundle, unchanged: their index lines, a proof of inclusion for each, the
bundle's checkpoint, tag manifest, signatures and timestamps. Nothing of the others is in it.
mbaudit verify DIR, or sh DIR/verify.sh without mbaudit, follows the chain.

Messages that are marked personal (privé, perso, private, persönlich, privado, personale …, as
a whole word in folder, label, subject or Sensitivity) are left out and counted.

Filters (--filter, repeatable, all must hold; with --exhibit, of those named):
` + selection.Syntax,
		Example: `  mbaudit disclose 01JD2… --exhibit P-000042 --exhibit P-000043 \
    --to "Brigade numérique" --reason "plainte 2026/1234" --out disclosed
  mbaudit disclose 01JD2… --filter folder=INBOX --filter since=2026-11-01 \
    --filter from=@evil.example --to insurer --reason "claim 7" --out for-insurer`,
		Args: exactArgs("BUNDLE"),
		RunE: func(cmd *cobra.Command, args []string) error { return runDisclose(cmd.Context(), t, g, args[0], &opts) },
	}
	f := cmd.Flags()
	opts.selection.addFlags(f)
	opts.identity.addFlags(f)
	f.StringVar(&opts.out, "out", "", "new directory for the disclosure")
	f.StringVar(&opts.to, "to", "", "who receives it")
	f.StringVar(&opts.reason, "reason", "", "why they receive it")
	f.BoolVar(&opts.withOpening, "with-opening", false, "add opening.json: all accounts, the operator, the mandate, the options")
	f.BoolVar(&opts.withManifest, "with-manifest", false, "add manifest-sha256.txt, whose digests let guesses of undisclosed files be tried out")
	return cmd
}

// selectionOptions choose records of a bundle.
type selectionOptions struct {
	exhibits, filters []string
	includePersonal   bool
}

func (o *selectionOptions) addFlags(f *pflag.FlagSet) {
	f.StringArrayVar(&o.exhibits, "exhibit", nil, "exhibit or gap by its number, as in P-000042 (repeatable)")
	f.StringArrayVar(&o.filters, "filter", nil, "NAME=VALUE: folder, since, until, from, kind, account (repeatable)")
	f.BoolVar(&o.includePersonal, "include-personal", false, "take messages that are marked personal too")
}

// selection reads the options.
func (o *selectionOptions) selection() (selection.Selection, error) {
	s := selection.Selection{IDs: o.exhibits, IncludePersonal: o.includePersonal}
	for _, id := range o.exhibits {
		if _, _, err := selection.ParseID(id); err != nil {
			return s, usageError(fmt.Errorf("--exhibit: %w", err), "write it as in P-000042, or G-000043 for a gap")
		}
	}
	var err error
	if s.Filter, err = selection.ParseFilter(o.filters); err != nil {
		return s, usageError(err, "as in: --filter folder=INBOX --filter since=2026-11-01")
	}
	return s, nil
}

// rule is how the choice was made, in the words of the command line.
func (o *selectionOptions) rule() []string {
	var rule []string
	for _, id := range o.exhibits {
		rule = append(rule, "--exhibit "+id)
	}
	for _, term := range o.filters {
		rule = append(rule, "--filter "+term)
	}
	if len(rule) == 0 {
		rule = append(rule, "all records")
	}
	if o.includePersonal {
		rule = append(rule, "--include-personal")
	}
	return rule
}

func runDisclose(_ context.Context, t *terminal, g *global, name string, opts *discloseOptions) error {
	if len(opts.selection.exhibits)+len(opts.selection.filters) == 0 {
		return usageError(errors.New("nothing says what to disclose"), "name it with --exhibit P-… or --filter NAME=VALUE")
	}
	for flag, value := range map[string]string{"--out": opts.out, "--to": opts.to, "--reason": opts.reason} {
		if strings.TrimSpace(value) == "" {
			return usageError(fmt.Errorf("%s is missing", flag), `as in: --to "the insurer" --reason "claim 7" --out DIR`)
		}
	}
	choice, err := opts.selection.selection()
	if err != nil {
		return err
	}
	c, err := g.openCase(t)
	if err != nil {
		return err
	}
	dir, err := findBundle(c, name)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(opts.out); err == nil {
		return withHint(fmt.Errorf("%s is there already", opts.out), "name a new directory with --out")
	}
	if !evidence.Signed(dir) {
		return withHint(errors.New("the bundle is not sealed and signed yet"), "finish it: mbaudit collect --resume")
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
	tool, err := thisTool()
	if err != nil {
		return err
	}
	out, err := filepath.Abs(opts.out)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("disclosing %s of bundle %s to %s, because: %s; by %s", plural(int64(len(chosen.Numbers)), "record"), b.Opening.Bundle,
		opts.to, opts.reason, strings.Join(opts.selection.rule(), " "))
	done, err := c.begin(journal.Communication, what, map[string]string{"bundle": b.Opening.Bundle, "out": out})
	if err != nil {
		return err
	}
	disclosed, err := b.Disclose(out, evidence.DisclosureConfig{Numbers: chosen.Numbers, By: evidence.Person{Name: c.Operator.Name,
		Organisation: c.Organisation, Contact: c.Operator.Contact}, To: opts.to, Reason: opts.reason, Tool: tool, Rule: opts.selection.rule(), At: t.now(),
		PersonalLeftOut: chosen.Personal, PersonalIncluded: opts.selection.includePersonal, WithOpening: opts.withOpening, WithManifest: opts.withManifest})
	result := ""
	if err == nil {
		result = fmt.Sprintf("%s disclosed: %s; %s left out, %d of them marked personal; SHA-256 of its tagmanifest-sha256.txt %s",
			plural(int64(len(disclosed.Records)), "record"), shortList(disclosed.Records), plural(disclosed.LeftOut, "record"), disclosed.PersonalLeftOut, disclosed.Bag)
	}
	if err := errors.Join(err, done(result, err)); err != nil {
		return err
	}
	if g.json {
		return t.printJSON(disclosed)
	}
	printChoice(t, chosen)
	t.say("of the original's files only digests are in it; to check it: mbaudit verify %s", visible.Text(opts.out))
	t.print("%s, %s left out (%d marked personal), from %s, SHA-256 %s", plural(int64(len(disclosed.Records)), "record")+" disclosed",
		plural(disclosed.LeftOut, "record"), disclosed.PersonalLeftOut, disclosed.Bundle, disclosed.Bag)
	return nil
}

// choose finds the records that are meant, and refuses to find none.
func choose(b *evidence.Bundle, s selection.Selection) (selection.Chosen, error) {
	chosen, err := s.Choose(b)
	switch {
	case errors.Is(err, selection.ErrNoRecord):
		return chosen, usageError(err, "to see what there is: mbaudit show BUNDLE --list")
	case err != nil:
		return chosen, err
	case len(chosen.Numbers) == 0 && chosen.Personal > 0:
		return chosen, withHint(fmt.Errorf("all that was chosen (%d) is marked personal", chosen.Personal), "if the mandate covers it, add --include-personal")
	case len(chosen.Numbers) == 0:
		return chosen, withHint(fmt.Errorf("nothing in the bundle was meant: %w", fs.ErrNotExist), "to see what there is: mbaudit show BUNDLE --list")
	}
	return chosen, nil
}

// printChoice says what of the choice was left out.
func printChoice(t *terminal, chosen selection.Chosen) {
	if chosen.Personal > 0 {
		t.say("%s marked personal: left out; --include-personal takes them too", plural(chosen.Personal, "message"))
	}
	if chosen.Unmatched > 0 {
		t.say("%d of the named ones do not match the filters: left out", chosen.Unmatched)
	}
}

// shortList names the first of many.
func shortList(ids []string) string {
	const most = 10
	if len(ids) <= most {
		return strings.Join(ids, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(ids[:most], ", "), len(ids)-most)
}

// printDisclosed is the last line of mbaudit verify on a disclosure.
func printDisclosed(t *terminal, o verified) {
	d := o.Disclosure
	t.print("        disclosed %s by %s to %s, because: %s", utc(d.DisclosedAt), visible.Text(d.By.Name), visible.Text(d.To), visible.Text(d.Reason))
	t.print("VERIFIED: %s of the sealed bundle %s (%d left out, %d of them marked personal), SHA-256 of the bundle %s",
		plural(int64(len(d.Records)), "record"), visible.Text(d.Bundle), d.LeftOut, d.PersonalLeftOut, o.TagManifest)
	t.print("Compare the signer %s and this SHA-256 with what was written down elsewhere.", o.Signer)
}
