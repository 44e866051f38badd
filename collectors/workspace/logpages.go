package workspace

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
)

const (
	logParallel = 10 // pages at once; Google's advice is to begin with ten threads

	// A span of which so many pages seem to be left is cut, into so many parts at the most, each of about so many pages.
	cutFrom, cutInto, cutPages = 8, 16, 4

	// partsOfRest is into how many parts the rest of a span is cut whose pages broke off.
	partsOfRest = 4
)

// A logReading reads the logs of one account, or of everybody.
type logReading struct {
	r      *run
	user   string // in the path: "{user}" or "all"
	window span
	logs   []*auditLog

	mu      sync.Mutex // guards what follows, and the logs
	wake    *sync.Cond
	waiting []chain
	busy    int
	err     error // why all reading ends
}

// An auditLog is one application's log, as far as it is read.
type auditLog struct {
	app            application
	pages          int64
	forAll         int64 // of the pages, those that are an answer for all users
	activities     int64
	open           int64 // spans that are not read to their end
	oldest, newest time.Time
	holes          []hole
}

// A hole is a span of which activities are missing.
type hole struct {
	of    span // the span whose pages broke off
	rest  span // what of it was not read
	page  int
	asked request
	err   error
}

// A chain is the pages of a span that are still to be read, one after the other: each names the next.
type chain struct {
	log    *auditLog
	span   span
	page   int       // the next one
	token  string    // of it; "" for the first
	oldest time.Time // of the page before
	rest   bool      // this span is part of what was left when another's pages broke off
}

// readLogs reads logs side by side, each of them in spans that are read side by side where it is long.
func (r *run) readLogs(ctx context.Context, apps []application, user string) error {
	earlier, err := r.c.recall(r.sink, r.scope.Account)
	if err != nil {
		return err
	}
	window, err := r.c.logWindow(r.scope.Since, r.scope.Until)
	if err != nil {
		return err
	}
	l := &logReading{r: r, user: user, window: window}
	l.wake = sync.NewCond(&l.mu)
	nobodys, err := l.nobodys(ctx, apps, earlier)
	if err != nil {
		return err
	}
	for _, app := range apps {
		log := &auditLog{app: app}
		l.logs = append(l.logs, log)
		if r.subject(source{api: reports}) == "" {
			log.holes = []hole{{of: window, rest: window, page: 1, err: ErrNoAdmin}}
			continue
		}
		for _, root := range app.roots(window) {
			empty := nobodys.of(app, root)
			if empty == nil || earlier[app.name] != nil { // of what was begun with this account, the rest is asked for in the same way
				l.resume(log, root, earlier[app.name], false)
				continue
			}
			err := l.keepForAll(log, root, empty)
			if ctx.Err() != nil || errors.Is(err, evidence.ErrStorage) {
				return errors.Join(ctx.Err(), err)
			}
			if err != nil {
				l.resume(log, root, nil, false)
			}
		}
	}
	if err := l.work(ctx); err != nil {
		return err
	}
	return l.rows(ctx)
}

// resume takes up a span where an earlier run left it.
func (l *logReading) resume(log *auditLog, s span, kept map[string]*keptSpan, rest bool) {
	k := kept[s.item()]
	if k == nil {
		l.push(chain{log: log, span: s, page: 1, rest: rest})
		return
	}
	log.pages += k.pages
	log.forAll += k.forAll
	log.count(k.activities, k.oldest, k.newest)
	left := span{s.from, k.oldest}
	switch {
	case k.parts > 0: // it was cut behind its last page
		for _, part := range s.behind(k.oldest).split(k.parts) {
			l.resume(log, part, kept, rest)
		}
	case k.whole:
	case left.from.Before(left.to) && anyWithin(kept, left, s): // its pages broke off, and reading went on by time
		for _, part := range left.split(partsOfRest) {
			l.resume(log, part, kept, true)
		}
	default:
		l.push(chain{log: log, span: s, page: int(k.pages) + 1, token: k.next, oldest: k.oldest, rest: rest})
	}
}

