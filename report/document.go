package report

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/findings/decision"
	"github.com/mbaudit/mbaudit/internal/phrase"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// A document is a report in one language, before it is HTML or Markdown: sections of blocks. All texts in it are visible and
// defanged; they are not yet escaped for a format.
type document struct {
	Language, Title string
	Meta            []pair
	Marking         string
	Sections        []section
}

type section struct {
	ID, Number, Title string
	Blocks            []block
}

// A block is one of several things; Kind says which.
type block struct {
	Kind    string // text, note, warn, heading, list, checks, pairs, table, picture, level, big, columns, fold
	Text    string
	Items   []string
	Pairs   []pair
	Head    []string
	Rows    []row
	Class   string
	Picture *picture
	Blocks  []block
}

type pair struct{ Name, Value string }

type row struct {
	Class string
	Cells []cell
}

type cell struct {
	Text  string
	Sub   string
	Class string // code, num, struck
}

// A page makes a document.
type page struct {
	m        *Model
	language string
	words    catalogue
	zone     *time.Location
	bundles  map[string]int
	missing  []string // keys that the catalogue lacks: a test wants none

	forms []phrase.Form            // of what the program wrote by itself
	steps map[string]decision.Text // of the plans, by either text
}

func newPage(m *Model, language string) (*page, error) {
	words, err := loadCatalogue()
	if err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(m.Case.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	p := &page{m: m, language: language, words: words, zone: zone, bundles: map[string]int{}}
	for i, b := range m.Bundles {
		p.bundles[b.ID] = i + 1
	}
	return p, nil
}

// document makes the whole of it, in the order and with the numbers that both languages share.
func (p *page) document() *document {
	d := &document{Language: p.language, Title: p.t("title", cut(p.m.Case.Reference, 60)), Marking: p.t("marking." + string(p.m.Audience))}
	d.Meta = p.meta()
	makers := p.makers()
	number, annex := 0, 'A'
	for _, id := range Sections() {
		s := section{ID: id, Title: p.t("section." + id)}
		if isAnnex(id) {
			s.Number = string(annex)
			annex++
		} else {
			number++
			s.Number = fmt.Sprint(number)
		}
		if !p.m.Has(id) {
			continue
		}
		s.Blocks = p.bounded(makers[id]())
		plainClasses(s.Blocks)
		d.Sections = append(d.Sections, s)
	}
	return d
}

// maxRows is how many rows a table shows. A page that no browser opens tells nobody anything; of many accounts a table may have
// hundreds of thousands.
const maxRows = 3000

// bounded cuts tables to what a page can hold, and says how much of them is elsewhere.
func (p *page) bounded(blocks []block) []block {
	var all []block
	for _, b := range blocks {
		b.Blocks = p.bounded(b.Blocks)
		more := len(b.Rows) - maxRows
		if more <= 0 {
			all = append(all, b)
			continue
		}
		b.Rows = b.Rows[:maxRows]
		all = append(all, b, note(p.t("table.more", more)))
	}
	return all
}

// plainClasses leaves letters, digits and hyphens in the classes: some are made of values out of a file.
func plainClasses(blocks []block) {
	class := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r == ' ' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' {
				return r
			}
			return -1
		}, s[:min(len(s), 60)])
	}
	for i := range blocks {
		blocks[i].Class = class(blocks[i].Class)
		for j := range blocks[i].Rows {
			blocks[i].Rows[j].Class = class(blocks[i].Rows[j].Class)
		}
		plainClasses(blocks[i].Blocks)
	}
}

func isAnnex(id string) bool {
	return slices.Index(Sections(), id) > slices.Index(Sections(), SecExhibits)
}

func (p *page) meta() []pair {
	m := p.m
	pairs := []pair{
		{p.t("meta.case"), cut(m.Case.Reference, 60)},
		{p.t("meta.version"), p.t("meta.version.value", m.Number)},
		{p.t("meta.made"), p.both(m.MadeAt)},
		{p.t("meta.audience"), p.t("audience." + string(m.Audience))},
	}
	if m.Case.Organisation != "" {
		pairs = append(pairs, pair{p.t("meta.organisation"), cut(m.Case.Organisation, 100)})
	}
	if m.Case.Operator != "" {
		pairs = append(pairs, pair{p.t("meta.author"), cut(m.Case.Operator, 60)})
	}
	return append(pairs, pair{p.t("meta.tool"), cut(m.Tool, 60)})
}

