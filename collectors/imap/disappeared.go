package imap

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/earlier"
	"github.com/mbaudit/mbaudit/internal/imapwire"
)

const (
	maxSetText   = 64 << 10 // of numbers that are written out in a report
	flagsAtOnce  = 20_000   // messages whose flags are asked for by one command
	noConclusion = "the search was limited to some days: which numbers are unused was not looked at"
)

// known is what the earlier bundle has of a folder, nil where there is none or its numbers mean other messages now.
func (r *run) known(f *folder) *earlier.Folder {
	known := r.scope.Earlier.Folder(f.resource())
	if known == nil || known.UIDValidity != f.reading.uidValidity {
		return nil
	}
	return known
}

// enableQResync asks, once a connection, that the server says what has vanished (RFC 7162 section 3.2.3). Only a collection
// that goes on from an earlier one has a use for it.
func (r *run) enableQResync() error {
	l := r.link
	if r.scope.Earlier == nil || l.asked || !l.caps.has("QRESYNC") {
		return nil
	}
	l.asked = true
	answer, err := r.doHere(imapwire.NewCommand("ENABLE").Atom("QRESYNC"))
	if err != nil {
		return err
	}
	for i := range answer.Untagged {
		if resp := &answer.Untagged[i]; resp.Name == "ENABLED" {
			l.qresync = answer.OK() && strings.Contains(strings.ToUpper(string(resp.Rest())), "QRESYNC")
		}
	}
	return nil
}

// holds says whether the earlier bundle has a message as whole as it is wanted now.
func (r *run) holds(known *earlier.Folder, uid uint32) bool {
	if known == nil {
		return false
	}
	m, ok := known.Message(uid)
	return ok && (m.Whole || r.scope.Messages != collectors.MessagesRaw)
}

// missing finds out what is not in a folder any more, once it has been read. The folder is open.
func (r *run) missing(f *folder, sel selection) error {
	g := &f.reading
	report := earlier.FolderReport{Resource: f.resource(), UIDValidity: g.uidValidity, UIDNext: sel.uidNext, ModSeq: sel.highestModSeq,
		Present: int64(len(g.uids))}
	switch {
	case r.bounded():
		report.Note = noConclusion
	case sel.uidNext > 0:
		report.Unused = unused(g.uids, sel.uidNext)
	}
	if err := r.markedDeleted(f, &report); err != nil {
		return err
	}
	if err := r.compareEarlier(f, sel, &report); err != nil {
		return err
	}
	r.addReport(report)
	return nil
}

func (r *run) addReport(report earlier.FolderReport) {
	r.shared.mu.Lock()
	defer r.shared.mu.Unlock()
	r.shared.reports = append(r.shared.reports, report)
}

// unused gives the numbers below next that are not in uids, which rise.
func unused(uids []uint32, next uint32) *earlier.Numbers {
	n := &numbers{}
	free := uint32(1)
	for _, uid := range uids {
		if uid >= next {
			break
		}
		n.add(free, uid)
		free = uid + 1
	}
	n.add(free, next)
	return n.done()
}

// numbers writes a set, as much of it as can stand in a report.
type numbers struct {
	count int64
	set   []byte
	cut   bool
}

// add adds the numbers from first on that are below end.
func (n *numbers) add(first, end uint32) {
	if first >= end {
		return
	}
	n.count += int64(end - first)
	if n.cut = n.cut || len(n.set) > maxSetText; !n.cut {
		n.set = imapwire.AppendRange(n.set, first, end-1)
	}
}

func (n *numbers) done() *earlier.Numbers {
	if n.count == 0 {
		return nil
	}
	return &earlier.Numbers{Count: n.count, UIDs: string(n.set), Cut: n.cut}
}

func numbersOf(uids []uint32) *earlier.Numbers {
	n := &numbers{}
	for i := 0; i < len(uids); {
		first := i
		for i++; i < len(uids) && uids[i] == uids[i-1]+1; i++ {
		}
		n.add(uids[first], uids[i-1]+1)
	}
	return n.done()
}

