package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/files"
	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/internal/visible"
)

const (
	attachPrefix = "attach/" // of the kinds of import that attached files are
	otherSlot    = "other:"
	newBundle    = "new"
)

// attachedOptions are what is said of attached files.
type attachedOptions struct{ note, by, at, with, bundle string }

// addHidden adds to collect what it must remember of attached files, so that an interrupted run of attach can be gone on
// with as any other.
func (o *attachedOptions) addHidden(f *pflag.FlagSet) {
	for name, value := range map[string]*string{"attach-note": &o.note, "attach-by": &o.by, "attach-at": &o.at, "attach-with": &o.with, "attach-for": &o.bundle} {
		f.StringVar(value, name, "", "")
		f.Lookup(name).Hidden = true
	}
}

type attachOptions struct {
	attachedOptions
	slot, account string
	list          bool
	sealing       collectOptions // of which only what sealing needs is offered
}

func newAttachCommand(t *terminal, g *global) *cobra.Command {
	var opts attachOptions
	cmd := &cobra.Command{
		Use:   "attach FILE… --as SLOT",
		Short: "keep a screenshot, an export or a note of what no program reads",
		Long: `attach puts files that a person took, screenshots of an administrator's console, PDFs,
exports, notes, into a small bundle of their own, sealed, signed and timestamped like any
other. The files are not changed. A sealed bundle never changes either: what belongs to
an earlier one is linked to it with --bundle.

SLOT says what a file shows. After collect --workspace, attach --list tells which slots
are still open, where to look, and why it matters. Any other thing is other:NAME.`,
		Example: `  mbaudit attach --list
  mbaudit attach delegation.png --as delegated-clients --with "Firefox 145, full page"
  mbaudit attach note.txt --as other:call-with-bank --account alice@example.com`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runAttach(cmd.Context(), t, g, &opts, cmd.Flags(), args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&opts.slot, "as", "", "what the files show: a slot of --list, or other:NAME")
	f.BoolVar(&opts.list, "list", false, "list the slots, and which are still open")
	f.StringVar(&opts.account, "account", "", "account that they are about (default: the one of the case that the slot is open for)")
	f.StringVar(&opts.note, "note", "", "what is to be said of them")
	f.StringVar(&opts.by, "taken-by", "", "who took them (default: the operator)")
	f.StringVar(&opts.at, "taken-at", "", "when they were taken, as in 2026-11-25T10:40:00+01:00 (default: not said; the file's own time is kept)")
	f.StringVar(&opts.with, "with", "", "with what they were taken: program, device")
	f.StringVar(&opts.bundle, "bundle", newBundle, "bundle that they belong to; the files always go into a new one")
	f.StringArrayVar(&opts.sealing.tsa, "tsa", nil, "time-stamping authority's URL (repeatable; local for one on this machine, none for none; default: the case's)")
	f.StringVar(&opts.sealing.tsaCA, "tsa-ca", "", "PEM file of authorities whose timestamps are trusted, beside the system's")
	f.StringVar(&opts.sealing.signKey, "sign-key", "", "Ed25519 key to sign with: a file in OpenSSH form, or agent:SHA256:… (default: your mbaudit identity)")
	opts.sealing.sign.addFlags(f)
	f.StringArrayVar(&opts.sealing.recipients, "recipient", nil, "encrypt the bundle for this age or SSH public key, or those in this file (repeatable)")
	f.StringVar(&opts.sealing.push, "push", "", "send the sealed bundle to s3://BUCKET/PREFIX or to a directory")
	opts.sealing.store.addFlags(f)
	return cmd
}

// runAttach is a collection whose imports are the files.
func runAttach(ctx context.Context, t *terminal, g *global, opts *attachOptions, flags *pflag.FlagSet, paths []string) error {
	c, err := g.openCase(t)
	if err != nil {
		return err
	}
	slots, err := findSlots(c)
	if err != nil {
		return err
	}
	if opts.list {
		return slots.print(t, g)
	}
	if err := opts.complete(t, c, slots, paths); err != nil {
		return err
	}
	var collect collectOptions
	inner := pflag.NewFlagSet("collect", pflag.ContinueOnError)
	collect.addFlags(inner)
	set := map[string][]string{"account": {opts.account}, "new": {"true"}, "attach-note": {opts.note}, "attach-by": {opts.by}, "attach-at": {opts.at},
		"attach-with": {opts.with}, "attach-for": {opts.bundle}}
	for _, path := range paths {
		set["import"] = append(set["import"], attachPrefix+strings.ReplaceAll(opts.slot, ":", "/")+":"+opts.account+"="+path)
	}
	flags.Visit(func(f *pflag.Flag) {
		if inner.Lookup(f.Name) != nil && f.Name != "account" {
			set[f.Name] = flagValues(f)
		}
	})
	for name, values := range set {
		if err := setFlag(inner.Lookup(name), values); err != nil {
			return fmt.Errorf("--%s: %w", name, err)
		}
	}
	return runCollect(ctx, t, g, &collect, inner)
}

// complete checks what was typed and fills in what the case tells.
func (o *attachOptions) complete(t *terminal, c *openCase, slots *slots, paths []string) error {
	if err := checkSlot(o.slot); err != nil {
		return err
	}
	if len(paths) == 0 {
		return usageError(errors.New("no file is named"), "type: mbaudit attach FILE --as "+o.slot)
	}
	if o.at != "" {
		at, err := time.Parse(time.RFC3339, o.at)
		if err != nil || at.After(t.now()) {
			return usageError(fmt.Errorf("--taken-at %q is no time that has been", visible.Text(o.at)), "write it with its zone, as in 2026-11-25T10:40:00+01:00")
		}
	}
	if o.bundle == newBundle {
		o.bundle = ""
	} else {
		dir, err := findBundle(c, o.bundle)
		if err != nil {
			return err
		}
		o.bundle = filepath.Base(dir)
	}
	o.by = cmp.Or(o.by, c.Operator.Name)
	if o.account != "" {
		return nil
	}
	accounts := slots.accountsFor(o.slot)
	if len(accounts) != 1 {
		return usageError(errors.New("it is not clear whose account the files are about"), "add --account "+visible.Text(cmp.Or(strings.Join(accounts, " or --account "), "ACCOUNT")))
	}
	o.account = accounts[0]
	return nil
}

// checkSlot refuses what is no slot, with those that there are.
func checkSlot(slot string) error {
	var names []string
	for _, s := range workspace.ManualSlots() {
		names = append(names, s.Name)
	}
	name, other := strings.CutPrefix(slot, otherSlot)
	switch {
	case slices.Contains(names, slot), other && regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`).MatchString(name):
		return nil
	case slot == "":
		return usageError(errors.New("it is not said what the files show"), "add --as SLOT: "+strings.Join(names, ", ")+", or other:NAME")
	case other:
		return usageError(fmt.Errorf("--as %s: a name has up to 64 letters, digits, dots and dashes", visible.Text(slot)), "write it as in --as other:call-with-bank")
	}
	return usageError(fmt.Errorf("--as knows no %q", visible.Text(slot)), "the slots are "+strings.Join(names, ", ")+"; or write other:NAME")
}

// attachKind is the kind of import that files attached to a slot are.
func attachKind(written string) (importKind, error) {
	slot := written
	if name, ok := strings.CutPrefix(written, "other/"); ok {
		slot = otherSlot + name
	}
	if err := checkSlot(slot); err != nil {
		return importKind{}, err
	}
	return importKind{name: attachPrefix + written, open: func(o openImport) (collectors.Collector, error) {
		attrs := map[string]string{"slot": slot}
		for name, value := range map[string]string{"note": o.attached.note, "taken-by": o.attached.by, "taken-at": o.attached.at, "taken-with": o.attached.with,
			"belongs-to": o.attached.bundle} {
			if value != "" {
				attrs[name] = strings.ToValidUTF8(value, "\uFFFD")
			}
		}
		return files.New(files.Config{Kind: files.Attached, Path: o.path, Report: o.report,
			Attachment: files.Attachment{Resource: workspace.ManualResource(slot), Count: o.together, Slot: strings.ReplaceAll(slot, ":", "-"), Attrs: attrs}})
	}}, nil
}
