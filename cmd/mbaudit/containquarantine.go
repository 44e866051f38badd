package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/mbaudit/mbaudit/containment"
	"github.com/mbaudit/mbaudit/containment/workspace"
	"github.com/mbaudit/mbaudit/internal/mailheader"
	"github.com/mbaudit/mbaudit/internal/visible"
)

const (
	searchesAtOnce     = 8
	mostMessageIDs     = 200 // of one plan: each is a search in each mailbox
	mostUnsearchedSaid = 20  // mailboxes; how many there are is always said
)

// checkQuarantine says what of the options does not go with a quarantine.
func (o *containOptions) checkQuarantine() error {
	switch {
	case len(o.quarantine) == 0:
		return usageError(errors.New("--all-users is for --quarantine"), "add --quarantine MESSAGE-ID, or name accounts with --account")
	case o.now || o.apply != "" || o.planDir != "" || o.passwordFile != "" && !o.onIMAP() || o.showPassword || o.yes != "":
		return usageError(errors.New("--quarantine makes a plan, and changes nothing yet"), "leave --now, --apply, --plan-dir, --yes and the password away; the plan is applied with --plan-dir")
	case o.allUsers == (len(o.accounts) > 0):
		return usageError(errors.New("which mailboxes to search is not said"), "add --account alice@example.com (repeatable), or --all-users")
	case !strings.Contains(o.admin, "@") && !o.onIMAP():
		return usageError(errors.New("no administrator is named"), "add --google-admin ADMIN@DOMAIN")
	}
	return nil
}

// messageIDs reads what --quarantine names: Message-IDs, files of them, and messages.
func messageIDs(named []string) ([]string, error) {
	var ids []string
	for _, text := range named {
		found := []string{text}
		if data, err := os.ReadFile(text); err == nil {
			if found, err = messageIDsIn(text, data); err != nil {
				return nil, err
			}
		}
		for _, each := range found {
			id, err := workspace.MessageID(each)
			if err != nil {
				return nil, usageError(err, "write it as in the header: --quarantine '<1234@mail.example.com>', or name a file")
			}
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	if len(ids) > mostMessageIDs {
		return nil, usageError(fmt.Errorf("%d Message-IDs are named, and %d are searched for at once", len(ids), mostMessageIDs), "part the file")
	}
	return ids, nil
}

// messageIDsIn reads a file: a message's own Message-ID, or one a line.
func messageIDsIn(path string, data []byte) ([]string, error) {
	var ids []string
	if strings.HasSuffix(strings.ToLower(path), ".eml") {
		header, err := mailheader.Read(bytes.NewReader(data), mailheader.MaxBlock)
		if err == nil {
			ids = mailheader.ParseIDs(header.Text("Message-ID").String())
		}
		if len(ids) != 1 {
			return nil, usageError(fmt.Errorf("%s has no Message-ID, or more than one", visible.Text(path)), "write the Message-ID itself")
		}
		return ids, nil
	}
	for line := range strings.Lines(strings.TrimPrefix(string(data), "\xef\xbb\xbf")) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			ids = append(ids, line)
		}
	}
	if len(ids) == 0 {
		return nil, usageError(fmt.Errorf("%s names no message", visible.Text(path)), "write one Message-ID a line")
	}
	return ids, nil
}

// planQuarantine searches mailboxes and plans to put what is found into quarantine. Nothing is changed.
func (r *containing) planQuarantine(ctx context.Context) error {
	ids, err := messageIDs(r.opts.quarantine)
	if err != nil {
		return err
	}
	client, err := r.google(false, nil)
	if err != nil {
		return err
	}
	mailboxes, closed := r.opts.accounts, []string(nil)
	if r.opts.allUsers {
		if mailboxes, closed, err = client.Mailboxes(ctx); err != nil {
			return fmt.Errorf(r.c.words("listing users: %w", "liste des utilisateurs : %w"), err)
		}
	}
	o := workspace.QuarantineOptions{MessageIDs: ids, Case: r.c.Case.Case, By: r.c.Operator.Name, Now: r.now()}
	var plans []containment.Plan
	unsearched := map[string]string{}
	for _, account := range closed {
		unsearched[account] = r.c.words("the account is suspended", "le compte est suspendu")
	}
	messages := 0
	for i, found := range client.SearchMailboxes(ctx, o, mailboxes, searchesAtOnce) {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case found.Err != nil:
			unsearched[mailboxes[i]] = r.c.said(found.Err).Error()
		case len(found.Plan.Steps) > 0:
			plans = append(plans, found.Plan)
			messages += messagesOf(found.Plan)
		}
	}
	if err := r.keepTogether(plans); err != nil {
		return err
	}
	return r.toldSearch(messages, len(plans), len(mailboxes)+len(closed), unsearched)
}

// messagesOf counts the steps that move a message: the other one makes the label.
func messagesOf(p containment.Plan) int {
	n := 0
	for _, s := range p.Steps {
		if s.Params["message_id"] != "" {
			n++
		}
	}
	return n
}

// toldSearch says what was found, and in which mailboxes nobody looked: that is never taken for nothing.
func (r *containing) toldSearch(messages, found, all int, unsearched map[string]string) error {
	r.say(r.c.words("%d messages in %d of %d mailboxes; %d could not be searched", "%d messages dans %d boîtes sur %d ; %d n'ont pu être cherchées"), messages, found, all, len(unsearched))
	var accounts []string
	for account := range unsearched {
		accounts = append(accounts, account)
	}
	slices.Sort(accounts)
	for _, account := range accounts[:min(len(accounts), mostUnsearchedSaid)] {
		r.say("  ? %s: %s", visible.Text(account), visible.Line(unsearched[account]))
	}
	if more := len(accounts) - mostUnsearchedSaid; more > 0 {
		r.say(r.c.words("  and %d more", "  et %d autres"), more)
	}
	if len(unsearched) > 0 {
		return statusError(statusIncomplete)
	}
	return nil
}
