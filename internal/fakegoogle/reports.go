package fakegoogle

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

func reportsAPI() map[string]handler {
	return map[string]handler{
		"reports.activities.list":          listActivities,
		"reports.userUsageReport.get":      userUsage,
		"reports.customerUsageReports.get": customerUsage,
	}
}

// The limits of the Reports API.
const (
	retention      = 180 * 24 * time.Hour
	gmailRetention = 30 * 24 * time.Hour
	gmailWindow    = 30 * 24 * time.Hour
)

// usualLag is how long after it happened an activity shows.
func usualLag(application string) time.Duration {
	switch application {
	case "admin", "chat", "chrome", "context_aware_access", "rules", "meet":
		return 2 * time.Minute
	case "calendar", "drive", "groups_enterprise":
		return 20 * time.Minute
	case "cloud_search":
		return 3 * time.Hour
	case "gmail":
		return 45 * time.Minute
	}
	return 30 * time.Minute // login, token, user_accounts, saml, ...: half an hour to three hours
}

// A wanted is what a listing of activities asks for.
type wanted struct {
	application string
	user        int // -1 is everybody
	from, to    time.Time
	event, ip   string
	client      string // OAuth client id
	filters     []filter
	after       key // only what is older than this
}

// A key orders activities; no two have the same. Two may have the same time and qualifier, as at Google: they differ in
// their part, which nobody sees.
type key struct {
	at        time.Time
	qualifier int64
	part      int
}

func (k key) String() string { return fmt.Sprintf("%d,%d,%d", k.at.UnixNano(), k.qualifier, k.part) }

func parseKey(s string) (key, bool) {
	var k key
	var nanos int64
	n, err := fmt.Sscanf(s, "%d,%d,%d", &nanos, &k.qualifier, &k.part)
	k.at = time.Unix(0, nanos)
	return k, n == 3 && err == nil
}

// compare puts the newer first.
func (k key) compare(other key) int {
	return cmp.Or(other.at.Compare(k.at), cmp.Compare(other.qualifier, k.qualifier), cmp.Compare(k.part, other.part))
}

// listActivities answers newest first. A page begins after the last activity of the page before, wherever that is by
// now: an activity that shows up late among those already listed is not in this chain of pages.
func listActivities(t *Tenant, c *call) (object, *apiError) {
	w, err := c.wantedActivities()
	if err != nil {
		return nil, err
	}
	p, err := c.asked()
	if err != nil {
		return nil, err
	}
	if p.After != "" {
		var ok bool
		if w.after, ok = parseKey(p.After); !ok {
			return nil, invalidParameter("pageToken", "Invalid pageToken")
		}
	}
	size := c.size(1000, 1000)
	found := t.activities(w, c.now, size+1)
	answer := object{"kind": "admin#reports#activities"}
	if len(found) > size {
		found = found[:size]
		answer["nextPageToken"] = pageToken{Page: p.Page + 1, After: found[size-1].key.String(), Digest: p.Digest}.String()
	}
	t.count(found)
	answer["etag"] = digestOf(found)
	c.finish = func() { // what an activity looks like depends on nothing that changes
		items := make([]any, len(found))
		for i, a := range found {
			items[i] = t.activityPairs(a)
			if c.query.Has("fields") {
				items[i] = plain(items[i])
			}
		}
		if len(items) > 0 {
			answer["items"] = items
		}
		c.large = 1500 * len(items)
	}
	return answer, nil
}

// digestOf is the entity tag of a page: activities never change, so their keys are enough.
func digestOf(found []activity) string {
	h := fnv.New64a()
	for _, a := range found {
		fmt.Fprint(h, a.key.at.UnixNano(), a.key.qualifier, a.key.part)
	}
	return `"` + strconv.FormatUint(h.Sum64(), 36) + `"`
}

