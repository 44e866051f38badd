package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/findings/sigma"
)

// An Observation is what of a fact made a rule hold, and where it stands.
type Observation struct {
	Bundle   string       `json:"bundle"`
	Exhibit  string       `json:"exhibit"`
	Locator  string       `json:"at,omitempty"`
	Resource string       `json:"resource"`
	Kind     string       `json:"kind"`
	Time     time.Time    `json:"time,omitzero"`
	Zone     string       `json:"zone,omitempty"`
	Inferred string       `json:"inferred,omitempty"`
	Fields   facts.Fields `json:"-"`
}

// A Hit is a rule that holds: for a fact, or of a correlation for several, of which Fact is the last.
type Hit struct {
	Rule         *Rule
	Fact         *facts.Fact
	Observations []*Observation
}

// event lets a detection look at a fact.
type event struct{ *facts.Fact }

// Event lets a detection look at a fact: at its fields, and as account, kind, collector, resource at what it says of itself.
func Event(f *facts.Fact) sigma.Event { return event{f} }

func (e event) Values(field string) ([]string, bool) {
	if v, ok := e.Get(field); ok {
		return v.All(), true
	}
	switch field {
	case "account":
		return []string{e.Account}, true
	case "kind":
		return []string{e.Kind}, true
	case "collector":
		return []string{e.Collector}, true
	case "resource":
		return []string{e.Resource}, true
	}
	return nil, false
}

func (e event) Texts(yield func(string) bool) {
	for _, field := range e.Fields {
		for _, text := range field.Value.All() {
			if !yield(text) {
				return
			}
		}
	}
}

// An Engine evaluates all rules over facts in the order of their times.
type Engine struct {
	set         *Set
	detections  map[sigma.Logsource][]*Rule
	correlators []correlator
	uses        map[string][]*correlator // by the name of the rule that they are about
	met         map[string][]*Rule       // by source and keys: the detections whose demands are met
}

// keys are the fields that most rules demand a text of: facts meet only the rules that can hold for them.
func keys() [2]string { return [2]string{"event.name", "event_info.mail_event_type"} }

// maxMet is how many combinations of keys are remembered: hostile logs may have any number of names.
const maxMet = 2_000

type correlator struct {
	rule *Rule
	*sigma.Correlator[*Observation]
}

// NewEngine makes an engine for one run.
func NewEngine(s *Set) *Engine {
	e := &Engine{set: s, detections: map[sigma.Logsource][]*Rule{}, uses: map[string][]*correlator{}, met: map[string][]*Rule{}}
	for _, r := range s.Rules {
		if r.Correlation != nil {
			e.correlators = append(e.correlators, correlator{r, sigma.NewCorrelator[*Observation](r.Correlation)})
			continue
		}
		e.detections[r.Logsource] = append(e.detections[r.Logsource], r)
	}
	return e
}

// Evaluate gives the rules that hold for a fact. Duplicates, and what the collections themselves left in the logs, are passed
// over.
func (e *Engine) Evaluate(f *facts.Fact, yield func(Hit)) {
	if f.Is("duplicate") || f.Is("own_trace") {
		return
	}
	source := sigma.Logsource{Product: Product, Category: f.Kind}
	e.evaluate(source, f, yield)
	if f.Kind == facts.KindAudit {
		source.Service = f.Text("event.service")
		e.evaluate(source, f, yield)
	}
}

func (e *Engine) evaluate(source sigma.Logsource, f *facts.Fact, yield func(Hit)) {
	var ev sigma.Event = event{f}
	for _, r := range e.candidates(source, f) {
		if !r.Match(ev) {
			continue
		}
		o := observations(r, f)
		if !r.Serves() {
			yield(Hit{r, f, o})
		}
		e.correlate(r, f, o, yield, 0)
	}
}

// candidates lists the detections of a source, in their order, but those that demand another text of a key than the fact has.
func (e *Engine) candidates(source sigma.Logsource, f *facts.Fact) []*Rule {
	all := e.detections[source]
	if len(all) == 0 {
		return nil
	}
	var values [2]facts.Value
	name := source.Category + "\x00" + source.Service
	for i, key := range keys() {
		v, _ := f.Get(key)
		if v.Len() != 1 {
			return all // a list, as no event of Google's has
		}
		values[i] = v
		name += "\x00" + v.At(0)
	}
	rules, known := e.met[name]
	if known {
		return rules
	}
	for _, r := range all {
		if meets(r, values) {
			rules = append(rules, r)
		}
	}
	if len(e.met) < maxMet && len(name) < 256 {
		e.met[name] = rules
	}
	return rules
}

