package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/evidence/journal/export"
	"github.com/mbaudit/mbaudit/internal/visible"
)

type logExportOptions struct {
	format, out, language string
	rows                  int
}

func newLogExportCommand(t *terminal, g *global) *cobra.Command {
	var opts logExportOptions
	cmd := &cobra.Command{
		Use:   "export --format csv|md|html|paper|timesketch|iris",
		Short: "render the entries for people and for other tools",
		Long: `export writes a copy of the logbook to the screen or to a new file:
  csv         for a spreadsheet (in French with ; and a byte order mark)
  md          Markdown
  html        a page that stands alone, to print on A4; each sheet bears the head's SHA-256
  paper       the same with blank rows to fill in by hand; type them back: mbaudit log import
  timesketch  JSON Lines
  iris        CSV for the timeline of DFIR-IRIS
The journal itself is what counts; each copy names its head.`,
		Example: `  mbaudit log export --format html --out main-courante.html`,
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, args []string) error { return runLogExport(t, g, opts) },
	}
	f := cmd.Flags()
	f.StringVar(&opts.format, "format", "", "csv, md, html, paper, timesketch or iris")
	f.StringVar(&opts.out, "out", "", "file to make; one that is there is never overwritten (default: the screen)")
	f.StringVar(&opts.language, "lang", "", "fr or en (default: the case's)")
	f.IntVar(&opts.rows, "rows", 20, "blank rows of the paper form")
	return cmd
}

// renderers are the formats.
func renderers() map[string]func(io.Writer, []journal.Line, export.Options) error {
	return map[string]func(io.Writer, []journal.Line, export.Options) error{
		"csv": export.CSV, "md": export.Markdown, "html": export.HTML, "paper": export.Paper, "timesketch": export.Timesketch, "iris": export.IRIS,
	}
}

func runLogExport(t *terminal, g *global, opts logExportOptions) error {
	render := renderers()[opts.format]
	switch {
	case render == nil:
		return usageError(fmt.Errorf("there is no format %q", visible.Text(opts.format)), "type --format csv, md, html, paper, timesketch or iris")
	case opts.language != "" && opts.language != "fr" && opts.language != "en":
		return usageError(fmt.Errorf("there is no language %q", visible.Text(opts.language)), "type --lang fr or --lang en")
	case opts.rows < 0 || opts.rows > 500:
		return usageError(fmt.Errorf("--rows is %d", opts.rows), "give a number from 0 to 500")
	}
	c, err := g.openCase(t)
	if err != nil {
		return err
	}
	zone, err := c.zone()
	if err != nil {
		return err
	}
	lines, err := c.journal.Lines()
	if err != nil {
		return withHint(err, "a journal that is broken is not exported; the entries that can be read: mbaudit log list")
	}
	if opts.language == "" {
		opts.language = c.Language
	}
	var page bytes.Buffer
	if err := render(&page, lines, export.Options{Language: opts.language, Zone: zone, Case: c.Case.Case, Organisation: c.Organisation, Operator: c.Operator.Name,
		Now: t.now(), BlankRows: opts.rows}); err != nil {
		return err
	}
	what := fmt.Sprintf("exporting the journal, entries 1 to %d, as %s", len(lines), opts.format)
	if opts.out == "" {
		if err := c.note(journal.Collection, what+" to the screen", nil); err != nil {
			return err
		}
		_, err := t.stdout.Write(page.Bytes())
		return err
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(page.Bytes()))
	done, err := c.begin(journal.Collection, what+" to "+opts.out, map[string]string{"sha256": sum, "head": lines[len(lines)-1].SHA256})
	if err != nil {
		return err
	}
	err = createFile(opts.out, page.Bytes())
	if err := errors.Join(err, done("", err)); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return withHint(fmt.Errorf("%s is there already", opts.out), "nothing is overwritten; name another file with --out")
		}
		return err
	}
	t.print("%s: %s of the journal, SHA-256 %s", opts.out, plural2(len(lines), "entry", "entries"), sum)
	return nil
}

// createFile makes a new file; one that is there gives an error that wraps fs.ErrExist, and stays.
func createFile(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = os.Remove(path)
	}
	return err
}
