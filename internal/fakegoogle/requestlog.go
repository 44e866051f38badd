package fakegoogle

import (
	"crypto/sha256"
	"net/http"
	"slices"
	"time"
)

// A Request is one line of the tenant's log of requests.
type Request struct {
	Time    time.Time // of the tenant's clock
	Subject string    // for whom the call was made; "" before that was known
	Scopes  []string  // of the access token
	Method  string    // discovery id, "token" for the token endpoint, "" for a path that no API has
	Verb    string
	Path    string // escaped, without the query
	Query   string
	Page    int // of a chain of pages, from 1
	Status  int
	Reason  string // of a refusal, for example rateLimitExceeded
	Units   int    // of quota
	Bytes   int    // of the body before compression
	Gzip    bool   // the body was sent compressed
	Broken  bool   // a fault cut or damaged the answer: it did not arrive

	Digest [sha256.Size]byte // of the body before compression, as it should have arrived
	Items  int               // of a list: how many things this page has
	Total  int               // of a list: how many things all its pages have; of a log, which Held counts, as Items
}

// Reads says that the request cannot change anything: it is a GET, a query that is posted, or asks for a token.
func (r Request) Reads() bool {
	return r.Verb == http.MethodGet || r.Method == "driveactivity.activity.query" || r.Method == "vault.matters.count" || r.Method == "token" || isSpecial(r.Method)
}

// Requests returns the log so far, oldest first.
func (t *Tenant) Requests() []Request {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.requests)
}

// ForgetRequests empties the log.
func (t *Tenant) ForgetRequests() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.requests = nil
}

// log writes a call down. It holds the lock.
func (t *Tenant) log(c *call, a answer, fault *Fault) {
	line := Request{Broken: fault != nil && (fault.Reset || fault.Truncate || fault.Garbage),
		Time: c.now, Subject: c.subject, Verb: c.request.Method, Path: c.request.URL.EscapedPath(), Query: c.request.URL.RawQuery,
		Page: c.page, Digest: sha256.Sum256(a.body), Items: c.items, Total: c.total, Status: a.status, Reason: a.reason, Units: c.units, Bytes: len(a.body),
		Gzip: len(a.body) > 0 && c.method != nil && t.compresses(c.request)}
	line.Method = c.id()
	if c.token != nil {
		line.Scopes = c.token.scopes
	}
	t.requests = append(t.requests, line)
}
