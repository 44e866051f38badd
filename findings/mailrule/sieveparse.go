package mailrule

import (
	"fmt"
	"strings"

	"github.com/mbaudit/mbaudit/internal/visible"
)

// Bounds of what is read. What is beyond is stated in a note.
const (
	maxSource   = 1 << 20 // bytes of a script, or of an account's filters
	maxDepth    = 32      // of blocks, tests, groups of a query, JSON values; RFC 5228 wants 15 of a server
	maxCommands = 10_000  // commands and tests of a script
	maxRules    = 1_000   // as many filters as Gmail allows
	maxErrors   = 20      // places of a script that are not the language, before the rest is given up
	maxAlso     = 64
	maxOptions  = 16    // values that one variable may have, by the branches taken
	maxVariable = 4_000 // characters of a variable's value; RFC 5229 wants 4,000 of a server
	maxIncludes = 10    // scripts included in each other
)

// command is a command or a test of a Sieve script, with no meaning yet.
type command struct {
	name    string // lower case
	at      Span
	args    []argument
	tests   []command
	block   []command
	blocked bool   // there is a block, perhaps an empty one
	comment string // the comments before it
}

// argument is a tag, a number or strings.
type argument struct {
	at      Span
	tag     string // without the colon, lower case
	number  int64
	strings []Value
	kind    byte // 't', 'n', 's'
}

// sieveLexeme is a piece of a script.
type sieveLexeme struct {
	kind  byte // 'i'dentifier, 't'ag, 'n'umber, 's'tring, 0 at the end, else the character itself
	text  string
	num   int64
	value Value
	at    Span
}

// sieveParser reads one script. It never fails: what is not the language becomes a note, and reading goes on after the
// next semicolon or block.
type sieveParser struct {
	src      string
	pos      int
	cur      sieveLexeme
	comment  strings.Builder
	notes    []Note
	commands int
	errors   int
	full     bool // a bound was met: nothing more is read
}

// parseSieve reads the commands of a script.
func parseSieve(src string) ([]command, []Note) {
	p := &sieveParser{src: src}
	if len(src) > maxSource {
		p.src = src[:maxSource]
		p.note(TooLarge, fmt.Sprintf("the script has %d bytes, of which the first %d were read", len(src), maxSource), Span{maxSource, len(src)})
	}
	if sourceValue(p.src, 0).from != nil {
		p.note(NotUTF8, "the script has bytes that are not UTF-8; a server refuses such a script", Span{0, len(p.src)})
	}
	p.next()
	var list []command
	for p.cur.kind != 0 && !p.full {
		list = append(list, p.block(0)...)
		if p.cur.kind == '}' {
			p.fail("a } that closes nothing")
			p.next()
		}
	}
	return list, p.notes
}

func (p *sieveParser) note(kind NoteKind, text string, at Span) {
	p.notes = append(p.notes, Note{kind, text, at})
}

func (p *sieveParser) fail(text string) {
	p.errors++
	if p.errors > maxErrors {
		if !p.full {
			p.note(Syntax, "too much of the script is not Sieve; the rest of it was not read", Span{p.cur.at.Start, len(p.src)})
		}
		p.full = true
		return
	}
	p.note(Syntax, text, p.cur.at)
}

// block reads commands up to a closing brace or the end.
func (p *sieveParser) block(depth int) []command {
	var list []command
	for !p.full && p.cur.kind != 0 && p.cur.kind != '}' {
		if c, ok := p.command(depth); ok {
			list = append(list, c)
		}
	}
	return list
}

func (p *sieveParser) command(depth int) (command, bool) {
	c := command{at: p.cur.at, comment: p.comment.String()}
	p.comment.Reset()
	if p.cur.kind != 'i' {
		p.fail("a command was expected here, and " + p.shown() + " is not one")
		p.skip()
		return c, false
	}
	if !p.count() {
		return c, false
	}
	c.name = strings.ToLower(p.cur.text)
	p.next()
	ok := p.arguments(&c, depth)
	switch {
	case !ok:
		p.skip()
	case p.cur.kind == ';':
		c.at.End = p.cur.at.End
		p.next()
	case p.cur.kind == '{':
		c.blocked = true
		p.next()
		if depth+1 > maxDepth {
			p.note(TooDeep, fmt.Sprintf("blocks within blocks, more than %d deep; the rest of the script was not read", maxDepth), Span{c.at.Start, len(p.src)})
			p.full = true
			return c, true
		}
		c.block = p.block(depth + 1)
		c.at.End = p.cur.at.End
		if p.cur.kind == '}' {
			p.next()
		} else {
			p.fail("the block of " + visible.Cut(c.name, 40) + " is not closed")
		}
	default:
		p.fail("after " + visible.Cut(c.name, 40) + " a ; or a block was expected, and there is " + p.shown())
		c.at.End = p.cur.at.Start
		p.skip()
	}
	return c, true
}

