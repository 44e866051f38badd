package files

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// mboxes imports the file that was named itself, or all below a directory that are mbox files by their name or by how
// they begin.
func (r *run) mboxes(t *tree) error {
	for i := range t.all {
		f := &t.all[i]
		if !f.mode.IsRegular() {
			continue
		}
		if t.place.dir && !isMbox(t, f) {
			r.onlyListed++
			if err := r.otherMail(t, f); err != nil {
				return err
			}
			continue
		}
		if err := r.mbox(t, f); err != nil {
			return err
		}
	}
	return nil
}

// isMbox says whether a file below a directory is an mbox. One that cannot be opened is taken for one, so that it
// becomes a gap.
func isMbox(t *tree, f *found) bool {
	if slices.Contains([]string{".mbox", ".mbx", ".mboxrd", ".mboxo", ".mboxcl", ".mboxcl2"}, strings.ToLower(filepath.Ext(f.rel))) {
		return true
	}
	file, _, err := t.open(f.rel)
	if err != nil {
		return true
	}
	defer file.Close()
	head := make([]byte, 5)
	n, _ := io.ReadFull(file, head)
	return string(head[:n]) == "From "
}

// An origin describes a file that many exhibits are cut out of. It is ours, made by reading the whole file before the
// first message is kept.
type origin struct {
	Path     string          `json:"path"`
	Bytes    []byte          `json:"path_base64,omitempty"` // of a path that is not UTF-8
	Size     int64           `json:"size"`
	MTime    time.Time       `json:"mtime"`
	Mode     string          `json:"mode"`
	SHA256   evidence.Digest `json:"sha256"`
	Form     string          `json:"form"`
	Messages int64           `json:"messages"`
	Mbox     *mboxCounts     `json:"mbox,omitempty"`
}

// mboxCounts are what the form of an mbox was told by.
type mboxCounts struct {
	FromLines    int64 `json:"messages_by_from_line"`
	LengthChain  int64 `json:"messages_by_content_length"` // 0: the fields do not lead from message to message
	Escaped      int64 `json:"lines_escaped_once"`         // ">From "
	EscapedTwice int64 `json:"lines_escaped_more"`         // ">>From "
	Unescaped    int64 `json:"lines_not_escaped"`          // "From " within a message
	Leading      int64 `json:"bytes_before_first_message"`
	Torn         bool  `json:"ends_within_a_line"`
}

// describeMbox reads an mbox once: its SHA-256, its messages, its form.
func describeMbox(ctx context.Context, file *os.File, info fs.FileInfo) (origin, bool, error) {
	o := origin{Size: info.Size(), MTime: info.ModTime().UTC(), Mode: info.Mode().String(), Mbox: &mboxCounts{}}
	counts := o.Mbox
	sum := sha256.New()
	s := &splitter{chain: chain{began: -1}, emit: func(p piece) error {
		if p.from {
			counts.FromLines++
		} else {
			counts.Leading += p.next - p.start
		}
		counts.Escaped += p.escaped
		counts.EscapedTwice += p.twice
		counts.Unescaped += p.unescaped
		counts.Torn = p.torn
		return nil
	}}
	whole := io.TeeReader(io.NewSectionReader(file, 0, info.Size()), sum)
	if err := s.run(&interruptible{ctx, whole}); err != nil {
		return o, false, err
	}
	sum.Sum(o.SHA256[:0])
	if !s.chain.broken {
		counts.LengthChain = s.chain.count
	}
	byLength := counts.byLength()
	o.Messages = counts.FromLines
	if byLength {
		o.Messages = counts.LengthChain
	}
	o.Form = counts.form(byLength)
	return o, byLength, same(file, info)
}

// byLength says whether the file is cut by Content-Length: each message has one that leads to the next, and there are
// "From " lines in between. Of few messages that would swallow many it is not believed.
func (m *mboxCounts) byLength() bool {
	return m.LengthChain > 0 && m.LengthChain < m.FromLines && 2*m.LengthChain >= m.FromLines
}

// form says what can be told of how "From " in a text was written.
func (m *mboxCounts) form(byLength bool) string {
	switch {
	case byLength:
		return "mboxcl2"
	case m.LengthChain > 0 && m.LengthChain == m.FromLines:
		return "mboxcl"
	case m.EscapedTwice > 0:
		return "mboxrd, or mboxo with quotations"
	case m.Escaped > 0:
		return "mboxo or mboxrd"
	case m.Unescaped > 0:
		return "none that escapes"
	}
	return "any: no line of text begins with From"
}

// An mboxFile is an mbox that is being read.
type mboxFile struct {
	r        *run
	t        *tree
	f        *found
	file     *os.File
	path     string // for people
	resource string
	dir      string // of its exhibits
	folder   string
	origin   origin
	number   int64 // of the message that came last
	head     *bufio.Reader
}

