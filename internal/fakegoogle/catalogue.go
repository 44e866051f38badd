package fakegoogle

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A habit is something that people or machines do on ordinary days, and what a log has of it.
type habit struct {
	application, kind, name string
	perMille                int // how often somebody does it in a thousand days
	by                      doer
	fields                  []detail
	more                    []subevent // further events of the same activity
	twin                    twin
	about                   about  // what it is done to
	client                  string // OAuth client through which it is done; "" is none
	anonymous               bool   // the log has no address of it
	agent                   bool   // an agent does it for its owner
}

// A subevent is one event of an activity.
type subevent struct {
	kind, name string
	fields     []detail
}

// A doer says who has a habit.
type doer int

const (
	everybody doer = iota
	administrators
	machines // of Google's or of the customer's: the actor has a key and no address
	googlers // people at Google, whose profile id stands for all of them
)

// A twin says how activities come in pairs now and then.
type twin int

const (
	alone    twin = iota
	sameTime      // one of eight has another at the same time, with another qualifier
	sameID        // one of three has another at the same time and with the same qualifier: its parts stand apart
)

// An about says what resourceDetails tell: a type, and the names of the parameters that have the id and the title.
type about struct{ kind, id, title string }

// A deed is one activity while its parameters are made.
type deed struct {
	*dice
	person
	tenant    *Tenant
	at        time.Time
	qualifier int64
}

// A detail makes one parameter of an event.
type detail func(deed) pairs

// named is a parameter with a value of a kind. The kinds but value come before name, as in the alphabet.
func named(name, kind string, v any) pairs {
	if kind == "value" {
		return pairs{{"name", name}, {kind, v}}
	}
	return pairs{{kind, v}, {"name", name}}
}

// value is a parameter with one of several strings.
func value(name string, values ...string) detail {
	return func(d deed) pairs { return named(name, "value", values[d.below(len(values))]) }
}

// ident is a parameter whose string is made from a number below a million million.
func ident(name, format string) detail {
	return func(d deed) pairs { return named(name, "value", fmt.Sprintf(format, d.below(1_000_000_000_000))) }
}

// count is a parameter with a number.
func count(name string, from, to int) detail {
	return func(d deed) pairs { return whole(name, int64(from+d.below(to-from+1))) }
}

func whole(name string, n int64) pairs { return named(name, "intValue", strconv.FormatInt(n, 10)) }

// counts is a parameter with several numbers.
func counts(name string, values ...string) detail {
	list := texts(values...)
	return func(deed) pairs { return named(name, "multiIntValue", list) }
}

// truly is a parameter that is true in so many of 1000 cases.
func truly(name string, perMille int) detail {
	return func(d deed) pairs { return named(name, "boolValue", d.chance(perMille)) }
}

// many is a parameter with several strings.
func many(name string, values ...string) detail {
	list := texts(values...)
	return func(deed) pairs { return named(name, "multiValue", list) }
}

// nested is a parameter with parameters of its own.
func nested(name string, fields ...detail) detail {
	return func(d deed) pairs { return named(name, "messageValue", pairs{{"parameter", d.all(fields)}}) }
}

// manyNested is a parameter with several messages.
func manyNested(name string, n int, fields ...detail) detail {
	return func(d deed) pairs {
		var values []any
		for range n {
			values = append(values, pairs{{"parameter", d.all(fields)}})
		}
		return named(name, "multiMessageValue", values)
	}
}

// self is a parameter with the address of who does it.
func self(name string) detail { return func(d deed) pairs { return named(name, "value", d.email) } }

// colleague is a parameter with the address of somebody else of the tenant.
func colleague(name string) detail {
	return func(d deed) pairs {
		people := d.tenant.everybody()
		return named(name, "value", people[d.below(len(people))].email)
	}
}

// micros is a parameter with the time in microseconds, so many seconds before.
func micros(name string, before int) detail {
	return func(d deed) pairs { return whole(name, d.at.Add(-time.Duration(before)*time.Second).UnixMicro()) }
}

// all makes parameters.
func (d deed) all(fields []detail) []any {
	out := make([]any, len(fields))
	for i, f := range fields {
		out[i] = f(d)
	}
	return out
}

func parameter(name, value string) object { return object{"name": name, "value": value} }

func boolean(name string, value bool) object { return object{"name": name, "boolValue": value} }

func number(name string, n int64) object {
	return object{"name": name, "intValue": strconv.FormatInt(n, 10)}
}

// eventsOf are the events of an activity, as objects.
func (t *Tenant) eventsOf(a activity) []event {
	events := t.made(a)
	if a.habit == nil {
		return events
	}
	for i := range events {
		events[i].parameters, _ = plain(events[i].parameters).([]any)
	}
	return events
}

// made are the events of an activity as they are made: what is written out and not looked into needs no objects.
func (t *Tenant) made(a activity) []event {
	if a.habit == nil {
		return a.events
	}
	roll := newDice(t.config.Seed, 3, uint64(a.key.qualifier), uint64(a.key.part))
	d := deed{dice: &roll, tenant: t, at: a.key.at, qualifier: a.key.qualifier}
	if a.user >= 0 {
		d.person = t.person(a.user)
	}
	if a.application == "gmail" {
		return []event{{a.habit.kind, a.habit.name, a.habit.delivery(d)}}
	}
	events := []event{{a.habit.kind, a.habit.name, d.all(a.habit.fields)}}
	for _, p := range a.habit.more {
		events = append(events, event{p.kind, p.name, d.all(p.fields)})
	}
	if a.habit.twin == sameID && len(events) > 1 { // the parts stand apart where the activity has a twin, and only there
		if i := int(a.key.part); i > 0 {
			return events[i : i+1]
		}
		return events[:1]
	}
	return events
}

