package fakegoogle

import (
	"net/http"
	"strconv"
	"strings"
)

func directoryOrg() map[string]handler {
	const d = "directory."
	return map[string]handler{
		d + "orgunits.list":          ofCustomer("customerId", listUnits),
		d + "orgunits.get":           ofCustomer("customerId", getUnit),
		d + "domains.list":           ofCustomer("customer", listDomains),
		d + "domainAliases.list":     ofCustomer("customer", listDomainAliases),
		d + "customers.get":          getCustomer,
		d + "roles.list":             ofCustomer("customer", listRoles),
		d + "roles.get":              ofCustomer("customer", getRole),
		d + "privileges.list":        ofCustomer("customer", listPrivileges),
		d + "roleAssignments.list":   ofCustomer("customer", listAssignments),
		d + "roleAssignments.get":    ofCustomer("customer", getAssignment),
		d + "roleAssignments.insert": ofCustomer("customer", insertAssignment),
		d + "roleAssignments.delete": ofCustomer("customer", deleteAssignment),
	}
}

// listUnits lists the units right below one; with type=all, those below them too.
func listUnits(t *Tenant, c *call) (object, *apiError) {
	above := "/" + strings.Trim(c.arg("orgUnitPath"), "/")
	kind := firstOf(c.arg("type"), "children")
	var items []object
	for _, unit := range t.org.units {
		path, parent := text(unit, "orgUnitPath"), text(unit, "parentOrgUnitPath")
		switch {
		case path == above && kind != "allIncludingParent":
		case kind == "children" && parent != above:
		case path == above, strings.HasPrefix(path+"/", strings.TrimSuffix(above, "/")+"/") && path != "/":
			items = append(items, unit)
		}
	}
	return list(object{"kind": "admin#directory#orgUnits"}, "organizationUnits", tagged(items)), nil
}

// getUnit gives a unit by its path without the slash before it, or by its id. The root has no such path.
func getUnit(t *Tenant, c *call) (object, *apiError) {
	key := c.path["orgunitsId"]
	i := where(t.org.units, "orgUnitPath", "/"+key)
	if i < 0 {
		i = where(t.org.units, "orgUnitId", key)
	}
	if i < 0 {
		return nil, notFoundKey("orgUnitPath")
	}
	return tagged(t.org.units[i : i+1])[0], nil
}

func listDomains(t *Tenant, c *call) (object, *apiError) {
	created := strconv.FormatInt(t.morning().AddDate(-6, 0, 0).UnixMilli(), 10)
	return list(object{"kind": "admin#directory#domains"}, "domains", tagged([]object{
		{"kind": "admin#directory#domain", "domainName": Domain, "isPrimary": true, "verified": true, "creationTime": created}})), nil
}

func listDomainAliases(t *Tenant, c *call) (object, *apiError) {
	return list(object{"kind": "admin#directory#domainAliases"}, "domainAliases", tagged([]object{
		{"kind": "admin#directory#domainAlias", "domainAliasName": "alias." + Domain, "parentDomainName": Domain, "verified": true,
			"creationTime": strconv.FormatInt(t.morning().AddDate(-2, 0, 0).UnixMilli(), 10)}})), nil
}

func getCustomer(t *Tenant, c *call) (object, *apiError) {
	if err := c.customer("customerKey"); err != nil {
		return nil, err
	}
	return object{"kind": "admin#directory#customer", "id": CustomerID, "customerDomain": Domain, "alternateEmail": "gerance@webfree.example", "language": "fr",
		"customerCreationTime": stamp(t.morning().AddDate(-6, 0, 0)), "postalAddress": object{"organizationName": "Menuiserie Dulac", "countryCode": "FR"}}, nil
}

func listRoles(t *Tenant, c *call) (object, *apiError) {
	return c.paged(object{"kind": "admin#directory#roles"}, "items", tagged(t.org.roles), 100, 100)
}

