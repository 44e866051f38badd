package content

import (
	"net/url"
	"slices"
	"strings"
)

// links finds the addresses of pages in a text as its writer wrote them: with http, https or ftp, or beginning with www.
func (x *reading) links(text string) {
	for at := 0; ; {
		i := strings.Index(text[at:], "://")
		if i < 0 {
			break
		}
		begin := at + i
		for begin > at && letter(text[begin-1]) {
			begin--
		}
		end := endOfLink(text, at+i+len("://"))
		x.link(text[begin:end])
		at = end
	}
	for at := 0; ; {
		i := strings.Index(text[at:], "www.")
		if i < 0 {
			return
		}
		begin := at + i
		end := endOfLink(text, begin)
		if begin == 0 || !word(text, begin-1) && !strings.ContainsRune("/.-@=", rune(text[begin-1])) {
			x.link(text[begin:end])
		}
		at = end
	}
}

// endOfLink is where an address ends that a text goes on with: at a blank, a quotation mark or an angle bracket, without the
// punctuation of the sentence.
func endOfLink(text string, from int) int {
	end := from
	if n := strings.IndexAny(text[from:], " \t\r\n\f\v\"<>\u00a0\u202f«»"); n >= 0 {
		end += n
	} else {
		end = len(text)
	}
	return from + len(strings.TrimRight(text[from:end], ".,;:!?)]}'’”*_"))
}

// link notes an address once. A password in it is not kept: the message has it.
func (x *reading) link(address string) {
	scheme, rest, ok := strings.Cut(address, "://")
	switch {
	case !ok && !strings.Contains(strings.TrimPrefix(address, "www."), "."), ok && rest == "", len(address) < 6:
		return
	case ok && !slices.Contains([]string{"http", "https", "ftp"}, strings.ToLower(scheme)):
		return
	}
	if u, err := url.Parse(address); ok && (err != nil || u.User != nil) {
		host, _, _ := strings.Cut(rest, "/")
		if at := strings.LastIndexByte(host, '@'); at >= 0 {
			if user, _, secret := strings.Cut(host[:at], ":"); secret {
				address = scheme + "://" + user + ":…" + rest[at:]
			}
		}
	}
	address = strings.ToValidUTF8(address, "\uFFFD")
	switch {
	case slices.Contains(x.report.Links, address):
	case len(x.report.Links) >= MaxLinks:
		x.report.MoreLinks++
	default:
		x.report.Links = append(x.report.Links, address)
	}
}
