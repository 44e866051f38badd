package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mbaudit/mbaudit/containment"
	"github.com/mbaudit/mbaudit/containment/imap"
	"github.com/mbaudit/mbaudit/containment/workspace"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/internal/visible"
)

const (
	googleWriteKeyVariable = "MBAUDIT_GOOGLE_WRITE_KEY"
	containmentName        = "containment" // the folder of a case

	// usualWindow is how far back what is young counts as the intruder's, where nobody says when he came.
	usualWindow = 30 * 24 * time.Hour
)

type containOptions struct {
	accounts                 []string
	accountsFile             string
	account                  string // where there is one
	mode, since, language    string
	quarantine               []string
	allUsers                 bool
	keyFile, writeKey, admin string
	apply, planDir, yes      string
	now                      bool
	skipPreserve             string
	showPassword             bool
	passwordFile             string
	identity                 identityOptions
	push                     string
	noLock                   bool
	tsa                      []string
	tsaCA, signKey           string
	imap                     containIMAPOptions
}

// addReach adds what every containment command needs to reach the Workspace.
func (o *containOptions) addReach(f *pflag.FlagSet) {
	f.StringArrayVar(&o.accounts, "account", nil, "account to take back (repeatable)")
	f.StringVar(&o.language, "lang", "", "fr or en (default: the case's)")
	f.StringVar(&o.keyFile, "google-key", "", "key file of a service account that may read (default: $"+googleKeyVariable+")")
	f.StringVar(&o.admin, "google-admin", "", "super administrator in whose name it is looked and changed; never the account itself")
	f.StringVar(&o.since, "since", "", "first day of the incident, as in 2026-10-12: what is younger is taken away unasked (default: 30 days ago)")
	o.imap.addFlags(f)
}

func (o *containOptions) addWrite(f *pflag.FlagSet) {
	f.StringVar(&o.writeKey, "google-write-key", "", "key file of the service account that may change things, another one than reads (default: $"+googleWriteKeyVariable+")")
	f.StringVar(&o.yes, "yes", "", "confirm without being asked: the plan's SHA-256; with --now the account's address")
}

func newContainCommand(t *terminal, g *global) *cobra.Command {
	var opts containOptions
	cmd := &cobra.Command{
		Use:   "contain --account A",
		Short: "take an account back: plan, apply, verify, undo",
		Long: `contain looks at an account of Google Workspace, or of an IMAP server, changes nothing, and writes a plan:
CASE/containment/plan-….json and a table of what to do, in the order that works, each step
with its reason, side effect, needed right and whether it can be undone. Read it, change
decisions with a text editor ("decision": apply, keep or unknown; unknown is not applied),
then apply it.

  mbaudit contain --account A                 the plan; nothing is changed
  mbaudit contain --apply plan.json           carries it out, after a sealed snapshot
  mbaudit contain --account A --now           snapshot, lock at once, then all the rest
  mbaudit contain --account A --account B     a plan for each, in a directory of their own
  mbaudit contain --plan-dir DIR              applies all of them, four side by side
  mbaudit contain --quarantine ID --all-users messages out of sight, by their Message-ID
  mbaudit contain verify [--wait]             looks again: does it hold, is he still there
  mbaudit contain undo [--step N]             puts back what can be put back

With --imap the account is one of an IMAP server: the active Sieve script is deactivated, rights
of others are removed, sessions end (--doveadm), messages are moved to a folder. A runbook
beside the plan says what a person does by hand, the password before all else.

Modes: lock (all that lets somebody in or keeps him there), precaution (password, sessions,
second factors, where nothing is confirmed), suspend (lock, and suspend last).

The order and its reasons, and how to hand the account back: docs/CONTAINMENT.md.`,
		Example: `  mbaudit contain --account alice@example.com --google-admin admin@example.com --since 2026-10-12
  mbaudit contain --apply containment/plan-01J….json --google-admin admin@example.com --google-write-key write.json
  mbaudit contain --account alice@example.com --imap imaps://mail.example.com --doveadm https://mail.example.com:8080`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runContain(cmd.Context(), t, g, &opts) },
	}
	f := cmd.Flags()
	opts.addReach(f)
	opts.addWrite(f)
	f.StringVar(&opts.mode, "mode", string(containment.Lock), "how far the plan goes: lock, precaution or suspend")
	f.StringVar(&opts.apply, "apply", "", "apply this plan")
	f.StringVar(&opts.planDir, "plan-dir", "", "apply all plans of this directory, four side by side")
	f.StringVar(&opts.accountsFile, "accounts-file", "", "take back the accounts in this file, one a line; # begins a comment")
	f.StringArrayVar(&opts.quarantine, "quarantine", nil, "plan to put messages into quarantine: a Message-ID, a file of them, one a line, or an .eml file (repeatable)")
	f.BoolVar(&opts.allUsers, "all-users", false, "with --quarantine: search the mailboxes of all users")
	f.BoolVar(&opts.now, "now", false, "money is moving: seal an emergency snapshot, lock the account at once, then plan and apply the rest")
	f.StringVar(&opts.skipPreserve, "skip-preserve", "", "go on without a sealed bundle of the account, for this written reason, which is journalled")
	f.BoolVar(&opts.showPassword, "show-password", false, "show the new password on the terminal; otherwise nobody knows it")
	f.StringVar(&opts.passwordFile, "password-file", "", "write the new password into this new file, readable by you alone; with --imap: file whose first line is the password to log in with")
	f.StringVar(&opts.imap.folder, "quarantine-folder", "", "with --imap and --quarantine: folder to move messages to (default: "+imap.QuarantineName+")")
	opts.identity.addFlags(f)
	f.StringVar(&opts.push, "push", "", "send what is sealed before the change to s3://BUCKET/PREFIX or to a directory")
	f.BoolVar(&opts.noLock, "no-lock", false, "push to a store without Object Lock")
	f.StringArrayVar(&opts.tsa, "tsa", nil, "time-stamping authority's URL (repeatable; local, or none; default: the case's)")
	f.StringVar(&opts.tsaCA, "tsa-ca", "", "PEM file of authorities whose timestamps are trusted, beside the system's")
	f.StringVar(&opts.signKey, "sign-key", "", "Ed25519 key to seal with (default: your mbaudit identity)")
	cmd.AddCommand(newContainVerifyCommand(t, g), newContainUndoCommand(t, g))
	return cmd
}

