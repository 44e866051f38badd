package imapwire

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/internal/visible"
)

// A ByeError says that the server closed the connection, and what it gave as the reason.
type ByeError struct {
	Status Status
}

func (e *ByeError) Error() string {
	return "the server says goodbye: " + visible.Text(e.Status.String())
}

// ErrInjected says that the server, or someone on the way to it, sent more in clear text than the answer to
// STARTTLS. What was sent could otherwise be taken for the answers of the encrypted session.
var ErrInjected = errors.New("data came in clear text after the answer to STARTTLS")

// A Conn is a connection to an IMAP server that can only read, unless AllowChanges said otherwise. It is not safe for use
// by several goroutines; to stop it from another one, close the connection that New was given.
type Conn struct {
	// NonSync says that the server takes literals unasked (LITERAL+ or LITERAL-, RFC 7888).
	NonSync bool

	nc   net.Conn
	pace pacer // nil where nothing keeps the pace
	r    *Reader
	lim  Limits
	tags int
	more map[string]bool // commands that are sent beside those that Check lets pass
	left bool            // LOGOUT was sent: BYE is the right answer
	idle int             // responses since one that was asked for
}

// New returns a Conn on nc, which is a TLS connection already where encryption begins with the connection. Below that,
// WithPace keeps it from waiting for ever.
func New(nc net.Conn, lim Limits) *Conn {
	lim = lim.withDefaults()
	c := &Conn{nc: nc, r: NewReader(nc, lim), lim: lim}
	below := nc
	if tc, ok := nc.(*tls.Conn); ok {
		below = tc.NetConn()
	}
	c.pace, _ = below.(pacer)
	return c
}

// NetConn returns the connection below. What the reader has taken from it already is not in it.
func (c *Conn) NetConn() net.Conn { return c.nc }

// Buffered returns how many bytes have been read from the connection and not yet been handed out.
func (c *Conn) Buffered() int { return c.r.Buffered() }

// Close ends the connection.
func (c *Conn) Close() error { return c.nc.Close() }

// AllowChanges has the connection send these commands too, which Check refuses: "UID MOVE", "SETACL". Only what takes an
// account back calls it; a test of package layout sees to that.
func (c *Conn) AllowChanges(names ...string) {
	c.more = make(map[string]bool, len(names))
	for _, name := range names {
		c.more[name] = true
	}
}

func (c *Conn) check(cmd *Command) error {
	if c.more[cmd.Name] {
		return nil
	}
	return Check(cmd)
}

// Send sends commands one after the other without waiting, and returns their tags. It refuses what Check refuses,
// before a byte is sent, and what needs the server's leave to go on: that is for Do.
func (c *Conn) Send(cmds ...*Command) (tags []string, err error) {
	var out []byte
	for _, cmd := range cmds {
		if err := c.check(cmd); err != nil {
			return nil, err
		}
		tag := c.nextTag()
		pieces, err := cmd.encode(tag, c.NonSync)
		if err != nil {
			return nil, err
		}
		if len(pieces) > 1 || cmd.Respond != nil {
			return nil, fmt.Errorf("%s needs the server's leave and cannot be sent ahead", cmd.Name)
		}
		out = append(out, pieces[0]...)
		tags = append(tags, tag)
		c.left = c.left || strings.EqualFold(cmd.Name, "LOGOUT")
	}
	if _, err := c.nc.Write(out); err != nil {
		return nil, c.writeFailed(err)
	}
	return tags, nil
}

// Wanted says that the response just read was one that was asked for. Who reads with Next calls it; a server that
// sends nothing of the kind for long is given up.
func (c *Conn) Wanted() {
	c.idle = 0
	if c.pace != nil {
		c.pace.wanted()
	}
}

func (c *Conn) nextTag() string {
	c.tags++
	return fmt.Sprintf("A%04d", c.tags)
}

// Next returns the next response, valid until the following call. A BYE comes as a *ByeError.
func (c *Conn) Next() (*Response, error) {
	resp, err := c.r.Next()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	if resp.Kind == Untagged && resp.Name == "BYE" && !c.left {
		return nil, &ByeError{Status: resp.Status()}
	}
	if c.pace != nil && resp.Body == nil {
		c.pace.responded()
	}
	if c.idle++; c.idle > c.lim.Idle {
		return nil, &LimitError{What: "run of responses that nobody asked for", Size: fmt.Sprint(c.idle), Unit: "responses", Limit: int64(c.lim.Idle)}
	}
	return resp, nil
}

