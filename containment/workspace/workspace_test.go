package workspace

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/containment"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
	"github.com/mbaudit/mbaudit/internal/secret"
)

// A bench is a tenant with its clock, and a client that plans and one that applies.
type bench struct {
	t              *testing.T
	tenant         *fakegoogle.Tenant
	server         *fakegoogle.Server
	clock          *fakegoogle.Clock
	reader, writer *Client
	sealed         [][]containment.Preimage
	journal        []string
	dir            string
	mu             sync.Mutex
}

func newBench(t *testing.T, config fakegoogle.Config) *bench {
	t.Helper()
	b := &bench{t: t, clock: fakegoogle.NewClock(fakegoogle.Start()), dir: t.TempDir()}
	config.Now = b.clock.Now
	b.tenant = fakegoogle.New(config)
	b.server = b.tenant.Start(t)
	b.reader, b.writer = b.client(false, fakegoogle.Admin), b.client(true, fakegoogle.Admin)
	return b
}

func (b *bench) client(writes bool, admin string) *Client {
	b.t.Helper()
	key, err := b.server.KeyFile(b.server.PlainURL)
	b.must(err)
	c, err := New(Config{Key: secret.New(string(key)), Admin: admin, Writes: writes, Endpoint: b.server.PlainURL,
		Password: func(string) (secret.String, error) { return secret.New("a long enough password"), nil },
		Sleep: func(ctx context.Context, d time.Duration) error { // the tenant's quota goes by its own clock
			b.clock.Advance(d)
			return ctx.Err()
		}})
	b.must(err)
	return c
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) options(account string) PlanOptions {
	return PlanOptions{Account: account, Mode: containment.Lock, Case: "c", By: "tester", Since: time.Date(2026, 10, 12, 0, 0, 0, 0, time.UTC), Now: b.clock.Now()}
}

func (b *bench) plan(o PlanOptions) containment.Plan {
	b.t.Helper()
	p, err := b.reader.Plan(b.t.Context(), o)
	b.must(err)
	text, err := p.Encode()
	b.must(err)
	p, err = containment.Parse(text)
	b.must(err)
	return p
}

// decide takes what names one of the story's things and was left to a person.
func decide(p containment.Plan) containment.Plan {
	p.Steps = slices.Clone(p.Steps)
	for i, s := range p.Steps {
		if s.Decision == containment.Unknown && (strings.HasPrefix(s.Kind, "sso.") || s.Target == fakegoogle.Delegate) {
			p.Steps[i].Decision = containment.Take
		}
	}
	return p
}

// runner gives what applies a plan, with the ledger of that plan.
func (b *bench) runner(p containment.Plan) *containment.Runner {
	b.t.Helper()
	text, err := p.Encode()
	b.must(err)
	ledger, err := containment.OpenLedger(filepath.Join(b.dir, p.ID+".ledger"), containment.Hash(text), b.clock.Now)
	b.must(err)
	b.t.Cleanup(func() { _ = ledger.Close() })
	return &containment.Runner{Actions: b.writer.Actions(p), Ledger: ledger, Now: b.clock.Now, Fresh: time.Nanosecond,
		Journal: func(what string, ref map[string]string) (func(string, error) error, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.journal = append(b.journal, what)
			return func(string, error) error { return nil }, nil
		},
		Preserve: func(_ context.Context, images []containment.Preimage) (string, error) {
			b.sealed = append(b.sealed, images)
			return "sealed", nil
		}}
}

func (b *bench) apply(p containment.Plan) (containment.Result, *containment.Runner) {
	b.t.Helper()
	r := b.runner(p)
	result, err := r.Apply(b.t.Context(), p)
	b.must(err)
	return result, r
}

func (b *bench) wantNothingLeft() {
	b.t.Helper()
	for range 3 {
		if left := b.tenant.IntruderLeft(); len(left) != 0 {
			b.t.Fatalf("left of the intruder: %q", left)
		}
		b.clock.Advance(24 * time.Hour)
	}
}

