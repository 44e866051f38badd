package workspace

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/containment"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
)

// A kindCase is a kind of step that the story of the takeover does not have, or that another test does not look at closely.
type kindCase struct {
	kind, account string
	seed          func(*bench)
	decision      containment.Decision // that is proposed
	method        string               // that makes the change
	now           func(*bench) string  // what is true of the target
}

func kindCases() map[string]kindCase {
	const bob, carol = "bob@example.test", "carol@example.test"
	user := func(account, field string) func(*bench) string {
		return func(b *bench) string { return fmt.Sprint(b.state(account).User[field]) }
	}
	return map[string]kindCase{
		"Chromebook": {kind: kindChrome, account: "grace@example.test", decision: containment.Unknown, method: "admin.customer.devices.chromeos.batchChangeStatus",
			now: func(b *bench) string {
				return b.read("admin.directory.device.chromeos.readonly", chromePath+"/c0ffee02-0000-4000-8000-000000000000").text("status")
			}},
		"computer": {kind: kindEndpoint, account: bob, decision: containment.Take, method: "cloudidentity.devices.deviceUsers.block", seed: func(b *bench) {
			b.must(b.tenant.Seed(fakegoogle.Seed{Account: bob, Computers: []map[string]any{{"deviceId": "pc77", "email": []any{bob}, "type": "WINDOWS", "model": "Latitude",
				"status": "APPROVED", "firstSync": "2026-10-13T09:00:00.000Z", "lastSync": "2026-10-14T09:00:00.000Z"}}}))
		}, now: func(b *bench) string {
			return fmt.Sprint(b.readIdentity("v1/devices/pc77/deviceUsers/u-pc77")["managementState"])
		}},
		"alias": {kind: kindAlias, account: carol, decision: containment.Take, method: "directory.users.aliases.delete", seed: func(b *bench) {
			b.change("admin.directory.user.alias", http.MethodPost, userPath(carol, "/aliases"), object{"alias": "paiements@example.test"})
			b.clock.Advance(3 * time.Hour) // until the log has it
		}, now: user(carol, "aliases")},
		"an account made by an administrator": {kind: kindCreated, account: fakegoogle.Admin, decision: containment.Unknown, method: "directory.users.update", seed: seedCreated,
			now: user("support@example.test", "suspended")},
		"Drive share": {kind: kindShare, account: fakegoogle.Victim, decision: containment.Take, method: "drive.permissions.delete",
			now: func(b *bench) string {
				return fmt.Sprint(byID(b.state(fakegoogle.Victim).Files))
			}},
		"calendar": {kind: kindCalendar, account: fakegoogle.Victim, decision: containment.Take, method: "calendar.acl.delete",
			now: func(b *bench) string { return fmt.Sprint(b.state(fakegoogle.Victim).CalendarRules) }},
		"identity provider": {kind: kindSSOAssignment, account: fakegoogle.Victim, decision: containment.Unknown, method: "cloudidentity.inboundSsoAssignments.delete",
			now: func(b *bench) string {
				return fmt.Sprint(b.plan(b.options(fakegoogle.Victim)).Warnings[0].Kind == "third-party-sso")
			}},
	}
}

// byID are files with the permissions of each in an order that does not matter.
func byID(files []map[string]any) []string {
	var all []string
	for _, f := range files {
		var permissions []string
		for _, p := range f["permissions"].([]any) {
			permissions = append(permissions, fmt.Sprint(p))
		}
		slices.Sort(permissions)
		all = append(all, fmt.Sprint(f["id"], permissions))
	}
	return all
}

func seedCreated(b *bench) {
	b.change("admin.directory.user", http.MethodPost, directoryV1+"users", object{"primaryEmail": "support@example.test",
		"name": object{"givenName": "Support", "familyName": "Technique"}, "password": "a long enough password"})
	b.clock.Advance(3 * time.Hour)
}

func (b *bench) state(account string) fakegoogle.State {
	b.t.Helper()
	s, err := b.tenant.State(account)
	b.must(err)
	return s
}

// change changes something as an administrator does beside the containment.
func (b *bench) change(scope, verb, path string, body object) {
	b.t.Helper()
	_, err := b.writer.do(b.t.Context(), request{service: adminAPI, subject: fakegoogle.Admin, scope: scope, verb: verb, path: path, body: body})
	b.must(err)
}

func (b *bench) read(scope, path string) object {
	b.t.Helper()
	o, err := target{Client: b.reader}.read(b.t.Context(), request{service: adminAPI, subject: fakegoogle.Admin, scope: scope, path: path})
	b.must(err)
	return o
}

func (b *bench) readIdentity(path string) object {
	b.t.Helper()
	o, err := target{Client: b.reader}.read(b.t.Context(), request{service: identityAPI, subject: fakegoogle.Admin, scope: "cloud-identity.devices.readonly", path: path, query: ownDevices()})
	b.must(err)
	return o
}

// TestEachKindSurvivesAKillAndComesBack takes one step of each kind, cut off before its call and after it without a word of what
// came of it, goes on, and puts it back: the change is made once, its aim holds, and what was there is there again.
func TestEachKindSurvivesAKillAndComesBack(t *testing.T) {
	for name, c := range kindCases() {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s after=%t", name, after), func(t *testing.T) {
				t.Parallel()
				takenOnceAndPutBack(t, c, after)
			})
		}
	}
}

