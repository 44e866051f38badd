package fakegoogle

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

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
		key := must[[]byte](w.t)(w.server.KeyFile(true))
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
	case "gmail", "drive", "driveactivity", "calendar":
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
		"groupUniqueId": "factures@example.test", "memberKey": Victim, "roleId": roleHelpdesk, "roleAssignmentId": "3894208461012994", "alias": "compta@example.test",
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
			status, body := w.do(w.token(d.asker(), scope), d.method.HTTPMethod, d.host(), strings.ReplaceAll(path, "{id}", "none"), url.Values{"nosuchparameter": {"1"}}, nil)
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

// bodies are the requests of methods that need one, and queries what listings need.
func requestBodies() map[string]any {
	return map[string]any{
		"gmail.users.settings.filters.create":             object{"criteria": object{"from": "x@example.test"}, "action": object{"addLabelIds": []string{"TRASH"}}},
		"gmail.users.settings.forwardingAddresses.create": object{"forwardingEmail": "new@webfree.example"},
		"gmail.users.settings.delegates.create":           object{"delegateEmail": "bob@example.test"},
		"gmail.users.settings.sendAs.create":              object{"sendAsEmail": "second@example.test", "displayName": "A"},
		"gmail.users.settings.sendAs.update":              object{"displayName": "B"},
		"gmail.users.settings.sendAs.patch":               object{"displayName": "C"},
		"gmail.users.settings.sendAs.smimeInfo.insert":    object{"pkcs12": "AAAA"},
		"gmail.users.settings.updateAutoForwarding":       object{"enabled": false},
		"gmail.users.settings.updateImap":                 object{"enabled": false},
		"gmail.users.settings.updatePop":                  object{"accessWindow": "disabled"},
		"gmail.users.settings.updateVacation":             object{"enableAutoReply": false},
		"gmail.users.settings.updateLanguage":             object{"displayLanguage": "en"},
		"gmail.users.labels.create":                       object{"name": "Preuves"},
		"gmail.users.labels.patch":                        object{"labelListVisibility": "labelShow"},
		"gmail.users.messages.modify":                     object{"addLabelIds": []string{"STARRED"}},
		"directory.users.update":                          object{"recoveryEmail": ""},
		"directory.users.patch":                           object{"recoveryPhone": ""},
		"directory.users.makeAdmin":                       object{"status": false},
		"directory.users.undelete":                        object{"orgUnitPath": "/"},
		"directory.users.aliases.insert":                  object{"alias": "third@example.test"},
		"directory.members.insert":                        object{"email": "carol@example.test", "role": "MEMBER"},
		"directory.roleAssignments.insert":                object{"roleId": roleHelpdesk, "assignedTo": "carol@example.test", "scopeType": "CUSTOMER"},
		"directory.mobiledevices.action":                  object{"action": "admin_account_wipe"},
		"admin.customer.devices.chromeos.issueCommand":    object{"commandType": "WIPE_USERS"},
		"driveactivity.activity.query":                    object{"pageSize": 10},
		"drive.permissions.update":                        object{"role": "reader"},
		"vault.matters.create":                            object{"name": "Dossier 1"},
		"vault.matters.holds.create":                      object{"name": "Garde", "corpus": "MAIL", "accounts": []any{object{"email": Victim}}},
	}
}

// TestAnswers makes every method answer with success, and holds every answer to the response schema of the documents:
// no field that the schema does not have, and every value of its type.
func TestAnswers(t *testing.T) {
	ids := served(t)
	names := []string{}
	for id := range ids {
		names = append(names, id)
	}
	slices.Sort(names)
	for _, id := range names {
		t.Run(id, func(t *testing.T) {
			d := ids[id]
			w := newWire(t, Config{Users: 40})
			status, body := w.succeed(d)
			if d.method.Response.Ref == "" {
				if status != http.StatusNoContent || len(body) > 0 {
					t.Fatalf("the answer is %d %s, and should be 204 and empty", status, body)
				}
				return
			}
			if status != http.StatusOK {
				t.Fatalf("the answer is %d %s", status, body)
			}
			var answer map[string]any
			if err := json.Unmarshal(body, &answer); err != nil {
				t.Fatal(err)
			}
			if problems := d.doc.conforms(d.method.Response, answer, d.method.Response.Ref); len(problems) > 0 {
				t.Errorf("%s\n%s", strings.Join(problems, "\n"), body)
			}
			if empty := nothingIn(answer, strings.HasSuffix(id, ".list")); empty != slices.Contains(emptyAnswers(), id) {
				t.Errorf("the answer tells nothing: %t, and that is expected: %t\n%s", empty, !empty, body)
			}
		})
	}
}