// markedDeleted asks which messages have the flag \Deleted: whoever set it meant them to go. A refusal is no gap, since the
// flags of each message are kept with it.
func (r *run) markedDeleted(f *folder, report *earlier.FolderReport) error {
	if len(f.reading.uids) == 0 {
		return nil
	}
	cmd := imapwire.NewCommand("UID SEARCH").Atom("DELETED")
	answer, err := r.doHere(cmd)
	if err != nil {
		return err
	}
	found, err := foundUIDs(answer)
	if err != nil || !answer.OK() {
		report.Note = "the server does not tell which messages are marked as deleted: see the flags of each"
		return nil
	}
	report.Deleted = numbersOf(found)
	return r.keepInFolder(f, "deleted", "", "deleted.txt", cmd, answer)
}

// itemInFolder names an answer about a folder under one UIDVALIDITY.
func itemInFolder(f *folder, part string) string {
	return strings.TrimSpace(fmt.Sprintf("%s %d %s", f.label, f.reading.uidValidity, part))
}

func (r *run) keepInFolder(f *folder, resource, part, file string, cmd *imapwire.Command, answer *imapwire.Answer) error {
	return r.keep(resource, itemInFolder(f, part), r.name(f.reading.path, file), protocolText, cmd.Shown(), answer.Raw, answer.At)
}

// inFolder asks a question about the open folder and keeps the answer beside the folder's messages. The answer is nil where
// the server refused, which is a gap then.
func (r *run) inFolder(f *folder, resource, part, file string, cmd *imapwire.Command) (*imapwire.Answer, error) {
	answer, err := r.doHere(cmd)
	if err != nil {
		return nil, err
	}
	if !answer.OK() {
		item := itemInFolder(f, part)
		if err := r.expect(resource, item); err != nil {
			return nil, err
		}
		return nil, r.gap(resource, item, evidence.GapRefused, cmd.Shown(), serverSays{answer.Status}.Error())
	}
	return answer, r.keepInFolder(f, resource, part, file, cmd, answer)
}

// compareEarlier says what became of the messages that the earlier bundle holds.
func (r *run) compareEarlier(f *folder, sel selection, report *earlier.FolderReport) error {
	g := &f.reading
	held := r.scope.Earlier.Folder(f.resource())
	switch {
	case r.scope.Earlier == nil:
		return nil
	case held == nil:
		report.Note = "the earlier bundle does not have this folder"
		return nil
	}
	c := &earlier.Comparison{Held: int64(held.Len()), Flags: earlier.FlagsUnknown, Vanished: []earlier.Gone{}, Reflagged: []earlier.Reflagged{}}
	report.Earlier = c
	if held.UIDValidity != g.uidValidity {
		c.New, c.Renewed = int64(len(g.uids)), &held.UIDValidity
		return nil
	}
	for m := range held.All {
		if _, there := slices.BinarySearch(g.uids, m.UID); !there {
			c.Vanished = append(c.Vanished, earlier.Gone{UID: m.UID, Bundle: m.Bundle, Exhibit: m.Exhibit})
		}
	}
	c.New = int64(len(g.uids)) - c.Held + int64(len(c.Vanished))
	return r.reflagged(f, sel, held, c)
}

// reflagged reads which flags changed: from the server, where it keeps mod-sequences (RFC 7162), else by comparing all.
func (r *run) reflagged(f *folder, sel selection, held *earlier.Folder, c *earlier.Comparison) error {
	last := uint32(0)
	for m := range held.All {
		last = m.UID
	}
	if last == 0 {
		c.Flags = earlier.FlagsCompared
		return nil
	}
	if held.ModSeq > 0 && sel.modseq {
		modifiers := fmt.Sprintf("(CHANGEDSINCE %d)", held.ModSeq)
		if r.link.qresync {
			modifiers = fmt.Sprintf("(CHANGEDSINCE %d VANISHED)", held.ModSeq)
		}
		cmd := imapwire.NewCommand("UID FETCH").Atom(fmt.Sprintf("1:%d", last)).Atom("(UID FLAGS MODSEQ)").Atom(modifiers)
		answer, err := r.inFolder(f, "changes", "", "changes.txt", cmd)
		if err != nil {
			return err
		}
		if answer != nil {
			c.Flags = earlier.FlagsByModSeq
			takeFlags(c, answer, held)
			return nil
		}
	}
	c.Flags = earlier.FlagsCompared
	for from, part := 0, 1; from < len(f.reading.uids) && f.reading.uids[from] <= last; from, part = from+flagsAtOnce, part+1 {
		to := min(from+flagsAtOnce, len(f.reading.uids)) - 1
		cmd := imapwire.NewCommand("UID FETCH").Atom(fmt.Sprintf("%d:%d", f.reading.uids[from], min(f.reading.uids[to], last))).Atom("(UID FLAGS)")
		answer, err := r.inFolder(f, "changes", fmt.Sprintf("part %d", part), fmt.Sprintf("changes-%d.txt", part), cmd)
		if err != nil {
			return err
		}
		if answer == nil {
			c.Flags = earlier.FlagsUnknown
			return nil
		}
		takeFlags(c, answer, held)
	}
	return nil
}

