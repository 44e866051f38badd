package timestamp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	digitorus "github.com/digitorus/timestamp"

	"github.com/mbaudit/mbaudit/evidence/timestamp"
)

func newAuthority(t testing.TB, o timestamp.AuthorityOptions) *timestamp.Authority {
	t.Helper()
	a, err := timestamp.NewAuthority(o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// stamp returns a's response for someData.
func stamp(t testing.TB, a *timestamp.Authority) []byte {
	t.Helper()
	query, err := digitorus.CreateRequest(bytes.NewReader(someData), &digitorus.RequestOptions{Certificates: true})
	if err != nil {
		t.Fatal(err)
	}
	tsr, err := a.Timestamp(query)
	if err != nil {
		t.Fatal(err)
	}
	return tsr
}

func TestOpenSSLVerifiesAuthority(t *testing.T) {
	needOpenSSL(t)
	a := newAuthority(t, timestamp.AuthorityOptions{})
	dir := t.TempDir()
	write(t, dir, "ca.pem", a.RootPEM())
	write(t, dir, "data", someData)
	write(t, dir, "other", []byte("other"))
	for _, c := range []struct {
		name      string
		query     []string
		untrusted []string
	}{
		{name: "nonce and certificates", query: []string{"-sha256", "-cert"}},
		{name: "no nonce", query: []string{"-sha256", "-cert", "-no_nonce"}},
		{name: "no certificates", query: []string{"-sha256"}, untrusted: []string{"-untrusted", "tsa.pem"}},
		{name: "SHA-512", query: []string{"-sha512", "-cert"}},
		{name: "the policy by name", query: []string{"-sha384", "-cert", "-tspolicy", "2.999.3161.1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			openssl(t, dir, true, append([]string{"ts", "-query", "-data", "data", "-out", "q.tsq"}, c.query...)...)
			tsr, err := a.Timestamp(read(t, dir, "q.tsq"))
			if err != nil {
				t.Fatal(err)
			}
			write(t, dir, "r.tsr", tsr)
			if c.untrusted != nil {
				if err := a.Save(filepath.Join(dir, "saved")); err != nil {
					t.Fatal(err)
				}
				write(t, dir, "tsa.pem", read(t, dir, "saved/tsa.pem"))
			}
			for _, against := range [][]string{{"-data", "data"}, {"-queryfile", "q.tsq"}} {
				args := append([]string{"ts", "-verify", "-in", "r.tsr", "-CAfile", "ca.pem"}, against...)
				if out := openssl(t, dir, true, append(args, c.untrusted...)...); !strings.Contains(out, "Verification: OK") {
					t.Errorf("%v: %s", against, out)
				}
			}
			args := append([]string{"ts", "-verify", "-in", "r.tsr", "-CAfile", "ca.pem", "-data", "other"}, c.untrusted...)
			out := openssl(t, dir, false, args...)
			if !strings.Contains(out, "message imprint mismatch") {
				t.Errorf("other data: %s", out)
			}
			if text := openssl(t, dir, true, "ts", "-reply", "-in", "r.tsr", "-text"); !strings.Contains(text, "NOT a third party") {
				t.Errorf("openssl does not show the label:\n%s", text)
			}
		})
	}
}

// The certificate is valid for two seconds, an hour ago.
func TestTimestampOutlivesItsCertificate(t *testing.T) {
	start := time.Now().Add(-time.Hour).Truncate(time.Second)
	now := start
	a := newAuthority(t, timestamp.AuthorityOptions{Clock: func() time.Time { return now }, Validity: 2 * time.Second})
	now = start.Add(1500 * time.Millisecond)
	tsr := stamp(t, a)
	info, err := timestamp.Verify(tsr, someDigest(), timestamp.Options{Roots: a.Roots()})
	if err != nil || !info.GenTime.Equal(start.Add(time.Second)) || !info.Trusted || !info.Local {
		t.Errorf("time %s (started %s), trusted %v, local %v, error %v", info.GenTime, start, info.Trusted, info.Local, err)
	}
	if !info.Chain[0].NotAfter.Before(time.Now()) {
		t.Errorf("the certificate has not expired: %s", info.Chain[0].NotAfter)
	}

	now = start.Add(3 * time.Second)
	var rejected *timestamp.RejectedError
	if _, err := timestamp.Verify(stamp(t, a), someDigest(), timestamp.Options{}); !errors.As(err, &rejected) ||
		!strings.Contains(rejected.Reason, "time source") {
		t.Errorf("after its certificate has expired the authority answers %v", err)
	}

	needOpenSSL(t)
	dir := t.TempDir()
	write(t, dir, "ca.pem", a.RootPEM())
	write(t, dir, "data", someData)
	write(t, dir, "r.tsr", tsr)
	verify := []string{"ts", "-verify", "-data", "data", "-in", "r.tsr", "-CAfile", "ca.pem"}
	if out := openssl(t, dir, false, verify...); !strings.Contains(out, "expired") {
		t.Errorf("without -attime: %s", out)
	}
	openssl(t, dir, true, append(verify, "-attime", fmt.Sprint(info.GenTime.Unix()))...)
}

func TestAuthorityRejects(t *testing.T) {
	needOpenSSL(t)
	a := newAuthority(t, timestamp.AuthorityOptions{})
	dir := t.TempDir()
	write(t, dir, "data", someData)
	query := func(args ...string) []byte {
		openssl(t, dir, true, append([]string{"ts", "-query", "-data", "data", "-out", "q.tsq"}, args...)...)
		return read(t, dir, "q.tsq")
	}
	// Says SHA-384 and carries 32 bytes.
	short := bytes.Replace(query("-sha256"), []byte{1, 0x65, 3, 4, 2, 1}, []byte{1, 0x65, 3, 4, 2, 2}, 1)
	for _, c := range []struct {
		name, reason string
		query        []byte
	}{
		{"SHA-1", "digest algorithm", query("-sha1")},
		{"an unknown digest", "digest algorithm", query("-sm3")},
		{"another policy", "policy", query("-sha256", "-tspolicy", "1.2.3.4")},
		{"not a query", "malformed", []byte("hello")},
		{"cut short", "malformed", query("-sha256")[:30]},
		{"a digest of the wrong length", "malformed", short},
	} {
		tsr, err := a.Timestamp(c.query)
		if err != nil {
			t.Fatal(err)
		}
		_, err = timestamp.Verify(tsr, someDigest(), timestamp.Options{})
		var rejected *timestamp.RejectedError
		if !errors.As(err, &rejected) || rejected.Status != 2 || !strings.Contains(rejected.Reason, c.reason) {
			t.Errorf("%s: %v", c.name, err)
		}
		write(t, dir, "r.tsr", tsr)
		if text := openssl(t, dir, true, "ts", "-reply", "-in", "r.tsr", "-text"); !strings.Contains(text, "Status: Rejected.") {
			t.Errorf("%s: openssl reads the rejection as %s", c.name, text)
		}
	}
}

func TestAuthoritySerialNumbersDiffer(t *testing.T) {
	a := newAuthority(t, timestamp.AuthorityOptions{})
	seen := map[string]bool{}
	for range 50 {
		info, err := timestamp.Verify(stamp(t, a), someDigest(), timestamp.Options{Roots: a.Roots()})
		if err != nil {
			t.Fatal(err)
		}
		seen[info.Serial.String()] = true
	}
	if len(seen) != 50 {
		t.Errorf("%d serial numbers in 50 time-stamps", len(seen))
	}
}

func TestSaveAndLoad(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tsa")
	a := newAuthority(t, timestamp.AuthorityOptions{})
	if err := a.Save(dir); err != nil {
		t.Fatal(err)
	}
	if err := newAuthority(t, timestamp.AuthorityOptions{}).Save(dir); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second Save: %v, want fs.ErrExist", err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 3 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v, %v", f.Name(), info.Mode(), err)
		}
	}
	loaded, err := timestamp.LoadAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := timestamp.Verify(stamp(t, loaded), someDigest(), timestamp.Options{Roots: a.Roots()}); err != nil {
		t.Errorf("a time-stamp of the loaded authority: %v", err)
	}
	if err := os.Chmod(filepath.Join(dir, "tsa.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := timestamp.LoadAuthority(dir); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that others can read: %v", err)
	}
	if _, err := timestamp.LoadAuthority(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty directory: %v", err)
	}
	other := filepath.Join(t.TempDir(), "tsa")
	if err := newAuthority(t, timestamp.AuthorityOptions{}).Save(other); err != nil {
		t.Fatal(err)
	}
	write(t, other, "tsa.key", read(t, dir, "tsa.key"))
	if _, err := timestamp.LoadAuthority(other); err == nil || !strings.Contains(err.Error(), "belong together") {
		t.Errorf("a key of another authority: %v", err)
	}
}

