package workspace

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"github.com/mbaudit/mbaudit/internal/googlekey"
	"github.com/mbaudit/mbaudit/internal/secret"
)

// Places of Google's that credentials are made tokens at.
const (
	tokenEndpoint  = "https://oauth2.googleapis.com/token"
	stsEndpoint    = "https://sts.googleapis.com/v1/token"
	iamAccounts    = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/"
	metadataServe  = "http://169.254.169.254/computeMetadata/v1/"
	metadataToken  = metadataServe + "instance/service-accounts/default/token"
	iamCredentials = "iamcredentials.googleapis.com"

	// scopeCloud is what signing for a service account wants; Google offers none that allows less. The transport lets
	// nothing through with it but that.
	scopeCloud    = scopePrefix + "cloud-platform"
	assertionLife = time.Hour

	// metadataPatience is long for a server on the machine's own link, and short where there is none.
	metadataPatience = 5 * time.Second
)

// A signedAccess is a service account with domain-wide delegation whose key nobody has: who may sign for it asks Google
// to (projects.serviceAccounts.signJwt), and hands what was signed to the token endpoint.
//
// google.golang.org/api/impersonate does the same, but sends the signer's own token to the token endpoint too, which the
// transport does not let through, and brings gRPC with it.
type signedAccess struct {
	email     string
	delegates []string // accounts through which the right to sign comes, each as projects/-/serviceAccounts/EMAIL
	source    credentials
	signURL   string
	tokenURL  string
}

// credentials are what gives the token that asks for a signature.
type credentials interface {
	token(ctx context.Context, c *Collector) (secret.String, time.Time, error)
	doors() []door
}

// newSigned makes the access of the service account that a configuration names.
func newSigned(cfg Config, delegates []string, source credentials) (access, error) {
	if !isServiceAccount(cfg.ServiceAccount) {
		return nil, fmt.Errorf("%w: %.100q", ErrServiceAccount, cfg.ServiceAccount)
	}
	return &signedAccess{email: cfg.ServiceAccount, delegates: delegates, source: source,
		signURL: at(cfg.Endpoint, iamAccounts+cfg.ServiceAccount+":signJwt"), tokenURL: at(cfg.Endpoint, tokenEndpoint)}, nil
}

// isServiceAccount says whether a text is the address of a service account and nothing that a URL reads another way.
func isServiceAccount(email string) bool {
	return regexp.MustCompile(`^[a-z0-9-]+@[a-z0-9.-]+\.gserviceaccount\.com$`).MatchString(email)
}

func (a *signedAccess) name() string   { return "service account " + a.email }
func (a *signedAccess) client() string { return a.email }

// project is that of the service account, whose APIs are used; its address names it, unless it is one that Google made.
func (a *signedAccess) project() string { return projectOf(a.email) }

func projectOf(email string) string {
	_, domain, _ := strings.Cut(email, "@")
	project, ok := strings.CutSuffix(domain, ".iam.gserviceaccount.com")
	if !ok {
		return ""
	}
	return project
}

func (a *signedAccess) doors() []door {
	return append(a.source.doors(), door{method: http.MethodPost, address: a.signURL, bearer: true}, door{method: http.MethodPost, address: a.tokenURL})
}

// mint implements access.
func (a *signedAccess) mint(ctx context.Context, c *Collector, g grant) (secret.String, time.Time, error) {
	if g.subject == "" {
		return a.source.token(ctx, c)
	}
	own := grant{scope: scopeCloud}
	signer, err := c.tokens.get(ctx, own)
	if err != nil {
		return secret.String{}, time.Time{}, err
	}
	assertion, err := a.sign(ctx, c, signer, g)
	var f *failure
	if errors.As(err, &f) && f.expired {
		c.tokens.forget(own, signer)
		f.again = true
	}
	if err != nil {
		return secret.String{}, time.Time{}, err
	}
	return a.exchange(ctx, c, assertion)
}

