package fakegoogle

import (
	"net/http"
	"regexp"
	"slices"
	"time"
)

// A Fault is something that goes wrong with the requests it matches. Of several that match, the first given is taken.
type Fault struct {
	// Which requests: a discovery id such as reports.activities.list or "token" for the token endpoint, a regular expression for the escaped path, a
	// subject, the number of the page in its chain (from 1). Zero fields match all.
	Method  string
	Path    string
	Subject string
	Page    int
	// Times is how many requests it hits; 0 means one, negative means all.
	Times int

	// What happens. With Status, the request is not carried out and is answered with that status and Reason. With
	// the others it is carried out, and its answer is lost or damaged.
	Status     int
	Reason     string
	RetryAfter time.Duration

	Reset       bool          // the connection is cut before the first byte of the answer
	Truncate    bool          // the connection is cut after half of the body
	Garbage     bool          // half of the body is sent as if it were the whole
	Slow        time.Duration // the body takes so long on the machine's clock, in ten pieces after the header
	RepeatToken bool          // nextPageToken is the token of this same page
	LoopToken   bool          // nextPageToken is the token of the first page

	path *regexp.Regexp
}

// Fail lets faults happen from now on. It panics on a path that is no regular expression, or a method that the tenant
// does not serve: a fault that can never happen would prove nothing.
func (t *Tenant) Fail(faults ...Fault) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range faults {
		if f.Method != "" && f.Method != "token" && !isSpecial(f.Method) && t.handlers[f.Method] == nil {
			panic("fakegoogle: a fault for " + f.Method + ", which is not served")
		}
		f.path = regexp.MustCompile(f.Path)
		if f.Times == 0 {
			f.Times = 1
		}
		t.faults = append(t.faults, &f)
	}
}

// FaultsLeft returns the faults that were given a number of times and have not happened as often yet.
func (t *Tenant) FaultsLeft() []Fault {
	t.mu.Lock()
	defer t.mu.Unlock()
	var left []Fault
	for _, f := range t.faults {
		if f.Times > 0 {
			left = append(left, *f)
		}
	}
	return left
}

// faultFor takes the fault that a call is to meet. It holds the lock.
func (t *Tenant) faultFor(c *call) *Fault {
	subject := ""
	if token := t.bearer(c.request); token != nil {
		subject = token.subject
	}
	for _, f := range t.faults {
		if f.Times == 0 || f.Page != 0 && f.Page != c.page || f.Subject != "" && f.Subject != subject || !f.path.MatchString(c.request.URL.EscapedPath()) {
			continue
		}
		if f.Method != "" && c.id() != f.Method {
			continue
		}
		if f.Times > 0 {
			f.Times--
		}
		taken := *f
		return &taken
	}
	return nil
}

// error is the answer that a fault gives instead.
func (f *Fault) error() *apiError {
	reason, domain := f.Reason, "global"
	if reason == "" {
		reason = map[int]string{http.StatusUnauthorized: "authError", http.StatusForbidden: "userRateLimitExceeded", http.StatusNotFound: "notFound",
			http.StatusTooManyRequests: "rateLimitExceeded", http.StatusInternalServerError: "internalError"}[f.Status]
	}
	if reason == "" {
		reason = "backendError"
	}
	if reason == "userRateLimitExceeded" || reason == "rateLimitExceeded" || reason == "quotaExceeded" || reason == "accessNotConfigured" {
		domain = "usageLimits"
	}
	e := failure(f.Status, reason, "%s", http.StatusText(f.Status))
	e.info = map[string]string{"insufficientPermissions": "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "accessNotConfigured": "SERVICE_DISABLED",
		"userRateLimitExceeded": "RATE_LIMIT_EXCEEDED", "rateLimitExceeded": "RATE_LIMIT_EXCEEDED", "quotaExceeded": "RATE_LIMIT_EXCEEDED"}[reason] // all that the newer APIs say of it
	e.domain, e.retry = domain, int(f.RetryAfter/time.Second)
	return e
}

// tokens puts another page token into the answer.
func (f *Fault) tokens(c *call, result object) {
	p, err := c.asked()
	if err != nil || result == nil {
		return
	}
	switch {
	case f.RepeatToken:
		result["nextPageToken"] = p.String()
	case f.LoopToken:
		result["nextPageToken"] = pageToken{Page: 1, Digest: p.Digest}.String()
	}
}

// write sends the body as the fault wants it.
func (f *Fault) write(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	switch {
	case f.Reset:
		panic(http.ErrAbortHandler)
	case f.Garbage:
		w.Header().Del("Content-Length")
		body = body[:len(body)/2]
	}
	w.WriteHeader(status)
	half := len(body) / 2
	switch {
	case f.Truncate:
		w.Write(body[:half])
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case f.Slow > 0:
		trickle(w, r, body, f.Slow)
	default:
		w.Write(body)
	}
}

// trickle sends a body in pieces, as long as somebody reads.
func trickle(w http.ResponseWriter, r *http.Request, body []byte, total time.Duration) {
	const pieces = 10
	for piece := range slices.Chunk(body, len(body)/pieces+1) {
		http.NewResponseController(w).Flush()
		select {
		case <-time.After(total / pieces):
		case <-r.Context().Done():
			return
		}
		w.Write(piece)
	}
}
