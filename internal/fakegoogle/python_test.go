package fakegoogle

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/internal/servertest"
)

// TestPython drives the tenant with a client that shares no line with Google's Go client or with us.
func TestPython(t *testing.T) {
	python := servertest.GooglePython(t)
	b := newBench(t, Config{Users: 250})
	key := filepath.Join(t.TempDir(), "key.json")
	b.must(os.WriteFile(key, must[[]byte](t)(b.server.KeyFile(b.server.PlainURL)), 0o600))
	documents, _ := module(t)
	before := b.state(Victim)

	cmd := exec.CommandContext(t.Context(), python, filepath.Join("testdata", "drive.py"), b.server.PlainURL, key, documents)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.Bytes())
	}
	var got struct {
		Filters                                        []map[string]any
		AutoForwarding                                 map[string]any
		Messages, Users, Tokens, Logins, Alerts, Files []string
		Policies, Devices                              int
		Raw, Deleted                                   string
		Refusals                                       map[string][]any
	}
	b.must(json.Unmarshal(out, &got))

	slices.Reverse(got.Messages)
	users := slices.DeleteFunc(b.Emails(), func(s string) bool { return s == "judy@example.test" })
	slices.Sort(users)
	logins, _ := b.Activities("login", "all", time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), Start())
	raw, err := base64.URLEncoding.DecodeString(got.Raw)
	b.must(err)
	var files []string
	for _, f := range before.Files {
		files = append(files, text(f, "id"))
	}
	for name, pair := range map[string][2]any{
		"filters": {got.Filters, before.Filters}, "auto-forwarding": {got.AutoForwarding, before.AutoForwarding}, "messages": {got.Messages, before.Messages},
		"users": {got.Users, users}, "tokens": {got.Tokens, clients(before)}, "logins": {got.Logins, logins}, "files": {got.Files, files},
		"alerts":   {got.Alerts, []string{"User reported phishing", "Suspicious login", "User reported phishing"}},
		"policies": {got.Policies, len(b.org.policies)}, "devices": {got.Devices, len(b.org.mobiles)},
		"raw": {raw, b.Raw(Victim, before.Messages[len(before.Messages)-1])},
		"refusals": {got.Refusals, map[string][]any{"gone": {404.0, "notFound"}, "nobody": {404.0, "notFound"}, "gmail window": {400.0, "invalid"},
			"suspended": {400.0, "failedPrecondition"}, "signOut": {400.0, "invalid"}}},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s are\n%v\nnot\n%v", name, pair[0], pair[1])
		}
	}
	after := b.state(Victim)
	if len(after.Filters) != len(before.Filters)-1 || !truth(after.User, "suspended") {
		t.Errorf("the changes did not arrive: %d filters, suspended %t", len(after.Filters), truth(after.User, "suspended"))
	}
	packed := 0
	for _, r := range b.Requests() {
		if r.Gzip {
			packed++
		}
	}
	if packed == 0 {
		t.Error("nothing was sent compressed, although this client asks for it")
	}
}
