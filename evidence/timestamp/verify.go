package timestamp

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
)

// maxSize bounds a .tsr file. Those seen in practice have 2 to 10 KB.
const maxSize = 1 << 20

// The kinds of refusal. Every error of Verify wraps one of these or is a *RejectedError.
var (
	// ErrMalformed says that the bytes are not a TimeStampResp with a time-stamp in it.
	ErrMalformed = errors.New("not a time-stamp response")
	// ErrBadSignature says that the time-stamp is not signed by the certificate that it names.
	ErrBadSignature = errors.New("the time-stamp's signature is wrong")
	// ErrOtherData says that the time-stamp is genuine and was made for other bytes.
	ErrOtherData = errors.New("the time-stamp is of other data")
	// ErrNotTimestampCert says that the signer's certificate is not one for time-stamping only (RFC 3161 section 2.3).
	ErrNotTimestampCert = errors.New("the certificate is not one for time-stamping only")
	// ErrUntrusted says that the certificates do not lead to a root that the caller trusts, as of the time-stamp's time.
	ErrUntrusted = errors.New("the time-stamp's certificate is not trusted")
)

// A RejectedError is an authority's refusal.
type RejectedError struct {
	Status int    // PKIStatus, RFC 3161 section 2.4.2
	Text   string // what the authority said; a stranger's text
	Reason string // PKIFailureInfo in words
}

// Error gives the status, the reason and the authority's text, the latter quoted.
func (e *RejectedError) Error() string {
	words := map[int]string{
		2: "rejected the request", 3: "asks to wait", 4: "warns that a revocation is imminent",
		5: "says that a revocation has occurred",
	}
	s := "the time-stamping authority " + words[e.Status]
	if words[e.Status] == "" {
		s = fmt.Sprintf("the time-stamping authority answered with status %d", e.Status)
	}
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	if e.Text != "" {
		s += fmt.Sprintf(": %q", e.Text)
	}
	return s
}

// Options says what Verify may rely on.
type Options struct {
	// Roots are the authorities' root certificates that the caller trusts. nil trusts nobody: the certificates are then
	// only checked against each other, and Info.Trusted is false.
	Roots *x509.CertPool
	// ExtraCerts are further certificates, not trusted by themselves: intermediate ones, or the signer's if the
	// time-stamp was asked for without certificates.
	ExtraCerts []*x509.Certificate
}

// An Info is what a verified time-stamp says. All but Trusted and Local is what the authority claims.
type Info struct {
	GenTime  time.Time     // UTC
	Accuracy time.Duration // GenTime is right within this; 0 when the authority does not say
	Policy   string        // object identifier of the authority's policy
	Serial   *big.Int      // unique for the authority
	Nonce    *big.Int      // as in the query; nil without one
	Subject  string        // of the signer's certificate; a stranger's text

	GrantedWithMods bool   // PKIStatus 1: the authority changed something of the request
	StatusText      string // the authority's words to it; a stranger's text

	// Remarks says what is odd about the response and changes nothing of what the time-stamp says: most of a response
	// is signed, and a change in the rest shows here. A response as it came from a tidy authority has none.
	Remarks []string

	Certificates []byte              // as sent, PEM
	Chain        []*x509.Certificate // from the signer to the root, or as far as it goes

	// Trusted says that Chain ends in one of Options.Roots.
	Trusted bool
	// Local says that an Authority of this package made it: this machine's own clock, not a third party.
	Local bool
	// Qualified says that the time-stamp or its certificate carries esi4-qtstStatement-1, by which an authority states
	// that it is a qualified one under eIDAS (ETSI EN 319 422 section 9.1). The statement is only true if the EU trusted
	// lists name the authority; that is not checked here.
	Qualified bool
}

// Standing says in words what the time-stamp is worth by Regulation (EU) 910/2014 (eIDAS), articles 41 and 42, as far as it
// tells itself.
func (i Info) Standing() string {
	switch {
	case i.Local:
		return "made by mbaudit's own authority on the operator's machine: not a third party"
	case i.Qualified:
		return "states that it is qualified under eIDAS: if the EU trusted lists named it that day, its time is presumed right"
	}
	return "does not state that it is qualified under eIDAS: admissible, and weighed without a presumption"
}

