package signature

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/mbaudit/mbaudit/internal/secret"
)

// minRSABits is what ANSSI and the SOG-IS catalogue ask at least of RSA keys that sign today.
const minRSABits = 2048

// A Certificate signs with the key of an X.509 certificate, as an organisation's seal. It is safe for use by several
// goroutines.
type Certificate struct {
	key   crypto.Signer
	chain []*x509.Certificate
}

// LoadCertificate reads a certificate with its key and its issuers: all from a PKCS #12 file (.p12, .pfx), or the
// certificates from a PEM file and the key from the same file or from keyFile ("": the same). passphrase is called if the
// file is encrypted with one; nil refuses such files. Keys are RSA of at least 2048 bits, or ECDSA. The error wraps
// ErrOpenToOthers, ErrPassphrase or ErrCertificate.
func LoadCertificate(certFile, keyFile string, passphrase func() (secret.String, error)) (*Certificate, error) {
	// Not every certificate file holds a key, and one that does not may be open to all.
	data, err := os.ReadFile(certFile)
	if err != nil {
		return nil, fmt.Errorf("loading the certificate: %w", err)
	}
	pemForm := bytes.Contains(data, []byte("-----BEGIN "))
	switch {
	case !pemForm && keyFile != "":
		return nil, fmt.Errorf("%w: %s is no PEM file, and the key of a PKCS #12 file is in that file", ErrCertificate, certFile)
	case !pemForm || keyFile == "":
		if data, err = readKeyFile(certFile); err != nil {
			return nil, fmt.Errorf("loading the certificate: %w", err)
		}
	}
	var key any
	var leaf *x509.Certificate
	var certs []*x509.Certificate
	if pemForm {
		key, certs, err = parsePEM(data, keyFile)
	} else {
		key, leaf, certs, err = parsePKCS12(data, passphrase)
	}
	if err != nil {
		return nil, fmt.Errorf("loading the certificate %s: %w", certFile, err)
	}
	c, err := newCertificate(key, leaf, certs)
	if err != nil {
		return nil, fmt.Errorf("loading the certificate %s: %w", certFile, err)
	}
	return c, nil
}

// parsePKCS12 tries without a passphrase before it asks for one.
func parsePKCS12(data []byte, passphrase func() (secret.String, error)) (any, *x509.Certificate, []*x509.Certificate, error) {
	key, leaf, chain, err := pkcs12.DecodeChain(data, "")
	if errors.Is(err, pkcs12.ErrIncorrectPassword) || errors.Is(err, pkcs12.ErrDecryption) {
		if passphrase == nil {
			return nil, nil, nil, fmt.Errorf("%w: the file is encrypted", ErrPassphrase)
		}
		phrase, askErr := passphrase()
		if askErr != nil {
			return nil, nil, nil, askErr
		}
		key, leaf, chain, err = pkcs12.DecodeChain(data, phrase.Reveal())
	}
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword) || errors.Is(err, pkcs12.ErrDecryption):
		return nil, nil, nil, ErrPassphrase
	case err != nil:
		return nil, nil, nil, fmt.Errorf("%w: it is neither PEM nor PKCS #12: %v", ErrCertificate, err)
	}
	return key, leaf, chain, nil
}

// parsePEM reads all certificates and the first private key.
func parsePEM(data []byte, keyFile string) (key any, certs []*x509.Certificate, err error) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %v", ErrCertificate, err)
		}
		certs = append(certs, cert)
	}
	if keyFile != "" {
		if data, err = readKeyFile(keyFile); err != nil {
			return nil, nil, err
		}
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			key, err = parsePrivateKey(block)
			return key, certs, err
		}
	}
	return nil, nil, fmt.Errorf("%w: there is no private key; name its file with --seal-key", ErrCertificate)
}

func parsePrivateKey(block *pem.Block) (any, error) {
	if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
		return nil, fmt.Errorf("%w: encrypted keys are read from PKCS #12 only; type openssl pkcs12 -export -in CERT.pem -inkey KEY.pem -out SEAL.p12",
			ErrCertificate)
	}
	for _, parse := range []func([]byte) (any, error){
		x509.ParsePKCS8PrivateKey,
		func(der []byte) (any, error) { return x509.ParsePKCS1PrivateKey(der) },
		func(der []byte) (any, error) { return x509.ParseECPrivateKey(der) },
	} {
		if key, err := parse(block.Bytes); err == nil {
			return key, nil
		}
	}
	return nil, fmt.Errorf("%w: the private key cannot be read", ErrCertificate)
}

// newCertificate holds key and certificates against each other. leaf may be nil: then it is the one that fits the key.
func newCertificate(key any, leaf *x509.Certificate, certs []*x509.Certificate) (*Certificate, error) {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%w: its key does not sign", ErrCertificate)
	}
	for _, cert := range append([]*x509.Certificate{leaf}, certs...) {
		if cert != nil && samePublic(cert.PublicKey, signer.Public()) {
			leaf = cert
			break
		}
		leaf = nil
	}
	if leaf == nil {
		return nil, fmt.Errorf("%w: no certificate fits the private key", ErrCertificate)
	}
	switch public := signer.Public().(type) {
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits < minRSABits {
			return nil, fmt.Errorf("%w: its RSA key has %d bits, %d are the least", ErrCertificate, bits, minRSABits)
		}
	case *ecdsa.PublicKey:
	default:
		return nil, fmt.Errorf("%w: its key is neither RSA nor ECDSA", ErrCertificate)
	}
	if leaf.KeyUsage != 0 && leaf.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0 {
		return nil, fmt.Errorf("%w: its key usage is not to sign (digitalSignature, nonRepudiation)", ErrCertificate)
	}
	return &Certificate{signer, issuers(leaf, certs)}, nil
}

func samePublic(a, b crypto.PublicKey) bool {
	comparable, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && comparable.Equal(b)
}

// Chain returns the certificate, then those of its issuers as far as the files have them.
func (c *Certificate) Chain() []*x509.Certificate { return c.chain }

// Sign returns a detached CMS signature (RFC 5652, CAdES B-B) on message, in DER, with the signing time at. A certificate
// that is not valid at that time is refused with ErrCertificate.
func (c *Certificate) Sign(message []byte, at time.Time) ([]byte, error) {
	leaf := c.chain[0]
	if at.Before(leaf.NotBefore) || at.After(leaf.NotAfter) {
		return nil, fmt.Errorf("%w: it is valid from %s to %s", ErrCertificate, leaf.NotBefore.UTC().Format(time.RFC3339),
			leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return signCMS(message, c.key, c.chain, at)
}

// CertificateFingerprint returns the SHA-256 of a certificate as openssl x509 -fingerprint -sha256 prints it.
func CertificateFingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
}
