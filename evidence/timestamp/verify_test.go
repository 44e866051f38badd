package timestamp_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/evidence/timestamp"
)

func TestVerifyWhatOpenSSLMade(t *testing.T) {
	rsa := []string{"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"}
	p384 := []string{"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"}
	fine := tsaSpec{key: rsa, digest: "sha384", accuracy: "secs:0, millisecs:500, microsecs:100", precision: 3}
	for name, c := range map[string]struct {
		spec     tsaSpec
		query    []string
		accuracy time.Duration
	}{
		"ECDSA":                      {accuracy: time.Second},
		"ECDSA P-384, SHA-512":       {spec: tsaSpec{key: p384, digest: "sha512"}, accuracy: time.Second},
		"RSA":                        {spec: tsaSpec{key: rsa}, accuracy: time.Second},
		"RSA, SHA-384, milliseconds": {spec: fine, accuracy: 500100 * time.Microsecond},
		"microseconds":               {spec: tsaSpec{precision: 6}, accuracy: time.Second},
		"ESSCertID of version 1":     {spec: tsaSpec{ess: "sha1"}, accuracy: time.Second},
		"another policy": {
			query: []string{"-sha256", "-cert", "-tspolicy", "1.3.6.1.4.1.99999.2"}, accuracy: time.Second,
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := opensslTSA(t, c.spec)
			before := time.Now()
			tsr := opensslStamp(t, dir, someData, c.query...)
			root := certificate(t, read(t, dir, "root.pem"))
			info, err := timestamp.Verify(tsr, someDigest(), timestamp.Options{Roots: pool(root)})
			if err != nil {
				t.Fatal(err)
			}
			if !info.Trusted || info.Local || info.Qualified || info.GrantedWithMods {
				t.Errorf("trusted %v, local %v, qualified %v, mods %v", info.Trusted, info.Local, info.Qualified, info.GrantedWithMods)
			}
			if info.GenTime.Before(before.Add(-2*time.Second)) || info.GenTime.After(time.Now().Add(time.Second)) {
				t.Errorf("time %s", info.GenTime)
			}
			if info.Accuracy != c.accuracy || info.Serial.Int64() != 2 || info.Nonce == nil {
				t.Errorf("accuracy %s, serial %s, nonce %s", info.Accuracy, info.Serial, info.Nonce)
			}
			policy := "1.3.6.1.4.1.99999.1"
			if c.query != nil {
				policy = "1.3.6.1.4.1.99999.2"
			}
			if info.Policy != policy || info.Subject != "CN=tsa,O=test" {
				t.Errorf("policy %s, subject %s", info.Policy, info.Subject)
			}
			if len(info.Chain) != 3 || !info.Chain[2].Equal(root) {
				t.Errorf("chain of %d certificates", len(info.Chain))
			}
			if len(info.Remarks) > 0 {
				t.Errorf("remarks %q", info.Remarks)
			}
			if n := bytes.Count(info.Certificates, []byte("BEGIN CERTIFICATE")); n != 3 {
				t.Errorf("%d certificates as sent", n)
			}
			shown := info.GenTime.Format("Time stamp: Jan _2 15:04:05.999999 2006 GMT")
			if text := openssl(t, dir, true, "ts", "-reply", "-in", "r.tsr", "-text"); !strings.Contains(text, shown) {
				t.Errorf("we read %q, openssl reads\n%s", shown, text)
			}
		})
	}
}

func some(certs ...*x509.Certificate) []*x509.Certificate { return certs }

func TestVerifyTrust(t *testing.T) {
	dir := opensslTSA(t, tsaSpec{})
	tsr := opensslStamp(t, dir, someData)
	bare := opensslStamp(t, dir, someData, "-sha256") // without certificates
	tsa, mid := certificate(t, read(t, dir, "tsa.pem")), certificate(t, read(t, dir, "mid.pem"))
	root := certificate(t, read(t, dir, "root.pem"))
	stranger := certificate(t, newAuthority(t, timestamp.AuthorityOptions{}).RootPEM())
	for _, c := range []struct {
		name    string
		tsr     []byte
		opts    timestamp.Options
		want    error
		trusted bool
		chain   int
	}{
		{"a trusted root", tsr, timestamp.Options{Roots: pool(root)}, nil, true, 3},
		{"a trusted intermediate", tsr, timestamp.Options{Roots: pool(mid)}, nil, true, 2},
		{"no roots", tsr, timestamp.Options{}, nil, false, 3},
		{"another root", tsr, timestamp.Options{Roots: pool(stranger)}, timestamp.ErrUntrusted, false, 1},
		{"an empty pool", tsr, timestamp.Options{Roots: pool()}, timestamp.ErrUntrusted, false, 1},
		{"no certificates at all", bare, timestamp.Options{Roots: pool(root)}, timestamp.ErrUntrusted, false, 0},
		{"no intermediate", bare, timestamp.Options{Roots: pool(root), ExtraCerts: some(tsa)}, timestamp.ErrUntrusted, false, 1},
		{"certificates from elsewhere", bare, timestamp.Options{Roots: pool(root), ExtraCerts: some(mid, tsa)}, nil, true, 3},
		{"only the signer's from elsewhere", bare, timestamp.Options{ExtraCerts: some(tsa)}, nil, false, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			info, err := timestamp.Verify(c.tsr, someDigest(), c.opts)
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if info.Trusted != c.trusted || len(info.Chain) != c.chain {
				t.Errorf("trusted %v, chain of %d", info.Trusted, len(info.Chain))
			}
		})
	}
}

