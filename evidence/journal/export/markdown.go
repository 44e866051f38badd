package export

import (
	"fmt"
	"io"
	"strings"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// Markdown writes a table, with the journal's head above and below it.
func Markdown(w io.Writer, lines []journal.Line, o Options) error {
	p := newPage(lines, o)
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n", markdown(p.Title))
	for _, fact := range p.Facts {
		fmt.Fprintf(&b, "- %s: %s\n", fact.Name, markdown(fact.Value))
	}
	fmt.Fprintf(&b, "- %s: `%s`\n\n", p.Words.Head, p.Head)
	fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n|---:|---|---|---|---|---|\n", p.Words.Number, p.Words.Event, p.Words.Recorded,
		p.Words.Informant, p.Words.Type, p.Words.Description)
	for _, row := range p.Rows {
		kind := markdown(row.Type)
		if len(row.Marks) > 0 {
			kind += "<br>" + markdown(strings.Join(row.Marks, "; "))
		}
		text := markdown(row.Description)
		for _, d := range row.Details {
			text += "<br>" + d.Name + ": " + markdown(d.Value)
		}
		fmt.Fprintf(&b, "| %d | %s | %s | %s | %s | %s |\n", row.Seq, markdown(row.Event), markdown(row.Recorded), markdown(row.Who), kind, text)
	}
	fmt.Fprintf(&b, "\n%s\n", p.Words.Derived)
	_, err := io.WriteString(w, b.String())
	return err
}

// markdown makes a text, which is visible already, stand for itself: nothing in it is markup, HTML or becomes a link.
func markdown(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case strings.ContainsRune("\\`*_{}[]<>#|~!&$", r),
			r == ':' && strings.HasPrefix(s[i:], "://"), r == '.' && i >= 3 && strings.EqualFold(s[i-3:i], "www"), r == '@':
			b.WriteString(fmt.Sprintf("&#%d;", r))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// A page is what Markdown, HTML and Paper show: everything in it is visible text, not yet escaped for the format.
type page struct {
	Language, Title, Head string
	HeadSeq               uint64
	Facts                 []fact
	Rows                  []pageRow
	Blank                 []int
	Words                 words
}

type fact struct{ Name, Value string }

type pageRow struct {
	Seq             uint64
	Event, Recorded string
	Who, Recorder   string
	Type            string
	Marks           []string
	Description     string
	Details         []fact
	Late            bool
}

type words struct {
	Number, Event, Recorded, Informant, Type, Description, Head, Entries, Derived, By, PaperIntro, PaperLine, Signature string
}

func wordsIn(language string) words {
	if language == French {
		return words{Number: "N°", Event: "Date et heure du fait", Recorded: "Enregistré le", Informant: "Informateur", Type: "Type",
			Description: "Description", Head: "SHA-256 de la dernière entrée", Entries: "Entrées", By: "rédigé par",
			Derived:    "Copie lisible du journal ; c’est le fichier journal.jsonl qui fait foi. Vérifier : mbaudit log verify --head SHA-256.",
			PaperIntro: "Lignes à remplir à la main : date et heure, personne ou service qui informe, type, description factuelle. À ressaisir ensuite : mbaudit log import FICHIER.csv.",
			PaperLine:  "Ligne", Signature: "Nom, date et signature"}
	}
	return words{Number: "No.", Event: "Date and time of the event", Recorded: "Recorded", Informant: "Informant", Type: "Type",
		Description: "Description", Head: "SHA-256 of the last entry", Entries: "Entries", By: "written by",
		Derived:    "A readable copy of the journal; the file journal.jsonl is what counts. Check: mbaudit log verify --head SHA-256.",
		PaperIntro: "Rows to fill in by hand: date and time, person or service who informs, type, what happened. To be typed back with: mbaudit log import FILE.csv.",
		PaperLine:  "Row", Signature: "Name, date and signature"}
}

func newPage(lines []journal.Line, o Options) page {
	french := o.Language == French
	p := page{Language: "en", Title: "Incident logbook " + visible.Text(o.Case), Words: wordsIn(o.Language)}
	names := []string{"Organisation", "Operator", "Time zone", "Printed"}
	if french {
		p.Language, p.Title = French, "Main courante "+visible.Text(o.Case)
		names = []string{"Organisme", "Opérateur", "Fuseau horaire", "Édité le"}
	}
	for i, value := range []string{o.Organisation, o.Operator, o.Zone.String(), o.Now.In(o.Zone).Format("2006-01-02 15:04:05 -07:00")} {
		if value != "" {
			p.Facts = append(p.Facts, fact{names[i], visible.Text(value)})
		}
	}
	p.Facts = append(p.Facts, fact{p.Words.Entries, fmt.Sprint(len(lines))})
	if n := len(lines); n > 0 {
		p.Head, p.HeadSeq = lines[n-1].SHA256, lines[n-1].Seq
	}
	by := Corrections(lines)
	for _, line := range lines {
		p.Rows = append(p.Rows, newRow(line.Entry, by[line.Seq], o))
	}
	for n := range o.BlankRows {
		p.Blank = append(p.Blank, n+1)
	}
	return p
}

func newRow(e journal.Entry, correctedBy []uint64, o Options) pageRow {
	row := pageRow{Seq: e.Seq, Event: EventTime(e, o.Zone, o.Language), Recorded: RecordedTime(e, o.Zone), Who: visible.Text(e.Informant),
		Recorder: visible.Text(e.Recorder), Type: TypeWord(e.Type, o.Language), Marks: Marks(e, correctedBy, o.Language),
		Description: visible.Text(e.Description), Late: Late(e, o.Language) != ""}
	names := []string{"Result", "Account", "Exhibits", "Decided by", "Cost", "Confidentiality", "Clock offset"}
	if o.Language == French {
		names = []string{"Résultat", "Compte", "Pièces", "Décidé par", "Coût", "Confidentialité", "Écart d’horloge"}
	}
	for i, value := range []string{e.Result, e.Account, strings.Join(e.Evidence, " "), e.DecisionBy, e.Cost, e.Confidentiality, e.ClockOffset} {
		if value != "" {
			row.Details = append(row.Details, fact{names[i], visible.Text(value)})
		}
	}
	return row
}
