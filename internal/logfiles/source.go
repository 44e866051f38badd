package logfiles

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"

	"github.com/mbaudit/mbaudit/evidence"
)

// A Hashing reads a file's first bytes up to the size it had, counts them in N, and hashes them.
type Hashing struct {
	ctx  context.Context
	r    io.Reader
	N    int64
	hash hash.Hash
}

// Read implements io.Reader.
func (h *Hashing) Read(p []byte) (int, error) {
	if h.ctx.Err() != nil {
		return 0, context.Cause(h.ctx)
	}
	n, err := h.r.Read(p)
	h.N += int64(n)
	h.hash.Write(p[:n])
	return n, err
}

// Digest is the SHA-256 of what was read.
func (h *Hashing) Digest() (d evidence.Digest) {
	h.hash.Sum(d[:0])
	return d
}

// Open opens a candidate's file below its root. size is how much of it is read; negative for all that is there now.
func (c *Candidate) Open(size int64) (*os.File, fs.FileInfo, error) {
	root, err := os.OpenRoot(c.Root)
	if err != nil {
		return nil, nil, err
	}
	defer root.Close() //nolint:errcheck // nothing was written
	f, err := root.OpenFile(c.Rel, os.O_RDONLY|openFlags|openUntouched, 0)
	if err != nil && openUntouched != 0 {
		f, err = root.OpenFile(c.Rel, os.O_RDONLY|openFlags, 0)
	}
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular(): // something else took its place
		err = ErrChanged
	case info.Size() < size:
		err = fmt.Errorf("%w: it is shorter now", ErrChanged)
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

// Limits bound what a compressed file may unpack to.
type Limits struct {
	MaxDecompressed int64 // bytes
	MaxRatio        int64 // times its size, beyond the first 64 MiB
}

// Settle gives limits that are zero their default: 64 GiB, and 2000 times (logs that repeat one line reach 1000 with xz).
func (l Limits) Settle() (Limits, error) {
	if l.MaxDecompressed < 0 || l.MaxRatio < 0 {
		return l, errors.New("limits on decompression are not negative")
	}
	return Limits{cmp.Or(l.MaxDecompressed, 64<<30), cmp.Or(l.MaxRatio, 2000)}, nil
}

// Source opens the file for one reading from end to end, of its text or of its bytes as they are. size is as in Open.
func (c *Candidate) Source(ctx context.Context, size int64, decode bool, limits Limits) (*Source, fs.FileInfo, error) {
	f, info, err := c.Open(size)
	if err != nil {
		return nil, nil, err
	}
	if size < 0 {
		size = info.Size()
	}
	s := &Source{Close: f.Close, Raw: &Hashing{ctx: ctx, r: io.LimitReader(f, size), hash: sha256.New()}}
	buffered := bufio.NewReaderSize(s.Raw, 64<<10)
	head, err := buffered.Peek(16)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, errors.Join(err, f.Close())
	}
	s.Encoding = detect(head)
	switch {
	case !decode, s.Encoding.Name == "plain":
		s.Text = buffered
		return s, info, nil
	case s.Encoding.open == nil:
		return s, info, nil
	}
	text, err := s.Encoding.open(buffered)
	if err != nil {
		if !errors.Is(err, ErrBomb) && ctx.Err() == nil {
			err = &BrokenError{err}
		}
		s.Text = io.MultiReader(failing{err})
		return s, info, nil
	}
	if z, ok := text.(*gzip.Reader); ok {
		s.Modified = z.ModTime
	}
	if closer, ok := text.(io.Closer); ok {
		file := s.Close
		s.Close = func() error { return errors.Join(closer.Close(), file()) }
	}
	s.Text = tail{&bounded{r: text, raw: s.Raw, most: limits.MaxDecompressed, ratio: limits.MaxRatio}}
	return s, info, nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// Finish reads what a decoder left, so that the digest is that of the whole file.
func (s *Source) Finish() error {
	_, err := io.Copy(io.Discard, s.Raw)
	return err
}
