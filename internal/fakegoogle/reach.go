package fakegoogle

import (
	"net/http"
	"strings"
)

// reach are the methods that tell how far an account reaches: groups of groups, calendars, scripts.
func reach() map[string]handler {
	return map[string]handler{
		"cloudidentity.groups.memberships.searchTransitiveGroups": onlyAdmins(searchTransitiveGroups),
		"calendar.calendarList.list":                              ofUser(listCalendars),
	}
}

// searchTransitiveGroups lists the groups that somebody is in, through other groups too. Of CEL it understands one member
// and one label.
func searchTransitiveGroups(t *Tenant, c *call) (object, *apiError) {
	rest, isMember := strings.CutPrefix(c.arg("query"), "member_key_id == '")
	member, label, found := strings.Cut(rest, "' && ")
	if !isMember || !found || label != "'cloudidentity.googleapis.com/groups.discussion_forum' in labels" {
		return nil, failure(http.StatusNotImplemented, "notImplemented", "fakegoogle does not understand query %s", c.arg("query"))
	}
	var items []object
	for _, g := range t.org.groups {
		direct := g.member(member) >= 0
		if !direct && !t.within(g, member, map[*group]bool{}) {
			continue
		}
		relation := "INDIRECT"
		if direct {
			relation = "DIRECT"
		}
		items = append(items, object{"group": "groups/" + text(g.object, "id"), "groupKey": object{"id": text(g.object, "email")},
			"displayName": text(g.object, "name"), "labels": object{"cloudidentity.googleapis.com/groups.discussion_forum": ""},
			"relationType": relation, "roles": []any{object{"role": "MEMBER"}}})
	}
	return c.paged(object{}, "memberships", items, 200, 1000)
}

// within says whether somebody is in a group of the group.
func (t *Tenant) within(g *group, member string, seen map[*group]bool) bool {
	seen[g] = true
	for _, m := range g.members {
		inner := t.groupByKey(text(m, "email"))
		if inner != nil && !seen[inner] && (inner.member(member) >= 0 || t.within(inner, member, seen)) {
			return true
		}
	}
	return false
}

// listCalendars lists the user's own calendar and one of holidays.
func listCalendars(c *call, a *account) (object, *apiError) {
	for _, more := range []string{"showHidden", "showDeleted"} {
		c.arg(more) // nothing is hidden or deleted
	}
	items := []object{
		{"kind": "calendar#calendarListEntry", "id": a.email, "summary": a.email, "accessRole": "owner", "primary": true, "selected": true, "timeZone": "Europe/Paris"},
		{"kind": "calendar#calendarListEntry", "id": "fr.french#holiday@group.v.calendar.google.com", "summary": "Jours fériés", "accessRole": "reader",
			"timeZone": "Europe/Paris"},
	}
	return c.paged(object{"kind": "calendar#calendarList"}, "items", tagged(items), 100, 250)
}