// Verify checks that tsr, a whole response, is a time-stamp on the data with this SHA-256, and returns what it says.
// The certificates are checked as of GenTime, so that a time-stamp outlives its certificate; revocation is for
// CheckCRL and CheckOCSP. With ErrUntrusted and ErrOtherData the Info is filled in as well.
func Verify(tsr []byte, digest [32]byte, opts Options) (Info, error) {
	resp, err := parseResponse(tsr)
	if err != nil {
		return Info{}, err
	}
	token, err := parseToken(resp.Token.FullBytes)
	if err != nil {
		return Info{}, err
	}
	signer, err := token.findSigner(opts.ExtraCerts)
	if err != nil {
		return Info{}, err
	}
	if err := checkPurpose(signer); err != nil {
		return Info{}, err
	}
	if err := token.checkSignature(signer); err != nil {
		return Info{}, err
	}
	info, err := token.info(signer)
	if err != nil {
		return Info{}, err
	}
	info.GrantedWithMods = resp.Status.Status == 1
	info.StatusText = statusText(resp)
	if alg := token.tst.Imprint.Algorithm.Algorithm.String(); alg != oidSHA256 {
		return info, fmt.Errorf("%w: its digest is of algorithm %s, not SHA-256", ErrOtherData, alg)
	}
	if !bytes.Equal(token.tst.Imprint.Digest, digest[:]) {
		return info, fmt.Errorf("%w: it is of SHA-256 %x", ErrOtherData, token.tst.Imprint.Digest)
	}
	info.Chain, err = checkChain(signer, append(slices.Clone(token.certs), opts.ExtraCerts...), opts.Roots, info.GenTime)
	if err != nil {
		return info, err
	}
	info.Remarks = token.remarkOnOthers(info.Chain)
	if last := info.Chain[len(info.Chain)-1]; !bytes.Equal(last.RawSubject, last.RawIssuer) {
		info.Remarks = append(info.Remarks, fmt.Sprintf("its certificates end before a root: nothing here vouches for that of %q", last.Subject))
	}
	if info.GrantedWithMods {
		info.Remarks = append(info.Remarks, "the authority granted the request with modifications")
	}
	info.Trusted = opts.Roots != nil
	return info, nil
}

func parseResponse(tsr []byte) (response, error) {
	var resp response
	if len(tsr) > maxSize {
		return resp, fmt.Errorf("%w: it has %d bytes, more than %d", ErrMalformed, len(tsr), maxSize)
	}
	if bareToken(tsr) {
		return resp, fmt.Errorf("%w: it is the bare token; type openssl ts -reply -token_in -in TOKEN -out FILE.tsr to make "+
			"a response of it, and have the whole response kept next time", ErrMalformed)
	}
	if err := unmarshal(tsr, &resp, "response"); err != nil {
		return resp, err
	}
	if resp.Status.Status != 0 && resp.Status.Status != 1 {
		return resp, &RejectedError{resp.Status.Status, statusText(resp), failure(resp.Status.Fail)}
	}
	if len(resp.Token.FullBytes) == 0 {
		return resp, fmt.Errorf("%w: the request was granted and there is no token", ErrMalformed)
	}
	return resp, nil
}

// bareToken says whether der is a CMS ContentInfo, which is what stands inside of a response.
func bareToken(der []byte) bool {
	var info contentInfo
	_, err := asn1.Unmarshal(der, &info)
	return err == nil
}

func statusText(resp response) string {
	var parts []string
	for _, t := range resp.Status.Text {
		parts = append(parts, strings.ToValidUTF8(string(t.Bytes), "\uFFFD"))
	}
	return strings.Join(parts, ", ")
}

// failure gives PKIFailureInfo of RFC 3161 section 2.4.2 in words.
func failure(bits asn1.BitString) string {
	words := []struct {
		bit  int
		text string
	}{
		{0, "it does not know the digest algorithm"}, {2, "the transaction is not permitted or supported"},
		{5, "the query is malformed"},
		{14, "its time source is not available"}, {15, "it does not support the policy"}, {16, "it does not support an extension"},
		{17, "it does not have the additional information"}, {25, "its system failed"},
	}
	var parts []string
	for _, w := range words {
		if bits.At(w.bit) != 0 {
			parts = append(parts, w.text)
		}
	}
	return strings.Join(parts, ", ")
}

// A token is a parsed TimeStampToken.
type token struct {
	content   []byte // the TSTInfo as signed
	tst       tstInfo
	rawCerts  [][]byte
	certs     []*x509.Certificate
	remarks   []string
	signer    signerInfo
	digest    crypto.Hash
	signed    []byte // the signed attributes in the form in which they are signed
	attribute map[string]asn1.RawValue
}

