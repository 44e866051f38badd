package report_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/decision"
	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/findings/findingstest"
	"github.com/mbaudit/mbaudit/findings/rules"
	"github.com/mbaudit/mbaudit/internal/casefile"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
	"github.com/mbaudit/mbaudit/internal/secret"
	"github.com/mbaudit/mbaudit/internal/servertest"
	"github.com/mbaudit/mbaudit/report"
	"github.com/mbaudit/mbaudit/report/browser"
)

const bundleID = "01JDCTZ0000000000000000000"

// An inquiry is a case on its way to a report.
type inquiry struct {
	in     report.Inputs
	bundle *evidence.Bundle
}

// model makes the cell's report.
func (q *inquiry) model(t *testing.T) *report.Model {
	t.Helper()
	b := report.NewBuilder(q.in)
	if q.bundle != nil {
		if err := b.Read(q.bundle); err != nil {
			t.Fatal(err)
		}
	}
	m, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// journalOf writes a journal and reads it back.
func journalOf(t *testing.T, entries ...journal.Entry) []journal.Line {
	t.Helper()
	path := filepath.Join(t.TempDir(), journal.FileName)
	j, _, err := journal.Create(path, entries[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries[1:] {
		if _, err := j.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	lines, err := j.Lines()
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// qualify makes facts, findings and decision of a bundle.
func qualify(t *testing.T, c casefile.Case, lines []journal.Line, b *evidence.Bundle, now time.Time) *inquiry {
	t.Helper()
	set, err := rules.Load()
	if err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		t.Fatal(err)
	}
	collection := facts.NewCollection(facts.Options{OwnDomains: c.OwnDomains, Location: zone})
	t.Cleanup(func() { _ = collection.Close() })
	if err := collection.Read(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	survey := decision.NewSurvey()
	var all []*facts.Fact
	result, err := findings.Evaluate(set, collection, nil, func(f *facts.Fact) error {
		survey.See(f)
		all = append(all, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	result.Bundles = []string{b.Opening.Bundle}
	d := decision.Decide(decision.Input{Result: result, Coverage: collection.Coverage(), Survey: survey, Case: c, Now: now})
	return &inquiry{bundle: b, in: report.Inputs{Case: c, Journal: lines, Facts: each(all), Findings: result, Decision: d, Timeline: survey.Timeline(result, nil), Now: now, Tool: "mbaudit test", Number: 3}}
}

func each(all []*facts.Fact) iter.Seq2[*facts.Fact, error] {
	return func(yield func(*facts.Fact, error) bool) {
		for _, f := range all {
			if !yield(f, nil) {
				return
			}
		}
	}
}

// takeover is the account of the stand-in for Google that was taken over, qualified.
func takeover(t *testing.T) *inquiry {
	t.Helper()
	server := fakegoogle.New(fakegoogle.Config{}).Start(t)
	key, err := server.KeyFile("https://oauth2.googleapis.com")
	if err != nil {
		t.Fatal(err)
	}
	w := findingstest.New(t, bundleID, fakegoogle.Victim)
	quota, err := workspace.ParseQuota("1000") // nobody waits in a test
	if err != nil {
		t.Fatal(err)
	}
	c, err := workspace.New(workspace.Config{Key: secret.New(string(key)), Admin: fakegoogle.Admin, Transport: server.Transport(), Now: fakegoogle.Start,
		NoLogs: true, Quota: quota, Pace: func(context.Context, time.Duration) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Collect(context.Background(), collectors.Scope{Account: fakegoogle.Victim, Messages: collectors.MessagesNone}, w); err != nil {
		t.Fatal(err)
	}
	logs(t, server, key, w)
	now := fakegoogle.Start()
	lines := journalOf(t,
		journal.Entry{EventTime: now.Add(-9 * time.Hour), Informant: "Mme Martin, comptabilité", Type: journal.Detection, Description: "réponses à des messages qu'elle n'a pas envoyés"},
		journal.Entry{EventTime: now.Add(-8 * time.Hour), Informant: "astreinte", Type: journal.Decision, Description: "collecte décidée", DecisionBy: "RSSI"},
		journal.Entry{EventTime: now.Add(-7 * time.Hour), Informant: "astreinte", Type: journal.Action, Description: "transfert retiré", ActionState: journal.Verified, Result: "relu : aucun transfert"},
		journal.Entry{EventTime: now.Add(-6 * time.Hour), Informant: "DRH", Type: journal.Information, Description: "procédure en cours contre un salarié", Confidentiality: "DRH seule"})
	return qualify(t, casefile.Case{Case: "2026-0042", OpenedAt: now.Add(-9 * time.Hour), TimeZone: "Europe/Paris", Language: "fr", Organisation: "Menuiserie Dulac", Operator: casefile.Operator{Name: "A. Durand", Contact: "01 02 03 04 05"},
		Authority: "RSSI, 15 octobre 2026", OwnDomains: []string{"example.test", "menuiserie-dulac.example"}, Roles: map[string]string{"decision_maker": "J. Dulac", "dpo": ""},
		Contacts: []casefile.Contact{{Name: "Banque", Role: "rappel des fonds", Phone: "01 99 00 00 00"}}}, lines, w.Open(), now)
}

// logs keeps the audit logs of everybody.
func logs(t *testing.T, server *fakegoogle.Server, key []byte, w *findingstest.Writer) {
	t.Helper()
	config, err := google.JWTConfigFromJSON(key, "https://www.googleapis.com/auth/admin.reports.audit.readonly")
	if err != nil {
		t.Fatal(err)
	}
	config.Subject = fakegoogle.Admin
	client := config.Client(context.WithValue(context.Background(), oauth2.HTTPClient, server.Client()))
	for _, application := range []string{"login", "token", "gmail", "admin", "mobile"} {
		query := url.Values{"maxResults": {"1000"}, "startTime": {fakegoogle.Start().AddDate(0, 0, -29).Format(time.RFC3339)}, "endTime": {fakegoogle.Start().Format(time.RFC3339)}}
		for page := 1; ; page++ {
			answer, err := client.Get("https://admin.googleapis.com/admin/reports/v1/activity/users/all/applications/" + application + "?" + query.Encode())
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(answer.Body)
			if err := errors.Join(err, answer.Body.Close()); err != nil {
				t.Fatal(err)
			}
			w.Add(evidence.Exhibit{Resource: "reports/" + application, Item: fmt.Sprintf("page-%d", page)}, string(body))
			var doc struct{ NextPageToken string }
			if err := json.Unmarshal(body, &doc); err != nil {
				t.Fatal(err)
			}
			if doc.NextPageToken == "" {
				break
			}
			query.Set("pageToken", doc.NextPageToken)
		}
	}
}

func render(t *testing.T, m *report.Model, format, language string) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Formats()[format](&b, m, language); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func part(t *testing.T, m *report.Model, audience report.Audience) *report.Model {
	t.Helper()
	p, err := report.For(m, audience)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestTakeover: both languages say what happened, with level, exhibits and pictures; the order and the numbers of the
// sections are the same.
func TestTakeover(t *testing.T) {
	m := takeover(t).model(t)
	for language, wants := range map[string][]string{
		"fr": {"Synthèse décisionnelle", "Rapport de qualification 2026-0042", m.Decision.Level.In("fr"), "a.martin.compta@webfree.example", "réponses à des messages qu", "203.0.113[.]77", m.Bundles[0].TagManifest, "Délégations", "à compléter"},
		"en": {"Decision summary", "Qualification report 2026-0042", m.Decision.Level.In("en"), "a.martin.compta@webfree.example", "203.0.113[.]77", m.Bundles[0].TagManifest, "to be filled in"},
	} {
		page := visibleText(t, render(t, m, "html", language))
		text := render(t, m, "md", language)
		for _, want := range wants {
			if !strings.Contains(strings.ToLower(page), strings.ToLower(want)) && want != "Délégations" {
				t.Errorf("%s: the page lacks %q", language, want)
			}
		}
		for _, n := range []string{"## 1 ", "## 17 ", "## A ", "## F "} {
			if !strings.Contains(text, "\n"+n) {
				t.Errorf("%s: the text has no section %s", language, n)
			}
		}
	}
	page := render(t, m, "html", "fr")
	for _, id := range []string{"lanes", "hours", "networks", "volume", "links"} {
		if !strings.Contains(page, `aria-labelledby="`+id+`-title `+id+`-desc"`) {
			t.Errorf("there is no picture %s", id)
		}
	}
	if m.Picture.Networks[0].Suspect != true || m.Picture.Networks[0].Name != "203.0.113.0/24" {
		t.Errorf("the intruder's network is not first: %+v", m.Picture.Networks[0])
	}
	var again report.Model
	if err := json.Unmarshal([]byte(render(t, m, "json", "fr")), &again); err != nil || again.Bundles[0].TagManifest != m.Bundles[0].TagManifest || len(again.Findings) != len(m.Findings) {
		t.Errorf("the JSON is not the model: %v", err)
	}
}

// TestContainment: what was taken, what stands and what came back is said of each step; a plan that changed nothing is
// counted once another did; page 1 counts what was taken, and a partner gets none of it.
func TestContainment(t *testing.T) {
	q := takeover(t)
	said := func(s string) decision.Text { return decision.Text{FR: s, EN: s} }
	q.in.Plans = []report.Plan{{ID: "01A", Account: "alice@example.test", Mode: "lock", File: "containment/plan-01A.json"},
		{ID: "01B", Account: "alice@example.test", Mode: "lock", File: "containment/plan-01B.json", Begun: q.in.Now, Preserved: bundleID, Looked: q.in.Now, Signs: 3, Steps: []report.Step{
			{N: 1, What: said("retirer le filtre"), Decision: "apply", State: report.StepDone, At: q.in.Now, Verdict: "back", Undo: "whole"},
			{N: 2, What: said("retirer le délégué"), Decision: "unknown", State: report.StepOpen, Undo: "partly"},
			{N: 3, What: said("fermer les sessions"), Decision: "apply", State: report.StepFailed, Error: "403 <b>", Undo: "never"}}}}
	q.in.Watch = &report.Watch{Since: q.in.Now, Until: q.in.Now, NotRead: []string{"login"}, Tried: []report.Tried{
		{Account: "bob@example.test<i>", First: q.in.Now, Last: q.in.Now, Attempts: 7, GotIn: q.in.Now, IPs: []string{"203.0.113.77"}}, {First: q.in.Now, Last: q.in.Now, Attempts: 1}}}
	m := q.model(t)
	page := visibleText(t, render(t, m, "html", "fr"))
	for _, want := range []string{"Comptes tentés par l’attaquant", "bob@example.test<i>", "EST ENTRÉ", "aucun compte nommé", "n’est pas entré", "203.0.113[.]77", "n’ont pas pu être lus\u00a0: login", "retirer le filtre", "revenu", "à décider par une personne", "403 <b>", "signes d’une présence depuis\u00a0: 3", "non repris (dossier containment)\u00a0: 1", "mesures prises\u00a0: 1"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, "plan-01A") {
		t.Error("a plan that changed nothing is shown beside the one that did")
	}
	if p := part(t, m, report.Partner); p.Plans != nil || p.Watch != nil {
		t.Error("a partner gets the plan, or what was watched")
	}
}

// TestToldOnce: people read alike things once and counted; the model keeps each of them.
func TestToldOnce(t *testing.T) {
	q := takeover(t)
	m := q.model(t)
	page := visibleText(t, render(t, m, "html", "fr"))
	rules := map[string]string{}
	for _, f := range m.Findings {
		if rules[f.Rule+f.Account+string(f.Grade)+f.Strength] != "" {
			if n := strings.Count(page, f.Title["fr"]+f.Interpretation["fr"]); n > 1 {
				t.Errorf("%s stands %d times in the table", f.Rule, n)
			}
		}
		rules[f.Rule+f.Account+string(f.Grade)+f.Strength] = f.ID
	}
	if len(rules) == len(m.Findings) {
		t.Fatal("the story has no findings that are alike")
	}
	var doc report.Model
	if err := json.Unmarshal([]byte(render(t, m, "json", "fr")), &doc); err != nil || len(doc.Findings) != len(m.Findings) || len(doc.Decision.Questions) != len(q.in.Decision.Questions) || len(doc.Exhibits) != len(m.Exhibits) {
		t.Errorf("the JSON lost something: %v", err)
	}
	if open := len(m.Open); open == 0 || !strings.Contains(page, "Assureur cyber") {
		t.Errorf("%d things are open for people to say, and the page does not name them", open)
	}
}

// TestMissing: a case without decision, findings, bundles and journal gives a report that says so.
func TestMissing(t *testing.T) {
	q := &inquiry{in: report.Inputs{Case: casefile.Case{Case: "empty", TimeZone: "UTC"}, Now: time.Now(), Tool: "test"}}
	m := q.model(t)
	for format, want := range map[string]string{"html": "No decision has been made", "md": "No decision has been made", "json": `"decision": null`} {
		if s := render(t, m, format, "en"); !strings.Contains(s, want) {
			t.Errorf("%s does not say %q", format, want)
		}
	}
	if s := render(t, m, "html", "en"); strings.Contains(s, "routine anomaly</strong>") || !strings.Contains(s, "have not been analysed") {
		t.Error("what is not known looks like a low level")
	}
	q.in.JournalBroken = &journal.BrokenError{Line: 2, Kind: journal.BrokenPrev, Detail: "x"}
	if s := render(t, q.model(t), "html", "fr"); !strings.Contains(s, "ne se lit pas jusqu’au bout") {
		t.Error("a broken journal is not said to be broken")
	}
}

// TestAudiences: the table holds: what an audience may not have is in none of its forms.
func TestAudiences(t *testing.T) {
	q := takeover(t)
	m := q.model(t)
	sent := slices.IndexFunc(m.Sent, func(x report.Message) bool { return len(x.Subject) > 8 })
	if sent < 0 {
		t.Fatal("the story has no message")
	}
	m.Contacts = append(m.Contacts, report.Contact{Address: "client@customer.example", First: m.MadeAt, Count: 1, Exhibit: bundleID + "/P-000001"})
	subject := m.Sent[sent].Subject
	secrets := map[string]struct {
		text    string
		allowed []report.Audience
	}{
		"a subject":            {subject, []report.Audience{report.Cell, report.Police}},
		"a correspondent":      {"client@customer.example", []report.Audience{report.Cell, report.Police}},
		"a confidential entry": {"procédure en cours contre un salarié", []report.Audience{report.Cell}},
		"the operator":         {"A. Durand", []report.Audience{report.Cell, report.Police, report.CNIL, report.Insurer}},
		"the intruder's place": {"203.0.113", []report.Audience{report.Cell, report.Police, report.CNIL, report.Insurer, report.Partner}},
		"an exhibit's hash":    {m.Exhibits[slices.IndexFunc(m.Exhibits, func(x report.Exhibit) bool { return x.Cited })].SHA256, []report.Audience{report.Cell, report.Police, report.Insurer}},
	}
	for audience, access := range report.Audiences() {
		p := part(t, m, audience)
		if len(p.Withheld)+len(access.Sections) != len(report.Sections()) {
			t.Errorf("%s: %d sections withheld, %d given, of %d", audience, len(p.Withheld), len(access.Sections), len(report.Sections()))
		}
		for format := range report.Formats() {
			s := render(t, p, format, "fr")
			if format == "html" {
				s = visibleText(t, s)
			}
			for what, x := range secrets {
				want := slices.Contains(x.allowed, audience)
				if got := strings.Contains(s, x.text); got && !want {
					t.Errorf("%s in the %s report, %s: %q", what, audience, format, x.text)
				} else if !got && want && format == "html" {
					t.Errorf("%s is not in the %s report", what, audience)
				}
			}
		}
	}
	if m.Sent[sent].Subject != subject || len(m.Withheld) != 0 {
		t.Error("making a part changed the whole")
	}
}

// TestReadAndOwn: the report says whose text was read, and which events of the logs are the collection's own; those say nothing of
// anybody's habits.
func TestReadAndOwn(t *testing.T) {
	own := &facts.Fact{Kind: facts.KindAudit, Account: "alice@example.test", Bundle: bundleID, Exhibit: "P-000003", Locator: "/0", Time: time.Date(2026, 10, 12, 7, 0, 0, 0, time.UTC),
		Fields: facts.Fields{{Name: "event.service", Value: facts.Text("token")}, {Name: "ip", Value: facts.Text("198.51.100.9")}, {Name: "own_trace", Value: facts.Bool(true)}}}
	q := &inquiry{in: report.Inputs{Case: casefile.Case{Case: "x", TimeZone: "UTC"}, Now: time.Now(), Facts: each([]*facts.Fact{own}),
		Decision: &decision.Decision{Accounts: []string{"alice@example.test"}},
		Findings: &findings.Result{OwnTraces: 1, Content: &facts.ContentCount{Read: 31, Partly: 2, Personal: 4, HeadersOnly: 5}}}}
	m := q.model(t)
	if m.OwnTraces != 1 || !slices.Equal(m.OwnExhibits, []string{bundleID + "/P-000003"}) || m.Picture.Usual != [7][24]int64{} {
		t.Errorf("%d own traces, in %v; hours %v", m.OwnTraces, m.OwnExhibits, m.Picture.Usual)
	}
	if s := render(t, m, "md", "en"); !strings.Contains(s, "Texts of messages read: 31 (2 of them in part). Left out: 4 marked personal, 5 of which") || !strings.Contains(s, "1 events of the logs are traces of mbaudit itself (2026-10-12 07:00") {
		t.Error("the report does not say what was read and what is its own")
	}
	if s := render(t, part(t, m, report.Partner), "json", "en"); strings.Contains(s, `"read": 31`) {
		t.Error("a partner gets the counts")
	}
}

// TestPersonal: a message that is marked personal is counted, and nothing of it is shown to anybody.
func TestPersonal(t *testing.T) {
	const hidden = "Privé : résultats d'analyse"
	f := func(personal bool, subject, id string) *facts.Fact {
		return &facts.Fact{Kind: facts.KindMessage, Account: "alice@example.test", Bundle: bundleID, Exhibit: "P-000007", Locator: id, Time: time.Date(2026, 10, 12, 7, 0, 0, 0, time.UTC),
			Fields: facts.Fields{{Name: "subject", Value: facts.Text(subject)}, {Name: "sent", Value: facts.Bool(true)}, {Name: "ip", Value: facts.Text("203.0.113.9")},
				{Name: "source.suspect", Value: facts.Bool(true)}, {Name: "personal", Value: facts.Bool(personal)}, {Name: "recipients", Value: facts.List([]string{id + "@doctor.example"})}}}
	}
	q := &inquiry{in: report.Inputs{Case: casefile.Case{Case: "x", TimeZone: "UTC"}, Now: time.Now(), Facts: each([]*facts.Fact{f(true, hidden, "header"), f(false, "Facture", "other")}),
		Decision: &decision.Decision{Accounts: []string{"alice@example.test"}, Level: decision.Minor, Possible: decision.Minor, InForce: decision.Minor},
		Findings: &findings.Result{Findings: []*findings.Finding{{ID: "F-1", Rule: "r", Account: "alice@example.test", Examined: true, Grade: findings.Probable, Subject: hidden, Title: map[string]string{"fr": "t"},
			Observed: []*findings.Observation{{Bundle: bundleID, Exhibit: "P-000007", Locator: "header", Fields: facts.Fields{{Name: "subject", Value: facts.Text(hidden)}}}}}}}}}
	m := q.model(t)
	if m.Personal != 1 || len(m.Sent) != 1 || len(m.Contacts) != 1 {
		t.Errorf("%d personal, %d listed, %d contacts", m.Personal, len(m.Sent), len(m.Contacts))
	}
	for audience := range report.Audiences() {
		for format := range report.Formats() {
			s := render(t, part(t, m, audience), format, "fr")
			if strings.Contains(s, "analyse") && strings.Contains(s, "Privé") || strings.Contains(s, "header@doctor") {
				t.Errorf("%s, %s: what is personal is shown", audience, format)
			}
		}
	}
}

// Hostile strings: each tries something else.
func hostile() []string {
	return []string{
		`<script>document.title="RAN"</script>`, `"><img src=x onerror="document.title='RAN'">`, `' onmouseover='document.title="RAN"' x='`, `<svg onload="document.title='RAN'">`, `</title></style><script>document.title="RAN"</script>`,
		`</text></svg><script>document.title="RAN"</script>`, `javascript:alert(1)`, `http://evil.example/x?y=1`, "https://evil.example", `=HYPERLINK("http://evil.example","x")`, "@SUM(1+1)*cmd|' /C calc'!A0", "\x1b[31mred\x1b]0;t\x07", "\u202egnp.exe",
		"a\u200bb", "[x](http://evil.example)", "| a | b |\n|---|", "![i](//evil.example/i.png)", "{{.Secret}}", "<!--", "]]>", "${7*7}", "1. list", "198.51.100.7", "2001:db8::7", strings.Repeat("A", 20000),
	}
}

// hostileInquiry has a hostile string wherever a mailbox, a log, a server or a case can put one.
func hostileInquiry(t *testing.T) *inquiry {
	t.Helper()
	w := findingstest.New(t, bundleID, "alice@example.test")
	at := time.Date(2026, 10, 12, 7, 0, 0, 0, time.UTC)
	var all []*facts.Fact
	var found []*findings.Finding
	d := &decision.Decision{Accounts: []string{"alice@example.test"}, Level: decision.Major, Possible: decision.Crisis, InForce: decision.Major}
	entries := []journal.Entry{{EventTime: at, Informant: "x", Type: journal.Detection, Description: "begin"}}
	c := casefile.Case{Case: "h", TimeZone: "Europe/Paris", Roles: map[string]string{}}
	var timeline []decision.TimelineEntry
	for i, s := range hostile() {
		flat := strings.ToValidUTF8(s, "?")
		text := decision.Text{FR: flat, EN: flat}
		x := []string{bundleID + "/" + flat}
		w.Add(evidence.Exhibit{Account: flat, Resource: "messages/" + flat, Item: fmt.Sprint(i), Name: evidence.SafeName(fmt.Sprint(i, flat)), MediaType: "message/rfc822"}, "body")
		w.Add(evidence.Exhibit{Account: flat, Resource: "manual/" + flat, Item: fmt.Sprint(i), Name: evidence.SafeName(fmt.Sprint("m", i, flat)), MediaType: "image/" + flat, Attrs: map[string]string{"slot": flat, "taken-at": flat,
			"taken-by": flat, "taken-with": flat, "note": flat}}, "picture")
		if err := w.Gap(evidence.Gap{Account: "alice@example.test", Collector: "workspace", Resource: "folders/" + flat, Item: fmt.Sprint(i), Class: evidence.GapFailed, Reason: flat}); err != nil {
			t.Fatal(err)
		}
		at = at.Add(time.Hour)
		all = append(all, &facts.Fact{Kind: facts.KindMessage, Account: "alice@example.test", Bundle: bundleID, Exhibit: "P-000001", Time: at, Fields: facts.Fields{{Name: "subject", Value: facts.Text(flat)}, {Name: "sent", Value: facts.Bool(true)},
			{Name: "source.suspect", Value: facts.Bool(true)}, {Name: "ip", Value: facts.Text(flat)}, {Name: "user_agent", Value: facts.Text(flat)}, {Name: "recipients", Value: facts.List([]string{flat + "@x.example"})},
			{Name: "content", Value: facts.Text(flat)}, {Name: "attachments", Value: facts.List([]string{flat})}, {Name: "attachments.types", Value: facts.List([]string{flat})}, {Name: "attachments.sha256", Value: facts.List([]string{flat})},
			{Name: "links", Value: facts.List([]string{flat})}, {Name: "iban", Value: facts.List([]string{flat})}}},
			&facts.Fact{Kind: facts.KindMailLog, Account: flat, Bundle: bundleID, Exhibit: "P-000003", Locator: flat, Zone: flat, Time: at, Fields: facts.Fields{{Name: "event.name", Value: facts.Text(flat)}, {Name: "ip", Value: facts.Text("203.0.113.9")},
				{Name: "port", Value: facts.Text(flat)}, {Name: "service", Value: facts.Text(flat)}}},
			&facts.Fact{Kind: facts.KindForwarding, Account: "alice@example.test", Bundle: bundleID, Exhibit: flat, Fields: facts.Fields{{Name: "enabled", Value: facts.Bool(true)}, {Name: "target", Value: facts.Text(flat)}, {Name: "target.external", Value: facts.Bool(true)}}},
			&facts.Fact{Kind: facts.KindAudit, Account: "alice@example.test", Bundle: bundleID, Exhibit: "P-000002", Time: at, Fields: facts.Fields{{Name: "event.name", Value: facts.Text("login_success")}, {Name: "ip", Value: facts.Text(flat)},
				{Name: "ip.network", Value: facts.Text(flat)}, {Name: "asn.name", Value: facts.Text(flat)}, {Name: "country", Value: facts.Text(flat)}}})
		found = append(found, &findings.Finding{ID: fmt.Sprint("F-", i), Rule: flat, Account: flat, Examined: true, Grade: findings.Grade(flat), Strength: flat, Subject: flat, Title: map[string]string{"fr": flat, "en": flat},
			Interpretation: map[string]string{"fr": flat, "en": flat}, Count: 2, First: at, Last: at.Add(time.Minute), Exhibits: x, Technique: []string{flat}})
		g := decision.Ground{Text: text, Account: flat, Subject: flat, Exhibits: x, Refutes: text, At: at, Strength: flat, Source: flat}
		d.Confirmation.Grounds, d.Scope.Grounds, d.Impact.Open, d.Urgency.Grounds = append(d.Confirmation.Grounds, g), append(d.Scope.Grounds, g), append(d.Impact.Open, g), append(d.Urgency.Grounds, g)
		d.Story.What, d.Story.Why, d.If, d.Bias = text, text, append(d.If, text), text
		d.Hypotheses = append(d.Hypotheses, decision.Hypothesis{Name: text, Verdict: flat, For: []decision.Argument{{Text: text, Exhibits: x}}, ThenCheck: text})
		d.Perimeter = append(d.Perimeter, decision.Reach{Kind: flat, Name: flat, Account: flat, State: flat, How: text, Exhibits: x})
		d.Exfiltration = append(d.Exfiltration, decision.Exfiltration{Account: flat, Kind: flat, Name: flat, State: flat, Why: text, Exhibits: x})
		d.Clocks = append(d.Clocks, decision.Clock{ID: flat, Name: text, State: flat, Why: text})
		d.Unknowns = append(d.Unknowns, decision.NotKnown{Text: text, Account: flat, Source: flat, Reason: flat, Do: text})
		d.Questions = append(d.Questions, decision.Question{Item: flat, For: flat, Text: text, About: text, Subject: flat, Answer: flat})
		d.Doctrine = append(d.Doctrine, decision.Covered{ID: flat, Title: text, State: flat, Why: text, Human: text, Exhibits: x})
		timeline = append(timeline, decision.TimelineEntry{Time: at, Lane: decision.LaneAttacker, Name: flat, Account: flat, Detail: flat, Exhibit: x[0]})
		entries = append(entries, journal.Entry{EventTime: at, Informant: "x" + flat, Type: journal.Action, ActionState: journal.Done, Description: "y" + flat, Result: flat, Account: flat, DecisionBy: flat})
		c.Organisation, c.Authority = c.Organisation+cutTo(flat), c.Authority+cutTo(flat)
		c.Roles["r"+cutTo(flat)] = flat
		c.Contacts = append(c.Contacts, casefile.Contact{Name: flat, Role: flat, Phone: flat, Email: flat})
		c.Business.MoneyWorkflows = append(c.Business.MoneyWorkflows, flat)
	}
	found = append(found, &findings.Finding{ID: "F-ip", Rule: "x", Class: "access", State: findings.Yes, Account: "alice@example.test", Examined: true, Grade: findings.Probable, Title: map[string]string{},
		Observed: []*findings.Observation{{Bundle: bundleID, Exhibit: "P-000003", Kind: facts.KindMailLog, Time: at, Fields: facts.Fields{{Name: "ip", Value: facts.Text("203.0.113.9")}}}}})
	for _, a := range []*decision.Axis{&d.Confirmation, &d.Scope, &d.Impact, &d.Urgency} {
		a.Word, a.WorstWord, a.Possible, a.Best = d.Story.What, d.Story.What, 3, d.Confirmation.Grounds[0].Exhibits[0]
	}
	d.Override = &decision.Override{Level: decision.Crisis, Reason: hostile()[0], By: hostile()[1], At: at}
	d.Change = &decision.Change{Text: d.If}
	return &inquiry{bundle: w.Open(), in: report.Inputs{Case: c, Journal: journalOf(t, entries...), Facts: each(all), Findings: &findings.Result{Findings: found, Content: &facts.ContentCount{}}, Decision: d, Timeline: timeline, Now: at, Tool: hostile()[0]}}
}

func cutTo(s string) string { return s[:min(len(s), 60)] }

// walk goes through all nodes of a page.
func walk(n *html.Node, visit func(*html.Node)) {
	visit(n)
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		walk(c, visit)
	}
}

func parsed(t *testing.T, page string) *html.Node {
	t.Helper()
	tree, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// visibleText is the text of a page, tags and style left out.
func visibleText(t *testing.T, page string) string {
	t.Helper()
	var b strings.Builder
	walk(parsed(t, page), func(n *html.Node) {
		if n.Type == html.TextNode && n.Parent.Data != "style" {
			b.WriteString(n.Data + " ")
		}
	})
	return b.String()
}

// TestHostile: of a mailbox that attacks its reader nothing becomes an element, an attribute, a link or a control character,
// in any form and for any audience.
func TestHostile(t *testing.T) {
	t.Parallel() // it waits for a browser
	m := hostileInquiry(t).model(t)
	for audience := range report.Audiences() {
		p := part(t, m, audience)
		for _, language := range report.Languages() {
			page := render(t, p, "html", language)
			checkPage(t, page)
			text := render(t, p, "md", language)
			for _, bad := range []string{"<script", "<img", "<svg", "](http", "![", "http://evil", "https://evil", "//evil.example", "\x1b", "\u202e", "\u200b", "\n| a |", "198.51.100.7", "2001:db8::7", "<!--"} {
				if strings.Contains(text, bad) {
					t.Errorf("%s, %s: Markdown has %q", audience, language, bad)
				}
				if bad != "<svg" && bad != "\n| a |" && strings.Contains(page, bad) && !strings.Contains(bad, "](") && bad != "![" {
					t.Errorf("%s, %s: the page has %q", audience, language, bad)
				}
			}
		}
	}
}

// checkPage wants of a page: no script, no event, nothing that loads or leads outside, no style but the one that the policy
// names.
func checkPage(t *testing.T, page string) {
	t.Helper()
	allowed := []string{"html", "head", "meta", "title", "style", "body", "header", "main", "nav", "section", "footer", "h1", "h2", "h3", "p", "dl", "dt", "dd", "ul", "ol", "li", "a", "span", "div", "table", "thead", "tbody", "tr", "th", "td", "s",
		"strong", "code", "blockquote", "figure", "figcaption", "svg", "desc", "rect", "circle", "line", "polygon", "text"}
	styles := 0
	walk(parsed(t, page), func(n *html.Node) {
		if n.Type != html.ElementNode {
			return
		}
		if !slices.Contains(allowed, n.Data) {
			t.Errorf("the page has an element %s", n.Data)
		}
		if n.Data == "style" {
			styles++
		}
		for _, a := range n.Attr {
			switch {
			case strings.HasPrefix(a.Key, "on"), a.Key == "src", a.Key == "style", a.Key == "srcset", a.Key == "action", strings.HasSuffix(a.Key, "href") && !strings.HasPrefix(a.Val, "#"):
				t.Errorf("the page has %s with %s=%.80q", n.Data, a.Key, a.Val)
			}
		}
	})
	if styles != 1 || !strings.Contains(page, `http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;; style-src &#39;sha256-`) {
		t.Errorf("%d styles, or no policy", styles)
	}
}

// lacking skips a test for want of a browser, or of what reads its PDFs; where the word browser requires them it fails.
func lacking(t *testing.T, err error) {
	t.Helper()
	if slices.Contains(strings.Split(os.Getenv(servertest.RequireVariable), ","), "browser") {
		t.Fatalf("%v, and %s requires a browser: testdata/servers/install.sh --browser", err, servertest.RequireVariable)
	}
	t.Skipf("SKIPPED: %v: testdata/servers/install.sh --browser", err)
}

// aBrowser gives the browser that is installed here.
func aBrowser(t *testing.T) string {
	t.Helper()
	program, err := browser.Find()
	if err != nil {
		lacking(t, err)
	}
	return program
}

// TestBrowser: in a real browser with scripts allowed nothing of the hostile page runs. The same browser runs the same
// script where a page has it: the test can fail.
func TestBrowser(t *testing.T) {
	t.Parallel() // it waits for a browser
	program := aBrowser(t)
	dom, err := browser.DOM(context.Background(), program, []byte(`<title>x</title><script>document.title="RAN"</script>`))
	if err != nil || !strings.Contains(string(dom), "<title>RAN</title>") {
		t.Fatalf("the browser runs no script at all: %v %.200s", err, dom)
	}
	page := render(t, hostileInquiry(t).model(t), "html", "fr")
	dom, err = browser.DOM(context.Background(), program, []byte(page))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(dom), "<title>Rapport de qualification h</title>") || len(dom) < len(page)/2 {
		t.Errorf("something ran, or the page was not read: %.300s", dom)
	}
}

// TestPaper: printed, the summary is page 1 and all of it, with a full story and with hostile strings of great length.
func TestPaper(t *testing.T) {
	t.Parallel() // it waits for a browser
	program := aBrowser(t)
	reader, err := exec.LookPath("pdftotext")
	if err != nil {
		lacking(t, err)
	}
	q := takeover(t)
	for name, m := range map[string]*report.Model{"story": q.model(t), "hostile": hostileInquiry(t).model(t)} {
		languages := report.Languages()
		if name == "hostile" {
			languages = []string{"fr"} // the longer one; a browser takes its time over a hundred pages
		}
		for _, language := range languages {
			pdf, err := browser.PDF(context.Background(), program, []byte(render(t, m, "html", language)))
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "report.pdf")
			if err := os.WriteFile(file, pdf, 0o600); err != nil {
				t.Fatal(err)
			}
			pages := make([]string, 2)
			for i := range pages {
				out, err := exec.Command(reader, "-f", fmt.Sprint(i+1), "-l", fmt.Sprint(i+1), file, "-").Output()
				if err != nil {
					t.Fatal(err)
				}
				pages[i] = string(out)
			}
			last := map[string]string{"fr": "sans prévenir le HelpDesk", "en": "telling the help desk first"}[language]
			contents := map[string]string{"fr": "Sommaire", "en": "Contents"}[language]
			if !strings.Contains(strings.Join(strings.Fields(pages[0]), " "), last) || !strings.HasPrefix(strings.TrimSpace(pages[1]), contents) {
				t.Errorf("%s, %s: the summary is not page 1:\n…%s\n--- page 2\n%.200s", name, language, pages[0][max(0, len(pages[0])-300):], pages[1])
			}
		}
	}
}
