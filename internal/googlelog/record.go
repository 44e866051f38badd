package googlelog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// An Inference says what of a time is not the source's own word.
type Inference byte

// The inferences.
const (
	ZoneGiven   Inference = 1 << iota // the zone is Options.Location or that of the column's title
	ZoneUnknown                       // nobody knows the zone: the time is the clock's that wrote it
	DayFirst                          // 03/04 was read as the third of April because the titles are not English
	MonthFirst                        // 03/04 was read as the fourth of March because the titles are English
)

// String lists what was inferred.
func (i Inference) String() string {
	var all []string
	for _, one := range []struct {
		Inference
		name string
	}{{ZoneGiven, "zone"}, {ZoneUnknown, "zone unknown"}, {DayFirst, "day before month"}, {MonthFirst, "month before day"}} {
		if i&one.Inference != 0 {
			all = append(all, one.name)
		}
	}
	return strings.Join(all, ",")
}

// A Record is an activity: what one person, program or rule did at one time, as one event or as several.
type Record struct {
	Form   string // "activity", "bigquery" or "csv"
	Number int64  // of the record in the text, 1 for the first, those that cannot be read counted too
	Offset int64  // of its first byte
	Row    int64  // of a CSV: 1 for the first line of data
	Size   int

	Time     time.Time // zero where there is none; in UTC unless the zone is unknown
	TimeText string    // as it was written
	Zone     string    // as it was written or inferred: "Z", "+02:00", "CET"
	Inferred Inference

	Application string
	Customer    string
	Qualifier   string // uniqueQualifier; of BigQuery unique_identifier
	Email       string // of the actor, as are the next three
	ProfileID   string
	Key         string
	CallerType  string
	IP          string
	Network     []byte // networkInfo, JSON
	Resources   []byte // resourceDetails, JSON
	Other       []Field

	Events   []Event
	TooMany  int  // events beyond MaxEvents, which are not in Events
	Replaced bool // bytes that are not UTF-8 were replaced by U+FFFD
}

// MaxEvents is how many events of one activity are read. Google's have some dozens at the most.
const MaxEvents = 10_000

// An Event is one of an activity's.
type Event struct {
	Type, Name string
	Parameters []Parameter
	Odd        [][]byte // parameters that have no name, or not exactly one value, as JSON
	Other      []Field
}

// A Parameter is a name and a value: a JSON string for Google's value, a number for intValue, true or false for boolValue,
// an array of strings or numbers for multiValue and multiIntValue, an object for messageValue, an array of objects for
// multiMessageValue. Of BigQuery and CSV the value is the column's.
type Parameter = Field

// Why a record is not read. A *NotReadError holds one of them or what is wrong with the JSON.
var (
	ErrNoActivity   = errors.New("it is no activity: there are no events in it")
	ErrCloudLogging = errors.New("it is an entry of Cloud Logging, which is not read")
	ErrNoObject     = errors.New("it is no object")
	ErrAnswered     = errors.New("it is an error that was answered in the place of activities")

	// errEmptyPage is a page without items: Google leaves them out where there are none.
	errEmptyPage = errors.New("it is an empty page")
)

