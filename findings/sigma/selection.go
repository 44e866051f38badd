package sigma

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A node is a part of a selection.
type node interface {
	holds(e Event) bool
	fields(f *fieldList)
	explain(e Event, f *fieldList) // the fields by which it holds
}

type allOf []node

func (n allOf) holds(e Event) bool {
	return !slices.ContainsFunc(n, func(x node) bool { return !x.holds(e) })
}
func (n allOf) fields(f *fieldList) {
	for _, x := range n {
		x.fields(f)
	}
}
func (n allOf) explain(e Event, f *fieldList) {
	for _, x := range n {
		x.explain(e, f)
	}
}

type anyOf []node

func (n anyOf) holds(e Event) bool {
	return slices.ContainsFunc(n, func(x node) bool { return x.holds(e) })
}
func (n anyOf) fields(f *fieldList) { allOf(n).fields(f) }
func (n anyOf) explain(e Event, f *fieldList) {
	for _, x := range n {
		if x.holds(e) {
			x.explain(e, f)
		}
	}
}

// A test is one value that a field is compared with.
type test func(text string) bool

// A fieldNode compares a field.
type fieldNode struct {
	name   string
	tests  []test
	every  bool // all tests must hold, as against one
	null   bool // the field may be missing
	exists *bool
	other  string // fieldref
	how    func(a, b string) bool
	negate bool

	// words are all values, in lower case, of a field that is compared with whole texts only.
	words []string
	mixed bool // a value is something else
}

func (n *fieldNode) holds(e Event) bool {
	texts, there := e.Values(n.name)
	switch {
	case n.exists != nil:
		return there == *n.exists
	case n.other != "":
		return n.negate != n.equalsOther(e, texts)
	case n.null && (!there || len(texts) == 0):
		return !n.negate
	}
	holds := func(t test) bool { return slices.ContainsFunc(texts, t) }
	if n.every {
		return n.negate != (len(n.tests) > 0 && !slices.ContainsFunc(n.tests, func(t test) bool { return !holds(t) }))
	}
	return n.negate != slices.ContainsFunc(n.tests, holds)
}

func (n *fieldNode) equalsOther(e Event, texts []string) bool {
	others, _ := e.Values(n.other)
	return slices.ContainsFunc(texts, func(a string) bool {
		return slices.ContainsFunc(others, func(b string) bool { return n.how(a, b) })
	})
}

func (n *fieldNode) fields(f *fieldList)           { f.add(n.name) }
func (n *fieldNode) explain(_ Event, f *fieldList) { f.add(n.name) }

// keywords look at every text of an event.
type keywords struct {
	tests []test
	every bool
}

func (n *keywords) holds(e Event) bool {
	found := func(t test) bool {
		hit := false
		e.Texts(func(text string) bool {
			hit = t(text)
			return !hit
		})
		return hit
	}
	if n.every {
		return !slices.ContainsFunc(n.tests, func(t test) bool { return !found(t) })
	}
	return slices.ContainsFunc(n.tests, found)
}
func (n *keywords) fields(*fieldList)         {}
func (n *keywords) explain(Event, *fieldList) {}

// A compiler counts what it compiles.
type compiler struct{ values int }

var errValues = fmt.Errorf("a rule has at most %d values", maxValues)

func (c *compiler) selection(n *yaml.Node) (node, error) { return c.nested(resolve(n), 0) }

// resolve follows a YAML alias.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func (c *compiler) nested(n *yaml.Node, depth int) (node, error) {
	n = resolve(n)
	if depth > 3 {
		return nil, errors.New("a selection is nested too deep")
	}
	switch n.Kind {
	case yaml.MappingNode:
		return c.fieldMap(n)
	case yaml.SequenceNode:
		return c.sequence(n, depth)
	case yaml.ScalarNode:
		return c.keywordList([]*yaml.Node{n}, false)
	}
	return nil, errors.New("a selection is a map, a list of maps or a list of keywords")
}

func (c *compiler) sequence(n *yaml.Node, depth int) (node, error) {
	if len(n.Content) > 0 && resolve(n.Content[0]).Kind == yaml.ScalarNode {
		return c.keywordList(n.Content, false)
	}
	var any anyOf
	for _, one := range n.Content {
		x, err := c.nested(one, depth+1)
		if err != nil {
			return nil, err
		}
		any = append(any, x)
	}
	if len(any) == 0 {
		return nil, errors.New("a selection is empty")
	}
	return any, nil
}

func (c *compiler) keywordList(values []*yaml.Node, every bool) (node, error) {
	k := &keywords{every: every}
	for _, v := range values {
		if c.values++; c.values > maxValues {
			return nil, errValues
		}
		k.tests = append(k.tests, wildcard(tokens(resolve(v).Value), false, true, true))
	}
	return k, nil
}

