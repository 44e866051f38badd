package facts

import (
	"cmp"
	"errors"
	"io"
	"iter"
	"slices"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/mailheader"
)

// Most exhibits of a large bundle are headers of messages and pages of logs. They are read from the disk ahead of their turn, one by
// one, and parsed by several goroutines. What comes of them waits: all that the collection learns it learns in the order of the
// records, by one goroutine, so that what is found does not hang on who was faster.

// How large an exhibit may be that is read early, as it is stored and decompressed. Others are read in their turn, without being held.
const (
	maxEarlyStored = 4 << 20
	maxEarlyBody   = 4 << 20
)

// maxTurns is how many facts of one exhibit may wait. Google's pages have a thousand activities, most of one event; of what was made
// to have more the facts are written away as they come.
const maxTurns = 2_000

// errTurns says that more would have to wait.
var errTurns = errors.New("too many facts wait")

// What is parsed in one go: so many exhibits, or so many bytes of them.
const (
	togetherCount = 64
	togetherBytes = 128 << 10
)

// early is what of an exhibit is there before its turn.
type early struct {
	loaded []byte             // its body
	header *mailheader.Header // of a message in its place
	parsed bool
	turns  []func() error // what is left to be done in order
	events []byte         // facts of events in their written form, one behind the other
	waits  bool           // what has to be done in order is put into turns
}

// inTurn does what has to be done in the order of the records: at once, unless the exhibit is read before its turn. An error ends
// reading the exhibit.
func (s *source) inTurn(do func() error) error {
	if s.waits {
		if len(s.turns) == maxTurns {
			return errTurns
		}
		s.turns = append(s.turns, do)
		return nil
	}
	return do()
}

// takeTurns does what waited.
func (s *source) takeTurns() error {
	for i, do := range s.turns {
		if err := do(); err != nil {
			return err
		}
		s.turns[i] = nil // the fact is written away
	}
	s.events = nil
	return nil
}

// lessons are the fields of an event that learn reads.
func lessons() [5]string {
	return [...]string{"actor.profile_id", "actor", "event.application", "client_id", "ip"}
}

// keepWritten holds an event in its written form, and beside it what is learnt from it: a page has a thousand, and a fact that is held
// takes several times as much.
func (s *source) keepWritten(f *Fact) error {
	from := len(s.events)
	s.events = f.appendBinary(s.events)
	to := len(s.events)
	names := lessons()
	lesson := &Fact{Kind: f.Kind, Account: f.Account, Resource: f.Resource, Bundle: f.Bundle, Time: f.Time, Fields: make(Fields, 0, len(names))}
	for _, name := range names {
		if v, there := f.Get(name); there {
			lesson.Fields = append(lesson.Fields, Field{name, v})
		}
	}
	s.c.reuse(f)
	return s.inTurn(func() error {
		s.learn(lesson)
		if err := s.c.sorted.addWritten(lesson.Time, s.events[from:to]); err != nil {
			return errStored{err}
		}
		return nil
	})
}

// sources gives a bundle's exhibits in the order of their records, some at a time, loaded where they can be read early. What cannot
// be loaded is read in its turn, and what is wrong with it comes out there.
func (c *Collection) sources(b *evidence.Bundle) iter.Seq2[[]*source, error] {
	return func(yield func([]*source, error) bool) {
		again := b.Again()
		defer again.Close() //nolint:errcheck // it was only read
		var some []*source
		size := 0
		for r, err := range again.Records() {
			switch {
			case err != nil:
				_ = (len(some) == 0 || yield(some, nil)) && yield(nil, err)
				return
			case r.Exhibit == nil:
				continue
			}
			s := &source{c: c, bundle: b, record: r, StoredExhibit: r.Exhibit}
			s.reading = s.reader()
			some = append(some, s)
			if size += s.loadEarly(again); len(some) < togetherCount && size < togetherBytes {
				continue
			}
			if !yield(some, nil) {
				return
			}
			some, size = nil, 0
		}
		if len(some) > 0 {
			yield(some, nil)
		}
	}
}

// loadEarly loads what can be read early, and says how much there is to parse.
func (s *source) loadEarly(again *evidence.Bundle) int {
	if s.load == nil || s.c.options.Workers == 1 || !s.load(again) {
		return 0
	}
	if s.header != nil {
		return len(s.header.Block)
	}
	return len(s.loaded)
}

// loadBody reads the whole body, unless it is large or its text is read for what it holds.
func (s *source) loadBody(again *evidence.Bundle) bool {
	if s.Size < 0 || s.Size > maxEarlyStored || s.c.content != nil && s.kind != KindAudit {
		return false
	}
	body, err := again.Body(s.StoredExhibit)
	if err != nil {
		return false
	}
	if body, err = s.decoded(body); err != nil {
		return false
	}
	b := make([]byte, 0, s.Size+1) // one more, so that the end is seen, where the hash is compared
	for {
		n, err := body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case err == io.EOF:
			s.loaded = b
			return true
		case err != nil, len(b) > maxEarlyBody:
			return false
		case len(b) == cap(b):
			b = slices.Grow(b, len(b))
		}
	}
}

// wholeMessage is how large a message may be that is read as a whole for its header.
const wholeMessage = 16 << 10

// loadHeader reads a message's header, as message does, and not much more of it.
func (s *source) loadHeader(again *evidence.Bundle) bool {
	if s.c.content != nil {
		return false
	}
	if s.Size <= wholeMessage && cmp.Or(s.Attrs["encoding"], "identity") == "identity" {
		return s.loadBody(again)
	}
	body, err := again.Body(s.StoredExhibit)
	if err != nil {
		return false
	}
	if body, err = s.decoded(body); err != nil {
		return false
	}
	header, err := mailheader.Read(body, s.headerLimit())
	if err != nil {
		return false
	}
	s.header = &header
	return true
}

// parseAll parses what was loaded.
func parseAll(sources []*source) []*source {
	for _, s := range sources {
		if s.loaded != nil || s.header != nil {
			s.parseEarly()
		}
	}
	return sources
}

// parseEarly parses what was loaded; what comes of it waits for its turn. Where that is too much, all is read again in its turn.
func (s *source) parseEarly() {
	s.waits = true
	err := s.parse()
	s.waits, s.parsed, s.loaded, s.header, s.json = false, err == nil, nil, nil, jsonParser{}
	if !s.parsed {
		s.turns, s.events = nil, nil
	}
}
