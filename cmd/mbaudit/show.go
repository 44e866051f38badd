package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/earlier"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/evidence/selection"
	"github.com/mbaudit/mbaudit/evidence/timestamp"
	"github.com/mbaudit/mbaudit/internal/casefile"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// headLines is how many lines of an exhibit are shown.
const headLines = 40

type showOptions struct {
	selection          selectionOptions
	identity           identityOptions
	list, raw, headers bool
}

func newShowCommand(t *terminal, g *global) *cobra.Command {
	var opts showOptions
	cmd := &cobra.Command{
		Use:   "show BUNDLE [P-000042]",
		Short: "what a sealed bundle holds; one exhibit and where it came from",
		Long: `show prints a summary of a sealed bundle with who else has rights in the account's
mailboxes, its quota and annotations; with --list its records; or one exhibit: its
provenance and its first lines, with everything that a terminal would obey written out.
Of a message From, To, Subject and Date are decoded before that, with a warning where a
field is there twice or a display name holds another address.
It verifies the exhibit's bytes against its line; mbaudit verify does so for the whole bundle.

The content of a message that is marked personal is shown with --include-personal only.
In a case, looking at an exhibit's content or at rights is written into the journal.

Filters for --list (--filter, repeatable, all must hold):
` + selection.Syntax,
		Example: `  mbaudit show 01JD2…
  mbaudit show 01JD2… --list --filter folder=INBOX
  mbaudit show 01JD2… P-000042
  mbaudit show 01JD2… P-000042 --raw > message.eml`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 || len(args) == 2 {
				return nil
			}
			return usageError(fmt.Errorf("%s takes BUNDLE and perhaps an exhibit", cmd.CommandPath()), "type: "+cmd.UseLine())
		},
		RunE: func(cmd *cobra.Command, args []string) error { return runShow(cmd.Context(), t, g, args, &opts) },
	}
	f := cmd.Flags()
	opts.identity.addFlags(f)
	f.BoolVar(&opts.list, "list", false, "list the records")
	f.StringArrayVar(&opts.selection.filters, "filter", nil, "with --list: NAME=VALUE (repeatable)")
	f.BoolVar(&opts.raw, "raw", false, "write the exhibit's bytes as they are, into a file or a pipe")
	f.BoolVar(&opts.headers, "headers", false, "show the whole header of a message and nothing of its body")
	f.BoolVar(&opts.selection.includePersonal, "include-personal", false, "show messages that are marked personal too")
	return cmd
}

// openBundle opens a sealed bundle for reading, with the keys of an encrypted one.
func openBundle(t *terminal, dir string, identity *identityOptions) (*evidence.Bundle, error) {
	keys, err := identity.read(t)
	if err != nil {
		return nil, err
	}
	return evidence.Open(dir, keys...)
}

// locateBundle finds a bundle by its directory or, in a case, by its id, and the case if there is one.
func locateBundle(t *terminal, g *global, name string) (string, *openCase, error) {
	if _, err := os.Stat(filepath.Join(name, "disclosure.json")); err == nil {
		return "", nil, withHint(fmt.Errorf("%s is a disclosure, not a bundle", visible.Text(name)),
			"its records are in data/index/000001.jsonl and data/segments; to check them: mbaudit verify "+visible.Text(name))
	}
	here := *g
	_, isDir := os.Stat(filepath.Join(name, "opening.json"))
	if _, err := casefile.Find(here.caseDir, t.getenv("MBAUDIT_CASE")); err != nil {
		if here.caseDir != "" {
			return "", nil, err
		}
		if here.caseDir = caseAbove(name); here.caseDir == "" {
			if isDir != nil {
				return "", nil, usageError(fmt.Errorf("there is no bundle %s", visible.Text(name)), "name a bundle's directory, as in CASE/bundles/01J…")
			}
			return name, nil, nil // a stranger reads: there is no journal of ours
		}
	}
	c, err := here.openCase(t)
	if err != nil {
		return "", nil, err
	}
	dir, err := findBundle(c, name)
	return dir, c, err
}

