package workspace

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/evidence/earlier"
	"github.com/mbaudit/mbaudit/internal/googlekey"
	"github.com/mbaudit/mbaudit/internal/secret"
	"github.com/mbaudit/mbaudit/internal/sleep"
)

const usualPatience = 2 * time.Minute

// Errors of a configuration that cannot work.
var (
	ErrKeyFile          = googlekey.ErrKey
	ErrClientFile       = errors.New("this is not the OAuth client of an installed application")
	ErrServiceAccount   = errors.New("this is not the address of a service account")
	ErrTokenCache       = errors.New("this is not a token cache of mbaudit")
	ErrNoServiceAccount = errors.New("the credentials name no service account to speak for users")
	ErrEndpoint         = googlekey.ErrEndpoint
)

// A Config says how to reach Google Workspace. One of Key, ServiceAccount and OAuthClient is needed; the zero values of
// all other fields are usable.
type Config struct {
	// Key is the JSON of a service account key, as Google's console hands it out, or of other Application Default
	// Credentials, which sign for ServiceAccount: external_account, impersonated_service_account, authorized_user.
	Key secret.String

	// ServiceAccount is the address of the account with domain-wide delegation, where Key is not its own. Without a Key
	// the machine's own account signs for it, which the metadata server of Google's cloud knows.
	ServiceAccount string

	// OAuthClient is the JSON of an installed application's client: the user consents himself, see Consent.
	OAuthClient secret.String
	// Ask shows the page where the user consents, and gives what is pasted in answer, line by line; nil: nobody is there.
	Ask func(ctx context.Context, page string) (pasted <-chan string)
	// Cache keeps the consent between runs; nil keeps it in memory.
	Cache TokenCache

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

	// TryIMAP, if set, is called by Preflight where MessagesOverIMAP is: it logs in there with IMAPToken and opens a folder for
	// reading, and says in words what is there.
	TryIMAP func(ctx context.Context, account string) (string, error)

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
	Tries     int                 // at most for one answer; 0 is seven

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
	access access
	client *http.Client // refuses all that is not a read
	tokens *tokens
	hints  hints
	clock  googleClock

	limiter   *limiter
	learned   learned
	customers customers
	logMemory logMemory
	lists     forAll[listing]   // of the tenant, that several accounts need a part of
	several   int               // accounts that are read, see Several
	nobodys   forAll[emptyLogs] // by window, and when it was asked for
	saidEmpty sync.Once
	saidLogs  sync.Once
	longLogs  bool // it was said that they take minutes
}

var _ collectors.Collector = (*Collector)(nil)

// A serviceKey is a key file. It implements access.
type serviceKey struct{ googlekey.Key }

// New makes a collector. Nothing is sent yet.
func New(cfg Config) (*Collector, error) {
	if cfg.Endpoint != "" {
		if err := googlekey.CheckEndpoint(cfg.Endpoint); err != nil {
			return nil, err
		}
		cfg.Endpoint = strings.TrimSuffix(cfg.Endpoint, "/") + "/"
	}
	found, err := parseAccess(cfg)
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
		cfg.Sleep = sleep.For
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
	if cfg.Tries == 0 {
		cfg.Tries = quotaTries
	}
	c := &Collector{cfg: cfg, access: found, limiter: newLimiter(cfg.Now, cfg.Pace)}
	c.tokens = &tokens{c: c, held: map[grant]*heldToken{}}
	c.client = &http.Client{
		Transport:     &readOnly{next: cfg.Transport, roots: c.roots(), queries: c.queries(), doors: found.doors()},
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

func (k serviceKey) client() string  { return k.Client() }
func (k serviceKey) name() string    { return "service account " + k.client() }
func (k serviceKey) project() string { return k.Project }
func (k serviceKey) doors() []door {
	return []door{{method: http.MethodPost, address: k.TokenURL}}
}

func parseServiceKey(text secret.String, endpoint string) (serviceKey, error) {
	key, err := googlekey.Parse(text, endpoint)
	return serviceKey{key}, err
}
