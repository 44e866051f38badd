package s3_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/mbaudit/mbaudit/evidence/store/s3"
	"github.com/mbaudit/mbaudit/evidence/store/storetest"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

// brokenBody ends a response's body with an error after so many bytes.
type brokenBody struct {
	io.Reader
	io.Closer
}

func breakAfter(resp *http.Response, n int64) {
	resp.Body = brokenBody{io.MultiReader(io.LimitReader(resp.Body, n), readerFunc(func([]byte) (int, error) {
		return 0, errors.New("the line is cut")
	})), resp.Body}
}

// TestReadIsResumed has connections break in the middle of an object: it is read on from where it stood, and whole.
func TestReadIsResumed(t *testing.T)      { readIsResumed(t, servertest.S3(t)) }
func TestMinIOReadIsResumed(t *testing.T) { readIsResumed(t, servertest.MinIO(t)) }

func readIsResumed(t *testing.T, srv *servertest.S3Server) {
	srv.MakeBucket(t, "locked", true)
	front := newProxy(t, srv)
	cfg := through(front, config(srv, "locked", true))
	cfg.Retries = 2
	st := open(t, cfg)
	body := make([]byte, 1<<20+17)
	_, _ = rand.Read(body)
	if err := st.Create(t.Context(), storetest.Object("segment", body), bytes.NewReader(body)); err != nil {
		t.Fatal(err)
	}
	read := func() ([]byte, error) {
		r, err := st.Open(t.Context(), "segment")
		if err != nil {
			return nil, err
		}
		defer r.Close()
		return io.ReadAll(r)
	}
	whole := func(what string) {
		t.Helper()
		have, err := read()
		if err != nil || !bytes.Equal(have, body) {
			t.Errorf("%s: %d bytes of %d, %v", what, len(have), len(body), err)
		}
	}
	isGet := func(resp *http.Response) bool { return resp.Request.Method == http.MethodGet && isObject(resp.Request) }

	var gets, ranges atomic.Int64
	front.on(nil, func(resp *http.Response) error {
		if !isGet(resp) {
			return nil
		}
		gets.Add(1)
		if strings.HasPrefix(resp.Request.Header.Get("Range"), "bytes=") && resp.StatusCode == http.StatusPartialContent {
			ranges.Add(1)
		}
		if resp.ContentLength > 300_000 {
			breakAfter(resp, 300_000)
		}
		return nil
	})
	whole("three breaks")
	if gets.Load() != 4 || ranges.Load() != 3 {
		t.Errorf("it took %d requests, %d of them for a range; want 4 and 3", gets.Load(), ranges.Load())
	}

	// Without a byte in between it is given up, with what was wrong.
	gets.Store(0)
	front.on(nil, func(resp *http.Response) error {
		if isGet(resp) {
			breakAfter(resp, 300_000*max(0, 2-gets.Add(1)))
		}
		return nil
	})
	if have, err := read(); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("after %d of 1048593 bytes", len(have))) || len(have) > 300_000 {
		t.Errorf("a line that stays cut: %d bytes, %v", len(have), err)
	}
	if gets.Load() > 4 {
		t.Errorf("%d requests for nothing", gets.Load())
	}

	// Other bytes under the name meanwhile: the version that was begun is read on, or it is said that it is gone.
	gets.Store(0)
	front.on(nil, func(resp *http.Response) error {
		if isGet(resp) && gets.Add(1) == 1 {
			other := strings.Repeat("x", len(body))
			_, err := srv.Client(t).PutObject(t.Context(), "locked", cfg.Prefix+"/segment", strings.NewReader(other), int64(len(other)), minio.PutObjectOptions{})
			if err != nil {
				t.Error(err)
			}
			breakAfter(resp, 300_000)
		}
		return nil
	})
	if have, err := read(); err == nil && !bytes.Equal(have, body) || err != nil && !errors.Is(err, s3.ErrReplaced) {
		t.Errorf("replaced while it was read: %d bytes, %v", len(have), err)
	}
}

// TestReadReplaced has an object replaced between two connections in a bucket without versions.
func TestReadReplaced(t *testing.T) {
	srv := servertest.S3(t)
	srv.MakeBucket(t, "plain", false)
	front := newProxy(t, srv)
	cfg := through(front, config(srv, "plain", false))
	st := open(t, cfg)
	body := []byte(strings.Repeat("evidence ", 10_000))
	if err := st.Create(t.Context(), storetest.Object("segment", body), bytes.NewReader(body)); err != nil {
		t.Fatal(err)
	}
	var once atomic.Bool
	front.on(nil, func(resp *http.Response) error {
		if resp.Request.Method == http.MethodGet && isObject(resp.Request) && once.CompareAndSwap(false, true) {
			other := bytes.ToUpper(body)
			_, err := srv.Client(t).PutObject(t.Context(), "plain", cfg.Prefix+"/segment", bytes.NewReader(other), int64(len(other)), minio.PutObjectOptions{})
			if err != nil {
				t.Error(err)
			}
			breakAfter(resp, 50_000)
		}
		return nil
	})
	r, err := st.Open(t.Context(), "segment")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if have, err := io.ReadAll(r); !errors.Is(err, s3.ErrReplaced) || !bytes.HasPrefix(body, have) {
		t.Errorf("got %d bytes and %v, want ErrReplaced", len(have), err)
	}
}

// TestReadStalls gives up a connection that brings nothing, and takes the object from the next one.
func TestReadStalls(t *testing.T) {
	srv := servertest.S3(t)
	srv.MakeBucket(t, "locked", true)
	front := newProxy(t, srv)
	cfg := through(front, config(srv, "locked", true))
	cfg.Stall = 300 * time.Millisecond
	st := open(t, cfg)
	body := []byte(strings.Repeat("evidence ", 10_000))
	if err := st.Create(t.Context(), storetest.Object("segment", body), bytes.NewReader(body)); err != nil {
		t.Fatal(err)
	}
	var once atomic.Bool
	hang := make(chan struct{})
	defer close(hang)
	front.on(nil, func(resp *http.Response) error {
		if resp.Request.Method == http.MethodGet && isObject(resp.Request) && once.CompareAndSwap(false, true) {
			resp.Body = brokenBody{io.MultiReader(io.LimitReader(resp.Body, 50_000), readerFunc(func([]byte) (int, error) {
				<-hang
				return 0, io.ErrUnexpectedEOF
			})), resp.Body}
		}
		return nil
	})
	r, err := st.Open(t.Context(), "segment")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if have, err := io.ReadAll(r); err != nil || !bytes.Equal(have, body) {
		t.Errorf("%d bytes of %d, %v", len(have), len(body), err)
	}
}
