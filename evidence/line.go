package evidence

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// formatVersion is the "v" of every JSON document in a bundle. A reader refuses one that it does not know.
const formatVersion = 1

// A Record is one line of the index: an exhibit or a gap.
type Record struct {
	N       int64 // 1 for the bundle's first line
	Exhibit *StoredExhibit
	Gap     *Gap
}

// A StoredExhibit is an exhibit with the place and the digest of its bytes.
type StoredExhibit struct {
	Exhibit
	Segment int   // data/segments/%06d.zip
	Offset  int64 // of the first byte of the body in the segment
	Size    int64 // of the body, in bytes
	SHA256  Digest
}

// ID is how people name a record: P-000042 for an exhibit (pièce), G-000043 for a gap. Both count in one sequence,
// so that no number is ever missing.
func (r Record) ID() string {
	if r.Gap != nil {
		return fmt.Sprintf("G-%06d", r.N)
	}
	return fmt.Sprintf("P-%06d", r.N)
}

// line is the JSON of a record. The order of the fields is part of the format; docs/FORMAT.md explains each.
type line struct {
	V         int    `json:"v"`
	N         int64  `json:"n"`
	Kind      string `json:"kind"` // "exhibit" or "gap"
	Salt      string `json:"salt"` // 128 random bits, so that the leaf's hash tells nothing of the line
	Account   string `json:"account"`
	Collector string `json:"collector"`
	Resource  string `json:"resource"`
	Item      string `json:"item,omitempty"`

	Name      string            `json:"name,omitempty"`
	MediaType string            `json:"media,omitempty"`
	Segment   int               `json:"seg,omitempty"`
	Offset    int64             `json:"off,omitempty"`
	Size      *int64            `json:"size,omitempty"`
	SHA256    *Digest           `json:"sha256,omitempty"`
	Request   string            `json:"request,omitempty"`
	Response  Bytes             `json:"response,omitempty"`
	Attrs     map[string]string `json:"attrs,omitempty"`

	Class  GapClass `json:"class,omitempty"`
	Reason string   `json:"reason,omitempty"`

	At string `json:"at"` // RFC 3339, UTC: when it was fetched, or found missing
}

const (
	kindExhibit = "exhibit"
	kindGap     = "gap"
)

// appendLine appends the record's index line with a fresh salt, LF included.
func appendLine(b []byte, r Record) ([]byte, error) {
	var salt [16]byte
	if _, err := rand.Read(salt[:]); err != nil {
		return b, err
	}
	l := line{V: formatVersion, N: r.N, Salt: hex.EncodeToString(salt[:])}
	if g := r.Gap; g != nil {
		l.Kind = kindGap
		l.Account, l.Collector, l.Resource, l.Item = g.Account, g.Collector, g.Resource, g.Item
		l.Class, l.Request, l.Reason, l.At = g.Class, g.Request, g.Reason, formatTime(g.At)
	} else {
		x := r.Exhibit
		l.Kind = kindExhibit
		l.Account, l.Collector, l.Resource, l.Item = x.Account, x.Collector, x.Resource, x.Item
		l.Name, l.MediaType, l.Segment, l.Offset = x.Name, x.MediaType, x.Segment, x.Offset
		l.Size, l.SHA256 = &x.Size, &x.SHA256
		l.Request, l.Response, l.Attrs, l.At = x.Request, x.Response, x.Attrs, formatTime(x.FetchedAt)
	}
	return l.appendJSON(b), nil
}

// parseLine reads one index line. It checks what the format promises of a single line.
func parseLine(text []byte) (Record, error) {
	var l line
	if !scanLine(text, &l) {
		l = line{}
		if err := json.Unmarshal(text, &l); err != nil {
			return Record{}, err
		}
	}
	if l.V != formatVersion {
		return Record{}, fmt.Errorf("it has version %d, this mbaudit reads version %d", l.V, formatVersion)
	}
	at, err := time.Parse(time.RFC3339Nano, l.At)
	if err != nil {
		return Record{}, fmt.Errorf("at: %w", err)
	}
	if len(l.Salt) != 32 {
		return Record{}, fmt.Errorf("the salt has %d characters, not 32", len(l.Salt))
	}
	switch l.Kind {
	case kindGap:
		return Record{N: l.N, Gap: &Gap{Account: l.Account, Collector: l.Collector, Resource: l.Resource, Item: l.Item,
			Class: l.Class, Request: l.Request, Reason: l.Reason, At: at}}, nil
	case kindExhibit:
		if l.Size == nil || l.SHA256 == nil || l.Name == "" || l.Segment < 1 {
			return Record{}, fmt.Errorf("an exhibit has a name, seg, size and sha256")
		}
		if !validName(l.Name) {
			return Record{}, fmt.Errorf("%q cannot be the name of an exhibit", l.Name)
		}
		if *l.Size < 0 || *l.Size > maxEntrySize {
			return Record{}, fmt.Errorf("size %d is not possible", *l.Size)
		}
		return Record{N: l.N, Exhibit: &StoredExhibit{
			Exhibit: Exhibit{Account: l.Account, Collector: l.Collector, Resource: l.Resource, Item: l.Item, Name: l.Name,
				MediaType: l.MediaType, FetchedAt: at, Request: l.Request, Response: l.Response, Attrs: l.Attrs},
			Segment: l.Segment, Offset: l.Offset, Size: *l.Size, SHA256: *l.SHA256}}, nil
	}
	return Record{}, fmt.Errorf("kind %q is neither exhibit nor gap", l.Kind)
}

// formatTime writes a time in UTC to the millisecond.
func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
