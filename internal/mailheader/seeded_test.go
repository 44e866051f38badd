package mailheader_test

import (
	"bytes"
	"fmt"
	"mime"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/internal/mailheader"
	"github.com/mbaudit/mbaudit/internal/seedmail"
)

// TestSeeded reads 5,000 messages of the generator and wants in every field what was put there. What that is comes from
// what the generator promises, and from the parsers of the standard library, where these can read the field.
func TestSeeded(t *testing.T) {
	compared, hops := 0, 0
	for m := range seedmail.Mailbox(seedmail.Spec{Seed: 77, Messages: 5000, MeanSize: 500}) {
		h, err := mailheader.Read(bytes.NewReader(m.Raw), 0)
		if err != nil {
			t.Fatal(err)
		}
		if m.Kind == seedmail.Empty || m.Kind == seedmail.Duplicate { // the bytes of an earlier one
			continue
		}
		c := comparison{t: t, m: m, h: &h}
		compared++
		hops += c.all()
	}
	if compared < 4500 || hops < 5000 {
		t.Errorf("%d messages with %d hops were compared", compared, hops)
	}
	for _, m := range seedmail.Compromised() {
		h := mailheader.Split(m.Raw)
		c := comparison{t: t, m: m, h: &h}
		c.all()
	}
}

type comparison struct {
	t *testing.T
	m seedmail.Message
	h *mailheader.Header
}

func (c *comparison) want(what, got, want string) {
	c.t.Helper()
	if got != want {
		c.t.Errorf("%s %s: %q, want %q", c.m.Kind, what, got, want)
	}
}

func (c *comparison) all() (hops int) {
	c.t.Helper()
	c.block()
	std := c.standard()
	c.addresses(std)
	c.want("Subject", c.h.Text("Subject").Text, c.subject(std))
	c.date(std)
	c.identifiers(std)
	c.signature(std)
	c.media(std)
	return c.received(std)
}

// block wants every line of the block in a field.
func (c *comparison) block() {
	c.t.Helper()
	var again []byte
	for i := range c.h.Fields {
		f := &c.h.Fields[i]
		again = append(again, f.Raw...)
		if f.Kind != mailheader.Proper && (f.Kind != mailheader.NoColon || c.m.Kind != seedmail.NoColon) {
			c.t.Errorf("%s: %q is of kind %d", c.m.Kind, f.Raw, f.Kind)
		}
	}
	if !bytes.Equal(again, c.h.Block) || !bytes.HasPrefix(c.m.Raw, again) || c.h.Ended == (c.m.Kind == seedmail.HeaderOnly) || len(c.h.Duplicates()) > 0 {
		c.t.Errorf("%s: the fields are not the block, or it has no end", c.m.Kind)
	}
}

// standard reads the header with net/mail, which wants it well-formed: the line without a colon is left out for it, and
// an end put behind.
func (c *comparison) standard() mail.Header {
	var clean []byte
	for i := range c.h.Fields {
		if c.h.Fields[i].Kind == mailheader.Proper {
			clean = append(clean, c.h.Fields[i].Raw...)
		}
	}
	m, err := mail.ReadMessage(bytes.NewReader(append(clean, "\r\n"...)))
	if err != nil {
		c.t.Fatalf("%s: %v", c.m.Kind, err)
	}
	return m.Header
}

func (c *comparison) addresses(std mail.Header) {
	c.t.Helper()
	for _, name := range []string{"From", "To", "Cc", "Return-Path", "Delivered-To"} {
		values := std[name]
		if values == nil {
			continue
		}
		if name == "From" && c.m.Kind == seedmail.RawHeader {
			list := c.h.Addresses(name)
			c.want("From", list.Addresses[0].Name, "Société Générée")
			continue
		}
		want, err := mail.ParseAddressList(values[0])
		if err != nil {
			c.t.Fatalf("%s: %v", values[0], err)
		}
		got := c.h.Addresses(name)
		if len(got.Addresses) != len(want) {
			c.t.Fatalf("%s: %d addresses, want %d", name, len(got.Addresses), len(want))
		}
		for i, a := range got.Addresses {
			c.want(name+" name", a.Name, want[i].Name)
			c.want(name, a.String(), want[i].Address)
			if len(a.Problems)+len(a.Others) > 0 {
				c.t.Errorf("%s: %q %q", values[0], a.Problems, a.Others)
			}
		}
	}
}

func (c *comparison) subject(std mail.Header) string {
	if c.m.Kind == seedmail.RawHeader {
		at := c.m.InternalDate
		if c.h.Text("Subject").Problems == nil {
			c.t.Error("bytes without a character set are no problem")
		}
		return "Réponse à votre demande du " + at.Format("02/01") + " (éàü)"
	}
	decoded, err := new(mime.WordDecoder).DecodeHeader(std.Get("Subject"))
	if err != nil {
		c.t.Fatal(err)
	}
	return decoded
}

