package sigma

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// A Correlation says which rules must hold how often, or in which order, within a time, for events that have the same
// values in the fields of GroupBy.
type Correlation struct {
	Type     string
	Rules    []string
	GroupBy  []string
	Timespan time.Duration
	Least    int                          // of event_count and value_count
	Field    string                       // whose values value_count counts
	Aliases  map[string]map[string]string // a name in GroupBy: rule: field
	Generate bool                         // the rules it is about are told of on their own, too
}

func parseCorrelation(n *yaml.Node) (*Correlation, error) {
	var doc struct {
		Type      string                       `yaml:"type"`
		Rules     []string                     `yaml:"rules"`
		GroupBy   []string                     `yaml:"group-by"`
		Timespan  string                       `yaml:"timespan"`
		Condition map[string]any               `yaml:"condition"`
		Aliases   map[string]map[string]string `yaml:"aliases"`
		Generate  bool                         `yaml:"generate"`
	}
	if err := n.Decode(&doc); err != nil {
		return nil, err
	}
	span, err := parseSpan(doc.Timespan)
	if err != nil {
		return nil, err
	}
	c := &Correlation{Type: doc.Type, Rules: doc.Rules, Timespan: span, Aliases: doc.Aliases, Generate: doc.Generate}
	for _, g := range doc.GroupBy {
		c.GroupBy = append(c.GroupBy, strings.ToLower(g))
	}
	switch c.Type {
	case "event_count", "value_count":
		err = c.threshold(doc.Condition)
	case "temporal", "temporal_ordered":
		if len(c.Rules) < 2 || len(doc.Condition) > 0 {
			err = errors.New("it has two rules or more and no condition")
		}
	default:
		err = fmt.Errorf("a correlation of type %q: %w", c.Type, ErrUnsupported)
	}
	if err == nil && len(c.Rules) == 0 {
		err = errors.New("it names no rule")
	}
	return c, err
}

func (c *Correlation) threshold(condition map[string]any) error {
	for name, value := range condition {
		switch {
		case name == "field":
			c.Field, _ = value.(string)
			c.Field = strings.ToLower(c.Field)
		case name == "gte" || name == "gt":
			n, ok := value.(int)
			if !ok {
				return fmt.Errorf("%s wants a number", name)
			}
			c.Least = n
			if name == "gt" {
				c.Least++
			}
		default:
			return fmt.Errorf("a correlation with %s: %w", name, ErrUnsupported)
		}
	}
	if c.Least < 1 || c.Least > 100_000 || c.Type == "value_count" && c.Field == "" {
		return errors.New("the condition wants gte or gt with a number from 1 to 100000, and of value_count a field")
	}
	return nil
}

// parseSpan reads 30s, 5m, 1h, 7d, 2w.
func parseSpan(text string) (time.Duration, error) {
	units := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}
	if text != "" {
		n, err := strconv.Atoi(text[:len(text)-1])
		if unit, ok := units[text[len(text)-1:]]; ok && err == nil && n > 0 && n < 10_000 {
			return time.Duration(n) * unit, nil
		}
	}
	return 0, fmt.Errorf("timespan %q is none: write it as in 5m, 1h, 7d", text)
}

// A Correlator evaluates one correlation over events in the order of their times. R is what stands for an event in its
// results.
type Correlator[R any] struct {
	*Correlation
	groups map[string]*group[R]
	most   int
}

// group is what is remembered of events with the same values.
type group[R any] struct {
	last   time.Time
	recent []sighting[R]          // event_count: the latest, no more than are needed
	values map[string]sighting[R] // value_count, temporal: the latest of each value or rule
	chains []chain[R]             // temporal_ordered: of each rule, the chain that ends with it and began latest
}

type sighting[R any] struct {
	at   time.Time
	refs []R
}

type chain[R any] struct {
	start time.Time
	refs  []R
}

// maxGroups is how many groups are remembered; beyond, those that are over are forgotten, and then no new ones are begun.
const maxGroups = 100_000

// maxDistinct is how many values of a group are told apart.
const maxDistinct = 10_000

// NewCorrelator makes one that has seen nothing.
func NewCorrelator[R any](c *Correlation) *Correlator[R] {
	return &Correlator[R]{Correlation: c, groups: map[string]*group[R]{}, most: maxGroups}
}

// Uses says whether the correlation is about a rule.
func (c *Correlator[R]) Uses(rule string) bool { return slices.Contains(c.Rules, rule) }

