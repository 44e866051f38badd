package imap

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/internal/imapwire"
)

// TestPromises holds the collector to what every collector promises, with a server that refuses and one that stalls.
// The promises with real servers are in mem_test.go and dovecot_test.go.
func TestPromises(t *testing.T) {
	source := func(t *testing.T, f *fake, timeout time.Duration) collectortest.Source {
		cfg := f.start(t)
		cfg.Timeout = timeout
		return collectortest.Source{Collector: mustNew(t, cfg), Scope: rawScope, Messages: f.bodies()}
	}
	collectortest.Run(t, collectortest.Harness{
		Healthy: func(t *testing.T) collectortest.Source {
			return source(t, &fake{folders: []*fakeFolder{inbox(20)}}, 10*time.Second)
		},
		Refusing: func(t *testing.T) collectortest.Source {
			f := &fake{folders: []*fakeFolder{inbox(20)}}
			f.tagged = func(set string) string {
				uids, _ := imapwire.ParseSet(set)
				if slices.Contains(uids, 11) {
					return "NO [SERVERBUG] message 11 is damaged"
				}
				return ""
			}
			f.message = func(c *fakeConn, uid uint32, alone bool) bool { return uid >= 11 && !alone || uid == 11 }
			return source(t, f, 10*time.Second)
		},
		Stalling: func(t *testing.T) collectortest.Source {
			f := &fake{folders: []*fakeFolder{inbox(20)}}
			f.message = func(c *fakeConn, uid uint32, alone bool) bool {
				if uid == 11 {
					c.say("* 11 FETCH (UID 11 BODY[] {50}\r\nonly so much")
					_, _ = c.nc.Read(make([]byte, 1)) // until the collector has had enough
					_ = c.nc.Close()
				}
				return false
			}
			return source(t, f, 50*time.Millisecond)
		},
	})
}

func TestExhibitOfAMessage(t *testing.T) {
	f := &fake{folders: []*fakeFolder{{name: `"B&AOk-b&AOk-/x."`, uidValidity: 9, uidNext: 8, messages: map[uint32]string{7: "Subject: x\r\n\r\nhi"}}}}
	f.message = func(c *fakeConn, uid uint32, alone bool) bool {
		c.say("* 1 FETCH (FLAGS (\\Seen $Work) INTERNALDATE \" 7-Jul-2026 02:44:25 +0200\" RFC822.SIZE 17 UID 7 BODY[] {16}\r\nSubject: x\r\n\r\nhi)\r\n")
		return true
	}
	sink := &collectortest.Sink{}
	if err := mustNew(t, f.start(t)).Collect(t.Context(), rawScope, sink); err != nil {
		t.Fatal(err)
	}
	collectortest.CheckSink(t, sink)
	k := sink.Messages()[0]
	got := fmt.Sprintf("%s|%s|%s|%s|%s|%s", k.Resource, k.Item, k.Name, k.MediaType, k.Request, k.Response)
	want := "messages/Bébé/x.|9/7|alice@example.test/imap/Bébé/x%2E/000000007.eml|message/rfc822|" +
		"UID FETCH 7 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])|" +
		"* 1 FETCH (FLAGS (\\Seen $Work) INTERNALDATE \" 7-Jul-2026 02:44:25 +0200\" RFC822.SIZE 17 UID 7 BODY[] {16}\r\n)\r\n"
	if got != want {
		t.Errorf("exhibit is\n%q, want\n%q", got, want)
	}
	for key, want := range map[string]string{
		"uid": "7", "uidvalidity": "9", "folder": "Bébé/x.", "flags": `\Seen $Work`, "rfc822.size": "17", "size.received": "16",
		"internaldate": " 7-Jul-2026 02:44:25 +0200",
	} {
		if k.Attrs[key] != want {
			t.Errorf("attribute %s is %q, want %q", key, k.Attrs[key], want)
		}
	}
}

