package fakegoogle

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
)

// documented is everything that Google's documents say of one method.
type documented struct {
	doc    document
	method documentMethod
}

// served returns the served methods with their documents, read from the module cache and not from discovery.json.
func served(t *testing.T) map[string]documented {
	t.Helper()
	dir, _ := module(t)
	all := map[string]documented{}
	ours := handlers()
	for _, name := range documentNames() {
		d := readDocument(t, dir, name)
		for _, m := range d.methods() {
			if ours[m.ID] != nil {
				all[m.ID] = documented{d, m}
			}
		}
	}
	return all
}

// A wire makes raw requests with access tokens of chosen scopes.
type wire struct {
	*bench
	tokens map[string]string
	client *http.Client
}

func newWire(t *testing.T, config Config) *wire {
	b := newBench(t, config)
	return &wire{b, map[string]string{}, b.server.Client()}
}

func (w *wire) token(subject string, scopes ...string) string {
	w.t.Helper()
	name := subject + " " + strings.Join(scopes, " ")
	if w.tokens[name] == "" {
		key := must[[]byte](w.t)(w.server.KeyFile(w.server.PlainURL))
		config, err := google.JWTConfigFromJSON(key, scopes...)
		if err != nil {
			w.t.Fatal(err)
		}
		config.Subject = subject
		token, err := config.TokenSource(context.WithValue(w.t.Context(), oauth2.HTTPClient, w.client)).Token()
		if err != nil {
			w.t.Fatal(err)
		}
		w.tokens[name] = token.AccessToken
	}
	return w.tokens[name]
}

// do makes a request and returns the status and the body.
func (w *wire) do(token, verb, host, path string, query url.Values, body any) (int, []byte) {
	w.t.Helper()
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			w.t.Fatal(err)
		}
		reader = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(w.t.Context(), verb, "https://"+host+"/"+path+"?"+query.Encode(), reader)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := w.client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return response.StatusCode, raw
}

func (d documented) host() string {
	return strings.Trim(strings.TrimPrefix(d.doc.RootURL, "https://"), "/")
}

// asker is a user whom a method answers.
func (d documented) asker() string {
	switch d.doc.Name {
	case "gmail", "drive", "driveactivity", "calendar", "script":
		return Victim
	}
	return Admin
}

// filled puts values into a method's path that something is found under.
func filled(path string, values map[string]string) string {
	for name, value := range values {
		path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(value))
	}
	return path
}

// values are what paths name in the seeded tenant.
func (b *bench) values() map[string]string {
	victim, err := b.State(Victim)
	if err != nil {
		b.t.Fatal(err)
	}
	return map[string]string{
		"userId": "me", "userKey": Victim, "customer": "my_customer", "customerId": CustomerID, "customerKey": "my_customer", "groupKey": "factures@example.test",
		"orgunitsId": "Direction", "groupUniqueId": "factures@example.test", "memberKey": Victim, "roleId": roleHelpdesk, "roleAssignmentId": "3894208461012994", "alias": "compta@example.test",
		"clientId": intruderClient, "codeId": "1", "resourceId": "AFiQxQ9999999", "deviceId": "c0ffee00-0000-4000-8000-000000000000",
		"applicationName": "login", "date": "2026-10-10", "forwardingEmail": IntruderForward, "delegateEmail": "stage@example.test",
		"sendAsEmail": "compta@menuiserie-du1ac.example", "messageId": victim.Messages[2], "alertId": "a0000000-0000-4000-8000-000000000002",
		"devicesId": "3d0a999999", "deviceUsersId": "u-3d0a999999", "policiesId": "akajj264apk5psphei", "inboundSamlSsoProfilesId": "01ssop0",
		"inboundSsoAssignmentsId": "01asg0", "fileId": sharedFile, "permissionId": "anyoneWithLink", "calendarId": "primary", "ruleId": "domain:" + Domain,
		"clientStatesId": "c1", "keyPairId": "ANe1BmjKeyPair1", "cseEmailAddress": "carol@example.test",
	}
}

// TestScopes asks every method with each of its scopes alone, and with one of the API's others.
func TestScopes(t *testing.T) {
	w := newWire(t, Config{Quotas: Quotas{GmailUnits: -1, Directory: -1, Others: -1}})
	for id, d := range served(t) {
		path := filled(d.doc.path(d.method), w.values())
		for scope := range d.doc.Auth.OAuth2.Scopes {
			status, body := w.do(w.token(d.asker(), scope), d.method.HTTPMethod, d.host(), strings.ReplaceAll(path, "{id}", "none"),
				url.Values{"nosuchparameter": {"1"}}, nil)
			refused := status == http.StatusForbidden && bytes.Contains(body, []byte("insufficient authentication scopes"))
			if wanted := slices.Contains(d.method.Scopes, scope); wanted == refused || wanted && status != http.StatusBadRequest {
				t.Errorf("%s with %s was answered %d: %s", id, scope, status, body)
			}
		}
	}
}

// TestParameters sends every parameter of every method with values that Google's documents forbid, and one that they do
// not know.
func TestParameters(t *testing.T) {
	w := newWire(t, Config{Quotas: Quotas{GmailUnits: -1, Directory: -1, Others: -1}})
	refused := 0
	for id, d := range served(t) {
		path := strings.ReplaceAll(filled(d.doc.path(d.method), w.values()), "{id}", "none")
		token := w.token(d.asker(), d.method.Scopes...)
		ask := func(query url.Values) {
			t.Helper()
			if status, body := w.do(token, d.method.HTTPMethod, d.host(), path, query, nil); status != http.StatusBadRequest {
				t.Errorf("%s with %s was answered %d: %s", id, query.Encode(), status, body)
			}
			refused++
		}
		ask(url.Values{"nosuchparameter": {"1"}})
		if request := d.method.Request.Ref; request != "" {
			for _, bad := range []any{object{"noSuchField": 1}, []any{1}, object{firstField(d.doc.Schemas[request]): object{"x": []any{}}}} {
				if status, body := w.do(token, d.method.HTTPMethod, d.host(), path, nil, bad); status != http.StatusBadRequest {
					t.Errorf("%s with the body %v was answered %d: %s", id, bad, status, body)
				}
				refused++
			}
		}
		for name, p := range d.method.Parameters {
			if p.Location != "query" {
				continue
			}
			switch {
			case len(p.Enum) > 0:
				ask(url.Values{name: {"noneOfThem"}})
			case p.Type == "boolean" || p.Type == "integer":
				ask(url.Values{name: {"perhaps"}})
			case p.Pattern != "":
				ask(url.Values{name: {"\x01"}})
			}
			if p.Maximum != "" {
				ask(url.Values{name: {p.Maximum + "0"}})
			}
		}
	}
	if refused < 200 {
		t.Errorf("only %d refusals were asked for", refused)
	}
}

// firstField is a field of a schema that has a type, or one that the schema does not have.
func firstField(s schema) string {
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if s.Properties[name].Type != "any" {
			return name
		}
	}
	return "none"
}
