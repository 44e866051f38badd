package workspace_test

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/fakegoogle"
)

// A stopping sink ends the collection after some pages of logs.
type stopping struct {
	*evidence.Writer
	left   atomic.Int64
	cancel context.CancelFunc
}

func (s *stopping) Put(ex evidence.Exhibit, body io.Reader) (evidence.Digest, error) {
	d, err := s.Writer.Put(ex, body)
	if s.left.Add(-1) == 0 {
		s.cancel()
	}
	return d, err
}

// TestLogsResumedInABundle stops a real bundle, encrypted and in small segments, again and again, and reads its pages back.
func TestLogsResumedInABundle(t *testing.T) {
	g, clock := newLogRig(t, fakegoogle.Config{Lag: func(string) time.Duration { return 0 }}, 40)
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "01J00000000000000000000000")
	config := evidence.WriterConfig{SegmentSize: 64 << 10}
	w, err := evidence.Create(dir, evidence.Opening{Bundle: filepath.Base(dir), Accounts: []string{fakegoogle.Victim}, Recipients: []string{key.Recipient().String()},
		Signer: "SHA256:none", CreatedAt: time.Now().UTC()}, config)
	if err != nil {
		t.Fatal(err)
	}
	runs := 0
	for ; ; runs++ {
		ctx, cancel := context.WithCancel(t.Context())
		c, err := workspace.New(g.config)
		if err != nil {
			t.Fatal(err)
		}
		sink := &stopping{Writer: w, cancel: cancel}
		sink.left.Store(25)
		if err = c.Collect(ctx, collectors.Scope{Account: fakegoogle.Victim}, sink); err == nil {
			err = c.Tenant().Collect(ctx, collectors.Scope{Account: tenantRow}, sink)
		}
		cancel()
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if w, err = evidence.Resume(dir, config); err != nil {
			t.Fatal(err)
		}
		clock.Advance(time.Second)
	}
	if counts := w.Counts(); runs < 4 || counts.Gaps > 0 || counts.Segments < 4 {
		t.Fatalf("%d runs, %+v", runs, counts)
	}
	again, err := workspace.NewAgain("01J", time.Now(), w)
	if err != nil {
		t.Fatal(err)
	}
	if late := again.To.Sub(fakegoogle.Start()); late < 0 || late >= time.Duration(runs)*time.Second || again.To.Sub(again.From) != 180*24*time.Hour {
		t.Errorf("the window is %s to %s", again.From, again.To)
	}
	g.config.Again = again
	c, err := workspace.New(g.config)
	if err != nil {
		t.Fatal(err)
	}
	reports, err := c.Compare(w) // with itself
	if err != nil || len(reports) != 2 {
		t.Fatal(err, len(reports))
	}
	for _, report := range reports {
		for _, one := range report.Applications {
			shown, _ := g.tenant.Activities(one.Application, map[bool]string{true: "all", false: fakegoogle.Victim}[report.Account == tenantRow], again.From, again.To)
			if one.Now != len(shown) || one.Same != one.Now || one.Earlier != one.Now {
				t.Errorf("%s %s: %+v, the tenant has %d", report.Account, one.Application, one, len(shown))
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
