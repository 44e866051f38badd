package workspace

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/googlelog"
)

// AgainResource is the row of what a collection of logs says against an earlier one, one exhibit for each account.
const AgainResource = "reports-again"

// ErrNoLogs says that an earlier bundle holds no log that could be read again.
var ErrNoLogs = errors.New("it holds no logs of a Google Workspace")

// An Again is an earlier bundle whose logs are read once more, and what came since.
type Again struct {
	Bundle   string
	SealedAt time.Time
	From, To time.Time // between which times it asked for activities

	held collectors.Recaller
	logs *logIndex
}

// NewAgain finds the logs in an earlier bundle. held is asked again by Compare.
func NewAgain(bundle string, sealedAt time.Time, held collectors.Recaller) (*Again, error) {
	logs, err := indexLogs(held)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", bundle, err)
	}
	if len(logs.pages) == 0 {
		return nil, fmt.Errorf("%s: %w", bundle, ErrNoLogs)
	}
	return &Again{Bundle: bundle, SealedAt: sealedAt, From: logs.window.from, To: logs.window.to, held: held, logs: logs}, nil
}

// A logKey names a log in a bundle.
type logKey struct{ account, app string }

// A logIndex says where the pages of the logs in a bundle are, and what is missing.
type logIndex struct {
	window span // the widest that was asked for
	pages  map[logKey][]pageAt
	holes  map[logKey][]span
}

type pageAt struct {
	exhibit string
	stored  *evidence.StoredExhibit
}

// indexLogs finds the pages of logs, and the gaps that nothing has filled since.
func indexLogs(held collectors.Recaller) (*logIndex, error) {
	x := &logIndex{pages: map[logKey][]pageAt{}, holes: map[logKey][]span{}}
	gaps := map[logKey]map[string]bool{}
	memory := &recalled{spans: map[string]map[string]map[string]*keptSpan{}}
	for r, err := range held.Records() {
		if err != nil {
			return nil, err
		}
		switch {
		case r.Gap != nil && strings.HasPrefix(r.Gap.Resource, logPrefix):
			key := logKey{r.Gap.Account, strings.TrimPrefix(r.Gap.Resource, logPrefix)}
			if gaps[key] == nil {
				gaps[key] = map[string]bool{}
			}
			gaps[key][r.Gap.Item] = true
		case r.Exhibit != nil && strings.HasPrefix(r.Exhibit.Resource, logPrefix):
			window, ok := parseSpan(r.Exhibit.Attrs["window"])
			if !ok {
				continue
			}
			if x.window.from.IsZero() || window.from.Before(x.window.from) {
				x.window.from = window.from
			}
			if window.to.After(x.window.to) {
				x.window.to = window.to
			}
			key := logKey{r.Exhibit.Account, strings.TrimPrefix(r.Exhibit.Resource, logPrefix)}
			x.pages[key] = append(x.pages[key], pageAt{r.ID(), r.Exhibit})
			memory.add(&r.Exhibit.Exhibit)
		}
	}
	for key, items := range gaps {
		for item := range items {
			if hole, open := holeOf(item, memory.spans[key.account][key.app]); open {
				x.holes[key] = append(x.holes[key], hole)
			}
		}
	}
	return x, nil
}

// holeOf is what a gap leaves unread: of its span what is older than the pages that came. One without a span is all.
func holeOf(item string, came map[string]*keptSpan) (hole span, open bool) {
	of, ok := parseSpan(item)
	if !ok {
		return span{to: time.Unix(1<<40, 0)}, true
	}
	k := came[item]
	switch {
	case k == nil:
		return of, true
	case k.whole:
		return of, false
	}
	return span{of.from, k.oldest.Add(edge)}, true
}

func (x *logIndex) inHole(key logKey, at time.Time) bool {
	return len(x.pages[key]) == 0 || slices.ContainsFunc(x.holes[key], func(h span) bool { return !at.Before(h.from) && at.Before(h.to) })
}

