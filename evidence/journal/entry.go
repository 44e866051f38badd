package journal

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// A Type says what sort of thing an entry records.
type Type string

// The types of entries.
const (
	Detection     Type = "detection"     // a sign of the incident was noticed
	Information   Type = "information"   // something was learnt
	Decision      Type = "decision"      // somebody decided
	Action        Type = "action"        // something was done to a system
	Collection    Type = "collection"    // evidence was read, sealed, sent, shown or disclosed
	Communication Type = "communication" // somebody was told
	Cost          Type = "cost"          // money or time was spent
	Error         Type = "error"         // something did not work
	Correction    Type = "correction"    // an earlier entry is wrong; Corrects says which
)

// Types lists the types of entries.
func Types() []Type {
	return []Type{Detection, Information, Decision, Action, Collection, Communication, Cost, Error, Correction}
}

// A State says how far an action is.
type State string

// The states of an action.
const (
	Planned  State = "planned"  // décidé
	Started  State = "started"  // entamé: it may or may not have taken effect
	Done     State = "done"     // fait
	Verified State = "verified" // vérifié by a second reading
	Failed   State = "failed"   // échoué
)

// States lists the states of an action.
func States() []State { return []State{Planned, Started, Done, Verified, Failed} }

// A Precision says how fine an event's time is known.
type Precision string

// The precisions of an event's time. Exact is the absence of any other.
const (
	Exact  Precision = ""
	Minute Precision = "minute"
	Hour   Precision = "hour"
	Day    Precision = "day"
)

// An Entry is one line of the journal. What each field means is in the package's documentation.
//
// Whoever appends fills in at least EventTime (of an Auto entry it may be zero: then it is the recording time),
// Informant, Type and Description. Seq, Prev and RecordedTime are the journal's own; Append overwrites them.
type Entry struct {
	Seq          uint64
	Prev         string    // 64 lower-case hexadecimal digits
	RecordedTime time.Time // UTC, milliseconds

	EventTime        time.Time // in the zone in which it was told; its offset is kept
	EventPrecision   Precision
	EventApproximate bool
	ClockOffset      string

	Informant   string
	Recorder    string
	Type        Type
	Auto        bool
	Description string

	Account         string
	Evidence        []string
	Corrects        uint64
	OutcomeOf       uint64
	ActionState     State
	DecisionBy      string
	Result          string
	Cost            string
	Confidentiality string
	Ref             map[string]string
}

// Delay is how long after the event the entry was written. It is negative for what is yet to come, and for a clock that
// is wrong. An entry written long after its event is allowed; who shows the journal makes it visible.
func (e Entry) Delay() time.Duration { return e.RecordedTime.Sub(e.EventTime) }

// A FieldError says that one field of an entry is missing or wrong, and what to type.
type FieldError struct {
	Field  string // the field's name in the file, "event_time"
	Reason string // "is missing"
	Hint   string // what to type
}

// Error returns field, reason and hint in one sentence.
func (e FieldError) Error() string { return e.Field + " " + e.Reason + ": " + e.Hint }

// An InvalidError says which fields keep an entry from being written. A program that talks to a person asks for each.
type InvalidError struct{ Fields []FieldError }

// Error names every field.
func (e *InvalidError) Error() string {
	parts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		parts[i] = f.Error()
	}
	return "the journal entry is not complete: " + strings.Join(parts, "; ")
}

