package fakegoogle

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	projectNumber = "314159265358"
	bodyLimit     = 32 << 20 // of a request
)

// A call is one request to a method.
type call struct {
	tenant  *Tenant
	request *http.Request
	method  *method
	path    map[string]string
	query   url.Values
	body    object
	token   *accessToken
	subject string // primary address of the user for whom the call is made
	now     time.Time
	page    int // of a chain of pages, from 1
	units   int
	entered bool
	read    map[string]bool // parameters that the answer takes account of
	finish  func()          // completes the answer, without the lock; nil is nothing
	items   int             // how many things the answer lists
	total   int             // how many things the whole list has, of which the answer is a page
	large   int             // about how many bytes the answer has, where that is known
}

// arg is the value of a query parameter.
func (c *call) arg(name string) string {
	c.read[name] = true
	return c.query.Get(name)
}

// args are the values of a repeated query parameter.
func (c *call) args(name string) []string {
	c.read[name] = true
	return c.query[name]
}

func (c *call) has(name string) bool {
	c.read[name] = true
	return c.query.Has(name)
}

// serve answers one request and writes it down.
func (t *Tenant) serve(w http.ResponseWriter, r *http.Request) {
	host, _, _ := strings.Cut(r.Host, ":")
	m, path := t.discovery.route(host, r.Method, r.URL.EscapedPath())
	c := &call{tenant: t, request: r, method: m, path: path, query: r.URL.Query(), page: 1, read: map[string]bool{}}
	c.page = pageNumber(c.pageToken())

	t.mu.Lock()
	c.now = t.config.Now()
	t.settle(c.now)
	fault := t.faultFor(c)
	t.mu.Unlock()

	if isToken(r) {
		t.serveToken(w, c, fault)
		return
	}
	if special(r) != "" {
		t.serveSpecial(w, c, fault)
		return
	}
	t.write(w, c, c.answer(fault), fault)
}

// pageToken is the token of the page that is asked for, which a search that is posted has in its body.
func (c *call) pageToken() string {
	if c.method == nil || c.method.ID != "driveactivity.activity.query" {
		return c.query.Get("pageToken")
	}
	raw, err := io.ReadAll(io.LimitReader(c.request.Body, bodyLimit+1))
	if err != nil {
		return ""
	}
	c.request.Body = io.NopCloser(bytes.NewReader(raw))
	var posted struct{ PageToken string }
	_ = json.Unmarshal(raw, &posted) // what is no JSON is refused when it is read
	return posted.PageToken
}

// id names the method in the log and in faults; a path that no API has is "".
func (c *call) id() string {
	switch {
	case isToken(c.request):
		return "token"
	case special(c.request) != "":
		return special(c.request)
	case c.method != nil:
		return c.method.ID
	}
	return ""
}

// An answer is what a call comes to before it is written.
type answer struct {
	status int
	header http.Header
	body   []byte
	reason string // of an error
}

// answer makes the call, or what the fault wants instead.
func (c *call) answer(fault *Fault) answer {
	if c.method == nil {
		page := "<!DOCTYPE html>\n<html lang=en><title>Error 404 (Not Found)!!1</title><p><b>404.</b> The requested URL was not found on this server.\n"
		return answer{http.StatusNotFound, http.Header{"Content-Type": {"text/html; charset=UTF-8"}}, []byte(page), "notFound"}
	}
	if fault != nil && fault.Status != 0 {
		return c.failed(fault.error())
	}
	if err := c.admit(); err != nil {
		return c.failed(err)
	}
	c.linger(c.tenant.config.Latency(c.method.ID))
	result, early := c.carryOut(fault)
	if early != nil {
		return *early
	}
	c.finish()
	return c.succeeded(result)
}

// linger takes the time that a call takes.
func (c *call) linger(wait time.Duration) {
	if wait <= 0 {
		return
	}
	select {
	case <-time.After(wait):
	case <-c.request.Context().Done():
	}
}

