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

	"github.com/mbaudit/mbaudit/evidence/signature"
	"github.com/mbaudit/mbaudit/internal/secret"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

// runMinisign runs the real minisign; want is whether it succeeds.
func runMinisign(t *testing.T, stdin string, want bool, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("minisign"); err != nil {
		servertest.Missing(t, "minisign is not installed: no second implementation to test against")
	}
	cmd := exec.Command("minisign", args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if (err == nil) != want {
		t.Fatalf("minisign %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func createMinisign(t testing.TB) (*signature.MinisignKey, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "minisign.key")
	key, err := signature.CreateMinisign(path)
	if err != nil {
		t.Fatal(err)
	}
	return key, path
}

func TestMinisignVerifiesOurs(t *testing.T) {
	key, path := createMinisign(t)
	sig, err := key.Sign(message, "mbaudit bundle 01JD signed today")
	if err != nil {
		t.Fatal(err)
	}
	file, sigFile := write(t, "m", message), write(t, "m.minisig", sig)
	if out := runMinisign(t, "", true, "-V", "-p", path+".pub", "-m", file, "-x", sigFile); !strings.Contains(out, "mbaudit bundle 01JD") {
		t.Errorf("minisign says %q", out)
	}
	runMinisign(t, "", true, "-V", "-H", "-P", key.PublicKey(), "-m", file, "-x", sigFile) // -H: prehashed only
	runMinisign(t, "", false, "-V", "-p", path+".pub", "-m", write(t, "m", append(bytes.Clone(message), 'x')), "-x", sigFile)
	forged := bytes.Replace(sig, []byte("01JD"), []byte("01JE"), 1)
	runMinisign(t, "", false, "-V", "-p", path+".pub", "-m", file, "-x", write(t, "f.minisig", forged))

	signer, err := signature.VerifyMinisign(message, sig, key.PublicFile())
	if err != nil || signer.PublicKey != key.PublicKey() || signer.Comment != "mbaudit bundle 01JD signed today" {
		t.Errorf("%+v, %v", signer, err)
	}
	// The key that we made signs with the real program too.
	runMinisign(t, "", true, "-S", "-s", path, "-m", file)
	runMinisign(t, "", true, "-V", "-p", path+".pub", "-m", file)
}

// TestMinisignEncryptedKey signs with a key that the real minisign made and encrypted.
func TestMinisignEncryptedKey(t *testing.T) {
	dir := t.TempDir()
	path, pub := filepath.Join(dir, "k.key"), filepath.Join(dir, "k.pub")
	runMinisign(t, "correct horse\ncorrect horse\n", true, "-G", "-s", path, "-p", pub)
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	phrase := func(s string) func() (secret.String, error) {
		return func() (secret.String, error) { return secret.New(s), nil }
	}
	if _, err := signature.LoadMinisign(path, nil); !errors.Is(err, signature.ErrPassphrase) {
		t.Errorf("without a passphrase: %v", err)
	}
	if _, err := signature.LoadMinisign(path, phrase("wrong one")); !errors.Is(err, signature.ErrPassphrase) || strings.Contains(err.Error(), "wrong one") {
		t.Errorf("with a wrong passphrase: %v", err)
	}
	key, err := signature.LoadMinisign(path, phrase("correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	sig, err := key.Sign(message, "comment")
	if err != nil {
		t.Fatal(err)
	}
	runMinisign(t, "", true, "-V", "-p", pub, "-m", write(t, "m", message), "-x", write(t, "m.minisig", sig))
}

func TestMinisignKeyFiles(t *testing.T) {
	key, path := createMinisign(t)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key file: %v, %v", info.Mode(), err)
	}
	again, err := signature.LoadMinisign(path, nil)
	if err != nil || again.PublicKey() != key.PublicKey() {
		t.Errorf("%v, %v", again, err)
	}
	if _, err := signature.CreateMinisign(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second key: %v", err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := signature.LoadMinisign(path, nil); !errors.Is(err, signature.ErrOpenToOthers) {
		t.Errorf("a key that others can read: %v", err)
	}
	if _, err := signature.LoadMinisign(filepath.Join(t.TempDir(), "none"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no key: %v", err)
	}
	if _, err := signature.LoadMinisign(write(t, "x", key.PublicFile()), nil); !errors.Is(err, signature.ErrNotMinisignKey) {
		t.Errorf("a public key: %v", err)
	}
	if _, err := key.Sign(message, "two\nlines"); err == nil {
		t.Error("a comment of two lines was taken")
	}
}

// TestMinisignEveryByte changes each byte of the signature, of the public key and of the message: none goes unnoticed.
func TestMinisignEveryByte(t *testing.T) {
	key, _ := createMinisign(t)
	sig, err := key.Sign(message, "comment")
	if err != nil {
		t.Fatal(err)
	}
	files := [][]byte{message, sig, key.PublicFile()}
	for f := range files {
		for i := range files[f] {
			for _, changed := range [][]byte{flip(files[f], i), append(bytes.Clone(files[f][:i]), files[f][i+1:]...), files[f][:i]} {
				parts := [][]byte{files[0], files[1], files[2]}
				parts[f] = changed
				_, err := signature.VerifyMinisign(parts[0], parts[1], parts[2])
				if bytes.Equal(changed, files[f]) {
					continue
				}
				if !errors.Is(err, signature.ErrNotMinisign) && !errors.Is(err, signature.ErrBadSignature) {
					t.Fatalf("file %d, byte %d: %v", f, i, err)
				}
			}
		}
	}
}

func flip(data []byte, i int) []byte {
	changed := bytes.Clone(data)
	changed[i] ^= 1
	return changed
}