// t is a text of the catalogue, with values put in.
func (p *page) t(key string, args ...any) string {
	texts, ok := p.words[key]
	if !ok {
		p.missing = append(p.missing, key)
		return key
	}
	text := texts.In(p.language)
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// word is a text for a value out of a closed set; for a value that is not of it, the value itself.
func (p *page) word(prefix, value string) string {
	if value == "" {
		value = "none"
	}
	if texts, ok := p.words[prefix+"."+value]; ok {
		return texts.In(p.language)
	}
	return show(value)
}

// show makes a stranger's text safe to show in any form: what does not show as itself is written out, and URLs and IP
// addresses are defanged, so that no reader and no program follows them.
// What is longer than any honest text is cut: the exhibit has the whole.
func show(s string) string { return Defang(visible.Cut(s, maxShown)) }

const maxShown = 1200

func cut(s string, width int) string { return shorten(show(s), width) }

// shorten cuts a text that is safe to show already.
func shorten(s string, width int) string {
	r := []rune(s)
	if len(r) <= width {
		return string(r)
	}
	return string(r[:width-1]) + "…"
}

// say is a sentence of ours that a decision or a rule wrote; what it names may be a stranger's.
func (p *page) say(t decision.Text) string { return p.ours(t.In(p.language)) }

func (p *page) ours(s string) string {
	if p.language == "fr" {
		return french(show(s))
	}
	return show(s)
}

// colon stands between a name and what is said of it.
func (p *page) colon() string {
	if p.language == "fr" {
		return "\u00a0: "
	}
	return ": "
}

// french sets a French sentence as printers do: no line begins with its punctuation, and apostrophes are typographic.
func french(s string) string { return curled.ReplaceAllString(spaces.Replace(s), "$1’") }

var (
	spaces = strings.NewReplacer(" :", "\u00a0:", " ;", "\u00a0;", " !", "\u00a0!", " ?", "\u00a0?", "« ", "«\u00a0", " »", "\u00a0»", "n° ", "n°\u00a0")
	curled = regexp.MustCompile(`(\b(?:[cdjlmnstCDJLMNST]|[qQ]u|[jJ]usqu|[lL]orsqu|[pP]uisqu|[aA]ujourd))'`)
)

func (p *page) both(t time.Time) string {
	if t.IsZero() {
		return p.t("undated")
	}
	local := t.In(p.zone)
	if _, offset := local.Zone(); offset == 0 {
		return t.UTC().Format("2006-01-02 15:04:05") + " UTC"
	}
	return local.Format("2006-01-02 15:04:05 -07:00") + " (" + t.UTC().Format("15:04:05") + " UTC)"
}

func (p *page) minute(t time.Time) string {
	if t.IsZero() {
		return p.t("undated")
	}
	return t.In(p.zone).Format("2006-01-02 15:04")
}

// refs names exhibits; where the case has several bundles with the number of the bundle.
func (p *page) refs(exhibits []string, most int) string {
	var names []string
	for i, x := range exhibits {
		if i == most {
			names = append(names, p.more(len(exhibits)-most))
			break
		}
		bundle, id, ok := strings.Cut(x, "/")
		switch {
		case !ok:
			id = x
		case len(p.m.Bundles) > 1:
			id = fmt.Sprintf("L%d/%s", p.bundles[bundle], id)
		}
		names = append(names, cut(id, 40))
	}
	return strings.Join(names, ", ")
}

func text(s string) block         { return block{Kind: "text", Text: s} }
func note(s string) block         { return block{Kind: "note", Text: s} }
func warn(s string) block         { return block{Kind: "warn", Text: s} }
func heading(s string) block      { return block{Kind: "heading", Text: s} }
func list(items []string) block   { return block{Kind: "list", Items: items} }
func checks(items []string) block { return block{Kind: "checks", Items: items} }
func pairs(all []pair) block      { return block{Kind: "pairs", Pairs: all} }
func pictured(x *picture) block   { return block{Kind: "picture", Picture: x} }
func cells(texts ...string) row {
	var r row
	for _, s := range texts {
		r.Cells = append(r.Cells, cell{Text: s})
	}
	return r
}

func table(class string, head []string, rows []row) block {
	return block{Kind: "table", Class: class, Head: head, Rows: rows}
}

// heads gives the headings of a table: keys of the catalogue after "col.".
func (p *page) heads(keys ...string) []string {
	var all []string
	for _, key := range keys {
		all = append(all, p.t("col."+key))
	}
	return all
}

// lines gives a list of the catalogue: the texts of key.1, key.2 …
func (p *page) lines(key string) []string {
	var all []string
	for i := 1; ; i++ {
		texts, ok := p.words[fmt.Sprintf("%s.%d", key, i)]
		if !ok {
			return all
		}
		all = append(all, texts.In(p.language))
	}
}
