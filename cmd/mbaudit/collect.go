package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/imap"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/evidence/signature"
	"github.com/mbaudit/mbaudit/internal/casefile"
	"github.com/mbaudit/mbaudit/internal/visible"
)

type collectOptions struct {
	sign signOptions

	accounts     []string
	messages     string
	folders      []string
	since, until string
	imap         imapOptions
	push         string
	store        storeOptions
	tsa          []string
	tsaCA        string
	signKey      string
	segmentMiB   int64
	probe        bool
	recipients   []string
	resume, anew bool
}

func newCollectCommand(t *terminal, g *global) *cobra.Command {
	var opts collectOptions
	cmd := &cobra.Command{
		Use:   "collect --account A --imap imaps://HOST",
		Short: "read accounts into a sealed bundle, changing nothing at the source",
		Long: `collect reads what the mail system tells about the accounts into a new bundle below
CASE/bundles, seals, signs and timestamps it, and with --push sends it off this machine.
Nothing is changed at the source. What could not be read is listed as a gap, and the
exit status is then 3.

The password comes from $MBAUDIT_IMAP_PASSWORD, from --password-file, or from a prompt.
If collection is interrupted, what was kept stays: go on with mbaudit collect --resume.`,
		Example: `  mbaudit collect --account alice@example.com --imap imaps://mail.example.com \
    --messages raw --push s3://evidence/2026-0042`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runCollect(cmd.Context(), t, g, &opts, cmd.Flags())
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&opts.accounts, "account", nil, "account to examine (repeatable)")
	f.StringVar(&opts.messages, "messages", "metadata", "how much of each message: none, metadata or raw")
	f.StringArrayVar(&opts.folders, "folder", nil, "only this folder (repeatable; default: all)")
	f.StringVar(&opts.since, "since", "", "only messages received on or after this day, as in 2026-11-01")
	f.StringVar(&opts.until, "until", "", "only messages received on or before this day")
	opts.imap.addFlags(f)
	f.StringVar(&opts.push, "push", "", "send the sealed bundle to s3://BUCKET/PREFIX or to a directory")
	opts.store.addFlags(f)
	f.BoolVar(&opts.probe, "probe", false, "try first whether the store of --push keeps evidence write-once")
	f.StringArrayVar(&opts.tsa, "tsa", nil, "time-stamping authority's URL (repeatable; local for one on this machine, none for none; default: the case's)")
	f.StringVar(&opts.tsaCA, "tsa-ca", "", "PEM file of authorities whose timestamps are trusted, beside the system's")
	f.StringVar(&opts.signKey, "sign-key", "", "Ed25519 key to sign with: a file in OpenSSH form, or agent:SHA256:… (default: your mbaudit identity)")
	opts.sign.addFlags(f)
	f.StringArrayVar(&opts.recipients, "recipient", nil, "encrypt the bundle for this age or SSH public key, or those in this file (repeatable)")
	f.Int64Var(&opts.segmentMiB, "segment-size", evidence.SegmentSize>>20, "MiB after which a segment is sealed and sent away")
	f.BoolVar(&opts.resume, "resume", false, "go on with the newest unfinished bundle of the case")
	f.BoolVar(&opts.anew, "new", false, "begin a new bundle although an unfinished one is there")
	return cmd
}

// scopeFlags are the options that say what is collected. A bundle remembers them, and --resume takes them from it.
func scopeFlags() []string {
	return []string{"account", "messages", "folder", "since", "until", "imap", "imap-login", "imap-master", "imap-master-separator",
		"tls-ca", "tls-server-name", "tls-pin", "insecure-plaintext", "tsa", "segment-size", "recipient"}
}

