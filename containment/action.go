package containment

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"
)

// ErrIrreversible says that a step cannot be undone; nothing was changed.
var ErrIrreversible = errors.New("this cannot be undone")

// An Action knows how to take one kind of step.
type Action interface {
	// Kind is the kind of step, as "gmail.filter". It never changes between releases: plans name it.
	Kind() string

	// Inspect reads the step's target and changes nothing. A preview calls only this.
	Inspect(ctx context.Context, s Step) (State, error)

	// Apply takes the step. A step that already holds is not an error. before is what Inspect saw last.
	Apply(ctx context.Context, s Step, before State) error

	// Undo puts the target back to what before holds. An error that wraps ErrIrreversible has changed nothing.
	Undo(ctx context.Context, s Step, before State) error
}

// ErrUnseen says that a provider shows nobody whether a step's aim is reached.
var ErrUnseen = errors.New("the provider does not show this")

// A Verifier is an Action that looks in another way at a target whose step was taken, because what Inspect sees cannot tell
// whether it was: a password that nobody can read. An error that wraps ErrUnseen says that nothing can be told.
type Verifier interface {
	Verify(ctx context.Context, s Step) (State, error)
}

// A Lagging Action is one whose changes the provider shows only after some time.
type Lagging interface {
	Lag() time.Duration
}

// A Keeper is an Action whose target is more than its state tells: what must be sealed whole before the step is taken.
type Keeper interface {
	Keep(ctx context.Context, s Step) (Original, error)
}

// An Original is a target as it is, byte for byte.
type Original struct {
	Name, MediaType string // the name is that of a file, as "message.eml"
	Body            []byte
}

// A State is what a step's target is like.
type State struct {
	// Holds says that the step's aim is reached: what it removes is not there, what it sets is set.
	Holds bool `json:"holds"`

	// Document is the target as the provider describes it, from which it can be put back; it holds no secret. Empty
	// where there is nothing.
	Document json.RawMessage `json:"document,omitempty"`

	// Volatile are values that may change by themselves (times of last use, counters): they are kept, and do not make
	// a plan stale.
	Volatile json.RawMessage `json:"volatile,omitempty"`
}

// Digest is the SHA-256 of what must not have changed since a plan was made.
func (s State) Digest() string {
	sum := sha256.New()
	if s.Holds {
		sum.Write([]byte("holds\n"))
	}
	sum.Write(canonical(s.Document))
	return hex.EncodeToString(sum.Sum(nil))
}

// canonical writes JSON with its keys sorted, so that the order in which a provider gives them does not matter.
func canonical(text json.RawMessage) []byte {
	var value any
	if json.Unmarshal(text, &value) != nil {
		return text
	}
	again, err := json.Marshal(value)
	if err != nil {
		return text
	}
	return again
}

// ErrKind says that nobody here knows a kind of step.
var ErrKind = errors.New("nobody knows this kind of step")

// Actions are those of a provider, by kind.
type Actions map[string]Action

// NewActions lists actions.
func NewActions(list ...Action) Actions {
	actions := make(Actions, len(list))
	for _, a := range list {
		actions[a.Kind()] = a
	}
	return actions
}
