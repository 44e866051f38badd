package bodystructure

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// Limits. See the package's comment.
const (
	MaxDepth  = 100
	MaxValues = 200_000
)

// A value is a string, NIL or a list.
type value struct {
	text   string
	isText bool // quoted or a literal
	isList bool
	list   []value
	cut    bool // it is nested too deep, or there are too many, and not all was read
}

func (v value) isNil() bool { return !v.isText && !v.isList && strings.EqualFold(v.text, "NIL") }

// str is what the value says, and "" for NIL and lists.
func (v value) str() string {
	if v.isNil() || v.isList {
		return ""
	}
	return v.text
}

// number reads a number that is not negative, and gives -1 for what is none.
func (v value) number() int64 {
	n, err := strconv.ParseInt(v.text, 10, 64)
	if err != nil || n < 0 || v.isList {
		return -1
	}
	return n
}

// A scanner reads values.
type scanner struct {
	data []byte
	pos  int
	left int // how many values may still be read
}

func (s *scanner) space() {
	for s.pos < len(s.data) && strings.IndexByte(" \t\r\n", s.data[s.pos]) >= 0 {
		s.pos++
	}
}

// next reads a value; ok is false at the end of the list or of the bytes.
func (s *scanner) next(depth int) (v value, ok bool) {
	s.space()
	if s.pos == len(s.data) || s.data[s.pos] == ')' || s.left == 0 {
		return value{}, false
	}
	s.left--
	switch s.data[s.pos] {
	case '(':
		return s.readList(depth), true
	case '"':
		return value{text: s.quoted(), isText: true}, true
	case '{', '~':
		if text, ok := s.literal(); ok {
			return value{text: text, isText: true}, true
		}
	}
	return value{text: s.atom()}, true
}

func (s *scanner) readList(depth int) value {
	v := value{isList: true}
	if depth == MaxDepth {
		s.skip()
		v.cut = true
		return v
	}
	s.pos++
	for {
		item, ok := s.next(depth + 1)
		if !ok {
			break
		}
		v.cut = v.cut || item.cut
		v.list = append(v.list, item)
	}
	if s.pos < len(s.data) && s.data[s.pos] == ')' {
		s.pos++
	} else {
		v.cut = true
	}
	return v
}

// skip passes a list with all that is in it.
func (s *scanner) skip() {
	depth := 0
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case '(':
			depth++
			s.pos++
		case ')':
			depth--
			s.pos++
		case '"':
			s.quoted()
		case '{', '~':
			if _, ok := s.literal(); !ok {
				s.pos++
			}
		default:
			s.pos++
		}
		if depth == 0 {
			return
		}
	}
}

// quoted reads a quoted string. It ends with its line at the latest.
func (s *scanner) quoted() string {
	var out []byte
	for s.pos++; s.pos < len(s.data); s.pos++ {
		switch c := s.data[s.pos]; {
		case c == '"':
			s.pos++
			return text(out)
		case c == '\n':
			return text(out)
		case c == '\\' && s.pos+1 < len(s.data):
			s.pos++
			out = append(out, s.data[s.pos])
		default:
			out = append(out, c)
		}
	}
	return text(out)
}

// literal reads {n}, a line end and n bytes. It moves nothing if there is none.
func (s *scanner) literal() (string, bool) {
	n, from, ok := s.literalHead()
	if !ok || n > len(s.data)-from {
		return "", false
	}
	s.pos = from + n
	return text(s.data[from:s.pos]), true
}

// literalHead says how long the literal is that begins here, and where.
func (s *scanner) literalHead() (n, from int, ok bool) {
	head := s.data[s.pos:min(len(s.data), s.pos+32)]
	line, _, found := bytes.Cut(bytes.TrimPrefix(head, []byte("~")), []byte("\n"))
	if !found {
		return 0, 0, false
	}
	digits, open := strings.CutPrefix(strings.TrimSuffix(string(line), "\r"), "{")
	digits, closed := strings.CutSuffix(digits, "}")
	n, err := strconv.Atoi(strings.TrimSuffix(digits, "+"))
	return n, s.pos + bytes.IndexByte(head, '\n') + 1, open && closed && err == nil && n >= 0
}

func (s *scanner) atom() string {
	from := s.pos
	for s.pos++; s.pos < len(s.data) && strings.IndexByte(" \t\r\n()", s.data[s.pos]) < 0; s.pos++ {
	}
	return text(s.data[from:s.pos])
}

// text gives bytes as UTF-8: others are taken for Windows-1252.
func text(data []byte) string {
	if utf8.Valid(data) {
		return string(data)
	}
	decoded, err := charmap.Windows1252.NewDecoder().Bytes(data)
	if err != nil {
		return strings.ToValidUTF8(string(data), "\uFFFD")
	}
	return string(decoded)
}
