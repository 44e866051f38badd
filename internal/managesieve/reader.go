package managesieve

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/mbaudit/mbaudit/internal/visible"
)

// Limits bound what a server can make us hold in memory. A zero field means the default.
type Limits struct {
	Line    int   // bytes of one line without its literals; default 64 KiB
	Literal int64 // bytes of one literal, so of a script; default 16 MiB
	Answer  int   // bytes of all lines of one answer; default 24 MiB
}

func (l Limits) withDefaults() Limits {
	if l.Line == 0 {
		l.Line = 64 << 10
	}
	if l.Literal == 0 {
		l.Literal = 16 << 20
	}
	if l.Answer == 0 {
		l.Answer = 24 << 20
	}
	return l
}

// A LimitError says that the server sent, or announced, more than Limits allow. The connection cannot be used after it.
type LimitError struct {
	What  string // "line", "literal" or "answer"
	Size  string // what was announced, or the least that was seen
	Limit int64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("the server sent a %s of %s bytes, over the limit of %d", e.What, e.Size, e.Limit)
}

// A SyntaxError says that a line of the server's cannot be read by RFC 5804. The connection cannot be used after it,
// since where the answer ends is not known.
type SyntaxError struct {
	Line []byte // as received
	Why  string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("the server's answer is not ManageSieve: %s: \"%s\"", e.Why, visible.Cut(string(bytes.TrimRight(e.Line, "\r\n")), 120))
}

// A Kind is a kind of token.
type Kind byte

// The kinds of tokens.
const (
	Atom   Kind = iota // OK, ACTIVE, TRYLATER
	Quoted             // "…"
	Literal
	Open  // (
	Close // )
)

// A Token is one element of a line.
type Token struct {
	Kind Kind
	Text []byte // without quotes and escapes

	// Start and End are where Text stands in the line's Raw. Of a quoted string with escapes they hold more than Text.
	Start, End int
}

// IsString says whether the token is a quoted string or a literal.
func (t *Token) IsString() bool { return t.Kind == Quoted || t.Kind == Literal }

// A Line is one line of the server's, with the literals in it.
type Line struct {
	Raw    []byte // as received, with the line break
	Tokens []Token
	Bad    string // what is wrong with it, or empty
}

// progressBytes is how much of a long line counts as progress.
const progressBytes = 64 << 10

// A Reader splits a server's stream into lines. It is not safe for use by several goroutines.
type Reader struct {
	// Progress, if set, is called before a line is waited for and after each 64 KiB of a long one.
	Progress func() error

	br  *bufio.Reader
	lim Limits
}

// NewReader returns a Reader on r.
func NewReader(r io.Reader, lim Limits) *Reader {
	return &Reader{br: bufio.NewReaderSize(r, 16<<10), lim: lim.withDefaults()}
}

// Buffered returns how many bytes have been read from the connection and not yet been handed out.
func (r *Reader) Buffered() int { return r.br.Buffered() }

