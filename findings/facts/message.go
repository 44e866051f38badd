package facts

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/selection"
	"github.com/mbaudit/mbaudit/findings/addresses"
	"github.com/mbaudit/mbaudit/internal/bodystructure"
	"github.com/mbaudit/mbaudit/internal/mailheader"
)

// maxHeader is how much of a message is read for its header.
const maxHeader = 256 << 10

// message reads the header of a message as a mailbox holds it.
func (s *source) message() error {
	switch {
	case s.header != nil:
		return s.messageHeader(s.header, nil)
	case s.loaded != nil:
		header := mailheader.Split(s.loaded)
		return s.messageHeader(&header, nil)
	}
	r, err := s.open()
	if err != nil {
		return err
	}
	var before bytes.Buffer
	in := r
	if s.c.content != nil {
		in = io.TeeReader(r, &before) // a header's reader reads on, and the body is wanted, too
	}
	header, err := mailheader.Read(in, s.headerLimit())
	if err != nil {
		return err
	}
	var body io.Reader
	if s.c.content != nil && s.MediaType != "text/rfc822-headers" && !header.Truncated {
		before.Next(header.Body)
		body = io.MultiReader(&before, r)
	}
	return s.messageHeader(&header, body)
}

// messageHeader keeps a message of a mailbox. body is nil where it is not asked for.
func (s *source) messageHeader(header *mailheader.Header, body io.Reader) error {
	f := s.fact(KindMessage, "header")
	folder := s.Attrs["folder"]
	if folder == "" {
		_, folder, _ = strings.Cut(s.Resource, "/")
	}
	f.say("folder", folder)
	f.say("flags", strings.Trim(s.Attrs["flags"], "()"))
	f.say("labels", strings.Trim(s.Attrs["x-gm-labels"], "()"))
	f.Set("seen", Bool(strings.Contains(strings.ToLower(s.Attrs["flags"]), `\seen`)))
	if at, err := time.Parse("_2-Jan-2006 15:04:05 -0700", strings.Trim(s.Attrs["internaldate"], `"`)); err == nil {
		f.Time, f.Zone = at.UTC(), at.Format("-07:00")
		f.say("time_of", "internaldate")
	}
	if part, ok := bodystructure.Find([]byte(s.Response)); ok {
		names := part.Names()
		f.Set("attachments", List(cutList(f, names)))
	}
	if draftFolder(f) {
		f.Kind = KindDraft
	}
	return s.keepMessage(f, header, body)
}

// A gmailMessage is what Gmail's API says of a message, in any of its formats.
type gmailMessage struct {
	ID       string   `json:"id"`
	ThreadID string   `json:"threadId"`
	Labels   []string `json:"labelIds"`
	Internal string   `json:"internalDate"`
	Raw      string   `json:"raw"`
	Payload  *struct {
		Headers []struct{ Name, Value string } `json:"headers"`
	} `json:"payload"`
	Message *gmailMessage `json:"message"` // of a draft
}

// gmailMessage reads a message that Gmail's API gave.
func (s *source) gmailMessage() error {
	answer, err := s.body()
	if err != nil {
		return err
	}
	var m gmailMessage
	if err := asRecord(answer, &m); err != nil {
		return err
	}
	pointer := ""
	if m.Message != nil {
		m, pointer = *m.Message, "/message"
	}
	if m.ID == "" || m.Payload == nil && m.Raw == "" {
		return nil // a list of messages says nothing of any
	}
	header, body, err := m.header(s.headerLimit())
	if err != nil {
		return err
	}
	f := s.fact(KindMessage, pointer+"/payload/headers")
	if m.Payload == nil {
		f.Locator = pointer + "/raw"
	}
	if s.Resource == "gmail/drafts" || slices.Contains(m.Labels, "DRAFT") {
		f.Kind = KindDraft
	}
	f.say("gmail.id", m.ID)
	f.say("gmail.thread", m.ThreadID)
	f.Set("labels", List(cutList(f, m.Labels)))
	f.Set("seen", Bool(!slices.Contains(m.Labels, "UNREAD")))
	if at := milliseconds(m.Internal); !at.IsZero() {
		f.Time, f.Zone = at, "Z"
		f.say("time_of", "internaldate")
	}
	return s.keepMessage(f, &header, body)
}

