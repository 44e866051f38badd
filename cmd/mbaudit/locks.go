package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/evidence/store"
	"github.com/mbaudit/mbaudit/evidence/store/s3"
	"github.com/mbaudit/mbaudit/internal/casefile"
)

// The kinds of damage that only a store can have: the bundle may well be whole, and is not kept as it was pushed.
const (
	damageHidden    evidence.DamageKind = "hidden object"
	damageReplaced  evidence.DamageKind = "replaced object"
	damageLockLost  evidence.DamageKind = "lost lock"
	damageLockShort evidence.DamageKind = "shortened lock"
)

// splitBundle separates the id of a bundle from where it is.
func splitBundle(location string) (root, bundle string, err error) {
	root, bundle = path.Split(strings.TrimSuffix(location, "/"))
	if !strings.HasPrefix(root, "s3://") || root == "s3://" {
		return "", "", usageError(fmt.Errorf("%s names no bundle in a store", location), "add the bundle's id: "+strings.TrimSuffix(location, "/")+"/01J…")
	}
	return strings.TrimSuffix(root, "/"), bundle, nil
}

// A surveyedBundle is a bundle in a store and all versions of its objects. As an evidence.BundleSource it also has the
// objects that a delete marker hides, each as its newest version.
type surveyedBundle struct {
	storedBundle
	objects map[string]*surveyedObject // by their names in the bundle; nil where the key may not list versions
	why     string                     // it may not
}

// A surveyedObject is what a store has under one name.
type surveyedObject struct {
	versions []store.Version // that are not delete markers; the newest first
	hidden   *store.Version  // the delete marker that is the latest
}

// surveyBundle lists the versions of a bundle's objects, where the store and the key allow that.
func surveyBundle(ctx context.Context, st store.Store, bundle string) (*surveyedBundle, error) {
	s := &surveyedBundle{storedBundle: storedBundle{st: st, prefix: bundle + "/"}}
	versioner, ok := st.(store.Versioner)
	if !ok {
		s.why = "the store keeps no versions"
		return s, nil
	}
	objects := make(map[string]*surveyedObject)
	for v, err := range versioner.Versions(ctx, s.prefix) {
		if err != nil && mayNotList(err) {
			s.why = err.Error()
			return s, nil
		}
		if err != nil {
			return nil, err
		}
		name := strings.TrimPrefix(v.Name, s.prefix)
		o := objects[name]
		if o == nil {
			o = new(surveyedObject)
			objects[name] = o
		}
		switch {
		case v.DeleteMarker && v.Latest:
			o.hidden = &v
		case !v.DeleteMarker:
			o.versions = append(o.versions, v)
		}
	}
	for _, o := range objects {
		slices.SortStableFunc(o.versions, func(a, b store.Version) int { return b.Modified.Compare(a.Modified) })
	}
	s.objects = objects
	return s, nil
}

// mayNotList says whether a key, or a service, refuses the question, rather than fails to answer it.
func mayNotList(err error) bool {
	var refusal *s3.Refusal
	return errors.Is(err, fs.ErrPermission) || errors.As(err, &refusal) &&
		(refusal.Status == http.StatusNotImplemented || refusal.Status == http.StatusMethodNotAllowed)
}

// Open gives an object of the bundle; one that is hidden as its newest version.
func (s *surveyedBundle) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	o := s.objects[name]
	reader, ok := s.st.(store.VersionReader)
	if !ok || o == nil || o.hidden == nil || len(o.versions) == 0 {
		return s.storedBundle.Open(ctx, name)
	}
	return reader.OpenVersion(ctx, s.prefix+name, o.versions[0].VersionID)
}

// Names lists the objects, those that are hidden too.
func (s *surveyedBundle) Names(ctx context.Context) iter.Seq2[string, error] {
	if s.objects == nil {
		return s.storedBundle.Names(ctx)
	}
	return func(yield func(string, error) bool) {
		for _, name := range slices.Sorted(maps.Keys(s.objects)) {
			if len(s.objects[name].versions) > 0 && !yield(name, nil) {
				return
			}
		}
	}
}

