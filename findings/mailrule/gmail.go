package mailrule

import (
	"fmt"
	"strings"

	"github.com/mbaudit/mbaudit/internal/visible"
)

// GmailOptions says what the filters alone do not.
type GmailOptions struct {
	// Label returns the name of a label of the account. Where it is nil or does not know, the id stands for the name.
	Label func(id string) (name string, ok bool)
}

// ParseGmailFilters reads filters as the Gmail API gives them: the answer of users.settings.filters.list, a list of
// filters, or one. All filters apply to each message, in no order. It never fails: what is not understood is in the notes.
func ParseGmailFilters(source []byte, options GmailOptions) Set {
	set, doc := openJSON(source, GmailFilter)
	filters := doc.items
	switch {
	case doc.kind != 'o':
	case doc.get("filter").kind == 'a':
		filters = doc.get("filter").items
	case doc.get("criteria").kind != 0 || doc.get("action").kind != 0:
		filters = []jsonNode{doc}
	case len(doc.members) > 0:
		set.Notes = append(set.Notes, Note{UnknownCommand, "this is no list of Gmail filters", doc.at})
	}
	for i, f := range filters {
		if i >= maxRules {
			set.Notes = append(set.Notes, Note{TooLarge, fmt.Sprintf("there are %d filters, of which the first %d were read", len(filters), maxRules), f.at})
			break
		}
		set.Rules = append(set.Rules, gmailRule(f, options))
	}
	set.link()
	return set
}

func openJSON(source []byte, dialect Dialect) (Set, jsonNode) {
	set := Set{Dialect: dialect}
	src := string(source)
	if len(src) > maxSource {
		set.Notes = append(set.Notes, Note{TooLarge, fmt.Sprintf("there are %d bytes, of which the first %d were read", len(src), maxSource), Span{maxSource, len(src)}})
		src = src[:maxSource]
	}
	doc, err := parseJSON(src)
	if err != nil {
		set.Notes = append(set.Notes, Note{Syntax, "this is not JSON " + err.Error() + "; what comes after was not read", Span{doc.at.End, len(source)}})
	}
	if sourceValue(src, 0).from != nil {
		set.Notes = append(set.Notes, Note{NotUTF8, "there are bytes that are not UTF-8", Span{0, len(src)}})
	}
	return set, doc
}

// ParseGmailForwarding reads the answer of users.settings.getAutoForwarding: forwarding of everything.
func ParseGmailForwarding(source []byte) Set {
	set, doc := openJSON(source, GmailForwarding)
	r := Rule{Dialect: GmailForwarding, At: doc.at, Conditions: Condition{Op: Always, At: doc.at}}
	address := doc.get("emailAddress")
	if doc.get("enabled").kind != 't' {
		r.Unreachable, r.Why = true, "off"
		if address.kind != 's' {
			return set
		}
	}
	r.Actions = append(r.Actions, Action{Kind: Forward, Values: []Value{address.text}, Copy: true, At: address.at})
	disposition := doc.get("disposition")
	a := Action{Kind: Keep, At: disposition.at}
	switch disposition.text.Text {
	case "leaveInInbox":
	case "archive":
		a.Kind = SkipInbox
	case "trash":
		a.Kind = Trash
	case "markRead":
		a.Kind = MarkRead
	default:
		a.Kind, a.Values = Unread, []Value{disposition.text}
		r.Notes = append(r.Notes, Note{UnknownCommand, "what becomes of forwarded mail is not known here: " + visible.Cut(disposition.text.Text, 40), disposition.at})
	}
	r.Actions = append(r.Actions, a)
	set.Rules = append(set.Rules, r)
	set.link()
	return set
}

func gmailRule(f jsonNode, options GmailOptions) Rule {
	r := Rule{Dialect: GmailFilter, At: f.at, ID: f.get("id").text.Text}
	for _, m := range f.members {
		switch m.name.Text {
		case "id", "criteria", "action":
		default:
			r.unknownField("filter", m)
		}
	}
	r.criteria(f.get("criteria"))
	r.actions(f.get("action"), options)
	return r
}

func (r *Rule) unknownField(of string, m jsonMember) {
	r.Notes = append(r.Notes, Note{UnknownCommand, "the field " + visible.Cut(m.name.Text, 40) + " of a " + of + " is not known here", m.value.at})
}

