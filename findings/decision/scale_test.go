package decision

import (
	"fmt"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/findings/facts"
)

// TestSurveyIsBounded: whatever a log holds, a survey keeps a bounded part of it and counts the rest.
func TestSurveyIsBounded(t *testing.T) {
	s := NewSurvey()
	at := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	for i := range 60_000 {
		f := &facts.Fact{Kind: facts.KindAudit, Account: fmt.Sprintf("user%d@example.test", i%40_000), Bundle: "B", Exhibit: fmt.Sprintf("P-%06d", i), Time: at.Add(time.Duration(i) * time.Second)}
		f.Set("event.service", facts.Text("saml"))
		f.Set("event.name", facts.Text("login_success"))
		f.Set("application_name", facts.Text(fmt.Sprint("app", i)))
		f.Set("ip", facts.Text(fmt.Sprintf("203.%d.%d.1", i/250%250, i%250)))
		f.Set("source.suspect", facts.Bool(true))
		s.See(f)
		s.See(&facts.Fact{Kind: facts.KindDelegate, Account: f.Account, Bundle: "B", Exhibit: "P-1"})
	}
	if len(s.sessions) != maxSessions || len(s.sources) != maxSessions || len(s.states) != maxStates || len(s.services) != maxStates || len(s.lines.attacker) != maxLane {
		t.Errorf("sessions %d, sources %d, states %d, services %d, lines %d", len(s.sessions), len(s.sources), len(s.states), len(s.services), len(s.lines.attacker))
	}
	if s.leftOut != 50_000+40_000+40_000 || s.lines.leftOut != 50_000 {
		t.Errorf("left out %d and %d", s.leftOut, s.lines.leftOut)
	}
}