// takeFlags reads the answer to a fetch of flags, and what the server says has vanished.
func takeFlags(c *earlier.Comparison, answer *imapwire.Answer, held *earlier.Folder) {
	var expunged []uint32
	for i := range answer.Untagged {
		resp := &answer.Untagged[i]
		switch resp.Name {
		case "VANISHED":
			if set, err := imapwire.ParseSet(strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(string(resp.Rest())), "(EARLIER)"))); err == nil {
				expunged = mergeUIDs(expunged, set)
			}
		case "FETCH":
			uid, flags := uint32(0), ""
			for name, value := range resp.Items() {
				switch strings.ToUpper(string(name)) {
				case "UID":
					uid, _ = value.Number()
				case "FLAGS":
					flags = earlier.NormalFlags(validText(value.Text()))
				}
			}
			if m, ok := held.Message(uid); ok && m.Flags != flags {
				c.Reflagged = append(c.Reflagged, earlier.Reflagged{UID: uid, Bundle: m.Bundle, Exhibit: m.Exhibit, Before: m.Flags, After: flags})
			}
		}
	}
	c.Expunged = numbersOf(expunged)
}

// keepReport keeps what was found out about what disappeared, folders that are not there any more among it.
func (r *run) keepReport(folders []*folder) error {
	if r.scope.Messages == collectors.MessagesNone {
		return nil
	}
	report := earlier.Report{V: 1, Folders: r.shared.reports}
	if s := r.scope.Earlier; s != nil {
		report.Since = &earlier.Since{Bundle: s.Bundle, SealedAt: s.SealedAt}
		report.Folders = append(report.Folders, r.goneFolders(folders)...)
	}
	slices.SortFunc(report.Folders, func(a, b earlier.FolderReport) int { return cmp.Compare(a.Resource, b.Resource) })
	if r.c.cfg.Disappeared != nil {
		r.c.cfg.Disappeared(r.scope.Account, report)
	}
	doc, err := json.MarshalIndent(report, "", " ")
	if err != nil {
		return err
	}
	if err := r.expect(earlier.Resource, ""); err != nil || r.sink.Has(r.scope.Account, earlier.Resource, "") {
		return err
	}
	_, err = r.sink.Put(evidence.Exhibit{Account: r.scope.Account, Collector: r.c.Name(), Resource: earlier.Resource, Name: r.name(sessionDir, "disappeared.json"),
		MediaType: "application/json", FetchedAt: time.Now().UTC(), Request: "derived from the answers to EXAMINE, UID SEARCH and UID FETCH"},
		bytes.NewReader(append(doc, '\n')))
	return err
}

// goneFolders are the folders of the earlier bundle that the server does not list any more. Where only some folders are in
// scope nothing is said of the others.
func (r *run) goneFolders(folders []*folder) []earlier.FolderReport {
	if len(r.scope.Folders) > 0 {
		return nil
	}
	there := make(map[string]bool, len(folders))
	for _, f := range folders {
		there[f.resource()] = true
	}
	var gone []earlier.FolderReport
	for _, resource := range r.scope.Earlier.Resources() {
		held := r.scope.Earlier.Folder(resource)
		if there[resource] || held.Len() == 0 {
			continue
		}
		c := &earlier.Comparison{Held: int64(held.Len()), Flags: earlier.FlagsUnknown, Reflagged: []earlier.Reflagged{}}
		for m := range held.All {
			c.Vanished = append(c.Vanished, earlier.Gone{UID: m.UID, Bundle: m.Bundle, Exhibit: m.Exhibit})
		}
		gone = append(gone, earlier.FolderReport{Resource: resource, UIDValidity: held.UIDValidity, Earlier: c,
			Note: "the server does not list this folder any more: it may have been deleted or renamed"})
	}
	return gone
}
