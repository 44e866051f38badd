package facts

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/selection"
)

// serviceListings are the answers about what is beside the mail: files, devices, calendars, scripts, ways in, policies.
func serviceListings() map[string]listingOf {
	return map[string]listingOf{
		"drive/files":                          {kind: KindFile, list: "files", read: (*source).file, bare: true},
		"drive/permissions":                    {kind: KindFile, list: "permissions", read: (*source).filePermission, bare: true},
		"driveactivity/activity":               {kind: KindFileActivity, list: "activities", read: (*source).fileActivity, bare: true},
		"cloudidentity/devices":                {kind: KindCloudDevice, list: "", read: since("createtime")},
		"cloudidentity/deviceUsers":            {kind: KindCloudDevice, list: "deviceUsers", read: since("firstsynctime", "createtime")},
		"cloudidentity/clientStates":           {kind: KindClientState, list: "clientStates", read: since("createtime")},
		"groupssettings/groups":                {kind: KindGroupSettings, list: "", read: targeted("email")},
		"cloudidentity/policies":               {kind: KindPolicy, list: "policies", read: targeted("")},
		"cloudidentity/inboundSamlSsoProfiles": {kind: KindSSO, list: "inboundSamlSsoProfiles", read: singleSignOn("saml profile")},
		"cloudidentity/inboundOidcSsoProfiles": {kind: KindSSO, list: "inboundOidcSsoProfiles", read: singleSignOn("oidc profile")},
		"cloudidentity/inboundSsoAssignments":  {kind: KindSSO, list: "inboundSsoAssignments", read: singleSignOn("assignment")},
		"cloudidentity/idpCredentials":         {kind: KindSSO, list: "idpCredentials", read: singleSignOn("credential")},
		"calendar/acl":                         {kind: KindCalendarACL, list: "items", read: (*source).calendarAccess},
		"script/processes":                     {kind: KindScriptRun, list: "processes", read: since("starttime")},
		"reports-usage":                        {kind: KindUsage, list: "usageReports", read: (*source).usage, bare: true},
		"sweep/naming":                         {kind: KindNamedElsewhere, list: "", read: (*source).namedElsewhere},
	}
}

// since keeps a thing with the first of those fields that is a time as its time.
func since(fields ...string) func(*source, *Fact, thing) error {
	return func(s *source, f *Fact, _ thing) error {
		s.dated(f, fields...)
		return s.keep(f)
	}
}

// dated takes a time out of the first of some fields that has one, and says how old it was when it was read.
func (s *source) dated(f *Fact, fields ...string) {
	for _, name := range fields {
		if f.Time, f.Zone = parseTime(f.Text(name)); !f.Time.IsZero() {
			f.Set("age_days", Number(int64(s.FetchedAt.Sub(f.Time)/(24*time.Hour))))
			return
		}
	}
}

// A permission is who has access to a file, as Drive says it.
type permission struct {
	Type     string `json:"type"` // user, group, domain, anyone
	Role     string `json:"role"`
	Email    string `json:"emailAddress"`
	Domain   string `json:"domain"`
	Findable bool   `json:"allowFileDiscovery"`
	Deleted  bool   `json:"deleted"`
}

// file keeps of a file what it is called, whose it is and who has access. Google does not say since when.
func (s *source) file(f *Fact, t thing) error {
	var file struct {
		ID           string                          `json:"id"`
		Name         string                          `json:"name"`
		MimeType     string                          `json:"mimeType"`
		Created      string                          `json:"createdTime"`
		Modified     string                          `json:"modifiedTime"`
		OwnedByMe    bool                            `json:"ownedByMe"`
		Trashed      bool                            `json:"trashed"`
		DriveID      string                          `json:"driveId"`
		Owners       []struct{ EmailAddress string } `json:"owners"`
		LastModifier struct{ EmailAddress string }   `json:"lastModifyingUser"`
		Permissions  []permission                    `json:"permissions"`
	}
	if err := json.Unmarshal(t.raw, &file); err != nil {
		return s.unreadable(KindFile, t.pointer, err)
	}
	f.say("file.id", file.ID)
	personal := selection.PersonalMark(evidence.Record{N: s.record.N, Exhibit: s.StoredExhibit}, selection.Head{Subject: file.Name}) != ""
	f.Set("personal", Bool(personal))
	if !personal {
		f.say("name", file.Name)
	}
	f.say("type", file.MimeType)
	f.say("created", file.Created)
	f.say("modified", file.Modified)
	if at, _ := parseTime(file.Modified); !at.IsZero() {
		f.Set("modified_days", Number(int64(s.FetchedAt.Sub(at)/(24*time.Hour))))
	}
	f.Set("owned", Bool(file.OwnedByMe))
	f.Set("trashed", Bool(file.Trashed))
	f.say("shared_drive", file.DriveID)
	if len(file.Owners) > 0 {
		f.say("owner", strings.ToLower(file.Owners[0].EmailAddress))
	}
	f.say("modified_by", strings.ToLower(file.LastModifier.EmailAddress))
	f.access(file.Permissions)
	return s.keep(f)
}

