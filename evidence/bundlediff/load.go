package bundlediff

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/earlier"
	"github.com/mbaudit/mbaudit/evidence/settings"
)

// A message is what is remembered of one: a million of them must fit.
type message struct {
	uidValidity, uid uint32 // of another item than <UIDVALIDITY>/<UID>: eight bytes of its SHA-256
	n                uint32 // number of the record
	flags            uint32 // index into table.flags
	digest           [16]byte
	whole            bool // the body is the whole message, not its header only
}

func (m *message) compare(o *message) int {
	return cmp.Or(cmp.Compare(m.uidValidity, o.uidValidity), cmp.Compare(m.uid, o.uid))
}

type folderKey struct{ account, resource string }

// A folder is the messages of one resource, by UIDVALIDITY and UID.
type folder struct {
	messages []message
	numbered bool // all items are <UIDVALIDITY>/<UID>
	byBytes  bool // items are places in a file (an mbox, an archive): messages are known by their bytes
}

// places says whether the folder holds messages whose items are places in a file.
func (f *folder) places() bool { return f != nil && f.byBytes }

// validities lists the UIDVALIDITY values in the folder.
func (f *folder) validities() []uint32 {
	var all []uint32
	if f == nil || !f.numbered {
		return nil
	}
	for _, m := range f.messages {
		if len(all) == 0 || all[len(all)-1] != m.uidValidity { // they are sorted
			all = append(all, m.uidValidity)
		}
	}
	return all
}

// A settingKey names what is no message: a protocol answer, a filter, a certificate.
type settingKey struct{ account, collector, resource, item string }

// A table keeps each set of flags once.
type table struct {
	index map[string]uint32
	flags []string
}

func (t *table) add(flags string) uint32 {
	if i, known := t.index[flags]; known {
		return i
	}
	i := uint32(len(t.flags))
	flags = strings.Clone(flags)
	t.index[flags], t.flags = i, append(t.flags, flags)
	return i
}

// A side is one of the two bundles.
type side struct {
	bundle   *evidence.Bundle
	folders  map[folderKey]*folder
	settings map[settingKey]*evidence.StoredExhibit
	numbers  map[settingKey]int64
	gaps     map[settingKey]bool // what was not read
	headers  bool                // some messages are headers only
	bodies   bool                // some messages are whole
}

func load(b *evidence.Bundle, t *table) (*side, error) {
	s := &side{bundle: b, folders: make(map[folderKey]*folder), settings: make(map[settingKey]*evidence.StoredExhibit),
		numbers: make(map[settingKey]int64), gaps: make(map[settingKey]bool)}
	for r, err := range b.Records() {
		if err != nil {
			return nil, err
		}
		if g := r.Gap; g != nil {
			s.gaps[settingKey{g.Account, g.Collector, g.Resource, g.Item}] = true
			continue
		}
		if ofMessages(r.Exhibit.Resource) {
			s.addMessage(r, t)
			continue
		}
		x := r.Exhibit
		key := settingKey{x.Account, x.Collector, x.Resource, x.Item}
		s.settings[key], s.numbers[key] = x, r.N
	}
	for _, f := range s.folders {
		slices.SortFunc(f.messages, func(a, b message) int { return a.compare(&b) })
	}
	return s, nil
}

// gmailMessages is the resource of messages that were read over Gmail's API: each exhibit is the answer about one.
const gmailMessages = "gmail/messages"

// ofMessages says whether the exhibits of a resource are messages.
func ofMessages(resource string) bool {
	return strings.HasPrefix(resource, "messages/") || resource == gmailMessages
}

// ofGmail takes from an answer of Gmail's API what its bytes do not tell: they change with labels. A message's own never
// do under the same id, and where the answer has the header only, the id stands for them.
func (m *message) ofGmail(x *evidence.StoredExhibit, t *table) {
	m.flags, m.whole = t.add(earlier.NormalFlags(x.Attrs["label-ids"])), x.Attrs["gmail"] == "raw"
	sum := sha256.Sum256([]byte(x.Item))
	if raw, err := hex.DecodeString(x.Attrs["raw.sha256"]); err == nil && len(raw) == len(sum) {
		copy(sum[:], raw)
	}
	copy(m.digest[:], sum[:])
}

