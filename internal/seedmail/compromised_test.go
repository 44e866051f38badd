package seedmail_test

import (
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/internal/seedmail"
)

// TestCompromisedLater: told in other weeks, the story has the same messages with the dates of those days, in headers and texts.
func TestCompromisedLater(t *testing.T) {
	const weeks = 5
	before, after := seedmail.Compromised(), seedmail.CompromisedLater(weeks)
	if len(before) != len(after) {
		t.Fatalf("%d messages, and %d later", len(before), len(after))
	}
	for i, m := range after {
		if want := before[i].InternalDate.AddDate(0, 0, 7*weeks); !m.InternalDate.Equal(want) {
			t.Errorf("message %d is of %s, not %s", i, m.InternalDate, want)
		}
		if raw := string(m.Raw); strings.Contains(raw, "octobre 2026, ") || strings.Contains(raw, "Oct 2026") && m.InternalDate.Month() > 10 {
			t.Errorf("message %d is told in %s and speaks of October:\n%s", i, m.InternalDate.Month(), raw)
		}
	}
}
