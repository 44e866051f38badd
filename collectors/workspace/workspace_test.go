package workspace_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
	"github.com/mbaudit/mbaudit/internal/secret"
)

// googleTokens is where a real key file sends to; the tenant answers under that name too.
const googleTokens = "https://oauth2.googleapis.com"

// A rig is a tenant and what is needed to collect from it.
type rig struct {
	tenant *fakegoogle.Tenant
	server *fakegoogle.Server
	config workspace.Config

	mu    sync.Mutex
	slept []time.Duration
	hints []string
}

func newRig(t *testing.T, config fakegoogle.Config) *rig {
	t.Helper()
	if config.Quotas.ReportsFiltered == 0 {
		config.Quotas.ReportsFiltered = -1 // Pace does not wait, and an account with its logs is a fifth of it
	}
	if config.Quotas.VaultMatters == 0 {
		config.Quotas.VaultMatters = -1 // twelve lists a minute are not enough for one that is asked again and again
	}
	g := &rig{tenant: fakegoogle.New(config)}
	g.server = g.tenant.Start(t)
	g.enrich(t)
	key, err := g.server.KeyFile(googleTokens)
	if err != nil {
		t.Fatal(err)
	}
	g.config = workspace.Config{Key: secret.New(string(key)), Admin: fakegoogle.Admin, Transport: g.server.Transport(), NoLogs: true,
		Sleep: func(ctx context.Context, d time.Duration) error {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.slept = append(g.slept, d)
			return ctx.Err()
		},
		Pace: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		Hint: func(hint string) {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.hints = append(g.hints, hint)
		},
	}
	return g
}

// collect reads an account into a sink and looks whether only reads arrived.
func (g *rig) collect(t *testing.T, account string, sink *collectortest.Sink) error {
	t.Helper()
	c, err := workspace.New(g.config)
	if err != nil {
		t.Fatal(err)
	}
	err = c.Collect(t.Context(), collectors.Scope{Account: account, Messages: collectors.MessagesNone}, sink)
	if err == nil && !g.config.EmergencyOnly {
		err = c.Tenant().Collect(t.Context(), collectors.Scope{Account: workspace.TenantAccount(account)}, sink)
	}
	for _, r := range g.tenant.Requests() {
		if !r.Reads() || r.Method != "token" && r.Method != "driveactivity.activity.query" && r.Verb != http.MethodGet {
			t.Errorf("%s %s arrived, which is no read", r.Verb, r.Path)
		}
	}
	if problems := sink.Problems(); len(problems) > 0 {
		t.Errorf("the sink has problems: %s", strings.Join(problems, "; "))
	}
	if silent := sink.Silence(); err == nil && len(silent) > 0 {
		t.Errorf("lost without a word: %s", strings.Join(silent, "; "))
	}
	return err
}

// get asks the tenant itself, as Google's own programs would.
func (g *rig) get(t *testing.T, ex evidence.Exhibit) []byte {
	t.Helper()
	verb, address, _ := strings.Cut(ex.Request, " ")
	address, body, _ := strings.Cut(address, " ")
	req, err := http.NewRequestWithContext(t.Context(), verb, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+g.token(t, ex.Attrs["subject"], ex.Attrs["scope"]))
	resp, err := g.server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %v", address, resp.StatusCode, err)
	}
	return answer
}

// A row is one of the coverage ledger.
type row struct {
	name, method string // the discovery id of what is asked for it; "" is derived
	list         string // the row that names what is asked about; "" is none
	user         bool   // asked for the examined user, not for an administrator
}

