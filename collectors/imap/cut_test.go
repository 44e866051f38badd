package imap

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
)

// cutServer is an account of two folders, on a server with extensions, as small as it can be with all kinds of answers.
func cutServer() *memNet {
	small := func(name string, validity uint32) *fakeFolder {
		return &fakeFolder{name: name, uidValidity: validity, uidNext: 9, messages: map[uint32]string{
			3: "Subject: three\r\n\r\nin " + name + "\r\n", 8: "Subject: {9}\r\n\r\n)\r\n* 8 of " + name,
		}}
	}
	return &memNet{fake: &fake{caps: "ID NAMESPACE", folders: []*fakeFolder{small("INBOX", 77), small("Sent", 5)}, command: func(c *fakeConn, tag, name, args string) bool {
		switch name {
		case "ID":
			c.say("* ID (\"name\" {3}\r\nxyz)\r\n%s OK\r\n", tag)
		case "NAMESPACE":
			c.say("* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n%s OK\r\n", tag)
		default:
			return false
		}
		return true
	}}}
}

// play collects the account while the connections are cut where cut says, and returns how many bytes each one brought.
func (m *memNet) play(t *testing.T, mode collectors.MessageMode, cut func(n int) int) (*collectortest.Sink, []int, error) {
	t.Helper()
	sink := &collectortest.Sink{}
	var err error
	synctest.Test(t, func(t *testing.T) {
		m.cut = cut
		cfg := m.config()
		err = mustNew(t, cfg).Collect(t.Context(), collectors.Scope{Account: "alice@example.test", Messages: mode}, sink)
		m.wait()
	})
	return sink, m.written, err
}

// checkAccount wants every message of the account once, byte for byte, or where gaps are allowed named in a gap.
func checkAccount(t *testing.T, m *memNet, sink *collectortest.Sink, mode collectors.MessageMode, gapsAllowed bool) {
	t.Helper()
	collectortest.CheckSink(t, sink)
	there := map[string]string{}
	for _, k := range sink.Messages() {
		there[k.Resource+" "+k.Item] = string(k.Body)
	}
	given := map[string]bool{} // up, as a whole
	for _, g := range sink.Gaps() {
		if gapsAllowed && (g.Item == "" || g.Resource == "examine") {
			given[g.Resource] = true
			continue
		}
		key := g.Resource + " " + g.Item
		if _, both := there[key]; both || !gapsAllowed || !strings.HasPrefix(g.Resource, "messages/") || g.Item == "" {
			t.Errorf("gap %+v", g)
		}
		there[key] = "a gap"
	}
	for _, folder := range m.folders {
		for uid, want := range folder.messages {
			if mode == collectors.MessagesMetadata {
				want = header(want)
			}
			key := fmt.Sprintf("messages/%s %d/%d", folder.name, folder.uidValidity, uid)
			got, ok := there[key]
			if delete(there, key); got != want && got != "a gap" && (ok || !given["messages/"+folder.name]) {
				t.Errorf("%s is %q, want %q", key, got, want)
			}
		}
	}
	if len(there) > 0 {
		t.Errorf("kept or in gaps, and not of the account: %q", there)
	}
	var resources []string
	for _, k := range sink.Kept() {
		resources = append(resources, k.Resource)
	}
	for _, want := range []string{"greeting", "capability", "id", "namespace", "list", "lsub", "status", "examine"} {
		if !slices.Contains(resources, want) && !given[want] {
			t.Errorf("%s is not there", want)
		}
	}
}

// TestCutAtEveryByte breaks the first connection after each byte that the server sends, and then, with the first one
// broken within a message, the second.
func TestCutAtEveryByte(t *testing.T) {
	for _, mode := range []collectors.MessageMode{collectors.MessagesRaw, collectors.MessagesMetadata} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			m := cutServer()
			sink, written, err := m.play(t, mode, nil)
			if err != nil || len(written) != 1 {
				t.Fatalf("%v over %d connections", err, len(written))
			}
			checkAccount(t, m, sink, mode, false)
			total := written[0]
			for at := range total {
				m := cutServer()
				sink, _, err := m.play(t, mode, func(n int) int {
					if n == 1 {
						return at
					}
					return -1
				})
				if err != nil {
					t.Errorf("cut after byte %d of %d: %v", at, total, err)
				}
				if checkAccount(t, m, sink, mode, false); t.Failed() {
					t.Fatalf("cut after byte %d of %d", at, total)
				}
			}
			t.Logf("cut after each of %d bytes", total)

			// The second connection has all of the beginning again and what the first did not bring.
			within := total * 3 / 5
			_, written, err = cutServer().play(t, mode, func(n int) int {
				if n == 1 {
					return within
				}
				return -1
			})
			if err != nil || len(written) != 2 {
				t.Fatalf("%v over %d connections", err, len(written))
			}
			for at := range written[1] {
				m := cutServer()
				sink, _, err := m.play(t, mode, func(n int) int {
					switch n {
					case 1:
						return within
					case 2:
						return at
					}
					return -1
				})
				if err != nil {
					t.Errorf("second connection cut after byte %d of %d: %v", at, written[1], err)
				}
				if checkAccount(t, m, sink, mode, true); t.Failed() {
					t.Fatalf("second connection cut after byte %d of %d", at, written[1])
				}
			}
			t.Logf("cut after %d bytes, and then after each of %d", within, written[1])
		})
	}
}

// TestCutForGood breaks every connection after each byte: there is an end to it, and what is missing is announced.
func TestCutForGood(t *testing.T) {
	t.Parallel()
	_, written, err := cutServer().play(t, collectors.MessagesRaw, nil)
	if err != nil {
		t.Fatal(err)
	}
	for at := range written[0] {
		m := cutServer()
		sink, written, err := m.play(t, collectors.MessagesRaw, func(int) int { return at })
		if len(written) > 40 {
			t.Fatalf("cut after byte %d: %d connections", at, len(written))
		}
		if err == nil {
			checkAccount(t, m, sink, collectors.MessagesRaw, true)
			continue
		}
		if problems := sink.Problems(); len(problems) > 0 {
			t.Errorf("cut after byte %d: %q", at, problems)
		}
		if len(sink.Resource("list")) == 0 {
			continue
		}
		for _, resource := range []string{"messages/INBOX", "messages/Sent"} {
			e, ok := sink.Expected(resource)
			got := int64(len(sink.Resource(resource)))
			for _, g := range sink.Gaps() {
				if g.Resource == resource {
					got++
				}
			}
			if asked := len(sink.Resource("status")) > 0; asked && (!ok || got < 2 && e.Count <= got) {
				t.Errorf("cut after byte %d: %d of %s came or are in gaps, %d are announced", at, got, resource, e.Count)
			}
		}
	}
}
