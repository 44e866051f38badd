package imapwire

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// drip writes a text in pieces, one in each interval, until nobody reads any more.
func drip(nc net.Conn, text string, size int, interval time.Duration) {
	for len(text) > 0 {
		n := min(size, len(text))
		if _, err := io.WriteString(nc, text[:n]); err != nil {
			return
		}
		text = text[n:]
		time.Sleep(interval)
	}
}

// TestPace has a server that is slow in every way, by the bubble's clock.
func TestPace(t *testing.T) {
	pace := Pace{Window: 2 * time.Minute} // wants 4 KiB in it
	literal := func(n int) string {
		return fmt.Sprintf("* 1 FETCH (UID 1 BODY[] {%d}\r\n%s)\r\n", n, strings.Repeat("x", n))
	}
	for name, test := range map[string]struct {
		text     string
		size     int
		interval time.Duration
		wanted   bool
		end      any // of the reading: a type of error, io.EOF where all was read
	}{
		"a drip in a line":                   {"* OK " + strings.Repeat("x", 10_000), 1, time.Minute, false, new(*SlowError)},
		"a drip in a message":                {literal(10_000), 40, 3 * time.Second, true, new(*SlowError)},
		"a drip of lines":                    {strings.Repeat("* OK still here\r\n", 10_000), 17, time.Minute, false, new(*SlowError)},
		"silence":                            {"", 0, 0, false, new(net.Error)},
		"a large message, slow and steady":   {literal(4 << 20), 100, 2 * time.Second, true, nil},
		"small messages, one in a minute":    {strings.Repeat(literal(100), 300), 136, time.Minute, true, nil},
		"a search that takes twenty minutes": {strings.Repeat("* OK Searched 5%\r\n", 20), 19, time.Minute, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := net.Pipe()
				var dripping sync.WaitGroup
				defer dripping.Wait()
				defer server.Close()
				defer client.Close()
				dripping.Go(func() {
					drip(server, test.text, test.size, test.interval)
					if test.end == nil {
						_ = server.Close()
					}
				})
				conn := New(WithPace(client, pace), Limits{})
				var err error
				read := int64(0)
				for err == nil {
					var resp *Response
					if resp, err = conn.Next(); err != nil {
						break
					}
					if resp.Body != nil {
						_, err = io.Copy(io.Discard, resp.Body)
					}
					read += int64(len(resp.Raw))
					if test.wanted {
						conn.Wanted()
					}
				}
				switch end := test.end.(type) {
				case nil:
					if !errors.Is(err, io.ErrUnexpectedEOF) || read == 0 {
						t.Errorf("ended with %v after %d bytes, want all of it read", err, read)
					}
				default:
					var timeout net.Error
					if !errors.As(err, end) || !errors.As(err, &timeout) || !timeout.Timeout() {
						t.Errorf("error is %v, want a %T that is a time-out", err, end)
					}
				}
			})
		})
	}
}

// TestPaceIsOfTheServer has a reader that takes an hour after each piece: the server is not to blame.
func TestPaceIsOfTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer client.Close()
		go func() {
			_, _ = io.WriteString(server, strings.Repeat("x", 100))
			_ = server.Close()
		}()
		nc := WithPace(client, Pace{Window: time.Minute})
		buf := make([]byte, 10)
		for n := range 10 {
			if _, err := io.ReadFull(nc, buf); err != nil {
				t.Fatalf("piece %d: %v", n, err)
			}
			time.Sleep(time.Hour)
		}
	})
}

// TestPaceBelowTLS makes sure that an encrypted connection hears when a response is complete.
func TestPaceBelowTLS(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	if conn := New(tls.Client(WithPace(client, Pace{Window: time.Minute}), &tls.Config{ServerName: "x"}), Limits{}); conn.pace == nil {
		t.Error("the pace is not known above TLS")
	}
}

// TestResponsesOfOneCharacter reads a large response, made of what is worst to look at. A reader
// that looks at each character more than a few times does not come to an end.
func TestResponsesOfOneCharacter(t *testing.T) {
	for _, unit := range []string{"(", ")", "[", "[ ", "{", "{ ", `"`, `" `, "\\", "~", "{0}\r\n", "x{0}\r\n", "[{0}\r\n", "({0}\r\n"} {
		const size = 1 << 20 // what grows with the square shows at this size too
		line := append([]byte("* 1 FETCH (UID 1 "), bytes.Repeat([]byte(unit), size/len(unit))...)
		line = append(line, "\r\n"...)
		resp, err := NewReader(bytes.NewReader(line), Limits{Response: 8 << 20}).Next()
		if err != nil {
			t.Errorf("%q: %v", unit, err)
			continue
		}
		n := 0
		for name := range resp.Items() {
			if n++; n == 1 && string(name) != "UID" {
				t.Errorf("%q: the first item is %q", unit, name)
			}
		}
		for s := resp.Scan(); ; {
			v, ok := s.Next()
			if !ok {
				break
			}
			_ = v.Text()
		}
		_ = resp.Status()
	}
}

// TestShortResponsesAreNotFree has an answer of few bytes and very many responses.
func TestShortResponsesAreNotFree(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	go drip(server, strings.Repeat("* 1 EXISTS\r\n", 1_000_000), 1<<20, 0)
	go func() { _, _ = io.Copy(io.Discard, server) }()
	conn := New(client, Limits{})
	var limit *LimitError
	if _, err := conn.Do(NewCommand("NOOP")); !errors.As(err, &limit) || limit.What != "answer" {
		t.Errorf("error is %v, want a LimitError for the answer", err)
	}
}

// TestUnaskedResponsesHaveAnEnd reads responses that nobody asked for, as many as are allowed and one more.
func TestUnaskedResponsesHaveAnEnd(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	go drip(server, strings.Repeat("* 1 EXISTS\r\n", 12), 100, 0)
	conn := New(client, Limits{Idle: 10})
	for n := range 11 {
		_, err := conn.Next()
		var limit *LimitError
		if want := n == 10; errors.As(err, &limit) != want {
			t.Errorf("response %d: %v", n, err)
		}
	}
}
