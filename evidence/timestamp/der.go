package timestamp

import (
	"crypto"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"time"
)

// response is RFC 3161 section 2.4.2, TimeStampResp.
type response struct {
	Status struct {
		Status int
		Text   []asn1.RawValue `asn1:"optional"` // PKIFreeText: UTF8Strings, in practice others too
		Fail   asn1.BitString  `asn1:"optional"`
	}
	Token asn1.RawValue `asn1:"optional"`
}

// contentInfo is RFC 5652 section 3.
type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"tag:0"`
}

// signedData is RFC 5652 section 5.1.
type signedData struct {
	Version          int
	DigestAlgorithms []pkix.AlgorithmIdentifier `asn1:"set"`
	Encapsulated     struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue `asn1:"tag:0"`
	}
	Certificates asn1.RawValue `asn1:"optional,tag:0"`
	CRLs         asn1.RawValue `asn1:"optional,tag:1"`
	Signers      []signerInfo  `asn1:"set"`
}

// signerInfo is RFC 5652 section 5.3.
type signerInfo struct {
	Version            int
	ID                 asn1.RawValue // IssuerAndSerialNumber, or [0] SubjectKeyIdentifier
	DigestAlgorithm    pkix.AlgorithmIdentifier
	SignedAttributes   asn1.RawValue `asn1:"optional,tag:0"`
	SignatureAlgorithm pkix.AlgorithmIdentifier
	Signature          []byte
	UnsignedAttributes asn1.RawValue `asn1:"optional,tag:1"`
}

type issuerAndSerial struct {
	Issuer asn1.RawValue
	Serial *big.Int
}

type attribute struct {
	Type   asn1.ObjectIdentifier
	Values []asn1.RawValue `asn1:"set"`
}

// tstInfo is RFC 3161 section 2.4.2, TSTInfo.
type tstInfo struct {
	Version    int
	Policy     asn1.ObjectIdentifier
	Imprint    messageImprint
	Serial     *big.Int
	GenTime    time.Time        `asn1:"generalized"`
	Accuracy   accuracy         `asn1:"optional"`
	Ordering   bool             `asn1:"optional"`
	Nonce      *big.Int         `asn1:"optional"`
	TSA        asn1.RawValue    `asn1:"optional,tag:0"`
	Extensions []pkix.Extension `asn1:"optional,tag:1"`
}

type messageImprint struct {
	Algorithm pkix.AlgorithmIdentifier
	Digest    []byte
}

type accuracy struct {
	Seconds int `asn1:"optional"`
	Millis  int `asn1:"optional,tag:0"`
	Micros  int `asn1:"optional,tag:1"`
}

// duration refuses what RFC 3161 does not allow, and an accuracy of more than a day, which says nothing.
func (a accuracy) duration() (time.Duration, error) {
	const tooMuch = 24 * 3600
	if a.Seconds < 0 || a.Seconds > tooMuch || a.Millis < 0 || a.Millis > 999 || a.Micros < 0 || a.Micros > 999 {
		return 0, fmt.Errorf("the accuracy %+v is not one that RFC 3161 allows, or more than a day", a)
	}
	micros := (a.Seconds*1000+a.Millis)*1000 + a.Micros
	return time.Duration(micros) * time.Microsecond, nil
}

// essCertID is RFC 2634 section 5.4.1, essCertIDv2 is RFC 5035 section 4.
type essCertID struct {
	Hash         []byte
	IssuerSerial asn1.RawValue `asn1:"optional"`
}

type essCertIDv2 struct {
	Algorithm    pkix.AlgorithmIdentifier `asn1:"optional"` // SHA-256 if absent
	Hash         []byte
	IssuerSerial asn1.RawValue `asn1:"optional"`
}

type qcStatement struct {
	ID   asn1.ObjectIdentifier
	Info asn1.RawValue `asn1:"optional"`
}

// Object identifiers, compared in their dotted form.
const (
	oidSignedData           = "1.2.840.113549.1.7.2"
	oidTSTInfo              = "1.2.840.113549.1.9.16.1.4"
	oidContentType          = "1.2.840.113549.1.9.3"
	oidMessageDigest        = "1.2.840.113549.1.9.4"
	oidSigningCertificate   = "1.2.840.113549.1.9.16.2.12"
	oidSigningCertificateV2 = "1.2.840.113549.1.9.16.2.47"
	oidExtKeyUsage          = "2.5.29.37"
	oidQCStatements         = "1.3.6.1.5.5.7.1.3"
	oidQualifiedTST         = "0.4.0.19422.1.1" // esi4-qtstStatement-1, ETSI EN 319 422 section 9.1
	oidDeltaCRL             = "2.5.29.27"       // RFC 5280 section 5.2.4
	oidIssuingPoint         = "2.5.29.28"       // RFC 5280 section 5.2.5
	oidSHA256               = "2.16.840.1.101.3.4.2.1"
	oidSHA384               = "2.16.840.1.101.3.4.2.2"
	oidSHA512               = "2.16.840.1.101.3.4.2.3"
)

// hashOf returns the hash of an algorithm that a time-stamp may be signed with; SHA-1 and MD5 are not among them.
func hashOf(a pkix.AlgorithmIdentifier) (crypto.Hash, error) {
	switch a.Algorithm.String() {
	case oidSHA256:
		return crypto.SHA256, nil
	case oidSHA384:
		return crypto.SHA384, nil
	case oidSHA512:
		return crypto.SHA512, nil
	}
	return 0, fmt.Errorf("the digest algorithm %s is not SHA-256, SHA-384 or SHA-512", a.Algorithm)
}

func sum(h crypto.Hash, data []byte) []byte {
	switch h {
	case crypto.SHA384:
		d := sha512.Sum384(data)
		return d[:]
	case crypto.SHA512:
		d := sha512.Sum512(data)
		return d[:]
	case crypto.SHA1:
		d := sha1.Sum(data) // only for ESSCertID, which names a certificate by it; the signature does not depend on that
		return d[:]
	default:
		d := sha256.Sum256(data)
		return d[:]
	}
}

// signatureAlgorithm returns what crypto/x509 calls a CMS signature algorithm over a digest by h.
func signatureAlgorithm(a pkix.AlgorithmIdentifier, h crypto.Hash) (x509.SignatureAlgorithm, error) {
	const rsa, pss, ecdsa, ed25519 = "RSA", "RSASSA-PSS", "ECDSA", "Ed25519"
	id := a.Algorithm.String()
	known, ok := map[string]struct {
		family string
		hash   crypto.Hash // 0: the digest algorithm says which
	}{
		"1.2.840.113549.1.1.1":  {rsa, 0},
		"1.2.840.113549.1.1.11": {rsa, crypto.SHA256},
		"1.2.840.113549.1.1.12": {rsa, crypto.SHA384},
		"1.2.840.113549.1.1.13": {rsa, crypto.SHA512},
		"1.2.840.113549.1.1.10": {pss, 0},
		"1.2.840.10045.2.1":     {ecdsa, 0}, // the key's identifier, as some authorities write
		"1.2.840.10045.4.3.2":   {ecdsa, crypto.SHA256},
		"1.2.840.10045.4.3.3":   {ecdsa, crypto.SHA384},
		"1.2.840.10045.4.3.4":   {ecdsa, crypto.SHA512},
		"1.3.101.112":           {ed25519, 0},
	}[id]
	if !ok || (known.hash != 0 && known.hash != h) {
		return 0, fmt.Errorf("the signature algorithm %s is not known here, or not over %s", id, h)
	}
	algorithms := map[string]map[crypto.Hash]x509.SignatureAlgorithm{
		rsa:     {crypto.SHA256: x509.SHA256WithRSA, crypto.SHA384: x509.SHA384WithRSA, crypto.SHA512: x509.SHA512WithRSA},
		pss:     {crypto.SHA256: x509.SHA256WithRSAPSS, crypto.SHA384: x509.SHA384WithRSAPSS, crypto.SHA512: x509.SHA512WithRSAPSS},
		ecdsa:   {crypto.SHA256: x509.ECDSAWithSHA256, crypto.SHA384: x509.ECDSAWithSHA384, crypto.SHA512: x509.ECDSAWithSHA512},
		ed25519: {crypto.SHA256: x509.PureEd25519, crypto.SHA384: x509.PureEd25519, crypto.SHA512: x509.PureEd25519},
	}
	return algorithms[known.family][h], nil
}

// unmarshal reads all of der into out.
func unmarshal(der []byte, out any, what string) error {
	rest, err := asn1.Unmarshal(der, out)
	if err != nil {
		return fmt.Errorf("%w: reading the %s: %v", ErrMalformed, what, err)
	}
	if len(rest) > 0 {
		return fmt.Errorf("%w: %d bytes follow the %s", ErrMalformed, len(rest), what)
	}
	return nil
}

// inner returns what stands inside of an explicit [0], whose tag encoding/asn1 does not check to be constructed.
func inner(v asn1.RawValue, what string) ([]byte, error) {
	if len(v.FullBytes) == 0 || v.FullBytes[0] != 0xa0 {
		return nil, fmt.Errorf("%w: there is no %s, or not as [0]", ErrMalformed, what)
	}
	return v.Bytes, nil
}
