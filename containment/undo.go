package containment

import (
	"context"
	"errors"
	"slices"
)

// An Unmade is what came of undoing one step.
type Unmade struct {
	Step Step
	Err  error // nil: it is as it was; ErrIrreversible: it cannot be
}

// Undo puts back what was done, backwards, and says of each step what came of it. Steps that found their aim reached are
// not undone: nothing was changed. only names steps to undo; nil is all.
func (r *Runner) Undo(ctx context.Context, p Plan, only []int) ([]Unmade, error) {
	if err := r.known(Plan{Steps: p.Steps}); err != nil {
		return nil, err
	}
	var all []Unmade
	for _, s := range slices.Backward(p.Steps) {
		last, ok := r.Ledger.Last(s.N)
		if !ok || len(only) > 0 && !slices.Contains(only, s.N) {
			continue
		}
		before, changed := r.Ledger.Before(s.N)
		if !changed || last.Event == Undone || last.Event == Held && !r.everBegun(s.N) {
			continue
		}
		cause, err := r.undo(ctx, s, before)
		if err != nil {
			return all, errors.Join(ErrStopped, err)
		}
		all = append(all, Unmade{s, cause})
	}
	return all, nil
}

// everBegun says whether a step's call was begun: then something may have been changed.
func (r *Runner) everBegun(step int) bool {
	return slices.ContainsFunc(r.Ledger.Lines(), func(l Line) bool { return l.Step == step && l.Event == Begun })
}

// undo undoes one step. err means that nothing more can be written down.
func (r *Runner) undo(ctx context.Context, s Step, before State) (cause, err error) {
	if s.Undo == Never {
		return ErrIrreversible, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err := r.Ledger.add(Line{Event: UndoBegun, Step: s.N}); err != nil {
		return nil, err
	}
	text := Text{EN: "undoing: " + s.What.EN, FR: "annulation : " + s.What.FR}
	done, err := r.Journal(text.In(r.Language), s.ref())
	if err != nil {
		return nil, err
	}
	cause = r.Actions[s.Kind].Undo(ctx, s, before)
	if err := done("", cause); err != nil {
		return nil, err
	}
	line := Line{Event: Undone, Step: s.N}
	if cause != nil {
		line.Event, line.Text = UndoFail, cause.Error()
	}
	if err := r.Ledger.add(line); err != nil {
		return nil, err
	}
	r.heard(s, line.Event, cause)
	return cause, nil
}
