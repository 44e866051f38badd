package authlog

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

func TestUnreadableFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // the test's own directory, which is ours alone
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "mail.log"), []byte("x"), day(2025, 1, 1))
	write(t, filepath.Join(dir, "other.log"), []byte("x"), day(2025, 1, 1))
	for name, mode := range map[string]os.FileMode{".": 0o755, "mail.log": 0, "other.log": 0o644} {
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	var sink *collectortest.Sink
	servertest.AsNobody(t, func() { sink = collect(t, Config{Path: dir}) })
	if gaps := sink.Gaps(); len(gaps) != 1 || gaps[0].Class != evidence.GapRefused || !strings.Contains(gaps[0].Reason, "permission") {
		t.Errorf("%+v", gaps)
	}
}
