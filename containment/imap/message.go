package imap

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mbaudit/mbaudit/containment"
	"github.com/mbaudit/mbaudit/internal/imapwire"
)

// The parameters of a step that moves a message: both in quotes.
const (
	paramTo        = "to"
	paramMessageID = "message_id"
)

// A message is what is said of one in a plan. It is bound to the message's bytes, not to its place alone.
type message struct {
	Folder      string `json:"folder"` // in quotes
	UIDValidity string `json:"uidvalidity"`
	UID         string `json:"uid,omitempty"`
	Size        int    `json:"size,omitempty"`
	SHA256      string `json:"sha256,omitempty"`
	Received    string `json:"received,omitempty"` // INTERNALDATE as the server writes it
}

// around is what may change by itself.
type around struct {
	Flags   string `json:"flags,omitempty"`
	UIDNext uint64 `json:"uidnext,omitempty"` // what comes later has at least this UID
}

// maxMessage is how large a message may be that is held whole: quarantine is for letters, not for archives.
const maxMessage = 256 << 20

// MessageTarget is the target of a step that moves a message.
func MessageTarget(folder string, uidValidity, uid uint32) string {
	return fmt.Sprintf("%s %d/%d", Quoted(folder), uidValidity, uid)
}

// place takes a target apart: folder, UIDVALIDITY and UID.
func place(target string) (folder, validity, uid string, err error) {
	names, rest, err := unquoted(target, 1)
	if err != nil {
		return "", "", "", err
	}
	validity, uid, _ = strings.Cut(rest, "/")
	for _, number := range []string{validity, uid} {
		if n, err := strconv.ParseUint(number, 10, 32); err != nil || n == 0 {
			return "", "", "", fmt.Errorf("%w: the target %.100q has no UIDVALIDITY and UID", containment.ErrPlan, target)
		}
	}
	return names[0], validity, uid, nil
}

// An opened folder is one that EXAMINE or SELECT opened.
type opened struct {
	validity string
	next     uint64
}

// open opens a folder, for reading with EXAMINE, and with SELECT for MOVE, which needs it (RFC 6851).
func (m *mailbox) open(verb, folder string) (opened, error) {
	answer, err := m.do(imapwire.NewCommand(verb).String(folder))
	if err != nil {
		return opened{}, err
	}
	var o opened
	for _, resp := range untagged(answer, "OK") {
		switch status := resp.Status(); status.CodeName() {
		case "UIDVALIDITY":
			o.validity = status.CodeArg()
		case "UIDNEXT":
			o.next, _ = strconv.ParseUint(status.CodeArg(), 10, 32) // 0 where the server does not say
		}
	}
	if o.validity == "" {
		return o, problemf("the server gives no UIDVALIDITY of %s: its messages cannot be told apart", Quoted(folder))
	}
	return o, nil
}

// search gives the UIDs of the messages that match.
func (m *mailbox) search(criteria func(*imapwire.Command)) ([]string, error) {
	cmd := imapwire.NewCommand("UID SEARCH")
	criteria(cmd)
	answer, err := m.do(cmd)
	if err != nil {
		return nil, err
	}
	var uids []string
	for _, resp := range untagged(answer, "SEARCH") {
		for word := range strings.FieldsSeq(string(resp.Rest())) {
			if n, err := strconv.ParseUint(word, 10, 32); err == nil && n > 0 {
				uids = append(uids, word)
			}
		}
	}
	return uids, nil
}

// byMessageID finds messages by the Message-ID. The server looks for a part of the header field, of which the angle brackets
// make a whole; how odd the rest of the header is makes no difference.
func (m *mailbox) byMessageID(id string) ([]string, error) {
	if !searchable(id) {
		return nil, nil
	}
	return m.search(func(cmd *imapwire.Command) { cmd.Atom("HEADER").Atom("MESSAGE-ID").String(id) })
}

