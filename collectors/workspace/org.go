package workspace

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
)

const (
	usersResource   = "directory/users"
	createdResource = "directory/usersCreated"
	usualWindow     = 180 * 24 * time.Hour // for which Google keeps most logs
)

// groups are those that the user is a member of himself.
func groups() source {
	return source{resource: groupsResource, api: directory, path: "admin/directory/v1/groups", query: url.Values{"userKey": {"{user}"}, "maxResults": {"200"}},
		scope: scopeGroup, list: "groups", things: field("email")}
}

// groupDetails asks about each group of the user who is in it, groups in groups too, and what it lets people do.
func groupDetails() stage {
	return fanOut{name: "groups", list: groups(), rows: []perThing{
		{source: source{resource: "directory/groupMembers", api: directory, path: "admin/directory/v1/groups/{thing}/members",
			query: url.Values{"includeDerivedMembership": {"true"}, "maxResults": {"200"}}, scope: scopeGroup, list: "members"}, part: address},
		{source: source{resource: "directory/groupAliases", api: directory, path: "admin/directory/v1/groups/{thing}/aliases", scope: scopeGroup, list: "aliases"}, part: address},
		{source: source{resource: "groupssettings/groups", api: groupsSettings, path: "groups/v1/groups/{thing}", query: url.Values{"alt": {"json"}}, scope: scopeGroupSettings,
			needs: "Groups, or the role of a Groups Reader"}, part: address},
	}}.stage()
}

const unitResource = "directory/orgunit"

// unitStage is the organisational unit that the user is in: policies, licences and holds go by it.
func unitStage() stage {
	return stage{"organisational unit", oneRow(unitResource), func(ctx context.Context, r *run) error { return r.unit(ctx) }}
}

func (r *run) unit(ctx context.Context) error {
	row := source{resource: unitResource, api: directory, scope: scopeUnits}
	if r.sink.Has(r.scope.Account, unitResource, "") {
		return nil
	}
	user, err := r.record(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	path := strings.Trim(user.Unit, "/")
	switch {
	case err != nil:
		row.scope = scopeUser
		return r.gap(row, 1, request{}, err)
	case path == "": // Google answers for no path of it
		return r.expect(row, 0, "empty: the user is in the root unit, of which directory/orgunits of the tenant tells")
	}
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if segments[i] = url.PathEscape(s); s == "." || s == ".." {
			return r.gap(row, 1, request{}, fmt.Errorf("%w: this is no unit to ask about", ErrDamaged))
		}
	}
	row.path = "admin/directory/v1/customer/" + anyCustomer + "/orgunits/" + strings.Join(segments, "/")
	return r.readAll(ctx, []source{row})
}

