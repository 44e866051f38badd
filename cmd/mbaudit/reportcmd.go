package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/decision"
	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/internal/ahead"
	"github.com/mbaudit/mbaudit/internal/visible"
	"github.com/mbaudit/mbaudit/report"
	"github.com/mbaudit/mbaudit/report/browser"
)

// reportsName is the directory of a case's reports.
const reportsName = "reports"

type reportOptions struct {
	identity                        identityOptions
	format, language, audience, out string
}

func newReportCommand(t *terminal, g *global) *cobra.Command {
	var opts reportOptions
	cmd := &cobra.Command{
		Use:   "report",
		Short: "write the report: for the crisis cell, the police, the data protection authority, the insurer, a partner",
		Long: `report writes what the case holds: a decision summary of one page, the grounds with their
exhibits, pictures, what nobody knows, the exhibit list, and annexes (complaint file, data
protection authority sheet, logbook, glossary). It reads the case's bundles and what
mbaudit qualify made of them, and changes nothing.

  html  one page that stands alone: no script, no network; prints on A4
  pdf   the same, printed by an installed Chromium, Chrome or Edge
  md    Markdown
  json  for programs: the whole model, its strings as they were in the mailbox

--audience says who gets it; what an audience may not have is left out, and the report
names the sections that are. A report is never overwritten: each is a new file in
CASE/reports, unless --out names one.`,
		Example: `  mbaudit report
  mbaudit report --format pdf --lang fr --audience police --out plainte.pdf`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runReport(cmd.Context(), t, g, &opts) },
	}
	f := cmd.Flags()
	opts.identity.addFlags(f)
	f.StringVar(&opts.format, "format", "html", "html, pdf, md or json")
	f.StringVar(&opts.language, "lang", "", "fr or en (default: the case's)")
	f.StringVar(&opts.audience, "audience", string(report.Cell), "cellule, police, cnil, assureur or partenaire")
	f.StringVar(&opts.out, "out", "", "file to make; one that is there is never overwritten (default: a new one in CASE/reports)")
	return cmd
}

func runReport(ctx context.Context, t *terminal, g *global, opts *reportOptions) error {
	if g.json {
		opts.format = "json"
	}
	if opts.format != "pdf" && report.Formats()[opts.format] == nil {
		return usageError(fmt.Errorf("there is no format %q", visible.Text(opts.format)), "type --format html, pdf, md or json")
	}
	if opts.language != "" && !slices.Contains(report.Languages(), opts.language) {
		return usageError(fmt.Errorf("there is no language %q", visible.Text(opts.language)), "type --lang fr or --lang en")
	}
	audience, err := report.ParseAudience(opts.audience)
	if err != nil {
		return usageError(fmt.Errorf("there is no audience %q", visible.Text(opts.audience)), "type --audience cellule, police, cnil, assureur or partenaire")
	}
	program := ""
	if opts.format == "pdf" {
		if program, err = browser.Find(); err != nil {
			return withHint(err, "install one (apt-get install chromium), or write the page and print it from any browser: mbaudit report --format html")
		}
	}
	c, err := g.openCase(t)
	if err != nil {
		return err
	}
	if opts.language == "" {
		opts.language = c.Language
	}
	number, err := nextReport(c)
	if err != nil {
		return err
	}
	whole, err := caseReport(t, c, opts, number)
	if err != nil {
		return err
	}
	part, err := report.For(whole, audience)
	if err != nil {
		return err
	}
	page, err := renderReport(ctx, program, part, opts)
	if err != nil {
		return err
	}
	return keepReport(t, c, opts, number, page)
}

func renderReport(ctx context.Context, program string, m *report.Model, opts *reportOptions) ([]byte, error) {
	format := opts.format
	if format == "pdf" {
		format = "html"
	}
	var page bytes.Buffer
	if err := report.Formats()[format](&page, m, opts.language); err != nil {
		return nil, err
	}
	if opts.format != "pdf" {
		return page.Bytes(), nil
	}
	pdf, err := browser.PDF(ctx, program, page.Bytes())
	if err != nil {
		return nil, withHint(err, "write the page and print it from any browser: mbaudit report --format html")
	}
	return pdf, nil
}

// keepReport writes the file and journals it first: who got what, by its hash.
func keepReport(t *terminal, c *openCase, opts *reportOptions, number int, page []byte) error {
	name := opts.out
	if name == "" {
		if err := os.MkdirAll(c.path(reportsName), 0o700); err != nil {
			return err
		}
		reference := evidence.SafeName(c.Case.Case)
		name = c.path(reportsName, fmt.Sprintf("%03d-%s-%s-%s.%s", number, reference, opts.audience, opts.language, opts.format))
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(page))
	done, err := c.begin(journal.Communication, fmt.Sprintf("report %d for %s, %s, %s, to %s", number, opts.audience, opts.language, opts.format, name), map[string]string{"sha256": sum})
	if err != nil {
		return err
	}
	err = createFile(name, page)
	if err := errors.Join(err, done("", err)); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return withHint(fmt.Errorf("%s is there already", name), "nothing is overwritten; name another file with --out, or leave it out for a new one in "+c.path(reportsName))
		}
		return err
	}
	t.print("%s: report %d for %s, %d bytes, SHA-256 %s", name, number, opts.audience, len(page), sum)
	return nil
}

// nextReport is the number after the highest of those that are there, and of those that the journal knows: one may have been
// written elsewhere, and no two of a case have the same number.
func nextReport(c *openCase) (int, error) {
	next, err := nextNumber(c.path(reportsName))
	if err != nil {
		return 0, err
	}
	lines, _ := c.journal.Lines() // as far as it can be read; the report says where it cannot
	for _, line := range lines {
		n := 0 // keepReport wrote it
		if line.Type == journal.Communication && line.Auto {
			if _, err := fmt.Sscanf(line.Description, "report %d for", &n); err == nil {
				next = max(next, n+1)
			}
		}
	}
	return next, nil
}

