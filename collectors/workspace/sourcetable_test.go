package workspace_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
)

// A knownSource is something that Google is known to tell of an account, and where it is in a bundle.
type knownSource struct {
	chapter string // settings, mail, directory, logs, alerts, identity, others, console
	name    string // as Google's pages call it
	row     string // of the ledger; "" is not read
	tenant  bool   // the row is the tenant's
	method  string // the discovery id of what is asked; "" for what is not asked of Google
	match   string // is in path and query of the requests for the row, where others use the method too; after "!", is not
	why     string // it is not read, or not kept as it came
}

// knownSources are all that there are. One that is read by no row has a reason.
func knownSources() []knownSource {
	const s, d, c = "gmail.users.settings.", "directory.", "cloudidentity."
	all := []knownSource{
		{"settings", "profile", "gmail/profile", false, "gmail.users.getProfile", "", ""},
		{"settings", "filters", "gmail/filters", false, s + "filters.list", "", ""},
		{"settings", "forwarding addresses", "gmail/forwardingAddresses", false, s + "forwardingAddresses.list", "", ""},
		{"settings", "auto-forward", "gmail/autoForwarding", false, s + "getAutoForwarding", "", ""},
		{"settings", "delegates", "gmail/delegates", false, s + "delegates.list", "", ""},
		{"settings", "send-as", "gmail/sendAs", false, s + "sendAs.list", "", ""},
		{"settings", "send-as: smimeInfo", "gmail/smimeInfo", false, s + "sendAs.smimeInfo.list", "", ""},
		{"settings", "IMAP", "gmail/imap", false, s + "getImap", "", ""},
		{"settings", "POP", "gmail/pop", false, s + "getPop", "", ""},
		{"settings", "vacation", "gmail/vacation", false, s + "getVacation", "", ""},
		{"settings", "language", "gmail/language", false, s + "getLanguage", "", ""},
		{"settings", "labels", "gmail/labels", false, "gmail.users.labels.list", "", ""},
		{"settings", "labels.get", "gmail/labelDetails", false, "gmail.users.labels.get", "", ""},
		{"settings", "CSE identities", "gmail/cseIdentities", false, s + "cse.identities.list", "", ""},
		{"settings", "CSE key pairs", "gmail/cseKeyPairs", false, s + "cse.keypairs.list", "", ""},
		{"settings", "drafts.list", "gmail/draftsList", false, "gmail.users.drafts.list", "", ""},
		{"settings", "drafts.get", "gmail/drafts", false, "gmail.users.drafts.get", "", ""},

		{"mail", "messages.list", "gmail/messagesList", false, "gmail.users.messages.list", "maxResults=500", ""},
		{"mail", "messages.get", "gmail/messages", false, "gmail.users.messages.get", "format=raw", ""},
		{"mail", "threads.get", "", false, "", "", "the same messages, several in an answer, which the ledger could not count one by one"},
		{"mail", "attachments.get", "", false, "", "", "they are in the whole message"},
		{"mail", "history.list", "gmail/history", false, "gmail.users.history.list", "maxResults=500", ""},

		{"directory", "user", "directory/user", false, d + "users.get", fakegoogle.Victim, ""},
		{"directory", "users", "directory/users", true, d + "users.list", "fields=", ""},
		{"directory", "users created in the window", "directory/usersCreated", true, "", "", ""},
		{"directory", "users: deleted", "directory/deletedUsers", true, d + "users.list", "showDeleted=true", ""},
		{"directory", "users: super administrators", "directory/superAdmins", true, d + "users.list", "isAdmin%3Dtrue", ""},
		{"directory", "users: delegated administrators", "directory/delegatedAdmins", true, d + "users.list", "isDelegatedAdmin%3Dtrue", ""},
		{"directory", "OAuth grants", "directory/tokens", false, d + "tokens.list", "", ""},
		{"directory", "app passwords", "directory/asps", false, d + "asps.list", "", ""},
		{"directory", "backup codes", "directory/verificationCodes", false, d + "verificationCodes.list", "", "they are passwords: their number and a digest"},
		{"directory", "mobile", "directory/mobiledevices", false, d + "mobiledevices.list", "", ""},
		{"directory", "ChromeOS", "directory/chromeosdevices", true, d + "chromeosdevices.list", "", ""},
		{"directory", "ChromeOS: get", "directory/chromeosdevice", false, d + "chromeosdevices.get", "", ""},
		{"directory", "roles", "directory/roles", true, d + "roles.list", "", ""},
		{"directory", "privileges", "directory/privileges", true, d + "privileges.list", "", ""},
		{"directory", "roleAssignments of the user", "directory/roleAssignments", false, d + "roleAssignments.list", "userKey=", ""},
		{"directory", "roleAssignments", "directory/allRoleAssignments", true, d + "roleAssignments.list", "!userKey=", ""},
		{"directory", "groups", "directory/groups", false, d + "groups.list", "", ""},
		{"directory", "members", "directory/groupMembers", false, d + "members.list", "", ""},
		{"directory", "groups.aliases", "directory/groupAliases", false, d + "groups.aliases.list", "", ""},
		{"directory", "groupsSettings", "groupssettings/groups", false, "groupsSettings.groups.get", "", ""},
		{"directory", "orgunits", "directory/orgunits", true, d + "orgunits.list", "", ""},
		{"directory", "orgunit of the user", "directory/orgunit", false, d + "orgunits.get", "", ""},
		{"directory", "domains", "directory/domains", true, d + "domains.list", "", ""},
		{"directory", "domainAliases", "directory/domainAliases", true, d + "domainAliases.list", "", ""},
		{"directory", "customer", "directory/customer", true, d + "customers.get", "", ""},
		{"directory", "users.aliases", "directory/aliases", false, d + "users.aliases.list", "", ""},
		{"directory", "security keys and passkeys", "manual/security-keys", false, "", "", ""},

		{"logs", "user usage", "reports-usage", false, "reports.userUsageReport.get", "", ""},
		{"logs", "customer usage", "reports-usage", true, "reports.customerUsageReports.get", "", ""},

		{"alerts", "alerts", "alertcenter/alerts", true, "alertcenter.alerts.list", "", ""},
		{"alerts", "alerts.get", "alertcenter/alert", false, "alertcenter.alerts.get", "", ""},
		{"alerts", "getMetadata", "alertcenter/metadata", false, "alertcenter.alerts.getMetadata", "", ""},
		{"alerts", "feedback", "alertcenter/feedback", false, "alertcenter.alerts.feedback.list", "", ""},
		{"alerts", "settings", "alertcenter/settings", true, "alertcenter.getSettings", "", ""},

		{"identity", "devices.list", "", false, "", "", "devices.get of each device that the account is on"},
		{"identity", "devices.get", "cloudidentity/devices", false, c + "devices.get", "", ""},
		{"identity", "deviceUsers", "cloudidentity/deviceUsers", false, c + "devices.deviceUsers.list", "", ""},
		{"identity", "clientStates", "cloudidentity/clientStates", false, c + "devices.deviceUsers.clientStates.list", "", ""},
		{"identity", "policies", "cloudidentity/policies", true, c + "policies.list", "", ""},
		{"identity", "inboundSamlSsoProfiles", "cloudidentity/inboundSamlSsoProfiles", true, c + "inboundSamlSsoProfiles.list", "", ""},
		{"identity", "idpCredentials", "cloudidentity/idpCredentials", true, c + "inboundSamlSsoProfiles.idpCredentials.list", "", ""},
		{"identity", "inboundOidcSsoProfiles", "cloudidentity/inboundOidcSsoProfiles", true, c + "inboundOidcSsoProfiles.list", "", ""},
		{"identity", "inboundSsoAssignments", "cloudidentity/inboundSsoAssignments", true, c + "inboundSsoAssignments.list", "", ""},
		{"identity", "searchTransitiveGroups", "cloudidentity/transitiveGroups", false, c + "groups.memberships.searchTransitiveGroups", "", ""},
		{"identity", "allowlistedDomains", "cloudidentity/allowlistedDomains", true, c + "allowlistedDomains.list", "", ""},

		{"others", "Drive files", "drive/files", false, "drive.files.list", "", ""},
		{"others", "Drive permissions", "drive/permissions", false, "drive.permissions.list", "", ""},
		{"others", "Drive activity", "driveactivity/activity", false, "driveactivity.activity.query", "", ""},
		{"others", "Drive revisions", "", false, "", "", "one request for each file; the activity tells of the same edits"},
		{"others", "Apps Script processes", "script/processes", false, "script.processes.list", "", ""},
		{"others", "calendar list", "calendar/calendarList", false, "calendar.calendarList.list", "", ""},
		{"others", "calendar ACL", "calendar/acl", false, "calendar.acl.list", "", ""},
		{"others", "Vault matters", "vault/matters", true, "vault.matters.list", "", ""},
		{"others", "Vault holds", "vault/holds", true, "vault.matters.holds.list", "", ""},
		{"others", "Vault exports", "vault/exports", true, "vault.matters.exports.list", "", ""},
		{"others", "account under hold", "vault/underHold", false, "", "", ""},
		{"others", "People: other contacts, contact delegates", "", false, "", "", "the log of contacts tells of changes"},
		{"others", "Chat", "", false, "", "", "the log of chat tells who spoke where"},
		{"others", "Chrome profiles", "", false, "", "", "the logs of chrome and chrome_sync tell of them"},
		{"others", "e-mail monitors", "manual/mail-monitors", false, "", "", ""},

		{"console", "checklist", "workspace/manual-checklist", true, "", "", ""},
		{"console", "clients with domain-wide delegation", "manual/delegated-clients", true, "", "", ""},
		{"console", "routing, compliance, gateway", "manual/mail-routing", true, "", "", ""},
		{"console", "app access control", "manual/app-access", true, "", "", ""},
		{"console", "Marketplace", "manual/marketplace", true, "", "", ""},
		{"console", "rules", "manual/rules-and-alerts", true, "", "", ""},
		{"console", "sessions", "manual/sessions", false, "", "", ""},
		{"console", "e-mail log search", "manual/mail-log", false, "", "", ""},
		{"console", "data restore", "manual/restorable-data", false, "", "", ""},
	}
	for _, app := range strings.Fields(`access_transparency admin calendar chat drive gcp gmail gplus groups groups_enterprise jamboard login meet mobile rules saml token user_accounts
		context_aware_access chrome data_studio keep vault gemini_in_workspace_apps classroom assignments cloud_search tasks data_migration meet_hardware directory_sync ldap profile
		access_evaluation admin_data_action contacts takeout graduation voice chrome_sync workspace_studio gemini_notebook`) {
		all = append(all, knownSource{"logs", app, "reports/" + app, false, "reports.activities.list", "/users/" + fakegoogle.Victim + "/applications/" + app + "?", ""})
	}
	_, tenant := workspace.Applications()
	for _, app := range tenant {
		all = append(all, knownSource{"logs", app + " of all", "reports/" + app, true, "reports.activities.list", "/users/all/applications/" + app + "?", ""})
	}
	return all
}

