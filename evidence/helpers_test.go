package evidence

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/evidence/signature"
)

const testBundle = "01JDCTZ0000000000000000000"

// newIdentity makes a signing key in a folder of the test's own.
func newIdentity(t testing.TB) *signature.Identity {
	t.Helper()
	id, err := signature.Create(filepath.Join(t.TempDir(), "identity"), "test")
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func testOpening(id *signature.Identity) Opening {
	return Opening{Bundle: testBundle, CreatedAt: time.Date(2026, 11, 23, 14, 5, 0, 0, time.UTC), Case: "2026-0042",
		Accounts: []string{"alice@example.test"}, Operator: Person{Name: "Operator"}, Authority: "request of the controller",
		Tool: Tool{Name: "mbaudit", Version: "test"}, Sources: []Source{{"imap", "imaps://mail.example.test"}},
		Options: map[string][]string{"messages": {"raw"}}, TimeZone: "UTC", Signer: id.Fingerprint()}
}

// message is the n-th exhibit of a test, with a body of the given size.
func message(n, size int) (Exhibit, []byte) {
	body := bytes.Repeat([]byte(fmt.Sprintf("line %d of the body\r\n", n)), size/20+1)[:size]
	return Exhibit{Account: "alice@example.test", Collector: "imap", Resource: "messages/INBOX", Item: fmt.Sprintf("7/%d", n),
		Name: fmt.Sprintf("alice@example.test/imap/INBOX/%09d.eml", n), MediaType: "message/rfc822", FetchedAt: time.Date(2026, 11, 23, 14, 6, n%60, 0, time.UTC),
		Request: "UID FETCH 1:* (UID BODY.PEEK[])", Response: Bytes(fmt.Sprintf("* %d FETCH (UID %d BODY[] {%d}\r\n)\r\n", n, n, size)),
		Attrs: map[string]string{"uid": fmt.Sprint(n), "folder": "INBOX"}}, body
}

func put(t testing.TB, w *Writer, n, size int) {
	t.Helper()
	ex, body := message(n, size)
	if _, err := w.Put(ex, bytes.NewReader(body)); err != nil {
		t.Fatal(err)
	}
}

func newBundle(t testing.TB, id *signature.Identity, config WriterConfig) *Writer {
	t.Helper()
	w, err := Create(filepath.Join(t.TempDir(), testBundle), testOpening(id), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func seal(t testing.TB, w *Writer, id *signature.Identity) *Sealed {
	t.Helper()
	totals, err := w.Seal(SealConfig{Identity: id, Principal: "operator@example.test", Journal: strings.NewReader("{\"v\":1}\n")})
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := ReadSealed(w.Dir())
	if err != nil {
		t.Fatal(err)
	}
	if totals.Counts != sealed.Counts || totals.TagManifest != sealed.TagManifest || totals.Coverage != nil {
		t.Errorf("Seal says %+v, ReadSealed %+v", totals, sealed)
	}
	return sealed
}

func verify(t testing.TB, dir string) *Verification {
	t.Helper()
	v, err := Verify(context.Background(), Dir(dir), VerifyConfig{Coverage: true})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func wantIntact(t testing.TB, dir string) *Verification {
	t.Helper()
	v := verify(t, dir)
	for _, d := range v.Damage {
		t.Errorf("damage: %s: %s: %s", d.Kind, d.Name, d.Detail)
	}
	return v
}

// readBack gives the bytes that a sealed bundle holds for an item.
func readBack(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	b, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return readAll(t, b)
}

// readAll gives the bytes of every exhibit by its item, and closes the bundle.
func readAll(t testing.TB, b *Bundle) map[string][]byte {
	t.Helper()
	defer b.Close()
	bodies := make(map[string][]byte)
	for r, err := range b.Records() {
		if err != nil {
			t.Fatal(err)
		}
		if r.Exhibit == nil {
			continue
		}
		body, err := b.Body(r.Exhibit)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := bodies[r.Exhibit.Item]; twice {
			t.Errorf("%s is in the bundle twice", r.Exhibit.Item)
		}
		bodies[r.Exhibit.Item] = data
	}
	return bodies
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func readTestFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func digestOf(data []byte) Digest { return sha256.Sum256(data) }

// loadFiles gives all files of a bundle.
func loadFiles(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	for name, err := range Dir(dir).Names(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		files[name] = readTestFile(t, filepath.Join(dir, filepath.FromSlash(name)))
	}
	return files
}