// emptyAnswers are the methods that have nothing to tell in the seeded tenant.
func emptyAnswers() []string {
	return []string{"alertcenter.alerts.delete", "alertcenter.alerts.feedback.list", "alertcenter.getSettings", "cloudidentity.allowlistedDomains.list",
		"cloudidentity.devices.deviceUsers.clientStates.list", "cloudidentity.inboundOidcSsoProfiles.list", "vault.matters.holds.delete"}
}

// nothingIn says that an answer has nothing that could be wrong: a listing without a list, another without a field.
func nothingIn(answer map[string]any, listing bool) bool {
	for _, value := range answer {
		if items, isList := value.([]any); isList && len(items) > 0 || !isList && !listing {
			return false
		}
	}
	return true
}

// TestConformanceCanFail shows the checker answers that do not conform.
func TestConformanceCanFail(t *testing.T) {
	d := served(t)["gmail.users.messages.get"].doc
	for name, bad := range map[string]object{
		"a field that no schema has":   {"id": "1", "colour": "red"},
		"one deeper":                   {"payload": object{"headers": []any{object{"nom": "From"}}}},
		"a number for a string":        {"id": 1.0},
		"a string for a number":        {"sizeEstimate": "12"},
		"a broken number":              {"sizeEstimate": 1.5},
		"words for a 64-bit integer":   {"historyId": "many"},
		"a minus for an unsigned one":  {"historyId": "-1"},
		"base64 of the other alphabet": {"raw": "+/+/"},
		"an object for a list":         {"labelIds": object{}},
		"a list for an object":         {"payload": []any{}},
		"a list of the wrong things":   {"labelIds": []any{true}},
	} {
		if problems := d.conforms(schema{Ref: "Message"}, map[string]any(bad), "Message"); len(problems) != 1 {
			t.Errorf("%s: the problems are %q", name, problems)
		}
	}
	filter := object{"criteria": object{"sizeComparison": "huge"}}
	if problems := d.conforms(schema{Ref: "Filter"}, map[string]any(filter), "Filter"); len(problems) != 1 {
		t.Errorf("a value outside its enumeration: the problems are %q", problems)
	}
}

// succeed prepares what a method needs and calls it.
func (w *wire) succeed(d documented) (int, []byte) {
	w.t.Helper()
	id, asker, values := d.method.ID, d.asker(), w.values()
	w.prepare(id, values)
	if strings.Contains(id, ".cse.") || strings.Contains(id, "smimeInfo") {
		asker, values["sendAsEmail"] = "carol@example.test", "carol@example.test"
	}
	if strings.Contains(id, "sendAs.verify") {
		w.must(w.Seed(Seed{Account: asker, SendAs: []map[string]any{{"sendAsEmail": "later@webfree.example", "verificationStatus": "pending"}}}))
		values["sendAsEmail"] = "later@webfree.example"
	}
	if d.doc.Name == "admin" && strings.Contains(id, "twoStep") {
		values["userKey"] = "bob@example.test"
	}
	query := url.Values{"alt": {"json"}}
	switch id {
	case "directory.users.list", "directory.groups.list":
		query.Set("customer", "my_customer")
	case "drive.about.get":
		query.Set("fields", "*")
	case "drive.files.list", "drive.files.get", "drive.permissions.list", "drive.permissions.get":
		query.Set("fields", "*")
	case "gmail.users.history.list":
		state, err := w.State(Victim)
		w.must(err)
		query.Set("startHistoryId", strconv.FormatUint(state.HistoryID-100, 10))
	case "gmail.users.messages.batchModify":
		state, err := w.State(Victim)
		w.must(err)
		return w.do(w.token(asker, d.method.Scopes...), "POST", d.host(), filled(d.doc.path(d.method), values), query,
			object{"ids": state.Messages[:2], "addLabelIds": []string{"STARRED"}})
	}
	return w.do(w.token(asker, d.method.Scopes...), d.method.HTTPMethod, d.host(), filled(d.doc.path(d.method), values), query, requestBodies()[id])
}

