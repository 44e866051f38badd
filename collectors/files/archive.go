package files

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/logfiles"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// Limits bound what an archive can make us read: a small one may unpack to more than any disk holds.
type Limits struct {
	Members     int64 // files in an archive, 2 million if 0
	Unpacked    int64 // bytes of all its files together, 1 TiB if 0
	MessageSize int64 // bytes of one message, 4 GiB less a segment's headers if 0
	Ratio       int64 // unpacked bytes for each packed one, after the first 64 MiB; 200 if 0
}

func (l Limits) withDefaults() Limits {
	for field, value := range map[*int64]int64{&l.Members: 2_000_000, &l.Unpacked: 1 << 40, &l.MessageSize: 4<<30 - 512<<20, &l.Ratio: 200} {
		if *field == 0 {
			*field = value
		}
	}
	return l
}

// ratioFree is how much may be unpacked before Limits.Ratio counts.
const ratioFree = 64 << 20

// archiveKind knows an archive by its first bytes: zip, gzip, tar.
func archiveKind(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return "zip"
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return "gzip"
	case len(head) >= 262 && string(head[257:262]) == "ustar":
		return "tar"
	}
	return ""
}

// An archiveFile is an archive whose .eml members are read. Members are read where they are: nothing is unpacked onto a
// disk, so that their names lead nowhere.
type archiveFile struct {
	r        *run
	path     string
	resource string
	origin   origin
	number   int64
	others   int64
	unpacked int64
}

// archive imports the messages of an archive: .eml files in a zip or tar, or the one message that a .gz holds.
func (r *run) archive(t *tree, f *found) error {
	where := t.path(f.rel)
	a := &archiveFile{r: r, path: where, resource: "messages/" + r.label(where)}
	file, info, err := t.open(f.rel)
	if err != nil {
		return r.gap(a.resource, "", classOf(err), "reading "+visible.Text(where), err.Error())
	}
	defer file.Close()
	a.origin = origin{Size: info.Size(), MTime: info.ModTime().UTC(), Mode: info.Mode().String(), Form: archiveName(t, f)}
	sum := sha256.New()
	if _, err := io.Copy(sum, &interruptible{r.ctx, io.NewSectionReader(file, 0, info.Size())}); err != nil {
		if r.ctx.Err() != nil {
			return context.Cause(r.ctx)
		}
		return r.gap(a.resource, "", classOf(err), "reading "+visible.Text(where), err.Error())
	}
	sum.Sum(a.origin.SHA256[:0])
	if err := a.keepOrigin(t); err != nil {
		return err
	}
	if r.scope.Messages == collectors.MessagesNone {
		return nil
	}
	why, stop := a.members(file)
	if stop == nil && why == nil {
		why = same(file, info)
	}
	note := ""
	if a.others > 0 {
		note = fmt.Sprintf("files not named .eml, not read: %d", a.others)
	}
	if err := r.announce(a.resource, a.number, note); err != nil {
		return err
	}
	if stop != nil || why == nil {
		return stop
	}
	return r.gap(a.resource, "", classOf(why), "reading "+visible.Text(where), fmt.Sprintf("after %d messages: %v", a.number, why))
}

// keepOrigin keeps the archive's description. Items hold the first digits of its SHA-256: if it changes, its messages are
// other ones.
func (a *archiveFile) keepOrigin(t *tree) error {
	resource, item := a.r.importOf(t.place), "origin/"+visible.Text(a.path)+"/"+a.origin.SHA256.String()
	if err := a.r.announceOne(resource, item); err != nil {
		return err
	}
	name := a.r.name(a.path, "~origin-"+a.origin.SHA256.String()[:16]+".json")
	if a.r.has(resource, item) {
		return nil
	}
	return a.r.keepOrigin(a.origin, a.path, resource, item, name)
}

// members reads the archive. why is what is wrong with it, stop ends the collection.
func (a *archiveFile) members(file *os.File) (why, stop error) {
	whole := io.NewSectionReader(file, 0, a.origin.Size)
	switch a.origin.Form {
	case "zip":
		return a.zip(whole)
	case "tar":
		return a.tar(whole, false)
	}
	packed := &meter{r: whole}
	unpacked, err := gzip.NewReader(packed)
	if err != nil {
		return err, nil
	}
	defer unpacked.Close()
	peek := &meter{r: unpacked, packed: packed, a: a}
	head := make([]byte, 512)
	n, err := io.ReadFull(peek, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err, nil
	}
	rest := io.MultiReader(bytes.NewReader(head[:n]), peek)
	switch {
	case archiveKind(head[:n]) == "tar":
		return a.tar(rest, true)
	case strings.HasPrefix(string(head[:n]), "From "):
		return errors.New("it is an mbox inside a gzip: unpack it and import it with mbox="), nil
	}
	name := strings.TrimSuffix(path.Base(a.path), ".gz")
	return a.message(name, func() (io.Reader, error) { return rest, nil })
}

func (a *archiveFile) zip(whole *io.SectionReader) (why, stop error) {
	if size := logfiles.ZipDirectory(whole); size > maxZipDirectory {
		return fmt.Errorf("%w: its directory has %d bytes", ErrLimit, size), nil
	}
	archive, err := zip.NewReader(whole, a.origin.Size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return err, nil
	}
	for _, f := range archive.File {
		if f.FileInfo().IsDir() {
			continue
		}
		regular := f.Mode().IsRegular()
		why, stop := a.member(f.Name, regular, func() (io.Reader, error) {
			r, err := f.Open()
			if err != nil {
				return nil, err
			}
			return &meter{r: r, packed: &meter{n: int64(f.CompressedSize64)}, a: a, close: r}, nil
		})
		if why != nil || stop != nil {
			return why, stop
		}
	}
	return nil, nil
}

