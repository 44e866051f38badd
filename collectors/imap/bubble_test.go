package imap

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"sync"

	"github.com/mbaudit/mbaudit/internal/secret"
)

// A memNet connects a collector to a fake without a network, for tests in a synctest bubble: there the clock goes on
// when all wait, so that back-off and time-outs of hours take no time, and what hangs is found out.
type memNet struct {
	*fake

	// cut says after how many bytes of the server the nth connection breaks; negative for never.
	cut func(n int) int

	tls    func(n int) *tls.Config // of the server on the nth connection, nil for clear text
	refuse func(n int) error
	tap    *bytes.Buffer // gets what the first connection brings; may be nil

	dials   int
	wg      sync.WaitGroup
	written []int // bytes of the server by connection
}

// config returns the configuration of a collector for the fake, with the times of a real one. Close the network before
// the bubble ends.
func (m *memNet) config() Config {
	cfg := Config{URL: "imap://mail.example.test", InsecurePlaintext: true, Password: secret.New(fakePassword), Sieve: "none", Connections: 1, Dial: m.dial}
	if m.tls != nil {
		cfg.URL = "imaps://mail.example.test"
	}
	return cfg
}

func (m *memNet) dial(context.Context, string, string) (net.Conn, error) {
	m.dials++
	if m.refuse != nil {
		if err := m.refuse(m.dials); err != nil {
			return nil, err
		}
	}
	m.mu.Lock()
	m.conns++
	n := m.conns
	m.written = append(m.written, 0)
	m.mu.Unlock()
	client, server := net.Pipe()
	end := &serverEnd{Conn: server, in: make(chan []byte, 1000), left: -1, written: func(k int) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.written[n-1] += k
	}}
	if m.tap != nil && n == 1 {
		end.tap = m.tap
	}
	if m.cut != nil {
		end.left = m.cut(n)
	}
	m.wg.Go(end.pump)
	m.wg.Go(func() {
		defer end.Close()
		c := &fakeConn{fake: m.fake, nc: end, n: n}
		if m.tls != nil {
			tc := tls.Server(end, m.tls(n))
			if tc.Handshake() != nil {
				return
			}
			c.nc = tc
		}
		c.serve()
	})
	return client, nil
}

func (m *memNet) wait() { m.wg.Wait() }

// A serverEnd is the server's end of a connection: it takes what the client sends without making it wait, as a network
// does, and breaks after so many bytes.
type serverEnd struct {
	net.Conn
	in      chan []byte
	rest    []byte
	left    int // bytes until it breaks; negative for never
	written func(int)
	tap     *bytes.Buffer
}

func (e *serverEnd) pump() {
	defer close(e.in)
	for {
		buf := make([]byte, 2<<10)
		n, err := e.Conn.Read(buf)
		if n > 0 {
			e.in <- buf[:n]
		}
		if err != nil {
			return
		}
	}
}

func (e *serverEnd) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		next, ok := <-e.in
		if !ok {
			return 0, io.EOF
		}
		e.rest = next
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

func (e *serverEnd) Write(p []byte) (int, error) {
	whole := len(p)
	if e.left >= 0 && e.left < len(p) {
		p = p[:e.left]
	}
	n, err := e.Conn.Write(p)
	e.written(n)
	if e.tap != nil {
		e.tap.Write(p[:n])
	}
	if e.left >= 0 {
		e.left -= n
		if n < whole || e.left == 0 {
			_ = e.Conn.Close()
			return n, io.ErrClosedPipe
		}
	}
	return n, err
}
