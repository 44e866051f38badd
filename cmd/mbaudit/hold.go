package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/evidence/store"
	"github.com/mbaudit/mbaudit/evidence/store/s3"
	"github.com/mbaudit/mbaudit/internal/visible"
)

type holdOptions struct {
	store   storeOptions
	release bool
}

func newHoldCommand(t *terminal, g *global) *cobra.Command {
	var opts holdOptions
	cmd := &cobra.Command{
		Use:   "hold s3://BUCKET/PREFIX/BUNDLE",
		Short: "put a legal hold on every object of a pushed bundle, or lift it",
		Long: `hold has the store refuse to delete any object of the bundle until the hold is lifted with
--release, whatever day the retention ends on. Objects that a delete marker hides are held
too. What could not be done is listed; the same command again does only what is left.

A hold can be lifted by whoever has the right s3:PutObjectLegalHold. And there are stores
where it ends with the retention: mbaudit probe --thorough tells; mbaudit extend does not
depend on it.`,
		Example: `  mbaudit hold s3://evidence/2026-0042/01JD2…`,
		Args:    exactArgs("s3://BUCKET/PREFIX/BUNDLE"),
		RunE:    func(cmd *cobra.Command, args []string) error { return runHold(cmd.Context(), t, g, args[0], &opts) },
	}
	cmd.Flags().BoolVar(&opts.release, "release", false, "lift the hold")
	cmd.Flags().BoolVar(&opts.store.yes, "yes", false, "lift without asking")
	opts.store.addReadFlags(cmd.Flags())
	return cmd
}

func runHold(ctx context.Context, t *terminal, g *global, location string, opts *holdOptions) error {
	change := lockChange{location: location, doing: "putting a legal hold on", did: "held", untouched: "held already",
		ref: map[string]string{"legal_hold": "ON"},
		apply: func(ctx context.Context, ch store.LockChanger, v store.Version) (bool, error) {
			_, changed, err := ch.SetLegalHold(ctx, v.Name, v.VersionID, !opts.release)
			return changed, err
		}}
	if opts.release {
		change.doing, change.did, change.untouched = "lifting the legal hold from", "released", "not held"
		change.ref["legal_hold"] = "OFF"
		if !opts.store.yes {
			t.say("Without the hold, objects of this bundle can be deleted as soon as their retention is over.")
			if !t.confirm("Lift it?") {
				return usageError(errors.New("lifting the hold was not confirmed"), "answer y, or add --yes")
			}
		}
	}
	return change.run(ctx, t, g, &opts.store)
}

type extendOptions struct {
	store storeOptions
	until string
}

func newExtendCommand(t *terminal, g *global) *cobra.Command {
	var opts extendOptions
	cmd := &cobra.Command{
		Use:   "extend s3://BUCKET/PREFIX/BUNDLE --until DAY",
		Short: "lock every object of a pushed bundle for longer",
		Long: `extend locks the objects of a bundle in S3 in compliance mode until the end of that day.
It never shortens: an object that is locked for longer stays so. Objects that a delete
marker hides are locked too. What could not be done is listed; the same command again does
only what is left.`,
		Example: `  mbaudit extend s3://evidence/2026-0042/01JD2… --until 2027-12-31`,
		Args:    exactArgs("s3://BUCKET/PREFIX/BUNDLE"),
		RunE:    func(cmd *cobra.Command, args []string) error { return runExtend(cmd.Context(), t, g, args[0], &opts) },
	}
	cmd.Flags().StringVar(&opts.until, "until", "", "day until which the objects are locked, as in 2027-12-31")
	cmd.Flags().BoolVar(&opts.store.yes, "yes", false, "lock without asking")
	opts.store.addReadFlags(cmd.Flags())
	return cmd
}

func runExtend(ctx context.Context, t *terminal, g *global, location string, opts *extendOptions) error {
	if opts.until == "" {
		return usageError(errors.New("no day is named"), "add --until YYYY-MM-DD")
	}
	c, err := g.openCase(t)
	if err != nil {
		return err
	}
	until, err := c.LockUntil(opts.until, t.now())
	if err != nil {
		return usageError(err, strings.ReplaceAll(hintFor(err), "--retain-until", "--until"))
	}
	if err := opts.store.confirmLock(t, &destination{location: location, until: until}); err != nil {
		return usageError(err, "answer y, or add --yes; choose another day with --until YYYY-MM-DD")
	}
	change := lockChange{location: location, doing: "locking until " + opts.until, did: "locked until " + opts.until,
		untouched: "locked so already", ref: map[string]string{"locked_until": until.UTC().Format(time.RFC3339)},
		apply: func(ctx context.Context, ch store.LockChanger, v store.Version) (bool, error) {
			_, changed, err := ch.ExtendLock(ctx, v.Name, v.VersionID, until)
			return changed, err
		}}
	return change.run(ctx, t, g, &opts.store)
}

