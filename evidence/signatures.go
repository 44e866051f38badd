package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence/signature"
)

// The signatures beside the SSH one, which opening.json promises and every bundle has. These are additional.
const (
	minisignFile    = "sig/tagmanifest-sha256.txt.minisig"
	minisignKeyFile = "sig/minisign.pub"
	cmsFile         = "sig/tagmanifest-sha256.txt.p7s"
	cmsChainFile    = "sig/signer-chain.pem"
)

// signatureName says whether a name in sig/ (without the folder) is that of an additional signature or of its key.
func signatureName(base string) bool {
	switch sigDir + "/" + base {
	case minisignFile, minisignKeyFile, cmsFile, cmsChainFile:
		return true
	}
	return false
}

// A MinisignSignature is a minisign signature in a bundle that is right.
type MinisignSignature struct {
	Name      string `json:"name"`       // sig/….minisig
	PublicKey string `json:"public_key"` // as minisign -P takes it
	KeyID     string `json:"key_id"`     // as minisign prints it; a label that anyone can choose
	Comment   string `json:"comment"`    // signed: the bundle and when the signer says that it was signed
}

// A CertificateSignature is a CMS signature in a bundle that is right: the seal of whoever has the certificate.
type CertificateSignature struct {
	Name        string    `json:"name"` // sig/….p7s
	Subject     string    `json:"subject"`
	Issuer      string    `json:"issuer"`
	Serial      string    `json:"serial"` // hexadecimal
	Fingerprint string    `json:"fingerprint"`
	NotBefore   time.Time `json:"not_before"`   // UTC
	NotAfter    time.Time `json:"not_after"`    // UTC
	SigningTime time.Time `json:"signing_time"` // UTC; what the signer says

	// At is the time as of which the certificate is judged: that of the time-stamp JudgedBy, the earliest trusted one on the
	// tag manifest, else, with JudgedBy empty, the time of verification.
	At       time.Time `json:"at"`
	JudgedBy string    `json:"judged_by,omitempty"`
	Valid    bool      `json:"valid"`               // At is between NotBefore and NotAfter
	Trusted  bool      `json:"trusted"`             // as of At its chain leads to one of VerifyConfig.SealRoots
	Untrust  string    `json:"untrusted,omitempty"` // why not; may hold a stranger's text
}

// minisignComment is what is signed along with the tag manifest, so that minisign -V shows it.
func minisignComment(bundle string, at time.Time) string {
	return fmt.Sprintf("mbaudit bundle %s signed %s", bundle, at.UTC().Format(time.RFC3339))
}

// AddMinisign signs a sealed bundle with a minisign key as well: sig/….minisig and sig/minisign.pub. at is the time that
// the signature names. Where the same key has signed already nothing is changed and added is false; where another key
// has, the error wraps fs.ErrExist. A run that was killed in between is finished by calling it once more.
func AddMinisign(dir string, key *signature.MinisignKey, at time.Time) (added bool, err error) {
	opening, manifest, err := readSigned(dir)
	if err != nil {
		return false, err
	}
	if has, err := hasFile(dir, minisignFile); has || err != nil {
		return false, errors.Join(err, alreadySigned(dir, minisignKeyFile, key.PublicFile()))
	}
	sig, err := key.Sign(manifest, minisignComment(opening.Bundle, at))
	if err != nil {
		return false, err
	}
	return true, addSignature(dir, minisignKeyFile, key.PublicFile(), minisignFile, sig)
}

// AddCMS signs a sealed bundle with a certificate as well: sig/….p7s, a detached CMS signature in DER, and
// sig/signer-chain.pem. at, added and the error are those of AddMinisign.
func AddCMS(dir string, cert *signature.Certificate, at time.Time) (added bool, err error) {
	_, manifest, err := readSigned(dir)
	if err != nil {
		return false, err
	}
	chain := signature.ChainPEM(cert.Chain())
	if has, err := hasFile(dir, cmsFile); has || err != nil {
		return false, errors.Join(err, alreadySigned(dir, cmsChainFile, chain))
	}
	sig, err := cert.Sign(manifest, at)
	if err != nil {
		return false, err
	}
	return true, addSignature(dir, cmsChainFile, chain, cmsFile, sig)
}

