package imap

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/imapwire"
)

// A selection is what EXAMINE said of a folder.
type selection struct {
	uidValidity uint32
	uidNext     uint32 // 0 where the server does not tell
	exists      int64
	modseq      bool // the folder keeps mod-sequences (RFC 7162)

	highestModSeq uint64
}

// errNoFolder says that EXAMINE was refused and that this is written down.
type errNoFolder struct{}

func (errNoFolder) Error() string { return "the folder cannot be opened" }

// examine opens a folder for reading only and keeps the answer. when is "before" or "after".
func (r *run) examine(f *folder, when string) (selection, error) {
	cmd := imapwire.NewCommand("EXAMINE").String(f.raw)
	answer, err := r.doHere(cmd)
	if err != nil {
		return selection{}, err
	}
	if !answer.OK() {
		return selection{}, r.examineRefused(f, cmd, answer)
	}
	sel := parseSelection(answer)
	path := &f.reading.path
	if *path == "" {
		*path = r.path(f, sel.uidValidity, false)
	}
	item := fmt.Sprintf("%s %d %s", f.label, sel.uidValidity, when)
	file := fmt.Sprintf("examine-%d-%s.txt", sel.uidValidity, when)
	return sel, r.keep("examine", item, r.name(*path, file), protocolText, cmd.Shown(), answer.Raw, answer.At)
}

func (r *run) examineRefused(f *folder, cmd *imapwire.Command, answer *imapwire.Answer) error {
	class := evidence.GapRefused
	if answer.Status.CodeName() == "NONEXISTENT" {
		class = evidence.GapVanished // LIST had it
	}
	reason := serverSays{answer.Status}.Error()
	item := f.label + " refused"
	if err := r.expect("examine", item); err != nil {
		return err
	}
	if err := r.gap("examine", item, class, cmd.Shown(), reason); err != nil {
		return err
	}
	if r.scope.Messages != collectors.MessagesNone {
		if f.reading.known {
			reason = "unread are " + f.reading.unread() + ": " + reason
		}
		if err := r.gap(f.resource(), "", class, cmd.Shown(), reason); err != nil {
			return err
		}
	}
	return errNoFolder{}
}

func parseSelection(answer *imapwire.Answer) selection {
	var sel selection
	take := func(s imapwire.Status) {
		n, _ := strconv.ParseUint(s.CodeArg(), 10, 32)
		switch s.CodeName() {
		case "UIDVALIDITY":
			sel.uidValidity = uint32(n)
		case "UIDNEXT":
			sel.uidNext = uint32(n)
		case "HIGHESTMODSEQ":
			sel.modseq = true
			sel.highestModSeq, _ = strconv.ParseUint(s.CodeArg(), 10, 64) // 0 where it is no number
		}
	}
	for i := range answer.Untagged {
		resp := &answer.Untagged[i]
		switch resp.Name {
		case "OK":
			take(resp.Status())
		case "EXISTS":
			sel.exists = int64(resp.Number)
		case "EXPUNGE":
			sel.exists--
		}
	}
	take(answer.Status)
	return sel
}

// searchCriteria returns what UID SEARCH is asked for. SINCE and BEFORE compare the day of INTERNALDATE without regard
// to its zone (RFC 3501 section 6.4.4), and which zone the server has in mind is not to be known: one more day on
// each side makes sure that nothing in the bounds is missed.
func (r *run) searchCriteria() string {
	const day = "2-Jan-2006"
	var parts []string
	if !r.scope.Since.IsZero() {
		parts = append(parts, "SINCE "+r.scope.Since.UTC().AddDate(0, 0, -1).Format(day))
	}
	if !r.scope.Until.IsZero() {
		// BEFORE leaves out its own day.
		parts = append(parts, "BEFORE "+r.scope.Until.UTC().AddDate(0, 0, 2).Format(day))
	}
	if len(parts) == 0 {
		return "ALL"
	}
	return strings.Join(parts, " ")
}

func (r *run) bounded() bool { return !r.scope.Since.IsZero() || !r.scope.Until.IsZero() }

