package imap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/mbaudit/mbaudit/containment"
	"github.com/mbaudit/mbaudit/internal/imapwire"
	"github.com/mbaudit/mbaudit/internal/managesieve"
	"github.com/mbaudit/mbaudit/internal/sleep"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// Provider is the name of this provider in plans.
const Provider = "imap"

// ErrNoSieve says that no ManageSieve server is there, or none was to be asked.
var ErrNoSieve = errors.New("no ManageSieve server is there")

// ErrReadOnly says that a client was made to plan and not to apply.
var ErrReadOnly = errors.New("this client only reads")

// A Judgement says what a Sieve script does.
type Judgement struct {
	Hostile bool               // hardly anybody sets that up for himself: it is taken away unasked
	Does    []containment.Text // what its rules do, in words
}

// A Config says how to reach an account.
type Config struct {
	Account string
	Login   string // the name under which the server knows the account; empty is Account

	// Dial and DialSieve open connections that are logged in for the account and can only read. DialSieve's error wraps
	// ErrNoSieve where no such server is; nil is the same.
	Dial      func(ctx context.Context) (*imapwire.Conn, error)
	DialSieve func(ctx context.Context) (*managesieve.Conn, error)

	Doveadm *Doveadm // nil where none was given

	// Judge says what a script does. Nil knows nothing of any.
	Judge func(script []byte) Judgement

	// Writes has the client's connections send what changes something. Without, a step cannot be applied.
	Writes bool

	Sleep func(ctx context.Context, d time.Duration) error // between two looks at sessions; nil waits in fact
}

// A Client looks at and changes one account. It is safe for use by several goroutines, which wait for each other: there is
// one connection of each kind.
type Client struct {
	cfg Config

	mu    sync.Mutex
	mail  *imapwire.Conn
	caps  map[string]bool
	sieve *managesieve.Conn
}

// New makes a client. Nothing is sent yet.
func New(cfg Config) (*Client, error) {
	if cfg.Account == "" || cfg.Dial == nil {
		return nil, errors.New("imap: no account is named, or no server")
	}
	if cfg.Login == "" {
		cfg.Login = cfg.Account
	}
	if cfg.Judge == nil {
		cfg.Judge = func([]byte) Judgement { return Judgement{} }
	}
	if cfg.Sleep == nil {
		cfg.Sleep = sleep.For
	}
	return &Client{cfg: cfg}, nil
}

// Close ends the connections.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop()
}

// drop ends the connections politely, so that the server knows of no session of ours when the next command asks it. The
// answers change nothing.
func (c *Client) drop() {
	if c.mail != nil {
		_, _ = c.mail.Do(imapwire.NewCommand("LOGOUT"))
		_, _ = c.mail.Next() // the end of the stream
		_ = c.mail.Close()
	}
	if c.sieve != nil {
		c.sieve.Logout()
		_ = c.sieve.NetConn().Close()
	}
	c.mail, c.caps, c.sieve = nil, nil, nil
}

// A Refusal is the server's NO or BAD.
type Refusal struct {
	Command string // as it may be shown
	Code    string // "NOPERM", "NONEXISTENT" …, or empty
	Text    string
}

func (e *Refusal) Error() string {
	return fmt.Sprintf("%s: the server says: %s", e.Command, visible.Cut(e.Text, 300))
}

// withMail has a function use the connection, opened where there is none. A connection that is lost while only reads were
// under way is opened once more; of a change nobody knows whether it was made, so that is an error, and the next run looks.
func (c *Client) withMail(ctx context.Context, reads bool, use func(m *mailbox) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for again := reads; ; again = false {
		fresh := c.mail == nil
		err := c.connect(ctx)
		if err == nil {
			err = use(&mailbox{c.mail, c.caps})
		}
		var refusal *Refusal
		if err == nil || errors.As(err, &refusal) || errors.Is(err, errKeeps) {
			return err
		}
		if c.mail != nil {
			_ = c.mail.Close()
			c.mail = nil
		}
		if fresh || !again || ctx.Err() != nil {
			return err
		}
	}
}

// errKeeps is wrapped by what is wrong with the account rather than with the connection.
var errKeeps = errors.New("")

// A problem is something about the account that stands in the way of a step.
type problem string

