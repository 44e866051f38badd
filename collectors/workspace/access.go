package workspace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/mbaudit/mbaudit/internal/secret"
)

// An access is one way to get access tokens: the key of a service account, a service account that somebody else's
// credentials sign for, or the consent of a user.
type access interface {
	// mint asks once for the access token of a grant. Its errors are of this package's kinds, and repeat no secret.
	mint(ctx context.Context, c *Collector, g grant) (secret.String, time.Time, error)

	name() string    // for people: "service account 108…"
	client() string  // what an administrator knows it by in the list of delegations
	project() string // whose APIs must be enabled; "" where that is not known
	doors() []door   // the requests that it needs
}

// parseAccess reads from a configuration which way there is. No error repeats anything of a credential but its type and
// the places that it names.
func parseAccess(cfg Config) (access, error) {
	switch {
	case !cfg.OAuthClient.Empty():
		return parseClient(cfg.OAuthClient, cfg.Endpoint)
	case cfg.Key.Empty() && cfg.ServiceAccount != "":
		return newSigned(cfg, nil, metadataServer{at(cfg.Endpoint, metadataToken)})
	}
	var file struct{ Type string }
	if json.Unmarshal([]byte(cfg.Key.Reveal()), &file) != nil {
		return nil, fmt.Errorf("%w: it is not JSON", ErrKeyFile)
	}
	switch file.Type {
	case "service_account":
		key, err := parseServiceKey(cfg.Key, cfg.Endpoint)
		if err == nil && cfg.ServiceAccount != "" && cfg.ServiceAccount != key.Email {
			return newSigned(cfg, nil, ownKey{key})
		}
		return key, err
	case "external_account", "impersonated_service_account", "authorized_user":
		return parseCredentials(cfg, file.Type)
	}
	return nil, fmt.Errorf("%w: its type is %.40q", ErrKeyFile, file.Type)
}

// at is a place of Google's, or the one that stands for it.
func at(endpoint, address string) string {
	if endpoint == "" {
		return address
	}
	_, path, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(address, "https://"), "http://"), "/")
	return endpoint + path
}

// A listener hears what breaks below a library that turns all errors into text, and puts a context on requests, which
// some libraries do not.
type listener struct {
	ctx     context.Context
	c       *Collector
	err     error
	refused *refused
}

// A refused is an answer other than 2xx.
type refused struct {
	address string
	status  int
	header  http.Header
	body    []byte
}

// listen makes a listener and the context that a library of golang.org/x/oauth2 takes its client from.
func (c *Collector) listen(ctx context.Context) (*listener, context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Patience)
	l := &listener{ctx: ctx, c: c}
	return l, context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: l, CheckRedirect: c.client.CheckRedirect}), cancel
}

// RoundTrip implements http.RoundTripper.
func (l *listener) RoundTrip(req *http.Request) (*http.Response, error) {
	asked := l.c.cfg.Now()
	resp, err := l.c.client.Transport.RoundTrip(req.WithContext(l.ctx))
	l.err, l.refused = err, nil
	if err != nil {
		return nil, err
	}
	l.c.clock.see(asked, l.c.cfg.Now(), resp.Header)
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		l.refused = &refused{req.URL.String(), resp.StatusCode, resp.Header, replaceBody(resp)}
	}
	return resp, nil
}

// failure is what happened where a library has no token: an answer said no, the line broke, or what came is no answer.
// The library's words are not repeated: an answer may be in them.
func (l *listener) failure() *failure {
	const text = "asking for an access token: "
	switch {
	case errors.Is(l.err, ErrNotRead):
		return &failure{kind: ErrNotRead, text: text + ErrNotRead.Error()}
	case l.err != nil:
		return &failure{kind: ErrLost, text: text + lost(l.err).text, again: true}
	case l.refused != nil:
		return l.refused.failure()
	}
	return &failure{kind: ErrDamaged, text: text + ErrDamaged.Error(), again: true}
}

// failure reads a refusal of the place that gave it.
func (r *refused) failure() *failure {
	switch {
	case strings.HasSuffix(r.address, ":signJwt"), strings.HasSuffix(r.address, ":generateAccessToken"):
		f := refusal(r.status, r.header, r.body)
		switch f.kind {
		case ErrNotAuthorised, ErrSubject:
			f.kind = ErrSigning
		case ErrAPIDisabled:
			f.kind = ErrSigningOff
		case ErrScope, ErrRefused:
			f.kind = ErrCredentials
		}
		f.text = "asking to sign for the service account: " + f.text
		return f
	case strings.HasSuffix(r.address, "/token"):
		return tokenRefusal(r.status, r.header, r.body)
	}
	f := refusal(r.status, r.header, nil)
	if !f.again {
		f.kind = ErrCredentials
	}
	f.text = "asking the place that the credentials name: " + words(r.status, f.kind, "")
	return f
}

// given checks what a library or an endpoint gave as an access token.
func given(token *oauth2.Token) (secret.String, time.Time, error) {
	if token.AccessToken == "" || token.Expiry.IsZero() {
		return secret.String{}, time.Time{}, &failure{kind: ErrDamaged, text: "asking for an access token: the answer has none", again: true}
	}
	return secret.New(token.AccessToken), token.Expiry, nil
}
