package handover

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/mbaudit/mbaudit/findings/decision"
	"github.com/mbaudit/mbaudit/findings/suspects"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// An event of MISP's core format (draft-dulaunoy-misp-core-format). Numbers are texts there.
type mispDocument struct {
	Event mispEvent `json:"Event"`
}

type mispEvent struct {
	UUID      string          `json:"uuid"`
	Info      string          `json:"info"`
	Date      string          `json:"date"`
	Timestamp string          `json:"timestamp"`
	Threat    string          `json:"threat_level_id"` // 1 high to 4 undefined
	Analysis  string          `json:"analysis"`        // 0 initial, 1 ongoing, 2 complete
	Spread    string          `json:"distribution"`    // 0: your organisation only
	Published bool            `json:"published"`
	Orgc      mispOrg         `json:"Orgc"`
	Tags      []mispTag       `json:"Tag"`
	Attribute []mispAttribute `json:"Attribute"`
}

type mispOrg struct {
	UUID string `json:"uuid"`
	Name string `json:"name"`
}

type mispTag struct {
	Name string `json:"name"`
}

type mispAttribute struct {
	UUID      string    `json:"uuid"`
	Type      string    `json:"type"`
	Category  string    `json:"category"`
	Value     string    `json:"value"`
	ToIDS     bool      `json:"to_ids"`
	Spread    string    `json:"distribution"` // 5: as the event
	Timestamp string    `json:"timestamp"`
	Comment   string    `json:"comment"`
	FirstSeen string    `json:"first_seen,omitempty"`
	LastSeen  string    `json:"last_seen,omitempty"`
	Tags      []mispTag `json:"Tag,omitempty"`
}

func misp(h *Handover, o Options) ([]File, error) {
	if len(h.Indicators) == 0 {
		return nil, ErrNothing
	}
	stamp := strconv.FormatInt(h.MadeAt.Unix(), 10)
	e := mispEvent{UUID: h.id("misp-event"), Info: visible.Line(fmt.Sprintf("Mailbox compromise, case %s (%s)", visible.Text(h.Case.Case), levelWord(h.Level))), Date: h.MadeAt.Format(time.DateOnly),
		Timestamp: stamp, Threat: threatLevel(h.Level), Analysis: "1", Spread: "0", Orgc: mispOrg{h.id("organisation"), h.organisation()},
		Tags: []mispTag{{"tlp:" + o.TLP}, {"mbaudit:derived"}}}
	if h.collects() {
		e.Tags = append(e.Tags, mispTag{`misp-galaxy:mitre-attack-pattern="Email Collection - T1114"`})
	}
	for i := range h.Indicators {
		x := &h.Indicators[i]
		a := mispAttribute{UUID: h.id("misp", string(x.Kind), x.Value), Type: mispType(*x), Category: mispCategory(*x), Value: x.Value,
			ToIDS: x.Alarm() && x.Status == suspects.Confirmed, Spread: "5", Timestamp: stamp, Comment: reason(x, o.Language),
			FirstSeen: microStamp(x.First), LastSeen: microStamp(x.Last), Tags: []mispTag{{"mbaudit:status=" + strconv.Quote(string(x.Status))}, {confidenceTag(x.Confidence)}}}
		if x.Kind == suspects.KindMessageID {
			a.Value = "<" + x.Value + ">"
		}
		e.Attribute = append(e.Attribute, a)
	}
	e.Attribute = append(e.Attribute, mispAttribute{UUID: h.id("misp", "derived"), Type: "comment", Category: "Internal reference", Value: h.derivedFrom(), Spread: "5", Timestamp: stamp,
		Comment: "mbaudit: detection, not blocking"})
	data, err := indented(mispDocument{e})
	return []File{{"misp.json", data}}, err
}

// collects says that a finding speaks of mail being taken.
func (h *Handover) collects() bool {
	return slices.ContainsFunc(h.Indicators, func(x suspects.Indicator) bool {
		return slices.ContainsFunc(x.Techniques(), func(t string) bool { return t == "T1114" || t == "T1114.002" || t == "T1114.003" })
	})
}

// organisation names who hands over: the victim's name is in it only where the audience gets names.
func (h *Handover) organisation() string {
	if h.Case.Organisation == "" || h.Case.Operator.Name == "" {
		return "mbaudit"
	}
	return visible.Text(h.Case.Organisation)
}

func levelWord(l decision.Level) string {
	if l == "" {
		return "level not known"
	}
	return l.In("en")
}

// threatLevel is MISP's: 1 high, 2 medium, 3 low, 4 undefined.
func threatLevel(l decision.Level) string {
	switch l {
	case decision.Crisis, decision.Major:
		return "1"
	case decision.Minor:
		return "2"
	case decision.Anomaly:
		return "3"
	}
	return "4"
}

// confidenceTag is of the taxonomy that MISP comes with (estimative-language).
func confidenceTag(n int) string {
	word := "low"
	switch {
	case n >= 70:
		word = "high"
	case n >= 50:
		word = "moderate"
	}
	return `estimative-language:confidence-in-analytic-judgment="` + word + `"`
}

// mispType is an attribute's type, which DFIR-IRIS has too.
func mispType(x suspects.Indicator) string {
	switch x.Kind {
	case suspects.KindIP:
		return "ip-src"
	case suspects.KindEmail:
		return "email-dst"
	case suspects.KindDomain:
		return "domain"
	case suspects.KindMessageID:
		return "email-message-id"
	case suspects.KindSubject:
		return "email-subject"
	case suspects.KindFile:
		return "sha256"
	}
	return "other"
}

// mispCategory is one that MISP lets stand with the type.
func mispCategory(x suspects.Indicator) string {
	switch x.Kind {
	case suspects.KindIP, suspects.KindEmail, suspects.KindDomain:
		return "Network activity"
	case suspects.KindMessageID, suspects.KindSubject, suspects.KindFile:
		return "Payload delivery"
	}
	return "Other"
}

func microStamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000+00:00")
}

// ipVersion is "ipv4" or "ipv6".
func ipVersion(s string) string {
	if addr, err := netip.ParseAddr(s); err == nil && addr.Is6() {
		return "ipv6"
	}
	return "ipv4"
}
