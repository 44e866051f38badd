package files

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/internal/visible"
)

// A place is one path that is imported: a file, or a directory with all that is below it.
type place struct {
	path string // absolute, as it was named
	real string // the same without symbolic links: the operator may name a link, what lies below may not be one
	dir  bool
}

// places lists what the path or pattern names. A path that is there is taken as it is, whatever characters it has.
func (c *Collector) places() ([]*place, error) {
	names := []string{c.path}
	if _, err := os.Lstat(c.path); errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(c.path, "*?[") {
		matches, err := filepath.Glob(c.path)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", c.Name(), visible.Text(c.path), err)
		}
		names = matches
	}
	var places []*place
	for _, name := range names {
		p, err := newPlace(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name(), err)
		}
		places = append(places, p)
	}
	if len(places) == 0 {
		return nil, fmt.Errorf("%s: %s: no file matches: %w", c.Name(), visible.Text(c.path), ErrNothing)
	}
	return places, nil
}

func newPlace(name string) (*place, error) {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", visible.Text(name), ErrNothing)
	}
	if err != nil {
		return nil, err
	}
	real, err := filepath.EvalSymlinks(name)
	if err != nil {
		return nil, err
	}
	return &place{path: name, real: real, dir: info.IsDir()}, nil
}

// check looks whether a place can be of the kind.
func (c *Collector) check(p *place) error {
	wrong := func(means Kind, why string) error {
		return &KindError{Path: p.path, Given: c.cfg.Kind, Means: means, Why: why}
	}
	looksMaildir := p.dir && isDir(filepath.Join(p.real, "cur")) && isDir(filepath.Join(p.real, "new"))
	switch {
	case c.cfg.Kind == Raw:
		return nil
	case c.cfg.Kind == Attached:
		return checkAttached(p)
	case c.cfg.Kind == Maildir && !p.dir:
		return wrong("", "a Maildir is a directory, this is a file")
	case c.cfg.Kind == Maildir && !looksMaildir:
		return wrong("", "a Maildir has the directories cur and new, this has not")
	case c.cfg.Kind != Maildir && c.cfg.Kind != Sieve && looksMaildir:
		return wrong(Maildir, "it is a Maildir")
	case p.dir:
		return nil
	}
	head, err := headOfFile(p.real, 512)
	if errors.Is(err, errKind) {
		return wrong("", errKind.Error())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.Name(), err)
	}
	isMbox := strings.HasPrefix(string(head), "From ")
	switch archive := archiveKind(head); {
	case isPST(head, p.path):
		return fmt.Errorf("%s: %s: %w", c.cfg.Kind, visible.Text(p.path), ErrPST)
	case archive != "" && c.cfg.Kind != EML:
		return wrong("", "it is an archive ("+archive+"), of which only .eml files are read: unpack it first")
	case c.cfg.Kind == EML && isMbox:
		return wrong(Mbox, `it begins with "From " and seems to be an mbox`)
	case c.cfg.Kind == Sieve && isMbox:
		return wrong(Mbox, `it begins with "From " and seems to be an mbox`)
	}
	return nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// isPST knows Outlook's files by their first bytes ([MS-PST] 2.2.2.6, dwMagic) and by their name.
func isPST(head []byte, path string) bool {
	ending := strings.ToLower(filepath.Ext(path))
	return strings.HasPrefix(string(head), "!BDN") || ending == ".pst" || ending == ".ost"
}

// headOfFile reads the first bytes of a file.
func headOfFile(path string, n int) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errKind
	}
	f, err := os.OpenFile(path, os.O_RDONLY|quietFlags, 0)
	if errors.Is(err, fs.ErrPermission) {
		f, err = os.OpenFile(path, os.O_RDONLY|plainFlags, 0)
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, nil // what cannot be read is a gap when it is read
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, n)
	n, err = io.ReadFull(f, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	return head[:n], nil
}

// A found is one file, directory or other thing below a place.
type found struct {
	rel   string // within the tree; of a file that was named itself its name
	mode  fs.FileMode
	size  int64
	mtime time.Time
	link  string // where a symbolic link points to
	why   error  // why a directory could not be read
}

