package mailrule

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Span is a piece of the source: its bytes from Start up to, not including, End.
type Span struct {
	Start int `json:"start"`
	End   int `json:"end"`
}

// Value is a text that a rule uses, as the mail system sees it: escapes undone and variables put in. It is always valid
// UTF-8. At is where the source has it.
type Value struct {
	Text string `json:"text"`
	At   Span   `json:"at"`

	// Built says that a script puts the text together from pieces, or writes it in encoded characters.
	Built bool `json:"built,omitempty"`

	pattern  *expression // where the text is an expression that can be read
	base     int         // where Text starts in the source, when it stands there byte for byte and from is nil
	from, to []int32     // else: where each byte of Text comes from
}

// span returns the place in the source of Text[i:j].
func (v Value) span(i, j int) Span {
	switch {
	case i >= j || j > len(v.Text):
		return v.At
	case v.from == nil:
		return Span{v.base + i, v.base + j}
	}
	return Span{int(v.from[i]), int(v.to[j-1])}
}

// cut returns Text[i:j] as a value of its own.
func (v Value) cut(i, j int) Value {
	part := Value{Text: v.Text[i:j], At: v.span(i, j), Built: v.Built, base: v.base + i}
	if v.from != nil {
		part.from, part.to = v.from[i:j], v.to[i:j]
	}
	return part
}

// valueBuilder puts a value together from pieces that come from different places.
type valueBuilder struct {
	text     []byte
	from, to []int32
}

// add appends s, which stands for the bytes at of the source.
func (b *valueBuilder) add(s string, at Span) {
	b.text = append(b.text, s...)
	for range len(s) {
		b.from = append(b.from, int32(at.Start))
		b.to = append(b.to, int32(at.End))
	}
}

// addSource appends what stands in the source from start on byte for byte; bytes that are not UTF-8 become U+FFFD.
func (b *valueBuilder) addSource(s string, start int) {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size <= 1 {
			b.add("\uFFFD", Span{start + i, start + i + 1})
			i++
			continue
		}
		for k := range size {
			b.add(s[i+k:i+k+1], Span{start + i + k, start + i + k + 1})
		}
		i += size
	}
}

func (b *valueBuilder) addValue(v Value) {
	for i := range len(v.Text) {
		b.add(v.Text[i:i+1], v.span(i, i+1))
	}
}

func (b *valueBuilder) value(at Span) Value {
	return Value{Text: string(b.text), At: at, from: b.from, to: b.to}
}

// sourceValue returns the text s that stands in the source byte for byte from start on.
func sourceValue(s string, start int) Value {
	if utf8.ValidString(s) {
		return Value{Text: s, At: Span{start, start + len(s)}, base: start}
	}
	var b valueBuilder
	b.addSource(s, start)
	return b.value(Span{start, start + len(s)})
}

// join concatenates values; the place of the whole is at.
func join(at Span, parts ...Value) Value {
	if len(parts) == 1 {
		parts[0].At = at
		return parts[0]
	}
	var b valueBuilder
	for _, p := range parts {
		b.addValue(p)
	}
	v := b.value(at)
	v.Built = true
	return v
}

// token is a run of letters and digits of a value, folded: lower case, without accents, look-alike letters of other
// scripts as Latin ones, characters that do not show left out.
type token struct {
	text       string
	start, end int  // in Value.Text
	lookalike  bool // a letter was of another script
	latin      bool // a letter was Latin as written
	zeroWidth  bool // a character that does not show stood inside
}

// disguised says that a reader would take the word for another than it is.
func (t token) disguised() bool { return t.zeroWidth || t.lookalike && t.latin }

// tokens splits a value into folded words.
func tokens(v Value) []token {
	var list []token
	var b strings.Builder
	var cur token
	hidden := false // a character of no width came since the last letter
	flush := func() {
		if b.Len() > 0 {
			cur.text = b.String()
			list = append(list, cur)
		}
		b.Reset()
		cur = token{}
		hidden = false
	}
	for i, r := range v.Text {
		if unseen(r) {
			hidden = b.Len() > 0
			continue
		}
		letters, lookalike := foldRune(r)
		if letters == "" {
			if !unicode.Is(unicode.Mn, r) {
				flush()
			}
			continue
		}
		if b.Len() == 0 {
			cur.start = i
		}
		cur.end = i + utf8.RuneLen(r)
		cur.zeroWidth = cur.zeroWidth || hidden
		cur.lookalike = cur.lookalike || lookalike
		cur.latin = cur.latin || !lookalike && unicode.Is(unicode.Latin, r)
		hidden = false
		b.WriteString(letters)
	}
	flush()
	return list
}

// unseen lists what shows nothing between letters.
func unseen(r rune) bool {
	switch {
	case r < 0x80:
		return false
	case r == 0x034F, r == 0x115F, r == 0x1160, r == 0x3164, r == 0xFFA0, r >= 0xFE00 && r <= 0xFE0F:
		return true
	}
	return unicode.Is(unicode.Cf, r)
}

// foldRune returns the lower-case Latin letters or digits that r shows as, or "" when r is neither letter nor digit,
// and whether r is a letter of another script, or of mathematics, that only looks like a Latin one.
func foldRune(r rune) (string, bool) {
	switch {
	case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
		return string(r), false
	case r >= 'A' && r <= 'Z':
		return string(r + 'a' - 'A'), false
	case r < 0x80:
		return "", false
	}
	if s, ok := ligature(r); ok {
		return s, false
	}
	if l := latinLookalike(unicode.ToLower(r)); l != 0 {
		return string(l), true
	}
	var b strings.Builder
	lookalike := r >= 0x1D400 && r <= 0x1D7FF || r >= 0xFF00 && r <= 0xFF5E || r >= 0x2460 && r <= 0x24FF
	for _, d := range norm.NFKD.String(string(r)) {
		d = unicode.ToLower(d)
		if l := latinLookalike(d); l != 0 {
			d, lookalike = l, true
		}
		if unicode.IsLetter(d) || unicode.IsDigit(d) {
			b.WriteRune(d)
		}
	}
	return b.String(), lookalike
}

func ligature(r rune) (string, bool) {
	switch r {
	case 'ß', 'ẞ':
		return "ss", true
	case 'æ', 'Æ':
		return "ae", true
	case 'œ', 'Œ':
		return "oe", true
	case 'ø', 'Ø':
		return "o", true
	case 'ł', 'Ł':
		return "l", true
	case 'đ', 'Đ', 'ð':
		return "d", true
	case 'ı':
		return "i", true
	}
	return "", false
}

// latinLookalike returns the Latin letter or digit that a lower-case Cyrillic, Greek, Armenian or phonetic letter is
// taken for, 0 if none.
func latinLookalike(r rune) rune {
	const pairs = "аaвbеeёeз3кkмmнhоoрpсcтtуyхxцuԁdѕsјjһhԛqԝwүyӏlгrіiїiґr" +
		"αaβbγyεeηnιiκkνvοoρpτtυuχxωw" +
		"օoոnսuհhցg" +
		"ɑaɡgɩiʏyᴀaᴄcᴅdᴇeᴍmᴏoᴘpᴛtᴜuᴠvᴡwᴢz"
	if r < 0x80 {
		return 0
	}
	found := false
	for _, p := range pairs {
		if found {
			return p
		}
		found = p == r
	}
	return 0
}

// foldText is the text of the tokens with one blank between them: what two spellings of one thing have in common.
func foldText(s string) string {
	list := tokens(Value{Text: s})
	words := make([]string, len(list))
	for i, t := range list {
		words[i] = t.text
	}
	return strings.Join(words, " ")
}
