package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/evidence/journal/export"
)

func TestTimesAsTyped(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	r := timeReader{now: time.Date(2026, 11, 23, 15, 2, 11, 0, zone), zone: zone, language: export.French}
	for text, want := range map[string]string{
		"2026-11-23T08:40:00+01:00":    "2026-11-23T08:40:00+01:00 ",
		"2026-11-23T08:40:00.25Z":      "2026-11-23T08:40:00.25Z ",
		"2026-11-23t08:40:00z":         "2026-11-23T08:40:00Z ",
		"2026-11-23 08:40:00 +01:00":   "2026-11-23T08:40:00+01:00 ",
		"2026-11-23 08:40 -05:00":      "2026-11-23T08:40:00-05:00 minute",
		"08:40":                        "2026-11-23T08:40:00+01:00 minute",
		"8:40:30":                      "2026-11-23T08:40:30+01:00 ",
		"8h40":                         "2026-11-23T08:40:00+01:00 minute",
		"8 h 40":                       "2026-11-23T08:40:00+01:00 minute",
		"8h":                           "2026-11-23T08:00:00+01:00 hour",
		"vers 8h":                      "2026-11-23T08:00:00+01:00 hour about",
		"~08:40":                       "2026-11-23T08:40:00+01:00 minute about",
		"hier 17:00":                   "2026-11-22T17:00:00+01:00 minute",
		"Hier à 17h":                   "2026-11-22T17:00:00+01:00 hour",
		"yesterday 17:00":              "2026-11-22T17:00:00+01:00 minute",
		"yesterday at 17:00":           "2026-11-22T17:00:00+01:00 minute",
		"avant-hier 9h05":              "2026-11-21T09:05:00+01:00 minute",
		"aujourd’hui 8:00":             "2026-11-23T08:00:00+01:00 minute",
		"aujourd'hui 23:00":            "2026-11-23T23:00:00+01:00 minute",
		"23/11/2026 08:40":             "2026-11-23T08:40:00+01:00 minute",
		"1/7/2026":                     "2026-07-01T00:00:00+02:00 day",
		"2026-07-01":                   "2026-07-01T00:00:00+02:00 day",
		"maintenant":                   "2026-11-23T15:02:11+01:00 ",
		"now":                          "2026-11-23T15:02:11+01:00 ",
		"2026-10-25T02:30:00+02:00":    "2026-10-25T02:30:00+02:00 ",
		"2026-10-25 01:30":             "2026-10-25T01:30:00+02:00 minute",
		"":                             "is not a time",
		"hier":                         "tells no hour",
		"demain 8h":                    "is not a time",
		"25:00":                        "there is no time",
		"08:61":                        "there is no time",
		"23:50":                        "is yet to come today",
		"2026-02-30 08:00":             "there is no day",
		"2026-03-29 02:30":             "never showed",
		"2026-10-25 02:30":             "showed 2026-10-25 02:30:00 twice",
		"2026-11-23 08:40 +01:00 more": "is not a time",
		"2026-11-23 08:40 +99:00":      "is not an offset",
		"840":                          "is not a time",
		"8:40 x\x1b[31m":               `\u{001B}`,
	} {
		told, err := r.read(text)
		got := strings.TrimSuffix(told.at.Format(time.RFC3339Nano)+" "+string(told.precision)+map[bool]string{true: " about"}[told.approximate], "~")
		if err != nil {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q: got %v, want %s", text, err, want)
			}
			continue
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	r.language = "en"
	if _, err := r.read("11/12/2026 08:00"); err == nil || !strings.Contains(err.Error(), "cannot be told from the month") {
		t.Errorf("got %v", err)
	}
	r.fixed = true
	for _, text := range []string{"08:40", "hier 17:00"} {
		if _, err := r.read(text); err == nil || !strings.Contains(err.Error(), "the day is missing") {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

// person runs one command as somebody at a terminal types answers, in a case of the language.
type person struct {
	dir            string
	stdout, stderr bytes.Buffer
}

func newPerson(t *testing.T, language string) *person {
	t.Helper()
	p := &person{dir: filepath.Join(t.TempDir(), "it's a case")}
	if status := p.run(t, strings.NewReader(""), "init", p.dir, "--lang", language, "--time-zone", "Europe/Paris", "--operator", "J. Petit"); status != 0 {
		t.Fatalf("init: %d: %s", status, p.stderr.String())
	}
	return p
}

func (p *person) run(t *testing.T, answers io.Reader, args ...string) int {
	t.Helper()
	p.stdout.Reset()
	p.stderr.Reset()
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	world := &terminal{stdin: answers, stdout: &p.stdout, stderr: &p.stderr, interactive: true, width: 80,
		getenv: func(name string) string { return map[string]string{"MBAUDIT_CASE": p.dir}[name] },
		now:    func() time.Time { return time.Date(2026, 11, 23, 15, 2, 11, 0, zone) }}
	return run(t.Context(), world, args)
}

// entries reads what is in the journal.
func (p *person) entries(t *testing.T) []journal.Line {
	t.Helper()
	j, err := journal.Open(filepath.Join(p.dir, journal.FileName))
	if err != nil {
		t.Fatal(err)
	}
	lines, err := j.Lines()
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// A wrong answer is asked again, in French, and what was typed before it stays.
func TestLogAddAsks(t *testing.T) {
	p := newPerson(t, "fr")
	answers := "\nMme Martin, comptabilité\n25h\nhier\nhier 17:00\ncommérage\nDÉCISION\n\nCollecter d’abord\nalice@example.test\nM. Roy\n"
	if status := p.run(t, strings.NewReader(answers), "log", "add"); status != 0 {
		t.Fatalf("status %d: %s", status, p.stderr.String())
	}
	for _, want := range []string{"Informateur (personne ou service", "ce champ est obligatoire", "Date et heure du fait", "there is no time", "tells no hour",
		"détection, information, décision, action, collecte, communication, coût, erreur, correction", "n’est aucun de ces types", "Décidé par"} {
		if !strings.Contains(p.stderr.String(), want) {
			t.Errorf("%q was not asked or said:\n%s", want, p.stderr.String())
		}
	}
	if got := p.stdout.String(); got != "entrée 2 écrite\n" {
		t.Errorf("printed %q", got)
	}
	e := p.entries(t)[1]
	if e.Informant != "Mme Martin, comptabilité" || e.Type != journal.Decision || e.Description != "Collecter d’abord" || e.DecisionBy != "M. Roy" ||
		e.Account != "alice@example.test" || e.EventTime.Format(time.RFC3339) != "2026-11-22T17:00:00+01:00" || e.EventPrecision != journal.Minute {
		t.Errorf("written %+v", e)
	}
	if status := p.run(t, nil, "log", "list", "--type", "décision"); status != 0 {
		t.Fatal(p.stderr.String())
	}
	for _, want := range []string{"   2  2026-11-22 17:00 +01:00  décision [écrit ", "Mme Martin, comptabilité ; enregistré le ", "décidé par : M. Roy"} {
		if !strings.Contains(p.stdout.String(), want) {
			t.Errorf("%q is not in\n%s", want, p.stdout.String())
		}
	}
	for line := range strings.Lines(p.stdout.String()) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

// Corrections name an entry that is there; the corrected one shows which entry corrects it.
func TestLogAddCorrection(t *testing.T) {
	p := newPerson(t, "en")
	if status := p.run(t, strings.NewReader("J. Petit\n\ncorr\n9\nx\n1\nit was another case\n\n"), "log", "add"); status != 0 {
		t.Fatalf("status %d: %s", status, p.stderr.String())
	}
	if !strings.Contains(p.stderr.String(), "the entries have the numbers 1 to 1") {
		t.Errorf("said %s", p.stderr.String())
	}
	if status := p.run(t, nil, "log", "list"); status != 0 || !strings.Contains(p.stdout.String(), "[corrected by 2]") {
		t.Errorf("status %d: %s", status, p.stdout.String())
	}
}

// Who stops in the middle gets the command that goes on with what was typed, and nothing is written.
func TestLogAddLosesNothing(t *testing.T) {
	p := newPerson(t, "en")
	if status := p.run(t, strings.NewReader("the accountant's office\n~08:40\ndetection\n"), "log", "add"); status != statusFailed {
		t.Errorf("status %d", status)
	}
	want := fmt.Sprintf(`mbaudit log add --case %s --time '2026-11-23T08:40:00+01:00' --precision 'minute' --informant 'the accountant'\''s office' --type 'detection' --approximate`, shellQuote(p.dir))
	if !strings.Contains(p.stderr.String(), want) {
		t.Errorf("said %s\nwant %s", p.stderr.String(), want)
	}
	if n := len(p.entries(t)); n != 1 {
		t.Errorf("%d entries", n)
	}

	ctx, cancel := context.WithCancel(t.Context())
	silent, typing := io.Pipe()
	defer typing.Close()
	go func() { _, _ = io.WriteString(typing, "SOC\n") }()
	var stderr bytes.Buffer
	interrupted := writerFunc(func(p []byte) (int, error) {
		if bytes.HasPrefix(p, []byte("Time of the event")) { // the second question: Ctrl-C
			cancel()
		}
		return stderr.Write(p)
	})
	world := &terminal{stdin: silent, stdout: io.Discard, stderr: interrupted, interactive: true, width: 80, getenv: func(string) string { return p.dir }, now: time.Now}
	if status := run(ctx, world, []string{"log", "add"}); status != statusInterrupted || !strings.Contains(stderr.String(), "--informant 'SOC'") {
		t.Errorf("status %d: %s", status, stderr.String())
	}
}

type writerFunc func([]byte) (int, error)

// Write calls the function.
func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// What was planned or started is open until an entry concludes it.
func TestLogListOpen(t *testing.T) {
	p := newPerson(t, "en")
	for _, args := range [][]string{
		{"--type", "action", "--state", "planned", "call the bank"},
		{"--type", "action", "--state", "started", "reset the password"},
		{"--type", "action", "--state", "done", "--outcome-of", "3", "password was reset"},
	} {
		if status := p.run(t, nil, append([]string{"log", "add", "--informant", "x"}, args...)...); status != 0 {
			t.Fatal(p.stderr.String())
		}
	}
	if status := p.run(t, nil, "log", "list", "--open"); status != 0 || !strings.Contains(p.stdout.String(), "call the bank") || strings.Contains(p.stdout.String(), "password") {
		t.Errorf("status %d: %s", status, p.stdout.String())
	}
}

// An import that was cut short goes on with the rows that are missing, and only then is the file known as imported.
func TestImportGoesOn(t *testing.T) {
	p := newPerson(t, "fr")
	file := filepath.Join(t.TempDir(), "lignes.csv")
	// As a French spreadsheet saves it: Windows-1252, with ';'.
	text := "num\xe9ro;date et heure;informateur;type;description\r\nP1;23/11/2026 08:40;M. Martin;d\xe9tection;r\xe9ponses \xe9tranges\r\nP2;23/11/2026 9h;J. Petit;d\xe9cision;collecter\r\n;;;;\r\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if status := p.run(t, nil, "log", "import", file); status != 0 {
		t.Fatalf("status %d: %s", status, p.stderr.String())
	}
	all := p.entries(t)
	if len(all) != 5 || all[2].Description != "réponses étranges" || all[2].Ref[export.RefPaperLine] != "1" || all[3].Type != journal.Decision || all[3].EventPrecision != journal.Hour {
		t.Fatalf("written %+v", all)
	}
	// The program dies after the first row.
	cut := len(all[0].Bytes) + len(all[1].Bytes) + len(all[2].Bytes)
	if err := os.Truncate(filepath.Join(p.dir, journal.FileName), int64(cut)); err != nil {
		t.Fatal(err)
	}
	if status := p.run(t, nil, "log", "import", file); status != 0 || p.stdout.String() != "1 entry written from "+file+"\n" {
		t.Errorf("status %d: %s%s", status, p.stdout.String(), p.stderr.String())
	}
	if again := p.entries(t); len(again) != 5 || again[3].Description != "collecter" || again[4].OutcomeOf != 2 {
		t.Errorf("written %+v", again)
	}
	if status := p.run(t, nil, "log", "import", file); status != statusFailed || !strings.Contains(p.stderr.String(), "imported already") {
		t.Errorf("status %d: %s", status, p.stderr.String())
	}
}

// The columns that the export writes are those that the import reads.
func TestImportReadsWhatExportNames(t *testing.T) {
	for _, language := range []string{"fr", "en"} {
		p := newPerson(t, language)
		if status := p.run(t, nil, "log", "export", "--format", "csv"); status != 0 {
			t.Fatal(p.stderr.String())
		}
		file := filepath.Join(t.TempDir(), "exported.csv")
		if err := os.WriteFile(file, p.stdout.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		if status := p.run(t, nil, "log", "import", file); status != statusFailed || !strings.Contains(p.stderr.String(), "it is an entry of a journal already") ||
			strings.Contains(p.stderr.String(), "column") {
			t.Errorf("status %d: %s", status, p.stderr.String())
		}
	}
}

// Everything that is wrong with a file is said at once, and nothing of it is written.
func TestImportChecksAllRowsFirst(t *testing.T) {
	p := newPerson(t, "en")
	for text, wants := range map[string][]string{
		"event_time,informant,type,description\n2026-11-23 08:40,x,detection,fine\n08:40,,gossip,\n2026-11-23 09:00,x,correction,no number\n": {
			"line 3: event_time: the day is missing", "line 3: informant is missing", `line 3: type is "gossip"`, "line 3: description is missing", "line 4: corrects is missing"},
		"event_time,informant,type\n":                                                        {"the column description is missing"},
		"event_time,informant,type,description,colour\n":                                     {`there is no column "colour"`},
		"event_time,informant,type,description,type\n":                                       {"is there twice"},
		"event_time,informant,type,description\n2026-11-23 08:40,x,cost,\"a\nb,c":            {`extraneous or missing " in quoted-field`},
		"event_time,informant,type,description,corrects\n2026-11-23 8:40,x,correction,y,7\n": {`corrects is "7"`},
		"": {"no line with the names"},
	} {
		file := filepath.Join(t.TempDir(), "rows.csv")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if status := p.run(t, nil, "log", "import", file); status != statusFailed {
			t.Errorf("%q: status %d", text, status)
		}
		for _, want := range wants {
			if !strings.Contains(p.stderr.String(), want) {
				t.Errorf("%q: %q is not in %s", text, want, p.stderr.String())
			}
		}
		if n := len(p.entries(t)); n != 1 {
			t.Fatalf("%q: %d entries", text, n)
		}
	}
}

// Whatever is in a file: every row that is taken is an entry that can be written.
func FuzzImport(f *testing.F) {
	f.Add("numéro;date et heure;informateur;type;description\r\nP1;23/11/2026 08:40;x;détection;\"a\"\"b\"\r\n")
	f.Add("event_time,informant,type,description,corrects,event_precision,event_approximate,evidence\n~2026-11-23 8h,x,corr,'=1,1,hour,x,P-1 P-2\n")
	f.Add("event_time\tinformant\ttype\tdescription\n2026-03-29 02:30\tx\tco\ty\n")
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		entries, problems := parseRows(text, timeReader{now: time.Now(), zone: zone, language: export.French, fixed: true}, 5)
		if len(problems) > 0 {
			return
		}
		for _, e := range entries {
			if err := e.Check(); err != nil {
				t.Errorf("%q gives an entry that cannot be written: %v", text, err)
			}
		}
	})
}