// A collection is one run of collect.
type collection struct {
	signers *signers // of the signatures beside the identity's

	*terminal
	opts       *collectOptions
	flags      *pflag.FlagSet
	c          *openCase
	identity   *signature.Identity
	scopes     []collectors.Scope
	sources    map[string]source // by account
	recipients []string          // public keys; none: not encrypted
	push       *destination      // nil where the bundle stays here
	tsas       []string
	roots      *x509.CertPool // of trusted time-stamping authorities
	w          *evidence.Writer
	stamps     *stamper
	storeProbe json.RawMessage // nil without --probe
	pusher     *pusher         // nil where the bundle stays here
}

func runCollect(ctx context.Context, t *terminal, g *global, opts *collectOptions, flags *pflag.FlagSet) error {
	c, err := g.openCase(t)
	if err != nil {
		return err
	}
	r := &collection{terminal: t, opts: opts, flags: flags, c: c}
	dir, sealed, err := r.chooseBundle()
	if err != nil {
		return err
	}
	if err := r.prepare(ctx); err != nil {
		return err
	}
	if sealed {
		return r.finishSealed(ctx, g, dir)
	}
	if err := r.prepareSources(); err != nil {
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
	done, err := r.c.begin(journal.Collection, "signing the sealed bundle "+filepath.Base(dir), map[string]string{"bundle": filepath.Base(dir)})
	if err != nil {
		return err
	}
	opening, _, err := evidence.ReadOpening(dir)
	if err != nil {
		return err
	}
	err = evidence.Sign(dir, r.identity, principal(r.c.Case, opening))
	if err := errors.Join(err, done("", err)); err != nil {
		return err
	}
	result, err := evidence.ReadSealed(dir)
	if err != nil {
		return err
	}
	return r.finish(ctx, g, dir, result)
}

// chooseBundle gives the folder of an unfinished bundle to go on with, or "" for a new one. A sealed one lacks nothing
// but its signature.
func (r *collection) chooseBundle() (dir string, sealed bool, err error) {
	unfinished, err := evidence.Unfinished(r.c.path(casefile.BundlesName))
	if err != nil {
		return "", false, err
	}
	if !r.opts.resume {
		if len(unfinished) > 0 && !r.opts.anew {
			name := filepath.Base(unfinished[len(unfinished)-1])
			return "", false, withHint(fmt.Errorf("the case has an unfinished bundle, %s", name),
				"go on with it: mbaudit collect --resume   or begin another one: add --new")
		}
		return "", false, nil
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
	return dir, sealed, r.restoreScope(opening)
}

// restoreScope takes the scope of an unfinished bundle. A flag that says something else is refused: one bundle has one
// scope.
func (r *collection) restoreScope(opening evidence.Opening) error {
	for _, name := range scopeFlags() {
		saved, flag := opening.Options[name], r.flags.Lookup(name)
		typed := flagValues(flag)
		if flag.Changed {
			if !slices.Equal(typed, saved) {
				return usageError(fmt.Errorf("--%s is %s, the unfinished bundle %s was begun with %s", name, visible.Text(strings.Join(typed, ", ")),
					opening.Bundle, visible.Text(strings.Join(saved, ", "))), "leave it out with --resume, or begin another bundle with --new")
			}
			continue
		}
		if err := setFlag(flag, saved); err != nil {
			return fmt.Errorf("reading --%s of the unfinished bundle: %w", name, err)
		}
	}
	return nil
}

// flagValues gives a flag's values as strings.
func flagValues(flag *pflag.Flag) []string {
	if list, ok := flag.Value.(pflag.SliceValue); ok {
		return list.GetSlice()
	}
	if value := flag.Value.String(); value != "" {
		return []string{value}
	}
	return nil
}

func setFlag(flag *pflag.Flag, values []string) error {
	if list, ok := flag.Value.(pflag.SliceValue); ok {
		return list.Replace(values)
	}
	if len(values) == 0 {
		return flag.Value.Set(flag.DefValue)
	}
	return flag.Value.Set(values[0])
}

// prepare checks what can be wrong before anything is read: options, store, key.
func (r *collection) prepare(ctx context.Context) error {
	if err := r.parseScopes(); err != nil {
		return err
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
	if r.identity, err = openIdentity(r.terminal, r.opts.signKey); err != nil {
		return err
	}
	if r.signers, err = r.opts.sign.open(r.terminal); err != nil {
		return err
	}
	r.roots, err = stampRoots(r.opts.tsaCA)
	return err
}

// prepareSources makes the collectors, asking for passwords.
func (r *collection) prepareSources() error {
	var err error
	r.sources, err = r.opts.imap.sources(r.terminal, r.opts.accounts)
	return err
}

func (r *collection) parseScopes() error {
	if len(r.opts.accounts) == 0 {
		return usageError(errors.New("no account is named"), "add --account alice@example.com")
	}
	mode, err := collectors.ParseMessageMode(r.opts.messages)
	if err != nil {
		return usageError(err, "type --messages none, metadata or raw")
	}
	zone, err := time.LoadLocation(r.c.TimeZone)
	if err != nil {
		return err
	}
	since, err := parseDay(r.opts.since, zone)
	if err != nil {
		return usageError(fmt.Errorf("--since: %w", err), "write a day as in 2026-11-01")
	}
	until, err := parseDay(r.opts.until, zone)
	if err != nil {
		return usageError(fmt.Errorf("--until: %w", err), "write a day as in 2026-11-23")
	}
	if !since.IsZero() && !until.IsZero() && until.Before(since) {
		return usageError(errors.New("--until is before --since"), "exchange the two days")
	}
	if r.opts.segmentMiB < 1 || r.opts.segmentMiB > 1024 {
		return usageError(fmt.Errorf("--segment-size is %d", r.opts.segmentMiB), "write a number of MiB from 1 to 1024")
	}
	if r.recipients, err = parseRecipients(r.opts.recipients); err != nil {
		return err
	}
	seen := make(map[string]bool)
	for _, account := range r.opts.accounts {
		if account == "" || seen[account] {
			return usageError(fmt.Errorf("--account %q is empty or named twice", visible.Text(account)), "name each account once")
		}
		seen[account] = true
		r.scopes = append(r.scopes, collectors.Scope{Account: account, Messages: mode, Folders: r.opts.folders, Since: since, Until: until})
	}
	return r.opts.imap.check(len(r.opts.accounts))
}

// parseDay reads a day in the case's time zone, or a moment with its own offset. Nothing is no bound.
func parseDay(s string, zone *time.Location) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return at, nil
	}
	day, err := time.ParseInLocation(time.DateOnly, s, zone)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not a day", visible.Text(s))
	}
	return day, nil
}

