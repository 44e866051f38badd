package handover

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/mbaudit/mbaudit/findings/suspects"
	"github.com/mbaudit/mbaudit/internal/visible"
	"github.com/mbaudit/mbaudit/report"
)

// Options are what a rendering depends on besides the Handover. The same Handover and Options give the same bytes.
type Options struct {
	Language string         // "fr" or "en"
	Zone     *time.Location // for people; what machines read is UTC
	TLP      string         // one of TLPs
	Now      time.Time      // of the rendering, for the label only
}

// TLPs lists the levels of the Traffic Light Protocol 2.0.
func TLPs() []string { return []string{"clear", "green", "amber", "amber+strict", "red"} }

// DefaultTLP is how far what is made for an audience may go unless somebody says otherwise.
func DefaultTLP(audience report.Audience) string {
	if audience == report.Cell {
		return "amber+strict"
	}
	return "amber"
}

// A File is one of what a format makes. Name has no directory.
type File struct {
	Name string
	Data []byte
}

// A Format renders a Handover.
type Format struct {
	Name    string
	Many    bool   // a directory of files, not one
	Ending  string // of the one file
	Section string // of the report that an audience must get to have this; "" of a format that leaves out table by table
	Render  func(h *Handover, o Options) ([]File, error)
}

// Formats lists them all, in the order in which they are shown.
func Formats() []Format {
	return []Format{
		{"timesketch", false, "jsonl", report.SecTimeline, timesketch},
		{"iris", true, "", "", iris},
		{"stix", false, "json", report.SecIndicators, stix},
		{"misp", false, "json", report.SecIndicators, misp},
		{"sigma", false, "yml", report.SecIndicators, sigmaRules},
		{"suricata", true, "", report.SecIndicators, suricata},
		{"contacts", true, "", report.SecContacts, contacts},
		{"csv", true, "", "", tables},
	}
}

// Find gives a format by its name.
func Find(name string) (Format, bool) {
	i := slices.IndexFunc(Formats(), func(f Format) bool { return f.Name == name })
	if i < 0 {
		return Format{}, false
	}
	return Formats()[i], true
}

// The names beside what was made.
const (
	LabelFile = "DERIVED.txt"
	SumsFile  = "SHA256SUMS"
)

// Files renders a format for the audience of the Handover. A format of many files has a label and the sums among them. An audience
// that may not have what the format holds gives a *WithheldError.
func (f Format) Files(h *Handover, o Options) ([]File, error) {
	allowed := f.allowed()
	if !slices.Contains(allowed, h.Audience) {
		return nil, &WithheldError{h.Audience, f.Name, allowed}
	}
	files, err := f.Render(h, o)
	if err != nil || !f.Many {
		return files, err
	}
	files = append(files, File{LabelFile, []byte(h.label(f, o, "These files", "were"))})
	var sums strings.Builder
	for _, file := range files {
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(file.Data), file.Name)
	}
	return append(files, File{SumsFile, []byte(sums.String())}), nil
}

// Label is what stands beside a format's one file, named name: that it is derived, of what, and for whom.
func (f Format) Label(h *Handover, o Options, name string, data []byte) []byte {
	return fmt.Appendf(nil, "%s\n%x  %s\n", h.label(f, o, "This file", "was"), sha256.Sum256(data), visible.Text(name))
}

// allowed lists the audiences that get the format.
func (f Format) allowed() []report.Audience {
	var all []report.Audience
	for _, a := range []report.Audience{report.Cell, report.Police, report.CNIL, report.Insurer, report.Partner} {
		access := report.Audiences()[a]
		switch {
		case f.Name == "contacts" && (!access.Correspondents || !slices.Contains(access.Sections, report.SecMessages)):
		case f.Name == "iris" && !(slices.Contains(access.Sections, report.SecIndicators) && slices.Contains(access.Sections, report.SecTimeline)):
		case f.Section == "" || slices.Contains(access.Sections, f.Section):
			all = append(all, a)
		}
	}
	return all
}

