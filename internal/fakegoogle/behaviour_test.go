package fakegoogle

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	admin "google.golang.org/api/admin/directory/v1"
	reports "google.golang.org/api/admin/reports/v1"
	"google.golang.org/api/gmail/v1"
	"google.golang.org/api/googleapi"
)

type adminActivities = reports.Activities

func TestTwoThousandUsersCostLittle(t *testing.T) {
	b := newBench(t, Config{Users: 2000})
	d := b.directory(Admin, admin.AdminDirectoryUserReadonlyScope)
	var got []string
	pages := 0
	b.must(d.Users.List().Customer("my_customer").MaxResults(500).Pages(t.Context(), func(page *admin.Users) error {
		pages++
		for _, u := range page.Users {
			got = append(got, u.PrimaryEmail)
		}
		return nil
	}))
	want := b.Emails()
	want = slices.DeleteFunc(want, func(s string) bool { return s == "judy@example.test" })
	slices.Sort(want)
	if !slices.Equal(got, want) || pages != 4 {
		t.Errorf("%d users on %d pages, not %d on 4", len(got), pages, len(want))
	}
	if made := len(b.accounts); made > len(cast()) {
		t.Errorf("listing made %d accounts", made)
	}
	deleted := must[*admin.Users](t)(d.Users.List().Customer("my_customer").ShowDeleted("true").Do())
	if len(deleted.Users) != 1 || deleted.Users[0].PrimaryEmail != "judy@example.test" {
		t.Errorf("the deleted users are %v", deleted.Users)
	}
}

func TestEqualSeedsGiveEqualTenants(t *testing.T) {
	listing := func(seed uint64) string {
		b := newBench(t, Config{Seed: seed, Users: 40})
		d := b.directory(Admin, admin.AdminDirectoryUserReadonlyScope)
		users := must[*admin.Users](t)(d.Users.List().Customer("my_customer").Do())
		logins := must[*reports.Activities](t)(b.reports(Admin).Activities.List("all", "drive").MaxResults(50).Do())
		mail := must[*gmail.ListMessagesResponse](t)(b.gmail("carol@example.test", gmail.GmailReadonlyScope).Messages.List("me").Do())
		raw, err := json.Marshal([]any{users.Users, logins.Items, mail.Messages})
		b.must(err)
		return string(raw)
	}
	first := listing(7)
	if listing(7) != first {
		t.Error("the same seed gave another tenant")
	}
	if listing(8) == first {
		t.Error("another seed gave the same tenant")
	}
}

