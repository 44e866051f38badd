package bundlediff

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/settings"
)

// A Change says what became of something between the first bundle and the second.
type Change string

// The changes. They are part of the command line's promise.
const (
	Added      Change = "added"      // a setting that only the second has
	Removed    Change = "removed"    // a setting that only the first has
	Changed    Change = "changed"    // a setting with other bytes
	Appeared   Change = "appeared"   // a folder or message that only the second has
	Vanished   Change = "vanished"   // only the first has it: it may have been deleted or moved
	Moved      Change = "moved"      // the same bytes are in another folder now
	Reflagged  Change = "re-flagged" // the same message with other flags
	Altered    Change = "altered"    // the same UID with other bytes, which IMAP does not allow
	Renumbered Change = "renumbered" // the folder has another UIDVALIDITY
	Unknown    Change = "unknown"    // one of the bundles did not read it completely: nothing follows
)

// A Diff is what is different.
type Diff struct {
	A        Side      `json:"a"`
	B        Side      `json:"b"`
	Notes    []string  `json:"notes"` // what limits the comparison
	Settings []Setting `json:"settings"`
	Chatter  int64     `json:"chatter"` // answers to IMAP commands that differ in tag and duration only, and what is read from such
	Folders  []Folder  `json:"folders"`
	Messages []Message `json:"messages"`
	Same     int64     `json:"messages_same"` // messages that are in both, unchanged
}

// A Side names one of the bundles.
type Side struct {
	Bundle   string    `json:"bundle"`
	OpenedAt time.Time `json:"opened_at"`
	SealedAt time.Time `json:"sealed_at"`
	Accounts []string  `json:"accounts"`
	Exhibits int64     `json:"exhibits"`
	Gaps     int64     `json:"gaps"`
}

// A Setting is a protocol answer or a setting that is not the same.
type Setting struct {
	Change   Change   `json:"change"`
	Account  string   `json:"account"`
	Resource string   `json:"resource"`
	Item     string   `json:"item,omitempty"`
	A        string   `json:"a,omitempty"` // P-000042 in the first bundle
	B        string   `json:"b,omitempty"`
	Lines    []string `json:"lines,omitempty"` // of small texts: "-" the first has it, "+" the second

	// Words are what is different in a document of settings, what was added first.
	Words []settings.Difference `json:"words,omitempty"`
	Note  string                `json:"note,omitempty"`
}

// A Folder is one that is not the same as a whole, or of which it cannot be told.
type Folder struct {
	Change       Change   `json:"change"`
	Account      string   `json:"account"`
	Folder       string   `json:"folder"`
	UIDValidityA []uint32 `json:"uidvalidity_a,omitempty"`
	UIDValidityB []uint32 `json:"uidvalidity_b,omitempty"`
	OnlyA        int64    `json:"only_a"` // messages of which only the first bundle has this number
	OnlyB        int64    `json:"only_b"`
	Again        int64    `json:"again,omitempty"` // of a renumbered one: messages that are there with the same bytes
	Note         string   `json:"note,omitempty"`
}

// A Message is one that is not the same.
type Message struct {
	Change   Change `json:"change"`
	Account  string `json:"account"`
	Folder   string `json:"folder"`
	A        string `json:"a,omitempty"`
	B        string `json:"b,omitempty"`
	ToFolder string `json:"to_folder,omitempty"` // of a moved one
	FlagsA   string `json:"flags_a,omitempty"`
	FlagsB   string `json:"flags_b,omitempty"`
}

// Compare says what is different between a bundle and a later one.
func Compare(a, b *evidence.Bundle) (*Diff, error) {
	c := &comparison{table: table{index: make(map[string]uint32)}}
	var err error
	if c.a, err = load(a, &c.table); err != nil {
		return nil, fmt.Errorf("reading %s: %w", a.Opening.Bundle, err)
	}
	if c.b, err = load(b, &c.table); err != nil {
		return nil, fmt.Errorf("reading %s: %w", b.Opening.Bundle, err)
	}
	c.diff = Diff{A: sideOf(a), B: sideOf(b), Notes: c.notes()}
	if err := c.settings(); err != nil {
		return nil, err
	}
	c.folders()
	return &c.diff, nil
}

