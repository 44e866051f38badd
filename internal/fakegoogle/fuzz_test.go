package fakegoogle

import (
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
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

// FuzzRequests sends any method any path values, queries and bodies: the answer is always one of Google's shapes, and
// never a request that fell over.
func FuzzRequests(f *testing.F) {
	key, err := sharedKey()
	if err != nil {
		f.Fatal(err)
	}
	methods := loadDiscovery().methods()
	bodies := requestBodies()
	for i, m := range methods {
		body, err := json.Marshal(bodies[m.ID])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint16(i), Victim, "1", "maxResults=3&pageToken=x", string(body))
	}
	f.Add(uint16(0), "my_customer", sharedFile, "alt=json&fields=items(id)", `{"accounts":[{"accountId":"x"}]}`)
	f.Fuzz(func(t *testing.T, number uint16, first, second, query, body string) {
		answerOf(t, key, methods[int(number)%len(methods)], []string{first, second}, query, body)
	})
}

// methods are all of the extract's.
func (e *extract) methods() []method {
	var all []method
	for _, api := range e.APIs {
		all = append(all, api.Methods...)
	}
	return all
}

// answerOf asks a new tenant and checks the shape of its answer.
func answerOf(t *testing.T, key *rsa.PrivateKey, m method, values []string, query, body string) {
	tenant := New(Config{Key: key, Now: Start})
	subject := Admin
	if m.api.Name == "gmail" || strings.HasPrefix(m.api.Name, "drive") || m.api.Name == "calendar" {
		subject = Victim
	}
	tenant.issued["t"] = &accessToken{subject: subject, scopes: m.Scopes, expires: Start().AddDate(1, 0, 0)}
	path := ""
	for i, segment := range m.segments {
		before, rest, found := strings.Cut(segment, "{")
		if found {
			_, after, _ := strings.Cut(rest, "}")
			segment = before + url.PathEscape(values[i%len(values)]) + after
		}
		path += "/" + segment
	}
	r := httptest.NewRequest(m.Verb, "https://"+m.api.Host+"/", strings.NewReader(body))
	parsed, err := url.ParseRequestURI(path)
	if err != nil {
		return
	}
	r.URL.Path, r.URL.RawPath, r.URL.RawQuery = parsed.Path, parsed.RawPath, query
	r.Header.Set("Authorization", "Bearer t")
	w := httptest.NewRecorder()
	tenant.Handler().ServeHTTP(w, r)
	switch {
	case w.Code == http.StatusNoContent && w.Body.Len() == 0:
	case w.Code == http.StatusNotFound && strings.HasPrefix(w.Header().Get("Content-Type"), "text/html"):
	case w.Code >= 200 && w.Code <= 501 && json.Valid(w.Body.Bytes()):
	default:
		t.Errorf("%s %s?%s was answered %d %q", m.Verb, path, query, w.Code, w.Body)
	}
}
