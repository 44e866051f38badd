package decision_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/decision"
)

// TestRules: the five rules, at and below each bar.
func TestRules(t *testing.T) {
	for _, x := range []struct {
		confirmation, scope, impact, urgency int
		sensitive, possible                  bool
		level                                decision.Level
		rule                                 string
	}{
		{3, 2, 2, 2, false, false, decision.Crisis, "R1"},
		{3, 3, 3, 3, true, false, decision.Crisis, "R1"},
		{3, 1, 2, 3, false, false, decision.Major, "R2"},
		{3, 2, 1, 2, false, false, decision.Major, "R2"},
		{3, 2, 2, 1, false, false, decision.Major, "R2"},
		{3, 0, 0, 3, false, false, decision.Major, "R2"},
		{3, 0, 0, 2, false, false, decision.Minor, "R3"},
		{3, 0, 0, 0, true, false, decision.Major, "R2"},
		{3, 1, 1, 2, true, false, decision.Major, "R2"}, // a title alone is never a crisis
		{3, 0, 0, 0, false, false, decision.Minor, "R3"},
		{2, 2, 2, 2, false, false, decision.Major, "R4/R1"},
		{2, 2, 2, 2, false, true, decision.Crisis, "R4/R1"},
		{2, 2, 0, 0, false, false, decision.Minor, "R4/R2"},
		{2, 0, 0, 0, false, false, decision.Anomaly, "R4/R3"},
		{2, 0, 0, 0, false, true, decision.Minor, "R4/R3"},
		{1, 3, 3, 3, true, false, decision.Anomaly, "R5"},
		{0, 3, 3, 3, true, true, decision.Anomaly, "R5"},
	} {
		level, rule := decision.Apply(x.confirmation, x.scope, x.impact, x.urgency, x.sensitive, x.possible)
		name := rule.ID
		if rule.Via != "" {
			name += "/" + rule.Via
		}
		if level != x.level || name != x.rule || rule.Text.FR == "" || rule.Text.EN == "" {
			t.Errorf("%+v: %s by %s", x, level, name)
		}
	}
}

func storyNamed(t *testing.T, name string) *story {
	t.Helper()
	for _, s := range loadStories(t) {
		if s.Story == name {
			return &s
		}
	}
	t.Fatalf("there is no story %s", name)
	return nil
}

// TestMissingNeverLowers: of every story, taking any of its logs away lowers neither what is possible nor makes it less than what
// is established.
func TestMissingNeverLowers(t *testing.T) {
	for _, name := range []string{"bec-forward", "quiet", "not-recognised-and-paid", "two-accounts", "super-administrator"} {
		whole, _, _ := storyNamed(t, name).told(t)
		for _, log := range []string{"reports/login", "reports/gmail", "reports/saml", "reports/admin", "gmail/filters", "directory/tokens"} {
			s := storyNamed(t, name)
			s.Missing = append(s.Missing, log)
			d, _, _ := s.told(t)
			if d.Possible.Rank() < whole.Possible.Rank() || d.Possible.Rank() < d.Level.Rank() {
				t.Errorf("%s without %s: possible %s, and %s with it", name, log, d.Possible, whole.Possible)
			}
		}
	}
}

// TestGrounds: what an axis rests on has its exhibits and what would refute it; what is recognised stays and is struck.
func TestGrounds(t *testing.T) {
	d, _, _ := storyNamed(t, "bec-forward").told(t)
	for _, g := range d.Confirmation.Grounds {
		if g.Source == "finding" && (len(g.Exhibits) == 0 || g.Refutes.FR == "" || g.Refutes.EN == "" || g.Strength == "" || !strings.HasPrefix(g.Exhibits[0], bundleID+"/P-")) {
			t.Errorf("%+v", g)
		}
	}
	if d.Confirmation.Best == "" || d.Impact.Best == "" || d.Urgency.Best == "" {
		t.Errorf("an axis has no exhibit: %+v", d)
	}
	d, _, _ = storyNamed(t, "traveller-recognised").told(t)
	if !slices.ContainsFunc(d.Confirmation.Grounds, func(g decision.Ground) bool {
		return g.Struck && g.Recognition == findings.Recognised && g.Rule == "sign-in-new-source"
	}) {
		t.Errorf("what was recognised is not in the list: %+v", d.Confirmation.Grounds)
	}
}