// sign has Google sign the claims of RFC 7523 for the service account.
func (a *signedAccess) sign(ctx context.Context, c *Collector, signer secret.String, g grant) (secret.String, error) {
	issued := c.cfg.Now().Add(-10 * time.Second) // clocks differ
	claims, err := json.Marshal(map[string]any{"iss": a.email, "sub": g.subject, "scope": g.scope, "aud": a.tokenURL,
		"iat": issued.Unix(), "exp": issued.Add(assertionLife).Unix()})
	if err != nil {
		return secret.String{}, err
	}
	body, err := json.Marshal(struct {
		Payload   string   `json:"payload"`
		Delegates []string `json:"delegates,omitempty"`
	}{string(claims), a.delegates})
	if err != nil {
		return secret.String{}, err
	}
	var said struct {
		JWT string `json:"signedJwt"`
	}
	err = c.post(ctx, a.signURL, contentTypeAPI, body, signer, &said)
	if err == nil && said.JWT == "" {
		err = &failure{kind: ErrDamaged, text: "asking to sign for the service account: the answer has no signature", again: true}
	}
	return secret.New(said.JWT), err
}

// exchange gives what was signed for an access token.
func (a *signedAccess) exchange(ctx context.Context, c *Collector, assertion secret.String) (secret.String, time.Time, error) {
	form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion.Reveal()}}
	return c.postForToken(ctx, a.tokenURL, form)
}

// postForToken asks a token endpoint (RFC 6749, section 4).
func (c *Collector) postForToken(ctx context.Context, address string, form url.Values) (secret.String, time.Time, error) {
	var said tokenAnswer
	asked := time.Now()
	if err := c.post(ctx, address, "application/x-www-form-urlencoded", []byte(form.Encode()), secret.String{}, &said); err != nil {
		return secret.String{}, time.Time{}, err
	}
	return given(said.token(asked))
}

// A tokenAnswer is what a token endpoint or a metadata server says (RFC 6749, section 5.1).
type tokenAnswer struct {
	Token   string `json:"access_token"`
	Seconds int64  `json:"expires_in"`
}

func (t tokenAnswer) token(asked time.Time) *oauth2.Token {
	if t.Seconds <= 0 {
		return &oauth2.Token{}
	}
	return &oauth2.Token{AccessToken: t.Token, Expiry: asked.Add(time.Duration(t.Seconds) * time.Second)}
}

// post sends one request that credentials need and reads its answer. bearer may be empty.
func (c *Collector) post(ctx context.Context, address, contentType string, body []byte, bearer secret.String, into any) error {
	req, err := http.NewRequest(http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return &failure{kind: ErrRefused, text: "the request cannot be written"}
	}
	req.Header.Set("Content-Type", contentType)
	if !bearer.Empty() {
		req.Header.Set("Authorization", "Bearer "+bearer.Reveal())
	}
	return c.ask(ctx, req, into)
}

// ask sends a request and reads its answer, which must be JSON.
func (c *Collector) ask(ctx context.Context, req *http.Request, into any) error {
	line, ctx, cancel := c.listen(ctx)
	defer cancel()
	req.Header.Set("User-Agent", userAgent)
	resp, err := line.RoundTrip(req.WithContext(ctx))
	if err != nil || line.refused != nil {
		return line.failure()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, refusalLimit))
	if err != nil {
		line.err = err
		return line.failure()
	}
	if json.Unmarshal(body, into) != nil {
		return line.failure()
	}
	return nil
}

// A metadataServer gives the token of the service account that a machine of Google's cloud runs as.
type metadataServer struct{ address string }

func (m metadataServer) doors() []door {
	return []door{{method: http.MethodGet, address: m.address + "?" + m.query()}}
}

func (m metadataServer) query() string { return url.Values{"scopes": {scopeCloud}}.Encode() }

func (m metadataServer) token(ctx context.Context, c *Collector) (secret.String, time.Time, error) {
	req, err := http.NewRequest(http.MethodGet, m.address+"?"+m.query(), nil)
	if err != nil {
		return secret.String{}, time.Time{}, err
	}
	req.Header.Set("Metadata-Flavor", "Google")
	ctx, cancel := context.WithTimeout(ctx, metadataPatience)
	defer cancel()
	var said tokenAnswer
	asked := time.Now()
	if err := c.ask(ctx, req, &said); err != nil {
		if errors.Is(err, ErrLost) {
			err = &failure{kind: ErrCredentials, text: "no credentials are given, and no metadata server answers, as it would on a machine of Google's cloud"}
		}
		return secret.String{}, time.Time{}, err
	}
	return given(said.token(asked))
}

// An ownKey is the key of one service account that signs for another.
type ownKey struct{ key serviceKey }

func (o ownKey) doors() []door { return o.key.doors() }