func (r *Rule) criteria(c jsonNode) {
	var list []Condition
	query := func(n jsonNode, field Field) Condition {
		cond, notes := parseQuery(n.text, field)
		r.Notes = append(r.Notes, notes...)
		return cond
	}
	for _, m := range c.members {
		v := m.value
		switch m.name.Text {
		case "from":
			list = append(list, query(v, From))
		case "to":
			list = append(list, query(v, To))
		case "subject":
			list = append(list, query(v, Subject))
		case "query":
			list = append(list, query(v, Text))
		case "negatedQuery":
			if strings.TrimSpace(v.text.Text) != "" {
				list = append(list, negate(query(v, Text)))
			}
		case "hasAttachment":
			if v.kind == 't' {
				list = append(list, Condition{Op: Test, Field: Attachment, Match: Exists, At: v.at})
			}
		case "excludeChats":
			if v.kind == 't' {
				list = append(list, negate(Condition{Op: Test, Field: State, Match: Is, Values: []Value{{Text: "chat", At: v.at}}, At: v.at}))
			}
		case "size":
			if v.number != 0 || c.get("sizeComparison").text.Text == "larger" {
				list = append(list, gmailSize(v, c.get("sizeComparison")))
			}
		case "sizeComparison":
		default:
			r.unknownField("criteria", m)
			list = append(list, Condition{Op: Unknown, At: v.at})
		}
	}
	if len(list) == 0 {
		r.Notes = append(r.Notes, Note{Refused, "there are no criteria: Gmail takes no such filter from its own pages", r.At})
	}
	r.Conditions = all(list...)
	if r.Conditions.Op == Never {
		r.Unreachable, r.Why = true, "never-true"
	}
}

func gmailSize(v, comparison jsonNode) Condition {
	out := Condition{Op: Test, Field: Size, Match: Over, Number: v.number, At: v.at}
	if comparison.text.Text == "smaller" {
		out.Match = Under
	}
	return out
}

func (r *Rule) actions(n jsonNode, options GmailOptions) {
	for _, m := range n.members {
		switch m.name.Text {
		case "addLabelIds":
			for _, label := range m.value.items {
				r.Actions = append(r.Actions, addLabel(label, options))
			}
		case "removeLabelIds":
			for _, label := range m.value.items {
				r.Actions = append(r.Actions, removeLabel(label))
			}
		case "forward":
			r.Actions = append(r.Actions, Action{Kind: Forward, Values: []Value{m.value.text}, Copy: true, At: m.value.at})
		default:
			r.unknownField("action", m)
			r.Actions = append(r.Actions, Action{Kind: Unread, Values: []Value{m.name}, At: m.value.at})
		}
	}
}

func addLabel(label jsonNode, options GmailOptions) Action {
	a := Action{At: label.at, Values: []Value{label.text}}
	switch id := label.text.Text; {
	case id == "TRASH":
		return Action{Kind: Trash, At: label.at}
	case id == "SPAM":
		return Action{Kind: Spam, At: label.at}
	case id == "INBOX":
		return Action{Kind: Keep, At: label.at}
	case id == "UNREAD", id == "STARRED", id == "IMPORTANT", strings.HasPrefix(id, "CATEGORY_"):
		a.Kind = Mark
	default:
		a.Kind = Label
		if options.Label != nil {
			if name, ok := options.Label(id); ok {
				a.Values[0].Text, a.Values[0].from, a.Values[0].to = strings.ToValidUTF8(name, "\uFFFD"), nil, nil
				a.Values = []Value{named(a.Values[0])}
			}
		}
	}
	return a
}

// named makes every part of a text that is not in the source point at the place that stands for it.
func named(v Value) Value {
	var b valueBuilder
	b.add(v.Text, v.At)
	return b.value(v.At)
}

func removeLabel(label jsonNode) Action {
	switch label.text.Text {
	case "INBOX":
		return Action{Kind: SkipInbox, At: label.at}
	case "UNREAD":
		return Action{Kind: MarkRead, At: label.at}
	case "SPAM":
		return Action{Kind: NeverSpam, At: label.at}
	}
	not := Value{Text: "not " + label.text.Text, At: label.text.At}
	return Action{Kind: Mark, Values: []Value{named(not)}, At: label.at}
}
