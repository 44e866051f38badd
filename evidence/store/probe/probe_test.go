package probe_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/mbaudit/mbaudit/evidence/store/probe"
	"github.com/mbaudit/mbaudit/evidence/store/s3"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

// secret is what a command hands in as secret.String.
type secret string

func (s secret) Reveal() string { return string(s) }

func access(srv *servertest.S3Server, bucket string) s3.Config {
	return s3.Config{Endpoint: srv.URL, Bucket: bucket, Prefix: "case " + rand.Text(), Region: srv.Region,
		AccessKey: srv.AccessKey, SecretKey: secret(srv.SecretKey), CAFile: srv.CAFile}
}

// quick is a probe whose locks last as short as they may.
func quick(cfg s3.Config) probe.Config { return probe.Config{S3: cfg, Retention: probe.MinRetention} }

func run(t *testing.T, cfg probe.Config) *probe.Result {
	t.Helper()
	r, err := probe.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Checks {
		t.Logf("%-18s %-8s %3d %s %s", c.Name, c.Answer, c.Status, c.Code, c.Detail)
		if len(c.What) > 45 {
			t.Errorf("%q is longer than a line of the table holds", c.What)
		}
	}
	return r
}

// asked are the checks that every probe runs, each answered by yes.
func asked() map[string]probe.Answer {
	answers := make(map[string]probe.Answer)
	for _, name := range []string{probe.ObjectLock, probe.Versioning, probe.TakenName, probe.Race, probe.SignedHash,
		probe.WrongChecksum, probe.TellsChecksum, probe.LockStored, probe.DeleteRefused, probe.BypassRefused, probe.Extend,
		probe.ShortenRefused, probe.WeakenRefused, probe.Hold, probe.MarkerShown, probe.ServerClock} {
		answers[name] = probe.Yes
	}
	return answers
}

func want(t *testing.T, r *probe.Result, verdict probe.Verdict, answers map[string]probe.Answer) {
	t.Helper()
	have := make(map[string]probe.Answer)
	for _, c := range r.Checks {
		have[c.Name] = c.Answer
	}
	if !maps.Equal(have, answers) {
		for _, name := range slices.Sorted(maps.Keys(answers)) {
			if have[name] != answers[name] {
				t.Errorf("%s is answered by %q, want %q", name, have[name], answers[name])
			}
		}
		if len(have) != len(answers) {
			t.Errorf("%d checks, want %d", len(have), len(answers))
		}
	}
	if r.Verdict != verdict {
		t.Errorf("the verdict is %q, want %q", r.Verdict, verdict)
	}
	t.Log(r.Summary())
}

// TestLockedBucket is versitygw as it is used here: write-once, as far as a quick probe sees.
func TestLockedBucket(t *testing.T) {
	srv := servertest.S3(t)
	srv.MakeBucket(t, "locked", true)
	cfg := access(srv, "locked")
	r := run(t, quick(cfg))
	want(t, r, probe.WriteOnce, asked())
	wantCode(t, r, probe.TakenName, 412, "PreconditionFailed")
	wantCode(t, r, probe.DeleteRefused, 403, "AccessDenied")
	wantCode(t, r, probe.ShortenRefused, 403, "AccessDenied")
	if !strings.Contains(r.Summary(), "keeps evidence write-once") || !strings.Contains(r.Summary(), "outlasts the retention is not known") {
		t.Errorf("summary: %s", r.Summary())
	}
	if r.Left == 0 || r.Left >= r.Written || r.LeftUntil == nil || r.LeftUntil.After(time.Now().Add(probe.MinRetention)) {
		t.Errorf("%d of %d versions are left, until %v", r.Left, r.Written, r.LeftUntil)
	}
	cleanedInTheEnd(t, srv, cfg)
}

