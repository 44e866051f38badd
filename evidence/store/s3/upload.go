package s3

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/mbaudit/mbaudit/evidence/store"
)

// A source hands out the body of an object once for each attempt to send it.
type source struct {
	body  io.Reader
	again func() (io.Reader, error) // nil when body can be read only once
}

func newSource(body io.Reader) source {
	src := source{body: body}
	seeker, ok := body.(io.Seeker)
	if !ok {
		return src
	}
	start, err := seeker.Seek(0, io.SeekCurrent)
	if err != nil {
		return src // a pipe behind an *os.File, say: it is read once
	}
	src.again = func() (io.Reader, error) {
		_, err := seeker.Seek(start, io.SeekStart)
		return body, err
	}
	return src
}

// A bodyError says that reading what was to be sent failed, not the sending.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return "reading the body: " + e.err.Error() }
func (e *bodyError) Unwrap() error { return e.err }

// errEnded is what a transport gets that goes on reading an attempt that is over.
var errEnded = errors.New("this attempt to send the body is over")

// An attempt is the body for one request. net/http may go on reading a request's body after it has returned; from
// end on, an attempt touches the body no more, so that the next one, or the caller, has it alone.
type attempt struct {
	ctx   context.Context
	mu    sync.Mutex
	src   io.Reader
	err   error // the first error of the body itself
	ended bool

	stall time.Duration
	timer *time.Timer // runs while the connection takes nothing
}

// newAttempt calls stalled when nothing was read for the time of stall. Once ctx is done, the body breaks off, so that
// the service cannot have it whole. It reads the first byte at once: the library would not look at the body of an object
// that is to be empty, nor a service at that of one that is to be longer and is.
func newAttempt(ctx context.Context, body io.Reader, size int64, stall time.Duration, stalled func()) (*attempt, error) {
	sized := store.Sized(body, size)
	first := make([]byte, 1)
	n, err := io.ReadFull(sized, first)
	if err != nil && err != io.EOF {
		return nil, err
	}
	src := io.MultiReader(bytes.NewReader(first[:n]), sized)
	return &attempt{ctx: ctx, src: src, stall: stall, timer: time.AfterFunc(stall, stalled)}, nil
}

func (a *attempt) Read(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended {
		return 0, errEnded
	}
	if err := a.ctx.Err(); err != nil {
		return 0, err
	}
	a.timer.Stop()
	n, err := a.src.Read(p)
	switch {
	case err == io.EOF: // from here on the transport waits for the answer, and its own limit counts
	case err != nil:
		if a.err == nil {
			a.err = err
		}
	default:
		a.timer.Reset(a.stall)
	}
	return n, err
}

// end stops the attempt and returns what was wrong with the body, if anything.
func (a *attempt) end() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended = true
	a.timer.Stop()
	return a.err
}