// open begins the bundle, or goes on with the one in dir.
func (r *collection) open(dir string) error {
	tool, err := thisTool()
	if err != nil {
		return err
	}
	if err := r.openWriter(dir, tool); err != nil {
		return err
	}
	// A resumed run may be another version's: each run says what it was.
	return r.w.Log("tool", fmt.Sprintf("%s %s, %s, %s/%s, SHA-256 %s", tool.Name, tool.Version, tool.GoVersion, tool.OS, tool.Arch, tool.BinarySHA256))
}

func (r *collection) openWriter(dir string, tool evidence.Tool) error {
	var err error
	if dir != "" {
		if r.w, err = evidence.Resume(dir, r.writerConfig()); err != nil {
			return err
		}
		r.say("resuming %s: %d exhibits are there already", filepath.Base(dir), r.w.Counts().Exhibits)
		return nil
	}
	opening := r.opening(tool)
	r.w, err = evidence.Create(r.c.path(casefile.BundlesName, opening.Bundle), opening, r.writerConfig())
	return err
}

// writerConfig lets the pusher, once there is one, hear of sealed segments.
func (r *collection) writerConfig() evidence.WriterConfig {
	return evidence.WriterConfig{Now: r.now, SegmentSize: r.opts.segmentMiB << 20, Sealed: func(files []evidence.SealedFile) {
		if r.pusher != nil {
			r.pusher.add(files)
		}
	}}
}

