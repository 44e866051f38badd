package workspace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/evidence"
)

// A Verdict says what came of asking one source.
type Verdict string

// The verdicts. What was not answered is never "not offered".
const (
	OK          Verdict = "ok"
	NotOffered  Verdict = "not-offered"  // with a user's own consent
	NotLicensed Verdict = "not-licensed" // Google says so, or the Directory that the user has no mailbox
	NotAsked    Verdict = "not-asked"    // it is read of things that another source lists
	NoScope     Verdict = "no-scope"     // not delegated, or not consented to
	NoRole      Verdict = "no-role"      // the administrator lacks a privilege
	NoAdmin     Verdict = "no-admin"     // none is named
	NoUser      Verdict = "no-user"
	NoAccess    Verdict = "no-access"  // key, credentials or consent are refused
	WrongClock  Verdict = "clock"      // this machine's is too far from Google's
	APIOff      Verdict = "api-off"    // in the project
	Suspended   Verdict = "suspended"  // and Google opens no mailbox of such
	NoMailbox   Verdict = "no-mailbox" // suspended, deleted or not licensed: the Directory does not say
	Refused     Verdict = "refused"    // any other no
	Busy        Verdict = "busy"
	Unreachable Verdict = "unreachable"
)

// A SourceCheck is what one source answered when it was asked once.
type SourceCheck struct {
	Resource string  `json:"resource"` // row of the coverage ledger; never changes between releases
	Verdict  Verdict `json:"verdict"`
	API      string  `json:"api,omitempty"`
	Scope    string  `json:"scope,omitempty"`
	Subject  string  `json:"subject,omitempty"` // for whom it was asked
	Detail   string  `json:"detail,omitempty"`  // in Google's words, where they are not ours; hostile
	KeptDays int     `json:"kept_days,omitempty"`
	Since    string  `json:"since,omitempty"` // the day before which nothing is kept any more
	Lag      string  `json:"lag,omitempty"`   // after which an event shows
	Hint     int     `json:"hint,omitempty"`  // which of the hints is about it, from 1

	source source
	err    error
}

// A PreflightHint is one thing to do, and about which sources.
type PreflightHint struct {
	Text    string   `json:"text"`
	Paste   []string `json:"paste,omitempty"` // scopes, to be pasted with commas between them
	URL     string   `json:"url,omitempty"`
	Sources []string `json:"sources,omitempty"`
}

// A PreflightReport is what a Workspace offers of an account, before anything is collected.
type PreflightReport struct {
	V        int             `json:"v"`
	At       time.Time       `json:"at"`
	Account  string          `json:"account"`
	Admin    string          `json:"admin,omitempty"`
	Access   string          `json:"access"`
	Project  string          `json:"project,omitempty"`
	Usable   bool            `json:"usable"`   // something can be read
	Complete bool            `json:"complete"` // nothing that is offered would be a gap
	Clock    evidence.Clock  `json:"clock"`
	Messages *int64          `json:"messages,omitempty"` // in the mailbox
	Quota    string          `json:"quota"`
	Expires  []string        `json:"expires"` // what is gone soon, in words
	Sources  []SourceCheck   `json:"sources"`
	Hints    []PreflightHint `json:"hints"`
}

// Count is how many sources have one of some verdicts.
func (p *PreflightReport) Count(verdicts ...Verdict) int {
	n := 0
	for _, s := range p.Sources {
		if slices.Contains(verdicts, s.Verdict) {
			n++
		}
	}
	return n
}

// ErrTooSlow says that Google did not answer for as long as Preflight was told to wait.
var ErrTooSlow = errors.New("the wait for Google took too long")

