package suspects

import (
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/addresses"
	"github.com/mbaudit/mbaudit/findings/decision"
)

// A List is what was the intruder's, and who is to be warned. Strings out of mailboxes and logs are as they were.
type List struct {
	Accounts []string // under examination

	Indicators []Indicator // confirmed ones first
	LeftOut    []LeftOut
	Messages   []Message
	Contacts   []Contact
	Uncounted  int64 // suspect sent messages beyond the most that are kept
	Personal   int64 // suspect sent messages that are marked personal: counted and never named
	Blind      []Blind
}

// A Status says how sure it is that something is the intruder's.
type Status string

// The statuses.
const (
	Confirmed Status = "confirmed"
	Possible  Status = "possible"
)

// A Kind of indicator.
type Kind string

// The kinds.
const (
	KindIP        Kind = "ip"
	KindEmail     Kind = "email"        // where stolen mail or answers go, or who was let in
	KindDomain    Kind = "domain"       // looks like one of the organisation's
	KindClient    Kind = "oauth-client" // an application's client id
	KindMessageID Kind = "message-id"   // of a fraudulent message, without angle brackets
	KindSubject   Kind = "subject"      // of a fraudulent message
	KindFile      Kind = "sha256"       // of a file attached to a fraudulent message
)

// An Indicator is something to look for elsewhere.
type Indicator struct {
	Kind       Kind
	Value      string
	Status     Status
	Confidence int // 0 to 100, as STIX counts: 85 confirmed, 50 probable, 25 to be checked
	Reasons    []Reason
	First      time.Time // UTC; zero where nobody says since when
	Last       time.Time
	Until      time.Time // after which it says little; zero: no end
	Events     int64
	Accounts   []string
	Exhibits   []string // BUNDLE/P-000042, at most maxExhibits
	ASN        int64
	Network    string // of the autonomous system
	Country    string
	Agents     []string
	Sightings  []Sighting // of an IP address: the first ones, and before others those with a port
	Warnings   []Warning
	Received   bool // a fraudulent message was sent to it: it may be a victim's address
}

// Alarm says whether a format may set an alarm on it: nothing says that others share it.
func (x *Indicator) Alarm() bool {
	return x.Kind != KindSubject && !slices.ContainsFunc(x.Warnings, func(w Warning) bool { return w.Shared })
}

// Techniques lists the ATT&CK ids of an indicator's findings.
func (x *Indicator) Techniques() []string {
	var all []string
	for _, r := range x.Reasons {
		for _, t := range r.Technique {
			if !slices.Contains(all, t) {
				all = append(all, t)
			}
		}
	}
	slices.Sort(all)
	return all
}

// A Warning is what to know before an indicator is used.
type Warning struct {
	Text   decision.Text
	Shared bool // others use it as well
}

// A Reason is a finding that names an indicator.
type Reason struct {
	Finding   string // F-3f2a90c1d4
	Rule      string
	Title     decision.Text
	Grade     findings.Grade
	Strength  string
	Technique []string // ATT&CK
}

// A LeftOut is what a finding names and what is no indicator.
type LeftOut struct {
	Kind  Kind
	Value string
	Why   decision.Text
}

// A Message was sent from a suspect source, or is one that the person does not recognise.
type Message struct {
	At         time.Time
	Account    string
	ID         string // Message-ID without angle brackets
	Subject    string
	Recipients []string // in lower case; nil: not collected
	IP         string
	Status     Status
	Exhibits   []string
	Files      []string // SHA-256 of attached files, where a log tells
	Cut        bool     // it went to more than Recipients names

	// What the message holds, where its text was read (mbaudit qualify --content). Text says so: "read", "partly", "headers
	// only"; "" where nobody asked for it, or no copy of the message was collected.
	Text      string
	Attached  []Attachment // a log may tell of them as well
	Links     []string     // where its own words lead
	MoreLinks int
	IBANs     []string // in its own words
}

// An Attachment is a file that was sent with a message.
type Attachment struct {
	Name   string // as the sender wrote it
	Type   string // as the sender declares it; "" where nobody says
	SHA256 string // "" where the message was not read
}

