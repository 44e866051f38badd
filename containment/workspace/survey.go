package workspace

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// A survey is what was read of an account to plan with.
type survey struct {
	account              string
	user, acting         object // acting is the administrator for whom the Directory is changed
	admins               []object
	tokens, asps         []object
	codes                int
	filters, addresses   []object
	delegates, sendAs    []object
	smime                map[string][]object // by address
	forwarding, vacation object
	imap, pop            object
	mobiles, roles       []object
	chromes, endpoints   []object
	groups               []object
	members              map[string][]object // by group
	files, rules         []object
	assignment           object // the single sign-on that holds for the account; nil is none
	granted              granted

	mu     sync.Mutex
	unread []unread
}

// unread is what could not be read: it is said, and never taken for emptiness.
type unread struct {
	what string
	err  error
}

// granted is what the logs have of the account since the window began.
type granted struct {
	role, super bool
	groups      []string
	aliases     []string
	created     []string          // accounts that were made as this one
	shares      map[string]bool   // in Drive, as file/address; a link that everybody may use has no address
	domain      map[string][]seen // by what a person has to look at: changes to the whole domain, whoever made them
}

// seen is a line of the administrators' log.
type seen struct {
	at          time.Time
	actor, name string
}

// shared says whether a file was shared with somebody since the window began.
func (g granted) shared(file, who string) bool { return g.shares[file+"/"+strings.ToLower(who)] }

// A Part says which steps a plan has.
type Part int

// The parts: everything; what ends sessions and grants, with nothing else read; and what is left after that.
const (
	Everything Part = iota
	AccessOnly
	RestOnly
)

func (s *survey) failed(what string, err error) {
	if err == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unread = append(s.unread, unread{what, err})
}

// survey reads everything side by side. Only a user who cannot be read is an error.
func (c *Client) survey(ctx context.Context, o PlanOptions) (*survey, error) {
	s := &survey{account: o.Account, smime: map[string][]object{}, members: map[string][]object{}}
	var group sync.WaitGroup
	var userErr error
	group.Go(func() { s.user, userErr = c.readDirectory(ctx, "admin.directory.user", userPath(o.Account, "")) })
	side := func(what string, read func() error) { group.Go(func() { s.failed(what, read()) }) }
	side("administrator", func() (err error) {
		s.acting, err = c.readDirectory(ctx, "admin.directory.user", userPath(c.cfg.Admin, ""))
		return err
	})
	side("directory/tokens", func() (err error) {
		s.tokens, err = c.listSecurity(ctx, o.Account, "/tokens")
		return err
	})
	side("directory/asps", func() (err error) {
		s.asps, err = c.listSecurity(ctx, o.Account, "/asps")
		return err
	})
	side("directory/verificationCodes", func() error {
		codes, err := c.listSecurity(ctx, o.Account, "/verificationCodes")
		s.codes = len(codes)
		if gone(err) {
			return nil
		}
		return err
	})
	side("directory/admins", func() (err error) {
		s.admins, err = c.list(ctx, request{service: adminAPI, subject: c.cfg.Admin, scope: c.reading("admin.directory.user"), path: directoryV1 + "users",
			query: url.Values{"customer": {"my_customer"}, "query": {"isAdmin=true"}, "maxResults": {"500"}}}, "users")
		return err
	})
	if o.Part != AccessOnly {
		side("sso", func() error { return c.surveySSO(ctx, s) })
	}
	if o.Part != AccessOnly && o.Mode != modePrecaution {
		c.surveyMail(ctx, s, side)
		c.surveyElsewhere(ctx, s, o.Since, side)
	}
	group.Wait()
	return s, userErr
}

// reading is a scope in the form that a client may ask for: a client that does not write asks for read-only ones.
func (c *Client) reading(scope string) string {
	if c.cfg.Writes {
		return scope
	}
	return scope + ".readonly"
}

func (c *Client) readDirectory(ctx context.Context, scope, path string) (object, error) {
	text, err := c.do(ctx, request{service: adminAPI, subject: c.cfg.Admin, scope: c.reading(scope), path: path})
	if err != nil {
		return nil, err
	}
	return parseObject(text)
}

func (c *Client) listSecurity(ctx context.Context, account, what string) ([]object, error) {
	return c.list(ctx, request{service: adminAPI, subject: c.cfg.Admin, scope: "admin.directory.user.security", path: userPath(account, what)}, "items")
}

// mailScope is the scope to read the settings of a mailbox with.
func (c *Client) mailScope() string {
	if c.cfg.Writes {
		return "gmail.settings.basic"
	}
	return "gmail.readonly"
}

