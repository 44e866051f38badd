package s3_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/mbaudit/mbaudit/evidence/store"
	"github.com/mbaudit/mbaudit/evidence/store/s3"
	"github.com/mbaudit/mbaudit/evidence/store/storetest"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

// secret is what a command hands in as secret.String.
type secret string

func (s secret) Reveal() string { return string(s) }

// until is the date of all locks in these tests.
func until() time.Time { return time.Now().Add(24 * time.Hour) }

// config leads to a bucket on the test server, under a prefix of its own.
func config(srv *servertest.S3Server, bucket string, lock bool) s3.Config {
	cfg := s3.Config{
		Endpoint: srv.URL, Bucket: bucket, Prefix: "case " + rand.Text(), Region: srv.Region,
		AccessKey: srv.AccessKey, SecretKey: secret(srv.SecretKey), CAFile: srv.CAFile,
	}
	if lock {
		cfg.RetainUntil = until()
	} else {
		cfg.NoLock = true
	}
	return cfg
}

func open(t testing.TB, cfg s3.Config) *s3.Store {
	t.Helper()
	st, err := s3.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func authorities(t testing.TB, srv *servertest.S3Server) *x509.CertPool {
	t.Helper()
	pem, err := os.ReadFile(srv.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatalf("%s holds no certificate", srv.CAFile)
	}
	return pool
}

func TestS3(t *testing.T) {
	srv := servertest.S3(t)
	srv.MakeBucket(t, "locked", true)
	srv.MakeBucket(t, "unlocked", false)
	t.Run("locked", func(t *testing.T) { run(t, func() s3.Config { return config(srv, "locked", true) }) })
	t.Run("no lock asked", func(t *testing.T) { run(t, func() s3.Config { return config(srv, "locked", false) }) })
	t.Run("unlocked bucket", func(t *testing.T) { run(t, func() s3.Config { return config(srv, "unlocked", false) }) })
	t.Run("plain HTTP", func(t *testing.T) {
		front := newProxy(t, srv)
		run(t, func() s3.Config { return through(front, config(srv, "locked", true)) })
	})
}

// TestMinIO is the second opinion on what is done to versitygw above.
func TestMinIO(t *testing.T) {
	srv := servertest.MinIO(t)
	srv.MakeBucket(t, "locked", true)
	srv.MakeBucket(t, "unlocked", false)
	t.Run("locked", func(t *testing.T) { run(t, func() s3.Config { return config(srv, "locked", true) }) })
	t.Run("unlocked bucket", func(t *testing.T) { run(t, func() s3.Config { return config(srv, "unlocked", false) }) })
	t.Run("lock", func(t *testing.T) { lockLife(t, srv) })
	t.Run("delete marker", func(t *testing.T) { deleteMarker(t, srv) })
	t.Run("ensure", func(t *testing.T) { ensureLock(t, srv) })
}

func run(t *testing.T, cfg func() s3.Config) {
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, cfg()) })
}

// TestLock shows the life of one object: locked when it is created, refused to be replaced, and refused to be removed
// by the lock, not for lack of rights: the same key removes an object that is not locked.
func TestLock(t *testing.T) {
	srv := servertest.S3(t)
	srv.MakeBucket(t, "locked", true)
	lockLife(t, srv)
}

