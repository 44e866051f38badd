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
	"net/url"
	"slices"
	"strings"
	"time"
)

// What stands for credentials other than the service account's key.
const (
	PoolAWSKey   = "ASIAFAKEGOOGLE000001"    // or who asks AWS who he is with this access key id
	PoolToken    = "token-of-another-system" // what the workload identity pool of the tenant's project takes
	PoolAudience = "//iam.googleapis.com/projects/314159265358/locations/global/workloadIdentityPools/case/providers/ci"
	OAuthClient  = "314159265358-case.apps.googleusercontent.com"
	oauthSecret  = "GOCSPX-fake-client-secret"
	gcloudSecret = "fake-gcloud-secret"
	gcloudToken  = "1//fake-refresh-token-of-gcloud"
	cloudScope   = "https://www.googleapis.com/auth/cloud-platform"
	emailScope   = "https://www.googleapis.com/auth/userinfo.email"
)

// Methods of what is no API of the discovery documents, in Requests and in faults.
const (
	methodSign        = "iamcredentials.projects.serviceAccounts.signJwt"
	methodImpersonate = "iamcredentials.projects.serviceAccounts.generateAccessToken"
	methodSTS         = "sts.token"
	methodMetadata    = "metadata"
	methodPage        = "consent"
)

// A Consent is what the person at the browser does on the page where he is asked to consent.
type Consent struct {
	User     string   // who is logged in; "" is whom the page hints at
	Unticked []string // scopes that he does not allow
	Refused  bool     // he says no
}

// credentialState is what the tenant knows of credentials; of Tenant.mu.
type credentialState struct {
	consent Consent
	codes   map[string]*codeGrant
	refresh map[string]*codeGrant
}

// A codeGrant is what a user consented to.
type codeGrant struct {
	user      string
	scopes    []string
	challenge string
	redirect  string
	client    string
}

// SetConsent says what the person at the browser does from now on.
func (t *Tenant) SetConsent(c Consent) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.credentials.consent = c
}

// RevokeConsents ends all consents: no refresh token is taken any more.
func (t *Tenant) RevokeConsents() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.credentials.refresh = map[string]*codeGrant{}
}

// ClientFile returns the JSON of an installed application's client, as Google's console hands it out.
func (s *Server) ClientFile(base string) ([]byte, error) {
	return json.MarshalIndent(map[string]any{"installed": map[string]any{
		"client_id": OAuthClient, "project_id": "case-0001", "auth_uri": "https://accounts.google.com/o/oauth2/auth", "token_uri": base + "/token",
		"auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs", "client_secret": oauthSecret, "redirect_uris": []string{"http://localhost"},
	}}, "", "  ")
}

// PoolFile returns the JSON of a workload identity pool whose token is in a file, with the service account impersonated or
// not. sts and iam are the hosts of both, or what stands for them.
func (s *Server) PoolFile(sts, iam, tokenFile string, impersonate bool) ([]byte, error) {
	file := map[string]any{"type": "external_account", "audience": PoolAudience, "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
		"token_url": sts + "/v1/token", "credential_source": map[string]any{"file": tokenFile}, "universe_domain": "googleapis.com"}
	if impersonate {
		file["service_account_impersonation_url"] = impersonationURL(iam)
	}
	return json.MarshalIndent(file, "", "  ")
}

// UserFile returns the JSON that gcloud auth application-default login writes, impersonating the service account or not.
func (s *Server) UserFile(base, iam string, impersonate bool) ([]byte, error) {
	user := map[string]any{"type": "authorized_user", "client_id": "gcloud.apps.googleusercontent.com", "client_secret": gcloudSecret,
		"refresh_token": gcloudToken, "token_uri": base + "/token"}
	if impersonate {
		return json.MarshalIndent(map[string]any{"type": "impersonated_service_account", "delegates": []string{}, "source_credentials": user,
			"service_account_impersonation_url": impersonationURL(iam)}, "", "  ")
	}
	return json.MarshalIndent(user, "", "  ")
}

