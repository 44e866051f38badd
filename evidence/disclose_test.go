package evidence

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"github.com/mbaudit/mbaudit/internal/servertest"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// discloseFrom makes a small bundle of six records and discloses some of them.
func discloseFrom(t *testing.T, change func(*DisclosureConfig), numbers ...int64) (f *forger, dir string, disclosed *Disclosed) {
	t.Helper()
	f = newForger(t, filepath.Join(t.TempDir(), testBundle)) // P-000001 to P-000003 in two segments, G-000004
	dir = filepath.Join(t.TempDir(), "disclosed")
	return f, dir, disclose(t, f.dir, dir, change, numbers...)
}

func disclose(t *testing.T, bundle, dir string, change func(*DisclosureConfig), numbers ...int64) *Disclosed {
	t.Helper()
	b, err := Open(bundle)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	config := DisclosureConfig{Numbers: numbers, By: Person{Name: "Operator"}, To: "the insurer", Reason: "claim 7", Rule: []string{"--exhibit"},
		At: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC), PersonalLeftOut: 2}
	if change != nil {
		change(&config)
	}
	disclosed, err := b.Disclose(dir, config)
	if err != nil {
		t.Fatal(err)
	}
	return disclosed
}

// proofScriptAccepts runs the disclosure's verify-proof.sh on a record.
func proofScriptAccepts(t *testing.T, dir, id string) bool {
	t.Helper()
	for _, tool := range []string{"sh", "sha256sum", "xxd", "base64", "awk"} {
		if _, err := exec.LookPath(tool); err != nil {
			servertest.Missing(t, fmt.Sprintf("verify-proof.sh was not run: %v", err))
		}
	}
	out, err := exec.Command("sh", filepath.Join(dir, proofScriptFile), id).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) {
		t.Fatalf("verify-proof.sh: %v\n%s", err, out)
	}
	t.Logf("%s", bytes.TrimSpace(out))
	return err == nil
}

// TestDisclose discloses two exhibits and a gap, and verifies them without the bundle, by Verify and by the script.
func TestDisclose(t *testing.T) {
	f, dir, disclosed := discloseFrom(t, nil, 3, 1, 4)
	v := wantIntact(t, dir)
	if v.Signer != f.id.Fingerprint() || v.TagManifest != f.digest(t, tagManifestFile) || len(v.Timestamps) != 1 || v.Disclosure == nil {
		t.Errorf("%+v", v)
	}
	if got := strings.Join(v.Disclosure.Records, " "); got != "P-000001 P-000003 G-000004" || v.Disclosure.LeftOut != 1 || v.Disclosure.PersonalLeftOut != 2 {
		t.Errorf("%+v", v.Disclosure)
	}
	if disclosed.Bag == v.TagManifest || disclosed.Bytes != 110 {
		t.Errorf("%+v", disclosed)
	}
	for _, id := range v.Disclosure.Records {
		if !proofScriptAccepts(t, dir, id) {
			t.Errorf("verify-proof.sh refuses %s", id)
		}
	}
	if proofScriptAccepts(t, dir, "P-000002") {
		t.Error("verify-proof.sh accepts what is not there")
	}
	if out, err := exec.Command("sh", filepath.Join(dir, "verify.sh"), f.id.Fingerprint()).CombinedOutput(); err != nil {
		t.Errorf("verify.sh: %v\n%s", err, out)
	}
	if out, err := exec.Command("sh", filepath.Join(dir, "verify.sh"), "SHA256:other").CombinedOutput(); err == nil {
		t.Errorf("verify.sh accepts another key\n%s", out)
	}
	if other, err := Verify(context.Background(), Dir(dir), VerifyConfig{Signer: "SHA256:other"}); err != nil || len(other.Damage) == 0 || other.Damage[0].Kind != DamageSignature {
		t.Errorf("another signer is expected: %+v, %v", other.Damage, err)
	}
	// The lines are the bundle's own, byte for byte.
	lines := bytes.SplitAfter(append(f.read(t, indexPath(1)), f.read(t, indexPath(2))...), []byte("\n"))
	got, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(disclosedIndex)))
	if err != nil || !bytes.Equal(got, bytes.Join([][]byte{lines[0], lines[2], lines[3]}, nil)) {
		t.Errorf("%s, %v", got, err)
	}
}