// activity reads a record in valid JSON.
func (r *Record) activity(raw []byte) error {
	wrapper := r.Other != nil // nothing is in two wrappers
	var id, actor, events, wrapped []byte
	var row, logging, failed, page bool
	r.Form = "activity"
	if !eachField(raw, func(name string, v []byte) {
		switch {
		case name == "id" && v[0] == '{' && id == nil:
			id = v
		case name == "actor" && v[0] == '{' && actor == nil:
			actor = v
		case name == "events" && (v[0] == '[' || v[0] == '{') && events == nil:
			events = v
		case name == "activity" && v[0] == '{' && wrapped == nil:
			wrapped = v
		case name == "ipAddress" && v[0] == '"' && r.IP == "":
			r.IP = text(v)
		case name == "networkInfo" && r.Network == nil:
			r.Network = v
		case name == "resourceDetails" && r.Resources == nil:
			r.Resources = v
		case name == "kind":
			page = page || strings.HasSuffix(text(v), "#activities")
		default:
			failed = failed || name == "error" && v[0] == '{'
			row = row || name == "time_usec"
			logging = logging || name == "protoPayload"
			r.Other = append(r.Other, Field{name, v})
		}
	}) {
		return ErrNoObject
	}
	switch {
	case logging:
		return ErrCloudLogging
	case events == nil && page:
		return errEmptyPage
	case events == nil && failed:
		return ErrAnswered
	case events == nil && wrapped != nil && !wrapper:
		r.Other = append(r.Other, Field{"wrapped", []byte("true")})
		return r.activity(wrapped)
	case events == nil && row:
		return r.bigquery(id, actor)
	case events == nil:
		return ErrNoActivity
	}
	r.identify(id)
	r.actor(actor)
	r.happened(events)
	return nil
}

// identify reads an activity's id.
func (r *Record) identify(id []byte) {
	eachField(id, func(name string, v []byte) {
		switch name {
		case "time":
			r.once(&r.TimeText, "id.time", v)
		case "uniqueQualifier":
			r.once(&r.Qualifier, "id.uniqueQualifier", v)
		case "applicationName":
			r.once(&r.Application, "id.applicationName", v)
		case "customerId":
			r.once(&r.Customer, "id.customerId", v)
		default:
			r.Other = append(r.Other, Field{"id." + name, v})
		}
	})
	if at, err := time.Parse(time.RFC3339Nano, r.TimeText); err == nil {
		r.Time = at.UTC()
		r.Zone = zoneOf(r.TimeText)
	}
}

// once fills a field. What comes a second time, or is no scalar, stands beside the others.
func (r *Record) once(field *string, name string, v []byte) {
	if t := text(v); *field == "" && t != "" {
		*field = t
		return
	}
	if !isNull(v) {
		r.Other = append(r.Other, Field{name, v})
	}
}

// zoneOf is what stands behind the time of RFC 3339: "Z" or "+02:00".
func zoneOf(s string) string {
	if i := strings.LastIndexAny(s, "Zz+-"); i > 10 {
		return s[i:]
	}
	return ""
}

func (r *Record) actor(actor []byte) {
	eachField(actor, func(name string, v []byte) {
		switch name {
		case "email":
			r.once(&r.Email, "actor.email", v)
		case "profileId":
			r.once(&r.ProfileID, "actor.profileId", v)
		case "key":
			r.once(&r.Key, "actor.key", v)
		case "callerType":
			r.once(&r.CallerType, "actor.callerType", v)
		default:
			r.Other = append(r.Other, Field{"actor." + name, v})
		}
	})
}

// happened reads the events: an array, or the one that some tools write in its place.
func (r *Record) happened(events []byte) {
	one := func(e []byte, _ int) {
		if len(r.Events) == MaxEvents {
			r.TooMany++
			return
		}
		r.Events = append(r.Events, event(e))
	}
	if !eachElement(events, one) {
		one(events, 0)
	}
}

func event(raw []byte) (e Event) {
	ok := eachField(raw, func(name string, v []byte) {
		switch {
		case name == "type" && v[0] == '"' && e.Type == "":
			e.Type = text(v)
		case name == "name" && v[0] == '"' && e.Name == "":
			e.Name = text(v)
		case name == "parameters" && v[0] == '[':
			eachElement(v, func(p []byte, _ int) { e.parameter(p) })
		default:
			e.Other = append(e.Other, Field{name, v})
		}
	})
	if !ok {
		e.Other = append(e.Other, Field{"event", raw})
	}
	return e
}

