package mailheader

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// shape writes a header's fields as Kind and name, to compare.
func shape(h *Header) string {
	kinds := []string{"", "odd:", "no-colon", "continuation", "mbox", "bom", "rest"}
	var parts []string
	for i := range h.Fields {
		f := &h.Fields[i]
		parts = append(parts, kinds[f.Kind]+f.Name())
	}
	return strings.Join(parts, " ")
}

func TestSplit(t *testing.T) {
	for name, c := range map[string]struct {
		in, shape, body string
		ended           bool
	}{
		"plain":                  {"From: a\r\nTo: b\r\n\r\nbody", "From To", "body", true},
		"LF":                     {"From: a\nTo: b\n\nbody", "From To", "body", true},
		"mixed":                  {"From: a\r\nTo: b\nCc: c\r\r\n\nbody", "From To Cc", "body", true},
		"CR only":                {"From: a\rTo: b\r\rbody\rmore\n", "From To", "body\rmore\n", true},
		"CR only, no body":       {"From: a\rTo: b\r", "From To", "", false},
		"CR within":              {"Subject: a\rFrom: b\r\nTo: c\r\n\r\n", "Subject To", "", true},
		"CR CR within, later":    {"To: c\r\nSubject: a\r\rFrom: b\r\n\r\n", "To Subject", "", true},
		"folded":                 {"Subject: a\r\n b\r\n\tc\r\nTo: d\r\n\r\n", "Subject To", "", true},
		"folded, blank":          {"Subject: a\r\n \r\n c\r\nTo: d\r\n\r\n", "Subject To", "", true},
		"space before colon":     {"Subject \t: a\r\n\r\n", "Subject", "", true},
		"no colon":               {"X-Scanned without\r\nTo: d\r\n\r\n", "no-colon To", "", true},
		"no colon, folded":       {"nonsense\r\n more\r\nTo: d\r\n\r\n", "no-colon To", "", true},
		"odd name":               {"X Y: 1\r\n: 2\r\nÉ: 3\r\nTo\x00: d\r\n\r\n", "odd:X Y odd: odd:É odd:To\x00", "", true},
		"no end":                 {"From: a\r\nTo: b", "From To", "", false},
		"empty":                  {"", "", "", false},
		"body only":              {"\r\nFrom: x", "", "From: x", true},
		"mbox":                   {"From alice@example.com Mon Nov 23 14:05:00 2026\nFrom: a\n\n", "mbox From", "", true},
		"obsolete From":          {"From : a\nTo: b\n\n", "From To", "", true},
		"byte order mark":        {"\xef\xbb\xbfFrom: a\n\n", "bom From", "", true},
		"continuation in front":  {" x\n y\nFrom: a\n\n", "continuation From", "", true},
		"NUL and 8 bit":          {"Subject: a\x00\xff\nFrom: a\n\n", "Subject From", "", true},
		"mark and continuation":  {"\xef\xbb\xbf x\nFrom: a\n\n", "bom continuation From", "", true},
		"mark, mbox, then field": {"\xef\xbb\xbfFrom x 2026\nFrom: a\n\n", "bom mbox From", "", true},
	} {
		h := Split([]byte(c.in))
		if got := shape(&h); got != c.shape || h.Ended != c.ended || c.in[h.Body:] != c.body {
			t.Errorf("%s: %q, body %q, ended %v", name, got, c.in[h.Body:], h.Ended)
		}
		checkAccount(t, []byte(c.in), &h)
	}
}

// checkAccount wants each byte of the block in exactly one field.
func checkAccount(t *testing.T, data []byte, h *Header) {
	t.Helper()
	pos := 0
	for i := range h.Fields {
		f := &h.Fields[i]
		if f.Offset != pos || len(f.Raw) == 0 {
			t.Fatalf("field %d is at %d with %d bytes, not at %d", i, f.Offset, len(f.Raw), pos)
		}
		if !bytes.Equal(f.Raw, data[pos:pos+len(f.Raw)]) {
			t.Fatalf("field %d does not have the block's bytes", i)
		}
		pos += len(f.Raw)
	}
	if pos != len(h.Block) || !bytes.Equal(h.Block, data[:pos]) || h.Body < pos || h.Body > len(data) {
		t.Fatalf("the fields have %d bytes of %d, the body begins at %d", pos, len(h.Block), h.Body)
	}
	if sep := data[pos:h.Body]; len(bytes.Trim(sep, "\r\n")) > 0 {
		t.Fatalf("%q between header and body", sep)
	}
}

func TestValues(t *testing.T) {
	h := Split([]byte("Subject: one\r\n two\r\n\tthree \r\nX-Cr: a\rb\r\nX-Empty:\r\nX-Last: no end\r"))
	for name, want := range map[string]string{"subject": "one two\tthree", "X-CR": "a\rb", "x-empty": "", "X-LAST": "no end"} {
		if got, cut := h.First(name).Unfolded(); got != want || cut {
			t.Errorf("%s: %q", name, got)
		}
	}
	cr := Split([]byte("Subject: one\r two\rTo: x\r"))
	if got, _ := cr.First("Subject").Unfolded(); got != "one two" || !cr.CROnly {
		t.Errorf("%q", got)
	}
	if h.First("Missing") != nil || h.Last("Missing") != nil || h.Text("Missing").Text != "" {
		t.Error("a field that is not there is found")
	}
}

