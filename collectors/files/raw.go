package files

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// The kinds whose files are kept as they are, whatever they hold. Raw is a file, or all below a directory. Attached is one
// file that somebody took to show what no program reads.
const (
	Raw      Kind = "raw"
	Attached Kind = "attached"
)

// AttachedAtMost is how large an attached file may be.
const AttachedAtMost = 256 << 20

// Errors of files that cannot be attached.
var (
	ErrTooLarge = errors.New("the file is too large to be attached")
	ErrEmpty    = errors.New("the file is empty")
	ErrNotAFile = errors.New("this is no regular file")
)

// An Attachment says what an attached file is for.
type Attachment struct {
	Resource string            // row of the coverage ledger
	Count    int64             // how many files go there together
	Slot     string            // name of the folder that they are kept in
	Attrs    map[string]string // what is said of it: who took it, when, with what
}

// checkAttached looks whether a file can be attached.
func checkAttached(p *place) error {
	info, err := os.Stat(p.real)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s: %w", visible.Text(p.path), ErrNotAFile)
	case info.Size() == 0:
		return fmt.Errorf("%s: %w", visible.Text(p.path), ErrEmpty)
	case info.Size() > AttachedAtMost:
		return fmt.Errorf("%s: %w: it has %d MiB, and %d are the most", visible.Text(p.path), ErrTooLarge, info.Size()>>20, AttachedAtMost>>20)
	}
	return nil
}

// raw keeps every file.
func (r *run) raw(t *tree) error {
	resource := "files/" + r.label(t.place.path)
	var files []*found
	for i := range t.all {
		if t.all[i].mode.IsRegular() {
			files = append(files, &t.all[i])
		}
	}
	if err := r.announce(resource, int64(len(files)), "kept as they are; nothing was read in them"); err != nil {
		return err
	}
	r.progress(files)
	for _, f := range files {
		m := single{f: f, resource: resource, item: visible.Text(f.rel), name: r.name(t.path(f.rel), ""), media: "application/octet-stream", attrs: map[string]string{}}
		if err := r.single(t, m); err != nil {
			return err
		}
		r.c.cfg.Report.Done(1, f.size)
	}
	return nil
}

// attached keeps the one file of a place for what it is attached to.
func (r *run) attached(t *tree) error {
	a := r.c.cfg.Attachment
	if err := r.announce(a.Resource, a.Count, ""); err != nil {
		return err
	}
	for i := range t.all {
		f := &t.all[i]
		path := t.path(f.rel)
		if f.size > AttachedAtMost {
			return r.gap(a.Resource, visible.Text(path), evidence.GapInvalid, "reading "+visible.Text(path), ErrTooLarge.Error())
		}
		m := single{f: f, resource: a.Resource, item: visible.Text(path), name: r.name(a.Slot+"/"+filepath.Base(path), ""), media: sniff(t, f.rel), attrs: maps.Clone(a.Attrs)}
		if err := r.single(t, m); err != nil {
			return err
		}
	}
	return nil
}

// sniff tells what a file seems to be by its first bytes, so that an examiner's program can show it.
func sniff(t *tree, rel string) string {
	file, _, err := t.open(rel)
	if err != nil {
		return "application/octet-stream" // reading it says why
	}
	defer file.Close()
	head := make([]byte, 512)
	n, _ := io.ReadFull(file, head)
	return http.DetectContentType(head[:n])
}
