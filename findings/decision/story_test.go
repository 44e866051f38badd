package decision_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/decision"
	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/findings/findingstest"
	"github.com/mbaudit/mbaudit/findings/rules"
	"github.com/mbaudit/mbaudit/internal/casefile"
)

const (
	alice    = "alice@example.test"
	bundleID = "01JDCTZ0000000000000000000"
)

// A story is a document of testdata/stories; its README says what the fields mean.
type story struct {
	Story, Text, System   string
	Benign, Super         bool
	Accounts, Others      []string
	Missing               []string
	Sensitive, Answers    map[string]string
	State, Before, Tenant map[string]string
	Mail                  [][]string
	Places                map[string]place
	Events, Log           [][]any
	Meaning               []facts.Meaning
	Failures, Burst       *run
	Expect                struct {
		Level, Possible decision.Level
		Confirmation    string
		Rule            string
	}
}

type place struct {
	ASN            int
	Country, Agent string
}

// A run is many of the same event.
type run struct {
	Application, IP string
	Name            any
	From            time.Time
	Count           int
}

func now() time.Time { return time.Date(2026, 10, 15, 8, 0, 0, 0, time.UTC) }

func loadStories(t *testing.T) []story {
	t.Helper()
	names, err := filepath.Glob("../../testdata/stories/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	var all []story
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		dec := yaml.NewDecoder(bytes.NewReader(data))
		dec.KnownFields(true)
		for {
			var s story
			err := dec.Decode(&s)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if len(s.Accounts) == 0 {
				s.Accounts = []string{alice}
			}
			all = append(all, s)
		}
	}
	return all
}

// An activity is one event of one of Google's logs.
type activity struct {
	application, actor, ip string
	at                     time.Time
	name                   any
	parameters             map[string]any
}

func (s *story) place(ip string) place {
	if p, there := s.Places[ip]; there {
		return p
	}
	if strings.HasPrefix(ip, "198.51.100.") {
		return place{3215, "FR", "Browser at home"}
	}
	return place{64496, "NL", "Another browser"}
}

// activities are the story's events with the quiet days before.
func (s *story) activities(t *testing.T) []activity {
	t.Helper()
	var all []activity
	for _, who := range slices.Concat(s.Accounts, s.Others) {
		for day := range 20 {
			all = append(all, activity{"login", who, "198.51.100.7", now().AddDate(0, 0, day-25).Add(-50 * time.Minute), "login_success", nil})
		}
	}
	for _, e := range s.Events {
		a := activity{application: e[0].(string), at: moment(t, e[1]), name: e[2], ip: e[3].(string), actor: s.Accounts[0]}
		a.parameters, _ = e[4].(map[string]any)
		if len(e) > 5 {
			a.actor = e[5].(string)
		}
		all = append(all, a)
	}
	if r := s.Failures; r != nil {
		r.Application, r.Name = "login", "login_failure"
		all = append(all, r.activities(s.Accounts[0])...)
	}
	if s.Burst != nil {
		all = append(all, s.Burst.activities(s.Accounts[0])...)
	}
	return all
}

func (r *run) activities(who string) []activity {
	var all []activity
	for i := range r.Count {
		all = append(all, activity{r.Application, who, r.IP, r.From.Add(time.Duration(i) * 5 * time.Second), r.Name, nil})
	}
	return all
}

