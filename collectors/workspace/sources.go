package workspace

import (
	"net/url"
	"strings"
)

// An api is one of Google's.
type api string

// The APIs that are asked, by the names of their hosts' owners in Google's console.
const (
	gmail     api = "Gmail API"
	directory api = "Admin SDK API"
)

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
	path     string // with {user}
	query    url.Values
	scope    string
	list     string // the field that lists things; "" where the answer is one thing
	secret   bool   // the answer must not be kept
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
		{resource: "gmail/profile", api: gmail, path: "gmail/v1/users/{user}/profile", scope: scopeGmail},
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
		{resource: "directory/roles", api: directory, path: "admin/directory/v1/customer/my_customer/roles",
			query: url.Values{"maxResults": {"100"}}, scope: scopeRoles, list: "items"},
		{resource: "directory/verificationCodes", api: directory, path: "admin/directory/v1/users/{user}/verificationCodes", scope: scopeSecurity,
			list: "items", secret: true},
	}
}

const (
	userResource   = "directory/user"
	sendAsResource = "gmail/sendAs"
	smimeResource  = "gmail/smimeInfo"
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

// address is the URL to ask for an account's page; token is "" for the first.
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
