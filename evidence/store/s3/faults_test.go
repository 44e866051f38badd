package s3_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/mbaudit/mbaudit/evidence/store"
	"github.com/mbaudit/mbaudit/evidence/store/s3"
	"github.com/mbaudit/mbaudit/evidence/store/storetest"
	"github.com/mbaudit/mbaudit/internal/servertest"
)

// large does not fit into the buffers on the way.
var large = bytes.Repeat([]byte("mbaudit\n"), 512<<10)

// plainPut is a PUT without lock, checksum or condition.
func plainPut() minio.PutObjectOptions {
	return minio.PutObjectOptions{DisableMultipart: true, DisableContentSha256: true,
		UserMetadata: map[string]string{}}
}

// stream hides that a body can be read again.
func stream(body []byte) io.Reader { return io.MultiReader(bytes.NewReader(body)) }

// TestBrokenConnections shows which objects are there, and what Create says, when connections break, answers are lost,
// or the service is overloaded.
func TestBrokenConnections(t *testing.T) {
	srv := servertest.S3(t)
	srv.MakeBucket(t, "locked", true)
	overloaded := func(w http.ResponseWriter, _ *http.Request) bool {
		answer(w, http.StatusServiceUnavailable, "SlowDown")
		return true
	}
	cutMiddle := func(_ http.ResponseWriter, r *http.Request) bool {
		_, _ = io.CopyN(io.Discard, r.Body, 1<<20)
		breakOff()
		return true
	}
	for _, test := range []struct {
		name    string
		faults  int // so many PUTs go wrong
		before  func(http.ResponseWriter, *http.Request) bool
		after   func(*http.Response) error
		body    io.Reader
		puts    int64 // so many are sent
		ok      bool
		refused int // the status of the refusal, or 0 for a broken connection
	}{
		{name: "answer lost", faults: 1, after: lost, body: bytes.NewReader(large), puts: 1, ok: true},
		{name: "answer lost, stream", faults: 1, after: lost, body: stream(large), puts: 1, ok: true},
		{name: "cut in the middle", faults: 2, before: cutMiddle, body: bytes.NewReader(large), puts: 3, ok: true},
		{name: "cut in the middle, stream", faults: 1, before: cutMiddle, body: stream(large), puts: 1},
		{name: "cut always", faults: 99, before: cutMiddle, body: bytes.NewReader(large), puts: 4},
		{name: "overloaded", faults: 2, before: overloaded, body: bytes.NewReader(large), puts: 3, ok: true},
		{name: "overloaded, stream", faults: 1, before: overloaded, body: stream(large), puts: 1, refused: 503},
		{name: "overloaded always", faults: 99, before: overloaded, body: bytes.NewReader(large), puts: 4, refused: 503},
		{name: "empty, answer lost", faults: 1, after: lost, body: bytes.NewReader(nil), puts: 1, ok: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			front := newProxy(t, srv)
			cfg := through(front, config(srv, "locked", true))
			cfg.Retries = 3
			st := open(t, cfg)
			var puts atomic.Int64
			front.on(func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodPut {
					return false
				}
				n := puts.Add(1)
				return test.before != nil && n <= int64(test.faults) && test.before(w, r)
			}, func(resp *http.Response) error {
				if test.after != nil && resp.Request.Method == http.MethodPut && puts.Load() <= int64(test.faults) {
					return test.after(resp)
				}
				return nil
			})
			body := large
			if strings.HasPrefix(test.name, "empty") {
				body = nil
			}
			err := st.Create(t.Context(), storetest.Object("segment", body), test.body)
			if n := puts.Load(); n != test.puts {
				t.Errorf("%d PUTs were sent, want %d", n, test.puts)
			}
			front.on(nil, nil)
			var refusal *s3.Refusal
			switch {
			case test.ok && err != nil:
				t.Errorf("creating: %v", err)
			case test.ok:
				wantVersions(t, st, "segment", 1)
				wantLock(t, st, "segment", cfg.RetainUntil)
			case err == nil:
				t.Error("Create has no objection")
			case test.refused != 0 && (!errors.As(err, &refusal) || refusal.Status != test.refused):
				t.Errorf("got %v, want the refusal %d", err, test.refused)
			case test.refused == 0 && errors.As(err, &refusal):
				t.Errorf("got %v, want a broken connection", err)
			}
			if !test.ok {
				wantVersions(t, st, "segment", 0)
			}
		})
	}
}

