package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/mbaudit/mbaudit/evidence/store"
)

// ErrReplaced says that an object was replaced by another while it was read.
var ErrReplaced = errors.New("the object was replaced while it was read")

// Open implements store.Store. A connection that breaks or that brings nothing for the time of Config.Stall is taken up
// again where it stood, from the same version of the object; it is given up when as many connections as Config.Retries
// says brought nothing, or when a new one cannot be had.
func (s *Store) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	return s.OpenVersion(ctx, name, "")
}

// OpenVersion implements store.VersionReader; it reads on as Open does. An empty versionID is the latest version.
func (s *Store) OpenVersion(ctx context.Context, name, versionID string) (io.ReadCloser, error) {
	if err := store.ValidName(name); err != nil {
		return nil, err
	}
	body, err := s.get(ctx, name, versionID)
	if err != nil {
		return nil, fmt.Errorf("opening %q in %s: %w", name, s, err)
	}
	return body, nil
}

func (s *Store) get(ctx context.Context, name, version string) (io.ReadCloser, error) {
	d := &download{s: s, ctx: ctx, name: name, version: version}
	if err := d.connect(); err != nil {
		return nil, err
	}
	return d, nil
}

// A download reads one version of an object to its end, over as many connections as it takes.
type download struct {
	s             *Store
	ctx           context.Context
	name, version string
	etag          string
	size, at      int64 // at: bytes handed out; size counts from the first answer on

	body    io.ReadCloser // of the connection, nil when there is none
	cancel  context.CancelCauseFunc
	attempt context.Context
	tries   int   // since the last byte
	broken  error // what ended the last connection
	err     error
}

// connect asks for the object from d.at on.
func (d *download) connect() error {
	opts := minio.GetObjectOptions{VersionID: d.version}
	first := d.etag == "" && d.at == 0 && d.tries == 0
	if d.etag != "" {
		if err := opts.SetMatchETag(d.etag); err != nil {
			return err
		}
	}
	if d.at > 0 {
		if err := opts.SetRange(d.at, d.size-1); err != nil {
			return err
		}
	}
	d.attempt, d.cancel = context.WithCancelCause(d.ctx)
	body, info, header, err := d.s.core.GetObject(d.attempt, d.s.cfg.Bucket, d.s.key(d.name), opts)
	if err != nil {
		d.cancel(nil)
		err = explain(err)
		var refusal *Refusal
		if errors.As(err, &refusal) && refusal.Status == http.StatusPreconditionFailed {
			return ErrReplaced
		}
		return err
	}
	if first {
		d.etag, d.size = info.ETag, info.Size
		if d.version == "" {
			d.version = info.VersionID
		}
	} else if err := d.sameAnswer(info, header); err != nil {
		d.cancel(nil)
		_ = body.Close()
		return err
	}
	d.body = body
	return nil
}

// sameAnswer says whether a later answer goes on with the object of the first.
func (d *download) sameAnswer(info minio.ObjectInfo, header http.Header) error {
	begin := fmt.Sprintf("bytes %d-", d.at)
	switch {
	case d.etag == "" || info.ETag != d.etag:
		return ErrReplaced
	case d.at > 0 && !strings.HasPrefix(header.Get("Content-Range"), begin):
		return fmt.Errorf("the service was asked for the bytes from %d on and answered with %q", d.at,
			header.Get("Content-Range"))
	}
	return nil
}

// Read hands out what comes, and connects anew when it breaks off.
func (d *download) Read(p []byte) (int, error) {
	if d.err != nil || len(p) == 0 {
		return 0, d.err
	}
	for {
		n, err := d.read(p)
		d.at += int64(n)
		if n > 0 {
			d.tries = 0
		}
		switch {
		case err == io.EOF && (d.at == d.size || d.size < 0): // no size was told
			d.err = io.EOF
			return n, io.EOF
		case err == nil:
			return n, nil
		case err == io.EOF:
			err = io.ErrUnexpectedEOF
		}
		d.broken = err
		d.hangUp()
		if n > 0 {
			return n, nil // the next Read connects anew
		}
		if err := d.again(err); err != nil {
			d.err = fmt.Errorf("after %d of %d bytes: %w", d.at, d.size, err)
			return 0, d.err
		}
	}
}

// read is one read from the connection, with the time that it may take.
func (d *download) read(p []byte) (int, error) {
	if d.at == d.size {
		return 0, io.EOF
	}
	if d.body == nil {
		return 0, d.broken
	}
	cancel := d.cancel
	timer := time.AfterFunc(d.s.cfg.Stall, func() { cancel(errStalled) })
	n, err := d.body.Read(p)
	timer.Stop()
	if err != nil && err != io.EOF && context.Cause(d.attempt) == errStalled {
		err = errStalled
	}
	return n, err
}

// again connects anew after the connection ended with cause, or says why not. The library tries a request again by
// itself; what counts here are connections that brought nothing.
func (d *download) again(cause error) error {
	switch {
	case d.ctx.Err() != nil:
		return d.ctx.Err()
	case d.etag == "", d.tries >= d.s.cfg.Retries: // without an ETag, nothing tells whether the rest is of the same object
		return cause
	}
	if err := pause(d.ctx, d.tries); err != nil {
		return err
	}
	d.tries++
	return d.connect()
}

func (d *download) hangUp() {
	if d.body != nil {
		d.cancel(nil)
		_ = d.body.Close()
		d.body = nil
	}
}

// Close ends the connection.
func (d *download) Close() error {
	d.hangUp()
	if d.err == nil {
		d.err = errors.New("the object was closed")
	}
	return nil
}
