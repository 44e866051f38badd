package maillog

import (
	"strings"
	"time"
)

// A Kind says what a line tells.
type Kind string

// The kinds of events.
const (
	SignIn     Kind = "sign-in"     // somebody was let in
	Failure    Kind = "failure"     // somebody was refused, or tried and gave up
	Connection Kind = "connection"  // somebody connected, or went without trying to log in
	SessionEnd Kind = "session-end" // a session ended; the byte counters are here
	Submission Kind = "submission"  // somebody who had logged in handed in a message
	Received   Kind = "received"    // a message came in or was queued
	Refused    Kind = "refused"     // a message or recipient was refused; nobody tried to log in
	Delivery   Kind = "delivery"    // a message was delivered, deferred or bounced; Action says which
	Sieve      Kind = "sieve"       // a filter acted on a message; Action says how
	Script     Kind = "script"      // a Sieve script was stored, activated or deleted
	Save       Kind = "save"        // a message was stored in a mailbox
	Copy       Kind = "copy"        // a message was copied or moved to Target
	Delete     Kind = "delete"      // a message was marked as deleted; it is still there
	Undelete   Kind = "undelete"    // that mark was taken off
	Expunge    Kind = "expunge"     // a message was removed
	FlagChange Kind = "flag-change" // flags were set or taken off
	Mailbox    Kind = "mailbox"     // a mailbox was created, renamed, deleted, …; Action says which
	Command    Kind = "command"     // an authenticated command that none of the above names
	Unparsed   Kind = "unparsed"    // a line that was too long to read
)

// Inferred says which parts of an event's time the line itself does not have.
type Inferred uint8

// The parts of a time that may not be the line's own.
const (
	YearInferred Inferred = 1 << iota // from the lines around it, the file's name or its time of change
	ZoneGiven                         // from whoever started the reading
	ZoneUnknown                       // nobody said: Time holds the clock's digits as if they were UTC
)

// String names the parts, separated by commas.
func (i Inferred) String() string {
	var parts []string
	if i&YearInferred != 0 {
		parts = append(parts, "year")
	}
	if i&ZoneGiven != 0 {
		parts = append(parts, "zone given")
	}
	if i&ZoneUnknown != 0 {
		parts = append(parts, "zone unknown")
	}
	return strings.Join(parts, ",")
}

// An Event is what one line says. Strings are parts of the line as it stands, of any bytes; those that strangers wrote
// have to be made visible before they are shown. What a line does not say is empty.
type Event struct {
	Time     time.Time // zero where the line has none
	Inferred Inferred
	Kind     Kind
	Format   string // the name of the entry in Formats that read the line

	User     string // as it was given to the server
	ClientIP string // canonical, without port; an IPv4 address in an IPv6 one is written as IPv4
	// ClientPort is the port at ClientIP, in digits, where the server logs it. Behind an address that many share only
	// the port and the second tell who it was.
	ClientPort string

	ServerIP  string
	Service   string // "imap", "pop3", "submission", "lmtp", …
	Method    string // SASL mechanism or the like
	TLS       string // what the line says of the encryption: "TLS", "secured", a protocol and cipher
	Session   string
	BytesIn   int64 // meaningful with HasBytes
	BytesOut  int64
	HasBytes  bool
	MessageID string // of the header field, without angle brackets
	QueueID   string // the mail server's own name of the message
	Mailbox   string
	UID       string // a number or a set of such
	Sender    string // of the envelope
	Action    string // of a Sieve, Delivery, Mailbox or Script event: what was done
	Target    string // the address or the folder that it was done with
	Reason    string // the server's words
	Detail    string // counters and sizes as the line has them
	Host      string // of the server, as its log names it
	Process   string
	PID       string

	// Ambiguous says that a stranger's text in the line looks like the server's, so that user and addresses cannot
	// be told from it.
	Ambiguous bool

	Offset int64 // of the line's first byte in the text read
	Line   int64 // from 1
}

// doubt makes an event say only what cannot have been forged.
func (e *Event) doubt() {
	e.Ambiguous = true
	e.User, e.ClientIP, e.ClientPort, e.ServerIP, e.Session, e.Target, e.MessageID, e.UID, e.Mailbox, e.Sender = "", "", "", "", "", "", "", "", "", ""
	e.Reason = "text in the line looks like the server's own: user and addresses are not told from it"
}
