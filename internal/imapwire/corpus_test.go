package imapwire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const corpus = "../../testdata/imap/responses"

// TestCorpus reads every odd response that is known. What is expected is written as describe writes it.
func TestCorpus(t *testing.T) {
	want := map[string]string{
		"alert.txt":                                   "NO [ALERT]",
		"blank-line.txt":                              "odd | 3 EXISTS",
		"body-bad-dates.txt":                          `3 FETCH UID=7 INTERNALDATE="99-Foo-0000 99:99:99 +9999" ENVELOPE=list BODY[]=body BODY[]:abcd`,
		"body-binary-literal8.txt":                    "3 FETCH UID=7 BINARY[1]=body BINARY[1]:\x00\x01\x02\x03",
		"body-empty-quoted.txt":                       `3 FETCH UID=7 BODY[]=""`,
		"body-empty.txt":                              "3 FETCH UID=7 BODY[]=body BODY[]:",
		"body-header-fields.txt":                      "3 FETCH UID=7 BODY[HEADER.FIELDS (SUBJECT \"X Y\")]=body BODY[HEADER.FIELDS (SUBJECT \"X Y\")]:Subject: test\r\n\r\n",
		"body-literal-plus.txt":                       "3 FETCH UID=7 BODY[]=body BODY[]:abcd",
		"body-lower-case-nil.txt":                     "3 FETCH UID=7 BODY[]=NIL",
		"body-lower-case.txt":                         "3 FETCH uid=7 body[]=body BODY[]:abcd",
		"body-nil.txt":                                "3 FETCH UID=7 BODY[]=NIL",
		"body-partial.txt":                            "3 FETCH UID=7 BODY[]<0>=body BODY[]<0>:abcd",
		"body-quoted.txt":                             `3 FETCH UID=7 BODY[]="a "quoted" message"`,
		"body-then-literal.txt":                       `3 FETCH BODY[]=body X-GM-LABELS=list UID=7 BODY[]:abcd`,
		"body-then-uid.txt":                           "3 FETCH BODY[]=body UID=7 FLAGS=list BODY[]:abcd",
		"bodystructure-empty-multipart-parens.txt":    "3 FETCH UID=7 BODYSTRUCTURE=list",
		"bodystructure-empty-multipart.txt":           "3 FETCH UID=7 BODYSTRUCTURE=list",
		"bodystructure-huge-size.txt":                 "3 FETCH UID=7 RFC822.SIZE=99999999999 BODYSTRUCTURE=list",
		"bodystructure-literal.txt":                   "3 FETCH UID=7 BODYSTRUCTURE=list",
		"bodystructure-message-global.txt":            "3 FETCH UID=7 BODYSTRUCTURE=list",
		"bodystructure-nil-parameter.txt":             "3 FETCH UID=7 BODYSTRUCTURE=list",
		"bodystructure-nil.txt":                       "3 FETCH UID=7 BODYSTRUCTURE=NIL FLAGS=list",
		"bodystructure-unescaped-quote-then-body.txt": "3 FETCH UID=7 BODYSTRUCTURE=list \" \"=7bit\" 5=1 BODY[HEADER]:Subject: test\r\n\r\n",
		"bodystructure-unescaped-quote.txt":           "3 FETCH UID=7 BODYSTRUCTURE=list",
		"bye-reason.txt":                              "BYE [UNAVAILABLE]",
		"continuation.txt":                            "continuation | continuation | continuation",
		"deep-nesting.txt":                            "X-DEEP",
		"duplicate-fetch.txt":                         "3 FETCH UID=7 BODY[]=body BODY[]:abcd | 3 FETCH UID=7 BODY[]=body BODY[]:abcd",
		"envelope-lower-case-nil.txt":                 "3 FETCH UID=7 ENVELOPE=list",
		"esearch-empty.txt":                           "ESEARCH",
		"esearch.txt":                                 "ESEARCH",
		"fetch-gmail.txt":                             "3 FETCH X-GM-THRID=1278455344230334865 X-GM-MSGID=1278455344230334866 X-GM-LABELS=list UID=7",
		"fetch-objectid.txt":                          "3 FETCH UID=7 EMAILID=list THREADID=list FLAGS=list",
		"fetch-rfc822-header.txt":                     "3 FETCH UID=7 RFC822.HEADER=body RFC822.HEADER:Subject: test\r\n\r\n",
		"fetch-savedate-nil.txt":                      "3 FETCH UID=7 SAVEDATE=NIL",
		"fetch-savedate.txt":                          `3 FETCH UID=7 SAVEDATE="17-Jul-2026 02:44:25 -0700" FLAGS=list`,
		"fetch-threadid-nil.txt":                      "3 FETCH UID=7 EMAILID=list THREADID=NIL FLAGS=list",
		"fetch-unknown-item.txt":                      "3 FETCH UID=7 X-NEW-THING=list FLAGS=list",
		"fetch-unsolicited-flags.txt":                 "3 FETCH FLAGS=list MODSEQ=list",
		"id-nil-value.txt":                            "ID",
		"id-nil.txt":                                  "ID",
		"language.txt":                                "LANGUAGE",
		"listrights.txt":                              "LISTRIGHTS",
		"lsub.txt":                                    "LSUB",
		"mailbox-bad-utf7.txt":                        "LIST | LIST | LIST",
		"mailbox-childinfo.txt":                       "LIST",
		"mailbox-literal.txt":                         "LIST",
		"mailbox-raw-8bit.txt":                        "LIST | LIST",
		"metadata-literal8.txt":                       "METADATA",
		"not-imap.txt":                                "tagged HTTP/1.1 400",
		"number-too-large.txt":                        "99999999999 | 4294967296",
		"preauth.txt":                                 "PREAUTH",
		"raw-line-feed-only.txt":                      "LIST | 3 FETCH UID=7 BODY[]=body BODY[]:abcd | tagged A1 OK",
		"search-empty.txt":                            "SEARCH",
		"search-modseq.txt":                           "SEARCH",
		"spaces-doubled.txt":                          "3 FETCH UID=7 FLAGS=list",
		"status-inbox-case.txt":                       "STATUS",
		"tagged-unknown-status.txt":                   "tagged A1 MAYBE",
		"text-ending-like-literal.txt":                "OK [ALERT] | tagged A0 NO",
		"unbalanced-parentheses.txt":                  "3 FETCH UID=7 FLAGS=list | 3 FETCH UID=7 | LIST",
		"unknown-untagged-bare.txt":                   "X-FOO",
		"unknown-untagged.txt":                        "X-FOO",
		"vanished-earlier.txt":                        "VANISHED",
		"vanished.txt":                                "VANISHED",
		"xlist.txt":                                   "XLIST",
	}
	files, err := filepath.Glob(filepath.Join(corpus, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			input, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			// The server goes on to answer afterwards: no response may swallow or lose the next one.
			after := []byte("A9 OK and life goes on\r\n")
			got, kept := readAll(t, append(slices.Clone(input), after...))
			wantAll := want[name] + " | tagged A9 OK"
			if got != wantAll {
				t.Errorf("read as\n%s\nwant\n%s", got, wantAll)
			}
			if !bytes.Equal(kept, append(slices.Clone(input), after...)) {
				t.Errorf("not every byte was kept:\n%q", kept)
			}
		})
		delete(want, name)
	}
	for name := range want {
		if _, err := os.Stat(filepath.Join(corpus, name)); err != nil {
			t.Errorf("the table has %s, the corpus has not", name)
		}
	}
}