// label says in both languages what a derived file is.
func (h *Handover) label(f Format, o Options, subject, verb string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `DERIVED, FOR USE IN OTHER TOOLS. IT IS NOT THE EVIDENCE.
DÉRIVÉ, POUR D'AUTRES OUTILS. CE N'EST PAS LA PREUVE.

%s (%s, TLP:%s, for the audience %q of case %s) %s made on %s by
%s from the analysis of %s. The evidence is the sealed bundles,
or a disclosure of them (mbaudit disclose):
`, subject, f.Name, strings.ToUpper(o.TLP), h.Audience, visible.Text(h.Case.Case), verb, stampOf(o.Now), visible.Text(h.Tool), stampOf(h.MadeAt))
	for _, bundle := range h.Bundles {
		fmt.Fprintf(&b, "  %s, of which tagmanifest-sha256.txt has the SHA-256\n    %s\n", bundle.ID, bundle.TagManifest)
	}
	if f.Name == "contacts" || f.Name == "timesketch" || len(h.Indicators) == 0 {
		return b.String()
	}
	confirmed := 0
	for _, x := range h.Indicators {
		if x.Status == suspects.Confirmed {
			confirmed++
		}
	}
	fmt.Fprintf(&b, `
Indicators: %d confirmed, %d possible. They are for detection, not for blocking: an intruder
who is blocked changes his address, and nobody sees any more which other accounts he tries.
Indicateurs : %d confirmés, %d possibles. Ils servent à détecter, pas à bloquer : un intrus
bloqué change d'adresse, et l'on ne voit plus quels autres comptes il essaie.
`, confirmed, len(h.Indicators)-confirmed, confirmed, len(h.Indicators)-confirmed)
	return b.String()
}

// derivedFrom is the same in one line, for formats that have no room for more.
func (h *Handover) derivedFrom() string {
	var parts []string
	for _, bundle := range h.Bundles {
		parts = append(parts, bundle.ID+" (tagmanifest SHA-256 "+bundle.TagManifest+")")
	}
	return "derived, not the evidence; from " + strings.Join(parts, ", ")
}

// reason says in one line why an indicator is one. The accounts are not in it, since indicators travel: who has the case finds them
// by the exhibits.
func reason(x *suspects.Indicator, language string) string {
	word := func(fr, en string) string {
		if language == "fr" {
			return fr
		}
		return en
	}
	parts := []string{x.Status.In(language)}
	for i, r := range x.Reasons {
		if i == 4 {
			parts = append(parts, fmt.Sprintf(word("et %d autres constats", "and %d more findings"), len(x.Reasons)-i))
			break
		}
		parts = append(parts, strings.TrimSpace(r.Title.In(language)+" "+bracket(r.Finding, r.Rule, string(r.Grade))))
	}
	switch {
	case x.First.IsZero():
	case x.First.Equal(x.Last):
		parts = append(parts, word("vu le ", "seen on ")+stampOf(x.First))
	default:
		parts = append(parts, fmt.Sprintf(word("vu du %s au %s, %d fois", "seen from %s to %s, %d times"), stampOf(x.First), stampOf(x.Last), x.Events))
	}
	if where := nonEmpty(autonomous(x.ASN), x.Network, x.Country); len(where) > 0 {
		parts = append(parts, strings.Join(where, " "))
	}
	if len(x.Exhibits) > 0 {
		parts = append(parts, word("pièces : ", "exhibits: ")+strings.Join(x.Exhibits, ", "))
	}
	for _, w := range x.Warnings {
		parts = append(parts, word("ATTENTION : ", "WARNING: ")+w.Text.In(language))
	}
	return visible.Line(strings.Join(parts, "; "))
}

func bracket(parts ...string) string {
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	if len(parts) == 0 {
		return ""
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func autonomous(asn int64) string {
	if asn == 0 {
		return ""
	}
	return fmt.Sprintf("AS%d", asn)
}

func stampOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// space is the namespace of the ids that are made of names, so that a second export of the same case has the same ids.
func space() uuid.UUID {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://github.com/mbaudit/mbaudit"))
}

// id names something of this case.
func (h *Handover) id(parts ...string) string {
	return uuid.NewSHA1(space(), []byte(strings.Join(append([]string{h.Case.Case, h.Case.OpenedAt.UTC().Format(time.RFC3339)}, parts...), "\x00"))).String()
}

// indented writes a document for programs, as people can still read it.
func indented(v any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	err := enc.Encode(v)
	return out.Bytes(), err
}

// ErrNothing is what a format of indicators gives where there are none: an empty file would look like "all clear".
var ErrNothing = errors.New("nothing in this case is an indicator of this format")
