package signature

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// ErrNotCMS says that bytes are not a CMS signature in the exact form in which this package writes them. Parts of a CMS
// structure are signed by nobody; one form only means that nothing can be changed in them.
var ErrNotCMS = errors.New("not a CMS signature as mbaudit writes it")

// object gives an object identifier of RFC 5652, RFC 5035, RFC 5754 or RFC 8017.
func object(numbers ...int) asn1.ObjectIdentifier { return numbers }

func oidData() asn1.ObjectIdentifier            { return object(1, 2, 840, 113549, 1, 7, 1) }
func oidSignedData() asn1.ObjectIdentifier      { return object(1, 2, 840, 113549, 1, 7, 2) }
func oidContentType() asn1.ObjectIdentifier     { return object(1, 2, 840, 113549, 1, 9, 3) }
func oidMessageDigest() asn1.ObjectIdentifier   { return object(1, 2, 840, 113549, 1, 9, 4) }
func oidSigningTime() asn1.ObjectIdentifier     { return object(1, 2, 840, 113549, 1, 9, 5) }
func oidSigningCertV2() asn1.ObjectIdentifier   { return object(1, 2, 840, 113549, 1, 9, 16, 2, 47) }
func oidSHA256() asn1.ObjectIdentifier          { return object(2, 16, 840, 1, 101, 3, 4, 2, 1) }
func oidRSA() asn1.ObjectIdentifier             { return object(1, 2, 840, 113549, 1, 1, 1) }
func oidECDSAWithSHA256() asn1.ObjectIdentifier { return object(1, 2, 840, 10045, 4, 3, 2) }

// The ASN.1 types of CMS (RFC 5652 sections 3 and 5), as far as a detached signature by one signer has them.
type (
	cmsContentInfo struct {
		Type    asn1.ObjectIdentifier
		Content cmsSignedData `asn1:"explicit,tag:0"`
	}
	cmsSignedData struct {
		Version          int
		DigestAlgorithms []pkix.AlgorithmIdentifier `asn1:"set"`
		Content          cmsContent
		Certificates     []asn1.RawValue `asn1:"set,tag:0"`
		Signers          []cmsSigner     `asn1:"set"`
	}
	cmsContent struct{ Type asn1.ObjectIdentifier } // detached: no content
	cmsSigner  struct {
		Version            int
		ID                 cmsIssuerAndSerial
		DigestAlgorithm    pkix.AlgorithmIdentifier
		SignedAttributes   []cmsAttribute `asn1:"set,tag:0"`
		SignatureAlgorithm pkix.AlgorithmIdentifier
		Signature          []byte
	}
	cmsIssuerAndSerial struct {
		Issuer asn1.RawValue
		Serial *big.Int
	}
	cmsAttribute struct {
		Type   asn1.ObjectIdentifier
		Values []asn1.RawValue `asn1:"set"`
	}
	// RFC 5035 section 4; the hash algorithm is left out where it is SHA-256.
	signingCertificateV2 struct{ Certs []essCertIDv2 }
	essCertIDv2          struct{ Hash []byte }
)

// signCMS makes a detached CMS signature on message, in the form of CAdES B-B (ETSI EN 319 122-1): the signed attributes
// are content type, message digest, signing time and the SHA-256 of the signing certificate. chain begins with the
// certificate of key.
func signCMS(message []byte, key crypto.Signer, chain []*x509.Certificate, at time.Time) ([]byte, error) {
	attributes, err := signedAttributes(sha256.Sum256(message), chain[0], at)
	if err != nil {
		return nil, err
	}
	digest, err := attributesDigest(attributes)
	if err != nil {
		return nil, err
	}
	sig, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return marshalCMS(attributes, chain, sig)
}

