package mailheader

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"strings"
)

// Limits. See the package's comment.
const (
	MaxBlock  = 32 << 20
	MaxFields = 1 << 17
	MaxValue  = 1 << 20
	MaxItems  = 10_000
	MaxViews  = 1_000
)

// A Kind says what a Field is.
type Kind uint8

// The kinds of fields.
const (
	Proper        Kind = iota // a name that RFC 5322 section 2.2 allows, a colon, a value
	OddName                   // a colon, and before it what is no name
	NoColon                   // a line without a colon
	Continuation              // a folded line at the very beginning, which continues nothing
	MboxLine                  // "From someone date", as mbox files have it before a message
	ByteOrderMark             // that of UTF-8
	Rest                      // all that follows the first MaxFields fields
)

// A Field is one field of a header with the lines that continue it.
type Field struct {
	Kind   Kind
	Offset int    // in the block
	Raw    []byte // as received, with line ends; the memory is the block's
	name   []byte
	value  int // where in Raw the value begins
}

// A Header is a header block that is taken apart.
type Header struct {
	Fields    []Field
	Block     []byte // the bytes of the fields: without the empty line that ends the header
	Body      int    // where, after that line, the body begins
	Ended     bool   // there is an empty line
	CROnly    bool   // CR alone ends the lines
	Truncated bool   // Read came to its limit before the header's end, or there are more than MaxFields fields
}

// Read reads the header at the beginning of a message, at most limit bytes of it; a limit of 0 or more than MaxBlock is
// MaxBlock. It may read further than the header's end. The error is the reader's, and what came before it is in the
// Header.
func Read(r io.Reader, limit int) (Header, error) {
	if limit <= 0 || limit > MaxBlock {
		limit = MaxBlock
	}
	// The buffer doubles, and each time all of it is searched for the end: the sum is linear.
	buf := make([]byte, 0, min(limit, 8<<10))
	for {
		n, err := io.ReadFull(r, buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return Split(buf), nil
		}
		if err != nil {
			return Split(buf), err
		}
		if _, found := findEnd(buf, false); found {
			return Split(buf), nil
		}
		if len(buf) == limit {
			h := Split(buf)
			h.Truncated = true
			return h, nil
		}
		grown := make([]byte, len(buf), min(limit, 2*cap(buf)))
		copy(grown, buf)
		buf = grown
	}
}

// Split takes the header at the beginning of data apart. What it returns shares data's memory.
func Split(data []byte) Header {
	at, _ := findEnd(data, true)
	h := Header{Block: data[:at.block], Body: at.body, Ended: at.body > at.block, CROnly: at.crOnly}
	pos := 0
	if bytes.HasPrefix(h.Block, []byte("\xef\xbb\xbf")) {
		h.Fields = append(h.Fields, Field{Kind: ByteOrderMark, Raw: h.Block[:3], value: 3})
		pos = 3
	}
	first := true
	for pos < len(h.Block) {
		next := lineEnd(h.Block, pos, h.CROnly)
		switch {
		case isSpace(h.Block[pos]) && !first:
			last := &h.Fields[len(h.Fields)-1]
			last.Raw = h.Block[last.Offset:next]
		case len(h.Fields) == MaxFields:
			h.Fields = append(h.Fields, Field{Kind: Rest, Offset: pos, Raw: h.Block[pos:]})
			h.Truncated = true
			return h
		default:
			h.Fields = append(h.Fields, fieldOf(h.Block[pos:next], pos, first))
		}
		first = false
		pos = next
	}
	return h
}

// An extent says where a header ends.
type extent struct {
	block, body int
	crOnly      bool
}

// findEnd looks for the empty line. If data is not all there is, found says that more of it changes nothing.
func findEnd(data []byte, all bool) (e extent, found bool) {
	var known bool
	if e.crOnly, known = crOnly(data, all); !known {
		return e, false
	}
	for pos := 0; pos < len(data); {
		next := lineEnd(data, pos, e.crOnly)
		last := data[next-1]
		if !all && last != '\n' && !e.crOnly {
			return e, false
		}
		if len(bytes.TrimRight(data[pos:next], "\r\n")) == 0 {
			e.block, e.body = pos, next
			return e, true
		}
		pos = next
	}
	e.block, e.body = len(data), len(data)
	return e, false
}

