package signature

import (
	"bytes"
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// The kinds of refusal of Verify and VerifyAllowed.
var (
	// ErrMalformed says that the bytes are not an SSH signature.
	ErrMalformed = errors.New("not an SSH signature")
	// ErrNamespace says that the signature was made for another purpose.
	ErrNamespace = errors.New("the signature is for another purpose")
	// ErrBadSignature says that the signature is not on this message: one of the two was changed.
	ErrBadSignature = errors.New("the signature is wrong")
	// ErrNotAllowed says that the signature is right and its key is not allowed to the expected signer.
	ErrNotAllowed = errors.New("the signer is not allowed")
)

// A Signer is who made a signature.
type Signer struct {
	Fingerprint string // as ssh-keygen -l prints it
	PublicKey   ed25519.PublicKey
}

// Verify checks an armored signature on message, of which it reads everything, made for namespace. The signer is
// whoever holds the key; to know who that is, the caller compares the fingerprint with one known from elsewhere.
// An error wraps ErrMalformed, ErrKeyType, ErrNamespace or ErrBadSignature, or is message's own.
func Verify(message io.Reader, armored []byte, namespace string) (Signer, error) {
	block, rest := pem.Decode(armored)
	if block == nil || block.Type != sshsig.PEMType || len(block.Headers) > 0 || len(bytes.TrimSpace(rest)) > 0 ||
		!bytes.HasPrefix(armored, []byte("-----BEGIN "+sshsig.PEMType)) {
		return Signer{}, fmt.Errorf("%w: it is not one armored block %q", ErrMalformed, sshsig.PEMType)
	}
	sig, err := sshsig.ParseSignature(block.Bytes)
	if err != nil {
		return Signer{}, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	key, ok := sig.PublicKey.(ssh.CryptoPublicKey)
	if !ok {
		return Signer{}, fmt.Errorf("%w: it is %s", ErrKeyType, sig.PublicKey.Type())
	}
	public, ok := key.CryptoPublicKey().(ed25519.PublicKey)
	if !ok || sig.PublicKey.Type() != ssh.KeyAlgoED25519 {
		return Signer{}, fmt.Errorf("%w: it is %s", ErrKeyType, sig.PublicKey.Type())
	}
	if sig.Namespace != namespace {
		return Signer{}, fmt.Errorf("%w: it was made for %q, not for %q", ErrNamespace, sig.Namespace, namespace)
	}
	read := &errReader{r: message}
	if err := sshsig.Verify(read, sig, sig.PublicKey, sig.HashAlgorithm, namespace); err != nil {
		if read.err != nil {
			return Signer{}, fmt.Errorf("reading what is signed: %w", read.err)
		}
		return Signer{}, fmt.Errorf("%w: %v", ErrBadSignature, err)
	}
	return Signer{ssh.FingerprintSHA256(sig.PublicKey), public}, nil
}

// errReader remembers an error of its reader, which sshsig.Verify does not tell from a wrong signature.
type errReader struct {
	r   io.Reader
	err error
}

func (e *errReader) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	if err != nil && err != io.EOF {
		e.err = err
	}
	return n, err
}

// VerifyAllowed is Verify, and an error that wraps ErrNotAllowed if allowed, the text of an allowed_signers file, does
// not give the signing key to principal for this namespace.
//
// Of the format in ssh-keygen(1), section ALLOWED SIGNERS, it reads principals by name or pattern and the option
// namespaces. A line with another option (cert-authority, valid-after, valid-before) allows nothing here: for those there
// is ssh-keygen -Y verify.
func VerifyAllowed(message io.Reader, armored []byte, namespace string, allowed []byte, principal string) (Signer, error) {
	signer, err := Verify(message, armored, namespace)
	if err != nil {
		return Signer{}, err
	}
	var why error
	for n, line := range bytes.Split(allowed, []byte("\n")) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		ok, err := allows(string(line), namespace, principal, signer)
		if ok {
			return signer, nil
		}
		if err != nil && why == nil {
			why = fmt.Errorf("%w: line %d of the allowed signers: %v", ErrNotAllowed, n+1, err)
		}
	}
	if why != nil {
		return Signer{}, why
	}
	return Signer{}, fmt.Errorf("%w: %s is not listed for %q and %q", ErrNotAllowed, signer.Fingerprint, principal, namespace)
}

// allows reads one line: principals, options or none, key.
func allows(line, namespace, principal string, signer Signer) (bool, error) {
	i := strings.IndexAny(line, " \t")
	if i < 0 {
		return false, errors.New("it does not end in a public key")
	}
	principals, rest := line[:i], line[i+1:]
	if strings.HasPrefix(principals, `"`) {
		return false, errors.New("quoted names are not read here")
	}
	key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(rest))
	if err != nil {
		return false, fmt.Errorf("it does not end in a public key: %v", err)
	}
	if ssh.FingerprintSHA256(key) != signer.Fingerprint || !matchList(principals, principal) {
		return false, nil
	}
	for _, option := range options {
		name, value, _ := strings.Cut(option, "=")
		if !strings.EqualFold(name, "namespaces") {
			return false, fmt.Errorf("the option %q is not known here; ssh-keygen -Y verify reads it", name)
		}
		if !matchList(strings.Trim(value, `"`), namespace) {
			return false, nil
		}
	}
	return true, nil
}

// matchList says whether s matches a pattern list of ssh_config(5): patterns between commas, of which one that begins
// with "!" and matches rules out.
func matchList(list, s string) bool {
	matched := false
	for _, pattern := range strings.Split(list, ",") {
		positive, negated := strings.CutPrefix(pattern, "!")
		if !matchPattern(positive, s) {
			continue
		}
		if negated {
			return false
		}
		matched = true
	}
	return matched
}

// matchPattern matches "*" with any number of characters and "?" with one.
func matchPattern(pattern, s string) bool {
	for pattern != "" {
		switch {
		case pattern[0] == '*':
			pattern = strings.TrimLeft(pattern, "*")
			if pattern == "" {
				return true
			}
			for i := range len(s) {
				if matchPattern(pattern, s[i:]) {
					return true
				}
			}
			return false
		case s == "" || (pattern[0] != '?' && pattern[0] != s[0]):
			return false
		}
		pattern, s = pattern[1:], s[1:]
	}
	return s == ""
}
