package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/mbaudit/mbaudit/findings"
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

// TestFindingsPage: findings are printed within 80 columns, what is alike once, and nothing of a mailbox moves the cursor.
func TestFindingsPage(t *testing.T) {
	hostile := "a\\b \x1b[2J\u202Efacture\r\n" + strings.Repeat("x", 300) + strings.Repeat(" many words", 60)
	r := &findings.Result{Outcomes: []findings.Outcome{{Account: "alice@example.test", State: findings.Unknown, Missing: []findings.Missing{{What: map[string]string{"en": "who", "fr": "qui"}, Source: "acl", Reason: hostile}}}},
		ThirdParty: []findings.ThirdParty{{Title: hostile, ID: "x", Author: hostile, Account: "alice@example.test", Count: 3}}}
	for i := range 12 {
		r.Findings = append(r.Findings, &findings.Finding{ID: fmt.Sprintf("F-%010d", i), Title: map[string]string{"en": "A filter hides mail", "fr": "Un filtre cache du courrier"}, Grade: findings.Confirmed,
			Account: "alice@example.test", Subject: hostile, Examined: true, Count: 2, Observed: []*findings.Observation{{Exhibit: "P-000042", Locator: hostile}}})
	}
	for language, alike := range map[string]string{"fr": "et 11 du même genre : F-0000000001", "en": "and 11 alike: F-0000000001"} {
		var out bytes.Buffer
		printFindings(&terminal{stdout: &out}, language, r)
		if !strings.Contains(out.String(), alike) || strings.Count(out.String(), "P-000042") != 1 || !strings.Contains(out.String(), `a\\b`) || strings.Contains(out.String(), `a\\\\b`) {
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
