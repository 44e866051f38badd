package imap

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mbaudit/mbaudit/containment"
	"github.com/mbaudit/mbaudit/internal/imapwire"
)

// An entry of an access control list (RFC 4314), as it is kept: names in quotes.
type entry struct {
	Mailbox    string `json:"mailbox"`
	Identifier string `json:"identifier"`
	Rights     string `json:"rights"` // in quotes, sorted
}

// aclOf reads the list of a mailbox: rights by identifier.
func (m *mailbox) aclOf(name string) (map[string]string, error) {
	answer, err := m.do(imapwire.NewCommand("GETACL").String(name))
	if err != nil {
		return nil, err
	}
	rights := map[string]string{}
	for _, resp := range untagged(answer, "ACL") {
		s := resp.Scan()
		of, ok := s.Next()
		if !ok || !sameMailbox(string(of.Text()), name) {
			continue
		}
		for {
			identifier, ok1 := s.Next()
			may, ok2 := s.Next()
			if !ok1 {
				return rights, nil
			}
			if !ok2 {
				return nil, problemf("the access control list of %s ends in the middle of an entry", Quoted(name))
			}
			rights[string(identifier.Text())] = sorted(string(may.Text()))
		}
	}
	return nil, problemf("the server gave no access control list of %s", Quoted(name))
}

// sameMailbox compares names: INBOX has no case (RFC 3501 section 5.1).
func sameMailbox(a, b string) bool {
	return a == b || strings.EqualFold(a, "INBOX") && strings.EqualFold(b, "INBOX")
}

func sorted(rights string) string {
	letters := strings.Split(rights, "")
	slices.Sort(letters)
	return strings.Join(slices.Compact(letters), "")
}

func lookAtACL(ctx context.Context, c *Client, s containment.Step) (containment.State, error) {
	var state containment.State
	names, _, err := unquoted(s.Target, 2)
	if err != nil {
		return state, err
	}
	err = c.withMail(ctx, true, func(m *mailbox) error {
		state, err = aclState(m, names[0], names[1])
		return err
	})
	return state, err
}

func aclState(m *mailbox, name, identifier string) (containment.State, error) {
	rights, err := m.aclOf(name)
	var refusal *Refusal
	if errors.As(err, &refusal) && refusal.Code == "NONEXISTENT" {
		return containment.State{Holds: true}, nil // with the mailbox its list is gone
	}
	if err != nil {
		return containment.State{}, err
	}
	may, there := rights[identifier]
	if !there || may == "" {
		return containment.State{Holds: true}, nil
	}
	doc, err := document(entry{Quoted(name), Quoted(identifier), Quoted(may)})
	return containment.State{Document: doc}, err
}

func removeACL(ctx context.Context, c *Client, s containment.Step, before containment.State) error {
	names, _, err := unquoted(s.Target, 2)
	if err != nil {
		return err
	}
	return c.withMail(ctx, false, func(m *mailbox) error {
		_, err := m.do(imapwire.NewCommand("DELETEACL").String(names[0]).String(names[1]))
		return err
	})
}

// restoreACL gives the rights again. Rights that somebody has given since are left as they are.
func restoreACL(ctx context.Context, c *Client, s containment.Step, before containment.State) error {
	var was entry
	if err := json.Unmarshal(before.Document, &was); err != nil {
		return fmt.Errorf("reading what was saved: %w", err)
	}
	names, _, err := unquoted(s.Target, 2)
	if err != nil {
		return err
	}
	rights, _, err := unquoted(was.Rights, 1)
	if err != nil {
		return err
	}
	return c.withMail(ctx, false, func(m *mailbox) error {
		now, err := aclState(m, names[0], names[1])
		switch {
		case err != nil:
			return err
		case now.Digest() == before.Digest():
			return nil
		case !now.Holds:
			return problemf("%s has other rights in %s now than were saved; they are left so", was.Identifier, was.Mailbox)
		}
		_, err = m.do(imapwire.NewCommand("SETACL").String(names[0]).String(names[1]).String(rights[0]))
		return err
	})
}
