package workspace

import (
	"errors"
	"net/http"
	"testing"
	"time"
)

// TestProbesOfLogs asks logs, which are read span by span, for a line of the last day, and says what is kept of them.
func TestProbesOfLogs(t *testing.T) {
	p := &preflight{report: &PreflightReport{At: time.Date(2026, 11, 25, 13, 0, 0, 0, time.UTC)}}
	for _, c := range []struct{ resource, address, since, lag string }{
		{"reports/gmail", "https://admin.googleapis.com/admin/reports/v1/activity/users/all/applications/gmail?endTime=2026-11-25T13%3A00%3A00Z&maxResults=1&startTime=2026-11-24T13%3A00%3A00Z", "2026-10-26", "30 min-3 h"},
		{"reports/admin", "https://admin.googleapis.com/admin/reports/v1/activity/users/all/applications/admin?endTime=2026-11-25T13%3A00%3A00Z&maxResults=1&startTime=2026-11-24T13%3A00%3A00Z", "2026-05-29", "minutes"},
		{"reports-usage", "https://admin.googleapis.com/admin/reports/v1/usage/users/a@b/dates/2026-11-18?maxResults=1", "", "days"},
	} {
		s := source{resource: c.resource, api: reports}
		if address := p.probe(s).address(reports.facts().root, "a@b", ""); address != c.address {
			t.Errorf("%s: %s", c.resource, address)
		}
		check := &SourceCheck{Resource: c.resource, source: s}
		if p.outlook(check); check.Since != c.since || check.Lag != c.lag {
			t.Errorf("%s: %+v", c.resource, check)
		}
	}
}

// TestUnlicensed takes Google's words about what is not paid for, and nothing else for it.
func TestUnlicensed(t *testing.T) {
	for text, want := range map[string]error{
		"The customer does not have a license for this service": ErrNotLicensed,
		"Not available in your Google Workspace edition":        ErrNotLicensed,
		"Not Authorized to access this resource/api":            ErrNotAuthorised,
	} {
		body := `{"error":{"code":403,"message":"` + text + `","errors":[{"reason":"forbidden"}]}}`
		if f := refusal(http.StatusForbidden, http.Header{}, []byte(body)); !errors.Is(f, want) {
			t.Errorf("%s: %v, want %v", text, f.kind, want)
		}
	}
	if f := refusal(http.StatusServiceUnavailable, http.Header{}, []byte(`{"error":{"message":"the license server is busy"}}`)); !errors.Is(f, ErrUnavailable) {
		t.Errorf("a busy server is %v", f.kind)
	}
}
