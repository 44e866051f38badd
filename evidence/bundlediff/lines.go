package bundlediff

import (
	"bytes"
	"regexp"
	"strings"
	"unicode/utf8"
)

const (
	maxText  = 64 << 10  // bytes of a text that is compared line by line
	maxTable = 1_000_000 // cells of the table that finds the common lines
)

// imapAnswer is the media type of the answers to IMAP commands.
const imapAnswer = "application/imap"

var (
	imapTag      = regexp.MustCompile(`(?m)^A[0-9]+ (OK|NO|BAD) `)
	imapDuration = regexp.MustCompile(`(?m) \([0-9.+ ]+ secs\)\.?(\r?)$`)
)

// withoutChatter takes out of an answer what differs from one time to the next: the command's tag, and how long
// Dovecot says that it took.
func withoutChatter(text []byte) []byte {
	return imapDuration.ReplaceAll(imapTag.ReplaceAll(text, []byte("$1 ")), []byte("$1"))
}

// diffLines gives the lines that only one of two small texts has, in order: "-…" the first, "+…" the second. Of what is
// no text, or too long, it gives none.
func diffLines(a, b []byte) []string {
	if !isText(a) || !isText(b) {
		return nil
	}
	as, bs := splitLines(a), splitLines(b)
	for len(as) > 0 && len(bs) > 0 && as[0] == bs[0] {
		as, bs = as[1:], bs[1:]
	}
	for len(as) > 0 && len(bs) > 0 && as[len(as)-1] == bs[len(bs)-1] {
		as, bs = as[:len(as)-1], bs[:len(bs)-1]
	}
	if (len(as)+1)*(len(bs)+1) > maxTable {
		return nil
	}
	// common[i][j] is how many lines as[i:] and bs[j:] have in common, in order.
	common := make([][]int, len(as)+1)
	for i := range common {
		common[i] = make([]int, len(bs)+1)
	}
	for i := len(as) - 1; i >= 0; i-- {
		for j := len(bs) - 1; j >= 0; j-- {
			if as[i] == bs[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var out []string
	i, j := 0, 0
	for i < len(as) || j < len(bs) {
		switch {
		case i < len(as) && j < len(bs) && as[i] == bs[j]:
			i, j = i+1, j+1
		case j == len(bs) || i < len(as) && common[i+1][j] >= common[i][j+1]:
			out = append(out, "-"+as[i])
			i++
		default:
			out = append(out, "+"+bs[j])
			j++
		}
	}
	return out
}

func isText(data []byte) bool {
	return len(data) <= maxText && utf8.Valid(data) && !bytes.ContainsRune(data, 0)
}

func splitLines(data []byte) []string {
	text := strings.TrimSuffix(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}
