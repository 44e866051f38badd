package evidence

import (
	"bytes"
	"unicode/utf8"
)

// A lineScanner reads an index line in the form that appendLine writes: the fields in the format's order, nothing
// between the tokens. Verifying a bundle reads millions of them, and encoding/json would take a quarter of its time. It
// accepts nothing that encoding/json would read differently; whatever is not in that form is left to encoding/json.
type lineScanner struct {
	rest []byte
	bad  bool // the line has another form
}

// scanLine reads text into l and says whether it has the usual form. If not, l is to be thrown away.
func scanLine(text []byte, l *line) bool {
	if !utf8.Valid(text) {
		return false // encoding/json replaces such bytes
	}
	s := &lineScanner{rest: text}
	s.expect(`{"v":`)
	l.V = int(s.number())
	s.expect(`,"n":`)
	l.N = s.number()
	s.expect(`,"kind":`)
	l.Kind = s.text()
	s.expect(`,"salt":`)
	l.Salt = s.text()
	s.expect(`,"account":`)
	l.Account = s.text()
	s.expect(`,"collector":`)
	l.Collector = s.text()
	s.expect(`,"resource":`)
	l.Resource = s.text()
	s.optional(`,"item":`, &l.Item)
	s.optional(`,"name":`, &l.Name)
	s.optional(`,"media":`, &l.MediaType)
	if s.has(`,"seg":`) {
		l.Segment = int(s.number())
	}
	if s.has(`,"off":`) {
		l.Offset = s.number()
	}
	if s.has(`,"size":`) {
		size := s.number()
		l.Size = &size
	}
	if s.has(`,"sha256":`) {
		l.SHA256 = new(Digest)
		s.bad = l.SHA256.UnmarshalText([]byte(s.text())) != nil || s.bad
	}
	s.optional(`,"request":`, &l.Request)
	if s.has(`,"response":`) {
		l.Response = s.response()
	}
	if s.has(`,"attrs":`) {
		l.Attrs = s.attrs()
	}
	var class string
	s.optional(`,"class":`, &class)
	l.Class = GapClass(class)
	s.optional(`,"reason":`, &l.Reason)
	s.expect(`,"at":`)
	l.At = s.text()
	s.expect("}\n")
	return !s.bad && len(s.rest) == 0
}

func (s *lineScanner) has(token string) bool {
	if s.bad || len(s.rest) < len(token) || string(s.rest[:len(token)]) != token {
		return false
	}
	s.rest = s.rest[len(token):]
	return true
}

func (s *lineScanner) expect(token string) { s.bad = !s.has(token) || s.bad }

func (s *lineScanner) optional(token string, value *string) {
	if s.has(token) {
		*value = s.text()
	}
}

// number reads a whole number that is not negative and fits. Longer ones are encoding/json's to judge.
func (s *lineScanner) number() int64 {
	n, i := int64(0), 0
	for ; i < len(s.rest) && s.rest[i] >= '0' && s.rest[i] <= '9'; i++ {
		if i == 18 {
			s.bad = true
			return 0
		}
		n = 10*n + int64(s.rest[i]-'0')
	}
	if i == 0 || i > 1 && s.rest[0] == '0' {
		s.bad = true
	}
	s.rest = s.rest[i:]
	return n
}

func (s *lineScanner) text() string { return string(s.bytes()) }

// bytes reads a string. The result stands until the line is gone.
func (s *lineScanner) bytes() []byte {
	if !s.has(`"`) {
		s.bad = true
		return nil
	}
	for i, c := range s.rest {
		switch {
		case c == '"':
			value := s.rest[:i]
			s.rest = s.rest[i+1:]
			return value
		case c == '\\':
			return s.escaped(i)
		case c < ' ':
			s.bad = true
			return nil
		}
	}
	s.bad = true
	return nil
}

// escaped reads a string whose first escape (RFC 8259 section 7) is at i. Surrogates are left to encoding/json.
func (s *lineScanner) escaped(i int) []byte {
	value := append(make([]byte, 0, 2*i+64), s.rest[:i]...)
	for i < len(s.rest) {
		c := s.rest[i]
		i++
		switch {
		case c == '"':
			s.rest = s.rest[i:]
			return value
		case c < ' ':
			s.bad = true
			return nil
		case c != '\\':
			value = append(value, c)
			continue
		}
		if i == len(s.rest) {
			break
		}
		c = s.rest[i]
		i++
		if at := bytes.IndexByte([]byte(`"\/bfnrt`), c); at >= 0 {
			value = append(value, "\"\\/\b\f\n\r\t"[at])
			continue
		}
		r, ok := hexRune(s.rest[i:])
		if c != 'u' || !ok {
			break
		}
		value = utf8.AppendRune(value, r)
		i += 4
	}
	s.bad = true
	return nil
}

// hexRune reads four hexadecimal digits that are not half of a surrogate pair.
func hexRune(digits []byte) (rune, bool) {
	if len(digits) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range digits[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, r < 0xD800 || r > 0xDFFF
}

// response reads the string form of Bytes; the other form is rare and encoding/json's.
func (s *lineScanner) response() Bytes {
	return append(Bytes{}, s.bytes()...)
}

func (s *lineScanner) attrs() map[string]string {
	s.expect("{")
	attrs := make(map[string]string, 12)
	for !s.bad && !s.has("}") {
		if len(attrs) > 0 {
			s.expect(",")
		}
		key := s.text()
		s.expect(":")
		if _, twice := attrs[key]; twice {
			s.bad = true
		}
		attrs[key] = s.text()
	}
	return attrs
}
