package workspace

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
)

// rows writes what is to be said of each log: how much came, what is missing, what may still come and what goes when.
func (l *logReading) rows() error {
	answered := false
	for _, log := range l.logs {
		answered = answered || log.pages > 0
	}
	for _, log := range l.logs {
		if err := l.row(log, answered); err != nil {
			return err
		}
	}
	return nil
}

func (l *logReading) row(log *auditLog, answered bool) error {
	row := source{resource: logPrefix + log.app.name, api: reports, scope: scopeAudit}
	if log.pages == 0 && log.allNotOffered() {
		return l.r.sink.Expect(evidence.Expectation{Account: l.r.scope.Account, Collector: l.r.c.Name(), Resource: row.resource, NotOffered: true,
			Note: "not licensed: Google answered " + log.holes[0].err.Error()})
	}
	for _, h := range log.holes {
		if err := l.gap(row, h, answered); err != nil {
			return err
		}
	}
	return l.r.expect(row, log.pages+int64(len(log.holes)), l.note(log))
}

func (log *auditLog) allNotOffered() bool {
	for _, h := range log.holes {
		if !notOffered(h.err) {
			return false
		}
	}
	return len(log.holes) > 0
}

// gap names a hole by its times.
func (l *logReading) gap(row source, h hole, answered bool) error {
	row.item = h.of.item()
	err := fmt.Errorf("activities %s are missing: %w", h.rest, h.err)
	if answered && errors.Is(h.err, ErrNotAuthorised) {
		err = fmt.Errorf("%w (Google answers for other logs: this one is not in the tenant's edition, or not in the role of %s)", err, l.r.c.cfg.Admin)
	}
	return l.r.gap(row, h.page, h.asked, err)
}

// note is what the row of a log says beside its numbers.
func (l *logReading) note(log *auditLog) string {
	const day = time.DateOnly
	var parts []string
	if log.activities == 0 {
		parts = append(parts, "empty: no activities "+l.window.String())
	} else {
		parts = append(parts, fmt.Sprintf("%d activities %s; asked for %s", log.activities, span{log.oldest, log.newest}, l.window))
	}
	parts = append(parts, log.app.lateness())
	gone := l.window.to.Add(-kept)
	keeps := fmt.Sprintf("Google keeps 180 days: activities before %s are gone", gone.UTC().Format(day))
	if log.app.name == "gmail" {
		keeps += ", of gmail perhaps those before " + l.window.to.Add(-keptOfGmail).UTC().Format(day) + " too"
	}
	if log.activities > 0 && log.oldest.After(gone) {
		keeps += fmt.Sprintf("; the oldest read here go on %s", log.oldest.Add(kept).UTC().Format(day))
	}
	return strings.Join(append(parts, keeps), "; ")
}

// lateness says how late an activity of the application may come.
func (a application) lateness() string {
	lag := "an activity shows after " + a.lag
	if a.lag == "" {
		lag = "an activity shows after minutes to hours (Google's help names no figure that is known here)"
	}
	return lag + ", rarely later or never: read again after 24 to 72 hours with mbaudit collect --again"
}
