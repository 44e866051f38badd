package fakegoogle

import (
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

func driveAPI() map[string]handler {
	return map[string]handler{
		"drive.about.get":              ofUser(aboutDrive),
		"drive.files.list":             ofUser(listFiles),
		"drive.files.get":              ofUser(getFile),
		"drive.permissions.list":       ofUser(listPermissions),
		"drive.permissions.get":        ofUser(getPermission),
		"drive.permissions.create":     ofUser(createPermission),
		"drive.permissions.update":     ofUser(updatePermission),
		"drive.permissions.delete":     ofUser(deletePermission),
		"drive.drives.list":            ofUser(listDrives),
		"driveactivity.activity.query": ofUser(queryActivity),
		"calendar.acl.list":            ofUser(listAccess),
		"calendar.acl.insert":          ofUser(insertAccess),
		"calendar.acl.delete":          ofUser(deleteAccess),
	}
}

// ofUser is for APIs that answer a user about what is his.
func ofUser(h func(*call, *account) (object, *apiError)) handler {
	return func(t *Tenant, c *call) (object, *apiError) {
		a, ok := t.userByKey(c.subject)
		if !ok || a.deleted || a.isSuspended() {
			return nil, unauthenticated()
		}
		return h(c, a)
	}
}

// files are a user's files; the victim shared one with the intruder, who did it.
func (t *Tenant) files(a *account) []object {
	if files, made := t.org.files[a.number]; made {
		return files
	}
	files := []object{}
	d := t.dice("files", a.number)
	add := func(id, name string, modified time.Time, others ...object) {
		owner := object{"kind": "drive#permission", "id": a.id[8:], "type": "user", "role": "owner", "emailAddress": a.email,
			"displayName": a.given + " " + a.family, "deleted": false, "pendingOwner": false}
		permissions := []any{owner}
		for _, p := range others {
			permissions = append(permissions, p)
		}
		files = append(files, object{"kind": "drive#file", "id": id, "name": name, "mimeType": "application/vnd.google-apps.spreadsheet",
			"trashed": false, "ownedByMe": true,
			"owners": []any{object{"kind": "drive#user", "displayName": a.given + " " + a.family, "me": true, "permissionId": a.id[8:], "emailAddress": a.email}},
			"shared": len(others) > 0, "permissions": permissions, "createdTime": stamp(modified.AddDate(0, -1,
				0)), "modifiedTime": stamp(modified), "version": strconv.Itoa(1 + d.below(50)),
			"webViewLink": "https://docs.google.com/spreadsheets/d/" + id + "/edit"})
	}
	for i := range 3 + d.below(5) {
		add(fmt.Sprintf("1fAkE%05d%02d", a.number, i), fmt.Sprintf("Devis %04d", d.below(9999)), t.morning().AddDate(0, 0, -1-d.below(300)))
	}
	if t.takenOver(a.person) {
		add(sharedFile, "Clients 2026", t.at("2026-10-14 20:30:15"),
			object{"kind": "drive#permission", "id": intruderPermission, "type": "user", "role": "writer", "emailAddress": IntruderForward,
				"displayName": IntruderForward, "deleted": false, "pendingOwner": false},
			object{"kind": "drive#permission", "id": "anyoneWithLink", "type": "anyone", "role": "reader", "allowFileDiscovery": false})
	}
	slices.SortStableFunc(files, func(x, y object) int { return strings.Compare(text(y, "modifiedTime"), text(x, "modifiedTime")) })
	t.org.files[a.number] = files
	return files
}

// unlessAsked is what Drive shows of an answer when fields does not say: very little, and no permissions.
func (c *call) unlessAsked(answer object, fields string) (object, *apiError) {
	if c.query.Get("fields") != "" {
		return answer, nil
	}
	return mask(answer, fields)
}

func aboutDrive(c *call, a *account) (object, *apiError) {
	if c.query.Get("fields") == "" {
		return nil, required("fields")
	}
	return object{"kind": "drive#about", "user": object{"kind": "drive#user", "displayName": a.given + " " + a.family, "me": true, "emailAddress": a.email}}, nil
}

// listFiles lists the files of the user, last modified first. Of the search language it knows the owner and the trash.
func listFiles(c *call, a *account) (object, *apiError) {
	switch q := c.arg("q"); q {
	case "", "trashed=false", "trashed = false", "'me' in owners", "'" + a.email + "' in owners":
	default:
		return nil, failure(http.StatusNotImplemented, "notImplemented", "fakegoogle does not understand q=%s", q)
	}
	var files []object
	for _, file := range c.tenant.files(a) {
		if text(file, "driveId") != "" { // who has access to what lies on a shared drive is not in a list of files
			file = clone(file)
			delete(file, "permissions")
		}
		files = append(files, file)
	}
	answer, err := c.paged(object{"kind": "drive#fileList", "incompleteSearch": false}, "files", files, 100, 1000)
	if err != nil {
		return nil, err
	}
	return c.unlessAsked(answer, "kind,incompleteSearch,nextPageToken,files(kind,id,name,mimeType)")
}

// listDrives lists the shared drives: everybody has the one of the company.
func listDrives(c *call, a *account) (object, *apiError) {
	return c.paged(object{"kind": "drive#driveList"}, "drives", []object{{"kind": "drive#drive", "id": "0AFakEUk9PVA", "name": "Chantiers"}}, 10, 100)
}

// file finds the file that the path names, if the user may see it.
func (c *call) file(a *account) (object, *apiError) {
	files := c.tenant.files(a)
	i := where(files, "id", c.path["fileId"])
	if i < 0 {
		e := failure(http.StatusNotFound, "notFound", "File not found: %s.", c.path["fileId"])
		e.location = "parameter:fileId"
		return nil, e
	}
	return files[i], nil
}

func getFile(c *call, a *account) (object, *apiError) {
	file, err := c.file(a)
	if err != nil {
		return nil, err
	}
	return c.unlessAsked(file, "kind,id,name,mimeType")
}

func permissions(file object) []object {
	var out []object
	for _, p := range file["permissions"].([]any) {
		out = append(out, p.(object))
	}
	return out
}

func listPermissions(c *call, a *account) (object, *apiError) {
	file, err := c.file(a)
	if err != nil {
		return nil, err
	}
	answer, err := c.paged(object{"kind": "drive#permissionList"}, "permissions", permissions(file), 100, 100)
	if err != nil {
		return nil, err
	}
	return c.unlessAsked(answer, "kind,nextPageToken,permissions(kind,id,type,role)")
}

// permission finds the permission that the path names.
func (c *call) permission(a *account) (file, permission object, err *apiError) {
	if file, err = c.file(a); err != nil {
		return nil, nil, err
	}
	all := permissions(file)
	i := where(all, "id", c.path["permissionId"])
	if i < 0 {
		err = failure(http.StatusNotFound, "notFound", "Permission not found: %s.", c.path["permissionId"])
		return nil, nil, err
	}
	return file, all[i], nil
}

func getPermission(c *call, a *account) (object, *apiError) {
	_, permission, err := c.permission(a)
	if err != nil {
		return nil, err
	}
	return c.unlessAsked(permission, "kind,id,type,role")
}

func updatePermission(c *call, a *account) (object, *apiError) {
	_, permission, err := c.permission(a)
	if err != nil {
		return nil, err
	}
	if len(c.body) != 1 || text(c.body, "role") == "" {
		return nil, failure(http.StatusNotImplemented, "notImplemented", "fakegoogle changes only the role of a permission")
	}
	changed := clone(permission)
	changed["role"] = firstOf(text(c.body, "role"), text(permission, "role"))
	c.change(func() { permission["role"] = changed["role"] })
	return c.unlessAsked(changed, "kind,id,type,role")
}

// createPermission shares a file. Who has it already keeps the id of his permission, as Drive derives it from who he is.
func createPermission(c *call, a *account) (object, *apiError) {
	file, err := c.file(a)
	if err != nil {
		return nil, err
	}
	c.arg("sendNotificationEmail")
	kind, role := text(c.body, "type"), text(c.body, "role")
	if !slices.Contains([]string{"user", "group", "domain", "anyone"}, kind) || !slices.Contains([]string{"writer", "commenter", "reader"}, role) {
		return nil, failure(http.StatusBadRequest, "invalid", "The permission type or role field is not valid.")
	}
	made := object{"kind": "drive#permission", "type": kind, "role": role}
	switch kind {
	case "anyone":
		made["id"], made["allowFileDiscovery"] = "anyoneWithLink", truth(c.body, "allowFileDiscovery")
	case "domain":
		made["id"], made["domain"] = "domain-"+text(c.body, "domain"), text(c.body, "domain")
	default:
		who := text(c.body, "emailAddress")
		made["id"], made["emailAddress"], made["displayName"], made["deleted"], made["pendingOwner"] = permissionID(who), who, who, false, false
	}
	c.change(func() {
		others := without(permissions(file), "id", text(made, "id"))
		file["permissions"], file["shared"] = list(object{}, "p", append(others, made))["p"], true
	})
	return c.unlessAsked(made, "kind,id,type,role")
}

// permissionID is what Drive calls the permissions of a person, in all files.
func permissionID(who string) string {
	if who == IntruderForward {
		return intruderPermission
	}
	sum := fnv.New64a()
	sum.Write([]byte(who))
	return fmt.Sprintf("%020d", sum.Sum64()%1e19)
}

func deletePermission(c *call, a *account) (object, *apiError) {
	file, permission, err := c.permission(a)
	if err != nil {
		return nil, err
	}
	if text(permission, "role") == "owner" {
		return nil, failure(http.StatusForbidden, "insufficientFilePermissions", "The owner of a file cannot be removed.")
	}
	c.change(func() {
		left := without(permissions(file), "id", text(permission, "id"))
		file["permissions"] = list(object{}, "p", left)["p"]
		file["shared"] = len(left) > 1
	})
	return nil, nil
}

// queryActivity tells what happened to files, newest first: they were made, edited and shared. It answers a POST that
// changes nothing.
func queryActivity(c *call, a *account) (object, *apiError) {
	keep, err := c.driveFilter()
	if err != nil {
		return nil, err
	}
	var items []object
	for _, file := range c.tenant.files(a) {
		if item := text(c.body, "itemName"); item == "" || item == "items/"+text(file, "id") {
			items = append(items, driveActivities(file, a)...)
		}
	}
	slices.SortStableFunc(items, func(x, y object) int { return strings.Compare(text(y, "timestamp"), text(x, "timestamp")) })
	items = slices.DeleteFunc(items, func(o object) bool { return !keep(o) })
	size, _ := c.body["pageSize"].(float64)
	c.query.Set("pageSize", strconv.Itoa(int(size)))
	c.query.Set("pageToken", text(c.body, "pageToken"))
	return c.paged(object{}, "activities", items, 50, 100)
}

// driveActivities are the activities of one file. What the intruder does, he does as the user.
func driveActivities(file object, a *account) []object {
	target := object{"driveItem": object{"name": "items/" + text(file, "id"), "title": text(file, "name"), "mimeType": text(file, "mimeType"), "driveFile": object{},
		"owner": object{"user": object{"knownUser": object{"personName": "people/" + a.id, "isCurrentUser": true}}}}}
	actor := object{"user": object{"knownUser": object{"personName": "people/" + a.id, "isCurrentUser": true}}}
	one := func(when string, detail object) object {
		return object{"timestamp": when, "primaryActionDetail": detail, "actors": []any{actor}, "targets": []any{target}, "actions": []any{object{"detail": detail}}}
	}
	all := []object{one(text(file, "modifiedTime"), object{"edit": object{}}), one(text(file, "createdTime"), object{"create": object{"new": object{}}})}
	var added []any
	for _, p := range permissions(file) {
		role := map[string]string{"writer": "EDITOR", "reader": "VIEWER", "commenter": "COMMENTER"}[text(p, "role")]
		switch {
		case role == "":
		case text(p, "type") == "anyone":
			added = append(added, object{"role": role, "anyone": object{}})
		default:
			added = append(added, object{"role": role, "user": object{"unknownUser": object{}}})
		}
	}
	if len(added) > 0 {
		all[0] = one(text(file, "modifiedTime"), object{"permissionChange": object{"addedPermissions": added}})
	}
	return all
}

// driveFilter understands time with >=, >, <= and < and a number of milliseconds or a time in quotes, and
// detail.action_detail_case:NAME or :(NAME NAME), joined by AND.
func (c *call) driveFilter() (func(object) bool, *apiError) {
	if ancestor := text(c.body, "ancestorName"); ancestor != "" && ancestor != "items/root" {
		return nil, failure(http.StatusNotImplemented, "notImplemented", "fakegoogle does not understand ancestorName %s", ancestor)
	}
	var all []func(object) bool
	for _, term := range strings.Split(text(c.body, "filter"), " AND ") {
		match, ok := driveTerm(strings.TrimSpace(term))
		if !ok {
			return nil, failure(http.StatusNotImplemented, "notImplemented", "fakegoogle does not understand filter %s", term)
		}
		all = append(all, match)
	}
	return func(o object) bool {
		return !slices.ContainsFunc(all, func(match func(object) bool) bool { return !match(o) })
	}, nil
}

func driveTerm(term string) (func(object) bool, bool) {
	if term == "" {
		return func(object) bool { return true }, true
	}
	if cases, ok := strings.CutPrefix(term, "detail.action_detail_case:"); ok {
		names := strings.Fields(strings.ToLower(strings.ReplaceAll(strings.Trim(cases, "()"), "_", "")))
		return func(o object) bool {
			for kind := range o["primaryActionDetail"].(object) {
				return slices.Contains(names, strings.ToLower(kind))
			}
			return false
		}, true
	}
	for _, operator := range []string{">=", "<=", ">", "<"} {
		name, value, ok := strings.Cut(term, operator)
		if !ok || strings.TrimSpace(name) != "time" {
			continue
		}
		bound, ok := driveTime(strings.TrimSpace(value))
		return func(o object) bool { return filter{operator: operator, value: bound}.holds(text(o, "timestamp")) }, ok
	}
	return nil, false
}

// driveTime writes a time of a filter as the tenant writes times.
func driveTime(value string) (string, bool) {
	if ms, err := strconv.ParseInt(value, 10, 64); err == nil {
		return stamp(time.UnixMilli(ms)), true
	}
	when, err := time.Parse(time.RFC3339, strings.Trim(value, `"'`))
	return stamp(when), err == nil
}

// access are the rules of a user's calendar.
func (t *Tenant) access(a *account) []object {
	if rules, made := t.org.calendars[a.number]; made {
		return rules
	}
	rules := []object{accessRule("user", a.email, "owner"), accessRule("domain", Domain, "reader")}
	if t.takenOver(a.person) {
		rules = append(rules, accessRule("user", IntruderForward, "writer"))
	}
	t.org.calendars[a.number] = rules
	return rules
}

// accessRule is one rule; its id says for whom it is.
func accessRule(kind, value, role string) object {
	o := object{"kind": "calendar#aclRule", "id": kind + ":" + value, "role": role, "scope": object{"type": kind, "value": value}}
	o["etag"] = etag(o)
	return o
}

// ownCalendar refuses any calendar but the caller's.
func (c *call) ownCalendar(a *account) *apiError {
	if id := c.path["calendarId"]; id != "primary" && id != a.email {
		return failure(http.StatusNotFound, "notFound", "Not Found")
	}
	return nil
}

func listAccess(c *call, a *account) (object, *apiError) {
	if err := c.ownCalendar(a); err != nil {
		return nil, err
	}
	c.arg("showDeleted") // none is
	return c.paged(object{"kind": "calendar#acl"}, "items", c.tenant.access(a), 100, 250)
}

// insertAccess makes a rule, in the place of one for the same people.
func insertAccess(c *call, a *account) (object, *apiError) {
	if err := c.ownCalendar(a); err != nil {
		return nil, err
	}
	c.arg("sendNotifications")
	scope, _ := c.body["scope"].(object)
	kind, role := text(scope, "type"), text(c.body, "role")
	if !slices.Contains([]string{"user", "group", "domain"}, kind) || text(scope, "value") == "" ||
		!slices.Contains([]string{"none", "freeBusyReader", "reader", "writer", "owner"}, role) {
		return nil, failure(http.StatusBadRequest, "invalid", "Invalid scope or role.")
	}
	made := accessRule(kind, text(scope, "value"), role)
	c.change(func() {
		c.tenant.org.calendars[a.number] = append(without(c.tenant.access(a), "id", text(made, "id")), made)
	})
	return made, nil
}

func deleteAccess(c *call, a *account) (object, *apiError) {
	if err := c.ownCalendar(a); err != nil {
		return nil, err
	}
	rules := c.tenant.access(a)
	if where(rules, "id", c.path["ruleId"]) < 0 {
		return nil, failure(http.StatusNotFound, "notFound", "Not Found")
	}
	c.change(func() { c.tenant.org.calendars[a.number] = without(c.tenant.access(a), "id", c.path["ruleId"]) })
	return nil, nil
}
