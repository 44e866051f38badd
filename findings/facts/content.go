package facts

import (
	"cmp"
	"hash/maphash"
	"io"
	"slices"
	"strings"

	"github.com/mbaudit/mbaudit/internal/mailheader"
)

// maxContentHeader is how large a header may be that a body is looked for behind.
const maxContentHeader = 4 << 20

// How the text of a message fared, the worst first.
type textState byte

const (
	textHeader textState = iota + 1
	textPersonal
	textPartly
	textRead
)

func (t textState) String() string {
	return [...]string{"", "headers only", "personal", "partly", "read"}[t]
}

// seenTexts remember how each message fared, at its best over all bundles and folders: eight bytes and one for each.
type seenTexts struct {
	seed  maphash.Seed
	best  map[uint64]textState
	total *ContentCount
}

func newSeenTexts(total *ContentCount) *seenTexts {
	return &seenTexts{seed: maphash.MakeSeed(), best: map[uint64]textState{}, total: total}
}

// count notes in the fact how a message fared, and counts each once.
func (s *seenTexts) count(f *Fact, id string, now textState) {
	f.say("content", now.String())
	key := maphash.String(s.seed, strings.ToLower(f.Account)+"\x00"+id)
	before := s.best[key]
	if now <= before || before == 0 && len(s.best) >= maxMessageIDs {
		return
	}
	s.best[key] = now
	s.total.add(before, -1)
	s.total.add(now, 1)
}

func (c *ContentCount) add(state textState, n int64) {
	switch state {
	case textHeader:
		c.HeadersOnly += n
	case textPersonal:
		c.Personal += n
	case textPartly:
		c.Partly += n
		c.Read += n
	case textRead:
		c.Read += n
	}
}

// content writes into the fact of a message what was asked for of its body. The field content says whether it was read:
// "read", "partly", "personal", "headers only". Without Options.Content there is no such field.
func (s *source) content(f *Fact, h *mailheader.Header, body io.Reader, personal bool) error {
	if s.c.content == nil {
		return nil
	}
	id := cmp.Or(f.Text("gmail.id"), f.Text("message_id"), s.Resource+" "+s.Item)
	switch {
	case personal || s.unnamedLabel():
		s.c.seen.count(f, id, textPersonal)
		return nil
	case body == nil:
		s.c.seen.count(f, id, textHeader)
		return nil
	}
	report, err := s.c.content.Read(h, body)
	if err != nil {
		return err
	}
	if len(report.Unread) == 0 {
		s.c.seen.count(f, id, textRead)
	} else {
		s.c.seen.count(f, id, textPartly)
		f.Set("content.unread", List(cutList(f, report.Unread)))
	}
	for name, list := range map[string][]string{"iban": report.IBANs, "iban.quoted": report.Quoted} {
		if len(list) > 0 {
			f.Set(name, List(list))
		}
	}
	if f.Is("sent") && len(report.Links) > 0 { // of what others wrote, links may open an account by themselves
		f.Set("links", List(cutList(f, report.Links)))
		f.Set("links.more", Number(int64(report.MoreLinks)))
	}
	var sorts []string
	for sort, n := range report.Data {
		f.Set("data."+sort, Number(int64(n)))
		sorts = append(sorts, sort)
	}
	if slices.Sort(sorts); len(sorts) > 0 {
		f.Set("data", List(sorts))
	}
	if topics := s.c.topics.in(report.Own, len(report.Own)); len(topics) > 0 {
		f.Set("body.topics", List(topics))
	}
	if n := len(report.Attachments); n > 0 {
		names, types, digests := make([]string, n), make([]string, n), make([]string, n)
		for i, a := range report.Attachments {
			names[i], types[i], digests[i] = a.Name, a.Type, a.SHA256
		}
		f.Set("attachments", List(cutList(f, names)))
		f.Set("attachments.types", List(cutList(f, types)))
		f.Set("attachments.sha256", List(cutList(f, digests)))
	}
	return nil
}

// unnamedLabel says whether the message has a label of Gmail's whose name is not known: it may be the one that marks it personal.
func (s *source) unnamedLabel() bool {
	names := strings.Split(s.Attrs["labels"], ", ")
	return slices.ContainsFunc(strings.Fields(s.Attrs["label-ids"]), func(id string) bool {
		return strings.HasPrefix(id, "Label_") && (slices.Contains(names, id) || s.Attrs["labels"] == "")
	})
}
