package fakegoogle

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// The service account of the responder's project, which the tenant has delegated domain-wide authority to.
const (
	ServiceAccount = "mbaudit@case-0001.iam.gserviceaccount.com"
	ClientID       = "108765432109876543210"
	keyID          = "5a1e0000000000000000000000000000000000aa"
	tokenLife      = time.Hour
)

// An accessToken is what the token endpoint handed out.
type accessToken struct {
	subject   string // primary address; "" is the service account itself
	scopes    []string
	expires   time.Time
	delegated bool     // it speaks for a user by domain-wide delegation
	noted     []string // APIs of which the token log has this token's use
}

// isToken says that a request is for the token endpoint, by one of the paths that it has at Google.
func isToken(r *http.Request) bool { return r.URL.Path == "/token" || r.URL.Path == "/oauth2/v4/token" }

// serveToken is the token endpoint: the JWT bearer grant of RFC 7523, as Google documents it for service accounts.
func (t *Tenant) serveToken(w http.ResponseWriter, c *call, fault *Fault) {
	a := answer{status: http.StatusOK, header: http.Header{"Content-Type": {"application/json; charset=UTF-8"}, "Cache-Control": {"no-store"}}}
	c.linger(t.config.TokenLatency())
	t.mu.Lock()
	result, refusal := t.grant(c)
	t.mu.Unlock()
	if fault != nil && fault.Status != 0 {
		refusal = &tokenError{fault.Status, firstOf(fault.Reason, "internal_failure"), http.StatusText(fault.Status)}
	}
	if refusal != nil {
		a.status, a.reason = refusal.status, refusal.code
		result = object{"error": refusal.code, "error_description": refusal.description}
	}
	a.body = c.encode(result)
	t.write(w, c, a, fault)
}

// A tokenError is a refusal in the shape of RFC 6749, section 5.2.
type tokenError struct {
	status            int
	code, description string
}

// claims are those of the assertion.
type claims struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	Scope    string `json:"scope"`
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
}

// grant checks the assertion and hands out an access token. It holds the lock.
func (t *Tenant) grant(c *call) (object, *tokenError) {
	r := c.request
	if r.Method != http.MethodPost {
		return nil, &tokenError{http.StatusMethodNotAllowed, "invalid_request", "Request must be a POST."}
	}
	if err := r.ParseForm(); err != nil {
		return nil, &tokenError{http.StatusBadRequest, "invalid_request", "Bad Request"}
	}
	if kind := r.PostForm.Get("grant_type"); kind == "authorization_code" || kind == "refresh_token" {
		return t.userGrant(c)
	}
	if r.PostForm.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		return nil, &tokenError{http.StatusBadRequest, "unsupported_grant_type", "Invalid grant_type: " + r.PostForm.Get("grant_type")}
	}
	asserted, refusal := t.verify(r.PostForm.Get("assertion"))
	if refusal != nil {
		return nil, refusal
	}
	scopes := strings.Fields(asserted.Scope)
	if refusal := t.delegated(asserted.Subject, scopes); refusal != nil {
		return nil, refusal
	}
	token := &accessToken{scopes: scopes, expires: c.now.Add(tokenLife), delegated: true}
	if asserted.Subject != "" {
		token.subject = t.person(t.index[strings.ToLower(asserted.Subject)]).email
	}
	c.token, c.subject = token, token.subject
	name := fmt.Sprintf("ya29.fake-%x", randomBytes(24))
	t.issued[name] = token
	t.delegatedLine(c, "authorize", object{"name": "scope", "multiValue": texts(scopes...)})
	return object{"access_token": name, "expires_in": int(tokenLife/time.Second) - 1, "token_type": "Bearer"}, nil
}

// delegatedLine writes into the token log that the service account was given a token for a user, or used one: Google writes that as
// any application's, in the user's name and from where the token was asked for. It holds the lock.
func (t *Tenant) delegatedLine(c *call, name string, parameters ...any) {
	number, known := t.index[strings.ToLower(c.token.subject)]
	if c.token.subject == "" || !known {
		return
	}
	t.recordActivity(activity{key: key{at: c.now}, application: "token", user: number, ip: Responder, client: ClientID, events: []event{{"auth", name,
		append([]any{parameter("client_id", ClientID), parameter("app_name", ClientID), parameter("client_type", "WEB")}, parameters...)}}})
}

