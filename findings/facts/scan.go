package facts

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// A factScanner reads a line of facts.jsonl in the form that AppendJSON writes: the fields of a fact in their order, nothing
// between the tokens. A report reads hundreds of thousands of them, and encoding/json would take most of its time. It accepts
// nothing that encoding/json would read differently; whatever is not in that form is left to encoding/json.
type factScanner struct {
	rest string
	bad  bool // the line has another form
}

// scanFact reads a line into f and says whether it has the usual form. If not, f is to be thrown away. All texts share one copy
// of the line.
func scanFact(line []byte, f *Fact) bool {
	s := &factScanner{rest: strings.TrimSuffix(string(line), "\n")}
	if !utf8.ValidString(s.rest) {
		return false // encoding/json replaces such bytes
	}
	s.expect(`{"kind":`)
	f.Kind = s.text()
	s.optional(`,"account":`, &f.Account)
	f.Time = s.time(`,"time":`)
	s.optional(`,"zone":`, &f.Zone)
	s.optional(`,"inferred":`, &f.Inferred)
	s.optional(`,"bundle":`, &f.Bundle)
	s.optional(`,"exhibit":`, &f.Exhibit)
	s.optional(`,"at":`, &f.Locator)
	s.optional(`,"collector":`, &f.Collector)
	s.optional(`,"resource":`, &f.Resource)
	f.Collected = s.time(`,"collected":`)
	s.expect(`,"fields":{`)
	f.Fields = s.fields(make(Fields, 0, 32))
	s.expect("}")
	return !s.bad && s.rest == ""
}

func (s *factScanner) has(token string) bool {
	if s.bad || !strings.HasPrefix(s.rest, token) {
		return false
	}
	s.rest = s.rest[len(token):]
	return true
}

func (s *factScanner) expect(token string) { s.bad = !s.has(token) || s.bad }

func (s *factScanner) optional(token string, value *string) {
	if s.has(token) {
		*value = s.text()
	}
}

func (s *factScanner) time(token string) (t time.Time) {
	if s.has(token) {
		s.bad = t.UnmarshalText([]byte(s.text())) != nil || s.bad
	}
	return t
}

// text reads a string. One with escapes is encoding/json's.
func (s *factScanner) text() string {
	if !s.has(`"`) {
		s.bad = true
		return ""
	}
	escaped := false
	for i := 0; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '"':
			value := s.rest[:i]
			if escaped {
				quoted := `"` + s.rest[:i+1]
				s.bad = json.Unmarshal([]byte(quoted), &value) != nil || s.bad
			}
			s.rest = s.rest[i+1:]
			return value
		case c == '\\':
			escaped = true
			i++
		case c < ' ':
			s.bad = true
			return ""
		}
	}
	s.bad = true
	return ""
}

// fields reads the fields behind their brace, and puts them into the order of their names. A name that is there twice is
// encoding/json's to judge.
func (s *factScanner) fields(fields Fields) Fields {
	sorted := true
	for !s.bad && !s.has("}") {
		if len(fields) > 0 {
			s.expect(",")
		}
		name := s.text()
		s.expect(":")
		sorted = sorted && (len(fields) == 0 || fields[len(fields)-1].Name < name)
		fields = append(fields, Field{name, s.value()})
	}
	if !sorted {
		slices.SortFunc(fields, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	}
	for i := range fields {
		s.bad = s.bad || i > 0 && fields[i].Name == fields[i-1].Name
		fields[i].Name = strings.ToLower(fields[i].Name)
	}
	return fields
}

func (s *factScanner) value() Value {
	if !s.has("[") {
		return s.scalar()
	}
	var texts []string
	for !s.bad && !s.has("]") {
		if len(texts) > 0 {
			s.expect(",")
		}
		texts = append(texts, s.scalar().one)
	}
	return List(texts)
}

// scalar reads a text, a whole number, true or false.
func (s *factScanner) scalar() Value {
	switch {
	case strings.HasPrefix(s.rest, `"`):
		return Text(s.text())
	case s.has("true"):
		return Bool(true)
	case s.has("false"):
		return Bool(false)
	}
	end := 0
	if strings.HasPrefix(s.rest, "-") {
		end++
	}
	first := end
	for end < len(s.rest) && s.rest[end] >= '0' && s.rest[end] <= '9' {
		end++
	}
	one := s.rest[:end]
	s.rest = s.rest[end:]
	if end == first || one[first] == '0' && end > first+1 {
		s.bad = true
	}
	return Value{form: number, one: one} // what follows a digit and is no comma or bracket fails there
}