// Preflight asks each source of an account and of its tenant once, for its smallest page, and keeps and changes nothing.
// It waits for all together as long as patience says. The report is never nil; an error says why nothing at all can be
// read. A collector of few Tries is best: each of them waits.
func (c *Collector) Preflight(ctx context.Context, account string, patience time.Duration) (*PreflightReport, error) {
	p := &preflight{c: c, account: account, report: &PreflightReport{V: 1, At: c.cfg.Now().UTC().Truncate(time.Millisecond), Account: account,
		Admin: c.cfg.Admin, Access: c.access.name(), Project: c.access.project(), Sources: []SourceCheck{}, Hints: []PreflightHint{}}}
	if local, domain, _ := strings.Cut(account, "@"); local == "" || domain == "" {
		return p.report, fmt.Errorf("%s: workspace: %w", account, ErrAccount)
	}
	bounded, cancel := context.WithTimeoutCause(ctx, patience, ErrTooSlow)
	defer cancel()
	p.askAll(bounded)
	p.report.Clock = c.Clock()
	p.judge()
	p.report.Quota = p.quota()
	p.report.Expires = p.expires()
	p.hints()
	if ctx.Err() != nil {
		return p.report, context.Cause(ctx)
	}
	return p.report, p.err()
}

// A preflight is one run of Preflight.
type preflight struct {
	c       *Collector
	account string
	report  *PreflightReport
	user    preflightUser

	mu sync.Mutex // of user and report.Messages
}

// askAll asks all sources, side by side.
func (p *preflight) askAll(ctx context.Context) {
	account := p.c.newRun(collectors.Scope{Account: p.account}, nothing{})
	tenant := p.c.newRun(collectors.Scope{Account: TenantAccount(p.account)}, nothing{})
	slots := make(chan struct{}, parallel)
	var group sync.WaitGroup
	add := func(r *run, stages []stage) {
		for _, st := range stages {
			for _, s := range st.rows(r) {
				if slices.ContainsFunc(p.report.Sources, func(c SourceCheck) bool { return c.Resource == s.resource }) {
					continue
				}
				p.report.Sources = append(p.report.Sources, SourceCheck{Resource: s.resource, source: s})
			}
		}
	}
	add(account, p.c.accountStages())
	if p.c.cfg.MessagesOverIMAP != "" {
		p.report.Sources = append(p.report.Sources, SourceCheck{Resource: imapResource, API: p.c.cfg.MessagesOverIMAP, Scope: ScopeIMAP, Subject: p.account})
	}
	ofAccount := len(p.report.Sources)
	add(tenant, p.c.tenantStages())
	for i := range p.report.Sources {
		r := account
		if i >= ofAccount {
			r = tenant
		}
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if check := &p.report.Sources[i]; check.Resource == imapResource {
				p.tryIMAP(ctx, check)
			} else {
				p.ask(ctx, r, check)
			}
		})
	}
	group.Wait()
}

// imapResource is the row of Gmail's IMAP server, where messages are to be read from it.
const imapResource = "imap"

// tryIMAP gets the token for IMAP and, where somebody knows how, logs in with it.
func (p *preflight) tryIMAP(ctx context.Context, check *SourceCheck) {
	if _, check.err = p.c.tokens.get(ctx, grant{p.account, ScopeIMAP}); check.err != nil || p.c.cfg.TryIMAP == nil {
		return
	}
	if check.Detail, check.err = p.c.cfg.TryIMAP(ctx, p.account); check.err != nil {
		check.err = &failure{kind: ErrRefused, text: cut(check.err.Error(), longestWords)}
	}
}

// A preflightUser is what the Directory says of the user that explains refusals.
type preflightUser struct {
	Primary        string `json:"primaryEmail"`
	Suspended      bool   `json:"suspended"`
	IsMailboxSetup *bool  `json:"isMailboxSetup"` // nil: not said
}

