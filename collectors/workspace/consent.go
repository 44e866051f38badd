package workspace

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/internal/googlekey"
	"github.com/mbaudit/mbaudit/internal/secret"
)

const (
	consentPage     = "https://accounts.google.com/o/oauth2/v2/auth"
	consentPatience = 15 * time.Minute
	scopeOpenID     = "openid"
	scopeEmail      = scopePrefix + "userinfo.email"
	delegatesRow    = "gmail/delegates"
)

// A TokenCache keeps what a consent is worth between runs. What is in it opens the mailbox.
type TokenCache interface {
	Load() (secret.String, error) // an empty one where nothing is kept
	Save(secret.String) error     // in place of what was kept
}

// A consentAccess is what a user allows an application of his own account: the authorisation code of RFC 6749 with PKCE
// (RFC 7636) and a redirect to this machine (RFC 8252).
type consentAccess struct {
	id, of   string // client_id, project_id
	secret   secret.String
	page     string
	tokenURL string

	mu      sync.Mutex
	user    string // who consented
	granted []string
	refresh secret.String
}

// parseClient reads the file of an installed application's client, as Google's console hands it out.
func parseClient(text secret.String, endpoint string) (access, error) {
	var file struct {
		Web       json.RawMessage `json:"web"`
		Installed *struct {
			ID       string `json:"client_id"`
			Project  string `json:"project_id"`
			Secret   string `json:"client_secret"`
			Page     string `json:"auth_uri"`
			TokenURL string `json:"token_uri"`
		} `json:"installed"`
	}
	if json.Unmarshal([]byte(text.Reveal()), &file) != nil {
		return nil, fmt.Errorf("%w: it is not JSON", ErrClientFile)
	}
	it := file.Installed
	switch {
	case it == nil && len(file.Web) > 0:
		return nil, fmt.Errorf("%w: it is one of a web application", ErrClientFile)
	case it == nil || it.ID == "":
		return nil, fmt.Errorf("%w: it has no installed client with a client_id", ErrClientFile)
	case !googlekey.TokenPlace(it.TokenURL, endpoint):
		return nil, fmt.Errorf("%w of Google: its token_uri is %.100q", ErrClientFile, it.TokenURL)
	}
	return &consentAccess{id: it.ID, of: it.Project, secret: secret.New(it.Secret), page: at(endpoint, consentPage), tokenURL: it.TokenURL}, nil
}

func (a *consentAccess) name() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return "consent of " + a.user
}

func (a *consentAccess) client() string  { return a.id }
func (a *consentAccess) project() string { return a.of }
func (a *consentAccess) doors() []door {
	return []door{{method: http.MethodPost, address: a.tokenURL}}
}

func (a *consentAccess) config(scopes []string, redirect string) *oauth2.Config {
	return &oauth2.Config{ClientID: a.id, ClientSecret: a.secret.Reveal(), Scopes: scopes, RedirectURL: redirect,
		Endpoint: oauth2.Endpoint{AuthURL: a.page, TokenURL: a.tokenURL, AuthStyle: oauth2.AuthStyleInParams}}
}

// consent is the access by a user's own consent; nil where there is another.
func (c *Collector) consent() *consentAccess {
	a, _ := c.access.(*consentAccess)
	return a
}

// withheld says why a source is not offered with a user's own consent; "" where it is.
func (c *Collector) withheld(s source) string {
	switch {
	case c.consent() == nil:
		return ""
	case s.subject != "" || !s.api.facts().asUser:
		return "not offered with a user's own consent: it is for administrators"
	case s.resource == delegatesRow:
		return "not offered with a user's own consent: Google tells delegates to service accounts alone"
	}
	return ""
}

// keptConsent is what a TokenCache holds.
type keptConsent struct {
	Version int      `json:"v"`
	Client  string   `json:"client_id"`
	User    string   `json:"user"`
	Asked   []string `json:"asked"`
	Granted []string `json:"granted"`
	Refresh string   `json:"refresh_token"`
}

