package imap

import (
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/internal/managesieve"
)

// A fakeSieve is a scripted ManageSieve server. It speaks clear text and misbehaves as its hooks say. Its zero value with
// scripts behaves.
type fakeSieve struct {
	sasl     string // PLAIN if empty
	scripts  []fakeScript
	greeting string           // in place of the capabilities
	cert     *tls.Certificate // offers STARTTLS
	implicit bool             // with cert: encrypted from the first byte
	cut      int              // bytes after which each connection is closed; 0 for never

	// command, if it returns true, has answered the command itself. n is the number of the connection, from 1.
	command func(c *sieveConn, name string, args []string) bool

	mu       sync.Mutex
	conns    int
	commands []string // all that came
}

type fakeScript struct {
	name   string
	body   string
	active bool
}

type sieveConn struct {
	*fakeSieve
	nc    net.Conn
	lines *managesieve.Reader
	n     int
	left  int // bytes that may still be sent, -1 for any number
	tls   bool
}

func (c *sieveConn) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if c.left >= 0 {
		text = text[:min(len(text), c.left)]
		c.left -= len(text)
	}
	_, _ = c.nc.Write([]byte(text)) // a client that is gone is part of the tests
	if c.left == 0 {
		c.nc.Close()
	}
}

// start serves until the test ends and returns the configuration of a collector for imapServer and this one.
func (f *fakeSieve) start(t *testing.T, imapServer *fake) Config {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var open sync.Map
	wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			open.Store(nc, true)
			f.mu.Lock()
			f.conns++
			c := &sieveConn{fakeSieve: f, nc: nc, n: f.conns, left: f.cut, lines: managesieve.NewReader(nc, managesieve.Limits{})}
			f.mu.Unlock()
			if f.cut == 0 {
				c.left = -1
			}
			wg.Go(func() {
				defer nc.Close()
				if f.implicit {
					c.encrypt()
				}
				c.serve()
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		open.Range(func(nc, _ any) bool { return nc.(net.Conn).Close() == nil || true })
		wg.Wait()
	})
	cfg := imapServer.start(t)
	cfg.Sieve = "sieve://" + l.Addr().String()
	return cfg
}

func (c *sieveConn) serve() {
	if c.greeting != "" {
		c.say("%s", c.greeting)
	} else {
		c.capabilities()
	}
	for {
		line, err := c.lines.Next()
		if err != nil || len(line.Tokens) == 0 {
			return
		}
		var words []string
		for _, token := range line.Tokens {
			words = append(words, string(token.Text))
		}
		c.mu.Lock()
		c.commands = append(c.commands, strings.Join(words, " "))
		c.mu.Unlock()
		if c.command != nil && c.command(c, words[0], words[1:]) {
			continue
		}
		if !c.handle(words[0], words[1:]) {
			return
		}
	}
}

func (c *sieveConn) encrypt() {
	c.nc, c.tls = tls.Server(c.nc, &tls.Config{Certificates: []tls.Certificate{*c.cert}}), true
	c.lines = managesieve.NewReader(c.nc, managesieve.Limits{})
}

func (c *sieveConn) capabilities() {
	mechanisms := c.sasl
	if mechanisms == "" {
		mechanisms = "PLAIN"
	}
	c.say("\"IMPLEMENTATION\" \"fake\"\r\n\"SIEVE\" \"fileinto\"\r\n\"SASL\" \"%s\"\r\n", mechanisms)
	if c.cert != nil && !c.tls {
		c.say("\"STARTTLS\"\r\n")
	}
	c.say("\"VERSION\" \"1.0\"\r\nOK\r\n")
}

func (c *sieveConn) handle(name string, args []string) bool {
	switch name {
	case "CAPABILITY":
		c.capabilities()
	case "NOOP", "AUTHENTICATE":
		c.say("OK \"done\"\r\n")
	case "STARTTLS":
		c.say("OK\r\n")
		c.encrypt()
		c.capabilities()
	case "LISTSCRIPTS":
		for _, s := range c.scripts {
			active := ""
			if s.active {
				active = " ACTIVE"
			}
			c.say("{%d}\r\n%s%s\r\n", len(s.name), s.name, active)
		}
		c.say("OK\r\n")
	case "GETSCRIPT":
		i := slices.IndexFunc(c.scripts, func(s fakeScript) bool { return s.name == args[0] })
		if i < 0 {
			c.say("NO (NONEXISTENT) \"no such script\"\r\n")
			return true
		}
		c.say("{%d}\r\n%s\r\nOK\r\n", len(c.scripts[i].body), c.scripts[i].body)
	case "LOGOUT":
		c.say("OK\r\n")
		return false
	default:
		c.say("NO \"unknown command\"\r\n")
	}
	return true
}

func (f *fakeSieve) sent() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.commands)
}

// three scripts, one of them active.
func threeScripts() []fakeScript {
	return []fakeScript{{"first", "keep;\r\n", false}, {"second", "redirect \"x@evil.example\";\r\ndiscard;\r\n", true}, {"third", "", false}}
}

// collectSieve collects an account without messages and checks that nothing was lost silently and nothing is wrong.
func collectSieve(t *testing.T, c *Collector) *collectortest.Sink {
	t.Helper()
	sink := &collectortest.Sink{}
	scope := collectors.Scope{Account: "alice@example.test", Messages: collectors.MessagesNone}
	if err := c.Collect(t.Context(), scope, sink); err != nil {
		t.Fatal(err)
	}
	collectortest.CheckSink(t, sink)
	if len(sink.Resource("list")) != 1 {
		t.Error("the rest of the account was not read")
	}
	return sink
}

// checkKept wants exactly these scripts, byte for byte.
func checkKept(t *testing.T, sink *collectortest.Sink, want ...fakeScript) {
	t.Helper()
	bodies := map[string]string{}
	for _, s := range want {
		bodies[scriptLabel(s.name)] = s.body
	}
	for _, k := range sink.Resource("sieve") {
		body, ok := bodies[k.Item]
		if !ok || body != string(k.Body) {
			t.Errorf("%q is kept as %q, want %q (%v)", k.Item, k.Body, body, ok)
		}
		delete(bodies, k.Item)
	}
	if len(bodies) > 0 {
		t.Errorf("not kept: %q; the gaps are %+v", bodies, sink.Gaps())
	}
}
