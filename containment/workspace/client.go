package workspace

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"github.com/mbaudit/mbaudit/internal/googlekey"
	"github.com/mbaudit/mbaudit/internal/secret"
	"github.com/mbaudit/mbaudit/internal/sleep"
)

// Errors of a configuration that cannot work, and of what Google says to it.
var (
	ErrKeyFile    = googlekey.ErrKey
	ErrEndpoint   = googlekey.ErrEndpoint
	ErrDelegation = errors.New("the service account may not ask for this scope")
)

// A Config says how to reach a Google Workspace.
type Config struct {
	Key   secret.String // the JSON of a service account key
	Admin string        // the administrator for whom the Directory is asked and changed

	// Writes has the client ask for scopes that may change things. Without, all its scopes are read-only where Google
	// has such, and a step cannot be applied.
	Writes bool

	// Password gives the password to set, just before it is set; who is not told it here never learns it.
	Password func(account string) (secret.String, error)

	Endpoint  string                                               // stands for Google's hosts, for tests: a URL of the loopback interface
	Transport http.RoundTripper                                    // nil is the usual one
	Patience  time.Duration                                        // for one answer; 0 is a minute
	Sleep     func(ctx context.Context, d time.Duration) error     // between tries; nil waits in fact
	Heard     func(verb, path string, wait time.Duration, e error) // hears of a call that is tried again; nil hears nothing
}

// A Client asks and changes one Google Workspace. It is safe for use by several goroutines.
type Client struct {
	cfg  Config
	key  googlekey.Key
	http *http.Client

	mu   sync.Mutex
	held map[grant]*heldToken
}

type grant struct{ subject, scope string }

type heldToken struct {
	mu    sync.Mutex
	token *oauth2.Token
}

// New makes a client. Nothing is sent yet.
func New(cfg Config) (*Client, error) {
	if cfg.Endpoint != "" {
		if err := googlekey.CheckEndpoint(cfg.Endpoint); err != nil {
			return nil, err
		}
		cfg.Endpoint = strings.TrimSuffix(cfg.Endpoint, "/") + "/"
	}
	key, err := googlekey.Parse(cfg.Key, cfg.Endpoint)
	if err != nil {
		return nil, err
	}
	if cfg.Transport == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost = 32
		cfg.Transport = transport
	}
	if cfg.Patience == 0 {
		cfg.Patience = time.Minute
	}
	if cfg.Sleep == nil {
		cfg.Sleep = sleep.For
	}
	return &Client{cfg: cfg, key: key, held: map[grant]*heldToken{}, http: &http.Client{Transport: cfg.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// clientID is the OAuth client under which our own calls stand in Google's logs.
func (c *Client) clientID() string { return c.key.Client() }

// token gives an access token for one subject and one scope. Who asks for one that is on its way waits for it.
func (c *Client) token(ctx context.Context, g grant) (secret.String, error) {
	c.mu.Lock()
	if c.held[g] == nil {
		c.held[g] = &heldToken{}
	}
	h := c.held[g]
	c.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.token == nil || time.Until(h.token.Expiry) < 5*time.Minute {
		token, err := c.mint(ctx, g)
		if err != nil {
			return secret.String{}, err
		}
		h.token = token
	}
	return secret.New(h.token.AccessToken), nil
}

// forget drops a token that an API does not take any more, unless another came in its place.
func (c *Client) forget(g grant, token secret.String) {
	c.mu.Lock()
	h := c.held[g]
	c.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.token != nil && h.token.AccessToken == token.Reveal() {
		h.token = nil
	}
}

// mint asks for an access token: the JWT bearer grant of RFC 7523.
func (c *Client) mint(ctx context.Context, g grant) (*oauth2.Token, error) {
	config := c.key.Assertion(g.subject, g.scope)
	var token *oauth2.Token
	err := c.persist(ctx, "POST", "token", func(ctx context.Context) error {
		var err error
		token, err = config.TokenSource(context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: bound{ctx, c.http.Transport}})).Token()
		var refused *oauth2.RetrieveError
		switch {
		case errors.As(err, &refused):
			reason := refused.ErrorCode
			if reason == "" {
				reason = reasonOf(refused.Body)
			}
			return &Refusal{Status: refused.Response.StatusCode, Reason: reason}
		case err != nil:
			return &lostError{fmt.Errorf("asking for an access token: the line broke, or the answer is none")}
		}
		return nil
	})
	var refused *Refusal
	if errors.As(err, &refused) && refused.Status < 500 {
		return nil, fmt.Errorf("%w: %s for %s (%s)", ErrDelegation, g.scope, g.subject, refused.Reason)
	}
	return token, err
}

// bound puts a context on requests: the library for tokens does not.
type bound struct {
	ctx  context.Context
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (b bound) RoundTrip(req *http.Request) (*http.Response, error) {
	return b.next.RoundTrip(req.WithContext(b.ctx))
}
