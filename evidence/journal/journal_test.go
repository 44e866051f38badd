package journal_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

// TestMain makes the test binary also the writer process that the tests start and kill.
func TestMain(m *testing.M) {
	if path := os.Getenv("JOURNAL_TEST_WRITER"); path != "" {
		os.Exit(writeForever(path, os.Getenv("JOURNAL_TEST_NAME")))
	}
	os.Exit(m.Run())
}

// writeForever appends 50 entries and prints each number once Append has acknowledged it.
func writeForever(path, name string) int {
	j, err := journal.Open(path)
	for i := 0; err == nil && i < 50; i++ {
		var e journal.Entry
		if e, err = j.Append(entry(fmt.Sprintf("%s %d", name, i))); err == nil {
			fmt.Printf("%d %s %d\n", e.Seq, name, i)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func entry(description string) journal.Entry {
	return journal.Entry{
		EventTime:   time.Date(2026, 11, 23, 14, 5, 0, 0, time.FixedZone("", 3600)),
		Informant:   "M. Martin, accounting",
		Recorder:    "analyst@example.test",
		Type:        journal.Detection,
		Description: description,
	}
}

func create(t *testing.T) *journal.Journal {
	t.Helper()
	j, _, err := journal.Create(filepath.Join(t.TempDir(), journal.FileName), entry("the case is opened"))
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// fill makes a journal of n entries and returns its bytes.
func fill(t *testing.T, n int) (*journal.Journal, []byte) {
	t.Helper()
	j := create(t)
	for i := 2; i <= n; i++ {
		if _, err := j.Append(entry(fmt.Sprintf("event %d", i))); err != nil {
			t.Fatal(err)
		}
	}
	return j, contents(t, j)
}

func contents(t *testing.T, j *journal.Journal) []byte {
	t.Helper()
	data, err := os.ReadFile(j.Path())
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestJournal(t *testing.T) {
	j := create(t)
	j.Clock = func() time.Time { return time.Date(2026, 11, 23, 13, 30, 0, 123456789, time.UTC) }
	full := journal.Entry{
		EventTime:      time.Date(2026, 11, 23, 9, 0, 0, 0, time.FixedZone("", -5*3600)),
		EventPrecision: journal.Hour, EventApproximate: true, ClockOffset: "+1.2s",
		Informant: "SOC", Recorder: "alice", Type: journal.Correction,
		Description: "<b>\u202e\x1b[31m & \"Ève\"\nsecond line \xff\x00", Account: "bob@example.test",
		Evidence: []string{"P-000001", "P-000042"}, Corrects: 1, ActionState: journal.Done, DecisionBy: "the director",
		Result: "ok", Cost: "2 h", Confidentiality: "TLP:AMBER", Ref: map[string]string{"sha256": "abc", "bundle": "01J"},
	}
	written, err := j.Append(full)
	if err != nil {
		t.Fatal(err)
	}
	if written.Seq != 2 || !written.RecordedTime.Equal(time.Date(2026, 11, 23, 13, 30, 0, 123e6, time.UTC)) {
		t.Errorf("written as number %d at %s", written.Seq, written.RecordedTime)
	}
	if got := written.Delay(); got != -30*time.Minute+123*time.Millisecond {
		t.Errorf("delay %s", got)
	}
	lines := strings.SplitAfter(string(contents(t, j)), "\n")
	first := sha256.Sum256([]byte(lines[0]))
	want := `{"v":1,"seq":2,"prev":"` + hex.EncodeToString(first[:]) + `","recorded_time":"2026-11-23T13:30:00.123Z",` +
		`"event_time":"2026-11-23T09:00:00-05:00","event_precision":"hour","event_approximate":true,"clock_offset":"+1.2s",` +
		`"informant":"SOC","recorder":"alice","type":"correction",` +
		`"description":"<b>` + "\u202e" + `\u001b[31m & \"Ève\"\nsecond line \\xFF\u0000","account":"bob@example.test",` +
		`"evidence":["P-000001","P-000042"],"corrects":1,"action_state":"done","decision_by":"the director","result":"ok",` +
		`"cost":"2 h","confidentiality":"TLP:AMBER","ref":{"bundle":"01J","sha256":"abc"}}` + "\n"
	if lines[1] != want {
		t.Errorf("line 2 is\n%s\nwant\n%s", lines[1], want)
	}

	n := 0
	for e, err := range journal.Read(bytes.NewReader(contents(t, j))) {
		n++
		if err != nil || e.Seq != uint64(n) {
			t.Errorf("line %d: entry %d, error %v", n, e.Seq, err)
		}
	}
	if n != 2 {
		t.Errorf("read %d entries", n)
	}
	var copied bytes.Buffer
	head, err := j.CopyTo(&copied)
	second := sha256.Sum256([]byte(lines[1]))
	if err != nil || head.Seq != 2 || head.Count != 2 || head.SHA256 != hex.EncodeToString(second[:]) {
		t.Errorf("head %+v, error %v", head, err)
	}
	if !bytes.Equal(copied.Bytes(), contents(t, j)) {
		t.Error("the copy differs from the file")
	}
}

func TestCreateRefusesWhatIsThere(t *testing.T) {
	j, before := fill(t, 3)
	if _, _, err := journal.Create(j.Path(), entry("again")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second Create: %v, want fs.ErrExist", err)
	}
	if !bytes.Equal(before, contents(t, j)) {
		t.Error("the journal was changed")
	}
	path := filepath.Join(t.TempDir(), journal.FileName)
	var invalid *journal.InvalidError
	if _, _, err := journal.Create(path, journal.Entry{}); !errors.As(err, &invalid) {
		t.Errorf("Create with an empty entry: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a refused Create left a file: %v", err)
	}
}

func TestVanishedJournalDoesNotBeginAnew(t *testing.T) {
	j, _ := fill(t, 2)
	if err := os.Remove(j.Path()); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(entry("lost")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Append: %v, want fs.ErrNotExist", err)
	}
	_, err := journal.Open(j.Path())
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "mbaudit init") {
		t.Errorf("Open: %v, want fs.ErrNotExist and what to type", err)
	}
	if _, err := os.Stat(j.Path()); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the file came back")
	}
}

func TestAppendNamesMissingFields(t *testing.T) {
	j, before := fill(t, 1)
	_, err := j.Append(journal.Entry{Description: " \n"})
	var invalid *journal.InvalidError
	if !errors.As(err, &invalid) {
		t.Fatalf("got %v", err)
	}
	var fields []string
	for _, f := range invalid.Fields {
		fields = append(fields, f.Field)
		if f.Hint == "" {
			t.Errorf("no hint for %s", f.Field)
		}
	}
	if got := strings.Join(fields, " "); got != "event_time informant type description" {
		t.Errorf("missing: %s", got)
	}
	for field, change := range map[string]func(*journal.Entry){
		"event_time":      func(e *journal.Entry) { e.EventTime = time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC) },
		"event_precision": func(e *journal.Entry) { e.EventPrecision = "century" },
		"informant":       func(e *journal.Entry) { e.Informant = "" },
		"type":            func(e *journal.Entry) { e.Type = "gossip" },
		"description":     func(e *journal.Entry) { e.Description = strings.Repeat("long ", 1<<18) },
		"corrects":        func(e *journal.Entry) { e.Type = journal.Correction },
		"corrects ":       func(e *journal.Entry) { e.Type, e.Corrects = journal.Correction, 2 },
		"corrects  ":      func(e *journal.Entry) { e.Corrects = 1 },
		"outcome_of":      func(e *journal.Entry) { e.OutcomeOf = 7 },
		"action_state":    func(e *journal.Entry) { e.ActionState = "perhaps" },
		"evidence":        func(e *journal.Entry) { e.Evidence = []string{"P-000001", ""} },
	} {
		e := entry("x")
		change(&e)
		_, err := j.Append(e)
		if !errors.As(err, &invalid) || len(invalid.Fields) != 1 || invalid.Fields[0].Field != strings.TrimSpace(field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	if !bytes.Equal(before, contents(t, j)) {
		t.Error("a refused entry changed the file")
	}
}

func TestBeginWritesBeforeAndAfter(t *testing.T) {
	j := create(t)
	intent := entry("remove the forwarding to x@evil.example")
	intent.Type, intent.Account, intent.DecisionBy = journal.Action, "bob@example.test", "the director"
	done, err := j.Begin(intent)
	if err != nil {
		t.Fatal(err)
	}
	if head, err := j.Verify(); err != nil || head.Seq != 2 {
		t.Fatalf("before the step the journal has %d entries, error %v", head.Seq, err)
	}
	if err := done("3 rules read, 1 removed", errors.New("403 insufficient scope")); err != nil {
		t.Fatal(err)
	}
	if err := done("twice", nil); err == nil {
		t.Error("an outcome was written twice")
	}
	var entries []journal.Entry
	for e, err := range journal.Read(bytes.NewReader(contents(t, j))) {
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, e)
	}
	if len(entries) != 3 {
		t.Fatalf("%d entries", len(entries))
	}
	if entries[1].ActionState != journal.Started {
		t.Errorf("begun as %q", entries[1].ActionState)
	}
	e := entries[2]
	if e.OutcomeOf != 2 || e.ActionState != journal.Failed || e.Account != "bob@example.test" || !e.Auto ||
		e.Result != "3 rules read, 1 removed: 403 insufficient scope" {
		t.Errorf("outcome %+v", e)
	}
	if err := os.Remove(j.Path()); err != nil {
		t.Fatal(err)
	}
	if done, err := j.Begin(intent); err == nil || done != nil {
		t.Error("a step that could not be written down was allowed")
	}
}

func TestClockSetBackIsLateAndNotBroken(t *testing.T) {
	j := create(t)
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	j.Clock = func() time.Time { return now }
	for range 2 {
		if _, err := j.Append(entry("x")); err != nil {
			t.Fatal(err)
		}
		now = now.Add(-time.Hour)
	}
	head, err := j.Verify()
	if err != nil || fmt.Sprint(head.Late) != "[3]" {
		t.Errorf("late %v, error %v", head.Late, err)
	}
}

func TestVerifyNamesTheBrokenLine(t *testing.T) {
	_, whole := fill(t, 500)
	line := func(data []byte, n int) []byte { return bytes.SplitAfter(data, []byte("\n"))[n-1] }
	replace := func(n int, old, new string) []byte {
		was := line(whole, n)
		if !bytes.Contains(was, []byte(old)) {
			t.Fatalf("line %d holds no %q", n, old)
		}
		return bytes.Replace(whole, was, bytes.Replace(was, []byte(old), []byte(new), 1), 1)
	}
	before := whole[:bytes.Index(whole, line(whole, 200))]
	for _, c := range []struct {
		name string
		data []byte
		line int
		kind journal.Kind
	}{
		{"a letter changed", replace(200, "event 200", "evenT 200"), 201, journal.BrokenPrev},
		{"a brace changed", replace(200, `{"v"`, `["v"`), 200, journal.BrokenForm},
		{"the number changed", replace(200, `"seq":200`, `"seq":201`), 200, journal.BrokenSeq},
		{"the predecessor changed", replace(200, `"prev":"`, `"prev":"0`), 200, journal.BrokenPrev},
		{"the version changed", replace(200, `"v":1`, `"v":2`), 200, journal.BrokenVersion},
		{"a field hidden", replace(200, `"informant"`, `"note":"x","informant"`), 200, journal.BrokenForm},
		{"a field doubled", replace(200, `"informant"`, `"informant":"x","informant"`), 200, journal.BrokenForm},
		{"a field in capitals", replace(200, `"informant"`, `"Informant"`), 200, journal.BrokenForm},
		{"not UTF-8", replace(200, "event", "\xff"), 200, journal.BrokenForm},
		{"two objects", replace(200, "}\n", "}{}\n"), 200, journal.BrokenForm},
		{"a line removed", bytes.Replace(whole, line(whole, 200), nil, 1), 200, journal.BrokenSeq},
		{"a line doubled", bytes.Replace(whole, line(whole, 200), bytes.Repeat(line(whole, 200), 2), 1), 201, journal.BrokenSeq},
		{"an empty line", slices.Concat(before, []byte("\n"), whole[len(before):]), 200, journal.BrokenForm},
		{"the first line removed", bytes.Replace(whole, line(whole, 1), nil, 1), 1, journal.BrokenSeq},
		{"the last line cut", whole[:len(whole)-1], 500, journal.BrokenNoLF},
		{"a field emptied", replace(500, `"informant":"M. Martin, accounting"`, `"informant":""`), 500, journal.BrokenField},
		{"a very long line", replace(200, "event", strings.Repeat("x", 1<<20)), 200, journal.BrokenTooLong},
		{"nothing", nil, 1, journal.BrokenEmpty},
	} {
		t.Run(c.name, func(t *testing.T) {
			head, err := journal.Verify(bytes.NewReader(c.data))
			var broken *journal.BrokenError
			if !errors.As(err, &broken) {
				t.Fatalf("got %v", err)
			}
			if broken.Line != c.line || broken.Kind != c.kind {
				t.Errorf("line %d, kind %q (%v), want line %d, kind %q", broken.Line, broken.Kind, err, c.line, c.kind)
			}
			if head.Count != uint64(c.line-1) {
				t.Errorf("head after %d entries, want %d", head.Count, c.line-1)
			}
		})
	}
	if head, err := journal.Verify(bytes.NewReader(whole)); err != nil || head.Count != 500 {
		t.Errorf("the untouched journal: %+v, %v", head, err)
	}
}

// Every bit of a small journal but those of the last line is held by the chain; the last line is held by the head.
func TestEveryFlippedBitIsNoticed(t *testing.T) {
	_, whole := fill(t, 3)
	want, err := journal.Verify(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		for bit := range 8 {
			data := bytes.Clone(whole)
			data[i] ^= 1 << bit
			if head, err := journal.Verify(bytes.NewReader(data)); err == nil && head.SHA256 == want.SHA256 {
				t.Errorf("byte %d, bit %d: not noticed", i, bit)
			}
		}
	}
}

func TestReadGoesOnBelowABrokenLine(t *testing.T) {
	_, whole := fill(t, 5)
	data := bytes.Replace(whole, []byte("event 2"), []byte("event X"), 1)
	var bad, good []int
	n := 0
	for e, err := range journal.Read(bytes.NewReader(data)) {
		n++
		if e.Seq != uint64(n) {
			t.Errorf("line %d: entry %d", n, e.Seq)
		}
		if err != nil {
			bad = append(bad, n)
		} else {
			good = append(good, n)
		}
	}
	if fmt.Sprint(good, bad) != "[1 2 4 5] [3]" {
		t.Errorf("good and bad: %v %v", good, bad)
	}
}

func TestScriptWithDistroToolsOnly(t *testing.T) {
	if _, err := exec.LookPath("sha256sum"); err != nil {
		servertest.Missing(t, "sha256sum is not installed: the chain was not checked with distro tools")
	}
	j, whole := fill(t, 120)
	if _, err := j.Append(journal.Entry{EventTime: time.Now(), Informant: "ç", Type: journal.Information,
		Description: "back\\slash \\n \t %s \u202e $(id) `id` \x00 \" end "}); err != nil {
		t.Fatal(err)
	}
	head, err := j.Verify()
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "verify-log.sh")
	if err := os.WriteFile(script, []byte(journal.VerifyScript()), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("sh", script, j.Path()).CombinedOutput()
	if want := fmt.Sprintf("OK 121 entries, head %s\n", head.SHA256); err != nil || string(out) != want {
		t.Errorf("the script says %q (%v), want %q", out, err, want)
	}
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"changed", bytes.Replace(whole, []byte("event 60"), []byte("event X0"), 1), "BROKEN at line 61"},
		{"cut", whole[:len(whole)-1], "BROKEN at line 120"},
		{"NUL", bytes.Replace(whole, []byte("event 60"), []byte("event 60\x00"), 1), "BROKEN"},
		{"empty", nil, "BROKEN"},
	} {
		bad := filepath.Join(t.TempDir(), "bad.jsonl")
		if err := os.WriteFile(bad, c.data, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("sh", script, bad).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(out), c.want) {
			t.Errorf("%s: the script says %q (%v), want %q and status 1", c.name, out, err, c.want)
		}
	}
}

func TestSeveralWritersDoNotFork(t *testing.T) {
	j := create(t)
	var group sync.WaitGroup
	for w := range 3 {
		group.Go(func() {
			out, err := writer(j, fmt.Sprintf("process %d", w)).CombinedOutput()
			if err != nil {
				t.Errorf("writer process: %v: %s", err, out)
			}
		})
		group.Go(func() {
			for i := range 50 {
				if _, err := j.Append(entry(fmt.Sprintf("goroutine %d %d", w, i))); err != nil {
					t.Errorf("writer goroutine: %v", err)
				}
			}
		})
	}
	group.Wait()
	head, err := j.Verify()
	if err != nil || head.Count != 301 {
		t.Errorf("%d entries, error %v; want 301", head.Count, err)
	}
	seen := map[string]bool{}
	for e := range journal.Read(bytes.NewReader(contents(t, j))) {
		seen[e.Description] = true
	}
	if len(seen) != 301 {
		t.Errorf("%d different entries", len(seen))
	}
}

func writer(j *journal.Journal, name string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "JOURNAL_TEST_WRITER="+j.Path(), "JOURNAL_TEST_NAME="+name)
	return cmd
}

// A writer killed after any number of acknowledged entries loses none of them.
func TestKilledWriterKeepsWhatItAcknowledged(t *testing.T) {
	j := create(t)
	for round := range 10 {
		cmd := writer(j, fmt.Sprintf("round %d", round))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		var acknowledged []string
		for len(acknowledged) < 1+3*round && lines.Scan() {
			acknowledged = append(acknowledged, lines.Text())
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			acknowledged = append(acknowledged, lines.Text())
		}
		_ = cmd.Wait()
		if _, err := j.Append(entry(fmt.Sprintf("after the kill of round %d", round))); err != nil {
			t.Fatal(err)
		}
		if _, err := j.Verify(); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		found := map[string]bool{}
		for e := range journal.Read(bytes.NewReader(contents(t, j))) {
			found[fmt.Sprintf("%d %s", e.Seq, e.Description)] = true
		}
		for _, a := range acknowledged {
			if !found[a] {
				t.Errorf("round %d: acknowledged and lost: %s", round, a)
			}
		}
	}
}