// table lists the rows of the coverage ledger.
func table() []row {
	const settings, directory, identity = "gmail.users.settings.", "directory.", "cloudidentity."
	return []row{
		{"gmail/filters", settings + "filters.list", "", true}, {"gmail/autoForwarding", settings + "getAutoForwarding", "", true},
		{"gmail/forwardingAddresses", settings + "forwardingAddresses.list", "", true}, {"gmail/delegates", settings + "delegates.list", "", true},
		{"gmail/sendAs", settings + "sendAs.list", "", true}, {"gmail/vacation", settings + "getVacation", "", true}, {"gmail/imap", settings + "getImap", "", true},
		{"gmail/pop", settings + "getPop", "", true}, {"gmail/language", settings + "getLanguage", "", true},
		{"gmail/smimeInfo", settings + "sendAs.smimeInfo.list", "gmail/sendAs", true},
		{"gmail/profile", "gmail.users.getProfile", "", true}, {"gmail/labels", "gmail.users.labels.list", "", true},
		{"gmail/history", "", "gmail/profile", true}, // its failures are in mail_test.go
		{"gmail/labelDetails", "gmail.users.labels.get", "gmail/labels", true}, {"gmail/draftsList", "gmail.users.drafts.list", "", true},
		{"gmail/cseIdentities", settings + "cse.identities.list", "", true}, {"gmail/cseKeyPairs", settings + "cse.keypairs.list", "", true},
		{"directory/tokens", directory + "tokens.list", "", false}, {"directory/asps", directory + "asps.list", "", false},
		{"directory/user", directory + "users.get", "", false}, {"directory/aliases", directory + "users.aliases.list", "", false},
		{"directory/mobiledevices", directory + "mobiledevices.list", "", false}, {"directory/groups", directory + "groups.list", "", false},
		{"directory/groupMembers", directory + "members.list", "directory/groups", false},
		{"directory/groupAliases", directory + "groups.aliases.list", "directory/groups", false},
		{"groupssettings/groups", "groupsSettings.groups.get", "directory/groups", false},
		{"directory/orgunit", directory + "orgunits.get", "directory/user", false},
		{"directory/roleAssignments", directory + "roleAssignments.list", "", false}, {"directory/verificationCodes", directory + "verificationCodes.list", "", false},
		{"directory/chromeosdevice", directory + "chromeosdevices.get", "directory/chromeosdevices", false},
		{"cloudidentity/transitiveGroups", identity + "groups.memberships.searchTransitiveGroups", "", false},
		{"cloudidentity/deviceUsers", identity + "devices.deviceUsers.list", "", false},
		{"cloudidentity/devices", identity + "devices.get", "cloudidentity/deviceUsers", false},
		{"cloudidentity/clientStates", identity + "devices.deviceUsers.clientStates.list", "cloudidentity/deviceUsers", false},
		{"alertcenter/alert", "alertcenter.alerts.get", "alertcenter/alerts", false},
		{"alertcenter/metadata", "alertcenter.alerts.getMetadata", "alertcenter/alerts", false},
		{"alertcenter/feedback", "alertcenter.alerts.feedback.list", "alertcenter/alerts", false},
		{"drive/files", "drive.files.list", "", true}, {"drive/permissions", "drive.permissions.list", "drive/files", true},
		{"driveactivity/activity", "driveactivity.activity.query", "", true},
		{"calendar/calendarList", "calendar.calendarList.list", "", true}, {"calendar/acl", "calendar.acl.list", "calendar/calendarList", true},
		{"script/processes", "script.processes.list", "", true},
		{"vault/underHold", "", "vault/holds", false},

		{"directory/roles", directory + "roles.list", "", false}, {"directory/privileges", directory + "privileges.list", "", false},
		{"directory/allRoleAssignments", directory + "roleAssignments.list", "", false},
		{"directory/superAdmins", directory + "users.list", "", false}, {"directory/delegatedAdmins", directory + "users.list", "", false},
		{"directory/deletedUsers", directory + "users.list", "", false}, {"directory/users", directory + "users.list", "", false},
		{"directory/usersCreated", "", "directory/users", false},
		{"directory/domains", directory + "domains.list", "", false}, {"directory/domainAliases", directory + "domainAliases.list", "", false},
		{"directory/orgunits", directory + "orgunits.list", "", false}, {"directory/customer", directory + "customers.get", "", false},
		{"directory/chromeosdevices", directory + "chromeosdevices.list", "", false},
		{"alertcenter/alerts", "alertcenter.alerts.list", "", false}, {"alertcenter/settings", "alertcenter.getSettings", "", false},
		{"cloudidentity/policies", identity + "policies.list", "", false},
		{"cloudidentity/inboundSamlSsoProfiles", identity + "inboundSamlSsoProfiles.list", "", false},
		{"cloudidentity/idpCredentials", identity + "inboundSamlSsoProfiles.idpCredentials.list", "cloudidentity/inboundSamlSsoProfiles", false},
		{"cloudidentity/inboundOidcSsoProfiles", identity + "inboundOidcSsoProfiles.list", "", false},
		{"cloudidentity/inboundSsoAssignments", identity + "inboundSsoAssignments.list", "", false},
		{"cloudidentity/allowlistedDomains", identity + "allowlistedDomains.list", "", false},
		{"vault/matters", "vault.matters.list", "", false}, {"vault/holds", "vault.matters.holds.list", "vault/matters", false},
		{"vault/exports", "vault.matters.exports.list", "vault/matters", false},
		{"workspace/manual-checklist", "", "", true},
	}
}

