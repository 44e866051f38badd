package fakegoogle

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	admin "google.golang.org/api/admin/directory/v1"
	reports "google.golang.org/api/admin/reports/v1"
	alertcenter "google.golang.org/api/alertcenter/v1beta1"
	cloudidentity "google.golang.org/api/cloudidentity/v1"
	"google.golang.org/api/drive/v3"
	"google.golang.org/api/driveactivity/v2"
	"google.golang.org/api/gmail/v1"

	"github.com/mbaudit/mbaudit/internal/seedmail"
)

func TestAWipeIsSeenByBothDeviceAPIs(t *testing.T) {
	b := newBench(t, Config{Users: 100})
	d := b.directory(Admin, admin.AdminDirectoryDeviceMobileScope)
	mobiles := must[*admin.MobileDevices](t)(d.Mobiledevices.List("my_customer").Query("email:" + Victim).Do()).Mobiledevices
	if len(mobiles) != 1 || mobiles[0].Model != "SM-A556B" {
		t.Fatalf("the victim's devices are %v", mobiles)
	}
	b.must(d.Mobiledevices.Action("my_customer", mobiles[0].ResourceId, &admin.MobileDeviceAction{Action: "admin_account_wipe"}).Do())
	c := service(b, cloudidentity.NewService, Admin, cloudidentity.CloudIdentityDevicesReadonlyScope)
	state := map[string]string{}
	b.must(c.Devices.DeviceUsers.List("devices/-").PageSize(20).Pages(t.Context(),
		func(page *cloudidentity.GoogleAppsCloudidentityDevicesV1ListDeviceUsersResponse) error {
			for _, u := range page.DeviceUsers {
				state[u.UserEmail] = u.ManagementState
			}
			return nil
		}))
	if state[Victim] != "WIPING" || len(state) != len(b.org.mobiles) {
		t.Errorf("%d device users, the victim's is %s", len(state), state[Victim])
	}
	_, err := c.Devices.List().Filter("os:android").Do()
	if err == nil || !strings.Contains(err.Error(), "501") {
		t.Errorf("a filter that is not understood gave %v", err)
	}
}

func TestMembersOfGroupsInGroups(t *testing.T) {
	b := newBench(t, Config{})
	d := b.directory(Admin, admin.AdminDirectoryGroupScope)
	direct := must[*admin.Members](t)(d.Members.List("factures@example.test").Do()).Members
	derived := must[*admin.Members](t)(d.Members.List("factures@example.test").IncludeDerivedMembership(true).Do()).Members
	workshop := must[*admin.Members](t)(d.Members.List("atelier@example.test").Do()).Members
	if len(direct) != 3 || len(derived) != len(direct)+len(workshop) || len(workshop) == 0 {
		t.Errorf("%d direct members, %d in all, %d in the workshop", len(direct), len(derived), len(workshop))
	}
	groups := must[*admin.Groups](t)(d.Groups.List().UserKey(Victim).Do()).Groups
	if len(groups) != 2 {
		t.Errorf("the victim is in %d groups", len(groups))
	}
	b.must(d.Members.Delete("factures@example.test", IntruderForward).Do())
	_, err := d.Members.Get("factures@example.test", IntruderForward).Do()
	wantError(t, err, http.StatusNotFound, "notFound")
	_, err = d.Groups.List().Customer("C0otherone").Do()
	wantError(t, err, http.StatusNotFound, "notFound")
	_, err = d.Groups.List().Customer("my_customer").Query("name:x*").Do()
	wantError(t, err, http.StatusNotImplemented, "notImplemented")
	units := b.directory(Admin, admin.AdminDirectoryOrgunitScope).Orgunits
	if got := must[*admin.OrgUnits](t)(units.List("my_customer").Do()).OrganizationUnits; len(got) != 3 {
		t.Errorf("%d units below the root", len(got))
	}
	if got := must[*admin.OrgUnits](t)(units.List("my_customer").Type("all").Do()).OrganizationUnits; len(got) != 4 {
		t.Errorf("%d units in all", len(got))
	}
}