// used writes the first use of a token with an API into the token log. It holds the lock.
func (c *call) used() {
	api := strings.ToLower(c.method.api.Name)
	if slices.Contains(c.token.noted, api) || !slices.Contains([]string{"gmail", "drive", "calendar"}, api) {
		return
	}
	c.token.noted = append(c.token.noted, api)
	if c.token.delegated {
		c.tenant.delegatedLine(c, "activity", parameter("api_name", api), parameter("method_name", c.method.ID), parameter("product_bucket", strings.ToUpper(api)))
	}
}

// verify checks the assertion's signature (RS256), issuer, audience and times.
func (t *Tenant) verify(assertion string) (claims, *tokenError) {
	invalid := func(description string) (claims, *tokenError) {
		return claims{}, &tokenError{http.StatusBadRequest, "invalid_grant", description}
	}
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		return invalid("Bad Request")
	}
	var header struct{ Alg, Kid string }
	var asserted claims
	signature, err := decodeBase64(parts[2])
	if err != nil || decodePart(parts[0], &header) != nil || decodePart(parts[1], &asserted) != nil || header.Alg != "RS256" {
		return invalid("Bad Request")
	}
	key, err := t.newKey()
	if err != nil {
		return invalid(err.Error())
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if asserted.Issuer != ServiceAccount {
		return invalid("Invalid grant: account not found")
	}
	if rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, digest[:], signature) != nil || header.Kid != "" && header.Kid != keyID {
		return invalid("Invalid JWT Signature.")
	}
	if !strings.HasSuffix(asserted.Audience, "/token") {
		return invalid("Invalid JWT: Failed audience check. The right audience is https://oauth2.googleapis.com/token.")
	}
	issued, expires, now := time.Unix(asserted.IssuedAt, 0), time.Unix(asserted.Expires, 0), t.config.Assertions()
	if expires.Sub(issued) > time.Hour || issued.After(now.Add(10*time.Minute)) || expires.Before(now) {
		return invalid("Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.")
	}
	return asserted, nil
}

// delegated says whether the service account may speak for a user with those scopes.
func (t *Tenant) delegated(subject string, scopes []string) *tokenError {
	if len(scopes) == 0 {
		return &tokenError{http.StatusBadRequest, "invalid_scope", "Empty or missing scope not allowed."}
	}
	known := append(t.scopes(), cloudScope)
	for _, scope := range scopes {
		if !slices.Contains(known, scope) {
			return &tokenError{http.StatusBadRequest, "invalid_scope", scope + " is not a valid audience string."}
		}
	}
	if subject == "" {
		return nil
	}
	i, exists := t.index[strings.ToLower(subject)]
	if !exists || t.account(i).deleted {
		return &tokenError{http.StatusBadRequest, "invalid_grant", "Invalid email or User ID"}
	}
	allowed := t.config.Scopes
	if allowed == nil {
		return nil
	}
	for _, scope := range scopes {
		if !slices.Contains(allowed, scope) {
			return &tokenError{http.StatusUnauthorized, "unauthorized_client",
				"Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested."}
		}
	}
	return nil
}

// scopes are all that the APIs served here know.
func (t *Tenant) scopes() []string {
	var all []string
	for _, api := range t.discovery.APIs {
		all = append(all, api.Scopes...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// bearer finds the access token of a request. It holds the lock.
func (t *Tenant) bearer(r *http.Request) *accessToken {
	name, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return nil
	}
	return t.issued[name]
}

// authenticate finds out for whom a call is made. It holds the lock.
func (c *call) authenticate() *apiError {
	c.token = c.tenant.bearer(c.request)
	if c.token == nil || !c.now.Before(c.token.expires) {
		return unauthenticated()
	}
	c.subject = c.token.subject
	return nil
}

// decodeBase64 takes the padding that old clients add, as Google does; RFC 7515 has none.
func decodeBase64(s string) ([]byte, error) {
	return base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
}

func decodePart(part string, into any) error {
	b, err := decodeBase64(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

// sharedKey is the key of every tenant of this process that was given none: making one takes long.
var sharedKey = sync.OnceValues(generateKey)

func generateKey() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) }

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}
