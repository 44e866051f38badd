package imap

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mbaudit/mbaudit/containment"
	"github.com/mbaudit/mbaudit/internal/imapwire"
)

// The stages, in the order in which they are taken. The reasons are in docs/CONTAINMENT.md.
const (
	stageCache   = iota + 1 // first: a password that is remembered is still taken after it was changed
	stageKick               // before the clean-up: who is connected could undo it
	stageSieve              // what goes on by itself
	stageACL                // who reads without the account's password
	stageFolder             // where the messages go
	stageMessage            // last: it ends no access
)

// QuarantineName is the usual name of the folder for messages that are taken out of sight, below the prefix of the account's
// own folders.
const QuarantineName = "mbaudit-quarantine"

// PlanOptions say what to plan.
type PlanOptions struct {
	Mode       containment.Mode
	Case, By   string
	Server     string // the URL of the IMAP server
	OwnDomains []string
	Quarantine []string // with the mode Quarantine: Message-IDs of the messages to move, with their angle brackets; nothing else is planned
	Folder     string   // to move them to; empty is QuarantineName
	Now        time.Time
}

// A builder collects the steps of a plan.
type builder struct {
	*Client
	o        PlanOptions
	domains  []string
	steps    []containment.Step
	warnings []containment.Warning
	folder   string // for messages
}

// Plan looks at an account and proposes what to do. Nothing is changed, and what could not be read is a warning.
func (c *Client) Plan(ctx context.Context, o PlanOptions) (containment.Plan, error) {
	b := &builder{Client: c, o: o, domains: append([]string{domainOf(c.cfg.Account)}, o.OwnDomains...)}
	for _, part := range b.parts() {
		if err := part(ctx); err != nil {
			return containment.Plan{}, err
		}
	}
	p := containment.Plan{ID: ulid.MustNewDefault(o.Now).String(), Case: o.Case, Account: c.cfg.Account, Provider: Provider, Server: o.Server, Mode: o.Mode,
		Made: o.Now.UTC().Truncate(time.Second), By: o.By}
	var err error
	if p.Steps, err = b.inspected(ctx); err != nil {
		return p, err
	}
	p.Warnings = b.warnings
	return p, ctx.Err()
}

// parts are what a mode looks at.
func (b *builder) parts() []func(context.Context) error {
	switch b.o.Mode {
	case containment.Quarantine:
		return []func(context.Context) error{b.messages}
	case containment.Precaution:
		return []func(context.Context) error{b.sessions}
	}
	return []func(context.Context) error{b.sessions, b.rules, b.rights}
}

// inspected gives the steps with the state of their targets. What is as it should be already is no step.
func (b *builder) inspected(ctx context.Context) ([]containment.Step, error) {
	slices.SortStableFunc(b.steps, func(x, y containment.Step) int { return x.Stage - y.Stage })
	actions := b.Actions()
	var steps []containment.Step
	for _, s := range b.steps {
		state, err := actions[s.Kind].Inspect(ctx, s)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			b.unread(s.Kind, err)
		}
		if err != nil || state.Holds {
			continue
		}
		s.N, s.State, s.Before = len(steps)+1, state, state.Digest()
		steps = append(steps, s)
	}
	return steps, nil
}

func (b *builder) add(stage int, name, target string, d containment.Decision, t stepTexts, params map[string]string) {
	for _, k := range kinds() {
		if k.name == name {
			b.steps = append(b.steps, containment.Step{Stage: stage, Kind: name, Account: b.cfg.Account, Target: target, Params: params,
				What: t.what, Why: t.why, SideEffect: t.side, Scope: k.right, Undo: k.undo, Decision: d})
		}
	}
}

func (b *builder) warn(w containment.Warning) { b.warnings = append(b.warnings, w) }

// unread warns of what could not be read. A plan never takes that for "nothing there".
func (b *builder) unread(what string, err error) { b.warn(unreadWarning(what, err)) }

func (b *builder) sessions(ctx context.Context) error {
	b.warn(passwordWarning())
	if b.o.Mode == containment.Suspend {
		b.warn(suspendWarning())
	}
	if b.cfg.Doveadm == nil {
		b.warn(noDoveadmWarning())
		return nil
	}
	if err := b.knownToDoveadm(ctx); err != nil {
		b.unread("doveadm", err)
		return ctx.Err()
	}
	b.add(stageCache, kindCache, "", containment.Take, textsOfCache(), nil)
	b.add(stageKick, kindKick, "", containment.Take, textsOfKick(), nil)
	return nil
}

