package workspace

// The scopes that are asked for, one with each token.
const (
	scopePrefix         = "https://www.googleapis.com/auth/"
	scopeGmail          = scopePrefix + "gmail.readonly"
	scopeUser           = scopePrefix + "admin.directory.user.readonly"
	scopeSecurity       = scopePrefix + "admin.directory.user.security" // Google has no read-only form of it
	scopeMobile         = scopePrefix + "admin.directory.device.mobile.readonly"
	scopeGroup          = scopePrefix + "admin.directory.group.readonly"
	scopeRoles          = scopePrefix + "admin.directory.rolemanagement.readonly"
	scopeChrome         = scopePrefix + "admin.directory.device.chromeos.readonly"
	scopeUnits          = scopePrefix + "admin.directory.orgunit.readonly"
	scopeDomains        = scopePrefix + "admin.directory.domain.readonly"
	scopeCustomer       = scopePrefix + "admin.directory.customer.readonly"
	scopeGroupSettings  = scopePrefix + "apps.groups.settings" // Google has no read-only form of it
	scopeAlerts         = scopePrefix + "apps.alerts"          // Google has no read-only form of it
	scopeTransitive     = scopePrefix + "cloud-identity.groups.readonly"
	scopeDevices        = scopePrefix + "cloud-identity.devices.readonly"
	scopePolicies       = scopePrefix + "cloud-identity.policies.readonly"
	scopeSSO            = scopePrefix + "cloud-identity.inboundsso.readonly"
	scopeAllowlist      = scopePrefix + "cloud-identity.allowlisteddomains.readonly"
	scopeDrive          = scopePrefix + "drive.metadata.readonly"
	scopeDriveActivity  = scopePrefix + "drive.activity.readonly"
	scopeCalendars      = scopePrefix + "calendar.calendarlist.readonly"
	scopeCalendarAccess = scopePrefix + "calendar.acls.readonly"
	scopeScripts        = scopePrefix + "script.processes"
	scopeVault          = scopePrefix + "ediscovery.readonly"
)

// A ScopeGroup is what must be delegated together for a part of a collection.
type ScopeGroup struct {
	Name   string
	Scopes []string
}

// ScopeGroups lists all scopes by what they are for, in the order of docs/WORKSPACE.md: who delegates less loses what is
// in the groups that he leaves out, and nothing else.
func ScopeGroups() []ScopeGroup {
	return []ScopeGroup{
		{"the account", []string{scopeGmail, scopeUser, scopeSecurity, scopeMobile, scopeGroup, scopeRoles}},
		{"groups and Chromebooks", []string{scopeChrome, scopeTransitive, scopeGroupSettings}},
		{"logs", []string{scopeAudit, scopeUsage}},
		{"devices and alerts", []string{scopeDevices, scopeAlerts}},
		{"Drive, Calendar, scripts", []string{scopeDrive, scopeDriveActivity, scopeCalendars, scopeCalendarAccess, scopeScripts}},
		{"the organisation", []string{scopeUnits, scopeDomains, scopeCustomer, scopePolicies, scopeSSO, scopeAllowlist, scopeVault}},
	}
}

// Scopes lists all scopes to delegate for a whole collection, in the order of docs/WORKSPACE.md.
func Scopes() []string {
	var all []string
	for _, g := range ScopeGroups() {
		all = append(all, g.Scopes...)
	}
	return all
}
