package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/mbaudit/mbaudit/containment"
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
	paths, err := filepath.Glob(filepath.Join(r.opts.planDir, "plan-*.json"))
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return usageError(fmt.Errorf("%s holds no plan", visible.Text(r.opts.planDir)), "make them: mbaudit contain --account A, for each account")
	}
	var plans []readyPlan
	var hashes []string
	for _, path := range paths {
		p, file, err := r.readPlan(path)
		if err != nil {
			return fmt.Errorf("%s: %w", visible.Text(path), err)
		}
		if slices.ContainsFunc(plans, func(other readyPlan) bool { return other.Account == p.Account }) {
			return usageError(fmt.Errorf("%s holds two plans for %s", visible.Text(r.opts.planDir), visible.Text(p.Account)), "leave one of each account there")
		}
		plans, hashes = append(plans, readyPlan{Plan: p, path: path, file: file}), append(hashes, containment.Hash(file))
	}
	if err := r.confirmAll(plans, containment.Hash([]byte(strings.Join(hashes, "\n")))); err != nil {
		return err
	}
	for i := range plans { // one after the other: a passphrase may be asked for
		if plans[i].sealer, err = r.newSealer(ctx, plans[i].Plan, false); err != nil {
			return err
		}
	}
	return r.applyAll(ctx, plans)
}

// confirmAll has a person type how many accounts there are, or takes the hash of all plans' hashes for it.
func (r *containing) confirmAll(plans []readyPlan, hash string) error {
	if r.opts.yes != "" {
		if strings.EqualFold(r.opts.yes, hash) {
			return nil
		}
		return usageError(errors.New("--yes confirms other plans"), "the SHA-256 of these is "+hash)
	}
	for _, p := range plans {
		r.say("  %s", visible.Text(p.Account))
	}
	return r.confirmAccount(plans[0].Account, fmt.Sprintf("%s will be changed; the first is %s.", plural(int64(len(plans)), "account"), visible.Text(plans[0].Account)), "--yes "+hash)
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
			var status statusError
			if !errors.As(err, &status) {
				r.say("%s: %s", visible.Text(p.Account), visible.Line(err.Error()))
			}
		})
	}
	group.Wait()
	r.print(r.c.words("%d accounts, %d without a failed step", "%d comptes, %d sans étape en échec"), len(plans), len(plans)-failed)
	if failed > 0 {
		return statusError(statusFailed)
	}
	return nil
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
