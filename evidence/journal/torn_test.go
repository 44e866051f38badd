package journal_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/evidence/journal"
)

// tornFiles returns the names and contents of the files that were set aside.
func tornFiles(t *testing.T, j *journal.Journal) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob(j.Path() + ".torn-*")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, name := range names {
		if files[filepath.Base(name)], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// TestTornLineIsSetAside cuts the last line at every place, as a power loss would, and appends.
func TestTornLineIsSetAside(t *testing.T) {
	_, whole := fill(t, 3)
	start := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	for cut := start + 1; cut < len(whole); cut++ {
		checkTorn(t, whole[:start], whole[start:cut])
	}
}

// A file system may have lengthened the file before the data reached the disk.
func TestTornLineOfNULs(t *testing.T) {
	_, whole := fill(t, 3)
	start := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	checkTorn(t, whole[:start], make([]byte, 300))
	holed := bytes.Clone(whole[start:])
	clear(holed[:40])
	checkTorn(t, whole[:start], holed)
	checkTorn(t, whole[:start], []byte("{\x00}\n"))
	checkTorn(t, nil, whole[:10])
	checkTorn(t, whole[:start], append([]byte(`{"v":1,"x":"`), bytes.Repeat([]byte("long "), 20000)...))
}

func checkTorn(t *testing.T, whole, torn []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), journal.FileName)
	if err := os.WriteFile(path, append(bytes.Clone(whole), torn...), 0o600); err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	before := uint64(bytes.Count(whole, []byte("\n")))
	e, err := j.Append(entry("after the power loss"))
	if err != nil {
		t.Fatalf("torn at %d of %q: %v", len(torn), torn, err)
	}
	if e.Seq != before+2 {
		t.Errorf("torn at %d: the new entry has the number %d", len(torn), e.Seq)
	}
	if head, err := j.Verify(); err != nil || head.Count != before+2 {
		t.Errorf("torn at %d: %+v, %v", len(torn), head, err)
	}
	if !bytes.HasPrefix(contents(t, j), whole) {
		t.Errorf("torn at %d: whole lines were changed", len(torn))
	}
	files := tornFiles(t, j)
	if len(files) != 1 {
		t.Errorf("torn at %d: files %v", len(torn), files)
	}
	var note journal.Entry
	for e := range journal.Read(bytes.NewReader(contents(t, j))) {
		if e.Type == journal.Error {
			note = e
		}
	}
	sum := sha256.Sum256(torn)
	if note.Seq != before+1 || !note.Auto || note.Ref["torn_sha256"] != hex.EncodeToString(sum[:]) ||
		note.Ref["torn_bytes"] != strconv.Itoa(len(torn)) || !bytes.Equal(files[note.Ref["torn_file"]], torn) {
		t.Errorf("torn at %d: the entry of type error is %+v", len(torn), note)
	}
}

// The power may fail again between setting aside and writing the entry about it.
func TestTornFileWithoutItsEntryIsMadeGood(t *testing.T) {
	j, _ := fill(t, 2)
	pending := j.Path() + ".torn-20261123T144500.000Z.pending"
	if err := os.WriteFile(pending, []byte("half a line"), 0o600); err != nil {
		t.Fatal(err)
	}
	if e, err := j.Append(entry("x")); err != nil || e.Seq != 4 {
		t.Fatalf("entry %d, error %v", e.Seq, err)
	}
	files := tornFiles(t, j)
	if string(files["journal.jsonl.torn-20261123T144500.000Z"]) != "half a line" || len(files) != 1 {
		t.Errorf("files %v", files)
	}
	if e, err := j.Append(entry("x")); err != nil || e.Seq != 5 {
		t.Errorf("the entry was written twice: %d, %v", e.Seq, err)
	}
}

// A last line that is whole and does not read as an entry was not left by a power loss: nothing is moved or written.
func TestDamagedLastLineIsNotContinued(t *testing.T) {
	j, whole := fill(t, 3)
	damaged := bytes.Replace(whole, []byte(`"seq":3`), []byte(`"seq:33`), 1)
	if err := os.WriteFile(j.Path(), damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := j.Append(entry("x"))
	var broken *journal.BrokenError
	if !errors.As(err, &broken) || broken.Line != 3 || broken.Kind != journal.BrokenForm {
		t.Errorf("got %v", err)
	}
	if !bytes.Equal(damaged, contents(t, j)) || len(tornFiles(t, j)) != 0 {
		t.Error("the journal was changed")
	}
}

func TestLongLinesAreContinued(t *testing.T) {
	j := create(t)
	for _, n := range []int{4000, 8100, 8192, 9000, 70000, 1<<20 - 400, 5} {
		if _, err := j.Append(entry(strings.Repeat("x", n))); err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
	if head, err := j.Verify(); err != nil || head.Count != 8 {
		t.Errorf("%+v, %v", head, err)
	}
}
