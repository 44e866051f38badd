package workspace_test

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
	"github.com/mbaudit/mbaudit/internal/secret"
)

const signHost, stsHost = "https://iamcredentials.googleapis.com", "https://sts.googleapis.com"

// credentialKinds are the ways in without a key, each as a change of a configuration.
func credentialKinds(t *testing.T) map[string]func(*rig) {
	t.Helper()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(fakegoogle.PoolToken), 0o600); err != nil {
		t.Fatal(err)
	}
	file := func(g *rig, account string, make func() ([]byte, error)) {
		text, err := make()
		if err != nil {
			t.Fatal(err)
		}
		g.config.Key, g.config.ServiceAccount = secret.New(string(text)), account
	}
	return map[string]func(*rig){
		"pool, impersonating": func(g *rig) {
			file(g, "", func() ([]byte, error) { return g.server.PoolFile(stsHost, signHost, token, true) })
		},
		"pool": func(g *rig) {
			file(g, fakegoogle.ServiceAccount, func() ([]byte, error) { return g.server.PoolFile(stsHost, signHost, token, false) })
		},
		"login of gcloud": func(g *rig) {
			file(g, fakegoogle.ServiceAccount, func() ([]byte, error) { return g.server.UserFile(googleTokens, signHost, false) })
		},
		"login of gcloud, impersonating": func(g *rig) {
			file(g, "", func() ([]byte, error) { return g.server.UserFile(googleTokens, signHost, true) })
		},
		"machine of Google's cloud": func(g *rig) {
			g.config.Key, g.config.ServiceAccount, g.config.Endpoint = secret.String{}, fakegoogle.ServiceAccount, g.server.PlainURL
		},
	}
}

// rigKey is a key for several tenants of a test: each takes a tenth of a second or more to make.
func rigKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestCredentialsThatSign reads an account by each of them, whole, although a signature and a token of theirs expire on
// the way.
func TestCredentialsThatSign(t *testing.T) {
	key := rigKey(t)
	for name, with := range credentialKinds(t) {
		g := newRig(t, fakegoogle.Config{Messages: 1, Key: key})
		with(g)
		g.tenant.Fail(fakegoogle.Fault{Method: "iamcredentials.projects.serviceAccounts.signJwt", Status: 401},
			fakegoogle.Fault{Method: "iamcredentials.projects.serviceAccounts.signJwt", Status: 503},
			fakegoogle.Fault{Method: "gmail.users.settings.filters.list", Status: 401})
		c, err := workspace.New(g.config)
		if err != nil {
			t.Fatal(err)
		}
		sink := &collectortest.Sink{}
		if err := c.Collect(t.Context(), collectors.Scope{Account: fakegoogle.Victim}, sink); err != nil || len(sink.Gaps()) > 0 {
			t.Errorf("%s: %v, %+v", name, err, sink.Gaps())
		}
		if left := g.tenant.FaultsLeft(); len(left) > 0 {
			t.Errorf("%s: did not happen: %+v", name, left)
		}
		for _, r := range g.tenant.Requests() {
			if !r.Reads() || r.Verb != http.MethodGet && r.Method != "token" && r.Method != "driveactivity.activity.query" && !strings.HasPrefix(r.Method, "iamcredentials.") && r.Method != "sts.token" {
				t.Errorf("%s: %s %s arrived", name, r.Verb, r.Path)
			}
		}
	}
}

