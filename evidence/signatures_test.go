package evidence

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/evidence/signature"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

// newSealCertificate makes a certificate with an authority of its own, and gives the authority's pool.
func newSealCertificate(t testing.TB, notBefore, notAfter time.Time) (*signature.Certificate, *x509.CertPool) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test root"}, NotBefore: notBefore, NotAfter: notAfter,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	rootDER, err := x509.CreateCertificate(rand.Reader, root, root, rootKey.Public(), rootKey)
	must(err)
	root, err = x509.ParseCertificate(rootDER)
	must(err)
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{Organization: []string{"Commune de Test"}, CommonName: "Cachet"},
		NotBefore: notBefore, NotAfter: notAfter, KeyUsage: x509.KeyUsageContentCommitment}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, root, key.Public(), rootKey)
	must(err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	must(err)
	var file bytes.Buffer
	for _, block := range []*pem.Block{{Type: "CERTIFICATE", Bytes: leafDER}, {Type: "CERTIFICATE", Bytes: rootDER}, {Type: "PRIVATE KEY", Bytes: keyDER}} {
		must(pem.Encode(&file, block))
	}
	path := filepath.Join(t.TempDir(), "seal.pem")
	must(os.WriteFile(path, file.Bytes(), 0o600))
	cert, err := signature.LoadCertificate(path, "", nil)
	must(err)
	roots := x509.NewCertPool()
	roots.AddCert(root)
	return cert, roots
}

