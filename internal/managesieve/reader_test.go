package managesieve

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// show writes a line's tokens in a form that tells them apart.
func show(l *Line) string {
	var b strings.Builder
	for _, t := range l.Tokens {
		fmt.Fprintf(&b, "%s%q ", map[Kind]string{Atom: "a", Quoted: "q", Literal: "l", Open: "(", Close: ")"}[t.Kind], t.Text)
	}
	if l.Bad != "" {
		b.WriteString("BAD")
	}
	return strings.TrimSpace(b.String())
}

func TestReader(t *testing.T) {
	for input, want := range map[string]string{
		"OK\r\n":                          `a"OK"`,
		"OK\n":                            `a"OK"`,
		"\r\n":                            ``,
		"\"a\" ACTIVE\r\n":                `q"a" a"ACTIVE"`,
		"\"\"\r\n":                        `q""`,
		"\"a\\\"b\\\\\"\r\n":              `q"a\"b\\"`,
		"\"{5}\"\r\n":                     `q"{5}"`,
		"{3}\r\na\"\n\r\n":                `l"a\"\n"`,
		"{3+}\r\nabc ACTIVE\r\n":          `l"abc" a"ACTIVE"`,
		"{0}\r\n\r\n":                     `l""`,
		"{1}\r\na {1}\r\nb\r\n":           `l"a" l"b"`,
		"NO (QUOTA/MAXSIZE) \"full\"\r\n": `a"NO" ("(" a"QUOTA/MAXSIZE" )")" q"full"`,
		"BYE(REFERRAL \"sieve://x\")\r\n": `a"BYE" ("(" a"REFERRAL" q"sieve://x" )")"`,
		"\"open\r\n":                      `BAD`,
		"\"open\\\"\r\n":                  `BAD`,
		"\"a\" \"open\\\r\n":              `q"a" BAD`,
		"{5} x\r\n":                       `BAD`,
		"{}\r\n":                          `BAD`,
		"{-5}\r\n":                        `BAD`,
		"{5\r\n":                          `BAD`,
		"\xff \"\x00\x1b\" \t  x\r\n":     `a"\xff" q"\x00\x1b" a"x"`,
	} {
		for kind, r := range map[string]io.Reader{"whole": strings.NewReader(input), "byte by byte": iotest.OneByteReader(strings.NewReader(input))} {
			reader := NewReader(r, Limits{})
			line, err := reader.Next()
			if err != nil {
				t.Errorf("%q %s: %v", input, kind, err)
				continue
			}
			if got := show(line); got != want {
				t.Errorf("%q %s is read as %s, want %s", input, kind, got, want)
			}
			if string(line.Raw) != input {
				t.Errorf("%q %s is kept as %q", input, kind, line.Raw)
			}
			if _, err := reader.Next(); !errors.Is(err, io.EOF) {
				t.Errorf("%q %s: after it comes %v, want the end", input, kind, err)
			}
		}
		for cut := 1; cut < len(input); cut++ {
			if _, err := NewReader(strings.NewReader(input[:cut]), Limits{}).Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%q is taken for a line: %v", input[:cut], err)
			}
		}
	}
}

func TestReaderLimits(t *testing.T) {
	lim := Limits{Line: 30, Literal: 10}
	for input, what := range map[string]string{
		strings.Repeat("x", 31) + "\r\n":                            "line",
		"{1}\r\na {1}\r\nb {1}\r\nc {1}\r\nd {1}\r\ne {1}\r\nf\r\n": "line",
		"{11}\r\n":                              "literal",
		"{99999999999999999999}\r\n":            "literal",
		"{" + strings.Repeat("9", 14) + "}\r\n": "literal",
	} {
		_, err := NewReader(strings.NewReader(input), lim).Next()
		var limit *LimitError
		if !errors.As(err, &limit) || limit.What != what {
			t.Errorf("%q: error is %v, want a LimitError of a %s", input, err, what)
		}
	}
	if _, err := NewReader(strings.NewReader("{00000010}\r\n0123456789 x\r\n"), lim).Next(); err != nil {
		t.Errorf("a literal at the limit: %v", err)
	}
}

