package handover

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/suspects"
	"github.com/mbaudit/mbaudit/report"
)

// A WithheldError says that an audience does not get what a format holds.
type WithheldError struct {
	Audience report.Audience
	Format   string
	Allowed  []report.Audience // who does
}

// Error implements error.
func (e *WithheldError) Error() string {
	return fmt.Sprintf("the audience %s does not get what %s holds", e.Audience, e.Format)
}

// may says whether the audience gets a section of the report, and with it what a table here is made of.
func (h *Handover) may(section string) bool {
	return section == "" || slices.Contains(report.Audiences()[h.Audience].Sections, section)
}

// For gives the part that an audience may have: what its report leaves out is taken out before anything is rendered. The
// Handover given stays as it is.
func (h *Handover) For(audience report.Audience) *Handover {
	part, access := *h, report.Audiences()[audience]
	part.Audience = audience
	if audience == report.Cell {
		return &part
	}
	part.indicators(access)
	part.events(access)
	if !part.may(report.SecConfirm) {
		part.Findings = nil
	} else if !access.Subjects {
		part.Findings = bare(part.Findings)
	}
	if !part.may(report.SecMessages) {
		part.Messages = nil
	}
	if !part.may(report.SecContacts) || !access.Correspondents || !part.may(report.SecMessages) {
		part.Contacts, part.Messages, part.Blind, part.Personal, part.Uncounted = nil, nil, nil, 0, 0
	}
	if !part.may(report.SecLimits) {
		part.Unknowns = nil
	}
	if !access.People {
		part.Case.Roles, part.Case.Contacts, part.Case.Operator.Name, part.Case.Operator.Contact, part.Accounts = nil, nil, "", "", nil
	}
	return &part
}

func (h *Handover) indicators(access report.Access) {
	h.LeftOut = nil // it names the organisation's own addresses
	all := h.Indicators
	h.Indicators = nil
	if !h.may(report.SecIndicators) {
		return
	}
	for _, x := range all {
		if x.Kind == suspects.KindSubject && !access.Subjects || x.Received && !access.Correspondents {
			continue
		}
		if !access.People {
			x.Accounts = nil
		}
		h.Indicators = append(h.Indicators, x)
	}
}

// events takes out what an audience's report does not show of the timeline: confidential entries of the journal, what people did
// about it, subjects and targets.
func (h *Handover) events(access report.Access) {
	all := h.Events
	h.Events = nil
	if !h.may(report.SecTimeline) {
		return
	}
	for _, e := range all {
		if e.Seq != 0 && (h.secret[e.Seq] && !access.Confidential || !access.People) {
			continue
		}
		if !access.Subjects { // the journal's texts name people and subjects as well; the report masks them
			e.Detail = ""
		}
		if !access.Correspondents && !strings.EqualFold(e.Actor, e.Account) {
			e.Actor = ""
		}
		h.Events = append(h.Events, e)
	}
}

// bare is findings without what was read in mailboxes.
func bare(all []*findings.Finding) []*findings.Finding {
	var list []*findings.Finding
	for _, f := range all {
		g := *f
		g.Subject, g.Observed = "", nil
		list = append(list, &g)
	}
	return list
}
