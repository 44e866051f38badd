package containment_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/containment"
)

var errCut = errors.New("the power is cut")

// A world is an account with things in it that a plan removes. It can lose its power before or after any call.
type world struct {
	mu      sync.Mutex
	things  map[string]string
	removed map[string]int // how often each was
	order   []string
	broken  map[string]error
	cutAt   int // the call, counted from 1, at which the power goes; the even ones after the change
	calls   int
	kept    []containment.Preimage
	journal []string
}

func newWorld() *world {
	return &world{things: map[string]string{"a": `{"id":"a"}`, "b": `{"id":"b"}`, "c": `{"id":"c"}`, "d": `{"id":"d"}`}, removed: map[string]int{}}
}

// cut says whether the power goes now.
func (w *world) cut() bool {
	w.calls++
	return w.cutAt > 0 && w.calls >= w.cutAt
}

func (w *world) Kind() string { return "thing" }

func (w *world) Inspect(_ context.Context, s containment.Step) (containment.State, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text, there := w.things[s.Target]
	return containment.State{Holds: !there, Document: json.RawMessage(text)}, nil
}

func (w *world) Apply(_ context.Context, s containment.Step, _ containment.State) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut() {
		return errCut
	}
	if err := w.broken[s.Target]; err != nil {
		return err
	}
	delete(w.things, s.Target)
	w.removed[s.Target]++
	w.order = append(w.order, s.Target)
	if w.cut() {
		return errCut
	}
	return nil
}

func (w *world) Undo(_ context.Context, s containment.Step, before containment.State) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.things[s.Target] = string(before.Document)
	return nil
}

// runner is a runner over a world whose ledger is in a file. When the power goes nothing more can be written.
func (w *world) runner(t *testing.T, path, hash string) *containment.Runner {
	t.Helper()
	ledger, err := containment.OpenLedger(path, hash, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ledger.Close() })
	return &containment.Runner{Actions: containment.NewActions(w), Ledger: ledger, Now: time.Now,
		Journal: func(description string, _ map[string]string) (func(string, error) error, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.cut() {
				return nil, errCut
			}
			w.journal = append(w.journal, "begin "+description)
			return func(_ string, err error) error {
				w.mu.Lock()
				defer w.mu.Unlock()
				if w.cut() {
					return errCut
				}
				w.journal = append(w.journal, fmt.Sprintf("end %s: %v", description, err))
				return nil
			}, nil
		},
		Preserve: func(_ context.Context, images []containment.Preimage) (string, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.cut() {
				return "", errCut
			}
			if len(w.removed) > 0 {
				t.Error("something was changed before the pre-images were sealed")
			}
			w.kept = images
			return "01BUNDLE", nil
		},
	}
}

func (w *world) plan(t *testing.T) (containment.Plan, string) {
	t.Helper()
	p := containment.Plan{ID: "01PLAN", Account: "alice@example.com", Provider: "test", Mode: containment.Lock}
	for i, target := range slices.Sorted(maps.Keys(w.things)) {
		s := containment.Step{N: i + 1, Stage: i / 2, Kind: "thing", Account: p.Account, Target: target, Decision: containment.Take, Undo: containment.Whole,
			What: containment.Text{EN: "removing " + target}}
		s.State, _ = w.Inspect(t.Context(), s)
		s.Before = s.State.Digest()
		p.Steps = append(p.Steps, s)
	}
	file, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := containment.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	return again, containment.Hash(file)
}

// TestApplyAndUndo goes there and back.
func TestApplyAndUndo(t *testing.T) {
	w := newWorld()
	before := maps.Clone(w.things)
	p, hash := w.plan(t)
	r := w.runner(t, filepath.Join(t.TempDir(), "ledger.jsonl"), hash)
	result, err := r.Apply(t.Context(), p)
	if err != nil || len(result.Done) != 4 || len(w.things) != 0 || result.Bundle != "01BUNDLE" || len(w.kept) != 4 {
		t.Fatalf("applied: %+v, %v; left %v", result, err, w.things)
	}
	if early := w.order[:2]; slices.Contains(early, "c") || slices.Contains(early, "d") {
		t.Errorf("the second stage began before the first had ended: %v", w.order)
	}
	w.things["a"] = "{}" // somebody makes it again
	fresh := []containment.Step{{Kind: "thing", Account: p.Account, Target: "e"}, {Kind: "thing", Account: p.Account, Target: "a"}}
	verdicts := map[string]containment.Verdict{}
	for _, c := range r.Verify(t.Context(), p, fresh) {
		verdicts[c.Step.Target] = c.Verdict
	}
	want := map[string]containment.Verdict{"a": containment.Back, "b": containment.Stands, "c": containment.Stands, "d": containment.Stands, "e": containment.New}
	if !maps.Equal(verdicts, want) {
		t.Errorf("verified: %v", verdicts)
	}
	unmade, err := r.Undo(t.Context(), p, nil)
	if err != nil || len(unmade) != 4 || !maps.Equal(w.things, before) {
		t.Errorf("undone: %+v, %v; %v", unmade, err, w.things)
	}
}

