package containment

import "context"

// A Verdict is what looking again says of a step that was taken.
type Verdict string

// The verdicts.
const (
	Stands  Verdict = "stands"   // its aim still holds
	Back    Verdict = "back"     // it does not hold any more, or never took effect
	New     Verdict = "new"      // the planner proposes something that the plan did not know
	NotSeen Verdict = "not seen" // the target could not be looked at: nothing is known
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
	states := r.inspect(ctx, taken)
	var checks []Check
	known := map[[3]string]bool{}
	for _, s := range p.Steps {
		known[[3]string{s.Kind, s.Account, s.Target}] = true
	}
	for _, s := range taken {
		checks = append(checks, check(s, states[s.N]))
	}
	for _, s := range fresh {
		if !known[[3]string{s.Kind, s.Account, s.Target}] && !s.State.Holds {
			checks = append(checks, Check{Step: s, Verdict: New, State: s.State})
		}
	}
	return checks
}

func check(s Step, now seen) Check {
	c := Check{Step: s, State: now.state, Verdict: Back}
	switch {
	case now.err != nil:
		c.Verdict, c.Err = NotSeen, now.err.Error()
	case now.state.Holds:
		c.Verdict = Stands
	}
	return c
}
