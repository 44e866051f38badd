package facts

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// A jsonParser makes of JSON what encoding/json makes of it with UseNumber: the parameters of audit logs are hundreds of thousands
// of small values, and setting up a decoder for each takes longer than reading it. It accepts nothing that encoding/json would read
// differently: strings with escapes, numbers with fractions and whatever is not in the usual form are left to it.
type jsonParser struct {
	rest  string
	depth int
	bad   bool

	// Members and elements of what is open, one behind the other, and of what was closed: what is parsed is parts of these, and
	// they are used again for the next value.
	openMembers, members   []member
	openElements, elements []any
}

// An object is a JSON object, its members as they came. Of those with one name the last counts.
type object []member

type member struct {
	name  string
	value any
}

func objectOf(x map[string]any) object {
	o := make(object, 0, len(x))
	for name, value := range x {
		o = append(o, member{name, value})
	}
	return o
}

func (o object) get(name string) (any, bool) {
	for _, m := range slices.Backward(o) {
		if m.name == name {
			return m.value, true
		}
	}
	return nil, false
}

// sorted puts the members into the order of their names, each once.
func (o object) sorted() object {
	slices.SortStableFunc(o, func(a, b member) int { return strings.Compare(a.name, b.name) })
	out := o[:0]
	for i, m := range o {
		if i+1 == len(o) || o[i+1].name != m.name {
			out = append(out, m)
		}
	}
	return out
}

// maxParsed is how deep values may be nested here.
const maxParsed = 50

// parse parses one value. ok is false where encoding/json has to. The value holds until the next one is parsed.
func (p *jsonParser) parse(raw []byte) (x any, ok bool) {
	if !utf8.Valid(raw) {
		return nil, false
	}
	p.rest, p.bad = string(raw), false
	clear(p.members)
	clear(p.elements)
	p.members, p.elements = p.members[:0], p.elements[:0]
	x = p.value()
	p.space()
	return x, !p.bad && p.rest == ""
}

func (p *jsonParser) space() {
	for p.rest != "" && (p.rest[0] == ' ' || p.rest[0] == '\n' || p.rest[0] == '\t' || p.rest[0] == '\r') {
		p.rest = p.rest[1:]
	}
}

// take passes over a byte if it is the next one behind white space.
func (p *jsonParser) take(c byte) bool {
	p.space()
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *jsonParser) word(word string) bool {
	if len(p.rest) < len(word) || p.rest[:len(word)] != word {
		return false
	}
	p.rest = p.rest[len(word):]
	return true
}

func (p *jsonParser) value() any {
	if p.depth++; p.depth > maxParsed {
		p.bad = true
	}
	defer func() { p.depth-- }()
	p.space()
	switch {
	case p.bad || p.rest == "":
		p.bad = true
		return nil
	case p.rest[0] == '"':
		return p.text()
	case p.take('{'):
		return p.object()
	case p.take('['):
		return p.array()
	case p.word("true"):
		return true
	case p.word("false"):
		return false
	case p.word("null"):
		return nil
	}
	return p.number()
}

func (p *jsonParser) object() any {
	from := len(p.openMembers)
	for first := true; !p.bad && !p.take('}'); first = false {
		if !first && !p.take(',') {
			p.bad = true
		}
		p.space()
		name := p.text()
		if !p.take(':') {
			p.bad = true
		}
		p.openMembers = append(p.openMembers, member{name, p.value()})
	}
	at := len(p.members)
	p.members = append(p.members, p.openMembers[from:]...) // where this moves them, those closed before stay where they are
	clear(p.openMembers[from:])
	p.openMembers = p.openMembers[:from]
	return object(p.members[at:len(p.members):len(p.members)])
}

func (p *jsonParser) array() any {
	from := len(p.openElements)
	for first := true; !p.bad && !p.take(']'); first = false {
		if !first && !p.take(',') {
			p.bad = true
		}
		p.openElements = append(p.openElements, p.value())
	}
	at := len(p.elements)
	p.elements = append(p.elements, p.openElements[from:]...)
	clear(p.openElements[from:])
	p.openElements = p.openElements[:from]
	return p.elements[at:len(p.elements):len(p.elements)]
}

// text reads a string without escapes.
func (p *jsonParser) text() string {
	if p.rest == "" || p.rest[0] != '"' {
		p.bad = true
		return ""
	}
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case c == '"':
			s := p.rest[1:i]
			p.rest = p.rest[i+1:]
			return s
		case c == '\\' || c < ' ':
			p.bad = true
			return ""
		}
	}
	p.bad = true
	return ""
}

// number reads a whole number. What goes on behind it as no number of this form does is bad where it stands.
func (p *jsonParser) number() any {
	end := 0
	if p.rest[0] == '-' {
		end++
	}
	first := end
	for end < len(p.rest) && p.rest[end] >= '0' && p.rest[end] <= '9' {
		end++
	}
	if end == first || p.rest[first] == '0' && end > first+1 {
		p.bad = true
		return nil
	}
	n := json.Number(p.rest[:end])
	p.rest = p.rest[end:]
	return n
}
