package watch_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/findings/watch"
	"github.com/mbaudit/mbaudit/internal/googlelog"
)

const alice, bob = "alice@example.test", "bob@example.test"

func day(n int) time.Time { return time.Date(2026, 10, n, 9, 0, 0, 0, time.UTC) }

// activity reads a line of a log as Google gives it.
func activity(t *testing.T, text string) watch.Activity {
	t.Helper()
	rec, err := googlelog.NewReader(strings.NewReader(text), googlelog.Options{}).Next()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return watch.Of(rec)
}

func line(application, account, ip, event, parameters string) string {
	return fmt.Sprintf(`{"kind":"admin#reports#activity","id":{"time":"2026-10-15T09:00:00.123Z","uniqueQualifier":"-7","applicationName":%[1]q,"customerId":"C1"},
		"actor":{"email":%[2]q,"profileId":"p-%[2]s"},"ipAddress":%[3]q,"networkInfo":{"ipAsn":[64511],"regionCode":"NG"},"events":[{"type":"x","name":%[4]q,"parameters":[%[5]s]}]}`,
		application, account, ip, event, parameters)
}

func TestMatch(t *testing.T) {
	familiar := watch.Familiar{}
	familiar.Add("Alice@example.test", "192.0.2.14")
	list, err := watch.NewList([]watch.Indicator{
		{Kind: watch.IP, Value: "203.0.113.77"}, {Kind: watch.IP, Value: "2001:db8:1:2::9"}, {Kind: watch.Network, Value: "198.18.0.5/15"}, {Kind: watch.ASN, Value: "as64511", Shared: true},
		{Kind: watch.Client, Value: "77.apps.googleusercontent.com"}, {Kind: watch.Client, Value: "88.apps.googleusercontent.com", Shared: true}, {Kind: watch.Device, Value: "d0"}, {Kind: watch.Agent, Value: "curl/8"}, {Kind: watch.Account, Value: "ALICE@example.test"},
	}, familiar)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		line    string
		verdict watch.Verdict // "" is no hit
		by      string
		in      bool
	}{
		"address":                     {line("login", bob, "203.0.113.77", "login_success", ""), watch.Intruder, "ip 203.0.113.77", true},
		"address, failed":             {line("login", bob, "203.0.113.77", "login_failure", ""), watch.Intruder, "ip 203.0.113.77", false},
		"mapped address":              {line("login", bob, "::ffff:203.0.113.77", "login_failure", ""), watch.Intruder, "ip 203.0.113.77", false},
		"another of the same /64":     {line("login", bob, "2001:db8:1:2:aaaa::1", "login_failure", ""), watch.Intruder, "ip 2001:db8:1:2::/64", false},
		"network":                     {line("drive", bob, "198.19.255.1", "download", ""), watch.Intruder, "network 198.18.0.0/15", true},
		"only the system":             {line("login", bob, "203.0.113.78", "login_failure", ""), watch.Similar, "asn 64511", false},
		"a program of many":           {strings.ReplaceAll(line("token", bob, "192.0.2.1", "authorize", `{"name":"client_id","value":"88.apps.googleusercontent.com"}`), "64511", "1"), watch.Similar, "client 88.apps.googleusercontent.com", true},
		"a program of many at work":   {strings.ReplaceAll(line("token", bob, "192.0.2.1", "activity", `{"name":"client_id","value":"88.apps.googleusercontent.com"}`), "64511", "1"), "", "", true},
		"program":                     {strings.ReplaceAll(line("token", bob, "192.0.2.1", "authorize", `{"name":"client_id","value":"77.apps.googleusercontent.com"}`), "64511", "1"), watch.Intruder, "client 77.apps.googleusercontent.com", true},
		"device":                      {strings.ReplaceAll(line("login", bob, "", "login_success", `{"name":"DEVICE_ID","value":"d0"}`), "64511", "1"), watch.Intruder, "device d0", true},
		"agent in a nested parameter": {strings.ReplaceAll(line("saml", bob, "", "login_success", `{"name":"user_agent","messageValue":{"parameter":[{"name":"x","value":"curl/8"}]}}`), "64511", "1"), watch.Intruder, "agent curl/8", true},
		"address in a parameter":      {strings.ReplaceAll(line("gmail", bob, "", "view", `{"name":"client_ip","value":"203.0.113.77"}`), "64511", "1"), watch.Intruder, "ip 203.0.113.77", true},
		"the user":                    {strings.ReplaceAll(line("login", alice, "192.0.2.200", "login_success", ""), "64511", "1"), watch.User, "account " + alice, true},
		"the user, of that system":    {line("login", alice, "192.0.2.200", "login_success", ""), watch.User, "asn 64511", true},
		"a stranger of that system":   {line("login", alice, "192.0.3.1", "login_success", ""), watch.Stranger, "asn 64511", true},
		"a stranger":                  {strings.ReplaceAll(line("login", alice, "192.0.3.1", "login_success", ""), "64511", "1"), watch.Stranger, "account " + alice, true},
		"a stranger without address":  {strings.ReplaceAll(line("token", alice, "", "authorize", ""), "64511", "1"), watch.Stranger, "account " + alice, true},
		"named by an administrator":   {strings.ReplaceAll(line("login", "", "", "suspicious_login", `{"name":"affected_email_address","value":"alice@example.test"}`), "64511", "1"), watch.Stranger, "account " + alice, false},
		"the account's day":           {strings.ReplaceAll(line("drive", alice, "192.0.3.1", "view", ""), "64511", "1"), "", "", true},
		"a token that is used":        {strings.ReplaceAll(line("token", alice, "192.0.3.1", "activity", ""), "64511", "1"), "", "", true},
		"somebody else":               {strings.ReplaceAll(line("login", bob, "192.0.2.1", "login_success", ""), "64511", "1"), "", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			a := activity(t, c.line)
			hit, ok := list.Match(a)
			if ok != (c.verdict != "") || ok && (hit.Verdict != c.verdict || hit.By() != c.by) {
				t.Errorf("%v, %q by %v; not %q by %q", ok, hit.Verdict, hit.Indicators, c.verdict, c.by)
			}
			if a.GotIn() != c.in {
				t.Errorf("got in: %v", a.GotIn())
			}
		})
	}
}

