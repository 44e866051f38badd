package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// TestBundle shows the whole life of a bundle: create, put, a gap, seal, verify, read back.
func TestBundle(t *testing.T) {
	id := newIdentity(t)
	w := newBundle(t, id, WriterConfig{SegmentSize: 100 << 10})
	want := make(map[string][]byte)
	sizes := []int{0, 1, 19, 4096, 70_000, 1 << 20, 3<<20 + 7, 12} // below, at and above the buffers and the segment size
	for i, size := range sizes {
		ex, body := message(i+1, size)
		if err := w.Expect(Expectation{Account: ex.Account, Collector: "imap", Resource: ex.Resource, Count: int64(len(sizes)) + 1}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Put(ex, iotest.HalfReader(bytes.NewReader(body))); err != nil {
			t.Fatal(err)
		}
		want[ex.Item] = body
	}
	if err := w.Gap(Gap{Account: "alice@example.test", Collector: "imap", Resource: "messages/INBOX", Item: "7/9", Class: GapRefused, Reason: "NO [LIMIT] later"}); err != nil {
		t.Fatal(err)
	}
	sealed := seal(t, w, id)
	if sealed.Counts.Exhibits != int64(len(sizes)) || sealed.Counts.Gaps != 1 || sealed.Counts.Segments < 3 {
		t.Errorf("counts %+v", sealed.Counts)
	}
	v := wantIntact(t, w.Dir())
	if v.Signer != id.Fingerprint() || v.TagManifest != sealed.TagManifest {
		t.Errorf("verified signer %s, SHA-256 %s", v.Signer, v.TagManifest)
	}
	got := readBack(t, w.Dir())
	for item, body := range want {
		if !bytes.Equal(got[item], body) {
			t.Errorf("%s: %d bytes came back, %d were put", item, len(got[item]), len(body))
		}
	}
	if row := sealed.Coverage[0]; row.Asked != 9 || row.Got != 8 || row.Failed != 1 || row.Status != StatusIncomplete {
		t.Errorf("coverage %+v", row)
	}
}

// TestUnannouncedLossBecomesAGap: what a source announced and a collector forgot is a gap, whatever the collector says.
func TestUnannouncedLossBecomesAGap(t *testing.T) {
	id := newIdentity(t)
	w := newBundle(t, id, WriterConfig{})
	put(t, w, 1, 10)
	if err := w.Expect(Expectation{Account: "alice@example.test", Collector: "imap", Resource: "messages/INBOX", Count: 3}); err != nil {
		t.Fatal(err)
	}
	sealed := seal(t, w, id)
	if sealed.Counts.Gaps != 1 || sealed.Coverage[0].Failed != 2 || sealed.Coverage[0].Status != StatusIncomplete {
		t.Errorf("%+v, %+v", sealed.Counts, sealed.Coverage)
	}
	tsv, err := os.ReadFile(filepath.Join(w.Dir(), "data/logs/exceptions.tsv"))
	if err != nil || !strings.Contains(string(tsv), "unaccounted") {
		t.Errorf("exceptions.tsv: %s, %v", tsv, err)
	}
	wantIntact(t, w.Dir())
}

// TestBrokenBody: a body that breaks off leaves nothing, in the buffer or in the file, and the next one is kept.
func TestBrokenBody(t *testing.T) {
	for _, size := range []int{10, 5 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			id := newIdentity(t)
			w := newBundle(t, id, WriterConfig{})
			put(t, w, 1, 1000)
			ex, body := message(2, size)
			lost := errors.New("connection lost")
			_, err := w.Put(ex, io.MultiReader(bytes.NewReader(body), iotest.ErrReader(lost)))
			if !errors.Is(err, lost) || errors.Is(err, ErrStorage) {
				t.Fatalf("Put: %v", err)
			}
			if w.Has(ex.Account, ex.Resource, ex.Item) {
				t.Error("the broken exhibit is said to be there")
			}
			put(t, w, 2, 77)
			put(t, w, 3, 2<<20)
			if sealed := seal(t, w, id); sealed.Counts.Exhibits != 3 {
				t.Errorf("%+v", sealed.Counts)
			}
			wantIntact(t, w.Dir())
		})
	}
}