// A tree is an open place. Its root keeps what is opened inside: a link that leads out is refused by the system's own
// means (openat), whoever puts it there while the tree is read.
type tree struct {
	c     *Collector
	place *place
	base  string // real path of root
	root  *os.Root
	all   []found // sorted by rel
}

func (c *Collector) openTree(p *place) (*tree, error) {
	t := &tree{c: c, place: p, base: p.real}
	if !p.dir {
		t.base = filepath.Dir(p.real)
	}
	var err error
	if t.root, err = os.OpenRoot(t.base); err != nil {
		return nil, err
	}
	if p.dir {
		err = t.walk(".")
	} else {
		err = t.add(filepath.Base(p.real))
	}
	if err != nil {
		t.close()
		return nil, err
	}
	slices.SortFunc(t.all, func(a, b found) int { return cmp.Compare(a.rel, b.rel) })
	return t, nil
}

func (t *tree) close() { _ = t.root.Close() } // it was only read

// add looks at one name without following it.
func (t *tree) add(rel string) error {
	info, err := t.root.Lstat(rel)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // gone since the directory was read: what is listed is what was there
	}
	if err != nil {
		return err
	}
	f := found{rel: rel, mode: info.Mode(), size: info.Size(), mtime: info.ModTime()}
	if f.mode&fs.ModeSymlink != 0 {
		f.link, _ = t.root.Readlink(rel) // for the listing only
	}
	if f.mode.IsDir() {
		f.size = 0 // tells of the file system, not of the mail
	}
	i := len(t.all)
	t.all = append(t.all, f)
	if f.mode.IsDir() {
		t.all[i].why = t.walk(rel)
	}
	return nil
}

// maxDepth is how many directories deep a tree is read. No mail program nests folders deeper.
const maxDepth = 200

// walk lists a directory and what is below. Links are not followed, so that it ends.
func (t *tree) walk(rel string) error {
	if strings.Count(rel, string(filepath.Separator)) >= maxDepth {
		return fmt.Errorf("it is more than %d directories deep", maxDepth)
	}
	d, err := t.openQuietly(rel)
	if err != nil {
		return err
	}
	names, err := d.Readdirnames(-1)
	if err := errors.Join(err, d.Close()); err != nil {
		return err
	}
	for _, name := range names {
		if err := t.add(filepath.Join(rel, name)); err != nil {
			return err
		}
	}
	return nil
}

// openQuietly opens without moving the time of last access where that is allowed.
func (t *tree) openQuietly(rel string) (*os.File, error) {
	if t.c.refused != nil {
		if err := t.c.refused(rel); err != nil {
			return nil, err
		}
	}
	f, err := t.root.OpenFile(rel, os.O_RDONLY|quietFlags, 0)
	if quietFlags != plainFlags && errors.Is(err, fs.ErrPermission) {
		return t.root.OpenFile(rel, os.O_RDONLY|plainFlags, 0)
	}
	return f, err
}

// open opens a regular file and nothing else, also if it was replaced since it was listed.
func (t *tree) open(rel string) (*os.File, fs.FileInfo, error) {
	before, err := t.root.Lstat(rel)
	if err != nil {
		return nil, nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, nil, errKind
	}
	f, err := t.openQuietly(rel)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	if !os.SameFile(before, info) {
		return nil, nil, errors.Join(errChanged, f.Close())
	}
	return f, info, nil
}

// files counts the regular files.
func (t *tree) files() int {
	n := 0
	for i := range t.all {
		if t.all[i].mode.IsRegular() {
			n++
		}
	}
	return n
}

// path is where something found is, for people and for resources: below the path as it was named.
func (t *tree) path(rel string) string {
	if !t.place.dir {
		return t.place.path
	}
	return filepath.Join(t.place.path, rel)
}

// odd says why something found is no file to read, or "".
func (f *found) odd() string {
	switch {
	case f.mode&fs.ModeSymlink != 0:
		return "a symbolic link is not followed; what it points to can be imported by its own path"
	case f.mode&fs.ModeNamedPipe != 0:
		return "a pipe is not opened"
	case !f.mode.IsRegular() && !f.mode.IsDir():
		return "a device or socket is not opened"
	}
	return ""
}
