package managesieve

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
)

// A step is what a scripted server says, or, with a leading "> ", what it wants to hear.
type step string

// hangUp closes the connection.
const hangUp step = "hang up"

// converse plays the steps against a Conn.
func converse(t *testing.T, steps ...step) *Conn {
	t.Helper()
	client, server := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, s := range steps {
			if s == hangUp {
				server.Close()
				return
			}
			want, hears := strings.CutPrefix(string(s), "> ")
			if !hears {
				if _, err := io.WriteString(server, string(s)); err != nil {
					return // the client has had enough, which the test judges
				}
				continue
			}
			got := make([]byte, len(want)+2)
			n, err := io.ReadFull(server, got)
			if err != nil || string(got) != want+"\r\n" {
				t.Errorf("the server hears %q, %v, want %q", got[:n], err, want)
				return
			}
		}
	}()
	t.Cleanup(func() {
		client.Close()
		<-done
		server.Close()
	})
	return New(client, Limits{Answer: 1000}, 10*time.Second)
}

func TestCheck(t *testing.T) {
	for _, c := range []*Command{
		NewCommand("HAVESPACE").String("x").String("1"), NewCommand("PUTSCRIPT").String("x").String("keep;"), NewCommand("SETACTIVE").String(""),
		NewCommand("CHECKSCRIPT").String("keep;"), NewCommand("DELETESCRIPT").String("x"), NewCommand("RENAMESCRIPT").String("x").String("y"),
		NewCommand("UNAUTHENTICATE"), NewCommand("LISTSCRIPTS\r\nDELETESCRIPT \"x\""), NewCommand("listscripts"), NewCommand(""), NewCommand("X-ANY"),
		NewCommand("LISTSCRIPTS").String("x"), NewCommand("GETSCRIPT"), NewCommand("GETSCRIPT").String("x").String("y"), NewCommand("AUTHENTICATE"),
	} {
		conn := converse(t) // hears nothing
		_, err := conn.Do(c)
		var refused *RefusedError
		if !errors.As(err, &refused) {
			t.Errorf("%s: error is %v, want a RefusedError", c.Shown(), err)
		}
	}
	for _, c := range []*Command{
		NewCommand("CAPABILITY"), NewCommand("NOOP"), NewCommand("STARTTLS"), NewCommand("LISTSCRIPTS"), NewCommand("LOGOUT"), GetCommand("PUTSCRIPT"),
	} {
		if err := Check(c); err != nil {
			t.Errorf("%s: %v", c.Shown(), err)
		}
	}
}

func TestShown(t *testing.T) {
	c := NewCommand("AUTHENTICATE").String("PLAIN").secret("AGEAYg==")
	if got, want := c.Shown(), `AUTHENTICATE "PLAIN" [redacted]`; got != want {
		t.Errorf("shown as %s, want %s", got, want)
	}
	if got, want := GetCommand("\x1b[2J").Shown(), `GETSCRIPT "\u{001B}[2J"`; got != want {
		t.Errorf("shown as %s, want %s", got, want)
	}
}

const caps = "\"IMPLEMENTATION\" \"x\"\r\n\"SASL\" \"PLAIN scram-sha-256\"\r\n\"VERSION\" \"1.0\"\r\nOK\r\n"

// TestCapabilities has servers that send their capabilities unasked and servers that do not: after it, the next answer
// belongs to the next question.
func TestCapabilities(t *testing.T) {
	list := []step{"> LISTSCRIPTS", "\"a\"\r\nOK\r\n"}
	for name, steps := range map[string][]step{
		"asked only":        {"> CAPABILITY", caps, "> NOOP", "OK\r\n"},
		"unasked too":       {"> CAPABILITY", "\"IMPLEMENTATION\" \"old\"\r\nOK\r\n" + caps, "> NOOP", "OK \"noop\"\r\n"},
		"NOOP is not known": {"> CAPABILITY", caps, "> NOOP", "NO \"what?\"\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := converse(t, append(steps, list...)...)
			answer, err := conn.Capabilities()
			if err != nil {
				t.Fatal(err)
			}
			set := ReadCapability(answer)
			if set["IMPLEMENTATION"] != "x" || !set.Has("VERSION") || set.Has("STARTTLS") || !set.Mechanism("plain") || !set.Mechanism("SCRAM-SHA-256") || set.Mechanism("SCRAM") {
				t.Errorf("read as %v", set)
			}
			_, scripts, err := conn.List()
			if err != nil || len(scripts) != 1 || scripts[0].Name != "a" {
				t.Errorf("the list after it is %v, %v", scripts, err)
			}
		})
	}
	conn := converse(t, "> CAPABILITY", caps, "> NOOP", caps, caps, caps)
	if _, err := conn.Capabilities(); !errors.As(err, new(*SyntaxError)) {
		t.Errorf("capabilities without end: error is %v, want a SyntaxError", err)
	}
}

