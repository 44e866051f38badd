package files

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/collectors/imap"
	"github.com/mbaudit/mbaudit/internal/secret"
	"github.com/mbaudit/mbaudit/internal/seedmail"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

func TestMaildirName(t *testing.T) {
	for name, want := range map[string]maildirName{
		"1.M2P3.host,S=10,W=11:2,RS": {unique: "1.M2P3.host,S=10,W=11", base: "1.M2P3.host", flags: "RS", info: true, s: "10", w: "11"},
		"1.M2P3.host":                {unique: "1.M2P3.host", base: "1.M2P3.host"},
		"1.M2P3.host:2,":             {unique: "1.M2P3.host", base: "1.M2P3.host", info: true},
		"1.host,S=x:2,abS":           {unique: "1.host,S=x", base: "1.host", flags: "abS", info: true},
		"1.host;2,S":                 {unique: "1.host", base: "1.host", flags: "S", info: true},
		"1:2,a:2,S":                  {unique: "1:2,a", base: "1:2", flags: "S", info: true},
		"":                           {},
	} {
		if got := parseMaildirName(name); got != want {
			t.Errorf("%q: %+v, want %+v", name, got, want)
		}
	}
}

// FuzzMaildirName: every byte of a name is in its unique part or its flags, and sizes are numbers.
func FuzzMaildirName(f *testing.F) {
	f.Add("1.M2P3.host,S=10,W=11:2,RS")
	f.Add("1:2,a;2,b!2,,S=,W=-1")
	f.Fuzz(func(t *testing.T, name string) {
		n := parseMaildirName(name)
		length := len(n.unique) + len(n.flags)
		if n.info {
			length += len(":2,")
		}
		if length != len(name) || !strings.HasPrefix(name, n.unique) || !strings.HasPrefix(n.unique, n.base) || !strings.HasSuffix(name, n.flags) {
			t.Errorf("%q: %+v", name, n)
		}
		for _, size := range []string{n.s, n.w} {
			if _, err := strconv.ParseUint(size, 10, 63); size != "" && err != nil {
				t.Errorf("%q: size %q", name, size)
			}
		}
		if flags := (&maildirFolder{keywords: map[byte]string{'a': "$Junk"}}).imapFlags(n.flags); !strings.HasPrefix(flags, "(") {
			t.Errorf("%q: flags %q", name, flags)
		}
	})
}

// FuzzUIDList: whatever the list holds, only numbers for files that are there come out of it.
func FuzzUIDList(f *testing.F) {
	f.Add("3 V1234 N5 Gabc\n1 S1 W2 :a\n2 :b:2,S\nx\n")
	f.Add("1 99 5\n1 a\n4294967296 b\n")
	f.Fuzz(func(t *testing.T, text string) {
		validity, uids, err := parseUIDList(strings.NewReader(text), map[string]bool{"a": true, "b": true})
		if err != nil {
			t.Fatal(err)
		}
		uids["validity"] = validity
		for name, uid := range uids {
			if _, err := strconv.ParseUint(uid, 10, 32); uid != "" && err != nil {
				t.Errorf("%q has the number %q", name, uid)
			}
		}
		if len(uids) > 3 {
			t.Errorf("%d files, two are there", len(uids)-1)
		}
		if _, err := parseKeywords(strings.NewReader(text)); err != nil {
			t.Error(err)
		}
	})
}

func TestUIDList(t *testing.T) {
	there := map[string]bool{"a": true, "b,S=1": true}
	for _, text := range []string{"3 V77 N5 Gabc\n1 W2 S1 :a\n2 :b,S=1:2,S\n3 :gone\n", "1 77 5\n1 a\n2 b,S=1\n"} {
		validity, uids, err := parseUIDList(strings.NewReader(text), there)
		if err != nil || validity != "77" || len(uids) != 2 || uids["a"] != "1" || uids["b,S=1"] != "2" {
			t.Errorf("%q: %q %v %v", text, validity, uids, err)
		}
	}
}

