package imapwire

import (
	"bytes"
	"strings"
)

// A Kind is one of the three kinds of responses, or Odd for a line that is none of them.
type Kind byte

// The kinds of responses.
const (
	Odd          Kind = iota // neither "*" nor "+" nor a tag and a word
	Untagged                 // "* …"
	Tagged                   // "A1 OK …"
	Continuation             // "+ …"
)

// A Response is one response as received.
type Response struct {
	Kind   Kind
	Tag    string // of a tagged response
	Name   string // in upper case: "OK", "LIST", "FETCH", "X-FOO"; empty for a continuation
	Number uint32 // the number before the name in "* 12 FETCH", else 0

	// Raw is the response as received, with its line break and all literals but Body's. With a body, it ends with the
	// announcement of the literal until the response has been read further.
	Raw  []byte
	Body *Body // the message body that comes as a literal, or nil

	reader *Reader
	rest   int // where the text after the name begins in Raw
	cut    int // where Body's bytes are left out of Raw, or -1
}

func (resp *Response) classify(line []byte) {
	trimmed := bytes.TrimRight(line, "\r\n")
	switch {
	case len(trimmed) > 0 && trimmed[0] == '+':
		resp.Kind, resp.rest = Continuation, 1
		return
	case len(trimmed) > 1 && trimmed[0] == '*' && trimmed[1] == ' ':
		resp.Kind, resp.rest = Untagged, 2
	default:
		sp := bytes.IndexByte(trimmed, ' ')
		if sp <= 0 {
			return
		}
		resp.Kind, resp.rest = Tagged, sp+1
		resp.Tag = string(trimmed[:sp])
	}
	word := resp.word(trimmed)
	if n, ok := parseNumber(word); ok && resp.Kind == Untagged {
		resp.Number = n
		word = resp.word(trimmed)
	}
	resp.Name = upper(word)
}

// word takes the next word off the line.
func (resp *Response) word(line []byte) []byte {
	for resp.rest < len(line) && line[resp.rest] == ' ' {
		resp.rest++
	}
	start := resp.rest
	for resp.rest < len(line) && line[resp.rest] != ' ' && line[resp.rest] != '(' {
		resp.rest++
	}
	return line[start:resp.rest]
}

// isText says whether what follows is text for people, in which "{5}" at the end of a line is no literal.
func (resp *Response) isText() bool {
	switch resp.Kind {
	case Untagged:
		switch resp.Name {
		case "OK", "NO", "BAD", "BYE", "PREAUTH":
			return true
		}
		return false
	default:
		return true
	}
}

// Clone returns a copy that outlives the next response.
func (resp *Response) Clone() Response {
	c := *resp
	c.Raw = bytes.Clone(resp.Raw)
	c.reader, c.Body = nil, nil
	return c
}

// Rest returns what follows the name, as received, without the line break.
func (resp *Response) Rest() []byte {
	return bytes.TrimLeft(bytes.TrimRight(resp.Raw[min(resp.rest, len(resp.Raw)):], "\r\n"), " ")
}

// Scan returns a Scanner on what follows the name.
func (resp *Response) Scan() *Scanner {
	return &Scanner{b: resp.Raw, pos: resp.rest, cut: resp.cut}
}

// A Status is what OK, NO, BAD, BYE and PREAUTH say (RFC 3501 section 7.1).
type Status struct {
	Name string // "OK", "NO", "BAD", "BYE", "PREAUTH"
	Code string // what stands in brackets, as received: "UIDVALIDITY 42", "AUTHENTICATIONFAILED"; or empty
	Text string // the text for people, as received
}

// Status reads a status response. Of any other response it is only the name and the text.
func (resp *Response) Status() Status {
	s := Status{Name: resp.Name, Text: string(resp.Rest())}
	if strings.HasPrefix(s.Text, "[") {
		if end := strings.IndexByte(s.Text, ']'); end > 0 {
			s.Code = s.Text[1:end]
			s.Text = strings.TrimLeft(s.Text[end+1:], " ")
		}
	}
	return s
}

// CodeName returns the first word of the code in upper case: "UIDVALIDITY".
func (s Status) CodeName() string {
	name, _, _ := strings.Cut(s.Code, " ")
	return strings.ToUpper(name)
}

// CodeArg returns what follows the first word of the code.
func (s Status) CodeArg() string {
	_, arg, _ := strings.Cut(s.Code, " ")
	return strings.TrimSpace(arg)
}

// String returns code and text as the server sent them: "[AUTHENTICATIONFAILED] Authentication failed."
func (s Status) String() string {
	switch {
	case s.Code == "":
		return s.Text
	case s.Text == "":
		return "[" + s.Code + "]"
	}
	return "[" + s.Code + "] " + s.Text
}

func parseNumber(b []byte) (uint32, bool) {
	if len(b) == 0 || len(b) > 10 {
		return 0, false
	}
	var n uint64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return uint32(n), n <= 1<<32-1
}

// ParseHead reads the beginning of a response that was cut off (LimitError.Head), as far as it goes.
func ParseHead(head []byte) *Response {
	resp := &Response{Raw: head, cut: -1}
	resp.classify(head)
	return resp
}