func takenOnceAndPutBack(t *testing.T, c kindCase, after bool) {
	b := newBench(t, fakegoogle.Config{Regrant: -1, Messages: 1})
	if c.seed != nil {
		c.seed(b)
	}
	was := c.now(b)
	whole := b.plan(b.options(c.account))
	i := slices.IndexFunc(whole.Steps, func(s containment.Step) bool { return s.Kind == c.kind })
	if i < 0 || whole.Steps[i].Decision != c.decision {
		t.Fatalf("%s is no step, or not decided as %s: %+v", c.kind, c.decision, whole.Steps)
	}
	only := whole
	only.ID, only.Warnings, only.Steps = "only", nil, []containment.Step{whole.Steps[i]}
	only.Steps[0].N, only.Steps[0].Decision = 1, containment.Take
	b.tenant.ForgetRequests()
	first := b.runner(only)
	ctx, killed := b.cutAt(first, 1, after)
	if _, err := first.Apply(ctx, only); !errors.Is(err, killed) {
		t.Fatalf("the run ended with %v", err)
	}
	b.must(first.Ledger.Close())
	result, r := b.apply(only)
	if len(result.Done)+len(result.Held) != 1 {
		t.Fatalf("the second run: %+v", result)
	}
	if made := b.made(c.method); made != 1 {
		t.Errorf("%s was made %d times", c.method, made)
	}
	if now := c.now(b); now == was {
		t.Errorf("nothing has changed: %s", now)
	}
	for _, check := range r.Verify(t.Context(), only, nil) {
		if check.Verdict != containment.Stands {
			t.Errorf("verify says %s", check.Verdict)
		}
	}
	unmade, err := r.Undo(t.Context(), only, nil)
	b.must(err)
	if len(unmade) != 1 || unmade[0].Err != nil {
		t.Fatalf("undone as %+v", unmade)
	}
	if now := c.now(b); now != was {
		t.Errorf("what was\n%s is now\n%s", was, now)
	}
}

// made counts the changes of a method that the tenant was asked for and made.
func (b *bench) made(method string) int {
	n := 0
	for _, r := range b.tenant.Requests() {
		if r.Method == method && r.Status/100 == 2 {
			n++
		}
	}
	return n
}

// TestChromebooksThatAreGoneAreSaid reads what Google says inside an answer that succeeds.
func TestChromebooksThatAreGoneAreSaid(t *testing.T) {
	b := newBench(t, fakegoogle.Config{})
	step := containment.Step{Kind: kindChrome, Account: "bob@example.test", Target: "nowhere"}
	err := b.writer.Actions(containment.Plan{})[kindChrome].Apply(t.Context(), step, containment.State{})
	var refused *Refusal
	if !errors.As(err, &refused) || !strings.Contains(refused.Message, "not found") {
		t.Errorf("the error is %v", err)
	}
}

// TestAccountsMadeByAnUpstartAreTaken tells who became administrator in the window from one whose work it has been.
func TestAccountsMadeByAnUpstartAreTaken(t *testing.T) {
	b := newBench(t, fakegoogle.Config{Regrant: -1})
	b.change("admin.directory.user", http.MethodPost, userPath(fakegoogle.Victim, "/makeAdmin"), object{"status": true})
	upstart := b.client(true, fakegoogle.Victim)
	_, err := upstart.do(t.Context(), request{service: adminAPI, subject: fakegoogle.Victim, scope: "admin.directory.user", verb: http.MethodPost, path: directoryV1 + "users",
		body: object{"primaryEmail": "backup@example.test", "name": object{"givenName": "B", "familyName": "K"}, "password": "a long enough password"}})
	b.must(err)
	b.clock.Advance(3 * time.Hour)
	p := b.plan(b.options(fakegoogle.Victim))
	for _, kind := range []string{kindCreated, kindSuper} {
		i := slices.IndexFunc(p.Steps, func(s containment.Step) bool { return s.Kind == kind })
		if i < 0 || p.Steps[i].Decision != containment.Take {
			t.Errorf("%s is no step, or not taken", kind)
		}
	}
}

// TestWhatNoAPIDoesIsLeftToAPerson shows what the log has of it.
func TestWhatNoAPIDoesIsLeftToAPerson(t *testing.T) {
	b := newBench(t, fakegoogle.Config{})
	b.must(b.tenant.AddActivity(fakegoogle.Admin, fakegoogle.SeedActivity{Application: "admin", Time: time.Date(2026, 10, 14, 21, 5, 0, 0, time.UTC), Type: "EMAIL_SETTINGS",
		Name: "CREATE_GMAIL_SETTING", Parameters: []map[string]any{{"name": "SETTING_NAME", "value": "UNIFIED_MAIL_ROUTING"}}}))
	p := b.plan(b.options(fakegoogle.Victim))
	if len(p.ByHand) != 6 {
		t.Errorf("there are %d chores", len(p.ByHand))
	}
	for _, c := range p.ByHand {
		if c.What.FR == "" || c.Why.FR == "" || c.What.EN == "" {
			t.Errorf("%s has no words", c.Kind)
		}
		if seen := strings.Join(c.Seen, " "); (c.Kind == choreRouting) != strings.Contains(seen, "2026-10-14T21:05:00Z CREATE_GMAIL_SETTING "+fakegoogle.Admin) {
			t.Errorf("%s: the log has %q", c.Kind, c.Seen)
		}
	}
	o := b.options(fakegoogle.Victim)
	o.Mode = containment.Precaution
	if p := b.plan(o); len(p.ByHand) != 1 || p.ByHand[0].Kind != choreKeys {
		t.Errorf("as a precaution: %+v", p.ByHand)
	}
}
