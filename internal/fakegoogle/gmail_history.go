package fakegoogle

import (
	"slices"
	"strconv"
)

// listHistory answers with what happened since a history id. Records older than Config.History are gone, and a start
// before them is answered with 404, as Google does.
func listHistory(c *call, a *account) (object, *apiError) {
	b := c.tenant.box(a)
	start, err := strconv.ParseUint(c.arg("startHistoryId"), 10, 64)
	if err != nil {
		return nil, required("startHistoryId")
	}
	kept := slices.DeleteFunc(slices.Clone(b.history), func(r historyRecord) bool { return c.now.Sub(r.at) > c.tenant.config.History })
	oldest := b.last
	if len(kept) > 0 {
		oldest = kept[0].id - 1
	}
	if start < oldest {
		return nil, notFoundEntity()
	}
	var items []object
	for _, r := range kept {
		if r.id > start && c.wantsHistory(r) {
			items = append(items, r.object())
		}
	}
	return c.paged(object{"historyId": strconv.FormatUint(b.last, 10)}, "history", items, 100, 500)
}

func (c *call) wantsHistory(r historyRecord) bool {
	kinds, label := c.args("historyTypes"), c.arg("labelId")
	return (len(kinds) == 0 || slices.Contains(kinds, r.kind)) && (label == "" || slices.Contains(r.after, label) || slices.Contains(r.labels, label))
}

// object writes a record as Gmail does.
func (r historyRecord) object() object {
	short := object{"id": r.message.id, "threadId": r.message.thread}
	long := clone(short)
	if len(r.after) > 0 {
		long["labelIds"] = texts(r.after...)
	}
	o := object{"id": strconv.FormatUint(r.id, 10), "messages": []any{short}}
	switch r.kind {
	case "messageAdded":
		o["messagesAdded"] = []any{object{"message": long}}
	case "messageDeleted":
		o["messagesDeleted"] = []any{object{"message": long}}
	case "labelAdded":
		o["labelsAdded"] = []any{object{"message": long, "labelIds": texts(r.labels...)}}
	case "labelRemoved":
		o["labelsRemoved"] = []any{object{"message": long, "labelIds": texts(r.labels...)}}
	}
	return o
}
