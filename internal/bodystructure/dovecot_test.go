package bodystructure_test

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/collectors/imap"
	"github.com/mbaudit/mbaudit/internal/bodystructure"
	"github.com/mbaudit/mbaudit/internal/mailheader"
	"github.com/mbaudit/mbaudit/internal/secret"
	"github.com/mbaudit/mbaudit/internal/seedmail"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

// TestDovecot collects a seeded mailbox without bodies, and wants from the kept answers the types, names and sizes of parts
// that the messages themselves have.
func TestDovecot(t *testing.T) {
	d := servertest.Dovecot(t)
	alice := d.Users[0]
	spec := seedmail.Spec{Seed: 9, Messages: 300, MeanSize: 3000, Owner: alice, Folders: []string{"INBOX"}}
	d.Seed(t, alice, spec)
	collector, err := imap.New(imap.Config{URL: "imaps://" + net.JoinHostPort(d.Host, strconv.Itoa(d.IMAPSPort)), RootCAFile: d.CAFile, Password: secret.New(d.Password)})
	if err != nil {
		t.Fatal(err)
	}
	sink := &collectortest.Sink{}
	if err := collector.Collect(t.Context(), collectors.Scope{Account: alice, Folders: []string{"INBOX"}}, sink); err != nil {
		t.Fatal(err)
	}
	answers := make(map[string]*bodystructure.Part)
	for _, k := range sink.Messages() {
		p, ok := bodystructure.Find(k.Response)
		if !ok {
			t.Fatalf("no structure in %q", k.Response)
		}
		header := mailheader.Split(k.Body)
		answers[string(header.Block)] = p
	}
	parts := 0
	for m := range seedmail.Mailbox(spec) {
		wire := seedmail.OnWire(m.Raw)
		header := mailheader.Split(wire)
		p := answers[string(header.Block)]
		if p == nil {
			t.Errorf("%s: the message was not collected", m.Kind)
			continue
		}
		if m.Kind.Broken() || m.Kind == seedmail.Duplicate {
			continue // what the server makes of those is its own affair; they are read, that is all
		}
		parts += check(t, m.Kind, p, wire)
	}
	if parts < 300 {
		t.Errorf("%d parts were compared", parts)
	}
}

// check compares a message's parts with what the standard library reads from its bytes.
func check(t *testing.T, kind seedmail.Kind, p *bodystructure.Part, raw []byte) (parts int) {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	media, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	if p.Type != media || len(p.Problems) > 0 {
		t.Errorf("%s: %s, want %s; %q", kind, p.Type, media, p.Problems)
	}
	if !strings.HasPrefix(media, "multipart/") {
		body, err := io.ReadAll(m.Body)
		if err != nil || p.Size != int64(len(body)) {
			t.Errorf("%s: %d bytes, want %d, %v", kind, p.Size, len(body), err)
		}
		return 1
	}
	r := multipart.NewReader(m.Body, params["boundary"])
	for ; ; parts++ {
		part, err := r.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if parts >= len(p.Parts) {
			t.Fatalf("%s: %d parts are too few", kind, len(p.Parts))
		}
		body, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		comparePart(t, kind, p.Parts[parts], part, body)
	}
	if parts != len(p.Parts) {
		t.Errorf("%s: %d parts, want %d", kind, len(p.Parts), parts)
	}
	return parts
}

func comparePart(t *testing.T, kind seedmail.Kind, got *bodystructure.Part, part *multipart.Part, body []byte) {
	t.Helper()
	media, _, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	if got.Type != media || got.Size != int64(len(body)) || !strings.EqualFold(got.Encoding, cmp.Or(part.Header.Get("Content-Transfer-Encoding"), "7bit")) {
		t.Errorf("%s: %s %s of %d bytes, want %s of %d", kind, got.Type, got.Encoding, got.Size, media, len(body))
	}
	name, err := new(mime.WordDecoder).DecodeHeader(part.FileName())
	if err != nil {
		t.Fatal(err)
	}
	if name != "" && !slices.Equal(got.Names(), []string{name}) {
		t.Errorf("%s: %q, want %q", kind, got.Names(), name)
	}
	if attached := strings.HasPrefix(part.Header.Get("Content-Disposition"), "attachment"); attached != (len(got.Attachments()) > 0) {
		t.Errorf("%s: attached is %v", kind, !attached)
	}
	if got.Encoding == "base64" {
		if _, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(string(body), "\r\n", "")); err != nil {
			t.Errorf("%s: the comparison reads other bytes: %v", kind, err)
		}
	}
	if media == "message/rfc822" && (len(got.Parts) != 1 || got.Parts[0].Path != got.Path+".1") {
		t.Errorf("%s: the message in %s is %v", kind, got.Path, got.Parts)
	}
}