func TestNothingIsOverwritten(t *testing.T) {
	id := newIdentity(t)
	w := newBundle(t, id, WriterConfig{})
	put(t, w, 1, 10)
	ex, body := message(1, 10)
	if _, err := w.Put(ex, bytes.NewReader(body)); !errors.Is(err, ErrTaken) {
		t.Errorf("the same item again: %v", err)
	}
	ex.Item = "7/2"
	if _, err := w.Put(ex, bytes.NewReader(body)); !errors.Is(err, ErrTaken) {
		t.Errorf("the same name again: %v", err)
	}
	if _, err := Create(w.Dir(), testOpening(id), WriterConfig{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Create over a bundle: %v", err)
	}
	seal(t, w, id)
	if _, err := w.Put(ex, bytes.NewReader(body)); !errors.Is(err, ErrSealed) || !errors.Is(err, ErrStorage) {
		t.Errorf("Put after Seal: %v", err)
	}
	if _, err := Resume(w.Dir(), WriterConfig{}); !errors.Is(err, ErrSealed) {
		t.Errorf("Resume after Seal: %v", err)
	}
}

func TestPutRefusesNames(t *testing.T) {
	w := newBundle(t, newIdentity(t), WriterConfig{})
	for _, name := range []string{"", "/etc/passwd", "../x", "a/../b", "a//b", "a\\b", "a\nb", "a/.hidden", "a/-rf", "caf\xe9"} {
		ex, _ := message(1, 0)
		ex.Name = name
		if _, err := w.Put(ex, strings.NewReader("")); err == nil || errors.Is(err, ErrStorage) {
			t.Errorf("name %q: %v", name, err)
		}
	}
	ex, _ := message(1, 0)
	ex.Attrs = map[string]string{"folder": "\xff"}
	if _, err := w.Put(ex, strings.NewReader("")); err == nil {
		t.Error("an attribute that is not UTF-8 was kept")
	}
}

// TestResume: a bundle that was left, or torn as by a crash, goes on where its last whole record is.
func TestResume(t *testing.T) {
	config := WriterConfig{SegmentSize: 64 << 10}
	for _, crash := range []struct {
		name string
		do   func(t *testing.T, dir string)
		lost int // how many of the 20 messages are to be fetched again, at the most
	}{
		{"closed", func(*testing.T, string) {}, 0},
		{"index torn", func(t *testing.T, dir string) { shorten(t, filepath.Join(dir, "data/index"), ".part", 5) }, 1},
		{"archive torn", func(t *testing.T, dir string) { shorten(t, filepath.Join(dir, "data/segments"), ".part", 1) }, 1},
		{"log torn", func(t *testing.T, dir string) { shorten(t, filepath.Join(dir, "data/logs"), ".log", 3) }, 0},
		{"seal not written", func(t *testing.T, dir string) { removeLast(t, filepath.Join(dir, "seals")) }, 9},
	} {
		t.Run(crash.name, func(t *testing.T) {
			id := newIdentity(t)
			w := newBundle(t, id, config)
			for n := 1; n <= 20; n++ {
				put(t, w, n, 9000)
			}
			if err := w.Gap(Gap{Account: "alice@example.test", Collector: "imap", Resource: "messages/INBOX", Item: "7/21", Class: GapFailed, Reason: "lost"}); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			crash.do(t, w.Dir())
			again, err := Resume(w.Dir(), config)
			if err != nil {
				t.Fatal(err)
			}
			defer again.Close()
			missing := 0
			for n := 1; n <= 21; n++ {
				ex, _ := message(n, 0)
				if !again.Has(ex.Account, ex.Resource, ex.Item) {
					put(t, again, n, 9000)
					missing++
				}
			}
			if missing > crash.lost+1 { // the gap's message comes too now
				t.Errorf("%d messages were fetched again", missing-1)
			}
			sealed := seal(t, again, id)
			if got := readBack(t, w.Dir()); len(got) != 21 {
				t.Errorf("%d messages in the bundle", len(got))
			}
			if row := sealed.Coverage[0]; row.Status != StatusComplete || row.Got != 21 {
				t.Errorf("coverage %+v", row)
			}
			if len(sealed.Sessions) != 2 {
				t.Errorf("sessions %+v", sealed.Sessions)
			}
			wantIntact(t, w.Dir())
		})
	}
}

// shorten cuts some bytes off the newest file of a folder whose name ends so.
func shorten(t *testing.T, dir, suffix string, by int64) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil || len(names) == 0 {
		t.Fatalf("no %s in %s: %v", suffix, dir, err)
	}
	path := names[len(names)-1]
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, info.Size()-by); err != nil {
		t.Fatal(err)
	}
}

// removeLast removes the last file of a folder: a crash between naming a segment's files and writing its seal. The
// segments after it then have no place any more.
func removeLast(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		t.Fatalf("%s: %v", dir, err)
	}
	if err := os.Remove(filepath.Join(dir, entries[len(entries)-1].Name())); err != nil {
		t.Fatal(err)
	}
}

