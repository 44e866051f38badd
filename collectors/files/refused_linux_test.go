package files

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

// TestRefusedBySystem: what the file system does not let us read is a gap, be it a file or a directory; what it does let
// us read is kept although it belongs to somebody else.
func TestRefusedBySystem(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // the test's own directory, which is ours alone
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "open.eml"), "A: b\n\n")
	write(t, filepath.Join(dir, "closed.eml"), "C: d\n\n")
	write(t, filepath.Join(dir, "closed", "e.eml"), "E: f\n\n")
	for name, mode := range map[string]os.FileMode{"open.eml": 0o644, "closed.eml": 0, "closed": 0} {
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(dir, "closed"), 0o700) }) // so that it can be removed
	c := mustNew(t, EML, dir)
	sink := &collectortest.Sink{}
	var err error
	servertest.AsNobody(t, func() { err = c.Collect(t.Context(), scopeOf(collectors.MessagesRaw), sink) })
	if err != nil {
		t.Fatal(err)
	}
	collectortest.CheckSink(t, sink)
	if m := sink.Messages(); len(m) != 1 || m[0].Item != "open.eml" {
		t.Errorf("messages: %+v", m)
	}
	wantGap(t, sink, evidence.GapRefused, "messages/eml:"+dir, "permission denied")
	wantGap(t, sink, evidence.GapRefused, "import/eml:"+dir, "closed: ")
}
