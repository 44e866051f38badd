package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/evidence/signature"
	"github.com/mbaudit/mbaudit/internal/casefile"
)

type collectOptions struct {
	sign signOptions

	accounts     []string
	many         accountsOptions
	imports      []string
	messages     string
	folders      []string
	since, until string
	logZone      string
	again        string
	identity     identityOptions // of the bundle that --since or --again names
	imap         imapOptions
	google       googleOptions
	attached     attachedOptions
	push         string
	store        storeOptions
	tsa          []string
	tsaCA        string
	signKey      string
	segmentMiB   int64
	probe        bool
	recipients   []string
	resume, anew bool

	emergencySeal bool // Google Workspace: what changes first has a bundle of its own
}

func newCollectCommand(t *terminal, g *global) *cobra.Command {
	var opts collectOptions
	cmd := &cobra.Command{
		Use:   "collect --account A [--imap imaps://HOST] [--workspace] [--import KIND=PATH]",
		Short: "read accounts into a sealed bundle, changing nothing at the source",
		Long: `collect reads what the mail system tells about the accounts into a new bundle below
CASE/bundles, seals, signs and timestamps it, and with --push sends it off this machine.
Nothing is changed at the source. What could not be read is listed as a gap, and the
exit status is then 3.

Of a Google Workspace, what changes or vanishes first is read from all accounts in the
first seconds and sealed as a bundle of its own; then all else is read, into a second bundle.
One line is printed for each, the last for the second.

It reads an IMAP server (--imap), a Google Workspace (--workspace), files that were handed
over (--import KIND=PATH), or several of them.
With several accounts an import says whose it is: --import mbox:bob@example.com=PATH.
` + importKindsHelp() + `
The password comes from $MBAUDIT_IMAP_PASSWORD, from --password-file, or from a prompt;
the key for Google from --google-key or $GOOGLE_APPLICATION_CREDENTIALS; other ways to
get in there are in docs/WORKSPACE.md. With --workspace, --imap imaps://imap.gmail.com logs
in by the same delegation where no password is given.
If collection is interrupted, what was kept stays: go on with mbaudit collect --resume.`,
		Example: `  mbaudit collect --account alice@example.com --imap imaps://mail.example.com \
    --messages raw --push s3://evidence/2026-0042
  mbaudit collect --account alice@example.com --workspace --google-key key.json \
    --google-admin admin@example.com
  mbaudit collect --all-users --workspace --google-key key.json --google-admin admin@example.com
  mbaudit collect --again 01JD2… --google-key key.json
  mbaudit collect --account alice@example.com --import mbox=hand-over.mbox`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runCollect(cmd.Context(), t, g, &opts, cmd.Flags())
		},
	}
	opts.addFlags(cmd.Flags())
	return cmd
}

