package fakegoogle

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	admin "google.golang.org/api/admin/directory/v1"
	reports "google.golang.org/api/admin/reports/v1"
	"google.golang.org/api/calendar/v3"
	"google.golang.org/api/drive/v3"
	"google.golang.org/api/gmail/v1"
)

func TestFaults(t *testing.T) {
	const logins = "reports.activities.list"
	ask := func(t *testing.T, b *bench, query string) (*http.Response, []byte, error) {
		t.Helper()
		r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), "GET",
			"https://admin.googleapis.com/admin/reports/v1/activity/users/all/applications/drive?maxResults=5"+query, nil))
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
		b.Fail(Fault{Method: logins, Slow: 24 * time.Hour})
		ctx, stop := context.WithCancel(t.Context())
		r := must[*http.Request](t)(http.NewRequestWithContext(ctx, "GET", "https://admin.googleapis.com/admin/reports/v1/activity/users/all/applications/drive", nil))
		response := must[*http.Response](t)(b.client(Admin, reports.AdminReportsAuditReadonlyScope).Do(r))
		stop() // the header is there, the body is not
		defer response.Body.Close()
		if n, err := io.Copy(io.Discard, response.Body); n != 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("%d bytes came, error %v", n, err)
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
	if response, body := do("GET",
		"https://vault.googleapis.com/v1/matters"); response.StatusCode != http.StatusForbidden || !bytes.Contains(body, []byte("SERVICE_DISABLED")) {
		t.Errorf("an API that is not enabled is answered %d %s", response.StatusCode, body)
	}
	_, err := service(b, drive.NewService, Victim, drive.DriveReadonlyScope).Files.List().Do()
	wantError(t, err, http.StatusForbidden, "accessNotConfigured")
	_, err = service(b, calendar.NewService, Victim, calendar.CalendarReadonlyScope).Acl.List("primary").Do()
	if err == nil || strings.Contains(err.Error(), "accessNotConfigured") {
		t.Errorf("the calendar, which is enabled, with too small a scope: %v", err)
	}
	do("GET", "https://vault.googleapis.com/v1/matters")
	log := b.Requests()
	if last := log[len(log)-1]; last.Method != "vault.matters.list" || last.Status != http.StatusForbidden || last.Reason != "accessNotConfigured" || last.Subject != Admin {
		t.Errorf("the log ends with %+v", last)
	}
	writable := b.security()
	call := writable.Users.Update("bob@example.test", &admin.User{OrgUnitPath: "/Direction"})
	call.Header().Set("If-Match", `"stale"`)
	_, err = call.Do()
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