func (c *Client) mailRequest(account, path string) request {
	return request{service: gmailAPI, subject: account, scope: c.mailScope(), path: mailSettings + path}
}

// surveyMail reads the settings of the mailbox.
func (c *Client) surveyMail(ctx context.Context, s *survey, side func(string, func() error)) {
	listing := func(path, field string, into *[]object) {
		side("gmail/"+path, func() (err error) {
			*into, err = c.list(ctx, c.mailRequest(s.account, path), field)
			return err
		})
	}
	setting := func(path string, into *object) {
		side("gmail/"+path, func() error {
			text, err := c.do(ctx, c.mailRequest(s.account, path))
			if err == nil {
				*into, err = parseObject(text)
			}
			return err
		})
	}
	listing("filters", "filter", &s.filters)
	listing("forwardingAddresses", "forwardingAddresses", &s.addresses)
	listing("delegates", "delegates", &s.delegates)
	setting("autoForwarding", &s.forwarding)
	setting("vacation", &s.vacation)
	setting("imap", &s.imap)
	setting("pop", &s.pop)
	side("gmail/sendAs", func() (err error) {
		if s.sendAs, err = c.list(ctx, c.mailRequest(s.account, "sendAs"), "sendAs"); err != nil {
			return err
		}
		for _, a := range s.sendAs {
			address := a.text("sendAsEmail")
			keys, err := c.list(ctx, c.mailRequest(s.account, "sendAs/"+url.PathEscape(address)+"/smimeInfo"), "smimeInfo")
			if err != nil {
				return err
			}
			s.smime[address] = keys
		}
		return nil
	})
}

// surveyElsewhere reads what the account has outside of its mailbox.
func (c *Client) surveyElsewhere(ctx context.Context, s *survey, since time.Time, side func(string, func() error)) {
	side("directory/mobiledevices", func() (err error) {
		s.mobiles, err = c.list(ctx, request{service: adminAPI, subject: c.cfg.Admin, scope: c.deviceScope(), path: myCustomer + "devices/mobile",
			query: url.Values{"query": {"email:" + s.account}, "projection": {"FULL"}, "maxResults": {"100"}}}, "mobiledevices")
		return err
	})
	side("directory/roleAssignments", func() (err error) {
		s.roles, err = c.list(ctx, request{service: adminAPI, subject: c.cfg.Admin, scope: c.reading("admin.directory.rolemanagement"), path: myCustomer + "roleassignments",
			query: url.Values{"userKey": {s.account}, "maxResults": {"200"}}}, "items")
		return err
	})
	side("directory/groups", func() error { return c.surveyGroups(ctx, s) })
	side("drive/permissions", func() (err error) {
		s.files, err = c.list(ctx, request{service: googleAPIs, subject: s.account, scope: c.ownScope("drive.metadata.readonly", "drive"), path: "drive/v3/files",
			query: url.Values{"q": {"'me' in owners"}, "pageSize": {"1000"}, "fields": {"nextPageToken,files(id,name,permissions(id,type,role,emailAddress,domain))"}}}, "files")
		return err
	})
	side("calendar/acl", func() (err error) {
		s.rules, err = c.list(ctx, request{service: googleAPIs, subject: s.account, scope: c.ownScope("calendar.acls.readonly", "calendar.acls"), path: primaryRules}, "items")
		return err
	})
	side("directory/chromeosdevices", func() (err error) {
		s.chromes, err = c.list(ctx, request{service: adminAPI, subject: c.cfg.Admin, scope: c.reading("admin.directory.device.chromeos"), path: chromePath,
			query: url.Values{"query": {"recent_user:" + s.account}, "maxResults": {"100"}}}, "chromeosdevices")
		return err
	})
	side("cloudidentity/deviceUsers", func() (err error) {
		query := ownDevices()
		query.Set("filter", "email:"+s.account)
		s.endpoints, err = c.list(ctx, request{service: identityAPI, subject: c.cfg.Admin, scope: c.reading("cloud-identity.devices"), path: "v1/devices/-/deviceUsers", query: query}, "deviceUsers")
		return err
	})
	side("reports/admin", func() error { return c.surveyLog(ctx, s, since) })
	side("reports/drive", func() error { return c.surveyShares(ctx, s, since) })
}

// ownScope is a scope of the account's own: read-only, unless the client writes.
func (c *Client) ownScope(read, write string) string {
	if c.cfg.Writes {
		return write
	}
	return read
}

func (c *Client) deviceScope() string {
	return c.ownScope("admin.directory.device.mobile.readonly", "admin.directory.device.mobile.action")
}

