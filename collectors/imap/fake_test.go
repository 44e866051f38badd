package imap

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/internal/imapwire"
	"github.com/mbaudit/mbaudit/internal/secret"
)

const fakePassword = "s3cret pass"

// A fake is a scripted server with one account of one or more folders. It speaks clear text and misbehaves as its
// hooks say. Its zero value with folders behaves.
type fake struct {
	caps     string // besides IMAP4rev1
	folders  []*fakeFolder
	greeting string

	// hello, if it returns true, has greeted itself.
	hello func(c *fakeConn) bool

	// login answers LOGIN and AUTHENTICATE; empty means OK.
	login string

	// command, if it returns true, has answered the command itself. n is the number of the connection, from 1.
	command func(c *fakeConn, tag, name, args string) bool

	// message, if it returns true, has answered for this message itself, or left it unanswered. alone says that no
	// other message was asked for.
	message func(c *fakeConn, uid uint32, alone bool) bool

	// tagged is the reply to a fetch; empty means OK.
	tagged func(set string) string

	serial turn // held while a command is answered, and for what tests do to folders meanwhile

	mu       sync.Mutex
	conns    int
	commands []string // all that came, without tags
}

// A turn is a mutex whose waiting a synctest bubble understands: its clock goes on meanwhile.
type turn struct {
	once sync.Once
	ch   chan struct{}
}

func (u *turn) Lock() {
	u.once.Do(func() { u.ch = make(chan struct{}, 1) })
	u.ch <- struct{}{}
}

func (u *turn) Unlock() { <-u.ch }

type fakeFolder struct {
	name        string // as on the wire, quoted by the server
	uidValidity uint32
	uidNext     uint32
	messages    map[uint32]string
}

func (f *fakeFolder) uids() []uint32 {
	var uids []uint32
	for uid := range f.messages {
		uids = append(uids, uid)
	}
	slices.Sort(uids)
	return uids
}

// inbox makes a folder with n messages with the UIDs 1 to n.
func inbox(n int) *fakeFolder {
	f := &fakeFolder{name: "INBOX", uidValidity: 77, uidNext: uint32(n + 1), messages: map[uint32]string{}}
	for uid := 1; uid <= n; uid++ {
		f.messages[uint32(uid)] = fmt.Sprintf("Subject: message %d\r\n\r\nbody of %d\r\n", uid, uid)
	}
	return f
}

type fakeConn struct {
	*fake
	nc     net.Conn
	n      int
	folder *fakeFolder
	lines  *bufio.Reader
	items  string // that the fetch under way asks for
}

func (c *fakeConn) say(format string, args ...any) {
	_, _ = fmt.Fprintf(c.nc, format, args...) // a client that is gone is part of the tests
}

// answer is the regular answer for one message.
func (c *fakeConn) answer(uid uint32) {
	whole := c.folder.messages[uid]
	item, body := "BODY[]", whole
	if strings.Contains(c.items, "BODY.PEEK[HEADER]") {
		item, body = "BODY[HEADER]", header(whole)
	}
	c.say("* %d FETCH (UID %d FLAGS (\\Seen) INTERNALDATE \"17-Jul-2026 02:44:25 +0000\" RFC822.SIZE %d %s {%d}\r\n%s)\r\n",
		c.seq(uid), uid, len(whole), item, len(body), body)
}

// header is a message up to and with the empty line.
func header(message string) string {
	head, _, found := strings.Cut(message, "\r\n\r\n")
	if found {
		head += "\r\n\r\n"
	}
	return head
}

func (c *fakeConn) seq(uid uint32) int { return slices.Index(c.folder.uids(), uid) + 1 }

// start serves until the test ends and returns the configuration of a collector for it.
func (f *fake) start(t testing.TB) Config {
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
			c := &fakeConn{fake: f, nc: nc, n: f.conns}
			f.mu.Unlock()
			wg.Go(func() {
				defer nc.Close()
				c.serve()
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		open.Range(func(nc, _ any) bool { return nc.(net.Conn).Close() == nil || true })
		wg.Wait()
	})
	return Config{
		URL: "imap://" + l.Addr().String(), InsecurePlaintext: true, Password: secret.New(fakePassword),
		Timeout: 10 * time.Second, Backoff: time.Millisecond, Retries: 3, TempDir: t.TempDir(), Connections: 1,
	}
}

