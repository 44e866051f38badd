package fakegoogle

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// An organisation is what belongs to the customer and not to one user.
type organisation struct {
	groups           []*group
	roles, assigned  []object
	units            []object
	mobiles, chromes []object
	computers        []object // Cloud Identity alone knows them
	alerts           []object
	policies         []object
	profiles, single []object // SSO profiles and assignments
	credentials      map[string][]object
	matters          []object
	holds, exports   map[string][]object // by matter
	files            map[int][]object    // by user
	calendars        map[int][]object    // access rules by user
}

// A group is a Directory group.
type group struct {
	object   object
	settings object
	members  []object
}

func (t *Tenant) newOrganisation() *organisation {
	o := &organisation{credentials: map[string][]object{}, holds: map[string][]object{}, exports: map[string][]object{}, files: map[int][]object{}, calendars: map[int][]object{}}
	unit := func(number int, path, parent string) {
		u := object{"kind": "admin#directory#orgUnit", "name": path[strings.LastIndex(path, "/")+1:], "description": "", "orgUnitPath": path,
			"orgUnitId": fmt.Sprintf("id:03ph8a2z%d", number)}
		if parent != "" {
			u["parentOrgUnitPath"] = parent
			u["parentOrgUnitId"] = o.units[where(o.units, "orgUnitPath", parent)]["orgUnitId"]
		}
		o.units = append(o.units, u)
	}
	unit(0, "/", "")
	unit(1, "/Direction", "/")
	unit(2, "/Comptabilité", "/")
	unit(3, "/Atelier", "/")
	unit(4, "/Atelier/Apprentis", "/Atelier")
	t.addRoles(o)
	t.addGroups(o)
	t.addDevices(o)
	t.addAlerts(o)
	t.addPolicies(o)
	return o
}

// Roles of Google's own.
const (
	roleSuperAdmin = "13801188331880449"
	roleHelpdesk   = "13801188331880451"
)

func (t *Tenant) addRoles(o *organisation) {
	privilege := func(name string) object { return object{"privilegeName": name, "serviceId": "00haapch16h1ysv"} }
	o.roles = []object{
		{"kind": "admin#directory#role", "roleId": roleSuperAdmin, "roleName": "_SEED_ADMIN_ROLE", "roleDescription": "Super Admin",
			"isSystemRole": true, "isSuperAdminRole": true,
			"rolePrivileges": []any{privilege("USERS_ALL"), privilege("USER_SECURITY_ALL"), privilege("GROUPS_ALL")}},
		{"kind": "admin#directory#role", "roleId": roleHelpdesk, "roleName": "_HELP_DESK_ADMIN_ROLE",
			"roleDescription": "Help Desk Administrator", "isSystemRole": true,
			"rolePrivileges": []any{privilege("USERS_RETRIEVE"), privilege("USERS_RESET_PASSWORD")}},
	}
	for i, email := range []string{Admin, "dave@example.test"} {
		o.assigned = append(o.assigned, object{"kind": "admin#directory#roleAssignment", "roleAssignmentId": strconv.Itoa(3894208461012993 + i),
			"roleId": []string{roleSuperAdmin, roleHelpdesk}[i], "assignedTo": t.person(t.index[email]).id, "assigneeType": "user", "scopeType": "CUSTOMER"})
	}
}

// addGroups makes a group of everybody, one of the workshop and one that the intruder put himself into.
func (t *Tenant) addGroups(o *organisation) {
	make := func(number int, address, name string, settings object) *group {
		g := &group{object: object{"kind": "admin#directory#group", "id": fmt.Sprintf("03l18frh%07d", number), "email": address + "@" + Domain, "name": name,
			"description": "", "adminCreated": true, "nonEditableAliases": texts(address + "@" + Domain + ".test-google-a.com")}}
		g.settings = object{"kind": "groupsSettings#groups", "email": address + "@" + Domain, "name": name, "whoCanJoin": "INVITED_CAN_JOIN",
			"whoCanViewGroup":   "ALL_MEMBERS_CAN_VIEW",
			"whoCanPostMessage": "ALL_IN_DOMAIN_CAN_POST", "allowExternalMembers": "false", "whoCanInvite": "ALL_MANAGERS_CAN_INVITE"}
		for key, value := range settings {
			g.settings[key] = value
		}
		o.groups = append(o.groups, g)
		return g
	}
	all := make(1, "tous", "Tout le monde", nil)
	workshop := make(2, "atelier", "Atelier", nil)
	invoices := make(3, "factures", "Factures fournisseurs", object{"allowExternalMembers": "true"})
	for i := range t.everybody() {
		p := t.person(i)
		if p.role == removed {
			continue
		}
		all.add(p.id, p.email, "MEMBER", "USER")
		if p.orgUnit == "/Atelier" {
			workshop.add(p.id, p.email, "MEMBER", "USER")
		}
	}
	invoices.object["aliases"] = texts("fournisseurs@" + Domain)
	invoices.add(t.person(t.index[Victim]).id, Victim, "OWNER", "USER")
	invoices.add(text(workshop.object, "id"), text(workshop.object, "email"), "MEMBER", "GROUP")
	if !t.config.Quiet {
		invoices.add("115000000000000000077", IntruderForward, "MEMBER", "USER")
		at := t.at("2026-10-13 08:20:44")
		t.recordActivity(activity{key: key{at: at}, application: "groups_enterprise", user: t.index[Victim], ip: Intruder,
			events: []event{{"moderator_action", "add_member",
				[]any{parameter("group_id", "factures@"+Domain), parameter("member_id", IntruderForward), parameter("member_role", "member")}}}})
	}
}