func runShow(_ context.Context, t *terminal, g *global, args []string, opts *showOptions) error {
	switch {
	case len(args) == 1 && (opts.raw || opts.headers):
		return usageError(errors.New("--raw and --headers are about one exhibit"), "name it, as in: mbaudit show BUNDLE P-000042 --raw")
	case len(args) == 2 && (opts.list || len(opts.selection.filters) > 0):
		return usageError(errors.New("--list and --filter are about all exhibits"), "leave "+visible.Text(args[1])+" out")
	case len(opts.selection.filters) > 0 && !opts.list:
		return usageError(errors.New("--filter is for --list"), "add --list")
	case opts.raw && (g.json || opts.headers):
		return usageError(errors.New("--raw gives bytes, neither JSON nor headers"), "leave one of them out")
	}
	dir, c, err := locateBundle(t, g, args[0])
	if err != nil {
		return err
	}
	b, err := openBundle(t, dir, &opts.identity)
	if err != nil {
		return err
	}
	defer b.Close()
	switch {
	case opts.list:
		return showList(t, g, b, opts)
	case len(args) == 2:
		return (&exhibitView{t: t, g: g, c: c, b: b, dir: dir, opts: opts}).show(args[1])
	}
	return showSummary(t, g, c, b, dir)
}

// A stampLine is a timestamp of the bundle, for the summary.
type stampLine struct {
	Name      string    `json:"name"`
	Time      time.Time `json:"time,omitzero"`
	Authority string    `json:"authority,omitempty"`
	Local     bool      `json:"local"`
	Problem   string    `json:"problem,omitempty"`
}

// stampsOf reads the timestamps in a bundle's sig/ folder, against the files that they stamp.
func stampsOf(dir string) ([]stampLine, error) {
	var lines []stampLine
	for _, of := range []string{evidence.StampOpening, evidence.StampSeal} {
		names, err := filepath.Glob(filepath.Join(dir, "sig", of+".*.tsr"))
		if err != nil {
			return nil, err
		}
		data, err := os.ReadFile(filepath.Join(dir, of))
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			tsr, err := os.ReadFile(name)
			if err != nil {
				return nil, err
			}
			line := stampLine{Name: "sig/" + filepath.Base(name)}
			if info, err := timestamp.Verify(tsr, sha256.Sum256(data), timestamp.Options{}); err != nil {
				line.Problem = err.Error()
			} else {
				line.Time, line.Authority, line.Local = info.GenTime, info.Subject, info.Local
			}
			lines = append(lines, line)
		}
	}
	return lines, nil
}

func showSummary(t *terminal, g *global, c *openCase, b *evidence.Bundle, dir string) error {
	stamps, err := stampsOf(dir)
	if err != nil {
		return err
	}
	told, err := readSettings(b)
	if err != nil {
		return err
	}
	gone, err := earlier.Reports(b)
	if err != nil {
		return err
	}
	if c != nil && len(told) > 0 { // it is content of exhibits
		err := c.note(journal.Collection, "rights and settings in bundle "+b.Opening.Bundle+" shown", map[string]string{"bundle": b.Opening.Bundle})
		if err != nil {
			return err
		}
	}
	if g.json {
		return t.printJSON(struct {
			evidence.Acquisition
			TagManifest evidence.Digest           `json:"tagmanifest_sha256"`
			Signed      bool                      `json:"signed"`
			Timestamps  []stampLine               `json:"timestamps"`
			Settings    []toldSettings            `json:"settings,omitempty"`
			Disappeared map[string]earlier.Report `json:"disappeared,omitempty"`
		}{b.Acquisition, b.TagManifest, evidence.Signed(dir), stamps, told, gone})
	}
	o := b.Opening
	p := page{t}
	p.row("bundle", o.Bundle)
	p.row("case", o.Case)
	name := "part"
	for _, text := range aboutBundle(&o) {
		for _, line := range wrap(text, max(t.width-12, 20)) {
			p.row(name, line)
			name = ""
		}
	}
	for _, account := range o.Accounts {
		p.row("account", account)
	}
	for _, source := range o.Sources {
		p.row("source", source.Collector+" "+source.Address)
	}
	p.row("operator", strings.Join(nonEmpty(o.Operator.Name, o.Operator.Organisation, o.Operator.Contact), ", "))
	p.row("authority", cmp.Or(o.Authority, "none given"))
	p.row("tool", fmt.Sprintf("%s %s %s/%s", o.Tool.Name, o.Tool.Version, o.Tool.OS, o.Tool.Arch))
	p.row("holds", fmt.Sprintf("%s, %s, %s in %s", plural(b.Counts.Exhibits, "exhibit"), plural(b.Counts.Gaps, "gap"), humanBytes(b.Counts.Bytes),
		plural(int64(b.Counts.Segments), "segment")))
	for _, s := range b.Sessions {
		p.row(s.How, fmt.Sprintf("%s, ended %s", utc(s.StartedAt), utc(s.EndedAt)))
	}
	p.row("sealed", utc(b.SealedAt))
	for _, clock := range b.Clocks {
		text := clock.Status
		if clock.OffsetMS != nil && clock.UncertaintyMS != nil {
			text = fmt.Sprintf("ours %+d ms, give or take %d", -*clock.OffsetMS, *clock.UncertaintyMS)
		}
		p.row("clock", clock.Against+": "+text)
	}
	p.row("signer", o.Signer)
	if !evidence.Signed(dir) {
		p.row("", "not signed: finish it with mbaudit collect --resume")
	}
	for _, s := range stamps {
		switch {
		case s.Problem != "":
			p.row("timestamp", s.Name+" is not right: "+s.Problem)
		case s.Local:
			p.row("timestamp", utc(s.Time)+" local: this machine's own clock, no third party")
		default:
			p.row("timestamp", utc(s.Time)+" "+commonName(s.Authority))
		}
	}
	if len(stamps) == 0 {
		p.row("timestamp", "none: mbaudit timestamp adds one")
	}
	p.row("SHA-256", b.TagManifest.String())
	showSettings(t, told, len(o.Accounts))
	showDisappeared(t, gone)
	showCoverage(t, b.Coverage, len(o.Accounts))
	return nil
}

