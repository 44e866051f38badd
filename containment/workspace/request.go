package workspace

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/internal/secret"
)

// A service is one of Google's APIs, by its host.
type service string

const (
	gmailAPI     service = "https://gmail.googleapis.com/"
	adminAPI     service = "https://admin.googleapis.com/"
	identityAPI  service = "https://cloudidentity.googleapis.com/"
	googleAPIs   service = "https://www.googleapis.com/" // Drive and Calendar
	answerLimit          = 64 << 20
	tries                = 8 // together a good two minutes: quotas are counted by the minute
	firstWait            = time.Second
	longestWait          = time.Minute
	scopePrefix          = "https://www.googleapis.com/auth/"
	directoryV1          = "admin/directory/v1/"
	myCustomer           = directoryV1 + "customer/my_customer/"
	mailSettings         = "gmail/v1/users/me/settings/"
)

// A request is one call.
type request struct {
	service service
	subject string // for whom
	scope   string // without its prefix
	verb    string // "" is GET
	path    string
	query   url.Values
	body    any // nil is none
}

// A Refusal is an answer of Google's that is none of 200.
type Refusal struct {
	Status  int
	Reason  string // Google's word, as "rateLimitExceeded"
	Message string
	after   time.Duration // Retry-After
}

// Error gives what Google said, which may hold anything.
func (r *Refusal) Error() string {
	text := strconv.Itoa(r.Status)
	if r.Reason != "" {
		text += " " + r.Reason
	}
	if r.Message != "" {
		text += fmt.Sprintf(": %.200s", r.Message)
	}
	return text
}

// gone says that what was asked for is not there.
func gone(err error) bool {
	var refused *Refusal
	return errors.As(err, &refused) && refused.Status == http.StatusNotFound
}

// already says that what was to be made is there.
func already(err error) bool {
	var refused *Refusal
	return errors.As(err, &refused) && (refused.Status == http.StatusConflict || strings.Contains(refused.Message, "already exists"))
}

// ErrApproval says that a second administrator must agree before a change is made.
var ErrApproval = errors.New("a second administrator must agree first: have him open the admin console, Security, Multi-party approval; then apply the plan again, which takes only what is left")

// awaitsApproval says that a change waits for a second administrator. No document says with which word Google refuses it, so
// that what Google writes for people has to do.
func awaitsApproval(err error) bool {
	var refused *Refusal
	if !errors.As(err, &refused) || refused.Status != http.StatusForbidden && refused.Status != http.StatusPreconditionFailed {
		return false
	}
	said := strings.ToLower(refused.Reason + " " + refused.Message)
	return strings.Contains(said, "approval") || strings.Contains(said, "multi-party") || strings.Contains(said, "multiparty")
}

type lostError struct{ error }

// again says whether a call may be tried again: quotas, a server in trouble, a broken line. All writes here leave the same
// state when they are made twice.
func again(err error) bool {
	var refused *Refusal
	if !errors.As(err, &refused) {
		var lost *lostError
		return errors.As(err, &lost)
	}
	quota := []string{"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "RATE_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED"}
	return refused.Status == http.StatusTooManyRequests || refused.Status >= 500 && refused.Status != http.StatusNotImplemented ||
		refused.Status == http.StatusForbidden && slices.Contains(quota, refused.Reason)
}

// persist makes a call until it is answered, or not worth trying again.
func (c *Client) persist(ctx context.Context, verb, path string, call func(ctx context.Context) error) error {
	wait := firstWait
	for try := 1; ; try++ {
		once, cancel := context.WithTimeout(ctx, c.cfg.Patience)
		err := call(once)
		cancel()
		if err == nil || ctx.Err() != nil || try == tries || !again(err) {
			return err
		}
		pause := wait + rand.N(wait/2)
		var refused *Refusal
		if errors.As(err, &refused) {
			pause = max(pause, min(refused.after, longestWait))
		}
		if c.cfg.Heard != nil {
			c.cfg.Heard(verb, path, pause, err)
		}
		if err := c.cfg.Sleep(ctx, pause); err != nil {
			return err
		}
		wait = min(2*wait, longestWait)
	}
}

// do makes a call and gives the answer's body.
func (c *Client) do(ctx context.Context, r request) (json.RawMessage, error) {
	if r.verb == "" {
		r.verb = http.MethodGet
	}
	var answer json.RawMessage
	err := c.persist(ctx, r.verb, r.path, func(ctx context.Context) error {
		var err error
		answer, err = c.once(ctx, r)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.doing(), err)
	}
	return answer, nil
}

// doing says what a call does, in words that hold no address and no secret.
func (r request) doing() string {
	what, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(r.path, mailSettings), directoryV1), "?")
	parts := strings.Split(what, "/")
	for i, part := range parts {
		if strings.ContainsAny(part, "@%") || len(part) > 24 {
			parts[i] = "…"
		}
	}
	verb := map[string]string{http.MethodGet: "reading", http.MethodDelete: "removing"}[r.verb]
	if verb == "" {
		verb = "changing"
	}
	return verb + " " + strings.Join(parts, "/")
}

