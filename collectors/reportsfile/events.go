package reportsfile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/googlelog"
	"github.com/mbaudit/mbaudit/internal/logfiles"
)

// derivedBy names what made the derived exhibits. It grows when the same file may give other events.
const derivedBy = "googlelog 1"

// events gives a file's events as JSON Lines, part by part: Read ends with io.EOF when a part is full, and Next begins
// another.
type events struct {
	r       *run
	texts   *texts
	reader  *googlelog.Reader
	summary *summary
	text    *textSummary // of the one being read

	out   []byte
	at    int
	part  int64
	ended bool
}

// Read implements io.Reader.
func (x *events) Read(p []byte) (int, error) {
	for x.at == len(x.out) {
		if x.ended || x.part >= x.r.cfg.eventPart {
			return 0, io.EOF
		}
		if x.r.ctx.Err() != nil {
			return 0, context.Cause(x.r.ctx)
		}
		x.out, x.at = x.out[:0], 0
		for len(x.out) < 32<<10 && !x.ended {
			if err := x.step(); err != nil {
				return 0, err
			}
		}
		x.part += int64(len(x.out))
	}
	n := copy(p, x.out[x.at:])
	x.at += n
	return n, nil
}

// Next begins another part and says whether there is anything left for it.
func (x *events) Next() bool {
	x.part = 0
	return !x.ended
}

// step reads one record, or goes to the next text.
func (x *events) step() error {
	if x.reader == nil {
		return x.open()
	}
	rec, err := x.reader.Next()
	var not *googlelog.NotReadError
	switch {
	case err == nil:
		x.text.count(rec)
		x.out = x.record(x.out, rec)
	case errors.As(err, &not):
		x.text.notRead(not.Reason(), not.Offset, 1)
		x.text.Records++
	case errors.Is(err, io.EOF):
		x.close("")
	case x.r.ctx.Err() != nil, errors.Is(err, logfiles.ErrChanged):
		return err
	default:
		x.close(logfiles.ReasonOf(err).Error())
	}
	return nil
}

// open begins the next text; behind the last one it makes sure that the file is still what was kept.
func (x *events) open() error {
	member, text, err := x.texts.next()
	if errors.Is(err, io.EOF) {
		x.ended = true
		return x.texts.unchanged()
	}
	if x.r.ctx.Err() != nil || errors.Is(err, logfiles.ErrChanged) {
		return err
	}
	x.text = &textSummary{Member: member, Applications: map[string]int64{}, NotRead: map[string]*notRead{}, Inferred: map[string]int64{}, About: map[string]int64{}}
	x.summary.Texts = append(x.summary.Texts, x.text)
	if err != nil {
		x.text.Broken = logfiles.ReasonOf(err).Error()
		x.ended = true
		return nil
	}
	x.reader = googlelog.NewReader(text, googlelog.Options{Location: x.r.cfg.Location, MaxRecord: x.r.cfg.maxRecord})
	return nil
}

// close ends a text. broken is why before its end.
func (x *events) close(broken string) {
	x.text.Form = x.reader.Form()
	x.text.Pages, x.text.Announcing, x.text.More = x.reader.Pages()
	x.text.Broken = broken
	if broken == "" && x.text.Form == "empty" {
		x.text.Broken = "there is nothing in it, not even an empty answer"
	}
	x.reader = nil
}

// A notRead counts records that could not be read for one reason.
type notRead struct {
	Count int64 `json:"count"`
	First int64 `json:"first_offset"`
}

// A textSummary says what was read in a file, or in a member of a zip.
type textSummary struct {
	Member       string              `json:"member,omitempty"`
	Form         string              `json:"form"`
	Records      int64               `json:"records"`
	Events       int64               `json:"events"`
	First        string              `json:"first,omitempty"` // of the times
	Last         string              `json:"last,omitempty"`
	NoTime       int64               `json:"without_time,omitempty"` // records
	Inferred     map[string]int64    `json:"inferred,omitempty"`     // records, by what was inferred of their time
	Applications map[string]int64    `json:"applications"`           // events
	About        map[string]int64    `json:"about,omitempty"`        // events, by account
	Duplicates   int64               `json:"duplicates"`
	Identical    int64               `json:"identical,omitempty"`
	Unremembered int64               `json:"not_remembered,omitempty"` // events by which duplicates cannot be known
	Pages        int64               `json:"pages,omitempty"`
	Announcing   int64               `json:"pages_announcing_another,omitempty"`
	More         bool                `json:"more_announced,omitempty"`
	NotRead      map[string]*notRead `json:"not_read,omitempty"`
	Broken       string              `json:"broken,omitempty"`
	first, last  time.Time
}

