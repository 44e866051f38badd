package workspace

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/containment"
)

// A kind is one kind of step: how its target is looked at, and how the step is taken and put back. It implements
// containment.Action and what that package looks for beside it.
type kind struct {
	name   string
	rights rights
	undo   containment.Reversibility

	// lag is how long Google may take until a change shows.
	lag time.Duration

	look func(ctx context.Context, t target) (containment.State, error)
	take func(ctx context.Context, t target, before object) error

	// back puts the target back to before; nil where that is not possible.
	back func(ctx context.Context, t target, before object) error

	// keep gives the target whole, to be sealed before the step is taken; nil where its state is all.
	keep func(ctx context.Context, t target) (containment.Original, error)

	// check looks at the target after the step was taken; nil is look. It is there where what is looked at before the step
	// cannot tell whether the step was taken.
	check func(ctx context.Context, t target) (containment.State, error)
}

// rights are the scopes of a kind, without their prefix: to look while planning, to look while applying, to change. Each
// is the least that Google lets do it.
type rights struct{ plan, look, act string }

func same(plan, act string) rights { return rights{plan, act, act} }

// A target is a step's, with the client that reaches it.
type target struct {
	*Client
	step   containment.Step
	rights rights
	kept   map[string]bool // clients whose grants the plan keeps
}

// An action is a kind with a client.
type action struct {
	kind
	client *Client
	kept   map[string]bool
}

var (
	_ containment.Action   = action{}
	_ containment.Verifier = action{}
	_ containment.Lagging  = action{}
	_ containment.Keeper   = keeping{}
)

// Actions are the actions for a plan.
func (c *Client) Actions(p containment.Plan) containment.Actions {
	kept := map[string]bool{}
	for _, s := range p.Steps {
		if s.Kind == kindToken && s.Decision != containment.Take {
			kept[s.Target] = true
		}
	}
	actions := containment.Actions{}
	for _, k := range kinds() {
		actions[k.name] = action{k, c, kept}
		if k.keep != nil {
			actions[k.name] = keeping{action{k, c, kept}}
		}
	}
	return actions
}

// A keeping is an action of a kind whose targets are kept whole.
type keeping struct{ action }

// Keep implements containment.Keeper.
func (a keeping) Keep(ctx context.Context, s containment.Step) (containment.Original, error) {
	return a.keep(ctx, a.target(s))
}

func kinds() []kind {
	return slices.Concat(accessKinds(), mailKinds(), elsewhereKinds(), quarantineKinds())
}

func (a action) target(s containment.Step) target { return target{a.client, s, a.rights, a.kept} }

// Kind implements containment.Action.
func (a action) Kind() string { return a.name }

// Inspect implements containment.Action.
func (a action) Inspect(ctx context.Context, s containment.Step) (containment.State, error) {
	return a.look(ctx, a.target(s))
}

// Verify implements containment.Verifier.
func (a action) Verify(ctx context.Context, s containment.Step) (containment.State, error) {
	if a.check == nil {
		return a.look(ctx, a.target(s))
	}
	return a.check(ctx, a.target(s))
}

// Lag implements containment.Lagging.
func (a action) Lag() time.Duration { return a.lag }

// ErrReadOnly says that a client was made to plan and not to apply.
var ErrReadOnly = errors.New("this client only reads")

// Apply implements containment.Action. What is gone already is as good as removed.
func (a action) Apply(ctx context.Context, s containment.Step, before containment.State) error {
	if !a.client.cfg.Writes {
		return ErrReadOnly
	}
	err := a.take(ctx, a.target(s), documentOf(before))
	switch {
	case gone(err):
		return nil
	case awaitsApproval(err):
		return fmt.Errorf("%w (Google: %w)", ErrApproval, err)
	}
	return err
}

