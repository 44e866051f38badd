//go:build unix

package dir_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/mbaudit/mbaudit/evidence/store"
	"github.com/mbaudit/mbaudit/evidence/store/dir"
	"github.com/mbaudit/mbaudit/evidence/store/storetest"
)

func open(t testing.TB, path string) *dir.Store {
	t.Helper()
	st, err := dir.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

func create(t testing.TB, st store.Store, name string, body []byte) error {
	t.Helper()
	return st.Create(t.Context(), storetest.Object(name, body), bytes.NewReader(body))
}

func TestDir(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, t.TempDir()) })
}

// TestWithoutHardLinks runs the suite as on a file system that has none.
func TestWithoutHardLinks(t *testing.T) {
	var renames atomic.Int64
	storetest.Run(t, func(t *testing.T) store.Store {
		st := open(t, t.TempDir())
		st.Before(func(step string) error {
			switch step {
			case "link":
				return syscall.EPERM // what link(2) answers there
			case "rename":
				renames.Add(1)
			}
			return nil
		})
		return st
	})
	if renames.Load() == 0 {
		t.Error("nothing was renamed")
	}
}

func TestOpenMakesTheDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new")
	if err := create(t, open(t, path), "a/b", []byte("x")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{".": fs.ModeDir | 0o700, "a": fs.ModeDir | 0o700, "a/b": 0o444} {
		info, err := os.Stat(filepath.Join(path, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %s, want %s", name, info.Mode(), want)
		}
	}
	if _, err := dir.Open(filepath.Join(path, "missing", "new")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory whose parent is missing: got %v, want fs.ErrNotExist", err)
	}
	if _, err := dir.Open(filepath.Join(path, "a/b")); err == nil {
		t.Error("a file passes for a directory")
	}
}

// TestFailingSteps makes each change to the file system fail in turn. Whatever fails, there is either no object and
// nothing else in the way, or all of it and the error says so; and a second Create or Ensure mends it.
func TestFailingSteps(t *testing.T) {
	body := bytes.Repeat([]byte("mbaudit\n"), 100_000)
	steps := recordSteps(t, body)
	for i, step := range steps {
		t.Run(fmt.Sprintf("%d %s", i, step), func(t *testing.T) {
			path := t.TempDir()
			st := open(t, path)
			n := 0
			st.Before(func(string) error {
				n++
				if n == i+1 {
					return syscall.EIO
				}
				return nil
			})
			err := create(t, st, "a/b/c", body)
			if step == "remove" { // of the hidden name, when the object is there already
				if err != nil {
					t.Errorf("got %v, want no error", err)
				}
			} else if !errors.Is(err, syscall.EIO) {
				t.Errorf("got %v, want the system's error", err)
			}
			st.Before(nil)
			sum, openErr := store.Digest(t.Context(), st, "a/b/c")
			switch {
			case openErr == nil && sum != storetest.Object("", body).SHA256:
				t.Error("other bytes are under the name")
			case openErr == nil && err != nil && !strings.Contains(err.Error(), "the object is there"):
				t.Errorf("the object is there, and the error does not say so: %v", err)
			case openErr != nil && !errors.Is(openErr, fs.ErrNotExist):
				t.Error(openErr)
			}
			if step != "remove" {
				wantNoHidden(t, path)
			}
			if _, err := store.Ensure(t.Context(), st, storetest.Object("a/b/c", body), bytes.NewReader(body)); err != nil {
				t.Errorf("trying again: %v", err)
			}
			wantList(t, st, "a/b/c")
		})
	}
}

// recordSteps returns the names of the changes that one Create makes, in order.
func recordSteps(t *testing.T, body []byte) []string {
	var steps []string
	st := open(t, t.TempDir())
	st.Before(func(step string) error { steps = append(steps, step); return nil })
	if err := create(t, st, "a/b/c", body); err != nil {
		t.Fatal(err)
	}
	for _, step := range []string{"mkdir", "open", "write", "chmod", "fsync", "close", "link", "remove", "fsync directory"} {
		if !slices.Contains(steps, step) {
			t.Errorf("creating an object in new directories takes no step %q: %q", step, steps)
		}
	}
	return steps
}

// TestLeftovers shows what a crash leaves: a hidden file, which is no object and in nobody's way.
func TestLeftovers(t *testing.T) {
	path := t.TempDir()
	st := open(t, path)
	if err := create(t, st, "a/b", []byte("x")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".mbaudit-XXXX.tmp", "a/.mbaudit-XXXX.tmp"} {
		if err := os.WriteFile(filepath.Join(path, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := st.Open(t.Context(), name); !errors.Is(err, store.ErrName) {
			t.Errorf("opening a leftover: got %v, want ErrName", err)
		}
	}
	wantList(t, st, "a/b")
}

// TestForeignFiles shows that what no store makes is refused, also where it leads to a file that would do.
func TestForeignFiles(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("not evidence"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, make := range map[string]func(path string) error{
		"link out":             func(path string) error { return os.Symlink(outside, filepath.Join(path, "bad")) },
		"link inside":          func(path string) error { return os.Symlink("good", filepath.Join(path, "bad")) },
		"link to a directory":  func(path string) error { return os.Symlink("sub", filepath.Join(path, "bad")) },
		"link out of the tree": func(path string) error { return os.Symlink(filepath.Dir(outside), filepath.Join(path, "bad")) },
		"dangling link":        func(path string) error { return os.Symlink("nowhere", filepath.Join(path, "bad")) },
		"pipe":                 func(path string) error { return syscall.Mkfifo(filepath.Join(path, "bad"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			st := open(t, path)
			for _, name := range []string{"good", "sub/file"} {
				if err := create(t, st, name, []byte("evidence")); err != nil {
					t.Fatal(err)
				}
			}
			if err := make(path); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"bad", "bad/file", "bad/outside"} {
				if body, err := st.Open(t.Context(), name); err == nil {
					body.Close()
					t.Errorf("%q was opened", name)
				}
				if _, err := st.Stat(t.Context(), name); err == nil {
					t.Errorf("%q has a stat", name)
				}
				if err := create(t, st, name, []byte("evidence")); err == nil {
					t.Errorf("%q was created", name)
				}
			}
			if err := create(t, st, "bad", []byte("evidence")); !errors.Is(err, fs.ErrExist) {
				t.Errorf("creating what is taken by something else: got %v, want fs.ErrExist", err)
			}
			for _, prefix := range []string{"", "bad", "bad/"} {
				var last error
				for _, err := range st.List(t.Context(), prefix) {
					last = err
				}
				if last == nil || !strings.Contains(last.Error(), `"bad" is not a regular file`) {
					t.Errorf("listing %q: got %v, want it to name the file", prefix, last)
				}
			}
		})
	}
	if body, err := os.ReadFile(outside); err != nil || string(body) != "not evidence" {
		t.Errorf("the file outside is changed: %q, %v", body, err)
	}
}

func TestOddFile(t *testing.T) {
	path := t.TempDir()
	st := open(t, path)
	if err := os.WriteFile(filepath.Join(path, "line\nbreak"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, err := range st.List(t.Context(), "") {
		if !errors.Is(err, store.ErrName) {
			t.Errorf("got %v, want ErrName", err)
		}
	}
}

// TestObjectAndDirectory shows that a name cannot be both.
func TestObjectAndDirectory(t *testing.T) {
	st := open(t, t.TempDir())
	if err := create(t, st, "a", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := create(t, st, "a/b", []byte("x")); err == nil || !strings.Contains(err.Error(), `"a" is not a directory`) {
		t.Errorf("an object below another: got %v", err)
	}
	if err := create(t, st, "d/e", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := create(t, st, "d", []byte("x")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("an object in the place of a directory: got %v, want fs.ErrExist", err)
	}
	wantList(t, st, "a", "d/e")
}

func wantNoHidden(t *testing.T, path string) {
	t.Helper()
	err := filepath.WalkDir(path, func(name string, _ fs.DirEntry, err error) error {
		if strings.HasPrefix(filepath.Base(name), ".") {
			t.Errorf("%s was left", name)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func wantList(t *testing.T, st store.Store, want ...string) {
	t.Helper()
	var have []string
	for entry, err := range st.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		have = append(have, entry.Name)
	}
	if !slices.Equal(have, want) {
		t.Errorf("the store lists %q, want %q", have, want)
	}
}
