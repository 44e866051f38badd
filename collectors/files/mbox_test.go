package files

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/evidence"
)

const (
	from1 = "From alice@example.test Mon Nov 23 14:05:00 2026\n"
	from2 = "From 1234567890@xxx Mon Nov 23 14:06:00 +0000 2026\r\n"
)

func cut(t testing.TB, data string, byLength bool) (messages []string, pieces []piece, s *splitter) {
	t.Helper()
	s = &splitter{byLength: byLength, chain: chain{began: -1}, emit: func(p piece) error {
		pieces = append(pieces, p)
		if p.from {
			messages = append(messages, data[p.body:p.end])
		}
		return nil
	}}
	if err := s.run(strings.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	return messages, pieces, s
}

func TestSplit(t *testing.T) {
	long := "X: " + strings.Repeat("y", 10<<20) + "\n"
	for name, c := range map[string]struct {
		data string
		want []string
	}{
		"empty file":                        {"", nil},
		"no From line":                      {"Subject: a\n\nbody\n", nil},
		"one, no final line end":            {from1 + "A: b\n\nbody", []string{"A: b\n\nbody"}},
		"one, with its empty line":          {from1 + "A: b\n\nbody\n\n", []string{"A: b\n\nbody\n"}},
		"two empty lines: one is its own":   {from1 + "A: b\n\nbody\n\n\n", []string{"A: b\n\nbody\n\n"}},
		"header only":                       {from1 + "A: b\n\n" + from1 + "C: d\n\n", []string{"A: b\n", "C: d\n"}},
		"LF and CRLF":                       {from1 + "A: b\n\nx\n\n" + from2 + "C: d\r\n\r\ny\r\n\r\n", []string{"A: b\n\nx\n", "C: d\r\n\r\ny\r\n"}},
		"no empty line before":              {from1 + "A: b\n\nx\n" + from1 + "C: d\n\ny\n", []string{"A: b\n\nx\n", "C: d\n\ny\n"}},
		"no date":                           {"From alice\nA: b\n\nx\n\nFrom bob\nC: d\n\ny\n", []string{"A: b\n\nx\n", "C: d\n\ny\n"}},
		"text with From, no date, no field": {from1 + "A: b\n\nx\n\nFrom here on: it is\ntext\n", []string{"A: b\n\nx\n\nFrom here on: it is\ntext\n"}},
		"text with From and a date":         {from1 + "A: b\n\nx\n" + from1 + "text\n", []string{"A: b\n\nx\n" + from1 + "text\n"}},
		"escaped":                           {from1 + "A: b\n\n>From x\n>>From y\n", []string{"A: b\n\n>From x\n>>From y\n"}},
		"nothing between From lines":        {from1 + "\n" + from1 + "\n", []string{"", ""}},
		"NUL bytes":                         {from1 + "A: \x00\n\n\x00\x00\n\n" + from1 + "C: d\n\n", []string{"A: \x00\n\n\x00\x00\n", "C: d\n"}},
		"a header line of 10 MB":            {from1 + long + "\nx\n\n" + from1 + "C: d\n\n", []string{long + "\nx\n", "C: d\n"}},
		"a From line that never ends":       {"From " + strings.Repeat("z", 1<<20) + "\nA: b\n", nil},
		"bytes before the first":            {"\ufeffgarbage\n\n" + from1 + "A: b\n\n", []string{"A: b\n"}},
		"a last From line alone":            {from1 + "A: b\n\nx\n\n" + from1, []string{"A: b\n\nx\n", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			got, pieces, _ := cut(t, c.data, false)
			if !slices.Equal(got, c.want) {
				t.Errorf("%.200q, want %.200q", got, c.want)
			}
			checkPieces(t, c.data, pieces)
		})
	}
}

// checkPieces wants every byte of the file in exactly one piece.
func checkPieces(t testing.TB, data string, pieces []piece) {
	t.Helper()
	at := int64(0)
	for _, p := range pieces {
		if p.start != at || p.body < p.start || p.end < p.body || p.next < p.end {
			t.Fatalf("pieces do not join: %+v after %d", p, at)
		}
		at = p.next
	}
	if at != int64(len(data)) {
		t.Fatalf("the pieces have %d bytes, the file %d", at, len(data))
	}
}

func lengthMbox(bodies ...string) string {
	var b strings.Builder
	for _, body := range bodies {
		fmt.Fprintf(&b, "%sA: b\nContent-Length: %d\n\n%s\n", from1, len(body), body)
	}
	return b.String()
}

func TestForms(t *testing.T) {
	quoted := "text\n\n" + from1 + "C: d\n\nforwarded\n"
	swallow := from1 + "A: b\nContent-Length: %d\n\n"
	rest := strings.Repeat(from1+"C: d\n\nx\n\n", 5)
	for _, c := range []struct {
		data, form string
		messages   int64
	}{
		{from1 + "A: b\n\nx\n", "any: no line of text begins with From", 1},
		{from1 + "A: b\n\n>From x\n", "mboxo or mboxrd", 1},
		{from1 + "A: b\n\n>>From x\n", "mboxrd, or mboxo with quotations", 1},
		{from1 + "A: b\n\ny\nFrom x\n", "none that escapes", 1},
		{lengthMbox("x\n", "y\n"), "mboxcl", 2},
		{lengthMbox("x\n", quoted, "y\n"), "mboxcl2", 3},
		{fmt.Sprintf(swallow, len(rest)) + rest, "any: no line of text begins with From", 6}, // one that would swallow all others
		{lengthMbox("x\n") + from1 + "A: b\nContent-Length: 99999\n\nshort\n", "any: no line of text begins with From", 2},
	} {
		path := write(t, filepath.Join(t.TempDir(), "x.mbox"), c.data)
		sink := gather(t, Mbox, path, collectors.MessagesRaw)
		o := originOf(t, sink, path)
		if o.Form != c.form || o.Messages != c.messages || int64(len(sink.Messages())) != c.messages {
			t.Errorf("%.60q: form %q, %d messages, %d kept, want %q and %d", c.data, o.Form, o.Messages, len(sink.Messages()), c.form, c.messages)
		}
		if o.SHA256 != sha256.Sum256([]byte(c.data)) {
			t.Errorf("%.60q: the origin's SHA-256 is not the file's", c.data)
		}
		checkReassembly(t, sink, c.data)
	}
}

func originOf(t testing.TB, sink *collectortest.Sink, path string) origin {
	t.Helper()
	for _, k := range sink.Resource("import/mbox:" + path) {
		if strings.HasPrefix(k.Item, "origin/") {
			var o origin
			if err := json.Unmarshal(k.Body, &o); err != nil {
				t.Fatal(err)
			}
			return o
		}
	}
	t.Fatal("there is no description of the file")
	return origin{}
}

// checkReassembly joins "From " lines, messages and the empty lines between to the file.
func checkReassembly(t testing.TB, sink *collectortest.Sink, data string) {
	t.Helper()
	var b bytes.Buffer
	for _, k := range sink.Kept() {
		switch {
		case strings.HasPrefix(k.Item, "leading/"):
			b.Write(k.Body)
		case strings.HasPrefix(k.Resource, "messages/"):
			b.Write(k.Response)
			b.Write(k.Body)
			var n int
			if _, err := fmt.Sscan(k.Attrs["mbox.sep"], &n); err != nil {
				t.Fatal(err)
			}
			b.WriteString(data[b.Len() : b.Len()+n])
		}
	}
	if b.String() != data {
		t.Errorf("the exhibits do not give the file back: %.300q, want %.300q", b.String(), data)
	}
}

func TestMboxAttributes(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "All mail.mbox"), from2+"X-GM-THRID: 1849\r\nX-Gmail-Labels: =?UTF-8?Q?Priv=C3=A9,?=\r\n =?UTF-8?Q?Bo=C3=AEte?=\r\n"+
		"Status: RO\r\nX-Status: A\r\n\r\nx\r\n>From y\r\n")
	m := gather(t, Mbox, path, collectors.MessagesRaw).Messages()[0]
	for name, want := range map[string]string{"folder": "All mail", "internaldate": "23-Nov-2026 14:06:00 +0000", "date.from": `"From " line`,
		"x-gm-thrid": "1849", "x-gm-labels": "Privé,Boîte", "flags": `(\Seen \Answered)`, "escaped": "1"} {
		if got := m.Attrs[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if string(m.Response) != from2 {
		t.Errorf("the response is %q", m.Response)
	}
}

// TestDerived: without a named form nothing is derived; with it the copy is marked and the message stays as it was.
func TestDerived(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "x"), from1+"A: b\n\n>From x\n>>From y\n\n"+from1+"C: d\n\nplain\n")
	for kind, want := range map[Kind]string{Mbox: "", MboxO: "A: b\n\nFrom x\n>>From y\n", MboxRD: "A: b\n\nFrom x\n>From y\n"} {
		sink := gather(t, kind, path, collectors.MessagesRaw)
		if got := string(sink.Resource("messages/mbox:" + path)[0].Body); got != "A: b\n\n>From x\n>>From y\n" {
			t.Errorf("%s: the message itself is %q", kind, got)
		}
		derived := sink.Resource("derived/mbox:" + path)
		switch {
		case want == "" && len(derived) > 0:
			t.Errorf("%s: something was derived", kind)
		case want != "" && (len(derived) != 1 || string(derived[0].Body) != want || !strings.Contains(derived[0].Attrs["derived"], "not what was received")):
			t.Errorf("%s: derived %+v, want %q", kind, derived, want)
		}
	}
}

