package decision

import (
	"encoding/json"
	"time"

	"github.com/mbaudit/mbaudit/findings"
)

// A Text is a sentence or a name in both languages.
type Text struct {
	FR string `json:"fr"`
	EN string `json:"en"`
}

// In gives the text in a language: "fr" or, for anything else, English.
func (t Text) In(language string) string {
	if language == "fr" {
		return t.FR
	}
	return t.EN
}

// A Decision is decision.json: all that a crisis cell reads, with what it rests on. Strings that came out of a mailbox or a
// log are as they were; who shows them escapes them.
type Decision struct {
	V        int       `json:"v"`
	MadeAt   time.Time `json:"made_at"`
	Case     string    `json:"case"`
	Accounts []string  `json:"accounts"` // those under examination
	Bundles  []string  `json:"bundles"`  // ULIDs

	Level    Level  `json:"level"`    // established: what the rules make of what holds
	Possible Level  `json:"possible"` // if all that is unknown is unfavourable
	InForce  Level  `json:"in_force"` // Level, or what a person set instead
	Rule     Rule   `json:"rule"`     // the rule that gives Level
	Worst    Rule   `json:"possible_rule"`
	If       []Text `json:"possible_if"` // what would have to be so for Possible; empty where it is Level

	Confirmation Axis        `json:"confirmation"` // 0 ruled out, 1 not confirmed, 2 suspected, 3 confirmed
	Scope        Axis        `json:"scope"`
	Impact       Axis        `json:"impact"`
	Urgency      Axis        `json:"urgency"`
	Sensitive    []Sensitive `json:"sensitive_accounts"`
	Floors       []Floor     `json:"floors"` // rules that keep an axis from being lower

	Story        Story          `json:"story"`
	Hypotheses   []Hypothesis   `json:"initial_access"` // the likeliest first; never a verdict
	Perimeter    []Reach        `json:"perimeter"`
	Exfiltration []Exfiltration `json:"exfiltration"`
	Clocks       []Clock        `json:"clocks"`
	Unknowns     []NotKnown     `json:"unknowns"` // what runs out first comes first
	Questions    []Question     `json:"questions"`
	Precautions  []Text         `json:"precautions"` // to be done whatever the level

	Override *Override `json:"override,omitempty"`
	Change   *Change   `json:"change,omitempty"` // since the version before; nil where this is the first

	Doctrine []Covered `json:"doctrine"` // the rows A1 to G24
	Bias     Text      `json:"bias"`     // one line to read before signing
}

// An Axis is one of the four questions.
type Axis struct {
	Established int      `json:"established"` // 0 to 3
	Possible    int      `json:"possible"`    // at least Established
	Name        Text     `json:"name"`        // "Scope"
	Word        Text     `json:"word"`        // what Established is called
	WorstWord   Text     `json:"possible_word"`
	Answer      Answer   `json:"answer"`         // to the question of the doctrine: confirmed? beyond the account? strong? urgent?
	Grounds     []Ground `json:"grounds"`        // the strongest first; those struck last
	Open        []Ground `json:"open"`           // what makes Possible: unknowns and what is not proved
	Best        string   `json:"best,omitempty"` // exhibit of the first ground that has one: BUNDLE/P-000042
}

// An Answer has three values. The zero value is "does not know".
type Answer string

// The answers.
const (
	Yes     Answer = "yes"
	No      Answer = "no"
	Unknown Answer = ""
)

// MarshalJSON writes the zero value as "unknown".
func (a Answer) MarshalJSON() ([]byte, error) {
	if a == Unknown {
		return []byte(`"unknown"`), nil
	}
	return json.Marshal(string(a))
}

// UnmarshalJSON reads what MarshalJSON writes.
func (a *Answer) UnmarshalJSON(data []byte) error {
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	if *a = Answer(s); s == "unknown" {
		*a = Unknown
	}
	return nil
}

// A Ground is why an axis has a value.
type Ground struct {
	Value       int                  `json:"value"` // what it makes of the axis
	Text        Text                 `json:"text"`
	Strength    string               `json:"strength"` // strong, medium, weak; "" of what people said
	Source      string               `json:"source"`   // finding, fact, answer, case or gap
	Finding     string               `json:"finding,omitempty"`
	Rule        string               `json:"rule,omitempty"`
	Grade       findings.Grade       `json:"grade,omitempty"`
	Account     string               `json:"account,omitempty"`
	Subject     string               `json:"subject,omitempty"`
	At          time.Time            `json:"at,omitzero"` // UTC; zero where nobody says since when
	Exhibits    []string             `json:"exhibits"`    // BUNDLE/P-000042
	Refutes     Text                 `json:"refutes"`     // what would refute it
	Recognition findings.Recognition `json:"recognition,omitempty"`
	Struck      bool                 `json:"struck,omitempty"` // recognised: it is kept and counts no more
}

// A Sensitive account has more weight than its size: management, finance, staff, computing, any administrator.
type Sensitive struct {
	Account  string   `json:"account"`
	Why      Text     `json:"why"`
	Source   string   `json:"source"` // case or finding
	Exhibits []string `json:"exhibits,omitempty"`
	Possible bool     `json:"possible,omitempty"` // it is not known whether it is: it counts for what is possible only
}

// A Floor is a rule that raised an axis.
type Floor struct {
	Axis     string `json:"axis"` // scope, impact or urgency
	Value    int    `json:"value"`
	Text     Text   `json:"text"`
	Possible bool   `json:"possible,omitempty"` // it holds for what is possible only
}

