package imapwire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Limits bound what a server can make us hold in memory or wait for. A zero field means the default.
type Limits struct {
	Response int   // bytes of one response without its streamed body; default 16 MiB
	Answer   int   // bytes of all responses to one command that is read as a whole (Conn.Do); default 64 MiB
	Literal  int64 // bytes announced for one streamed body; default 4 GiB - 64 MiB, what fits a zip entry
	Idle     int   // responses in a row that nobody asked for; default 4 million, more than other clients of a mailbox cause
}

func (l Limits) withDefaults() Limits {
	if l.Response == 0 {
		l.Response = 16 << 20
	}
	if l.Answer == 0 {
		l.Answer = 64 << 20
	}
	if l.Literal == 0 {
		l.Literal = 4<<30 - 64<<20
	}
	if l.Idle == 0 {
		l.Idle = 4_000_000
	}
	return l
}

// A LimitError says that the server sent, or announced, more than Limits allow. The connection cannot be used after
// it, since where the next response begins is not known.
type LimitError struct {
	What  string // "response", "answer", "literal", …
	Size  string // what was announced, or the least that was seen
	Unit  string // of Size; empty means bytes
	Limit int64
	Head  []byte // the response up to there, at most the first 64 KiB
}

func (e *LimitError) Error() string {
	unit := e.Unit
	if unit == "" {
		unit = "bytes"
	}
	return fmt.Sprintf("the server sent a %s of %s %s, over the limit of %d", e.What, e.shownSize(), unit, e.Limit)
}

// shownSize shortens a size of very many digits.
func (e *LimitError) shownSize() string {
	if len(e.Size) <= 40 {
		return e.Size
	}
	return fmt.Sprintf("%s… (%d digits)", e.Size[:20], len(e.Size))
}

// ErrSupposed is what reading a body ends with when its response does not end as Response.Suppose said. The bytes of
// the body and the connection are sound; only what was supposed of the response is wrong.
var ErrSupposed = errors.New("the response goes on after the message body")

var errStale = errors.New("this body belongs to a response that is past")

// bufferSize is how much is read from the connection at once. A message that fits, together with what follows it, can
// be looked at whole (Response.Ahead) before it is handed on.
const bufferSize = 256 << 10

// keepRaw is the largest response buffer that is kept for the next response.
const keepRaw = 1 << 20

// A Reader splits a server's stream into responses. It is not safe for use by several goroutines.
type Reader struct {
	br   *bufio.Reader
	lim  Limits
	raw  []byte
	resp Response

	// Of the response under way: its end is unread, how many bytes of it have been looked at, and what was supposed.
	open     bool
	ahead    int
	supposed []byte
}

// NewReader returns a Reader on r.
func NewReader(r io.Reader, lim Limits) *Reader {
	return &Reader{br: bufio.NewReaderSize(r, bufferSize), lim: lim.withDefaults()}
}

// Buffered returns how many bytes have been read from the connection and not yet been handed out.
func (r *Reader) Buffered() int { return r.br.Buffered() }

// Next reads the next response. When it has a body literal, Next returns before the body, with Response.Body set; a
// body that is not read to its end is skipped by the following Next. The response and its bytes are valid until then.
//
// At the end of the stream the error is io.EOF between responses and io.ErrUnexpectedEOF inside one.
func (r *Reader) Next() (*Response, error) {
	if err := r.finish(); err != nil && !errors.Is(err, ErrSupposed) {
		return nil, err
	}
	if cap(r.raw) > keepRaw {
		r.raw = nil
	}
	r.raw = r.raw[:0]
	r.resp = Response{reader: r, cut: -1}
	r.ahead, r.supposed = 0, nil
	if err := r.readLine(); err != nil {
		return nil, err
	}
	r.resp.classify(r.raw)
	if !r.resp.isText() {
		if err := r.readLiterals(); err != nil {
			return nil, err
		}
	}
	r.resp.Raw = r.raw
	return &r.resp, nil
}

// readLine appends one line, with its line break, to r.raw.
func (r *Reader) readLine() error {
	for {
		line, err := r.br.ReadSlice('\n')
		if len(r.raw)+len(line) > r.lim.Response {
			return r.tooLarge(len(r.raw) + len(line))
		}
		r.raw = append(r.raw, line...)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(r.raw) > 0:
			return io.ErrUnexpectedEOF
		default:
			return err
		}
	}
}

func (r *Reader) tooLarge(size int) error {
	return &LimitError{What: "response", Size: fmt.Sprint(size), Limit: int64(r.lim.Response), Head: r.head()}
}

func (r *Reader) head() []byte { return bytes.Clone(r.raw[:min(len(r.raw), 64<<10)]) }

