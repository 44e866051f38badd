package googlelog

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// A place is where the splitter stands between two records.
type place byte

const (
	atTop    place = iota // between documents
	inArray               // in a document that is an array
	inItems               // in the items of a page
	inPage                // in a page, behind its items
	atTheEnd              // of the file
)

// A splitter cuts a stream of JSON documents into records without reading more than one of them.
type splitter struct {
	r   *bufio.Reader
	off int64
	max int

	place place
	lines bool // the first document was a line of its own, so all are

	rec   []byte // the record, up to max bytes
	long  bool   // it is longer
	key   []byte // the name that was read last, with its quotes
	token []byte // of the page being read

	pages  int64
	tokens int64 // of pages that announce another
	more   bool  // the page that came last announces another
}

// Why a record cannot be read.
var (
	errLong     = errors.New("it is longer than a record may be")
	errBroken   = errors.New("it is not JSON")
	errCut      = errors.New("the file ends in the middle of it")
	errNoRecord = errors.New("there is no record here")

	// errNext is errBroken where the next record begins right here: the rest of the line is not passed over.
	errNext = errors.New("it is not JSON, and another record begins in the middle of it")
)

func newSplitter(r *bufio.Reader, max int) *splitter { return &splitter{r: r, max: max} }

func (s *splitter) peek() (byte, error) {
	b, err := s.r.Peek(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

func (s *splitter) skip(n int) {
	s.off += int64(n)
	_, _ = s.r.Discard(n) // they were peeked
}

// blank passes over white space and gives the byte behind it.
func (s *splitter) blank() (byte, error) {
	for {
		c, err := s.peek()
		if err != nil || c != ' ' && c != '\n' && c != '\t' && c != '\r' && c != 0x1e { // RFC 7464 sequences begin with 1E
			return c, err
		}
		s.skip(1)
	}
}

// next gives the next record and where it begins. A record that cannot be read comes with one of the errors above; any
// other error is the reader's, io.EOF at the end.
func (s *splitter) next() (rec []byte, off int64, err error) {
	for {
		c, err := s.blank()
		if errors.Is(err, io.EOF) {
			if s.place != atTop && s.place != atTheEnd {
				s.place = atTheEnd
				return nil, s.off, errCut
			}
			return nil, s.off, io.EOF
		}
		if err != nil {
			return nil, s.off, err
		}
		rec, off, err, found := s.step(c)
		if errors.Is(err, errCut) {
			s.place = atTheEnd
		}
		if found || err != nil {
			if errors.Is(err, errBroken) || errors.Is(err, errNoRecord) {
				if lerr := s.line(); lerr != nil {
					return nil, off, lerr
				}
			}
			return rec, off, err
		}
	}
}

// step reads a record, or goes from one place to another. c is the byte that comes.
func (s *splitter) step(c byte) (rec []byte, off int64, err error, found bool) {
	off = s.off
	switch {
	case s.place == inPage:
		found, err = s.rest(c)
		return nil, off, err, found
	case c == ',' && s.place != atTop:
		s.skip(1)
		return nil, off, nil, false
	case c == ']' && s.place == inArray:
		s.skip(1)
		s.place = atTop
		return nil, off, nil, false
	case c == ']' && s.place == inItems:
		s.skip(1)
		s.place = inPage
		return nil, off, nil, false
	case c == '[' && s.place == atTop:
		s.skip(1)
		s.place = inArray
		return nil, off, nil, false
	}
	s.rec, s.long = s.rec[:0], false
	before := s.place
	switch {
	case c == '{' && s.place == atTop:
		err = s.document()
		if err == nil && s.place == inItems {
			return nil, off, nil, false
		}
	case c == '{', c == '[', c == '"', c == '-', c >= '0' && c <= '9', c >= 'a' && c <= 'z':
		err = s.value()
	default:
		return nil, off, errNoRecord, true
	}
	if err == nil && before == atTop && !s.lines {
		s.lines = bytes.IndexByte(s.rec, '\n') < 0 && s.endsLine()
	}
	if err == nil && s.long {
		err = errLong
	}
	return s.rec, off, err, true
}

func (s *splitter) endsLine() bool {
	b, _ := s.r.Peek(2)
	return len(b) > 0 && (b[0] == '\n' || b[0] == '\r' && len(b) > 1 && b[1] == '\n')
}

// line passes over the rest of a line.
func (s *splitter) line() error {
	for {
		chunk, err := s.r.ReadSlice('\n')
		s.off += int64(len(chunk))
		if err == nil || errors.Is(err, io.EOF) {
			return nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

func (s *splitter) keep(b ...byte) {
	if len(s.rec)+len(b) > s.max {
		s.long = true
		return
	}
	s.rec = append(s.rec, b...)
}

// document reads an object at the top: a record, or a page up to the items.
func (s *splitter) document() error {
	s.keep('{')
	s.skip(1)
	s.token = s.token[:0]
	for {
		c, err := s.blankKept()
		if err != nil {
			return err
		}
		switch c {
		case '}':
			s.keep('}')
			s.skip(1)
			return nil
		case ',':
			s.keep(',')
			s.skip(1)
		case '"':
			if page, err := s.member(); err != nil || page {
				return err
			}
		case '{':
			return errNext
		default:
			return errBroken
		}
	}
}

// rest reads what a page has behind its items.
func (s *splitter) rest(c byte) (found bool, err error) {
	switch c {
	case ',':
		s.skip(1)
	case '}':
		s.skip(1)
		s.place = atTop
		s.pages++
		s.more = len(s.token) > 0
		if s.more {
			s.tokens++
		}
	case '"':
		s.rec, s.long = s.rec[:0], false
		if _, err := s.member(); err != nil {
			return true, err
		}
	case '{':
		s.place = atTop
		return true, errNext
	default:
		s.place = atTop
		return true, errNoRecord
	}
	return false, nil
}

// member reads a name and its value, and says whether it was the items of a page.
func (s *splitter) member() (page bool, err error) {
	from := len(s.rec)
	if err := s.value(); err != nil {
		return false, err
	}
	s.key = append(s.key[:0], s.rec[from:]...)
	c, err := s.blankKept()
	if err != nil {
		return false, err
	}
	if c != ':' {
		return false, errBroken
	}
	s.keep(':')
	s.skip(1)
	if c, err = s.blankKept(); err != nil {
		return false, err
	}
	if c == '[' && !s.long && string(s.key) == `"items"` {
		s.skip(1)
		s.place = inItems
		return true, nil
	}
	from = len(s.rec)
	if err := s.value(); err != nil {
		return false, err
	}
	if v := s.rec[from:]; string(s.key) == `"nextPageToken"` && len(v) > 2 && v[0] == '"' {
		s.token = append(s.token[:0], v[:min(len(v), 256)]...)
	}
	return false, nil
}

// blankKept is blank within a record. At the end of the file the record is cut; where lines are records, one ends with
// its line.
func (s *splitter) blankKept() (byte, error) {
	for {
		c, err := s.peek()
		if errors.Is(err, io.EOF) {
			return 0, errCut
		}
		if err != nil {
			return 0, err
		}
		switch c {
		case '\n':
			if s.lines && s.place == atTop {
				return 0, errBroken
			}
		case ' ', '\t', '\r':
		default:
			return c, nil
		}
		s.keep(c)
		s.skip(1)
	}
}

// value reads one JSON value behind rec.
func (s *splitter) value() error {
	var stack stack
	first, last := true, byte(0) // last is the byte before this one that is not blank, outside strings
	quoted, escaped, fresh := false, false, false
	for {
		if s.r.Buffered() == 0 {
			if _, err := s.r.Peek(1); errors.Is(err, io.EOF) {
				if !first && stack.depth == 0 && !quoted {
					return nil // a number at the end of the file
				}
				return errCut
			} else if err != nil {
				return err
			}
		}
		window, _ := s.r.Peek(s.r.Buffered())
		for i := 0; i < len(window); i++ {
			c := window[i]
			if quoted {
				if !escaped && c != '"' && c != '\\' && c != '\n' {
					continue
				}
				switch {
				case c == '\n': // never in a string: what should have ended it is missing
					s.take(window[:i])
					return errBroken
				case escaped:
					escaped = false
				case c == '\\':
					escaped = true
				default:
					quoted = false
					if stack.depth == 0 {
						s.take(window[:i+1])
						return nil
					}
				}
				continue
			}
			switch c {
			case '"':
				first, quoted, last, fresh = false, true, c, false
				continue
			case '{', '[':
				if fresh && c == '{' && !stack.expects(last) {
					s.take(window[:i])
					return errNext
				}
				first = false
				if !stack.push(c) {
					s.take(window[:i])
					return errBroken
				}
			case '}', ']':
				if stack.depth == 0 { // it ends what is around a number or a word
					s.take(window[:i])
					return nil
				}
				if !stack.pop(c) {
					s.take(window[:i])
					return errBroken
				}
				if stack.depth == 0 {
					s.take(window[:i+1])
					return nil
				}
			case '\n':
				if stack.depth > 0 && s.lines && s.place == atTop {
					s.take(window[:i])
					return errBroken
				}
				if stack.depth == 0 {
					s.take(window[:i])
					return nil
				}
				fresh = true
				continue
			case ' ', '\t', '\r', ',', ':':
				if stack.depth == 0 {
					s.take(window[:i])
					return nil
				}
				if c != ',' && c != ':' {
					continue
				}
			default:
				first = false
			}
			last, fresh = c, false
		}
		s.take(window)
	}
}

func (s *splitter) take(b []byte) {
	if room := s.max - len(s.rec); len(b) > room {
		s.rec = append(s.rec, b[:max(room, 0)]...)
		s.long = true
	} else {
		s.rec = append(s.rec, b...)
	}
	s.skip(len(b))
}

// A stack knows which brackets are open: a bit for each, 1 for a brace.
type stack struct {
	bits  [maxDepth / 64]uint64
	depth int
}

// maxDepth is how deep brackets may nest; logs have six or so.
const maxDepth = 1024

func (s *stack) push(c byte) bool {
	if s.depth == maxDepth {
		return false
	}
	bit := uint64(1) << (s.depth % 64)
	if c == '{' {
		s.bits[s.depth/64] |= bit
	} else {
		s.bits[s.depth/64] &^= bit
	}
	s.depth++
	return true
}

func (s *stack) brace() bool { return s.bits[(s.depth-1)/64]>>((s.depth-1)%64)&1 == 1 }

func (s *stack) pop(c byte) bool {
	if s.brace() != (c == '}') {
		return false
	}
	s.depth--
	return true
}

// expects says whether a value may stand behind the byte last.
func (s *stack) expects(last byte) bool {
	if s.depth == 0 {
		return true
	}
	return last == ':' && s.brace() || (last == ',' || last == '[') && !s.brace()
}