func TestLeadingBytes(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "x.mbox"), "Subject: no mbox\n\nbody\n")
	sink := gather(t, Mbox, path, collectors.MessagesRaw)
	wantGap(t, sink, evidence.GapInvalid, "messages/mbox:"+path, "bytes stand before the first")
	checkReassembly(t, sink, "Subject: no mbox\n\nbody\n")
	blank := write(t, filepath.Join(t.TempDir(), "x.mbox"), "\n\n"+from1+"A: b\n")
	if gaps := gather(t, Mbox, blank, collectors.MessagesRaw).Gaps(); len(gaps) > 0 {
		t.Errorf("empty lines before the first message are a gap: %+v", gaps)
	}
}

func TestMboxDirectory(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "Inbox"), from1+"A: b\n\n")
	write(t, filepath.Join(dir, "Inbox.msf"), "// index")
	write(t, filepath.Join(dir, "Archives.sbd", "2026.mbox"), from1+"C: d\n\n")
	sink := gather(t, Mbox, dir, collectors.MessagesRaw)
	var folders []string
	for _, m := range sink.Messages() {
		folders = append(folders, m.Attrs["folder"])
	}
	if !slices.Equal(folders, []string{"Archives.sbd/2026", "Inbox"}) || len(sink.Gaps()) > 0 {
		t.Errorf("folders %q, gaps %+v", folders, sink.Gaps())
	}
}

