package workspace

import (
	"cmp"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/evidence/earlier"
	"github.com/mbaudit/mbaudit/internal/secret"
)

const usualPatience = 2 * time.Minute

// Errors of a configuration that cannot work.
var (
	ErrKeyFile  = errors.New("this is not the key of a service account")
	ErrEndpoint = errors.New("the endpoint is not on this machine")
)

// A Config says how to reach Google Workspace. The zero values of all fields but Key are usable.
type Config struct {
	// Key is the JSON of a service account key, as Google's console hands it out.
	Key secret.String

	// Admin is the administrator for whom the Directory is asked. Empty: all of the Directory is a gap.
	Admin string

	// EmergencyOnly stops after the dozen sources that change or vanish first.
	EmergencyOnly bool

	// NoLogs leaves the logs and usage reports of the Reports API unread.
	NoLogs bool

	// Again has the logs of an earlier bundle read again, and nothing else; nil reads what is there.
	Again *Again

	// LogPage is how many activities a page of a log has at the most; 0 is 1,000, Google's own limit.
	LogPage int

	// MessagesOverIMAP is the URL of the IMAP server from which somebody else reads the messages of the same accounts: here
	// they are then not read, and their row says so.
	MessagesOverIMAP string

	// Disappeared, if set, hears what became of the messages of an earlier bundle. It is an exhibit too.
	Disappeared func(account string, report earlier.Report)

	// Sweep looks, with Tenant, into the mailboxes of all other users for one that delegates, forwards or sends as to the
	// accounts of SweepFor. SweepLimit is how many mailboxes are looked into at the most; 0 is SweepUsual.
	Sweep      bool
	SweepLimit int
	SweepFor   []string

	// Endpoint stands for Google's hosts, for tests: an http or https URL of the loopback interface.
	Endpoint string

	Transport http.RoundTripper   // nil is one with the system's authorities and proxies
	Report    collectors.Progress // nil hears nothing
	Hint      func(hint string)   // hears once of each thing to do about what was refused; nil hears nothing
	Say       func(text string)   // hears how long something will take; nil hears nothing
	Now       func() time.Time    // nil is time.Now
	Patience  time.Duration       // for one answer; 0 is two minutes

	// Quota is what the project may ask for; the zero value is NewQuota.
	Quota Quota

	// Sleep waits between tries until the context ends; nil waits in fact.
	Sleep func(ctx context.Context, d time.Duration) error

	// Pace waits until the quota lets a request through; nil is Sleep.
	Pace func(ctx context.Context, d time.Duration) error
}

// A Collector reads accounts of one Google Workspace. It implements collectors.Collector.
type Collector struct {
	cfg    Config
	key    serviceKey
	client *http.Client // refuses all that is not a read
	tokens *tokens
	hints  hints
	clock  googleClock

	limiter   *limiter
	learned   learned
	logMemory logMemory
	shared    sharedLists
}

var _ collectors.Collector = (*Collector)(nil)

// A serviceKey is what is needed of a key file.
type serviceKey struct {
	email, clientID, project, id string
	private                      secret.String
	tokenURL                     string
}

