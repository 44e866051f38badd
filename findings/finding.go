package findings

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/findings/networks"
	"github.com/mbaudit/mbaudit/findings/rules"
)

// A State says whether a rule holds for an account.
type State string

// The states.
const (
	Yes     State = "yes"
	No      State = "no"
	Unknown State = "unknown"
)

// A Grade says how much a finding is worth.
type Grade string

// The grades, the highest first.
const (
	Confirmed Grade = "confirmed" // a state and an event say the same, or the person does not recognise a strong one
	Probable  Grade = "probable"
	Check     Grade = "check"   // to be checked with the person
	Context   Grade = "context" // it helps to understand the others
)

// Grades lists the grades, the lowest first.
func Grades() []Grade { return []Grade{Context, Check, Probable, Confirmed} }

// raised is the next grade, up to most.
func (g Grade) raised(most Grade) Grade {
	all := Grades()
	i := slices.Index(all, g)
	return all[max(i, min(i+1, slices.Index(all, most)))]
}

// A Recognition is what the person says of a finding.
type Recognition string

// The recognitions. The zero value is not asked.
const (
	NotAsked      Recognition = ""
	Recognised    Recognition = "recognised"
	NotRecognised Recognition = "not recognised"
	DoesNotKnow   Recognition = "does not know"
)

// A Finding is that a rule holds for an account, and how that is known.
type Finding struct {
	ID        string // F-3f2a90c1d4; the same for the same rule, account and subject in every run
	Rule      string
	Class     string
	Technique []string // ATT&CK ids, of the version in Result.Attack
	Account   string
	Subject   string // what tells it from others of its rule: an address, a client, a script

	Grade    Grade
	Base     Grade // the rule's own
	Strength string
	Raised   []string // why the grade is above the base: "new source", "same address elsewhere", "state and event", "not recognised"
	State    State    // Yes
	Examined bool     // the account is one of those under examination

	Title          map[string]string // by language
	Interpretation map[string]string
	Question       map[string]string
	Observed       []*Observation // the first and the last ones
	Count          int64          // how many there are
	First, Last    time.Time      // of their times; zero where none has one
	Missing        []Missing      // what was not read that the rule looks at
	Exhibits       []string       // BUNDLE/P-000042, at most maxExhibits
	Recognition    Recognition
}

// An Observation is what of a fact was seen.
type Observation = rules.Observation

// Missing is something that a rule looks at and that was not read, or not as a whole.
type Missing struct {
	What   map[string]string `json:"what"` // what nobody knows without it, by language
	Source string            `json:"source"`
	Reason string            `json:"reason"`
}

// An Outcome is the state of a rule for an account.
type Outcome struct {
	Rule    string    `json:"rule"`
	Account string    `json:"account"`
	State   State     `json:"state"`
	Missing []Missing `json:"missing,omitempty"`
}

// A Result is what a run gives: findings.json.
type Result struct {
	V        int              `json:"v"`
	MadeAt   time.Time        `json:"made_at"`
	Attack   string           `json:"attack_version"`
	Bundles  []string         `json:"bundles"`
	Own      []string         `json:"own_domains"`
	Networks []networks.About `json:"networks,omitempty"` // the databases that said where addresses belong
	Facts    map[string]int64 `json:"facts"`              // how many of each kind
	Repeated int64            `json:"duplicates"`
	Findings []*Finding       `json:"findings"`
	Outcomes []Outcome        `json:"rules"`

	// ThirdParty are hits of rules that the user brought. They are shown and never judged by.
	ThirdParty []ThirdParty `json:"third_party,omitempty"`
	NotLoaded  []string     `json:"third_party_not_loaded,omitempty"`

	// NotRead are the bundles of the case that could not be read, or not to their ends: what they hold is unknown.
	NotRead []facts.Unread `json:"bundles_not_read,omitempty"`

	// OwnTraces are events that the case's own collections left in the logs: they are facts and nothing is found by them.
	OwnTraces int64 `json:"own_traces,omitempty"`

	// Content says whose text was read; nil where nobody asked for it.
	Content *facts.ContentCount `json:"content,omitempty"`

	LeftOut int64 `json:"findings_left_out,omitempty"` // beyond the most that are kept
}

// jsonFinding is how a finding is written.
type jsonFinding struct {
	ID             string            `json:"id"`
	Rule           string            `json:"rule"`
	Class          string            `json:"class"`
	Technique      []string          `json:"technique"`
	Grade          Grade             `json:"grade"`
	Base           Grade             `json:"base_grade"`
	Strength       string            `json:"strength"`
	Raised         []string          `json:"raised,omitempty"`
	State          State             `json:"state"`
	Examined       bool              `json:"examined"`
	Account        string            `json:"account"`
	Subject        string            `json:"subject,omitempty"`
	Title          map[string]string `json:"title"`
	Observed       []jsonObservation `json:"observed"`
	Count          int64             `json:"count"`
	First          time.Time         `json:"first,omitzero"`
	Last           time.Time         `json:"last,omitzero"`
	Interpretation map[string]string `json:"interpretation"`
	Missing        []Missing         `json:"missing"`
	Question       map[string]string `json:"question"`
	Recognition    Recognition       `json:"recognition,omitempty"`
	Exhibits       []string          `json:"exhibits"`
}

type jsonObservation struct {
	*Observation
	Fields json.RawMessage `json:"fields"`
}

// MarshalJSON implements json.Marshaler.
func (f *Finding) MarshalJSON() ([]byte, error) {
	doc := jsonFinding{f.ID, f.Rule, f.Class, f.Technique, f.Grade, f.Base, f.Strength, f.Raised, f.State, f.Examined, f.Account, f.Subject, f.Title, nil, f.Count, f.First, f.Last,
		f.Interpretation, f.Missing, f.Question, f.Recognition, f.Exhibits}
	if doc.Missing == nil {
		doc.Missing = []Missing{}
	}
	for _, o := range f.Observed {
		doc.Observed = append(doc.Observed, jsonObservation{o, o.Fields.AppendJSON(nil)})
	}
	return json.Marshal(doc)
}

// UnmarshalJSON reads a finding of findings.json.
func (f *Finding) UnmarshalJSON(data []byte) error {
	var doc jsonFinding
	if err := json.Unmarshal(data, &doc); err != nil {
		return err
	}
	*f = Finding{doc.ID, doc.Rule, doc.Class, doc.Technique, doc.Account, doc.Subject, doc.Grade, doc.Base, doc.Strength, doc.Raised, doc.State, doc.Examined, doc.Title,
		doc.Interpretation, doc.Question, nil, doc.Count, doc.First, doc.Last, doc.Missing, doc.Exhibits, doc.Recognition}
	for _, o := range doc.Observed {
		fields, err := facts.ParseFields(o.Fields)
		if err != nil {
			return err
		}
		o.Observation.Fields = fields
		f.Observed = append(f.Observed, o.Observation)
	}
	return nil
}

// idOf names a finding by what it is about.
func idOf(rule, account, subject string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{rule, strings.ToLower(account), strings.ToLower(subject)}, "\x00")))
	return "F-" + hex.EncodeToString(sum[:5])
}
