package findings_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/decision"
	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/findings/findingstest"
	"github.com/mbaudit/mbaudit/findings/rules"
	"github.com/mbaudit/mbaudit/internal/casefile"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
)

// TestTenantOfSeveralDomains: what was read of a whole tenant serves its accounts on every domain of the customer, however it is
// known that they are his, and no account of another customer.
func TestTenantOfSeveralDomains(t *testing.T) {
	const (
		bob   = "bob@second.test"
		empty = `{"kind":"admin#reports#activities"}`
		key   = `{"idpCredentials":[{"name":"inboundSamlSsoProfiles/1/idpCredentials/1","updateTime":"2026-10-14T21:01:50Z"}]}`
	)
	type exhibit struct{ account, resource, body string }
	for _, c := range []struct {
		name  string
		more  []exhibit
		serve bool // bob is one of the tenant's
	}{
		{"one tenant in the bundle", nil, true},
		{"the Directory lists the domain", []exhibit{{"@example.test", "directory/domains", `{"domains":[{"domainName":"example.test"},{"domainName":"Second.test"}]}`}}, true},
		{"the domain is another one's alias", []exhibit{{"@example.test", "directory/domains", `{"domains":[{"domainName":"example.test","domainAliases":[{"domainAliasName":"second.test"}]}]}`}}, true},
		{"an alias of its own list", []exhibit{{"@example.test", "directory/domainAliases", `{"domainAliases":[{"domainAliasName":"second.test"}]}`}}, true},
		{"the Directory does not list it", []exhibit{{"@example.test", "directory/domains", `{"domains":[{"domainName":"example.test"}]}`}}, false},
		{"the same customer", []exhibit{{"@example.test", "directory/customer", `{"id":"C1"}`}, {bob, "directory/user", `{"primaryEmail":"bob@second.test","customerId":"C1"}`},
			{"@third.test", "directory/customer", `{"id":"C3"}`}}, true},
		{"another customer than the account on the tenant's domain", []exhibit{{alice, "directory/user", `{"primaryEmail":"alice@example.test","customerId":"C1"}`},
			{bob, "directory/user", `{"primaryEmail":"bob@second.test","customerId":"C2"}`}}, false},
		{"another customer", []exhibit{{"@example.test", "directory/customer", `{"id":"C1"}`}, {bob, "directory/user", `{"primaryEmail":"bob@second.test","customerId":"C2"}`}}, false},
		{"two tenants, and nobody says whose", []exhibit{{"@third.test", "directory/roles", `{"items":[]}`}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := findingstest.New(t, bundleID, alice, bob)
			for _, x := range append([]exhibit{{alice, "gmail/filters", `{}`}, {bob, "gmail/filters", `{}`}, {"@example.test", "reports/admin", empty}, {"@example.test", "cloudidentity/idpCredentials", key}}, c.more...) {
				w.Add(evidence.Exhibit{Account: x.account, Resource: x.resource}, x.body)
			}
			result, _ := qualified(t, facts.Options{}, w.Open())
			for _, want := range []struct {
				account, rule string
				state         findings.State
			}{{alice, "role-granted", findings.No}, {alice, "sso-key-recent", findings.Yes}, {bob, "role-granted", state3(c.serve, findings.No)}, {bob, "sso-key-recent", state3(c.serve, findings.Yes)}} {
				if o := state(result, want.rule, want.account); o.State != want.state {
					t.Errorf("%s of %s: %+v, want %s", want.rule, want.account, o, want.state)
				}
			}
			if found := find(result, "sso-key-recent", "@example.test"); len(found) != 1 || !found[0].Examined {
				t.Errorf("the tenant's finding is not examined: %v", found)
			}
		})
	}
}

func state3(known bool, s findings.State) findings.State {
	if known {
		return s
	}
	return findings.Unknown
}

// TestTwoCustomers: of two customers in one case each account has its own tenant's facts.
func TestTwoCustomers(t *testing.T) {
	const eve = "eve@other.test"
	w := findingstest.New(t, bundleID, alice, eve)
	for _, x := range []struct{ account, resource, body string }{
		{alice, "directory/user", `{"primaryEmail":"alice@example.test","customerId":"C1"}`}, {eve, "directory/user", `{"primaryEmail":"eve@other.test","customerId":"C2"}`},
		{"@example.test", "directory/customer", `{"id":"C1"}`}, {"@other.test", "directory/customer", `{"id":"C2"}`},
		{"@example.test", "cloudidentity/idpCredentials", `{"idpCredentials":[{"name":"a","updateTime":"2026-10-14T21:01:50Z"}]}`},
		{"@other.test", "cloudidentity/idpCredentials", `{"idpCredentials":[]}`},
		{"@other.test", "cloudidentity/inboundSamlSsoProfiles", `{}`}, {"@other.test", "cloudidentity/inboundOidcSsoProfiles", `{}`}, {"@other.test", "cloudidentity/inboundSsoAssignments", `{}`},
	} {
		w.Add(evidence.Exhibit{Account: x.account, Resource: x.resource}, x.body)
	}
	result, _ := qualified(t, facts.Options{}, w.Open())
	for account, want := range map[string]findings.State{alice: findings.Yes, eve: findings.No} {
		if o := state(result, "sso-key-recent", account); o.State != want {
			t.Errorf("%s: %+v, want %s", account, o, want)
		}
	}
}