func lockLife(t *testing.T, srv *servertest.S3Server) {
	cfg := config(srv, "locked", true)
	st := open(t, cfg)
	if have := st.Bucket(); have.Locks != s3.Yes || have.Versions != s3.Yes {
		t.Errorf("the bucket is said to have %+v", have)
	}
	body := []byte("sealed")
	if err := st.Create(t.Context(), storetest.Object("seal.json", body), bytes.NewReader(body)); err != nil {
		t.Fatal(err)
	}
	entry, err := st.Stat(t.Context(), "seal.json")
	if err != nil {
		t.Fatal(err)
	}
	if entry.SHA256 == nil || *entry.SHA256 != storetest.Object("", body).SHA256 {
		t.Errorf("the service tells the SHA-256 %x", entry.SHA256)
	}
	wantLock(t, st, "seal.json", cfg.RetainUntil)

	err = st.Create(t.Context(), storetest.Object("seal.json", []byte("other")), strings.NewReader("other"))
	wantRefusal(t, "replacing", err, http.StatusPreconditionFailed, "PreconditionFailed")
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("replacing: got %v, want fs.ErrExist", err)
	}

	key := cfg.Prefix + "/seal.json"
	remover := srv.Client(t)
	for _, bypass := range []bool{false, true} {
		err := remover.RemoveObject(t.Context(), "locked", key,
			minio.RemoveObjectOptions{VersionID: entry.VersionID, GovernanceBypass: bypass})
		wantLocked(t, srv, fmt.Sprintf("removing the locked version (bypass %t)", bypass), err)
	}
	mode, earlier := minio.Compliance, cfg.RetainUntil.Add(-time.Hour)
	err = remover.PutObjectRetention(t.Context(), "locked", key, minio.PutObjectRetentionOptions{
		Mode: &mode, RetainUntilDate: &earlier, VersionID: entry.VersionID, GovernanceBypass: true})
	wantLocked(t, srv, "shortening the lock", err)
	wantLock(t, st, "seal.json", cfg.RetainUntil)

	freeCfg := config(srv, "locked", false)
	free := open(t, freeCfg)
	if err := free.Create(t.Context(), storetest.Object("free", body), bytes.NewReader(body)); err != nil {
		t.Fatal(err)
	}
	if _, err := free.Lock(t.Context(), "free"); !errors.Is(err, store.ErrLockMissing) {
		t.Errorf("the lock of an object without one: got %v, want ErrLockMissing", err)
	}
	for v, err := range free.Versions(t.Context(), "free") {
		if err != nil {
			t.Fatal(err)
		}
		err := remover.RemoveObject(t.Context(), "locked", freeCfg.Prefix+"/free",
			minio.RemoveObjectOptions{VersionID: v.VersionID})
		if err != nil {
			t.Errorf("removing an object that is not locked: %v", err)
		}
	}
	if _, err := free.Stat(t.Context(), "free"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after removing it: got %v, want fs.ErrNotExist", err)
	}
}

// wantLocked tells the lock's own refusal, in each server's words, from any other.
func wantLocked(t *testing.T, srv *servertest.S3Server, what string, err error) {
	t.Helper()
	want := map[string]minio.ErrorResponse{
		"versitygw": {StatusCode: http.StatusForbidden, Code: "AccessDenied",
			Message: "Access Denied because object protected by object lock."},
		"minio": {StatusCode: http.StatusBadRequest, Code: "InvalidRequest",
			Message: "Object is WORM protected and cannot be overwritten"},
	}[srv.Kind]
	have := minio.ToErrorResponse(err)
	if have.StatusCode != want.StatusCode || have.Code != want.Code || have.Message != want.Message {
		t.Errorf("%s: got %d %s %q, want %d %s %q", what, have.StatusCode, have.Code, have.Message, want.StatusCode,
			want.Code, want.Message)
	}
}

// TestDeleteMarker shows what a plain delete does to a locked object, and where it can be seen.
func TestDeleteMarker(t *testing.T) {
	srv := servertest.S3(t)
	srv.MakeBucket(t, "locked", true)
	deleteMarker(t, srv)
}

func deleteMarker(t *testing.T, srv *servertest.S3Server) {
	cfg := config(srv, "locked", true)
	st := open(t, cfg)
	body := []byte("sealed")
	for _, name := range []string{"a", "hidden", "z"} {
		if err := st.Create(t.Context(), storetest.Object(name, body), bytes.NewReader(body)); err != nil {
			t.Fatal(err)
		}
	}
	err := srv.Client(t).RemoveObject(t.Context(), "locked", cfg.Prefix+"/hidden", minio.RemoveObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var listed, versions []string
	for entry, err := range st.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		listed = append(listed, entry.Name)
	}
	if have := strings.Join(listed, " "); have != "a z" {
		t.Errorf("a listing shows %q", have)
	}
	for v, err := range st.Versions(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		versions = append(versions, fmt.Sprintf("%s latest=%t marker=%t", v.Name, v.Latest, v.DeleteMarker))
		if !v.DeleteMarker {
			if err := st.CheckLock(v.Entry); err != nil {
				t.Error(err)
			}
		}
	}
	slices.Sort(versions)
	want := "a latest=true marker=false\nhidden latest=false marker=false\nhidden latest=true marker=true\n" +
		"z latest=true marker=false"
	if have := strings.Join(versions, "\n"); have != want {
		t.Errorf("versions:\n%s\nwant:\n%s", have, want)
	}
}

