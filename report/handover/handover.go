package handover

import (
	"iter"
	"time"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/decision"
	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/findings/suspects"
	"github.com/mbaudit/mbaudit/internal/casefile"
	"github.com/mbaudit/mbaudit/report"
)

// Inputs are what a Handover is made of. Case, Findings and Facts must be there.
type Inputs struct {
	Case     casefile.Case
	Journal  []journal.Line
	Findings *findings.Result
	Decision *decision.Decision // nil: nothing is confirmed
	Facts    iter.Seq2[*facts.Fact, error]
	Timeline iter.Seq2[*decision.TimelineEntry, error]
	Bundles  []Bundle
	Tool     string
}

// A Bundle is what everything is derived from.
type Bundle struct {
	ID          string    `json:"bundle"`             // ULID
	TagManifest string    `json:"tagmanifest_sha256"` // SHA-256 of its tagmanifest-sha256.txt, the number in the record
	SealedAt    time.Time `json:"sealed_at"`
}

// A Handover is what is handed over, before it has a form. Strings out of mailboxes and logs are as they were.
type Handover struct {
	Case     casefile.Case
	Audience report.Audience
	MadeAt   time.Time // UTC; when the analysis was made
	Tool     string
	Bundles  []Bundle
	Level    decision.Level

	suspects.List
	Findings []*findings.Finding
	Events   []Event // in the order of their times
	Unlisted int64   // events of the persons that the analysis itself did not list
	Unknowns []decision.NotKnown

	byID   map[string]*findings.Finding
	secret map[uint64]bool // entries of the journal that are confidential
}

// An Event is one line of the timeline, with what the facts add to it.
type Event struct {
	decision.TimelineEntry
	ASN     int64
	Network string
	Country string
	Agent   string
	Session string
	State   bool // a state of which nobody says since when: Time is when it was seen
}

// Build makes the whole handover: that of the crisis cell. It reads Facts and Timeline once each.
func Build(in Inputs) (*Handover, error) {
	h := &Handover{Case: in.Case, Audience: report.Cell, MadeAt: in.Findings.MadeAt.UTC(), Tool: in.Tool, Bundles: in.Bundles}
	if in.Decision != nil {
		h.Level, h.Unknowns = in.Decision.InForce, in.Decision.Unknowns
	}
	b := &builder{in: in, h: h}
	judge := suspects.New(in.Findings, in.Decision, in.Case.OwnDomains)
	for f, err := range in.Facts {
		if err != nil {
			return nil, err
		}
		judge.See(f)
		if !f.Is("duplicate") {
			b.enrich(f)
		}
	}
	h.List = *judge.Finish()
	b.findings()
	if err := b.timeline(); err != nil {
		return nil, err
	}
	h.secret = map[uint64]bool{}
	for _, line := range in.Journal {
		if line.Confidentiality != "" {
			h.secret[line.Seq] = true
		}
	}
	return h, nil
}

type builder struct {
	in Inputs
	h  *Handover

	extra    map[string]Event // by place: what the facts add to the timeline
	personal map[string]bool
}
