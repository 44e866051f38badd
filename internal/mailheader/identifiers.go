package mailheader

import (
	"strings"
)

// IDs reads identifiers (Message-ID, In-Reply-To, References, Content-ID, Resent-Message-ID) from all fields of a name,
// in order, without brackets.
func (h *Header) IDs(name string) []string {
	var all []string
	fields := 0
	for _, f := range h.All(name) {
		if fields++; fields > MaxViews || len(all) == MaxItems {
			break
		}
		value, _ := f.Unfolded()
		ids := ParseIDs(value)
		all = append(all, ids[:min(len(ids), MaxItems-len(all))]...)
	}
	return all
}

// ParseIDs reads identifiers (RFC 5322 section 3.6.4): what is between < and >, without white space, which folding may
// have put there; where there are no brackets, each word with an @ in it, or the only word. At most MaxItems are given.
func ParseIDs(value string) []string {
	value, _ = bound(value)
	var ids []string
	rest := value
	for len(ids) < MaxItems {
		open := strings.IndexByte(rest, '<')
		if open < 0 {
			break
		}
		rest = rest[open+1:]
		end := strings.IndexAny(rest, "<>")
		id := rest
		if end >= 0 {
			id, rest = rest[:end], rest[end:]
		} else {
			rest = ""
		}
		if id = withoutSpace(id); id != "" {
			ids = append(ids, valid(id))
		}
	}
	if ids != nil || strings.Contains(value, "<") {
		return ids
	}
	words := strings.Fields(value)
	for _, w := range words {
		if (strings.Contains(w, "@") || len(words) == 1) && len(ids) < MaxItems {
			ids = append(ids, valid(w))
		}
	}
	return ids
}

func withoutSpace(text string) string {
	if !strings.ContainsAny(text, " \t\r\n") {
		return text
	}
	return strings.Join(strings.Fields(text), "")
}

// A List says what the fields of a mailing list say (RFC 2919, RFC 2369, RFC 8058).
type List struct {
	ID          string   // between the brackets of List-Id
	Name        string   // before them, decoded
	Unsubscribe []string // URLs
	OneClick    bool     // List-Unsubscribe-Post wants a POST without asking
	Post        []string // URLs; "NO" where nobody may write
	Archive     []string
	Help        []string
	Owner       []string
}

// List reads the fields of a mailing list; ok is false where there is none of them.
func (h *Header) List() (l List, ok bool) {
	for range h.WithPrefix("List-") {
		ok = true
		break
	}
	if !ok {
		return List{}, false
	}
	if f := h.First("List-Id"); f != nil {
		value, _ := f.Unfolded()
		name, id, found := strings.Cut(value, "<")
		if !found {
			name, id = "", value
		}
		id, _, _ = strings.Cut(id, ">")
		l.ID, l.Name = valid(withoutSpace(id)), Decode(strings.Trim(strings.TrimSpace(name), `"`)).Text
	}
	l.Unsubscribe, l.Post, l.Archive = h.urls("List-Unsubscribe"), h.urls("List-Post"), h.urls("List-Archive")
	l.Help, l.Owner = h.urls("List-Help"), h.urls("List-Owner")
	if f := h.First("List-Unsubscribe-Post"); f != nil {
		value, _ := f.Unfolded()
		l.OneClick = strings.EqualFold(withoutSpace(value), "List-Unsubscribe=One-Click")
	}
	return l, true
}

// urls reads the URLs in brackets of a List- field, which are no identifiers but look alike.
func (h *Header) urls(name string) []string {
	f := h.First(name)
	if f == nil {
		return nil
	}
	value, _ := f.Unfolded()
	return ParseIDs(value)
}

// AutoSubmitted is the keyword of the Auto-Submitted field in lower case (RFC 3834): "auto-replied", "no"; "" where
// there is none.
func (h *Header) AutoSubmitted() string {
	value, _, _ := strings.Cut(h.Text("Auto-Submitted").Text, ";")
	value, _, _ = strings.Cut(value, "(")
	return strings.ToLower(strings.TrimSpace(value))
}

// Mailer is what the program that wrote the message says of itself: User-Agent, X-Mailer, X-MimeOLE, X-Newsreader, whichever comes
// first in this order.
func (h *Header) Mailer() string {
	for _, name := range []string{"User-Agent", "X-Mailer", "X-MimeOLE", "X-Newsreader"} {
		if f := h.First(name); f != nil {
			return f.Text().Text
		}
	}
	return ""
}
