package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// FileName is the journal's name in a case directory.
const FileName = "journal.jsonl"

// A Journal is one file. Several processes and goroutines may append to it at once: each append holds the file's lock
// while it reads the last line and writes the next.
type Journal struct {
	path string

	// Clock gives the recording time; nil is time.Now. It is set, if at all, before the first use.
	Clock func() time.Time

	// Appended, if set before the first use, is called with each entry that is on the disk now. It must not wait.
	Appended func(Entry)
}

// Create makes a journal with its first entry: who opened the case, and how the incident became known. If the file is
// there already, the error wraps fs.ErrExist and the file is untouched. If the entry is not complete (*InvalidError),
// no file is made.
func Create(path string, first Entry) (*Journal, Entry, error) {
	j := &Journal{path: path}
	if err := first.Check(); err != nil {
		return nil, Entry{}, err
	}
	f, err := lockedfile.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, Entry{}, fmt.Errorf("making the journal: %w", err)
	}
	e, err := j.appendLocked(f, first)
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		_ = os.Remove(path) // else the next try would find a journal without its first entry
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, Entry{}, err
	}
	return j, e, nil
}

// Open returns the journal in an existing file. It does not verify it: what happens must be written down even below a
// broken line. Verify and Append say what is wrong.
func Open(path string) (*Journal, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no journal: type mbaudit init to open the case: %w", err)
	case err != nil:
		return nil, fmt.Errorf("opening the journal: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("the journal %s is not a file", path)
	}
	return &Journal{path: path}, nil
}

// Path is the journal's file.
func (j *Journal) Path() string { return j.path }

// Append writes one entry and returns it as written, with its number. When it returns without an error the entry is on
// the disk. With an *InvalidError nothing was written. With any other error the entry is not in the file, as far as
// the operating system tells; what the disk holds of it is at worst a last line cut short, which the next Append sets
// aside (see below). If the last line cannot be read, Append refuses with a *BrokenError: the chain has no end to go on
// from, and a person must look.
//
// A last line that was cut short, by a power loss say, was never acknowledged to anyone. It is not continued and not
// thrown away: its bytes are moved to the file journal.jsonl.torn-TIME, and an entry of type error names that file, its
// length and its SHA-256, before the new entry is written.
func (j *Journal) Append(e Entry) (Entry, error) {
	if err := e.Check(); err != nil {
		return Entry{}, err
	}
	// Without O_CREATE: a journal that has vanished must not begin anew at 1.
	f, err := lockedfile.OpenFile(j.path, os.O_RDWR, 0)
	if err != nil {
		return Entry{}, fmt.Errorf("opening the journal: %w", err)
	}
	written, err := j.appendLocked(f, e)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return Entry{}, err
	}
	if j.Appended != nil {
		j.Appended(written)
	}
	return written, nil
}

// appendLocked appends to f, whose lock the caller holds.
func (j *Journal) appendLocked(f *lockedfile.File, e Entry) (Entry, error) {
	if err := j.setTornAside(f); err != nil {
		return Entry{}, fmt.Errorf("setting aside the journal's last line, which was cut short: %w", err)
	}
	return j.write(f, e)
}

// write appends one line to f, whose last line is whole.
func (j *Journal) write(f *lockedfile.File, e Entry) (Entry, error) {
	last, size, err := lastLine(f)
	if err != nil {
		return Entry{}, err
	}
	e.Seq, e.Prev = 1, zeroHash
	if last != nil {
		before, err := decodeLine(last)
		if err != nil {
			return Entry{}, whyBroken(f, err)
		}
		e.Seq, e.Prev = before.Seq+1, hashLine(last)
	}
	e.RecordedTime = j.now()
	if e.EventTime.IsZero() {
		e.EventTime = e.RecordedTime
	}
	e = e.utf8Only()
	if err := e.checkPlace(); err != nil {
		return Entry{}, err
	}
	line, err := encodeLine(e)
	if err != nil {
		return Entry{}, err
	}
	if _, err = f.WriteAt(line, size); err == nil {
		err = f.Sync()
	}
	if err != nil {
		// A full disk leaves the beginning of the line. If this fails too, the next Append sets it aside.
		_ = f.Truncate(size)
		return Entry{}, fmt.Errorf("writing the journal: %w", err)
	}
	return decodeLine(line)
}

