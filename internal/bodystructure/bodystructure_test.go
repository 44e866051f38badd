package bodystructure

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// written writes a part and those in it: path, type, names, size, disposition, problems.
func written(p *Part) string {
	out := fmt.Sprintf("[%s %s %s %d", p.Path, p.Type, strings.Join(p.Names(), "|"), p.Size)
	if p.Disposition != "" {
		out += " " + p.Disposition
	}
	for _, problem := range p.Problems {
		out += " !" + string(problem)[:3]
	}
	for _, part := range p.Parts {
		out += " " + written(part)
	}
	return out + "]"
}

func TestParse(t *testing.T) {
	const (
		text = `("text" "plain" ("charset" "utf-8") NIL NIL "7bit" 12 1 NIL NIL NIL NIL)`
		pdf  = `("application" "pdf" ("name" "a.pdf") "<id@x>" "=?utf-8?Q?=C3=A9?=" "BASE64" 1000 NIL ("attachment" ("filename" "b.pdf")) ("fr" "en") "http://x.example/")`
		env  = `("Mon, 23 Nov 2026" "subject" ((NIL NIL "a" "b.test")) NIL NIL NIL NIL NIL NIL "<id>")`
	)
	for in, want := range map[string]string{
		text:                           "[1 text/plain  12]",
		pdf:                            "[1 application/pdf b.pdf|a.pdf 1000 attachment]",
		"(" + text + pdf + ` "mixed")`: "[ multipart/mixed  -1 [1 text/plain  12] [2 application/pdf b.pdf|a.pdf 1000 attachment]]",
		"(" + text + " " + pdf + ` "mixed" ("boundary" "b") NIL NIL NIL)`: "[ multipart/mixed  -1 [1 text/plain  12] [2 application/pdf b.pdf|a.pdf 1000 attachment]]",
		`(` + text + ` ("message" "rfc822" NIL NIL NIL "7bit" 500 ` + env + ` (` + text + pdf + ` "mixed") 9) "mixed")`://
		"[ multipart/mixed  -1 [1 text/plain  12] [2 message/rfc822  500 [2 multipart/mixed  -1 [2.1 text/plain  12] [2.2 application/pdf b.pdf|a.pdf 1000 attachment]]]]",
		`("message" "rfc822" NIL NIL NIL "7bit" 500 ` + env + ` ` + text + ` 9 NIL ("inline" NIL) NIL NIL)`: "[1 message/rfc822  500 inline [1.1 text/plain  12]]",
		`("message" "global" NIL NIL NIL "8bit" 812 NIL NIL NIL NIL)`:                                       "[1 message/global  812]",
		`("message" "rfc822" NIL NIL NIL "8bit" 812)`:                                                       "[1 message/rfc822  812 !a p]",
		`(() "mixed" ("boundary" "b") NIL NIL NIL)`:                                                         "[ multipart/mixed  -1 !a p]",
		`("mixed" ("boundary" "b") NIL NIL NIL)`:                                                            "[ multipart/mixed  -1 !a p]",
		`("text" "plain" ("charset" NIL) NIL NIL "7bit" 5 1)`:                                               "[1 text/plain  5]",
		`("text" "plain" NIL NIL "the 5" disk" "7bit" 5 1)`:                                                 "[1 text/plain  5 !a f]",
		`("application" "x" NIL NIL NIL "base64" 99999999999)`:                                              "[1 application/x  99999999999]",
		`("application" "x" NIL NIL NIL "base64" 99999999999999999999)`:                                     "[1 application/x  -1 !a f]",
		"(\"application\" \"pdf\" (\"name\" {8}\r\na\"b)c\x00\r\n) NIL NIL \"base64\" 5)":                   "[1 application/pdf a\"b)c\x00\r\n 5]",
		`("a" "b" ("name*0*" "utf-8''%C3" "name*1*" "%A9" "name" "=?utf-8?Q?x?=") NIL NIL NIL 5)`:           "[1 a/b é|x 5]",
		"(\"a\" \"b\" (\"name\" \"caf\xe9\") NIL NIL NIL 5)":                                                "[1 a/b café 5]",
		`("a" "b" ("name") NIL NIL NIL 5)`:                                                                  "[1 a/b  5 !a p]",
		`("a")`:                                                                                             "[1 a/  -1 !a p]",
		"NIL":                                                                                               "[1   -1 !a p]",
		"":                                                                                                  "[1   -1 !a p]",
		"(":                                                                                                 "[1   -1 !nes !a p]",
		`("a" "b" NIL NIL NIL NIL 5 NIL "odd" NIL`:                                                          "[1 a/b  5 !nes !a f]",
	} {
		if got := written(Parse([]byte(in))); got != want {
			t.Errorf("%s:\n got %q\nwant %q", in, got, want)
		}
	}
	p := Parse([]byte(pdf))
	if p.ID != "<id@x>" || p.Description != "é" || p.Encoding != "base64" || fmt.Sprint(p.Language) != "[fr en]" || p.Location != "http://x.example/" {
		t.Errorf("%+v", p)
	}
}

