package workspace

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// An api is one of Google's.
type api int

// The APIs that are asked.
const (
	gmail api = iota
	directory
	reports
	groupsSettings
	alertCenter
	cloudIdentity
	drive
	driveActivity
	calendar
	vault
	appsScript
	lastAPI
)

// An apiFacts is what must be known of an API to ask it.
type apiFacts struct {
	console string // its name in Google's console, where it is enabled
	root    string // the URL that its paths begin at
	asUser  bool   // it is asked for the examined user; else for the administrator
}

func (a api) facts() apiFacts {
	switch a {
	case gmail:
		return apiFacts{"Gmail API", "https://gmail.googleapis.com/", true}
	case directory, reports:
		return apiFacts{"Admin SDK API", "https://admin.googleapis.com/", false}
	case groupsSettings:
		return apiFacts{"Groups Settings API", "https://www.googleapis.com/", false}
	case alertCenter:
		return apiFacts{"Google Workspace Alert Center API", "https://alertcenter.googleapis.com/", false}
	case cloudIdentity:
		return apiFacts{"Cloud Identity API", "https://cloudidentity.googleapis.com/", false}
	case drive:
		return apiFacts{"Google Drive API", "https://www.googleapis.com/", true}
	case driveActivity:
		return apiFacts{"Drive Activity API", "https://driveactivity.googleapis.com/", true}
	case calendar:
		return apiFacts{"Google Calendar API", "https://www.googleapis.com/", true}
	case vault:
		return apiFacts{"Google Vault API", "https://vault.googleapis.com/", false}
	case appsScript:
		return apiFacts{"Apps Script API", "https://script.googleapis.com/", true}
	}
	panic("workspace: no such API")
}

// roots are the URLs below which anything may be asked by GET.
func (c *Collector) roots() []string {
	var roots []string
	for a := range lastAPI {
		if root := c.root(a); !slices.Contains(roots, root) {
			roots = append(roots, root)
		}
	}
	return roots
}

// queries are the addresses that are read by POST, because Google offers no other verb for them: the search of Drive's
// activity, which changes nothing.
func (c *Collector) queries() []string { return []string{c.root(driveActivity) + driveActivityQuery} }

const driveActivityQuery = "v2/activity:query"

// The scopes that are asked for, one with each token.
const (
	scopePrefix   = "https://www.googleapis.com/auth/"
	scopeGmail    = scopePrefix + "gmail.readonly"
	scopeUser     = scopePrefix + "admin.directory.user.readonly"
	scopeSecurity = scopePrefix + "admin.directory.user.security" // Google has no read-only form of it
	scopeMobile   = scopePrefix + "admin.directory.device.mobile.readonly"
	scopeGroup    = scopePrefix + "admin.directory.group.readonly"
	scopeRoles    = scopePrefix + "admin.directory.rolemanagement.readonly"
)

// Scopes lists all scopes to delegate for a whole collection, in the order of docs/WORKSPACE.md.
func Scopes() []string {
	return []string{scopeGmail, scopeUser, scopeSecurity, scopeMobile, scopeGroup, scopeRoles}
}

// A source is one thing that Google tells of an account: a row of the coverage ledger, or of gmail/smimeInfo a part of
// one.
type source struct {
	resource string
	item     string
	name     string // of the exhibit, below the account, without its ending
	api      api
	subject  string // for whom it is asked; "" for whom its API usually is
	path     string // with {user}
	query    url.Values
	scope    string
	list     string // the field that lists things; "" where the answer is one thing
	secret   bool   // the answer must not be kept

	// post makes the body of a read by POST, of which there is but one (see queries); nil is a GET.
	post func(pageToken string) []byte
}

