package fakegoogle

import (
	"slices"
	"strings"
	"testing"
	"time"

	admin "google.golang.org/api/admin/directory/v1"
	"google.golang.org/api/calendar/v3"
	cloudidentity "google.golang.org/api/cloudidentity/v1"
	"google.golang.org/api/drive/v3"
	"google.golang.org/api/gmail/v1"
	"google.golang.org/api/script/v1"
)

const minute = time.Minute

// restless is an intruder who comes back for everything.
func restless() Persistence {
	return Persistence{Filters: minute, Forwarding: minute, Delegate: minute, AppPassword: minute, Factor: minute, Recovery: minute, SignIn: minute}
}

// happened counts activities of an event in a log of the victim since the clock's start.
func (b *bench) happened(application, name string) int {
	b.t.Helper()
	i := b.index[Victim]
	w := wanted{application: application, user: i, from: Start(), to: b.clock.Now(), event: name, ip: Intruder}
	return len(b.activities(w, b.clock.Now().AddDate(1, 0, 0), -1))
}

func has(list []string, prefix string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.HasPrefix(s, prefix) })
}

func TestTheIntruderComesBackForEachThing(t *testing.T) {
	settings := func(b *bench) *gmail.UsersSettingsService {
		return b.gmail(Victim, gmail.GmailSettingsBasicScope, gmail.GmailSettingsSharingScope).Settings
	}
	for name, c := range map[string]struct {
		take        func(b *bench)
		left        string // how IntruderLeft names it
		application string // in which his return is logged, and under which name; "" is nowhere
		event       string
	}{
		"forwarding": {func(b *bench) { b.must(settings(b).ForwardingAddresses.Delete("me", IntruderForward).Do()) }, "forwarding of all mail", "user_accounts", "email_forwarding_out_of_domain"},
		"filters": {func(b *bench) {
			for _, f := range b.state(Victim).Filters[1:] {
				b.must(settings(b).Filters.Delete("me", text(f, "id")).Do())
			}
		}, "filter ", "", ""},
		"delegate":     {func(b *bench) { b.must(settings(b).Delegates.Delete("me", Delegate).Do()) }, "delegate " + Delegate + " in", "", ""},
		"grant":        {func(b *bench) { b.must(b.security().Tokens.Delete(Victim, intruderClient).Do()) }, "grant ", "token", "authorize"},
		"app password": {func(b *bench) { b.must(b.security().Asps.Delete(Victim, 1).Do()) }, "app password", "", ""},
		"second step":  {func(b *bench) { b.must(b.security().TwoStepVerification.TurnOff(Victim).Do()) }, "second step", "user_accounts", "2sv_enroll"},
		"recovery": {func(b *bench) {
			must[*admin.User](b.t)(b.security().Users.Update(Victim, &admin.User{ForceSendFields: []string{"RecoveryEmail"}}).Do())
		}, "recovery address", "login", "recovery_email_edit"},
		"session": {func(b *bench) { b.must(b.security().Users.SignOut(Victim).Do()) }, "session on the web", "login", "login_success"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, Config{Intruder: restless(), Regrant: minute})
			b.t = t
			if !has(b.IntruderLeft(), c.left) {
				t.Fatalf("%s is not among %q", c.left, b.IntruderLeft())
			}
			c.take(b)
			if left := b.IntruderLeft(); has(left, c.left) {
				t.Fatalf("it is not taken: %q", left)
			}
			b.clock.Advance(59 * time.Second)
			if has(b.IntruderLeft(), c.left) {
				t.Error("he is back too early")
			}
			b.clock.Advance(time.Second)
			if !has(b.IntruderLeft(), c.left) {
				t.Errorf("he is not back: %q", b.IntruderLeft())
			}
			if c.event != "" && b.happened(c.application, c.event) != 1 {
				t.Errorf("%s has %d lines %s of it", c.application, b.happened(c.application, c.event), c.event)
			}
		})
	}
}

func TestTheIntruderWhoIsToldNothingStaysAway(t *testing.T) {
	b := newBench(t, Config{Regrant: -1})
	b.must(b.security().Tokens.Delete(Victim, intruderClient).Do())
	b.must(b.security().Asps.Delete(Victim, 1).Do())
	b.clock.Advance(24 * time.Hour)
	if left := b.IntruderLeft(); has(left, "grant") || has(left, "app password") {
		t.Errorf("left are %q", left)
	}
}

