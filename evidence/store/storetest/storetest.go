package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/mbaudit/mbaudit/evidence/store"
)

// Object describes body under a name.
func Object(name string, body []byte) store.Object {
	return store.Object{Name: name, Size: int64(len(body)), SHA256: sha256.Sum256(body), ContentType: "text/plain"}
}

// Run holds a store to its promises. open returns an empty store; Run calls it once for each part of the suite.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for _, part := range []struct {
		name string
		run  func(*testing.T, store.Store)
	}{
		{"create and open", createAndOpen},
		{"taken name", takenName},
		{"taken name, large body", takenNameLarge},
		{"wrong digest", wrongDigest},
		{"wrong size", wrongSize},
		{"broken body", brokenBody},
		{"body is not closed", bodyNotClosed},
		{"body from its current offset", bodyFromOffset},
		{"odd names", oddNames},
		{"invalid names", invalidNames},
		{"missing name", missingName},
		{"list", list},
		{"race", race},
		{"cancelled", cancelled},
		{"ensure", ensure},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(t, open(t)) })
	}
}

func createAndOpen(t *testing.T, st store.Store) {
	bodies := map[string][]byte{
		"empty":             {},
		"one byte":          {0},
		"segments/0001.zip": bytes.Repeat([]byte("mbaudit\n"), 300_000),
	}
	for name, body := range bodies {
		create(t, st, name, body)
		wantBody(t, st, name, body)
	}
	if st.String() == "" {
		t.Error("the store does not say where it is")
	}
	stater, ok := st.(store.Stater)
	if !ok {
		return
	}
	for name, body := range bodies {
		entry, err := stater.Stat(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if entry.Name != name || entry.Size != int64(len(body)) {
			t.Errorf("stat of %q tells %q, %d bytes; it has %d", name, entry.Name, entry.Size, len(body))
		}
		if entry.SHA256 != nil && *entry.SHA256 != sha256.Sum256(body) {
			t.Errorf("stat of %q tells the wrong SHA-256 %x", name, *entry.SHA256)
		}
	}
}

func takenName(t *testing.T, st store.Store) {
	old := []byte("what was there first")
	create(t, st, "a/taken", old)
	for _, body := range [][]byte{[]byte("what comes later"), {}, old} {
		err := st.Create(t.Context(), Object("a/taken", body), bytes.NewReader(body))
		if !errors.Is(err, fs.ErrExist) {
			t.Errorf("creating a taken name: got %v, want fs.ErrExist", err)
		}
		wantBody(t, st, "a/taken", old)
	}
	wantNames(t, st, "", "a/taken")
}

// takenNameLarge sends more than fits in the buffers between here and a server that refuses early.
func takenNameLarge(t *testing.T, st store.Store) {
	old, late := bytes.Repeat([]byte{1}, 8<<20), bytes.Repeat([]byte{2}, 8<<20)
	create(t, st, "large", old)
	for _, body := range []io.Reader{bytes.NewReader(late), io.MultiReader(bytes.NewReader(late))} {
		if err := st.Create(t.Context(), Object("large", late), body); !errors.Is(err, fs.ErrExist) {
			t.Errorf("creating a taken name: got %v, want fs.ErrExist", err)
		}
	}
	wantBody(t, st, "large", old)
}

func wrongDigest(t *testing.T, st store.Store) {
	for _, size := range []int{0, 1, 100, 1 << 20} {
		body := bytes.Repeat([]byte("x"), size)
		obj := Object(fmt.Sprintf("d/%d", size), body)
		obj.SHA256[7] ^= 1
		if err := st.Create(t.Context(), obj, bytes.NewReader(body)); !errors.Is(err, store.ErrDigest) {
			t.Errorf("%d bytes with another SHA-256: got %v, want ErrDigest", size, err)
		}
		wantMissing(t, st, obj.Name)
		create(t, st, obj.Name, body) // the name is still free
	}
}

func wrongSize(t *testing.T, st store.Store) {
	body := bytes.Repeat([]byte("0123456789"), 20_000)
	whole := Object("s/longer than announced", body)
	part := Object("s/longer, with the digest of the part", body[:len(body)-1])
	short := Object("s/shorter than announced", body)
	whole.Size--
	short.Size++
	none := Object("s/not empty", nil)
	nothing := Object("s/empty", nil)
	nothing.Size = 1
	for _, obj := range []store.Object{whole, part, short, none, nothing} {
		body := body
		if obj.Name == nothing.Name {
			body = nil
		}
		for kind, body := range map[string]io.Reader{
			"seekable":   bytes.NewReader(body),
			"stream":     io.MultiReader(bytes.NewReader(body)),
			"small bits": iotest.HalfReader(bytes.NewReader(body)),
			"EOF at end": iotest.DataErrReader(bytes.NewReader(body)),
		} {
			if err := st.Create(t.Context(), obj, body); !errors.Is(err, store.ErrSize) {
				t.Errorf("%s (%s): got %v, want ErrSize", obj.Name, kind, err)
			}
			wantMissing(t, st, obj.Name)
		}
	}
	negative := Object("s/negative", nil)
	negative.Size = -1
	if err := st.Create(t.Context(), negative, strings.NewReader("")); !errors.Is(err, store.ErrSize) {
		t.Errorf("a negative size: got %v, want ErrSize", err)
	}
}

func brokenBody(t *testing.T, st store.Store) {
	broken := errors.New("the disk under the body broke")
	body := bytes.Repeat([]byte("x"), 3<<20)
	for _, after := range []int{0, 1, 2 << 20, len(body)} {
		obj := Object(fmt.Sprintf("b/%d", after), body)
		err := st.Create(t.Context(), obj, io.MultiReader(bytes.NewReader(body[:after]), failing{broken}))
		if !errors.Is(err, broken) {
			t.Errorf("a body that breaks after %d bytes: got %v, want its own error", after, err)
		}
		wantMissing(t, st, obj.Name)
	}
	obj := Object("b/cut", body)
	err := st.Create(t.Context(), obj, io.MultiReader(bytes.NewReader(body[:1000]), failing{io.ErrUnexpectedEOF}))
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a body that is cut off: got %v, want io.ErrUnexpectedEOF", err)
	}
	wantMissing(t, st, obj.Name)
	wantNames(t, st, "")
}

