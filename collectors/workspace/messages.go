package workspace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/earlier"
)

const (
	messagesResource = "gmail/messages"
	draftsResource   = "gmail/drafts"
	failuresInARow   = 30 // messages that are not had, after which the rest is given up
)

// messageRows are the rows of the messages; where they are not read, there is none, or one that says who reads them.
func messageRows(r *run) []source {
	if r.c.cfg.MessagesOverIMAP != "" || r.scope.Messages == collectors.MessagesNone {
		return nil
	}
	rows := []source{{resource: messagesResource + "List"}, {resource: messagesResource}}
	if r.scope.Earlier != nil {
		rows = append(rows, source{resource: historySinceResource}, source{resource: earlier.Resource})
	}
	return rows
}

// draftRows are the rows of the drafts. The list alone, which is numbers, is always read.
func draftRows(r *run) []source {
	rows := []source{{resource: draftsResource + "List"}}
	if r.c.cfg.MessagesOverIMAP == "" && r.scope.Messages != collectors.MessagesNone {
		rows = append(rows, source{resource: draftsResource})
	}
	return rows
}

// drafts reads which messages are drafts, and each of them: what an intruder prepares is sent or gone soon.
func (r *run) drafts(ctx context.Context) error {
	list := listSource("drafts", url.Values{"maxResults": {"500"}})
	if len(draftRows(r)) == 1 {
		return r.read(ctx, list)
	}
	_, _, err := r.each(ctx, "drafts", list)
	return err
}

// messages reads the messages of the mailbox, those in spam and trash too.
func (r *run) messages(ctx context.Context) error {
	if r.c.cfg.MessagesOverIMAP != "" {
		return r.notOffered(source{resource: messagesResource}, "not asked for: the messages are read over IMAP from "+r.c.cfg.MessagesOverIMAP+", see the rows of the collector imap")
	}
	if r.scope.Messages == collectors.MessagesNone {
		return nil
	}
	reading, whole, err := r.each(ctx, "messages", listSource("messages", url.Values{"maxResults": {"500"}}))
	if err != nil || r.scope.Earlier == nil {
		return err
	}
	return r.compareEarlier(ctx, reading, whole)
}

// each lists messages or drafts and reads them one by one. whole says that all are on the list.
func (r *run) each(ctx context.Context, what string, list source) (reading *mailReading, whole bool, err error) {
	reading = &mailReading{r: r, what: what, row: source{resource: "gmail/" + what, api: gmail}}
	if q := searchWindow(r.scope.Since, r.scope.Until); q != "" {
		list.query.Set("q", q)
		reading.note = "of the days asked for and one more on each side: Gmail's search " + q
		list.note = reading.note
	}
	if whole, err = r.enumerate(ctx, list, reading.add); err != nil {
		return reading, whole, err
	}
	if !whole && len(reading.ids)+len(reading.odd) == 0 {
		return reading, whole, r.unread(reading.row.resource, list.resource)
	}
	if err := reading.announce(); err != nil {
		return reading, whole, err
	}
	if err := reading.read(ctx); err != nil || whole {
		return reading, whole, err
	}
	return reading, whole, r.gap(reading.row, 1, request{}, fmt.Errorf("%w: the list of them broke off, and what it did not name is not read: see %s", ErrUnavailable, list.resource))
}

// enumerate reads a list of things that are then read one by one. add hears of each, and says whether the sink has it.
// Where an earlier run kept the list whole it is read again, because what was on it is not remembered, and of its pages
// those are kept that name something which the sink lacks.
func (r *run) enumerate(ctx context.Context, list source, add func(item json.RawMessage) (known bool)) (whole bool, err error) {
	again := r.sink.Has(r.scope.Account, list.resource, "")
	if again {
		list.item, list.name = r.nextReading(list)
	}
	attempt, items := r.attempt(list), 0
	pages, err := r.pages(ctx, list, func(a *answer, page int) error {
		items += len(a.items)
		wanted := !again
		for _, item := range a.items {
			if !add(item) {
				wanted = true
			}
		}
		if !wanted {
			return nil
		}
		return r.keep(list, a, attempt, page)
	})
	if err != nil || pages == 0 {
		return false, err
	}
	return true, r.complete(list, pages, items)
}

// nextReading gives item and name for the pages of a list that is read once more.
func (r *run) nextReading(list source) (item, name string) {
	for n := 2; ; n++ {
		list.item = "again-" + strconv.Itoa(n)
		if !r.sink.Has(r.scope.Account, list.resource, list.item) && !r.sink.Has(r.scope.Account, list.resource, pageItem(list, 1, 1)) {
			return list.item, list.base() + "~" + list.item
		}
	}
}

// A mailReading is the reading of the messages, or drafts, of one account. Eight bytes are held of a message.
type mailReading struct {
	r      *run
	what   string // "messages" or "drafts"
	row    source
	note   string
	ids    []uint64 // of messages: sixteen hexadecimal digits that rise with time
	odd    []string // ids that are something else, as those of drafts are
	streak atomic.Int64
}

