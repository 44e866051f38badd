package imap

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/earlier"
)

// collectIntoBundle collects from a fake and gives the sealed bundle.
func collectIntoBundle(t *testing.T, cfg Config, scope collectors.Scope, name string, since *evidence.EarlierBundle) *evidence.Bundle {
	t.Helper()
	w, seal := collectortest.NewBundle(t, name, []string{scope.Account}, since)
	if err := mustNew(t, cfg).Collect(t.Context(), scope, w); err != nil {
		t.Fatal(err)
	}
	return seal()
}

// reportOf reads what a collection found out about messages that are not there any more.
func reportOf(t *testing.T, sink *collectortest.Sink) earlier.FolderReport {
	t.Helper()
	kept := sink.Resource(earlier.Resource)
	if len(kept) != 1 {
		t.Fatalf("%d reports", len(kept))
	}
	var report earlier.Report
	if err := json.Unmarshal(kept[0].Body, &report); err != nil || len(report.Folders) != 1 {
		t.Fatalf("%s: %v", kept[0].Body, err)
	}
	return report.Folders[0]
}

// TestSinceABundle: on a server that keeps no mod-sequences all flags are compared. TestScripts has a Dovecot that keeps
// them.
func TestSinceABundle(t *testing.T) {
	f := &fake{folders: []*fakeFolder{inbox(10)}}
	cfg := f.start(t)
	flags := map[uint32]string{}
	f.command = func(c *fakeConn, tag, name, args string) bool {
		if name != "UID FETCH" || !strings.HasSuffix(args, "(UID FLAGS)") {
			return false
		}
		for _, uid := range c.folder.uids() {
			said := `\Seen`
			if changed, ok := flags[uid]; ok {
				said = changed
			}
			c.say("* %d FETCH (UID %d FLAGS (%s))\r\n", c.seq(uid), uid, said)
		}
		c.say("%s OK done\r\n", tag)
		return true
	}
	first := collectIntoBundle(t, cfg, rawScope, "01FIRST", nil)
	load := func(bundles ...*evidence.Bundle) *earlier.State {
		state, err := earlier.Load(bundles, rawScope.Account)
		if err != nil {
			t.Fatal(err)
		}
		return state
	}

	f.serial.Lock()
	delete(f.folders[0].messages, 3)
	delete(f.folders[0].messages, 4)
	f.folders[0].messages[11] = "Subject: new\r\n\r\nnew\r\n"
	f.folders[0].uidNext = 12
	flags[5] = `\Seen \Flagged \Recent`
	f.serial.Unlock()
	scope := rawScope
	scope.Earlier = load(first)
	second := collectIntoBundle(t, cfg, scope, "01SECOND", &evidence.EarlierBundle{Bundle: "01FIRST"})

	sink := &collectortest.Sink{}
	if err := mustNew(t, cfg).Collect(t.Context(), scope, sink); err != nil {
		t.Fatal(err)
	}
	collectortest.CheckSink(t, sink)
	report := reportOf(t, sink)
	if len(sink.Messages()) != 1 || sink.Messages()[0].Exhibit.Item != "77/11" {
		t.Errorf("%d messages were fetched", len(sink.Messages()))
	}
	if u := report.Unused; u == nil || u.Count != 2 || u.UIDs != "3:4" {
		t.Errorf("unused numbers: %+v", u)
	}
	c := report.Earlier
	gone := slices.Collect(func(yield func(uint32) bool) {
		for _, g := range c.Vanished {
			if g.Bundle != "01FIRST" || g.Exhibit == "" || !yield(g.UID) {
				return
			}
		}
	})
	if !slices.Equal(gone, []uint32{3, 4}) || c.New != 1 || c.Held != 10 || c.Flags != earlier.FlagsCompared {
		t.Errorf("compared: %+v", c)
	}
	if len(c.Reflagged) != 1 || c.Reflagged[0].UID != 5 || c.Reflagged[0].Before != `\Seen` || c.Reflagged[0].After != `\Flagged \Seen` {
		t.Errorf("re-flagged: %+v", c.Reflagged)
	}

	// A third one builds on both: nothing changed since the second.
	scope.Earlier = load(first, second)
	if held := scope.Earlier.Folder("messages/INBOX"); held.Len() != 9 {
		t.Errorf("the two bundles hold %d messages that are still there, want 9", held.Len())
	}
	sink = &collectortest.Sink{}
	if err := mustNew(t, cfg).Collect(t.Context(), scope, sink); err != nil {
		t.Fatal(err)
	}
	c = reportOf(t, sink).Earlier
	if len(sink.Messages()) != 0 || c.New != 0 || len(c.Vanished) != 0 || len(c.Reflagged) != 0 {
		t.Errorf("%d messages were fetched, compared: %+v", len(sink.Messages()), c)
	}

	// Another UIDVALIDITY: the numbers tell nothing, and everything is read anew.
	f.serial.Lock()
	f.folders[0].uidValidity++
	f.serial.Unlock()
	sink = &collectortest.Sink{}
	if err := mustNew(t, cfg).Collect(t.Context(), scope, sink); err != nil {
		t.Fatal(err)
	}
	c = reportOf(t, sink).Earlier
	if len(sink.Messages()) != 9 || c.Renewed == nil || *c.Renewed != 77 || len(c.Vanished) != 0 {
		t.Errorf("%d messages were fetched, compared: %+v", len(sink.Messages()), c)
	}
}
