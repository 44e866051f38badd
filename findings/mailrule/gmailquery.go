package mailrule

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mbaudit/mbaudit/internal/visible"
)

// queryParser reads Gmail's search language (support.google.com/mail/answer/7190). OR binds closer than the blank that
// means "and", as in Google's other searches.
type queryParser struct {
	v     Value
	pos   int
	notes []Note
	terms int
	full  bool
}

// parseQuery reads a query whose plain words are looked for in field.
func parseQuery(v Value, field Field) (Condition, []Note) {
	p := &queryParser{v: v}
	var list []Condition
	for p.pos < len(v.Text) && !p.full {
		list = append(list, p.and(field, 0))
		p.pos++ // and stops at the end, or at a bracket that closes nothing: Gmail goes over it
	}
	c := all(list...)
	if c.Op == Always { // a query of blanks or nothing
		c.At = v.At
	}
	return c, p.notes
}

func (p *queryParser) note(kind NoteKind, text string, i int) {
	p.notes = append(p.notes, Note{kind, text, p.v.span(min(i, len(p.v.Text)), len(p.v.Text))})
}

// white goes over blanks of all kinds.
func (p *queryParser) white() {
	for p.pos < len(p.v.Text) {
		r, size := utf8.DecodeRuneInString(p.v.Text[p.pos:])
		if !unicode.IsSpace(r) {
			return
		}
		p.pos += size
	}
}

// queryEnd is what peek returns at the end: a byte that UTF-8 does not have. A query may well have a zero byte.
const queryEnd = 0xFF

func (p *queryParser) peek() byte {
	if p.pos < len(p.v.Text) {
		return p.v.Text[p.pos]
	}
	return queryEnd
}

// keyword goes over a word in capitals that stands alone.
func (p *queryParser) keyword(word string) bool {
	rest := p.v.Text[p.pos:]
	if !strings.HasPrefix(rest, word) {
		return false
	}
	after, _ := utf8.DecodeRuneInString(rest[len(word):])
	if len(rest) > len(word) && !unicode.IsSpace(after) && !strings.ContainsRune("(){}\"", after) {
		return false
	}
	p.pos += len(word)
	return true
}

// and reads terms up to a closing bracket.
func (p *queryParser) and(field Field, depth int) Condition {
	var list []Condition
	for !p.full {
		p.white()
		if c := p.peek(); c == queryEnd || c == ')' || c == '}' {
			break
		}
		if p.keyword("AND") {
			continue
		}
		if c, ok := p.or(field, depth); ok {
			list = append(list, c)
		}
	}
	return all(list...)
}

// or reads terms with OR or | between them.
func (p *queryParser) or(field Field, depth int) (Condition, bool) {
	var list []Condition
	for !p.full {
		p.white()
		if p.keyword("OR") || p.peek() == '|' && p.step() {
			continue // at the start, or twice
		}
		if c := p.peek(); c == queryEnd || c == ')' || c == '}' {
			break
		}
		c, ok := p.near(field, depth)
		if ok {
			list = append(list, c)
		}
		p.white()
		if p.keyword("OR") || p.peek() == '|' && p.step() {
			continue
		}
		break
	}
	return anyOf(list...), len(list) > 0
}

func (p *queryParser) step() bool {
	p.pos++
	return true
}

// near reads a term, and AROUND n with the term after it.
func (p *queryParser) near(field Field, depth int) (Condition, bool) {
	left, ok := p.term(field, depth)
	mark := p.pos
	p.white()
	if !ok || !p.keyword("AROUND") {
		p.pos = mark
		return left, ok
	}
	p.white()
	start := p.pos
	for p.pos < len(p.v.Text) && digit(p.v.Text[p.pos]) {
		p.pos++
	}
	distance, _ := strconv.ParseInt(p.v.Text[start:p.pos], 10, 32)
	p.white()
	right, ok := p.term(field, depth)
	if !ok || left.Op != Test || right.Op != Test {
		return all(left, right), true
	}
	return Condition{Op: Test, Field: field, Match: Near, Number: distance, Values: append(left.Values[:1:1], right.Values...), At: Span{left.At.Start, right.At.End}}, true
}

// term reads a word, a phrase, a group or an operator with its value, perhaps excluded.
func (p *queryParser) term(field Field, depth int) (Condition, bool) {
	p.terms++
	if p.terms > maxCommands || depth > maxDepth {
		if !p.full {
			p.note(TooDeep, fmt.Sprintf("a query of more than %d terms, or nested more than %d deep; the rest was not read", maxCommands, maxDepth), p.pos)
		}
		p.full = true
		return Condition{Op: Unknown, At: p.v.span(p.pos, len(p.v.Text))}, true
	}
	switch p.peek() {
	case '-':
		return p.excluded(field, depth)
	case '+':
		p.pos++
		return p.term(field, depth+1)
	case '(':
		p.pos++
		c := p.and(field, depth+1)
		p.closing(')')
		return c, true
	case '{':
		return p.braces(field, depth), true
	case '"':
		return p.phrase(field), true
	}
	return p.word(field, depth)
}

// excluded reads what a hyphen excludes. A hyphen before a blank excludes nothing.
func (p *queryParser) excluded(field Field, depth int) (Condition, bool) {
	start := p.pos
	for p.peek() == '-' {
		p.pos++
	}
	if c := p.peek(); c == queryEnd || c == ' ' || c == ')' || c == '}' {
		return Condition{}, false
	}
	c, ok := p.term(field, depth+1)
	if !ok {
		return c, false
	}
	c = negate(c) // "--x" excludes as "-x" does
	c.At = p.v.span(start, p.pos)
	return c, true
}

