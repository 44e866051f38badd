package imap

import (
	"fmt"
	"strings"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/settings"
	"github.com/mbaudit/mbaudit/internal/imapwire"
)

// acl reads the rights (RFC 4314, and RFC 2086 before it): of each mailbox of the account who may do what in it, and of
// each mailbox of others what the account may do there.
func (r *run) acl() error {
	if !r.link.caps.has("ACL") {
		return r.notOffered(settings.ACL)
	}
	q, pending, err := r.inquire(settings.ACL)
	if err != nil || !pending {
		return err
	}
	boxes, err := r.withinLimit(q)
	if err != nil {
		return err
	}
	rights := make([]settings.Rights, len(boxes))
	for i, b := range boxes {
		rights[i] = settings.Rights{Mailbox: b.mailbox(b.of)}
	}
	for _, ask := range []func(*inquiry, []box, []settings.Rights) error{(*inquiry).myRights, (*inquiry).lists, (*inquiry).listRights} {
		if err := ask(q, boxes, rights); err != nil {
			return err
		}
	}
	q.doc.Rights = rights
	return q.keep()
}

// withinLimit returns the mailboxes to ask about: all of the account's, and those of others up to the limit. What is
// left is a gap.
func (r *run) withinLimit(q *inquiry) ([]box, error) {
	var boxes []box
	foreign := 0
	for _, b := range r.boxes {
		if !b.selectable() {
			continue
		}
		if !b.own() {
			if foreign++; foreign > r.c.cfg.Foreign {
				q.doc.Left++
				continue
			}
		}
		boxes = append(boxes, b)
	}
	if q.doc.Left == 0 {
		return boxes, nil
	}
	const item = "mailboxes of others"
	if err := r.expect(q.resource, item); err != nil {
		return nil, err
	}
	return boxes, r.gap(q.resource, item, evidence.GapFailed, "MYRIGHTS",
		fmt.Sprintf("the account sees %d mailboxes of others; of %d nothing was asked, since the limit is %d", foreign, q.doc.Left, r.c.cfg.Foreign))
}

// refTo adds the place of an answer to what is known of a mailbox.
func refTo(rights *settings.Rights) func(*imapwire.Answer, settings.Answer) error {
	return func(_ *imapwire.Answer, ref settings.Answer) error {
		rights.Answers = append(rights.Answers, ref)
		return nil
	}
}

// myRights asks what the account itself may do in each mailbox.
func (q *inquiry) myRights(boxes []box, rights []settings.Rights) error {
	var questions []*question
	for i, b := range boxes {
		questions = append(questions, &question{
			cmd: imapwire.NewCommand("MYRIGHTS").String(b.raw), about: b.label, key: mailboxKey(b.raw), done: refTo(&rights[i]),
			read: func(resp *imapwire.Response, _ settings.Answer) bool {
				mine, ok := parseMyRights(resp)
				if ok {
					rights[i].Mine = &mine
				}
				return ok
			},
		})
	}
	return q.ask(kind{"MYRIGHTS", firstMailbox}, questions)
}

// lists asks for the access control lists: of mailboxes of others only where the account administers them, since the
// list of another one is refused (RFC 4314 section 3.3).
func (q *inquiry) lists(boxes []box, rights []settings.Rights) error {
	var questions []*question
	total := 0
	for i, b := range boxes {
		if !b.own() && (rights[i].Mine == nil || !strings.Contains(*rights[i].Mine, "a")) {
			continue
		}
		questions = append(questions, &question{
			cmd: imapwire.NewCommand("GETACL").String(b.raw), about: b.label, key: mailboxKey(b.raw), done: refTo(&rights[i]),
			read: func(resp *imapwire.Response, _ settings.Answer) bool {
				entries, ok := parseACL(resp)
				if total += len(entries); !ok || total > settingsEntries {
					return false
				}
				rights[i].Entries = entries
				return true
			},
		})
	}
	return q.ask(kind{"ACL", firstMailbox}, questions)
}