// record is what the Directory says of the user, asked for where no run of this collector has heard it; the error says why
// it is not known.
func (r *run) record(ctx context.Context) (userState, error) {
	if r.subject(userRecord()) != "" {
		r.learn(ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.user != nil {
		return *r.user, nil
	}
	err := r.mail.failure(userResource)
	if err == nil {
		err = ErrNoAdmin
	}
	return userState{}, fmt.Errorf("%s is not known: %w", userResource, err)
}

// chromeDevices are all of the tenant's, with what tells who used them and from where.
func chromeDevices() source {
	return source{resource: "directory/chromeosdevices", api: directory, path: "admin/directory/v1/customer/" + anyCustomer + "/devices/chromeos",
		query: url.Values{"projection": {"FULL"}, "maxResults": {"300"}, "fields": {"nextPageToken,chromeosdevices(deviceId,serialNumber,status,model,osVersion," +
			"orgUnitPath,annotatedUser,lastSync,recentUsers,lastKnownNetwork)"}},
		scope: scopeChrome, list: "chromeosdevices", needs: "managing ChromeOS devices", things: chromeUsers}
}

// chromeUsers names a device with those who used it of late, or are noted for it.
func chromeUsers(item json.RawMessage) []thing {
	var device struct {
		ID        string `json:"deviceId"`
		Annotated string `json:"annotatedUser"`
		Recent    []struct {
			Email string `json:"email"`
		} `json:"recentUsers"`
	}
	if json.Unmarshal(item, &device) != nil || device.ID == "" {
		return nil
	}
	t := thing{name: device.ID, about: []string{strings.ToLower(device.Annotated)}}
	for _, user := range device.Recent {
		t.about = append(t.about, strings.ToLower(user.Email))
	}
	return []thing{t}
}

// chromeDetails are the whole records of the devices that the account used of late.
func chromeDetails() stage {
	return fanOut{name: "ChromeOS devices", list: chromeDevices(), shared: true, rows: []perThing{
		{source: source{resource: "directory/chromeosdevice", api: directory, path: "admin/directory/v1/customer/" + anyCustomer + "/devices/chromeos/{thing}",
			query: url.Values{"projection": {"FULL"}}, scope: scopeChrome, needs: "managing ChromeOS devices"}},
	}}.stage()
}

// orgUnits are all organisational units.
func orgUnits() source {
	return source{resource: "directory/orgunits", api: directory, path: "admin/directory/v1/customer/" + anyCustomer + "/orgunits",
		query: url.Values{"type": {"allIncludingParent"}, "orgUnitPath": {"/"}}, scope: scopeUnits, list: "organizationUnits", things: unitThings}
}

// unitThings names a unit by its path, with its id.
func unitThings(item json.RawMessage) []thing {
	var unit struct {
		Path string `json:"orgUnitPath"`
		ID   string `json:"orgUnitId"`
	}
	if json.Unmarshal(item, &unit) != nil || unit.Path == "" {
		return nil
	}
	return []thing{{name: unit.Path, about: []string{unitOf(unit.ID)}}}
}

// organisationSources are what the Directory tells of the customer, read once for all accounts.
func organisationSources() []source {
	const customer = "admin/directory/v1/customer/" + anyCustomer + "/"
	users := func(resource string, query url.Values) source {
		query.Set("customer", anyCustomer)
		query.Set("maxResults", "500")
		return source{resource: resource, api: directory, path: "admin/directory/v1/users", query: query, scope: scopeUser, list: "users"}
	}
	return []source{
		{resource: "directory/roles", api: directory, path: customer + "roles", query: url.Values{"maxResults": {"100"}}, scope: scopeRoles, list: "items"},
		{resource: "directory/privileges", api: directory, path: customer + "roles/ALL/privileges", scope: scopeRoles, list: "items"},
		{resource: "directory/allRoleAssignments", api: directory, path: customer + "roleassignments", query: url.Values{"maxResults": {"200"}}, scope: scopeRoles, list: "items"},
		users("directory/superAdmins", url.Values{"query": {"isAdmin=true"}, "projection": {"full"}}),
		users("directory/delegatedAdmins", url.Values{"query": {"isDelegatedAdmin=true"}, "projection": {"full"}}),
		users("directory/deletedUsers", url.Values{"showDeleted": {"true"}}),
		{resource: "directory/domains", api: directory, path: customer + "domains", scope: scopeDomains, list: "domains"},
		{resource: "directory/domainAliases", api: directory, path: customer + "domainaliases", scope: scopeDomains, list: "domainAliases"},
		orgUnits(),
		{resource: "directory/customer", api: directory, path: "admin/directory/v1/customers/" + anyCustomer, scope: scopeCustomer},
		chromeDevices(),
	}
}

// allUsers are the users of the tenant. Most of them have nothing to do with the case: of each only what tells accounts
// apart that an intruder made, or took over, is asked for.
func allUsers() source {
	return source{resource: usersResource, api: directory, path: "admin/directory/v1/users", scope: scopeUser, list: "users", things: userThings,
		query: url.Values{"customer": {anyCustomer}, "maxResults": {"500"}, "fields": {"nextPageToken,users(id,primaryEmail,aliases,nonEditableAliases,creationTime," +
			"lastLoginTime,isAdmin,isDelegatedAdmin,suspended,archived,isMailboxSetup,isEnrolledIn2Sv,isEnforcedIn2Sv,orgUnitPath)"}}}
}

// userThings names a user, with his addresses and why his mailbox cannot be looked into.
func userThings(item json.RawMessage) []thing {
	var user struct {
		userState
		Created time.Time `json:"creationTime"`
	}
	if json.Unmarshal(item, &user) != nil || user.Primary == "" {
		return nil
	}
	t := thing{name: user.Primary, when: user.Created}
	for _, address := range append(append([]string{user.Primary}, user.Aliases...), user.FixedAliases...) {
		t.about = append(t.about, strings.ToLower(address))
	}
	switch has := user.IsMailboxSetup; {
	case has != nil && !*has:
		t.why = withoutMailbox
	case user.Suspended:
		t.why = "the user is suspended, and Google opens no mailbox of such"
	}
	return []thing{t}
}

const withoutMailbox = "the Directory says that the user has no mailbox"

// usersStage lists the users, and tells who of them came in the window.
func usersStage() stage {
	return stage{"users", func(*run) []source { return []source{allUsers(), {resource: createdResource}} },
		func(ctx context.Context, r *run) error {
			if err := r.readAll(ctx, []source{allUsers()}); err != nil {
				return err
			}
			return r.usersCreated(ctx)
		}}
}

// window is what a collection looks at of what goes on: the days that were named, or as many as Google keeps logs for.
func (r *run) window() (since, until time.Time) {
	since, until = r.scope.Since, r.scope.Until
	if until.IsZero() {
		until = r.c.cfg.Now()
	}
	if since.IsZero() {
		since = until.Add(-usualWindow)
	}
	return since.UTC().Truncate(time.Second), until.UTC().Truncate(time.Second)
}

// A createdDocument says which users were made in a window.
type createdDocument struct {
	Version int           `json:"v"`
	From    time.Time     `json:"from"`
	To      time.Time     `json:"to"`
	Users   []createdUser `json:"users"`
	Note    string        `json:"note"`
}

type createdUser struct {
	User    string    `json:"user"`
	Created time.Time `json:"created"`
	Page    int       `json:"page"`    // of directory/users, from 1: the attribute "page" of its exhibits
	Pointer string    `json:"pointer"` // into that page, RFC 6901
}

// usersCreated makes the list of users who were made in the window. Google has no search for it.
func (r *run) usersCreated(ctx context.Context) error {
	row := source{resource: createdResource, api: directory, scope: scopeUser}
	if r.sink.Has(r.scope.Account, createdResource, "") {
		return nil
	}
	list, err := r.listingOf(ctx, fanOut{list: allUsers()})
	if err != nil {
		return err
	}
	if list.err != nil {
		return r.gap(row, 1, request{}, fmt.Errorf("%s is not whole: %w", usersResource, list.err))
	}
	since, until := r.window()
	doc := createdDocument{Version: 1, From: since, To: until, Users: []createdUser{}, Note: "Made by mbaudit from " + usersResource + "."}
	for _, t := range list.things {
		if !t.when.Before(since) && !t.when.After(until) {
			doc.Users = append(doc.Users, createdUser{t.name, t.when, t.page, t.at})
		}
	}
	note := ""
	if len(doc.Users) == 0 {
		note = "empty: nobody was made in the window"
	}
	if err := r.expect(row, 1, note); err != nil {
		return err
	}
	return r.derive(row, doc, "made from "+usersResource)
}

// derive keeps a document of our own making.
func (r *run) derive(s source, doc any, from string) error {
	body, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	_, err = r.sink.Put(evidence.Exhibit{Account: r.scope.Account, Collector: r.c.Name(), Resource: s.resource, Item: s.item,
		Name: evidence.SafeName(r.scope.Account) + "/" + s.base() + ".json", MediaType: contentTypeAPI, FetchedAt: r.c.cfg.Now(), Attrs: map[string]string{"derived": from},
	}, bytes.NewReader(append(body, '\n')))
	if err != nil {
		return fmt.Errorf("keeping %s: %w", s.resource, err)
	}
	return nil
}
