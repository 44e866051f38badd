package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"
)

// An Answer is what the service says when it is asked about the bucket.
type Answer string

// The answers. Unknown is what a key gets that may not ask.
const (
	Yes     Answer = "yes"
	No      Answer = "no"
	Unknown Answer = "unknown"
)

// A Bucket is what the service said of the bucket when New asked. It is a claim, not a proof: only trying to remove a
// locked object shows whether the service keeps it.
type Bucket struct {
	Locks    Answer // Object Lock is enabled
	Versions Answer // versioning is enabled; without it there is no lock

	// DefaultMode is the mode of the bucket's own default retention, or empty. Objects of a Store carry their own.
	DefaultMode string
}

// Bucket returns what New found out.
func (s *Store) Bucket() Bucket { return s.bucket }

// examine asks about the bucket. It asks for the lock configuration first, by GET: unlike a HEAD, the answer names the
// reason when the key is wrong.
func (s *Store) examine(ctx context.Context) (Bucket, error) {
	b := Bucket{Locks: Unknown, Versions: Unknown}
	now, _, err := s.ServerTime(ctx)
	if err != nil && (badCertificate(err) || ctx.Err() != nil) {
		return b, err // the library would try again and again
	}
	// The lock is the service's, so that its clock counts, not ours. A service that tells no time is no reason to stop.
	if err == nil && !s.cfg.NoLock && !s.cfg.until.After(now) {
		return b, fmt.Errorf("objects cannot be locked until %s: at the service it is %s",
			s.cfg.until.Format(time.RFC3339), now.Format(time.RFC3339))
	}
	enabled, mode, _, _, err := s.core.GetObjectLockConfig(ctx, s.cfg.Bucket)
	err = explain(err)
	switch {
	case err == nil && enabled == "Enabled":
		b.Locks = Yes
	case err == nil, errors.Is(err, ErrNoLock), notImplemented(err):
		b.Locks = No
	case mayNotAsk(err):
		if err := s.bucketIsThere(ctx); err != nil {
			return b, err
		}
	default:
		return b, fmt.Errorf("asking whether the bucket locks: %w", err)
	}
	if mode != nil {
		b.DefaultMode = mode.String()
	}
	versioning, err := s.core.GetBucketVersioning(ctx, s.cfg.Bucket)
	err = explain(err)
	switch {
	case err == nil && versioning.Enabled():
		b.Versions = Yes
	case err == nil, notImplemented(err):
		b.Versions = No
	case !mayNotAsk(err):
		return b, fmt.Errorf("asking whether the bucket keeps versions: %w", err)
	}
	return b, s.acceptable(b)
}

// acceptable says whether the bucket is fit for what was asked of this Store.
func (s *Store) acceptable(b Bucket) error {
	switch {
	case s.cfg.NoLock:
		return nil
	case b.Locks == No:
		return ErrNoLock
	case b.Locks == Yes && b.Versions == No:
		return fmt.Errorf("%w that works: it says that it has, and keeps no versions", ErrNoLock)
	case b.Locks == Unknown && !s.cfg.UnknownLock:
		return fmt.Errorf("%w: the key lacks the right s3:GetBucketObjectLockConfiguration", ErrLockUnknown)
	}
	return nil
}

// bucketIsThere asks by HEAD, which a key that may not ask for more is often allowed.
func (s *Store) bucketIsThere(ctx context.Context) error {
	there, err := s.core.BucketExists(ctx, s.cfg.Bucket)
	switch err = explain(err); {
	case err == nil && !there:
		return ErrNoBucket
	case err == nil, errors.Is(err, ErrDenied):
		return nil
	}
	return fmt.Errorf("asking for the bucket: %w", err)
}

// mayNotAsk tells a key that lacks a right from a key that the service does not know at all.
func mayNotAsk(err error) bool {
	var refusal *Refusal
	return errors.As(err, &refusal) && refusal.Status == http.StatusForbidden && refusal.Code == minio.AccessDenied
}

func notImplemented(err error) bool {
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		return false
	}
	return refusal.Code == "NotImplemented" || refusal.Code == "MethodNotAllowed" ||
		refusal.Status == http.StatusNotImplemented || refusal.Status == http.StatusMethodNotAllowed
}

// ServerTime implements store.Clock by the Date header of an answer to a HEAD that is not signed; which answer does not
// matter.
func (s *Store) ServerTime(ctx context.Context) (server time.Time, rtt time.Duration, err error) {
	u := s.core.EndpointURL()
	u.Path = "/"
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, u.String(), nil)
	if err != nil {
		return time.Time{}, 0, err
	}
	start := time.Now()
	resp, err := s.client.Do(req)
	rtt = time.Since(start)
	if err != nil {
		return time.Time{}, rtt, fmt.Errorf("asking %s for the time: %w", s.cfg.host, err)
	}
	resp.Body.Close()
	server, err = http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return time.Time{}, rtt, fmt.Errorf("%s tells no time", s.cfg.host)
	}
	return server.UTC(), rtt, nil
}
