package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/evidence/journal/export"
	"github.com/mbaudit/mbaudit/findings/decision"
)

// A Plan is a containment plan as a report tells of it: what was proposed, what a person decided, what came of it, and what
// was seen when somebody looked again. Who fills it in reads CASE/containment; this package knows no provider.
type Plan struct {
	ID        string          `json:"id"`
	File      string          `json:"file"`
	SHA256    string          `json:"sha256"`
	Account   string          `json:"account"`
	Mode      string          `json:"mode"` // lock, precaution, suspend
	Made      time.Time       `json:"made"`
	By        string          `json:"by"`
	Begun     time.Time       `json:"begun,omitzero"` // of the first step that was taken; zero: nothing was changed
	Preserved string          `json:"preserved,omitempty"`
	Skipped   string          `json:"preserve_skipped,omitempty"` // the written reason for going on without a sealed snapshot
	Warnings  []decision.Text `json:"warnings,omitempty"`
	Steps     []Step          `json:"steps"`
	Unread    string          `json:"unread,omitempty"` // why the plan or its ledger cannot be read
	Looked    time.Time       `json:"looked,omitzero"`  // when somebody looked again last
	Signs     int             `json:"signs"`            // of somebody in the account since, by that look
	New       []decision.Text `json:"new,omitempty"`    // what that look found and no plan knows
	NotRead   []string        `json:"not_read,omitempty"`
}

// What became of a step.
const (
	StepOpen     = "open"        // not taken
	StepBegun    = "begun"       // the call was begun, and nothing says how it ended
	StepDone     = "done"        // taken
	StepHeld     = "held"        // the aim was reached already
	StepFailed   = "failed"      // tried, and refused
	StepUndone   = "undone"      // taken, and put back
	StepUndoFail = "undo failed" // to be put back, and refused
)

// A Step is one change of a plan.
type Step struct {
	N        int           `json:"n"`
	Kind     string        `json:"kind"`
	Target   string        `json:"target,omitempty"`
	What     decision.Text `json:"what"`
	Why      decision.Text `json:"why"`
	Effect   decision.Text `json:"side_effect"`
	Decision string        `json:"decision"` // apply, keep, unknown
	Undo     string        `json:"undo"`     // whole, partly, never
	Exhibits []string      `json:"exhibits,omitempty"`
	State    string        `json:"state"`
	At       time.Time     `json:"at,omitzero"` // of State
	Error    string        `json:"error,omitempty"`
	Verdict  string        `json:"verdict,omitempty"` // of the last look: stands, back, new, not seen, pending, untold
}

// A Watch is what was seen of the intruder in the logs after containment.
type Watch struct {
	Since   time.Time `json:"since"` // the logs were read from here
	Until   time.Time `json:"until"` // up to here
	Tried   []Tried   `json:"accounts"`
	More    int64     `json:"events_not_told_apart,omitempty"`
	NotRead []string  `json:"not_read,omitempty"` // logs that could not be read: what is in them is not here
	Unread  string    `json:"unread,omitempty"`   // why the result of watching cannot be read
}

// A Tried is an account that the intruder tried.
type Tried struct {
	Account  string    `json:"account"` // "" is nobody's
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	Attempts int64     `json:"attempts"`
	GotIn    time.Time `json:"got_in,omitzero"` // first; zero: the logs show no success
	IPs      []string  `json:"ips"`
}

// settled says whether a step's aim was reached when it was looked at last.
func (s Step) settled() bool { return s.State == StepDone || s.State == StepHeld }

// taken counts the steps that were taken and were not put back.
func (p *page) taken() int {
	n := 0
	for _, plan := range p.m.Plans {
		for _, s := range plan.Steps {
			if s.State == StepDone {
				n++
			}
		}
	}
	return n
}

