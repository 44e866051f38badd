package logfiles

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// An Encoding is how a file is compressed, told by its first bytes and not by its name.
type Encoding struct {
	Name      string
	MediaType string
	Ending    string // of the file's name
	magic     []byte
	open      func(r *bufio.Reader) (io.Reader, error) // nil: it cannot be read
}

// Readable says whether the text of such a file can be read.
func (e *Encoding) Readable() bool { return e.open != nil || e.Name == "plain" }

// plain is what has none of the others' first bytes.
func plain() *Encoding { return &Encoding{Name: "plain", MediaType: "text/plain"} }

func encodings() []Encoding {
	return []Encoding{
		{"gzip", "application/gzip", ".gz", []byte{0x1f, 0x8b}, openGzip},
		{"bzip2", "application/x-bzip2", ".bz2", []byte("BZh"), func(r *bufio.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }},
		{"xz", "application/x-xz", ".xz", []byte("\xfd7zXZ\x00"), openXZ},
		{"zstd", "application/zstd", ".zst", []byte{0x28, 0xb5, 0x2f, 0xfd}, openZstd},
		{"lz4", "", "", []byte{0x04, 0x22, 0x4d, 0x18}, nil},
		{"compress", "", "", []byte{0x1f, 0x9d}, nil},
		{"zip", "application/zip", ".zip", []byte("PK\x03\x04"), nil},
		{"7z", "", "", []byte("7z\xbc\xaf\x27\x1c"), nil},
		{"systemd's journal", "", "", []byte("LPKSHHRH"), nil},
	}
}

// detect looks at a file's first bytes.
func detect(head []byte) *Encoding {
	for _, e := range encodings() {
		if bytes.HasPrefix(head, e.magic) {
			return &e
		}
	}
	return plain()
}

func openGzip(r *bufio.Reader) (io.Reader, error) { return gzip.NewReader(r) }

// maxDictionary bounds what a file can make a decoder allocate. xz -9 and zstd --long need 64 and 128 MiB.
const maxDictionary = 128 << 20

func openZstd(r *bufio.Reader) (io.Reader, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxDictionary))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

// openXZ looks at the first block's dictionary before the decoder allocates it.
func openXZ(r *bufio.Reader) (io.Reader, error) {
	if head, _ := r.Peek(64); xzDictionary(head) > maxDictionary {
		return nil, fmt.Errorf("%w: it wants a dictionary of %d bytes", ErrBomb, xzDictionary(head))
	}
	return xz.NewReader(r)
}

// xzDictionary reads the size of the LZMA2 dictionary in the first block header (xz-file-format 1.2.1, sections 3.1 and
// 5.3.1). 0 means that there is none to be found, and the decoder will say why.
func xzDictionary(head []byte) int64 {
	const streamHeader = 12
	if len(head) < streamHeader+8 || head[streamHeader] == 0 {
		return 0
	}
	size := min((int(head[streamHeader])+1)*4, len(head)-streamHeader)
	block := head[streamHeader : streamHeader+size]
	i := bytes.Index(block[2:], []byte{0x21, 0x01})
	if i < 0 || i+4 >= len(block) {
		return 0
	}
	bits := block[i+4] & 0x3f
	if bits >= 40 {
		return 1<<32 - 1
	}
	return int64(2|bits&1) << (bits/2 + 11)
}

// Kinds of trouble with a compressed file.
var (
	ErrBomb    = errors.New("it unpacks to more than is allowed")
	ErrChanged = errors.New("it changed while it was read")
)

// A BrokenError says that a compressed file could be read up to some point only. The rest was not examined: one wrong bit
// may look to a decoder like an early end.
type BrokenError struct{ Err error }

// Error says what the decoder says.
func (e *BrokenError) Error() string { return e.Err.Error() }

// Unwrap gives the decoder's error.
func (e *BrokenError) Unwrap() error { return e.Err }

// A Source is one reading of a file from its first to its last byte: Raw is counted and hashed, Text is what is in it.
type Source struct {
	Raw      *Hashing
	Encoding *Encoding
	Text     io.Reader
	Modified time.Time // of a gzip's original; zero if it does not say
	Close    func() error
}

// A bounded reader ends what grows beyond reason.
type bounded struct {
	r     io.Reader
	raw   *Hashing
	n     int64
	most  int64
	ratio int64
}

// FreeGrowth is how much a file may unpack to whatever its size.
const FreeGrowth = 64 << 20

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.n += int64(n)
	if b.n > b.most {
		return 0, fmt.Errorf("%w: %d bytes", ErrBomb, b.most)
	}
	if b.n > FreeGrowth && b.n/b.ratio > b.raw.N {
		return 0, fmt.Errorf("%w: more than %d times its size", ErrBomb, b.ratio)
	}
	return n, err
}

// A tail turns a decoder's error into a BrokenError.
type tail struct{ r io.Reader }

func (t tail) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	if err == nil || errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, ErrBomb) || errors.Is(err, ErrChanged) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return n, err
	}
	return n, &BrokenError{err}
}