func (s *side) addMessage(r evidence.Record, t *table) {
	x := r.Exhibit
	key := folderKey{x.Account, x.Resource}
	f := s.folders[key]
	if f == nil {
		f = &folder{numbered: true}
		s.folders[folderKey{strings.Clone(key.account), strings.Clone(key.resource)}] = f
	}
	m := message{n: uint32(r.N), flags: t.add(earlier.NormalFlags(x.Attrs["flags"])), whole: x.MediaType != "text/rfc822-headers"}
	copy(m.digest[:], x.SHA256[:])
	if x.Resource == gmailMessages {
		m.ofGmail(x, t)
	}
	s.bodies, s.headers = s.bodies || m.whole, s.headers || !m.whole
	var numbered bool
	if m.uidValidity, m.uid, numbered = splitItem(x.Item); !numbered {
		f.numbered = false
		sum := sha256.Sum256([]byte(x.Item))
		if isPlace(x) {
			f.byBytes, sum = true, x.SHA256
		}
		m.uidValidity, m.uid = binary.BigEndian.Uint32(sum[:4]), binary.BigEndian.Uint32(sum[4:8])
	}
	f.messages = append(f.messages, m)
}

// isPlace says whether an item is a place in a file: with one message less before it, it is another number.
func isPlace(x *evidence.StoredExhibit) bool {
	return x.Attrs["mbox.at"] != "" || x.Attrs["member"] != ""
}

// splitItem reads <UIDVALIDITY>/<UID>.
func splitItem(item string) (uidValidity, uid uint32, ok bool) {
	left, right, found := strings.Cut(item, "/")
	v, err1 := strconv.ParseUint(left, 10, 32)
	u, err2 := strconv.ParseUint(right, 10, 32)
	return uint32(v), uint32(u), found && err1 == nil && err2 == nil
}

// bounded says by which option a bundle was limited, or "".
func (s *side) bounded() string {
	for _, name := range []string{"since", "until"} {
		if s.option(name) != "" {
			return "--" + name
		}
	}
	return ""
}

// option is the value of an option of the collection, or "".
func (s *side) option(name string) string {
	return strings.Trim(strings.Join(s.bundle.Opening.Options[name], ","), "[]")
}

func (s *side) coverage(account, resource string) *evidence.Coverage {
	for i, row := range s.bundle.Coverage {
		if row.Account == account && row.Resource == resource {
			return &s.bundle.Coverage[i]
		}
	}
	return nil
}

// reads says whether a bundle has read a resource completely; if not, why not. A folder that is in no row was read
// completely where the same collector read the list of folders and nothing limited the collection: then it did not exist.
func (s *side) reads(account, resource, collector string) (complete bool, why string) {
	if !slices.Contains(s.bundle.Opening.Accounts, account) {
		return false, "it does not examine " + account
	}
	row := s.coverage(account, resource)
	isMessages := ofMessages(resource)
	switch {
	case isMessages && s.bounded() != "":
		return false, "it was limited by " + s.bounded()
	case row != nil && (row.Status == evidence.StatusComplete || row.Status == evidence.StatusEmpty):
		return true, ""
	case row != nil && row.Status == evidence.StatusNotOffered:
		return false, "the server did not offer it"
	case row != nil:
		return false, "it has gaps there"
	case isMessages && s.option("messages") == "none":
		return false, "it holds no messages (--messages none)"
	case isMessages && s.option("folder") != "":
		return false, "it was limited by --folder"
	case isMessages:
		list := s.coverage(account, "list")
		if list != nil && list.Collector == collector && list.Status == evidence.StatusComplete {
			return true, ""
		}
		if list == nil || list.Collector != collector {
			return false, "it did not read it"
		}
		return false, "it has no complete list of folders"
	}
	return false, "it did not ask for it"
}

// document reads a document of settings; why says why it is nil.
func (s *side) document(x *evidence.StoredExhibit) (doc *settings.Document, why string, err error) {
	data, ok, err := s.body(x, settings.MaxSize)
	if err != nil {
		return nil, "", err
	}
	if !ok {
		return nil, s.bundle.Opening.Bundle + ": it is too large to compare", nil
	}
	if doc, err = settings.Parse(data); err != nil {
		return nil, s.bundle.Opening.Bundle + ": " + err.Error(), nil
	}
	return doc, "", nil
}

// body reads a body whole; ok is false for one over most bytes.
func (s *side) body(x *evidence.StoredExhibit, most int64) (data []byte, ok bool, err error) {
	if x.Size > most {
		return nil, false, nil
	}
	r, err := s.bundle.Body(x)
	if err != nil {
		return nil, false, err
	}
	data, err = io.ReadAll(r)
	if err != nil {
		return nil, false, fmt.Errorf("reading %s: %w", x.Name, err)
	}
	return data, true, nil
}