// carryOut makes the call under the lock. What may change under the reader's eyes is written there too; where the call
// has something to finish, the answer is left to be written without the lock.
func (c *call) carryOut(fault *Fault) (object, *answer) {
	err := c.readBody()
	c.tenant.mu.Lock()
	defer c.tenant.mu.Unlock()
	defer c.tenant.leave(c)
	var result object
	if err == nil {
		result, err = c.perform()
	}
	if err != nil {
		a := c.failed(err)
		return nil, &a
	}
	if c.changes() {
		c.tenant.provoke(c.now)
	}
	if fault != nil {
		fault.tokens(c, result)
	}
	if c.finish == nil {
		a := c.succeeded(result)
		return nil, &a
	}
	return result, nil
}

// admit checks who calls, whether he may, and whether his quota lasts.
func (c *call) admit() *apiError {
	t := c.tenant
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := c.authenticate(); err != nil {
		return err
	}
	if slices.Contains(t.config.DisabledAPIs, c.method.api.service()) {
		return notConfigured(c.method.api, projectNumber)
	}
	if !slices.ContainsFunc(c.method.Scopes, func(scope string) bool { return slices.Contains(c.token.scopes, scope) }) {
		return insufficientScope()
	}
	if err := t.charge(c); err != nil {
		return err
	}
	c.used()
	return t.enter(c)
}

// perform makes the call. It holds the lock.
func (c *call) perform() (object, *apiError) {
	if err := c.method.checkQuery(c.query); err != nil {
		return nil, err
	}
	if c.method.api.Host == "admin.googleapis.com" {
		if err := c.mayAdminister(); err != nil {
			return nil, err
		}
	}
	if err := c.licensed(""); err != nil {
		return nil, err
	}
	if c.changes() {
		if err := c.ignored(); err != nil {
			return nil, err
		}
	}
	result, err := c.tenant.handlers[c.method.ID](c.tenant, c)
	if err == nil {
		err = c.ignored()
	}
	return result, err
}

// changes says that the call may change something.
func (c *call) changes() bool {
	return c.request.Method != http.MethodGet && c.method.ID != "driveactivity.activity.query"
}

// ignored refuses parameters that the answer takes no account of, unless it is right without: a test must not believe
// that it got what it asked for.
func (c *call) ignored() *apiError {
	for name, values := range c.query {
		if _, own := c.method.Parameters[name]; !own || c.read[name] {
			continue
		}
		switch name {
		case "customer", "customerId":
			if id := strings.TrimPrefix(values[0], "customers/"); id != CustomerID && id != "my_customer" {
				return failure(http.StatusForbidden, "forbidden", "Not Authorized to access this resource/api")
			}
			continue
		case "projection", "view", "supportsAllDrives", "supportsTeamDrives", "includeItemsFromAllDrives", "includeTeamDriveItems", "includeSensitiveData",
			"includeIndirectRoleAssignments", "includeSpamTrash":
			continue // more than the default is always answered, or there is no more
		}
		if slices.Contains([]string{"", "false", "user", "drive", "admin_view", "createTime desc", "FULL", "FULL_HOLD"}, values[0]) {
			continue // the default
		}
		return failure(http.StatusNotImplemented, "notImplemented", "fakegoogle does not understand %s=%s", name, values[0])
	}
	return nil
}

// readBody decodes the request's body and checks it against the schema.
func (c *call) readBody() *apiError {
	raw, err := io.ReadAll(io.LimitReader(c.request.Body, bodyLimit+1))
	if err != nil || len(raw) > bodyLimit {
		return invalidArgument("Request body could not be read or is too large.")
	}
	if len(raw) == 0 {
		c.body = object{}
		return nil
	}
	if err := json.Unmarshal(raw, &c.body); err != nil {
		return failure(http.StatusBadRequest, "parseError", "Invalid JSON payload received. %v", err)
	}
	if c.body == nil {
		c.body = object{}
	}
	return c.method.checkBody(c.body)
}

