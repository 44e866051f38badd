package authlog

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/logfiles"
	"github.com/mbaudit/mbaudit/internal/maillog"
)

// derivedBy names what made the derived exhibits. It grows when the same file may give other events.
const derivedBy = "maillog 1"

// events gives a file's events as JSON Lines, part by part: Read ends with io.EOF when a part is full, and Next begins
// another.
type events struct {
	scanner  *maillog.Scanner
	item     string
	accounts []account
	limit    int64

	out   []byte
	at    int
	part  int64 // bytes in this part
	found int64 // events about an account under examination
	ended bool
}

// Read implements io.Reader.
func (x *events) Read(p []byte) (int, error) {
	for x.at == len(x.out) {
		if x.ended || x.part >= x.limit {
			return 0, io.EOF
		}
		x.out, x.at = x.out[:0], 0
		for len(x.out) < 32<<10 && x.part+int64(len(x.out)) < x.limit {
			if !x.scanner.Scan() {
				x.ended = true
				break
			}
			x.out = x.append(x.out, x.scanner.Event())
		}
		x.part += int64(len(x.out))
		if err := x.scanner.Err(); err != nil {
			return 0, err
		}
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

// append writes one event as a line of JSON.
func (x *events) append(b []byte, e *maillog.Event) []byte {
	b = append(b, `{"source":`...)
	b = appendText(b, x.item)
	b = append(b, `,"offset":`...)
	b = strconv.AppendInt(b, e.Offset, 10)
	b = append(b, `,"line":`...)
	b = strconv.AppendInt(b, e.Line, 10)
	if !e.Time.IsZero() {
		layout := time.RFC3339Nano
		if e.Inferred&maillog.ZoneUnknown != 0 {
			layout = "2006-01-02T15:04:05.999999999"
		}
		b = append(b, `,"time":"`...)
		b = e.Time.AppendFormat(b, layout)
		b = append(b, '"')
	}
	if e.Inferred != 0 {
		b = appendField(b, "inferred", e.Inferred.String())
	}
	b = appendField(b, "kind", string(e.Kind))
	for _, f := range [...]struct{ name, value string }{
		{"format", e.Format}, {"user", e.User}, {"client_ip", e.ClientIP}, {"client_port", e.ClientPort}, {"server_ip", e.ServerIP}, {"service", e.Service},
		{"method", e.Method}, {"tls", e.TLS}, {"session", e.Session}, {"message_id", e.MessageID}, {"queue_id", e.QueueID},
		{"mailbox", e.Mailbox}, {"uid", e.UID}, {"sender", e.Sender}, {"action", e.Action}, {"target", e.Target},
		{"reason", e.Reason}, {"detail", e.Detail}, {"host", e.Host}, {"process", e.Process}, {"pid", e.PID},
	} {
		b = appendField(b, f.name, f.value)
	}
	if e.HasBytes {
		b = append(b, `,"bytes_in":`...)
		b = strconv.AppendInt(b, e.BytesIn, 10)
		b = append(b, `,"bytes_out":`...)
		b = strconv.AppendInt(b, e.BytesOut, 10)
	}
	if e.Ambiguous {
		b = append(b, `,"ambiguous":true`...)
	}
	if name, how := whose(x.accounts, e); name != "" {
		b = appendField(appendField(b, "account", name), "match", how)
		x.found++
	}
	return append(b, '}', '\n')
}

func appendField(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	return appendText(b, value)
}

// appendText writes a JSON string, or, for bytes that are not UTF-8, {"base64":"…"} as everywhere in a bundle.
func appendText(b []byte, s string) []byte {
	if !utf8.ValidString(s) {
		b = append(b, `{"base64":"`...)
		b = base64.StdEncoding.AppendEncode(b, []byte(s))
		return append(b, `"}`...)
	}
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c != 0x7f {
			continue
		}
		b = append(b, s[from:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		default:
			b = fmt.Appendf(b, `\u%04x`, c)
		}
		from = i + 1
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}

// An account is one under examination, prepared for comparing.
type account struct{ name, folded, local string }

func prepare(names []string) []account {
	var list []account
	for _, name := range names {
		folded := strings.ToLower(name)
		local, _, _ := strings.Cut(folded, "@")
		list = append(list, account{name, folded, local})
	}
	return list
}

// whose says which of the accounts an event is about, and by what it is known.
func whose(accounts []account, e *maillog.Event) (name, how string) {
	if e.User == "" && e.Sender == "" {
		return "", ""
	}
	for i := range accounts {
		if how := accounts[i].match(e); how != "" {
			return accounts[i].name, how
		}
	}
	return "", ""
}

// match compares as mail servers do, without regard to case. "alice*master" is how Dovecot writes a master user's login.
func (a *account) match(e *maillog.Event) string {
	user, _, master := strings.Cut(e.User, "*")
	switch {
	case user != "" && strings.EqualFold(user, a.folded):
		if master {
			return "master"
		}
		return "exact"
	case user != "" && !strings.Contains(user, "@") && strings.EqualFold(user, a.local):
		return "local part"
	case e.Sender != "" && strings.EqualFold(e.Sender, a.folded):
		return "sender"
	}
	return ""
}

// A summary says what was read in a file and what was not.
type summary struct {
	V          int             `json:"v"`
	Source     string          `json:"source"`
	SHA256     evidence.Digest `json:"file_sha256"`
	Parser     string          `json:"parser"`
	Zone       string          `json:"zone,omitempty"` // of times without one
	Year       int             `json:"year,omitempty"` // inferred, of the first line without one
	Parts      int64           `json:"event_parts"`
	OfAccounts int64           `json:"events_of_accounts"`
	Redacted   int64           `json:"redacted,omitempty"`
	Rules      string          `json:"redaction_rules,omitempty"`
	Broken     string          `json:"broken,omitempty"`
	maillog.Summary
}

// keepEvents puts what is read in a file. ok is false where that became a gap.
func (r *run) keepEvents(f *logFile) (_ *summary, ok bool, err error) {
	text := &verified{run: r, f: f}
	defer text.close()
	x := &events{item: f.Item, accounts: prepare(r.accounts), limit: r.cfg.eventPart,
		scanner: maillog.NewScanner(text, maillog.Options{Location: r.cfg.Location, Year: f.year})}
	var parts int64
	for again := true; again; again = x.Next() {
		parts++
		item := f.Item
		if parts > 1 {
			item += "#" + strconv.FormatInt(parts, 10)
			r.parts++
			if err := r.expect("log-events", r.files+r.parts); err != nil {
				return nil, false, err
			}
		}
		ok, err := r.keepPart(f, x, item, parts)
		if err != nil || !ok {
			return nil, false, err
		}
	}
	s := &summary{V: 1, Source: f.Item, SHA256: f.digest, Parser: derivedBy, Parts: parts, OfAccounts: x.found, Redacted: f.secrets, Rules: f.rules,
		Summary: x.scanner.Summary()}
	if r.cfg.Location != nil {
		s.Zone = r.cfg.Location.String()
	}
	if f.years.Needed() {
		s.Year = f.year
	}
	if f.broken != nil {
		s.Broken = f.broken.Error()
	}
	return s, true, nil
}

// keepPart puts one exhibit of events. One that an earlier run has put is made again, for what comes behind it.
func (r *run) keepPart(f *logFile, x *events, item string, part int64) (ok bool, err error) {
	if r.sink.Has(r.account, r.resource("log-events"), item) {
		_, err := io.Copy(io.Discard, x)
		return err == nil, err
	}
	name := f.kept + "~events"
	if part > 1 {
		name += strconv.FormatInt(part, 10)
	}
	_, err = r.sink.Put(evidence.Exhibit{
		Account: r.account, Collector: r.Name(), Resource: r.resource("log-events"), Item: item, Name: name + ".jsonl",
		MediaType: "application/x-ndjson", FetchedAt: time.Now().UTC(), Request: "parse " + f.Item, Attrs: f.derived(r.resource("log")),
	}, x)
	if err == nil {
		return true, nil
	}
	if errors.Is(err, evidence.ErrStorage) || r.ctx.Err() != nil {
		return false, err
	}
	reason := "reading it once more: " + logfiles.ReasonOf(err).Error()
	return false, errors.Join(
		r.gap("log-events", item, classOfReading(err), reason),
		r.gap("log-summary", f.Item, classOfReading(err), reason))
}

// derived are the attributes of an exhibit that was made of another.
func (f *logFile) derived(resource string) map[string]string {
	source := f.digest
	if !f.asFound() {
		source = f.textSum
	}
	return map[string]string{"derived": derivedBy, "derived-from": resource + " " + f.Item, "source-sha256": source.String(), "source-name": f.kept}
}

// keepSummary comes last: where it is there, all of the file is.
func (r *run) keepSummary(f *logFile, s *summary) error {
	body, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	_, err = r.sink.Put(evidence.Exhibit{
		Account: r.account, Collector: r.Name(), Resource: r.resource("log-summary"), Item: f.Item, Name: f.kept + "~summary.json",
		MediaType: "application/json", FetchedAt: time.Now().UTC(), Request: "parse " + f.Item, Attrs: f.derived(r.resource("log")),
	}, bytes.NewReader(append(body, '\n')))
	return err
}