// TestTenant: what is found of a whole tenant is examined and asked of an administrator; while nobody has answered, it makes the
// extent possible and no more, and of a tenant of which no account is suspected not even that.
func TestTenant(t *testing.T) {
	const key = `{"idpCredentials":[{"name":"inboundSamlSsoProfiles/1/idpCredentials/1","updateTime":"2026-10-14T01:00:00Z"}]}`
	for _, c := range []struct {
		story, answer           string
		established, possible   int
		confirmation, stillOpen string
	}{
		{"bec-forward", "", 0, 3, "confirmed", "yes"},
		{"bec-forward", "not recognised", 3, 3, "confirmed", "yes"},
		{"bec-forward", "recognised", 0, 2, "confirmed", "yes"},
		{"quiet", "", 0, 0, "not confirmed", "no"},
		{"quiet", "not recognised", 3, 3, "confirmed", "yes"},
	} {
		s := storyNamed(t, c.story)
		s.Tenant = map[string]string{"cloudidentity/idpCredentials": key}
		if c.answer != "" {
			s.Answers = map[string]string{"sso-key-recent": c.answer}
		}
		d, result, _ := s.told(t)
		name := c.story + " " + c.answer
		if d.Scope.Established != c.established || d.Scope.Possible < c.established || (d.Scope.Possible == 3) != (c.possible == 3) || d.Confirmation.Word.EN != c.confirmation {
			t.Errorf("%s: scope %d, possible %d, %s: want %+v", name, d.Scope.Established, d.Scope.Possible, d.Confirmation.Word.EN, c)
		}
		if still := map[decision.Answer]string{decision.Yes: "yes", decision.No: "no"}[d.Story.StillOpen]; still != c.stillOpen {
			t.Errorf("%s: still open: %q, want %q", name, still, c.stillOpen)
		}
		at := slices.IndexFunc(d.Questions, func(q decision.Question) bool { return q.Account == "@example.test" })
		if at < 0 || d.Questions[at].For != "technical" {
			t.Errorf("%s: no administrator is asked: %+v", name, d.Questions)
		}
		for _, f := range result.Findings {
			if f.Rule == "sso-key-recent" && (!f.Examined || f.Account != "@example.test") {
				t.Errorf("%s: %+v", name, f)
			}
		}
		if slices.Contains(d.Accounts, "@example.test") {
			t.Errorf("%s: the tenant is no account: %v", name, d.Accounts)
		}
	}
}

// TestExfiltration: proved by Gmail's log; excluded only where that log was read as a whole and late enough; else possible.
func TestExfiltration(t *testing.T) {
	state := func(s *story, kind string) string {
		d, _, _ := s.told(t)
		for _, x := range d.Exfiltration {
			if x.Kind == kind {
				return x.State
			}
		}
		return "none"
	}
	if got := state(storyNamed(t, "bec-forward"), "forwarding"); got != decision.Proved {
		t.Errorf("messages were forwarded: %s", got)
	}
	old := storyNamed(t, "guessed")
	if got := state(old, "session"); got != decision.Excluded {
		t.Errorf("Gmail's log was read twelve days later: %s", got)
	}
	old.Missing = []string{"reports/gmail"}
	if got := state(old, "session"); got != decision.Possible {
		t.Errorf("Gmail's log was not read: %s", got)
	}
	recent := storyNamed(t, "bec-forward")
	if got := state(recent, "session"); got != decision.Possible {
		t.Errorf("Gmail's log was read a day later, it may lag: %s", got)
	}
	if got := state(storyNamed(t, "stolen-session"), "session"); got != decision.Proved {
		t.Errorf("messages were opened: %s", got)
	}
}

