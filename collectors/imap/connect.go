package imap

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/mbaudit/mbaudit/internal/imapwire"
)

// A caps is the set of a server's capabilities, in upper case.
type caps map[string]bool

func (c caps) has(name string) bool { return c[name] }

func capsOf(answer *imapwire.Answer) caps {
	c := caps{}
	for i := range answer.Untagged {
		resp := &answer.Untagged[i]
		if resp.Name != "CAPABILITY" {
			continue
		}
		for word := range strings.FieldsSeq(string(resp.Rest())) {
			c[strings.ToUpper(word)] = true
		}
	}
	return c
}

// A link is one connection and what its beginning said.
type link struct {
	conn *imapwire.Conn
	raw  net.Conn    // below encryption; closing it stops everything
	stop func() bool // ends the watch on the context

	greeting  imapwire.Response
	preauth   bool
	roundTrip time.Duration // the shortest of those that were seen

	gauge        *gauge
	began        mark                 // when messages began to be read
	qresync      bool                 // ENABLE QRESYNC was granted
	asked        bool                 // ENABLE was asked
	judged       bool                 // whether compression pays is known
	compressNext bool                 // it does, and begins when nothing is under way
	tls          *tls.ConnectionState // nil in clear text
	caps         caps                 // as of now

	// The answers to CAPABILITY as they came. The first two are nil where there was no reason to ask.
	beforeTLS, beforeLogin, afterLogin *imapwire.Answer
}

func (l *link) close() {
	if l != nil {
		l.stop()
		_ = l.raw.Close() // nothing is written that closing could lose
	}
}

// connect opens a connection for account and logs in. The connection is closed when ctx is done.
func (c *Collector) connect(ctx context.Context, account string) (*link, error) {
	l, err := c.open(ctx, account)
	if err != nil {
		return nil, err
	}
	if err := c.secureAndLogIn(ctx, account, l); err != nil {
		l.close()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, err
	}
	return l, nil
}

// connect opens the connection of a run, and tries again where that may help. cause is why the last one was lost, nil if
// there was none. What it returns after a loss is a lostError if trying later may still help.
func (r *run) connect(cause error) error {
	refusals := 0
	for last := cause; ; {
		if last != nil {
			if r.fruitless++; r.fruitless > r.c.cfg.Retries {
				return last
			}
			if err := r.wait(r.fruitless, last); err != nil {
				return err
			}
		}
		link, err := r.c.connect(r.ctx, r.scope.Account)
		if err == nil {
			r.link, r.unsaid = link, 0
			if link.tls == nil {
				return nil
			}
			return r.keepOtherChain(link.tls.PeerCertificates)
		}
		if kerr := r.keepOtherChain(presented(err)); kerr != nil {
			return errors.Join(err, kerr)
		}
		if errors.Is(err, errLoginUnanswered) {
			r.unsaid++
		}
		if errors.Is(err, syscall.ECONNREFUSED) {
			refusals++
		}
		switch {
		case !mayRetry(err) || r.unsaid >= maxUnansweredLogins:
			return err
		case cause == nil && (refusals > maxRefusedFirst || unknownHost(err)):
			return err
		case cause == nil:
			last = err
		default:
			last = lostAfter(err, cause)
		}
	}
}

func unknownHost(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound
}

// How often a run tries what may be no use. A login that was sent and not answered may have been counted as a wrong
// password by a server that locks accounts. Where no connection was ever open, host or port may be wrong.
const (
	maxUnansweredLogins = 3
	maxRefusedFirst     = 2
)

// mayRetry says whether trying again later may help: a server that is down or busy comes back. A password that was
// refused stays refused, and asking again would lock the account; a certificate stays what it is.
func mayRetry(err error) bool {
	for _, never := range []error{ErrAuth, ErrTLSName, ErrTLSUntrusted, ErrTLSPin, ErrNotIMAP, ErrNoMechanism, ErrPlaintextRefused} {
		if errors.Is(err, never) {
			return false
		}
	}
	if _, busy := busyIn(err); busy {
		return true
	}
	return errors.Is(err, ErrHostDown)
}