// TestMboxChangesBetweenRuns: a file of which some messages are kept and that is another one now is a gap, not a mixture.
func TestMboxChangesBetweenRuns(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "x.mbox"), strings.Repeat(from1+"A: b\n\nx\n\n", 10))
	c := mustNew(t, Mbox, path)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c.changed = func(_ string, n int64) {
		if n == 4 {
			cancel()
		}
	}
	sink := &collectortest.Sink{}
	if err := c.Collect(ctx, scopeOf(collectors.MessagesRaw), sink); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v, want context.Canceled", err)
	}
	kept := len(sink.Messages())
	write(t, path, from1+"Z: inserted\n\n"+strings.Repeat(from1+"A: b\n\nx\n\n", 10))
	if err := mustNew(t, Mbox, path).Collect(t.Context(), scopeOf(collectors.MessagesRaw), sink); err != nil {
		t.Fatal(err)
	}
	wantGap(t, sink, evidence.GapInvalid, "messages/mbox:"+path, "changed since the first messages of it were kept")
	if kept == 0 || len(sink.Messages()) != kept {
		t.Errorf("%d messages, %d were kept of the file as it was", len(sink.Messages()), kept)
	}
}

// TestMboxChangesWhileRead: what was cut out of a file that is written to at the same time is kept, and a gap says so.
func TestMboxChangesWhileRead(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "x.mbox"), strings.Repeat(from1+"A: b\n\nx\n\n", 10))
	c := mustNew(t, Mbox, path)
	c.changed = func(_ string, n int64) {
		if n == 4 {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err == nil {
				_, err = f.WriteString(from1 + "New: mail\n\n")
				err = errors.Join(err, f.Close())
			}
			if err != nil {
				t.Error(err)
			}
		}
	}
	sink := &collectortest.Sink{}
	if err := c.Collect(t.Context(), scopeOf(collectors.MessagesRaw), sink); err != nil {
		t.Fatal(err)
	}
	wantGap(t, sink, evidence.GapInvalid, "messages/mbox:"+path, "changed while it was read")
}

// FuzzSplit: whatever an mbox holds, each of its bytes is in one piece, and both ways to cut agree on that.
func FuzzSplit(f *testing.F) {
	f.Add(from1 + "A: b\n\nx\n\n" + from2 + "C: d\r\n\r\ny\r\n")
	f.Add(lengthMbox("x\n", "text\n\n"+from1+"C: d\n\n", "y"))
	f.Add("From \nFrom \n\nFrom a Jan 1:00\n>From \n>>>From x\x00\n\r\n\r")
	f.Add("Content-Length: 9223372036854775807\nFrom x 00:00 May\nContent-Length: 5\n\n")
	f.Fuzz(func(t *testing.T, data string) {
		for _, byLength := range []bool{false, true} {
			_, pieces, _ := cut(t, data, byLength)
			checkPieces(t, data, pieces)
		}
		if at, _ := fromDate([]byte(data)); !at.IsZero() {
			_ = internalDate(at)
		}
		if _, err := readFields(bufio.NewReader(strings.NewReader(data))); err != nil {
			t.Error(err)
		}
	})
}

// FuzzUnescape: taking the escaping off a text that was escaped gives the text.
func FuzzUnescape(f *testing.F) {
	f.Add("From a\n>From b\n>>From c\nd")
	f.Fuzz(func(t *testing.T, text string) {
		var escaped bytes.Buffer
		for line := range strings.Lines(text) {
			if strings.HasPrefix(strings.TrimLeft(line, ">"), "From ") {
				escaped.WriteByte('>')
			}
			escaped.WriteString(line)
		}
		var back bytes.Buffer
		if _, err := back.ReadFrom(newUnescaper(&escaped, true)); err != nil || back.String() != text {
			t.Errorf("%q became %q (%v)", text, back.String(), err)
		}
	})
}
