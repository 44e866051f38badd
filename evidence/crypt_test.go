package evidence

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

func newRecipient(t testing.TB) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// encryptedBundle is a bundle for the given recipients with some messages in several segments.
func encryptedBundle(t testing.TB, config WriterConfig, recipients ...string) *Writer {
	t.Helper()
	opening := testOpening(newIdentity(t))
	opening.Recipients = recipients
	w, err := Create(filepath.Join(t.TempDir(), testBundle), opening, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// TestEncrypted: nothing that names people or folders is in clear, whoever has no key verifies the integrity, and who has
// one verifies and reads the content.
func TestEncrypted(t *testing.T) {
	police, insurer, stranger := newRecipient(t), newRecipient(t), newRecipient(t)
	id := newIdentity(t)
	opening := testOpening(id)
	opening.Recipients = []string{police.Recipient().String(), insurer.Recipient().String()}
	config := WriterConfig{SegmentSize: 30 << 10}
	dir := filepath.Join(t.TempDir(), testBundle)
	w, err := Create(dir, opening, config)
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 9; n++ {
		put(t, w, n, 9000)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if w, err = Resume(dir, config); err != nil { // with no key of a recipient
		t.Fatal(err)
	}
	for n := 1; n <= 12; n++ {
		if ex, _ := message(n, 0); !w.Has(ex.Account, ex.Resource, ex.Item) {
			put(t, w, n, 9000)
		}
	}
	if err := w.Gap(Gap{Account: "alice@example.test", Collector: "imap", Resource: "acl", Class: GapRefused, Reason: "NO"}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Seal(SealConfig{Identity: id, Principal: "signer@mbaudit", Journal: strings.NewReader("alice@example.test")}); err != nil {
		t.Fatal(err)
	}

	for name, err := range Dir(dir).Names(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		data := readTestFile(t, filepath.Join(dir, name))
		for _, secret := range []string{"alice", "INBOX", "Operator", "imap", "line 1 of", "AGE-SECRET-KEY", "request of the controller"} {
			if strings.Contains(string(data), secret) {
				t.Errorf("%s holds %q in clear", name, secret)
			}
		}
	}
	if v := wantIntact(t, dir); len(v.Acquisition.Coverage) != 0 || v.Acquisition.Counts.Exhibits != 12 {
		t.Errorf("without a key: %+v", v.Acquisition)
	}
	for _, key := range []*age.X25519Identity{police, insurer} {
		v, err := Verify(context.Background(), Dir(dir), VerifyConfig{Identities: []Identity{key}, Coverage: true})
		if err != nil || !v.Intact() || len(v.Acquisition.Coverage) == 0 || v.Acquisition.Opening.Accounts[0] != "alice@example.test" {
			t.Fatalf("with a key: %v, %+v", err, v)
		}
		b, err := Open(dir, key)
		if err != nil {
			t.Fatal(err)
		}
		if got := readAll(t, b); len(got) != 12 {
			t.Errorf("%d messages", len(got))
		}
	}
	var noMatch *age.NoIdentityMatchError
	if _, err := Verify(context.Background(), Dir(dir), VerifyConfig{Identities: []Identity{stranger}}); !errors.As(err, &noMatch) {
		t.Errorf("with a stranger's key: %v", err)
	}
	if _, err := Open(dir); !errors.Is(err, ErrEncrypted) {
		t.Errorf("Open without a key: %v", err)
	}
	decryptByHand(t, dir, police)
}

// decryptByHand uses the age program and sha256sum only, as a stranger would.
func decryptByHand(t *testing.T, dir string, key *age.X25519Identity) {
	t.Helper()
	if _, err := exec.LookPath("age"); err != nil {
		servertest.Missing(t, "age is not installed (apt-get install age)")
	}
	keyFile := filepath.Join(t.TempDir(), "key.txt")
	if err := os.WriteFile(keyFile, []byte(key.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	script := `sha256sum -c --quiet --strict tagmanifest-sha256.txt manifest-sha256.txt &&
		age -d -i "$1" data/index/000001.jsonl.age | head -n 1 | grep -q '"name":"alice@example.test/imap/INBOX/000000001.eml"' &&
		age -d -i "$1" data/segments/000001.zip.age > "$2" && unzip -tqq "$2" && sh verify.sh`
	cmd := exec.Command("sh", "-c", script, "sh", keyFile, filepath.Join(t.TempDir(), "s.zip"))
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestEncryptedDamage: what was changed in an encrypted bundle by someone who holds the signing key and makes all digests
// fit again is found with an identity.
func TestEncryptedDamage(t *testing.T) {
	key := newRecipient(t)
	id := newIdentity(t)
	opening := testOpening(id)
	opening.Recipients = []string{key.Recipient().String()}
	dir := filepath.Join(t.TempDir(), testBundle)
	w, err := Create(dir, opening, WriterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	put(t, w, 1, 200_000)
	seal(t, w, id)
	for _, name := range []string{segmentPath(1), indexPath(1), coverageFile} {
		sealed := readTestFile(t, filepath.Join(dir, name+encryptedSuffix))
		files := map[string][]byte{}
		for other, err := range Dir(dir).Names(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			files[other] = readTestFile(t, filepath.Join(dir, other))
		}
		damaged := bytes.Clone(sealed)
		damaged[len(damaged)/2] ^= 1
		for _, config := range []VerifyConfig{{}, {Identities: []Identity{key}}} {
			v, err := Verify(context.Background(), memorySource{files, name + encryptedSuffix, damaged}, config)
			if err != nil || v.Intact() || v.Damage[0].Kind != DamageDigest {
				t.Errorf("%s, %d identities: %v, %+v", name, len(config.Identities), err, v.Damage)
			}
		}
	}
	// The same segment, encrypted anew with other bytes, and everything signed again: only the content tells.
	f := &forger{dir: dir, id: id}
	clear, err := age.Decrypt(bytes.NewReader(f.read(t, indexPath(1)+encryptedSuffix)), key)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := readFile(clear, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var forged bytes.Buffer
	out, err := age.Encrypt(&forged, key.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Write(bytes.Replace(lines, []byte(`"uid":"1"`), []byte(`"uid":"9"`), 1)); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(f.path(indexPath(1)+encryptedSuffix), 0o600); err != nil {
		t.Fatal(err)
	}
	f.write(t, indexPath(1)+encryptedSuffix, forged.Bytes())
	f.rechainEncrypted(t)
	v, err := Verify(context.Background(), Dir(dir), VerifyConfig{Identities: []Identity{key}})
	if err != nil || !slices.ContainsFunc(v.Damage, func(d Damage) bool { return d.Kind == DamageMerkle }) {
		t.Errorf("a forged index: %v, %+v", err, v.Damage)
	}
}

// TestPartialEncrypted seals a part of an encrypted bundle.
func TestPartialEncrypted(t *testing.T) {
	key := newRecipient(t)
	id := newIdentity(t)
	opening := testOpening(id)
	opening.Recipients = []string{key.Recipient().String()}
	config := WriterConfig{SegmentSize: 30 << 10}
	w, err := Create(filepath.Join(t.TempDir(), testBundle), opening, config)
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 6; n++ {
		put(t, w, n, 9000)
	}
	p, err := Partial(w.Dir(), config)
	if err != nil {
		t.Fatal(err)
	}
	seal(t, p, id)
	wantIntact(t, p.Dir())
	if exists(filepath.Join(p.Dir(), resumeKeyFile)) || !exists(filepath.Join(w.Dir(), resumeKeyFile)) {
		t.Error("the key for resuming is gone here, or left there")
	}
	put(t, w, 7, 9000)
	seal(t, w, id)
	if v, err := Verify(context.Background(), Dir(w.Dir()), VerifyConfig{Identities: []Identity{key}}); err != nil || !v.Intact() {
		t.Errorf("%v, %+v", err, v)
	}
}

func TestRecipients(t *testing.T) {
	for _, bad := range []string{"", "age1", "alice@example.test", "ssh-dss AAAA"} {
		opening := testOpening(newIdentity(t))
		opening.Recipients = []string{bad}
		if _, err := Create(filepath.Join(t.TempDir(), testBundle), opening, WriterConfig{}); err == nil {
			t.Errorf("%q was taken for a recipient", bad)
		}
	}
	id := newIdentity(t) // an SSH key is one as well
	w := encryptedBundle(t, WriterConfig{}, strings.TrimSpace(string(id.AuthorizedKey())))
	put(t, w, 1, 10)
}