// contain plans and applies for the account that was taken over and for the one that the intruder has too.
func (b *bench) contain() {
	b.t.Helper()
	for _, account := range []string{fakegoogle.Victim, fakegoogle.Delegate} {
		result, _ := b.apply(decide(b.plan(b.options(account))))
		for _, s := range result.Failed {
			b.t.Errorf("%s: step %d %s %s failed", account, s.N, s.Kind, s.Target)
		}
	}
}

func restless() fakegoogle.Persistence {
	m := time.Minute
	return fakegoogle.Persistence{Filters: m, Forwarding: m, Delegate: m, AppPassword: m, Factor: m, Recovery: m, SignIn: m}
}

func TestEveryStoryEndsWithNothingOfTheIntruderLeft(t *testing.T) {
	for name, config := range map[string]fakegoogle.Config{
		"he does not come back": {Regrant: -1},
		"a live session":        {},
		"a restless intruder":   {Intruder: restless(), Regrant: time.Minute},
		"with quotas":           {Intruder: restless(), Quotas: fakegoogle.Quotas{GmailUnits: 120}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, config)
			if len(b.tenant.IntruderLeft()) == 0 {
				t.Fatal("there is no intruder")
			}
			b.contain()
			b.wantNothingLeft()
			if len(b.sealed) != 2 {
				t.Errorf("pre-images were sealed %d times", len(b.sealed))
			}
		})
	}
}

func TestAPreviewSendsOnlyReads(t *testing.T) {
	b := newBench(t, fakegoogle.Config{})
	for _, mode := range containment.Modes() {
		o := b.options(fakegoogle.Victim)
		o.Mode = mode
		b.plan(o)
	}
	asked := b.tenant.Requests()
	if len(asked) < 20 {
		t.Fatalf("%d requests", len(asked))
	}
	for _, r := range asked {
		if !r.Reads() {
			t.Errorf("%s %s changes something", r.Verb, r.Method)
		}
		for _, scope := range r.Scopes {
			if !strings.HasSuffix(scope, ".readonly") && !strings.HasSuffix(scope, ".user.security") {
				t.Errorf("%s was asked with the scope %s", r.Method, scope)
			}
		}
	}
}

// TestTheRequestLogHasThePlannedOrder checks what the tenant was asked to change, in which order and with which scopes.
func TestTheRequestLogHasThePlannedOrder(t *testing.T) {
	b := newBench(t, fakegoogle.Config{Intruder: restless()})
	p := decide(b.plan(b.options(fakegoogle.Victim)))
	b.tenant.ForgetRequests()
	b.apply(p)
	order := []string{"cloudidentity.inboundSsoAssignments.delete", "cloudidentity.inboundSamlSsoProfiles.delete", "directory.users.update", "directory.users.signOut",
		"directory.asps.delete|directory.tokens.delete|directory.verificationCodes.invalidate|directory.twoStepVerification.turnOff",
		"gmail.users.settings.filters.delete", "gmail.users.settings.updateAutoForwarding", "gmail.users.settings.forwardingAddresses.delete",
		"gmail.users.settings.delegates.delete", "gmail.users.settings.sendAs.delete|gmail.users.settings.sendAs.patch",
		"gmail.users.settings.updateImap|gmail.users.settings.updatePop", "directory.mobiledevices.action", "directory.members.delete",
		"drive.permissions.delete|calendar.acl.delete"}
	at, met := 0, map[int]bool{}
	for _, r := range b.tenant.Requests() {
		if r.Reads() {
			continue
		}
		stage := slices.IndexFunc(order, func(methods string) bool { return slices.Contains(strings.Split(methods, "|"), r.Method) })
		if stage < at {
			t.Errorf("%s comes after stage %d (%s)", r.Method, at, order[max(at, 0)])
		}
		at = max(at, stage)
		met[stage] = true
		if len(r.Scopes) != 1 {
			t.Errorf("%s was asked with the scopes %q", r.Method, r.Scopes)
		}
	}
	for i, methods := range order {
		if !met[i] {
			t.Errorf("nothing was asked of %s", methods)
		}
	}
}