// header gives the message's header and, of a whole message, its body.
func (m *gmailMessage) header(limit int) (header mailheader.Header, body io.Reader, err error) {
	if m.Payload == nil {
		raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(m.Raw, "="))
		if err != nil {
			return mailheader.Header{}, nil, fmt.Errorf("its raw form: %w", err)
		}
		header, err = mailheader.Read(bytes.NewReader(raw), limit)
		if err != nil || header.Truncated {
			return header, nil, err
		}
		return header, bytes.NewReader(raw[header.Body:]), nil
	}
	var b strings.Builder
	for _, h := range m.Payload.Headers {
		b.WriteString(h.Name + ": " + strings.NewReplacer("\r", "", "\n", "\n ").Replace(h.Value) + "\r\n")
	}
	header, err = mailheader.Read(strings.NewReader(b.String()), maxHeader)
	return header, nil, err
}

// headerLimit is how much of a message is read for its header. Who looks into bodies looks behind a large header, too.
func (s *source) headerLimit() int {
	if s.c.content != nil {
		return maxContentHeader
	}
	return maxHeader
}

// keepMessage writes a header into the fact, and what was asked for of the body, and keeps it. body is nil where there is
// none.
func (s *source) keepMessage(f *Fact, h *mailheader.Header, body io.Reader) error {
	personal := selection.PersonalMark(evidence.Record{N: s.record.N, Exhibit: s.StoredExhibit}, selection.HeadOf(h)) != ""
	f.Set("personal", Bool(personal))
	if date, ok := h.Date(); ok {
		messageDate(f, &date)
	}
	if f.Time.IsZero() {
		f.Time, f.Zone = s.FetchedAt.UTC(), "Z"
		f.say("time_of", "collection")
	}
	if !personal {
		f.say("subject", h.Text("Subject").Text)
	} else {
		f.Fields = slices.DeleteFunc(f.Fields, func(x Field) bool { return x.Name == "attachments" })
	}
	correspondents(f, h, personal)
	for _, one := range [...]struct{ name, field string }{{"Message-ID", "message_id"}, {"In-Reply-To", "in_reply_to"}} {
		if ids := h.IDs(one.name); len(ids) > 0 {
			f.say(one.field, ids[0])
		}
	}
	refs := h.IDs("References")
	if len(refs) > 0 {
		f.say("references.last", refs[len(refs)-1])
	}
	f.say("thread", cmp.Or(f.Text("gmail.thread"), first(refs), f.Text("in_reply_to"), f.Text("message_id")))
	f.say("mailer", h.Mailer())
	f.say("auto_submitted", h.AutoSubmitted())
	if _, isList := h.List(); isList {
		f.Set("list", Bool(true))
	}
	hops, _ := h.Received()
	results, _ := h.Authentications()
	ip, from := origin(h, hops)
	duplicates := len(h.Duplicates())
	return s.inTurn(func() error { // whose the receiving server is hangs on the domains that earlier exhibits told
		s.authentication(f, results, hops)
		f.say("ip", ip)
		f.say("ip.from", from)
		if duplicates > 0 {
			f.Set("header.duplicates", Number(int64(duplicates)))
		}
		if f.Kind == KindMessage && sent(f) {
			f.Set("sent", Bool(true))
		}
		if err := s.content(f, h, body, personal); err != nil {
			return err
		}
		err := s.keep(f)
		s.c.reuse(f)
		return err
	})
}

// messageDate notes what the Date field says, which its writer chose, and how far it is from what the mail system says.
func messageDate(f *Fact, d *mailheader.Date) {
	if d.Unparsable {
		f.say("date.unparsable", d.Text)
		return
	}
	f.say("date", stamp(d.Time))
	f.say("date.zone", d.Zone)
	if f.Time.IsZero() {
		f.Time, f.Zone = d.Time.UTC(), d.Zone
		f.say("time_of", "date field")
		return
	}
	f.Set("date.off_hours", Number(int64(f.Time.Sub(d.Time).Abs()/time.Hour)))
}

// correspondents notes who wrote and to whom.
func correspondents(f *Fact, h *mailheader.Header, personal bool) {
	for _, one := range []struct{ name, field string }{{"From", "from"}, {"Reply-To", "reply_to"}, {"Return-Path", "return_path"}, {"Sender", "sender"}} {
		l := h.Addresses(one.name)
		if len(l.Addresses) == 0 {
			continue
		}
		a := &l.Addresses[0]
		f.say(one.field, strings.ToLower(a.String()))
		if one.field != "from" {
			continue
		}
		if !personal {
			f.say("from.name", a.Name)
		}
		if len(a.Others) > 0 {
			f.say("from.name_address", strings.ToLower(a.Others[0]))
		}
		if len(l.Addresses) > 1 {
			f.Set("from.several", Bool(true))
		}
	}
	var to []string
	for _, name := range []string{"To", "Cc", "Bcc"} {
		for _, a := range h.Addresses(name).Addresses {
			if s := a.String(); s != "" {
				to = append(to, strings.ToLower(s))
			}
		}
	}
	if len(to) > 0 {
		f.Set("recipients.count", Number(int64(len(to))))
		f.Set("recipients", List(cutList(f, to)))
	}
}