func (c *Collector) open(ctx context.Context, account string) (*link, error) {
	fail := func(err error, kinds ...error) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return &Error{Account: account, Doing: "connecting to " + c.addr, Kinds: kinds, Err: err}
	}
	raw, err := c.cfg.Dial(ctx, "tcp", c.addr)
	if err != nil {
		return nil, fail(err, ErrHostDown)
	}
	l := &link{raw: raw, stop: context.AfterFunc(ctx, func() { _ = raw.Close() })}
	l.gauge = &gauge{Conn: raw}
	nc := imapwire.WithPace(l.gauge, imapwire.Pace{Window: c.cfg.Timeout})
	if c.tls {
		tc := tls.Client(nc, c.tlsConfig())
		if err := c.handshake(ctx, tc); err != nil {
			l.close()
			return nil, fail(untrusted(err), tlsKinds(err)...)
		}
		state := tc.ConnectionState()
		l.tls = &state
		nc = tc
	}
	l.conn = imapwire.New(nc, c.cfg.Limits)
	greeting, err := l.conn.Next()
	if err != nil {
		l.close()
		return nil, fail(err, ErrHostDown)
	}
	if greeting.Kind != imapwire.Untagged || greeting.Name != "OK" && greeting.Name != "PREAUTH" {
		err := fail(errors.New("it greets with "+quoteShort(greeting.Raw)), ErrNotIMAP)
		l.close()
		return nil, err
	}
	l.greeting = greeting.Clone()
	l.preauth = greeting.Name == "PREAUTH"
	return l, nil
}

func (c *Collector) secureAndLogIn(ctx context.Context, account string, l *link) error {
	fail := func(doing string, err error, kinds ...error) error {
		return &Error{Account: account, Doing: doing + " " + c.addr, Kinds: kinds, Err: err}
	}
	answer, err := l.capability()
	if err != nil {
		return fail("asking for the capabilities of", err, ErrHostDown)
	}
	l.beforeLogin = answer
	if l.tls == nil {
		if err := c.startTLS(ctx, l); err != nil {
			kinds := []error{ErrTLS}
			switch {
			case errors.Is(err, ErrPlaintextRefused):
				kinds = []error{ErrPlaintextRefused}
			case !errors.Is(err, imapwire.ErrInjected):
				kinds = tlsKinds(err)
				err = untrusted(err)
			}
			return fail("starting encryption with", err, kinds...)
		}
	}
	if !l.preauth {
		if err := c.authenticate(ctx, l, account); err != nil {
			var already *Error
			if errors.As(err, &already) {
				return err
			}
			return fail("logging in to", err, ErrHostDown, errLoginUnanswered)
		}
	}
	if l.afterLogin, err = l.capability(); err != nil {
		return fail("asking for the capabilities of", err, ErrHostDown)
	}
	return nil
}

// capability asks again each time: what a server offers changes with encryption and with the login, and what came
// unasked in a greeting could have been put there by someone on the way.
func (l *link) capability() (*imapwire.Answer, error) {
	sent := time.Now()
	answer, err := l.conn.Do(imapwire.NewCommand("CAPABILITY"))
	if err != nil {
		return nil, err
	}
	if took := time.Since(sent); l.roundTrip == 0 || took < l.roundTrip {
		l.roundTrip = took
	}
	l.caps = capsOf(answer)
	l.conn.NonSync = l.caps.has("LITERAL+") || l.caps.has("LITERAL-") || l.caps.has("IMAP4REV2")
	return answer, nil
}

// startTLS encrypts the connection. Where the server does not offer that, it is an error unless clear text is allowed.
func (c *Collector) startTLS(ctx context.Context, l *link) error {
	if !l.caps.has("STARTTLS") || l.preauth {
		if c.cfg.InsecurePlaintext {
			return nil
		}
		return ErrPlaintextRefused
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	answer, err := l.conn.StartTLS(ctx, c.tlsConfig())
	if err != nil {
		return err
	}
	if !answer.OK() {
		if c.cfg.InsecurePlaintext {
			return nil
		}
		return errors.Join(serverSays{answer.Status}, ErrPlaintextRefused)
	}
	state := l.conn.NetConn().(*tls.Conn).ConnectionState()
	l.tls = &state
	l.beforeTLS = l.beforeLogin
	l.beforeLogin, err = l.capability()
	return err
}

// Dial opens a connection that is logged in for account and can only read. It is closed when ctx is done. The caller
// closes it.
func (c *Collector) Dial(ctx context.Context, account string) (*imapwire.Conn, error) {
	l, err := c.connect(ctx, account)
	if err != nil {
		return nil, err
	}
	return l.conn, nil
}