// TestSuspendingFirstFails shows why the order is as it is: the tenant refuses what comes after a suspension.
func TestSuspendingFirstFails(t *testing.T) {
	b := newBench(t, fakegoogle.Config{})
	o := b.options(fakegoogle.Victim)
	o.Mode = containment.Suspend
	p := decide(b.plan(o))
	last := p.Steps[len(p.Steps)-1]
	if last.Kind != kindSuspend {
		t.Fatalf("the last step is %s", last.Kind)
	}
	naive := p
	naive.ID = "naive"
	naive.Steps = append([]containment.Step{last}, p.Steps[:len(p.Steps)-1]...)
	for i := range naive.Steps {
		naive.Steps[i].N, naive.Steps[i].Stage = i+1, i+1
	}
	result, _ := b.apply(naive)
	var failed []string
	for _, s := range result.Failed {
		failed = append(failed, s.Kind)
	}
	for _, kind := range []string{kindSignOut, kindCodes, kindTwoSteps, kindFilter, kindAutoForwarding, kindDelegate} {
		if !slices.Contains(failed, kind) {
			t.Errorf("%s did not fail: %q", kind, failed)
		}
	}
	if left := b.tenant.IntruderLeft(); !slices.ContainsFunc(left, func(s string) bool { return strings.HasPrefix(s, "filter") }) {
		t.Errorf("left is %q", left)
	}
}

// TestSuspendingLastWorks is the same plan in its own order.
func TestSuspendingLastWorks(t *testing.T) {
	b := newBench(t, fakegoogle.Config{})
	o := b.options(fakegoogle.Victim)
	o.Mode = containment.Suspend
	result, _ := b.apply(decide(b.plan(o)))
	if len(result.Failed) != 0 {
		t.Errorf("failed: %+v", result.Failed)
	}
	s, err := b.tenant.State(fakegoogle.Victim)
	b.must(err)
	if suspended, _ := s.User["suspended"].(bool); !suspended {
		t.Error("the account is not suspended")
	}
}

// TestVerifyCatchesWhoIsStillThere lets a session live through the propagation of the sign-out: its owner makes his filter and
// grant again, and verify says so.
func TestVerifyCatchesWhoIsStillThere(t *testing.T) {
	b := newBench(t, fakegoogle.Config{Intruder: restless(), Regrant: time.Minute, Propagation: fakegoogle.UsualPropagation})
	p := decide(b.plan(b.options(fakegoogle.Victim)))
	result, r := b.apply(p)
	if len(result.Failed) != 0 {
		t.Fatalf("failed: %+v", result.Failed)
	}
	began := b.clock.Now()
	verdicts := b.verify(r, p)
	for what, verdict := range map[string]containment.Verdict{kindSignOut: containment.Untold, kindPassword: containment.Pending, kindDelegate: containment.Pending,
		kindFilter: containment.Stands, kindIMAP: containment.Stands} {
		if got := verdicts[what]; !slices.Contains(got, verdict) || slices.Contains(got, containment.Back) {
			t.Errorf("at once %s has %q, not %q", what, got, verdict)
		}
	}
	b.clock.Advance(15 * time.Minute)
	verdicts = b.verify(r, p)
	if !slices.Contains(verdicts[kindFilter], containment.New) {
		t.Errorf("the filter that was made again is not seen: %q", verdicts)
	}
	if !slices.Contains(verdicts[kindToken], containment.Back) || !slices.Contains(verdicts[kindTokensAgain], containment.Back) {
		t.Errorf("the grant that was given again is not seen: %q", verdicts)
	}
	b.clock.Advance(3 * time.Hour)
	signs, err := b.reader.Signs(t.Context(), fakegoogle.Victim, began)
	b.must(err)
	if !slices.ContainsFunc(signs, func(e Event) bool { return e.Name == "authorize" && e.IP == fakegoogle.Intruder }) {
		t.Errorf("no sign of him: %+v", signs)
	}
	b.endStubborn()
	b.wantNothingLeft()
}