// Consent gets the consent of an account's user, or takes up the one that Config.Cache keeps. It does nothing where
// there is another access. Config.Ask shows the page to open.
func (c *Collector) Consent(ctx context.Context, account string) error {
	a := c.consent()
	if a == nil {
		return nil
	}
	wanted := c.consentScopes(account)
	kept, ok, err := c.keptConsent(account, wanted)
	if err != nil {
		return err
	}
	if ok {
		a.hold(kept)
		_, err := c.tokens.get(ctx, grant{account, kept.Granted[0]})
		if !errors.Is(err, ErrConsent) {
			return err
		}
		c.tokens = &tokens{c: c, held: map[grant]*heldToken{}}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, consentPatience, fmt.Errorf("%w: nobody consented within %s", ErrConsent, consentPatience))
	defer cancel()
	fresh, err := a.ask(ctx, c, account, wanted)
	if err != nil {
		return err
	}
	a.hold(fresh)
	if c.cfg.Cache == nil {
		return nil
	}
	text, err := json.Marshal(fresh)
	if err == nil {
		err = c.cfg.Cache.Save(secret.New(string(text)))
	}
	if err != nil {
		return fmt.Errorf("keeping the consent: %w", err)
	}
	return nil
}

func (a *consentAccess) hold(k keptConsent) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.user, a.granted, a.refresh = k.User, k.Granted, secret.New(k.Refresh)
}

// keptConsent is the consent of the cache, if it is for this client, this account and all that is wanted.
func (c *Collector) keptConsent(account string, wanted []string) (kept keptConsent, usable bool, err error) {
	if c.cfg.Cache == nil {
		return kept, false, nil
	}
	text, err := c.cfg.Cache.Load()
	if err != nil || text.Empty() {
		return kept, false, err
	}
	if json.Unmarshal([]byte(text.Reveal()), &kept) != nil {
		return kept, false, ErrTokenCache
	}
	all := !slices.ContainsFunc(wanted, func(s string) bool { return !slices.Contains(kept.Asked, s) })
	usable = all && kept.Client == c.consent().id && strings.EqualFold(kept.User, account) && len(kept.Granted) > 0 && kept.Refresh != ""
	return kept, usable, nil
}

// consentScopes are those of all sources that a user can allow.
func (c *Collector) consentScopes(account string) []string {
	scopes := []string{scopeOpenID, scopeEmail}
	r := c.newRun(collectors.Scope{Account: account}, nothing{})
	for _, st := range c.accountStages() {
		for _, s := range st.rows(r) {
			if s.scope != "" && s.api.facts().asUser && c.withheld(s) == "" && !slices.Contains(scopes, s.scope) {
				scopes = append(scopes, s.scope)
			}
		}
	}
	return scopes
}

// mint implements access: a refresh (RFC 6749, section 6), unless the user did not allow it.
func (a *consentAccess) mint(ctx context.Context, c *Collector, g grant) (secret.String, time.Time, error) {
	a.mu.Lock()
	user, granted, refresh := a.user, a.granted, a.refresh
	a.mu.Unlock()
	switch {
	case user == "":
		return secret.String{}, time.Time{}, &failure{kind: ErrConsent, text: "nobody was asked for consent"}
	case !strings.EqualFold(g.subject, user):
		return secret.String{}, time.Time{}, &failure{kind: ErrWithheld, text: ErrWithheld.Error()}
	case !slices.Contains(granted, g.scope):
		return secret.String{}, time.Time{}, &failure{kind: ErrUnticked, text: ErrUnticked.Error() + ": " + user + " did not allow it"}
	}
	line, ctx, cancel := c.listen(ctx)
	defer cancel()
	token, err := a.config(nil, "").TokenSource(ctx, &oauth2.Token{RefreshToken: refresh.Reveal()}).Token()
	if err != nil {
		return secret.String{}, time.Time{}, consentFailure(line.failure())
	}
	return given(token)
}

// consentFailure is what the token endpoint's no means where a user's consent is at stake.
func consentFailure(f *failure) *failure {
	if f.kind == ErrKeyRefused || f.kind == ErrDelegation || f.kind == ErrSubject {
		f.kind = ErrConsent
	}
	return f
}

