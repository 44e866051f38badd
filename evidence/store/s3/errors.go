package s3

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/mbaudit/mbaudit/evidence/store"
)

// Errors that callers decide by, besides those of package store.
var (
	ErrNoBucket = errors.New("there is no such bucket")
	ErrDenied   = errors.New("the S3 service refuses this key")
	ErrNoLock   = errors.New("the bucket has no Object Lock")
	ErrTooLarge = errors.New("too large for a single PUT")

	// ErrLockUnknown says that the key may not ask whether the bucket locks. Config.UnknownLock accepts that.
	ErrLockUnknown = errors.New("whether the bucket has Object Lock is unknown")
)

// A Refusal is the service's own answer that a request is not carried out. errors.Is finds in it what callers decide
// by: ErrNoBucket, ErrDenied (and fs.ErrPermission), ErrNoLock, fs.ErrExist, fs.ErrNotExist, store.ErrDigest.
type Refusal struct {
	Status  int    // of HTTP
	Code    string // of S3, for example "AccessDenied"
	Message string // the service's own words, not to be trusted
}

// Error quotes the service.
func (r *Refusal) Error() string {
	message := r.Message
	if len(message) > 300 {
		message = message[:300] + "…"
	}
	return fmt.Sprintf("the service answered %d %s (%q)", r.Status, r.Code, message)
}

// Is says which kind of refusal this is.
func (r *Refusal) Is(target error) bool {
	return target == r.kind() || r.kind() == ErrDenied && target == fs.ErrPermission
}

func (r *Refusal) kind() error {
	switch r.Code {
	case "NoSuchBucket":
		return ErrNoBucket
	case "NoSuchKey", "NoSuchVersion", "NoSuchObjectLockConfiguration":
		return fs.ErrNotExist
	case "PreconditionFailed":
		return fs.ErrExist
	case "BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch":
		return store.ErrDigest
	case "ObjectLockConfigurationNotFoundError":
		return ErrNoLock
	case "InvalidRequest": // for a PUT with a lock; the words differ from service to service
		if strings.Contains(strings.ReplaceAll(r.Message, " ", ""), "ObjectLock") {
			return ErrNoLock
		}
	case "ExpiredToken", "InvalidToken",
		"XAdminUserNotFound": // versitygw's 404 for an access key that it does not know
		return ErrDenied
	}
	switch r.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return ErrDenied
	case http.StatusPreconditionFailed:
		return fs.ErrExist
	}
	return nil
}

// explain turns an answer of the service, as the library hands it over, into a *Refusal, and leaves other errors.
func explain(err error) error {
	var answer minio.ErrorResponse
	if errors.As(err, &answer) {
		return &Refusal{Status: answer.StatusCode, Code: answer.Code, Message: answer.Message}
	}
	return err
}

// passing says whether a request that ended with err may well succeed when it is tried again.
func passing(err error) bool {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		switch refusal.Status {
		case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
			http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
		switch refusal.Code {
		case "ConditionalRequestConflict", "OperationAborted", "RequestTimeout", "SlowDown":
			return true
		}
		return false
	}
	var body *bodyError
	if errors.As(err, &body) {
		return false
	}
	return !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) && !badCertificate(err)
}

func badCertificate(err error) bool {
	var verification *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var authority x509.UnknownAuthorityError
	return errors.As(err, &verification) || errors.As(err, &record) || errors.As(err, &authority)
}
