package s3

import (
	"context"
	"fmt"
	"iter"
	"strings"

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
			// Without versioning there is a version named "null", which versitygw 1.8.0 lists and does not know.
			if v.VersionID == "null" && v.Latest {
				v.VersionID = ""
			}
			if listed := v.VersionID; !v.DeleteMarker {
				if v.Entry, _, err = s.stat(ctx, v.Name, v.VersionID); err != nil {
					yield(store.Version{}, fmt.Errorf("looking at version %q of %q in %s: %w", info.VersionID,
						s.name(info.Key), s, err))
					return
				}
				v.VersionID = listed // a HEAD may leave it out
				if v.Lock == nil && s.bucket.Locks != No {
					if v.Lock, err = s.askLock(ctx, v.Name, v.VersionID); err != nil {
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