// signedAttributes are what is signed. They are a SET, which DER sorts.
func signedAttributes(digest [sha256.Size]byte, leaf *x509.Certificate, at time.Time) ([]cmsAttribute, error) {
	fingerprint := sha256.Sum256(leaf.Raw)
	var attributes []cmsAttribute
	for _, a := range []struct {
		oid   asn1.ObjectIdentifier
		value any
	}{
		{oidContentType(), oidData()},
		{oidMessageDigest(), digest[:]},
		{oidSigningTime(), at.UTC().Truncate(time.Second)},
		{oidSigningCertV2(), signingCertificateV2{[]essCertIDv2{{fingerprint[:]}}}},
	} {
		der, err := asn1.Marshal(a.value)
		if err != nil {
			return nil, fmt.Errorf("encoding the signed attributes: %w", err)
		}
		attributes = append(attributes, cmsAttribute{a.oid, []asn1.RawValue{{FullBytes: der}}})
	}
	return attributes, nil
}

// attributesDigest is the SHA-256 of the attributes in their own encoding as a SET (RFC 5652 section 5.4).
func attributesDigest(attributes []cmsAttribute) ([sha256.Size]byte, error) {
	der, err := asn1.MarshalWithParams(attributes, "set")
	if err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("encoding the signed attributes: %w", err)
	}
	return sha256.Sum256(der), nil
}

func marshalCMS(attributes []cmsAttribute, chain []*x509.Certificate, sig []byte) ([]byte, error) {
	sha := pkix.AlgorithmIdentifier{Algorithm: oidSHA256()} // without parameters, RFC 5754 section 2
	algorithm := pkix.AlgorithmIdentifier{Algorithm: oidECDSAWithSHA256()}
	if _, ok := chain[0].PublicKey.(*rsa.PublicKey); ok {
		algorithm = pkix.AlgorithmIdentifier{Algorithm: oidRSA(), Parameters: asn1.NullRawValue}
	}
	var certificates []asn1.RawValue
	for _, cert := range chain {
		certificates = append(certificates, asn1.RawValue{FullBytes: cert.Raw})
	}
	der, err := asn1.Marshal(cmsContentInfo{oidSignedData(), cmsSignedData{
		Version: 1, DigestAlgorithms: []pkix.AlgorithmIdentifier{sha}, Content: cmsContent{oidData()}, Certificates: certificates,
		Signers: []cmsSigner{{
			Version: 1, ID: cmsIssuerAndSerial{asn1.RawValue{FullBytes: chain[0].RawIssuer}, chain[0].SerialNumber},
			DigestAlgorithm: sha, SignedAttributes: attributes, SignatureAlgorithm: algorithm, Signature: sig,
		}},
	}})
	if err != nil {
		return nil, fmt.Errorf("encoding the CMS signature: %w", err)
	}
	return der, nil
}

// A CertificateSigner is who made a CMS signature.
type CertificateSigner struct {
	Chain       []*x509.Certificate // the signer's certificate, then those of its issuers, as far as they were sent along
	SigningTime time.Time           // UTC; the signer says so, nobody else
}

// VerifyCMS checks a detached CMS signature on message that Certificate.Sign made. Whether the certificate is to be
// trusted, and was valid at a time, is asked of CertificateSigner.Trusted. An error wraps ErrNotCMS or ErrBadSignature.
func VerifyCMS(message, der []byte) (CertificateSigner, error) {
	var info cmsContentInfo
	if rest, err := asn1.Unmarshal(der, &info); err != nil || len(rest) > 0 || len(info.Content.Signers) != 1 {
		return CertificateSigner{}, ErrNotCMS
	}
	signer := info.Content.Signers[0]
	chain, err := signerChain(info.Content.Certificates, signer.ID)
	if err != nil {
		return CertificateSigner{}, err
	}
	digest, at, err := readAttributes(signer.SignedAttributes)
	if err != nil {
		return CertificateSigner{}, err
	}
	if digest != sha256.Sum256(message) {
		return CertificateSigner{}, fmt.Errorf("%w: it is of other data, or of this before it was changed", ErrBadSignature)
	}
	attributes, err := signedAttributes(digest, chain[0], at)
	if err != nil {
		return CertificateSigner{}, err
	}
	// Everything but the signature itself follows from what was read so far: any other byte was put there by someone.
	if want, err := marshalCMS(attributes, chain, signer.Signature); err != nil || !bytes.Equal(want, der) {
		return CertificateSigner{}, ErrNotCMS
	}
	sum, err := attributesDigest(attributes)
	if err != nil {
		return CertificateSigner{}, err
	}
	if !signedBy(chain[0].PublicKey, sum, signer.Signature) {
		return CertificateSigner{}, fmt.Errorf("%w: the certificate's key did not make it", ErrBadSignature)
	}
	return CertificateSigner{chain, at}, nil
}

