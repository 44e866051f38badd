package findings_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/findings/findingstest"
	"github.com/mbaudit/mbaudit/findings/rules"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
	"github.com/mbaudit/mbaudit/internal/secret"
)

const bundleID = "01JDCTZ0000000000000000000"

// A tenant is a Google Workspace to collect from.
type tenant struct {
	server *fakegoogle.Server
	key    []byte
}

func newTenant(t *testing.T, config fakegoogle.Config) *tenant {
	t.Helper()
	server := fakegoogle.New(config).Start(t)
	key, err := server.KeyFile("https://oauth2.googleapis.com")
	if err != nil {
		t.Fatal(err)
	}
	return &tenant{server, key}
}

// collect keeps what Gmail and the Directory tell of accounts.
func (g *tenant) collect(t *testing.T, w *findingstest.Writer, accounts ...string) {
	t.Helper()
	quota, err := workspace.ParseQuota("1000") // nobody waits in a test
	if err != nil {
		t.Fatal(err)
	}
	c, err := workspace.New(workspace.Config{Key: secret.New(string(g.key)), Admin: fakegoogle.Admin, Transport: g.server.Transport(),
		NoLogs: true, Quota: quota, Pace: func(context.Context, time.Duration) error { return nil }, Now: fakegoogle.Start})
	if err != nil {
		t.Fatal(err)
	}
	for _, account := range accounts {
		if err := c.Collect(context.Background(), collectors.Scope{Account: account, Messages: collectors.MessagesNone}, w); err != nil {
			t.Fatal(err)
		}
	}
}

// reports keeps the pages of logs about everybody, as answered.
func (g *tenant) reports(t *testing.T, w *findingstest.Writer, user string, applications ...string) {
	t.Helper()
	config, err := google.JWTConfigFromJSON(g.key, "https://www.googleapis.com/auth/admin.reports.audit.readonly")
	if err != nil {
		t.Fatal(err)
	}
	config.Subject = fakegoogle.Admin
	client := config.Client(context.WithValue(context.Background(), oauth2.HTTPClient, g.server.Client()))
	for _, application := range applications {
		query := url.Values{"maxResults": {"1000"}, "startTime": {fakegoogle.Start().AddDate(0, 0, -60).Format(time.RFC3339)}}
		if application == "gmail" {
			query.Set("startTime", fakegoogle.Start().AddDate(0, 0, -29).Format(time.RFC3339))
			query.Set("endTime", fakegoogle.Start().Format(time.RFC3339))
		}
		for page := 1; ; page++ {
			token := keepPage(t, client, w, application, user, query, page)
			if token == "" {
				break
			}
			query.Set("pageToken", token)
		}
	}
}

func keepPage(t *testing.T, client *http.Client, w *findingstest.Writer, application, user string, query url.Values, page int) string {
	t.Helper()
	answer, err := client.Get("https://admin.googleapis.com/admin/reports/v1/activity/users/" + user + "/applications/" + application + "?" + query.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v %.300s", application, answer.Status, err, body)
	}
	w.Add(evidence.Exhibit{Resource: "reports/" + application, Item: fmt.Sprintf("page-%d", page)}, string(body))
	var doc struct{ NextPageToken string }
	if err := json.Unmarshal(body, &doc); err != nil {
		t.Fatal(err)
	}
	return doc.NextPageToken
}

func allLogs() []string {
	return []string{"login", "user_accounts", "token", "gmail", "drive", "mobile", "admin", "saml", "takeout", "chrome", "calendar", "groups_enterprise", "vault"}
}

