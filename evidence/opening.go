package evidence

import (
	"encoding/json"
	"fmt"
	"time"
)

// An Opening is opening.json: what an acquisition sets out to do, written (and where a time-stamping authority answers,
// timestamped) before the first byte of an account is read from the source. Only who there is may be asked before, where
// the accounts are those that a directory lists; its answers are then the bundle's first exhibits. It never changes;
// resuming reads it.
type Opening struct {
	V         int       `json:"v"`
	Bundle    string    `json:"bundle"` // ULID, the bundle's folder name
	CreatedAt time.Time `json:"created_at"`
	Case      string    `json:"case"`
	Accounts  []string  `json:"accounts"`
	Operator  Person    `json:"operator"`

	// Authority is the mandate under which the accounts are read, as the case gives it.
	Authority string `json:"authority"`

	Tool    Tool     `json:"tool"`
	Sources []Source `json:"sources"`

	// Options are the collection's options by their names on the command line, as typed or by default. Secrets are
	// never among them.
	Options map[string][]string `json:"options"`

	// Since is the sealed bundle that this one goes on from: it holds what was not in that one. Nil where it stands alone.
	Since *EarlierBundle `json:"since,omitempty"`

	// Part says which of two bundles of one collection this is, PartEmergency or PartRest; empty where there is but one. The
	// emergency bundle is sealed before the rest is begun, and First of the rest names it.
	Part  string         `json:"part,omitempty"`
	First *EarlierBundle `json:"first,omitempty"`

	// Again is the sealed bundle whose logs this one reads again, for what came late. Nil where it stands alone.
	Again *EarlierBundle `json:"again,omitempty"`

	TimeZone string `json:"time_zone"` // of the operator's machine; all times in a bundle are UTC

	// Signer is the fingerprint of the key that will sign, so that another key's signature is noticed.
	Signer string `json:"signer"`

	// Recipients are the public keys for which the bundle is encrypted: age keys (age1…) or SSH keys. None: not encrypted.
	// Then opening.json holds only what names nobody, and the SHA-256 of the whole opening in data/private.
	Recipients []string `json:"recipients,omitempty"`
	Salt       string   `json:"salt,omitempty"`
	Private    *Digest  `json:"private_sha256,omitempty"`
}

// The parts of a collection in two bundles.
const (
	PartEmergency = "emergency" // what changes or vanishes first
	PartRest      = "rest"      // all else
)

// An EarlierBundle names another sealed bundle, by the SHA-256 of its tag manifest.
type EarlierBundle struct {
	Bundle      string `json:"bundle"`
	TagManifest Digest `json:"tagmanifest_sha256"`
}

// A Person is who did something.
type Person struct {
	Name         string `json:"name"`
	Organisation string `json:"organisation,omitempty"`
	Contact      string `json:"contact,omitempty"`
}

// A Tool is the program that made a bundle.
type Tool struct {
	Name         string `json:"name"`
	Version      string `json:"version"`
	GoVersion    string `json:"go_version"`
	OS           string `json:"os"`
	Arch         string `json:"arch"`
	BinarySHA256 Digest `json:"binary_sha256"` // of the running program's own file
}

// A Source is a mail system that was read.
type Source struct {
	Collector string `json:"collector"`
	Address   string `json:"address"`
}

// A Session is one run of the collection; a resumed bundle has several.
type Session struct {
	StartedAt time.Time `json:"started_at"`
	EndedAt   time.Time `json:"ended_at"`
	How       string    `json:"how"` // "started" or "resumed"
}

// A Clock is a comparison of the operator's clock with another one.
type Clock struct {
	Against string `json:"against"` // "tsa https://…", "store", "imap mail.example.com:993"
	Status  string `json:"status"`  // "measured", "not offered", "unreachable"

	// OffsetMS is the other clock minus ours, in milliseconds; the truth lies within UncertaintyMS of it.
	OffsetMS      *int64    `json:"offset_ms,omitempty"`
	UncertaintyMS *int64    `json:"uncertainty_ms,omitempty"`
	At            time.Time `json:"at"`
	Note          string    `json:"note,omitempty"`
}

// Counts are the totals of a bundle.
type Counts struct {
	Accounts int   `json:"accounts"`
	Exhibits int64 `json:"exhibits"`
	Gaps     int64 `json:"gaps"`
	Bytes    int64 `json:"bytes"` // of all exhibits' bodies
	Segments int   `json:"segments"`
}

// An Acquisition is acquisition.json: what was done, written at sealing.
type Acquisition struct {
	V        int        `json:"v"`
	Partial  bool       `json:"partial,omitempty"` // collection went on after this was sealed
	Opening  Opening    `json:"opening"`
	Sessions []Session  `json:"sessions"`
	SealedAt time.Time  `json:"sealed_at"`
	Clocks   []Clock    `json:"clocks"`
	Counts   Counts     `json:"counts"`
	Tree     TreeHead   `json:"tree"`
	LastSeal Digest     `json:"last_seal"` // SHA-256 of the last file in seals/; of opening.json where there is none
	Coverage []Coverage `json:"coverage"`

	// Store is what mbaudit probe found of the store that the bundle was to go to, as evidence/store/probe writes it;
	// nil where it was not asked.
	Store json.RawMessage `json:"store,omitempty"`

	Salt string `json:"salt,omitempty"` // of an encrypted bundle, where acquisition.json holds this one's SHA-256
}

// A TreeHead is the size and the root of the Merkle tree over all index lines.
type TreeHead struct {
	Size int64  `json:"size"`
	Root Digest `json:"root"`
}

// A Seal is a file in seals/: what a segment holds, chained to the seal before it.
type Seal struct {
	V        int         `json:"v"`
	Bundle   string      `json:"bundle"`
	Segment  int         `json:"segment"`
	Zip      *SealedFile `json:"zip"` // null where a segment has gaps only
	Index    SealedFile  `json:"index"`
	First    int64       `json:"first"` // number of the segment's first record
	Tree     TreeHead    `json:"tree"`  // after the segment's last record
	Prev     Digest      `json:"prev"`  // SHA-256 of the previous seal's file; of opening.json for the first
	SealedAt time.Time   `json:"sealed_at"`
}

// A SealedFile is a payload file that no longer changes.
type SealedFile struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 Digest `json:"sha256"`
}

// marshalDocument gives the JSON of a bundle's document for people to read: indented, one LF at its end.
func marshalDocument(v any) ([]byte, error) {
	data, err := json.MarshalIndent(v, "", "  ")
	return append(data, '\n'), err
}

// parseDocument reads a document and refuses another version of the format.
func parseDocument(data []byte, v any) error {
	var head struct {
		V int `json:"v"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return err
	}
	if head.V != formatVersion {
		return fmt.Errorf("it has version %d, this mbaudit reads version %d", head.V, formatVersion)
	}
	return json.Unmarshal(data, v)
}