// searchable says whether a text can be looked for without naming a character set.
func searchable(text string) bool {
	return text != "" && strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// describe reads a message: what is said of it, its flags, and its bytes. ok is false where no message has the UID.
func (m *mailbox) describe(folder string, o opened, uid string) (doc message, more around, body []byte, ok bool, err error) {
	doc, more = message{Folder: Quoted(folder), UIDValidity: o.validity, UID: uid}, around{UIDNext: o.next}
	answer, err := m.do(imapwire.NewCommand("UID FETCH").Atom(uid).Atom("(UID FLAGS INTERNALDATE RFC822.SIZE)"))
	if err != nil {
		return doc, more, nil, false, err
	}
	for _, resp := range untagged(answer, "FETCH") {
		for name, value := range resp.Items() {
			switch upper(name) {
			case "UID":
				ok = ok || string(value.Text()) == uid
			case "FLAGS":
				more.Flags = string(value.Text())
			case "INTERNALDATE":
				doc.Received = string(value.Text())
			case "RFC822.SIZE":
				n, _ := value.Number()
				doc.Size = int(n)
			}
		}
	}
	if !ok {
		return doc, more, nil, false, nil
	}
	if doc.Size > maxMessage {
		return doc, more, nil, false, problemf("message %s in %s has %d bytes, more than can be kept", uid, doc.Folder, doc.Size)
	}
	var whole bytes.Buffer
	if ok, err = m.read(uid, &whole); err != nil || !ok {
		return doc, more, nil, false, err
	}
	sum := sha256.Sum256(whole.Bytes())
	doc.SHA256 = hex.EncodeToString(sum[:])
	return doc, more, whole.Bytes(), true, nil
}

func lookAtMessage(ctx context.Context, c *Client, s containment.Step) (containment.State, error) {
	var state containment.State
	folder, validity, uid, err := place(s.Target)
	if err != nil {
		return state, err
	}
	err = c.withMail(ctx, true, func(m *mailbox) error {
		state, err = m.messageState(s, folder, validity, uid)
		return err
	})
	return state, err
}

// messageState holds when the message is not in its folder any more, nor has come back into it since the plan was made.
func (m *mailbox) messageState(s containment.Step, folder, validity, uid string) (containment.State, error) {
	o, err := m.open("EXAMINE", folder)
	if err != nil {
		return containment.State{}, err
	}
	if o.validity != validity {
		return stateOf(message{Folder: Quoted(folder), UIDValidity: o.validity}, around{})
	}
	doc, more, _, ok, err := m.describe(folder, o, uid)
	if err != nil {
		return containment.State{}, err
	}
	if ok {
		return stateOf(doc, more)
	}
	var planned around
	var was message
	if json.Unmarshal(s.State.Volatile, &planned) != nil || json.Unmarshal(s.State.Document, &was) != nil || planned.UIDNext == 0 {
		return containment.State{Holds: true}, nil
	}
	id, _, err := unquoted(s.Params[paramMessageID], 1)
	if err != nil {
		return containment.State{}, err
	}
	uids, err := m.byMessageID(id[0])
	if err != nil {
		return containment.State{}, err
	}
	for _, other := range uids {
		if n, _ := strconv.ParseUint(other, 10, 32); n < planned.UIDNext {
			continue // another copy, which was there before
		}
		if doc, more, _, ok, err = m.describe(folder, o, other); err != nil {
			return containment.State{}, err
		}
		if ok && doc.SHA256 == was.SHA256 {
			return stateOf(doc, more)
		}
	}
	return containment.State{Holds: true}, nil
}

func stateOf(doc message, more around) (containment.State, error) {
	text, err := document(doc)
	if err != nil {
		return containment.State{}, err
	}
	volatile, err := document(more)
	return containment.State{Document: text, Volatile: volatile}, err
}

// quarantine moves a message. MOVE keeps its flags, and is one change on the server: it is in one folder or in the other.
func quarantine(ctx context.Context, c *Client, s containment.Step, _ containment.State) error {
	folder, validity, uid, err := place(s.Target)
	if err != nil {
		return err
	}
	to, _, err := unquoted(s.Params[paramTo], 1)
	if err != nil {
		return err
	}
	return c.withMail(ctx, false, func(m *mailbox) error {
		o, err := m.open("SELECT", folder)
		if err != nil {
			return err
		}
		if o.validity != validity {
			return problemf("%s has another UIDVALIDITY than was planned for: plan again", Quoted(folder))
		}
		return m.move(uid, to[0])
	})
}

// move moves a message of the folder that is open, and leaves the folder. It makes sure that the message is gone: a server
// answers OK for a UID that does not exist, too.
func (m *mailbox) move(uid, to string) error {
	if !m.caps["MOVE"] && !m.caps["IMAP4REV2"] {
		return problemf("the server does not offer MOVE; copying and deleting is not done")
	}
	if _, err := m.do(imapwire.NewCommand("UID MOVE").Atom(uid).String(to)); err != nil {
		return err
	}
	left, err := m.search(func(cmd *imapwire.Command) { cmd.Atom("UID").Atom(uid) })
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return problemf("the server says that message %s was moved, and it is still there", uid)
	}
	if m.caps["UNSELECT"] {
		_, err = m.do(imapwire.NewCommand("UNSELECT"))
	}
	return err
}