// A question is one that the tenant answered: verb, path and query, and of a search by POST the number of the page.
type question string

// A servedAnswer is what the tenant says that it sent for a question.
type servedAnswer struct {
	fakegoogle.Request
	digest [sha256.Size]byte
}

// servedBy gives all questions that were answered, in the words of the tenant's own log.
func servedBy(tenant *fakegoogle.Tenant) map[question]servedAnswer {
	all := map[question]servedAnswer{}
	for _, r := range tenant.Requests() {
		if r.Status == http.StatusOK && !r.Broken && r.Method != "token" {
			all[asked(r.Verb, r.Path, r.Query, r.Page)] = servedAnswer{r, r.Digest}
		}
	}
	return all
}

func asked(verb, path, query string, page int) question {
	q := verb + " " + path + "?" + query
	if verb == http.MethodPost {
		q += "#" + strconv.Itoa(page)
	}
	return question(q)
}

// askedFor is the question that an exhibit answers.
func askedFor(t *testing.T, x *evidence.StoredExhibit) question {
	t.Helper()
	verb, address, _ := strings.Cut(x.Request, " ")
	address, _, _ = strings.Cut(address, " ")
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	page, err := strconv.Atoi(x.Attrs["page"])
	if err != nil {
		t.Fatalf("%s: %v", x.Name, x.Attrs)
	}
	return asked(verb, u.EscapedPath(), u.RawQuery, page)
}

