package workspace

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/internal/gmailmessage"
)

// What a request costs of Gmail's quota for one user in a minute, which was 15,000 units and is 6,000 for projects made
// since May 2026 (developers.google.com/workspace/gmail/api/reference/quota). A message cost 5 units before.
const (
	listUnits         = 5
	messageUnits      = 20
	unitsAMinute      = 6_000
	olderMessageUnits = 5
	olderUnitsAMinute = 15_000
)

// A mailState is what answers say of a mailbox that later requests need.
type mailState struct {
	mu       sync.Mutex
	newest   uint64            // history id of the profile; 0: not known
	labels   map[string]string // names of labels by their ids; nil: not known
	labelIDs []string          // in the order of the answer
	failures map[string]error  // of rows that were not had
}

func (m *mailState) failed(resource string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failures == nil {
		m.failures = map[string]error{}
	}
	m.failures[resource] = err
}

func (m *mailState) failure(resource string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.failures[resource]
}

// notice remembers of an answer what the rest of the collection needs.
func (m *mailState) notice(s source, a *answer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.resource == profileResource {
		m.newest = historyIDOf(a.json)
		return
	}
	m.labels, m.labelIDs = map[string]string{}, nil
	for _, item := range a.items {
		var one struct{ ID, Name string }
		if json.Unmarshal(item, &one) == nil && one.ID != "" {
			m.labels[one.ID] = one.Name
			m.labelIDs = append(m.labelIDs, one.ID)
		}
	}
}

func (m *mailState) historyID() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.newest
}

// names gives the names of the user's own labels. Those of Gmail's are ids that everybody knows.
func (m *mailState) names(ids []string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for _, id := range ids {
		if name := m.labels[id]; name != "" && name != id {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// plainID says whether an id can stand in a path as it is. All that Gmail gives out can; ".." would be another path.
func plainID(id string) bool {
	return id != "" && len(id) <= 200 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

// listSource lists messages or drafts, those in spam and trash too.
func listSource(what string, query url.Values) source {
	query.Set("includeSpamTrash", "true")
	return source{resource: "gmail/" + what + "List", name: "gmail/" + what + "-list", api: gmail, path: "gmail/v1/users/{user}/" + what, query: query,
		scope: scopeGmail, list: what, units: listUnits}
}

// format is the word of Gmail's API for how much of a message is asked for.
func format(mode collectors.MessageMode) string {
	if mode == collectors.MessagesRaw {
		return "raw"
	}
	return "metadata"
}

// itemSource asks for one message or draft. What the answer lacks is written to damage.
func (r *run) itemSource(what, id string, damage *string) source {
	form := format(r.scope.Messages)
	return source{resource: "gmail/" + what, item: id, name: "gmail/" + what + "/" + id, api: gmail, path: "gmail/v1/users/{user}/" + what + "/" + id,
		query: url.Values{"format": {form}}, scope: scopeGmail, units: messageUnits, messages: 1, vanishes: true,
		about: func(a *answer, attrs map[string]string) { *damage = r.describe(form, what, id, a, attrs) }}
}

// describe writes into attrs what an answer says of a message, and returns what is wrong with it; "" for nothing.
func (r *run) describe(form, what, id string, a *answer, attrs map[string]string) (damage string) {
	m, err := gmailmessage.Parse(a.json)
	if err != nil {
		return err.Error()
	}
	attrs["gmail"] = form
	for name, value := range map[string]string{"message": m.ID, "thread": m.Thread, "history": m.History,
		"label-ids": strings.Join(m.Labels, " "), "labels": r.mail.names(m.Labels)} {
		if value != "" {
			attrs[name] = cut(value, longestWords)
		}
	}
	if !m.Received.IsZero() {
		attrs["internaldate"] = m.Received.Format("_2-Jan-2006 15:04:05 -0700")
	}
	switch {
	case what == "messages" && m.ID != id:
		damage = "the answer is about another message"
	case form == "raw":
		raw, err := m.Raw()
		if err != nil {
			damage = err.Error()
			break
		}
		attrs["raw.sha256"], attrs["raw.size"] = fmt.Sprintf("%x", sha256.Sum256(raw)), strconv.Itoa(len(raw))
	case !m.Described():
		damage = "the answer has no header fields"
	}
	if damage != "" {
		attrs["damaged"] = damage
	}
	return damage
}
