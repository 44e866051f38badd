package timestamp

import (
	"bytes"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ocsp"
)

// The kinds of refusal of CheckCRL and CheckOCSP. Bytes that are neither a CRL nor an OCSP response are ErrMalformed.
var (
	// ErrNotIssuer says that the answer is not signed by the issuer of a certificate of the time-stamp.
	ErrNotIssuer = errors.New("it is not signed by the issuer of a certificate of the time-stamp")
	// ErrNotCovering says that the answer is genuine and says nothing of the certificate at the time-stamp's time: it had
	// run out by then, or it is about other certificates.
	ErrNotCovering = errors.New("it says nothing of the certificate at the time of the time-stamp")
	// ErrRevoked says that a certificate was revoked when the time-stamp was made. Whatever the reason, such a time-stamp
	// is not valid (RFC 3161 section 4).
	ErrRevoked = errors.New("a certificate of the time-stamp was revoked when it was made")
)

// Bounds on what strangers' servers send. All CRLs of a time-stamp fit into one PEM file of less than 4 MiB.
const (
	maxCRL      = 2 << 20
	maxAllCRLs  = 5 << 19
	maxOCSP     = 64 << 10
	maxChain    = 8 // certificates that are looked at
	maxServers  = 4 // addresses that are tried for one certificate
	clockSlack  = 5 * time.Minute
	ocspRequest = "application/ocsp-request"
)

// A Status is what a CRL or an OCSP response says of one certificate.
type Status struct {
	Certificate string     `json:"certificate"`       // its subject; a stranger's text
	By          string     `json:"by"`                // "CRL" or "OCSP"
	From        time.Time  `json:"from"`              // as of when, UTC
	Revoked     *time.Time `json:"revoked,omitempty"` // since when, UTC
	Reason      string     `json:"reason,omitempty"`  // by its name in RFC 5280 section 5.3.1
}

// String says it in words.
func (s Status) String() string {
	if s.Revoked == nil {
		return fmt.Sprintf("%s was not revoked, says the %s of %s", s.Certificate, s.By, s.From.Format(time.RFC3339))
	}
	return fmt.Sprintf("%s was revoked on %s (%s), says the %s of %s", s.Certificate, s.Revoked.Format(time.RFC3339), s.Reason, s.By,
		s.From.Format(time.RFC3339))
}

// Remark says what a revocation after the time-stamp means for it, by RFC 3161 section 4; "" without one.
func (s Status) Remark() string {
	if s.Revoked == nil {
		return ""
	}
	switch s.Reason {
	case reasonName(3), reasonName(4), reasonName(5):
		return s.String() + ": after this time-stamp, which stays valid"
	}
	return s.String() + ": after this time-stamp, which by itself can no longer be relied on if the key was compromised; a renewal or " +
		"another authority's time-stamp from before that day can"
}

// reasonName gives CRLReason of RFC 5280 section 5.3.1.
func reasonName(code int) string {
	names := []string{"unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded", "cessationOfOperation",
		"certificateHold", "", "removeFromCRL", "privilegeWithdrawn", "aACompromise"}
	if code < 0 || code >= len(names) || names[code] == "" {
		return fmt.Sprintf("reason %d", code)
	}
	return names[code]
}

// A link is a certificate and the one that signed it.
type link struct{ cert, issuer *x509.Certificate }

// links follows the chain from the signer, and on through extra as far as signatures lead. A root is in no CRL but its
// own, which says nothing.
func (i Info) links(extra []*x509.Certificate) []link {
	var found []link
	if len(i.Chain) == 0 {
		return nil
	}
	known := append(slices.Clone(i.Chain[1:]), extra...)
	for cert := i.Chain[0]; len(found) < maxChain; {
		at := slices.IndexFunc(known, func(c *x509.Certificate) bool {
			return bytes.Equal(c.RawSubject, cert.RawIssuer) && !c.Equal(cert) && cert.CheckSignatureFrom(c) == nil
		})
		if at < 0 {
			break
		}
		found = append(found, link{cert, known[at]})
		cert = known[at]
	}
	return found
}