// endStubborn ends an intruder whose session outlives the sign-out by an hour and who uses it to put his recovery address
// back: only a suspension ends the session at once. While it lasts the recovery data are cleared, and after it all the rest.
func (b *bench) endStubborn() {
	b.t.Helper()
	o := b.options(fakegoogle.Victim)
	o.Mode = containment.Suspend
	p := decide(b.plan(o))
	_, suspended := b.apply(p)
	b.clock.Advance(10 * time.Minute)
	b.apply(b.plan(b.options(fakegoogle.Victim)))
	b.clock.Advance(10 * time.Minute)
	unmade, err := suspended.Undo(b.t.Context(), p, []int{len(p.Steps)})
	b.must(err)
	if len(unmade) != 1 || unmade[0].Err != nil {
		b.t.Fatalf("the suspension was undone as %+v", unmade)
	}
	b.clock.Advance(10 * time.Minute)
	b.contain()
	b.clock.Advance(2 * time.Hour)
}

func (b *bench) verify(r *containment.Runner, p containment.Plan) map[string][]containment.Verdict {
	b.t.Helper()
	fresh := b.plan(b.options(p.Account))
	r.Actions = b.reader.Actions(p)
	verdicts := map[string][]containment.Verdict{}
	for _, c := range r.Verify(b.t.Context(), p, fresh.Steps) {
		verdicts[c.Step.Kind] = append(verdicts[c.Step.Kind], c.Verdict)
	}
	return verdicts
}

// cut is a runner's journal that ends the run at a call: before it, or after it without a word of what came of it.
func (b *bench) cutAt(r *containment.Runner, call int, after bool) (context.Context, error) {
	ctx, cancel := context.WithCancelCause(b.t.Context())
	killed := errors.New("killed")
	calls := 0
	r.Parallel = 1
	r.Journal = func(string, map[string]string) (func(string, error) error, error) {
		calls++
		switch {
		case calls == call && !after:
			cancel(killed)
			return nil, killed
		case calls == call:
			return func(string, error) error { return killed }, nil
		}
		return func(string, error) error { return nil }, nil
	}
	return ctx, killed
}

// TestKilledBetweenAnyTwoCalls ends a run at each of its calls, before and after it, and goes on with its ledger.
func TestKilledBetweenAnyTwoCalls(t *testing.T) {
	b := newBench(t, fakegoogle.Config{Regrant: -1, Messages: 1})
	p := decide(b.plan(b.options(fakegoogle.Victim)))
	taken := 0
	for _, s := range p.Steps {
		if s.Decision == containment.Take {
			taken++
		}
	}
	for call := 1; call <= taken; call++ {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d after=%t", call, after), func(t *testing.T) { killedAt(t, call, after) })
		}
	}
}

func killedAt(t *testing.T, call int, after bool) {
	b := newBench(t, fakegoogle.Config{Regrant: -1, Messages: 1})
	p := decide(b.plan(b.options(fakegoogle.Victim)))
	r := b.runner(p)
	ctx, killed := b.cutAt(r, call, after)
	if _, err := r.Apply(ctx, p); !errors.Is(err, killed) {
		t.Fatalf("the run ended with %v", err)
	}
	b.must(r.Ledger.Close())
	before := b.tenant.Requests()
	result, _ := b.apply(p)
	if len(result.Failed) != 0 {
		t.Errorf("failed: %+v", result.Failed)
	}
	if len(b.sealed) != 1 {
		t.Errorf("pre-images were sealed %d times", len(b.sealed))
	}
	if _, err := b.apply(decide(b.plan(b.options(fakegoogle.Delegate)))); err == nil {
		t.Error("no runner")
	}
	b.wantNothingLeft()
	seen := map[string]int{}
	for i, q := range b.tenant.Requests() {
		if q.Reads() || q.Status/100 != 2 || !strings.Contains(q.Path, "alice") && q.Subject != fakegoogle.Victim {
			continue
		}
		seen[q.Verb+q.Path]++
		if again := seen[q.Verb+q.Path] > 1; again && !(after && i >= len(before) && repeatable(q.Method)) {
			t.Errorf("%s %s was done twice", q.Verb, q.Path)
		}
	}
}

