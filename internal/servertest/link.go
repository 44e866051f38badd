package servertest

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A LinkSpec describes the line between a client and a server.
type LinkSpec struct {
	RoundTrip time.Duration
	Rate      int // bytes a second in each direction, shared by all connections; 0 for no limit
	Window    int // bytes under way on one connection in each direction; 0 for a megabyte
}

// A Link is a line of limited speed and some length to a server on this machine: a proxy on the loopback interface.
type Link struct {
	Port int
	Spec LinkSpec

	down, up atomic.Int64
	toClient shared
	toServer shared
}

// Down is how many bytes have come from the server so far, over all connections.
func (l *Link) Down() int64 { return l.down.Load() }

// Up is how many bytes have gone to the server.
func (l *Link) Up() int64 { return l.up.Load() }

// Limit is the time that the line needs for so many bytes in one direction.
func (l *Link) Limit(size int64) time.Duration {
	return time.Duration(float64(size) / float64(l.Spec.Rate) * float64(time.Second))
}

// NewLink opens a line to address. It is closed when the test ends.
func NewLink(t testing.TB, address string, spec LinkSpec) *Link {
	t.Helper()
	if spec.Window == 0 {
		spec.Window = 1 << 20
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &Link{Port: listener.Addr().(*net.TCPAddr).Port, Spec: spec}
	l.toClient.rate, l.toServer.rate = spec.Rate, spec.Rate
	ctx, cancel := context.WithCancel(context.Background())
	var open sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		_ = listener.Close()
		open.Wait()
	})
	open.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			open.Go(func() { l.serve(ctx, client, address) })
		}
	})
	return l
}

func (l *Link) serve(ctx context.Context, client net.Conn, address string) {
	server, err := net.Dial("tcp", address)
	if err != nil {
		_ = client.Close()
		return
	}
	stop := context.AfterFunc(ctx, func() { _, _ = client.Close(), server.Close() })
	defer stop()
	var both sync.WaitGroup
	both.Go(func() { l.carry(server, client, &l.toServer, &l.up) })
	both.Go(func() { l.carry(client, server, &l.toClient, &l.down) })
	both.Wait()
}

// A packet is what arrives together.
type packet struct {
	bytes []byte
	at    time.Time
}

// carry takes packets from one end and hands each out at the other when it has come through. When one end closes, so
// does the other, after what is under way.
func (l *Link) carry(to, from net.Conn, line *shared, count *atomic.Int64) {
	const size = 8 << 10
	under := make(chan packet, max(l.Spec.Window/size, 1))
	go func() {
		defer close(under)
		for {
			buf := make([]byte, size)
			n, err := from.Read(buf)
			if n > 0 {
				count.Add(int64(n))
				under <- packet{buf[:n], line.take(n).Add(l.Spec.RoundTrip / 2)}
			}
			if err != nil {
				return
			}
		}
	}()
	var failed error
	for p := range under {
		time.Sleep(time.Until(p.at))
		if failed == nil {
			_, failed = to.Write(p.bytes)
		}
		if failed != nil {
			_ = from.Close() // ends the reader above
		}
	}
	if half, ok := to.(interface{ CloseWrite() error }); ok && failed == nil {
		_ = half.CloseWrite()
		return
	}
	_ = to.Close()
}

// shared is the line's capacity in one direction.
type shared struct {
	rate int
	mu   sync.Mutex
	free time.Time // when the last packet is on the line
}

// take puts n bytes on the line and says when the last of them is.
func (s *shared) take(n int) time.Time {
	now := time.Now()
	if s.rate == 0 {
		return now
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.free.Before(now) {
		s.free = now
	}
	s.free = s.free.Add(time.Duration(n) * time.Second / time.Duration(s.rate))
	return s.free
}