// A Story is what happened in three lines: what, since when, and whether it goes on.
type Story struct {
	What      Text      `json:"what"`
	First     time.Time `json:"first,omitzero"` // UTC; the first event of an intruder
	Last      time.Time `json:"last,omitzero"`
	StillOpen Answer    `json:"still_open"`
	Why       Text      `json:"why"` // why it is still open, or why nobody knows
	Exhibits  []string  `json:"exhibits,omitempty"`
}

// A Hypothesis is a way in which somebody may have come to the account.
type Hypothesis struct {
	ID        string     `json:"id"` // phishing, infostealer, password, consent, session, insider, app-password, no-second-factor, device
	Name      Text       `json:"name"`
	Verdict   string     `json:"verdict"` // supported, possible, contradicted, unknown
	For       []Argument `json:"for"`
	Against   []Argument `json:"against"`
	Missing   []Argument `json:"missing"`
	Widens    bool       `json:"widens,omitempty"` // other passwords and sessions are then to be feared for
	ThenCheck Text       `json:"then_check"`
}

// An Argument speaks for or against a hypothesis, or says what is missing.
type Argument struct {
	Text     Text     `json:"text"`
	Strength string   `json:"strength,omitempty"`
	Exhibits []string `json:"exhibits,omitempty"`
	Finding  string   `json:"finding,omitempty"`
}

// A Reach is something beyond the account: another service, mailbox, account, device, or somebody who shares this one.
type Reach struct {
	Kind     string    `json:"kind"` // service, delegate, delegator, account, device, application, drive, tenant
	Name     string    `json:"name"`
	Account  string    `json:"account"` // from which it is reached
	State    string    `json:"state"`   // used (proved from an intruder's session), reachable, recognised, unknown
	How      Text      `json:"how"`
	At       time.Time `json:"at,omitzero"`
	Exhibits []string  `json:"exhibits,omitempty"`
	Finding  string    `json:"finding,omitempty"`
}

// What is known of data that left.
const (
	Proved   = "proved"   // there is a trace of it
	Possible = "possible" // there was access, and no trace says what was read
	Excluded = "excluded" // a log that would show it was read as a whole and does not
)

// An Exfiltration is one session of a suspected intruder, one forwarding, one application or delegate, and what left by it.
type Exfiltration struct {
	Account  string    `json:"account"`
	Kind     string    `json:"kind"`  // session, forwarding, application, delegate, export, share
	Name     string    `json:"name"`  // of a session its network, of a forwarding its target
	State    string    `json:"state"` // proved, possible, excluded
	From     time.Time `json:"from,omitzero"`
	Until    time.Time `json:"until,omitzero"`
	Viewed   int64     `json:"viewed,omitempty"`     // messages opened
	Fetched  int64     `json:"downloaded,omitempty"` // messages, attachments, files downloaded
	Sent     int64     `json:"forwarded,omitempty"`  // messages forwarded
	Bytes    int64     `json:"bytes,omitempty"`      // sent to the client, by the server's log
	Why      Text      `json:"why"`
	Exhibits []string  `json:"exhibits,omitempty"`
}

// A Clock is a term.
type Clock struct {
	ID     string    `json:"id"` // complaint, cnil, bank, log:reports/login …
	Name   Text      `json:"name"`
	Starts time.Time `json:"starts,omitzero"`
	Ends   time.Time `json:"ends,omitzero"` // zero: at once, or nobody knows
	State  string    `json:"state"`         // running, over, not started
	Why    Text      `json:"why"`           // on what ground, and who set its start
}

// NotKnown is something that nobody knows yet.
type NotKnown struct {
	Text    Text      `json:"text"`
	Account string    `json:"account,omitempty"`
	Source  string    `json:"source"` // the resource that was not read, or "person"
	Reason  string    `json:"reason"`
	Do      Text      `json:"do"`               // how to find out
	Expires time.Time `json:"expires,omitzero"` // after which nobody can
	Raises  []string  `json:"raises,omitempty"` // axes that it may raise
}

// A Question is for a person: mbaudit ask prints it. Item is what an answer names.
type Question struct {
	Item     string    `json:"item"` // F-3f2a90c1d4 or Q-transfer
	For      string    `json:"for"`  // user, business, finance, dpo, technical
	Account  string    `json:"account,omitempty"`
	About    Text      `json:"about"`
	Text     Text      `json:"question"`
	At       time.Time `json:"at,omitzero"`
	Subject  string    `json:"subject,omitempty"`
	Exhibits []string  `json:"exhibits,omitempty"`
	Answer   string    `json:"answer,omitempty"` // recognised, not recognised, does not know; yes, no
	By       string    `json:"by,omitempty"`
	Seq      uint64    `json:"journal,omitempty"` // the journal's entry of the answer
}

// An Override is a level that a person set.
type Override struct {
	Level    Level     `json:"level"`
	Computed Level     `json:"computed"` // what the rules gave when this decision was made
	Reason   string    `json:"reason"`
	By       string    `json:"by"`
	At       time.Time `json:"at"`
	Seq      uint64    `json:"journal"` // the journal's entry
}

// A Change is what is different from the version before.
type Change struct {
	Since    time.Time `json:"since"`
	Level    Level     `json:"level"`
	Possible Level     `json:"possible"`
	Rule     string    `json:"rule"`
	Text     []Text    `json:"text"` // one line for each difference; empty where there is none
}

// A Rule is one of R1 to R5.
type Rule struct {
	ID   string `json:"id"`
	Via  string `json:"via,omitempty"` // of R4 the rule whose test it is
	Text Text   `json:"text"`
}
