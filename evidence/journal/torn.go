package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// pending ends the name of a torn file whose entry of type error is not written yet. The name without it is given only
// after that entry is on the disk, so that a second power loss in between is made good by the next Append.
const pending = ".pending"

// setTornAside leaves f with a whole last line and with an entry for every torn file beside it.
func (j *Journal) setTornAside(f *lockedfile.File) error {
	start, end, err := tornTail(f)
	if err != nil {
		return err
	}
	if start < end {
		torn := make([]byte, end-start)
		if _, err := f.ReadAt(torn, start); err != nil {
			return err
		}
		if err := j.keepTorn(torn); err != nil {
			return err
		}
		if err := f.Truncate(start); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
	}
	names, err := pendingFiles(j.path)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := j.recordTorn(f, name); err != nil {
			return err
		}
	}
	return nil
}

// tornTail returns where in f a last line begins that was cut short, and f's size; both are equal if there is none.
//
// A line is written by one call, so what a power loss can leave of it is a beginning without LF, or, where the file
// system had lengthened the file before the data reached the disk, NUL bytes in the place of what is missing. An entry
// never holds NUL bytes. A last line that is damaged in any other way is for a person to look at.
func tornTail(f *lockedfile.File) (start, end int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, 0, err
	}
	end = info.Size()
	if whole, err := endsWhole(f, end); err != nil || whole {
		return end, end, err
	}
	n := min(end, 2*maxLine)
	tail := make([]byte, n)
	if _, err := f.ReadAt(tail, end-n); err != nil {
		return 0, 0, err
	}
	whole := bytes.LastIndexByte(tail, '\n') + 1
	if whole == int(n) {
		last := bytes.LastIndexByte(tail[:n-1], '\n') + 1
		if bytes.IndexByte(tail[last:], 0) >= 0 {
			whole = last
		}
	}
	if whole == 0 && n < end {
		return 0, 0, whyBroken(f, errTooLong)
	}
	return end - n + int64(whole), end, nil
}

// endsWhole is the quick answer for nearly every append: the last line has its LF and no NUL, and is not very long.
func endsWhole(f *lockedfile.File, end int64) (bool, error) {
	n := min(end, 8<<10)
	if n == 0 {
		return true, nil
	}
	tail := make([]byte, n)
	if _, err := f.ReadAt(tail, end-n); err != nil {
		return false, err
	}
	last := bytes.LastIndexByte(tail[:n-1], '\n') + 1
	return tail[n-1] == '\n' && (last > 0 || n == end) && bytes.IndexByte(tail[last:], 0) < 0, nil
}

// keepTorn writes the torn bytes to a new pending file.
func (j *Journal) keepTorn(torn []byte) error {
	base := j.path + ".torn-" + j.now().Format("20060102T150405.000Z")
	name := base
	for i := 2; exists(name) || exists(name+pending); i++ {
		name = base + "-" + strconv.Itoa(i)
	}
	f, err := os.OpenFile(name+pending, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(torn)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = syncDir(filepath.Dir(name))
	}
	return err
}

// recordTorn writes the entry for a pending file and takes the ending off its name.
func (j *Journal) recordTorn(f *lockedfile.File, name string) error {
	torn, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	kept := strings.TrimSuffix(name, pending)
	_, err = j.write(f, Entry{
		Type: Error, Auto: true, Informant: "mbaudit",
		Description: fmt.Sprintf("the last line of the journal was cut short (power loss, full disk): %d bytes were moved to %s; "+
			"the entry they began was not acknowledged to anyone", len(torn), filepath.Base(kept)),
		Ref: map[string]string{
			"torn_file": filepath.Base(kept), "torn_bytes": strconv.Itoa(len(torn)), "torn_sha256": hashLine(torn),
		},
	})
	if err != nil {
		return err
	}
	return os.Rename(name, kept)
}

// pendingFiles lists the torn files beside the journal that have no entry yet.
func pendingFiles(path string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), filepath.Base(path)+".torn-") && strings.HasSuffix(e.Name(), pending) {
			names = append(names, filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
	return names, nil
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return !errors.Is(err, fs.ErrNotExist)
}