func TestVerifyRefusesOtherPurposes(t *testing.T) {
	for _, extensions := range []string{"v3_loose", "v3_both", "v3_ca"} {
		dir := opensslTSA(t, tsaSpec{})
		// openssl ts refuses to sign with such certificates; openssl cms does not look.
		tst := tstOf(t, dir)
		openssl(t, dir, true, "x509", "-req", "-in", "tsa.csr", "-CA", "mid.pem", "-CAkey", "mid.key", "-CAcreateserial",
			"-days", "20", "-extfile", "tsa.cnf", "-extensions", extensions, "-out", "tsa.pem")
		tsr := cmsStamp(t, dir, tst)
		_, err := timestamp.Verify(tsr, someDigest(), timestamp.Options{Roots: pool(certificate(t, read(t, dir, "root.pem")))})
		if !errors.Is(err, timestamp.ErrNotTimestampCert) {
			t.Errorf("%s: %v", extensions, err)
		}
	}
}

// tstOf returns the TSTInfo of a response for someData.
func tstOf(t testing.TB, dir string) []byte {
	t.Helper()
	opensslStamp(t, dir, someData)
	openssl(t, dir, true, "ts", "-reply", "-in", "r.tsr", "-token_out", "-out", "token.der")
	openssl(t, dir, true, "cms", "-verify", "-noverify", "-nosigs", "-inform", "DER", "-in", "token.der", "-out", "tst.der")
	return read(t, dir, "tst.der")
}

// cmsStamp signs a TSTInfo with openssl cms, which can do what openssl ts does not, and makes a response of it.
func cmsStamp(t testing.TB, dir string, tst []byte, args ...string) []byte {
	t.Helper()
	write(t, dir, "tst.der", tst)
	all := append([]string{"cms", "-sign", "-binary", "-nodetach", "-nosmimecap", "-in", "tst.der", "-signer", "tsa.pem",
		"-inkey", "tsa.key", "-certfile", "chain.pem", "-outform", "DER", "-out", "token.der"}, args...)
	for _, usual := range [][]string{{"-md", "sha256"}, {"-econtent_type", "1.2.840.113549.1.9.16.1.4"}} {
		if !slices.Contains(args, usual[0]) {
			all = append(all, usual...)
		}
	}
	if i := slices.Index(all, "-cades=no"); i >= 0 {
		all = slices.Delete(all, i, i+1)
	} else {
		all = append(all, "-cades")
	}
	openssl(t, dir, true, all...)
	return granted(t, read(t, dir, "token.der"))
}

// granted makes a response of a token.
func granted(t testing.TB, token []byte) []byte {
	t.Helper()
	tsr, err := asn1.Marshal(struct {
		Status struct{ Status int }
		Token  asn1.RawValue
	}{Token: asn1.RawValue{FullBytes: token}})
	if err != nil {
		t.Fatal(err)
	}
	return tsr
}

func TestVerifyOtherFormsOfSignature(t *testing.T) {
	dir := opensslTSA(t, tsaSpec{key: []string{"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"}})
	root := pool(certificate(t, read(t, dir, "root.pem")))
	tst := tstOf(t, dir)
	for _, c := range []struct {
		name string
		tsr  []byte
		want error
	}{
		{"RSASSA-PSS", cmsStamp(t, dir, tst, "-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:32"), nil},
		{"signer by key identifier", cmsStamp(t, dir, tst, "-keyid"), nil},
		{"SHA-1", cmsStamp(t, dir, tst, "-md", "sha1"), timestamp.ErrMalformed},
		{"another content type", cmsStamp(t, dir, tst, "-econtent_type", "1.2.840.113549.1.7.1"), timestamp.ErrMalformed},
		{"no signed attributes", cmsStamp(t, dir, tst, "-noattr", "-cades=no"), timestamp.ErrMalformed},
		{"no signing certificate named", cmsStamp(t, dir, tst, "-cades=no"), timestamp.ErrMalformed},
		{"not a TSTInfo", cmsStamp(t, dir, []byte("hello")), timestamp.ErrMalformed},
		{"BER of indefinite length", cmsStamp(t, dir, tst, "-stream"), timestamp.ErrMalformed},
	} {
		info, err := timestamp.Verify(c.tsr, someDigest(), timestamp.Options{Roots: root})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
		if c.want == nil && !info.Trusted {
			t.Errorf("%s: not trusted", c.name)
		}
	}
}