// mbox imports one mbox file.
func (r *run) mbox(t *tree, f *found) error {
	path := t.path(f.rel)
	m := &mboxFile{r: r, t: t, f: f, path: visible.Text(path), resource: "messages/" + r.label(path), dir: r.name(path, ""), head: bufio.NewReaderSize(nil, headBuffer)}
	m.folder = validText([]byte(strings.TrimSuffix(filepath.ToSlash(f.rel), filepath.Ext(f.rel))))
	var info fs.FileInfo
	var err error
	if m.file, info, err = t.open(f.rel); err != nil {
		return r.gap(m.resource, "", classOf(err), "reading "+m.path, err.Error())
	}
	defer m.file.Close()
	var byLength bool
	m.origin, byLength, err = describeMbox(r.ctx, m.file, info)
	if r.ctx.Err() != nil {
		return context.Cause(r.ctx)
	}
	if err != nil {
		return r.gap(m.resource, "", classOf(err), "reading "+m.path, err.Error())
	}
	if goOn, err := m.keepOrigin(path); err != nil || !goOn {
		return err
	}
	if r.scope.Messages == collectors.MessagesNone {
		return nil
	}
	if err := r.announce(m.resource, m.origin.Messages, m.note()); err != nil {
		return err
	}
	r.c.cfg.Report.Expect(m.origin.Messages, info.Size())
	s := &splitter{byLength: byLength, chain: chain{began: -1}, emit: m.piece}
	if err := s.run(io.NewSectionReader(m.file, 0, info.Size())); err != nil {
		var why *notReadError
		if errors.As(err, &why) {
			return r.gap(m.resource, "", classOf(why.error), "reading "+m.path, why.Error())
		}
		return err
	}
	if err := same(m.file, info); err != nil {
		return r.gap(m.resource, "", evidence.GapInvalid, "reading "+m.path, fmt.Sprintf("%v, after its SHA-256 was taken (%s): "+
			"the messages may not be those of one moment; import a copy of it", err, m.origin.SHA256))
	}
	return nil
}

// A notReadError is an error of the file, not of the sink.
type notReadError struct{ error }

// note is what the ledger says of the file beside the counts.
func (m *mboxFile) note() string {
	note := fmt.Sprintf("one file of %d bytes, form %s", m.origin.Size, m.origin.Form)
	if m.origin.Mbox.Torn {
		note += "; it ends within a line: it may be cut off"
	}
	return note
}

// keepOrigin keeps the description of the file, unless the same is there, and says whether to go on: if messages were
// kept of a file that had another SHA-256, it is a gap.
func (m *mboxFile) keepOrigin(path string) (goOn bool, err error) {
	resource, item := m.r.importOf(m.t.place), "origin/"+m.path+"/"+m.origin.SHA256.String()
	if err := m.r.announceOne(resource, item); err != nil {
		return false, err
	}
	name := m.r.name(path, "~origin-"+m.origin.SHA256.String()[:16]+".json")
	if m.r.has(resource, item) {
		return true, nil
	}
	if m.r.has(m.resource, "1") {
		return false, errors.Join(
			m.r.gap(resource, item, evidence.GapInvalid, "reading "+m.path, "the file changed since the first messages of it were kept"),
			m.r.gap(m.resource, "", evidence.GapInvalid, "reading "+m.path, "the file changed since the first messages of it were kept: its SHA-256 is "+
				m.origin.SHA256.String()+" now; import it into a bundle of its own (--new)"))
	}
	return true, m.r.keepOrigin(m.origin, path, resource, item, name)
}

// keepOrigin keeps the description of a file.
func (r *run) keepOrigin(o origin, path, resource, item, name string) error {
	o.Path = path
	if shown := visible.Text(path); shown != path {
		o.Path, o.Bytes = shown, []byte(path)
	}
	text, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		return err
	}
	attrs := map[string]string{"path": o.Path, "size": fmt.Sprint(o.Size), "mtime": o.MTime.Format("2006-01-02T15:04:05.000000000Z"),
		"sha256.file": o.SHA256.String(), "form": o.Form}
	return r.put(r.exhibit(resource, item, name, "application/json", "reading "+visible.Text(path), attrs), bytes.NewReader(append(text, '\n')))
}

// piece keeps a message, or what stands before the first one.
func (m *mboxFile) piece(p piece) error {
	if m.r.ctx.Err() != nil {
		return context.Cause(m.r.ctx)
	}
	if !p.from {
		return m.leading(p)
	}
	m.number++
	defer m.r.c.cfg.Report.Done(1, p.next-p.start)
	if m.r.c.changed != nil {
		m.r.c.changed(m.path, m.number)
	}
	item := fmt.Sprint(m.number)
	name := fmt.Sprintf("%09d%s", m.number, m.r.ending())
	if m.r.has(m.resource, item) {
		return m.derived(p, item)
	}
	fromLine := make([]byte, p.body-p.start)
	if _, err := m.file.ReadAt(fromLine, p.start); err != nil {
		return &notReadError{err}
	}
	attrs, err := m.attrs(p, fromLine)
	if err != nil {
		return &notReadError{err}
	}
	ex := m.r.exhibit(m.resource, item, m.dir+"/"+name, m.r.mediaType(), fmt.Sprintf("reading %s from offset %d", m.path, p.start), attrs)
	ex.Response = fromLine
	if err := m.r.put(ex, m.r.wanted(io.NewSectionReader(m.file, p.body, p.end-p.body))); err != nil {
		return err
	}
	return m.derived(p, item)
}

