package fakegoogle

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"golang.org/x/oauth2/jwt"
	admin "google.golang.org/api/admin/directory/v1"
	reports "google.golang.org/api/admin/reports/v1"
	"google.golang.org/api/drive/v3"
	"google.golang.org/api/gmail/v1"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
)

// A bench is a tenant with a clock that goes on when told, served over TLS.
type bench struct {
	*Tenant
	server *Server
	clock  *Clock
	t      *testing.T
}

func newBench(t *testing.T, config Config) *bench {
	t.Helper()
	b := &bench{clock: NewClock(Start()), t: t}
	config.Now = b.clock.Now
	b.Tenant = New(config)
	b.server = b.Start(t)
	return b
}

// client is an HTTP client of Google's own libraries with a service account key, as a collector has it.
func (b *bench) client(subject string, scopes ...string) *http.Client {
	b.t.Helper()
	key, err := b.server.KeyFile(b.server.URL)
	if err != nil {
		b.t.Fatal(err)
	}
	config, err := google.JWTConfigFromJSON(key, scopes...)
	if err != nil {
		b.t.Fatal(err)
	}
	config.Subject = subject
	return config.Client(context.WithValue(b.t.Context(), oauth2.HTTPClient, b.server.Client()))
}

func (b *bench) gmail(subject string, scopes ...string) *gmail.UsersService {
	return service(b, gmail.NewService, subject, scopes...).Users
}

func (b *bench) directory(subject string, scopes ...string) *admin.Service {
	return service(b, admin.NewService, subject, scopes...)
}

func (b *bench) reports(subject string) *reports.Service {
	return service(b, reports.NewService, subject, reports.AdminReportsAuditReadonlyScope, reports.AdminReportsUsageReadonlyScope)
}