func TestAnswerLimit(t *testing.T) {
	conn := converse(t, "> LISTSCRIPTS", step(strings.Repeat("\"name\" ACTIVE\r\n", 100)), "OK\r\n")
	_, _, err := conn.List()
	var limit *LimitError
	if !errors.As(err, &limit) || limit.What != "answer" {
		t.Errorf("error is %v, want a LimitError of an answer", err)
	}
}

func TestQuotedScript(t *testing.T) {
	conn := converse(t, "> GETSCRIPT \"a \\\"b\\\"\"", "\"redirect \\\"x\\\";\"\r\nOK\r\n")
	script, err := conn.Get(`a "b"`)
	if err != nil {
		t.Fatal(err)
	}
	if string(script.Body) != `redirect "x";` || script.Form != "quoted" || string(script.Around) != "\"redirect \\\"x\\\";\"\r\nOK\r\n" {
		t.Errorf("read as %q, %s, in %q", script.Body, script.Form, script.Around)
	}
}

func TestByeInTheMiddle(t *testing.T) {
	conn := converse(t, "> LISTSCRIPTS", "\"a\"\r\nBYE (REFERRAL \"sieve://other\") \"moved\"\r\n")
	_, _, err := conn.List()
	var bye *ByeError
	if !errors.As(err, &bye) || bye.Status.Code != "REFERRAL" || len(bye.Status.Args) != 1 || bye.Status.Args[0] != "sieve://other" {
		t.Errorf("error is %v, want a ByeError with the referral", err)
	}
}

func TestStartTLSInjection(t *testing.T) {
	conn := converse(t, "> STARTTLS", "OK\r\nOK \"what an attacker would have me take for an answer\"\r\n")
	if _, err := conn.StartTLS(t.Context(), &tls.Config{ServerName: "x"}); !errors.Is(err, ErrInjected) {
		t.Errorf("error is %v, want ErrInjected", err)
	}
}

// A mechanism plays a list of messages, and wants a list of challenges.
type mechanism struct {
	initial    []byte
	challenges []string
	responses  []string
}

func (m *mechanism) Start() (string, []byte, error) { return "X", m.initial, nil }

func (m *mechanism) Next(challenge []byte) ([]byte, error) {
	if len(m.challenges) == 0 || m.challenges[0] != string(challenge) {
		return nil, sasl.ErrUnexpectedServerChallenge
	}
	response := m.responses[0]
	m.challenges, m.responses = m.challenges[1:], m.responses[1:]
	return []byte(response), nil
}

func TestAuthenticate(t *testing.T) {
	b64 := func(s string) step { return step(base64.StdEncoding.EncodeToString([]byte(s))) }
	three := func() *mechanism {
		return &mechanism{challenges: []string{"one", "two"}, responses: []string{"1", ""}}
	}
	long := strings.Repeat("t", 1200)
	for name, test := range map[string]struct {
		m     sasl.Client
		steps []step
		want  error  // by type, nil for success
		text  string // in the error
	}{
		"initial response":       {sasl.NewPlainClient("who", "user", "pw"), []step{`> AUTHENTICATE "PLAIN" "` + b64("who\x00user\x00pw") + `"`, "OK\r\n"}, nil, ""},
		"empty initial response": {&mechanism{initial: []byte{}}, []step{`> AUTHENTICATE "X" ""`, "OK\r\n"}, nil, ""},
		"long initial response": {&mechanism{initial: []byte(long)},
			[]step{"> AUTHENTICATE \"X\" {1600+}\r\n" + b64(long), "OK\r\n"}, nil, ""},
		"challenges, quoted and literal": {three(), []step{`> AUTHENTICATE "X"`, `"` + b64("one") + "\"\r\n", `> "` + b64("1") + `"`,
			"{4}\r\n" + b64("two") + "\r\n", `> ""`, "OK\r\n"}, nil, ""},
		"last word with OK": {three(), []step{`> AUTHENTICATE "X"`, `"` + b64("one") + "\"\r\n", `> "` + b64("1") + `"`,
			"OK (SASL \"" + b64("two") + "\")\r\n"}, nil, ""},
		"wrong last word": {three(), []step{`> AUTHENTICATE "X"`, `"` + b64("one") + "\"\r\n", `> "` + b64("1") + `"`,
			"OK (SASL \"" + b64("forged") + "\")\r\n"}, sasl.ErrUnexpectedServerChallenge, "server's consent is wrong"},
		"refused":          {three(), []step{`> AUTHENTICATE "X"`, "NO (ENCRYPT-NEEDED) \"TLS first\"\r\n"}, &NoError{}, "(ENCRYPT-NEEDED) TLS first"},
		"wrong challenge":  {three(), []step{`> AUTHENTICATE "X"`, `"` + b64("odd") + "\"\r\n", `> "*"`, "NO \"cancelled\"\r\n"}, sasl.ErrUnexpectedServerChallenge, ""},
		"not base64":       {three(), []step{`> AUTHENTICATE "X"`, "\"%\"\r\n", `> "*"`, "NO\r\n"}, &SyntaxError{}, "base64"},
		"two strings":      {three(), []step{`> AUTHENTICATE "X"`, "\"\" \"\"\r\n", `> "*"`, "NO\r\n"}, &SyntaxError{}, "a challenge is one string"},
		"closed half-way":  {three(), []step{`> AUTHENTICATE "X"`, `"` + b64("one"), hangUp}, io.ErrUnexpectedEOF, ""},
		"goodbye half-way": {three(), []step{`> AUTHENTICATE "X"`, "BYE \"too many\"\r\n"}, &ByeError{}, "too many"},
	} {
		t.Run(name, func(t *testing.T) {
			err := converse(t, test.steps...).Authenticate(test.m)
			if !sameKind(err, test.want) || err != nil && !strings.Contains(err.Error(), test.text) {
				t.Errorf("error is %v (%T), want %T with %q", err, err, test.want, test.text)
			}
		})
	}
}

