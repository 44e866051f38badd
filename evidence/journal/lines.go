package journal

import (
	"bytes"
	"io"
	"iter"
)

// A Line is an entry with the bytes that stand for it in the file: what is compared with copies kept elsewhere.
type Line struct {
	Entry
	Bytes  []byte // with the LF
	SHA256 string // of Bytes, 64 lower-case hexadecimal digits: the head, as it was when this line was the last one
}

// Lines yields the lines of a journal as Read yields entries, with their bytes. After a *BrokenError the line's Entry is
// the zero one if it does not read at all.
func Lines(r io.Reader) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		read(r, func(line []byte, e Entry, err error) bool {
			return yield(Line{Entry: e, Bytes: bytes.Clone(line), SHA256: hashLine(line)}, err)
		})
	}
}

// Lines verifies the whole file, while nobody writes to it, and returns its lines. With a *BrokenError it returns the
// lines before the broken one.
func (j *Journal) Lines() ([]Line, error) {
	var whole bytes.Buffer
	if _, err := j.CopyTo(&whole); err != nil {
		// What was copied may end in the broken line: Lines stops there as well.
		lines, _ := collect(&whole)
		return lines, err
	}
	return collect(&whole)
}

func collect(r io.Reader) ([]Line, error) {
	var lines []Line
	for line, err := range Lines(r) {
		if err != nil {
			return lines, err
		}
		lines = append(lines, line)
	}
	return lines, nil
}
