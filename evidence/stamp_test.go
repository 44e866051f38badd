package evidence

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	digitorus "github.com/digitorus/timestamp"
	"golang.org/x/crypto/ocsp"

	"github.com/mbaudit/mbaudit/evidence/timestamp"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

// A closedTSA is an authority as it was years ago: its certificate has expired since. Its issuer's CRLs and OCSP
// responses of that day come over HTTP.
type closedTSA struct {
	at        time.Time // its clock
	root, tsa *x509.Certificate
	rootKey   *ecdsa.PrivateKey
	key       *ecdsa.PrivateKey
	server    *httptest.Server
}

func newClosedTSA(t *testing.T, at time.Time) *closedTSA {
	t.Helper()
	c := &closedTSA{at: at}
	c.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/root.crl" {
			_, _ = w.Write(c.crl(t, nil))
			return
		}
		query, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if _, err := ocsp.ParseRequest(query); err != nil {
			t.Errorf("not an OCSP query: %v", err)
		}
		_, _ = w.Write(c.ocsp(t, ocsp.Good))
	}))
	t.Cleanup(c.server.Close)
	c.rootKey, c.key = newKey(t), newKey(t)
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "old root"}, NotBefore: at.AddDate(-1, 0, 0),
		NotAfter: at.AddDate(1, 0, 0), BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	c.root = certify(t, root, root, c.rootKey, c.rootKey)
	usage, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	if err != nil {
		t.Fatal(err)
	}
	c.tsa = certify(t, &x509.Certificate{SerialNumber: big.NewInt(0xabcd), Subject: pkix.Name{CommonName: "old authority"},
		NotBefore: at.AddDate(0, -1, 0), NotAfter: at.AddDate(0, 1, 0), KeyUsage: x509.KeyUsageDigitalSignature,
		CRLDistributionPoints: []string{c.server.URL + "/root.crl"}, OCSPServer: []string{c.server.URL + "/ocsp"},
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usage}}}, c.root, c.key, c.rootKey)
	return c
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func certify(t *testing.T, template, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// crl is the issuer's list of that day; with a time, the authority's certificate is on it.
func (c *closedTSA) crl(t *testing.T, revoked *time.Time) []byte {
	t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(7), ThisUpdate: c.at.Add(-time.Hour), NextUpdate: c.at.AddDate(0, 0, 7)}
	if revoked != nil {
		list.RevokedCertificateEntries = []x509.RevocationListEntry{{SerialNumber: c.tsa.SerialNumber, RevocationTime: *revoked, ReasonCode: 4}}
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, c.root, c.rootKey)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func (c *closedTSA) ocsp(t *testing.T, status int) []byte {
	t.Helper()
	der, err := ocsp.CreateResponse(c.root, c.root, ocsp.Response{Status: status, SerialNumber: c.tsa.SerialNumber, ThisUpdate: c.at.Add(-time.Minute),
		NextUpdate: c.at.AddDate(0, 0, 1), RevokedAt: c.at.Add(-time.Minute), RevocationReason: ocsp.KeyCompromise}, c.rootKey)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func (c *closedTSA) stamp(t *testing.T, digest Digest) []byte {
	t.Helper()
	stamp := digitorus.Timestamp{HashAlgorithm: crypto.SHA256, HashedMessage: digest[:], Time: c.at, Policy: asn1.ObjectIdentifier{1, 2, 3},
		Certificates: []*x509.Certificate{c.root}, AddTSACertificate: true}
	tsr, err := stamp.CreateResponseWithOpts(c.tsa, c.key, crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return tsr
}

func (c *closedTSA) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(c.root)
	return pool
}

const oldStamp = "sig/tagmanifest-sha256.txt.old.example"

// oldBundle is a sealed bundle with a time-stamp of six years ago, what its issuer said then, a renewal by a local
// authority, and a second renewal.
func oldBundle(t *testing.T) (dir string, tsa *closedTSA) {
	t.Helper()
	id := newIdentity(t)
	w := newBundle(t, id, WriterConfig{})
	put(t, w, 1, 100)
	seal(t, w, id)
	dir = w.Dir()
	tsa = newClosedTSA(t, time.Now().AddDate(-6, 0, 0).UTC().Truncate(time.Second))
	digest, err := StampDigest(dir, StampSeal)
	if err != nil {
		t.Fatal(err)
	}
	name, err := AddTimestamp(dir, StampSeal, "old.example", tsa.stamp(t, digest), tsa.roots())
	if err != nil || name != oldStamp+".tsr" {
		t.Fatalf("%s, %v", name, err)
	}
	if lacks, err := LacksRevocation(dir); err != nil || !lacks {
		t.Errorf("lacks %v, %v", lacks, err)
	}
	kept, err := KeepRevocation(context.Background(), tsa.server.Client(), dir)
	if err != nil || !slices.Equal(kept, []string{oldStamp + ".1.ocsp", oldStamp + ".crl.pem"}) {
		t.Fatalf("kept %q, %v", kept, err)
	}
	if lacks, err := LacksRevocation(dir); err != nil || lacks {
		t.Errorf("lacks %v, %v", lacks, err)
	}
	for n := 1; n <= 2; n++ {
		renew(t, dir, n)
	}
	return dir, tsa
}

// renew renews a bundle by a new local authority.
func renew(t *testing.T, dir string, n int) Renewal {
	t.Helper()
	local, err := timestamp.NewAuthority(timestamp.AuthorityOptions{})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := PlanRenewal(dir)
	if err != nil || plan.Name != fmt.Sprintf("sig/renewal-%03d.sha256", n) {
		t.Fatalf("%s, %v", plan.Name, err)
	}
	if err := plan.Create(dir); err != nil {
		t.Fatal(err)
	}
	if err := plan.Create(dir); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second time: %v, want fs.ErrExist", err)
	}
	answer, err := local.Stamp(plan.Digest())
	if err != nil {
		t.Fatal(err)
	}
	if name, err := AddTimestamp(dir, plan.Name, "local", answer.TSR, nil); err != nil || name != plan.Name+".local.tsr" {
		t.Fatalf("%s, %v", name, err)
	}
	return plan
}

// TestTimestampYearsLater verifies a bundle after the authority's certificate has expired and after two renewals, here
// and with the tools of the system.
func TestTimestampYearsLater(t *testing.T) {
	dir, tsa := oldBundle(t)
	v, err := Verify(context.Background(), Dir(dir), VerifyConfig{Roots: tsa.roots()})
	if err != nil || !v.Intact() {
		t.Fatalf("%v, %+v", err, v.Damage)
	}
	if len(v.Timestamps) != 3 || !tsa.tsa.NotAfter.Before(time.Now()) {
		t.Fatalf("%+v", v.Timestamps)
	}
	old, last := v.Timestamps[2], v.Timestamps[1]
	if !old.Trusted || !old.Time.Equal(tsa.at) || len(old.Revocation) != 2 || len(old.Remarks) > 0 || !strings.Contains(old.Standing, "eIDAS") {
		t.Errorf("the old one: %+v", old)
	}
	if !last.Local || last.Of != "sig/renewal-002.sha256" || !strings.Contains(last.Standing, "not a third party") {
		t.Errorf("the last one: %+v", last)
	}
	if n, err := CountTimestamps(dir, StampSeal, "old.example"); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := CountTimestamps(dir, StampSeal, "old"); n != 0 || err != nil {
		t.Errorf("the start of its name: %d, %v", n, err)
	}

	// All of it is copied with the bundle, and no draft was left behind.
	files, err := Files(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{oldStamp + ".tsr", oldStamp + ".crl.pem", oldStamp + ".1.ocsp", "sig/renewal-002.sha256", "sig/renewal-002.sha256.local.tsr"} {
		if !slices.ContainsFunc(files, func(f SealedFile) bool { return f.Path == name }) {
			t.Errorf("%s is not among the bundle's files", name)
		}
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(dir), ".*.part")); err != nil || len(left) > 0 {
		t.Errorf("drafts %q, %v", left, err)
	}

	// A disclosed part of the bundle carries all of it along.
	b, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	part := filepath.Join(t.TempDir(), "part")
	if _, err := b.Disclose(part, DisclosureConfig{Numbers: []int64{1}, At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if v := wantIntact(t, part); len(v.Timestamps) != 3 {
		t.Errorf("the disclosed part has %d timestamps", len(v.Timestamps))
	}

	needPrograms(t, "sh", "openssl", "ssh-keygen", "unzip")
	out, err := exec.Command("sh", filepath.Join(dir, "verify.sh")).CombinedOutput()
	if err != nil {
		t.Fatalf("verify.sh: %v\n%s", err, out)
	}
	for _, want := range []string{
		"says tagmanifest-sha256.txt.old.example.tsr\n", "ok      its certificate was not revoked, says tagmanifest-sha256.txt.old.example.crl.pem",
		"ok      what sig/renewal-002.sha256 renews is what it was", "says renewal-001.sha256.local.tsr (local: not a third party)",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("verify.sh does not say %q:\n%s", want, out)
		}
	}
	at := func(args ...string) *exec.Cmd {
		return exec.Command("openssl", append([]string{"ts", "-verify", "-data", filepath.Join(dir, tagManifestFile), "-in",
			filepath.Join(dir, oldStamp+".tsr"), "-CAfile", filepath.Join(dir, oldStamp+".pem")}, args...)...)
	}
	if out, err := at().CombinedOutput(); err == nil || !strings.Contains(string(out), "expired") {
		t.Errorf("as of today: %v\n%s", err, out)
	}
	if out, err := at("-attime", fmt.Sprint(tsa.at.Unix())).CombinedOutput(); err != nil {
		t.Errorf("as of then: %v\n%s", err, out)
	}
	respond := exec.Command("openssl", "ocsp", "-respin", filepath.Join(dir, oldStamp+".1.ocsp"), "-noverify", "-text")
	if out, err := respond.CombinedOutput(); err != nil || !strings.Contains(string(out), "Cert Status: good") {
		t.Errorf("openssl ocsp: %v\n%s", err, out)
	}
}

func needPrograms(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			if strings.Contains(","+os.Getenv("MBAUDIT_TEST_REQUIRE")+",", ",tsa,") {
				t.Fatalf("%s is not installed, and MBAUDIT_TEST_REQUIRE names tsa", name)
			}
			servertest.Missing(t, fmt.Sprintf("%s is not installed", name))
		}
	}
}