// crOnly says whether CR alone ends lines: an empty line of it comes before the first LF, or there is no LF. A delivered
// message cannot have that by its sender's will: the server puts its own lines, with LF, on top.
func crOnly(data []byte, all bool) (is, known bool) {
	lf := bytes.IndexByte(data, '\n')
	head := data
	if lf >= 0 {
		head = data[:lf]
	}
	if bytes.Contains(bytes.TrimRight(head, "\r"), []byte("\r\r")) {
		return true, true
	}
	if lf >= 0 {
		return false, true
	}
	return all && bytes.IndexByte(data, '\r') >= 0, all
}

// lineEnd gives where the line after the one at pos begins.
func lineEnd(data []byte, pos int, crOnly bool) int {
	end := byte('\n')
	if crOnly {
		end = '\r'
	}
	if i := bytes.IndexByte(data[pos:], end); i >= 0 {
		return pos + i + 1
	}
	return len(data)
}

func fieldOf(line []byte, offset int, first bool) Field {
	f := Field{Offset: offset, Raw: line}
	colon := bytes.IndexByte(line, ':')
	if colon >= 0 {
		f.name, f.value = bytes.TrimSpace(line[:colon]), colon+1
	}
	switch {
	case first && isSpace(line[0]):
		f.Kind, f.name, f.value = Continuation, nil, 0
	case first && bytes.HasPrefix(line, []byte("From ")) && !bytes.Equal(f.name, []byte("From")):
		f.Kind, f.name, f.value = MboxLine, nil, 0
	case colon < 0:
		f.Kind = NoColon
	case !isName(f.name):
		f.Kind = OddName
	}
	return f
}