func (c *compiler) fieldMap(n *yaml.Node) (node, error) {
	var all allOf
	for i := 0; i+1 < len(n.Content); i += 2 {
		x, err := c.field(n.Content[i].Value, resolve(n.Content[i+1]))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", n.Content[i].Value, err)
		}
		all = append(all, x)
	}
	if len(all) == 0 {
		return nil, errors.New("a selection is empty")
	}
	return all, nil
}

// field compiles one line: a name with modifiers, and its values.
func (c *compiler) field(key string, value *yaml.Node) (node, error) {
	name, rest, _ := strings.Cut(key, "|")
	modifiers := strings.FieldsFunc(rest, func(r rune) bool { return r == '|' })
	values := []*yaml.Node{value}
	if value.Kind == yaml.SequenceNode {
		values = value.Content
	}
	if c.values += len(values); c.values > maxValues {
		return nil, errValues
	}
	if name == "" {
		if len(modifiers) == 1 && modifiers[0] == "all" {
			return c.keywordList(values, true)
		}
		return nil, fmt.Errorf("keywords with %q: %w", rest, ErrUnsupported)
	}
	m, err := parseModifiers(modifiers)
	if err != nil {
		return nil, err
	}
	n := &fieldNode{name: strings.ToLower(name), every: m.all, negate: m.negate}
	for _, v := range values {
		v = resolve(v)
		if v.Kind != yaml.ScalarNode {
			return nil, errors.New("a value is a map or a list")
		}
		if err := m.value(n, v); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// modifiers are those of one field.
type modifiers struct {
	match  string // "", contains, startswith, endswith, re, cidr, gt, gte, lt, lte, exists, fieldref
	flags  string // of a regular expression
	coding string // base64, base64offset
	all    bool
	cased  bool
	negate bool
}

func parseModifiers(list []string) (m modifiers, err error) {
	for _, name := range list {
		switch name {
		case "all":
			m.all = true
		case "cased":
			m.cased = true
		case "neq":
			m.negate = true
		case "base64", "base64offset":
			m.coding = name
		case "i", "m", "s":
			if m.match != "re" {
				return m, fmt.Errorf("the modifier %s belongs to re", name)
			}
			m.flags += name
		case "contains", "startswith", "endswith", "re", "cidr", "gt", "gte", "lt", "lte", "exists", "fieldref":
			if m.match != "" && m.match != "fieldref" && name != "fieldref" {
				return m, fmt.Errorf("the modifiers %s and %s do not go together", m.match, name)
			}
			m.match = name
		default:
			return m, fmt.Errorf("the modifier %q: %w", name, ErrUnsupported)
		}
	}
	return m, nil
}

// value adds one value to a field's tests.
func (m modifiers) value(n *fieldNode, v *yaml.Node) error {
	if v.Tag == "!!null" {
		if m.match != "" {
			return fmt.Errorf("null with %s: %w", m.match, ErrUnsupported)
		}
		n.null = true
		n.tests = append(n.tests, func(text string) bool { return text == "" })
		return nil
	}
	text := v.Value
	switch m.match {
	case "exists":
		yes, err := strconv.ParseBool(text)
		n.exists = &yes
		return err
	case "fieldref":
		n.other = strings.ToLower(text)
		n.how = strings.EqualFold
		if m.cased {
			n.how = func(a, b string) bool { return a == b }
		}
		return nil
	}
	tests, err := m.tests(text)
	n.tests = append(n.tests, tests...)
	if word, whole := m.word(text); whole {
		n.words = append(n.words, word)
	} else {
		n.mixed = true
	}
	return err
}

// word gives, in lower case, the text that a field must have for a value to hold; whole is false of a value that other texts have, too.
func (m modifiers) word(text string) (word string, whole bool) {
	if m.match != "" || m.coding != "" {
		return "", false
	}
	var b strings.Builder
	for _, t := range tokens(text) {
		if t.wild != 0 {
			return "", false
		}
		b.WriteRune(t.r)
	}
	return strings.ToLower(b.String()), true
}

// tests makes of a value the tests of which one must hold; of most values it is one.
func (m modifiers) tests(text string) ([]test, error) {
	switch m.match {
	case "re":
		return regular(text, m.flags)
	case "cidr":
		return prefix(text)
	case "gt", "gte", "lt", "lte":
		return compare(m.match, text)
	}
	front, back := m.match == "contains" || m.match == "endswith", m.match == "contains" || m.match == "startswith"
	switch m.coding {
	case "base64":
		return []test{literal(base64.StdEncoding.EncodeToString([]byte(text)), true, front, back)}, nil
	case "base64offset":
		var all []test
		for _, form := range offsets(text) {
			all = append(all, literal(form, true, true, true))
		}
		return all, nil
	}
	return []test{wildcard(tokens(text), m.cased, front, back)}, nil
}

func regular(text, flags string) ([]test, error) {
	if len(text) > 4096 {
		return nil, errors.New("a regular expression has at most 4096 characters")
	}
	if flags != "" {
		text = "(?" + flags + ")" + text
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}
	return []test{re.MatchString}, nil
}

func prefix(text string) ([]test, error) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return nil, err
	}
	return []test{func(s string) bool {
		ip, err := netip.ParseAddr(s)
		return err == nil && p.Contains(ip.Unmap())
	}}, nil
}