// maxZipDirectory is how large the list of a zip's members may be: all of it is in memory.
const maxZipDirectory = 256 << 20

// tar reads a tar archive. metered says that what comes out of r is counted already.
func (a *archiveFile) tar(r io.Reader, metered bool) (why, stop error) {
	archive := tar.NewReader(&interruptible{a.r.ctx, r})
	for {
		header, err := archive.Next()
		if err == io.EOF {
			return nil, nil
		}
		if a.r.ctx.Err() != nil {
			return nil, context.Cause(a.r.ctx)
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return err, nil
		}
		if header.Typeflag == tar.TypeDir {
			continue
		}
		why, stop := a.member(header.Name, header.Typeflag == tar.TypeReg, func() (io.Reader, error) {
			if metered {
				return archive, nil
			}
			return &meter{r: archive, a: a}, nil
		})
		if why != nil || stop != nil {
			return why, stop
		}
	}
}

// member keeps one member if it is a message.
func (a *archiveFile) member(name string, regular bool, open func() (io.Reader, error)) (why, stop error) {
	if a.number+a.others >= a.r.c.cfg.Limits.Members {
		return fmt.Errorf("%w: more than %d files", ErrLimit, a.r.c.cfg.Limits.Members), nil
	}
	if !isEML(name) || !regular {
		a.others++
		return nil, a.otherMember(name, regular)
	}
	return a.message(name, open)
}

// message keeps a message.
func (a *archiveFile) message(name string, open func() (io.Reader, error)) (why, stop error) {
	a.number++
	// One more is announced than is known of, until the end is reached: an archive that was not read to its end is
	// never complete.
	if err := a.r.announce(a.resource, a.number+1, "the archive was not read to its end"); err != nil {
		return nil, err
	}
	a.r.c.cfg.Report.Done(1, 0)
	item := fmt.Sprintf("%s/%d", a.origin.SHA256.String()[:16], a.number)
	// The name has the number: members may have the same names.
	file := a.r.name(a.path, fmt.Sprintf("/%09d-%s%s", a.number, evidence.SafeName(strings.TrimSuffix(path.Base(name), path.Ext(name))), a.r.ending()))
	if a.r.has(a.resource, item) {
		return nil, nil
	}
	attrs := map[string]string{"folder": validText([]byte(path.Dir(name))), "path": visible.Text(a.path), "member": visible.Text(name), "sha256.file": a.origin.SHA256.String()}
	request := "reading " + visible.Text(name) + " of " + visible.Text(a.path)
	body, err := open()
	if err != nil {
		return nil, a.r.gap(a.resource, item, classOf(err), request, err.Error())
	}
	if c, ok := body.(*meter); ok && c.close != nil {
		defer c.close.Close()
	}
	body = &capped{body, a.r.c.cfg.Limits.MessageSize}
	err, stop = a.r.try(a.r.exhibit(a.resource, item, file, a.r.mediaType(), request, attrs), a.r.wanted(body))
	if stop != nil || err == nil {
		return nil, stop
	}
	if stop := a.r.gap(a.resource, item, classOf(err), request, err.Error()); stop != nil {
		return nil, stop
	}
	if errors.Is(err, ErrLimit) {
		return err, nil
	}
	return nil, nil
}

// otherMember writes a gap for what is mail of another kind, or is no file.
func (a *archiveFile) otherMember(name string, regular bool) error {
	reason := ""
	switch ending := strings.ToLower(path.Ext(name)); {
	case !regular:
		reason = "it is a link or a device and is not followed"
	case ending == ".mbox", ending == ".mbx", ending == ".pst", ending == ".ost", ending == ".msg", ending == ".zip", ending == ".tar", ending == ".gz", ending == ".tgz":
		reason = "it holds mail of another kind by its name: unpack it and import it by itself"
	default:
		return nil
	}
	return a.r.gap(a.resource, "not-read/"+visible.Text(name), evidence.GapInvalid, "reading "+visible.Text(name)+" of "+visible.Text(a.path), reason)
}

// A meter counts what is read and compares it with the limits.
type meter struct {
	r      io.Reader
	n      int64
	packed *meter // what r was unpacked from; nil: it is not packed
	a      *archiveFile
	close  io.Closer
}

// Read implements io.Reader.
func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.n += int64(n)
	if m.a == nil {
		return n, err
	}
	limits := m.a.r.c.cfg.Limits
	m.a.unpacked += int64(n)
	if m.a.unpacked > limits.Unpacked {
		return n, fmt.Errorf("%w: more than %d bytes", ErrLimit, limits.Unpacked)
	}
	if m.packed != nil && m.n > ratioFree && m.n/limits.Ratio > m.packed.n {
		return n, fmt.Errorf("%w: %d bytes unpacked from %d", ErrLimit, m.n, m.packed.n)
	}
	return n, err
}

// A capped reader refuses more than a number of bytes.
type capped struct {
	r    io.Reader
	left int64
}

// Read implements io.Reader.
func (c *capped) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.left -= int64(n); c.left < 0 {
		return n, fmt.Errorf("%w: a message of more than it may have", ErrLimit)
	}
	return n, err
}
