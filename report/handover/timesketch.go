package handover

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"

	"github.com/mbaudit/mbaudit/findings/decision"
	"github.com/mbaudit/mbaudit/findings/suspects"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// A sketchEvent is a line of Timesketch's JSONL. The first three are those that Timesketch cannot do without:
// https://timesketch.org/guides/user/import-from-json-csv/
type sketchEvent struct {
	Message       string   `json:"message"`
	Datetime      string   `json:"datetime"` // ISO 8601
	TimestampDesc string   `json:"timestamp_desc"`
	Tag           []string `json:"tag"` // Timesketch makes labels of them
	DataType      string   `json:"data_type"`
	Lane          string   `json:"lane"`
	Name          string   `json:"event_name,omitempty"`
	Account       string   `json:"account,omitempty"`
	Actor         string   `json:"actor,omitempty"`
	IP            string   `json:"source_ip,omitempty"`
	ASN           int64    `json:"asn,omitempty"`
	Network       string   `json:"asn_name,omitempty"`
	Country       string   `json:"country,omitempty"`
	Agent         string   `json:"user_agent,omitempty"`
	Session       string   `json:"session,omitempty"`
	Detail        string   `json:"detail,omitempty"`      // as it was
	Zone          string   `json:"source_zone,omitempty"` // as the source wrote it
	Inferred      string   `json:"time_inferred,omitempty"`
	Findings      []string `json:"findings,omitempty"`
	Rules         []string `json:"rules,omitempty"`
	Indicator     string   `json:"indicator,omitempty"` // of the source: confirmed or possible
	Exhibit       string   `json:"exhibit,omitempty"`
	At            string   `json:"exhibit_at,omitempty"`
	Journal       uint64   `json:"journal_entry,omitempty"`
	Case          string   `json:"case"`
	TLP           string   `json:"tlp"`
	Derived       string   `json:"derived"`
	SHA256        string   `json:"bundle_sha256,omitempty"` // of the tagmanifest of the exhibit's bundle
}

func timesketch(h *Handover, o Options) ([]File, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	sums := map[string]string{}
	for _, b := range h.Bundles {
		sums[b.ID] = b.TagManifest
	}
	status := map[string]string{}
	for _, x := range h.Indicators {
		if x.Kind == suspects.KindIP {
			status[x.Value] = string(x.Status)
		}
	}
	for _, e := range h.Events {
		line := sketchEvent{Message: visible.Text(h.sentence(e, o.Language)), Datetime: e.Time.UTC().Format("2006-01-02T15:04:05.000000+00:00"),
			TimestampDesc: describe(e, o.Language), Tag: tags(h, e), DataType: "mbaudit:" + e.Kind, Lane: e.Lane, Name: e.Name, Account: e.Account, Actor: e.Actor, IP: e.IP, ASN: e.ASN,
			Network: e.Network, Country: e.Country, Agent: e.Agent, Session: e.Session, Detail: e.Detail, Zone: e.Zone, Inferred: e.Inferred, Findings: e.Findings, Rules: h.rules(e),
			Indicator: status[suspects.CanonicalIP(e.IP)], Exhibit: e.Exhibit, At: e.At, Journal: e.Seq, Case: h.Case.Case, TLP: o.TLP, Derived: "derived, not the evidence",
			SHA256: sums[bundleOf(e.Exhibit)]}
		if err := enc.Encode(line); err != nil {
			return nil, err
		}
	}
	return []File{{"timeline.jsonl", out.Bytes()}}, nil
}

func bundleOf(exhibit string) string {
	for i := range exhibit {
		if exhibit[i] == '/' {
			return exhibit[:i]
		}
	}
	return exhibit
}

// describe says what kind of time a line has.
func describe(e Event, language string) string {
	texts := map[bool]decision.Text{
		true:  {FR: "État vu au scellement (début inconnu)", EN: "State seen at sealing (its beginning is not known)"},
		false: {FR: "Heure de l'événement", EN: "Event time"},
	}[e.State]
	if e.Lane == decision.LaneResponder {
		texts = decision.Text{FR: "Main courante", EN: "Logbook"}
	}
	return texts.In(language)
}

// tags are what a reader filters by.
func tags(h *Handover, e Event) []string {
	all := []string{"mbaudit", e.Lane}
	if e.State {
		all = append(all, "state")
	}
	for _, id := range e.Findings {
		if f := h.byID[id]; f != nil && !slices.Contains(all, string(f.Grade)) {
			all = append(all, string(f.Grade))
		}
	}
	return all
}

// local is a time for people: in the case's zone, with its offset.
func (o Options) local(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(o.zone()).Format("2006-01-02 15:04:05 -07:00")
}

func (o Options) zone() *time.Location {
	if o.Zone == nil {
		return time.UTC
	}
	return o.Zone
}
