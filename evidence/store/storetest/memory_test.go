package storetest_test

import (
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/evidence/store"
	"github.com/mbaudit/mbaudit/evidence/store/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return new(storetest.Memory) })
}

func TestMemoryFaults(t *testing.T) {
	full := errors.New("no space left")
	lost := errors.New("the acknowledgement was lost")
	m := &storetest.Memory{
		FailCreate: func(n int, _ store.Object) error {
			if n == 2 {
				return full
			}
			return nil
		},
		CutBody: func(n int, _ store.Object) int64 {
			if n == 3 {
				return 4
			}
			return -1
		},
		FailAfter: func(n int, _ store.Object) error {
			if n == 4 {
				return lost
			}
			return nil
		},
	}
	for i, want := range []error{nil, full, io.ErrUnexpectedEOF, lost} {
		name := string(rune('a' + i))
		err := m.Create(t.Context(), storetest.Object(name, []byte("bytes of it")), strings.NewReader("bytes of it"))
		if !errors.Is(err, want) {
			t.Errorf("create %d: got %v, want %v", i+1, err, want)
		}
		_, err = m.Stat(t.Context(), name)
		if there := err == nil; there != (want == nil || want == lost) {
			t.Errorf("after create %d, which returned %v, stat says %v", i+1, want, err)
		} else if !there && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("stat: got %v, want fs.ErrNotExist", err)
		}
	}
}
