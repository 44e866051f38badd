package imap

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/settings"
	"github.com/mbaudit/mbaudit/internal/imapwire"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// settingsDir is the directory of what is read of rights and settings.
const settingsDir = "settings"

const (
	settingsWindow  = 64       // commands under way at once: 500 mailboxes on a link of 40 ms take 8 round trips
	settingsAnswers = 32 << 20 // bytes of answers of one kind that are kept
	settingsTries   = 2        // connections that one command may cost
	settingsStrikes = 3        // commands in a row that the server does not know or that cost the connection
	settingsOdd     = 100      // answers out of place that are listed; all of them are in the exhibit of answers
	oddText         = 1 << 10  // bytes of each that are repeated
	inlineValue     = 4 << 10  // bytes of a value that are repeated in the document
	settingsEntries = 100_000  // mailboxes, access control entries or annotations in a document
	settingsNames   = 4 << 20  // bytes of the names of all mailboxes together
	longestName     = 4 << 10  // bytes of a mailbox's name
	longestIdent    = 1 << 10  // bytes of an identifier
	longestRights   = 256      // bytes of a set of rights
)

// settings reads what the server tells of rights and settings: of all mailboxes, whatever folders are in scope for
// messages. Each kind gives two exhibits: the answers to all its commands as received, and a document that says what
// they say and where in them.
func (r *run) settings() error {
	r.c.cfg.Report.Step("rights and settings")
	for _, read := range []func() error{r.mailboxes, r.acl, r.metadata, r.quota} {
		if err := read(); err != nil {
			return err
		}
	}
	return nil
}

// An inquiry asks for one kind of settings.
type inquiry struct {
	r        *run
	resource string
	doc      *settings.Document
	answers  bytes.Buffer
	at       time.Time // of the first answer
	limit    int       // bytes of answers
	asked    []string  // names of the commands

	index   map[string]*question // of the questions under way, by key
	strikes int                  // questions in a row that brought an error of the protocol or a lost connection
}

// A question is one command about one mailbox, annotation or quota root.
type question struct {
	cmd   *imapwire.Command
	about string // for gaps: "INBOX"
	key   string // what the response that answers it names

	// read takes a response; false if it cannot be read whole. done hears where the answer is, whatever it says; it may
	// be nil.
	read func(resp *imapwire.Response, ref settings.Answer) bool
	done func(a *imapwire.Answer, ref settings.Answer) error

	silent  bool // an OK without a response is an answer too
	replied bool // a response that answers it has come
	unread  bool // one came that could not be read whole, or that may have been meant for it
	over    bool // the command has been answered
	ok      bool // by OK
	tries   int
}

// inquire starts an inquiry. pending is false where an earlier run has done it.
func (r *run) inquire(kind string) (q *inquiry, pending bool, err error) {
	q = &inquiry{r: r, resource: kind, doc: settings.New(kind, r.scope.Account), limit: settingsAnswers}
	q.doc.Login, q.doc.Master = r.c.login(r.scope.Account), r.c.cfg.MasterUser != ""
	if !r.sink.Has(r.scope.Account, kind, "settings") {
		return q, true, nil
	}
	for _, item := range []string{"answers", "settings"} {
		if r.sink.Has(r.scope.Account, kind, item) {
			err = errors.Join(err, r.expect(kind, item))
		}
	}
	return q, false, err
}

// notOffered writes down that the server does not have a kind of settings.
func (r *run) notOffered(resource string) error {
	return r.sink.Expect(evidence.Expectation{
		Account: r.scope.Account, Collector: r.c.Name(), Resource: resource, NotOffered: true,
		Note: "not among the server's capabilities",
	})
}

// kind says how one kind of response is matched with questions.
type kind struct {
	name string                                       // of the response: "ACL"
	key  func(resp *imapwire.Response) (string, bool) // what it is about; false if it cannot be read
}

// ask asks all questions. What the server refuses, what it does not answer and what costs the connection is a gap; an
// error means that nothing more can be read, or kept.
func (q *inquiry) ask(k kind, questions []*question) error {
	if len(questions) == 0 {
		return nil
	}
	if name := questions[0].cmd.Name; !slices.Contains(q.asked, name) {
		q.asked = append(q.asked, name)
	}
	q.index, q.strikes = map[string]*question{}, 0
	for _, one := range questions {
		q.index[one.key] = one
	}
	pending := questions
	for len(pending) > 0 {
		var cmds []*imapwire.Command
		for _, one := range pending {
			cmds = append(cmds, one.cmd)
		}
		err := q.r.link.conn.Pipeline(cmds, settingsWindow, func(i int, a *imapwire.Answer) error {
			q.r.fruitless = 0
			return q.take(k, pending[i], a)
		})
		pending = unanswered(pending)
		switch {
		case err == nil && len(pending) > 0:
			return errors.Join(q.stop(pending), q.silence(k, questions))
		case err == nil:
		case q.r.ctx.Err() != nil:
			return context.Cause(q.r.ctx)
		case !isConnection(err):
			return err
		default:
			if err := q.connectionLost(pending, err); err != nil {
				return err
			}
			pending = unanswered(pending)
			if q.strikes >= settingsStrikes {
				return errors.Join(q.stop(pending), q.silence(k, questions))
			}
		}
	}
	return q.silence(k, questions)
}

