package report

import (
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/decision"
	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/findings/suspects"
	"github.com/mbaudit/mbaudit/internal/casefile"
)

// A Model is a report before it has a form: report.json. Strings out of mailboxes and logs are as they were.
type Model struct {
	V        int       `json:"v"`
	Number   int       `json:"version"` // of this case's reports, from 1
	MadeAt   time.Time `json:"made_at"`
	Tool     string    `json:"tool"`
	Audience Audience  `json:"audience"`
	Withheld []string  `json:"withheld"` // sections that this audience does not get

	Case     CaseInfo       `json:"case"`
	Accounts []string       `json:"accounts"`
	Open     []OpenQuestion `json:"open"` // what only people know about the case and nobody has said

	Decision *decision.Decision  `json:"decision"` // nil: nobody decided, or this audience does not get it
	Level    decision.Level      `json:"level,omitempty"`
	Possible decision.Level      `json:"possible,omitempty"`
	Findings []*findings.Finding `json:"findings"`
	Analysed bool                `json:"analysed"` // the case was qualified: no finding means that no rule holds
	Others   int                 `json:"other_findings"`
	Foreign  int                 `json:"third_party_hits"`
	Rules    map[string]int64    `json:"rule_states"`

	Timeline []Event   `json:"timeline"`
	More     int       `json:"timeline_left_out"`
	Picture  Pictures  `json:"pictures"`
	Plans    []Plan    `json:"containment"`
	Watch    *Watch    `json:"watch"` // nil: nobody watched the logs
	Sent     []Message `json:"fraudulent_messages"`
	Contacts []Contact `json:"contacts_to_warn"`
	Sources  []Source  `json:"suspect_sources"`

	Indicators   []Indicator `json:"indicators"`
	LeftOut      []LeftOut   `json:"not_indicators"`
	Blind        []Blind     `json:"contacts_may_be_missing"`
	MoreContacts int         `json:"contacts_not_listed"`
	Letter       Letter      `json:"letter"`
	MoreSent     int64       `json:"fraudulent_messages_not_listed"`
	Unaddressed  int         `json:"messages_without_recipients"` // fraudulent ones of which nobody knows whom they went to

	Personal int64 `json:"personal_messages"` // marked personal: counted, never shown

	Data *DataCount `json:"personal_data"` // what the messages of the accounts examined hold; nil: an audience does not get it

	Content     *facts.ContentCount `json:"content"`    // whose text was read; nil: nobody asked for it, or nobody qualified
	OwnTraces   int64               `json:"own_traces"` // events that the case's own collections left in the logs
	OwnFirst    time.Time           `json:"own_traces_first,omitzero"`
	OwnLast     time.Time           `json:"own_traces_last,omitzero"`
	OwnExhibits []string            `json:"own_traces_exhibits,omitempty"`

	Bundles  []Bundle            `json:"bundles"`
	Exhibits []Exhibit           `json:"exhibits"`
	Handed   []Handed            `json:"attached_by_people"`
	Unlisted int64               `json:"exhibits_not_listed"`
	Coverage []evidence.Coverage `json:"coverage"`
	Gaps     []Gap               `json:"gaps"`
	MoreGaps int64               `json:"gaps_not_listed"`

	Journal       []journal.Line `json:"-"`
	Entries       int            `json:"journal_entries"`
	Head          string         `json:"journal_head,omitempty"`
	JournalBroken string         `json:"journal_broken,omitempty"`
	JournalKept   int            `json:"journal_entries_withheld"`
}

// CaseInfo is what case.yaml says, as far as a report shows it.
type CaseInfo struct {
	Reference    string               `json:"reference"`
	OpenedAt     time.Time            `json:"opened_at"`
	TimeZone     string               `json:"time_zone"`
	Organisation string               `json:"organisation"`
	Operator     string               `json:"operator"`
	Contact      string               `json:"operator_contact,omitempty"`
	Authority    string               `json:"authority"`
	Roles        map[string]string    `json:"roles,omitempty"`
	Contacts     []casefile.Contact   `json:"contacts,omitempty"`
	Business     casefile.Business    `json:"business"`
	Complainant  casefile.Complainant `json:"complainant"`
	Insurance    casefile.Insurance   `json:"insurance"`
	Bank         casefile.Contact     `json:"bank"`
	Hosting      casefile.Hosting     `json:"hosting"`
	OwnDomains   []string             `json:"own_domains"`
	Detected     []Detection          `json:"detections"`
}

