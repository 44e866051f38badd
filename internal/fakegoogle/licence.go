package fakegoogle

import (
	"net/http"
	"slices"
	"strings"
)

// A Denial is how a call is refused that the tenant's edition does not include. Zero fields have what the tenant thinks
// that Google says: Reports 401 as to all who may not read a log, others 403.
type Denial struct {
	Status  int
	Reason  string
	Message string
}

// unlicensed finds the denial of an application of the Reports API, a service or a method.
func (t *Tenant) unlicensed(names ...string) *Denial {
	for name, denial := range t.config.Unlicensed {
		if slices.ContainsFunc(names, func(n string) bool { return n == name || strings.HasPrefix(n, name+".") }) {
			return &denial
		}
	}
	return nil
}

// licensed refuses what the edition does not include: one of Reports' applications, or the method and its service.
func (c *call) licensed(application string) *apiError {
	names := []string{c.method.ID, c.method.api.service()}
	usual := Denial{http.StatusForbidden, "forbidden", "The caller does not have permission"}
	if application != "" {
		names = []string{application}
		usual = Denial{http.StatusUnauthorized, "authError", "Access denied. You are not authorized to read activity records."}
	}
	denial := c.tenant.unlicensed(names...)
	if denial == nil {
		return nil
	}
	if denial.Status != 0 {
		usual.Status, usual.Reason = denial.Status, denial.Reason
	}
	return failure(usual.Status, firstOf(denial.Reason, usual.Reason), "%s", firstOf(denial.Message, usual.Message))
}

// mayUse refuses delegated administrators whose role lacks a privilege.
func (c *call) mayUse(a *account) *apiError {
	held, limited := c.tenant.config.Privileges[a.email]
	if !limited || truth(a.user, "isAdmin") {
		return nil
	}
	if needed := privileges(c.method); !slices.ContainsFunc(needed, func(p string) bool { return slices.Contains(held, p) }) {
		return forbidden()
	}
	return nil
}

// privileges are those of which a role needs one for a method.
func privileges(m *method) []string {
	rest, _ := strings.CutPrefix(m.ID, "directory.")
	resource, _, _ := strings.Cut(rest, ".")
	switch {
	case strings.HasPrefix(m.ID, "reports."):
		return []string{"REPORTS_ACCESS"}
	case rest == "users.signOut", resource == "tokens", resource == "asps", resource == "verificationCodes", resource == "twoStepVerification":
		return []string{"USER_SECURITY_ALL"}
	case resource == "users" && m.Verb == http.MethodGet:
		return []string{"USERS_ALL", "USERS_RETRIEVE", "USERS_RESET_PASSWORD"}
	case rest == "users.update", rest == "users.patch":
		return []string{"USERS_ALL", "USERS_RESET_PASSWORD"}
	case resource == "users":
		return []string{"USERS_ALL"}
	case resource == "groups", resource == "members":
		return []string{"GROUPS_ALL"}
	case strings.HasSuffix(resource, "devices"), strings.HasPrefix(m.ID, "admin.customer.devices"):
		return []string{"MANAGE_DEVICES"}
	case resource == "orgunits":
		return []string{"ORGANIZATION_UNITS_ALL", "ORGANIZATION_UNITS_RETRIEVE", "USERS_ALL"}
	case strings.HasPrefix(resource, "role"), resource == "privileges":
		return []string{"ROLE_MANAGEMENT"}
	}
	return []string{"DOMAIN_MANAGEMENT"}
}
