package report_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/decision"
	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/findings/findingstest"
	"github.com/mbaudit/mbaudit/internal/casefile"
	"github.com/mbaudit/mbaudit/report"
)

const (
	fraudIBAN = "DE89370400440532013000"
	newIBAN   = "NL91ABNA0417164300"
)

// fraud is a case with one fraudulent message, whose text was read or not, the intruder's address in a log with ports, and a
// screenshot.
func fraud(t *testing.T, read bool) *inquiry {
	t.Helper()
	const alice = "alice@example.test"
	at := time.Date(2026, 10, 12, 7, 0, 0, 0, time.UTC)
	w := findingstest.New(t, bundleID, alice)
	w.Add(evidence.Exhibit{Account: alice, Collector: "attached", Resource: "manual/other:screen", Item: "a", Name: "alice/attached/other-screen/shot.png", MediaType: "image/png",
		Attrs: map[string]string{"slot": "other:screen", "taken-at": "2026-10-12T10:00:00+02:00", "taken-by": "A. Durand", "note": "the sign-in page"}}, "picture")
	sent := &facts.Fact{Kind: facts.KindMessage, Account: alice, Bundle: bundleID, Exhibit: "P-000002", Locator: "header", Time: at, Fields: facts.Fields{{Name: "subject", Value: facts.Text("Facture")}, {Name: "sent", Value: facts.Bool(true)},
		{Name: "message_id", Value: facts.Text("m1@example.test")}, {Name: "source.suspect", Value: facts.Bool(true)}, {Name: "ip", Value: facts.Text("203.0.113.9")}, {Name: "recipients", Value: facts.List([]string{"bob@client.example"})}}}
	other := &facts.Fact{Kind: facts.KindMessage, Account: alice, Bundle: bundleID, Exhibit: "P-000003", Locator: "header", Time: at.Add(-time.Hour),
		Fields: facts.Fields{{Name: "from", Value: facts.Text("carol@client.example")}, {Name: "attachments", Value: facts.List([]string{"id.jpg"})}}}
	result := &findings.Result{Findings: []*findings.Finding{{ID: "F-1", Rule: "mail-sign-in-new", Class: "access", State: findings.Yes, Account: alice, Examined: true, Grade: findings.Probable, Title: map[string]string{"fr": "t", "en": "t"},
		Observed: []*findings.Observation{{Bundle: bundleID, Exhibit: "P-000004", Kind: facts.KindMailLog, Time: at, Fields: facts.Fields{{Name: "ip", Value: facts.Text("203.0.113.9")}}}}}}}
	if read {
		sent.Fields = append(sent.Fields, facts.Fields{{Name: "content", Value: facts.Text("read")}, {Name: "attachments", Value: facts.List([]string{"rib.pdf"})}, {Name: "attachments.types", Value: facts.List([]string{"application/pdf"})},
			{Name: "attachments.sha256", Value: facts.List([]string{strings.Repeat("ab", 32)})}, {Name: "links", Value: facts.List([]string{"https://evil.example/pay?id=1"})}, {Name: "iban", Value: facts.List([]string{fraudIBAN})}}...)
		other.Fields = append(other.Fields, facts.Fields{{Name: "content", Value: facts.Text("read")}, {Name: "data.nir", Value: facts.Number(2)}}...)
		result.Content = &facts.ContentCount{Read: 2, HeadersOnly: 3}
		result.Findings = append(result.Findings, &findings.Finding{ID: "F-2", Rule: "iban-changed", Class: "fraud", State: findings.Yes, Account: alice, Examined: true, Grade: findings.Check, Subject: newIBAN, Title: map[string]string{"fr": "t", "en": "t"},
			Observed: []*findings.Observation{{Bundle: bundleID, Exhibit: "P-000003", Kind: facts.KindMessage, Time: at, Fields: facts.Fields{{Name: "iban.new", Value: facts.List([]string{newIBAN})}}}}})
	}
	all := []*facts.Fact{other, sent}
	for i := range 14 {
		f := &facts.Fact{Kind: facts.KindMailLog, Account: alice, Bundle: bundleID, Exhibit: "P-000004", Locator: fmt.Sprintf("line %d", i+1), Zone: "+02:00", Time: at.Add(time.Duration(i) * time.Second),
			Fields: facts.Fields{{Name: "event.name", Value: facts.Text("sign-in")}, {Name: "ip", Value: facts.Text("203.0.113.9")}, {Name: "service", Value: facts.Text("imap")}}}
		if i == 13 {
			f.Set("port", facts.Text("51234"))
		}
		all = append(all, f)
	}
	lines := journalOf(t, journal.Entry{EventTime: at, Informant: "A", Type: journal.Detection, Description: "begin"},
		journal.Entry{EventTime: at, Informant: "A", Type: journal.Communication, Description: "host asked to keep the logs"},
		journal.Entry{EventTime: at, Informant: "mbaudit", Type: journal.Communication, Auto: true, Description: "report 1"})
	d := &decision.Decision{Accounts: []string{alice}, Level: decision.Minor, Possible: decision.Minor, InForce: decision.Minor, Hypotheses: []decision.Hypothesis{{ID: "insider", Verdict: "possible",
		Name: decision.Text{FR: "personne de l'organisation", EN: "insider"}, For: []decision.Argument{{Text: decision.Text{FR: "un délégué", EN: "a delegate"}}}}}}
	return &inquiry{bundle: w.Open(), in: report.Inputs{Case: casefile.Case{Case: "x", TimeZone: "Europe/Paris", OwnDomains: []string{"example.test"}}, Journal: lines, Now: at, Facts: each(all), Decision: d, Findings: result}}
}

