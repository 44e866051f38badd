package visible

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text returns s in one line with every character that does not show as itself written out: control characters and
// line breaks, characters of direction, of no width, private and unassigned ones as \u{202E}, bytes that are not
// UTF-8 as \xFF, and the backslash as \\. Nothing of s is lost, and different strings stay different.
func Text(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size <= 1:
			fmt.Fprintf(&b, `\x%02X`, s[i])
		case r == '\\':
			b.WriteString(`\\`)
		case !shows(r):
			fmt.Fprintf(&b, `\u{%04X}`, r)
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

// Cut is Text, shortened to at most width characters with "…" in the place of what is left out.
func Cut(s string, width int) string {
	t := Text(s)
	if utf8.RuneCountInString(t) <= width {
		return t
	}
	return string([]rune(t)[:max(width-1, 0)]) + "…"
}

func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '\\' {
			return false
		}
	}
	return true
}

// shows says whether a terminal or a page shows r as a mark of its own. unicode.IsGraphic leaves out controls, the
// characters of direction and of no width (Cf), private and unassigned ones; of spaces only the ordinary one is kept,
// and combining marks are, since names in many scripts need them.
func shows(r rune) bool {
	if r == ' ' {
		return true
	}
	return unicode.IsGraphic(r) && !unicode.Is(unicode.Z, r) && !invisible(r)
}

// invisible lists characters that Unicode classes as letters or marks and that show nothing: the Hangul fillers, the
// combining grapheme joiner, the Mongolian and other variation selectors, and the Khmer inherent vowels.
func invisible(r rune) bool {
	switch {
	case r == 0x034F, r == 0x115F, r == 0x1160, r == 0x3164, r == 0xFFA0, r == 0x17B4, r == 0x17B5,
		r >= 0x180B && r <= 0x180F, r >= 0xFE00 && r <= 0xFE0F, r >= 0xE0100 && r <= 0xE01EF:
		return true
	}
	return false
}

// Line returns s in one line as Text does, but leaves the backslash alone: for sentences of our own that quote text
// which went through Text already.
func Line(s string) string {
	if plain(s) {
		return s
	}
	parts := strings.Split(s, `\`)
	for i, part := range parts {
		parts[i] = Text(part)
	}
	return strings.Join(parts, `\`)
}
