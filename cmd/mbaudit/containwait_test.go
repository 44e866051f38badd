package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/containment"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
)

// TestVerifyWaitLooksFiveTimes follows a containment for a day by a clock of its own. One intruder stays away; another uses the
// hour in which his session lives on, and is seen; a third comes back on the next day only.
func TestVerifyWaitLooksFiveTimes(t *testing.T) {
	quiet := fakegoogle.Config{Regrant: -1, Volume: func(string) int { return -1 }} // the owner, who cannot sign in, does nothing
	restless := fakegoogle.Config{Regrant: time.Minute, Intruder: fakegoogle.Persistence{Filters: time.Minute, SignIn: time.Minute}, Propagation: fakegoogle.UsualPropagation}
	for name, c := range map[string]struct {
		tenant   fakegoogle.Config
		on       int // the look, from 0, before which somebody gives the account an app password
		status   int
		verdicts []int // the exit status that each look alone would have
	}{
		"he stays away":           {tenant: quiet, on: -1, status: statusDone, verdicts: []int{0, 0, 0, 0, 0}},
		"he uses his last hour":   {tenant: restless, on: -1, status: statusFound},
		"something is back later": {tenant: quiet, on: 4, status: statusFound, verdicts: []int{0, 0, 0, 0, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWaiting(t, c.tenant)
			w.on = c.on
			if got := w.mbaudit("contain", "verify", "--wait", "--google-admin", fakegoogle.Admin, "--since", "2026-10-12"); got != c.status {
				t.Errorf("the status is %d, not %d\n%s%s", got, c.status, &w.stdout, &w.stderr)
			}
			if want := []time.Duration{time.Minute, 15 * time.Minute, time.Hour, 24 * time.Hour}; !slices.Equal(w.waits, want) {
				t.Errorf("it looked again after %s", w.waits)
			}
			looks := strings.Split(strings.TrimSpace(w.stdout.String()), "signs of somebody since")
			if len(looks) != 6 {
				t.Fatalf("it looked %d times:\n%s", len(looks)-1, &w.stdout)
			}
			for i, want := range c.verdicts {
				if clean := strings.Contains(looks[i], " 0 back, 0 new,"); clean != (want == statusDone) {
					t.Errorf("look %d says:\n%s", i, looks[i])
				}
			}
		})
	}
}

// A waiting is a program whose waiting moves the tenant's clock.
type waiting struct {
	t              *testing.T
	tenant         *fakegoogle.Tenant
	clock          *fakegoogle.Clock
	world          *terminal
	stdout, stderr bytes.Buffer
	applied        time.Time
	waits          []time.Duration
	on             int
}

// newWaiting applies a plan for the victim.
func newWaiting(t *testing.T, config fakegoogle.Config) *waiting {
	t.Helper()
	w := &waiting{t: t, clock: fakegoogle.NewClock(fakegoogle.Start()), on: -1}
	config.Now, config.Messages, config.Quotas = w.clock.Now, 1, fakegoogle.Quotas{GmailUnits: -1}
	w.tenant = fakegoogle.New(config)
	server := w.tenant.Start(t)
	key, _ := googleKey(t, server)
	dir := filepath.Join(t.TempDir(), "case")
	w.world = &terminal{stdin: strings.NewReader(""), stdout: &w.stdout, stderr: &w.stderr, width: 80, now: w.clock.Now, until: w.until, getenv: func(name string) string {
		return map[string]string{"MBAUDIT_CASE": dir, "MBAUDIT_CONFIG": filepath.Join(filepath.Dir(dir), "config"), googleEndpointVariable: server.PlainURL,
			googleKeyVariable: key, googleWriteKeyVariable: key}[name]
	}}
	w.want("init", dir, "--lang", "en")
	w.want("contain", "--account", fakegoogle.Victim, "--google-admin", fakegoogle.Admin, "--since", "2026-10-12")
	plans, err := filepath.Glob(filepath.Join(dir, "containment", "plan-*.json"))
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
	w.want("contain", "--apply", plans[0], "--google-admin", fakegoogle.Admin, "--tsa", "none", "--skip-preserve", "a test", "--yes", containment.Hash(text))
	w.applied = w.clock.Now()
	w.stdout.Reset()
	return w
}

func (w *waiting) mbaudit(args ...string) int { return run(context.Background(), w.world, args) }

func (w *waiting) want(args ...string) {
	w.t.Helper()
	if status := w.mbaudit(args...); status != 0 {
		w.t.Fatalf("%s: status %d\n%s", args[0], status, &w.stderr)
	}
}

// until moves the clock instead of waiting.
func (w *waiting) until(_ context.Context, at time.Time) error {
	w.waits = append(w.waits, at.Sub(w.applied))
	w.clock.Advance(at.Sub(w.clock.Now()))
	if len(w.waits) != w.on {
		return nil
	}
	return w.tenant.Seed(fakegoogle.Seed{Account: fakegoogle.Victim, AppPasswords: []map[string]any{{"kind": "admin#directory#asp", "codeId": 77.0, "name": "Outlook", "userKey": "1",
		"creationTime": "1760600000000", "lastTimeUsed": "0"}}})
}
