package imap

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/settings"
	"github.com/mbaudit/mbaudit/internal/imapwire"
	"github.com/mbaudit/mbaudit/internal/visible"
)

const (
	usualValue   = 64 << 10 // MAXSIZE of the first question
	longestValue = 8 << 20  // MAXSIZE of the second, for mailboxes with longer entries
)

// metadata reads the annotations of the server and of each mailbox of the account, by METADATA (RFC 5464) or, where only
// that is offered, by ANNOTATEMORE, the draft before it that old Cyrus servers have.
func (r *run) metadata() error {
	caps := r.link.caps
	annotateMore := slices.ContainsFunc(slices.Collect(maps.Keys(caps)), func(c string) bool { return strings.HasPrefix(c, "ANNOTATEMORE") })
	all, server := caps.has("METADATA"), caps.has("METADATA-SERVER")
	if !all && !server && !annotateMore {
		return r.notOffered(settings.Metadata)
	}
	q, pending, err := r.inquire(settings.Metadata)
	if err != nil || !pending {
		return err
	}
	m := &annotations{q: q, values: map[string]settings.Annotation{}, failed: map[string]settings.Mailbox{}}
	switch {
	case all:
		err = m.metadata(r.boxes)
	case server:
		err = m.metadata(nil)
	default:
		err = m.annotateMore(r.boxes)
	}
	if err != nil {
		return err
	}
	q.doc.Annotations = slices.SortedFunc(maps.Values(m.values), func(x, y settings.Annotation) int {
		return cmp.Or(cmp.Compare(x.Key(), y.Key()), bytes.Compare(x.Entry, y.Entry))
	})
	for _, key := range slices.Sorted(maps.Keys(m.failed)) {
		q.doc.Unknown = append(q.doc.Unknown, m.failed[key])
	}
	return q.keep()
}

// annotations gathers what an inquiry brings.
type annotations struct {
	q      *inquiry
	values map[string]settings.Annotation // by mailbox and entry: what was asked for twice is there once
	failed map[string]settings.Mailbox    // asked about, and not answered whole
	long   []*question                    // asked again, for longer values
}

// serverEntries are asked of the server beside all that is below the roots. Dovecot 2.3 says nothing of the server's
// entries when it is asked for /private with DEPTH infinity, but tells all when asked one level below.
const serverEntries = "(/private /shared /private/vendor /shared/vendor /private/comment /shared/comment /shared/admin)"

const mailboxEntries = "(/private /shared /private/vendor /shared/vendor)"

func (m *annotations) metadata(boxes []box) error {
	questions := []*question{m.question(settings.Mailbox{}, "", "the server", serverEntries, usualValue)}
	for _, b := range boxes {
		if b.own() && b.selectable() {
			questions = append(questions, m.question(b.mailbox(b.of), b.raw, b.label, mailboxEntries, usualValue))
		}
	}
	k := kind{"METADATA", firstMailbox}
	if err := m.q.ask(k, questions); err != nil {
		return err
	}
	again := m.long
	m.long = nil
	return m.q.ask(k, again)
}

// question asks for all entries of one mailbox, whose values have up to most bytes.
func (m *annotations) question(mailbox settings.Mailbox, raw, about, entries string, most int) *question {
	cmd := imapwire.NewCommand("GETMETADATA").Atom(fmt.Sprintf("(MAXSIZE %d DEPTH infinity)", most)).String(raw).Atom(entries)
	one := &question{cmd: cmd, about: about, key: mailboxKey(raw), silent: true}
	m.failed[mailbox.Key()] = mailbox
	one.read = func(resp *imapwire.Response, ref settings.Answer) bool {
		return m.read(mailbox, resp, ref, parseMetadata)
	}
	one.done = func(a *imapwire.Answer, _ settings.Answer) error {
		if !a.OK() || one.unread {
			return nil
		}
		size, long := longEntries(a.Status)
		switch {
		case !long:
			delete(m.failed, mailbox.Key())
		case most == usualValue && size <= longestValue:
			m.long = append(m.long, m.question(mailbox, raw, about, entries, longestValue))
		default:
			return m.q.gap(one, evidence.GapFailed, fmt.Sprintf("it has an entry of %d bytes, over the limit of %d", size, most))
		}
		return nil
	}
	return one
}