// rules plans to deactivate the active script: unasked where it does what an intruder's does, else a person decides.
func (b *builder) rules(ctx context.Context) error {
	active, ok, err := b.activeScript(ctx)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, ErrNoSieve):
		b.warn(noSieveWarning(err))
	case err != nil:
		b.unread("sieve", err)
	case ok:
		verdict := b.cfg.Judge(active.Script.bytes())
		decision := containment.Unknown
		if verdict.Hostile {
			decision = containment.Take
		}
		b.add(stageSieve, kindSieve, active.Name, decision, textsOfSieve(active.Name, verdict), nil)
	}
	return nil
}

// rights plans to remove entries of access control lists of the account's own folders.
func (b *builder) rights(ctx context.Context) error {
	return b.withOwnFolders(ctx, "acl", func(m *mailbox, folders []string) error {
		if !m.caps["ACL"] {
			b.warn(noACLWarning())
			return nil
		}
		for _, folder := range folders {
			rights, err := m.aclOf(folder)
			var refusal *Refusal
			if errors.As(err, &refusal) || errors.Is(err, errKeeps) {
				b.unread("acl "+Quoted(folder), err)
				continue
			}
			if err != nil {
				return err
			}
			for _, identifier := range slices.Sorted(maps.Keys(rights)) {
				if rights[identifier] != "" && !b.owner(identifier) {
					b.add(stageACL, kindACL, Quoted(folder, identifier), b.decisionOn(identifier), textsOfACL(folder, identifier, rights[identifier]), nil)
				}
			}
		}
		return nil
	})
}

// owner says whether an entry is the account's own, takes rights away rather than giving some, or is the server's.
func (b *builder) owner(identifier string) bool {
	return strings.HasPrefix(identifier, "-") || identifier == "owner" || strings.EqualFold(identifier, b.cfg.Login) || strings.EqualFold(identifier, b.cfg.Account)
}

// decisionOn is unasked for entries that let in everybody or somebody outside of the own domains. Who is within may be meant
// to be there: servers do not say when an entry was made.
func (b *builder) decisionOn(identifier string) containment.Decision {
	domain := domainOf(identifier)
	switch {
	case identifier == "anyone" || identifier == "anonymous" || identifier == "authenticated":
		return containment.Take
	case domain != "" && !slices.ContainsFunc(b.domains, func(own string) bool {
		return own != "" && (strings.EqualFold(own, domain) || strings.HasSuffix(strings.ToLower(domain), "."+strings.ToLower(own)))
	}):
		return containment.Take
	}
	return containment.Unknown
}

func domainOf(address string) string {
	_, domain, _ := strings.Cut(address, "@")
	return domain
}