// A lockChange changes the lock of every version of a bundle's objects.
type lockChange struct {
	location              string
	doing, did, untouched string
	ref                   map[string]string
	apply                 func(context.Context, store.LockChanger, store.Version) (changed bool, err error)
}

// A lockChanged is what came of a lockChange.
type lockChanged struct {
	Location string       `json:"location"`
	Changed  int          `json:"changed"`
	Already  int          `json:"already"`
	Left     []lockFailed `json:"left"` // what is not as it was to be
}

type lockFailed struct {
	Name      string `json:"name"` // in the bundle
	VersionID string `json:"version,omitempty"`
	Error     string `json:"error"`
}

func (l lockChange) run(ctx context.Context, t *terminal, g *global, opts *storeOptions) error {
	c, err := g.openCase(t)
	if err != nil {
		return err
	}
	root, bundle, err := splitBundle(l.location)
	if err != nil {
		return err
	}
	st, err := opts.openForReading(ctx, t, root)
	if err != nil {
		return err
	}
	changer, ok := st.(store.LockChanger)
	versioner, listed := st.(store.Versioner)
	if !ok || !listed {
		return usageError(fmt.Errorf("%s has no locks", l.location), "name a bundle in S3: s3://BUCKET/PREFIX/BUNDLE")
	}
	l.ref["bundle"], l.ref["to"] = bundle, root
	done, err := c.begin(journal.Collection, l.doing+" every object of "+l.location, l.ref)
	if err != nil {
		return err
	}
	result, err := l.all(ctx, changer, versioner, bundle)
	said := fmt.Sprintf("%s %s, %d %s", plural(int64(result.Changed), "object"), l.did, result.Already, l.untouched)
	if err == nil && len(result.Left) > 0 {
		err = fmt.Errorf("%s could not be changed, the first: %s: %s", plural(int64(len(result.Left)), "object"), result.Left[0].Name, result.Left[0].Error)
	}
	if err = errors.Join(err, done(said, err)); errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if g.json {
		if err := t.printJSON(result); err != nil {
			return err
		}
	} else {
		printLeft(t, result.Left)
		t.print("%s", said)
	}
	if err != nil {
		return withHint(err, "when the cause is gone, type the same command again: it does only what is left")
	}
	return nil
}

// printLeft lists what could not be changed, each reason once for all that follow each other with it.
func printLeft(t *terminal, left []lockFailed) {
	for i, failed := range left {
		if i == 0 || failed.Error != left[i-1].Error {
			for _, line := range wrap("not done, because "+visible.Text(failed.Error)+":", 80) {
				t.print("%s", line)
			}
		}
		t.print("LEFT    %s", visible.Text(failed.Name))
	}
}

// why is what the service said, where it did: the rest of the error repeats the name.
func why(err error) string {
	var refusal *s3.Refusal
	if errors.As(err, &refusal) {
		return refusal.Error()
	}
	return err.Error()
}

// all goes on after a failure, and stops only where the listing does.
func (l lockChange) all(ctx context.Context, changer store.LockChanger, versioner store.Versioner, bundle string) (lockChanged, error) {
	result := lockChanged{Location: l.location, Left: []lockFailed{}}
	for v, err := range versioner.Versions(ctx, bundle+"/") {
		if err != nil {
			return result, err
		}
		if v.DeleteMarker {
			continue
		}
		changed, err := l.apply(ctx, changer, v)
		switch {
		case ctx.Err() != nil:
			return result, ctx.Err()
		case err != nil:
			result.Left = append(result.Left, lockFailed{Name: strings.TrimPrefix(v.Name, bundle+"/"), VersionID: v.VersionID, Error: why(err)})
		case changed:
			result.Changed++
		default:
			result.Already++
		}
	}
	if result.Changed+result.Already+len(result.Left) == 0 {
		return result, withHint(fmt.Errorf("%s: there is no bundle: %w", l.location, fs.ErrNotExist), "the address ends in the bundle's id, as printed by collect and push")
	}
	return result, nil
}