// TestTheIntruderIsOutWhenAllIsTaken contains the account in the order of the facts, then the tenant.
func TestTheIntruderIsOutWhenAllIsTaken(t *testing.T) {
	b := newBench(t, Config{Intruder: restless(), Regrant: minute, Quotas: Quotas{GmailUnits: -1}})
	d := b.security()
	identity := service(b, cloudidentity.NewService, Admin, "https://www.googleapis.com/auth/cloud-identity.inboundsso")
	_, err := identity.InboundSamlSsoProfiles.Delete("inboundSamlSsoProfiles/" + rogueProfile).Do()
	wantStatus(t, err, "400") // it is in use
	must[*cloudidentity.Operation](t)(identity.InboundSsoAssignments.Delete("inboundSsoAssignments/" + rogueAssignment).Do())
	must[*cloudidentity.Operation](t)(identity.InboundSamlSsoProfiles.Delete("inboundSamlSsoProfiles/" + rogueProfile).Do())

	clean := func() {
		for _, email := range []string{Victim, Delegate} {
			must[*admin.User](t)(d.Users.Update(email, &admin.User{Password: "a long enough password", ForceSendFields: []string{"RecoveryEmail", "RecoveryPhone"}}).Do())
			b.must(d.Users.SignOut(email).Do())
		}
		s := b.state(Victim)
		for _, asp := range s.AppPasswords {
			b.must(d.Asps.Delete(Victim, int64(asp["codeId"].(float64))).Do())
		}
		for _, token := range s.Tokens {
			b.must(d.Tokens.Delete(Victim, text(token, "clientId")).Do())
		}
		b.must(d.VerificationCodes.Invalidate(Victim).Do())
		b.must(d.TwoStepVerification.TurnOff(Victim).Do())
	}
	clean()
	if left := b.IntruderAccess(); len(left) != 0 {
		t.Fatalf("he has still %q", left)
	}
	settings := b.gmail(Victim, gmail.GmailSettingsBasicScope, gmail.GmailSettingsSharingScope).Settings
	for _, f := range b.state(Victim).Filters[1:] {
		b.must(settings.Filters.Delete("me", text(f, "id")).Do())
	}
	b.must(settings.ForwardingAddresses.Delete("me", IntruderForward).Do())
	b.must(settings.Delegates.Delete("me", Delegate).Do())
	b.must(settings.SendAs.Delete("me", lookAlike).Do())
	must[*gmail.SendAs](t)(settings.SendAs.Patch("me", Victim, &gmail.SendAs{ForceSendFields: []string{"ReplyToAddress"}}).Do())
	b.must(b.gmail(Delegate, gmail.GmailSettingsSharingScope).Settings.SendAs.Delete("me", IntruderForward).Do())
	devices := b.directory(Admin, admin.AdminDirectoryDeviceMobileScope, admin.AdminDirectoryGroupScope)
	b.must(devices.Mobiledevices.Action("my_customer", intruderDevice, &admin.MobileDeviceAction{Action: "block"}).Do())
	b.must(devices.Members.Delete("factures@example.test", IntruderForward).Do())
	b.must(service(b, drive.NewService, Victim, drive.DriveScope).Permissions.Delete(sharedFile, "07700000000000000077").Do())
	b.must(service(b, calendar.NewService, Victim, calendar.CalendarScope).Acl.Delete("primary", "user:"+IntruderForward).Do())
	for range 5 {
		b.clock.Advance(24 * time.Hour)
		if left := b.IntruderLeft(); len(left) != 0 {
			t.Fatalf("left are %q", left)
		}
	}
}

func wantStatus(t *testing.T, err error, status string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), status) {
		t.Fatalf("the error is %v, not a %s", err, status)
	}
}

// TestEveryWayInMustBeClosed leaves one way in open each time, and he is back.
func TestEveryWayInMustBeClosed(t *testing.T) {
	for name, left := range map[string]func(b *bench, u *admin.User){
		"recovery": func(b *bench, u *admin.User) { u.ForceSendFields = nil },
		"password": func(b *bench, u *admin.User) { u.Password = "" },
		"identity provider": func(b *bench, u *admin.User) {
			b.org.single = append(b.org.single, object{"name": "inboundSsoAssignments/" + rogueAssignment, "targetOrgUnit": "orgUnits/03ph8a2z2"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, Config{Intruder: Persistence{SignIn: minute}})
			b.t = t
			b.org.single = without(b.org.single, "name", "inboundSsoAssignments/"+rogueAssignment)
			u := &admin.User{Password: "a long enough password", ForceSendFields: []string{"RecoveryEmail", "RecoveryPhone"}}
			left(b, u)
			must[*admin.User](t)(b.security().Users.Update(Victim, u).Do())
			b.must(b.security().Users.SignOut(Victim).Do())
			if access := b.IntruderAccess(); !has(access, name) {
				t.Errorf("he has %q", access)
			}
			b.clock.Advance(2 * minute)
			if !b.state(Victim).IntruderSignedIn || b.happened("login", "login_success") != 1 {
				t.Error("he has not signed in")
			}
			if wasSet := b.happened("user_accounts", "password_edit") == 1; wasSet != (name == "recovery") {
				t.Errorf("he has set a password: %t", wasSet)
			}
		})
	}
}

