package fakegoogle

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func gmailMail() map[string]handler {
	const u = "gmail.users."
	return map[string]handler{
		u + "messages.list":            forMailbox(listMessages),
		u + "messages.get":             forMailbox(getMessage),
		u + "messages.modify":          forMailbox(modifyMessage),
		u + "messages.batchModify":     forMailbox(batchModify),
		u + "messages.trash":           forMailbox(trashMessage),
		u + "messages.untrash":         forMailbox(untrashMessage),
		u + "messages.attachments.get": forMailbox(getAttachment),
		u + "threads.list":             forMailbox(listThreads),
		u + "threads.get":              forMailbox(getThread),
		u + "drafts.list":              forMailbox(listDrafts),
		u + "drafts.get":               forMailbox(getDraft),
		u + "history.list":             forMailbox(listHistory),
	}
}

func getProfile(c *call, a *account) (object, *apiError) {
	b := c.tenant.box(a)
	threads := map[string]bool{}
	for _, m := range b.messages {
		threads[m.thread] = true
	}
	return object{"emailAddress": a.email, "messagesTotal": len(b.messages), "threadsTotal": len(threads), "historyId": strconv.FormatUint(b.last, 10)}, nil
}

// metadataOnly says that the caller may see headers but no content and cannot search.
func (c *call) metadataOnly() bool {
	const metadata = "https://www.googleapis.com/auth/gmail.metadata"
	return !slices.ContainsFunc(c.method.Scopes, func(s string) bool { return s != metadata && slices.Contains(c.token.scopes, s) })
}

// find returns the messages that a listing is to show, newest first.
func (c *call) find(a *account) ([]*message, *apiError) {
	q := c.arg("q")
	if q != "" && c.metadataOnly() {
		return nil, failure(http.StatusForbidden, "forbidden", "Metadata scope does not support 'q' parameter")
	}
	match := searchFor(q, c.now)
	everywhere := c.arg("includeSpamTrash") == "true" || mentionsTrash(q)
	var found []*message
	for _, m := range slices.Backward(c.tenant.box(a).messages) {
		hidden := slices.Contains(m.labels, "TRASH") || slices.Contains(m.labels, "SPAM")
		wanted := c.args("labelIds")
		if hidden && !everywhere && !slices.Contains(wanted, "TRASH") && !slices.Contains(wanted, "SPAM") {
			continue
		}
		if !slices.ContainsFunc(wanted, func(label string) bool { return !slices.Contains(m.labels, label) }) && match(&a.mail, m) {
			found = append(found, m)
		}
	}
	return found, nil
}

func listMessages(c *call, a *account) (object, *apiError) {
	found, err := c.find(a)
	if err != nil {
		return nil, err
	}
	items := make([]object, len(found))
	for i, m := range found {
		items[i] = object{"id": m.id, "threadId": m.thread}
	}
	return c.paged(object{"resultSizeEstimate": len(items)}, "messages", items, 100, 500)
}

func getMessage(c *call, a *account) (object, *apiError) {
	m := c.tenant.box(a).byID[c.path["id"]]
	if m == nil {
		return nil, notFoundEntity()
	}
	return c.show(m)
}

// show writes a message in the format that is asked for.
func (c *call) show(m *message) (object, *apiError) {
	format := c.arg("format")
	if format == "" {
		format = "full"
	}
	if c.metadataOnly() && (format == "full" || format == "raw") {
		return nil, failure(http.StatusForbidden, "forbidden", "Metadata scope doesn't allow format %s", strings.ToUpper(format))
	}
	o := object{"id": m.id, "threadId": m.thread, "historyId": strconv.FormatUint(m.historyID, 10),
		"internalDate": strconv.FormatInt(m.date.UnixMilli(), 10), "sizeEstimate": m.size}
	if len(m.labels) > 0 {
		o["labelIds"] = texts(m.labels...)
	}
	if format == "minimal" {
		o["snippet"] = snippet(m)
		return o, nil
	}
	raw := m.raw()
	switch format {
	case "raw":
		o["raw"] = base64.URLEncoding.EncodeToString(raw)
	case "metadata":
		part := payload(raw)
		o["payload"] = object{"mimeType": part["mimeType"], "headers": only(part["headers"].([]any), c.args("metadataHeaders"))}
	default:
		o["payload"] = payload(raw)
	}
	o["snippet"] = snippet(m)
	return o, nil
}

// snippet is the beginning of a message's text; here, its subject.
func snippet(m *message) string { return strings.ToValidUTF8(m.subject, "\uFFFD") }

// only keeps the headers of those names; no names keep all.
func only(headers []any, names []string) []any {
	if len(names) == 0 {
		return headers
	}
	return slices.DeleteFunc(slices.Clone(headers), func(h any) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, text(h.(object), "name")) })
	})
}

