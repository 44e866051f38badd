package main

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/casefile"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// A slotState is a slot of one account, and whether something is attached to it.
type slotState struct {
	workspace.ManualSlot
	Account string   `json:"account,omitempty"` // "" where no bundle of the case asks for it yet
	State   string   `json:"state"`             // slotOpen or slotFilled
	Bundles []string `json:"bundles,omitempty"` // that hold what is attached
}

const (
	slotOpen   = "open"
	slotFilled = "attached"
)

// slots are what the sealed bundles of a case say of what no API tells.
type slots struct {
	asked    map[string][]string    // accounts by slot, as bundles of a Google Workspace ask for it
	filled   map[[2]string][]string // bundles by account and slot
	accounts []string               // of the newest bundle
	opaque   int                    // encrypted bundles, of which nobody knows
}

// findSlots reads the coverage of every sealed bundle of the case.
func findSlots(c *openCase) (*slots, error) {
	s := &slots{asked: map[string][]string{}, filled: map[[2]string][]string{}}
	entries, err := os.ReadDir(c.path(casefile.BundlesName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, entry := range entries { // by id, which is by time
		sealed, err := evidence.ReadCoverage(filepath.Join(c.path(casefile.BundlesName), entry.Name()), func(row evidence.Coverage) { s.add(entry.Name(), row) })
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue // not sealed yet
		case err != nil:
			return nil, err
		case len(sealed.Opening.Accounts) == 0:
			s.opaque++
			continue
		}
		s.accounts = sealed.Opening.Accounts
	}
	return s, nil
}

func (s *slots) add(bundle string, row evidence.Coverage) {
	slot, ok := strings.CutPrefix(row.Resource, workspace.ManualResource(""))
	switch {
	case !ok:
	case row.Got > 0:
		key := [2]string{row.Account, slot}
		s.filled[key] = append(s.filled[key], bundle)
	case row.Status == evidence.StatusNotOffered && !slices.Contains(s.asked[slot], row.Account):
		s.asked[slot] = append(s.asked[slot], row.Account)
	}
}

// accountsFor are the accounts that files for a slot can be about, where nobody says.
func (s *slots) accountsFor(slot string) []string {
	if asked := s.asked[slot]; len(asked) > 0 {
		return asked
	}
	return s.accounts
}

// states lists every slot, for every account that it is asked for, and other things that are attached.
func (s *slots) states() []slotState {
	var list []slotState
	add := func(slot workspace.ManualSlot, account string) {
		state := slotState{slot, account, slotOpen, s.filled[[2]string{account, slot.Name}]}
		if len(state.Bundles) > 0 {
			state.State = slotFilled
		}
		list = append(list, state)
	}
	listed := map[[2]string]bool{}
	for _, slot := range workspace.ManualSlots() {
		accounts := slices.Clone(s.asked[slot.Name])
		for key := range s.filled {
			if key[1] == slot.Name && !slices.Contains(accounts, key[0]) {
				accounts = append(accounts, key[0])
			}
		}
		slices.Sort(accounts)
		if len(accounts) == 0 {
			accounts = []string{""}
		}
		for _, account := range accounts {
			add(slot, account)
			listed[[2]string{account, slot.Name}] = true
		}
	}
	var others []slotState
	for key, bundles := range s.filled {
		if !listed[key] {
			others = append(others, slotState{workspace.ManualSlot{Name: key[1]}, key[0], slotFilled, bundles})
		}
	}
	slices.SortFunc(others, func(a, b slotState) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Account, b.Account))
	})
	return append(list, others...)
}

// print lists the slots.
func (s *slots) print(t *terminal, g *global) error {
	states := s.states()
	if g.json {
		return t.printJSON(map[string]any{"slots": states, "encrypted_bundles": s.opaque})
	}
	for _, state := range states {
		t.print("%-8s  %-17s  %s", state.State, visible.Text(state.Name), visible.Text(cmp.Or(state.Account, "(no bundle asks for it yet)")))
		if state.State == slotFilled {
			t.print("          in %s", strings.Join(state.Bundles, ", "))
			continue
		}
		t.print("          %s\n          look at: %s\n          because: %s", state.Title, state.Where, state.Why)
	}
	if s.opaque > 0 {
		t.say("%s of the case cannot be looked into: what is attached in them is not counted", plural(int64(s.opaque), "encrypted bundle"))
	}
	return nil
}

// sayOpenSlots tells, after a Google Workspace was read, what is still to be looked up by a person. Where the bundles
// cannot be read for it, nothing is said: what was collected stands.
func (r *collection) sayOpenSlots() {
	if !r.opts.google.on {
		return
	}
	found, err := findSlots(r.c)
	if err != nil {
		return
	}
	var open []string
	for _, state := range found.states() {
		if state.State == slotOpen && state.Account != "" && !slices.Contains(open, state.Name) {
			open = append(open, state.Name)
		}
	}
	if len(open) > 0 {
		r.say("no API tells, and nobody attached yet: %s", strings.Join(open, ", "))
		r.say("see where to look: mbaudit attach --list")
	}
}
