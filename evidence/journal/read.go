package journal

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
)

// A Kind says in which way a line is broken.
type Kind string

// The kinds of broken lines.
const (
	BrokenForm    Kind = "form"     // the line is not a JSON object of the journal's form
	BrokenVersion Kind = "version"  // the line is of a version that this program does not read
	BrokenField   Kind = "field"    // a field is missing or has a value that Append would have refused
	BrokenSeq     Kind = "seq"      // the number does not follow: a line is missing, was added or moved
	BrokenPrev    Kind = "prev"     // the line does not name the line before it: one of the two was changed
	BrokenNoLF    Kind = "no LF"    // the last line is cut short; Append sets it aside
	BrokenTooLong Kind = "too long" // the line is longer than any that Append writes
	BrokenEmpty   Kind = "empty"    // there is no line at all
)

// A BrokenError says where the journal is not what was written.
type BrokenError struct {
	Line   int // from 1
	Kind   Kind
	Detail string
}

// Error names the line.
func (e *BrokenError) Error() string {
	return fmt.Sprintf("journal line %d is broken: %s", e.Line, e.Detail)
}

// A Head stands for a whole journal: who knows it outside the file notices every later change to the lines it covers.
type Head struct {
	Seq    uint64 // the last entry's number
	SHA256 string // of the last line, LF included
	Count  uint64 // how many entries there are

	// Late lists the entries that were recorded, by the clock, before the one above them: the clock was set back or
	// two machines disagree. That is for a person to look at and breaks nothing.
	Late []uint64
}

// Read yields the entries in the order of the lines. With a line that is broken it yields a *BrokenError, together with
// the entry if the line can be read at all, and goes on with the next line; after an error of r, and after a line that
// is too long, it stops.
func Read(r io.Reader) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		read(r, func(_ []byte, e Entry, err error) bool { return yield(e, err) })
	}
}

// Verify reads to the end or to the first broken line, for which it returns a *BrokenError; the head is then that of
// the lines before it.
func Verify(r io.Reader) (Head, error) {
	var head Head
	var last Entry
	var failed error
	read(r, func(line []byte, e Entry, err error) bool {
		if err != nil {
			failed = err
			return false
		}
		if head.Count > 0 && e.RecordedTime.Before(last.RecordedTime) {
			head.Late = append(head.Late, e.Seq)
		}
		head.Seq, head.SHA256, head.Count, last = e.Seq, hashLine(line), head.Count+1, e
		return true
	})
	if failed == nil && head.Count == 0 {
		failed = &BrokenError{1, BrokenEmpty, "there is no entry; a journal is never without its first one"}
	}
	return head, failed
}

// read calls yield with every line until it returns false.
func read(r io.Reader, yield func(line []byte, e Entry, err error) bool) {
	br := bufio.NewReaderSize(r, 64<<10)
	prev, seq := zeroHash, uint64(1)
	for n := 1; ; n++ {
		line, err := readLine(br)
		switch {
		case err == io.EOF && len(line) == 0:
			return
		case err == io.EOF:
			yield(line, Entry{}, &BrokenError{n, BrokenNoLF,
				fmt.Sprintf("its %d bytes have no line end: writing it was cut short", len(line))})
			return
		case errors.Is(err, errTooLong):
			yield(nil, Entry{}, &BrokenError{n, BrokenTooLong, fmt.Sprintf("it is longer than %d bytes", maxLine)})
			return
		case err != nil:
			yield(nil, Entry{}, fmt.Errorf("reading journal line %d: %w", n, err))
			return
		}
		e, err := checkLine(line, n, seq, prev)
		if !yield(line, e, err) {
			return
		}
		prev = hashLine(line)
		if e.Seq != 0 {
			seq = e.Seq // so that one missing line breaks one line and not all that follow
		}
		seq++
	}
}

// checkLine reads line number n, which should have the number seq and follow a line of the hash prev.
func checkLine(line []byte, n int, seq uint64, prev string) (Entry, error) {
	e, err := decodeLine(line)
	switch {
	case errors.Is(err, errVersion):
		return Entry{}, &BrokenError{n, BrokenVersion, err.Error()}
	case err != nil:
		return Entry{}, &BrokenError{n, BrokenForm, "it does not read as an entry: " + err.Error()}
	case e.Seq != seq:
		return e, &BrokenError{n, BrokenSeq, fmt.Sprintf(
			"it has the number %d where %d comes next: lines are missing, were added or moved", e.Seq, seq)}
	case e.Prev != prev && n == 1:
		return e, &BrokenError{n, BrokenPrev, "it is the first line and names a line before it: lines are missing, or it was changed"}
	case e.Prev != prev:
		return e, &BrokenError{n, BrokenPrev, fmt.Sprintf(
			"it follows a line of SHA-256 %.64q, but that of line %d is %s: one of the two was changed", e.Prev, n-1, prev)}
	}
	if err := errors.Join(e.Check(), e.checkPlace()); err != nil {
		return e, &BrokenError{n, BrokenField, err.Error()}
	}
	return e, nil
}

var errTooLong = errors.New("line too long")

// readLine returns the next line with its LF; at the end io.EOF and what there is without one.
func readLine(br *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := br.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxLine {
			return nil, errTooLong
		}
		if err != bufio.ErrBufferFull {
			return line, err
		}
	}
}

func hashLine(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}
