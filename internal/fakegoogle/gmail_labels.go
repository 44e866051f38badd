package fakegoogle

import (
	"maps"
	"net/http"
	"slices"
)

func listLabels(c *call, a *account) (object, *apiError) {
	c.tenant.box(a) // messages bring their labels
	return list(object{}, "labels", a.mail.labels), nil
}

// getLabel answers with a label and how many messages and threads have it, which listing does not tell.
func getLabel(c *call, a *account) (object, *apiError) {
	b := c.tenant.box(a)
	label, err := one(a.mail.labels, "id", c.path["id"])
	if err != nil {
		return nil, err
	}
	counted := clone(label)
	messages, unread, threads, unreadThreads := 0, 0, map[string]bool{}, map[string]bool{}
	for _, m := range b.messages {
		if !slices.Contains(m.labels, c.path["id"]) {
			continue
		}
		messages++
		threads[m.thread] = true
		if slices.Contains(m.labels, "UNREAD") {
			unread++
			unreadThreads[m.thread] = true
		}
	}
	counted["messagesTotal"], counted["messagesUnread"] = messages, unread
	counted["threadsTotal"], counted["threadsUnread"] = len(threads), len(unreadThreads)
	return counted, nil
}

func createLabel(c *call, a *account) (object, *apiError) {
	c.tenant.box(a)
	name := text(c.body, "name")
	if name == "" {
		return nil, failure(http.StatusBadRequest, "invalidArgument", "Invalid label name")
	}
	if where(a.mail.labels, "name", name) >= 0 {
		return nil, failure(http.StatusConflict, "aborted", "Label name exists or conflicts")
	}
	id := a.mail.labelFor(name)
	i := where(a.mail.labels, "id", id)
	made := clone(a.mail.labels[i])
	maps.Copy(made, c.body)
	made["id"], made["type"] = id, "user"
	a.mail.labels[i] = made
	return made, nil
}

func patchLabel(c *call, a *account) (object, *apiError) {
	c.tenant.box(a)
	label, err := one(a.mail.labels, "id", c.path["id"])
	if err != nil {
		return nil, err
	}
	if text(label, "type") == "system" {
		return nil, failure(http.StatusBadRequest, "invalidArgument", "Cannot modify system label")
	}
	changed := clone(label)
	maps.Copy(changed, c.body)
	changed["id"], changed["type"] = label["id"], label["type"]
	c.change(func() { a.mail.labels[where(a.mail.labels, "id", c.path["id"])] = changed })
	return changed, nil
}

func deleteLabel(c *call, a *account) (object, *apiError) {
	b := c.tenant.box(a)
	label, err := one(a.mail.labels, "id", c.path["id"])
	if err != nil {
		return nil, err
	}
	if text(label, "type") == "system" {
		return nil, failure(http.StatusBadRequest, "invalidArgument", "Invalid delete request")
	}
	for _, m := range b.messages {
		b.relabel(c.now, m, nil, []string{c.path["id"]})
	}
	return c.remove(&a.mail.labels, "id", c.path["id"])
}