func signedBy(public crypto.PublicKey, digest [sha256.Size]byte, sig []byte) bool {
	switch key := public.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], sig) == nil
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(key, digest[:], sig)
	}
	return false
}

// signerChain gives the certificates from the signer's on. All that were sent must belong to it.
func signerChain(sent []asn1.RawValue, id cmsIssuerAndSerial) ([]*x509.Certificate, error) {
	var leaf *x509.Certificate
	var certs []*x509.Certificate
	for _, raw := range sent {
		cert, err := x509.ParseCertificate(raw.FullBytes)
		if err != nil {
			return nil, fmt.Errorf("%w: a certificate in it cannot be read", ErrNotCMS)
		}
		if bytes.Equal(cert.RawIssuer, id.Issuer.FullBytes) && id.Serial != nil && cert.SerialNumber.Cmp(id.Serial) == 0 {
			leaf = cert
		}
		certs = append(certs, cert)
	}
	if leaf == nil {
		return nil, fmt.Errorf("%w: the signer's certificate is not in it", ErrNotCMS)
	}
	chain := issuers(leaf, certs)
	if len(chain) != len(certs) {
		return nil, fmt.Errorf("%w: not all certificates in it belong to the signer's", ErrNotCMS)
	}
	return chain, nil
}

// issuers orders certificates from leaf to its issuer and so on, as far as they are there. The others are left out.
func issuers(leaf *x509.Certificate, certs []*x509.Certificate) []*x509.Certificate {
	chain := []*x509.Certificate{leaf}
	for last := leaf; !bytes.Equal(last.RawIssuer, last.RawSubject); last = chain[len(chain)-1] {
		before := len(chain)
		for _, cert := range certs {
			if !contains(chain, cert) && bytes.Equal(last.RawIssuer, cert.RawSubject) && last.CheckSignatureFrom(cert) == nil {
				chain = append(chain, cert)
				break
			}
		}
		if len(chain) == before {
			break
		}
	}
	return chain
}

func contains(chain []*x509.Certificate, cert *x509.Certificate) bool {
	for _, c := range chain {
		if c.Equal(cert) {
			return true
		}
	}
	return false
}

// readAttributes gives what of the signed attributes is not known before.
func readAttributes(attributes []cmsAttribute) (digest [sha256.Size]byte, at time.Time, err error) {
	found := 0
	for _, a := range attributes {
		if len(a.Values) != 1 {
			return digest, at, ErrNotCMS
		}
		switch der := a.Values[0].FullBytes; {
		case a.Type.Equal(oidMessageDigest()):
			var sum []byte
			if _, err := asn1.Unmarshal(der, &sum); err != nil || len(sum) != len(digest) {
				return digest, at, ErrNotCMS
			}
			copy(digest[:], sum)
			found++
		case a.Type.Equal(oidSigningTime()):
			if _, err := asn1.Unmarshal(der, &at); err != nil {
				return digest, at, ErrNotCMS
			}
			at = at.UTC()
			found++
		}
	}
	if found != 2 {
		return digest, at, ErrNotCMS
	}
	return digest, at, nil
}

// ChainPEM writes certificates as openssl -CAfile and -certfile read them.
func ChainPEM(chain []*x509.Certificate) []byte {
	var out bytes.Buffer
	for _, cert := range chain {
		_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}) // a bytes.Buffer takes all
	}
	return out.Bytes()
}

// Trusted says nothing (nil) if the signer's certificate leads to one of roots and each certificate on the way was valid
// at that time, and else why not. Revocation is not checked.
func (s CertificateSigner) Trusted(roots *x509.CertPool, at time.Time) error {
	if roots == nil {
		roots = x509.NewCertPool() // to x509 no pool at all would be the system's
	}
	intermediates := x509.NewCertPool()
	for _, cert := range s.Chain[1:] {
		intermediates.AddCert(cert)
	}
	_, err := s.Chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates, CurrentTime: at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	return err
}
