package seedmail

import (
	"encoding/base64"
	"strings"
	"unicode/utf16"
)

// modifiedUTF7 writes a mailbox name in modified UTF-7 (RFC 3501, 5.1.3).
func modifiedUTF7(name string) string {
	var out strings.Builder
	var pending []rune
	flush := func() {
		if len(pending) == 0 {
			return
		}
		var wide []byte
		for _, unit := range utf16.Encode(pending) {
			wide = append(wide, byte(unit>>8), byte(unit))
		}
		encoded := base64.RawStdEncoding.EncodeToString(wide)
		out.WriteString("&" + strings.ReplaceAll(encoded, "/", ",") + "-")
		pending = nil
	}
	for _, r := range name {
		if r < 0x20 || r > 0x7e {
			pending = append(pending, r)
			continue
		}
		flush()
		out.WriteRune(r)
		if r == '&' {
			out.WriteByte('-')
		}
	}
	flush()
	return out.String()
}
