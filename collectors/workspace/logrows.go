package workspace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
)

// rows writes what is to be said of each log: how much came, what is missing, what may still come and what goes when.
func (l *logReading) rows(ctx context.Context) error {
	answered := slices.ContainsFunc(l.logs, func(log *auditLog) bool { return log.pages > 0 })
	super := false
	if answered && slices.ContainsFunc(l.logs, func(log *auditLog) bool { return log.onlyRefused(notAuthorised) }) {
		var err error
		if super, err = l.r.superAdministrator(ctx); err != nil {
			return err
		}
	}
	for _, log := range l.logs {
		if err := l.row(log, answered, super); err != nil {
			return err
		}
	}
	return nil
}

func (l *logReading) row(log *auditLog, answered, super bool) error {
	row := source{resource: logPrefix + log.app.name, api: reports, scope: scopeAudit}
	lacking := ""
	switch {
	case log.onlyRefused(notOffered):
		lacking = "not licensed: Google answered " + log.holes[0].err.Error()
	case super && log.onlyRefused(notAuthorised):
		lacking = fmt.Sprintf("not licensed: Google answered %s, although it gives other logs to %s, who may read all as a super administrator (%s)",
			log.holes[0].err.Error(), l.r.c.cfg.Admin, administratorResource)
	}
	if lacking != "" {
		return l.r.notOffered(row, lacking)
	}
	for _, h := range log.holes {
		if err := l.gap(row, h, answered); err != nil {
			return err
		}
	}
	return l.r.expect(row, log.pages+int64(len(log.holes)), l.note(log))
}

// onlyRefused says that nothing came of a log, for one reason alone.
func (log *auditLog) onlyRefused(why func(error) bool) bool {
	return log.pages == 0 && len(log.holes) > 0 && !slices.ContainsFunc(log.holes, func(h hole) bool { return !why(h.err) })
}

// notAuthorised says that Google refused a log without a word about licences.
func notAuthorised(err error) bool { return errors.Is(err, ErrNotAuthorised) && !notOffered(err) }

const administratorResource = "directory/administrator"

// superAdministrator says whether the Directory tells that the administrator for whom the logs are asked is a super
// administrator, whose role excludes no log. The answer is kept. Where none comes, he is not known to be one.
func (r *run) superAdministrator(ctx context.Context) (bool, error) {
	s := source{resource: administratorResource, api: directory, path: "admin/directory/v1/users/" + url.PathEscape(r.c.cfg.Admin), scope: scopeUser}
	a, err := r.get(ctx, s, "")
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err == nil && !r.sink.Has(r.scope.Account, s.resource, "") {
		err = r.keep(s, a, 1, 1)
	}
	if errors.Is(err, evidence.ErrStorage) {
		return false, err
	}
	var said struct {
		Super bool `json:"isAdmin"`
	}
	return err == nil && json.Unmarshal(a.json, &said) == nil && said.Super, nil
}

// gap names a hole by its times.
func (l *logReading) gap(row source, h hole, answered bool) error {
	row.item = h.of.item()
	err := fmt.Errorf("activities %s are missing: %w", h.rest, h.err)
	if answered && notAuthorised(h.err) {
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
		if log.forAll > 0 && log.forAll == log.pages {
			parts = append(parts, "Google was asked for all users of the customer at once, and has none of anybody: the same answer is kept with each account")
		}
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