func sideOf(b *evidence.Bundle) Side {
	return Side{Bundle: b.Opening.Bundle, OpenedAt: b.Opening.CreatedAt, SealedAt: b.SealedAt, Accounts: b.Opening.Accounts,
		Exhibits: b.Counts.Exhibits, Gaps: b.Counts.Gaps}
}

type comparison struct {
	a, b  *side
	table table
	diff  Diff

	onlyA, onlyB []stray
}

// A stray is a message of which only one bundle has the number, in a folder that both read completely.
type stray struct {
	key folderKey
	m   message
}

func (c *comparison) notes() []string {
	var notes []string
	if c.b.bundle.Opening.CreatedAt.Before(c.a.bundle.Opening.CreatedAt) {
		notes = append(notes, "the second bundle is the older one: what it lacks may have come later")
	}
	if c.a.bodies && c.b.headers || c.a.headers && c.b.bodies {
		notes = append(notes, "one bundle holds whole messages and the other headers only: their bytes are not compared")
	}
	return notes
}

// settings compares what is no message, by digest.
func (c *comparison) settings() error {
	keys := make(map[settingKey]bool)
	for key := range c.a.settings {
		keys[key] = true
	}
	for key := range c.b.settings {
		keys[key] = true
	}
	for _, key := range slices.SortedFunc(maps.Keys(keys), func(x, y settingKey) int {
		return cmp.Or(cmp.Compare(x.account, y.account), cmp.Compare(x.collector, y.collector), cmp.Compare(x.resource, y.resource), cmp.Compare(x.item, y.item))
	}) {
		inA, inB := c.a.settings[key], c.b.settings[key]
		s := Setting{Account: key.account, Resource: key.resource, Item: key.item, A: exhibitID(c.a.numbers[key]), B: exhibitID(c.b.numbers[key])}
		switch {
		case inA == nil:
			s.Change, s.Note = c.a.lacks(key, Added)
		case inB == nil:
			s.Change, s.Note = c.b.lacks(key, Removed)
		case inA.SHA256 == inB.SHA256:
			continue
		default:
			s.Change = Changed
			chatter, err := c.changed(&s, inA, inB)
			if err != nil {
				return err
			}
			if chatter {
				c.diff.Chatter++
				continue
			}
		}
		c.diff.Settings = append(c.diff.Settings, s)
	}
	c.saidInWords()
	return nil
}

// changed says how an exhibit is different. chatter says that nothing in it is that matters.
func (c *comparison) changed(s *Setting, x, y *evidence.StoredExhibit) (chatter bool, err error) {
	if x.MediaType == settings.MediaType && y.MediaType == settings.MediaType {
		return c.words(s, x, y)
	}
	s.Lines, chatter, err = c.lines(x, y)
	return chatter, err
}

// words compares two documents of settings.
func (c *comparison) words(s *Setting, x, y *evidence.StoredExhibit) (same bool, err error) {
	a, why, err := c.a.document(x)
	if err != nil {
		return false, err
	}
	b, whyB, err := c.b.document(y)
	if err != nil {
		return false, err
	}
	if a == nil || b == nil {
		s.Note = cmp.Or(why, whyB)
		return false, nil
	}
	s.Words = settings.Compare(a, b)
	order := []string{settings.Added, settings.Changed, settings.Removed, settings.Unknown}
	slices.SortStableFunc(s.Words, func(x, y settings.Difference) int {
		return cmp.Compare(slices.Index(order, x.Change), slices.Index(order, y.Change))
	})
	return len(s.Words) == 0, nil
}

// saidInWords leaves out the lines of answers where the document that is read from them says in words what is
// different.
func (c *comparison) saidInWords() {
	said := make(map[[2]string]string)
	for _, s := range c.diff.Settings {
		if len(s.Words) > 0 {
			said[[2]string{s.Account, s.Resource}] = s.B
		}
	}
	for i, s := range c.diff.Settings {
		if id := said[[2]string{s.Account, s.Resource}]; id != "" && len(s.Words) == 0 && s.Change == Changed && len(s.Lines) > 0 {
			c.diff.Settings[i].Lines, c.diff.Settings[i].Note = nil, id+" says what is different"
		}
	}
}

