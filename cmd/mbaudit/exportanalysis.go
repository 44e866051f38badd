package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/decision"
	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/findings/suspects"
	"github.com/mbaudit/mbaudit/internal/visible"
	"github.com/mbaudit/mbaudit/report"
	"github.com/mbaudit/mbaudit/report/handover"
)

// exportsName is the directory of what was exported of a case's analysis.
const exportsName = "exports"

// Options of the formats that are made of a case's analysis.
type handoverOptions struct {
	language, audience, tlp string
}

func (o *handoverOptions) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.language, "lang", "", "fr or en (default: the case's); of an analysis")
	f.StringVar(&o.audience, "audience", string(report.Cell), "cellule, police, cnil, assureur or partenaire; of an analysis")
	f.StringVar(&o.tlp, "tlp", "", "clear, green, amber, amber+strict or red (default: amber+strict for the cell, else amber); of an analysis")
}

// formatNames lists the formats of an analysis, as one types them.
func formatNames() []string {
	var names []string
	for _, f := range handover.Formats() {
		names = append(names, f.Name)
	}
	return names
}

// check reads what was typed, before anything is begun.
func (o *handoverOptions) check() error {
	if o.language != "" && !slices.Contains(report.Languages(), o.language) {
		return usageError(fmt.Errorf("there is no language %q", visible.Text(o.language)), "type --lang fr or --lang en")
	}
	if _, err := report.ParseAudience(o.audience); err != nil {
		return usageError(fmt.Errorf("there is no audience %q", visible.Text(o.audience)), "type --audience cellule, police, cnil, assureur or partenaire")
	}
	if o.tlp == "" {
		o.tlp = handover.DefaultTLP(report.Audience(o.audience))
	}
	if o.tlp = strings.TrimPrefix(strings.ToLower(o.tlp), "tlp:"); !slices.Contains(handover.TLPs(), o.tlp) {
		return usageError(fmt.Errorf("there is no TLP level %q", visible.Text(o.tlp)), "type --tlp "+strings.Join(handover.TLPs(), ", "))
	}
	return nil
}

func runExportAnalysis(ctx context.Context, t *terminal, g *global, format handover.Format, opts *exportOptions) error {
	if err := opts.analysis.check(); err != nil {
		return err
	}
	c, err := g.openCase(t)
	if err != nil {
		return err
	}
	if opts.analysis.language == "" {
		opts.analysis.language = c.Language
	}
	whole, err := caseHandover(ctx, t, c, opts)
	if err != nil {
		return err
	}
	part := whole.For(report.Audience(opts.analysis.audience))
	o := handover.Options{Language: opts.analysis.language, Zone: caseLocation(c), TLP: opts.analysis.tlp, Now: t.now()}
	files, err := format.Files(part, o)
	var withheld *handover.WithheldError
	switch {
	case errors.As(err, &withheld):
		var names []string
		for _, a := range withheld.Allowed {
			names = append(names, string(a))
		}
		return usageError(err, "it is for --audience "+strings.Join(names, ", "))
	case errors.Is(err, handover.ErrNothing):
		return withHint(err, "what was found, and what nobody knows: mbaudit qualify; no file was written, since an empty one would read as all clear")
	case err != nil:
		return err
	}
	return keepExport(t, g, c, format, part, o, opts, files)
}

