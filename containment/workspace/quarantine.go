package workspace

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/oklog/ulid/v2"

	"github.com/mbaudit/mbaudit/containment"
	"github.com/mbaudit/mbaudit/internal/gmailmessage"
)

// QuarantineLabel is the label under which messages in quarantine lie.
const QuarantineLabel = "mbaudit/quarantine"

// The kinds of steps of a quarantine.
const (
	kindLabel   = "gmail.label"
	kindMessage = "gmail.message"
)

const (
	mailboxV1 = "gmail/v1/users/me/"

	// mostQuarantined is how many messages of one mailbox a plan takes: a Message-ID is of one message, and whoever sends a
	// thousand under the same one means to keep somebody busy.
	mostQuarantined = 100
)

func quarantineKinds() []kind {
	modify := same("gmail.readonly", "gmail.modify")
	return []kind{
		{name: kindLabel, rights: modify, undo: containment.Whole, look: lookAtLabel, take: createLabel, back: deleteLabel},
		{name: kindMessage, rights: modify, undo: containment.Whole, look: lookAtMessage, keep: keepMessage, take: quarantine, back: release},
	}
}

// ErrMessageID says that a text cannot be the Message-ID of a message that is searched for.
var ErrMessageID = errors.New("this is no Message-ID")

// MessageID reads a Message-ID as people write it, with its angle brackets or without. It stands in a search later: what
// would be read there as something else is refused.
func MessageID(text string) (string, error) {
	id := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(text), "<"), ">")
	strange := func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsGraphic(r) || strings.ContainsRune(`"<>(){}`, r)
	}
	if id == "" || len(id) > 998 || !strings.Contains(id, "@") || strings.ContainsFunc(id, strange) {
		return "", fmt.Errorf("%w: %.100q", ErrMessageID, text)
	}
	return id, nil
}

// QuarantineOptions say which messages of which mailbox to put into quarantine.
type QuarantineOptions struct {
	Account    string
	MessageIDs []string // as MessageID gives them
	Case, By   string
	Now        time.Time
}

// PlanQuarantine searches a mailbox, its spam and trash too, for messages by their Message-IDs, and proposes to take them out of
// sight. Nothing is changed. A plan without steps has found nothing.
func (c *Client) PlanQuarantine(ctx context.Context, o QuarantineOptions) (containment.Plan, error) {
	p := containment.Plan{ID: ulid.MustNewDefault(o.Now).String(), Case: o.Case, Account: o.Account, Provider: Provider, Mode: containment.Quarantine,
		Made: o.Now.UTC().Truncate(time.Second), By: o.By}
	b := &builder{survey: &survey{account: o.Account}}
	b.add(1, kindLabel, QuarantineLabel, containment.Take)
	found := 0
	for _, id := range o.MessageIDs {
		items, err := c.list(ctx, c.mailboxRequest(o.Account, "messages", url.Values{"q": {"rfc822msgid:" + id}, "includeSpamTrash": {"true"}, "maxResults": {"500"}}), "messages")
		if err != nil {
			return p, err
		}
		for _, item := range items {
			is, err := c.describe(ctx, o.Account, item.text("id"), id)
			if err != nil {
				return p, err
			}
			if is == "" {
				continue // the search was read in another way
			}
			if found++; found > mostQuarantined {
				p.Warnings = append(p.Warnings, tooManyWarning(o.Account))
				break
			}
			b.addMessage(item.text("id"), id, is)
		}
		if found > mostQuarantined {
			break
		}
	}
	if found == 0 {
		return p, nil
	}
	p.Steps = c.inspected(ctx, b)
	for _, u := range b.unread {
		p.Warnings = append(p.Warnings, unreadWarning(u))
	}
	return p, ctx.Err()
}

// addMessage adds the step of a message, described by what its header says.
func (b *builder) addMessage(id, messageID, is string) {
	known := func(s containment.Step) bool { return s.Kind == kindMessage && s.Target == id }
	if slices.ContainsFunc(b.steps, known) {
		return
	}
	b.add(2, kindMessage, id, containment.Take)
	s := &b.steps[len(b.steps)-1]
	s.Params = map[string]string{"message_id": messageID}
	s.What = textsOf(kindMessage, is).what
}

