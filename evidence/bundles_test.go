package evidence

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/evidence/signature"
	"github.com/mbaudit/mbaudit/evidence/timestamp"
)

var update = flag.Bool("update", false, "make testdata/bundles anew")

const bundlesDir = "../testdata/bundles"

// damages lists what testdata/bundles holds: in each folder one bundle with one defect. A forger is one who holds the
// signing key and makes all digests and signatures fit again, but for the one thing that is shown.
func damages() []struct {
	name   string
	kind   DamageKind // empty: intact
	damage func(t *testing.T, f *forger)
} {
	return []struct {
		name   string
		kind   DamageKind
		damage func(t *testing.T, f *forger)
	}{
		{"intact", "", func(*testing.T, *forger) {}},
		{"not-sealed", DamageNotSealed, func(t *testing.T, f *forger) { f.remove(t, tagManifestFile) }},
		{"missing-file", DamageMissing, func(t *testing.T, f *forger) { f.remove(t, segmentPath(2)) }},
		{"missing-signature", DamageMissing, func(t *testing.T, f *forger) { f.remove(t, signatureFile) }},
		{"extra-file", DamageExtra, func(t *testing.T, f *forger) { f.write(t, "data/segments/000003.zip", []byte("PK")) }},
		{"digest-mismatch", DamageDigest, func(t *testing.T, f *forger) { f.replace(t, segmentPath(1), "line 1 of", "line I of") }},
		{"bad-signature", DamageSignature, func(t *testing.T, f *forger) { f.sign(t, newIdentity(t)) }},
		{"timestamp-of-other-data", DamageOtherData, func(t *testing.T, f *forger) {
			f.stampData(t, sha256.Sum256([]byte("other data")))
		}},
		{"bad-timestamp", DamageTimestamp, func(t *testing.T, f *forger) {
			tsr := f.read(t, "sig/tagmanifest-sha256.txt.local.tsr")
			tsr[len(tsr)-10] ^= 1
			f.write(t, "sig/tagmanifest-sha256.txt.local.tsr", tsr)
		}},
		{"malformed-file", DamageMalformed, func(t *testing.T, f *forger) {
			f.replace(t, openingFile, `"v": 1`, `"v": 9`)
			f.rechain(t)
		}},
		{"broken-seal-chain", DamageChain, func(t *testing.T, f *forger) {
			f.replace(t, sealPath(2), `"prev":"`+f.digest(t, sealPath(1)).String(), `"prev":"`+f.digest(t, bagItFile).String())
			f.remanifest(t)
		}},
		{"merkle-mismatch", DamageMerkle, func(t *testing.T, f *forger) {
			f.replace(t, indexPath(1), `"uid":"1"`, `"uid":"9"`)
			f.rechain(t)
		}},
		{"content-mismatch", DamageContent, func(t *testing.T, f *forger) {
			f.replace(t, segmentPath(1), "line 1 of", "line I of")
			f.rechain(t)
		}},
	}
}

// TestBundles holds every damaged bundle of testdata against its kind: the first damage found is of that kind, and no
// other kind is found beside it.
func TestBundles(t *testing.T) {
	if *update {
		makeBundles(t)
	}
	for _, d := range damages() {
		t.Run(d.name, func(t *testing.T) {
			v := verify(t, filepath.Join(bundlesDir, d.name))
			if d.kind == "" && !v.Intact() {
				t.Errorf("damage in the intact bundle: %+v", v.Damage)
			}
			if d.kind != "" && v.Intact() {
				t.Fatalf("no damage was noticed, expected %q", d.kind)
			}
			for _, found := range v.Damage {
				if found.Kind != d.kind {
					t.Errorf("%s: %s: %s, expected %q only", found.Kind, found.Name, found.Detail, d.kind)
				}
			}
		})
	}
}