func bodyNotClosed(t *testing.T, st store.Store) {
	body := []byte("the caller closes what the caller opened")
	closed := &closeCounter{Reader: bytes.NewReader(body)}
	if err := st.Create(t.Context(), Object("closer", body), closed); err != nil {
		t.Fatal(err)
	}
	if closed.n != 0 {
		t.Errorf("Create closed the body %d times", closed.n)
	}
}

type closeCounter struct {
	*bytes.Reader
	n int
}

func (c *closeCounter) Close() error { c.n++; return nil }

func bodyFromOffset(t *testing.T, st store.Store) {
	for name, wrap := range map[string]func(*bytes.Reader) io.Reader{
		"offset/read at":   func(r *bytes.Reader) io.Reader { return r },
		"offset/seek only": func(r *bytes.Reader) io.Reader { return struct{ io.ReadSeeker }{r} },
	} {
		r := bytes.NewReader([]byte("header, then the body"))
		if _, err := r.Seek(int64(len("header, then ")), io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if err := st.Create(t.Context(), Object(name, []byte("the body")), wrap(r)); err != nil {
			t.Fatal(err)
		}
		wantBody(t, st, name, []byte("the body"))
	}
}

func oddNames(t *testing.T, st store.Store) {
	names := []string{
		"plain",
		"with spaces/ in / odd places ",
		"100%/100%25/%2F%00%",
		"a+b&c=d;e@f,g$h!i*j'k(l)m~n^o",
		"query?versionId=null#fragment",
		"quote\"less<more>pipe|tick`",
		"[brackets]{braces}:colon",
		"éàü ß/Привет/日本語/📎",
		"e\u0301 decomposed beside é composed",
		"direction \u202e reversed",
		"trailing dot./x.",
		"-dash/--flag",
		"l/" + strings.Repeat("0123456789", 20) + "/" + strings.Repeat("é", 100),
		"deep/1/2/3/4/5/6/7/8/9/10/11/12",
	}
	for _, name := range names {
		create(t, st, name, []byte(name))
	}
	for _, name := range names {
		wantBody(t, st, name, []byte(name))
	}
	wantNames(t, st, "", names...)
	for _, name := range names {
		wantNames(t, st, name, name)
	}
}

// InvalidNames are refused by every store.
func InvalidNames() []string {
	return []string{
		"", ".", "..", "/", "/abs", "a/", "a//b", "a/./b", "../a", "a/../b", "a/..", ".hidden", "a/.hidden",
		`a\b`, `..\a`, "a\nb", "a\x00b", "a\x7fb", "a\u0085b", "a\xffb", "a\uffffb",
		strings.Repeat("a", store.MaxElement+1), strings.Repeat("a/", store.MaxName/2) + "a",
	}
}

func invalidNames(t *testing.T, st store.Store) {
	for _, name := range InvalidNames() {
		if err := st.Create(t.Context(), Object(name, nil), strings.NewReader("")); !errors.Is(err, store.ErrName) {
			t.Errorf("creating %.40q: got %v, want ErrName", name, err)
		}
		if body, err := st.Open(t.Context(), name); !errors.Is(err, store.ErrName) {
			t.Errorf("opening %.40q: got %v, want ErrName", name, err)
			if err == nil {
				body.Close()
			}
		}
	}
	for _, prefix := range []string{"../", "/", "a//", `\`} {
		for _, err := range st.List(t.Context(), prefix) {
			if !errors.Is(err, store.ErrName) {
				t.Errorf("listing %q: got %v, want ErrName", prefix, err)
			}
		}
	}
	wantNames(t, st, "")
}

func missingName(t *testing.T, st store.Store) {
	create(t, st, "dir/there", []byte("x"))
	for _, name := range []string{"missing", "dir/missing", "missing/there"} {
		wantMissing(t, st, name)
	}
	wantNames(t, st, "missing")
}

func list(t *testing.T, st store.Store) {
	wantNames(t, st, "")
	names := []string{"a-b", "a.b", "a/b", "a/b.c", "a/c/d", "a0", "ab/c", "b", "B", "segments/000010", "segments/000009"}
	for i, name := range names {
		create(t, st, name, bytes.Repeat([]byte("x"), i))
	}
	for _, prefix := range []string{"", "a", "a/", "a/b", "ab", "segments/", "segments/00000", "z"} {
		var want []string
		for _, name := range names {
			if strings.HasPrefix(name, prefix) {
				want = append(want, name)
			}
		}
		wantNames(t, st, prefix, want...)
	}
	for entry, err := range st.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		if i := slices.Index(names, entry.Name); entry.Size != int64(i) {
			t.Errorf("%q is listed with %d bytes, has %d", entry.Name, entry.Size, i)
		}
	}
	seen := 0
	for range st.List(t.Context(), "") {
		seen++
		if seen == 2 {
			break // a listing can be left early
		}
	}
	if seen != 2 {
		t.Errorf("saw %d entries before leaving, want 2", seen)
	}
}

func race(t *testing.T, st store.Store) {
	const writers = 16
	bodies, errs := make([][]byte, writers), make([]error, writers)
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range writers {
		bodies[i] = bytes.Repeat([]byte{byte(i)}, 10_000)
		all.Go(func() {
			<-start
			errs[i] = st.Create(t.Context(), Object("race/0000000042.json", bodies[i]), bytes.NewReader(bodies[i]))
		})
	}
	close(start)
	all.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner >= 0:
			t.Fatalf("writers %d and %d both won", winner, i)
		case err == nil:
			winner = i
		case !errors.Is(err, fs.ErrExist):
			t.Errorf("a loser got %v, want fs.ErrExist", err)
		}
	}
	if winner < 0 {
		t.Fatalf("nobody won: %v", errs)
	}
	wantBody(t, st, "race/0000000042.json", bodies[winner])
	wantNames(t, st, "", "race/0000000042.json")
}

func cancelled(t *testing.T, st store.Store) {
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if err := st.Create(done, Object("before", []byte("x")), strings.NewReader("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("creating with a cancelled context: got %v, want context.Canceled", err)
	}
	wantMissing(t, st, "before")

	body := bytes.Repeat([]byte("x"), 4<<20)
	half, cancel := context.WithCancel(t.Context())
	reader := io.MultiReader(bytes.NewReader(body[:2<<20]), readerFunc(func([]byte) (int, error) {
		cancel()
		return 0, io.EOF
	}), bytes.NewReader(body[2<<20:]))
	if err := st.Create(half, Object("half", body), reader); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelling half-way: got %v, want context.Canceled", err)
	}
	wantMissing(t, st, "half")

	create(t, st, "there", []byte("x"))
	var last error
	for _, err := range st.List(done, "") {
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("listing with a cancelled context: got %v, want context.Canceled", last)
	}
	wantNames(t, st, "", "there")
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func ensure(t *testing.T, st store.Store) {
	body := []byte("sealed once")
	obj := Object("seals/000001.json", body)
	for _, want := range []bool{true, false, false} {
		created, err := store.Ensure(t.Context(), st, obj, bytes.NewReader(body))
		if err != nil || created != want {
			t.Fatalf("ensure: got created %t and %v, want %t", created, err, want)
		}
	}
	for _, other := range []string{"sealed 2nd.", "of another length"} {
		_, err := store.Ensure(t.Context(), st, Object(obj.Name, []byte(other)), strings.NewReader(other))
		var different *store.DifferentError
		if !errors.As(err, &different) || !errors.Is(err, fs.ErrExist) {
			t.Fatalf("ensuring other bytes: got %v, want a *DifferentError that is fs.ErrExist", err)
		}
		if different.WantSHA256 != sha256.Sum256([]byte(other)) || different.HaveSize != obj.Size ||
			different.HaveSHA256 != nil && *different.HaveSHA256 != obj.SHA256 {
			t.Errorf("the error tells the wrong bytes: %v", err)
		}
	}
	wantBody(t, st, obj.Name, body)

	// Without Stat the bytes are read and hashed.
	plain := struct{ store.Store }{st}
	if created, err := store.Ensure(t.Context(), plain, obj, bytes.NewReader(body)); err != nil || created {
		t.Errorf("ensure without Stat: got created %t and %v", created, err)
	}
	var different *store.DifferentError
	_, err := store.Ensure(t.Context(), plain, Object(obj.Name, []byte("sealed 2nd.")), strings.NewReader("sealed 2nd."))
	if !errors.As(err, &different) {
		t.Errorf("ensuring other bytes without Stat: got %v, want a *DifferentError", err)
	} else if different.HaveSHA256 == nil || *different.HaveSHA256 != obj.SHA256 {
		t.Errorf("the error tells the wrong digest of what is there: %v", err)
	}

	done, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.Ensure(done, st, Object("late", body), bytes.NewReader(body)); !errors.Is(err, context.Canceled) {
		t.Errorf("ensure with a cancelled context: got %v, want context.Canceled", err)
	}
}

func create(t *testing.T, st store.Store, name string, body []byte) {
	t.Helper()
	if err := st.Create(t.Context(), Object(name, body), bytes.NewReader(body)); err != nil {
		t.Fatal(err)
	}
}

func wantBody(t *testing.T, st store.Store, name string, want []byte) {
	t.Helper()
	r, err := st.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	have, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Fatalf("%q holds %d other bytes than the %d that were put there", name, len(have), len(want))
	}
}

func wantMissing(t *testing.T, st store.Store, name string) {
	t.Helper()
	r, err := st.Open(t.Context(), name)
	if err == nil {
		r.Close()
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("opening %q: got %v, want fs.ErrNotExist", name, err)
	}
	if stater, ok := st.(store.Stater); ok {
		if _, err := stater.Stat(t.Context(), name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("stat of %q: got %v, want fs.ErrNotExist", name, err)
		}
	}
}

func wantNames(t *testing.T, st store.Store, prefix string, want ...string) {
	t.Helper()
	var have []string
	for entry, err := range st.List(t.Context(), prefix) {
		if err != nil {
			t.Fatalf("listing %q: %v", prefix, err)
		}
		have = append(have, entry.Name)
	}
	want = slices.Sorted(slices.Values(want))
	if !slices.Equal(have, want) {
		t.Errorf("listing %q:\n got %q\nwant %q", prefix, have, want)
	}
}
