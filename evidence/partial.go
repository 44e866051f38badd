package evidence

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// partialMark stands in the folder name of a partial bundle, between the bundle's ULID and how many records it holds.
const partialMark = ".partial-"

// Partial makes, in a new folder beside the unsealed bundle dir, a bundle of what there is so far, ready to be sealed:
// the same opening, the sealed segments, and of the open one every record that is on the disk whole. The bundle itself is
// only read, whether it is being written at this moment or was interrupted, and goes on as if nothing had been. It will
// have what a partial bundle has, in the same order: the checkpoint of the one is a prefix of the other's.
//
// Of a bundle that is being written, what the other process still holds in memory is not in the partial one: at most
// the last 1 MiB.
func Partial(dir string, config WriterConfig) (*Writer, error) {
	opening, sealed, err := ReadOpening(dir)
	if err != nil {
		return nil, err
	}
	if sealed {
		return nil, fmt.Errorf("%s: %w", dir, ErrSealed)
	}
	draft, err := os.MkdirTemp(filepath.Dir(dir), "."+opening.Bundle+partialMark)
	if err != nil {
		return nil, err
	}
	w, err := partial(dir, draft, config)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(draft))
	}
	return w, nil
}

func partial(dir, draft string, config WriterConfig) (*Writer, error) {
	if err := snapshot(dir, draft); err != nil {
		return nil, err
	}
	// The name tells how much there is, so that a later partial bundle does not meet an earlier one's.
	w, err := resume(draft, config)
	if err != nil {
		return nil, err
	}
	records := w.tree.size
	if err := w.Close(); err != nil {
		return nil, err
	}
	final := fmt.Sprintf("%s%s%06d", dir, partialMark, records)
	if _, err := os.Lstat(final); err == nil {
		return nil, &fs.PathError{Op: "seal", Path: final, Err: fs.ErrExist}
	}
	if err := os.Rename(draft, final); err != nil {
		return nil, err
	}
	if w, err = resume(final, config); err != nil {
		return nil, err
	}
	w.partial = true
	return w.begin("sealed in part")
}

// snapshot copies an unsealed bundle in an order in which what is copied fits together although it is being written:
// seals before the segments that follow them, an index before its archive, which is written first.
func snapshot(from, to string) error {
	for _, sub := range bundleDirs() {
		if err := os.Mkdir(filepath.Join(to, filepath.FromSlash(sub)), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if err := copyFile(from, to, openingFile, openingFile); err != nil {
		return err
	}
	if err := copyPrivate(from, to); err != nil {
		return err
	}
	allSealed := true
	for next := 1; ; next++ {
		if allSealed {
			found, err := copySealed(from, to, next)
			if err != nil {
				return err
			}
			if found {
				continue
			}
		}
		found, err := copyOpen(from, to, next)
		if err != nil {
			return err
		}
		if allSealed {
			// It may have been sealed since it was looked for. What is sealed is whole, what was copied of it while it lost
			// its drafts perhaps not.
			if allSealed, err = copySealedInstead(from, to, next); err != nil {
				return err
			}
		}
		if !found && !allSealed {
			break
		}
	}
	return copyRest(from, to)
}

// copySealedInstead copies a segment that is sealed by now, in the place of the drafts that were copied.
func copySealedInstead(from, to string, number int) (bool, error) {
	if _, err := os.Lstat(filepath.Join(from, filepath.FromSlash(sealPath(number)))); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	for _, name := range []string{indexPath(number), segmentPath(number)} {
		if err := os.Remove(filepath.Join(to, filepath.FromSlash(name)) + partSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
	}
	return copySealed(from, to, number)
}

// copySealed copies a sealed segment with its seal.
func copySealed(from, to string, number int) (bool, error) {
	err := copyFile(from, to, sealPath(number), sealPath(number))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	doc, err := os.ReadFile(filepath.Join(to, filepath.FromSlash(sealPath(number))))
	if err != nil {
		return false, err
	}
	var seal Seal
	if err := parseDocument(doc, &seal); err != nil {
		return false, fmt.Errorf("reading %s: %w", sealPath(number), err)
	}
	for _, file := range sealFiles(seal) {
		if err := copyFile(from, to, file.Path, file.Path); err != nil {
			return false, err
		}
	}
	return true, nil
}

// copyPrivate copies what an encrypted bundle has in clear until it is sealed.
func copyPrivate(from, to string) error {
	if _, err := os.Lstat(filepath.Join(from, filepath.FromSlash(privateDir))); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := os.Mkdir(filepath.Join(to, filepath.FromSlash(privateDir)), 0o700); err != nil {
		return err
	}
	for _, name := range []string{privateOpeningFile + partSuffix, resumeKeyFile} {
		if err := copyFile(from, to, name, name); err != nil {
			return err
		}
	}
	return nil
}

// copyOpen copies a segment that was not sealed when the seals were read. It may be sealed by now.
func copyOpen(from, to string, number int) (bool, error) {
	for _, name := range []string{indexPath(number), segmentPath(number)} {
		err := copyFile(from, to, name+partSuffix, name+partSuffix)
		if errors.Is(err, fs.ErrNotExist) {
			err = copyFile(from, to, name, name+partSuffix)
		}
		if errors.Is(err, fs.ErrNotExist) && name == indexPath(number) {
			return false, nil
		}
		if errors.Is(err, fs.ErrNotExist) { // gaps only: Resume wants an archive, if an empty one
			err = os.WriteFile(filepath.Join(to, filepath.FromSlash(name))+partSuffix, nil, 0o600)
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// copyRest copies the log and the time-stamps of the opening.
func copyRest(from, to string) error {
	if err := copyFile(from, to, logFile, logFile); err != nil {
		return err
	}
	entries, err := os.ReadDir(filepath.Join(from, sigDir))
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := sigDir + "/" + e.Name()
		if !certificate(name) || !strings.HasPrefix(e.Name(), openingFile+".") {
			continue
		}
		if err := copyFile(from, to, name, name); err != nil {
			return err
		}
	}
	return nil
}

// copyFile copies what a file holds at this moment. Bytes are copied rather than linked: a link would share the rights to
// write, and removable disks know none.
func copyFile(fromDir, toDir, from, to string) error {
	source, err := os.Open(filepath.Join(fromDir, filepath.FromSlash(from)))
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(filepath.Join(toDir, filepath.FromSlash(to)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	if err == nil {
		err = target.Sync()
	}
	return errors.Join(err, target.Close())
}
