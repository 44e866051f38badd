package authlog

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
	"github.com/mbaudit/mbaudit/internal/maillog"
)

// A logFile is a file that was looked at from end to end.
type logFile struct {
	*candidate
	info     fs.FileInfo
	size     int64 // how much of it is read: its size when it was first opened
	digest   evidence.Digest
	encoding *logfiles.Encoding
	text     int64 // bytes after decompression and redaction
	textSum  evidence.Digest
	secrets  int64
	rules    string // by which rules secrets were found
	years    maillog.Years
	modified time.Time // the last change, of a gzip's original if it says so
	broken   *logfiles.BrokenError
	year     int // of the first line without one
	kept     string
}

// examine reads a file once: its digest, whether there are secrets in it, what its lines say of years. nil means that the
// file is a gap.
func (r *run) examine(c *candidate) (*logFile, error) {
	r.cfg.Report.Step(c.Item)
	if c.Refused != "" {
		return nil, r.gap("log", c.Item, c.Class, c.Refused)
	}
	s, info, err := c.Source(r.ctx, -1, true, r.limits)
	if r.ctx.Err() != nil {
		return nil, context.Cause(r.ctx)
	}
	if err != nil {
		return nil, r.lost(c.Item, logfiles.ClassOf(err), "opening it: "+logfiles.ReasonOf(err).Error())
	}
	defer s.Close() //nolint:errcheck // it was only read
	f := &logFile{candidate: c, info: info, size: info.Size(), encoding: s.Encoding, modified: info.ModTime()}
	if !s.Modified.IsZero() && s.Modified.Before(f.modified) {
		f.modified = s.Modified
	}
	if s.Encoding.Readable() {
		err = f.look(s)
	} else {
		err = errUnreadable(s.Encoding)
	}
	if ferr := s.Finish(); ferr != nil {
		err = ferr
	}
	if r.ctx.Err() != nil {
		return nil, context.Cause(r.ctx)
	}
	f.digest = s.Raw.Digest()
	if s.Raw.N < f.size && err == nil {
		err = fmt.Errorf("%w: it is shorter now", logfiles.ErrChanged)
	}
	if errors.As(err, &f.broken) && f.text > 0 {
		err = nil
	}
	if err == nil && f.body() > maxExhibit {
		err = fmt.Errorf("it has %d bytes, more than one exhibit can; compress it or split it, and collect that", f.body())
	}
	if err != nil {
		return nil, r.lost(c.Item, classOfReading(err), fmt.Sprintf("%s; its SHA-256 is %s", logfiles.ReasonOf(err), f.digest))
	}
	r.cfg.Report.Expect(1, f.size)
	return f, nil
}

// errUnreadable says what to do about a format that cannot be examined for passwords.
func errUnreadable(e *logfiles.Encoding) error {
	hint := "unpack it first"
	if e.Name == "systemd's journal" {
		hint = "export it first: journalctl -o export --file FILE"
	}
	return &logfiles.BrokenError{Err: fmt.Errorf("it is in the format of %s, which is not read here and not kept unexamined, for passwords may be in it; %s", e.Name, hint)}
}

func classOfReading(err error) evidence.GapClass {
	var broken *logfiles.BrokenError
	switch {
	case errors.Is(err, logfiles.ErrBomb), errors.As(err, &broken):
		return evidence.GapInvalid
	case errors.Is(err, logfiles.ErrChanged):
		return evidence.GapFailed
	}
	return logfiles.ClassOf(err)
}

// look reads the text for secrets and years.
func (f *logFile) look(s *logfiles.Source) error {
	x := newRedactor(s.Text)
	x.onLine = func(line []byte) { f.years.Observe(string(line[:min(len(line), 64)])) }
	sum := sha256.New()
	n, err := io.Copy(sum, x)
	f.text = n
	sum.Sum(f.textSum[:0])
	f.secrets, f.rules = x.total()
	return err
}

// maxExhibit is how many bytes an exhibit can have: its segment is a ZIP archive without ZIP64.
const maxExhibit = 15<<28 - 1

// body is how many bytes of the file are kept.
func (f *logFile) body() int64 {
	if f.asFound() {
		return f.size
	}
	return f.text
}

// asFound says whether the file's own bytes are kept: there is nothing in them that must not be kept, and all was seen.
func (f *logFile) asFound() bool {
	return f.secrets == 0 && f.broken == nil
}

// inferYears finds the year of lines without one, from the youngest file to the oldest: none goes on longer than the next
// one begins.
func inferYears(logs []*logFile, location *time.Location) {
	var name string
	var latest time.Time
	for i := len(logs) - 1; i >= 0; i-- {
		f := logs[i]
		if f.series.name != name {
			name, latest = f.series.name, time.Time{}
		}
		bound := f.modified
		if day := f.series.day; !day.IsZero() && day.AddDate(0, 0, 1).Before(bound) {
			bound = day.AddDate(0, 0, 1)
		}
		if !latest.IsZero() && latest.Before(bound) {
			bound = latest
		}
		if location != nil {
			bound = bound.In(location)
		}
		f.year, _ = f.years.First(bound)
		if begin, ok := f.years.Begin(f.year); ok {
			latest = begin
		}
	}
}

