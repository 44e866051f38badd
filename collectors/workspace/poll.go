package workspace

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/evidence"
)

// watchPrefix begins the resources of pages that were kept because something of a watch list is on them. They are not those
// of a log that was read whole, and no rule takes them for one.
const watchPrefix = "watch/"

// How long to look back for activities that come late. What Google's help gives in words is taken generously; where it says
// nothing, people measure half an hour to three hours.
const (
	lateMinutes = 15 * time.Minute
	lateUsual   = 3 * time.Hour
	lateHours   = 6 * time.Hour
)

// ErrApplication says that the Reports API has no log of that name.
var ErrApplication = errors.New("there is no log of that name")

// Lateness is for how long an activity of an application is usually not to be seen yet. Rare ones come later still.
func Lateness(app string) time.Duration {
	for _, a := range applications() {
		if a.name != app {
			continue
		}
		switch a.lag {
		case lagMinutes:
			return lateMinutes
		case lagHours:
			return lateHours
		}
	}
	return lateUsual
}

// GoogleNow is the time by Google's clock, as far as its answers told; by our own before the first one.
func (c *Collector) GoogleNow() time.Time { return c.googleNow() }

// A LogPage is one page of what everybody did in an application.
type LogPage struct {
	Application string
	From, To    time.Time
	Number      int    // 1 is the newest
	JSON        []byte // the answer, unpacked where the server compressed it

	run    *run
	source source
	answer *answer
}

// Poll reads what everybody did in an application between two times, the newest page first, and hands over each page. The span
// may be 30 days at most. An error is of page, of the context, or says why the rest of the span was not read: whoever polls
// reads the span again then.
func (c *Collector) Poll(ctx context.Context, app string, from, to time.Time, page func(*LogPage) error) error {
	i := slices.IndexFunc(applications(), func(a application) bool { return a.name == app })
	if i < 0 {
		return fmt.Errorf("%w: %q", ErrApplication, app)
	}
	s := span{from.UTC().Truncate(time.Millisecond), to.UTC().Truncate(time.Millisecond)}
	if !s.from.Before(s.to) || s.to.Sub(s.from) > longestGmail {
		return fmt.Errorf("%w, or more than 30 days: %s", ErrWindow, s)
	}
	r := c.newRun(collectors.Scope{Account: TenantAccount(c.cfg.Admin)}, nil)
	l := &logReading{r: r, user: everybody, window: s}
	asked := l.source(applications()[i], s)
	if r.subject(asked) == "" {
		return ErrNoAdmin
	}
	return r.poll(ctx, app, asked, s, page)
}

func (r *run) poll(ctx context.Context, app string, asked source, s span, page func(*LogPage) error) error {
	seen := map[[sha256.Size]byte]bool{}
	for number, token := 1, ""; ; number++ {
		a, err := r.get(ctx, asked, token)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && notOffered(err):
			return fmt.Errorf("%w: %w", ErrNotLicensed, err)
		case err != nil && number > 1:
			return fmt.Errorf("page %d and what follows it: %w", number, err)
		case err != nil:
			return err
		}
		if err := page(&LogPage{Application: app, From: s.from, To: s.to, Number: number, JSON: a.json, run: r, source: asked, answer: a}); err != nil {
			return err
		}
		if a.next == "" {
			return nil
		}
		digest := sha256.Sum256([]byte(a.next))
		if seen[digest] || number == pagesAtMost {
			return fmt.Errorf("%w: page %d names one that was read before as the next", ErrLoop, number)
		}
		seen[digest], token = true, a.next
	}
}

// Fetched is when the page began to arrive.
func (p *LogPage) Fetched() time.Time { return p.answer.at.UTC() }

// Resource is the row of the ledger that the page is under where it is kept, and Account whose it is: the whole tenant's.
func (p *LogPage) Resource() string { return watchPrefix + p.Application }

// Account stands for the whole tenant.
func (p *LogPage) Account() string { return p.run.scope.Account }

// Keep makes an exhibit of the page, its bytes as they were received.
func (p *LogPage) Keep(sink collectors.Sink) error {
	item := p.Fetched().Format(stampForm) + "/" + span{p.From, p.To}.item() + "/" + strconv.Itoa(p.Number)
	name := fmt.Sprintf("%s/watch/%s/%s~page-%d.json", evidence.SafeName(p.Account()), p.Application, p.Fetched().Format(stampForm), p.Number)
	attrs := p.run.attributes(p.source, p.answer, p.Number)
	maps.Copy(attrs, map[string]string{"page-of": span{p.From, p.To}.item(), "kept-because": "something of a watch list is on this page; others of the log were read and not kept"})
	media := contentTypeAPI
	if p.answer.packed != "" {
		attrs["encoding"] = p.answer.packed
		name, media = name+".gz", "application/gzip"
	}
	_, err := sink.Put(evidence.Exhibit{Account: p.Account(), Collector: p.run.c.Name(), Resource: p.Resource(), Item: item, Name: name, MediaType: media,
		FetchedAt: p.answer.at, Request: p.answer.request.String(), Attrs: attrs}, bytes.NewReader(p.answer.body))
	return err
}

// Partial writes into a sink that of an application's log only pages with something of the list are there.
func Partial(sink collectors.Sink, account, app string, at time.Time) error {
	return sink.Gap(evidence.Gap{Account: account, Collector: "workspace", Resource: watchPrefix + app, Item: "other pages", Class: evidence.GapUnaccounted,
		Request: "GET admin/reports/v1/activity/users/" + everybody + "/applications/" + url.PathEscape(app), At: at,
		Reason: "while watching, only the pages are kept that have something of the watch list on them: this is not the whole log; mbaudit collect reads that"})
}