// CheckCRL says what a CRL (DER) says of the certificate that its issuer signed in the chain of a time-stamp. extra are
// further certificates by which the chain may go on. The CRL must be complete, cover the certificate, and be in force at
// the time-stamp's time or issued after it while the certificate was valid. With ErrRevoked the Status is filled in.
func CheckCRL(der []byte, info Info, extra []*x509.Certificate) (Status, error) {
	list, err := x509.ParseRevocationList(der)
	if err != nil || len(list.Raw) != len(der) {
		return Status{}, fmt.Errorf("%w: not a CRL: %v", ErrMalformed, err)
	}
	for _, l := range info.links(extra) {
		if !bytes.Equal(list.RawIssuer, l.issuer.RawSubject) || list.CheckSignatureFrom(l.issuer) != nil {
			continue
		}
		status := Status{Certificate: l.cert.Subject.String(), By: "CRL", From: list.ThisUpdate.UTC()}
		if err := scope(list, l.cert); err != nil {
			return status, err
		}
		if err := covers(list.ThisUpdate, list.NextUpdate, l.cert, info.GenTime); err != nil {
			return status, err
		}
		for _, entry := range list.RevokedCertificateEntries {
			if entry.SerialNumber.Cmp(l.cert.SerialNumber) == 0 {
				return status.revoked(entry.RevocationTime, entry.ReasonCode, info.GenTime)
			}
		}
		return status, nil
	}
	return Status{}, ErrNotIssuer
}

func (s Status) revoked(since time.Time, reason int, at time.Time) (Status, error) {
	since = since.UTC()
	s.Revoked, s.Reason = &since, reasonName(reason)
	if since.After(at) {
		return s, nil
	}
	return s, fmt.Errorf("%w: %s", ErrRevoked, s)
}

// covers says whether an answer of this period tells the state of the certificate at a time.
func covers(from, next time.Time, cert *x509.Certificate, at time.Time) error {
	switch {
	case from.After(cert.NotAfter):
		// RFC 5280 section 5: what has expired may be left out.
		return fmt.Errorf("%w: it is of %s, when the certificate of %q had expired", ErrNotCovering, from.UTC().Format(time.RFC3339), cert.Subject)
	case !from.Before(at), !next.IsZero() && !next.Before(at):
		return nil
	case next.IsZero() && !from.Add(clockSlack).Before(at):
		return nil // an OCSP responder that always has newer answers names no end (RFC 6960 section 4.2.2.1)
	}
	return fmt.Errorf("%w: it is of %s and had run out by %s", ErrNotCovering, from.UTC().Format(time.RFC3339), at.Format(time.RFC3339))
}

// scope refuses a CRL that lists only a part of what was revoked, unless the certificate is in that part: RFC 5280
// sections 5.2.4 and 5.2.5.
func scope(list *x509.RevocationList, cert *x509.Certificate) error {
	for _, e := range list.Extensions {
		switch e.Id.String() {
		case oidDeltaCRL:
			return fmt.Errorf("%w: it is a delta CRL", ErrNotCovering)
		case oidIssuingPoint:
			var idp struct {
				Point       asn1.RawValue `asn1:"optional,tag:0"`
				OnlyUsers   bool          `asn1:"optional,tag:1"`
				OnlyCAs     bool          `asn1:"optional,tag:2"`
				SomeReasons asn1.RawValue `asn1:"optional,tag:3"`
				Indirect    bool          `asn1:"optional,tag:4"`
				OnlyAttrs   bool          `asn1:"optional,tag:5"`
			}
			if rest, err := asn1.Unmarshal(e.Value, &idp); err != nil || len(rest) > 0 {
				return fmt.Errorf("%w: its issuing distribution point cannot be read", ErrMalformed)
			}
			if idp.OnlyUsers && cert.IsCA || idp.OnlyCAs && !cert.IsCA || idp.OnlyAttrs || len(idp.SomeReasons.FullBytes) > 0 ||
				len(idp.Point.Bytes) > 0 && !slices.ContainsFunc(cert.CRLDistributionPoints, pointNames(idp.Point.Bytes)) {
				return fmt.Errorf("%w: it is about other certificates than that of %q", ErrNotCovering, cert.Subject)
			}
		}
	}
	return nil
}