func tooManyWarning(account string) containment.Warning {
	return containment.Warning{Kind: "bounded", Text: pairOf{
		EN: fmt.Sprintf("%s has more than %d such messages: the plan has the newest of them", account, mostQuarantined),
		FR: fmt.Sprintf("%s a plus de %d messages de ce genre : le plan a les plus récents", account, mostQuarantined)},
		Instead: pairOf{EN: "apply it, and plan again", FR: "appliquez-le, et refaites un plan"}}
}

// mailboxRequest reads from the account's mailbox.
func (c *Client) mailboxRequest(account, path string, query url.Values) request {
	return request{service: gmailAPI, subject: account, scope: c.ownScope("gmail.readonly", "gmail.modify"), path: mailboxV1 + path, query: query}
}

// describe says from whom, of when and about what a message is; "" where its Message-ID is another one.
func (c *Client) describe(ctx context.Context, account, id, messageID string) (string, error) {
	o, err := c.message(ctx, account, id)
	if err != nil {
		return "", err
	}
	headers := headersOf(o)
	if has, err := MessageID(headers["message-id"]); err != nil || !strings.EqualFold(has, messageID) {
		return "", nil
	}
	return fmt.Sprintf("%.120s, %s, %.120s, <%s>", headers["from"], received(o), headers["subject"], messageID), nil
}

// received is when Google took the message in; what its header says of that, whoever wrote it may have made up.
func received(o object) string {
	ms, err := strconv.ParseInt(o.text("internalDate"), 10, 64)
	if err != nil {
		return "?"
	}
	return time.UnixMilli(ms).UTC().Format(time.RFC3339)
}

// message reads where a message lies and who it says it is.
func (c *Client) message(ctx context.Context, account, id string) (object, error) {
	text, err := c.do(ctx, c.mailboxRequest(account, "messages/"+url.PathEscape(id), url.Values{"format": {"metadata"}, "metadataHeaders": {"Message-ID", "From", "Subject"}}))
	if err != nil {
		return nil, err
	}
	return parseObject(text)
}

// headersOf are the header fields of a message, by their names in lower case; of several of a name, the first.
func headersOf(o object) map[string]string {
	payload, _ := o["payload"].(map[string]any)
	list, _ := payload["headers"].([]any)
	headers := map[string]string{}
	for _, each := range list {
		h, _ := each.(map[string]any)
		if name := strings.ToLower(object(h).text("name")); headers[name] == "" {
			headers[name] = object(h).text("value")
		}
	}
	return headers
}

// quarantineLabel is the id of the label; "" where there is none.
func (t target) quarantineLabel(ctx context.Context) (string, error) {
	items, err := t.list(ctx, t.mailboxRequest(t.step.Account, "labels", nil), "labels")
	if err != nil {
		return "", err
	}
	label, err := listed(items, "name", QuarantineLabel)
	if gone(err) {
		return "", nil
	}
	return label.text("id"), err
}

func lookAtLabel(ctx context.Context, t target) (containment.State, error) {
	id, err := t.quarantineLabel(ctx)
	return containment.State{Holds: id != ""}, err
}

func (t target) changeMailbox(ctx context.Context, verb, path string, body any) error {
	_, err := t.do(ctx, request{service: gmailAPI, subject: t.step.Account, scope: t.rights.act, verb: verb, path: mailboxV1 + path, body: body})
	return err
}

// createLabel makes the label, out of the way of whoever reads his mail.
func createLabel(ctx context.Context, t target, _ object) error {
	err := t.changeMailbox(ctx, http.MethodPost, "labels", object{"name": QuarantineLabel, "labelListVisibility": "labelHide", "messageListVisibility": "hide"})
	if already(err) {
		return nil
	}
	return err
}

// ErrLabelInUse says that the label of quarantines stays.
var ErrLabelInUse = errors.New("the label stays: other messages are still under it")

// deleteLabel deletes the label that a step made, unless messages of another plan lie under it.
func deleteLabel(ctx context.Context, t target, _ object) error {
	id, err := t.quarantineLabel(ctx)
	if err != nil || id == "" {
		return err
	}
	text, err := t.do(ctx, t.mailboxRequest(t.step.Account, "labels/"+url.PathEscape(id), nil))
	if err != nil {
		return err
	}
	label, err := parseObject(text)
	if err != nil {
		return err
	}
	if n := label.number("messagesTotal"); n != "" && n != "0" {
		return fmt.Errorf("%w (%s)", ErrLabelInUse, n)
	}
	return t.changeMailbox(ctx, http.MethodDelete, "labels/"+url.PathEscape(id), nil)
}

