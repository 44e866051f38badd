package s3_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mbaudit/mbaudit/evidence/store/s3"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

// A proxy stands on plain HTTP between a Store and the real server, and can be made to do what networks and other
// services do. What it is not told to change it passes on as it is; the Host header too, which is signed.
type proxy struct {
	URL      string
	requests atomic.Int64

	mu     sync.Mutex
	before func(http.ResponseWriter, *http.Request) (done bool)
	after  func(*http.Response) error
}

func newProxy(t testing.TB, srv *servertest.S3Server) *proxy {
	t.Helper()
	backend, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	p := new(proxy)
	transport := &http.Transport{
		TLSClientConfig:    &tls.Config{RootCAs: authorities(t, srv)},
		DisableCompression: true,
	}
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(backend)
			r.Out.Host = r.In.Host
		},
		Transport: transport,
		ModifyResponse: func(resp *http.Response) error {
			p.mu.Lock()
			after := p.after
			p.mu.Unlock()
			if after == nil {
				return nil
			}
			return after(resp)
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }, // as if it broke
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.requests.Add(1)
		p.mu.Lock()
		before := p.before
		p.mu.Unlock()
		if before != nil && before(w, r) {
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		front.CloseClientConnections()
		front.Close()
		transport.CloseIdleConnections()
	})
	p.URL = front.URL
	return p
}

// on sets what the proxy does from now on.
func (p *proxy) on(before func(http.ResponseWriter, *http.Request) bool, after func(*http.Response) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.before, p.after = before, after
}

// through is a Config that goes to the server by way of the proxy.
func through(p *proxy, cfg s3.Config) s3.Config {
	cfg.Endpoint, cfg.CAFile = p.URL, ""
	return cfg
}

// breakOff ends the connection without an answer.
func breakOff() { panic(http.ErrAbortHandler) }

// answer is a refusal as S3 services write it.
func answer(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>made up by the test</Message></Error>", code)
}

// isObject says whether a request is for an object, not for the bucket.
func isObject(r *http.Request) bool { return strings.Count(strings.Trim(r.URL.Path, "/"), "/") > 0 }
