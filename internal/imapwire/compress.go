package imapwire

import (
	"bytes"
	"io"
	"net"

	"github.com/klauspost/compress/flate"
)

// Compress asks the server to compress what both sides send from now on (RFC 4978) and, if it agrees, goes on so. It
// must not be called while answers are outstanding. An answer that is not OK comes back without an error, and nothing has
// changed.
func (c *Conn) Compress() (*Answer, error) {
	answer, err := c.Do(NewCommand("COMPRESS").Atom("DEFLATE"))
	if err != nil || !answer.OK() {
		return answer, err
	}
	// What the reader holds already is compressed.
	early, err := c.r.take()
	if err != nil {
		return answer, err
	}
	out, err := flate.NewWriter(c.nc, flate.DefaultCompression)
	if err != nil {
		return answer, err
	}
	c.nc = &deflated{Conn: c.nc, in: flate.NewReader(io.MultiReader(bytes.NewReader(early), c.nc)), out: out}
	c.r = NewReader(c.nc, c.lim)
	return answer, nil
}

// take empties the reader's buffer.
func (r *Reader) take() ([]byte, error) {
	early := make([]byte, r.br.Buffered())
	_, err := io.ReadFull(r.br, early)
	return early, err
}

// deflated is a connection whose both directions are compressed.
type deflated struct {
	net.Conn
	in  io.Reader
	out *flate.Writer
}

// Read gives what the server sent, expanded. A stream of a few bytes can expand to gigabytes: the reader above bounds what
// it holds of that, and what it keeps nothing of passes through.
func (c *deflated) Read(p []byte) (int, error) { return c.in.Read(p) }

// Write sends a command at once: without the flush it would wait for more.
func (c *deflated) Write(p []byte) (int, error) {
	n, err := c.out.Write(p)
	if err != nil {
		return n, err
	}
	return n, c.out.Flush()
}