// TestEnsureLock shows that being there is not enough.
func TestEnsureLock(t *testing.T) {
	srv := servertest.S3(t)
	srv.MakeBucket(t, "locked", true)
	ensureLock(t, srv)
}

func ensureLock(t *testing.T, srv *servertest.S3Server) {
	without := config(srv, "locked", false)
	locked, longer := without, without
	locked.NoLock, locked.RetainUntil = false, until()
	longer.NoLock, longer.RetainUntil = false, until().Add(time.Hour)

	body := []byte("sealed")
	obj := storetest.Object("seal.json", body)
	ensure := func(cfg s3.Config, obj store.Object) error {
		_, err := store.Ensure(t.Context(), open(t, cfg), obj, bytes.NewReader(body))
		return err
	}
	if err := ensure(without, obj); err != nil {
		t.Fatal(err)
	}
	if err := ensure(locked, obj); !errors.Is(err, store.ErrLockMissing) {
		t.Errorf("the same bytes without a lock: got %v, want ErrLockMissing", err)
	}
	obj = storetest.Object("seal 2.json", body)
	if err := ensure(locked, obj); err != nil {
		t.Fatal(err)
	}
	if err := ensure(locked, obj); err != nil {
		t.Errorf("the same bytes with the same lock: %v", err)
	}
	if err := ensure(longer, obj); !errors.Is(err, store.ErrLockShort) {
		t.Errorf("the same bytes with a shorter lock: got %v, want ErrLockShort", err)
	}
	if err := ensure(without, obj); err != nil {
		t.Errorf("the same bytes, locked though nobody asked: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	srv := servertest.S3(t)
	srv.MakeBucket(t, "locked", true)
	srv.MakeBucket(t, "unlocked", false)
	otherCA := t.TempDir() + "/empty.pem"
	if err := os.WriteFile(otherCA, []byte("none here\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(srv.Endpoint, ":")
	for _, test := range []struct {
		name   string
		change func(*s3.Config)
		want   error  // or
		text   string // in the message
	}{
		{name: "missing bucket", change: func(c *s3.Config) { c.Bucket = "missing" }, want: s3.ErrNoBucket},
		{name: "wrong secret key", change: func(c *s3.Config) { c.SecretKey = secret("wrong-secret") }, want: s3.ErrDenied},
		{name: "unknown access key", change: func(c *s3.Config) { c.AccessKey = "nobody" }, want: s3.ErrDenied},
		{name: "no lock", change: func(c *s3.Config) { c.Bucket = "unlocked" }, want: s3.ErrNoLock},
		{name: "past date", change: func(c *s3.Config) { c.RetainUntil = time.Now().Add(-time.Second) }, text: "past"},
		{name: "no date", change: func(c *s3.Config) { c.RetainUntil = time.Time{} }, text: "no date"},
		{name: "date and no lock", change: func(c *s3.Config) { c.NoLock = true }, text: "not both"},
		{name: "no endpoint", change: func(c *s3.Config) { c.Endpoint = "" }, text: "no S3 endpoint"},
		{name: "password in the endpoint", change: func(c *s3.Config) { c.Endpoint = "https://u:wrong-secret@h" }, text: "set apart"},
		{name: "path in the endpoint", change: func(c *s3.Config) { c.Endpoint += "/locked" }, text: "not of the form"},
		{name: "plain HTTP elsewhere", change: func(c *s3.Config) { c.Endpoint = "http://s3.example.test" }, text: "plain HTTP"},
		{name: "no keys", change: func(c *s3.Config) { c.SecretKey = nil }, text: "no S3 access key"},
		{name: "bad prefix", change: func(c *s3.Config) { c.Prefix = "../other" }, want: store.ErrName},
		{name: "CA file without certificates", change: func(c *s3.Config) { c.CAFile = otherCA }, text: "no PEM"},
		{name: "missing CA file", change: func(c *s3.Config) { c.CAFile += ".not" }, want: fs.ErrNotExist},
		{name: "untrusted", change: func(c *s3.Config) { c.CAFile = "" }, want: x509.UnknownAuthorityError{}},
		{name: "wrong name", change: func(c *s3.Config) { c.Endpoint = "https://127.0.0.2:" + port }, text: "127.0.0.2"},
		{name: "nobody answers", change: func(c *s3.Config) { c.Endpoint, c.Retries = "https://127.0.0.1:1", 1 }, text: "refused"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := config(srv, "locked", true)
			test.change(&cfg)
			_, err := s3.New(t.Context(), cfg)
			var authority x509.UnknownAuthorityError
			_, wantAuthority := test.want.(x509.UnknownAuthorityError)
			switch {
			case err == nil:
				t.Fatal("New has no objection")
			case wantAuthority && !errors.As(err, &authority):
				t.Errorf("got %v, want an unknown authority", err)
			case !wantAuthority && test.want != nil && !errors.Is(err, test.want):
				t.Errorf("got %v, want %v", err, test.want)
			case !strings.Contains(err.Error(), test.text):
				t.Errorf("got %q, want it to say %q", err, test.text)
			}
			for _, hidden := range []string{srv.SecretKey, "wrong-secret"} {
				if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), hidden) {
					t.Errorf("the error shows a secret: %v", err)
				}
			}
		})
	}
}

func TestTooLarge(t *testing.T) {
	srv := servertest.S3(t)
	srv.MakeBucket(t, "locked", true)
	front := newProxy(t, srv)
	st := open(t, through(front, config(srv, "locked", true)))
	before := front.requests.Load()
	err := st.Create(t.Context(), store.Object{Name: "large", Size: s3.MaxSize + 1}, strings.NewReader(""))
	if !errors.Is(err, s3.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
	if n := front.requests.Load() - before; n != 0 {
		t.Errorf("%d requests were sent for it", n)
	}
}

func TestServerTime(t *testing.T) {
	srv := servertest.S3(t)
	srv.MakeBucket(t, "locked", true)
	st := open(t, config(srv, "locked", true))
	before := time.Now().Truncate(time.Second).Add(-time.Second) // the two seconds that the contract of Clock names
	server, rtt, err := st.ServerTime(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if after := time.Now(); server.Before(before) || server.After(after) || rtt <= 0 || rtt > after.Sub(before) {
		t.Errorf("on one machine, the server tells %s (asked in %s) between %s and %s", server, rtt, before, after)
	}
}

func TestParse(t *testing.T) {
	for location, want := range map[string]string{
		"s3://bucket":               "bucket|",
		"s3://bucket/":              "bucket|",
		"s3://bucket/a":             "bucket|a",
		"s3://bucket/a/b c/":        "bucket|a/b c",
		"https://bucket/a":          "not of the form",
		"bucket/a":                  "not of the form",
		"s3://":                     "bucket",
		"s3://Bad_Bucket!/a":        "bucket",
		"s3://key:secret@bucket/a":  "no credentials",
		"s3://bucket/a?versionId=1": "no query",
		"s3://bucket/../other":      "not a valid object name",
		"s3://bucket//a":            "not a valid object name",
	} {
		bucket, prefix, err := s3.Parse(location)
		have := bucket + "|" + prefix
		if err != nil {
			have = err.Error()
			if strings.Contains(have, "secret") {
				t.Errorf("%s: the error shows the secret: %v", location, err)
			}
		}
		if have != want && (err == nil || !strings.Contains(have, want)) {
			t.Errorf("%s: got %q, want %q", location, have, want)
		}
	}
}

func wantLock(t *testing.T, st *s3.Store, name string, until time.Time) {
	t.Helper()
	lock, err := st.Lock(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if lock.Mode != store.Compliance || lock.Until.Before(until) || lock.Until.After(until.Add(time.Second)) {
		t.Errorf("%q has the lock %+v, want COMPLIANCE until %s", name, lock, until)
	}
}

func wantRefusal(t *testing.T, what string, err error, status int, code string) {
	t.Helper()
	var refusal *s3.Refusal
	if !errors.As(err, &refusal) || refusal.Status != status || refusal.Code != code {
		t.Errorf("%s: got %v, want the service's %d %s", what, err, status, code)
	}
}