// nextNumber is the number after the highest that a directory's files begin with.
func nextNumber(dir string) (int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	most := 0
	for _, entry := range entries {
		digits, _, _ := strings.Cut(entry.Name(), "-")
		if n, err := strconv.Atoi(digits); err == nil {
			most = max(most, n)
		}
	}
	return most + 1, nil
}

// caseReport makes the whole report of a case. What is not there yet is missing in it, and it says so.
func caseReport(t *terminal, c *openCase, opts *reportOptions, number int) (*report.Model, error) {
	in := report.Inputs{Case: c.Case, Now: t.now(), Tool: strings.TrimSpace(versionText()), Number: number}
	in.Journal, in.JournalBroken = c.journal.Lines()
	found, err := readFindings(c)
	if err != nil {
		return nil, err
	}
	in.Findings = found
	if found == nil {
		t.say("mbaudit: note: the case is not qualified; the report says so. To do it: mbaudit qualify")
	}
	if in.Decision, err = readAnalysis[decision.Decision](c.path(analysisName, "decision.json")); err != nil {
		return nil, err
	}
	for e, err := range jsonLines[decision.TimelineEntry](c.path(analysisName, "timeline.jsonl")) {
		if err != nil {
			return nil, err
		}
		in.Timeline = append(in.Timeline, *e)
	}
	if in.Plans, err = reportPlans(c); err != nil {
		return nil, err
	}
	in.Watch = reportWatch(c)
	in.Facts = jsonLines[facts.Fact](c.path(analysisName, factsName))
	b := report.NewBuilder(in)
	if err := readReportBundles(t, c, opts, b); err != nil {
		return nil, err
	}
	return b.Finish()
}

// readReportBundles adds the sealed bundles. A case that has none yet gives a report that says so.
func readReportBundles(t *terminal, c *openCase, opts *reportOptions, b *report.Builder) error {
	dirs, err := bundlesToRead(t, c, nil)
	var hinted *hintedError
	if errors.As(err, &hinted) && hinted.usage {
		return nil
	}
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		bundle, err := openBundle(t, dir, &opts.identity)
		if err != nil {
			return err
		}
		if err := errors.Join(b.Read(bundle), bundle.Close()); err != nil {
			return fmt.Errorf("bundle %s: %w", bundle.Opening.Bundle, err)
		}
	}
	return nil
}

// readAnalysis reads a document of the analysis; nil if it is not there.
func readAnalysis[T any](path string) (*T, error) {
	return readFile(path, func(in io.Reader) (*T, error) {
		data, err := io.ReadAll(in)
		if err != nil {
			return nil, err
		}
		doc := new(T)
		return doc, json.Unmarshal(data, doc)
	})
}

// readFindings reads findings.json; nil if it is not there.
func readFindings(c *openCase) (*findings.Result, error) {
	return readFile(c.path(analysisName, findingsName), findings.Read)
}

func readFile[T any](path string, read func(io.Reader) (*T, error)) (*T, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	doc, err := read(bufio.NewReaderSize(f, 256<<10))
	if err != nil {
		return nil, withHint(fmt.Errorf("reading %s: %w", filepath.Base(path), err), "make it again: mbaudit qualify")
	}
	return doc, nil
}

// linesTogether is how many bytes of lines are parsed in one go.
const linesTogether = 128 << 10

// jsonLines goes through a file with one document in each line, in their order; a file that is not there has none. Lines are parsed
// by several goroutines.
func jsonLines[T any](path string) iter.Seq2[*T, error] {
	again := func(err error) error {
		return withHint(fmt.Errorf("reading %s: %w", filepath.Base(path), err), "make it again: mbaudit qualify")
	}
	return func(yield func(*T, error) bool) {
		for some, err := range ahead.Map(wholeLines(path), runtime.GOMAXPROCS(0), parseLines[T]) {
			if err != nil {
				yield(nil, err)
				return
			}
			for _, doc := range some.docs {
				if !yield(doc, nil) {
					return
				}
			}
			if some.err != nil {
				yield(nil, again(some.err))
				return
			}
		}
	}
}

// wholeLines gives a file's lines, some at a time. What a file has before an error comes first.
func wholeLines(path string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.Close() //nolint:errcheck // it was only read
		r := bufio.NewReaderSize(f, 256<<10)
		for {
			some, err := readTogether(r)
			if len(some) > 0 && !yield(some, nil) || errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// readTogether reads so many bytes and goes on to the end of the line.
func readTogether(r *bufio.Reader) ([]byte, error) {
	some := make([]byte, linesTogether, linesTogether+16<<10)
	n, err := io.ReadFull(r, some)
	some = some[:n]
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	if err != nil {
		return some, err
	}
	for {
		rest, err := r.ReadSlice('\n')
		some = append(some, rest...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return some, err
		}
	}
}

// parsed are the documents of some lines, up to one that cannot be read.
type parsed[T any] struct {
	docs []*T
	err  error
}

func parseLines[T any](lines []byte) (some parsed[T]) {
	some.docs = make([]*T, 0, bytes.Count(lines, []byte("\n"))+1)
	for line := range bytes.Lines(lines) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		doc := new(T)
		if some.err = parseLine(line, doc); some.err != nil {
			return some
		}
		some.docs = append(some.docs, doc)
	}
	return some
}

// parseLine reads a line. What reads itself checks itself, and needs no second pass.
func parseLine(line []byte, doc any) error {
	if own, ok := doc.(json.Unmarshaler); ok {
		return own.UnmarshalJSON(line)
	}
	return json.Unmarshal(line, doc)
}