// is says whether an answer is one of a source's.
func (s knownSource) is(r fakegoogle.Request) bool {
	text := r.Path + "?" + r.Query
	without, no := strings.CutPrefix(s.match, "!")
	return r.Method == s.method && strings.Contains(text, without) != no
}

// account is the one that a source's row is of.
func (s knownSource) account() string {
	if s.tenant {
		return tenantRow
	}
	return fakegoogle.Victim
}

// sealed collects an account and its tenant into a bundle.
func (g *rig) sealed(t *testing.T, mode collectors.MessageMode) *evidence.Bundle {
	t.Helper()
	w, seal := collectortest.NewBundle(t, "bundle", []string{fakegoogle.Victim}, nil)
	c, err := workspace.New(g.config)
	if err != nil {
		t.Fatal(err)
	}
	scope := collectors.Scope{Account: fakegoogle.Victim, Messages: mode}
	if err := c.Collect(t.Context(), scope, w); err != nil {
		t.Fatal(err)
	}
	for _, tenant := range c.Tenants([]collectors.Scope{scope}) {
		if err := c.Tenant().Collect(t.Context(), tenant, w); err != nil {
			t.Fatal(err)
		}
	}
	return seal()
}

// TestSourceTable collects everything of an account into a bundle, and holds each source to what the tenant itself counted: so many
// answers, so many things on its lists, these bytes. With -v it prints the table.
func TestSourceTable(t *testing.T) {
	g, _ := newLogRig(t, fakegoogle.Config{Mailboxes: map[string]int{fakegoogle.Victim: 520}, Quotas: unmetered()}, 0)
	g.drafting(t)
	devices := make([]map[string]any, 250)
	for i := range devices {
		devices[i] = map[string]any{"resourceId": fmt.Sprintf("device-%03d", i), "deviceId": fmt.Sprintf("d%03d", i), "email": []any{fakegoogle.Victim}}
	}
	if err := g.tenant.Seed(fakegoogle.Seed{Account: fakegoogle.Victim, MobileDevices: devices}); err != nil {
		t.Fatal(err)
	}
	b := g.sealed(t, raw)
	for _, r := range g.tenant.Requests() {
		if r.Verb != http.MethodGet && (r.Verb != http.MethodPost || r.Method != "token" && r.Method != "driveactivity.activity.query") {
			t.Fatalf("%s %s arrived, which is no read", r.Verb, r.Path)
		}
	}

	served := servedBy(g.tenant)
	exhibits := map[[2]string][]*evidence.StoredExhibit{}
	same := map[string]bool{} // by name: the bytes are those that the tenant sent
	kept := map[question]bool{}
	for record, err := range b.Records() {
		if err != nil {
			t.Fatal(err)
		}
		x := record.Exhibit
		if x == nil {
			t.Fatalf("a gap: %+v", record.Gap)
		}
		exhibits[[2]string{x.Account, x.Resource}] = append(exhibits[[2]string{x.Account, x.Resource}], x)
		if x.Request == "" {
			continue
		}
		body, err := b.Body(x)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		q := askedFor(t, x)
		kept[q] = true
		same[x.Name] = sha256.Sum256(text) == served[q].digest
	}

	lines := map[[2]string]bool{}
	table := &strings.Builder{}
	out := tabwriter.NewWriter(table, 0, 0, 1, ' ', 0)
	fmt.Fprintln(out, "chapter\tsource\texhibits\tasked\tgot\tfailed\tstatus\tanswers served\tthings kept\tthings held\tequal\tbytes equal")
	for _, s := range knownSources() {
		if s.row == "" {
			if s.why == "" {
				t.Errorf("%s is read by no row", s.name)
			}
			fmt.Fprintf(out, "%s\t%s\t-\t-\t-\t-\tnot read\t-\t-\t-\t-\t%s\n", s.chapter, s.name, s.why)
			continue
		}
		key := [2]string{s.account(), s.row}
		lines[key] = true
		row, found := coverageOf(b, key)
		if !found {
			t.Errorf("%s: the ledger has no row %s of %s", s.name, s.row, s.account())
			continue
		}
		l := g.compare(t, s, exhibits[key], served, same)
		fmt.Fprintf(out, "%s\t%s\t%d\t%d\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\n", s.chapter, s.name, len(exhibits[key]), row.Asked, row.Got, row.Failed, row.Status,
			l.answers, l.kept, l.held, yes(l.equal), l.bytes)
		if !l.equal || l.bytes == "NO" || row.Failed != 0 || int(row.Got) != len(exhibits[key]) || row.Asked != row.Got ||
			(row.Status == evidence.StatusComplete) != (row.Got > 0) || s.chapter == "console" && s.row != "workspace/manual-checklist" && row.Status != evidence.StatusNotOffered {
			t.Errorf("%s: %+v; %+v", s.name, row, l)
		}
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d answers served, %d kept as exhibits\n%s", len(served), len(kept), table)
	for _, row := range b.Coverage {
		if !lines[[2]string{row.Account, row.Resource}] {
			t.Errorf("the row %s of %s is no known source", row.Resource, row.Account)
		}
	}
	for q, a := range served {
		if !kept[q] && !passing(a.Request) {
			t.Errorf("the tenant answered %s %s, which is nowhere in the bundle", a.Method, q)
		}
	}
}

// passing are answers that nobody keeps: those that show how far back the history goes, and backup codes.
func passing(r fakegoogle.Request) bool {
	return r.Method == "directory.verificationCodes.list" || r.Method == "gmail.users.history.list" && strings.Contains(r.Query, "maxResults=1&") ||
		r.Method == "gmail.users.messages.get" && strings.Contains(r.Query, "format=minimal") || r.Method == "gmail.users.messages.list" && strings.Contains(r.Query, "maxResults=1&")
}

// A comparison is what a source's exhibits are, held against the tenant.
type comparison struct {
	answers, kept, held string
	equal               bool
	bytes               string
}

// compare holds a source's exhibits against what the tenant counted.
func (g *rig) compare(t *testing.T, s knownSource, exhibits []*evidence.StoredExhibit, served map[question]servedAnswer, same map[string]bool) comparison {
	t.Helper()
	l := comparison{"-", "-", "-", true, "-"}
	if s.method == "" {
		return l
	}
	answers, things, held := 0, 0, 0
	lists := map[string]bool{}
	for _, a := range served {
		if !s.is(a.Request) {
			continue
		}
		answers++
		query, err := url.ParseQuery(a.Query)
		if err != nil {
			t.Fatal(err)
		}
		query.Del("pageToken")
		if list := a.Path + "?" + query.Encode(); !lists[list] { // all pages of a list say how long it is
			lists[list] = true
			held += a.Total
		}
	}
	attr := "items"
	if app, isLog := strings.CutPrefix(s.row, "reports/"); isLog {
		user := s.account()
		if s.tenant {
			user = "all"
		}
		shown, _ := g.tenant.Activities(app, user, fakegoogle.Start().Add(-180*24*time.Hour), fakegoogle.Start())
		attr, held = "activities", len(shown) // spans of a log overlap at their edges
	}
	isList := false
	l.bytes = "yes"
	for _, x := range exhibits {
		if n, err := strconv.Atoi(x.Attrs[attr]); err == nil {
			things, isList = things+n, true
		}
		if !same[x.Name] {
			l.bytes = "NO"
		}
	}
	if s.why != "" {
		l.bytes = "not kept"
	}
	l.answers, l.equal = strconv.Itoa(answers), answers == len(exhibits)
	if isList {
		l.kept, l.held = strconv.Itoa(things), strconv.Itoa(held)
		l.equal = l.equal && things == held
	}
	return l
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "NO"
}

func coverageOf(b *evidence.Bundle, key [2]string) (evidence.Coverage, bool) {
	i := slices.IndexFunc(b.Coverage, func(row evidence.Coverage) bool { return row.Account == key[0] && row.Resource == key[1] })
	if i < 0 {
		return evidence.Coverage{}, false
	}
	return b.Coverage[i], true
}