func compare(how, text string) ([]test, error) {
	want, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, fmt.Errorf("%s wants a number, not %q", how, text)
	}
	return []test{func(s string) bool {
		got, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return false
		}
		switch how {
		case "gt":
			return got > want
		case "gte":
			return got >= want
		case "lt":
			return got < want
		}
		return got <= want
	}}, nil
}

// offsets are the forms that a text takes inside base64, by where in a group of three bytes it begins.
func offsets(text string) []string {
	first, last := []int{0, 2, 3}, []int{0, 3, 2}
	var all []string
	for i := range 3 {
		encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat(" ", i) + text))
		all = append(all, encoded[first[i]:len(encoded)-last[(len(text)+i)%3]])
	}
	return all
}

// A token is a character, or "?" or "*" as wildcards.
type token struct {
	r    rune
	wild byte // 0, '?' or '*'
}

// tokens reads a value with wildcards: \* \? and \\ stand for themselves, a backslash before anything else too.
func tokens(text string) []token {
	var all []token
	runes := []rune(text)
	for i := 0; i < len(runes); i++ {
		switch r := runes[i]; {
		case r == '\\' && i+1 < len(runes) && strings.ContainsRune(`*?\`, runes[i+1]):
			i++
			all = append(all, token{r: runes[i]})
		case r == '*' || r == '?':
			all = append(all, token{wild: byte(r)})
		default:
			all = append(all, token{r: r})
		}
	}
	return all
}

// wildcard makes a test of tokens; front and back say that anything may stand before and behind.
func wildcard(all []token, cased, front, back bool) test {
	for len(all) > 0 && all[0].wild == '*' {
		all, front = all[1:], true
	}
	for len(all) > 0 && all[len(all)-1].wild == '*' {
		all, back = all[:len(all)-1], true
	}
	if !slices.ContainsFunc(all, func(t token) bool { return t.wild != 0 }) {
		var b strings.Builder
		for _, t := range all {
			b.WriteRune(t.r)
		}
		return literal(b.String(), cased, front, back)
	}
	if front {
		all = slices.Insert(slices.Clone(all), 0, token{wild: '*'})
	}
	if back {
		all = append(slices.Clone(all), token{wild: '*'})
	}
	pattern := make([]token, len(all))
	for i, t := range all {
		pattern[i] = t
		if !cased && t.wild == 0 {
			pattern[i].r = []rune(strings.ToLower(string(t.r)))[0]
		}
	}
	return func(text string) bool {
		if !cased {
			text = strings.ToLower(text)
		}
		return glob(pattern, []rune(text))
	}
}

// literal tests for a text without wildcards.
func literal(want string, cased, front, back bool) test {
	low := want
	if !cased {
		low = strings.ToLower(want)
	}
	fold := func(s string) string {
		if cased {
			return s
		}
		return strings.ToLower(s)
	}
	switch {
	case front && back:
		return func(s string) bool { return strings.Contains(fold(s), low) }
	case front:
		return func(s string) bool { return strings.HasSuffix(fold(s), low) }
	case back:
		return func(s string) bool { return strings.HasPrefix(fold(s), low) }
	}
	return func(s string) bool { return fold(s) == low }
}

// glob matches with one step back to the last "*", in time of the product of the lengths at most.
func glob(pattern []token, text []rune) bool {
	p, t, star, mark := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p].wild == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p].wild == '?' || pattern[p].wild == 0 && pattern[p].r == text[t]):
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p].wild == '*' {
		p++
	}
	return p == len(pattern)
}

// demands says which texts, in lower case, a field must have one of for a node to hold; ok is false where it may have any other.
func demands(n node, field string) (words []string, ok bool) {
	switch n := n.(type) {
	case *fieldNode:
		if n.name != field || n.negate || n.null || n.mixed || n.exists != nil || n.other != "" || len(n.words) == 0 {
			return nil, false
		}
		return n.words, true
	case allOf:
		for _, x := range n {
			if words, ok = demands(x, field); ok {
				return words, true
			}
		}
	case anyOf:
		for _, x := range n {
			some, all := demands(x, field)
			if !all {
				return nil, false
			}
			words = append(words, some...)
		}
		return words, len(n) > 0
	}
	return nil, false
}