// keep puts a file, what was read in it, and the summary.
func (r *run) keep(f *logFile) error {
	r.cfg.Report.Step(f.Item)
	f.kept = r.name(f)
	ok, err := r.keepFile(f)
	if err != nil || !ok {
		return err
	}
	if r.sink.Has(r.account, r.resource("log-summary"), f.Item) {
		r.cfg.Report.Done(1, f.size)
		return nil
	}
	if f.broken != nil {
		if err := r.brokenGap(f); err != nil {
			return err
		}
	}
	summary, ok, err := r.keepEvents(f)
	if err != nil || !ok {
		return err
	}
	r.cfg.Report.Done(1, f.size)
	return r.keepSummary(f, summary)
}

// brokenGap names the part of a file that could not be read. The part before it is kept.
func (r *run) brokenGap(f *logFile) error {
	return r.gap("log-events", f.Item+" (the rest)", evidence.GapInvalid, fmt.Sprintf("after %d bytes of text it is broken: %s; what comes before is kept", f.text, f.broken))
}

// keepFile puts the file as it was found, or its text without the secrets. ok is false where it became a gap.
func (r *run) keepFile(f *logFile) (ok bool, err error) {
	if r.sink.Has(r.account, r.resource("log"), f.Item) {
		return true, nil
	}
	body := &verified{run: r, f: f, raw: f.asFound()}
	defer body.close()
	_, err = r.sink.Put(evidence.Exhibit{
		Account: r.account, Collector: r.Name(), Resource: r.resource("log"), Item: f.Item, Name: f.kept,
		MediaType: f.mediaType(), FetchedAt: time.Now().UTC(), Request: "read " + f.Item, Attrs: f.attrs(),
	}, body)
	return r.kept(f.Item, err)
}

// kept sorts a sink's error: the sink's own ends the collection, the file's makes the file a gap.
func (r *run) kept(item string, err error) (ok bool, _ error) {
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, evidence.ErrStorage), r.ctx.Err() != nil:
		return false, err
	case errors.Is(err, evidence.ErrTaken):
		return false, r.lost(item, evidence.GapInvalid, err.Error())
	}
	return false, r.lost(item, classOfReading(err), "reading it once more: "+logfiles.ReasonOf(err).Error())
}

func (f *logFile) mediaType() string {
	if f.asFound() {
		return f.encoding.MediaType
	}
	return "text/plain"
}

// attrs says what the file was.
func (f *logFile) attrs() map[string]string {
	attrs := map[string]string{
		"path":        f.Item,
		"mode":        f.info.Mode().String(),
		"mtime":       f.info.ModTime().UTC().Format(time.RFC3339Nano),
		"file-size":   strconv.FormatInt(f.size, 10),
		"file-sha256": f.digest.String(),
		"encoding":    f.encoding.Name,
	}
	if f.encoding.Name != "plain" {
		attrs["text-size"] = strconv.FormatInt(f.text, 10)
	}
	if f.secrets > 0 {
		attrs["redacted"] = strconv.FormatInt(f.secrets, 10)
		attrs["redaction-rules"] = f.rules
	}
	if f.broken != nil {
		attrs["broken"] = f.broken.Error()
	}
	return attrs
}

// name is where the exhibit stands: account/authlog/ROOT/PATH. Names that a file system without upper and lower case would
// take for one another get an ending.
func (r *run) name(f *logFile) string {
	elements := []string{evidence.SafeName(r.account), "authlog", evidence.SafeName(logfiles.UTF8Path(f.Root))}
	for element := range strings.SplitSeq(filepath.ToSlash(f.Rel), "/") {
		elements = append(elements, evidence.SafeName(element))
	}
	last := elements[len(elements)-1]
	if !f.asFound() {
		last = strings.TrimSuffix(last, f.encoding.Ending) + ".text"
		if f.secrets > 0 {
			last = strings.TrimSuffix(last, ".text") + ".redacted"
		}
		elements[len(elements)-1] = last
	}
	if name := strings.Join(elements, "/"); !r.names[strings.ToLower(name)] {
		r.names[strings.ToLower(name)] = true
		return name
	}
	sum := sha256.Sum256([]byte(f.Rel))
	elements[len(elements)-1] = last + "~" + hex.EncodeToString(sum[:6])
	name := strings.Join(elements, "/")
	r.names[strings.ToLower(name)] = true
	return name
}

// verified is a file's body read anew. At its end it makes sure that the file is still the one that was examined: if not,
// it returns an error, and the sink keeps nothing.
type verified struct {
	*run
	f   *logFile
	raw bool // the file's own bytes, not the redacted text
	s   *logfiles.Source
	r   io.Reader
}

// Read implements io.Reader.
func (v *verified) Read(p []byte) (int, error) {
	if v.r == nil {
		if err := v.open(); err != nil {
			return 0, err
		}
	}
	n, err := v.r.Read(p)
	if err == nil {
		return n, nil
	}
	var broken *logfiles.BrokenError
	if errors.As(err, &broken) && v.f.broken != nil {
		err = io.EOF // as far as it could be read when it was examined
	}
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	if err := v.s.Finish(); err != nil {
		return n, err
	}
	if v.s.Raw.Digest() != v.f.digest {
		return n, logfiles.ErrChanged
	}
	return n, io.EOF
}

func (v *verified) open() error {
	s, _, err := v.f.Source(v.ctx, v.f.size, !v.raw, v.limits)
	if err != nil {
		return err
	}
	v.s, v.r = s, s.Text
	if !v.f.asFound() { // where nothing was found there is nothing to take out, and the digest makes sure of it
		v.r = newRedactor(s.Text)
	}
	return nil
}

func (v *verified) close() {
	if v.s != nil {
		v.s.Close() //nolint:errcheck // it was only read
	}
}