func (o *collectOptions) addFlags(f *pflag.FlagSet) {
	f.StringArrayVar(&o.accounts, "account", nil, "account to examine (repeatable)")
	o.many.addFlags(f)
	f.StringArrayVar(&o.imports, "import", nil, "read files: KIND=PATH, or KIND:ACCOUNT=PATH (repeatable; kinds above)")
	f.StringVar(&o.messages, "messages", messagesAuto, "how much of each message: none, metadata or raw; auto is metadata from a server or Gmail, raw of imports")
	f.StringArrayVar(&o.folders, "folder", nil, "only this folder (repeatable; default: all)")
	f.StringVar(&o.since, "since", "", "only messages received, and activities logged, on or after this day, as in 2026-11-01; or a bundle: only what is not in it, and what vanished or was re-flagged since")
	f.StringVar(&o.again, "again", "", "a sealed bundle: read its logs of Google Workspace once more, and what came since; best after 24 to 72 hours")
	o.identity.addFlags(f)
	f.StringVar(&o.logZone, "log-time-zone", "", "zone of imported logs whose lines name none, as in Europe/Paris (default: not known)")
	f.StringVar(&o.until, "until", "", "only messages received, and activities logged, on or before this day")
	o.imap.addFlags(f)
	o.google.addFlags(f)
	f.BoolVar(&o.emergencySeal, "emergency-seal", true, "seal what changes first in a Google Workspace as a bundle of its own before all else is read; =false makes one bundle")
	f.StringVar(&o.push, "push", "", "send the sealed bundle to s3://BUCKET/PREFIX or to a directory")
	o.store.addFlags(f)
	f.BoolVar(&o.probe, "probe", false, "try first whether the store of --push keeps evidence write-once")
	f.StringArrayVar(&o.tsa, "tsa", nil, "time-stamping authority's URL (repeatable; local for one on this machine, none for none; default: the case's)")
	f.StringVar(&o.tsaCA, "tsa-ca", "", "PEM file of authorities whose timestamps are trusted, beside the system's")
	f.StringVar(&o.signKey, "sign-key", "", "Ed25519 key to sign with: a file in OpenSSH form, or agent:SHA256:… (default: your mbaudit identity)")
	o.sign.addFlags(f)
	f.StringArrayVar(&o.recipients, "recipient", nil, "encrypt the bundle for this age or SSH public key, or those in this file (repeatable)")
	f.Int64Var(&o.segmentMiB, "segment-size", evidence.SegmentSize>>20, "MiB after which a segment is sealed and sent away")
	f.BoolVar(&o.resume, "resume", false, "go on with the newest unfinished bundle of the case")
	f.BoolVar(&o.anew, "new", false, "begin a new bundle although an unfinished one is there")
	o.attached.addHidden(f)
}

// A collection is one run of collect.
type collection struct {
	signers *signers // of the signatures beside the identity's

	*terminal
	opts       *collectOptions
	flags      *pflag.FlagSet
	c          *openCase
	identity   *signature.Identity
	scopes     []collectors.Scope // of each account at a server
	importMode collectors.MessageMode
	wanted     []wantedImport
	servers    []reading            // IMAP
	listings   []*workspace.Listing // who there is, until it is kept
	part       string               // of a collection in two bundles
	first      *firstBundle         // the one that is sealed already; nil before
	workspace  *workspace.Collector // nil where no Google Workspace is read
	imports    []reading
	progress   []*progress
	shown      *progress      // of Google Workspace
	logZone    *time.Location // of lines of imported logs that name none
	recipients []string       // public keys; none: not encrypted
	push       *destination   // nil where the bundle stays here
	tsas       []string
	roots      *x509.CertPool // of trusted time-stamping authorities
	w          *evidence.Writer
	stamps     *stamper
	storeProbe json.RawMessage // nil without --probe
	pusher     *pusher         // nil where the bundle stays here

	earlier     *earlierBundle // nil where --since names none
	disappeared []disappeared

	again    *readAgain              // nil without --again
	compared []workspace.AgainReport // with its bundle
}

func runCollect(ctx context.Context, t *terminal, g *global, opts *collectOptions, flags *pflag.FlagSet) error {
	c, err := g.openCase(t)
	if err != nil {
		return err
	}
	r := &collection{terminal: t, opts: opts, flags: flags, c: c}
	if err := errors.Join(opts.absoluteImports(), opts.absoluteSince(c), opts.absoluteAgain(c)); err != nil {
		return err
	}
	dir, sealed, err := r.chooseBundle()
	if err != nil {
		return err
	}
	defer func() { _ = r.again.close() }() // it was only read
	if !sealed {
		if err := r.openAgain(ctx); err != nil {
			return err
		}
	}
	if err := r.resolveAccounts(ctx); err != nil {
		return err
	}
	if err := r.prepare(ctx, sealed); err != nil {
		return err
	}
	if sealed && r.readsAll() {
		return r.finishSealed(ctx, g, dir)
	}
	if err := r.openServers(ctx); err != nil {
		return err
	}
	if dir, err = r.beginRest(ctx, g, dir, sealed); err != nil {
		return err
	}
	if err := r.open(dir); err != nil {
		return err
	}
	done, err := r.collectAndSeal(ctx)
	if err != nil {
		return err
	}
	return r.finish(ctx, g, r.w.Dir(), done)
}