// ask asks one source once.
func (p *preflight) ask(ctx context.Context, r *run, check *SourceCheck) {
	s := p.probe(check.source)
	check.Scope, check.Subject = s.scope, r.subject(s)
	p.outlook(check)
	note := p.c.withheld(s)
	switch {
	case note != "":
		check.Verdict, check.Detail = NotOffered, note
		return
	case s.path == "" || strings.ContainsAny(strings.ReplaceAll(s.path, "{user}", ""), "{}"):
		check.Verdict, check.Detail = NotAsked, "goes by what other sources list"
		return
	}
	check.API = s.api.facts().console
	if check.Subject == "" {
		check.err = ErrNoAdmin
		return
	}
	a, err := r.get(ctx, s, "")
	if err != nil && ctx.Err() != nil {
		err = &failure{kind: ErrLost, text: context.Cause(ctx).Error()}
	}
	check.err = err
	if err == nil {
		p.notice(s, a)
	}
}

// notice remembers what explains other answers.
func (p *preflight) notice(s source, a *answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch s.resource {
	case userResource:
		var said preflightUser
		if json.Unmarshal(a.json, &said) == nil {
			p.user = said
		}
	case profileResource:
		var said struct {
			Messages *int64 `json:"messagesTotal"`
		}
		if json.Unmarshal(a.json, &said) == nil {
			p.report.Messages = said.Messages
		}
	}
}

// probe is a source that asks for as little as its API gives. A log, which a collection reads span by span, is asked for
// what anybody did in the last day; a usage report for a day that is counted.
func (p *preflight) probe(s source) source {
	s.query = maps.Clone(s.query)
	for _, name := range []string{"maxResults", "pageSize"} {
		if s.query.Has(name) {
			s.query.Set(name, "1")
		}
	}
	if s.api != reports || s.path != "" {
		return s
	}
	if application, ok := strings.CutPrefix(s.resource, "reports/"); ok {
		s.path = "admin/reports/v1/activity/users/all/applications/" + application
		s.query = url.Values{"maxResults": {"1"}, "startTime": {p.report.At.AddDate(0, 0, -1).Format(time.RFC3339)}, "endTime": {p.report.At.Format(time.RFC3339)}}
		return s
	}
	s.path = "admin/reports/v1/usage/users/{user}/dates/" + p.report.At.AddDate(0, 0, -7).Format(time.DateOnly)
	s.query = url.Values{"maxResults": {"1"}}
	return s
}

// judge gives each source its verdict, which what the Directory says of the user may explain.
func (p *preflight) judge() {
	for i := range p.report.Sources {
		check := &p.report.Sources[i]
		if check.Verdict != "" {
			continue
		}
		check.Verdict = p.verdict(check)
		if check.err != nil {
			check.Detail = check.err.Error()
		}
		if check.Verdict == NotLicensed && errors.Is(check.err, ErrNoMailbox) {
			check.Detail = "no mailbox, says the Directory"
		}
		if check.Verdict == OK {
			p.report.Usable = true
		}
	}
	p.report.Complete = p.report.Count(OK, NotOffered, NotLicensed, NotAsked) == len(p.report.Sources)
}

func (p *preflight) verdict(check *SourceCheck) Verdict {
	if check.err == nil {
		return OK
	}
	if errors.Is(check.err, ErrNoMailbox) {
		user := p.user
		switch {
		case user.Suspended:
			return Suspended
		case user.IsMailboxSetup != nil && !*user.IsMailboxSetup:
			return NotLicensed
		}
		return NoMailbox
	}
	if errors.Is(check.err, ErrNotLicensed) || check.source.api == reports && notOffered(check.err) {
		return NotLicensed
	}
	if errors.Is(check.err, ErrNotAuthorised) && !check.source.api.facts().asUser {
		return NoRole
	}
	for _, k := range []struct {
		kind    error
		verdict Verdict
	}{
		{ErrDelegation, NoScope}, {ErrScope, NoScope}, {ErrUnticked, NoScope}, {ErrNoAdmin, NoAdmin}, {ErrSubject, NoUser}, {ErrKeyRefused, NoAccess},
		{ErrCredentials, NoAccess}, {ErrSigning, NoAccess}, {ErrSigningOff, NoAccess}, {ErrConsent, NoAccess}, {ErrClock, WrongClock}, {ErrAPIDisabled, APIOff},
		{ErrUnavailable, Busy}, {ErrLost, Unreachable}, {ErrDamaged, Unreachable},
	} {
		if errors.Is(check.err, k.kind) {
			return k.verdict
		}
	}
	return Refused
}