// TestDiscloseTellsNothingElse looks in every byte of a disclosure for what belongs to records that it leaves out: names,
// items, salts, digests, and the digests of files that hold them without a salt.
func TestDiscloseTellsNothingElse(t *testing.T) {
	f, dir, _ := discloseFrom(t, nil, 2)
	var all bytes.Buffer
	for name, err := range Dir(dir).Names(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(name + "\n")
		all.Write(data)
	}
	secrets := []string{"000000001.eml", "000000003.eml", `"7/1"`, `"7/3"`, `"7/4"`, "line 1 of", "2026-0042", f.digest(t, segmentPath(1)).String(),
		f.digest(t, coverageFile).String(), f.digest(t, exceptionsFile).String()}
	b, err := Open(f.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	b.lines(func(r Record, text []byte, err error) bool {
		if err != nil {
			t.Error(err)
			return false
		}
		if r.N != 2 {
			_, salt, _ := strings.Cut(string(text), `"salt":"`)
			secrets = append(secrets, salt[:32])
			if r.Exhibit != nil {
				secrets = append(secrets, r.Exhibit.SHA256.String())
			}
		}
		return true
	})
	for _, secret := range secrets {
		if bytes.Contains(all.Bytes(), []byte(secret)) {
			t.Errorf("the disclosure of P-000002 holds %q", secret)
		}
	}
	wantIntact(t, dir)
}

// TestDiscloseWith adds the opening and the manifest, where the recipient is to have them.
func TestDiscloseWith(t *testing.T) {
	_, dir, _ := discloseFrom(t, func(c *DisclosureConfig) { c.WithOpening, c.WithManifest = true, true }, 4)
	wantIntact(t, dir)
	for _, name := range []string{openingFile, manifestFile} {
		if !exists(filepath.Join(dir, originalDir, name)) {
			t.Errorf("%s is missing", name)
		}
	}
	if !proofScriptAccepts(t, dir, "G-000004") {
		t.Error("verify-proof.sh refuses a gap")
	}
}

// TestDiscloseOnlyRecord discloses the one record of a tree of one: the proof is empty.
func TestDiscloseOnlyRecord(t *testing.T) {
	id := newIdentity(t)
	w := newBundle(t, id, WriterConfig{})
	put(t, w, 1, 0) // and an empty body
	seal(t, w, id)
	dir := filepath.Join(t.TempDir(), "disclosed")
	disclose(t, w.Dir(), dir, nil, 1)
	wantIntact(t, dir)
	if !proofScriptAccepts(t, dir, "P-000001") {
		t.Error("verify-proof.sh refuses it")
	}
}

// TestDiscloseSameNames keeps exhibits of one name, from two segments, in two segments.
func TestDiscloseSameNames(t *testing.T) {
	id := newIdentity(t)
	w := newBundle(t, id, WriterConfig{SegmentSize: 100})
	for n := range 2 {
		ex, body := message(n+1, 150)
		ex.Name = "alice@example.test/same.eml"
		if _, err := w.Put(ex, bytes.NewReader(body)); err != nil {
			t.Fatal(err)
		}
	}
	seal(t, w, id)
	dir := filepath.Join(t.TempDir(), "disclosed")
	disclose(t, w.Dir(), dir, nil, 1, 2)
	wantIntact(t, dir)
	if !exists(filepath.Join(dir, filepath.FromSlash(segmentPath(2)))) || !proofScriptAccepts(t, dir, "P-000002") {
		t.Error("the second one is not in a segment of its own")
	}
}

// TestDiscloseProofSizes runs the script on trees of several sizes, at their edges.
func TestDiscloseProofSizes(t *testing.T) {
	for _, size := range []int64{2, 3, 5, 8, 13, 33} {
		id := newIdentity(t)
		w := newBundle(t, id, WriterConfig{})
		for n := range size {
			put(t, w, int(n)+1, 30)
		}
		seal(t, w, id)
		numbers := []int64{1, (size + 1) / 2, size - 1, size}
		dir := filepath.Join(t.TempDir(), "disclosed")
		d := disclose(t, w.Dir(), dir, nil, numbers...)
		wantIntact(t, dir)
		for _, record := range d.Records {
			if !proofScriptAccepts(t, dir, record) {
				t.Errorf("of %d records, verify-proof.sh refuses %s", size, record)
			}
		}
	}
}

func TestDiscloseRefuses(t *testing.T) {
	f := newForger(t, filepath.Join(t.TempDir(), testBundle))
	b, err := Open(f.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	out := t.TempDir()
	if _, err := b.Disclose(out, DisclosureConfig{Numbers: []int64{1}}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a folder that is there: %v", err)
	}
	for _, numbers := range [][]int64{nil, {0}, {5}} {
		dir := filepath.Join(out, "no")
		if _, err := b.Disclose(dir, DisclosureConfig{Numbers: numbers}); err == nil || exists(dir) || exists(dir+partSuffix) {
			t.Errorf("%v: %v", numbers, err)
		}
	}
	for name, change := range map[string]func(){
		"a changed body": func() { f.replace(t, segmentPath(1), "line 1 of", "line I of") },
		"a changed line": func() { f.replace(t, indexPath(2), "INBOX", "XNBOX") },
	} {
		for _, path := range []string{segmentPath(1), indexPath(2)} {
			if err := os.Chmod(f.path(path), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		change()
		dir := filepath.Join(out, "no")
		if _, err := b.Disclose(dir, DisclosureConfig{Numbers: []int64{1}}); err == nil || !strings.Contains(err.Error(), "mbaudit verify") || exists(dir) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// refit makes a disclosure's own manifests fit its files, as one who wants to deceive would.
func refit(t *testing.T, f *forger) {
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
}

// TestDisclosureDamage changes a disclosure in many ways. The first damage found is of the kind that is named, also
// where the bag's own manifests were made to fit; and verify-proof.sh refuses what concerns the record.
func TestDisclosureDamage(t *testing.T) {
	other := newForger(t, filepath.Join(t.TempDir(), testBundle))
	stranger := new(forger)
	proof := proofsDir + "/P-000001" + proofSuffix
	for _, c := range []struct {
		name   string
		kind   DamageKind
		fitted DamageKind // when the bag's own manifests fit again
		script bool       // verify-proof.sh P-000001 still accepts, since it is not about that record
		damage func(f *forger)
	}{
		{"changed line", DamageDigest, DamageMerkle, false, func(f *forger) { f.replace(t, disclosedIndex, "INBOX", "XNBOX") }},
		{"salt too long", DamageDigest, DamageMalformed, false, func(f *forger) { f.replace(t, disclosedIndex, `"salt":"`, `"salt":"0`) }},
		{"changed body", DamageDigest, DamageContent, false, func(f *forger) { f.replace(t, segmentPath(1), "line 1 of", "line I of") }},
		{"changed header of a body", DamageDigest, DamageContent, true, func(f *forger) { f.replace(t, segmentPath(1), "PK\x03\x04", "PK\x03\x05") }},
		{"changed proof", DamageDigest, DamageMerkle, false, func(f *forger) { changeProof(t, f, proof) }},
		{"proof of another record", DamageDigest, DamageMerkle, false, func(f *forger) { f.write(t, proof, f.read(t, proofsDir+"/P-000003"+proofSuffix)) }},
		{"proof that is none", DamageDigest, DamageMalformed, false, func(f *forger) { f.write(t, proof, []byte("c2sp.org/tlog-proof@v1\nindex 00\n\n")) }},
		{"proof too long", DamageDigest, DamageMerkle, false, func(f *forger) { f.replace(t, proof, "\n\n", "\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n") }},
		{"another bundle's checkpoint", DamageDigest, DamageDigest, false, func(f *forger) { f.write(t, originalDir+"/checkpoint", stranger.read(t, originalDir+"/checkpoint")) }},
		{"another bundle's checkpoint, in the proof too", DamageDigest, DamageDigest, false, func(f *forger) {
			f.write(t, originalDir+"/checkpoint", stranger.read(t, originalDir+"/checkpoint"))
			f.write(t, proof, stranger.read(t, proof))
		}},
		{"a tag manifest made to fit another checkpoint", DamageDigest, DamageContent, false, func(f *forger) {
			f.write(t, originalDir+"/checkpoint", stranger.read(t, originalDir+"/checkpoint"))
			f.write(t, originalDir+"/"+tagManifestFile, stranger.read(t, originalDir+"/"+tagManifestFile))
		}},
		{"tag manifest of the bundle changed", DamageDigest, DamageContent, true, func(f *forger) {
			f.replace(t, originalDir+"/"+tagManifestFile, "  verify.sh", "  verify.sx")
		}},
		{"signature by another key", DamageDigest, DamageSignature, true, func(f *forger) {
			f.write(t, originalDir+"/"+signatureFile, stranger.read(t, originalDir+"/"+signatureFile))
		}},
		{"signature removed", DamageMissing, DamageMissing, true, func(f *forger) { f.remove(t, originalDir+"/"+signatureFile) }},
		{"file added", DamageExtra, DamageExtra, true, func(f *forger) { f.write(t, "data/segments/000009.zip", []byte("PK")) }},
		{"a bundle's file added", DamageExtra, DamageExtra, true, func(f *forger) { f.write(t, openingFile, []byte("{}")) }},
		{"proof removed", DamageMissing, DamageMissing, false, func(f *forger) { f.remove(t, proof) }},
		{"line removed", DamageDigest, DamageContent, false, func(f *forger) {
			_, rest, _ := bytes.Cut(f.read(t, disclosedIndex), []byte("\n"))
			f.write(t, disclosedIndex, rest)
		}},
		{"line doubled", DamageDigest, DamageContent, false, func(f *forger) {
			line, _, _ := bytes.Cut(f.read(t, disclosedIndex), []byte("\n"))
			f.write(t, disclosedIndex, append(append(line, '\n'), f.read(t, disclosedIndex)...))
		}},
		{"line that is none", DamageDigest, DamageMalformed, false, func(f *forger) { f.replace(t, disclosedIndex, `{"v":1`, `{"v":7`) }},
		{"fewer left out", DamageDigest, DamageContent, true, func(f *forger) { f.replace(t, disclosureFile, `"left_out": 1`, `"left_out": 0`) }},
		{"another bundle named", DamageDigest, DamageContent, true, func(f *forger) { f.replace(t, disclosureFile, testBundle, strings.Repeat("0", 26)) }},
		{"row of another place", DamageDigest, DamageContent, false, func(f *forger) { f.replace(t, bodiesFile, "zip\t", "zip\t1") }},
		{"row added", DamageDigest, DamageContent, true, func(f *forger) { f.write(t, bodiesFile, append(f.read(t, bodiesFile), "x\n"...)) }},
		{"disclosure of another version", DamageDigest, DamageMalformed, true, func(f *forger) { f.replace(t, disclosureFile, `"v": 1`, `"v": 9`) }},
		{"not finished", DamageNotSealed, DamageNotSealed, true, func(f *forger) { f.remove(t, tagManifestFile) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, fitted := range []bool{false, true} {
				dir := filepath.Join(t.TempDir(), "disclosed")
				disclose(t, other.dir, dir, nil, 1, 3, 4)
				f := &forger{dir: dir, id: other.id}
				makeWritable(t, dir)
				makeStranger(t, stranger)
				c.damage(f)
				want := c.kind
				if fitted {
					want = c.fitted
					if exists(f.path(tagManifestFile)) && c.kind == DamageDigest {
						refit(t, f)
					}
				}
				v := verify(t, dir)
				if len(v.Damage) == 0 || v.Damage[0].Kind != want {
					t.Errorf("fitted %v: %+v, want %q first", fitted, v.Damage, want)
				}
				if got := proofScriptAccepts(t, dir, "P-000001"); got != c.script {
					t.Errorf("fitted %v: verify-proof.sh accepts: %v", fitted, got)
				}
			}
		})
	}
}

// makeStranger fills a forger's folder with a disclosure of a bundle of another key.
func makeStranger(t *testing.T, f *forger) {
	t.Helper()
	_, dir, _ := discloseFrom(t, nil, 1)
	f.dir = dir
}

func makeWritable(t *testing.T, dir string) {
	t.Helper()
	for name, err := range Dir(dir).Names(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(dir, filepath.FromSlash(name)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// changeProof flips one bit of the first hash of a proof.
func changeProof(t *testing.T, f *forger, name string) {
	t.Helper()
	data := f.read(t, name)
	at := bytes.Index(data, []byte("index 0\n")) + len("index 0\n")
	if data[at] == 'A' {
		data[at] = 'B'
	} else {
		data[at] = 'A'
	}
	f.write(t, name, data)
}

// TestEveryByteOfADisclosureCounts flips one bit of each byte of each file of a disclosure: each is noticed.
func TestEveryByteOfADisclosureCounts(t *testing.T) {
	_, dir, _ := discloseFrom(t, func(c *DisclosureConfig) { c.WithOpening = true }, 1, 4)
	files := loadFiles(t, dir)
	flips := 0
	for name, data := range files {
		for i := 0; i < len(data); i += max(1, len(data)/60) {
			damaged := memorySource{files, name, bytes.Clone(data)}
			damaged.data[i] ^= 0x04
			v, err := Verify(context.Background(), damaged, VerifyConfig{})
			if err != nil {
				t.Fatalf("%s, byte %d: %v", name, i, err)
			}
			if v.Intact() {
				t.Errorf("%s, byte %d: the flipped bit was not noticed", name, i)
			}
			flips++
		}
	}
	t.Logf("%d flipped bits, all noticed", flips)
}

// TestDiscloseFromEncrypted discloses one exhibit of an encrypted bundle: its receiver needs no key, and all that is
// there of the others stays encrypted.
func TestDiscloseFromEncrypted(t *testing.T) {
	key, id := newRecipient(t), newIdentity(t)
	opening := testOpening(id)
	opening.Recipients = []string{key.Recipient().String()}
	w, err := Create(filepath.Join(t.TempDir(), testBundle), opening, WriterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	put(t, w, 1, 100)
	put(t, w, 2, 200)
	seal(t, w, id)
	b, err := Open(w.Dir(), key)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	dir := filepath.Join(t.TempDir(), "disclosed")
	if _, err := b.Disclose(dir, DisclosureConfig{Numbers: []int64{2}, To: "x", Reason: "y", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if v := wantIntact(t, dir); v.Signer != id.Fingerprint() {
		t.Errorf("%+v", v)
	}
	if !proofScriptAccepts(t, dir, "P-000002") {
		t.Error("verify-proof.sh refuses it")
	}
}

// TestDiscloseYearsLater discloses from a bundle whose authority's certificate has expired and that was renewed twice:
// all that certifies it goes along and is checked.
func TestDiscloseYearsLater(t *testing.T) {
	bundle, _ := oldBundle(t)
	dir := filepath.Join(t.TempDir(), "disclosed")
	disclose(t, bundle, dir, nil, 1)
	v := wantIntact(t, dir)
	if len(v.Timestamps) != 3 {
		t.Errorf("%+v", v.Timestamps)
	}
	if out, err := exec.Command("sh", filepath.Join(dir, "verify.sh")).CombinedOutput(); err != nil {
		t.Errorf("verify.sh: %v\n%s", err, out)
	}
	makeWritable(t, dir)
	f := &forger{dir: dir}
	f.remove(t, originalDir+"/sig/renewal-001.sha256")
	if damaged := verify(t, dir); damaged.Intact() {
		t.Error("a renewal was taken away, and it was not noticed")
	}
}

// TestDisclosureNameInBundle: a file of that name does not turn a bundle into a disclosure.
func TestDisclosureNameInBundle(t *testing.T) {
	f := newForger(t, filepath.Join(t.TempDir(), testBundle))
	f.write(t, disclosureFile, []byte("{}"))
	if v := verify(t, f.dir); len(v.Damage) != 1 || v.Damage[0].Kind != DamageExtra {
		t.Errorf("%+v", v.Damage)
	}
}