// Check returns an *InvalidError if the entry cannot be written as it is. Append calls it.
func (e Entry) Check() error {
	var bad []FieldError
	wrong := func(field, reason, hint string) { bad = append(bad, FieldError{field, reason, hint}) }

	switch y := e.EventTime.Year(); {
	case e.EventTime.IsZero() && !e.Auto:
		wrong("event_time", "is missing",
			"say when it happened, with the offset from UTC, as in --time 2026-11-23T14:05:00+01:00")
	case y < 0 || y > 9999:
		wrong("event_time", fmt.Sprintf("has the year %d", y),
			"give a year of four digits, as in --time 2026-11-23T14:05:00+01:00")
	}
	if _, offset := e.EventTime.Zone(); offset%60 != 0 {
		wrong("event_time", "has an offset with seconds", "RFC 3339 knows hours and minutes only; give the time in UTC")
	}
	switch e.EventPrecision {
	case Exact, Minute, Hour, Day:
	default:
		wrong("event_precision", fmt.Sprintf("is %q", e.EventPrecision), "type --precision minute, hour or day, or leave it out")
	}
	if blank(e.Informant) {
		wrong("informant", "is missing",
			`name the person or service who detected or informed, as in --informant "M. Martin, accounting"`)
	}
	switch {
	case e.Type == "":
		wrong("type", "is missing", "type --type followed by "+oneOf(Types()))
	case !among(e.Type, Types()):
		wrong("type", fmt.Sprintf("is %q", e.Type), "type --type followed by "+oneOf(Types()))
	}
	if blank(e.Description) {
		wrong("description", "is missing", "say what happened, in full sentences and without opinion")
	}
	switch {
	case e.Type == Correction && e.Corrects == 0:
		wrong("corrects", "is missing", "give the number of the entry that is wrong, as in --corrects 12")
	case e.Type != Correction && e.Corrects != 0:
		wrong("corrects", "stands in an entry that is no correction", "type --type correction")
	}
	if e.ActionState != "" && !among(e.ActionState, States()) {
		wrong("action_state", fmt.Sprintf("is %q", e.ActionState), "type --state followed by "+oneOf(States()))
	}
	for i, id := range e.Evidence {
		if blank(id) {
			wrong("evidence", fmt.Sprintf("has an empty number at place %d", i+1), "give exhibits as in --evidence P-000042")
		}
	}
	if len(bad) > 0 {
		return &InvalidError{bad}
	}
	return nil
}

// checkPlace returns an *InvalidError if an entry refers to itself or to one that comes after it.
func (e Entry) checkPlace() error {
	var bad []FieldError
	for _, r := range []struct {
		field string
		seq   uint64
	}{{"corrects", e.Corrects}, {"outcome_of", e.OutcomeOf}} {
		if r.seq >= e.Seq {
			bad = append(bad, FieldError{r.field, fmt.Sprintf("is %d", r.seq),
				fmt.Sprintf("the entries before this one have the numbers 1 to %d", e.Seq-1)})
		}
	}
	if len(bad) > 0 {
		return &InvalidError{bad}
	}
	return nil
}

// utf8Only returns the entry with every string made valid UTF-8. A byte that is not becomes \xHH: encoding/json would
// put U+FFFD in its place, and which byte it was would be lost.
func (e Entry) utf8Only() Entry {
	for _, s := range []*string{
		&e.ClockOffset, &e.Informant, &e.Recorder, &e.Description, &e.Account, &e.DecisionBy, &e.Result, &e.Cost, &e.Confidentiality,
	} {
		*s = validUTF8(*s)
	}
	if len(e.Evidence) > 0 {
		ids := make([]string, len(e.Evidence))
		for i, id := range e.Evidence {
			ids[i] = validUTF8(id)
		}
		e.Evidence = ids
	}
	if len(e.Ref) > 0 {
		ref := make(map[string]string, len(e.Ref))
		for k, v := range e.Ref {
			ref[validUTF8(k)] = validUTF8(v)
		}
		e.Ref = ref
	}
	return e
}

func validUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			fmt.Fprintf(&b, `\x%02X`, s[i])
		} else {
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	return b.String()
}

func blank(s string) bool { return strings.TrimSpace(s) == "" }

func among[T comparable](x T, all []T) bool {
	for _, y := range all {
		if x == y {
			return true
		}
	}
	return false
}

func oneOf[T ~string](all []T) string {
	words := make([]string, len(all))
	for i, w := range all {
		words[i] = string(w)
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