// TestHypotheses: what speaks for a way in, against it, and what is missing. None stands alone.
func TestHypotheses(t *testing.T) {
	for name, want := range map[string]map[string]string{
		"guessed":        {"password": "supported", "consent": "contradicted", "app-password": "contradicted"},
		"stolen-session": {"session": "supported", "infostealer": "supported", "password": "contradicted"},
		"consent":        {"consent": "supported"},
		"imap-guessed":   {"password": "supported"},
	} {
		d, _, _ := storyNamed(t, name).told(t)
		got := map[string]string{}
		for _, h := range d.Hypotheses {
			got[h.ID] = h.Verdict
			if h.Name.FR == "" || h.Name.EN == "" || h.ThenCheck.EN == "" || h.For == nil || h.Against == nil || h.Missing == nil {
				t.Errorf("%s: %+v", name, h)
			}
		}
		for id, verdict := range want {
			if got[id] != verdict {
				t.Errorf("%s: %s is %q, want %s", name, id, got[id], verdict)
			}
		}
	}
	if d, _, _ := storyNamed(t, "stolen-session").told(t); d.Scope.Established < 1 || len(d.Floors) == 0 {
		t.Errorf("an infostealer is at least possible: %+v", d.Floors)
	}
}

// TestClocks: the legal terms count from the report, by who made it; a log's from the first deed, and only where it was not read.
func TestClocks(t *testing.T) {
	s := storyNamed(t, "forward-without-logs")
	d, _, _ := s.told(t)
	clocks := map[string]decision.Clock{}
	for _, c := range d.Clocks {
		clocks[c.ID] = c
	}
	reported := now().Add(-2 * time.Hour)
	for _, id := range []string{"complaint", "cnil"} {
		if c := clocks[id]; c.State != "running" || !c.Starts.Equal(reported) || !c.Ends.Equal(reported.Add(72*time.Hour)) || !strings.Contains(c.Why.FR, "Alice Martin") {
			t.Errorf("%s: %+v", id, c)
		}
	}
	if c, there := clocks["log:reports/gmail:"+alice]; !there || !c.Ends.Equal(reported.Add(180*24*time.Hour)) {
		t.Errorf("the log that was not read: %+v", clocks)
	}
	if _, there := clocks["log:reports/token:"+alice]; there {
		t.Error("a log that was read has a clock")
	}
	if len(d.Unknowns) == 0 || d.Unknowns[0].Expires.IsZero() || d.Unknowns[0].Do.EN == "" {
		t.Errorf("what can be lost first is not first: %+v", d.Unknowns)
	}
	quiet, _, _ := storyNamed(t, "quiet").told(t)
	if quiet.Clocks[0].State != "not started" {
		t.Errorf("nothing is suspected: %+v", quiet.Clocks)
	}
}

// TestRecord: the last answer counts, a corrected entry does not, an override stands until it is taken back.
func TestRecord(t *testing.T) {
	at := now()
	entries := []journal.Entry{
		{Seq: 1, Type: journal.Information, EventTime: at, Informant: "Operator", Description: "case opened"},
		{Seq: 2, Type: journal.Detection, EventTime: at.Add(-5 * time.Hour), Informant: "Alice", Description: "replies"},
		{Seq: 3, Type: journal.Detection, EventTime: at.Add(-9 * time.Hour), Informant: "CERT", Description: "leak"},
	}
	add := func(e journal.Entry) {
		e.Seq = uint64(len(entries) + 1)
		entries = append(entries, e)
	}
	add(decision.AnswerEntry("Q-data", "yes", "DPO", "data", at))
	add(decision.AnswerEntry("Q-data", "no", "DPO", "data", at))
	add(decision.OverrideEntry(decision.Major, decision.Minor, "the bank called", "Martin", at))
	r := decision.ReadRecord(entries)
	if r.KnownBy != "CERT" || !r.Known.Equal(at.Add(-9*time.Hour)) || r.Answers["Q-data"].Answer != "no" || r.Override == nil || r.Override.Level != decision.Major || r.Override.Reason != "the bank called" {
		t.Errorf("%+v", r)
	}
	add(journal.Entry{Type: journal.Correction, Corrects: 5, EventTime: at, Informant: "DPO", Description: "the first answer was right"})
	add(decision.OverrideEntry("", decision.Minor, "a mistake", "Martin", at))
	if r = decision.ReadRecord(entries); r.Answers["Q-data"].Answer != "yes" || r.Override != nil {
		t.Errorf("%+v", r)
	}
	for _, e := range entries {
		if e.EventTime.IsZero() || e.Check() != nil {
			t.Errorf("%v: %+v", e.Check(), e)
		}
	}
}