// A summary says what was read in a file.
type summary struct {
	V      int             `json:"v"`
	Source string          `json:"source"`
	SHA256 evidence.Digest `json:"file_sha256"`
	Parser string          `json:"parser"`
	Zone   string          `json:"zone,omitempty"` // of times without one
	Parts  int64           `json:"event_parts"`
	Texts  []*textSummary  `json:"texts"`
}

// maxApplications bounds what a hostile file puts into the summary.
const maxApplications = 200

func (t *textSummary) count(rec *googlelog.Record) {
	t.Records++
	t.Events += int64(len(rec.Events))
	application := cut(rec.Application, 100, nil)
	if _, known := t.Applications[application]; !known && len(t.Applications) >= maxApplications {
		application = "(others)"
	}
	t.Applications[application] += int64(len(rec.Events))
	if rec.TooMany > 0 {
		t.notRead(fmt.Sprintf("events beyond the %dth of one activity", googlelog.MaxEvents), rec.Offset, int64(rec.TooMany))
	}
	if rec.Inferred != 0 {
		t.Inferred[rec.Inferred.String()]++
	}
	if rec.Time.IsZero() {
		t.NoTime++
		return
	}
	if t.first.IsZero() || rec.Time.Before(t.first) {
		t.first, t.First = rec.Time, stamp(rec)
	}
	if rec.Time.After(t.last) {
		t.last, t.Last = rec.Time, stamp(rec)
	}
}

func (t *textSummary) notRead(reason string, offset, count int64) {
	if t.NotRead[reason] == nil {
		t.NotRead[reason] = &notRead{First: offset}
	}
	t.NotRead[reason].Count += count
}

// stamp writes a time, without a zone where nobody knows it.
func stamp(rec *googlelog.Record) string {
	if rec.Inferred&googlelog.ZoneUnknown != 0 {
		return rec.Time.Format("2006-01-02T15:04:05.999999999")
	}
	return rec.Time.Format(time.RFC3339Nano)
}

// maxText is how many bytes of an address or a name are written.
const maxText = 4096

// cut shortens s at a character's end and notes that it did.
func cut(s string, most int, noted *bool) string {
	if len(s) <= most {
		return s
	}
	if noted != nil {
		*noted = true
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most] + "…"
}

// record writes a line for each of a record's events.
func (x *events) record(b []byte, rec *googlelog.Record) []byte {
	from := len(b)
	same := map[uint64]uint64{}
	for i := range rec.Events {
		full := i == 0 || len(b)-from < 4*rec.Size+1<<20
		b = x.event(b, rec, i, full, same)
	}
	return b
}

// event writes one line.
func (x *events) event(b []byte, rec *googlelog.Record, i int, full bool, same map[uint64]uint64) []byte {
	e := &rec.Events[i]
	shortened := false
	field := func(name, value string) {
		if value != "" {
			b = append(append(append(b, `,"`...), name...), `":`...)
			b = googlelog.AppendText(b, cut(value, maxText, &shortened))
		}
	}
	number := func(name string, n int64) {
		b = strconv.AppendInt(append(append(append(b, `,"`...), name...), `":`...), n, 10)
	}
	b = googlelog.AppendText(append(b, `{"source":`...), x.summary.Source)
	field("member", x.text.Member)
	number("offset", rec.Offset)
	number("record", rec.Number)
	if rec.Row > 0 {
		number("row", rec.Row)
	}
	number("event", int64(i))
	number("events", int64(len(rec.Events)+rec.TooMany))
	if !rec.Time.IsZero() {
		field("time", stamp(rec))
	}
	if rec.Time.IsZero() || rec.Zone != "Z" || rec.Form != "activity" {
		field("time_text", rec.TimeText)
		field("zone", rec.Zone)
	}
	field("inferred", rec.Inferred.String())
	field("application", rec.Application)
	field("type", e.Type)
	field("name", e.Name)
	field("actor_email", rec.Email)
	if full {
		field("actor_profile_id", rec.ProfileID)
		field("actor_key", rec.Key)
		field("actor_caller_type", rec.CallerType)
		field("ip", rec.IP)
		field("customer", rec.Customer)
		b = appendRaw(b, "network", rec.Network)
		b = appendRaw(b, "resources", rec.Resources)
		b = appendFields(b, "other", rec.Other)
	} else {
		b = append(b, `,"context":"first event"`...)
	}
	field("qualifier", rec.Qualifier)
	at := len(b)
	b = appendFields(b, "parameters", e.Parameters)
	if len(e.Odd) > 0 {
		b = append(b, `,"parameters_odd":[`...)
		for n, odd := range e.Odd {
			if n > 0 {
				b = append(b, ',')
			}
			b = googlelog.AppendCompact(b, odd)
		}
		b = append(b, ']')
	}
	b = appendFields(b, "event_other", e.Other)
	what := b[at:]
	if word := x.duplicate(rec, e, what, same); word != "" {
		field("duplicate", word)
	}
	b = x.about(b, rec, what)
	if shortened {
		b = append(b, `,"cut":true`...)
	}
	if rec.Replaced {
		b = append(b, `,"invalid_utf8":true`...)
	}
	return append(b, '}', '\n')
}