func impersonationURL(iam string) string {
	return iam + "/v1/projects/-/serviceAccounts/" + ServiceAccount + ":generateAccessToken"
}

// special names what a request wants that no discovery document of an API served here has; "" is none of these.
func special(r *http.Request) string {
	path := r.URL.Path
	switch {
	case path == "/v1/token":
		return methodSTS
	case strings.HasPrefix(path, "/v1/projects/-/serviceAccounts/") && strings.HasSuffix(path, ":signJwt"):
		return methodSign
	case strings.HasPrefix(path, "/v1/projects/-/serviceAccounts/") && strings.HasSuffix(path, ":generateAccessToken"):
		return methodImpersonate
	case path == "/computeMetadata/v1/instance/service-accounts/default/token":
		return methodMetadata
	case path == "/o/oauth2/v2/auth":
		return methodPage
	}
	return ""
}

// isSpecial tells the methods of this file.
func isSpecial(method string) bool {
	return slices.Contains([]string{methodSTS, methodSign, methodImpersonate, methodMetadata, methodPage}, method)
}

// serveSpecial answers what special names.
func (t *Tenant) serveSpecial(w http.ResponseWriter, c *call, fault *Fault) {
	a := answer{status: http.StatusOK, header: http.Header{"Content-Type": {"application/json; charset=UTF-8"}}}
	var result object
	var refusal *apiError
	var tokenRefusal *tokenError
	t.mu.Lock()
	switch special(c.request) {
	case methodPage:
		a = t.consentPage(c)
	case methodSTS:
		result, tokenRefusal = t.exchangePool(c)
	case methodMetadata:
		a.header.Set("Metadata-Flavor", "Google")
		result, refusal = t.metadata(c)
	case methodImpersonate:
		result, refusal = t.impersonate(c)
	case methodSign:
		result, refusal = t.signJWT(c)
	}
	t.mu.Unlock()
	if fault != nil && fault.Status != 0 {
		refusal = fault.error()
	}
	switch {
	case refusal != nil:
		a.status, a.reason, a.body = refusal.code, refusal.reason, c.encode(refusal.body(nil))
	case tokenRefusal != nil:
		a.status, a.reason = tokenRefusal.status, tokenRefusal.code
		a.body = c.encode(object{"error": tokenRefusal.code, "error_description": tokenRefusal.description})
	case a.body == nil:
		a.body = c.encode(result)
	}
	t.write(w, c, a, fault)
}

// issue hands out an access token. It holds the lock.
func (t *Tenant) issue(c *call, subject string, scopes []string) string {
	token := &accessToken{subject: subject, scopes: scopes, expires: c.now.Add(tokenLife)}
	c.token, c.subject = token, subject
	name := fmt.Sprintf("ya29.fake-%x", randomBytes(24))
	t.issued[name] = token
	return name
}

// metadata is the metadata server of a machine that runs as a service account.
func (t *Tenant) metadata(c *call) (object, *apiError) {
	if c.request.Header.Get("Metadata-Flavor") != "Google" || c.request.Method != http.MethodGet {
		return nil, failure(http.StatusForbidden, "forbidden", "Missing Metadata-Flavor:Google header.")
	}
	return object{"access_token": t.issue(c, "", []string{cloudScope}), "expires_in": 3599, "token_type": "Bearer"}, nil
}

// exchangePool is the security token service: RFC 8693.
func (t *Tenant) exchangePool(c *call) (object, *tokenError) {
	r := c.request
	if r.Method != http.MethodPost || r.ParseForm() != nil || r.PostForm.Get("grant_type") != "urn:ietf:params:oauth:grant-type:token-exchange" {
		return nil, &tokenError{http.StatusBadRequest, "invalid_request", "Bad Request"}
	}
	if r.PostForm.Get("audience") != PoolAudience || !inPool(r.PostForm.Get("subject_token_type"), r.PostForm.Get("subject_token")) {
		return nil, &tokenError{http.StatusBadRequest, "invalid_grant", "The given credential is rejected by the attribute condition."}
	}
	return object{"access_token": t.issue(c, "", strings.Fields(r.PostForm.Get("scope"))), "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
		"token_type": "Bearer", "expires_in": 3599}, nil
}