// readLiterals reads on as long as the line just read announces a literal. It stops at the first one that is a
// message body.
func (r *Reader) readLiterals() error {
	for {
		size, mark, ok := literalAtEnd(r.raw)
		if !ok {
			return nil
		}
		if r.resp.cut < 0 && r.resp.Name == "FETCH" {
			if item := bodyItem(r.raw[:mark]); item != "" {
				return r.startBody(item, size)
			}
		}
		n, ok := parseSize(size)
		if !ok || n > int64(r.lim.Response-len(r.raw)) {
			return &LimitError{What: "response", Size: string(size), Limit: int64(r.lim.Response), Head: r.head()}
		}
		if err := r.readBytes(int(n)); err != nil {
			return err
		}
		if err := r.readLine(); err != nil {
			return unexpected(err)
		}
	}
}

func (r *Reader) startBody(item string, size []byte) error {
	n, ok := parseSize(size)
	if !ok || n > r.lim.Literal {
		return &LimitError{What: "literal", Size: string(size), Limit: r.lim.Literal, Head: r.head()}
	}
	r.resp.cut = len(r.raw)
	r.resp.Body = &Body{Item: item, Size: n, left: n, r: r}
	r.open = true
	return nil
}

// readBytes appends n bytes to r.raw. Memory grows with what arrives, not with what is announced.
func (r *Reader) readBytes(n int) error {
	for n > 0 {
		step := min(n, 64<<10)
		at := len(r.raw)
		r.raw = slices.Grow(r.raw, step)[:at+step]
		got, err := io.ReadFull(r.br, r.raw[at:])
		r.raw = r.raw[:at+got]
		if err != nil {
			return unexpected(err)
		}
		n -= step
	}
	return nil
}

