package workspace

import (
	"encoding/json"
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
	units    int    // what a page costs of the quota of a new project (see Quota); 0 is 1
	messages int64  // that an answer is, for who waits
	vanishes bool   // "404" says that the thing that was listed is gone, not that there is no such user
	edition  string // what it is called, where not all editions of Google Workspace have it
	note     string // for the ledger, where the list came whole

	// about adds to what is said of an answer beside its body, and hears each answer before it is kept. It may be nil.
	about   func(a *answer, attrs map[string]string)
	needs   string // what an administrator must be allowed to do, for the hint
	partial string // the field that is true where Google itself says that the list is not whole; "" has none

	// before is called with an answer before it is kept; nil does nothing.
	before func(s source, a *answer) error

	// things are those that an item of the list names, where a fan-out asks about them.
	things func(item json.RawMessage) []thing

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
		sendAs(),
		setting("vacation", ""),
		setting("imap", ""),
		setting("pop", ""),
		{resource: "directory/tokens", api: directory, path: "admin/directory/v1/users/{user}/tokens", scope: scopeSecurity, list: "items"},
		{resource: "directory/asps", api: directory, path: "admin/directory/v1/users/{user}/asps", scope: scopeSecurity, list: "items"},
		userRecord(),
		profileSource(),
	}
}

// otherSources are read after them.
func otherSources() []source {
	return []source{
		setting("language", ""),
		labelsSource(),
		{resource: "directory/aliases", api: directory, path: "admin/directory/v1/users/{user}/aliases", scope: scopeUser, list: "aliases"},
		{resource: "directory/mobiledevices", api: directory, path: "admin/directory/v1/customer/" + anyCustomer + "/devices/mobile",
			query: url.Values{"query": {"email:{user}"}, "projection": {"FULL"}, "maxResults": {"100"}}, scope: scopeMobile, list: "mobiledevices"},
		groups(),
		{resource: "directory/roleAssignments", api: directory, path: "admin/directory/v1/customer/" + anyCustomer + "/roleassignments",
			query: url.Values{"userKey": {"{user}"}, "includeIndirectRoleAssignments": {"true"}, "maxResults": {"200"}}, scope: scopeRoles, list: "items"},
		{resource: "directory/verificationCodes", api: directory, path: "admin/directory/v1/users/{user}/verificationCodes", scope: scopeSecurity,
			list: "items", secret: true},
	}
}

const (
	userResource   = "directory/user"
	groupsResource = "directory/groups"
)

// userRecord is all that the Directory says of the user himself.
func userRecord() source {
	return source{resource: userResource, api: directory, path: "admin/directory/v1/users/{user}", query: url.Values{"projection": {"full"}}, scope: scopeUser}
}

const sendAsResource = "gmail/sendAs"

// sendAs are the addresses that the user sends as.
func sendAs() source {
	s := setting("sendAs", "sendAs")
	s.things = field("sendAsEmail")
	return s
}

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
