package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/text/encoding/charmap"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/evidence/journal/export"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// maxImport bounds a file of typed rows, in bytes.
const maxImport = 16 << 20

// refPaperRow is the name in an entry's Ref of the row in the file, by which an import that was cut short goes on.
const refPaperRow = "paper_row"

func newLogImportCommand(t *terminal, g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "import FILE.csv",
		Short: "type back the rows that were written on paper",
		Long: `import reads a CSV with the columns of log export --format csv, in French or English, with ;
or , between them. It needs event_time with the day, informant, type and description (date et
heure, informateur, type, description); seq (numéro) is the row on paper. All rows are checked before the first is
written. A file is imported once.`,
		Example: `  mbaudit log import lignes.csv`,
		Args:    exactArgs("FILE.csv"),
		RunE:    func(cmd *cobra.Command, args []string) error { return runLogImport(t, g, args[0]) },
	}
}

func runLogImport(t *terminal, g *global, file string) error {
	c, err := g.openCase(t)
	if err != nil {
		return err
	}
	zone, err := c.zone()
	if err != nil {
		return err
	}
	data, err := readTyped(t, file)
	if err != nil {
		return err
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(data.raw))
	lines, err := c.journal.Lines()
	if err != nil {
		return withHint(err, "look at the journal first: mbaudit log verify")
	}
	begun, written, err := importedBefore(lines, sum)
	if err != nil {
		return err
	}
	times := timeReader{now: t.now(), zone: zone, language: c.Language, fixed: true}
	entries, problems := parseRows(data.text, times, uint64(len(lines)))
	if len(problems) > 0 {
		for _, p := range problems {
			t.say("%s: %s", file, visible.Line(p))
		}
		return withHint(fmt.Errorf("nothing was written: %s cannot be read as entries", plural2(len(problems), "row", "rows")), "correct the file and import it again")
	}
	if len(entries) == 0 {
		return fmt.Errorf("%s has no rows", file)
	}
	imported, err := writeRows(c, filepath.Base(file), sum, entries, begun, written)
	if err != nil {
		return err
	}
	if g.json {
		return t.printJSON(imported)
	}
	t.print("%s written from %s", plural2(len(imported), "entry", "entries"), file)
	return nil
}

// typed is a file as it is and as text.
type typed struct {
	raw  []byte
	text string
}

