package imap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/mbaudit/mbaudit/internal/imapwire"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// Kinds of errors that callers decide by. Each error that Collect returns is an *Error; errors.Is finds its kind, and
// errors.As what is below it (an x509.HostnameError, a *net.OpError, an *imapwire.ByeError, …).
var (
	ErrHostDown         = errors.New("the server cannot be reached")
	ErrNotIMAP          = errors.New("the server does not speak IMAP")
	ErrTLSName          = errors.New("the certificate is for another name")
	ErrTLSUntrusted     = errors.New("the certificate is not trusted")
	ErrTLSPin           = errors.New("the certificate is not the one that was pinned")
	ErrTLS              = errors.New("the encrypted session could not be set up")
	ErrPlaintextRefused = errors.New("the server offers no encryption, and a login in clear text is not allowed")
	ErrNoMechanism      = errors.New("the server offers no way to log in with what was given")

	ErrAuth            = errors.New("the server refused the login")
	ErrAuthExpired     = errors.New("the password or token has expired")               // [EXPIRED]; ErrAuth too
	ErrAuthUnavailable = errors.New("the server cannot check logins at the moment")    // [UNAVAILABLE], [INUSE], [LIMIT], [THROTTLED], …
	ErrAuthPrivacy     = errors.New("the server refuses to log in without encryption") // [PRIVACYREQUIRED]
	ErrNoFolder        = errors.New("there is no such folder")
	ErrLost            = errors.New("the connection was lost and could not be taken up again")
)

// errLoginUnanswered says that a password or token was sent and that the connection was lost before an answer came.
var errLoginUnanswered = errors.New("the login was not answered")

// An Error says what was being done for which account, and what stood in the way.
type Error struct {
	Account string
	Doing   string  // "logging in to mail.example.com:993"
	Kinds   []error // of the list above
	Err     error   // the cause, for a person to read
}

// Error returns a sentence like "alice@example.com: imap: logging in to mail.example.com:993: the server says:
// [AUTHENTICATIONFAILED] Authentication failed.", on one line and safe to show.
func (e *Error) Error() string {
	return fmt.Sprintf("%s: imap: %s: %s", visible.Text(e.Account), e.Doing, visible.Line(e.Err.Error()))
}

// Unwrap returns the kinds and the cause.
func (e *Error) Unwrap() []error { return append(append([]error(nil), e.Kinds...), e.Err) }

// serverSays is what a server answered, as an error.
type serverSays struct{ status imapwire.Status }

func (s serverSays) Error() string { return "the server says: " + visible.Text(s.status.String()) }

// lostError says that a connection broke and that another one may do better.
type lostError struct{ err error }

func (e *lostError) Error() string { return e.err.Error() }
func (e *lostError) Unwrap() error { return e.err }

func isLost(err error) bool {
	var lost *lostError
	return errors.As(err, &lost)
}

// lost turns an error of the connection into one that leads to another connection, unless the caller has had enough.
func lost(ctx context.Context, err error) error {
	var refused *imapwire.RefusedError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &refused), isLost(err):
		return err
	}
	return &lostError{err}
}

// lostAfter is the error of a connection that could not be taken up again after cause.
func lostAfter(err, cause error) error {
	if err.Error() == cause.Error() {
		return &lostError{err}
	}
	return &lostError{fmt.Errorf("%w (before that: %v)", err, cause)}
}

// tlsKinds sorts the errors of a handshake. One that was cut off may do better another time.
func tlsKinds(err error) []error {
	var (
		name     x509.HostnameError
		unknown  x509.UnknownAuthorityError
		invalid  x509.CertificateInvalidError
		verify   *tls.CertificateVerificationError
		notTLS   tls.RecordHeaderError
		sysRoots x509.SystemRootsError
	)
	switch {
	case errors.Is(err, ErrTLSPin):
		return []error{ErrTLSPin}
	case errors.As(err, &name):
		return []error{ErrTLSName}
	case errors.As(err, &unknown), errors.As(err, &invalid), errors.As(err, &sysRoots), errors.As(err, &verify):
		return []error{ErrTLSUntrusted}
	case errors.As(err, &notTLS):
		return []error{ErrTLS, ErrNotIMAP}
	case broken(err):
		return []error{ErrTLS, ErrHostDown}
	}
	return []error{ErrTLS}
}

// broken says whether the connection ended or stalled, rather than that the other side said something wrong.
func broken(err error) bool {
	var network *net.OpError
	var timeout net.Error
	var alert tls.AlertError
	switch {
	case errors.As(err, &alert): // inside a net.OpError
		return false
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded), errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrClosedPipe):
		return true
	}
	return errors.As(err, &network) && (network.Op == "read" || network.Op == "write")
}

// authKinds sorts the answers to a login by their response code (RFC 5530 section 3).
func authKinds(s imapwire.Status) []error {
	if _, busy := busyStatus(s); busy {
		return []error{ErrAuthUnavailable}
	}
	switch s.CodeName() {
	case "SERVERBUG", "CONTACTADMIN": // waiting does not mend these
		return []error{ErrAuthUnavailable}
	case "EXPIRED":
		return []error{ErrAuthExpired, ErrAuth}
	case "PRIVACYREQUIRED":
		return []error{ErrAuthPrivacy, ErrPlaintextRefused}
	}
	return []error{ErrAuth}
}

// closeNames returns those of names that someone who wrote want may have meant, the likeliest first, at most five.
func closeNames(want string, names []string) []string {
	type scored struct {
		name  string
		score int
	}
	var found []scored
	w := strings.ToLower(want)
	for _, name := range names {
		n := strings.ToLower(name)
		d := distance(w, n)
		switch {
		case n == w:
			d = 0
		case strings.HasSuffix(n, "/"+w), strings.HasSuffix(n, "."+w):
			d = 1
		case d > 1+len([]rune(w))/3 && !strings.Contains(n, w):
			continue
		}
		found = append(found, scored{name, d})
	}
	slices.SortStableFunc(found, func(a, b scored) int { return a.score - b.score })
	var out []string
	for _, f := range found[:min(len(found), 5)] {
		out = append(out, f.name)
	}
	return out
}

// distance is the Levenshtein distance of two short strings.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 200 || len(y) > 200 {
		return 1000
	}
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(x); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+cost)
		}
	}
	return row[len(y)]
}