func parseToken(der []byte) (*token, error) {
	var info contentInfo
	if err := unmarshal(der, &info, "token"); err != nil {
		return nil, err
	}
	if info.Type.String() != oidSignedData {
		return nil, fmt.Errorf("%w: the token has the content type %s, not signedData", ErrMalformed, info.Type)
	}
	der, err := inner(info.Content, "signed data")
	if err != nil {
		return nil, err
	}
	var data signedData
	if err := unmarshal(der, &data, "signed data"); err != nil {
		return nil, err
	}
	if id := data.Encapsulated.Type.String(); id != oidTSTInfo {
		return nil, fmt.Errorf("%w: what is signed has the type %s, not TSTInfo", ErrMalformed, id)
	}
	if len(data.Signers) != 1 {
		return nil, fmt.Errorf("%w: it has %d signatures; RFC 3161 section 2.4.2 allows one", ErrMalformed, len(data.Signers))
	}
	t := &token{signer: data.Signers[0]}
	if der, err = inner(data.Encapsulated.Content, "signed content"); err != nil {
		return nil, err
	}
	if err := unmarshal(der, &t.content, "signed content"); err != nil {
		return nil, err
	}
	if err := unmarshal(t.content, &t.tst, "TSTInfo"); err != nil {
		return nil, err
	}
	if t.tst.Version != 1 {
		return nil, fmt.Errorf("%w: its TSTInfo has the version %d, not 1", ErrMalformed, t.tst.Version)
	}
	if len(data.Certificates.FullBytes) > 0 {
		if der, err = inner(data.Certificates, "certificates"); err != nil {
			return nil, err
		}
		if err := t.parseCertificates(der); err != nil {
			return nil, err
		}
	}
	t.remarkOn(data)
	return t, t.parseAttributes()
}

// parseCertificates keeps every certificate as it was sent and parses those that crypto/x509 can read: one that it
// cannot read (some old root) only matters if the chain needs it, and then the chain is not trusted.
func (t *token) parseCertificates(der []byte) error {
	for len(der) > 0 {
		var raw asn1.RawValue
		rest, err := asn1.Unmarshal(der, &raw)
		if err != nil {
			return fmt.Errorf("%w: reading its certificates: %v", ErrMalformed, err)
		}
		der = rest
		t.rawCerts = append(t.rawCerts, raw.FullBytes)
		if cert, err := x509.ParseCertificate(raw.FullBytes); err != nil {
			t.remarks = append(t.remarks, fmt.Sprintf("certificate %d that it holds cannot be read: %v", len(t.rawCerts), err))
		} else {
			t.certs = append(t.certs, cert)
		}
	}
	return nil
}

// remarkOn notes what is not as RFC 5652 section 5 wants it and has no bearing on what is signed.
func (t *token) remarkOn(data signedData) {
	remark := func(format string, args ...any) { t.remarks = append(t.remarks, fmt.Sprintf(format, args...)) }
	if data.Version != 3 {
		remark("its signed data has the version %d, not 3", data.Version)
	}
	version := 1
	if t.signerByKey() {
		version = 3
	}
	if t.signer.Version != version {
		remark("its signature has the version %d, not %d", t.signer.Version, version)
	}
	if len(data.DigestAlgorithms) != 1 || !data.DigestAlgorithms[0].Algorithm.Equal(t.signer.DigestAlgorithm.Algorithm) {
		remark("its list of digest algorithms is not that of its signature")
	}
	if n := len(t.signer.UnsignedAttributes.Bytes); n > 0 {
		remark("it holds %d bytes of attributes that nobody signed", n)
	}
}

// remarkOnOthers notes the certificates that came with it and that the chain does not need: nothing vouches for them.
func (t *token) remarkOnOthers(chain []*x509.Certificate) []string {
	remarks := slices.Clone(t.remarks)
	for _, c := range t.certs {
		if !slices.ContainsFunc(chain, c.Equal) {
			remarks = append(remarks, fmt.Sprintf("the certificate of %q that it holds is not part of the chain", c.Subject))
		}
	}
	return remarks
}

