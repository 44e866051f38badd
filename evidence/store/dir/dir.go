package dir

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/mbaudit/mbaudit/evidence/store"
)

// copyBuffer is how many bytes of a body are held in memory.
const copyBuffer = 256 << 10

// A Store keeps objects as files in one directory.
type Store struct {
	path string // absolute, for people
	root *os.Root

	// before, when set by a test, is asked before each change to the file system, and its error is what the system
	// is made to answer.
	before func(step string) error
}

var (
	_ store.Store  = (*Store)(nil)
	_ store.Stater = (*Store)(nil)
)

// Open returns the store in a directory, which is made (mode 0700) where it is not there yet; its parent must be.
func Open(name string) (*Store, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(abs, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("making the directory of the store: %w", err)
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, fmt.Errorf("opening the directory of the store: %w", err)
	}
	return &Store{path: abs, root: root}, nil
}

// Close gives back the handle on the directory.
func (s *Store) Close() error { return s.root.Close() }

// String names the directory.
func (s *Store) String() string { return "directory " + s.path + " (this machine, not locked)" }

// Create implements store.Store.
func (s *Store) Create(ctx context.Context, obj store.Object, body io.Reader) error {
	if err := store.ValidName(obj.Name); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("creating %q: %w", obj.Name, err)
	}
	if err := s.create(ctx, obj, body); err != nil {
		return fmt.Errorf("creating %q in %s: %w", obj.Name, s.path, err)
	}
	return nil
}

func (s *Store) create(ctx context.Context, obj store.Object, body io.Reader) (err error) {
	dir, base := path.Split(obj.Name)
	dir = path.Clean(dir)
	if err := s.makeDirs(dir); err != nil {
		return err
	}
	if _, err := s.root.Lstat(obj.Name); err == nil {
		return fs.ErrExist // only to spare the writing: link decides
	}
	temp := path.Join(dir, ".mbaudit-"+rand.Text()+".tmp")
	defer func() {
		if err != nil {
			_ = s.root.Remove(temp) // it may never have been there; if it stays it is no object
		}
	}()
	if err := s.write(ctx, temp, obj, body); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.give(dir, path.Base(temp), base); err != nil {
		return err
	}
	if err := s.syncDir(dir); err != nil {
		return fmt.Errorf("the object is there, but may not outlive a power cut: %w", err)
	}
	return nil
}

// makeDirs makes dir and what is missing above it. Every element has to be a directory itself, not a link to one.
func (s *Store) makeDirs(dir string) error {
	if dir == "." {
		return nil
	}
	parent := path.Dir(dir)
	if err := s.makeDirs(parent); err != nil {
		return err
	}
	err := s.step("mkdir", func() error { return s.root.Mkdir(dir, 0o700) })
	switch {
	case errors.Is(err, fs.ErrExist):
		return s.isDir(dir)
	case err != nil:
		return err
	}
	return s.syncDir(parent)
}

func (s *Store) isDir(dir string) error {
	info, err := s.root.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%q is not a directory (%s)", dir, kind(info.Mode()))
	}
	return nil
}

// write makes temp hold the bytes of obj, checked and on the disk.
func (s *Store) write(ctx context.Context, temp string, obj store.Object, body io.Reader) error {
	var file *os.File
	err := s.step("open", func() (err error) {
		file, err = s.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		return err
	})
	if err != nil {
		return err
	}
	defer file.Close()
	from := interruptible{ctx, store.Checked(body, obj)}
	to := writerFunc(func(p []byte) (n int, err error) {
		err = s.step("write", func() error { n, err = file.Write(p); return err })
		return n, err
	})
	if _, err := io.CopyBuffer(to, from, make([]byte, copyBuffer)); err != nil {
		return err
	}
	if err := s.step("chmod", func() error { return file.Chmod(0o444) }); err != nil {
		return err
	}
	if err := s.step("fsync", file.Sync); err != nil {
		return err
	}
	return s.step("close", file.Close)
}

// give makes the finished file temp known as name, both in dir, unless name is taken.
func (s *Store) give(dir, temp, name string) error {
	from, to := path.Join(dir, temp), path.Join(dir, name)
	err := s.step("link", func() error { return s.root.Link(from, to) })
	switch {
	case err == nil:
		// A hidden name that cannot be removed does no harm, and the object is there.
		_ = s.step("remove", func() error { return s.root.Remove(from) })
		return nil
	case !errors.Is(err, fs.ErrPermission) && !errors.Is(err, errors.ErrUnsupported): // taken, or a full disk
		return err
	}
	handle, openerr := s.root.Open(dir)
	if openerr != nil {
		return openerr
	}
	defer handle.Close()
	renamed := s.step("rename", func() error { return renameNoReplace(handle, temp, name) })
	if renamed != nil && !errors.Is(renamed, fs.ErrExist) {
		return fmt.Errorf("this file system can neither link (%w) nor rename without replacing: %w", err, renamed)
	}
	return renamed
}