// leading keeps what stands before the first message, which is no message. Where there is more than empty lines, a gap
// says so: the file may be damaged, or no mbox.
func (m *mboxFile) leading(p piece) error {
	resource := m.r.importOf(m.t.place)
	item := "leading/" + m.path
	if err := m.r.announceOne(resource, item); err != nil {
		return err
	}
	if !m.r.has(resource, item) {
		attrs := map[string]string{"path": m.path, "mbox.at": fmt.Sprint(p.start), "note": `bytes before the first "From " line`}
		ex := m.r.exhibit(resource, item, m.dir+"~leading.bin", "application/octet-stream", "reading "+m.path, attrs)
		if err := m.r.put(ex, io.NewSectionReader(m.file, p.start, p.next-p.start)); err != nil {
			return err
		}
	}
	blank, err := allBlank(io.NewSectionReader(m.file, p.start, p.next-p.start))
	if err != nil {
		return &notReadError{err}
	}
	if blank {
		return nil
	}
	return m.r.gap(m.resource, "leading", evidence.GapInvalid, "reading "+m.path, fmt.Sprintf(
		`%d bytes stand before the first "From " line: they are kept as they are, and are not read as a message`, p.next-p.start))
}

// allBlank says whether there is nothing but white space. It reads no further than it must.
func allBlank(r io.Reader) (bool, error) {
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		if len(bytes.TrimSpace(buf[:n])) > 0 {
			return false, nil
		}
		if err == io.EOF {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// headLimit is how much of a header is looked at for attributes, headBuffer how long a line of it may be.
const (
	headLimit  = 64 << 10
	headBuffer = 16 << 10
)

// attrs are what is said of a message around it, and in the fields that programs which write mbox files add.
func (m *mboxFile) attrs(p piece, fromLine []byte) (map[string]string, error) {
	a := map[string]string{"folder": m.folder, "path": m.path, "mbox.at": fmt.Sprint(p.start), "mbox.form": m.origin.Form,
		"mbox.sep": fmt.Sprint(p.next - p.end), "rfc822.size": fmt.Sprint(p.end - p.body)}
	if at, zoned := fromDate(fromLine); !at.IsZero() {
		a["internaldate"], a["date.from"] = internalDate(at), `"From " line`
		if !zoned {
			a["date.from"] += ", which has no time zone: taken for UTC"
		}
	}
	if n := p.escaped + p.twice; n > 0 {
		a["escaped"] = fmt.Sprint(n)
	}
	if p.unescaped > 0 {
		a["unescaped"] = fmt.Sprint(p.unescaped)
	}
	if p.torn {
		a["note"] = "the file ends within a line: the message may be cut off"
	}
	m.head.Reset(io.NewSectionReader(m.file, p.body, min(p.end-p.body, headLimit)))
	fields, err := readFields(m.head)
	if err != nil {
		return nil, err
	}
	for field, attr := range map[string]string{"x-gmail-labels": "x-gm-labels", "x-gm-thrid": "x-gm-thrid", "content-length": "content-length"} {
		if value, ok := fields[field]; ok {
			a[attr] = value
		}
	}
	if flags := statusFlags(fields["status"], fields["x-status"]); flags != "" {
		a["flags"] = flags
	}
	return a, nil
}

// derived keeps a copy of a message without the escaping, where the operator named the form and there is some.
func (m *mboxFile) derived(p piece, item string) error {
	form := m.r.c.cfg.Kind
	lines := p.escaped
	if form == MboxRD {
		lines += p.twice
	}
	if form == Mbox || lines == 0 || m.r.scope.Messages != collectors.MessagesRaw {
		return nil
	}
	resource := "derived/" + m.r.label(m.path)
	if err := m.r.announceOne(resource, item); err != nil {
		return err
	}
	if m.r.has(resource, item) {
		return nil
	}
	attrs := map[string]string{"folder": m.folder, "path": m.path, "mbox.at": fmt.Sprint(p.start),
		"derived": fmt.Sprintf(`not what was received: a copy of %s item %s with a ">" before "From " taken off %d times, as the form %s says`,
			m.resource, item, lines, form)}
	ex := m.r.exhibit(resource, item, fmt.Sprintf("%s/%09d~derived.eml", m.dir, m.number), "message/rfc822", "reading "+m.path, attrs)
	return m.r.put(ex, newUnescaper(io.NewSectionReader(m.file, p.body, p.end-p.body), form == MboxRD))
}
