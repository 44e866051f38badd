package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxSafeName is how many bytes one element of a safe name has at the most. Windows and most unpackers stop at 255.
const maxSafeName = 100

// SafeName turns any string (a folder name that an intruder chose, say) into one element of an exhibit's Name that no
// file system and no unpacker can misread: letters and digits of any script and "._@+=,- " stay, all else becomes %XX.
// It is never empty, ".", "..", a Windows device name, or longer than 100 bytes, and different strings give different
// names. The string itself belongs in the exhibit's Attrs.
func SafeName(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if keepInName(r, size) {
			b.WriteString(s[i : i+size])
		} else {
			for _, c := range []byte(s[i : i+size]) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		}
		i += size
	}
	name := b.String()
	if name == "" {
		return "%"
	}
	if c := name[0]; c == '.' || c == '-' || c == ' ' {
		name = fmt.Sprintf("%%%02X", c) + name[1:]
	}
	if c := name[len(name)-1]; c == '.' || c == ' ' {
		name = name[:len(name)-1] + fmt.Sprintf("%%%02X", c)
	}
	if windowsDevice(name) {
		name = fmt.Sprintf("%%%02X", name[0]) + name[1:]
	}
	if len(name) <= maxSafeName {
		return name
	}
	sum := sha256.Sum256([]byte(s))
	cut := maxSafeName - 17
	for !utf8.RuneStart(name[cut]) {
		cut--
	}
	return name[:cut] + "~" + hex.EncodeToString(sum[:8])
}

func keepInName(r rune, size int) bool {
	if r == utf8.RuneError && size <= 1 {
		return false
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._@+=,- ", r)
}

// windowsDevice says whether Windows would open a device instead of a file of this name, whatever its ending.
func windowsDevice(name string) bool {
	stem, _, _ := strings.Cut(strings.ToUpper(name), ".")
	switch stem {
	case "CON", "PRN", "AUX", "NUL", "CLOCK$":
		return true
	}
	return len(stem) == 4 && (strings.HasPrefix(stem, "COM") || strings.HasPrefix(stem, "LPT"))
}
