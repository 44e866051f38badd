package containment

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// A Preimage is what a target was like before a step.
type Preimage struct {
	Step  Step
	State State

	// Keep gives what has to be sealed beside the state; nil where there is nothing. Originals may be large: each is asked
	// for when the one before it has been put away.
	Keep func(ctx context.Context) (Original, error) `json:"-"`
}

// A Runner applies, verifies and undoes plans.
type Runner struct {
	Actions Actions

	// Journal writes what is about to be done, and gives the function that writes what came of it. It returns only
	// when the entry is on the disk; who gets an error from it does not act.
	Journal func(description string, ref map[string]string) (done func(result string, err error) error, err error)

	// Preserve seals the pre-images of all steps and returns the name of what holds them. Nothing is changed before.
	Preserve func(ctx context.Context, images []Preimage) (bundle string, err error)

	Ledger   *Ledger
	Now      func() time.Time
	Heard    func(s Step, event Event, err error) // hears of each step; nil hears nothing
	Parallel int                                  // calls side by side; 0 is 6

	// Fresh is for how long a state that was seen need not be looked at again before the call; 0 is 5 seconds.
	Fresh time.Duration

	// Looked is when this very run looked at the targets as the plan has them; within Fresh of it they are not looked at again
	// before their pre-images are sealed. The zero time is never.
	Looked time.Time

	// Language is that of the journal's entries.
	Language string
}

// A Difference is a target that is not what it was when the plan was made.
type Difference struct {
	Step Step
	Now  State
}

// A StaleError says that a plan is out of date. Nothing was changed.
type StaleError struct{ Differences []Difference }

// Error names the steps.
func (e *StaleError) Error() string {
	var steps []string
	for _, d := range e.Differences {
		steps = append(steps, fmt.Sprintf("%d (%s)", d.Step.N, d.Step.Kind))
	}
	return "the account has changed since the plan was made: steps " + strings.Join(steps, ", ")
}

// A Result is what came of each step.
type Result struct {
	Done, Held, Failed, Left []Step // Left: not taken, by decision
	Bundle                   string // of the pre-images
}

// ErrStopped says that the run ended before its steps: the ledger goes on with it.
var ErrStopped = errors.New("containment was stopped")

// seen is a state and when it was looked at.
type seen struct {
	state State
	at    time.Time
	err   error
}

// Apply takes the steps that were decided on. A step that fails does not stop the others; Result says which. An error
// means that the run ended early: calling it again goes on.
func (r *Runner) Apply(ctx context.Context, p Plan) (Result, error) {
	if err := r.known(p); err != nil {
		return Result{}, err
	}
	states := r.states(ctx, p)
	if ctx.Err() != nil {
		return Result{}, ctx.Err()
	}
	if r.Ledger.Preserved() == "" {
		if err := r.preserve(ctx, p, states); err != nil {
			return Result{}, err
		}
	}
	result := Result{Bundle: r.Ledger.Preserved()}
	if err := r.stages(ctx, p, states, &result); err != nil {
		return result, err
	}
	return result, r.Ledger.add(Line{Event: Ended})
}

// known refuses a plan with a step that nobody knows, before anything is done.
func (r *Runner) known(p Plan) error {
	for _, w := range p.Warnings {
		if w.Stops {
			return fmt.Errorf("%w: %s", ErrPlan, w.Text.In(r.Language))
		}
	}
	for _, s := range p.Steps {
		if r.Actions[s.Kind] == nil {
			return fmt.Errorf("step %d: %w: %.60q", s.N, ErrKind, s.Kind)
		}
	}
	return nil
}

// open lists the steps that are decided on and not done.
func (r *Runner) open(p Plan) []Step {
	var open []Step
	for _, s := range p.Steps {
		if last, ok := r.Ledger.Last(s.N); s.Decision == Take && !(ok && (last.Event == Done || last.Event == Held)) {
			open = append(open, s)
		}
	}
	return open
}

// states are those of the open steps' targets: as they are now, or as the plan has them where that has just been looked at.
func (r *Runner) states(ctx context.Context, p Plan) map[int]seen {
	open := r.open(p)
	if r.Ledger.Preserved() != "" || r.Now().Sub(r.Looked) > r.fresh() {
		return r.inspect(ctx, open)
	}
	states := make(map[int]seen, len(open))
	for _, s := range open {
		states[s.N] = seen{state: s.State, at: r.Looked}
	}
	return states
}

// inspect looks at targets side by side.
func (r *Runner) inspect(ctx context.Context, steps []Step) map[int]seen {
	return r.each(steps, func(s Step) (State, error) { return r.Actions[s.Kind].Inspect(ctx, s) })
}

func (r *Runner) each(steps []Step, look func(Step) (State, error)) map[int]seen {
	var mu sync.Mutex
	states := make(map[int]seen, len(steps))
	r.eachSideBySide(steps, func(s Step) {
		state, err := look(s)
		mu.Lock()
		defer mu.Unlock()
		states[s.N] = seen{state, r.Now(), err}
	})
	return states
}

