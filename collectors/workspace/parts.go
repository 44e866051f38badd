package workspace

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/mbaudit/mbaudit/collectors"
)

// A Part is what of an account is read into one bundle.
type Part int

// The parts. Emergency is the dozen that changes or vanishes first, Rest all that is not in it, and again what of it was
// not had.
const (
	Whole Part = iota
	Emergency
	Rest
)

// A Reader reads a part of accounts. It implements collectors.Collector, and reads several accounts side by side.
type Reader struct {
	c    *Collector
	part Part
}

// Part is the collector of a part of each account.
func (c *Collector) Part(p Part) Reader { return Reader{c, p} }

// Name implements collectors.Collector.
func (rd Reader) Name() string { return rd.c.Name() }

// stages are the stages of a part.
func (rd Reader) stages() []stage {
	all := rd.c.accountStages()
	switch {
	case rd.c.cfg.Again != nil: // there is nothing in it that changes
	case rd.part == Emergency:
		return all[:1]
	case rd.part == Rest:
		return append([]stage{againStage()}, all[1:]...)
	}
	return all
}

// againStage are the sources of the emergency part that another run did not get.
func againStage() stage {
	return ofRun("what was not had", func(r *run) []source {
		return slices.DeleteFunc(emergencySources(), func(s source) bool { return !slices.Contains(r.again, s.resource) })
	})
}

// Collect implements collectors.Collector: it reads the part of one account.
func (rd Reader) Collect(ctx context.Context, scope collectors.Scope, sink collectors.Sink) error {
	r, stages := rd.c.newRun(scope, sink), rd.stages()
	r.part = rd.part
	rd.c.sayLogsFirst(scope.Since, scope.Until)
	err := r.checkAccount()
	if rd.part == Rest {
		r.recall()
	}
	if err == nil {
		err = r.announce(stages)
	}
	if err == nil {
		err = r.enter(ctx, r.firstAsked(stages))
	}
	if err == nil {
		err = r.readStages(ctx, stages)
	}
	if rd.part == Emergency {
		r.remember()
	}
	rd.c.tokens.drop(scope.Account)
	if err != nil {
		return fmt.Errorf("%s: workspace: %w", scope.Account, err)
	}
	return nil
}

// firstAsked are the sources of the first stage of which it is known for whom and by which scope they are asked.
func (r *run) firstAsked(stages []stage) []source {
	for _, st := range stages {
		rows := slices.DeleteFunc(st.rows(r), func(s source) bool { return s.scope == "" || slices.Contains(r.again, s.resource) }) // what was refused before may be so again
		if len(rows) > 0 {
			return rows
		}
	}
	return nil
}

// Missed writes down, for an account that could not be collected, each row that is not there, and why: a gap, so that the
// ledger of many accounts has every row of every account.
func (rd Reader) Missed(scope collectors.Scope, sink collectors.Sink, cause error) error {
	r := rd.c.newRun(scope, sink)
	cause = &oneLine{cause}
	if rd.part == Emergency {
		defer r.remember()
	}
	for _, st := range rd.stages() {
		for _, s := range st.rows(r) {
			if sink.Has(scope.Account, s.resource, s.item) {
				continue
			}
			if err := r.expect(s, 1, ""); err != nil {
				return err
			}
			if err := r.gap(s, 1, request{}, cause); err != nil {
				return err
			}
		}
	}
	return nil
}

// oneLine is an error of several in one line of text.
type oneLine struct{ error }

func (e *oneLine) Error() string { return strings.ReplaceAll(e.error.Error(), "\n", "; ") }

func (e *oneLine) Unwrap() error { return e.error }

func (r *run) checkAccount() error {
	if local, domain, _ := strings.Cut(r.scope.Account, "@"); local == "" || domain == "" {
		return ErrAccount
	}
	return nil
}

// What was learned of accounts while their emergency part was read, and explains what the rest says.
type learned struct {
	mu       sync.Mutex
	accounts map[string]*lesson
}

