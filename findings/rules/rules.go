package rules

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/findings/sigma"
)

//go:embed *.yml
var files embed.FS

// Product is what our rules' logsources have as their product.
const Product = "mbaudit"

// A Rule is one of ours.
type Rule struct {
	*sigma.Rule
	About About
	Tests []Test
	File  string
}

// An About is a rule's block mbaudit.
type About struct {
	Class    string   `yaml:"class"`
	Grade    string   `yaml:"grade"`
	Strength string   `yaml:"strength"`
	Subject  []string `yaml:"subject"`
	Pair     string   `yaml:"pair"`
	Needs    []string `yaml:"needs"`
	FR       Texts    `yaml:"fr"`
	EN       Texts    `yaml:"en"`
}

// Texts are a rule's texts in one language.
type Texts struct {
	Title    string `yaml:"title" json:"title"`
	Means    string `yaml:"means" json:"means"`
	Question string `yaml:"question" json:"question"`
	Gap      string `yaml:"gap" json:"gap"`
}

// A Test is a fact, or of a correlation several, and whether the rule holds.
type Test struct {
	Name   string
	Expect bool
	Facts  []*facts.Fact
}

// Serves says that the rule is there for others only.
func (r *Rule) Serves() bool { return r.About.Grade == "none" }

// Classes lists the classes of findings.
func Classes() []string {
	return []string{"forwarding", "hiding", "delegation", "credential", "application", "access", "exfiltration", "deletion", "fraud", "privilege", "impairment",
		"notice", "posture", "service"}
}

// A Set is all rules, in the order of their names, with what they need.
type Set struct {
	Rules   []*Rule
	Sources []Source
	Attack  Attack
	byKey   map[string]*Rule
}

// A Source says which resources a kind of facts is read from, and what is not known without them.
type Source struct {
	Category  string   `yaml:"category"`
	Service   string   `yaml:"service"`
	Resources []string `yaml:"resources"` // names, or beginnings of names followed by "*"
	EN        string   `yaml:"en"`
	FR        string   `yaml:"fr"`
}

// Attack says of which version of ATT&CK the techniques are, and what those of other versions are called in it.
type Attack struct {
	Version    string            `yaml:"version" json:"version"`
	Aliases    map[string]string `yaml:"aliases" json:"aliases"`
	Techniques map[string]string `yaml:"techniques" json:"techniques"`
}

// Current gives the technique's id in this version.
func (a *Attack) Current(id string) string {
	if now, ok := a.Aliases[id]; ok {
		return now
	}
	return id
}

// Load reads the rules that the program has. An error is a fault of theirs.
func Load() (*Set, error) { return load(files) }

func load(from fs.FS) (*Set, error) {
	names, err := fs.Glob(from, "*.yml")
	if err != nil {
		return nil, err
	}
	s := &Set{byKey: map[string]*Rule{}}
	var all []error
	for _, name := range names {
		data, err := fs.ReadFile(from, name)
		if err != nil {
			return nil, err
		}
		switch name {
		case "sources.yml":
			err = strict(data, &s.Sources)
		case "attack.yml":
			err = strict(data, &s.Attack)
		default:
			err = s.add(name, data)
		}
		if err != nil {
			all = append(all, fmt.Errorf("%s: %w", name, err))
		}
	}
	slices.SortFunc(s.Rules, func(a, b *Rule) int { return strings.Compare(a.Name, b.Name) })
	for _, r := range s.Rules {
		if err := s.check(r); err != nil {
			all = append(all, fmt.Errorf("%s: rule %s: %w", r.File, r.Name, err))
		}
	}
	return s, errors.Join(all...)
}

func strict(data []byte, v any) error {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	return dec.Decode(v)
}

// add reads a file of rules.
func (s *Set) add(name string, data []byte) error {
	parsed, err := sigma.Parse(data)
	if err != nil {
		return err
	}
	for _, p := range parsed {
		r := &Rule{Rule: p, File: path.Base(name)}
		if err := r.own(); err != nil {
			return fmt.Errorf("rule %q: %w", p.Title, err)
		}
		if s.byKey[p.Name] != nil || s.byKey[p.ID] != nil {
			return fmt.Errorf("rule %q: its name or id is another's too", p.Title)
		}
		s.byKey[p.Name], s.byKey[p.ID] = r, r
		s.Rules = append(s.Rules, r)
	}
	return nil
}

// own reads the blocks that are not Sigma's.
func (r *Rule) own() error {
	about, tests := r.Own["mbaudit"], r.Own["tests"]
	data, err := yaml.Marshal(&about)
	if err != nil {
		return err
	}
	if err := strict(data, &r.About); err != nil {
		return fmt.Errorf("mbaudit: %w", err)
	}
	var list []struct {
		Name   string
		Expect bool
		Fact   map[string]any
		Facts  []map[string]any
	}
	if err := tests.Decode(&list); err != nil {
		return fmt.Errorf("tests: %w", err)
	}
	for _, t := range list {
		test := Test{Name: t.Name, Expect: t.Expect}
		if t.Fact != nil {
			t.Facts = append(t.Facts, t.Fact)
		}
		for _, fields := range t.Facts {
			f, err := r.testFact(fields)
			if err != nil {
				return fmt.Errorf("test %q: %w", t.Name, err)
			}
			test.Facts = append(test.Facts, f)
		}
		r.Tests = append(r.Tests, test)
	}
	return nil
}

