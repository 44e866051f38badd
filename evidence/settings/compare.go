package settings

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Difference is one thing that is not the same in two documents.
type Difference struct {
	Change string `json:"change"` // "added", "removed", "changed", or "unknown" where one of the documents does not know
	Text   string `json:"text"`
}

// The words of Difference.Change.
const (
	Added   = "added"
	Removed = "removed"
	Changed = "changed"
	Unknown = "unknown"
)

// Compare says in words what is different in b, the later document, of the same kind as a. Where the answers are in
// the bundles, and in what order they came, makes no difference.
func Compare(a, b *Document) []Difference {
	switch {
	case a.Kind != b.Kind:
		return []Difference{{Unknown, fmt.Sprintf("one tells of %s and the other of %s", a.Kind, b.Kind)}}
	case a.Kind == ACL:
		return compareRights(a, b)
	case a.Kind == Metadata:
		return compareAnnotations(a, b)
	case a.Kind == Quota:
		return compareQuota(a, b)
	}
	return compareBoxes(a, b)
}

// both goes through two lists side by side, by key.
func both[T any](a, b []T, key func(T) string, each func(x, y *T)) {
	left, right := map[string]*T{}, map[string]*T{}
	for i := range a {
		left[key(a[i])] = &a[i]
	}
	for i := range b {
		right[key(b[i])] = &b[i]
	}
	keys := map[string]bool{}
	for k := range left {
		keys[k] = true
	}
	for k := range right {
		keys[k] = true
	}
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		each(left[k], right[k])
	}
}

func compareRights(a, b *Document) []Difference {
	var out []Difference
	both(a.Rights, b.Rights, func(r Rights) string { return r.Key() }, func(x, y *Rights) {
		switch {
		case x == nil && a.Left > 0:
			out = append(out, Difference{Unknown, y.Name + ": the first has a limit on mailboxes and may not have asked"})
			return
		case y == nil && b.Left > 0:
			out = append(out, Difference{Unknown, x.Name + ": the second has a limit on mailboxes and may not have asked"})
			return
		case x == nil:
			x = &Rights{Mailbox: y.Mailbox, Entries: []Entry{}}
			if y.Mine != nil && y.Of != "personal" && y.Of != "" {
				out = append(out, Difference{Added, fmt.Sprintf("%s: the account may %s", y.Name, allowed(*y.Mine))})
			}
		case y == nil:
			y = &Rights{Mailbox: x.Mailbox, Entries: []Entry{}}
			if x.Mine != nil && x.Of != "personal" && x.Of != "" {
				out = append(out, Difference{Removed, fmt.Sprintf("%s: the account may no longer %s", x.Name, allowed(*x.Mine))})
			}
		case x.Mine == nil != (y.Mine == nil):
			out = append(out, Difference{Unknown, x.Name + ": only one knows what the account itself may do"})
		case x.Mine != nil && !sameRights(*x.Mine, *y.Mine):
			out = append(out, Difference{Changed, fmt.Sprintf("%s: the account may %s, before %s", x.Name, allowed(*y.Mine), allowed(*x.Mine))})
		}
		if x.Entries == nil != (y.Entries == nil) {
			// Of mailboxes of others the list is asked for only where the account administers them.
			if x.Of == "" || x.Of == "personal" {
				out = append(out, Difference{Unknown, x.Name + ": only one knows who has rights"})
			}
			return
		}
		out = append(out, compareEntries(x.Name, x.Entries, y.Entries)...)
	})
	return out
}

func compareEntries(mailbox string, a, b []Entry) []Difference {
	var out []Difference
	both(a, b, func(e Entry) string { return string(e.Identifier) }, func(x, y *Entry) {
		switch {
		case x == nil:
			out = append(out, Difference{Added, mailbox + ": " + y.sentence()})
		case y == nil:
			out = append(out, Difference{Removed, mailbox + ": no longer: " + x.sentence()})
		case !sameRights(string(x.Rights), string(y.Rights)):
			out = append(out, Difference{Changed, fmt.Sprintf("%s: %s, before %s", mailbox, y.sentence(), allowed(string(x.Rights)))})
		}
	})
	return out
}

// sameRights compares two sets of rights; their letters come in any order.
func sameRights(a, b string) bool {
	x, y := []rune(a), []rune(b)
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(slices.Compact(x), slices.Compact(y))
}

