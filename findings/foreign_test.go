package findings_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/findings/findingstest"
	"github.com/mbaudit/mbaudit/findings/rules"
)

// foreignRules are rules of our own in the style of public ones: both namings, fields in odd case, an array of names.
func foreignRules() map[string]string {
	head := func(title, service string) string {
		return "title: " + title + "\nid: 11111111-1111-1111-1111-111111111111\nauthor: somebody\nlevel: medium\nlogsource:\n    product: gcp\n    service: " + service + "\ndetection:\n"
	}
	return map[string]string{
		"cloud/admin.yml":   head("role granted", "google_workspace.admin") + "    selection:\n        eventService: admin.googleapis.com\n        eventName:\n            - GRANT_ADMIN_PRIVILEGE\n            - ASSIGN_ROLE\n    condition: selection\n",
		"cloud/mfa.yml":     head("second step not enforced", "google_workspace.admin") + "    selection_base:\n        eventService: admin.googleapis.com\n        eventName: ENFORCE_STRONG_AUTHENTICATION\n    selection_value:\n        new_value: 'false'\n    condition: all of selection*\n",
		"cloud/setting.yml": head("access levels changed", "google_workspace.admin") + "    selection:\n        eventName: CHANGE_APPLICATION_SETTING\n        setting_name|startswith: 'ContextAwareAccess'\n    condition: selection\n",
		"login/fwd.yml":     head("forwarding", "google_workspace.login") + "    selection:\n        protoPayload.serviceName: login.googleapis.com\n        protoPayload.metadata.event.eventName: email_forwarding_out_of_domain\n    condition: selection\n",
		"login/odd.yml":     head("suspicious", "google_workspace.login") + "    selection:\n        protoPayload.Servicename: login.googleapis.com\n        protoPayload.metadata.event.eventName:\n            - suspicious_login\n    condition: selection\n",
		"login/any.yml":     head("any service", "google_workspace") + "    selection:\n        eventName: password_edit\n    condition: selection\n",
		"windows/proc.yml":  "title: process\nlogsource:\n    product: windows\n    category: process_creation\ndetection:\n    selection:\n        Image|endswith: '\\x.exe'\n    condition: selection\n",
		"cloud/later.yml":   head("placeholders", "google_workspace.admin") + "    selection:\n        eventName|expand: '%names%'\n    condition: selection\n",
		"notes.txt":         "no rule",
	}
}