// qualified reads bundles and evaluates all rules. It gives the facts too, which are the same whether one reads or several do.
func qualified(t *testing.T, options facts.Options, bundles ...*evidence.Bundle) (*findings.Result, []*facts.Fact) {
	t.Helper()
	set, err := rules.Load()
	if err != nil {
		t.Fatal(err)
	}
	options.Workers = 1
	inTurn := read(t, options, bundles)
	options.Workers = 4
	c := read(t, options, bundles)
	next, stop := iter.Pull2(inTurn.All())
	defer stop()
	for f, err := range c.All() {
		want, wantErr, more := next()
		if err != nil || wantErr != nil || !more || !bytes.Equal(f.AppendJSON(nil), want.AppendJSON(nil)) {
			t.Fatalf("%v %v: several workers read\n%s\none reads\n%s", err, wantErr, f.AppendJSON(nil), want.AppendJSON(nil))
		}
	}
	if _, _, more := next(); more {
		t.Fatal("several workers read less than one")
	}
	var all []*facts.Fact
	result, err := findings.Evaluate(set, c, nil, func(f *facts.Fact) error {
		all = append(all, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return result, all
}

func read(t *testing.T, options facts.Options, bundles []*evidence.Bundle) *facts.Collection {
	t.Helper()
	c := facts.NewCollection(options)
	t.Cleanup(func() { _ = c.Close() })
	for _, b := range bundles {
		if err := c.Read(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func find(result *findings.Result, rule, account string) []*findings.Finding {
	var all []*findings.Finding
	for _, f := range result.Findings {
		if f.Rule == rule && strings.EqualFold(f.Account, account) {
			all = append(all, f)
		}
	}
	return all
}

func state(result *findings.Result, rule, account string) findings.Outcome {
	for _, o := range result.Outcomes {
		if o.Rule == rule && o.Account == account {
			return o
		}
	}
	return findings.Outcome{}
}

func describe(f *findings.Finding) string {
	return fmt.Sprintf("%-10s %-28s %-22s %s x%d %v", f.Grade, f.Rule, f.Account, f.Subject, f.Count, f.Raised)
}

// TestTakeover: of the account that was taken over everything that the intruder did and left is found, from the exhibits
// that tell it.
func TestTakeover(t *testing.T) {
	g := newTenant(t, fakegoogle.Config{})
	w := findingstest.New(t, bundleID, fakegoogle.Victim)
	g.collect(t, w, fakegoogle.Victim)
	g.reports(t, w, "all", allLogs()...)
	result, _ := qualified(t, facts.Options{OwnDomains: []string{"menuiserie-dulac.example"}}, w.Open())
	for _, f := range result.Findings {
		t.Log(describe(f))
	}
	for rule, grade := range map[string]findings.Grade{
		"forwarding-external": findings.Confirmed, "forwarding-set-up": findings.Confirmed, "forwarding-after-new-source": findings.Confirmed,
		"filter-forwards": findings.Confirmed, "filter-forwards-and-hides": findings.Confirmed, "filter-deletes": findings.Check,
		"delegate-internal": findings.Confirmed, "delegate-at-work": findings.Confirmed,
		"send-as-look-alike": findings.Probable, "reply-to-external": findings.Probable, "recovery-stranger": findings.Check, "app-password-recent": findings.Probable,
		"token-mail": findings.Confirmed, "token-granted-suspect": findings.Confirmed, "two-step-after-new-source": findings.Probable,
		"credentials-after-new-source": findings.Probable, "device-after-new-source": findings.Probable, "sign-in-suspicious": findings.Probable,
		"sign-in-new-source": findings.Check, "google-failure-then-suspect": findings.Check, "reset-read-suspect": findings.Probable,
		"sent-suspect": findings.Check, "notice-deleted": findings.Probable, "mail-auto-forwarded": findings.Check,
		"file-shared-outside": findings.Probable, "script-runs-by-itself": findings.Check, "calendar-shared-outside": findings.Probable,
		"file-opened-to-anyone": findings.Check, "history-sent-deleted": findings.Check,
	} {
		found := find(result, rule, fakegoogle.Victim)
		if len(found) == 0 {
			t.Errorf("%s: not found; %+v", rule, state(result, rule, fakegoogle.Victim))
			continue
		}
		if found[0].Grade != grade {
			t.Errorf("%s: %s, want %s: %v", rule, found[0].Grade, grade, found[0].Raised)
		}
		if len(found[0].Exhibits) == 0 || len(found[0].Observed) == 0 || found[0].Interpretation["fr"] == "" {
			t.Errorf("%s: it says nothing of how it is known: %+v", rule, found[0])
		}
	}
	if found := find(result, "source-suspect-elsewhere", fakegoogle.Delegate); len(found) != 1 {
		t.Errorf("the delegate's account was used from the same address: %v", found)
	}
}

// TestDuplicates: what stands in login and in user_accounts, and in two bundles, is there four times and counts once; two
// events of one activity with the same name are two.
func TestDuplicates(t *testing.T) {
	const activity = `{"id":{"time":"2026-10-12T07:20:02.123Z","uniqueQualifier":"-42","applicationName":"%s","customerId":"C1"},"actor":{"email":"alice@example.test","profileId":"11"},
		"ipAddress":"203.0.113.77","events":[{"type":"2sv_change","name":"2sv_enroll"},{"type":"acl","name":"twice","parameters":[{"name":"target","value":"a"}]},{"type":"acl","name":"twice"}]}`
	var bundles []*evidence.Bundle
	for _, id := range []string{bundleID, "01JDCTZ0000000000000000001"} {
		w := findingstest.New(t, id, "alice@example.test")
		for _, application := range []string{"login", "user_accounts"} {
			w.Add(evidence.Exhibit{Resource: "reports/" + application}, `{"kind":"admin#reports#activities","items":[`+fmt.Sprintf(activity, application)+`]}`)
		}
		bundles = append(bundles, w.Open())
	}
	result, all := qualified(t, facts.Options{}, bundles...)
	counted := map[string]int{}
	for _, f := range all {
		switch {
		case !f.Is("duplicate"):
			counted[f.Text("event.name")]++
		case f.Text("duplicate_of") != "P-000001 "+f.Locator:
			t.Errorf("a duplicate does not say of what: %s", f.AppendJSON(nil))
		}
	}
	if len(all) != 12 || counted["2sv_enroll"] != 1 || counted["twice"] != 2 || result.Repeated != 9 {
		t.Errorf("%d facts, %v counted, %d duplicates", len(all), counted, result.Repeated)
	}
	if found := find(result, "two-step-enrolled", "alice@example.test"); len(found) != 1 || found[0].Count != 1 {
		t.Errorf("%+v", found)
	}
}

// TestQuiet: where nobody broke in, nothing is probable: not of the traveller, nor of who has an assistant, filters, an old
// app password.
func TestQuiet(t *testing.T) {
	g := newTenant(t, fakegoogle.Config{Quiet: true})
	accounts := []string{fakegoogle.Victim, "bob@example.test", "carol@example.test", "dave@example.test"}
	w := findingstest.New(t, bundleID, accounts...)
	g.collect(t, w, accounts...)
	g.reports(t, w, "all", allLogs()...)
	result, _ := qualified(t, facts.Options{}, w.Open())
	for _, f := range result.Findings {
		t.Log(describe(f))
		if slices.Index(findings.Grades(), f.Grade) >= slices.Index(findings.Grades(), findings.Probable) {
			t.Errorf("nobody broke in: %s", describe(f))
		}
	}
	if o := state(result, "forwarding-external", fakegoogle.Victim); o.State != findings.No {
		t.Errorf("all was read and nothing is forwarded: %+v", o)
	}
	if o := state(result, "takeout", fakegoogle.Victim); o.State == findings.Unknown {
		t.Errorf("the log of exports was read: %+v", o)
	}
}

// TestNotCollected: without logs, and with a setting that was refused, nobody knows.
func TestNotCollected(t *testing.T) {
	g := newTenant(t, fakegoogle.Config{Scopes: []string{"https://www.googleapis.com/auth/gmail.readonly"}})
	w := findingstest.New(t, bundleID, "dave@example.test")
	g.collect(t, w, "dave@example.test")
	result, _ := qualified(t, facts.Options{}, w.Open())
	for rule, want := range map[string]findings.State{"forwarding-external": findings.No, "token-mail": findings.Unknown, "sign-in-new-source": findings.Unknown,
		"mail-guessed": findings.Unknown, "filter-hides": findings.No} {
		o := state(result, rule, "dave@example.test")
		if o.State != want || want == findings.Unknown && (len(o.Missing) == 0 || o.Missing[0].What["fr"] == "" || o.Missing[0].Reason == "") {
			t.Errorf("%s: %+v, want %s", rule, o, want)
		}
	}
}

// TestUnreadable: an exhibit that is no JSON gives a fact that says so, and nothing is called absent for it.
func TestUnreadable(t *testing.T) {
	w := findingstest.New(t, bundleID, "alice@example.test")
	for resource, body := range map[string]string{"gmail/filters": `{"filter":[{"id":"1"},"no object"]}`, "gmail/delegates": `{"delegates":`, "reports/login": `{"items":[{"id":{}},7]}`,
		"gmail/sendAs": `{"error":{"code":403}}`, "directory/tokens": `{}`} {
		w.Announce(resource, 1)
		w.Add(evidence.Exhibit{Resource: resource}, body)
	}
	result, all := qualified(t, facts.Options{}, w.Open())
	for rule, want := range map[string]findings.State{"filter-hides": findings.Unknown, "delegate-external": findings.Unknown, "sign-in-suspicious": findings.Unknown,
		"send-as-external": findings.Unknown, "token-mail": findings.No} {
		if o := state(result, rule, "alice@example.test"); o.State != want {
			t.Errorf("%s: %+v, want %s", rule, o, want)
		}
	}
	unreadable := 0
	for _, f := range all {
		if f.Kind == facts.KindUnreadable {
			unreadable++
			if f.Text("reason") == "" || f.Text("of") == "" {
				t.Errorf("%s", f.AppendJSON(nil))
			}
		}
	}
	if unreadable < 5 {
		t.Errorf("%d facts say that something cannot be read", unreadable)
	}
}

// TestFindingsCanBeReadAgain: findings.json is what other programs build on.
func TestFindingsCanBeReadAgain(t *testing.T) {
	w := findingstest.New(t, bundleID, "alice@example.test")
	w.Announce("gmail/autoForwarding", 1)
	w.Add(evidence.Exhibit{Resource: "gmail/autoForwarding"}, `{"enabled":true,"emailAddress":"x@stranger.example","disposition":"trash"}`)
	result, _ := qualified(t, facts.Options{}, w.Open())
	first, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"rule":"forwarding-external"`, `"class":"forwarding"`, `"technique":["T1114.003"]`, `"grade":"probable"`, `"exhibits":["` + bundleID + `/P-000001"]`} {
		if !bytes.Contains(first, []byte(want)) {
			t.Errorf("%s is not in it", want)
		}
	}
	var again findings.Result
	if err := json.Unmarshal(first, &again); err != nil {
		t.Fatal(err)
	}
	if second, err := json.Marshal(&again); err != nil || !slices.Equal(normal(t, first), normal(t, second)) {
		t.Errorf("read and written again it is different: %v\n%s\n%s", err, first, second)
	}
}

// normal gives the lines of a document with its fields sorted.
func normal(t *testing.T, doc []byte) []byte {
	t.Helper()
	var x any
	if err := json.Unmarshal(doc, &x); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestTenantRows: a log of everybody that was refused is missing, though the account's own part of it was read; one that
// was read serves every account of the domain.
func TestTenantRows(t *testing.T) {
	const empty = `{"kind":"admin#reports#activities"}`
	for whole, want := range map[bool]findings.State{true: findings.No, false: findings.Unknown} {
		w := findingstest.New(t, bundleID, alice, "bob@example.test")
		w.Announce("reports/admin", 1)
		w.Add(evidence.Exhibit{Resource: "reports/admin"}, empty)
		if whole {
			w.Add(evidence.Exhibit{Account: "@example.test", Resource: "reports/admin"}, empty)
		} else if err := w.Gap(evidence.Gap{Account: "@example.test", Collector: "workspace", Resource: "reports/admin", Class: evidence.GapRefused, Reason: "no"}); err != nil {
			t.Fatal(err)
		}
		result, _ := qualified(t, facts.Options{}, w.Open())
		for _, account := range []string{alice, "bob@example.test"} {
			if o := state(result, "role-granted", account); o.State != want {
				t.Errorf("whole %t, %s: %+v, want %s", whole, account, o, want)
			}
		}
		if o := state(result, "two-step-disabled", alice); o.State != findings.Unknown {
			t.Errorf("the log of sign-ins was not collected: %+v", o)
		}
	}
}