// current picks what is worth a table: each plan that changed something, and of each account the newest that did not where
// none did. The rest is counted.
func current(all []Plan) (shown []Plan, rest int) {
	touched := map[string]bool{}
	newest := map[string]string{}
	for _, plan := range all {
		touched[plan.Account] = touched[plan.Account] || !plan.Begun.IsZero()
		newest[plan.Account] = max(newest[plan.Account], plan.ID)
	}
	for _, plan := range all {
		if !plan.Begun.IsZero() || plan.Unread != "" || !touched[plan.Account] && newest[plan.Account] == plan.ID {
			shown = append(shown, plan)
		} else {
			rest++
		}
	}
	return shown, rest
}

// containment shows the plans, what was taken, what was seen afterwards, and what people wrote into the journal themselves.
func (p *page) containment() []block {
	var blocks []block
	plans, rest := current(p.m.Plans)
	for _, plan := range plans {
		blocks = append(blocks, p.plan(plan)...)
	}
	if rest > 0 {
		blocks = append(blocks, note(p.t("plans.rest", rest)))
	}
	var rows []row
	for _, line := range p.m.Journal {
		if line.Type != journal.Action || line.Auto && len(plans) > 0 || line.OutcomeOf != 0 {
			continue
		}
		rows = append(rows, row{Class: "action-" + string(line.ActionState), Cells: []cell{{Text: export.EventTime(line.Entry, p.zone, p.language), Class: "when"}, {Text: p.reword(line.Description, maxShown), Sub: p.reword(line.Result, maxShown)},
			{Text: cmp.Or(export.StateWord(line.ActionState, p.language), "—"), Class: "word"}, {Text: show(line.DecisionBy)}, {Text: p.t("journal.entry", line.Seq)}}})
	}
	switch {
	case len(rows) > 0:
		blocks = append(blocks, heading(p.t("containment.people")), table("actions", p.heads("time", "action", "state", "decided", "journal"), rows))
	case len(plans) == 0:
		blocks = append(blocks, note(p.t("containment.none")))
	}
	blocks = append(blocks, p.watched()...)
	if d := p.m.Decision; d != nil && len(d.Precautions) > 0 {
		blocks = append(blocks, heading(p.t("precautions")), checks(p.texts(d.Precautions)))
	}
	if p.taken() == 0 {
		blocks = append(blocks, heading(p.t("containment.order")), checks(p.lines("order")))
	}
	return append(blocks, note(p.t("containment.note")))
}

// watched shows which accounts the intruder tried while the logs were watched.
func (p *page) watched() []block {
	w := p.m.Watch
	if w == nil {
		return nil
	}
	blocks := []block{heading(p.t("watch.title"))}
	if w.Unread != "" {
		return append(blocks, warn(p.t("watch.unread", show(w.Unread))))
	}
	var rows []row
	for _, x := range w.Tried {
		state, class := p.t("watch.out"), "tried"
		if !x.GotIn.IsZero() {
			state, class = p.t("watch.in", p.minute(x.GotIn)), "tried got-in"
		}
		rows = append(rows, row{Class: class, Cells: []cell{{Text: cmp.Or(show(x.Account), p.t("watch.nobody"))}, {Text: fmt.Sprint(x.Attempts), Class: "num"},
			{Text: p.period(x.First, x.Last, ""), Class: "when"}, {Text: state, Class: "word"}, {Text: p.few(x.IPs, 4, 60), Class: "code"}}})
	}
	blocks = append(blocks, p.tableOr("tried", p.heads("account", "count", "period", "state", "source"), rows, p.t("watch.none")), note(p.t("watch.span", p.minute(w.Since), p.minute(w.Until))))
	if w.More > 0 {
		blocks = append(blocks, note(p.t("watch.more", w.More)))
	}
	if len(w.NotRead) > 0 {
		blocks = append(blocks, warn(p.t("watch.notread", p.few(w.NotRead, 8, 60))))
	}
	return blocks
}