func (p problem) Error() string   { return string(p) }
func (p problem) Is(e error) bool { return e == errKeeps }

func problemf(format string, args ...any) error { return problem(fmt.Sprintf(format, args...)) }

func (c *Client) connect(ctx context.Context) error {
	if c.mail != nil {
		return nil
	}
	conn, err := c.cfg.Dial(ctx)
	if err != nil {
		return err
	}
	if c.cfg.Writes {
		conn.AllowChanges("SELECT", "CREATE", "UID MOVE", "SETACL", "DELETEACL")
	}
	m := &mailbox{conn, nil}
	answer, err := m.do(imapwire.NewCommand("CAPABILITY"))
	if err != nil {
		_ = conn.Close()
		return err
	}
	c.mail, c.caps = conn, wordsOf(answer, "CAPABILITY")
	return nil
}

// withSieve is withMail for the ManageSieve connection.
func (c *Client) withSieve(ctx context.Context, reads bool, use func(s *managesieve.Conn) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cfg.DialSieve == nil {
		return ErrNoSieve
	}
	for again := reads; ; again = false {
		fresh := c.sieve == nil
		var err error
		if fresh {
			if c.sieve, err = c.cfg.DialSieve(ctx); err != nil {
				c.sieve = nil
				return err
			}
			if c.cfg.Writes {
				c.sieve.AllowChanges()
			}
		}
		err = use(c.sieve)
		var refusal *managesieve.NoError
		if err == nil || errors.As(err, &refusal) || errors.Is(err, errKeeps) {
			return err
		}
		_ = c.sieve.NetConn().Close()
		c.sieve = nil
		if fresh || !again || ctx.Err() != nil {
			return err
		}
	}
}

// A mailbox is a connection that is logged in.
type mailbox struct {
	*imapwire.Conn
	caps map[string]bool
}

// do sends a command. What is not OK is a Refusal.
func (m *mailbox) do(cmd *imapwire.Command) (*imapwire.Answer, error) {
	answer, err := m.Do(cmd)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cmd.Shown(), err)
	}
	if !answer.OK() {
		return nil, &Refusal{Command: cmd.Shown(), Code: answer.Status.CodeName(), Text: answer.Status.String()}
	}
	return answer, nil
}

// untagged are the responses of a name in an answer.
func untagged(answer *imapwire.Answer, name string) []*imapwire.Response {
	var list []*imapwire.Response
	for i := range answer.Untagged {
		if answer.Untagged[i].Name == name {
			list = append(list, &answer.Untagged[i])
		}
	}
	return list
}

// wordsOf is the set of words, in upper case, of the responses of a name.
func wordsOf(answer *imapwire.Answer, name string) map[string]bool {
	set := map[string]bool{}
	for _, resp := range untagged(answer, name) {
		s := resp.Scan()
		for v, ok := s.Next(); ok; v, ok = s.Next() {
			set[upper(v.Text())] = true
		}
	}
	return set
}

// read sends a fetch of one message's body and hands the body on. found is false where no message has that UID.
func (m *mailbox) read(uid string, to io.Writer) (found bool, err error) {
	cmd := imapwire.NewCommand("UID FETCH").Atom(uid).Atom("(BODY.PEEK[])")
	tags, err := m.Send(cmd)
	if err != nil {
		return false, err
	}
	for {
		resp, err := m.Next()
		if err != nil {
			return found, err
		}
		switch {
		case resp.Kind == imapwire.Tagged && resp.Tag == tags[0]:
			m.Wanted()
			if status := resp.Status(); status.Name != "OK" {
				return found, &Refusal{Command: cmd.Shown(), Code: status.CodeName(), Text: status.String()}
			}
			return found, nil
		case resp.Name == "FETCH" && resp.Body != nil:
			if found {
				return true, problemf("the server sent message %s twice", uid)
			}
			if _, err := io.Copy(to, resp.Body); err != nil {
				return false, err
			}
			m.Wanted()
			found = true
		case resp.Name == "FETCH":
			for name, value := range resp.Items() {
				if upper(name) != "BODY[]" || value.Kind != imapwire.Quoted && value.Kind != imapwire.Literal {
					continue
				}
				if _, err := to.Write(value.Text()); err != nil {
					return false, err
				}
				found = true
			}
		}
	}
}