func runContain(ctx context.Context, t *terminal, g *global, opts *containOptions) error {
	if err := opts.settle(); err != nil {
		return err
	}
	if err := opts.check(t); err != nil {
		return err
	}
	r, err := newContaining(t, g, opts)
	if err != nil {
		return err
	}
	switch {
	case len(opts.quarantine) > 0 && opts.onIMAP():
		return r.planIMAPQuarantine(ctx)
	case len(opts.quarantine) > 0:
		return r.planQuarantine(ctx)
	case len(opts.accounts) > 1:
		return r.planMany(ctx)
	case opts.apply != "":
		return r.applyFile(ctx)
	case opts.planDir != "":
		return r.applyDir(ctx)
	case opts.now:
		return r.atOnce(ctx)
	}
	return r.planOnly(ctx)
}

// settle reads which accounts are meant.
func (o *containOptions) settle() error {
	if o.accountsFile != "" {
		more, err := readAccounts(o.accountsFile)
		if err != nil {
			return err
		}
		o.accounts = append(o.accounts, more...)
	}
	var once []string
	for _, account := range o.accounts {
		if !slices.ContainsFunc(once, func(known string) bool { return strings.EqualFold(known, account) }) {
			once = append(once, account)
		}
	}
	o.accounts = once
	o.settleIMAP()
	if len(once) == 1 {
		o.account = once[0]
	}
	if o.language != "" && o.language != "fr" && o.language != "en" {
		return usageError(fmt.Errorf("there is no language %q", visible.Text(o.language)), "type --lang fr or --lang en")
	}
	return nil
}

// newContaining opens the case. --lang holds for everything that the run says and writes.
func newContaining(t *terminal, g *global, opts *containOptions) (*containing, error) {
	c, err := g.openCase(t)
	if err != nil {
		return nil, err
	}
	if opts.language != "" {
		c.Language = opts.language
	}
	return &containing{terminal: t, g: g, c: c, opts: opts}, nil
}

