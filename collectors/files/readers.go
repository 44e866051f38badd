package files

import (
	"bufio"
	"context"
	"io"
	"io/fs"
	"os"
)

// An interruptible reader ends when its context does.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (i *interruptible) Read(p []byte) (int, error) {
	if i.ctx.Err() != nil {
		return 0, context.Cause(i.ctx)
	}
	return i.r.Read(p)
}

// same says whether a file is still what it was: size and time of change.
func same(f *os.File, before fs.FileInfo) error {
	after, err := f.Stat()
	if err != nil {
		return err
	}
	if after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
		return errChanged
	}
	return nil
}

// A steady reader gives a whole file, or an error if it changed on the way.
type steady struct {
	f    *os.File
	info fs.FileInfo
	n    int64
}

// Read implements io.Reader.
func (s *steady) Read(p []byte) (int, error) {
	n, err := s.f.Read(p)
	s.n += int64(n)
	if err != io.EOF {
		return n, err
	}
	if err := same(s.f, s.info); err != nil {
		return n, err
	}
	if s.n != s.info.Size() {
		return n, errChanged
	}
	return n, io.EOF
}

// A headerReader gives a message up to its first empty line, that line included, as IMAP's BODY[HEADER] does (RFC 3501
// section 6.4.5). The rest is not read.
type headerReader struct {
	r     *bufio.Reader
	rest  []byte
	inner bool // within a line
	done  bool
}

func newHeaderReader(r io.Reader) *headerReader {
	return &headerReader{r: bufio.NewReaderSize(r, 16<<10)}
}

// Read implements io.Reader.
func (h *headerReader) Read(p []byte) (int, error) {
	if len(h.rest) == 0 {
		if h.done {
			return 0, io.EOF
		}
		text, err := h.r.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull && (err != io.EOF || len(text) == 0) {
			return 0, err
		}
		h.done = !h.inner && isEmpty(text)
		h.inner = len(text) > 0 && text[len(text)-1] != '\n'
		h.rest = text
	}
	n := copy(p, h.rest)
	h.rest = h.rest[n:]
	return n, nil
}

// isEmpty says whether a line, its end included, is empty.
func isEmpty(line []byte) bool { return string(line) == "\n" || string(line) == "\r\n" }
