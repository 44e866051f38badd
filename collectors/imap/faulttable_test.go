package imap

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/signature"
	"github.com/mbaudit/mbaudit/internal/imapwire"
)

// A fault is one row of the table: what a server does, and what a sealed bundle then says. The account has an INBOX of
// ten messages with the UIDs 1 to 10 under UIDVALIDITY 77 and 11 as UIDNEXT. Each row is played with whole messages and
// with header blocks.
type fault struct {
	name   string
	script func(m *memNet)

	// What is in the bundle: the rows of the coverage that are not complete or are of messages, as "resource
	// asked/got/failed status", and the gaps, as "class resource item" with a "*" before what the reason has in it.
	// Where both are nil all ten messages are there and nothing is missing.
	coverage []string
	gaps     []string

	missing []string      // items of messages that are not there
	err     error         // the kind that Collect ends with
	says    string        // what the error has in it
	logins  int           // how often a password was sent; 0 for one that is not counted
	waits   time.Duration // how long it takes at the least, by the bubble's clock
	within  time.Duration // and at the most; 0 means an hour
	empty   bool          // nothing was kept: there is no bundle
	only    string        // "raw" or "metadata", where the script is for one of them
}

const allThere = "messages/INBOX 10/10/0 complete"

func once() func() bool {
	first := true
	return func() bool { defer func() { first = false }(); return first }
}

// onMessage makes one message misbehave. f answers for it, or leaves it unanswered.
func onMessage(uid uint32, f func(c *fakeConn)) func(m *memNet) {
	return func(m *memNet) {
		m.message = func(c *fakeConn, u uint32, alone bool) bool {
			if u == uid {
				f(c)
			}
			return u == uid
		}
	}
}

// onMessageOnce makes one message misbehave the first time that it is asked for.
func onMessageOnce(uid uint32, f func(c *fakeConn)) func(m *memNet) {
	return func(m *memNet) {
		first := once()
		m.message = func(c *fakeConn, u uint32, alone bool) bool {
			if u == uid && first() {
				f(c)
				return true
			}
			return false
		}
	}
}

// onEach answers for each message.
func onEach(f func(c *fakeConn, uid uint32)) func(m *memNet) {
	return func(m *memNet) {
		m.message = func(c *fakeConn, uid uint32, alone bool) bool { f(c, uid); return true }
	}
}

// onCommand answers a command in its own way as long as when says so.
func onCommand(command string, when func(c *fakeConn) bool, f func(c *fakeConn, tag string)) func(m *memNet) {
	return func(m *memNet) {
		m.command = func(c *fakeConn, tag, name, args string) bool {
			if name != command || !when(c) {
				return false
			}
			f(c, tag)
			return true
		}
	}
}

func always(*fakeConn) bool { return true }

func times(n int) func(*fakeConn) bool {
	return func(*fakeConn) bool { n--; return n >= 0 }
}

func reply(text string) func(c *fakeConn, tag string) {
	return func(c *fakeConn, tag string) { c.say("%s %s\r\n", tag, text) }
}

func bye(text string) func(c *fakeConn, tag string) {
	return func(c *fakeConn, tag string) { c.say("* BYE %s\r\n", text); _ = c.nc.Close() }
}

// slowly writes one byte in each minute, which no deadline on single reads would mind.
func slowly(c *fakeConn, text string) {
	for i := range len(text) {
		if _, err := io.WriteString(c.nc, text[i:i+1]); err != nil {
			return
		}
		time.Sleep(time.Minute)
	}
	hang(c)
}

// hang reads what the client sends and answers nothing, until it goes away.
func hang(c *fakeConn) { _, _ = io.Copy(io.Discard, c.nc) }

// body begins the answer for a message as the mode has it.
func body(c *fakeConn) string {
	if strings.Contains(c.items, "[HEADER]") {
		return "BODY[HEADER]"
	}
	return "BODY[]"
}

// whole is what the mode wants of a message.
func whole(c *fakeConn, uid uint32) string {
	if strings.Contains(c.items, "[HEADER]") {
		return header(c.folder.messages[uid])
	}
	return c.folder.messages[uid]
}

func refuseFor(uid uint32, text string) func(set string) string {
	return func(set string) string {
		if uids, _ := imapwire.ParseSet(set); slices.Contains(uids, uid) {
			return text
		}
		return ""
	}
}