// longEntries reads [METADATA LONGENTRIES 2199] (RFC 5464 section 4.2.1).
func longEntries(s imapwire.Status) (size int64, long bool) {
	fields := strings.Fields(strings.ToUpper(s.Code))
	if len(fields) != 3 || fields[0] != "METADATA" || fields[1] != "LONGENTRIES" {
		return 0, false
	}
	size, err := strconv.ParseInt(fields[2], 10, 64)
	return size, err == nil
}

// A pair is an entry and its value.
type pair struct {
	entry string
	value imapwire.Value
}

func (m *annotations) read(mailbox settings.Mailbox, resp *imapwire.Response, ref settings.Answer, parse func(*imapwire.Response) ([]pair, bool)) bool {
	pairs, ok := parse(resp)
	for _, p := range pairs {
		if len(m.values) == settingsEntries {
			return false
		}
		a := settings.Annotation{Mailbox: mailbox, Entry: evidence.Bytes(p.entry), Answer: ref}
		if p.value.Kind != imapwire.Nil {
			value := evidence.Bytes(bytes.Clone(p.value.Text()))
			sum := evidence.Digest(sha256.Sum256(value))
			a.Size, a.SHA256 = int64(len(value)), &sum
			if len(value) <= inlineValue {
				if value == nil {
					value = evidence.Bytes{}
				}
				a.Value = &value
			}
		}
		key := mailbox.Key() + "\x00" + strings.ToLower(p.entry)
		if before, known := m.values[key]; !known || before.SHA256 == nil {
			m.values[key] = a
		}
	}
	return ok
}

// parseMetadata reads "INBOX (/shared/comment "x" /private/comment NIL)". The pairs before something that cannot be
// read are returned with false.
func parseMetadata(resp *imapwire.Response) ([]pair, bool) {
	s := resp.Scan()
	_, ok1 := s.Next()
	list, ok2 := s.Next()
	if !ok1 || !ok2 || list.Kind != imapwire.List {
		return nil, false
	}
	return pairsOf(list)
}

func pairsOf(list imapwire.Value) ([]pair, bool) {
	var pairs []pair
	s := list.Scan()
	for {
		entry, ok := s.Next()
		if !ok {
			return pairs, len(s.Rest()) == 0
		}
		value, ok := s.Next()
		if !ok || entry.Kind == imapwire.List || value.Kind == imapwire.List {
			return pairs, false
		}
		pairs = append(pairs, pair{text(entry), value})
	}
}

// annotateMore asks by GETANNOTATION (draft-daboo-imap-annotatemore) for all entries and both values.
func (m *annotations) annotateMore(boxes []box) error {
	ask := func(mailbox settings.Mailbox, raw, about string) *question {
		m.failed[mailbox.Key()] = mailbox
		var one *question
		one = &question{
			cmd:   imapwire.NewCommand("GETANNOTATION").String(raw).String("*").Atom(`("value.priv" "value.shared")`),
			about: about, key: mailboxKey(raw), silent: true,
			read: func(resp *imapwire.Response, ref settings.Answer) bool {
				return m.read(mailbox, resp, ref, parseAnnotation)
			},
			done: func(a *imapwire.Answer, _ settings.Answer) error {
				if a.OK() && !one.unread {
					delete(m.failed, mailbox.Key())
				}
				return nil
			},
		}
		return one
	}
	questions := []*question{ask(settings.Mailbox{}, "", "the server")}
	for _, b := range boxes {
		if b.own() && b.selectable() {
			questions = append(questions, ask(b.mailbox(b.of), b.raw, b.label))
		}
	}
	return m.q.ask(kind{"ANNOTATION", firstMailbox}, questions)
}

// parseAnnotation reads "INBOX /comment (value.priv "x" value.shared NIL)", with one or more entries. An entry's name
// is followed by that of its value: "/comment value.priv".
func parseAnnotation(resp *imapwire.Response) ([]pair, bool) {
	s := resp.Scan()
	if _, ok := s.Next(); !ok {
		return nil, false
	}
	var all []pair
	for {
		entry, ok := s.Next()
		if !ok {
			return all, len(all) > 0 && len(s.Rest()) == 0
		}
		values, ok := s.Next()
		if !ok || entry.Kind == imapwire.List || values.Kind != imapwire.List {
			return all, false
		}
		pairs, ok := pairsOf(values)
		for _, p := range pairs {
			all = append(all, pair{text(entry) + " " + p.entry, p.value})
		}
		if !ok {
			return all, false
		}
	}
}

func visibleBytes(b []byte) string { return visible.Text(string(b)) }
