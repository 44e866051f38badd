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

// openIdentity gives the key that signs: the one named, else $MBAUDIT_SIGN_KEY, else the operator's own, which is made
// at its first use. A name like agent:SHA256:… or agent:COMMENT is a key that ssh-agent holds.
func openIdentity(t *terminal, path string) (*signature.Identity, error) {
	if path == "" {
		path = t.getenv("MBAUDIT_SIGN_KEY")
	}
	if which, ok := strings.CutPrefix(path, "agent:"); ok {
		return agentIdentity(t, which)
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

// agentIdentity is a key of the ssh-agent at $SSH_AUTH_SOCK.
func agentIdentity(t *terminal, which string) (*signature.Identity, error) {
	identity, err := signature.FromAgent(t.getenv("SSH_AUTH_SOCK"), which)
	switch {
	case errors.Is(err, signature.ErrNoAgent):
		return nil, withHint(err, `start one: eval "$(ssh-agent)"; ssh-add KEY   or sign with a file: --sign-key FILE`)
	case errors.Is(err, signature.ErrNotInAgent):
		return nil, withHint(err, "see what it holds: ssh-add -l   and add the key: ssh-add KEY")
	case errors.Is(err, signature.ErrKeyType):
		return nil, withHint(err, "make a key that is: ssh-keygen -t ed25519   and add it: ssh-add KEY")
	}
	return identity, err
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

// passphrase asks for the passphrase of the operator's encrypted key, or takes it from the environment.
func passphrase(t *terminal, path string) func() (secret.String, error) {
	return passphraseFrom(t, path, "MBAUDIT_SIGN_KEY_PASSPHRASE")
}

// passphraseFrom asks for the passphrase of an encrypted file, or takes it from a variable of the environment.
func passphraseFrom(t *terminal, path, variable string) func() (secret.String, error) {
	return func() (secret.String, error) {
		if value := t.getenv(variable); value != "" {
			return secret.New(value), nil
		}
		if t.readSecret == nil {
			return secret.String{}, withHint(fmt.Errorf("%s is encrypted", path), "set "+variable)
		}
		value, err := t.readSecret("Passphrase of " + path + ": ")
		return secret.New(value), err
	}
}

// principal is the operator's name in sig/allowed_signers: the contact's mail address, or the name in one word. An
// encrypted bundle names nobody.
func principal(c casefile.Case, opening evidence.Opening) string {
	if opening.Private != nil {
		return "signer@mbaudit"
	}
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
