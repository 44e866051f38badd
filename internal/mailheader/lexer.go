package mailheader

import (
	"strings"
	"unicode/utf8"
)

// A tokenKind says what a token is.
type tokenKind uint8

const (
	atom    tokenKind = iota // a run of other characters
	quoted                   // text is what is between the quotation marks, escapes and all
	comment                  // text is what is between the outermost parentheses
	encoded                  // an encoded word, as written
	literal                  // a domain literal with its brackets
	special                  // one of the lexer's specials
)

// A token is the smallest part of a structured value (RFC 5322 section 3.2).
type token struct {
	kind   tokenKind
	text   string
	from   int  // where it begins
	spaced bool // white space or a comment stands before it
}

func (t token) is(c byte) bool { return t.kind == special && t.text[0] == c }

// A lexer reads tokens. What has no end, a quotation or a comment, is looked for once: then its mark is a character as
// any other, so that no text is searched again and again.
type lexer struct {
	text                         string
	pos                          int
	specials                     string
	words                        *wordFinder // nil: encoded words are atoms
	noQuote, noComment, noBraces bool
	afterAt, afterComment        bool
	unclosed                     bool
}

func (l *lexer) next() (token, bool) {
	start := l.pos
	for l.pos < len(l.text) && strings.IndexByte(" \t\r\n", l.text[l.pos]) >= 0 {
		l.pos++
	}
	if l.pos == len(l.text) {
		return token{}, false
	}
	t := l.read()
	t.spaced = t.from > start || l.afterComment
	l.afterAt, l.afterComment = t.is('@'), t.kind == comment
	return t, true
}

func (l *lexer) read() token {
	from, c := l.pos, l.text[l.pos]
	switch {
	case c == '"' && !l.noQuote:
		if end := l.quoteEnd(); end > 0 {
			l.pos = end
			return token{kind: quoted, text: l.text[from+1 : end-1], from: from}
		}
		l.noQuote, l.unclosed = true, true
	case c == '(' && !l.noComment:
		if end := l.commentEnd(); end > 0 {
			l.pos = end
			return token{kind: comment, text: l.text[from+1 : end-1], from: from}
		}
		l.noComment, l.unclosed = true, true
	case c == '[' && l.afterAt && !l.noBraces:
		if end := strings.IndexByte(l.text[from:], ']'); end > 0 {
			l.pos = from + end + 1
			return token{kind: literal, text: l.text[from:l.pos], from: from}
		}
		l.noBraces, l.unclosed = true, true
	case c == '=' && l.words != nil:
		if w, ok := l.words.at(from); ok {
			l.pos = w.to
			return token{kind: encoded, text: l.text[from:l.pos], from: from}
		}
	}
	l.pos++
	if strings.IndexByte(l.specials, c) >= 0 {
		return token{kind: special, text: l.text[from:l.pos], from: from}
	}
	for l.pos < len(l.text) && !l.endsAtom() {
		l.pos++
	}
	return token{kind: atom, text: l.text[from:l.pos], from: from}
}

func (l *lexer) endsAtom() bool {
	switch c := l.text[l.pos]; c {
	case ' ', '\t', '\r', '\n':
		return true
	case '"':
		return !l.noQuote
	case '(':
		return !l.noComment
	case '=':
		if l.words != nil {
			if _, ok := l.words.at(l.pos); ok {
				return true
			}
		}
		fallthrough
	default:
		return strings.IndexByte(l.specials, c) >= 0
	}
}

// quoteEnd gives where the quotation that begins here is over, or 0.
func (l *lexer) quoteEnd() int {
	for i := l.pos + 1; i < len(l.text); i++ {
		switch l.text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}

// commentEnd gives where the comment that begins here is over, with those in it, or 0.
func (l *lexer) commentEnd() int {
	depth := 0
	for i := l.pos; i < len(l.text); i++ {
		switch l.text[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// unescape takes the backslashes of quoted pairs out.
func unescape(text string) string {
	if strings.IndexByte(text, '\\') < 0 {
		return text
	}
	var out strings.Builder
	out.Grow(len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) {
			i++
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

// valid gives text as UTF-8: other bytes are taken for Windows-1252.
func valid(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	return windows1252([]byte(text))
}

// content is what a token says.
func (t token) content() string {
	if t.kind == quoted || t.kind == comment {
		return unescape(t.text)
	}
	return t.text
}

// bound cuts a value that is handed to a parser directly.
func bound(value string) (string, bool) {
	if len(value) > MaxValue {
		return value[:MaxValue], true
	}
	return value, false
}