func (c *Client) surveyGroups(ctx context.Context, s *survey) error {
	scope := "admin.directory.group.readonly"
	groups, err := c.list(ctx, request{service: adminAPI, subject: c.cfg.Admin, scope: scope, path: directoryV1 + "groups",
		query: url.Values{"userKey": {s.account}, "maxResults": {"200"}}}, "groups")
	if err != nil {
		return err
	}
	s.groups = groups
	var group sync.WaitGroup
	for _, g := range groups {
		group.Go(func() {
			address := g.text("email")
			members, err := c.list(ctx, request{service: adminAPI, subject: c.cfg.Admin, scope: scope,
				path: directoryV1 + "groups/" + url.PathEscape(address) + "/members", query: url.Values{"maxResults": {"200"}}}, "members")
			s.failed("members of "+address, err)
			s.mu.Lock()
			defer s.mu.Unlock()
			s.members[address] = members
		})
	}
	group.Wait()
	return nil
}

// surveyLog reads from the administrators' log what the account has been given, and has made, since the window began, and
// which changes to the whole domain a person should look at.
func (c *Client) surveyLog(ctx context.Context, s *survey, since time.Time) error {
	events, err := c.events(ctx, "all", "admin", "", since)
	if err != nil {
		return err
	}
	s.granted.domain = map[string][]seen{}
	for _, e := range events {
		if chore := choreOf(e.Name); chore != "" {
			s.granted.domain[chore] = append(s.granted.domain[chore], seen{e.Time, e.Actor, e.Name})
		}
		about := e.Parameters["USER_EMAIL"]
		switch {
		case e.Name == "CREATE_USER" && strings.EqualFold(e.Actor, s.account):
			s.granted.created = append(s.granted.created, about)
		case !strings.EqualFold(about, s.account):
		case e.Name == "ASSIGN_ROLE":
			s.granted.role = true
		case e.Name == "GRANT_ADMIN_PRIVILEGE":
			s.granted.super = true
		case e.Name == "ADD_GROUP_MEMBER":
			s.granted.groups = append(s.granted.groups, e.Parameters["GROUP_EMAIL"])
		case e.Name == "ADD_NICKNAME":
			s.granted.aliases = append(s.granted.aliases, e.Parameters["USER_NICKNAME"])
		}
	}
	return nil
}

// surveyShares reads from Drive's log what was shared as the account since the window began.
func (c *Client) surveyShares(ctx context.Context, s *survey, since time.Time) error {
	shares := map[string]bool{}
	for _, name := range []string{"change_user_access", "change_document_visibility"} {
		events, err := c.events(ctx, s.account, "drive", name, since)
		if err != nil {
			return err
		}
		for _, e := range events {
			shares[e.Parameters["doc_id"]+"/"+strings.ToLower(cmp.Or(e.Parameters["target_user"], e.Parameters["target_domain"]))] = true
		}
	}
	s.granted.shares = shares
	return nil
}

// surveySSO finds the single sign-on of another provider that holds for the account: that of a group it is a member of, of which
// the lowest rank counts, or that of the nearest unit above it which has any.
func (c *Client) surveySSO(ctx context.Context, s *survey) error {
	assignments, err := c.list(ctx, request{service: identityAPI, subject: c.cfg.Admin, scope: c.reading("cloud-identity.inboundsso"), path: "v1/inboundSsoAssignments",
		query: url.Values{"pageSize": {"100"}}}, "inboundSsoAssignments")
	if err != nil || len(assignments) == 0 {
		return err
	}
	forGroups := func(a object) bool { return a.text("targetGroup") != "" }
	if slices.ContainsFunc(assignments, forGroups) {
		mine, err := c.groupAssignment(ctx, s.account, assignments)
		if err != nil || mine != nil {
			s.assign(mine)
			return err
		}
	}
	mine, err := c.unitAssignment(ctx, s.account, assignments)
	s.assign(mine)
	return err
}

// assign takes an assignment for the one that holds, unless it says that nobody else signs the account in.
func (s *survey) assign(assignment object) {
	if mode := assignment.text("ssoMode"); mode != "SSO_OFF" && mode != "" {
		s.assignment = assignment
	}
}

// groupAssignment finds the assignment of a group that the account is a member of. Groups within groups are not followed.
func (c *Client) groupAssignment(ctx context.Context, account string, assignments []object) (object, error) {
	groups, err := c.list(ctx, request{service: adminAPI, subject: c.cfg.Admin, scope: "admin.directory.group.readonly", path: directoryV1 + "groups",
		query: url.Values{"userKey": {account}, "maxResults": {"200"}}}, "groups")
	if err != nil {
		return nil, err
	}
	var first object
	for _, a := range assignments {
		mine := slices.ContainsFunc(groups, func(g object) bool { return a.text("targetGroup") == "groups/"+g.text("id") })
		if rank, _ := a["rank"].(float64); mine && (first == nil || rank < first["rank"].(float64)) {
			first = without(a)
			first["rank"] = rank
		}
	}
	return first, nil
}

