package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
	return append(preflightTenants(t), "MBAUDIT_GOOGLE_ENDPOINT="+whole.PlainURL, "GOOGLE_KEY="+key, "GOOGLE_PRIVATE="+private,
		"GOOGLE_NARROW="+narrow.PlainURL, "GOOGLE_NARROW_KEY="+narrowKey)
}

func narrowScopes() []string {
	const auth = "https://www.googleapis.com/auth/"
	return []string{auth + "gmail.readonly", auth + "admin.directory.user.readonly", auth + "admin.directory.device.mobile.readonly",
		auth + "admin.directory.group.readonly", auth + "admin.directory.rolemanagement.readonly"}
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
