package imap

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/emersion/go-sasl"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/managesieve"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// A sieveError is what a ManageSieve server or the way to it did. It becomes a gap; any other error is the sink's or
// the caller's and ends the collection.
type sieveError struct {
	doing string
	err   error
}

func (e *sieveError) Error() string { return e.doing + ": " + e.err.Error() }
func (e *sieveError) Unwrap() error { return e.err }

// class sorts a sieveError.
func (e *sieveError) class() evidence.GapClass {
	var (
		no     *managesieve.NoError
		bye    *managesieve.ByeError
		syntax *managesieve.SyntaxError
		limit  *managesieve.LimitError
	)
	switch {
	case errors.As(e.err, &no), errors.As(e.err, &bye), errors.Is(e.err, ErrPlaintextRefused), errors.Is(e.err, ErrNoMechanism):
		return evidence.GapRefused
	case errors.As(e.err, &syntax), errors.As(e.err, &limit):
		return evidence.GapInvalid
	}
	return evidence.GapFailed
}

// final says that another connection would fare no better: asking again after a refused login locks accounts.
func (e *sieveError) final() bool {
	return e.class() != evidence.GapFailed || errors.As(e.err, new(*tls.CertificateVerificationError)) || errors.Is(e.err, ErrTLSPin)
}

// errNoSieve says that nothing is there to be read, and nothing said that there would be.
type errNoSieve struct{ why string }

func (e *errNoSieve) Error() string { return e.why }

// ErrNoSieve says that no ManageSieve server is there, and nothing said that there would be.
var ErrNoSieve = errors.New("no ManageSieve server is there")

// DialSieve opens a connection to the ManageSieve server that is logged in for account and can only read. It is closed when
// ctx is done. The caller closes the connection below it.
func (c *Collector) DialSieve(ctx context.Context, account string) (*managesieve.Conn, error) {
	if c.sieve.none {
		return nil, fmt.Errorf("%w: it was not asked for", ErrNoSieve)
	}
	r := &run{c: c, ctx: ctx, scope: collectors.Scope{Account: account}, sink: keepsNothing{}, link: &link{},
		shared: &ledger{expected: map[string]map[string]bool{}, paths: map[string]bool{}}}
	s := &sieveReading{r: r, ctx: ctx, place: c.sieve}
	err := s.connect()
	if absent := (*errNoSieve)(nil); errors.As(err, &absent) {
		return nil, fmt.Errorf("%w: %s", ErrNoSieve, absent.why)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: imap: Sieve: %w", visible.Text(account), err)
	}
	return s.conn, nil
}

// keepsNothing is the sink of a connection that is not made to collect.
type keepsNothing struct{}

func (keepsNothing) Put(_ evidence.Exhibit, body io.Reader) (evidence.Digest, error) {
	_, err := io.Copy(io.Discard, body)
	return evidence.Digest{}, err
}
func (keepsNothing) Gap(evidence.Gap) error            { return nil }
func (keepsNothing) Expect(evidence.Expectation) error { return nil }
func (keepsNothing) Has(_, _, _ string) bool           { return false }

// connect opens a connection and logs in, keeping what the server says of itself.
func (s *sieveReading) connect() error {
	nc, err := s.dial()
	if err != nil {
		return err
	}
	s.stop = context.AfterFunc(s.ctx, func() { _ = nc.Close() })
	s.raw = nc
	if err := s.secureAndLogIn(nc); err != nil {
		s.close()
		return err
	}
	return nil
}

func (s *sieveReading) close() {
	if s.raw != nil {
		s.stop()
		_ = s.raw.Close() // nothing is written that closing could lose
	}
	s.raw, s.conn = nil, nil
}

