package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/mbaudit/mbaudit/findings/decision"
)

// TestDecisionPage: whatever a mailbox holds, a decision is printed within 80 columns and moves no cursor, in both languages.
func TestDecisionPage(t *testing.T) {
	hostile := decision.Text{FR: "\x1b[2J\u202Efacture\r\n" + strings.Repeat("x", 300), EN: "\x1b]0;title\x07" + strings.Repeat("long words ", 40)}
	at := time.Date(2026, 10, 15, 8, 0, 0, 0, time.UTC)
	axis := decision.Axis{Established: 1, Possible: 3, Name: decision.Text{FR: "Confirmation", EN: "Confirmation"}, Word: decision.Text{FR: "avérée", EN: "confirmed"}, Best: "01JDCTZ0000000000000000000/P-000042",
		Grounds: []decision.Ground{{Text: hostile}}, Open: []decision.Ground{{Text: hostile}}}
	d := &decision.Decision{Case: "2026-0042\x1b[31m", Accounts: []string{"alice@example.test"}, Level: decision.Minor, Possible: decision.Crisis, InForce: decision.Major,
		Rule: decision.Rules()[2], Worst: decision.Rules()[0], If: []decision.Text{hostile}, Confirmation: axis, Scope: axis, Impact: axis, Urgency: axis,
		Override: &decision.Override{Level: decision.Major, By: "M\x1b[0m", Reason: hostile.EN, At: at, Seq: 7}, Story: decision.Story{What: hostile, First: at, Last: at},
		Clocks: []decision.Clock{{ID: "complaint", Name: hostile, Ends: at, State: "running"}}, Unknowns: []decision.NotKnown{{Text: hostile, Account: "alice\u202E@example.test", Expires: at}},
		Change: &decision.Change{Since: at, Text: []decision.Text{hostile}}, Sensitive: []decision.Sensitive{{Account: "alice@example.test", Why: hostile}}}
	for language, title := range map[string]string{"fr": "NIVEAU ÉTABLI", "en": "LEVEL ESTABLISHED"} {
		var out bytes.Buffer
		printDecision(&terminal{stdout: &out}, language, d)
		if !strings.Contains(out.String(), title) || !strings.Contains(out.String(), "P-000042") {
			t.Errorf("%s: %s", language, out.String())
		}
		for line := range strings.Lines(out.String()) {
			if text := strings.TrimSuffix(line, "\n"); utf8.RuneCountInString(text) > pageWidth || strings.ContainsAny(text, "\x1b\r\x07\u202E") {
				t.Errorf("%s: %d columns: %q", language, utf8.RuneCountInString(text), text)
			}
		}
	}
}

// TestQuestionnaireLine: of a line one answer is taken; none is none, and two are refused.
func TestQuestionnaireLine(t *testing.T) {
	for rest, want := range map[string]string{"[ ] recognised [x] not recognised [ ] do not know | [x] recognised": "not recognised", "[ ] recognised [ ] not recognised": "", "reconnu": "recognised", "": "",
		"[X] ne sait pas": "does not know"} {
		if got, err := chosen("F-0000000000", rest); err != nil || got != want {
			t.Errorf("%q: %q, %v", rest, got, err)
		}
	}
	for _, rest := range []string{"[x] recognised [x] not recognised", "[x] perhaps", "maybe"} {
		if got, err := chosen("F-0000000000", rest); err == nil {
			t.Errorf("%q is taken for %q", rest, got)
		}
	}
}
