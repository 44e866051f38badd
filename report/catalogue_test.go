package report

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/decision"
	"github.com/mbaudit/mbaudit/internal/casefile"
)

// closed lists the sets of values whose words are asked for by value.
func closed() map[string][]string {
	sets := map[string][]string{
		"answer": {"yes", "no", "unknown"}, "covered": {decision.Done, decision.Partial, decision.NotDone, decision.NotApplicable, decision.ForPeople},
		"leakstate": {decision.Proved, decision.Possible, decision.Excluded}, "leak": {"session", "forwarding", "application", "delegate", "export", "share"},
		"reached": {"used", "reachable", "recognised", "unknown"}, "reach": {"service", "delegate", "delegator", "account", "device", "application", "drive", "tenant", "group"},
		"clock": {"running", "over", "not started", "stopped", "none"}, "whom": {"bank", "insurer", "host"}, "mode": {"lock", "precaution", "suspend"}, "step": {StepOpen, StepBegun, StepDone, StepHeld, StepFailed, StepUndone, StepUndoFail}, "decided": {"apply", "keep", "unknown"},
		"seen": {"none", "stands", "back", "new", "not seen", "pending", "untold"}, "undo": {"whole", "partly", "never"}, "sure": {"confirmed", "probable"}, "verdict": {"supported", "possible", "contradicted", "unknown"}, "for": {"user", "business", "finance", "dpo", "technical", "legal"},
		"lane": {LaneAttacker, LaneUser, LaneResponder}, "link": {"forward", "filter", "rule", "send-as", "reply-to", "delegate", "right"}, "form": {formGiven, formPart, formOpen}, "axis": {"scope", "impact", "urgency"},
		"status": statuses(), "gap": {"refused", "failed", "vanished", "invalid", "unaccounted"}, "strength": {"strong", "medium", "weak", "none"}, "groundof": {"finding", "fact", "answer", "case", "gap"},
		"recognition": {"none", string(findings.Recognised), string(findings.NotRecognised), string(findings.DoesNotKnow), "yes", "no"}, "done.to": {"sent", "read", "deleted", "forwarded", "downloaded"},
		"ioc": {"ip", "email", "domain", "oauth-client", "message-id", "subject", "sha256"}, "suspect": {"confirmed", "possible"}, "carried": {"file", "link", "iban", "text"}, "text": {"none", "headers only", "partly"}, "data": scanned(), "section": Sections(), "role": casefile.Roles(), "volume": {"sent", "forwarded", "deleted"}, "unit": {"byte", "kib", "mib", "gib"}, "count": {"viewed", "fetched", "forwarded", "bytes"},
	}
	for _, g := range findings.Grades() {
		sets["grade"] = append(sets["grade"], string(g))
	}
	for a := range Audiences() {
		sets["audience"], sets["marking"] = append(sets["audience"], string(a)), append(sets["marking"], string(a))
	}
	for i := range 4 {
		sets["question"] = append(sets["question"], fmt.Sprint(i+1))
	}
	for i := range 7 {
		sets["ask"] = append(sets["ask"], fmt.Sprint(i+1))
		sets["weekday"] = append(sets["weekday"], fmt.Sprint(i+1))
	}
	for i := range complaintItems {
		sets["complaint"] = append(sets["complaint"], fmt.Sprint(i+1))
		sets["complaint.todo"] = append(sets["complaint.todo"], fmt.Sprint(i+1))
	}
	return sets
}

// TestCatalogue: no string is missing in a language, none is asked for and not there, none is there and never used.
func TestCatalogue(t *testing.T) {
	c, err := loadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	source := ""
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source += string(data)
	}
	used := map[string]bool{}
	for _, m := range regexp.MustCompile(`p\.t\("([^"]+)"[,)]`).FindAllStringSubmatch(source, -1) {
		used[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`p\.heads\(([^)]*)\)`).FindAllStringSubmatch(source, -1) {
		for _, key := range regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(m[1], -1) {
			used["col."+key[1]] = true
		}
	}
	for _, m := range regexp.MustCompile(`p\.lines\("([^"]+)"\)`).FindAllStringSubmatch(source, -1) {
		if _, ok := c[m[1]+".1"]; !ok {
			t.Errorf("the list %s is empty", m[1])
		}
		for i := 1; c[fmt.Sprintf("%s.%d", m[1], i)] != (decision.Text{}); i++ {
			used[fmt.Sprintf("%s.%d", m[1], i)] = true
		}
	}
	sets := closed()
	for _, m := range regexp.MustCompile(`p\.word\("([^"]+)"`).FindAllStringSubmatch(source, -1) {
		if sets[m[1]] == nil && m[1] != "event" {
			t.Errorf("nobody says which values %s can have", m[1])
		}
	}
	for prefix, values := range sets {
		for _, v := range values {
			used[prefix+"."+v] = true
		}
	}
	for key := range used {
		if _, ok := c[key]; !ok {
			t.Errorf("the catalogue lacks %s", key)
		}
	}
	verbs := regexp.MustCompile(`%[a-z]`)
	for key, text := range c {
		if !used[key] && !strings.HasPrefix(key, "gloss.") && !strings.HasPrefix(key, "said.") && !strings.HasPrefix(key, "event.") {
			t.Errorf("%s is never used", key)
		}
		if fr, en := verbs.FindAllString(text.FR, -1), verbs.FindAllString(text.EN, -1); !slices.Equal(fr, en) {
			t.Errorf("%s: the languages take different values: %v, %v", key, fr, en)
		}
	}
}

// TestLevels: the names of the levels are those of the glossary.
func TestLevels(t *testing.T) {
	c, err := loadCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	for i, level := range decision.Levels() {
		if got := c[fmt.Sprintf("gloss.%d", 43+i)]; got != level.Text() {
			t.Errorf("%s is %v in the glossary", level, got)
		}
	}
}

func TestDefang(t *testing.T) {
	for in, want := range map[string]string{
		"http://evil.example/a.b":         "hxxp[:]//evil[.]example/a.b",
		"www.evil.example":                "www[.]evil.example",
		"203.0.113.77 and 203.0.113.0/24": "203.0.113[.]77 and 203.0.113[.]0/24",
		"2001:db8::7":                     "2001[:]db8::7",
		"12:30:45":                        "12:30:45",
		"10.1.1.2999":                     "10.1.1[.]2999",
		"a@b.example":                     "a@b.example",
	} {
		if got := Defang(in); got != want {
			t.Errorf("Defang(%q) = %q, want %q", in, got, want)
		}
	}
}