func TestLookup(t *testing.T) {
	h := Split([]byte("From: a@example.com\r\nX-GM-Labels: x\r\nFROM: b@example.com\r\nSubject: s\r\nSubject: s \r\nx-gm-thrid: 1\r\n\r\n"))
	if a, b := h.Text("from").Text, h.Last("From").Text().Text; a != "a@example.com" || b != "b@example.com" || h.Count("From") != 2 {
		t.Error(a, b)
	}
	var gm []string
	for _, f := range h.WithPrefix("X-GM-") {
		gm = append(gm, f.Name())
	}
	if !slices.Equal(gm, []string{"X-GM-Labels", "x-gm-thrid"}) {
		t.Error(gm)
	}
	if got := fmt.Sprint(h.Duplicates()); got != "[{From 2 true [0 2]} {Subject 2 false [3 4]}]" {
		t.Error(got)
	}
	if kelvin := Split([]byte("\u212Aey: x\n\n")); kelvin.First("Key") != nil {
		t.Error("a Kelvin sign is a k")
	}
}

func TestOddities(t *testing.T) {
	h := Split([]byte("\xef\xbb\xbfFrom x\nSubject: a\x00b\rc\nno colon\nX Y: z\r\n"))
	want := Oddities{ByteOrderMark: true, MboxLine: true, NUL: true, EightBit: true, BareCR: true, BareLF: true, NoColon: 1, OddNames: 1, NoEnd: true}
	if got := h.Oddities(); got != want {
		t.Errorf("%+v", got)
	}
	clean := Split([]byte("From: x\r\n\r\n"))
	if got := clean.Oddities(); got != (Oddities{}) {
		t.Errorf("%+v", got)
	}
}

// TestRead wants the same from a reader that gives little as from all bytes at once, and no more read than is needed.
func TestRead(t *testing.T) {
	long := "X-Long: " + strings.Repeat("0123456789", 3000) + "\r\nTo: b\r\n\r\n" + strings.Repeat("body\r\n", 100_000)
	for _, in := range []string{"", "From: a\r\n\r\nbody", "From: a\rTo: b\r\rbody", "From: a\r\nTo", long, strings.Repeat("\r", 20_000) + "\n"} {
		want := Split([]byte(in))
		for _, r := range []io.Reader{strings.NewReader(in), iotest.OneByteReader(strings.NewReader(in)), iotest.DataErrReader(strings.NewReader(in))} {
			got, err := Read(r, 0)
			if err != nil || shape(&got) != shape(&want) || !bytes.Equal(got.Block, want.Block) || got.Body != want.Body || got.Truncated {
				t.Errorf("%.20q: %q, %v", in, shape(&got), err)
			}
		}
	}
	body := strings.NewReader(long)
	if _, err := Read(body, 0); err != nil || body.Len() < 500_000 {
		t.Errorf("%d bytes are left, %v", body.Len(), err)
	}
	cut, err := Read(strings.NewReader(long), 1000)
	if err != nil || !cut.Truncated || len(cut.Block) != 1000 {
		t.Errorf("%d bytes, truncated %v, %v", len(cut.Block), cut.Truncated, err)
	}
	broken := errors.New("the disk is gone")
	h, err := Read(io.MultiReader(strings.NewReader("From: a\r\n"), iotest.ErrReader(broken)), 0)
	if !errors.Is(err, broken) || h.First("From") == nil {
		t.Errorf("%v, %q", err, shape(&h))
	}
}

// TestBounds feeds what is too large.
func TestBounds(t *testing.T) {
	line := append([]byte("Subject: "), bytes.Repeat([]byte("=?utf-8?q?=C3=A9?= "), 600_000)...) // 11 MB
	data := slices.Concat(line, []byte("\r\nTo: b\r\n\r\n"))
	h, err := Read(bytes.NewReader(data), 0)
	if err != nil || shape(&h) != "Subject To" || h.Truncated {
		t.Fatalf("%q, %v", shape(&h), err)
	}
	if text := h.Text("Subject"); !slices.Contains(text.Problems, ProblemCut) || len(text.Text) > MaxValue || !strings.HasPrefix(text.Text, "éééé") {
		t.Errorf("%d bytes, %q", len(text.Text), text.Problems)
	}
	checkAccount(t, data, &h)

	many := bytes.Repeat([]byte("Received: from a by b; x\r\n"), 150_000)
	h = Split(many)
	if len(h.Fields) != MaxFields+1 || h.Fields[MaxFields].Kind != Rest || !h.Truncated {
		t.Errorf("%d fields, truncated %v", len(h.Fields), h.Truncated)
	}
	checkAccount(t, many, &h)
	if hops, truncated := h.Received(); len(hops) != MaxViews || !truncated {
		t.Errorf("%d hops, %v", len(hops), truncated)
	}
	h = Split(many[:100_000*26])
	if len(h.Fields) != 100_000 || h.Truncated {
		t.Errorf("%d fields, truncated %v", len(h.Fields), h.Truncated)
	}
	list := ParseAddresses(strings.Repeat("a@example.com,", 50_000))
	if len(list.Addresses) != MaxItems || !list.Truncated {
		t.Errorf("%d addresses, %v", len(list.Addresses), list.Truncated)
	}
}