// A keepingError is one of the sink's: a new connection does not help.
type keepingError struct{ err error }

func (e *keepingError) Error() string { return e.err.Error() }
func (e *keepingError) Unwrap() error { return e.err }

// isConnection says whether an error of a pipeline is one of the connection.
func isConnection(err error) bool {
	var keeping *keepingError
	var refused *imapwire.RefusedError
	return !errors.As(err, &keeping) && !errors.As(err, &refused)
}

func keeping(err error) error {
	if err == nil {
		return nil
	}
	return &keepingError{err}
}

func unanswered(questions []*question) []*question {
	var left []*question
	for _, one := range questions {
		if !one.over {
			left = append(left, one)
		}
	}
	return left
}

// connectionLost blames the first question without an answer, which was sent alone if it is not the first time, and
// goes on over another connection. What is larger than we can take will not be smaller the next time.
func (q *inquiry) connectionLost(pending []*question, err error) error {
	var tooLarge *imapwire.LimitError
	if len(pending) > 0 {
		first := pending[0]
		first.tries++
		if first.tries >= settingsTries || errors.As(err, &tooLarge) {
			first.over = true
			q.strikes++
			q.r.fruitless = 0
			if err := q.gap(first, evidence.GapFailed, "the connection broke over it: "+err.Error()); err != nil {
				return err
			}
		}
	}
	return q.r.recover(lost(q.r.ctx, err))
}

// take keeps the answer to one question and reads it.
func (q *inquiry) take(k kind, one *question, a *imapwire.Answer) error {
	ref := settings.Answer{
		Command: one.cmd.Shown(), Off: int64(q.answers.Len()), Len: int64(len(a.Raw)), Status: a.Status.Name,
	}
	if q.at.IsZero() {
		q.at = a.At
	}
	q.answers.Write(a.Raw)
	one.over, one.ok = true, a.OK()
	for i := range a.Untagged {
		q.response(k, &a.Untagged[i], one, ref)
	}
	if one.done != nil {
		if err := one.done(a, ref); err != nil {
			return keeping(err)
		}
	}
	q.strikes++
	if a.Status.Name != "BAD" {
		q.strikes = 0
	}
	if !a.OK() {
		if err := q.gap(one, evidence.GapRefused, refusal(a.Status)); err != nil {
			return keeping(err)
		}
	}
	if q.strikes >= settingsStrikes || q.answers.Len() > q.limit {
		return imapwire.ErrStop
	}
	return nil
}

func refusal(s imapwire.Status) string {
	if s.Name == "BAD" {
		return "the server does not understand it: " + visible.Text(s.String())
	}
	return serverSays{s}.Error()
}

// response gives a response to the question that it answers by what it names: of commands that are under way together,
// the order of the answers tells nothing for sure.
func (q *inquiry) response(k kind, resp *imapwire.Response, asked *question, ref settings.Answer) {
	if resp.Name != k.name {
		if unasked(resp) {
			q.odd("a response that was not asked for", resp, ref)
		}
		return
	}
	key, ok := k.key(resp)
	if !ok {
		q.odd("a response that cannot be read", resp, ref)
		asked.unread = true
		return
	}
	one := asked
	if key != asked.key {
		if one = q.index[key]; one == nil {
			q.odd("a response about something that was not asked for", resp, ref)
			asked.unread = asked.unread || asked.silent
			return
		}
	}
	one.replied = true
	if !one.read(resp, ref) {
		q.odd("a response that cannot be read", resp, ref)
		one.unread = true
	}
}

// unasked says whether a response is none of those that a server may send at any time.
func unasked(resp *imapwire.Response) bool {
	switch resp.Name {
	case "OK", "NO", "BAD", "CAPABILITY", "ENABLED", "EXISTS", "RECENT", "EXPUNGE", "FETCH", "FLAGS", "STATUS", "LIST",
		"QUOTA", "QUOTAROOT": // RFC 9208 section 4.2: after what changed it
		return false
	}
	return true
}