func (s *sieveReading) dial() (net.Conn, error) {
	ctx, cancel := context.WithTimeout(s.ctx, sieveDial)
	defer cancel()
	nc, err := s.r.c.cfg.Dial(ctx, "tcp", s.place.addr)
	if err == nil {
		return nc, nil
	}
	why := s.place.addr + " cannot be reached: " + err.Error()
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		why = "nothing listens at " + s.place.addr + " (connection refused)"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		why = fmt.Sprintf("no answer from %s within %v", s.place.addr, sieveDial)
	}
	if !s.mustBeThere() {
		return nil, &errNoSieve{visible.Line(why)}
	}
	return nil, &sieveError{"connecting to " + s.place.addr, errors.New(visible.Line(why))}
}

// mustBeThere says that somebody said that there is a ManageSieve server: whoever asked for the collection, the IMAP
// server, or this server itself, earlier.
func (s *sieveReading) mustBeThere() bool {
	return s.place.named || len(s.advertised()) > 0 || s.r.sink.Has(s.r.scope.Account, "sieve-session", "greeting")
}

// advertised lists the IMAP server's capabilities that speak of Sieve: IMAPSIEVE=<URL> (RFC 6785 section 3.2) and
// FILTER=SIEVE (draft-bosch-imap-filter-sieve). The URL is not followed: the login would go where a server says.
func (s *sieveReading) advertised() []string {
	var found []string
	for name := range s.r.link.caps {
		if name == "FILTER=SIEVE" || strings.HasPrefix(name, "IMAPSIEVE=") {
			found = append(found, name)
		}
	}
	return found
}

func (s *sieveReading) secureAndLogIn(nc net.Conn) error {
	fail := func(doing string, err error) error { return &sieveError{doing + " " + s.place.addr, err} }
	config := s.r.c.tlsConfigFor(s.place.serverName, "managesieve")
	encryption := tlsSession{
		resource: "sieve-tls", name: s.name, addr: s.place.addr, serverName: s.place.serverName, startTLS: !s.place.tls,
	}
	if s.place.tls {
		tc, err := s.handshake(nc, config)
		if err != nil {
			return fail("starting encryption with", err)
		}
		state := tc.ConnectionState()
		encryption.state, nc = &state, tc
	}
	conn := managesieve.New(nc, managesieve.Limits{}, s.timeout())
	answer, err := conn.Greeting()
	if err != nil {
		return fail("reading the greeting of", err)
	}
	if err := s.keepSession("greeting", "", answer); err != nil {
		return err
	}
	if !s.place.tls {
		if encryption.state, err = s.startTLS(conn, answer, config); err != nil {
			return fail("starting encryption with", err)
		}
		if encryption.state != nil {
			// What came in clear text could have been put there by someone on the way.
			if answer, err = conn.Capabilities(); err != nil {
				return fail("asking for the capabilities of", err)
			}
			if err := s.keepSession("after-tls", "CAPABILITY", answer); err != nil {
				return err
			}
		}
	}
	if err := s.r.keepTLS(encryption); err != nil {
		return err
	}
	if err := s.authenticate(conn, managesieve.ReadCapability(answer)); err != nil {
		return fail("logging in to", err)
	}
	if answer, err = conn.Capabilities(); err != nil {
		return fail("asking for the capabilities of", err)
	}
	s.conn = conn
	return s.keepSession("after-login", "CAPABILITY", answer)
}

func (s *sieveReading) timeout() time.Duration { return min(s.r.c.cfg.Timeout, s.place.progress) }

func (s *sieveReading) handshake(nc net.Conn, config *tls.Config) (*tls.Conn, error) {
	if err := nc.SetDeadline(time.Now().Add(s.timeout())); err != nil {
		return nil, err
	}
	tc := tls.Client(nc, config)
	return tc, tc.HandshakeContext(s.ctx)
}

// startTLS encrypts the connection. Where the server does not, it is an error unless clear text is allowed.
func (s *sieveReading) startTLS(conn *managesieve.Conn, greeting *managesieve.Answer, config *tls.Config) (*tls.ConnectionState, error) {
	plain := s.r.c.cfg.InsecurePlaintext
	if !managesieve.ReadCapability(greeting).Has("STARTTLS") {
		if plain {
			return nil, nil
		}
		return nil, ErrPlaintextRefused
	}
	state, err := conn.StartTLS(s.ctx, config)
	var no *managesieve.NoError
	switch {
	case err == nil:
		return &state, nil
	case errors.As(err, &no) && plain:
		return nil, nil
	case errors.As(err, &no):
		return nil, errors.Join(err, ErrPlaintextRefused)
	}
	return nil, err
}