func (p *sieveParser) count() bool {
	p.commands++
	if p.commands > maxCommands {
		if !p.full {
			p.note(TooLarge, fmt.Sprintf("the script has more than %d commands and tests; the rest was not read", maxCommands), Span{p.cur.at.Start, len(p.src)})
		}
		p.full = true
		return false
	}
	return true
}

// arguments reads what follows a name: arguments, then a test or a list of tests.
func (p *sieveParser) arguments(c *command, depth int) bool {
	for {
		switch p.cur.kind {
		case 't':
			c.args = append(c.args, argument{at: p.cur.at, tag: strings.ToLower(p.cur.text), kind: 't'})
			p.next()
		case 'n':
			c.args = append(c.args, argument{at: p.cur.at, number: p.cur.num, kind: 'n'})
			p.next()
		case 's':
			c.args = append(c.args, argument{at: p.cur.at, strings: []Value{p.cur.value}, kind: 's'})
			p.next()
		case '[':
			list, ok := p.stringList()
			if !ok {
				return false
			}
			c.args = append(c.args, list)
		case 'i':
			test, ok := p.test(depth + 1)
			if ok {
				c.tests = append(c.tests, test)
				c.at.End = test.at.End
			}
			return ok
		case '(':
			return p.testList(c, depth+1)
		default:
			if n := len(c.args); n > 0 {
				c.at.End = c.args[n-1].at.End
			}
			return true
		}
	}
}

func (p *sieveParser) stringList() (argument, bool) {
	list := argument{at: p.cur.at, kind: 's', strings: []Value{}}
	p.next()
	for p.cur.kind != ']' {
		if p.cur.kind != 's' {
			p.fail("a list of strings has " + p.shown() + " in it")
			return list, false
		}
		list.strings = append(list.strings, p.cur.value)
		p.next()
		if p.cur.kind == ',' {
			p.next()
		} else if p.cur.kind != ']' {
			p.fail("a list of strings is not closed; there is " + p.shown())
			return list, false
		}
	}
	list.at.End = p.cur.at.End
	p.next()
	return list, true
}

func (p *sieveParser) test(depth int) (command, bool) {
	c := command{name: strings.ToLower(p.cur.text), at: p.cur.at}
	if depth > maxDepth {
		p.note(TooDeep, fmt.Sprintf("tests within tests, more than %d deep; the rest of the script was not read", maxDepth), Span{p.cur.at.Start, len(p.src)})
		p.full = true
		return c, false
	}
	if !p.count() {
		return c, false
	}
	p.next()
	ok := p.arguments(&c, depth)
	return c, ok
}

func (p *sieveParser) testList(c *command, depth int) bool {
	p.next()
	for {
		if p.cur.kind != 'i' {
			p.fail("a list of tests has " + p.shown() + " in it")
			return false
		}
		test, ok := p.test(depth)
		if !ok {
			return false
		}
		c.tests = append(c.tests, test)
		end := p.cur.at.End
		switch p.cur.kind {
		case ',':
			p.next()
		case ')':
			p.next()
			c.at.End = end
			return true
		default:
			p.fail("a list of tests is not closed; there is " + p.shown())
			return false
		}
	}
}

// skip goes to where the next command may start: after a semicolon, or into or out of a block.
func (p *sieveParser) skip() {
	for p.cur.kind != 0 && !p.full {
		switch p.cur.kind {
		case ';', '{':
			p.next()
			return
		case '}':
			return
		}
		p.next()
	}
}

func (p *sieveParser) shown() string {
	if p.cur.kind == 0 {
		return "the end of the script"
	}
	return visible.Cut(p.src[p.cur.at.Start:p.cur.at.End], 40)
}

// next reads one piece into cur.
func (p *sieveParser) next() {
	p.white()
	start := p.pos
	p.cur = sieveLexeme{at: Span{start, start}}
	if start >= len(p.src) {
		return
	}
	c := p.src[start]
	switch {
	case c == '"':
		p.quoted()
	case letter(c):
		p.word()
	case c >= '0' && c <= '9':
		p.number()
	case c == ':' && start+1 < len(p.src) && letter(p.src[start+1]):
		p.pos++
		for p.pos < len(p.src) && (letter(p.src[p.pos]) || digit(p.src[p.pos])) {
			p.pos++
		}
		p.cur = sieveLexeme{kind: 't', text: p.src[start+1 : p.pos]}
	case strings.IndexByte(";,(){}[]", c) >= 0:
		p.pos++
		p.cur.kind = c
	default:
		p.pos++
		for p.pos < len(p.src) && p.src[p.pos] >= 0x80 { // one complaint for a run of foreign letters
			p.pos++
		}
		p.cur.kind = '?'
	}
	p.cur.at = Span{start, p.pos}
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }

