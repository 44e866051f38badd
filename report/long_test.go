package report_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/findingstest"
	"github.com/mbaudit/mbaudit/internal/casefile"
	"github.com/mbaudit/mbaudit/report"
)

// TestLongTable: a table shows 3,000 rows; the rest is counted and it is said where it stands, and there it does.
func TestLongTable(t *testing.T) {
	const rows = 3000 + 7
	var all []*findings.Finding
	for i := range rows {
		name := fmt.Sprintf("row-%04d", i)
		all = append(all, &findings.Finding{ID: name, Rule: name, Account: "alice@example.test", Examined: true, Grade: findings.Check, Subject: name, Title: map[string]string{"fr": name, "en": name}})
	}
	m := (&inquiry{in: report.Inputs{Case: casefile.Case{Case: "x", TimeZone: "UTC"}, Now: time.Now(), Findings: &findings.Result{Findings: all}}}).model(t)
	for language, said := range map[string]string{"fr": "7 lignes de plus ne tiennent pas sur la page. Elles sont dans le rapport pour programmes (mbaudit report --format json)", "en": "7 more rows do not fit on the page. They are in the report for programs (mbaudit report --format json)"} {
		s := plainMarkdown(render(t, m, "md", language))
		if !strings.Contains(s, said) {
			t.Errorf("%s: the table does not say what is left out", language)
		}
		_, table, _ := strings.Cut(s, "\n## 3 ")
		table, _, _ = strings.Cut(table, "\n## 4 ")
		shown := 0
		for line := range strings.Lines(table) {
			if strings.Contains(line, "| row-") {
				shown++
			}
		}
		if shown != 3000 {
			t.Errorf("%s: %d rows are shown", language, shown)
		}
	}
	if s := render(t, m, "json", "en"); strings.Count(s, `"subject": "row-`) != rows {
		t.Error("the report for programs does not have the rest")
	}
}

// TestManyExhibits: 2,000 exhibits are listed, and those that something cites whatever their number; the rest is counted, and it is
// said that the bundle has it.
func TestManyExhibits(t *testing.T) {
	const exhibits = 2000 + 5
	w := findingstest.New(t, bundleID, "alice@example.test")
	for i := range exhibits {
		w.Add(evidence.Exhibit{Account: "alice@example.test", Resource: "messages/INBOX", Item: fmt.Sprint(i), Name: fmt.Sprintf("m/%d.eml", i), MediaType: "message/rfc822"}, "x")
	}
	last := fmt.Sprintf("%s/P-%06d", bundleID, exhibits)
	m := (&inquiry{bundle: w.Open(), in: report.Inputs{Case: casefile.Case{Case: "x", TimeZone: "UTC"}, Now: time.Now(),
		Findings: &findings.Result{Findings: []*findings.Finding{{ID: "F-1", Rule: "r", Examined: true, Grade: findings.Check, Title: map[string]string{}, Exhibits: []string{last}}}}}}).model(t)
	if len(m.Exhibits) != 2001 || m.Unlisted != 4 || m.Exhibits[2000].ID != last || !m.Exhibits[2000].Cited {
		t.Errorf("%d are listed, %d are not", len(m.Exhibits), m.Unlisted)
	}
	for language, said := range map[string]string{"fr": "4 pièces que rien ne cite ne sont pas reprises ici\u00a0; elles figurent dans data/index de leur scellé et sont couvertes par son empreinte.",
		"en": "4 exhibits that nothing cites are not listed here; they are in data/index of their bundle and covered by its hash."} {
		if s := plainMarkdown(render(t, part(t, m, report.Police), "md", language)); !strings.Contains(s, said) {
			t.Errorf("%s: the list does not say what is left out", language)
		}
	}
}