// check says what of the options cannot be, before anything is asked.
func (o *containOptions) check(t *terminal) error {
	if err := o.checkIMAP(); err != nil {
		return err
	}
	several := len(o.accounts) > 1
	noAddress := slices.IndexFunc(o.accounts, func(account string) bool { return !strings.Contains(account, "@") })
	switch {
	case len(o.quarantine) > 0 || o.allUsers:
		return o.checkQuarantine()
	case several && o.now:
		return usageError(errors.New("--now takes one account"), "run it once for each account, the most urgent one first")
	case several && !o.onIMAP() && (o.passwordFile != "" || o.showPassword):
		return usageError(errors.New("--password-file and --show-password are for one account"), "leave them out: who hands an account back sets its password")
	case o.apply != "" && (len(o.accounts) > 0 || o.now):
		return usageError(errors.New("--apply goes without --account and --now: the plan says whose account it is"), "leave them out")
	case o.planDir != "" && (len(o.accounts) > 0 || o.now || o.apply != "" || !o.onIMAP() && o.passwordFile != "" || o.showPassword):
		return usageError(errors.New("--plan-dir goes without --account, --apply, --now, --password-file and --show-password"), "leave them out: who hands an account back sets its password")
	case o.planDir != "" && (strings.Contains(o.admin, "@") || o.onIMAP()):
		return nil
	case o.apply == "" && o.planDir == "" && len(o.accounts) == 0:
		return usageError(errors.New("no account is named"), "add --account alice@example.com, or --accounts-file FILE")
	case noAddress >= 0 && !o.onIMAP():
		return usageError(fmt.Errorf("--account %s is no address", visible.Text(o.accounts[noAddress])), "name the user's primary address")
	case !strings.Contains(o.admin, "@") && !o.onIMAP():
		return usageError(errors.New("no administrator is named"), "add --google-admin ADMIN@DOMAIN: a super administrator, and not the account itself; or --imap imaps://host for an account of an IMAP server")
	case o.mode != "" && !slices.Contains(containment.Modes(), containment.Mode(o.mode)):
		return usageError(fmt.Errorf("--mode knows no %q", visible.Text(o.mode)), "write --mode lock, precaution or suspend")
	case o.showPassword && !t.interactive:
		return usageError(errors.New("--show-password needs a terminal"), "write it into a file: --password-file FILE")
	case !o.now && o.apply == "" && (o.skipPreserve != "" || o.passwordFile != "" && !o.onIMAP() || o.yes != ""):
		return usageError(errors.New("--skip-preserve, --password-file and --yes are for applying"), "leave them out, or add --apply PLAN or --now")
	}
	return nil
}

// A containing is one run of contain.
type containing struct {
	*terminal
	g    *global
	c    *openCase
	opts *containOptions
	dir  string // where plans are kept; "" is the case's own place for them
}

// of is the run for one account of several.
func (r *containing) of(account string) *containing {
	one, opts := *r, *r.opts
	opts.account, opts.accounts = account, []string{account}
	one.opts = &opts
	return &one
}

// client reaches the mail system: with what may only read, or with what may change things too.
func (r *containing) client(writes bool, password func(string) (secretText, error)) (provider, error) {
	if r.opts.onIMAP() {
		return r.imapProvider(writes)
	}
	return r.google(writes, password)
}

// google reaches the Workspace: with the key that reads, or the one that writes.
func (r *containing) google(writes bool, password func(string) (secretText, error)) (*workspace.Client, error) {
	file, variable, flag := r.opts.keyFile, googleKeyVariable, "--google-key"
	if writes {
		file, variable, flag = r.opts.writeKey, googleWriteKeyVariable, "--google-write-key"
	}
	if file == "" {
		file = r.getenv(variable)
	}
	if file == "" {
		right := r.c.words("read", "lire")
		if writes {
			right = r.c.words("change things", "modifier")
		}
		return nil, usageError(fmt.Errorf(r.c.words("no key is named, of a service account that may %s", "aucune clé n'est nommée, d'un compte de service qui peut %s"), right),
			fmt.Sprintf(r.c.words("add %s FILE, or set %s; docs/CONTAINMENT.md has the scopes", "ajoutez %s FICHIER, ou définissez %s ; les droits sont dans docs/CONTAINMENT.md"), flag, variable))
	}
	key, err := readCredentials(file, "check "+flag+", or "+variable)
	if err != nil {
		return nil, err
	}
	client, err := workspace.New(workspace.Config{Key: key, Admin: r.opts.admin, Writes: writes, Password: password, Endpoint: r.getenv(googleEndpointVariable),
		Heard: func(verb, path string, wait time.Duration, err error) {
			r.say(r.c.words("Google is busy; going on in %s", "Google est occupé ; suite dans %s"), wait.Round(time.Second))
		}})
	if err != nil {
		return nil, usageError(err, r.c.words("give the JSON file that Google's console made for the service account: ", "donnez le fichier JSON que la console de Google a fait pour le compte de service : ")+flag+" FILE")
	}
	return client, nil
}

