package bundlediff

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/signature"
)

// A record is an exhibit of a test's bundle.
type record struct{ resource, item, body, flags string }

// A source describes a bundle: what is in it, what the server announced, and by what the collection was limited.
type source struct {
	records []record
	folders []string // that were read
	gaps    []string // items of messages/INBOX that could not be read
	options map[string][]string
}

func build(t *testing.T, n int, s source) *evidence.Bundle {
	t.Helper()
	id, err := signature.Create(filepath.Join(t.TempDir(), "identity"), "test")
	if err != nil {
		t.Fatal(err)
	}
	const account = "alice@example.test"
	dir := filepath.Join(t.TempDir(), fmt.Sprintf("01JDCTZ000000000000000000%d", n))
	w, err := evidence.Create(dir, evidence.Opening{Bundle: filepath.Base(dir), CreatedAt: time.Date(2026, 11, 22+n, 14, 0, 0, 0, time.UTC), Accounts: []string{account},
		Options: s.options, Signer: id.Fingerprint()}, evidence.WriterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int64{"list": 0}
	for _, folder := range s.folders {
		count["messages/"+folder] = 0
	}
	for _, r := range s.records {
		count[r.resource]++
	}
	for resource, n := range count {
		if resource == "list" {
			n = max(n, 1)
		}
		if resource == "messages/INBOX" {
			n += int64(len(s.gaps))
		}
		if err := w.Expect(evidence.Expectation{Account: account, Collector: "imap", Resource: resource, Count: n}); err != nil {
			t.Fatal(err)
		}
	}
	put := func(i int, r record) {
		ex := evidence.Exhibit{Account: account, Collector: "imap", Resource: r.resource, Item: r.item, Name: fmt.Sprintf("alice@example.test/%d.txt", i),
			MediaType: "text/plain", FetchedAt: time.Now()}
		if strings.HasPrefix(r.resource, "messages/") {
			ex.MediaType, ex.Attrs = "message/rfc822", map[string]string{"flags": r.flags}
		}
		if r.resource == gmailMessages {
			ex.Collector = "workspace"
			ex.Attrs = map[string]string{"gmail": "raw", "label-ids": r.flags, "raw.sha256": fmt.Sprintf("%x", sha256.Sum256([]byte(r.body)))}
			r.body = fmt.Sprintf(`{"raw":%q,"labelIds":%q}`, r.body, r.flags)
		}
		if _, err := w.Put(ex, strings.NewReader(r.body)); err != nil {
			t.Fatal(err)
		}
	}
	for i, r := range s.records {
		put(i, r)
	}
	if !slices.ContainsFunc(s.records, func(r record) bool { return r.resource == "list" }) {
		put(len(s.records), record{"list", "", "* LIST", ""})
	}
	for _, item := range s.gaps {
		if err := w.Gap(evidence.Gap{Account: account, Collector: "imap", Resource: "messages/INBOX", Item: item, Class: evidence.GapRefused, Reason: "NO"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Seal(evidence.SealConfig{Identity: id, Principal: "op@example.test", Journal: strings.NewReader("")}); err != nil {
		t.Fatal(err)
	}
	b, err := evidence.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// compare gives the differences as short lines.
func compare(t *testing.T, a, b source) []string {
	t.Helper()
	d, err := Compare(build(t, 1, a), build(t, 2, b))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range d.Settings {
		got = append(got, fmt.Sprintf("%s %s %s%s %s", s.Change, s.Resource, s.A, s.B, strings.Join(s.Lines, "")))
	}
	for _, f := range d.Folders {
		got = append(got, fmt.Sprintf("%s %s %d %d %d", f.Change, f.Folder, f.OnlyA, f.OnlyB, f.Again))
	}
	for _, m := range d.Messages {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s%s %s %s%s", m.Change, m.Folder, m.A, m.B, m.ToFolder, m.FlagsA, m.FlagsB)))
	}
	return append(got, fmt.Sprintf("same %d", d.Same))
}

func inbox(item, body string) record { return record{"messages/INBOX", item, body, `(\Seen)`} }

func TestCompare(t *testing.T) {
	both := []string{"INBOX", "Trash"}
	for _, c := range []struct {
		name string
		a, b source
		want []string
	}{
		{"the same", source{folders: both, records: []record{inbox("7/1", "one")}}, source{folders: both, records: []record{inbox("7/1", "one")}}, []string{"same 1"}},
		{"settings", source{folders: both, records: []record{{"sieve", "a", "keep;\nstop;\n", ""}, {"acl", "INBOX", "x", ""}}},
			source{folders: both, records: []record{{"sieve", "a", "keep;\nredirect \"x@evil\";\nstop;\n", ""}, {"sieve", "b", "new", ""}}},
			[]string{"unknown acl P-000002 ", `changed sieve P-000001P-000001 +redirect "x@evil";`, "added sieve P-000002 ", "same 0"}},
		{"vanished, appeared, re-flagged", source{folders: both, records: []record{inbox("7/1", "one"), inbox("7/2", "two"), {"messages/INBOX", "7/3", "three", `(\Seen \Recent)`}}},
			source{folders: both, records: []record{{"messages/INBOX", "7/2", "two", `(\Flagged \Seen)`}, inbox("7/3", "three"), inbox("7/4", "four")}},
			[]string{`appeared INBOX P-000003  \Seen`, `re-flagged INBOX P-000002P-000001  \Seen\Flagged \Seen`, `vanished INBOX P-000001  \Seen`, "same 1"}},
		{"moved", source{folders: both, records: []record{inbox("7/1", "one")}}, source{folders: both, records: []record{{"messages/Trash", "9/5", "one", ""}}},
			[]string{"moved INBOX P-000001P-000001 Trash", "same 0"}},
		{"gaps in the second: nothing follows", source{folders: both, records: []record{inbox("7/1", "one"), inbox("7/2", "two")}},
			source{folders: both, records: []record{inbox("7/2", "two")}, gaps: []string{"7/1"}}, []string{"unknown INBOX 1 0 0", "same 1"}},
		{"limited in time: nothing follows", source{folders: both, records: []record{inbox("7/1", "one")}},
			source{folders: both, options: map[string][]string{"since": {"2026-11-01"}}}, []string{"unknown INBOX 1 0 0", "same 0"}},
		{"other folders: nothing follows", source{folders: both, records: []record{inbox("7/1", "one")}},
			source{folders: []string{"Trash"}, options: map[string][]string{"folder": {"Trash"}}}, []string{"unknown INBOX 1 0 0", "same 0"}},
		{"no messages: nothing follows", source{folders: both, records: []record{inbox("7/1", "one")}},
			source{options: map[string][]string{"messages": {"none"}}}, []string{"unknown INBOX 1 0 0", "unknown Trash 0 0 0", "same 0"}},
		{"folder vanished and appeared", source{folders: []string{"INBOX", "Old"}, records: []record{{"messages/Old", "3/1", "one", ""}}},
			source{folders: []string{"INBOX", "New"}, records: []record{{"messages/New", "4/1", "one", ""}}},
			[]string{"appeared New 0 1 0", "vanished Old 1 0 0", "moved Old P-000001P-000001 New", "same 0"}},
		{"renumbered", source{folders: both, records: []record{inbox("7/1", "one"), inbox("7/2", "two")}},
			source{folders: both, records: []record{inbox("8/1", "two"), inbox("8/2", "three")}},
			[]string{"renumbered INBOX 2 2 1", `appeared INBOX P-000002  \Seen`, `vanished INBOX P-000001  \Seen`, "same 0"}},
		{"altered", source{folders: both, records: []record{inbox("7/1", "one")}}, source{folders: both, records: []record{inbox("7/1", "two")}},
			[]string{"altered INBOX P-000001P-000001", "same 0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := compare(t, c.a, c.b); !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

// TestGmail compares messages that were read over Gmail's API: by their ids, and their own bytes rather than the answers'.
func TestGmail(t *testing.T) {
	message := func(id, body, labels string) record { return record{gmailMessages, id, body, labels} }
	a := build(t, 1, source{records: []record{message("18a", "one", "INBOX UNREAD"), message("18b", "two", "INBOX"), message("18c", "three", "TRASH"), message("18d", "four", "SENT")}})
	b := build(t, 2, source{records: []record{message("18a", "one", "UNREAD INBOX"), message("18b", "two", "TRASH"), message("18d", "for", "SENT"), message("18e", "five", "INBOX")}})
	diff, err := Compare(a, b)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range diff.Messages {
		got = append(got, fmt.Sprintf("%s %s %s>%s %s>%s", m.Change, m.Folder, m.A, m.B, m.FlagsA, m.FlagsB))
	}
	want := []string{"altered gmail/messages P-000004>P-000003 >", "appeared gmail/messages >P-000004 >INBOX", "re-flagged gmail/messages P-000002>P-000002 INBOX>TRASH",
		"vanished gmail/messages P-000003> TRASH>"}
	if !slices.Equal(got, want) || diff.Same != 1 || len(diff.Settings) > 0 {
		t.Errorf("got %q, %d the same, settings %+v, want %q", got, diff.Same, diff.Settings, want)
	}
}

func TestDiffLines(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"a\nb\nc\n", "a\r\nx\nc", "-b +x"}, {"", "a\n", "+a"}, {"a\nb\n", "b\na\n", "-a +a"}, {"\x00", "a", ""}, {"a", "\xff", ""}, {"same", "same", ""},
	} {
		if got := strings.Join(diffLines([]byte(c.a), []byte(c.b)), " "); got != c.want {
			t.Errorf("%q, %q: %q, want %q", c.a, c.b, got, c.want)
		}
	}
}

func TestWithoutChatter(t *testing.T) {
	a := "* 4 EXISTS\r\nA0010 OK [READ-ONLY] Examine completed (0.001 + 0.000 secs).\r\n"
	b := "* 4 EXISTS\r\nA0013 OK [READ-ONLY] Examine completed (0.012 + 0.000 + 0.011 secs).\r\n"
	if x, y := withoutChatter([]byte(a)), withoutChatter([]byte(b)); string(x) != string(y) || !strings.Contains(string(x), "4 EXISTS") {
		t.Errorf("%q, %q", x, y)
	}
	if x, y := withoutChatter([]byte(a)), withoutChatter([]byte(strings.Replace(b, "OK", "NO", 1))); string(x) == string(y) {
		t.Error("a refusal is taken for chatter")
	}
}

// TestMemory holds the figure of the package's documentation: 40 bytes a message, twice that while the list grows.
func TestMemory(t *testing.T) {
	if size := unsafe.Sizeof(message{}); size > 40 {
		t.Errorf("a message takes %d bytes", size)
	}
	const messages = 200_000
	tab := &table{index: make(map[string]uint32)}
	s := &side{folders: make(map[folderKey]*folder)}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for n := range messages {
		x := &evidence.StoredExhibit{Exhibit: evidence.Exhibit{Account: "a", Resource: "messages/INBOX", Item: fmt.Sprintf("7/%d", n), Attrs: map[string]string{"flags": `(\Seen)`}}}
		s.addMessage(evidence.Record{N: int64(n) + 1, Exhibit: x}, tab)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := float64(after.HeapAlloc-before.HeapAlloc) / messages
	t.Logf("%.0f bytes a message", each)
	if each > 80 {
		t.Errorf("%.0f bytes a message", each)
	}
	runtime.KeepAlive(s)
}
