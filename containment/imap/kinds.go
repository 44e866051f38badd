package imap

import (
	"context"

	"github.com/mbaudit/mbaudit/containment"
)

// The kinds of step. They never change between releases.
const (
	kindCache   = "doveadm.cache"
	kindKick    = "doveadm.kick"
	kindSieve   = "sieve.active"
	kindACL     = "imap.acl"
	kindFolder  = "imap.folder"
	kindMessage = "imap.message"
)

// A kind is one kind of step: how its target is looked at, and how the step is taken and put back.
type kind struct {
	name  string
	right string // what the login must be allowed to do
	undo  containment.Reversibility

	look func(ctx context.Context, c *Client, s containment.Step) (containment.State, error)
	take func(ctx context.Context, c *Client, s containment.Step, before containment.State) error

	// back puts the target back to before; nil where that is not possible.
	back func(ctx context.Context, c *Client, s containment.Step, before containment.State) error

	// check looks at the target after the step was taken; nil is look.
	check func(ctx context.Context, c *Client, s containment.Step) (containment.State, error)

	// keep gives the target's bytes as they are, to be sealed beside its description; nil where that says all.
	keep func(ctx context.Context, c *Client, s containment.Step) (containment.Original, error)
}

func kinds() []kind {
	return []kind{
		{name: kindCache, right: "doveadm", undo: containment.Never, look: lookAtCache, take: flushCache, check: checkCache},
		{name: kindKick, right: "doveadm", undo: containment.Never, look: lookAtSessions, take: kick, check: checkSessions},
		{name: kindSieve, right: "ManageSieve", undo: containment.Whole, look: lookAtSieve, take: deactivate, back: activate, keep: wholeScript},
		{name: kindACL, right: "IMAP ACL (a)", undo: containment.Whole, look: lookAtACL, take: removeACL, back: restoreACL},
		{name: kindFolder, right: "IMAP CREATE", undo: containment.Never, look: lookAtFolder, take: createFolder},
		{name: kindMessage, right: "IMAP MOVE", undo: containment.Partly, look: lookAtMessage, take: quarantine, back: release, keep: wholeMessage},
	}
}

// An action is a kind with a client.
type action struct {
	kind
	client *Client
}

var (
	_ containment.Action   = action{}
	_ containment.Verifier = action{}
	_ containment.Keeper   = keeping{}
)

// Actions are the actions for a plan.
func (c *Client) Actions() containment.Actions {
	actions := containment.Actions{}
	for _, k := range kinds() {
		actions[k.name] = action{k, c}
		if k.keep != nil {
			actions[k.name] = keeping{action{k, c}}
		}
	}
	return actions
}

// A keeping is an action of a kind whose targets are kept whole.
type keeping struct{ action }

// Keep implements containment.Keeper.
func (a keeping) Keep(ctx context.Context, s containment.Step) (containment.Original, error) {
	return a.keep(ctx, a.client, s)
}

// Kind implements containment.Action.
func (a action) Kind() string { return a.name }

// Inspect implements containment.Action.
func (a action) Inspect(ctx context.Context, s containment.Step) (containment.State, error) {
	return a.look(ctx, a.client, s)
}

// Verify implements containment.Verifier.
func (a action) Verify(ctx context.Context, s containment.Step) (containment.State, error) {
	if a.check == nil {
		return a.look(ctx, a.client, s)
	}
	return a.check(ctx, a.client, s)
}

// Apply implements containment.Action.
func (a action) Apply(ctx context.Context, s containment.Step, before containment.State) error {
	if !a.client.cfg.Writes {
		return ErrReadOnly
	}
	return a.take(ctx, a.client, s, before)
}

// Undo implements containment.Action.
func (a action) Undo(ctx context.Context, s containment.Step, before containment.State) error {
	switch {
	case a.back == nil:
		return containment.ErrIrreversible
	case !a.client.cfg.Writes:
		return ErrReadOnly
	}
	return a.back(ctx, a.client, s, before)
}
