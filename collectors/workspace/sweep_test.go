package workspace_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
)

const tenantAccount = "@" + fakegoogle.Domain

// sweepRig is a tenant in which three other users name the victim: one by her address, one by an alias, one both in
// settings that are asked about and in ones that name somebody else.
func sweepRig(t *testing.T) *rig {
	t.Helper()
	g := newRig(t, fakegoogle.Config{Messages: 1})
	for _, seed := range []fakegoogle.Seed{
		{Account: "bob@example.test", Delegates: []map[string]any{{"delegateEmail": "carol@example.test"}, {"delegateEmail": "Alice@Example.test", "verificationStatus": "accepted"}}},
		{Account: "grace@example.test", SendAs: []map[string]any{{"sendAsEmail": "compta@example.test", "verificationStatus": "accepted"}}},
		{Account: "scan@example.test", ForwardingAddresses: []map[string]any{{"forwardingEmail": fakegoogle.Victim, "verificationStatus": "accepted"},
			{"forwardingEmail": "x" + fakegoogle.Victim}}},
	} {
		if err := g.tenant.Seed(seed); err != nil {
			t.Fatal(err)
		}
	}
	g.config.Sweep, g.config.SweepFor = true, []string{fakegoogle.Victim}
	return g
}

// sweep reads the tenant alone.
func (g *rig) sweep(t *testing.T, ctx context.Context, sink *collectortest.Sink) error {
	t.Helper()
	c, err := workspace.New(g.config)
	if err != nil {
		t.Fatal(err)
	}
	err = c.Tenant().Collect(ctx, collectors.Scope{Account: tenantAccount}, sink)
	for _, r := range g.tenant.Requests() {
		if !r.Reads() {
			t.Errorf("%s %s arrived, which is no read", r.Verb, r.Path)
		}
	}
	if problems := sink.Problems(); len(problems) > 0 {
		t.Errorf("the sink has problems: %s", strings.Join(problems, "; "))
	}
	return err
}

// A sweepResult is the part of the result that the tests read.
type sweepResult struct {
	Users, Refused int
	WithoutMailbox int  `json:"without_mailbox"`
	NotOpened      int  `json:"not_opened"`
	BeyondLimit    int  `json:"beyond_limit"`
	LookedInto     int  `json:"looked_into"`
	UsersWhole     bool `json:"users_whole"`
	Naming         []struct{ Account, User, Resource string }
}

func resultOf(t *testing.T, sink *collectortest.Sink) sweepResult {
	t.Helper()
	kept := sink.Resource("sweep/result")
	var result sweepResult
	if len(kept) != 1 || json.Unmarshal(kept[0].Body, &result) != nil || kept[0].Attrs["derived"] == "" {
		t.Fatalf("the result is %+v", kept)
	}
	return result
}

// names says who names the victim, as "user row".
func (r sweepResult) names() []string {
	var names []string
	for _, n := range r.Naming {
		names = append(names, n.User+" "+n.Resource)
	}
	slices.Sort(names)
	return names
}

func whoNamesTheVictim() []string {
	return []string{"bob@example.test sweep/delegates", "grace@example.test sweep/delegates", "grace@example.test sweep/sendAs", "scan@example.test sweep/forwardingAddresses"}
}

// TestSweep finds who names the victim, by which address ever, and says of the others what was looked into.
func TestSweep(t *testing.T) {
	g := sweepRig(t)
	sink := &collectortest.Sink{}
	if err := g.sweep(t, t.Context(), sink); err != nil {
		t.Fatal(err)
	}
	result := resultOf(t, sink)
	if names := result.names(); !slices.Equal(names, whoNamesTheVictim()) {
		t.Errorf("named by %q", names)
	}
	// Of 25, one is the victim, one is deleted, one has no mailbox and two are suspended.
	if result.Users != 23 || result.WithoutMailbox != 1 || result.NotOpened != 2 || result.LookedInto != 20 || result.Refused != 0 || !result.UsersWhole {
		t.Errorf("counted %+v", result)
	}
	for _, row := range []string{"sweep/delegates", "sweep/sendAs", "sweep/autoForwarding", "sweep/forwardingAddresses"} {
		if n := len(sink.Resource(row)); n != 20 {
			t.Errorf("%s has %d exhibits", row, n)
		}
		var suspended []string
		for _, gap := range sink.Gaps() {
			if gap.Resource == row {
				suspended = append(suspended, gap.Item)
			}
		}
		slices.Sort(suspended)
		if !slices.Equal(suspended, []string{"erin@example.test", "frank@example.test"}) {
			t.Errorf("%s: gaps of %q", row, suspended)
		}
	}
	if e, _ := sink.Expected("sweep/result"); !strings.HasPrefix(e.Note, "20 mailboxes looked into of 23 users, 4 answers name") {
		t.Errorf("the row says %q", e.Note)
	}
	for _, k := range sink.Resource("sweep/naming") {
		checkPointers(t, sink, k)
	}
	for _, k := range sink.Kept() {
		if strings.HasPrefix(k.Resource, "sweep/") && k.Attrs["derived"] == "" && (k.Attrs["subject"] != k.Item || string(k.Body) != string(g.get(t, k.Exhibit))) {
			t.Errorf("%s: not what the tenant serves, or asked for %s", k.Name, k.Attrs["subject"])
		}
	}
}

