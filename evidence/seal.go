package evidence

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/mbaudit/mbaudit/evidence/signature"
)

//go:embed texts/VERIFY.txt
var verifyText []byte

//go:embed texts/LISEZMOI.txt
var lisezmoiText []byte

//go:embed texts/verify.sh
var verifyScript []byte

// A SealConfig says with what a bundle is sealed.
type SealConfig struct {
	Identity *signature.Identity // whose key signs; its fingerprint must be the one in the opening

	// Principal is the name of the signer in sig/allowed_signers: an e-mail address or one word.
	Principal string

	Journal io.Reader // the case's journal up to now, copied into the bundle
	Clocks  []Clock   // what the operator's clock was compared with

	Store json.RawMessage // what a probe of the store found; nil where there was none
}

// Sealed says what was sealed, as read back from the sealed files.
type Sealed struct {
	Acquisition
	TagManifest Digest // SHA-256 of tagmanifest-sha256.txt: the one number to copy into the record
}

// Seal ends the bundle: what was announced and never came becomes gaps, the last segment is sealed, the manifests are
// written and signed. Afterwards the Writer takes nothing more. If Seal fails, Resume and Seal finish the work. Coverage is
// left out of what it returns, since that of many accounts is large: ReadSealed gives it.
func (w *Writer) Seal(config SealConfig) (*Sealed, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken != nil {
		return nil, w.broken
	}
	if err := checkSigner(w.opening, config.Identity); err != nil {
		return nil, err
	}
	if err := w.finishRecords(); err != nil {
		return nil, w.breakOff(err)
	}
	if err := w.writeTagFiles(config); err != nil {
		return nil, w.breakOff(errors.Join(err, w.ledger.close()))
	}
	w.broken = fmt.Errorf("%w: %w", ErrStorage, ErrSealed)
	if err := Sign(w.dir, config.Identity, config.Principal); err != nil {
		return nil, err
	}
	return ReadTotals(w.dir)
}

// protect takes the right to write off a sealed bundle's files, against a slip of the hand. Folders keep it, since sig/
// may still grow. A file system that knows no such rights is left alone.
func protect(dir string) {
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			_ = os.Chmod(path, 0o400)
		}
		return nil
	})
}

// finishRecords writes the last records and seals the last segment.
func (w *Writer) finishRecords() error {
	for row, err := range w.ledger.rows() {
		if err == nil {
			err = w.account(row)
		}
		if err != nil {
			return err
		}
	}
	if err := w.waitForSeal(); err != nil {
		return err
	}
	if w.seg != nil && w.seg.records > 0 {
		w.startSeal()
		return w.waitForSeal()
	}
	if w.seg != nil { // the last Put failed in a fresh segment, which is empty
		err := errors.Join(w.seg.close(), w.removeParts(w.seg.number))
		w.seg = nil
		return err
	}
	return nil
}

// account makes what was announced of a resource and never came a gap.
func (w *Writer) account(row Coverage) error {
	account, err := w.ledger.account(row.Account)
	if err != nil {
		return err
	}
	state := account.rows[row.Resource]
	missing := state.unaccounted()
	if missing == 0 {
		return nil
	}
	why := "it did not say why"
	if state.note != "" {
		why = state.note
	}
	return w.gap(Gap{Account: row.Account, Collector: row.Collector, Resource: row.Resource, Class: GapUnaccounted, At: w.config.Now(),
		Reason: fmt.Sprintf("%d of the %d that the source announced did not come: %s", missing, state.asked, why)})
}

