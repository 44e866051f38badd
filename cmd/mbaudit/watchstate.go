package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/findings/watch"
	"github.com/mbaudit/mbaudit/internal/casefile"
)

// Names below CASE/watch.
const (
	watchName      = "watch"
	watchStateName = "state.json"
	watchTriedName = "tried.json"
)

// A watchState is CASE/watch/state.json: where the next run goes on. What was found is in the logbook, and only what has no line
// of its own there is here.
type watchState struct {
	V          int                  `json:"v"`
	Since      time.Time            `json:"since"`
	Indicators []string             `json:"indicators"` // what the logs were read for up to ReadUntil
	Logs       map[string]*watchLog `json:"logs"`
	Counted    []watch.Try          `json:"counted,omitempty"`     // hits without a line of their own
	CountedIDs map[string]int64     `json:"counted_ids,omitempty"` // of them, with their Unix times
}

// A watchLog is how far a log was read.
type watchLog struct {
	ReadUntil time.Time `json:"read_until"`            // everything before was read at least once
	DeepAt    time.Time `json:"looked_far_back_at"`    // when the last day was read again
	Failing   string    `json:"cannot_read,omitempty"` // why it could not be read on from there; in the logbook
}

func (s *watchState) at(app string) *watchLog {
	if s.Logs[app] == nil {
		s.Logs[app] = &watchLog{ReadUntil: s.Since}
	}
	return s.Logs[app]
}

// readState reads where an earlier run stopped. Something new to look for, or an earlier beginning, has the logs read again from
// their beginning: nobody looked for it there.
func (w *watching) readState() (*watchState, error) {
	wanted := make([]string, 0, len(w.list.Indicators()))
	for _, i := range w.list.Indicators() {
		wanted = append(wanted, i.String())
	}
	slices.Sort(wanted)
	fresh := &watchState{V: 1, Since: w.plan.since, Indicators: wanted, Logs: map[string]*watchLog{}}
	data, err := os.ReadFile(w.c.path(watchName, watchStateName))
	if errors.Is(err, fs.ErrNotExist) {
		return fresh, nil
	}
	if err != nil {
		return nil, err
	}
	var s watchState
	if err := json.Unmarshal(data, &s); err != nil || s.V != 1 {
		return nil, withHint(fmt.Errorf(w.c.words("%s cannot be read", "%s est illisible"), watchStateName),
			w.c.words("move the file away and type the command again: the logs are read again from the beginning, and the logbook knows what was found",
				"déplacez ce fichier et retapez la commande : les journaux sont relus depuis le début, et la main courante sait ce qui a été trouvé"))
	}
	w.goesOn = true
	w.journal.restore(s.Counted, s.CountedIDs)
	more := slices.ContainsFunc(wanted, func(i string) bool { return !slices.Contains(s.Indicators, i) })
	if !more && !w.plan.since.Before(s.Since) {
		if s.Logs == nil {
			s.Logs = map[string]*watchLog{}
		}
		s.Indicators = wanted
		return &s, nil
	}
	if s.Since.Before(fresh.Since) && w.opts.since == "" {
		fresh.Since = s.Since
	}
	w.say("%s", w.c.words("there is something new to look for: the logs are read again from ", "il y a du nouveau à chercher : les journaux sont relus à partir du ")+w.inZone(fresh.Since))
	w.goesOn = false            // what is looked for is said again
	w.journal.restore(nil, nil) // and what had no line of its own is counted again
	return fresh, nil
}

func (w *watching) writeState() error {
	w.state.Counted, w.state.CountedIDs = w.journal.counted.All(), w.journal.countedIDs
	return writeIndented(w.c.path(watchName, watchStateName), w.state)
}

// before is what no poll reads again: what came earlier than a day and a span before where the log was read to that is furthest
// behind.
func (s *watchState) before(now time.Time) time.Time {
	for _, l := range s.Logs {
		if l.ReadUntil.Before(now) {
			now = l.ReadUntil
		}
	}
	return now.Add(-watchDeepBack - watchSlice)
}

// from is where a poll of a log begins: so far before where it was read to as activities are late, and now and then a whole day.
func (l *watchLog) from(app string, since, now time.Time) (from time.Time, deep bool) {
	from = l.ReadUntil.Add(-lateness(app))
	if deep = now.Sub(l.DeepAt) >= watchDeepEvery; deep && now.Add(-watchDeepBack).Before(from) {
		from = now.Add(-watchDeepBack)
	}
	if from.Before(since) {
		from = since
	}
	return from, deep
}

// A watchRecord is what was found, of all runs.
type watchRecord struct {
	seen       map[string]bool // ids of what has a line in the logbook
	tried      *watch.Tried
	flood      *watch.Flood
	counted    *watch.Tried
	countedIDs map[string]int64
	uncounted  int64 // beyond the most ids that are remembered
}

// maxCounted bounds how many hits without a line of their own are told apart.
const maxCounted = 200_000

// recallWatch reads what earlier runs wrote into the logbook.
func recallWatch(c *openCase) (*watchRecord, error) {
	m := &watchRecord{seen: map[string]bool{}, tried: watch.NewTried(nil), flood: watch.NewFlood()}
	m.restore(nil, nil)
	f, err := os.Open(c.path(casefile.JournalName))
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	for e, err := range journal.Read(f) {
		var broken *journal.BrokenError
		if err != nil && !errors.As(err, &broken) {
			return nil, fmt.Errorf("reading the journal: %w", err)
		}
		if h, ok := hitOf(e); ok && !m.seen[h.ID] {
			m.flood.Note(h)
			m.learn(h)
		}
	}
	return m, nil
}

