package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/internal/fakegoogle"
)

// googleTenants are two Google Workspaces: one that delegates all scopes, and one that lacks that of grants and app
// passwords. What the scripts find of them in their environment begins with GOOGLE.
func googleTenants(t *testing.T) []string {
	t.Helper()
	whole := fakegoogle.New(fakegoogle.Config{}).Start(t)
	narrow := fakegoogle.New(fakegoogle.Config{Scopes: narrowScopes()}).Start(t)
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
	return []string{"GOOGLE_SLOW=" + slow.PlainURL, "GOOGLE_SLOW_KEY=" + slowKey, "GOOGLE_LATER=" + later.PlainURL, "GOOGLE_LATER_KEY=" + laterKey, "GOOGLE_LATER_MARKER=" + marker, "MBAUDIT_GOOGLE_ENDPOINT=" + whole.PlainURL, "GOOGLE_KEY=" + key, "GOOGLE_PRIVATE=" + private,
		"GOOGLE_NARROW=" + narrow.PlainURL, "GOOGLE_NARROW_KEY=" + narrowKey}
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

func narrowScopes() []string {
	const auth = "https://www.googleapis.com/auth/"
	return []string{auth + "gmail.readonly", auth + "admin.directory.user.readonly", auth + "admin.directory.device.mobile.readonly",
		auth + "admin.directory.group.readonly", auth + "admin.directory.rolemanagement.readonly", auth + "admin.reports.audit.readonly",
		auth + "admin.reports.usage.readonly"}
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