// allRows are the names of the rows.
func allRows() []string {
	var names []string
	for _, r := range table() {
		names = append(names, r.name)
	}
	return names
}

// ofUser are the names of the rows that are asked for the user.
func ofUser(name string) bool {
	return slices.ContainsFunc(table(), func(r row) bool { return r.name == name && r.user })
}

// listOf is the row that names what a row asks about, or "".
func listOf(name string) string {
	all := table()
	return all[slices.IndexFunc(all, func(r row) bool { return r.name == name })].list
}

// dependsOn says whether a row goes by what one of some rows lists.
func dependsOn(name string, rows []string) bool {
	list := listOf(name)
	return list != "" && (slices.Contains(rows, list) || dependsOn(list, rows))
}

// enrich puts into the tenant what each row needs to have something: a hold, a file on a shared drive.
func (g *rig) enrich(t *testing.T) {
	t.Helper()
	err := g.tenant.Seed(fakegoogle.Seed{Account: fakegoogle.Victim,
		Files: []map[string]any{{"kind": "drive#file", "id": "1shared", "name": "Plan", "driveId": "0AFakEUk9PVA", "mimeType": "application/pdf",
			"permissions": []any{map[string]any{"kind": "drive#permission", "id": "1", "type": "anyone", "role": "reader"}}}},
		Holds: []map[string]any{{"holdId": "h1", "name": "Garde", "corpus": "MAIL", "accounts": []any{map[string]any{"email": fakegoogle.Victim}}}}})
	if err != nil {
		t.Fatal(err)
	}
}

// TestEverySource compares each exhibit with what the tenant serves.
func TestEverySource(t *testing.T) {
	g := newRig(t, fakegoogle.Config{})
	g.config.Now = func() time.Time { return fakegoogle.Start().Add(time.Hour) }
	sink := &collectortest.Sink{}
	if err := g.collect(t, fakegoogle.Victim, sink); err != nil {
		t.Fatal(err)
	}
	if gaps := sink.Gaps(); len(gaps) > 0 {
		t.Errorf("gaps: %+v", gaps)
	}
	for _, row := range allRows() {
		if len(sink.Resource(row)) == 0 {
			t.Errorf("%s has no exhibit", row)
		}
	}
	for _, k := range sink.Kept() {
		if !slices.Contains(allRows(), k.Resource) {
			t.Errorf("%s is an unknown row", k.Resource)
		}
		if k.Attrs["derived"] != "" {
			continue
		}
		if want := g.get(t, k.Exhibit); string(k.Body) != string(want) {
			t.Errorf("%s: the bytes are not those that the tenant serves", k.Name)
		}
		if k.Attrs["status"] != "200" || k.Attrs["date"] == "" || k.Attrs["requested"] == "" || k.Attrs["page"] != "1" {
			t.Errorf("%s: attributes are %v", k.Name, k.Attrs)
		}
	}
	first := len(sink.Kept())
	if err := g.collect(t, fakegoogle.Victim, sink); err != nil || len(sink.Kept()) != first {
		t.Errorf("collecting again put %d more exhibits: %v", len(sink.Kept())-first, err)
	}
}

