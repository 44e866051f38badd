package logfiles

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// A Candidate is something that a path matches.
type Candidate struct {
	Root string // the directory out of which no link may lead
	Rel  string // below Root
	Item string // the path for people and for the index, in UTF-8

	Modified time.Time

	Class   evidence.GapClass // why it is not read
	Refused string            // empty: it is read
}

// IsPattern says whether a path has something to match in it.
func IsPattern(s string) bool { return strings.ContainsAny(s, `*?[`) }

// Check says what of a path cannot be, before it is looked at.
func Check(path string) error {
	if strings.ContainsRune(path, 0) {
		return errors.New("the path has a zero byte in it")
	}
	if IsPattern(path) {
		if _, err := filepath.Match(path, ""); err != nil {
			return fmt.Errorf("the pattern %s: %w", visible.Text(path), err)
		}
	}
	return nil
}

// Find lists what path matches, by name. An error means that the path itself cannot be looked at.
func Find(path string) ([]Candidate, error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return findIn(path, "*")
	case err == nil:
		return findFile(path)
	case IsPattern(path):
		base := patternBase(path)
		rest, err := filepath.Rel(base, path)
		if err != nil {
			return nil, err
		}
		return findIn(base, rest)
	case errors.Is(err, fs.ErrNotExist):
		if _, lerr := os.Lstat(path); lerr != nil {
			return nil, nil
		}
		return nil, fmt.Errorf("%s is a link to something that is not there", visible.Text(path))
	}
	return nil, fmt.Errorf("looking at %s: %w", visible.Text(path), ReasonOf(err))
}

// patternBase is the part of a pattern's path in front of the first element with something to match.
func patternBase(path string) string {
	base := filepath.Dir(path)
	for IsPattern(base) {
		base = filepath.Dir(base)
	}
	return base
}

// findFile follows links: who names a file means what it leads to.
func findFile(path string) ([]Candidate, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, fmt.Errorf("looking at %s: %w", visible.Text(path), ReasonOf(err))
	}
	c := Candidate{Root: filepath.Dir(real), Rel: filepath.Base(real), Item: UTF8Path(path)}
	root, err := os.OpenRoot(c.Root)
	if err != nil {
		return nil, fmt.Errorf("looking at %s: %w", visible.Text(c.Root), ReasonOf(err))
	}
	defer root.Close() //nolint:errcheck // nothing was written
	c.look(root)
	return []Candidate{c}, nil
}

// findIn lists what pattern matches below base.
func findIn(base, pattern string) ([]Candidate, error) {
	root, err := os.OpenRoot(base)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking at %s: %w", visible.Text(base), ReasonOf(err))
	}
	defer root.Close() //nolint:errcheck // nothing was written
	e := expansion{root: root, base: base}
	if err := e.expand(".", strings.Split(filepath.ToSlash(pattern), "/")); err != nil {
		return nil, fmt.Errorf("listing %s: %w", visible.Text(base), ReasonOf(err))
	}
	slices.SortStableFunc(e.found, func(a, b Candidate) int { return strings.Compare(a.Rel, b.Rel) })
	return e.found, nil
}

// An expansion finds what a pattern matches. Unlike fs.Glob it does not pass over directories that cannot be listed.
type expansion struct {
	root  *os.Root
	base  string
	found []Candidate
}

// expand matches elements below dir. An error means that the first directory cannot be listed.
func (e *expansion) expand(dir string, elements []string) error {
	element, rest := elements[0], elements[1:]
	if !IsPattern(element) {
		if _, err := e.root.Lstat(path.Join(dir, element)); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return e.match(path.Join(dir, element), rest)
	}
	entries, err := fs.ReadDir(e.root.FS(), dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if ok, err := path.Match(element, entry.Name()); err != nil || !ok {
			continue // New has looked at the pattern
		}
		if err := e.match(path.Join(dir, entry.Name()), rest); err != nil {
			return err
		}
	}
	return nil
}

// match takes what the last element matches for a file, and goes into directories otherwise.
func (e *expansion) match(name string, rest []string) error {
	c := Candidate{Root: e.base, Rel: filepath.FromSlash(name)}
	c.Item = UTF8Path(filepath.Join(e.base, c.Rel))
	if len(rest) == 0 {
		c.look(e.root)
		e.found = append(e.found, c)
		return nil
	}
	info, err := e.root.Stat(name)
	if err == nil && !info.IsDir() {
		return nil
	}
	if err == nil {
		err = e.expand(name, rest)
	}
	if err != nil {
		c.refuse(ClassOf(err), "listing it: "+ReasonOf(err).Error())
		e.found = append(e.found, c)
	}
	return nil
}

// look says what is there: a regular file is read, all else is a gap.
func (c *Candidate) look(root *os.Root) {
	link, err := root.Lstat(c.Rel)
	if err != nil {
		c.refuse(ClassOf(err), ReasonOf(err).Error())
		return
	}
	info, err := root.Stat(c.Rel)
	if err != nil && link.Mode()&fs.ModeSymlink != 0 {
		target, _ := root.Readlink(c.Rel)
		if errors.Is(err, fs.ErrNotExist) {
			c.refuse(evidence.GapVanished, "it is a link to "+visible.Text(target)+", which is not there")
			return
		}
		c.refuse(evidence.GapRefused, "it is a link to "+visible.Text(target)+", which leads out of the directory; name that file by itself to have it read")
		return
	}
	if err != nil {
		c.refuse(ClassOf(err), ReasonOf(err).Error())
		return
	}
	c.Modified = info.ModTime()
	switch mode := info.Mode(); {
	case mode.IsRegular():
	case mode.IsDir():
		c.refuse(evidence.GapRefused, "it is a directory, and directories in a directory are not gone into; name it by itself")
	case mode&fs.ModeNamedPipe != 0:
		c.refuse(evidence.GapRefused, "it is a pipe, from which reading would take what another program waits for")
	default:
		c.refuse(evidence.GapRefused, "it is no regular file but "+mode.String())
	}
}

func (c *Candidate) refuse(class evidence.GapClass, reason string) {
	c.Class, c.Refused = class, reason
}

// ClassOf sorts what an operating system says.
func ClassOf(err error) evidence.GapClass {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return evidence.GapRefused
	case errors.Is(err, fs.ErrNotExist):
		return evidence.GapVanished
	}
	return evidence.GapFailed
}

// ReasonOf is an error without the path that a *fs.PathError repeats.
func ReasonOf(err error) error {
	var of *fs.PathError
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

// UTF8Path writes a path whose bytes are not UTF-8 so that it is, and so that different paths stay different.
func UTF8Path(path string) string {
	path = filepath.ToSlash(filepath.Clean(path))
	if utf8.ValidString(path) {
		return path
	}
	sum := sha256.Sum256([]byte(path)) // a path that is written so by itself is another one
	return visible.Text(path) + " [" + hex.EncodeToString(sum[:6]) + "]"
}
