package workspace

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

// A counter counts what gets through to it.
type counter struct{ requests int }

func (c *counter) RoundTrip(*http.Request) (*http.Response, error) {
	c.requests++
	return nil, errors.New("sent")
}

// TestReadOnlyTransport tries what must never leave this machine.
func TestReadOnlyTransport(t *testing.T) {
	const token = "https://oauth2.googleapis.com/token"
	gmailRoot, directoryRoot := gmail.facts().root, directory.facts().root
	const sign, link = iamAccounts + "a@b.iam.gserviceaccount.com:signJwt", "http://169.254.169.254/latest/"
	query := driveActivity.facts().root + driveActivityQuery
	for _, c := range []struct {
		method, address, body, authorization string
		sent                                 bool
	}{
		{"GET", gmailRoot + "gmail/v1/users/me/profile", "", "Bearer x", true},
		{"GET", directoryRoot + "admin/directory/v1/users/a", "", "Bearer x", true},
		{"POST", token, "assertion=x", "", true},
		{"POST", token, "assertion=x", "Bearer x", false},
		{"GET", token, "", "", false},
		{"POST", sign, "{}", "Bearer x", true},
		{"GET", sign, "", "Bearer x", false},
		{"POST", iamAccounts + "a@b.iam.gserviceaccount.com:generateAccessToken", "{}", "Bearer x", false},
		{"POST", iamAccounts + "c@b.iam.gserviceaccount.com:signJwt", "{}", "Bearer x", false},
		{"GET", link + "role/x", "", "", true},
		{"GET", link + "role/x", "", "Bearer x", false},
		{"GET", link + "role/../x", "", "", false},
		{"PUT", link + "role/x", "", "", false},
		{"PUT", "", "", "", false},
		{"POST", token + "?x=y", "assertion=x", "", false},
		{"POST", gmailRoot + "gmail/v1/users/me/settings/filters", "{}", "Bearer x", false},
		{"PUT", gmailRoot + "gmail/v1/users/me/settings/vacation", "{}", "Bearer x", false},
		{"PATCH", gmailRoot + "gmail/v1/users/me/settings/sendAs/a", "{}", "Bearer x", false},
		{"DELETE", directoryRoot + "admin/directory/v1/users/a/tokens/b", "", "Bearer x", false},
		{"HEAD", gmailRoot, "", "Bearer x", false},
		{"GET", gmailRoot + "gmail/v1/users/me/profile", "{}", "Bearer x", false},
		{"POST", query, "{}", "Bearer x", true},
		{"PUT", query, "{}", "Bearer x", false},
		{"POST", query + "/x", "{}", "Bearer x", false},
		{"GET", "http://gmail.googleapis.com/", "", "Bearer x", false},
		{"GET", "https://gmail.googleapis.com.example/", "", "Bearer x", false},
		{"GET", "https://storage.googleapis.com/", "", "Bearer x", false},
	} {
		next := &counter{}
		transport := &readOnly{next: next, roots: []string{gmailRoot, directoryRoot}, queries: []string{query}, doors: []door{{method: "POST", address: token}, {method: "POST", address: sign, bearer: true},
			{method: "GET", address: link + "role/", below: true}, {method: "PUT", address: ""}}}
		var req *http.Request
		var err error
		if c.body == "" {
			req, err = http.NewRequest(c.method, c.address, nil)
		} else {
			req, err = http.NewRequest(c.method, c.address, strings.NewReader(c.body))
		}
		if err != nil {
			t.Fatal(err)
		}
		if c.authorization != "" {
			req.Header.Set("Authorization", c.authorization)
		}
		_, err = transport.RoundTrip(req)
		if sent := next.requests == 1; sent != c.sent || !sent && !errors.Is(err, ErrNotRead) {
			t.Errorf("%s %s: sent is %t, error %v", c.method, c.address, sent, err)
		}
	}
}