// finishSealed signs a bundle whose run was killed between sealing and signing. Nothing is read from the source.
func (r *collection) finishSealed(ctx context.Context, g *global, dir string) error {
	result, err := r.signSealed(dir)
	if err != nil {
		return err
	}
	return r.finish(ctx, g, dir, result)
}

func (r *collection) signSealed(dir string) (*evidence.Sealed, error) {
	done, err := r.c.begin(journal.Collection, "signing the sealed bundle "+filepath.Base(dir), map[string]string{"bundle": filepath.Base(dir)})
	if err != nil {
		return nil, err
	}
	opening, _, err := evidence.ReadOpening(dir)
	if err != nil {
		return nil, err
	}
	err = evidence.Sign(dir, r.identity, principal(r.c.Case, opening))
	if err := errors.Join(err, done("", err)); err != nil {
		return nil, err
	}
	return evidence.ReadTotals(dir)
}

// chooseBundle gives the folder of an unfinished bundle to go on with, or "" for a new one. A sealed one lacks nothing
// but its signature.
func (r *collection) chooseBundle() (dir string, sealed bool, err error) {
	unfinished, err := evidence.Unfinished(r.c.path(casefile.BundlesName))
	if err != nil {
		return "", false, err
	}
	unfinished = slices.DeleteFunc(unfinished, madeByWatch)
	ended, _, between, err := r.between()
	if err != nil {
		return "", false, err
	}
	if !r.opts.resume {
		r.choosePart()
		switch {
		case r.opts.anew:
		case len(unfinished) > 0:
			name := filepath.Base(unfinished[len(unfinished)-1])
			return "", false, withHint(fmt.Errorf("the case has an unfinished bundle, %s", name),
				"go on with it: mbaudit collect --resume   or begin another one: add --new")
		case between:
			return "", false, withHint(fmt.Errorf("the case has an emergency bundle, %s, and the rest of that collection was not read", filepath.Base(ended)),
				"read the rest: mbaudit collect --resume   or begin another one: add --new")
		}
		return "", false, nil
	}
	if between {
		return "", false, r.goOnFrom(ended)
	}
	if len(unfinished) == 0 {
		return "", false, withHint(errors.New("there is no unfinished bundle to go on with"),
			"leave --resume out to begin a new one; what is sealed is sent away with: mbaudit push BUNDLE s3://BUCKET/PREFIX")
	}
	dir = unfinished[len(unfinished)-1]
	opening, sealed, err := evidence.ReadOpening(dir)
	if err != nil {
		return "", false, err
	}
	r.part = opening.Part
	return dir, sealed, errors.Join(r.restoreScope(opening), r.findFirst(opening.First))
}

// prepare checks what can be wrong before anything is read: options, files to import, store, key. A bundle that is sealed
// needs its sources no more.
func (r *collection) prepare(ctx context.Context, sealed bool) error {
	if err := r.parseScopes(); err != nil {
		return err
	}
	if !sealed || !r.readsAll() {
		if err := r.openImports(); err != nil {
			return err
		}
	}
	return r.prepareSealing(ctx)
}

// prepareSealing opens what a sealed bundle needs: authorities, store, key.
func (r *collection) prepareSealing(ctx context.Context) error {
	var err error
	if r.tsas, err = timestampURLs(r.opts.tsa, r.c.Case); err != nil {
		return err
	}
	if r.opts.probe && !strings.HasPrefix(r.opts.push, "s3://") {
		return usageError(errors.New("--probe tries a store and none is named"), "add --push s3://BUCKET/PREFIX")
	}
	if r.opts.push != "" {
		if r.push, err = r.opts.store.open(ctx, r.terminal, r.c.Case, r.opts.push); err != nil {
			return err
		}
	}
	if r.opts.probe {
		if r.storeProbe, err = r.opts.store.probeForAcquisition(ctx, r.terminal, r.c, r.opts.push); err != nil {
			return err
		}
	}
	if r.identity == nil {
		if r.identity, err = openIdentity(r.terminal, r.opts.signKey); err != nil {
			return err
		}
	}
	if r.signers, err = r.opts.sign.open(r.terminal); err != nil {
		return err
	}
	r.roots, err = stampRoots(r.opts.tsaCA)
	return err
}

