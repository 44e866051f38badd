package servertest

import (
	"net/http"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// An S3Server is a running S3 gateway over TLS, with versioning and Object Lock.
type S3Server struct {
	Endpoint  string // "127.0.0.1:port"
	URL       string // "https://127.0.0.1:port"
	Region    string
	AccessKey string
	SecretKey string
	CAFile    string // the authority of the server's certificate, PEM
	Log       string // file with what the server logs
	Kind      string // "versitygw" or "minio"
}

// S3 starts a fresh versitygw for the test.
func S3(t testing.TB) *S3Server {
	t.Helper()
	needPrograms(t, "s3", "versitygw", "openssl")
	return newS3Server(start(t, "s3", "s3.sh"))
}

// MinIO starts the pinned MinIO, the second opinion on what Object Lock means. MBAUDIT_TEST_REQUIRE names it minio.
func MinIO(t testing.TB) *S3Server {
	t.Helper()
	needPrograms(t, "minio", "openssl")
	return newS3Server(start(t, "minio", "s3.sh", "--minio"))
}

func newS3Server(s settings) *S3Server {
	return &S3Server{
		Endpoint:  s["S3_ENDPOINT"],
		URL:       s["S3_URL"],
		Region:    s["S3_REGION"],
		AccessKey: s["S3_ACCESS_KEY"],
		SecretKey: s["S3_SECRET_KEY"],
		CAFile:    s["S3_CA_FILE"],
		Log:       s["S3_LOG"],
		Kind:      s["S3_KIND"],
	}
}

// Client returns a client with the server's root credentials.
func (s *S3Server) Client(t testing.TB) *minio.Client {
	t.Helper()
	client, err := minio.New(s.Endpoint, &minio.Options{
		Creds:     credentials.NewStaticV4(s.AccessKey, s.SecretKey, ""),
		Secure:    true,
		Region:    s.Region,
		Transport: &http.Transport{TLSClientConfig: trust(t, s.CAFile)},

		// minio-go sends a checksum, also one of its own accord in a header, only with this set.
		TrailingHeaders: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// MakeBucket makes a bucket, with versioning and Object Lock if lock is true.
func (s *S3Server) MakeBucket(t testing.TB, name string, lock bool) {
	t.Helper()
	err := s.Client(t).MakeBucket(t.Context(), name, minio.MakeBucketOptions{Region: s.Region, ObjectLocking: lock})
	if err != nil {
		t.Fatalf("making bucket %s: %v", name, err)
	}
}
