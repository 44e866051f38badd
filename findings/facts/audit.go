package facts

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/internal/googlelog"
)

var errNoObject = errors.New("it is no JSON object")

// activities reads a page of activities.list, or whatever else has activities in it.
func (s *source) activities() error {
	r, err := s.open()
	if err != nil {
		return err
	}
	reader := googlelog.NewReader(r, googlelog.Options{})
	for {
		rec, err := reader.Next()
		var bad *googlelog.NotReadError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &bad):
			err = s.unreadable(KindAudit, pointer(bad.Number, -1), errors.New(bad.Reason()))
		case err != nil:
			return err
		default:
			err = s.activity(rec)
		}
		if err != nil {
			return err
		}
	}
}

// pointer is where an activity is in a page, or one of its events.
func pointer(number int64, event int) string {
	p := "/items/" + strconv.FormatInt(number-1, 10)
	if event >= 0 {
		p += "/events/" + strconv.Itoa(event)
	}
	return p
}

// activity keeps each event of an activity.
func (s *source) activity(rec *googlelog.Record) error {
	if rec.TooMany > 0 {
		if err := s.unreadable(KindAudit, pointer(rec.Number, -1), fmt.Errorf("%d events beyond the %dth are not read", rec.TooMany, googlelog.MaxEvents)); err != nil {
			return err
		}
	}
	for i := range rec.Events {
		e := &rec.Events[i]
		f := s.fact(KindAudit, pointer(rec.Number, i))
		f.Time, f.Zone, f.Inferred = rec.Time.UTC(), rec.Zone, rec.Inferred.String()
		application := rec.Application
		if application == "" {
			_, application, _ = strings.Cut(s.Resource, "/")
		}
		a := auditEvent{application: application, kind: e.Type, name: e.Name, email: rec.Email, profile: rec.ProfileID, key: rec.Key, caller: rec.CallerType,
			ip: rec.IP, qualifier: rec.Qualifier, customer: rec.Customer, network: rec.Network}
		a.into(&s.json, f)
		for _, p := range e.Parameters {
			if f.flatten(&s.json, parameterName(p.Name), p.Value) != nil {
				f.Set("parameters_odd", Bool(true))
			}
		}
		for _, other := range rec.Other {
			if other.Name == "actor.applicationInfo" || other.Name == "userAgent" {
				_ = f.flatten(&s.json, strings.ToLower(other.Name), other.Value) // it came out of valid JSON
			}
		}
		if len(e.Odd) > 0 {
			f.Set("parameters_odd", Bool(true))
		}
		if err := s.keepAudit(f); err != nil {
			return err
		}
	}
	return nil
}

// An auditEvent is what every form of an audit log has of an event.
type auditEvent struct {
	application, kind, name     string
	email, profile, key, caller string
	ip, qualifier, customer     string
	network                     []byte
}

// into writes the event into a fact. user_accounts is a part of what login holds, so both are the service login.
func (a *auditEvent) into(p *jsonParser, f *Fact) {
	f.say("event.service", serviceOf(a.application))
	for _, x := range [...]struct{ name, value string }{
		{"event.application", a.application}, {"event.type", a.kind}, {"event.name", a.name}, {"actor", strings.ToLower(a.email)}, {"actor.profile_id", a.profile},
		{"actor.key", a.key}, {"actor.caller_type", a.caller}, {"ip", a.ip}, {"event.qualifier", a.qualifier}, {"event.customer", a.customer},
	} {
		f.say(x.name, x.value)
	}
	if len(a.network) > 0 {
		_ = f.flatten(p, "network_info", a.network) // it is valid JSON or was not written
	}
}

// parameterName is the field of an event's parameter: its name in lower case. One that has the name of what the event itself
// says, or of what is made out of it here, stands apart: Chat names the actor once more, and no log can say that an event is ours.
func parameterName(name string) string {
	name = strings.ToLower(name)
	switch name {
	case "actor", "ip", "accounts", "duplicate", "duplicate_of", "own_client", "own_trace", "session":
		return "parameter." + name
	}
	for _, prefix := range []string{"event.", "actor.", "source."} {
		if strings.HasPrefix(name, prefix) {
			return "parameter." + name
		}
	}
	return name
}

// serviceOf is the log that an application's events are looked for in.
func serviceOf(application string) string {
	if application == "user_accounts" {
		return "login"
	}
	return application
}

// maxConcerned is how many accounts one event is kept for.
const maxConcerned = 100