// add takes up a line of the list, and says whether the sink has what it names.
func (m *mailReading) add(item json.RawMessage) bool {
	var one struct{ ID string }
	if json.Unmarshal(item, &one) != nil {
		one.ID = ""
	}
	if n, err := strconv.ParseUint(one.ID, 16, 64); err == nil && strconv.FormatUint(n, 16) == one.ID {
		m.ids = append(m.ids, n)
	} else {
		m.odd = append(m.odd, one.ID)
	}
	return m.done(one.ID)
}

// done says that nothing of a message is to be read: the sink has it, or the earlier bundle.
func (m *mailReading) done(id string) bool {
	return m.r.sink.Has(m.r.scope.Account, m.row.resource, id) || m.held(id)
}

// held says whether the earlier bundle has a message as whole as it is wanted now. Drafts change under their ids: of them
// it is not asked.
func (m *mailReading) held(id string) bool {
	if m.what != "messages" {
		return false
	}
	known, ok := m.r.scope.Earlier.Gmail(id)
	return ok && (known.Whole || m.r.scope.Messages != collectors.MessagesRaw)
}

// announce says how many there are, and how long they take. A list that grows while it is read names some twice.
func (m *mailReading) announce() error {
	slices.Sort(m.ids)
	m.ids = slices.Compact(m.ids)
	slices.Reverse(m.ids) // the newest first
	slices.Sort(m.odd)
	m.odd = slices.Compact(m.odd)
	var left, held int64
	for id := range m.all() {
		if !m.done(id) {
			left++
		}
		if m.held(id) {
			held++
		}
	}
	m.r.c.cfg.Report.Expect(left, 0)
	m.sayHowLong(left)
	var notes []string
	count := int64(len(m.ids) + len(m.odd))
	if count == 0 {
		notes = append(notes, "empty: the list names none")
	}
	if m.note != "" {
		notes = append(notes, m.note)
	}
	if held > 0 {
		notes = append(notes, fmt.Sprintf("%d more are in the earlier bundle %s", held, m.r.scope.Earlier.Bundle))
	}
	return m.r.expect(m.row, count-held, strings.Join(notes, "; "))
}

// sayHowLong says how long the messages take at the least, where that is more than a minute.
func (m *mailReading) sayHowLong(left int64) {
	minutes := func(units, quota int64) string {
		return (time.Duration((left*units+quota-1)/quota) * time.Minute).String()
	}
	if left*messageUnits > unitsAMinute {
		m.r.c.cfg.Say(fmt.Sprintf("%s: %d %s to read; Gmail's quota lets that take %s at the least, %s where the project was made before May 2026", m.r.scope.Account, left,
			m.what, minutes(messageUnits, unitsAMinute), minutes(olderMessageUnits, olderUnitsAMinute)))
	}
}

// all gives the ids in the order in which they are read.
func (m *mailReading) all() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, n := range m.ids {
			if !yield(strconv.FormatUint(n, 16)) {
				return
			}
		}
		for _, id := range m.odd {
			if !yield(id) {
				return
			}
		}
	}
}

// read reads what the sink lacks. Where one after the other fails, something larger is wrong, and the rest is a gap.
func (m *mailReading) read(ctx context.Context) error {
	left, first := int64(0), ""
	sources := func(yield func(source) bool) {
		for id := range m.all() {
			switch {
			case m.done(id):
			case first != "" || m.streak.Load() >= failuresInARow:
				if first == "" {
					first = id
				}
				left++
			default:
				if !yield(source{resource: m.row.resource, item: id}) {
					return
				}
			}
		}
	}
	if err := m.r.sideBySide(ctx, sources, m.readOne); err != nil || left == 0 {
		return err
	}
	return m.r.gap(m.row, 1, request{}, fmt.Errorf("%w: %d in a row were not to be had, and the rest is given up: %d, from %s on", ErrUnavailable, m.streak.Load(), left, first))
}

// readOne reads one message. One that is kept although something is wrong with it leaves a gap too.
func (m *mailReading) readOne(ctx context.Context, wanted source) error {
	r := m.r
	if !plainID(wanted.item) {
		wanted.item = cut(wanted.item, longestWords)
		return r.gap(wanted, 1, request{}, fmt.Errorf("%w: this is no id to ask for", ErrDamaged))
	}
	damage := ""
	s := r.itemSource(m.what, wanted.item, &damage)
	a, err := r.ask(ctx, s, "")
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil {
		a.next = "" // an answer about one thing has no pages
		err = r.keep(s, a, 1, 1)
	}
	if errors.Is(err, evidence.ErrStorage) {
		return err
	}
	if err == nil || errors.Is(err, ErrGone) {
		m.streak.Store(0)
	} else {
		m.streak.Add(1)
	}
	asked := r.asks(s, "")
	switch {
	case err != nil:
		return r.gap(s, 1, asked, err)
	case damage != "":
		s.item += "/message"
		return r.gap(s, 1, asked, fmt.Errorf("%w: the answer is kept, and no message can be read from it: %s", ErrDamaged, damage))
	}
	return nil
}
