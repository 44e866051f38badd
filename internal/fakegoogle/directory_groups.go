package fakegoogle

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func directoryGroups() map[string]handler {
	const g = "directory.groups."
	const m = "directory.members."
	return map[string]handler{
		g + "list":                  listGroups,
		g + "get":                   onGroup(func(c *call, g *group) (object, *apiError) { return g.shown(), nil }),
		g + "aliases.list":          onGroup(listGroupAliases),
		m + "list":                  onGroup(listMembers),
		m + "get":                   onGroup(getMember),
		m + "insert":                onGroup(insertMember),
		m + "delete":                onGroup(deleteMember),
		"groupsSettings.groups.get": onlyAdmins(getGroupSettings),
	}
}

func (t *Tenant) groupByKey(key string) *group {
	i := slices.IndexFunc(t.org.groups, func(g *group) bool {
		return text(g.object, "email") == strings.ToLower(key) || text(g.object, "id") == key
	})
	if i < 0 {
		return nil
	}
	return t.org.groups[i]
}

func onGroup(h func(*call, *group) (object, *apiError)) handler {
	return func(t *Tenant, c *call) (object, *apiError) {
		g := t.groupByKey(c.path["groupKey"])
		if g == nil {
			return nil, notFoundKey("groupKey")
		}
		return h(c, g)
	}
}

func (g *group) shown() object {
	o := clone(g.object)
	o["directMembersCount"] = strconv.Itoa(len(g.members))
	o["etag"] = etag(o)
	return o
}

func listGroups(t *Tenant, c *call) (object, *apiError) {
	user := c.arg("userKey")
	if user == "" && c.arg("customer") == "" && c.arg("domain") == "" {
		return nil, failure(http.StatusBadRequest, "badRequest", "Bad Request")
	}
	if err := c.ourDomain(); err != nil {
		return nil, err
	}
	member := user
	if a, ok := t.userByKey(user); ok {
		member = a.id
	}
	var items []object
	for _, g := range t.org.groups {
		if user == "" || g.member(member) >= 0 {
			items = append(items, g.shown())
		}
	}
	return c.paged(object{"kind": "admin#directory#groups"}, "groups", items, 200, 200)
}

func listGroupAliases(c *call, g *group) (object, *apiError) {
	var items []object
	aliases, _ := g.object["aliases"].([]any)
	for _, alias := range aliases {
		items = append(items, object{"kind": "admin#directory#alias", "alias": alias, "primaryEmail": g.object["email"], "id": g.object["id"]})
	}
	return list(object{"kind": "admin#directory#aliases"}, "aliases", tagged(items)), nil
}

// member finds a member by id or address.
func (g *group) member(key string) int {
	return slices.IndexFunc(g.members, func(o object) bool {
		return text(o, "id") == key || text(o, "email") == strings.ToLower(key)
	})
}

// listMembers lists a group's members; with includeDerivedMembership, those of the groups in it too.
func listMembers(c *call, g *group) (object, *apiError) {
	members := g.members
	if c.arg("includeDerivedMembership") == "true" {
		members = c.tenant.derived(g, map[*group]bool{})
	}
	if roles := c.arg("roles"); roles != "" {
		members = slices.DeleteFunc(slices.Clone(members), func(o object) bool { return !slices.Contains(strings.Split(roles, ","), text(o, "role")) })
	}
	page, next, err := pageOf(c, members, 200, 200)
	if err != nil {
		return nil, err
	}
	answer := object{"kind": "admin#directory#members"}
	if next != "" {
		answer["nextPageToken"] = next
	}
	return list(answer, "members", tagged(page)), nil
}

func (t *Tenant) derived(g *group, seen map[*group]bool) []object {
	seen[g] = true
	all := slices.Clone(g.members)
	for _, m := range g.members {
		if inner := t.groupByKey(text(m, "email")); inner != nil && !seen[inner] {
			all = append(all, t.derived(inner, seen)...)
		}
	}
	return all
}

func getMember(c *call, g *group) (object, *apiError) {
	i := g.member(c.path["memberKey"])
	if i < 0 {
		return nil, notFoundKey("memberKey")
	}
	return tagged(g.members[i : i+1])[0], nil
}

func insertMember(c *call, g *group) (object, *apiError) {
	email := strings.ToLower(firstOf(text(c.body, "email"), text(c.body, "id")))
	if g.member(email) >= 0 {
		return nil, failure(http.StatusConflict, "duplicate", "Member already exists.")
	}
	a, ok := c.tenant.userByKey(email)
	if !ok {
		return nil, notFoundKey("memberKey")
	}
	made := object{"kind": "admin#directory#member", "id": a.id, "email": a.email, "role": firstOf(text(c.body, "role"), "MEMBER"),
		"type": "USER", "status": "ACTIVE"}
	c.change(func() { g.members = append(slices.Clone(g.members), made) })
	c.audit("admin", "GROUP_SETTINGS", "ADD_GROUP_MEMBER", parameter("GROUP_EMAIL", text(g.object, "email")), parameter("USER_EMAIL", email))
	return tagged([]object{made})[0], nil
}

func deleteMember(c *call, g *group) (object, *apiError) {
	i := g.member(c.path["memberKey"])
	if i < 0 {
		return nil, notFoundKey("memberKey")
	}
	id, email := text(g.members[i], "id"), text(g.members[i], "email")
	c.change(func() { g.members = without(g.members, "id", id) })
	c.audit("admin", "GROUP_SETTINGS", "REMOVE_GROUP_MEMBER", parameter("GROUP_EMAIL", text(g.object, "email")), parameter("USER_EMAIL", email))
	return nil, nil
}

func getGroupSettings(t *Tenant, c *call) (object, *apiError) {
	g := t.groupByKey(c.path["groupUniqueId"])
	if g == nil {
		return nil, notFoundEntity()
	}
	return clone(g.settings), nil
}