func TestDamagedTimestampFiles(t *testing.T) {
	dir, tsa := oldBundle(t)
	files := loadFiles(t, dir)
	asPEM := func(der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}) }
	before, after := tsa.at.Add(-time.Hour), tsa.at.Add(time.Hour)
	other := newClosedTSA(t, tsa.at)
	const renewal = "sig/renewal-001.sha256"
	set := func(name string, data []byte) func(map[string][]byte) {
		return func(files map[string][]byte) { files[name] = data }
	}
	remove := func(name string) func(map[string][]byte) {
		return func(files map[string][]byte) { delete(files, name) }
	}
	// withoutRenewals leaves the old time-stamp alone, so that what is shown is not that a renewal notices it.
	withoutRenewals := func(change func(map[string][]byte)) func(map[string][]byte) {
		return func(files map[string][]byte) {
			for name := range files {
				if strings.HasPrefix(name, "sig/renewal") {
					delete(files, name)
				}
			}
			change(files)
		}
	}
	for _, c := range []struct {
		name   string
		change func(map[string][]byte)
		kind   DamageKind // empty: intact
		where  string
	}{
		{"without renewals", withoutRenewals(func(map[string][]byte) {}), "", ""},
		{"revoked before", withoutRenewals(set(oldStamp+".crl.pem", asPEM(tsa.crl(t, &before)))), DamageTimestamp, oldStamp + ".crl.pem"},
		{"revoked after", withoutRenewals(set(oldStamp+".crl.pem", asPEM(tsa.crl(t, &after)))), "", ""},
		{"revoked by OCSP", withoutRenewals(set(oldStamp+".1.ocsp", tsa.ocsp(t, ocsp.Revoked))), DamageTimestamp, oldStamp + ".1.ocsp"},
		{"another issuer's CRL", withoutRenewals(set(oldStamp+".crl.pem", asPEM(other.crl(t, nil)))), DamageTimestamp, oldStamp + ".crl.pem"},
		{"another issuer's OCSP", withoutRenewals(set(oldStamp+".1.ocsp", other.ocsp(t, ocsp.Good))), DamageTimestamp, oldStamp + ".1.ocsp"},
		{"words in the CRL's file", withoutRenewals(set(oldStamp+".crl.pem", append([]byte("hello\n"), files[oldStamp+".crl.pem"]...))),
			DamageMalformed, oldStamp + ".crl.pem"},
		{"an empty CRL file", withoutRenewals(set(oldStamp+".crl.pem", nil)), DamageMalformed, oldStamp + ".crl.pem"},
		{"a CRL without its time-stamp", withoutRenewals(remove(oldStamp + ".tsr")), DamageMissing, oldStamp + ".tsr"},
		{"OCSP of no certificate", set(oldStamp+".0.ocsp", tsa.ocsp(t, ocsp.Good)), DamageExtra, oldStamp + ".0.ocsp"},
		{"a renewal by another name", set("sig/renewal-3.sha256", files[renewal]), DamageExtra, "sig/renewal-3.sha256"},
		{"a renewed file changed", set(oldStamp+".pem", append(bytes.Clone(files[oldStamp+".pem"]), '\n')), DamageDigest, oldStamp + ".pem"},
		{"a renewed file gone", remove(oldStamp + ".1.ocsp"), DamageDigest, oldStamp + ".1.ocsp"},
		{"a renewal changed", set(renewal, files["sig/renewal-002.sha256"]), DamageOtherData, renewal + ".local.tsr"},
		{"a renewal's time-stamp changed", func(files map[string][]byte) {
			tsr := bytes.Clone(files["sig/renewal-002.sha256.local.tsr"])
			tsr[len(tsr)-5] ^= 1
			files["sig/renewal-002.sha256.local.tsr"] = tsr
		}, DamageTimestamp, "sig/renewal-002.sha256.local.tsr"},
		{"a renewal gone", remove(renewal), DamageMissing, renewal},
		{"the last renewal gone, its time-stamp there", remove("sig/renewal-002.sha256"), DamageMissing, "sig/renewal-002.sha256"},
		{"a renewal of a message", func(files map[string][]byte) {
			files["sig/renewal-003.sha256"] = append(bytes.Clone(files["sig/renewal-001.sha256"][:64]), "  data/index/000001.jsonl\n"...)
		}, DamageMalformed, "sig/renewal-003.sha256"},
		{"a renewal that is no manifest", set("sig/renewal-003.sha256", []byte("hello\n")), DamageMalformed, "sig/renewal-003.sha256"},
	} {
		t.Run(c.name, func(t *testing.T) {
			changed := make(map[string][]byte)
			for name, data := range files {
				changed[name] = data
			}
			c.change(changed)
			v, err := Verify(context.Background(), memorySource{files: changed}, VerifyConfig{})
			if err != nil {
				t.Fatal(err)
			}
			if c.kind == "" {
				if !v.Intact() {
					t.Errorf("%+v", v.Damage)
				}
				return
			}
			if !slices.ContainsFunc(v.Damage, func(d Damage) bool { return d.Kind == c.kind && d.Name == c.where }) {
				t.Errorf("no %q of %s in %+v", c.kind, c.where, v.Damage)
			}
		})
	}

	t.Run("revoked after is remarked on", func(t *testing.T) {
		changed := make(map[string][]byte)
		for name, data := range files {
			changed[name] = data
		}
		withoutRenewals(set(oldStamp+".crl.pem", asPEM(tsa.crl(t, &after))))(changed)
		v, err := Verify(context.Background(), memorySource{files: changed}, VerifyConfig{})
		if err != nil || len(v.Timestamps) != 1 || len(v.Timestamps[0].Remarks) != 1 || !strings.Contains(v.Timestamps[0].Remarks[0], "stays valid") {
			t.Errorf("%v, %+v", err, v.Timestamps)
		}
	})

	t.Run("every byte of a CRL, an OCSP response and a renewal", func(t *testing.T) {
		alone := make(map[string][]byte)
		for name, data := range files {
			alone[name] = data
		}
		withoutRenewals(func(map[string][]byte) {})(alone)
		n := 0
		for name, in := range map[string]map[string][]byte{oldStamp + ".crl.pem": alone, oldStamp + ".1.ocsp": alone, renewal: files} {
			for i := range in[name] {
				damaged := memorySource{in, name, bytes.Clone(in[name])}
				damaged.data[i] ^= 0x04
				v, err := Verify(context.Background(), damaged, VerifyConfig{})
				if err != nil {
					t.Fatal(err)
				}
				if v.Intact() {
					t.Errorf("%s, byte %d: not noticed", name, i)
				}
				n++
			}
		}
		t.Logf("%d flipped bits, all noticed", n)
	})
}

