package probe

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/mbaudit/mbaudit/evidence/store"
	"github.com/mbaudit/mbaudit/evidence/store/s3"
)

// Limits of Config.Retention.
const (
	MaxRetention = time.Minute
	MinRetention = 10 * time.Second
)

// A Config says where to probe and how far to go.
type Config struct {
	// S3 leads to the bucket. RetainUntil, NoLock and UnknownLock are not looked at.
	S3 s3.Config

	// Thorough also waits until a lock has expired, to see whether a legal hold outlasts it, and asks a bucket with
	// Object Lock to suspend its versioning; should that succeed, it is switched on again at once.
	Thorough bool

	// TryDefault also writes one empty object without a lock of its own where the bucket has a default retention:
	// that object then stays for as long as the bucket says.
	TryDefault bool

	// Retention is how long objects are locked at the most; zero means MaxRetention.
	Retention time.Duration

	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// A prober runs the checks of one probe.
type prober struct {
	cfg    Config
	store  *s3.Store // for what a Store does, too
	core   *minio.Core
	bucket string
	dir    string // of this probe's keys, with the store's prefix
	result *Result

	until     time.Time // of the locks, by the service's clock
	offset    time.Duration
	mayDelete bool // shown: the key deleted a version that no lock protects
	mayBypass bool // shown: the key deleted a version under a governance lock
	mayRetain bool // shown: the key changed a retention date
	written   int
}

// An object is what a probe wrote.
type object struct {
	key, version string
	body         []byte
	locked       bool // the service took the lock, or said so
}

// Run probes a store. The error is about not getting anywhere: the bucket is not there, the key is refused, or not one
// object can be written; it wraps the errors of package s3 where it is one of these. What is wrong with the store is in
// the Result. When ctx ends, so does Run, with its error; what it wrote expires by itself and is removed by Clean.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	p, err := newProber(ctx, &cfg)
	if err != nil {
		return nil, err
	}
	p.clock(ctx)
	p.aboutBucket(ctx)
	first, err := p.lockedObject(ctx, "taken")
	if err != nil {
		return nil, err
	}
	waiting := p.startWaiting(ctx)
	p.names(ctx, first)
	p.bytes(ctx)
	p.told(ctx, first)
	p.marker(ctx)
	p.deletion(ctx, first)
	p.retention(ctx, first)
	p.hold(ctx)
	p.defaultRetention(ctx)
	p.finishWaiting(ctx, waiting)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.result.decide()
	p.result.Written = p.written
	p.tidy(ctx)
	return p.result, nil
}

