package evidence

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/mbaudit/mbaudit/evidence/signature"
)

var errFault = errors.New("input/output error")

// A faultyDisk fails the n-th change, and with dead all later ones too, as for a process that was killed there.
type faultyDisk struct {
	mu    sync.Mutex
	n     int
	dead  bool
	count int
	where string // what the failed change was
}

func (f *faultyDisk) fault(op, path string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	if f.count == f.n || f.dead && f.count > f.n {
		if f.where == "" {
			f.where = op + " " + filepath.Base(path)
		}
		return errFault
	}
	return nil
}

// faultMessages are enough for several segments.
const faultMessages = 12

// fill puts the messages that the bundle does not have, and seals.
func fill(w *Writer, id *signature.Identity) error {
	for n := 1; n <= faultMessages; n++ {
		ex, body := message(n, 9000)
		if w.Has(ex.Account, ex.Resource, ex.Item) {
			continue
		}
		if _, err := w.Put(ex, bytes.NewReader(body)); err != nil {
			return err
		}
	}
	for _, account := range []string{"alice@example.test", "bob@example.test", "carol@example.test", "alice@example.test"} {
		if err := w.Gap(Gap{Account: account, Collector: "imap", Resource: "acl", Class: GapRefused, Reason: "NO"}); err != nil {
			return err
		}
	}
	_, err := w.Seal(SealConfig{Identity: id, Principal: "operator@example.test", Journal: strings.NewReader("{}\n")})
	return err
}

// TestEveryDiskFault fails each change to the disk in turn, once by itself and once with all that follow it. Every time
// the failure is reported as one of the bundle, and resuming gives a whole bundle with each message once.
func TestEveryDiskFault(t *testing.T) {
	for _, dead := range []bool{false, true} {
		name := map[bool]string{false: "one change fails", true: "all changes fail from there on"}[dead]
		t.Run(name, func(t *testing.T) {
			n, resumed := 1, 0
			for ; ; n++ {
				disk := &faultyDisk{n: n, dead: dead}
				if !runWithFault(t, disk, &resumed) {
					break
				}
				if t.Failed() {
					t.Fatalf("with change %d failing: %s", n, disk.where)
				}
			}
			t.Logf("%d changes failed in turn, %d bundles resumed, all verified", n-1, resumed)
		})
	}
}

// runWithFault says whether the fault was met.
func runWithFault(t *testing.T, faulty *faultyDisk, resumed *int) bool {
	t.Helper()
	id := newIdentity(t)
	dir := filepath.Join(t.TempDir(), testBundle)
	config := WriterConfig{SegmentSize: 30 << 10, accounts: 1} // so that its ledger is a file
	failing := config
	failing.disk = disk{faulty.fault}
	w, err := Create(dir, testOpening(id), failing)
	if err == nil {
		err = fill(w, id)
		closing := w.Close()
		if err == nil {
			err = closing
		}
	}
	if faulty.where == "" {
		if err != nil {
			t.Fatalf("without a fault: %v", err)
		}
		return false
	}
	if err != nil && !errors.Is(err, errFault) {
		t.Errorf("the error does not say what happened: %v", err)
	}
	finish(t, dir, id, config, resumed)
	return true
}

// finish goes on with whatever a failed run has left, and wants a whole bundle at the end.
func finish(t *testing.T, dir string, id *signature.Identity, config WriterConfig, resumed *int) {
	t.Helper()
	_, sealed, err := ReadOpening(dir)
	switch {
	case err != nil:
		return // it had not begun yet: nothing was kept, and nothing is said to be
	case sealed:
		if err := Sign(dir, id, "operator@example.test"); err != nil {
			t.Error(err)
			return
		}
	default:
		*resumed++
		w, err := Resume(dir, config)
		if err != nil {
			t.Errorf("resuming: %v", err)
			return
		}
		defer w.Close()
		if err := fill(w, id); err != nil {
			t.Errorf("going on: %v", err)
			return
		}
	}
	wantIntact(t, dir)
	if got := readBack(t, dir); len(got) != faultMessages {
		t.Errorf("%d messages in the bundle, %d were put", len(got), faultMessages)
	}
}

// TestPowerLoss cuts one file that was still being written at a random place, as a power loss can: at most that segment's
// tail is read again.
func TestPowerLoss(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	resumed := 0
	for range 60 {
		id := newIdentity(t)
		dir := filepath.Join(t.TempDir(), testBundle)
		config := WriterConfig{SegmentSize: 30 << 10}
		w, err := Create(dir, testOpening(id), config)
		if err != nil {
			t.Fatal(err)
		}
		for n := 1; n <= 1+random.IntN(faultMessages); n++ {
			put(t, w, n, 9000)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		var open []string
		for name, err := range Dir(dir).Names(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(name, partSuffix) || strings.HasPrefix(name, "data/logs/") {
				open = append(open, name)
			}
		}
		cutFile := filepath.Join(dir, open[random.IntN(len(open))])
		info, err := os.Stat(cutFile)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(cutFile, random.Int64N(info.Size()+1)); err != nil {
			t.Fatal(err)
		}
		finish(t, dir, id, config, &resumed)
		if t.Failed() {
			t.Fatalf("with %s cut", cutFile)
		}
	}
	t.Logf("%d bundles resumed after a cut, all verified", resumed)
}

// TestOneWriterAtATime: a second run on the same bundle is refused, and the first goes on undisturbed.
func TestOneWriterAtATime(t *testing.T) {
	id := newIdentity(t)
	w := newBundle(t, id, WriterConfig{})
	put(t, w, 1, 100)
	if _, err := Resume(w.Dir(), WriterConfig{}); !errors.Is(err, errInUse) {
		t.Errorf("a second writer: %v", err)
	}
	put(t, w, 2, 100)
	seal(t, w, id)
	wantIntact(t, w.Dir())
}
