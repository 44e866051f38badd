package mailrule

import (
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonNode is a JSON value with its place in the source, which encoding/json does not tell of strings.
type jsonNode struct {
	kind    byte // 'o'bject, 'a'rray, 's'tring, 'n'umber, 't'rue, 'f'alse, 'z' for null, 0 for none
	at      Span
	text    Value
	number  int64
	members []jsonMember
	items   []jsonNode
}

type jsonMember struct {
	name  Value
	value jsonNode
}

func (n jsonNode) get(name string) jsonNode {
	for _, m := range n.members {
		if m.name.Text == name {
			return m.value
		}
	}
	return jsonNode{}
}

// jsonReader reads one JSON document. err is set at the first thing that is not JSON; what was read before stays.
type jsonReader struct {
	src   string
	pos   int
	err   error
	nodes int
}

func parseJSON(src string) (jsonNode, error) {
	r := &jsonReader{src: src}
	n := r.value(0)
	r.white()
	if r.err == nil && r.pos < len(src) {
		r.fail("text after the end of the document")
	}
	return n, r.err
}

func (r *jsonReader) fail(text string) {
	if r.err == nil {
		r.err = fmt.Errorf("at byte %d: %s", r.pos, text)
	}
}

func (r *jsonReader) white() {
	for r.pos < len(r.src) && (r.src[r.pos] == ' ' || r.src[r.pos] == '\t' || r.src[r.pos] == '\n' || r.src[r.pos] == '\r') {
		r.pos++
	}
}

func (r *jsonReader) take(c byte) bool {
	r.white()
	if r.err == nil && r.pos < len(r.src) && r.src[r.pos] == c {
		r.pos++
		return true
	}
	return false
}

func (r *jsonReader) value(depth int) jsonNode {
	r.white()
	r.nodes++
	start := r.pos
	n := jsonNode{at: Span{start, start}}
	switch {
	case r.err != nil:
		return n
	case depth > maxDepth:
		r.fail(fmt.Sprintf("nested more than %d deep", maxDepth))
	case r.nodes > 200_000:
		r.fail("more than 200000 values")
	case start >= len(r.src):
		r.fail("the document ends early")
	case r.take('{'):
		n.kind = 'o'
		n.members = r.object(depth)
	case r.take('['):
		n.kind = 'a'
		for !r.take(']') && r.err == nil {
			n.items = append(n.items, r.value(depth+1))
			r.comma(']')
		}
	case r.src[start] == '"':
		n.kind, n.text = 's', r.str()
	default:
		r.literal(&n)
	}
	n.at.End = r.pos
	return n
}

func (r *jsonReader) object(depth int) (members []jsonMember) {
	for !r.take('}') && r.err == nil {
		r.white()
		if r.pos >= len(r.src) || r.src[r.pos] != '"' {
			r.fail("a name was expected")
			break
		}
		name := r.str()
		if !r.take(':') {
			r.fail("a colon was expected")
			break
		}
		members = append(members, jsonMember{name, r.value(depth + 1)})
		r.comma('}')
	}
	return members
}

// comma goes over a comma, or leaves the closing bracket for take.
func (r *jsonReader) comma(end byte) {
	if r.take(',') {
		return
	}
	r.white()
	if r.pos >= len(r.src) || r.src[r.pos] != end {
		r.fail("a comma or a closing bracket was expected")
	}
}

func (r *jsonReader) literal(n *jsonNode) {
	start := r.pos
	for r.pos < len(r.src) && (letter(r.src[r.pos]) || digit(r.src[r.pos]) || r.src[r.pos] == '-' || r.src[r.pos] == '+' || r.src[r.pos] == '.') {
		r.pos++
	}
	word := r.src[start:r.pos]
	switch word {
	case "true":
		n.kind = 't'
	case "false":
		n.kind = 'f'
	case "null":
		n.kind = 'z'
	default:
		f, err := strconv.ParseFloat(word, 64)
		if err != nil {
			r.fail("a value was expected")
			return
		}
		n.kind, n.number = 'n', int64(max(min(f, 1<<60), -1<<60))
	}
}

// str reads a string and keeps where each of its bytes comes from.
func (r *jsonReader) str() Value {
	r.pos++
	start := r.pos
	var b valueBuilder
	begin, escaped := start, false
	for r.pos < len(r.src) && r.src[r.pos] != '"' {
		if r.src[r.pos] != '\\' {
			r.pos++
			continue
		}
		b.addSource(r.src[begin:r.pos], begin)
		escaped = true
		at := r.pos
		text := r.escape()
		b.add(text, Span{at, r.pos})
		begin = r.pos
	}
	if r.pos >= len(r.src) {
		r.pos = len(r.src)
		r.fail("a string is not closed")
	}
	end := r.pos
	begin = min(begin, end)
	v := sourceValue(r.src[begin:end], begin)
	if escaped {
		b.addSource(r.src[begin:end], begin)
		v = b.value(Span{start, end})
	}
	v.At = Span{start, end}
	r.pos = min(r.pos+1, len(r.src))
	return v
}

// escape reads one escape and goes behind it.
func (r *jsonReader) escape() string {
	if r.pos+1 >= len(r.src) {
		r.pos = len(r.src)
		return ""
	}
	c := r.src[r.pos+1]
	if c == 'u' {
		first, ok := r.hex(r.pos)
		if !ok {
			r.fail("four hexadecimal digits were expected")
			r.pos += 2
			return "\uFFFD"
		}
		r.pos += 6
		if utf16.IsSurrogate(first) {
			if second, ok := r.hex(r.pos); ok {
				if whole := utf16.DecodeRune(first, second); whole != utf8.RuneError {
					r.pos += 6
					return string(whole)
				}
			}
			return "\uFFFD"
		}
		return string(first)
	}
	r.pos += 2
	switch c {
	case 'n':
		return "\n"
	case 't':
		return "\t"
	case 'r':
		return "\r"
	case 'b':
		return "\b"
	case 'f':
		return "\f"
	case '"', '\\', '/':
		return string(rune(c))
	}
	r.fail("an escape that JSON does not have")
	return "\uFFFD"
}

// hex reads \uXXXX at i.
func (r *jsonReader) hex(i int) (rune, bool) {
	if i+6 > len(r.src) || r.src[i] != '\\' || r.src[i+1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(r.src[i+2:i+6], 16, 16)
	return rune(n), err == nil
}
