package facts

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/selection"
	"github.com/mbaudit/mbaudit/evidence/settings"
	"github.com/mbaudit/mbaudit/findings/content"
	"github.com/mbaudit/mbaudit/findings/networks"
	"github.com/mbaudit/mbaudit/internal/ahead"
)

// Options say what is known beside the bundles.
type Options struct {
	OwnDomains []string           // of the organisation, as the case has them
	Location   *time.Location     // in which people's hours are judged; nil is UTC
	Networks   *networks.Database // says whose an IP address is; nil where there is none
	MailRules  MailRules          // understands filters and scripts

	// Content has the bodies of messages read for account numbers, secrets and topics, and their attachments hashed. Those
	// of messages that are marked personal never are.
	Content bool

	// Workers is how many exhibits are parsed at once; 0 is one for each processor, and 1 reads each in its turn. The facts are
	// the same.
	Workers int
}

// MailRules understand the rules of mailboxes. A function that is nil leaves them not understood, which facts then say by
// the lack of any fact of the kind "mail_rule".
type MailRules struct {
	// Filter says what a Gmail filter, as JSON, does; Script the same of a Sieve script, one Meaning for each thing that
	// it may do.
	Filter func(filter []byte) ([]Meaning, error)
	Script func(script []byte) ([]Meaning, error)
}

// A Meaning is one thing that a rule of a mailbox does, and with which messages.
type Meaning struct {
	Locator string   // where in the rule: a JSON pointer or "line 7"
	Action  string   // forward, copy, delete, hide, file, read, flag, reject, reply, notify, execute, keep
	Targets []string // addresses, folders, programs that it is done with
	Topics  []string // what it looks for: money, security, reply, personal …
	Parties []string // addresses and domains that it looks for
	Words   []string // the words by which Topics are known
	All     bool     // it holds for every message
	Active  bool     // the script is the one that runs; true of filters
	Local   bool     // a copy stays in the mailbox
	Tricks  []string // what is odd about the way it is written, one word each
	Summary string   // one sentence for people, in English
}

// A Collection reads bundles and gives their facts.
type Collection struct {
	options  Options
	sorted   *sorter
	known    *known
	listings map[string]listingOf
	coverage Coverage
	content  *content.Reader // nil where bodies are not read
	seen     *seenTexts
	topics   topicIndex
	changes  *changes
	own      *own
	compared bool      // the changes between bundles are among the facts
	spare    sync.Pool // facts that were kept
}

// NewCollection makes an empty one. Close it.
func NewCollection(options Options) *Collection {
	if options.Location == nil {
		options.Location = time.UTC
	}
	if options.Workers == 0 {
		options.Workers = runtime.GOMAXPROCS(0)
	}
	c := &Collection{options: options, sorted: newSorter(), known: newKnown(options.OwnDomains), listings: listings(), topics: newTopicIndex(),
		changes: newChanges(), own: newOwn(), coverage: Coverage{rows: map[rowKey]*Row{}, tenants: newTenants()}}
	maps.Copy(c.listings, serviceListings())
	if options.Content {
		c.content = content.NewReader()
		c.coverage.content = &ContentCount{}
		c.seen = newSeenTexts(c.coverage.content)
	}
	return c
}

// Close removes the temporary file.
func (c *Collection) Close() error { return c.sorted.close() }

// Coverage says what the bundles read so far hold and what they lack.
func (c *Collection) Coverage() *Coverage { return &c.coverage }

// OwnDomains lists the domains that are taken for the organisation's.
func (c *Collection) OwnDomains() []string { return c.known.book.Domains() }

// All gives the facts in the order of their times, those without one first, with all derived fields. It may be called once
// all bundles are read, and again.
func (c *Collection) All() iter.Seq2[*Fact, error] {
	return func(yield func(*Fact, error) bool) {
		if err := c.compare(); err != nil {
			yield(nil, err)
			return
		}
		e := newEnricher(c.options, c.known, c.own)
		for f, err := range ahead.Of(c.enriched(e)) {
			if !yield(f, err) || err != nil {
				return
			}
		}
		c.coverage.baselines, c.coverage.sent = e.baselines(), c.known.sentOf
	}
}

// enriched gives the facts in order, with all fields that e makes.
func (c *Collection) enriched(e *enricher) iter.Seq2[*Fact, error] {
	return func(yield func(*Fact, error) bool) {
		for f, err := range c.sorted.all() {
			if err == nil {
				e.enrich(f)
			}
			if !yield(f, err) {
				return
			}
		}
	}
}