func (c *call) failed(err *apiError) answer {
	h := http.Header{}
	if err.code == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="https://accounts.google.com/", error="invalid_token"`)
	}
	if err.info == "ACCESS_TOKEN_SCOPE_INSUFFICIENT" {
		h.Set("WWW-Authenticate", `Bearer realm="https://accounts.google.com/", error="insufficient_scope", scope="`+strings.Join(c.method.Scopes, " ")+`"`)
	}
	if err.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(err.retry))
	}
	h.Set("Content-Type", "application/json; charset=UTF-8")
	return answer{err.code, h, c.encode(err.body(c.method)), err.reason}
}

func (c *call) succeeded(result object) answer {
	h := http.Header{}
	if c.method.Response == "" {
		return answer{status: http.StatusNoContent, header: h}
	}
	if result == nil {
		result = object{}
	}
	if c.hasETags() && c.request.Method == http.MethodGet {
		if result["etag"] == nil {
			result["etag"] = etag(result)
		}
		h.Set("ETag", text(result, "etag"))
		if match := c.request.Header.Get("If-None-Match"); match != "" && match == text(result, "etag") {
			return answer{status: http.StatusNotModified, header: h}
		}
	}
	h.Set("Content-Type", "application/json; charset=UTF-8")
	c.items = listed(result)
	c.total = max(c.total, c.items) // of a list that has no pages
	if fields := c.query.Get("fields"); fields != "" {
		masked, err := mask(result, fields)
		if err != nil {
			return c.failed(err)
		}
		result = masked
	}
	return answer{status: http.StatusOK, header: h, body: c.encode(result)}
}

// listed counts the things in the lists of an answer.
func listed(result object) int {
	n := 0
	for _, field := range result {
		if items, ok := field.([]any); ok {
			n += len(items)
		}
	}
	return n
}

// hasETags tells the APIs that answer with entity tags.
func (c *call) hasETags() bool {
	return c.method.api.Name == "admin" || c.method.api.Name == "calendar"
}

// etag is the entity tag of a resource.
func etag(o object) string {
	sum := sha256.Sum256(appendJSON(nil, o, false, 0))
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:]) + `"`
}

// unchanged refuses a change to a resource that is not any more as the caller's If-Match says.
func (c *call) unchanged(current object) *apiError {
	if match := c.request.Header.Get("If-Match"); match != "" && match != "*" && match != text(current, "etag") {
		e := failure(http.StatusPreconditionFailed, "conditionNotMet", "Precondition Failed")
		e.location = "header:If-Match"
		return e
	}
	return nil
}

// encode writes JSON as Google does: over several lines unless prettyPrint=false.
func (c *call) encode(o object) []byte {
	return append(appendJSON(make([]byte, 0, c.large+256), o, c.query.Get("prettyPrint") != "false", 0), '\n')
}

// write sends the answer, damaged where a fault wants it, and writes the call down first, so that who has the answer
// finds it in the log.
func (t *Tenant) write(w http.ResponseWriter, c *call, a answer, fault *Fault) {
	t.mu.Lock()
	t.log(c, a, fault)
	date := t.config.Now()
	t.mu.Unlock()
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.Header().Set("Date", date.UTC().Format(http.TimeFormat))
	w.Header().Add("Vary", "Origin")
	body := a.body
	if len(body) > 0 && t.compresses(c.request) {
		w.Header().Set("Content-Encoding", "gzip")
		body = compress(body)
	}
	if a.status != http.StatusNoContent && a.status != http.StatusNotModified {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	if fault == nil {
		w.WriteHeader(a.status)
		w.Write(body)
		return
	}
	fault.write(w, c.request, a.status, body)
}

// compresses says whether the caller gets gzip.
func (t *Tenant) compresses(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") && (t.config.GzipAlways || strings.Contains(r.UserAgent(), "gzip"))
}

// compress is quick rather than thorough: what a reader gains by compression, the tenant should not lose.
func compress(body []byte) []byte {
	out := bytes.NewBuffer(make([]byte, 0, len(body)/4+64))
	z, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if err != nil {
		panic("fakegoogle: " + err.Error())
	}
	if _, err := z.Write(body); err != nil {
		panic("fakegoogle: " + err.Error())
	}
	if err := z.Close(); err != nil {
		panic("fakegoogle: " + err.Error())
	}
	return out.Bytes()
}
