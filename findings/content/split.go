package content

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// A splitter takes a multipart apart (RFC 2046 section 5.1.1), as a stream: it holds one line, or 4 KiB of one. Unlike the readers of
// parts in libraries it leaves the headers of parts to mailheader: a line in one that is no field hides nothing.
type splitter struct {
	r     *bufio.Reader
	delim []byte
	start bool // a line begins here
	last  bool // the closing delimiter was there
	err   error
	open  *part
}

func newSplitter(r io.Reader, boundary string) *splitter {
	s := &splitter{r: bufio.NewReader(r), delim: []byte("--" + boundary), start: true}
	s.open = &part{s: s} // what stands before the first part
	return s
}

// next gives the next part; ok is false behind the last. What is left of the part before is passed over.
func (s *splitter) next() (p *part, ok bool) {
	if s.open != nil {
		_, _ = io.Copy(io.Discard, s.open)
	}
	if s.last || s.err != nil {
		return nil, false
	}
	s.open = &part{s: s}
	return s.open, true
}

// delimiter says whether a line is one, and whether it is the closing one. Blanks may follow.
func (s *splitter) delimiter(line []byte) (is, closing bool) {
	rest, found := bytes.CutPrefix(line, s.delim)
	if !found {
		return false, false
	}
	rest, closing = bytes.CutPrefix(rest, []byte("--"))
	if closing {
		return true, true // whatever follows: programs write the epilogue there
	}
	return len(bytes.TrimRight(rest, " \t\r\n")) == 0, false
}

// A part reads up to the next delimiter. The line end before that is the delimiter's.
type part struct {
	s       *splitter
	buf     []byte
	pending []byte // of buf: to be given
	held    []byte // a line end that may be a delimiter's
	done    bool
}

func (p *part) Read(b []byte) (int, error) {
	for len(p.pending) == 0 {
		if p.done {
			return 0, io.EOF
		}
		p.fill()
	}
	n := copy(b, p.pending)
	p.pending = p.pending[n:]
	return n, nil
}

// fill reads a line, or a piece of a long one.
func (p *part) fill() {
	s := p.s
	line, err := s.r.ReadSlice('\n')
	if s.start {
		if is, closing := s.delimiter(line); is {
			p.done, s.last = true, closing
			return
		}
	}
	s.start = bytes.HasSuffix(line, []byte("\n"))
	bare := line
	if s.start {
		bare = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	}
	p.buf = append(append(p.buf[:0], p.held...), bare...)
	p.held = append(p.held[:0], line[len(bare):]...)
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
		p.buf = append(p.buf, p.held...)
		p.done, s.err = true, err
	}
	p.pending = p.buf
}
