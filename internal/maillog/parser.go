package maillog

import (
	"encoding/json"
	"strings"
	"time"
)

// Why a line gave no event. A Summary counts by these.
const (
	ReasonEmpty        = "empty line"
	ReasonNoStamp      = "no time stamp"
	ReasonNoProgram    = "no program's name"
	ReasonOtherProgram = "not a mail server's"
	ReasonDebug        = "debugging"
	ReasonNoFormat     = "no known format"
	ReasonTooLong      = "too long"
	ReasonHeading      = "heading of a protocol log"
	ReasonNoMessage    = "journal record without a message"
	ReasonBadJSON      = "not the JSON of a journal"
)

// Options say what the lines themselves do not.
type Options struct {
	// Location is the zone of times that have none; nil where nobody knows it.
	Location *time.Location

	// Year is that of the first line without one, as Years finds it out. Later lines may turn it.
	Year int
}

// A Parser reads lines one by one. It remembers the year and the headings of protocol logs, and so belongs to one text.
type Parser struct {
	clock   clock
	formats map[family][]*Format
	columns *columns
	record  record // of the line being read; here, so that a line costs no memory of its own
}

// NewParser returns a parser for one text.
func NewParser(o Options) *Parser {
	return &Parser{clock: clock{location: o.Location, year: o.Year}, formats: byFamily()}
}

// Parse reads one line without its line break into e, whose strings are parts of line. A reason other than "" says why the
// line gives no event; e is then of no use.
func (p *Parser) Parse(line string, e *Event) (reason string) {
	*e = Event{}
	r := &p.record
	*r = record{}
	switch {
	case line == "":
		return ReasonEmpty
	case line[0] == '#' && p.heading(line):
		return ReasonHeading
	case line[0] == '{':
		return p.parseJSON(line, e)
	case p.columns != nil && isDigit(line[0]):
		var ok bool
		if r.stamp, _, ok = cutStamp(line); !ok {
			return ReasonNoStamp
		}
		r.family, r.text, r.columns = exchange, line, p.columns
		return p.parse(r, e)
	}
	if reason := cutRecord(line, r); reason != "" {
		if r.stamp.month != 0 && !r.stamp.hasYear {
			p.clock.at(r.stamp) // a line of another program turns the year as well
		}
		return reason
	}
	return p.parse(r, e)
}

// heading reads the lines in front of a protocol log.
func (p *Parser) heading(line string) bool {
	if c := cutFields(line); c != nil {
		p.columns = c
		return true
	}
	return strings.HasPrefix(line, "#Software: ") || strings.HasPrefix(line, "#Version: ") || strings.HasPrefix(line, "#Log-type: ") ||
		strings.HasPrefix(line, "#Date: ")
}

// parse tries the formats of the record's family.
func (p *Parser) parse(r *record, e *Event) (reason string) {
	stamped := false
	if r.stamp.month != 0 || !r.stamp.instant.IsZero() {
		e.Time, e.Inferred = p.clock.at(r.stamp)
		stamped = true
	}
	at, inferred := e.Time, e.Inferred
	if r.family == dovecot {
		var ok bool
		if r.dovecot, ok = cutProcess(r.text); ok && r.dovecot.debug {
			return ReasonDebug
		}
	}
	for _, f := range p.formats[r.family] {
		if !f.mayBe(r) {
			continue
		}
		*e = Event{Time: at, Inferred: inferred, Kind: f.Gives, Format: f.Name, Host: r.host, PID: r.pid}
		if !f.parse(r, e) {
			continue
		}
		if e.Process == "" {
			e.Process = r.tag
		}
		if !stamped {
			e.Time, e.Inferred = p.clock.at(r.stamp) // the format found the time elsewhere in the line
		}
		return ""
	}
	return ReasonNoFormat
}

// A journalLine is what is read of a record of the journal (systemd.journal-fields(7)) or of a container's log.
type journalLine struct {
	Message    json.RawMessage `json:"MESSAGE"`
	Identifier string          `json:"SYSLOG_IDENTIFIER"`
	Comm       string          `json:"_COMM"`
	SyslogPID  string          `json:"SYSLOG_PID"`
	PID        string          `json:"_PID"`
	Host       string          `json:"_HOSTNAME"`
	Realtime   string          `json:"__REALTIME_TIMESTAMP"`
	Source     string          `json:"_SOURCE_REALTIME_TIMESTAMP"`

	Log  *string `json:"log"` // Docker's json-file
	Time string  `json:"time"`
}

// parseJSON reads a line of journalctl -o json, or of a container's log.
func (p *Parser) parseJSON(line string, e *Event) (reason string) {
	var j journalLine
	if err := json.Unmarshal([]byte(line), &j); err != nil {
		return ReasonBadJSON
	}
	if j.Log != nil {
		return p.parseContainer(strings.TrimRight(*j.Log, "\r\n"), j.Time, e)
	}
	var text string
	if len(j.Message) > 0 && j.Message[0] == '[' { // bytes that are not UTF-8 come as numbers
		var raw []uint8
		var numbers []uint16
		if err := json.Unmarshal(j.Message, &numbers); err != nil {
			return ReasonBadJSON
		}
		for _, n := range numbers {
			raw = append(raw, byte(n))
		}
		text = string(raw)
	} else if err := json.Unmarshal(j.Message, &text); err != nil {
		return ReasonNoMessage
	}
	return p.parseJournal(journalRecord{message: text, identifier: j.Identifier, comm: j.Comm, pid: first(j.SyslogPID, j.PID), host: j.Host,
		realtime: first(j.Source, j.Realtime)}, e)
}

// parseContainer reads a line that a container wrote, with its own time or the container engine's.
func (p *Parser) parseContainer(line, at string, e *Event) (reason string) {
	var r record
	if cutRecord(line, &r) == "" {
		return p.parse(&r, e)
	}
	st, _, ok := cutStamp(at + " ")
	if !ok {
		return ReasonNoStamp
	}
	r = record{stamp: st}
	if reason := r.cutProgram(line, ""); reason != "" {
		return reason
	}
	return p.parse(&r, e)
}

// A journalRecord is one record of the journal.
type journalRecord struct {
	message, identifier, comm, pid, host, realtime string
}

func (p *Parser) parseJournal(j journalRecord, e *Event) (reason string) {
	if j.message == "" {
		return ReasonNoMessage
	}
	microseconds := parseCount(j.realtime)
	if microseconds <= 0 || microseconds > 1<<53 {
		return ReasonNoStamp
	}
	at := time.UnixMicro(microseconds).UTC()
	r := record{host: j.host, pid: j.pid, tag: first(j.identifier, j.comm), text: j.message,
		stamp: stamp{instant: at, hasYear: true, hasZone: true, year: at.Year()}}
	r.family = familyOf(r.tag, r.text)
	if r.family == "" {
		return ReasonOtherProgram
	}
	return p.parse(&r, e)
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
