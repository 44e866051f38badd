package workspace

import (
	"net/url"
	"strings"
)

// transitiveGroups are all groups that the user is in, through other groups too.
func transitiveGroups(account string) source {
	member := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(account)
	return source{resource: "cloudidentity/transitiveGroups", api: cloudIdentity, path: "v1/groups/-/memberships:searchTransitiveGroups",
		query: url.Values{"query": {"member_key_id == '" + member + "' && 'cloudidentity.googleapis.com/groups.discussion_forum' in labels"}, "pageSize": {"1000"}},
		scope: scopeTransitive, list: "memberships", needs: "reading groups, in an edition that has the search (Enterprise, Education Standard or Plus, Cloud Identity Premium)"}
}

// transitiveStage asks for the groups of groups.
func transitiveStage() stage {
	return ofRun("groups of groups", func(r *run) []source { return []source{transitiveGroups(r.scope.Account)} })
}

const ownCustomer = "customers/" + anyCustomer

// deviceStage are the devices that Cloud Identity knows the account on, and what the programs on them reported.
func deviceStage() stage {
	const needs = "managing mobile devices"
	query := url.Values{"customer": {ownCustomer}}
	return fanOut{name: "devices", own: true,
		list: source{resource: "cloudidentity/deviceUsers", api: cloudIdentity, path: "v1/devices/-/deviceUsers",
			query: url.Values{"customer": {ownCustomer}, "filter": {"email:{user}"}, "pageSize": {"20"}}, scope: scopeDevices, list: "deviceUsers", needs: needs,
			things: field("name")},
		rows: []perThing{
			{source: source{resource: "cloudidentity/devices", api: cloudIdentity, path: "v1/{thing}", query: query, scope: scopeDevices, needs: needs}, part: resourceName("devices/*")},
			{source: source{resource: "cloudidentity/clientStates", api: cloudIdentity, path: "v1/{thing}/clientStates", query: query, scope: scopeDevices, list: "clientStates",
				needs: needs}, part: resourceName("devices/*/deviceUsers/*")},
		}}.stage()
}

// identitySources are policies and rogue ways in, read once for all accounts.
func identitySources() []source {
	sso := func(name string) source {
		return source{resource: "cloudidentity/" + name, api: cloudIdentity, path: "v1/" + name, query: url.Values{"pageSize": {"100"}}, scope: scopeSSO, list: name,
			needs: "managing single sign-on"}
	}
	return []source{
		{resource: "cloudidentity/policies", api: cloudIdentity, path: "v1/policies", query: url.Values{"pageSize": {"100"}}, scope: scopePolicies, list: "policies",
			needs: "the super administrator's alone"},
		sso("inboundOidcSsoProfiles"), sso("inboundSsoAssignments"),
		{resource: "cloudidentity/allowlistedDomains", api: cloudIdentity, path: "v1/allowlistedDomains", query: url.Values{"pageSize": {"5000"}}, scope: scopeAllowlist,
			list: "allowlistedDomains", needs: "reading domain settings"},
	}
}

// ssoStage are the SAML profiles with the keys that each trusts: whoever has one signs in as anybody.
func ssoStage() stage {
	const needs = "managing single sign-on"
	return fanOut{name: "single sign-on", own: true,
		list: source{resource: "cloudidentity/inboundSamlSsoProfiles", api: cloudIdentity, path: "v1/inboundSamlSsoProfiles", query: url.Values{"pageSize": {"100"}},
			scope: scopeSSO, list: "inboundSamlSsoProfiles", needs: needs, things: field("name")},
		rows: []perThing{{source: source{resource: "cloudidentity/idpCredentials", api: cloudIdentity, path: "v1/{thing}/idpCredentials", query: url.Values{"pageSize": {"100"}},
			scope: scopeSSO, list: "idpCredentials", needs: needs}, part: resourceName("inboundSamlSsoProfiles/*")}},
	}.stage()
}
