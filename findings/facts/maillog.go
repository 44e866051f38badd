package facts

import (
	"encoding/json"
	"strings"

	"github.com/mbaudit/mbaudit/evidence"
)

// A logLine is a line of the derived exhibits of collectors/authlog. Its texts may be of any bytes.
type logLine struct {
	Source    string         `json:"source"`
	Line      int64          `json:"line"`
	Time      string         `json:"time"`
	Inferred  string         `json:"inferred"`
	Kind      string         `json:"kind"`
	User      evidence.Bytes `json:"user"`
	ClientIP  evidence.Bytes `json:"client_ip"`
	Port      evidence.Bytes `json:"client_port"`
	Service   evidence.Bytes `json:"service"`
	Method    evidence.Bytes `json:"method"`
	TLS       evidence.Bytes `json:"tls"`
	Session   evidence.Bytes `json:"session"`
	MessageID evidence.Bytes `json:"message_id"`
	QueueID   evidence.Bytes `json:"queue_id"`
	Mailbox   evidence.Bytes `json:"mailbox"`
	UID       evidence.Bytes `json:"uid"`
	Sender    evidence.Bytes `json:"sender"`
	Action    evidence.Bytes `json:"action"`
	Target    evidence.Bytes `json:"target"`
	Reason    evidence.Bytes `json:"reason"`
	Detail    evidence.Bytes `json:"detail"`
	Host      evidence.Bytes `json:"host"`
	BytesIn   *json.Number   `json:"bytes_in"`
	BytesOut  *json.Number   `json:"bytes_out"`
	Ambiguous bool           `json:"ambiguous"`
	Account   evidence.Bytes `json:"account"`
	Match     string         `json:"match"`
}

// mailLog reads the events of a mail server's log.
func (s *source) mailLog() error {
	return s.lines(KindMailLog, func(locator string, line []byte) error {
		var e logLine
		if err := asRecord(line, &e); err != nil {
			return s.unreadable(KindMailLog, locator, err)
		}
		f := s.fact(KindMailLog, locator)
		f.Time, f.Inferred = lineTime(e.Time), e.Inferred
		if f.Zone = zoneOf(e.Time); e.Account != nil {
			f.Account = string(e.Account)
		} else if e.User != nil {
			f.Account = strings.ToLower(strings.ToValidUTF8(string(e.User), "\uFFFD"))
		}
		f.say("event.name", e.Kind)
		for _, p := range []struct {
			name  string
			value evidence.Bytes
		}{{"actor", e.User}, {"ip", e.ClientIP}, {"port", e.Port}, {"service", e.Service}, {"method", e.Method}, {"tls", e.TLS}, {"server.session", e.Session}, {"message_id", e.MessageID}, {"queue_id", e.QueueID},
			{"mailbox", e.Mailbox}, {"uid", e.UID}, {"sender", e.Sender}, {"action", e.Action}, {"target", e.Target}, {"reason", e.Reason}, {"detail", e.Detail}, {"host", e.Host}} {
			f.say(p.name, string(p.value))
		}
		f.say("match", e.Match)
		f.Set("log.line", Number(e.Line))
		if e.BytesOut != nil {
			f.Set("bytes_out", Value{form: number, one: e.BytesOut.String()})
		}
		if e.BytesIn != nil {
			f.Set("bytes_in", Value{form: number, one: e.BytesIn.String()})
		}
		f.Set("ambiguous", Bool(e.Ambiguous))
		return s.keep(f)
	})
}

// zoneOf is the zone that stands at the end of a time; "" where there is none.
func zoneOf(text string) string {
	_, clock, _ := strings.Cut(text, "T")
	if i := strings.IndexAny(clock, "Z+-"); i >= 0 {
		return clock[i:]
	}
	return ""
}
