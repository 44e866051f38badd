package mailheader

import (
	"encoding/base64"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
)

// A Problem is something about a value that is not as its standard has it. The value is read all the same.
type Problem string

// The problems.
const (
	ProblemCut            Problem = "only the beginning was read"
	ProblemRawBytes       Problem = "bytes outside ASCII without a character set"
	ProblemUnknownCharset Problem = "an unknown character set"
	ProblemWrongCharset   Problem = "bytes that are not in the character set named"
	ProblemBadEncoding    Problem = "a broken encoded word"
	ProblemSyntax         Problem = "a syntax that the standard does not have"
	ProblemUnclosed       Problem = "a quotation, comment or bracket without an end"
	ProblemSeveral        Problem = "several values in the place of one"
	ProblemMissing        Problem = "a part that must be there is missing"
	ProblemRange          Problem = "a number out of range"
	ProblemWeekday        Problem = "a weekday that is not that of the date"
	ProblemObsolete       Problem = "an obsolete form"
	ProblemZone           Problem = "no time zone, or one that is not known"
)

// add adds a problem once.
func add(problems []Problem, p Problem) []Problem {
	if slices.Contains(problems, p) {
		return problems
	}
	return append(problems, p)
}

// A Text is a decoded value and what was wrong with it.
type Text struct {
	Text     string
	Problems []Problem
}

// String is the text.
func (t Text) String() string { return t.Text }

// Decode turns a value in one line into text: encoded words (RFC 2047) wherever they stand, and bytes that are not UTF-8.
// Neighbouring words of one character set are joined before they are decoded, since many programs cut characters in two.
// A word in a character set that is not known, whose bytes are not UTF-8 either, stays as it is written. Bytes that
// are wrong in their character set are replaced by U+FFFD, or taken for Windows-1252 where they should have been UTF-8
// or ASCII.
func Decode(value string) Text { return decode(value, false) }

// Guess is Decode for those who search: a word in an unknown character set is read as Windows-1252, since a wrong letter
// is better there than a word not found.
func Guess(value string) string { return decode(value, true).Text }

func decode(value string, guess bool) Text {
	if isASCII(value) && !strings.Contains(value, "=?") {
		return Text{Text: value}
	}
	d := textDecoder{guess: guess}
	d.out.Grow(len(value))
	words := wordFinder{text: value}
	last, after := 0, false
	for {
		w, ok := words.next(last)
		if !ok {
			break
		}
		between := value[last:w.from]
		joins := after && strings.TrimSpace(between) == ""
		if !joins {
			d.flush()
			d.plain(between)
		} else if !strings.EqualFold(w.charset, d.charset) {
			d.flush()
		}
		d.word(value[w.from:w.to], w)
		last, after = w.to, true
	}
	d.flush()
	d.plain(value[last:])
	return Text{Text: d.out.String(), Problems: d.problems}
}

// A word is an encoded word: where it is and what is between its question marks.
type word struct {
	from, to int
	charset  string // without the language of RFC 2231 section 5
	q        bool
	text     string
}

// A wordFinder finds encoded words from left to right. It is looser than RFC 2047: real ones hold spaces, are longer than
// 75 characters and touch each other.
type wordFinder struct {
	text string
	end  int // of the text before it, up to which there is no "?="; -1: none follows
}

// next finds the first word at pos or after it.
func (f *wordFinder) next(pos int) (word, bool) {
	for {
		i := strings.Index(f.text[pos:], "=?")
		if i < 0 {
			return word{}, false
		}
		pos += i
		if w, ok := f.at(pos); ok {
			return w, true
		}
		pos += 2
	}
}

// at reads the word at pos. Positions must not fall from call to call: that keeps the search for "?=" linear.
func (f *wordFinder) at(pos int) (word, bool) {
	if !strings.HasPrefix(f.text[pos:], "=?") {
		return word{}, false
	}
	from := pos + 2
	mark := strings.IndexAny(f.text[from:min(len(f.text), from+100)], "? \t\r\n")
	if mark < 0 || f.text[from+mark] != '?' {
		return word{}, false
	}
	charset, _, _ := strings.Cut(f.text[from:from+mark], "*")
	from += mark + 1
	if len(f.text) < from+2 || f.text[from+1] != '?' || !strings.ContainsRune("bBqQ", rune(f.text[from])) {
		return word{}, false
	}
	kind := f.text[from]
	from += 2
	if f.end < from && f.end >= 0 {
		f.end = -1
		if i := strings.Index(f.text[from:], "?="); i >= 0 {
			f.end = from + i
		}
	}
	if f.end < 0 {
		return word{}, false
	}
	// Where another word begins first, this one has no end. Programs forget to encode question marks in Q only.
	text, q := f.text[from:f.end], kind == 'q' || kind == 'Q'
	if strings.Contains(text, "=?") || !q && strings.Contains(text, "?") {
		return word{}, false
	}
	return word{from: pos, to: f.end + 2, charset: charset, q: q, text: text}, true
}

