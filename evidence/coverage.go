package evidence

import (
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"unique"

	"github.com/mbaudit/mbaudit/internal/visible"
)

// Coverage is one row of the completeness ledger: one account, one resource.
type Coverage struct {
	Account   string `json:"account"`
	Collector string `json:"collector"`
	Resource  string `json:"resource"`
	Asked     int64  `json:"asked"`  // how many exhibits the source announced
	Got       int64  `json:"got"`    // how many are in the bundle
	Failed    int64  `json:"failed"` // how many are known to be missing
	Status    string `json:"status"` // one of the Status constants
	Reason    string `json:"reason,omitempty"`
}

// What a row of the ledger says.
const (
	StatusComplete   = "complete"    // all that was announced is there
	StatusIncomplete = "incomplete"  // something is missing; the gaps say what
	StatusEmpty      = "empty"       // the source said that there is nothing
	StatusNotOffered = "not offered" // the source does not have this resource
	StatusUnfinished = "unfinished"  // of a partial bundle: collection was still going on
)

type resourceState struct {
	collector  string
	expected   bool
	asked, got int64
	notOffered bool
	note       string
	items      itemSet
	missing    map[string]string // open gaps: reason by item; the item "" stands for the whole resource
}

// expect replaces what was announced of a resource.
func (s *resourceState) expect(e Expectation) {
	s.expected, s.asked, s.notOffered = true, e.Count, e.NotOffered
	s.note = unique.Make(e.Note).Value() // many accounts have rows that say the same
}

// put counts an exhibit. One that came after all closes the gap that an earlier run left.
func (s *resourceState) put(x *Exhibit) {
	if s.items.add(x.Item) {
		s.got++
		delete(s.missing, x.Item)
	}
}

// gap counts something missing.
func (s *resourceState) gap(g *Gap) {
	if s.missing == nil {
		s.missing = make(map[string]string)
	}
	s.missing[g.Item] = string(g.Class) + ": " + g.Reason
}

// failed is how many exhibits are known to be missing. A gap of the whole resource stands for all that has not come,
// and for one exhibit at the least.
func (s *resourceState) failed() int64 {
	_, whole := s.missing[""]
	n := int64(len(s.missing))
	if whole {
		n = max(n, s.asked-s.got, 1)
	}
	return n
}

// unaccounted is how many announced exhibits neither came nor were named in a gap.
func (s *resourceState) unaccounted() int64 {
	return max(s.asked-s.got-s.failed(), 0)
}

func (s *resourceState) status() string {
	switch {
	case s.failed() > 0 || s.unaccounted() > 0:
		return StatusIncomplete
	case s.notOffered:
		return StatusNotOffered
	case s.got == 0:
		return StatusEmpty
	}
	return StatusComplete
}

// reason is the resource's own gap, else the note, else how many gaps there are.
func (s *resourceState) reason() string {
	if whole, ok := s.missing[""]; ok {
		return whole
	}
	if len(s.missing) == 1 {
		for _, reason := range s.missing {
			return reason
		}
	}
	if len(s.missing) > 1 {
		return fmt.Sprintf("%d gaps, see exceptions.tsv", len(s.missing))
	}
	return s.note
}

// row is what the coverage says of a resource.
func (s *resourceState) row(account, resource string) Coverage {
	return Coverage{Account: account, Collector: s.collector, Resource: resource, Asked: max(s.asked, s.got+s.failed()),
		Got: s.got, Failed: s.failed() + s.unaccounted(), Status: s.status(), Reason: s.reason()}
}

const coverageHeader = "account\tcollector\tresource\tasked\tgot\tfailed\tstatus\treason\n"

// writeCoverage writes data/logs/coverage.tsv. Cells are made visible, so that a folder's name cannot add rows or columns.
func writeCoverage(w io.Writer, rows iter.Seq2[Coverage, error]) error {
	if _, err := io.WriteString(w, coverageHeader); err != nil {
		return err
	}
	for r, err := range rows {
		if err != nil {
			return err
		}
		var b strings.Builder
		writeRow(&b, r.Account, r.Collector, r.Resource, strconv.FormatInt(r.Asked, 10), strconv.FormatInt(r.Got, 10),
			strconv.FormatInt(r.Failed, 10), r.Status, r.Reason)
		if _, err := io.WriteString(w, b.String()); err != nil {
			return err
		}
	}
	return nil
}

const exceptionsHeader = "record\tat\taccount\tcollector\tresource\titem\tclass\trequest\treason\n"

// appendException appends the row of a gap to data/logs/exceptions.tsv.
func appendException(b *strings.Builder, r Record) {
	g := r.Gap
	writeRow(b, r.ID(), formatTime(g.At), g.Account, g.Collector, g.Resource, g.Item, string(g.Class), g.Request, g.Reason)
}

// writeRow writes a row of a TSV. A cell that a spreadsheet would take for a formula gets an apostrophe before it.
func writeRow(b *strings.Builder, cells ...string) {
	for i, cell := range cells {
		if i > 0 {
			b.WriteByte('\t')
		}
		text := visible.Line(cell)
		if text != "" && strings.ContainsRune("=+-@", rune(text[0])) {
			text = "'" + text
		}
		b.WriteString(text)
	}
	b.WriteByte('\n')
}