// repeatable are the calls whose effect nobody can read: cut off without a word, they are made again.
func repeatable(method string) bool {
	return method == "directory.users.update" || method == "directory.users.signOut"
}

func TestUndoRestoresTheSeededState(t *testing.T) {
	b := newBench(t, fakegoogle.Config{Regrant: -1})
	b.must(b.tenant.Seed(fakegoogle.Seed{Account: fakegoogle.Victim,
		Filters: []map[string]any{{"id": "ANe1BmjOwn", "criteria": map[string]any{"from": "spam@x.example"}, "action": map[string]any{"addLabelIds": []any{"TRASH"}}}}}))
	was, err := b.tenant.State(fakegoogle.Victim)
	b.must(err)
	p := decide(b.plan(b.options(fakegoogle.Victim)))
	_, r := b.apply(p)
	unmade, err := r.Undo(t.Context(), p, nil)
	b.must(err)
	now, err := b.tenant.State(fakegoogle.Victim)
	b.must(err)
	for what, pairs := range map[string][2]any{
		"delegates": {was.Delegates, now.Delegates}, "IMAP": {was.IMAP, now.IMAP}, "POP": {was.POP, now.POP}, "vacation": {was.Vacation, now.Vacation},
		"devices": {was.MobileDevices, now.MobileDevices}, "recovery": {was.User["recoveryEmail"], now.User["recoveryEmail"]},
		"reply-to": {was.SendAs[0]["replyToAddress"], now.SendAs[0]["replyToAddress"]}, "calendar": {was.CalendarRules, now.CalendarRules},
	} {
		if fmt.Sprint(pairs[0]) != fmt.Sprint(pairs[1]) {
			t.Errorf("%s: %v is now %v", what, pairs[0], pairs[1])
		}
	}
	if len(now.ForwardingAddresses) != 1 || len(now.SendAs) != len(was.SendAs) || len(now.Filters) != len(was.Filters)-1 {
		t.Errorf("there are %d forwarding addresses, %d senders, %d filters", len(now.ForwardingAddresses), len(now.SendAs), len(now.Filters))
	}
	cannot := map[string]bool{}
	for _, u := range unmade {
		if u.Err != nil {
			cannot[u.Step.Kind] = true
		}
	}
	for _, kind := range []string{kindToken, kindAppPassword, kindCodes, kindTwoSteps, kindSignOut, kindFilter, kindAutoForwarding} {
		if !cannot[kind] { // the filter and the forwarding wait for the address outside to be confirmed
			t.Errorf("nobody says that %s cannot come back", kind)
		}
	}
	for _, kind := range []string{kindDelegate, kindIMAP, kindForwardingAddress, kindSendAs} {
		if cannot[kind] {
			t.Errorf("%s did not come back", kind)
		}
	}
}

