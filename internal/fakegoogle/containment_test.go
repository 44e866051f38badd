package fakegoogle

import (
	"net/http"
	"slices"
	"testing"
	"time"

	admin "google.golang.org/api/admin/directory/v1"
	"google.golang.org/api/gmail/v1"
)

func (b *bench) security() *admin.Service {
	return b.directory(Admin, admin.AdminDirectoryUserScope, admin.AdminDirectoryUserSecurityScope)
}

func (b *bench) state(email string) State {
	b.t.Helper()
	s, err := b.State(email)
	b.must(err)
	return s
}

func clients(s State) []string {
	var out []string
	for _, token := range s.Tokens {
		out = append(out, text(token, "clientId"))
	}
	return out
}

func TestSuspendedUsersCannotBeCleaned(t *testing.T) {
	b := newBench(t, Config{})
	d := b.security()
	must[*admin.User](t)(d.Users.Update(Victim, &admin.User{Suspended: true}).Do())
	s := b.state(Victim)
	if s.IntruderSignedIn || s.OwnerSignedIn || len(s.Tokens) != 0 {
		t.Errorf("suspending left sessions or tokens: %+v", s)
	}
	wantError(t, d.Users.SignOut(Victim).Do(), http.StatusBadRequest, "invalid")
	wantError(t, d.VerificationCodes.Invalidate(Victim).Do(), http.StatusBadRequest, "invalid")
	wantError(t, d.TwoStepVerification.TurnOff(Victim).Do(), http.StatusBadRequest, "invalid")
	users := b.gmail(Victim, gmail.GmailSettingsBasicScope, gmail.GmailReadonlyScope)
	_, err := users.Settings.Filters.List("me").Do()
	wantError(t, err, http.StatusBadRequest, "failedPrecondition")
	_, err = users.GetProfile("me").Do()
	wantError(t, err, http.StatusBadRequest, "failedPrecondition")
	b.must(d.Asps.Delete(Victim, 1).Do())
	if s := b.state(Victim); len(s.AppPasswords) != 0 || len(s.Filters) != 3 || len(s.BackupCodes) != 10 {
		t.Errorf("after deleting the app password: %d app passwords, %d filters, %d codes", len(s.AppPasswords), len(s.Filters), len(s.BackupCodes))
	}
	got := must[*admin.User](t)(d.Users.Update(Victim, &admin.User{Suspended: false, ForceSendFields: []string{"Suspended"}}).Do())
	if got.Suspended || got.SuspensionReason != "" {
		t.Errorf("the user is still suspended: %+v", got)
	}
	_, err = d.Users.Update("frank@example.test", &admin.User{ForceSendFields: []string{"Suspended"}}).Do()
	wantError(t, err, http.StatusPreconditionFailed, "adminCannotUnsuspend")
}

func TestANewPasswordEndsMailGrantsOnly(t *testing.T) {
	b := newBench(t, Config{})
	b.must(b.Seed(Seed{Account: Victim, Tokens: []map[string]any{{"clientId": "drive-app", "scopes": texts("https://www.googleapis.com/auth/drive")}}}))
	got := must[*admin.User](t)(b.security().Users.Update(Victim, &admin.User{Password: "a long enough password",
		ForceSendFields: []string{"RecoveryEmail", "RecoveryPhone"}}).Do())
	if got.RecoveryEmail != "" || got.RecoveryPhone != "" || got.Password != "" {
		t.Errorf("the answer is %+v", got)
	}
	s := b.state(Victim)
	if left := clients(s); slices.Contains(left, intruderClient) || !slices.Contains(left, "drive-app") {
		t.Errorf("the grants left are %q", left)
	}
	if len(s.AppPasswords) != 1 || !s.IntruderSignedIn {
		t.Error("app passwords or sessions went with the password")
	}
	_, err := b.security().Users.Update(Victim, &admin.User{Password: "short"}).Do()
	wantError(t, err, http.StatusBadRequest, "invalid")
	_, err = b.security().Users.Update(Victim, &admin.User{PrimaryEmail: "other@example.test"}).Do()
	wantError(t, err, http.StatusNotImplemented, "notImplemented")
}

