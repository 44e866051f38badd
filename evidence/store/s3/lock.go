package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/mbaudit/mbaudit/evidence/store"
)

// ExtendLock implements store.LockChanger. A version without a lock, or in governance mode, is locked in compliance mode.
func (s *Store) ExtendLock(ctx context.Context, name, versionID string, until time.Time) (store.Lock, bool, error) {
	lock, changed, err := s.extendLock(ctx, name, versionID, until.UTC().Truncate(time.Second))
	if err != nil {
		err = fmt.Errorf("extending the lock of %q in %s: %w", name, s, err)
	}
	return lock, changed, err
}

func (s *Store) extendLock(ctx context.Context, name, versionID string, until time.Time) (store.Lock, bool, error) {
	lock, err := s.versionLock(ctx, name, versionID)
	if err != nil || lock.Mode == store.Compliance && !lock.Until.Before(until) {
		return lock, false, err
	}
	if lock.Until.After(until) { // a governance lock that ends later: only its mode is changed
		until = lock.Until
	}
	mode := minio.Compliance
	err = s.core.PutObjectRetention(ctx, s.cfg.Bucket, s.key(name), minio.PutObjectRetentionOptions{
		Mode: &mode, RetainUntilDate: &until, VersionID: versionID})
	if err != nil {
		return lock, false, explain(err)
	}
	lock, err = s.versionLock(ctx, name, versionID)
	switch {
	case err != nil:
		return lock, true, fmt.Errorf("it was extended and cannot be checked: %w", err)
	case lock.Mode != store.Compliance:
		return lock, true, fmt.Errorf("the service said yes, and tells the mode %q: %w", lock.Mode, store.ErrLockMissing)
	case lock.Until.Before(until):
		return lock, true, fmt.Errorf("the service said yes, and tells %s: %w", lock.Until.Format(time.RFC3339),
			store.ErrLockShort)
	}
	return lock, true, nil
}

// SetLegalHold implements store.LockChanger.
func (s *Store) SetLegalHold(ctx context.Context, name, versionID string, on bool) (store.Lock, bool, error) {
	lock, changed, err := s.setLegalHold(ctx, name, versionID, on)
	if err != nil {
		err = fmt.Errorf("changing the legal hold of %q in %s: %w", name, s, err)
	}
	return lock, changed, err
}

func (s *Store) setLegalHold(ctx context.Context, name, versionID string, on bool) (store.Lock, bool, error) {
	lock, err := s.versionLock(ctx, name, versionID)
	if err != nil || lock.LegalHold == on {
		return lock, false, err
	}
	status := minio.LegalHoldDisabled
	if on {
		status = minio.LegalHoldEnabled
	}
	err = s.core.PutObjectLegalHold(ctx, s.cfg.Bucket, s.key(name),
		minio.PutObjectLegalHoldOptions{Status: &status, VersionID: versionID})
	if err != nil {
		return lock, false, explain(err)
	}
	lock, err = s.versionLock(ctx, name, versionID)
	switch {
	case err != nil:
		return lock, true, fmt.Errorf("it was changed and cannot be checked: %w", err)
	case lock.LegalHold != on:
		return lock, true, fmt.Errorf("the service said yes, and tells the hold %t: %w", lock.LegalHold, store.ErrHold)
	}
	return lock, true, nil
}

// versionLock is the lock of a version, the zero Lock where there is none.
func (s *Store) versionLock(ctx context.Context, name, versionID string) (store.Lock, error) {
	if err := store.ValidName(name); err != nil {
		return store.Lock{}, err
	}
	entry, _, err := s.stat(ctx, name, versionID)
	if err != nil {
		return store.Lock{}, err
	}
	if entry.Lock == nil {
		entry.Lock, err = s.askLock(ctx, name, versionID)
	}
	if entry.Lock == nil || err != nil {
		return store.Lock{}, err
	}
	return *entry.Lock, nil
}

// askLock asks for the lock of a version whose HEAD tells none: versitygw 1.8.0 leaves it out for versions that are not
// the latest. nil means that there is no lock, or none that the key may see.
func (s *Store) askLock(ctx context.Context, name, version string) (*store.Lock, error) {
	// The library's GetObjectRetention fails with versitygw, whose answer has another root element, hence by hand.
	var retention struct {
		Mode            string
		RetainUntilDate time.Time
	}
	if err := s.ask(ctx, name, version, "retention", &retention); err != nil {
		return nil, err
	}
	var hold struct{ Status string }
	if err := s.ask(ctx, name, version, "legal-hold", &hold); err != nil {
		return nil, err
	}
	if retention.Mode == "" && hold.Status != "ON" {
		return nil, nil
	}
	lock := store.Lock{Mode: retention.Mode, LegalHold: hold.Status == "ON"}
	if lock.Mode != "" {
		lock.Until = retention.RetainUntilDate.UTC()
	}
	return &lock, nil
}

// ask reads the answer of a service to a question about a version into answer, and leaves it as it is where there is
// nothing to tell, or nothing that the key may see.
func (s *Store) ask(ctx context.Context, name, version, question string, answer any) error {
	query := url.Values{question: {""}}
	if version != "" {
		query.Set("versionId", version)
	}
	u, err := s.core.Presign(ctx, http.MethodGet, s.cfg.Bucket, s.key(name), time.Minute, query)
	if err != nil {
		return explain(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return errors.New("the question cannot be put") // the cause would hold the signed URL
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return errors.Unwrap(err) // without the signed URL
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusForbidden, http.StatusBadRequest:
		return nil // no lock; no right; a bucket without locks
	default:
		return &Refusal{Status: resp.StatusCode, Code: resp.Status}
	}
	if err := xml.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(answer); err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	return nil
}