// TestMaildirOddities: names, folders and files that servers and people leave.
func TestMaildirOddities(t *testing.T) {
	dir := t.TempDir()
	for _, sub := range []string{"cur", "new", "tmp", ".Projets.&AMk-t&AOk-/cur", "nested/deep/cur", ".empty/cur"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "cur", "1.host,S=99:2,Sa"), "A: b\n\n")
	write(t, filepath.Join(dir, "new", "1.host,S=99"), "A: the same name\n\n")
	write(t, filepath.Join(dir, "tmp", "2.host"), "not delivered yet")
	write(t, filepath.Join(dir, ".Projets.&AMk-t&AOk-", "cur", "3.host:2,"), string([]byte{0x1f, 0x8b, 8}))
	write(t, filepath.Join(dir, "nested", "deep", "cur", "4.host"), "")
	write(t, filepath.Join(dir, "dovecot-keywords"), "0 $Junk\n")
	write(t, filepath.Join(dir, "dovecot-uidlist"), "3 V7 N3 G1\n1 :1.host,S=99\n")
	write(t, filepath.Join(dir, "dovecot.index.cache"), "cache")
	before := snapshot(t, dir)
	sink := gather(t, Maildir, dir, collectors.MessagesRaw)
	if snapshot(t, dir) != before {
		t.Error("the Maildir changed")
	}
	got := map[string]collectortest.Kept{}
	for _, k := range sink.Kept() {
		if strings.HasPrefix(k.Resource, "messages/") {
			got[k.Attrs["file"]] = k
		}
	}
	seen := got["cur/1.host,S=99:2,Sa"]
	for attr, want := range map[string]string{"flags": `(\Seen $Junk)`, "uid": "1", "uidvalidity": "7", "maildir.s": "99", "folder": "INBOX",
		"note": "the file name says 99 bytes (S=), the file has 6", "date.from": "modification time of the file"} {
		if seen.Attrs[attr] != want {
			t.Errorf("%s is %q, want %q", attr, seen.Attrs[attr], want)
		}
	}
	if k := got[".Projets.&AMk-t&AOk-/cur/3.host:2,"]; k.MediaType != "application/gzip" || k.Attrs["folder"] != "Projets.Été" {
		t.Errorf("the compressed message: %s %v", k.MediaType, k.Attrs)
	}
	if k := got["nested/deep/cur/4.host"]; k.Attrs["folder"] != "nested/deep" || k.Attrs["note"] != "the file is empty" {
		t.Errorf("the empty message: %v", k.Attrs)
	}
	if len(got) != 4 || len(sink.Gaps()) > 0 {
		t.Errorf("%d messages, want 4; gaps %+v", len(got), sink.Gaps())
	}
	if e, ok := sink.Expected("messages/maildir:" + filepath.Join(dir, ".empty")); !ok || e.Count != 0 {
		t.Errorf("the empty folder is not announced: %+v %v", e, ok)
	}
}

// TestFlagsChangeMeanwhile: a message that a client marks as read between listing and reading is found by its new name.
func TestFlagsChangeMeanwhile(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "cur"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "new", "1.host"), "A: b\n\n")
	write(t, filepath.Join(dir, "new", "2.host"), "C: d\n\n")
	c := mustNew(t, Maildir, dir)
	done := false
	c.refused = func(rel string) error {
		if strings.HasPrefix(rel, "new/1") && !done {
			done = true
			if err := os.Remove(filepath.Join(dir, "new", "2.host")); err != nil {
				return err
			}
			return os.Rename(filepath.Join(dir, rel), filepath.Join(dir, "cur", "1.host:2,S"))
		}
		return nil
	}
	sink := &collectortest.Sink{}
	if err := c.Collect(t.Context(), scopeOf(collectors.MessagesRaw), sink); err != nil {
		t.Fatal(err)
	}
	collectortest.CheckSink(t, sink)
	if m := sink.Messages(); len(m) != 1 || !strings.HasSuffix(m[0].Attrs["path"], "cur/1.host:2,S") {
		t.Errorf("messages %+v", m)
	}
	wantGap(t, sink, "vanished", "messages/maildir:"+dir, "no such file")
}

