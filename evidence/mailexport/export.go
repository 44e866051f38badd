package mailexport

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/selection"
)

// Names of the labels beside the copies.
const (
	LabelFile = "DERIVED.txt"
	SumsFile  = "SHA256SUMS"
)

// ErrNoMessages says that none of the chosen exhibits is a whole message.
var ErrNoMessages = errors.New("none of the chosen exhibits is a whole message")

// A Summary says what was exported.
type Summary struct {
	Messages    int64 `json:"messages"`
	Bytes       int64 `json:"bytes"`        // of the messages as they are in the bundle
	HeadersOnly int64 `json:"headers_only"` // chosen exhibits that are the header of a message only, and were left out
	NoMessage   int64 `json:"no_message"`   // chosen records that are no message
}

// EML writes each whole message among the numbers as a file, byte for byte, into the new folder dir, under the names
// that they have in the bundle, with DERIVED.txt and SHA256SUMS beside them. A folder that is there already is refused
// with an error that wraps fs.ErrExist, and a run that fails leaves none.
func EML(b *evidence.Bundle, numbers []int64, dir string, at time.Time) (Summary, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return Summary{}, err
	}
	e := &emlExport{dir: dir, taken: make(map[string]bool)}
	summary, err := each(b, numbers, e.write)
	if err == nil {
		err = e.label(b, at)
	}
	if err != nil {
		return Summary{}, errors.Join(err, os.RemoveAll(dir))
	}
	return summary, nil
}

// each calls write for each whole message among the numbers.
func each(b *evidence.Bundle, numbers []int64, write func(r evidence.Record, body *message) error) (Summary, error) {
	var s Summary
	left := slices.Clone(numbers)
	slices.Sort(left)
	for r, err := range b.Records() {
		if err != nil {
			return s, err
		}
		if len(left) == 0 {
			break
		}
		if r.N != left[0] {
			continue
		}
		left = left[1:]
		switch {
		case r.Exhibit == nil || !selection.IsMessage(r.Exhibit), r.Exhibit.Attrs["derived"] != "": // of that the message is there too
			s.NoMessage++
			continue
		case !selection.IsWhole(r.Exhibit):
			s.HeadersOnly++
			continue
		}
		m := &message{sum: sha256.New()}
		body, err := selection.Message(b, r.Exhibit)
		if m.r = body; err == nil {
			err = write(r, m)
		}
		if within := selection.WithinDigest(r.Exhibit); err == nil && within != "" && within != m.digest() {
			err = fmt.Errorf("the message in the answer has another SHA-256 than when it was collected: %s", m.digest())
		}
		if err != nil {
			return s, fmt.Errorf("exporting %s: %w", r.ID(), err)
		}
		s.Messages++
		s.Bytes += m.size
	}
	if s.Messages == 0 {
		return s, ErrNoMessages
	}
	return s, nil
}

// A message counts and digests what is read of it.
type message struct {
	r    io.Reader
	sum  hash.Hash
	size int64
}

// Read implements io.Reader.
func (m *message) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.sum.Write(p[:n])
	m.size += int64(n)
	return n, err
}

// digest is the SHA-256 of what was read so far.
func (m *message) digest() string { return hex.EncodeToString(m.sum.Sum(nil)) }

type emlExport struct {
	dir   string
	taken map[string]bool // names in lower case: some file systems do not tell "A" from "a"
	list  bytes.Buffer    // for DERIVED.txt
	sums  bytes.Buffer
}

func (e *emlExport) write(r evidence.Record, body *message) error {
	base := r.Exhibit.Name // a valid one: see evidence.SafeName
	for _, ending := range []string{".eml", ".json", ".json.gz"} {
		base = strings.TrimSuffix(base, ending)
	}
	name := base + ".eml"
	for n := 2; e.taken[strings.ToLower(name)]; n++ {
		name = fmt.Sprintf("%s~%d.eml", base, n)
	}
	e.taken[strings.ToLower(name)] = true
	file := filepath.Join(e.dir, "messages", filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, body)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	fmt.Fprintf(&e.list, "%s  %s  messages/%s\n", r.ID(), body.digest(), name)
	fmt.Fprintf(&e.sums, "%s  messages/%s\n", body.digest(), name)
	return nil
}

