package export

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"

	"github.com/mbaudit/mbaudit/evidence/journal"
)

var (
	//go:embed page.html
	pageHTML string

	//go:embed page.css
	pageCSS string
)

// HTML writes one page that stands alone: its content security policy allows its own style and nothing else, neither
// script nor network. Printed on A4, each sheet bears the head's SHA-256.
func HTML(w io.Writer, lines []journal.Line, o Options) error {
	o.BlankRows = 0
	return render(w, newPage(lines, o))
}

// Paper writes the page of HTML with Options.BlankRows numbered rows to fill in by hand after the entries.
func Paper(w io.Writer, lines []journal.Line, o Options) error {
	return render(w, newPage(lines, o))
}

func render(w io.Writer, p page) error {
	t, err := template.New("page").Funcs(template.FuncMap{"grouped": Grouped}).Parse(pageHTML)
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(pageCSS))
	return t.Execute(w, struct {
		page
		Policy string
		Style  template.CSS // our own text, from page.css
	}{p, "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'", template.CSS(pageCSS)})
}
