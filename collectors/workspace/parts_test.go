package workspace_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
)

// part reads a part of the victim's account.
func part(t *testing.T, c *workspace.Collector, p workspace.Part) *collectortest.Sink {
	t.Helper()
	sink := &collectortest.Sink{}
	if err := c.Part(p).Collect(t.Context(), collectors.Scope{Account: fakegoogle.Victim}, sink); err != nil {
		t.Fatal(err)
	}
	return sink
}

// TestGapsAreAskedAgain: what the emergency part did not get, the rest asks for again, and only that; in the same run, and in another
// that heard of the gap.
func TestGapsAreAskedAgain(t *testing.T) {
	for _, another := range []bool{false, true} {
		g := newRig(t, fakegoogle.Config{Messages: 1})
		g.tenant.Fail(fakegoogle.Fault{Method: "gmail.users.settings.filters.list", Times: 7, Status: 503},
			fakegoogle.Fault{Method: "directory.asps.list", Times: -1, Status: 403, Reason: "forbidden"})
		c, err := workspace.New(g.config)
		if err != nil {
			t.Fatal(err)
		}
		first := part(t, c, workspace.Emergency)
		if rows := gapRows(first); !slices.Equal(rows, []string{"directory/asps", "gmail/filters"}) {
			t.Fatalf("gaps of the first part: %v", rows)
		}
		if another {
			if c, err = workspace.New(g.config); err != nil {
				t.Fatal(err)
			}
			for _, row := range gapRows(first) {
				c.RecallGap(fakegoogle.Victim, row)
			}
		}
		rest := part(t, c, workspace.Rest)
		if rows := gapRows(rest); !slices.Equal(rows, []string{"directory/asps"}) || len(rest.Resource("gmail/filters")) != 1 || len(rest.Resource("gmail/delegates")) != 0 {
			t.Errorf("another run: %t: gaps of the second part: %v, filters %+v", another, rows, rest.Resource("gmail/filters"))
		}
	}
}

func gapRows(sink *collectortest.Sink) []string {
	var rows []string
	for _, gap := range sink.Gaps() {
		rows = append(rows, gap.Resource)
	}
	slices.Sort(rows)
	return rows
}

// TestUnderHold says of accounts whether a hold is for them: by name, by their unit, by one above, or by none.
func TestUnderHold(t *testing.T) {
	key := rigKey(t)
	byUnit := func(id string) map[string]any {
		return map[string]any{"holdId": "u", "corpus": "MAIL", "orgUnit": map[string]any{"orgUnitId": id}}
	}
	byName := map[string]any{"holdId": "n", "corpus": "DRIVE", "accounts": []any{map[string]any{"email": "COMPTA@example.test"}}} // another address of hers
	for name, c := range map[string]struct {
		hold map[string]any
		by   string // "" is not held
		says string
	}{
		"account":        {byName, "the account", "under hold; hold n of matter 0b0b0b0b-"},
		"her unit":       {byUnit("03ph8a2z2"), "/Comptabilité", "MAIL, by /Comptabilité"},
		"the root":       {byUnit("03ph8a2z0"), "/", "MAIL, by /"},
		"another's unit": {byUnit("03ph8a2z3"), "", "not under a hold"},
	} {
		g := newRigAlone(t, fakegoogle.Config{Messages: 1, Key: key})
		if err := g.tenant.Seed(fakegoogle.Seed{Account: someone, Holds: []map[string]any{c.hold}}); err != nil {
			t.Fatal(err)
		}
		sink := &collectortest.Sink{}
		if err := g.collect(t, fakegoogle.Victim, sink); err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Held  bool
			Holds []struct{ By, Corpus, Matter string }
		}
		kept := sink.Resource("vault/underHold")
		if len(kept) != 1 || json.Unmarshal(kept[0].Body, &doc) != nil || doc.Held != (c.by != "") || doc.Held && (len(doc.Holds) != 1 || doc.Holds[0].By != c.by) {
			t.Errorf("%s: %+v, %+v", name, doc, kept)
		}
		if e, _ := sink.Expected("vault/underHold"); !strings.Contains(e.Note, c.says) {
			t.Errorf("%s: the row says %q", name, e.Note)
		}
	}
}

// newRigAlone is a rig whose tenant has no holds.
func newRigAlone(t *testing.T, config fakegoogle.Config) *rig {
	t.Helper()
	g := newRig(t, config)
	g.tenant = fakegoogle.New(config)
	g.server = g.tenant.Start(t)
	g.config.Transport = g.server.Transport()
	return g
}

// A changer changes answers on their way.
type changer struct {
	next   http.RoundTripper
	change func(req *http.Request, body []byte) []byte
}

func (c changer) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := c.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	body = c.change(req, body)
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Del("Content-Length")
	return resp, nil
}