// TestWhatIsOfCarolsIsTakenAndPutBack goes through the kinds that the story does not have.
func TestWhatIsOfCarolsIsTakenAndPutBack(t *testing.T) {
	const carol = "carol@example.test"
	b := newBench(t, fakegoogle.Config{})
	was, err := b.tenant.State(carol)
	b.must(err)
	p := b.plan(b.options(carol))
	for i := range p.Steps {
		p.Steps[i].Decision = containment.Take
	}
	result, r := b.apply(p)
	if len(result.Failed) != 0 {
		t.Fatalf("failed: %+v", result.Failed)
	}
	cleaned, err := b.tenant.State(carol)
	b.must(err)
	if on, _ := cleaned.Vacation["enableAutoReply"].(bool); on || len(cleaned.Filters)+len(cleaned.Delegates)+len(cleaned.SMIME) != 0 {
		t.Errorf("left are %v, %d filters, %d delegates, %d keys", cleaned.Vacation, len(cleaned.Filters), len(cleaned.Delegates), len(cleaned.SMIME))
	}
	unmade, err := r.Undo(t.Context(), p, nil)
	b.must(err)
	for _, u := range unmade {
		if never := u.Step.Undo == containment.Never; never != errors.Is(u.Err, containment.ErrIrreversible) && u.Step.Kind != kindPassword {
			t.Errorf("%s, which says %s: %v", u.Step.Kind, u.Step.Undo, u.Err)
		}
	}
	now, err := b.tenant.State(carol)
	b.must(err)
	if fmt.Sprint(was.Vacation, was.Delegates, was.IMAP, was.POP) != fmt.Sprint(now.Vacation, now.Delegates, now.IMAP, now.POP) {
		t.Errorf("%v %v is now %v %v", was.Vacation, was.Delegates, now.Vacation, now.Delegates)
	}
	for _, f := range append(was.Filters, now.Filters...) {
		delete(f, "id") // a filter that is made again has another one
	}
	slices.SortFunc(now.Filters, func(x, y map[string]any) int { return strings.Compare(fmt.Sprint(x), fmt.Sprint(y)) })
	slices.SortFunc(was.Filters, func(x, y map[string]any) int { return strings.Compare(fmt.Sprint(x), fmt.Sprint(y)) })
	if fmt.Sprint(was.Filters) != fmt.Sprint(now.Filters) {
		t.Errorf("the filters %v are now %v", was.Filters, now.Filters)
	}
}

// TestPrivilegesComeBack takes a role and a place in a group away and gives them back.
func TestPrivilegesComeBack(t *testing.T) {
	b := newBench(t, fakegoogle.Config{})
	p := b.plan(b.options("dave@example.test"))
	role := slices.IndexFunc(p.Steps, func(s containment.Step) bool { return s.Kind == kindRole })
	if role < 0 || p.Steps[role].Decision != containment.Unknown {
		t.Fatalf("the role is no step, or decided on: %+v", p.Steps)
	}
	steps := []containment.Step{p.Steps[role], {Kind: kindMember, Account: fakegoogle.Victim, Target: "factures@example.test/" + fakegoogle.Victim, Undo: containment.Whole}}
	for _, s := range steps {
		a := b.writer.Actions(p)[s.Kind]
		before, err := a.Inspect(t.Context(), s)
		b.must(err)
		if before.Holds {
			t.Fatalf("%s is not there", s.Target)
		}
		b.must(a.Apply(t.Context(), s, before))
		b.must(a.Apply(t.Context(), s, before)) // a second time is no error
		after, err := a.Inspect(t.Context(), s)
		b.must(err)
		if !after.Holds {
			t.Errorf("%s is still there", s.Kind)
		}
		b.must(a.Undo(t.Context(), s, before))
	}
	again := b.plan(b.options("dave@example.test"))
	if !slices.ContainsFunc(again.Steps, func(s containment.Step) bool { return s.Kind == kindRole }) {
		t.Error("the role did not come back")
	}
	member, err := b.writer.Actions(p)[kindMember].Inspect(t.Context(), steps[1])
	b.must(err)
	if member.Holds {
		t.Error("the place in the group did not come back")
	}
}

func TestStalePlansAreRefused(t *testing.T) {
	b := newBench(t, fakegoogle.Config{Regrant: -1})
	p := decide(b.plan(b.options(fakegoogle.Victim)))
	first, _ := b.apply(p)
	if len(first.Failed) > 0 {
		t.Fatal("failed")
	}
	p.ID = "again"
	b.tenant.ForgetRequests()
	_, err := b.runner(p).Apply(t.Context(), p)
	var stale *containment.StaleError
	if !errors.As(err, &stale) || len(stale.Differences) < 5 {
		t.Fatalf("the error is %v", err)
	}
	for _, r := range b.tenant.Requests() {
		if !r.Reads() {
			t.Errorf("%s changed something", r.Method)
		}
	}
}

