package fakegoogle

import (
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	reports "google.golang.org/api/admin/reports/v1"
)

type adminActivities = reports.Activities

func TestActivitiesArePagedNewestFirstAndLate(t *testing.T) {
	b := newBench(t, Config{Users: 60})
	from := Start().AddDate(0, 0, -20)
	collect := func() []string {
		r := b.reports(Admin)
		var got []string
		last := "9"
		b.must(r.Activities.List("all",
			"login").StartTime(from.Format(time.RFC3339)).EndTime(Start().Format(time.RFC3339)).MaxResults(100).Pages(t.Context(), func(page *reports.Activities) error {
			for _, a := range page.Items {
				if a.Id.Time > last {
					t.Errorf("%s comes after %s", a.Id.Time, last)
				}
				last = a.Id.Time
				got = append(got, strconv.FormatInt(a.Id.UniqueQualifier, 10))
			}
			return nil
		}))
		return got
	}
	shown, late := b.Activities("login", "all", from, Start())
	got := collect()
	if !slices.Equal(got, shown) || len(late) == 0 {
		t.Fatalf("listed %d activities, shown are %d, late are %d", len(got), len(shown), len(late))
	}
	b.clock.Advance(36 * time.Hour)
	again := collect()
	if len(again) != len(shown)+len(late) {
		t.Errorf("a day and a half later there are %d, not %d+%d", len(again), len(shown), len(late))
	}
	for _, q := range late {
		if !slices.Contains(again, q) {
			t.Errorf("the late %s is still not there", q)
		}
	}
}

func TestReportsRefuse(t *testing.T) {
	b := newBench(t, Config{})
	r := b.reports(Admin).Activities
	stampOf := func(days int) string { return Start().AddDate(0, 0, days).Format(time.RFC3339) }
	_, err := r.List("all", "gmail").Do()
	wantError(t, err, http.StatusBadRequest, "invalid")
	_, err = r.List("all", "gmail").StartTime(stampOf(-31)).EndTime(stampOf(0)).Do()
	wantError(t, err, http.StatusBadRequest, "invalid")
	_, err = r.List("all", "login").StartTime(stampOf(1)).Do()
	wantError(t, err, http.StatusBadRequest, "invalid")
	_, err = r.List("all", "nosuchapp").Do()
	wantError(t, err, http.StatusBadRequest, "invalidParameter")
	_, err = r.List("all", "login").NetworkInfoFilter("regionCode=\"FR\"").Do()
	wantError(t, err, http.StatusNotImplemented, "notImplemented")
	_, err = b.reports(Admin).CustomerUsageReports.Get(Start().Format(time.DateOnly)).Do()
	wantError(t, err, http.StatusBadRequest, "invalid")
	old := must[*reports.Activities](t)(r.List("all", "login").StartTime(stampOf(-400)).EndTime(stampOf(-181)).Do())
	if len(old.Items) != 0 {
		t.Error("activities are kept for more than 180 days")
	}
	page := must[*reports.Activities](t)(r.List("all", "drive").MaxResults(1).Do())
	_, err = r.List("all", "login").PageToken(page.NextPageToken).Do()
	wantError(t, err, http.StatusBadRequest, "invalidParameter")
	_, err = r.List("all", "login").PageToken("garbage").Do()
	wantError(t, err, http.StatusBadRequest, "invalidParameter")
}

func TestReportsFilter(t *testing.T) {
	b := newBench(t, Config{})
	r := b.reports(Admin).Activities
	count := func(call *reports.ActivitiesListCall) int { return len(must[*reports.Activities](t)(call.Do()).Items) }
	if got := count(r.List(Victim, "login").EventName("suspicious_login")); got != 1 {
		t.Errorf("%d suspicious logins", got)
	}
	if got := count(r.List(Victim, "login").EventName("login_success").Filters("is_suspicious==true")); got != 1 {
		t.Errorf("%d logins are marked suspicious", got)
	}
	from, to := Start().AddDate(0, 0, -5).Format(time.RFC3339), Start().Format(time.RFC3339)
	forwarded := count(r.List(Victim, "gmail").StartTime(from).EndTime(to).Filters("event_info.mail_event_type==11"))
	received := count(r.List(Victim, "gmail").StartTime(from).EndTime(to).Filters("event_info.mail_event_type==2"))
	if forwarded == 0 || forwarded > received {
		t.Errorf("%d messages received, %d forwarded", received, forwarded)
	}
	quiet := newBench(t, Config{Quiet: true})
	if got := must[*reports.Activities](t)(quiet.reports(Admin).Activities.List("all", "login").ActorIpAddress(Intruder).Do()); len(got.Items) != 0 {
		t.Error("somebody breaks into the quiet tenant")
	}
}