func writeRules(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range foreignRules() {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestForeignRules: rules that the user brings are evaluated over both namings, shown apart, and change no finding.
func TestForeignRules(t *testing.T) {
	const page = `{"kind":"admin#reports#activities","items":[
		{"id":{"time":"2026-10-12T07:00:00Z","uniqueQualifier":"1","applicationName":"%APP%"},"actor":{"email":"alice@example.test"},"ipAddress":"203.0.113.77","events":[%EVENTS%]}]}`
	w := findingstest.New(t, bundleID, alice)
	put := func(application, events string) {
		w.Add(evidence.Exhibit{Resource: "reports/" + application}, strings.NewReplacer("%APP%", application, "%EVENTS%", events).Replace(page))
	}
	put("admin", `{"type":"A","name":"ASSIGN_ROLE"},{"type":"B","name":"ENFORCE_STRONG_AUTHENTICATION","parameters":[{"name":"NEW_VALUE","value":"false"}]},
		{"type":"C","name":"CHANGE_APPLICATION_SETTING","parameters":[{"name":"SETTING_NAME","value":"ContextAwareAccess ENABLED"}]}`)
	put("login", `{"type":"x","name":"suspicious_login"},{"type":"x","name":"login_success"}`)
	put("user_accounts", `{"type":"x","name":"email_forwarding_out_of_domain"},{"type":"x","name":"password_edit"}`)
	b := w.Open()
	foreign, err := findings.LoadForeign(writeRules(t))
	if err != nil {
		t.Fatal(err)
	}
	if foreign.Loaded() != 6 || len(foreign.NotLoaded()) != 1 || !strings.Contains(foreign.NotLoaded()[0], "expand") {
		t.Errorf("%d loaded, not loaded: %v", foreign.Loaded(), foreign.NotLoaded())
	}
	set, err := rules.Load()
	if err != nil {
		t.Fatal(err)
	}
	evaluate := func(x *findings.Foreign) *findings.Result {
		c := facts.NewCollection(facts.Options{})
		defer c.Close() //nolint:errcheck // a temporary file
		if err := c.Read(context.Background(), b); err != nil {
			t.Fatal(err)
		}
		result, err := findings.Evaluate(set, c, x, nil)
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	with, without := evaluate(foreign), evaluate(nil)
	hits := map[string]int64{}
	for _, h := range with.ThirdParty {
		hits[h.Title] = h.Count
		if h.Author != "somebody" || h.Account != alice || len(h.Observed) == 0 {
			t.Errorf("%+v", h)
		}
	}
	for _, title := range []string{"role granted", "second step not enforced", "access levels changed", "forwarding", "suspicious", "any service"} {
		if hits[title] != 1 {
			t.Errorf("%s: %d hits", title, hits[title])
		}
	}
	if len(with.Findings) != len(without.Findings) || len(without.ThirdParty) != 0 {
		t.Errorf("with them there are %d findings, without %d", len(with.Findings), len(without.Findings))
	}
	for i := range with.Findings {
		if describe(with.Findings[i]) != describe(without.Findings[i]) {
			t.Errorf("%s became %s", describe(without.Findings[i]), describe(with.Findings[i]))
		}
	}
	if _, err := findings.LoadForeign(t.TempDir()); err == nil {
		t.Error("a directory without any rule is taken")
	}
}

// TestForeignCorrelations: correlations that the user brings are evaluated over rules of theirs, in whichever file these stand; what
// cannot be evaluated is named, and correlations about other products are passed over.
func TestForeignCorrelations(t *testing.T) {
	rule := func(title, name, event string) string {
		return "title: " + title + "\nname: " + name + "\nauthor: somebody\nlogsource:\n    product: gcp\n    service: google_workspace.login\ndetection:\n    selection:\n        eventName: " + event + "\n    condition: selection\n"
	}
	correlation := func(title, body string) string {
		return "title: " + title + "\nauthor: somebody\nlevel: high\ncorrelation:\n" + body
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"failure.yml": rule("a failure", "wrong_password", "login_failure"),
		"success.yml": rule("a success", "right_password", "login_success"),
		"logout.yml":  rule("a logout", "left", "logout"),
		"count.yml":   correlation("many failures", "    type: event_count\n    rules: [wrong_password]\n    group-by: [protoPayload.authenticationInfo.principalEmail]\n    timespan: 5m\n    condition:\n        gte: 4\n"),
		"places.yml":  correlation("many places", "    type: value_count\n    rules: [wrong_password]\n    group-by: [actor.email]\n    timespan: 1h\n    condition:\n        field: ipAddress\n        gte: 3\n"),
		"both.yml":    correlation("guessed", "    type: temporal_ordered\n    generate: true\n    rules: [wrong_password, right_password]\n    group-by: [actor.email]\n    timespan: 10m\n"),
		"apart.yml":   correlation("in and out", "    type: temporal\n    rules: [right_password, left]\n    group-by: [actor.email]\n    timespan: 1m\n"),
		"sum.yml":     correlation("a sum", "    type: value_sum\n    rules: [wrong_password]\n    timespan: 5m\n    condition:\n        field: x\n        gte: 4\n"),
		"half.yml":    correlation("half", "    type: temporal\n    rules: [wrong_password, nowhere]\n    timespan: 5m\n"),
		"windows.yml": correlation("elsewhere", "    type: event_count\n    rules: [process]\n    timespan: 5m\n    condition:\n        gte: 4\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	foreign, err := findings.LoadForeign(dir)
	if err != nil {
		t.Fatal(err)
	}
	if why := strings.Join(foreign.NotLoaded(), "\n"); foreign.Loaded() != 7 || len(foreign.NotLoaded()) != 2 || !strings.Contains(why, "value_sum") || !strings.Contains(why, "nowhere") {
		t.Errorf("%d loaded, not loaded: %s", foreign.Loaded(), why)
	}
	var items []string
	add := func(minute int, name, ip string) {
		items = append(items, fmt.Sprintf(`{"id":{"time":"2026-10-12T07:%02d:00Z","uniqueQualifier":"%d","applicationName":"login"},"actor":{"email":"alice@example.test"},"ipAddress":"%s","events":[{"type":"login","name":"%s"}]}`, minute, minute, ip, name))
	}
	for i := range 4 {
		add(i, "login_failure", fmt.Sprintf("203.0.113.%d", i%2))
	}
	add(5, "login_success", "203.0.113.0")
	add(50, "logout", "203.0.113.0")
	w := findingstest.New(t, bundleID, alice)
	w.Add(evidence.Exhibit{Resource: "reports/login"}, `{"kind":"admin#reports#activities","items":[`+strings.Join(items, ",")+`]}`)
	set, err := rules.Load()
	if err != nil {
		t.Fatal(err)
	}
	c := facts.NewCollection(facts.Options{})
	defer c.Close() //nolint:errcheck // a temporary file
	if err := c.Read(context.Background(), w.Open()); err != nil {
		t.Fatal(err)
	}
	result, err := findings.Evaluate(set, c, foreign, nil)
	if err != nil {
		t.Fatal(err)
	}
	hits := map[string]int{}
	for _, h := range result.ThirdParty {
		hits[h.Title] = len(h.Observed)
	}
	want := map[string]int{"many failures": 4, "guessed": 2, "a failure": 0}
	for title, seen := range want {
		if hits[title] != seen {
			t.Errorf("%s: %d places, want %d", title, hits[title], seen)
		}
	}
	for _, title := range []string{"many places", "in and out", "elsewhere", "a success"} {
		if _, found := hits[title]; found {
			t.Errorf("%s holds", title)
		}
	}
}
