package settings

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// RightsInWords says what a string of rights allows (RFC 4314 section 2.1; c and d are of RFC 2086), as "lookup, read";
// a right that is not known stands as its letter.
func RightsInWords(rights string) string {
	var words []string
	for _, c := range rights {
		words = append(words, rightInWords(c))
	}
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, ", ")
}

func rightInWords(c rune) string {
	switch c {
	case 'l':
		return "lookup"
	case 'r':
		return "read"
	case 's':
		return "set seen"
	case 'w':
		return "set flags"
	case 'i':
		return "insert"
	case 'p':
		return "post"
	case 'k':
		return "create mailboxes"
	case 'x':
		return "delete mailbox"
	case 't':
		return "delete messages"
	case 'e':
		return "expunge"
	case 'a':
		return "administer"
	case 'c':
		return "create (old)"
	case 'd':
		return "delete (old)"
	}
	return fmt.Sprintf("%q", c)
}

// A Sentence says one thing that a document holds.
type Sentence struct {
	Topic string `json:"topic"` // "rights", "sees", "quota" or "metadata"
	Text  string `json:"text"`
	Rank  int    `json:"rank"` // within the topic: 0 is what an examiner looks at first
}

// Sentences says who else has rights in the account's mailboxes, what the account may do in mailboxes of others, what
// is annotated and how full the quota is: what matters most first. The account's rights in its own mailboxes go
// without saying.
func (d *Document) Sentences() []Sentence {
	var all []Sentence
	for _, r := range d.Rights {
		all = append(all, d.ofRights(r)...)
	}
	for _, a := range d.Annotations {
		if a.Value == nil && a.SHA256 == nil {
			continue // NIL: there is no such entry
		}
		rank := 1
		if a.forwards() {
			rank = 0
		}
		all = append(all, Sentence{"metadata", fmt.Sprintf("%s of %s: %s", a.Entry, a.where(), a.shown()), rank})
	}
	for _, r := range d.Roots {
		for _, res := range r.Resources {
			rank := 1
			if res.Percent() >= 90 {
				rank = 0
			}
			all = append(all, Sentence{"quota", fmt.Sprintf("%q %s", r.Name, res.shown()), rank})
		}
	}
	slices.SortStableFunc(all, func(x, y Sentence) int { return cmp.Or(cmp.Compare(x.Topic, y.Topic), cmp.Compare(x.Rank, y.Rank)) })
	return all
}

func (d *Document) ofRights(r Rights) []Sentence {
	if r.Of == "other" || r.Of == "shared" {
		if r.Mine == nil {
			return nil
		}
		return []Sentence{{"sees", fmt.Sprintf("%s: %s", r.Name, allowed(*r.Mine)), 0}}
	}
	var all []Sentence
	for _, e := range r.Entries {
		if d.own(string(e.Identifier)) {
			continue
		}
		rank := 0
		if e.Negative {
			rank = 1
		}
		all = append(all, Sentence{"rights", fmt.Sprintf("%s: %s", r.Name, e.sentence()), rank})
	}
	return all
}

// own says whether an identifier is the account itself.
func (d *Document) own(identifier string) bool {
	return strings.EqualFold(identifier, d.Account) || strings.EqualFold(identifier, d.Login) || identifier == "owner"
}

// sentence is "mallory@example.test may lookup, read (lr)".
func (e Entry) sentence() string {
	if e.Negative {
		return fmt.Sprintf("%s is denied %s", bytes.TrimPrefix(e.Identifier, []byte("-")), allowed(string(e.Rights)))
	}
	return fmt.Sprintf("%s may %s", e.Identifier, allowed(string(e.Rights)))
}

func allowed(rights string) string { return fmt.Sprintf("%s (%s)", RightsInWords(rights), rights) }

// forwards says whether an annotation looks as if mail left the account by it. It only decides what is shown first.
func (a Annotation) forwards() bool {
	text := strings.ToLower(string(a.Entry))
	if a.Value != nil {
		text += " " + strings.ToLower(string(*a.Value))
	}
	for _, word := range []string{"sieve", "forward", "redirect", "vacation", "filter", "mailto:", "bcc", "@"} {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

func (a Annotation) where() string {
	if a.Key() == "" {
		return "the server"
	}
	return a.Name
}

func (a Annotation) shown() string {
	switch {
	case a.Value != nil:
		return fmt.Sprintf("%q", *a.Value)
	case a.SHA256 != nil:
		return fmt.Sprintf("%d bytes, SHA-256 %s", a.Size, a.SHA256)
	}
	return "NIL"
}

func (r Resource) shown() string {
	unit := ""
	if strings.EqualFold(r.Name, "STORAGE") {
		unit = " KiB"
	}
	return fmt.Sprintf("%s: %d of %d%s, %d %% full", r.Name, r.Usage, r.Limit, unit, r.Percent())
}