func TestDriveTellsLittleUnlessAsked(t *testing.T) {
	b := newBench(t, Config{})
	d := service(b, drive.NewService, Victim, drive.DriveScope)
	short := must[*drive.FileList](t)(d.Files.List().Do()).Files
	long := must[*drive.FileList](t)(d.Files.List().Fields("files(id,permissions)").Do()).Files
	if short[0].Permissions != nil || len(long[0].Permissions) != 3 || long[0].Id != sharedFile {
		t.Errorf("unasked %+v, asked %+v", short[0], long[0])
	}
	b.must(d.Permissions.Delete(sharedFile, "anyoneWithLink").Do())
	left := must[*drive.PermissionList](t)(d.Permissions.List(sharedFile).Fields("*").Do()).Permissions
	if len(left) != 2 || left[1].EmailAddress != IntruderForward {
		t.Errorf("left are %+v", left)
	}
	_, err := d.Files.List().Q("name contains 'x'").Do()
	wantError(t, err, http.StatusNotImplemented, "notImplemented")
}

func TestAlertsAreNewestFirst(t *testing.T) {
	b := newBench(t, Config{})
	a := service(b, alertcenter.NewService, Admin, alertcenter.AppsAlertsScope).Alerts
	got := must[*alertcenter.ListAlertsResponse](t)(a.List().Do()).Alerts
	if len(got) != 3 || !slices.IsSortedFunc(got, func(x, y *alertcenter.Alert) int { return strings.Compare(y.CreateTime, x.CreateTime) }) {
		t.Errorf("the alerts are %v", got)
	}
	recent := must[*alertcenter.ListAlertsResponse](t)(a.List().Filter(`createTime >= "2026-10-01T00:00:00Z" AND type = "Suspicious login"`).Do()).Alerts
	if len(recent) != 1 {
		t.Errorf("%d suspicious logins since October", len(recent))
	}
	must[*alertcenter.Empty](t)(a.Delete(recent[0].AlertId).Do())
	if left := must[*alertcenter.ListAlertsResponse](t)(a.List().Do()).Alerts; len(left) != 2 {
		t.Errorf("%d alerts are left", len(left))
	}
	_, err := service(b, alertcenter.NewService, Victim, alertcenter.AppsAlertsScope).Alerts.List().Do()
	if err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("somebody who is no administrator got %v", err)
	}
}

// TestTheStoryIsOneStory compares what different APIs say of the same things.
func TestTheStoryIsOneStory(t *testing.T) {
	b := newBench(t, Config{})
	d := b.directory(Admin, admin.AdminDirectoryUserReadonlyScope)
	r := b.reports(Admin).Activities
	for _, email := range []string{Victim, Delegate, "bob@example.test"} {
		user := must[*admin.User](t)(d.Users.Get(email).Do())
		logins := must[*reports.Activities](t)(r.List(email, "login").EventName("login_success").MaxResults(1).Do()).Items
		shown, late := b.Activities("login", email, Start().AddDate(0, 0, -30), Start())
		if user.LastLoginTime != logins[0].Id.Time && len(late) == 0 {
			t.Errorf("%s signed in last at %s, the log of %d says %s", email, user.LastLoginTime, len(shown), logins[0].Id.Time)
		}
	}
	accounts := map[string]bool{}
	for _, a := range must[*reports.Activities](t)(r.List("all", "login").ActorIpAddress(Intruder).EventName("login_success").Do()).Items {
		accounts[a.Actor.Email] = true
	}
	if len(accounts) != 2 || !accounts[Victim] || !accounts[Delegate] {
		t.Errorf("from the intruder's address signed in: %v", accounts)
	}
	from, to := Start().AddDate(0, 0, -20).Format(time.RFC3339), Start().Format(time.RFC3339)
	sent := must[*reports.Activities](t)(r.List(Victim,
		"gmail").StartTime(from).EndTime(to).Filters("event_info.mail_event_type==1").ActorIpAddress(Intruder).Do()).Items
	b.clock.Advance(time.Minute)
	users := b.gmail(Victim, gmail.GmailReadonlyScope)
	mailbox := must[*gmail.ListMessagesResponse](t)(users.Messages.List("me").LabelIds("SENT").Q("after:2026/10/13").Do()).Messages
	if len(sent) != len(mailbox) || len(sent) == 0 {
		t.Errorf("the log has %d messages that the intruder sent, the mailbox %d", len(sent), len(mailbox))
	}
	delegated := must[*reports.Activities](t)(r.List(Victim,
		"gmail").StartTime(from).EndTime(to).Filters("event_info.session_context.delegate_user_email==" + Delegate).Do()).Items
	if len(delegated) == 0 {
		t.Error("the delegate opened nothing")
	}
}