// lacks says what follows from a setting that a bundle does not have.
func (s *side) lacks(key settingKey, change Change) (Change, string) {
	if s.gaps[key] {
		return Unknown, s.bundle.Opening.Bundle + " could not read it"
	}
	if complete, why := s.reads(key.account, key.resource, key.collector); !complete && why != "the server did not offer it" {
		return Unknown, s.bundle.Opening.Bundle + ": " + why
	}
	return change, ""
}

// lines compares two small texts line by line. chatter says that only tags and durations of IMAP answers differ.
func (c *comparison) lines(x, y *evidence.StoredExhibit) (lines []string, chatter bool, err error) {
	textA, okA, err := c.a.body(x, maxText)
	if err != nil {
		return nil, false, err
	}
	textB, okB, err := c.b.body(y, maxText)
	if err != nil || !okA || !okB {
		return nil, false, err
	}
	if x.MediaType == imapAnswer && y.MediaType == imapAnswer {
		textA, textB = withoutChatter(textA), withoutChatter(textB)
	}
	return diffLines(textA, textB), bytes.Equal(textA, textB), nil
}

// folders compares the messages.
func (c *comparison) folders() {
	keys := make(map[folderKey]bool)
	for _, s := range []*side{c.a, c.b} {
		for key := range s.folders {
			keys[key] = true
		}
		for _, row := range s.bundle.Coverage {
			if ofMessages(row.Resource) {
				keys[folderKey{row.Account, row.Resource}] = true
			}
		}
	}
	sorted := slices.SortedFunc(maps.Keys(keys), func(x, y folderKey) int {
		return cmp.Or(cmp.Compare(x.account, y.account), cmp.Compare(x.resource, y.resource))
	})
	for _, key := range sorted {
		c.folder(key)
	}
	c.moves()
	order := func(x, y Message) int {
		return cmp.Or(cmp.Compare(x.Account, y.Account), cmp.Compare(x.Folder, y.Folder), cmp.Compare(x.Change, y.Change), cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B))
	}
	slices.SortFunc(c.diff.Messages, order)
}

func (k folderKey) name() string { return strings.TrimPrefix(k.resource, "messages/") }

func (c *comparison) folder(key folderKey) {
	a, b := c.a.folders[key], c.b.folders[key]
	f := Folder{Account: key.account, Folder: key.name(), UIDValidityA: a.validities(), UIDValidityB: b.validities()}
	var onlyA, onlyB []stray
	c.merge(key, a, b, func(m message) { onlyA = append(onlyA, stray{key, m}) }, func(m message) { onlyB = append(onlyB, stray{key, m}) })
	f.OnlyA, f.OnlyB = int64(len(onlyA)), int64(len(onlyB))

	coverageA, coverageB := c.a.coverage(key.account, key.resource), c.b.coverage(key.account, key.resource)
	rowA, rowB := coverageA != nil, coverageB != nil
	collector := ""
	if row := cmp.Or(coverageA, coverageB); row != nil {
		collector = row.Collector
	}
	completeA, whyA := c.a.reads(key.account, key.resource, collector)
	completeB, whyB := c.b.reads(key.account, key.resource, collector)
	if a.places() && b.places() && a.messages[0].whole != b.messages[0].whole {
		completeA, whyA = false, "its messages are known by their bytes, and one of the two holds headers only"
	}
	switch {
	case !completeA || !completeB:
		f.Change = Unknown
		var notes []string
		if !completeA {
			notes = append(notes, c.a.bundle.Opening.Bundle+": "+whyA)
		}
		if !completeB {
			notes = append(notes, c.b.bundle.Opening.Bundle+": "+whyB)
		}
		f.Note = strings.Join(notes, "; ")
		if f.OnlyA+f.OnlyB > 0 || rowA != rowB {
			c.diff.Folders = append(c.diff.Folders, f)
		}
		return
	case !rowA:
		f.Change = Appeared
	case !rowB:
		f.Change, f.Note = Vanished, "it may have been deleted or renamed"
	case len(f.UIDValidityA) > 0 && len(f.UIDValidityB) > 0 && !slices.Equal(f.UIDValidityA, f.UIDValidityB):
		f.Change, f.Note = Renumbered, "the server gave all messages new numbers: it was deleted and made again, or restored"
		f.Again, onlyA, onlyB = pairUp(onlyA, onlyB, nil)
	}
	if f.Change != "" {
		c.diff.Folders = append(c.diff.Folders, f)
	}
	c.onlyA, c.onlyB = append(c.onlyA, onlyA...), append(c.onlyB, onlyB...)
}