// TestHoldHole finds what versitygw 1.8.0 does to an object under legal hold when its retention is over.
func TestHoldHole(t *testing.T) {
	srv := servertest.S3(t)
	srv.MakeBucket(t, "locked", true)
	cfg := quick(access(srv, "locked"))
	cfg.Thorough = true
	r := run(t, cfg)
	answers := asked()
	answers[probe.KeepsVersioning], answers[probe.HoldOutlasts] = probe.Yes, probe.No
	want(t, r, probe.WriteOnce, answers)
	if !strings.Contains(r.Summary(), "legal hold is worth nothing here once the retention is over") {
		t.Errorf("summary: %s", r.Summary())
	}
}

// TestMinIO is the service that does what Object Lock means.
func TestMinIO(t *testing.T) {
	srv := servertest.MinIO(t)
	srv.MakeBucket(t, "locked", true)
	srv.MakeBucket(t, "plain", false)
	cfg := quick(access(srv, "locked"))
	cfg.Thorough = true
	r := run(t, cfg)
	answers := asked()
	answers[probe.KeepsVersioning], answers[probe.HoldOutlasts] = probe.Yes, probe.Yes
	want(t, r, probe.WriteOnce, answers)
	if !strings.Contains(r.Summary(), "hold keeps an object also after its retention") {
		t.Errorf("summary: %s", r.Summary())
	}
	cleanedInTheEnd(t, srv, cfg.S3)
	notWriteOnce(t, srv)
	defaultRetention(t, srv, probe.Yes)
}

func TestBucketWithoutLock(t *testing.T) {
	srv := servertest.S3(t)
	srv.MakeBucket(t, "plain", false)
	notWriteOnce(t, srv)
}

func notWriteOnce(t *testing.T, srv *servertest.S3Server) {
	cfg := access(srv, "plain")
	r := run(t, quick(cfg))
	for name, answer := range map[string]probe.Answer{probe.ObjectLock: probe.No, probe.Versioning: probe.No, probe.LockStored: probe.No,
		probe.DeleteRefused: probe.No, probe.BypassRefused: probe.No, probe.Extend: probe.No, probe.ShortenRefused: probe.No,
		probe.WeakenRefused: probe.No, probe.Hold: probe.No, probe.MarkerShown: probe.No, probe.TakenName: probe.Yes,
		probe.WrongChecksum: probe.Yes} {
		if have := r.Answer(name); have != answer {
			t.Errorf("%s is answered by %q, want %q", name, have, answer)
		}
	}
	if r.Verdict != probe.NotWriteOnce || !strings.Contains(r.Summary(), "there is no lock") {
		t.Errorf("verdict %q: %s", r.Verdict, r.Summary())
	}
	if keys := left(t, srv, cfg); len(keys) > 0 || r.Left != 0 {
		t.Errorf("nothing is locked there, and %d are said to be left: %q", r.Left, keys)
	}
}

// TestDefaultRetention asks for the bucket's own lock only when told to, and writes nothing there before that a default
// could lock for long.
func TestDefaultRetention(t *testing.T) {
	srv := servertest.S3(t)
	defaultRetention(t, srv, probe.No) // versitygw 1.8.0 does not stamp it
}

func defaultRetention(t *testing.T, srv *servertest.S3Server, stamped probe.Answer) {
	srv.MakeBucket(t, "default", true)
	mode, days, unit := minio.Governance, uint(1), minio.Days
	if err := srv.Client(t).SetObjectLockConfig(t.Context(), "default", &mode, &days, &unit); err != nil {
		t.Fatal(err)
	}
	cfg := quick(access(srv, "default"))
	r := run(t, cfg)
	answers := asked()
	answers[probe.Hold], answers[probe.DefaultStamped] = probe.Unknown, probe.Unknown
	want(t, r, probe.WriteOnce, answers)
	if latest := time.Now().Add(probe.MinRetention + time.Second); r.LeftUntil == nil || r.LeftUntil.After(latest) {
		t.Errorf("something stays until %v", r.LeftUntil)
	}
	cfg.TryDefault = true
	if r = run(t, cfg); r.Answer(probe.DefaultStamped) != stamped {
		t.Errorf("default retention: %q, want %q", r.Answer(probe.DefaultStamped), stamped)
	}
	if stamped == probe.No && !strings.Contains(r.Summary(), "default retention is not put on objects") {
		t.Errorf("summary: %s", r.Summary())
	}
}

