package gmailmessage

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	raw := "Subject: a\r\n\r\n\xff\xfe body?>"
	whole := `{"id":"18c","threadId":"18b","historyId":"77","labelIds":["INBOX","Label_1"],"internalDate":"1760000000123","raw":"` +
		base64.URLEncoding.EncodeToString([]byte(raw)) + `"}`
	for name, text := range map[string]string{"message": whole, "draft": `{"id":"r9","message":` + whole + `}`, "without padding": strings.ReplaceAll(whole, "=", "")} {
		m, err := Parse([]byte(text))
		if err != nil || m.ID != "18c" || m.Thread != "18b" || m.History != "77" || len(m.Labels) != 2 || !m.Received.Equal(time.UnixMilli(1760000000123)) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
		if got, err := m.Raw(); err != nil || string(got) != raw {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestHead(t *testing.T) {
	m, err := Parse([]byte(`{"id":"1","payload":{"headers":[{"name":"Subject","value":"a\r\nBcc: b"},{"name":"X\n","value":""}]}}`))
	if err != nil || !m.Described() {
		t.Fatal(m, err)
	}
	if head, err := m.Head(); err != nil || string(head) != "Subject: a Bcc: b\r\nX : \r\n\r\n" {
		t.Errorf("%q, %v", head, err)
	}
	if _, err := m.Raw(); !errors.Is(err, ErrNotRaw) {
		t.Error(err)
	}
}

func TestRefused(t *testing.T) {
	for _, text := range []string{"", "[]", "{}", `{"id":7}`, `{"message":{}}`} {
		if _, err := Parse([]byte(text)); !errors.Is(err, ErrNoAnswer) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, raw := range []string{"", "a", "+/+/", "Zm9v!", "===="} {
		m, err := Parse([]byte(`{"id":"1","sizeEstimate":3,"raw":"` + raw + `"}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Raw(); !errors.Is(err, ErrDamaged) {
			t.Errorf("%q: %v", raw, err)
		}
	}
	m, err := Parse([]byte(`{"id":"1","raw":""}`))
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := m.Raw(); err != nil || len(raw) != 0 {
		t.Errorf("a message without a byte: %q, %v", raw, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"id":"1","raw":"Zm9v","payload":{"headers":[{"name":"a","value":"b"}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse(data)
		if err != nil {
			return
		}
		head, err := m.Head()
		if raw, rawErr := m.Raw(); rawErr == nil && (err != nil || string(raw) != string(head)) {
			t.Errorf("%q begins with %q, %v", raw, head, err)
		}
	})
}