func (o ownKey) token(ctx context.Context, c *Collector) (secret.String, time.Time, error) {
	return o.key.mint(ctx, c, grant{scope: scopeCloud})
}

// A foreign is a file of Application Default Credentials that golang.org/x/oauth2/google makes tokens of: workload
// identity federation (AIP-4117), or the login of gcloud.
type foreign struct {
	kind   google.CredentialsType
	text   secret.String
	places []door
	file   string // that the token to exchange is read from; "" for another way
}

func (f foreign) doors() []door { return f.places }

func (f foreign) token(ctx context.Context, c *Collector) (secret.String, time.Time, error) {
	if f.file != "" {
		if _, err := os.ReadFile(f.file); err != nil {
			return secret.String{}, time.Time{}, &failure{kind: ErrCredentials, text: "the token that the credentials name: " + err.Error()}
		}
	}
	line, ctx, cancel := c.listen(ctx)
	defer cancel()
	found, err := google.CredentialsFromJSONWithTypeAndParams(ctx, []byte(f.text.Reveal()), f.kind, google.CredentialsParams{Scopes: []string{scopeCloud}})
	if err != nil {
		return secret.String{}, time.Time{}, &failure{kind: ErrCredentials, text: "the credentials cannot be used"}
	}
	token, err := found.TokenSource.Token()
	if err != nil {
		fail := line.failure()
		if errors.Is(fail, ErrKeyRefused) || errors.Is(fail, ErrDelegation) { // of the token endpoints' words, which are the same for all grants
			fail.kind = ErrCredentials
		}
		return secret.String{}, time.Time{}, fail
	}
	return given(token)
}

// A credentialsFile is what is needed of a file of Application Default Credentials.
type credentialsFile struct {
	Type           string          `json:"type"`
	Universe       string          `json:"universe_domain"`
	Impersonated   string          `json:"service_account_impersonation_url"`
	Delegates      []string        `json:"delegates"`
	Source         json.RawMessage `json:"source_credentials"`
	TokenURL       string          `json:"token_uri"`
	RefreshToken   string          `json:"refresh_token"`
	ClientID       string          `json:"client_id"`
	ClientSecret   string          `json:"client_secret"`
	Audience       string          `json:"audience"`
	STS            string          `json:"token_url"`
	CredentialFrom struct {
		File        string          `json:"file"`
		URL         string          `json:"url"`
		Executable  json.RawMessage `json:"executable"`
		Environment string          `json:"environment_id"`
		Region      string          `json:"region_url"`
		Session     string          `json:"imdsv2_session_token_url"`
	} `json:"credential_source"`
}

// parseCredentials reads a file of Application Default Credentials other than a key.
func parseCredentials(cfg Config, kind string) (access, error) {
	var file credentialsFile
	if json.Unmarshal([]byte(cfg.Key.Reveal()), &file) != nil || file.Universe != "" && file.Universe != "googleapis.com" {
		return nil, fmt.Errorf("%w of Google", ErrKeyFile)
	}
	through, text := "", cfg.Key
	if file.Impersonated != "" {
		if through = impersonated(file.Impersonated, cfg.Endpoint); through == "" {
			return nil, fmt.Errorf("%w of Google: its service_account_impersonation_url is %.200q", ErrKeyFile, file.Impersonated)
		}
	}
	if kind == "impersonated_service_account" {
		return parseImpersonated(cfg, file, through)
	}
	source, err := parseForeign(file, text, through, cfg.Endpoint)
	if err != nil {
		return nil, err
	}
	cfg.ServiceAccount = cmp.Or(cfg.ServiceAccount, through)
	if cfg.ServiceAccount == "" {
		return nil, ErrNoServiceAccount
	}
	return newSigned(cfg, nil, source)
}