// compare adds, once, what changed between the bundles.
func (c *Collection) compare() error {
	if c.compared {
		return nil
	}
	c.compared = true
	return c.changes.facts(c.sorted.add)
}

// Read takes in a bundle's exhibits. All bundles are read before All is called. What of the bundle is damaged is in
// Coverage.Unread and no error.
func (c *Collection) Read(ctx context.Context, b *evidence.Bundle) error {
	c.coverage.take(b)
	c.changes.take(b)
	c.own.take(b)
	for _, account := range b.Opening.Accounts {
		c.known.account(account)
	}
	for sources, err := range ahead.Map(c.sources(b), c.options.Workers, parseAll) {
		if err != nil { // after it nothing follows
			c.damaged(b, err)
			return nil
		}
		for _, s := range sources {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err := c.exhibit(s); err != nil {
				return fmt.Errorf("reading %s of %s: %w", s.record.ID(), b.Opening.Bundle, err)
			}
		}
	}
	return ctx.Err()
}

// damaged notes that not all of a bundle can be read.
func (c *Collection) damaged(b *evidence.Bundle, why error) {
	c.coverage.NotRead(Unread{Bundle: b.Opening.Bundle, Accounts: b.Opening.Accounts, Reason: why.Error(), Partly: true})
}

// A source is an exhibit that is being read into facts.
type source struct {
	c      *Collection
	bundle *evidence.Bundle
	record evidence.Record
	*evidence.StoredExhibit
	reading
	early
	broken brokenParts
	json   jsonParser
}

// A reading is how an exhibit is read: into facts of a kind, by read, which is nil for what gives none. load takes out of another
// reader of the bundle what read needs, and says whether it did; nil for what is read in its turn.
type reading struct {
	kind string
	read func() error
	load func(again *evidence.Bundle) bool
}

// errStored is a failure to keep a fact, as against one to read an exhibit.
type errStored struct{ error }

func (e errStored) Unwrap() error { return e.error }

// exhibit reads one exhibit, or takes in what was read of it early. What is wrong with its bytes becomes a fact; an error is one of
// storage.
func (c *Collection) exhibit(s *source) error {
	c.changes.exhibit(s)
	c.own.exhibit(s)
	switch {
	case s.parsed:
		return s.takeTurns()
	case s.read == nil:
		return nil
	}
	return s.parse()
}

// parse reads the exhibit into facts. An error is one of storage, or, of what is read early, that it is too much for that.
func (s *source) parse() error {
	s.broken = brokenParts{}
	err := s.read()
	var stored errStored
	if errors.As(err, &stored) || errors.Is(err, errTurns) {
		return err
	}
	if err != nil {
		err = s.keepUnreadable(s.kind, "", 1, err)
	}
	if more := s.broken.count - maxBroken; err == nil && more > 0 {
		err = s.keepUnreadable(s.broken.kind, s.broken.last, more, fmt.Errorf("%d more parts of this exhibit cannot be read either, the last of them: %w", more, s.broken.why))
	}
	return err
}

// reader is how the exhibit is read.
func (s *source) reader() reading {
	if l, ok := s.c.listings[s.Resource]; ok {
		return reading{kind: l.kind, read: func() error { return s.listing(l) }}
	}
	base, _, _ := strings.Cut(s.Resource, "/")
	family, _, _ := strings.Cut(s.Resource, ":")
	switch {
	case s.MediaType == settings.MediaType:
		return reading{kind: KindACL, read: s.settings}
	case s.Resource == "disappeared":
		return reading{kind: KindDisappeared, read: s.disappeared}
	case s.MediaType == "application/sieve":
		return reading{kind: KindScript, read: s.script}
	case selection.IsMessage(s.StoredExhibit) && s.Resource != "gmail/messages": // what Gmail answers about one is read below
		return reading{KindMessage, s.message, s.loadHeader}
	case family == "log-events":
		return reading{kind: KindMailLog, read: s.mailLog}
	case family == "report-events":
		return reading{kind: KindAudit, read: s.reportEvents}
	case (base == "reports" || base == "watch") && s.Collector == "workspace": // a log, or pages of one
		return reading{KindAudit, s.activities, s.loadBody}
	case strings.HasPrefix(s.Resource, "alerts") || strings.HasPrefix(s.Resource, "alertcenter/alerts"):
		return reading{kind: KindAlert, read: func() error { return s.listing(listingOf{kind: KindAlert, list: "alerts", read: (*source).alert}) }}
	case s.Resource == "gmail/messages":
		return reading{KindMessage, s.gmailMessage, s.loadBody}
	case s.Resource == "gmail/history":
		return reading{kind: KindHistory, read: s.history}
	case base == "manual":
		return reading{kind: KindAttached, read: s.attached}
	case s.Resource == "gmail/drafts":
		return reading{KindDraft, s.gmailMessage, s.loadBody}
	}
	return reading{}
}

