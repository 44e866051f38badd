package sigma

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// An expression is a condition, or a part of one.
type expression interface {
	holds(r *Rule, e Event) bool
	explain(r *Rule, e Event, f *fieldList)
	demands(r *Rule, field string) (words []string, ok bool) // see Rule.Demands
}

type either struct{ a, b expression }

func (x either) holds(r *Rule, e Event) bool { return x.a.holds(r, e) || x.b.holds(r, e) }
func (x either) explain(r *Rule, e Event, f *fieldList) {
	for _, one := range []expression{x.a, x.b} {
		if one.holds(r, e) {
			one.explain(r, e, f)
		}
	}
}

func (x either) demands(r *Rule, field string) ([]string, bool) {
	a, first := x.a.demands(r, field)
	b, second := x.b.demands(r, field)
	return slices.Concat(a, b), first && second
}

type both struct{ a, b expression }

func (x both) holds(r *Rule, e Event) bool { return x.a.holds(r, e) && x.b.holds(r, e) }
func (x both) explain(r *Rule, e Event, f *fieldList) {
	x.a.explain(r, e, f)
	x.b.explain(r, e, f)
}

func (x both) demands(r *Rule, field string) ([]string, bool) {
	if words, ok := x.a.demands(r, field); ok {
		return words, true
	}
	return x.b.demands(r, field)
}

type not struct{ a expression }

func (x not) holds(r *Rule, e Event) bool            { return !x.a.holds(r, e) }
func (x not) explain(*Rule, Event, *fieldList)       {} // by what is not there nothing can be pointed at
func (x not) demands(*Rule, string) ([]string, bool) { return nil, false }

// quantified is "1 of selection*", "all of them".
type quantified struct {
	names []string
	least int
}

func (x quantified) holds(r *Rule, e Event) bool {
	hits := 0
	for _, name := range x.names {
		if r.selections[name].holds(e) {
			if hits++; hits >= x.least {
				return true
			}
		}
	}
	return false
}

func (x quantified) explain(r *Rule, e Event, f *fieldList) {
	for _, name := range x.names {
		if s := r.selections[name]; s.holds(e) {
			s.explain(e, f)
		}
	}
}

func (x quantified) demands(r *Rule, field string) (all []string, ok bool) {
	for _, name := range x.names {
		words, demanded := demands(r.selections[name], field)
		switch {
		case demanded && x.least == len(x.names): // each must hold
			return words, true
		case !demanded && x.least < len(x.names):
			return nil, false
		}
		all = append(all, words...)
	}
	return all, x.least < len(x.names)
}

// A conditionParser reads a condition by recursive descent.
type conditionParser struct {
	words      []string
	selections map[string]node
	depth      int
}

func parseCondition(text string, selections map[string]node) (expression, error) {
	if strings.Contains(text, "|") {
		return nil, fmt.Errorf("an aggregation: %w: write a correlation", ErrUnsupported)
	}
	text = strings.NewReplacer("(", " ( ", ")", " ) ").Replace(text)
	p := &conditionParser{words: strings.Fields(text), selections: selections}
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if len(p.words) > 0 {
		return nil, fmt.Errorf("%q is not expected", p.words[0])
	}
	return e, nil
}

func (p *conditionParser) next() string {
	if len(p.words) == 0 {
		return ""
	}
	return strings.ToLower(p.words[0])
}

func (p *conditionParser) take() string {
	w := p.words[0]
	p.words = p.words[1:]
	return w
}

func (p *conditionParser) or() (expression, error) {
	if p.depth++; p.depth > maxNesting {
		return nil, fmt.Errorf("a condition is nested %d deep at the most", maxNesting)
	}
	defer func() { p.depth-- }()
	e, err := p.and()
	for err == nil && p.next() == "or" {
		p.take()
		var other expression
		if other, err = p.and(); err == nil {
			e = either{e, other}
		}
	}
	return e, err
}

func (p *conditionParser) and() (expression, error) {
	e, err := p.not()
	for err == nil && p.next() == "and" {
		p.take()
		var other expression
		if other, err = p.not(); err == nil {
			e = both{e, other}
		}
	}
	return e, err
}

func (p *conditionParser) not() (expression, error) {
	negated := false
	for p.next() == "not" {
		p.take()
		negated = !negated
	}
	e, err := p.primary()
	if negated && err == nil {
		return not{e}, nil
	}
	return e, err
}

func (p *conditionParser) primary() (expression, error) {
	if len(p.words) == 0 {
		return nil, errors.New("it ends too early")
	}
	word := p.take()
	switch {
	case word == "(":
		e, err := p.or()
		if err == nil && p.next() != ")" {
			return nil, errors.New("a bracket is not closed")
		}
		if err == nil {
			p.take()
		}
		return e, err
	case p.next() == "of":
		return p.quantified(word)
	}
	if _, there := p.selections[word]; !there {
		return nil, fmt.Errorf("there is no selection %q", word)
	}
	return quantified{[]string{word}, 1}, nil
}

func (p *conditionParser) quantified(how string) (expression, error) {
	p.take() // of
	if len(p.words) == 0 {
		return nil, errors.New("it ends behind of")
	}
	pattern := p.take()
	var names []string
	for name := range p.selections {
		if strings.EqualFold(pattern, "them") && !strings.HasPrefix(name, "_") || glob(tokens(pattern), []rune(name)) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if len(names) == 0 {
		return nil, fmt.Errorf("no selection is named like %q", pattern)
	}
	switch strings.ToLower(how) {
	case "all":
		return quantified{names, len(names)}, nil
	case "any":
		return quantified{names, 1}, nil
	}
	n, err := strconv.Atoi(how)
	if err != nil || n < 1 {
		return nil, fmt.Errorf("%q is no number of selections", how)
	}
	return quantified{names, n}, nil
}
