package evidence

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"filippo.io/age"
)

// rereadAtMost is the largest body that a Writer gives back.
const rereadAtMost = 256 << 20

// Records goes through the exhibits and gaps that the bundle holds so far, those of earlier runs too, in the order of their
// numbers. What is put meanwhile may be missing. After an error nothing follows.
func (w *Writer) Records() iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		sealed, rest, err := w.soFar()
		if err != nil {
			yield(Record{}, err)
			return
		}
		if rest != nil {
			defer rest.Close()
		}
		more := true
		sealed.lines(func(r Record, _ []byte, err error) bool {
			more = yield(r, err) && err == nil
			return more
		})
		if !more || rest == nil {
			return
		}
		lines := bufio.NewReaderSize(rest, readChunk)
		for {
			text, err := readLine(lines)
			if err == io.EOF {
				return
			}
			var r Record
			if err == nil {
				r, err = parseLine(text)
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// soFar gives the sealed segments as a bundle, and the index of the open one up to its last line; nil where none is open.
func (w *Writer) soFar() (*Bundle, io.ReadCloser, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	sealed, err := w.sealedPart()
	if err != nil || w.seg == nil {
		return sealed, nil, err
	}
	if err := w.seg.indexBuf.Flush(); err != nil {
		return nil, nil, w.breakOff(err)
	}
	size, err := w.seg.index.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, nil, err
	}
	f, err := os.Open(w.path(indexPath(w.seg.number)) + partSuffix)
	if err != nil {
		return nil, nil, err
	}
	return sealed, struct {
		io.Reader
		io.Closer
	}{io.LimitReader(f, size), f}, nil
}

// sealedPart is what is sealed of the bundle. It waits for a segment that is being sealed. It holds the lock.
func (w *Writer) sealedPart() (*Bundle, error) {
	if w.broken != nil {
		return nil, w.broken
	}
	if err := w.waitForSeal(); err != nil {
		return nil, err
	}
	b := &Bundle{dir: w.dir}
	b.Opening, b.Counts = w.opening, w.counts
	if w.cipher == nil {
		return b, nil
	}
	if w.cipher.resume == nil {
		return nil, fmt.Errorf("reading %s again: %w", w.dir, ErrEncrypted)
	}
	b.identities = []age.Identity{w.cipher.resume}
	return b, nil
}

// Body gives the bytes of an exhibit that the bundle holds, read whole and checked against its line. One of more than 256 MiB
// is refused.
func (w *Writer) Body(x *StoredExhibit) (io.Reader, error) {
	if x.Size > rereadAtMost {
		return nil, fmt.Errorf("%s has %d bytes, too many to be read again", x.Name, x.Size)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	sealed, err := w.sealedPart()
	if err != nil {
		return nil, err
	}
	var data []byte
	if w.seg != nil && w.seg.number == x.Segment {
		data, err = w.seg.body(x)
	} else {
		data, err = sealed.wholeBody(x)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s again: %w", x.Name, err)
	}
	return bytes.NewReader(data), nil
}

// body reads back an exhibit of the open segment.
func (s *segment) body(x *StoredExhibit) ([]byte, error) {
	if err := s.flush(); err != nil {
		return nil, err
	}
	return io.ReadAll(checked(s.zip, x))
}

func (b *Bundle) wholeBody(x *StoredExhibit) ([]byte, error) {
	body, err := b.Body(x)
	var data []byte
	if err == nil {
		data, err = io.ReadAll(body)
	}
	return data, errors.Join(err, b.Close())
}
