package fakegoogle

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

func directoryUsers() map[string]handler {
	const u = "directory.users."
	return map[string]handler{
		u + "list":           listUsers,
		u + "get":            onUser(getUser),
		u + "update":         onUser(updateUser),
		u + "patch":          onUser(updateUser),
		u + "makeAdmin":      onUser(makeAdmin),
		u + "signOut":        onUser(signOut),
		u + "insert":         insertUser,
		u + "delete":         onUser(deleteUser),
		u + "undelete":       undeleteUser,
		u + "aliases.list":   onUser(listAliases),
		u + "aliases.insert": onUser(insertAlias),
		u + "aliases.delete": onUser(deleteAlias),
	}
}

// mayAdminister refuses callers who are no administrators: Directory and Reports are theirs alone. It holds the lock.
func (c *call) mayAdminister() *apiError {
	a, ok := c.tenant.userByKey(c.subject)
	if ok && !a.deleted && !a.isSuspended() && (truth(a.user, "isAdmin") || truth(a.user, "isDelegatedAdmin")) && c.mayUse(a) == nil {
		return nil
	}
	if strings.HasPrefix(c.method.ID, "reports.") {
		e := failure(http.StatusUnauthorized, "authError", "Access denied. You are not authorized to read activity records.")
		e.location = "header:Authorization"
		return e
	}
	return forbidden()
}

// mayChange refuses delegated administrators who want to change a super administrator.
func (c *call) mayChange(a *account) *apiError {
	caller, _ := c.tenant.userByKey(c.subject)
	if c.method.Verb != http.MethodGet && truth(a.user, "isAdmin") && !truth(caller.user, "isAdmin") {
		return forbidden()
	}
	return nil
}

// onUser finds the user that a Directory call is about. Deleted users are not found.
func onUser(h func(*call, *account) (object, *apiError)) handler {
	return func(t *Tenant, c *call) (object, *apiError) {
		a, ok := t.userByKey(c.path["userKey"])
		if !ok || a.deleted {
			return nil, notFoundKey("userKey")
		}
		if err := c.mayChange(a); err != nil {
			return nil, err
		}
		return h(c, a)
	}
}

// shownUser is the user with its entity tag.
func shownUser(a *account) object {
	u := clone(a.user)
	u["etag"] = etag(u)
	return u
}

// listUsers lists the users of the customer or of a domain, which one of both must be named. Users that nobody has
// touched are made for the page and forgotten.
func listUsers(t *Tenant, c *call) (object, *apiError) {
	if c.arg("customer") == "" && c.arg("domain") == "" {
		return nil, failure(http.StatusBadRequest, "badRequest", "Bad Request")
	}
	if err := c.ourDomain(); err != nil {
		return nil, err
	}
	deleted := c.arg("showDeleted") == "true"
	var numbers []int
	for i := range t.everybody() {
		if t.isDeleted(i) == deleted && !t.isPurged(i, c.now) && t.matchesUser(i, c.arg("query")) {
			numbers = append(numbers, i)
		}
	}
	slices.SortFunc(numbers, func(a, b int) int {
		order := strings.Compare(t.sortKey(a, c.arg("orderBy")), t.sortKey(b, c.arg("orderBy")))
		if c.arg("sortOrder") == "DESCENDING" {
			return -order
		}
		return order
	})
	page, next, err := pageOf(c, numbers, 100, 500)
	if err != nil {
		return nil, err
	}
	answer := object{"kind": "admin#directory#users"}
	if next != "" {
		answer["nextPageToken"] = next
	}
	users := make([]object, len(page))
	for i, number := range page {
		users[i] = t.peek(number)
	}
	return list(answer, "users", users), nil
}

// ourDomain refuses other customers and other domains than this one's.
func (c *call) ourDomain() *apiError {
	if customer := c.arg("customer"); customer != "" && customer != "my_customer" && customer != CustomerID {
		return failure(http.StatusNotFound, "notFound", "Customer doesn't exist")
	}
	if domain := c.arg("domain"); domain != "" && domain != Domain {
		return failure(http.StatusNotFound, "notFound", "Domain not found.")
	}
	return nil
}

// peek is a user as listed, without making his account.
func (t *Tenant) peek(number int) object {
	if a := t.accounts[number]; a != nil {
		return shownUser(a)
	}
	if number < len(cast()) {
		return shownUser(t.account(number))
	}
	return shownUser(&account{user: t.newUser(t.person(number))})
}

func (t *Tenant) isDeleted(number int) bool {
	if a := t.accounts[number]; a != nil {
		return a.deleted
	}
	return t.person(number).role == removed
}

// isPurged says that a user was deleted so long ago that Google has forgotten him.
func (t *Tenant) isPurged(number int, now time.Time) bool {
	if !t.isDeleted(number) {
		return false
	}
	return now.Sub(t.account(number).deletedAt) > undeletable
}

