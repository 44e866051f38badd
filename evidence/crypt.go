package evidence

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"golang.org/x/crypto/ssh"
)

// In an encrypted bundle each file below data/ is an age file (https://age-encryption.org/v1), encrypted when it is sealed,
// and what names people, accounts or folders stands below data/ only.
const (
	encryptedSuffix        = ".age"
	privateDir             = "data/private"
	privateOpeningFile     = "data/private/opening.json"
	privateAcquisitionFile = "data/private/acquisition.json"

	// resumeKeyFile is there until the bundle is sealed: one more recipient's key, so that Resume can read the index
	// of what was sealed already without the recipients' own keys. While a bundle is open its last segment is on the
	// disk in clear all the same.
	resumeKeyFile = "data/private/resume.key"
)

// An Identity is a key that decrypts bundles.
type Identity = age.Identity

// ErrEncrypted says that a bundle is encrypted and no identity was given.
var ErrEncrypted = errors.New("the bundle is encrypted")

// ParseRecipient reads an age public key (age1…) or an SSH public key (ssh-ed25519 …, ssh-rsa …).
func ParseRecipient(s string) (age.Recipient, error) {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "ssh-") {
		return agessh.ParseRecipient(s)
	}
	return age.ParseX25519Recipient(s)
}

// ParseIdentities reads what stands in a key file: age secret keys (AGE-SECRET-KEY-1…) or one SSH private key.
// passphrase is asked for that of an encrypted SSH key.
func ParseIdentities(data []byte, passphrase func() ([]byte, error)) ([]Identity, error) {
	if !bytes.Contains(data, []byte("PRIVATE KEY-----")) {
		return age.ParseIdentities(bytes.NewReader(data))
	}
	identity, err := agessh.ParseIdentity(data)
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) && locked.PublicKey != nil {
		identity, err = agessh.NewEncryptedSSHIdentity(locked.PublicKey, data, passphrase)
	}
	if err != nil {
		return nil, err
	}
	return []Identity{identity}, nil
}

// A cipher encrypts what a Writer seals. Nil does not encrypt.
type cipher struct {
	recipients []age.Recipient
	resume     *age.X25519Identity // nil when the resume key is gone
}

// newCipher makes the cipher of an opening, nil where it names no recipient.
func newCipher(opening Opening) (*cipher, error) {
	if len(opening.Recipients) == 0 {
		return nil, nil
	}
	c := &cipher{}
	for _, s := range opening.Recipients {
		recipient, err := ParseRecipient(s)
		if err != nil {
			return nil, fmt.Errorf("%q is no recipient: %w", s, err)
		}
		c.recipients = append(c.recipients, recipient)
	}
	return c, nil
}

func (c *cipher) all() []age.Recipient {
	if c.resume == nil {
		return c.recipients
	}
	return append(append([]age.Recipient(nil), c.recipients...), c.resume.Recipient())
}

// public is what opening.json holds of the opening of an encrypted bundle: nothing that names a person or an account.
type publicOpening struct {
	V          int       `json:"v"`
	Bundle     string    `json:"bundle"`
	CreatedAt  time.Time `json:"created_at"`
	Tool       Tool      `json:"tool"`
	Part       string    `json:"part,omitempty"`
	Signer     string    `json:"signer"`
	Recipients []string  `json:"recipients"`
	Private    *Digest   `json:"private_sha256"`
}

func (o Opening) public() publicOpening {
	return publicOpening{V: o.V, Bundle: o.Bundle, CreatedAt: o.CreatedAt, Tool: o.Tool, Part: o.Part, Signer: o.Signer, Recipients: o.Recipients, Private: o.Private}
}

// publicAcquisition is the same of acquisition.json. Clocks and coverage are left out, since they name servers and
// folders.
type publicAcquisition struct {
	V        int           `json:"v"`
	Partial  bool          `json:"partial,omitempty"`
	Opening  publicOpening `json:"opening"`
	Sessions []Session     `json:"sessions"`
	SealedAt time.Time     `json:"sealed_at"`
	Counts   Counts        `json:"counts"`
	Tree     TreeHead      `json:"tree"`
	LastSeal Digest        `json:"last_seal"`
	Private  Digest        `json:"private_sha256"` // of data/private/acquisition.json, in clear
}

