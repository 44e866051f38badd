package workspace

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/evidence"
)

// recalled is what a sink holds of logs from earlier runs.
type recalled struct {
	end   time.Time                                  // of the window
	spans map[string]map[string]map[string]*keptSpan // by account, application and the span's item
}

// A keptSpan is what is kept of a span's pages.
type keptSpan struct {
	span           span
	pages          int64
	forAll         int64 // of the pages, those that are an answer for all users
	activities     int64
	oldest, newest time.Time
	next           string // token of the page behind the last that is kept
	whole          bool   // its last page is kept
	parts          int    // into how many what was left was cut behind its last page
	last           int    // number of the last page that is kept
}

// A logMemory is what the logs of one collection have in common.
type logMemory struct {
	mu      sync.Mutex
	end     time.Time // of the window, once it is known
	sink    collectors.Sink
	earlier *recalled       // what sink held when it was first asked
	begun   map[string]bool // accounts whose pages may have come since
}

// recall finds out what earlier runs kept of an account's logs. The sink is asked once for all accounts, and again for one
// that was begun already. A sink that cannot tell is taken to be new.
func (c *Collector) recall(sink collectors.Sink, account string) (map[string]map[string]*keptSpan, error) {
	m := &c.logMemory
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sink != sink || m.begun[account] {
		r := &recalled{spans: map[string]map[string]map[string]*keptSpan{}}
		if held, ok := sink.(collectors.Recaller); ok {
			for record, err := range held.Records() {
				if err != nil {
					return nil, err
				}
				if x := record.Exhibit; x != nil && x.Collector == c.Name() {
					r.add(&x.Exhibit)
				}
				if g := record.Gap; g != nil && g.Collector == c.Name() && strings.HasPrefix(g.Resource, logPrefix) {
					r.log(g.Account, strings.TrimPrefix(g.Resource, logPrefix))
				}
			}
		}
		m.sink, m.earlier, m.begun = sink, r, map[string]bool{}
	}
	if m.end.IsZero() {
		m.end = m.earlier.end
	}
	m.begun[account] = true
	spans := m.earlier.spans[account]
	delete(m.earlier.spans, account)
	return spans, nil
}

// log is what is kept of a log; of one that has but a gap it is empty, and there.
func (r *recalled) log(account, app string) map[string]*keptSpan {
	if r.spans[account] == nil {
		r.spans[account] = map[string]map[string]*keptSpan{}
	}
	if r.spans[account][app] == nil {
		r.spans[account][app] = map[string]*keptSpan{}
	}
	return r.spans[account][app]
}

// add takes up one exhibit, if it is a page of a log.
func (r *recalled) add(x *evidence.Exhibit) {
	app, isLog := strings.CutPrefix(x.Resource, logPrefix)
	window, hasWindow := parseSpan(x.Attrs["window"])
	s, hasSpan := parseSpan(x.Attrs["page-of"])
	if !isLog || !hasWindow || !hasSpan {
		return
	}
	r.end = window.to
	log := r.log(x.Account, app)
	k := log[s.item()]
	if k == nil {
		k = &keptSpan{span: s}
		log[s.item()] = k
	}
	k.pages++
	if x.Attrs[saysAll] != "" {
		k.forAll++
	}
	n, _ := strconv.ParseInt(x.Attrs["activities"], 10, 64) // we wrote it
	k.activities += n
	if at, err := time.Parse(time.RFC3339Nano, x.Attrs["newest"]); err == nil && at.After(k.newest) {
		k.newest = at
	}
	if at, err := time.Parse(time.RFC3339Nano, x.Attrs["oldest"]); err == nil && (k.oldest.IsZero() || at.Before(k.oldest)) {
		k.oldest = at
	}
	if page, _ := strconv.Atoi(x.Attrs["page"]); page > k.last {
		k.last, k.next = page, x.Attrs["next"]
		k.parts, _ = strconv.Atoi(x.Attrs["cut"]) // none is 0
	}
	k.whole = k.whole || x.Item == s.item()
}
