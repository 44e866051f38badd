package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/findings/networks"
	"github.com/mbaudit/mbaudit/findings/watch"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
)

// A watchRig runs mbaudit in a case, against a tenant whose clock goes on only when somebody waits.
type watchRig struct {
	t      *testing.T
	tenant *fakegoogle.Tenant
	clock  *fakegoogle.Clock
	world  *terminal
	dir    string
	env    map[string]string
	stdout bytes.Buffer
	stderr bytes.Buffer
	waited func(at time.Time) // hears when somebody waits
}

func newWatchRig(t *testing.T, config fakegoogle.Config) *watchRig {
	t.Helper()
	r := &watchRig{t: t, dir: filepath.Join(t.TempDir(), "case"), clock: fakegoogle.NewClock(fakegoogle.Start())}
	config.Now, config.Volume, config.Quotas = r.clock.Now, func(string) int { return -1 }, fakegoogle.Quotas{GmailUnits: -1}
	r.tenant = fakegoogle.New(config)
	server := r.tenant.Start(t)
	key, _ := googleKey(t, server)
	r.world = &terminal{stdin: strings.NewReader(""), stdout: &r.stdout, stderr: &r.stderr, width: 80, now: r.clock.Now,
		until: func(ctx context.Context, at time.Time) error {
			if d := at.Sub(r.clock.Now()); d > 0 {
				r.clock.Advance(d)
			}
			if r.waited != nil {
				r.waited(at)
			}
			return ctx.Err()
		},
		getenv: func(name string) string { return r.env[name] }}
	r.env = map[string]string{"MBAUDIT_CASE": r.dir, "MBAUDIT_CONFIG": filepath.Join(filepath.Dir(r.dir), "config"), googleEndpointVariable: server.PlainURL,
		googleKeyVariable: key, googleWriteKeyVariable: key}
	r.run(statusDone, "init", r.dir, "--lang", "en")
	return r
}

// run runs a command, and gives what it printed.
func (r *watchRig) run(want int, args ...string) string {
	r.t.Helper()
	return r.runIn(context.Background(), want, args...)
}

func (r *watchRig) runIn(ctx context.Context, want int, args ...string) string {
	r.t.Helper()
	r.stdout.Reset()
	r.stderr.Reset()
	if status := run(ctx, r.world, args); status != want {
		r.t.Fatalf("%s: status %d, not %d\n%s%s", strings.Join(args, " "), status, want, r.stdout.String(), r.stderr.String())
	}
	return r.stdout.String()
}

func (r *watchRig) watch(want int, args ...string) string {
	r.t.Helper()
	return r.run(want, append([]string{"watch", "--google-admin", fakegoogle.Admin, "--tsa", "none"}, args...)...)
}

// signsIn has a user sign in, or try to, from an address.
func (r *watchRig) signsIn(user, name, ip string, at time.Time, late time.Duration) {
	r.t.Helper()
	if err := r.tenant.AddActivity(user, fakegoogle.SeedActivity{Application: "login", Time: at, IP: ip, Type: "login", Name: name, Late: late}); err != nil {
		r.t.Fatal(err)
	}
}