// TestResumeSealing: a run that was killed while the tag files were written is finished by sealing again.
func TestResumeSealing(t *testing.T) {
	id := newIdentity(t)
	w := newBundle(t, id, WriterConfig{})
	put(t, w, 1, 100)
	seal(t, w, id)
	for _, name := range []string{tagManifestFile, signatureFile, checkpointFile} {
		if err := os.Remove(filepath.Join(w.Dir(), name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{logFile, exceptionsFile} { // files become read-only when they are signed
		if err := os.Chmod(filepath.Join(w.Dir(), name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again, err := Resume(w.Dir(), WriterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	seal(t, again, id)
	wantIntact(t, w.Dir())
}

func TestSealWithAnotherKey(t *testing.T) {
	w := newBundle(t, newIdentity(t), WriterConfig{})
	put(t, w, 1, 1)
	_, err := w.Seal(SealConfig{Identity: newIdentity(t), Principal: "x@example.test", Journal: strings.NewReader("")})
	if err == nil || !strings.Contains(err.Error(), "opened to be signed by") {
		t.Errorf("Seal: %v", err)
	}
	if exists(filepath.Join(w.Dir(), tagManifestFile)) {
		t.Error("it was sealed all the same")
	}
}

// TestEmptyBundle: a source that gave nothing at all still gives a bundle that says so.
func TestEmptyBundle(t *testing.T) {
	id := newIdentity(t)
	w := newBundle(t, id, WriterConfig{})
	if sealed := seal(t, w, id); sealed.Counts.Exhibits != 0 || sealed.Counts.Segments != 0 {
		t.Errorf("%+v", sealed.Counts)
	}
	wantIntact(t, w.Dir())
}

// TestGapsOnly: a segment without bodies has no archive.
func TestGapsOnly(t *testing.T) {
	id := newIdentity(t)
	w := newBundle(t, id, WriterConfig{})
	if err := w.Gap(Gap{Account: "alice@example.test", Collector: "imap", Resource: "list", Class: GapRefused, Reason: "=cmd|' /C calc'!A0"}); err != nil {
		t.Fatal(err)
	}
	seal(t, w, id)
	if exists(filepath.Join(w.Dir(), segmentPath(1))) {
		t.Error("there is an archive without entries")
	}
	tsv, err := os.ReadFile(filepath.Join(w.Dir(), exceptionsFile))
	if err != nil || !strings.Contains(string(tsv), "\t'=cmd|") {
		t.Errorf("a formula is in exceptions.tsv: %q, %v", tsv, err)
	}
	wantIntact(t, w.Dir())
}

func TestItemSet(t *testing.T) {
	var s itemSet
	for _, item := range []string{"7/3", "7/1", "7/2", "9/2", "x", "7/007", ""} {
		if s.has(item) || !s.add(item) || s.add(item) || !s.has(item) {
			t.Errorf("%q", item)
		}
	}
	if s.has("7/4") || s.has("7/7") || s.has("9/1") || s.has("y") {
		t.Error("it has what was not put in")
	}
	if n := len(s.ranges["7/"]); n != 1 {
		t.Errorf("1, 2 and 3 are %d ranges", n)
	}
}

func TestSafeName(t *testing.T) {
	seen := make(map[string]string)
	for _, s := range []string{"INBOX", "Éléments envoyés", "日本語", "", ".", "..", ".a", "-rf", "a/b", "a\\b", "CON", "con.txt", "a.", "a ", "a\x00b", "\xff",
		"%41", "\u202eexe", strings.Repeat("é", 200), strings.Repeat("é", 201), "a\nb", "COM1", "=1+1"} {
		name := SafeName(s)
		if !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "/\\\n\x00") || len(name) > maxSafeName {
			t.Errorf("SafeName(%q) = %q", s, name)
		}
		if !safeElement(name) {
			t.Errorf("SafeName(%q) = %q, which Put refuses", s, name)
		}
		if other, twice := seen[name]; twice {
			t.Errorf("%q and %q have the name %q", s, other, name)
		}
		seen[name] = s
	}
	if SafeName("Éléments envoyés") != "Éléments envoyés" {
		t.Error("a name that people can read was changed")
	}
}

func TestSessions(t *testing.T) {
	log := "2026-11-23T14:00:00.000Z\tsession\tstarted\n2026-11-23T14:00:05.000Z\tnote\tx\n2026-11-23T1\n" +
		"2026-11-23T15:00:00.000Z\tsession\tresumed\n2026-11-23T15:00:09.000Z\tsession\tended\n"
	runs, err := sessions(strings.NewReader(log))
	if err != nil || len(runs) != 2 || runs[0].EndedAt.Sub(runs[0].StartedAt) != 5*time.Second || runs[1].How != "resumed" || runs[1].EndedAt.Second() != 9 {
		t.Errorf("%+v", runs)
	}
}

func FuzzParseLine(f *testing.F) {
	ex, body := message(1, 10)
	good, err := appendLine(nil, Record{N: 1, Exhibit: &StoredExhibit{Exhibit: ex, Segment: 1, Offset: 40, Size: int64(len(body))}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"v":1,"n":2,"kind":"gap","salt":"00000000000000000000000000000000","at":"2026-11-23T14:00:00Z"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := parseLine(text)
		if err == nil && (r.Exhibit == nil) == (r.Gap == nil) {
			t.Error("neither exhibit nor gap, or both")
		}
	})
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(strings.Repeat("a", 64) + "  data/x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		lines, err := parseManifest(data)
		if err == nil && !bytes.Equal(formatManifest(lines), data) {
			t.Error("a manifest in another form was accepted")
		}
	})
}
