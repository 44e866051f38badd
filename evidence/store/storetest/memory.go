package storetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/mbaudit/mbaudit/evidence/store"
)

// Memory is a store in memory. The zero value is empty and ready. Its hooks make it fail like a store whose disk fills
// up or whose server goes away; they are set before the first Create and called with one lock held.
type Memory struct {
	// FailCreate is asked before the n-th Create (counted from 1) reads anything; its error is what Create returns.
	FailCreate func(n int, obj store.Object) error

	// FailAfter is asked after the n-th Create has kept its object; its error is what Create returns, as from a
	// server whose acknowledgement is lost.
	FailAfter func(n int, obj store.Object) error

	// CutBody says after how many bytes the n-th Create stops reading and fails with io.ErrUnexpectedEOF, keeping
	// nothing; a negative number means never.
	CutBody func(n int, obj store.Object) int64

	mu      sync.Mutex
	creates int
	objects map[string]kept
}

type kept struct {
	obj  store.Object
	body []byte
}

var (
	_ store.Store  = (*Memory)(nil)
	_ store.Stater = (*Memory)(nil)
)

// String says that this is memory.
func (m *Memory) String() string { return "memory" }

// Create implements store.Store.
func (m *Memory) Create(ctx context.Context, obj store.Object, body io.Reader) error {
	if err := store.ValidName(obj.Name); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("creating %q: %w", obj.Name, err)
	}
	n, cut, err := m.begin(obj)
	if err != nil {
		return err
	}
	if cut >= 0 {
		body = io.MultiReader(io.LimitReader(body, cut), failing{io.ErrUnexpectedEOF})
	}
	var buf bytes.Buffer
	if _, err := buf.ReadFrom(store.Checked(body, obj)); err != nil {
		return fmt.Errorf("creating %q: %w", obj.Name, err)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("creating %q: %w", obj.Name, err)
	}
	return m.keep(n, obj, buf.Bytes())
}

func (m *Memory) begin(obj store.Object) (n int, cut int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.creates++
	cut = -1
	if m.CutBody != nil {
		cut = m.CutBody(m.creates, obj)
	}
	if m.FailCreate != nil {
		err = m.FailCreate(m.creates, obj)
	}
	return m.creates, cut, err
}

func (m *Memory) keep(n int, obj store.Object, body []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, taken := m.objects[obj.Name]; taken {
		return fmt.Errorf("creating %q: %w", obj.Name, fs.ErrExist)
	}
	if m.objects == nil {
		m.objects = map[string]kept{}
	}
	m.objects[obj.Name] = kept{obj, body}
	if m.FailAfter != nil {
		return m.FailAfter(n, obj)
	}
	return nil
}

// Open implements store.Store.
func (m *Memory) Open(_ context.Context, name string) (io.ReadCloser, error) {
	k, err := m.find(name)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(k.body)), nil
}

// Stat implements store.Stater; it tells the digest.
func (m *Memory) Stat(_ context.Context, name string) (store.Entry, error) {
	k, err := m.find(name)
	if err != nil {
		return store.Entry{}, err
	}
	return store.Entry{Name: name, Size: k.obj.Size, SHA256: &k.obj.SHA256}, nil
}

func (m *Memory) find(name string) (kept, error) {
	if err := store.ValidName(name); err != nil {
		return kept{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	k, ok := m.objects[name]
	if !ok {
		return kept{}, fmt.Errorf("opening %q: %w", name, fs.ErrNotExist)
	}
	return k, nil
}

// List implements store.Store.
func (m *Memory) List(ctx context.Context, prefix string) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		if err := store.ValidPrefix(prefix); err != nil {
			yield(store.Entry{}, err)
			return
		}
		m.mu.Lock()
		objects := maps.Clone(m.objects)
		m.mu.Unlock()
		for _, name := range slices.Sorted(maps.Keys(objects)) {
			if err := ctx.Err(); err != nil {
				yield(store.Entry{}, err)
				return
			}
			if !strings.HasPrefix(name, prefix) {
				continue
			}
			if !yield(store.Entry{Name: name, Size: objects[name].obj.Size}, nil) {
				return
			}
		}
	}
}

// failing is a reader that has nothing but an error.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