// inPool says whether the pool takes a token: its own, or a signed request to AWS (AIP-4117) that Google would send on. Whether AWS
// takes the signature is not looked at.
func inPool(kind, token string) bool {
	if kind != "urn:ietf:params:aws:token-type:aws4_request" {
		return strings.TrimSpace(token) == PoolToken
	}
	text, err := url.QueryUnescape(token)
	var signed struct {
		URL, Method string
		Headers     []struct{ Key, Value string }
	}
	if err != nil || json.Unmarshal([]byte(text), &signed) != nil || !strings.HasPrefix(signed.URL, "https://sts.") || signed.Method != http.MethodPost {
		return false
	}
	said := map[string]string{}
	for _, h := range signed.Headers {
		said[strings.ToLower(h.Key)] = h.Value
	}
	return strings.HasPrefix(said["authorization"], "AWS4-HMAC-SHA256 Credential="+PoolAWSKey+"/") && said["x-goog-cloud-target-resource"] == PoolAudience
}

// maySign checks who asks to be a service account or to sign for it.
func (t *Tenant) maySign(c *call, permission string) *apiError {
	if err := c.authenticate(); err != nil {
		return err
	}
	if slices.Contains(t.config.DisabledAPIs, "iamcredentials.googleapis.com") {
		e := failure(http.StatusForbidden, "accessNotConfigured", "IAM Service Account Credentials API has not been used in project %s before or it is disabled.", projectNumber)
		e.info = "SERVICE_DISABLED"
		return e
	}
	if !slices.Contains(c.token.scopes, cloudScope) {
		return insufficientScope()
	}
	if t.config.NoSigning || !strings.Contains(c.request.URL.Path, "/"+ServiceAccount+":") {
		e := failure(http.StatusForbidden, "forbidden", "Permission '%s' denied on resource (or it may not exist).", permission)
		e.info = "IAM_PERMISSION_DENIED"
		return e
	}
	return nil
}

// impersonate gives the service account's own access token to who may have it.
func (t *Tenant) impersonate(c *call) (object, *apiError) {
	if err := t.maySign(c, "iam.serviceAccounts.getAccessToken"); err != nil {
		return nil, err
	}
	var asked struct{ Scope []string }
	if err := json.NewDecoder(c.request.Body).Decode(&asked); err != nil || len(asked.Scope) == 0 {
		return nil, invalidArgument("scope is required")
	}
	return object{"accessToken": t.issue(c, "", asked.Scope), "expireTime": time.Now().Add(tokenLife).UTC().Format(time.RFC3339)}, nil
}

