package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/mbaudit/mbaudit/evidence/store"
)

// List implements store.Store. It shows the newest version of each object, and none whose newest version is a delete
// marker. Empty keys that end in a slash, with which consoles show folders, are passed over; any other key that is not
// a valid name is an error, as is a listing out of order.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		last := ""
		for info, err := range s.list(ctx, prefix, false) {
			if err == nil && info.Key <= last {
				err = fmt.Errorf("listing %s: the service lists %q after %q, which is not in order", s, info.Key, last)
			}
			if err != nil {
				yield(store.Entry{}, err)
				return
			}
			last = info.Key
			if !yield(store.Entry{Name: s.name(info.Key), Size: info.Size, VersionID: info.VersionID}, nil) {
				return
			}
		}
	}
}

// Versions implements store.Versioner.
func (s *Store) Versions(ctx context.Context, prefix string) iter.Seq2[store.Version, error] {
	return func(yield func(store.Version, error) bool) {
		for info, err := range s.list(ctx, prefix, true) {
			if err != nil {
				yield(store.Version{}, err)
				return
			}
			v := store.Version{
				Entry:        store.Entry{Name: s.name(info.Key), Size: info.Size, VersionID: info.VersionID},
				Latest:       info.IsLatest,
				DeleteMarker: info.IsDeleteMarker,
				Modified:     info.LastModified.UTC(),
			}
			if !v.DeleteMarker {
				if v.Entry, _, err = s.stat(ctx, v.Name, v.VersionID); err != nil {
					yield(store.Version{}, fmt.Errorf("looking at version %q of %q in %s: %w", info.VersionID,
						s.name(info.Key), s, err))
					return
				}
				v.VersionID = info.VersionID // a HEAD may leave it out
				if v.Lock == nil {
					if v.Lock, err = s.retention(ctx, v.Name, v.VersionID); err != nil {
						yield(store.Version{}, fmt.Errorf("asking for the lock of version %q of %q in %s: %w",
							v.VersionID, v.Name, s, err))
						return
					}
				}
			}
			if !yield(v, nil) {
				return
			}
		}
	}
}

// retention asks for the lock of a version whose HEAD tells none: versitygw 1.8.0 leaves it out for versions that are
// not the latest. nil means that there is no lock, or none that the key may see.
func (s *Store) retention(ctx context.Context, name, version string) (*store.Lock, error) {
	// The library's GetObjectRetention fails with versitygw, whose answer has another root element, hence by hand.
	u, err := s.core.Presign(ctx, http.MethodGet, s.cfg.Bucket, s.key(name), time.Minute,
		url.Values{"retention": {""}, "versionId": {version}})
	if err != nil {
		return nil, explain(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, errors.New("the question cannot be put") // the cause would hold the signed URL
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, errors.Unwrap(err) // without the signed URL
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusForbidden, http.StatusBadRequest:
		return nil, nil // no lock; no right; a bucket without locks
	default:
		return nil, &Refusal{Status: resp.StatusCode, Code: resp.Status}
	}
	var answer struct {
		Mode            string
		RetainUntilDate time.Time
	}
	if err := xml.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&answer); err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if answer.Mode == "" {
		return nil, nil
	}
	return &store.Lock{Mode: answer.Mode, Until: answer.RetainUntilDate.UTC()}, nil
}

// list goes through keys that are valid names below the prefix of the store, and ends with the first error.
func (s *Store) list(ctx context.Context, prefix string, versions bool) iter.Seq2[minio.ObjectInfo, error] {
	return func(yield func(minio.ObjectInfo, error) bool) {
		fail := func(err error) { yield(minio.ObjectInfo{}, fmt.Errorf("listing %s: %w", s, err)) }
		if err := store.ValidPrefix(prefix); err != nil {
			fail(err)
			return
		}
		// A listing that ctx ends early looks complete to the library.
		if err := ctx.Err(); err != nil {
			fail(err)
			return
		}
		for info := range s.core.ListObjectsIter(ctx, s.cfg.Bucket, minio.ListObjectsOptions{
			Prefix: s.key(prefix), Recursive: true, WithVersions: versions,
		}) {
			if info.Err != nil {
				fail(explain(info.Err))
				return
			}
			if info.Size == 0 && strings.HasSuffix(info.Key, "/") {
				continue
			}
			if err := store.ValidName(s.name(info.Key)); err != nil {
				fail(fmt.Errorf("there is a key that is no object: %w", err))
				return
			}
			if !yield(info, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			fail(err)
		}
	}
}

func (s *Store) name(key string) string {
	if s.cfg.Prefix == "" {
		return key
	}
	return strings.TrimPrefix(key, s.cfg.Prefix+"/")
}