// Next reads the next line. A wrong one comes with Bad set. At the end of the stream the error is io.EOF between lines
// and io.ErrUnexpectedEOF inside one.
func (r *Reader) Next() (*Line, error) {
	if err := r.progress(); err != nil {
		return nil, err
	}
	line := &Line{}
	text := 0 // bytes outside of literals
	for {
		start := len(line.Raw)
		if err := r.readText(line, r.lim.Line-text); err != nil {
			if errors.Is(err, io.EOF) && len(line.Raw) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		text += len(line.Raw) - start
		size, announced, err := r.scan(line, start)
		if err != nil || !announced {
			line.resolve()
			return line, err
		}
		if err := r.readLiteral(line, size); err != nil {
			return nil, err
		}
	}
}

func (r *Reader) progress() error {
	if r.Progress == nil {
		return nil
	}
	return r.Progress()
}

// readText appends what comes up to the next line break.
func (r *Reader) readText(line *Line, limit int) error {
	read := 0
	for {
		part, err := r.br.ReadSlice('\n')
		line.Raw = append(line.Raw, part...)
		if read += len(part); read > limit {
			return &LimitError{What: "line", Size: fmt.Sprint(read), Limit: int64(r.lim.Line)}
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

// readLiteral appends a literal. Memory grows as it arrives, not as it was announced.
func (r *Reader) readLiteral(line *Line, size int64) error {
	start := len(line.Raw)
	buf := bytes.NewBuffer(line.Raw)
	for left := size; left > 0; {
		n, err := io.CopyN(buf, r.br, min(left, progressBytes))
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		if left -= n; left > 0 {
			if err := r.progress(); err != nil {
				return err
			}
		}
	}
	line.Raw = buf.Bytes()
	line.Tokens = append(line.Tokens, Token{Kind: Literal, Start: start, End: len(line.Raw)})
	return nil
}

// scan reads the tokens of the text from start on. announced says that it ends with the announcement of a literal.
func (r *Reader) scan(line *Line, start int) (size int64, announced bool, err error) {
	end := start + len(bytes.TrimRight(line.Raw[start:], "\r\n"))
	for at := start; at < end; {
		switch c := line.Raw[at]; {
		case c == ' ' || c == '\t':
			at++
		case c == '(' || c == ')':
			kind := Open
			if c == ')' {
				kind = Close
			}
			line.Tokens = append(line.Tokens, Token{Kind: kind, Start: at, End: at + 1})
			at++
		case c == '"':
			token, next, ok := quoted(line.Raw, at+1, end)
			if !ok {
				line.Bad = "a quoted string does not end in its line"
				return 0, false, nil
			}
			line.Tokens = append(line.Tokens, token)
			at = next
		case c == '{':
			digits, ok := bytes.CutSuffix(line.Raw[at+1:end], []byte("}"))
			if digits = bytes.TrimSuffix(digits, []byte("+")); !ok || len(digits) == 0 || len(bytes.Trim(digits, "0123456789")) > 0 {
				line.Bad = "a brace does not announce a literal"
				return 0, false, nil
			}
			if size, ok = parseSize(digits); !ok || size > r.lim.Literal {
				return 0, false, &LimitError{What: "literal", Size: visible.Cut(string(digits), 40), Limit: r.lim.Literal}
			}
			return size, true, nil
		default:
			from := at
			for at < end && bytes.IndexByte([]byte(" \t()\"{"), line.Raw[at]) < 0 {
				at++
			}
			line.Tokens = append(line.Tokens, Token{Kind: Atom, Start: from, End: at})
		}
	}
	return 0, false, nil
}

// quoted reads a quoted string whose text begins at from. next is after its closing quote.
func quoted(raw []byte, from, end int) (token Token, next int, ok bool) {
	var text []byte // only where there are escapes
	escaped := false
	for at := from; at < end; at++ {
		switch {
		case raw[at] == '"':
			token = Token{Kind: Quoted, Start: from, End: at}
			if escaped {
				token.Text = text
			}
			return token, at + 1, true
		case raw[at] == '\\' && at+1 < end:
			if !escaped {
				text, escaped = append([]byte{}, raw[from:at]...), true
			}
			at++
			text = append(text, raw[at])
		case escaped:
			text = append(text, raw[at])
		}
	}
	return Token{}, 0, false
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

// resolve gives the tokens their text, once Raw does not move any more.
func (l *Line) resolve() {
	for i := range l.Tokens {
		if t := &l.Tokens[i]; t.Text == nil {
			t.Text = l.Raw[t.Start:t.End:t.End]
		}
	}
}

// is says whether the line begins with this atom, in any case.
func (l *Line) is(atom string) bool {
	return len(l.Tokens) > 0 && l.Tokens[0].Kind == Atom && bytes.EqualFold(l.Tokens[0].Text, []byte(atom))
}

func (l *Line) isStatus() bool { return l.is("OK") || l.is("NO") || l.is("BYE") }

// A Status is what OK, NO and BYE say (RFC 5804 section 1.3).
type Status struct {
	Name string   // "OK", "NO" or "BYE"
	Code string   // in upper case: "TRYLATER", "QUOTA/MAXSCRIPTS"; or empty
	Args []string // what follows the code: where REFERRAL points to, what SASL carries
	Text string   // for people, as received
}

// status reads a status line as far as it can be read; text with wrong quotes is taken as it is.
func (l *Line) status() Status {
	s := Status{Name: string(bytes.ToUpper(l.Tokens[0].Text))}
	rest := l.Tokens[1:]
	if len(rest) > 1 && rest[0].Kind == Open && rest[1].Kind == Atom {
		s.Code = string(bytes.ToUpper(rest[1].Text))
		for rest = rest[2:]; len(rest) > 0 && rest[0].Kind != Close; rest = rest[1:] {
			if rest[0].IsString() {
				s.Args = append(s.Args, string(rest[0].Text))
			}
		}
		if len(rest) > 0 {
			rest = rest[1:]
		}
	}
	switch {
	case l.Bad == "" && len(rest) == 1 && rest[0].IsString():
		s.Text = string(rest[0].Text)
	case l.Bad != "" || len(rest) > 0:
		s.Text = string(bytes.TrimSpace(l.Raw[l.Tokens[0].End:]))
		s.Code, s.Args = "", nil // they are in the text
	}
	return s
}

// String returns code and text: "(TRYLATER) busy, come back".
func (s Status) String() string {
	text := s.Text
	if s.Code != "" {
		code := s.Code
		for _, arg := range s.Args {
			code += ` "` + arg + `"`
		}
		text = "(" + code + ") " + text
	}
	if text == "" {
		return s.Name
	}
	return text
}
