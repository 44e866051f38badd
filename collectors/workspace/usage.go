package workspace

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
)

const (
	scopeUsage    = scopePrefix + "admin.reports.usage.readonly"
	usageResource = "reports-usage"

	// usageDays is of how many days the usage is read, the newest that there is of and those before.
	usageDays = 30

	// usageLag is of how many days Google may not have counted yet what was used.
	usageLag = 7
)

// usage is the stage of what Google counted of a user, or of the whole tenant, day by day: when mail was last read over
// IMAP, POP and the web, say.
func usage(user string) stage {
	return stage{"usage",
		func(*run) []source { return []source{{resource: usageResource, api: reports, scope: scopeUsage}} },
		func(ctx context.Context, r *run) error { return r.readUsage(ctx, user) },
	}
}

// usageOf asks for a day of the calendar of California, by which Google counts.
func usageOf(user string, day time.Time) source {
	date := day.Format(time.DateOnly)
	s := source{resource: usageResource, item: date, name: usageResource + "/" + date, api: reports, scope: scopeUsage, list: "usageReports",
		path: "admin/reports/v1/usage/dates/" + date}
	if user != everybody {
		s.path = "admin/reports/v1/usage/users/" + user + "/dates/" + date
		s.query = url.Values{"maxResults": {"1000"}}
	}
	return s
}

// readUsage finds the newest day that is counted, and reads it and those before.
func (r *run) readUsage(ctx context.Context, user string) error {
	whole := source{resource: usageResource, api: reports, scope: scopeUsage}
	if r.subject(whole) == "" {
		return r.failed(whole, 1, request{}, ErrNoAdmin)
	}
	window, err := r.c.logWindow(r.scope.Since, r.scope.Until)
	if err != nil {
		return err
	}
	day := window.to.Add(-8 * time.Hour).Truncate(24 * time.Hour) // UTC-8
	for range usageLag {
		if r.sink.Has(r.scope.Account, usageResource, day.Format(time.DateOnly)) {
			break
		}
		newest := usageOf(user, day)
		a, err := r.get(ctx, newest, "")
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case notCounted(err):
			day = day.AddDate(0, 0, -1)
			continue
		case err != nil && class(err) == evidence.GapRefused: // so are all other days
			return r.failed(whole, 1, r.asks(newest, ""), err)
		case err == nil && a.next == "":
			err = r.keep(newest, a, 1, 1)
		}
		if errors.Is(err, evidence.ErrStorage) {
			return err
		}
		break
	}
	var days []source
	for i := range usageDays {
		if one := day.AddDate(0, 0, -i); !one.Before(window.from.Add(-24 * time.Hour)) {
			days = append(days, usageOf(user, one))
		}
	}
	if err := r.expect(whole, int64(len(days)), ""); err != nil {
		return err
	}
	if err := r.readAll(ctx, days); err != nil {
		return err
	}
	note := fmt.Sprintf("Google counts days late: %s is the newest that there is; days before %s were not asked for", day.Format(time.DateOnly),
		day.AddDate(0, 0, 1-len(days)).Format(time.DateOnly))
	return r.sink.Expect(evidence.Expectation{Account: r.scope.Account, Collector: r.c.Name(), Resource: usageResource, Count: int64(len(days)), Note: note})
}

// notCounted says that Google has not counted a day yet.
func notCounted(err error) bool {
	var f *failure
	return errors.As(err, &f) && f.status == http.StatusBadRequest && strings.Contains(strings.ToLower(f.text), "not yet available")
}
