package findingstest

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/signature"
)

// A Writer takes exhibits and gaps until Open seals them.
type Writer struct {
	*evidence.Writer
	t        testing.TB
	dir      string
	identity *signature.Identity
	account  string
}

// New begins a bundle about accounts. name is its ULID.
func New(t testing.TB, name string, accounts ...string) *Writer {
	t.Helper()
	return begin(t, t.TempDir(), name, accounts)
}

// NewIn is New with the bundle in dir, as in a case.
func NewIn(t testing.TB, dir, name string, accounts ...string) *Writer {
	t.Helper()
	return begin(t, dir, name, accounts)
}

func begin(t testing.TB, parent, name string, accounts []string) *Writer {
	t.Helper()
	identity, err := signature.Create(filepath.Join(t.TempDir(), "identity"), "test")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(parent, name)
	w, err := evidence.Create(dir, evidence.Opening{Bundle: name, CreatedAt: time.Date(2026, 10, 15, 8, 0, 0, 0, time.UTC), Case: "2026-0042", Accounts: accounts,
		Operator: evidence.Person{Name: "Operator"}, Authority: "test", Tool: evidence.Tool{Name: "mbaudit", Version: "test"},
		Sources: []evidence.Source{{Collector: "workspace", Address: "https://www.googleapis.com"}}, TimeZone: "UTC", Signer: identity.Fingerprint()}, evidence.WriterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return &Writer{w, t, dir, identity, accounts[0]}
}

// Add keeps an exhibit of the first account, or of the one that it names.
func (w *Writer) Add(x evidence.Exhibit, body string) {
	w.t.Helper()
	if x.Account == "" {
		x.Account = w.account
	}
	if x.Collector == "" {
		x.Collector = "workspace"
	}
	if x.MediaType == "" {
		x.MediaType = "application/json"
	}
	if x.Name == "" {
		x.Name = evidence.SafeName(strings.NewReplacer("/", "_", ":", "_").Replace(x.Account+"_"+x.Resource+"_"+x.Item)) + ".json"
	}
	x.FetchedAt = time.Date(2026, 10, 15, 8, 0, 0, 0, time.UTC)
	if _, err := w.Put(x, strings.NewReader(body)); err != nil {
		w.t.Fatal(err)
	}
}

// Announce says how many exhibits a resource has.
func (w *Writer) Announce(resource string, count int64) {
	w.t.Helper()
	if err := w.Expect(evidence.Expectation{Account: w.account, Collector: "workspace", Resource: resource, Count: count}); err != nil {
		w.t.Fatal(err)
	}
}

// Open seals the bundle and opens it.
func (w *Writer) Open() *evidence.Bundle {
	w.t.Helper()
	if _, err := w.Seal(evidence.SealConfig{Identity: w.identity, Principal: "operator@example.test", Journal: strings.NewReader("{\"v\":1}\n")}); err != nil {
		w.t.Fatal(err)
	}
	b, err := evidence.Open(w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = b.Close() })
	return b
}