// coverage lists the rows that the bundle is sealed with.
func (w *Writer) coverage() iter.Seq2[Coverage, error] {
	return func(yield func(Coverage, error) bool) {
		for row, err := range w.ledger.rows() {
			if w.partial {
				row.Status = StatusUnfinished
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// writeTagFiles writes everything that describes the payload, tagmanifest-sha256.txt last: with it the bundle is sealed.
func (w *Writer) writeTagFiles(config SealConfig) error {
	sealedAt := w.now()
	if err := w.logLine(logSession, "ended"); err != nil {
		return err
	}
	if err := w.closeLogs(); err != nil {
		return err
	}
	runs, err := w.sessions()
	if err != nil {
		return err
	}
	acq := &Acquisition{V: formatVersion, Opening: w.opening, Sessions: runs, SealedAt: sealedAt, Clocks: config.Clocks,
		Counts: w.counts, Tree: TreeHead{w.tree.size, w.tree.root()}, LastSeal: w.prev, Partial: w.partial, Store: config.Store}
	if w.cipher != nil {
		if acq.Salt, err = newSalt(); err != nil {
			return err
		}
	}
	err = w.config.disk.ensureWritten(w.path(coverageFile), func(out io.Writer) error { return writeCoverage(out, w.coverage()) })
	if err != nil {
		return err
	}
	err = w.config.disk.ensureWritten(w.path(journalFile), func(out io.Writer) error {
		if _, err := io.Copy(out, config.Journal); err != nil {
			return fmt.Errorf("copying the journal: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	// The whole acquisition.json; of an encrypted bundle it goes into the payload, and the public one names its digest.
	whole, err := w.writeAcquisition(acq)
	if err != nil {
		return err
	}
	if err := w.ledger.close(); err != nil { // before the manifests: a sealed bundle has no file but those that they name
		return err
	}
	described, err := w.describe()
	if err != nil {
		return err
	}
	payload := append(append([]SealedFile(nil), w.files...), described...)
	tags, err := w.tagFiles(acq, config, payload)
	if err != nil {
		return err
	}
	tagManifest := []manifestLine{{whole, acquisitionFile}}
	if w.cipher != nil {
		public, err := marshalDocument(acq.public(whole))
		if err != nil {
			return err
		}
		tags[acquisitionFile], tagManifest = public, nil
	}
	for name, data := range tags {
		if err := w.config.disk.ensureFile(w.path(name), data); err != nil {
			return err
		}
		tagManifest = append(tagManifest, manifestLine{sha256.Sum256(data), name})
	}
	names := []string{openingFile}
	for n := 1; n <= acq.Counts.Segments; n++ {
		names = append(names, sealPath(n))
	}
	for _, name := range names {
		file, err := digestPath(w.dir, name)
		if err != nil {
			return err
		}
		tagManifest = append(tagManifest, manifestLine{file.SHA256, name})
	}
	return w.config.disk.ensureFile(w.path(tagManifestFile), formatManifest(tagManifest))
}

// describe finishes the payload files that describe the rest: the logs, the journal, and in an encrypted bundle what must
// not stand outside of data/.
func (w *Writer) describe() ([]SealedFile, error) {
	if w.cipher == nil {
		var files []SealedFile
		for _, name := range []string{logFile, coverageFile, exceptionsFile, journalFile} {
			file, err := digestPath(w.dir, name)
			if err != nil {
				return nil, err
			}
			files = append(files, file)
		}
		return files, nil
	}
	var files []SealedFile
	for _, name := range clearNames() {
		clear, err := os.Open(w.path(name))
		if err != nil {
			return nil, err
		}
		file, err := w.encryptFile(clear, strings.TrimSuffix(name, partSuffix))
		if err = errors.Join(err, clear.Close()); err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

// writeAcquisition writes the whole acquisition.json with the coverage, and gives its digest.
func (w *Writer) writeAcquisition(acq *Acquisition) (Digest, error) {
	name := acquisitionFile
	if w.cipher != nil {
		name = privateAcquisitionFile + partSuffix
	}
	sum := sha256.New()
	err := w.config.disk.ensureWritten(w.path(name), func(out io.Writer) error {
		return writeAcquisition(io.MultiWriter(out, sum), *acq, w.coverage())
	})
	return Digest(sum.Sum(nil)), err
}

// sessions reads the runs of the collection out of the bundle's log.
func (w *Writer) sessions() ([]Session, error) {
	log, err := os.Open(w.path(logFile))
	if err != nil {
		return nil, err
	}
	runs, err := sessions(log)
	return runs, errors.Join(err, log.Close())
}

// tagFiles gives the tag files that are written at sealing, by name.
func (w *Writer) tagFiles(acq *Acquisition, config SealConfig, payload []SealedFile) (map[string][]byte, error) {
	var lines []manifestLine
	var size int64
	for _, f := range payload {
		lines = append(lines, manifestLine{f.SHA256, f.Path})
		size += f.Size
	}
	salt, err := newSalt()
	if err != nil {
		return nil, err
	}
	checkpoint, err := signCheckpoint(acq, config.Identity)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		bagItFile:      []byte(bagItDeclaration),
		bagInfoFile:    bagInfo(acq, size, len(payload), salt),
		manifestFile:   formatManifest(lines),
		checkpointFile: checkpoint,
		"VERIFY.txt":   verifyText,
		"LISEZMOI.txt": lisezmoiText,
		"verify.sh":    verifyScript,
	}, nil
}

// checkpointOrigin is the first line of a bundle's checkpoint, and the name of the key that signs it.
func checkpointOrigin(bundle string) string { return "mbaudit/bundle/" + bundle }

// checkpointText is the body of a C2SP tlog-checkpoint: origin, size, root.
func checkpointText(bundle string, head TreeHead) string {
	return fmt.Sprintf("%s\n%d\n%s\n", checkpointOrigin(bundle), head.Size, base64.StdEncoding.EncodeToString(head.Root[:]))
}

func signCheckpoint(acq *Acquisition, identity *signature.Identity) ([]byte, error) {
	signer, err := identity.NoteSigner(checkpointOrigin(acq.Opening.Bundle))
	if err != nil {
		return nil, err
	}
	return note.Sign(&note.Note{Text: checkpointText(acq.Opening.Bundle, acq.Tree)}, signer)
}

// Sign signs a sealed bundle's tagmanifest-sha256.txt. Signing again with the same key changes nothing, so a run that
// was killed between sealing and signing is finished by calling it once more.
func Sign(dir string, identity *signature.Identity, principal string) error {
	opening, _, err := readOpening(dir)
	if err != nil {
		return err
	}
	if err := checkSigner(opening, identity); err != nil {
		return err
	}
	if opening.Private != nil {
		if err := removeClear(disk{}, dir); err != nil {
			return err
		}
	}
	vkey, err := identity.VerifierKey(checkpointOrigin(opening.Bundle))
	if err != nil {
		return err
	}
	manifest, err := os.Open(filepath.Join(dir, tagManifestFile))
	if err != nil {
		return err
	}
	defer manifest.Close()
	armored, err := identity.Sign(manifest, signature.Namespace)
	if err != nil {
		return err
	}
	allowed, err := identity.AllowedSigners(principal)
	if err != nil {
		return err
	}
	// The signature itself comes last: a bundle that has it has the rest.
	for _, file := range []struct {
		name string
		data []byte
	}{
		{signerKeyFile, identity.AuthorizedKey()},
		{signersFile, allowed},
		{verifierKeyFile, []byte(vkey + "\n")},
		{signatureFile, armored},
	} {
		if err := ensureFile(filepath.Join(dir, filepath.FromSlash(file.name)), file.data); err != nil {
			return err
		}
	}
	protect(dir)
	return nil
}

// checkSigner refuses another key than the one that the opening names.
func checkSigner(opening Opening, identity *signature.Identity) error {
	if got := identity.Fingerprint(); got != opening.Signer {
		return fmt.Errorf("the bundle was opened to be signed by %s, this key is %s", opening.Signer, got)
	}
	return nil
}

// Signed says whether a sealed bundle has its signature.
func Signed(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(signatureFile)))
	return err == nil
}

func (w *Writer) path(name string) string { return filepath.Join(w.dir, filepath.FromSlash(name)) }

func digestPath(dir, name string) (SealedFile, error) {
	f, err := os.Open(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		return SealedFile{}, err
	}
	defer f.Close()
	return digestFile(f, name)
}

// ReadSealed reads a sealed bundle's acquisition.json, held against the tag manifest. Verify checks the rest.
func ReadSealed(dir string) (*Sealed, error) {
	var rows []Coverage
	sealed, err := ReadCoverage(dir, rowsInto(&rows))
	if err != nil {
		return nil, err
	}
	sealed.Coverage = rows
	return sealed, nil
}

// ReadTotals is ReadSealed without the coverage, which of many accounts is large.
func ReadTotals(dir string) (*Sealed, error) { return ReadCoverage(dir, nil) }

// ReadCoverage is ReadSealed that gives each row of the coverage to row and keeps none. What rows it gave is worth nothing if it
// returns an error.
func ReadCoverage(dir string, row func(Coverage)) (*Sealed, error) {
	manifest, err := os.ReadFile(filepath.Join(dir, tagManifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is not sealed yet: %w", dir, err)
	}
	if err != nil {
		return nil, err
	}
	lines, err := parseManifest(manifest)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", tagManifestFile, err)
	}
	file, err := os.Open(filepath.Join(dir, acquisitionFile))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	sealed := &Sealed{TagManifest: sha256.Sum256(manifest)}
	f := hashed(file, acquisitionFile)
	parsing, err := readHashed(f, &sealed.Acquisition, row)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", acquisitionFile, err)
	}
	if !slices.Contains(lines, manifestLine{f.digest(), acquisitionFile}) {
		return nil, fmt.Errorf("%s is not the one that was sealed", acquisitionFile)
	}
	if parsing != nil {
		return nil, fmt.Errorf("reading %s: %w", acquisitionFile, parsing)
	}
	return sealed, nil
}

// Files lists all files of a sealed bundle in the order in which they are to be copied: the payload, what describes it,
// the tag manifest, what certifies it, the signature last. The digests of what is sealed are those of the manifests: a
// copy that has them is the sealed one, whatever has become of the original.
func Files(dir string) ([]SealedFile, error) {
	var files []SealedFile
	for _, manifest := range []string{manifestFile, tagManifestFile} {
		data, err := os.ReadFile(filepath.Join(dir, manifest))
		if err != nil {
			return nil, fmt.Errorf("%s is not a sealed bundle: %w", dir, err)
		}
		lines, err := parseManifest(data)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", manifest, err)
		}
		for _, l := range lines {
			info, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(l.name)))
			if err != nil {
				return nil, err
			}
			files = append(files, SealedFile{Path: l.name, Size: info.Size(), SHA256: l.digest})
		}
	}
	names := []string{tagManifestFile}
	entries, err := os.ReadDir(filepath.Join(dir, sigDir))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if name := sigDir + "/" + e.Name(); certificate(name) && name != signatureFile {
			names = append(names, name)
		}
	}
	for _, name := range append(names, signatureFile) {
		file, err := digestPath(dir, name)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}
