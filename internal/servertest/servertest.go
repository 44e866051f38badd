package servertest

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// RequireVariable is the environment variable that names the servers without which tests fail.
const RequireVariable = "MBAUDIT_TEST_REQUIRE"

// Root returns the root directory of the repository: the first directory, from the working directory upwards, with a
// go.mod.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod in the working directory or above it")
		}
		dir = parent
	}
}

// missing skips the test, or fails it where the server is required.
func missing(t testing.TB, server, reason string) {
	t.Helper()
	if slices.Contains(strings.Split(os.Getenv(RequireVariable), ","), server) {
		t.Fatalf("%s; and %s requires %s", reason, RequireVariable, server)
	}
	t.Skipf("SKIPPED WITHOUT A SERVER: %s", reason)
}

// Missing skips the test because another tool is not installed, or fails it where MBAUDIT_TEST_REQUIRE names tools: a
// check by someone else's program must not go missing unnoticed.
func Missing(t testing.TB, reason string) {
	t.Helper()
	missing(t, "tools", reason)
}

// program finds a program in PATH, in the directories of programs for root, and where go install puts them.
func program(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	dirs := []string{"/usr/sbin", "/sbin"}
	if out, err := exec.Command("go", "env", "GOBIN", "GOPATH").Output(); err == nil {
		bin, gopath, _ := strings.Cut(strings.TrimRight(string(out), "\n"), "\n")
		dirs = append(dirs, bin, filepath.Join(gopath, "bin"))
	}
	for _, dir := range dirs {
		if path, err := exec.LookPath(filepath.Join(dir, name)); dir != "" && err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed: testdata/servers/install.sh installs it", name)
}

// needPrograms skips or fails the test unless all programs are there.
func needPrograms(t testing.TB, server string, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := program(name); err != nil {
			missing(t, server, err.Error())
		}
	}
}

// settings are what a script printed.
type settings map[string]string

// start runs a script's start and sees to its stop, also when the test's process is killed. A script that exits 3 says that its program is not installed.
func start(t testing.TB, server, script string, args ...string) settings {
	t.Helper()
	path := filepath.Join(Root(t), "testdata", "servers", script)
	cmd := exec.Command(path, append([]string{"start", "--with", strconv.Itoa(os.Getpid())}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 3 {
		missing(t, server, strings.TrimSpace(stderr.String()))
	}
	if err != nil {
		t.Fatalf("%s start: %v\n%s", script, err, stderr.Bytes())
	}
	s := parseSettings(t, string(out))
	dir := s[strings.ToUpper(strings.TrimSuffix(script, ".sh"))+"_DIR"]
	t.Cleanup(func() {
		if out, err := exec.Command(path, "stop", "--dir", dir).CombinedOutput(); err != nil {
			t.Errorf("%s stop: %v\n%s", script, err, out)
		}
	})
	return s
}

// parseSettings reads lines of the form KEY='value'.
func parseSettings(t testing.TB, text string) settings {
	t.Helper()
	s := settings{}
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !ok || len(value) < 2 || value[0] != '\'' || value[len(value)-1] != '\'' {
			t.Fatalf("a setting has the form KEY='value', this is %q", line)
		}
		s[key] = value[1 : len(value)-1]
	}
	return s
}

func (s settings) port(t testing.TB, key string) int {
	t.Helper()
	port, err := strconv.Atoi(s[key])
	if err != nil {
		t.Fatalf("%s is not a port: %v", key, err)
	}
	return port
}

// trust returns a TLS configuration that trusts the authority in a PEM file and no other.
func trust(t testing.TB, caFile string) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(caFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatalf("%s holds no certificate", caFile)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

// WaitForLine waits until the file has a line that contains text; servers write their logs a moment after they answer.
// After 10 s the test fails. It returns the line.
func WaitForLine(t testing.TB, file, text string) string {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(content)) {
			if strings.Contains(line, text) {
				return strings.TrimSuffix(line, "\n")
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s has no line with %q after 10 s:\n%s", file, text, content)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
