package settings

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/mbaudit/mbaudit/evidence"
)

// MediaType is that of an exhibit whose body is a Document.
const MediaType = "application/vnd.mbaudit.settings+json"

// MaxSize is the size in bytes of the largest document that Parse reads.
const MaxSize = 64 << 20

const version = 1

// The kinds of documents.
const (
	ACL       = "acl"       // Rights
	Metadata  = "metadata"  // Annotations
	Quota     = "quota"     // Roots
	Mailboxes = "mailboxes" // Namespaces and Boxes
)

// A Document is what was read of one kind of settings of one account.
type Document struct {
	V       int    `json:"v"`
	Kind    string `json:"kind"`
	Account string `json:"account"`

	// Login is the name that the account has at the server. With Master, a master user asked in its place: whether
	// MYRIGHTS then tells of the account's rights or of the master user's is up to the server.
	Login  string `json:"login,omitempty"`
	Master bool   `json:"master,omitempty"`

	// Sources are the exhibits that hold the answers. An Answer points into them.
	Sources []Source `json:"sources"`

	Rights      []Rights     `json:"rights,omitempty"`
	Annotations []Annotation `json:"annotations,omitempty"`
	Roots       []Root       `json:"roots,omitempty"`
	Namespaces  []Namespace  `json:"namespaces,omitempty"`
	Boxes       []Box        `json:"mailboxes,omitempty"`

	// Unknown names the mailboxes of which annotations were asked for and not read.
	Unknown []Mailbox `json:"unknown,omitempty"`

	// Odd are answers that were not asked for, or that could not be read.
	Odd []Odd `json:"odd,omitempty"`

	// Left says of how many mailboxes nothing was asked, because there were more than the limit.
	Left int `json:"left,omitempty"`
}

// A Source is an exhibit of the same bundle with answers as received.
type Source struct {
	Resource string          `json:"resource"`
	Item     string          `json:"item"`
	SHA256   evidence.Digest `json:"sha256"`
}

// An Answer says where the answer to a command is.
type Answer struct {
	Command string `json:"command"`
	Source  int    `json:"source"` // index into Sources
	Off     int64  `json:"off"`
	Len     int64  `json:"len"`
	Status  string `json:"status"` // "OK", "NO", "BAD", or empty where there is no answer
}

// A Mailbox is the name of one.
type Mailbox struct {
	Name string `json:"name"` // in UTF-8; empty for the server itself, of an annotation

	// Raw is the name as the server writes it, where that is different.
	Raw evidence.Bytes `json:"raw,omitempty"`

	// Of is "personal", or "other" or "shared" for the mailboxes of other users and of nobody (RFC 2342).
	Of string `json:"of,omitempty"`
}

// Key tells mailboxes apart: the name as on the wire.
func (m Mailbox) Key() string {
	if m.Raw != nil {
		return string(m.Raw)
	}
	return m.Name
}

// Rights are what is known of the rights in one mailbox (RFC 4314).
type Rights struct {
	Mailbox
	Mine    *string  `json:"my_rights"` // what MYRIGHTS says; null if not known
	Entries []Entry  `json:"entries"`   // the access control list; null if not known
	Answers []Answer `json:"answers"`
}

// An Entry is one of an access control list.
type Entry struct {
	Identifier evidence.Bytes `json:"identifier"` // as the server writes it, with the "-" of negative rights
	Negative   bool           `json:"negative,omitempty"`
	Rights     evidence.Bytes `json:"rights"`

	// Always and May are what LISTRIGHTS says: rights that the identifier has in any case, and sets of rights that can
	// be granted to it; null if not known.
	Always *evidence.Bytes  `json:"always"`
	May    []evidence.Bytes `json:"may"`
}

// An Annotation is one entry of METADATA (RFC 5464) or ANNOTATEMORE.
type Annotation struct {
	Mailbox
	Entry evidence.Bytes  `json:"entry"`
	Value *evidence.Bytes `json:"value"` // null for NIL, and where the value is too long to be repeated here
	Size  int64           `json:"size"`
	// SHA256 is the value's; of NIL there is none.
	SHA256 *evidence.Digest `json:"sha256,omitempty"`
	Answer Answer           `json:"answer"`
}

// A Root is a quota root (RFC 9208).
type Root struct {
	Name      evidence.Bytes `json:"name"`
	Resources []Resource     `json:"resources"` // null if not known
	Mailboxes int            `json:"mailboxes"` // how many mailboxes say that it is theirs
	Answers   []Answer       `json:"answers"`
}

// A Resource is one limit of a quota root. STORAGE counts units of 1024 octets.
type Resource struct {
	Name  string `json:"name"`
	Usage int64  `json:"usage"`
	Limit int64  `json:"limit"`
}

// Percent is how full it is; 100 where the limit is 0.
func (r Resource) Percent() int64 {
	if r.Limit <= 0 {
		return 100
	}
	return int64(float64(r.Usage) / float64(r.Limit) * 100)
}

// A Namespace is one of NAMESPACE (RFC 2342).
type Namespace struct {
	Of        string         `json:"of"` // "personal", "other", "shared"
	Prefix    evidence.Bytes `json:"prefix"`
	Delimiter string         `json:"delimiter,omitempty"`
}

// A Box is a mailbox in the list of mailboxes.
type Box struct {
	Mailbox
	Delimiter  string   `json:"delimiter,omitempty"`
	Attributes []string `json:"attributes"`
	SpecialUse []string `json:"special_use,omitempty"` // RFC 6154, as \Sent
	Subscribed *bool    `json:"subscribed"`            // null if not known
}

// An Odd is an answer that has no place elsewhere in the document.
type Odd struct {
	Why    string         `json:"why"`
	Text   evidence.Bytes `json:"text"` // its beginning
	Answer Answer         `json:"answer"`
}

// New returns an empty document.
func New(kind, account string) *Document {
	return &Document{V: version, Kind: kind, Account: account}
}

// Encode writes the document for a person to read, too.
func (d *Document) Encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(d); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Parse reads a document. It refuses one of another version or that is no document at all.
func Parse(data []byte) (*Document, error) {
	if len(data) > MaxSize {
		return nil, fmt.Errorf("a document of settings has at most %d bytes, this has %d", MaxSize, len(data))
	}
	var d Document
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, fmt.Errorf("reading a document of settings: %w", err)
	}
	if d.V != version {
		return nil, fmt.Errorf("the document of settings has version %d, this mbaudit reads version %d", d.V, version)
	}
	switch d.Kind {
	case ACL, Metadata, Quota, Mailboxes:
		return &d, nil
	}
	return nil, fmt.Errorf("there are no settings of the kind %q", d.Kind)
}
