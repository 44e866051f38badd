package imapwire

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// FolderName returns a mailbox name, as received, in UTF-8. Names are in modified UTF-7 (RFC 3501 section 5.1.3);
// servers that send raw UTF-8 are taken at their word. ok is false where a name is neither: then every byte that
// stands in the way of reading it is written as %XX, and the server must be asked with the bytes as received.
func FolderName(raw []byte) (name string, ok bool) {
	if !isASCII(raw) {
		if utf8.Valid(raw) {
			return string(raw), true
		}
		return percent(raw), false
	}
	if name, ok := decodeUTF7(string(raw)); ok {
		return name, true
	}
	return percent(raw), false
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func percent(raw []byte) string {
	var b strings.Builder
	for _, c := range raw {
		if c < ' ' || c >= 0x7f || c == '%' || c == '&' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

var utf7Base64 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,").
	WithPadding(base64.NoPadding)

func decodeUTF7(s string) (string, bool) {
	var b strings.Builder
	for len(s) > 0 {
		plain, rest, shifted := strings.Cut(s, "&")
		b.WriteString(plain)
		if !shifted {
			break
		}
		code, after, closed := strings.Cut(rest, "-")
		if !closed {
			return "", false
		}
		if code == "" {
			b.WriteByte('&')
		} else if !decodeShifted(&b, code) {
			return "", false
		}
		s = after
	}
	return b.String(), true
}

// decodeShifted decodes one base64 run of UTF-16. It is strict: a surrogate without its partner and left-over bits
// would make two names that differ on the server look the same here.
func decodeShifted(b *strings.Builder, code string) bool {
	data, err := utf7Base64.Strict().DecodeString(code)
	if err != nil || len(data)%2 != 0 || len(data) == 0 {
		return false
	}
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = uint16(data[2*i])<<8 | uint16(data[2*i+1])
	}
	for i := 0; i < len(units); i++ {
		r := rune(units[i])
		switch {
		case utf16.IsSurrogate(r):
			if i+1 >= len(units) {
				return false
			}
			i++
			if r = utf16.DecodeRune(r, rune(units[i])); r == utf8.RuneError {
				return false
			}
		case r < 0x80 && r >= ' ' && r != 0x7f:
			// Printable ASCII must not be shifted: "&AEE-" would be a second spelling of "A".
			return false
		}
		b.WriteRune(r)
	}
	return true
}