func getRole(t *Tenant, c *call) (object, *apiError) {
	i := where(t.org.roles, "roleId", c.path["roleId"])
	if i < 0 {
		return nil, notFoundKey("roleId")
	}
	return tagged(t.org.roles[i : i+1])[0], nil
}

func listPrivileges(t *Tenant, c *call) (object, *apiError) {
	items := []object{}
	for _, name := range []string{"USERS_ALL", "USERS_RETRIEVE", "USERS_RESET_PASSWORD", "USER_SECURITY_ALL", "GROUPS_ALL", "REPORTS_ACCESS"} {
		items = append(items, object{"kind": "admin#directory#privilege", "serviceId": "00haapch16h1ysv", "serviceName": "admin",
			"privilegeName": name, "isOuScopable": strings.HasPrefix(name, "USERS")})
	}
	return list(object{"kind": "admin#directory#privileges"}, "items", tagged(items)), nil
}

func listAssignments(t *Tenant, c *call) (object, *apiError) {
	user, role := c.arg("userKey"), c.arg("roleId")
	if a, ok := t.userByKey(user); ok {
		user = a.id
	}
	var items []object
	for _, assignment := range t.org.assigned {
		if (user == "" || text(assignment, "assignedTo") == user) && (role == "" || text(assignment, "roleId") == role) {
			items = append(items, assignment)
		}
	}
	return c.paged(object{"kind": "admin#directory#roleAssignments"}, "items", tagged(items), 200, 200)
}

func getAssignment(t *Tenant, c *call) (object, *apiError) {
	i := where(t.org.assigned, "roleAssignmentId", c.path["roleAssignmentId"])
	if i < 0 {
		return nil, notFoundKey("roleAssignmentId")
	}
	return tagged(t.org.assigned[i : i+1])[0], nil
}

// onlySuperAdmin refuses delegated administrators.
func (c *call) onlySuperAdmin() *apiError {
	if a, ok := c.tenant.userByKey(c.subject); !ok || !truth(a.user, "isAdmin") {
		return forbidden()
	}
	return nil
}

func insertAssignment(t *Tenant, c *call) (object, *apiError) {
	if err := c.onlySuperAdmin(); err != nil {
		return nil, err
	}
	a, ok := t.userByKey(text(c.body, "assignedTo"))
	if !ok || where(t.org.roles, "roleId", text(c.body, "roleId")) < 0 {
		return nil, failure(http.StatusBadRequest, "invalid", "Invalid Input")
	}
	made := clone(c.body)
	made["kind"], made["roleAssignmentId"] = "admin#directory#roleAssignment", strconv.FormatUint(3894208461013000+t.next(), 10)
	made["assignedTo"], made["assigneeType"], made["scopeType"] = a.id, "user", firstOf(text(c.body, "scopeType"), "CUSTOMER")
	c.change(func() {
		t.org.assigned = append(t.org.assigned, made)
		a.user["isDelegatedAdmin"] = true
	})
	c.audit("admin", "DELEGATED_ADMIN_SETTINGS", "ASSIGN_ROLE", parameter("USER_EMAIL", a.email))
	return tagged([]object{made})[0], nil
}

func deleteAssignment(t *Tenant, c *call) (object, *apiError) {
	if err := c.onlySuperAdmin(); err != nil {
		return nil, err
	}
	id := c.path["roleAssignmentId"]
	i := where(t.org.assigned, "roleAssignmentId", id)
	if i < 0 {
		return nil, notFoundKey("roleAssignmentId")
	}
	holder, _ := t.userByKey(text(t.org.assigned[i], "assignedTo"))
	c.change(func() {
		t.org.assigned = without(t.org.assigned, "roleAssignmentId", id)
		if holder != nil && where(t.org.assigned, "assignedTo", holder.id) < 0 {
			holder.user["isDelegatedAdmin"], holder.user["isAdmin"] = false, false
		}
	})
	c.audit("admin", "DELEGATED_ADMIN_SETTINGS", "UNASSIGN_ROLE", parameter("USER_EMAIL", holder.email))
	return nil, nil
}
