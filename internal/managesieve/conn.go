package managesieve

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/emersion/go-sasl"

	"github.com/mbaudit/mbaudit/internal/visible"
)

// ErrInjected says that the server, or someone on the way to it, sent more in clear text than the answer to STARTTLS.
var ErrInjected = errors.New("data came in clear text after the answer to STARTTLS")

// A ByeError says that the server closed the connection, and what it gave as the reason.
type ByeError struct{ Status Status }

func (e *ByeError) Error() string {
	return "the server says goodbye: " + visible.Cut(e.Status.String(), 500)
}

// A NoError says that the server refused a command.
type NoError struct{ Status Status }

func (e *NoError) Error() string { return "the server says: " + visible.Cut(e.Status.String(), 500) }

// An Answer is all that a server sent for one command.
type Answer struct {
	Raw    []byte  // every byte, as received
	Lines  []*Line // but for the last one, which is Status
	Status Status
	At     time.Time // when it began to arrive
}

// OK says whether the server did what it was asked.
func (a *Answer) OK() bool { return a.Status.Name == "OK" }

// A Conn is a connection to a ManageSieve server that can only read, unless AllowChanges said otherwise. It is not safe
// for use by several goroutines; to stop it from another one, close the connection that New was given.
type Conn struct {
	nc      net.Conn
	r       *Reader
	lim     Limits
	timeout time.Duration
	changes bool
}

// New returns a Conn on nc, which is a TLS connection already where encryption begins with the connection. timeout is
// how long the server may go without progress.
func New(nc net.Conn, lim Limits, timeout time.Duration) *Conn {
	c := &Conn{lim: lim.withDefaults(), timeout: timeout}
	c.use(nc)
	return c
}

func (c *Conn) use(nc net.Conn) {
	c.nc = nc
	c.r = NewReader(nc, c.lim)
	c.r.Progress = func() error { return nc.SetDeadline(time.Now().Add(c.timeout)) }
}

// NetConn returns the connection below.
func (c *Conn) NetConn() net.Conn { return c.nc }

// Greeting reads what the server sends unasked: its capabilities.
func (c *Conn) Greeting() (*Answer, error) {
	answer, err := c.answer(nil)
	if err == nil && !answer.OK() {
		err = &NoError{answer.Status}
	}
	return answer, err
}

// Do sends a command and reads its answer. One that is not OK comes without an error; BYE is a *ByeError.
func (c *Conn) Do(cmd *Command) (*Answer, error) {
	if err := c.send(cmd); err != nil {
		return nil, err
	}
	return c.answer(nil)
}

func (c *Conn) send(cmd *Command) error {
	if err := c.check(cmd); err != nil {
		return err
	}
	return c.write(cmd.encode())
}

func (c *Conn) write(line []byte) error {
	if err := c.r.progress(); err != nil {
		return err
	}
	_, err := c.nc.Write(line)
	if err == nil {
		return nil
	}
	// The server may have said why it closed the connection under our hands.
	if _, rerr := c.answer(nil); errors.As(rerr, new(*ByeError)) {
		return rerr
	}
	return err
}

// answer reads lines up to a status. challenge, if set, is given each line of a SASL exchange and replies to it.
func (c *Conn) answer(challenge func(line *Line) error) (*Answer, error) {
	a := &Answer{}
	for {
		line, err := c.r.Next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		if a.At.IsZero() {
			a.At = time.Now()
		}
		if a.Raw = append(a.Raw, line.Raw...); len(a.Raw) > c.lim.Answer {
			return nil, &LimitError{What: "answer", Size: fmt.Sprint(len(a.Raw)), Limit: int64(c.lim.Answer)}
		}
		switch {
		case line.isStatus():
			a.Status = line.status()
			if a.Status.Name == "BYE" {
				return nil, &ByeError{a.Status}
			}
			return a, nil
		case line.Bad != "":
			return nil, &SyntaxError{Line: line.Raw, Why: line.Bad}
		case len(line.Tokens) == 0 || !line.Tokens[0].IsString():
			return nil, &SyntaxError{Line: line.Raw, Why: "a line begins with no string and is no status"}
		case challenge != nil:
			if err := challenge(line); err != nil {
				return nil, err
			}
		default:
			a.Lines = append(a.Lines, line)
		}
	}
}

