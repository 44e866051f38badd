package workspace_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
	"github.com/mbaudit/mbaudit/internal/secret"
)

// A largeMailbox answers for a mailbox of any size, without a network.
type largeMailbox int

func (n largeMailbox) RoundTrip(req *http.Request) (*http.Response, error) {
	status, body := http.StatusOK, "{}"
	id, isMessage := strings.CutPrefix(req.URL.Path, "/gmail/v1/users/alice@example.test/messages/")
	switch {
	case req.URL.Path == "/token":
		body = `{"access_token":"ya29.x","expires_in":3599,"token_type":"Bearer"}`
	case isMessage:
		body = `{"id":"` + id + `","threadId":"1","internalDate":"1760000000000","payload":{"headers":[{"name":"Subject","value":"x"}]}}`
	case strings.HasSuffix(req.URL.Path, "/messages"):
		body = n.page(req.URL.Query().Get("pageToken"))
	case strings.HasSuffix(req.URL.Path, "/history"):
		body = `{"historyId":"2"}`
	case strings.HasSuffix(req.URL.Path, "/profile"):
		body = `{"historyId":"2"}`
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
}

func (n largeMailbox) page(token string) string {
	from, _ := strconv.Atoi(token)
	var b bytes.Buffer
	b.WriteString(`{"messages":[`)
	to := min(from+500, int(n))
	for i := from; i < to; i++ {
		if i > from {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":"%x","threadId":"1"}`, uint64(0x18c0000000000000)+uint64(i))
	}
	b.WriteByte(']')
	if to < int(n) {
		fmt.Fprintf(&b, `,"nextPageToken":"%d"`, to)
	}
	b.WriteByte('}')
	return b.String()
}

// A forgetful sink counts messages and measures memory halfway through them.
type forgetful struct {
	mu       sync.Mutex
	messages int
	half     int
	heap     uint64
}

func (s *forgetful) Put(ex evidence.Exhibit, body io.Reader) (evidence.Digest, error) {
	_, err := io.Copy(io.Discard, body)
	s.mu.Lock()
	defer s.mu.Unlock()
	if ex.Resource == "gmail/messages" {
		if s.messages++; s.messages == s.half {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			s.heap = m.HeapAlloc
		}
	}
	return evidence.Digest{}, err
}

func (s *forgetful) Gap(evidence.Gap) error               { return nil }
func (s *forgetful) Expect(evidence.Expectation) error    { return nil }
func (s *forgetful) Has(account, resource, _ string) bool { return false }

// TestMemoryIsFlat: of a message no more than its id is remembered, in eight bytes, of which append may hold twice as many.
func TestMemoryIsFlat(t *testing.T) {
	server := fakegoogle.New(fakegoogle.Config{}).Start(t)
	key, err := server.KeyFile(googleTokens)
	if err != nil {
		t.Fatal(err)
	}
	quota, err := workspace.ParseQuota("1000") // nothing waits here, and no clock goes on: what is asked for would pile up in the future
	if err != nil {
		t.Fatal(err)
	}
	heap := func(n int) uint64 {
		c, err := workspace.New(workspace.Config{Key: secret.New(string(key)), Admin: fakegoogle.Admin, Transport: largeMailbox(n), Quota: quota,
			Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }})
		if err != nil {
			t.Fatal(err)
		}
		sink := &forgetful{half: n / 2}
		if err := c.Collect(t.Context(), collectors.Scope{Account: fakegoogle.Victim, Messages: metadata}, sink); err != nil {
			t.Fatal(err)
		}
		if sink.messages != n {
			t.Fatalf("%d messages, want %d", sink.messages, n)
		}
		return sink.heap
	}
	const few, many = 5_000, 55_000
	small, large := heap(few), heap(many)
	if most := small + 2*8*(many-few) + 1<<19; large > most {
		t.Errorf("%d messages take %d KiB, %d take %d KiB, want at most %d KiB", few, small>>10, many, large>>10, most>>10)
	}
	t.Logf("%d messages: %d KiB; %d messages: %d KiB", few, small>>10, many, large>>10)
}