func TestVerifyQualified(t *testing.T) {
	for extensions, want := range map[string]bool{"v3_qualified": true, "v3_otherqc": false} {
		dir := opensslTSA(t, tsaSpec{extensions: extensions})
		info, err := timestamp.Verify(opensslStamp(t, dir, someData), someDigest(), timestamp.Options{})
		if err != nil || info.Qualified != want {
			t.Errorf("%s: qualified %v, error %v", extensions, info.Qualified, err)
		}
	}
}

func TestVerifyKindsOfRefusal(t *testing.T) {
	a := newAuthority(t, timestamp.AuthorityOptions{})
	tsr := stamp(t, a)
	var outer struct {
		Status struct{ Status int }
		Token  asn1.RawValue
	}
	if _, err := asn1.Unmarshal(tsr, &outer); err != nil {
		t.Fatal(err)
	}
	opts := timestamp.Options{Roots: a.Roots()}
	for _, c := range []struct {
		name string
		tsr  []byte
		want error
		text string
	}{
		{"truncated", tsr[:len(tsr)-1], timestamp.ErrMalformed, ""},
		{"half", tsr[:len(tsr)/2], timestamp.ErrMalformed, ""},
		{"empty", nil, timestamp.ErrMalformed, ""},
		{"followed by something", append(bytes.Clone(tsr), 0), timestamp.ErrMalformed, "1 bytes follow"},
		{"a bare token", outer.Token.FullBytes, timestamp.ErrMalformed, "bare token"},
		{"a page", []byte("<html>"), timestamp.ErrMalformed, ""},
		{"very long", make([]byte, 2<<20), timestamp.ErrMalformed, "more than"},
	} {
		_, err := timestamp.Verify(c.tsr, someDigest(), opts)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
	last := bytes.Clone(tsr)
	last[len(last)-1] ^= 1 // the end of the signature
	if _, err := timestamp.Verify(last, someDigest(), opts); !errors.Is(err, timestamp.ErrBadSignature) {
		t.Errorf("signature changed: %v", err)
	}
	info, err := timestamp.Verify(tsr, sha256.Sum256([]byte("other")), opts)
	if !errors.Is(err, timestamp.ErrOtherData) || info.GenTime.IsZero() {
		t.Errorf("other data: %v, time %s", err, info.GenTime)
	}
	digest := someDigest()
	i := bytes.Index(tsr, digest[:])
	forged := bytes.Clone(tsr)
	other := sha256.Sum256([]byte("other"))
	copy(forged[i:], other[:])
	if _, err := timestamp.Verify(forged, other, opts); !errors.Is(err, timestamp.ErrBadSignature) {
		t.Errorf("digest replaced: %v", err)
	}
}

// TestEveryFlippedBit changes every bit of a response: each is refused or remarked on, and none changes what it says.
func TestEveryFlippedBit(t *testing.T) {
	a := newAuthority(t, timestamp.AuthorityOptions{})
	for name, opts := range map[string]timestamp.Options{"trusted root": {Roots: a.Roots()}, "no roots": {}} {
		t.Run(name, func(t *testing.T) { flipEveryBit(t, stamp(t, a), opts) })
	}
}

func flipEveryBit(t *testing.T, tsr []byte, opts timestamp.Options) {
	t.Helper()
	want, err := timestamp.Verify(tsr, someDigest(), opts)
	if err != nil || len(want.Remarks) > 0 {
		t.Fatalf("%v, remarks %q", err, want.Remarks)
	}
	refused, remarked := 0, 0
	for i := range tsr {
		for bit := range 8 {
			data := bytes.Clone(tsr)
			data[i] ^= 1 << bit
			info, err := timestamp.Verify(data, someDigest(), opts)
			switch {
			case err != nil:
				refused++
			case len(info.Remarks) == 0:
				t.Errorf("byte %d, bit %d is not noticed", i, bit)
			case !info.GenTime.Equal(want.GenTime) || info.Serial.Cmp(want.Serial) != 0 || info.Subject != want.Subject || !info.Local:
				t.Errorf("byte %d, bit %d changed what the time-stamp says", i, bit)
			default:
				remarked++
			}
		}
	}
	t.Logf("%d bits of %d bytes: %d refused, %d remarked on", 8*len(tsr), len(tsr), refused, remarked)
}
