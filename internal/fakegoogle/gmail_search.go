package fakegoogle

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// A matcher says whether a search finds a message.
type matcher func(*gmailState, *message) bool

// searchFor reads the part of Gmail's search language that tools use: words, from:, to:, subject:, after:, before:,
// newer_than:, older_than:, in:, label:, is:, has:attachment and rfc822msgid:, all of which must hold; a minus negates.
func searchFor(q string, now time.Time) matcher {
	var all []matcher
	for _, term := range searchTerms(q) {
		term, negated := strings.CutPrefix(term, "-")
		m := searchTerm(term, now)
		if negated {
			positive := m
			m = func(g *gmailState, msg *message) bool { return !positive(g, msg) }
		}
		all = append(all, m)
	}
	return func(g *gmailState, msg *message) bool {
		return !slices.ContainsFunc(all, func(m matcher) bool { return !m(g, msg) })
	}
}

// mentionsTrash says that a search looks into spam and trash by itself.
func mentionsTrash(q string) bool {
	return strings.Contains(q, "in:trash") || strings.Contains(q, "in:spam") || strings.Contains(q, "in:anywhere")
}

// searchTerms parts a query at spaces outside quotes.
func searchTerms(q string) []string {
	quoted := false
	return strings.FieldsFunc(strings.ReplaceAll(q, `\"`, ""), func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ' ' && !quoted
	})
}

func searchTerm(term string, now time.Time) matcher {
	name, value, _ := strings.Cut(term, ":")
	value = strings.Trim(value, `"()`)
	contains := func(field func(*message) string) matcher {
		return func(_ *gmailState, m *message) bool {
			return strings.Contains(strings.ToLower(field(m)), strings.ToLower(value))
		}
	}
	switch name {
	case "from":
		return contains(func(m *message) string { return m.from })
	case "to", "deliveredto":
		return contains(func(m *message) string { return m.to })
	case "subject":
		return contains(func(m *message) string { return m.subject })
	case "rfc822msgid":
		return func(_ *gmailState, m *message) bool { return strings.Trim(m.rfc2, "<>") == strings.Trim(value, "<>") }
	case "has":
		return func(_ *gmailState, m *message) bool { return m.attachment }
	case "after", "newer", "before", "older":
		at, ok := searchTime(value)
		later := name == "after" || name == "newer"
		return func(_ *gmailState, m *message) bool { return ok && m.date.Before(at) != later }
	case "newer_than", "older_than":
		at, ok := searchAge(value, now)
		return func(_ *gmailState, m *message) bool { return ok && m.date.Before(at) != (name == "newer_than") }
	case "in", "label", "is":
		return func(g *gmailState, m *message) bool { return g.carries(m, strings.ToLower(value)) }
	}
	value = strings.Trim(term, `"`)
	return contains(func(m *message) string { return m.subject + " " + m.from + " " + m.to })
}

// carries says whether a message is in a place, has a label or a state.
func (g *gmailState) carries(m *message, name string) bool {
	switch name {
	case "anywhere":
		return true
	case "read":
		return !slices.Contains(m.labels, "UNREAD")
	case "drafts", "draft":
		return slices.Contains(m.labels, "DRAFT")
	}
	return slices.ContainsFunc(m.labels, func(id string) bool {
		i := where(g.labels, "id", id)
		return i >= 0 && (strings.EqualFold(id, name) || strings.EqualFold(strings.NewReplacer(" ", "-", "/", "-").Replace(text(g.labels[i], "name")), name))
	})
}

// searchTime reads 2026/10/12, 2026-10-12 or seconds since 1970. Gmail takes days in Pacific time; here they are UTC.
func searchTime(value string) (time.Time, bool) {
	for _, layout := range []string{"2006/1/2", "2006-1-2"} {
		if at, err := time.Parse(layout, value); err == nil {
			return at, true
		}
	}
	seconds, err := strconv.ParseInt(value, 10, 64)
	return time.Unix(seconds, 0), err == nil
}

// searchAge reads 7d, 2m or 1y.
func searchAge(value string, now time.Time) (time.Time, bool) {
	if value == "" {
		return now, false
	}
	n, err := strconv.Atoi(value[:len(value)-1])
	switch {
	case err != nil:
		return now, false
	case strings.HasSuffix(value, "d"):
		return now.AddDate(0, 0, -n), true
	case strings.HasSuffix(value, "m"):
		return now.AddDate(0, -n, 0), true
	case strings.HasSuffix(value, "y"):
		return now.AddDate(-n, 0, 0), true
	}
	return now, false
}