// TestLargeMessages has messages that are larger than the connection's buffer, in the usual order and not.
func TestLargeMessages(t *testing.T) {
	f := &fake{folders: []*fakeFolder{inbox(4)}}
	for uid := range f.folders[0].messages {
		f.folders[0].messages[uid] = strings.Repeat(fmt.Sprintf("line of %d\r\n", uid), 30_000*int(uid))
	}
	for name, form := range map[string]string{
		"usual":                "* %[1]d FETCH (UID %[1]d BODY[] {%[2]d}\r\n%[3]s)\r\n",
		"flags after the body": "* %[1]d FETCH (UID %[1]d BODY[] {%[2]d}\r\n%[3]s FLAGS (\\Seen))\r\n",
		"UID after the body":   "* %[1]d FETCH (BODY[] {%[2]d}\r\n%[3]s UID %[1]d)\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			g := &fake{folders: f.folders}
			g.message = func(c *fakeConn, uid uint32, alone bool) bool {
				c.say(form, uid, len(c.folder.messages[uid]), c.folder.messages[uid])
				return true
			}
			cfg := g.start(t)
			sink := &collectortest.Sink{}
			if err := mustNew(t, cfg).Collect(t.Context(), rawScope, sink); err != nil {
				t.Fatal(err)
			}
			collectortest.CheckSink(t, sink)
			collectortest.CheckMessages(t, sink, f.bodies())
			for _, k := range sink.Messages() {
				uid, err := strconv.Atoi(k.Attrs["uid"])
				if err != nil {
					t.Fatal(err)
				}
				if want := fmt.Sprintf(form, uid, k.Size, ""); string(k.Response) != want {
					t.Errorf("response is %q, want %q", k.Response, want)
				}
			}
			if left, _ := os.ReadDir(cfg.TempDir); len(left) > 0 {
				t.Errorf("%d temporary files are left", len(left))
			}
		})
	}
}

func TestFoldersThatLookAlike(t *testing.T) {
	var folders []*fakeFolder
	for i, name := range []string{"INBOX", "Inbox2", "INBOX2", "session", "R&D", `"R&-D"`, `"INBOX/000000001.eml"`, `"a/b"`, "A/B", "&ZeVnLA-", "Éa b"} {
		folders = append(folders, &fakeFolder{name: name, uidValidity: uint32(5 + i%2), uidNext: 2, messages: map[uint32]string{1: name}})
	}
	f := &fake{folders: folders}
	f.command = func(c *fakeConn, tag, name, args string) bool {
		if name == "EXAMINE" && strings.HasSuffix(args, "}") { // the one with 8-bit bytes
			c.say("+ go on\r\n")
			buf := make([]byte, 100)
			_, _ = c.nc.Read(buf)
			c.handle(tag, "EXAMINE", "Éa b")
			return true
		}
		if name == "STATUS" && strings.HasSuffix(args, "}") {
			c.say("%s NO not now\r\n", tag)
			return true
		}
		return false
	}
	sink := &collectortest.Sink{}
	if err := mustNew(t, f.start(t)).Collect(t.Context(), rawScope, sink); err != nil {
		t.Fatal(err)
	}
	collectortest.CheckSink(t, sink)
	collectortest.CheckMessages(t, sink, f.bodies())
}

func TestScope(t *testing.T) {
	f := &fake{folders: []*fakeFolder{inbox(3), {name: "Archive", uidValidity: 1, uidNext: 2, messages: map[uint32]string{1: "x"}}}}
	cfg := f.start(t)
	t.Run("one folder", func(t *testing.T) {
		scope := rawScope
		scope.Folders = []string{"Archive"}
		sink := &collectortest.Sink{}
		if err := mustNew(t, cfg).Collect(t.Context(), scope, sink); err != nil {
			t.Fatal(err)
		}
		if got := sink.Messages(); len(got) != 1 || got[0].Resource != "messages/Archive" {
			t.Errorf("messages: %+v", got)
		}
	})
	t.Run("a folder that does not exist", func(t *testing.T) {
		scope := rawScope
		scope.Folders = []string{"archives"}
		err := mustNew(t, cfg).Collect(t.Context(), scope, &collectortest.Sink{})
		if !errors.Is(err, ErrNoFolder) || !strings.Contains(err.Error(), `near it are "Archive"`) {
			t.Errorf("error is %v, want ErrNoFolder and the name that was meant", err)
		}
	})
	t.Run("no messages", func(t *testing.T) {
		scope := rawScope
		scope.Messages = collectors.MessagesNone
		sink := &collectortest.Sink{}
		if err := mustNew(t, cfg).Collect(t.Context(), scope, sink); err != nil {
			t.Fatal(err)
		}
		collectortest.CheckSink(t, sink)
		if n, m := len(sink.Messages()), len(sink.Resource("examine")); n != 0 || m != 2 {
			t.Errorf("%d messages and %d answers to EXAMINE came, want 0 and 2", n, m)
		}
	})
	t.Run("bounds are widened by a day", func(t *testing.T) {
		scope := rawScope
		scope.Since = time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)
		scope.Until = time.Date(2026, 3, 12, 23, 0, 0, 0, time.UTC)
		if err := mustNew(t, cfg).Collect(t.Context(), scope, &collectortest.Sink{}); err != nil {
			t.Fatal(err)
		}
		if want := "UID SEARCH SINCE 9-Mar-2026 BEFORE 14-Mar-2026"; !slices.Contains(f.sent(), want) {
			t.Errorf("%q was not sent: %q", want, f.sent())
		}
	})
}

