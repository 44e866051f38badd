package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/mbaudit/mbaudit/containment"
	"github.com/mbaudit/mbaudit/containment/workspace"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/internal/casefile"
	"github.com/mbaudit/mbaudit/internal/secret"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// secretText is a new password.
type secretText = secret.String

// containParallel is how many calls are made side by side.
const containParallel = 16

// applyFile applies a plan that a person has read.
func (r *containing) applyFile(ctx context.Context) error {
	p, file, err := r.readPlan(r.opts.apply)
	if err != nil {
		return err
	}
	r.opts.account, r.opts.mode = p.Account, string(p.Mode)
	if err := r.fits(p); err != nil {
		return err
	}
	keeper := &passwordKeeper{containing: r, taken: ledgerIsThere(r.opts.apply)}
	client, err := r.client(true, keeper.next)
	if err != nil {
		return err
	}
	if err := keeper.check(); err != nil {
		return err
	}
	sealer, err := r.newSealer(ctx, p, false)
	if err != nil {
		return err
	}
	if err := r.confirmPlan(p, containment.Hash(file)); err != nil {
		return err
	}
	if !keeper.taken { // a run that goes on has been through this
		if err := r.mustBePreserved(p); err != nil {
			return err
		}
	}
	result, err := r.run(ctx, client, sealer, p, r.opts.apply, file)
	keeper.show()
	if err != nil {
		return err
	}
	return r.told(p, result)
}

// readPlan reads a plan and refuses what is not one of this case, or was edited beyond its decisions.
func (r *containing) readPlan(path string) (containment.Plan, []byte, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return containment.Plan{}, nil, usageError(err, r.c.words("name a plan of CASE/containment", "nommez un plan de DOSSIER/containment"))
	}
	p, err := containment.Parse(file)
	if err != nil {
		return p, nil, withHint(r.c.said(err), r.anew("A"))
	}
	fingerprint, err := p.Fingerprint()
	if err != nil {
		return p, nil, err
	}
	lines, err := r.c.journal.Lines()
	if err != nil {
		return p, nil, err
	}
	for _, line := range lines {
		if line.Ref["plan"] != p.ID || line.Ref["fingerprint"] == "" {
			continue
		}
		if line.Ref["fingerprint"] != fingerprint {
			return p, nil, withHint(fmt.Errorf("%w: %s", r.c.said(containment.ErrPlan), r.c.words("something beside its decisions was edited", "autre chose que ses décisions a été modifié")), r.anew(p.Account))
		}
		return p, file, nil
	}
	return p, nil, withHint(fmt.Errorf("%w: %s", r.c.said(containment.ErrPlan), r.c.words("it was not made in this case", "il n'a pas été fait dans ce dossier")),
		r.c.words("name the right --case, or ", "nommez le bon --case, ou ")+r.anew(p.Account))
}

func ledgerPath(plan string) string { return strings.TrimSuffix(plan, ".json") + ".ledger" }

func ledgerIsThere(plan string) bool {
	info, err := os.Stat(ledgerPath(plan))
	return err == nil && info.Size() > 0
}

// anotherHash refuses a --yes that is not about what is to be done.
func (r *containing) anotherHash(english, french, hash string) error {
	return usageError(errors.New(r.c.words(english, french)), r.c.words("the SHA-256 here is ", "le SHA-256 est ici ")+hash)
}

// anew is the hint to make another plan.
func (r *containing) anew(account string) string {
	command := "mbaudit contain --account " + visible.Text(account)
	if r.opts.onIMAP() {
		command += " " + r.opts.reach()
	}
	return r.c.words("make a new plan: ", "faites un nouveau plan : ") + command
}

// confirmPlan has a person type the account's address, or takes the plan's hash for it.
func (r *containing) confirmPlan(p containment.Plan, hash string) error {
	if r.opts.yes != "" {
		if strings.EqualFold(r.opts.yes, hash) {
			return nil
		}
		return r.anotherHash("--yes confirms another plan", "--yes confirme un autre plan", hash)
	}
	taken := 0
	for _, s := range p.Steps {
		if s.Decision == containment.Take {
			taken++
		}
	}
	return r.confirmAccount(p.Account, fmt.Sprintf(r.c.words("%d steps will be applied to %s.", "%d étapes seront appliquées à %s."), taken, visible.Text(p.Account)), "--yes "+hash)
}

