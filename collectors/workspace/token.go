package workspace

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"

	"github.com/mbaudit/mbaudit/internal/secret"
)

// tokenMargin is how long before its end an access token is not used any more.
const tokenMargin = 5 * time.Minute

// A grant is for whom an access token is and for what.
type grant struct{ subject, scope string }

// tokens are the access tokens of one collection, one for each grant. They live in memory only.
type tokens struct {
	c    *Collector
	mu   sync.Mutex
	held map[grant]*heldToken
}

type heldToken struct {
	mu      sync.Mutex
	value   secret.String
	expires time.Time
	err     error // a grant that was refused is refused for the whole collection
}

// get gives an access token. Who asks for one that is on its way waits for it.
func (t *tokens) get(ctx context.Context, g grant) (secret.String, error) {
	h := t.at(g)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err != nil {
		return secret.String{}, h.err
	}
	if !h.value.Empty() && time.Until(h.expires) > tokenMargin {
		return h.value, nil
	}
	err := t.c.persist(ctx, func(ctx context.Context) error {
		var err error
		h.value, h.expires, err = t.c.mint(ctx, g)
		return err
	})
	if err != nil && ctx.Err() == nil {
		h.err = err
	}
	return h.value, err
}

// forget drops a token that an API does not take any more, unless another came in its place.
func (t *tokens) forget(g grant, value secret.String) {
	h := t.at(g)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.value == value {
		h.value = secret.String{}
	}
}

func (t *tokens) at(g grant) *heldToken {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held[g] == nil {
		t.held[g] = &heldToken{}
	}
	return t.held[g]
}

// mint asks the token endpoint for an access token: the JWT bearer grant of RFC 7523, signed with the key.
func (c *Collector) mint(ctx context.Context, g grant) (secret.String, time.Time, error) {
	config := jwt.Config{Email: c.key.email, PrivateKey: []byte(c.key.private.Reveal()), PrivateKeyID: c.key.id, Subject: g.subject,
		Scopes: []string{g.scope}, TokenURL: c.key.tokenURL}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Patience)
	defer cancel()
	line := &listener{ctx: ctx, next: c.client.Transport, answered: func(asked time.Time, header http.Header) { c.clock.see(asked, c.cfg.Now(), header) }, now: c.cfg.Now}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: line, CheckRedirect: c.client.CheckRedirect})
	token, err := config.TokenSource(ctx).Token()
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused):
		return secret.String{}, time.Time{}, tokenRefusal(refused.Response.StatusCode, refused.Response.Header, refused.Body)
	case err != nil:
		return secret.String{}, time.Time{}, line.failure()
	case token.AccessToken == "" || token.Expiry.IsZero():
		return secret.String{}, time.Time{}, &failure{kind: ErrDamaged, text: "asking for an access token: the answer has none", again: true}
	}
	return secret.New(token.AccessToken), token.Expiry, nil
}

// A listener hears what breaks below the library, which turns all errors into text, and puts a context on the request,
// which the library does not.
type listener struct {
	ctx  context.Context
	next http.RoundTripper
	err  error

	now      func() time.Time
	answered func(asked time.Time, header http.Header)
}

// RoundTrip implements http.RoundTripper.
func (l *listener) RoundTrip(req *http.Request) (*http.Response, error) {
	var resp *http.Response
	asked := l.now()
	resp, l.err = l.next.RoundTrip(req.WithContext(l.ctx))
	if l.err == nil {
		l.answered(asked, resp.Header)
	}
	return resp, l.err
}

// failure is what happened where the library has no answer: the key is known to be one, so the line broke, or what came
// is no answer. The library's words are not repeated: an answer may be in them.
func (l *listener) failure() *failure {
	const text = "asking for an access token: "
	switch {
	case errors.Is(l.err, ErrNotRead):
		return &failure{kind: ErrNotRead, text: text + ErrNotRead.Error()}
	case l.err != nil:
		return &failure{kind: ErrLost, text: text + lost(l.err).text, again: true}
	}
	return &failure{kind: ErrDamaged, text: text + ErrDamaged.Error(), again: true}
}

// authorise puts the access token of a grant on a request.
func (t *tokens) authorise(ctx context.Context, req *http.Request, g grant) (secret.String, error) {
	value, err := t.get(ctx, g)
	if err == nil {
		req.Header.Set("Authorization", "Bearer "+value.Reveal())
	}
	return value, err
}
