package imap

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/settings"
	"github.com/mbaudit/mbaudit/internal/imapwire"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// maxNamespaces is how many namespaces of others are listed.
const maxNamespaces = 50

// The kinds of namespaces, in the order of the response (RFC 2342).
const (
	personal = "personal"
	other    = "other"
	shared   = "shared"
)

// parseNamespaces reads the NAMESPACE response.
func parseNamespaces(answer *imapwire.Answer) []settings.Namespace {
	var all []settings.Namespace
	for i := range answer.Untagged {
		resp := &answer.Untagged[i]
		if resp.Name != "NAMESPACE" {
			continue
		}
		s := resp.Scan()
		for _, of := range []string{personal, other, shared} {
			v, ok := s.Next()
			if !ok || v.Kind != imapwire.List {
				continue
			}
			for inner := v.Scan(); ; {
				one, ok := inner.Next()
				if !ok {
					break
				}
				fields := one.Scan()
				prefix, ok1 := fields.Next()
				delimiter, ok2 := fields.Next()
				if one.Kind == imapwire.List && ok1 && ok2 {
					all = append(all, settings.Namespace{
						Of: of, Prefix: prefix.Text(), Delimiter: strings.ToValidUTF8(string(delimiter.Text()), "�"),
					})
				}
			}
		}
	}
	return all
}

// of says in which kind of namespace a mailbox is: that of the longest prefix that it has.
func (r *run) of(f *folder) string {
	kind, length := personal, -1
	if strings.EqualFold(f.raw, "INBOX") {
		return personal
	}
	for _, n := range r.namespaces {
		prefix := string(n.Prefix)
		if len(prefix) > length && (strings.HasPrefix(f.raw, prefix) || n.Delimiter != "" && f.raw+n.Delimiter == prefix) {
			kind, length = n.Of, len(prefix)
		}
	}
	return kind
}

// namespace asks for the namespaces. It asks again when an earlier run was cut off before it had read them.
func (r *run) namespace() error {
	if !r.link.caps.has("NAMESPACE") && !r.link.caps.has("IMAP4REV2") {
		return r.notOffered("namespace")
	}
	cmd := imapwire.NewCommand("NAMESPACE")
	answer, err := r.do(cmd)
	if err != nil {
		return err
	}
	if answer.OK() {
		r.namespaces = parseNamespaces(answer)
		r.heard("namespace", "", answer)
	}
	return r.keepAnswer("namespace", "", "namespace.txt", cmd, answer)
}

// A listing is an answer that the list of mailboxes is read from.
type listing struct {
	resource, item string
	raw            []byte
	earlier        bool // an earlier run has put the exhibit, with another answer
}

// heard remembers an answer, which is about to be kept, as a source of the list of mailboxes.
func (r *run) heard(resource, item string, answer *imapwire.Answer) {
	r.listings = append(r.listings, listing{resource, item, answer.Raw, r.sink.Has(r.scope.Account, resource, item)})
}