// filePermission keeps one entry of who has access to a file of which the list of files does not say it.
func (s *source) filePermission(f *Fact, t thing) error {
	var p permission
	if err := json.Unmarshal(t.raw, &p); err != nil {
		return s.unreadable(KindFile, t.pointer, err)
	}
	id, _, _ := strings.Cut(s.Item, "/")
	f.say("file.id", id)
	f.Set("owned", Bool(false)) // the account's own are in the list
	f.access([]permission{p})
	return s.keep(f)
}

// access writes who has access, the owner left out. An address goes to the field recipients, which is judged as that of a
// message.
func (f *Fact) access(all []permission) {
	var people, domains []string
	for _, p := range all {
		switch {
		case p.Deleted || p.Role == "owner":
		case p.Type == "anyone":
			f.say("open_to_anyone", p.Role)
			f.Set("findable", Bool(p.Findable))
		case p.Type == "domain":
			domains = append(domains, strings.ToLower(p.Domain))
		case p.Email != "":
			people = append(people, strings.ToLower(p.Email))
		}
	}
	if len(people) > 0 {
		f.Set("recipients", List(cutList(f, people)))
	}
	if len(domains) > 0 {
		f.Set("domains", List(cutList(f, domains)))
	}
}

// fileActivity keeps what was done with a file: by whom Google does not say with an address.
func (s *source) fileActivity(f *Fact, t thing) error {
	var a struct {
		Timestamp string                              `json:"timestamp"`
		Range     struct{ StartTime, EndTime string } `json:"timeRange"`
		Detail    map[string]json.RawMessage          `json:"primaryActionDetail"`
		Actors    []activityActor                     `json:"actors"`
		Targets   []struct {
			Item struct{ Name, Title, MimeType string } `json:"driveItem"`
		} `json:"targets"`
	}
	if err := json.Unmarshal(t.raw, &a); err != nil {
		return s.unreadable(KindFileActivity, t.pointer, err)
	}
	f.Time, f.Zone = parseTime(cmp.Or(a.Timestamp, a.Range.EndTime))
	for name, detail := range a.Detail {
		f.say("event.name", name)
		if err := f.activityDetail(name, detail); err != nil {
			return s.unreadable(KindFileActivity, t.pointer, err)
		}
	}
	f.Set("by_account", Bool(slices.ContainsFunc(a.Actors, func(x activityActor) bool { return x.User.Known.Me })))
	f.Set("targets.count", Number(int64(len(a.Targets))))
	if len(a.Targets) > 0 {
		item := a.Targets[0].Item
		f.say("file.id", strings.TrimPrefix(item.Name, "items/"))
		if selection.PersonalMark(evidence.Record{N: s.record.N, Exhibit: s.StoredExhibit}, selection.Head{Subject: item.Title}) == "" {
			f.say("name", item.Title)
		}
		f.say("type", item.MimeType)
	}
	return s.keep(f)
}

// activityDetail writes what kind of deletion it was, and to whom access was given or taken.
func (f *Fact) activityDetail(name string, raw json.RawMessage) error {
	var d struct {
		Type  string             `json:"type"` // of delete and restore
		Added []activityReceiver `json:"addedPermissions"`
		Taken []activityReceiver `json:"removedPermissions"`
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		return err
	}
	f.say("how", d.Type)
	if name != "permissionChange" {
		return nil
	}
	f.Set("added.count", Number(int64(len(d.Added))))
	f.Set("removed.count", Number(int64(len(d.Taken))))
	var roles, groups, domains []string
	for _, p := range d.Added {
		roles = append(roles, p.Role)
		if p.Anyone != nil {
			f.Set("added.anyone", Bool(true))
		}
		if p.Group.Email != "" {
			groups = append(groups, strings.ToLower(p.Group.Email))
		}
		if p.Domain.Name != "" {
			domains = append(domains, strings.ToLower(p.Domain.Name))
		}
	}
	for name, list := range map[string][]string{"added.roles": roles, "added.domains": domains, "recipients": groups} {
		if len(list) > 0 {
			f.Set(name, List(cutList(f, list)))
		}
	}
	return nil
}

