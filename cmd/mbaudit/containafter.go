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

	"github.com/mbaudit/mbaudit/containment"
	"github.com/mbaudit/mbaudit/containment/workspace"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// statusFound is the exit status where verify finds that the intruder, or something of his, is back.
const statusFound = 4

func newContainVerifyCommand(t *terminal, g *global) *cobra.Command {
	opts := &containOptions{}
	var wait bool
	cmd := &cobra.Command{
		Use:   "verify [PLAN|DIRECTORY]",
		Short: "look again whether what was done holds, and whether somebody is still there",
		Long: `verify looks again at each step that was taken, plans anew to see what has come since, and
reads the logs for sign-ins and grants after the containment. It changes nothing.

With --wait it looks at once, and 1, 15 and 60 minutes and 24 hours after the plan was
applied: Google takes up to an hour to end a session, and logs come late. Without PLAN it
takes all plans that were applied (of --account).

Exit status 4: something is back, was made again, or somebody signed in.
Exit status 3: something could not be looked at.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runContainVerify(cmd.Context(), t, g, opts, args, wait)
		},
	}
	opts.addReach(cmd.Flags())
	cmd.Flags().StringVar(&opts.passwordFile, "password-file", "", "with --imap: file whose first line is the password to log in with")
	cmd.Flags().BoolVar(&wait, "wait", false, "look again at +1, +15, +60 minutes and +24 hours")
	return cmd
}

func newContainUndoCommand(t *terminal, g *global) *cobra.Command {
	opts := &containOptions{}
	var steps []int
	cmd := &cobra.Command{
		Use:   "undo [PLAN|DIRECTORY]",
		Short: "put back what a plan changed, as far as that is possible",
		Long: `undo goes backwards through the steps that were taken and puts back what was there before,
from the pre-images; it says of each step that cannot be undone that it cannot.
Without PLAN it takes the one plan that was applied (of --account). Plans that were
made together, in a directory, are undone together.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runContainUndo(cmd.Context(), t, g, opts, args, steps)
		},
	}
	opts.addReach(cmd.Flags())
	opts.addWrite(cmd.Flags())
	cmd.Flags().StringVar(&opts.passwordFile, "password-file", "", "with --imap: file whose first line is the password to log in with")
	cmd.Flags().IntSliceVar(&steps, "step", nil, "undo only this step (repeatable)")
	return cmd
}

// an appliedPlan is a plan with the ledger of what was done.
type appliedPlan struct {
	containment.Plan
	path   string
	file   []byte
	ledger *containment.Ledger
}