// TestOneActivityOnce: what stands in user_accounts and in login is one activity; another qualifier or actor is another one.
func TestOneActivityOnce(t *testing.T) {
	one := activity(t, line("login", alice, "192.0.2.1", "password_edit", ""))
	if same := activity(t, line("user_accounts", alice, "192.0.2.1", "password_edit", "")); same.ID != one.ID || same.Application != "user_accounts" {
		t.Error("the same activity has another id in the other log")
	}
	for _, other := range []string{line("login", bob, "192.0.2.1", "password_edit", ""), line("token", alice, "192.0.2.1", "password_edit", ""),
		strings.ReplaceAll(line("login", alice, "192.0.2.1", "password_edit", ""), `"-7"`, `"-8"`)} {
		if activity(t, other).ID == one.ID {
			t.Errorf("another activity has the same id: %s", other)
		}
	}
}

func TestWrongIndicators(t *testing.T) {
	for _, i := range []watch.Indicator{{Kind: watch.IP, Value: "203.0.113"}, {Kind: watch.Network, Value: "203.0.113.0/33"}, {Kind: watch.ASN, Value: "AS0"}, {Kind: watch.ASN, Value: "x"},
		{Kind: watch.Account, Value: "alice"}, {Kind: watch.Client, Value: " "}, {Kind: "colour", Value: "red"}} {
		var wrong *watch.ErrIndicator
		if _, err := watch.NewList([]watch.Indicator{i}, nil); !errors.As(err, &wrong) || wrong.Indicator.Value != i.Value {
			t.Errorf("%v: %v", i, err)
		}
	}
	many := make([]watch.Indicator, 5001)
	for n := range many {
		many[n] = watch.Indicator{Kind: watch.Client, Value: fmt.Sprint("c", n)}
	}
	if _, err := watch.NewList(many, nil); !errors.Is(err, watch.ErrTooMany) {
		t.Errorf("a list without an end: %v", err)
	}
}

func finding(id, ip string, at time.Time, r findings.Recognition) *findings.Finding {
	f := &findings.Finding{ID: id, Class: "access", Account: alice, Grade: findings.Probable, State: findings.Yes, Examined: true, Recognition: r, Title: map[string]string{"en": "x"}}
	f.Observed = []*findings.Observation{{Kind: facts.KindAudit, Time: at, Fields: facts.Fields{{Name: "ip", Value: facts.Text(ip)}}}}
	return f
}

func signIn(account, ip string, at time.Time, isNew, suspect bool) *facts.Fact {
	f := &facts.Fact{Kind: facts.KindAudit, Account: account, Time: at}
	f.Set("event.name", facts.Text("login_success"))
	f.Set("ip", facts.Text(ip))
	f.Set("source.new", facts.Bool(isNew))
	f.Set("source.suspect", facts.Bool(suspect))
	return f
}

