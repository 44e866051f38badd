package timestamp_test

import (
	"bytes"
	"context"
	"encoding/asn1"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	digitorus "github.com/digitorus/timestamp"

	"github.com/mbaudit/mbaudit/evidence/timestamp"
)

func TestRequestFromOpenSSL(t *testing.T) {
	dir := opensslTSA(t, tsaSpec{accuracy: "secs:1, millisecs:500"})
	r, err := timestamp.Request(context.Background(), http.DefaultClient, opensslServer(t, dir), someDigest())
	if err != nil {
		t.Fatal(err)
	}
	if r.Trusted || r.Local || r.Accuracy != 1500*time.Millisecond || r.Nonce == nil {
		t.Errorf("%+v", r.Info)
	}
	// What is kept satisfies openssl: it is the whole response.
	write(t, dir, "kept.tsr", r.TSR)
	write(t, dir, "data", someData)
	openssl(t, dir, true, "ts", "-verify", "-data", "data", "-in", "kept.tsr", "-CAfile", "root.pem")
	offset, uncertainty := r.Offset()
	if offset.Abs() > uncertainty {
		t.Errorf("the same machine's clock is %s ahead of itself, give or take %s", offset, uncertainty)
	}
	if uncertainty < r.Accuracy {
		t.Errorf("uncertainty %s", uncertainty)
	}
}

func TestRequestUnderAPolicy(t *testing.T) {
	dir := opensslTSA(t, tsaSpec{})
	server := opensslServer(t, dir)
	second := asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 2}
	r, err := timestamp.RequestUnder(context.Background(), http.DefaultClient, server, someDigest(), second)
	if err != nil || r.Policy != second.String() {
		t.Errorf("policy %s, %v", r.Policy, err)
	}
	var rejected *timestamp.RejectedError
	unknown := asn1.ObjectIdentifier{1, 2, 3, 4}
	if _, err := timestamp.RequestUnder(context.Background(), http.DefaultClient, server, someDigest(), unknown); !errors.As(err, &rejected) {
		t.Errorf("a policy that the authority does not have: %v", err)
	}
	// An authority that stamps under its usual policy whatever it is asked for.
	deaf := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, _ := io.ReadAll(r.Body)
		req, err := digitorus.ParseRequest(query)
		if err != nil {
			t.Error(err)
			return
		}
		req.TSAPolicyOID = nil
		query, err = req.Marshal()
		if err != nil {
			t.Error(err)
			return
		}
		w.Header().Set("Content-Type", "application/timestamp-reply")
		_, _ = w.Write(opensslReply(t, dir, query))
	}))
	defer deaf.Close()
	if _, err := timestamp.RequestUnder(context.Background(), http.DefaultClient, deaf.URL, someDigest(), second); !errors.Is(err, timestamp.ErrPolicy) {
		t.Errorf("another policy than asked for: %v", err)
	}
}

func TestOffset(t *testing.T) {
	sent := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	r := timestamp.Response{Sent: sent, Received: sent.Add(200 * time.Millisecond)}
	r.GenTime = sent.Add(-5 * time.Second)
	if offset, uncertainty := r.Offset(); offset != -5100*time.Millisecond || uncertainty != 1100*time.Millisecond {
		t.Errorf("without accuracy: %s, %s", offset, uncertainty)
	}
	r.Accuracy = 10 * time.Millisecond
	if _, uncertainty := r.Offset(); uncertainty != 110*time.Millisecond {
		t.Errorf("with accuracy: %s", uncertainty)
	}
}

func TestRequestRefuses(t *testing.T) {
	a := newAuthority(t, timestamp.AuthorityOptions{})
	old := stamp(t, a) // right in everything but the nonce
	rejection, err := a.Timestamp([]byte("nonsense"))
	if err != nil {
		t.Fatal(err)
	}
	reply := func(body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/timestamp-reply")
			_, _ = w.Write(body)
		}
	}
	is := func(want error) func(error) bool { return func(err error) bool { return errors.Is(err, want) } }
	answer := func(status, media string) func(error) bool {
		return func(err error) bool {
			var e *timestamp.AnswerError
			return errors.As(err, &e) && strings.HasPrefix(e.Status, status) && strings.HasPrefix(e.ContentType, media)
		}
	}
	for _, c := range []struct {
		name   string
		server http.HandlerFunc
		want   func(error) bool
	}{
		{"an old answer", reply(old), is(timestamp.ErrNonce)},
		{"an answer for other data", func(w http.ResponseWriter, r *http.Request) {
			query, _ := io.ReadAll(r.Body)
			digest := someDigest()
			query[bytes.Index(query, digest[:])] ^= 1
			tsr, _ := a.Timestamp(query)
			reply(tsr)(w, r)
		}, is(timestamp.ErrOtherData)},
		{"a truncated answer", reply(old[:500]), is(timestamp.ErrMalformed)},
		{"a very long answer", reply(make([]byte, 3<<20)), is(timestamp.ErrMalformed)},
		{"an empty answer", reply(nil), is(timestamp.ErrMalformed)},
		{"a rejection", reply(rejection), func(err error) bool {
			var e *timestamp.RejectedError
			return errors.As(err, &e) && e.Status == 2
		}},
		{"HTTP 500", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/timestamp-reply")
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = w.Write(old)
		}, answer("500", "application/timestamp-reply")},
		{"an HTML page", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = io.WriteString(w, "<html>log in first</html>")
		}, answer("200", "text/html")},
		{"no content type", func(w http.ResponseWriter, r *http.Request) { w.Header()["Content-Type"] = nil }, answer("200", "")},
		{"a connection cut", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/timestamp-reply")
			w.Header().Set("Content-Length", "5000")
			_, _ = w.Write(old[:100])
		}, is(io.ErrUnexpectedEOF)},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(c.server)
			defer server.Close()
			_, err := timestamp.Request(context.Background(), server.Client(), server.URL, someDigest())
			if !c.want(err) {
				t.Errorf("got %v", err)
			}
			if err != nil && !strings.Contains(err.Error(), server.URL) {
				t.Errorf("the error does not name the authority: %v", err)
			}
		})
	}
}

// A server that takes the connection and says nothing: the caller's context ends the wait.
func TestRequestOfASilentServer(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	ctx, cancel := context.WithCancelCause(context.Background())
	go func() {
		conn, err := silent.Accept()
		if err == nil {
			_, _ = conn.Read(make([]byte, 1)) // the query has arrived
			cancel(context.DeadlineExceeded)
		}
	}()
	_, err = timestamp.Request(ctx, http.DefaultClient, "http://"+silent.Addr().String(), someDigest())
	if !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	short, stop := context.WithTimeout(context.Background(), time.Millisecond)
	defer stop()
	_, err = timestamp.Request(short, http.DefaultClient, "http://"+silent.Addr().String(), someDigest())
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("time-out: %v", err)
	}
}

func TestRequestHidesThePassword(t *testing.T) {
	_, err := timestamp.Request(context.Background(), http.DefaultClient, "http://me:sesame@127.0.0.1:1/tsr", someDigest())
	if err == nil || strings.Contains(err.Error(), "sesame") {
		t.Errorf("got %v", err)
	}
	for _, address := range []string{"", "tsa.example", "ftp://tsa.example", "http://", "http://[::1"} {
		_, err := timestamp.Request(context.Background(), http.DefaultClient, address, someDigest())
		if err == nil || !strings.Contains(err.Error(), "address like") {
			t.Errorf("%q: %v", address, err)
		}
	}
}