// TestCredentialsRefused wants the kind of each refusal, and nothing in the sink.
func TestCredentialsRefused(t *testing.T) {
	kinds, key := credentialKinds(t), rigKey(t)
	missing := func(g *rig) {
		text, err := g.server.PoolFile(stsHost, signHost, filepath.Join(t.TempDir(), "no-token"), true)
		if err != nil {
			t.Fatal(err)
		}
		g.config.Key = secret.New(string(text))
	}
	rejected := func(g *rig) {
		path := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(path, []byte("hunter2"), 0o600); err != nil {
			t.Fatal(err)
		}
		text, err := g.server.PoolFile(stsHost, signHost, path, true)
		if err != nil {
			t.Fatal(err)
		}
		g.config.Key = secret.New(string(text))
	}
	revoked := func(g *rig) {
		kinds["login of gcloud"](g)
		g.config.Key = secret.New(strings.ReplaceAll(g.config.Key.Reveal(), "1//fake", "1//hunter2"))
	}
	another := func(g *rig) { g.config.ServiceAccount = "other@case-0001.iam.gserviceaccount.com" } // by the key of the first
	for _, c := range []struct {
		name   string
		tenant fakegoogle.Config
		with   func(*rig)
		kind   error
	}{
		{"who signs lacks the right", fakegoogle.Config{NoSigning: true}, kinds["login of gcloud"], workspace.ErrSigning},
		{"who impersonates lacks the right", fakegoogle.Config{NoSigning: true}, kinds["pool, impersonating"], workspace.ErrSigning},
		{"another account", fakegoogle.Config{}, another, workspace.ErrSigning},
		{"the API is off", fakegoogle.Config{DisabledAPIs: []string{"iamcredentials.googleapis.com"}}, kinds["pool"], workspace.ErrSigningOff},
		{"no token to exchange", fakegoogle.Config{}, missing, workspace.ErrCredentials},
		{"a token that the pool does not take", fakegoogle.Config{}, rejected, workspace.ErrCredentials},
		{"the login is revoked", fakegoogle.Config{}, revoked, workspace.ErrCredentials},
		{"nothing is delegated", fakegoogle.Config{Scopes: []string{}}, kinds["pool"], workspace.ErrDelegation},
	} {
		c.tenant.Key = key
		g := newRig(t, c.tenant)
		c.with(g)
		sink := &collectortest.Sink{}
		collector, err := workspace.New(g.config)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		err = collector.Collect(t.Context(), collectors.Scope{Account: fakegoogle.Victim}, sink)
		if !errors.Is(err, c.kind) || !errors.Is(err, workspace.ErrNotLetIn) || len(sink.Kept())+len(sink.Gaps()) > 0 {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: a secret is in %v", c.name, err)
		}
	}
}

// TestCredentialFiles refuses what would send tokens elsewhere, or run a program.
func TestCredentialFiles(t *testing.T) {
	const pool = `{"type":"external_account","audience":"//iam.googleapis.com/x","subject_token_type":"urn:ietf:params:oauth:token-type:jwt",
		"token_url":"https://sts.googleapis.com/v1/token","credential_source":{"file":"/token"}}`
	const user = `{"type":"authorized_user","client_id":"1","client_secret":"hunter2","refresh_token":"hunter2"}`
	const account = "a@b.iam.gserviceaccount.com"
	in := func(text string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(text) }
	for _, c := range []struct {
		text, account string
		kind          error
	}{
		{pool, account, nil},
		{pool, "", workspace.ErrNoServiceAccount},
		{pool, "a@b.example", workspace.ErrServiceAccount},
		{pool, "a/../b@b.iam.gserviceaccount.com", workspace.ErrServiceAccount},
		{in(pool, "sts.googleapis.com", "sts.googleapis.com.example"), account, workspace.ErrKeyFile},
		{in(pool, `"file":"/token"`, `"executable":{"command":"/bin/hunter2"}`), account, workspace.ErrKeyFile},
		{in(pool, `"file":"/token"`, `"url":"https://ci.example/token"`), account, nil},
		{in(pool, `"file":"/token"`, `"url":"http://169.254.169.254/metadata/identity"`), account, nil},
		{in(pool, `"file":"/token"`, `"url":"http://ci.example/token"`), account, workspace.ErrKeyFile},
		{in(pool, `"file":"/token"`, `"environment_id":"aws1","url":"http://169.254.169.254/latest/meta-data/iam/security-credentials"`), account, nil},
		{in(pool, `"file":"/token"`, `"environment_id":"aws1","url":"http://aws.example/credentials"`), account, workspace.ErrKeyFile},
		{in(pool, `"file":"/token"`, ``), account, workspace.ErrKeyFile},
		{in(pool, `{"type"`, `{"service_account_impersonation_url":"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/`+account+`:generateAccessToken","type"`), "", nil},
		{in(pool, `{"type"`, `{"service_account_impersonation_url":"https://iam.example/v1/projects/-/serviceAccounts/`+account+`:generateAccessToken","type"`), "", workspace.ErrKeyFile},
		{in(pool, `{"type"`, `{"service_account_impersonation_url":"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/`+account+`:signBlob","type"`), "", workspace.ErrKeyFile},
		{in(pool, `{"type"`, `{"universe_domain":"evil.example","type"`), account, workspace.ErrKeyFile},
		{user, account, nil},
		{in(user, `{"type"`, `{"token_uri":"https://evil.example/token","type"`), account, workspace.ErrKeyFile},
		{`{"type":"impersonated_service_account","service_account_impersonation_url":"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/` + account + `:generateAccessToken","source_credentials":` + user + `}`, "", nil},
		{`{"type":"impersonated_service_account","source_credentials":` + user + `}`, account, workspace.ErrKeyFile},
		{`{"type":"gdch_service_account"}`, account, workspace.ErrKeyFile},
	} {
		_, err := workspace.New(workspace.Config{Key: secret.New(c.text), ServiceAccount: c.account})
		if !errors.Is(err, c.kind) || err != nil && (c.kind == nil || strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("%s for %q: %v, want %v", c.text, c.account, err, c.kind)
		}
	}
}