// authenticate logs in with what logs in to IMAP.
func (s *sieveReading) authenticate(conn *managesieve.Conn, caps managesieve.Capability) error {
	cred, err := s.r.c.fresh(s.ctx, s.r.scope.Account)
	if err != nil {
		return err
	}
	client, err := s.mechanism(caps, cred)
	if err != nil {
		return err
	}
	err = conn.Authenticate(client)
	var (
		no  *managesieve.NoError
		bye *managesieve.ByeError
	)
	switch {
	case errors.As(err, &no):
		refusal := &managesieve.NoError{Status: hideInStatus(no.Status, cred)}
		if bearer, ok := client.(*bearerExchange); ok && bearer.detail != "" {
			return fmt.Errorf("%w (%s)", refusal, visible.Cut(hide(bearer.detail, cred), 500))
		}
		return referred(refusal, refusal.Status)
	case errors.As(err, &bye):
		goodbye := &managesieve.ByeError{Status: hideInStatus(bye.Status, cred)}
		return referred(goodbye, goodbye.Status)
	}
	return err
}

// referred says of a referral to another server that it is not followed.
func referred(err error, status managesieve.Status) error {
	if status.Code != "REFERRAL" {
		return err
	}
	return fmt.Errorf("%w; the referral is not followed", err)
}

func hideInStatus(s managesieve.Status, cred credentials) managesieve.Status {
	s.Code, s.Text = hide(s.Code, cred), hide(s.Text, cred)
	args := make([]string, len(s.Args))
	for i, arg := range s.Args {
		args[i] = hide(arg, cred)
	}
	s.Args = args
	return s
}

// mechanism returns the best way that the server offers for what we have.
func (s *sieveReading) mechanism(caps managesieve.Capability, cred credentials) (sasl.Client, error) {
	switch {
	case s.r.c.byToken():
		client, err := bearerClient(s.place.addr, caps.Mechanism, cred)
		return &bearerExchange{Client: client}, err
	case caps.Mechanism("PLAIN"):
		return sasl.NewPlainClient(cred.authzid, cred.user, cred.secret.Reveal()), nil
	case caps.Mechanism("LOGIN") && cred.authzid == "":
		return &loginExchange{cred: cred}, nil
	}
	return nil, fmt.Errorf("%w: its mechanisms are \"%s\"", ErrNoMechanism, visible.Cut(caps["SASL"], 200))
}

// A bearerExchange answers the challenge in which a server says why it refuses a token (RFC 7628 section 3.2.3).
type bearerExchange struct {
	sasl.Client
	mechanism, detail string
}

// Start implements sasl.Client.
func (b *bearerExchange) Start() (mechanism string, initial []byte, err error) {
	b.mechanism, initial, err = b.Client.Start()
	return b.mechanism, initial, err
}

// Next implements sasl.Client.
func (b *bearerExchange) Next(challenge []byte) ([]byte, error) {
	b.detail = bearerDetail(base64.StdEncoding.EncodeToString(challenge))
	if b.mechanism == "OAUTHBEARER" {
		return []byte{1}, nil
	}
	return nil, nil
}

// A loginExchange is the mechanism LOGIN, whatever the words in which the server asks for name and password.
type loginExchange struct {
	cred credentials
	step int
}

// Start implements sasl.Client.
func (l *loginExchange) Start() (mechanism string, initial []byte, err error) {
	return "LOGIN", nil, nil
}

// Next implements sasl.Client.
func (l *loginExchange) Next([]byte) ([]byte, error) {
	l.step++
	switch l.step {
	case 1:
		return []byte(l.cred.user), nil
	case 2:
		return []byte(l.cred.secret.Reveal()), nil
	}
	return nil, sasl.ErrUnexpectedServerChallenge
}
