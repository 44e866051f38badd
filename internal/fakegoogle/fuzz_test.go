package fakegoogle

import (
	"encoding/json"
	"testing"
)

// FuzzParsers feeds what callers and mailboxes send to the parsers: none may fall over, and a mask keeps no field that
// was not there.
func FuzzParsers(f *testing.F) {
	for _, s := range []string{"items(id,events/name),nextPageToken", "a/b(c", "from:x -after:2026/1/1 newer_than:7d", "a==b,c<>d", "eyJwIjoyfQ", "1,2",
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx--b--",
		"Content-Disposition: attachment; filename=x\nContent-Transfer-Encoding: base64\n\n????"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if kept, err := mask(object{"items": []any{object{"id": "1"}}, "a": object{"b": true}}, s); err == nil && len(kept) > 2 {
			t.Errorf("%q kept %v", s, kept)
		}
		searchFor(s, Start())(&gmailState{}, &message{subject: s})
		if filters, ok := parseFilters(s); ok {
			for _, filter := range filters {
				filter.holds(s)
			}
		}
		parsePageToken(s)
		parseKey(s)
		if _, err := json.Marshal(payload([]byte(s))); err != nil {
			t.Error(err)
		}
		attachment([]byte(s), "ANGjdJ-"+s)
	})
}