// confirmAccount has a person type the account's address.
func (r *containing) confirmAccount(account, what, otherwise string) error {
	if !r.interactive {
		return usageError(errors.New(r.c.words("nobody is there to confirm this", "personne n'est là pour confirmer")), r.c.words("add ", "ajoutez ")+otherwise)
	}
	fmt.Fprintf(r.stderr, r.c.words("%s Type the account's address to confirm: ", "%s Tapez l'adresse du compte pour confirmer : "), what)
	answer, _ := bufio.NewReader(r.stdin).ReadString('\n')
	if strings.TrimSpace(answer) != account {
		return withHint(errors.New(r.c.words("that is not the account's address: nothing was changed", "ce n'est pas l'adresse du compte : rien n'a été changé")),
			r.c.words("run the command again", "relancez la commande"))
	}
	return nil
}

// run applies a plan with its ledger, and says of each step what came of it.
func (r *containing) run(ctx context.Context, client provider, sealer *preimageSealer, p containment.Plan, path string, file []byte) (containment.Result, error) {
	ledger, err := containment.OpenLedger(ledgerPath(path), containment.Hash(file), r.now)
	if err != nil {
		return containment.Result{}, withHint(r.c.said(err), r.c.words("a plan that was begun is gone on with as it was; for other decisions ",
			"un plan commencé se poursuit tel qu'il était ; pour d'autres décisions, ")+r.anew(p.Account))
	}
	runner := r.runner(client.Actions(p), ledger)
	runner.Preserve, runner.Looked = sealer.preserve, sealer.looked
	result, err := runner.Apply(ctx, p)
	err = errors.Join(err, ledger.Close())
	var stale *containment.StaleError
	switch {
	case errors.As(err, &stale):
		for _, d := range stale.Differences {
			r.say(r.c.words("  step %d, %s", "  étape %d, %s"), d.Step.N, visible.Line(d.Step.What.In(r.c.Language)))
			r.say(r.c.words("    planned: %s", "    prévu :      %s"), visible.Cut(string(d.Step.State.Document), 300))
			r.say(r.c.words("    now:     %s", "    maintenant : %s"), visible.Cut(string(d.Now.Document), 300))
		}
		return result, withHint(r.c.said(err), r.c.words("nothing was changed; ", "rien n'a été changé ; ")+r.anew(p.Account))
	case errors.Is(err, containment.ErrStopped), ctx.Err() != nil:
		return result, withHint(r.c.said(err), r.c.words("go on with: ", "poursuivez avec : ")+"mbaudit contain --apply "+path)
	case errors.Is(err, containment.ErrPlan):
		return result, withHint(r.c.said(err), r.c.words("see what to do instead: ", "voyez quoi faire à la place : ")+"mbaudit contain --account "+visible.Text(p.Account))
	}
	return result, err
}

// runner is the engine with this case's journal.
func (r *containing) runner(actions containment.Actions, ledger *containment.Ledger) *containment.Runner {
	var mu sync.Mutex
	return &containment.Runner{Actions: actions, Ledger: ledger, Now: r.now, Language: r.c.Language, Parallel: containParallel,
		Journal: func(description string, ref map[string]string) (func(string, error) error, error) {
			return r.c.begin(journal.Action, ref["account"]+": "+description, ref) // several accounts may be at work
		},
		Heard: func(s containment.Step, event containment.Event, err error) {
			mu.Lock()
			defer mu.Unlock()
			word := r.c.containWords().events[event]
			switch {
			case word == "": // it has only begun
			case err != nil:
				r.say("%3d %s: %s: %s", s.N, word, visible.Line(s.What.In(r.c.Language)), visible.Line(r.c.said(err).Error()))
			default:
				r.say("%3d %s: %s", s.N, word, visible.Line(s.What.In(r.c.Language)))
			}
		}}
}

// told prints what came of a plan. A step that failed is the exit status.
func (r *containing) told(p containment.Plan, results ...containment.Result) error {
	var all containment.Result
	for _, one := range results {
		all.Done, all.Held = append(all.Done, one.Done...), append(all.Held, one.Held...)
		all.Failed, all.Left = append(all.Failed, one.Failed...), append(all.Left, one.Left...)
		all.Bundle = one.Bundle
	}
	if r.g.json {
		if err := r.printJSON(map[string]any{"plan": p.ID, "account": p.Account,
			"done": all.Done, "held": all.Held, "failed": all.Failed, "left": all.Left, "preimages": all.Bundle}); err != nil {
			return err
		}
	} else {
		r.print(r.c.words("%s: %d done, %d held already, %d failed, %d left by decision, pre-images in %s",
			"%s : %d faites, %d déjà tenues, %d en échec, %d laissées par décision, état antérieur dans %s"), visible.Text(p.Account), len(all.Done), len(all.Held), len(all.Failed), len(all.Left), all.Bundle)
	}
	r.say(r.c.words("look again at once, and after 1, 15 and 60 minutes and a day: %s", "à revoir tout de suite, puis après 1, 15 et 60 minutes et un jour : %s"),
		"mbaudit contain verify --wait "+r.opts.reach())
	if len(all.Failed) > 0 {
		return statusError(statusFailed)
	}
	return nil
}

