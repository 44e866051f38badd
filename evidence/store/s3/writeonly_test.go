package s3_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/mbaudit/mbaudit/evidence/store"
	"github.com/mbaudit/mbaudit/evidence/store/probe"
	"github.com/mbaudit/mbaudit/evidence/store/s3"
	"github.com/mbaudit/mbaudit/evidence/store/storetest"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

// TestRealWriteOnlyKey has a real server refuse what a key may not do that has s3:PutObject and s3:PutObjectRetention
// only.
func TestRealWriteOnlyKey(t *testing.T) {
	endpoint, root := startWithUsers(t)
	if err := root.MakeBucket(t.Context(), "locked", minio.MakeBucketOptions{ObjectLocking: true}); err != nil {
		t.Fatal(err)
	}
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["collector"]},
		"Action":["s3:PutObject","s3:PutObjectRetention"],"Resource":["arn:aws:s3:::locked/*"]}]}`
	if err := root.SetBucketPolicy(t.Context(), "locked", policy); err != nil {
		t.Fatal(err)
	}
	cfg := s3.Config{Endpoint: endpoint, Bucket: "locked", Prefix: "case", Region: "us-east-1",
		AccessKey: "collector", SecretKey: secret("collectors-secret"), RetainUntil: until()}
	if _, err := s3.New(t.Context(), cfg); !errors.Is(err, s3.ErrLockUnknown) {
		t.Fatalf("got %v, want ErrLockUnknown", err)
	}
	cfg.UnknownLock = true
	st := open(t, cfg)
	body := []byte("sealed")
	obj := storetest.Object("seal", body)
	if created, err := store.Ensure(t.Context(), st, obj, bytes.NewReader(body)); err != nil || !created {
		t.Fatalf("ensure: created %t, %v", created, err)
	}
	if err := st.Create(t.Context(), obj, bytes.NewReader(body)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a taken name: got %v, want fs.ErrExist", err)
	}
	_, err := st.Open(t.Context(), "seal")
	wantRefusal(t, "reading", err, http.StatusForbidden, "AccessDenied")
	for _, err := range st.List(t.Context(), "") {
		wantRefusal(t, "listing", err, http.StatusForbidden, "AccessDenied")
	}
	cfg.AccessKey, cfg.SecretKey = "root-key", secret("root-secret")
	wantLock(t, open(t, cfg), "seal", cfg.RetainUntil)
}

// TestProbeWithWriteOnlyKey shows what such a key can find out, and that the rest is said to be unknown.
func TestProbeWithWriteOnlyKey(t *testing.T) {
	endpoint, root := startWithUsers(t)
	if err := root.MakeBucket(t.Context(), "locked", minio.MakeBucketOptions{ObjectLocking: true}); err != nil {
		t.Fatal(err)
	}
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["collector"]},
		"Action":["s3:PutObject","s3:PutObjectRetention"],"Resource":["arn:aws:s3:::locked/*"]}]}`
	if err := root.SetBucketPolicy(t.Context(), "locked", policy); err != nil {
		t.Fatal(err)
	}
	r, err := probe.Run(t.Context(), probe.Config{Retention: probe.MinRetention, S3: s3.Config{Endpoint: endpoint, Bucket: "locked",
		Prefix: "case", Region: "us-east-1", AccessKey: "collector", SecretKey: secret("collectors-secret")}})
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{probe.ServerClock: true, probe.TakenName: true, probe.Race: true, probe.SignedHash: true,
		probe.WrongChecksum: true, probe.ShortenRefused: true, probe.WeakenRefused: true}
	for _, c := range r.Checks {
		want := probe.Unknown
		if known[c.Name] {
			want = probe.Yes
		}
		if c.Answer != want {
			t.Errorf("%s is answered by %q (%d %s %s), want %q", c.Name, c.Answer, c.Status, c.Code, c.Detail, want)
		}
	}
	if r.Verdict != probe.Undecided || !strings.Contains(r.Summary(), "not shown to keep evidence write-once") {
		t.Errorf("verdict %q: %s", r.Verdict, r.Summary())
	}
	if r.Left != r.Written || r.Written == 0 || r.CleaningNote == "" {
		t.Errorf("%d of %d are left (%q), and the key may not remove any", r.Left, r.Written, r.CleaningNote)
	}
}

// startWithUsers starts versitygw on loopback with accounts of its own, which servertest.S3 has not, and makes one that
// has no rights.
func startWithUsers(t *testing.T) (endpoint string, root *minio.Client) {
	servertest.S3(t) // skips, or fails, where there is none
	program, err := exec.LookPath("versitygw")
	if err != nil {
		gopath, _ := exec.Command("go", "env", "GOPATH").Output()
		program = filepath.Join(strings.TrimSpace(string(gopath)), "bin", "versitygw")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := listener.Addr().String()
	listener.Close()
	endpoint = "http://" + host
	dir := t.TempDir()
	for _, sub := range []string{"data", "versions", "users"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	server := exec.Command(program, "--port", host, "--region", "us-east-1", "--iam-dir", filepath.Join(dir, "users"),
		"--quiet", "posix", "--versioning-dir", filepath.Join(dir, "versions"), filepath.Join(dir, "data"))
	server.Env = append(os.Environ(), "ROOT_ACCESS_KEY=root-key", "ROOT_SECRET_KEY=root-secret")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	root, err = minio.New(host, &minio.Options{Region: "us-east-1",
		Creds: credentials.NewStaticV4("root-key", "root-secret", "")})
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", host)
		if err == nil {
			conn.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	make := exec.Command(program, "admin", "--access", "root-key", "--secret", "root-secret", "--region", "us-east-1",
		"--endpoint-url", endpoint, "create-user", "--access", "collector", "--secret", "collectors-secret", "--role", "user")
	if out, err := make.CombinedOutput(); err != nil {
		t.Fatal(fmt.Errorf("making a user: %w\n%s", err, out))
	}
	return endpoint, root
}