// lost is an answer that does not arrive.
func lost(*http.Response) error { return errors.New("lost") }

// TestLoserRetries shows that a writer whose connection broke does not take another's object for its own, even when
// it has the same bytes.
func TestLoserRetries(t *testing.T) {
	srv := servertest.S3(t)
	srv.MakeBucket(t, "locked", true)
	front := newProxy(t, srv)
	cfg := config(srv, "locked", true)
	winner, loser := open(t, cfg), open(t, through(front, cfg))
	body := []byte("the same")
	var once atomic.Bool
	front.on(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && once.CompareAndSwap(false, true) {
			if err := winner.Create(t.Context(), storetest.Object("entry", body), bytes.NewReader(body)); err != nil {
				t.Error(err)
			}
			breakOff()
		}
		return false
	}, nil)
	err := loser.Create(t.Context(), storetest.Object("entry", body), bytes.NewReader(body))
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want fs.ErrExist", err)
	}
	wantVersions(t, winner, "entry", 1)
}

func TestBytesChangedOnTheWay(t *testing.T) {
	srv := servertest.S3(t)
	srv.MakeBucket(t, "locked", true)
	front := newProxy(t, srv)
	st := open(t, through(front, config(srv, "locked", true)))
	front.on(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut {
			all, _ := io.ReadAll(r.Body)
			all[0] ^= 1
			r.Body = io.NopCloser(bytes.NewReader(all))
		}
		return false
	}, nil)
	err := st.Create(t.Context(), storetest.Object("changed", large), bytes.NewReader(large))
	if !errors.Is(err, store.ErrDigest) {
		t.Errorf("got %v, want ErrDigest", err)
	}
	front.on(nil, nil)
	wantVersions(t, st, "changed", 0)
}

// TestWhatTheServiceTells shows that Create believes what the service holds, not that it answered 200.
func TestWhatTheServiceTells(t *testing.T) {
	srv := servertest.S3(t)
	srv.MakeBucket(t, "locked", true)
	body := []byte("sealed")
	other := storetest.Object("", []byte("other")).SHA256
	set := func(header, value string) func(*http.Response) error {
		return func(resp *http.Response) error {
			if resp.Request.Method == http.MethodHead {
				resp.Header.Set(header, value)
			}
			return nil
		}
	}
	without := func(prefix string) func(*http.Response) error {
		return func(resp *http.Response) error {
			for header := range resp.Header {
				if resp.Request.Method != http.MethodPut && strings.HasPrefix(header, prefix) {
					resp.Header.Del(header)
				}
			}
			return nil
		}
	}
	const checksum = "X-Amz-Checksum-"
	for _, test := range []struct {
		name  string
		after func(*http.Response) error
		want  error
		text  string
	}{
		{name: "as it is", after: func(*http.Response) error { return nil }},
		{name: "no checksum", after: without(checksum)},
		{name: "hash of hashes", after: set("X-Amz-Checksum-Sha256", base64.StdEncoding.EncodeToString(other[:])+"-3")},
		{name: "other checksum", after: set("X-Amz-Checksum-Sha256", base64.StdEncoding.EncodeToString(other[:])),
			want: store.ErrDigest},
		{name: "no checksum and other bytes", after: func(resp *http.Response) error {
			if resp.Request.Method == http.MethodGet {
				resp.Body = io.NopCloser(strings.NewReader("broken"))
			}
			return without(checksum)(resp)
		}, want: store.ErrDigest},
		{name: "other size", after: set("Content-Length", "5"), want: store.ErrSize},
		{name: "no lock", after: without("X-Amz-Object-Lock-"), want: store.ErrLockMissing},
		{name: "governance", after: set("X-Amz-Object-Lock-Mode", "GOVERNANCE"), want: store.ErrLockMissing},
		{name: "shorter", after: set("X-Amz-Object-Lock-Retain-Until-Date",
			time.Now().Add(time.Hour).UTC().Format(time.RFC3339)), want: store.ErrLockShort},
		{name: "no date", after: set("X-Amz-Object-Lock-Retain-Until-Date", "soon"), text: "without a date"},
	} {
		t.Run(test.name, func(t *testing.T) {
			front := newProxy(t, srv)
			st := open(t, through(front, config(srv, "locked", true)))
			front.on(nil, test.after)
			err := st.Create(t.Context(), storetest.Object("seal", body), bytes.NewReader(body))
			switch {
			case test.want == nil && test.text == "":
				if err != nil {
					t.Error(err)
				}
			case err == nil:
				t.Error("Create has no objection")
			case test.want != nil && !errors.Is(err, test.want), !strings.Contains(err.Error(), test.text):
				t.Errorf("got %v, want %v %s", err, test.want, test.text)
			case test.want != nil && !strings.Contains(err.Error(), "the object is there now"):
				t.Errorf("got %v, which does not say that the object is there", err)
			}
		})
	}
}