// TestTokensAreAskedForOnce counts the tokens of a collection: one for each subject and scope, although they are got in
// advance and side by side.
func TestTokensAreAskedForOnce(t *testing.T) {
	g := newRig(t, fakegoogle.Config{Messages: 1})
	if err := g.collect(t, fakegoogle.Victim, &collectortest.Sink{}); err != nil {
		t.Fatal(err)
	}
	var grants []string
	for _, r := range g.tenant.Requests() {
		if r.Method == "token" {
			grants = append(grants, r.Subject+" "+strings.Join(r.Scopes, ","))
		}
	}
	slices.Sort(grants)
	if n := len(grants); n == 0 || len(slices.Compact(slices.Clone(grants))) != n {
		t.Errorf("tokens: %q", grants)
	}
}

// elsewhere sends what is for one host to a server of the test, and all else to the tenant.
type elsewhere struct {
	host, to string
	others   http.RoundTripper
}

func (e elsewhere) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host != e.host {
		return e.others.RoundTrip(req)
	}
	here := req.Clone(req.Context())
	here.URL.Host = e.to
	return http.DefaultTransport.RoundTrip(here)
}

// TestCredentialSources reads an account by a workload identity pool whose token comes from a server on this machine, as text and in
// JSON, or from what AWS tells its machines.
func TestCredentialSources(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"} {
		t.Setenv(name, "")
	}
	const link = "169.254.169.254"
	mux := http.NewServeMux()
	say := func(pattern, header, text string) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if name, value, _ := strings.Cut(header, ": "); r.Header.Get(name) != value {
				http.Error(w, "not with this header", http.StatusForbidden)
				return
			}
			fmt.Fprint(w, text)
		})
	}
	say("GET /text", "X-Of: case", fakegoogle.PoolToken)
	say("GET /json", "", `{"value":"`+fakegoogle.PoolToken+`"}`)
	say("PUT /latest/api/token", "", "session")
	say("GET /latest/meta-data/placement/availability-zone", "X-aws-ec2-metadata-token: session", "eu-west-3a")
	say("GET /latest/meta-data/iam/security-credentials", "X-aws-ec2-metadata-token: session", "collector")
	say("GET /latest/meta-data/iam/security-credentials/collector", "X-aws-ec2-metadata-token: session",
		`{"Code":"Success","AccessKeyId":"`+fakegoogle.PoolAWSKey+`","SecretAccessKey":"hunter2","Token":"hunter2"}`)
	local := httptest.NewServer(mux)
	defer local.Close()
	host := strings.TrimPrefix(local.URL, "http://")
	key := rigKey(t)
	for name, c := range map[string]struct{ host, kind, source string }{
		"URL, text": {host, "jwt", `{"url":"` + local.URL + `/text","headers":{"X-Of":"case"}}`},
		"URL, JSON": {host, "jwt", `{"url":"` + local.URL + `/json","format":{"type":"json","subject_token_field_name":"value"}}`},
		"AWS": {link, "aws", `{"environment_id":"aws1","region_url":"http://` + link + `/latest/meta-data/placement/availability-zone",
			"url":"http://` + link + `/latest/meta-data/iam/security-credentials","imdsv2_session_token_url":"http://` + link + `/latest/api/token",
			"regional_cred_verification_url":"https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"}`},
	} {
		g := newRig(t, fakegoogle.Config{Messages: 1, Key: key})
		kind := map[string]string{"jwt": "urn:ietf:params:oauth:token-type:jwt", "aws": "urn:ietf:params:aws:token-type:aws4_request"}[c.kind]
		text := `{"type":"external_account","audience":"` + fakegoogle.PoolAudience + `","subject_token_type":"` + kind + `","token_url":"` + stsHost + `/v1/token","credential_source":` + c.source + `}`
		g.config.Key, g.config.ServiceAccount, g.config.EmergencyOnly = secret.New(text), fakegoogle.ServiceAccount, true
		g.config.Transport = elsewhere{c.host, host, g.config.Transport}
		collector, err := workspace.New(g.config)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		sink := &collectortest.Sink{}
		if err := collector.Collect(t.Context(), collectors.Scope{Account: fakegoogle.Victim}, sink); err != nil || len(sink.Gaps()) > 0 || len(sink.Kept()) != 12 {
			t.Errorf("%s: %v, %d exhibits, %+v", name, err, len(sink.Kept()), sink.Gaps())
		}
	}
}