// checkPointers follows the pointers of a naming into the answer that it is about.
func checkPointers(t *testing.T, sink *collectortest.Sink, k collectortest.Kept) {
	t.Helper()
	var n struct {
		User, Resource, SHA256 string
		Pointers               []string
	}
	if err := json.Unmarshal(k.Body, &n); err != nil || len(n.Pointers) == 0 {
		t.Fatalf("%s: %s", k.Name, k.Body)
	}
	for _, answer := range sink.Resource(n.Resource) {
		if answer.Item != n.User {
			continue
		}
		var content any
		if err := json.Unmarshal(answer.Body, &content); err != nil || answer.Digest.String() != n.SHA256 {
			t.Fatalf("%s: the answer has SHA-256 %s: %v", k.Name, answer.Digest, err)
		}
		for _, pointer := range n.Pointers {
			at := content
			for step := range strings.SplitSeq(pointer[1:], "/") {
				switch v := at.(type) {
				case map[string]any:
					at = v[step]
				case []any:
					var i int
					if _, err := fmt.Sscan(step, &i); err == nil && i < len(v) {
						at = v[i]
					}
				}
			}
			if text, _ := at.(string); !slices.Contains([]string{fakegoogle.Victim, "compta@example.test"}, strings.ToLower(text)) {
				t.Errorf("%s: %s points to %v", k.Name, pointer, at)
			}
		}
		return
	}
	t.Errorf("%s: the answer is not kept", k.Name)
}

// TestSweepRefused names the users whose mailboxes were not opened, and counts them.
func TestSweepRefused(t *testing.T) {
	g := sweepRig(t)
	g.tenant.Fail(fakegoogle.Fault{Method: "gmail.users.settings.delegates.list", Subject: "dave@example.test", Times: -1, Status: 403, Reason: "forbidden"})
	sink := &collectortest.Sink{}
	if err := g.sweep(t, t.Context(), sink); err != nil {
		t.Fatal(err)
	}
	named := slices.ContainsFunc(sink.Gaps(), func(gap evidence.Gap) bool {
		return gap.Resource == "sweep/delegates" && gap.Item == "dave@example.test" && gap.Class == evidence.GapRefused && strings.Contains(gap.Reason, "; hint: ")
	})
	if result := resultOf(t, sink); !named || result.Refused != 1 || result.LookedInto != 19 || !slices.Equal(result.names(), whoNamesTheVictim()) {
		t.Errorf("a gap names him: %t; %+v", named, result)
	}
}

// TestSweepLimit says how many were left out.
func TestSweepLimit(t *testing.T) {
	g := sweepRig(t)
	g.config.SweepLimit = 3
	sink := &collectortest.Sink{}
	if err := g.sweep(t, t.Context(), sink); err != nil {
		t.Fatal(err)
	}
	result := resultOf(t, sink)
	if n := len(sink.Resource("sweep/delegates")); n != 3 || result.LookedInto != 3 || result.BeyondLimit != 17 {
		t.Errorf("%d were asked, %+v", n, result)
	}
	gap := slices.IndexFunc(sink.Gaps(), func(gap evidence.Gap) bool { return gap.Resource == "sweep/delegates" && gap.Item == "" })
	if gap < 0 || !strings.Contains(sink.Gaps()[gap].Reason, "names 20, and 3 are asked about") {
		t.Errorf("no gap says that 17 were left out: %+v", sink.Gaps())
	}
}

// TestSweepTakenUp stops a sweep at each of its stages and goes on: nobody is asked twice for what is kept, and what was
// found before is in the result.
func TestSweepTakenUp(t *testing.T) {
	for _, stop := range []int64{1, 2, 7, 40, 79} {
		g := sweepRig(t)
		sink := &collectortest.Sink{}
		ctx, cancel := context.WithCancel(t.Context())
		var seen atomic.Int64
		sink.BeforePut = func(ex evidence.Exhibit) error {
			if strings.HasPrefix(ex.Resource, "sweep/") {
				if seen.Add(1) == stop {
					cancel()
				}
			}
			return nil
		}
		if err := g.sweep(t, ctx, sink); !errors.Is(err, context.Canceled) {
			t.Fatalf("stopped at %d: %v", stop, err)
		}
		cancel()
		if silent := sink.Silence(); len(silent) == 0 {
			t.Errorf("stopped at %d, it reads as complete", stop)
		}
		sink.BeforePut = nil
		kept := map[string]bool{}
		for _, k := range sink.Kept() {
			kept[k.Request] = k.Request != "" && strings.HasPrefix(k.Resource, "sweep/")
		}
		g.tenant.ForgetRequests()
		if err := g.sweep(t, t.Context(), sink); err != nil {
			t.Fatal(err)
		}
		for _, r := range g.tenant.Requests() {
			if kept["GET https://gmail.googleapis.com"+r.Path] {
				t.Errorf("stopped at %d: %s was asked again", stop, r.Path)
			}
		}
		if result := resultOf(t, sink); !slices.Equal(result.names(), whoNamesTheVictim()) || result.LookedInto != 20 {
			t.Errorf("stopped at %d: %+v", stop, result)
		}
		if silent := sink.Silence(); len(silent) > 0 {
			t.Errorf("stopped at %d: lost without a word: %s", stop, strings.Join(silent, "; "))
		}
	}
}

// TestSweepOfListedAccounts looks for an account that a list of the Directory named after the collector was made.
func TestSweepOfListedAccounts(t *testing.T) {
	g := sweepRig(t)
	g.config.SweepFor = nil
	c, err := workspace.New(g.config)
	if err != nil {
		t.Fatal(err)
	}
	c.SweepAlsoFor(fakegoogle.Victim, fakegoogle.Victim)
	sink := &collectortest.Sink{}
	if err := c.Tenant().Collect(t.Context(), collectors.Scope{Account: tenantAccount}, sink); err != nil {
		t.Fatal(err)
	}
	if naming := resultOf(t, sink).Naming; len(naming) == 0 || naming[0].Account != fakegoogle.Victim {
		t.Errorf("who names the account: %+v", naming)
	}
}