// preserve refuses a stale plan, and has the pre-images sealed. A target that cannot be looked at cannot be preserved
// either: that is an error, as nothing has been changed yet.
func (r *Runner) preserve(ctx context.Context, p Plan, states map[int]seen) error {
	var stale StaleError
	var images []Preimage
	for _, s := range r.open(p) {
		now := states[s.N]
		switch {
		case now.err != nil:
			return fmt.Errorf("looking at step %d (%s) before anything is changed: %w", s.N, s.Kind, now.err)
		case now.state.Digest() != s.Before:
			stale.Differences = append(stale.Differences, Difference{s, now.state})
		}
		image := Preimage{Step: s, State: now.state}
		if keeper, ok := r.Actions[s.Kind].(Keeper); ok && !now.state.Holds {
			image.Keep = func(ctx context.Context) (Original, error) { return keeper.Keep(ctx, s) }
		}
		images = append(images, image)
	}
	if len(stale.Differences) > 0 {
		return &stale
	}
	bundle, err := r.Preserve(ctx, images)
	if err != nil {
		return fmt.Errorf("sealing what is about to be changed: %w", err)
	}
	return r.Ledger.add(Line{Event: Preserve, Bundle: bundle})
}

// stages takes the open steps, stage by stage.
func (r *Runner) stages(ctx context.Context, p Plan, states map[int]seen, result *Result) error {
	var mu sync.Mutex
	var broken error
	for first := 0; first < len(p.Steps); {
		last := first
		for last < len(p.Steps) && p.Steps[last].Stage == p.Steps[first].Stage {
			last++
		}
		r.eachSideBySide(p.Steps[first:last], func(s Step) {
			mu.Lock()
			stopped := broken != nil
			mu.Unlock()
			if stopped {
				return
			}
			event, err := r.take(ctx, s, states[s.N])
			mu.Lock()
			defer mu.Unlock()
			result.count(s, event)
			if event == "" && err != nil {
				broken = errors.Join(broken, err)
			}
		})
		if broken != nil {
			return fmt.Errorf("%w: %w", ErrStopped, broken)
		}
		first = last
	}
	return nil
}

func (res *Result) count(s Step, event Event) {
	switch event {
	case Done:
		res.Done = append(res.Done, s)
	case Held:
		res.Held = append(res.Held, s)
	case Failed:
		res.Failed = append(res.Failed, s)
	case Begun: // left by decision
		res.Left = append(res.Left, s)
	}
}

// take takes one step. An error with no event means that the run cannot go on: ledger or journal cannot be written, or
// it was interrupted.
func (r *Runner) take(ctx context.Context, s Step, was seen) (Event, error) {
	if s.Decision != Take {
		return Begun, nil
	}
	last, ok := r.Ledger.Last(s.N)
	if ok && (last.Event == Done || last.Event == Held) {
		return last.Event, nil
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if r.Now().Sub(was.at) > r.fresh() || was.err != nil {
		state, err := r.Actions[s.Kind].Inspect(ctx, s)
		was = seen{state, r.Now(), err}
	}
	switch {
	case was.err != nil:
		return r.ended(s, Failed, was.err)
	case was.state.Holds:
		return r.ended(s, Held, nil)
	case was.state.Digest() != s.Before && !r.everBegun(s.N): // begun: a call of ours may have been cut off half-way
		return r.ended(s, Failed, &StaleError{[]Difference{{s, was.state}}})
	}
	return r.call(ctx, s, was.state)
}

// call makes the change, between two lines of the ledger and two of the journal.
func (r *Runner) call(ctx context.Context, s Step, before State) (Event, error) {
	if err := r.Ledger.add(Line{Event: Begun, Step: s.N, Before: &before}); err != nil {
		return "", err
	}
	done, err := r.Journal(s.What.In(r.Language), s.ref())
	if err != nil {
		return "", err
	}
	r.heard(s, Begun, nil)
	applied := r.Actions[s.Kind].Apply(ctx, s, before)
	if err := done("", applied); err != nil {
		return "", err
	}
	if applied != nil && ctx.Err() != nil {
		return "", ctx.Err() // whether it was made is not known; the next run looks
	}
	if applied != nil {
		return r.ended(s, Failed, applied)
	}
	return r.ended(s, Done, nil)
}

func (r *Runner) ended(s Step, event Event, cause error) (Event, error) {
	line := Line{Event: event, Step: s.N}
	if cause != nil {
		line.Text = cause.Error()
	}
	if err := r.Ledger.add(line); err != nil {
		return "", err
	}
	r.heard(s, event, cause)
	return event, nil
}

// ref is what the journal's entry of a step says for machines.
func (s Step) ref() map[string]string {
	ref := map[string]string{"step": fmt.Sprint(s.N), "kind": s.Kind, "account": s.Account}
	if s.Target != "" {
		ref["target"] = s.Target
	}
	return ref
}

func (r *Runner) heard(s Step, event Event, err error) {
	if r.Heard != nil {
		r.Heard(s, event, err)
	}
}

func (r *Runner) fresh() time.Duration {
	if r.Fresh == 0 {
		return 5 * time.Second
	}
	return r.Fresh
}

func (r *Runner) eachSideBySide(steps []Step, do func(Step)) {
	parallel := r.Parallel
	if parallel == 0 {
		parallel = 6
	}
	slots := make(chan struct{}, parallel)
	var group sync.WaitGroup
	for _, s := range steps {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			do(s)
		})
	}
	group.Wait()
}