func (p *queryParser) braces(field Field, depth int) Condition {
	p.pos++
	var list []Condition
	for !p.full {
		p.white()
		if c := p.peek(); c == queryEnd || c == '}' || c == ')' {
			break
		}
		if c, ok := p.or(field, depth+1); ok {
			list = append(list, c)
		}
	}
	p.closing('}')
	return anyOf(list...)
}

func (p *queryParser) closing(c byte) {
	if p.peek() == c {
		p.pos++
	}
}

func (p *queryParser) phrase(field Field) Condition {
	start := p.pos + 1
	end := strings.IndexByte(p.v.Text[start:], '"')
	if end < 0 {
		end = len(p.v.Text) - start
	}
	p.pos = min(start+end+1, len(p.v.Text))
	return words(p.v, start, start+end, field)
}

func words(v Value, i, j int, field Field) Condition {
	value := v.cut(i, j)
	return Condition{Op: Test, Field: field, Match: HasWords, Values: []Value{value}, At: value.At}
}

// word reads a bare word, or an operator and its value.
func (p *queryParser) word(field Field, depth int) (Condition, bool) {
	start := p.pos
	for p.pos < len(p.v.Text) {
		r, size := utf8.DecodeRuneInString(p.v.Text[p.pos:])
		if unicode.IsSpace(r) || strings.ContainsRune("(){}\"|", r) {
			break
		}
		p.pos += size
		if r == ':' {
			name := strings.ToLower(p.v.Text[start : p.pos-1])
			if operator(name) {
				return p.operand(name, start, depth)
			}
		}
	}
	if p.pos == start { // the end, or a bracket or quotation mark that or() left
		p.pos = min(p.pos+1, len(p.v.Text))
		return Condition{}, false
	}
	if c, ok := comparison(p.v, start, p.pos); ok {
		return c, true
	}
	if name, value, ok := strings.Cut(p.v.Text[start:p.pos], ":"); ok && value != "" && !strings.HasPrefix(value, "//") && len(name) > 1 && asciiLetters(name) {
		p.notes = append(p.notes, Note{UnknownCommand, "the search operator " + visible.Cut(name, 40) + ": is not known here; it is taken for words", p.v.span(start, p.pos)})
	}
	return words(p.v, start, p.pos, field), true
}

// comparison reads "size>0" and "larger>0", which are no operators of Gmail's and are written as if they were.
func comparison(v Value, i, j int) (Condition, bool) {
	word := strings.ToLower(v.Text[i:j])
	k := strings.IndexAny(word, "<>")
	if k < 0 {
		return Condition{}, false
	}
	if field, ok := operatorField(word[:k]); !ok || field != Size {
		return Condition{}, false
	}
	c := Condition{Op: Test, Field: Size, Match: Over, Names: []string{word[:k]}, Number: gmailBytes(word[k:]), At: v.span(i, j)}
	if word[k] == '<' {
		c.Match = Under
	}
	return c, true
}

func asciiLetters(s string) bool {
	for i := range len(s) {
		if !letter(s[i]) {
			return false
		}
	}
	return true
}

func operator(name string) bool {
	_, ok := operatorField(name)
	return ok
}

// operatorField lists Gmail's operators and what they look at.
func operatorField(name string) (Field, bool) {
	switch name {
	case "from":
		return From, true
	case "to", "cc", "bcc", "deliveredto":
		return To, true
	case "subject":
		return Subject, true
	case "has", "filename":
		return Attachment, true
	case "in", "label", "category":
		return Folder, true
	case "is":
		return State, true
	case "size", "larger", "smaller", "larger_than", "smaller_than":
		return Size, true
	case "older_than", "newer_than", "older", "newer", "after", "before":
		return Date, true
	case "list":
		return List, true
	case "rfc822msgid":
		return InThread, true
	}
	return "", false
}

// operand reads what stands after "operator:".
func (p *queryParser) operand(name string, start, depth int) (Condition, bool) {
	field, _ := operatorField(name)
	p.white()
	c, ok := p.term(field, depth+1)
	if !ok {
		c = Condition{Op: Test, Field: field, Match: HasWords, Values: []Value{p.v.cut(p.pos, p.pos)}}
	}
	c = specialise(c, name)
	c.At = p.v.span(start, p.pos)
	return c, true
}

// specialise gives the tests below an operator their own form: sizes, has:attachment, dates.
func specialise(c Condition, name string) Condition {
	if c.Op != Test {
		of := make([]Condition, len(c.Of))
		for i := range c.Of {
			of[i] = specialise(c.Of[i], name)
		}
		if len(of) > 0 {
			c.Of = of
		}
		return c
	}
	c.Names = []string{name}
	text := ""
	if len(c.Values) > 0 {
		text = strings.ToLower(c.Values[0].Text)
	}
	switch name {
	case "size", "larger", "larger_than":
		c.Match, c.Number, c.Values = Over, gmailBytes(text), nil
	case "smaller", "smaller_than":
		c.Match, c.Number, c.Values = Under, gmailBytes(text), nil
	case "has":
		if text == "attachment" {
			c.Match, c.Values = Exists, nil
		} else if text != "drive" && text != "document" && text != "spreadsheet" && text != "presentation" && text != "youtube" && text != "image" {
			c.Field = State // has:userlabels, has:yellow-star
		}
	case "is", "in", "label", "category":
		c.Match = Is
	}
	return c
}

func gmailBytes(text string) int64 {
	text = strings.TrimLeft(text, "<>=")
	digits := strings.TrimRight(text, "kmgb")
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return 0
	}
	switch strings.TrimSuffix(text[len(digits):], "b") {
	case "k":
		n *= 1 << 10
	case "m":
		n *= 1 << 20
	case "g":
		n *= 1 << 30
	}
	return int64(max(0, min(n, 1<<60)))
}