// outlook notes for how long Google keeps a log and after what time it shows an event, as its help pages say
// (support.google.com/a/answer/7061566) and people measure.
func (p *preflight) outlook(check *SourceCheck) {
	application, isLog := strings.CutPrefix(check.Resource, "reports/")
	switch {
	case !isLog && check.source.api == reports:
		check.Lag = "days"
	case isLog:
		check.KeptDays, check.Lag = 180, "30 min-3 h"
		switch application {
		case "gmail":
			check.KeptDays = 30
		case "admin", "chat", "chrome", "context_aware_access", "mobile", "token":
			check.Lag = "minutes"
		case "calendar":
			check.Lag = "up to 2 h"
		case "cloud_search":
			check.Lag = "hours"
		}
	}
	if check.KeptDays > 0 {
		check.Since = p.report.At.AddDate(0, 0, -check.KeptDays).Format(time.DateOnly)
	}
}

// quota says at what speed messages can be read, and how long those of the mailbox take. Which quota a project has no API
// tells: what is assumed is the lower one, of projects that did not use Gmail's API before May 2026.
func (p *preflight) quota() string {
	const perMinute, perMessage, perPage, page = 6000, 20, 5, 500
	text := fmt.Sprintf("not told by Google; taken to be that of projects made since May 2026: %d units a minute and mailbox, %d a message", perMinute, perMessage)
	if n := p.report.Messages; n != nil {
		minutes := (*n*perMessage + (*n/page+1)*perPage + perMinute - 1) / perMinute
		text += fmt.Sprintf("; %d messages take about %d min by it, a fifth of that in an older project", *n, minutes)
	}
	return text
}

// expires says what is gone soon.
func (p *preflight) expires() []string {
	lines := []string{}
	since := map[int][]string{}
	for _, s := range p.report.Sources {
		if s.KeptDays > 0 && s.Verdict == OK {
			since[s.KeptDays] = append(since[s.KeptDays], s.Resource)
		}
	}
	for _, days := range slices.Sorted(maps.Keys(since)) {
		of := since[days]
		which := strings.Join(of, ", ")
		if len(of) > 3 {
			which = fmt.Sprintf("%d logs", len(of))
		}
		lines = append(lines, fmt.Sprintf("%s: kept %d days; each day another is gone, now those before %s", which, days,
			p.report.At.AddDate(0, 0, -days).Format(time.DateOnly)))
	}
	if slices.ContainsFunc(p.report.Sources, func(s SourceCheck) bool { return s.Resource == profileResource && s.Verdict == OK }) {
		lines = append(lines, "history of the mailbox (deletions, moves): about a week, sometimes hours",
			"messages in Trash: 30 days after they came there; an administrator can restore them for about 25 days more")
	}
	return lines
}

// err says why nothing at all can be read; nil where something can.
func (p *preflight) err() error {
	if p.report.Usable {
		return nil
	}
	for _, s := range p.report.Sources {
		if s.err != nil && !errors.Is(s.err, ErrNoAdmin) {
			return errors.Join(fmt.Errorf("%s: workspace: %s: %w", p.account, p.c.access.name(), s.err), letIn(s.err))
		}
	}
	return fmt.Errorf("%s: workspace: %w", p.account, ErrNoAdmin)
}

// nothing is a sink that has nothing and takes nothing.
type nothing struct{}

func (nothing) Put(evidence.Exhibit, io.Reader) (evidence.Digest, error) {
	return evidence.Digest{}, errors.New("nothing is kept")
}
func (nothing) Gap(evidence.Gap) error            { return nil }
func (nothing) Expect(evidence.Expectation) error { return nil }
func (nothing) Has(_, _, _ string) bool           { return false }
