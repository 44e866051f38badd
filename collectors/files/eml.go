package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// emls imports files that hold one message each: the file that was named itself, or all that are named .eml.
func (r *run) emls(t *tree) error {
	var messages []*found
	for i := range t.all {
		f := &t.all[i]
		switch {
		case !f.mode.IsRegular():
		case !t.place.dir && archiveName(t, f) != "":
			return r.archive(t, f)
		case !t.place.dir, isEML(f.rel):
			messages = append(messages, f)
		default:
			r.onlyListed++
			if err := r.otherMail(t, f); err != nil {
				return err
			}
		}
	}
	resource := "messages/" + r.label(t.place.path)
	note := ""
	if r.onlyListed > 0 {
		note = fmt.Sprintf("files not named .eml, only listed: %d", r.onlyListed)
	}
	if r.scope.Messages == collectors.MessagesNone {
		return nil
	}
	if err := r.announce(resource, int64(len(messages)), note); err != nil {
		return err
	}
	r.progress(messages)
	for _, f := range messages {
		// The names of all are made, also of what is there already: they depend on each other.
		m := single{f: f, resource: resource, item: visible.Text(f.rel), name: r.messageName(t.path(f.rel)),
			attrs: map[string]string{"folder": folderOfFile(t, f.rel)}}
		if err := r.single(t, m); err != nil {
			return err
		}
	}
	return nil
}

func isEML(name string) bool { return strings.EqualFold(filepath.Ext(name), ".eml") }

// archiveName gives the kind of archive that the file is, or "".
func archiveName(t *tree, f *found) string {
	file, _, err := t.open(f.rel)
	if err != nil {
		return "" // reading it as a message says why
	}
	defer file.Close()
	head := make([]byte, 512)
	n, _ := io.ReadFull(file, head)
	return archiveKind(head[:n])
}

// folderOfFile names the folder of a file: the directory that it is in, below the place.
func folderOfFile(t *tree, rel string) string {
	dir := filepath.ToSlash(filepath.Dir(rel))
	if dir == "." {
		dir = filepath.Base(t.place.path)
		if !t.place.dir {
			dir = filepath.Base(filepath.Dir(t.place.path))
		}
	}
	return validText([]byte(dir))
}

// otherMail writes a gap for a file that holds mail of another kind by its name: it was handed over and is not read.
func (r *run) otherMail(t *tree, f *found) error {
	endings := map[string]string{".mbox": "import it with mbox=", ".mbx": "import it with mbox=", ".pst": "convert it first: readpst",
		".ost": "convert it first: readpst", ".msg": "convert it first: msgconvert", ".zip": "import it by its own path with eml=", ".tar": "import it by its own path with eml=",
		".tgz": "import it by its own path with eml=", ".gz": "import it by its own path with eml="}
	advice := endings[strings.ToLower(filepath.Ext(f.rel))]
	if advice == "" {
		return nil
	}
	resource, item := r.importOf(t.place), "not-read/"+visible.Text(f.rel)
	if err := r.announceOne(resource, item); err != nil {
		return err
	}
	return r.gap(resource, item, evidence.GapInvalid, "reading "+visible.Text(t.path(f.rel)), "it holds mail of another kind by its name: "+advice)
}

// progress tells how much is to come.
func (r *run) progress(messages []*found) {
	var bytes int64
	for _, f := range messages {
		bytes += f.size
	}
	r.c.cfg.Report.Expect(int64(len(messages)), bytes)
}

// messageName is the name of a message's exhibit: the path of its file, with the ending that tells what it is.
func (r *run) messageName(path string) string {
	if isEML(path) {
		path = path[:len(path)-len(".eml")]
	}
	return r.name(path, r.ending())
}

// ending is that of the names of messages.
func (r *run) ending() string {
	if r.scope.Messages == collectors.MessagesRaw {
		return ".eml"
	}
	return ".hdr"
}

func (r *run) mediaType() string {
	if r.scope.Messages == collectors.MessagesRaw {
		return "message/rfc822"
	}
	return "text/rfc822-headers"
}

