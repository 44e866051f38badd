package logfiles

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// An Archive gives the members of a zip, one after the other. What they unpack to is bounded for all of them together, since
// they may share bytes.
type Archive struct {
	// Close closes the file.
	Close func() error

	ctx     context.Context
	members []*zip.File
	size    int64
	n       int64
	limits  Limits
}

// MaxMembers is how many members of an archive are read.
const MaxMembers = 10_000

// maxZipDirectory is how large the list of a zip's members may be: all of it is in memory.
const maxZipDirectory = 16 << 20

// Archive opens a zip. size is as in Open. A *BrokenError says that it is none that can be read.
func (c *Candidate) Archive(ctx context.Context, size int64, limits Limits) (*Archive, error) {
	f, info, err := c.Open(size)
	if err != nil {
		return nil, err
	}
	if size < 0 {
		size = info.Size()
	}
	whole := io.NewSectionReader(f, 0, size)
	if n := ZipDirectory(whole); n > maxZipDirectory {
		return nil, errors.Join(fmt.Errorf("%w: the list of its members has %d bytes", ErrBomb, n), f.Close())
	}
	z, err := zip.NewReader(whole, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // the names are for people only
		return nil, errors.Join(&BrokenError{err}, f.Close())
	}
	if len(z.File) > MaxMembers {
		return nil, errors.Join(fmt.Errorf("%w: it has %d members, more than %d", ErrBomb, len(z.File), MaxMembers), f.Close())
	}
	a := &Archive{Close: f.Close, ctx: ctx, size: size, limits: limits}
	for _, m := range z.File {
		if !m.FileInfo().IsDir() {
			a.members = append(a.members, m)
		}
	}
	return a, nil
}

// Next gives the next member's name, as it is written there, and its text; io.EOF behind the last. A member that cannot be
// opened gives its error as its text.
func (a *Archive) Next() (name string, text io.ReadCloser, err error) {
	if len(a.members) == 0 {
		return "", nil, io.EOF
	}
	m := a.members[0]
	a.members = a.members[1:]
	const encrypted = 1 // APPNOTE 4.4.4
	if m.Flags&encrypted != 0 {
		return m.Name, io.NopCloser(failing{&BrokenError{errors.New("it is encrypted; unpack it first")}}), nil
	}
	r, err := m.Open()
	if err != nil {
		return m.Name, io.NopCloser(failing{&BrokenError{err}}), nil
	}
	return m.Name, struct {
		io.Reader
		io.Closer
	}{tail{&memberReader{a, r}}, r}, nil
}

// A memberReader counts what all members unpack to.
type memberReader struct {
	a *Archive
	r io.Reader
}

// Read implements io.Reader.
func (m *memberReader) Read(p []byte) (int, error) {
	if m.a.ctx.Err() != nil {
		return 0, context.Cause(m.a.ctx)
	}
	n, err := m.r.Read(p)
	m.a.n += int64(n)
	if m.a.n > m.a.limits.MaxDecompressed {
		return 0, fmt.Errorf("%w: %d bytes", ErrBomb, m.a.limits.MaxDecompressed)
	}
	if m.a.n > FreeGrowth && m.a.n/m.a.limits.MaxRatio > m.a.size {
		return 0, fmt.Errorf("%w: more than %d times its size", ErrBomb, m.a.limits.MaxRatio)
	}
	return n, err
}

// ZipDirectory gives the size of a zip's central directory as its end says (APPNOTE 4.3.14, 4.3.16), 0 where none is
// found: then the archive is not read at all.
func ZipDirectory(whole *io.SectionReader) int64 {
	tail := make([]byte, min(whole.Size(), 66<<10))
	n, _ := whole.ReadAt(tail, whole.Size()-int64(len(tail))) // what cannot be read is said by who reads the archive
	tail = tail[:n]
	if i := bytes.LastIndex(tail, []byte("PK\x06\x06")); i >= 0 && len(tail) >= i+48 {
		if size := binary.LittleEndian.Uint64(tail[i+40:]); size < 1<<62 {
			return int64(size)
		}
		return 1 << 62
	}
	if i := bytes.LastIndex(tail, []byte("PK\x05\x06")); i >= 0 && len(tail) >= i+16 {
		return int64(binary.LittleEndian.Uint32(tail[i+12:]))
	}
	return 0
}
