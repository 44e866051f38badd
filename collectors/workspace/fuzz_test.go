package workspace

import (
	"encoding/json"
	"net/http"
	"testing"
	"unicode/utf8"
)

// FuzzAnswer reads any bytes as an answer: what is taken for one is whole JSON, and the backup codes in it are described
// or refused.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{``, `{}`, `null`, `[]`, `{"items":[{"verificationCode":"12345678"}],"nextPageToken":"x"}`, `{"items":{}}`, `{"nextPageToken":1}`,
		`{"items":[`, `{"items":[null,{"verificationCode":null}]}`, "{\"items\":[{\"verificationCode\":\"\xff\"}]}", `{"items":null,"Items":[{}]}`} {
		f.Add([]byte(seed), "")
		f.Add([]byte(seed), "gzip")
		f.Add([]byte(seed), "br")
	}
	f.Fuzz(func(t *testing.T, body []byte, packed string) {
		a := &answer{body: body, packed: packed}
		if a.parse(source{list: "items"}) != nil {
			return
		}
		if !json.Valid(a.json) {
			t.Fatalf("%q is taken for an answer", a.json)
		}
		if doc, err := describeCodes(a, "a@b"); err == nil && !json.Valid(doc) {
			t.Fatalf("the description is %q", doc)
		}
	})
}

// FuzzRefusal reads any bytes as a refusal: whatever the server says is text of a bounded length, and a refusal.
func FuzzRefusal(f *testing.F) {
	for _, seed := range []string{``, `{}`, `<html>`, `{"error":{"message":"no","status":"PERMISSION_DENIED","errors":[{"reason":"rateLimitExceeded"}]}}`,
		`{"error":"invalid_grant","error_description":"Invalid email or User ID"}`, `{"error":{"errors":[null],"details":null}}`, `{"error":[]}`} {
		f.Add(403, "17", []byte(seed))
		f.Add(429, "Wed, 25 Nov 2026 11:00:00 GMT", []byte(seed))
		f.Add(400, "-9999999999999999999", []byte(seed))
	}
	f.Fuzz(func(t *testing.T, status int, after string, body []byte) {
		header := http.Header{"Retry-After": {after}, "Date": {"Wed, 25 Nov 2026 10:00:00 GMT"}}
		for _, got := range []*failure{refusal(status, header, body), tokenRefusal(status, header, body)} {
			if got.kind == nil || got.after < 0 || !utf8.ValidString(got.text) || len(got.text) > 3*longestWords+200 {
				t.Fatalf("%d %q %q: %+v", status, after, body, got)
			}
		}
	})
}
