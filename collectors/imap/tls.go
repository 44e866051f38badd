package imap

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
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
	StartTLS     bool     `json:"starttls"`
	Certificates []string `json:"certificates_sha256"` // in the order sent
	OCSPStaple   []byte   `json:"ocsp_staple,omitempty"`
	SCTs         [][]byte `json:"signed_certificate_timestamps,omitempty"`
}

// keepTLS keeps the server's certificates and what was agreed on, or that there was no encryption.
func (r *run) keepTLS(l *link) error {
	if l.tls == nil {
		return r.sink.Expect(evidence.Expectation{
			Account: r.scope.Account, Collector: r.c.Name(), Resource: "tls", NotOffered: true,
			Note: "the session was in clear text",
		})
	}
	var chain bytes.Buffer
	p := tlsParameters{
		Address:     r.c.addr,
		Version:     tls.VersionName(l.tls.Version),
		CipherSuite: tls.CipherSuiteName(l.tls.CipherSuite),
		ALPN:        l.tls.NegotiatedProtocol,
		ServerName:  r.c.serverName(),
		Verified:    len(l.tls.VerifiedChains) > 0,
		StartTLS:    !r.c.tls,
		OCSPStaple:  l.tls.OCSPResponse,
		SCTs:        l.tls.SignedCertificateTimestamps,
	}
	if l.tls.CurveID != 0 {
		p.KeyExchange = l.tls.CurveID.String()
	}
	for _, cert := range l.tls.PeerCertificates {
		sum := sha256.Sum256(cert.Raw)
		p.Certificates = append(p.Certificates, hex.EncodeToString(sum[:]))
		// A bytes.Buffer takes every write.
		_ = pem.Encode(&chain, &pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	}
	now := time.Now()
	err := r.keep("tls", "certificates", r.name(sessionDir, "tls-certificates.pem"), "application/pem-certificate-chain", "", chain.Bytes(), now)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return fmt.Errorf("imap: writing down the encryption: %w", err)
	}
	return r.keep("tls", "parameters", r.name(sessionDir, "tls-parameters.json"), "application/json", "", append(text, '\n'), now)
}