func TestWhoIsSuspendedIsNotVisited(t *testing.T) {
	b := newBench(t, Config{Intruder: restless()})
	must[*admin.User](t)(b.security().Users.Update(Victim, suspendedUser(true)).Do())
	b.clock.Advance(24 * time.Hour)
	if s := b.state(Victim); s.IntruderSignedIn || len(s.Tokens) != 0 {
		t.Error("he is in a suspended account")
	}
	must[*admin.User](t)(b.security().Users.Update(Victim, suspendedUser(false)).Do())
	b.clock.Advance(time.Hour)
	if s := b.state(Victim); !s.IntruderSignedIn || !slices.Contains(clients(s), intruderClient) {
		t.Error("he is not back when the account is")
	}
}

func TestAPasswordAloneDoesNotPassASecondStep(t *testing.T) {
	b := newBench(t, Config{})
	a := b.account(b.index[Victim])
	delete(a.user, "recoveryEmail")
	b.org.single = nil
	a.hisFactor = false // but he has seen the backup codes
	if ways := b.waysIn(a); len(ways) != 1 {
		t.Errorf("with backup codes: %q", ways)
	}
	b.must(b.security().VerificationCodes.Generate(Victim).Do()) // new ones he has not seen
	if ways := b.waysIn(a); len(ways) != 0 {
		t.Errorf("without: %q", ways)
	}
	b.must(b.security().TwoStepVerification.TurnOff(Victim).Do())
	if ways := b.waysIn(a); len(ways) != 1 {
		t.Errorf("where no second step is asked for: %q", ways)
	}
}

func TestTheIntruderIsElsewhereToo(t *testing.T) {
	b := newBench(t, Config{})
	reading, sending := []string{}, []string{}
	for _, email := range b.Emails() {
		s := b.state(email)
		for _, d := range s.Delegates {
			if text(d, "delegateEmail") == Victim {
				reading = append(reading, email)
			}
		}
		for _, a := range s.SendAs {
			if text(a, "sendAsEmail") == IntruderForward {
				sending = append(sending, email)
			}
		}
	}
	if !slices.Equal(reading, []string{"grace@example.test"}) || !slices.Equal(sending, []string{Delegate}) {
		t.Errorf("the victim is delegate of %q, the intruder's address is send-as of %q", reading, sending)
	}
	identity := service(b, cloudidentity.NewService, Admin, cloudidentity.CloudIdentityInboundssoReadonlyScope)
	rogue := 0
	for _, p := range must[*cloudidentity.ListInboundSamlSsoProfilesResponse](t)(identity.InboundSamlSsoProfiles.List().Do()).InboundSamlSsoProfiles {
		if strings.Contains(p.IdpConfig.SingleSignOnServiceUri, "webfree.example") {
			rogue++
			if keys := must[*cloudidentity.ListIdpCredentialsResponse](t)(identity.InboundSamlSsoProfiles.IdpCredentials.List(p.Name).Do()); len(keys.IdpCredentials) != 1 {
				t.Errorf("the profile has %d keys", len(keys.IdpCredentials))
			}
		}
	}
	if rogue != 1 {
		t.Errorf("%d identity providers are the intruder's", rogue)
	}
}

func TestScriptsRunWithoutALine(t *testing.T) {
	b := newBench(t, Config{})
	of := func(email string) *script.ProcessesService {
		return service(b, script.NewService, email, script.ScriptProcessesScope).Processes
	}
	all := must[*script.ListUserProcessesResponse](t)(of(Victim).List().PageSize(5).Do())
	if len(all.Processes) != 5 || all.NextPageToken == "" {
		t.Errorf("%d processes on the first page", len(all.Processes))
	}
	timed := must[*script.ListUserProcessesResponse](t)(of(Victim).List().UserProcessFilterTypes("TIME_DRIVEN").UserProcessFilterStartTime("2026-10-15T00:00:00Z").Do())
	editor := must[*script.ListUserProcessesResponse](t)(of(Victim).List().UserProcessFilterTypes("EDITOR").UserProcessFilterFunctionName("install").Do())
	if len(timed.Processes) != 6 || len(editor.Processes) != 1 {
		t.Errorf("%d ran by themselves on the last day, %d in the editor", len(timed.Processes), len(editor.Processes))
	}
	if none := must[*script.ListUserProcessesResponse](t)(of("bob@example.test").List().Do()); len(none.Processes) != 0 {
		t.Errorf("%d processes of somebody else", len(none.Processes))
	}
	_, err := of(Victim).List().UserProcessFilterScriptId("x").Do()
	wantStatus(t, err, "501")
	if _, err = of("erin@example.test").List().Do(); err == nil {
		t.Error("a suspended user was answered")
	}
}