// wantedActivities reads the request.
func (c *call) wantedActivities() (wanted, *apiError) {
	w := wanted{application: c.path["applicationName"], user: -1, event: c.arg("eventName"), ip: c.arg("actorIpAddress")}
	if !slices.Contains(applications(), w.application) {
		return w, invalidParameter("applicationName", "Invalid value '%s'. Value must match one of the applications", w.application)
	}
	if user := c.path["userKey"]; user != "all" {
		a, ok := c.tenant.userByKey(user)
		if !ok || a.deleted && user != a.id { // who is deleted is known by his id alone
			return w, failure(http.StatusBadRequest, "badRequest", "Bad request: unknown user %s", user)
		}
		w.user = a.number
	}
	var err *apiError
	if err = c.licensed(w.application); err != nil {
		return w, err
	}
	if w.client, err = c.clientFilter(); err != nil {
		return w, err
	}
	if w.from, w.to, err = c.window(); err != nil {
		return w, err
	}
	if kept := c.tenant.oldest(w.application, c.now); w.from.Before(kept) {
		w.from = kept
	}
	var ok bool
	if w.filters, ok = parseFilters(c.arg("filters")); !ok {
		return w, invalidParameter("filters", "Invalid filters")
	}
	return w, nil
}

// clientFilter reads applicationInfoFilter, such as oAuthClientId="1234".
func (c *call) clientFilter() (string, *apiError) {
	asked := c.arg("applicationInfoFilter")
	if asked == "" {
		return "", nil
	}
	client, ok := strings.CutPrefix(asked, `oAuthClientId="`)
	if !ok || !strings.HasSuffix(client, `"`) {
		return "", invalidParameter("applicationInfoFilter", "Invalid filter %s", asked)
	}
	return strings.TrimSuffix(client, `"`), nil
}

// oldest is the time of the oldest activity that Google still has.
func (t *Tenant) oldest(application string, now time.Time) time.Time {
	if application == "gmail" {
		return now.Add(-gmailRetention)
	}
	return now.Add(-retention)
}

// window reads startTime and endTime. For gmail both are needed and no more than 30 days apart.
func (c *call) window() (from, to time.Time, err *apiError) {
	to = c.now
	for name, into := range map[string]*time.Time{"startTime": &from, "endTime": &to} {
		value := c.arg(name)
		if value == "" {
			continue
		}
		at, parseErr := time.Parse(time.RFC3339, value)
		if parseErr != nil {
			return from, to, invalidParameter(name, "Invalid value for %s: %s", name, value)
		}
		*into = at
	}
	switch {
	case c.path["applicationName"] == "gmail" && (!c.has("startTime") || !c.has("endTime")):
		err = failure(http.StatusBadRequest, "invalid", "Start time and end time are required for Gmail requests.")
	case c.path["applicationName"] == "gmail" && to.Sub(from) > gmailWindow:
		err = failure(http.StatusBadRequest, "invalid", "The difference between start time and end time must not exceed 30 days for Gmail requests.")
	case c.has("startTime") && from.After(c.now):
		err = failure(http.StatusBadRequest, "invalid", "Start time cannot be in the future.")
	case to.Before(from):
		err = failure(http.StatusBadRequest, "invalid", "End time should be after start time.")
	}
	return from, to, err
}

// A filter is one comparison of the filters parameter.
type filter struct{ name, operator, value string }

// parseFilters reads name==value,name<>value,...
func parseFilters(s string) ([]filter, bool) {
	var all []filter
	if s == "" {
		return nil, true
	}
	for _, term := range strings.Split(s, ",") {
		found := false
		for _, operator := range []string{"==", "<>", "<=", ">=", "<", ">"} {
			if name, value, ok := strings.Cut(term, operator); ok && name != "" {
				all, found = append(all, filter{name, operator, value}), true
				break
			}
		}
		if !found {
			return nil, false
		}
	}
	return all, true
}

