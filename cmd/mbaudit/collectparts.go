package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/casefile"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// The parts of a collection of a Google Workspace: what changes or vanishes first of all accounts is read, sealed, signed,
// timestamped and pushed as a bundle of its own before the long reads begin.
const (
	partWhole     = "" // one bundle
	partEmergency = evidence.PartEmergency
	partRest      = evidence.PartRest
)

// choosePart says which part a new collection begins with.
func (r *collection) choosePart() {
	if r.opts.google.on && r.opts.google.only == "" && r.opts.again == "" && r.opts.emergencySeal {
		r.part = partEmergency
	}
}

// reads says that this part reads what is not the emergency dozen.
func (r *collection) readsAll() bool { return r.part != partEmergency }

// googlePart is the part of each account of a Workspace that this bundle is for.
func (r *collection) googlePart() workspace.Part {
	switch r.part {
	case partEmergency:
		return workspace.Emergency
	case partRest:
		return workspace.Rest
	}
	return workspace.Whole
}

// A firstBundle is the sealed emergency bundle of a collection in two bundles.
type firstBundle struct {
	dir    string
	sealed *evidence.Sealed
	err    error // of what came after sealing: the long reads are begun all the same
}

// link names it in the opening of the other one.
func (f *firstBundle) link() *evidence.EarlierBundle {
	return &evidence.EarlierBundle{Bundle: f.sealed.Opening.Bundle, TagManifest: f.sealed.TagManifest}
}

// beginRest does what comes before the bundle that everything else goes into, in each state that a run may have left it in:
// the emergency bundle is not begun, is begun in dir, is sealed there and not signed, or is done. It gives the folder of the
// bundle to go on with, "" for a new one.
func (r *collection) beginRest(ctx context.Context, g *global, dir string, sealed bool) (string, error) {
	switch {
	case r.part == partEmergency && sealed:
		result, err := r.signSealed(dir)
		if err == nil {
			err = r.finishFirst(ctx, g, dir, result)
		}
		return "", errors.Join(err, r.recall())
	case r.part == partEmergency:
		return "", r.collectFirst(ctx, g, dir)
	case r.part == partRest && dir == "":
		return "", errors.Join(r.repairFirst(ctx), r.recall())
	}
	return dir, r.recall()
}

// collectFirst reads and seals the emergency bundle, in dir where it was begun, and makes ready for the rest.
func (r *collection) collectFirst(ctx context.Context, g *global, dir string) error {
	if err := r.open(dir); err != nil {
		return err
	}
	sealed, err := r.collectAndSeal(ctx)
	if err != nil {
		return err
	}
	return r.finishFirst(ctx, g, r.w.Dir(), sealed)
}

// finishFirst does with the sealed emergency bundle what comes after sealing, and prints its line. What fails is said and
// is the exit status in the end; what is left to read is not held up by it.
func (r *collection) finishFirst(ctx context.Context, g *global, dir string, sealed *evidence.Sealed) error {
	r.first = &firstBundle{dir: dir, sealed: sealed}
	r.first.err = r.afterSealing(ctx, dir)
	if r.first.err != nil {
		r.say("the emergency bundle is sealed; then: %s", visible.Line(r.first.err.Error()))
	}
	if err := r.stopPushing(); err != nil {
		return err
	}
	if !g.json {
		if err := r.printSealed(g, dir, sealed); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return withHint(errors.New("interrupted"), "the emergency bundle is sealed; read the rest with: "+r.opts.resumeCommand())
	}
	r.say("the emergency bundle is sealed in %s; now all else is read, into a second bundle", dir)
	r.part, r.w, r.stamps = partRest, nil, nil
	return nil
}

// between finds the emergency bundle of a collection that was ended before the rest was begun: it is the newest of the case.
func (r *collection) between() (dir string, opening evidence.Opening, found bool, err error) {
	bundles, err := bundlesIn(r.c.dir)
	if err != nil || len(bundles) == 0 {
		return "", opening, false, nil // a case without bundles
	}
	dir = slices.MaxFunc(bundles, func(a, b string) int { return strings.Compare(filepath.Base(a), filepath.Base(b)) })
	opening, sealed, err := evidence.ReadOpening(dir)
	if err != nil || !sealed || !evidence.Signed(dir) || opening.Part != partEmergency {
		return "", opening, false, nil // a damaged one is none to go on from
	}
	return dir, opening, true, nil
}

// goOnFrom takes up the sealed emergency bundle of an ended collection: its options are those of the rest. An encrypted one
// is opened with --identity.
func (r *collection) goOnFrom(dir string) error {
	keys, err := r.opts.identity.read(r.terminal)
	if err != nil {
		return err
	}
	b, err := evidence.Open(dir, keys...)
	if errors.Is(err, evidence.ErrEncrypted) {
		return withHint(fmt.Errorf("the emergency bundle %s is encrypted, and says what was to be read to its recipients only", filepath.Base(dir)),
			"add --identity FILE, or begin another bundle with --new")
	}
	if err != nil {
		return err
	}
	b.Coverage = nil // it is large, and not asked for
	r.part, r.first = partRest, &firstBundle{dir: dir, sealed: &b.Sealed}
	return errors.Join(r.restoreScope(b.Opening), b.Close())
}

// repairFirst does again what may not have been done when a run ended after sealing the emergency bundle: asking for
// timestamps, where there are none, and pushing, which sends what is missing.
func (r *collection) repairFirst(ctx context.Context) error {
	stamped, err := filepath.Glob(filepath.Join(r.first.dir, "sig", "tagmanifest-sha256.txt.*.tsr"))
	if err != nil {
		return err
	}
	if len(stamped) == 0 {
		if err := stampSealed(ctx, r.terminal, r.c, r.first.dir, r.tsas, r.roots); err != nil {
			return err
		}
	}
	if r.push == nil {
		return nil
	}
	if r.first.err = r.push.send(ctx, r.terminal, r.c, r.first.dir); r.first.err != nil {
		r.say("the emergency bundle is not sent: %s", visible.Line(r.first.err.Error()))
	}
	return nil
}

// findFirst finds the emergency bundle that the opening of the rest names.
func (r *collection) findFirst(link *evidence.EarlierBundle) error {
	if link == nil {
		return nil
	}
	dir := r.c.path(casefile.BundlesName, link.Bundle)
	sealed, err := evidence.ReadTotals(dir)
	if err != nil {
		return fmt.Errorf("reading the emergency bundle %s: %w", link.Bundle, err)
	}
	r.first = &firstBundle{dir: dir, sealed: sealed}
	return nil
}

// recall teaches the collector what the emergency bundle says, where another run read it. What it cannot read, it asks again.
func (r *collection) recall() error {
	if r.first == nil || r.workspace == nil {
		return nil
	}
	b, err := evidence.Open(r.first.dir)
	if errors.Is(err, evidence.ErrEncrypted) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, row := range b.Coverage {
		if row.Collector == r.workspace.Name() && row.Failed > 0 {
			r.workspace.RecallGap(row.Account, row.Resource)
		}
	}
	for record, err := range b.Records() {
		if err == nil {
			err = r.recallRecord(b, record)
		}
		if err != nil {
			return errors.Join(err, b.Close())
		}
	}
	return b.Close()
}

func (r *collection) recallRecord(b *evidence.Bundle, record evidence.Record) error {
	x := record.Exhibit
	if x == nil || !workspace.Recalls(x.Resource, x.Item) {
		return nil
	}
	body, err := b.Body(x)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(body)
	if err == nil {
		r.workspace.Recall(x.Account, x.Resource, x.Attrs["encoding"], text)
	}
	return err
}