// Capabilities asks what the server offers now. After STARTTLS and after a login a server may send its capabilities
// unasked (RFC 5804 sections 2.1 and 2.2), and not all do: so NOOP follows the question, and what came before its answer,
// which has no lines, are capabilities. A server that does not know NOOP says NO, which does as well.
func (c *Conn) Capabilities() (*Answer, error) {
	all, err := c.Do(NewCommand("CAPABILITY"))
	if err != nil {
		return nil, err
	}
	if !all.OK() {
		return nil, &NoError{all.Status}
	}
	if err := c.send(NewCommand("NOOP")); err != nil {
		return nil, err
	}
	for range 3 {
		next, err := c.answer(nil)
		if err != nil {
			return nil, err
		}
		if len(next.Lines) == 0 {
			return all, nil
		}
		all.Raw, all.Lines = append(all.Raw, next.Raw...), next.Lines // the last ones are the answer to the question
	}
	return nil, &SyntaxError{Line: all.Raw, Why: "the server goes on sending its capabilities"}
}

// A Capability is a server's set of capabilities: values by name in upper case.
type Capability map[string]string

// ReadCapability reads the lines of an answer.
func ReadCapability(a *Answer) Capability {
	set := Capability{}
	for _, line := range a.Lines {
		name, value := strings.ToUpper(string(line.Tokens[0].Text)), ""
		if len(line.Tokens) > 1 && line.Tokens[1].IsString() {
			value = string(line.Tokens[1].Text)
		}
		if _, ok := set[name]; !ok {
			set[name] = value
		}
	}
	return set
}

// Has says whether the server offers something.
func (c Capability) Has(name string) bool { _, ok := c[name]; return ok }

// Mechanism says whether the server offers a SASL mechanism.
func (c Capability) Mechanism(name string) bool {
	for word := range strings.FieldsSeq(c["SASL"]) {
		if strings.EqualFold(word, name) {
			return true
		}
	}
	return false
}

// StartTLS asks for encryption (RFC 5804 section 2.2) and, if the server agrees, shakes hands.
func (c *Conn) StartTLS(ctx context.Context, config *tls.Config) (tls.ConnectionState, error) {
	answer, err := c.Do(NewCommand("STARTTLS"))
	switch {
	case err != nil:
		return tls.ConnectionState{}, err
	case !answer.OK():
		return tls.ConnectionState{}, &NoError{answer.Status}
	case c.r.Buffered() > 0:
		return tls.ConnectionState{}, ErrInjected
	}
	if err := c.r.progress(); err != nil {
		return tls.ConnectionState{}, err
	}
	tc := tls.Client(c.nc, config)
	if err := tc.HandshakeContext(ctx); err != nil {
		return tls.ConnectionState{}, err
	}
	c.use(tc)
	return tc.ConnectionState(), nil
}

// Authenticate logs in by a SASL mechanism (RFC 5804 section 2.1). A refusal comes as a *NoError.
func (c *Conn) Authenticate(client sasl.Client) error {
	mechanism, initial, err := client.Start()
	if err != nil {
		return err
	}
	cmd := NewCommand("AUTHENTICATE").String(mechanism)
	if initial != nil {
		cmd.secret(base64.StdEncoding.EncodeToString(initial))
	}
	if err := c.send(cmd); err != nil {
		return err
	}
	var refusal error // of ours, which cancelled the exchange
	answer, err := c.answer(func(line *Line) error {
		reply := "*"
		response, err := respond(client, line)
		if err != nil {
			refusal = errors.Join(refusal, err)
		} else {
			reply = base64.StdEncoding.EncodeToString(response)
		}
		return c.write(append(appendString(nil, reply), "\r\n"...))
	})
	switch {
	case refusal != nil:
		return refusal
	case err != nil:
		return err
	case !answer.OK():
		return &NoError{answer.Status}
	case answer.Status.Code == "SASL" && len(answer.Status.Args) == 1:
		return lastWord(client, answer.Status.Args[0])
	}
	return nil
}

func respond(client sasl.Client, line *Line) ([]byte, error) {
	if len(line.Tokens) != 1 {
		return nil, &SyntaxError{Line: line.Raw, Why: "a challenge is one string"}
	}
	challenge, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(line.Tokens[0].Text)))
	if err != nil {
		return nil, &SyntaxError{Line: line.Raw, Why: "a challenge is in base64"}
	}
	return client.Next(challenge)
}

// lastWord gives a mechanism what the server sent along with OK: proof that the server knows the password too, say.
func lastWord(client sasl.Client, text string) error {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return fmt.Errorf("what came with the server's consent is not base64: %w", err)
	}
	if _, err := client.Next(data); err != nil {
		return fmt.Errorf("what came with the server's consent is wrong: %w", err)
	}
	return nil
}

// Logout says goodbye. What the server answers changes nothing.
func (c *Conn) Logout() { _, _ = c.Do(NewCommand("LOGOUT")) }