func compareAnnotations(a, b *Document) []Difference {
	unknown := map[string]bool{}
	var out []Difference
	both(a.Unknown, b.Unknown, Mailbox.Key, func(x, y *Mailbox) {
		switch {
		case x == nil:
			unknown[y.Key()] = true
			out = append(out, Difference{Unknown, fmt.Sprintf("annotations of %s: the second could not read them", Annotation{Mailbox: *y}.where())})
		case y == nil:
			unknown[x.Key()] = true
			out = append(out, Difference{Unknown, fmt.Sprintf("annotations of %s: the first could not read them", Annotation{Mailbox: *x}.where())})
		default:
			unknown[x.Key()] = true
		}
	})
	key := func(n Annotation) string { return n.Key() + "\x00" + strings.ToLower(string(n.Entry)) }
	both(set(a.Annotations), set(b.Annotations), key, func(x, y *Annotation) {
		switch {
		case x == nil && unknown[y.Key()], y == nil && unknown[x.Key()]:
		case x == nil:
			out = append(out, Difference{Added, fmt.Sprintf("%s of %s: %s", y.Entry, y.where(), y.shown())})
		case y == nil:
			out = append(out, Difference{Removed, fmt.Sprintf("%s of %s: was %s", x.Entry, x.where(), x.shown())})
		case *x.SHA256 != *y.SHA256:
			out = append(out, Difference{Changed, fmt.Sprintf("%s of %s: %s, before %s", x.Entry, x.where(), y.shown(), x.shown())})
		}
	})
	return out
}

// set leaves out what is NIL: an entry that is not there.
func set(annotations []Annotation) []Annotation {
	return slices.DeleteFunc(slices.Clone(annotations), func(n Annotation) bool { return n.SHA256 == nil })
}

func compareQuota(a, b *Document) []Difference {
	var out []Difference
	both(a.Roots, b.Roots, func(r Root) string { return string(r.Name) }, func(x, y *Root) {
		switch {
		case x == nil:
			x = &Root{Name: y.Name}
		case y == nil:
			y = &Root{Name: x.Name}
		case x.Resources == nil != (y.Resources == nil):
			out = append(out, Difference{Unknown, fmt.Sprintf("quota %q: only one knows how full it is", x.Name)})
			return
		}
		name := x.Name
		both(x.Resources, y.Resources, func(r Resource) string { return strings.ToUpper(r.Name) }, func(p, q *Resource) {
			switch {
			case p == nil:
				out = append(out, Difference{Added, fmt.Sprintf("quota %q %s", name, q.shown())})
			case q == nil:
				out = append(out, Difference{Removed, fmt.Sprintf("quota %q: was %s", name, p.shown())})
			case *p != *q:
				out = append(out, Difference{Changed, fmt.Sprintf("quota %q %s, before %s", name, q.shown(), p.shown())})
			}
		})
	})
	return out
}

func compareBoxes(a, b *Document) []Difference {
	var out []Difference
	both(a.Namespaces, b.Namespaces, func(n Namespace) string { return n.Of + "\x00" + string(n.Prefix) }, func(x, y *Namespace) {
		switch {
		case x == nil:
			out = append(out, Difference{Added, fmt.Sprintf("%s namespace %q", y.Of, y.Prefix)})
		case y == nil:
			out = append(out, Difference{Removed, fmt.Sprintf("%s namespace %q", x.Of, x.Prefix)})
		}
	})
	both(a.Boxes, b.Boxes, func(x Box) string { return x.Key() }, func(x, y *Box) {
		switch {
		case x == nil:
			out = append(out, Difference{Added, "mailbox " + y.described()})
		case y == nil:
			out = append(out, Difference{Removed, "mailbox " + x.described()})
		default:
			if p, q := x.described(), y.described(); p != q {
				out = append(out, Difference{Changed, fmt.Sprintf("mailbox %s, before %s", q, strings.TrimPrefix(p, x.Name+": "))})
			}
		}
	})
	return out
}

// described is what a user decides of a mailbox; the server's other attributes (\HasChildren, \Marked) come and go.
func (b Box) described() string {
	subscribed := "subscriptions unknown"
	if b.Subscribed != nil {
		subscribed = "not subscribed"
		if *b.Subscribed {
			subscribed = "subscribed"
		}
	}
	return fmt.Sprintf("%s: %s", b.Name, strings.Join(append([]string{subscribed}, b.SpecialUse...), ", "))
}
