package authlog

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/logfiles"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

const alice = "alice@example.com"

var _ collectors.Collector = (*Collector)(nil)

// line is a sign-in of alice's.
func line(stamp string) string {
	return stamp + " mx dovecot: imap-login: Login: user=<alice@example.com>, method=PLAIN, rip=192.0.2.10, lip=198.51.100.1, mpid=7, TLS, session=<s>\n"
}

const withSecret = "Nov 25 09:42:57 mx dovecot: auth: passwd-file(alice@example.com,192.0.2.66,<s>): Password mismatch (given password: Sup3r)secret)\n"

func write(t testing.TB, path string, content []byte, modified time.Time) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, modified, modified); err != nil {
		t.Fatal(err)
	}
}

func day(year, month, day int) time.Time {
	return time.Date(year, time.Month(month), day, 12, 0, 0, 0, time.UTC)
}

func gzipped(t testing.TB, content string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func xzed(t testing.TB, content string) []byte {
	var b bytes.Buffer
	w, err := xz.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstded(t testing.TB, content string) []byte {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll([]byte(content), nil)
}

func bzipped(t testing.TB, content string) []byte {
	cmd := exec.Command("bzip2", "-c")
	cmd.Stdin = strings.NewReader(content)
	out, err := cmd.Output()
	if err != nil {
		servertest.Missing(t, "bzip2: "+err.Error())
	}
	return out
}

func collect(t testing.TB, cfg Config) *collectortest.Sink {
	t.Helper()
	sink := &collectortest.Sink{}
	into(t, cfg, sink)
	collectortest.CheckSink(t, sink)
	return sink
}

func into(t testing.TB, cfg Config, sink collectors.Sink) {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Collect(t.Context(), collectors.Scope{Account: alice}, sink); err != nil {
		t.Fatal(err)
	}
}

// of returns the exhibits of a kind, by the base name of their item.
func of(sink *collectortest.Sink, kind string) map[string]collectortest.Kept {
	m := map[string]collectortest.Kept{}
	for _, k := range sink.Kept() {
		if strings.HasPrefix(k.Resource, kind+":") {
			m[filepath.Base(k.Item)] = k
		}
	}
	return m
}

func eventsOf(t testing.TB, k collectortest.Kept) []map[string]any {
	t.Helper()
	var list []map[string]any
	for l := range bytes.Lines(k.Body) {
		var e map[string]any
		if err := json.Unmarshal(l, &e); err != nil {
			t.Fatalf("%v: %s", err, l)
		}
		list = append(list, e)
	}
	return list
}

// TestEachEncoding keeps files byte for byte and reads the same events in each.
func TestEachEncoding(t *testing.T) {
	text := line("Nov 24 10:00:00") + "other words\n" + line("Nov 25 10:00:00")
	for name, content := range map[string][]byte{
		"mail.log": []byte(text), "mail.log.1.gz": gzipped(t, text), "mail.log.xz": xzed(t, text), "mail.log.zst": zstded(t, text),
		"named-otherwise": gzipped(t, text), "two.gz": slices.Concat(gzipped(t, line("Nov 24 10:00:00")), gzipped(t, "other words\n"+line("Nov 25 10:00:00"))),
		"mail.log.bz2": bzipped(t, text),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			write(t, path, content, day(2025, 11, 25))
			sink := collect(t, Config{Path: path})
			if gaps := sink.Gaps(); len(gaps) > 0 {
				t.Errorf("gaps: %+v", gaps)
			}
			k := of(sink, "log")[name]
			if !bytes.Equal(k.Body, content) {
				t.Errorf("the file is not kept as it is: %d bytes, want %d", len(k.Body), len(content))
			}
			sum := fmt.Sprintf("%x", sha256.Sum256(content))
			for key, want := range map[string]string{"path": path, "file-sha256": sum, "file-size": fmt.Sprint(len(content)), "mtime": "2025-11-25T12:00:00Z", "mode": "-rw-r-----"} {
				if k.Attrs[key] != want {
					t.Errorf("%s is %q, want %q", key, k.Attrs[key], want)
				}
			}
			e := of(sink, "log-events")[name]
			if e.Attrs["derived"] == "" || e.Attrs["source-sha256"] != k.Digest.String() || e.Attrs["source-name"] != k.Name {
				t.Errorf("where the events come from: %v", e.Attrs)
			}
			events := eventsOf(t, e)
			if len(events) != 2 {
				t.Fatalf("%d events: %s", len(events), e.Body)
			}
			last := events[1]
			for key, want := range map[string]any{"time": "2025-11-25T10:00:00", "inferred": "year,zone unknown", "user": alice, "account": alice, "match": "exact",
				"client_ip": "192.0.2.10", "line": float64(3), "offset": float64(strings.LastIndex(text, "Nov 25")), "source": path, "kind": "sign-in"} {
				if last[key] != want {
					t.Errorf("%s is %v, want %v", key, last[key], want)
				}
			}
			var s summary
			if err := json.Unmarshal(of(sink, "log-summary")[name].Body, &s); err != nil {
				t.Fatal(err)
			}
			if s.Lines != 3 || s.Parsed != 2 || s.Unparsed["no time stamp"] != 1 || s.OfAccounts != 2 || s.Year != 2025 || s.Bytes != int64(len(text)) {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestClearPasswordsAreTakenOut wants only the secret's bytes gone, from everything that reaches the sink.
func TestClearPasswordsAreTakenOut(t *testing.T) {
	text := line("Nov 25 09:00:00") + withSecret + line("Nov 25 10:00:00")
	want := strings.Replace(text, "Sup3r)secret", "[redacted:12 bytes]", 1)
	for name, content := range map[string][]byte{"mail.log": []byte(text), "mail.log.2.gz": gzipped(t, text), "mail.log.3.xz": xzed(t, text)} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			write(t, path, content, day(2025, 11, 25))
			sink := collect(t, Config{Path: path})
			for _, k := range sink.Kept() {
				if all := fmt.Sprintf("%s %v", k.Body, k.Exhibit); strings.Contains(all, "Sup3r") {
					t.Errorf("the password is in %s", k.Name)
				}
			}
			k := of(sink, "log")[name]
			if string(k.Body) != want {
				t.Errorf("kept:\n%s\nwant:\n%s", k.Body, want)
			}
			if k.MediaType != "text/plain" || !strings.HasSuffix(k.Name, ".redacted") || k.Attrs["redacted"] != "1" || k.Attrs["redaction-rules"] != "dovecot given password: 1" ||
				k.Attrs["file-sha256"] != fmt.Sprintf("%x", sha256.Sum256(content)) || k.Attrs["file-size"] != fmt.Sprint(len(content)) {
				t.Errorf("the redaction is not declared: %s %s %v", k.Name, k.MediaType, k.Attrs)
			}
			e := of(sink, "log-events")[name]
			if e.Attrs["source-sha256"] != k.Digest.String() {
				t.Errorf("the events are made of %s, kept is %s", e.Attrs["source-sha256"], k.Digest)
			}
			for _, event := range eventsOf(t, e) {
				offset := int(event["offset"].(float64))
				if offset > 0 && k.Body[offset-1] != '\n' || !strings.HasPrefix(string(k.Body[offset:]), "Nov 25") {
					t.Errorf("no line of the exhibit begins at %d", offset)
				}
			}
		})
	}
}

// TestRedactorKeepsEveryOtherByte feeds lines of all lengths through small reads.
func TestRedactorKeepsEveryOtherByte(t *testing.T) {
	long := strings.Repeat("x", maxChunk-30)
	for name, text := range map[string]string{
		"nothing": "", "no break": "words", "breaks": "\n\r\n\n", "a long line": long + long + long + "\nend",
		"binary": "\x00\xff\xfe\n\x00",
	} {
		x := newRedactor(iotest.OneByteReader(strings.NewReader(text)))
		if len(text) > 1000 {
			x = newRedactor(strings.NewReader(text))
		}
		got, err := io.ReadAll(x)
		if err != nil || string(got) != text {
			t.Errorf("%s: %v, %d bytes of %d", name, err, len(got), len(text))
		}
	}
	for _, i := range []int{0, 1, 5, 17, 18, 25, 63} { // the secret around the end of a chunk
		fill := strings.Repeat("x", maxChunk-i)
		text := fill + " (given password: Sup3rsecret) tail\nnext line\n"
		got, err := io.ReadAll(newRedactor(strings.NewReader(text)))
		if err != nil || bytes.Contains(got, []byte("Sup3rsecret")) || !bytes.HasSuffix(got, []byte("\nnext line\n")) || !bytes.HasPrefix(got, []byte(fill[:maxChunk-64])) {
			t.Fatalf("at %d: %v, ends in %q", i, err, got[len(got)-60:])
		}
	}
}

func FuzzRedactor(f *testing.F) {
	f.Add("a (given password: Sup3rsecret)\nb\n", 3)
	f.Add("1.1 PASS x\r\n\r\n", 1)
	f.Add("__CURSOR=s\nMESSAGE\n\x05\x00\x00\x00\x00\x00\x00\x00a\nbcd\n\n", 1)
	f.Fuzz(func(t *testing.T, text string, _ int) {
		x := newRedactor(strings.NewReader(text))
		got, err := io.ReadAll(x)
		var broken *logfiles.BrokenError
		if errors.As(err, &broken) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if n, _ := x.total(); n == 0 && string(got) != text {
			t.Errorf("%q became %q although there was no secret", text, got)
		}
		if strings.Count(string(got), "\n") != strings.Count(text, "\n") {
			t.Errorf("%q has other lines than %q", got, text)
		}
	})
}

// TestJournal keeps journalctl's two forms; a secret in a binary field leaves a journal that can still be read.
func TestJournal(t *testing.T) {
	field := func(name, value string) string {
		return fmt.Sprintf("%s\n%c\x00\x00\x00\x00\x00\x00\x00%s\n", name, len(value), value)
	}
	export := func(secret string) string {
		return "__CURSOR=s=1\n__REALTIME_TIMESTAMP=1764064800000000\nSYSLOG_IDENTIFIER=dovecot\n" +
			field("MESSAGE", "auth: sql(\x01,192.0.2.66): Password mismatch (given password: "+secret+")") + "_HOSTNAME=mx\n\n" +
			"__CURSOR=s=2\n__REALTIME_TIMESTAMP=1764064801000000\nSYSLOG_IDENTIFIER=dovecot\nMESSAGE=auth: sql(b,192.0.2.66): unknown user (given password: " + secret + ")\n\n"
	}
	json := func(secret string) string {
		return `{"__REALTIME_TIMESTAMP":"1764064800000000","SYSLOG_IDENTIFIER":"dovecot","MESSAGE":"auth: sql(a,192.0.2.66): Password mismatch (given password: ` + secret + `)"}` + "\n"
	}
	for name, form := range map[string]struct {
		make   func(string) string
		events int
	}{"export": {export, 2}, "json": {json, 1}} {
		path := filepath.Join(t.TempDir(), name)
		write(t, path, []byte(form.make("Sup3rsecret")), day(2025, 11, 25))
		sink := collect(t, Config{Path: path})
		if got := string(of(sink, "log")[name].Body); got != form.make("[redacted:11 bytes]") {
			t.Errorf("kept: %q", got)
		}
		events := eventsOf(t, of(sink, "log-events")[name])
		if len(events) != form.events || events[0]["client_ip"] != "192.0.2.66" || events[0]["time"] != "2025-11-25T10:00:00Z" {
			t.Errorf("%s: %v", name, events)
		}
		if len(sink.Gaps()) > 0 {
			t.Errorf("%+v", sink.Gaps())
		}
	}
}

// TestWhatCannotBeReadIsAGap names the reason of each.
func TestWhatCannotBeReadIsAGap(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "secret.log")
	write(t, outside, []byte(line("Nov 25 10:00:00")), day(2025, 11, 25))
	logs := filepath.Join(dir, "log")
	write(t, filepath.Join(logs, "mail.log"), []byte(line("Nov 25 10:00:00")), day(2025, 11, 25))
	text := strings.Repeat(line("Nov 25 10:00:00"), 3000)
	write(t, filepath.Join(logs, "cut.gz"), gzipped(t, text)[:500], day(2025, 11, 25))
	damaged := slices.Concat(gzipped(t, text), gzipped(t, text))
	damaged[len(damaged)/2+300] ^= 0xff
	write(t, filepath.Join(logs, "damaged.gz"), damaged, day(2025, 11, 25))
	cutXZ := xzed(t, text)
	write(t, filepath.Join(logs, "cut.xz"), cutXZ[:len(cutXZ)-40], day(2025, 11, 25))
	write(t, filepath.Join(logs, "empty.log"), nil, day(2025, 11, 25))
	write(t, filepath.Join(logs, "old.zip"), []byte("PK\x03\x04xxxxxxxxxxxxxxxx"), day(2025, 11, 25))
	write(t, filepath.Join(logs, "system.journal"), []byte("LPKSHHRHxxxxxxxxxxxxxx"), day(2025, 11, 25))
	for name, target := range map[string]string{"out": outside, "out2": "../../" + filepath.Base(filepath.Dir(outside)) + "/secret.log", "gone": "nothing", "in": "mail.log"} {
		if err := os.Symlink(target, filepath.Join(logs, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(logs, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(logs, "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	sink := collect(t, Config{Path: logs})
	gaps := map[string]evidence.Gap{}
	for _, g := range sink.Gaps() {
		gaps[filepath.Base(g.Item)] = g
	}
	for name, want := range map[string]struct {
		class evidence.GapClass
		words string
	}{
		"out": {evidence.GapRefused, "leads out of the directory"}, "out2": {evidence.GapRefused, "leads out of the directory"},
		"gone": {evidence.GapVanished, "is not there"}, "sub": {evidence.GapRefused, "is a directory"}, "fifo": {evidence.GapRefused, "is a pipe"},
		"cut.gz (the rest)": {evidence.GapInvalid, "unexpected EOF"}, "damaged.gz (the rest)": {evidence.GapInvalid, "broken"},
		"cut.xz":  {evidence.GapInvalid, "EOF"}, // not one block of it is whole
		"old.zip": {evidence.GapInvalid, "unpack it first"}, "system.journal": {evidence.GapInvalid, "journalctl"},
	} {
		g, ok := gaps[name]
		if !ok || g.Class != want.class || !strings.Contains(g.Reason, want.words) {
			t.Errorf("%s: %s %q, want %s and %q", name, g.Class, g.Reason, want.class, want.words)
		}
		delete(gaps, name)
	}
	if len(gaps) > 0 {
		t.Errorf("more gaps: %v", slices.Collect(maps.Keys(gaps)))
	}
	kept := of(sink, "log")
	if got := slices.Sorted(maps.Keys(kept)); !slices.Equal(got, []string{"cut.gz", "damaged.gz", "empty.log", "in", "mail.log"}) {
		t.Errorf("kept: %v", got)
	}
	for _, name := range []string{"cut.gz", "damaged.gz"} {
		if k := kept[name]; !strings.HasPrefix(string(k.Body), text[:len(text)/20]) || k.Attrs["broken"] == "" || !strings.HasSuffix(k.Name, ".text") {
			t.Errorf("of %s the text before the damage is not kept: %d bytes, %v", name, len(k.Body), k.Attrs)
		}
	}
	if got := len(of(sink, "log-events")["cut.gz"].Body); got == 0 {
		t.Error("nothing was read in the file that was cut off")
	}
}

// TestBombs: what grows beyond the limits is a gap, and nothing of it is kept.
func TestBombs(t *testing.T) {
	zeros := strings.Repeat("\x00", logfiles.FreeGrowth+1<<20)
	for name, test := range map[string]struct {
		content []byte
		cfg     Config
	}{
		"size.gz":   {gzipped(t, zeros), Config{MaxDecompressed: 1 << 20}},
		"ratio.gz":  {gzipped(t, zeros), Config{MaxRatio: 100}},
		"ratio.zst": {zstded(t, zeros), Config{}},
		"dict.xz":   {hugeDictionary(t), Config{}},
	} {
		t.Run(name, func(t *testing.T) {
			test.cfg.Path = filepath.Join(t.TempDir(), name)
			write(t, test.cfg.Path, test.content, day(2025, 1, 1))
			sink := collect(t, test.cfg)
			gaps := sink.Gaps()
			if len(gaps) != 1 || gaps[0].Class != evidence.GapInvalid || !strings.Contains(gaps[0].Reason, "unpacks to more than is allowed") ||
				!strings.Contains(gaps[0].Reason, fmt.Sprintf("%x", sha256.Sum256(test.content))) {
				t.Errorf("%+v", gaps)
			}
			if kept := sink.Kept(); len(kept) > 0 {
				t.Errorf("%d exhibits are kept", len(kept))
			}
		})
	}
}

// hugeDictionary is an xz file whose block header asks for 4 GiB.
func hugeDictionary(t testing.TB) []byte {
	b := xzed(t, "x\n")
	i := bytes.Index(b[12:], []byte{0x21, 0x01})
	if i < 0 {
		t.Fatal("there is no LZMA2 filter in the header")
	}
	b[12+i+2] = 40
	return b
}

func TestNothing(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{filepath.Join(dir, "mail.log"), filepath.Join(dir, "*.log"), filepath.Join(dir, "no", "*.log"), dir} {
		if _, err := New(Config{Path: path}); !errors.Is(err, ErrNothing) {
			t.Errorf("%s: %v", path, err)
		}
	}
	gone := filepath.Join(dir, "gone.log")
	write(t, gone, []byte(line("Jan 20 10:00:00")), day(2025, 2, 3))
	c, err := New(Config{Path: gone})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	sink := &collectortest.Sink{}
	err = c.Collect(t.Context(), collectors.Scope{Account: alice}, sink)
	if !errors.Is(err, ErrNothing) || len(sink.Kept())+len(sink.Gaps()) > 0 {
		t.Errorf("%v", err)
	}
	for _, cfg := range []Config{{}, {Path: "[x"}, {Path: "a\x00b"}, {Path: "x", MaxRatio: -1}} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}

// TestPatterns matches at several levels, and does not pass over a directory that cannot be gone into.
func TestPatterns(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a/mail.log", "a/other", "b/mail.log", "b/mail.log.1", "c"} {
		write(t, filepath.Join(dir, name), []byte(line("Nov 25 10:00:00")), day(2025, 11, 25))
	}
	if err := os.Symlink(t.TempDir(), filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	for pattern, want := range map[string][]string{
		"*/mail.log": {"a/mail.log", "b/mail.log"}, "[ab]/mail.log*": {"a/mail.log", "b/mail.log", "b/mail.log.1"}, "b/*": {"b/mail.log", "b/mail.log.1"}, "?": {"c"},
	} {
		sink := collect(t, Config{Path: filepath.Join(dir, pattern)})
		var got []string
		for _, k := range sink.Kept() {
			if strings.HasPrefix(k.Resource, "log:") {
				rel, _ := filepath.Rel(dir, k.Item)
				got = append(got, rel)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s matches %q, want %q", pattern, got, want)
		}
		gaps := sink.Gaps()
		switch pattern {
		case "*/mail.log":
			if len(gaps) != 1 || filepath.Base(gaps[0].Item) != "out" || !strings.Contains(gaps[0].Reason, "listing it") {
				t.Errorf("%s: %+v", pattern, gaps)
			}
		case "?":
			if len(gaps) != 2 || !strings.Contains(gaps[0].Reason, "is a directory") {
				t.Errorf("%s: %+v", pattern, gaps)
			}
		default:
			if len(gaps) > 0 {
				t.Errorf("%s: %+v", pattern, gaps)
			}
		}
	}
}

// TestSeries wants rotated files in the order of time, and their years right although nothing but the youngest file's time
// can be believed.
func TestSeries(t *testing.T) {
	dir := t.TempDir()
	copied := day(2025, 2, 3)
	write(t, filepath.Join(dir, "mail.log"), []byte(line("Jan 20 10:00:00")+line("Feb  2 10:00:00")), copied)
	write(t, filepath.Join(dir, "mail.log.1"), []byte(line("Dec 20 10:00:00")+line("Jan 19 10:00:00")), copied)
	write(t, filepath.Join(dir, "mail.log.2.gz"), gzipped(t, line("Nov 20 10:00:00")), copied)
	write(t, filepath.Join(dir, "mail.log.10.gz"), gzipped(t, line("Mar 20 10:00:00")), copied)
	write(t, filepath.Join(dir, "exim.log-20230107"), []byte(line("Dec 20 10:00:00")+line("Jan  6 10:00:00")), copied)
	write(t, filepath.Join(dir, "exim.log-20240107"), []byte(line("Jan  6 10:00:00")), copied)
	sink := collect(t, Config{Path: filepath.Join(dir, "*.log*")})
	var order, times []string
	for _, k := range sink.Kept() {
		if strings.HasPrefix(k.Resource, "log-events:") {
			order = append(order, filepath.Base(k.Item))
			for _, e := range eventsOf(t, k) {
				times = append(times, e["time"].(string)[:10])
			}
		}
	}
	if want := []string{"exim.log-20230107", "exim.log-20240107", "mail.log.10.gz", "mail.log.2.gz", "mail.log.1", "mail.log"}; !slices.Equal(order, want) {
		t.Errorf("order is %v, want %v", order, want)
	}
	want := []string{"2022-12-20", "2023-01-06", "2024-01-06", "2024-03-20", "2024-11-20", "2024-12-20", "2025-01-19", "2025-01-20", "2025-02-02"}
	if !slices.Equal(times, want) {
		t.Errorf("days are\n%v, want\n%v", times, want)
	}
}

// TestZoneGiven: the zone that the operator gives is used and named.
func TestZoneGiven(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mail.log")
	write(t, path, []byte(line("Nov 25 10:00:00")), day(2025, 11, 25))
	sink := collect(t, Config{Path: path, Location: time.FixedZone("CET", 3600)})
	e := eventsOf(t, of(sink, "log-events")["mail.log"])[0]
	if e["time"] != "2025-11-25T10:00:00+01:00" || e["inferred"] != "year,zone given" {
		t.Errorf("%v", e)
	}
}

func TestWhose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mail.log")
	text := ""
	for _, user := range []string{"ALICE@example.com", "alice", "alice@example.com*auditor", "alice@example.org", "bob", "ali\xffce"} {
		text += strings.Replace(line("Nov 25 10:00:00"), alice, user, 1)
	}
	text += "Nov 25 10:00:00 mx postfix/qmgr[12]: 3F2A1C0042: from=<alice@example.com>, size=1234, nrcpt=500 (queue active)\n"
	write(t, path, []byte(text), day(2025, 11, 25))
	sink := collect(t, Config{Path: path, Accounts: []string{"bob@example.com", alice}})
	var got []string
	events := eventsOf(t, of(sink, "log-events")["mail.log"])
	for _, e := range events {
		got = append(got, fmt.Sprint(e["account"], " ", e["match"]))
	}
	want := []string{alice + " exact", alice + " local part", alice + " master", "<nil> <nil>", "bob@example.com local part", "<nil> <nil>", alice + " sender"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if b, ok := events[5]["user"].(map[string]any); !ok || b["base64"] != "YWxp/2Nl" {
		t.Errorf("a name that is not UTF-8 is %v", events[5]["user"])
	}
}

// TestInterrupted: cancelled and taken up again, everything is there once; a full sink ends it.
func TestInterrupted(t *testing.T) {
	dir := t.TempDir()
	for i := range 5 {
		write(t, filepath.Join(dir, fmt.Sprintf("mail.log.%d", i)), []byte(strings.Repeat(line("Nov 25 10:00:00"), 50)), day(2025, 11, 25))
	}
	c, err := New(Config{Path: dir, eventPart: 4000})
	if err != nil {
		t.Fatal(err)
	}
	whole := &collectortest.Sink{}
	if err := c.Collect(t.Context(), collectors.Scope{Account: alice}, whole); err != nil {
		t.Fatal(err)
	}
	if n := len(of(whole, "log-events")); n < 10 {
		t.Fatalf("%d exhibits of events: the parts are not tested", n)
	}
	for stop := 1; stop < len(whole.Kept()); stop++ {
		sink := &collectortest.Sink{}
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		sink.BeforePut = func(evidence.Exhibit) error {
			if n++; n == stop {
				cancel()
			}
			return nil
		}
		if err := c.Collect(ctx, collectors.Scope{Account: alice}, sink); !errors.Is(err, context.Canceled) {
			t.Fatalf("cancelled, Collect returns %v", err)
		}
		sink.BeforePut = nil
		if err := c.Collect(t.Context(), collectors.Scope{Account: alice}, sink); err != nil {
			t.Fatal(err)
		}
		collectortest.CheckSink(t, sink)
		if got, want := bodies(sink), bodies(whole); !maps.Equal(got, want) {
			t.Fatalf("stopped at %d and taken up again, there are %d exhibits, want the same %d", stop, len(got), len(want))
		}
		if len(sink.Gaps()) > 0 {
			t.Errorf("gaps: %+v", sink.Gaps())
		}
	}
	sink := &collectortest.Sink{BeforePut: func(evidence.Exhibit) error { return evidence.ErrStorage }}
	if err := c.Collect(t.Context(), collectors.Scope{Account: alice}, sink); !errors.Is(err, evidence.ErrStorage) {
		t.Errorf("a full sink gives %v", err)
	}
}

func bodies(sink *collectortest.Sink) map[string]string {
	m := map[string]string{}
	for _, k := range sink.Kept() {
		m[k.Resource+" "+k.Item] = string(k.Body)
	}
	return m
}

// TestTheFileChanges: what was examined is what is kept, or nothing is.
func TestTheFileChanges(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "a.log"), filepath.Join(dir, "b.log")
	change := func(then func()) *collectortest.Sink {
		write(t, one, []byte(line("Nov 25 10:00:00")), day(2025, 11, 25))
		write(t, two, []byte(line("Nov 25 10:00:00")), day(2025, 11, 25))
		sink := &collectortest.Sink{}
		done := false
		sink.BeforePut = func(evidence.Exhibit) error {
			if !done {
				done = true
				then()
			}
			return nil
		}
		into(t, Config{Path: dir}, sink)
		collectortest.CheckSink(t, sink)
		return sink
	}
	grown := change(func() { appendTo(t, two, withSecret) })
	if len(grown.Gaps()) > 0 || string(of(grown, "log")["b.log"].Body) != line("Nov 25 10:00:00") {
		t.Errorf("a file that grew: %+v", grown.Gaps())
	}
	for name, then := range map[string]func(){
		"shorter": func() { write(t, two, nil, day(2025, 11, 25)) },
		"other":   func() { write(t, two, []byte(withSecret+withSecret), day(2025, 11, 25)) },
	} {
		sink := change(then)
		gaps := sink.Gaps()
		if len(gaps) != 1 || gaps[0].Class != evidence.GapFailed || !strings.Contains(gaps[0].Reason, "changed") {
			t.Errorf("%s: %+v", name, gaps)
		}
		if _, ok := of(sink, "log")["b.log"]; ok {
			t.Errorf("%s: the file is kept", name)
		}
	}
}

func appendTo(t testing.TB, path, text string) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestTheSourceStaysAsItIs compares everything that the file system says of the files.
func TestTheSourceStaysAsItIs(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "mail.log"), []byte(line("Nov 25 10:00:00")), day(2025, 11, 25))
	write(t, filepath.Join(dir, "mail.log.1.gz"), gzipped(t, withSecret), day(2025, 11, 24))
	snapshot := func() string {
		var b strings.Builder
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := entry.Info()
			if err != nil || info.IsDir() {
				return err
			}
			st := info.Sys().(*syscall.Stat_t)
			fmt.Fprintf(&b, "%s %d %v %v %v %v\n", path, info.Size(), info.Mode(), st.Mtim, st.Ctim, st.Atim)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	before := snapshot()
	collect(t, Config{Path: dir})
	if after := snapshot(); after != before {
		t.Errorf("before:\n%safter:\n%s", before, after)
	}
}

// TestBundle puts logs into a real bundle.
func TestBundle(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "log", "mail.log"), []byte(line("Nov 25 10:00:00")+withSecret), day(2025, 11, 25))
	write(t, filepath.Join(dir, "log", "MAIL.log"), []byte(line("Nov 25 10:00:00")), day(2025, 11, 25))
	write(t, filepath.Join(dir, "log", "\xff odd\n.log"), []byte(line("Nov 25 10:00:00")), day(2025, 11, 25))
	w, err := evidence.Create(filepath.Join(dir, "bundle"), evidence.Opening{Bundle: "bundle", Accounts: []string{alice}}, evidence.WriterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nothing left to do
		into(t, Config{Path: filepath.Join(dir, "log")}, w)
	}
	if counts := w.Counts(); counts.Exhibits != 9 || counts.Gaps != 0 {
		t.Errorf("%+v", counts)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
