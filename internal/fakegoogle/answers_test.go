package fakegoogle

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

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
		"directory.users.insert":                          object{"primaryEmail": "neu@example.test", "name": object{"givenName": "Noé", "familyName": "Neuf"}, "password": "long enough"},
		"directory.users.makeAdmin":                       object{"status": false},
		"directory.users.undelete":                        object{"orgUnitPath": "/"},
		"directory.users.aliases.insert":                  object{"alias": "third@example.test"},
		"directory.members.insert":                        object{"email": "carol@example.test", "role": "MEMBER"},
		"directory.roleAssignments.insert":                object{"roleId": roleHelpdesk, "assignedTo": "carol@example.test", "scopeType": "CUSTOMER"},
		"directory.mobiledevices.action":                  object{"action": "admin_account_wipe"},
		"admin.customer.devices.chromeos.issueCommand":    object{"commandType": "WIPE_USERS"},
		"admin.customer.devices.chromeos.batchChangeStatus": object{"deviceIds": []string{"c0ffee00-0000-4000-8000-000000000000"},
			"changeChromeOsDeviceStatusAction": "CHANGE_CHROME_OS_DEVICE_STATUS_ACTION_DISABLE"},
		"cloudidentity.inboundSsoAssignments.create": object{"targetOrgUnit": "orgUnits/03ph8a2z3", "ssoMode": "SAML_SSO",
			"samlSsoInfo": object{"inboundSamlSsoProfile": "inboundSamlSsoProfiles/01ssop0"}},
		"drive.permissions.create":     object{"type": "user", "role": "reader", "emailAddress": "x@webfree.example"},
		"calendar.acl.insert":          object{"role": "reader", "scope": object{"type": "user", "value": "x@webfree.example"}},
		"driveactivity.activity.query": object{"pageSize": 10},
		"drive.permissions.update":     object{"role": "reader"},
		"vault.matters.create":         object{"name": "Dossier 1"},
		"vault.matters.holds.create":   object{"name": "Garde", "corpus": "MAIL", "accounts": []any{object{"email": Victim}}},
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
		"cloudidentity.devices.deviceUsers.clientStates.list", "cloudidentity.inboundOidcSsoProfiles.list", "vault.matters.exports.list", "vault.matters.holds.delete"}
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
	case "cloudidentity.groups.memberships.searchTransitiveGroups":
		query.Set("query", "member_key_id == '"+Victim+"' && 'cloudidentity.googleapis.com/groups.discussion_forum' in labels")
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