func faults() []fault {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	oneMissing := []string{"messages/INBOX 10/9/1 incomplete"}
	noneThere := []string{"messages/INBOX 10/0/10 incomplete"}
	rows := []fault{
		// Before the messages.
		{name: "connection refused twice", script: func(m *memNet) {
			m.refuse = func(n int) error {
				if n <= 2 {
					return refused
				}
				return nil
			}
		}, waits: 3 * time.Second},
		{name: "connection refused for good", script: func(m *memNet) { m.refuse = func(int) error { return refused } },
			err: ErrHostDown, says: "connection refused", empty: true, waits: 3 * time.Second, within: 10 * time.Second},
		{name: "the host's name is not known", script: func(m *memNet) {
			m.refuse = func(int) error {
				return &net.DNSError{Err: "no such host", Name: "mail.example.test", IsNotFound: true}
			}
		}, err: ErrHostDown, says: "no such host", empty: true, within: time.Second},
		{name: "BYE as the greeting, twice", script: func(m *memNet) {
			m.hello = func(c *fakeConn) bool {
				if c.n <= 2 {
					bye("[UNAVAILABLE] starting up")(c, "")
				}
				return c.n <= 2
			}
		}, waits: 30 * time.Second},
		{name: "BYE with a time to wait", script: func(m *memNet) {
			m.hello = func(c *fakeConn) bool {
				if c.n == 1 {
					bye("[ALERT] Too many simultaneous connections, try again in 300 seconds")(c, "")
				}
				return c.n == 1
			}
		}, waits: 300 * time.Second, within: 310 * time.Second},
		{name: "BYE as the greeting for good", script: func(m *memNet) {
			m.hello = func(c *fakeConn) bool { bye("[LIMIT] \x1b[31mtoo many")(c, ""); return true }
		}, err: ErrHostDown, says: `[LIMIT] \u{001B}[31mtoo many`, empty: true},
		{name: "never a greeting", script: func(m *memNet) { m.hello = func(c *fakeConn) bool { hang(c); return true } },
			err: ErrHostDown, says: "timeout", empty: true, waits: 12 * time.Minute},
		{name: "login: [UNAVAILABLE], then OK", script: onCommand("LOGIN", times(2), reply("NO [UNAVAILABLE] user directory is down")),
			logins: 3, waits: 30 * time.Second},
		{name: "login: throttled in Outlook's words", script: onCommand("LOGIN", times(1), reply("BAD Request is throttled. Suggested Backoff Time: 90000 milliseconds")),
			logins: 2, waits: 90 * time.Second, within: 100 * time.Second},
		{name: "login: Gmail's limit", script: onCommand("LOGIN", times(1), reply("NO [ALERT] Too many simultaneous connections. (Failure)")), logins: 2, waits: 10 * time.Second},
		{name: "login: [UNAVAILABLE] for good", script: onCommand("LOGIN", always, reply("NO [UNAVAILABLE] user directory is down")),
			err: ErrAuthUnavailable, says: "user directory is down", empty: true, logins: 6},
		{name: "login: wait of a week", script: onCommand("LOGIN", times(1), reply("NO [THROTTLED] try again in 168 hours")), logins: 2, waits: 15 * time.Minute, within: 16 * time.Minute},
		{name: "login: wrong password", script: onCommand("LOGIN", always, reply("NO [AUTHENTICATIONFAILED] no")), err: ErrAuth, says: "[AUTHENTICATIONFAILED]", empty: true, logins: 1, within: time.Second},
		{name: "login: account is locked for a while", script: onCommand("LOGIN", always, reply("NO Too many failed login attempts, try again in 10 minutes")),
			err: ErrAuth, says: "Too many failed", empty: true, logins: 1, within: time.Second},
		{name: "login: wrong password, try again later", script: onCommand("LOGIN", always, reply("NO [AUTHENTICATIONFAILED] rate limit, try again later")), err: ErrAuth, empty: true, logins: 1, within: time.Second},
		{name: "login: BYE in place of an answer, for good", script: onCommand("LOGIN", always, bye("\u202enot today")),
			err: ErrHostDown, says: `\u{202E}not today`, empty: true, logins: 3},
		{name: "login: BYE over failed logins", script: onCommand("LOGIN", always, bye("Too many invalid login attempts with "+fakePassword)),
			err: ErrAuth, says: "attempts with [redacted]", empty: true, logins: 1, within: time.Second},
		{name: "the name server is out of order once", script: func(m *memNet) {
			m.refuse = func(n int) error {
				if n > 1 {
					return nil
				}
				return &net.DNSError{Err: "server misbehaving", Name: "mail.example.test", IsTemporary: true}
			}
		}, waits: time.Second},
		{name: "login: never an answer", script: onCommand("LOGIN", always, func(c *fakeConn, tag string) { hang(c) }), err: ErrHostDown, empty: true, logins: 3},
		{name: "capabilities change after login", script: func(m *memNet) {
			m.command = func(c *fakeConn, tag, name, args string) bool {
				loggedIn := slices.ContainsFunc(c.sent(), func(cmd string) bool { return strings.HasPrefix(cmd, "LOGIN") })
				if name == "CAPABILITY" && !loggedIn {
					c.say("* CAPABILITY IMAP4rev1 ESEARCH LIST-EXTENDED OBJECTID LITERAL+\r\n%s OK\r\n", tag)
					return true
				}
				if name == "LIST" && strings.Contains(args, "RETURN") || strings.Contains(args, "EMAILID") {
					c.say("%s BAD no longer\r\n", tag)
					return true
				}
				return false
			}
		}},
		{name: "LIST: [INUSE] for good", script: onCommand("LIST", always, reply("NO [INUSE] being rebuilt")),
			coverage: []string{"list 1/0/1 incomplete"}, gaps: []string{"refused list *being rebuilt"}, missing: items(77, 1, 10), says: "being rebuilt"},

		{name: "ID breaks the connection each time", script: func(m *memNet) {
			m.caps = "ID"
			onCommand("ID", always, bye("who wants to know"))(m)
		}, coverage: []string{"id 1/0/1 incomplete", allThere}, gaps: []string{"failed id *broke 3 times at this question: the server says goodbye: who wants to know"}},
		{name: "STATUS breaks the connection each time", script: onCommand("STATUS", always, bye("")),
			coverage: []string{allThere, "status 1/0/1 incomplete"}, gaps: []string{"failed status INBOX*broke 3 times"}},

		// Opening folders.
		{name: "EXAMINE breaks the connection for one of two folders", script: func(m *memNet) {
			m.folders = append(m.folders, &fakeFolder{name: "Broken", uidValidity: 5, uidNext: 2, messages: map[uint32]string{1: "Subject: x\r\n\r\ny"}})
			m.command = func(c *fakeConn, tag, name, args string) bool {
				breaks := name == "EXAMINE" && strings.Contains(args, "Broken")
				if breaks {
					_ = c.nc.Close()
				}
				return breaks
			}
		}, coverage: []string{"examine 3/2/1 incomplete", "messages/Broken 1/0/1 incomplete", allThere}, gaps: []string{"failed examine Broken once more*broke 3 times", "failed messages/Broken *broke 3 times while the folder was opened"}},
		{name: "EXAMINE: [INUSE], then OK", script: onCommand("EXAMINE", times(2), reply("NO [INUSE] locked by another session")), waits: 30 * time.Second},
		{name: "EXAMINE: [INUSE] for good", script: onCommand("EXAMINE", always, reply("NO [INUSE] locked by another session")),
			coverage: []string{"examine 1/0/1 incomplete", "messages/INBOX 1/0/1 incomplete"},
			gaps:     []string{"refused examine INBOX refused*locked by", "refused messages/INBOX *locked by"}, missing: items(77, 1, 10)},
		{name: "the folder vanishes between LIST and EXAMINE", script: onCommand("EXAMINE", always, reply("NO [NONEXISTENT] no such folder")),
			coverage: []string{"examine 1/0/1 incomplete", "messages/INBOX 1/0/1 incomplete"},
			gaps:     []string{"vanished examine INBOX refused*no such", "vanished messages/INBOX *no such"}, missing: items(77, 1, 10)},
		{name: "the folder vanishes while it is read", script: func(m *memNet) {
			onMessageOnce(5, func(c *fakeConn) { _ = c.nc.Close() })(m)
			onCommand("EXAMINE", func(c *fakeConn) bool { return c.n > 1 }, reply("NO [NONEXISTENT] no such folder"))(m)
		}, coverage: []string{"examine 2/1/1 incomplete", "messages/INBOX 10/4/6 incomplete"},
			gaps:    []string{"vanished examine INBOX refused*no such", "vanished messages/INBOX *6 messages (UIDs 5:10 under UIDVALIDITY 77)"},
			missing: items(77, 5, 10)},
		{name: "search finds two of ten", script: onCommand("UID SEARCH", always, func(c *fakeConn, tag string) { c.say("* SEARCH 3 4\r\n%s OK\r\n", tag) })},
		{name: "search refused", script: onCommand("UID SEARCH", always, reply("NO [CANNOT] no search here"))},
		{name: "search finds four thousand million", script: func(m *memNet) {
			m.caps = "ESEARCH"
			onCommand("UID SEARCH", always, func(c *fakeConn, tag string) {
				c.say("* ESEARCH (TAG \"%s\") UID ALL 1:4294967295\r\n%s OK\r\n", tag, tag)
			})(m)
		}},
		{name: "search finds each twice and in disorder", script: onCommand("UID SEARCH", always, func(c *fakeConn, tag string) {
			c.say("* SEARCH 10 9 8 7 7 7 6 5\r\n* SEARCH 4 3 2 1 10\r\n%s OK\r\n", tag)
		})},
		{name: "EXAMINE counts more than there are", script: onCommand("EXAMINE", always, func(c *fakeConn, tag string) {
			c.folder = c.folders[0]
			c.say("* 12 EXISTS\r\n* OK [UIDVALIDITY 77] ok\r\n* OK [UIDNEXT 11] ok\r\n%s OK\r\n", tag)
		}), coverage: []string{"messages/INBOX 12/10/2 incomplete"}, gaps: []string{"unaccounted messages/INBOX *EXAMINE said 12 messages, UID SEARCH found 10"}},
		{name: "search finds messages that are not there", script: onCommand("UID SEARCH", always, func(c *fakeConn, tag string) { c.say("* SEARCH 1 2 3 4 5 6 7 8 9 10 11 12\r\n%s OK\r\n", tag) }),
			coverage: []string{"messages/INBOX 12/10/2 incomplete"}, gaps: []string{"vanished messages/INBOX 77/11*asked twice", "vanished messages/INBOX 77/12*asked twice"}},
		{name: "search goes on finding what is never sent", script: func(m *memNet) {
			m.caps = "ESEARCH"
			onCommand("UID SEARCH", always, func(c *fakeConn, tag string) { c.say("* ESEARCH UID ALL 1:5000\r\n%s OK\r\n", tag) })(m)
		}, coverage: []string{"messages/INBOX 5000/10/4990 incomplete"}, gaps: append(vanished(11, 311), "vanished messages/INBOX *4689 messages (UIDs 312:5000 under UIDVALIDITY 77)")},

		// Connections that break.
		{name: "disconnected within a literal, once", script: onMessageOnce(5, func(c *fakeConn) {
			c.say("* 5 FETCH (UID 5 %s {400}\r\nonly", body(c))
			_ = c.nc.Close()
		})},
		{name: "disconnected at the same message each time", script: onMessage(5, func(c *fakeConn) { _ = c.nc.Close() }),
			coverage: oneMissing, gaps: []string{"failed messages/INBOX 77/5*broke 2 times"}, missing: []string{"77/5"}},
		{name: "BYE in the middle, once", script: onMessageOnce(5, func(c *fakeConn) { bye("[UNAVAILABLE] restarting")(c, "") }), waits: 10 * time.Second},
		{name: "BYE with a reason at the same message each time", script: onMessage(5, func(c *fakeConn) { bye("Internal error \x07occurred")(c, "") }),
			coverage: oneMissing, gaps: []string{`failed messages/INBOX 77/5*Internal error \u{0007}occurred`}, missing: []string{"77/5"}},
		{name: "down for good after five messages", script: func(m *memNet) {
			m.hello = func(c *fakeConn) bool {
				if c.n > 1 {
					bye("[UNAVAILABLE] no more")(c, "")
				}
				return c.n > 1
			}
			onMessage(6, func(c *fakeConn) { _ = c.nc.Close() })(m)
		}, err: ErrLost, says: "no more", coverage: []string{"messages/INBOX 10/5/5 incomplete"},
			gaps:    []string{"unaccounted messages/INBOX *5 of the 10 that the source announced did not come: unread are 5 messages (UIDs 6:10 under UIDVALIDITY 77): alice@example.test: imap: connecting to mail.example.test:143: the server says goodbye: [UNAVAILABLE] no more"},
			missing: items(77, 6, 10)},
		{name: "down for good before the second of three folders", script: func(m *memNet) {
			m.folders = append(m.folders, &fakeFolder{name: "Later", uidValidity: 5, uidNext: 2, messages: map[uint32]string{1: "Subject: x\r\n\r\ny"}},
				&fakeFolder{name: "Sent", uidValidity: 5, uidNext: 2, messages: map[uint32]string{1: "Subject: x\r\n\r\ny"}})
			m.command = func(c *fakeConn, tag, name, args string) bool {
				if gone := c.n > 1 || name == "EXAMINE" && strings.Contains(args, "Later"); gone {
					bye("[UNAVAILABLE] no more")(c, "")
					return true
				}
				return false
			}
		}, err: ErrLost, says: "no more", coverage: []string{allThere, "messages/Later 1/0/1 incomplete", "messages/Sent 1/0/1 incomplete"},
			gaps: []string{"unaccounted messages/Later *the folder was not opened", "unaccounted messages/Sent *the folder was not opened"}},
		{name: "the reconnection meets another server", script: func(m *memNet) {
			onMessageOnce(5, func(c *fakeConn) { _ = c.nc.Close() })(m)
			m.hello = func(c *fakeConn) bool {
				if c.n > 1 {
					other := inbox(3)
					other.uidValidity = 99
					c.folders = []*fakeFolder{other}
				}
				return false
			}
		}, coverage: []string{"messages/INBOX 8/7/1 incomplete"}, missing: items(77, 5, 10),
			gaps: []string{"vanished messages/INBOX *UIDVALIDITY changed from 77 to 99 while the folder was read; of 10 messages under the old one unread are 6 messages (UIDs 5:10 under UIDVALIDITY 77)"}},
		{name: "UIDVALIDITY changes in the middle", script: onMessageOnce(5, func(c *fakeConn) {
			c.folder.uidValidity = 78
			_ = c.nc.Close()
		}), coverage: []string{"messages/INBOX 15/14/1 incomplete"}, missing: items(77, 5, 10),
			gaps: []string{"vanished messages/INBOX *unread are 6 messages (UIDs 5:10 under UIDVALIDITY 77)"}},
		{name: "UIDVALIDITY changes each time", script: func(m *memNet) {
			m.message = func(c *fakeConn, uid uint32, alone bool) bool {
				if uid == 5 {
					c.folder.uidValidity++
					_ = c.nc.Close()
				}
				return uid == 5
			}
		}, coverage: []string{"messages/INBOX 14/8/6 incomplete"}, missing: slices.Concat(items(77, 5, 10), items(78, 5, 10), items(79, 1, 10)),
			gaps: []string{"vanished messages/INBOX *from 77 to 78", "vanished messages/INBOX *from 78 to 79", "failed messages/INBOX *changed again; the folder is given up: unread are 6 messages (UIDs 5:10 under UIDVALIDITY 78)"}},
		{name: "UIDNEXT shrinks", script: onMessageOnce(10, func(c *fakeConn) { c.answer(10); c.folder.uidNext = 4 }),
			coverage: []string{"messages/INBOX 11/10/1 incomplete"}, gaps: []string{"invalid messages/INBOX *UIDNEXT fell from 11 to 4"}},
		{name: "garbage in place of TLS", script: func(m *memNet) {
			m.hello = func(c *fakeConn) bool { c.say("\x16\x03garbage\xff\x00\r\n\r\n"); return true }
		}, err: ErrNotIMAP, says: "garbage", empty: true, within: time.Second},

		// Busy servers.
		{name: "[THROTTLED], then OK", script: func(m *memNet) {
			throttled := true
			m.message = func(c *fakeConn, uid uint32, alone bool) bool { return uid > 4 && throttled }
			m.tagged = func(string) string {
				if throttled {
					throttled = false
					return "NO [THROTTLED] slow down, retry in 45 seconds"
				}
				return ""
			}
		}, waits: 45 * time.Second, within: 50 * time.Second},
		{name: "[LIMIT] for more than two messages at once", script: func(m *memNet) {
			tooMany := func(set string) bool { uids, _ := imapwire.ParseSet(set); return len(uids) > 2 }
			m.command = func(c *fakeConn, tag, name, args string) bool {
				set, _, _ := strings.Cut(args, " ")
				if name == "UID FETCH" && !strings.Contains(set, "*") && tooMany(set) {
					c.say("%s NO [LIMIT] too many messages\r\n", tag)
					return true
				}
				return false
			}
		}},
		{name: "[LIMIT] for good", script: func(m *memNet) {
			m.tagged = func(string) string { return "NO [LIMIT] daily quota" }
			m.message = func(c *fakeConn, uid uint32, alone bool) bool { return uid > 4 }
		}, coverage: []string{"messages/INBOX 10/4/6 incomplete"}, missing: items(77, 5, 10),
			gaps: []string{"refused messages/INBOX *given up are 6 messages (UIDs 5:10 under UIDVALIDITY 77): the server was busy 6 times in a row: the server says: [LIMIT] daily quota"}},

		// Single messages.
		{name: "NO for one message", script: func(m *memNet) {
			onMessage(5, func(*fakeConn) {})(m)
			m.tagged = refuseFor(5, "NO [CONTACTADMIN] damaged")
		}, coverage: oneMissing, gaps: []string{"refused messages/INBOX 77/5*damaged"}, missing: []string{"77/5"}},
		{name: "NO for the whole where one message is damaged", script: func(m *memNet) {
			m.command = func(c *fakeConn, tag, name, args string) bool {
				set, _, _ := strings.Cut(args, " ")
				if text := refuseFor(5, "NO damaged")(set); name == "UID FETCH" && text != "" {
					c.say("%s %s\r\n", tag, text)
					return true
				}
				return false
			}
		}, coverage: oneMissing, gaps: []string{"refused messages/INBOX 77/5*damaged"}, missing: []string{"77/5"}},
		{name: "BAD for the whole and OK for each", script: func(m *memNet) {
			m.message = func(c *fakeConn, uid uint32, alone bool) bool { return !alone }
			m.tagged = func(set string) string {
				if strings.ContainsAny(set, ":,") {
					return "BAD too much at once"
				}
				return ""
			}
		}},
		{name: "a message that is not answered", script: onMessage(5, func(*fakeConn) {}),
			coverage: oneMissing, gaps: []string{"vanished messages/INBOX 77/5*asked twice"}, missing: []string{"77/5"}},
		{name: "a message that is answered when asked for by itself", script: func(m *memNet) {
			m.message = func(c *fakeConn, uid uint32, alone bool) bool { return uid == 5 && !alone }
		}},
		{name: "a message is expunged in the middle", script: onMessageOnce(5, func(c *fakeConn) {
			c.say("* 5 FETCH (UID 5 FLAGS (\\Deleted))\r\n* 5 EXPUNGE\r\n* VANISHED 5\r\n")
			delete(c.folder.messages, 5)
		}), coverage: oneMissing, gaps: []string{"vanished messages/INBOX 77/5*asked twice"}, missing: []string{"77/5"}},
		{name: "NIL in place of a message", script: onMessage(5, func(c *fakeConn) { c.say("* 5 FETCH (UID 5 %s NIL)\r\n", body(c)) }),
			coverage: oneMissing, gaps: []string{"vanished messages/INBOX 77/5*NIL"}, missing: []string{"77/5"}},
		{name: "RFC822.SIZE too small", script: onEach(func(c *fakeConn, uid uint32) {
			c.say("* %d FETCH (UID %d RFC822.SIZE 5 %s {%d}\r\n%s)\r\n", uid, uid, body(c), len(whole(c, uid)), whole(c, uid))
		})},
		{name: "RFC822.SIZE too large", script: onEach(func(c *fakeConn, uid uint32) {
			c.say("* %d FETCH (UID %d RFC822.SIZE 99999999999 %s {%d}\r\n%s)\r\n", uid, uid, body(c), len(whole(c, uid)), whole(c, uid))
		})},
		{name: "bodies as quoted strings", script: func(m *memNet) {
			for uid := range m.folders[0].messages {
				m.folders[0].messages[uid] = fmt.Sprintf(`one "line" of %d \`, uid)
			}
			onEach(func(c *fakeConn, uid uint32) {
				q := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(whole(c, uid))
				c.say("* %d FETCH (UID %d %s \"%s\")\r\n", uid, uid, body(c), q)
			})(m)
		}},
		{name: "10 GB announced", script: onMessage(5, func(c *fakeConn) { c.say("* 5 FETCH (UID 5 %s {10000000000}\r\nhello", body(c)) }),
			coverage: oneMissing, gaps: []string{"invalid messages/INBOX 77/5*10000000000 bytes, over the limit"}, missing: []string{"77/5"}},
		{name: "absurd sizes for every message", script: onEach(func(c *fakeConn, uid uint32) {
			c.say("* %d FETCH (UID %d %s {99999999999999999999999}\r\n", uid, uid, body(c))
		}), coverage: noneThere, missing: items(77, 1, 10), gaps: func() (all []string) {
			for uid := 1; uid <= 10; uid++ {
				all = append(all, fmt.Sprintf("invalid messages/INBOX 77/%d*over the limit", uid))
			}
			return all
		}()},
		{name: "an endless line for one message", script: onMessage(5, func(c *fakeConn) { c.say("* 5 FETCH (UID 5 FLAGS (%s", strings.Repeat("x", 1<<20)) }),
			coverage: oneMissing, gaps: []string{"failed messages/INBOX 77/5*over the limit"}, missing: []string{"77/5"}},
		{name: "a bomb of parentheses", script: onMessageOnce(5, func(c *fakeConn) {
			c.say("* 5 FETCH (UID 5 X-BOMB %s)\r\n", strings.Repeat("(", 200_000))
			c.answer(5)
		})},
		{name: "items of an extension refused", script: func(m *memNet) {
			m.caps = "SAVEDATE"
			m.command = func(c *fakeConn, tag, name, args string) bool {
				bad := name == "UID FETCH" && strings.Contains(args, "SAVEDATE")
				if bad {
					c.say("%s BAD unknown item\r\n", tag)
				}
				return bad
			}
		}, coverage: []string{"messages/INBOX 11/10/1 incomplete"}, gaps: []string{"refused messages/INBOX *without these items"}},

		// What nobody asked for.
		{name: "every message twice", script: onEach(func(c *fakeConn, uid uint32) { c.answer(uid); c.answer(uid) })},
		{name: "the messages in reverse", script: func(m *memNet) {
			m.message = func(c *fakeConn, uid uint32, alone bool) bool {
				if uid == 1 && !alone {
					for _, u := range slices.Backward(c.folder.uids()) {
						c.answer(u)
					}
				}
				return !alone
			}
		}},
		{name: "a message that nobody asked for", script: func(m *memNet) {
			m.message = func(c *fakeConn, uid uint32, alone bool) bool {
				c.say("* 99 FETCH (UID 99 %s {4}\r\nevil)\r\n", body(c))
				return false
			}
		}},
		{name: "unsolicited data in between", script: func(m *memNet) {
			m.message = func(c *fakeConn, uid uint32, alone bool) bool {
				c.say("* 3 FETCH (FLAGS (\\Deleted))\r\n* 12 EXISTS\r\n* 1 RECENT\r\n* VANISHED 4\r\n* 2 EXPUNGE\r\n* X-FOO {3}\r\na(b\r\n* OK [ALERT] {5}\r\n")
				return false
			}
		}},
		{name: "a million responses that nobody asked for", script: onMessageOnce(5, func(c *fakeConn) {
			c.say("%s", strings.Repeat("* 12 EXISTS\r\n", 1_000_000))
			c.answer(5)
		})},
		{name: "responses that nobody asked for, without an end", script: onMessage(5, func(c *fakeConn) {
			lines := []byte(strings.Repeat("* 12 EXISTS\r\n", 10_000))
			for {
				if _, err := c.nc.Write(lines); err != nil {
					return
				}
			}
		}), coverage: oneMissing, gaps: []string{"failed messages/INBOX 77/5*nobody asked for"}, missing: []string{"77/5"}},
		{name: "answers with another tag", script: onCommand("UID SEARCH", func(c *fakeConn) bool { return c.n == 1 }, func(c *fakeConn, tag string) {
			c.say("* SEARCH 1 2\r\nB%s OK done\r\n", tag)
			hang(c)
		}), waits: 2 * time.Minute},
		{name: "UID after the body", script: onEach(func(c *fakeConn, uid uint32) {
			c.say("* %d FETCH (%s {%d}\r\n%s FLAGS () X-GM-LABELS ({2}\r\n)\" a) UID %d)\r\n", uid, body(c), len(whole(c, uid)), whole(c, uid), uid)
		})},
		{name: "a message arrives meanwhile", script: onMessageOnce(1, func(c *fakeConn) {
			c.folder.messages[11], c.folder.uidNext = "Subject: late\r\n\r\n", 12
			c.answer(1)
		}), coverage: []string{"messages/INBOX 11/11/0 complete"}, gaps: []string{}},
		{name: "a message arrives below one that was found before", script: func(m *memNet) {
			first := once()
			onCommand("UID SEARCH", always, func(c *fakeConn, tag string) {
				found := "11 50"
				if first() {
					found = "1 2 3 4 5 6 7 8 9 10 50"
				}
				c.say("* SEARCH %s\r\n%s OK\r\n", found, tag)
			})(m)
			onMessageOnce(1, func(c *fakeConn) {
				c.folder.messages[11], c.folder.uidNext = "Subject: late\r\n\r\n", 12
				c.answer(1)
			})(m)
		}, coverage: []string{"messages/INBOX 12/11/1 incomplete"}, gaps: []string{"vanished messages/INBOX 77/50*asked twice"}},
		{name: "never an answer to a message", script: onMessage(5, hang), waits: 4 * time.Minute,
			coverage: oneMissing, gaps: []string{"failed messages/INBOX 77/5*timeout"}, missing: []string{"77/5"}},
		{name: "a slow drip in one message, each time", script: onMessage(5, func(c *fakeConn) { slowly(c, fmt.Sprintf("* 5 FETCH (UID 5 %s {500}\r\n%0500d", body(c), 1)) }), waits: 4 * time.Minute, within: 10 * time.Minute,
			coverage: oneMissing, gaps: []string{"failed messages/INBOX 77/5*the server sent only"}, missing: []string{"77/5"}},
		{name: "a drip of lines in place of a message", script: onMessage(5, func(c *fakeConn) {
			for {
				if _, err := io.WriteString(c.nc, "* OK still here\r\n"); err != nil {
					return
				}
				time.Sleep(time.Minute)
			}
		}), waits: time.Hour, within: 2 * time.Hour,
			coverage: oneMissing, gaps: []string{"failed messages/INBOX 77/5*the server sent only"}, missing: []string{"77/5"}},
	}
	for stage, text := range map[string]string{"CAPABILITY": "* CAPABILITY IMAP4rev1\r\n", "LOGIN": "A0002 OK", "LIST": "* LIST () \"/\" INBOX",
		"LSUB": "* LSUB ()", "EXAMINE": "* 10 EXISTS\r\n", "UID SEARCH": "* SEARCH 1 2 3 4 5"} {
		rows = append(rows, fault{name: "a slow drip in the answer to " + stage, waits: 2 * time.Minute, within: 10 * time.Minute,
			script: onCommand(stage, func(c *fakeConn) bool { return c.n == 1 }, func(c *fakeConn, tag string) { slowly(c, text) })})
	}
	rows = append(rows, fault{name: "a slow drip in the greeting", waits: 2 * time.Minute, within: 10 * time.Minute, script: func(m *memNet) {
		m.hello = func(c *fakeConn) bool {
			if c.n == 1 {
				slowly(c, "* OK "+strings.Repeat("x", 1000))
			}
			return c.n == 1
		}
	}})
	return rows
}

func items(uidValidity, first, last int) (all []string) {
	for uid := first; uid <= last; uid++ {
		all = append(all, fmt.Sprintf("%d/%d", uidValidity, uid))
	}
	return all
}

func vanished(first, last int) (all []string) {
	for _, item := range items(77, first, last) {
		all = append(all, "vanished messages/INBOX "+item+"*asked twice")
	}
	return all
}

// TestFaults plays the table. Each row ends with a bundle that is sealed and verified, and whose coverage and exceptions
// say exactly what is missing. With -v it prints the table.
func TestFaults(t *testing.T) {
	identity, err := signature.Create(filepath.Join(t.TempDir(), "identity"), "test")
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []collectors.MessageMode{collectors.MessagesRaw, collectors.MessagesMetadata} {
		for _, row := range faults() {
			if row.only != "" && row.only != mode.String() {
				continue
			}
			t.Run(mode.String()+"/"+row.name, func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "01JDCTZ0000000000000000000")
				synctest.Test(t, func(t *testing.T) { row.play(t, mode, dir, identity) })
			})
		}
	}
}

func (row *fault) play(t *testing.T, mode collectors.MessageMode, dir string, identity *signature.Identity) {
	m := &memNet{fake: &fake{folders: []*fakeFolder{inbox(10)}}}
	row.script(m)
	cfg := m.config()
	cfg.Limits.Response, cfg.Limits.Idle = 512<<10, 1_500_000
	scope := collectors.Scope{Account: "alice@example.test", Messages: mode}
	w, err := evidence.Create(dir, evidence.Opening{Bundle: filepath.Base(dir), CreatedAt: time.Now(), Accounts: []string{scope.Account}, Signer: identity.Fingerprint()}, evidence.WriterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	err = mustNew(t, cfg).Collect(t.Context(), scope, w)
	took := time.Since(start)
	m.wait()
	if row.err == nil && (err == nil) != (row.says == "") || row.err != nil && !errors.Is(err, row.err) || err != nil && !strings.Contains(err.Error(), row.says) {
		t.Errorf("error is %v, want %v with %q", err, row.err, row.says)
	}
	if within := max(row.within, time.Hour); took < row.waits || took > within || row.within > 0 && took > row.within {
		t.Errorf("it took %v, want %v to %v", took, row.waits, within)
	}
	logins := 0
	for _, cmd := range m.sent() {
		if strings.HasPrefix(cmd, "LOGIN ") {
			logins++
		}
	}
	if row.logins > 0 && logins != row.logins {
		t.Errorf("%d passwords were sent, want %d", logins, row.logins)
	}
	if row.empty {
		if counts := w.Counts(); counts.Exhibits+counts.Gaps > 0 {
			t.Errorf("%+v of an account that could not be opened", counts)
		}
		t.Logf("| nothing kept | %v | %v", err, took.Round(time.Second))
		if err := w.Discard(); err != nil {
			t.Error(err)
		}
		return
	}
	sealed, serr := w.Seal(evidence.SealConfig{Identity: identity, Principal: "auditor@example.test", Journal: strings.NewReader("")})
	if serr == nil {
		sealed, serr = evidence.ReadSealed(dir)
	}
	if serr != nil {
		t.Fatal(serr)
	}
	row.check(t, m, dir, sealed, mode)
	t.Logf("| %s | %s | %v | %v", strings.Join(shownCoverage(sealed.Coverage), ", "), strings.Join(exceptions(t, dir), "; "), err, took.Round(time.Second))
}

// check compares the sealed bundle with the row.
func (row *fault) check(t *testing.T, m *memNet, dir string, sealed *evidence.Sealed, mode collectors.MessageMode) {
	t.Helper()
	v, err := evidence.Verify(t.Context(), evidence.Dir(dir), evidence.VerifyConfig{})
	if err != nil || !v.Intact() {
		t.Errorf("the bundle does not verify: %v, %+v", err, v)
	}
	want := row.coverage
	if want == nil {
		want = []string{allThere}
	}
	if got := shownCoverage(sealed.Coverage); !slices.Equal(got, want) {
		t.Errorf("coverage is\n%q, want\n%q", got, want)
	}
	got := exceptions(t, dir)
	for i, gap := range got {
		if i >= len(row.gaps) {
			t.Errorf("gap %q is not expected", gap)
			continue
		}
		place, reason, _ := strings.Cut(row.gaps[i], "*")
		if !strings.HasPrefix(gap, place+": ") || !strings.Contains(gap, reason) {
			t.Errorf("gap is\n%q, want\n%q", gap, row.gaps[i])
		}
	}
	if len(got) < len(row.gaps) {
		t.Errorf("%d gaps, want %d", len(got), len(row.gaps))
	}
	kept := messagesIn(t, dir)
	for uid, want := range m.folders[0].messages {
		item := fmt.Sprintf("%d/%d", m.folders[0].uidValidity, uid)
		if mode == collectors.MessagesMetadata {
			want = header(want)
		}
		if got, ok := kept[item]; ok == slices.Contains(row.missing, item) || ok && got != want {
			t.Errorf("%s is %q (there: %v), want %q", item, got, ok, want)
		}
	}
	for _, item := range row.missing {
		if _, ok := kept[item]; ok {
			t.Errorf("%s is there", item)
		}
	}
}

func shownCoverage(rows []evidence.Coverage) (shown []string) {
	for _, c := range rows {
		if c.Failed > 0 || strings.HasPrefix(c.Resource, "messages") {
			shown = append(shown, fmt.Sprintf("%s %d/%d/%d %s", c.Resource, c.Asked, c.Got, c.Failed, c.Status))
		}
	}
	return shown
}

// exceptions reads data/logs/exceptions.tsv of a bundle: "class resource item: reason".
func exceptions(t *testing.T, dir string) (gaps []string) {
	t.Helper()
	file, err := os.Open(filepath.Join(dir, "data", "logs", "exceptions.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r := csv.NewReader(file)
	r.Comma, r.LazyQuotes = '\t', true
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range rows[1:] {
		gaps = append(gaps, fmt.Sprintf("%s %s %s: %s", c[6], c[4], c[5], c[8]))
	}
	return gaps
}

// messagesIn returns the bodies of the messages in a sealed bundle by item, and fails where one is in it twice.
func messagesIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	b, err := evidence.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	kept := map[string]string{}
	for record, err := range b.Records() {
		if err != nil {
			t.Fatal(err)
		}
		x := record.Exhibit
		if x == nil || !strings.HasPrefix(x.Resource, "messages/INBOX") {
			continue
		}
		r, err := b.Body(x)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := kept[x.Item]; twice {
			t.Errorf("%s is there twice", x.Item)
		}
		kept[x.Item] = string(body)
	}
	return kept
}

// TestResumeAfterTheServerWasDown takes up what a server that went away left: nothing of that time is left in the sealed
// bundle as missing.
func TestResumeAfterTheServerWasDown(t *testing.T) {
	identity, err := signature.Create(filepath.Join(t.TempDir(), "identity"), "test")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "01JDCTZ0000000000000000000")
	synctest.Test(t, func(t *testing.T) {
		down := true
		second := &fakeFolder{name: "Sent", uidValidity: 5, uidNext: 2, messages: map[uint32]string{1: "Subject: x\r\n\r\ny"}}
		m := &memNet{fake: &fake{folders: []*fakeFolder{inbox(10), second}}}
		m.hello = func(c *fakeConn) bool {
			if down && c.n > 1 {
				bye("[UNAVAILABLE] no more")(c, "")
			}
			return down && c.n > 1
		}
		m.message = func(c *fakeConn, uid uint32, alone bool) bool {
			if down && uid == 6 {
				_ = c.nc.Close()
			}
			return down && uid == 6
		}
		w, err := evidence.Create(dir, evidence.Opening{Bundle: filepath.Base(dir), CreatedAt: time.Now(), Accounts: []string{rawScope.Account}, Signer: identity.Fingerprint()}, evidence.WriterConfig{})
		if err != nil {
			t.Fatal(err)
		}
		if err := mustNew(t, m.config()).Collect(t.Context(), rawScope, w); !errors.Is(err, ErrLost) {
			t.Errorf("error is %v, want ErrLost", err)
		}
		m.wait()
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		down = false
		if w, err = evidence.Resume(dir, evidence.WriterConfig{}); err != nil {
			t.Fatal(err)
		}
		if err := mustNew(t, m.config()).Collect(t.Context(), rawScope, w); err != nil {
			t.Fatal(err)
		}
		m.wait()
		sealed, err := w.Seal(evidence.SealConfig{Identity: identity, Principal: "auditor@example.test", Journal: strings.NewReader("")})
		if err == nil {
			sealed, err = evidence.ReadSealed(dir)
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, want := shownCoverage(sealed.Coverage), []string{allThere, "messages/Sent 1/1/0 complete"}; !slices.Equal(got, want) || sealed.Counts.Gaps > 0 {
			t.Errorf("coverage is %q with %d gaps, want %q and none", got, sealed.Counts.Gaps, want)
		}
	})
}