// verify.sh refuses what verify refuses.
func TestVerifyScriptRefusesDamagedTimestamps(t *testing.T) {
	needPrograms(t, "sh", "openssl", "ssh-keygen", "unzip")
	for _, c := range []struct {
		name, want string
		ok         bool
		change     func(t *testing.T, dir string, tsa *closedTSA)
	}{
		{"a renewed file", "FAILED  what sig/renewal-001.sha256 renews", false, func(t *testing.T, dir string, _ *closedTSA) {
			overwrite(t, dir, oldStamp+".1.ocsp", []byte("x"))
		}},
		{"revoked before", "FAILED  its certificate was not revoked", false, func(t *testing.T, dir string, tsa *closedTSA) {
			before := tsa.at.Add(-time.Hour)
			overwrite(t, dir, oldStamp+".crl.pem", pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: tsa.crl(t, &before)}))
			dropRenewals(t, dir)
		}},
		{"revoked after", "note    its certificate was revoked on", true, func(t *testing.T, dir string, tsa *closedTSA) {
			after := tsa.at.Add(time.Hour)
			overwrite(t, dir, oldStamp+".crl.pem", pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: tsa.crl(t, &after)}))
			dropRenewals(t, dir)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, tsa := oldBundle(t)
			c.change(t, dir, tsa)
			out, err := exec.Command("sh", filepath.Join(dir, "verify.sh")).CombinedOutput()
			if (err == nil) != c.ok || !strings.Contains(string(out), c.want) {
				t.Errorf("%v, want %q:\n%s", err, c.want, out)
			}
		})
	}
}