// merge goes through a folder's messages in both bundles side by side.
func (c *comparison) merge(key folderKey, a, b *folder, onlyA, onlyB func(message)) {
	var as, bs []message
	if a != nil {
		as = a.messages
	}
	if b != nil {
		bs = b.messages
	}
	for len(as) > 0 || len(bs) > 0 {
		order := 0
		switch {
		case len(bs) == 0:
			order = -1
		case len(as) == 0:
			order = 1
		default:
			order = as[0].compare(&bs[0])
		}
		if order < 0 {
			onlyA(as[0])
			as = as[1:]
			continue
		}
		if order > 0 {
			onlyB(bs[0])
			bs = bs[1:]
			continue
		}
		c.both(key, as[0], bs[0])
		as, bs = as[1:], bs[1:]
	}
}

// both compares a message that both bundles have under the same number.
func (c *comparison) both(key folderKey, x, y message) {
	m := Message{Account: key.account, Folder: key.name(), A: exhibitID(int64(x.n)), B: exhibitID(int64(y.n))}
	switch {
	case x.whole == y.whole && x.digest != y.digest:
		m.Change = Altered
	case x.flags != y.flags:
		m.Change, m.FlagsA, m.FlagsB = Reflagged, c.table.flags[x.flags], c.table.flags[y.flags]
	default:
		c.diff.Same++
		return
	}
	c.diff.Messages = append(c.diff.Messages, m)
}

// moves pairs messages that vanished with such that appeared and have the same bytes.
func (c *comparison) moves() {
	_, gone, come := pairUp(c.onlyA, c.onlyB, func(from, to stray) {
		c.diff.Messages = append(c.diff.Messages, Message{Change: Moved, Account: from.key.account, Folder: from.key.name(), A: exhibitID(int64(from.m.n)),
			B: exhibitID(int64(to.m.n)), ToFolder: to.key.name()})
	})
	for _, s := range gone {
		c.diff.Messages = append(c.diff.Messages, Message{Change: Vanished, Account: s.key.account, Folder: s.key.name(), A: exhibitID(int64(s.m.n)), FlagsA: c.table.flags[s.m.flags]})
	}
	for _, s := range come {
		c.diff.Messages = append(c.diff.Messages, Message{Change: Appeared, Account: s.key.account, Folder: s.key.name(), B: exhibitID(int64(s.m.n)), FlagsB: c.table.flags[s.m.flags]})
	}
}

// pairUp pairs messages of the same account and bytes, one to one, and returns how many and what is left.
func pairUp(from, to []stray, pair func(from, to stray)) (pairs int64, restFrom, restTo []stray) {
	type content struct {
		account string
		digest  [16]byte
		whole   bool
	}
	waiting := make(map[content][]int, len(to))
	for i, s := range to {
		key := content{s.key.account, s.m.digest, s.m.whole}
		waiting[key] = append(waiting[key], i)
	}
	taken := make(map[int]bool)
	for _, s := range from {
		key := content{s.key.account, s.m.digest, s.m.whole}
		if w := waiting[key]; len(w) > 0 {
			waiting[key], taken[w[0]] = w[1:], true
			pairs++
			if pair != nil {
				pair(s, to[w[0]])
			}
			continue
		}
		restFrom = append(restFrom, s)
	}
	for i, s := range to {
		if !taken[i] {
			restTo = append(restTo, s)
		}
	}
	return pairs, restFrom, restTo
}

func exhibitID(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("P-%06d", n)
}