// meets says whether each key has a text that a rule demands of it. Of a key that the fact does not have the text is "", which a rule
// may demand too; Match judges that.
func meets(r *Rule, values [2]facts.Value) bool {
	for i, key := range keys() {
		if words, ok := r.Demands(key); ok && !slices.Contains(words, strings.ToLower(values[i].At(0))) {
			return false
		}
	}
	return true
}

// correlate hands on that a rule holds to the correlations about it, and what these give to those about them.
func (e *Engine) correlate(r *Rule, f *facts.Fact, o []*Observation, yield func(Hit), depth int) {
	if depth > 5 {
		return
	}
	for _, c := range e.about(r) {
		all, fired := c.Add(r.Name, event{f}, f.Time, o)
		if !fired {
			continue
		}
		if !c.rule.Serves() {
			yield(Hit{c.rule, f, all})
		}
		e.correlate(c.rule, f, all, yield, depth+1)
	}
}

// about lists the correlations that are about a rule.
func (e *Engine) about(r *Rule) []*correlator {
	all, known := e.uses[r.Name]
	if known {
		return all
	}
	for i := range e.correlators {
		if e.correlators[i].Uses(r.Name) {
			all = append(all, &e.correlators[i])
		}
	}
	e.uses[r.Name] = all
	return all
}

// maxObserved is how many characters of a value an observation repeats.
const maxObserved = 512

// observations are where a fact stands; what is said of two exhibits stands in both.
func observations(r *Rule, f *facts.Fact) []*Observation {
	o := observe(r, f)
	bundle, exhibit := f.Text("other.bundle"), f.Text("other.exhibit")
	if bundle == "" || exhibit == "" {
		return []*Observation{o}
	}
	other := *o
	other.Bundle, other.Exhibit, other.Locator = bundle, exhibit, ""
	return []*Observation{o, &other}
}

// observe notes the fields by which a rule holds, and those that tell its findings apart.
func observe(r *Rule, f *facts.Fact) *Observation {
	o := &Observation{Bundle: f.Bundle, Exhibit: f.Exhibit, Locator: f.Locator, Resource: f.Resource, Kind: f.Kind, Time: f.Time, Zone: f.Zone, Inferred: f.Inferred}
	names := r.Fields(event{f})
	for _, name := range slices.Concat(r.About.Subject, always()) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, name := range names {
		if v, ok := f.Get(name); ok {
			if text := v.String(); len(text) > maxObserved {
				v = facts.Text(text[:maxObserved] + "…")
			}
			o.Fields = append(o.Fields, facts.Field{Name: name, Value: v})
		}
	}
	return o
}

// always lists fields that help to understand whatever holds.
func always() []string {
	return []string{"event.name", "actor", "ip", "country", "asn", "target", "minutes_since_new_source", "source.suspect", "session", "subject", "message_info.subject",
		"app_name", "displaytext", "client_id", "clientid", "scope.widest", "name", "script", "mailbox", "duplicate_of",
		"from", "iban.before", "iban.changed_in", "what", "since", "before"}
}

// Run evaluates a rule's test, with the rules that it is made of, and says what is wrong.
func (s *Set) Run(r *Rule, t Test) error {
	e := NewEngine(s)
	found := false
	served := r.Serves()
	for _, f := range t.Facts {
		e.Evaluate(f, func(h Hit) { found = found || h.Rule == r })
		if served && r.Correlation == nil { // nothing is given of a rule that serves
			found = found || r.Match(event{f})
		}
	}
	if found != t.Expect {
		return fmt.Errorf("%s: test %q: the rule holds: %t, expected: %t", r.Name, t.Name, found, t.Expect)
	}
	return nil
}

// Test runs all rules' tests and joins what is wrong. It says how many there were.
func (s *Set) Test() (tests int, err error) {
	var all []error
	for _, r := range s.Rules {
		for _, t := range r.Tests {
			tests++
			all = append(all, s.Run(r, t))
		}
	}
	return tests, errors.Join(all...)
}