// collectAndSeal reads everything in scope and seals the bundle. If reading stops early, the bundle stays open.
func (r *collection) collectAndSeal(ctx context.Context) (*evidence.Sealed, error) {
	bundle := r.w.Opening().Bundle
	from := r.sourcesInWords()
	ref := map[string]string{"bundle": bundle, "source": from, "messages": r.opts.messages}
	if r.again != nil {
		ref["again"] = r.again.link.Bundle
	}
	what := map[string]string{partEmergency: "what changes or vanishes first of ", partRest: "the rest of "}[r.part]
	collected, err := r.c.begin(journal.Collection, "collecting "+what+accountsInWords(r.opts.accounts)+" from "+from+" into "+bundle, ref)
	if err != nil {
		return nil, errors.Join(err, r.w.Close())
	}
	r.stamps = startStamps(ctx, r.terminal, r.w, r.tsas)
	if err := r.startPushing(ctx); err != nil {
		return nil, errors.Join(err, r.w.Close())
	}
	err = r.collect(ctx)
	if err == nil {
		err = r.compareAgain()
	}
	r.stamps.wait()
	counts := r.w.Counts()
	kept := fmt.Sprintf("%d exhibits and %d gaps", counts.Exhibits, counts.Gaps)
	if err != nil {
		return nil, r.stopped(ctx, err, collected(kept+" so far", err))
	}
	if err := collected(kept, nil); err != nil {
		return nil, errors.Join(err, r.w.Close())
	}
	return r.seal(bundle)
}

// startPushing begins to send away what is sealed, from the opening on.
func (r *collection) startPushing(ctx context.Context) error {
	if r.push == nil {
		return nil
	}
	bundle := r.w.Opening().Bundle
	if err := r.c.note(journal.Collection, "sending the segments of bundle "+bundle+" to "+r.push.location+" as they are sealed",
		map[string]string{"bundle": bundle, "to": r.push.location}); err != nil {
		return err
	}
	files, err := r.w.SealedFiles()
	if err != nil {
		return err
	}
	r.pusher = startPusher(ctx, r.terminal, r.push, r.w.Dir(), files)
	if r.w.Counts().Segments > 0 {
		r.pusher.add(nil)
	}
	return nil
}

// stopped leaves the bundle so that it can be gone on with, and says how. A bundle without a single record, as after a
// wrong password, is not left behind.
func (r *collection) stopped(ctx context.Context, cause, journalErr error) error {
	counts := r.w.Counts()
	if counts.Exhibits+counts.Gaps == 0 {
		err := errors.Join(cause, journalErr, r.w.Discard())
		if r.part != partRest {
			return err
		}
		return withHint(err, strings.TrimPrefix(hintFor(err)+"; then read the rest with: "+r.opts.resumeCommand(), "; "))
	}
	err := errors.Join(cause, journalErr, r.w.Close(), r.stopPushing())
	r.say("kept so far: %s and %s, in %s", plural(counts.Exhibits, "exhibit"), plural(counts.Gaps, "gap"), r.w.Dir())
	if ctx.Err() != nil {
		return withHint(errors.New("interrupted"), "go on with: "+r.opts.resumeCommand())
	}
	hint := "then go on with: " + r.opts.resumeCommand()
	if first := hintFor(err); first != "" {
		hint = first + "; " + hint
	}
	return withHint(err, hint)
}

// resumeCommand is what to type to go on. Where the key for Google lies is not written into a bundle.
func (o *collectOptions) resumeCommand() string {
	return "mbaudit collect --resume" + o.google.resumeFlags()
}