// unitAssignment finds the assignment of the nearest unit above the account that has any.
func (c *Client) unitAssignment(ctx context.Context, account string, assignments []object) (object, error) {
	user, err := c.readDirectory(ctx, "admin.directory.user", userPath(account, ""))
	if err != nil {
		return nil, nil // the caller's own reading of the user says why
	}
	units, err := c.list(ctx, request{service: adminAPI, subject: c.cfg.Admin, scope: "admin.directory.orgunit.readonly", path: myCustomer + "orgunits",
		query: url.Values{"type": {"allIncludingParent"}, "orgUnitPath": {"/"}}}, "organizationUnits")
	if err != nil {
		return nil, err
	}
	for path := user.text("orgUnitPath"); path != ""; path = above(path) {
		unit := slices.IndexFunc(units, func(u object) bool { return u.text("orgUnitPath") == path })
		if unit < 0 {
			continue
		}
		id := "orgUnits/" + strings.TrimPrefix(units[unit].text("orgUnitId"), "id:")
		if a := slices.IndexFunc(assignments, func(a object) bool { return a.text("targetOrgUnit") == id }); a >= 0 {
			return assignments[a], nil
		}
	}
	return nil, nil
}

// above is the unit above one; "" above the first.
func above(path string) string {
	if path == "/" {
		return ""
	}
	return path[:max(strings.LastIndexByte(path, '/'), 1)]
}

// An Event is one line of a log of Google's.
type Event struct {
	Time       time.Time         `json:"time"`
	App        string            `json:"application"`
	Name       string            `json:"event"`
	IP         string            `json:"ip,omitempty"`
	Actor      string            `json:"actor,omitempty"`
	Parameters map[string]string `json:"parameters,omitempty"`
}

// events reads a log of the Reports API. name is "" for all events of the application.
func (c *Client) events(ctx context.Context, user, application, name string, since time.Time) ([]Event, error) {
	query := url.Values{"startTime": {since.UTC().Format(time.RFC3339)}, "maxResults": {"1000"}}
	if name != "" {
		query.Set("eventName", name)
	}
	items, err := c.list(ctx, request{service: adminAPI, subject: c.cfg.Admin, scope: "admin.reports.audit.readonly", verb: http.MethodGet,
		path: "admin/reports/v1/activity/users/" + url.PathEscape(user) + "/applications/" + application, query: query}, "items")
	var all []Event
	for _, item := range items {
		all = append(all, eventsOf(item, application)...)
	}
	return all, err
}

func eventsOf(item object, application string) []Event {
	id, _ := item["id"].(map[string]any)
	actor, _ := item["actor"].(map[string]any)
	when, err := time.Parse(time.RFC3339Nano, object(id).text("time"))
	if err != nil {
		when = time.Time{} // a line without a time is shown without one
	}
	list, _ := item["events"].([]any)
	var all []Event
	for _, each := range list {
		o, _ := each.(map[string]any)
		e := Event{Time: when, App: application, Name: object(o).text("name"), IP: item.text("ipAddress"), Actor: object(actor).text("email"), Parameters: map[string]string{}}
		parameters, _ := o["parameters"].([]any)
		for _, p := range parameters {
			if q, ok := p.(map[string]any); ok {
				e.Parameters[object(q).text("name")] = object(q).text("value")
			}
		}
		all = append(all, e)
	}
	return all
}

// clockMargin is how much earlier a log is asked for: a time in what Google takes for the future is refused.
const clockMargin = 5 * time.Minute

// Signs reads what was signed in and granted as an account since a time: after a new password that nobody knows, each is a
// sign that somebody is still there. Logs lag by minutes to hours: none is no proof.
func (c *Client) Signs(ctx context.Context, account string, since time.Time) ([]Event, error) {
	var signs []Event
	for _, each := range []struct{ application, name string }{
		{"login", "login_success"}, {"token", "authorize"}, {"token", "activity"}, {"user_accounts", ""},
	} {
		events, err := c.events(ctx, account, each.application, each.name, since.Add(-clockMargin))
		if err != nil {
			return signs, err
		}
		for _, e := range events {
			if e.Time.Before(since) {
				continue
			}
			if e.Parameters["client_id"] == "" || e.Parameters["client_id"] != c.clientID() {
				signs = append(signs, e)
			}
		}
	}
	slices.SortFunc(signs, func(a, b Event) int { return a.Time.Compare(b.Time) })
	return signs, nil
}
