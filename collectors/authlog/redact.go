package authlog

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

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
	spans := x.secrets.Find(body)
	if len(spans) == 0 {
		x.out = line
		return
	}
	x.out = nil
	at := 0
	for _, s := range spans {
		x.out = append(x.out, line[at:s.Start]...)
		x.out = append(x.out, marker(int64(s.End-s.Start))...)
		x.found[s.Rule]++
		at = s.End
	}
	x.out = append(x.out, line[at:]...)
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
