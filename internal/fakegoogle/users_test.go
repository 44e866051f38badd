package fakegoogle

import (
	"net/http"
	"slices"
	"testing"
	"time"

	admin "google.golang.org/api/admin/directory/v1"
	reports "google.golang.org/api/admin/reports/v1"
	"google.golang.org/api/gmail/v1"
)

func newcomer(email string) *admin.User {
	return &admin.User{PrimaryEmail: email, Password: "long enough", Name: &admin.UserName{GivenName: "Noé", FamilyName: "Neuf"}, OrgUnitPath: "/Atelier"}
}

func TestUsersComeAndGo(t *testing.T) {
	b := newBench(t, Config{})
	d := b.security()
	const email = "noe@example.test"
	for want, u := range map[string]*admin.User{
		"invalid":        {PrimaryEmail: email, Password: "long enough"},
		"duplicate":      newcomer(Victim),
		"notFound":       newcomer("noe@elsewhere.example"),
		"notImplemented": {PrimaryEmail: email, Password: "long enough", IsAdmin: true, Name: &admin.UserName{GivenName: "N", FamilyName: "N"}},
	} {
		_, err := d.Users.Insert(u).Do()
		wantError(t, err, map[string]int{"invalid": 400, "duplicate": 409, "notFound": 404, "notImplemented": 501}[want], want)
	}
	short := newcomer(email)
	short.Password = "short"
	_, err := d.Users.Insert(short).Do()
	wantError(t, err, http.StatusBadRequest, "invalid")

	made := must[*admin.User](t)(d.Users.Insert(newcomer(email)).Do())
	if made.PrimaryEmail != email || made.Password != "" || made.OrgUnitPath != "/Atelier" || made.IsEnrolledIn2Sv {
		t.Errorf("made is %+v", made)
	}
	if !slices.Contains(b.Emails(), email) {
		t.Error("he is not among the users")
	}
	must[*gmail.Profile](t)(b.gmail(email, gmail.GmailReadonlyScope).GetProfile("me").Do())
	_, err = d.Users.Insert(newcomer(email)).Do()
	wantError(t, err, http.StatusConflict, "duplicate")

	b.must(d.Users.Delete(email).Do())
	_, err = d.Users.Get(email).Do()
	wantError(t, err, http.StatusNotFound, "notFound")
	_, err = b.gmail(email, gmail.GmailReadonlyScope).GetProfile("me").Do()
	wantTokenError(t, err, http.StatusBadRequest, "invalid_grant")
	deleted := func() []string {
		var out []string
		for _, u := range must[*admin.Users](t)(d.Users.List().Customer("my_customer").ShowDeleted("true").Do()).Users {
			out = append(out, u.PrimaryEmail)
			if u.DeletionTime == "" {
				t.Errorf("%s has no time of deletion", u.PrimaryEmail)
			}
		}
		return out
	}
	if got := deleted(); !slices.Equal(got, []string{"judy@example.test", email}) {
		t.Errorf("deleted are %q", got)
	}
	b.must(d.Users.Undelete(made.Id, &admin.UserUndelete{OrgUnitPath: "/"}).Do())
	must[*admin.User](t)(d.Users.Get(email).Do())
	b.must(d.Users.Delete(email).Do())
	b.clock.Advance(21 * 24 * time.Hour)
	d = b.security()
	if got := deleted(); len(got) != 0 {
		t.Errorf("after three weeks deleted are %q", got)
	}
	wantError(t, d.Users.Undelete(made.Id, &admin.UserUndelete{OrgUnitPath: "/"}).Do(), http.StatusBadRequest, "invalid")
	names := map[string]int{}
	for _, a := range must[*reports.Activities](t)(b.reports(Admin).Activities.List(Admin, "admin").StartTime(Start().Format(time.RFC3339)).ApplicationInfoFilter(`oAuthClientId="` + ClientID + `"`).Do()).Items {
		names[a.Events[0].Name]++
	}
	if names["CREATE_USER"] != 1 || names["DELETE_USER"] != 2 || names["UNDELETE_USER"] != 1 {
		t.Errorf("the admin log has %v", names)
	}
}

func TestNobodyLocksHimselfOut(t *testing.T) {
	b := newBench(t, Config{})
	wantError(t, b.security().Users.Delete(Admin).Do(), http.StatusForbidden, "forbidden")
	_, err := b.security().Users.Update(Admin, suspendedUser(true)).Do()
	wantError(t, err, http.StatusForbidden, "forbidden")
	helpdesk := b.directory("dave@example.test", admin.AdminDirectoryUserScope)
	wantError(t, helpdesk.Users.Delete(Admin).Do(), http.StatusForbidden, "forbidden")
}

func TestDeletedUsersAreReadByTheirID(t *testing.T) {
	b := newBench(t, Config{})
	r := b.reports(Admin).Activities
	_, err := r.List("judy@example.test", "drive").Do()
	wantError(t, err, http.StatusBadRequest, "badRequest")
	id := text(b.state("judy@example.test").User, "id")
	items := must[*reports.Activities](t)(r.List(id, "drive").Do()).Items
	if len(items) == 0 || items[0].Id.Time > stamp(Start().AddDate(0, 0, -3)) {
		t.Errorf("%d activities of who was deleted three days ago", len(items))
	}
}

func TestProtectedAndFederatedUsers(t *testing.T) {
	b := newBench(t, Config{AdvancedProtection: []string{Victim}, Federated: []string{"bob@example.test"}})
	wantError(t, b.security().TwoStepVerification.TurnOff(Victim).Do(), http.StatusBadRequest, "invalid")
	next := &admin.User{ChangePasswordAtNextLogin: true}
	if got := must[*admin.User](t)(b.security().Users.Update("bob@example.test", next).Do()); got.ChangePasswordAtNextLogin {
		t.Error("a federated user must change his password")
	}
	if got := must[*admin.User](t)(b.security().Users.Update("carol@example.test", next).Do()); !got.ChangePasswordAtNextLogin {
		t.Error("another need not")
	}
}
