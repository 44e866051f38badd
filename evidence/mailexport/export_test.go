package mailexport

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/selection"
	"github.com/mbaudit/mbaudit/evidence/signature"
)

// bodies are what the test's bundle holds, by the exhibit's name.
func bodies() [][3]string {
	return [][3]string{
		{"a/INBOX/000000001.eml", "message/rfc822", "Subject: one\r\n\r\nFrom here on\r\n>From there\r\n From not\r\nlast"},
		{"a/inbox/000000001.eml", "message/rfc822", "Subject: two\n\n"}, // the same name on some file systems
		{"a/INBOX/000000003.hdr", "text/rfc822-headers", "Subject: three\r\n"},
		{"a/list.txt", "application/imap", "* LIST"},
		{"a/INBOX/long.eml", "message/rfc822", "Subject: four\r\n\r\n" + strings.Repeat("x", 5000) + "From no\r\n"},
	}
}

func bundle(t *testing.T) *evidence.Bundle {
	t.Helper()
	id, err := signature.Create(filepath.Join(t.TempDir(), "identity"), "test")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "01JDCTZ0000000000000000000")
	w, err := evidence.Create(dir, evidence.Opening{Bundle: filepath.Base(dir), Accounts: []string{"a"}, Signer: id.Fingerprint()}, evidence.WriterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bodies() {
		ex := evidence.Exhibit{Account: "a", Collector: "imap", Resource: "messages/INBOX", Item: b[0], Name: b[0], MediaType: b[1], FetchedAt: time.Now(),
			Attrs: map[string]string{"internaldate": "01-Nov-2026 23:30:00 -0100"}}
		if _, err := w.Put(ex, strings.NewReader(b[2])); err != nil {
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

func read(t *testing.T, elements ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(elements...))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestEML(t *testing.T) {
	b := bundle(t)
	dir := filepath.Join(t.TempDir(), "copies")
	s, err := EML(b, []int64{5, 1, 2, 3, 4}, dir, time.Now())
	if err != nil || s.Messages != 3 || s.HeadersOnly != 1 || s.NoMessage != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
	if got := read(t, dir, "messages/a/INBOX/000000001.eml"); got != bodies()[0][2] {
		t.Errorf("%q", got)
	}
	if got := read(t, dir, "messages/a/inbox/000000001~2.eml"); got != bodies()[1][2] {
		t.Errorf("%q", got)
	}
	label := read(t, dir, LabelFile)
	for _, want := range []string{"NOT THE EVIDENCE", b.Opening.Bundle, b.TagManifest.String(), "P-000005  "} {
		if !strings.Contains(label, want) {
			t.Errorf("the label lacks %q:\n%s", want, label)
		}
	}
	check := exec.Command("sha256sum", "-c", "--quiet", "--strict", SumsFile)
	check.Dir = dir
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("sha256sum: %v\n%s", err, out)
	}
	if _, err := EML(b, []int64{1}, dir, time.Now()); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second time: %v", err)
	}
	none := filepath.Join(t.TempDir(), "none")
	if _, err := EML(b, []int64{3, 4}, none, time.Now()); !errors.Is(err, ErrNoMessages) {
		t.Errorf("no message: %v", err)
	}
	if _, err := os.Lstat(none); err == nil {
		t.Error("a run that failed leaves a folder")
	}
}

func TestMbox(t *testing.T) {
	b := bundle(t)
	file := filepath.Join(t.TempDir(), "copies.mbox")
	s, err := Mbox(b, []int64{1, 2}, file, time.Now())
	if err != nil || s.Messages != 2 {
		t.Fatalf("%+v, %v", s, err)
	}
	want := "From MAILER-DAEMON Mon Nov  2 00:30:00 2026\nSubject: one\n\n>From here on\n>>From there\n From not\nlast\n\n" +
		"From MAILER-DAEMON Mon Nov  2 00:30:00 2026\nSubject: two\n\n\n"
	if got := read(t, file); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	out, err := exec.Command("sha256sum", file).Output()
	if label := read(t, file+"."+LabelFile); err != nil || !strings.Contains(label, string(out[:64])) || !strings.Contains(label, "changes bytes") {
		t.Errorf("%v\n%s", err, label)
	}
	if _, err := Mbox(b, []int64{1}, file, time.Now()); !errors.Is(err, fs.ErrExist) || read(t, file) != want {
		t.Errorf("a second time: %v", err)
	}
	long := filepath.Join(t.TempDir(), "long.mbox")
	if _, err := Mbox(b, []int64{5}, long, time.Now()); err != nil || strings.Contains(read(t, long), ">From") {
		t.Errorf("a From within a long line is quoted: %v", err)
	}
	none := filepath.Join(t.TempDir(), "none.mbox")
	if _, err := Mbox(b, []int64{3}, none, time.Now()); !errors.Is(err, ErrNoMessages) {
		t.Errorf("no message: %v", err)
	}
	if _, err := os.Lstat(none); err == nil {
		t.Error("a run that failed leaves a file")
	}
}

// TestGmailAnswers takes the message out of an answer of Gmail's API, and refuses one whose digest is not that of the
// collection.
func TestGmailAnswers(t *testing.T) {
	id, err := signature.Create(filepath.Join(t.TempDir(), "identity"), "test")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "01JDCTZ0000000000000000001")
	w, err := evidence.Create(dir, evidence.Opening{Bundle: filepath.Base(dir), Accounts: []string{"a"}, Signer: id.Fingerprint()}, evidence.WriterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	const text = "From: a@example.test\r\nSubject: one\r\n\r\n\xff\r\n"
	digest := fmt.Sprintf("%x", sha256.Sum256([]byte(text)))
	answer := `{"id":"18c","raw":"` + base64.URLEncoding.EncodeToString([]byte(text)) + `"}`
	for n, c := range []struct{ body, format, digest, damaged string }{
		{answer, "raw", digest, ""},
		{`{"id":"18d","payload":{"headers":[{"name":"Subject","value":"two"}]}}`, "metadata", "", ""},
		{`{"id":"18e","raw":"!"}`, "raw", "", "no base64url"},
		{answer, "raw", strings.Repeat("0", 64), ""},
	} {
		attrs := map[string]string{"gmail": c.format, "raw.sha256": c.digest, "damaged": c.damaged, "internaldate": "12-Oct-2026 07:00:00 +0000"}
		ex := evidence.Exhibit{Account: "a", Collector: "workspace", Resource: "gmail/messages", Item: fmt.Sprint(n), Name: fmt.Sprintf("a/gmail/messages/%d.json", n),
			MediaType: "application/json", FetchedAt: time.Now(), Attrs: attrs}
		if _, err := w.Put(ex, strings.NewReader(c.body)); err != nil {
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
	out := filepath.Join(t.TempDir(), "copies")
	s, err := EML(b, []int64{1, 2, 3}, out, time.Now())
	if err != nil || s.Messages != 1 || s.HeadersOnly != 2 || s.Bytes != int64(len(text)) {
		t.Fatalf("%+v, %v", s, err)
	}
	if got := read(t, out, "messages/a/gmail/messages/0.eml"); got != text {
		t.Errorf("%q", got)
	}
	if sums := read(t, out, SumsFile); sums != digest+"  messages/a/gmail/messages/0.eml\n" {
		t.Errorf("%s", sums)
	}
	if _, err := EML(b, []int64{4}, filepath.Join(t.TempDir(), "other"), time.Now()); err == nil || !strings.Contains(err.Error(), "another SHA-256") {
		t.Errorf("a message that is not the one collected: %v", err)
	}
	file := filepath.Join(t.TempDir(), "copies.mbox")
	if _, err := Mbox(b, []int64{1}, file, time.Now()); err != nil || !strings.Contains(read(t, file), "From MAILER-DAEMON Mon Oct 12 07:00:00 2026\nFrom: a@example.test\nSubject: one\n") ||
		!strings.Contains(read(t, file+"."+LabelFile), digest) {
		t.Errorf("%v: %q", err, read(t, file))
	}
	for n, want := range map[int64]string{1: "one", 2: "two", 3: ""} {
		for r, err := range b.Records() {
			if err != nil {
				t.Fatal(err)
			}
			if head, err := selection.ReadRecordHead(b, r); r.N == n && (err != nil || head.Subject != want) {
				t.Errorf("the subject of %d is %q, %v", n, head.Subject, err)
			}
		}
	}
}