// TestDovecotMaildir reads a mailbox of a real Dovecot as files and through IMAP. Dovecot sends CRLF at the end of each
// line, its files have LF in most messages: the digests of files with CRLF are compared as they are, those of the others
// after their line ends were made CRLF (seedmail.OnWire), and each message is found by folder, UIDVALIDITY and UID.
func TestDovecotMaildir(t *testing.T) {
	d := servertest.Dovecot(t)
	d.Seed(t, account, seedmail.Spec{Seed: 9, Messages: 200})
	over := &collectortest.Sink{}
	server, err := imap.New(imap.Config{URL: "imaps://" + net.JoinHostPort(d.Host, strconv.Itoa(d.IMAPSPort)), RootCAFile: d.CAFile, Password: secret.New(d.Password)})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Collect(t.Context(), scopeOf(collectors.MessagesRaw), over); err != nil {
		t.Fatal(err)
	}
	// After IMAP: now every message has a UID in dovecot-uidlist.
	dir := d.MailDir(account)
	before, sums := snapshot(t, dir), digests(t, dir)
	ageAll(t, dir)
	sink := gather(t, Maildir, dir, collectors.MessagesRaw)
	if after := snapshot(t, dir); !strings.Contains(after, "atime") || strip(after) != strip(before) || digests(t, dir) != sums {
		t.Error("the Maildir changed")
	}
	type message struct{ flags, digest string }
	key := func(k collectortest.Kept, folder string) string {
		return fmt.Sprintf("%s %s/%s", folder, k.Attrs["uidvalidity"], k.Attrs["uid"])
	}
	files, asIs := map[string]message{}, 0
	for _, k := range sink.Messages() {
		if bytes.Equal(seedmail.OnWire(k.Body), k.Body) {
			asIs++
		}
		folder := strings.ReplaceAll(k.Attrs["folder"], ".", "/")
		files[key(k, folder)] = message{flagSet(k), fmt.Sprintf("%x", sha256.Sum256(seedmail.OnWire(k.Body)))}
	}
	compared := 0
	for _, k := range over.Messages() {
		folder := strings.ReplaceAll(k.Attrs["folder"], ".", "/")
		if strings.HasPrefix(folder, "shared/") {
			continue // lies in another account's Maildir
		}
		m, ok := files[key(k, folder)]
		if !ok || m.digest != k.Digest.String() || m.flags != flagSet(k) {
			t.Errorf("%s %s: IMAP has %s %s, the Maildir %q %s", folder, k.Item, k.Digest, flagSet(k), m.digest, m.flags)
		}
		compared++
	}
	if compared < 200 || len(files) != compared {
		t.Errorf("%d messages compared, %d in the Maildir, 200 seeded", compared, len(files))
	}
	if asIs == 0 {
		t.Error("no message has the same bytes in both: the comparison as they are compares nothing")
	}
	t.Logf("%d messages, %d of them with the same bytes as over IMAP, the others with LF in the file", compared, asIs)
}

// flagSet is a message's flags in order, without \Recent, which is of a session.
func flagSet(k collectortest.Kept) string {
	flags := strings.Fields(strings.Trim(k.Attrs["flags"], "()"))
	flags = slices.DeleteFunc(flags, func(f string) bool { return f == `\Recent` })
	slices.Sort(flags)
	return strings.Join(flags, " ")
}

// strip takes the times of access off a snapshot.
func strip(snapshot string) string {
	var b strings.Builder
	for line := range strings.Lines(snapshot) {
		line, _, _ = strings.Cut(line, " atime")
		b.WriteString(strings.TrimRight(line, "\n") + "\n")
	}
	return b.String()
}
