package s3

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	mathrand "math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/mbaudit/mbaudit/evidence/store"
)

// MaxSize is how many bytes a single PUT may carry: 5 GiB
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html).
const MaxSize = 5 << 30

// headers of Object Lock in a HEAD answer
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html).
const (
	lockModeHeader  = "X-Amz-Object-Lock-Mode"
	lockUntilHeader = "X-Amz-Object-Lock-Retain-Until-Date"
	legalHoldHeader = "X-Amz-Object-Lock-Legal-Hold"
)

// uploadWord is the metadata (x-amz-meta-mbaudit-upload) by which Create knows what it sent itself.
const uploadWord = "Mbaudit-Upload"

// A Store keeps objects in a bucket, under a prefix.
type Store struct {
	cfg    settled
	core   *minio.Core
	client *http.Client // for requests that are not S3's
	bucket Bucket
}

var (
	_ store.Store         = (*Store)(nil)
	_ store.Stater        = (*Store)(nil)
	_ store.Locker        = (*Store)(nil)
	_ store.LockPolicy    = (*Store)(nil)
	_ store.LockChanger   = (*Store)(nil)
	_ store.Versioner     = (*Store)(nil)
	_ store.VersionReader = (*Store)(nil)
	_ store.Clock         = (*Store)(nil)
)

// New connects to the bucket and finds out, before anything is written, whether it is there and locks objects. The
// error wraps ErrNoBucket, ErrDenied, ErrNoLock or ErrLockUnknown where it is one of these. It never holds a secret.
func New(ctx context.Context, cfg Config) (*Store, error) {
	s, err := connect(cfg)
	if err != nil {
		return nil, err
	}
	if s.bucket, err = s.examine(ctx); err != nil {
		return nil, fmt.Errorf("%s: %w", s, err)
	}
	return s, nil
}

// connect makes a Store without asking the service anything.
func connect(cfg Config) (*Store, error) {
	settled, err := cfg.settle(time.Now())
	if err != nil {
		return nil, err
	}
	transport, err := settled.transport()
	if err != nil {
		return nil, err
	}
	token := ""
	if cfg.SessionToken != nil {
		token = cfg.SessionToken.Reveal()
	}
	core, err := minio.NewCore(settled.host, &minio.Options{
		Creds:           credentials.NewStaticV4(cfg.AccessKey, cfg.SecretKey.Reveal(), token),
		Secure:          settled.secure,
		Transport:       transport,
		Region:          cfg.Region,
		MaxRetries:      settled.Retries + 1, // the library counts tries
		TrailingHeaders: true,                // else it refuses checksum headers
	})
	if err != nil {
		return nil, fmt.Errorf("the S3 endpoint %q: %w", cfg.Endpoint, err)
	}
	return &Store{cfg: settled, core: core, client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       settled.Stall,
	}}, nil
}

// Client returns what Create and the others send their requests with, for package probe, which has to try what a Store
// never does: to remove a locked object, say. No request is sent.
func Client(cfg Config) (*minio.Core, error) {
	s, err := connect(cfg)
	if err != nil {
		return nil, err
	}
	return s.core, nil
}

// String names bucket, prefix and host.
func (s *Store) String() string {
	return "s3://" + strings.TrimSuffix(s.cfg.Bucket+"/"+s.cfg.Prefix, "/") + " at " + s.cfg.host
}

func (s *Store) key(name string) string {
	if s.cfg.Prefix == "" {
		return name
	}
	return s.cfg.Prefix + "/" + name
}

// Create implements store.Store. It never leaves an object that the service holds under other bytes or without the lock
// unmentioned: the error then wraps store.ErrDigest, store.ErrLockMissing or store.ErrLockShort, and says that the
// object is there.
func (s *Store) Create(ctx context.Context, obj store.Object, body io.Reader) error {
	if err := store.ValidName(obj.Name); err != nil {
		return err
	}
	if err := s.create(ctx, obj, body); err != nil {
		return fmt.Errorf("creating %q in %s: %w", obj.Name, s, err)
	}
	return nil
}

