package files

import (
	"bufio"
	"bytes"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxFromLine is how long the line that begins a message may be. A longer one is text.
const maxFromLine = 1024

// splitBuffer is how much of an mbox is in memory at a time; a line may be of any length.
const splitBuffer = 256 << 10

// A piece is one message of an mbox, or what stands before the first one. All offsets are in the file.
type piece struct {
	start int64 // of its "From " line
	body  int64 // of its first byte
	end   int64 // after its last byte
	next  int64 // of the next piece: between end and next is the empty line that ends a message
	from  bool  // it has a "From " line: it is a message

	escaped, twice int64 // lines that begin with ">From ", with ">>From " and so on
	unescaped      int64 // lines in it that begin with "From "
	torn           bool  // the file ends within its last line
}

// A mailLine is a line of an mbox as far as it fits into the buffer.
type mailLine struct {
	at   int64
	head []byte // its first bytes, the line end included if it is all of it
	size int64  // with its line end
	torn bool   // the file ends before a line end
}

// eachLine calls do for each line.
func eachLine(r io.Reader, do func(l mailLine) error) error {
	in := bufio.NewReaderSize(r, splitBuffer)
	at := int64(0)
	for {
		text, err := in.ReadSlice('\n')
		l := mailLine{at: at, head: text, size: int64(len(text))}
		if err == bufio.ErrBufferFull {
			l.head = bytes.Clone(text[:2*maxFromLine]) // the buffer is filled anew
		}
		for err == bufio.ErrBufferFull {
			text, err = in.ReadSlice('\n')
			l.size += int64(len(text))
		}
		if err != nil && err != io.EOF {
			return err
		}
		l.torn = err == io.EOF
		if l.size > 0 {
			if err := do(l); err != nil {
				return err
			}
		}
		if l.torn {
			return nil
		}
		at += l.size
	}
}

// A splitter finds the messages of an mbox.
//
// A line begins a message if it begins with "From " and two of three hold: the line before is empty, it has a date, the
// line after is a header field. The file's first line needs none of them. Programs agree on none of the three: some write
// no empty line, some no date, some leave lines of text that begin with "From " as they are.
type splitter struct {
	byLength bool // it cuts by Content-Length (mboxcl2), not by "From " lines
	emit     func(piece) error

	open      *piece   // the message that is being read
	candidate *from    // a "From " line of which the next line decides
	last      mailLine // the line before, without its bytes
	lastEmpty bool
	chain     chain
}

// A from is a line that may begin a message.
type from struct {
	at, size                 int64
	dated, afterEmpty, first bool
	endsBefore               int64 // size of the empty line before it, or 0
}

// run splits all of r.
func (s *splitter) run(r io.Reader) error {
	size := int64(0)
	err := eachLine(r, func(l mailLine) error {
		size = l.at + l.size
		return s.line(l)
	})
	if err != nil {
		return err
	}
	if err := s.decide(nil); err != nil {
		return err
	}
	if s.open != nil {
		s.open.torn = s.last.torn
	}
	s.chain.finish(size)
	return s.close(size, s.emptyLine())
}

// emptyLine is the size of the line before, if it is empty.
func (s *splitter) emptyLine() int64 {
	if s.lastEmpty {
		return s.last.size
	}
	return 0
}

func (s *splitter) line(l mailLine) error {
	if err := s.decide(l.head); err != nil {
		return err
	}
	empty := isEmpty(l.head)
	s.chain.line(l, empty)
	isFrom := bytes.HasPrefix(l.head, []byte("From "))
	switch {
	case isFrom && s.mayBegin(l):
		s.candidate = &from{at: l.at, size: l.size, dated: hasDate(l.head), afterEmpty: s.lastEmpty, first: l.at == 0, endsBefore: s.emptyLine()}
	case isFrom:
		s.text(l.at).unescaped++
	case len(l.head) > 0 && l.head[0] == '>':
		s.quoted(l)
	default:
		s.text(l.at)
	}
	s.last, s.lastEmpty = mailLine{at: l.at, size: l.size, torn: l.torn}, empty
	return nil
}

// mayBegin says whether a "From " line can begin a message at all.
func (s *splitter) mayBegin(l mailLine) bool {
	if l.size > maxFromLine {
		return false
	}
	return !s.byLength || s.chain.began == l.at
}

// quoted counts a line that begins with any number of ">" and "From ".
func (s *splitter) quoted(l mailLine) {
	p := s.text(l.at)
	if n := escapes(l.head); n == 1 {
		p.escaped++
	} else if n > 1 {
		p.twice++
	}
}

// escapes is how many ">" stand before "From " at the beginning of a line, or 0.
func escapes(line []byte) int {
	rest := bytes.TrimLeft(line, ">")
	if !bytes.HasPrefix(rest, []byte("From ")) {
		return 0
	}
	return len(line) - len(rest)
}

// text is the piece that a line at this offset belongs to.
func (s *splitter) text(at int64) *piece {
	if s.open == nil {
		s.open = &piece{start: at, body: at}
	}
	return s.open
}

// decide says what the "From " line before this line is. nil stands for the end of the file.
func (s *splitter) decide(next []byte) error {
	c := s.candidate
	if c == nil {
		return nil
	}
	s.candidate = nil
	signs := 0
	for _, sign := range []bool{c.dated, c.afterEmpty, isField(next)} {
		if sign {
			signs++
		}
	}
	if !c.first && signs < 2 && !s.byLength {
		s.text(c.at).unescaped++
		return nil
	}
	if err := s.close(c.at, c.endsBefore); err != nil {
		return err
	}
	s.open = &piece{start: c.at, body: c.at + c.size, from: true}
	return nil
}

// close ends the piece that is open before the offset next. empty is the size of the empty line before that.
func (s *splitter) close(next, empty int64) error {
	p := s.open
	if p == nil {
		return nil
	}
	s.open = nil
	p.next, p.end = next, next
	switch {
	case p.from && s.byLength:
		p.end = min(max(s.chain.want, p.body), next)
	case p.from && next-empty >= p.body:
		p.end -= empty
	}
	return s.emit(*p)
}

// isField says whether a line is that of a header field (RFC 5322 section 2.2), or the ">From " that some servers put
// first.
func isField(line []byte) bool {
	if bytes.HasPrefix(line, []byte(">From ")) {
		return true
	}
	name, _, found := bytes.Cut(line[:min(len(line), maxFromLine)], []byte(":"))
	name = bytes.TrimRight(name, " \t")
	return found && len(name) > 0 && !slices.ContainsFunc(name, func(c byte) bool { return c <= ' ' || c > '~' })
}

// hasDate says whether a "From " line has a time of day and a month's name, as asctime and all that imitates it write.
func hasDate(line []byte) bool {
	clock, month := false, false
	for word := range bytes.FieldsSeq(line) {
		clock = clock || isClock(word)
		month = month || isMonth(word)
	}
	return clock && month
}

// isClock knows 9:05, 09:05 and 09:05:59.
func isClock(word []byte) bool {
	parts := bytes.Split(word, []byte(":"))
	if len(parts) < 2 || len(parts) > 3 {
		return false
	}
	for _, part := range parts {
		n, err := strconv.Atoi(string(part))
		if err != nil || n < 0 || n > 60 || len(part) > 2 {
			return false
		}
	}
	return true
}

func isMonth(word []byte) bool {
	return len(word) >= 3 && slices.Contains([]string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"},
		strings.ToLower(string(word[:3]))) && len(word) <= 9
}

// fromDate reads the date of a "From " line, in the forms that are met: asctime (RFC 4155, UTC), with a zone before or
// after the year (Google Takeout, some servers), or as in RFC 5322. zoned says that it has a zone.
func fromDate(line []byte) (at time.Time, zoned bool) {
	words := strings.Fields(validText(line))
	for i := 1; i < len(words); i++ {
		text := strings.Join(words[i:], " ")
		for _, layout := range []string{"Mon Jan 2 15:04:05 -0700 2006", "Mon Jan 2 15:04:05 2006 -0700", "Mon, 2 Jan 2006 15:04:05 -0700"} {
			if at, err := time.Parse(layout, text); err == nil {
				return at, true
			}
		}
		for _, layout := range []string{"Mon Jan 2 15:04:05 2006", "Mon Jan 2 15:04 2006"} {
			if at, err := time.Parse(layout, text); err == nil {
				return at, false
			}
		}
	}
	return time.Time{}, false
}

// A chain follows Content-Length from message to message, beside the cut by "From " lines. The file is of a form that
// counts (mboxcl, mboxcl2) if it never breaks: a sender who writes such a field of his own cannot write all of them.
type chain struct {
	broken bool
	count  int64
	began  int64 // offset of the "From " line of the message that is being read, -1 before the first
	header bool
	length int64 // Content-Length, -1 where there is none
	want   int64 // where the message must end
}

func (c *chain) line(l mailLine, empty bool) {
	switch {
	case c.broken:
	case c.header:
		if empty {
			c.header, c.want = false, l.at+l.size+c.length
			c.broken = c.length < 0
			return
		}
		if n, ok := contentLength(l.head); ok {
			c.length = n
		}
	case l.at < c.want:
	case c.count > 0 && l.at > c.want && !(empty || bytes.HasPrefix(l.head, []byte("From "))):
		c.broken = true
	case empty:
	case bytes.HasPrefix(l.head, []byte("From ")) && l.size <= maxFromLine:
		c.broken = c.count > 0 && l.at-c.want > 4 // one or two empty lines
		c.count, c.began, c.header, c.length = c.count+1, l.at, true, -1
	default:
		c.broken = true
	}
}

func (c *chain) finish(size int64) {
	c.broken = c.broken || c.count == 0 || c.header || size < c.want || size-c.want > 4
}

// contentLength reads a Content-Length field.
func contentLength(line []byte) (int64, bool) {
	name, value, found := bytes.Cut(line, []byte(":"))
	if !found || len(name) > 20 || !strings.EqualFold(string(bytes.TrimSpace(name)), "Content-Length") {
		return 0, false
	}
	n, err := strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
	return n, err == nil && n >= 0 && n < 1<<50
}