// holds compares a parameter's value, as a number where both are.
func (f filter) holds(value string) bool {
	order := strings.Compare(value, f.value)
	if a, err := strconv.ParseInt(value, 10, 64); err == nil {
		if b, err := strconv.ParseInt(f.value, 10, 64); err == nil {
			order = int(max(-1, min(1, a-b)))
		}
	}
	switch f.operator {
	case "==":
		return order == 0
	case "<>":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

// activityPairs writes an activity as Google does.
func (t *Tenant) activityPairs(a activity) pairs {
	qualifier := strconv.FormatInt(a.key.qualifier, 10)
	happened := t.made(a)
	events := make([]any, len(happened))
	for i, e := range happened {
		event := pairs{{"name", e.name}}
		if len(e.parameters) > 0 {
			event = append(event, pair{"parameters", e.parameters})
		}
		events[i] = append(event, pair{"type", e.kind})
	}
	o := make(pairs, 0, 11)
	o = append(o, pair{"actor", t.actorOf(a)}, pair{"etag", `"` + a.application + "/" + qualifier + "-" + strconv.Itoa(a.key.part) + `"`}, pair{"events", events},
		pair{"id", pairs{{"applicationName", a.application}, {"customerId", CustomerID}, {"time", stamp(a.key.at)}, {"uniqueQualifier", qualifier}}})
	if a.ip != "" {
		o = append(o, pair{"ipAddress", a.ip})
	}
	if a.habit != nil && a.habit.agent {
		o = append(o, pair{"isAgenticAction", true})
	}
	o = append(o, pair{"kind", "admin#reports#activity"})
	if a.ip != "" {
		o = append(o, pair{"networkInfo", networkOf(a.ip)})
	}
	if resources := a.resources; resources != nil {
		o = append(o, pair{"resourceDetails", resources})
	} else if resources := t.resources(a, happened); resources != nil {
		o = append(o, pair{"ownerDomain", Domain}, pair{"resourceDetails", resources})
	}
	if device := t.deviceInfo(a); device != nil {
		o = append(o, pair{"userDeviceInfo", device})
	}
	return o
}

// actorOf is who did it. Machines have a key and no address; the people at Google have one profile for all.
func (t *Tenant) actorOf(a activity) any {
	switch {
	case a.actor != nil:
		return a.actor
	case a.habit != nil && a.habit.by == machines:
		return pairs{{"callerType", "KEY"}, {"key", "SYSTEM"}}
	case a.habit != nil && a.habit.by == googlers:
		return pairs{{"callerType", "USER"}, {"profileId", "105250506097979753968"}}
	}
	var p person
	if a.user >= 0 {
		p = t.everybody()[a.user]
	}
	actor := make(pairs, 0, 5)
	if a.habit != nil && a.habit.agent {
		actor = append(actor, pair{"agentAttributionInfo", pairs{{"agentId", "agent-1"}, {"agentName", "Relances"}, {"agentOwner", pairs{{"email", p.email}}},
			{"agentType", "WORKSPACE_STUDIO"}}})
	}
	if a.client != "" {
		actor = append(actor, pair{"applicationInfo", pairs{{"applicationName", clientName(a.client)}, {"impersonation", a.client == ClientID}, {"oauthClientId", a.client}}})
	}
	actor = append(actor, pair{"callerType", "USER"})
	if a.user >= 0 {
		actor = append(actor, pair{"email", p.email}, pair{"profileId", p.id})
	}
	return actor
}

// clientName is what an OAuth client calls itself.
func clientName(client string) string {
	switch client {
	case ClientID:
		return "mbaudit"
	case calendarClient:
		return "Agenda Pro"
	case intruderClient:
		return "eM Client"
	}
	return client
}

// networkOf is what the log tells of an address.
func networkOf(ip string) pairs {
	asn, region := network(ip)
	o := pairs{{"ipAsn", []any{asn}}, {"regionCode", region}}
	if region == "FR" {
		o = append(o, pair{"subdivisionCode", "FR-ARA"})
	}
	return o
}

// network is where an address of the story belongs, with numbers reserved for documentation (RFC 5398).
func network(ip string) (asn int, region string) {
	switch {
	case strings.HasPrefix(ip, "203.0.113."):
		return 64511, "NG"
	case ip == "198.51.100.23": // where the traveller is
		return 64502, "PT"
	case strings.HasPrefix(ip, "198.51.100."):
		return 64501, "FR"
	}
	return 64500, "FR"
}

// usageDate reads the date of a usage report; the newest is two days old.
func (c *call) usageDate() *apiError {
	day, err := time.Parse(time.DateOnly, c.path["date"])
	if err != nil {
		return invalidParameter("date", "Invalid value '%s'", c.path["date"])
	}
	newest := c.now.AddDate(0, 0, -2).Truncate(24 * time.Hour)
	if day.After(newest) {
		return failure(http.StatusBadRequest, "invalid", "Data for dates later than %s is not yet available. Please check back later", newest.Format(time.DateOnly))
	}
	if c.now.Sub(day) > 450*24*time.Hour {
		return failure(http.StatusBadRequest, "invalid", "Data for dates before %s is not available", c.now.AddDate(0, 0, -450).Format(time.DateOnly))
	}
	return nil
}

func userUsage(t *Tenant, c *call) (object, *apiError) {
	if err := c.usageDate(); err != nil {
		return nil, err
	}
	numbers := make([]int, 0, len(t.everybody()))
	if c.path["userKey"] == "all" {
		for i := range t.everybody() {
			numbers = append(numbers, i)
		}
	} else {
		a, ok := t.userByKey(c.path["userKey"])
		if !ok {
			return nil, failure(http.StatusBadRequest, "badRequest", "Bad request: unknown user %s", c.path["userKey"])
		}
		numbers = append(numbers, a.number)
	}
	page, next, err := pageOf(c, numbers, 1000, 1000)
	if err != nil {
		return nil, err
	}
	answer := object{"kind": "admin#reports#usageReports"}
	if next != "" {
		answer["nextPageToken"] = next
	}
	reports := make([]object, len(page))
	for i, number := range page {
		reports[i] = t.usageOf(number, c)
	}
	return list(answer, "usageReports", reports), nil
}

// usageOf is what Google counted of a user on a day.
func (t *Tenant) usageOf(number int, c *call) object {
	p := t.person(number)
	d := t.dice("usage "+c.path["date"], number)
	all := []any{
		object{"name": "accounts:is_2sv_enrolled", "boolValue": t.newUser(p)["isEnrolledIn2Sv"]},
		object{"name": "accounts:is_suspended", "boolValue": p.role == suspended || p.role == abusive},
		object{"name": "accounts:used_quota_in_mb", "intValue": strconv.Itoa(100 + d.below(9000))},
		object{"name": "gmail:num_emails_sent", "intValue": strconv.Itoa(d.below(40))},
		object{"name": "gmail:num_emails_received", "intValue": strconv.Itoa(d.below(90))},
		object{"name": "gmail:last_webmail_time", "datetimeValue": c.path["date"] + fmt.Sprintf("T%02d:12:00.000Z", 7+d.below(10))},
	}
	if p.role == scanner || t.takenOver(p) && c.path["date"] >= t.at("2026-10-12 00:00:00").Format(time.DateOnly) {
		all = append(all, object{"name": "gmail:last_imap_time", "datetimeValue": c.path["date"] + "T19:50:00.000Z"})
	}
	return usageReport(c, object{"type": "USER", "customerId": CustomerID, "userEmail": p.email, "profileId": p.id}, all)
}

// usageReport keeps the parameters that are asked for.
func usageReport(c *call, entity object, all []any) object {
	if asked := c.arg("parameters"); asked != "" {
		names := strings.Split(asked, ",")
		all = slices.DeleteFunc(all, func(p any) bool { return !slices.Contains(names, text(p.(object), "name")) })
	}
	o := object{"kind": "admin#reports#usageReport", "date": c.path["date"], "entity": entity, "parameters": all}
	o["etag"] = etag(o)
	return o
}

func customerUsage(t *Tenant, c *call) (object, *apiError) {
	if err := c.usageDate(); err != nil {
		return nil, err
	}
	report := usageReport(c, object{"type": "CUSTOMER", "customerId": CustomerID}, []any{
		object{"name": "accounts:num_users", "intValue": strconv.Itoa(len(t.everybody()))},
		object{"name": "gmail:num_emails_sent", "intValue": strconv.Itoa(len(t.everybody()) * 12)},
	})
	return list(object{"kind": "admin#reports#usageReports"}, "usageReports", []object{report}), nil
}
