package evidence

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// A disk makes every change that a Writer makes to files. The zero value is the real one. A test's fault is asked
// before each change and can make it fail: that is how it is shown that no failure at any place loses what was kept.
type disk struct {
	fault func(op, path string) error
}

func (d disk) step(op, path string) error {
	if d.fault == nil {
		return nil
	}
	return d.fault(op, path)
}

// A file is an open file of a disk.
type file struct {
	*os.File
	disk disk
}

// open opens or makes a file that only its owner may read.
func (d disk) open(path string, flag int) (*file, error) {
	if err := d.step("open", path); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, flag, 0o600)
	if err != nil {
		return nil, err
	}
	return &file{f, d}, nil
}

// Write writes p. A fault leaves half of it written, as a full disk does.
func (f *file) Write(p []byte) (int, error) {
	if err := f.disk.step("write", f.Name()); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}

// WriteString is Write.
func (f *file) WriteString(s string) (int, error) { return f.Write([]byte(s)) }

// WriteAt writes p at an offset.
func (f *file) WriteAt(p []byte, offset int64) (int, error) {
	if err := f.disk.step("write at", f.Name()); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, offset)
}

// Sync makes what was written survive a power loss.
func (f *file) Sync() error {
	if err := f.disk.step("sync", f.Name()); err != nil {
		return err
	}
	return f.File.Sync()
}

// Truncate cuts the file.
func (f *file) Truncate(size int64) error {
	if err := f.disk.step("truncate", f.Name()); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

// Close closes the file. It is closed whatever the error.
func (f *file) Close() error { return errors.Join(f.disk.step("close", f.Name()), f.File.Close()) }

// mkdir makes a folder that only its owner may open.
func (d disk) mkdir(path string) error {
	if err := d.step("mkdir", path); err != nil {
		return err
	}
	return os.Mkdir(path, 0o700)
}

// createFile writes a new file whole or not at all, so that it survives a power loss, and refuses a name that is taken.
// Between looking and renaming nobody else takes the name, since a bundle has one writer at a time (see lock).
func (d disk) createFile(path string, data []byte) error {
	if _, err := os.Lstat(path); err == nil {
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	return d.ensureFile(path, data)
}

// ensureFile writes a file whole or not at all, in the place of an earlier draft of it. Only files of a bundle that is
// not sealed yet are written so; after sealing nothing is replaced.
func (d disk) ensureFile(path string, data []byte) error {
	return d.ensureWritten(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// ensureWritten is ensureFile for what is written bit by bit.
func (d disk) ensureWritten(path string, write func(io.Writer) error) error {
	draft := path + partSuffix
	f, err := d.open(draft, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	buf := bufio.NewWriterSize(f, readChunk)
	err = write(buf)
	if err == nil {
		err = buf.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(draft)
		return err
	}
	return d.moveFile(draft, path)
}

// moveFile renames a file within its folder and makes the new name survive a power loss.
func (d disk) moveFile(from, to string) error {
	if err := d.step("rename", to); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return d.syncDir(filepath.Dir(to))
}

// remove removes a file that may be gone already.
func (d disk) remove(path string) error {
	if err := d.step("remove", path); err != nil {
		return err
	}
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// syncDir makes the names in a folder survive a power loss. File systems that cannot sync a folder say EINVAL.
func (d disk) syncDir(path string) error {
	if err := d.step("sync", path); err != nil {
		return err
	}
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	err = folder.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) || errors.Is(err, os.ErrPermission) {
		err = nil
	}
	return errors.Join(err, folder.Close())
}

// createFile and ensureFile are those of the real disk.
func createFile(path string, data []byte) error { return disk{}.createFile(path, data) }
func ensureFile(path string, data []byte) error { return disk{}.ensureFile(path, data) }

// readFile reads a whole small file, of at most limit bytes, since a damaged bundle may hold anything.
func readFile(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("it has more than %d bytes", limit)
	}
	return data, nil
}

// writeSyncClose writes a small file that is open already.
func writeSyncClose(f *os.File, data []byte) error {
	_, err := f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
