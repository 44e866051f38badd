package imap

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/containment"
)

// A Session is somebody who is connected to the account.
type Session struct {
	Service string `json:"service"` // "imap", "pop3", "managesieve" …
	PID     string `json:"pid"`
	IP      string `json:"ip,omitempty"`
}

// settle is how long Dovecot may take to notice that a connection has ended.
const settle = 300 * time.Millisecond

// errNoDoveadm says that a step needs what was not given.
var errNoDoveadm = problem("this needs doveadm's HTTP API, and it was not said where that is")

// Sessions lists who is connected to the account, without us: our own connections are closed first, and what is there once
// and gone a moment later is the rest of them.
func (c *Client) Sessions(ctx context.Context) ([]Session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop()
	first, err := c.who(ctx)
	if err != nil || len(first) == 0 {
		return nil, err
	}
	if err := c.cfg.Sleep(ctx, settle); err != nil {
		return nil, err
	}
	second, err := c.who(ctx)
	return slices.DeleteFunc(second, func(s Session) bool { return !slices.Contains(first, s) }), err
}

func (c *Client) who(ctx context.Context) ([]Session, error) {
	if c.cfg.Doveadm == nil {
		return nil, errNoDoveadm
	}
	if strings.ContainsAny(c.cfg.Login, "*?[\\") {
		return nil, problemf("doveadm would take the name %s for a pattern of several accounts", Quoted(c.cfg.Login))
	}
	rows, err := c.cfg.Doveadm.call(ctx, "who", map[string]any{"separateConnections": true, "mask": []string{c.cfg.Login}})
	if errors.Is(err, errNobody) {
		return nil, nil
	}
	var sessions []Session
	for _, row := range rows {
		if row["username"] == c.cfg.Login {
			sessions = append(sessions, Session{row["service"], row["pid"], row["ip"]})
		}
	}
	return sessions, err
}

// looksForUs is how often doveadm is asked for a session of ours that has just begun.
const looksForUs = 10

// knownToDoveadm makes sure that doveadm knows the account by the name that it would be asked to end the sessions of: while a
// session of ours is open it must see one. Otherwise ending all sessions would end none, and nobody would notice.
func (c *Client) knownToDoveadm(ctx context.Context) error {
	return c.withMail(ctx, true, func(*mailbox) error {
		for range looksForUs {
			sessions, err := c.who(ctx)
			if err != nil || len(sessions) > 0 {
				return asProblem(err)
			}
			if err := c.cfg.Sleep(ctx, settle); err != nil {
				return err
			}
		}
		return problemf("doveadm sees no session of %s, though one of ours is open: the server knows the account by another name, or this is another server", Quoted(c.cfg.Login))
	})
}

// asProblem keeps the IMAP connection when it is doveadm that fails.
func asProblem(err error) error {
	if err == nil {
		return nil
	}
	return problem(err.Error())
}

// lookAtSessions never holds: a session may begin at any moment. Who is connected is kept, and makes no plan stale.
func lookAtSessions(ctx context.Context, c *Client, _ containment.Step) (containment.State, error) {
	sessions, err := c.Sessions(ctx)
	if err != nil {
		return containment.State{}, err
	}
	doc, err := document(map[string]string{"account": Quoted(c.cfg.Login)})
	if err != nil {
		return containment.State{}, err
	}
	volatile, err := document(sessions)
	return containment.State{Document: doc, Volatile: volatile}, err
}

// kick ends all sessions, with ours.
func kick(ctx context.Context, c *Client, _ containment.Step, _ containment.State) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop()
	if _, err := c.who(ctx); err != nil { // refuses what is no account's name
		return err
	}
	_, err := c.cfg.Doveadm.call(ctx, "kick", map[string]any{"mask": []string{c.cfg.Login}})
	if errors.Is(err, errNobody) {
		return nil
	}
	return err
}

// checkSessions holds when none of the sessions that were there before is there any more. Who has come since is listed by
// Sessions.
func checkSessions(ctx context.Context, c *Client, s containment.Step) (containment.State, error) {
	var before []Session
	if len(s.State.Volatile) > 0 {
		if err := json.Unmarshal(s.State.Volatile, &before); err != nil {
			return containment.State{}, fmt.Errorf("reading the plan: %w", err)
		}
	}
	now, err := c.Sessions(ctx)
	if err != nil {
		return containment.State{}, err
	}
	left := slices.DeleteFunc(now, func(s Session) bool { return !slices.Contains(before, s) })
	doc, err := document(left)
	return containment.State{Holds: len(left) == 0, Document: doc}, err
}

// lookAtCache never holds: nobody shows what is in the cache.
func lookAtCache(_ context.Context, c *Client, _ containment.Step) (containment.State, error) {
	if c.cfg.Doveadm == nil {
		return containment.State{}, errNoDoveadm
	}
	doc, err := document(map[string]string{"account": Quoted(c.cfg.Login)})
	return containment.State{Document: doc}, err
}

// flushCache has Dovecot forget which password was right.
func flushCache(ctx context.Context, c *Client, _ containment.Step, _ containment.State) error {
	if c.cfg.Doveadm == nil {
		return errNoDoveadm
	}
	_, err := c.cfg.Doveadm.call(ctx, "authCacheFlush", map[string]any{"user": []string{c.cfg.Login}})
	return err
}

func checkCache(context.Context, *Client, containment.Step) (containment.State, error) {
	return containment.State{}, containment.ErrUnseen
}