func (e *emlExport) label(b *evidence.Bundle, at time.Time) error {
	text := head(b, at) + `
Each file is the message as the mail system sent it, byte for byte: its SHA-256 is the one
of the exhibit; where that is an answer of Gmail's API (.json), it is the attribute
raw.sha256 of the exhibit, and the file is the answer's "raw", base64url undone.
To check:  sha256sum -c --quiet ` + SumsFile + "\n\n" + e.list.String()
	return errors.Join(create(filepath.Join(e.dir, LabelFile), []byte(text)), create(filepath.Join(e.dir, SumsFile), e.sums.Bytes()))
}

// head is how every label begins.
func head(b *evidence.Bundle, at time.Time) string {
	return fmt.Sprintf(`DERIVED COPIES, FOR READING. THEY ARE NOT THE EVIDENCE.
COPIES DE TRAVAIL, POUR LECTURE. ELLES NE SONT PAS LA PREUVE.

Made on %s from the sealed bundle %s,
of which tagmanifest-sha256.txt has the SHA-256
%s.
The evidence is that bundle, or a disclosure of it (mbaudit disclose). Messages may hold
malicious links and attachments: open them on a machine that is made for it.
`, at.UTC().Format(time.RFC3339), b.Opening.Bundle, b.TagManifest)
}

func create(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// Mbox writes the whole messages among the numbers into the new file name in the mboxrd form, and beside it its label,
// name + ".DERIVED.txt". Names that are taken are refused with an error that wraps fs.ErrExist, and a run that fails
// leaves neither.
//
// The form changes bytes: line ends become LF, and lines that begin with any number of ">" and "From " get one more ">".
func Mbox(b *evidence.Bundle, numbers []int64, name string, at time.Time) (Summary, error) {
	label := name + "." + LabelFile
	if _, err := os.Lstat(label); err == nil {
		return Summary{}, &fs.PathError{Op: "create", Path: label, Err: fs.ErrExist}
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return Summary{}, err
	}
	sum := sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(f, sum), 256<<10)
	var list bytes.Buffer
	summary, err := each(b, numbers, func(r evidence.Record, body *message) error {
		err := writeMboxrd(out, r.Exhibit, body)
		fmt.Fprintf(&list, "%s  %s\n", r.ID(), body.digest())
		return err
	})
	if err == nil {
		err = out.Flush()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		text := head(b, at) + fmt.Sprintf(`
An mbox file changes bytes (form mboxrd): line ends are LF, and a line that begins with
"From ", or with ">" and that, has one ">" more. So the messages in it do not have the
SHA-256 of the exhibits, which are below. To take a message back: end it before the empty
line that precedes the next "From " line, take one ">" off each line that begins with
">From " or ">>From " and so on, and make line ends CRLF again where they were.

The file %s has the SHA-256
%x

`, filepath.Base(name), sum.Sum(nil)) + list.String()
		err = create(label, []byte(text))
	}
	if err != nil {
		return Summary{}, errors.Join(err, os.Remove(name))
	}
	return summary, nil
}

// writeMboxrd writes one message.
func writeMboxrd(out *bufio.Writer, x *evidence.StoredExhibit, body io.Reader) error {
	// A bufio.Writer keeps its first error and gives it at Flush.
	received, err := selection.Received(x, func() (selection.Head, error) { return selection.Head{}, nil })
	if err != nil || received.IsZero() {
		received = x.FetchedAt
	}
	fmt.Fprintf(out, "From MAILER-DAEMON %s\n", received.UTC().Format(time.ANSIC))
	lines := bufio.NewReader(body)
	begins := true // of a line
	for {
		part, err := lines.ReadSlice('\n')
		text := part
		whole := bytes.HasSuffix(text, []byte("\n"))
		if whole {
			text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
		}
		if begins && bytes.HasPrefix(bytes.TrimLeft(text, ">"), []byte("From ")) {
			out.WriteByte('>')
		}
		out.Write(text)
		if whole {
			out.WriteByte('\n')
		}
		if len(part) > 0 {
			begins = whole
		}
		if err == io.EOF {
			break
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
	if !begins {
		out.WriteByte('\n')
	}
	return out.WriteByte('\n')
}