func (p *page) plan(plan Plan) []block {
	blocks := []block{heading(p.t("plan.title", show(plan.Account), p.word("mode", plan.Mode)))}
	if plan.Unread != "" {
		return append(blocks, warn(p.t("plan.unread", show(plan.File), show(plan.Unread))))
	}
	all := []pair{{p.t("plan.made"), p.minute(plan.Made) + suffix(", ", show(plan.By))}}
	switch {
	case plan.Preserved != "":
		all = append(all, pair{p.t("plan.preserved"), show(plan.Preserved)})
	case plan.Skipped != "":
		all = append(all, pair{p.t("plan.preserved"), p.t("plan.skipped", show(plan.Skipped))})
	}
	all = append(all, pair{p.t("plan.state"), p.planState(plan)}, pair{p.t("plan.looked"), p.looked(plan)}, pair{p.t("plan.file"), show(plan.File) + " · SHA-256 " + plan.SHA256})
	blocks = append(blocks, pairs(all))
	for _, w := range plan.Warnings {
		blocks = append(blocks, warn(p.say(w)))
	}
	var rows []row
	for _, s := range plan.Steps {
		why := nonEmpty(p.say(s.Why), p.refs(s.Exhibits, 2))
		if !s.settled() {
			why = nonEmpty(p.say(s.Why), p.say(s.Effect), p.refs(s.Exhibits, 2))
		}
		state := cell{Text: p.word("step", s.State), Sub: strings.Join(nonEmpty(p.stepTime(s), cut(s.Error, 160)), " · "), Class: "word"}
		if s.State == StepOpen {
			state.Sub = p.word("decided", s.Decision)
		}
		if s.State == StepOpen && s.Decision == "keep" {
			state.Text, state.Sub = state.Sub, ""
		}
		rows = append(rows, row{Class: "step-" + strings.ReplaceAll(s.State, " ", "-") + " seen-" + strings.ReplaceAll(s.Verdict, " ", "-"), Cells: []cell{{Text: fmt.Sprint(s.N), Class: "num"}, {Text: p.say(s.What), Sub: strings.Join(why, " · ")}, state,
			{Text: p.word("seen", s.Verdict), Class: "word"}, {Text: p.word("undo", s.Undo), Class: "word"}}})
	}
	blocks = append(blocks, table("plan", p.heads("number", "step", "state", "seen", "undo"), rows))
	if len(plan.New) > 0 {
		blocks = append(blocks, warn(p.t("plan.new")), list(p.texts(plan.New)))
	}
	for _, u := range plan.NotRead {
		blocks = append(blocks, note(p.t("plan.notread", p.reword(u, 200))))
	}
	return blocks
}

func (p *page) stepTime(s Step) string {
	if s.At.IsZero() {
		return ""
	}
	return p.minute(s.At)
}

// planState counts the steps by what became of them.
func (p *page) planState(plan Plan) string {
	counts := map[string]int{}
	var order []string
	for _, s := range plan.Steps {
		if counts[s.State]++; counts[s.State] == 1 {
			order = append(order, s.State)
		}
	}
	slices.Sort(order)
	var parts []string
	for _, state := range order {
		parts = append(parts, p.word("step", state)+p.colon()+fmt.Sprint(counts[state]))
	}
	return cmp.Or(strings.Join(parts, ", "), p.t("plan.empty"))
}

// contained says in one line for each account what was taken and what of it was seen to stand.
func (p *page) contained() []string {
	var all []string
	for _, plan := range p.m.Plans {
		done, stand := 0, 0
		for _, s := range plan.Steps {
			if s.State == StepDone {
				done++
			}
			if s.State == StepDone && s.Verdict == "stands" {
				stand++
			}
		}
		if done == 0 {
			continue
		}
		if plan.Looked.IsZero() {
			all = append(all, p.t("done.contained", cut(plan.Account, 40), done))
		} else {
			all = append(all, p.t("done.contained.seen", cut(plan.Account, 40), done, stand, p.minute(plan.Looked)))
		}
	}
	return all
}

// looked is what was seen when somebody looked again.
func (p *page) looked(plan Plan) string {
	if plan.Looked.IsZero() {
		if plan.Begun.IsZero() {
			return "—"
		}
		return p.t("plan.notlooked")
	}
	return p.t("plan.signs", p.minute(plan.Looked), plan.Signs)
}