// parameter reads {"name": …, "value": …} and its kin.
func (e *Event) parameter(raw []byte) {
	var name string
	var value []byte
	values := 0
	ok := eachField(raw, func(field string, v []byte) {
		if field == "name" && v[0] == '"' {
			name = text(v)
			return
		}
		values++
		if fits(field, v) {
			value = v
			if field == "intValue" {
				value = bytes.Trim(v, `"`)
			}
		} else {
			values++
		}
	})
	if !ok || name == "" || values != 1 || e.has(name) {
		e.Odd = append(e.Odd, raw)
		return
	}
	e.Parameters = append(e.Parameters, Field{name, value})
}

// has says whether a parameter of that name is there already. Of those with very many nobody looks.
func (e *Event) has(name string) bool {
	if len(e.Parameters) >= 1000 {
		return true
	}
	for i := range e.Parameters {
		if e.Parameters[i].Name == name {
			return true
		}
	}
	return false
}

// fits says whether a value can be told from the others by its form alone.
func fits(field string, v []byte) bool {
	switch field {
	case "value":
		return v[0] == '"'
	case "boolValue":
		return v[0] == 't' || v[0] == 'f'
	case "intValue": // a string, for JavaScript's sake
		_, err := strconv.ParseInt(string(bytes.Trim(v, `"`)), 10, 64)
		return err == nil && json.Valid(bytes.Trim(v, `"`))
	case "messageValue":
		return v[0] == '{'
	case "multiValue", "multiMessageValue":
		first := byte('"')
		if field == "multiMessageValue" {
			first = '{'
		}
		n, all := 0, true
		eachElement(v, func(one []byte, _ int) { n, all = n+1, all && one[0] == first })
		return v[0] == '[' && all && (n > 0 || field == "multiValue")
	}
	return false
}

// bigquery reads a row of the table "activity": time_usec, email, event_name and others that all rows have, and one record
// for each application, of which the row's has fields.
func (r *Record) bigquery(id, actor []byte) error {
	r.Form = "bigquery"
	columns := r.Other
	r.Other = nil
	var e Event
	for _, c := range columns {
		switch {
		case isNull(c.Value):
		case c.Name == "time_usec":
			r.TimeText = text(c.Value)
			if usec, err := strconv.ParseInt(r.TimeText, 10, 64); err == nil {
				r.Time, r.Zone = time.UnixMicro(usec).UTC(), "Z"
			}
		case c.Name == "email":
			r.Email = text(c.Value)
		case c.Name == "ip_address":
			r.IP = text(c.Value)
		case c.Name == "record_type":
			r.Application = text(c.Value)
		case c.Name == "event_type":
			e.Type = text(c.Value)
		case c.Name == "event_name":
			e.Name = text(c.Value)
		case c.Name == "unique_identifier":
			r.Qualifier = text(c.Value)
		case c.Name == "resource_details":
			r.Resources = c.Value
		default:
			r.Other = append(r.Other, c)
		}
	}
	r.Other = e.take(r.Other, r.Application)
	if actor != nil {
		r.Other = append(r.Other, Field{"actor", actor})
	}
	if id != nil {
		r.Other = append(r.Other, Field{"id", id})
	}
	r.Events = []Event{e}
	return nil
}

// take makes parameters of the record that has the application's name, and gives the columns that are left.
func (e *Event) take(columns []Field, application string) []Field {
	var left []Field
	for _, c := range columns {
		if application == "" || c.Name != application || c.Value[0] != '{' {
			left = append(left, c)
			continue
		}
		eachField(c.Value, func(name string, v []byte) {
			switch {
			case isNull(v):
			case e.has(name):
				e.Odd = append(e.Odd, fmt.Appendf(nil, `{"name":%s,"value":%s}`, quote(name), v))
			default:
				e.Parameters = append(e.Parameters, Field{name, v})
			}
		})
	}
	return left
}

func quote(s string) []byte {
	b, _ := json.Marshal(s) // strings never fail
	return b
}
