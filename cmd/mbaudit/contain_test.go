package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/mbaudit/mbaudit/containment"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
	"github.com/mbaudit/mbaudit/internal/seedmail"
)

// containTenants are a Workspace whose intruder stays away, and one where he is at work again an hour after he was shut out,
// once there is a file: what the scripts of contain need.
func containTenants(t *testing.T) []string {
	t.Helper()
	tenant := fakegoogle.New(fakegoogle.Config{Now: time.Now, Regrant: -1, Quotas: fakegoogle.Quotas{GmailUnits: -1}})
	for _, mailbox := range []string{"bob@example.test", "carol@example.test"} {
		raw := []byte("From: Direction <chef@webfree.example>\r\nTo: " + mailbox + "\r\nSubject: Virement urgent \x1b[31m\r\nMessage-ID: <lure-1@webfree.example>\r\n\r\nVoir http://evil.example/\r\n")
		err := tenant.Seed(fakegoogle.Seed{Account: mailbox, Messages: []seedmail.Message{{Folder: "INBOX", InternalDate: time.Now().Add(-time.Hour), Raw: raw}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	quiet := tenant.Start(t)
	key, _ := googleKey(t, quiet)
	marker := filepath.Join(t.TempDir(), "an-hour-later")
	live := fakegoogle.New(fakegoogle.Config{Quotas: fakegoogle.Quotas{GmailUnits: -1}, Regrant: time.Minute, Intruder: fakegoogle.Persistence{Filters: time.Minute, SignIn: time.Minute},
		Propagation: fakegoogle.UsualPropagation, Now: func() time.Time {
			if _, err := os.Stat(marker); err == nil {
				return time.Now().Add(30 * time.Minute)
			}
			return time.Now()
		}}).Start(t)
	liveKey, _ := googleKey(t, live)
	return []string{"GOOGLE_CONTAIN=" + quiet.PlainURL, "GOOGLE_CONTAIN_KEY=" + key, "GOOGLE_LIVE=" + live.PlainURL, "GOOGLE_LIVE_KEY=" + liveKey, "GOOGLE_LIVE_MARKER=" + marker}
}

// A nowRig runs contain --now against a tenant.
type nowRig struct {
	tenant  *fakegoogle.Tenant
	mbaudit func(args ...string)
	dir     string
}

func newNowRig(t *testing.T, latency func(method string) time.Duration) *nowRig {
	t.Helper()
	r := &nowRig{dir: filepath.Join(t.TempDir(), "case")}
	r.tenant = fakegoogle.New(fakegoogle.Config{Now: time.Now, Regrant: -1, Latency: latency, TokenLatency: func() time.Duration { return latency("token") }, Quotas: fakegoogle.Quotas{GmailUnits: -1}})
	server := r.tenant.Start(t)
	key, _ := googleKey(t, server)
	var stdout, stderr bytes.Buffer
	world := &terminal{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, width: 80, now: time.Now, getenv: func(name string) string {
		return map[string]string{"MBAUDIT_CASE": r.dir, "MBAUDIT_CONFIG": filepath.Join(filepath.Dir(r.dir), "config"), googleEndpointVariable: server.PlainURL,
			googleKeyVariable: key, googleWriteKeyVariable: key}[name]
	}}
	r.mbaudit = func(args ...string) {
		t.Helper()
		if status := run(context.Background(), world, args); status != 0 {
			t.Fatalf("%s: status %d\n%s", args[0], status, stderr.String())
		}
	}
	r.mbaudit("init", r.dir)
	return r
}

func (r *nowRig) now() {
	r.mbaudit("contain", "--account", fakegoogle.Victim, "--google-admin", fakegoogle.Admin, "--now", "--tsa", "none", "--yes", fakegoogle.Victim)
}

// ends says whether a call ends something of the intruder's that lets him in.
func ends(method string) bool {
	return method == "directory.users.signOut" || method == "directory.asps.delete" || method == "directory.tokens.delete"
}

// TestNowLocksWithinAFewCalls runs contain --now against a tenant that takes 50 ms for each call, that for an access token too, and
// prints how long it took until the intruder's sessions and grants were dead, in calls' worth.
func TestNowLocksWithinAFewCalls(t *testing.T) {
	const latency = 50 * time.Millisecond
	r := newNowRig(t, func(string) time.Duration { return latency })
	began := time.Now()
	r.now()
	var dead time.Time
	var order []string
	for _, q := range r.tenant.Requests() {
		if !q.Reads() && (len(order) == 0 || order[len(order)-1] != q.Method) {
			order = append(order, q.Method)
		}
		if ends(q.Method) {
			dead = q.Time
		}
	}
	if len(order) < 2 || order[0] != "directory.users.update" || order[1] != "directory.users.signOut" {
		t.Errorf("the first changes are %q", order)
	}
	for _, left := range r.tenant.IntruderAccess() {
		if strings.HasPrefix(left, "session") || strings.HasPrefix(left, "grant") || strings.HasPrefix(left, "app password") {
			t.Errorf("he still has: %s", left)
		}
	}
	took := dead.Sub(began) + latency
	t.Logf("from --now to dead sessions and grants: %s, %.1f calls' worth of %s", took.Round(time.Millisecond), float64(took)/float64(latency), latency)
}

// A roundCounter holds the answers to all calls until none has come for a while, lets them go together, and counts how often
// it did: how many times the caller waited for an answer before he could go on.
type roundCounter struct {
	mu      sync.Mutex
	changes map[string]int // the round of the first call of each changing method
	round   int
	release chan struct{}
	idle    *time.Timer
	open    bool // nothing is held any more
}

func (c *roundCounter) hold(method string) time.Duration {
	c.mu.Lock()
	if c.open {
		c.mu.Unlock()
		return 0
	}
	if c.release == nil {
		c.round++
		c.release = make(chan struct{})
		c.idle = time.AfterFunc(quietRound, c.let)
	}
	c.idle.Reset(quietRound)
	if c.changes[method] == 0 {
		c.changes[method] = c.round
	}
	if method == "directory.tokens.delete" {
		c.open = true // what comes after is not of interest
	}
	release := c.release
	c.mu.Unlock()
	<-release
	return 0
}

// quietRound is for how long no call may come until a round is over: long enough for a loaded machine to send what it is about to.
const quietRound = 150 * time.Millisecond

func (c *roundCounter) let() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.release != nil {
		close(c.release)
		c.release = nil
	}
}

// TestNowWaitsForFewAnswers counts, whatever the clock says, how many answers contain --now waits for one after the other: access
// tokens, the survey, its second look beside the snapshot, password, sign-out, grants.
func TestNowWaitsForFewAnswers(t *testing.T) {
	counter := &roundCounter{changes: map[string]int{}}
	r := newNowRig(t, counter.hold)
	r.now()
	counter.mu.Lock()
	defer counter.mu.Unlock()
	password, signOut, grants := counter.changes["directory.users.update"], counter.changes["directory.users.signOut"], counter.changes["directory.tokens.delete"]
	if password == 0 || signOut != password+1 || grants != signOut+1 {
		t.Errorf("password, sign-out and grants are rounds %d, %d, %d", password, signOut, grants)
	}
	if grants > 8 {
		t.Errorf("sessions and grants are dead after %d rounds", grants)
	}
	t.Logf("sessions and grants are dead after %d answers, one after the other", grants)
}

func TestTablesFitALetter(t *testing.T) {
	long := strings.Repeat("é", 200)
	for _, text := range []string{"", "a b c", long, "short " + long + " end"} {
		lines := wrapBehind("  1 head ", text, tableWidth)
		for _, line := range lines {
			if n := utf8.RuneCountInString(line); n > tableWidth {
				t.Errorf("%d characters: %s", n, line)
			}
		}
		joined := strings.ReplaceAll(strings.Join(lines, ""), " ", "")
		if want := "1head" + strings.ReplaceAll(text, " ", ""); joined != want {
			t.Errorf("%q became %q", want, joined)
		}
	}
}

// TestWhatVerifySaysIsItsStatus holds the exit statuses apart.
func TestWhatVerifySaysIsItsStatus(t *testing.T) {
	for text, want := range map[string]int{
		`{}`: statusDone,
		`{"checks":[{"verdict":"stands"},{"verdict":"untold"},{"verdict":"pending"}]}`: statusDone,
		`{"checks":[{"verdict":"not seen"},{"verdict":"back"}]}`:                       statusFound,
		`{"checks":[{"verdict":"new"}]}`:                                               statusFound,
		`{"checks":[{"verdict":"not seen"}]}`:                                          statusIncomplete,
		`{"signs":[{"event":"login_success"}],"unread":["x"]}`:                         statusFound,
		`{"failed":[{"n":1}]}`:                                                         statusIncomplete,
	} {
		var l look
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatal(err)
		}
		if got := l.status(); got != want {
			t.Errorf("%s is %d, not %d", text, got, want)
		}
	}
	if worse(statusIncomplete, statusFound) != statusFound || worse(statusDone, statusIncomplete) != statusIncomplete {
		t.Error("the graver status does not win")
	}
}

// TestAPersonTypesTheAddress applies a plan as somebody at a terminal does, who first types something else.
func TestAPersonTypesTheAddress(t *testing.T) {
	server := fakegoogle.New(fakegoogle.Config{Now: time.Now, Regrant: -1}).Start(t)
	key, _ := googleKey(t, server)
	dir := filepath.Join(t.TempDir(), "case")
	var stdout, stderr bytes.Buffer
	mbaudit := func(answer string, args ...string) int {
		stdout.Reset()
		stderr.Reset()
		world := &terminal{stdin: strings.NewReader(answer + "\n"), stdout: &stdout, stderr: &stderr, interactive: true, width: 80, now: time.Now, getenv: func(name string) string {
			return map[string]string{"MBAUDIT_CASE": dir, "MBAUDIT_CONFIG": filepath.Join(filepath.Dir(dir), "config"), googleEndpointVariable: server.PlainURL,
				googleKeyVariable: key, googleWriteKeyVariable: key}[name]
		}}
		return run(context.Background(), world, args)
	}
	mbaudit("", "init", dir)
	if status := mbaudit("", "contain", "--account", fakegoogle.Victim, "--google-admin", fakegoogle.Admin, "--mode", "precaution"); status != 0 {
		t.Fatalf("%d: %s", status, stderr.String())
	}
	plans, err := filepath.Glob(filepath.Join(dir, "containment", "plan-*.json"))
	if err != nil || len(plans) != 1 {
		t.Fatalf("the plans are %q, %v", plans, err)
	}
	apply := []string{"contain", "--apply", plans[0], "--google-admin", fakegoogle.Admin, "--tsa", "none", "--skip-preserve", "a test", "--show-password"}
	if status := mbaudit("alice", apply...); status != statusFailed || !strings.Contains(stderr.String(), "nothing was changed") {
		t.Errorf("a wrong address: %d: %s", status, stderr.String())
	}
	if status := mbaudit(fakegoogle.Victim, apply...); status != 0 {
		t.Fatalf("the address: %d: %s", status, stderr.String())
	}
	_, after, shown := strings.Cut(stderr.String(), "shown this once: ")
	password, _, _ := strings.Cut(after, "\n")
	if !shown || len(password) != 64 {
		t.Fatalf("no password is shown: %s", stderr.String())
	}
	err = filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte(password)) {
			t.Errorf("the password is in %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestVerifyWaitsForWhatIsStillToCome(t *testing.T) {
	end := time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC)
	for after, want := range map[time.Duration]int{0: 4, 2 * time.Minute: 3, 20 * time.Minute: 2, 2 * time.Hour: 1, 25 * time.Hour: 0} {
		times := stillToCome(end, end.Add(after))
		if len(times) != want || want > 0 && !times[want-1].Equal(end.AddDate(0, 0, 1)) {
			t.Errorf("after %s: %v", after, times)
		}
	}
}

// TestContainKilledAtACall kills the real program while a change is on its way to the tenant, at every third one of them (at each
// where MBAUDIT_TEST_KILLS is set), and runs the same command again: it goes on, does nothing twice whose effect can be seen, and
// nothing of the intruder is left.
func TestContainKilledAtACall(t *testing.T) {
	product := buildProduct(t)
	step := int64(3)
	if os.Getenv("MBAUDIT_TEST_KILLS") != "" {
		step = 1
	}
	for position := int64(1); position <= 22 && !t.Failed(); position += step {
		killedContainment(t, product, position)
	}
}

func killedContainment(t *testing.T, p *product, position int64) {
	t.Helper()
	var victim atomic.Pointer[os.Process]
	var changes atomic.Int64
	reads := func(method string) bool {
		return strings.HasSuffix(method, ".list") || strings.Contains(method, ".get") || method == "token"
	}
	tenant := fakegoogle.New(fakegoogle.Config{Now: time.Now, Regrant: -1, Messages: 1, Quotas: fakegoogle.Quotas{GmailUnits: -1}, Latency: func(method string) time.Duration {
		if process := victim.Load(); process != nil && !reads(method) && changes.Add(1) == position {
			_ = process.Kill() // it may have ended by itself
		}
		return 0
	}})
	server := tenant.Start(t)
	key, _ := googleKey(t, server)
	p.dir = t.TempDir()
	p.env = append(p.env[:len(p.env):len(p.env)], googleEndpointVariable+"="+server.PlainURL, googleKeyVariable+"="+key, googleWriteKeyVariable+"="+key, "MBAUDIT_CASE="+filepath.Join(p.dir, "case"))
	want := func(args ...string) {
		t.Helper()
		if done := p.run(t, args...); done.status != 0 {
			t.Fatalf("at change %d: mbaudit %s: %d\n%s", position, args[0], done.status, done.stderr)
		}
	}
	want("init", "case")
	want("contain", "--account", fakegoogle.Victim, "--google-admin", fakegoogle.Admin, "--since", "2026-10-12")
	plans, err := filepath.Glob(filepath.Join(p.dir, "case", "containment", "plan-*.json"))
	if err != nil || len(plans) != 1 {
		t.Fatalf("the plans are %q, %v", plans, err)
	}
	text, err := os.ReadFile(plans[0])
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.ReplaceAll(text, []byte(`"decision": "unknown"`), []byte(`"decision": "apply"`))
	if err := os.WriteFile(plans[0], text, 0o600); err != nil {
		t.Fatal(err)
	}
	apply := []string{"contain", "--apply", plans[0], "--google-admin", fakegoogle.Admin, "--tsa", "none", "--skip-preserve", "a test", "--password-file", "new.txt", "--yes", containment.Hash(text)}
	first := exec.Command(p.path, apply...)
	first.Dir, first.Env = p.dir, p.env
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	victim.Store(first.Process)
	if err := first.Wait(); err == nil {
		t.Fatalf("at change %d the program was not killed", position)
	}
	victim.Store(nil)
	want(apply...)
	want("log", "verify")
	want("contain", "verify", "--google-admin", fakegoogle.Admin)
	for _, left := range tenant.IntruderLeft() {
		if !strings.Contains(left, fakegoogle.Delegate) { // that account is another plan's
			t.Errorf("killed at change %d: left is %s", position, left)
		}
	}
	made := map[string]int{}
	for _, r := range tenant.Requests() {
		if r.Reads() || r.Status/100 != 2 || r.Method == "directory.users.update" || r.Method == "directory.users.signOut" {
			continue
		}
		if made[r.Verb+r.Path]++; made[r.Verb+r.Path] > 1 {
			t.Errorf("killed at change %d: %s %s was done twice", position, r.Verb, r.Path)
		}
	}
}