// listForeign lists the mailboxes in the namespaces of others: not every server shows them in LIST "" "*".
func (r *run) listForeign() ([]*folder, error) {
	var found []*folder
	listed := 0
	for _, n := range r.namespaces {
		if n.Of == personal || len(n.Prefix) == 0 {
			continue
		}
		if listed++; listed > maxNamespaces {
			if err := r.expect("list", "namespaces"); err != nil {
				return nil, err
			}
			return found, r.gap("list", "namespaces", evidence.GapFailed, "", fmt.Sprintf("the server names more namespaces of others than %d", maxNamespaces))
		}
		item := "namespace " + visible.Text(string(n.Prefix))
		if again := fmt.Sprintf("%s ~%d", item, listed); slices.ContainsFunc(r.listings, func(l listing) bool { return l.item == item }) {
			item = again
		}
		cmd := imapwire.NewCommand("LIST").String("").String(string(n.Prefix) + "*")
		answer, err := r.do(cmd)
		if err != nil {
			return nil, err
		}
		if answer.OK() {
			found = append(found, parseList(answer)...)
			r.heard("list", item, answer)
		}
		if err := r.keepAnswer("list", item, fmt.Sprintf("list-namespace-%d.txt", listed), cmd, answer); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// mailboxes keeps the list of all mailboxes as it was read, and sorts them into those of the account and those of
// others. It does not ask twice for what folders has asked.
func (r *run) mailboxes() error {
	foreign, err := r.listForeign()
	if err != nil {
		return err
	}
	if err := r.sortOut(slices.Concat(r.listed, foreign)); err != nil {
		return err
	}
	q, pending, err := r.inquire(settings.Mailboxes)
	if err != nil || !pending {
		return err
	}
	for i, l := range r.listings {
		source := settings.Source{Resource: l.resource, Item: l.item, SHA256: sha256.Sum256(l.raw)}
		if l.earlier {
			source.Resource, source.Item = settings.Mailboxes, r.freeItem(settings.Mailboxes, strings.TrimSpace(l.resource+" "+l.item))
			file := fmt.Sprintf("mailboxes-%d.txt", i+1)
			if err := r.keep(source.Resource, source.Item, r.name(settingsDir, file), protocolText, "", l.raw, time.Now()); err != nil {
				return err
			}
		}
		q.doc.Sources = append(q.doc.Sources, source)
	}
	q.doc.Namespaces = r.namespaces
	for _, b := range r.boxes {
		q.doc.Boxes = append(q.doc.Boxes, r.described(b))
	}
	return r.keepDocument(q.doc)
}

// sortOut takes each mailbox once, within the limits; what is left out is a gap.
func (r *run) sortOut(all []*folder) error {
	seen := map[string]bool{}
	left, names := 0, 0
	for _, f := range all {
		key := mailboxKey(f.raw)
		if seen[key] {
			continue
		}
		seen[key] = true
		if len(r.boxes) == settingsEntries || len(f.raw) > longestName || names+len(f.raw) > settingsNames {
			left++
			continue
		}
		names += len(f.raw)
		r.boxes = append(r.boxes, box{f, r.of(f)})
	}
	slices.SortFunc(r.boxes, func(a, b box) int { return cmp.Compare(a.raw, b.raw) })
	if left == 0 {
		return nil
	}
	if err := r.expect(settings.Mailboxes, "more"); err != nil {
		return err
	}
	return r.gap(settings.Mailboxes, "more", evidence.GapFailed, "LIST",
		fmt.Sprintf("%d mailboxes are left out and not asked about: there are too many, or their names are too long", left))
}

// A box is a mailbox and the kind of namespace that it is in.
type box struct {
	*folder
	of string
}

func (b box) own() bool { return b.of == personal }

func (r *run) described(b box) settings.Box {
	d := settings.Box{Mailbox: b.mailbox(b.of), Delimiter: strings.ToValidUTF8(b.delimiter, "�"), Attributes: []string{}}
	for _, attr := range b.attrs {
		attr = strings.ToValidUTF8(attr, "�")
		d.Attributes = append(d.Attributes, attr)
		switch strings.ToLower(attr) {
		case `\all`, `\archive`, `\drafts`, `\flagged`, `\important`, `\junk`, `\sent`, `\trash`: // RFC 6154, RFC 8457
			d.SpecialUse = append(d.SpecialUse, attr)
		}
	}
	if r.subscriptions {
		subscribed := b.has(`\Subscribed`) || r.subscribed[mailboxKey(b.raw)]
		d.Subscribed = &subscribed
	}
	return d
}

// readSubscriptions remembers what LSUB says.
func (r *run) readSubscriptions(answer *imapwire.Answer) {
	r.subscriptions = answer.OK()
	r.subscribed = map[string]bool{}
	for i := range answer.Untagged {
		resp := &answer.Untagged[i]
		if resp.Name != "LSUB" && resp.Name != "LIST" {
			continue
		}
		s := resp.Scan()
		attrs, ok1 := s.Next()
		_, ok2 := s.Next()
		name, ok3 := s.Next()
		// \Noselect in LSUB says that only something below is subscribed to (RFC 3501 section 6.3.9).
		if ok1 && ok2 && ok3 && !strings.Contains(strings.ToLower(string(attrs.Raw)), `\noselect`) {
			r.subscribed[mailboxKey(text(name))] = true
		}
	}
}