func TestOnlyReadingCommandsAreSent(t *testing.T) {
	f := &fake{caps: "ID NAMESPACE ESEARCH CONDSTORE", folders: []*fakeFolder{inbox(3)}}
	sink := &collectortest.Sink{}
	if err := mustNew(t, f.start(t)).Collect(t.Context(), rawScope, sink); err != nil {
		t.Fatal(err)
	}
	for _, cmd := range f.sent() {
		name, args, _ := strings.Cut(cmd, " ")
		switch name {
		case "CAPABILITY", "LOGIN", "LIST", "LSUB", "STATUS", "EXAMINE", "LOGOUT", "ID", "NAMESPACE":
		case "UID":
			if !strings.HasPrefix(args, "SEARCH ") && !strings.Contains(args, "BODY.PEEK[]") {
				t.Errorf("%q was sent", cmd)
			}
		default:
			t.Errorf("%q was sent", cmd)
		}
	}
}

func TestCancelWhileTheServerIsSilent(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f := &fake{folders: []*fakeFolder{inbox(3)}}
	f.message = func(c *fakeConn, uid uint32, alone bool) bool {
		cancel()
		_, _ = c.nc.Read(make([]byte, 1))
		return true
	}
	cfg := f.start(t)
	cfg.Timeout = time.Hour
	if err := mustNew(t, cfg).Collect(ctx, rawScope, &collectortest.Sink{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want context.Canceled", err)
	}
}

// TestUIDValidityBetweenRuns takes a collection up again after the server has numbered its messages anew: the same
// names mean other messages now.
func TestUIDValidityBetweenRuns(t *testing.T) {
	f := &fake{folders: []*fakeFolder{inbox(3)}}
	cfg := f.start(t)
	sink := &collectortest.Sink{}
	if err := mustNew(t, cfg).Collect(t.Context(), rawScope, sink); err != nil {
		t.Fatal(err)
	}
	f.serial.Lock()
	f.folders[0].uidValidity = 78
	f.serial.Unlock()
	if err := mustNew(t, cfg).Collect(t.Context(), rawScope, sink); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, k := range sink.Messages() {
		names = append(names, k.Item+" "+k.Name)
	}
	want := []string{
		"77/1 alice@example.test/imap/INBOX/000000001.eml", "77/2 alice@example.test/imap/INBOX/000000002.eml",
		"77/3 alice@example.test/imap/INBOX/000000003.eml", "78/1 alice@example.test/imap/INBOX~78/000000001.eml",
		"78/2 alice@example.test/imap/INBOX~78/000000002.eml", "78/3 alice@example.test/imap/INBOX~78/000000003.eml",
	}
	slices.Sort(names)
	if !slices.Equal(names, want) {
		t.Errorf("messages are %q, want %q", names, want)
	}
	if gaps := sink.Gaps(); len(gaps) > 0 {
		t.Errorf("gaps: %+v", gaps)
	}
}

// TestLostBeforeTheMessages breaks the connection at each command of the beginning once.
func TestLostBeforeTheMessages(t *testing.T) {
	for _, at := range []string{"ID", "NAMESPACE", "LIST", "LSUB", "STATUS", "EXAMINE", "UID SEARCH"} {
		t.Run(at, func(t *testing.T) {
			f := &fake{caps: "ID NAMESPACE", folders: []*fakeFolder{inbox(3)}}
			f.command = func(c *fakeConn, tag, name, args string) bool {
				if name == at && c.n == 1 {
					c.say("* BYE [UNAVAILABLE] restarting\r\n")
					c.nc.Close()
					return true
				}
				return false
			}
			sink := &collectortest.Sink{}
			if err := mustNew(t, f.start(t)).Collect(t.Context(), rawScope, sink); err != nil {
				t.Fatal(err)
			}
			collectortest.CheckMessages(t, sink, f.bodies())
			collectortest.CheckSink(t, sink)
		})
	}
}

// TestAllRefused has a folder of which not one message can be read: it must not cost two commands a message.
func TestAllRefused(t *testing.T) {
	f := &fake{folders: []*fakeFolder{inbox(3000)}}
	f.message = func(c *fakeConn, uid uint32, alone bool) bool { return true }
	f.tagged = func(string) string { return "NO [NOPERM] not for you" }
	sink := &collectortest.Sink{}
	if err := mustNew(t, f.start(t)).Collect(t.Context(), rawScope, sink); err != nil {
		t.Fatal(err)
	}
	collectortest.CheckSink(t, sink)
	gaps := sink.Gaps()
	if last := gaps[len(gaps)-1]; last.Item != "" || !strings.Contains(last.Reason, "in a row were refused") {
		t.Errorf("the last gap is %+v", last)
	}
	if n := len(f.sent()); n > 500 {
		t.Errorf("%d commands were sent", n)
	}
}