// stopPushing waits until what was sealed is sent, and journals what came of it.
func (r *collection) stopPushing() error {
	if r.pusher == nil {
		return nil
	}
	sent, err := r.pusher.wait()
	r.pusher = nil
	result := plural(int64(sent), "object") + " sent to " + r.push.location + " while collecting"
	if err != nil {
		result += "; then it stopped: " + err.Error()
	}
	return r.c.note(journal.Collection, result, nil)
}

// finish timestamps and pushes the sealed bundle and prints the result, which stands whatever comes after sealing.
func (r *collection) finish(ctx context.Context, g *global, dir string, sealed *evidence.Sealed) error {
	if err := r.stopPushing(); err != nil {
		return err
	}
	err := r.afterSealing(ctx, dir)
	r.sayDisappeared()
	r.sayAgain()
	r.sayOpenSlots()
	if err := r.printSealed(g, dir, sealed); err != nil {
		return err
	}
	gaps := sealed.Counts.Gaps
	if r.first != nil {
		err = errors.Join(r.first.err, err)
		gaps += r.first.sealed.Counts.Gaps
	}
	if err != nil {
		return err
	}
	if r.push == nil {
		r.say("this evidence is on this machine only; send it away with: mbaudit push %s s3://BUCKET/PREFIX", dir)
	}
	if gaps == 0 {
		return nil
	}
	if sealed.Counts.Gaps > 0 {
		r.say("not everything could be read: see %s", filepath.Join(dir, "data", "logs", "exceptions.tsv"))
	}
	if r.first != nil && r.first.sealed.Counts.Gaps > 0 {
		r.say("not everything could be read at first: see %s", filepath.Join(r.first.dir, "data", "logs", "exceptions.tsv"))
	}
	return statusError(statusIncomplete)
}

// afterSealing adds signatures and timestamps to a sealed bundle and pushes it.
func (r *collection) afterSealing(ctx context.Context, dir string) error {
	_, signErr := r.signers.apply(r.terminal, r.c, dir)
	stampErr := stampSealed(ctx, r.terminal, r.c, dir, r.tsas, r.roots)
	if r.push == nil {
		return errors.Join(signErr, stampErr)
	}
	pushErr := r.push.send(ctx, r.terminal, r.c, dir)
	err := errors.Join(signErr, stampErr, pushErr)
	if pushErr == nil {
		return err
	}
	hint := "the bundle is sealed; send it with: mbaudit push " + dir + " " + r.opts.push
	if first := hintFor(pushErr); first != "" {
		hint = first + "; " + hint
	}
	return withHint(err, hint)
}

// printSealed prints the last line of collect. For scripts there is one document, of the last bundle, with the first in it.
func (r *collection) printSealed(g *global, dir string, sealed *evidence.Sealed) error {
	if g.json {
		doc, err := sealedDocument(dir)
		if err != nil {
			return err
		}
		if r.first != nil {
			if doc["first"], err = sealedDocument(r.first.dir); err != nil {
				return err
			}
		}
		if r.compared != nil {
			doc["again"] = r.compared
		}
		return r.printJSON(doc)
	}
	r.print("%s, %s, %s, sealed %s, SHA-256 %s", plural(int64(sealed.Counts.Accounts), "account"), plural(sealed.Counts.Exhibits, "exhibit"),
		plural(sealed.Counts.Gaps, "gap"), sealed.Opening.Bundle, sealed.TagManifest)
	return nil
}

// sealedDocument is what scripts hear of a sealed bundle.
func sealedDocument(dir string) (map[string]any, error) {
	sealed, err := evidence.ReadSealed(dir)
	if err != nil {
		return nil, err
	}
	return map[string]any{"bundle": sealed.Opening.Bundle, "path": dir, "counts": sealed.Counts, "tagmanifest_sha256": sealed.TagManifest,
		"coverage": sealed.Coverage}, nil
}

func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