// An Answer is all that a server sent from one command to its tagged reply.
type Answer struct {
	Raw      []byte     // every byte, as received
	Untagged []Response // in the order they came
	Status   Status     // of the tagged reply
	At       time.Time  // when the answer began to arrive
}

// responseCost is what a response in an Answer takes beside its bytes, at the least: short ones must not be free.
const responseCost = 200

// OK says whether the server did what it was asked.
func (a *Answer) OK() bool { return a.Status.Name == "OK" }

// Do sends a command and reads its answer whole. Answers of commands sent ahead must have been read before.
func (c *Conn) Do(cmd *Command) (*Answer, error) {
	if err := c.check(cmd); err != nil {
		return nil, err
	}
	tag := c.nextTag()
	pieces, err := cmd.encode(tag, c.NonSync)
	if err != nil {
		return nil, err
	}
	c.left = c.left || strings.EqualFold(cmd.Name, "LOGOUT")
	if _, err := c.nc.Write(pieces[0]); err != nil {
		return nil, c.writeFailed(err)
	}
	pieces = pieces[1:]
	var refusal error
	answer := &Answer{}
	for {
		resp, err := c.Next()
		if err != nil {
			return nil, err
		}
		if answer.At.IsZero() {
			answer.At = time.Now()
		}
		if err := c.take(answer, resp); err != nil {
			return nil, err
		}
		switch {
		case resp.Kind == Tagged && resp.Tag == tag:
			answer.Status = resp.Status()
			c.Wanted()
			return answer, refusal
		case resp.Kind == Continuation && len(pieces) > 0:
			_, err = c.nc.Write(pieces[0])
			pieces = pieces[1:]
		case resp.Kind == Continuation && cmd.Respond != nil:
			line := "*"
			reply, rerr := cmd.Respond(string(resp.Rest()))
			if rerr != nil {
				refusal = rerr
			} else {
				line = reply.Reveal()
			}
			_, err = c.nc.Write([]byte(line + "\r\n"))
		}
		if err != nil {
			return nil, c.writeFailed(err)
		}
	}
}

// writeFailed returns what the server said before it closed the connection under our hands, if it said something.
func (c *Conn) writeFailed(err error) error {
	for range 100 {
		_, rerr := c.Next()
		if bye := (*ByeError)(nil); errors.As(rerr, &bye) {
			return rerr
		}
		if rerr != nil {
			break
		}
	}
	return err
}

// take appends a response to an answer. A body that comes unasked is kept with it.
func (c *Conn) take(a *Answer, resp *Response) error {
	if resp.Body != nil {
		head := bytes.Clone(resp.Raw)
		if resp.Body.Size > int64(c.lim.Response) {
			return &LimitError{What: "response", Size: fmt.Sprint(resp.Body.Size), Limit: int64(c.lim.Response)}
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		whole := append(append(head, body...), resp.Raw[len(head):]...)
		a.Raw = append(a.Raw, whole...)
	} else {
		a.Raw = append(a.Raw, resp.Raw...)
	}
	if len(a.Raw)+len(a.Untagged)*responseCost > c.lim.Answer {
		return &LimitError{What: "answer", Size: fmt.Sprint(len(a.Raw)), Limit: int64(c.lim.Answer)}
	}
	if resp.Kind == Untagged {
		a.Untagged = append(a.Untagged, resp.Clone())
	}
	return nil
}

// StartTLS asks for encryption (RFC 3501 section 6.2.1) and, if the server agrees, shakes hands. An answer that is not
// OK comes back without an error.
func (c *Conn) StartTLS(ctx context.Context, config *tls.Config) (*Answer, error) {
	answer, err := c.Do(NewCommand("STARTTLS"))
	if err != nil || !answer.OK() {
		return answer, err
	}
	if c.r.Buffered() > 0 {
		return answer, ErrInjected
	}
	tc := tls.Client(c.nc, config)
	if err := tc.HandshakeContext(ctx); err != nil {
		return answer, err
	}
	c.nc = tc
	c.r = NewReader(tc, c.lim)
	return answer, nil
}
