package collectortest

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/signature"
)

// NewBundle begins a bundle of accounts in a directory of the test's. seal seals it, and opens it to be read.
func NewBundle(t *testing.T, name string, accounts []string, since *evidence.EarlierBundle) (w *evidence.Writer, seal func() *evidence.Bundle) {
	t.Helper()
	identity, err := signature.Create(filepath.Join(t.TempDir(), "identity"), "test")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), name)
	w, err = evidence.Create(dir, evidence.Opening{Bundle: name, CreatedAt: time.Now(), Accounts: accounts, Signer: identity.Fingerprint(), Since: since},
		evidence.WriterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return w, func() *evidence.Bundle {
		t.Helper()
		if _, err := w.Seal(evidence.SealConfig{Identity: identity, Principal: "auditor@example.test", Journal: strings.NewReader("")}); err != nil {
			t.Fatal(err)
		}
		b, err := evidence.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = b.Close() }) // only read
		return b
	}
}