// report adds to a Verification what the versions tell. An object that is hidden, or under whose name there are other
// bytes too, is not as it was pushed, though what was read of it may be right.
func (s *surveyedBundle) report(v *evidence.Verification) {
	if s.objects == nil {
		return
	}
	before := len(v.Damage)
	for _, name := range slices.Sorted(maps.Keys(s.objects)) {
		o := s.objects[name]
		if o.hidden != nil && len(o.versions) > 0 {
			v.Damage = append(v.Damage, evidence.Damage{Kind: damageHidden, Name: name, Detail: fmt.Sprintf(
				"hidden by a delete marker of %s; read was its newest version %s", o.hidden.Modified.Format(time.RFC3339), o.versions[0].VersionID)})
		}
		if others := otherBytes(o.versions); others > 0 {
			oldest := o.versions[len(o.versions)-1]
			v.Damage = append(v.Damage, evidence.Damage{Kind: damageReplaced, Name: name, Detail: fmt.Sprintf(
				"there are %d versions, and they differ; read was that of %s; the oldest is %s of %s", len(o.versions),
				o.versions[0].Modified.Format(time.RFC3339), oldest.VersionID, oldest.Modified.Format(time.RFC3339))})
		}
	}
	v.Checks = append(v.Checks, evidence.Check{What: "no object is hidden or replaced", By: "the store's list of versions", OK: len(v.Damage) == before})
}

// otherBytes counts the versions that are not shown to have the bytes of the newest. The same bytes twice are what two
// runs leave that push at the same time to a store that ignores If-None-Match.
func otherBytes(versions []store.Version) int {
	n := 0
	for _, v := range versions[min(1, len(versions)):] {
		first := versions[0]
		if v.Size != first.Size || v.SHA256 == nil || first.SHA256 == nil || *v.SHA256 != *first.SHA256 {
			n++
		}
	}
	return n
}

// A lockSummary says how the objects of a bundle are locked in a store.
type lockSummary struct {
	Locked   int       `json:"locked"`
	Unlocked int       `json:"unlocked"`
	Held     int       `json:"held"`  // of all these, under a legal hold
	Until    time.Time `json:"until"` // the first day on which one of the locked objects could be deleted
	Last     time.Time `json:"last"`  // and the last of these days

	// Promised is until when, by the case's journal, all objects were locked; nil where it does not say.
	Promised *time.Time `json:"promised,omitempty"`
	Notes    []string   `json:"notes,omitempty"`
}

// soon is how long before its end a lock is spoken of.
const soon = 30 * 24 * time.Hour

// locks reads the lock of each object, that of the newest version of a hidden one, and adds to v what is locked for
// less than was promised.
func (s *surveyedBundle) locks(ctx context.Context, v *evidence.Verification, promised, now time.Time) (*lockSummary, error) {
	locker, ok := s.st.(store.Locker)
	if !ok {
		return nil, nil
	}
	var summary lockSummary
	if s.objects == nil {
		summary.Notes = append(summary.Notes, "delete markers and replaced objects were not looked for: "+s.why)
	}
	if !promised.IsZero() {
		summary.Promised = &promised
	}
	before := len(v.Damage)
	for name, err := range s.Names(ctx) {
		if err != nil {
			return nil, err
		}
		lock, err := s.lock(ctx, locker, name)
		if err != nil {
			return nil, fmt.Errorf("reading the lock of %s: %w", name, err)
		}
		summary.add(lock)
		if damage := brokenPromise(lock, promised, now); damage != nil {
			damage.Name = name
			v.Damage = append(v.Damage, *damage)
		}
	}
	if promised.After(now) {
		v.Checks = append(v.Checks, evidence.Check{What: "every object is locked as the journal says", By: "the store's answer for each",
			OK: len(v.Damage) == before})
	}
	summary.remark(now)
	return &summary, nil
}

