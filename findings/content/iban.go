package content

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// lengths are how many characters an IBAN has, by country (ISO 13616, the registry of SWIFT).
func lengths() map[string]int {
	return map[string]int{
		"AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29, "BY": 28, "CH": 21, "CR": 22,
		"CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22,
		"GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30,
		"KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20,
		"MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22,
		"RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26,
		"UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
	}
}

// plain writes a text so that numbers in it can be found: compatibility forms (wide digits, thin spaces) become plain ones, and
// characters that nobody sees are taken out.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Mn, r):
			return -1
		case r == '\u00a0':
			return ' '
		}
		return r
	}, norm.NFKC.String(text))
}

// A span is a number that was found and where in the text it stands, so that no other number is found in it.
type span struct {
	from, to int
	value    string
}

// ibans finds the IBANs in a text that plain has written: those of a known country with its length and right check digits
// (ISO 7064, MOD 97-10), in one piece or in groups that one blank, point or hyphen separates.
func ibans(text string, lengths map[string]int) []span {
	var all []span
	for i := 0; i+15 <= len(text); i++ {
		if !letter(text[i]) || !letter(text[i+1]) || i > 0 && word(text, i-1) || !digit(text[i+2]) && !separator(text[i+2]) {
			continue
		}
		length := lengths[strings.ToUpper(text[i:i+2])]
		if length == 0 {
			continue
		}
		value, end := collect(text[i:], length, func(c byte) bool { return letter(c) || digit(c) })
		if end == 0 || !digit(value[2]) || !digit(value[3]) || word(text, i+end) || !mod97(value) {
			continue
		}
		all = append(all, span{i, i + end, value})
		i += end - 1
	}
	return all
}

// collect takes so many characters of a sort from the beginning of a text, with one separator between two at most. end is 0 where
// there are not as many.
func collect(text string, length int, takes func(byte) bool) (value string, end int) {
	var b strings.Builder
	for i := 0; i < len(text) && b.Len() < length; i++ {
		switch c := text[i]; {
		case takes(c):
			b.WriteByte(upper(c))
			if b.Len() == length {
				return b.String(), i + 1
			}
		case separator(c) && b.Len() > 0 && !separator(text[i-1]):
		default:
			return "", 0
		}
	}
	return "", 0
}

func letter(c byte) bool    { return upper(c) >= 'A' && upper(c) <= 'Z' }
func digit(c byte) bool     { return c >= '0' && c <= '9' }
func separator(c byte) bool { return c == ' ' || c == '-' || c == '.' }

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}

// word says whether a word goes on at that place. A letter that is none of ASCII is one, too.
func word(text string, at int) bool {
	return at < len(text) && (letter(text[at]) || digit(text[at]) || text[at] >= 0x80)
}

// mod97 checks an IBAN's check digits: with its first four characters at the end and letters as two digits it leaves 1.
func mod97(iban string) bool {
	rest := 0
	for _, c := range []byte(iban[4:] + iban[:4]) {
		if digit(c) {
			rest = (rest*10 + int(c-'0')) % 97
		} else {
			rest = (rest*100 + int(c-'A') + 10) % 97
		}
	}
	return rest == 1
}
