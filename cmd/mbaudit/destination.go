package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/spf13/pflag"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/evidence/store"
	"github.com/mbaudit/mbaudit/evidence/store/dir"
	"github.com/mbaudit/mbaudit/evidence/store/s3"
	"github.com/mbaudit/mbaudit/internal/casefile"
	"github.com/mbaudit/mbaudit/internal/secret"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// storeOptions are the options that say how to reach a store and how to lock what goes there.
type storeOptions struct {
	endpoint, region, caFile string
	retainUntil              string
	noLock, unknownLock, yes bool
}

// addFlags adds what pushing needs.
func (o *storeOptions) addFlags(f *pflag.FlagSet) {
	o.addReadFlags(f)
	f.StringVar(&o.retainUntil, "retain-until", "", "day until which objects are locked (default: the case's retention.until)")
	f.BoolVar(&o.noLock, "no-lock", false, "push to a bucket without Object Lock")
	f.BoolVar(&o.unknownLock, "unknown-lock", false, "push with a key that may not ask whether objects are locked")
	f.BoolVar(&o.yes, "yes", false, "lock without asking")
}

// addReadFlags adds what reading from a store needs.
func (o *storeOptions) addReadFlags(f *pflag.FlagSet) {
	f.StringVar(&o.endpoint, "s3-endpoint", "", "S3 service (default: $AWS_ENDPOINT_URL_S3, $AWS_ENDPOINT_URL, Amazon)")
	f.StringVar(&o.region, "s3-region", "", "S3 region (default: $AWS_REGION)")
	f.StringVar(&o.caFile, "s3-ca", "", "PEM file of the only authorities to trust for the S3 service (default: $AWS_CA_BUNDLE)")
}

// A destination is a store, the prefix below it, and what is known of it.
type destination struct {
	store.Store
	location   string // as typed
	until      time.Time
	offMachine bool
}

// open opens a store for writing and makes sure, before anything is read anywhere, that it will take the evidence.
func (o *storeOptions) open(ctx context.Context, t *terminal, c casefile.Case, location string) (*destination, error) {
	if !strings.HasPrefix(location, "s3://") {
		st, err := openDir(location, true)
		if err != nil {
			return nil, err
		}
		return &destination{Store: st, location: location}, nil
	}
	d := &destination{location: location, offMachine: true}
	if !o.noLock {
		var err error
		if d.until, err = c.LockUntil(o.retainUntil, t.now()); err != nil {
			return nil, usageError(err, hintFor(err))
		}
	}
	config, err := o.s3Config(t, location)
	if err != nil {
		return nil, err
	}
	config.RetainUntil, config.NoLock, config.UnknownLock = d.until, o.noLock, o.unknownLock
	if d.Store, err = s3.New(ctx, config); err != nil {
		return nil, err
	}
	return d, o.confirmLock(t, d)
}

// confirmLock makes sure that someone knows what a compliance lock means.
func (o *storeOptions) confirmLock(t *terminal, d *destination) error {
	if d.until.IsZero() || o.yes {
		return nil
	}
	days := int(d.until.Sub(t.now()).Hours()/24) + 1
	t.say("Everything pushed to %s will be locked until %s, for %d days. Nobody can delete or shorten it before that day,\nnot you, not the owner of the bucket, and it is paid for until then.",
		d.location, d.until.Format(time.DateOnly), days)
	if t.confirm("Lock it?") {
		return nil
	}
	return usageError(errors.New("locking was not confirmed"), "answer y, or add --yes; choose another day with --retain-until YYYY-MM-DD")
}

// openForReading opens a store to verify what is in it.
func (o *storeOptions) openForReading(ctx context.Context, t *terminal, location string) (store.Store, error) {
	config, err := o.s3Config(t, location)
	if err != nil {
		return nil, err
	}
	config.NoLock, config.UnknownLock = true, true // reading locks nothing
	st, err := s3.New(ctx, config)
	if err != nil {
		return nil, err
	}
	return st, nil
}

// s3Config puts together what flags, environment and the shared credentials file say.
func (o *storeOptions) s3Config(t *terminal, location string) (s3.Config, error) {
	bucket, prefix, err := s3.Parse(location)
	if err != nil {
		return s3.Config{}, usageError(err, "write it as in: s3://evidence/2026-0042")
	}
	config := s3.Config{Bucket: bucket, Prefix: prefix, Proxy: http.ProxyFromEnvironment,
		Endpoint: cmp.Or(o.endpoint, t.getenv("AWS_ENDPOINT_URL_S3"), t.getenv("AWS_ENDPOINT_URL"), "https://s3.amazonaws.com"),
		Region:   cmp.Or(o.region, t.getenv("AWS_REGION"), t.getenv("AWS_DEFAULT_REGION")),
		CAFile:   cmp.Or(o.caFile, t.getenv("AWS_CA_BUNDLE")),
	}
	config.AccessKey = t.getenv("AWS_ACCESS_KEY_ID")
	config.SecretKey = secret.New(t.getenv("AWS_SECRET_ACCESS_KEY"))
	if token := t.getenv("AWS_SESSION_TOKEN"); token != "" {
		config.SessionToken = secret.New(token)
	}
	if config.AccessKey != "" {
		return config, nil
	}
	file, err := credentials.NewFileAWSCredentials("", t.getenv("AWS_PROFILE")).GetWithContext(nil)
	if err != nil || file.AccessKeyID == "" {
		return config, usageError(errors.New("there are no credentials for the S3 service"),
			"set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write them into ~/.aws/credentials")
	}
	config.AccessKey, config.SecretKey = file.AccessKeyID, secret.New(file.SecretAccessKey)
	if file.SessionToken != "" {
		config.SessionToken = secret.New(file.SessionToken)
	}
	return config, nil
}

