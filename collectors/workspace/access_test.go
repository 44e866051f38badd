package workspace_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
	"github.com/mbaudit/mbaudit/internal/secret"
)

// TestOneScopeIsNotDelegated takes away one scope at a time: what needs it is a gap that names it, the rest is read.
func TestOneScopeIsNotDelegated(t *testing.T) {
	for _, missing := range workspace.Scopes() {
		scopes := slices.DeleteFunc(workspace.Scopes(), func(s string) bool { return s == missing })
		g := newRig(t, fakegoogle.Config{Scopes: scopes, Messages: 1})
		g.config.NoLogs = !strings.Contains(missing, "admin.reports") // the many logs are asked where their scope is the one that lacks
		sink := &collectortest.Sink{}
		if err := g.collect(t, fakegoogle.Victim, sink); err != nil {
			t.Fatal(err)
		}
		gaps := sink.Gaps()
		if len(gaps) == 0 {
			t.Errorf("%s is not needed by anything", missing)
		}
		for _, gap := range gaps {
			if gap.Resource == "gmail/smimeInfo" && missing == workspace.Scopes()[0] {
				continue
			}
			if gap.Class != evidence.GapRefused || !strings.Contains(gap.Reason, "401 not delegated: unauthorized_client") ||
				!strings.Contains(gap.Reason, "; hint: add "+missing+" to the domain-wide delegation of client "+fakegoogle.ClientID) {
				t.Errorf("%s: the gap is %+v", missing, gap)
			}
		}
		for _, row := range allRows() {
			if _, asked := sink.Expected(row); !asked && g.config.NoLogs && strings.HasPrefix(row, "reports/") {
				continue
			}
			gap := slices.ContainsFunc(gaps, func(g evidence.Gap) bool { return g.Resource == row })
			if whole(sink, row) == gap {
				t.Errorf("%s: %s is whole and a gap, or neither", missing, row)
			}
		}
		if len(g.hints) != 1 {
			t.Errorf("%s: hints are %q, want one", missing, g.hints)
		}
	}
}

// TestMailboxesThatGoogleDoesNotOpen tells a suspended user from one who never had a mailbox.
func TestMailboxesThatGoogleDoesNotOpen(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Messages: 1})
	suspended := &collectortest.Sink{}
	if err := g.collect(t, "erin@example.test", suspended); err != nil {
		t.Fatal(err)
	}
	never := &collectortest.Sink{}
	if err := g.collect(t, "heidi@example.test", never); err != nil {
		t.Fatal(err)
	}
	if gaps := never.Gaps(); len(gaps) > 0 {
		t.Errorf("gaps of what never was: %+v", gaps)
	}
	for _, row := range allRows() {
		gap := slices.IndexFunc(suspended.Gaps(), func(g evidence.Gap) bool { return g.Resource == row })
		e, _ := never.Expected(row)
		if api, _, _ := strings.Cut(row, "/"); api != "gmail" {
			if ofUser(row) || listOf(row) != "" {
				continue // Drive, Calendar and scripts answer nobody who is suspended; what is listed may be nothing
			}
			if gap >= 0 || !whole(suspended, row) || e.NotOffered {
				t.Errorf("%s of a suspended user, or of one without a mailbox, is not read", row)
			}
			continue
		}
		if gap < 0 || !strings.HasPrefix(suspended.Gaps()[gap].Reason, "the user is suspended") {
			t.Errorf("%s of a suspended user is no gap", row)
		}
		if !e.NotOffered || !strings.HasPrefix(e.Note, "not licensed") {
			t.Errorf("%s of a user without a mailbox: %+v", row, e)
		}
	}
}

// TestEmptyIsSaid wants an exhibit and a note where a list is empty.
func TestEmptyIsSaid(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Messages: 1})
	sink := &collectortest.Sink{}
	if err := g.collect(t, "bob@example.test", sink); err != nil {
		t.Fatal(err)
	}
	state, err := g.tenant.State("bob@example.test")
	if err != nil || len(state.Delegates) > 0 {
		t.Fatalf("bob has delegates, or is not there: %v", err)
	}
	if e, _ := sink.Expected("gmail/delegates"); !strings.HasPrefix(e.Note, "empty") || e.NotOffered || !whole(sink, "gmail/delegates") {
		t.Errorf("delegates: %+v", e)
	}
	if e, _ := sink.Expected("gmail/sendAs"); e.Note != "" {
		t.Errorf("sendAs: %+v", e)
	}
}

// TestWithoutAdministrator leaves the Directory as gaps.
func TestWithoutAdministrator(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Messages: 1})
	g.config.Admin = ""
	sink := &collectortest.Sink{}
	if err := g.collect(t, fakegoogle.Victim, sink); err != nil {
		t.Fatal(err)
	}
	for _, row := range allRows() {
		gap := slices.ContainsFunc(sink.Gaps(), func(g evidence.Gap) bool { return g.Resource == row && g.Class == evidence.GapRefused })
		if admin := !ofUser(row); gap != admin || whole(sink, row) == admin {
			t.Errorf("%s: gap is %t", row, gap)
		}
	}
}