func TestALiveSessionConsentsAgain(t *testing.T) {
	b := newBench(t, Config{})
	d := b.security()
	authorised := func() int {
		shown, late := b.Activities("token", Victim, at("2026-10-12 07:00:00"), b.clock.Now())
		return len(shown) + len(late)
	}
	before := authorised()
	b.must(d.Tokens.Delete(Victim, intruderClient).Do())
	if slices.Contains(clients(b.state(Victim)), intruderClient) {
		t.Error("the grant is still there")
	}
	b.clock.Advance(6 * time.Minute)
	if !slices.Contains(clients(b.state(Victim)), intruderClient) {
		t.Error("the intruder has not consented again")
	}
	if got := authorised(); got != before+2 { // revoked and authorised
		t.Errorf("the token log has %d lines more, not 2", got-before)
	}
	b.must(d.Users.SignOut(Victim).Do())
	b.must(d.Tokens.Delete(Victim, intruderClient).Do())
	b.clock.Advance(time.Hour / 2)
	if s := b.state(Victim); s.IntruderSignedIn || slices.Contains(clients(s), intruderClient) {
		t.Error("the grant is back without a session")
	}
}

func TestTurningTwoStepsOff(t *testing.T) {
	b := newBench(t, Config{})
	d := b.security()
	wantError(t, d.TwoStepVerification.TurnOff("grace@example.test").Do(), http.StatusBadRequest, "invalid") // enforced
	wantError(t, d.TwoStepVerification.TurnOff("scan@example.test").Do(), http.StatusBadRequest, "invalid")  // not enrolled
	b.must(d.TwoStepVerification.TurnOff(Victim).Do())
	if s := b.state(Victim); truth(s.User, "isEnrolledIn2Sv") || len(s.BackupCodes) != 0 {
		t.Error("second steps are left")
	}
}

func TestMailPersistenceCanBeRemovedAndRestored(t *testing.T) {
	b := newBench(t, Config{Quotas: Quotas{GmailUnits: -1}})
	s := b.gmail(Victim, gmail.GmailSettingsBasicScope, gmail.GmailSettingsSharingScope).Settings
	forwarding := must[*gmail.ListFiltersResponse](t)(s.Filters.List("me").Do()).Filter[1]
	b.must(s.Filters.Delete("me", forwarding.Id).Do())
	_, err := s.Filters.Get("me", forwarding.Id).Do()
	wantError(t, err, http.StatusNotFound, "notFound")
	b.must(s.ForwardingAddresses.Delete("me", IntruderForward).Do())
	if got := b.state(Victim); truth(got.AutoForwarding, "enabled") || len(got.Filters) != 2 {
		t.Errorf("after deleting the address: %v, %d filters", got.AutoForwarding, len(got.Filters))
	}
	_, err = s.Filters.Create("me", &gmail.Filter{Criteria: forwarding.Criteria, Action: forwarding.Action}).Do()
	wantError(t, err, http.StatusBadRequest, "invalidArgument") // the address is not one to forward to any more
	_, err = s.UpdateAutoForwarding("me", &gmail.AutoForwarding{Enabled: true, EmailAddress: IntruderForward, Disposition: "trash"}).Do()
	wantError(t, err, http.StatusBadRequest, "failedPrecondition")
	address := must[*gmail.ForwardingAddress](t)(s.ForwardingAddresses.Create("me", &gmail.ForwardingAddress{ForwardingEmail: IntruderForward}).Do())
	if address.VerificationStatus != "pending" {
		t.Errorf("an address outside is %s at once", address.VerificationStatus)
	}
	b.must(s.Delegates.Delete("me", "stage@example.test").Do())
	_, err = s.Delegates.Create("me", &gmail.Delegate{DelegateEmail: "compta@example.test"}).Do() // an alias
	wantError(t, err, http.StatusBadRequest, "invalidArgument")
	wantError(t, s.SendAs.Delete("me", Victim).Do(), http.StatusBadRequest, "invalidArgument")
	b.must(s.SendAs.Delete("me", "compta@menuiserie-du1ac.example").Do())
	changed := must[*gmail.SendAs](t)(s.SendAs.Patch("me", Victim, &gmail.SendAs{ForceSendFields: []string{"ReplyToAddress"}}).Do())
	if changed.ReplyToAddress != "" || changed.Signature == "" || !changed.IsPrimary {
		t.Errorf("the primary address is now %+v", changed)
	}
	must[*gmail.ImapSettings](t)(s.UpdateImap("me", &gmail.ImapSettings{Enabled: false, ForceSendFields: []string{"Enabled"}}).Do())
	if got := b.state(Victim); truth(got.IMAP, "enabled") || len(got.Delegates) != 0 || len(got.SendAs) != 1 {
		t.Errorf("left: IMAP %v, %d delegates, %d addresses", got.IMAP, len(got.Delegates), len(got.SendAs))
	}
}

