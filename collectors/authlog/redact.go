package authlog

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/mbaudit/mbaudit/internal/logfiles"
	"github.com/mbaudit/mbaudit/internal/maillog"
)

// A redactor gives a text with the secrets in it replaced by markers and every other byte as it is. It looks at a line as a
// whole up to maxChunk; of a longer one it looks at chunks that overlap, and from the first secret on hides the rest.
type redactor struct {
	r       *bufio.Reader
	secrets maillog.Secrets
	onLine  func(line []byte) // hears each line, or a long one's first chunk; may be nil

	out    []byte // to be handed out
	carry  []byte // the end of a chunk, to be looked at with the next
	inLine bool   // the next chunk goes on with a line
	hidden int64  // bytes of a long line that are being hidden; -1: none
	rule   string // why
	begun  bool
	export bool // the text is journalctl -o export, whose fields may be binary
	found  map[string]int64
	err    error
}

const (
	maxChunk = 1 << 20
	overlap  = 4 << 10
)

func newRedactor(r io.Reader) *redactor {
	return &redactor{r: bufio.NewReaderSize(r, maxChunk), hidden: -1, found: map[string]int64{}}
}

// Read implements io.Reader.
func (x *redactor) Read(p []byte) (int, error) {
	for len(x.out) == 0 {
		if x.err != nil {
			return 0, x.err
		}
		x.next()
	}
	n := copy(p, x.out)
	x.out = x.out[n:]
	return n, nil
}

// next reads a line, or a chunk of a long one, into out.
func (x *redactor) next() {
	if !x.begun {
		x.begun = true
		head, _ := x.r.Peek(len("__REALTIME_TIMESTAMP="))
		x.export = bytes.HasPrefix(head, []byte("__CURSOR=")) || bytes.HasPrefix(head, []byte("__REALTIME_TIMESTAMP="))
	}
	chunk, err := x.r.ReadSlice('\n')
	whole := !errors.Is(err, bufio.ErrBufferFull)
	if whole {
		x.err = err
	}
	if whole && !x.inLine { // the usual case: nothing is copied
		x.line(chunk)
		return
	}
	if x.hidden >= 0 {
		x.hide(chunk, whole)
		return
	}
	x.carry = append(x.carry, chunk...)
	x.chunk(whole)
}

// line passes on a line that was read whole.
func (x *redactor) line(line []byte) {
	body := trimBreak(line)
	if x.onLine != nil && len(line) > 0 {
		x.onLine(body)
	}
	if x.export && len(body) > 0 && len(body) < len(line) && bytes.IndexByte(body, '=') < 0 {
		x.binary(line)
		return
	}
	x.out = x.redacted(nil, line, body)
}

// redacted gives line, or, where there are secrets, a copy of it behind out with markers in their places.
func (x *redactor) redacted(out, line, body []byte) []byte {
	spans := x.secrets.Find(body)
	if len(spans) == 0 {
		if out == nil {
			return line
		}
		return append(out, line...)
	}
	at := 0
	for _, s := range spans {
		out = append(out, line[at:s.Start]...)
		out = append(out, marker(int64(s.End-s.Start))...)
		x.found[s.Rule]++
		at = s.End
	}
	return append(out, line[at:]...)
}

// binary passes on a field of the journal whose value has its length in front, eight bytes, least first, and a line feed
// behind. Where a secret was taken out of the value, the length is that of what is left.
func (x *redactor) binary(name []byte) {
	out := bytes.Clone(name)
	var length [8]byte
	n, err := io.ReadFull(x.r, length[:])
	if err != nil {
		x.out, x.err = append(out, length[:n]...), io.EOF
		return
	}
	size := binary.LittleEndian.Uint64(length[:])
	if size > maxChunk {
		x.out, x.err = nil, &logfiles.BrokenError{Err: fmt.Errorf("a field of the journal is %d bytes long, more than is examined", size)}
		return
	}
	value := make([]byte, size+1)
	n, err = io.ReadFull(x.r, value)
	if err != nil {
		x.err = io.EOF
	}
	value = value[:n]
	kept := make([]byte, 0, len(value))
	for line := range bytes.Lines(value) {
		kept = x.redacted(kept, line, trimBreak(line))
	}
	if err == nil {
		binary.LittleEndian.PutUint64(length[:], size+uint64(len(kept))-uint64(len(value)))
	}
	x.out = append(append(out, length[:]...), kept...)
}

// chunk looks at what was read of a long line. All but the last bytes of it are passed on; these may be the beginning of
// something that the next chunk has the end of.
func (x *redactor) chunk(last bool) {
	if !x.inLine && x.onLine != nil {
		x.onLine(x.carry)
	}
	x.inLine = !last
	spans := x.secrets.Find(trimBreak(x.carry))
	if len(spans) > 0 {
		first := spans[0]
		x.out = append([]byte(nil), x.carry[:first.Start]...)
		x.rule = first.Rule
		x.hidden = 0
		rest := x.carry[first.Start:]
		x.carry = nil
		x.hide(rest, last)
		return
	}
	keep := min(overlap, len(x.carry))
	if last {
		keep = 0
	}
	x.out = append([]byte(nil), x.carry[:len(x.carry)-keep]...)
	x.carry = append([]byte(nil), x.carry[len(x.carry)-keep:]...)
}

// hide counts what is left of a long line and, at its end, puts the marker there.
func (x *redactor) hide(rest []byte, last bool) {
	body := trimBreak(rest)
	x.hidden += int64(len(body))
	if !last {
		x.hidden += int64(len(rest) - len(body))
		return
	}
	x.out = append(x.out, marker(x.hidden)...)
	x.out = append(x.out, rest[len(body):]...)
	x.found[x.rule]++
	x.hidden, x.inLine = -1, false
}

func trimBreak(line []byte) []byte {
	n := len(line)
	if n > 0 && line[n-1] == '\n' {
		n--
	}
	if n > 0 && line[n-1] == '\r' {
		n--
	}
	return line[:n]
}

// marker stands in the place of n bytes.
func marker(n int64) string { return fmt.Sprintf("[redacted:%d bytes]", n) }

// total is how many secrets were found, and rules by which rules.
func (x *redactor) total() (n int64, rules string) {
	var parts []string
	for _, rule := range slices.Sorted(maps.Keys(x.found)) {
		n += x.found[rule]
		parts = append(parts, fmt.Sprintf("%s: %d", rule, x.found[rule]))
	}
	return n, strings.Join(parts, "; ")
}