// hits are those in the logbook, in the order of its lines.
func (r *watchRig) hits() []*watch.Hit {
	r.t.Helper()
	f, err := os.Open(filepath.Join(r.dir, "journal.jsonl"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	var all []*watch.Hit
	for e, err := range journal.Read(f) {
		if err != nil {
			r.t.Fatal(err)
		}
		if h, ok := hitOf(e); ok {
			all = append(all, h)
		}
	}
	return all
}

func (r *watchRig) tried() triedDocument {
	r.t.Helper()
	var doc triedDocument
	data, err := os.ReadFile(filepath.Join(r.dir, watchName, watchTriedName))
	if err != nil || json.Unmarshal(data, &doc) != nil {
		r.t.Fatalf("tried.json: %v\n%s", err, data)
	}
	return doc
}

func (r *watchRig) onlyRead() {
	r.t.Helper()
	for _, q := range r.tenant.Requests() {
		if !q.Reads() && q.Method != "token" {
			r.t.Errorf("something was changed: %s %s", q.Method, q.Path)
		}
	}
}

const (
	bob   = "bob@example.test"
	carol = "carol@example.test"
	home  = "198.51.100.20" // nobody is known there
)

// TestWatchFindsTheIntruder: he signs in to the account again, tries two others, one of which lets him in, and one of his sign-ins
// shows in the log five hours late. A second and a third run find nothing twice.
func TestWatchFindsTheIntruder(t *testing.T) {
	t.Parallel()
	r := newWatchRig(t, fakegoogle.Config{})
	began := r.clock.Now()
	r.signsIn(fakegoogle.Victim, "login_success", fakegoogle.Intruder, began.Add(10*time.Minute), 0)
	r.signsIn(bob, "login_failure", fakegoogle.Intruder, began.Add(20*time.Minute), 0)
	r.signsIn(carol, "login_success", fakegoogle.Intruder, began.Add(30*time.Minute), 5*time.Hour)
	r.signsIn(bob, "login_success", home, began.Add(40*time.Minute), 0)
	r.signsIn(fakegoogle.Victim, "login_success", fakegoogle.Intruder, began.Add(-10*time.Minute), 0) // before

	args := []string{"--account", fakegoogle.Victim, "--ip", fakegoogle.Intruder, "--since", began.Format(time.RFC3339)}
	out := r.watch(statusFound, append(args, "--for", "2h")...)
	if !strings.Contains(out, "THE INTRUDER GOT IN") || !strings.Contains(out, "203.0.113[.]77") || strings.Contains(out, fakegoogle.Intruder) || strings.Contains(out, carol) {
		t.Errorf("after two hours:\n%s", out)
	}
	if n := len(r.hits()); n != 2 {
		t.Fatalf("%d hits after two hours: %v", n, r.hits())
	}
	out = r.watch(statusFound, append(args, "--for", "8h")...)
	if !strings.Contains(out, carol) {
		t.Errorf("what came late was not found:\n%s", out)
	}
	r.watch(statusDone, append(args, "--once")...)
	if n := len(r.hits()); n != 3 {
		t.Fatalf("%d hits at the end: %v", n, r.hits())
	}
	tried := r.tried().Accounts
	if len(tried) != 3 || tried[0].Got != 1 || tried[2].Account != bob || tried[2].Got != 0 || !slices.Contains(tried[0].By, "ip "+fakegoogle.Intruder) {
		t.Errorf("tried: %+v", tried)
	}
	r.run(statusDone, "verify", filepath.Join(r.dir, "bundles"))
	r.onlyRead()
}

// TestWatchReadsAgainWhatFailed: a poll that breaks off in the middle of a log is said, and the next one finds what was there.
func TestWatchReadsAgainWhatFailed(t *testing.T) {
	t.Parallel()
	r := newWatchRig(t, fakegoogle.Config{})
	began := r.clock.Now()
	r.signsIn(bob, "login_failure", fakegoogle.Intruder, began.Add(time.Minute), 0)
	r.clock.Advance(time.Hour)
	r.tenant.Fail(fakegoogle.Fault{Method: "reports.activities.list", Path: "/login$", Times: watchTries, Status: 503})
	args := []string{"--account", fakegoogle.Victim, "--ip", fakegoogle.Intruder, "--since", began.Format(time.RFC3339), "--once"}
	r.watch(statusIncomplete, args...)
	if !strings.Contains(r.stderr.String(), "the log login could not be read from 2026-10-15") || len(r.hits()) != 0 {
		t.Errorf("the failure was not said, or something was found all the same:\n%s", r.stderr.String())
	}
	if doc := r.tried(); !slices.Equal(doc.NotRead, []string{"login"}) {
		t.Errorf("tried.json says that all was read: %+v", doc)
	}
	r.watch(statusFound, args...)
	if !strings.Contains(r.stderr.String(), "the log login was read again") || len(r.hits()) != 1 {
		t.Errorf("%d hits:\n%s", len(r.hits()), r.stderr.String())
	}
}

// TestWatchWithoutALog: a log that the tenant does not have is said once, and keeps no timer from ending well; where somebody
// names it, it is missing.
func TestWatchWithoutALog(t *testing.T) {
	t.Parallel()
	r := newWatchRig(t, fakegoogle.Config{Unlicensed: map[string]fakegoogle.Denial{"gmail": {}}})
	args := []string{"--account", fakegoogle.Victim, "--since", r.clock.Now().Add(-time.Hour).Format(time.RFC3339), "--once"}
	r.watch(statusDone, args...)
	if !strings.Contains(r.stderr.String(), "the log gmail is not watched") || !slices.Equal(r.tried().NotRead, []string{"gmail"}) {
		t.Errorf("not read: %v\n%s", r.tried().NotRead, r.stderr.String())
	}
	r.watch(statusDone, args...)
	if said := r.stdout.String() + r.stderr.String(); said != "" {
		t.Errorf("the second run says:\n%s", said)
	}
	r.watch(statusIncomplete, append(args, "--log", "gmail")...)
}

// TestWatchIsStopped: a run that somebody ends seals what it found, and the next one goes on from there.
func TestWatchIsStopped(t *testing.T) {
	t.Parallel()
	r := newWatchRig(t, fakegoogle.Config{})
	began := r.clock.Now()
	for minute := range 60 {
		r.signsIn(bob, "login_failure", fakegoogle.Intruder, began.Add(time.Duration(minute)*time.Minute), 0)
	}
	ctx, stop := context.WithCancel(t.Context())
	polls := 0
	r.waited = func(time.Time) {
		if polls++; polls == 10 {
			stop()
		}
	}
	args := []string{"watch", "--google-admin", fakegoogle.Admin, "--tsa", "none", "--account", fakegoogle.Victim, "--ip", fakegoogle.Intruder, "--since", began.Format(time.RFC3339), "--for", "4h"}
	r.runIn(ctx, statusInterrupted, args...)
	first := len(r.hits())
	if first == 0 || first >= 20 || !strings.Contains(r.stderr.String(), "the same command goes on from here") {
		t.Fatalf("%d hits up to then\n%s", first, r.stderr.String())
	}
	r.run(statusDone, "verify", filepath.Join(r.dir, "bundles"))
	r.run(statusFound, args...)
	if n := len(r.hits()); n != 20 { // of an hour's flood
		t.Errorf("%d hits have a line of their own", n)
	}
	if tried := r.tried().Accounts; len(tried) != 1 || tried[0].Attempts != 60 || tried[0].Got != 0 {
		t.Errorf("tried: %+v", tried)
	}
	r.run(statusDone, "verify", filepath.Join(r.dir, "bundles"))
}

// TestWatchIsKilled kills the program between the log in which it found something and the next one: the hit is in the logbook, its
// page is kept, and the next run seals that and writes nothing twice.
func TestWatchIsKilled(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	reached, release := make(chan struct{}), make(chan struct{})
	r := newWatchRig(t, fakegoogle.Config{Latency: func(method string) time.Duration {
		if method == "reports.activities.list" && calls.Add(1) == 2 {
			close(reached)
			<-release
		}
		return 0
	}})
	r.clock.Advance(time.Since(r.clock.Now())) // the program's clock is the machine's
	began := r.clock.Now().Add(-2 * time.Hour).Truncate(time.Second)
	r.signsIn(bob, "login_failure", fakegoogle.Intruder, began.Add(time.Minute), 0)
	args := []string{"watch", "--google-admin", fakegoogle.Admin, "--tsa", "none", "--account", fakegoogle.Victim, "--ip", fakegoogle.Intruder, "--since", began.Format(time.RFC3339),
		"--once", "--log", "login", "--log", "token"}
	program := exec.Command("mbaudit", args...)
	program.Env = os.Environ()
	for name, value := range r.env {
		program.Env = append(program.Env, name+"="+value)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	<-reached
	if err := program.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = program.Wait() // killed
	close(release)
	if n := len(r.hits()); n != 1 {
		t.Fatalf("%d hits before it was killed", n)
	}
	r.run(statusNotVerified, "verify", filepath.Join(r.dir, "bundles"))
	r.run(statusFailed, "collect", "--resume") // that is no collection's
	if out := r.run(statusFound, args...); !strings.Contains(out, bob) {
		t.Errorf("what the killed run had found was not said:\n%s", out)
	}
	if !strings.Contains(r.stderr.String(), "sealing what an earlier run had kept") || len(r.hits()) != 1 {
		t.Errorf("%d hits\n%s", len(r.hits()), r.stderr.String())
	}
	r.run(statusDone, "verify", filepath.Join(r.dir, "bundles"))
}

// findingOf gives the id of a finding about signing in from the network of an address.
func (r *watchRig) findingOf(ip string) string {
	r.t.Helper()
	found, err := readAnalysis[findings.Result](filepath.Join(r.dir, analysisName, findingsName))
	if err != nil || found == nil {
		r.t.Fatalf("no findings: %v", err)
	}
	for _, f := range found.Findings {
		if f.Subject == networks.Prefix(ip) && f.Class == "access" {
			return f.ID
		}
	}
	r.t.Fatalf("no finding about signing in from %s", ip)
	return ""
}

const (
	usual  = "192.0.2.200"  // where the victim signs in every day
	hotel  = "198.51.100.9" // where she did once, as she says
	nobody = "198.19.1.1"   // where nobody was ever seen
)

// TestWatchAfterContainment is the whole story: an account is collected, judged and taken back while the intruder is at it, and
// watched. What to look for comes from the case, and who is the user too.
func TestWatchAfterContainment(t *testing.T) {
	t.Parallel()
	r := newWatchRig(t, fakegoogle.Config{Regrant: -1, Intruder: fakegoogle.Persistence{SignIn: 2 * time.Hour}})
	began := r.clock.Now()
	for day := range 40 {
		r.signsIn(fakegoogle.Victim, "login_success", usual, began.AddDate(0, 0, -5-day), 0)
	}
	r.signsIn(fakegoogle.Victim, "login_success", hotel, began.Add(-20*time.Hour), 0)
	r.run(statusDone, "collect", "--account", fakegoogle.Victim, "--workspace", "--google-admin", fakegoogle.Admin, "--messages", "none", "--tsa", "none")
	r.run(statusDone, "qualify")
	r.run(statusDone, "ask", "--answer", r.findingOf(hotel)+"=recognised", "--by", "Alice")
	r.run(statusDone, "qualify")
	r.run(statusDone, "contain", "--account", fakegoogle.Victim, "--google-admin", fakegoogle.Admin, "--now", "--since", "2026-10-12", "--tsa", "none", "--yes", fakegoogle.Victim)
	r.signsIn(fakegoogle.Victim, "login_success", usual, began.Add(time.Hour), 0)
	r.signsIn(fakegoogle.Victim, "login_failure", hotel, began.Add(61*time.Minute), 0)
	r.signsIn(bob, "login_success", hotel, began.Add(62*time.Minute), 0)
	r.signsIn(bob, "login_failure", fakegoogle.Intruder, began.Add(63*time.Minute), 0)
	r.signsIn(carol, "login_failure", fakegoogle.Intruder, began.Add(64*time.Minute), 0)
	r.signsIn(fakegoogle.Victim, "login_failure", nobody, began.Add(65*time.Minute), 0)
	r.tenant.ForgetRequests()

	out := r.watch(statusFound, "--for", "6h")
	r.onlyRead()
	for what, verdict := range map[string]watch.Verdict{usual: watch.User, hotel: watch.User, nobody: watch.Stranger, fakegoogle.Intruder: watch.Intruder} {
		hits := slices.DeleteFunc(r.hits(), func(h *watch.Hit) bool { return h.IP != what })
		if len(hits) == 0 || slices.ContainsFunc(hits, func(h *watch.Hit) bool { return h.Verdict != verdict }) {
			t.Errorf("from %s there are %d hits, and not all are %q\n%s", what, len(hits), verdict, out)
		}
		if verdict == watch.User && len(hits) != 1 {
			t.Errorf("from %s there are %d hits", what, len(hits))
		}
	}
	var tried []string
	for _, x := range r.tried().Accounts {
		tried = append(tried, x.Account)
	}
	if want := []string{fakegoogle.Victim, bob, carol}; !slices.Equal(tried, want) {
		t.Errorf("tried were %q, not %q", tried, want)
	}

	r.run(statusDone, "qualify")
	r.watchedFacts()
}

// watchedFacts: what was kept while watching is read as any log is, each line once, and the coverage does not say that the log was read whole.
func (r *watchRig) watchedFacts() {
	r.t.Helper()
	found := 0
	for f, err := range jsonLines[facts.Fact](filepath.Join(r.dir, analysisName, factsName)) {
		if err != nil {
			r.t.Fatal(err)
		}
		if f.Resource == "watch/login" && f.Account == carol && f.Text("ip") == fakegoogle.Intruder && f.Text("event.application") == "login" && !f.Is("duplicate") {
			found++
		}
	}
	if found != 1 {
		r.t.Errorf("%d facts of what was tried at %s", found, carol)
	}
	bundles, err := bundlesIn(r.dir)
	if err != nil {
		r.t.Fatal(err)
	}
	rows := 0
	for _, dir := range bundles {
		sealed, err := evidence.ReadSealed(dir)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, row := range sealed.Coverage {
			if row.Resource != "watch/login" {
				continue
			}
			if rows++; row.Status != evidence.StatusIncomplete {
				r.t.Errorf("%s: the ledger says %s of a log of which only some pages were kept", dir, row.Status)
			}
		}
	}
	if rows == 0 {
		r.t.Error("no bundle has what was kept while watching")
	}
}