// An AgainReport says how the logs of one account differ from those of an earlier bundle. It is derived: both bundles hold
// the pages.
type AgainReport struct {
	V            int           `json:"v"`
	Account      string        `json:"account"`
	Bundle       string        `json:"earlier_bundle"`
	SealedAt     time.Time     `json:"earlier_sealed_at"`
	From         time.Time     `json:"earlier_from"`
	To           time.Time     `json:"earlier_to"`
	Until        time.Time     `json:"until"` // up to which this bundle read
	Key          string        `json:"key"`   // by what an activity is known again
	Late         int           `json:"late"`  // of all logs
	Missing      int           `json:"missing"`
	Applications []AgainOfALog `json:"applications"`
}

// An AgainOfALog is about one application's log.
type AgainOfALog struct {
	Application string `json:"application"`
	Earlier     int    `json:"earlier"` // activities in the earlier bundle
	Now         int    `json:"now"`     // in this one
	Same        int    `json:"same"`    // in both
	Since       int    `json:"since"`   // that happened after what the earlier bundle asked for

	Late    []AgainActivity `json:"late"`    // only in this one, although the earlier one asked for their time
	Missing []AgainActivity `json:"missing"` // only in the earlier one, although this one asked for their time

	UnreadThen  int `json:"unread_then"`  // only in this one: the earlier one has a gap there
	UnreadNow   int `json:"unread_now"`   // only in the earlier one: this one has a gap there
	Expired     int `json:"expired"`      // only in the earlier one: so old that Google need not keep them any more
	NotReadable int `json:"not_readable"` // records on pages that are no activities
}

// An AgainActivity names an activity and the page that it stands on.
type AgainActivity struct {
	Time      string   `json:"time"`
	Qualifier string   `json:"unique_qualifier"`
	Customer  string   `json:"customer_id"`
	Actor     string   `json:"actor,omitempty"`
	Events    []string `json:"events"`
	Exhibit   string   `json:"exhibit"`
}

// againKey explains googlelog.Identity.
const againKey = "time, uniqueQualifier, applicationName, customerId, actor, and the events' types and names"

// Compare holds what sink has of the logs against the earlier bundle of Config.Again, puts what differs into sink, one
// exhibit for each account, and returns it. The sink must be a collectors.Recaller.
func (c *Collector) Compare(sink collectors.Sink) ([]AgainReport, error) {
	held, ok := sink.(collectors.Recaller)
	if !ok {
		return nil, errors.New("comparing logs: the bundle cannot be read back")
	}
	now, err := indexLogs(held)
	if err != nil {
		return nil, fmt.Errorf("comparing logs: %w", err)
	}
	var reports []AgainReport
	for _, account := range accountsOf(now, c.cfg.Again.logs) {
		report, err := c.compareAccount(account, held, now)
		if err == nil {
			err = c.keepReport(report, sink)
		}
		if err != nil {
			return reports, fmt.Errorf("%s: comparing logs: %w", account, err)
		}
		reports = append(reports, *report)
	}
	return reports, nil
}

