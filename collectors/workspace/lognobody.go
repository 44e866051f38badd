package workspace

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Of several accounts, a log in which nobody of the tenant has anything need not be asked for account by account, at a tenth of
// the pace: one answer for all users says of each of them that there is nothing. Google's page says of the user in the path
// that the data is filtered for him, and that "all" is all information.

// saysAll marks the exhibits that are such an answer: it is kept with each account that it speaks for, so that the account's
// row is what it would be if Google had been asked for that account alone.
const (
	saysAll   = "asked-for"
	everyUser = "all users of the customer at once"
)

// askAllAfter is how old such an answer is at the most when an account's logs are begun: a collection of many accounts takes
// hours, in which late activities show up.
const askAllAfter = 10 * time.Minute

// An emptyLogs holds, by logs and their spans, the answers that say that nobody has anything there.
type emptyLogs map[[2]string]*answer

// of gives the answer for a span of a log; nil where each account is to be asked.
func (e emptyLogs) of(app application, s span) *answer { return e[[2]string{app.name, s.item()}] }

// Several tells the collector, before it reads the first, how many accounts it will be asked to read. Of several, a log that is
// empty for all users of the customer is asked for once, and not for each of them.
func (c *Collector) Several(accounts int) { c.several = accounts }

// nobodys finds out which spans nobody has anything in, for all accounts of a customer whose logs are begun within a few minutes.
// It gives nothing where there is but one account, and where the Directory does not say which customer the account belongs to: the
// administrator's own need not be it. The error is that the collection was stopped.
func (l *logReading) nobodys(ctx context.Context, apps []application, earlier map[string]map[string]*keptSpan) (emptyLogs, error) {
	r := l.r
	begun := !slices.ContainsFunc(apps, func(a application) bool { return earlier[a.name] == nil })
	if begun || r.c.several < 2 || l.user == everybody || r.subject(source{api: reports}) == "" {
		return nil, nil
	}
	if r.customer() == "" {
		if _, err := r.record(ctx); ctx.Err() != nil || err != nil || r.customer() == "" {
			return nil, ctx.Err()
		}
	}
	since := r.c.cfg.Now().Truncate(askAllAfter).String()
	return r.c.nobodys.get(ctx, l.window.item()+" "+since, r.customer(), func() (emptyLogs, error) {
		found, asked, err := l.askForAll(ctx, apps)
		if err == nil {
			r.c.sayLogsAgain(asked, len(found))
		}
		return found, err
	})
}

// askForAll asks for the time of one activity of each span, whoever's it is. A span of which Google has one, or gives no answer,
// is not in what is found: there each account is asked for.
func (l *logReading) askForAll(ctx context.Context, apps []application) (found emptyLogs, asked int, err error) {
	all := &logReading{r: l.r, user: everybody, window: l.window}
	var sources []source
	for _, app := range apps {
		for _, root := range app.roots(l.window) {
			s := all.source(app, root)
			s.query = maps.Clone(s.query)
			s.query.Set("maxResults", "1")
			s.query.Set("fields", "kind,nextPageToken,items/id/time") // who and what is nobody's business here
			s.query.Set("customerId", l.r.customer())
			sources = append(sources, s)
		}
	}
	var mu sync.Mutex
	found = emptyLogs{}
	err = l.r.sideBySide(ctx, slices.Values(sources), func(ctx context.Context, s source) error {
		a, err := l.r.get(ctx, s, "")
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil && a.isEmptyLog() {
			mu.Lock()
			defer mu.Unlock()
			found[[2]string{strings.TrimPrefix(s.resource, logPrefix), s.item}] = a
		}
		return nil
	})
	return found, len(sources), err
}

// isEmptyLog says whether an answer is a list of activities without any, and the last page of it: a page without activities
// that names another one says nothing.
func (a *answer) isEmptyLog() bool {
	var list struct {
		Kind string `json:"kind"`
	}
	return a.next == "" && len(a.items) == 0 && json.Unmarshal(a.json, &list) == nil && list.Kind == "admin#reports#activities"
}

// keepForAll keeps the answer for all users as the one page of a span of this account's.
func (l *logReading) keepForAll(log *auditLog, s span, a *answer) error {
	own := *a // other accounts keep the same
	c := chain{log: log, span: s, page: 1}
	if err := l.keepAs(l.source(log.app, s), &own, c, &logPage{}, map[string]string{saysAll: everyUser}); err != nil {
		return err
	}
	log.forAll++
	return nil
}

// sayLogsFirst says once, before anything is read, how long the logs of all accounts take, where it is minutes. It is not known yet
// which logs are empty.
func (c *Collector) sayLogsFirst(since, until time.Time) {
	if c.cfg.NoLogs || c.cfg.EmergencyOnly || c.cfg.Admin == "" || c.consent() != nil {
		return
	}
	c.saidLogs.Do(func() {
		requests, window := 0, c.windowUntil(c.cfg.Now(), since, until)
		for _, app := range applications() {
			requests += len(app.roots(window))
		}
		if least, _ := c.leastForLogs(requests); least >= time.Minute {
			c.longLogs = true
			c.sayLogs(requests, "unless some are empty for all users")
		}
	})
}

// sayLogsAgain says it once more, when it is known.
func (c *Collector) sayLogsAgain(asked, empty int) {
	c.saidEmpty.Do(func() {
		if c.longLogs {
			c.sayLogs(asked-empty, fmt.Sprintf("now that of %d parts of logs %d are known to be empty for all users", asked, empty))
		}
	})
}

func (c *Collector) sayLogs(perAccount int, when string) {
	least, aMinute := c.leastForLogs(perAccount)
	takes := "less than a minute"
	if least >= time.Minute {
		takes = strings.TrimSuffix(least.String(), "0s") + " at the least"
	}
	c.cfg.Say(fmt.Sprintf("the logs of %d accounts take %s, %s: %d requests, %d for each account, of which Google's quota lets through %.0f a minute",
		c.several, takes, when, c.several*perAccount, perAccount, aMinute))
}

// leastForLogs is how many minutes so many requests for the logs of each account take at the least by Google's quota, which
// lets so many through in a minute.
func (c *Collector) leastForLogs(perAccount int) (least time.Duration, aMinute float64) {
	filtered := c.cfg.Quota.charges(source{resource: logPrefix, api: reports}, "")[0].limit // whose period is a minute
	return time.Duration(float64(c.several*perAccount)/filtered.units) * filtered.period, filtered.units
}