func (t *token) parseAttributes() error {
	var err error
	if t.digest, err = hashOf(t.signer.DigestAlgorithm); err != nil {
		return fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	if _, err := inner(t.signer.SignedAttributes, "set of signed attributes"); err != nil {
		return err
	}
	// RFC 5652 section 5.4: what is signed has the tag of a SET, not [0].
	t.signed = append([]byte{0x31}, t.signer.SignedAttributes.FullBytes[1:]...)
	var attributes []attribute
	if rest, err := asn1.UnmarshalWithParams(t.signed, &attributes, "set"); err != nil || len(rest) > 0 {
		return fmt.Errorf("%w: its signed attributes cannot be read", ErrMalformed)
	}
	t.attribute = make(map[string]asn1.RawValue)
	for _, a := range attributes {
		id := a.Type.String()
		if _, taken := t.attribute[id]; taken {
			return fmt.Errorf("%w: its signed attribute %s is doubled", ErrMalformed, id)
		}
		if len(a.Values) == 1 { // those looked at here have one value; others may have any number
			t.attribute[id] = a.Values[0]
		}
	}
	var contentType asn1.ObjectIdentifier
	if err := unmarshal(t.attribute[oidContentType].FullBytes, &contentType, "attribute contentType"); err != nil {
		return err
	}
	if contentType.String() != oidTSTInfo {
		return fmt.Errorf("%w: its signed content type is %s, not TSTInfo", ErrMalformed, contentType)
	}
	return nil
}

// signerByKey says whether the signer is named by a key identifier and not by issuer and serial number.
func (t *token) signerByKey() bool {
	return t.signer.ID.Class == asn1.ClassContextSpecific && t.signer.ID.Tag == 0
}

// findSigner returns the signer's certificate, from the token or from extra.
func (t *token) findSigner(extra []*x509.Certificate) (*x509.Certificate, error) {
	var match func(*x509.Certificate) bool
	if t.signerByKey() {
		match = func(c *x509.Certificate) bool {
			return len(c.SubjectKeyId) > 0 && bytes.Equal(c.SubjectKeyId, t.signer.ID.Bytes)
		}
	} else {
		var id issuerAndSerial
		if err := unmarshal(t.signer.ID.FullBytes, &id, "signer's name"); err != nil {
			return nil, err
		}
		match = func(c *x509.Certificate) bool {
			return bytes.Equal(c.RawIssuer, id.Issuer.FullBytes) && c.SerialNumber.Cmp(id.Serial) == 0
		}
	}
	for _, c := range append(slices.Clone(t.certs), extra...) {
		if match(c) {
			return c, nil
		}
	}
	return nil, fmt.Errorf("%w: it does not hold the signer's certificate, and neither do the extra ones", ErrUntrusted)
}

// checkPurpose holds the certificate to RFC 3161 section 2.3: one extended key usage, timeStamping, critical.
func checkPurpose(c *x509.Certificate) error {
	if len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != x509.ExtKeyUsageTimeStamping || len(c.UnknownExtKeyUsage) > 0 {
		return fmt.Errorf("%w: the extended key usage of %q is not timeStamping alone", ErrNotTimestampCert, c.Subject)
	}
	for _, e := range c.Extensions {
		if e.Id.String() == oidExtKeyUsage && e.Critical {
			return nil
		}
	}
	return fmt.Errorf("%w: the extended key usage of %q is not critical", ErrNotTimestampCert, c.Subject)
}

func (t *token) checkSignature(signer *x509.Certificate) error {
	var digest []byte
	if err := unmarshal(t.attribute[oidMessageDigest].FullBytes, &digest, "attribute messageDigest"); err != nil {
		return err
	}
	if !bytes.Equal(digest, sum(t.digest, t.content)) {
		return fmt.Errorf("%w: the signed digest is not that of the TSTInfo", ErrBadSignature)
	}
	if err := t.checkNamedCertificate(signer); err != nil {
		return err
	}
	algorithm, err := signatureAlgorithm(t.signer.SignatureAlgorithm, t.digest)
	if err != nil {
		return fmt.Errorf("%w: %v", ErrBadSignature, err)
	}
	if err := signer.CheckSignature(algorithm, t.signed, t.signer.Signature); err != nil {
		return fmt.Errorf("%w: %v", ErrBadSignature, err)
	}
	return nil
}

// checkNamedCertificate checks the SigningCertificate attribute, which RFC 3161 section 2.4.2 and RFC 5816 require: its
// first hash is that of the signer's certificate, so that nobody puts another certificate for the same key in its place.
func (t *token) checkNamedCertificate(signer *x509.Certificate) error {
	wrong := fmt.Errorf("%w: it names another signing certificate than %q", ErrBadSignature, signer.Subject)
	if v2, ok := t.attribute[oidSigningCertificateV2]; ok {
		var named struct {
			Certs    []essCertIDv2
			Policies asn1.RawValue `asn1:"optional"`
		}
		if err := unmarshal(v2.FullBytes, &named, "attribute signingCertificateV2"); err != nil {
			return err
		}
		if len(named.Certs) == 0 {
			return wrong
		}
		hash := crypto.SHA256
		if len(named.Certs[0].Algorithm.Algorithm) > 0 {
			var err error
			if hash, err = hashOf(named.Certs[0].Algorithm); err != nil {
				return fmt.Errorf("%w: %v", ErrBadSignature, err)
			}
		}
		if !bytes.Equal(named.Certs[0].Hash, sum(hash, signer.Raw)) {
			return wrong
		}
		return nil
	}
	var named struct {
		Certs    []essCertID
		Policies asn1.RawValue `asn1:"optional"`
	}
	if err := unmarshal(t.attribute[oidSigningCertificate].FullBytes, &named, "attribute signingCertificate"); err != nil {
		return err
	}
	if len(named.Certs) == 0 || !bytes.Equal(named.Certs[0].Hash, sum(crypto.SHA1, signer.Raw)) {
		return wrong
	}
	return nil
}

func (t *token) info(signer *x509.Certificate) (Info, error) {
	within, err := t.tst.Accuracy.duration()
	if err != nil {
		return Info{}, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	var certs bytes.Buffer
	for _, raw := range t.rawCerts {
		_ = pem.Encode(&certs, &pem.Block{Type: "CERTIFICATE", Bytes: raw})
	}
	qualified := slices.ContainsFunc(append(slices.Clone(t.tst.Extensions), signer.Extensions...), func(e pkix.Extension) bool {
		return e.Id.String() == oidQCStatements && statesQualified(e.Value)
	})
	return Info{
		GenTime: t.tst.GenTime.UTC(), Accuracy: within, Policy: t.tst.Policy.String(), Serial: t.tst.Serial, Nonce: t.tst.Nonce,
		Subject: signer.Subject.String(), Certificates: certs.Bytes(), Chain: []*x509.Certificate{signer},
		Local: isLocal(signer), Qualified: qualified,
	}, nil
}

// statesQualified says whether a qcStatements extension (RFC 3739 section 3.2.6) holds esi4-qtstStatement-1.
func statesQualified(der []byte) bool {
	var statements []qcStatement
	if rest, err := asn1.Unmarshal(der, &statements); err != nil || len(rest) > 0 {
		return false
	}
	return slices.ContainsFunc(statements, func(s qcStatement) bool { return s.ID.String() == oidQualifiedTST })
}

// checkChain returns the certificates from signer to a root, all as of at. Without roots it goes as far as others leads.
func checkChain(
	signer *x509.Certificate, others []*x509.Certificate, roots *x509.CertPool, at time.Time,
) ([]*x509.Certificate, error) {
	intermediates := x509.NewCertPool()
	anchors := roots
	if roots == nil {
		anchors = x509.NewCertPool()
	}
	issuerKnown := false
	for _, c := range others {
		if c.Equal(signer) || brokenRoot(c) {
			continue
		}
		intermediates.AddCert(c)
		if roots == nil {
			anchors.AddCert(c)
		}
		issuerKnown = issuerKnown || bytes.Equal(c.RawSubject, signer.RawIssuer)
	}
	if roots == nil && !issuerKnown {
		// There is nothing to check the certificate against but the time; crypto/x509 would call it untrusted.
		if at.Before(signer.NotBefore) || at.After(signer.NotAfter) {
			return nil, fmt.Errorf("%w: at %s it was not valid", ErrUntrusted, at.Format(time.RFC3339))
		}
		return []*x509.Certificate{signer}, nil
	}
	chains, err := signer.Verify(x509.VerifyOptions{
		Roots: anchors, Intermediates: intermediates, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping},
	})
	if err != nil {
		return []*x509.Certificate{signer}, fmt.Errorf("%w as of %s: %v", ErrUntrusted, at.Format(time.RFC3339), err)
	}
	// Without roots every issuer is an anchor and the shortest chain comes first; the longest says more.
	return slices.MaxFunc(chains, func(a, b []*x509.Certificate) int { return len(a) - len(b) }), nil
}

// brokenRoot says whether a certificate claims to have signed itself and has not. crypto/x509 does not look at the
// signature of an anchor, so without roots a changed one would pass.
func brokenRoot(c *x509.Certificate) bool {
	return bytes.Equal(c.RawSubject, c.RawIssuer) && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) != nil
}
