package decision_test

import (
	"slices"
	"testing"

	"github.com/mbaudit/mbaudit/findings/decision"
)

// rowIDs are those of the doctrine's matrix, one for each sentence of the source document, in its order.
func rowIDs() []string {
	return []string{
		"A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9", "A10", "A11", "A12", "A13-15",
		"B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B9", "B10", "B11", "B12",
		"C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8",
		"D1", "D2", "D3", "D4", "D5", "D6", "D7", "D8", "D9",
		"E1", "E2", "E3", "E4", "E5", "E6", "E7", "E8", "E9", "E10",
		"F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8", "F9", "F10", "F11", "F12", "F13", "F14", "F15",
		"G1", "G2", "G3", "G4", "G5", "G6", "G7", "G8", "G9", "G10", "G11", "G12", "G13", "G14", "G15", "G16", "G17", "G18", "G19", "G20", "G21", "G22", "G23", "G24",
	}
}

// TestRows: the annex has all rows of the doctrine, each with a title in both languages, and no other.
func TestRows(t *testing.T) {
	var ids []string
	for _, r := range decision.Rows() {
		ids = append(ids, r.ID)
		if r.Title.FR == "" || r.Title.EN == "" || (r.Human.FR == "") != (r.Human.EN == "") {
			t.Errorf("%s lacks a text: %+v", r.ID, r)
		}
	}
	if !slices.Equal(ids, rowIDs()) {
		t.Errorf("the rows are %v, the doctrine has %v", ids, rowIDs())
	}
}

// TestCoverage: a row is done only where its sources were read; what was not collected is never done.
func TestCoverage(t *testing.T) {
	stories := map[string]story{}
	for _, s := range loadStories(t) {
		stories[s.Story] = s
	}
	for name, want := range map[string]map[string]string{
		"quiet":         {"B6": decision.Done, "B8": decision.Done, "C5": decision.Done, "E2": decision.ForPeople, "D3": decision.NotApplicable, "F4": decision.NotDone, "G3": decision.Done, "B1": decision.Done},
		"not-collected": {"B8": decision.NotDone, "B2": decision.NotDone, "B6": decision.Done, "B7": decision.Partial},
		"imap-quiet":    {"C5": decision.NotApplicable, "B8": decision.Done, "B11": decision.Done, "G10": decision.NotApplicable},
		"crisis":        {"E8": decision.Partial, "D3": decision.Partial, "G12": decision.Partial},
	} {
		s := stories[name]
		d, _, _ := s.told(t)
		states := map[string]string{}
		for _, c := range d.Doctrine {
			states[c.ID] = c.State
			if c.State == "" || c.Why.FR == "" || c.Why.EN == "" {
				t.Errorf("%s: %s says nothing: %+v", name, c.ID, c)
			}
		}
		for id, state := range want {
			if states[id] != state {
				t.Errorf("%s: %s is %s, want %s", name, id, states[id], state)
			}
		}
	}
}
