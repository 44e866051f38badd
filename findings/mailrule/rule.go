package mailrule

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
)

// Dialect is the language that a rule was written in.
type Dialect string

const (
	GmailFilter     Dialect = "gmail-filter"
	GmailForwarding Dialect = "gmail-forwarding"
	Sieve           Dialect = "sieve"
)

// Set is what one source holds: the filters of an account, or one Sieve script with what it includes.
type Set struct {
	Dialect   Dialect `json:"dialect"`
	Rules     []Rule  `json:"rules"`
	Notes     []Note  `json:"notes,omitempty"`     // what could not be read, about the source as a whole
	Generator string  `json:"generator,omitempty"` // the webmail whose marks a Sieve script has: "roundcube", …; "" for none
}

// NoteKind is why something was not understood.
type NoteKind string

const (
	Syntax           NoteKind = "syntax"             // not the language: a server refuses such a script
	UnknownExtension NoteKind = "unknown-extension"  // requires what this package does not know
	UnknownCommand   NoteKind = "unknown-command"    // a command, test, tag, operator or field that this package does not know
	NotRequired      NoteKind = "not-required"       // uses an extension that is not required: a server refuses such a script
	TooDeep          NoteKind = "too-deep"           // nested deeper than is read
	TooLarge         NoteKind = "too-large"          // longer, or of more rules, than is read
	NotIncluded      NoteKind = "not-included"       // includes a script that was not at hand
	NotConstant      NoteKind = "not-constant"       // a value is known only when a message is there
	NotUTF8          NoteKind = "not-utf8"           // bytes that are not UTF-8, shown as U+FFFD
	Refused          NoteKind = "refused-by-service" // the service would not accept such a rule from a client
)

// Note says what was not understood, and where. Whoever shows a rule shows its notes.
type Note struct {
	Kind NoteKind `json:"kind"`
	Text string   `json:"text"` // one sentence, in English, safe to show
	At   Span     `json:"at"`
}

// Rule is the normal form of a Gmail filter, of automatic forwarding, and of one block of a Sieve script: what it does to
// which messages.
type Rule struct {
	Dialect     Dialect     `json:"dialect"`
	ID          string      `json:"id,omitempty"`   // a Gmail filter's id
	Name        string      `json:"name,omitempty"` // what the webmail called it, from a comment of its own before the rule
	At          Span        `json:"at"`
	Conditions  Condition   `json:"conditions"`       // all of them: those of the blocks around, and that earlier branches did not apply
	Unless      []Condition `json:"unless,omitempty"` // any of these ended the script before, in Sieve
	Actions     []Action    `json:"actions"`
	Also        []Action    `json:"also,omitempty"`        // what other rules of the set certainly do to the same messages
	Stops       bool        `json:"stops,omitempty"`       // no rule after this one sees its messages
	Unreachable bool        `json:"unreachable,omitempty"` // it never acts
	Why         string      `json:"why,omitempty"`         // why it never acts: "off", "after-stop", "never-true"
	Notes       []Note      `json:"notes,omitempty"`
	Explains    Sentence    `json:"explains"`
}

// Sentence says what a rule does, in plain words without a full stop, safe to show.
type Sentence struct {
	EN string `json:"en"`
	FR string `json:"fr"`
}

// Op is how a Condition is put together.
type Op string

const (
	Always  Op = "always"
	Never   Op = "never"
	All     Op = "all"
	Any     Op = "any"
	Not     Op = "not"
	Test    Op = "test"
	Unknown Op = "unknown" // not understood; the rule's notes say why
)

// Field is what of a message a test looks at.
type Field string

const (
	From       Field = "from" // the sender in any header or the envelope
	To         Field = "to"   // a recipient in any header or the envelope
	Subject    Field = "subject"
	Body       Field = "body"
	Text       Field = "text" // Gmail: anywhere in headers and body
	Header     Field = "header"
	List       Field = "list"
	InThread   Field = "thread" // Message-ID, References, In-Reply-To
	Size       Field = "size"
	Attachment Field = "attachment"
	Date       Field = "date"
	Folder     Field = "folder" // Gmail: in:, label:, category:
	State      Field = "state"  // Gmail: is:
	SpamCheck  Field = "spam-check"
	Other      Field = "other"
)

// Match is how a test compares.
type Match string