// readTyped reads the file. What is not UTF-8 was saved by a spreadsheet in the encoding of western Windows.
func readTyped(t *terminal, file string) (typed, error) {
	info, err := os.Stat(file)
	if err != nil {
		return typed{}, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxImport {
		return typed{}, fmt.Errorf("%s is not a file of typed rows: it has %d bytes, at most %d are read", file, info.Size(), maxImport)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return typed{}, err
	}
	text := bytes.TrimPrefix(raw, []byte("\ufeff"))
	if !utf8.Valid(text) {
		if text, err = charmap.Windows1252.NewDecoder().Bytes(text); err != nil {
			return typed{}, fmt.Errorf("%s is text neither in UTF-8 nor in Windows-1252: %w", file, err)
		}
		t.say("%s is not UTF-8; it is read as Windows-1252", file)
	}
	return typed{raw, string(text)}, nil
}

// importedBefore refuses a file that was imported. Where an import of it was cut short, it gives the number of the entry
// that announced it and the rows that were written.
func importedBefore(lines []journal.Line, sum string) (begun uint64, written map[string]bool, err error) {
	written = make(map[string]bool)
	for _, line := range lines {
		if line.Ref[export.RefPaperFile] != sum {
			continue
		}
		switch {
		case line.Ref[refPaperRow] != "":
			written[line.Ref[refPaperRow]] = true
		case line.OutcomeOf != 0 && line.ActionState == journal.Done:
			return 0, nil, withHint(fmt.Errorf("this file was imported already: entry %d says so, with its SHA-256", line.Seq),
				"to correct an entry, add one: mbaudit log add --type correction --corrects N")
		case line.OutcomeOf == 0:
			begun = line.Seq
		}
	}
	return begun, written, nil
}

// writeRows writes the entries that are not there yet, between one that announces them and one that says it is done.
func writeRows(c *openCase, file, sum string, entries []journal.Entry, begun uint64, there map[string]bool) ([]journal.Entry, error) {
	announcement := journal.Entry{Type: journal.Information, Auto: true, Informant: "mbaudit", Recorder: c.Operator.Name, ActionState: journal.Started,
		Description: fmt.Sprintf("typing back %s from paper, file %s", plural2(len(entries), "row", "rows"), file),
		Ref:         map[string]string{export.RefPaperFile: sum, "paper_file": file}}
	if begun == 0 {
		first, err := c.journal.Append(announcement)
		if err != nil {
			return nil, err
		}
		begun = first.Seq
	}
	var written []journal.Entry
	for _, e := range entries {
		if there[e.Ref[refPaperRow]] {
			continue
		}
		e.Recorder = recorder(c)
		e.Ref[export.RefPaperFile] = sum
		entry, err := c.journal.Append(e)
		if err != nil {
			return written, withHint(fmt.Errorf("%s written, then: %w", plural2(len(written), "entry was", "entries were"), err),
				"import the same file again: it goes on where it stopped")
		}
		written = append(written, entry)
	}
	announcement.OutcomeOf, announcement.ActionState = begun, journal.Done
	announcement.Result = plural2(len(written), "entry", "entries") + " written"
	_, err := c.journal.Append(announcement)
	return written, err
}

// parseRows reads all rows, or says what is wrong with each that cannot be read.
func parseRows(text string, times timeReader, last uint64) (entries []journal.Entry, problems []string) {
	r := csv.NewReader(strings.NewReader(text))
	r.Comma = separator(text)
	r.FieldsPerRecord = -1
	header, err := r.Read()
	if err != nil {
		return nil, []string{"it has no line with the names of its columns"}
	}
	columns, err := columnsOf(header)
	if err != nil {
		return nil, []string{err.Error()}
	}
	for n := 1; ; n++ {
		cells, err := r.Read()
		if err == io.EOF {
			return entries, problems
		}
		if err != nil { // after a quote that does not end nobody can tell what is a row
			return entries, append(problems, err.Error())
		}
		line, _ := r.FieldPos(0)
		row := make(map[string]string)
		for i, cell := range cells {
			if i < len(columns) {
				row[columns[i]] = strings.TrimSpace(export.Uncell(cell))
			}
		}
		if strings.TrimSpace(strings.Join(cells, "")) == "" || row["event_time"]+row["informant"]+row["description"]+row["type"] == "" {
			continue // a row of the form that stayed blank
		}
		if len(cells) > len(columns) {
			problems = append(problems, fmt.Sprintf("line %d: it has %d cells, the header %d", line, len(cells), len(columns)))
			continue
		}
		e, wrong := parseRow(row, n, times, last)
		for _, w := range wrong {
			problems = append(problems, fmt.Sprintf("line %d: %s", line, w))
		}
		entries = append(entries, e)
	}
}

// separator is the sign between columns: the one of ';', ',' and tab that the first line has most of.
func separator(text string) rune {
	first, _, _ := strings.Cut(text, "\n")
	best := ';'
	for _, sign := range []rune{',', '\t'} {
		if strings.Count(first, string(sign)) > strings.Count(first, string(best)) {
			best = sign
		}
	}
	return best
}

// columnsOf gives the English names of a header's columns.
func columnsOf(header []string) ([]string, error) {
	names := make(map[string]string)
	for _, c := range export.Columns() {
		names[strings.ToLower(c.Name)], names[strings.ToLower(c.French)] = c.Name, c.Name
	}
	columns, seen := make([]string, len(header)), make(map[string]bool)
	for i, cell := range header {
		cell = strings.TrimSpace(strings.ReplaceAll(cell, "’", "'"))
		if cell == "" {
			continue
		}
		name, ok := names[strings.ToLower(cell)]
		if !ok {
			return nil, fmt.Errorf("there is no column %q; the columns are those of: mbaudit log export --format csv", visible.Text(cell))
		}
		if seen[name] {
			return nil, fmt.Errorf("the column %q is there twice", visible.Text(cell))
		}
		columns[i], seen[name] = name, true
	}
	for _, need := range []string{"event_time", "informant", "type", "description"} {
		if !seen[need] {
			return nil, fmt.Errorf("the column %s is missing", need)
		}
	}
	return columns, nil
}

// parseRow makes an entry of one row and says everything that is wrong with it.
func parseRow(row map[string]string, n int, times timeReader, last uint64) (journal.Entry, []string) {
	var wrong []string
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if row["sha256"] != "" {
		bad("it is an entry of a journal already, not a row of paper: its sha256 is filled in")
	}
	e := journal.Entry{Informant: row["informant"], Description: row["description"], Account: row["account"], DecisionBy: row["decision_by"], Result: row["result"],
		Cost: row["cost"], Confidentiality: row["confidentiality"], Evidence: strings.Fields(row["evidence"]), EventPrecision: journal.Precision(row["event_precision"]),
		Ref: map[string]string{refPaperRow: strconv.Itoa(n), export.RefPaperLine: paperLine(row["seq"], n)}}
	switch strings.ToLower(row["event_approximate"]) {
	case "", "no", "non":
	case "yes", "oui", "x", "~":
		e.EventApproximate = true
	default:
		bad("event_approximate is %q, not yes or empty", visible.Text(row["event_approximate"]))
	}
	told, err := times.read(row["event_time"])
	if err != nil {
		bad("event_time: %v", err)
		told.at = time.Unix(0, 0) // so that Check does not say it again
	}
	setTime(&e, told)
	kind, ok := export.ParseType(row["type"])
	if e.Type = kind; !ok {
		e.Type = journal.Type(row["type"])
	}
	if row["action_state"] != "" {
		if e.ActionState, ok = export.ParseState(row["action_state"]); !ok {
			e.ActionState = journal.State(row["action_state"])
		}
	}
	for _, f := range []struct {
		name  string
		field *uint64
	}{{"corrects", &e.Corrects}, {"outcome_of", &e.OutcomeOf}} {
		if row[f.name] == "" {
			continue
		}
		if *f.field, err = strconv.ParseUint(row[f.name], 10, 64); err != nil || *f.field == 0 || *f.field > last {
			bad("%s is %q; the entries have the numbers 1 to %d", f.name, visible.Text(row[f.name]), last)
		}
	}
	var invalid *journal.InvalidError
	if errors.As(e.Check(), &invalid) {
		for _, f := range invalid.Fields {
			bad("%s %s", f.Field, f.Reason)
		}
	}
	return e, wrong
}

// paperLine is the row's number on the form, P3 or 3; where it was not typed, the row's place in the file.
func paperLine(typed string, n int) string {
	if typed = strings.TrimLeft(typed, "Pp "); typed != "" {
		return typed
	}
	return strconv.Itoa(n)
}