type activityActor struct {
	User struct {
		Known struct {
			Me bool `json:"isCurrentUser"`
		} `json:"knownUser"`
	} `json:"user"`
}

type activityReceiver struct {
	Role   string                 `json:"role"`
	Anyone json.RawMessage        `json:"anyone"`
	Group  struct{ Email string } `json:"group"`
	Domain struct{ Name string }  `json:"domain"`
}

// singleSignOn keeps who may sign people in from outside, with which keys, and for whom it holds.
func singleSignOn(what string) func(*source, *Fact, thing) error {
	return func(s *source, f *Fact, _ thing) error {
		f.say("what", what)
		s.dated(f, "updatetime")
		return s.keep(f)
	}
}

// calendarAccess keeps who has access to a calendar of the account's own.
func (s *source) calendarAccess(f *Fact, _ thing) error {
	f.say("calendar", s.Item)
	if f.Text("scope.type") == "user" || f.Text("scope.type") == "group" {
		f.say("target", f.Text("scope.value"))
	}
	return s.keep(f)
}

// usage keeps what Google counted on a day of California's calendar.
func (s *source) usage(f *Fact, t thing) error {
	var report struct {
		Date       string                           `json:"date"`
		Entity     struct{ Type, UserEmail string } `json:"entity"`
		Parameters []map[string]any                 `json:"parameters"`
	}
	dec := json.NewDecoder(bytes.NewReader(t.raw))
	dec.UseNumber()
	if err := dec.Decode(&report); err != nil {
		return s.unreadable(KindUsage, t.pointer, err)
	}
	if day, err := time.Parse(time.DateOnly, report.Date); err == nil {
		f.Time, f.Zone, f.Inferred = day.Add(8*time.Hour), "-08:00", "a whole day of California's calendar"
	}
	if report.Entity.UserEmail != "" {
		f.Account = strings.ToLower(report.Entity.UserEmail)
	}
	f.say("entity", strings.ToLower(report.Entity.Type))
	for _, p := range report.Parameters {
		name, _ := p["name"].(string)
		for _, kind := range []string{"intValue", "boolValue", "stringValue", "datetimeValue"} {
			if v, there := p[kind]; there && name != "" {
				f.put(strings.ToLower(name), number64(kind, v), 0)
			}
		}
	}
	for _, way := range []string{"imap", "pop"} {
		if at, _ := parseTime(f.Text("gmail:last_" + way + "_time")); !at.IsZero() && at.Year() > 1990 {
			f.Set(way+"_days", Number(int64(s.FetchedAt.Sub(at)/(24*time.Hour))))
		}
	}
	return s.keep(f)
}

// namedElsewhere keeps that another mailbox's settings name the account: as its delegate, say.
func (s *source) namedElsewhere(f *Fact, _ thing) error {
	if account := f.Text("account"); account != "" {
		f.Account = strings.ToLower(account)
	}
	f.say("target", f.Text("user"))
	f.say("as", strings.TrimPrefix(f.Text("resource"), "sweep/"))
	return s.keep(f)
}

// attached keeps that a person saw something and kept it: the file is listed and not judged.
func (s *source) attached() error {
	f := s.fact(KindAttached, "")
	f.say("slot", cmp.Or(s.Attrs["slot"], strings.TrimPrefix(s.Resource, "manual/")))
	f.say("name", s.Name)
	f.say("type", s.MediaType)
	f.Set("size", Number(s.Size))
	f.say("sha256", s.SHA256.String())
	for _, name := range []string{"note", "taken-by", "taken-with", "belongs-to"} {
		f.say(strings.ReplaceAll(name, "-", "_"), s.Attrs[name])
	}
	if at, err := time.Parse(time.RFC3339, s.Attrs["taken-at"]); err == nil {
		f.Time, f.Zone = at.UTC(), at.Format("Z07:00")
	}
	return s.keep(f)
}