func newMinisignKey(t testing.TB) *signature.MinisignKey {
	t.Helper()
	key, err := signature.CreateMinisign(filepath.Join(t.TempDir(), "minisign.key"))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// signedTwice is a sealed bundle of one message with all signatures.
func signedTwice(t testing.TB) (dir string, key *signature.MinisignKey, roots *x509.CertPool) {
	t.Helper()
	id := newIdentity(t)
	w := newBundle(t, id, WriterConfig{})
	put(t, w, 1, 100)
	seal(t, w, id)
	key = newMinisignKey(t)
	cert, roots := newSealCertificate(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	if added, err := AddMinisign(w.Dir(), key, time.Now()); err != nil || !added {
		t.Fatalf("minisign: %v, %v", added, err)
	}
	if added, err := AddCMS(w.Dir(), cert, time.Now()); err != nil || !added {
		t.Fatalf("certificate: %v, %v", added, err)
	}
	return w.Dir(), key, roots
}

func additionalFiles() []string {
	return []string{minisignFile, minisignKeyFile, cmsFile, cmsChainFile}
}

func TestSignaturesOfASealedBundle(t *testing.T) {
	dir, key, roots := signedTwice(t)
	v, err := Verify(context.Background(), Dir(dir), VerifyConfig{SealRoots: roots})
	if err != nil {
		t.Fatal(err)
	}
	if !v.Intact() || v.Minisign == nil || v.Certificate == nil {
		t.Fatalf("%v, %v, %v", v.Damage, v.Minisign, v.Certificate)
	}
	if v.Minisign.PublicKey != key.PublicKey() || !strings.Contains(v.Minisign.Comment, testBundle) {
		t.Errorf("minisign: %+v", v.Minisign)
	}
	if c := v.Certificate; !c.Valid || !c.Trusted || c.JudgedBy != "" || !strings.Contains(c.Subject, "Commune de Test") || !strings.Contains(c.Issuer, "Test root") {
		t.Errorf("certificate: %+v", c)
	}
	if c := wantIntact(t, dir).Certificate; !c.Valid || c.Trusted || c.Untrust == "" {
		t.Errorf("without roots it is %+v", c)
	}
	files, err := Files(dir) // what is pushed
	if err != nil {
		t.Fatal(err)
	}
	listed := make(map[string]bool)
	for _, f := range files {
		listed[f.Path] = true
	}
	for _, name := range additionalFiles() {
		if !listed[name] {
			t.Errorf("%s is not among the files to be copied", name)
		}
	}
}

// TestSignaturesOfAnEncryptedBundle are put on and checked without the key that decrypts.
func TestSignaturesOfAnEncryptedBundle(t *testing.T) {
	id := newIdentity(t)
	opening := testOpening(id)
	opening.Recipients = []string{newRecipient(t).Recipient().String()}
	w, err := Create(filepath.Join(t.TempDir(), testBundle), opening, WriterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	put(t, w, 1, 100)
	seal(t, w, id)
	cert, _ := newSealCertificate(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	_, minisignErr := AddMinisign(w.Dir(), newMinisignKey(t), time.Now())
	_, cmsErr := AddCMS(w.Dir(), cert, time.Now())
	if err := errors.Join(minisignErr, cmsErr); err != nil {
		t.Fatal(err)
	}
	if v := wantIntact(t, w.Dir()); v.Minisign == nil || v.Certificate == nil {
		t.Errorf("%+v, %+v", v.Minisign, v.Certificate)
	}
}

// TestNoSignatureIsReplaced signs again: with the same key nothing changes, and another key is refused.
func TestNoSignatureIsReplaced(t *testing.T) {
	dir, key, _ := signedTwice(t)
	before := make(map[string][]byte)
	for _, name := range additionalFiles() {
		before[name], _ = os.ReadFile(filepath.Join(dir, name))
	}
	if added, err := AddMinisign(dir, key, time.Now()); added || err != nil {
		t.Errorf("the same key again: %v, %v", added, err)
	}
	if _, err := AddMinisign(dir, newMinisignKey(t), time.Now()); !errors.Is(err, fs.ErrExist) {
		t.Errorf("another minisign key: %v", err)
	}
	other, _ := newSealCertificate(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	if _, err := AddCMS(dir, other, time.Now()); !errors.Is(err, fs.ErrExist) {
		t.Errorf("another certificate: %v", err)
	}
	for name, data := range before {
		if now, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(now, data) {
			t.Errorf("%s changed: %v", name, err)
		}
	}
}

// TestKilledWhileSigning leaves what a kill can leave, and signs again.
func TestKilledWhileSigning(t *testing.T) {
	dir, key, _ := signedTwice(t)
	path := func(name string) string { return filepath.Join(dir, name) }
	if err := os.Remove(path(minisignFile)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path(minisignFile)+partSuffix, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	v := verify(t, dir)
	if len(v.Damage) == 0 {
		t.Error("a key without its signature goes unnoticed")
	}
	for _, d := range v.Damage {
		if !UnfinishedSignature(d) {
			t.Errorf("%s: %s is not taken for unfinished", d.Kind, d.Name)
		}
	}
	if _, err := AddMinisign(dir, newMinisignKey(t), time.Now()); !errors.Is(err, fs.ErrExist) {
		t.Errorf("another key beside the one that began: %v", err)
	}
	if added, err := AddMinisign(dir, key, time.Now()); !added || err != nil {
		t.Errorf("signing again: %v, %v", added, err)
	}
	// A kill after the signature has its name, before the draft's is gone.
	if err := os.Link(path(minisignFile), path(minisignFile)+partSuffix); err != nil {
		t.Fatal(err)
	}
	if added, err := AddMinisign(dir, key, time.Now()); added || err != nil {
		t.Errorf("signing once more: %v, %v", added, err)
	}
	wantIntact(t, dir)
}

func TestNotSigned(t *testing.T) {
	id, key := newIdentity(t), newMinisignKey(t)
	w := newBundle(t, id, WriterConfig{})
	put(t, w, 1, 100)
	if _, err := AddMinisign(w.Dir(), key, time.Now()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a bundle that is not sealed: %v", err)
	}
	seal(t, w, id)
	expired, _ := newSealCertificate(t, time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour))
	if _, err := AddCMS(w.Dir(), expired, time.Now()); !errors.Is(err, signature.ErrCertificate) {
		t.Errorf("an expired certificate: %v", err)
	}
	manifest := filepath.Join(w.Dir(), tagManifestFile)
	if err := os.Chmod(manifest, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(manifest, []byte("changed\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := AddMinisign(w.Dir(), key, time.Now()); !errors.Is(err, signature.ErrBadSignature) {
		t.Errorf("a changed tag manifest: %v", err)
	}
}

// changedBundle is a bundle with one file changed, or gone where data is nil.
type changedBundle struct {
	Dir
	name string
	data []byte
}

func (b changedBundle) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	if name == b.name {
		return io.NopCloser(bytes.NewReader(b.data)), nil
	}
	return b.Dir.Open(ctx, name)
}

func (b changedBundle) Names(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for name, err := range b.Dir.Names(ctx) {
			if (name != b.name || b.data != nil) && !yield(name, err) {
				return
			}
		}
	}
}

// TestEveryByteOfTheSignatures changes each byte of each of the four files, and takes each file away.
func TestEveryByteOfTheSignatures(t *testing.T) {
	dir, _, _ := signedTwice(t)
	for _, name := range additionalFiles() {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		want := func(kind DamageKind, changed []byte) {
			t.Helper()
			v, err := Verify(context.Background(), changedBundle{Dir(dir), name, changed}, VerifyConfig{})
			if err != nil {
				t.Fatal(err)
			}
			if len(v.Damage) != 1 || v.Damage[0].Kind != kind || !strings.HasPrefix(v.Damage[0].Name, sigDir) {
				t.Fatalf("%s: %v, not %s", name, v.Damage, kind)
			}
			if kind == DamageMissing && v.Damage[0].Name != name {
				t.Fatalf("%s is missing, it says %s", name, v.Damage[0].Name)
			}
		}
		for i := range data {
			changed := bytes.Clone(data)
			changed[i] ^= 1
			want(DamageSignature, changed)
		}
		want(DamageSignature, data[:len(data)/2])
		want(DamageSignature, []byte{})
		want(DamageMissing, nil)
	}
}

// TestSignatureOfAnotherBundle swaps the right signatures of one bundle into another.
func TestSignatureOfAnotherBundle(t *testing.T) {
	one, _, _ := signedTwice(t)
	two, _, _ := signedTwice(t)
	for _, name := range additionalFiles() {
		data, err := os.ReadFile(filepath.Join(one, name))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(two, name)
		if err := errors.Join(os.Remove(path), os.WriteFile(path, data, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	damaged := make(map[string]DamageKind)
	for _, d := range verify(t, two).Damage {
		damaged[d.Name] = d.Kind
	}
	if damaged[minisignFile] != DamageSignature || damaged[cmsFile] != DamageSignature {
		t.Errorf("it says %v", damaged)
	}
}

// TestJudgedAtTheTimestamp judges an expired certificate: as of a time-stamp that is trusted here, and only of such a one.
func TestJudgedAtTheTimestamp(t *testing.T) {
	then := time.Now().Add(-24 * time.Hour).UTC().Truncate(time.Second)
	cert, roots := newSealCertificate(t, then.Add(-time.Hour), then.Add(time.Hour))
	stamp := Timestamp{Name: "sig/a.tsr", Of: tagManifestFile, Time: then, Trusted: true}
	untrusted, local, opening, later := stamp, stamp, stamp, stamp
	untrusted.Trusted, local.Local, opening.Of, later.Time = false, true, openingFile, then.Add(2*time.Hour)
	for name, tt := range map[string]struct {
		stamps []Timestamp
		valid  bool
	}{
		"trusted": {[]Timestamp{later, stamp}, true}, "too late": {[]Timestamp{later}, false}, "untrusted": {[]Timestamp{untrusted}, false},
		"local": {[]Timestamp{local}, false}, "of the opening": {[]Timestamp{opening}, false}, "none": {nil, false},
	} {
		v := &verifier{config: VerifyConfig{SealRoots: roots}}
		v.Timestamps = tt.stamps
		c := v.judge(signature.CertificateSigner{Chain: cert.Chain(), SigningTime: then})
		if c.Valid != tt.valid || c.Trusted != tt.valid || tt.valid && (c.JudgedBy != stamp.Name || !c.At.Equal(then)) {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

// TestScriptChecksTheSignatures runs the bundle's own verify.sh, which knows nothing of this program.
func TestScriptChecksTheSignatures(t *testing.T) {
	for _, tool := range []string{"minisign", "openssl", "ssh-keygen", "unzip"} {
		if _, err := exec.LookPath(tool); err != nil {
			servertest.Missing(t, fmt.Sprintf("%s is not installed: verify.sh cannot check everything", tool))
		}
	}
	dir, _, _ := signedTwice(t)
	script := func(want int, says string, environment ...string) {
		t.Helper()
		cmd := exec.Command("sh", filepath.Join(dir, "verify.sh"))
		cmd.Env = append(os.Environ(), environment...)
		out, err := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != want || !strings.Contains(string(out), says) {
			t.Errorf("verify.sh: %d, not %d with %q: %v\n%s", got, want, says, err, out)
		}
	}
	script(0, "ok      signed with the minisign key RW")
	script(0, "ok      sealed with the certificate of subject=O = Commune de Test, CN = Cachet")
	for name, says := range map[string]string{minisignFile: "FAILED  signed with the minisign key", cmsFile: "FAILED  sealed with the certificate"} {
		path := filepath.Join(dir, name)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, changed := range [][]byte{append(bytes.Clone(data[:len(data)-9]), append([]byte{data[len(data)-9] ^ 1}, data[len(data)-8:]...)...), nil} {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			if changed != nil {
				if err := os.WriteFile(path, changed, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			script(1, says)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// A machine without minisign says so, and fails for nothing.
	tools := t.TempDir()
	for _, tool := range []string{"sh", "dirname", "sha256sum", "find", "awk", "sed", "ssh-keygen", "openssl", "date", "unzip", "cut", "grep", "cat", "sort", "od", "tr", "head", "tail"} {
		if path, err := exec.LookPath(tool); err == nil {
			if err := os.Symlink(path, filepath.Join(tools, tool)); err != nil {
				t.Fatal(err)
			}
		}
	}
	script(0, "minisign is not installed: its signature was not checked", "PATH="+tools)
}
