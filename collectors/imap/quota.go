package imap

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/settings"
	"github.com/mbaudit/mbaudit/internal/imapwire"
)

// maxRoots is how many quota roots are read.
const maxRoots = 1000

// quota reads which quota roots the account's mailboxes have and how full each is (RFC 2087, RFC 9208): who fills a
// mailbox keeps warnings from arriving.
func (r *run) quota() error {
	if !r.link.caps.has("QUOTA") {
		return r.notOffered(settings.Quota)
	}
	q, pending, err := r.inquire(settings.Quota)
	if err != nil || !pending {
		return err
	}
	roots, err := q.quotaRoots()
	if err != nil {
		return err
	}
	if err := q.quotas(roots); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(roots)) {
		q.doc.Roots = append(q.doc.Roots, *roots[name])
	}
	return q.keep()
}

// quotaRoots asks which roots each mailbox of the account has.
func (q *inquiry) quotaRoots() (map[string]*settings.Root, error) {
	roots := map[string]*settings.Root{}
	told := map[string][]settings.Resource{}
	var questions []*question
	for _, b := range q.r.boxes {
		if !b.own() || !b.selectable() {
			continue
		}
		questions = append(questions, &question{
			cmd: imapwire.NewCommand("GETQUOTAROOT").String(b.raw), about: b.label, key: mailboxKey(b.raw),
			read: func(resp *imapwire.Response, ref settings.Answer) bool {
				for _, name := range parseQuotaRoot(resp) {
					root := roots[name]
					if root == nil && len(roots) == maxRoots {
						return false
					}
					if root == nil {
						root = &settings.Root{Name: evidence.Bytes(name), Answers: []settings.Answer{ref}}
						roots[name] = root
					}
					root.Mailboxes++
				}
				return true
			},
			done: func(answer *imapwire.Answer, _ settings.Answer) error {
				for i := range answer.Untagged {
					if resp := &answer.Untagged[i]; resp.Name == "QUOTA" && len(told) < maxRoots {
						if resources, ok := parseQuota(resp); ok {
							v, _ := resp.Scan().Next()
							told[text(v)] = resources
						}
					}
				}
				return nil
			},
		})
	}
	err := q.ask(kind{"QUOTAROOT", firstMailbox}, questions)
	for name, root := range roots {
		root.Resources = told[name]
	}
	return roots, err
}

// quotas asks how full each root is that GETQUOTAROOT did not say it of. GETQUOTA is for administrators on some servers
// (Cyrus), so that it is asked only where it must be.
func (q *inquiry) quotas(roots map[string]*settings.Root) error {
	var questions []*question
	for _, name := range slices.Sorted(maps.Keys(roots)) {
		root := roots[name]
		if root.Resources != nil {
			continue
		}
		questions = append(questions, &question{
			cmd: imapwire.NewCommand("GETQUOTA").String(name), about: visibleBytes(root.Name), key: name,
			done: func(_ *imapwire.Answer, ref settings.Answer) error {
				root.Answers = append(root.Answers, ref)
				return nil
			},
			read: func(resp *imapwire.Response, _ settings.Answer) bool {
				resources, ok := parseQuota(resp)
				if ok {
					root.Resources = resources
				}
				return ok
			},
		})
	}
	return q.ask(kind{"QUOTA", func(resp *imapwire.Response) (string, bool) {
		v, ok := resp.Scan().Next()
		return text(v), ok && v.Kind != imapwire.List
	}}, questions)
}

// parseQuotaRoot reads the roots of "INBOX root1 root2".
func parseQuotaRoot(resp *imapwire.Response) []string {
	s := resp.Scan()
	s.Next()
	var roots []string
	for {
		v, ok := s.Next()
		if !ok {
			return roots
		}
		if root := text(v); v.Kind != imapwire.List && !slices.Contains(roots, root) && len(roots) < maxRoots {
			roots = append(roots, root)
		}
	}
}

// parseQuota reads "root (STORAGE 10 512 MESSAGE 3 100)".
func parseQuota(resp *imapwire.Response) ([]settings.Resource, bool) {
	s := resp.Scan()
	_, ok1 := s.Next()
	list, ok2 := s.Next()
	if !ok1 || !ok2 || list.Kind != imapwire.List {
		return nil, false
	}
	resources := []settings.Resource{}
	for inner := list.Scan(); ; {
		name, ok := inner.Next()
		if !ok {
			return resources, true
		}
		usage, ok1 := inner.Next()
		limit, ok2 := inner.Next()
		u, err1 := strconv.ParseInt(text(usage), 10, 64)
		l, err2 := strconv.ParseInt(text(limit), 10, 64)
		if !ok1 || !ok2 || err1 != nil || err2 != nil || u < 0 || l < 0 {
			return nil, false
		}
		resources = append(resources, settings.Resource{Name: strings.ToValidUTF8(text(name), "�"), Usage: u, Limit: l})
	}
}
