package seedmail_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/internal/seedmail"
)

// digest hashes everything of messages that a mailbox consists of.
func digest(messages []seedmail.Message) string {
	h := sha256.New()
	for _, m := range messages {
		fmt.Fprintf(h, "%q %q %v %d %s %d\n", m.Folder, m.Flags, m.Recent, m.InternalDate.Unix(), m.Kind, len(m.Raw))
		h.Write(m.Raw)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// TestSameForever fails when a change alters mailboxes that were made before. Tests and published figures name seeds, so
// that should be on purpose only.
func TestSameForever(t *testing.T) {
	for _, c := range []struct {
		name     string
		messages []seedmail.Message
		want     string
	}{
		{"seed 1", slices.Collect(seedmail.Mailbox(seedmail.Spec{Seed: 1, Messages: 200})), "9d0e429d3fad26ea3d1916317b82c7f33efa6680f19a43f14a05ecdcd63b3ee0"},
		{"seed 2", slices.Collect(seedmail.Mailbox(seedmail.Spec{Seed: 2, Messages: 60, Clean: true, MeanSize: 2000, Folders: []string{"INBOX"}})), "bcd3474553b01617e07fb25107a2d7f142cd55404f940ba0cae19807f0032c50"},
		{"compromised", seedmail.Compromised(), "9dc815fc8a963911e2a0871eedd1d9a48e09e216db3f5d9d266dcdd1ae4c17ca"},
	} {
		if got := digest(c.messages); got != c.want {
			t.Errorf("%s: the mailbox has digest %s, want %s", c.name, got, c.want)
		}
	}
}

func TestSeedsDiffer(t *testing.T) {
	a := slices.Collect(seedmail.Mailbox(seedmail.Spec{Seed: 1, Messages: 30}))
	b := slices.Collect(seedmail.Mailbox(seedmail.Spec{Seed: 3, Messages: 30}))
	if digest(a) == digest(b) {
		t.Error("two seeds give one mailbox")
	}
}

func TestEachKindShowsWhatItIsFor(t *testing.T) {
	header := func(raw []byte) []byte {
		before, _, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
		return before
	}
	has := func(pattern string) func([]byte) bool { return regexp.MustCompile(pattern).Match }
	shows := map[seedmail.Kind]func(raw []byte) bool{
		seedmail.Plain:       has(`Content-Type: text/plain; charset=us-ascii\r\n`),
		seedmail.Alternative: has(`(?s)multipart/alternative.*text/plain.*text/html`),
		seedmail.Attachment:  has(`(?s)multipart/mixed.*Content-Disposition: attachment.*base64\r\n\r\n[A-Za-z0-9+/]{76}\r\n`),
		seedmail.HTML: func(raw []byte) bool {
			return has(`Content-Type: text/html; charset="utf-8"\r\n.*8bit`)(raw) && bytes.Contains(raw, []byte("©")) ||
				has(`Content-Type: text/html; charset=iso-8859-1\r\n.*8bit`)(raw) && bytes.Contains(raw, []byte{0xa9})
		},
		seedmail.QuotedPrintable: has(`(?s)quoted-printable\r\n\r\n.*=C3=A9`),
		seedmail.Nested:          has(`(?s)Content-Type: message/rfc822\r\n.*\r\nMessage-ID: <inner`),
		seedmail.Duplicate:       has(`.`),
		seedmail.NoDate:          func(raw []byte) bool { return !bytes.Contains(raw, []byte("\r\nDate:")) },
		seedmail.RawHeader:       func(raw []byte) bool { return bytes.Contains(header(raw), []byte("\r\nSubject: R\xe9ponse")) },
		seedmail.BadCharset:      has(`charset=(x-unknown-8bit|utf-8|ISO-8859-8-I-K|"")\r\n`),
		seedmail.NoColon:         has(`\r\nX-Scanned by the gateway without a colon\r\n`),
		seedmail.LongHeader: func(raw []byte) bool {
			return bytes.Contains(raw, []byte("\r\nX-Long: "+strings.Repeat("0123456789", 2000)+"\r\n"))
		},
		seedmail.NoFinalNewline: func(raw []byte) bool { return raw[len(raw)-1] != '\n' },
		seedmail.BareLF:         func(raw []byte) bool { return bytes.Contains(raw, []byte("\n")) && !bytes.Contains(raw, []byte("\r")) },
		seedmail.BareCR:         has(`progress 10%\rprogress`),
		seedmail.TruncatedMIME:  func(raw []byte) bool { return !has(`--=_[0-9a-f_]+--`)(raw) && has(`\r\n--=_`)(raw) },
		seedmail.HeaderOnly:     func(raw []byte) bool { return !bytes.Contains(raw, []byte("\r\n\r\n")) },
		seedmail.Empty:          func(raw []byte) bool { return len(raw) == 0 },
	}
	seen := map[seedmail.Kind]int{}
	earlier := map[string][]string{} // folders by bytes
	for m := range seedmail.Mailbox(seedmail.Spec{Seed: 5, Messages: 700}) {
		seen[m.Kind]++
		if !shows[m.Kind](m.Raw) {
			t.Fatalf("this does not show %s:\n%.3000q", m.Kind, m.Raw)
		}
		if m.Kind == seedmail.Duplicate {
			if !slices.ContainsFunc(earlier[string(m.Raw)], func(folder string) bool { return folder != m.Folder }) {
				t.Errorf("a duplicate in %q has no original in another folder", m.Folder)
			}
		}
		earlier[string(m.Raw)] = append(earlier[string(m.Raw)], m.Folder)
		if bytes.ContainsRune(m.Raw, 0) {
			t.Errorf("%s has a NUL", m.Kind)
		}
		if !m.Kind.Broken() {
			if _, err := mail.ReadMessage(bytes.NewReader(m.Raw)); err != nil && m.Kind != seedmail.Duplicate {
				t.Errorf("%s does not parse: %v", m.Kind, err)
			}
		}
	}
	for _, kind := range seedmail.Kinds() {
		if seen[kind] == 0 {
			t.Errorf("no message of kind %s", kind)
		}
	}
}

func TestThreadsAndSizes(t *testing.T) {
	ids := map[string]bool{}
	answers, total := 0, 0
	const count = 1500
	for m := range seedmail.Mailbox(seedmail.Spec{Seed: 9, Messages: count, Clean: true}) {
		total += len(m.Raw)
		parsed, err := mail.ReadMessage(bytes.NewReader(m.Raw))
		if err != nil {
			t.Fatal(err)
		}
		if parent := parsed.Header.Get("In-Reply-To"); parent != "" {
			answers++
			if !ids[parent] {
				t.Errorf("answers %s, which is no earlier message", parent)
			}
			if fields := strings.Fields(parsed.Header.Get("References")); fields[len(fields)-1] != parent {
				t.Errorf("References ends with %s, In-Reply-To is %s", fields[len(fields)-1], parent)
			}
		}
		ids[parsed.Header.Get("Message-ID")] = true
	}
	if answers < count/5 {
		t.Errorf("%d answers among %d messages", answers, count)
	}
	if mean := total / count; mean < 6<<10 || mean > 12<<10 {
		t.Errorf("messages have %d bytes in the mean, want about 8 KiB", mean)
	}
}

func TestLarge(t *testing.T) {
	messages := slices.Collect(seedmail.Mailbox(seedmail.Spec{Seed: 1, Messages: 20, Large: true}))
	last := messages[len(messages)-1]
	if last.Kind != seedmail.Large || len(last.Raw) < 25_000_000 || len(last.Raw) > 35_000_000 {
		t.Errorf("the last message is %s of %d bytes, want a large one of 30 MB", last.Kind, len(last.Raw))
	}
}

func TestWriteMaildir(t *testing.T) {
	dir := t.TempDir()
	spec := seedmail.Spec{Seed: 4, Messages: 500}
	sum, err := seedmail.WriteMaildir(dir, spec)
	if err != nil {
		t.Fatal(err)
	}
	messages, bytesOnDisk, recent := 0, int64(0), 0
	name := regexp.MustCompile(`^\d+\.M\d{6}P\d+\.seedmail,S=(\d+),W=(\d+)(:2,[A-Za-z]*)?$`)
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		sub := filepath.Base(filepath.Dir(path))
		if err != nil || entry.IsDir() || sub != "cur" && sub != "new" {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		parts := name.FindStringSubmatch(entry.Name())
		if parts == nil {
			t.Errorf("file name %q", entry.Name())
			return nil
		}
		if parts[1] != fmt.Sprint(len(raw)) || parts[2] != fmt.Sprint(len(seedmail.OnWire(raw))) {
			t.Errorf("%s has %d bytes, %d on the wire", entry.Name(), len(raw), len(seedmail.OnWire(raw)))
		}
		messages, bytesOnDisk = messages+1, bytesOnDisk+int64(len(raw))
		if sub == "new" {
			recent++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if messages != spec.Messages || sum.Messages != messages || sum.Bytes != bytesOnDisk || sum.Folders != len(seedmail.DefaultFolders()) {
		t.Errorf("%d messages and %d bytes are there, the summary says %+v", messages, bytesOnDisk, sum)
	}
	if recent == 0 {
		t.Error("no message is recent")
	}
	for folder, path := range map[string]string{"A&B": ".A&-B", "日本語/メール": ".&ZeVnLIqe-.&MOEw,DDr-", "Éléments envoyés": ".&AMk-l&AOk-ments envoy&AOk-s"} {
		if _, err := os.Stat(filepath.Join(dir, path, "cur")); err != nil {
			t.Errorf("folder %s: %v", folder, err)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "."+seedmail.EmptyFolder, "cur")); err != nil || len(entries) > 0 {
		t.Errorf("the empty folder has %d messages, %v", len(entries), err)
	}

	if _, err := seedmail.WriteMaildir(dir, spec); err == nil || !strings.Contains(err.Error(), "has been written here already") {
		t.Errorf("writing the same mailbox twice gives %v", err)
	}
}

func TestWriteRefusesWhatMaildirCannotKeep(t *testing.T) {
	for want, m := range map[string]seedmail.Message{
		"cannot be called":     {Folder: "a.b"},
		"no letter for the fl": {Folder: "INBOX", Flags: []string{"$Unheard"}},
	} {
		_, err := seedmail.Write(t.TempDir(), nil, slices.Values([]seedmail.Message{m}))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestCompromised(t *testing.T) {
	messages := seedmail.Compromised()
	if n := len(messages); n < 30 || n > 60 {
		t.Errorf("%d messages", n)
	}
	folders := map[string]int{}
	ids := map[string]bool{}
	address := regexp.MustCompile(`[\w.+-]+@([\w-]+\.)+(\w+)`)
	ip := regexp.MustCompile(`\[(\d+\.\d+\.\d+)\.\d+\]`)
	for i, m := range messages {
		folders[m.Folder]++
		if i > 0 && m.InternalDate.Before(messages[i-1].InternalDate) {
			t.Errorf("message %d is earlier than the one before", i)
		}
		parsed, err := mail.ReadMessage(bytes.NewReader(m.Raw))
		if err != nil {
			t.Fatal(err)
		}
		if id := parsed.Header.Get("Message-ID"); ids[id] || id == "" {
			t.Errorf("Message-ID %q is not unique", id)
		} else {
			ids[id] = true
		}
		if parent := parsed.Header.Get("In-Reply-To"); parent != "" && !ids[parent] {
			t.Errorf("%q answers a message that is not there", parsed.Header.Get("Subject"))
		}
		if _, err := io.ReadAll(parsed.Body); err != nil && !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		for _, found := range address.FindAllSubmatch(m.Raw, -1) {
			if tld := string(found[2]); tld != "example" && tld != "test" {
				t.Errorf("%s is not in a domain reserved for examples", found[0])
			}
		}
		for _, found := range ip.FindAllSubmatch(m.Raw, -1) {
			if !slices.Contains([]string{"192.0.2", "198.51.100", "203.0.113"}, string(found[1])) {
				t.Errorf("%s is not an address for documentation", found[0])
			}
		}
	}
	for _, folder := range []string{"INBOX", "Sent", "Trash", "Archive", seedmail.HiddenFolder} {
		if folders[folder] == 0 {
			t.Errorf("nothing in %s", folder)
		}
	}
}