// An OpenQuestion is a field of case.yaml that nobody filled in.
type OpenQuestion struct {
	Key  string        `json:"key"`
	Text decision.Text `json:"text"`
	Who  string        `json:"who"` // the role that should know
}

// A Detection is an entry of the journal that says how the incident became known.
type Detection struct {
	At   time.Time `json:"at"`
	By   string    `json:"by"`
	Text string    `json:"text"`
	Seq  uint64    `json:"journal"`
}

// The lanes of the chronology.
const (
	LaneAttacker  = "attacker"
	LaneUser      = "user"
	LaneResponder = "responder"
)

// An Event is one line of the chronology.
type Event struct {
	At       time.Time     `json:"at"` // UTC
	Until    time.Time     `json:"until,omitzero"`
	Lane     string        `json:"lane"`
	Account  string        `json:"account,omitempty"`
	Text     decision.Text `json:"text"`
	Name     string        `json:"name,omitempty"` // of an event, where it has no Text
	Subject  string        `json:"subject,omitempty"`
	Count    int64         `json:"count,omitempty"`
	Exhibits []string      `json:"exhibits,omitempty"`
	Journal  uint64        `json:"journal,omitempty"`
	Auto     bool          `json:"auto,omitempty"` // of the journal: the program wrote it by itself
	Kind     string        `json:"type,omitempty"` // of the journal: its type of entry
}

// Pictures are the numbers that pictures are drawn of.
type Pictures struct {
	Zone     string       `json:"time_zone"`
	Usual    [7][24]int64 `json:"hours_usual"`   // Monday first: what the accounts did, from sources they are known to use
	Suspect  [7][24]int64 `json:"hours_suspect"` // from sources that were new
	Networks []Network    `json:"networks"`
	Days     []Day        `json:"mail_by_day"`
	Links    []Link       `json:"links"`

	Correspondents int `json:"correspondents"`   // how many addresses the messages at hand name, up to a bound
	Touched        int `json:"messages_touched"` // messages that were read, downloaded, forwarded or sent from a suspect source
}