// parseImpersonated has the credentials below sign for the account that they impersonate: who may be it may also sign for
// it. Where another account is named, that one is signed for, by way of the first.
func parseImpersonated(cfg Config, file credentialsFile, through string) (access, error) {
	var below credentialsFile
	if through == "" || json.Unmarshal(file.Source, &below) != nil {
		return nil, fmt.Errorf("%w: it has no source_credentials or no service_account_impersonation_url", ErrKeyFile)
	}
	delegates := file.Delegates
	if cfg.ServiceAccount == "" || cfg.ServiceAccount == through {
		cfg.ServiceAccount = through
	} else {
		delegates = append(delegates, "projects/-/serviceAccounts/"+through)
	}
	if below.Type == "service_account" {
		key, err := parseServiceKey(secret.New(string(file.Source)), cfg.Endpoint)
		if err != nil {
			return nil, err
		}
		return newSigned(cfg, delegates, ownKey{key})
	}
	if below.Impersonated != "" {
		return nil, fmt.Errorf("%w: its source_credentials impersonate too", ErrKeyFile)
	}
	source, err := parseForeign(below, secret.New(string(file.Source)), "", cfg.Endpoint)
	if err != nil {
		return nil, err
	}
	return newSigned(cfg, delegates, source)
}

// impersonated is the account of a URL of generateAccessToken, if it is one of Google's.
func impersonated(address, endpoint string) string {
	email, ok := strings.CutPrefix(address, at(endpoint, iamAccounts))
	email, verb := strings.CutSuffix(email, ":generateAccessToken")
	if !ok || !verb || !isServiceAccount(email) {
		return ""
	}
	return email
}

// parseForeign checks that credentials send to Google and nowhere else what they get, but for the token of another
// system, which is asked for where the file says.
func parseForeign(file credentialsFile, text secret.String, through, endpoint string) (credentials, error) {
	switch file.Type {
	case "authorized_user":
		if file.RefreshToken == "" || file.ClientID == "" {
			return nil, fmt.Errorf("%w: it has no client_id or no refresh_token", ErrKeyFile)
		}
		place := cmp.Or(file.TokenURL, tokenEndpoint)
		if !googlekey.TokenPlace(place, endpoint) {
			return nil, fmt.Errorf("%w of Google: its token_uri is %.100q", ErrKeyFile, place)
		}
		return foreign{kind: google.AuthorizedUser, text: text, places: []door{{method: http.MethodPost, address: place}}}, nil
	case "external_account":
		return parseExternal(file, text, through, endpoint)
	}
	return nil, fmt.Errorf("%w: its type is %.40q", ErrKeyFile, file.Type)
}

// parseExternal reads the configuration of a workload identity pool.
func parseExternal(file credentialsFile, text secret.String, through, endpoint string) (credentials, error) {
	if sts := at(endpoint, stsEndpoint); file.STS != sts {
		return nil, fmt.Errorf("%w of Google: its token_url is %.100q", ErrKeyFile, file.STS)
	}
	found := foreign{kind: google.ExternalAccount, text: text, places: []door{{method: http.MethodPost, address: file.STS}}}
	if through != "" {
		found.places = append(found.places, door{method: http.MethodPost, address: file.Impersonated, bearer: true})
	}
	from := file.CredentialFrom
	switch {
	case len(from.Executable) > 0:
		return nil, fmt.Errorf("%w that is taken: it names a program to run; have that program write its token into a file, and name the file", ErrKeyFile)
	case strings.HasPrefix(from.Environment, "aws"):
		for _, place := range []string{from.URL, from.Region, from.Session} {
			if place != "" && !isLinkLocal(place) {
				return nil, fmt.Errorf("%w: a machine of AWS asks 169.254.169.254, and it names %.100q", ErrKeyFile, place)
			}
		}
		found.places = append(found.places, door{method: http.MethodGet, address: from.Region}, door{method: http.MethodGet, address: from.URL},
			door{method: http.MethodGet, address: from.URL + "/", below: true}, door{method: http.MethodPut, address: from.Session})
	case from.File != "":
		found.file = from.File
	case from.URL != "":
		if u, err := url.Parse(from.URL); err != nil || u.User != nil || u.Scheme != "https" && !isLinkLocal(from.URL) && !isLoopback(u) {
			return nil, fmt.Errorf("%w: its credential_source is neither https nor of this machine: %.100q", ErrKeyFile, from.URL)
		}
		found.places = append(found.places, door{method: http.MethodGet, address: from.URL, bearer: true})
	default:
		return nil, fmt.Errorf("%w: its credential_source names nothing to ask", ErrKeyFile)
	}
	return found, nil
}

// isLinkLocal says whether a URL is that of the metadata server that clouds give their machines.
func isLinkLocal(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" || u.User != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && (ip.IsLinkLocalUnicast() || ip == netip.MustParseAddr("fd00:ec2::254"))
}

func isLoopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return ip != nil && ip.IsLoopback()
}