// finish reads the response under way to its end and skips what is unread of its body.
func (r *Reader) finish() error {
	if !r.open {
		return nil
	}
	r.open = false
	body := r.resp.Body
	if body.left > 0 {
		defer body.fail(errStale) // what is skipped must not read as an empty body later
	}
	for body.left > 0 {
		n, err := r.br.Discard(int(min(body.left, 1<<30)))
		body.left -= int64(n)
		if err != nil {
			return body.fail(unexpected(err))
		}
	}
	if r.ahead > 0 {
		_, err := r.br.Discard(r.ahead)
		return err
	}
	r.raw = r.raw[:r.resp.cut]
	err := r.readLine()
	if err == nil {
		err = r.readLiterals()
	}
	r.resp.Raw = r.raw
	if err != nil {
		return body.fail(unexpected(err))
	}
	if r.supposed != nil && !bytes.Equal(r.raw[r.resp.cut:], r.supposed) {
		return body.fail(ErrSupposed)
	}
	return nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// A Body is the literal of a message body, read straight from the connection's buffer. Read returns io.EOF once all of
// it has been read and what follows it in the response has been read too.
type Body struct {
	Item string // what it is, in upper case: "BODY[]", "BODY[HEADER]", "RFC822.HEADER"
	Size int64  // as announced

	r    *Reader
	left int64
	err  error
}

// Err returns the error of the connection that reading the body met, nil if there was none. It tells an error of the
// source from one of the place that the body was written to.
func (b *Body) Err() error { return b.err }

func (b *Body) fail(err error) error {
	if b.err == nil {
		b.err = err
	}
	return b.err
}

func (b *Body) end() error {
	if b.err != nil {
		return b.err
	}
	if err := b.r.finish(); err != nil {
		return b.fail(err)
	}
	return io.EOF
}

// Read implements io.Reader.
func (b *Body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.left == 0 {
		if b.r.resp.Body != b {
			return 0, io.EOF
		}
		return 0, b.end()
	}
	if b.r.resp.Body != b || !b.r.open {
		return 0, errStale
	}
	n, err := b.r.br.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if err != nil {
		return n, b.fail(unexpected(err))
	}
	return n, nil
}

// WriteTo implements io.WriterTo: io.Copy hands the connection's buffer to w without another one in between.
func (b *Body) WriteTo(w io.Writer) (int64, error) {
	var total int64
	for b.left > 0 && b.err == nil {
		if b.r.resp.Body != b || !b.r.open {
			return total, errStale
		}
		if _, err := b.r.br.Peek(1); err != nil {
			return total, b.fail(unexpected(err))
		}
		// The buffer holds at least this much, so neither Peek nor Discard can fail.
		p, _ := b.r.br.Peek(int(min(int64(b.r.br.Buffered()), b.left)))
		n, err := w.Write(p)
		_, _ = b.r.br.Discard(n)
		b.left -= int64(n)
		total += int64(n)
		if err != nil {
			return total, err
		}
	}
	if _, err := b.Read(nil); err != nil && !errors.Is(err, io.EOF) {
		return total, err
	}
	return total, nil
}

// Ahead looks past the body to the end of the response, so that Raw is complete before the body is read. It says
// false where the buffer does not reach that far; then Suppose or Finish remain.
func (resp *Response) Ahead() (bool, error) {
	r, b := resp.reader, resp.Body
	if b == nil || !r.open || r.ahead > 0 {
		return true, nil
	}
	if b.left > bufferSize/2 {
		return false, nil
	}
	start := int(b.left)
	line, need := start, start+1
	for need <= bufferSize {
		p, err := r.br.Peek(max(need, r.br.Buffered()))
		if err != nil {
			return false, b.fail(unexpected(err))
		}
		nl := bytes.IndexByte(p[line:], '\n')
		if nl < 0 {
			need = len(p) + 1
			continue
		}
		line += nl + 1
		size, _, ok := literalAtEnd(p[:line])
		if !ok {
			r.ahead = line - start
			r.raw = append(r.raw, p[start:line]...)
			resp.Raw = r.raw
			return true, nil
		}
		n, ok := parseSize(size)
		if !ok || n > bufferSize {
			return false, nil
		}
		line += int(n)
		need = line + 1
	}
	return false, nil
}

// Suppose completes Raw with what is supposed to follow the body, for example ")\r\n". If something else follows,
// reading the body ends with ErrSupposed.
func (resp *Response) Suppose(tail string) {
	r := resp.reader
	if resp.Body == nil || !r.open || r.ahead > 0 || r.supposed != nil {
		return
	}
	r.supposed = []byte(tail)
	r.raw = append(r.raw, tail...)
	resp.Raw = r.raw
}

// Finish skips what is unread of the body and completes Raw with what follows it.
func (resp *Response) Finish() error { return resp.reader.finish() }

// literalAtEnd says whether a line ends by announcing a literal: {n}, {n+} (RFC 7888) or ~{n} (RFC 3516). mark is
// where the announcement begins. A quoted string cannot reach over the end of a line and an atom holds no brace, so
// that nothing else ends like this, whatever quotes went wrong before.
func literalAtEnd(line []byte) (size []byte, mark int, ok bool) {
	n := len(line)
	if n < 4 || line[n-1] != '\n' {
		return nil, 0, false
	}
	n--
	if line[n-1] == '\r' {
		n--
	}
	if line[n-1] != '}' {
		return nil, 0, false
	}
	end := n - 1
	if end > 0 && (line[end-1] == '+' || line[end-1] == '-') {
		end--
	}
	at := end
	for at > 0 && line[at-1] >= '0' && line[at-1] <= '9' {
		at--
	}
	if at == end || at == 0 || line[at-1] != '{' {
		return nil, 0, false
	}
	mark = at - 1
	if mark > 0 && line[mark-1] == '~' {
		mark--
	}
	return line[at:end], mark, true
}

// parseSize reads the number of a literal; false if it has more than 18 digits.
func parseSize(digits []byte) (int64, bool) {
	digits = bytes.TrimLeft(digits, "0")
	if len(digits) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range digits {
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// bodyItem returns the FETCH item, in upper case, whose value begins where head ends, if it is one that carries a
// message or a part of it; "" otherwise.
//
// It looks back no further than a name reaches, since a server may announce millions of literals in one response.
func bodyItem(head []byte) string {
	head = head[max(0, len(head)-maxItem):]
	head = bytes.TrimRight(head, " ")
	end := len(head)
	name := head
	if end > 0 && head[end-1] == '>' {
		if open := bytes.LastIndexByte(head, '<'); open > 0 {
			name = head[:open]
		}
	}
	if len(name) > 0 && name[len(name)-1] == ']' {
		open := bytes.LastIndexByte(name, '[')
		if open < 0 {
			return ""
		}
		start := tokenStart(name[:open])
		switch item := name[start:open]; {
		case bytes.EqualFold(item, []byte("BODY")), bytes.EqualFold(item, []byte("BINARY")),
			bytes.EqualFold(item, []byte("BODY.PEEK")), bytes.EqualFold(item, []byte("BINARY.PEEK")):
			return upper(head[start:])
		}
		return ""
	}
	start := tokenStart(name)
	switch item := name[start:]; {
	case bytes.EqualFold(item, []byte("RFC822")), bytes.EqualFold(item, []byte("RFC822.HEADER")),
		bytes.EqualFold(item, []byte("RFC822.TEXT")):
		return upper(head[start:])
	}
	return ""
}

// maxItem is the longest name of an item that carries a body; longer ones are read as part of the response.
const maxItem = 256

func tokenStart(b []byte) int { return bytes.LastIndexAny(b, " (") + 1 }

// upper returns b in upper case. The names that come with every message cost no allocation.
func upper(b []byte) string {
	switch string(b) {
	case "BODY[]":
		return "BODY[]"
	case "BODY[HEADER]":
		return "BODY[HEADER]"
	case "FETCH":
		return "FETCH"
	case "OK":
		return "OK"
	}
	return strings.ToUpper(string(b))
}
