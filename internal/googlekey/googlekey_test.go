package googlekey

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/internal/secret"
)

// keyFile is a key file as Google's console hands it out, with some fields changed.
func keyFile(t *testing.T, changed map[string]string) secret.String {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	file := map[string]string{"type": "service_account", "client_email": "a@p.iam.gserviceaccount.com", "client_id": "1", "private_key_id": "k", "project_id": "p",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": "https://oauth2.googleapis.com/token"}
	for name, value := range changed {
		file[name] = value
	}
	text, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	return secret.New(string(text))
}

func TestParse(t *testing.T) {
	key, err := Parse(keyFile(t, nil), "")
	if err != nil {
		t.Fatal(err)
	}
	if a := key.Assertion("alice@example.com", "s"); key.Client() != "1" || a.Subject != "alice@example.com" || a.TokenURL != "https://oauth2.googleapis.com/token" || a.Scopes[0] != "s" {
		t.Errorf("the key is %q, the assertion for %s", key.Client(), a.Subject)
	}
	const here = "http://127.0.0.1:8080/"
	if _, err := Parse(keyFile(t, map[string]string{"token_uri": here + "token"}), here); err != nil {
		t.Errorf("what stands for Google: %v", err)
	}
	for name, bad := range map[string]secret.String{
		"no JSON":          secret.New("hunter2"),
		"a user's":         keyFile(t, map[string]string{"type": "authorized_user"}),
		"no address":       keyFile(t, map[string]string{"client_email": ""}),
		"no key":           keyFile(t, map[string]string{"private_key": "hunter2"}),
		"another universe": keyFile(t, map[string]string{"universe_domain": "evil.example"}),
		"another place":    keyFile(t, map[string]string{"token_uri": "https://evil.example/token"}),
		"a test's":         keyFile(t, map[string]string{"token_uri": here + "token"}),
	} {
		if _, err := Parse(bad, ""); !errors.Is(err, ErrKey) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOnlyThisMachineStandsForGoogle(t *testing.T) {
	for endpoint, fine := range map[string]bool{"http://127.0.0.1:80": true, "https://[::1]:9/": true, "https://evil.example": false, "http://127.0.0.1@evil.example": false,
		"ftp://127.0.0.1": false, "http://127.0.0.1/x": false, "http://127.0.0.1?q": false, "http://localhost": false} {
		if err := CheckEndpoint(endpoint); (err == nil) != fine || err != nil && !errors.Is(err, ErrEndpoint) {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}