func (c *Client) once(ctx context.Context, r request) (json.RawMessage, error) {
	scope := r.scope
	if !strings.Contains(scope, ":") {
		scope = scopePrefix + scope
	}
	for first := true; ; first = false {
		token, err := c.token(ctx, grant{r.subject, scope})
		if err != nil {
			return nil, err
		}
		answer, err := c.sent(ctx, r, token)
		var refused *Refusal
		if !first || !errors.As(err, &refused) || refused.Status != http.StatusUnauthorized {
			return answer, err
		}
		c.forget(grant{r.subject, scope}, token) // it was ended before its time
	}
}

// sent sends a call with an access token.
func (c *Client) sent(ctx context.Context, r request, token secret.String) (json.RawMessage, error) {
	root := string(r.service)
	if c.cfg.Endpoint != "" {
		root = c.cfg.Endpoint
	}
	address := root + r.path
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	var body io.Reader
	if r.body != nil {
		text, err := json.Marshal(r.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, r.verb, address, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Authorization", "Bearer "+token.Reveal())
	return c.send(req)
}

func (c *Client) send(req *http.Request) (json.RawMessage, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, &lostError{err}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit+1))
	switch {
	case err != nil:
		return nil, &lostError{err}
	case len(text) > answerLimit:
		return nil, fmt.Errorf("the answer is longer than %d MiB", answerLimit>>20)
	case resp.StatusCode/100 == 2:
		return text, nil
	}
	refused := refusal(resp.StatusCode, text)
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
		refused.after = time.Duration(seconds) * time.Second
	}
	return nil, refused
}

// refusal reads what Google says: {"error": {"message": …, "status": …, "errors": [{"reason": …}]}}.
func refusal(status int, text []byte) *Refusal {
	var answer struct {
		Error struct {
			Message string `json:"message"`
			Status  string `json:"status"`
			Errors  []struct {
				Reason string `json:"reason"`
			} `json:"errors"`
		} `json:"error"`
	}
	r := &Refusal{Status: status}
	if json.Unmarshal(text, &answer) == nil {
		r.Message, r.Reason = answer.Error.Message, answer.Error.Status
		if len(answer.Error.Errors) > 0 {
			r.Reason = answer.Error.Errors[0].Reason
		}
	}
	return r
}

// reasonOf is the word of a refusal of the token endpoint.
func reasonOf(text []byte) string {
	var answer struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal(text, &answer) // where it is none, there is no word
	return answer.Error
}

// list reads all pages of a listing.
func (c *Client) list(ctx context.Context, r request, field string) ([]object, error) {
	var all []object
	seen := map[string]bool{}
	for page := ""; ; {
		if page != "" {
			query := url.Values{"pageToken": {page}}
			for name, values := range r.query {
				query[name] = values
			}
			r.query = query
			r.query.Set("pageToken", page)
		}
		text, err := c.do(ctx, r)
		if err != nil {
			return nil, err
		}
		var answer map[string]json.RawMessage
		var items []object
		if err := json.Unmarshal(text, &answer); err != nil {
			return nil, fmt.Errorf("%s: the answer is no JSON", r.doing())
		}
		if len(answer[field]) > 0 {
			if err := json.Unmarshal(answer[field], &items); err != nil {
				return nil, fmt.Errorf("%s: %s is no list", r.doing(), field)
			}
		}
		all = append(all, items...)
		page = ""
		if len(answer["nextPageToken"]) > 0 {
			_ = json.Unmarshal(answer["nextPageToken"], &page) // no text is no further page
		}
		if page == "" {
			return all, nil
		}
		if seen[page] {
			return nil, fmt.Errorf("%s: the pages go round in a circle", r.doing())
		}
		seen[page] = true
	}
}

// an object is a JSON object as Google gives it.
type object map[string]any

func (o object) text(field string) string { s, _ := o[field].(string); return s }
func (o object) truth(field string) bool  { b, _ := o[field].(bool); return b }

// number is a number as a text; "" where there is none.
func (o object) number(field string) string {
	switch n := o[field].(type) {
	case float64:
		return strconv.FormatFloat(n, 'f', -1, 64)
	case string:
		return n
	}
	return ""
}

func (o object) texts(field string) []string {
	values, _ := o[field].([]any)
	var all []string
	for _, v := range values {
		if s, ok := v.(string); ok {
			all = append(all, s)
		}
	}
	return all
}

// raw is the object as JSON.
func (o object) raw() json.RawMessage {
	text, err := json.Marshal(o)
	if err != nil {
		return nil // nothing that came out of JSON fails to go back into it
	}
	return text
}

func parseObject(text json.RawMessage) (object, error) {
	var o object
	if err := json.Unmarshal(text, &o); err != nil {
		return nil, errors.New("the answer is no JSON object")
	}
	return o, nil
}