func (g *group) add(id, email, role, kind string) {
	g.members = append(g.members, object{"kind": "admin#directory#member", "id": id, "email": email, "role": role, "type": kind, "status": "ACTIVE"})
}

// addDevices gives every fourth ordinary user a telephone, the workshop a Chromebook, and the intruder what he
// registered.
func (t *Tenant) addDevices(o *organisation) {
	phone := func(number int, email, name, model, os, status string, first, last time.Time) {
		o.mobiles = append(o.mobiles, object{"kind": "admin#directory#mobiledevice", "resourceId": fmt.Sprintf("AFiQxQ9%06d", number),
			"deviceId": fmt.Sprintf("3d0a%06d", number),
			"name":     texts(name), "email": texts(email), "model": model, "os": os, "type": "ANDROID", "status": status, "firstSync": stamp(first), "lastSync": stamp(last),
			"userAgent": "Google-Apps-Sync", "deviceCompromisedStatus": "No compromise detected", "serialNumber": fmt.Sprintf("R5CT%06d", number)})
	}
	for i := range t.everybody() {
		if p := t.person(i); i%4 == 2 && p.role <= enforced {
			phone(i, p.email, p.given+" "+p.family, "Pixel 9", "Android 16", "APPROVED", p.created.AddDate(0, 0, 3), t.morning().Add(-time.Hour))
		}
	}
	if !t.config.Quiet {
		phone(999_999, Victim, "Alice Martin", "SM-A556B", "Android 15", "APPROVED", t.at("2026-10-12 07:31:47"), t.at("2026-10-14 19:49:00"))
	}
	users := [][]string{{"bob@example.test"}, {"bob@example.test", Victim}, {"grace@example.test", "scan@example.test"}}
	for i := range 3 {
		var recent []any
		for _, email := range users[i] {
			recent = append(recent, object{"type": "USER_TYPE_MANAGED", "email": email})
		}
		last := t.morning().Add(-time.Duration(i+1) * time.Hour)
		o.chromes = append(o.chromes, object{"kind": "admin#directory#chromeosdevice",
			"deviceId": fmt.Sprintf("c0ffee%02d-0000-4000-8000-000000000000", i), "serialNumber": fmt.Sprintf("5CD%07d", i),
			"status": "ACTIVE", "model": "HP Chromebook 14", "osVersion": "141.0.7390.0", "platformVersion": "16371.0.0 (Official Build) stable-channel",
			"firmwareVersion": "Google_Bloog.13434.0", "bootMode": "Verified", "macAddress": fmt.Sprintf("00005e0053%02x", i), "orgUnitPath": "/Atelier",
			"orgUnitId": "id:03ph8a2z3", "annotatedUser": users[i][0], "annotatedLocation": "Atelier", "lastEnrollmentTime": stamp(t.morning().AddDate(-1, 0, -i)), "lastSync": stamp(last),
			"activeTimeRanges": []any{object{"date": last.Format(time.DateOnly), "activeTime": 4_200_000 + i}},
			"recentUsers":      recent, "lastKnownNetwork": []any{object{"ipAddress": "192.0.2.60", "wanIpAddress": "192.0.2.14"}}})
	}
}

// customer refuses any customer but this one.
func (c *call) customer(name string) *apiError {
	if id := c.path[name]; id != "my_customer" && id != CustomerID {
		return notFoundKey("customerId")
	}
	return nil
}

// ofCustomer checks the customer that the path names.
func ofCustomer(name string, h handler) handler {
	return func(t *Tenant, c *call) (object, *apiError) {
		if err := c.customer(name); err != nil {
			return nil, err
		}
		return h(t, c)
	}
}