func (a *Acquisition) public(private Digest) publicAcquisition {
	return publicAcquisition{V: a.V, Partial: a.Partial, Opening: a.Opening.public(), Sessions: a.Sessions, SealedAt: a.SealedAt, Counts: a.Counts,
		Tree: a.Tree, LastSeal: a.LastSeal, Private: private}
}

// newSalt gives 128 random bits: a digest of a salted document tells nothing of it.
func newSalt() (string, error) {
	var salt [16]byte
	_, err := rand.Read(salt[:])
	return hex.EncodeToString(salt[:]), err
}

// openPrivately writes the opening of an encrypted bundle: the whole one below data/private, in clear until sealing, and
// the key for resuming. It returns what opening.json is to hold.
func openPrivately(d disk, dir string, opening *Opening, c *cipher) ([]byte, error) {
	var err error
	if opening.Salt, err = newSalt(); err != nil {
		return nil, err
	}
	whole, err := marshalDocument(opening)
	if err != nil {
		return nil, err
	}
	digest := Digest(sha256.Sum256(whole))
	opening.Private = &digest
	if c.resume, err = age.GenerateX25519Identity(); err != nil {
		return nil, err
	}
	if err := d.mkdir(filepath.Join(dir, filepath.FromSlash(privateDir))); err != nil {
		return nil, err
	}
	for name, data := range map[string][]byte{privateOpeningFile + partSuffix: whole, resumeKeyFile: []byte(c.resume.String() + "\n")} {
		if err := d.createFile(filepath.Join(dir, filepath.FromSlash(name)), data); err != nil {
			return nil, err
		}
	}
	return marshalDocument(opening.public())
}

// readPrivately completes the opening of an encrypted bundle that is not sealed.
func readPrivately(dir string, opening *Opening) error {
	private := opening.Private
	whole, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(privateOpeningFile)) + partSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // sealed
	}
	if err != nil {
		return err
	}
	if sha256.Sum256(whole) != *private {
		return fmt.Errorf("%s is not the one that was written first", privateOpeningFile+partSuffix)
	}
	if err := parseDocument(whole, opening); err != nil {
		return err
	}
	opening.Private = private
	return nil
}

// readResumeKey gives the cipher the key that reads what was sealed already.
func (c *cipher) readResumeKey(dir string) error {
	if c == nil {
		return nil
	}
	data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(resumeKeyFile)))
	if err != nil {
		return err
	}
	c.resume, err = age.ParseX25519Identity(strings.TrimSpace(string(data)))
	return err
}

// encryptFile writes the age file of a file in clear, and returns what it is. An earlier draft is written anew.
func (w *Writer) encryptFile(clear io.ReadSeeker, name string) (SealedFile, error) {
	name += encryptedSuffix
	draft := w.path(name) + partSuffix
	out, err := w.config.disk.open(draft, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return SealedFile{}, err
	}
	sealed, err := w.encryptInto(out, clear, name)
	if err = errors.Join(err, out.Close()); err != nil {
		return SealedFile{}, err
	}
	return sealed, w.config.disk.moveFile(draft, w.path(name))
}

func (w *Writer) encryptInto(out *file, clear io.ReadSeeker, name string) (SealedFile, error) {
	if _, err := clear.Seek(0, io.SeekStart); err != nil {
		return SealedFile{}, err
	}
	encrypted, err := age.Encrypt(out, w.cipher.all()...)
	if err != nil {
		return SealedFile{}, err
	}
	if _, err := io.CopyBuffer(onlyWriter{encrypted}, onlyReader{clear}, make([]byte, 256<<10)); err != nil {
		return SealedFile{}, err
	}
	if err := encrypted.Close(); err != nil {
		return SealedFile{}, err
	}
	if err := out.Sync(); err != nil {
		return SealedFile{}, err
	}
	return digestFile(out, name)
}

// clearNames are the files that an encrypted bundle has in clear until it is sealed.
func clearNames() []string {
	return []string{logFile, coverageFile, exceptionsFile, journalFile, privateOpeningFile + partSuffix, privateAcquisitionFile + partSuffix}
}

// removeClear removes what a sealed encrypted bundle still has in clear. It is called before signing, so that a signed
// bundle has nothing left.
func removeClear(d disk, dir string) error {
	for _, name := range append(clearNames(), resumeKeyFile) {
		if err := d.remove(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	return nil
}
