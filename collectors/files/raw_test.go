package files

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/evidence"
)

// TestRaw keeps every file as it is, whatever it looks like, follows no link, and repeats nothing.
func TestRaw(t *testing.T) {
	dir := t.TempDir()
	contents := []string{"From a@example.test Mon Nov 23 14:05:00 2026\n", "!BDNouch", "PK\x03\x04", ""}
	for i, name := range []string{"mail.mbox", "old.pst", "sub/x.zip", "sub/empty"} {
		write(t, filepath.Join(dir, name), contents[i])
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	ageAll(t, dir)
	regular := func() []string { // where a link points to cannot be read without moving its time of access
		return slices.DeleteFunc(strings.Split(snapshot(t, dir), "\n"), func(line string) bool { return strings.HasPrefix(line, filepath.Join(dir, "link")+" ") })
	}
	before := regular()
	sink := gather(t, Raw, dir, collectors.MessagesRaw)
	var kept []string
	for _, k := range sink.Resource("files/raw:" + dir) {
		kept = append(kept, string(k.Body))
		if k.MediaType != "application/octet-stream" || k.Attrs["mtime"] == "" {
			t.Errorf("%s: %s, %v", k.Item, k.MediaType, k.Attrs)
		}
	}
	slices.Sort(kept)
	slices.Sort(contents)
	if !slices.Equal(kept, contents) {
		t.Errorf("kept %q", kept)
	}
	wantGap(t, sink, evidence.GapInvalid, "import/raw:"+dir, "link")
	if after := regular(); !slices.Equal(after, before) {
		t.Error("the source changed")
	}
	n := len(sink.Kept())
	if err := mustNew(t, Raw, dir).Collect(t.Context(), scopeOf(collectors.MessagesRaw), sink); err != nil || len(sink.Kept()) != n {
		t.Errorf("importing again put %d more: %v", len(sink.Kept())-n, err)
	}
}

// TestAttached keeps two files of one slot, and a file that is gone meanwhile is a gap of the slot.
func TestAttached(t *testing.T) {
	dir := t.TempDir()
	sink := &collectortest.Sink{}
	paths := []string{write(t, filepath.Join(dir, "a", "shot.png"), "\x89PNG\r\n\x1a\nx"), write(t, filepath.Join(dir, "b", "note.txt"), "called"), write(t, filepath.Join(dir, "gone"), "x")}
	for i, path := range paths {
		c, err := New(Config{Kind: Attached, Path: path, Attachment: Attachment{Resource: "manual/x", Count: 3, Slot: "x", Attrs: map[string]string{"taken-by": "me"}}})
		if err != nil {
			t.Fatal(err)
		}
		if i == 2 {
			c.refused = func(string) error { return os.ErrNotExist }
		}
		if err := c.Collect(t.Context(), scopeOf(collectors.MessagesRaw), sink); err != nil {
			t.Fatal(err)
		}
	}
	collectortest.CheckSink(t, sink)
	kept := sink.Resource("manual/x")
	if len(kept) != 2 || kept[0].MediaType != "image/png" || kept[0].Item != paths[0] || kept[1].Attrs["taken-by"] != "me" || string(kept[1].Body) != "called" {
		t.Errorf("kept %+v", kept)
	}
	wantGap(t, sink, evidence.GapVanished, "manual/x", "")
	for name, want := range map[string]error{"": ErrNotAFile, "empty": ErrEmpty, "large": ErrTooLarge, "absent": ErrNothing} {
		path := filepath.Join(dir, name)
		switch name {
		case "empty", "large":
			write(t, path, "")
			if err := os.Truncate(path, map[string]int64{"large": AttachedAtMost + 1}[name]); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := New(Config{Kind: Attached, Path: path}); !errors.Is(err, want) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