// TestSurvey: where the user is at home, and which devices are suspect.
func TestSurvey(t *testing.T) {
	his := finding("F-1", "203.0.113.77", day(12), findings.NotAsked)
	his.Observed[0].Fields = append(his.Observed[0].Fields, facts.Field{Name: "device", Value: facts.Text("d0")}, facts.Field{Name: "source.suspect", Value: facts.Bool(true)})
	s := watch.FromFindings([]*findings.Finding{his, finding("F-2", "198.51.100.9", day(11), findings.Recognised), finding("F-3", "not an address", day(1), findings.NotAsked)})
	for _, f := range []*facts.Fact{
		signIn(alice, "192.0.2.14", day(1), false, false), signIn(bob, "100.64.0.1", day(2), false, false),
		signIn(alice, "203.0.113.77", day(12), true, true), signIn(alice, "203.0.113.77", day(30), false, false), // he stayed until nobody called it new
		signIn(alice, "100.64.0.1", day(13), false, false), // after it had begun: bob's home, and not hers
	} {
		s.See(f)
	}
	if d := s.Devices(); len(d) != 1 || d[0].Value != "d0" || d[0].From != "F-1" {
		t.Errorf("devices: %v", d)
	}
	home := s.Familiar()
	for _, c := range []struct {
		account, ip string
		want        bool
	}{{alice, "192.0.2.99", true}, {alice, "198.51.100.200", true}, {alice, "203.0.113.77", false}, {alice, "100.64.0.1", false}, {bob, "100.64.0.1", true}, {bob, "192.0.2.14", false}} {
		if home.Has(c.account, c.ip) != c.want {
			t.Errorf("%s at home at %s: %v", c.account, c.ip, !c.want)
		}
	}
}

// TestFlood: ten thousand failures have twenty lines; that he got in among them has one, and all are counted.
func TestFlood(t *testing.T) {
	flood, tried := watch.NewFlood(), watch.NewTried(nil)
	lines, gotIn := 0, 0
	hit := func(account, event string) *watch.Hit {
		return &watch.Hit{Activity: watch.Activity{Application: "login", Account: account, Time: day(15), IP: "203.0.113.77", Events: []string{event}}, Verdict: watch.Intruder,
			Indicators: []watch.Indicator{{Kind: watch.IP, Value: "203.0.113.77"}}}
	}
	take := func(h *watch.Hit) {
		tried.Add(h)
		if flood.Pass(h) {
			lines++
			if h.GotIn() {
				gotIn++
			}
		}
	}
	for range 10_000 {
		take(hit(bob, "login_failure"))
	}
	take(hit(bob, "login_success"))
	if lines != 21 || gotIn != 1 {
		t.Errorf("%d lines, %d of them that he got in", lines, gotIn)
	}
	for n := range 1000 { // one failure each: a spray
		take(hit(fmt.Sprintf("user%d@example.test", n), "login_failure"))
	}
	if lines != 201 {
		t.Errorf("%d lines after a spray", lines)
	}
	all := tried.All()
	if len(all) != 1001 || all[0].Account != bob || all[0].Attempts != 10_001 || all[0].Got != 1 {
		t.Errorf("%d accounts, first %+v", len(all), all[0])
	}
	take(&watch.Hit{Activity: watch.Activity{Account: alice, Time: day(15)}, Verdict: watch.User, Indicators: []watch.Indicator{{Kind: watch.Account, Value: alice}}})
	if len(tried.All()) != 1001 {
		t.Error("the user is among those that the intruder tried")
	}
	sum := watch.Merge(tried, tried).All()
	if sum[0].Attempts != 20_002 || all[0].Attempts != 10_001 || len(sum[0].By) != 1 {
		t.Errorf("twice the same is %+v", sum[0])
	}
}

// FuzzActivity: whatever a log holds, what is compared is bounded.
func FuzzActivity(f *testing.F) {
	f.Add(line("login", alice, "203.0.113.77", "login_success", `{"name":"client_ip","multiValue":["203.0.113.77"]}`))
	f.Add(`{"id":{},"events":[{"name":"x","parameters":[{"name":"user_agent","messageValue":{"parameter":[{}]}}]}]}`)
	list, err := watch.NewList([]watch.Indicator{{Kind: watch.IP, Value: "203.0.113.77"}, {Kind: watch.Network, Value: "::/0"}}, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := googlelog.NewReader(strings.NewReader(text), googlelog.Options{})
		for range 10 {
			rec, err := r.Next()
			if errors.Is(err, io.EOF) || rec == nil {
				return
			}
			a := watch.Of(rec)
			if len(a.Events) > 20 || len(a.Others) > 100 || len(a.Agents) > 100 {
				t.Errorf("%d events, %d addresses", len(a.Events), len(a.Others))
			}
			if hit, ok := list.Match(a); ok && len(hit.Indicators) == 0 {
				t.Error("a hit by nothing")
			}
			if _, err := json.Marshal(a); err != nil {
				t.Error(err)
			}
		}
	})
}
