package collectortest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/evidence"
)

// A Source is one seeded mail system and a collector for it.
type Source struct {
	Collector collectors.Collector
	Scope     collectors.Scope // with Messages raw

	// Messages are the bytes of each seeded message in scope, in any order, with repetitions if there are.
	Messages [][]byte

	// Snapshot returns, as text, all that must be the same afterwards: messages, flags, counters. nil where the
	// source is not a real server.
	Snapshot func(t testing.TB) string
}

// A Harness makes sources. Each call makes a new one; they clean up after themselves by t.Cleanup.
type Harness struct {
	// Healthy is a source that answers everything. It holds at least three messages.
	Healthy func(t *testing.T) Source

	// Refusing refuses at least one message in the middle and answers all else. May be nil.
	Refusing func(t *testing.T) Source

	// Stalling falls silent in the middle, each time that it is asked; the collector's own deadlines are short. May
	// be nil.
	Stalling func(t *testing.T) Source
}

// patience is how long a test waits before it says that a collector hangs.
const patience = time.Minute

// Run holds a collector to its promises.
func Run(t *testing.T, h Harness) {
	t.Run("every message once and unchanged, the source too", func(t *testing.T) { healthy(t, h.Healthy(t)) })
	t.Run("cancelled in the middle, then taken up again", func(t *testing.T) { cancelled(t, h.Healthy(t)) })
	t.Run("a full sink ends it", func(t *testing.T) { full(t, h.Healthy(t)) })
	if h.Refusing != nil {
		t.Run("a refusal is a gap", func(t *testing.T) { refusing(t, h.Refusing(t)) })
	}
	if h.Stalling != nil {
		t.Run("a time-out is not silence", func(t *testing.T) { stalling(t, h.Stalling(t)) })
	}
}

func healthy(t *testing.T, src Source) {
	before := snapshot(t, src)
	sink := &Sink{}
	if err := collect(t, t.Context(), src, sink); err != nil {
		t.Fatalf("collecting: %v", err)
	}
	CheckMessages(t, sink, src.Messages)
	CheckSink(t, sink)
	if gaps := sink.Gaps(); len(gaps) > 0 {
		t.Errorf("a source that answers everything has gaps: %+v", gaps)
	}
	n := len(sink.Kept())
	if err := collect(t, t.Context(), src, sink); err != nil {
		t.Fatalf("collecting again: %v", err)
	}
	if again := len(sink.Kept()); again != n {
		t.Errorf("collecting again into the same sink put %d more exhibits", again-n)
	}
	CheckSink(t, sink)
	if after := snapshot(t, src); after != before {
		t.Errorf("the source changed.\nbefore:\n%s\nafter:\n%s", before, after)
	}
}

func cancelled(t *testing.T, src Source) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	sink := &Sink{}
	seen := 0
	sink.BeforePut = func(ex evidence.Exhibit) error {
		if ex.MediaType == "message/rfc822" {
			if seen++; seen == 2 {
				cancel()
			}
		}
		return nil
	}
	if err := collect(t, ctx, src, sink); !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled in the middle, Collect returned %v, want an error that is context.Canceled", err)
	}
	if n := len(sink.Messages()); n >= len(src.Messages) {
		t.Fatalf("all %d messages came although the collection was cancelled", n)
	}
	sink.BeforePut = nil
	if err := collect(t, t.Context(), src, sink); err != nil {
		t.Fatalf("taking it up again: %v", err)
	}
	CheckMessages(t, sink, src.Messages)
	CheckSink(t, sink)
}

func full(t *testing.T, src Source) {
	sink := &Sink{}
	seen := 0
	sink.BeforePut = func(ex evidence.Exhibit) error {
		if ex.MediaType == "message/rfc822" {
			if seen++; seen >= 2 {
				return evidence.ErrStorage
			}
		}
		return nil
	}
	if err := collect(t, t.Context(), src, sink); !errors.Is(err, evidence.ErrStorage) {
		t.Errorf("with a sink that takes nothing more, Collect returned %v, want evidence.ErrStorage", err)
	}
	if seen > 2 {
		t.Errorf("the collector put %d more messages after the sink took nothing more", seen-2)
	}
}

func refusing(t *testing.T, src Source) {
	sink := &Sink{}
	if err := collect(t, t.Context(), src, sink); err != nil {
		t.Fatalf("one refusal ended the collection: %v", err)
	}
	CheckSink(t, sink)
	refused := 0
	for _, g := range sink.Gaps() {
		if g.Class == evidence.GapRefused && g.Item != "" {
			refused++
		}
	}
	if refused == 0 {
		t.Errorf("no gap says that a message was refused: %+v", sink.Gaps())
	}
	if got := len(sink.Messages()); got != len(src.Messages)-refused {
		t.Errorf("%d messages came and %d were refused, of %d", got, refused, len(src.Messages))
	}
}

func stalling(t *testing.T, src Source) {
	sink := &Sink{}
	err := collect(t, t.Context(), src, sink)
	if err == nil && len(sink.Gaps()) == 0 {
		t.Error("the source fell silent, and neither an error nor a gap says so")
	}
	if err == nil {
		CheckSink(t, sink)
	}
	if got := len(sink.Messages()); got >= len(src.Messages) {
		t.Errorf("all %d messages came from a source that falls silent: the test tests nothing", got)
	}
	for _, p := range sink.Problems() {
		t.Error(p)
	}
}

func snapshot(t *testing.T, src Source) string {
	if src.Snapshot == nil {
		return ""
	}
	return src.Snapshot(t)
}

func collect(t *testing.T, ctx context.Context, src Source, sink collectors.Sink) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- src.Collector.Collect(ctx, src.Scope, sink) }()
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		t.Fatalf("Collect did not return within %v", patience)
		return nil
	}
}

// CheckMessages fails t unless sink holds exactly the given messages, each as often as it is given, byte for byte.
func CheckMessages(t testing.TB, sink *Sink, want [][]byte) {
	t.Helper()
	count := map[string]int{}
	for _, m := range want {
		count[string(m)]++
	}
	messages := sink.Messages()
	for _, k := range messages {
		if count[string(k.Body)]--; count[string(k.Body)] < 0 {
			t.Errorf("%s is not one of the seeded messages, or came too often: %.80q", k.Name, k.Body)
		}
	}
	for m, n := range count {
		if n > 0 {
			t.Errorf("a message came %d times too few: %.80q", n, m)
		}
	}
	if len(messages) != len(want) {
		t.Errorf("%d messages came, want %d", len(messages), len(want))
	}
}

// CheckSink fails t if something was wrong with what sink was given, or if more was announced than came or was named
// in a gap.
func CheckSink(t testing.TB, sink *Sink) {
	t.Helper()
	for _, p := range slices.Concat(sink.Problems(), sink.Silence()) {
		t.Error(p)
	}
}