// lock is that of an object, the zero Lock where there is none.
func (s *surveyedBundle) lock(ctx context.Context, locker store.Locker, name string) (store.Lock, error) {
	if o := s.objects[name]; o != nil {
		if lock := o.versions[0].Lock; lock != nil {
			return *lock, nil
		}
		return store.Lock{}, nil
	}
	lock, err := locker.Lock(ctx, s.prefix+name)
	if errors.Is(err, store.ErrLockMissing) {
		return store.Lock{}, nil
	}
	return lock, err
}

func (l *lockSummary) add(lock store.Lock) {
	if lock.LegalHold {
		l.Held++
	}
	if lock.Mode != store.Compliance {
		l.Unlocked++
		return
	}
	l.Locked++
	if l.Until.IsZero() || lock.Until.Before(l.Until) {
		l.Until = lock.Until
	}
	if lock.Until.After(l.Last) {
		l.Last = lock.Until
	}
}

// brokenPromise says whether a lock is less than what was promised for a time that is still to come.
func brokenPromise(lock store.Lock, promised, now time.Time) *evidence.Damage {
	switch {
	case !promised.After(now):
		return nil
	case lock.Mode != store.Compliance:
		return &evidence.Damage{Kind: damageLockLost, Detail: "not locked in compliance mode, or the key may not see it; by the journal it is until " +
			promised.Format(time.RFC3339)}
	case lock.Until.Before(promised):
		return &evidence.Damage{Kind: damageLockShort, Detail: fmt.Sprintf("locked until %s; by the journal it is until %s",
			lock.Until.Format(time.RFC3339), promised.Format(time.RFC3339))}
	}
	return nil
}

// remark adds what someone may want to do something about.
func (l *lockSummary) remark(now time.Time) {
	switch left := l.Until.Sub(now); {
	case l.Locked == 0:
	case left <= 0:
		l.Notes = append(l.Notes, "the first lock is over; lock again with: mbaudit extend")
	case left < soon:
		l.Notes = append(l.Notes, fmt.Sprintf("the first lock ends in %d days; to keep the bundle locked: mbaudit extend", int(left.Hours()/24)))
	}
	if l.Locked > 0 && l.Unlocked > 0 {
		l.Notes = append(l.Notes, "some objects are locked and others are not: a lock is lost, or was never asked for")
	} else if !l.Last.Equal(l.Until) {
		l.Notes = append(l.Notes, "the locks end on different days, the last on "+l.Last.Format(time.RFC3339)+"; mbaudit extend makes them one")
	}
}

func (l *lockSummary) String() string {
	said := ""
	switch {
	case l.Locked == 0:
		said = fmt.Sprintf("none of the %d objects is locked", l.Unlocked)
	case l.Unlocked == 0:
		said = fmt.Sprintf("all %d objects are locked in compliance mode, the first until %s", l.Locked, l.Until.Format(time.RFC3339))
	default:
		said = fmt.Sprintf("%d objects are locked, the first until %s; %d are not locked", l.Locked, l.Until.Format(time.RFC3339), l.Unlocked)
	}
	if l.Held > 0 {
		said += fmt.Sprintf("; %d under legal hold", l.Held)
	}
	return said
}

// promisedLock is until when, by the journal of the case, every object of a bundle in a store is locked: the latest day
// of a push or an extension that was carried through. It is zero where there is no case or its journal does not say.
func promisedLock(t *terminal, g *global, root, bundle string) (promised time.Time, err error) {
	c, err := g.caseIfAny(t)
	if c == nil || err != nil {
		return promised, err
	}
	f, err := os.Open(c.path(casefile.JournalName))
	if err != nil {
		return promised, err
	}
	defer f.Close()
	for e, err := range journal.Read(f) {
		if err != nil {
			return promised, fmt.Errorf("reading the journal: %w", err)
		}
		if e.ActionState != journal.Done || e.Ref["bundle"] != bundle || strings.TrimSuffix(e.Ref["to"], "/") != root {
			continue
		}
		until, err := time.Parse(time.RFC3339, e.Ref["locked_until"])
		if err == nil && until.After(promised) {
			promised = until
		}
	}
	return promised, nil
}
