package imap

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/internal/secret"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// A DoveadmConfig says where doveadm's HTTP API is (https://doc.dovecot.org/admin_manual/doveadm_http_api/).
type DoveadmConfig struct {
	URL string        // https://host:port; http:// only on this machine, unless InsecurePlaintext is set
	Key secret.String // doveadm_api_key

	InsecurePlaintext bool
	TLS               *tls.Config       // nil is the usual one
	Transport         http.RoundTripper // instead of one made with TLS
}

// A Doveadm asks Dovecot over doveadm's HTTP API. It is safe for use by several goroutines.
type Doveadm struct {
	url  string
	key  secret.String
	http *http.Client
}

// ErrDoveadm says that what was given for doveadm's HTTP API cannot be used.
var ErrDoveadm = errors.New("doveadm's HTTP API cannot be reached so")

// NewDoveadm makes one. Nothing is sent yet.
func NewDoveadm(cfg DoveadmConfig) (*Doveadm, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/" {
		return nil, fmt.Errorf("%w: its address is given as https://host:port", ErrDoveadm)
	}
	ip := net.ParseIP(u.Hostname())
	if local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback(); u.Scheme == "http" && !local && !cfg.InsecurePlaintext {
		return nil, fmt.Errorf("%w: http:// would send the key in clear over the network", ErrDoveadm)
	}
	if cfg.Key.Empty() {
		return nil, fmt.Errorf("%w: there is no key", ErrDoveadm)
	}
	transport := cfg.Transport
	if transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.TLSClientConfig = cfg.TLS
		transport = own
	}
	return &Doveadm{url: strings.TrimSuffix(cfg.URL, "/") + "/doveadm/v1", key: cfg.Key, http: &http.Client{Transport: transport, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// exitNoUser is doveadm's exit status where nobody fits (EX_NOHOST of its own table: kick found no session).
const exitNoUser = 68

// errNobody says that no session was there to be ended.
var errNobody = errors.New("nobody is connected")

// call has doveadm run one command.
func (d *Doveadm) call(ctx context.Context, command string, parameters map[string]any) ([]map[string]string, error) {
	body, err := json.Marshal([]any{[]any{command, parameters, "mbaudit"}})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "X-Dovecot-API "+base64.StdEncoding.EncodeToString([]byte(d.key.Reveal())))
	req.Header.Set("Content-Type", "application/json")
	resp, err := d.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("doveadm %s: %w", command, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	switch {
	case err != nil:
		return nil, fmt.Errorf("doveadm %s: %w", command, err)
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return nil, fmt.Errorf("doveadm %s: the server refuses the key (HTTP %d); it is the doveadm_api_key of its configuration", command, resp.StatusCode)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("doveadm %s: HTTP %d", command, resp.StatusCode)
	}
	rows, err := parseDoveadm(text)
	if err != nil {
		return nil, fmt.Errorf("doveadm %s: %w", command, err)
	}
	return rows, nil
}

// parseDoveadm reads [["doveadmResponse",[{…}],"tag"]], or [["error",{"type":"exitCode","exitCode":68},"tag"]].
func parseDoveadm(text []byte) ([]map[string]string, error) {
	var answers [][]json.RawMessage
	var kind string
	if json.Unmarshal(text, &answers) != nil || len(answers) != 1 || len(answers[0]) != 3 || json.Unmarshal(answers[0][0], &kind) != nil {
		return nil, fmt.Errorf("its answer is not understood: %s", visible.Cut(string(text), 200))
	}
	switch kind {
	case "doveadmResponse":
		var rows []map[string]string
		if err := json.Unmarshal(answers[0][1], &rows); err != nil {
			return nil, fmt.Errorf("its answer is not understood: %s", visible.Cut(string(text), 200))
		}
		return rows, nil
	case "error":
		var failure struct {
			Type string `json:"type"`
			Exit int    `json:"exitCode"`
		}
		if json.Unmarshal(answers[0][1], &failure) == nil && failure.Type == "exitCode" && failure.Exit == exitNoUser {
			return nil, errNobody
		}
	}
	return nil, fmt.Errorf("it fails: %s", visible.Cut(string(answers[0][1]), 200))
}
