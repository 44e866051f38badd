package selection

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/gmailmessage"
)

// ErrNoRecord says that a bundle has no exhibit or gap of a name.
var ErrNoRecord = errors.New("there is no such record in the bundle")

// A Selection says which records of a bundle are meant: those with one of the IDs (none: all) for which the Filter
// holds, without those that are marked personal.
type Selection struct {
	IDs             []string // P-000042, G-000043
	Filter          Filter
	IncludePersonal bool
}

// A Chosen is what a selection gives.
type Chosen struct {
	Numbers   []int64 // in rising order
	Personal  int64   // how many were meant and are left out because they are marked personal
	Unmatched int64   // how many of Selection.IDs the filter left out
}

// ParseID reads the name of a record: P-000042 for an exhibit, G-000043 for a gap.
func ParseID(id string) (number int64, gap bool, err error) {
	kind, digits, found := strings.Cut(id, "-")
	number, err = strconv.ParseInt(digits, 10, 64)
	if !found || err != nil || number < 1 || kind != "P" && kind != "G" {
		return 0, false, fmt.Errorf("%q is no exhibit or gap", id)
	}
	return number, kind == "G", nil
}

// ReadRecordHead reads the header of an exhibit that is a message, and gives an empty one for all else.
func ReadRecordHead(b *evidence.Bundle, r evidence.Record) (Head, error) {
	if r.Exhibit == nil || !IsMessage(r.Exhibit) {
		return Head{}, nil
	}
	message, err := Message(b, r.Exhibit)
	if err != nil {
		return Head{}, err
	}
	return ReadHead(message)
}

// Message gives the bytes of an exhibit that is a message, or the header of one. Of Gmail's answers it is the message
// within, or, where that is not whole, the header fields that the answer lists; nothing where it is damaged. The digest of
// the exhibit is checked when all is read, of an answer before.
func Message(b *evidence.Bundle, x *evidence.StoredExhibit) (io.Reader, error) {
	body, err := b.Body(x)
	if err != nil || !isAnswer(x) {
		return body, err
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	if x.Attrs["encoding"] == "gzip" {
		if data, err = ungzip(data); err != nil {
			return nil, err
		}
	}
	m, err := gmailmessage.Parse(data)
	var head []byte
	if err == nil {
		head, err = m.Head()
	}
	if errors.Is(err, gmailmessage.ErrDamaged) || errors.Is(err, gmailmessage.ErrNoAnswer) {
		err = nil
	}
	return bytes.NewReader(head), err
}

// maxAnswer is how large an answer may become when it is unpacked: larger ones are not kept.
const maxAnswer = 1 << 30

func ungzip(data []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(z, maxAnswer))
}

// WithinDigest is the SHA-256 of the message that an answer of Gmail's holds, in hexadecimal digits, as it was when it was
// collected; "" of what is no such answer.
func WithinDigest(x *evidence.StoredExhibit) string {
	if !isAnswer(x) {
		return ""
	}
	return x.Attrs["raw.sha256"]
}

// Choose goes through the bundle's records. Headers of messages are read only where a condition needs them. The error
// for an ID that the bundle does not have wraps ErrNoRecord.
func (s Selection) Choose(b *evidence.Bundle) (Chosen, error) {
	var chosen Chosen
	wanted := make(map[int64]string, len(s.IDs))
	for _, id := range s.IDs {
		number, _, err := ParseID(id)
		if err != nil {
			return Chosen{}, err
		}
		wanted[number] = id
	}
	for r, err := range b.Records() {
		if err != nil {
			return Chosen{}, err
		}
		if len(s.IDs) > 0 {
			id, meant := wanted[r.N]
			if !meant {
				continue
			}
			if id[0] != r.ID()[0] {
				return Chosen{}, fmt.Errorf("%s: it is %s: %w", id, r.ID(), ErrNoRecord)
			}
			delete(wanted, r.N)
		}
		if err := s.weigh(b, r, &chosen); err != nil {
			return Chosen{}, fmt.Errorf("reading %s: %w", r.ID(), err)
		}
	}
	for _, id := range wanted {
		return Chosen{}, fmt.Errorf("%s: %w", id, ErrNoRecord)
	}
	return chosen, nil
}

// weigh adds a record to what is chosen, or counts why it is not.
func (s Selection) weigh(b *evidence.Bundle, r evidence.Record, chosen *Chosen) error {
	var head Head
	var failed error
	read := false
	readHead := func() (Head, error) {
		if !read {
			head, failed = ReadRecordHead(b, r)
			read = true
		}
		return head, failed
	}
	ok, err := s.Filter.Match(r, readHead)
	if err != nil {
		return err
	}
	if !ok {
		if len(s.IDs) > 0 {
			chosen.Unmatched++
		}
		return nil
	}
	if !s.IncludePersonal {
		head, err := readHead()
		if err != nil {
			return err
		}
		if PersonalMark(r, head) != "" {
			chosen.Personal++
			return nil
		}
	}
	chosen.Numbers = append(chosen.Numbers, r.N)
	return nil
}