// TestWhoIsNoAdministrator is refused by the API and not by the token endpoint.
func TestWhoIsNoAdministrator(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Messages: 1})
	g.config.Admin = "bob@example.test"
	sink := &collectortest.Sink{}
	if err := g.collect(t, fakegoogle.Victim, sink); err != nil {
		t.Fatal(err)
	}
	gaps := sink.Gaps()
	if len(gaps) == 0 {
		t.Fatal("no gaps")
	}
	for _, gap := range gaps {
		if ofUser(gap.Resource) || !strings.Contains(gap.Reason, "403 not authorised: ") || !strings.Contains(gap.Reason, "; hint: bob@example.test lacks the right") {
			t.Errorf("gap: %+v", gap)
		}
	}
}

// TestNobodyIsLetIn wants an error of its kind, and nothing in the sink.
func TestNobodyIsLetIn(t *testing.T) {
	for _, c := range []struct {
		name   string
		tenant fakegoogle.Config
		admin  string
		who    string
		faults []fakegoogle.Fault
		kind   error
		letIn  bool
	}{
		{"nothing is delegated", fakegoogle.Config{Scopes: []string{}}, fakegoogle.Admin, fakegoogle.Victim, nil, workspace.ErrDelegation, false},
		{"nobody is there", fakegoogle.Config{}, "no@example.test", "nobody@example.test", nil, workspace.ErrSubject, false},
		{"the endpoint is down", fakegoogle.Config{}, fakegoogle.Admin, fakegoogle.Victim, []fakegoogle.Fault{{Method: "token", Times: -1, Status: 503}}, workspace.ErrUnavailable, true},
		{"the line is down", fakegoogle.Config{}, fakegoogle.Admin, fakegoogle.Victim, []fakegoogle.Fault{{Method: "token", Times: -1, Reset: true}}, workspace.ErrLost, true},
	} {
		g := newRig(t, c.tenant)
		g.config.Admin = c.admin
		g.tenant.Fail(c.faults...)
		sink := &collectortest.Sink{}
		err := g.collect(t, c.who, sink)
		if !errors.Is(err, c.kind) || errors.Is(err, workspace.ErrNotLetIn) == c.letIn {
			t.Errorf("%s: %v", c.name, err)
		}
		if len(sink.Kept())+len(sink.Gaps()) > 0 {
			t.Errorf("%s: something is in the sink", c.name)
		}
	}
}

// TestTokenEndpointStumbles loses nothing when the token endpoint fails at first.
func TestTokenEndpointStumbles(t *testing.T) {
	for _, fault := range []fakegoogle.Fault{{Status: 503}, {Status: 429, RetryAfter: time.Minute}, {Reset: true}, {Truncate: true}, {Garbage: true}} {
		fault.Method = "token"
		g := newRig(t, fakegoogle.Config{Messages: 1})
		g.tenant.Fail(fault)
		sink := &collectortest.Sink{}
		if err := g.collect(t, fakegoogle.Victim, sink); err != nil || len(sink.Gaps()) > 0 {
			t.Errorf("%+v: %v, %+v", fault, err, sink.Gaps())
		}
	}
}

// A packing transport asks for compressed answers, which the collector never does.
type packing struct{ next http.RoundTripper }

func (p packing) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	if req.Method == http.MethodGet {
		req.Header.Set("Accept-Encoding", "gzip")
	}
	return p.next.RoundTrip(req)
}

// TestCompressedUnasked keeps what came as it came, says that it is compressed, and reads it all the same.
func TestCompressedUnasked(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Messages: 1, GzipAlways: true})
	g.config.Transport = packing{g.config.Transport}
	sink := &collectortest.Sink{}
	if err := g.collect(t, fakegoogle.Victim, sink); err != nil || len(sink.Gaps()) > 0 {
		t.Fatalf("%v, %+v", err, sink.Gaps())
	}
	for _, k := range sink.Kept() {
		if k.Attrs["derived"] != "" || strings.HasPrefix(k.Request, "POST ") {
			continue // the test's transport packs what is asked by GET
		}
		if k.Attrs["encoding"] != "gzip" || !strings.HasSuffix(k.Name, ".json.gz") || k.MediaType != "application/gzip" {
			t.Fatalf("%s: %v", k.Name, k.Attrs)
		}
		z, err := gzip.NewReader(bytes.NewReader(k.Body))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(z)
		if err != nil || !bytes.Equal(plain, g.get(t, k.Exhibit)) {
			t.Errorf("%s: the bytes are not those that the tenant serves: %v", k.Name, err)
		}
	}
}