// maxGrants is how many sets of rights that can be granted are read of one identifier; there are some 20 rights.
const maxGrants = 100

// maxListRights is how many identifiers LISTRIGHTS is asked about, in all mailboxes together.
const maxListRights = 20_000

// listRights asks, for each identifier that has an entry, which rights it has in any case and which could be granted.
func (q *inquiry) listRights(boxes []box, rights []settings.Rights) error {
	var questions []*question
	left := 0
	for i, b := range boxes {
		for j := range rights[i].Entries {
			entry := &rights[i].Entries[j]
			if len(questions) == maxListRights {
				left++
				continue
			}
			questions = append(questions, &question{
				cmd:   imapwire.NewCommand("LISTRIGHTS").String(b.raw).String(string(entry.Identifier)),
				about: b.label + " " + visibleBytes(entry.Identifier), key: mailboxKey(b.raw) + "\x00" + string(entry.Identifier),
				done: refTo(&rights[i]),
				read: func(resp *imapwire.Response, _ settings.Answer) bool {
					return parseListRights(resp, entry)
				},
			})
		}
	}
	if left > 0 {
		if err := q.r.expect(q.resource, "LISTRIGHTS"); err != nil {
			return err
		}
		err := q.r.gap(q.resource, "LISTRIGHTS", evidence.GapFailed, "LISTRIGHTS",
			fmt.Sprintf("%d identifiers were not asked about, since the limit is %d", left, maxListRights))
		if err != nil {
			return err
		}
	}
	return q.ask(kind{"LISTRIGHTS", func(resp *imapwire.Response) (string, bool) {
		s := resp.Scan()
		mailbox, ok1 := s.Next()
		identifier, ok2 := s.Next()
		return mailboxKey(text(mailbox)) + "\x00" + text(identifier), ok1 && ok2
	}}, questions)
}

// parseMyRights reads "INBOX lrswipkxtea".
func parseMyRights(resp *imapwire.Response) (string, bool) {
	s := resp.Scan()
	_, ok1 := s.Next()
	rights, ok2 := s.Next()
	mine := text(rights)
	return strings.ToValidUTF8(mine, "�"), ok1 && ok2 && rights.Kind != imapwire.List && len(mine) <= longestRights
}

// parseACL reads "INBOX fred rwipslda -eve lr": pairs of identifier and rights after the mailbox. An identifier that
// begins with a dash has negative rights.
func parseACL(resp *imapwire.Response) ([]settings.Entry, bool) {
	s := resp.Scan()
	if _, ok := s.Next(); !ok {
		return nil, false
	}
	entries := []settings.Entry{}
	for {
		identifier, ok := s.Next()
		if !ok {
			return entries, len(s.Rest()) == 0
		}
		rights, ok := s.Next()
		if !ok || identifier.Kind == imapwire.List || rights.Kind == imapwire.List {
			return nil, false // half a pair: what it says of the others may be shifted too
		}
		name := text(identifier)
		if len(name) > longestIdent || len(rights.Raw) > longestRights {
			return nil, false
		}
		entries = append(entries, settings.Entry{
			Identifier: evidence.Bytes(name), Negative: strings.HasPrefix(name, "-"), Rights: evidence.Bytes(text(rights)),
		})
	}
}

// parseListRights reads "INBOX fred la r swicdkxte" into an entry: what is required, then what may be granted together.
func parseListRights(resp *imapwire.Response, entry *settings.Entry) bool {
	s := resp.Scan()
	_, ok1 := s.Next()
	_, ok2 := s.Next()
	required, ok3 := s.Next()
	if !ok1 || !ok2 || !ok3 || required.Kind == imapwire.List {
		return false
	}
	always, may := evidence.Bytes(text(required)), []evidence.Bytes{}
	for {
		v, ok := s.Next()
		if !ok {
			break
		}
		if len(may) == maxGrants || v.Kind == imapwire.List {
			return false
		}
		may = append(may, evidence.Bytes(text(v)))
	}
	if len(s.Rest()) > 0 {
		return false
	}
	entry.Always, entry.May = &always, may
	return true
}
