package evidence

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"
)

// ErrSealed says that a bundle is sealed and takes nothing more.
var ErrSealed = errors.New("the bundle is sealed")

// errInUse says that another process is writing the bundle.
var errInUse = errors.New("another mbaudit is writing this bundle")

// ReadOpening reads a bundle's opening.json. sealed says whether the bundle is sealed.
func ReadOpening(dir string) (opening Opening, sealed bool, err error) {
	opening, _, err = readOpening(dir)
	if err != nil {
		return opening, false, err
	}
	sealed, err = isSealed(dir)
	return opening, sealed, err
}

// isSealed says whether a bundle has its tag manifest.
func isSealed(dir string) (bool, error) {
	_, err := os.Lstat(filepath.Join(dir, tagManifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func readOpening(dir string) (opening Opening, doc []byte, err error) {
	doc, err = os.ReadFile(filepath.Join(dir, openingFile))
	if err != nil {
		return opening, nil, err
	}
	if err := parseDocument(doc, &opening); err != nil {
		return opening, nil, fmt.Errorf("reading %s: %w", openingFile, err)
	}
	if opening.Private != nil {
		if err := readPrivately(dir, &opening); err != nil {
			return opening, nil, err
		}
	}
	return opening, doc, nil
}

// Resume goes on with a bundle that was left by Close, by an error or by a crash. It keeps every sealed segment and, of
// the unsealed rest, every record of which line and body are whole. A sealed bundle is refused with ErrSealed.
func Resume(dir string, config WriterConfig) (*Writer, error) {
	w, err := resume(dir, config)
	if err != nil {
		return nil, err
	}
	return w.begin("resumed")
}

// resume is Resume without a word in the log.
func resume(dir string, config WriterConfig) (*Writer, error) {
	opening, doc, err := readOpening(dir)
	if err != nil {
		return nil, err
	}
	sealed, err := isSealed(dir)
	if err != nil {
		return nil, err
	}
	if sealed {
		return nil, fmt.Errorf("%s: %w", dir, ErrSealed)
	}
	w := newWriter(dir, opening, doc, config)
	if w.cipher, err = newCipher(opening); err != nil {
		return nil, err
	}
	if err := w.cipher.readResumeKey(dir); err != nil {
		return nil, err
	}
	if w.log, err = reopenLog(config.disk, filepath.Join(dir, filepath.FromSlash(logFile))); err != nil {
		return nil, err
	}
	if err := w.recover(); err != nil {
		if w.seg != nil {
			err = errors.Join(err, w.seg.close())
		}
		return nil, errors.Join(err, w.closeLogs(), w.ledger.close())
	}
	return w, nil
}

// reopenLog opens acquisition.log for appending and ends a line that a crash has torn.
func reopenLog(d disk, path string) (*file, error) {
	f, err := d.open(path, os.O_RDWR|os.O_APPEND|os.O_CREATE)
	if err != nil {
		return nil, err
	}
	if err := lock(f.File); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil && size > 0 {
		var last [1]byte
		if _, err = f.ReadAt(last[:], size-1); err == nil && last[0] != '\n' {
			_, err = f.WriteString("\n")
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// recover reads back what the earlier runs left: the sealed segments, then the rest.
func (w *Writer) recover() error {
	if err := w.createExceptions(); err != nil {
		return err
	}
	if err := w.config.disk.remove(w.path(ledgerFile)); err != nil {
		return err
	}
	for {
		doc, err := os.ReadFile(filepath.Join(w.dir, filepath.FromSlash(sealPath(w.nextNumber))))
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return err
		}
		if err := w.recoverSealed(doc); err != nil {
			return fmt.Errorf("resuming from %s: %w", sealPath(w.nextNumber), err)
		}
		w.nextNumber++
	}
	return w.recoverRest()
}

// recoverSealed takes over a sealed segment. Its index is read and checked against the seal; its bodies are left to
// Verify.
func (w *Writer) recoverSealed(doc []byte) error {
	var seal Seal
	if err := parseDocument(doc, &seal); err != nil {
		return err
	}
	if seal.Prev != w.prev || seal.Bundle != w.opening.Bundle || seal.Segment != w.nextNumber || seal.First != w.tree.size+1 {
		return fmt.Errorf("it does not follow the seal before it")
	}
	f, err := os.Open(filepath.Join(w.dir, filepath.FromSlash(seal.Index.Path)))
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	sealed := io.TeeReader(f, sum)
	clear := sealed
	if w.cipher != nil {
		if clear, err = age.Decrypt(sealed, w.cipher.resume); err != nil {
			return fmt.Errorf("reading %s: %w", seal.Index.Path, err)
		}
	}
	lines := bufio.NewReaderSize(clear, readChunk)
	for {
		text, err := lines.ReadBytes('\n')
		if err == io.EOF && len(text) == 0 {
			break
		}
		if err != nil {
			return err
		}
		r, err := parseLine(text)
		if err != nil {
			return err
		}
		if err := w.recoverRecord(r, text); err != nil {
			return err
		}
	}
	if _, err := io.Copy(io.Discard, sealed); err != nil {
		return err
	}
	if Digest(sum.Sum(nil)) != seal.Index.SHA256 || w.tree.root() != seal.Tree.Root {
		return fmt.Errorf("%s is not what was sealed", seal.Index.Path)
	}
	w.files = append(w.files, seal.Index)
	if seal.Zip != nil {
		w.files = append(w.files, *seal.Zip)
	}
	w.prev = sha256.Sum256(doc)
	w.counts.Segments++
	return w.removeParts(seal.Segment)
}

// recoverRest takes over the segments that were not sealed. All but the last were full and are sealed now.
func (w *Writer) recoverRest() error {
	for {
		seg, err := recoverSegment(w.config.disk, w.dir, w.nextNumber, w.tree.size+1, w.recoverRecord)
		if errors.Is(err, fs.ErrNotExist) {
			return w.removeParts(w.nextNumber) // an archive that got no index yet is empty
		}
		if err != nil {
			return fmt.Errorf("resuming segment %d: %w", w.nextNumber, err)
		}
		w.nextNumber++
		w.seg = seg
		if !partExists(w.dir, indexPath(w.nextNumber)) {
			return w.removeParts(w.nextNumber)
		}
		if seg.offset() < w.config.SegmentSize && seg.records < maxEntries {
			// The next segment was begun after this one was full; part of this one is lost, so the numbers of
			// the next one do not follow. Its bodies are read again from the source.
			return w.removeParts(w.nextNumber)
		}
		w.startSeal()
		if err := w.waitForSeal(); err != nil {
			return err
		}
	}
}

func partExists(dir, name string) bool {
	path := filepath.Join(dir, filepath.FromSlash(name))
	for _, p := range []string{path + partSuffix, path} {
		if _, err := os.Lstat(p); err == nil {
			return true
		}
	}
	return false
}

// recoverRecord counts a record that an earlier run kept.
func (w *Writer) recoverRecord(r Record, text []byte) error {
	w.tree.add(text)
	if err := w.count(r); err != nil || r.Gap == nil {
		return err
	}
	var row strings.Builder
	appendException(&row, r)
	_, err := w.exceptions.WriteString(row.String())
	return err
}

// Unfinished lists the bundles in the folder dir that are not sealed, or not signed, oldest first (their names are ULIDs).
func Unfinished(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var found []string
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if strings.Contains(e.Name(), partialMark) {
			continue // what is left of one that was interrupted; the bundle itself is what goes on
		}
		if _, sealed, err := ReadOpening(path); err == nil && !(sealed && Signed(path)) {
			found = append(found, path)
		}
	}
	return found, nil
}

// now is the Writer's clock to the millisecond, in UTC.
func (w *Writer) now() time.Time { return w.config.Now().UTC().Truncate(time.Millisecond) }