func TestWhatStopsIsRecognised(t *testing.T) {
	for name, c := range map[string]struct {
		config  fakegoogle.Config
		account string
		admin   string
		mode    containment.Mode
		kind    string
		stops   bool
		without string // a step that is not proposed
	}{
		"another identity provider": {account: fakegoogle.Victim, kind: "third-party-sso"},
		"enforced two steps":        {account: "grace@example.test", kind: "enforced-2sv", without: kindTwoSteps},
		"advanced protection":       {account: fakegoogle.Victim, kind: "advanced-protection"},
		"own account":               {account: fakegoogle.Admin, kind: "own-account", stops: true},
		"last super administrator":  {account: fakegoogle.Admin, mode: containment.Suspend, kind: "last-super-admin", stops: true},
		"last, locked":              {account: fakegoogle.Admin, kind: "last-super-admin"},
		"super administrator":       {account: fakegoogle.Admin, admin: "dave@example.test", kind: "super-admin-target", stops: true},
		"multi-party approval":      {account: "dave@example.test", kind: "multi-party-approval"},
		"suspended":                 {account: "erin@example.test", kind: "suspended", without: kindSignOut},
		"not delegated":             {config: fakegoogle.Config{Scopes: []string{scopePrefix + "admin.directory.user.readonly"}}, account: fakegoogle.Victim, kind: "unread"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, c.config)
			if c.admin != "" {
				b.reader = b.client(false, c.admin)
			}
			o := b.options(c.account)
			if c.mode != "" {
				o.Mode = c.mode
			}
			p := b.plan(o)
			i := slices.IndexFunc(p.Warnings, func(w containment.Warning) bool { return w.Kind == c.kind })
			if i < 0 || p.Warnings[i].Stops != c.stops || p.Warnings[i].Instead.FR == "" || strings.Contains(p.Warnings[i].Text.EN, "%") {
				t.Fatalf("the warnings are %+v", p.Warnings)
			}
			if slices.ContainsFunc(p.Steps, func(s containment.Step) bool { return s.Kind == c.without }) {
				t.Errorf("%s is proposed", c.without)
			}
			if c.stops {
				if _, err := b.runner(p).Apply(t.Context(), p); !errors.Is(err, containment.ErrPlan) {
					t.Errorf("applying it gives %v", err)
				}
			}
		})
	}
}

// TestAdvancedProtectionKeepsItsFactors goes on past the step that Google refuses.
func TestAdvancedProtectionKeepsItsFactors(t *testing.T) {
	b := newBench(t, fakegoogle.Config{AdvancedProtection: []string{fakegoogle.Victim}, Regrant: -1})
	result, r := b.apply(decide(b.plan(b.options(fakegoogle.Victim))))
	if len(result.Failed) != 1 || result.Failed[0].Kind != kindTwoSteps {
		t.Fatalf("failed: %+v", result.Failed)
	}
	if last, _ := r.Ledger.Last(result.Failed[0].N); !strings.Contains(last.Text, "Advanced Protection") {
		t.Errorf("the ledger says %q", last.Text)
	}
}

// TestASecondAdministratorMustAgree goes on past a change that waits for somebody's approval, says what to do, and makes it when
// the plan is applied again.
func TestASecondAdministratorMustAgree(t *testing.T) {
	b := newBench(t, fakegoogle.Config{Regrant: -1})
	b.tenant.Fail(fakegoogle.Fault{Method: "directory.users.update", Times: 1, Status: http.StatusForbidden, Reason: "approvalRequired"})
	p := decide(b.plan(b.options(fakegoogle.Victim)))
	result, r := b.apply(p)
	if len(result.Failed) != 1 || result.Failed[0].Kind != kindPassword {
		t.Fatalf("failed: %+v", result.Failed)
	}
	if last, _ := r.Ledger.Last(result.Failed[0].N); !strings.Contains(last.Text, "Multi-party approval; then apply the plan again") {
		t.Errorf("the ledger says %q", last.Text)
	}
	b.must(r.Ledger.Close())
	b.tenant.ForgetRequests()
	if result, _ := b.apply(p); len(result.Failed) != 0 || b.made("directory.users.update") != 1 || b.made("directory.users.signOut") != 0 {
		t.Errorf("again: %+v", result.Failed)
	}
}