// whyBroken names the broken line, after the last one could not be read.
func whyBroken(f *lockedfile.File, cause error) error {
	_, err := Verify(io.NewSectionReader(f, 0, 1<<62))
	var broken *BrokenError
	if errors.As(err, &broken) {
		return fmt.Errorf("the journal cannot be continued: %w", err)
	}
	return fmt.Errorf("the journal cannot be continued: %w", cause)
}

// Verify reads the whole file as Verify does, while nobody writes to it.
func (j *Journal) Verify() (Head, error) { return j.CopyTo(io.Discard) }

// CopyTo verifies the file and copies the lines that it verified, for an extract that goes into a bundle.
func (j *Journal) CopyTo(w io.Writer) (Head, error) {
	f, err := lockedfile.Open(j.path)
	if err != nil {
		return Head{}, fmt.Errorf("opening the journal: %w", err)
	}
	defer func() { _ = f.Close() }()
	return Verify(io.TeeReader(f, w))
}

// Begin writes down what is about to be done, with the state Started unless e says Planned, and returns the function
// that writes the outcome. Who gets an error does not act.
//
// done writes an entry that names the first one: Done with result, or, given an error, Failed with the error's text
// added to result. It may be called once. An error from done means that the step was taken and its outcome is not
// written down.
func (j *Journal) Begin(e Entry) (done func(result string, err error) error, err error) {
	if e.ActionState != Planned {
		e.ActionState = Started
	}
	begun, err := j.Append(e)
	if err != nil {
		return nil, err
	}
	var once sync.Once
	return func(result string, stepErr error) error {
		err := fmt.Errorf("the outcome of journal entry %d is written already", begun.Seq)
		once.Do(func() { _, err = j.Append(outcome(begun, result, stepErr)) })
		return err
	}, nil
}

func outcome(begun Entry, result string, err error) Entry {
	e := begun
	e.EventTime = time.Time{}
	e.EventPrecision, e.EventApproximate, e.Corrects, e.DecisionBy = Exact, false, 0, ""
	if e.Type == Correction {
		e.Type = Information
	}
	e.Auto = true // what came of it is the program's own observation
	e.OutcomeOf, e.ActionState, e.Result = begun.Seq, Done, result
	if err != nil {
		e.ActionState = Failed
		e.Result = err.Error()
		if result != "" {
			e.Result = result + ": " + e.Result
		}
	}
	return e
}

func (j *Journal) now() time.Time {
	now := time.Now
	if j.Clock != nil {
		now = j.Clock
	}
	return now().UTC().Truncate(time.Millisecond)
}

// lastLine returns f's last line with its LF, nil if f is empty, and f's size. The file must end with LF.
func lastLine(f *lockedfile.File) (line []byte, size int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return nil, 0, fmt.Errorf("reading the journal: %w", err)
	}
	size = info.Size()
	if size == 0 {
		return nil, 0, nil
	}
	for n := int64(4 << 10); ; n *= 4 {
		n = min(n, size)
		tail := make([]byte, n)
		if _, err := f.ReadAt(tail, size-n); err != nil {
			return nil, 0, fmt.Errorf("reading the journal: %w", err)
		}
		if i := bytes.LastIndexByte(tail[:n-1], '\n'); i >= 0 {
			return tail[i+1:], size, nil
		}
		if n == size {
			return tail, size, nil
		}
		if n > maxLine {
			return nil, 0, whyBroken(f, errTooLong)
		}
	}
}

// syncDir makes a new name in dir last through a power loss. Windows has no such call and needs none.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("opening the journal's directory: %w", err)
	}
	defer func() { _ = d.Close() }()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("syncing the journal's directory: %w", err)
	}
	return nil
}
