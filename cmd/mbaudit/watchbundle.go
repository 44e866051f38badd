package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/oklog/ulid/v2"

	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/internal/casefile"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// watchOption is the option of a bundle's opening that says that watch made it.
const watchOption = "watch"

// A watchBundle keeps the pages of one poll that have hits on them. There is no bundle where there are none.
type watchBundle struct {
	*watching
	with *collection // what signs, timestamps and sends
	w    *evidence.Writer
	logs []string // of which pages are kept
}

// prepare opens what sealing needs, so that nothing is asked for later, when nobody is there.
func (b *watchBundle) prepare(ctx context.Context) error {
	o := b.opts
	b.with = &collection{terminal: b.terminal, c: b.c, opts: &collectOptions{accounts: b.plan.accounts, tsa: o.tsa, tsaCA: o.tsaCA, signKey: o.signKey, push: o.push,
		store: storeOptions{noLock: o.noLock}}}
	return b.with.prepareSealing(ctx)
}

func (b *watchBundle) id() string {
	if b.w == nil {
		return ""
	}
	return b.w.Opening().Bundle
}

// keep makes an exhibit of a page, and gives its number.
func (b *watchBundle) keep(p *workspace.LogPage) (string, error) {
	if b.w == nil {
		tool, err := thisTool()
		if err != nil {
			return "", err
		}
		opening := b.opening(tool)
		if b.w, err = evidence.Create(b.c.path(casefile.BundlesName, opening.Bundle), opening, evidence.WriterConfig{Now: b.now}); err != nil {
			return "", err
		}
	}
	if err := p.Keep(b.w); err != nil {
		return "", err
	}
	if !slices.Contains(b.logs, p.Application) {
		b.logs = append(b.logs, p.Application)
	}
	counts := b.w.Counts()
	return evidence.Record{N: counts.Exhibits + counts.Gaps}.ID(), nil
}

func (b *watchBundle) opening(tool evidence.Tool) evidence.Opening {
	return evidence.Opening{Bundle: ulid.MustNewDefault(b.now()).String(), CreatedAt: b.with.bundleTime(), Case: b.c.Case.Case, Accounts: b.plan.accounts,
		Operator:  evidence.Person{Name: b.c.Operator.Name, Organisation: b.c.Organisation, Contact: b.c.Operator.Contact},
		Authority: b.c.Authority, Tool: tool, Sources: []evidence.Source{{Collector: b.google.Name(), Address: b.google.Address()}},
		Options: map[string][]string{watchOption: b.state.Indicators, "log": b.opts.logs}, TimeZone: localZone(b.now()), Signer: b.with.identity.Fingerprint()}
}

// madeByWatch says that a bundle is one of watch's, which no other command goes on with.
func madeByWatch(dir string) bool {
	opening, _, err := evidence.ReadOpening(dir)
	return err == nil && opening.Options[watchOption] != nil
}

// finishEarlier seals what a run left that was killed: its hits are in the logbook.
func (b *watchBundle) finishEarlier(ctx context.Context) error {
	unfinished, err := evidence.Unfinished(b.c.path(casefile.BundlesName))
	if err != nil {
		return err
	}
	for _, dir := range unfinished {
		if !madeByWatch(dir) {
			continue
		}
		opening, sealed, err := evidence.ReadOpening(dir)
		if err != nil {
			return err
		}
		if sealed { // it lacks its signature alone
			b.left = true
			if _, err := b.with.signSealed(dir); err != nil {
				return err
			}
			b.afterSealing(ctx, dir)
			continue
		}
		if b.w, err = evidence.Resume(dir, evidence.WriterConfig{Now: b.now}); err != nil {
			return err
		}
		b.say(b.c.words("sealing what an earlier run had kept: %s", "scellement de ce qu'un passage antérieur avait conservé : %s"), filepath.Base(dir))
		b.logs, b.left = opening.Options["log"], true
		if err := b.seal(ctx); err != nil {
			return err
		}
	}
	return nil
}

// seal ends the bundle of a poll, if there is one. A run that is being stopped seals too, and leaves timestamps and copies.
func (b *watchBundle) seal(ctx context.Context) error {
	if b.w == nil {
		return nil
	}
	w := b.w
	account := workspace.TenantAccount(b.opts.google.admin)
	var failed error
	for _, app := range b.logs {
		failed = errors.Join(failed, workspace.Partial(w, account, app, b.now()))
	}
	b.w, b.logs = nil, nil
	if failed != nil {
		return errors.Join(failed, w.Close())
	}
	bundle := w.Opening().Bundle
	done, err := b.c.begin(journal.Collection, fmt.Sprintf(b.c.words("sealing pages of logs that were kept while watching: bundle %s", "scellement des pages de journaux conservées pendant la surveillance : paquet %s"), bundle),
		map[string]string{"bundle": bundle})
	if err != nil {
		return errors.Join(err, w.Close())
	}
	extract, err := os.Open(b.c.journal.Path())
	if err != nil {
		return errors.Join(err, done("", err), w.Close())
	}
	defer extract.Close() //nolint:errcheck // it was only read
	sealed, err := w.Seal(evidence.SealConfig{Identity: b.with.identity, Principal: principal(b.c.Case, w.Opening()), Journal: extract, Clocks: []evidence.Clock{b.google.Clock()}})
	if err != nil {
		return errors.Join(err, done("", err), w.Close())
	}
	if err := done("SHA-256 of tagmanifest-sha256.txt: "+sealed.TagManifest.String(), nil); err != nil {
		return err
	}
	b.say(b.c.words("kept and sealed: %s", "conservé et scellé : %s"), w.Dir())
	b.afterSealing(ctx, w.Dir())
	return nil
}

// afterSealing timestamps a bundle and sends it away. What fails of that is said: the bundle stands, and watching goes on.
func (b *watchBundle) afterSealing(ctx context.Context, dir string) {
	if ctx.Err() != nil {
		b.say(b.c.words("not timestamped, since the run was ended; type: %s", "non horodaté, car le passage a été interrompu ; tapez : %s"), "mbaudit timestamp "+dir)
		return
	}
	if err := b.with.afterSealing(ctx, dir); err != nil {
		b.say(b.c.words("the bundle is sealed, and not timestamped or sent: %s", "le paquet est scellé, mais non horodaté ou non envoyé : %s"), visible.Line(err.Error()))
		if hint := hintFor(err); hint != "" {
			b.say("mbaudit: hint: %s", hint)
		}
	}
}