// withOwnFolders lists the account's own folders that hold messages, without what others share.
func (b *builder) withOwnFolders(ctx context.Context, what string, use func(m *mailbox, folders []string) error) error {
	err := b.withMail(ctx, false, func(m *mailbox) error {
		folders, err := m.folders()
		if err != nil {
			return err
		}
		return use(m, folders)
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var refusal *Refusal
	if errors.As(err, &refusal) || errors.Is(err, errKeeps) {
		b.unread(what, err)
		return nil
	}
	return err
}

func (m *mailbox) folders() ([]string, error) {
	_, foreign, err := m.namespaces()
	if err != nil {
		return nil, err
	}
	answer, err := m.do(imapwire.NewCommand("LIST").String("").String("*"))
	if err != nil {
		return nil, err
	}
	var folders []string
	for _, resp := range untagged(answer, "LIST") {
		s := resp.Scan()
		attributes, ok1 := s.Next()
		_, ok2 := s.Next()
		name, ok3 := s.Next()
		folder := string(name.Text())
		if !ok1 || !ok2 || !ok3 || folder == "" || slices.ContainsFunc(strings.Fields(strings.ToLower(string(attributes.Text()))), func(a string) bool {
			return a == `\noselect` || a == `\nonexistent`
		}) || slices.ContainsFunc(foreign, func(prefix string) bool { return strings.HasPrefix(folder, prefix) }) {
			continue
		}
		folders = append(folders, folder)
	}
	return folders, nil
}

// namespaces gives the prefix of the account's own folders, and those of others' (RFC 2342).
func (m *mailbox) namespaces() (own string, foreign []string, err error) {
	if !m.caps["NAMESPACE"] {
		return "", nil, nil
	}
	answer, err := m.do(imapwire.NewCommand("NAMESPACE"))
	if err != nil {
		return "", nil, err
	}
	for _, resp := range untagged(answer, "NAMESPACE") {
		s := resp.Scan()
		for class := range 3 {
			list, _ := s.Next()
			for i, prefix := range prefixes(list) {
				switch {
				case class == 0 && i == 0:
					own = prefix
				case class > 0 && prefix != "":
					foreign = append(foreign, prefix)
				}
			}
		}
	}
	return own, foreign, nil
}

func prefixes(list imapwire.Value) []string {
	if list.Kind != imapwire.List {
		return nil
	}
	var all []string
	s := list.Scan()
	for v, ok := s.Next(); ok; v, ok = s.Next() {
		if prefix, ok := v.Scan().Next(); ok {
			all = append(all, string(prefix.Text()))
		}
	}
	return all
}

// messages plans to move messages out of sight.
func (b *builder) messages(ctx context.Context) error {
	return b.withOwnFolders(ctx, "messages", func(m *mailbox, folders []string) error {
		if !m.caps["MOVE"] && !m.caps["IMAP4REV2"] {
			b.warn(noMoveWarning())
			return nil
		}
		prefix, _, err := m.namespaces()
		if err != nil {
			return err
		}
		b.folder = prefix + QuarantineName
		if b.o.Folder != "" {
			b.folder = b.o.Folder
		}
		for _, id := range b.o.Quarantine {
			if err := b.message(m, id, folders); err != nil {
				return err
			}
		}
		if slices.ContainsFunc(b.steps, func(s containment.Step) bool { return s.Kind == kindMessage }) {
			b.add(stageFolder, kindFolder, Quoted(b.folder), containment.Take, textsOfFolder(b.folder), nil)
		}
		return nil
	})
}

// message plans the steps for one Message-ID, one for each copy of the message.
func (b *builder) message(m *mailbox, id string, folders []string) error {
	found := 0
	for _, folder := range folders {
		if sameMailbox(folder, b.folder) {
			continue
		}
		o, err := m.open("EXAMINE", folder)
		if err != nil {
			var refusal *Refusal
			if !errors.As(err, &refusal) && !errors.Is(err, errKeeps) {
				return err
			}
			b.unread("messages "+Quoted(folder), err)
			continue
		}
		uids, err := m.byMessageID(id)
		if err != nil {
			return err
		}
		for _, uid := range uids {
			ok, err := b.copyOf(m, folder, o, uid, id)
			if err != nil {
				return err
			}
			if ok {
				found++
			}
		}
	}
	if found == 0 {
		b.warn(notFoundWarning(id))
	}
	return nil
}

// copyOf plans to move the message of a UID, where it is there.
func (b *builder) copyOf(m *mailbox, folder string, o opened, uid, id string) (bool, error) {
	_, _, _, ok, err := m.describe(folder, o, uid)
	if err != nil || !ok {
		return false, err
	}
	validity, err1 := strconv.ParseUint(o.validity, 10, 32)
	number, err2 := strconv.ParseUint(uid, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		return false, problemf("%s has UIDs that are no numbers", Quoted(folder))
	}
	target := MessageTarget(folder, uint32(validity), uint32(number))
	if slices.ContainsFunc(b.steps, func(s containment.Step) bool { return s.Kind == kindMessage && s.Target == target }) {
		return true, nil
	}
	b.add(stageMessage, kindMessage, target, containment.Take, textsOfMessage(folder, uid, id, b.folder),
		map[string]string{paramTo: Quoted(b.folder), paramMessageID: Quoted(id)})
	return true, nil
}

// CheckFolder refuses names for the quarantine folder that mean something else to a server.
func CheckFolder(name string) error {
	if name == "" || len(name) > 200 || strings.ContainsAny(name, `&*%"\`) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' }) {
		return fmt.Errorf("the folder %.60q has characters in its name that servers take for something else", name)
	}
	return nil
}
