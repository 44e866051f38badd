package workspace

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// ErrNotRead says that a request that could change something was about to be sent, and was not.
var ErrNotRead = errors.New("this is not a read")

// A readOnly transport passes on GETs to the APIs, the POST for access tokens and the queries that are reads by POST, and
// refuses all else. An access token goes nowhere but to the APIs.
type readOnly struct {
	next    http.RoundTripper
	roots   []string // of the APIs, each with a slash at its end
	queries []string // whole URLs that are read by POST
	token   string   // URL of the token endpoint
}

// RoundTrip implements http.RoundTripper.
func (t *readOnly) RoundTrip(req *http.Request) (*http.Response, error) {
	address := req.URL.String()
	toAPI := slices.ContainsFunc(t.roots, func(root string) bool { return strings.HasPrefix(address, root) })
	forToken := req.Method == http.MethodPost && address == t.token && req.Header.Get("Authorization") == ""
	query := req.Method == http.MethodPost && slices.Contains(t.queries, address)
	if !forToken && !query && (req.Method != http.MethodGet || !toAPI || req.Body != nil) {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, fmt.Errorf("%w: %s %s%s", ErrNotRead, req.Method, req.URL.Host, req.URL.EscapedPath())
	}
	return t.next.RoundTrip(req)
}

// silence is how long nothing may come over a connection before it is asked whether it lives, and then to answer.
const silence = 15 * time.Second

// newTransport is Go's usual one, but that it never asks for compressed answers: what is kept is what came.
func newTransport() http.RoundTripper {
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, DisableCompression: true,
		MaxIdleConnsPerHost: 2 * parallel, IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 20 * time.Second,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: silence, PingTimeout: silence}, // all requests share one connection: a dead one must show
		MaxResponseHeaderBytes: 1 << 20,
	}
}
