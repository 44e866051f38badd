package evidence

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/mbaudit/mbaudit/evidence/timestamp"
)

// What of a bundle is timestamped: the opening before the first byte is read, the tag manifest after sealing, and the
// manifest of a Renewal.
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
// returns the answer's name in the bundle. of is StampOpening, StampSeal or the name of a Renewal that was created. The
// answer is held against the file once more before it is kept. Where the certificates sent do not reach a root, those of
// roots (nil: none) complete them, so that openssl can follow.
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
		name := stampPrefix(of, authority)
		if n > 1 {
			name = fmt.Sprintf("%s-%d", name, n)
		}
		if _, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(name+".tsr"))); err == nil {
			continue // an earlier answer of the same authority stays
		}
		// The answer itself comes last: a bundle that has it has its certificates.
		err := createSig(dir, name+".pem", chainPEM(info))
		if err == nil {
			err = createSig(dir, name+".tsr", tsr)
		}
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		return name + ".tsr", err
	}
}

// CountTimestamps says how many time-stamps of a file (as in AddTimestamp) by an authority a bundle holds. It does not
// verify them.
func CountTimestamps(dir, of, authority string) (int, error) {
	names, err := sigNames(dir)
	prefix, count := stampPrefix(of, authority), 0
	for _, name := range names {
		rest, ok := strings.CutPrefix(name, prefix)
		rest, isStamp := strings.CutSuffix(rest, ".tsr")
		number, numbered := strings.CutPrefix(rest, "-")
		if _, err := strconv.Atoi(number); ok && isStamp && (rest == "" || numbered && err == nil) {
			count++
		}
	}
	return count, err
}

func stampPrefix(of, authority string) string {
	return fmt.Sprintf("%s/%s.%s", sigDir, path.Base(of), label(authority))
}

// sigNames lists what certifies a bundle, by its names in the bundle, sorted.
func sigNames(dir string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, sigDir))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if name := sigDir + "/" + e.Name(); certificate(name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// createSig writes a new file into sig/, whole or not at all: a run that is killed leaves its draft beside the bundle and
// not in it, where it would be a file that nobody sealed. A name that is taken gives fs.ErrExist, unless it has the same
// content and no time-stamp belongs to it yet.
func createSig(dir, name string, data []byte) error {
	to := filepath.Join(dir, filepath.FromSlash(name))
	if same, err := os.ReadFile(to); err == nil && strings.HasSuffix(name, ".pem") && bytes.Equal(same, data) {
		return nil
	}
	draft, err := os.CreateTemp(filepath.Dir(filepath.Clean(dir)), "."+filepath.Base(dir)+"-*.part")
	if err != nil {
		return createFile(to, data) // the bundle's folder alone may be written to
	}
	defer func() { _ = os.Remove(draft.Name()) }()
	_, err = draft.Write(data)
	if err == nil {
		err = draft.Sync()
	}
	if err := errors.Join(err, draft.Close()); err != nil {
		return err
	}
	// A link, unlike a rename, takes no name that is there already.
	if err := os.Link(draft.Name(), to); errors.Is(err, fs.ErrExist) {
		return err
	} else if err != nil {
		return createFile(to, data) // a file system without links
	}
	return disk{}.syncDir(filepath.Dir(to))
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

// KeepRevocation fetches, for every time-stamp in sig/ that has none beside it yet, what the issuers say of its
// certificates (CRLs and OCSP responses, as timestamp.FetchRevocation has it) and keeps it: NAME.AUTHORITY.crl.pem has
// all CRLs in PEM form, NAME.AUTHORITY.1.ocsp the OCSP response about the signer's certificate in DER, .2.ocsp that about
// its issuer's, and so on. It returns the names of what it wrote. What could not be had is in the error, and the rest is
// kept all the same: a time-stamp is one without it. client is required; ctx bounds it all.
func KeepRevocation(ctx context.Context, client *http.Client, dir string) ([]string, error) {
	names, err := sigNames(dir)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var kept []string
	var failed []error
	var all sync.WaitGroup
	for _, name := range names {
		base, isStamp := strings.CutSuffix(name, ".tsr")
		if !isStamp || slices.ContainsFunc(names, func(other string) bool { return revocationOf(other) == base }) {
			continue
		}
		all.Go(func() {
			written, errs := keepRevocation(ctx, client, dir, base)
			mu.Lock()
			defer mu.Unlock()
			kept, failed = append(kept, written...), append(failed, errs...)
		})
	}
	all.Wait()
	slices.Sort(kept)
	return kept, errors.Join(failed...)
}

// LacksRevocation says whether a time-stamp in sig/ has no revocation material beside it although its certificates name
// where to ask, so that KeepRevocation may get some.
func LacksRevocation(dir string) (bool, error) {
	names, err := sigNames(dir)
	for _, name := range names {
		base, isStamp := strings.CutSuffix(name, ".tsr")
		if !isStamp || slices.ContainsFunc(names, func(other string) bool { return revocationOf(other) == base }) {
			continue
		}
		chain, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(base+".pem")))
		if err != nil {
			continue
		}
		for _, cert := range certificates(chain) {
			if len(cert.CRLDistributionPoints) > 0 || len(cert.OCSPServer) > 0 {
				return true, nil
			}
		}
	}
	return false, err
}

