package containment

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// A Mode says how far a plan goes.
type Mode string

// The modes.
const (
	Lock       Mode = "lock"       // shut the intruder out of the account and take away what he left in it
	Precaution Mode = "precaution" // password, sessions and second factors, where nothing is confirmed
	Suspend    Mode = "suspend"    // lock, and suspend after everything else

	// Quarantine takes messages out of a mailbox's sight, and leaves the account as it is.
	Quarantine Mode = "quarantine"
)

// Modes lists those that take an account back.
func Modes() []Mode { return []Mode{Lock, Precaution, Suspend} }

// A Decision is what a person says of a step.
type Decision string

// The decisions. A step that is Unknown is not taken, and the plan says that somebody must decide.
const (
	Take    Decision = "apply"
	Keep    Decision = "keep"
	Unknown Decision = "unknown"
)

// Decisions lists them.
func Decisions() []Decision { return []Decision{Take, Keep, Unknown} }

// A Reversibility says how much of a step can be undone.
type Reversibility string

// The reversibilities.
const (
	Whole  Reversibility = "whole"
	Partly Reversibility = "partly"
	Never  Reversibility = "never"
)

// A Text says something in both languages.
type Text struct {
	EN string `json:"en"`
	FR string `json:"fr"`
}

// In gives the text in a language, "fr" or else English.
func (t Text) In(language string) string {
	if language == "fr" && t.FR != "" {
		return t.FR
	}
	return t.EN
}

// A Step is one change that a plan proposes.
type Step struct {
	N          int               `json:"n"`     // 1, 2, 3 …
	Stage      int               `json:"stage"` // steps of one stage are taken side by side, after those of the stage before
	Kind       string            `json:"kind"`
	Account    string            `json:"account"`
	Target     string            `json:"target,omitempty"` // which one of its kind: a filter's id, a client's
	Params     map[string]string `json:"params,omitempty"` // what the action needs beside; no secret
	What       Text              `json:"what"`
	Why        Text              `json:"why"`
	SideEffect Text              `json:"side_effect"`
	Exhibits   []string          `json:"exhibits,omitempty"` // where the target is seen
	Scope      string            `json:"scope,omitempty"`    // the right that the call needs
	Undo       Reversibility     `json:"undo"`
	Decision   Decision          `json:"decision"`
	Before     string            `json:"before"` // State.Digest of the target when the plan was made
	State      State             `json:"state"`  // the target when the plan was made
}

// A Warning is what must be known before a plan is applied, and what to do instead where it will not work.
type Warning struct {
	Kind    string `json:"kind"`  // "third-party-sso", "last-super-admin" …
	Stops   bool   `json:"stops"` // the plan cannot be applied as it is
	Text    Text   `json:"text"`
	Instead Text   `json:"instead"`
}

// A Chore is what no API lets a program do: a person does it by hand, and ticks it in the logbook.
type Chore struct {
	Kind string   `json:"kind"` // "mail-routing" …; where mbaudit attach has a slot for what was found, it has the same name
	What Text     `json:"what"`
	Why  Text     `json:"why"`
	Link string   `json:"link,omitempty"` // of the page where it is done
	Seen []string `json:"seen,omitempty"` // what the logs have of it in the time of the incident, the oldest first
}

// A Preserved names the sealed bundle that holds what the plan is about to change.
type Preserved struct {
	Bundle      string `json:"bundle,omitempty"`
	TagManifest string `json:"tagmanifest_sha256,omitempty"`
	Skipped     string `json:"skipped,omitempty"` // the written reason of who went on without one
}

// A Plan is what is proposed for one account.
type Plan struct {
	V         int       `json:"v"` // 1
	ID        string    `json:"id"`
	Case      string    `json:"case"`
	Account   string    `json:"account"`
	Provider  string    `json:"provider"`         // "workspace", "imap"
	Server    string    `json:"server,omitempty"` // of "imap": the URL at which the account was looked at
	Mode      Mode      `json:"mode"`
	Made      time.Time `json:"made"`
	By        string    `json:"by"`
	Preserved Preserved `json:"preserved"`
	Warnings  []Warning `json:"warnings,omitempty"`
	Steps     []Step    `json:"steps"`
	ByHand    []Chore   `json:"by_hand,omitempty"`
}

const planVersion = 1

// ErrPlan says that a plan cannot be used as it is.
var ErrPlan = errors.New("this plan cannot be used")

// Encode writes a plan for people and editors.
func (p Plan) Encode() ([]byte, error) {
	p.V = planVersion
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(p)
	return b.Bytes(), err
}

// Hash is the SHA-256 of a plan's file: what --yes confirms.
func Hash(file []byte) string {
	sum := sha256.Sum256(file)
	return hex.EncodeToString(sum[:])
}

// Parse reads a plan's file and refuses what is not whole: fields that it does not know, decisions that are none, steps
// that were added or whose target is not the one that was inspected.
func Parse(file []byte) (Plan, error) {
	var p Plan
	dec := json.NewDecoder(bytes.NewReader(file))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return p, fmt.Errorf("%w: %w", ErrPlan, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return p, fmt.Errorf("%w: something follows it", ErrPlan)
	}
	return p, p.check()
}

func (p Plan) check() error {
	switch {
	case p.V != planVersion:
		return fmt.Errorf("%w: its version is %d, this program reads %d", ErrPlan, p.V, planVersion)
	case p.ID == "" || p.Account == "" || p.Mode != Quarantine && !slices.Contains(Modes(), p.Mode):
		return fmt.Errorf("%w: it has no id, no account or no mode", ErrPlan)
	}
	seen := map[[3]string]int{}
	for i, s := range p.Steps {
		if err := s.check(i+1, p.Account); err != nil {
			return err
		}
		if i > 0 && s.Stage < p.Steps[i-1].Stage {
			return fmt.Errorf("%w: step %d comes before the stage that it belongs to", ErrPlan, s.N)
		}
		key := [3]string{s.Kind, s.Account, s.Target}
		if first := seen[key]; first > 0 {
			return fmt.Errorf("%w: steps %d and %d are the same", ErrPlan, first, s.N)
		}
		seen[key] = s.N
	}
	return nil
}

func (s Step) check(n int, account string) error {
	switch {
	case s.N != n:
		return fmt.Errorf("%w: step %d stands where step %d should; a step that is not wanted gets the decision %q", ErrPlan, s.N, n, Keep)
	case s.Kind == "" || s.Account != account:
		return fmt.Errorf("%w: step %d has no kind, or is about another account", ErrPlan, n)
	case !slices.Contains(Decisions(), s.Decision):
		return fmt.Errorf("%w: the decision of step %d is %q; write %q, %q or %q", ErrPlan, n, s.Decision, Take, Keep, Unknown)
	case s.Before != s.State.Digest():
		return fmt.Errorf("%w: the state of step %d was edited; only decisions may be", ErrPlan, n)
	}
	return nil
}

// Same says whether two plans differ in nothing but decisions.
func Same(a, b Plan) bool {
	left, err1 := a.Fingerprint()
	right, err2 := b.Fingerprint()
	return err1 == nil && err2 == nil && left == right
}

// Fingerprint is the SHA-256 of everything in a plan but its decisions: who made the plan writes it down, and whoever applies
// it sees whether something else was edited.
func (p Plan) Fingerprint() (string, error) {
	text, err := p.undecided().Encode()
	return Hash(text), err
}

// undecided is the plan without its decisions.
func (p Plan) undecided() Plan {
	p.Steps = slices.Clone(p.Steps)
	for i := range p.Steps {
		p.Steps[i].Decision = ""
	}
	return p
}