// pointNames says whether a DistributionPointName (its fullName form) has a URI.
func pointNames(der []byte) func(uri string) bool {
	var uris []string
	var names asn1.RawValue
	if _, err := asn1.Unmarshal(der, &names); err == nil && names.Class == asn1.ClassContextSpecific && names.Tag == 0 {
		for rest := names.Bytes; len(rest) > 0; {
			var name asn1.RawValue
			var err error
			if rest, err = asn1.Unmarshal(rest, &name); err != nil {
				break
			}
			if name.Class == asn1.ClassContextSpecific && name.Tag == 6 {
				uris = append(uris, string(name.Bytes))
			}
		}
	}
	return func(uri string) bool { return slices.Contains(uris, uri) }
}

// CheckOCSP says what an OCSP response (DER) says of one of the certificates of a time-stamp. It is signed by the issuer,
// or by a responder whose certificate the issuer signed for that (RFC 6960 section 4.2.2.2). Otherwise as CheckCRL.
func CheckOCSP(der []byte, info Info, extra []*x509.Certificate) (Status, error) {
	if err := tidyOCSP(der); err != nil {
		return Status{}, err
	}
	for _, l := range info.links(extra) {
		r, err := ocsp.ParseResponseForCert(der, l.cert, nil)
		if err != nil {
			continue // it may be about another certificate of the chain
		}
		if !answeredBy(r, l.issuer) {
			continue
		}
		status := Status{Certificate: l.cert.Subject.String(), By: "OCSP", From: r.ThisUpdate.UTC()}
		if err := covers(r.ThisUpdate, r.NextUpdate, l.cert, info.GenTime); err != nil {
			return status, err
		}
		switch r.Status {
		case ocsp.Good:
			return status, nil
		case ocsp.Revoked:
			return status.revoked(r.RevokedAt, r.RevocationReason, info.GenTime)
		}
		return status, fmt.Errorf("%w: the responder does not know the certificate", ErrNotCovering)
	}
	if _, err := ocsp.ParseResponse(der, nil); err != nil {
		return Status{}, fmt.Errorf("%w: not an OCSP response about it: %v", ErrMalformed, err)
	}
	return Status{}, ErrNotIssuer
}

// tidyOCSP refuses a response whose wrapping, which nobody signs, is not in DER: encoding/asn1 reads over some changes.
func tidyOCSP(der []byte) error {
	var outer struct {
		Status asn1.Enumerated
		Bytes  struct {
			Type     asn1.ObjectIdentifier
			Response []byte
		} `asn1:"explicit,tag:0"`
	}
	var basic struct {
		Data         asn1.RawValue
		Algorithm    pkix.AlgorithmIdentifier
		Signature    asn1.BitString
		Certificates []asn1.RawValue `asn1:"explicit,tag:0,optional"`
	}
	if !tidy(der, &outer) || !tidy(outer.Bytes.Response, &basic) {
		return fmt.Errorf("%w: not an OCSP response in DER", ErrMalformed)
	}
	return nil
}

// tidy reads der into v and says whether it is exactly what encoding/asn1 makes of v.
func tidy[T any](der []byte, v *T) bool {
	rest, err := asn1.Unmarshal(der, v)
	if err != nil || len(rest) > 0 {
		return false
	}
	again, err := asn1.Marshal(*v)
	return err == nil && bytes.Equal(again, der)
}

// answeredBy says whether the issuer, or a responder that it appointed, signed the response. The library has checked the
// signature against the certificate in the response, if there is one.
func answeredBy(r *ocsp.Response, issuer *x509.Certificate) bool {
	responder := r.Certificate
	switch {
	case responder == nil:
		return r.CheckSignatureFrom(issuer) == nil
	case responder.Equal(issuer):
		return true
	}
	return responder.CheckSignatureFrom(issuer) == nil && slices.Contains(responder.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) &&
		!r.ProducedAt.Before(responder.NotBefore) && !r.ProducedAt.After(responder.NotAfter)
}