// atOnce seals an emergency snapshot, locks the account, and then plans and applies the rest.
func (r *containing) atOnce(ctx context.Context) error {
	keeper := &passwordKeeper{containing: r}
	client, err := r.client(true, keeper.next)
	if err != nil {
		return err
	}
	if err := keeper.check(); err != nil {
		return err
	}
	if r.opts.yes == "" {
		err = r.confirmAccount(r.opts.account, visible.Text(r.opts.account)+r.c.words(" will be locked now, and cleaned after that.", " va être verrouillé maintenant, puis nettoyé."), "--yes "+r.opts.account)
	} else if r.opts.yes != r.opts.account {
		err = usageError(errors.New(r.c.words("--yes with --now is the account's address", "--yes avec --now est l'adresse du compte")), r.c.words("type ", "tapez ")+"--yes "+r.opts.account)
	}
	if err != nil {
		return err
	}
	locked, sealer, err := r.lockNow(ctx, client)
	keeper.show()
	if err != nil {
		return err
	}
	r.say("%s", r.c.words("the account is locked; now all the rest", "le compte est verrouillé ; maintenant tout le reste"))
	all, err := r.plan(ctx, client, workspace.RestOnly)
	if err != nil {
		return err
	}
	second, err := r.newSealer(ctx, all, true)
	if err != nil {
		return err
	}
	rest, err := r.part(ctx, client, second, all, partOptions{})
	if err != nil {
		return err
	}
	if err := r.afterEmergency(ctx, sealer); err != nil {
		r.say(r.c.words("the emergency bundle is sealed; then: %s", "le paquet d'urgence est scellé ; ensuite : %s"), visible.Line(err.Error()))
	}
	for _, s := range []*preimageSealer{sealer, second} {
		if err := s.after(ctx); err != nil {
			r.say(r.c.words("the pre-images are sealed in %s; then: %s", "l'état antérieur est scellé dans %s ; ensuite : %s"), s.dir, visible.Line(err.Error()))
		}
	}
	for _, s := range rest.Left {
		if s.Decision == containment.Unknown {
			r.say(r.c.words("  to be decided: %s", "  à décider : %s"), visible.Line(s.What.In(r.c.Language)))
		}
	}
	if !r.g.json {
		r.printChores(second.plan)
	}
	return r.told(second.plan, locked, rest)
}

// lockNow seals the emergency snapshot; meanwhile it plans how to lock the account and seals what the plan would change. All of
// that only reads. When both are sealed, and not before, the account is locked.
func (r *containing) lockNow(ctx context.Context, client provider) (containment.Result, *preimageSealer, error) {
	sealer := r.unpreparedSealer(containment.Plan{Account: r.opts.account}, true)
	var err error
	// First, for it may ask for a passphrase or make the key that both sign with.
	if sealer.with.identity, err = openIdentity(r.terminal, r.opts.signKey); err != nil {
		return containment.Result{}, nil, err
	}
	var planning error
	var group sync.WaitGroup
	group.Go(func() { planning = r.planAhead(ctx, client, sealer) })
	err = r.emergency(ctx)
	group.Wait()
	if err := errors.Join(err, planning); err != nil {
		return containment.Result{}, nil, err
	}
	result, err := r.part(ctx, client, sealer, sealer.plan, partOptions{locks: true, looked: sealer.looked})
	return result, sealer, err
}

// planAhead plans how to lock the account, and seals what the plan would change.
func (r *containing) planAhead(ctx context.Context, client provider, sealer *preimageSealer) (err error) {
	sealer.looked = r.now()
	if sealer.plan, err = r.plan(ctx, client, workspace.AccessOnly); err != nil {
		return err
	}
	if err := sealer.with.prepareSealing(ctx); err != nil {
		return err
	}
	return sealer.ahead(ctx)
}