func (m *watchRecord) restore(counted []watch.Try, ids map[string]int64) {
	m.counted, m.countedIDs = watch.NewTried(counted), ids
	if ids == nil {
		m.countedIDs = map[string]int64{}
	}
}

func (m *watchRecord) has(id string) bool {
	_, counted := m.countedIDs[id]
	return m.seen[id] || counted
}

func (m *watchRecord) learn(h *watch.Hit) {
	m.seen[h.ID] = true
	m.tried.Add(h)
}

func (m *watchRecord) count(h *watch.Hit) {
	if len(m.countedIDs) >= maxCounted {
		m.uncounted++
		return
	}
	m.countedIDs[h.ID] = h.Time.Unix()
	m.counted.Add(h)
}

// forget drops ids of what is not read again any more.
func (m *watchRecord) forget(before time.Time) {
	m.flood.Forget(before)
	for id, at := range m.countedIDs {
		if at < before.Unix() {
			delete(m.countedIDs, id)
		}
	}
}

// all sums up who was tried, with and without lines in the logbook.
func (m *watchRecord) all() []watch.Try {
	return watch.Merge(m.tried, m.counted).All()
}

// A hit in the logbook: what a later run needs to know it again.
const watchHit = "hit"

func (w *watching) noteHit(h *watch.Hit, bundle, exhibit string) error {
	var by []string
	for _, i := range h.Indicators {
		by = append(by, i.String())
	}
	indicators, err := json.Marshal(by)
	if err != nil {
		return err
	}
	kind := journal.Detection
	if h.Verdict == watch.User {
		kind = journal.Information
	}
	_, err = w.c.journal.Append(journal.Entry{Type: kind, Auto: true, EventTime: h.Time, Informant: "mbaudit", Recorder: w.c.Operator.Name, Account: h.Account,
		Description: w.sentence(h), Evidence: []string{exhibit}, Ref: map[string]string{"watch": watchHit, "activity": h.ID, "application": h.Application,
			"time": h.Time.Format(time.RFC3339Nano), "unique_id": short(h.Qualifier), "event": short(strings.Join(h.Events, ",")), "ip": short(h.IP), "indicators": string(indicators),
			"verdict": string(h.Verdict), "from": short(h.Indicators[0].From), "bundle": bundle}})
	if err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	return nil
}

// short bounds what a stranger puts into a line of the logbook.
func short(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) > 500 {
		s = strings.ToValidUTF8(s[:500], "") + "…"
	}
	return s
}

// hitOf reads what noteHit wrote.
func hitOf(e journal.Entry) (*watch.Hit, bool) {
	at, err := time.Parse(time.RFC3339Nano, e.Ref["time"])
	if e.Ref["watch"] != watchHit || e.Ref["activity"] == "" || err != nil {
		return nil, false
	}
	h := &watch.Hit{Verdict: watch.Verdict(e.Ref["verdict"]), Activity: watch.Activity{ID: e.Ref["activity"], Application: e.Ref["application"], Time: at,
		Qualifier: e.Ref["unique_id"], Account: e.Account, IP: e.Ref["ip"], Events: strings.Split(e.Ref["event"], ",")}}
	var by []string
	if json.Unmarshal([]byte(e.Ref["indicators"]), &by) != nil || len(by) == 0 {
		return nil, false
	}
	for _, one := range by {
		kind, value, _ := strings.Cut(one, " ")
		h.Indicators = append(h.Indicators, watch.Indicator{Kind: watch.Kind(kind), Value: value})
	}
	return h, true
}

// noteCounted writes one line about all that has none of its own.
func (w *watching) noteCounted() error {
	if w.counted == 0 {
		return nil
	}
	text := fmt.Sprintf(w.c.words("%d further activities of the watch list were counted and have no line of their own; the pages are kept, and %s has the accounts",
		"%d autres activités de la liste de surveillance ont été comptées sans ligne propre ; les pages sont conservées, et %s donne les comptes"), w.counted, watchTriedName)
	w.say("%s", text)
	return w.c.note(journal.Detection, text, map[string]string{"watch": "counted", "bundle": w.kept.id()})
}

// noteBegin writes down that somebody watches. Runs of a timer that go on write nothing.
func (w *watching) noteBegin() error {
	if w.resumed() {
		return nil
	}
	text := fmt.Sprintf(w.c.words("watching the logs %s of everybody from %s on for %d indicators", "surveillance des journaux %s de tous, à partir du %s, pour %d indicateurs"),
		strings.Join(w.opts.logs, ", "), w.inZone(w.state.Since), len(w.list.Indicators()))
	return w.c.note(journal.Collection, text, map[string]string{"watch": "begun", "accounts": strings.Join(w.plan.accounts, ",")})
}

func (w *watching) noteEnd(stopped bool) error {
	if w.opts.once && !stopped {
		return nil
	}
	text := fmt.Sprintf(w.c.words("watching ended: %d hits in this run, %d accounts tried up to now", "surveillance terminée : %d alertes lors de ce passage, %d comptes tentés à ce jour"), w.hits, len(w.journal.all()))
	if logs := w.incomplete(); len(logs) > 0 {
		text += w.c.words("; not read to the end: ", " ; non lus jusqu'au bout : ") + strings.Join(logs, ", ")
	}
	return w.c.note(journal.Collection, text, map[string]string{"watch": "ended"})
}
