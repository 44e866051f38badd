package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// An Object is what Create is to keep: the name, and what is already known of the bytes.
type Object struct {
	Name        string // slash-separated and relative, as ValidName wants it
	Size        int64  // in bytes
	SHA256      [sha256.Size]byte
	ContentType string // a media type; empty means application/octet-stream
}

// An Entry is what a store says of an object that it holds.
type Entry struct {
	Name string
	Size int64 // in bytes

	// SHA256 is the digest as the store itself tells it; nil where it tells none, which is always so in a List.
	SHA256 *[sha256.Size]byte

	// Lock is the object's lock as the store itself tells it; nil where there is none or it tells none, which is
	// always so in a List.
	Lock *Lock

	VersionID string // empty where the store has no versions
}

// A Lock says how long a store refuses to remove an object.
type Lock struct {
	Mode      string    // Compliance, Governance, or empty when there is only a legal hold
	Until     time.Time // in UTC; zero without a Mode
	LegalHold bool      // refused until someone lifts the hold, whatever Until says
}

// The modes of a Lock, in S3's words. Nobody can shorten a compliance lock, not even the owner of the account; whoever
// has the right s3:BypassGovernanceRetention can lift a governance lock.
const (
	Compliance = "COMPLIANCE"
	Governance = "GOVERNANCE"
)

// A Version is one version of an object, or the mark that hides the object after a plain delete. Lock and SHA256 are
// filled in for versions that are not delete markers.
type Version struct {
	Entry
	Latest       bool
	DeleteMarker bool
	Modified     time.Time // as the store tells it
}

// A Store keeps objects write-once. It has no way to remove or to replace one, on purpose. Its methods are safe for
// use by several goroutines.
type Store interface {
	// Create reads body to its end and keeps it under obj.Name. It does not read body after it has returned. A
	// taken name gives an error that wraps fs.ErrExist and leaves the old object untouched. Bytes that are not what
	// obj says give one that wraps ErrSize or ErrDigest. After any error the name is as free as it was before,
	// unless the error says otherwise.
	//
	// A body that is also an io.Seeker is read from its current offset and may be read again from there when a
	// store tries a second time; any other body is read once, and a store does not try twice.
	Create(ctx context.Context, obj Object, body io.Reader) error

	// Open reads the object of that name. A missing one gives an error that wraps fs.ErrNotExist. What it reads is
	// not checked against any digest.
	Open(ctx context.Context, name string) (io.ReadCloser, error)

	// List goes through the objects whose names begin with prefix ("" means all; "a/b" is in "a" as well as in
	// "a/"), sorted by the bytes of their names. It holds one page or directory in memory, not the whole listing.
	// After an error nothing follows.
	List(ctx context.Context, prefix string) iter.Seq2[Entry, error]

	// String says for people where the objects are, without credentials.
	fmt.Stringer
}

// A Stater tells what it holds under one name without handing out the bytes.
type Stater interface {
	// Stat returns an error that wraps fs.ErrNotExist where the name is free.
	Stat(ctx context.Context, name string) (Entry, error)
}

// A Locker can refuse the removal of objects for a time.
type Locker interface {
	// Lock returns the lock of an object as the store tells it now. An object without one gives an error that
	// wraps ErrLockMissing.
	Lock(ctx context.Context, name string) (Lock, error)
}

// A LockPolicy is a store that was told how its objects are to be locked.
type LockPolicy interface {
	// CheckLock says whether an entry from Stat is locked as this store was told to lock. The error wraps
	// ErrLockMissing or ErrLockShort.
	CheckLock(Entry) error
}

// A Versioner keeps the older versions of an object, and can show what a plain listing hides.
type Versioner interface {
	// Versions goes through all versions and delete markers of the names that begin with prefix, in no
	// certain order. It asks the store once more for each version. After an error nothing follows.
	Versions(ctx context.Context, prefix string) iter.Seq2[Version, error]
}

// A VersionReader reads one version of an object, also one that a delete marker hides.
type VersionReader interface {
	// OpenVersion is Store.Open for the version that Version.VersionID names.
	OpenVersion(ctx context.Context, name, versionID string) (io.ReadCloser, error)
}