// search returns the UIDs of the open folder's messages in scope from the given one on. Where the server's search
// refuses or finds fewer than EXISTS said (some stop at a thousand), a fetch of all UIDs is asked too.
func (r *run) search(f *folder, sel selection, from uint32) ([]uint32, error) {
	criteria := r.searchCriteria()
	if from > 1 {
		criteria = fmt.Sprintf("UID %d:* %s", from, criteria)
	}
	cmd := imapwire.NewCommand("UID SEARCH")
	if r.link.caps.has("ESEARCH") || r.link.caps.has("IMAP4REV2") {
		cmd.Atom("RETURN (ALL)")
	}
	cmd.Atom(criteria)
	answer, err := r.doHere(cmd)
	if err != nil {
		return nil, err
	}
	var uids []uint32
	reason := ""
	if answer.OK() {
		uids, err = foundUIDs(answer)
		if err != nil {
			reason = err.Error()
		}
	} else {
		reason = serverSays{answer.Status}.Error()
	}
	switch {
	case r.bounded() && reason != "":
		if err := r.gap(f.resource(), "", evidence.GapRefused, cmd.Shown(), reason); err != nil {
			return nil, err
		}
	case r.bounded():
	case reason != "" || from <= 1 && int64(len(uids)) < sel.exists:
		more, err := r.fetchUIDs(from)
		if err != nil {
			return nil, err
		}
		uids = mergeUIDs(uids, more)
	}
	// "n:*" includes the last message even where its UID is below n.
	for len(uids) > 0 && uids[0] < from {
		uids = uids[1:]
	}
	return uids, nil
}

// foundUIDs reads the untagged SEARCH (RFC 3501) and ESEARCH (RFC 4731) responses.
func foundUIDs(answer *imapwire.Answer) ([]uint32, error) {
	var uids []uint32
	for i := range answer.Untagged {
		resp := &answer.Untagged[i]
		var found []uint32
		var err error
		switch resp.Name {
		case "SEARCH":
			for s := resp.Scan(); ; {
				v, ok := s.Next()
				if !ok {
					break
				}
				if n, ok := v.Number(); ok && n > 0 {
					found = append(found, n)
				}
			}
		case "ESEARCH":
			found, err = esearchAll(resp)
		}
		if err != nil {
			return nil, err
		}
		if len(uids)+len(found) > maxMessages {
			return nil, fmt.Errorf("the server finds more than %d messages", maxMessages)
		}
		uids = append(uids, found...)
	}
	return mergeUIDs(uids, nil), nil
}

// maxMessages is how many messages of a folder are read; a server that claims more is not believed.
const maxMessages = 32 << 20

func esearchAll(resp *imapwire.Response) ([]uint32, error) {
	for s := resp.Scan(); ; {
		v, ok := s.Next()
		if !ok {
			return nil, nil
		}
		if v.Kind == imapwire.Atom && strings.EqualFold(string(v.Raw), "ALL") {
			set, _ := s.Next()
			return imapwire.ParseSet(string(set.Raw))
		}
	}
}

// fetchUIDs asks for the UID of every message from the given one on. The answers are read one by one: a folder may have
// millions.
func (r *run) fetchUIDs(from uint32) ([]uint32, error) {
	tags, err := r.link.conn.Send(imapwire.NewCommand("UID FETCH").Atom(fmt.Sprintf("%d:*", max(from, 1))).Atom("(UID)"))
	if err != nil {
		return nil, lost(r.ctx, err)
	}
	var uids []uint32
	for {
		resp, err := r.link.conn.Next()
		switch {
		case err != nil:
			return nil, lost(r.ctx, err)
		case resp.Kind == imapwire.Tagged && resp.Tag == tags[0]:
			return mergeUIDs(uids, nil), nil
		case resp.Name == "FETCH":
			if uid := uidOf(resp); uid != 0 && len(uids) < maxMessages {
				uids = append(uids, uid)
				r.link.conn.Wanted()
			}
		}
	}
}
