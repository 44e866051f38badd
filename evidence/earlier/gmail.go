package earlier

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"github.com/mbaudit/mbaudit/evidence"
)

// GmailResource is the resource of messages that were read over Gmail's API. Their items are Gmail's ids: sixteen
// hexadecimal digits, which name the same message for ever.
const (
	GmailResource   = "gmail/messages"
	profileResource = "gmail/profile"
)

// A gmailBox is what is known of messages that were read over Gmail's API.
type gmailBox struct {
	messages map[uint64]message
	history  uint64 // of the profile of the newest bundle
}

// addGmail takes up a message. One that is damaged is not known: it is read again.
func (s *State) addGmail(r evidence.Record) {
	x := r.Exhibit
	id, ok := gmailID(x.Item)
	if !ok || x.Attrs["damaged"] != "" {
		return
	}
	if s.gmail.messages == nil {
		s.gmail.messages = make(map[uint64]message)
	}
	m := message{n: uint32(r.N), bundle: uint16(len(s.bundles) - 1), flags: s.flag(NormalFlags(x.Attrs["label-ids"])), whole: x.Attrs["gmail"] == "raw"}
	if before := s.gmail.messages[id]; before.whole && !m.whole {
		m.n, m.bundle, m.whole = before.n, before.bundle, true
	}
	s.gmail.messages[id] = m
}

// addProfile takes up the history id of the time at which a bundle was begun. An answer that has none says nothing.
func (s *State) addProfile(b *evidence.Bundle, x *evidence.StoredExhibit) error {
	s.gmail.history = 0
	if x.Attrs["encoding"] != "" {
		return nil
	}
	var said struct {
		ID string `json:"historyId"`
	}
	if err := readJSON(b, x, &said); err != nil {
		return err
	}
	s.gmail.history, _ = strconv.ParseUint(said.ID, 10, 64) // 0 where it is no number: not known
	return nil
}

func gmailID(text string) (uint64, bool) {
	id, err := strconv.ParseUint(text, 16, 64)
	return id, err == nil && strconv.FormatUint(id, 16) == text
}

// applyGmail takes out what a later bundle did not find any more, and renews labels.
func (s *State) applyGmail(c *Comparison) {
	if c == nil {
		return
	}
	for _, gone := range c.Vanished {
		if id, ok := gmailID(gone.ID); ok {
			delete(s.gmail.messages, id)
		}
	}
	for _, changed := range c.Reflagged {
		id, ok := gmailID(changed.ID)
		if m, there := s.gmail.messages[id]; ok && there {
			m.flags = s.flag(NormalFlags(changed.After))
			s.gmail.messages[id] = m
		}
	}
}

// Gmail gives the message with an id of Gmail's API. A nil State knows none.
func (s *State) Gmail(id string) (Message, bool) {
	if s == nil {
		return Message{}, false
	}
	n, ok := gmailID(id)
	m, there := s.gmail.messages[n]
	if !ok || !there {
		return Message{}, false
	}
	return s.gmailMessage(n, m), true
}

func (s *State) gmailMessage(id uint64, m message) Message {
	return Message{ID: strconv.FormatUint(id, 16), Flags: s.flags[m.flags], Bundle: s.bundles[m.bundle], Exhibit: exhibitID(m.n), Whole: m.whole}
}

// GmailMessages gives all messages that were read over Gmail's API, the newest first.
func (s *State) GmailMessages(yield func(Message) bool) {
	for _, id := range slices.SortedFunc(maps.Keys(s.gmail.messages), func(a, b uint64) int { return cmp.Compare(b, a) }) {
		if !yield(s.gmailMessage(id, s.gmail.messages[id])) {
			return
		}
	}
}

// GmailHistory is the history id at which the newest bundle was begun; 0 where it is not known.
func (s *State) GmailHistory() uint64 { return s.gmail.history }
