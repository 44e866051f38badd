package fakegoogle

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

func alertCenter() map[string]handler {
	const a = "alertcenter.alerts."
	return map[string]handler{
		a + "list":                onlyAdmins(listAlerts),
		a + "get":                 onlyAdmins(getAlert),
		a + "getMetadata":         onlyAdmins(getAlertMetadata),
		a + "delete":              onlyAdmins(deleteAlert),
		a + "undelete":            onlyAdmins(undeleteAlert),
		a + "feedback.list":       onlyAdmins(listFeedback),
		"alertcenter.getSettings": onlyAdmins(func(*Tenant, *call) (object, *apiError) { return object{}, nil }),
	}
}

// onlyAdmins is for APIs that answer administrators alone, with the error of the newer ones.
func onlyAdmins(h handler) handler {
	return func(t *Tenant, c *call) (object, *apiError) {
		a, ok := t.userByKey(c.subject)
		if !ok || a.isSuspended() || a.deleted || !truth(a.user, "isAdmin") {
			return nil, failure(http.StatusForbidden, "forbidden", "The caller does not have permission")
		}
		return h(t, c)
	}
}

func (t *Tenant) addAlerts(o *organisation) {
	add := func(id, kind, source, when string, data object) {
		o.alerts = append(o.alerts, object{"alertId": id, "customerId": CustomerID, "type": kind, "source": source, "createTime": stamp(t.at(when)),
			"startTime":  stamp(t.at(when)),
			"updateTime": stamp(t.at(when)), "deleted": false, "data": data, "securityInvestigationToolLink": "https://admin.google.com/ac/ac/" + id,
			"metadata": object{"alertId": id, "customerId": CustomerID, "status": "NOT_STARTED", "severity": "MEDIUM", "updateTime": stamp(t.at(when))}})
	}
	phishing := object{"@type": "type.googleapis.com/google.apps.alertcenter.type.MailPhishing", "isInternal": false,
		"maliciousEntity": object{"fromHeader": "lettre@bois-info.example"}}
	add("a0000000-0000-4000-8000-000000000001", "User reported phishing", "Gmail phishing", "2026-09-30 09:12:00", phishing)
	if t.config.Quiet {
		return
	}
	add("a0000000-0000-4000-8000-000000000002", "Suspicious login", "Google identity", "2026-10-12 07:08:00",
		object{"@type": "type.googleapis.com/google.apps.alertcenter.type.AccountWarning",
			"email": Victim, "loginDetails": object{"loginTime": stamp(t.at("2026-10-12 07:03:04")), "ipAddress": Intruder}})
	add("a0000000-0000-4000-8000-000000000003", "User reported phishing", "Gmail phishing", "2026-10-15 07:15:00",
		object{"@type": "type.googleapis.com/google.apps.alertcenter.type.MailPhishing",
			"isInternal": true, "maliciousEntity": object{"fromHeader": Victim}})
}

// listAlerts lists alerts, newest first. Of the filter language it understands createTime, type and source with AND.
func listAlerts(t *Tenant, c *call) (object, *apiError) {
	var items []object
	for _, alert := range slices.Backward(t.org.alerts) {
		match, ok := matchesAlert(alert, c.arg("filter"))
		if !ok {
			return nil, invalidArgument("Request contains an invalid argument.")
		}
		if match && !truth(alert, "deleted") && !c.now.Before(alertTime(alert)) {
			items = append(items, alert)
		}
	}
	return c.paged(object{}, "alerts", tagged(items), 20, 100)
}

func alertTime(alert object) time.Time {
	when, err := time.Parse(time.RFC3339, text(alert, "createTime"))
	if err != nil {
		panic("fakegoogle: " + err.Error())
	}
	return when
}

// matchesAlert says whether an alert matches, and whether the expression is one that is understood.
func matchesAlert(alert object, expression string) (match, ok bool) {
	if expression == "" {
		return true, true
	}
	compact := func(s string) string { return strings.NewReplacer(" ", "", `"`, "").Replace(s) }
	for _, term := range strings.Split(expression, " AND ") {
		at := strings.IndexAny(compact(term), "<>=")
		if at < 0 {
			return false, false
		}
		name, rest := compact(term)[:at], compact(term)[at:]
		value := strings.TrimLeft(rest, "<>=")
		operator := strings.TrimSuffix(rest, value)
		if !slices.Contains([]string{"createTime", "type", "source"}, name) {
			return false, false
		}
		if operator == "=" {
			operator = "=="
		}
		if !(filter{name, operator, value}).holds(compact(text(alert, name))) {
			return false, true
		}
	}
	return true, true
}

func (c *call) alert() (object, *apiError) {
	return one(c.tenant.org.alerts, "alertId", c.path["alertId"])
}

func getAlert(t *Tenant, c *call) (object, *apiError) {
	alert, err := c.alert()
	if err != nil {
		return nil, err
	}
	return tagged([]object{alert})[0], nil
}

func getAlertMetadata(t *Tenant, c *call) (object, *apiError) {
	alert, err := c.alert()
	if err != nil {
		return nil, err
	}
	return tagged([]object{alert["metadata"].(object)})[0], nil
}

func deleteAlert(t *Tenant, c *call) (object, *apiError) {
	alert, err := c.alert()
	if err != nil {
		return nil, err
	}
	c.change(func() { alert["deleted"] = true })
	c.audit("admin", "ALERT_CENTER", "ALERT_CENTER_BATCH_DELETE_ALERTS", parameter("ALERT_ID", text(alert, "alertId")))
	return object{}, nil
}

func undeleteAlert(t *Tenant, c *call) (object, *apiError) {
	alert, err := c.alert()
	if err != nil {
		return nil, err
	}
	c.change(func() { alert["deleted"] = false })
	shown := clone(alert)
	shown["deleted"] = false
	return shown, nil
}

func listFeedback(t *Tenant, c *call) (object, *apiError) {
	_, err := c.alert()
	return object{}, err
}
