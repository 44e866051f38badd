package selection

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/mailheader"
)

// A Filter is a list of conditions that must all hold. The zero value holds for every record.
type Filter struct {
	terms []string
	conds []condition
}

// A condition looks at a record. head reads the message's header when it is needed.
type condition func(r evidence.Record, head func() (Head, error)) (bool, error)

// Syntax says how the conditions are written, for a command's help.
const Syntax = `  folder=GLOB      folder or Gmail label of the message; * stands for anything, ? for one character
  since=DAY        received on that day (YYYY-MM-DD, UTC) or later
  until=DAY        received on that day or earlier
  from=TEXT        the From field holds this text
  kind=MEDIATYPE   message/rfc822, text/rfc822-headers, application/*, or gap
  account=A        the mailbox`

// ParseFilter reads conditions as they are written on a command line: see Syntax. Upper and lower case are the same in
// all of them.
func ParseFilter(terms []string) (Filter, error) {
	f := Filter{terms: terms}
	for _, term := range terms {
		name, value, found := strings.Cut(term, "=")
		if !found || value == "" {
			return Filter{}, fmt.Errorf("the filter %q is not NAME=VALUE", term)
		}
		cond, err := parseCondition(name, value)
		if err != nil {
			return Filter{}, fmt.Errorf("the filter %q: %w", term, err)
		}
		f.conds = append(f.conds, cond)
	}
	return f, nil
}

// Terms gives the conditions as they were written.
func (f Filter) Terms() []string { return f.terms }

// Match says whether all conditions hold for a record. The error is that of head.
func (f Filter) Match(r evidence.Record, head func() (Head, error)) (bool, error) {
	for _, cond := range f.conds {
		if ok, err := cond(r, head); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

func parseCondition(name, value string) (condition, error) {
	switch name {
	case "folder":
		return func(r evidence.Record, _ func() (Head, error)) (bool, error) {
			return slices.ContainsFunc(placesOf(r), func(place string) bool { return glob(fold(value), fold(place)) }), nil
		}, nil
	case "account":
		return func(r evidence.Record, _ func() (Head, error)) (bool, error) {
			return strings.EqualFold(accountOf(r), value), nil
		}, nil
	case "kind":
		if _, err := path.Match(value, ""); err != nil {
			return nil, err
		}
		return func(r evidence.Record, _ func() (Head, error)) (bool, error) {
			kind := "gap"
			if r.Exhibit != nil {
				kind = r.Exhibit.MediaType
			}
			return glob(strings.ToLower(value), strings.ToLower(kind)), nil
		}, nil
	case "from":
		return func(r evidence.Record, head func() (Head, error)) (bool, error) {
			h, err := head()
			return strings.Contains(strings.ToLower(h.From), strings.ToLower(value)), err
		}, nil
	case "since", "until":
		day, err := time.Parse(time.DateOnly, value)
		if err != nil {
			return nil, fmt.Errorf("%q is not a day: write YYYY-MM-DD", value)
		}
		if name == "since" {
			return received(func(at time.Time) bool { return !at.Before(day) }), nil
		}
		end := day.AddDate(0, 0, 1)
		return received(func(at time.Time) bool { return at.Before(end) }), nil
	}
	return nil, fmt.Errorf("there is no %q: it is folder, since, until, from, kind or account", name)
}

// received is a condition on the time at which a message arrived. A record of which it is not known is not meant.
func received(holds func(time.Time) bool) condition {
	return func(r evidence.Record, head func() (Head, error)) (bool, error) {
		if r.Gap != nil {
			return false, nil
		}
		at, err := Received(r.Exhibit, head)
		return !at.IsZero() && holds(at), err
	}
}

// Received is when a message arrived, as the mail system says (INTERNALDATE), else as its Date field says, and zero
// where neither can be read. Of what is no message it is when it was fetched.
func Received(x *evidence.StoredExhibit, head func() (Head, error)) (time.Time, error) {
	if at, err := time.Parse("_2-Jan-2006 15:04:05 -0700", strings.Trim(x.Attrs["internaldate"], `"`)); err == nil {
		return at, nil
	}
	if !IsMessage(x) {
		return x.FetchedAt, nil
	}
	h, err := head()
	if err != nil {
		return time.Time{}, err
	}
	return parseDate(h.Date), nil
}

// parseDate reads a Date field, and gives zero where it cannot be read or there are several, of which nobody knows which
// is meant.
func parseDate(text string) time.Time {
	if strings.Contains(text, "\n") {
		return time.Time{}
	}
	return mailheader.ParseDate(text).Time
}

// IsMessage says whether an exhibit is a message, or the header of one.
func IsMessage(x *evidence.StoredExhibit) bool {
	return x.MediaType == "message/rfc822" || x.MediaType == "text/rfc822-headers" || isAnswer(x)
}

// IsWhole says whether an exhibit is, or holds, a message and not its header only. One that is damaged is neither.
func IsWhole(x *evidence.StoredExhibit) bool {
	return x.MediaType == "message/rfc822" || isAnswer(x) && x.Attrs["gmail"] == "raw" && x.Attrs["damaged"] == ""
}

// isAnswer says whether an exhibit is the answer of Gmail's API about a message: the message is within.
func isAnswer(x *evidence.StoredExhibit) bool {
	return x.Collector == "workspace" && x.Attrs["gmail"] != ""
}

func accountOf(r evidence.Record) string {
	if r.Gap != nil {
		return r.Gap.Account
	}
	return r.Exhibit.Account
}

// folderOf is the folder of a message, or of the messages that a gap says are missing.
func folderOf(r evidence.Record) string {
	resource := ""
	if r.Gap != nil {
		resource = r.Gap.Resource
	} else {
		if folder := r.Exhibit.Attrs["folder"]; folder != "" {
			return folder
		}
		resource = r.Exhibit.Resource
	}
	folder, _ := strings.CutPrefix(resource, "messages/")
	if folder == resource {
		return ""
	}
	return folder
}

// placesOf is where a message lies: in its folder, or with Gmail's labels.
func placesOf(r evidence.Record) []string {
	if r.Exhibit != nil && isAnswer(r.Exhibit) {
		return append(strings.Fields(r.Exhibit.Attrs["label-ids"]), strings.Split(r.Exhibit.Attrs["labels"], ", ")...)
	}
	if folder := folderOf(r); folder != "" {
		return []string{folder}
	}
	return nil
}

// glob matches a whole text against a pattern of which * is anything, separators too, and ? one character.
func glob(pattern, text string) bool {
	p, t := []rune(pattern), []rune(text)
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(t) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == t[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}