// ask sends the user to the page where he consents, and gives the code that comes back for tokens.
func (a *consentAccess) ask(ctx context.Context, c *Collector, account string, wanted []string) (keptConsent, error) {
	var none keptConsent
	if c.cfg.Ask == nil {
		return none, fmt.Errorf("%w: nobody is there to be asked", ErrConsent)
	}
	landing, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return none, err
	}
	redirect := "http://" + landing.Addr().String()
	config, state, verifier := a.config(wanted, redirect), oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
	back := make(chan url.Values)
	server := &http.Server{Handler: landingPage{state, back}, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(landing) }() // ends with closeGently
	defer closeGently(server)
	pasted := c.cfg.Ask(ctx, config.AuthCodeURL(state, oauth2.AccessTypeOffline, oauth2.S256ChallengeOption(verifier),
		oauth2.SetAuthURLParam("prompt", "consent"), oauth2.SetAuthURLParam("login_hint", account)))
	answer, err := waitForUser(ctx, back, pasted, redirect, state)
	if err != nil {
		return none, err
	}
	if code := answer.Get("error"); code != "" {
		return none, fmt.Errorf("%w: %s", ErrConsent, cut(code, longestWords))
	}
	line, ctx, cancel := c.listen(ctx)
	defer cancel()
	token, err := config.Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		return none, consentFailure(line.failure())
	}
	return a.read(token, account, wanted)
}

// read takes from a token who consented, and to what.
func (a *consentAccess) read(token *oauth2.Token, account string, wanted []string) (keptConsent, error) {
	kept := keptConsent{Version: 1, Client: a.id, Asked: wanted, Granted: wanted, Refresh: token.RefreshToken}
	if said, ok := token.Extra("scope").(string); ok { // left out where all was granted (RFC 6749, section 5.1)
		kept.Granted = strings.Fields(said)
	}
	identity, _ := token.Extra("id_token").(string)
	kept.User = a.whose(identity)
	switch {
	case kept.User == "":
		return kept, fmt.Errorf("%w: Google does not say who consented", ErrConsent)
	case !strings.EqualFold(kept.User, account):
		return kept, fmt.Errorf("%w: %s consented, and %s is to be examined", ErrWrongUser, cut(kept.User, longestWords), account)
	case kept.Refresh == "":
		return kept, fmt.Errorf("%w: Google gave no token to go on with", ErrConsent)
	}
	return kept, nil
}

// whose is the verified address in an identity token that came from the token endpoint itself, which vouches for it
// (OpenID Connect Core, section 3.1.3.7, point 6); "" where there is none.
func (a *consentAccess) whose(identity string) string {
	parts := strings.Split(identity, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	var claims struct {
		Audience string `json:"aud"`
		Email    string `json:"email"`
		Verified bool   `json:"email_verified"`
	}
	if err != nil || json.Unmarshal(payload, &claims) != nil || claims.Audience != a.id || !claims.Verified {
		return ""
	}
	return claims.Email
}

// waitForUser waits until the browser comes back, or somebody pastes the address that it ended at. What has another
// state is not from the page that was opened, and is not taken.
func waitForUser(ctx context.Context, back <-chan url.Values, pasted <-chan string, redirect, state string) (url.Values, error) {
	for {
		select {
		case answer := <-back:
			return answer, nil
		case line, open := <-pasted:
			if !open {
				pasted = nil
				continue
			}
			address, found := strings.CutPrefix(strings.TrimSpace(line), redirect)
			u, err := url.Parse(address)
			if found && err == nil && isAnswer(u.Query(), state) {
				return u.Query(), nil
			}
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// closeGently lets the browser have its page before it closes.
func closeGently(server *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = server.Shutdown(ctx)
	_ = server.Close()
}

// isAnswer says whether parameters are an answer to our question.
func isAnswer(v url.Values, state string) bool {
	return subtle.ConstantTimeCompare([]byte(v.Get("state")), []byte(state)) == 1 && (v.Get("code") != "" || v.Get("error") != "")
}

// A landingPage is where Google sends the browser back to.
type landingPage struct {
	state string
	back  chan<- url.Values
}

// ServeHTTP implements http.Handler.
func (p landingPage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	if r.Method != http.MethodGet || !isAnswer(r.URL.Query(), p.state) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, "This is not the answer that mbaudit waits for. Open the page that it names.\n")
		return
	}
	_, _ = io.WriteString(w, "mbaudit has the answer. This page can be closed.\n")
	_ = http.NewResponseController(w).Flush()
	select {
	case p.back <- r.URL.Query():
	case <-r.Context().Done():
	}
}
