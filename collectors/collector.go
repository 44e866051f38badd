package collectors

import (
	"context"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/earlier"
)

// A Collector reads one kind of source.
type Collector interface {
	// Name is written into every exhibit. It never changes between releases.
	Name() string

	// Collect reads everything in scope into sink and changes nothing at the source. What cannot be read goes to
	// sink.Gap and Collect carries on. An error means it stopped early and the rest of the scope is unread; a later
	// call with the same scope and a resumed sink goes on from there and reads nothing twice.
	Collect(ctx context.Context, scope Scope, sink Sink) error
}

// A Sink keeps exhibits and gaps. *evidence.Writer is one. It is safe for use by several goroutines.
type Sink interface {
	// Put reads body to its end and keeps it, byte for byte. If body returns an error, nothing is kept and Put
	// returns that error. An error that wraps evidence.ErrStorage means that the sink takes nothing more.
	Put(ex evidence.Exhibit, body io.Reader) (evidence.Digest, error)

	// Gap records that something in scope was not read.
	Gap(g evidence.Gap) error

	// Expect records what the source announced, before it is read.
	Expect(e evidence.Expectation) error

	// Has says whether an exhibit of that account, resource and item is in the sink already.
	Has(account, resource, item string) bool
}

// A Recaller is a Sink that tells what it holds, of earlier runs too. *evidence.Writer is one.
type Recaller interface {
	// Records goes through the exhibits and gaps in the order in which they came.
	Records() iter.Seq2[evidence.Record, error]

	// Body gives the bytes of an exhibit.
	Body(x *evidence.StoredExhibit) (io.Reader, error)
}

// A MessageMode says how much of each message is collected.
type MessageMode int

// The message modes. Metadata is what the server says of a message and its header block, as received; Raw is the
// whole message, as received.
const (
	MessagesMetadata MessageMode = iota
	MessagesNone
	MessagesRaw
)

// ParseMessageMode reads "none", "metadata" or "raw".
func ParseMessageMode(s string) (MessageMode, error) {
	switch s {
	case "none":
		return MessagesNone, nil
	case "metadata":
		return MessagesMetadata, nil
	case "raw":
		return MessagesRaw, nil
	}
	return 0, fmt.Errorf("messages are collected as none, metadata or raw, not as %q", s)
}

// String returns the word that ParseMessageMode reads.
func (m MessageMode) String() string {
	switch m {
	case MessagesNone:
		return "none"
	case MessagesRaw:
		return "raw"
	default:
		return "metadata"
	}
}

// A Scope is what may be read of one account.
type Scope struct {
	Account  string      // the mailbox examined
	Messages MessageMode // how much of each message
	Folders  []string    // folder names in UTF-8; none means all

	// Since and Until bound the messages by the day on which the server received them; zero means no bound. Where
	// a source compares days without a zone, as IMAP SEARCH does, one more day on each side is read, never less.
	Since, Until time.Time

	// Earlier is what an earlier bundle holds of the account: it is not fetched again. Nil where there is none.
	Earlier *earlier.State
}

// Progress hears how far a collection is. Its methods are called often and from several goroutines.
type Progress interface {
	// Expect adds to what is to come. bytes is 0 where the source does not tell.
	Expect(messages, bytes int64)
	// Done adds to what has been kept.
	Done(messages, bytes int64)
	// Step says what is being read now, for example "INBOX".
	Step(what string)
}

// NoProgress is a Progress that hears nothing.
type NoProgress struct{}

// Expect does nothing.
func (NoProgress) Expect(messages, bytes int64) {}

// Done does nothing.
func (NoProgress) Done(messages, bytes int64) {}

// Step does nothing.
func (NoProgress) Step(what string) {}