// isName says whether a name is one by RFC 5322 section 2.2: printable ASCII.
func isName(name []byte) bool {
	for _, c := range name {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return len(name) > 0
}

// Name is the field's name as written, without space around it, and "" for what has none. Bytes that are not UTF-8 are
// replaced by U+FFFD.
func (f *Field) Name() string {
	return strings.ToValidUTF8(string(f.name[:min(len(f.name), MaxValue)]), "\uFFFD")
}

// Is says whether the field has a name, in whatever case.
func (f *Field) Is(name string) bool {
	return len(f.name) == len(name) && f.Kind == Proper && equalFold(f.name, name)
}

// equalFold compares ASCII only: bytes.EqualFold would take the Kelvin sign for a k.
func equalFold(a []byte, b string) bool {
	for i, c := range a {
		if lower(c) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// Value is what follows the colon, as received; of what has no colon it is all.
func (f *Field) Value() []byte { return f.Raw[f.value:] }

// Unfolded is the value in one line and without space around it, at most MaxValue bytes of it, not decoded: it need not
// be UTF-8. cut says that there is more.
func (f *Field) Unfolded() (value string, cut bool) {
	raw := f.Value()
	if len(raw) > MaxValue {
		raw, cut = raw[:MaxValue], true
	}
	return strings.TrimSpace(unfold(raw)), cut
}

// unfold takes the line ends out of a value (RFC 5322 section 2.2.3); the space after them stays.
func unfold(raw []byte) string {
	if bytes.IndexByte(raw, '\n') < 0 {
		return unfoldCR(bytes.TrimRight(raw, "\r"))
	}
	var out strings.Builder
	out.Grow(len(raw))
	for line := range bytes.SplitSeq(raw, []byte("\n")) {
		out.Write(bytes.TrimRight(line, "\r"))
	}
	return out.String()
}

func unfoldCR(raw []byte) string {
	if bytes.IndexByte(raw, '\r') < 0 {
		return string(raw)
	}
	var out strings.Builder
	out.Grow(len(raw))
	for i, c := range raw {
		if c == '\r' && i+1 < len(raw) && isSpace(raw[i+1]) {
			continue
		}
		out.WriteByte(c)
	}
	return out.String()
}

// Text is the decoded value.
func (f *Field) Text() Text {
	value, cut := f.Unfolded()
	t := Decode(value)
	if cut {
		t.Problems = add(t.Problems, ProblemCut)
	}
	return t
}

// All goes through the fields of a name, from the top, with their indices in Fields.
func (h *Header) All(name string) iter.Seq2[int, *Field] {
	return func(yield func(int, *Field) bool) {
		for i := range h.Fields {
			if h.Fields[i].Is(name) && !yield(i, &h.Fields[i]) {
				return
			}
		}
	}
}

// WithPrefix goes through the fields whose names begin so, in whatever case: X-GM-, List-.
func (h *Header) WithPrefix(prefix string) iter.Seq2[int, *Field] {
	return func(yield func(int, *Field) bool) {
		for i := range h.Fields {
			f := &h.Fields[i]
			if f.Kind == Proper && len(f.name) >= len(prefix) && equalFold(f.name[:len(prefix)], prefix) && !yield(i, f) {
				return
			}
		}
	}
}

// First is the topmost field of a name, or nil. It is the one that most programs show.
func (h *Header) First(name string) *Field {
	for _, f := range h.All(name) {
		return f
	}
	return nil
}

// Last is the lowest field of a name, or nil.
func (h *Header) Last(name string) *Field {
	for i := len(h.Fields) - 1; i >= 0; i-- {
		if h.Fields[i].Is(name) {
			return &h.Fields[i]
		}
	}
	return nil
}

// Count is how many fields have a name.
func (h *Header) Count(name string) int {
	n := 0
	for range h.All(name) {
		n++
	}
	return n
}

// Text is the decoded value of the topmost field of a name, and empty where there is none.
func (h *Header) Text(name string) Text {
	if f := h.First(name); f != nil {
		return f.Text()
	}
	return Text{}
}

// Single lists the fields that a message has at most once (RFC 5322 section 3.6, RFC 2045, RFC 2183).
func Single() []string {
	return []string{"From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Message-ID", "In-Reply-To", "References", "Subject", "Date",
		"MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Content-Disposition"}
}

// A Duplicate is a field that a message may have once and has more often. Programs then differ in which one they show or
// check, which is used to pass off another sender.
type Duplicate struct {
	Name    string
	Count   int
	Differ  bool  // their values are not all the same
	Indices []int // in Fields, at most MaxViews
}

// Duplicates lists the fields of Single that are there more than once.
func (h *Header) Duplicates() []Duplicate {
	var found []Duplicate
	for _, name := range Single() {
		d := Duplicate{Name: name}
		var first []byte
		for i, f := range h.All(name) {
			if d.Count == 0 {
				first = bytes.TrimSpace(f.Value())
			} else if !bytes.Equal(first, bytes.TrimSpace(f.Value())) {
				d.Differ = true
			}
			d.Count++
			if len(d.Indices) < MaxViews {
				d.Indices = append(d.Indices, i)
			}
		}
		if d.Count > 1 {
			found = append(found, d)
		}
	}
	return found
}

// Oddities says what about the block as a whole is not as RFC 5322 has it.
type Oddities struct {
	ByteOrderMark, MboxLine, NUL, EightBit, BareCR, BareLF bool
	NoColon, OddNames                                      int
	NoEnd                                                  bool // there is no empty line
}

// Oddities looks at each byte of the block.
func (h *Header) Oddities() Oddities {
	o := Oddities{NoEnd: !h.Ended}
	for i := range h.Fields {
		switch h.Fields[i].Kind {
		case ByteOrderMark:
			o.ByteOrderMark = true
		case MboxLine:
			o.MboxLine = true
		case NoColon, Continuation:
			o.NoColon++
		case OddName:
			o.OddNames++
		}
	}
	var last byte
	for _, c := range h.Block {
		o.NUL = o.NUL || c == 0
		o.EightBit = o.EightBit || c >= 0x80
		o.BareCR = o.BareCR || last == '\r' && c != '\n'
		o.BareLF = o.BareLF || c == '\n' && last != '\r'
		last = c
	}
	return o
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }
