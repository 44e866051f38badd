package main

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
	"github.com/emersion/go-sasl"

	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
)

// googleTenants are two Google Workspaces: one that delegates all scopes, and one that lacks that of grants and app
// passwords. What the scripts find of them in their environment begins with GOOGLE.
func googleTenants(t *testing.T) []string {
	t.Helper()
	unmetered := fakegoogle.Quotas{GmailUnits: -1, GmailProject: -1, ReportsFiltered: -1, VaultMatters: -1, VaultHolds: -1} // the scripts do not wait
	whole := fakegoogle.New(fakegoogle.Config{Quotas: unmetered}).Start(t)
	narrow := fakegoogle.New(fakegoogle.Config{Quotas: unmetered, Scopes: narrowScopes()}).Start(t)
	key, private := googleKey(t, whole)
	narrowKey, _ := googleKey(t, narrow)
	later, marker := lateTenant(t)
	laterKey, _ := googleKey(t, later)
	slow := fakegoogle.New(fakegoogle.Config{Latency: func(method string) time.Duration {
		if method == "reports.activities.list" {
			return 200 * time.Millisecond
		}
		return 0
	}}).Start(t)
	slowKey, _ := googleKey(t, slow)
	return append(preflightTenants(t), "GOOGLE_SLOW="+slow.PlainURL, "GOOGLE_SLOW_KEY="+slowKey, "GOOGLE_LATER="+later.PlainURL, "GOOGLE_LATER_KEY="+laterKey, "GOOGLE_LATER_MARKER="+marker, "MBAUDIT_GOOGLE_ENDPOINT="+whole.PlainURL, "GOOGLE_KEY="+key, "GOOGLE_PRIVATE="+private,
		"GOOGLE_NARROW="+narrow.PlainURL, "GOOGLE_NARROW_KEY="+narrowKey, "GOOGLE_IMAP=imap://127.0.0.1:"+strconv.Itoa(tokenServer(t, whole.PlainURL)))
}

// lateTenant is a tenant whose clock goes on by two days once there is a file of that name, and one of whose sign-ins is
// so late that it shows only then.
func lateTenant(t *testing.T) (server *fakegoogle.Server, marker string) {
	t.Helper()
	marker = filepath.Join(t.TempDir(), "two-days-later")
	tenant := fakegoogle.New(fakegoogle.Config{Lag: func(string) time.Duration { return 0 }, Now: func() time.Time {
		if _, err := os.Stat(marker); err == nil {
			return fakegoogle.Start().Add(48 * time.Hour)
		}
		return fakegoogle.Start()
	}})
	var late []fakegoogle.SeedActivity
	for i := range 3 {
		late = append(late, fakegoogle.SeedActivity{Application: "saml", Type: "login", Name: "login_success",
			Time: fakegoogle.Start().Add(-time.Duration(i+1) * time.Hour), Late: 24 * time.Hour})
	}
	late = append(late, fakegoogle.SeedActivity{Application: "saml", Type: "login", Name: "login_failure", Time: fakegoogle.Start().Add(time.Hour)})
	if err := tenant.Seed(fakegoogle.Seed{Account: fakegoogle.Victim, Activities: late}); err != nil {
		t.Fatal(err)
	}
	return tenant.Start(t), marker
}

// A tokenSession is that of an IMAP server that lets in by Google's tokens alone: by those that open the user's mailbox
// for a tenant, and allow all of mail.
type tokenSession struct {
	imapserver.Session
	tenant string
}

// AuthenticateMechanisms implements imapserver.SessionSASL.
func (s *tokenSession) AuthenticateMechanisms() []string { return []string{sasl.OAuthBearer} }

// Authenticate implements imapserver.SessionSASL.
func (s *tokenSession) Authenticate(string) (sasl.Server, error) {
	return sasl.NewOAuthBearerServer(func(o sasl.OAuthBearerOptions) *sasl.OAuthBearerError {
		req, err := http.NewRequest(http.MethodGet, s.tenant+"/gmail/v1/users/"+o.Username+"/profile", nil)
		if err == nil {
			req.Header.Set("Authorization", "Bearer "+o.Token)
			var resp *http.Response
			if resp, err = http.DefaultClient.Do(req); err == nil {
				_ = resp.Body.Close()
				if resp.StatusCode == http.StatusOK && s.Login(o.Username, "unused") == nil {
					return nil
				}
			}
		}
		return &sasl.OAuthBearerError{Status: "invalid_token"}
	}), nil
}

// tokenServer is an IMAP server with alice's mailbox: one message.
func tokenServer(t *testing.T, tenant string) int {
	t.Helper()
	user := imapmemserver.NewUser("alice@example.test", "unused")
	if err := user.Create("INBOX", nil); err != nil {
		t.Fatal(err)
	}
	const text = "Subject: by delegation\r\n\r\nhello\r\n"
	if _, err := user.Append("INBOX", literal{strings.NewReader(text)}, &imap.AppendOptions{}); err != nil {
		t.Fatal(err)
	}
	users := imapmemserver.New()
	users.AddUser(user)
	server := imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return &tokenSession{users.NewSession(), tenant}, nil, nil
		},
		InsecureAuth: true, Caps: imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapSASLIR: {}},
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }() // ends with Close
	t.Cleanup(func() { _ = server.Close() })
	return listener.Addr().(*net.TCPAddr).Port
}

type literal struct{ *strings.Reader }

func (l literal) Size() int64 { return l.Reader.Size() }

func narrowScopes() []string {
	return slices.DeleteFunc(workspace.Scopes(), func(s string) bool { return strings.HasSuffix(s, "/admin.directory.user.security") })
}

// googleKey writes the key file of a tenant, and gives the path of another with a line out of the middle of its private
// part, for grep -f.
func googleKey(t *testing.T, server *fakegoogle.Server) (path, private string) {
	t.Helper()
	data, err := server.KeyFile(server.PlainURL)
	if err != nil {
		t.Fatal(err)
	}
	var key struct {
		Private string `json:"private_key"`
	}
	if err := json.Unmarshal(data, &key); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(key.Private, "\n")
	dir := t.TempDir()
	path, private = filepath.Join(dir, "key.json"), filepath.Join(dir, "line")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(private, []byte(lines[len(lines)/2]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, private
}

// TestTakesDelegation: a token of Google's goes to Gmail's own server, and only where nothing else was given. Beside a
// tenant on this machine it goes to a server on this machine.
func TestTakesDelegation(t *testing.T) {
	for _, c := range []struct {
		options imapOptions
		env     map[string]string
		want    bool
	}{
		{imapOptions{url: "imaps://imap.gmail.com"}, nil, true},
		{imapOptions{url: "imaps://IMAP.Gmail.com:993"}, nil, true},
		{imapOptions{url: "imaps://imap.googlemail.com"}, nil, true},
		{imapOptions{url: "imaps://mail.example.com"}, nil, false},
		{imapOptions{url: "imaps://imap.gmail.com.example.com"}, nil, false},
		{imapOptions{url: "imaps://localhost"}, nil, false},
		{imapOptions{url: "imap://imap.gmail.com", insecurePlaintext: true}, nil, false},
		{imapOptions{url: "imaps://imap.gmail.com", tokenFile: "f"}, nil, false},
		{imapOptions{url: "imaps://imap.gmail.com", passwordFile: "f"}, nil, false},
		{imapOptions{url: "imaps://imap.gmail.com", master: "m"}, nil, false},
		{imapOptions{url: "imaps://imap.gmail.com", login: "l"}, nil, false},
		{imapOptions{url: "imaps://imap.gmail.com"}, map[string]string{"MBAUDIT_IMAP_PASSWORD": "p"}, false},
		{imapOptions{url: "imaps://imap.gmail.com"}, map[string]string{googleEndpointVariable: "http://127.0.0.1:1"}, false},
		{imapOptions{url: "imap://127.0.0.1:1"}, map[string]string{googleEndpointVariable: "http://127.0.0.1:1"}, true},
		{imapOptions{url: "imap://192.0.2.1"}, map[string]string{googleEndpointVariable: "http://127.0.0.1:1"}, false},
	} {
		if got := c.options.takesDelegation(&terminal{getenv: func(name string) string { return c.env[name] }}); got != c.want {
			t.Errorf("%s with %v and %+v: %t", c.options.url, c.env, c.options, got)
		}
	}
}