// makeBundles writes testdata/bundles.
func makeBundles(t *testing.T) {
	for _, d := range damages() {
		dir, err := filepath.Abs(filepath.Join(bundlesDir, d.name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
			t.Fatal(err)
		}
		f := newForger(t, dir)
		d.damage(t, f)
	}
}

// A forger has a small bundle and the keys with which it was made.
type forger struct {
	dir       string
	id        *signature.Identity
	authority *timestamp.Authority
}

func newForger(t testing.TB, dir string) *forger {
	t.Helper()
	f := &forger{dir: dir, id: newIdentity(t)}
	w, err := Create(dir, testOpening(f.id), WriterConfig{SegmentSize: 200})
	if err != nil {
		t.Fatal(err)
	}
	put(t, w, 1, 100)
	put(t, w, 2, 60)
	put(t, w, 3, 10)
	if err := w.Gap(Gap{Account: "alice@example.test", Collector: "imap", Resource: "messages/INBOX", Item: "7/4", Class: GapRefused, Reason: "NO"}); err != nil {
		t.Fatal(err)
	}
	seal(t, w, f.id)
	if f.authority, err = timestamp.NewAuthority(timestamp.AuthorityOptions{}); err != nil {
		t.Fatal(err)
	}
	f.stamp(t)
	return f
}

func (f *forger) path(name string) string { return filepath.Join(f.dir, filepath.FromSlash(name)) }

func (f *forger) read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(f.path(name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func (f *forger) write(t testing.TB, name string, data []byte) {
	t.Helper()
	_ = os.Chmod(f.path(name), 0o600) // sealed files are read-only; one that is not there yet is made
	if err := os.WriteFile(f.path(name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (f *forger) remove(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(f.path(name)); err != nil {
		t.Fatal(err)
	}
}

func (f *forger) replace(t *testing.T, name, from, to string) {
	t.Helper()
	data := f.read(t, name)
	if !bytes.Contains(data, []byte(from)) {
		t.Fatalf("%s does not contain %q", name, from)
	}
	f.write(t, name, bytes.Replace(data, []byte(from), []byte(to), 1))
}

func (f *forger) digest(t testing.TB, name string) Digest {
	t.Helper()
	return sha256.Sum256(f.read(t, name))
}

func (f *forger) sign(t *testing.T, id *signature.Identity) {
	t.Helper()
	armored, err := id.Sign(bytes.NewReader(f.read(t, tagManifestFile)), signature.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	f.write(t, signatureFile, armored)
}

// stamp has the tag manifest timestamped in the place of an earlier timestamp.
func (f *forger) stamp(t testing.TB) {
	t.Helper()
	f.stampData(t, f.digest(t, tagManifestFile))
}

func (f *forger) stampData(t testing.TB, digest Digest) {
	t.Helper()
	tsr := stampWith(t, f.authority, digest)
	info, err := timestamp.Verify(tsr, digest, timestamp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f.write(t, "sig/tagmanifest-sha256.txt.local.tsr", tsr)
	f.write(t, "sig/tagmanifest-sha256.txt.local.pem", chainPEM(info))
}

// rechain makes seals, acquisition.json and manifests fit the files as they are now. The trees stay as they were.
func (f *forger) rechain(t *testing.T) {
	t.Helper()
	prev := f.digest(t, openingFile)
	for n := 1; exists(f.path(sealPath(n))); n++ {
		var seal Seal
		if err := json.Unmarshal(f.read(t, sealPath(n)), &seal); err != nil {
			t.Fatal(err)
		}
		seal.Prev = prev
		seal.Index.SHA256 = f.digest(t, seal.Index.Path)
		if seal.Zip != nil {
			seal.Zip.SHA256 = f.digest(t, seal.Zip.Path)
		}
		doc, err := json.Marshal(seal)
		if err != nil {
			t.Fatal(err)
		}
		f.write(t, sealPath(n), append(doc, '\n'))
		prev = f.digest(t, sealPath(n))
	}
	f.reacquire(t, prev)
	f.remanifest(t)
}

// reacquire makes acquisition.json name the last seal.
func (f *forger) reacquire(t *testing.T, prev Digest) {
	t.Helper()
	var acq Acquisition
	if err := json.Unmarshal(f.read(t, acquisitionFile), &acq); err != nil {
		t.Fatal(err)
	}
	acq.LastSeal = prev
	doc, err := marshalDocument(acq)
	if err != nil {
		t.Fatal(err)
	}
	f.write(t, acquisitionFile, doc)
}

// rechainEncrypted is rechain for an encrypted bundle without timestamps, of which acquisition.json has other fields.
func (f *forger) rechainEncrypted(t *testing.T) {
	t.Helper()
	for name := range f.all(t) {
		if err := os.Chmod(f.path(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var seal Seal
	if err := json.Unmarshal(f.read(t, sealPath(1)), &seal); err != nil {
		t.Fatal(err)
	}
	old := f.digest(t, sealPath(1)).String()
	was := seal.Index.SHA256.String()
	f.replace(t, sealPath(1), was, f.digest(t, seal.Index.Path).String())
	f.replace(t, acquisitionFile, `"last_seal": "`+old, `"last_seal": "`+f.digest(t, sealPath(1)).String())
	f.remanifest(t)
}

// all gives the names of the bundle's files.
func (f *forger) all(t *testing.T) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	for name, err := range Dir(f.dir).Names(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		names[name] = true
	}
	return names
}

// remanifest makes both manifests, the signature and the timestamp fit the files as they are now.
func (f *forger) remanifest(t *testing.T) {
	t.Helper()
	for _, name := range []string{manifestFile, tagManifestFile} {
		lines, err := parseManifest(f.read(t, name))
		if err != nil {
			t.Fatal(err)
		}
		for i := range lines {
			lines[i].digest = f.digest(t, lines[i].name)
		}
		f.write(t, name, formatManifest(lines))
	}
	f.sign(t, f.id)
	if f.authority != nil {
		f.stamp(t)
	}
}

// TestCheckpointIsC2SP compares the checkpoint with the form that the specification gives.
func TestCheckpointIsC2SP(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(bundlesDir, "intact", checkpointFile))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := ReadSealed(filepath.Join(bundlesDir, "intact"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(data), "\n")
	if len(lines) != 6 || lines[0] != "mbaudit/bundle/"+testBundle || lines[1] != "4" ||
		lines[2] != base64.StdEncoding.EncodeToString(sealed.Tree.Root[:]) || lines[3] != "" || !strings.HasPrefix(lines[4], "— mbaudit/bundle/") {
		t.Errorf("%q", data)
	}
}

// TestEveryByteCounts flips one bit of bytes of each file of a bundle that Verify reads: each is noticed. With
// MBAUDIT_TEST_EVERY_BYTE it is every byte of every file (make flip), else every byte of small files and 200 of others.
func TestEveryByteCounts(t *testing.T) {
	files := loadBundle(t, "intact")
	flips := 0
	for name, data := range files {
		if strings.HasSuffix(name, ".pem") || name == signersFile || name == signerKeyFile {
			continue // they help other tools; what they hold is in the signature and the time-stamp too
		}
		step := max(1, len(data)/200) // every byte of small files; the digest covers all bytes alike
		if os.Getenv("MBAUDIT_TEST_EVERY_BYTE") != "" {
			step = 1
		}
		for i := 0; i < len(data); i += step {
			damaged := memorySource{files, name, bytes.Clone(data)}
			damaged.data[i] ^= 0x04
			v, err := Verify(context.Background(), damaged, VerifyConfig{})
			if err != nil {
				t.Fatalf("%s, byte %d: %v", name, i, err)
			}
			remarked := slices.ContainsFunc(v.Timestamps, func(s Timestamp) bool { return len(s.Remarks) > 0 })
			if v.Intact() && !remarked {
				t.Errorf("%s, byte %d: the flipped bit was not noticed", name, i)
			}
			flips++
		}
	}
	t.Logf("%d flipped bits, all noticed", flips)
}