// emergencySources are those that change or vanish first, the most volatile before the others.
func emergencySources() []source {
	return []source{
		setting("filters", "filter"),
		setting("autoForwarding", ""),
		setting("forwardingAddresses", "forwardingAddresses"),
		setting("delegates", "delegates"),
		setting("sendAs", "sendAs"),
		setting("vacation", ""),
		setting("imap", ""),
		setting("pop", ""),
		{resource: "directory/tokens", api: directory, path: "admin/directory/v1/users/{user}/tokens", scope: scopeSecurity, list: "items"},
		{resource: "directory/asps", api: directory, path: "admin/directory/v1/users/{user}/asps", scope: scopeSecurity, list: "items"},
		{resource: userResource, api: directory, path: "admin/directory/v1/users/{user}", query: url.Values{"projection": {"full"}}, scope: scopeUser},
		{resource: profileResource, api: gmail, path: "gmail/v1/users/{user}/profile", scope: scopeGmail},
	}
}

// otherSources are read after them.
func otherSources() []source {
	return []source{
		setting("language", ""),
		{resource: "gmail/labels", api: gmail, path: "gmail/v1/users/{user}/labels", scope: scopeGmail, list: "labels"},
		{resource: "directory/aliases", api: directory, path: "admin/directory/v1/users/{user}/aliases", scope: scopeUser, list: "aliases"},
		{resource: "directory/mobiledevices", api: directory, path: "admin/directory/v1/customer/my_customer/devices/mobile",
			query: url.Values{"query": {"email:{user}"}, "projection": {"FULL"}, "maxResults": {"100"}}, scope: scopeMobile, list: "mobiledevices"},
		{resource: "directory/groups", api: directory, path: "admin/directory/v1/groups",
			query: url.Values{"userKey": {"{user}"}, "maxResults": {"200"}}, scope: scopeGroup, list: "groups"},
		{resource: "directory/roleAssignments", api: directory, path: "admin/directory/v1/customer/my_customer/roleassignments",
			query: url.Values{"userKey": {"{user}"}, "includeIndirectRoleAssignments": {"true"}, "maxResults": {"200"}}, scope: scopeRoles, list: "items"},
		{resource: "directory/verificationCodes", api: directory, path: "admin/directory/v1/users/{user}/verificationCodes", scope: scopeSecurity,
			list: "items", secret: true},
	}
}

// tenantSources are read once for all accounts.
func tenantSources() []source {
	return []source{
		{resource: "directory/roles", api: directory, path: "admin/directory/v1/customer/my_customer/roles",
			query: url.Values{"maxResults": {"100"}}, scope: scopeRoles, list: "items"},
	}
}

const (
	userResource    = "directory/user"
	sendAsResource  = "gmail/sendAs"
	smimeResource   = "gmail/smimeInfo"
	profileResource = "gmail/profile"
)

// setting is one of the settings that Gmail has of a user.
func setting(name, list string) source {
	return source{resource: "gmail/" + name, name: "gmail/settings/" + name, api: gmail, path: "gmail/v1/users/{user}/settings/" + name,
		scope: scopeGmail, list: list}
}

// base is the exhibit's name below the account, without its ending.
func (s source) base() string {
	if s.name != "" {
		return s.name
	}
	return s.resource
}

// A request is what is sent for a page.
type request struct {
	verb, address string
	body          []byte
}

// String is what an exhibit and a gap say of a request.
func (q request) String() string {
	if q.address == "" {
		return ""
	}
	text := q.verb + " " + q.address
	if len(q.body) > 0 {
		text += " " + string(q.body)
	}
	return text
}

// request asks for an account's page; token is "" for the first.
func (s source) request(root, account, token string) request {
	if s.post != nil {
		return request{http.MethodPost, root + s.path, s.post(token)}
	}
	return request{verb: http.MethodGet, address: s.address(root, account, token)}
}

// address is the URL of an account's page.
func (s source) address(root, account, token string) string {
	query := url.Values{}
	for name, values := range s.query {
		query.Set(name, strings.ReplaceAll(values[0], "{user}", account))
	}
	if token != "" {
		query.Set("pageToken", token)
	}
	text := root + strings.ReplaceAll(s.path, "{user}", url.PathEscape(account))
	if len(query) > 0 {
		text += "?" + query.Encode()
	}
	return text
}