// concerned are those whom an event is about: the users that it names, where an administrator acts, else its actor, each once.
func (s *source) concerned(f *Fact) []string {
	if f.Text("actor") == "" {
		f.say("actor", strings.ToLower(f.Text("parameter.actor")))
	}
	for _, name := range []string{"user_email", "affected_email_address", "actor"} {
		var all []string
		v, _ := f.Get(name)
		for _, one := range v.All() {
			if one = strings.ToLower(one); one != "" && !slices.Contains(all, one) && len(all) < maxConcerned {
				all = append(all, one)
			}
		}
		if len(all) > 0 {
			return all
		}
	}
	return []string{s.Account}
}

// keepAudit keeps an event for each account that it is about; the field accounts lists them where there are several.
func (s *source) keepAudit(f *Fact) error {
	about := s.concerned(f)
	if f.Account = about[0]; len(about) > 1 {
		f.Set("accounts", List(about))
	}
	f.say("device", f.Text("device_id"))
	f.say("user_agent", f.Text("useragent"))
	f.say("target", firstText(f, "email_forwarding_destination_address", "email_monitor_dest_email", "target_user", "new_user_email"))
	if scopes, there := f.Get("scope"); there && f.Text("event.application") == "token" {
		rateScopes(f, scopes.All())
	}
	if scopes := f.Text("api_scopes"); scopes != "" {
		rateScopes(f, strings.FieldsFunc(scopes, func(r rune) bool { return r == ',' || r == ' ' }))
	}
	for _, account := range about[1:] {
		other := *f
		other.Account, other.Fields = account, slices.Clone(f.Fields)
		if err := s.keep(&other); err != nil {
			return err
		}
	}
	return s.keep(f)
}

func firstText(f *Fact, names ...string) string {
	for _, name := range names {
		if s := f.Text(name); s != "" {
			return s
		}
	}
	return ""
}

// A reportLine is a line of the derived exhibits of collectors/reportsfile.
type reportLine struct {
	Source      string                     `json:"source"`
	Offset      int64                      `json:"offset"`
	Time        string                     `json:"time"`
	Zone        string                     `json:"zone"`
	Inferred    string                     `json:"inferred"`
	Application string                     `json:"application"`
	Type        string                     `json:"type"`
	Name        string                     `json:"name"`
	Email       string                     `json:"actor_email"`
	Profile     string                     `json:"actor_profile_id"`
	Key         string                     `json:"actor_key"`
	Caller      string                     `json:"actor_caller_type"`
	IP          string                     `json:"ip"`
	Customer    string                     `json:"customer"`
	Qualifier   string                     `json:"qualifier"`
	Network     json.RawMessage            `json:"network"`
	Parameters  map[string]json.RawMessage `json:"parameters"`
	Odd         []json.RawMessage          `json:"parameters_odd"`
}

// reportEvents reads the events of imported audit logs.
func (s *source) reportEvents() error {
	return s.lines(KindAudit, func(locator string, line []byte) error {
		var e reportLine
		if err := asRecord(line, &e); err != nil {
			return s.unreadable(KindAudit, locator, err)
		}
		f := s.fact(KindAudit, locator)
		f.Time, f.Inferred = lineTime(e.Time), e.Inferred
		if f.Zone = e.Zone; f.Zone == "" && e.Time != "" && e.Inferred == "" {
			f.Zone = "Z"
		}
		a := auditEvent{application: e.Application, kind: e.Type, name: e.Name, email: e.Email, profile: e.Profile, key: e.Key, caller: e.Caller,
			ip: e.IP, qualifier: e.Qualifier, customer: e.Customer, network: e.Network}
		a.into(&s.json, f)
		f.Set("source.offset", Number(e.Offset))
		for _, name := range slices.Sorted(maps.Keys(e.Parameters)) {
			if f.flatten(&s.json, parameterName(name), e.Parameters[name]) != nil {
				f.Set("parameters_odd", Bool(true))
			}
		}
		if len(e.Odd) > 0 {
			f.Set("parameters_odd", Bool(true))
		}
		return s.keepAudit(f)
	})
}

// lineTime reads a time of a derived exhibit. One without a zone is the clock's that wrote it, taken as UTC.
func lineTime(text string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// maxLine is how long a line of a derived exhibit may be.
const maxLine = 80 << 20

// lines goes through an exhibit's lines. One that is too long is unreadable and ends it.
func (s *source) lines(kind string, read func(locator string, line []byte) error) error {
	r, err := s.open()
	if err != nil {
		return err
	}
	scanner := bufio.NewScanner(r)
	scanner.Buffer(make([]byte, 64<<10), maxLine)
	for n := 1; scanner.Scan(); n++ {
		if len(scanner.Bytes()) == 0 {
			continue
		}
		if err := read(fmt.Sprintf("line %d", n), scanner.Bytes()); err != nil {
			return err
		}
	}
	if err := scanner.Err(); err != nil {
		return fmt.Errorf("reading the lines of %s: %w", kind, err)
	}
	return nil
}