// TestCleanTouchesNothingElse keeps Clean away from evidence, also where it looks alike.
func TestCleanTouchesNothingElse(t *testing.T) {
	srv := servertest.S3(t)
	srv.MakeBucket(t, "locked", true)
	cfg := access(srv, "locked")
	client := srv.Client(t)
	text := rand.Text()
	var mine []string
	for _, name := range []string{"01JD2/bagit.txt", "mbaudit-probe-notes/taken", "mbaudit-probe-" + text + "/evidence",
		"mbaudit-probe-" + rand.Text() + "/taken/more", "x/mbaudit-probe-" + text + "/taken"} {
		mine = append(mine, cfg.Prefix+"/"+name)
	}
	probes := cfg.Prefix + "/mbaudit-probe-" + text + "/taken"
	for _, key := range append(mine, probes) {
		if _, err := client.PutObject(t.Context(), "locked", key, strings.NewReader("x"), 1, minio.PutObjectOptions{DisableContentSha256: true, SendContentMd5: true}); err != nil {
			t.Fatal(err)
		}
	}
	c, err := probe.Clean(t.Context(), cfg)
	if err != nil || c.Removed != 1 || c.Left != 0 {
		t.Errorf("cleaned %+v, %v", c, err)
	}
	slices.Sort(mine)
	if keys := left(t, srv, cfg); !slices.Equal(keys, mine) {
		t.Errorf("left are %q, want %q", keys, mine)
	}
}

func TestRunRefuses(t *testing.T) {
	srv := servertest.S3(t)
	srv.MakeBucket(t, "locked", true)
	missing := access(srv, "missing")
	if _, err := probe.Run(t.Context(), quick(missing)); !errors.Is(err, s3.ErrNoBucket) {
		t.Errorf("got %v, want ErrNoBucket", err)
	}
	wrong := access(srv, "locked")
	wrong.SecretKey = secret("wrong")
	if _, err := probe.Run(t.Context(), quick(wrong)); !errors.Is(err, s3.ErrDenied) {
		t.Errorf("got %v, want ErrDenied", err)
	}
	long := quick(access(srv, "locked"))
	long.Retention = 2 * time.Minute
	if _, err := probe.Run(t.Context(), long); err == nil || !strings.Contains(err.Error(), "not for 2m0s") {
		t.Errorf("got %v, want a refusal of two minutes", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := probe.Run(ctx, quick(access(srv, "locked"))); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// cleanedInTheEnd waits until the service lets go of the last object.
func cleanedInTheEnd(t *testing.T, srv *servertest.S3Server, cfg s3.Config) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(500 * time.Millisecond) {
		c, err := probe.Clean(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if c.Left == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("still left: %+v", c)
		}
	}
	if keys := left(t, srv, cfg); len(keys) > 0 {
		t.Errorf("left are %q", keys)
	}
}

// left are the keys that have versions.
func left(t *testing.T, srv *servertest.S3Server, cfg s3.Config) (keys []string) {
	t.Helper()
	for info := range srv.Client(t).ListObjectsIter(t.Context(), cfg.Bucket, minio.ListObjectsOptions{Prefix: cfg.Prefix, Recursive: true, WithVersions: true}) {
		if info.Err != nil {
			t.Fatal(info.Err)
		}
		keys = append(keys, info.Key)
	}
	slices.Sort(keys)
	return keys
}

func wantCode(t *testing.T, r *probe.Result, name string, status int, code string) {
	t.Helper()
	for _, c := range r.Checks {
		if c.Name == name && (c.Status != status || c.Code != code) {
			t.Errorf("%s: %s, want %d %s", name, fmt.Sprint(c.Status, " ", c.Code), status, code)
		}
	}
}
