package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// A Digest is the SHA-256 of some bytes. It prints as 64 lower-case hexadecimal digits, the form that
// sha256sum reads.
type Digest [sha256.Size]byte

// String returns the digest as sha256sum prints it.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText writes the digest as hexadecimal digits.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText accepts exactly 64 hexadecimal digits.
func (d *Digest) UnmarshalText(text []byte) error {
	if len(text) != 2*len(d) {
		return fmt.Errorf("a SHA-256 has 64 hexadecimal digits, this has %d", len(text))
	}
	_, err := hex.Decode(d[:], text)
	return err
}

// An Exhibit (pièce) says where some bytes came from. Put takes it together with the bytes, which are kept exactly
// as they were received. All strings are valid UTF-8; what a source sent as other bytes goes into Response.
type Exhibit struct {
	Account   string // the mailbox examined, as the operator named it
	Collector string // Collector.Name, for example "imap"

	// Resource is the row of the coverage ledger that this exhibit counts for, for example "messages/INBOX".
	Resource string

	// Item identifies the exhibit within its account and resource: a message's "<UIDVALIDITY>/<UID>", or empty
	// where the resource has one exhibit only. The pair is unique in a bundle; it is what resuming asks for.
	Item string

	// Name is where an examiner finds the bytes in the segment, slash-separated and built with SafeName:
	// "alice@example.com/imap/INBOX/000000042.eml". It is unique in a bundle.
	Name string

	MediaType string            // "message/rfc822", "text/rfc822-headers", "application/imap", …
	FetchedAt time.Time         // when the source's answer began to arrive
	Request   string            // what was asked of the source, secrets left out: "UID FETCH 1:500 (… BODY.PEEK[])"
	Response  Bytes             // what surrounded the body in the answer, as received
	Attrs     map[string]string // what the answer said of the body, for reading and filtering: "uid", "flags", …
}

// A GapClass says why something in scope was not read.
type GapClass string

// The classes of gaps.
const (
	GapRefused     GapClass = "refused"     // the source answered no
	GapFailed      GapClass = "failed"      // the source or the way to it broke
	GapVanished    GapClass = "vanished"    // it was announced and then was not there
	GapInvalid     GapClass = "invalid"     // what came could not be kept as an exhibit
	GapUnaccounted GapClass = "unaccounted" // the source announced more than came, and nobody said why
)

// A Gap is something in scope that was not read, and why. It is never the same as "there was nothing".
type Gap struct {
	Account   string
	Collector string
	Resource  string
	Item      string // as in Exhibit; empty when the whole resource is missing
	Class     GapClass
	Request   string // what was asked of the source, secrets left out
	Reason    string // what the source answered or what broke, for a person to read
	At        time.Time
}

// An Expectation says what a source announced about a resource before it is read. Expecting the same resource again
// replaces the earlier announcement. What was announced and then neither put nor named in a gap becomes a gap at
// sealing, so that a collector cannot lose something silently.
type Expectation struct {
	Account   string
	Collector string
	Resource  string
	Count     int64 // how many exhibits the source says there are

	// NotOffered says that the source does not have this resource at all (a server without the METADATA
	// capability, say). Count is then 0, and the coverage ledger says "not offered" rather than "complete".
	NotOffered bool
	Note       string // for the ledger's reason column
}

// Errors that callers decide by.
var (
	// ErrStorage says that the bundle can take nothing more (a full disk, say). Put and Gap wrap it; what was kept
	// before stays, and collection should stop.
	ErrStorage = errors.New("the bundle cannot be written")

	// ErrTaken says that the bundle already holds an exhibit of that account, resource and item, or of that name.
	ErrTaken = errors.New("the bundle already holds this exhibit")
)