func TestSeedingIsServed(t *testing.T) {
	b := newBench(t, Config{})
	raw := []byte("Subject: \xff\x1b[31m\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nunclosed")
	b.must(b.Seed(Seed{Account: "carol@example.test", Filters: []map[string]any{{"id": "x\u202e", "criteria": object{"subject": "\x00\x1b[2J"},
		"action": object{"forward": "a@webfree.example"}}},
		Messages:   []seedmail.Message{{Folder: "INBOX", InternalDate: Start().Add(-time.Hour), Raw: raw}},
		Activities: []SeedActivity{{Application: "takeout", Time: Start().Add(-3 * time.Hour), IP: Intruder, Type: "user_takeout", Name: "user_initiated"}}}))
	users := b.gmail("carol@example.test", gmail.GmailReadonlyScope)
	filters := must[*gmail.ListFiltersResponse](t)(users.Settings.Filters.List("me").Do()).Filter
	if last := filters[len(filters)-1]; last.Criteria.Subject != "\x00\x1b[2J" || last.Id != "x\u202e" {
		t.Errorf("the hostile filter is %+v", last)
	}
	newest := must[*gmail.ListMessagesResponse](t)(users.Messages.List("me").MaxResults(1).Do()).Messages[0].Id
	must[*gmail.Message](t)(users.Messages.Get("me", newest).Do())
	if string(b.Raw("carol@example.test", newest)) != string(raw) {
		t.Error("the newest message is not the seeded one")
	}
	if got := must[*reports.Activities](t)(b.reports(Admin).Activities.List("carol@example.test", "takeout").EventName("user_initiated").Do()).Items; len(got) != 1 {
		t.Errorf("%d activities of takeout", len(got))
	}
	if err := b.Seed(Seed{Account: "nobody@example.test"}); err == nil {
		t.Error("nobody was seeded")
	}
}

func TestDriveActivityIsFiltered(t *testing.T) {
	b := newBench(t, Config{})
	d := service(b, driveactivity.NewService, Victim, driveactivity.DriveActivityReadonlyScope)
	ask := func(filter string) []*driveactivity.DriveActivity {
		return must[*driveactivity.QueryDriveActivityResponse](t)(d.Activity.Query(&driveactivity.QueryDriveActivityRequest{Filter: filter, AncestorName: "items/root"}).Do()).Activities
	}
	all := ask("")
	if len(all) != 2*len(b.state(Victim).Files) || !slices.IsSortedFunc(all, func(x, y *driveactivity.DriveActivity) int { return strings.Compare(y.Timestamp, x.Timestamp) }) {
		t.Errorf("%d activities of %d files", len(all), len(b.state(Victim).Files))
	}
	shared := ask(`time >= "2026-10-14T00:00:00Z" AND detail.action_detail_case:(PERMISSION_CHANGE MOVE)`)
	if len(shared) != 1 || len(shared[0].PrimaryActionDetail.PermissionChange.AddedPermissions) != 2 {
		t.Errorf("shared since the break-in: %+v", shared)
	}
	if before := ask("time < " + strconv.FormatInt(at("2026-10-14 00:00:00").UnixMilli(), 10)); len(before) != len(all)-1 {
		t.Errorf("%d of %d activities were before", len(before), len(all))
	}
	for _, request := range []*driveactivity.QueryDriveActivityRequest{{Filter: "actor.user == x"}, {Filter: "time >= yesterday"}, {AncestorName: "items/x"}} {
		_, err := d.Activity.Query(request).Do()
		wantStatus(t, err, "501")
	}
}

func TestChromebooksOfAUser(t *testing.T) {
	b := newBench(t, Config{})
	d := b.directory(Admin, admin.AdminDirectoryDeviceChromeosReadonlyScope).Chromeosdevices
	for query, want := range map[string]int{"user:" + Victim: 1, "user:bob@example.test": 2, "user:carol@example.test": 0, "": 3} {
		got := must[*admin.ChromeOsDevices](t)(d.List("my_customer").Query(query).Do()).Chromeosdevices
		if len(got) != want {
			t.Errorf("%q: %d devices, not %d", query, len(got), want)
		}
	}
	_, err := d.List("my_customer").Query("status:x").Do()
	wantError(t, err, http.StatusNotImplemented, "notImplemented")
}