// undeletable is for how long Google can bring back a deleted user.
const undeletable = 20 * dayLength

func (t *Tenant) sortKey(number int, by string) string {
	p := t.person(number)
	switch by {
	case "givenName":
		return p.given + " " + p.email
	case "familyName":
		return p.family + " " + p.email
	}
	return p.email
}

// matchesUser understands email:x*, isSuspended=true, isAdmin=true, orgUnitPath=/x and words of the name.
func (t *Tenant) matchesUser(number int, query string) bool {
	if query == "" {
		return true
	}
	u := t.peek(number)
	for _, term := range strings.Fields(query) {
		at := strings.IndexAny(term, ":=")
		if at < 0 {
			if !strings.Contains(strings.ToLower(text(u["name"].(object), "fullName")+" "+text(u, "primaryEmail")), strings.ToLower(term)) {
				return false
			}
			continue
		}
		field, value := term[:at], strings.Trim(term[at+1:], `'"`)
		switch field {
		case "email":
			prefix, isPrefix := strings.CutSuffix(value, "*")
			if address := text(u, "primaryEmail"); address != value && !(isPrefix && strings.HasPrefix(address, prefix)) {
				return false
			}
		case "isSuspended", "isAdmin", "isDelegatedAdmin", "isEnrolledIn2Sv", "isEnforcedIn2Sv":
			name := strings.Replace(field, "isSuspended", "suspended", 1)
			if truth(u, name) != (value == "true") {
				return false
			}
		case "orgUnitPath":
			if text(u, "orgUnitPath") != value {
				return false
			}
		}
	}
	return true
}

func getUser(c *call, a *account) (object, *apiError) { return shownUser(a), nil }

// updateUser changes a user. A new password ends the grants with mail scopes and nothing else: not the other grants,
// not app passwords, not the sessions. Suspending ends the sessions and all grants.
func updateUser(c *call, a *account) (object, *apiError) {
	if err := c.unchanged(shownUser(a)); err != nil {
		return nil, err
	}
	if wants, has := c.body["suspended"].(bool); has && !wants && a.isSuspended() && text(a.user, "suspensionReason") == "ABUSE" {
		return nil, failure(http.StatusPreconditionFailed, "adminCannotUnsuspend", "Admin cannot unsuspend the user.")
	}
	if password, has := c.body["password"].(string); has && c.body["hashFunction"] == nil && (len(password) < 8 || len(password) > 100) {
		return nil, invalidInput("Bad password")
	}
	if email := text(c.body, "recoveryEmail"); email != "" && !strings.Contains(email, "@") {
		return nil, invalidInput("recoveryEmail")
	}
	if phone := text(c.body, "recoveryPhone"); phone != "" && !strings.HasPrefix(phone, "+") {
		return nil, invalidInput("recoveryPhone")
	}
	for field, value := range c.body {
		if !slices.Contains(editableFields(), field) && !slices.Contains(fixedFields(), field) && etag(object{"": value}) != etag(object{"": a.user[field]}) {
			return nil, failure(http.StatusNotImplemented, "notImplemented", "fakegoogle does not change %s", field)
		}
	}
	if truth(c.body, "suspended") && c.isCaller(a) {
		return nil, forbidden() // nobody locks himself out
	}
	if slices.Contains(c.tenant.config.Federated, a.email) {
		delete(c.body, "changePasswordAtNextLogin") // the other provider asks for the password
	}
	edit := func(user object) object {
		changed := clone(user)
		for _, field := range editableFields() {
			if value, has := c.body[field]; has {
				changed[field] = value
			}
			if value, has := changed[field]; has && (value == "" || value == nil) {
				delete(changed, field) // an empty recovery address or number is none
			}
		}
		c.suspension(a, changed)
		return changed
	}
	changed := edit(a.user)
	_, newPassword := c.body["password"]
	c.auditUserChange(a, changed, newPassword)
	c.change(func() {
		switch suspending := truth(changed, "suspended"); {
		case suspending && !a.isSuspended():
			a.tokens, a.sessions = nil, map[string]bool{}
			c.tenant.goes(a.number, c.now)
		case !suspending && a.isSuspended():
			c.tenant.comes(a.number, c.now)
		}
		if newPassword {
			a.knowsPassword = false
			a.tokens = slices.DeleteFunc(slices.Clone(a.tokens), readsMail)
		}
		a.user = edit(a.user)
	})
	changed["etag"] = etag(changed)
	return changed, nil
}

// editableFields are the fields of a user that an administrator can change here.
func editableFields() []string {
	return []string{"suspended", "archived", "recoveryEmail", "recoveryPhone", "changePasswordAtNextLogin", "orgUnitPath",
		"includeInGlobalAddressList", "name", "sshPublicKeys", "ipWhitelisted"}
}