// readAll reads a stream to its end, and returns a description of the responses and all bytes put together again.
func readAll(t *testing.T, input []byte) (description string, kept []byte) {
	t.Helper()
	r := NewReader(bytes.NewReader(input), Limits{})
	var parts []string
	for n := 0; ; n++ {
		resp, err := r.Next()
		if errors.Is(err, io.EOF) {
			return strings.Join(parts, " | "), kept
		}
		if err != nil {
			t.Fatalf("after %q: %v", parts, err)
		}
		var body []byte
		head := len(resp.Raw)
		if resp.Body != nil {
			if n%2 == 0 { // both ways to get at what follows a body
				if ok, err := resp.Ahead(); !ok || err != nil {
					t.Fatalf("looking ahead: %v, %v", ok, err)
				}
			}
			if body, err = io.ReadAll(resp.Body); err != nil {
				t.Fatalf("reading a body: %v", err)
			}
		}
		kept = append(kept, resp.Raw[:head]...)
		kept = append(kept, body...)
		kept = append(kept, resp.Raw[head:]...)
		parts = append(parts, describe(resp, body))
	}
}

func describe(resp *Response, body []byte) string {
	var b strings.Builder
	switch resp.Kind {
	case Odd:
		return "odd"
	case Continuation:
		return "continuation"
	case Tagged:
		fmt.Fprintf(&b, "tagged %s ", resp.Tag)
	}
	if resp.Number > 0 {
		fmt.Fprintf(&b, "%d ", resp.Number)
	}
	b.WriteString(resp.Name)
	if resp.isText() && resp.Kind == Untagged && resp.Status().Code != "" {
		fmt.Fprintf(&b, " [%s]", resp.Status().Code)
	}
	if resp.Name == "FETCH" {
		for name, v := range resp.Items() {
			fmt.Fprintf(&b, " %s=", name)
			switch v.Kind {
			case List:
				b.WriteString("list")
			case Nil:
				b.WriteString("NIL")
			case Streamed:
				b.WriteString("body")
			case Quoted:
				fmt.Fprintf(&b, `"%s"`, v.Text())
			default:
				b.Write(v.Text())
			}
		}
	}
	if resp.Body != nil {
		fmt.Fprintf(&b, " %s:%s", resp.Body.Item, body)
	}
	return b.String()
}