// testFact makes a fact of a test's fields. kind, service, account and time are not fields but the fact's own.
func (r *Rule) testFact(doc map[string]any) (*facts.Fact, error) {
	f := &facts.Fact{Kind: r.Logsource.Category, Account: "alice@example.test", Exhibit: "P-000001", Bundle: "test"}
	if r.Logsource.Service != "" {
		doc["event.service"] = r.Logsource.Service
	}
	for name, value := range doc {
		text, _ := value.(string)
		switch name {
		case "kind":
			f.Kind = text
		case "account":
			f.Account = text
		case "service":
			doc["event.service"] = text
		case "time":
			at, err := testTime(value)
			if err != nil {
				return nil, err
			}
			f.Time = at
		default:
			continue
		}
		delete(doc, name)
	}
	fields, err := facts.FieldsOf(doc)
	f.Fields = fields
	return f, err
}

func testTime(value any) (time.Time, error) {
	if at, ok := value.(time.Time); ok {
		return at.UTC(), nil
	}
	text, _ := value.(string)
	return time.Parse(time.RFC3339, text)
}

// check says what of a rule is missing.
func (s *Set) check(r *Rule) error {
	positive := slices.ContainsFunc(r.Tests, func(t Test) bool { return t.Expect })
	negative := slices.ContainsFunc(r.Tests, func(t Test) bool { return !t.Expect })
	switch {
	case r.Name == "" || len(r.ID) != 36:
		return errors.New("it has no name, or no UUID as its id")
	case !positive || !negative:
		return errors.New("it lacks a positive or a negative test")
	case !slices.Contains(Classes(), r.About.Class):
		return fmt.Errorf("there is no class %q", r.About.Class)
	case !slices.Contains([]string{"probable", "check", "context", "none"}, r.About.Grade):
		return fmt.Errorf("there is no grade %q", r.About.Grade)
	case !slices.Contains([]string{"strong", "medium", "weak"}, r.About.Strength):
		return fmt.Errorf("there is no strength %q", r.About.Strength)
	case r.About.FR.Title == "":
		return errors.New("it has no French title")
	}
	if err := s.checkSource(r); err != nil || r.Serves() {
		return err
	}
	for _, text := range []string{r.About.FR.Means, r.About.FR.Question, r.About.EN.Means, r.About.EN.Question} {
		if text == "" {
			return errors.New("it lacks means or question, in French or in English")
		}
	}
	if len(r.Techniques()) == 0 {
		return errors.New("it names no ATT&CK technique")
	}
	for _, id := range r.Techniques() {
		if s.Attack.Techniques[id] == "" {
			return fmt.Errorf("attack.yml does not have %s", id)
		}
	}
	return nil
}

func (s *Set) checkSource(r *Rule) error {
	for _, need := range r.About.Needs {
		if !slices.Contains([]string{NeedBaseline, NeedMeaning, NeedSent, NeedContent, NeedTwo}, need) {
			return fmt.Errorf("there is no need %q", need)
		}
	}
	if r.Correlation != nil {
		for _, name := range r.Correlation.Rules {
			if s.byKey[name] == nil {
				return fmt.Errorf("there is no rule %q for it", name)
			}
		}
		return nil
	}
	if r.Logsource.Product != Product || !slices.Contains(facts.Kinds(), r.Logsource.Category) {
		return fmt.Errorf("its logsource is no kind of facts: %s/%s", r.Logsource.Product, r.Logsource.Category)
	}
	if _, ok := s.Source(r.Logsource); !ok {
		return fmt.Errorf("sources.yml has no %s %s", r.Logsource.Category, r.Logsource.Service)
	}
	return nil
}

// What a rule may need beside its source.
const (
	NeedBaseline = "baseline"
	NeedMeaning  = "meaning"
	NeedSent     = "sent"
	NeedContent  = "content"
	NeedTwo      = "two"
)

// Rule finds a rule by its name or id.
func (s *Set) Rule(key string) *Rule { return s.byKey[key] }

// Source finds what a logsource is read from.
func (s *Set) Source(l sigma.Logsource) (Source, bool) {
	i := slices.IndexFunc(s.Sources, func(x Source) bool { return x.Category == l.Category && x.Service == l.Service })
	if i < 0 {
		return Source{}, false
	}
	return s.Sources[i], true
}

// Bases lists the rules that look at facts themselves and that a rule is made of; of a detection it is the rule.
func (s *Set) Bases(r *Rule) []*Rule {
	if r.Correlation == nil {
		return []*Rule{r}
	}
	var all []*Rule
	for _, name := range r.Correlation.Rules {
		if base := s.byKey[name]; base != nil && base != r {
			all = append(all, s.Bases(base)...)
		}
	}
	return all
}