func (r *containing) planOptions(part workspace.Part) (workspace.PlanOptions, error) {
	o := workspace.PlanOptions{Account: r.opts.account, Mode: containment.Mode(r.opts.mode), Part: part, Case: r.c.Case.Case, By: r.c.Operator.Name,
		OwnDomains: r.c.OwnDomains, Now: r.now(), Since: r.now().Add(-usualWindow)}
	if o.Mode == "" {
		o.Mode = containment.Lock
	}
	if r.opts.since == "" {
		return o, nil
	}
	zone, err := time.LoadLocation(r.c.TimeZone)
	if err != nil {
		return o, err
	}
	if o.Since, err = parseDay(r.opts.since, zone); err != nil {
		return o, usageError(fmt.Errorf("--since: %w", err), r.c.words("write a day as in 2026-10-12", "écrivez un jour, comme 2026-10-12"))
	}
	return o, nil
}

// planOnly writes a plan and shows it. Nothing is changed.
func (r *containing) planOnly(ctx context.Context) error {
	client, err := r.client(false, nil)
	if err != nil {
		return err
	}
	p, path, err := r.makePlan(ctx, client, workspace.Everything)
	if err != nil {
		return err
	}
	file, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	book := ""
	if r.opts.onIMAP() {
		if book, err = r.writeRunbook(p, path); err != nil {
			return err
		}
	}
	if r.g.json && book != "" {
		return r.printJSON(map[string]any{"path": path, "sha256": containment.Hash(file), "plan": p, "runbook": book})
	}
	if r.g.json {
		return r.printJSON(map[string]any{"path": path, "sha256": containment.Hash(file), "plan": p})
	}
	r.printPlan(p)
	r.print("SHA-256 %s", containment.Hash(file))
	if p.Preserved.Bundle == "" {
		r.say(r.c.words("no sealed bundle holds what this changes yet: %s", "aucun paquet scellé ne contient encore ce que ceci change : %s"), r.collectFirst(p.Account))
	}
	if book != "" {
		r.say(r.c.words("what is done by hand, and first: %s", "ce qui se fait à la main, et d'abord : %s"), book)
	}
	r.say(r.c.words("nothing was changed; read it, correct decisions in %s, then: ", "rien n'a été changé ; relisez-le, corrigez les décisions dans %s, puis : ")+"mbaudit contain --apply %s %s",
		path, path, r.opts.reach())
	return nil
}

// makePlan plans, and keeps the plan.
func (r *containing) makePlan(ctx context.Context, client provider, part workspace.Part) (containment.Plan, string, error) {
	p, err := r.plan(ctx, client, part)
	if err != nil {
		return p, "", err
	}
	return r.keepPlan(p)
}

func (r *containing) plan(ctx context.Context, client provider, part workspace.Part) (containment.Plan, error) {
	o, err := r.planOptions(part)
	if err != nil {
		return containment.Plan{}, err
	}
	p, err := client.Plan(ctx, o)
	if err != nil {
		return p, fmt.Errorf(r.c.words("%s: planning: %w", "%s : plan : %w"), r.opts.account, err)
	}
	return p, nil
}

// keepPlan writes a plan into the case, with its exhibits, and its fingerprint into the journal.
func (r *containing) keepPlan(p containment.Plan) (containment.Plan, string, error) {
	if p.Mode == containment.Quarantine {
		return r.writePlan(p, nil) // no snapshot has what it moves: each message is sealed before it is moved
	}
	kept, err := r.findPreserved(p)
	if err != nil {
		return p, "", err
	}
	return r.writePlan(p, kept)
}

// writePlan writes a plan that cites what is preserved.
func (r *containing) writePlan(p containment.Plan, kept *preserved) (containment.Plan, string, error) {
	kept.cite(&p)
	text, err := p.Encode()
	if err != nil {
		return p, "", err
	}
	dir := r.dir
	if dir == "" {
		dir = r.c.path(containmentName)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return p, "", err
	}
	path := filepath.Join(dir, "plan-"+p.ID+"-"+evidence.SafeName(p.Account)+".json")
	if err := createFile(path, text); err != nil {
		return p, "", err
	}
	fingerprint, err := p.Fingerprint()
	if err != nil {
		return p, "", err
	}
	return p, path, r.c.note(journal.Action, fmt.Sprintf(r.c.words("planned how to take %s back: %d steps, nothing changed", "plan de reprise de %s : %d étapes, rien n'a été changé"), p.Account, len(p.Steps)),
		map[string]string{"plan": p.ID, "fingerprint": fingerprint, "account": p.Account})
}