func (q *inquiry) odd(why string, resp *imapwire.Response, ref settings.Answer) {
	if len(q.doc.Odd) >= settingsOdd {
		return
	}
	text := bytes.Clone(resp.Raw[:min(len(resp.Raw), oddText)])
	q.doc.Odd = append(q.doc.Odd, settings.Odd{Why: why, Text: text, Answer: ref})
}

// silence writes down the questions that were answered by OK and by nothing that can be read.
func (q *inquiry) silence(k kind, questions []*question) error {
	for _, one := range questions {
		var err error
		switch {
		case !one.ok:
		case one.unread:
			err = q.gap(one, evidence.GapInvalid, "the answer cannot be read whole; it is kept as received")
		case !one.replied && !one.silent:
			err = q.gap(one, evidence.GapUnaccounted, "the server says OK and sent no "+k.name+" about it")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// stop writes down that the rest is not asked.
func (q *inquiry) stop(left []*question) error {
	if len(left) == 0 {
		return nil
	}
	reason := fmt.Sprintf("%d more were not asked, the first of them %s: ", len(left), left[0].about)
	class := evidence.GapFailed
	if q.answers.Len() > q.limit {
		reason += fmt.Sprintf("the answers have %d bytes, over the limit of %d", q.answers.Len(), q.limit)
	} else {
		reason += fmt.Sprintf("%d such commands in a row brought no answer", q.strikes)
		class = evidence.GapRefused
	}
	name := left[0].cmd.Name
	if err := q.r.expect(q.resource, name); err != nil {
		return err
	}
	return q.r.gap(q.resource, name, class, left[0].cmd.Shown(), reason)
}

// gap names the command and what it was about.
func (q *inquiry) gap(one *question, class evidence.GapClass, reason string) error {
	item := one.cmd.Name + " " + one.about
	if err := q.r.expect(q.resource, item); err != nil {
		return err
	}
	return q.r.gap(q.resource, item, class, one.cmd.Shown(), reason)
}

// keep puts the two exhibits. The document comes last: where it is, all is done.
func (q *inquiry) keep() error {
	if q.answers.Len() > 0 {
		item := q.r.freeItem(q.resource, "answers")
		file := strings.ReplaceAll(q.resource+strings.TrimPrefix(item, "answers"), " ", "-") + ".txt"
		request := strings.Join(q.asked, ", ") + "; each command is in " + q.resource + ".json"
		if err := q.r.keep(q.resource, item, q.r.name(settingsDir, file), protocolText, request, q.answers.Bytes(), q.at); err != nil {
			return err
		}
		q.doc.Sources = append(q.doc.Sources, settings.Source{Resource: q.resource, Item: item, SHA256: sha256.Sum256(q.answers.Bytes())})
	}
	return q.r.keepDocument(q.doc)
}

// freeItem returns an item of a resource that is not taken: an earlier run may have been cut off between the answers
// and what was read from them.
func (r *run) freeItem(resource, item string) string {
	free := item
	for n := 2; r.sink.Has(r.scope.Account, resource, free); n++ {
		free = fmt.Sprintf("%s %d", item, n)
	}
	return free
}

func (r *run) keepDocument(doc *settings.Document) error {
	body, err := doc.Encode()
	if err != nil {
		return fmt.Errorf("%s: imap: writing %s.json: %w", visible.Text(r.scope.Account), doc.Kind, err)
	}
	request := "read from the answers that it names"
	return r.keep(doc.Kind, "settings", r.name(settingsDir, doc.Kind+".json"), settings.MediaType, request, body, time.Now())
}

// text returns what a value says where a name or a word is expected: NIL is a name there.
func text(v imapwire.Value) string {
	switch v.Kind {
	case imapwire.Nil, imapwire.List:
		return string(v.Raw)
	}
	return string(v.Text())
}

// mailboxKey folds the spellings of a mailbox's name that mean the same: INBOX in any case (RFC 3501 section 5.1), and
// the name in UTF-8 in place of modified UTF-7.
func mailboxKey(raw string) string {
	if strings.EqualFold(raw, "INBOX") {
		return "INBOX"
	}
	if name, ok := imapwire.FolderName([]byte(raw)); ok {
		return name
	}
	return raw
}

// firstMailbox is the key of a response that begins with the name of a mailbox.
func firstMailbox(resp *imapwire.Response) (string, bool) {
	v, ok := resp.Scan().Next()
	return mailboxKey(text(v)), ok && v.Kind != imapwire.List
}

func (f *folder) mailbox(of string) settings.Mailbox {
	m := settings.Mailbox{Name: f.name, Of: of}
	if f.raw != f.name {
		m.Raw = evidence.Bytes(f.raw)
	}
	return m
}
