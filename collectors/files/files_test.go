package files

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/seedmail"
)

const account = "alice@example.test"

func scopeOf(mode collectors.MessageMode) collectors.Scope {
	return collectors.Scope{Account: account, Messages: mode}
}

func mustNew(t testing.TB, kind Kind, path string) *Collector {
	t.Helper()
	c, err := New(Config{Kind: kind, Path: path})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// gather imports a path into a sink and wants neither problems nor silence.
func gather(t testing.TB, kind Kind, path string, mode collectors.MessageMode) *collectortest.Sink {
	t.Helper()
	sink := &collectortest.Sink{}
	if err := mustNew(t, kind, path).Collect(t.Context(), scopeOf(mode), sink); err != nil {
		t.Fatal(err)
	}
	collectortest.CheckSink(t, sink)
	return sink
}

func write(t testing.TB, path, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// snapshot is what must not change below a path: names, kinds, sizes, both times, digests.
func snapshot(t testing.TB, path string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		stat := info.Sys().(*syscall.Stat_t)
		fmt.Fprintf(&b, "%s %s %d mtime %d.%d", name, info.Mode(), info.Size(), stat.Mtim.Sec, stat.Mtim.Nsec)
		if !info.IsDir() { // this walk itself reads directories
			fmt.Fprintf(&b, " atime %d.%d", stat.Atim.Sec, stat.Atim.Nsec)
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// digests are those of all files below a path. Reading them moves times of access, so that it comes last.
func digests(t testing.TB, path string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(name)
		fmt.Fprintf(&b, "%s %x\n", name, sha256.Sum256(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// ageAll puts the times of access of a tree into the past, where relatime (mount(8)) would move them at the next reading.
func ageAll(t testing.TB, path string) {
	t.Helper()
	err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return os.Chtimes(name, info.ModTime().AddDate(-2, 0, 0), info.ModTime())
	})
	if err != nil {
		t.Fatal(err)
	}
}

func seeded(n int) [][]byte {
	var all [][]byte
	for m := range seedmail.Mailbox(seedmail.Spec{Seed: 3, Messages: n}) {
		all = append(all, m.Raw)
	}
	return all
}

// harness makes a source from what make writes into a directory.
func harness(kind Kind, make func(t *testing.T, dir string) (path string, messages [][]byte)) collectortest.Harness {
	source := func(t *testing.T) collectortest.Source {
		dir := t.TempDir()
		path, messages := make(t, dir)
		ageAll(t, dir)
		return collectortest.Source{Collector: mustNew(t, kind, path), Scope: scopeOf(collectors.MessagesRaw), Messages: messages,
			Snapshot: func(t testing.TB) string { return snapshot(t, dir) }}
	}
	return collectortest.Harness{Healthy: source, Refusing: func(t *testing.T) collectortest.Source {
		src := source(t)
		if kind == Mbox {
			t.Skip("an mbox is refused as a whole: TestRefusedMbox")
		}
		src.Collector.(*Collector).refused = func(rel string) error {
			if base := filepath.Base(rel); base == "007.eml" || strings.Contains(base, ".M000007P7.") {
				return fmt.Errorf("%s: %w", rel, fs.ErrPermission)
			}
			return nil
		}
		return src
	}}
}

func TestPromisesOfEML(t *testing.T) {
	collectortest.Run(t, harness(EML, func(t *testing.T, dir string) (string, [][]byte) {
		messages := seeded(40)
		for i, m := range messages {
			write(t, filepath.Join(dir, fmt.Sprintf("folder %d", i%3), fmt.Sprintf("%03d.eml", i)), string(m))
		}
		write(t, filepath.Join(dir, "README.txt"), "no message")
		return dir, messages
	}))
}

func TestPromisesOfMbox(t *testing.T) {
	collectortest.Run(t, harness(Mbox, func(t *testing.T, dir string) (string, [][]byte) {
		messages := seeded(40)
		var b bytes.Buffer
		for i, m := range messages {
			messages[i] = bytes.ReplaceAll(bytes.TrimRight(m, "\n"), []byte("\nFrom "), []byte("\n>From "))
			messages[i] = append(messages[i], '\n')
			fmt.Fprintf(&b, "From MAILER-DAEMON Mon Nov 23 14:05:%02d 2026\n%s\n", i, messages[i])
		}
		return write(t, filepath.Join(dir, "all.mbox"), b.String()), messages
	}))
}

func TestPromisesOfMaildir(t *testing.T) {
	collectortest.Run(t, harness(Maildir, func(t *testing.T, dir string) (string, [][]byte) {
		path := filepath.Join(dir, "Maildir")
		if _, err := seedmail.WriteMaildir(path, seedmail.Spec{Seed: 5, Messages: 40}); err != nil {
			t.Fatal(err)
		}
		var messages [][]byte
		for _, pattern := range []string{"cur/*", "new/*", ".*/cur/*", ".*/new/*"} {
			names, err := filepath.Glob(filepath.Join(path, pattern))
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				data, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				messages = append(messages, data)
			}
		}
		return path, messages
	}))
}

func TestPromisesOfArchives(t *testing.T) {
	for name, pack := range map[string]func(t *testing.T, path string, messages [][]byte){"zip": writeZip, "tar": writeTar, "tar.gz": writeTarGzip} {
		t.Run(name, func(t *testing.T) {
			h := harness(EML, func(t *testing.T, dir string) (string, [][]byte) {
				path, messages := filepath.Join(dir, "mail."+name), seeded(20)
				pack(t, path, messages)
				return path, messages
			})
			h.Refusing = nil // an archive is refused as a whole
			collectortest.Run(t, h)
		})
	}
}

func writeZip(t *testing.T, path string, messages [][]byte) {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i, m := range messages {
		w, err := z.Create(fmt.Sprintf("../../Takeout/Mail/%d.eml", i)) // a name that leads out of any directory
		if err == nil {
			_, err = w.Write(m)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, path, b.String())
}

func tarOf(t *testing.T, messages [][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i, m := range messages {
		err := w.WriteHeader(&tar.Header{Name: fmt.Sprintf("/etc/%d.eml", i), Mode: 0o600, Size: int64(len(m)), Typeflag: tar.TypeReg})
		if err == nil {
			_, err = w.Write(m)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func writeTar(t *testing.T, path string, messages [][]byte) {
	write(t, path, string(tarOf(t, messages)))
}

func gzipOf(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func writeTarGzip(t *testing.T, path string, messages [][]byte) {
	write(t, path, string(gzipOf(t, tarOf(t, messages))))
}

// TestAccessTimes: where the system lets us, not even the time of last access moves, of files and of directories. The
// control shows that an ordinary reading moves it here, so that the test can fail.
func TestAccessTimes(t *testing.T) {
	dir := t.TempDir()
	path := write(t, filepath.Join(dir, "sub", "a.eml"), "Subject: x\n\n")
	control := write(t, filepath.Join(t.TempDir(), "control.txt"), "x")
	old := time.Now().AddDate(-2, 0, 0)
	all := []string{path, filepath.Join(dir, "sub"), dir, control}
	for _, name := range all {
		if err := os.Chtimes(name, old, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	gather(t, EML, dir, collectors.MessagesRaw)
	if _, err := os.ReadFile(control); err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		at := info.Sys().(*syscall.Stat_t).Atim
		moved := time.Since(time.Unix(at.Sec, at.Nsec)) < 24*time.Hour
		if name == control && !moved {
			t.Skip("SKIPPED: this file system keeps no times of access (noatime)")
		}
		if name != control && moved {
			t.Errorf("reading moved the time of last access of %s", name)
		}
	}
}

// TestRefusedMbox: an mbox that cannot be opened is a gap of the whole file.
func TestRefusedMbox(t *testing.T) {
	c := mustNew(t, Mbox, write(t, filepath.Join(t.TempDir(), "x.mbox"), "From a Mon Nov 23 14:05:00 2026\nA: b\n\n"))
	c.refused = func(rel string) error {
		if rel == "x.mbox" {
			return fs.ErrPermission
		}
		return nil
	}
	sink := &collectortest.Sink{}
	if err := c.Collect(t.Context(), scopeOf(collectors.MessagesRaw), sink); err != nil {
		t.Fatal(err)
	}
	wantGap(t, sink, evidence.GapRefused, "messages/mbox:"+c.path, "permission")
}

func wantGap(t testing.TB, sink *collectortest.Sink, class evidence.GapClass, resource, reason string) {
	t.Helper()
	if !slices.ContainsFunc(sink.Gaps(), func(g evidence.Gap) bool {
		return g.Class == class && g.Resource == resource && strings.Contains(g.Reason, reason)
	}) {
		t.Errorf("no gap of class %s in %s says %q: %+v", class, resource, reason, sink.Gaps())
	}
}

func TestWrongKind(t *testing.T) {
	dir := t.TempDir()
	maildir := filepath.Join(dir, "Maildir")
	write(t, filepath.Join(maildir, "cur", "1"), "x")
	if err := os.Mkdir(filepath.Join(maildir, "new"), 0o700); err != nil {
		t.Fatal(err)
	}
	mbox := write(t, filepath.Join(dir, "x.mbox"), "From a\nA: b\n\n")
	fifo := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		kind  Kind
		path  string
		means Kind
	}{
		{Maildir, mbox, ""}, {Maildir, dir, ""}, {EML, maildir, Maildir}, {Mbox, maildir, Maildir}, {EML, mbox, Mbox}, {Sieve, mbox, Mbox},
		{Mbox, fifo, ""}, {Mbox, write(t, filepath.Join(dir, "x.zip"), "PK\x03\x04"), ""},
	} {
		_, err := New(Config{Kind: c.kind, Path: c.path})
		var kind *KindError
		if !errors.As(err, &kind) || kind.Means != c.means {
			t.Errorf("%s %s: %v, want a KindError that means %q", c.kind, c.path, err, c.means)
		}
	}
	for _, pst := range []string{write(t, filepath.Join(dir, "outlook.pst"), ""), write(t, filepath.Join(dir, "noname"), "!BDN1234")} {
		for _, kind := range []Kind{EML, Mbox} {
			if _, err := New(Config{Kind: kind, Path: pst}); !errors.Is(err, ErrPST) {
				t.Errorf("%s %s: %v, want ErrPST", kind, pst, err)
			}
		}
	}
	for _, missing := range []string{filepath.Join(dir, "none"), filepath.Join(dir, "*.none")} {
		if _, err := New(Config{Kind: Mbox, Path: missing}); !errors.Is(err, ErrNothing) {
			t.Errorf("%s: %v, want ErrNothing", missing, err)
		}
	}
	err := mustNew(t, Mbox, mbox).Collect(t.Context(), collectors.Scope{Account: account, Folders: []string{"INBOX"}}, &collectortest.Sink{})
	if !errors.Is(err, ErrBounded) {
		t.Errorf("a scope with bounds: %v, want ErrBounded", err)
	}
}

// TestOddDirectory: what is no file is never opened and never passed over.
func TestOddDirectory(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.eml"), "Subject: a\n\n")
	write(t, filepath.Join(dir, "A.eml"), "Subject: A\n\n") // one file on some systems
	write(t, filepath.Join(dir, "empty.eml"), "")
	write(t, filepath.Join(dir, "odd\xff\n\x1b[31m.eml"), "Subject: odd\n\n")
	write(t, filepath.Join(dir, "old.pst"), "!BDN")
	outside := write(t, filepath.Join(t.TempDir(), "secret.eml"), "secret")
	for link, target := range map[string]string{"loop": ".", "out.eml": outside, "self.eml": "self.eml"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.eml"), 0o600); err != nil {
		t.Fatal(err)
	}
	sink := gather(t, EML, dir, collectors.MessagesRaw)
	if n := len(sink.Messages()); n != 4 {
		t.Errorf("%d messages, want 4", n)
	}
	resource := "import/eml:" + dir
	for _, what := range []string{"loop: a symbolic link", "out.eml: a symbolic link", "self.eml: a symbolic link", "pipe.eml: a pipe", "readpst"} {
		wantGap(t, sink, evidence.GapInvalid, resource, what)
	}
	for _, k := range sink.Kept() {
		if bytes.Contains(k.Body, []byte("secret\n")) || string(k.Body) == "secret" {
			t.Errorf("%s holds what a link leads to", k.Name)
		}
	}
	listing := sink.Resource(resource)[0]
	if !bytes.Contains(listing.Body, []byte(`"type":"pipe"`)) || !bytes.Contains(listing.Body, []byte(`"path_base64"`)) {
		t.Errorf("the listing lacks something:\n%s", listing.Body)
	}
}

// TestChangingFile: a message that grows while it is read is no exhibit.
func TestChangingFile(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "a.eml"), "Subject: a\n\n"+strings.Repeat("x", 100_000))
	sink := &collectortest.Sink{}
	sink.BeforePut = func(ex evidence.Exhibit) error {
		if ex.MediaType == "message/rfc822" {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err == nil {
				_, err = f.WriteString("more")
				err = errors.Join(err, f.Close())
			}
			return err
		}
		return nil
	}
	if err := mustNew(t, EML, path).Collect(t.Context(), scopeOf(collectors.MessagesRaw), sink); err != nil {
		t.Fatal(err)
	}
	collectortest.CheckSink(t, sink)
	if len(sink.Messages()) != 0 {
		t.Error("a message that changed was kept")
	}
	wantGap(t, sink, evidence.GapInvalid, "messages/eml:"+path, "changed while it was read")
}

func TestMetadataIsTheHeader(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"crlf": "A: b\r\n c\r\n\r\nbody\r\n", "lf": "A: b\n\nbody", "none": "A: b\n", "empty": "\nbody"} {
		write(t, filepath.Join(dir, name+".eml"), content)
	}
	sink := gather(t, EML, dir, collectors.MessagesMetadata)
	want := map[string]string{"crlf.eml": "A: b\r\n c\r\n\r\n", "lf.eml": "A: b\n\n", "none.eml": "A: b\n", "empty.eml": "\n"}
	for _, k := range sink.Messages() {
		if k.MediaType != "text/rfc822-headers" || string(k.Body) != want[k.Item] {
			t.Errorf("%s: %s %q, want %q", k.Item, k.MediaType, k.Body, want[k.Item])
		}
	}
	if len(sink.Messages()) != len(want) {
		t.Errorf("%d messages, want %d", len(sink.Messages()), len(want))
	}
	if n := len(gather(t, EML, dir, collectors.MessagesNone).Messages()); n != 0 {
		t.Errorf("%d messages although none were asked for", n)
	}
}

func TestSieve(t *testing.T) {
	home := t.TempDir()
	active := write(t, filepath.Join(home, "sieve", "main.sieve"), "keep;\n")
	write(t, filepath.Join(home, "sieve", "old.sieve"), "redirect \"x@example.org\";\n")
	if err := os.Symlink("sieve/main.sieve", filepath.Join(home, ".dovecot.sieve")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{home, filepath.Join(home, "sieve"), filepath.Join(home, ".dovecot.sieve")} {
		sink := gather(t, Sieve, path, collectors.MessagesRaw)
		if gaps := sink.Gaps(); len(gaps) > 0 {
			t.Errorf("%s: %+v", path, gaps)
		}
		found := false
		for _, k := range sink.Resource("scripts/sieve:" + path) {
			isActive := filepath.Base(k.Attrs["path"]) == "main.sieve" || path == filepath.Join(home, ".dovecot.sieve")
			found = found || isActive
			if (k.Attrs["active"] == "yes") != isActive || k.MediaType != "application/sieve" {
				t.Errorf("%s: %s: %v", path, k.Item, k.Attrs)
			}
		}
		if !found {
			t.Errorf("%s: the active script was not kept", path)
		}
	}
	if got := gather(t, Sieve, active, collectors.MessagesRaw).Resource("scripts/sieve:" + active)[0].Attrs["active"]; got != "unknown" {
		t.Errorf("a script by itself is active %q, want unknown", got)
	}
}

// TestBombs: an archive that unpacks to more than the limits is ended by a gap, and what came before stays.
func TestBombs(t *testing.T) {
	dir := t.TempDir()
	bomb := filepath.Join(dir, "bomb.gz")
	write(t, bomb, string(gzipOf(t, make([]byte, 100<<20))))
	sink := gather(t, EML, bomb, collectors.MessagesRaw)
	wantGap(t, sink, evidence.GapInvalid, "messages/eml:"+bomb, ErrLimit.Error())

	many := filepath.Join(dir, "many.zip")
	writeZip(t, many, seeded(10))
	for _, limits := range []Limits{{Members: 4}, {Unpacked: 3000}, {MessageSize: 200}} {
		c, err := New(Config{Kind: EML, Path: many, Limits: limits})
		if err != nil {
			t.Fatal(err)
		}
		sink := &collectortest.Sink{}
		if err := c.Collect(t.Context(), scopeOf(collectors.MessagesRaw), sink); err != nil {
			t.Fatal(err)
		}
		collectortest.CheckSink(t, sink)
		wantGap(t, sink, evidence.GapInvalid, "messages/eml:"+many, ErrLimit.Error())
		if len(sink.Messages()) >= 10 {
			t.Errorf("%+v: all messages came", limits)
		}
	}
	torn := filepath.Join(dir, "torn.tar")
	write(t, torn, string(tarOf(t, seeded(10))[:9000]))
	sink = gather(t, EML, torn, collectors.MessagesRaw)
	if len(sink.Gaps()) == 0 || len(sink.Messages()) == 0 {
		t.Errorf("a torn archive: %d messages, gaps %+v", len(sink.Messages()), sink.Gaps())
	}
}

// TestArchiveMembers: mail of another kind and links in an archive are gaps.
func TestArchiveMembers(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range []tar.Header{
		{Name: "a.eml", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, {Name: "Takeout/All mail.mbox", Typeflag: tar.TypeReg, Mode: 0o600},
		{Name: "notes.txt", Typeflag: tar.TypeReg, Mode: 0o600}, {Name: "b.eml", Typeflag: tar.TypeReg, Mode: 0o600},
	} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := write(t, filepath.Join(t.TempDir(), "x.tar"), b.String())
	sink := gather(t, EML, path, collectors.MessagesRaw)
	wantGap(t, sink, evidence.GapInvalid, "messages/eml:"+path, "link")
	wantGap(t, sink, evidence.GapInvalid, "messages/eml:"+path, "unpack it")
	if len(sink.Gaps()) != 2 || len(sink.Messages()) != 1 {
		t.Errorf("%d messages, gaps %+v", len(sink.Messages()), sink.Gaps())
	}
	e, _ := sink.Expected("messages/eml:" + path)
	if !strings.Contains(e.Note, "not read: 3") {
		t.Errorf("the note is %q", e.Note)
	}
}
