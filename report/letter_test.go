package report_test

import (
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/findings/suspects"
	"github.com/mbaudit/mbaudit/internal/casefile"
	"github.com/mbaudit/mbaudit/report"
)

// TestLetter: section 13 shows the letter that mbaudit export writes, to those who get the section.
func TestLetter(t *testing.T) {
	m := fraud(t, true).model(t)
	whole, err := report.NewLetter(casefile.Case{Case: "x"}, []string{"alice@example.test"}, []suspects.Message{{Account: "alice@example.test", At: time.Date(2026, 10, 12, 7, 0, 0, 0, time.UTC)}}).Paragraphs("fr", "fr", time.UTC)
	if err != nil || len(whole) != 16 {
		t.Fatalf("%d paragraphs, %v", len(whole), err)
	}
	for audience, shown := range map[report.Audience]bool{report.Cell: true, report.Police: true, report.CNIL: true, report.Insurer: false, report.Partner: false} {
		s := plainMarkdown(render(t, part(t, m, audience), "md", "fr"))
		for _, paragraph := range whole {
			if strings.Contains(s, "> "+paragraph+"\n") != shown {
				t.Errorf("%s: shown is to be %v: %s", audience, shown, paragraph)
			}
		}
	}
}