func moment(t *testing.T, x any) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, x.(string))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// json is the activity as activities.list gives it.
func (s *story) json(t *testing.T, n int, a activity) map[string]any {
	t.Helper()
	var parameters []map[string]any
	name := fmt.Sprint(a.name)
	if kind, is := a.name.(int); is {
		name = "delivery"
		parameters = append(parameters, map[string]any{"name": "event_info", "messageValue": map[string]any{"parameter": []any{map[string]any{"name": "mail_event_type", "intValue": fmt.Sprint(kind)}}}})
	}
	for key, value := range a.parameters {
		if message, field, is := strings.Cut(key, "."); is {
			parameters = append(parameters, map[string]any{"name": message, "messageValue": map[string]any{"parameter": []any{map[string]any{"name": field, "value": value}}}})
			continue
		}
		kind := "value"
		switch value.(type) {
		case bool:
			kind = "boolValue"
		case []any:
			kind = "multiValue"
		}
		parameters = append(parameters, map[string]any{"name": key, kind: value})
	}
	at := s.place(a.ip)
	doc := map[string]any{"kind": "admin#reports#activity", "id": map[string]any{"time": a.at.Format("2006-01-02T15:04:05.000Z"), "uniqueQualifier": fmt.Sprint(n), "applicationName": a.application, "customerId": "C1"},
		"actor": map[string]any{"email": a.actor, "profileId": "1" + fmt.Sprint(len(a.actor)) + fmt.Sprint(int(a.actor[0]))}, "events": []any{map[string]any{"name": name, "parameters": parameters}}}
	if a.ip != "" {
		doc["ipAddress"] = a.ip
		doc["networkInfo"] = map[string]any{"ipAsn": []int{at.ASN}, "regionCode": at.Country}
		doc["userAgent"] = at.Agent
	}
	return doc
}

// workspace writes the settings and logs of a Google Workspace.
func (s *story) workspace(t *testing.T, w *findingstest.Writer) {
	t.Helper()
	admin := "false"
	if s.Super {
		admin = "true"
	}
	settings := map[string]string{"gmail/filters": `{}`, "gmail/autoForwarding": `{"enabled":false}`, "gmail/forwardingAddresses": `{}`, "gmail/delegates": `{}`, "gmail/sendAs": `{}`,
		"gmail/vacation": `{"enableAutoReply":false}`, "gmail/imap": `{"enabled":false}`, "gmail/pop": `{"accessWindow":"disabled"}`, "gmail/labels": `{}`, "directory/tokens": `{}`, "directory/asps": `{}`,
		"directory/user": `{"primaryEmail":"` + s.Accounts[0] + `","isEnrolledIn2Sv":true,"isAdmin":` + admin + `}`, "directory/aliases": `{}`, "directory/mobiledevices": `{}`, "directory/groups": `{}`,
		"directory/roleAssignments": `{}`, "directory/roles": `{}`, "directory/verificationCodes": `{}`}
	for resource, body := range s.State {
		settings[resource] = body
	}
	for resource, body := range settings {
		if !slices.Contains(s.Missing, resource) {
			w.Announce(resource, 1)
			w.Add(evidence.Exhibit{Resource: resource}, body)
		}
	}
	for resource, body := range s.Tenant {
		w.Add(evidence.Exhibit{Account: "@example.test", Resource: resource}, body)
	}
	for n, m := range s.Mail {
		answer, err := json.Marshal(map[string]any{"id": fmt.Sprintf("18c%013x", n), "threadId": fmt.Sprintf("18c%013x", n), "labelIds": []string{strings.ToUpper(m[0])}, "internalDate": fmt.Sprint(moment(t, m[1]).UnixMilli()),
			"raw": base64.URLEncoding.EncodeToString([]byte(mailText(m)))})
		if err != nil {
			t.Fatal(err)
		}
		w.Add(evidence.Exhibit{Resource: "gmail/messages", Item: fmt.Sprint(n)}, string(answer))
	}
	pages := map[string][]any{}
	for n, a := range s.activities(t) {
		pages[a.application] = append(pages[a.application], s.json(t, n+1, a))
	}
	for _, log := range []string{"login", "user_accounts", "token", "gmail", "drive", "mobile", "admin", "saml", "takeout", "chrome", "calendar", "groups_enterprise", "vault"} {
		if slices.Contains(s.Missing, "reports/"+log) {
			continue
		}
		page, err := json.Marshal(map[string]any{"kind": "admin#reports#activities", "items": pages[log]})
		if err != nil {
			t.Fatal(err)
		}
		if pages[log] == nil {
			page = []byte(`{"kind":"admin#reports#activities"}`)
		}
		w.Announce("reports/"+log, 1)
		w.Add(evidence.Exhibit{Account: "@example.test", Resource: "reports/" + log}, string(page))
	}
}