func (c *fakeConn) serve() {
	switch {
	case c.hello != nil && c.hello(c):
	case c.greeting != "":
		c.say("%s", c.greeting)
	default:
		c.say("* OK ready\r\n")
	}
	c.lines = bufio.NewReader(c.nc)
	for {
		line, err := c.lines.ReadString('\n')
		if err != nil {
			return
		}
		tag, rest, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		name, args, _ := strings.Cut(rest, " ")
		if name == "UID" {
			second, more, _ := strings.Cut(args, " ")
			name, args = "UID "+second, more
		}
		c.mu.Lock()
		c.commands = append(c.commands, rest)
		c.mu.Unlock()
		if !c.react(tag, name, args) {
			return
		}
	}
}

func (c *fakeConn) react(tag, name, args string) bool {
	c.serial.Lock()
	defer c.serial.Unlock()
	return c.command != nil && c.command(c, tag, name, args) || c.handle(tag, name, args)
}

func (c *fakeConn) handle(tag, name, args string) bool {
	switch name {
	case "CAPABILITY":
		c.say("* CAPABILITY IMAP4rev1 %s\r\n%s OK done\r\n", c.caps, tag)
	case "LOGIN", "AUTHENTICATE":
		if c.login != "" {
			c.say("%s %s\r\n", tag, c.login)
			return true
		}
		c.say("%s OK logged in\r\n", tag)
	case "LIST":
		for _, f := range c.folders {
			c.say("* LIST (\\HasNoChildren) \"/\" %s\r\n", f.name)
		}
		c.say("%s OK done\r\n", tag)
	case "LSUB", "STATUS":
		c.say("%s OK done\r\n", tag)
	case "EXAMINE":
		i := slices.IndexFunc(c.folders, func(f *fakeFolder) bool { return strings.Trim(f.name, `"`) == strings.Trim(args, `"`) })
		if i < 0 {
			c.say("%s NO [NONEXISTENT] no such folder\r\n", tag)
			return true
		}
		c.folder = c.folders[i]
		c.say("* FLAGS (\\Seen)\r\n* %d EXISTS\r\n* OK [UIDVALIDITY %d] ok\r\n* OK [UIDNEXT %d] ok\r\n%s OK [READ-ONLY] done\r\n",
			len(c.folder.messages), c.folder.uidValidity, c.folder.uidNext, tag)
	case "UID SEARCH":
		c.say("* SEARCH")
		for _, uid := range c.folder.uids() {
			c.say(" %d", uid)
		}
		c.say("\r\n%s OK done\r\n", tag)
	case "UID FETCH":
		c.fetch(tag, args)
	case "LOGOUT":
		c.say("* BYE see you\r\n%s OK done\r\n", tag)
		return false
	default:
		c.say("%s BAD unknown command\r\n", tag)
	}
	return true
}

func (c *fakeConn) fetch(tag, args string) {
	set, items, _ := strings.Cut(args, " ")
	c.items = items
	if strings.HasSuffix(set, ":*") {
		set = strings.TrimSuffix(set, "*") + fmt.Sprint(c.folder.uidNext)
	}
	uids, err := imapwire.ParseSet(set)
	if err != nil {
		c.say("%s BAD %v\r\n", tag, err)
		return
	}
	for _, uid := range uids {
		switch {
		case c.folder.messages[uid] == "":
		case items == "(UID)":
			c.say("* %d FETCH (UID %d)\r\n", c.seq(uid), uid)
		case c.message == nil || !c.message(c, uid, len(uids) == 1):
			c.answer(uid)
		}
	}
	reply := "OK done"
	if c.tagged != nil {
		if r := c.tagged(set); r != "" {
			reply = r
		}
	}
	c.say("%s %s\r\n", tag, reply)
}

// sent returns the commands that came, without tags.
func (f *fake) sent() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.commands)
}

func (f *fake) bodies() [][]byte {
	f.serial.Lock()
	defer f.serial.Unlock()
	var all [][]byte
	for _, folder := range f.folders {
		for _, m := range folder.messages {
			all = append(all, []byte(m))
		}
	}
	return all
}

func mustNew(t testing.TB, cfg Config) *Collector {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var rawScope = collectors.Scope{Account: "alice@example.test", Messages: collectors.MessagesRaw}