// aboutBundle says in words what a bundle is beside others.
func aboutBundle(o *evidence.Opening) []string {
	var texts []string
	switch o.Part {
	case evidence.PartEmergency:
		texts = append(texts, "the first of two bundles of a collection: what changes or vanishes first, sealed before all else was read")
	case evidence.PartRest:
		texts = append(texts, "the second of two bundles of a collection: all that is not in the first, and what of that was not had")
	}
	named := func(text string, link *evidence.EarlierBundle) {
		if link != nil {
			texts = append(texts, fmt.Sprintf("%s: bundle %s, SHA-256 %s", text, link.Bundle, link.TagManifest))
		}
	}
	named("the first one", o.First)
	named("its logs were read again, for what came late, after", o.Again)
	named("it has only what is new since", o.Since)
	return texts
}

// showCoverage prints the ledger of completeness, what is missing first.
func showCoverage(t *terminal, rows []evidence.Coverage, accounts int) {
	const most = 30
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(x, y evidence.Coverage) int { return cmp.Compare(coverageRank(x), coverageRank(y)) })
	t.print("\n%-12s %8s %8s  %s", "coverage", "got", "of", "what")
	for i, r := range rows {
		if i == most && coverageRank(r) > 0 {
			t.print("… and %d more: data/logs/coverage.tsv", len(rows)-i)
			break
		}
		what := r.Resource
		if accounts > 1 {
			what += " of " + r.Account
		}
		t.print("%-12s %8d %8d  %s", r.Status, r.Got, r.Asked, visible.Cut(what, t.width-32))
		if r.Status == evidence.StatusIncomplete {
			t.print("%32s%s", "", visible.Cut(r.Reason, t.width-32))
		}
	}
}

func coverageRank(r evidence.Coverage) int {
	return slices.Index([]string{evidence.StatusIncomplete, evidence.StatusComplete, evidence.StatusEmpty, evidence.StatusNotOffered}, r.Status)
}

// A page prints rows of a name and a value that is cut to the screen.
type page struct{ t *terminal }

func (p page) row(name, value string) {
	const indent = 10
	text := []rune(visible.Text(value))
	for first := true; first || len(text) > 0; first = false {
		n := min(len(text), p.t.width-indent-1)
		p.t.print("%-*s %s", indent, name, string(text[:n]))
		text, name = text[n:], ""
	}
}

func nonEmpty(texts ...string) []string {
	return slices.DeleteFunc(texts, func(s string) bool { return s == "" })
}