func appendRaw(b []byte, name string, value []byte) []byte {
	if len(value) == 0 || string(value) == "null" {
		return b
	}
	return googlelog.AppendCompact(append(append(append(b, `,"`...), name...), `":`...), value)
}

// appendFields writes an object. Of a name that comes twice, the second one gets a number.
func appendFields(b []byte, name string, fields []googlelog.Field) []byte {
	if len(fields) == 0 {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `":{`...)
	seen := make(map[string]int, len(fields))
	for n, f := range fields {
		if n > 0 {
			b = append(b, ',')
		}
		title := f.Name
		for seen[title] > 0 {
			seen[f.Name]++
			title = fmt.Sprintf("%s (%d)", f.Name, seen[f.Name])
		}
		seen[title]++
		b = googlelog.AppendText(b, title)
		b = googlelog.AppendCompact(append(b, ':'), f.Value)
	}
	return append(b, '}')
}

// duplicate says whether an event was in this collection already, and by what that is known.
func (x *events) duplicate(rec *googlelog.Record, e *googlelog.Event, what []byte, same map[uint64]uint64) string {
	var h maphash.Hash
	h.SetSeed(x.r.seed)
	actor, at := rec.ProfileID, rec.TimeText
	if !rec.Time.IsZero() { // tools write the same time with more or fewer digits
		at = strconv.FormatInt(rec.Time.UnixNano(), 10)
	}
	if actor == "" {
		actor = rec.Email
	}
	for _, part := range []string{rec.Customer, rec.Application, at, rec.Qualifier, actor, rec.IP, e.Type, e.Name} {
		h.WriteString(part) //nolint:errcheck // it never fails
		h.WriteByte(0)      //nolint:errcheck // it never fails
	}
	h.Write(what) //nolint:errcheck // it never fails
	key := h.Sum64()
	n := same[key]
	same[key] = n + 1
	key += n * 0x9e3779b97f4a7c15 // the same thing several times in one activity
	if _, known := x.r.known[key]; !known {
		if len(x.r.known) >= x.r.cfg.maxKnown {
			x.text.Unremembered++
			return ""
		}
		x.r.known[key] = struct{}{}
		return ""
	}
	if rec.Qualifier == "" {
		x.text.Identical++
		return "identical"
	}
	x.text.Duplicates++
	return "event"
}

// An account is one under examination, prepared for comparing.
type account struct {
	name, folded, domain string
	quoted               []byte
}

func prepare(names []string) []account {
	var list []account
	for _, name := range names {
		folded := strings.ToLower(name)
		_, domain, _ := strings.Cut(folded, "@")
		list = append(list, account{name, folded, domain, googlelog.AppendText(nil, folded)})
	}
	return list
}

// about says which accounts an event concerns.
func (x *events) about(b []byte, rec *googlelog.Record, what []byte) []byte {
	low := bytes.ToLower(what)
	if len(rec.Resources) > 0 {
		low = append(low, bytes.ToLower(rec.Resources)...)
	}
	found, own := 0, false
	_, domain, _ := strings.Cut(strings.ToLower(rec.Email), "@")
	for i := range x.r.accounts {
		a := &x.r.accounts[i]
		own = own || a.domain != "" && a.domain == domain
		as := ""
		switch {
		case strings.EqualFold(rec.Email, a.folded):
			as = "actor"
		case bytes.Contains(low, a.quoted):
			as = "target"
		case mentioned(low, a.folded):
			as = "mentioned"
		default:
			continue
		}
		if found++; found == 1 {
			b = append(b, `,"about":[`...)
		} else {
			b = append(b, ',')
		}
		b = googlelog.AppendText(append(b, `{"account":`...), a.name)
		b = append(append(append(b, `,"as":"`...), as...), `"}`...)
		x.text.About[a.name]++
	}
	switch {
	case found > 0:
		b = append(b, ']')
	case own:
		b = append(b, `,"own_domain":true`...)
	}
	return b
}

// mentioned says whether an address stands in a text, and not as a part of a longer one.
func mentioned(text []byte, address string) bool {
	for {
		i := bytes.Index(text, []byte(address))
		if i < 0 {
			return false
		}
		end := i + len(address)
		if (i == 0 || !inAddress(text[i-1])) && endsAddress(text[end:]) {
			return true
		}
		text = text[i+1:]
	}
}