// resources are what an activity is done to, as far as its parameters tell.
func (t *Tenant) resources(a activity, events []event) []any {
	if a.habit == nil || a.habit.about.kind == "" || len(events) == 0 {
		return nil
	}
	about := a.habit.about
	id, title, owner := find(events[0].parameters, about.id), find(events[0].parameters, about.title), find(events[0].parameters, "owner")
	if id == "" {
		return nil
	}
	if about.kind == "MAIL" && a.user >= 0 {
		id = t.everybody()[a.user].id + "/" + id
	}
	r := pairs{{"id", id}}
	if owner != "" {
		r = append(r, pair{"ownerDetails", pairs{{"ownerIdentity", []any{pairs{{"userIdentity", pairs{{"userEmail", owner}}}}}}, {"ownerType", "USER"}}})
	}
	r = append(r, pair{"relation", "DIRECT"})
	if title != "" {
		r = append(r, pair{"title", title})
	}
	return []any{append(r, pair{"type", about.kind})}
}

// find is the string of a parameter that was made, by its name with dots; "" where there is none.
func find(parameters []any, name string) string {
	outer, inner, deep := strings.Cut(name, ".")
	for _, raw := range parameters {
		p, _ := raw.(pairs)
		if p.get("name") != outer {
			continue
		}
		if !deep {
			s, _ := p.get("value").(string)
			return s
		}
		message, _ := p.get("messageValue").(pairs)
		list, _ := message.get("parameter").([]any)
		return find(list, inner)
	}
	return ""
}

// deviceInfo is what the log tells of the device that an activity was done with.
func (t *Tenant) deviceInfo(a activity) any {
	if a.device != nil {
		return a.device
	}
	switch a.application {
	case "login", "drive", "gmail", "chrome", "mobile", "context_aware_access", "takeout", "token", "access_evaluation":
	default:
		return nil
	}
	switch {
	case a.ip == "" || a.ip == Responder || a.user < 0:
		return nil
	case a.ip == Intruder:
		return pairs{{"deviceId", "d77e0000-0000-4000-8000-000000000077"}, {"deviceOsVersion", "10.0.19045"}, {"deviceType", "WINDOWS"}}
	}
	kind, version := "WINDOWS", "10.0.26100"
	if a.user%3 == 1 {
		kind, version = "MAC", "15.6"
	}
	return pairs{{"deviceId", fmt.Sprintf("d0000000-0000-4000-8000-%012d", a.user)}, {"deviceOsVersion", version}, {"deviceType", kind}}
}

// delivery is what the gmail log says of an ordinary message.
func (h *habit) delivery(d deed) []any {
	kind, client := 1+d.below(2), pick(d.dice, "WEB", "WEB", "WEB", "ANDROID", "IOS")
	switch d.below(20) {
	case 0:
		kind = 7
	case 1:
		kind = 12
	case 2:
		kind = 26
	case 3:
		kind = 9
	}
	if d.role == scanner {
		client = "IMAP"
	}
	id := fmt.Sprintf("<%x@mail.example.test>", uint64(d.qualifier))
	event := []any{whole("mail_event_type", int64(kind)), whole("timestamp_usec", d.at.UnixMicro()), named("success", "boolValue", true),
		named("client_context.client_type", "value", client)}
	message := []any{named("subject", "value", "Courrier ordinaire"), named("rfc2822_message_id", "value", id), named("owner", "value", d.email)}
	if kind == 2 {
		message = append(message, named("connection_info.client_ip", "value", pick(d.dice, "192.0.2.90", "192.0.2.91", "192.0.2.92")),
			named("connection_info.spf_pass", "boolValue", true), named("connection_info.dkim_pass", "boolValue", true),
			named("connection_info.dmarc_pass", "boolValue", true), named("is_spam", "boolValue", d.chance(30)))
		if d.chance(150) {
			message = append(message, named("attachment.file_name", "multiValue", texts("plan.pdf")),
				named("attachment.sha256", "multiValue", texts(strings.Repeat("0a1b2c3d", 8))))
		}
	}
	return []any{named("event_info", "messageValue", pairs{{"parameter", event}}), named("message_info", "messageValue", pairs{{"parameter", message}})}
}

// delivery is what the gmail log says of a message: who, what and how (appendix gmail). The schema has one level of
// nesting, so deeper names are written with dots.
func delivery(at time.Time, kind int, owner, subject, id, client string, more ...any) []any {
	return []any{
		object{"name": "event_info", "messageValue": object{"parameter": append([]any{
			object{"name": "mail_event_type", "intValue": strconv.Itoa(kind)},
			object{"name": "timestamp_usec", "intValue": strconv.FormatInt(at.UnixMicro(), 10)},
			boolean("success", true), parameter("client_context.client_type", client)}, more...)}},
		object{"name": "message_info", "messageValue": object{"parameter": []any{
			parameter("subject", subject), parameter("rfc2822_message_id", id), parameter("owner", owner)}}},
	}
}