// readSigned reads what is signed, and refuses a bundle whose SSH signature is not there or not right: a further signature
// is put on what was sealed, not on what has become of it.
func readSigned(dir string) (Opening, []byte, error) {
	opening, _, err := readOpening(dir)
	if err != nil {
		return Opening{}, nil, err
	}
	manifest, err := os.ReadFile(filepath.Join(dir, tagManifestFile))
	if err != nil {
		return Opening{}, nil, fmt.Errorf("the bundle is not sealed yet: %w", err)
	}
	armored, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(signatureFile)))
	if err != nil {
		return Opening{}, nil, fmt.Errorf("the bundle has no SSH signature yet: %w", err)
	}
	signer, err := signature.Verify(bytes.NewReader(manifest), armored, signature.Namespace)
	if err != nil {
		return Opening{}, nil, fmt.Errorf("%s: %w", signatureFile, err)
	}
	if signer.Fingerprint != opening.Signer {
		return Opening{}, nil, fmt.Errorf("%s: %w: it is of the key %s, the bundle was opened for %s", signatureFile,
			signature.ErrBadSignature, signer.Fingerprint, opening.Signer)
	}
	return opening, manifest, nil
}

func hasFile(dir, name string) (bool, error) {
	_, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// alreadySigned is no error where the key in the bundle is the one that was to sign. It removes what drafts a run that was
// killed has left.
func alreadySigned(dir, keyFile string, key []byte) error {
	for _, name := range []string{minisignFile, minisignKeyFile, cmsFile, cmsChainFile} {
		_ = os.Remove(filepath.Join(dir, filepath.FromSlash(name)+partSuffix))
	}
	there, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(keyFile)))
	if err != nil {
		return err
	}
	if !bytes.Equal(there, key) {
		return fmt.Errorf("the bundle is signed with another key, see %s, and no signature is replaced: %w", keyFile, fs.ErrExist)
	}
	return nil
}

// addSignature writes the key and then its signature: a bundle that has the signature has the rest.
func addSignature(dir, keyFile string, key []byte, sigFile string, sig []byte) error {
	for _, file := range []struct {
		name string
		data []byte
	}{{keyFile, key}, {sigFile, sig}} {
		err := createWhole(filepath.Join(dir, filepath.FromSlash(file.name)), file.data)
		if errors.Is(err, fs.ErrExist) && file.name == keyFile {
			err = alreadySigned(dir, keyFile, key) // a run that was killed wrote it
		}
		if err != nil {
			return err
		}
	}
	protect(dir)
	return nil
}

