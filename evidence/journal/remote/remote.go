package remote

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/evidence/store"
)

// maxObject bounds what is read of one object; a line of a journal has at most 1 MiB.
const maxObject = 1 << 20

// A Copy is the copy of one case's journal in a store.
type Copy struct {
	st     store.Store
	prefix string // of the objects' names, with a slash at its end
}

// New names the copy of the case with that reference. Two cases with one reference need two prefixes of the store.
func New(st store.Store, reference string) *Copy {
	return &Copy{st: st, prefix: "journal/" + element(reference) + "/"}
}

// element makes a case's reference fit for one element of an object's name: bytes other than letters, digits, '-', '_'
// and a '.' that is not the first become %HH; what is too long then is replaced by its SHA-256.
func element(reference string) string {
	var b strings.Builder
	for i := range len(reference) {
		c := reference[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.' && i > 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	if b.Len() > 200 || b.Len() == 0 {
		return fmt.Sprintf("sha256-%x", sha256.Sum256([]byte(reference)))
	}
	return b.String()
}

// Name is the object of the entry with that number.
func (c *Copy) Name(seq uint64) string { return fmt.Sprintf("%s%010d.json", c.prefix, seq) }

// String says for people where the copy is.
func (c *Copy) String() string { return c.st.String() + ", " + strings.TrimSuffix(c.prefix, "/") }

// A ForkError says that the store holds another line under a number than the journal here: the two went different ways
// after the entry before it. Nothing was replaced.
type ForkError struct {
	Seq         uint64
	Here, There string // SHA-256 of the two lines
}

// Error names both lines.
func (e *ForkError) Error() string {
	return fmt.Sprintf("the journals went different ways: entry %d is here the line of SHA-256 %s, there that of %s",
		e.Seq, e.Here, e.There)
}

// An AheadError says that the store holds entries after the last one here: the journal here was cut off, or another copy
// of the case went on.
type AheadError struct{ Here, There uint64 } // the last numbers

// Error names the entries that are not here.
func (e *AheadError) Error() string {
	return fmt.Sprintf("the store holds %d entries, the journal here %d: entries %d to %d are not here", e.There, e.Here, e.Here+1, e.There)
}

// A HoleError says that the store does not hold an entry although it holds later ones.
type HoleError struct{ Seq uint64 }

// Error names the entry.
func (e *HoleError) Error() string {
	return fmt.Sprintf("entry %d is not in the store, though later ones are: it was removed or hidden there", e.Seq)
}

// A State says what of a journal is in the store.
type State struct {
	Here, There uint64 // the last numbers; There is 0 where nothing of the case is in the store
}

// Missing is how many entries are yet to be sent.
func (s State) Missing() uint64 { return s.Here - min(s.Here, s.There) }

// Look compares the journal's lines, all of them and verified, with what the store holds, by asking for the names and
// for one line: each line names the one before it, so that one agrees for all. Verify reads them all.
//
// The error is a *ForkError, an *AheadError or a *HoleError, or that of the store.
func (c *Copy) Look(ctx context.Context, lines []journal.Line) (State, error) {
	state := State{Here: uint64(len(lines))}
	there, err := c.last(ctx)
	if err != nil {
		return state, err
	}
	state.There = there
	common := min(state.Here, state.There)
	if common > 0 {
		fork, err := c.compare(ctx, lines[common-1])
		if err != nil {
			return state, err
		}
		if fork != nil {
			return state, c.firstFork(ctx, lines[:common])
		}
	}
	if state.There > state.Here {
		return state, &AheadError{Here: state.Here, There: state.There}
	}
	return state, nil
}

// Push sends, in order, the lines that the store does not hold yet, and returns how many it sent. A line that is sent
// stays there whatever happens afterwards. Errors are those of Look and of the store.
func (c *Copy) Push(ctx context.Context, lines []journal.Line) (sent int, err error) {
	state, err := c.Look(ctx, lines)
	if err != nil {
		return 0, err
	}
	for _, line := range lines[state.There:] {
		created, err := c.create(ctx, line)
		if err != nil {
			return sent, err
		}
		if created {
			sent++
		}
	}
	return sent, nil
}

// PushAfter sends the lines after the first there ones, which an earlier call or Look found in the store, without asking
// again. It returns how many are there now. An entry that somebody else sent meanwhile under one of the numbers is a
// *ForkError, as for Push.
func (c *Copy) PushAfter(ctx context.Context, lines []journal.Line, there uint64) (uint64, error) {
	for there < uint64(len(lines)) {
		if _, err := c.create(ctx, lines[there]); err != nil {
			return there, err
		}
		there++
	}
	return there, nil
}

// create sends one line; created is false where another process has sent the very same one meanwhile.
func (c *Copy) create(ctx context.Context, line journal.Line) (created bool, err error) {
	object := store.Object{Name: c.Name(line.Seq), Size: int64(len(line.Bytes)), SHA256: sha256.Sum256(line.Bytes), ContentType: "application/json"}
	err = c.st.Create(ctx, object, bytes.NewReader(line.Bytes))
	switch {
	case err == nil:
		return true, nil
	case !errors.Is(err, fs.ErrExist):
		return false, fmt.Errorf("sending entry %d: %w", line.Seq, err)
	}
	fork, err := c.compare(ctx, line)
	if err != nil {
		return false, err
	}
	if fork != nil {
		return false, fork
	}
	return false, nil
}

// last is the highest number in the store, 0 if there is none. A number that is left out below it is a *HoleError.
func (c *Copy) last(ctx context.Context) (uint64, error) {
	var last uint64
	for entry, err := range c.st.List(ctx, c.prefix) {
		if errors.Is(err, fs.ErrPermission) {
			return 0, fmt.Errorf("a key that may not list and read %s cannot tell whether two journals went different ways: %w", c.prefix, err)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return 0, nil
		}
		if err != nil {
			return 0, fmt.Errorf("listing %s: %w", c.prefix, err)
		}
		digits, ok := strings.CutSuffix(strings.TrimPrefix(entry.Name, c.prefix), ".json")
		seq, err := strconv.ParseUint(digits, 10, 64)
		if !ok || err != nil || c.Name(seq) != entry.Name {
			continue // not of this program
		}
		if seq != last+1 {
			return 0, &HoleError{Seq: last + 1}
		}
		last = seq
	}
	return last, nil
}

// compare reads the object of a line and returns a *ForkError if its bytes differ.
func (c *Copy) compare(ctx context.Context, line journal.Line) (*ForkError, error) {
	there, err := c.read(ctx, line.Seq)
	if err != nil {
		return nil, err
	}
	if bytes.Equal(there, line.Bytes) {
		return nil, nil
	}
	return &ForkError{Seq: line.Seq, Here: line.SHA256, There: fmt.Sprintf("%x", sha256.Sum256(there))}, nil
}

// firstFork returns a *ForkError for the first of the lines that differs from its object; the last one does. Since each
// line names the one before it, all differ from there on, and halving finds it.
func (c *Copy) firstFork(ctx context.Context, lines []journal.Line) error {
	low, high := 0, len(lines)-1 // the first that differs is at low or above it, at high or below it
	var found *ForkError
	for low < high {
		middle := (low + high) / 2
		fork, err := c.compare(ctx, lines[middle])
		if err != nil {
			return err
		}
		if fork != nil {
			high, found = middle, fork
		} else {
			low = middle + 1
		}
	}
	if found != nil && found.Seq == lines[high].Seq {
		return found
	}
	fork, err := c.compare(ctx, lines[high])
	if err != nil {
		return err
	}
	if fork == nil {
		return fmt.Errorf("entry %d changed in the store between two readings", lines[high].Seq)
	}
	return fork
}

func (c *Copy) read(ctx context.Context, seq uint64) ([]byte, error) {
	body, err := c.st.Open(ctx, c.Name(seq))
	if err != nil {
		return nil, fmt.Errorf("reading entry %d: %w", seq, err)
	}
	defer body.Close()
	data, err := io.ReadAll(io.LimitReader(body, maxObject+1))
	if err != nil {
		return nil, fmt.Errorf("reading entry %d: %w", seq, err)
	}
	return data, nil
}

// A Report says what Verify found. Forks, Ahead and Hole are nil where there is nothing of the kind.
type Report struct {
	State
	Compared uint64     // how many lines are the same here and there
	Fork     *ForkError // the first line that differs
	Ahead    *AheadError
	Hole     *HoleError

	Locked      uint64    // how many of the objects the store says are locked
	LockedUntil time.Time // the first lock's end, in UTC; zero without Locked
}

// Agrees says that every entry that is in the store is here as well, and the same. Entries may be missing there.
func (r Report) Agrees() bool { return r.Fork == nil && r.Ahead == nil && r.Hole == nil }

// Verify reads every object back and compares it with its line. The error is that of the store: what differs is in the
// report. Nothing of the case in the store gives an error that wraps fs.ErrNotExist.
func (c *Copy) Verify(ctx context.Context, lines []journal.Line) (Report, error) {
	report := Report{State: State{Here: uint64(len(lines))}}
	there, err := c.last(ctx)
	if errors.As(err, &report.Hole) {
		there, err = report.Hole.Seq-1, nil
	}
	if err != nil {
		return report, err
	}
	if there == 0 && report.Hole == nil {
		return report, fmt.Errorf("there is no journal in %s: %w", c, fs.ErrNotExist)
	}
	report.There = there
	for _, line := range lines[:min(report.Here, there)] {
		fork, err := c.compare(ctx, line)
		if err != nil {
			return report, err
		}
		if fork != nil {
			report.Fork = fork
			break
		}
		report.Compared++
		if err := c.addLock(ctx, line.Seq, &report); err != nil {
			return report, err
		}
	}
	if report.There > report.Here {
		report.Ahead = &AheadError{Here: report.Here, There: report.There}
	}
	return report, nil
}

// addLock counts the object's lock, where the store tells locks.
func (c *Copy) addLock(ctx context.Context, seq uint64, report *Report) error {
	stater, ok := c.st.(store.Stater)
	if !ok {
		return nil
	}
	entry, err := stater.Stat(ctx, c.Name(seq))
	if err != nil {
		return fmt.Errorf("asking for the lock of entry %d: %w", seq, err)
	}
	if entry.Lock == nil || entry.Lock.Mode != store.Compliance {
		return nil
	}
	report.Locked++
	if report.LockedUntil.IsZero() || entry.Lock.Until.Before(report.LockedUntil) {
		report.LockedUntil = entry.Lock.Until
	}
	return nil
}