// fixedFields are those that an update may name without effect, and the password, which nobody reads back.
func fixedFields() []string {
	return []string{"password", "hashFunction", "id", "kind", "etag", "customerId", "isAdmin", "isDelegatedAdmin", "creationTime", "lastLoginTime",
		"deletionTime", "agreedToTerms", "isEnrolledIn2Sv", "isEnforcedIn2Sv", "isMailboxSetup", "aliases", "nonEditableAliases",
		"suspensionReason", "suspensionTime"}
}

// suspension keeps the reason and time of a suspension right.
func (c *call) suspension(a *account, changed object) {
	switch {
	case truth(changed, "suspended") && !a.isSuspended():
		changed["suspensionReason"], changed["suspensionTime"] = "ADMIN", stamp(c.now)
	case !truth(changed, "suspended"):
		delete(changed, "suspensionReason")
		delete(changed, "suspensionTime")
	}
}

// readsMail says that a grant has a scope for mail; those are revoked when the password changes.
func readsMail(token object) bool {
	scopes, _ := token["scopes"].([]any)
	return slices.ContainsFunc(scopes, func(s any) bool {
		scope, _ := s.(string)
		return scope == "https://mail.google.com/" || strings.HasPrefix(scope, "https://www.googleapis.com/auth/gmail.")
	})
}

// auditUserChange writes an administrator's change into the admin log.
func (c *call) auditUserChange(a *account, changed object, newPassword bool) {
	if newPassword {
		c.audit("admin", "USER_SETTINGS", "CHANGE_PASSWORD", parameter("USER_EMAIL", a.email))
	}
	if truth(changed, "suspended") != a.isSuspended() {
		name := "UNSUSPEND_USER"
		if truth(changed, "suspended") {
			name = "SUSPEND_USER"
		}
		c.audit("admin", "USER_SETTINGS", name, parameter("USER_EMAIL", a.email))
	}
	if text(changed, "recoveryEmail") != text(a.user, "recoveryEmail") {
		c.audit("admin", "USER_SETTINGS", "CHANGE_RECOVERY_EMAIL", parameter("USER_EMAIL", a.email))
	}
	if text(changed, "recoveryPhone") != text(a.user, "recoveryPhone") {
		c.audit("admin", "USER_SETTINGS", "CHANGE_RECOVERY_PHONE", parameter("USER_EMAIL", a.email))
	}
}

func makeAdmin(c *call, a *account) (object, *apiError) {
	if err := c.onlySuperAdmin(); err != nil {
		return nil, err
	}
	status, has := c.body["status"].(bool)
	if !has {
		return nil, required("status")
	}
	c.change(func() { a.user["isAdmin"] = status })
	c.audit("admin", "DELEGATED_ADMIN_SETTINGS", map[bool]string{true: "GRANT_ADMIN_PRIVILEGE", false: "REVOKE_ADMIN_PRIVILEGE"}[status],
		parameter("USER_EMAIL", a.email))
	return nil, nil
}

// signOut ends the web sessions, not apps; it fails for a suspended user.
func signOut(c *call, a *account) (object, *apiError) {
	if a.isSuspended() {
		return nil, invalidInput("userKey")
	}
	c.change(func() { a.sessions = map[string]bool{} })
	c.audit("admin", "USER_SETTINGS", "RESET_SIGNIN_COOKIES", parameter("USER_EMAIL", a.email))
	return nil, nil
}

// isCaller says that a call is about who makes it.
func (c *call) isCaller(a *account) bool {
	caller, _ := c.tenant.userByKey(c.subject)
	return caller == a
}

// insertUser makes a user. It needs an address of the domain that nobody has, a name and a password.
func insertUser(t *Tenant, c *call) (object, *apiError) {
	email, _, problem := c.newcomer()
	if problem != nil {
		return nil, problem
	}
	name := c.body["name"].(object)
	number := len(t.everybody())
	p := person{number: number, email: email, id: fmt.Sprintf("1%020d", 5_000_000_000+uint64(number)*7919+t.config.Seed%7919), given: text(name, "givenName"),
		family: text(name, "familyName"), orgUnit: firstOf(text(c.body, "orgUnitPath"), "/"), created: c.now}
	user := t.newUser(p)
	for _, field := range []string{"recoveryEmail", "recoveryPhone"} {
		delete(user, field)
	}
	for _, field := range editableFields() {
		if value, has := c.body[field]; has && field != "name" {
			user[field] = value
		}
	}
	user["isEnrolledIn2Sv"] = false
	t.join(p)
	a := &account{person: p, sessions: map[string]bool{}, user: user}
	t.accounts[number] = a
	t.furnishMail(a)
	c.audit("admin", "USER_SETTINGS", "CREATE_USER", parameter("USER_EMAIL", email))
	return shownUser(a), nil
}