// accountsOf lists whose logs are in bundles, sorted.
func accountsOf(bundles ...*logIndex) []string {
	var all []string
	for _, x := range bundles {
		for key := range x.pages {
			all = append(all, key.account)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (c *Collector) compareAccount(account string, held collectors.Recaller, now *logIndex) (*AgainReport, error) {
	a := c.cfg.Again
	report := &AgainReport{V: 1, Account: account, Bundle: a.Bundle, SealedAt: a.SealedAt, From: a.From, To: a.To, Until: now.window.to, Key: againKey}
	for _, app := range applications() {
		key := logKey{account, app.name}
		if len(now.pages[key])+len(a.logs.pages[key]) == 0 {
			continue
		}
		one, err := c.compareLog(key, held, now)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", app.name, err)
		}
		report.Late += len(one.Late)
		report.Missing += len(one.Missing)
		report.Applications = append(report.Applications, one)
	}
	return report, nil
}

// A heldActivity is one of the earlier bundle's.
type heldActivity struct {
	at   time.Time
	seen bool // in this one too
}

// compareLog compares one log: of the earlier bundle some 50 bytes for each activity are in memory, of this one a page.
func (c *Collector) compareLog(key logKey, held collectors.Recaller, now *logIndex) (AgainOfALog, error) {
	a, result := c.cfg.Again, AgainOfALog{Application: key.app, Late: []AgainActivity{}, Missing: []AgainActivity{}}
	before := map[googlelog.Identity]*heldActivity{}
	broken, err := eachActivity(a.held, a.logs.pages[key], func(id googlelog.Identity, rec *googlelog.Record, _ string) {
		before[id] = &heldActivity{at: rec.Time}
	})
	if err != nil {
		return result, err
	}
	fresh := map[googlelog.Identity]bool{}
	brokenNow, err := eachActivity(held, now.pages[key], func(id googlelog.Identity, rec *googlelog.Record, exhibit string) {
		known := before[id]
		switch {
		case known != nil && !known.seen:
			known.seen = true
			result.Same++
		case known != nil, fresh[id]: // at the edge of two spans it comes with both
			return
		case rec.Time.After(a.To):
			result.Since++
		case a.logs.inHole(key, rec.Time):
			result.UnreadThen++
		default:
			result.Late = append(result.Late, describe(rec, exhibit))
		}
		if known == nil {
			fresh[id] = true
		}
	})
	if err != nil {
		return result, err
	}
	result.Earlier, result.Now, result.NotReadable = len(before), result.Same+len(fresh), broken+brokenNow
	gone := map[googlelog.Identity]bool{}
	for id, one := range before {
		switch {
		case one.seen:
		case now.inHole(key, one.at):
			result.UnreadNow++
		case one.at.Before(now.window.to.Add(-keptAtLeast(key.app))):
			result.Expired++
		default:
			gone[id] = true
		}
	}
	if len(gone) == 0 {
		return result, nil
	}
	_, err = eachActivity(a.held, a.logs.pages[key], func(id googlelog.Identity, rec *googlelog.Record, exhibit string) {
		if gone[id] {
			result.Missing = append(result.Missing, describe(rec, exhibit))
			delete(gone, id)
		}
	})
	return result, err
}

// eachActivity reads pages one by one. broken is how many records on them are no activities.
func eachActivity(held collectors.Recaller, pages []pageAt, do func(googlelog.Identity, *googlelog.Record, string)) (broken int, err error) {
	for _, p := range pages {
		body, err := held.Body(p.stored)
		if err != nil {
			return broken, err
		}
		data, err := io.ReadAll(body)
		if err != nil {
			return broken, err
		}
		plain, err := unpack(data, p.stored.Attrs["encoding"])
		if err != nil {
			return broken, fmt.Errorf("%s cannot be unpacked", p.exhibit)
		}
		reader := googlelog.NewReader(bytes.NewReader(plain), googlelog.Options{})
		for {
			rec, err := reader.Next()
			var not *googlelog.NotReadError
			if errors.As(err, &not) {
				broken++
				continue
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				return broken, fmt.Errorf("reading %s: %w", p.exhibit, err)
			}
			do(rec.Identity(), rec, p.exhibit)
		}
	}
	return broken, nil
}

func describe(rec *googlelog.Record, exhibit string) AgainActivity {
	a := AgainActivity{Time: rec.TimeText, Qualifier: rec.Qualifier, Customer: rec.Customer, Actor: rec.Email, Events: []string{}, Exhibit: exhibit}
	if a.Actor == "" {
		a.Actor = rec.ProfileID + rec.Key
	}
	for _, e := range rec.Events {
		a.Events = append(a.Events, e.Type+"/"+e.Name)
	}
	return a
}

// keepReport puts a report into the sink, unless an earlier run did.
func (c *Collector) keepReport(report *AgainReport, sink collectors.Sink) error {
	note := fmt.Sprintf("%d late activities that bundle %s did not have; %d of its activities are not there any more", report.Late, report.Bundle, report.Missing)
	err := sink.Expect(evidence.Expectation{Account: report.Account, Collector: c.Name(), Resource: AgainResource, Count: 1, Note: note})
	if err != nil || sink.Has(report.Account, AgainResource, "") {
		return err
	}
	data, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return err
	}
	_, err = sink.Put(evidence.Exhibit{Account: report.Account, Collector: c.Name(), Resource: AgainResource,
		Name: evidence.SafeName(report.Account) + "/" + AgainResource + ".json", MediaType: contentTypeAPI, FetchedAt: c.cfg.Now(),
		Attrs: map[string]string{"derived": "made from the pages of logs in this bundle and in the earlier one", "derived-from": report.Bundle,
			"late": fmt.Sprint(report.Late), "missing": fmt.Sprint(report.Missing)}}, bytes.NewReader(append(data, '\n')))
	return err
}