// TestReaderMemory announces much and sends little.
func TestReaderMemory(t *testing.T) {
	r := NewReader(strings.NewReader("{9000000000}\r\nshort"), Limits{Literal: 10 << 30})
	allocated := testing.AllocsPerRun(1, func() {
		if _, err := r.Next(); err == nil {
			t.Error("a literal that was cut off is taken for whole")
		}
	})
	if allocated > 1000 {
		t.Errorf("%v allocations", allocated)
	}
}

func TestStatus(t *testing.T) {
	for input, want := range map[string]string{
		"OK":                                  "OK||OK",
		"ok \"done\"":                         "OK||done",
		"NO (TRYLATER) \"busy\"":              "NO|TRYLATER|(TRYLATER) busy",
		"NO (quota/maxsize)":                  "NO|QUOTA/MAXSIZE|(QUOTA/MAXSIZE) ",
		"BYE (REFERRAL \"sieve://x\") \"go\"": `BYE|REFERRAL|(REFERRAL "sieve://x") go`,
		"NO ()":                               "NO||()",
		"NO (TRYLATER":                        "NO|TRYLATER|(TRYLATER) ",
		"NO not quoted at all":                "NO||not quoted at all",
		"NO \"a \"b\" c":                      `NO||"a "b" c`,
		"NO (TRYLATER) unquoted":              "NO||(TRYLATER) unquoted",
	} {
		line, err := NewReader(strings.NewReader(input+"\r\n"), Limits{}).Next()
		if err != nil || !line.isStatus() {
			t.Errorf("%q is no status: %v", input, err)
			continue
		}
		s := line.status()
		if got := s.Name + "|" + s.Code + "|" + s.String(); got != want {
			t.Errorf("%q is read as %q, want %q", input, got, want)
		}
	}
}

// FuzzReader reads any bytes: what is handed out is what came, in order, and no string is longer than allowed.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		"\"IMPLEMENTATION\" \"x\"\r\n\"STARTTLS\"\r\nOK\r\n", "{5}\r\nkeep;\r\nOK \"done\"\r\n", "NO (QUOTA/MAXSIZE) {3}\r\nfoo\r\n",
		"BYE (REFERRAL \"sieve://x\") \"\\\"\"\r\n", "{99999999999999999999}\r\n", "\"\r\n", "{1}\r\n", "{}\r\n", "\"a\" ACTIVE\n", "(((\r\n", "OK (SASL \"\") \r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		lim := Limits{Line: 200, Literal: 100}
		r := NewReader(bytes.NewReader(input), lim)
		rest := input
		for {
			line, err := r.Next()
			if err != nil {
				return
			}
			if !bytes.HasPrefix(rest, line.Raw) || !bytes.HasSuffix(line.Raw, []byte("\n")) {
				t.Fatalf("%q was handed out where %q came", line.Raw, rest)
			}
			rest = rest[len(line.Raw):]
			for _, token := range line.Tokens {
				if token.Kind == Literal && int64(len(token.Text)) > lim.Literal || token.End > len(line.Raw) || token.Start > token.End {
					t.Fatalf("a token stands at %d-%d of %q", token.Start, token.End, line.Raw)
				}
			}
			if line.isStatus() {
				_ = line.status().String()
			}
		}
	})
}

// FuzzStrings writes any name as an argument and reads it back: it stays one string of one command.
func FuzzStrings(f *testing.F) {
	for _, seed := range []string{"", "a", "a\"\\b", "x\r\nLOGOUT", "\x00", "\xff", "{5}", strings.Repeat("y", 1001), "\u2028", "é"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		sent := GetCommand(name).encode()
		r := NewReader(bytes.NewReader(sent), Limits{Literal: int64(len(name)), Line: len(sent)})
		line, err := r.Next()
		if err != nil || len(line.Tokens) != 2 || string(line.Tokens[1].Text) != name || len(line.Raw) != len(sent) {
			t.Errorf("%q is sent as %q, which reads %+v, %v", name, sent, line, err)
		}
	})
}
