package rules

import (
	"strings"
	"testing"
	"testing/fstest"
)

// TestRules loads every rule, which refuses one that lacks a text or a test, and runs all their tests.
func TestRules(t *testing.T) {
	set, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	tests, err := set.Test()
	if err != nil {
		t.Error(err)
	}
	serving, base := 0, map[string]bool{}
	for _, r := range set.Rules {
		if r.Serves() {
			serving++
		}
		if r.Correlation != nil {
			for _, name := range r.Correlation.Rules {
				base[name] = true
			}
		}
	}
	for _, r := range set.Rules {
		if r.Serves() && !base[r.Name] {
			t.Errorf("%s serves no other rule", r.Name)
		}
	}
	t.Logf("%d rules, of which %d serve others only, %d tests", len(set.Rules), serving, tests)
}

const good = `title: T
name: n
id: 00000000-0000-0000-0000-000000000001
tags: [attack.t1114.003]
logsource: {product: mbaudit, category: gmail_filter}
detection: {s: {does: forward}, condition: s}
mbaudit:
  class: forwarding
  grade: check
  strength: weak
  fr: {title: T, means: m, question: q}
  en: {means: m, question: q}
tests:
  - {name: yes, expect: true, fact: {does: [forward]}}
  - {name: no, expect: false, fact: {does: [delete]}}
`

func files1(rule string) fstest.MapFS {
	return fstest.MapFS{"a.yml": {Data: []byte(rule)},
		"sources.yml": {Data: []byte("- {category: gmail_filter, resources: [gmail/filters], en: e, fr: f}\n")},
		"attack.yml":  {Data: []byte("version: \"19\"\naliases: {}\ntechniques: {T1114.003: x}\n")}}
}

// TestRefusals: a rule that lacks something is refused, and its test that does not give what it expects is said.
func TestRefusals(t *testing.T) {
	if _, err := load(files1(good)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"no positive test":  {"expect: true", "expect: false", "a positive or a negative test"},
		"no negative test":  {"expect: false", "expect: true", "a positive or a negative test"},
		"no question":       {"means: m, question: q}\n  en", "means: m}\n  en", "lacks means or question"},
		"no English":        {"en: {means: m, question: q}", "en: {means: m}", "lacks means or question"},
		"no French title":   {"fr: {title: T, ", "fr: {", "French title"},
		"no class":          {"class: forwarding", "class: other", "no class"},
		"no grade":          {"grade: check", "grade: confirmed", "no grade"},
		"no strength":       {"strength: weak", "strength: huge", "no strength"},
		"no technique":      {"tags: [attack.t1114.003]\n", "", "no ATT&CK technique"},
		"unknown technique": {"t1114.003", "t9999", "attack.yml does not have T9999"},
		"unknown source":    {"gmail_filter", "gmail_label", "sources.yml has no"},
		"unknown kind":      {"gmail_filter", "nothing", "no kind of facts"},
		"typing error":      {"strength: weak", "strenght: weak", "strenght"},
		"no id":             {"id: 00000000-0000-0000-0000-000000000001\n", "", "UUID"},
		"unknown need":      {"strength: weak", "strength: weak\n  needs: [luck]", "no need"},
		"not Sigma":         {"does: forward", "does|expand: forward", "not supported"},
	} {
		rule := strings.Replace(good, c.old, c.new, 1)
		if rule == good {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := load(files1(rule)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := load(files1(good + "---\n" + good)); err == nil || !strings.Contains(err.Error(), "another's too") {
		t.Errorf("the same name twice: %v", err)
	}
	set, err := load(files1(strings.Replace(good, "fact: {does: [forward]}", "fact: {does: [label]}", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if tests, err := set.Test(); tests != 2 || err == nil || !strings.Contains(err.Error(), `test "yes"`) {
		t.Errorf("a test that fails: %d, %v", tests, err)
	}
}
