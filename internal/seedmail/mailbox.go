package seedmail

import (
	"encoding/binary"
	"iter"
	"math/bits"
	"math/rand/v2"
	"time"
)

// A Spec says which mailbox to make. Equal Specs make equal mailboxes; the zero Spec is an empty one.
type Spec struct {
	Seed     uint64
	Messages int // how many, all folders together
	MeanSize int // of a message, about, in bytes; 0 means 8 KiB

	// Large makes the last message one of 30 MB.
	Large bool

	// Clean leaves out the kinds for which Kind.Broken holds and the empty message.
	Clean bool

	// Folders gets the messages, the first of them the most; nil means DefaultFolders. A folder whose name begins
	// with EmptyFolder stays empty.
	Folders []string

	// Owner is the address of the mailbox; empty means alice@example.test.
	Owner string
}

// A Message is one message of a mailbox and what the server keeps beside it.
type Message struct {
	Folder       string   // UTF-8, levels parted by "/"
	Flags        []string // system flags (RFC 9051, 2.3.2) and keywords, sorted, without \Recent
	Recent       bool     // no client has seen the message yet; it then has no flags
	InternalDate time.Time
	Kind         Kind
	Raw          []byte // as the server's file has it; OnWire says what IMAP clients get
}

// A Kind says what a message is made to show.
type Kind string

// The kinds of messages.
const (
	Plain            Kind = "plain"            // text/plain, 7-bit
	Alternative      Kind = "alternative"      // multipart/alternative of text and HTML
	Attachment       Kind = "attachment"       // multipart/mixed with a base64 attachment
	HTML             Kind = "html"             // text/html in French or English, 8-bit, UTF-8 or ISO-8859-1
	QuotedPrintable  Kind = "quoted-printable" // text/plain in French
	Nested           Kind = "nested"           // a forwarded message as message/rfc822
	Duplicate        Kind = "duplicate"        // the bytes of an earlier message in another folder
	NoDate           Kind = "no-date"          // no Date field
	RawHeader        Kind = "raw-header"       // 8-bit bytes in Subject and From that are not UTF-8
	BadCharset       Kind = "bad-charset"      // a charset that does not exist, and bytes that are not in the other
	NoColon          Kind = "no-colon"         // a header line without a colon
	LongHeader       Kind = "long-header"      // one header line of 20,000 bytes
	NoFinalNewline   Kind = "no-final-newline" // the body ends within a line
	BareLF           Kind = "bare-lf"          // lines end with LF alone in the server's file
	BareCR           Kind = "bare-cr"          // CR alone within lines
	TruncatedMIME    Kind = "truncated-mime"   // a multipart without its closing boundary
	HeaderOnly       Kind = "header-only"      // no empty line and no body
	Empty            Kind = "empty"            // no bytes at all
	Large            Kind = "large"            // 30 MB; only with Spec.Large
	numberOfOrdinary      = 7                  // the first so many Kinds are well-formed
	EmptyFolder           = "Vide"             // what the name of a folder that stays empty begins with
	defaultOwner          = "alice@example.test"
	defaultMeanSize       = 8 << 10
	largeSize             = 30_000_000
)

// Kinds returns all kinds in the order in which a mailbox first shows them, but for Large.
func Kinds() []Kind {
	return []Kind{Plain, Alternative, Attachment, HTML, QuotedPrintable, Nested, Duplicate,
		NoDate, RawHeader, BadCharset, NoColon, LongHeader, NoFinalNewline, BareLF, BareCR, TruncatedMIME, HeaderOnly, Empty}
}

// Broken says that the kind breaks RFC 5322 or a MIME standard.
func (k Kind) Broken() bool {
	switch k {
	case NoDate, RawHeader, BadCharset, NoColon, LongHeader, BareLF, BareCR, TruncatedMIME, HeaderOnly, Empty:
		return true
	}
	return false
}

// DefaultFolders returns folder names as people and programs really choose them: nested ones, other scripts, and the
// characters that IMAP, modified UTF-7, shells and file systems give a meaning to.
func DefaultFolders() []string {
	return []string{
		"INBOX", "Sent", "Archive", "Archive/2025", "Archive/2025/Clients & partenaires", "Éléments envoyés", "A&B",
		"日本語/メール", "Factures  2026", `Dossier "urgent"`, `back\slash`, "-tiret", "100% réglé", "étoile*", "(a) {b} [c]",
		"L'été", "Drafts", "Trash", "Junk", EmptyFolder,
	}
}

// folders returns the folders of the mailbox.
func (s Spec) folders() []string {
	if s.Folders == nil {
		return DefaultFolders()
	}
	return s.Folders
}

// Mailbox makes the messages of a mailbox, oldest first. Raw belongs to the receiver.
func Mailbox(spec Spec) iter.Seq[Message] {
	return func(yield func(Message) bool) {
		for i := range spec.Messages {
			if !yield(spec.message(i)) {
				return
			}
		}
	}
}

