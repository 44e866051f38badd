package imapwire

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/mbaudit/mbaudit/internal/secret"
)

func TestGuard(t *testing.T) {
	allowed := []*Command{
		NewCommand("EXAMINE").String("INBOX"),
		NewCommand("examine").String("INBOX"),
		NewCommand("UID FETCH").Atom("1:*").Atom("(UID FLAGS BODY.PEEK[])"),
		NewCommand("UID FETCH").Atom("1:*").Atom("(UID BODY.PEEK[HEADER.FIELDS (TO CC)]<0.100> BINARY.PEEK[1] RFC822.HEADER)"),
		NewCommand("UID FETCH").Atom("1:*").Atom("(UID MODSEQ)").Atom("(CHANGEDSINCE 12 VANISHED)"),
		NewCommand("FETCH").Atom("1").Atom("FLAGS"),
		NewCommand("UID SEARCH").Atom("RETURN (ALL)").Atom("ALL"),
		NewCommand("GETMETADATA").String("").Atom("/shared/comment"),
		NewCommand("UNSELECT"),
	}
	for _, cmd := range allowed {
		if err := Check(cmd); err != nil {
			t.Errorf("%s: %v", cmd.Shown(), err)
		}
	}
	refused := []*Command{
		NewCommand("SELECT").String("INBOX"),
		NewCommand("CLOSE"),
		NewCommand("EXPUNGE"),
		NewCommand("UID STORE").Atom("1").Atom("+FLAGS").Atom(`(\Deleted)`),
		NewCommand("UID COPY").Atom("1").String("x"),
		NewCommand("SETMETADATA").String("").Atom("(/shared/comment NIL)"),
		NewCommand("SETACL").String("INBOX").Atom("bob").Atom("lr"),
		NewCommand("IDLE"),
		NewCommand(""),
		NewCommand("NOOP\r\nA2 EXPUNGE"),
		NewCommand("UID FETCH").Atom("1:*").Atom("(UID BODY[])"),
		NewCommand("UID FETCH").Atom("1:*").Atom("(UID body[header])"),
		NewCommand("UID FETCH").Atom("1:*").Atom("(BODY.PEEK[] BODY[])"),
		NewCommand("UID FETCH").Atom("1:*").Atom("BINARY[1]"),
		NewCommand("UID FETCH").Atom("1:*").Atom("RFC822"),
		NewCommand("UID FETCH").Atom("1:*").Atom("(RFC822.TEXT)"),
		NewCommand("UID FETCH").Atom("1:*").Atom("(FLAGS) (BODY[])"),
		NewCommand("UID FETCH").Atom("1:*").Atom("FULL"),
		NewCommand("UID FETCH").Atom("1:*").Atom("FLAGS BODY[]"),
		NewCommand("UID FETCH").Atom("1:* (BODY[])").Atom("FLAGS"),
		NewCommand("UID FETCH").Atom("1:*").Atom("FLAGS").Atom("(BODY[])"),
		NewCommand("UID FETCH").Atom("1:*").String("FLAGS"),
		NewCommand("UID FETCH").Atom("1:*").Atom("()"),
		NewCommand("UID FETCH").Atom("1:*"),
		NewCommand("UID SEARCH").Atom("ALL\r\nA2 UID STORE 1 +FLAGS (\\Deleted)"),
	}
	for _, cmd := range refused {
		client, server := net.Pipe()
		wrote := make(chan int, 1)
		go func() {
			n, _ := io.Copy(io.Discard, server)
			wrote <- int(n)
		}()
		conn := New(WithPace(client, Pace{Window: time.Second}), Limits{})
		var want *RefusedError
		if _, err := conn.Do(cmd); !errors.As(err, &want) {
			t.Errorf("Do(%s) = %v, want a RefusedError", cmd.Shown(), err)
		}
		if _, err := conn.Send(cmd); !errors.As(err, &want) {
			t.Errorf("Send(%s) = %v, want a RefusedError", cmd.Shown(), err)
		}
		client.Close()
		if n := <-wrote; n > 0 {
			t.Errorf("%s: %d bytes were sent", cmd.Shown(), n)
		}
	}
}

func TestSecretIsNotShown(t *testing.T) {
	cmd := NewCommand("LOGIN").String("alice").Secret(secret.New("hunter2"), false)
	if got, want := cmd.Shown(), `LOGIN "alice" [redacted]`; got != want {
		t.Errorf("Shown() = %s, want %s", got, want)
	}
}

