package journal_test

import (
	"bytes"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/mbaudit/mbaudit/evidence/journal"
)

// A disk that is full in the middle of a line is played by a limit on the file's size, in a process of its own.
func TestFullDiskLeavesTheJournalAsItWas(t *testing.T) {
	if path := os.Getenv("JOURNAL_TEST_FULL"); path != "" {
		signal.Ignore(syscall.SIGXFSZ)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		var before syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
			t.Fatal(err)
		}
		limit := syscall.Rlimit{Cur: uint64(info.Size()) + 100, Max: before.Max}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before) }()
		j, err := journal.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = j.Append(entry("does not fit"))
		if err == nil || !strings.Contains(err.Error(), "writing the journal") {
			t.Fatalf("Append: %v", err)
		}
		return
	}
	j, whole := fill(t, 3)
	cmd := exec.Command(os.Args[0], "-test.run=^TestFullDiskLeavesTheJournalAsItWas$", "-test.v")
	cmd.Env = append(os.Environ(), "JOURNAL_TEST_FULL="+j.Path())
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Fatalf("%v\n%s", err, out)
	}
	if !bytes.Equal(whole, contents(t, j)) {
		t.Error("the failed entry left something behind")
	}
	if e, err := j.Append(entry("there is room again")); err != nil || e.Seq != 4 {
		t.Errorf("entry %d, %v", e.Seq, err)
	}
}