// New makes a collector. Nothing is sent yet.
func New(cfg Config) (*Collector, error) {
	if cfg.Endpoint != "" {
		if err := checkEndpoint(cfg.Endpoint); err != nil {
			return nil, err
		}
		cfg.Endpoint = strings.TrimSuffix(cfg.Endpoint, "/") + "/"
	}
	key, err := parseKey(cfg.Key, cfg.Endpoint)
	if err != nil {
		return nil, err
	}
	if cfg.Report == nil {
		cfg.Report = collectors.NoProgress{}
	}
	if cfg.Hint == nil {
		cfg.Hint = func(string) {}
	}
	if cfg.Say == nil {
		cfg.Say = func(string) {}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Sleep == nil {
		cfg.Sleep = sleep
	}
	if cfg.Pace == nil {
		cfg.Pace = cfg.Sleep
	}
	if cfg.Patience == 0 {
		cfg.Patience = usualPatience
	}
	if cfg.LogPage == 0 {
		cfg.LogPage = pageSize
	}
	if cfg.Transport == nil {
		cfg.Transport = newTransport()
	}
	c := &Collector{cfg: cfg, key: key, limiter: newLimiter(cfg.Quota, cfg.Now, cfg.Pace)}
	c.tokens = &tokens{c: c, held: map[grant]*heldToken{}}
	c.client = &http.Client{
		Transport:     &readOnly{next: cfg.Transport, roots: c.roots(), queries: c.queries(), token: key.tokenURL},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// Name implements collectors.Collector.
func (c *Collector) Name() string { return "workspace" }

// root is the URL that an API's paths begin at.
func (c *Collector) root(a api) string {
	if c.cfg.Endpoint != "" {
		return c.cfg.Endpoint
	}
	return a.facts().root
}

// Address names the source, for the bundle's opening.
func (c *Collector) Address() string {
	if c.cfg.Endpoint != "" {
		return c.cfg.Endpoint
	}
	return strings.TrimSuffix(gmail.facts().root, "/") + ", " + strings.TrimSuffix(directory.facts().root, "/")
}

// clientID is what an administrator knows the service account by in the list of delegations.
func (c *Collector) clientID() string { return cmp.Or(c.key.clientID, c.key.email) }

// parseKey reads a key file. No error repeats anything of it but its type and the place it sends to.
func parseKey(text secret.String, endpoint string) (serviceKey, error) {
	var file struct {
		Type       string `json:"type"`
		Email      string `json:"client_email"`
		ClientID   string `json:"client_id"`
		Project    string `json:"project_id"`
		ID         string `json:"private_key_id"`
		PrivateKey string `json:"private_key"`
		TokenURL   string `json:"token_uri"`
		Universe   string `json:"universe_domain"`
	}
	if json.Unmarshal([]byte(text.Reveal()), &file) != nil {
		return serviceKey{}, fmt.Errorf("%w: it is not JSON", ErrKeyFile)
	}
	switch {
	case file.Type != "service_account":
		return serviceKey{}, fmt.Errorf("%w: its type is %.40q", ErrKeyFile, file.Type)
	case file.Email == "" || file.PrivateKey == "":
		return serviceKey{}, fmt.Errorf("%w: it has no client_email or no private_key", ErrKeyFile)
	case file.Universe != "" && file.Universe != "googleapis.com":
		return serviceKey{}, fmt.Errorf("%w of Google: its universe_domain is %.60q", ErrKeyFile, file.Universe)
	case !isRSA(file.PrivateKey):
		return serviceKey{}, fmt.Errorf("%w: its private_key cannot be read", ErrKeyFile)
	case !tokenPlace(file.TokenURL, endpoint):
		return serviceKey{}, fmt.Errorf("%w of Google: its token_uri is %.100q", ErrKeyFile, file.TokenURL)
	}
	return serviceKey{email: file.Email, clientID: file.ClientID, project: file.Project, id: file.ID, private: secret.New(file.PrivateKey), tokenURL: file.TokenURL}, nil
}

// isRSA says whether a text is an RSA key as key files have them: PEM of PKCS #8, or of PKCS #1.
func isRSA(text string) bool {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return false
	}
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		_, ok := key.(*rsa.PrivateKey)
		return ok
	}
	_, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	return err == nil
}

// tokenPlace says whether assertions may be sent to a place that a key file names: Google's, or the one that stands for
// it.
func tokenPlace(tokenURL, endpoint string) bool {
	switch tokenURL {
	case "https://oauth2.googleapis.com/token", "https://accounts.google.com/o/oauth2/token", "https://www.googleapis.com/oauth2/v4/token":
		return endpoint == ""
	}
	return endpoint != "" && tokenURL == endpoint+"token"
}

// checkEndpoint lets nothing stand for Google that is not on this machine: access tokens are sent to it.
func checkEndpoint(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%w: it is not a plain URL", ErrEndpoint)
	}
	if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("%w: %.60q is not a loopback address", ErrEndpoint, u.Hostname())
	}
	return nil
}

// sleep waits, unless the context ends before.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