// TestRefusalsAreKept wants the answers that say no as they came, once where several say the same, and none that repeats an
// access token or is about backup codes.
func TestRefusalsAreKept(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Messages: 1})
	for _, method := range []string{"directory.asps.list", "directory.tokens.list", "directory.verificationCodes.list", "directory.members.list", "directory.groups.aliases.list"} {
		g.tenant.Fail(fakegoogle.Fault{Method: method, Times: -1, Status: 403, Reason: "forbidden"})
	}
	g.tenant.Fail(fakegoogle.Fault{Method: "directory.roles.list", Times: -1, Status: 503})
	var asps []byte
	g.config.Transport = changer{g.config.Transport, func(req *http.Request, body []byte) []byte {
		switch {
		case strings.HasSuffix(req.URL.Path, "/asps"):
			asps = body
		case strings.HasSuffix(req.URL.Path, "/tokens"):
			return []byte(`{"error":{"code":403,"message":"` + strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ") + `"}}`)
		case strings.HasSuffix(req.URL.Path, "/aliases") && strings.Contains(req.URL.Path, "/groups/"):
			return fmt.Appendf(nil, "<html>%s is blocked by this proxy, %s", req.URL.Path, strings.Repeat("x", 70<<10))
		}
		return body
	}}
	sink := &collectortest.Sink{}
	if err := g.collect(t, fakegoogle.Victim, sink); err != nil {
		t.Fatal(err)
	}
	kept := map[string]collectortest.Kept{}
	for _, k := range sink.Resource("workspace/refusals") {
		kept[k.Item] = k
	}
	if k := kept["directory/asps 1"]; !bytes.Equal(k.Body, asps) || len(asps) == 0 || k.Attrs["status"] != "403" || k.MediaType != "application/json" || !strings.Contains(k.Request, "/asps") {
		t.Errorf("%+v", k)
	}
	if k := kept["directory/groupAliases 2"]; k.Attrs["cut"] == "" || len(k.Body) != 64<<10 || k.MediaType != "text/plain" || k.Attrs["refused-item"] == "" {
		t.Errorf("%+v", k.Exhibit)
	}
	if len(kept) != 4 || kept["directory/groupMembers 1"].Body == nil {
		t.Errorf("kept are %d: %v", len(kept), items(sink, "workspace/refusals"))
	}
}

// TestCustomers asks about the customer that an account belongs to, and reads each tenant once.
func TestCustomers(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Messages: 1})
	const other = "C0another"
	g.config.Transport = changer{g.config.Transport, func(req *http.Request, body []byte) []byte {
		if strings.HasSuffix(req.URL.Path, "/users/"+someone) {
			return bytes.ReplaceAll(body, []byte(fakegoogle.CustomerID), []byte(other))
		}
		return body
	}}
	c, err := workspace.New(g.config)
	if err != nil {
		t.Fatal(err)
	}
	var scopes []collectors.Scope
	for _, account := range []string{fakegoogle.Victim, someone, "carol@example.test"} {
		scope := collectors.Scope{Account: account}
		scopes = append(scopes, scope)
		sink := &collectortest.Sink{}
		if err := c.Collect(t.Context(), scope, sink); err != nil {
			t.Fatal(err)
		}
		for _, gap := range sink.Gaps() {
			if account != someone || gap.Class != evidence.GapRefused { // the tenant answers no other customer
				t.Errorf("%s: %+v", account, gap)
			}
		}
	}
	asked := map[string]bool{}
	for _, r := range g.tenant.Requests() {
		if _, rest, ok := strings.Cut(r.Path, "/customer/"); ok {
			customer, _, _ := strings.Cut(rest, "/")
			asked[customer] = true
		}
	}
	if len(asked) != 2 || !asked[other] || !asked[fakegoogle.CustomerID] {
		t.Errorf("asked about %v", asked)
	}
	scopes = append(scopes, collectors.Scope{Account: "zoe@other.test"}, collectors.Scope{Account: "max@other.test"}, collectors.Scope{Account: "eve@unknown.test"})
	for _, account := range []string{"zoe@other.test", "max@other.test"} { // as an emergency bundle of another run says
		c.Recall(account, "directory/user", "", []byte(`{"primaryEmail":"`+account+`","customerId":"C0second"}`))
	}
	c.Recall("eve@unknown.test", "directory/user", "", []byte(`{"customerId":"../evil"}`))
	if tenants := c.Tenants(scopes); len(tenants) != 2 || tenants[0].Account != tenantRow || tenants[1].Account != "@other.test" {
		t.Errorf("tenants: %+v", tenants)
	}
	fresh, err := workspace.New(g.config)
	if err != nil {
		t.Fatal(err)
	}
	if tenants := fresh.Tenants(scopes); len(tenants) != 1 {
		t.Errorf("where nothing is known: %+v", tenants)
	}
}
