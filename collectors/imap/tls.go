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
	var chain bytes.Buffer
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
	if s.state.CurveID != 0 {
		p.KeyExchange = s.state.CurveID.String()
	}
	for _, cert := range s.state.PeerCertificates {
		sum := sha256.Sum256(cert.Raw)
		p.Certificates = append(p.Certificates, hex.EncodeToString(sum[:]))
		// A bytes.Buffer takes every write.
		_ = pem.Encode(&chain, &pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	}
	now := time.Now()
	err := r.keep(s.resource, "certificates", s.name("tls-certificates.pem"), "application/pem-certificate-chain", "", chain.Bytes(), now)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return fmt.Errorf("imap: writing down the encryption: %w", err)
	}
	return r.keep(s.resource, "parameters", s.name("tls-parameters.json"), "application/json", "", append(text, '\n'), now)
}