// applied gives the plan that is named, or all that were applied, the oldest first.
func (r *containing) applied(args []string) ([]appliedPlan, error) {
	paths := args
	if len(paths) == 0 {
		var err error
		if paths, err = ledgersUnder(r.c.path(containmentName)); err != nil {
			return nil, err
		}
	} else if info, err := os.Stat(paths[0]); err == nil && info.IsDir() {
		if paths, err = filepath.Glob(filepath.Join(paths[0], "plan-*.ledger")); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(paths, func(a, b string) int { return strings.Compare(filepath.Base(a), filepath.Base(b)) })
	var all []appliedPlan
	for _, path := range paths {
		path = strings.TrimSuffix(path, ".ledger")
		if !strings.HasSuffix(path, ".json") {
			path += ".json"
		}
		p, file, err := r.readPlan(path)
		if err != nil {
			return nil, err
		}
		if len(r.opts.accounts) > 0 && !slices.Contains(r.opts.accounts, p.Account) {
			continue
		}
		if _, err := os.Stat(ledgerPath(path)); err != nil {
			return nil, withHint(fmt.Errorf(r.c.words("%s was not applied", "%s n'a pas été appliqué"), visible.Text(path)), r.c.words("apply it: ", "appliquez-le : ")+"mbaudit contain --apply "+path)
		}
		one := appliedPlan{Plan: p, path: path, file: file}
		begun, err := one.begun(r.now)
		if err != nil {
			return nil, err
		}
		if begun {
			all = append(all, one)
		}
	}
	if len(all) == 0 {
		return nil, withHint(errors.New(r.c.words("no plan of this case was applied", "aucun plan de ce dossier n'a été appliqué")), r.c.words("make one: ", "faites-en un : ")+"mbaudit contain --account A")
	}
	return all, nil
}

// ledgersUnder are the ledgers of a case: of single plans, and of those that were made together.
func ledgersUnder(dir string) ([]string, error) {
	single, err := filepath.Glob(filepath.Join(dir, "plan-*.ledger"))
	if err != nil {
		return nil, err
	}
	together, err := filepath.Glob(filepath.Join(dir, "*", "plan-*.ledger"))
	return append(single, together...), err
}

func (a *appliedPlan) open(now func() time.Time) (err error) {
	a.ledger, err = containment.OpenLedger(ledgerPath(a.path), containment.Hash(a.file), now)
	return err
}

// begun says whether anything may have been changed: a plan that was refused as out of date has a ledger too.
func (a *appliedPlan) begun(now func() time.Time) (bool, error) {
	if err := a.open(now); err != nil {
		return false, err
	}
	return a.ledger.Preserved() != "", a.ledger.Close()
}

// since is when the first step was done: what comes after is looked for in the logs.
func (a *appliedPlan) since() time.Time {
	for _, line := range a.ledger.Lines() {
		if line.Event == containment.Done {
			return line.At
		}
	}
	return a.Made
}

// lookAgainAfter are the times after the end of a run at which --wait looks.
func lookAgainAfter() []time.Duration {
	return []time.Duration{time.Minute, 15 * time.Minute, time.Hour, 24 * time.Hour}
}

// lookAgainAt are the times that are still to come, counted from when the last of the plans had been applied.
func (r *containing) lookAgainAt(plans []appliedPlan) ([]time.Time, error) {
	var end time.Time
	for i := range plans {
		p := &plans[i]
		if err := p.open(r.now); err != nil {
			return nil, err
		}
		for _, line := range p.ledger.Lines() {
			if line.Event != containment.Undone && line.At.After(end) {
				end = line.At
			}
		}
		if err := p.ledger.Close(); err != nil {
			return nil, err
		}
	}
	return stillToCome(end, r.now()), nil
}

func stillToCome(end, now time.Time) []time.Time {
	var times []time.Time
	for _, after := range lookAgainAfter() {
		if at := end.Add(after); at.After(now) {
			times = append(times, at)
		}
	}
	return times
}

// afterwards is what verify and undo begin with: the case, and the plans that were applied, on the server that is named if one is.
func afterwards(t *terminal, g *global, opts *containOptions, args []string) (*containing, []appliedPlan, error) {
	if err := opts.settle(); err != nil {
		return nil, nil, err
	}
	r, err := newContaining(t, g, opts)
	if err != nil {
		return nil, nil, err
	}
	plans, err := r.applied(args)
	if err != nil {
		return nil, nil, err
	}
	plans, err = r.ofThisServer(plans)
	return r, plans, err
}

func runContainVerify(ctx context.Context, t *terminal, g *global, opts *containOptions, args []string, wait bool) error {
	r, plans, err := afterwards(t, g, opts, args)
	if err != nil {
		return err
	}
	client, err := r.client(false, nil)
	if err != nil {
		return err
	}
	times, err := r.lookAgainAt(plans)
	if err != nil {
		return err
	}
	worst, err := r.lookAgain(ctx, client, plans)
	for _, at := range times {
		if err != nil || !wait {
			break
		}
		t.say(r.c.words("looking again at %s", "nouvel examen le %s"), at.Format(time.DateTime))
		if err := t.waitUntil(ctx, at); err != nil {
			return err
		}
		var status int
		status, err = r.lookAgain(ctx, client, plans)
		worst = worse(worst, status)
	}
	if err != nil {
		return err
	}
	if worst != statusDone {
		return statusError(worst)
	}
	return nil
}

// waitUntil waits for a time.
func (t *terminal) waitUntil(ctx context.Context, at time.Time) error {
	if t.until != nil {
		return t.until(ctx, at)
	}
	timer := time.NewTimer(at.Sub(t.now()))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// worse is the graver of two exit statuses: somebody is there, something is not known, all is well.
func worse(a, b int) int {
	if a == statusFound || b == statusFound {
		return statusFound
	}
	return max(a, b)
}

// lookAgain looks at all plans, the newest word on each thing counting, and gives the exit status.
func (r *containing) lookAgain(ctx context.Context, client provider, plans []appliedPlan) (int, error) {
	worst := statusDone
	byAccount := map[string][]appliedPlan{}
	var accounts []string
	for _, p := range plans {
		if byAccount[p.Account] == nil {
			accounts = append(accounts, p.Account)
		}
		byAccount[p.Account] = append(byAccount[p.Account], p)
	}
	for _, account := range accounts {
		looked, err := r.lookAtAccount(ctx, client, byAccount[account])
		if err != nil {
			return worst, err
		}
		if err := r.tellLook(account, looked); err != nil {
			return worst, err
		}
		worst = worse(worst, looked.status())
	}
	return worst, nil
}

// A look is what verify sees of an account.
type look struct {
	Account string              `json:"account"`
	At      time.Time           `json:"at"`
	Checks  []containment.Check `json:"checks"`
	Signs   []workspace.Event   `json:"signs"`
	Unread  []string            `json:"unread,omitempty"`
	Failed  []containment.Step  `json:"failed,omitempty"` // steps that were to be taken and were not
}

func (l look) status() int {
	status := statusDone
	for _, c := range l.Checks {
		switch c.Verdict {
		case containment.Back, containment.New:
			return statusFound
		case containment.NotSeen:
			status = statusIncomplete
		}
	}
	switch {
	case len(l.Signs) > 0:
		return statusFound
	case len(l.Unread) > 0 || len(l.Failed) > 0:
		status = statusIncomplete
	}
	return status
}

// lookAtAccount looks at what the plans of one account did. What is new is what no plan of them knows.
func (r *containing) lookAtAccount(ctx context.Context, client provider, plans []appliedPlan) (look, error) {
	l := look{Account: plans[0].Account, At: r.now().UTC()}
	var fresh []containment.Step
	var err error
	takenBack := slices.ContainsFunc(plans, func(p appliedPlan) bool { return p.Mode != containment.Quarantine })
	if takenBack {
		if fresh, err = r.planAnew(ctx, client, &l); err != nil {
			return l, err
		}
	}
	var since time.Time
	for i := range plans {
		p := &plans[i]
		if err := p.open(r.now); err != nil {
			return l, err
		}
		if first := p.since(); p.Mode != containment.Quarantine && (since.IsZero() || first.Before(since)) {
			since = first
		}
		news := fresh
		if i > 0 {
			news = nil
		}
		checks := r.runner(client.Actions(p.Plan), p.ledger).Verify(ctx, p.Plan, unknownTo(news, plans))
		l.Checks = append(l.Checks, checks...)
		for _, s := range p.Steps {
			if last, ok := p.ledger.Last(s.N); s.Decision == containment.Take && (!ok || last.Event == containment.Failed) {
				l.Failed = append(l.Failed, s)
			}
		}
		if err := p.ledger.Close(); err != nil {
			return l, err
		}
	}
	if !takenBack { // a mailbox that is only rid of messages: its owner goes on signing in
		return l, ctx.Err()
	}
	if l.Signs, err = client.Signs(ctx, l.Account, since); err != nil {
		l.Unread = append(l.Unread, r.c.said(err).Error())
	}
	return l, ctx.Err()
}

// planAnew plans for an account as if nothing had been done, and says in l what could not be read.
func (r *containing) planAnew(ctx context.Context, client provider, l *look) ([]containment.Step, error) {
	o, err := r.planOptions(workspace.Everything)
	if err != nil {
		return nil, err
	}
	o.Account, o.Mode = l.Account, containment.Lock
	fresh, err := client.Plan(ctx, o)
	if err != nil {
		l.Unread = append(l.Unread, r.c.said(err).Error())
	}
	for _, w := range fresh.Warnings {
		if w.Kind == "unread" {
			l.Unread = append(l.Unread, w.Text.In(r.c.Language))
		}
	}
	return fresh.Steps, nil
}

// unknownTo are the steps that none of the plans knows.
func unknownTo(fresh []containment.Step, plans []appliedPlan) []containment.Step {
	known := map[[2]string]bool{}
	for _, p := range plans {
		for _, s := range p.Steps {
			known[[2]string{s.Kind, s.Target}] = true
		}
	}
	var unknown []containment.Step
	for _, s := range fresh {
		if !known[[2]string{s.Kind, s.Target}] {
			unknown = append(unknown, s)
		}
	}
	return unknown
}

// tellLook prints and journals what was seen.
func (r *containing) tellLook(account string, l look) error {
	counts := map[containment.Verdict]int{}
	for _, c := range l.Checks {
		counts[c.Verdict]++
	}
	summary := fmt.Sprintf(r.c.words("%s: %d stand, %d back, %d new, %d pending, %d not seen, %d unseeable, %d not taken; %d signs of somebody since",
		"%s : %d tiennent, %d revenues, %d nouvelles, %d en cours, %d non vues, %d invisibles, %d non faites ; %d signes de quelqu'un depuis"), account, counts[containment.Stands], counts[containment.Back],
		counts[containment.New], counts[containment.Pending], counts[containment.NotSeen], counts[containment.Untold], len(l.Failed), len(l.Signs))
	kind := journal.Information
	if l.status() == statusFound {
		kind = journal.Detection
	}
	if err := r.keepLook(l); err != nil {
		return err
	}
	if err := r.c.note(kind, r.c.words("looked again at the containment of ", "endiguement revu : ")+summary, map[string]string{"account": account}); err != nil {
		return err
	}
	if r.g.json {
		return r.printJSON(l)
	}
	w := r.c.containWords()
	for _, c := range l.Checks {
		if c.Verdict == containment.Stands {
			continue
		}
		r.wrapped(fmt.Sprintf("%3d %-10s ", c.Step.N, w.verdicts[c.Verdict]), strings.TrimSuffix(c.Step.What.In(r.c.Language)+": "+c.Err, ": "))
	}
	for _, s := range l.Failed {
		r.wrapped(fmt.Sprintf("%3d %-10s ", s.N, "-"), s.What.In(r.c.Language))
	}
	for _, e := range l.Signs {
		r.wrapped("  ! ", fmt.Sprintf("%s %s %s %s %s", e.Time.UTC().Format(time.RFC3339), e.App, e.Name, e.IP, e.Parameters["app_name"]))
	}
	for _, u := range l.Unread {
		r.wrapped("  ? ", u)
	}
	r.print("%s", visible.Line(summary))
	switch {
	case l.status() == statusFound:
		r.say(r.c.words("the intruder, or something of his, is still there: plan again: %s", "l'intrus, ou quelque chose de lui, est encore là ; refaites un plan : %s"),
			"mbaudit contain --account "+visible.Text(account)+" "+r.opts.reach())
	case r.opts.onIMAP() && r.opts.imap.doveadm == "":
		r.say("%s", r.c.words("IMAP tells nobody who signs in, and doveadm was not asked: read the server's logs",
			"IMAP ne dit à personne qui se connecte, et doveadm n'a pas été interrogé : lisez les journaux du serveur"))
	case len(l.Signs) == 0:
		r.say("%s", r.c.words("no sign of anybody since; logs come minutes to hours late, so look again",
			"aucun signe de personne depuis ; les journaux ont des minutes à des heures de retard, revenez-y"))
	}
	return nil
}

func runContainUndo(ctx context.Context, t *terminal, g *global, opts *containOptions, args []string, steps []int) error {
	r, plans, err := afterwards(t, g, opts, args)
	if err != nil {
		return err
	}
	if len(plans) > 1 && len(args) == 0 {
		return usageError(fmt.Errorf(r.c.words("%d plans were applied", "%d plans ont été appliqués"), len(plans)),
			r.c.words("name the one to undo, or a directory of plans, as in: ", "nommez celui à annuler, ou un répertoire de plans, comme : ")+"mbaudit contain undo "+plans[len(plans)-1].path)
	}
	if len(plans) > 1 && len(steps) > 0 {
		return usageError(errors.New(r.c.words("--step is for one plan", "--step vaut pour un seul plan")), r.c.words("name the plan to undo", "nommez le plan à annuler"))
	}
	if err := r.confirmUndo(plans); err != nil {
		return err
	}
	client, err := r.client(true, nil)
	if err != nil {
		return err
	}
	failed := 0
	for i := range plans { // what fails of one does not stop the others
		if err := r.undoOne(ctx, client, &plans[i], steps); err != nil {
			if len(plans) == 1 || ctx.Err() != nil {
				return err
			}
			failed++
			r.sayUnlessStatus(plans[i].Account, err)
		}
	}
	if failed > 0 {
		return statusError(statusFailed)
	}
	return nil
}

// confirmUndo has a person type the account's address, or takes the hash of the plan, or of the hashes of all, for it.
func (r *containing) confirmUndo(plans []appliedPlan) error {
	if len(plans) > 1 {
		var ready []readyPlan
		for _, p := range plans {
			ready = append(ready, readyPlan{Plan: p.Plan, path: p.path, file: p.file})
		}
		return r.confirmAll(ready, hashOfAll(ready))
	}
	hash := containment.Hash(plans[0].file)
	if r.opts.yes != "" && !strings.EqualFold(r.opts.yes, hash) {
		return r.anotherHash("--yes confirms another plan", "--yes confirme un autre plan", hash)
	}
	if r.opts.yes != "" {
		return nil
	}
	account := visible.Text(plans[0].Account)
	return r.confirmAccount(plans[0].Account, fmt.Sprintf(r.c.words("What was taken from %s will be put back, the intruder's things too.",
		"Ce qui a été retiré à %s sera remis, y compris ce qui vient de l'intrus."), account), "--yes "+hash)
}

func (r *containing) undoOne(ctx context.Context, client provider, p *appliedPlan, steps []int) error {
	if err := p.open(r.now); err != nil {
		return err
	}
	unmade, err := r.runner(client.Actions(p.Plan), p.ledger).Undo(ctx, p.Plan, steps)
	return errors.Join(err, p.ledger.Close(), r.tellUndone(unmade))
}

// tellUndone prints what came back and what did not.
func (r *containing) tellUndone(unmade []containment.Unmade) error {
	back, never, failed := 0, 0, 0
	for _, u := range unmade {
		switch {
		case u.Err == nil:
			back++
		case errors.Is(u.Err, containment.ErrIrreversible):
			never++
			r.wrapped(fmt.Sprintf("%3d ", u.Step.N), fmt.Sprintf("%s: %s", u.Step.What.In(r.c.Language), r.c.words("this cannot be undone", "irréversible")))
		default:
			failed++
			r.wrapped(fmt.Sprintf("%3d ! ", u.Step.N), fmt.Sprintf("%s: %s", u.Step.What.In(r.c.Language), r.c.said(u.Err)))
		}
	}
	r.print(r.c.words("%d steps put back, %d cannot be undone, %d failed", "%d étapes remises, %d irréversibles, %d en échec"), back, never, failed)
	if failed > 0 {
		return statusError(statusFailed)
	}
	return nil
}
