package mailrule

import (
	"slices"
	"testing"
	"unicode/utf8"
)

// checkSet holds a set to what it promises whatever the source was: valid UTF-8 everywhere, places inside the source,
// sentences without controls, a score that can be computed, and rules within their bounds.
func checkSet(t *testing.T, source []byte, set Set) {
	t.Helper()
	if len(set.Rules) > maxRules {
		t.Fatalf("%d rules", len(set.Rules))
	}
	text := func(s string) {
		if !utf8.ValidString(s) {
			t.Errorf("not UTF-8: %q", s)
		}
	}
	span := func(at Span) {
		if at.Start < 0 || at.End > len(source) || at.Start > at.End {
			t.Errorf("%v is no place in %d bytes", at, len(source))
		}
	}
	values := func(list []Value) {
		for _, v := range list {
			text(v.Text)
			span(v.At)
		}
	}
	notes := func(list []Note) {
		for _, n := range list {
			text(n.Text)
			span(n.At)
		}
	}
	var walk func(c Condition)
	walk = func(c Condition) {
		values(c.Values)
		for _, n := range c.Names {
			text(n)
		}
		for _, of := range c.Of {
			walk(of)
		}
	}
	notes(set.Notes)
	for _, r := range set.Rules {
		text(r.ID)
		text(r.Name)
		span(r.At)
		notes(r.Notes)
		walk(r.Conditions)
		for _, a := range append(slices.Clip(r.Actions), r.Also...) {
			values(a.Values)
			values(a.From)
			values(a.Subject)
		}
		for _, s := range []string{r.Explains.EN, r.Explains.FR} {
			text(s)
			if slices.ContainsFunc([]rune(s), func(c rune) bool { return c < ' ' || c >= 0x7f && c < 0xa0 || c == 0x202e }) {
				t.Errorf("a sentence with controls: %q", s)
			}
		}
		s := r.Signals(ownCompany())
		if p := s.Score().Points; p < 0 || p > 100 {
			t.Errorf("%d points", p)
		}
		for _, w := range append(slices.Clip(s.Words), s.ReplyWords...) {
			text(w.Text)
			span(w.At)
		}
		if len(s.Marks()) > 40 {
			t.Errorf("marks: %q", s.Marks())
		}
	}
	set.Worst(ownCompany())
}

func FuzzSieve(f *testing.F) {
	for _, half := range []string{"design", "heldout"} {
		for _, c := range readCorpus(f, half) {
			if c.set.Dialect == Sieve {
				f.Add(c.source)
			}
		}
	}
	f.Add([]byte(`require "variables"; set "a" "xx"; set "a" "${a}${a}${a}"; if string "${a}" "${a}" { redirect "${a}${1}"; }`))
	f.Add([]byte("redirect text:\n..\n.\n;"))
	f.Add([]byte(`require "encoded-character"; redirect "${hex: ff}${unicode: 110000}${hex:";`))
	f.Fuzz(func(t *testing.T, script []byte) {
		checkSet(t, script, ParseSieve(script, SieveOptions{}))
	})
}

func FuzzGmail(f *testing.F) {
	for _, half := range []string{"design", "heldout"} {
		for _, c := range readCorpus(f, half) {
			if c.set.Dialect != Sieve {
				f.Add(c.source)
			}
		}
	}
	f.Add([]byte(`{"filter":[{"criteria":{"query":"\ud83d\ude00 \ud83d {(-\"a OR AROUND 3 from:("},"action":{"forward":"\u0000"}}]}`))
	f.Fuzz(func(t *testing.T, source []byte) {
		checkSet(t, source, ParseGmailFilters(source, GmailOptions{}))
		checkSet(t, source, ParseGmailForwarding(source))
	})
}

func FuzzQuery(f *testing.F) {
	f.Add(`from:(a OR "b c") -{d e} AROUND 3 larger:3M`)
	f.Add("subject:\u202e(")
	f.Fuzz(func(t *testing.T, query string) {
		v := sourceValue(query, 0)
		c, _ := parseQuery(v, Text)
		var walk func(c Condition, depth int)
		walk = func(c Condition, depth int) {
			if depth > 4*maxDepth {
				t.Fatal("too deep")
			}
			for _, v := range c.Values {
				if !utf8.ValidString(v.Text) || v.At.Start < 0 || v.At.End > len(query) {
					t.Errorf("%q at %v", v.Text, v.At)
				}
			}
			for _, of := range c.Of {
				walk(of, depth+1)
			}
		}
		walk(c, 0)
	})
}