// TestDocument: decision.json is what other programs build on: read and written again it is the same, and no list is null.
func TestDocument(t *testing.T) {
	for _, name := range []string{"crisis", "quiet", "imap-copied"} {
		d, _, _ := storyNamed(t, name).told(t)
		first, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var again decision.Decision
		if err := json.Unmarshal(first, &again); err != nil {
			t.Fatal(err)
		}
		second, err := json.Marshal(&again)
		if err != nil || !bytes.Equal(first, second) {
			t.Errorf("%s: %v\n%s\n%s", name, err, first, second)
		}
		if i := bytes.Index(first, []byte(":null")); i >= 0 {
			t.Errorf("%s: a list is null: %s", name, first[max(0, i-80):i+10])
		}
	}
}

// TestTimeline: an intruder's deeds, the person's and the responders' are told apart and in the order of time.
func TestTimeline(t *testing.T) {
	s := storyNamed(t, "bec-forward")
	_, result, survey := s.told(t)
	lines := survey.Timeline(result, s.journal(t, result))
	lanes := map[string]int{}
	for i, l := range lines {
		lanes[l.Lane]++
		if i > 0 && l.Time.Before(lines[i-1].Time) {
			t.Errorf("line %d is before the one above it", i+1)
		}
		if l.Name == "email_forwarding_out_of_domain" && (l.Lane != decision.LaneAttacker || len(l.Findings) == 0 || l.Exhibit == "") {
			t.Errorf("%+v", l)
		}
	}
	if lanes[decision.LaneAttacker] != 2 || lanes[decision.LaneResponder] != 1 || lanes[decision.LaneUser] < 20 {
		t.Errorf("%v", lanes)
	}
	told := storyNamed(t, "traveller-recognised")
	_, result, survey = told.told(t)
	for _, l := range survey.Timeline(result, nil) {
		if l.Lane == decision.LaneAttacker {
			t.Errorf("the person was there: %+v", l)
		}
	}
}

// TestAnswers: words in both languages; nothing else is an answer.
func TestAnswers(t *testing.T) {
	for _, x := range []struct{ item, word, want string }{
		{"F-0000000000", "non reconnu", "not recognised"}, {"F-0000000000", " Recognised ", "recognised"}, {"F-0000000000", "ne sait pas", "does not know"},
		{"Q-data", "oui", "yes"}, {"Q-data", "NO", "no"}, {"Q-data", "do not know", "does not know"},
	} {
		if got, err := decision.ParseAnswer(x.item, x.word); err != nil || got != x.want {
			t.Errorf("%q: %q, %v", x.word, got, err)
		}
	}
	for _, word := range []string{"", "perhaps", "recognised!"} {
		if got, err := decision.ParseAnswer("F-0000000000", word); err == nil {
			t.Errorf("%q is taken for %q", word, got)
		}
	}
	for _, l := range decision.Levels() {
		for _, name := range []string{string(l), l.In("fr"), l.In("en"), strings.ToUpper(l.In("fr"))} {
			if got, err := decision.ParseLevel(name); err != nil || got != l {
				t.Errorf("%q: %v, %v", name, got, err)
			}
		}
	}
}
