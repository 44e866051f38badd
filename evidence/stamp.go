package evidence

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mbaudit/mbaudit/evidence/timestamp"
)

// What of a bundle is timestamped: the opening before the first byte is read, the tag manifest after sealing.
const (
	StampOpening = openingFile
	StampSeal    = tagManifestFile
)

// StampDigest is the digest to be timestamped: the SHA-256 of the bundle's file, StampOpening or StampSeal.
func StampDigest(dir, of string) (Digest, error) {
	file, err := digestPath(dir, of)
	return file.SHA256, err
}

// AddTimestamp keeps an authority's whole answer, and the certificates that it needs, in the bundle's sig/ folder, and
// returns the answer's name in the bundle. The answer is held against the file once more before it is kept. Where the
// certificates sent do not reach a root, those of roots (nil: none) complete them, so that openssl can follow.
func AddTimestamp(dir, of, authority string, tsr []byte, roots *x509.CertPool) (string, error) {
	digest, err := StampDigest(dir, of)
	if err != nil {
		return "", err
	}
	info, err := verifyStamp(tsr, digest, roots)
	if err != nil {
		return "", err
	}
	for n := 1; ; n++ {
		name := fmt.Sprintf("%s/%s.%s", sigDir, of, label(authority))
		if n > 1 {
			name = fmt.Sprintf("%s-%d", name, n)
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		if _, err := os.Lstat(path + ".tsr"); err == nil {
			continue // an earlier answer of the same authority stays
		}
		if err := ensureFile(path+".pem", chainPEM(info)); err != nil {
			return "", err
		}
		err := createFile(path+".tsr", tsr)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		return name + ".tsr", err
	}
}

// verifyStamp checks a time-stamp, and says of one that leads to no root of roots that it is not trusted, which is for
// a person to judge and no damage.
func verifyStamp(tsr []byte, digest Digest, roots *x509.CertPool) (timestamp.Info, error) {
	if roots != nil {
		info, err := timestamp.Verify(tsr, digest, timestamp.Options{Roots: roots})
		if !errors.Is(err, timestamp.ErrUntrusted) {
			return info, err
		}
	}
	return timestamp.Verify(tsr, digest, timestamp.Options{})
}

// chainPEM gives the certificates from the signer to the root, then what else was sent, each once.
func chainPEM(info timestamp.Info) []byte {
	var out bytes.Buffer
	seen := make(map[Digest]bool)
	add := func(der []byte) {
		if sum := Digest(sha256.Sum256(der)); !seen[sum] {
			seen[sum] = true
			_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: der}) // a bytes.Buffer takes all
		}
	}
	for _, cert := range info.Chain {
		add(cert.Raw)
	}
	for block, rest := pem.Decode(info.Certificates); block != nil; block, rest = pem.Decode(rest) {
		add(block.Bytes)
	}
	return out.Bytes()
}

// label makes an authority's host fit for a file's name in a bundle.
func label(authority string) string {
	clean := strings.Map(func(r rune) rune {
		if r < 0x80 && bagName(string(r)) && r != '/' {
			return r
		}
		return '-'
	}, authority)
	for strings.Contains(clean, "..") {
		clean = strings.ReplaceAll(clean, "..", ".")
	}
	return clean
}
