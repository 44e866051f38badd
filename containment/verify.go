package containment

import (
	"context"
	"errors"
)

// A Verdict is what looking again says of a step that was taken.
type Verdict string

// The verdicts.
const (
	Stands  Verdict = "stands"   // its aim still holds
	Back    Verdict = "back"     // it does not hold any more, or never took effect
	New     Verdict = "new"      // the planner proposes something that the plan did not know
	NotSeen Verdict = "not seen" // the target could not be looked at: nothing is known
	Pending Verdict = "pending"  // it does not hold yet, and the provider may still take so long: look again
	Untold  Verdict = "untold"   // the provider shows nobody whether it holds
)

// A Check is one verdict.
type Check struct {
	Step    Step    `json:"step"`
	Verdict Verdict `json:"verdict"`
	State   State   `json:"state"`
	Err     string  `json:"error,omitempty"`
}

// Verify looks again at each step that was taken, and at what a fresh look of the planner proposes that the plan did not
// know. It changes nothing. fresh may be nil.
func (r *Runner) Verify(ctx context.Context, p Plan, fresh []Step) []Check {
	var taken []Step
	for _, s := range p.Steps {
		if last, ok := r.Ledger.Last(s.N); ok && (last.Event == Done || last.Event == Held) && r.Actions[s.Kind] != nil {
			taken = append(taken, s)
		}
	}
	states := r.look(ctx, taken)
	var checks []Check
	known := map[[3]string]bool{}
	for _, s := range p.Steps {
		known[[3]string{s.Kind, s.Account, s.Target}] = true
	}
	for _, s := range taken {
		checks = append(checks, r.check(s, states[s.N]))
	}
	for _, s := range fresh {
		if !known[[3]string{s.Kind, s.Account, s.Target}] && !s.State.Holds {
			checks = append(checks, Check{Step: s, Verdict: New, State: s.State})
		}
	}
	return checks
}

// look looks at the targets of steps that were taken.
func (r *Runner) look(ctx context.Context, steps []Step) map[int]seen {
	return r.each(steps, func(s Step) (State, error) {
		if v, ok := r.Actions[s.Kind].(Verifier); ok {
			return v.Verify(ctx, s)
		}
		return r.Actions[s.Kind].Inspect(ctx, s)
	})
}

func (r *Runner) check(s Step, now seen) Check {
	c := Check{Step: s, State: now.state, Verdict: Back}
	switch {
	case errors.Is(now.err, ErrUnseen):
		c.Verdict = Untold
	case now.err != nil:
		c.Verdict, c.Err = NotSeen, now.err.Error()
	case now.state.Holds:
		c.Verdict = Stands
	case r.lagging(s):
		c.Verdict = Pending
	}
	return c
}

// lagging says whether the provider may still be at work on a step.
func (r *Runner) lagging(s Step) bool {
	action, ok := r.Actions[s.Kind].(Lagging)
	last, taken := r.Ledger.Last(s.N)
	return ok && taken && last.Event == Done && r.Now().Sub(last.At) < action.Lag()
}
