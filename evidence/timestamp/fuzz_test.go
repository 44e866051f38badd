package timestamp_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"testing"
	"time"

	digitorus "github.com/digitorus/timestamp"
	"golang.org/x/crypto/ocsp"

	"github.com/mbaudit/mbaudit/evidence/timestamp"
)

// FuzzVerify looks for a response that is accepted and says something else than the one that was signed.
func FuzzVerify(f *testing.F) {
	a := newAuthority(f, timestamp.AuthorityOptions{})
	tsr := stamp(f, a)
	want, err := timestamp.Verify(tsr, someDigest(), timestamp.Options{Roots: a.Roots()})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(tsr)
	f.Add(tsr[9:])
	f.Add(bytes.Repeat([]byte{0x30, 0x80}, 500))
	f.Fuzz(func(t *testing.T, data []byte) {
		if info, err := timestamp.Verify(data, someDigest(), timestamp.Options{}); err == nil && info.Trusted {
			t.Error("trusted without roots")
		}
		info, err := timestamp.Verify(data, someDigest(), timestamp.Options{Roots: a.Roots()})
		if err == nil && (!info.Trusted || !info.GenTime.Equal(want.GenTime) || info.Serial.Cmp(want.Serial) != 0) {
			t.Errorf("accepted: %+v", info)
		}
	})
}

// FuzzQuery looks for a query that the authority answers with something else than a response.
func FuzzQuery(f *testing.F) {
	a := newAuthority(f, timestamp.AuthorityOptions{})
	query, err := digitorus.CreateRequest(bytes.NewReader(someData), &digitorus.RequestOptions{Certificates: true})
	if err != nil {
		f.Fatal(err)
	}
	granted, err := timestamp.Verify(stamp(f, a), someDigest(), timestamp.Options{Roots: a.Roots()})
	if err != nil {
		f.Fatal(err)
	}
	opts := timestamp.Options{Roots: a.Roots(), ExtraCerts: granted.Chain}
	f.Add(query)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, query []byte) {
		tsr, err := a.Timestamp(query)
		if err != nil {
			t.Fatal(err)
		}
		_, err = timestamp.Verify(tsr, someDigest(), opts)
		var rejected *timestamp.RejectedError
		if err != nil && !errors.Is(err, timestamp.ErrOtherData) && !errors.As(err, &rejected) {
			t.Errorf("the query %x is answered with what does not verify: %v", query, err)
		}
	})
}

// FuzzRevocation looks for a CRL or an OCSP response that is accepted and is not one of the issuer's.
func FuzzRevocation(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	at := time.Now().UTC()
	issue := func(template, parent *x509.Certificate) *x509.Certificate {
		der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, key)
		if err != nil {
			f.Fatal(err)
		}
		return certificateOf(f, der)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, NotBefore: at.Add(-time.Hour),
		NotAfter: at.Add(time.Hour), BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	root := issue(template, template)
	tsa := issue(&x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "tsa"}, NotBefore: at.Add(-time.Hour),
		NotAfter: at.Add(time.Hour)}, root)
	info := timestamp.Info{GenTime: at, Chain: []*x509.Certificate{tsa, root}}
	crl, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: at, NextUpdate: at.Add(time.Hour)}, root, key)
	if err != nil {
		f.Fatal(err)
	}
	answer, err := ocsp.CreateResponse(root, root, ocsp.Response{Status: ocsp.Good, SerialNumber: tsa.SerialNumber, ThisUpdate: at,
		NextUpdate: at.Add(time.Hour)}, key)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := timestamp.CheckCRL(crl, info, nil); err != nil {
		f.Fatal(err)
	}
	if _, err := timestamp.CheckOCSP(answer, info, nil); err != nil {
		f.Fatal(err)
	}
	f.Add(crl)
	f.Add(answer)
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := timestamp.CheckCRL(data, info, nil); err == nil && !bytes.Equal(data, crl) {
			t.Errorf("a CRL is accepted that was not issued: %x", data)
		}
		if _, err := timestamp.CheckOCSP(data, info, nil); err == nil && !bytes.Equal(data, answer) {
			t.Errorf("an OCSP response is accepted that was not given: %x", data)
		}
	})
}

func certificateOf(t testing.TB, der []byte) *x509.Certificate {
	t.Helper()
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}
