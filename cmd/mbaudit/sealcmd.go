package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/internal/casefile"
)

type sealOptions struct {
	sign signOptions

	partial        bool
	tsa            []string
	tsaCA, signKey string
	push           string
	store          storeOptions
}

func newSealCommand(t *terminal, g *global) *cobra.Command {
	var opts sealOptions
	cmd := &cobra.Command{
		Use:   "seal [BUNDLE]",
		Short: "seal what there is of an unfinished bundle",
		Long: `seal --partial makes a valid, signed and timestamped bundle of what has been collected so
far, at any moment, while collection runs or after it was interrupted; collection goes on
(or is gone on with by collect --resume) as if nothing had been. The complaint's 72 hours
do not wait.

Without --partial the unfinished bundle itself is sealed, for when the source is gone: what
was not read becomes a gap, and nothing can be added afterwards.

BUNDLE is the unfinished bundle's directory or id (default: the newest one of the case).`,
		Example: `  mbaudit seal --partial --push s3://evidence/2026-0042`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			bundle := ""
			if len(args) > 0 {
				bundle = args[0]
			}
			return runSeal(cmd.Context(), t, g, bundle, &opts)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&opts.partial, "partial", false, "seal a copy of what there is; the bundle itself goes on")
	f.StringArrayVar(&opts.tsa, "tsa", nil, "time-stamping authority's URL (repeatable; local for one on this machine, none for none; default: the case's)")
	f.StringVar(&opts.tsaCA, "tsa-ca", "", "PEM file of authorities whose timestamps are trusted, beside the system's")
	f.StringVar(&opts.signKey, "sign-key", "", "Ed25519 key to sign with: a file in OpenSSH form, or agent:SHA256:… (default: your mbaudit identity)")
	opts.sign.addFlags(f)
	f.StringVar(&opts.push, "push", "", "send the sealed bundle to s3://BUCKET/PREFIX or to a directory")
	opts.store.addFlags(f)
	return cmd
}

func runSeal(ctx context.Context, t *terminal, g *global, bundle string, opts *sealOptions) error {
	c, err := g.openCase(t)
	if err != nil {
		return err
	}
	dir, err := unfinishedBundle(c, bundle)
	if err != nil {
		return err
	}
	// The rest of the work after sealing is that of collect.
	r := &collection{terminal: t, c: c, opts: &collectOptions{tsa: opts.tsa, tsaCA: opts.tsaCA, signKey: opts.signKey, sign: opts.sign, push: opts.push, store: opts.store}}
	if err := r.prepareSealing(ctx); err != nil {
		return err
	}
	what := "sealing the unfinished bundle " + filepath.Base(dir) + " as it is"
	if opts.partial {
		what = "sealing what there is so far of bundle " + filepath.Base(dir)
	}
	done, err := c.begin(journal.Collection, what, map[string]string{"bundle": filepath.Base(dir), "signer": r.identity.Fingerprint()})
	if err != nil {
		return err
	}
	sealed, out, err := r.sealUnfinished(dir, opts.partial)
	if err != nil {
		return errors.Join(err, done("", err))
	}
	if err := done(filepath.Base(out)+", SHA-256 of tagmanifest-sha256.txt: "+sealed.TagManifest.String(), nil); err != nil {
		return err
	}
	if opts.partial {
		t.say("sealed in part: %s; collection goes on in %s", out, dir)
	}
	return r.finish(ctx, g, out, sealed)
}

// unfinishedBundle gives the directory of an unfinished bundle: the one named, or the newest.
func unfinishedBundle(c *openCase, name string) (string, error) {
	if name != "" {
		return findBundle(c, name)
	}
	unfinished, err := evidence.Unfinished(c.path(casefile.BundlesName))
	if err != nil {
		return "", err
	}
	if len(unfinished) == 0 {
		return "", withHint(errors.New("the case has no unfinished bundle"), "what is sealed needs no more sealing; collect again with: mbaudit collect")
	}
	return unfinished[len(unfinished)-1], nil
}

// sealUnfinished seals the bundle, or a copy of what there is of it.
func (r *collection) sealUnfinished(dir string, partial bool) (sealed *evidence.Sealed, out string, err error) {
	config := evidence.WriterConfig{Now: r.now}
	var w *evidence.Writer
	if partial {
		w, err = evidence.Partial(dir, config)
	} else {
		w, err = evidence.Resume(dir, config)
	}
	if err != nil {
		return nil, "", err
	}
	if !partial {
		if err := endEarly(w); err != nil {
			return nil, "", errors.Join(err, w.Close())
		}
	}
	extract, err := os.Open(r.c.journal.Path())
	if err != nil {
		return nil, "", errors.Join(err, w.Close())
	}
	defer extract.Close()
	now := r.now().UTC().Truncate(time.Millisecond)
	sealed, err = w.Seal(evidence.SealConfig{Identity: r.identity, Principal: principal(r.c.Case, w.Opening()), Journal: extract,
		Clocks: []evidence.Clock{{Against: "the source", Status: "not offered", At: now, Note: "sealed without a connection to the source"}}})
	return sealed, w.Dir(), errors.Join(err, w.Close())
}

// endEarly writes for each account that its collection was ended before all was read.
func endEarly(w *evidence.Writer) error {
	for _, account := range w.Opening().Accounts {
		err := w.Gap(evidence.Gap{Account: account, Collector: w.Opening().Sources[0].Collector, Resource: "collection", Class: evidence.GapFailed,
			Reason: "the operator ended the collection before everything in scope was read; what is missing is not listed one by one"})
		if err != nil {
			return fmt.Errorf("writing the gap: %w", err)
		}
	}
	return nil
}
