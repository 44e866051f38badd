package handover

import (
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/decision"
	"github.com/mbaudit/mbaudit/findings/facts"
)

// How many facts' additions to the timeline are remembered; the timeline itself has no more lines than that.
const maxExtra = 60_000

// enrich remembers what the timeline's lines do not have.
func (b *builder) enrich(f *facts.Fact) {
	if b.extra == nil {
		b.extra, b.personal = map[string]Event{}, map[string]bool{}
	}
	at := f.Bundle + "/" + f.Exhibit + " " + f.Locator
	if f.Is("personal") {
		b.personal[at] = true
	}
	if f.Time.IsZero() || len(b.extra) >= maxExtra {
		return
	}
	e := Event{Network: f.Text("asn.name"), Country: f.Text("country"), Agent: f.Text("user_agent"), Session: f.Text("session")}
	if v, ok := f.Get("asn"); ok {
		e.ASN = v.Int()
	}
	b.extra[at] = e
}

// findings takes the findings of the accounts examined, and of others those that weigh.
func (b *builder) findings() {
	b.h.byID = map[string]*findings.Finding{}
	for _, f := range b.in.Findings.Findings {
		if f.Examined || f.Grade == findings.Probable || f.Grade == findings.Confirmed {
			b.h.Findings = append(b.h.Findings, f)
			b.h.byID[f.ID] = f
		}
	}
}

// timeline reads the analysis's own timeline, and adds the states that nobody can date, at the moment at which they were seen.
func (b *builder) timeline() error {
	if b.in.Timeline != nil {
		for e, err := range b.in.Timeline {
			if err != nil {
				return err
			}
			event := b.extra[e.Exhibit+" "+e.At]
			event.TimelineEntry = *e
			b.h.Unlisted += e.LeftOut
			b.h.Events = append(b.h.Events, event)
		}
	}
	sealed := map[string]time.Time{}
	for _, bundle := range b.in.Bundles {
		sealed[bundle.ID] = bundle.SealedAt
	}
	for _, f := range b.h.Findings {
		if !f.First.IsZero() || f.Grade == findings.Context || len(f.Observed) == 0 {
			continue
		}
		o := f.Observed[0]
		lane := decision.LaneAttacker
		if f.Recognition == findings.Recognised {
			lane = decision.LaneUser
		}
		b.h.Events = append(b.h.Events, Event{State: true, TimelineEntry: decision.TimelineEntry{Time: sealed[o.Bundle].UTC(), Zone: "Z", Lane: lane, Kind: o.Kind, Name: f.Rule,
			Account: f.Account, Detail: f.Subject, Exhibit: o.Bundle + "/" + o.Exhibit, At: o.Locator, Findings: []string{f.ID}}})
	}
	for i := range b.h.Events {
		if b.personal[b.h.Events[i].Exhibit+" "+b.h.Events[i].At] {
			b.h.Events[i].Detail = ""
		}
	}
	slices.SortStableFunc(b.h.Events, func(x, y Event) int { return x.Time.Compare(y.Time) })
	return nil
}

// title gives the title of the first of a line's findings that is listed.
func (h *Handover) title(e Event, language string) string {
	for _, id := range e.Findings {
		if f := h.byID[id]; f != nil {
			return f.Title[language]
		}
	}
	return ""
}

// rules lists the rules of a line's findings.
func (h *Handover) rules(e Event) []string {
	var all []string
	for _, id := range e.Findings {
		if f := h.byID[id]; f != nil && !slices.Contains(all, f.Rule) {
			all = append(all, f.Rule)
		}
	}
	return all
}

// sentence says in one line what happened.
func (h *Handover) sentence(e Event, language string) string {
	what := h.title(e, language)
	if what == "" {
		what = strings.TrimSpace(e.Name)
	}
	var parts []string
	for _, s := range []string{e.Account, what, e.IP, e.Detail} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, " · ")
}
