package servertest_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/internal/servertest"
)

// script runs one of the scripts and returns its exit status, standard output and standard error.
func script(t *testing.T, name string, args ...string) (int, string, string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(servertest.Root(t), "testdata", "servers", name), args...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// value returns the value of a KEY='value' line.
func value(t *testing.T, settings, key string) string {
	t.Helper()
	_, rest, ok := strings.Cut("\n"+settings, "\n"+key+"='")
	v, _, end := strings.Cut(rest, "'\n")
	if !ok || !end {
		t.Fatalf("%s is not among the settings:\n%s", key, settings)
	}
	return v
}

// wait waits until the condition holds, at most 30 s.
func wait(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !condition(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still not after 30 s: %s", what)
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

func TestScriptStartStatusStop(t *testing.T) {
	servertest.S3(t) // skips where it is not installed
	dir := filepath.Join(t.TempDir(), "server")
	status, started, stderr := script(t, "s3.sh", "start", "--dir", dir)
	if status != 0 {
		t.Fatal(stderr)
	}
	if status, again, _ := script(t, "s3.sh", "status", "--dir", dir); status != 0 || again != started {
		t.Errorf("status exits %d and prints\n%s\nwhere start printed\n%s", status, again, started)
	}
	if status, _, stderr := script(t, "s3.sh", "start", "--dir", dir); status != 1 || !strings.Contains(stderr, "running in "+dir+" already") {
		t.Errorf("a second start exits %d: %s", status, stderr)
	}
	if status, _, stderr := script(t, "s3.sh", "stop", "--dir", dir); status != 0 || stderr != "" {
		t.Errorf("stop exits %d: %s", status, stderr)
	}
	if conn, err := net.Dial("tcp", value(t, started, "S3_ENDPOINT")); err == nil {
		conn.Close()
		t.Error("the server answers after stop")
	}
	if exists(dir) {
		t.Error("stop left the directory that start made")
	}
}

func TestScriptKeepsAGivenDirectory(t *testing.T) {
	servertest.S3(t)
	dir := t.TempDir()
	if status, _, stderr := script(t, "s3.sh", "start", "--dir", dir); status != 0 {
		t.Fatal(stderr)
	}
	if status, _, stderr := script(t, "s3.sh", "stop", "--dir", dir); status != 0 {
		t.Error(stderr)
	}
	if !exists(filepath.Join(dir, "data")) {
		t.Error("stop removed a directory that start had not made")
	}
	if status, _, stderr := script(t, "s3.sh", "status", "--dir", dir); status != 1 || !strings.Contains(stderr, "no server is running") {
		t.Errorf("status exits %d: %s", status, stderr)
	}
}

// TestServerEndsWithItsTest shows what happens to a server whose test is killed.
func TestServerEndsWithItsTest(t *testing.T) {
	servertest.S3(t)
	test := exec.Command("sleep", "600")
	if err := test.Start(); err != nil {
		t.Fatal(err)
	}
	status, started, stderr := script(t, "s3.sh", "start", "--with", strconv.Itoa(test.Process.Pid))
	if status != 0 {
		t.Fatal(stderr)
	}
	if err := test.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = test.Wait()
	wait(t, "the server's directory is gone", func() bool { return !exists(value(t, started, "S3_DIR")) })
	if conn, err := net.Dial("tcp", value(t, started, "S3_ENDPOINT")); err == nil {
		conn.Close()
		t.Error("the server still answers")
	}
}

// TestScriptShowsWhyAServerDidNotStart gives Dovecot a directory in which its sockets' names are too long for the
// system, and wants its own words.
func TestScriptShowsWhyAServerDidNotStart(t *testing.T) {
	servertest.Dovecot(t)
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	status, stdout, stderr := script(t, "dovecot.sh", "start", "--dir", dir)
	if status != 1 || stdout != "" || !strings.Contains(stderr, "File name too long") {
		t.Errorf("start exits %d, prints %q and says:\n%s", status, stdout, stderr)
	}
	if exists(dir) {
		t.Error("the directory that start made is still there")
	}
}

func TestScriptUsage(t *testing.T) {
	for _, name := range []string{"dovecot.sh", "cyrus.sh", "s3.sh", "tsa.sh"} {
		if status, _, stderr := script(t, name, "restart"); status != 2 || !strings.Contains(stderr, "usage:") {
			t.Errorf("%s restart exits %d: %s", name, status, stderr)
		}
		if status, _, stderr := script(t, name, "stop", "--dir", filepath.Join(t.TempDir(), "none")); status != 1 || !strings.Contains(stderr, "no such directory") {
			t.Errorf("%s stop in no directory exits %d: %s", name, status, stderr)
		}
	}
}