// A LockChanger strengthens the locks of what is there. It never shortens one.
type LockChanger interface {
	// ExtendLock locks a version in compliance mode at least until that time and returns the lock as the store
	// tells it afterwards. A version that is locked so already, or for longer, is left alone; changed says which
	// of the two it was. The error wraps ErrLockMissing or ErrLockShort when the store says that it did as it was
	// told and its own answer afterwards shows that it did not.
	ExtendLock(ctx context.Context, name, versionID string, until time.Time) (lock Lock, changed bool, err error)

	// SetLegalHold puts a legal hold on a version, or lifts it, which leaves the retention date as it is; returns
	// the lock as the store tells it afterwards, and does nothing where that is how it was. The error wraps
	// ErrHold when the store says that it did and its own answer afterwards shows that it did not.
	SetLegalHold(ctx context.Context, name, versionID string, on bool) (lock Lock, changed bool, err error)
}

// A Clock tells the time at the store.
type Clock interface {
	// ServerTime returns the store's time, in UTC, and how long the question took. An HTTP server tells whole
	// seconds (RFC 9110 section 6.6.1), and some renew what they tell once a second, so server lies up to two
	// seconds before the truth.
	ServerTime(ctx context.Context) (server time.Time, rtt time.Duration, err error)
}

// Errors that callers decide by. A taken name wraps fs.ErrExist, a missing one fs.ErrNotExist, and a right that is
// lacking fs.ErrPermission.
var (
	ErrName        = errors.New("not a valid object name")
	ErrSize        = errors.New("the body is not as long as announced")
	ErrDigest      = errors.New("the bytes do not have the SHA-256 that was announced")
	ErrLockMissing = errors.New("the object is not locked")
	ErrLockShort   = errors.New("the object is locked for a shorter time than asked")
	ErrHold        = errors.New("the legal hold of the object is not as asked")
)

// A DifferentError says that a name is taken by other bytes than those that were to be kept. It wraps fs.ErrExist.
type DifferentError struct {
	Name               string
	HaveSize, WantSize int64
	HaveSHA256         *[sha256.Size]byte // nil when the sizes differ and the store tells no digest
	WantSHA256         [sha256.Size]byte
}

// Error names both sizes and both digests.
func (e *DifferentError) Error() string {
	have := "an unknown SHA-256"
	if e.HaveSHA256 != nil {
		have = fmt.Sprintf("SHA-256 %x", *e.HaveSHA256)
	}
	return fmt.Sprintf("%q is taken by other bytes: there are %d bytes, %s; to be kept were %d bytes, SHA-256 %x",
		e.Name, e.HaveSize, have, e.WantSize, e.WantSHA256)
}

// Unwrap returns fs.ErrExist.
func (e *DifferentError) Unwrap() error { return fs.ErrExist }

// Limits of a name, in bytes. An S3 key has at most 1024, of which a store's own prefix takes some; most file systems
// stop at 255 for one element.
const (
	MaxName    = 800
	MaxElement = 255
)

// ValidName returns an error that wraps ErrName unless name can be kept by every store and read back unchanged:
// UTF-8, elements separated by single slashes, none of them empty or beginning with a dot, without backslashes,
// control characters, or characters that XML 1.0 cannot carry (S3 lists in XML), and within the limits above.
func ValidName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: it is empty", ErrName)
	case len(name) > MaxName:
		return fmt.Errorf("%w: %.40q… has %d bytes, at most %d are kept", ErrName, name, len(name), MaxName)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: %q is not UTF-8", ErrName, name)
	}
	for _, r := range name {
		if r == '\\' || unicode.IsControl(r) || r == 0xFFFE || r == 0xFFFF {
			return fmt.Errorf("%w: %q contains the character %U", ErrName, name, r)
		}
	}
	for element := range strings.SplitSeq(name, "/") {
		switch {
		case element == "":
			return fmt.Errorf("%w: %q has an empty element", ErrName, name)
		case element[0] == '.':
			return fmt.Errorf("%w: %q has an element that begins with a dot", ErrName, name)
		case len(element) > MaxElement:
			return fmt.Errorf("%w: %.40q… has an element of %d bytes, at most %d are kept", ErrName, name,
				len(element), MaxElement)
		}
	}
	return nil
}

// ValidPrefix returns an error that wraps ErrName unless a valid name can begin with prefix.
func ValidPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	return ValidName(strings.TrimSuffix(prefix, "/"))
}
