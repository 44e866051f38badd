package content

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestLinks: where a message's own words lead, as they can be read and as HTML hides them; never a password, and nothing of
// what is quoted.
func TestLinks(t *testing.T) {
	html := func(body string) string { return "Content-Type: text/html; charset=utf-8\r\n\r\n" + body }
	for raw, want := range map[string][]string{
		text("See https://evil.example/login?id=1&x=2."):                                       {"https://evil.example/login?id=1&x=2"},
		text("(http://a.example/x) <HTTPS://B.example/> \"ftp://c.example/f\""):                {"http://a.example/x", "HTTPS://B.example/", "ftp://c.example/f"},
		text("twice http://a.example and http://a.example"):                                    {"http://a.example"},
		text("www.evil.example/x, and not xwww.a.example"):                                     {"www.evil.example/x"},
		text("http://www.evil.example/www.a"):                                                  {"http://www.evil.example/www.a"},
		text("http://bank.example@evil.example/ and http://u:pw@h.example/p@q"):                {"http://bank.example@evil.example/", "http://u:…@h.example/p@q"},
		text("http://u:p%zz@h.example/"):                                                       {"http://u:…@h.example/"},
		text("javascript://x.example mailto:a@b.example http:// file:///etc/x"):                nil,
		text("Voici.\r\n> http://quoted.example/\r\n"):                                         nil,
		html(`<p><a class=x href="https://evil.example/a&amp;b">https://bank.example</a></p>`): {"https://bank.example", "https://evil.example/a&b"},
		html(`<form action=https://evil.example/post></form><a href="#top">x</a>`):             {"https://evil.example/post"},
		html(`<blockquote><a href="https://q.example/">x</a></blockquote>`):                    nil,
		html(`<p><a href="https://own.example/">x</a></p><div><b>From:</b> Bob<br><b>Sent:</b> Monday<br></div><p><a href="https://q.example/">x</a></p>`): {"https://own.example/"},
	} {
		if got := read(t, raw).Links; !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", raw, got, want)
		}
	}
}

// TestMoreLinks: what is beyond the bound is counted.
func TestMoreLinks(t *testing.T) {
	var b strings.Builder
	for i := range MaxLinks + 3 {
		fmt.Fprintf(&b, "http://a.example/%d\r\n", i)
	}
	if got := read(t, text(b.String())); len(got.Links) != MaxLinks || got.MoreLinks != 3 {
		t.Errorf("%d links and %d more", len(got.Links), got.MoreLinks)
	}
}
