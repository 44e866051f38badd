package fakegoogle

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	admin "google.golang.org/api/admin/directory/v1"
	reports "google.golang.org/api/admin/reports/v1"
	"google.golang.org/api/gmail/v1"
	"google.golang.org/api/googleapi"
)

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

func TestMailboxesHaveTheSizeThatIsAskedFor(t *testing.T) {
	b := newBench(t, Config{Messages: 12, Mailboxes: map[string]int{"bob@example.test": 3000, Victim: 5}})
	story := len(newBench(t, Config{}).state(Victim).Messages)
	for email, want := range map[string]int{"bob@example.test": 3000, "carol@example.test": 12, Victim: story + 5} {
		state := b.state(email)
		if len(state.Messages) != want {
			t.Errorf("%s has %d messages, not %d", email, len(state.Messages), want)
		}
		users := b.gmail(email, gmail.GmailReadonlyScope)
		newest := must[*gmail.Message](t)(users.Messages.Get("me", state.Messages[want-1]).Format("minimal").Do())
		if time.UnixMilli(newest.InternalDate).After(Start()) {
			t.Errorf("%s has mail of tomorrow", email)
		}
		if profile := must[*gmail.Profile](t)(users.GetProfile("me").Do()); profile.MessagesTotal != int64(want) {
			t.Errorf("%s has %d messages in the profile", email, profile.MessagesTotal)
		}
	}
	for _, m := range b.accounts[b.index["bob@example.test"]].mail.box.messages[:2500:2500][2400:] {
		if len(m.raw()) != m.size {
			t.Errorf("message %s has %d bytes when made again, not %d", m.id, len(m.raw()), m.size)
		}
	}
}

func TestTheTokenEndpointCanFailToo(t *testing.T) {
	b := newBench(t, Config{})
	b.Fail(Fault{Method: "token", Status: http.StatusInternalServerError}, Fault{Method: "token", Reset: true})
	_, err := b.gmail(Victim, gmail.GmailReadonlyScope).GetProfile("me").Do()
	wantTokenError(t, err, http.StatusInternalServerError, "internal_failure")
	if _, err = b.gmail(Victim, gmail.GmailReadonlyScope).GetProfile("me").Do(); err == nil {
		t.Error("the token came")
	}
	must[*gmail.Profile](t)(b.gmail(Victim, gmail.GmailReadonlyScope).GetProfile("me").Do())
	if log := b.Requests(); log[0].Method != "token" || log[0].Status != http.StatusInternalServerError || log[0].Subject != Victim {
		t.Errorf("the log begins with %+v", log[0])
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
	codes := func(order ...string) []map[string]any {
		b := newBench(t, Config{Seed: 7})
		for _, email := range order {
			b.state(email)
		}
		return b.state("grace@example.test").BackupCodes
	}
	if !reflect.DeepEqual(codes(), codes("bob@example.test", "carol@example.test")) {
		t.Error("what an account has depends on who was asked for before")
	}
	first := listing(7)
	if listing(7) != first {
		t.Error("the same seed gave another tenant")
	}
	if listing(8) == first {
		t.Error("another seed gave the same tenant")
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