// TestHostileAddresses has addresses that would lead elsewhere, and one that two names would share.
func TestHostileAddresses(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Messages: 1})
	hostile := []string{"..", "../../../../x@y/..", "a b@\u202Ec/../d", "Twin@example.test", "twin@example.test", strings.Repeat("x", 3000) + "@example.test", "?alt=media&x=@"}
	var seeds []map[string]any
	for _, address := range hostile {
		seeds = append(seeds, map[string]any{"sendAsEmail": address})
	}
	if err := g.tenant.Seed(fakegoogle.Seed{Account: fakegoogle.Victim, SendAs: seeds}); err != nil {
		t.Fatal(err)
	}
	sink := &collectortest.Sink{}
	c, err := workspace.New(g.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Collect(t.Context(), collectors.Scope{Account: fakegoogle.Victim}, sink); err != nil {
		t.Fatal(err)
	}
	for _, address := range hostile {
		kept := slices.ContainsFunc(sink.Resource("gmail/smimeInfo"), func(k collectortest.Kept) bool { return k.Item == address })
		gap := slices.ContainsFunc(sink.Gaps(), func(g evidence.Gap) bool { return g.Resource == "gmail/smimeInfo" && g.Item == address })
		if kept == gap {
			t.Errorf("%.40q is kept (%t) and a gap (%t)", address, kept, gap)
		}
	}
	for _, r := range g.tenant.Requests() {
		if r.Method == "" {
			t.Errorf("%.100s was asked for, which is nothing of Google's", r.Path)
		}
	}
}

// TestStopped stops at once where the sink is full or the person has had enough, and says which.
func TestStopped(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Messages: 1})
	full := &collectortest.Sink{BeforePut: func(evidence.Exhibit) error { return fmt.Errorf("writing: %w", evidence.ErrStorage) }}
	if err := g.collect(t, fakegoogle.Victim, full); !errors.Is(err, evidence.ErrStorage) || len(full.Gaps()) > 0 {
		t.Errorf("a full sink: %v, gaps %+v", err, full.Gaps())
	}
	ctx, cancel := context.WithCancel(t.Context())
	sink := &collectortest.Sink{}
	sink.BeforePut = func(ex evidence.Exhibit) error {
		if ex.Resource == "gmail/labels" {
			cancel()
		}
		return nil
	}
	c, err := workspace.New(g.config)
	if err != nil {
		t.Fatal(err)
	}
	scope := collectors.Scope{Account: fakegoogle.Victim}
	if err := c.Collect(ctx, scope, sink); !errors.Is(err, context.Canceled) || len(sink.Gaps()) > 0 {
		t.Fatalf("cancelled: %v, gaps %+v", err, sink.Gaps())
	}
	if silent := sink.Silence(); len(silent) == 0 {
		t.Error("a collection that was stopped reads as complete")
	}
	if err := c.Collect(t.Context(), scope, sink); err != nil || len(sink.Gaps()) > 0 || len(sink.Silence()) > 0 {
		t.Errorf("taken up again: %v, gaps %+v, %v", err, sink.Gaps(), sink.Silence())
	}
}

// TestKeyFiles refuses what is no key for Google, without a word of what is in it.
func TestKeyFiles(t *testing.T) {
	good := map[string]string{"type": "service_account", "client_email": "a@b", "client_id": "1", "private_key": "hunter2", "token_uri": googleTokens + "/token"}
	with := func(name, value string) string {
		key := map[string]string{}
		for n, v := range good {
			key[n] = v
		}
		key[name] = value
		b, err := json.Marshal(key)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, text := range []string{"", "hunter2", "[]", `{"private_key":"hunter2"}`, with("type", "authorized_user"), with("client_email", ""),
		with("private_key", ""), with("private_key", "hunter2"), with("token_uri", "https://evil.example/token"), with("token_uri", "http://oauth2.googleapis.com/token"),
		with("universe_domain", "evil.example")} {
		_, err := workspace.New(workspace.Config{Key: secret.New(text)})
		if !errors.Is(err, workspace.ErrKeyFile) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, endpoint := range []string{"https://google.example", "http://10.0.0.1", "http://localhost.evil.example", "ftp://127.0.0.1", "http://u:p@127.0.0.1", "http://127.0.0.1/x"} {
		if _, err := workspace.New(workspace.Config{Key: secret.New(with("type", "service_account")), Endpoint: endpoint}); !errors.Is(err, workspace.ErrEndpoint) {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
	strange, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	g, other := newRig(t, fakegoogle.Config{Messages: 1}), newRig(t, fakegoogle.Config{Messages: 1, Key: strange})
	g.config.Key = other.config.Key
	if err := g.collect(t, fakegoogle.Victim, &collectortest.Sink{}); !errors.Is(err, workspace.ErrKeyRefused) || !errors.Is(err, workspace.ErrNotLetIn) {
		t.Errorf("another tenant's key: %v", err)
	}
}