// Several runs that make the local authority at the same time get the same one.
func TestOpenAuthority(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "config", "tsa")
	stamps, makers := make([][]byte, 8), make([]bool, 8)
	var all sync.WaitGroup
	for i := range stamps {
		all.Go(func() {
			a, made, err := timestamp.OpenAuthority(dir)
			if err != nil {
				t.Error(err)
				return
			}
			r, err := a.Stamp(someDigest())
			if err != nil || !r.Local || r.URL != "local" || !strings.Contains(r.Standing(), "not a third party") {
				t.Errorf("local %v, URL %q, %v", r.Local, r.URL, err)
			}
			stamps[i], makers[i] = r.TSR, made
		})
	}
	all.Wait()
	a, made, err := timestamp.OpenAuthority(dir)
	if err != nil || made {
		t.Fatalf("made %v, %v", made, err)
	}
	n := 0
	for i, tsr := range stamps {
		if _, err := timestamp.Verify(tsr, someDigest(), timestamp.Options{Roots: a.Roots()}); err != nil {
			t.Errorf("stamp %d: %v", i, err)
		}
		if makers[i] {
			n++
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(entries) != 1 || n != 1 {
		t.Errorf("%d made it, %d folders are there, %v", n, len(entries), err)
	}
	if err := os.Remove(filepath.Join(dir, "tsa.pem")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := timestamp.OpenAuthority(dir); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "not whole") {
		t.Errorf("a folder without its certificate: %v", err)
	}
}

func TestAuthorityOverHTTP(t *testing.T) {
	a := newAuthority(t, timestamp.AuthorityOptions{})
	server := httptest.NewServer(a)
	defer server.Close()
	r, err := timestamp.Request(context.Background(), server.Client(), server.URL, someDigest())
	if err != nil || !r.Local || r.Trusted {
		t.Errorf("local %v, trusted %v, error %v", r.Local, r.Trusted, err)
	}
	if _, err := timestamp.Verify(r.TSR, someDigest(), timestamp.Options{Roots: a.Roots()}); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		method, media string
		body          string
		want          int
	}{
		"GET":        {http.MethodGet, "application/timestamp-query", "", http.StatusMethodNotAllowed},
		"form":       {http.MethodPost, "text/plain", "x", http.StatusUnsupportedMediaType},
		"too long":   {http.MethodPost, "application/timestamp-query", strings.Repeat("x", 65<<10), http.StatusBadRequest},
		"no query":   {http.MethodPost, "application/timestamp-query", "x", http.StatusOK}, // a rejection
		"parameters": {http.MethodPost, "application/timestamp-query; charset=utf-8", "x", http.StatusOK},
	} {
		req, err := http.NewRequest(c.method, server.URL, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", c.media)
		resp, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != c.want {
			t.Errorf("%s: status %d, want %d", name, resp.StatusCode, c.want)
		}
	}
}
