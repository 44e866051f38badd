package workspace

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/earlier"
)

const historySinceResource = "gmail/historySince"

// compareEarlier says what became of the messages of the earlier bundle: which are not listed any more, and which have
// other labels. It is an exhibit that is derived from the list and the history, which are exhibits too.
func (r *run) compareEarlier(ctx context.Context, reading *mailReading, whole bool) error {
	labels, known, err := r.labelsSince(ctx)
	if err != nil {
		return err
	}
	c := &earlier.Comparison{Vanished: []earlier.Gone{}, Reflagged: []earlier.Reflagged{}, Flags: earlier.FlagsUnknown}
	if known {
		c.Flags = earlier.FlagsByHistory
	}
	folder := earlier.FolderReport{Resource: messagesResource, Present: int64(len(reading.ids) + len(reading.odd)), Earlier: c}
	c.New = folder.Present
	for m := range r.scope.Earlier.GmailMessages {
		c.Held++
		if !reading.lists(m.ID) {
			if whole {
				c.Vanished = append(c.Vanished, earlier.Gone{ID: m.ID, Bundle: m.Bundle, Exhibit: m.Exhibit})
			}
			continue
		}
		c.New--
		if after, changed := labels[m.ID]; changed && after != m.Flags {
			c.Reflagged = append(c.Reflagged, earlier.Reflagged{ID: m.ID, Bundle: m.Bundle, Exhibit: m.Exhibit, Before: m.Flags, After: after})
		}
	}
	if !whole {
		folder.Note = "the list broke off: what is not on it was not looked for"
	}
	return r.keepReport(folder)
}

// lists says whether the list names a message.
func (m *mailReading) lists(id string) bool {
	n, err := strconv.ParseUint(id, 16, 64)
	if err != nil {
		return slices.Contains(m.odd, id)
	}
	_, found := slices.BinarySearchFunc(m.ids, n, func(x, n uint64) int { return cmp.Compare(n, x) }) // they fall
	return found
}

// labelsSince reads from the history, from the time on at which the earlier bundle was begun, which labels messages have
// that were relabelled since. known is false where Gmail does not remember as much, or it could not be read.
func (r *run) labelsSince(ctx context.Context) (labels map[string]string, known bool, err error) {
	row := source{resource: historySinceResource, api: gmail}
	from := r.scope.Earlier.GmailHistory()
	if from == 0 {
		return nil, false, r.notOffered(row, "the earlier bundle has no history id: which labels changed is not known")
	}
	list := historySource(from, 500)
	list.resource = historySinceResource
	_, err = r.ask(ctx, historySource(from, 1), "")
	switch {
	case ctx.Err() != nil:
		return nil, false, ctx.Err()
	case errors.Is(err, ErrGone):
		return nil, false, r.notOffered(row, "the history since the earlier bundle is gone (404): which labels changed is not known")
	}
	labels = map[string]string{}
	known, err = r.enumerate(ctx, list, func(item json.RawMessage) bool {
		relabelled(item, labels)
		return true
	})
	return labels, known, err
}

// relabelled takes from a record of the history which labels messages have after it.
func relabelled(record json.RawMessage, labels map[string]string) {
	type change struct {
		Message struct {
			ID       string   `json:"id"`
			LabelIDs []string `json:"labelIds"`
		} `json:"message"`
	}
	var said struct {
		Added   []change `json:"labelsAdded"`
		Removed []change `json:"labelsRemoved"`
	}
	if json.Unmarshal(record, &said) != nil {
		return
	}
	for _, c := range append(said.Removed, said.Added...) {
		text := ""
		for _, id := range c.Message.LabelIDs {
			text += " " + id
		}
		labels[c.Message.ID] = earlier.NormalFlags(text)
	}
}

// keepReport keeps what was found out, and tells who listens.
func (r *run) keepReport(folder earlier.FolderReport) error {
	s := r.scope.Earlier
	report := earlier.Report{V: 1, Since: &earlier.Since{Bundle: s.Bundle, SealedAt: s.SealedAt}, Folders: []earlier.FolderReport{folder}}
	if r.c.cfg.Disappeared != nil {
		r.c.cfg.Disappeared(r.scope.Account, report)
	}
	if r.sink.Has(r.scope.Account, earlier.Resource, "") {
		return nil
	}
	doc, err := json.MarshalIndent(report, "", " ")
	if err != nil {
		return err
	}
	_, err = r.sink.Put(evidence.Exhibit{Account: r.scope.Account, Collector: r.c.Name(), Resource: earlier.Resource,
		Name: evidence.SafeName(r.scope.Account) + "/gmail/disappeared.json", MediaType: contentTypeAPI, FetchedAt: r.c.cfg.Now(),
		Request: "derived from " + messagesResource + "List and " + historySinceResource}, bytes.NewReader(append(doc, '\n')))
	return err
}