// wanted gives as much of a message as is to be kept.
func (r *run) wanted(message io.Reader) io.Reader {
	if r.scope.Messages == collectors.MessagesRaw {
		return message
	}
	return newHeaderReader(message)
}

// A single is a file that is one exhibit.
type single struct {
	f                    *found
	resource, item, name string
	media                string // empty: a message
	attrs                map[string]string
	again                func() string // where the file may be now, when it is not there any more; may be nil
}

// attempts is how often a file that changes while it is read is read.
const attempts = 2

// single keeps a file as an exhibit, unless an earlier run did.
func (r *run) single(t *tree, m single) error {
	if m.media == "" {
		defer r.c.cfg.Report.Done(1, m.f.size)
	}
	if r.has(m.resource, m.item) {
		return nil
	}
	rel := m.f.rel
	request := "reading " + visible.Text(t.path(rel))
	var why error
	for range attempts {
		var stop error
		why, stop = r.readSingle(t, m, rel)
		if why == nil {
			return stop
		}
		if errors.Is(why, fs.ErrNotExist) && m.again != nil {
			rel = m.again()
		} else if !errors.Is(why, errChanged) {
			break
		}
		if rel == "" {
			break
		}
	}
	return r.gap(m.resource, m.item, classOf(why), request, why.Error())
}

// readSingle reads a file once.
func (r *run) readSingle(t *tree, m single, rel string) (why, stop error) {
	file, info, err := t.open(rel)
	if err != nil {
		return err, nil
	}
	defer file.Close()
	m.attrs["path"] = visible.Text(t.path(rel))
	m.attrs["size"] = fmt.Sprint(info.Size())
	m.attrs["mtime"] = info.ModTime().UTC().Format("2006-01-02T15:04:05.000000000Z")
	var body io.Reader = &steady{f: file, info: info}
	media := m.media
	if media == "" {
		media = r.mediaType()
		stored, note, err := storedAs(file)
		switch {
		case err != nil:
			return err, nil
		case stored != "": // where its header ends cannot be told
			media, m.attrs["note"] = stored, note
		default:
			body = r.wanted(body)
		}
		if info.Size() == 0 {
			m.attrs["note"] = "the file is empty"
		}
	}
	return r.try(r.exhibit(m.resource, m.item, m.name, media, "reading "+visible.Text(t.path(rel)), m.attrs), &checked{body, file, info})
}

// A checked reader says at its end whether the file is still the same, also where only the header was read of it.
type checked struct {
	io.Reader
	f    *os.File
	info fs.FileInfo
}

// Read implements io.Reader.
func (c *checked) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if err == io.EOF {
		if err := same(c.f, c.info); err != nil {
			return n, err
		}
	}
	return n, err
}

// storedAs knows how a server keeps messages other than as they are (Dovecot's zlib and mail_crypt plugins), by a file's
// first bytes: the media type and what to say of it, or "".
func storedAs(f io.ReaderAt) (media, note string, err error) {
	var head [16]byte
	n, err := f.ReadAt(head[:], 0)
	if err != nil && err != io.EOF {
		return "", "", err
	}
	for _, form := range [][3]string{
		{"\x1f\x8b", "application/gzip", "compressed (gzip)"}, {"BZh", "application/x-bzip2", "compressed (bzip2)"},
		{"\x28\xb5\x2f\xfd", "application/zstd", "compressed (zstd)"}, {"\xfd7zXZ\x00", "application/x-xz", "compressed (xz)"},
		{"Dovecot-LZ4", "application/octet-stream", "compressed (Dovecot's LZ4)"}, {"CRYPTED\x03\x07", "application/octet-stream", "encrypted (Dovecot's mail_crypt)"},
	} {
		if strings.HasPrefix(string(head[:n]), form[0]) {
			return form[1], "the message is stored " + form[2] + ": these are the bytes as they are stored", nil
		}
	}
	return "", "", nil
}
