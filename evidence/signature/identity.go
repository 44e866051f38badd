package signature

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"github.com/mbaudit/mbaudit/internal/secret"
)

// Namespace keeps a signature on evidence from being taken for one on something else (ssh-keygen's -n).
const Namespace = "mbaudit-evidence-v1"

// The kinds of refusal of Load, FromAgent, LoadMinisign and LoadCertificate.
var (
	// ErrOpenToOthers says that others than the owner can read or write the key file.
	ErrOpenToOthers = errors.New("the key file is open to others")
	// ErrKeyType says that an identity's key is not Ed25519.
	ErrKeyType = errors.New("the key is not Ed25519")
	// ErrPassphrase says that the passphrase is wrong or was not given.
	ErrPassphrase = errors.New("the key's passphrase is wrong or missing")
	// ErrNoAgent says that there is no ssh-agent to ask, or that it does not answer.
	ErrNoAgent = errors.New("there is no ssh-agent")
	// ErrNotInAgent says that the ssh-agent does not hold the key, or holds several that match.
	ErrNotInAgent = errors.New("the ssh-agent has no such key")
	// ErrNotMinisignKey says that a file is no secret key of minisign's.
	ErrNotMinisignKey = errors.New("not a minisign secret key")
	// ErrCertificate says that a certificate, or its key, cannot seal.
	ErrCertificate = errors.New("the certificate cannot seal")
)

// An Identity is an Ed25519 key that signs. It is safe for use by several goroutines.
type Identity struct {
	signer  ssh.Signer // what it signs is all that is asked of it, so that it may stand for a key that cannot be read
	public  ed25519.PublicKey
	comment string
}

// Create makes a new identity and writes its private key to path, in OpenSSH's format, without a passphrase and readable
// by the owner only, and its public key to path.pub. comment is the key's, usually the owner's address. If one of the
// files is there already, the error wraps fs.ErrExist and neither is changed.
func Create(path, comment string) (*Identity, error) {
	if strings.ContainsAny(comment, "\r\n\x00") {
		return nil, fmt.Errorf("a key's comment is one line, %q is not", comment)
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	id, err := newIdentity(private, comment)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(private, comment)
	if err != nil {
		return nil, fmt.Errorf("encoding the new key: %w", err)
	}
	// The public half first: if it is there, so may be a private key that someone has moved to safety.
	if err := createFile(path+".pub", id.AuthorizedKey(), 0o644); err != nil {
		return nil, fmt.Errorf("creating the identity: %w", err)
	}
	if err := createFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		_ = os.Remove(path + ".pub") // this call made it
		return nil, fmt.Errorf("creating the identity: %w", err)
	}
	return id, nil
}

func createFile(name string, data []byte, mode os.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		_ = os.Remove(name) // half a key is no key, and would keep the next try from making one
	}
	return err
}

// Load reads an identity that Create or ssh-keygen -t ed25519 wrote. passphrase is called if the key is encrypted; nil
// refuses such keys. The error wraps ErrOpenToOthers, ErrKeyType or ErrPassphrase where it says what to type.
func Load(path string, passphrase func() (secret.String, error)) (*Identity, error) {
	data, err := readKeyFile(path)
	if err != nil {
		return nil, fmt.Errorf("loading the identity: %w", err)
	}
	key, err := parse(data, passphrase)
	if err != nil {
		return nil, fmt.Errorf("loading the identity %s: %w", path, err)
	}
	switch private := key.(type) {
	case *ed25519.PrivateKey: // OpenSSH's format
		return newIdentity(*private, comment(path+".pub"))
	case ed25519.PrivateKey: // PKCS #8
		return newIdentity(private, comment(path+".pub"))
	}
	return nil, fmt.Errorf("%w: %s holds a %s; type ssh-keygen -t ed25519 -f NEWFILE to make one that is",
		ErrKeyType, path, strings.TrimPrefix(fmt.Sprintf("%T", key), "*"))
}

// parse returns the private key in data, decrypted if need be.
func parse(data []byte, passphrase func() (secret.String, error)) (any, error) {
	key, err := ssh.ParseRawPrivateKey(data)
	var missing *ssh.PassphraseMissingError
	switch {
	case err == nil:
		return key, nil
	case !errors.As(err, &missing) && bytes.Contains(data, []byte("ssh-")) && bytes.Contains(data, []byte(" AAAA")):
		return nil, errors.New("this is a public key; the private one is in the file without .pub")
	case !errors.As(err, &missing):
		return nil, fmt.Errorf("this is not a private key in OpenSSH's format (ssh-keygen -t ed25519 makes one): %w", err)
	case passphrase == nil:
		return nil, fmt.Errorf("%w: the key is encrypted", ErrPassphrase)
	}
	phrase, err := passphrase()
	if err != nil {
		return nil, err
	}
	key, err = ssh.ParseRawPrivateKeyWithPassphrase(data, []byte(phrase.Reveal()))
	if err != nil {
		// The library's own error for a wrong passphrase is that the decrypted bytes make no key.
		return nil, fmt.Errorf("%w: decrypting the key: %v", ErrPassphrase, err)
	}
	return key, nil
}

// comment returns the comment in a public key file, or nothing: it only decorates.
func comment(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	_, comment, _, _, err := ssh.ParseAuthorizedKey(data)
	if err != nil {
		return ""
	}
	return comment
}

func newIdentity(private ed25519.PrivateKey, comment string) (*Identity, error) {
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return nil, err
	}
	return &Identity{signer, private.Public().(ed25519.PublicKey), comment}, nil
}

// Fingerprint returns the public key's fingerprint as ssh-keygen -l prints it, "SHA256:" and 43 characters.
func (id *Identity) Fingerprint() string { return ssh.FingerprintSHA256(id.signer.PublicKey()) }

// AuthorizedKey returns the public key as one line of an OpenSSH .pub file, LF included.
func (id *Identity) AuthorizedKey() []byte {
	line := bytes.TrimSuffix(ssh.MarshalAuthorizedKey(id.signer.PublicKey()), []byte("\n"))
	if id.comment != "" {
		line = append(append(line, ' '), id.comment...)
	}
	return append(line, '\n')
}

// Sign reads message to its end and returns a signature on its SHA-512, armored as ssh-keygen -Y sign writes it.
// namespace says what sort of thing is signed; for evidence it is Namespace.
func (id *Identity) Sign(message io.Reader, namespace string) ([]byte, error) {
	sig, err := sshsig.Sign(message, id.signer, sshsig.HashSHA512, namespace)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	return sshsig.Armor(sig), nil
}

// AllowedSigners returns a line for the allowed_signers file of ssh-keygen -Y verify, LF included: it lets principal,
// usually an address, sign evidence with this identity and nothing else.
func (id *Identity) AllowedSigners(principal string) ([]byte, error) {
	if err := checkPrincipal(principal); err != nil {
		return nil, err
	}
	key := strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(id.signer.PublicKey())), "\n")
	return fmt.Appendf(nil, "%s namespaces=%q %s\n", principal, Namespace, key), nil
}

// checkPrincipal refuses what allowed_signers (see ssh-keygen(1)) would read as something else: a list, a pattern, a
// comment, quoting, an address with spaces.
func checkPrincipal(principal string) error {
	for _, r := range principal {
		if r <= ' ' || r == 0x7f || strings.ContainsRune(`,*?!"#`, r) {
			return fmt.Errorf("a signer's name is like analyst@example.test, %q cannot stand in an allowed_signers file", principal)
		}
	}
	if principal == "" {
		return errors.New("the signer has no name: give one like analyst@example.test")
	}
	return nil
}
