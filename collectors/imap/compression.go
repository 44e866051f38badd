package imap

import (
	"net"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
)

// When compression helps, measured on a Dovecot of two cores. It compresses whole messages at some 27 MB/s and headers
// faster; messages shrink by a quarter, since most of their bytes are base64, headers to a fifth. So whole messages gain
// only on a line that is slower than the server compresses by far, headers on any line that is not a local network.
const (
	slowForRaw      = 16 << 20 // bytes a second
	slowForMetadata = 30 << 20 // bytes a second

	// A line is judged by so much. Until it is, commands are small: compression begins when none is under way.
	paceBytes = 256 << 10
	paceTime  = 200 * time.Millisecond
	paceChunk = 250
)

// A gauge counts what comes over a connection and how long that is waited for. It belongs to the goroutine that reads.
type gauge struct {
	net.Conn
	bytes  int64
	waited time.Duration
}

// Read implements net.Conn.
func (g *gauge) Read(p []byte) (int, error) {
	start := time.Now()
	n, err := g.Conn.Read(p)
	g.bytes += int64(n)
	g.waited += time.Since(start)
	return n, err
}

// A mark is the state of a gauge when messages began to be read.
type mark struct {
	at     time.Time
	bytes  int64
	waited time.Duration
}

func (g *gauge) mark() mark { return mark{time.Now(), g.bytes, g.waited} }

// judge says what the line was like since then; known is false as long as there is not enough to tell by.
func (g *gauge) judge(since mark) (rate float64, waiting, known bool) {
	took, came := time.Since(since.at), g.bytes-since.bytes
	if took < paceTime || came < paceBytes {
		return 0, false, false
	}
	return float64(came) / took.Seconds(), g.waited-since.waited > took/2, true
}

// judgeLine finds out, once a connection, whether compression pays: whether the line is what messages are waited for, and
// is slower than the server compresses.
func (r *run) judgeLine() {
	l := r.link
	if l.judged {
		return
	}
	if r.c.cfg.NoCompression || !l.caps.has("COMPRESS=DEFLATE") {
		l.judged = true
		return
	}
	rate, waiting, known := l.gauge.judge(l.began)
	if !known {
		return
	}
	limit := slowForMetadata
	if r.scope.Messages == collectors.MessagesRaw {
		limit = slowForRaw
	}
	l.judged, l.compressNext = true, waiting && rate < float64(limit)
}

// chunk is how many messages a command asks for at the most.
func (r *run) chunk() int {
	if r.link.judged {
		return r.c.cfg.Chunk
	}
	return min(r.c.cfg.Chunk, paceChunk)
}

// compress switches compression on. A server that refuses after offering it is left at that: the messages come all the
// same.
func (r *run) compress() error {
	r.link.compressNext = false // asked once, whatever the answer
	_, err := r.link.conn.Compress()
	return lost(r.ctx, err)
}