func TestChangesPropagate(t *testing.T) {
	b := newBench(t, Config{Propagation: func(id string) time.Duration {
		if id == "gmail.users.settings.delegates.delete" || id == "directory.users.update" {
			return time.Minute
		}
		return 0
	}})
	s := b.gmail(Victim, gmail.GmailSettingsBasicScope, gmail.GmailSettingsSharingScope).Settings
	b.must(s.Delegates.Delete("me", "stage@example.test").Do())
	if got := must[*gmail.ListDelegatesResponse](t)(s.Delegates.List("me").Do()); len(got.Delegates) != 1 {
		t.Error("the delegate went at once")
	}
	d := b.security()
	must[*admin.User](t)(d.Users.Update(Victim, &admin.User{Suspended: true}).Do())
	must[*admin.User](t)(d.Users.Update(Victim, &admin.User{OrgUnitPath: "/Atelier"}).Do())
	b.clock.Advance(61 * time.Second)
	if got := b.state(Victim); len(got.Delegates) != 0 || !truth(got.User, "suspended") || text(got.User, "orgUnitPath") != "/Atelier" {
		t.Errorf("after a minute: %d delegates, %v", len(got.Delegates), got.User)
	}
}

func TestAnHourOfPropagationIsTimeEnoughToConsentAgain(t *testing.T) {
	b := newBench(t, Config{Propagation: UsualPropagation})
	d := b.security()
	b.must(d.Users.SignOut(Victim).Do())
	b.must(d.Tokens.Delete(Victim, intruderClient).Do())
	b.clock.Advance(10 * time.Minute)
	if s := b.state(Victim); !s.IntruderSignedIn || !slices.Contains(clients(s), intruderClient) {
		t.Error("the intruder, still signed in, has not consented again")
	}
	b.clock.Advance(55 * time.Minute)
	if b.state(Victim).IntruderSignedIn {
		t.Error("an hour later he is still signed in")
	}
}

func TestWhoMayAdminister(t *testing.T) {
	b := newBench(t, Config{})
	_, err := b.directory("bob@example.test", admin.AdminDirectoryUserReadonlyScope).Users.Get(Victim).Do()
	wantError(t, err, http.StatusForbidden, "forbidden")
	_, err = b.reports("bob@example.test").Activities.List("all", "login").Do()
	wantError(t, err, http.StatusUnauthorized, "authError")
	helpdesk := b.directory("dave@example.test", admin.AdminDirectoryUserScope, admin.AdminDirectoryUserSecurityScope)
	must[*admin.User](t)(helpdesk.Users.Get(Admin).Do())
	wantError(t, helpdesk.Users.SignOut(Admin).Do(), http.StatusForbidden, "forbidden")
	b.must(helpdesk.Users.SignOut(Victim).Do())
	wantError(t, helpdesk.Users.MakeAdmin("bob@example.test", &admin.UserMakeAdmin{Status: true}).Do(), http.StatusForbidden, "forbidden")
	_, err = b.gmail("heidi@example.test", gmail.GmailReadonlyScope).GetProfile("me").Do() // no licence
	wantError(t, err, http.StatusBadRequest, "failedPrecondition")
	_, err = b.security().Users.Get("nobody@example.test").Do()
	wantError(t, err, http.StatusNotFound, "notFound")
	_, err = b.security().Users.Get("judy@example.test").Do()
	wantError(t, err, http.StatusNotFound, "notFound")
	_, err = b.security().Users.List().Do()
	wantError(t, err, http.StatusBadRequest, "badRequest")
	wantError(t, b.security().Users.Undelete("bob@example.test", &admin.UserUndelete{OrgUnitPath: "/"}).Do(), http.StatusPreconditionFailed, "conditionNotMet")
	id := text(b.state("judy@example.test").User, "id")
	b.must(b.security().Users.Undelete(id, &admin.UserUndelete{OrgUnitPath: "/"}).Do())
	must[*admin.User](t)(b.security().Users.Get("judy@example.test").Do())
}

func TestContainmentIsInTheAdminLog(t *testing.T) {
	b := newBench(t, Config{})
	from := b.clock.Now()
	d := b.security()
	must[*admin.User](t)(d.Users.Update(Victim, &admin.User{Password: "a long enough password"}).Do())
	b.must(d.Users.SignOut(Victim).Do())
	b.clock.Advance(time.Hour / 2)
	got := must[*adminActivities](t)(b.reports(Admin).Activities.List(Admin, "admin").StartTime(from.Format(time.RFC3339)).ApplicationInfoFilter("").Do())
	var names []string
	for _, a := range got.Items {
		if a.Actor.ApplicationInfo != nil && a.Actor.ApplicationInfo.OauthClientId == ClientID {
			names = append(names, a.Events[0].Name)
		}
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"CHANGE_PASSWORD", "RESET_SIGNIN_COOKIES"}) {
		t.Errorf("the log has %q", names)
	}
}
