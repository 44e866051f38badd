package timestamp_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"github.com/mbaudit/mbaudit/internal/servertest"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// needOpenSSL skips loudly, or fails where the run must have a real authority.
func needOpenSSL(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err == nil {
		return
	}
	if strings.Contains(","+os.Getenv("MBAUDIT_TEST_REQUIRE")+",", ",tsa,") {
		t.Fatal("openssl is not installed, and MBAUDIT_TEST_REQUIRE names tsa")
	}
	servertest.Missing(t, "openssl is not installed: no second implementation to test against")
}

// openssl runs openssl in dir and returns its output; want is whether it succeeds.
func openssl(t testing.TB, dir string, want bool, args ...string) string {
	t.Helper()
	cmd := exec.Command("openssl", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if (err == nil) != want {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

const opensslConfig = `
[req]
distinguished_name = dn
prompt = no
[dn]
CN = unused
[v3_ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[v3_tsa]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
subjectKeyIdentifier = hash
[v3_loose]
extendedKeyUsage = timeStamping
[v3_both]
extendedKeyUsage = critical,timeStamping,clientAuth
[v3_qualified]
basicConstraints = critical,CA:FALSE
extendedKeyUsage = critical,timeStamping
1.3.6.1.5.5.7.1.3 = DER:30:0B:30:09:06:07:04:00:81:97:5E:01:01
[v3_otherqc]
basicConstraints = critical,CA:FALSE
extendedKeyUsage = critical,timeStamping
1.3.6.1.5.5.7.1.3 = DER:30:0A:30:08:06:06:04:00:8E:46:01:01
[tsa1]
dir = .
serial = serial
signer_cert = tsa.pem
certs = chain.pem
signer_key = tsa.key
signer_digest = %s
default_policy = 1.3.6.1.4.1.99999.1
other_policies = 1.3.6.1.4.1.99999.2
digests = sha256,sha384,sha512
accuracy = %s
clock_precision_digits = %d
ordering = yes
tsa_name = yes
ess_cert_id_alg = %s
`

// A tsaSpec says how an openssl authority is made. Zero values take the usual.
type tsaSpec struct {
	key        []string // arguments of openssl genpkey
	extensions string
	digest     string
	accuracy   string
	precision  int
	ess        string
}

// opensslTSA makes a root, an intermediate and a time-stamping certificate with openssl, and returns the directory.
func opensslTSA(t testing.TB, spec tsaSpec) string {
	t.Helper()
	needOpenSSL(t)
	if spec.key == nil {
		spec.key = []string{"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"}
	}
	for value, usual := range map[*string]string{
		&spec.extensions: "v3_tsa", &spec.digest: "sha256", &spec.accuracy: "secs:1", &spec.ess: "sha256",
	} {
		if *value == "" {
			*value = usual
		}
	}
	dir := t.TempDir()
	write(t, dir, "tsa.cnf", []byte(fmt.Sprintf(opensslConfig, spec.digest, spec.accuracy, spec.precision, spec.ess)))
	write(t, dir, "serial", []byte("01\n"))
	for _, name := range []string{"root", "mid", "tsa"} {
		openssl(t, dir, true, append([]string{"genpkey", "-out", name + ".key"}, spec.key...)...)
	}
	openssl(t, dir, true, "req", "-new", "-x509", "-key", "root.key", "-days", "30", "-config", "tsa.cnf", "-extensions", "v3_ca",
		"-subj", "/O=test/CN=root", "-out", "root.pem")
	for _, c := range []struct{ name, issuer, extensions string }{{"mid", "root", "v3_ca"}, {"tsa", "mid", spec.extensions}} {
		openssl(t, dir, true, "req", "-new", "-key", c.name+".key", "-config", "tsa.cnf", "-subj", "/O=test/CN="+c.name,
			"-out", c.name+".csr")
		openssl(t, dir, true, "x509", "-req", "-in", c.name+".csr", "-CA", c.issuer+".pem", "-CAkey", c.issuer+".key",
			"-CAcreateserial", "-days", "20", "-extfile", "tsa.cnf", "-extensions", c.extensions, "-out", c.name+".pem")
	}
	write(t, dir, "chain.pem", append(read(t, dir, "mid.pem"), read(t, dir, "root.pem")...))
	return dir
}

// opensslStamp returns the response of openssl ts for data, the query made by openssl too.
func opensslStamp(t testing.TB, dir string, data []byte, query ...string) []byte {
	t.Helper()
	write(t, dir, "data", data)
	if query == nil {
		query = []string{"-sha256", "-cert"}
	}
	openssl(t, dir, true, append([]string{"ts", "-query", "-data", "data", "-out", "q.tsq"}, query...)...)
	return opensslReply(t, dir, read(t, dir, "q.tsq"))
}

func opensslReply(t testing.TB, dir string, query []byte) []byte {
	t.Helper()
	write(t, dir, "q.tsq", query)
	openssl(t, dir, true, "ts", "-reply", "-config", "tsa.cnf", "-section", "tsa1", "-queryfile", "q.tsq", "-out", "r.tsr")
	return read(t, dir, "r.tsr")
}

// opensslServer answers over HTTP with what openssl ts makes.
func opensslServer(t testing.TB, dir string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("Content-Type") != "application/timestamp-query" {
			http.Error(w, "not a query", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/timestamp-reply")
		_, _ = w.Write(opensslReply(t, dir, query))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func write(t testing.TB, dir, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, dir, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func certificate(t testing.TB, data []byte) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(data)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func pool(certs ...*x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	for _, c := range certs {
		p.AddCert(c)
	}
	return p
}

// someData is what the tests have time-stamped.
var someData = bytes.Repeat([]byte("0123456789abcdef  manifest-sha256.txt\n"), 3)

func someDigest() [32]byte { return sha256.Sum256(someData) }