// keepExport journals what is about to be written, and writes it. What is there already is never overwritten.
func keepExport(t *terminal, g *global, c *openCase, format handover.Format, h *handover.Handover, o handover.Options, opts *exportOptions, files []handover.File) error {
	out, err := exportPlace(c, format, opts)
	if err != nil {
		return err
	}
	if !format.Many {
		one := handover.File{Name: filepath.Base(out), Data: files[0].Data}
		files = []handover.File{one, {Name: one.Name + "." + handover.LabelFile, Data: format.Label(h, o, one.Name, one.Data)}}
	}
	main := files[0]
	if format.Many {
		main = files[len(files)-1] // the sums of all the others
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(main.Data))
	var bundles []string
	for _, b := range h.Bundles {
		bundles = append(bundles, b.ID)
	}
	what := fmt.Sprintf("writing what was derived from the analysis as %s for %s (TLP:%s, %s) to %s", format.Name, opts.analysis.audience, strings.ToUpper(o.TLP), o.Language, out)
	done, err := c.begin(journal.Collection, what, map[string]string{"out": out, "sha256": sum, "of": main.Name, "bundles": strings.Join(bundles, " ")})
	if err != nil {
		return err
	}
	err = createFiles(out, format.Many, files)
	if err := errors.Join(err, done(plural(int64(len(h.Indicators)), "indicator")+", "+plural(int64(len(h.Contacts)), "contact"), err)); err != nil {
		switch {
		case errors.Is(err, fs.ErrExist):
			return withHint(fmt.Errorf("%s, or its label, is there already", out), "nothing is overwritten; name another place with --out")
		case errors.Is(err, fs.ErrNotExist):
			return withHint(err, "make the directory first: mkdir -p "+filepath.Dir(out))
		}
		return err
	}
	if g.json {
		return t.printJSON(exported(format, h, o, out, main.Name, sum, bundles))
	}
	printExported(t, format, h, out, main.Name, sum)
	return nil
}

// exportPlace is where to write: what was named, else a new place in the case.
func exportPlace(c *openCase, format handover.Format, opts *exportOptions) (string, error) {
	if opts.out != "" {
		return filepath.Abs(opts.out)
	}
	dir := c.path(exportsName)
	number, err := nextNumber(dir)
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("%03d-%s-%s-%s", number, evidence.SafeName(c.Case.Case), format.Name, opts.analysis.audience)
	if !format.Many {
		name += "." + format.Ending
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	return filepath.Abs(filepath.Join(dir, name))
}

// createFiles writes files that must not be there yet: into the new directory out, or, where there is one file and its label, beside
// each other. A run that fails leaves none of them.
func createFiles(out string, many bool, files []handover.File) error {
	dir := filepath.Dir(out)
	if many {
		if err := os.Mkdir(out, 0o700); err != nil {
			return err
		}
		dir = out
	}
	var made []string
	for _, f := range files {
		path := filepath.Join(dir, f.Name)
		if err := createFile(path, f.Data); err != nil {
			for _, other := range made {
				err = errors.Join(err, os.Remove(other))
			}
			if many {
				err = errors.Join(err, os.Remove(out))
			}
			return err
		}
		made = append(made, path)
	}
	return nil
}

// An exportSummary is what --json prints.
type exportSummary struct {
	Format     string         `json:"format"`
	Out        string         `json:"out"`
	SHA256     string         `json:"sha256"`
	Of         string         `json:"sha256_of"`
	Audience   string         `json:"audience"`
	TLP        string         `json:"tlp"`
	Label      string         `json:"label"`
	Bundles    []string       `json:"bundles"`
	Indicators map[string]int `json:"indicators"` // by status
	LeftOut    int            `json:"not_indicators"`
	Events     int            `json:"events"`
	Contacts   int            `json:"contacts"`
}

func exported(format handover.Format, h *handover.Handover, o handover.Options, out, of, sum string, bundles []string) exportSummary {
	s := exportSummary{Format: format.Name, Out: out, SHA256: sum, Of: of, Audience: string(h.Audience), TLP: o.TLP, Label: "derived", Bundles: bundles,
		Indicators: map[string]int{string(suspects.Confirmed): 0, string(suspects.Possible): 0}, LeftOut: len(h.LeftOut), Events: len(h.Events), Contacts: len(h.Contacts)}
	for _, x := range h.Indicators {
		s.Indicators[string(x.Status)]++
	}
	return s
}

func printExported(t *terminal, format handover.Format, h *handover.Handover, out, of, sum string) {
	confirmed, outside := 0, 0
	for _, x := range h.Indicators {
		if x.Status == suspects.Confirmed {
			confirmed++
		}
	}
	for _, c := range h.Contacts {
		if !c.Inside {
			outside++
		}
	}
	switch format.Name {
	case "contacts":
		t.print("%s outside, %d inside, of %s", plural(int64(outside), "contact"), len(h.Contacts)-outside, plural(int64(len(h.Messages)), "message"))
	case "timesketch":
		t.print("%s", plural(int64(len(h.Events)), "event"))
	default:
		t.print("%s: %d confirmed, %d possible; %d left out", plural(int64(len(h.Indicators)), "indicator"), confirmed, len(h.Indicators)-confirmed, len(h.LeftOut))
	}
	t.print("%s: derived, not the evidence; SHA-256 of %s %s", out, of, sum)
}

// caseHandover reads the analysis of the case, and makes it first where there is none.
func caseHandover(ctx context.Context, t *terminal, c *openCase, opts *exportOptions) (*handover.Handover, error) {
	found, err := wholeAnalysis(c)
	if err != nil {
		return nil, err
	}
	if found == nil {
		t.say("mbaudit: note: the case is not qualified, or its analysis is not whole; it is made now, from its bundles")
		if found, _, err = qualifyCase(ctx, t, c, nil, &qualifyOptions{identity: opts.identity}); err != nil {
			return nil, err
		}
	}
	if err := c.regrade(t, found); err != nil {
		return nil, err
	}
	in := handover.Inputs{Case: c.Case, Findings: found, Tool: strings.TrimSpace(versionText()), Facts: jsonLines[facts.Fact](c.path(analysisName, factsName)),
		Timeline: jsonLines[decision.TimelineEntry](c.path(analysisName, timelineName))}
	if in.Journal, err = c.journal.Lines(); err != nil {
		return nil, fmt.Errorf("reading the journal: %w", err)
	}
	if in.Decision, err = readAnalysis[decision.Decision](c.path(analysisName, decisionName)); err != nil {
		return nil, err
	}
	if in.Bundles, err = handoverBundles(t, c, found, &opts.identity); err != nil {
		return nil, err
	}
	return handover.Build(in)
}

// wholeAnalysis reads the findings; nil if one of the analysis' files is missing, since what is made of the rest would look like a
// case without events.
func wholeAnalysis(c *openCase) (*findings.Result, error) {
	for _, name := range []string{factsName, timelineName, decisionName} {
		if _, err := os.Stat(c.path(analysisName, name)); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		} else if err != nil {
			return nil, err
		}
	}
	return readFindings(c)
}