// Add takes in that a rule held for an event. Where that completes the correlation it gives the events that did.
func (c *Correlator[R]) Add(rule string, e Event, at time.Time, refs []R) (all []R, fired bool) {
	if at.IsZero() {
		return nil, false
	}
	key, ok := c.key(rule, e)
	if !ok {
		return nil, false
	}
	g := c.groups[key]
	if g == nil {
		if len(c.groups) >= c.most && !c.forget(at) {
			return nil, false
		}
		g = &group[R]{values: map[string]sighting[R]{}}
		c.groups[key] = g
	}
	g.last = at
	switch c.Type {
	case "event_count":
		return c.count(g, at, refs)
	case "value_count":
		return c.distinct(g, e, at, refs)
	case "temporal":
		return c.together(g, rule, at, refs)
	}
	return c.ordered(g, rule, at, refs)
}

// key joins the values that events must share. An event without one of them belongs to no group.
func (c *Correlator[R]) key(rule string, e Event) (string, bool) {
	var b strings.Builder
	for _, name := range c.GroupBy {
		if of, ok := c.Aliases[name]; ok {
			if field, ok := of[rule]; ok {
				name = strings.ToLower(field)
			}
		}
		texts, ok := e.Values(name)
		if !ok || len(texts) == 0 || texts[0] == "" {
			return "", false
		}
		b.WriteString(strings.ToLower(strings.Join(texts, "\x01")))
		b.WriteByte(0)
	}
	return b.String(), true
}

// forget drops groups that are over and says whether there is room again.
func (c *Correlator[R]) forget(now time.Time) bool {
	for key, g := range c.groups {
		if now.Sub(g.last) > c.Timespan {
			delete(c.groups, key)
		}
	}
	return len(c.groups) < c.most
}

func (c *Correlator[R]) count(g *group[R], at time.Time, refs []R) ([]R, bool) {
	g.recent = append(g.recent, sighting[R]{at, refs})
	if len(g.recent) > c.Least {
		g.recent = slices.Delete(g.recent, 0, len(g.recent)-c.Least)
	}
	if len(g.recent) < c.Least || at.Sub(g.recent[0].at) > c.Timespan {
		return nil, false
	}
	var all []R
	for _, s := range g.recent {
		all = append(all, s.refs...)
	}
	return all, true
}

func (c *Correlator[R]) distinct(g *group[R], e Event, at time.Time, refs []R) ([]R, bool) {
	texts, ok := e.Values(c.Field)
	if !ok {
		return nil, false
	}
	for value, s := range g.values {
		if at.Sub(s.at) > c.Timespan {
			delete(g.values, value)
		}
	}
	for _, value := range texts {
		if len(g.values) < maxDistinct {
			g.values[strings.ToLower(value)] = sighting[R]{at, refs}
		}
	}
	if len(g.values) < c.Least {
		return nil, false
	}
	return inOrder(g.values), true
}

func (c *Correlator[R]) together(g *group[R], rule string, at time.Time, refs []R) ([]R, bool) {
	g.values[rule] = sighting[R]{at, refs}
	for _, s := range g.values {
		if at.Sub(s.at) > c.Timespan {
			return nil, false
		}
	}
	if len(g.values) < len(c.Rules) {
		return nil, false
	}
	return inOrder(g.values), true
}

func inOrder[R any](values map[string]sighting[R]) []R {
	list := make([]sighting[R], 0, len(values))
	for _, s := range values {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b sighting[R]) int { return a.at.Compare(b.at) })
	var all []R
	for _, s := range list {
		all = append(all, s.refs...)
	}
	return all
}

// ordered goes through the rules from the last to the first, so that one event is never two steps of a chain.
func (c *Correlator[R]) ordered(g *group[R], rule string, at time.Time, refs []R) ([]R, bool) {
	if g.chains == nil {
		g.chains = make([]chain[R], len(c.Rules))
	}
	for i := len(c.Rules) - 1; i >= 0; i-- {
		if c.Rules[i] != rule {
			continue
		}
		if i == 0 {
			g.chains[0] = chain[R]{at, slices.Clone(refs)}
			continue
		}
		before := g.chains[i-1]
		if len(before.refs) == 0 || at.Sub(before.start) > c.Timespan {
			continue
		}
		g.chains[i] = chain[R]{before.start, slices.Concat(before.refs, refs)}
		if i == len(c.Rules)-1 {
			return g.chains[i].refs, true
		}
	}
	return nil, false
}
