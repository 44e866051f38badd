package anchor_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/evidence/journal/anchor"
	"github.com/mbaudit/mbaudit/evidence/timestamp"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

func entry(description string) journal.Entry {
	return journal.Entry{EventTime: time.Date(2026, 11, 23, 14, 5, 0, 0, time.UTC), Informant: "M. Martin", Type: journal.Detection, Description: description}
}

// lines are those of a journal with n entries; word makes them different from other journals'.
func lines(t *testing.T, n int, word string) []journal.Line {
	t.Helper()
	j, _, err := journal.Create(filepath.Join(t.TempDir(), journal.FileName), entry("the case is opened "+word))
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < n; i++ {
		if _, err := j.Append(entry(fmt.Sprint(word, " ", i))); err != nil {
			t.Fatal(err)
		}
	}
	all, err := j.Lines()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// anchored asks a real authority for a time-stamp on the last line and keeps it.
func anchored(t *testing.T, tsa *servertest.TSAServer, dir string, all []journal.Line) string {
	t.Helper()
	last := all[len(all)-1]
	digest, err := hex.DecodeString(last.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := timestamp.Request(t.Context(), http.DefaultClient, tsa.URL, [32]byte(digest))
	if err != nil {
		t.Fatal(err)
	}
	name, err := anchor.Keep(dir, journal.Head{Seq: last.Seq, SHA256: last.SHA256}, answer.TSR, nil)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// want checks the one finding on a file.
func want(t *testing.T, dir string, all []journal.Line, file string, broken anchor.Kind) anchor.Finding {
	t.Helper()
	findings, err := anchor.Verify(dir, all, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		if f.File == file {
			if f.Broken != broken || (broken == "") != (f.Detail == "") {
				t.Errorf("%s: got %q (%s), want %q", file, f.Broken, f.Detail, broken)
			}
			return f
		}
	}
	t.Errorf("nothing was said of %s: %+v", file, findings)
	return anchor.Finding{}
}

func TestAnchor(t *testing.T) {
	tsa := servertest.TSA(t)
	dir := filepath.Join(t.TempDir(), anchor.Dir)
	all := lines(t, 5, "event")
	if findings, err := anchor.Verify(dir, all, nil); err != nil || len(findings) != 0 {
		t.Errorf("no folder yet: %v, %v", findings, err)
	}
	first, second := anchored(t, tsa, dir, all[:4]), anchored(t, tsa, dir, all[:4])
	if first != "000004.tsr" || second != "000004-2.tsr" {
		t.Errorf("kept as %s and %s", first, second)
	}
	f := want(t, dir, all, first, "")
	if f.Seq != 4 || time.Since(f.GenTime) > time.Hour || f.Trusted {
		t.Errorf("the anchor says %+v", f)
	}
	want(t, dir, all, second, "")

	want(t, dir, all[:4], first, "") // its own head
	want(t, dir, all[:3], first, anchor.CutOff)
	want(t, dir, nil, first, anchor.CutOff)
	want(t, dir, lines(t, 5, "other"), first, anchor.Rewritten)
	t.Run("openssl", func(t *testing.T) { opensslAgrees(t, tsa, dir, all) })

	told := all[4]
	told.Auto, told.Ref = true, map[string]string{anchor.RefFiles: "000004.tsr 000004-2.tsr ../../etc/passwd"}
	if err := os.Remove(filepath.Join(dir, second)); err != nil {
		t.Fatal(err)
	}
	want(t, dir, append(all[:4:4], told), second, anchor.Missing)
	if err := os.WriteFile(filepath.Join(dir, "000003.tsr"), []byte("not a time-stamp"), 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, dir, all, "000003.tsr", anchor.Damaged)
}

// An answer on other bytes than the head is not kept.
func TestKeepRefusesAnotherHead(t *testing.T) {
	tsa := servertest.TSA(t)
	dir := t.TempDir()
	all := lines(t, 2, "event")
	name := anchored(t, tsa, dir, all)
	tsr, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := anchor.Keep(dir, journal.Head{Seq: 1, SHA256: all[0].SHA256}, tsr, nil); !errors.Is(err, timestamp.ErrOtherData) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "000001.tsr")); err == nil {
		t.Error("it was kept")
	}
}

// opensslAgrees checks the anchor as the package's documentation says, on the line and on another one.
func opensslAgrees(t *testing.T, tsa *servertest.TSAServer, dir string, all []journal.Line) {
	for _, line := range all[2:4] {
		file := filepath.Join(t.TempDir(), "line")
		if err := os.WriteFile(file, line.Bytes, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("openssl", "ts", "-verify", "-data", file, "-in", filepath.Join(dir, "000004.tsr"), "-CAfile", tsa.CAFile).CombinedOutput()
		if (err == nil) != (line.Seq == 4) {
			t.Errorf("line %d: %v\n%s", line.Seq, err, out)
		}
	}
}
