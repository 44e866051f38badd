package googlekey

import (
	"cmp"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"golang.org/x/oauth2/jwt"

	"github.com/mbaudit/mbaudit/internal/secret"
)

// What a key file or an endpoint is refused for.
var (
	ErrKey      = errors.New("this is not the key of a service account")
	ErrEndpoint = errors.New("the endpoint is not on this machine")
)

// A Key is what is needed of a key file.
type Key struct {
	Email, ClientID, Project, ID string
	Private                      secret.String // PEM
	TokenURL                     string
}

// Client is the OAuth client under which calls with the key stand in Google's logs.
func (k Key) Client() string { return cmp.Or(k.ClientID, k.Email) }

// Assertion is what asks for an access token in the name of a user: the JWT bearer grant of RFC 7523, for one scope.
func (k Key) Assertion(subject, scope string) jwt.Config {
	return jwt.Config{Email: k.Email, PrivateKey: []byte(k.Private.Reveal()), PrivateKeyID: k.ID, Subject: subject, Scopes: []string{scope}, TokenURL: k.TokenURL}
}

// Parse reads a key file, which may send to Google, or to endpoint where that stands for Google (it ends with a slash). No error repeats anything of it but its type and the place it sends to.
func Parse(text secret.String, endpoint string) (Key, error) {
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
		return Key{}, fmt.Errorf("%w: it is not JSON", ErrKey)
	}
	switch {
	case file.Type != "service_account":
		return Key{}, fmt.Errorf("%w: its type is %.40q", ErrKey, file.Type)
	case file.Email == "" || file.PrivateKey == "":
		return Key{}, fmt.Errorf("%w: it has no client_email or no private_key", ErrKey)
	case file.Universe != "" && file.Universe != "googleapis.com":
		return Key{}, fmt.Errorf("%w of Google: its universe_domain is %.60q", ErrKey, file.Universe)
	case !isRSA(file.PrivateKey):
		return Key{}, fmt.Errorf("%w: its private_key cannot be read", ErrKey)
	case !TokenPlace(file.TokenURL, endpoint):
		return Key{}, fmt.Errorf("%w of Google: its token_uri is %.100q", ErrKey, file.TokenURL)
	}
	return Key{Email: file.Email, ClientID: file.ClientID, Project: file.Project, ID: file.ID, Private: secret.New(file.PrivateKey), TokenURL: file.TokenURL}, nil
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

// TokenPlace says whether assertions may be sent to a place that a key file names: Google's, or the one that stands for
// it.
func TokenPlace(tokenURL, endpoint string) bool {
	switch tokenURL {
	case "https://oauth2.googleapis.com/token", "https://accounts.google.com/o/oauth2/token", "https://www.googleapis.com/oauth2/v4/token":
		return endpoint == ""
	}
	return endpoint != "" && tokenURL == endpoint+"token"
}

// CheckEndpoint lets nothing stand for Google that is not on this machine: access tokens are sent to it.
func CheckEndpoint(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%w: it is not a plain URL", ErrEndpoint)
	}
	if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("%w: %.60q is not a loopback address", ErrEndpoint, u.Hostname())
	}
	return nil
}