func (s *Store) create(ctx context.Context, obj store.Object, body io.Reader) error {
	if obj.Size > MaxSize {
		return fmt.Errorf("%w: it has %d bytes, at most %d are sent", ErrTooLarge, obj.Size, int64(MaxSize))
	}
	src := newSource(body)
	word := rand.Text()
	for try := 0; ; try++ {
		sent, err := s.put(ctx, obj, src, word)
		if err == nil {
			return s.check(ctx, obj, sent)
		}
		if ctx.Err() != nil || !passing(err) && !(try > 0 && errors.Is(err, fs.ErrExist)) {
			return err
		}
		// The service may have kept the object all the same.
		entry, mine, asked := s.whose(ctx, obj.Name, word)
		switch {
		case asked == nil && mine:
			return s.check(ctx, obj, receipt{version: entry.VersionID})
		case asked == nil:
			return fs.ErrExist
		case !passing(err), src.again == nil, try >= s.cfg.Retries:
			return err
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
		if src.body, err = src.again(); err != nil {
			return &bodyError{err}
		}
	}
}

// A receipt is what the service answered to a PUT.
type receipt struct {
	version string
	sha256  *[sha256.Size]byte // nil when it was not told
}

var errStalled = errors.New("the connection took no data for too long")

// put sends the body once.
func (s *Store) put(ctx context.Context, obj store.Object, src source, word string) (receipt, error) {
	sending, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	body, err := newAttempt(sending, src.body, obj.Size, s.cfg.Stall, func() { cancel(errStalled) })
	if err != nil {
		return receipt{}, &bodyError{err}
	}
	info, err := s.core.PutObject(sending, s.cfg.Bucket, s.key(obj.Name), body, obj.Size, "",
		hex.EncodeToString(obj.SHA256[:]), s.options(obj, word))
	broken := body.end()
	switch {
	case err == nil:
		return receipt{version: info.VersionID, sha256: parseSHA256(info.ChecksumSHA256)}, nil
	case ctx.Err() != nil:
		return receipt{}, ctx.Err()
	case context.Cause(sending) == errStalled:
		return receipt{}, errStalled
	case broken != nil:
		return receipt{}, &bodyError{broken}
	}
	return receipt{}, explain(err)
}

// options are the headers of a PUT.
func (s *Store) options(obj store.Object, word string) minio.PutObjectOptions {
	opts := minio.PutObjectOptions{
		ContentType: obj.ContentType,
		UserMetadata: map[string]string{
			"x-amz-checksum-sha256": base64.StdEncoding.EncodeToString(obj.SHA256[:]),
			uploadWord:              word,
		},
		DisableMultipart: true,
		// The library is not to hash the body a second time: its SHA-256 is known and is signed as it is.
		DisableContentSha256: true,
	}
	if !s.cfg.NoLock {
		opts.Mode = minio.Compliance
		opts.RetainUntilDate = s.cfg.until
	}
	opts.SetMatchETagExcept("*")
	return opts
}

// whose finds out what is under a name, and whether Create sent it with that word.
func (s *Store) whose(ctx context.Context, name, word string) (entry store.Entry, mine bool, err error) {
	entry, info, err := s.stat(ctx, name, "")
	if err != nil {
		return entry, false, err
	}
	return entry, info.UserMetadata[uploadWord] == word, nil
}

// check asks for what was just written.
func (s *Store) check(ctx context.Context, obj store.Object, sent receipt) error {
	entry, _, err := s.stat(ctx, obj.Name, sent.version)
	if s.cfg.UnknownLock && errors.Is(err, ErrDenied) {
		if sent.sha256 != nil && *sent.sha256 != obj.SHA256 {
			return fmt.Errorf("the object is there now, and the service says that it has SHA-256 %x: %w",
				*sent.sha256, store.ErrDigest)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("the object was sent and cannot be checked: %w", err)
	}
	if entry.Size != obj.Size {
		return fmt.Errorf("the object is there now, with %d bytes: %w", entry.Size, store.ErrSize)
	}
	if entry.SHA256 == nil {
		if entry.SHA256, err = s.rehash(ctx, obj.Name, sent.version); err != nil {
			return fmt.Errorf("the object was sent and cannot be checked: %w", err)
		}
	}
	if *entry.SHA256 != obj.SHA256 {
		return fmt.Errorf("the object is there now, with SHA-256 %x: %w", *entry.SHA256, store.ErrDigest)
	}
	if err := s.CheckLock(entry); err != nil {
		return fmt.Errorf("the object is there now: %w", err)
	}
	return nil
}

// rehash reads an object back.
func (s *Store) rehash(ctx context.Context, name, version string) (*[sha256.Size]byte, error) {
	body, err := s.get(ctx, name, version)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	h := sha256.New()
	if _, err := io.Copy(h, body); err != nil {
		return nil, err
	}
	return (*[sha256.Size]byte)(h.Sum(nil)), nil
}

// Stat implements store.Stater. It tells the digest, where the service keeps one, and the lock.
func (s *Store) Stat(ctx context.Context, name string) (store.Entry, error) {
	if err := store.ValidName(name); err != nil {
		return store.Entry{}, err
	}
	entry, _, err := s.stat(ctx, name, "")
	if err != nil {
		return entry, fmt.Errorf("looking at %q in %s: %w", name, s, err)
	}
	return entry, nil
}

func (s *Store) stat(ctx context.Context, name, version string) (store.Entry, minio.ObjectInfo, error) {
	info, err := s.core.StatObject(ctx, s.cfg.Bucket, s.key(name),
		minio.StatObjectOptions{Checksum: true, VersionID: version})
	if err != nil {
		return store.Entry{}, info, explain(err)
	}
	entry := store.Entry{Name: name, Size: info.Size, SHA256: parseSHA256(info.ChecksumSHA256),
		VersionID: info.VersionID}
	entry.Lock, err = parseLock(info.Headers)
	return entry, info, err
}

// parseSHA256 reads an x-amz-checksum-sha256; nil when there is none, or the hash of hashes of a multipart upload
// ("…-3"), which is not the object's SHA-256.
func parseSHA256(header string) *[sha256.Size]byte {
	sum, err := base64.StdEncoding.DecodeString(header)
	if err != nil || len(sum) != sha256.Size {
		return nil
	}
	return (*[sha256.Size]byte)(sum)
}

// parseLock reads the headers of Object Lock; nil when there are none.
func parseLock(h http.Header) (*store.Lock, error) {
	lock := store.Lock{Mode: h.Get(lockModeHeader), LegalHold: h.Get(legalHoldHeader) == "ON"}
	if lock.Mode == "" && !lock.LegalHold {
		return nil, nil
	}
	if lock.Mode == "" {
		return &lock, nil
	}
	until, err := time.Parse(time.RFC3339, h.Get(lockUntilHeader))
	if err != nil {
		return nil, fmt.Errorf("the service tells the lock %q without a date that can be read: %q", lock.Mode,
			h.Get(lockUntilHeader))
	}
	lock.Until = until.UTC()
	return &lock, nil
}

// Lock implements store.Locker.
func (s *Store) Lock(ctx context.Context, name string) (store.Lock, error) {
	entry, err := s.Stat(ctx, name)
	if err != nil {
		return store.Lock{}, err
	}
	if entry.Lock == nil {
		return store.Lock{}, fmt.Errorf("%q in %s: %w", name, s, store.ErrLockMissing)
	}
	return *entry.Lock, nil
}

// CheckLock implements store.LockPolicy: in compliance mode, at least until the date that New was given. A Store with
// NoLock accepts everything.
func (s *Store) CheckLock(entry store.Entry) error {
	switch lock := entry.Lock; {
	case s.cfg.NoLock:
		return nil
	case lock == nil:
		return fmt.Errorf("%q: %w, or the key lacks the right s3:GetObjectRetention", entry.Name, store.ErrLockMissing)
	case lock.Mode != store.Compliance:
		return fmt.Errorf("%q is locked in mode %q: %w in mode COMPLIANCE", entry.Name, lock.Mode, store.ErrLockMissing)
	case lock.Until.Before(s.cfg.until):
		return fmt.Errorf("%q: %w: until %s, asked was %s", entry.Name, store.ErrLockShort,
			lock.Until.Format(time.RFC3339), s.cfg.until.Format(time.RFC3339))
	}
	return nil
}

// pause waits before the next try: 200 ms at first, then twice as long each time, up to 5 s, and half of that by chance,
// so that several writers do not come back together.
func pause(ctx context.Context, try int) error {
	longest := min(200*time.Millisecond<<min(try, 10), 5*time.Second)
	timer := time.NewTimer(longest/2 + mathrand.N(longest/2))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
