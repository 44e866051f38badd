package journal_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"testing"

	"github.com/mbaudit/mbaudit/evidence/journal"
)

func TestLines(t *testing.T) {
	j, whole := fill(t, 4)
	lines, err := j.Lines()
	if err != nil || len(lines) != 4 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	var together []byte
	for i, line := range lines {
		sum := sha256.Sum256(line.Bytes)
		if line.Seq != uint64(i+1) || line.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("line %d: number %d, SHA-256 %s", i+1, line.Seq, line.SHA256)
		}
		if i > 0 && line.Prev != lines[i-1].SHA256 {
			t.Errorf("line %d does not follow the line before it", i+1)
		}
		together = append(together, line.Bytes...)
	}
	if !bytes.Equal(together, whole) {
		t.Error("the lines together are not the file")
	}
}

// A broken line ends what Lines gives, and says where.
func TestLinesStopAtTheBrokenOne(t *testing.T) {
	j, whole := fill(t, 4)
	changed := bytes.Replace(whole, []byte("event 3"), []byte("event X"), 1)
	if err := os.WriteFile(j.Path(), changed, 0o600); err != nil {
		t.Fatal(err)
	}
	lines, err := j.Lines()
	var broken *journal.BrokenError
	if !errors.As(err, &broken) || broken.Line != 4 || broken.Kind != journal.BrokenPrev || len(lines) != 3 {
		t.Errorf("%d lines, %v", len(lines), err)
	}
}
