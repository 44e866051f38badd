package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/signature"
	"github.com/mbaudit/mbaudit/internal/casefile"
	"github.com/mbaudit/mbaudit/internal/secret"
)

// openIdentity loads the key that signs: the one named, else $MBAUDIT_SIGN_KEY, else the operator's own, which is made
// at its first use.
func openIdentity(t *terminal, path string) (*signature.Identity, error) {
	if path == "" {
		path = t.getenv("MBAUDIT_SIGN_KEY")
	}
	if path != "" {
		return signature.Load(path, passphrase(t, path))
	}
	base, err := configDir(t)
	if err != nil {
		return nil, err
	}
	path = filepath.Join(base, "identity")
	identity, err := signature.Load(path, passphrase(t, path))
	if !errors.Is(err, fs.ErrNotExist) {
		return identity, err
	}
	if err := os.MkdirAll(base, 0o700); err != nil {
		return nil, err
	}
	return createIdentity(t, path)
}

func createIdentity(t *terminal, path string) (*signature.Identity, error) {
	identity, err := signature.Create(path, "mbaudit")
	if err != nil {
		return nil, err
	}
	t.say("a signing key was made: %s", path)
	t.say("write its fingerprint down where nobody can change it, on paper or in the complaint:")
	t.say("  %s", identity.Fingerprint())
	return identity, nil
}

// configDir is where the operator's own settings are.
func configDir(t *terminal) (string, error) {
	if dir := t.getenv("MBAUDIT_CONFIG"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", withHint(fmt.Errorf("where to keep the signing key: %w", err), "name a key with --sign-key FILE, or a folder with MBAUDIT_CONFIG")
	}
	return filepath.Join(dir, "mbaudit"), nil
}

// passphrase asks for the passphrase of an encrypted key, or takes it from the environment.
func passphrase(t *terminal, path string) func() (secret.String, error) {
	return func() (secret.String, error) {
		if value := t.getenv("MBAUDIT_SIGN_KEY_PASSPHRASE"); value != "" {
			return secret.New(value), nil
		}
		if t.readSecret == nil {
			return secret.String{}, withHint(fmt.Errorf("%s is encrypted", path), "set MBAUDIT_SIGN_KEY_PASSPHRASE")
		}
		value, err := t.readSecret("Passphrase of " + path + ": ")
		return secret.New(value), err
	}
}

// principal is the operator's name in sig/allowed_signers: the contact's mail address, or the name in one word.
func principal(c casefile.Case) string {
	if strings.Contains(c.Operator.Contact, "@") && !strings.ContainsAny(c.Operator.Contact, " \t\",*?!") {
		return c.Operator.Contact
	}
	word := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\"',*?!#", r) || r < ' ' || r > '~' {
			return '.'
		}
		return r
	}, c.Operator.Name)
	return strings.Trim(word, ".") + "@mbaudit"
}

// fileDigest is the SHA-256 of a file.
func fileDigest(path string) (evidence.Digest, error) {
	f, err := os.Open(path)
	if err != nil {
		return evidence.Digest{}, err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return evidence.Digest{}, err
	}
	return evidence.Digest(sum.Sum(nil)), nil
}