const (
	Contains Match = "contains"
	Is       Match = "is"
	Glob     Match = "matches" // * and ?
	Regex    Match = "regex"
	HasWords Match = "words" // Gmail: whole words, in this order
	Exists   Match = "exists"
	Over     Match = "over"
	Under    Match = "under"
	Compares Match = "compares" // relational, :value and :count; Number is not set
	Near     Match = "near"     // Gmail: AROUND
)

// Condition is a tree of tests.
type Condition struct {
	Op     Op          `json:"op"`
	Of     []Condition `json:"of,omitempty"`
	Field  Field       `json:"field,omitempty"`
	Names  []string    `json:"names,omitempty"` // the headers that are looked at, as written
	Part   string      `json:"part,omitempty"`  // of an address: "address" (without the name), "localpart", "domain", "user", "detail"
	Match  Match       `json:"match,omitempty"`
	Values []Value     `json:"values,omitempty"` // one of them is enough
	Number int64       `json:"number,omitempty"` // bytes, with Over and Under; words between, with Near

	Relation string `json:"relation,omitempty"` // with Compares: "value ge", "count lt", …

	sum *digest // once it is sealed
	At  Span    `json:"at"`
}

// Kind is what an action does.
type Kind string

const (
	Keep       Kind = "keep"        // leaves it in the inbox
	File       Kind = "file"        // Values: folders
	Label      Kind = "label"       // Gmail; Values: label names
	SkipInbox  Kind = "skip-inbox"  // Gmail
	MarkRead   Kind = "mark-read"   //
	SetFlags   Kind = "set-flags"   // Values: IMAP flags
	Trash      Kind = "trash"       //
	Discard    Kind = "discard"     // deletes at once, for good
	Spam       Kind = "spam"        //
	NeverSpam  Kind = "never-spam"  // Gmail
	Forward    Kind = "forward"     // Values: addresses
	Reject     Kind = "reject"      // Values: what the sender is told
	Reply      Kind = "reply"       // Values: the text
	Notify     Kind = "notify"      // Values: to whom
	Run        Kind = "run"         // Values: the program and its arguments
	EditHeader Kind = "edit-header" // Values: names and texts
	Snooze     Kind = "snooze"      // Values: until when
	Mark       Kind = "mark"        // Gmail: star, importance, category; Values: which
	End        Kind = "end"         // Sieve: nothing more is done
	Unread     Kind = "other"       // an action that is not understood; Values: its name
)

// Action is one thing that a rule does to a message.
type Action struct {
	Kind    Kind    `json:"kind"`
	Values  []Value `json:"values,omitempty"` // with more than one where Kind takes one: any of them, depending on the message
	From    []Value `json:"from,omitempty"`   // of a Reply or Notify: the sender's address that it gives
	Subject []Value `json:"subject,omitempty"`
	Copy    bool    `json:"copy,omitempty"` // :copy; Gmail: the message stays where other actions leave it
	Read    bool    `json:"read,omitempty"` // filed or kept as already read
	Partial bool    `json:"partial,omitempty"`
	At      Span    `json:"at"`
}

// all returns the conjunction of list, flattened.
func all(list ...Condition) Condition {
	var of []Condition
	for _, c := range list {
		switch c.Op {
		case Always:
		case Never:
			return c
		case All:
			of = append(of, c.Of...)
		default:
			of = append(of, c)
		}
	}
	return combine(All, Always, of, list)
}

// anyOf returns the disjunction of list. Tests that differ only in what they compare with become one.
func anyOf(list ...Condition) Condition {
	var of []Condition
	add := func(c Condition) {
		if n := len(of) - 1; n >= 0 && alike(of[n], c) {
			of[n].sum = nil
			of[n].Values = append(of[n].Values[:len(of[n].Values):len(of[n].Values)], c.Values...)
			of[n].At = Span{min(of[n].At.Start, c.At.Start), max(of[n].At.End, c.At.End)}
			return
		}
		of = append(of, c)
	}
	for _, c := range list {
		switch c.Op {
		case Never:
		case Always:
			return c
		case Any:
			for _, part := range c.Of {
				add(part)
			}
		default:
			add(c)
		}
	}
	return combine(Any, Never, of, list)
}

// alike says whether two tests are one with more values.
func alike(a, b Condition) bool {
	switch {
	case a.Op != Test || b.Op != Test || a.Field != b.Field || a.Match != b.Match || a.Part != b.Part || a.Relation != b.Relation || !slices.Equal(a.Names, b.Names):
		return false
	case !slices.Contains([]Match{Contains, Is, Glob, Regex, HasWords}, a.Match):
		return false
	}
	return slices.Contains([]Field{From, To, Subject, Body, Text, Header, List}, a.Field)
}

