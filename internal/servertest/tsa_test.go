package servertest_test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/internal/servertest"
)

// openssl runs openssl and returns what it printed.
func openssl(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := exec.Command("openssl", args...).CombinedOutput()
	return string(out), err
}

func write(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func post(t *testing.T, url, contentType string, body []byte) (*http.Response, []byte) {
	t.Helper()
	resp, err := http.Post(url, contentType, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, answer
}

func TestTSA(t *testing.T) {
	tsa := servertest.TSA(t)
	dir := t.TempDir()
	data := write(t, filepath.Join(dir, "data"), "what was collected\n")
	query, reply := filepath.Join(dir, "q.tsq"), filepath.Join(dir, "r.tsr")
	if out, err := openssl(t, "ts", "-query", "-data", data, "-sha256", "-cert", "-out", query); err != nil {
		t.Fatal(out)
	}
	q, err := os.ReadFile(query)
	if err != nil {
		t.Fatal(err)
	}

	resp, answer := post(t, tsa.URL, "application/timestamp-query", q)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/timestamp-reply" {
		t.Fatalf("%s, %s: %s", resp.Status, resp.Header.Get("Content-Type"), answer)
	}
	write(t, reply, string(answer))
	if out, err := openssl(t, "ts", "-verify", "-data", data, "-in", reply, "-CAfile", tsa.CAFile); err != nil {
		t.Errorf("the timestamp does not verify: %s", out)
	}
	if out, err := openssl(t, "ts", "-verify", "-queryfile", query, "-in", reply, "-CAfile", tsa.CAFile); err != nil {
		t.Errorf("the timestamp does not answer the query: %s", out)
	}
	other := write(t, filepath.Join(dir, "other"), "something else\n")
	if out, err := openssl(t, "ts", "-verify", "-data", other, "-in", reply, "-CAfile", tsa.CAFile); err == nil || !strings.Contains(out, "message imprint mismatch") {
		t.Errorf("other data: want a message imprint mismatch, got %v: %s", err, out)
	}

	t.Run("not a query", func(t *testing.T) {
		_, answer := post(t, tsa.URL, "application/timestamp-query", []byte("hello"))
		bad := write(t, filepath.Join(dir, "bad.tsr"), string(answer))
		out, err := openssl(t, "ts", "-reply", "-in", bad, "-text")
		if err != nil || !strings.Contains(out, "Rejected.") {
			t.Errorf("want a rejection, got %v: %s", err, out)
		}
	})
	t.Run("another content type", func(t *testing.T) {
		if resp, _ := post(t, tsa.URL, "text/plain", q); resp.StatusCode != http.StatusUnsupportedMediaType {
			t.Errorf("got %s", resp.Status)
		}
	})
	t.Run("serial numbers differ", func(t *testing.T) {
		_, second := post(t, tsa.URL, "application/timestamp-query", q)
		serial := func(raw []byte) string {
			out, err := openssl(t, "ts", "-reply", "-in", write(t, filepath.Join(dir, "s.tsr"), string(raw)), "-text")
			if err != nil {
				t.Fatal(out)
			}
			_, rest, _ := strings.Cut(out, "Serial number: ")
			line, _, _ := strings.Cut(rest, "\n")
			return line
		}
		if a, b := serial(answer), serial(second); a == b || a == "" {
			t.Errorf("serial numbers %q and %q", a, b)
		}
	})
}