func TestLiterals(t *testing.T) {
	cmd := NewCommand("LOGIN").String("al\"ice\\").String("é").String("")
	for _, test := range []struct {
		nonSync bool
		want    []string
	}{
		{true, []string{"A1 LOGIN \"al\\\"ice\\\\\" {2+}\r\né \"\"\r\n"}},
		{false, []string{"A1 LOGIN \"al\\\"ice\\\\\" {2}\r\n", "é \"\"\r\n"}},
	} {
		pieces, err := cmd.encode("A1", test.nonSync)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range pieces {
			got = append(got, string(p))
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("non-synchronising %v: %q, want %q", test.nonSync, got, test.want)
		}
	}
}

func TestLimits(t *testing.T) {
	small := Limits{Response: 1000, Answer: 3000, Literal: 500}
	tests := map[string]struct{ input, what string }{
		"endless line":            {"* OK " + strings.Repeat("x", 5000), "response"},
		"literal in a response":   {"* LIST () \"/\" {2000}\r\n", "response"},
		"many literals":           {"* X-FOO" + strings.Repeat(" {100}\r\n"+strings.Repeat("y", 100), 20) + "\r\n", "response"},
		"absurd body":             {"* 1 FETCH (UID 9 BODY[] {10000000000}\r\n", "literal"},
		"absurd number":           {"* 1 FETCH (UID 9 BODY[] {99999999999999999999999}\r\n", "literal"},
		"absurd number elsewhere": {"* X {99999999999999999999999}\r\n", "response"},
		"endless after a body":    {"* 1 FETCH (UID 9 BODY[] {1}\r\nx" + strings.Repeat("z", 5000), "response"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := NewReader(strings.NewReader(test.input), small)
			var err error
			for err == nil {
				_, err = r.Next()
			}
			var limit *LimitError
			if !errors.As(err, &limit) || limit.What != test.what {
				t.Fatalf("error is %v, want a LimitError for a %s", err, test.what)
			}
			if test.what == "literal" && !strings.Contains(string(limit.Head), "UID 9") {
				t.Errorf("the error does not keep which message it was: %q", limit.Head)
			}
		})
	}
}

func TestCutOff(t *testing.T) {
	input := "* 1 FETCH (UID 9 BODY[] {5}\r\nabcde UID 9)\r\n"
	for n := 1; n < len(input); n++ {
		r := NewReader(iotest.OneByteReader(strings.NewReader(input[:n])), Limits{})
		resp, err := r.Next()
		if err == nil {
			_, err = io.ReadAll(resp.Body)
		}
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut off after %q: %v, want io.ErrUnexpectedEOF", input[:n], err)
		}
	}
}

// TestSuppose reads a body that is too large to look past.
func TestSuppose(t *testing.T) {
	body := strings.Repeat("0123456789", 50_000)
	head := "* 1 FETCH (UID 9 BODY[] {500000}\r\n"
	for _, test := range []struct {
		tail string
		want error
	}{{")\r\n", nil}, {" FLAGS ())\r\n", ErrSupposed}} {
		r := NewReader(strings.NewReader(head+body+test.tail+"* 2 EXISTS\r\n"), Limits{})
		resp, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := resp.Ahead(); ok || err != nil {
			t.Fatalf("Ahead() = %v, %v for a body larger than the buffer", ok, err)
		}
		resp.Suppose(")\r\n")
		if got := string(resp.Raw); got != head+")\r\n" {
			t.Errorf("Raw is %q", got)
		}
		var got bytes.Buffer
		if _, err := io.Copy(&got, resp.Body); !errors.Is(err, test.want) {
			t.Errorf("reading the body: %v, want %v", err, test.want)
		}
		if got.String() != body {
			t.Error("the body is not the same")
		}
		if want := head + test.tail; string(resp.Raw) != want {
			t.Errorf("Raw is %q, want %q", resp.Raw, want)
		}
		if next, err := r.Next(); err != nil || next.Name != "EXISTS" {
			t.Errorf("the next response: %v, %v", next, err)
		}
	}
}

func TestBodyThatIsSkippedDoesNotReadAsEmpty(t *testing.T) {
	r := NewReader(strings.NewReader("* 1 FETCH (BODY[] {5}\r\nabcde)\r\n* 2 EXISTS\r\n"), Limits{})
	resp, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	body := resp.Body
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(body); err == nil {
		t.Errorf("read %q of a body that is past, without an error", b)
	}
}

// serve answers each line that begins a command with the given text, in which TAG stands for its tag.
func serve(t *testing.T, answers ...string) *Conn {
	t.Helper()
	client, server := net.Pipe()
	t.Cleanup(func() { client.Close(); server.Close() })
	go func() {
		defer server.Close()
		buf := make([]byte, 4096)
		tag := ""
		for _, a := range answers {
			n, err := server.Read(buf)
			if err != nil {
				return
			}
			if f := strings.Fields(string(buf[:n])); len(f) > 1 && strings.HasPrefix(f[0], "A0") {
				tag = f[0]
			}
			if _, err := io.WriteString(server, strings.ReplaceAll(a, "TAG", tag)); err != nil {
				return
			}
		}
	}()
	return New(WithPace(client, Pace{Window: 10 * time.Second}), Limits{})
}