func combine(op, empty Op, of, list []Condition) Condition {
	var at Span
	if len(list) > 0 {
		at = Span{list[0].At.Start, list[len(list)-1].At.End}
	}
	switch len(of) {
	case 0:
		return Condition{Op: empty, At: at}
	case 1:
		return of[0]
	}
	return Condition{Op: op, Of: of, At: at}
}

// negate returns the contrary of c.
func negate(c Condition) Condition {
	switch c.Op {
	case Always:
		return Condition{Op: Never, At: c.At}
	case Never:
		return Condition{Op: Always, At: c.At}
	case Not:
		return c.Of[0]
	}
	return Condition{Op: Not, Of: []Condition{c}, At: c.At}
}

// conjuncts returns what must all hold for c to hold.
func (c Condition) conjuncts() []Condition {
	switch c.Op {
	case Always:
		return nil
	case All:
		return c.Of
	}
	return []Condition{c}
}

// digest stands for what c says, wherever it is written.
type digest [16]byte

// seal computes the digest once and for all. A sealed condition is not changed any more.
func (c *Condition) seal() {
	d := c.digest()
	c.sum = &d
}

func (c Condition) digest() digest {
	if c.sum != nil {
		return *c.sum
	}
	h := sha256.New()
	put := func(s string) {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	number := func(n int64) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(n)))
	}
	for _, s := range []string{string(c.Op), string(c.Field), strings.ToLower(strings.Join(c.Names, "\x00")), c.Part, string(c.Match), c.Relation} {
		put(s)
	}
	number(c.Number)
	number(int64(len(c.Values)))
	for _, v := range c.Values {
		put(v.Text)
	}
	if c.Op == Unknown { // two things that are not understood are not the same
		number(int64(c.At.Start))
	}
	for _, of := range c.Of {
		d := of.digest()
		h.Write(d[:])
	}
	var d digest
	copy(d[:], h.Sum(nil))
	return d
}

// digests returns the digests of the conjuncts of c.
func (c Condition) digests() map[digest]bool {
	set := make(map[digest]bool)
	for _, part := range c.conjuncts() {
		set[part.digest()] = true
	}
	return set
}

// within says whether all of a are in b: what b says implies what a says.
func within(a, b map[digest]bool) bool {
	if len(a) > len(b) {
		return false
	}
	for d := range a {
		if !b[d] {
			return false
		}
	}
	return true
}

// facts returns digests of what is known of every message that the rule acts on: the conjuncts of its conditions, and
// the contraries of what ended the script before.
func (r Rule) facts() map[digest]bool {
	set := r.Conditions.digests()
	for _, c := range r.Conditions.conjuncts() {
		if c.Op == Not && c.Of[0].Op == Any {
			for _, of := range c.Of[0].Of {
				set[negate(of).digest()] = true
			}
		}
	}
	for _, c := range r.Unless {
		set[negate(c).digest()] = true
	}
	return set
}

// link fills Also: the actions of each other rule that certainly applies whenever a rule does.
func (s *Set) link() {
	needs := make([]map[digest]bool, len(s.Rules))
	knows := make([]map[digest]bool, len(s.Rules))
	for i, r := range s.Rules {
		needs[i], knows[i] = r.Conditions.digests(), r.facts()
	}
	for i := range s.Rules {
		r := &s.Rules[i]
		for k := range s.Rules {
			other := &s.Rules[k]
			if k > i && r.Stops {
				break
			}
			if k == i || r.Unreachable || other.Unreachable || !within(needs[k], knows[i]) || !spared(r, other, knows[i]) {
				continue
			}
			r.Also = append(r.Also, other.Actions...)
			if len(r.Also) > maxAlso {
				r.Notes = append(r.Notes, Note{TooLarge, "more rules than are listed act on the same messages", r.At})
				break
			}
		}
		r.Explains = r.sentence()
	}
}

// spared says that what ends the script before other, and not before r, ends it for none of r's messages.
func spared(r, other *Rule, known map[digest]bool) bool {
	for _, stop := range other.Unless[min(len(r.Unless), len(other.Unless)):] {
		if !slices.ContainsFunc(stop.conjuncts(), func(c Condition) bool { return known[negate(c).digest()] }) {
			return false
		}
	}
	return true
}