// A textDecoder collects decoded text.
type textDecoder struct {
	out      strings.Builder
	problems []Problem
	guess    bool

	pending []byte // decoded bytes of the words so far
	written []byte // how these words were written
	charset string
}

func (d *textDecoder) word(written string, w word) {
	d.charset = w.charset
	d.written = append(d.written, written...)
	var ok bool
	if w.q {
		d.pending, ok = appendQ(d.pending, w.text)
	} else {
		d.pending, ok = appendB(d.pending, w.text)
	}
	if !ok {
		d.problems = add(d.problems, ProblemBadEncoding)
	}
}

func (d *textDecoder) flush() {
	if len(d.written) == 0 {
		return
	}
	text, problem := toText(d.pending, d.charset)
	if problem != "" {
		d.problems = add(d.problems, problem)
	}
	if problem == ProblemUnknownCharset && !d.guess && !utf8.Valid(d.pending) {
		text = strings.ToValidUTF8(string(d.written), "\uFFFD")
	}
	d.out.WriteString(text)
	d.pending, d.written = d.pending[:0], d.written[:0]
}

func (d *textDecoder) plain(text string) {
	if isASCII(text) {
		d.out.WriteString(text)
		return
	}
	if utf8.ValidString(text) { // RFC 6532
		d.out.WriteString(text)
		return
	}
	d.problems = add(d.problems, ProblemRawBytes)
	d.out.WriteString(windows1252([]byte(text)))
}

func isASCII(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// appendB decodes base64 and passes over what is none.
func appendB(out []byte, text string) ([]byte, bool) {
	clean, ok := make([]byte, 0, len(text)), true
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/':
			clean = append(clean, c)
		case c != '=':
			ok = false
		}
	}
	if len(clean)%4 == 1 {
		clean, ok = clean[:len(clean)-1], false
	}
	decoded, err := base64.RawStdEncoding.AppendDecode(out, clean)
	return decoded, ok && err == nil
}

// appendQ decodes the Q encoding and leaves alone what is none.
func appendQ(out []byte, text string) ([]byte, bool) {
	ok := true
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '_':
			out = append(out, ' ')
		case c == '=' && i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2]):
			out = append(out, fromHex(text[i+1])<<4|fromHex(text[i+2]))
			i += 2
		default:
			ok = ok && c != '='
			out = append(out, c)
		}
	}
	return out, ok
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func fromHex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}

// toText decodes bytes of a character set. Where it is unknown, or is UTF-8 or ASCII and the bytes are not, they are
// Windows-1252, which has a character for nearly each byte.
func toText(data []byte, charset string) (string, Problem) {
	charset = strings.ToLower(charset)
	switch charset {
	case "", "utf-8", "utf8", "us-ascii", "ascii", "unicode-1-1-utf-8":
		if utf8.Valid(data) {
			return string(data), ""
		}
		return windows1252(data), ProblemWrongCharset
	}
	enc := encodingOf(charset)
	if enc == nil {
		if utf8.Valid(data) {
			return string(data), ProblemUnknownCharset
		}
		return windows1252(data), ProblemUnknownCharset
	}
	decoded, err := enc.NewDecoder().Bytes(data)
	if err != nil {
		return strings.ToValidUTF8(string(data), "\uFFFD"), ProblemWrongCharset
	}
	text := strings.ToValidUTF8(string(decoded), "\uFFFD")
	if strings.ContainsRune(text, utf8.RuneError) {
		return text, ProblemWrongCharset
	}
	return text, ""
}

// encodingOf finds a character set by its name, or nil.
func encodingOf(charset string) encoding.Encoding {
	if len(charset) > 64 {
		return nil
	}
	if found, err := htmlindex.Get(charset); err == nil && found != encoding.Replacement {
		return found
	}
	if found, err := ianaindex.IANA.Encoding(charset); err == nil && found != nil && found != encoding.Replacement {
		return found
	}
	return nil
}

func windows1252(data []byte) string {
	text, err := charmap.Windows1252.NewDecoder().Bytes(data)
	if err != nil {
		return strings.ToValidUTF8(string(data), "\uFFFD")
	}
	return string(text)
}
