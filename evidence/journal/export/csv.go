package export

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// Options say how and about what to render.
type Options struct {
	Language     string         // "fr" or "en"
	Zone         *time.Location // for showing times; required
	Case         string
	Organisation string
	Operator     string
	Now          time.Time // of the rendering
	BlankRows    int       // of the paper form
}

// A Column is one of the CSV rendering, and of a file that is typed back from paper.
type Column struct {
	Name   string // in English, and for programs
	French string
}

// Columns lists the columns of the CSV rendering in their order.
func Columns() []Column {
	return []Column{
		{"seq", "numéro"}, {"event_time", "date et heure"}, {"event_precision", "précision"}, {"event_approximate", "approximatif"},
		{"recorded_time", "enregistré le"}, {"late", "retard"}, {"informant", "informateur"}, {"recorder", "rédacteur"}, {"type", "type"},
		{"auto", "automatique"}, {"description", "description"}, {"account", "compte"}, {"evidence", "pièces"}, {"corrects", "corrige"},
		{"outcome_of", "suite de"}, {"action_state", "état"}, {"decision_by", "décidé par"}, {"result", "résultat"}, {"cost", "coût"},
		{"confidentiality", "confidentialité"}, {"clock_offset", "écart d'horloge"}, {"ref", "références"}, {"sha256", "SHA-256 de la ligne"},
	}
}

// CSV writes one row for each entry, for a spreadsheet: with ';' and a byte order mark in French, as Excel wants it there,
// with ',' in English. Lines end with CRLF (RFC 4180), every cell is quoted, and a cell that a spreadsheet might take for
// a formula begins with an apostrophe.
func CSV(w io.Writer, lines []journal.Line, o Options) error {
	columns := Columns()
	header := make([]string, len(columns))
	for i, c := range columns {
		header[i] = c.Name
		if o.Language == French {
			header[i] = c.French
		}
	}
	separator := ","
	if o.Language == French {
		separator = ";"
		if _, err := io.WriteString(w, "\ufeff"); err != nil {
			return err
		}
	}
	if err := Row(w, separator, header); err != nil {
		return err
	}
	for _, line := range lines {
		if err := Row(w, separator, row(line, o)); err != nil {
			return err
		}
	}
	return nil
}

// row gives an entry's cells, in the order of Columns.
func row(line journal.Line, o Options) []string {
	e := line.Entry
	yes := func(is bool) string {
		switch {
		case is && o.Language == French:
			return "oui"
		case is:
			return "yes"
		}
		return ""
	}
	cells := []string{
		number(e.Seq), e.EventTime.In(o.Zone).Format("2006-01-02 15:04:05 -07:00"), string(e.EventPrecision), yes(e.EventApproximate),
		RecordedTime(e, o.Zone), Late(e, o.Language), e.Informant, e.Recorder, TypeWord(e.Type, o.Language),
		yes(e.Auto), e.Description, e.Account, strings.Join(e.Evidence, " "), number(e.Corrects),
		number(e.OutcomeOf), StateWord(e.ActionState, o.Language), e.DecisionBy, e.Result, e.Cost,
		e.Confidentiality, e.ClockOffset, refs(e.Ref), line.SHA256,
	}
	for i := range cells {
		cells[i] = Cell(cells[i])
	}
	return cells
}

func number(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}

func refs(ref map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(ref)) {
		parts = append(parts, name+"="+ref[name])
	}
	return strings.Join(parts, " ")
}

// Row writes a row of a table, every cell quoted and the line ended with CRLF (RFC 4180). What a stranger wrote in a cell goes
// through Cell before.
func Row(w io.Writer, separator string, cells []string) error {
	quoted := make([]string, len(cells))
	for i, cell := range cells {
		quoted[i] = `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
	}
	_, err := io.WriteString(w, strings.Join(quoted, separator)+"\r\n")
	return err
}

// formulaSigns begin what a spreadsheet takes for a formula; the last four are the wide forms, which some take as well.
const formulaSigns = "=+-@|%＝＋－＠"

// Cell is a stranger's text as it stands in a cell: visible, and not a formula. An apostrophe, which is put before a
// sign of a formula, is also put before one that is there, so that Uncell gives back what was there.
func Cell(s string) string {
	s = visible.Text(s)
	if isFormula(s) || strings.HasPrefix(s, "'") {
		return "'" + s
	}
	return s
}

// Uncell takes the apostrophe off again that Cell put before a cell.
func Uncell(s string) string {
	if rest, ok := strings.CutPrefix(s, "'"); ok && (isFormula(rest) || strings.HasPrefix(rest, "'")) {
		return rest
	}
	return s
}

func isFormula(s string) bool {
	s = strings.TrimLeft(s, " ")
	return s != "" && strings.ContainsAny(s[:len(string([]rune(s)[:1]))], formulaSigns)
}

// IRIS writes a CSV that the timeline of a DFIR-IRIS case takes. event_assets and event_iocs stay empty, because IRIS
// refuses a row that names one which its case does not know; the account is a tag.
func IRIS(w io.Writer, lines []journal.Line, o Options) error {
	header := []string{"event_date", "event_tz", "event_title", "event_category", "event_content", "event_raw", "event_source",
		"event_assets", "event_iocs", "event_tags"}
	if err := Row(w, ",", header); err != nil {
		return err
	}
	for _, line := range lines {
		e := line.Entry
		local := e.EventTime.In(o.Zone)
		category := "Unspecified"
		if e.Type == journal.Action {
			category = "Remediation"
		}
		content := e.Description
		if e.Result != "" {
			content += " -> " + e.Result
		}
		err := Row(w, ",", []string{local.Format("2006-01-02T15:04:05.000"), local.Format("-07:00"), Cell(title(e.Description)), category,
			Cell(content), Cell(strings.TrimSuffix(string(line.Bytes), "\n")), Cell(e.Informant), "", "", strings.Join(tags(e), "|")})
		if err != nil {
			return err
		}
	}
	return nil
}

// title is the beginning of a description.
func title(s string) string {
	if runes := []rune(s); len(runes) > 120 {
		return string(runes[:119]) + "…"
	}
	return s
}

// tags say of an entry in one word each what other tools filter by.
func tags(e journal.Entry) []string {
	list := []string{"logbook", "logbook-" + clean(string(e.Type)), fmt.Sprintf("entry-%d", e.Seq)}
	for _, t := range []struct {
		is   bool
		name string
	}{
		{e.Auto, "automatic"},
		{e.EventApproximate, "approximate-time"},
		{e.EventPrecision != journal.Exact, "precision-" + clean(string(e.EventPrecision))},
		{Late(e, "") != "", "late-entry"},
		{e.ActionState != "", clean(string(e.ActionState))},
		{e.Account != "", clean(e.Account)},
	} {
		if t.is {
			list = append(list, t.name)
		}
	}
	return list
}

// clean makes a text one tag.
func clean(s string) string {
	return strings.NewReplacer("|", "_", ",", "_", " ", "_").Replace(visible.Text(s))
}