// white goes over blanks and comments, and keeps the comments.
func (p *sieveParser) white() {
	for p.pos < len(p.src) {
		rest := p.src[p.pos:]
		switch {
		case strings.IndexByte(" \t\r\n", rest[0]) >= 0:
			p.pos++
		case p.pos == 0 && strings.HasPrefix(rest, "\uFEFF"):
			p.pos += len("\uFEFF")
		case rest[0] == '#':
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest)
			}
			p.remember(rest[:end])
			p.pos += end
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				p.cur.at = Span{p.pos, len(p.src)}
				p.fail("a comment is not closed; what follows it was not read")
				p.pos = len(p.src)
				return
			}
			p.remember(rest[:end+4])
			p.pos += end + 4
		default:
			return
		}
	}
}

func (p *sieveParser) remember(comment string) {
	if p.comment.Len() < 4096 {
		p.comment.WriteString(comment)
		p.comment.WriteByte('\n')
	}
}

func (p *sieveParser) word() {
	start := p.pos
	for p.pos < len(p.src) && (letter(p.src[p.pos]) || digit(p.src[p.pos])) {
		p.pos++
	}
	text := p.src[start:p.pos]
	if strings.EqualFold(text, "text") && p.pos < len(p.src) && p.src[p.pos] == ':' && p.multiline() {
		return
	}
	p.cur = sieveLexeme{kind: 'i', text: text}
}

func (p *sieveParser) number() {
	var n int64
	for p.pos < len(p.src) && digit(p.src[p.pos]) {
		n = min(n*10+int64(p.src[p.pos]-'0'), 1<<40)
		p.pos++
	}
	if p.pos < len(p.src) {
		switch p.src[p.pos] | 0x20 {
		case 'k':
			n <<= 10
			p.pos++
		case 'm':
			n <<= 20
			p.pos++
		case 'g':
			n <<= 30
			p.pos++
		}
	}
	p.cur = sieveLexeme{kind: 'n', num: min(n, 1<<60)}
	if n < 0 {
		p.cur.num = 1 << 60
	}
}

// quoted reads a string in quotes: a backslash takes the next character as it is.
func (p *sieveParser) quoted() {
	start := p.pos
	p.pos++
	var b valueBuilder
	escaped := false
	begin := p.pos
	for p.pos < len(p.src) && p.src[p.pos] != '"' {
		if p.src[p.pos] == '\\' && p.pos+1 < len(p.src) {
			b.addSource(p.src[begin:p.pos], begin)
			escaped = true
			begin = p.pos + 1
			p.pos++
		}
		p.pos++
	}
	end := min(p.pos, len(p.src))
	value := sourceValue(p.src[begin:end], begin)
	if escaped {
		b.addSource(p.src[begin:end], begin)
		value = b.value(Span{start + 1, end})
	}
	value.At = Span{start + 1, end}
	if p.pos >= len(p.src) {
		p.pos = len(p.src)
		p.cur.at = Span{start, len(p.src)}
		p.fail("a string is not closed")
	} else {
		p.pos++
	}
	p.cur = sieveLexeme{kind: 's', value: value}
}

// multiline reads "text:" and the lines up to one that has only a dot. It says false when it is no such text.
func (p *sieveParser) multiline() bool {
	i := p.pos + 1
	for i < len(p.src) && (p.src[i] == ' ' || p.src[i] == '\t') {
		i++
	}
	if i < len(p.src) && p.src[i] == '#' {
		for i < len(p.src) && p.src[i] != '\n' {
			i++
		}
	}
	if i < len(p.src) && p.src[i] == '\r' {
		i++
	}
	if i >= len(p.src) || p.src[i] != '\n' {
		return false
	}
	i++
	var b valueBuilder
	begin := i
	for i < len(p.src) {
		end := strings.IndexByte(p.src[i:], '\n')
		if end < 0 {
			end = len(p.src) - i - 1
		}
		line := p.src[i : i+end+1]
		if strings.TrimRight(line, "\r\n") == "." {
			p.pos = i + len(line)
			p.cur = sieveLexeme{kind: 's', value: b.value(Span{begin, i})}
			return true
		}
		if strings.HasPrefix(line, "..") {
			b.addSource(line[1:], i+1)
		} else {
			b.addSource(line, i)
		}
		i += len(line)
	}
	p.pos = len(p.src)
	p.cur.at = Span{begin, len(p.src)}
	p.fail("a text is not ended by a line with a dot")
	p.cur = sieveLexeme{kind: 's', value: b.value(Span{begin, len(p.src)})}
	return true
}
