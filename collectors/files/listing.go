package files

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"time"
	"unicode/utf8"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// listingMedia is a listing's media type: one JSON object a line.
const listingMedia = "application/jsonl"

// A listedFile is one line of a listing. It is ours, made of what the system told of a file before anything was read.
type listedFile struct {
	Path   string    `json:"path"`
	Bytes  []byte    `json:"path_base64,omitempty"` // of a path that is not UTF-8
	Type   string    `json:"type"`
	Size   int64     `json:"size"`
	MTime  time.Time `json:"mtime"`
	Mode   string    `json:"mode"`
	Target string    `json:"target,omitempty"`
	Unread string    `json:"unread,omitempty"`
}

func (t *tree) line(f *found) listedFile {
	path := t.path(f.rel)
	l := listedFile{Path: path, Type: typeOf(f.mode), Size: f.size, MTime: f.mtime.UTC(), Mode: f.mode.String(), Target: visible.Text(f.link)}
	if !utf8.ValidString(path) {
		l.Path, l.Bytes = visible.Text(path), []byte(path)
	}
	if f.why != nil {
		l.Unread = visible.Line(f.why.Error())
	}
	return l
}

func typeOf(mode fs.FileMode) string {
	switch {
	case mode.IsRegular():
		return "file"
	case mode.IsDir():
		return "directory"
	case mode&fs.ModeSymlink != 0:
		return "link"
	case mode&fs.ModeNamedPipe != 0:
		return "pipe"
	}
	return "other"
}

// list keeps the listing of a tree, and writes a gap for each directory that cannot be read and for each thing that is
// neither file nor directory.
func (r *run) list(t *tree) error {
	resource := r.importOf(t.place)
	if err := r.announceOne(resource, "found"); err != nil {
		return err
	}
	request := "listing " + visible.Text(t.place.path)
	name := r.name(t.place.path, "~found.jsonl")
	if !r.has(resource, "found") {
		attrs := map[string]string{"path": visible.Text(t.place.path), "found": fmt.Sprint(len(t.all))}
		if t.place.real != t.place.path {
			attrs["path.real"] = visible.Text(t.place.real)
		}
		if err := r.put(r.exhibit(resource, "found", name, listingMedia, request, attrs), &listing{tree: t}); err != nil {
			return err
		}
	}
	for i := range t.all {
		f := &t.all[i]
		class, reason := evidence.GapInvalid, f.odd()
		if f.why != nil {
			class, reason = classOf(f.why), f.why.Error()
		}
		if reason == "" || t.marksFound(f) {
			continue
		}
		item := "not-read/" + visible.Text(f.rel)
		if err := r.announceOne(resource, item); err != nil {
			return err
		}
		if err := r.gap(resource, item, class, request, visible.Text(t.path(f.rel))+": "+reason); err != nil {
			return err
		}
	}
	return nil
}

// A listing gives the lines of a tree as they are asked for.
type listing struct {
	tree *tree
	next int
	rest []byte
}

// Read implements io.Reader.
func (l *listing) Read(p []byte) (int, error) {
	for len(l.rest) == 0 {
		if l.next == len(l.tree.all) {
			return 0, io.EOF
		}
		text, err := json.Marshal(l.tree.line(&l.tree.all[l.next]))
		if err != nil {
			return 0, err
		}
		l.rest = append(text, '\n')
		l.next++
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}
