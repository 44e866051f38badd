package imapwire

import (
	"bytes"
	"iter"
)

// A ValueKind says how a value was written.
type ValueKind byte

// The kinds of values.
const (
	Atom     ValueKind = iota // a bare word, NIL aside
	Nil                       // NIL in any case
	Quoted                    // "…"
	Literal                   // {n} or ~{n}, in the response's bytes
	List                      // (…)
	Streamed                  // the literal that is handed out as Response.Body
)

// A Value is one value of a response.
type Value struct {
	Kind ValueKind
	Raw  []byte // as received, with quotes, parentheses or the announcement of the literal

	content []byte
	cut     int
}

// Text returns what the value says: an atom as it is, a quoted string without quotes and escapes, a literal's bytes,
// a list's inside. It is nil for NIL and for a streamed body.
func (v Value) Text() []byte {
	switch v.Kind {
	case Nil, Streamed:
		return nil
	case Quoted:
		return unquote(v.content)
	}
	return v.content
}

// Number returns the value as a number, false if it is none.
func (v Value) Number() (uint32, bool) { return parseNumber(v.Text()) }

// Scan returns a Scanner on the inside of a list.
func (v Value) Scan() *Scanner { return &Scanner{b: v.content, cut: v.cut} }

func unquote(b []byte) []byte {
	if bytes.IndexByte(b, '\\') < 0 {
		return b
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == '\\' && i+1 < len(b) {
			i++
		}
		out = append(out, b[i])
	}
	return out
}

// A Scanner reads the values of a response one after the other. It never fails: what is not closed ends where the
// bytes end.
type Scanner struct {
	b   []byte
	pos int
	cut int // where a body was left out, or -1

	closing int // where the next "]" is, len(b) if there is none; looked for again once pos is there
}

// Next returns the next value, false at the end or at an unexpected closing parenthesis.
func (s *Scanner) Next() (Value, bool) {
	s.space()
	if s.pos >= len(s.b) {
		return Value{}, false
	}
	start := s.pos
	switch s.b[s.pos] {
	case ')':
		return Value{}, false
	case '(':
		s.skipList()
		inside := s.b[start+1 : s.pos]
		if n := len(inside); n > 0 && inside[n-1] == ')' {
			inside = inside[:n-1]
		}
		return Value{Kind: List, Raw: s.b[start:s.pos], content: inside, cut: s.cut - start - 1}, true
	case '"':
		s.skipQuoted()
		inside := s.b[start+1 : s.pos]
		if n := len(inside); n > 0 && inside[n-1] == '"' {
			inside = inside[:n-1]
		}
		return Value{Kind: Quoted, Raw: s.b[start:s.pos], content: inside}, true
	case '{', '~':
		if from, ok := s.skipLiteral(); ok {
			if s.cut >= 0 && from == s.cut {
				return Value{Kind: Streamed, Raw: s.b[start:s.pos]}, true
			}
			return Value{Kind: Literal, Raw: s.b[start:s.pos], content: s.b[from:s.pos]}, true
		}
	}
	s.skipAtom()
	raw := s.b[start:s.pos]
	if len(raw) == 3 && bytes.EqualFold(raw, []byte("NIL")) {
		return Value{Kind: Nil, Raw: raw}, true
	}
	return Value{Kind: Atom, Raw: raw, content: raw}, true
}

// Rest returns what has not been read, as received.
func (s *Scanner) Rest() []byte { return s.b[min(s.pos, len(s.b)):] }

func (s *Scanner) space() {
	for s.pos < len(s.b) {
		switch s.b[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

// skipAtom passes a word. In brackets, as in BODY[HEADER.FIELDS (TO CC)], spaces and parentheses belong to it.
func (s *Scanner) skipAtom() {
	start, bracket := s.pos, false
	for s.pos < len(s.b) {
		switch c := s.b[s.pos]; {
		case c == '\r' || c == '\n':
			return
		case c == '[':
			bracket = s.closes()
		case c == ']':
			bracket = false
		case !bracket && (c == ' ' || c == '(' || c == ')'):
			if s.pos == start {
				s.pos++
			}
			return
		}
		s.pos++
	}
}

// closes says whether a bracket is closed further on. It looks for each closing one once: a list may be all opening ones.
func (s *Scanner) closes() bool {
	if s.closing <= s.pos {
		if s.closing = s.pos + bytes.IndexByte(s.b[s.pos:], ']'); s.closing < s.pos {
			s.closing = len(s.b)
		}
	}
	return s.closing < len(s.b)
}

func (s *Scanner) skipQuoted() {
	for s.pos++; s.pos < len(s.b); s.pos++ {
		switch s.b[s.pos] {
		case '\\':
			s.pos++
		case '"':
			s.pos++
			return
		case '\n':
			return
		}
	}
	s.pos = min(s.pos, len(s.b))
}

// skipLiteral passes {n} CRLF and n bytes, and returns where these begin. It moves nothing if there is no literal.
func (s *Scanner) skipLiteral() (from int, ok bool) {
	nl := bytes.IndexByte(s.b[s.pos:min(len(s.b), s.pos+33)], '\n') // no further: a list may be all braces
	if nl < 0 {
		return 0, false
	}
	from = s.pos + nl + 1
	digits, mark, ok := literalAtEnd(s.b[s.pos:from])
	if !ok || mark != 0 {
		return 0, false
	}
	if from == s.cut {
		s.pos = from
		return from, true
	}
	n, ok := parseSize(digits)
	if !ok || n > int64(len(s.b)-from) {
		return 0, false
	}
	s.pos = from + int(n)
	return from, true
}

// skipList passes a list with all that is in it. It counts parentheses rather than call itself, since a server may
// nest them as deep as it likes.
func (s *Scanner) skipList() {
	depth := 0
	for s.pos < len(s.b) {
		switch s.b[s.pos] {
		case '(':
			depth++
			s.pos++
		case ')':
			depth--
			s.pos++
			if depth == 0 {
				return
			}
		case '"':
			s.skipQuoted()
		case '{', '~':
			if _, ok := s.skipLiteral(); !ok {
				s.pos++
			}
		default:
			s.pos++
		}
	}
}

// Items returns the names and values of a FETCH response in the order they came. Names are as received.
func (resp *Response) Items() iter.Seq2[[]byte, Value] {
	return func(yield func([]byte, Value) bool) {
		s := resp.Scan()
		s.space()
		if s.pos < len(s.b) && s.b[s.pos] == '(' {
			s.pos++
		}
		for {
			name, ok := s.Next()
			if !ok {
				return
			}
			value, ok := s.Next()
			if !ok || !yield(name.Raw, value) {
				return
			}
		}
	}
}