// endsAddress says whether an address ends in front of rest: a dot behind it may end a sentence.
func endsAddress(rest []byte) bool {
	rest = bytes.TrimPrefix(rest, []byte("."))
	return len(rest) == 0 || !inAddress(rest[0])
}

func inAddress(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 0x80 || strings.IndexByte("._%+-@", c) >= 0
}

// keepDerived puts what is read in a file, names what is not, and puts the summary last.
func (r *run) keepDerived(f *file) error {
	x := &events{r: r, texts: &texts{r: r, f: f}, summary: &summary{V: 1, Source: f.Item, SHA256: f.digest, Parser: derivedBy}}
	defer x.texts.close()
	if r.cfg.Location != nil {
		x.summary.Zone = r.cfg.Location.String()
	}
	done := r.sink.Has(r.account, r.resource("report-summary"), f.Item)
	for again := true; again; again = x.Next() {
		x.summary.Parts++
		item := f.Item
		if x.summary.Parts > 1 {
			item += "#" + strconv.FormatInt(x.summary.Parts, 10)
			r.parts++
			if err := r.expectDerived(); err != nil {
				return err
			}
		}
		if ok, err := r.keepPart(f, x, item); err != nil || !ok {
			return err
		}
	}
	if done { // read once more for the duplicates in later files only
		return nil
	}
	for _, t := range x.summary.Texts {
		if err := r.notAll(f, t); err != nil {
			return err
		}
	}
	body, err := json.MarshalIndent(x.summary, "", "  ")
	if err != nil {
		return err
	}
	_, err = r.sink.Put(r.derived(f, "report-summary", f.Item, f.kept+"~summary.json", "application/json"), bytes.NewReader(append(body, '\n')))
	return err
}

func (r *run) derived(f *file, kind, item, name, media string) evidence.Exhibit {
	return evidence.Exhibit{
		Account: r.account, Collector: r.Name(), Resource: r.resource(kind), Item: item, Name: name, MediaType: media,
		FetchedAt: time.Now().UTC(), Request: "parse " + f.Item,
		Attrs: map[string]string{"derived": derivedBy, "derived-from": r.resource("reports") + " " + f.Item, "source-sha256": f.digest.String(), "source-name": f.kept},
	}
}

// keepPart puts one exhibit of events. One that an earlier run has put is made again, for what comes behind it.
func (r *run) keepPart(f *file, x *events, item string) (ok bool, err error) {
	if r.sink.Has(r.account, r.resource("report-events"), item) {
		_, err = io.Copy(io.Discard, x)
	} else {
		name := f.kept + "~events"
		if x.summary.Parts > 1 {
			name += strconv.FormatInt(x.summary.Parts, 10)
		}
		_, err = r.sink.Put(r.derived(f, "report-events", item, name+".jsonl", "application/x-ndjson"), x)
	}
	if err == nil {
		return true, nil
	}
	if errors.Is(err, evidence.ErrStorage) || r.ctx.Err() != nil {
		return false, err
	}
	reason := "reading it once more: " + logfiles.ReasonOf(err).Error()
	return false, errors.Join(r.gap("report-events", item, classOf(err), reason), r.gap("report-summary", f.Item, classOf(err), reason))
}

// notAll names what of a text was not read, or was never in it.
func (r *run) notAll(f *file, t *textSummary) error {
	item := f.Item
	if t.Member != "" {
		item += "!" + t.Member
	}
	var all []error
	if t.Broken != "" {
		all = append(all, r.gap("report-events", item+" (the rest)", evidence.GapInvalid, fmt.Sprintf("after %d records: %s; the file is kept as it is", t.Records, t.Broken)))
	}
	if t.More {
		all = append(all, r.gap("report-events", item+" (more pages)", evidence.GapUnaccounted,
			"the file says that there is more: its last page of activities.list announces another one, which is not there"))
	}
	if len(t.NotRead) > 0 {
		all = append(all, r.gap("report-events", item+" (not read)", evidence.GapInvalid, t.reasons()))
	}
	return errors.Join(all...)
}

// reasons says how many records were not read, why, and where the first one is.
func (t *textSummary) reasons() string {
	var b strings.Builder
	fmt.Fprintf(&b, "of %d records some were not read; the file is kept as it is", t.Records)
	for _, reason := range sorted(t.NotRead) {
		n := t.NotRead[reason]
		fmt.Fprintf(&b, "; %d: %s, the first at offset %d", n.Count, reason, n.First)
	}
	return b.String()
}

func sorted(m map[string]*notRead) []string { return slices.Sorted(maps.Keys(m)) }
