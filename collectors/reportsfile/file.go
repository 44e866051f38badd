package reportsfile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/logfiles"
)

// A file is one that was opened.
type file struct {
	*logfiles.Candidate
	info     fs.FileInfo
	size     int64 // how much of it is read: its size when it was first opened
	encoding *logfiles.Encoding
	digest   evidence.Digest // of these bytes
	kept     string          // the exhibit's name
}

// keep puts a file, the events in it, and the summary.
func (r *run) keep(c *logfiles.Candidate) error {
	r.cfg.Report.Step(c.Item)
	if c.Refused != "" {
		return r.gap("reports", c.Item, c.Class, c.Refused)
	}
	f, ok, err := r.keepFile(c)
	if err != nil || !ok {
		return err
	}
	if err := r.keepDerived(f); err != nil {
		return err
	}
	r.cfg.Report.Done(1, f.size)
	return nil
}

// keepFile puts a file as it was found. ok is false where it became a gap. What an earlier run has kept is only hashed.
func (r *run) keepFile(c *logfiles.Candidate) (_ *file, ok bool, err error) {
	s, info, err := c.Source(r.ctx, -1, false, r.limits)
	if r.ctx.Err() != nil {
		return nil, false, context.Cause(r.ctx)
	}
	if err != nil {
		return nil, false, r.lost(c.Item, logfiles.ClassOf(err), "opening it: "+logfiles.ReasonOf(err).Error())
	}
	defer s.Close() //nolint:errcheck // it was only read
	f := &file{Candidate: c, info: info, size: info.Size(), encoding: s.Encoding}
	f.kept = r.name(f)
	if f.size > r.cfg.maxFile {
		return nil, false, r.lost(c.Item, evidence.GapInvalid, fmt.Sprintf("it has %d bytes, more than one exhibit can; compress it or split it, and collect that", f.size))
	}
	r.cfg.Report.Expect(1, f.size)
	body := &whole{s: s, size: f.size}
	if r.sink.Has(r.account, r.resource("reports"), f.Item) {
		_, err = io.Copy(io.Discard, body)
	} else {
		_, err = r.sink.Put(evidence.Exhibit{
			Account: r.account, Collector: r.Name(), Resource: r.resource("reports"), Item: f.Item, Name: f.kept,
			MediaType: f.mediaType(), FetchedAt: time.Now().UTC(), Request: "read " + f.Item, Attrs: f.attrs(),
		}, body)
	}
	f.digest = s.Raw.Digest()
	switch {
	case err == nil:
		return f, true, nil
	case errors.Is(err, evidence.ErrStorage), r.ctx.Err() != nil:
		return nil, false, err
	case errors.Is(err, evidence.ErrTaken):
		return nil, false, r.lost(f.Item, evidence.GapInvalid, err.Error())
	}
	return nil, false, r.lost(f.Item, classOf(err), "reading it: "+logfiles.ReasonOf(err).Error())
}

// whole is a file's bytes up to the size that it had.
type whole struct {
	s    *logfiles.Source
	size int64
	n    int64
}

// Read implements io.Reader.
func (w *whole) Read(p []byte) (int, error) {
	n, err := w.s.Text.Read(p)
	w.n += int64(n)
	if errors.Is(err, io.EOF) && w.n < w.size {
		return n, fmt.Errorf("%w: it is shorter now", logfiles.ErrChanged)
	}
	return n, err
}

func classOf(err error) evidence.GapClass {
	var broken *logfiles.BrokenError
	switch {
	case errors.Is(err, logfiles.ErrBomb), errors.As(err, &broken):
		return evidence.GapInvalid
	}
	return logfiles.ClassOf(err)
}

func (f *file) mediaType() string {
	if f.encoding.Name != "plain" {
		if f.encoding.MediaType == "" {
			return "application/octet-stream"
		}
		return f.encoding.MediaType
	}
	switch strings.ToLower(filepath.Ext(f.Rel)) {
	case ".csv":
		return "text/csv"
	case ".json":
		return "application/json"
	case ".jsonl", ".ndjson":
		return "application/x-ndjson"
	}
	return "text/plain"
}

// attrs says what the file was. Its SHA-256 is the exhibit's.
func (f *file) attrs() map[string]string {
	return map[string]string{
		"path":      f.Item,
		"mode":      f.info.Mode().String(),
		"mtime":     f.info.ModTime().UTC().Format(time.RFC3339Nano),
		"file-size": strconv.FormatInt(f.size, 10),
		"encoding":  f.encoding.Name,
	}
}

// name is where the exhibit stands: account/reportsfile/ROOT/PATH. Names that a file system without upper and lower case
// would take for one another get an ending.
func (r *run) name(f *file) string {
	elements := []string{evidence.SafeName(r.account), "reportsfile", evidence.SafeName(logfiles.UTF8Path(f.Root))}
	for element := range strings.SplitSeq(filepath.ToSlash(f.Rel), "/") {
		elements = append(elements, evidence.SafeName(element))
	}
	name := strings.Join(elements, "/")
	if r.names[strings.ToLower(name)] {
		sum := sha256.Sum256([]byte(f.Rel))
		name += "~" + hex.EncodeToString(sum[:6])
	}
	r.names[strings.ToLower(name)] = true
	return name
}

// texts gives what is in a file: one text, or those of a zip's members.
type texts struct {
	r       *run
	f       *file
	source  *logfiles.Source
	archive *logfiles.Archive
	member  io.ReadCloser
	begun   bool
}

// next gives the next text; io.EOF behind the last.
func (t *texts) next() (member string, text io.Reader, err error) {
	if t.f.encoding.Name == "zip" {
		return t.nextMember()
	}
	if t.begun {
		return "", nil, io.EOF
	}
	t.begun = true
	s, _, err := t.f.Source(t.r.ctx, t.f.size, true, t.r.limits)
	if err != nil {
		return "", nil, err
	}
	t.source = s
	if s.Text == nil {
		return "", nil, &logfiles.BrokenError{Err: fmt.Errorf("it is in the format of %s, which is not read here; unpack it first", s.Encoding.Name)}
	}
	return "", s.Text, nil
}

func (t *texts) nextMember() (string, io.Reader, error) {
	if t.archive == nil {
		if t.begun {
			return "", nil, io.EOF
		}
		t.begun = true
		a, err := t.f.Archive(t.r.ctx, t.f.size, t.r.limits)
		if err != nil {
			return "", nil, err
		}
		t.archive = a
	}
	if t.member != nil {
		t.member.Close() //nolint:errcheck // it was only read
		t.member = nil
	}
	name, text, err := t.archive.Next()
	if err != nil {
		return "", nil, err
	}
	t.member = text
	return logfiles.UTF8Path(name), text, nil
}

// unchanged makes sure that what was read is what was kept. A zip's members are read in any order, so that it is read once
// more.
func (t *texts) unchanged() error {
	s := t.source
	if s == nil {
		var err error
		if s, _, err = t.f.Source(t.r.ctx, t.f.size, false, t.r.limits); err != nil {
			return err
		}
		defer s.Close() //nolint:errcheck // it was only read
	}
	if err := s.Finish(); err != nil {
		return err
	}
	if s.Raw.Digest() != t.f.digest {
		return logfiles.ErrChanged
	}
	return nil
}

func (t *texts) close() {
	if t.member != nil {
		t.member.Close() //nolint:errcheck // it was only read
	}
	if t.archive != nil {
		t.archive.Close() //nolint:errcheck // it was only read
	}
	if t.source != nil {
		t.source.Close() //nolint:errcheck // it was only read
	}
}
