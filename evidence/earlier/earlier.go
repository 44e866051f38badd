package earlier

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
)

// A State is what is known of one account.
type State struct {
	Bundle   string    // the newest bundle that it comes from
	SealedAt time.Time // of that one

	folders map[string]*Folder // by resource
	bundles []string           // from the oldest to Bundle
	flags   []string           // each combination once
	index   map[string]uint32
	gmail   gmailBox
}

// A Folder is what is known of one folder under one UIDVALIDITY.
type Folder struct {
	UIDValidity uint32
	ModSeq      uint64 // HIGHESTMODSEQ when reading the folder began; 0 where the server keeps none
	state       *State
	messages    []message
}

// A message is what is remembered of one: a million of them must fit.
type message struct {
	uid    uint32
	flags  uint32
	bundle uint16 // index into State.bundles
	whole  bool
	n      uint32 // of the record there
}

// A Message is one that an earlier bundle holds.
type Message struct {
	UID             uint32
	ID              string // of Gmail's API, in place of a UID
	Flags           string // as NormalFlags writes them; of Gmail the ids of labels
	Bundle, Exhibit string
	Whole           bool // not only its header
}

// maxChain is how many bundles may each build on the one before.
const maxChain = 1000

// Load reads what the bundles know of an account: the last one, and where that one was itself collected since another, that
// one before it. bundles are in that order, the oldest first; Chain finds them.
func Load(bundles []*evidence.Bundle, account string) (*State, error) {
	s := &State{folders: make(map[string]*Folder), index: make(map[string]uint32)}
	for _, b := range bundles {
		if err := s.add(b, account); err != nil {
			return nil, fmt.Errorf("reading %s: %w", b.Opening.Bundle, err)
		}
	}
	return s, nil
}

// Chain opens the bundle called name and those that it was collected since, and gives them from the oldest on. open opens one
// by its name. The caller closes them.
func Chain(name string, open func(name string) (*evidence.Bundle, error)) ([]*evidence.Bundle, error) {
	var chain []*evidence.Bundle
	for name != "" {
		b, err := open(name)
		if err != nil {
			return chain, err
		}
		chain = append(chain, b)
		if len(chain) > maxChain {
			return chain, fmt.Errorf("more than %d bundles each build on the one before", maxChain)
		}
		name = ""
		if b.Opening.Since != nil {
			name = b.Opening.Since.Bundle
		}
	}
	slices.Reverse(chain)
	return chain, nil
}

// add takes up one bundle: what is new in it, and what it says of the messages before.
func (s *State) add(b *evidence.Bundle, account string) error {
	s.Bundle, s.SealedAt = b.Opening.Bundle, b.SealedAt
	s.bundles = append(s.bundles, s.Bundle)
	var report *Report
	for r, err := range b.Records() {
		if err != nil {
			return err
		}
		x := r.Exhibit
		if x == nil || x.Account != account {
			continue
		}
		switch {
		case strings.HasPrefix(x.Resource, "messages/"):
			s.addMessage(r)
		case x.Resource == GmailResource:
			s.addGmail(r)
		case x.Resource == profileResource:
			if err := s.addProfile(b, x); err != nil {
				return err
			}
		case x.Resource == "examine":
			if err := s.addCounters(b, x); err != nil {
				return err
			}
		case x.Resource == Resource:
			report = new(Report)
			if err := readJSON(b, x, report); err != nil {
				return err
			}
		}
	}
	for _, f := range s.folders {
		slices.SortFunc(f.messages, func(a, b message) int { return cmp.Compare(a.uid, b.uid) })
	}
	if report != nil {
		s.apply(report)
	}
	return nil
}

func (s *State) addMessage(r evidence.Record) {
	x := r.Exhibit
	left, right, ok := strings.Cut(x.Item, "/")
	validity, err1 := strconv.ParseUint(left, 10, 32)
	uid, err2 := strconv.ParseUint(right, 10, 32)
	if !ok || err1 != nil || err2 != nil {
		return // not of an IMAP server
	}
	f := s.folder(x.Resource, uint32(validity))
	m := message{uid: uint32(uid), n: uint32(r.N), bundle: uint16(len(s.bundles) - 1), flags: s.flag(NormalFlags(x.Attrs["flags"])),
		whole: x.MediaType != "text/rfc822-headers"}
	f.messages = append(f.messages, m)
}

// folder gives the folder of a resource, begun anew where its UIDVALIDITY is another one.
func (s *State) folder(resource string, validity uint32) *Folder {
	f := s.folders[resource]
	if f == nil || f.UIDValidity != validity {
		f = &Folder{UIDValidity: validity, state: s}
		s.folders[strings.Clone(resource)] = f
	}
	return f
}

func (s *State) flag(flags string) uint32 {
	if i, known := s.index[flags]; known {
		return i
	}
	i := uint32(len(s.flags))
	flags = strings.Clone(flags)
	s.index[flags], s.flags = i, append(s.flags, flags)
	return i
}

