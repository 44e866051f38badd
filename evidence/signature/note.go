package signature

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"golang.org/x/mod/sumdb/note"
)

// algorithmEd25519 is the signature type of C2SP signed-note for Ed25519.
const algorithmEd25519 = 1

// NoteSigner returns a signer of C2SP signed notes (checkpoints) under the key name origin, for which VerifierKey is the
// verifier. See https://c2sp.org/signed-note.
func (id *Identity) NoteSigner(origin string) (note.Signer, error) {
	vkey, err := id.VerifierKey(origin)
	if err != nil {
		return nil, err
	}
	// Refuses an origin with spaces or "+", which a note cannot carry.
	if _, err := note.NewVerifier(vkey); err != nil {
		return nil, fmt.Errorf("%q cannot be the origin of a checkpoint: %w", origin, err)
	}
	return noteSigner{id, origin}, nil
}

// VerifierKey returns the line that golang.org/x/mod/sumdb/note.NewVerifier takes: origin, key hash and public key.
func (id *Identity) VerifierKey(origin string) (string, error) {
	vkey, err := note.NewEd25519VerifierKey(origin, id.public)
	if err != nil {
		return "", fmt.Errorf("making the verifier key of %q: %w", origin, err)
	}
	return vkey, nil
}

type noteSigner struct {
	id     *Identity
	origin string
}

func (s noteSigner) Name() string { return s.origin }

// KeyHash is the first four bytes of SHA-256(origin LF 0x01 public key).
func (s noteSigner) KeyHash() uint32 {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%c%s", s.origin, algorithmEd25519, s.id.public)
	return binary.BigEndian.Uint32(h.Sum(nil))
}

func (s noteSigner) Sign(msg []byte) ([]byte, error) {
	sig, err := s.id.signer.Sign(rand.Reader, msg)
	if err != nil {
		return nil, fmt.Errorf("signing the checkpoint: %w", err)
	}
	return sig.Blob, nil
}
