package workspace

import (
	"encoding/json"
	"net/url"
)

// calendarStage are the calendars that the account sees, hidden and removed ones too, and of its own who else has access.
func calendarStage() stage {
	return fanOut{name: "calendars", own: true,
		list: source{resource: "calendar/calendarList", api: calendar, path: "calendar/v3/users/me/calendarList",
			query: url.Values{"showHidden": {"true"}, "showDeleted": {"true"}, "maxResults": {"250"}}, scope: scopeCalendars, list: "items", things: ownCalendars},
		rows: []perThing{{source: source{resource: "calendar/acl", api: calendar, path: "calendar/v3/calendars/{thing}/acl",
			query: url.Values{"showDeleted": {"true"}, "maxResults": {"250"}}, scope: scopeCalendarAccess, list: "items"}}},
	}.stage()
}

// ownCalendars names a calendar that the account owns: Google shows the access rules of a calendar to its owners.
func ownCalendars(item json.RawMessage) []thing {
	var one struct {
		ID      string `json:"id"`
		Role    string `json:"accessRole"`
		Deleted bool   `json:"deleted"`
	}
	if json.Unmarshal(item, &one) != nil || one.ID == "" || one.Role != "owner" || one.Deleted {
		return nil
	}
	return []thing{{name: one.ID}}
}