// TestSeveralAccountsOfOneEvent: an event about several accounts is a fact of each; one that names the same account twice is about
// that account once. A parameter that has the name of a field of ours does not take its place.
func TestSeveralAccountsOfOneEvent(t *testing.T) {
	w := findingstest.New(t, bundleID, alice)
	w.Add(evidence.Exhibit{Resource: "reports/chat"}, `{"kind":"admin#reports#activities","items":[
		{"id":{"time":"2026-10-12T07:00:00Z","uniqueQualifier":"1","applicationName":"chat"},"actor":{"email":"Alice@example.test"},"ipAddress":"203.0.113.7","events":[{"type":"user_action","name":"message_posted","parameters":[
			{"name":"actor","value":"alice@example.test"},{"name":"ip","value":"192.0.2.1"},{"name":"own_trace","boolValue":true}]}]},
		{"id":{"time":"2026-10-12T08:00:00Z","uniqueQualifier":"2","applicationName":"admin"},"actor":{"email":"admin@example.test"},"events":[{"type":"x","name":"ASSIGN_ROLE","parameters":[
			{"name":"USER_EMAIL","multiValue":["alice@example.test","Alice@example.test","bob@example.test"]}]}]}]}`)
	result, all := qualified(t, facts.Options{}, w.Open())
	var accounts []string
	for _, f := range all {
		accounts = append(accounts, f.Account)
		if f.Is("duplicate") || f.Is("own_trace") {
			t.Errorf("%s", f.AppendJSON(nil))
		}
		switch f.Text("event.application") {
		case "chat":
			if f.Text("actor") != alice || f.Text("ip") != "203.0.113.7" || f.Text("parameter.actor") != alice || f.Text("parameter.ip") != "192.0.2.1" {
				t.Errorf("%s", f.AppendJSON(nil))
			}
		case "admin":
			if v, _ := f.Get("accounts"); v.Len() != 2 || f.Text("actor") != "admin@example.test" {
				t.Errorf("%s", f.AppendJSON(nil))
			}
		}
	}
	slices.Sort(accounts)
	if want := []string{alice, alice, "bob@example.test"}; !slices.Equal(accounts, want) {
		t.Errorf("the facts are of %q, want %q", accounts, want)
	}
	for _, account := range []string{alice, "bob@example.test"} {
		if found := find(result, "role-granted", account); len(found) != 1 || found[0].Count != 1 {
			t.Errorf("%s: %v", account, found)
		}
	}
}

// TestOwnTracesOfARealTenant: the lines that the collection's own tokens leave in Google's log of tokens are known as ours, no finding
// is made of them, and the decision is the one that it would be without them.
func TestOwnTracesOfARealTenant(t *testing.T) {
	for _, quiet := range []bool{true, false} {
		t.Run(fmt.Sprintf("quiet %t", quiet), func(t *testing.T) {
			t.Parallel()
			g := newTenant(t, fakegoogle.Config{Quiet: quiet, Now: fakegoogle.Start, Lag: func(string) time.Duration { return 0 }})
			w := findingstest.New(t, bundleID, fakegoogle.Victim)
			g.collect(t, w, fakegoogle.Victim)
			g.reports(t, w, "all", "login", "token", "admin")
			set, err := rules.Load()
			if err != nil {
				t.Fatal(err)
			}
			c := facts.NewCollection(facts.Options{})
			t.Cleanup(func() { _ = c.Close() })
			if err := c.Read(t.Context(), w.Open()); err != nil {
				t.Fatal(err)
			}
			ours := map[string]bool{}
			with, without := decision.NewSurvey(), decision.NewSurvey()
			names := map[string]int{}
			result, err := findings.Evaluate(set, c, nil, func(f *facts.Fact) error {
				with.See(f)
				if f.Kind != facts.KindAudit || f.Text("client_id") != fakegoogle.ClientID {
					without.See(f)
					return nil
				}
				names[f.Text("event.name")]++
				ours[f.Exhibit+" "+f.Locator] = true
				if !f.Is("own_trace") || f.Text("ip") != fakegoogle.Responder {
					t.Errorf("%s", f.AppendJSON(nil))
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if names["authorize"] < 3 || names["activity"] == 0 || result.OwnTraces < int64(names["authorize"]+names["activity"]) {
				t.Errorf("lines of ours: %v, %d known", names, result.OwnTraces)
			}
			for _, f := range result.Findings {
				for _, o := range f.Observed {
					if ours[o.Exhibit+" "+o.Locator] {
						t.Errorf("our own trace is found: %s", describe(f))
					}
				}
			}
			if found := find(result, "own-client-elsewhen", fakegoogle.Victim); len(found) > 0 {
				t.Errorf("%v", found)
			}
			decide := func(s *decision.Survey) string {
				d := decision.Decide(decision.Input{Result: result, Coverage: c.Coverage(), Survey: s, Case: casefile.New("2026-0042", casefile.Operator{Name: "Operator"}, fakegoogle.Start()), Now: fakegoogle.Start()})
				text := fmt.Sprint(d.Level, d.Possible, len(d.Perimeter), len(d.Exfiltration), d.Story.First, d.Story.Last)
				for _, a := range []decision.Axis{d.Confirmation, d.Scope, d.Impact, d.Urgency} {
					text += fmt.Sprintf(" %s %d %d %d", a.Name.EN, a.Established, a.Possible, len(a.Grounds))
				}
				return text
			}
			if a, b := decide(with), decide(without); a != b {
				t.Errorf("the decision counts our own traces:\n%s\n%s", a, b)
			}
		})
	}
}