// release moves a message back: the one in the quarantine folder that has the same bytes.
func release(ctx context.Context, c *Client, s containment.Step, before containment.State) error {
	var was message
	if err := json.Unmarshal(before.Document, &was); err != nil {
		return fmt.Errorf("reading what was saved: %w", err)
	}
	folder, validity, uid, err := place(s.Target)
	if err != nil {
		return err
	}
	to, _, err := unquoted(s.Params[paramTo], 1)
	if err != nil {
		return err
	}
	return c.withMail(ctx, false, func(m *mailbox) error {
		now, err := m.messageState(s, folder, validity, uid)
		var there message
		if err != nil {
			return err
		}
		if !now.Holds && json.Unmarshal(now.Document, &there) == nil && there.SHA256 == was.SHA256 {
			return nil // it is back already
		}
		uid, err := m.find(to[0], was)
		if err != nil {
			return err
		}
		return m.move(uid, folder)
	})
}

// find opens the quarantine folder and gives the UID of the message.
func (m *mailbox) find(folder string, was message) (string, error) {
	o, err := m.open("SELECT", folder)
	if err != nil {
		return "", err
	}
	uids, err := m.search(func(cmd *imapwire.Command) {
		cmd.Atom("LARGER").Atom(strconv.Itoa(max(was.Size-1, 0))).Atom("SMALLER").Atom(strconv.Itoa(was.Size + 1))
	})
	if err != nil {
		return "", err
	}
	for _, uid := range uids {
		doc, _, _, ok, err := m.describe(folder, o, uid)
		if err != nil {
			return "", err
		}
		if ok && doc.SHA256 == was.SHA256 {
			return uid, nil
		}
	}
	return "", problemf("the message is not in %s any more; its bytes are in the bundle of the pre-images", Quoted(folder))
}

func wholeMessage(ctx context.Context, c *Client, s containment.Step) (containment.Original, error) {
	folder, validity, uid, err := place(s.Target)
	if err != nil {
		return containment.Original{}, err
	}
	var was message
	if err := json.Unmarshal(s.State.Document, &was); err != nil {
		return containment.Original{}, fmt.Errorf("reading the plan: %w", err)
	}
	var whole []byte
	err = c.withMail(ctx, true, func(m *mailbox) error {
		o, err := m.open("EXAMINE", folder)
		if err != nil {
			return err
		}
		doc, _, body, ok, err := m.describe(folder, o, uid)
		switch {
		case err != nil:
			return err
		case !ok || doc.SHA256 != was.SHA256 || o.validity != validity:
			return problemf("message %s is not there as it was planned for", s.Target)
		}
		whole = body
		return nil
	})
	return containment.Original{Name: "message.eml", MediaType: "message/rfc822", Body: whole}, err
}

func lookAtFolder(ctx context.Context, c *Client, s containment.Step) (containment.State, error) {
	names, _, err := unquoted(s.Target, 1)
	if err != nil {
		return containment.State{}, err
	}
	there := false
	err = c.withMail(ctx, true, func(m *mailbox) error {
		answer, err := m.do(imapwire.NewCommand("STATUS").String(names[0]).Atom("(MESSAGES)"))
		var refusal *Refusal
		if errors.As(err, &refusal) {
			return nil
		}
		if err != nil {
			return err
		}
		there = len(untagged(answer, "STATUS")) > 0
		return nil
	})
	return containment.State{Holds: there}, err
}

// createFolder makes the folder. It is not subscribed, so that most mail programs do not show it.
func createFolder(ctx context.Context, c *Client, s containment.Step, _ containment.State) error {
	names, _, err := unquoted(s.Target, 1)
	if err != nil {
		return err
	}
	return c.withMail(ctx, false, func(m *mailbox) error {
		_, err := m.do(imapwire.NewCommand("CREATE").String(names[0]))
		var refusal *Refusal
		if errors.As(err, &refusal) && refusal.Code == "ALREADYEXISTS" {
			return nil
		}
		return err
	})
}
