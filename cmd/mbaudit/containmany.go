package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/oklog/ulid/v2"

	"github.com/mbaudit/mbaudit/containment"
	"github.com/mbaudit/mbaudit/containment/workspace"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// plansAtOnce is how many accounts are taken back side by side.
const plansAtOnce = 4

// A readyPlan is a plan that nothing stands in the way of.
type readyPlan struct {
	containment.Plan
	path   string
	file   []byte
	sealer *preimageSealer
}

// applyDir applies all plans of a directory. What fails of one account does not stop the others.
func (r *containing) applyDir(ctx context.Context) error {
	plans, err := r.readDir(r.opts.planDir)
	if err != nil {
		return err
	}
	if err := r.confirmAll(plans, hashOfAll(plans)); err != nil {
		return err
	}
	for i := range plans { // one after the other: a passphrase may be asked for
		if plans[i].sealer, err = r.newSealer(ctx, plans[i].Plan, false); err != nil {
			return err
		}
	}
	return r.applyAll(ctx, plans)
}

// readDir reads all plans of a directory.
func (r *containing) readDir(dir string) ([]readyPlan, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "plan-*.json"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, usageError(fmt.Errorf(r.c.words("%s holds no plan", "%s ne contient aucun plan"), visible.Text(dir)), r.c.words("make them: ", "faites-les : ")+"mbaudit contain --account A --account B")
	}
	var plans []readyPlan
	for _, path := range paths {
		p, file, err := r.readPlan(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", visible.Text(path), err)
		}
		if err := r.fits(p); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(plans, func(other readyPlan) bool { return other.Account == p.Account }) {
			return nil, usageError(fmt.Errorf(r.c.words("%s holds two plans for %s", "%s contient deux plans pour %s"), visible.Text(dir), visible.Text(p.Account)),
				r.c.words("leave one of each account there", "n'en laissez qu'un par compte"))
		}
		plans = append(plans, readyPlan{Plan: p, path: path, file: file})
	}
	return plans, nil
}

// hashOfAll is the SHA-256 of the SHA-256 of each plan, in their order, one a line.
func hashOfAll(plans []readyPlan) string {
	var hashes []string
	for _, p := range plans {
		hashes = append(hashes, containment.Hash(p.file))
	}
	return containment.Hash([]byte(strings.Join(hashes, "\n")))
}

// confirmAll has a person type how many accounts there are, or takes the hash of all plans' hashes for it.
func (r *containing) confirmAll(plans []readyPlan, hash string) error {
	if r.opts.yes != "" {
		if strings.EqualFold(r.opts.yes, hash) {
			return nil
		}
		return r.anotherHash("--yes confirms other plans", "--yes confirme d'autres plans", hash)
	}
	for _, p := range plans {
		r.say("  %s", visible.Text(p.Account))
	}
	return r.confirmAccount(plans[0].Account, fmt.Sprintf(r.c.words("%d accounts will be changed; the first is %s.", "%d comptes vont être modifiés ; le premier est %s."), len(plans), visible.Text(plans[0].Account)), "--yes "+hash)
}

func (r *containing) applyAll(ctx context.Context, plans []readyPlan) error {
	var mu sync.Mutex
	var group sync.WaitGroup
	slots := make(chan struct{}, plansAtOnce)
	failed := 0
	for _, p := range plans {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			err := r.applyOne(ctx, p)
			if err == nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			failed++
			r.sayUnlessStatus(p.Account, err)
		})
	}
	group.Wait()
	r.print(r.c.words("%d accounts, %d without a failed step", "%d comptes, %d sans étape en échec"), len(plans), len(plans)-failed)
	if failed > 0 {
		return statusError(statusFailed)
	}
	return nil
}

// sayUnlessStatus says what went wrong with one account of several; where the error is an exit status, it has been said.
func (r *containing) sayUnlessStatus(account string, err error) {
	var status statusError
	if !errors.As(err, &status) {
		r.say("%s: %s", visible.Text(account), visible.Line(r.c.said(err).Error()))
	}
}

// applyOne applies one plan of many, with a password that nobody is told.
func (r *containing) applyOne(ctx context.Context, p readyPlan) error {
	client, err := r.client(true, (&passwordKeeper{containing: r}).next)
	if err != nil {
		return err
	}
	if !ledgerIsThere(p.path) {
		if err := r.mustBePreserved(p.Plan); err != nil {
			return err
		}
	}
	result, err := r.run(ctx, client, p.sealer, p.Plan, p.path, p.file)
	if err != nil {
		return err
	}
	return r.told(p.Plan, result)
}

// planMany plans for several accounts, four side by side, and keeps the plans in a directory of their own. An account that
// cannot be planned for does not stop the others.
func (r *containing) planMany(ctx context.Context) error {
	client, err := r.client(false, nil)
	if err != nil {
		return err
	}
	plans := make([]containment.Plan, len(r.opts.accounts))
	errs := make([]error, len(plans))
	var group sync.WaitGroup
	slots := make(chan struct{}, plansAtOnce)
	for i, account := range r.opts.accounts {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			plans[i], errs[i] = r.of(account).plan(ctx, client, workspace.Everything)
		})
	}
	group.Wait()
	failed := 0
	var made []containment.Plan
	for i, err := range errs {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			failed++
			r.say("%s", visible.Line(r.c.said(err).Error()))
			continue
		}
		made = append(made, plans[i])
	}
	if err := r.keepTogether(made); err != nil {
		return err
	}
	if failed > 0 {
		return statusError(statusFailed)
	}
	return nil
}

// keepTogether keeps plans that are applied together in a directory of their own, and shows them.
func (r *containing) keepTogether(plans []containment.Plan) error {
	if len(plans) == 0 {
		return nil
	}
	r.dir = r.c.path(containmentName, ulid.MustNewDefault(r.now()).String())
	for i, p := range plans {
		kept, path, err := r.keepPlan(p)
		if err != nil {
			return err
		}
		if r.opts.onIMAP() && p.Mode != containment.Quarantine {
			if _, err := r.writeRunbook(kept, path); err != nil {
				return err
			}
		}
		plans[i] = kept
		if !r.g.json {
			r.printPlan(kept)
			r.print("")
		}
	}
	ready, err := r.readDir(r.dir)
	if err != nil {
		return err
	}
	hash := hashOfAll(ready)
	if r.g.json {
		return r.printJSON(map[string]any{"directory": r.dir, "sha256": hash, "plans": plans})
	}
	r.print("SHA-256 %s", hash)
	r.say(r.c.words("nothing was changed; read the plans in %s, correct decisions in them, then: mbaudit contain --plan-dir %s %s",
		"rien n'a été changé ; relisez les plans de %s, corrigez-y les décisions, puis : mbaudit contain --plan-dir %s %s"), r.dir, r.dir, r.opts.reach())
	return nil
}
