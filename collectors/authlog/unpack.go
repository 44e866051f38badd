package authlog

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

// An encoding is how a file is compressed, told by its first bytes and not by its name.
type encoding struct {
	name      string
	mediaType string
	ending    string // of the file's name
	magic     []byte
	open      func(r *bufio.Reader) (io.Reader, error) // nil: it cannot be read
}

// plain is what has none of the others' first bytes.
func plain() *encoding { return &encoding{name: "plain", mediaType: "text/plain"} }

func encodings() []encoding {
	return []encoding{
		{"gzip", "application/gzip", ".gz", []byte{0x1f, 0x8b}, openGzip},
		{"bzip2", "application/x-bzip2", ".bz2", []byte("BZh"), func(r *bufio.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }},
		{"xz", "application/x-xz", ".xz", []byte("\xfd7zXZ\x00"), openXZ},
		{"zstd", "application/zstd", ".zst", []byte{0x28, 0xb5, 0x2f, 0xfd}, openZstd},
		{"lz4", "", "", []byte{0x04, 0x22, 0x4d, 0x18}, nil},
		{"compress", "", "", []byte{0x1f, 0x9d}, nil},
		{"zip", "", "", []byte("PK\x03\x04"), nil},
		{"7z", "", "", []byte("7z\xbc\xaf\x27\x1c"), nil},
		{"systemd's journal", "", "", []byte("LPKSHHRH"), nil},
	}
}

// detect looks at a file's first bytes.
func detect(head []byte) *encoding {
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
		return nil, fmt.Errorf("%w: it wants a dictionary of %d bytes", errBomb, xzDictionary(head))
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
	errBomb    = errors.New("it unpacks to more than is allowed")
	errChanged = errors.New("it changed while it was read")
)

// A brokenError says that a compressed file could be read up to some point only. The rest was not examined: one wrong bit
// may look to a decoder like an early end.
type brokenError struct{ err error }

func (e *brokenError) Error() string { return e.err.Error() }
func (e *brokenError) Unwrap() error { return e.err }

// A source is one reading of a file from its first to its last byte: raw is counted and hashed, text is what is in it.
type source struct {
	ctx      context.Context
	raw      *hashing
	encoding *encoding
	text     io.Reader
	modified time.Time // of a gzip's original; zero if it does not say
	close    func() error
}

// A bounded reader ends what grows beyond reason.
type bounded struct {
	r     io.Reader
	raw   *hashing
	n     int64
	most  int64
	ratio int64
}

// freeGrowth is how much a file may unpack to whatever its size.
const freeGrowth = 64 << 20

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.n += int64(n)
	if b.n > b.most {
		return 0, fmt.Errorf("%w: %d bytes", errBomb, b.most)
	}
	if b.n > freeGrowth && b.n/b.ratio > b.raw.n {
		return 0, fmt.Errorf("%w: more than %d times its size", errBomb, b.ratio)
	}
	return n, err
}

// A tail turns a decoder's error into a brokenError.
type tail struct{ r io.Reader }

func (t tail) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	if err == nil || errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errBomb) || errors.Is(err, errChanged) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return n, err
	}
	return n, &brokenError{err}
}