// openDir opens a directory store, making its folder where it is to be written to.
func openDir(location string, make bool) (*dir.Store, error) {
	location = strings.TrimPrefix(location, "file://")
	if make {
		if err := os.MkdirAll(location, 0o700); err != nil {
			return nil, err
		}
	}
	return dir.Open(location)
}

// clock compares our clock with the store's, where it tells the time.
func (d *destination) clock(now func() time.Time) evidence.Clock {
	c := evidence.Clock{Against: "store " + d.location, Status: "not offered", At: now().UTC().Truncate(time.Millisecond)}
	clock, ok := d.Store.(store.Clock)
	if !ok {
		c.Note = "a directory has this machine's clock"
		return c
	}
	ctx, cancel := context.WithTimeout(context.Background(), stampTimeout)
	defer cancel()
	before := now()
	server, rtt, err := clock.ServerTime(ctx)
	if err != nil {
		c.Status, c.Note = "unreachable", visible.Text(err.Error())
		return c
	}
	// HTTP tells whole seconds: the truth lies within the second that follows.
	offset := server.Add(500 * time.Millisecond).Sub(before.Add(rtt / 2)).Milliseconds()
	uncertainty := (rtt/2 + 500*time.Millisecond).Milliseconds()
	c.Status, c.OffsetMS, c.UncertaintyMS = "measured", &offset, &uncertainty
	return c
}

// send pushes a sealed bundle, journalling it before and after.
func (d *destination) send(ctx context.Context, t *terminal, c *openCase, bundle string) error {
	ref := map[string]string{"bundle": filepath.Base(bundle), "to": d.location}
	if !d.until.IsZero() {
		ref["locked_until"] = d.until.UTC().Format(time.RFC3339)
	}
	done, err := c.begin(journal.Collection, "pushing bundle "+filepath.Base(bundle)+" to "+d.location, ref)
	if err != nil {
		return err
	}
	sent, there, err := d.push(ctx, bundle)
	result := fmt.Sprintf("%s sent, %d were there already", plural(int64(sent), "object"), there)
	if err := errors.Join(err, done(result, err)); err != nil {
		return err
	}
	switch {
	case !d.offMachine:
		t.say("copied to %s: %s; this directory is on this machine: the evidence has not left it", d.location, result)
	case d.until.IsZero():
		t.say("pushed to %s: %s; nothing is locked there", d.location, result)
	default:
		t.say("pushed to %s: %s; locked until %s", d.location, result, d.until.Format(time.DateOnly))
	}
	return nil
}

// push sends every file of the bundle: the payload first, then what describes it, the signature last, so that what is
// signed over there is whole.
func (d *destination) push(ctx context.Context, bundle string) (sent, there int, err error) {
	files, err := evidence.Files(bundle)
	if err != nil {
		return 0, 0, err
	}
	for _, file := range files {
		created, err := d.pushFile(ctx, bundle, file)
		if err != nil {
			return sent, there, fmt.Errorf("pushing %s: %w", file.Path, err)
		}
		if created {
			sent++
		} else {
			there++
		}
	}
	return sent, there, nil
}

func (d *destination) pushFile(ctx context.Context, bundle string, file evidence.SealedFile) (bool, error) {
	f, err := os.Open(filepath.Join(bundle, filepath.FromSlash(file.Path)))
	if err != nil {
		return false, err
	}
	defer f.Close()
	object := store.Object{Name: path.Join(filepath.Base(bundle), file.Path), Size: file.Size, SHA256: file.SHA256, ContentType: contentType(file.Path)}
	return store.Ensure(ctx, d.Store, object, f)
}

func contentType(name string) string {
	switch path.Ext(name) {
	case ".zip":
		return "application/zip"
	case ".json", ".jsonl":
		return "application/json"
	case ".ocsp":
		return "application/ocsp-response"
	case ".tsr":
		return "application/timestamp-reply"
	}
	return "text/plain; charset=utf-8"
}

// A storedBundle is a bundle in a store. It is an evidence.BundleSource.
type storedBundle struct {
	st     store.Store
	prefix string // of the bundle's names, with a slash at its end
}

// Open gives a file of the bundle.
func (b storedBundle) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	return b.st.Open(ctx, b.prefix+name)
}

// Names lists the bundle's files.
func (b storedBundle) Names(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for entry, err := range b.st.List(ctx, b.prefix) {
			if !yield(strings.TrimPrefix(entry.Name, b.prefix), err) || err != nil {
				return
			}
		}
	}
}