// mailText is a whole message: its header has one field a line.
func mailText(m []string) string {
	return strings.ReplaceAll(strings.TrimSpace(m[2]), "\n", "\r\n") + "\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + m[3] + "\r\n"
}

// before is what an earlier collection found of some settings; nil where there was none.
func (s *story) before(t *testing.T) *evidence.Bundle {
	t.Helper()
	if s.Before == nil {
		return nil
	}
	w := findingstest.New(t, "01JDCTY0000000000000000000", s.Accounts...)
	for resource, body := range s.Before {
		w.Announce(resource, 1)
		w.Add(evidence.Exhibit{Resource: resource}, body)
	}
	return w.Open()
}

// imap writes the log, the script and the rights of an account on a mail server.
func (s *story) imap(t *testing.T, w *findingstest.Writer) {
	t.Helper()
	var lines strings.Builder
	n := 0
	add := func(at time.Time, kind, ip string, more map[string]any) {
		n++
		doc := map[string]any{"source": "mail.log", "line": n, "time": at.Format(time.RFC3339), "kind": kind, "user": alice, "account": alice, "client_ip": ip, "match": "exact", "service": "imap"}
		for key, value := range more {
			doc[key] = value
		}
		line, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		lines.Write(append(line, '\n'))
	}
	for day := range 20 {
		add(now().AddDate(0, 0, day-25), "sign-in", "198.51.100.7", nil)
	}
	for _, e := range s.Log {
		more, _ := e[3].(map[string]any)
		add(moment(t, e[0]), e[1].(string), e[2].(string), more)
	}
	w.Announce("log-events:mail", 1)
	w.Add(evidence.Exhibit{Collector: "authlog", Resource: "log-events:mail", MediaType: "application/x-ndjson"}, lines.String())
	for n, m := range s.Mail {
		w.Add(evidence.Exhibit{Collector: "imap", Resource: "messages/" + m[0], Item: fmt.Sprintf("7/%d", n+1), MediaType: "message/rfc822", Name: fmt.Sprintf("%d.eml", n),
			Attrs: map[string]string{"folder": m[0], "internaldate": moment(t, m[1]).Format("02-Jan-2006 15:04:05 -0700")}}, mailText(m))
	}
	w.Announce("acl", 1)
	w.Add(evidence.Exhibit{Collector: "imap", Resource: "acl"}, `{}`)
	w.Announce("sieve", 1)
	if s.Meaning != nil {
		w.Add(evidence.Exhibit{Collector: "imap", Resource: "sieve", Item: "main", MediaType: "application/sieve", Attrs: map[string]string{"script": "main", "active": "true"}}, "keep;\r\n")
	} else {
		w.Add(evidence.Exhibit{Collector: "imap", Resource: "sieve", Item: "listing"}, `{}`)
	}
}

// loadRules gives the rules, which do not change.
var loadRules = sync.OnceValues(rules.Load)