// message makes the message of the given number; each can be made without the others.
func (s Spec) message(number int) Message {
	kind, source := s.kind(number)
	folder := s.folder(number)
	if kind == Duplicate {
		folder = s.folderBut(number, s.folder(source))
	}
	m := Message{Folder: folder, Kind: kind, InternalDate: s.date(number), Raw: s.build(source)}
	m.Flags, m.Recent = s.flags(number, folder)
	return m
}

// A dice throws numbers that depend on the mailbox's seed, a message's number and a purpose. It uses only the generator
// whose output Go promises to keep, not the functions of rand.Rand, whose output may change.
type dice struct{ pcg rand.PCG }

// Purposes of dice, so that one throw more for one of them does not change the others.
const (
	forKind = iota + 1
	forFolder
	forFlags
	forParent
	forIdentity
	forContent
)

func (s Spec) dice(number int, purpose uint64) *dice {
	var d dice
	d.pcg.Seed(s.Seed*0x9e3779b97f4a7c15+purpose, uint64(number)*0xd1342543de82ef95+purpose)
	return &d
}

// below throws a number from 0 to n-1.
func (d *dice) below(n int) int {
	high, _ := bits.Mul64(d.pcg.Uint64(), uint64(n))
	return int(high)
}

// chance is true in so many of 1000 throws.
func (d *dice) chance(perMille int) bool { return d.below(1000) < perMille }

// fill overwrites b with thrown bytes.
func (d *dice) fill(b []byte) {
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, d.pcg.Uint64())
		b = b[8:]
	}
	if len(b) > 0 {
		var last [8]byte
		binary.LittleEndian.PutUint64(last[:], d.pcg.Uint64())
		copy(b, last[:])
	}
}

func pick[T any](d *dice, from []T) T { return from[d.below(len(from))] }

// kind returns a message's kind, and the number of the message whose bytes it has, which is its own but for duplicates.
// The first messages show each kind once; after them most are ordinary.
func (s Spec) kind(number int) (Kind, int) {
	if s.Large && number == s.Messages-1 {
		return Large, number
	}
	kinds := Kinds()
	if s.Clean {
		kinds = append(kinds[:numberOfOrdinary:numberOfOrdinary], NoFinalNewline)
	}
	d := s.dice(number, forKind)
	var kind Kind
	switch {
	case number < len(kinds):
		kind = kinds[number]
	case d.chance(960):
		kind = pick(d, []Kind{Plain, Plain, Plain, Alternative, Alternative, Alternative, Attachment, Attachment, HTML, HTML,
			QuotedPrintable, QuotedPrintable, Nested, Duplicate})
	default:
		kind = pick(d, kinds)
	}
	if kind != Duplicate {
		return kind, number
	}
	source := number - 1 - d.below(min(number, 30))
	_, source = s.kind(source)
	return Duplicate, source
}

// folder chooses half of the messages into the first folder and parts the rest among all.
func (s Spec) folder(number int) string { return s.folderBut(number, "") }

// folderBut is folder, but never the one named, if there is another.
func (s Spec) folderBut(number int, not string) string {
	var open []string
	for _, name := range s.folders() {
		if name != not && (len(name) < len(EmptyFolder) || name[:len(EmptyFolder)] != EmptyFolder) {
			open = append(open, name)
		}
	}
	if len(open) == 0 {
		return not
	}
	d := s.dice(number, forFolder)
	if d.chance(500) {
		return open[0]
	}
	return pick(d, open)
}

// date spreads the messages evenly, later ones later, over the six hundred days that end with October 2026.
func (s Spec) date(number int) time.Time {
	const days = 600
	end := time.Date(2026, time.October, 31, 18, 0, 0, 0, time.UTC)
	step := days * 24 * time.Hour / time.Duration(max(s.Messages, 1))
	return end.Add(-step * time.Duration(s.Messages-number)).Truncate(time.Second)
}

// flags throws a message's flags. What came last into the first folder is recent.
func (s Spec) flags(number int, folder string) (flags []string, recent bool) {
	d := s.dice(number, forFlags)
	if folder == s.folders()[0] && number >= s.Messages-s.Messages/25-1 {
		return nil, true
	}
	for _, f := range []struct {
		name     string
		perMille int
	}{{"$Forwarded", 50}, {"$MDNSent", 30}, {`\Answered`, 150}, {`\Deleted`, 20}, {`\Draft`, 5}, {`\Flagged`, 60}, {`\Seen`, 780}} {
		chance := f.perMille
		if f.name == `\Draft` && folder == "Drafts" {
			chance = 1000
		}
		if d.chance(chance) {
			flags = append(flags, f.name)
		}
	}
	return flags, false
}

// OnWire returns the bytes that an IMAP server sends for a message file: Dovecot's Maildir ends each line with CRLF,
// also where the file has LF alone, and keeps everything else.
func OnWire(file []byte) []byte {
	out := make([]byte, 0, len(file))
	for i, c := range file {
		if c == '\n' && (i == 0 || file[i-1] != '\r') {
			out = append(out, '\r')
		}
		out = append(out, c)
	}
	return out
}

// Message makes the bytes of the message of the given number, counted from the oldest, as Mailbox does, without the
// others.
func (s Spec) Message(number int) []byte { return s.message(number).Raw }
