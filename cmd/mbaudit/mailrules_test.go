package main

import (
	"slices"
	"testing"

	"github.com/mbaudit/mbaudit/findings/facts"
)

// TestMailRules puts rules into the words of facts.
func TestMailRules(t *testing.T) {
	read := mailRules()
	filter := `{"id":"f1","criteria":{"subject":"facture OR IBAN"},"action":{"addLabelIds":["TRASH"],"removeLabelIds":["INBOX","UNREAD"],"forward":"x@example.net"}}`
	all, err := read.Filter([]byte(filter))
	if err != nil {
		t.Fatal(err)
	}
	deed := func(action string) *facts.Meaning {
		i := slices.IndexFunc(all, func(m facts.Meaning) bool { return m.Action == action })
		if i < 0 {
			t.Fatalf("%s is not among %+v", action, all)
		}
		return &all[i]
	}
	if m := deed("forward"); !slices.Equal(m.Targets, []string{"x@example.net"}) || !m.Active || m.All {
		t.Errorf("forward: %+v", m)
	}
	if m := deed("delete"); !slices.Contains(m.Topics, "money") || len(m.Words) == 0 || m.Summary == "" || m.Locator == "" {
		t.Errorf("delete: %+v", m)
	}
	all, err = read.Script([]byte(`redirect :copy "x@example.net";`))
	if m := deed("forward"); err != nil || !m.All || !m.Local {
		t.Errorf("copy of everything: %+v, %v", m, err)
	}
	if all, err = read.Script([]byte("if {{{")); err == nil {
		t.Errorf("a script that cannot be read is %+v", all)
	}
}
