package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
	"unicode/utf8"
)

// version is the format's number. A field that is added, renamed or given another meaning needs the next one: a reader
// refuses what it does not know, so that nothing in the file escapes the person who reads it.
const version = 1

// maxLine is how long a line may be, LF included. What is longer belongs into an exhibit.
const maxLine = 1 << 20

const (
	recordedLayout = "2006-01-02T15:04:05.000Z"
	eventLayout    = "2006-01-02T15:04:05.999999999Z07:00"
)

// zeroHash stands in the first line, which has no predecessor.
const zeroHash = "0000000000000000000000000000000000000000000000000000000000000000"

// wire is the line as JSON. The order of its fields is the order in the file.
type wire struct {
	V                int               `json:"v"`
	Seq              uint64            `json:"seq"`
	Prev             string            `json:"prev"`
	RecordedTime     string            `json:"recorded_time"`
	EventTime        string            `json:"event_time"`
	EventPrecision   Precision         `json:"event_precision,omitempty"`
	EventApproximate bool              `json:"event_approximate,omitempty"`
	ClockOffset      string            `json:"clock_offset,omitempty"`
	Informant        string            `json:"informant"`
	Recorder         string            `json:"recorder,omitempty"`
	Type             Type              `json:"type"`
	Auto             bool              `json:"auto,omitempty"`
	Description      string            `json:"description"`
	Account          string            `json:"account,omitempty"`
	Evidence         []string          `json:"evidence,omitempty"`
	Corrects         uint64            `json:"corrects,omitempty"`
	OutcomeOf        uint64            `json:"outcome_of,omitempty"`
	ActionState      State             `json:"action_state,omitempty"`
	DecisionBy       string            `json:"decision_by,omitempty"`
	Result           string            `json:"result,omitempty"`
	Cost             string            `json:"cost,omitempty"`
	Confidentiality  string            `json:"confidentiality,omitempty"`
	Ref              map[string]string `json:"ref,omitempty"`
}

// fieldOrder is the order of wire's fields.
func fieldOrder() []string {
	return []string{
		"v", "seq", "prev", "recorded_time", "event_time", "event_precision", "event_approximate", "clock_offset", "informant",
		"recorder", "type", "auto", "description", "account", "evidence", "corrects", "outcome_of", "action_state", "decision_by",
		"result", "cost", "confidentiality", "ref",
	}
}

// encodeLine returns the entry's line, LF included.
func encodeLine(e Entry) ([]byte, error) {
	w := wire{
		version, e.Seq, e.Prev, e.RecordedTime.Format(recordedLayout), e.EventTime.Format(eventLayout), e.EventPrecision,
		e.EventApproximate, e.ClockOffset, e.Informant, e.Recorder, e.Type, e.Auto, e.Description, e.Account, e.Evidence,
		e.Corrects, e.OutcomeOf, e.ActionState, e.DecisionBy, e.Result, e.Cost, e.Confidentiality, e.Ref,
	}
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false) // a person greps this file for <bob@example.com>
	if err := enc.Encode(w); err != nil {
		return nil, err
	}
	if line.Len() > maxLine {
		return nil, &InvalidError{[]FieldError{{"description",
			fmt.Sprintf("makes the entry %d bytes long, more than %d", line.Len(), maxLine),
			"keep the text as an exhibit and give its number with --evidence"}}}
	}
	return line.Bytes(), nil
}

// errVersion says that a line is of a version that this program does not read.
var errVersion = errors.New("unknown version")

// decodeLine reads one line, with or without its LF. It takes only what encodeLine may have written: no field that is
// unknown, doubled, misspelt in case or out of order, and nothing that encoding/json would read in two ways.
func decodeLine(line []byte) (Entry, error) {
	if !utf8.Valid(line) {
		return Entry{}, errors.New("it is not UTF-8")
	}
	var only struct {
		V json.RawMessage `json:"v"`
	}
	if err := json.Unmarshal(line, &only); err != nil {
		return Entry{}, err
	}
	if string(only.V) != fmt.Sprint(version) {
		return Entry{}, fmt.Errorf("%w %.20q, this program reads version %d", errVersion, only.V, version)
	}
	if err := checkKeys(line); err != nil {
		return Entry{}, err
	}
	var w wire
	if err := json.Unmarshal(line, &w); err != nil {
		return Entry{}, err
	}
	recorded, err := time.Parse(recordedLayout, w.RecordedTime)
	if err != nil || recorded.Format(recordedLayout) != w.RecordedTime {
		return Entry{}, fmt.Errorf("recorded_time %q is not of the form %s", w.RecordedTime, recordedLayout)
	}
	event, err := time.Parse(eventLayout, w.EventTime)
	if err != nil {
		return Entry{}, fmt.Errorf("event_time %q is not an RFC 3339 time with offset", w.EventTime)
	}
	if _, offset := event.Zone(); offset != 0 {
		// Parse gives the local zone's name to an offset that the local zone happens to have.
		event = event.In(time.FixedZone("", offset))
	}
	return Entry{
		w.Seq, w.Prev, recorded, event, w.EventPrecision, w.EventApproximate, w.ClockOffset, w.Informant, w.Recorder, w.Type, w.Auto,
		w.Description, w.Account, w.Evidence, w.Corrects, w.OutcomeOf, w.ActionState, w.DecisionBy, w.Result, w.Cost,
		w.Confidentiality, w.Ref,
	}, nil
}

// checkKeys returns an error unless line is one object whose keys are fieldOrder's, in that order, each once at the
// most, and whose ref has its keys sorted, each once.
func checkKeys(line []byte) error {
	dec := json.NewDecoder(bytes.NewReader(line))
	order, next := fieldOrder(), 0
	err := eachKey(dec, func(key string) error {
		i := slices.Index(order, key)
		switch {
		case i < 0:
			return fmt.Errorf("it has a field %q that version %d does not know", key, version)
		case i < next:
			return fmt.Errorf("its field %q is doubled or out of order", key)
		}
		next = i + 1
		if key != "ref" {
			return dec.Decode(new(json.RawMessage))
		}
		first, last := true, ""
		return eachKey(dec, func(key string) error {
			if !first && key <= last {
				return fmt.Errorf("in its field \"ref\", %q is doubled or out of order", key)
			}
			first, last = false, key
			return dec.Decode(new(json.RawMessage))
		})
	})
	if err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("something follows the object")
	}
	return nil
}

// eachKey reads an object from dec; each is called after every key and reads the value.
func eachKey(dec *json.Decoder, each func(key string) error) error {
	if t, err := dec.Token(); err != nil {
		return err
	} else if t != json.Delim('{') {
		return errors.New("it is not an object")
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		if err := each(key.(string)); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	return err
}
