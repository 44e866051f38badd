package workspace_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
	"github.com/mbaudit/mbaudit/internal/secret"
)

// A memoryCache is a token cache of a test.
type memoryCache struct {
	text  secret.String
	saved int
}

func (m *memoryCache) Load() (secret.String, error) { return m.text, nil }
func (m *memoryCache) Save(text secret.String) error {
	m.text, m.saved = text, m.saved+1
	return nil
}

// consentRig is a tenant that a user's own consent leads to, with a browser that opens what it is shown.
func consentRig(t *testing.T) (*rig, *memoryCache) {
	t.Helper()
	g := newRig(t, fakegoogle.Config{Messages: 1})
	client, err := g.server.ClientFile(googleTokens)
	if err != nil {
		t.Fatal(err)
	}
	cache := &memoryCache{}
	g.config.Key, g.config.Admin, g.config.OAuthClient, g.config.Cache = secret.String{}, "", secret.New(string(client)), cache
	g.config.Ask = func(_ context.Context, page string) <-chan string {
		back := g.browse(t, page)
		go func() {
			if resp, err := http.Get(back); err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		}()
		return nil
	}
	return g, cache
}

// browse opens the page where the user consents, and gives the address that the browser is sent to.
func (g *rig) browse(t *testing.T, page string) string {
	client := &http.Client{Transport: g.server.Transport(), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Get(page)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusFound {
		t.Errorf("the page answers %s", resp.Status)
	}
	return resp.Header.Get("Location")
}

// TestConsent reads what a user may read of himself; the rest is not offered, and no gap. The second collection does not
// ask again; when the consent is taken back, it is asked for anew.
func TestConsent(t *testing.T) {
	g, cache := consentRig(t)
	for round := range 3 {
		if round == 2 {
			g.tenant.RevokeConsents()
		}
		c, err := workspace.New(g.config)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Consent(t.Context(), fakegoogle.Victim); err != nil {
			t.Fatal(err)
		}
		sink := &collectortest.Sink{}
		if err := c.Collect(t.Context(), collectors.Scope{Account: fakegoogle.Victim}, sink); err != nil || len(sink.Gaps()) > 0 {
			t.Fatalf("%v, %+v", err, sink.Gaps())
		}
		if err := c.Tenant().Collect(t.Context(), collectors.Scope{Account: workspace.TenantAccount(fakegoogle.Victim)}, sink); err != nil || len(sink.Gaps()) > 0 {
			t.Fatalf("%v, %+v", err, sink.Gaps())
		}
		for _, row := range allRows() {
			e, _ := sink.Expected(row)
			if own := ofUser(row) && row != "gmail/delegates"; own != whole(sink, row) || own == e.NotOffered {
				t.Errorf("%s: whole %t, %+v", row, whole(sink, row), e)
			}
		}
		if want := []int{1, 1, 2}[round]; cache.saved != want {
			t.Errorf("round %d: saved %d times, want %d", round, cache.saved, want)
		}
		if strings.Contains(cache.text.Reveal(), "ya29.") || strings.Contains(cache.text.Reveal(), "GOCSPX") {
			t.Error("the cache holds more than it must")
		}
	}
	for _, r := range g.tenant.Requests() {
		if strings.Contains(r.Path, "/delegates") || strings.Contains(r.Path, "admin/") {
			t.Errorf("%s was asked for", r.Path)
		}
	}
}

// TestConsentRefused wants the kind of each refusal.
func TestConsentRefused(t *testing.T) {
	for _, c := range []struct {
		name    string
		person  fakegoogle.Consent
		account string
		kind    error
	}{
		{"the user says no", fakegoogle.Consent{Refused: true}, fakegoogle.Victim, workspace.ErrConsent},
		{"another is logged in", fakegoogle.Consent{User: "bob@example.test"}, fakegoogle.Victim, workspace.ErrWrongUser},
		{"nobody says who", fakegoogle.Consent{Unticked: []string{"openid"}}, fakegoogle.Victim, workspace.ErrConsent},
		{"nothing of use is ticked", fakegoogle.Consent{Unticked: []string{workspace.Scopes()[0]}}, fakegoogle.Victim, workspace.ErrUnticked},
	} {
		g, cache := consentRig(t)
		g.tenant.SetConsent(c.person)
		collector, err := workspace.New(g.config)
		if err != nil {
			t.Fatal(err)
		}
		err = collector.Consent(t.Context(), c.account)
		sink := &collectortest.Sink{}
		if err == nil {
			err = collector.Collect(t.Context(), collectors.Scope{Account: c.account}, sink)
		} else if cache.saved > 0 {
			t.Errorf("%s: it is kept", c.name)
		}
		if !errors.Is(err, c.kind) || len(sink.Kept())+len(sink.Gaps()) > 0 {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	g, _ := consentRig(t)
	g.config.Ask = nil
	collector, err := workspace.New(g.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := collector.Consent(t.Context(), fakegoogle.Victim); !errors.Is(err, workspace.ErrConsent) {
		t.Errorf("nobody is there: %v", err)
	}
	if err := collector.Collect(t.Context(), collectors.Scope{Account: fakegoogle.Victim}, &collectortest.Sink{}); !errors.Is(err, workspace.ErrConsent) {
		t.Errorf("without asking: %v", err)
	}
}

// TestPastedAnswer takes the address that a browser elsewhere ended at, and nothing with another state, which a stranger
// could have made.
func TestPastedAnswer(t *testing.T) {
	g, _ := consentRig(t)
	g.config.Ask = func(_ context.Context, page string) <-chan string {
		right := g.browse(t, page)
		forged, err := url.Parse(right)
		if err != nil {
			t.Error(err)
		}
		q := forged.Query()
		q.Set("state", "forged")
		q.Set("code", "4/forged")
		forged.RawQuery = q.Encode()
		if resp, err := http.Get(forged.String()); err != nil || resp.StatusCode != http.StatusBadRequest {
			t.Errorf("a forged answer is taken: %v", err)
		}
		lines := make(chan string, 4)
		for _, line := range []string{"", forged.String(), "http://127.0.0.1:1/?" + strings.SplitN(right, "?", 2)[1], "  " + right + "\r"} {
			lines <- line
		}
		return lines
	}
	c, err := workspace.New(g.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Consent(t.Context(), fakegoogle.Victim); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	g.config.Ask = func(context.Context, string) <-chan string { cancel(); return nil }
	g.config.Cache = nil
	if c, err = workspace.New(g.config); err != nil {
		t.Fatal(err)
	}
	if err := c.Consent(ctx, fakegoogle.Victim); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}

// TestUntickedIsAGap leaves what was not ticked as a gap, when a later refresh brings less than was asked for.
func TestUntickedIsAGap(t *testing.T) {
	g, cache := consentRig(t)
	c, err := workspace.New(g.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Consent(t.Context(), fakegoogle.Victim); err != nil {
		t.Fatal(err)
	}
	cache.text = secret.New(strings.Replace(cache.text.Reveal(), `"asked":[`, `"asked":["x",`, 1))
	if c, err = workspace.New(g.config); err != nil {
		t.Fatal(err)
	}
	if err := c.Consent(t.Context(), fakegoogle.Victim); err != nil || cache.saved != 1 {
		t.Fatalf("a consent to more than is wanted is not enough: %v", err)
	}
	g.tenant.Fail(fakegoogle.Fault{Method: "gmail.users.labels.list", Times: -1, Status: 403, Reason: "insufficientPermissions"})
	sink := &collectortest.Sink{}
	if err := c.Collect(t.Context(), collectors.Scope{Account: fakegoogle.Victim}, sink); err != nil {
		t.Fatal(err)
	}
	gaps := slices.DeleteFunc(sink.Gaps(), func(g evidence.Gap) bool { return g.Resource == "gmail/labelDetails" }) // which asks about the labels
	if len(gaps) != 1 || gaps[0].Resource != "gmail/labels" || gaps[0].Class != evidence.GapRefused || !strings.Contains(gaps[0].Reason, "hint: collect again, and have "+fakegoogle.Victim+" tick ") {
		t.Errorf("gaps: %+v", gaps)
	}
}

// TestClientFiles refuses what is no installed application of Google's.
func TestClientFiles(t *testing.T) {
	const good = `{"installed":{"client_id":"1","client_secret":"hunter2","token_uri":"https://oauth2.googleapis.com/token"}}`
	if _, err := workspace.New(workspace.Config{OAuthClient: secret.New(good)}); err != nil {
		t.Error(err)
	}
	for _, text := range []string{"hunter2", "{}", `{"web":{"client_id":"1"}}`, strings.Replace(good, "oauth2", "evil.example/", 1), strings.Replace(good, `"1"`, `""`, 1)} {
		if _, err := workspace.New(workspace.Config{OAuthClient: secret.New(text)}); !errors.Is(err, workspace.ErrClientFile) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
