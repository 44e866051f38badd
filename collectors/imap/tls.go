package imap

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// tlsParameters is the JSON text that is kept beside the certificates. It is ours, not the server's.
type tlsParameters struct {
	Address      string   `json:"address"`
	Version      string   `json:"version"`
	CipherSuite  string   `json:"cipher_suite"`
	KeyExchange  string   `json:"key_exchange,omitempty"`
	ALPN         string   `json:"alpn,omitempty"`
	ServerName   string   `json:"server_name"` // SNI as sent, and the name that the certificate was checked against
	Verified     bool     `json:"verified"`
	Pinned       string   `json:"pinned,omitempty"`       // the fingerprint that the operator accepted instead
	VerifyError  string   `json:"verify_error,omitempty"` // why it would not have been trusted without
	StartTLS     bool     `json:"starttls"`
	Certificates []string `json:"certificates_sha256"` // in the order sent
	OCSPStaple   []byte   `json:"ocsp_staple,omitempty"`
	SCTs         [][]byte `json:"signed_certificate_timestamps,omitempty"`
}

// handshake shakes hands. It is short, so that there is a deadline on the whole of it.
func (c *Collector) handshake(ctx context.Context, tc *tls.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	return tc.HandshakeContext(ctx)
}

// untrusted adds to the error of a handshake what a person needs to compare the server's certificate with the one that it
// should have: nothing else of that session is kept.
func untrusted(err error) error {
	chain := presented(err)
	if len(chain) == 0 {
		return err
	}
	leaf := chain[0]
	return fmt.Errorf("%w; it has the fingerprint %s, is for %s, from %s, valid until %s", err, fingerprint(leaf),
		visible.Cut(leaf.Subject.String(), 200), visible.Cut(leaf.Issuer.String(), 200), leaf.NotAfter.UTC().Format(time.RFC3339))
}

// presented is the chain that a server showed and that was not accepted, nil if err is about something else.
func presented(err error) []*x509.Certificate {
	var verify *tls.CertificateVerificationError
	var pin *pinError
	switch {
	case errors.As(err, &pin):
		return pin.chain
	case errors.As(err, &verify):
		return verify.UnverifiedCertificates
	}
	return nil
}

// A pinError says that the server showed another certificate than the one that was pinned.
type pinError struct{ chain []*x509.Certificate }

func (e *pinError) Error() string { return ErrTLSPin.Error() }
func (e *pinError) Unwrap() error { return ErrTLSPin }

// pinPrefix begins a fingerprint, in the form that errors print and Config.Pin takes.
const pinPrefix = "sha256:"

func fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return pinPrefix + hex.EncodeToString(sum[:])
}

// parsePin reads a fingerprint: 64 hexadecimal digits, with "sha256:" before them or not, with colons or not.
func parsePin(text string) (string, error) {
	digits := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(text)), ":", "")
	digits = strings.TrimPrefix(digits, "sha256")
	if sum, err := hex.DecodeString(digits); err != nil || len(sum) != sha256.Size {
		return "", fmt.Errorf("imap: a certificate is pinned by the SHA-256 of it, as sha256: and 64 hexadecimal digits, not by %q", text)
	}
	return pinPrefix + digits, nil
}

// checkPin stands in for the check of the certificate where one is pinned: that it is this one, whoever issued it.
func (c *Collector) checkPin(state tls.ConnectionState) error {
	if fingerprint(state.PeerCertificates[0]) != c.pin {
		return &pinError{state.PeerCertificates}
	}
	return nil
}

// verifyError says why a certificate would not have been trusted without a pin, "" if it would.
func (c *Collector) verifyError(serverName string, state *tls.ConnectionState) string {
	options := x509.VerifyOptions{Roots: c.roots, DNSName: serverName, Intermediates: x509.NewCertPool()}
	for _, cert := range state.PeerCertificates[1:] {
		options.Intermediates.AddCert(cert)
	}
	if _, err := state.PeerCertificates[0].Verify(options); err != nil {
		return visible.Text(err.Error())
	}
	return ""
}

// A tlsSession is the encryption of a connection, and where it is kept.
type tlsSession struct {
	resource   string
	name       func(file string) string
	addr       string
	serverName string
	startTLS   bool
	state      *tls.ConnectionState // nil in clear text
}

// keepTLS keeps the server's certificates and what was agreed on, or that there was no encryption.
func (r *run) keepTLS(s tlsSession) error {
	if s.state == nil {
		return r.sink.Expect(evidence.Expectation{
			Account: r.scope.Account, Collector: r.c.Name(), Resource: s.resource, NotOffered: true,
			Note: "the session was in clear text",
		})
	}
	p := tlsParameters{
		Address:     s.addr,
		Version:     tls.VersionName(s.state.Version),
		CipherSuite: tls.CipherSuiteName(s.state.CipherSuite),
		ALPN:        s.state.NegotiatedProtocol,
		ServerName:  s.serverName,
		Verified:    len(s.state.VerifiedChains) > 0,
		StartTLS:    s.startTLS,
		OCSPStaple:  s.state.OCSPResponse,
		SCTs:        s.state.SignedCertificateTimestamps,
	}
	if r.c.pin != "" {
		p.Pinned, p.VerifyError = r.c.pin, r.c.verifyError(s.serverName, s.state)
	}
	if s.state.CurveID != 0 {
		p.KeyExchange = s.state.CurveID.String()
	}
	for _, cert := range s.state.PeerCertificates {
		sum := sha256.Sum256(cert.Raw)
		p.Certificates = append(p.Certificates, hex.EncodeToString(sum[:]))
	}
	if s.resource == "tls" {
		r.leaf = fingerprint(s.state.PeerCertificates[0])
	}
	if err := r.keepChain(s.resource, "certificates", s.name("tls-certificates.pem"), s.state.PeerCertificates); err != nil {
		return err
	}
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return fmt.Errorf("imap: writing down the encryption: %w", err)
	}
	return r.keep(s.resource, "parameters", s.name("tls-parameters.json"), "application/json", "", append(text, '\n'), time.Now())
}

// keepChain keeps certificates as PEM, in the order in which the server sent them.
func (r *run) keepChain(resource, item, name string, certs []*x509.Certificate) error {
	var chain bytes.Buffer
	for _, cert := range certs {
		// A bytes.Buffer takes every write.
		_ = pem.Encode(&chain, &pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	}
	return r.keep(resource, item, name, "application/pem-certificate-chain", "", chain.Bytes(), time.Now())
}

// keepOtherChain keeps the certificates that a later connection showed, where the server's own one is not that of the
// first. The first connection of a run leaves that to keepTLS, or to the error if it fails.
func (r *run) keepOtherChain(certs []*x509.Certificate) error {
	if r.leaf == "" || len(certs) == 0 || fingerprint(certs[0]) == r.leaf {
		return nil
	}
	id := strings.TrimPrefix(fingerprint(certs[0]), pinPrefix)[:16]
	return r.keepChain("tls", "certificates "+id, r.name(sessionDir, "tls-certificates-"+id+".pem"), certs)
}