// items gives the rows of a table in Markdown by their number.
func items(s, title string) map[string]string {
	_, s, _ = strings.Cut(s, title)
	s, _, _ = strings.Cut(s, "\n## ")
	rows := map[string]string{}
	for line := range strings.Lines(s) {
		if cells := strings.SplitN(line, " | ", 2); len(cells) == 2 && rows[cells[0]] == "" {
			rows[strings.TrimPrefix(cells[0], "| ")] = cells[1]
		}
	}
	return rows
}

// TestComplaint: what the case holds is in the complaint file, whole, and what nobody knows says who knows it and where to look.
func TestComplaint(t *testing.T) {
	s := render(t, part(t, fraud(t, true).model(t), report.Police), "md", "en")
	form := items(s, "Annex: complaint file")
	for item, want := range map[string]string{
		"6": "attachments: 1, links: 1", "7": "203.0.113[.]9", "9": "pictures and PDFs attached by people, under seal: 1 (P-000001", "10": "in the fraudulent messages: " + fraudIBAN + ", IBANs announced in place of another one, to be checked with the holder: " + newIBAN,
		"14": "Lead “insider”: possible. For: a delegate", "16": "files attached by people: 1", "18": "no. 2<br>", "15": "Not known so far.<br>To be filled in: by finance or legal",
	} {
		if !strings.Contains(plainMarkdown(form[item]), want) {
			t.Errorf("item %s lacks %q: %s", item, want, plainMarkdown(form[item]))
		}
	}
	all := plainMarkdown(s)
	for _, want := range []string{"rib.pdf<br>application/pdf · SHA-256 " + strings.Repeat("ab", 32), "hxxps[:]//evil[.]example/pay?id=1", "| 51234 | 2026-10-12 09:00:13 +02:00 (07:00:13 UTC)<br>zone as the source wrote it: +02:00",
		"shot.png<br>other:screen", "2026-10-12 10:00:00 +02:00 (08:00:00 UTC)<br>A. Durand", "the sign-in page"} {
		if !strings.Contains(all, want) {
			t.Errorf("the complaint file lacks %q", want)
		}
	}
	if n := strings.Count(all, "zone as the source wrote it"); n != 10 {
		t.Errorf("%d acts are shown, and 10 are the most", n)
	}
}

// TestComplaintUnread: where nobody asked for the text, nothing is said of links and account numbers but that.
func TestComplaintUnread(t *testing.T) {
	m := fraud(t, false).model(t)
	s := plainMarkdown(render(t, part(t, m, report.Police), "md", "en"))
	for _, want := range []string{"The text of the messages was not read, so that links, IBANs and hashes of attachments are not known.", "links and IBANs: not looked for (mbaudit qualify --content)"} {
		if !strings.Contains(s, want) {
			t.Errorf("it lacks %q", want)
		}
	}
	s = plainMarkdown(render(t, part(t, m, report.CNIL), "md", "en"))
	if n := strings.Count(s, "not looked for: the text of the messages was not read"); n != 6 {
		t.Errorf("%d sorts are said not to be looked for, want 6", n)
	}
}

// TestDataSheet: the sheet for the authority counts what was found by sort, keeps apart what was looked for in vain, and shows no
// value; neither does what the insurer gets.
func TestDataSheet(t *testing.T) {
	m := fraud(t, true).model(t)
	s := plainMarkdown(render(t, part(t, m, report.CNIL), "md", "en"))
	for _, want := range []string{"| IBAN | 1 | 1 | 1 | found by the content scan; to be confirmed by the DPO", "| French social security numbers | 2 | 1 | 0 | found", "| passwords | 0 | 0 | 0 | looked for, not found in what was read",
		"| attachments, of unknown content | 2 | 2 | 1 | not looked for: no program opens them", "identity papers, health", "at least 1 (named in messages that were touched)", "correspondents outside (addresses): 2"} {
		if !strings.Contains(s, want) {
			t.Errorf("it lacks %q", want)
		}
	}
	for _, audience := range []report.Audience{report.CNIL, report.Insurer, report.Partner} {
		for format := range report.Formats() {
			out := render(t, part(t, m, audience), format, "en")
			if strings.Contains(out, fraudIBAN) || strings.Contains(out, newIBAN) || strings.Contains(out, "the sign-in page") || strings.Contains(out, "evil") {
				t.Errorf("%s, %s: it shows what its readers may not have", audience, format)
			}
		}
	}
}

// plainMarkdown takes the escapes of Markdown off.
func plainMarkdown(s string) string {
	for _, r := range "\\`*_{}[]<>#|~!&$@+-=.:)" {
		if r != '&' {
			s = strings.ReplaceAll(s, fmt.Sprintf("&#%d;", r), string(r))
		}
	}
	return s
}