func (r *collection) opening(tool evidence.Tool) evidence.Opening {
	options := make(map[string][]string)
	for _, name := range scopeFlags() {
		if values := flagValues(r.flags.Lookup(name)); len(values) > 0 {
			options[name] = values
		}
	}
	return evidence.Opening{
		Bundle: ulid.MustNewDefault(r.now()).String(), CreatedAt: r.now().UTC().Truncate(time.Millisecond), Case: r.c.Case.Case, Accounts: r.opts.accounts,
		Operator:  evidence.Person{Name: r.c.Operator.Name, Organisation: r.c.Organisation, Contact: r.c.Operator.Contact},
		Authority: r.c.Authority, Tool: tool, Sources: []evidence.Source{{Collector: "imap", Address: r.opts.imap.url}}, Options: options,
		TimeZone: localZone(r.now()), Signer: r.identity.Fingerprint(), Recipients: r.recipients,
	}
}

// thisTool describes the running program, with the SHA-256 of its own file.
func thisTool() (evidence.Tool, error) {
	path, err := os.Executable()
	if err != nil {
		return evidence.Tool{}, err
	}
	digest, err := fileDigest(path)
	if err != nil {
		return evidence.Tool{}, fmt.Errorf("hashing the program's own file: %w", err)
	}
	return evidence.Tool{Name: "mbaudit", Version: version, GoVersion: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, BinarySHA256: digest}, nil
}

// collectAndSeal reads everything in scope and seals the bundle. If reading stops early, the bundle stays open.
func (r *collection) collectAndSeal(ctx context.Context) (*evidence.Sealed, error) {
	bundle := r.w.Opening().Bundle
	ref := map[string]string{"bundle": bundle, "source": r.opts.imap.url, "messages": r.opts.messages}
	collected, err := r.c.begin(journal.Collection, "collecting "+strings.Join(r.opts.accounts, ", ")+" from "+r.opts.imap.url+" into "+bundle, ref)
	if err != nil {
		return nil, errors.Join(err, r.w.Close())
	}
	r.stamps = startStamps(ctx, r.terminal, r.w, r.tsas)
	if err := r.startPushing(ctx); err != nil {
		return nil, errors.Join(err, r.w.Close())
	}
	err = r.collect(ctx)
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
		return errors.Join(cause, journalErr, r.w.Discard())
	}
	err := errors.Join(cause, journalErr, r.w.Close(), r.stopPushing())
	r.say("kept so far: %s and %s, in %s", plural(counts.Exhibits, "exhibit"), plural(counts.Gaps, "gap"), r.w.Dir())
	if ctx.Err() != nil {
		return withHint(errors.New("interrupted"), "go on with: mbaudit collect --resume")
	}
	hint := "then go on with: mbaudit collect --resume"
	if first := hintFor(err); first != "" {
		hint = first + "; " + hint
	}
	return withHint(err, hint)
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

// collect runs the collector of each account in turn. Where several are collected, one that the server does not let in
// is a gap, and the others are read all the same.
func (r *collection) collect(ctx context.Context) error {
	defer func() {
		for _, src := range r.sources {
			src.progress.finish()
		}
	}()
	var refused []evidence.Gap
	var causes []error
	for _, scope := range r.scopes {
		src := r.sources[scope.Account]
		err := src.collector.Collect(ctx, scope, r.w)
		if err == nil {
			continue
		}
		if !errors.Is(err, imap.ErrAuth) {
			return err
		}
		causes = append(causes, err)
		refused = append(refused, evidence.Gap{Account: scope.Account, Collector: src.collector.Name(), Resource: "login", Class: evidence.GapRefused,
			Reason: visible.Line(err.Error())})
	}
	if len(refused) == len(r.scopes) {
		return errors.Join(causes...)
	}
	for i, gap := range refused {
		r.say("not collected: %s", visible.Line(causes[i].Error()))
		if err := r.w.Gap(gap); err != nil {
			return err
		}
	}
	return nil
}