func keepRevocation(ctx context.Context, client *http.Client, dir, base string) (written []string, failed []error) {
	tsr, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(base+".tsr")))
	if err != nil {
		return nil, []error{err}
	}
	of, _, _ := splitStamp(path.Base(base))
	digest, err := StampDigest(dir, of)
	if err != nil {
		return nil, []error{err}
	}
	info, err := verifyStamp(tsr, digest, nil)
	if err != nil {
		return nil, []error{fmt.Errorf("%s.tsr: %w", base, err)}
	}
	chain, _ := os.ReadFile(filepath.Join(dir, filepath.FromSlash(base+".pem"))) // without it the token's own have to do
	found, failed := timestamp.FetchRevocation(ctx, client, info, certificates(chain))
	files := map[string][]byte{}
	for _, crl := range found.CRLs {
		files[".crl.pem"] = append(files[".crl.pem"], pem.EncodeToMemory(&pem.Block{Type: crlBlock, Bytes: crl})...)
	}
	for place, response := range found.OCSP {
		files[fmt.Sprintf(".%d.ocsp", place)] = response
	}
	for suffix, data := range files {
		if err := createSig(dir, base+suffix, data); err != nil {
			failed = append(failed, err)
			continue
		}
		written = append(written, base+suffix)
	}
	return written, failed
}

// crlBlock is the type of a CRL's PEM block (RFC 7468 section 6).
const crlBlock = "X509 CRL"

// revocationOf gives the name, without .tsr, of the time-stamp that a file of revocation material belongs to, "" if it is
// none.
func revocationOf(name string) string {
	if base, ok := strings.CutSuffix(name, ".crl.pem"); ok {
		return base
	}
	if base, ok := strings.CutSuffix(name, ".ocsp"); ok && len(base) > 2 && base[len(base)-2] == '.' && base[len(base)-1] >= '1' && base[len(base)-1] <= '9' {
		return base[:len(base)-2]
	}
	return ""
}

// certificates reads those of a PEM file that can be read, of a stranger's not too many.
func certificates(data []byte) []*x509.Certificate {
	const most = 32
	var certs []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil && len(certs) < most; block, rest = pem.Decode(rest) {
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			certs = append(certs, cert)
		}
	}
	return certs
}

// A Renewal is a manifest of all that certifies a bundle at one moment: tagmanifest-sha256.txt and every file in sig/, the
// earlier renewals among them. Its time-stamp shows, in the manner of RFC 4998 section 5.2, that the older ones were
// there while their certificates and algorithms could still be relied on.
type Renewal struct {
	Name     string // sig/renewal-001.sha256
	Manifest []byte // as sha256sum -c reads it in the bundle's folder
}

// Digest is what is to be timestamped.
func (r Renewal) Digest() Digest { return sha256.Sum256(r.Manifest) }

// PlanRenewal says what the next renewal of a sealed bundle is. It writes nothing and verifies nothing: verify the bundle
// first, since a renewal keeps damage as it is.
func PlanRenewal(dir string) (Renewal, error) {
	names, err := sigNames(dir)
	if err != nil {
		return Renewal{}, err
	}
	number := 1
	var lines []manifestLine
	for _, name := range append(names, tagManifestFile) {
		if of, rest, _ := splitStamp(path.Base(name)); rest == "" && of == renewalName(number) {
			number++ // they are sorted
		}
		file, err := digestPath(dir, name)
		if err != nil {
			return Renewal{}, err
		}
		lines = append(lines, manifestLine{file.SHA256, name})
	}
	return Renewal{Name: renewalName(number), Manifest: formatManifest(lines)}, nil
}

// Create writes the manifest into the bundle. If another run has written one of that name, the error wraps fs.ErrExist.
func (r Renewal) Create(dir string) error { return createSig(dir, r.Name, r.Manifest) }

func renewalName(number int) string { return fmt.Sprintf("%s/renewal-%03d.sha256", sigDir, number) }

// splitStamp tells from the name of a file in sig/ which file it certifies, and what follows that file's name: ".tsr" and
// the like with the authority before it, or nothing for the manifest of a renewal itself.
func splitStamp(base string) (of, rest string, ok bool) {
	for _, file := range []string{tagManifestFile, openingFile} {
		if rest, ok := strings.CutPrefix(base, file+"."); ok {
			return file, "." + rest, true
		}
	}
	const form = "renewal-001.sha256"
	if len(base) < len(form) {
		return "", "", false
	}
	of = sigDir + "/" + base[:len(form)]
	number, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(base[:len(form)], "renewal-"), ".sha256"))
	if err != nil || number < 1 || of != renewalName(number) {
		return "", "", false
	}
	rest = base[len(form):]
	return of, rest, rest == "" || rest[0] == '.'
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