func overwrite(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func dropRenewals(t *testing.T, dir string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "sig", "renewal-*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%q, %v", names, err)
	}
	for _, name := range names {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

// A second answer of an authority stays beside the first, and an unreachable issuer leaves the time-stamp as it is.
func TestAddTimestampTwice(t *testing.T) {
	id := newIdentity(t)
	w := newBundle(t, id, WriterConfig{})
	put(t, w, 1, 100)
	seal(t, w, id)
	tsa := newClosedTSA(t, time.Now().UTC().Truncate(time.Second))
	digest, err := StampDigest(w.Dir(), StampSeal)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{oldStamp + ".tsr", oldStamp + "-2.tsr"} {
		if name, err := AddTimestamp(w.Dir(), StampSeal, "old.example", tsa.stamp(t, digest), nil); err != nil || name != want {
			t.Errorf("%s, %v", name, err)
		}
	}
	if _, err := AddTimestamp(w.Dir(), StampSeal, "old.example", tsa.stamp(t, Digest{1}), nil); !errors.Is(err, timestamp.ErrOtherData) {
		t.Errorf("a time-stamp of other data: %v", err)
	}
	if n, err := CountTimestamps(w.Dir(), StampSeal, "old.example"); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	tsa.server.Close()
	kept, err := KeepRevocation(context.Background(), http.DefaultClient, w.Dir())
	if len(kept) > 0 || err == nil || !strings.Contains(err.Error(), tsa.server.URL) {
		t.Errorf("kept %q, %v", kept, err)
	}
	wantIntact(t, w.Dir())
}
