package export_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/evidence/journal/export"
)

// To look at the renderings: go test ./evidence/journal/export -keep DIR
var keepDir = flag.String("keep", "", "directory in which to keep the renderings")

const hostile = "=HYPERLINK(\"http://evil.example/\";\"x\") <script>alert(1)</script> ![x](http://evil.example/y.png) \x1b[31m\u202egpj.exe | www.evil.example\nsecond"

func paris(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// story is a journal as a first hour leaves it, with a stranger's text in every field that can hold one.
func story(t *testing.T) []journal.Line {
	t.Helper()
	zone := paris(t)
	at := func(hour, minute int) time.Time { return time.Date(2026, 11, 23, hour, minute, 0, 0, zone) }
	clock := at(15, 2)
	j, _, err := journal.Create(filepath.Join(t.TempDir(), journal.FileName), journal.Entry{EventTime: at(8, 40), EventPrecision: journal.Minute,
		EventApproximate: true, Informant: "Mme Martin, comptabilité", Recorder: "J. Petit", Type: journal.Detection,
		Description: "Dossier 2026-0042 ouvert ; signalé : des fournisseurs répondent à des messages qu’elle n’a pas envoyés."})
	if err != nil {
		t.Fatal(err)
	}
	j.Clock = func() time.Time { clock = clock.Add(97 * time.Second); return clock }
	for _, e := range []journal.Entry{
		{EventTime: at(14, 50), Informant: "M. Roy, directeur", Recorder: "J. Petit", Type: journal.Decision, DecisionBy: "M. Roy",
			Description: "Collecter avant de bloquer ; prévenir la banque.", Account: "martin@example.com", Confidentiality: "TLP:AMBER"},
		{Auto: true, Informant: "mbaudit", Type: journal.Collection, Account: "martin@example.com", ActionState: journal.Started,
			Description: "collecting martin@example.com from imaps://mail.example.com", Ref: map[string]string{"bundle": "01JD2Z4"}},
		{Auto: true, Informant: "mbaudit", Type: journal.Collection, Account: "martin@example.com", ActionState: journal.Done, OutcomeOf: 3,
			Description: "collecting martin@example.com from imaps://mail.example.com", Result: "10050 exhibits, 0 gaps", Evidence: []string{"P-000001", "P-010050"}},
		{EventTime: at(15, 5), Informant: hostile, Recorder: hostile, Type: journal.Information, Description: hostile, Account: hostile,
			Evidence: []string{hostile}, DecisionBy: hostile, Result: hostile, Cost: hostile, Confidentiality: hostile, ClockOffset: hostile, Ref: map[string]string{hostile: hostile}},
		{EventTime: at(15, 6), EventPrecision: journal.Minute, Informant: "J. Petit", Recorder: "J. Petit", Type: journal.Correction, Corrects: 1,
			Description: "C’était vers 8 h 14, non 8 h 40."},
		{EventTime: at(15, 0), EventPrecision: journal.Hour, Informant: "Prestataire", Recorder: "J. Petit", Type: journal.Cost, Cost: "-2 h, 180 EUR",
			Description: "Intervention de l’infogérant", Ref: map[string]string{export.RefPaperLine: "3"}},
	} {
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

func options(t *testing.T, language string) export.Options {
	return export.Options{Language: language, Zone: paris(t), Case: "2026-0042", Organisation: "Exemple SARL <b>", Operator: "J. Petit",
		Now: time.Date(2026, 11, 23, 17, 0, 0, 0, paris(t)), BlankRows: 12}
}

type renderer = func(w *bytes.Buffer, lines []journal.Line, o export.Options) error

func render(t *testing.T, name string, f renderer, language string) string {
	t.Helper()
	var b bytes.Buffer
	if err := f(&b, story(t), options(t, language)); err != nil {
		t.Fatal(err)
	}
	if *keepDir != "" {
		if err := os.WriteFile(filepath.Join(*keepDir, name), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestCSV(t *testing.T) {
	for _, l := range []struct {
		language   string
		bom        string
		comma      rune
		kind, head string
	}{{"fr", "\ufeff", ';', "détection", "numéro"}, {"en", "", ',', "detection", "seq"}} {
		text := render(t, "journal."+l.language+".csv", func(w *bytes.Buffer, lines []journal.Line, o export.Options) error { return export.CSV(w, lines, o) }, l.language)
		rest, found := strings.CutPrefix(text, "\ufeff")
		if found != (l.bom != "") {
			t.Errorf("%s: byte order mark %t", l.language, found)
		}
		if strings.Count(rest, "\n") != 8 || strings.Count(rest, "\r\n") != 8 {
			t.Errorf("%s: %d line ends of which %d are CRLF", l.language, strings.Count(rest, "\n"), strings.Count(rest, "\r\n"))
		}
		r := csv.NewReader(strings.NewReader(rest))
		r.Comma = l.comma
		rows, err := r.ReadAll()
		if err != nil || len(rows) != 8 || len(rows[0]) != len(export.Columns()) {
			t.Fatalf("%s: %d rows, %v", l.language, len(rows), err)
		}
		if rows[0][0] != l.head || rows[1][0] != "1" || rows[1][1] != "2026-11-23 08:40:00 +01:00" || rows[1][8] != l.kind {
			t.Errorf("%s: %q", l.language, rows[:2])
		}
		for _, row := range rows {
			for _, cell := range row {
				if strings.ContainsAny(cell[:min(1, len(cell))], "=+-@\t\r|%") || strings.ContainsAny(cell, "\x1b\n\u202e") {
					t.Errorf("%s: the cell %q is a formula, or moves something", l.language, cell)
				}
			}
		}
		if got := rows[7][18]; got != "'-2 h, 180 EUR" || export.Uncell(got) != "-2 h, 180 EUR" {
			t.Errorf("%s: the cost is %q", l.language, got)
		}
	}
}

func TestCellsAreNoFormulas(t *testing.T) {
	for _, s := range []string{"=1", "+1", "-1", "@x", "\t=1", "\r=1", " =1", "  @x", "＝1", "'=1", "''", "'x", "%0", "|calc", "plain", "", " "} {
		cell := export.Cell(s)
		if strings.ContainsAny(strings.TrimLeft(cell, " ")+"x", "=+-@") && regexp.MustCompile(`^\s*[=+\-@＝＋－＠|%]`).MatchString(cell) {
			t.Errorf("%q gives %q", s, cell)
		}
		if s == strings.TrimLeft(s, "\t\r") && export.Uncell(cell) != s {
			t.Errorf("%q gives %q, which gives %q", s, cell, export.Uncell(cell))
		}
	}
}

func TestIRIS(t *testing.T) {
	text := render(t, "iris.csv", func(w *bytes.Buffer, lines []journal.Line, o export.Options) error { return export.IRIS(w, lines, o) }, "en")
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) != 8 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	want := "event_date event_tz event_title event_category event_content event_raw event_source event_assets event_iocs event_tags"
	if strings.Join(rows[0], " ") != want {
		t.Errorf("header %q", rows[0])
	}
	first := rows[1]
	if first[0] != "2026-11-23T08:40:00.000" || first[1] != "+01:00" || first[3] != "Unspecified" || first[7]+first[8] != "" {
		t.Errorf("first row %q", first)
	}
	if got := first[9]; got != "logbook|logbook-detection|entry-1|approximate-time|precision-minute|late-entry" {
		t.Errorf("tags %q", got)
	}
}

func TestTimesketch(t *testing.T) {
	text := render(t, "timesketch.jsonl", func(w *bytes.Buffer, lines []journal.Line, o export.Options) error {
		return export.Timesketch(w, lines, o)
	}, "en")
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) != 7 {
		t.Fatalf("%d lines", len(lines))
	}
	for i, line := range lines {
		var event struct {
			Message, Datetime string
			Timestamp         int64
			Desc              string `json:"timestamp_desc"`
			Tag               []string
			Entry             int `json:"logbook_entry"`
		}
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse("2006-01-02T15:04:05.000000+00:00", event.Datetime)
		if err != nil || at.UnixMicro() != event.Timestamp || event.Message == "" || event.Desc == "" || event.Entry != i+1 {
			t.Errorf("line %d: %+v, %v", i+1, event, err)
		}
		if strings.ContainsAny(event.Message, "\x1b\n\u202e") {
			t.Errorf("line %d: the message is %q", i+1, event.Message)
		}
	}
	if !strings.Contains(lines[0], `"datetime":"2026-11-23T07:40:00.000000+00:00","timestamp":1795419600000000`) || !strings.Contains(lines[0], `"late-entry"`) {
		t.Errorf("first line %s", lines[0])
	}
}

func TestMarkdown(t *testing.T) {
	text := render(t, "journal.md", func(w *bytes.Buffer, lines []journal.Line, o export.Options) error {
		return export.Markdown(w, lines, o)
	}, "fr")
	var rows []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "| ") {
			rows = append(rows, line)
			if strings.Count(line, "|") != 7 {
				t.Errorf("the row has %d cells: %s", strings.Count(line, "|")-1, line)
			}
		}
	}
	if len(rows) != 8 {
		t.Errorf("%d rows", len(rows))
	}
	for _, markup := range []string{"<script", "](", "![", "http://evil", "www.evil", "\x1b", "\u202e", "<b>"} {
		if strings.Contains(text, markup) {
			t.Errorf("%q stands for itself no more", markup)
		}
	}
	if !regexp.MustCompile(`écrit [0-9]+ (h|j) [0-9]+ (min|h) plus tard`).MatchString(rows[1]) {
		t.Errorf("the entry that was written late is %s", rows[1])
	}
	for _, word := range []string{"# Main courante 2026-0042", "détection", "entamé", "suite de 3", "corrige 1", "corrigé par 6", "du papier, ligne 3", "vers 2026-11-23 08:40 +01:00"} {
		if !strings.Contains(text, word) {
			t.Errorf("%q is missing", word)
		}
	}
}

func TestHTML(t *testing.T) {
	html := func(w *bytes.Buffer, lines []journal.Line, o export.Options) error { return export.HTML(w, lines, o) }
	paper := func(w *bytes.Buffer, lines []journal.Line, o export.Options) error { return export.Paper(w, lines, o) }
	for name, text := range map[string]string{
		"fr": render(t, "journal.fr.html", html, "fr"), "en": render(t, "journal.en.html", html, "en"),
		"paper": render(t, "paper.fr.html", paper, "fr"),
	} {
		// The tags and attributes are those of page.html, whatever the entries hold.
		var tags []string
		for _, m := range regexp.MustCompile(`<([a-zA-Z][^\s/>]*)`).FindAllStringSubmatch(text, -1) {
			if !slices.Contains(tags, m[1]) {
				tags = append(tags, m[1])
			}
		}
		slices.Sort(tags)
		want := "bdi body code col colgroup dd div dl dt h1 head html li meta p span style table tbody td tfoot th thead title tr ul"
		if got := strings.Join(tags, " "); got != want {
			t.Errorf("%s: the tags are %s", name, got)
		}
		if m := regexp.MustCompile(`(?i)\s(src|href|on\w+|style)\s*=`).FindString(regexp.MustCompile(`>[^<]*<`).ReplaceAllString(text, "><")); m != "" {
			t.Errorf("%s: there is an attribute %q", name, m)
		}
		if !strings.Contains(text, `content="default-src &#39;none&#39;; style-src &#39;sha256-`) {
			t.Errorf("%s: no content security policy", name)
		}
		if strings.ContainsAny(text, "\x1b\u202e") {
			t.Errorf("%s: a control character", name)
		}
	}
	text := render(t, "journal.fr.html", html, "fr")
	if !regexp.MustCompile(`<tfoot><tr><td colspan="5">SHA-256 de la dernière entrée \(7\): <code>[0-9a-f]{64}</code>`).MatchString(text) {
		t.Error("the footer does not name the head")
	}
	if n := strings.Count(render(t, "paper.fr.html", paper, "fr"), `class="blank"`); n != 12 {
		t.Errorf("%d blank rows", n)
	}
	if strings.Contains(text, `class="blank"`) {
		t.Error("the page has blank rows")
	}
}

func TestWords(t *testing.T) {
	for _, kind := range journal.Types() {
		for _, word := range []string{string(kind), export.TypeWord(kind, "fr"), strings.ToUpper(export.TypeWord(kind, "fr")), " " + string(kind) + " "} {
			if got, ok := export.ParseType(word); !ok || got != kind {
				t.Errorf("%q gives %q", word, got)
			}
		}
	}
	for _, state := range journal.States() {
		if got, ok := export.ParseState(export.StateWord(state, "fr")); !ok || got != state {
			t.Errorf("%q gives %q", export.StateWord(state, "fr"), got)
		}
	}
	for word, want := range map[string]journal.Type{"detection": "detection", "dét": "detection", "cout": "cost", "coll": "collection", "co": "", "": "", "gossip": "", "comm": "communication", "err": "error"} {
		if got, ok := export.ParseType(word); got != want && ok {
			t.Errorf("%q gives %q", word, got)
		}
	}
	if got := export.Grouped("0123456789ab"); got != "0123 4567 89ab" {
		t.Error(got)
	}
}