// regrade takes in what people answered since the analysis was made: what somebody recognises must not go out as an intruder's.
func (c *openCase) regrade(t *terminal, found *findings.Result) error {
	entries, err := c.entries()
	if err != nil {
		return err
	}
	before := map[string]findings.Recognition{}
	for _, f := range found.Findings {
		before[f.ID] = f.Recognition
	}
	record := decision.ReadRecord(entries)
	record.Regrade(found)
	for _, f := range found.Findings {
		if f.Recognition != before[f.ID] {
			t.say("mbaudit: note: people have answered since the analysis was made; their answers count here. To decide anew: mbaudit qualify")
			break
		}
	}
	return nil
}

// handoverBundles are the bundles that the analysis was made of. One that was sealed since then is named, since nothing of it
// is in what is exported.
func handoverBundles(t *terminal, c *openCase, found *findings.Result, identity *identityOptions) ([]handover.Bundle, error) {
	dirs, err := bundlesToRead(t, c, nil)
	if err != nil {
		return nil, err
	}
	var bundles []handover.Bundle
	for _, dir := range dirs {
		b, err := openBundle(t, dir, identity)
		if err != nil {
			return nil, err
		}
		if slices.Contains(found.Bundles, b.Opening.Bundle) {
			bundles = append(bundles, handover.Bundle{ID: b.Opening.Bundle, TagManifest: b.TagManifest.String(), SealedAt: b.SealedAt})
		} else {
			t.say("mbaudit: note: bundle %s is not in the analysis; to take it in: mbaudit qualify", b.Opening.Bundle)
		}
		if err := b.Close(); err != nil {
			return nil, err
		}
	}
	if len(bundles) < len(found.Bundles) {
		t.say("mbaudit: note: the analysis was made of %s, of which %d are here", plural(int64(len(found.Bundles)), "bundle"), len(bundles))
	}
	return bundles, nil
}