// highestModSeq finds the code in the answer to EXAMINE (RFC 7162 section 3.1.2.1).
var highestModSeq = regexp.MustCompile(`(?i)\[HIGHESTMODSEQ ([0-9]{1,19})\]`)

// addCounters reads the first answer to EXAMINE of a folder. Its item is the folder's label, UIDVALIDITY, and "before": what
// changed while the folder was read counts as changed since.
func (s *State) addCounters(b *evidence.Bundle, x *evidence.StoredExhibit) error {
	rest, ok := strings.CutSuffix(x.Item, " before")
	at := strings.LastIndexByte(rest, ' ')
	if !ok || at < 0 {
		return nil
	}
	validity, err := strconv.ParseUint(rest[at+1:], 10, 32)
	if err != nil {
		return nil
	}
	answer, err := readSmall(b, x)
	if err != nil {
		return err
	}
	f := s.folder("messages/"+rest[:at], uint32(validity))
	f.ModSeq = 0
	if m := highestModSeq.FindSubmatch(answer); m != nil {
		f.ModSeq, _ = strconv.ParseUint(string(m[1]), 10, 64) // digits
	}
	return nil
}

// apply takes out what a later bundle did not find any more, and renews flags.
func (s *State) apply(report *Report) {
	for _, fr := range report.Folders {
		if fr.Resource == GmailResource {
			s.applyGmail(fr.Earlier)
			continue
		}
		f := s.folders[fr.Resource]
		if f == nil || fr.Earlier == nil || f.UIDValidity != fr.UIDValidity {
			continue
		}
		gone := make(map[uint32]bool, len(fr.Earlier.Vanished))
		for _, g := range fr.Earlier.Vanished {
			gone[g.UID] = true
		}
		f.messages = slices.DeleteFunc(f.messages, func(m message) bool { return gone[m.uid] })
		for _, c := range fr.Earlier.Reflagged {
			if i, ok := f.find(c.UID); ok {
				f.messages[i].flags = s.flag(NormalFlags(c.After))
			}
		}
	}
}

// Reports gives what a bundle says of messages that are not there any more, by account.
func Reports(b *evidence.Bundle) (map[string]Report, error) {
	reports := make(map[string]Report)
	for r, err := range b.Records() {
		if err != nil {
			return nil, err
		}
		if r.Exhibit == nil || r.Exhibit.Resource != Resource {
			continue
		}
		var report Report
		if err := readJSON(b, r.Exhibit, &report); err != nil {
			return nil, err
		}
		reports[strings.Clone(r.Exhibit.Account)] = report
	}
	return reports, nil
}

// maxDocument bounds what is read of one exhibit into memory.
const maxDocument = 256 << 20

func readSmall(b *evidence.Bundle, x *evidence.StoredExhibit) ([]byte, error) {
	if x.Size > maxDocument {
		return nil, fmt.Errorf("%s has %d bytes, too many to be what it says", x.Name, x.Size)
	}
	body, err := b.Body(x)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(body)
}

func readJSON(b *evidence.Bundle, x *evidence.StoredExhibit, v any) error {
	data, err := readSmall(b, x)
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", x.Name, err)
	}
	return nil
}

// Folder gives what is known of a resource such as "messages/INBOX", nil if nothing is. A nil State knows nothing.
func (s *State) Folder(resource string) *Folder {
	if s == nil {
		return nil
	}
	return s.folders[resource]
}

// Len is how many messages of the folder the earlier bundles hold.
func (f *Folder) Len() int { return len(f.messages) }

// Message gives the message with that UID.
func (f *Folder) Message(uid uint32) (Message, bool) {
	i, ok := f.find(uid)
	if !ok {
		return Message{}, false
	}
	return f.message(i), true
}

// All gives the messages by rising UID.
func (f *Folder) All(yield func(Message) bool) {
	for i := range f.messages {
		if !yield(f.message(i)) {
			return
		}
	}
}

func (f *Folder) find(uid uint32) (int, bool) {
	return slices.BinarySearchFunc(f.messages, uid, func(m message, uid uint32) int { return cmp.Compare(m.uid, uid) })
}

func (f *Folder) message(i int) Message {
	m := f.messages[i]
	return Message{UID: m.uid, Flags: f.state.flags[m.flags], Bundle: f.state.bundles[m.bundle], Exhibit: exhibitID(m.n), Whole: m.whole}
}

func exhibitID(n uint32) string { return fmt.Sprintf("P-%06d", n) }

// NormalFlags puts flags in order, without \Recent, which a server sets and takes off by itself.
func NormalFlags(text string) string {
	flags := strings.Fields(strings.Trim(text, "()"))
	flags = slices.DeleteFunc(flags, func(f string) bool { return strings.EqualFold(f, `\Recent`) })
	slices.Sort(flags)
	return strings.Join(slices.Compact(flags), " ")
}

// Resources gives the folders that the earlier bundles know, sorted.
func (s *State) Resources() []string {
	if s == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(s.folders))
}