func TestDoKeepsEveryByte(t *testing.T) {
	want := "* LIST () \"/\" {3}\r\na\"b\r\n* 3 EXISTS\r\n* 1 FETCH (BODY[] {2}\r\nhi UID 4)\r\nTAG OK [X 1] done\r\n"
	conn := serve(t, want)
	answer, err := conn.Do(NewCommand("LIST").String("").String("*"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.ReplaceAll(string(answer.Raw), "A0001", "TAG"); got != want {
		t.Errorf("kept %q, want %q", got, want)
	}
	if len(answer.Untagged) != 3 || !answer.OK() || answer.Status.CodeName() != "X" || answer.Status.CodeArg() != "1" {
		t.Errorf("answer: %+v", answer)
	}
}

func TestDoWithLiteral(t *testing.T) {
	conn := serve(t, "* 1 EXISTS\r\n+ go on\r\n", "TAG NO no such folder\r\n")
	answer, err := conn.Do(NewCommand("EXAMINE").String("\xff"))
	if err != nil {
		t.Fatal(err)
	}
	if answer.OK() || answer.Status.Text != "no such folder" {
		t.Errorf("answer: %+v", answer.Status)
	}
}

func TestByeKeepsItsReason(t *testing.T) {
	conn := serve(t, "* BYE [UNAVAILABLE] Server shutting down.\r\n")
	_, err := conn.Do(NewCommand("NOOP"))
	var bye *ByeError
	if !errors.As(err, &bye) || bye.Status.CodeName() != "UNAVAILABLE" || bye.Status.Text != "Server shutting down." {
		t.Errorf("error is %v, want a ByeError with the reason", err)
	}
}

func TestLogoutMayBeAnsweredByBye(t *testing.T) {
	conn := serve(t, "* BYE see you\r\nTAG OK\r\n")
	if answer, err := conn.Do(NewCommand("LOGOUT")); err != nil || !answer.OK() {
		t.Errorf("answer %v, error %v", answer, err)
	}
}

func TestStartTLSRefusesWhatComesInClearText(t *testing.T) {
	conn := serve(t, "TAG OK go\r\n* CAPABILITY IMAP4rev1 AUTH=EVIL\r\n")
	if _, err := conn.StartTLS(t.Context(), &tls.Config{ServerName: "x"}); !errors.Is(err, ErrInjected) {
		t.Errorf("error is %v, want ErrInjected", err)
	}
}

func TestSilenceEndsWithADeadline(t *testing.T) {
	client, server := net.Pipe()
	defer server.Close()
	conn := New(WithPace(client, Pace{Window: 20 * time.Millisecond}), Limits{})
	var timeout net.Error
	if _, err := conn.Next(); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("error is %v, want a time-out", err)
	}
}

func TestParseSet(t *testing.T) {
	got, err := ParseSet("7,1:3,3,10:9")
	if want := []uint32{1, 2, 3, 7, 9, 10}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	for _, bad := range []string{"", "1,", "*", "1:*", "x", "-1", "4294967296"} {
		if got, err := ParseSet(bad); err == nil {
			t.Errorf("%q is read as %v", bad, got)
		}
	}
	var limit *LimitError
	if _, err := ParseSet("1:4294967295"); !errors.As(err, &limit) {
		t.Errorf("a set of all numbers: %v, want a LimitError", err)
	}
}

func TestFolderName(t *testing.T) {
	for _, test := range []struct {
		raw, want string
		ok        bool
	}{
		{"INBOX", "INBOX", true},
		{"A&-B", "A&B", true},
		{"&AMk-l&AOk-ments envoy&AOk-s", "Éléments envoyés", true},
		{"&ZeVnLIqe-/&MOEw,DDr-", "日本語/メール", true},
		{"&2D3eAA-", "😀", true},
		{"Éléments", "Éléments", true}, // raw UTF-8
		{"R&D", "R%26D", false},
		{"&", "%26", false},
		{"&AEE-", "%26AEE-", false}, // a second spelling of A
		{"&2D0-", "%262D0-", false}, // half a surrogate pair
		{"Gel\xf6scht", "Gel%F6scht", false},
		{"100% r&Omg", "100%25 r%26Omg", false},
	} {
		got, ok := FolderName([]byte(test.raw))
		if got != test.want || ok != test.ok {
			t.Errorf("FolderName(%q) = %q, %v, want %q, %v", test.raw, got, ok, test.want, test.ok)
		}
	}
}