// newcomer checks the user that is to be made.
func (c *call) newcomer() (email string, name object, problem *apiError) {
	email = strings.ToLower(text(c.body, "primaryEmail"))
	name, _ = c.body["name"].(object)
	password := text(c.body, "password")
	switch local, ours := strings.CutSuffix(email, "@"+Domain); {
	case email == "" || !strings.Contains(email, "@"):
		problem = invalidInput("primary_user_email")
	case !ours:
		problem = failure(http.StatusNotFound, "notFound", "Domain not found.")
	case local == "" || text(name, "givenName") == "" || text(name, "familyName") == "":
		problem = invalidInput("INVALID_GIVEN_NAME")
	case c.body["hashFunction"] == nil && (len(password) < 8 || len(password) > 100):
		problem = invalidInput("Bad password")
	case truth(c.body, "isAdmin"):
		problem = failure(http.StatusNotImplemented, "notImplemented", "fakegoogle makes no administrators: call users.makeAdmin")
	}
	if i, taken := c.tenant.index[email]; problem == nil && taken && !c.tenant.isDeleted(i) {
		problem = failure(http.StatusConflict, "duplicate", "Entity already exists.")
	}
	return email, name, problem
}

// deleteUser deletes a user, who can be brought back for 20 days. His grants, app passwords and sessions end.
func deleteUser(c *call, a *account) (object, *apiError) {
	if c.isCaller(a) {
		return nil, forbidden()
	}
	c.change(func() {
		a.deleted, a.deletedAt = true, c.now
		a.user["deletionTime"] = stamp(c.now)
		a.tokens, a.asps, a.sessions = nil, nil, map[string]bool{}
		c.tenant.goes(a.number, c.now)
	})
	c.audit("admin", "USER_SETTINGS", "DELETE_USER", parameter("USER_EMAIL", a.email))
	return nil, nil
}

// undeleteUser brings back a user who was deleted at most 20 days ago, by his id.
func undeleteUser(t *Tenant, c *call) (object, *apiError) {
	a, ok := t.userByKey(c.path["userKey"])
	if !ok || !a.deleted || c.path["userKey"] != a.id {
		return nil, failure(http.StatusPreconditionFailed, "conditionNotMet", "User cannot be undeleted: there is nobody to undelete.")
	}
	if c.now.Sub(a.deletedAt) > undeletable {
		return nil, invalidInput("The user was deleted too long ago")
	}
	if i := t.index[a.email]; i != a.number {
		return nil, failure(http.StatusConflict, "duplicate", "Entity already exists.")
	}
	c.change(func() {
		a.deleted = false
		t.comes(a.number, c.now)
		delete(a.user, "deletionTime")
		if unit := text(c.body, "orgUnitPath"); unit != "" {
			a.user["orgUnitPath"] = unit
		}
	})
	c.audit("admin", "USER_SETTINGS", "UNDELETE_USER", parameter("USER_EMAIL", a.email))
	return nil, nil
}

func (a *account) aliasList() []string {
	var out []string
	values, _ := a.user["aliases"].([]any)
	for _, v := range values {
		out = append(out, v.(string))
	}
	return out
}

func listAliases(c *call, a *account) (object, *apiError) {
	var items []object
	for _, alias := range a.aliasList() {
		items = append(items, a.alias(alias))
	}
	return list(object{"kind": "admin#directory#aliases"}, "aliases", items), nil
}

func (a *account) alias(alias string) object {
	o := object{"kind": "admin#directory#alias", "alias": alias, "primaryEmail": a.email, "id": a.id}
	o["etag"] = etag(o)
	return o
}

func insertAlias(c *call, a *account) (object, *apiError) {
	alias := strings.ToLower(text(c.body, "alias"))
	if !strings.HasSuffix(alias, "@"+Domain) {
		return nil, invalidInput("resource.alias")
	}
	if _, taken := c.tenant.index[alias]; taken {
		return nil, failure(http.StatusConflict, "duplicate", "Entity already exists.")
	}
	c.change(func() {
		a.user["aliases"] = texts(append(a.aliasList(), alias)...)
		c.tenant.index[alias] = a.number
	})
	c.audit("admin", "USER_SETTINGS", "ADD_NICKNAME", parameter("USER_EMAIL", a.email), parameter("USER_NICKNAME", alias))
	return a.alias(alias), nil
}

func deleteAlias(c *call, a *account) (object, *apiError) {
	alias := strings.ToLower(c.path["alias"])
	if !slices.Contains(a.aliasList(), alias) {
		return nil, invalidInput("resource_id")
	}
	c.change(func() {
		left := slices.DeleteFunc(a.aliasList(), func(s string) bool { return s == alias })
		delete(c.tenant.index, alias)
		delete(a.user, "aliases")
		if len(left) > 0 {
			a.user["aliases"] = texts(left...)
		}
	})
	return nil, nil
}