// TestSingleSignOnOfAGroupIsSeen has a provider that signs in the members of a group, before that of their unit counts.
func TestSingleSignOnOfAGroupIsSeen(t *testing.T) {
	b := newBench(t, fakegoogle.Config{})
	for rank, group := range []string{"tous@example.test", "atelier@example.test"} {
		id := b.read("admin.directory.group.readonly", directoryV1+"groups/"+group).text("id")
		_, err := b.writer.do(t.Context(), request{service: identityAPI, subject: fakegoogle.Admin, scope: "cloud-identity.inboundsso", verb: http.MethodPost, path: "v1/inboundSsoAssignments",
			body: object{"targetGroup": "groups/" + id, "rank": 2 - rank, "ssoMode": "SAML_SSO", "samlSsoInfo": object{"inboundSamlSsoProfile": "inboundSamlSsoProfiles/01ssop0"}}})
		b.must(err)
	}
	names := map[string]bool{}
	for _, account := range []string{"bob@example.test", "carol@example.test"} {
		p := b.plan(b.options(account))
		if len(p.Warnings) == 0 || p.Warnings[0].Kind != "third-party-sso" {
			t.Fatalf("%s: the warnings are %+v", account, p.Warnings)
		}
		names[p.Steps[0].Target] = true
	}
	if len(names) != 2 {
		t.Errorf("both are signed in by %v, and one of them by the group of lower rank", names)
	}
}

// TestWhatIsOrdinaryIsLeftToAPerson plans for accounts in which nothing is wrong.
func TestWhatIsOrdinaryIsLeftToAPerson(t *testing.T) {
	b := newBench(t, fakegoogle.Config{})
	for account, kinds := range map[string][]string{
		"carol@example.test": {kindDelegate, kindFilter, kindVacation, kindSMIME},
		"bob@example.test":   {kindAutoForwarding, kindForwardingAddress},
	} {
		p := b.plan(b.options(account))
		for _, kind := range kinds {
			i := slices.IndexFunc(p.Steps, func(s containment.Step) bool { return s.Kind == kind })
			if i < 0 || p.Steps[i].Decision != containment.Unknown {
				t.Errorf("%s: %s is not left to a person", account, kind)
			}
		}
	}
	o := b.options(fakegoogle.Victim)
	o.Mode = containment.Precaution
	for _, s := range b.plan(o).Steps {
		if !slices.Contains([]string{kindPassword, kindSignOut, kindCodes, kindTwoSteps, kindSSOAssignment, kindSSOProfile}, s.Kind) {
			t.Errorf("as a precaution %s is proposed", s.Kind)
		}
	}
}

// TestAClientThatPlansCannotApply holds the two credentials apart.
func TestAClientThatPlansCannotApply(t *testing.T) {
	b := newBench(t, fakegoogle.Config{})
	p := b.plan(b.options(fakegoogle.Victim))
	b.writer = b.reader
	result, _ := b.apply(p)
	if len(result.Done) != 0 || len(result.Failed) == 0 {
		t.Errorf("done: %+v", result.Done)
	}
	for _, r := range b.tenant.Requests() {
		if !r.Reads() {
			t.Errorf("%s changed something", r.Method)
		}
	}
}

func TestKeysAreRefused(t *testing.T) {
	for name, key := range map[string]string{"no JSON": "x", "a user's": `{"type":"authorized_user"}`, "elsewhere": `{"type":"service_account","client_email":"a","private_key":"k","token_uri":"https://evil.example/token"}`} {
		if _, err := New(Config{Key: secret.New(key)}); !errors.Is(err, ErrKeyFile) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(Config{Endpoint: "https://evil.example"}); !errors.Is(err, ErrEndpoint) {
		t.Errorf("an endpoint elsewhere: %v", err)
	}
}