// told is the story's decision.
func (s *story) told(t *testing.T) (*decision.Decision, *findings.Result, *decision.Survey) {
	t.Helper()
	w := findingstest.New(t, bundleID, s.Accounts...)
	if s.System == "imap" {
		s.imap(t, w)
	} else {
		s.workspace(t, w)
	}
	set, err := loadRules()
	if err != nil {
		t.Fatal(err)
	}
	read := func([]byte) ([]facts.Meaning, error) { return s.Meaning, nil }
	collection := facts.NewCollection(facts.Options{MailRules: facts.MailRules{Filter: read, Script: read}, Content: s.Mail != nil})
	t.Cleanup(func() { _ = collection.Close() })
	for _, b := range []*evidence.Bundle{s.before(t), w.Open()} {
		if b == nil {
			continue
		}
		if err := collection.Read(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
	survey := decision.NewSurvey()
	result, err := findings.Evaluate(set, collection, nil, func(f *facts.Fact) error {
		survey.See(f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	result.Bundles = []string{bundleID}
	record := decision.ReadRecord(s.journal(t, result))
	record.Regrade(result)
	c := casefile.New("2026-0042", casefile.Operator{Name: "Operator"}, now())
	c.Sensitive = s.Sensitive
	return decision.Decide(decision.Input{Result: result, Coverage: collection.Coverage(), Survey: survey, Case: c, Record: record, Now: now()}), result, survey
}

// journal is the case's journal: how the incident became known, and the answers.
func (s *story) journal(t *testing.T, result *findings.Result) []journal.Entry {
	t.Helper()
	entries := []journal.Entry{{Seq: 1, Type: journal.Detection, EventTime: now().Add(-2 * time.Hour), Informant: "Alice Martin", Description: "reported"}}
	for item, word := range s.Answers {
		items := []string{item}
		if !strings.HasPrefix(item, "Q-") {
			items = nil
			for _, f := range result.Findings {
				if f.Rule == item && (strings.EqualFold(f.Account, s.Accounts[0]) || facts.IsTenant(f.Account)) {
					items = append(items, f.ID)
				}
			}
			if len(items) == 0 {
				t.Errorf("%s: there is no finding of %s to answer about", s.Story, item)
			}
		}
		for _, item := range items {
			answer, err := decision.ParseAnswer(item, word)
			if err != nil {
				t.Fatal(err)
			}
			e := decision.AnswerEntry(item, answer, "Alice Martin", "", now())
			e.Seq = uint64(len(entries) + 1)
			entries = append(entries, e)
		}
	}
	return entries
}

// TestStories: every account gets the level that was expected of it before; no benign one is above a routine anomaly. What is
// printed is how well the levels tell intruders from others, and how well the words suspected and confirmed do.
func TestStories(t *testing.T) {
	stories := loadStories(t)
	var level, word matrix
	benign := 0
	for _, s := range stories {
		t.Run(s.Story, func(t *testing.T) {
			d, result, _ := s.told(t)
			level.count(!s.Benign, d.Level != decision.Anomaly)
			word.count(!s.Benign, d.Confirmation.Established >= 2)
			failed := d.Level != s.Expect.Level || d.Possible.Rank() < s.Expect.Possible.Rank() || s.Expect.Rule != d.Rule.ID ||
				s.Expect.Confirmation != "" && s.Expect.Confirmation != d.Confirmation.Word.EN || s.Benign && d.Level != decision.Anomaly
			if failed {
				t.Errorf("%s, possible %s, %s, %s: want %+v", d.Level, d.Possible, d.Confirmation.Word.EN, d.Rule.ID, s.Expect)
			}
			if failed || testing.Verbose() {
				t.Logf("%s possible %s: %s %s scope %d/%d impact %d/%d urgency %d/%d if %v", d.Level, d.Possible, d.Rule.ID, d.Confirmation.Word.EN, d.Scope.Established, d.Scope.Possible,
					d.Impact.Established, d.Impact.Possible, d.Urgency.Established, d.Urgency.Possible, d.If)
				for _, f := range result.Findings {
					t.Logf("  %-10s %-30s %s %s %v %s", f.Grade, f.Rule, f.Account, f.Subject, f.Raised, f.Recognition)
				}
			}
		})
		if s.Benign {
			benign++
		}
	}
	if len(stories) < 20 || benign*2 < len(stories) {
		t.Errorf("%d stories, %d of them benign", len(stories), benign)
	}
	fmt.Printf("stories: %d, %d of them benign; level above anomaly: %s; suspected or confirmed: %s\n", len(stories), benign, &level, &word)
}

// A matrix counts what was said against what was so.
type matrix struct{ tp, fp, fn, tn int }

func (m *matrix) count(so, said bool) {
	switch {
	case so && said:
		m.tp++
	case so:
		m.fn++
	case said:
		m.fp++
	default:
		m.tn++
	}
}

func (m *matrix) String() string {
	return fmt.Sprintf("precision %.3f, recall %.3f (%d right, %d wrong, %d missed)", ratio(m.tp, m.tp+m.fp), ratio(m.tp, m.tp+m.fn), m.tp, m.fp, m.fn)
}

func ratio(a, b int) float64 {
	if b == 0 {
		return 1
	}
	return float64(a) / float64(b)
}