// TestCodesAreNotKept wants the number of the backup codes and none of them.
func TestCodesAreNotKept(t *testing.T) {
	g := newRig(t, fakegoogle.Config{})
	state, err := g.tenant.State(fakegoogle.Victim)
	if err != nil {
		t.Fatal(err)
	}
	sink := &collectortest.Sink{}
	if err := g.collect(t, fakegoogle.Victim, sink); err != nil {
		t.Fatal(err)
	}
	kept := sink.Resource("directory/verificationCodes")
	var doc struct {
		Count        int
		Salt, SHA256 string
	}
	if len(kept) != 1 || json.Unmarshal(kept[0].Body, &doc) != nil || doc.Count != len(state.BackupCodes) || len(doc.SHA256) != 64 || len(doc.Salt) != 32 {
		t.Fatalf("%d codes, kept is %+v", len(state.BackupCodes), kept)
	}
	for _, code := range state.BackupCodes {
		for _, k := range sink.Kept() {
			if strings.Contains(string(k.Body), code["verificationCode"].(string)) {
				t.Errorf("a backup code is in %s", k.Name)
			}
		}
	}
}

// TestNoTokenIsKept looks for access tokens and the key in all that the sink was given.
func TestNoTokenIsKept(t *testing.T) {
	g := newRig(t, fakegoogle.Config{})
	g.tenant.Fail(fakegoogle.Fault{Method: "directory.asps.list", Times: -1, Status: 401})
	sink := &collectortest.Sink{}
	if err := g.collect(t, fakegoogle.Victim, sink); err != nil {
		t.Fatal(err)
	}
	all, err := json.Marshal([]any{sink.Kept(), sink.Gaps(), g.hints})
	if err != nil {
		t.Fatal(err)
	}
	for _, forbidden := range []string{"ya29.", "PRIVATE KEY", "assertion"} {
		if strings.Contains(string(all), forbidden) {
			t.Errorf("%q is in what was kept", forbidden)
		}
	}
	if gaps := sink.Gaps(); len(gaps) != 1 || gaps[0].Resource != "directory/asps" || gaps[0].Class != evidence.GapRefused || !strings.Contains(gaps[0].Reason, "401") {
		t.Errorf("gaps: %+v", gaps)
	}
}

// TestEmergencyOnly reads a dozen and no more.
func TestEmergencyOnly(t *testing.T) {
	g := newRig(t, fakegoogle.Config{})
	g.config.EmergencyOnly = true
	sink := &collectortest.Sink{}
	if err := g.collect(t, fakegoogle.Victim, sink); err != nil {
		t.Fatal(err)
	}
	if n := len(sink.Kept()); n != 12 {
		t.Errorf("%d exhibits, want the dozen", n)
	}
	if _, announced := sink.Expected("directory/groups"); announced {
		t.Error("groups are announced and not read")
	}
}

// TestAccountMustBeAnAddress sends nothing for names that are none.
func TestAccountMustBeAnAddress(t *testing.T) {
	g := newRig(t, fakegoogle.Config{})
	for _, account := range []string{"..", "alice", "@", ""} {
		if err := g.collect(t, account, &collectortest.Sink{}); !errors.Is(err, workspace.ErrAccount) {
			t.Errorf("%q: %v", account, err)
		}
	}
	if n := len(g.tenant.Requests()); n > 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// token asks the tenant for an access token by another way than the collector's.
func (g *rig) token(t *testing.T, subject, scope string) string {
	t.Helper()
	key, err := g.server.KeyFile(googleTokens)
	if err != nil {
		t.Fatal(err)
	}
	config, err := google.JWTConfigFromJSON(key, scope)
	if err != nil {
		t.Fatal(err)
	}
	config.Subject = subject
	token, err := config.TokenSource(context.WithValue(t.Context(), oauth2.HTTPClient, g.server.Client())).Token()
	if err != nil {
		t.Fatal(err)
	}
	return token.AccessToken
}