// A lesson is what an account's record, list of addresses and profile say.
type lesson struct {
	user   *userState // nil: not read
	sendAs *listing   // nil: not read
	newest uint64     // history id of the profile; 0: not read
	missed []string   // resources that have a gap
}

func (l *learned) at(account string) *lesson {
	if l.accounts == nil {
		l.accounts = map[string]*lesson{}
	}
	if l.accounts[account] == nil {
		l.accounts[account] = &lesson{}
	}
	return l.accounts[account]
}

// remember keeps what this run learned for the one that reads the rest.
func (r *run) remember() {
	r.c.learned.mu.Lock()
	defer r.c.learned.mu.Unlock()
	one := r.c.learned.at(r.scope.Account)
	one.user, one.sendAs, one.newest = r.user, r.lists[sendAsResource], r.mail.historyID()
	one.missed = slices.Sorted(maps.Keys(r.gaps))
}

// recall takes what an earlier run learned. It is not needed again afterwards.
func (r *run) recall() {
	r.c.learned.mu.Lock()
	defer r.c.learned.mu.Unlock()
	one := r.c.learned.at(r.scope.Account)
	r.user, r.mail.newest, r.again = one.user, one.newest, one.missed
	if one.sendAs != nil {
		r.lists[sendAsResource] = one.sendAs
	}
	delete(r.c.learned.accounts, r.scope.Account)
}

// Recalls says whether an exhibit of the emergency part teaches what the rest needs.
func Recalls(resource, item string) bool {
	return item == "" && (resource == userResource || resource == sendAsResource || resource == profileResource)
}

// Recall teaches what an exhibit of the emergency part says, where another run read it: the rest is then read as if this one
// had. encoding is the exhibit's attribute of that name. What cannot be read teaches nothing.
func (c *Collector) Recall(account, resource, encoding string, body []byte) {
	s := source{resource: resource}
	if resource == sendAsResource {
		s = sendAs()
	}
	a := &answer{body: body, packed: encoding}
	if a.parse(s) != nil {
		return
	}
	r := c.newRun(collectors.Scope{Account: account}, nil)
	r.notice(s, a)
	r.hear(s, 1, a)
	r.heard(s, nil)
	c.learned.mu.Lock()
	defer c.learned.mu.Unlock()
	one := c.learned.at(account)
	if r.user != nil {
		one.user = r.user
	}
	if l := r.lists[sendAsResource]; l != nil {
		one.sendAs = l
	}
	if id := r.mail.historyID(); id != 0 {
		one.newest = id
	}
}

// RecallGap teaches that the emergency part has a gap of a resource, where another run read it: the rest asks for it again.
func (c *Collector) RecallGap(account, resource string) {
	c.learned.mu.Lock()
	defer c.learned.mu.Unlock()
	one := c.learned.at(account)
	if !slices.Contains(one.missed, resource) {
		one.missed = append(one.missed, resource)
	}
}

// learn asks for what is not known of the user, to explain what Gmail refused. The answer is an exhibit of another run.
func (r *run) learn(ctx context.Context) {
	elsewhere := r.part == Rest || r.c.cfg.Again != nil || r.sink.Has(r.scope.Account, userResource, "")
	if r.user != nil || r.c.cfg.Admin == "" || !elsewhere {
		return
	}
	for _, s := range emergencySources() {
		if s.resource != userResource {
			continue
		}
		a, err := r.get(ctx, s, "")
		if err != nil {
			r.mail.failed(s.resource, err)
			return
		}
		r.notice(s, a)
	}
}

// parseUser reads what of a user's record explains refusals; nil where it is no record.
func parseUser(text []byte) *userState {
	var said userState
	if json.Unmarshal(text, &said) != nil {
		return nil
	}
	return &said
}

// drop forgets the access tokens of a user, who is not asked for any more: many accounts cost no more memory than few.
func (t *tokens) drop(subject string) {
	if subject == t.c.cfg.Admin {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for g := range t.held {
		if g.subject == subject {
			delete(t.held, g)
		}
	}
}