// prepare finds or makes what the path names.
func (w *wire) prepare(id string, values map[string]string) {
	w.t.Helper()
	state, err := w.State(Victim)
	w.must(err)
	values["id"] = state.Messages[len(state.Messages)-1]
	switch {
	case strings.Contains(id, "settings.filters"):
		values["id"] = state.Filters[0]["id"].(string)
	case strings.Contains(id, "users.labels"):
		values["id"] = "Label_1"
	case strings.Contains(id, "smimeInfo"):
		values["id"] = "1"
	case strings.Contains(id, "users.threads"):
		values["id"] = state.Messages[0]
	case strings.Contains(id, "drafts.get"):
		w.must(w.Seed(Seed{Account: Victim, Messages: draft()}))
		state, err = w.State(Victim)
		w.must(err)
		values["id"] = "r" + state.Messages[len(state.Messages)-1]
	case strings.Contains(id, "drafts.list"):
		w.must(w.Seed(Seed{Account: Victim, Messages: draft()}))
	case strings.Contains(id, "attachments"):
		values["messageId"], values["id"] = w.attachment(state)
	case strings.Contains(id, "users.undelete"):
		deleted, err := w.State("judy@example.test")
		w.must(err)
		values["userKey"] = deleted.User["id"].(string)
	case strings.Contains(id, "vault"):
		_, body := w.do(w.token(Admin, "https://www.googleapis.com/auth/ediscovery"), "POST", "vault.googleapis.com", "v1/matters", nil, object{"name": "Dossier"})
		values["matterId"] = field(w.t, body, "matterId")
		_, body = w.do(w.token(Admin, "https://www.googleapis.com/auth/ediscovery"), "POST", "vault.googleapis.com", "v1/matters/"+values["matterId"]+"/holds", nil,
			requestBodies()["vault.matters.holds.create"])
		values["holdId"] = field(w.t, body, "holdId")
	}
}

func field(t *testing.T, body []byte, name string) string {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal(body, &o); err != nil || text(o, name) == "" {
		t.Fatalf("no %s in %s", name, body)
	}
	return text(o, name)
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// attachment finds a message of the victim with an attachment.
func (w *wire) attachment(state State) (message, id string) {
	w.t.Helper()
	for _, m := range state.Messages {
		if id := attachmentID(payload(w.Raw(Victim, m))); id != "" {
			return m, id
		}
	}
	w.t.Fatal("no message has an attachment")
	return "", ""
}

func attachmentID(part object) string {
	body, _ := part["body"].(object)
	if id := text(body, "attachmentId"); id != "" {
		return id
	}
	inner, _ := part["parts"].([]any)
	for _, p := range inner {
		if id := attachmentID(p.(object)); id != "" {
			return id
		}
	}
	return ""
}

// conforms says what of a value is not as the document's schema has it.
func (d document) conforms(s schema, value any, where string) []string {
	if s.Ref != "" {
		named, ok := d.Schemas[s.Ref]
		if !ok {
			return []string{where + ": no schema " + s.Ref}
		}
		s = named
	}
	var problems []string
	switch v := value.(type) {
	case map[string]any:
		if s.Type != "object" && s.Type != "any" {
			return []string{fmt.Sprintf("%s is an object, not %s", where, s.Type)}
		}
		for name, inner := range v {
			sub, known := s.Properties[name]
			if !known && s.Additional != nil {
				sub, known = *s.Additional, true
			}
			if !known && s.Type == "object" {
				problems = append(problems, where+"."+name+" is not in the schema")
				continue
			}
			if s.Type == "object" {
				problems = append(problems, d.conforms(sub, inner, where+"."+name)...)
			}
		}
	case []any:
		if s.Type == "any" {
			return nil
		}
		if s.Type != "array" {
			return []string{fmt.Sprintf("%s is a list, not %s", where, s.Type)}
		}
		for i, inner := range v {
			problems = append(problems, d.conforms(*s.Items, inner, fmt.Sprintf("%s[%d]", where, i))...)
		}
	default:
		if problem := s.scalar(value); problem != "" {
			problems = append(problems, where+" "+problem)
		}
	}
	return problems
}

// scalar says what is wrong with a string, a number or a boolean.
func (s schema) scalar(value any) string {
	switch v := value.(type) {
	case bool:
		if s.Type == "boolean" || s.Type == "any" {
			return ""
		}
	case float64:
		if s.Type == "number" || s.Type == "any" || s.Type == "integer" && v == float64(int64(v)) {
			return ""
		}
	case string:
		if s.Type == "any" {
			return ""
		}
		if s.Type == "string" {
			return s.format(v)
		}
	}
	return fmt.Sprintf("is %v (%T), not %s", value, value, s.Type)
}

// format says what is wrong with a string of a format.
func (s schema) format(v string) string {
	var err error
	switch s.Format {
	case "int64":
		_, err = strconv.ParseInt(v, 10, 64)
	case "uint64":
		_, err = strconv.ParseUint(v, 10, 64)
	case "date-time", "google-datetime":
		_, err = time.Parse(time.RFC3339, v)
	case "byte":
		_, err = base64.URLEncoding.DecodeString(v)
	}
	if err != nil {
		return fmt.Sprintf("is %q, which is not a %s", v, s.Format)
	}
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, v) {
		return fmt.Sprintf("is %q, none of %v", v, s.Enum)
	}
	return ""
}

// TestApplications holds the list of applications to the document's.
func TestApplications(t *testing.T) {
	want := served(t)["reports.activities.list"].method.Parameters["applicationName"].Enum
	if got := applications(); !slices.Equal(got, want) {
		t.Errorf("the applications are %v\nand should be %v", got, want)
	}
}