func newProber(ctx context.Context, cfg *Config) (*prober, error) {
	if cfg.Retention == 0 {
		cfg.Retention = MaxRetention
	}
	if cfg.Retention < MinRetention || cfg.Retention > MaxRetention {
		return nil, fmt.Errorf("objects of a probe are locked for %s to %s, not for %s", MinRetention, MaxRetention, cfg.Retention)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	access := cfg.S3
	access.RetainUntil, access.NoLock, access.UnknownLock = time.Time{}, true, true
	st, err := s3.New(ctx, access)
	if err != nil {
		return nil, err
	}
	access.Retries = 1 // a service that is overloaded gives Unknown, not a wait
	core, err := s3.Client(access)
	if err != nil {
		return nil, err
	}
	return &prober{cfg: *cfg, store: st, core: core, bucket: access.Bucket,
		dir: path.Join(strings.TrimSuffix(access.Prefix, "/"), dirPrefix+rand.Text()),
		result: &Result{Store: st.String(), At: cfg.Now().UTC().Truncate(time.Millisecond), Thorough: cfg.Thorough,
			Retention: cfg.Retention.String(), DefaultMode: st.Bucket().DefaultMode},
	}, nil
}

// add writes an answer down.
func (p *prober) add(name, what string, a Answer, err error, detail string) {
	c := Check{Name: name, What: what, Answer: a, Detail: detail}
	if err != nil {
		refusal := minio.ToErrorResponse(err)
		c.Status, c.Code = refusal.StatusCode, cut(refusal.Code, 60)
		if c.Detail == "" {
			c.Detail = cut(refusal.Message, 200)
		}
		if refusal.StatusCode == 0 {
			c.Code, c.Detail = "", cut(err.Error(), 200)
		}
	}
	p.result.Checks = append(p.result.Checks, c)
}

func cut(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}

// lockedObject writes an object under a lock, or without one where the bucket refuses locks.
func (p *prober) lockedObject(ctx context.Context, name string) (object, error) {
	o, err := p.put(ctx, name, minio.Compliance)
	if err == nil || denied(err) || ctx.Err() != nil || !p.mayWriteUnlocked() {
		return o, explained(err)
	}
	// Under another name: versitygw 1.8.0 keeps what it refused to lock.
	o, plain := p.put(ctx, name+"-unlocked", "")
	if plain != nil {
		return o, explained(errors.Join(err, plain))
	}
	return o, nil
}

// mayWriteUnlocked says whether an object without a lock of its own can be removed again.
func (p *prober) mayWriteUnlocked() bool {
	b := p.store.Bucket()
	return b.Locks == s3.No || b.Locks == s3.Yes && b.DefaultMode == ""
}

// put writes an object, on a free name only, locked until a quarter of the retention before its end, so that there is
// room to extend it; with a mode of "" it is not locked.
func (p *prober) put(ctx context.Context, name string, mode minio.RetentionMode) (object, error) {
	o := object{key: p.dir + "/" + name, body: []byte("mbaudit probe " + name + "\n"), locked: mode != ""}
	opts := plainPut(o.body)
	opts.SetMatchETagExcept("*")
	if mode != "" {
		opts.Mode, opts.RetainUntilDate = mode, p.until.Add(-p.cfg.Retention/4)
	}
	info, err := p.send(ctx, o.key, o.body, opts, sha256.Sum256(o.body))
	o.version = info.VersionID
	return o, err
}

// plainPut are the headers that every object of a probe has.
func plainPut(body []byte) minio.PutObjectOptions {
	return minio.PutObjectOptions{ContentType: "text/plain", DisableMultipart: true, DisableContentSha256: true,
		UserMetadata: map[string]string{"x-amz-checksum-sha256": checksum(sha256.Sum256(body))}}
}

func (p *prober) send(ctx context.Context, key string, body []byte, opts minio.PutObjectOptions, signed [sha256.Size]byte) (minio.UploadInfo, error) {
	info, err := p.core.PutObject(ctx, p.bucket, key, bytes.NewReader(body), int64(len(body)), "",
		hex.EncodeToString(signed[:]), opts)
	if err == nil {
		p.written++
	}
	return info, err
}

// head asks for a version.
func (p *prober) head(ctx context.Context, o object) (minio.ObjectInfo, error) {
	return p.core.StatObject(ctx, p.bucket, o.key, minio.StatObjectOptions{Checksum: true, VersionID: o.version})
}

// lock asks for the lock of a version; the zero Lock where there is none.
func (p *prober) lock(ctx context.Context, o object) (store.Lock, error) {
	info, err := p.head(ctx, o)
	if err != nil {
		return store.Lock{}, err
	}
	until, _ := time.Parse(time.RFC3339, info.Headers.Get("X-Amz-Object-Lock-Retain-Until-Date"))
	return store.Lock{Mode: info.Headers.Get("X-Amz-Object-Lock-Mode"), Until: until.UTC(),
		LegalHold: info.Headers.Get("X-Amz-Object-Lock-Legal-Hold") == "ON"}, nil
}

// status is that of the service's answer; 0 when there was none.
func status(err error) int {
	if err == nil {
		return 0
	}
	return minio.ToErrorResponse(err).StatusCode
}

func denied(err error) bool {
	s := status(err)
	return s == http.StatusForbidden || s == http.StatusUnauthorized
}

// byLock says whether a refusal is the lock's: the service names the lock, or it forbids what the key may do elsewhere.
func byLock(err error, shown bool) bool {
	switch refusal := minio.ToErrorResponse(err); refusal.StatusCode {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusConflict:
		said := strings.ToLower(refusal.Code + " " + strings.ReplaceAll(refusal.Message, " ", ""))
		for _, word := range []string{"objectlock", "worm", "retention", "retain", "legalhold", "compliance", "locked"} {
			if strings.Contains(said, word) {
				return true
			}
		}
		return shown && refusal.StatusCode == http.StatusForbidden
	}
	return false
}
