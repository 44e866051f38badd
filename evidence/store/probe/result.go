package probe

import (
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence/store/s3"
)

// An Answer says whether something is so.
type Answer string

// The answers. Unknown is what could not be asked, or was refused for a reason that may be another.
const (
	Yes     Answer = "yes"
	No      Answer = "no"
	Unknown Answer = "unknown"
)

// The checks, by the name that a Result gives them. They do not change between releases.
const (
	ObjectLock      = "object-lock"       // the bucket says that it has Object Lock
	Versioning      = "versioning"        // the bucket keeps versions
	KeepsVersioning = "keeps-versioning"  // and cannot be made to stop (Thorough)
	TakenName       = "taken-name"        // a PUT with If-None-Match on a taken name is refused
	Race            = "race"              // of eight such PUTs at once on a free name, one is accepted
	SignedHash      = "signed-hash"       // bytes that do not have the signed x-amz-content-sha256 are refused
	WrongChecksum   = "wrong-checksum"    // bytes that do not have the x-amz-checksum-sha256 are refused
	TellsChecksum   = "tells-checksum"    // a HEAD tells that checksum
	LockStored      = "lock-stored"       // a HEAD tells the compliance lock as it was asked for
	DeleteRefused   = "delete-refused"    // the lock refuses the deletion of the version
	BypassRefused   = "bypass-refused"    // also to who may bypass governance locks
	Extend          = "extend"            // the lock can be extended
	ShortenRefused  = "shorten-refused"   // and not shortened
	WeakenRefused   = "weaken-refused"    // nor made a governance lock
	Hold            = "legal-hold"        // a legal hold refuses the deletion of the version, until it is lifted
	HoldOutlasts    = "hold-after-expiry" // also when the lock has expired (Thorough)
	DefaultStamped  = "default-retention" // the bucket's default retention is stamped on objects (TryDefault)
	MarkerShown     = "delete-marker"     // a plain DELETE only hides the object, and the listing of versions shows it
	ServerClock     = "server-clock"      // the service tells the time, and it is ours within five seconds
)

// A Check is one thing that was tried.
type Check struct {
	Name   string `json:"name"` // one of those above
	What   string `json:"what"` // that Yes says is so, in at most 45 characters
	Answer Answer `json:"answer"`
	Status int    `json:"status,omitempty"` // of HTTP, in the service's answer that decided
	Code   string `json:"code,omitempty"`   // of S3; the service's own word, not to be trusted
	Detail string `json:"detail,omitempty"` // what else there is to say; may quote the service
}

// A Verdict is what the checks come to.
type Verdict string

// The verdicts.
const (
	WriteOnce    Verdict = "write-once"     // whatever was tried, evidence stays as it was written
	NotWriteOnce Verdict = "not write-once" // some of what was tried can change or remove it
	Undecided    Verdict = "undecided"      // nothing speaks against it, and not everything could be tried
)

// A Result is what a probe found. It goes into acquisition.json as it is.
type Result struct {
	Store    string    `json:"store"`            // where, without credentials
	Server   string    `json:"server,omitempty"` // as the service names itself; not to be trusted
	At       time.Time `json:"at"`               // by this machine's clock, UTC
	Thorough bool      `json:"thorough"`

	Retention    string     `json:"retention"`              // of the objects, as in "1m0s"
	DefaultMode  string     `json:"default_mode,omitempty"` // of the bucket's own default retention
	ClockOffset  *int64     `json:"clock_offset_ms,omitempty"`
	Checks       []Check    `json:"checks"`
	Verdict      Verdict    `json:"verdict"`
	Written      int        `json:"written"`              // versions that were written
	Left         int        `json:"left"`                 // of these, those that are still there and locked
	LeftUntil    *time.Time `json:"left_until,omitempty"` // when the last lock ends
	CleaningNote string     `json:"cleaning_note,omitempty"`
}

// Answer returns the answer of the check of that name; Unknown where it was not tried.
func (r *Result) Answer(name string) Answer {
	if c := r.check(name); c != nil {
		return c.Answer
	}
	return Unknown
}

func (r *Result) check(name string) *Check {
	for i := range r.Checks {
		if r.Checks[i].Name == name {
			return &r.Checks[i]
		}
	}
	return nil
}

// essential are the checks that decide the verdict.
func essential() []string {
	return []string{ObjectLock, Versioning, TakenName, Race, LockStored, DeleteRefused, BypassRefused, ShortenRefused, WeakenRefused}
}

// bytesRefused says whether other bytes are kept out by either of the two hashes: Create sends both.
func (r *Result) bytesRefused() Answer {
	if a := r.Answer(WrongChecksum); a == Yes || r.Answer(SignedHash) == No {
		return a
	}
	return r.Answer(SignedHash)
}

// decide draws the verdict.
func (r *Result) decide() {
	answers := []Answer{r.bytesRefused()}
	for _, name := range essential() {
		answers = append(answers, r.Answer(name))
	}
	r.Verdict = WriteOnce
	for _, a := range answers {
		if a == Unknown && r.Verdict == WriteOnce {
			r.Verdict = Undecided
		}
		if a == No {
			r.Verdict = NotWriteOnce
		}
	}
}

// Summary says in two to four sentences what the store guarantees and what not.
func (r *Result) Summary() string {
	said := []string{r.guarantee()}
	switch {
	case r.Answer(HoldOutlasts) == No:
		said = append(said, "A legal hold is worth nothing here once the retention is over: extend the retention instead (mbaudit extend).")
	case r.Answer(HoldOutlasts) == Yes:
		said = append(said, "A legal hold keeps an object also after its retention.")
	case r.Verdict != NotWriteOnce:
		said = append(said, "Whether a legal hold outlasts the retention is not known.")
	}
	if r.Answer(DefaultStamped) == No {
		said = append(said, "The bucket's default retention is not put on objects: only locks that each object carries count.")
	}
	if r.Answer(MarkerShown) == Yes && r.Verdict != NotWriteOnce {
		said = append(said, "This key can hide objects behind delete markers: collect with one that may not delete.")
	}
	if r.Answer(ServerClock) == No {
		said = append(said, "The service's clock is not ours: locks count by the service's.")
	}
	if len(said) > 4 {
		said = said[:4]
	}
	return strings.Join(said, " ")
}

func (r *Result) guarantee() string {
	switch r.Verdict {
	case WriteOnce:
		return "This store keeps evidence write-once: a taken name stays taken, other bytes are refused, and no locked object could be deleted or its lock shortened or weakened."
	case Undecided:
		return "Nothing that was tried speaks against this store, but it is not shown to keep evidence write-once: unknown is whether " +
			r.phrases(Unknown) + "."
	}
	if r.Answer(LockStored) != Yes && r.Answer(DeleteRefused) == No {
		return "This store does not keep evidence: there is no lock, and who has such a key can delete everything at once. Make a bucket with Object Lock, or use another store."
	}
	return "This store does not keep evidence write-once: it is not so that " + r.phrases(No) + "."
}

// phrases joins what the deciding checks with that answer are about.
func (r *Result) phrases(answer Answer) string {
	names := essential()
	if r.bytesRefused() == answer {
		names = append(names, WrongChecksum)
	}
	var parts []string
	for _, name := range names {
		if c := r.check(name); c != nil && c.Answer == answer {
			parts = append(parts, c.What)
		}
	}
	return strings.Join(parts, "; ")
}

// answer turns what the bucket was asked into an Answer.
func answer(a s3.Answer) Answer {
	switch a {
	case s3.Yes:
		return Yes
	case s3.No:
		return No
	}
	return Unknown
}
