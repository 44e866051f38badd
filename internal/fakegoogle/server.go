package fakegoogle

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"time"
)

// A TB is the part of *testing.T that Start needs.
type TB interface {
	Helper()
	Fatal(args ...any)
	Cleanup(func())
}

// A Server serves a tenant on two free ports of the loopback interface, with and without TLS.
type Server struct {
	URL      string // https://127.0.0.1:PORT
	PlainURL string // http://127.0.0.1:PORT
	CA       []byte // PEM, for URL and for Google's host names

	tenant        *Tenant
	plain, secure *http.Server
	dial          string
}

// Start serves the tenant until the test ends.
func (t *Tenant) Start(test TB) *Server {
	test.Helper()
	s, err := t.Listen()
	if err != nil {
		test.Fatal(err)
	}
	test.Cleanup(s.Close)
	return s
}

// Listen serves the tenant until Close.
func (t *Tenant) Listen() (*Server, error) {
	certificate, ca, err := newCertificate(t.hosts())
	if err != nil {
		return nil, err
	}
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	secure, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		plain.Close()
		return nil, err
	}
	s := &Server{URL: "https://" + secure.Addr().String(), PlainURL: "http://" + plain.Addr().String(), CA: ca, tenant: t, dial: secure.Addr().String()}
	s.plain = &http.Server{Handler: t.Handler(), ReadHeaderTimeout: time.Minute}
	s.secure = &http.Server{Handler: t.Handler(), ReadHeaderTimeout: time.Minute,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}}
	go s.plain.Serve(plain)
	go s.secure.ServeTLS(secure, "", "")
	return s, nil
}

// Close stops serving and cuts the connections.
func (s *Server) Close() {
	s.plain.Close()
	s.secure.Close()
}

// Transport returns a transport that reaches the tenant under every host name, such as gmail.googleapis.com, and
// trusts the tenant's authority and no other: who uses it cannot reach the real Google.
func (s *Server) Transport() *http.Transport {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(s.CA)
	return &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if "http://"+address != s.PlainURL {
				address = s.dial
			}
			var d net.Dialer
			return d.DialContext(ctx, network, address)
		},
	}
}

// Client returns a client with the transport of Transport.
func (s *Server) Client() *http.Client { return &http.Client{Transport: s.Transport()} }

// KeyFile returns the JSON of a service account key as Google's console hands it out, but that its token_uri is below
// base, which is URL or PlainURL.
func (s *Server) KeyFile(base string) ([]byte, error) {
	key, err := s.tenant.newKey()
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return json.MarshalIndent(map[string]string{
		"type": "service_account", "project_id": "case-0001", "private_key_id": keyID,
		"private_key":  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"client_email": ServiceAccount, "client_id": ClientID,
		"auth_uri": "https://accounts.google.com/o/oauth2/auth", "token_uri": base + "/token",
		"universe_domain": "googleapis.com",
	}, "", "  ")
}

// hosts are the names that the APIs are reached under.
func (t *Tenant) hosts() []string {
	names := []string{"localhost", "oauth2.googleapis.com", "sts.googleapis.com", "iamcredentials.googleapis.com", "accounts.google.com"}
	for _, api := range t.discovery.APIs {
		names = append(names, api.Host)
	}
	return names
}

// newCertificate makes a certificate for names and 127.0.0.1 that signs itself.
func newCertificate(names []string) (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "fakegoogle"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(7 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true, DNSNames: names, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	certificate := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

// mailCertificate makes a certificate for an address, as S/MIME has them (RFC 8550). Equal addresses get equal ones.
func mailCertificate(address string) string {
	seed := sha256.Sum256([]byte(address))
	key := ed25519.NewKeyFromSeed(seed[:])
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: address}, EmailAddresses: []string{address},
		NotBefore: Start().AddDate(-1, 0, 0), NotAfter: Start().AddDate(1, 0, 0), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic("fakegoogle: " + err.Error())
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