// Undo implements containment.Action. What is there already is as good as put back.
func (a action) Undo(ctx context.Context, s containment.Step, before containment.State) error {
	switch {
	case a.back == nil:
		return containment.ErrIrreversible
	case !a.client.cfg.Writes:
		return ErrReadOnly
	}
	err := a.back(ctx, a.target(s), documentOf(before))
	if already(err) {
		return nil
	}
	return err
}

func documentOf(s containment.State) object {
	o, err := parseObject(s.Document)
	if err != nil || o == nil {
		return object{} // there was nothing
	}
	return o
}

// user is the path of the step's account in the Directory.
func (t target) user(more string) string { return userPath(t.step.Account, more) }

func userPath(account, more string) string {
	return directoryV1 + "users/" + url.PathEscape(account) + more
}

// scope is the one to look with.
func (t target) scope() string {
	if t.cfg.Writes {
		return t.rights.look
	}
	return t.rights.plan
}

// directory reads from the Directory, and mail from the account's Gmail settings.
func (t target) directory(ctx context.Context, path string) (object, error) {
	return t.read(ctx, request{service: adminAPI, subject: t.cfg.Admin, scope: t.scope(), path: path})
}

func (t target) mail(ctx context.Context, path string) (object, error) {
	return t.read(ctx, request{service: gmailAPI, subject: t.step.Account, scope: t.scope(), path: mailSettings + path})
}

func (t target) read(ctx context.Context, r request) (object, error) {
	text, err := t.do(ctx, r)
	if err != nil {
		return nil, err
	}
	return parseObject(text)
}

// changeDirectory and changeMail make a change.
func (t target) changeDirectory(ctx context.Context, verb, path string, body any) error {
	_, err := t.do(ctx, request{service: adminAPI, subject: t.cfg.Admin, scope: t.rights.act, verb: verb, path: path, body: body})
	return err
}

func (t target) changeMail(ctx context.Context, verb, path string, body any) error {
	_, err := t.do(ctx, request{service: gmailAPI, subject: t.step.Account, scope: t.rights.act, verb: verb, path: mailSettings + path, body: body})
	return err
}

// removed is the state of a thing whose removal is the step's aim. It holds when it is gone.
func removed(o object, err error, volatile ...string) (containment.State, error) {
	if gone(err) {
		return containment.State{Holds: true}, nil
	}
	if err != nil {
		return containment.State{}, err
	}
	return state(o, false, volatile...), nil
}

// state keeps an answer whole but for its entity tag, with what may change by itself apart from the rest.
func state(o object, holds bool, volatile ...string) containment.State {
	o = maps.Clone(o)
	delete(o, "etag")
	apart := object{}
	for _, name := range volatile {
		if value, has := o[name]; has {
			apart[name] = value
			delete(o, name)
		}
	}
	s := containment.State{Holds: holds}
	if len(o) > 0 {
		s.Document = o.raw()
	}
	if len(apart) > 0 {
		s.Volatile = apart.raw()
	}
	return s
}

// pick is an object with some of its fields.
func pick(o object, fields ...string) object {
	some := object{}
	for _, f := range fields {
		if value, has := o[f]; has {
			some[f] = value
		}
	}
	return some
}

// without is an object without some of its fields.
func without(o object, fields ...string) object {
	o = maps.Clone(o)
	for _, f := range fields {
		delete(o, f)
	}
	return o
}

// listed finds what a listing has under a name; nil and a 404 where it has none.
func listed(items []object, field, value string) (object, error) {
	for _, item := range items {
		if item.text(field) == value {
			return item, nil
		}
	}
	return nil, &Refusal{Status: http.StatusNotFound, Reason: "notFound"}
}

// pair takes a target of two parts apart, as "group/member".
func pair(text string) (first, second string, err error) {
	first, second, ok := strings.Cut(text, "/")
	if !ok || first == "" || second == "" {
		return "", "", fmt.Errorf("%w: the target %.100q has not two parts", containment.ErrPlan, text)
	}
	return url.PathEscape(first), url.PathEscape(second), nil
}