// lookAtMessage looks at where a message lies. Which other labels it has changes with its reading, and does not count.
func lookAtMessage(ctx context.Context, t target) (containment.State, error) {
	o, err := t.message(ctx, t.step.Account, t.step.Target)
	if err != nil {
		return removed(o, err)
	}
	label, err := t.quarantineLabel(ctx)
	if err != nil {
		return containment.State{}, err
	}
	labels := o.texts("labelIds")
	shown := slices.Contains(labels, "INBOX")
	document := pick(o, "id", "threadId", "internalDate", "sizeEstimate")
	document["inbox"], document["headers"] = shown, headersOf(o)
	return containment.State{Holds: label != "" && slices.Contains(labels, label) && !shown, Document: document.raw(), Volatile: pick(o, "labelIds", "historyId").raw()}, nil
}

// keepMessage gives the message, byte for byte.
func keepMessage(ctx context.Context, t target) (containment.Original, error) {
	text, err := t.do(ctx, t.mailboxRequest(t.step.Account, "messages/"+url.PathEscape(t.step.Target), url.Values{"format": {"raw"}}))
	if err != nil {
		return containment.Original{}, err
	}
	message, err := gmailmessage.Parse(text)
	if err != nil {
		return containment.Original{}, err
	}
	raw, err := message.Raw()
	return containment.Original{Name: t.step.Target + ".eml", MediaType: "message/rfc822", Body: raw}, err
}

// quarantine puts the label on and takes the message out of the inbox. It is never deleted, and never moved to the trash.
func quarantine(ctx context.Context, t target, _ object) error {
	label, err := t.quarantineLabel(ctx)
	if err != nil {
		return err
	}
	if label == "" {
		return fmt.Errorf("there is no label %s", QuarantineLabel)
	}
	return t.relabel(ctx, []string{label}, []string{"INBOX"})
}

// release takes the label off, and puts the message back into the inbox where it was there.
func release(ctx context.Context, t target, before object) error {
	label, err := t.quarantineLabel(ctx)
	if err != nil {
		return err
	}
	var add, drop []string
	if before.truth("inbox") {
		add = []string{"INBOX"}
	}
	if label != "" {
		drop = []string{label}
	}
	err = t.relabel(ctx, add, drop)
	if gone(err) {
		return fmt.Errorf("%w: the message is not there any more", containment.ErrIrreversible)
	}
	return err
}

func (t target) relabel(ctx context.Context, add, drop []string) error {
	if len(add)+len(drop) == 0 {
		return nil
	}
	body := object{}
	if len(add) > 0 {
		body["addLabelIds"] = add
	}
	if len(drop) > 0 {
		body["removeLabelIds"] = drop
	}
	return t.changeMailbox(ctx, http.MethodPost, "messages/"+url.PathEscape(t.step.Target)+"/modify", body)
}

// Mailboxes lists the addresses of all users who have a mailbox that can be searched, and those who have one that cannot: Google
// opens none of a suspended user.
func (c *Client) Mailboxes(ctx context.Context) (open, closed []string, err error) {
	users, err := c.list(ctx, request{service: adminAPI, subject: c.cfg.Admin, scope: c.reading("admin.directory.user"), path: directoryV1 + "users",
		query: url.Values{"customer": {"my_customer"}, "maxResults": {"500"}}}, "users")
	for _, u := range users {
		switch {
		case u["isMailboxSetup"] == false:
		case u.truth("suspended") || u.truth("archived"):
			closed = append(closed, u.text("primaryEmail"))
		default:
			open = append(open, u.text("primaryEmail"))
		}
	}
	return open, closed, err
}

// A Search is what was found in one mailbox.
type Search struct {
	Plan containment.Plan // without steps: nothing
	Err  error            // the mailbox could not be searched
}

// SearchMailboxes plans a quarantine for each of several mailboxes, so many side by side, and gives what it found in their order.
func (c *Client) SearchMailboxes(ctx context.Context, o QuarantineOptions, mailboxes []string, parallel int) []Search {
	found := make([]Search, len(mailboxes))
	slots := make(chan struct{}, parallel)
	var group sync.WaitGroup
	for i, mailbox := range mailboxes {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			one := o
			one.Account = mailbox
			found[i].Plan, found[i].Err = c.PlanQuarantine(ctx, one)
		})
	}
	group.Wait()
	return found
}