// fact begins a fact of the exhibit.
func (s *source) fact(kind, locator string) *Fact {
	f, _ := s.c.spare.Get().(*Fact)
	if f == nil {
		f = &Fact{Fields: make(Fields, 0, usualFields)}
	}
	f.Kind, f.Account, f.Collector, f.Resource, f.Bundle, f.Exhibit = kind, s.Account, s.Collector, s.Resource, s.bundle.Opening.Bundle, s.record.ID()
	f.Locator, f.Collected = locator, s.FetchedAt.UTC()
	return f
}

// usualFields is how many fields most facts have room for at once.
const usualFields = 32

// reuse lets another fact have this one's memory; it was kept, and nobody looks at it any more.
func (c *Collection) reuse(f *Fact) {
	clear(f.Fields)
	*f = Fact{Fields: f.Fields[:0]}
	c.spare.Put(f)
}

// keep puts a fact into the collection when it is its turn. Who reads an exhibit early does not look at the fact afterwards.
func (s *source) keep(f *Fact) error {
	switch {
	case !s.waits:
		return s.keepNow(f)
	case f.Kind == KindAudit:
		return s.keepWritten(f)
	}
	return s.inTurn(func() error {
		err := s.keepNow(f)
		s.c.reuse(f)
		return err
	})
}

func (s *source) keepNow(f *Fact) error {
	s.learn(f)
	if learnt(f.Kind) {
		return nil
	}
	if err := s.c.sorted.add(f); err != nil {
		return errStored{err}
	}
	return nil
}

// learn takes from a fact what others are judged by.
func (s *source) learn(f *Fact) {
	s.c.known.learn(f)
	s.c.coverage.tenants.learn(f)
	if learnt(f.Kind) {
		return
	}
	if f.Kind == KindAudit {
		s.c.coverage.served(s.Account, s.Resource, f.Text("event.application"))
	}
	s.c.changes.see(f)
	s.c.own.learn(f)
}

// maxBroken is of how many parts of an exhibit a fact each says that they cannot be read: who was told a hundred times of the
// lines of a damaged log is not helped by a hundred thousand more.
const maxBroken = 100

// brokenParts are the parts of an exhibit that cannot be read.
type brokenParts struct {
	count      int64
	kind, last string // of the last one
	why        error
}

// unreadable keeps that a part of the exhibit cannot be read, and why. Those beyond maxBroken are told of together, by parse.
func (s *source) unreadable(kind, locator string, why error) error {
	b := &s.broken
	b.count, b.kind, b.last, b.why = b.count+1, kind, locator, why
	if b.count > maxBroken {
		return nil
	}
	return s.keepUnreadable(kind, locator, 1, why)
}

func (s *source) keepUnreadable(kind, locator string, parts int64, why error) error {
	f := s.fact(KindUnreadable, locator)
	f.say("of", kind)
	f.say("reason", why.Error())
	f.say("name", s.Name)
	if parts > 1 {
		f.Set("parts", Number(parts))
	}
	return s.inTurn(func() error {
		s.c.coverage.unreadable(s.Account, s.Resource, parts, why)
		return s.keepNow(f)
	})
}

// maxBody is how large an answer may be that is read as a whole.
const maxBody = 64 << 20

var errLarge = fmt.Errorf("it has more than %d bytes", maxBody)

// open gives the exhibit's bytes, decompressed where they are kept as they came over the wire.
func (s *source) open() (io.Reader, error) {
	if s.loaded != nil {
		return bytes.NewReader(s.loaded), nil
	}
	body, err := s.bundle.Body(s.StoredExhibit)
	if err != nil {
		s.c.damaged(s.bundle, err)
		return nil, err
	}
	return s.decoded(body)
}

func (s *source) decoded(body io.Reader) (io.Reader, error) {
	switch encoding := cmp.Or(s.Attrs["encoding"], "identity"); encoding {
	case "identity":
		return body, nil
	case "gzip":
		return gzip.NewReader(body)
	default:
		return nil, fmt.Errorf("it is compressed by %s, which is not read", encoding)
	}
}

// body reads the exhibit as a whole.
func (s *source) body() ([]byte, error) {
	r, err := s.open()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if _, err := io.Copy(&b, io.LimitReader(r, maxBody+1)); err != nil {
		return nil, err
	}
	if b.Len() > maxBody {
		return nil, errLarge
	}
	return b.Bytes(), nil
}