// behind is what is left of a span after a page whose oldest activity was of that time. What has that very time counts to
// what is left: there may be more of it.
func (s span) behind(oldest time.Time) span { return span{s.from, oldest.Truncate(edge).Add(edge)} }

func anyWithin(kept map[string]*keptSpan, left, but span) bool {
	for item, k := range kept {
		if item != but.item() && k.span.within(left) {
			return true
		}
	}
	return false
}

func (l *logReading) push(c chain) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.log.open++
	l.waiting = append(l.waiting, c)
	l.wake.Signal()
}

// work reads until nothing is left, or nothing more can be kept, or somebody stops it.
func (l *logReading) work(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var group sync.WaitGroup
	for range logParallel {
		group.Go(func() {
			for {
				c, ok := l.take()
				if !ok {
					return
				}
				err := l.read(ctx, c)
				if err != nil {
					cancel()
				}
				l.done(c, err)
			}
		})
	}
	group.Wait()
	return l.err
}

// take gives a chain to read; not ok means that there will be none any more.
func (l *logReading) take() (chain, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.err == nil && len(l.waiting) == 0 && l.busy > 0 {
		l.wake.Wait()
	}
	if l.err != nil || len(l.waiting) == 0 {
		return chain{}, false
	}
	c := l.waiting[0] // the logs in the order of the list, their cut parts after them
	l.waiting = l.waiting[1:]
	l.busy++
	return c, true
}

func (l *logReading) done(c chain, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.log.open--
	l.busy--
	if l.err == nil {
		l.err = err
	}
	l.wake.Broadcast()
}

// read reads a chain page by page. An error means that all reading ends: the context did, or nothing more can be kept.
func (l *logReading) read(ctx context.Context, c chain) error {
	s := l.source(c.log.app, c.span)
	first := map[[sha256.Size]byte]bool{} // digests of the activities that pages began with
	for ; ; c.page++ {
		a, err := l.r.get(ctx, s, c.token)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var p logPage
		if err == nil {
			p = l.look(a, c)
			if p.more && first[p.first] {
				err = fmt.Errorf("%w: page %d is one that was read before", ErrLoop, c.page)
			}
		}
		if err == nil {
			err = l.keep(s, a, c, &p)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, evidence.ErrStorage) {
			return err
		}
		if err != nil {
			l.broken(c, s, err)
			return nil
		}
		if p.parts > 0 {
			for _, part := range c.span.behind(p.oldest).split(p.parts) {
				l.push(chain{log: c.log, span: part, page: 1, rest: c.rest})
			}
			return nil
		}
		if p.next == "" {
			return nil
		}
		if p.more {
			first[p.first] = true
		}
		if p.next == c.token || c.page == pagesAtMost {
			c.oldest, c.page = p.oldest, c.page+1
			l.broken(c, s, fmt.Errorf("%w: page %d names itself as the next", ErrLoop, c.page-1))
			return nil
		}
		c.token, c.oldest = p.next, p.oldest
	}
}

// A logPage is what must be known of a page.
type logPage struct {
	next           string            // token of the next page
	first          [sha256.Size]byte // digest of the activity that the page begins with
	more           bool              // there is one, and another page behind it
	inside         int64             // activities of the span itself, each of which no other span counts
	oldest, newest time.Time
	ordered        bool // newest first
	parts          int  // into how many what is left is cut; 0 to follow the token
}

// A loggedAt is what is read of an activity to know where it belongs.
type loggedAt struct {
	ID struct {
		Time time.Time `json:"time"`
	} `json:"id"`
}