func utc(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05Z") }

// humanBytes writes a size for people.
func humanBytes(n int64) string {
	switch {
	case n < 10_000:
		return fmt.Sprintf("%d bytes", n)
	case n < 10_000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}

// A listed is a record in a listing.
type listed struct {
	ID       string    `json:"id"`
	Account  string    `json:"account"`
	Resource string    `json:"resource"`
	Item     string    `json:"item,omitempty"`
	Kind     string    `json:"kind"`
	Size     int64     `json:"size"`
	At       time.Time `json:"at"`
	Name     string    `json:"name,omitempty"`
	Reason   string    `json:"reason,omitempty"`
}

// showList lists the records, one a line; with --json one object a line.
func showList(t *terminal, g *global, b *evidence.Bundle, opts *showOptions) error {
	choice, err := opts.selection.selection()
	if err != nil {
		return err
	}
	out := bufio.NewWriter(t.stdout)
	listing := *t
	listing.stdout = out
	for r, err := range b.Records() {
		if err != nil {
			return err
		}
		ok, err := choice.Filter.Match(r, func() (selection.Head, error) { return selection.ReadRecordHead(b, r) })
		if err != nil {
			return fmt.Errorf("reading %s: %w", r.ID(), err)
		}
		if !ok {
			continue
		}
		if g.json {
			if err := listing.printJSON(listedOf(r)); err != nil {
				return err
			}
			continue
		}
		l := listedOf(r)
		line := fmt.Sprintf("%-9s %-10s %9d ", l.ID, l.At.UTC().Format(time.DateOnly), l.Size)
		width := max(t.width-len(line), 20)
		what := cutFront(l.Name, width)
		if r.Gap != nil {
			what = visible.Cut(strings.Join(nonEmpty(l.Resource, l.Item, l.Reason, l.Account), " "), width)
		}
		listing.print("%s%s", line, what)
	}
	return out.Flush()
}

// cutFront is visible.Cut at the other end: of a path the end tells more.
func cutFront(path string, width int) string {
	text := []rune(visible.Text(path))
	if len(text) <= width {
		return string(text)
	}
	return "…" + string(text[len(text)-width+1:])
}

func listedOf(r evidence.Record) listed {
	if gap := r.Gap; gap != nil {
		return listed{ID: r.ID(), Account: gap.Account, Resource: gap.Resource, Item: gap.Item, Kind: "gap", At: gap.At, Reason: string(gap.Class) + ": " + gap.Reason}
	}
	x := r.Exhibit
	at, err := selection.Received(x, func() (selection.Head, error) { return selection.Head{}, nil })
	if err != nil || at.IsZero() {
		at = x.FetchedAt
	}
	return listed{ID: r.ID(), Account: x.Account, Resource: x.Resource, Item: x.Item, Kind: x.MediaType, Size: x.Size, At: at, Name: x.Name}
}

// An exhibitView shows one record.
type exhibitView struct {
	t    *terminal
	g    *global
	c    *openCase // nil: none
	b    *evidence.Bundle
	dir  string
	opts *showOptions
}

func (v *exhibitView) show(id string) error {
	r, err := findRecord(v.b, id)
	if err != nil {
		return err
	}
	if v.opts.raw {
		return v.raw(r)
	}
	if v.g.json {
		return v.t.printJSON(struct {
			ID      string                  `json:"id"`
			Exhibit *evidence.StoredExhibit `json:"exhibit,omitempty"`
			Gap     *evidence.Gap           `json:"gap,omitempty"`
		}{r.ID(), r.Exhibit, r.Gap})
	}
	if r.Gap != nil {
		v.gap(r)
		return nil
	}
	v.provenance(r)
	return v.content(r)
}

// findRecord gives one record by its name.
func findRecord(b *evidence.Bundle, id string) (evidence.Record, error) {
	number, _, err := selection.ParseID(id)
	if err != nil {
		return evidence.Record{}, usageError(err, "write it as in P-000042, or G-000043 for a gap")
	}
	for r, err := range b.Records() {
		if err != nil {
			return r, err
		}
		if r.N == number && r.ID()[0] == id[0] {
			return r, nil
		}
	}
	return evidence.Record{}, usageError(fmt.Errorf("the bundle has no %s", id), "to see what there is: mbaudit show BUNDLE --list")
}

func (v *exhibitView) gap(r evidence.Record) {
	p, gap := page{v.t}, r.Gap
	p.row("gap", r.ID())
	p.row("account", gap.Account)
	p.row("of", strings.Join(nonEmpty(gap.Resource, gap.Item), " "))
	p.row("class", string(gap.Class))
	p.row("reason", gap.Reason)
	p.row("request", gap.Request)
	p.row("found", utc(gap.At))
}

// provenance says where an exhibit came from, where it is, and how to take it out by hand.
func (v *exhibitView) provenance(r evidence.Record) {
	p, x := page{v.t}, r.Exhibit
	p.row("exhibit", r.ID())
	p.row("account", x.Account)
	p.row("of", strings.Join(nonEmpty(x.Resource, x.Item), " "))
	p.row("name", x.Name)
	p.row("kind", fmt.Sprintf("%s, %d bytes", x.MediaType, x.Size))
	p.row("SHA-256", x.SHA256.String())
	p.row("fetched", utc(x.FetchedAt)+" by "+x.Collector)
	p.row("request", x.Request)
	p.row("response", string(x.Response))
	names := make([]string, 0, len(x.Attrs))
	for name := range x.Attrs {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		p.row(visible.Cut(name, 10), x.Attrs[name])
	}
	segment, index := fmt.Sprintf("data/segments/%06d.zip", x.Segment), fmt.Sprintf("data/index/%06d.jsonl", x.Segment)
	p.row("where", fmt.Sprintf("%s, %d bytes from offset %d", segment, x.Size, x.Offset))
	v.t.print("by hand, in %s:", visible.Text(v.dir))
	v.t.print("  tail -c +%d %s | head -c %d | sha256sum", x.Offset+1, segment, x.Size)
	v.t.print("  grep '^{\"v\":1,\"n\":%d,' %s", r.N, index)
	for _, name := range []string{segment, index} {
		if _, err := os.Stat(filepath.Join(v.dir, filepath.FromSlash(name))); err != nil {
			v.t.print("  (%s is not there in clear)", name)
		}
	}
}

// seen writes into the journal that somebody looks at an exhibit's content.
func (v *exhibitView) seen(r evidence.Record, how string) error {
	if v.c == nil {
		return nil
	}
	return v.c.note(journal.Collection, fmt.Sprintf("content of %s of bundle %s %s", r.ID(), v.b.Opening.Bundle, how),
		map[string]string{"bundle": v.b.Opening.Bundle, "exhibit": r.ID()})
}

// personal refuses a message that is marked personal, unless it was asked for.
func (v *exhibitView) personal(r evidence.Record) (string, error) {
	head, err := selection.ReadRecordHead(v.b, r)
	if err != nil || v.opts.selection.includePersonal {
		return "", err
	}
	return selection.PersonalMark(r, head), nil
}

// raw writes the bytes, and never to a terminal: they would be obeyed.
func (v *exhibitView) raw(r evidence.Record) error {
	if r.Exhibit == nil {
		return usageError(fmt.Errorf("%s is a gap and has no bytes", r.ID()), "leave --raw out")
	}
	if f, ok := v.t.stdout.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return usageError(errors.New("the bytes of an exhibit could steer this terminal"), "write them into a file: … --raw > FILE")
	}
	word, err := v.personal(r)
	if err != nil {
		return err
	}
	if word != "" {
		return withHint(fmt.Errorf("%s is marked personal (%q)", r.ID(), word), "if the mandate covers it, add --include-personal")
	}
	if err := v.seen(r, "written out"); err != nil {
		return err
	}
	body, err := v.b.Body(r.Exhibit)
	if err != nil {
		return err
	}
	_, err = io.Copy(v.t.stdout, body)
	return err
}

// content shows the first lines, or the whole header, made safe.
func (v *exhibitView) content(r evidence.Record) error {
	word, err := v.personal(r)
	if err != nil {
		return err
	}
	if word != "" {
		v.t.print("\nmarked personal (%q): its content is shown with --include-personal only", word)
		return nil
	}
	if err := v.seen(r, "shown"); err != nil {
		return err
	}
	body, err := v.b.Body(r.Exhibit)
	if err != nil {
		return err
	}
	v.t.print("")
	if err := v.summary(r); err != nil {
		return err
	}
	const longest = 64 << 10 // of what is read of one line
	lines := bufio.NewReaderSize(body, longest)
	for n := 0; ; {
		text, err := lines.ReadSlice('\n')
		if err != nil && err != io.EOF && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		line := strings.TrimRight(string(text), "\r\n")
		if len(text) > 0 && (n < headLines || v.opts.headers) {
			if v.opts.headers && line == "" {
				break
			}
			v.t.print("| %s", visible.Cut(line, v.t.width-2))
		}
		if err == io.EOF {
			if n > headLines && !v.opts.headers {
				v.t.print("… %d more lines: --raw > FILE gives all bytes", n-headLines)
			}
			return nil
		}
		n++
	}
	_, err = io.Copy(io.Discard, lines) // to the end, so that the digest is checked
	return err
}