// TestFind takes the structure out of whole responses, where the body's bytes are left out as in an exhibit.
func TestFind(t *testing.T) {
	const structure = `("text" "plain" NIL NIL NIL "7bit" 12 1)`
	for in, want := range map[string]bool{
		"* 3 FETCH (UID 7 FLAGS (\\Seen) INTERNALDATE \"x\" RFC822.SIZE 5 BODYSTRUCTURE " + structure + " BODY[HEADER] {17}\r\n)\r\n": true,
		"* 3 FETCH (UID 7 BODY[HEADER] {17}\r\n BODYSTRUCTURE " + structure + ")\r\n":                                                 true,
		"* 3 FETCH (BODY[HEADER.FIELDS (A \"B)\")]<0> {3}\r\n bodystructure " + structure + ")\r\n":                                   true,
		"* 3 FETCH (ENVELOPE (\"BODYSTRUCTURE\" NIL) RFC822.HEADER {2}\r\n X (1 2) BODY[] NIL BODYSTRUCTURE " + structure + ")\r\n":   true,
		"* 3 FETCH (ENVELOPE (\"BODYSTRUCTURE (\" NIL))\r\n":                                                                          false,
		"* 3 FETCH (UID 7 BODYSTRUCTURE NIL)\r\n":                                                                                     false,
		"* 3 FETCH (UID 7 BODY[": false,
		"* OK":                   false,
		"":                       false,
	} {
		p, ok := Find([]byte(in))
		if ok != want || ok && written(p) != "[1 text/plain  12]" {
			t.Errorf("%q: %v %v", in, p, ok)
		}
	}
}

// TestResponses reads the responses that killed another client.
func TestResponses(t *testing.T) {
	names, err := filepath.Glob("../../testdata/imap/responses/bodystructure-*.txt")
	if err != nil || len(names) < 8 {
		t.Fatalf("%d responses, %v", len(names), err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if p, ok := Find(data); ok == strings.Contains(name, "structure-nil.") || ok && !strings.Contains(p.Type, "/") {
			t.Errorf("%s: %v, %v", name, ok, p)
		}
	}
}

func TestBounds(t *testing.T) {
	deep := Parse([]byte(strings.Repeat("(", 1_000_000)))
	depth := 0
	for p := deep; len(p.Parts) > 0; p = p.Parts[0] {
		depth++
	}
	if depth > MaxDepth || !strings.Contains(written(deep), "!nes") {
		t.Errorf("%d deep", depth)
	}
	nested := strings.Repeat("(", 500) + `"text" "plain" NIL NIL NIL "7bit" 5 1` + strings.Repeat(`) "mixed"`, 500)
	if got := written(Parse([]byte(nested))); !strings.Contains(got, "!nes") {
		t.Errorf("%.300s", got)
	}
	wide := Parse([]byte("(" + strings.Repeat(`("a" "b")`, 300_000) + ` "mixed")`))
	if n := len(wide.Parts); n > MaxValues || n < MaxValues/4 || !slices.Contains(wide.Problems, ProblemCut) {
		t.Errorf("%d parts", n)
	}
}

// FuzzFind: whatever a server sends, text comes out.
func FuzzFind(f *testing.F) {
	f.Add([]byte("* 3 FETCH (UID 7 BODYSTRUCTURE ((\"text\" \"plain\" (\"charset\" \"x\") NIL NIL \"7bit\" 5 1 NIL (\"a\" (\"filename*0*\" \"x\")))(() \"m\") \"mixed\") BODY[HEADER] {17}\r\n)\r\n"))
	f.Add([]byte("(BODYSTRUCTURE (\"message\" \"rfc822\" NIL {3}\r\na\"b NIL \"the 5\" disk\" \"7bit\" 5 (NIL) (\"a\" \"b\") 5 \xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, p := range []*Part{Parse(data), func() *Part { p, _ := Find(data); return p }()} {
			if p == nil {
				continue
			}
			for _, a := range append(p.Attachments(), p) {
				if text := written(a) + a.ID + a.Description + a.Encoding + a.MD5 + a.Location + strings.Join(a.Language, ""); !utf8.ValidString(text) {
					t.Errorf("%q is not UTF-8", text)
				}
			}
		}
	})
}
