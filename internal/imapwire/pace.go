package imapwire

import (
	"errors"
	"fmt"
	"net"
	"time"
)

// A Pace says how slow a server may be. There is no deadline on the whole: a message of any size over any link that
// keeps the pace is read to its end.
type Pace struct {
	// Window is the longest that a write may take, and how long the server may keep us waiting, in silence or drop by
	// drop, before Floor bytes have come or a response is complete; none if 0. Time in which nobody waits for the
	// server (a slow disk, say) does not count.
	Window time.Duration

	// Floor is how many bytes a Window brings at the least; default 1 KiB for each 30 seconds of it.
	Floor int64

	// Patience is how long the server may keep us waiting with complete responses that bring less than Floor for each
	// Window of it and nothing that was asked for ("* OK still here"); default 15 windows.
	Patience time.Duration
}

func (p Pace) withDefaults() Pace {
	if p.Floor == 0 {
		p.Floor = max(1, int64(1024*p.Window/(30*time.Second)))
	}
	if p.Patience == 0 {
		p.Patience = 15 * p.Window
	}
	return p
}

// A SlowError says that a server sent something, and so little that it would never end. It is a time-out.
type SlowError struct {
	Bytes  int64 // that came
	Waited time.Duration
}

func (e *SlowError) Error() string {
	return fmt.Sprintf("the server sent only %d bytes in %v", e.Bytes, e.Waited.Round(time.Millisecond))
}

// Timeout says that this is a time-out, as net.Error wants it.
func (*SlowError) Timeout() bool { return true }

// Temporary says what net.Error wants to know and nobody asks.
func (*SlowError) Temporary() bool { return true }

// WithPace returns nc, of which every read and write is held to a pace.
func WithPace(nc net.Conn, pace Pace) net.Conn {
	if pace.Window <= 0 {
		return nc
	}
	return &pacedConn{Conn: nc, pace: pace.withDefaults()}
}

// A pacer hears what a connection has brought.
type pacer interface {
	responded() // a response is complete
	wanted()    // one that was asked for
}

// A tally is what came in the time that was spent waiting for it.
type tally struct {
	waited time.Duration
	bytes  int64
}

type pacedConn struct {
	net.Conn
	pace Pace

	window   tally // since Floor bytes came or a response was complete
	patience tally // since as many windows brought Floor each, or something came that was asked for
}

func (c *pacedConn) Read(p []byte) (int, error) {
	left := min(c.pace.Window-c.window.waited, c.pace.Patience-c.patience.waited)
	if left <= 0 {
		return 0, c.tooSlow()
	}
	start := time.Now()
	if err := c.SetReadDeadline(start.Add(left)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p)
	c.count(int64(n), time.Since(start))
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() && !c.silent() {
		return n, c.tooSlow()
	}
	return n, err
}

// count adds to both tallies what a read brought. Silence before the first byte is the server's time to think; what it
// then begins to say has a window of its own.
func (c *pacedConn) count(n int64, waited time.Duration) {
	if c.window.bytes == 0 && n > 0 {
		c.window.waited = 0
	} else {
		c.window.waited += waited
	}
	c.window.bytes += n
	if c.window.bytes >= c.pace.Floor {
		c.window = tally{}
	}
	c.patience.waited += waited
	c.patience.bytes += n
	if float64(c.patience.bytes) >= float64(c.pace.Floor)*float64(c.pace.Patience)/float64(c.pace.Window) {
		c.patience = tally{}
	}
}

func (c *pacedConn) silent() bool { return c.window.waited >= c.pace.Window && c.window.bytes == 0 }

func (c *pacedConn) tooSlow() error {
	if c.window.waited >= c.pace.Window {
		return &SlowError{Bytes: c.window.bytes, Waited: c.window.waited}
	}
	return &SlowError{Bytes: c.patience.bytes, Waited: c.patience.waited}
}

func (c *pacedConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.pace.Window)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

func (c *pacedConn) responded() { c.window = tally{} }

func (c *pacedConn) wanted() { c.window, c.patience = tally{}, tally{} }
