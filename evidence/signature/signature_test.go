package signature_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/mod/sumdb/note"

	"github.com/mbaudit/mbaudit/evidence/signature"
	"github.com/mbaudit/mbaudit/internal/secret"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

const principal = "analyst@example.test"

var message = []byte("0123456789abcdef  manifest-sha256.txt\n")

func create(t testing.TB) (*signature.Identity, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "id")
	id, err := signature.Create(path, principal)
	if err != nil {
		t.Fatal(err)
	}
	return id, path
}

func sign(t testing.TB, id *signature.Identity) []byte {
	t.Helper()
	armored, err := id.Sign(bytes.NewReader(message), signature.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	return armored
}

// keygen runs ssh-keygen and returns its output; want is whether it succeeds.
func keygen(t testing.TB, stdin []byte, want bool, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		servertest.Missing(t, "ssh-keygen is not installed: no second implementation to test against")
	}
	cmd := exec.Command("ssh-keygen", args...)
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if (err == nil) != want {
		t.Fatalf("ssh-keygen %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func write(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSSHKeygenVerifiesOurs(t *testing.T) {
	id, path := create(t)
	line, err := id.AllowedSigners(principal)
	if err != nil {
		t.Fatal(err)
	}
	allowed := write(t, "allowed_signers", line)
	args := func(namespace, sig string) []string {
		return []string{"-Y", "verify", "-f", allowed, "-I", principal, "-n", namespace, "-s", sig}
	}
	armored := sign(t, id)
	sig := write(t, "m.sig", armored)
	out := keygen(t, message, true, args(signature.Namespace, sig)...)
	if !strings.Contains(out, "Good") || !strings.Contains(out, id.Fingerprint()) {
		t.Errorf("ssh-keygen says %q", out)
	}
	keygen(t, append(bytes.Clone(message), 'x'), false, args(signature.Namespace, sig)...)
	keygen(t, message, false, args("file", sig)...)

	// The namespace in allowed_signers is held to as well.
	other, err := id.Sign(bytes.NewReader(message), "file")
	if err != nil {
		t.Fatal(err)
	}
	keygen(t, message, false, args("file", write(t, "o.sig", other))...)
	keygen(t, message, true, "-Y", "check-novalidate", "-n", "file", "-s", write(t, "p.sig", other))

	if out := keygen(t, nil, true, "-l", "-f", path); !strings.Contains(out, " "+id.Fingerprint()+" "+principal) {
		t.Errorf("ssh-keygen -l says %q, we say %q", out, id.Fingerprint())
	}
	// Signatures with Ed25519 do not vary, so both programs write the same file.
	file := write(t, "file", message)
	keygen(t, nil, true, "-Y", "sign", "-f", path, "-n", signature.Namespace, file)
	theirs, err := os.ReadFile(file + ".sig")
	if err != nil {
		t.Fatal(err)
	}
	_, err = signature.VerifyAllowed(bytes.NewReader(message), theirs, signature.Namespace, line, principal)
	if err != nil {
		t.Errorf("what ssh-keygen signed: %v", err)
	}
	sha256 := write(t, "file256", message)
	keygen(t, nil, true, "-Y", "sign", "-O", "hashalg=sha256", "-f", path, "-n", signature.Namespace, sha256)
	theirs, err = os.ReadFile(sha256 + ".sig")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signature.Verify(bytes.NewReader(message), theirs, signature.Namespace); err != nil {
		t.Errorf("what ssh-keygen signed over SHA-256: %v", err)
	}
}

func TestCreate(t *testing.T) {
	id, path := create(t)
	for name, mode := range map[string]fs.FileMode{path: 0o600, path + ".pub": 0o644} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	loaded, err := signature.Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(loaded.AuthorizedKey(), id.AuthorizedKey()) || loaded.Fingerprint() != id.Fingerprint() {
		t.Errorf("loaded %s, made %s", loaded.AuthorizedKey(), id.AuthorizedKey())
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signature.Create(path, "x"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second Create: %v, want fs.ErrExist", err)
	}
	// With only one of the two files there, the other is not made.
	if err := os.Remove(path + ".pub"); err != nil {
		t.Fatal(err)
	}
	if _, err := signature.Create(path, "x"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create over a private key: %v, want fs.ErrExist", err)
	}
	if _, err := os.Stat(path + ".pub"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a refused Create left a public key: %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the private key was changed: %v", err)
	}
	if _, err := signature.Create(filepath.Join(t.TempDir(), "id"), "two\nlines"); err == nil {
		t.Error("a comment of two lines was taken")
	}
}

func TestLoadWhatSSHKeygenMade(t *testing.T) {
	dir := t.TempDir()
	plain, locked := filepath.Join(dir, "plain"), filepath.Join(dir, "locked")
	keygen(t, nil, true, "-q", "-t", "ed25519", "-N", "", "-C", principal, "-f", plain)
	keygen(t, nil, true, "-q", "-t", "ed25519", "-N", "correct horse", "-C", principal, "-f", locked)
	asked := 0
	say := func(s string) func() (secret.String, error) {
		return func() (secret.String, error) { asked++; return secret.New(s), nil }
	}
	id, err := signature.Load(plain, say(""))
	if err != nil || asked != 0 {
		t.Fatalf("plain key: %v, asked %d times", err, asked)
	}
	if pub, err := os.ReadFile(plain + ".pub"); err != nil || !bytes.Equal(pub, id.AuthorizedKey()) {
		t.Errorf("public key %s, ssh-keygen wrote %s (%v)", id.AuthorizedKey(), pub, err)
	}
	id, err = signature.Load(locked, say("correct horse"))
	if err != nil || asked != 1 {
		t.Fatalf("encrypted key: %v, asked %d times", err, asked)
	}
	if out := keygen(t, nil, true, "-l", "-f", locked+".pub"); !strings.Contains(out, id.Fingerprint()) {
		t.Errorf("ssh-keygen -l says %q, we say %q", out, id.Fingerprint())
	}
	if _, err := signature.Verify(bytes.NewReader(message), sign(t, id), signature.Namespace); err != nil {
		t.Error(err)
	}
	_, err = signature.Load(locked, say("wrong battery"))
	if !errors.Is(err, signature.ErrPassphrase) || strings.Contains(err.Error(), "battery") {
		t.Errorf("wrong passphrase: %v", err)
	}
	if _, err := signature.Load(locked, nil); !errors.Is(err, signature.ErrPassphrase) {
		t.Errorf("nobody to ask: %v", err)
	}
	gone := errors.New("the terminal is gone")
	_, err = signature.Load(locked, func() (secret.String, error) { return secret.String{}, gone })
	if !errors.Is(err, gone) {
		t.Errorf("asking failed: %v", err)
	}
}

func TestLoadRefuses(t *testing.T) {
	_, path := create(t)
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o620, 0o601} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := signature.Load(path, nil)
		if !errors.Is(err, signature.ErrOpenToOthers) || !strings.Contains(err.Error(), "chmod 600 "+path) {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
	if _, err := signature.Load(path+"x", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	for _, kind := range []string{"rsa", "ecdsa"} {
		other := filepath.Join(t.TempDir(), kind)
		keygen(t, nil, true, "-q", "-t", kind, "-N", "", "-f", other)
		_, err := signature.Load(other, nil)
		if !errors.Is(err, signature.ErrKeyType) || !strings.Contains(err.Error(), "ssh-keygen -t ed25519") {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if err := os.Chmod(path+".pub", 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := signature.Load(path+".pub", nil); err == nil || !strings.Contains(err.Error(), "public key") {
		t.Errorf("a public key: %v", err)
	}
	_, err := signature.Load(write(t, "x", []byte("hello")), nil)
	if err == nil || !strings.Contains(err.Error(), "not a private key") {
		t.Errorf("no key: %v", err)
	}
}

func TestVerifyKindsOfRefusal(t *testing.T) {
	id, _ := create(t)
	armored := sign(t, id)
	signer, err := signature.Verify(bytes.NewReader(message), armored, signature.Namespace)
	if err != nil || signer.Fingerprint != id.Fingerprint() {
		t.Fatalf("%+v, %v", signer, err)
	}
	rsa := filepath.Join(t.TempDir(), "rsa")
	keygen(t, nil, true, "-q", "-t", "rsa", "-N", "", "-f", rsa)
	file := write(t, "m", message)
	keygen(t, nil, true, "-Y", "sign", "-f", rsa, "-n", signature.Namespace, file)
	byRSA, err := os.ReadFile(file + ".sig")
	if err != nil {
		t.Fatal(err)
	}
	disk := errors.New("the disk is gone")
	certificate := bytes.ReplaceAll(armored, []byte("SSH SIGNATURE"), []byte("CERTIFICATE"))
	for _, c := range []struct {
		name      string
		message   string
		armored   []byte
		namespace string
		want      error
	}{
		{"another message", string(message) + "x", armored, signature.Namespace, signature.ErrBadSignature},
		{"another namespace", string(message), armored, "file", signature.ErrNamespace},
		{"no namespace", string(message), armored, "", signature.ErrNamespace},
		{"an RSA key", string(message), byRSA, signature.Namespace, signature.ErrKeyType},
		{"nothing", string(message), nil, signature.Namespace, signature.ErrMalformed},
		{"cut short", string(message), armored[:len(armored)/2], signature.Namespace, signature.ErrMalformed},
		{"two signatures", string(message), append(bytes.Clone(armored), armored...), signature.Namespace, signature.ErrMalformed},
		{"text before", string(message), append([]byte("x\n"), armored...), signature.Namespace, signature.ErrMalformed},
		{"another block", string(message), certificate, signature.Namespace, signature.ErrMalformed},
	} {
		if _, err := signature.Verify(strings.NewReader(c.message), c.armored, c.namespace); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
	_, err = signature.Verify(iotest.ErrReader(disk), armored, signature.Namespace)
	if !errors.Is(err, disk) || errors.Is(err, signature.ErrBadSignature) {
		t.Errorf("a message that cannot be read: %v", err)
	}
}

func TestEveryFlippedBit(t *testing.T) {
	id, _ := create(t)
	armored := sign(t, id)
	for i := range armored {
		for bit := range 8 {
			data := bytes.Clone(armored)
			data[i] ^= 1 << bit
			_, err := signature.Verify(bytes.NewReader(message), data, signature.Namespace)
			if err == nil && !bytes.Equal(bytes.Join(bytes.Fields(data), nil), bytes.Join(bytes.Fields(armored), nil)) {
				t.Errorf("byte %d (%q), bit %d is not noticed", i, armored[i], bit)
			}
		}
	}
}

func TestVerifyAllowed(t *testing.T) {
	id, _ := create(t)
	other, _ := create(t)
	armored := sign(t, id)
	key := strings.TrimSpace(string(id.AuthorizedKey()))
	otherKey := strings.TrimSpace(string(other.AuthorizedKey()))
	for _, c := range []struct {
		name, allowed string
		want          error
		text          string
	}{
		{"our line", principal + ` namespaces="` + signature.Namespace + `" ` + key, nil, ""},
		{"any namespace", principal + " " + key, nil, ""},
		{"a list and a pattern", "bob,*@example.test " + key, nil, ""},
		{"below others", "# comment\n\n" + principal + " " + otherKey + "\n" + principal + " " + key + "\n", nil, ""},
		{"a namespace pattern", principal + ` namespaces="file,mbaudit-*" ` + key, nil, ""},
		{"below a line of another key", principal + ` valid-before="20200101" ` + otherKey + "\n" +
			principal + "\t" + key, nil, ""},
		{"nobody", "", signature.ErrNotAllowed, "not listed"},
		{"another key", principal + " " + otherKey, signature.ErrNotAllowed, "not listed"},
		{"another person", "bob@example.test " + key, signature.ErrNotAllowed, "not listed"},
		{"ruled out", "*@example.test,!analyst@* " + key, signature.ErrNotAllowed, "not listed"},
		{"another namespace", principal + ` namespaces="file" ` + key, signature.ErrNotAllowed, "not listed"},
		{"a validity", principal + ` valid-before="20200101" ` + key, signature.ErrNotAllowed, "valid-before"},
		{"an authority", principal + ` cert-authority ` + key, signature.ErrNotAllowed, "cert-authority"},
		{"a name alone", principal, signature.ErrNotAllowed, "line 1"},
		{"no key", principal + " nonsense", signature.ErrNotAllowed, "line 1"},
	} {
		_, err := signature.VerifyAllowed(bytes.NewReader(message), armored, signature.Namespace, []byte(c.allowed), principal)
		if !errors.Is(err, c.want) || (err != nil && !strings.Contains(err.Error(), c.text)) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
		if c.want == nil {
			// ssh-keygen agrees with every line that is allowed here.
			keygen(t, message, true, "-Y", "verify", "-f", write(t, "allowed", []byte(c.allowed+"\n")), "-I", principal,
				"-n", signature.Namespace, "-s", write(t, "m.sig", armored))
		}
	}
	_, err := signature.VerifyAllowed(strings.NewReader("x"), armored, signature.Namespace, nil, principal)
	if !errors.Is(err, signature.ErrBadSignature) {
		t.Errorf("another message: %v", err)
	}
	for _, bad := range []string{"", "a b", "a,b", "*", "!a", "#a", `"a"`, "a\n"} {
		if _, err := id.AllowedSigners(bad); err == nil {
			t.Errorf("the name %q was taken", bad)
		}
	}
}

func TestNoteSigner(t *testing.T) {
	id, _ := create(t)
	const origin = "mbaudit.example/bundle/01J"
	signer, err := id.NoteSigner(origin)
	if err != nil {
		t.Fatal(err)
	}
	vkey, err := id.VerifierKey(origin)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	if signer.Name() != origin || signer.KeyHash() != verifier.KeyHash() {
		t.Errorf("name %q, key hash %08x, the verifier has %08x", signer.Name(), signer.KeyHash(), verifier.KeyHash())
	}
	text := origin + "\n2\nAAAA\n"
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil || opened.Text != text || len(opened.Sigs) != 1 {
		t.Errorf("opened %+v, %v", opened, err)
	}
	damaged := bytes.Replace(signed, []byte("\n2\n"), []byte("\n3\n"), 1)
	var invalid *note.InvalidSignatureError
	if _, err := note.Open(damaged, note.VerifierList(verifier)); !errors.As(err, &invalid) {
		t.Errorf("damaged: %v", err)
	}
	for _, bad := range []string{"", "two words", "a+b"} {
		if _, err := id.NoteSigner(bad); err == nil {
			t.Errorf("the origin %q was taken", bad)
		}
	}
}

// FuzzVerify looks for another signature that passes for ours.
func FuzzVerify(f *testing.F) {
	id, _ := create(f)
	armored := sign(f, id)
	f.Add(armored, message)
	f.Add(armored, []byte("other"))
	f.Fuzz(func(t *testing.T, armored, text []byte) {
		signer, err := signature.Verify(bytes.NewReader(text), armored, signature.Namespace)
		if err == nil && signer.Fingerprint == id.Fingerprint() && !bytes.Equal(text, message) {
			t.Errorf("a signature on %q passes", text)
		}
	})
}

func TestLoadPKCS8(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		servertest.Missing(t, "openssl is not installed: no key in PKCS #8 to load")
	}
	path := filepath.Join(t.TempDir(), "id.pem")
	if out, err := exec.Command("openssl", "genpkey", "-algorithm", "ed25519", "-out", path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	id, err := signature.Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signature.Verify(bytes.NewReader(message), sign(t, id), signature.Namespace); err != nil {
		t.Error(err)
	}
}
