package mailrule

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// corpusDir is shared with the packages that grade rules.
var corpusDir = filepath.Join("..", "..", "testdata", "mailrules")

// corpusCase is one file of the corpus: what it is, and what its author says that it does.
type corpusCase struct {
	name, about string
	class       Verdict
	expect      []string
	set         Set
	source      []byte
}

func ownCompany() Context {
	return Context{Own: []string{"alice@corp.example"}, External: func(address string) Answer {
		_, domain, ok := strings.Cut(address, "@")
		switch {
		case !ok:
			return DontKnow
		case domain == "corp.example", strings.HasSuffix(domain, ".corp.example"):
			return No
		}
		return Yes
	}}
}

// readCorpus reads one half of the corpus: "design" was written before the code was done, "heldout" after it was frozen.
func readCorpus(t testing.TB, half string) []corpusCase {
	t.Helper()
	var cases []corpusCase
	for _, kind := range []string{"gmail", "sieve"} {
		files, err := filepath.Glob(filepath.Join(corpusDir, kind, half, "*"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no corpus in %s/%s: %v", kind, half, err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c := gmailCase
			if kind == "sieve" {
				c = sieveCase
			}
			got := c(t, source)
			got.name = kind + "/" + filepath.Base(file)
			cases = append(cases, got)
		}
	}
	return cases
}

func gmailCase(t testing.TB, source []byte) corpusCase {
	t.Helper()
	var doc struct {
		About  string
		Class  Verdict
		Expect []string
		Labels map[string]string
		Source json.RawMessage
	}
	if err := json.Unmarshal(source, &doc); err != nil {
		t.Fatal(err)
	}
	c := corpusCase{about: doc.About, class: doc.Class, expect: doc.Expect, source: doc.Source}
	if strings.Contains(string(doc.Source), "disposition") {
		c.set = ParseGmailForwarding(doc.Source)
		return c
	}
	c.set = ParseGmailFilters(doc.Source, GmailOptions{Label: func(id string) (string, bool) {
		name, ok := doc.Labels[id]
		return name, ok
	}})
	return c
}

func sieveCase(_ testing.TB, source []byte) corpusCase {
	c := corpusCase{source: source, set: ParseSieve(source, SieveOptions{Include: includedScript})}
	for line := range strings.Lines(string(source)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "# about":
			c.about = value
		case "# class":
			c.class = Verdict(value)
		case "# expect":
			c.expect = strings.Fields(value)
		}
	}
	return c
}

func includedScript(_, name string) ([]byte, bool) {
	script, err := os.ReadFile(filepath.Join(corpusDir, "sieve", "included", name+".sieve"))
	return script, err == nil
}

// marks is the union over the rules of a set, without those that only tell bulk mail and domains.
func (c corpusCase) marks() []string {
	var out []string
	for _, r := range c.set.Rules {
		for _, m := range r.Signals(ownCompany()).Marks() {
			if !slices.Contains(out, m) {
				out = append(out, m)
			}
		}
	}
	slices.Sort(out)
	return out
}

// tally counts right and wrong answers.
type tally struct{ right, wrong, missed int }

func (t *tally) add(want, got bool) {
	switch {
	case want && got:
		t.right++
	case got:
		t.wrong++
	case want:
		t.missed++
	}
}

func (t tally) precision() float64 { return float64(t.right) / float64(max(1, t.right+t.wrong)) }
func (t tally) recall() float64    { return float64(t.right) / float64(max(1, t.right+t.missed)) }

// TestCorpus measures both halves. The limits: of the design half everything hostile must be seen as more than benign, for
// a missed intruder costs more than a question to the mailbox's owner, and at most one rule in twenty that is asked
// about may be harmless. The held-out half may be a tenth worse, since its author had not seen what the code knows.
func TestCorpus(t *testing.T) {
	for _, half := range []struct {
		name                     string
		precision, recall, marks float64
	}{{"design", 0.95, 1, 0.95}, {"heldout", 0.85, 0.9, 0.85}} {
		t.Run(half.name, func(t *testing.T) {
			var asked, hostile, marks tally
			exact, classes := 0, 0
			cases := readCorpus(t, half.name)
			for _, c := range cases {
				_, score := c.set.Worst(ownCompany())
				asked.add(c.class != Benign, score.Verdict != Benign)
				hostile.add(c.class == Hostile, score.Verdict == Hostile)
				if score.Verdict == c.class {
					classes++
				} else {
					t.Logf("%s (%s): expected %s, and it is %s", c.name, c.about, c.class, score)
				}
				got := c.marks()
				for _, m := range got {
					marks.add(slices.Contains(c.expect, m), true)
				}
				for _, m := range c.expect {
					if !slices.Contains(got, m) {
						marks.missed++
					}
				}
				if slices.Equal(got, c.expect) {
					exact++
				} else {
					t.Logf("%s: expected %v, got %v", c.name, c.expect, got)
				}
			}
			t.Logf("%s: %d cases; hostile or notable: precision %.3f, recall %.3f; hostile: precision %.3f, recall %.3f; class as expected %d; marks: precision %.3f, recall %.3f, all as expected in %d",
				half.name, len(cases), asked.precision(), asked.recall(), hostile.precision(), hostile.recall(), classes, marks.precision(), marks.recall(), exact)
			if asked.precision() < half.precision || asked.recall() < half.recall {
				t.Errorf("precision %.3f and recall %.3f; at least %.2f and %.2f are wanted", asked.precision(), asked.recall(), half.precision, half.recall)
			}
			if marks.precision() < half.marks || marks.recall() < half.marks {
				t.Errorf("marks: precision %.3f and recall %.3f; at least %.2f is wanted", marks.precision(), marks.recall(), half.marks)
			}
		})
	}
}
