package export

import (
	"encoding/json"
	"io"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// timesketchEvent is one line for Timesketch: message, datetime and timestamp_desc are what it demands, timestamp is in
// microseconds since 1970, the rest are fields of ours.
type timesketchEvent struct {
	Message         string   `json:"message"`
	Datetime        string   `json:"datetime"`
	Timestamp       int64    `json:"timestamp"`
	TimestampDesc   string   `json:"timestamp_desc"`
	Tag             []string `json:"tag"`
	Seq             uint64   `json:"logbook_entry"`
	SHA256          string   `json:"logbook_sha256"`
	RecordedTime    string   `json:"recorded_time"`
	EventPrecision  string   `json:"event_precision,omitempty"`
	Type            string   `json:"logbook_type"`
	Informant       string   `json:"informant"`
	Recorder        string   `json:"recorder,omitempty"`
	Account         string   `json:"account,omitempty"`
	Evidence        []string `json:"evidence,omitempty"`
	State           string   `json:"action_state,omitempty"`
	DecisionBy      string   `json:"decision_by,omitempty"`
	Result          string   `json:"result,omitempty"`
	Cost            string   `json:"cost,omitempty"`
	Corrects        uint64   `json:"corrects,omitempty"`
	OutcomeOf       uint64   `json:"outcome_of,omitempty"`
	Confidentiality string   `json:"confidentiality,omitempty"`
}

// timesketchTime is ISO 8601 in UTC with microseconds, the form that Timesketch keeps.
const timesketchTime = "2006-01-02T15:04:05.000000-07:00"

// Timesketch writes JSON Lines for Timesketch: one event for each entry, at the time of the event. Timesketch wants an
// instant; an entry whose time is only known to the minute, hour or day has the tag precision-….
func Timesketch(w io.Writer, lines []journal.Line, _ Options) error {
	enc := json.NewEncoder(w)
	for _, line := range lines {
		e := line.Entry
		evidence := make([]string, len(e.Evidence))
		for i, id := range e.Evidence {
			evidence[i] = visible.Text(id)
		}
		err := enc.Encode(timesketchEvent{
			Message: visible.Text(e.Description), Datetime: e.EventTime.UTC().Format(timesketchTime), Timestamp: e.EventTime.UnixMicro(),
			TimestampDesc: "Logbook: event time", Tag: tags(e), Seq: e.Seq, SHA256: line.SHA256,
			RecordedTime: e.RecordedTime.UTC().Format(timesketchTime), EventPrecision: string(e.EventPrecision), Type: string(e.Type),
			Informant: visible.Text(e.Informant), Recorder: visible.Text(e.Recorder), Account: visible.Text(e.Account), Evidence: evidence,
			State: string(e.ActionState), DecisionBy: visible.Text(e.DecisionBy), Result: visible.Text(e.Result), Cost: visible.Text(e.Cost),
			Corrects: e.Corrects, OutcomeOf: e.OutcomeOf, Confidentiality: visible.Text(e.Confidentiality),
		})
		if err != nil {
			return err
		}
	}
	return nil
}