func (c *comparison) date(std mail.Header) {
	c.t.Helper()
	got, ok := c.h.Date()
	if c.m.Kind == seedmail.NoDate {
		if ok {
			c.t.Error("a date where there is none")
		}
		return
	}
	want, err := std.Date()
	if err != nil {
		c.t.Fatal(err)
	}
	c.want("Date", got.Time.Format(time.RFC1123Z), want.Format(time.RFC1123Z))
	if got.Problems != nil || got.Unparsable {
		c.t.Errorf("%+v", got)
	}
}

func (c *comparison) identifiers(std mail.Header) {
	c.t.Helper()
	for _, name := range []string{"Message-ID", "In-Reply-To", "References"} {
		want := strings.NewReplacer("<", "", ">", "").Replace(strings.Join(strings.Fields(std.Get(name)), " "))
		c.want(name, strings.Join(c.h.IDs(name), " "), want)
	}
}

func (c *comparison) signature(std mail.Header) {
	c.t.Helper()
	signatures, _ := c.h.Signatures()
	auth, _ := c.h.Authentications()
	if len(signatures) != len(std["Dkim-Signature"]) || len(auth) != len(std["Authentication-Results"]) {
		c.t.Fatalf("%d signatures, %d results", len(signatures), len(auth))
	}
	if len(signatures) == 0 {
		return
	}
	s, a := signatures[0], auth[0]
	_, domain, _ := strings.Cut(strings.Trim(std.Get("Return-Path"), "<>"), "@")
	c.want("d=", s.Domain, domain)
	c.want("s=", s.Selector, "mail2025")
	c.want("h=", strings.Join(s.Signed, ":"), "from:to:subject:date:message-id")
	if len(s.BodyHash) != 44 || len(s.Value) != 344 || s.At.IsZero() || s.Problems != nil {
		c.t.Errorf("%+v", s)
	}
	c.want("authserv-id", a.ID, "mx1.example.test")
	got := ""
	for _, r := range a.Results {
		got += r.Method + "=" + r.Result
		for _, p := range r.Properties {
			got += " " + p.Type + "." + p.Name + "=" + p.Value
		}
		got += "; "
	}
	_, want, _ := strings.Cut(std.Get("Authentication-Results"), "; ")
	c.want("results", got, want+"; ")
}

func (c *comparison) media(std mail.Header) {
	c.t.Helper()
	got, ok := c.h.Media("Content-Type")
	if std.Get("Content-Type") == "" {
		if ok {
			c.t.Error("a Content-Type where there is none")
		}
		return
	}
	value, params, err := mime.ParseMediaType(std.Get("Content-Type"))
	if err != nil {
		c.t.Fatal(err)
	}
	c.want("Content-Type", got.Value, value)
	if len(got.Params) != len(params) {
		c.t.Errorf("%q, want %q", got.Params, params)
	}
	for name, value := range params {
		c.want(name, got.Param(name), value)
	}
}

func (c *comparison) received(std mail.Header) int {
	c.t.Helper()
	hops, truncated := c.h.Received()
	if len(hops) != len(std["Received"]) || truncated {
		c.t.Fatalf("%d hops", len(hops))
	}
	for i, hop := range hops {
		var from, comment, by, with, id, to string
		line := strings.Join(strings.Fields(std["Received"][i]), " ")
		clauses, date, _ := strings.Cut(line, "; ")
		if _, err := fmt.Sscanf(clauses, "from %s %s %s by %s (Postfix) with %s id %s for %s", &from, &comment, new(string), &by, &with, &id, &to); err != nil {
			c.t.Fatalf("%s: %v", line, err)
		}
		c.want("from", hop.From, from)
		c.want("by", hop.By, by)
		c.want("with", hop.With, with)
		c.want("id", hop.ID, id)
		c.want("for", hop.For, strings.Trim(to, "<>"))
		_, ip, _ := strings.Cut(line, "([")
		if !strings.Contains(line, "([") {
			_, ip, _ = strings.Cut(line[strings.Index(line, "("):], "[")
		}
		ip, _, _ = strings.Cut(ip, "]")
		if len(hop.FromIPs) != 1 || hop.FromIPs[0].String() != strings.TrimPrefix(ip, "IPv6:") {
			c.t.Errorf("%s: %v", line, hop.FromIPs)
		}
		want, err := mail.ParseDate(date)
		if err != nil || !hop.Date.Time.Equal(want) || hop.Date.Problems != nil {
			c.t.Errorf("%s: %v, %v", line, hop.Date, err)
		}
	}
	if !slices.IsSortedFunc(hops, func(a, b mailheader.Hop) int { return b.Date.Time.Compare(a.Date.Time) }) {
		c.t.Error("hops are not newest first")
	}
	return len(hops)
}
