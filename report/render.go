package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"io"
	"regexp"
	"strings"
)

var (
	//go:embed page.html
	pageHTML string

	//go:embed page.css
	pageCSS string
)

// Formats lists what a report can be rendered as. The fourth, PDF, is the HTML page on paper: report/browser.
func Formats() map[string]func(io.Writer, *Model, string) error {
	return map[string]func(io.Writer, *Model, string) error{"html": HTML, "md": Markdown, "json": func(w io.Writer, m *Model, _ string) error { return JSON(w, m) }}
}

// HTML writes one page that stands alone. Its policy lets it use its own style and nothing else: no script, no network, no
// form. Printed, it is clean A4, and page 1 is the decision summary.
func HTML(w io.Writer, m *Model, language string) error {
	p, err := newPage(m, language)
	if err != nil {
		return err
	}
	t, err := template.New("page").Funcs(template.FuncMap{"options": options, "odd": func(i int) bool { return i%2 == 1 }}).Parse(pageHTML)
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(pageCSS))
	d := p.document()
	return t.Execute(w, struct {
		*document
		Policy, Contents, Derived string
		Style                     template.CSS // our own text, from page.css
	}{d, "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'", p.t("contents"), p.t("derived"), template.CSS(pageCSS)})
}

// anOption is an option of a command line that a text tells people to type.
var anOption = regexp.MustCompile(`--[a-z][a-z-]*`)

// options takes the options in a text apart from what is around them: every second piece is one, which a line must not break.
func options(text string) []string {
	if !strings.Contains(text, "--") {
		return []string{text}
	}
	var pieces []string
	at := 0
	for _, span := range anOption.FindAllStringIndex(text, -1) {
		pieces = append(pieces, text[at:span[0]], text[span[0]:span[1]])
		at = span[1]
	}
	return append(pieces, text[at:])
}

// JSON writes the model, for programs: its strings are as they were in the mailbox.
func JSON(w io.Writer, m *Model) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	return enc.Encode(m)
}
