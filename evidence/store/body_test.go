package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"

	"github.com/mbaudit/mbaudit/evidence/store"
	"github.com/mbaudit/mbaudit/evidence/store/storetest"
)

// TestSized reads bodies in all the ways that readers and readers of readers behave.
func TestSized(t *testing.T) {
	sources := map[string]func(io.Reader) io.Reader{
		"whole":      func(r io.Reader) io.Reader { return r },
		"one byte":   iotest.OneByteReader,
		"halves":     iotest.HalfReader,
		"EOF at end": iotest.DataErrReader,
		"pauses":     func(r io.Reader) io.Reader { return &pausing{src: r} },
	}
	for name, source := range sources {
		for length := range 12 {
			body := []byte("abcdefghijklmnop")[:length]
			for size := range int64(13) {
				for buffer := 1; buffer < 6; buffer++ {
					r := store.Sized(source(bytes.NewReader(body)), size)
					have, err := readAll(r, buffer)
					what := fmt.Sprintf("%d bytes (%s) read as %d by %d", length, name, size, buffer)
					if int64(length) == size {
						if err != nil || !bytes.Equal(have, body) {
							t.Errorf("%s: got %q, %v", what, have, err)
						}
						continue
					}
					if !errors.Is(err, store.ErrSize) {
						t.Errorf("%s: got %v, want ErrSize", what, err)
					}
					if len(have) >= length && length > 0 || int64(len(have)) >= size && size > 0 {
						t.Errorf("%s: handed out %d bytes, which someone may take for all", what, len(have))
					}
					if n, again := r.Read(make([]byte, 8)); n != 0 || !errors.Is(again, store.ErrSize) {
						t.Errorf("%s: read on, got %d and %v", what, n, again)
					}
				}
			}
		}
	}
}

func TestChecked(t *testing.T) {
	body := []byte("sealed")
	obj := storetest.Object("a", body)
	if err := iotest.TestReader(store.Checked(bytes.NewReader(body), obj), body); err != nil {
		t.Error(err)
	}
	_, err := io.ReadAll(store.Checked(bytes.NewReader([]byte("broken")), obj))
	if !errors.Is(err, store.ErrDigest) {
		t.Errorf("other bytes: got %v, want ErrDigest", err)
	}
	_, err = io.ReadAll(store.Checked(iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(body))), obj))
	if !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("a body that breaks: got %v, want its own error", err)
	}
}

// readAll reads by buffers of a size.
func readAll(r io.Reader, size int) ([]byte, error) {
	var all []byte
	for {
		p := make([]byte, size)
		n, err := r.Read(p)
		all = append(all, p[:n]...)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}

// pausing returns 0, nil before each byte, as a Reader may.
type pausing struct {
	src   io.Reader
	pause bool
}

func (p *pausing) Read(b []byte) (int, error) {
	if p.pause = !p.pause; p.pause {
		return 0, nil
	}
	return p.src.Read(b[:1])
}
