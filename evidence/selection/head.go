package selection

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
)

// A Head is what the header of a message says, decoded for reading: encoded words (RFC 2047) and bytes that are not
// UTF-8 are turned into text as well as can be. Several fields of a name are joined by line breaks.
type Head struct {
	Subject     string
	From        string
	Date        string
	Sensitivity string // RFC 4021 section 2.1.55: Personal, Private, Company-Confidential
}

// maxHead is how much of a message is looked at for its header.
const maxHead = 256 << 10

// ReadHead reads the header at the beginning of a message, up to its first 256 KiB. It never fails for what the bytes
// are: lines that make no sense are passed over. The error is the reader's.
func ReadHead(r io.Reader) (Head, error) {
	var fields [][2]string
	lines := bufio.NewReader(io.LimitReader(r, maxHead))
	for {
		text, err := lines.ReadBytes('\n')
		line := bytes.TrimRight(text, "\r\n")
		switch {
		case len(text) > 0 && len(line) == 0:
			return headOf(fields), nil
		case len(line) > 0 && (line[0] == ' ' || line[0] == '\t'):
			if n := len(fields); n > 0 {
				fields[n-1][1] += string(line)
			}
		default:
			if name, value, found := strings.Cut(string(line), ":"); found {
				fields = append(fields, [2]string{strings.ToLower(strings.TrimSpace(name)), value})
			}
		}
		if err == io.EOF {
			return headOf(fields), nil
		}
		if err != nil {
			return headOf(fields), err
		}
	}
}

func headOf(fields [][2]string) Head {
	var h Head
	for _, field := range fields {
		var at *string
		switch field[0] {
		case "subject":
			at = &h.Subject
		case "from":
			at = &h.From
		case "date":
			at = &h.Date
		case "sensitivity":
			at = &h.Sensitivity
		default:
			continue
		}
		if *at != "" {
			*at += "\n"
		}
		*at += Decode(strings.TrimSpace(field[1]))
	}
	return h
}

// encodedWord is looser than RFC 2047: real ones hold spaces, and are longer than 75 characters.
var encodedWord = regexp.MustCompile(`=\?([^?\s]*)\?([bBqQ])\?([^?]*)\?=`)

// Decode turns the value of a header field into text. Neighbouring encoded words of one character set are joined before
// they are decoded, since many programs cut characters in two.
func Decode(value string) string {
	var out strings.Builder
	var pending []byte // decoded bytes of the words so far, in charset
	charset, last := "", 0
	flush := func() {
		out.WriteString(toText(pending, charset))
		pending = nil
	}
	for _, m := range encodedWord.FindAllStringSubmatchIndex(value, -1) {
		between := value[last:m[0]]
		set, _, _ := strings.Cut(strings.ToLower(value[m[2]:m[3]]), "*") // RFC 2231 section 5 adds a language
		if strings.TrimSpace(between) != "" || last == 0 || set != charset {
			flush()
			if strings.TrimSpace(between) != "" || last == 0 {
				out.WriteString(toText([]byte(between), ""))
			}
		}
		charset = set
		if q := value[m[4]]; q == 'q' || q == 'Q' {
			pending = append(pending, decodeQ(value[m[6]:m[7]])...)
		} else {
			pending = append(pending, decodeB(value[m[6]:m[7]])...)
		}
		last = m[1]
	}
	flush()
	out.WriteString(toText([]byte(value[last:]), ""))
	return out.String()
}

// decodeB decodes base64 and passes over what is none.
func decodeB(text string) []byte {
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '+' || r == '/' {
			return r
		}
		return -1
	}, text)
	if len(clean)%4 == 1 {
		clean = clean[:len(clean)-1]
	}
	data, _ := base64.RawStdEncoding.DecodeString(clean) // only letters of the alphabet are left
	return data
}

// decodeQ decodes the Q encoding and leaves alone what is none.
func decodeQ(text string) []byte {
	var out []byte
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '_':
			out = append(out, ' ')
		case c == '=' && i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2]):
			out = append(out, fromHex(text[i+1])<<4|fromHex(text[i+2]))
			i += 2
		default:
			out = append(out, c)
		}
	}
	return out
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

// toText decodes bytes of a character set. Where it is unknown or wrong they are UTF-8 if they can be, else Windows-1252,
// which has a character for nearly each byte.
func toText(data []byte, charset string) string {
	var decoder *encoding.Decoder
	if charset != "" && charset != "utf-8" && charset != "utf8" {
		if found, err := htmlindex.Get(charset); err == nil {
			decoder = found.NewDecoder()
		}
	}
	if decoder == nil && utf8.Valid(data) {
		return string(data)
	}
	if decoder == nil {
		decoder = charmap.Windows1252.NewDecoder()
	}
	text, err := decoder.Bytes(data)
	if err != nil {
		return strings.ToValidUTF8(string(data), "\uFFFD")
	}
	return string(text)
}
