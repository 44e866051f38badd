package workspace

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// ErrNotRead says that a request that could change something was about to be sent, and was not.
var ErrNotRead = errors.New("this is not a read")

// A readOnly transport passes on GETs to the APIs, the queries that are reads by POST and what is needed to get an access
// token, and refuses all else. An access token goes nowhere but to the APIs, and to who signs for a service account.
type readOnly struct {
	next    http.RoundTripper
	roots   []string // of the APIs, each with a slash at its end
	queries []string // whole URLs that are read by POST
	doors   []door
}

// A door is one request beside those to the APIs: a whole URL, or of the machine's own metadata server what is below one.
type door struct {
	method, address string
	bearer          bool // with Authorization
	below           bool
}

func (d door) lets(req *http.Request, address string) bool {
	fits := address == d.address || d.below && strings.HasPrefix(address, d.address) && !strings.Contains(address, "..")
	return d.address != "" && d.method == req.Method && fits && (d.bearer || req.Header.Get("Authorization") == "")
}

// RoundTrip implements http.RoundTripper.
func (t *readOnly) RoundTrip(req *http.Request) (*http.Response, error) {
	address := req.URL.String()
	toAPI := slices.ContainsFunc(t.roots, func(root string) bool { return strings.HasPrefix(address, root) })
	forToken := slices.ContainsFunc(t.doors, func(d door) bool { return d.lets(req, address) })
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
		Proxy: proxy, ForceAttemptHTTP2: true, DisableCompression: true,
		MaxIdleConnsPerHost: 2 * parallel, IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 20 * time.Second,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: silence, PingTimeout: silence}, // all requests share one connection: a dead one must show
		MaxResponseHeaderBytes: 1 << 20,
	}
}

// proxy is the environment's, but what a cloud tells its own machines stays on the machine's link.
func proxy(req *http.Request) (*url.URL, error) {
	if isLinkLocal(req.URL.String()) {
		return nil, nil
	}
	return http.ProxyFromEnvironment(req)
}
