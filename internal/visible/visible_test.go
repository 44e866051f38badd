package visible

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"":                     "",
		"plain text":           "plain text",
		"Éléments envoyés 日本語": "Éléments envoyés 日本語",
		"\x1b[31mred\x1b[0m":   `\u{001B}[31mred\u{001B}[0m`,
		"a\r\nb\tc":            `a\u{000D}\u{000A}b\u{0009}c`,
		"\u202egnp.exe":        `\u{202E}gnp.exe`,
		"a\u200bb":             `a\u{200B}b`,
		"a\u00a0b":             `a\u{00A0}b`,
		"\xff\xfe":             `\xFF\xFE`,
		`C:\temp`:              `C:\\temp`,
		"\u2028":               `\u{2028}`,
		"\u3164":               `\u{3164}`,
		"\u009b31m":            `\u{009B}31m`,
	} {
		if got := Text(in); got != want {
			t.Errorf("Text(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestLineLeavesTheBackslashAlone(t *testing.T) {
	if got := Line("it says: \\u{001B}\x1b"); got != `it says: \u{001B}\u{001B}` {
		t.Errorf("%q", got)
	}
}

func TestCut(t *testing.T) {
	if got := Cut("Éléments envoyés", 8); got != "Élément…" || utf8.RuneCountInString(got) != 8 {
		t.Errorf("%q", got)
	}
	if got := Cut("short", 8); got != "short" {
		t.Errorf("%q", got)
	}
	if got := Cut("x", 0); got != "…" {
		t.Errorf("%q", got)
	}
}

// FuzzText: whatever comes, what is shown is one line of UTF-8 without controls, and different texts stay different.
func FuzzText(f *testing.F) {
	f.Add("a\x1b[2Jb", "a")
	f.Add(`\x1B`, "\x1b")
	f.Fuzz(func(t *testing.T, a, b string) {
		shown := Text(a)
		if !utf8.ValidString(shown) || strings.ContainsFunc(shown, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) {
			t.Errorf("Text(%q) = %q", a, shown)
		}
		if a != b && shown == Text(b) {
			t.Errorf("%q and %q look the same: %q", a, b, shown)
		}
	})
}
