package sigma

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// An event for tests.
type values map[string][]string

func (v values) Values(field string) ([]string, bool) {
	texts, ok := v[field]
	return texts, ok
}

func (v values) Texts(yield func(string) bool) {
	for _, texts := range v {
		for _, text := range texts {
			if !yield(text) {
				return
			}
		}
	}
}

func one(t *testing.T, detection string) *Rule {
	t.Helper()
	rules, err := Parse([]byte("title: test\nlogsource: {product: x}\ndetection:\n" + detection))
	if err != nil {
		t.Fatalf("%v\n%s", err, detection)
	}
	return rules[0]
}

// TestModifiers holds each way of comparing against values that match and that do not.
func TestModifiers(t *testing.T) {
	for _, c := range []struct {
		line     string
		yes, not []string
	}{
		{`f: Abc`, []string{"abc", "ABC"}, []string{"abcd", "xabc", ""}},
		{`f|cased: Abc`, []string{"Abc"}, []string{"abc"}},
		{`f: a*c`, []string{"ac", "AbbC"}, []string{"acx", "bac"}},
		{`f: a?c`, []string{"abc", "aéc"}, []string{"ac", "abbc"}},
		{`f: 'a\*c'`, []string{"a*c"}, []string{"abc"}},
		{`f: 'a\\*'`, []string{`a\`, `a\b`}, []string{"a*"}},
		{`f: 'C:\Windows'`, []string{`c:\windows`}, []string{"c:windows"}},
		{`f|contains: b`, []string{"abc", "b"}, []string{"ac"}},
		{`f|contains: 'b*d'`, []string{"abxd", "bd"}, []string{"db"}},
		{`f|startswith: [a, x]`, []string{"abc", "xyz"}, []string{"ba"}},
		{`f|endswith: c`, []string{"abc"}, []string{"cab"}},
		{`f|contains|all: [a, c]`, []string{"xcxax"}, []string{"a", "c"}},
		{`f|all|contains: [a, c]`, []string{"xcxax"}, []string{"a"}},
		{`f|re: '^a.c$'`, []string{"abc"}, []string{"ABC", "xabc"}},
		{`f|re|i: '^a.c$'`, []string{"ABC"}, []string{"abcd"}},
		{`f|gte: 10`, []string{"10", "11.5"}, []string{"9", "text", ""}},
		{`f|gt: 10`, []string{"11"}, []string{"10"}},
		{`f|lt: 10`, []string{"9", "-1"}, []string{"10"}},
		{`f|lte: 10`, []string{"10"}, []string{"11"}},
		{`f|cidr: 203.0.113.0/24`, []string{"203.0.113.7", "::ffff:203.0.113.7"}, []string{"203.0.114.7", "text"}},
		{`f|neq: a`, []string{"b"}, []string{"a", "A"}},
		{`f: 7`, []string{"7"}, []string{"8"}},
		{`f: true`, []string{"true"}, []string{"false"}},
		{`f: ''`, []string{""}, []string{"a"}},
		{`f|base64: abc`, []string{"YWJj"}, []string{"ywjj", "YWJjZA=="}},
		{`f|base64offset|contains: /bin/bash`, []string{"xxL2Jpbi9iYXNoyy", "xxvYmluL2Jhc2xx", "YmluL2Jhc2"}, []string{"nothing"}},
	} {
		if strings.Contains(c.line, "base64offset") {
			c.yes = []string{"eL2Jpbi9iYXNo", "xvYmluL2Jhc2"}
		}
		r := one(t, "  s:\n    "+c.line+"\n  condition: s\n")
		for _, text := range c.yes {
			if !r.Match(values{"f": {text}}) {
				t.Errorf("%s does not match %q", c.line, text)
			}
		}
		for _, text := range c.not {
			if r.Match(values{"f": {text}}) {
				t.Errorf("%s matches %q", c.line, text)
			}
		}
	}
}

func TestConditions(t *testing.T) {
	const selections = "  a1: {f: 1}\n  a2: {g: 2}\n  b: [{f: 3}, {g: 3}]\n  _c: {f: 9}\n  k: [needle, '*pin']\n  n: {f: null}\n  x: {g|exists: true}\n"
	for _, c := range []struct {
		condition string
		event     values
		want      bool
	}{
		{"a1 and a2", values{"f": {"1"}, "g": {"2"}}, true},
		{"a1 and a2", values{"f": {"1"}}, false},
		{"a1 or a2 and b", values{"f": {"1"}}, true},
		{"(a1 or a2) and b", values{"f": {"1"}}, false},
		{"not a1", values{"f": {"2"}}, true},
		{"not not a1", values{"f": {"1"}}, true},
		{"1 of a*", values{"g": {"2"}}, true},
		{"all of a*", values{"g": {"2"}}, false},
		{"1 of them", values{"f": {"9"}}, false},
		{"2 of a*", values{"f": {"1"}, "g": {"2"}}, true},
		{"b", values{"g": {"3"}}, true},
		{"k", values{"z": {"a NEEDLE in hay"}}, true},
		{"k", values{"z": {"hay"}}, false},
		{"n", values{"g": {"1"}}, true},
		{"n", values{"f": {"1"}}, false},
		{"x", values{"g": {""}}, true},
		{"a1", values{"f": {"7", "1"}}, true},
		{"a1 AND NOT a2", values{"f": {"1"}}, true},
	} {
		list := selections
		if c.condition == "1 of them" {
			list = "  a1: {f: 1}\n  _c: {f: 9}\n"
		}
		r := one(t, list+"  condition: "+c.condition+"\n")
		if got := r.Match(c.event); got != c.want {
			t.Errorf("%s of %v: %t", c.condition, c.event, got)
		}
	}
}

// TestFieldsFold: a rule that writes protoPayload.Servicename must not load, never fire, and raise no error.
func TestFieldsFold(t *testing.T) {
	r := one(t, "  s: {protoPayload.Servicename: login.googleapis.com}\n  condition: s\n")
	if !r.Match(values{"protopayload.servicename": {"login.googleapis.com"}}) {
		t.Error("names of fields are compared with their case")
	}
	if got := r.Fields(values{"protopayload.servicename": {"login.googleapis.com"}}); !slices.Equal(got, []string{"protopayload.servicename"}) {
		t.Errorf("explained by %v", got)
	}
}

// TestRefusals: what is not understood is said, and never evaluated in part.
func TestRefusals(t *testing.T) {
	for text, unsupported := range map[string]bool{
		"  s: {f|expand: '%x%'}\n  condition: s\n":              true,
		"  s: {f|utf16: x}\n  condition: s\n":                   true,
		"  s: {f: x}\n  condition: s | count() > 5\n":           true,
		"  s: {f: x}\n  timeframe: 5m\n  condition: s\n":        true,
		"  s: {f: x}\n  condition: t\n":                         false,
		"  s: {f: x}\n  condition: s and\n":                     false,
		"  s: {f: x}\n  condition: (s\n":                        false,
		"  s: {f: x}\n  condition: s s\n":                       false,
		"  s: {f: x}\n  condition: 1 of y*\n":                   false,
		"  s: {f: x}\n":                                         false,
		"  condition: s\n":                                      false,
		"  s: {f|re: '('}\n  condition: s\n":                    false,
		"  s: {f|gt: x}\n  condition: s\n":                      false,
		"  s: {f|cidr: x}\n  condition: s\n":                    false,
		"  s: {f|startswith|endswith: x}\n  condition: s\n":     false,
		"  s: {f: {g: x}}\n  condition: s\n":                    false,
		"  s: {}\n  condition: s\n":                             false,
		"  s: {f: x}\n  condition: " + strings.Repeat("(", 200): false,
	} {
		rules, err := Parse([]byte("title: test\nlogsource: {product: x}\ndetection:\n" + text))
		if err == nil || len(rules) > 0 || errors.Is(err, ErrUnsupported) != unsupported {
			t.Errorf("%s%d rules, %v", text, len(rules), err)
		}
	}
	if _, err := Parse(make([]byte, MaxFile+1)); err == nil {
		t.Error("a file of any size is read")
	}
	if _, err := Parse([]byte("title: x\ncorrelation: {type: value_percentile, rules: [a], timespan: 5m}\n")); !errors.Is(err, ErrUnsupported) {
		t.Errorf("an unknown correlation: %v", err)
	}
}

// add is one event for a correlation.
type add struct {
	rule   string
	minute int
	group  string
	value  string
}

func run(t *testing.T, text string, events []add) (fired []int) {
	t.Helper()
	rules, err := Parse([]byte("title: test\ncorrelation:\n" + text))
	if err != nil {
		t.Fatal(err)
	}
	c := NewCorrelator[int](rules[0].Correlation)
	start := time.Date(2026, 10, 12, 7, 0, 0, 0, time.UTC)
	for i, e := range events {
		if all, ok := c.Add(e.rule, values{"g": {e.group}, "v": {e.value}}, start.Add(time.Duration(e.minute)*time.Minute), []int{i}); ok {
			fired = append(fired, i)
			if all[len(all)-1] != i {
				t.Errorf("the event that completes it is not its last: %v", all)
			}
		}
	}
	return fired
}

func TestCorrelations(t *testing.T) {
	const count = "  type: event_count\n  rules: [a]\n  group-by: [g]\n  timespan: 10m\n  condition: {gte: 3}\n"
	const distinct = "  type: value_count\n  rules: [a]\n  group-by: [g]\n  timespan: 10m\n  condition: {gte: 3, field: v}\n"
	const together = "  type: temporal\n  rules: [a, b]\n  group-by: [g]\n  timespan: 10m\n"
	const ordered = "  type: temporal_ordered\n  rules: [a, b, a]\n  group-by: [g]\n  timespan: 10m\n"
	for name, c := range map[string]struct {
		text   string
		events []add
		want   []int
	}{
		"count":             {count, []add{{"a", 0, "x", ""}, {"a", 1, "x", ""}, {"a", 2, "x", ""}, {"a", 3, "x", ""}}, []int{2, 3}},
		"count too slow":    {count, []add{{"a", 0, "x", ""}, {"a", 6, "x", ""}, {"a", 12, "x", ""}}, nil},
		"count two groups":  {count, []add{{"a", 0, "x", ""}, {"a", 1, "y", ""}, {"a", 2, "x", ""}, {"a", 3, "y", ""}}, nil},
		"distinct":          {distinct, []add{{"a", 0, "x", "1"}, {"a", 1, "x", "2"}, {"a", 2, "x", "2"}, {"a", 3, "x", "3"}}, []int{3}},
		"distinct expired":  {distinct, []add{{"a", 0, "x", "1"}, {"a", 11, "x", "2"}, {"a", 12, "x", "3"}}, nil},
		"together":          {together, []add{{"b", 0, "x", ""}, {"a", 1, "x", ""}}, []int{1}},
		"together too late": {together, []add{{"b", 0, "x", ""}, {"a", 11, "x", ""}}, nil},
		"ordered":           {ordered, []add{{"a", 0, "x", ""}, {"b", 1, "x", ""}, {"a", 2, "x", ""}}, []int{2}},
		"one event twice":   {ordered, []add{{"a", 0, "x", ""}, {"a", 1, "x", ""}}, nil},
		"wrong order":       {ordered, []add{{"b", 0, "x", ""}, {"a", 1, "x", ""}, {"a", 2, "x", ""}}, nil},
		"no group":          {count, []add{{"a", 0, "", ""}, {"a", 1, "", ""}, {"a", 2, "", ""}}, nil},
	} {
		if got := run(t, c.text, c.events); !slices.Equal(got, c.want) {
			t.Errorf("%s: fired at %v, want %v", name, got, c.want)
		}
	}
}

// TestCorrelationIsBounded: groups that are over make room, and of a group no more is kept than the condition needs.
func TestCorrelationIsBounded(t *testing.T) {
	rules, err := Parse([]byte("title: t\ncorrelation: {type: event_count, rules: [a], group-by: [g], timespan: 1m, condition: {gte: 3}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	c := NewCorrelator[int](rules[0].Correlation)
	c.most = 10
	for i := range 10_000 {
		c.Add("a", values{"g": {fmt.Sprint(i / 5)}}, time.Unix(int64(i)*30, 0), []int{i})
	}
	if len(c.groups) > 10 {
		t.Errorf("%d groups are remembered", len(c.groups))
	}
	for _, g := range c.groups {
		if len(g.recent) > 3 {
			t.Errorf("%d events of a group are remembered", len(g.recent))
		}
	}
}

// FuzzParse: no file stops the reader, and what loads can be evaluated.
func FuzzParse(f *testing.F) {
	f.Add("title: t\nlogsource: {product: x}\ndetection:\n  s: {f|contains|all: [a, 'b*']}\n  condition: 1 of s* and not s\n", "abc")
	f.Add("title: t\ncorrelation: {type: temporal_ordered, rules: [a, b], timespan: 5m}\n", "")
	f.Add("title: t\ndetection: &a\n  s: {f|re|i: '(a+)+$'}\n  condition: s\n---\ntitle: u\ndetection: {s: [a, b], condition: [s, not s]}\n", "aaaaaaaaaaaaaaaaaaaaaaaaaaa!")
	f.Fuzz(func(t *testing.T, text, value string) {
		rules, err := Parse([]byte(text))
		if err != nil && err.Error() == "" {
			t.Error("an error says nothing")
		}
		for _, r := range rules {
			if r.Match(values{"f": {value}}) && r.Correlation != nil {
				t.Error("a correlation holds for one event")
			}
			r.Fields(values{"f": {value}})
		}
	})
}

// TestDemands: what a rule demands of a field is no more than what it needs in order to hold.
func TestDemands(t *testing.T) {
	for _, c := range []struct {
		detection string
		words     []string // nil: any text will do
	}{
		{"  s: {f: [Abc, d]}\n  condition: s\n", []string{"abc", "d"}},
		{"  s: {f: Abc, g: x}\n  condition: s\n", []string{"abc"}},
		{"  s: [{f: a}, {f: b}]\n  condition: s\n", []string{"a", "b"}},
		{"  s: [{f: a}, {g: b}]\n  condition: s\n", nil},
		{"  s: {f: a}\n  x: {g: b}\n  condition: s and not x\n", []string{"a"}},
		{"  s: {f: a}\n  x: {f: b}\n  condition: s or x\n", []string{"a", "b"}},
		{"  s: {f: a}\n  x: {g: b}\n  condition: s or x\n", nil},
		{"  s: {f: a}\n  x: {g: b}\n  condition: all of them\n", []string{"a"}},
		{"  s1: {f: a}\n  s2: {f: b}\n  condition: 1 of s*\n", []string{"a", "b"}},
		{"  s1: {f: a}\n  s2: {g: b}\n  condition: 1 of s*\n", nil},
		{"  s: {f: a}\n  condition: not s\n", nil},
		{"  s: {f: [a, 'b*']}\n  condition: s\n", nil},
		{"  s: {f|contains: a}\n  condition: s\n", nil},
		{"  s: {f|neq: a}\n  condition: s\n", nil},
		{"  s: {f: [a, null]}\n  condition: s\n", nil},
		{"  s: {f|re: a}\n  condition: s\n", nil},
		{"  s: [a, b]\n  condition: s\n", nil},
	} {
		words, ok := one(t, c.detection).Demands("f")
		if ok != (c.words != nil) || ok && !slices.Equal(words, c.words) {
			t.Errorf("%s demands %q, %t", c.detection, words, ok)
		}
	}
}