// FuzzReader feeds anything to the reader: it must not crash, and what it read must be what was sent.
func FuzzReader(f *testing.F) {
	files, err := filepath.Glob(filepath.Join(corpus, "*"))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		input, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(input, byte(0))
		f.Add(input, byte(1))
	}
	f.Add([]byte("* 1 FETCH (BODY[] {99999999999999999999}\r\n"), byte(2))
	f.Fuzz(func(t *testing.T, input []byte, way byte) {
		r := NewReader(bytes.NewReader(input), Limits{Response: 64 << 10, Literal: 1 << 20})
		var kept []byte
		for {
			resp, err := r.Next()
			if err != nil {
				break
			}
			head := len(resp.Raw)
			var body []byte
			if resp.Body != nil {
				switch way % 4 {
				case 0:
					_, _ = resp.Ahead()
				case 1:
					resp.Suppose(")\r\n")
				}
				if way%4 == 3 {
					var buf bytes.Buffer
					_, err = io.Copy(&buf, resp.Body)
					body = buf.Bytes()
				} else {
					body, err = io.ReadAll(resp.Body)
				}
				if err != nil && !errors.Is(err, ErrSupposed) {
					break
				}
			}
			head = min(head, len(resp.Raw))
			kept = append(kept, resp.Raw[:head]...)
			kept = append(kept, body...)
			kept = append(kept, resp.Raw[head:]...)
			if resp.Body == nil || way%4 != 1 {
				scanAll(resp.Scan(), 0)
			}
			for _, v := range resp.Items() {
				_, _ = v.Number()
			}
			_ = resp.Status()
		}
		if !bytes.HasPrefix(input, kept) {
			t.Errorf("kept %q of %q", kept, input)
		}
	})
}

func scanAll(s *Scanner, depth int) {
	for {
		v, ok := s.Next()
		if !ok {
			return
		}
		_ = v.Text()
		if v.Kind == List && depth < 50 {
			scanAll(v.Scan(), depth+1)
		}
	}
}
