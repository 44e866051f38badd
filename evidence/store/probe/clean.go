package probe

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/mbaudit/mbaudit/evidence/store/s3"
)

// dirPrefix begins the name of the folder of each probe; rand.Text follows.
const dirPrefix = "mbaudit-probe-"

// ours is what follows the store's prefix in a key that a probe wrote. Nothing else is ever removed.
var ours = regexp.MustCompile(`^` + dirPrefix + `[A-Z2-7]{26}/(taken|race|signed|checksum|marker|governed|held|expiring|expiring-held|default)(-unlocked)?$`)

// Cleaned is what came of a Clean.
type Cleaned struct {
	Removed   int        `json:"removed"`              // versions and delete markers
	Left      int        `json:"left"`                 // those that the service still keeps
	LeftUntil *time.Time `json:"left_until,omitempty"` // when the last of their locks ends, as far as that is told
}

// Clean removes what earlier probes left under the store's prefix: versions whose lock has expired, delete markers, and,
// after lifting it, what a probe that broke off left under a legal hold. It touches no key that a probe does not write.
func Clean(ctx context.Context, access s3.Config) (Cleaned, error) {
	access.RetainUntil, access.NoLock, access.UnknownLock = time.Time{}, true, true
	if _, err := s3.New(ctx, access); err != nil {
		return Cleaned{}, err
	}
	access.Retries = 1
	core, err := s3.Client(access)
	if err != nil {
		return Cleaned{}, err
	}
	return clean(ctx, core, access.Bucket, access.Prefix, dirPrefix, time.Time{})
}

// tidy removes what this probe wrote, as far as it may, and what older ones left. A probe that runs at the same time is
// left alone.
func (p *prober) tidy(ctx context.Context) {
	prefix := p.cfg.S3.Prefix
	mine, err := clean(ctx, p.core, p.bucket, prefix, path.Base(p.dir), time.Time{})
	p.result.Left, p.result.LeftUntil = mine.Left, mine.LeftUntil
	if err == nil {
		_, err = clean(ctx, p.core, p.bucket, prefix, dirPrefix, p.cfg.Now().Add(p.offset-5*MaxRetention))
	}
	if err != nil {
		p.result.Left = p.written
		p.result.CleaningNote = cut("what is left was not removed: "+err.Error(), 300)
	}
}

// clean removes what is under the keys of probes that begin with begin; with a time, only what is older.
func clean(ctx context.Context, core *minio.Core, bucket, prefix, begin string, before time.Time) (Cleaned, error) {
	var c Cleaned
	if prefix = strings.TrimSuffix(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	for info := range core.ListObjectsIter(ctx, bucket, minio.ListObjectsOptions{Prefix: prefix + begin, Recursive: true, WithVersions: true}) {
		if info.Err != nil {
			return c, fmt.Errorf("listing versions: %w", explained(info.Err))
		}
		if !ours.MatchString(strings.TrimPrefix(info.Key, prefix)) || !before.IsZero() && info.LastModified.After(before) {
			continue
		}
		if removeOne(ctx, core, bucket, info) == nil {
			c.Removed++
			continue
		}
		c.Left++
		head, err := core.StatObject(ctx, bucket, info.Key, minio.StatObjectOptions{VersionID: info.VersionID})
		if err != nil {
			continue
		}
		until, err := time.Parse(time.RFC3339, head.Headers.Get("X-Amz-Object-Lock-Retain-Until-Date"))
		if err == nil && (c.LeftUntil == nil || until.After(*c.LeftUntil)) {
			until = until.UTC()
			c.LeftUntil = &until
		}
	}
	return c, ctx.Err()
}

// removeOne deletes one version, lifting a legal hold that is in the way.
func removeOne(ctx context.Context, core *minio.Core, bucket string, info minio.ObjectInfo) error {
	opts := minio.RemoveObjectOptions{VersionID: info.VersionID}
	err := core.RemoveObject(ctx, bucket, info.Key, opts)
	if err == nil || info.IsDeleteMarker {
		return err
	}
	off := minio.LegalHoldDisabled
	if core.PutObjectLegalHold(ctx, bucket, info.Key, minio.PutObjectLegalHoldOptions{Status: &off, VersionID: info.VersionID}) != nil {
		return err
	}
	return core.RemoveObject(ctx, bucket, info.Key, opts)
}

// explained is an answer of the service as package s3 tells it.
func explained(err error) error {
	var answer minio.ErrorResponse
	if errors.As(err, &answer) {
		return &s3.Refusal{Status: answer.StatusCode, Code: answer.Code, Message: answer.Message}
	}
	return err
}