// signJWT signs claims for the service account.
func (t *Tenant) signJWT(c *call) (object, *apiError) {
	if err := t.maySign(c, "iam.serviceAccounts.signJwt"); err != nil {
		return nil, err
	}
	var asked struct{ Payload string }
	if err := json.NewDecoder(c.request.Body).Decode(&asked); err != nil || !json.Valid([]byte(asked.Payload)) {
		return nil, invalidArgument("payload is not a JSON claim set")
	}
	key, err := t.newKey()
	if err != nil {
		return nil, failure(http.StatusInternalServerError, "internalError", "%v", err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(`{"alg":"RS256","typ":"JWT","kid":"`+keyID+`"}`)) + "." + encode([]byte(asked.Payload))
	digest := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	if err != nil {
		return nil, failure(http.StatusInternalServerError, "internalError", "%v", err)
	}
	return object{"keyId": keyID, "signedJwt": text + "." + encode(signature)}, nil
}

// consentPage is the page where a user consents, and the person who does as SetConsent says.
func (t *Tenant) consentPage(c *call) answer {
	q := c.request.URL.Query()
	wrong := func(why string) answer {
		return answer{http.StatusBadRequest, http.Header{"Content-Type": {"text/html"}}, []byte("<h1>Error 400: invalid_request</h1> " + why), "invalid_request"}
	}
	redirect, err := url.Parse(q.Get("redirect_uri"))
	switch {
	case q.Get("client_id") != OAuthClient || q.Get("response_type") != "code":
		return wrong("client_id or response_type")
	case err != nil || redirect.Scheme != "http" || redirect.Hostname() != "127.0.0.1" && redirect.Hostname() != "localhost":
		return wrong("redirect_uri")
	case q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" || q.Get("state") == "":
		return wrong("code_challenge or state")
	}
	person := t.credentials.consent
	back := url.Values{"state": {q.Get("state")}}
	if person.Refused {
		back.Set("error", "access_denied")
	} else {
		granted := slices.DeleteFunc(strings.Fields(q.Get("scope")), func(s string) bool { return slices.Contains(person.Unticked, s) })
		code := fmt.Sprintf("4/fake-%x", randomBytes(16))
		t.credentials.codes[code] = &codeGrant{user: firstOf(person.User, q.Get("login_hint")), scopes: granted, challenge: q.Get("code_challenge"),
			redirect: q.Get("redirect_uri"), client: OAuthClient}
		back.Set("code", code)
		back.Set("scope", strings.Join(granted, " "))
	}
	redirect.RawQuery = back.Encode()
	return answer{http.StatusFound, http.Header{"Location": {redirect.String()}, "Content-Type": {"text/html"}}, []byte("moved"), ""}
}

// userGrant is the token endpoint for codes and refresh tokens of users. It holds the lock.
func (t *Tenant) userGrant(c *call) (object, *tokenError) {
	form := c.request.PostForm
	invalid := func(description string) (object, *tokenError) {
		return nil, &tokenError{http.StatusBadRequest, "invalid_grant", description}
	}
	if form.Get("grant_type") == "refresh_token" {
		if form.Get("refresh_token") == gcloudToken && form.Get("client_secret") == gcloudSecret {
			return object{"access_token": t.issue(c, "", []string{cloudScope}), "expires_in": 3599, "token_type": "Bearer", "scope": cloudScope}, nil
		}
		g := t.credentials.refresh[form.Get("refresh_token")]
		if g == nil || form.Get("client_id") != g.client || form.Get("client_secret") != oauthSecret {
			return invalid("Token has been expired or revoked.")
		}
		return object{"access_token": t.issue(c, g.user, g.scopes), "expires_in": 3599, "token_type": "Bearer", "scope": strings.Join(g.scopes, " ")}, nil
	}
	g := t.credentials.codes[form.Get("code")]
	delete(t.credentials.codes, form.Get("code"))
	verifier := sha256.Sum256([]byte(form.Get("code_verifier")))
	switch {
	case form.Get("client_id") != OAuthClient || form.Get("client_secret") != oauthSecret:
		return nil, &tokenError{http.StatusUnauthorized, "invalid_client", "The OAuth client was not found."}
	case g == nil || g.redirect != form.Get("redirect_uri"):
		return invalid("Malformed auth code.")
	case base64.RawURLEncoding.EncodeToString(verifier[:]) != g.challenge:
		return invalid("Invalid code verifier.")
	}
	refresh := fmt.Sprintf("1//fake-%x", randomBytes(16))
	t.credentials.refresh[refresh] = g
	result := object{"access_token": t.issue(c, g.user, g.scopes), "expires_in": 3599, "token_type": "Bearer", "scope": strings.Join(g.scopes, " "), "refresh_token": refresh}
	if slices.Contains(g.scopes, "openid") && slices.Contains(g.scopes, emailScope) {
		claims, err := json.Marshal(map[string]any{"iss": "https://accounts.google.com", "aud": OAuthClient, "email": g.user, "email_verified": true, "sub": "1"})
		if err != nil {
			return invalid(err.Error())
		}
		result["id_token"] = "e30." + base64.RawURLEncoding.EncodeToString(claims) + ".e30"
	}
	return result, nil
}