func TestActivitiesArePagedNewestFirstAndLate(t *testing.T) {
	b := newBench(t, Config{Users: 60})
	from := Start().AddDate(0, 0, -20)
	collect := func() []string {
		r := b.reports(Admin)
		var got []string
		last := "9"
		b.must(r.Activities.List("all", "login").StartTime(from.Format(time.RFC3339)).EndTime(Start().Format(time.RFC3339)).MaxResults(100).Pages(t.Context(), func(page *reports.Activities) error {
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

func TestQuotasAreCountedInUnits(t *testing.T) {
	b := newBench(t, Config{Quotas: Quotas{Reports: 3, Directory: 2}})
	users := b.gmail(Victim, gmail.GmailReadonlyScope)
	id := b.state(Victim).Messages[0]
	for range 300 { // 6,000 units, 20 each
		must[*gmail.Message](t)(users.Messages.Get("me", id).Format("minimal").Do())
	}
	_, err := users.GetProfile("me").Do()
	wantError(t, err, http.StatusForbidden, "rateLimitExceeded")
	must[*gmail.Profile](t)(b.gmail(Admin, gmail.GmailReadonlyScope).GetProfile("me").Do())
	b.clock.Advance(time.Minute)
	must[*gmail.Profile](t)(users.GetProfile("me").Do())

	// Google's client tries a 503 again by itself, so this one speaks HTTP.
	w := &wire{b, map[string]string{}, b.server.Client()}
	token := w.token(Admin, reports.AdminReportsAuditReadonlyScope)
	for want := range 4 {
		status, body := w.do(token, "GET", "admin.googleapis.com", "admin/reports/v1/activity/users/all/applications/vault", nil, nil)
		if want == 3 && (status != http.StatusServiceUnavailable || !bytes.Contains(body, []byte("backendError"))) || want < 3 && status != http.StatusOK {
			t.Errorf("request %d was answered %d %s", want+1, status, body)
		}
	}
	d := b.security()
	for range 2 {
		must[*admin.Tokens](t)(d.Tokens.List(Victim).Do())
	}
	_, err = d.Tokens.List(Victim).Do()
	wantError(t, err, http.StatusForbidden, "userRateLimitExceeded")
}

func TestTooManyCallsAtOnce(t *testing.T) {
	entered, release := make(chan bool), make(chan bool)
	b := newBench(t, Config{Quotas: Quotas{GmailParallel: 1}, Latency: func(id string) time.Duration {
		if id == "gmail.users.getProfile" {
			entered <- true
			<-release
		}
		return 0
	}})
	users := b.gmail(Victim, gmail.GmailReadonlyScope)
	var wait sync.WaitGroup
	wait.Go(func() {
		if _, err := users.GetProfile("me").Do(); err != nil {
			t.Error(err)
		}
	})
	<-entered
	_, err := users.Labels.List("me").Do()
	wantError(t, err, http.StatusTooManyRequests, "rateLimitExceeded")
	close(release)
	wait.Wait()
	must[*gmail.ListLabelsResponse](t)(users.Labels.List("me").Do())
}

func TestHistory(t *testing.T) {
	b := newBench(t, Config{Quotas: Quotas{GmailUnits: -1}})
	users := b.gmail(Victim, gmail.GmailModifyScope)
	_, err := users.History.List("me").StartHistoryId(1).Do()
	wantError(t, err, http.StatusNotFound, "notFound")
	_, err = users.History.List("me").Do()
	wantError(t, err, http.StatusBadRequest, "required")
	var oldest uint64
	for _, id := range b.state(Victim).Messages {
		m := must[*gmail.Message](t)(users.Messages.Get("me", id).Format("minimal").Do())
		if b.clock.Now().Sub(time.UnixMilli(m.InternalDate)) < 6*24*time.Hour {
			oldest = m.HistoryId
			break
		}
	}
	deleted, trashed := 0, 0
	b.must(users.History.List("me").StartHistoryId(oldest).MaxResults(10).Pages(t.Context(), func(page *gmail.ListHistoryResponse) error {
		for _, h := range page.History {
			deleted += len(h.MessagesDeleted)
			for _, l := range h.LabelsAdded {
				if slices.Contains(l.LabelIds, "TRASH") {
					trashed++
				}
			}
		}
		return nil
	}))
	if deleted != 1 || trashed == 0 {
		t.Errorf("the history has %d deleted messages and %d moved to the trash", deleted, trashed)
	}
	now := must[*gmail.Profile](t)(users.GetProfile("me").Do()).HistoryId
	id := b.state(Victim).Messages[0]
	must[*gmail.Message](t)(users.Messages.Modify("me", id, &gmail.ModifyMessageRequest{AddLabelIds: []string{"STARRED"}}).Do())
	h := must[*gmail.ListHistoryResponse](t)(users.History.List("me").StartHistoryId(now).Do())
	if len(h.History) != 1 || len(h.History[0].LabelsAdded) != 1 || h.History[0].Messages[0].Id != id {
		t.Errorf("starring a message left %v", h.History)
	}
	b.clock.Advance(8 * 24 * time.Hour)
	_, err = b.gmail(Victim, gmail.GmailModifyScope).History.List("me").StartHistoryId(now - 7).Do()
	wantError(t, err, http.StatusNotFound, "notFound")
}

func TestMessagesAreTheBytesOfTheStory(t *testing.T) {
	b := newBench(t, Config{Quotas: Quotas{GmailUnits: -1}})
	for _, user := range []string{Victim, "carol@example.test"} {
		users := b.gmail(user, gmail.GmailReadonlyScope)
		var ids []string
		b.must(users.Messages.List("me").IncludeSpamTrash(true).MaxResults(7).Pages(t.Context(), func(page *gmail.ListMessagesResponse) error {
			for _, m := range page.Messages {
				ids = append(ids, m.Id)
			}
			return nil
		}))
		slices.Reverse(ids)
		if !slices.Equal(ids, b.state(user).Messages) {
			t.Errorf("%s: %d messages listed, %d there", user, len(ids), len(b.state(user).Messages))
		}
		for _, id := range ids {
			raw, err := base64.URLEncoding.DecodeString(must[*gmail.Message](t)(users.Messages.Get("me", id).Format("raw").Do()).Raw)
			b.must(err)
			if !bytes.Equal(raw, b.Raw(user, id)) {
				t.Errorf("%s: message %s has other bytes", user, id)
			}
			full := func() string {
				encoded, err := must[*gmail.Message](t)(users.Messages.Get("me", id).Do()).MarshalJSON()
				b.must(err)
				return string(encoded)
			}
			if first := full(); full() != first {
				t.Errorf("%s: message %s is not the same twice", user, id)
			}
		}
	}
	found := must[*gmail.ListMessagesResponse](t)(b.gmail(Victim, gmail.GmailReadonlyScope).Messages.List("me").Q("from:garnier after:2026/10/13 -subject:zzz").Do())
	if len(found.Messages) != 2 {
		t.Errorf("the search found %d messages", len(found.Messages))
	}
	metadata := b.gmail(Victim, gmail.GmailMetadataScope)
	_, err := metadata.Messages.List("me").Q("facture").Do()
	wantError(t, err, http.StatusForbidden, "forbidden")
	_, err = metadata.Messages.Get("me", found.Messages[0].Id).Format("raw").Do()
	wantError(t, err, http.StatusForbidden, "forbidden")
	m := must[*gmail.Message](t)(metadata.Messages.Get("me", found.Messages[0].Id).Format("metadata").MetadataHeaders("From").Do())
	if len(m.Payload.Headers) != 1 || m.Payload.Body != nil {
		t.Errorf("the metadata are %+v", m.Payload)
	}
}

func TestFaults(t *testing.T) {
	const logins = "reports.activities.list"
	ask := func(t *testing.T, b *bench, query string) (*http.Response, []byte, error) {
		t.Helper()
		r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), "GET", "https://admin.googleapis.com/admin/reports/v1/activity/users/all/applications/drive?maxResults=5"+query, nil))
		response, err := b.client(Admin, reports.AdminReportsAuditReadonlyScope).Do(r)
		if err != nil {
			return nil, nil, err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		return response, body, err
	}
	next := func(t *testing.T, body []byte) string {
		t.Helper()
		return "&pageToken=" + url.QueryEscape(field(t, body, "nextPageToken"))
	}
	t.Run("page 3 twice 503", func(t *testing.T) {
		b := newBench(t, Config{})
		b.Fail(Fault{Method: logins, Page: 3, Times: 2, Status: http.StatusServiceUnavailable, RetryAfter: 7 * time.Second})
		query := ""
		for _, want := range []int{200, 200, 503, 503, 200} {
			response, body, err := ask(t, b, query)
			b.must(err)
			if response.StatusCode != want {
				t.Fatalf("the answer is %d, not %d", response.StatusCode, want)
			}
			if want == 200 {
				query = next(t, body)
			} else if response.Header.Get("Retry-After") != "7" || !bytes.Contains(body, []byte("backendError")) {
				t.Errorf("the failure is %v %s", response.Header, body)
			}
		}
		if left := b.FaultsLeft(); len(left) != 0 {
			t.Errorf("faults are left: %v", left)
		}
	})
	t.Run("reset", func(t *testing.T) {
		b := newBench(t, Config{})
		b.Fail(Fault{Path: "applications/drive$", Times: -1, Reset: true})
		if _, _, err := ask(t, b, ""); err == nil {
			t.Error("the answer came")
		}
	})
	t.Run("truncated", func(t *testing.T) {
		b := newBench(t, Config{})
		b.Fail(Fault{Method: logins, Truncate: true})
		if _, body, err := ask(t, b, ""); err == nil || len(body) == 0 {
			t.Errorf("%d bytes came, error %v", len(body), err)
		}
	})
	t.Run("garbage", func(t *testing.T) {
		b := newBench(t, Config{})
		b.Fail(Fault{Method: logins, Garbage: true})
		if _, body, err := ask(t, b, ""); err != nil || json.Valid(body) {
			t.Errorf("half a body came as %d bytes, error %v", len(body), err)
		}
	})
	t.Run("slow", func(t *testing.T) {
		b := newBench(t, Config{})
		b.Fail(Fault{Method: logins, Slow: time.Millisecond})
		_, body, err := ask(t, b, "")
		b.must(err)
		if !json.Valid(body) {
			t.Error("the slow body is not whole")
		}
	})
	t.Run("tokens that go in circles", func(t *testing.T) {
		b := newBench(t, Config{})
		_, first, err := ask(t, b, "")
		b.must(err)
		b.Fail(Fault{Method: logins, Page: 2, Times: 2, RepeatToken: true}, Fault{Method: logins, Page: 2, LoopToken: true})
		second := next(t, first)
		for range 2 {
			_, body, err := ask(t, b, second)
			b.must(err)
			if next(t, body) != second {
				t.Error("the token is not that of the same page")
			}
		}
		_, body, err := ask(t, b, second)
		b.must(err)
		_, again, err := ask(t, b, next(t, body))
		b.must(err)
		if !bytes.Equal(again, first) {
			t.Error("the token does not lead to the first page")
		}
	})
	t.Run("only one user", func(t *testing.T) {
		b := newBench(t, Config{})
		b.Fail(Fault{Subject: "bob@example.test", Times: -1, Status: http.StatusTooManyRequests})
		_, err := b.gmail("bob@example.test", gmail.GmailReadonlyScope).GetProfile("me").Do()
		wantError(t, err, http.StatusTooManyRequests, "rateLimitExceeded")
		must[*gmail.Profile](t)(b.gmail(Victim, gmail.GmailReadonlyScope).GetProfile("me").Do())
	})
}

func TestHTTP(t *testing.T) {
	b := newBench(t, Config{DisabledAPIs: []string{"drive.googleapis.com", "vault.googleapis.com"}})
	client := b.client(Admin, admin.AdminDirectoryUserReadonlyScope, "https://www.googleapis.com/auth/ediscovery")
	do := func(verb, address string, header ...string) (*http.Response, []byte) {
		t.Helper()
		r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), verb, address, nil))
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		response := must[*http.Response](t)(client.Do(r))
		defer response.Body.Close()
		return response, must[[]byte](t)(io.ReadAll(response.Body))
	}
	const user = "https://admin.googleapis.com/admin/directory/v1/users/bob@example.test"
	response, plain := do("GET", user)
	tag := response.Header.Get("ETag")
	if date := response.Header.Get("Date"); date != "Thu, 15 Oct 2026 08:00:00 GMT" || tag == "" || field(t, plain, "etag") != tag {
		t.Errorf("the header is %v", response.Header)
	}
	if response, body := do("GET", user, "If-None-Match", tag); response.StatusCode != http.StatusNotModified || len(body) != 0 {
		t.Errorf("a known entity is answered %d", response.StatusCode)
	}
	response, packed := do("GET", user, "Accept-Encoding", "gzip", "User-Agent", "mbaudit (gzip)")
	unpacked := must[[]byte](t)(io.ReadAll(must[*gzip.Reader](t)(gzip.NewReader(bytes.NewReader(packed)))))
	if response.Header.Get("Content-Encoding") != "gzip" || !bytes.Equal(unpacked, plain) {
		t.Errorf("the packed answer is %v", response.Header)
	}
	if _, body := do("GET", user+"?fields=id,name/givenName&prettyPrint=false"); string(body) != fmt.Sprintf("{\"id\":%q,\"name\":{\"givenName\":\"Bob\"}}\n", field(t, plain, "id")) {
		t.Errorf("the fields asked for are %s", body)
	}
	if response, body := do("GET", "https://gmail.googleapis.com/admin/directory/v1/users/x"); response.StatusCode != http.StatusNotFound || json.Valid(body) {
		t.Errorf("another host's path is answered %d %s", response.StatusCode, body)
	}
	if response, body := do("GET", "https://vault.googleapis.com/v1/matters"); response.StatusCode != http.StatusForbidden || !bytes.Contains(body, []byte("SERVICE_DISABLED")) {
		t.Errorf("an API that is not enabled is answered %d %s", response.StatusCode, body)
	}
	log := b.Requests()
	if last := log[len(log)-1]; last.Method != "vault.matters.list" || last.Status != http.StatusForbidden || last.Reason != "accessNotConfigured" || last.Subject != Admin {
		t.Errorf("the log ends with %+v", last)
	}
	writable := b.security()
	call := writable.Users.Update("bob@example.test", &admin.User{OrgUnitPath: "/Direction"})
	call.Header().Set("If-Match", `"stale"`)
	_, err := call.Do()
	wantError(t, err, http.StatusPreconditionFailed, "conditionNotMet")
	log = b.Requests()
	if log[len(log)-1].Reads() {
		t.Error("an update counts as reading")
	}
	b.ForgetRequests()
	if len(b.Requests()) != 0 {
		t.Error("the log is not forgotten")
	}
}

func TestManyAtOnce(t *testing.T) {
	b := newBench(t, Config{Users: 50, Quotas: Quotas{GmailUnits: -1}})
	var wait sync.WaitGroup
	for _, email := range b.Emails()[:20] {
		users := b.gmail(email, gmail.GmailReadonlyScope, gmail.GmailSettingsBasicScope)
		wait.Go(func() {
			_, err := users.Messages.List("me").Do()
			_, errSettings := users.Settings.Filters.List("me").Do()
			var refused *googleapi.Error
			if err != nil && !errors.As(err, &refused) && !strings.Contains(err.Error(), "invalid_grant") || (err == nil) != (errSettings == nil) {
				t.Errorf("%s: %v, %v", email, err, errSettings)
			}
		})
	}
	wait.Wait()
}