// authentication notes what the topmost Authentication-Results that the receiving server wrote says. Anybody can write such a
// field: one counts where its server is named by one of the newest Received fields, by the tenant, or is Gmail's own in
// Gmail's answers. Of others the name alone is kept.
func (s *source) authentication(f *Fact, all []mailheader.Authentication, hops []mailheader.Hop) {
	for i := range all {
		if all[i].ARC || all[i].ID == "" {
			continue
		}
		if !s.receiver(all[i].ID, all[i].Field, hops) {
			f.add("auth.foreign", Text(f.cut(all[i].ID)))
			continue
		}
		f.say("auth.by", all[i].ID)
		for _, r := range all[i].Results {
			switch r.Method {
			case "spf", "dkim", "dmarc":
				if f.Text("auth."+r.Method) == "" || r.Result == "pass" {
					f.say("auth."+r.Method, r.Result)
				}
			}
		}
		return
	}
}

// maxOwnHops is how many Received fields from the top are taken for the receiver's own: gateway, filter, store.
const maxOwnHops = 4

// receiver says whether an Authentication-Results field of that name and in that place is of the side that received the message:
// its servers are those of the newest Received fields, as long as these are below one registered domain. Below the first
// field of another's server stands what the sender may have written.
func (s *source) receiver(id string, field int, hops []mailheader.Hop) bool {
	id = strings.ToLower(strings.TrimSuffix(id, "."))
	named := s.c.known.book.Judge("x@"+id, s.Account).Class == addresses.Own
	if s.Collector == "workspace" || s.Attrs["x-gm-msgid"] != "" {
		named = named || id == "mx.google.com"
	}
	organisation := ""
	for _, hop := range hops[:min(len(hops), maxOwnHops)] {
		by := strings.ToLower(strings.TrimSuffix(hop.By, "."))
		registered, err := publicsuffix.EffectiveTLDPlusOne(by)
		switch {
		case by == "" || err != nil: // a server inside, which has no name in the world
		case organisation != "" && registered != organisation:
			return named && field < hop.Field
		default:
			organisation = registered
			own, err := publicsuffix.EffectiveTLDPlusOne(id)
			named = named || by == id || err == nil && own == organisation
		}
	}
	return named
}

// origin is the address that a message was handed in from, and which field says so: the oldest public one of the fields that mail
// systems write for it, or of the first server's Received. Whoever wrote the message may have invented both.
func origin(h *mailheader.Header, hops []mailheader.Hop) (ip, from string) {
	for _, o := range h.Origins() {
		if ip, ok := public(o.IPs); ok {
			return ip.String(), strings.ToLower(o.Name)
		}
	}
	for _, hop := range slices.Backward(hops) {
		if ip, ok := public(hop.FromIPs); ok {
			return ip.String(), "received"
		}
	}
	return "", ""
}

func public(ips []netip.Addr) (netip.Addr, bool) {
	for _, ip := range ips {
		if ip = ip.Unmap(); ip.IsGlobalUnicast() && !ip.IsPrivate() {
			return ip, true
		}
	}
	return netip.Addr{}, false
}

// sent says whether the account keeps the message as one that it sent: by the folder's or label's name in the languages
// of mail programs.
func sent(f *Fact) bool {
	if labels, ok := f.Get("labels"); ok {
		for _, l := range labels.All() {
			if l == "SENT" || strings.Contains(l, `\\Sent`) || strings.Contains(l, `\Sent`) {
				return true
			}
		}
	}
	return slices.Contains([]string{"sent", "sent items", "sent mail", "sent messages", "envoyés", "éléments envoyés", "messages envoyés", "gesendet", "gesendete elemente",
		"enviados", "elementos enviados", "inviata", "posta inviata", "inviati"}, lastFolder(f))
}

// lastFolder is the name of the message's folder without those that it is in, in lower case.
func lastFolder(f *Fact) string {
	folder := strings.ToLower(f.Text("folder"))
	if i := strings.LastIndexAny(folder, "/.\\"); i >= 0 {
		folder = folder[i+1:]
	}
	return folder
}

// draftFolder says whether the account keeps the message as one that is not sent yet.
func draftFolder(f *Fact) bool {
	return strings.Contains(strings.ToLower(f.Text("flags")), `\draft`) || slices.Contains([]string{"drafts", "draft", "brouillons", "entwürfe", "borradores", "bozze"}, lastFolder(f))
}

func first(texts []string) string {
	if len(texts) == 0 {
		return ""
	}
	return texts[0]
}