// bodyTexts reads a list of strings of the request's body.
func (c *call) bodyTexts(name string) []string {
	var out []string
	values, _ := c.body[name].([]any)
	for _, v := range values {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// checkLabels refuses labels that the mailbox does not have, and those that nobody can set.
func (c *call) checkLabels(a *account, labels ...[]string) *apiError {
	for _, label := range slices.Concat(labels...) {
		if where(a.mail.labels, "id", label) < 0 || label == "SENT" || label == "DRAFT" {
			return failure(http.StatusBadRequest, "invalidArgument", "Invalid label: %s", label)
		}
	}
	return nil
}

func modifyMessage(c *call, a *account) (object, *apiError) {
	return c.relabelOne(a, c.bodyTexts("addLabelIds"), c.bodyTexts("removeLabelIds"))
}

func trashMessage(c *call, a *account) (object, *apiError) {
	return c.relabelOne(a, []string{"TRASH"}, []string{"INBOX", "SPAM"})
}

func untrashMessage(c *call, a *account) (object, *apiError) {
	return c.relabelOne(a, nil, []string{"TRASH"})
}

func (c *call) relabelOne(a *account, add, drop []string) (object, *apiError) {
	b := c.tenant.box(a)
	m := b.byID[c.path["id"]]
	if m == nil {
		return nil, notFoundEntity()
	}
	if err := c.checkLabels(a, add, drop); err != nil {
		return nil, err
	}
	c.change(func() { b.relabel(c.now, m, add, drop) })
	return object{"id": m.id, "threadId": m.thread, "labelIds": texts(m.labels...)}, nil
}

// batchModify relabels up to 1000 messages. Those that are not there are passed over, as Gmail does.
func batchModify(c *call, a *account) (object, *apiError) {
	ids, add, drop := c.bodyTexts("ids"), c.bodyTexts("addLabelIds"), c.bodyTexts("removeLabelIds")
	if len(ids) == 0 || len(ids) > 1000 {
		return nil, failure(http.StatusBadRequest, "invalidArgument", "Invalid ids value")
	}
	if err := c.checkLabels(a, add, drop); err != nil {
		return nil, err
	}
	b := c.tenant.box(a)
	c.change(func() {
		for _, id := range ids {
			if m := b.byID[id]; m != nil {
				b.relabel(c.now, m, add, drop)
			}
		}
	})
	return nil, nil
}

func getAttachment(c *call, a *account) (object, *apiError) {
	m := c.tenant.box(a).byID[c.path["messageId"]]
	if m == nil {
		return nil, notFoundEntity()
	}
	content, ok := attachment(m.raw(), c.path["id"])
	if !ok {
		return nil, failure(http.StatusBadRequest, "invalidArgument", "Invalid attachment token")
	}
	return object{"size": len(content), "data": base64.URLEncoding.EncodeToString(content)}, nil
}

func listThreads(c *call, a *account) (object, *apiError) {
	found, err := c.find(a)
	if err != nil {
		return nil, err
	}
	var items []object
	seen := map[string]bool{}
	for _, m := range found {
		if !seen[m.thread] {
			seen[m.thread] = true
			items = append(items, object{"id": m.thread, "snippet": snippet(m), "historyId": strconv.FormatUint(m.historyID, 10)})
		}
	}
	return c.paged(object{"resultSizeEstimate": len(items)}, "threads", items, 100, 500)
}

func getThread(c *call, a *account) (object, *apiError) {
	var messages []object
	newest := uint64(0)
	for _, m := range c.tenant.box(a).messages {
		if m.thread == c.path["id"] {
			shown, err := c.show(m)
			if err != nil {
				return nil, err
			}
			messages, newest = append(messages, shown), max(newest, m.historyID)
		}
	}
	if len(messages) == 0 {
		return nil, notFoundEntity()
	}
	return list(object{"id": c.path["id"], "historyId": strconv.FormatUint(newest, 10)}, "messages", messages), nil
}

func listDrafts(c *call, a *account) (object, *apiError) {
	found, err := c.find(a)
	if err != nil {
		return nil, err
	}
	var items []object
	for _, m := range found {
		if slices.Contains(m.labels, "DRAFT") {
			items = append(items, object{"id": "r" + m.id, "message": object{"id": m.id, "threadId": m.thread}})
		}
	}
	return c.paged(object{"resultSizeEstimate": len(items)}, "drafts", items, 100, 500)
}

func getDraft(c *call, a *account) (object, *apiError) {
	m := c.tenant.box(a).byID[strings.TrimPrefix(c.path["id"], "r")]
	if m == nil || !slices.Contains(m.labels, "DRAFT") {
		return nil, notFoundEntity()
	}
	shown, err := c.show(m)
	if err != nil {
		return nil, err
	}
	return object{"id": c.path["id"], "message": shown}, nil
}
