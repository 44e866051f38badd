package facts

import (
	"io"
	"slices"

	"github.com/mbaudit/mbaudit/internal/mailheader"
)

// maxContentHeader is how large a header may be that a body is looked for behind.
const maxContentHeader = 4 << 20

// content writes into the fact of a message what was asked for of its body. The field content says whether it was read:
// "read", "partly", "personal", "headers only". Without Options.Content there is no such field.
func (s *source) content(f *Fact, h *mailheader.Header, body io.Reader, personal bool) error {
	if s.c.content == nil {
		return nil
	}
	count := s.c.coverage.content
	switch {
	case personal:
		count.Personal++
		f.say("content", "personal")
		return nil
	case body == nil:
		count.HeadersOnly++
		f.say("content", "headers only")
		return nil
	}
	report, err := s.c.content.Read(h, body)
	if err != nil {
		return err
	}
	count.Read++
	f.say("content", "read")
	if len(report.Unread) > 0 {
		count.Partly++
		f.Set("content", Text("partly"))
		f.Set("content.unread", List(cutList(f, report.Unread)))
	}
	for name, list := range map[string][]string{"iban": report.IBANs, "iban.quoted": report.Quoted} {
		if len(list) > 0 {
			f.Set(name, List(list))
		}
	}
	var sorts []string
	for sort, n := range report.Data {
		f.Set("data."+sort, Number(int64(n)))
		sorts = append(sorts, sort)
	}
	if slices.Sort(sorts); len(sorts) > 0 {
		f.Set("data", List(sorts))
	}
	if topics := topicsIn(s.c.topics, report.Own, len(report.Own)); len(topics) > 0 {
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