// A Network is where sign-ins came from.
type Network struct {
	Name     string    `json:"network"`
	ASN      int64     `json:"asn,omitempty"`
	Owner    string    `json:"asn_name,omitempty"`
	Country  string    `json:"country,omitempty"`
	Good     int64     `json:"sign_ins"`
	Failed   int64     `json:"failures"`
	Suspect  bool      `json:"suspect"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	Exhibits []string  `json:"exhibits,omitempty"`
}

// A Day is how much mail there was on one day of the case's time zone.
type Day struct {
	Day       string `json:"day"`
	Received  int64  `json:"received"`
	Sent      int64  `json:"sent"`
	Deleted   int64  `json:"deleted"`
	Forwarded int64  `json:"forwarded"`
}

// A Link is mail or a right that goes from one address to another.
type Link struct {
	From    string `json:"from"`
	To      string `json:"to"`
	Kind    string `json:"kind"` // forward, filter, send-as, reply-to, delegate, right, rule
	Outside bool   `json:"outside"`
	Exhibit string `json:"exhibit"`
}

// actionSent is the Action of a fraudulent message.
const actionSent = "sent"

// A Message is a fraudulent message, or one that something was done to from a suspect source.
type Message struct {
	At         time.Time `json:"at"`
	Account    string    `json:"account"`
	Subject    string    `json:"subject,omitempty"`
	ID         string    `json:"message_id,omitempty"`
	Recipients []string  `json:"recipients,omitempty"`
	IP         string    `json:"ip,omitempty"`
	Exhibit    string    `json:"exhibit"`
	Exhibits   []string  `json:"exhibits,omitempty"` // of a fraudulent one: a log and the mailbox tell of it
	Action     string    `json:"action"`             // sent, read, deleted, forwarded, downloaded

	Status suspects.Status `json:"status,omitempty"` // of a fraudulent one

	// What a fraudulent one holds. Text says whether its text was read: "read", "partly", "headers only"; "" where nobody
	// asked for it or no copy was collected.
	Text      string       `json:"text,omitempty"`
	Attached  []Attachment `json:"attachments,omitempty"`
	Links     []string     `json:"links,omitempty"`
	MoreLinks int          `json:"links_not_listed,omitempty"`
	IBANs     []string     `json:"ibans,omitempty"`
}

// An Attachment is a file that was sent with a fraudulent message.
type Attachment struct {
	Name   string `json:"name,omitempty"`
	Type   string `json:"type,omitempty"`
	SHA256 string `json:"sha256,omitempty"` // "" where the message was not read
}

// A Sighting is something that was done from an address: what its provider is asked by.
type Sighting struct {
	At      time.Time `json:"at"`
	Zone    string    `json:"zone,omitempty"` // as the source wrote it
	Port    string    `json:"port,omitempty"` // "" where the source tells none
	What    string    `json:"what,omitempty"`
	Service string    `json:"service,omitempty"`
	Account string    `json:"account,omitempty"`
	Exhibit string    `json:"exhibit"`
	Locator string    `json:"at_place,omitempty"`
}

// A DataCount says what the messages at hand hold, as far as anybody looked: sorts of data and numbers, never a value.
type DataCount struct {
	Sorts       map[string]Held `json:"sorts"`              // iban, and the sorts of package content; empty unless the text was read
	Attachments Held            `json:"attachments"`        // that no program opened
	Named       int             `json:"persons_in_touched"` // who wrote, or was written to in, messages that were touched from a suspect source
	Own         int             `json:"correspondents_own"`
	Outside     int             `json:"correspondents_outside"`
}

// Held is how many messages hold something, how often in all, and how many of these messages a suspect source touched.
type Held struct {
	Messages int64 `json:"messages"`
	Values   int64 `json:"values"`
	Touched  int64 `json:"messages_touched"`
}

// A Handed file was attached to the case by a person: a screenshot, an export, a note.
type Handed struct {
	ID        string    `json:"exhibit"`
	Account   string    `json:"account"`
	Slot      string    `json:"slot"`
	Name      string    `json:"name"`
	MediaType string    `json:"media_type"`
	Size      int64     `json:"size"`
	SHA256    string    `json:"sha256"`
	FetchedAt time.Time `json:"fetched_at"`
	TakenAt   string    `json:"taken_at,omitempty"` // as the person said
	TakenBy   string    `json:"taken_by,omitempty"`
	TakenWith string    `json:"taken_with,omitempty"`
	FileTime  string    `json:"file_time,omitempty"` // of the file, which any program may set
	Note      string    `json:"note,omitempty"`
}

// A Contact is somebody who got a fraudulent message.
type Contact struct {
	Address string    `json:"address"`
	First   time.Time `json:"first"`
	Count   int       `json:"count"`
	Exhibit string    `json:"exhibit"`
	Inside  bool      `json:"inside,omitempty"`     // of the organisation
	Like    string    `json:"looks_like,omitempty"` // the domain of the organisation that its own looks like
	Named   bool      `json:"named,omitempty"`      // a finding names it as possibly the intruder's

	Status suspects.Status `json:"status"`
}

// A Source is an address that is to be detected, not blocked.
type Source struct {
	IP       string    `json:"ip"`
	Network  string    `json:"network,omitempty"` // whose it is
	ASN      int64     `json:"asn,omitempty"`
	Country  string    `json:"country,omitempty"`
	Agent    string    `json:"user_agent,omitempty"`
	Events   int64     `json:"events"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	Accounts []string  `json:"accounts"`
	Exhibit  string    `json:"exhibit"` // of the first

	Status   suspects.Status `json:"status"`
	Warnings []decision.Text `json:"warnings,omitempty"`

	Sightings []Sighting `json:"sightings,omitempty"` // the first ones, and before others those with a port
}

// A Bundle is a sealed bundle in short.
type Bundle struct {
	ID          string            `json:"bundle"`
	CreatedAt   time.Time         `json:"created_at"`
	SealedAt    time.Time         `json:"sealed_at"`
	TagManifest string            `json:"tagmanifest_sha256"` // the one number for the record
	Counts      evidence.Counts   `json:"counts"`
	Operator    string            `json:"operator"`
	Signer      string            `json:"signer"`
	Tool        string            `json:"tool"`
	Sources     []evidence.Source `json:"sources"`
	Clocks      []evidence.Clock  `json:"clocks"`
	Partial     bool              `json:"partial,omitempty"`
}

// An Exhibit is one line of the list.
type Exhibit struct {
	ID        string    `json:"exhibit"` // BUNDLE/P-000042
	Account   string    `json:"account"`
	Resource  string    `json:"resource"`
	Name      string    `json:"name"`
	Size      int64     `json:"size"`
	SHA256    string    `json:"sha256"`
	FetchedAt time.Time `json:"fetched_at"`
	Cited     bool      `json:"cited"`
}

// A Gap is something in scope that was not read.
type Gap struct {
	ID       string            `json:"gap"`
	Account  string            `json:"account"`
	Resource string            `json:"resource"`
	Item     string            `json:"item,omitempty"`
	Class    evidence.GapClass `json:"class"`
	Reason   string            `json:"reason"`
}