func sameKind(err, want error) bool {
	switch want.(type) {
	case *NoError:
		return errors.As(err, new(*NoError))
	case *ByeError:
		return errors.As(err, new(*ByeError))
	case *SyntaxError:
		return errors.As(err, new(*SyntaxError))
	}
	return errors.Is(err, want)
}

// TestProgress has a server that sends a byte now and then: single bytes do not count as progress.
func TestProgress(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	context.AfterFunc(ctx, func() { server.Close() })
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if _, err := server.Write([]byte("x")); err != nil {
				return
			}
		}
	}()
	_, err := New(client, Limits{}, 200*time.Millisecond).Greeting()
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("error is %v, want that the deadline is over", err)
	}
}

// TestLongScriptIsProgress sends a script that takes longer than the timeout, 64 KiB at a time.
func TestLongScriptIsProgress(t *testing.T) {
	client, server := net.Pipe()
	defer server.Close()
	defer client.Close()
	const parts, size = 8, 64 << 10
	conn := New(client, Limits{}, time.Hour)
	deadlines := 0
	inner := conn.r.Progress
	conn.r.Progress = func() error { deadlines++; return inner() }
	go func() {
		_, _ = io.CopyN(io.Discard, server, int64(len("GETSCRIPT \"a\"\r\n")))
		_, _ = io.WriteString(server, "{524288}\r\n"+strings.Repeat("x", parts*size)+"\r\nOK\r\n")
	}()
	script, err := conn.Get("a")
	if err != nil || len(script.Body) != parts*size {
		t.Fatalf("%v", err)
	}
	// Before the command, before each of the two lines, and between the parts.
	if want := 1 + 2 + parts - 1; deadlines != want {
		t.Errorf("the deadline was moved %d times, want %d", deadlines, want)
	}
}

// A deaf server has said all that it will ever say.
type deaf struct {
	net.Conn
	said io.Reader
}

func (d deaf) Read(p []byte) (int, error) { return d.said.Read(p) }
func (deaf) Write(p []byte) (int, error)  { return len(p), nil }
func (deaf) SetDeadline(time.Time) error  { return nil }

// FuzzConversation has a server that says any bytes to a client that does all it can: it comes to an end, and a script is
// nothing but what the server sent.
func FuzzConversation(f *testing.F) {
	f.Add(caps + caps + caps + "OK\r\n" + "OK\r\n" + "\"a\" ACTIVE\r\n{1}\r\nb\r\nOK\r\n{5}\r\nkeep;\r\nOK\r\n")
	f.Add("BYE (REFERRAL \"sieve://x\") \"go\"\r\n")
	f.Add("OK\r\nOK\r\nNO\r\n\"AAAA\"\r\nNO (SASL \"x\")\r\nOK\r\n\"quoted \\\" script\"\r\nOK\r\n")
	f.Fuzz(func(t *testing.T, said string) {
		conn := New(deaf{said: strings.NewReader(said)}, Limits{Line: 500, Literal: 200, Answer: 1000}, time.Second)
		if answer, err := conn.Greeting(); err == nil {
			_ = ReadCapability(answer).Mechanism("PLAIN")
		}
		if answer, err := conn.Capabilities(); err == nil {
			_ = ReadCapability(answer)
		}
		_ = conn.Authenticate(sasl.NewPlainClient("", "u", "p"))
		_, scripts, err := conn.List()
		if err != nil {
			return
		}
		for _, listed := range scripts {
			script, err := conn.Get(listed.Name)
			if err != nil {
				return
			}
			if script.Form == "literal" && !strings.Contains(said, string(script.Body)) {
				t.Errorf("%q is a script of a server that said %q", script.Body, said)
			}
		}
	})
}
