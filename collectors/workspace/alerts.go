package workspace

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// alerts are all of the tenant's. One that an administrator deletes is gone for good after 30 days.
func alerts() source {
	return source{resource: "alertcenter/alerts", api: alertCenter, path: "v1beta1/alerts", query: url.Values{"pageSize": {"100"}}, scope: scopeAlerts, list: "alerts",
		needs: "the Alert Center", things: alertThings}
}

// alertThings names an alert, with all addresses that stand anywhere in it: each type of alert has them elsewhere.
func alertThings(item json.RawMessage) []thing {
	named := field("alertId")(item)
	if len(named) == 0 {
		return nil
	}
	for _, found := range regexp.MustCompile(`[^\s"<>,;:()\[\]\\]+@[^\s"<>,;:()\[\]\\]+`).FindAll(item, -1) {
		if a := strings.ToLower(string(found)); !slices.Contains(named[0].about, a) {
			named[0].about = append(named[0].about, a)
		}
	}
	return named
}

// alertDetails are the alerts that name the account, what became of each, and what administrators said of it.
func alertDetails() stage {
	row := func(resource, path, list string) perThing {
		return perThing{source: source{resource: resource, api: alertCenter, path: "v1beta1/alerts/{thing}" + path, scope: scopeAlerts, list: list, needs: "the Alert Center"}}
	}
	return fanOut{name: "alerts", list: alerts(), shared: true, rows: []perThing{
		row("alertcenter/alert", "", ""), row("alertcenter/metadata", "/metadata", ""), row("alertcenter/feedback", "/feedback", "feedback"),
	}}.stage()
}

// alertSources are read once for all accounts.
func alertSources() []source {
	return []source{
		alerts(),
		{resource: "alertcenter/settings", api: alertCenter, path: "v1beta1/settings", scope: scopeAlerts, needs: "the Alert Center"},
	}
}