// TestPowerCutAnywhere cuts the power at each call of the world, and goes on: everything is done, and nothing twice.
func TestPowerCutAnywhere(t *testing.T) {
	cuts := 0
	for cutAt := 1; ; cutAt++ {
		w := newWorld()
		p, hash := w.plan(t)
		path := filepath.Join(t.TempDir(), "ledger.jsonl")
		w.cutAt = cutAt
		first := w.runner(t, path, hash)
		first.Parallel = 1
		_, err := first.Apply(t.Context(), p)
		if err == nil && w.calls < cutAt {
			break
		}
		cuts++
		w.cutAt = 0
		result, err := w.runner(t, path, hash).Apply(t.Context(), p)
		if err != nil || len(result.Failed) > 0 || len(result.Done)+len(result.Held) != 4 || len(w.things) > 0 {
			t.Errorf("cut at call %d: %+v, %v", cutAt, result, err)
		}
		for target, times := range w.removed {
			if times != 1 {
				t.Errorf("cut at call %d: %s was removed %d times", cutAt, target, times)
			}
		}
		if len(w.kept) != 4 {
			t.Errorf("cut at call %d: %d pre-images", cutAt, len(w.kept))
		}
	}
	if cuts < 15 {
		t.Errorf("only %d cuts", cuts)
	}
}

// TestStalePlan changes a target after the plan was made: nothing is done.
func TestStalePlan(t *testing.T) {
	w := newWorld()
	p, hash := w.plan(t)
	w.things["c"] = `{"id":"c","forward":"x@example.net"}`
	_, err := w.runner(t, filepath.Join(t.TempDir(), "ledger.jsonl"), hash).Apply(t.Context(), p)
	var stale *containment.StaleError
	if !errors.As(err, &stale) || len(stale.Differences) != 1 || stale.Differences[0].Step.Target != "c" || len(w.removed) > 0 || len(w.kept) > 0 {
		t.Errorf("got %v; removed %v", err, w.removed)
	}
}

// TestFailedStep goes on past a step that fails, and takes it the next time.
func TestFailedStep(t *testing.T) {
	w := newWorld()
	p, hash := w.plan(t)
	p.Steps[3].Decision = containment.Keep
	w.broken = map[string]error{"b": errors.New("refused")}
	path := filepath.Join(t.TempDir(), "ledger.jsonl")
	result, err := w.runner(t, path, hash).Apply(t.Context(), p)
	if err != nil || len(result.Done) != 2 || len(result.Failed) != 1 || result.Failed[0].Target != "b" || len(result.Left) != 1 {
		t.Fatalf("got %+v, %v", result, err)
	}
	w.broken = nil
	result, err = w.runner(t, path, hash).Apply(t.Context(), p)
	if err != nil || len(result.Done) != 3 || len(w.things) != 1 {
		t.Errorf("again: %+v, %v", result, err)
	}
	if _, err := containment.OpenLedger(path, strings.Repeat("0", 64), time.Now); !errors.Is(err, containment.ErrLedger) {
		t.Errorf("the ledger opens for another plan: %v", err)
	}
}

// TestEditedPlans refuses what was changed in a plan but its decisions.
func TestEditedPlans(t *testing.T) {
	p, _ := newWorld().plan(t)
	for name, edit := range map[string]func(*containment.Plan){
		"another state":     func(p *containment.Plan) { p.Steps[1].State.Document = json.RawMessage(`{"id":"x"}`) },
		"another digest":    func(p *containment.Plan) { p.Steps[1].Before = strings.Repeat("0", 64) },
		"a step left out":   func(p *containment.Plan) { p.Steps = slices.Delete(p.Steps, 1, 2) },
		"a step twice":      func(p *containment.Plan) { p.Steps = append(p.Steps, p.Steps[3]); p.Steps[4].N = 5 },
		"another order":     func(p *containment.Plan) { p.Steps[0].Stage = 7 },
		"another account":   func(p *containment.Plan) { p.Steps[0].Account = "bob@example.com" },
		"no such decision":  func(p *containment.Plan) { p.Steps[0].Decision = "perhaps" },
		"no such mode":      func(p *containment.Plan) { p.Mode = "harder" },
		"a step of no kind": func(p *containment.Plan) { p.Steps[0].Kind = "" },
	} {
		edited := p
		edited.Steps = slices.Clone(p.Steps)
		edit(&edited)
		file, err := edited.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := containment.Parse(file); !errors.Is(err, containment.ErrPlan) {
			t.Errorf("%s: %v", name, err)
		}
	}
	decided := p
	decided.Steps = slices.Clone(p.Steps)
	decided.Steps[0].Decision = containment.Keep
	if !containment.Same(p, decided) {
		t.Error("a plan with another decision is taken for another plan")
	}
	if _, err := containment.Parse([]byte(`{"v":1,"surprise":true}`)); !errors.Is(err, containment.ErrPlan) {
		t.Errorf("an unknown field: %v", err)
	}
}