// look reads the times on a page, and decides how to go on behind it.
func (l *logReading) look(a *answer, c chain) logPage {
	p := logPage{next: a.next, ordered: true, oldest: c.oldest}
	if len(a.items) > 0 && a.next != "" {
		p.first, p.more = sha256.Sum256(a.items[0]), true
	}
	times := make([]time.Time, len(a.items))
	for i, item := range a.items {
		var one loggedAt
		if json.Unmarshal(item, &one) != nil || one.ID.Time.IsZero() {
			p.ordered = false
			p.inside++ // it belongs somewhere, and here is where it came
			continue
		}
		at := one.ID.Time
		if times[i] = at; !p.oldest.IsZero() && at.After(p.oldest) {
			p.ordered = false
		}
		if p.newest.IsZero() || at.After(p.newest) {
			p.newest = at
		}
		if p.oldest.IsZero() || at.Before(p.oldest) {
			p.oldest = at
		}
	}
	from := c.span.from
	if p.parts = l.cut(c, p, len(a.items)); p.parts > 0 {
		from = c.span.behind(p.oldest).to
	}
	for _, at := range times {
		if !at.IsZero() && !at.Before(from) && (at.Before(c.span.to) || c.span.to.Equal(l.window.to)) {
			p.inside++
		}
	}
	return p
}

// cut says into how many parts what is left of a span is cut to be read side by side, judging by how long a time the page
// covers; 0 means not to cut it.
func (l *logReading) cut(c chain, p logPage, items int) int {
	left := c.span.behind(p.oldest)
	if p.next == "" || !p.ordered || items < 2 || !left.to.Before(c.span.to) || !left.from.Before(left.to) {
		return 0
	}
	pages := int64(left.to.Sub(left.from) / max(p.newest.Sub(p.oldest), edge))
	if pages < cutFrom {
		return 0
	}
	return int(min(pages/cutPages, cutInto))
}

// keep makes an exhibit of a page. Its attributes are what a later run goes on by: they are written with the page, so that
// there is never a sign of a page that is not there.
func (l *logReading) keep(s source, a *answer, c chain, p *logPage) error {
	return l.keepAs(s, a, c, p, map[string]string{})
}

// keepAs is keep, with attributes beside its own.
func (l *logReading) keepAs(s source, a *answer, c chain, p *logPage, more map[string]string) error {
	a.more = more
	a.more["window"], a.more["activities"], a.more["page-of"] = l.window.item(), strconv.FormatInt(p.inside, 10), c.span.item()
	if !p.newest.IsZero() {
		a.more["newest"] = p.newest.UTC().Format(time.RFC3339Nano)
	}
	if !p.oldest.IsZero() {
		a.more["oldest"] = p.oldest.UTC().Format(time.RFC3339Nano)
	}
	switch {
	case p.parts > 0:
		a.more["cut"] = strconv.Itoa(p.parts)
		a.next = "" // of this span it is the last page
	case a.next != "":
		a.more["next"] = a.next
	}
	if err := l.r.keep(s, a, 1, c.page); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	c.log.pages++
	c.log.count(p.inside, p.oldest, p.newest)
	return l.r.expect(s, c.log.pages+c.log.open+int64(len(c.log.holes)), "")
}

func (log *auditLog) count(n int64, oldest, newest time.Time) {
	log.activities += n
	if !oldest.IsZero() && (log.oldest.IsZero() || oldest.Before(log.oldest)) {
		log.oldest = oldest
	}
	if newest.After(log.newest) {
		log.newest = newest
	}
}

// broken deals with a page that cannot be had. Behind one that was read, reading goes on by time, in parts, so that the hole
// is no larger than it must be; what cannot be had then is a hole.
func (l *logReading) broken(c chain, s source, err error) {
	left := c.span
	if c.page > 1 && !c.oldest.IsZero() {
		left.to = c.oldest
	}
	if goesOnByTime(err) && c.page > 1 && !c.rest && left.from.Before(left.to) {
		for _, part := range left.split(partsOfRest) {
			l.push(chain{log: c.log, span: part, page: 1, rest: true})
		}
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	c.log.holes = append(c.log.holes, hole{of: c.span, rest: left, page: c.page, asked: l.r.asks(s, c.token), err: err})
}

// goesOnByTime says whether another way to ask may bring what a page's token did not: a token may be old or broken. Where
// we are not let in, none does.
func goesOnByTime(err error) bool {
	var f *failure
	return class(err) == evidence.GapFailed || errors.As(err, &f) && f.status == http.StatusBadRequest
}