// syncDir makes the names in dir outlive a power cut. Windows has no such call; NTFS keeps a journal of names.
func (s *Store) syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	handle, err := s.root.Open(dir)
	if err != nil {
		return err
	}
	defer handle.Close()
	return s.step("fsync directory", handle.Sync)
}

func (s *Store) step(name string, do func() error) error {
	if s.before != nil {
		if err := s.before(name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return do()
}

// Open implements store.Store. It opens regular files only.
func (s *Store) Open(_ context.Context, name string) (io.ReadCloser, error) {
	info, err := s.stat(name)
	if err != nil {
		return nil, fmt.Errorf("opening %q in %s: %w", name, s.path, err)
	}
	file, err := s.root.Open(name)
	if err != nil {
		return nil, fmt.Errorf("opening %q in %s: %w", name, s.path, err)
	}
	// Between the look and the opening someone may have put a link there.
	if opened, err := file.Stat(); err != nil || !os.SameFile(info, opened) {
		file.Close()
		return nil, fmt.Errorf("opening %q in %s: it changed while it was opened", name, s.path)
	}
	return file, nil
}

// Stat implements store.Stater. A directory tells no digest and no lock.
func (s *Store) Stat(_ context.Context, name string) (store.Entry, error) {
	info, err := s.stat(name)
	if err != nil {
		return store.Entry{}, fmt.Errorf("looking at %q in %s: %w", name, s.path, err)
	}
	return store.Entry{Name: name, Size: info.Size()}, nil
}

// stat looks at a name and follows no link, neither in its last element nor before.
func (s *Store) stat(name string) (fs.FileInfo, error) {
	if err := store.ValidName(name); err != nil {
		return nil, err
	}
	for i, c := range name {
		if c == '/' {
			if err := s.isDir(name[:i]); err != nil {
				return nil, err
			}
		}
	}
	info, err := s.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, notFile(name, info.Mode())
	}
	return info, nil
}

// List implements store.Store. Hidden files and directories, which no valid name has, are passed over; anything else
// that is not a file with a valid name is an error.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		if err := store.ValidPrefix(prefix); err != nil {
			yield(store.Entry{}, err)
			return
		}
		_, err := s.walk(ctx, ".", prefix, yield)
		if err != nil {
			yield(store.Entry{}, fmt.Errorf("listing %s: %w", s.path, err))
		}
	}
}

// walk yields what is in dir and below, and says whether more is wanted.
func (s *Store) walk(ctx context.Context, dir, prefix string, yield func(store.Entry, error) bool) (bool, error) {
	entries, err := fs.ReadDir(s.root.FS(), dir)
	if err != nil {
		return false, err
	}
	// Sorted so that whole names come in order: "a.b" < "a/b" < "a0", where a is a directory.
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(sortName(a), sortName(b)) })
	for _, entry := range entries {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		name := path.Join(dir, entry.Name())
		below := !entry.Type().IsRegular() // a directory, or a link that passes for one
		if strings.HasPrefix(entry.Name(), ".") || !touches(name, below, prefix) {
			continue
		}
		if entry.IsDir() {
			if more, err := s.walk(ctx, name, prefix, yield); !more || err != nil {
				return more, err
			}
			continue
		}
		info, err := s.stat(name)
		if errors.Is(err, store.ErrName) {
			return false, fmt.Errorf("there is a file that is no object: %w", err)
		}
		if err != nil {
			return false, err
		}
		if !yield(store.Entry{Name: name, Size: info.Size()}, nil) {
			return false, nil
		}
	}
	return true, nil
}

func sortName(e fs.DirEntry) string {
	if e.IsDir() {
		return e.Name() + "/"
	}
	return e.Name()
}

// touches says whether name begins with prefix, or something below it may.
func touches(name string, below bool, prefix string) bool {
	return strings.HasPrefix(name, prefix) || below && strings.HasPrefix(prefix, name+"/")
}

func notFile(name string, mode fs.FileMode) error {
	return fmt.Errorf("%q is not a regular file (%s), and nothing that this store made", name, kind(mode))
}

func kind(mode fs.FileMode) string {
	switch {
	case mode.IsRegular():
		return "a regular file"
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	}
	return "mode " + mode.Type().String()
}

// interruptible is a reader that stops when ctx is done.
type interruptible struct {
	ctx context.Context
	src io.Reader
}

func (r interruptible) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.src.Read(p)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