// A Revocation is what the authorities that issued a time-stamp's certificates say of them, to be kept beside it: years
// later nobody answers for an authority that has closed.
type Revocation struct {
	CRLs [][]byte       // DER, in the order of the chain: the one about the signer first
	OCSP map[int][]byte // DER, by the certificate's place in the chain, the signer's being 1
}

// FetchRevocation asks for the CRLs and the OCSP responses that the certificates of a time-stamp name, over http and https,
// all at once, and returns those that CheckCRL and CheckOCSP accept or find revoked. client is required; ctx bounds it all.
// What did not come is in the errors, which name the addresses; certificates that name no address give neither.
// The issuers learn which certificate is asked about, and nothing else.
func FetchRevocation(ctx context.Context, client *http.Client, info Info, extra []*x509.Certificate) (Revocation, []error) {
	links := info.links(extra)
	crls, answers, failed := make([][]byte, len(links)), make([][]byte, len(links)), make([]error, 2*len(links))
	var all sync.WaitGroup
	for n, l := range links {
		all.Go(func() {
			crls[n], failed[2*n] = firstOf(l.cert.CRLDistributionPoints, func(address string) ([]byte, error) {
				return fetchCRL(ctx, client, address, info, extra)
			})
		})
		all.Go(func() {
			answers[n], failed[2*n+1] = firstOf(l.cert.OCSPServer, func(address string) ([]byte, error) {
				return fetchOCSP(ctx, client, address, l, info, extra)
			})
		})
	}
	all.Wait()
	kept := Revocation{OCSP: make(map[int][]byte)}
	size := 0
	for n := range links {
		if crls[n] != nil && size+len(crls[n]) <= maxAllCRLs {
			kept.CRLs = append(kept.CRLs, crls[n])
			size += len(crls[n])
		}
		if answers[n] != nil {
			kept.OCSP[n+1] = answers[n]
		}
	}
	return kept, slices.DeleteFunc(failed, func(err error) bool { return err == nil })
}

// firstOf tries one address after the other.
func firstOf(addresses []string, fetch func(address string) ([]byte, error)) ([]byte, error) {
	var failed []error
	tried := 0
	for _, address := range addresses {
		if !strings.HasPrefix(address, "http://") && !strings.HasPrefix(address, "https://") || tried == maxServers {
			continue // ldap:// and the like
		}
		tried++
		data, err := fetch(address)
		if err == nil {
			return data, nil
		}
		failed = append(failed, fmt.Errorf("asking %q whether a certificate was revoked: %w", address, err))
	}
	return nil, errors.Join(failed...)
}

func fetchCRL(ctx context.Context, client *http.Client, address string, info Info, extra []*x509.Certificate) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	data, err := fetch(client, req, maxCRL)
	if err != nil {
		return nil, err
	}
	if _, err := CheckCRL(data, info, extra); err != nil && !errors.Is(err, ErrRevoked) {
		return nil, err
	}
	return data, nil
}

func fetchOCSP(
	ctx context.Context, client *http.Client, address string, l link, info Info, extra []*x509.Certificate,
) ([]byte, error) {
	query, err := ocsp.CreateRequest(l.cert, l.issuer, nil)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(query))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", ocspRequest)
	data, err := fetch(client, req, maxOCSP)
	if err != nil {
		return nil, err
	}
	if _, err := CheckOCSP(data, info, extra); err != nil && !errors.Is(err, ErrRevoked) {
		return nil, err
	}
	return data, nil
}

// fetch returns the body of an answer of at most limit bytes.
func fetch(client *http.Client, req *http.Request, limit int64) ([]byte, error) {
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answered with %q", resp.Status)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("the answer has more than %d bytes", limit)
	}
	return data, nil
}
