package signature_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/evidence/signature"
	"github.com/mbaudit/mbaudit/internal/secret"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

// openssl runs openssl in dir; want is whether it succeeds.
func openssl(t testing.TB, dir string, want bool, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		servertest.Missing(t, "openssl is not installed: no certificates, and no second implementation to test against")
	}
	cmd := exec.Command("openssl", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if (err == nil) != want {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// certify makes, with openssl, a root, an intermediate authority and a certificate of the given kind of key below it:
// root.pem, chain.pem (certificate and intermediate), key.pem, seal.p12 (passphrase "correct horse").
func certify(t testing.TB, newKey ...string) string {
	t.Helper()
	dir := t.TempDir()
	conf := `[req]
distinguished_name=dn
[dn]
[ca]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
[seal]
basicConstraints=critical,CA:FALSE
keyUsage=critical,nonRepudiation
[tls]
keyUsage=critical,keyEncipherment
`
	if err := os.WriteFile(filepath.Join(dir, "c.cnf"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	ec := []string{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"}
	request := func(name, subject string, key []string) {
		openssl(t, dir, true, append([]string{"req", "-new", "-nodes", "-config", "c.cnf", "-subj", subject, "-keyout", name + ".key", "-out", name + ".csr"}, key...)...)
	}
	openssl(t, dir, true, append([]string{"req", "-x509", "-nodes", "-config", "c.cnf", "-extensions", "ca", "-days", "3650", "-subj", "/C=FR/O=Test/CN=Root",
		"-keyout", "root.key", "-out", "root.pem"}, ec...)...)
	issue := func(name, by, extensions string) {
		openssl(t, dir, true, "x509", "-req", "-in", name+".csr", "-CA", by+".pem", "-CAkey", by+".key", "-CAcreateserial", "-days", "400",
			"-extfile", "c.cnf", "-extensions", extensions, "-out", name+".pem")
	}
	request("sub", "/C=FR/O=Test/CN=Seals", ec)
	issue("sub", "root", "ca")
	request("leaf", "/C=FR/O=Commune de Test/CN=Cachet", newKey)
	issue("leaf", "sub", "seal")
	var chain []byte
	for _, name := range []string{"leaf.pem", "sub.pem"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		chain = append(chain, data...)
	}
	if err := os.WriteFile(filepath.Join(dir, "chain.pem"), chain, 0o644); err != nil {
		t.Fatal(err)
	}
	openssl(t, dir, true, "pkcs12", "-export", "-in", "leaf.pem", "-inkey", "leaf.key", "-certfile", "sub.pem", "-passout", "pass:correct horse", "-out", "seal.p12")
	for _, name := range []string{"leaf.key", "seal.p12"} {
		if err := os.Chmod(filepath.Join(dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func horse() (secret.String, error) { return secret.New("correct horse"), nil }

func rsaKey() []string { return []string{"-newkey", "rsa:2048"} }
func ecKey(curve string) []string {
	return []string{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:" + curve}
}

func pool(t testing.TB, path string) *x509.CertPool {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(data) {
		t.Fatalf("no certificate in %s", path)
	}
	return roots
}

func TestOpenSSLVerifiesOurs(t *testing.T) {
	for name, newKey := range map[string][]string{"RSA": rsaKey(), "P-256": ecKey("P-256"), "P-384": ecKey("P-384")} {
		t.Run(name, func(t *testing.T) {
			dir := certify(t, newKey...)
			at := time.Now()
			for form, files := range map[string][2]string{"PKCS #12": {"seal.p12"}, "PEM": {"chain.pem", "leaf.key"}} {
				keyFile := files[1]
				if keyFile != "" {
					keyFile = filepath.Join(dir, keyFile)
				}
				cert, err := signature.LoadCertificate(filepath.Join(dir, files[0]), keyFile, horse)
				if err != nil {
					t.Fatalf("%s: %v", form, err)
				}
				der, err := cert.Sign(message, at)
				if err != nil {
					t.Fatal(err)
				}
				verify := func(want bool, content, p7s []byte, ca string, more ...string) string {
					t.Helper()
					return openssl(t, dir, want, append([]string{"cms", "-verify", "-binary", "-inform", "DER", "-in", write(t, "s.p7s", p7s),
						"-content", write(t, "m", content), "-CAfile", ca, "-purpose", "any", "-out", os.DevNull}, more...)...)
				}
				verify(true, message, der, "root.pem")
				verify(true, message, der, "root.pem", "-cades") // the signing certificate is itself signed
				verify(true, message, der, write(t, "chain.pem", signature.ChainPEM(cert.Chain())), "-partial_chain", "-no_check_time")
				verify(false, append(bytes.Clone(message), 'x'), der, "root.pem")
				verify(false, message, flip(der, len(der)-1), "root.pem")

				signer, err := signature.VerifyCMS(message, der)
				if err != nil {
					t.Fatal(err)
				}
				if len(signer.Chain) != 2 || signer.Chain[0].Subject.CommonName != "Cachet" || !signer.SigningTime.Equal(at.Truncate(time.Second)) {
					t.Errorf("%s at %s", signer.Chain[0].Subject, signer.SigningTime)
				}
				if said := openssl(t, dir, true, "x509", "-in", "leaf.pem", "-noout", "-fingerprint", "-sha256"); !strings.Contains(said, signature.CertificateFingerprint(signer.Chain[0])) {
					t.Errorf("openssl's fingerprint is %s", said)
				}
				roots := pool(t, filepath.Join(dir, "root.pem"))
				if err := signer.Trusted(roots, at); err != nil {
					t.Error(err)
				}
				var unknown x509.UnknownAuthorityError
				if err := signer.Trusted(nil, at); !errors.As(err, &unknown) {
					t.Errorf("without roots: %v", err)
				}
				var invalid x509.CertificateInvalidError
				if err := signer.Trusted(roots, at.AddDate(2, 0, 0)); !errors.As(err, &invalid) || invalid.Reason != x509.Expired {
					t.Errorf("two years later: %v", err)
				}
				if _, err := cert.Sign(message, at.AddDate(2, 0, 0)); !errors.Is(err, signature.ErrCertificate) {
					t.Errorf("signing with an expired certificate: %v", err)
				}
			}
		})
	}
}

// TestCMSEveryByte changes, removes and cuts at each byte of the signature. The caller holds the certificates against a
// file of their own, as here: the part of an authority's certificate that nobody signed could be changed otherwise.
func TestCMSEveryByte(t *testing.T) {
	dir := certify(t, ecKey("P-256")...)
	cert, err := signature.LoadCertificate(filepath.Join(dir, "seal.p12"), "", horse)
	if err != nil {
		t.Fatal(err)
	}
	der, err := cert.Sign(message, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	chain := signature.ChainPEM(cert.Chain())
	for i := range der {
		for _, changed := range [][]byte{flip(der, i), der[:i], append(bytes.Clone(der[:i]), der[i+1:]...), append(bytes.Clone(der), der[i])} {
			signer, err := signature.VerifyCMS(message, changed)
			if bytes.Equal(changed, der) || err == nil && !bytes.Equal(signature.ChainPEM(signer.Chain), chain) {
				continue
			}
			if !errors.Is(err, signature.ErrNotCMS) && !errors.Is(err, signature.ErrBadSignature) {
				t.Fatalf("byte %d: %v", i, err)
			}
		}
	}
	if _, err := signature.VerifyCMS(append(bytes.Clone(message), 'x'), der); !errors.Is(err, signature.ErrBadSignature) {
		t.Errorf("other data: %v", err)
	}
}

func TestCertificateRefusals(t *testing.T) {
	dir := certify(t, ecKey("P-256")...)
	path := func(name string) string {
		if name == "" {
			return ""
		}
		return filepath.Join(dir, name)
	}
	wrong := func() (secret.String, error) { return secret.New("wrong one"), nil }
	openssl(t, dir, true, append([]string{"req", "-x509", "-nodes", "-config", "c.cnf", "-subj", "/CN=Short", "-keyout", "short.key", "-out", "short.pem"}, "-newkey", "rsa:1024")...)
	openssl(t, dir, true, append([]string{"req", "-x509", "-nodes", "-config", "c.cnf", "-subj", "/CN=Ed", "-keyout", "ed.key", "-out", "ed.pem"}, "-newkey", "ed25519")...)
	openssl(t, dir, true, append([]string{"req", "-x509", "-nodes", "-config", "c.cnf", "-extensions", "tls", "-subj", "/CN=TLS", "-keyout", "tls.key", "-out", "tls.pem"}, rsaKey()...)...)
	openssl(t, dir, true, "pkcs8", "-topk8", "-in", "leaf.key", "-passout", "pass:correct horse", "-out", "encrypted.key")
	for _, name := range []string{"short.key", "ed.key", "tls.key", "encrypted.key"} {
		if err := os.Chmod(path(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		what, cert, key string
		phrase          func() (secret.String, error)
		kind            error
	}{
		{"a wrong passphrase", "seal.p12", "", wrong, signature.ErrPassphrase},
		{"no passphrase", "seal.p12", "", nil, signature.ErrPassphrase},
		{"a key beside PKCS #12", "seal.p12", "leaf.key", horse, signature.ErrCertificate},
		{"another's key", "chain.pem", "root.key", nil, signature.ErrCertificate},
		{"an encrypted PEM key", "chain.pem", "encrypted.key", horse, signature.ErrCertificate},
		{"a short key", "short.pem", "short.key", nil, signature.ErrCertificate},
		{"an Ed25519 key", "ed.pem", "ed.key", nil, signature.ErrCertificate},
		{"a certificate for encryption", "tls.pem", "tls.key", nil, signature.ErrCertificate},
		{"a configuration file", "c.cnf", "", horse, signature.ErrCertificate},
		{"no file", "none.pem", "", nil, os.ErrNotExist},
	} {
		_, err := signature.LoadCertificate(path(tt.cert), path(tt.key), tt.phrase)
		if !errors.Is(err, tt.kind) || strings.Contains(err.Error(), "wrong one") || strings.Contains(err.Error(), "correct horse") {
			t.Errorf("%s: %v, not %v", tt.what, err, tt.kind)
		}
	}
	for _, tt := range [][3]string{{"seal.p12", "", "seal.p12"}, {"chain.pem", "leaf.key", "leaf.key"}} {
		if err := os.Chmod(path(tt[2]), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := signature.LoadCertificate(path(tt[0]), path(tt[1]), horse); !errors.Is(err, signature.ErrOpenToOthers) {
			t.Errorf("%s that others can read: %v", tt[2], err)
		}
	}
}

// FuzzVerifyCMS looks for panics, and for another signature that passes for the real one's.
func FuzzVerifyCMS(f *testing.F) {
	dir := certify(f, ecKey("P-256")...)
	cert, err := signature.LoadCertificate(filepath.Join(dir, "seal.p12"), "", horse)
	if err != nil {
		f.Fatal(err)
	}
	der, err := cert.Sign(message, time.Now())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der, message)
	f.Add(der, []byte("other"))
	f.Fuzz(func(t *testing.T, der, text []byte) {
		signer, err := signature.VerifyCMS(text, der)
		if err == nil && signer.Chain[0].Equal(cert.Chain()[0]) && !bytes.Equal(text, message) {
			t.Errorf("a signature on %q passes", text)
		}
	})
}

// FuzzVerifyMinisign looks for panics, and for another signature that passes for the real one's.
func FuzzVerifyMinisign(f *testing.F) {
	key, _ := createMinisign(f)
	sig, err := key.Sign(message, "comment")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sig, message, key.PublicFile())
	f.Fuzz(func(t *testing.T, sig, text, public []byte) {
		signer, err := signature.VerifyMinisign(text, sig, public)
		if err == nil && signer.PublicKey == key.PublicKey() && !bytes.Equal(text, message) {
			t.Errorf("a signature on %q passes", text)
		}
	})
}

func TestChainPEM(t *testing.T) {
	dir := certify(t, ecKey("P-256")...)
	want, err := os.ReadFile(filepath.Join(dir, "chain.pem"))
	if err != nil {
		t.Fatal(err)
	}
	cert, err := signature.LoadCertificate(filepath.Join(dir, "chain.pem"), filepath.Join(dir, "leaf.key"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := signature.ChainPEM(cert.Chain()); !bytes.Equal(got, want) {
		t.Errorf("it is\n%s\nnot\n%s", got, want)
	}
	if block, _ := pem.Decode(want); block == nil {
		t.Error("openssl's file has no certificate")
	}
}
