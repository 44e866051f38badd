package signature

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"aead.dev/minisign"

	"github.com/mbaudit/mbaudit/internal/secret"
)

// ErrNotMinisign says that bytes are not a minisign signature, or public key, in the exact form in which this package
// writes them. Parts of that form are signed by nobody; one form only means that nothing can be changed in them.
var ErrNotMinisign = errors.New("not a minisign signature as mbaudit writes it")

// minisignUntrusted is the comment that the format wants and nobody signs.
const minisignUntrusted = "signature by mbaudit, check it with minisign -V"

// A MinisignKey signs as minisign -S does (https://jedisct1.github.io/minisign/). It is safe for use by several
// goroutines.
type MinisignKey struct {
	private minisign.PrivateKey
	public  minisign.PublicKey
}

// CreateMinisign makes a new key and writes it to path in minisign's format, without a passphrase and readable by the
// owner only, and its public key to path.pub. If one of the files is there already, the error wraps fs.ErrExist and
// neither is changed.
func CreateMinisign(path string) (*MinisignKey, error) {
	public, private, err := minisign.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	key := &MinisignKey{private, public}
	text, err := private.MarshalText()
	if err != nil {
		return nil, err
	}
	if err := createFile(path+".pub", key.PublicFile(), 0o644); err != nil {
		return nil, fmt.Errorf("creating the minisign key: %w", err)
	}
	if err := createFile(path, append(text, '\n'), 0o600); err != nil {
		_ = os.Remove(path + ".pub") // this call made it
		return nil, fmt.Errorf("creating the minisign key: %w", err)
	}
	return key, nil
}

// LoadMinisign reads a secret key that CreateMinisign or minisign -G wrote. passphrase is called if it is encrypted; nil
// refuses such keys. To decrypt one takes a second or two and 1 GiB of memory, which minisign asks of whoever guesses.
// The error wraps fs.ErrNotExist, ErrOpenToOthers, ErrNotMinisignKey or ErrPassphrase.
func LoadMinisign(path string, passphrase func() (secret.String, error)) (*MinisignKey, error) {
	text, err := readKeyFile(path)
	if err != nil {
		return nil, fmt.Errorf("loading the minisign key: %w", err)
	}
	private, err := parseMinisign(bytes.TrimRight(text, "\r\n"), passphrase)
	if err != nil {
		return nil, fmt.Errorf("loading the minisign key %s: %w", path, err)
	}
	public, ok := private.Public().(minisign.PublicKey)
	if !ok {
		return nil, fmt.Errorf("loading the minisign key %s: %w", path, ErrNotMinisignKey)
	}
	return &MinisignKey{private, public}, nil
}

func parseMinisign(text []byte, passphrase func() (secret.String, error)) (minisign.PrivateKey, error) {
	if !minisign.IsEncrypted(text) {
		var private minisign.PrivateKey
		if err := private.UnmarshalText(text); err != nil {
			// The library's error may only say what is wrong with the form, and this file may hold anything.
			return private, fmt.Errorf("%w; minisign -G makes one", ErrNotMinisignKey)
		}
		return private, nil
	}
	if passphrase == nil {
		return minisign.PrivateKey{}, fmt.Errorf("%w: the key is encrypted", ErrPassphrase)
	}
	phrase, err := passphrase()
	if err != nil {
		return minisign.PrivateKey{}, err
	}
	private, err := minisign.DecryptKey(phrase.Reveal(), text)
	if err != nil {
		return minisign.PrivateKey{}, ErrPassphrase
	}
	return private, nil
}

// PublicKey returns the public key as minisign -P takes it: 56 characters that begin with "RW".
func (k *MinisignKey) PublicKey() string { return k.public.String() }

// PublicFile returns the public key as a file that minisign -p takes.
func (k *MinisignKey) PublicFile() []byte { return minisignPublicFile(k.public) }

func minisignPublicFile(key minisign.PublicKey) []byte {
	return fmt.Appendf(nil, "untrusted comment: minisign public key %016X\n%s\n", key.ID(), key)
}

// Sign returns a signature on message in minisign's prehashed form (BLAKE2b-512, Ed25519). comment is signed with it and
// is shown by minisign -V; it must be one line.
func (k *MinisignKey) Sign(message []byte, comment string) ([]byte, error) {
	if strings.ContainsAny(comment, "\r\n\x00") {
		return nil, fmt.Errorf("a signature's comment is one line, %q is not", comment)
	}
	hashed := minisign.NewReader(bytes.NewReader(message)) // the package's own SignWithComments does not hash first
	if _, err := io.Copy(io.Discard, hashed); err != nil {
		return nil, err
	}
	return hashed.SignWithComments(k.private, comment, minisignUntrusted), nil
}

// A MinisignSigner is who made a minisign signature.
type MinisignSigner struct {
	PublicKey string // as minisign -P takes it
	KeyID     string // as minisign prints it; a label that anyone can choose
	Comment   string // the comment that was signed along
}

// VerifyMinisign checks a signature on message with the public key file beside it. The signer is whoever holds the key;
// to know who that is, the caller compares PublicKey with one known from elsewhere. An error wraps ErrNotMinisign or
// ErrBadSignature.
func VerifyMinisign(message, sig, publicFile []byte) (MinisignSigner, error) {
	var key minisign.PublicKey
	if err := key.UnmarshalText(publicFile); err != nil || !bytes.Equal(minisignPublicFile(key), publicFile) {
		return MinisignSigner{}, fmt.Errorf("%w: its public key is in another form", ErrNotMinisign)
	}
	var s minisign.Signature
	if err := s.UnmarshalText(sig); err != nil || s.UntrustedComment != minisignUntrusted || s.Algorithm != minisign.HashEdDSA {
		return MinisignSigner{}, ErrNotMinisign
	}
	if text, err := s.MarshalText(); err != nil || !bytes.Equal(text, sig) {
		return MinisignSigner{}, ErrNotMinisign
	}
	if s.KeyID != key.ID() {
		return MinisignSigner{}, fmt.Errorf("%w: it is of the minisign key %016X, the public key is %016X", ErrBadSignature, s.KeyID, key.ID())
	}
	if !minisign.Verify(key, message, sig) {
		return MinisignSigner{}, fmt.Errorf("%w: minisign key %016X did not sign this", ErrBadSignature, key.ID())
	}
	return MinisignSigner{PublicKey: key.String(), KeyID: fmt.Sprintf("%016X", key.ID()), Comment: s.TrustedComment}, nil
}