// createWhole writes a new file whole or not at all, and refuses a name that is taken. Two programs may sign the same
// sealed bundle at once, so looking first and renaming then is not enough.
func createWhole(path string, data []byte) error {
	var d disk
	draft := path + partSuffix // always the same, so that the draft of a run that was killed is used up by the next
	f, err := d.open(draft, os.O_WRONLY|os.O_CREATE)
	if err != nil {
		return err
	}
	if err := lock(f.File); err != nil {
		return errors.Join(err, f.Close())
	}
	defer func() { _ = os.Remove(draft) }() // renamed away already where links are unknown
	err = f.Truncate(0)
	if err == nil {
		_, err = f.Write(data)
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	err = os.Link(draft, path)
	closeErr := f.Close() // not before: with the file the lock goes, and the next writer empties the draft
	switch {
	case err == nil:
		return errors.Join(closeErr, d.syncDir(filepath.Dir(path)))
	case errors.Is(err, fs.ErrExist):
		return err
	}
	// A file system without links, as on a USB stick.
	if _, err := os.Lstat(path); err == nil {
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	return d.moveFile(draft, path)
}

// UnfinishedSignature says whether a damage is no more than what a run leaves that was killed in AddMinisign or AddCMS: a
// draft, or a key without its signature. Calling it again with the same key completes it.
func UnfinishedSignature(d Damage) bool {
	name, draft := strings.CutSuffix(d.Name, partSuffix)
	switch name {
	case minisignFile, cmsFile:
		return draft || d.Kind == DamageMissing
	case minisignKeyFile, cmsChainFile:
		return draft
	}
	return false
}

// otherSignatures checks the minisign and the CMS signature, where they are. It comes after the time-stamps, as of which
// a certificate is judged.
func (v *verifier) otherSignatures() error {
	return errors.Join(v.minisign(), v.cms())
}

// pair reads a signature and its key. ok is false where neither is there, and where one of the two is missing, which is
// noted as damage.
func (v *verifier) pair(sigFile, keyFile string) (sig, key []byte, ok bool, err error) {
	if !v.present[sigFile] && !v.present[keyFile] {
		return nil, nil, false, nil
	}
	sig, hasSig, err := v.read(sigFile, maxSigFile)
	if err != nil {
		return nil, nil, false, err
	}
	key, hasKey, err := v.read(keyFile, maxSigFile)
	return sig, key, hasSig && hasKey, err
}

func (v *verifier) minisign() error {
	before := len(v.Damage)
	sig, key, ok, err := v.pair(minisignFile, minisignKeyFile)
	if err != nil || !ok {
		return err
	}
	signer, err := signature.VerifyMinisign(v.manifest, sig, key)
	switch {
	case err != nil:
		v.damage(DamageSignature, minisignFile, "%v", err)
	case !strings.HasPrefix(signer.Comment, "mbaudit bundle "+v.opening.Bundle+" signed "):
		v.damage(DamageSignature, minisignFile, "its comment is not of this bundle: %q", signer.Comment)
	default:
		v.Minisign = &MinisignSignature{Name: minisignFile, PublicKey: signer.PublicKey, KeyID: signer.KeyID, Comment: signer.Comment}
	}
	v.check(before, "minisign format", "minisign signature of %s", tagManifestFile)
	return nil
}

func (v *verifier) cms() error {
	before := len(v.Damage)
	der, chain, ok, err := v.pair(cmsFile, cmsChainFile)
	if err != nil || !ok {
		return err
	}
	signer, err := signature.VerifyCMS(v.manifest, der)
	switch {
	case err != nil:
		v.damage(DamageSignature, cmsFile, "%v", err)
	case !bytes.Equal(signature.ChainPEM(signer.Chain), chain):
		v.damage(DamageSignature, cmsChainFile, "its certificates are not those in %s", cmsFile)
	default:
		v.Certificate = v.judge(signer)
	}
	v.check(before, "CMS", "certificate's signature of %s", tagManifestFile)
	return nil
}

// judge says what is known of the certificate as of the best time that is known.
func (v *verifier) judge(signer signature.CertificateSigner) *CertificateSignature {
	leaf := signer.Chain[0]
	c := &CertificateSignature{Name: cmsFile, Subject: leaf.Subject.String(), Issuer: leaf.Issuer.String(),
		Serial: fmt.Sprintf("%x", leaf.SerialNumber), Fingerprint: signature.CertificateFingerprint(leaf),
		NotBefore: leaf.NotBefore.UTC(), NotAfter: leaf.NotAfter.UTC(), SigningTime: signer.SigningTime, At: time.Now().UTC().Truncate(time.Second)}
	if stamp, ok := earliestStamp(v.Timestamps); ok {
		c.At, c.JudgedBy = stamp.Time, stamp.Name
	}
	c.Valid = !c.At.Before(leaf.NotBefore) && !c.At.After(leaf.NotAfter)
	if err := signer.Trusted(v.config.SealRoots, c.At); err != nil {
		c.Untrust = err.Error()
	}
	c.Trusted = c.Untrust == ""
	return c
}

// earliestStamp is the earliest time-stamp on the tag manifest by a third party that is trusted here. Of others nobody knows
// when they were made, and a certificate that has expired must not become valid again by one.
func earliestStamp(stamps []Timestamp) (Timestamp, bool) {
	var earliest Timestamp
	for _, s := range stamps {
		if s.Of == tagManifestFile && s.Trusted && !s.Local && (earliest.Name == "" || s.Time.Before(earliest.Time)) {
			earliest = s
		}
	}
	return earliest, earliest.Name != ""
}
