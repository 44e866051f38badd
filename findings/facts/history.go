package facts

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

// A historyRecord is one of Gmail's history: what happened to a message, without when.
type historyRecord struct {
	ID              string          `json:"id"`
	MessagesAdded   []historyChange `json:"messagesAdded"`
	MessagesDeleted []historyChange `json:"messagesDeleted"`
	LabelsAdded     []historyChange `json:"labelsAdded"`
	LabelsRemoved   []historyChange `json:"labelsRemoved"`
}

type historyChange struct {
	Message struct {
		ID       string   `json:"id"`
		ThreadID string   `json:"threadId"`
		LabelIDs []string `json:"labelIds"`
	} `json:"message"`
	LabelIDs []string `json:"labelIds"`
}

// history reads what was deleted and moved. Records have numbers and no times; but a record that a message came tells one, because
// the first digits of Gmail's ids of messages are milliseconds since 1970. So what stands between two of them happened
// between these times. Google does not document this: the fact says that its time is inferred, and from when to when.
func (s *source) history() error {
	body, err := s.body()
	if err != nil {
		return err
	}
	all, err := things(body, "history")
	if err != nil {
		return err
	}
	records := make([]historyRecord, len(all))
	for i, t := range all {
		if err := json.Unmarshal(t.raw, &records[i]); err != nil {
			if err := s.unreadable(KindHistory, t.pointer, err); err != nil {
				return err
			}
		}
	}
	until := make([]time.Time, len(records)) // when the next message came
	next := s.FetchedAt.UTC()
	for i := len(records) - 1; i >= 0; i-- {
		until[i] = next
		if at := s.cameAt(&records[i]); !at.IsZero() && at.Before(next) {
			next = at
		}
	}
	var since time.Time
	for i := range records {
		r := &records[i]
		if at := s.cameAt(r); at.After(since) {
			since = at
		}
		for _, group := range []struct {
			name    string
			word    string
			changes []historyChange
		}{{"messagesDeleted", "deleted", r.MessagesDeleted}, {"labelsAdded", "labelled", r.LabelsAdded}, {"labelsRemoved", "unlabelled", r.LabelsRemoved}} {
			for j := range group.changes {
				locator := all[i].pointer + "/" + group.name + "/" + strconv.Itoa(j)
				if err := s.change(locator, r.ID, group.word, &group.changes[j], since, until[i]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// cameAt is when a message came that a record tells of; zero where it tells of none, or its id tells no time that can be.
func (s *source) cameAt(r *historyRecord) time.Time {
	var latest time.Time
	for i := range r.MessagesAdded {
		n, err := strconv.ParseUint(r.MessagesAdded[i].Message.ID, 16, 64)
		at := time.UnixMilli(int64(n >> 20)).UTC()
		if err == nil && at.Year() >= 2004 && at.Before(s.FetchedAt.Add(time.Hour)) && at.After(latest) {
			latest = at
		}
	}
	return latest
}

// change keeps one change, unless it is one of those that reading makes.
func (s *source) change(locator, id, word string, c *historyChange, since, until time.Time) error {
	labels := slices.DeleteFunc(slices.Clone(c.LabelIDs), func(l string) bool {
		return slices.Contains([]string{"UNREAD", "IMPORTANT", "STARRED", "CATEGORY_PERSONAL", "CATEGORY_SOCIAL", "CATEGORY_PROMOTIONS", "CATEGORY_UPDATES", "CATEGORY_FORUMS"}, l)
	})
	if word != "deleted" && len(labels) == 0 {
		return nil
	}
	f := s.fact(KindHistory, locator)
	switch {
	case word == "labelled" && slices.Contains(labels, "TRASH"):
		word = "trashed"
	case word == "labelled" && slices.Contains(labels, "SPAM"):
		word = "spam"
	case word == "unlabelled" && slices.Contains(labels, "TRASH"):
		word = "restored"
	case word == "unlabelled" && slices.Contains(labels, "INBOX"):
		word = "archived"
	}
	f.say("action", word)
	f.say("history.id", id)
	f.say("gmail.id", c.Message.ID)
	f.say("gmail.thread", c.Message.ThreadID)
	f.Set("labels", List(cutList(f, c.Message.LabelIDs)))
	if len(labels) > 0 {
		f.Set("changed", List(cutList(f, labels)))
	}
	if !since.IsZero() && !since.After(until) {
		f.Time, f.Zone = since, "Z"
		f.Inferred = "between " + stamp(since) + " and " + stamp(until) + ", by the ids of the messages that came before and after"
		f.say("before", stamp(until))
		f.Set("span_minutes", Number(int64(until.Sub(since)/time.Minute)))
	}
	return s.keep(f)
}
