package evidence

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"
)

// TestReread reads back what a Writer holds while it is written: sealed segments and the open one, in clear and encrypted, of
// this run and of one before, and goes on writing.
func TestReread(t *testing.T) {
	for _, recipients := range [][]string{nil, {newRecipient(t).Recipient().String()}} {
		config := WriterConfig{SegmentSize: 30 << 10}
		w := encryptedBundle(t, config, recipients...)
		dir := w.Dir()
		want := map[string][]byte{}
		for n := 1; n <= 9; n++ {
			if n == 6 {
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				var err error
				if w, err = Resume(dir, config); err != nil {
					t.Fatal(err)
				}
			}
			x, body := message(n, 9000)
			want[x.Item] = body
			put(t, w, n, 9000)
			if n%3 == 0 {
				if err := w.Gap(Gap{Account: x.Account, Collector: "imap", Resource: "examine", Class: GapFailed, Reason: "it broke", At: time.Now()}); err != nil {
					t.Fatal(err)
				}
			}
			checkReread(t, w, want, n/3)
		}
		if w.Counts().Segments < 2 {
			t.Fatalf("%d segments are sealed", w.Counts().Segments)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		for _, err := range w.Records() {
			if !errors.Is(err, ErrStorage) {
				t.Errorf("after Close: %v", err)
			}
		}
	}
}

func checkReread(t *testing.T, w *Writer, want map[string][]byte, gaps int) {
	t.Helper()
	exhibits, next := 0, int64(1)
	for r, err := range w.Records() {
		if err != nil {
			t.Fatal(err)
		}
		if r.N != next {
			t.Fatalf("record %d comes where %d should", r.N, next)
		}
		next++
		if r.Gap != nil {
			gaps--
			continue
		}
		exhibits++
		body, err := w.Body(r.Exhibit)
		if err != nil {
			t.Fatal(err)
		}
		if data, err := io.ReadAll(body); err != nil || !bytes.Equal(data, want[r.Exhibit.Item]) {
			t.Fatalf("%s is not what was put: %v", r.ID(), err)
		}
	}
	if exhibits != len(want) || gaps != 0 {
		t.Fatalf("%d exhibits of %d, %d gaps too few", exhibits, len(want), gaps)
	}
}

// TestRereadChecks gives no bytes that are not those of the line.
func TestRereadChecks(t *testing.T) {
	w := newBundle(t, newIdentity(t), WriterConfig{})
	put(t, w, 1, 900)
	for r, err := range w.Records() {
		if err != nil {
			t.Fatal(err)
		}
		x := *r.Exhibit
		x.SHA256[0] ^= 1
		if _, err := w.Body(&x); err == nil {
			t.Error("other bytes were given")
		}
		x.Size = rereadAtMost + 1
		if _, err := w.Body(&x); err == nil {
			t.Error("a body of any size was read into memory")
		}
	}
	put(t, w, 2, 900)
}
