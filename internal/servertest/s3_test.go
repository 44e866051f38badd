package servertest_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/mbaudit/mbaudit/internal/servertest"
)

func TestS3(t *testing.T)    { lockHolds(t, servertest.S3(t)) }
func TestMinIO(t *testing.T) { lockHolds(t, servertest.MinIO(t)) }

// lockHolds checks what the tests of others rely on: an object put once, under COMPLIANCE, stays.
func lockHolds(t *testing.T, s *servertest.S3Server) {
	s.MakeBucket(t, "evidence", true)
	s.MakeBucket(t, "plain", false)
	client, ctx := s.Client(t), t.Context()

	if lock, _, _, _, err := client.GetObjectLockConfig(ctx, "evidence"); err != nil || lock != "Enabled" {
		t.Errorf("Object Lock of the locked bucket is %q, %v", lock, err)
	}
	_, _, _, _, err := client.GetObjectLockConfig(ctx, "plain")
	wantS3Code(t, err, http.StatusNotFound, "ObjectLockConfigurationNotFoundError")
	if v, err := client.GetBucketVersioning(ctx, "evidence"); err != nil || !v.Enabled() {
		t.Errorf("versioning of the locked bucket is %+v, %v", v, err)
	}

	body := []byte("sealed")
	sum := sha256.Sum256(body)
	options := minio.PutObjectOptions{
		DisableMultipart: true, DisableContentSha256: true,
		Mode: minio.Compliance, RetainUntilDate: time.Now().Add(24 * time.Hour),
		UserMetadata: map[string]string{"x-amz-checksum-sha256": base64.StdEncoding.EncodeToString(sum[:])},
	}
	options.SetMatchETagExcept("*")
	put, err := client.PutObject(ctx, "evidence", "bundle/000001.zip", bytes.NewReader(body), int64(len(body)), options)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.PutObject(ctx, "evidence", "bundle/000001.zip", bytes.NewReader(body), int64(len(body)), options)
	wantS3Code(t, err, http.StatusPreconditionFailed, "PreconditionFailed")
	err = client.RemoveObject(ctx, "evidence", "bundle/000001.zip", minio.RemoveObjectOptions{VersionID: put.VersionID})
	if s.Kind == "minio" {
		wantS3Code(t, err, http.StatusBadRequest, "InvalidRequest") // "Object is WORM protected and cannot be overwritten"
	} else {
		wantS3Code(t, err, http.StatusForbidden, "AccessDenied")
	}
	wrong := options
	wrong.UserMetadata = map[string]string{"x-amz-checksum-sha256": base64.StdEncoding.EncodeToString(make([]byte, sha256.Size))}
	_, err = client.PutObject(ctx, "evidence", "bundle/000002.zip", bytes.NewReader(body), int64(len(body)), wrong)
	if got := minio.ToErrorResponse(err); got.StatusCode != http.StatusBadRequest {
		t.Errorf("a wrong checksum gives %v", err)
	}
}

func wantS3Code(t *testing.T, err error, status int, code string) {
	t.Helper()
	if got := minio.ToErrorResponse(err); got.StatusCode != status || got.Code != code {
		t.Errorf("want %d %s, got %v (%d %s)", status, code, err, got.StatusCode, got.Code)
	}
}