// TestStalledConnection shows that a service which stops taking data, or never answers, holds nobody for ever.
func TestStalledConnection(t *testing.T) {
	srv := servertest.S3(t)
	srv.MakeBucket(t, "locked", true)
	for name, read := range map[string]int64{"takes no data": 1, "never answers": int64(len(large))} {
		t.Run(name, func(t *testing.T) {
			front := newProxy(t, srv)
			cfg := through(front, config(srv, "locked", true))
			cfg.Stall, cfg.Retries = 300*time.Millisecond, 1
			st := open(t, cfg)
			givenUp := make(chan struct{})
			front.on(func(_ http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodPut {
					_, _ = io.CopyN(io.Discard, r.Body, read)
					<-givenUp
					breakOff()
				}
				return false
			}, nil)
			err := st.Create(t.Context(), storetest.Object("stalled", large), bytes.NewReader(large))
			close(givenUp)
			if err == nil || t.Context().Err() != nil {
				t.Errorf("got %v, want an error before the test's own end", err)
			}
			front.on(nil, nil)
			wantVersions(t, st, "stalled", 0)
		})
	}
}

// TestWriteOnlyKey answers every question as AWS does for a key that may only put.
func TestWriteOnlyKey(t *testing.T) {
	srv := servertest.S3(t)
	srv.MakeBucket(t, "locked", true)
	front := newProxy(t, srv)
	direct := config(srv, "locked", true)
	cfg := through(front, direct)
	writeOnly := func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && isObject(r) {
			return false
		}
		answer(w, http.StatusForbidden, "AccessDenied")
		return true
	}
	front.on(writeOnly, nil)

	if _, err := s3.New(t.Context(), cfg); !errors.Is(err, s3.ErrLockUnknown) {
		t.Fatalf("got %v, want ErrLockUnknown", err)
	}
	cfg.UnknownLock = true
	st := open(t, cfg)
	if have := st.Bucket(); have.Locks != s3.Unknown || have.Versions != s3.Unknown {
		t.Errorf("the bucket is said to have %+v", have)
	}
	body := []byte("sealed")
	obj := storetest.Object("seal", body)
	if created, err := store.Ensure(t.Context(), st, obj, bytes.NewReader(body)); err != nil || !created {
		t.Fatalf("ensure: created %t, %v", created, err)
	}
	_, err := store.Ensure(t.Context(), st, obj, bytes.NewReader(body))
	if !errors.Is(err, fs.ErrExist) || !errors.Is(err, fs.ErrPermission) || !errors.Is(err, s3.ErrDenied) {
		t.Errorf("ensure of what is there: got %v, want fs.ErrExist and fs.ErrPermission", err)
	}
	wrong := storetest.Object("wrong", []byte("other."))
	if err := st.Create(t.Context(), wrong, bytes.NewReader(body)); !errors.Is(err, store.ErrDigest) {
		t.Errorf("a wrong digest: got %v, want ErrDigest", err)
	}
	front.on(writeOnly, func(resp *http.Response) error {
		resp.Header.Set("X-Amz-Checksum-Sha256", base64.StdEncoding.EncodeToString(wrong.SHA256[:]))
		return nil
	})
	err = st.Create(t.Context(), storetest.Object("told", body), bytes.NewReader(body))
	if !errors.Is(err, store.ErrDigest) {
		t.Errorf("an answer that tells another SHA-256: got %v, want ErrDigest", err)
	}
	wantLock(t, open(t, direct), "seal", direct.RetainUntil)

	// That the key may not write either comes out with the first object.
	front.on(func(w http.ResponseWriter, _ *http.Request) bool {
		answer(w, http.StatusForbidden, "AccessDenied")
		return true
	}, nil)
	err = open(t, cfg).Create(t.Context(), storetest.Object("refused", body), bytes.NewReader(body))
	if !errors.Is(err, s3.ErrDenied) {
		t.Errorf("a key without any right: got %v, want ErrDenied", err)
	}
	wantRefusal(t, "a key without any right", err, http.StatusForbidden, "AccessDenied")

	// A bucket that turns out not to lock.
	srv.MakeBucket(t, "unlocked", false)
	front.on(writeOnly, nil)
	cfg.Bucket = "unlocked"
	err = open(t, cfg).Create(t.Context(), obj, bytes.NewReader(body))
	if !errors.Is(err, s3.ErrNoLock) {
		t.Errorf("a bucket that does not lock: got %v, want ErrNoLock", err)
	}
}

