package rules

import (
	"testing"
)

// TestRules loads every rule, which refuses one that lacks a text or a test, and runs all of them.
func TestRules(t *testing.T) {
	set, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	tests, err := set.Test()
	if err != nil {
		t.Error(err)
	}
	t.Logf("%d rules, %d tests", len(set.Rules), tests)
}