// service makes one of Google's clients under Google's own host name; the transport leads it here.
func service[S any](b *bench, make func(context.Context, ...option.ClientOption) (S, error), subject string, scopes ...string) S {
	b.t.Helper()
	s, err := make(b.t.Context(), option.WithHTTPClient(b.client(subject, scopes...)))
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

// wantError checks the status and the reason of a refusal.
func wantError(t *testing.T, err error, code int, reason string) {
	t.Helper()
	var e *googleapi.Error
	if !errors.As(err, &e) {
		t.Fatalf("the error is %v, not one of Google's", err)
	}
	got := ""
	if len(e.Errors) > 0 {
		got = e.Errors[0].Reason
	}
	if e.Code != code || got != reason {
		t.Fatalf("the refusal is %d %s (%s), not %d %s", e.Code, got, e.Message, code, reason)
	}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestTheTakeoverIsVisibleInEveryAPI(t *testing.T) {
	b := newBench(t, Config{})
	users := b.gmail(Victim, gmail.GmailSettingsBasicScope)
	if got := must[*gmail.ListFiltersResponse](t)(users.Settings.Filters.List("me").Do()); len(got.Filter) != 3 || got.Filter[1].Action.Forward != IntruderForward {
		t.Errorf("the filters are %v", got.Filter)
	}
	if got := must[*gmail.AutoForwarding](t)(users.Settings.GetAutoForwarding(Victim).Do()); !got.Enabled || got.EmailAddress != IntruderForward {
		t.Errorf("auto-forwarding is %v", got)
	}
	if got := must[*gmail.ListDelegatesResponse](t)(users.Settings.Delegates.List("me").Do()); len(got.Delegates) != 1 {
		t.Errorf("the delegates are %v", got.Delegates)
	}
	directory := b.directory(Admin, admin.AdminDirectoryUserScope, admin.AdminDirectoryUserSecurityScope)
	if got := must[*admin.User](t)(directory.Users.Get(Victim).Do()); got.RecoveryEmail != IntruderForward || !got.IsEnrolledIn2Sv {
		t.Errorf("the user is %+v", got)
	}
	if got := must[*admin.Asps](t)(directory.Asps.List(Victim).Do()); len(got.Items) != 1 || got.Items[0].Name != "Outlook Mobile" {
		t.Errorf("the app passwords are %+v", got.Items)
	}
	found := false
	for _, token := range must[*admin.Tokens](t)(directory.Tokens.List(Victim).Do()).Items {
		found = found || token.ClientId == intruderClient
	}
	if !found {
		t.Error("the intruder's grant is not among the tokens")
	}
	logins := must[*reports.Activities](t)(b.reports(Admin).Activities.List(Victim, "login").ActorIpAddress(Intruder).Do())
	if len(logins.Items) != 10 {
		t.Errorf("the login log has %d activities of the intruder, not 10", len(logins.Items))
	}
	for i := 1; i < len(logins.Items); i++ {
		if logins.Items[i].Id.Time > logins.Items[i-1].Id.Time {
			t.Error("the log is not newest first")
		}
	}
	for _, r := range b.Requests() {
		if !r.Reads() || r.Status != http.StatusOK {
			t.Errorf("%s %s was answered %d", r.Verb, r.Path, r.Status)
		}
	}
}

func TestTokens(t *testing.T) {
	b := newBench(t, Config{Scopes: []string{gmail.GmailReadonlyScope, gmail.GmailMetadataScope}})
	t.Run("a scope that is not delegated", func(t *testing.T) {
		_, err := b.gmail(Victim, gmail.GmailSettingsBasicScope).GetProfile("me").Do()
		wantTokenError(t, err, http.StatusUnauthorized, "unauthorized_client")
	})
	t.Run("nobody's address", func(t *testing.T) {
		_, err := b.gmail("nobody@example.test", gmail.GmailReadonlyScope).GetProfile("me").Do()
		wantTokenError(t, err, http.StatusBadRequest, "invalid_grant")
	})
	t.Run("a scope that does not exist", func(t *testing.T) {
		_, err := b.gmail(Victim, "https://www.googleapis.com/auth/everything").GetProfile("me").Do()
		wantTokenError(t, err, http.StatusBadRequest, "invalid_scope")
	})
	t.Run("another method's scope", func(t *testing.T) {
		_, err := b.gmail(Victim, gmail.GmailMetadataScope).Settings.Filters.List("me").Do()
		wantError(t, err, http.StatusForbidden, "insufficientPermissions")
	})
	t.Run("another user's mailbox", func(t *testing.T) {
		_, err := b.gmail(Admin, gmail.GmailReadonlyScope).GetProfile(Victim).Do()
		wantError(t, err, http.StatusForbidden, "forbidden")
	})
	t.Run("a token that has run out", func(t *testing.T) {
		users := b.gmail(Victim, gmail.GmailReadonlyScope)
		must[*gmail.Profile](t)(users.GetProfile("me").Do())
		b.clock.Advance(61 * time.Minute)
		_, err := users.GetProfile("me").Do()
		wantError(t, err, http.StatusUnauthorized, "authError")
	})
	t.Run("another's key", func(t *testing.T) {
		other := New(Config{Key: must[*rsa.PrivateKey](t)(generateKey())}).Start(t)
		key := must[[]byte](t)(other.KeyFile(other.URL))
		config := must[*jwt.Config](t)(google.JWTConfigFromJSON(key, gmail.GmailReadonlyScope))
		config.Subject, config.TokenURL = Victim, b.server.URL+"/token"
		client := config.Client(context.WithValue(t.Context(), oauth2.HTTPClient, b.server.Client()))
		s := must[*gmail.Service](t)(gmail.NewService(t.Context(), option.WithHTTPClient(client)))
		_, err := s.Users.GetProfile("me").Do()
		wantTokenError(t, err, http.StatusBadRequest, "invalid_grant")
	})
}

func wantTokenError(t *testing.T, err error, status int, code string) {
	t.Helper()
	var e *oauth2.RetrieveError
	if !errors.As(err, &e) {
		t.Fatalf("the error is %v, not one of the token endpoint", err)
	}
	var body struct{ Error string }
	if json.Unmarshal(e.Body, &body) != nil || e.Response.StatusCode != status || body.Error != code {
		t.Fatalf("the refusal is %d %s, not %d %s", e.Response.StatusCode, e.Body, status, code)
	}
}

// TestEndpoints reaches the tenant by its address instead of Google's names, without TLS, as option.WithEndpoint has it.
func TestEndpoints(t *testing.T) {
	b := newBench(t, Config{})
	config := must[*jwt.Config](t)(google.JWTConfigFromJSON(must[[]byte](t)(b.server.KeyFile(b.server.PlainURL)), gmail.GmailReadonlyScope, drive.DriveReadonlyScope))
	config.Subject = Victim
	source := option.WithTokenSource(config.TokenSource(t.Context()))
	mail := must[*gmail.Service](t)(gmail.NewService(t.Context(), option.WithEndpoint(b.server.PlainURL+"/"), source))
	if got := must[*gmail.Profile](t)(mail.Users.GetProfile("me").Do()); got.EmailAddress != Victim {
		t.Errorf("the profile is %s's", got.EmailAddress)
	}
	files := must[*drive.Service](t)(drive.NewService(t.Context(), option.WithEndpoint(b.server.PlainURL+"/drive/v3/"), source))
	if got := must[*drive.FileList](t)(files.Files.List().Do()); len(got.Files) != len(b.state(Victim).Files) {
		t.Errorf("%d files", len(got.Files))
	}
}