func (r *collection) seal(bundle string) (*evidence.Sealed, error) {
	done, err := r.c.begin(journal.Collection, "sealing bundle "+bundle, map[string]string{"bundle": bundle, "signer": r.identity.Fingerprint()})
	if err != nil {
		return nil, errors.Join(err, r.w.Close())
	}
	extract, err := os.Open(r.c.journal.Path())
	if err != nil {
		return nil, errors.Join(err, r.w.Close())
	}
	defer extract.Close()
	sealed, err := r.w.Seal(evidence.SealConfig{Identity: r.identity, Principal: principal(r.c.Case, r.w.Opening()), Journal: extract, Clocks: r.clocks(), Store: r.storeProbe})
	if err != nil {
		return nil, errors.Join(err, done("", err), r.w.Close())
	}
	return sealed, done("SHA-256 of tagmanifest-sha256.txt: "+sealed.TagManifest.String(), nil)
}

// clocks are the comparisons of our clock with others. IMAP has no command that tells the server's time, and the
// bundle says so rather than leave it out.
func (r *collection) clocks() []evidence.Clock {
	clocks := []evidence.Clock{{Against: r.opts.imap.url, Status: "not offered", At: r.now().UTC().Truncate(time.Millisecond),
		Note: "IMAP has no command that tells the server's time"}}
	clocks = append(clocks, r.stamps.clocks()...)
	if r.push != nil {
		clocks = append(clocks, r.push.clock(r.now))
	}
	return clocks
}

// finish timestamps and pushes the sealed bundle and prints the result, which stands whatever comes after sealing.
func (r *collection) finish(ctx context.Context, g *global, dir string, sealed *evidence.Sealed) error {
	if err := r.stopPushing(); err != nil {
		return err
	}
	_, signErr := r.signers.apply(r.terminal, r.c, dir)
	stampErr := stampSealed(ctx, r.terminal, r.c, dir, r.tsas, r.roots)
	var pushErr error
	if r.push != nil {
		pushErr = r.push.send(ctx, r.terminal, r.c, dir)
	}
	if err := r.printSealed(g, dir, sealed); err != nil {
		return err
	}
	if err := errors.Join(signErr, stampErr, pushErr); err != nil {
		if r.push != nil && pushErr != nil {
			hint := "the bundle is sealed; send it with: mbaudit push " + dir + " " + r.opts.push
			if first := hintFor(pushErr); first != "" {
				hint = first + "; " + hint
			}
			return withHint(err, hint)
		}
		return err
	}
	if r.push == nil {
		r.say("this evidence is on this machine only; send it away with: mbaudit push %s s3://BUCKET/PREFIX", dir)
	}
	if sealed.Counts.Gaps > 0 {
		r.say("not everything could be read: see %s", filepath.Join(dir, "data", "logs", "exceptions.tsv"))
		return statusError(statusIncomplete)
	}
	return nil
}

// printSealed prints the last line of collect.
func (r *collection) printSealed(g *global, dir string, sealed *evidence.Sealed) error {
	if g.json {
		return r.printJSON(map[string]any{"bundle": sealed.Opening.Bundle, "path": dir, "counts": sealed.Counts,
			"tagmanifest_sha256": sealed.TagManifest, "coverage": sealed.Coverage})
	}
	r.print("%s, %s, %s, sealed %s, SHA-256 %s", plural(int64(sealed.Counts.Accounts), "account"), plural(sealed.Counts.Exhibits, "exhibit"),
		plural(sealed.Counts.Gaps, "gap"), sealed.Opening.Bundle, sealed.TagManifest)
	return nil
}

func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
