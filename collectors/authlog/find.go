package authlog

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// A candidate is something that a path matches.
type candidate struct {
	root string // the directory out of which no link may lead
	rel  string // below root
	item string // the path for people and for the index, in UTF-8

	series series
	mtime  time.Time

	class   evidence.GapClass // why it is not read
	refused string            // empty: it is read
}

func isPattern(s string) bool { return strings.ContainsAny(s, `*?[`) }

// find lists what path matches, in the order of time. An error means that the path itself cannot be looked at.
func find(path string) ([]candidate, error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return findIn(path, "*")
	case err == nil:
		return findFile(path)
	case isPattern(path):
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
	return nil, fmt.Errorf("looking at %s: %w", visible.Text(path), reasonOf(err))
}

// patternBase is the part of a pattern's path in front of the first element with something to match.
func patternBase(path string) string {
	base := filepath.Dir(path)
	for isPattern(base) {
		base = filepath.Dir(base)
	}
	return base
}

// findFile follows links: who names a file means what it leads to.
func findFile(path string) ([]candidate, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, fmt.Errorf("looking at %s: %w", visible.Text(path), reasonOf(err))
	}
	c := candidate{root: filepath.Dir(real), rel: filepath.Base(real), item: utf8Path(path)}
	root, err := os.OpenRoot(c.root)
	if err != nil {
		return nil, fmt.Errorf("looking at %s: %w", visible.Text(c.root), reasonOf(err))
	}
	defer root.Close() //nolint:errcheck // nothing was written
	c.look(root)
	return []candidate{c}, nil
}

// findIn lists what pattern matches below base.
func findIn(base, pattern string) ([]candidate, error) {
	root, err := os.OpenRoot(base)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking at %s: %w", visible.Text(base), reasonOf(err))
	}
	defer root.Close() //nolint:errcheck // nothing was written
	e := expansion{root: root, base: base}
	if err := e.expand(".", strings.Split(filepath.ToSlash(pattern), "/")); err != nil {
		return nil, fmt.Errorf("listing %s: %w", visible.Text(base), reasonOf(err))
	}
	found := e.found
	slices.SortStableFunc(found, byTime)
	return found, nil
}

// An expansion finds what a pattern matches. Unlike fs.Glob it does not pass over directories that cannot be listed.
type expansion struct {
	root  *os.Root
	base  string
	found []candidate
}

// expand matches elements below dir. An error means that the first directory cannot be listed.
func (e *expansion) expand(dir string, elements []string) error {
	element, rest := elements[0], elements[1:]
	if !isPattern(element) {
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
	c := candidate{root: e.base, rel: filepath.FromSlash(name)}
	c.item = utf8Path(filepath.Join(e.base, c.rel))
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
		c.refuse(classOf(err), "listing it: "+reasonOf(err).Error())
		e.found = append(e.found, c)
	}
	return nil
}

// look says what is there: a regular file is read, all else is a gap.
func (c *candidate) look(root *os.Root) {
	c.series = seriesOf(c.rel)
	link, err := root.Lstat(c.rel)
	if err != nil {
		c.refuse(classOf(err), reasonOf(err).Error())
		return
	}
	info, err := root.Stat(c.rel)
	if err != nil && link.Mode()&fs.ModeSymlink != 0 {
		target, _ := root.Readlink(c.rel)
		if errors.Is(err, fs.ErrNotExist) {
			c.refuse(evidence.GapVanished, "it is a link to "+visible.Text(target)+", which is not there")
			return
		}
		c.refuse(evidence.GapRefused, "it is a link to "+visible.Text(target)+", which leads out of the directory; name that file by itself to have it read")
		return
	}
	if err != nil {
		c.refuse(classOf(err), reasonOf(err).Error())
		return
	}
	c.mtime = info.ModTime()
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

func (c *candidate) refuse(class evidence.GapClass, reason string) {
	c.class, c.refused = class, reason
}

func classOf(err error) evidence.GapClass {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return evidence.GapRefused
	case errors.Is(err, fs.ErrNotExist):
		return evidence.GapVanished
	}
	return evidence.GapFailed
}

// reasonOf is an error without the path that a *fs.PathError repeats.
func reasonOf(err error) error {
	var of *fs.PathError
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

// utf8Path writes a path whose bytes are not UTF-8 so that it is, and so that different paths stay different.
func utf8Path(path string) string {
	path = filepath.ToSlash(filepath.Clean(path))
	if utf8.ValidString(path) {
		return path
	}
	sum := sha256.Sum256([]byte(path)) // a path that is written so by itself is another one
	return visible.Text(path) + " [" + hex.EncodeToString(sum[:6]) + "]"
}

// A series is what logrotate, newsyslog and their like make of one log: mail.log, mail.log.1, mail.log.2.gz, and
// mail.log-20240107.gz.
type series struct {
	name string
	age  int       // 0 for the one being written; grows with age
	day  time.Time // of rotation, where the name has it
}

// seriesOf reads a file's name.
func seriesOf(name string) series {
	for _, ending := range []string{".gz", ".bz2", ".xz", ".zst"} {
		name = strings.TrimSuffix(name, ending)
	}
	if i := strings.LastIndexAny(name, ".-"); i > 0 {
		stem, tail := name[:i], name[i+1:]
		if n, err := strconv.Atoi(tail); err == nil && n >= 0 && n < 10_000 && name[i] == '.' && len(tail) <= 4 {
			return series{name: stem, age: n + 1}
		}
		for _, layout := range []string{"20060102", "20060102-15", "2006010215", "20060102150405"} {
			if day, err := time.Parse(layout, tail); err == nil && day.Year() >= 1990 {
				return series{name: stem, day: day}
			}
		}
	}
	return series{name: name}
}

// byTime sorts series by name and, in each, the oldest file first: those with a day in their names by it, then those with
// a number from the largest down, the one being written last.
func byTime(a, b candidate) int {
	return cmp.Or(
		strings.Compare(a.series.name, b.series.name),
		compareDays(a.series.day, b.series.day),
		cmp.Compare(b.series.age, a.series.age),
		a.mtime.Compare(b.mtime),
		strings.Compare(a.rel, b.rel))
}

// compareDays sorts files with a day before those without.
func compareDays(a, b time.Time) int {
	switch {
	case a.IsZero() == b.IsZero():
		return a.Compare(b)
	case a.IsZero():
		return 1
	}
	return -1
}
