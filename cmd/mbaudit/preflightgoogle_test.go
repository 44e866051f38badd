package main

import (
	"crypto/rand"
	"crypto/rsa"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mbaudit/mbaudit/internal/fakegoogle"
)

// preflightTenants are Google Workspaces of today in which something is wrong, each with its key: GOOGLE_NAME is the
// tenant's address, GOOGLE_NAME_DIR a directory with key.json (its key), client.json (an OAuth client), pool.json, token and
// user.json (credentials that sign for the service account).
func preflightTenants(t *testing.T) []string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	behind := func() time.Time { return time.Now().Add(-11 * time.Minute) }
	variables := []string{}
	for name, config := range map[string]fakegoogle.Config{
		"TODAY":     {},
		"NONE":      {Scopes: []string{}},
		"ONE":       {Scopes: narrowScopes()},
		"OFF":       {DisabledAPIs: []string{"admin.googleapis.com"}},
		"CLOCK":     {Now: behind, Assertions: behind},
		"NOSIGNING": {NoSigning: true},
	} {
		config.Key, config.Messages = key, 1
		if config.Now == nil {
			config.Now = time.Now
		}
		server := fakegoogle.New(config).Start(t)
		variables = append(variables, "GOOGLE_"+name+"="+server.PlainURL, "GOOGLE_"+name+"_DIR="+credentialFiles(t, server, server.PlainURL))
	}
	stranger := fakegoogle.New(fakegoogle.Config{Now: time.Now}).Start(t)
	return append(variables, "GOOGLE_STRANGER="+stranger.PlainURL, "GOOGLE_STRANGER_DIR="+credentialFiles(t, fakegoogle.New(fakegoogle.Config{Key: key}).Start(t), stranger.PlainURL),
		"GOOGLE_DOWN=http://127.0.0.1:1", "GOOGLE_DOWN_DIR="+credentialFiles(t, stranger, "http://127.0.0.1:1"))
}

// credentialFiles writes the files of credentials for a tenant that is reached under an address.
func credentialFiles(t *testing.T, server *fakegoogle.Server, address string) string {
	t.Helper()
	dir := t.TempDir()
	token := filepath.Join(dir, "token")
	for name, make := range map[string]func() ([]byte, error){
		"key.json":    func() ([]byte, error) { return server.KeyFile(address) },
		"client.json": func() ([]byte, error) { return server.ClientFile(address) },
		"pool.json":   func() ([]byte, error) { return server.PoolFile(address, address, token, true) },
		"user.json":   func() ([]byte, error) { return server.UserFile(address, address, false) },
		"token":       func() ([]byte, error) { return []byte(fakegoogle.PoolToken), nil },
	} {
		data, err := make()
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// browse waits until a program has written the address of a page into a file, and opens it as a browser would, with all
// redirections: browse FILE
func browse(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: browse FILE")
	}
	page := regexp.MustCompile(`(?m)^http://\S+/o/oauth2/\S+$`)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		if err != nil {
			continue
		}
		if address := page.Find(text); address != nil {
			resp, err := http.Get(string(address))
			ts.Check(err)
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			ts.Check(err)
			if resp.StatusCode != http.StatusOK {
				ts.Fatalf("the browser ends at %s: %s", resp.Status, body)
			}
			return
		}
	}
	ts.Fatalf("%s names no page", args[0])
}