// A Sighting is one thing that was done from an IP address, with what a provider is asked by: second, zone and port.
type Sighting struct {
	At      time.Time // UTC
	Zone    string    // as the source wrote it; "" where it wrote none
	Port    string    // at the address; "" where the source tells none
	What    string    // the source's name of the event
	Service string    // imap, submission, login, gmail …
	Account string
	Exhibit string // BUNDLE/P-000042
	Locator string
}

// A Contact got a fraudulent message.
type Contact struct {
	Address  string
	Inside   bool   // of the organisation
	Like     string // the domain of the organisation that its own looks like
	Named    bool   // a finding names it as possibly the intruder's
	Status   Status
	First    time.Time
	Last     time.Time
	Messages []int // places in List.Messages
}

// A Blind spot is why messages may be missing in the list.
type Blind struct {
	Account string
	What    decision.Text
	Source  string
	Reason  string
}

// The most that is kept. What is more is left out of the lists; the case's own analysis has it.
const (
	maxExhibits  = 8
	maxAccounts  = 50
	maxAgents    = 5
	maxSightings = 10
	maxCarried   = 50 // attachments, links, account numbers of a message
	maxMessages  = 20_000
	maxRemember  = 32 << 20 // bytes for whom sent messages went to
	entrySize    = 56       // of which so many for each message, beside the addresses
	maxRecipient = 500
)

// New begins a List of what the analysis found. own are the organisation's domains, beside those that the analysis knew of; without
// a decision nothing is confirmed.
func New(result *findings.Result, made *decision.Decision, own []string) *Builder {
	b := &Builder{result: result, decision: made, list: &List{}, book: addresses.NewBook(slices.Concat(result.Own, own))}
	if made != nil {
		b.list.Accounts = made.Accounts
	}
	b.judge()
	b.candidates()
	return b
}

// Finish gives the List, when all facts were seen.
func (b *Builder) Finish() *List {
	b.sources()
	b.messages()
	b.contacts()
	b.blind()
	b.order()
	return b.list
}

// A Builder takes the facts one after the other, in the order of their times.
type Builder struct {
	result   *findings.Result
	decision *decision.Decision
	list     *List
	book     *addresses.Book

	grounds    map[string]bool       // findings on which the incident is confirmed
	recognised map[string]bool       // kind, value: what the person recognised
	refused    map[string]bool       // kind, value: what the person did not recognise
	home       map[string]bool       // account, network: where the person says to have been
	found      map[string]*Indicator // by kind and value

	seen     map[string]*sighting // by IP address, of those that findings name
	networks map[string]*habit    // by network, of those
	sent     map[string]*Message  // by Message-ID, or by what else tells it apart
	keys     []string             // of sent, in the order of their times
	known    addressees           // Message-ID: recipients
	queues   map[string]*Message  // by a mail server's name of the message in its queue
	observed map[string]Status    // places of what findings about sent messages saw
	denied   map[string]bool      // places of sent messages that the person recognised
}

func key(kind Kind, value string) string { return string(kind) + "\x00" + strings.ToLower(value) }

// place says where an observation or a fact stands.
func place(bundle, exhibit, locator string) string { return bundle + "/" + exhibit + " " + locator }

func (b *Builder) order() {
	for _, x := range b.found {
		b.list.Indicators = append(b.list.Indicators, *x)
	}
	slices.SortFunc(b.list.Indicators, func(x, y Indicator) int { return strings.Compare(x.rank(), y.rank()) })
	b.list.LeftOut = slices.DeleteFunc(b.list.LeftOut, func(l LeftOut) bool { return b.found[key(l.Kind, l.Value)] != nil })
	slices.SortFunc(b.list.LeftOut, func(x, y LeftOut) int { return strings.Compare(key(x.Kind, x.Value), key(y.Kind, y.Value)) })
	b.list.LeftOut = slices.CompactFunc(b.list.LeftOut, func(x, y LeftOut) bool { return key(x.Kind, x.Value) == key(y.Kind, y.Value) })
}

// rank sorts indicators: confirmed first, then by kind and value.
func (x *Indicator) rank() string {
	kinds := []Kind{KindIP, KindEmail, KindDomain, KindClient, KindMessageID, KindFile, KindSubject}
	return string(x.Status) + string(rune('a'+slices.Index(kinds, x.Kind))) + x.Value
}