// emergency collects and seals what changes first, as collect --only emergency does, unless somebody said why not.
func (r *containing) emergency(ctx context.Context) error {
	if r.opts.skipPreserve != "" {
		return r.c.note(journal.Decision, fmt.Sprintf(r.c.words("containment goes on without a snapshot of %s: ", "endiguement sans instantané de %s : "), r.opts.account)+r.opts.skipPreserve, nil)
	}
	cmd := newCollectCommand(r.terminal, r.g)
	args := []string{"--account", r.opts.account, "--workspace", "--google-admin", r.opts.admin, "--only", onlyEmergency, "--new", "--tsa", "none"}
	for flag, value := range map[string]string{"--google-key": r.opts.keyFile, "--push": r.opts.push, "--sign-key": r.opts.signKey} {
		if value != "" {
			args = append(args, flag, value)
		}
	}
	if r.opts.push != "" {
		args = append(args, "--yes")
	}
	if r.opts.noLock {
		args = append(args, "--no-lock")
	}
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetOut(r.stderr)
	err := cmd.ExecuteContext(ctx)
	var status statusError
	if errors.As(err, &status) && int(status) == statusIncomplete {
		return nil // what is missing of it is seen when a step would change it
	}
	return err
}

// afterEmergency timestamps the emergency bundle, which did not wait for that, and sends the timestamps after it.
func (r *containing) afterEmergency(ctx context.Context, sealer *preimageSealer) error {
	if sealer.plan.Preserved.Bundle == "" || r.opts.skipPreserve != "" {
		return nil
	}
	return sealer.with.afterSealing(ctx, r.c.path(casefile.BundlesName, sealer.plan.Preserved.Bundle))
}

// partOptions say how a part of --now is applied.
type partOptions struct {
	locks  bool      // the snapshot must hold what is changed; of the rest, the pre-images do
	looked time.Time // when the plan was made, in this run
}

// part keeps a plan and applies it.
func (r *containing) part(ctx context.Context, client provider, sealer *preimageSealer, p containment.Plan, o partOptions) (containment.Result, error) {
	kept, err := r.findPreserved(p)
	if err != nil {
		return containment.Result{}, err
	}
	p, path, err := r.writePlan(p, kept)
	if err != nil {
		return containment.Result{}, err
	}
	if o.locks && r.opts.skipPreserve == "" {
		if err := r.enough(p, kept); err != nil {
			return containment.Result{}, err
		}
	}
	for _, w := range p.Warnings {
		r.say("  ! %s", visible.Line(w.Text.In(r.c.Language)))
		r.say("    %s", visible.Line(w.Instead.In(r.c.Language)))
	}
	sealer.plan, sealer.looked = p, o.looked
	file, err := os.ReadFile(path)
	if err != nil {
		return containment.Result{}, err
	}
	return r.run(ctx, client, sealer, p, path, file)
}

// A passwordKeeper makes the new password, and sees to it that who should know it does before it is set.
type passwordKeeper struct {
	*containing
	taken bool // a run before this one may have made it
	made  secret.String
}

// check refuses a file that is there, before anything is changed.
func (k *passwordKeeper) check() error {
	if k.opts.passwordFile == "" || k.taken || k.opts.onIMAP() {
		return nil
	}
	if _, err := os.Lstat(k.opts.passwordFile); !errors.Is(err, fs.ErrNotExist) {
		return usageError(fmt.Errorf(k.c.words("%s is there already", "%s existe déjà"), visible.Text(k.opts.passwordFile)), k.c.words("name a new file with ", "nommez un nouveau fichier avec ")+"--password-file")
	}
	return nil
}

// next makes a password of 64 characters and writes it down where that was asked for. A run that is gone on with takes the
// one that was written down.
func (k *passwordKeeper) next(string) (secret.String, error) {
	k.made = secret.New((rand.Text() + rand.Text() + rand.Text())[:64])
	if k.opts.passwordFile == "" {
		return k.made, nil
	}
	err := createFile(k.opts.passwordFile, []byte(k.made.Reveal()+"\n"))
	if k.taken && errors.Is(err, fs.ErrExist) {
		text, err := os.ReadFile(k.opts.passwordFile)
		k.made = secret.New(strings.TrimSpace(string(text)))
		return k.made, err
	}
	return k.made, err
}

// show says where the password is.
func (k *passwordKeeper) show() {
	switch {
	case k.made.Empty():
	case k.opts.passwordFile != "":
		path, err := filepath.Abs(k.opts.passwordFile)
		if err != nil {
			path = k.opts.passwordFile
		}
		k.say(k.c.words("the new password is in %s; give it by telephone, and delete the file", "le nouveau mot de passe est dans %s ; donnez-le par téléphone, puis supprimez le fichier"), path)
	case k.opts.showPassword:
		fmt.Fprintf(k.stderr, k.c.words("the new password, shown this once: %s\n", "le nouveau mot de passe, montré cette seule fois : %s\n"), k.made.Reveal())
	default:
		k.say("%s (docs/CONTAINMENT.md)", k.c.words("nobody knows the new password; who hands the account back sets another one", "personne ne connaît le nouveau mot de passe ; qui rend le compte en pose un autre"))
	}
}