// TestBodyIsLeftAlone shows that nothing reads a body after Create has returned, though the service answered before it
// was sent.
func TestBodyIsLeftAlone(t *testing.T) {
	srv := servertest.S3(t)
	srv.MakeBucket(t, "locked", true)
	front := newProxy(t, srv)
	st := open(t, through(front, config(srv, "locked", true)))
	front.on(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut {
			return false
		}
		answer(w, http.StatusForbidden, "AccessDenied")
		return true
	}, nil)
	for range 20 {
		position := 0 // not guarded: the race detector sees who else is there
		body := readerFunc(func(p []byte) (int, error) {
			n := copy(p, large[position:])
			position += n
			if n == 0 {
				return 0, io.EOF
			}
			return n, nil
		})
		if err := st.Create(t.Context(), storetest.Object("early", large), body); !errors.Is(err, s3.ErrDenied) {
			t.Fatalf("got %v, want ErrDenied", err)
		}
		position = 0
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestListCutShort(t *testing.T) {
	srv := servertest.S3(t)
	srv.MakeBucket(t, "locked", true)
	cfg := config(srv, "locked", true)
	cfg.Retries = 1
	front := newProxy(t, srv)
	st := open(t, through(front, cfg))
	for _, name := range []string{"a", "b"} {
		if err := st.Create(t.Context(), storetest.Object(name, nil), strings.NewReader("")); err != nil {
			t.Fatal(err)
		}
	}
	front.on(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet {
			answer(w, http.StatusForbidden, "AccessDenied")
			return true
		}
		return false
	}, nil)
	for _, err := range st.List(t.Context(), "") {
		if !errors.Is(err, s3.ErrDenied) {
			t.Errorf("a listing that is refused: got %v, want ErrDenied", err)
		}
	}
	front.on(nil, nil)
	_, err := srv.Client(t).PutObject(t.Context(), "locked", cfg.Prefix+"/.odd", strings.NewReader(""), 0, plainPut())
	if err != nil {
		t.Fatal(err)
	}
	var last error
	for _, err := range st.List(t.Context(), "") {
		last = err
	}
	if !errors.Is(last, store.ErrName) {
		t.Errorf("a key that no store made: got %v, want ErrName", last)
	}
}

func wantVersions(t *testing.T, st *s3.Store, name string, want int) {
	t.Helper()
	n := 0
	for _, err := range st.Versions(t.Context(), name) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != want {
		t.Errorf("there are %d versions of %q, want %d", n, name, want)
	}
}
