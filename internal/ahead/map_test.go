package ahead_test

import (
	"errors"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/mbaudit/mbaudit/internal/ahead"
)

// TestMapOrder: what f makes comes in the order of the elements, however long each takes, and an error in its place.
func TestMapOrder(t *testing.T) {
	broken := errors.New("broken")
	for _, workers := range []int{0, 1, 3, 16} {
		for _, n := range []int{0, 1, 2, 1_000} {
			ended, next := false, 0
			var got error
			uneven := func(i int) int {
				for range i % 7 * 3 {
					runtime.Gosched()
				}
				return i * i
			}
			for square, err := range ahead.Map(count(n, broken, &ended), workers, uneven) {
				if err != nil {
					got = err
					continue
				}
				if square != next*next || got != nil {
					t.Fatalf("%d workers: %d is where %d belongs; error %v", workers, square, next*next, got)
				}
				next++
			}
			if next != n || got != broken || !ended {
				t.Errorf("%d workers: %d of %d elements, error %v, ended %t", workers, next, n, got, ended)
			}
		}
	}
}

// TestMapBounded: no more calls of f go on at once than were allowed, and no more elements are taken ahead than was said.
func TestMapBounded(t *testing.T) {
	const workers = 3
	var running, most, taken atomic.Int64
	source := func(yield func(int, error) bool) {
		for i := range 500 {
			taken.Add(1)
			if !yield(i, nil) {
				return
			}
		}
	}
	used := int64(0)
	for range ahead.Map(source, workers, func(int) int {
		now := running.Add(1)
		defer running.Add(-1)
		for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
		}
		runtime.Gosched()
		return 0
	}) {
		// One is used here, one less than workers wait in order, one waits to be put there and one for room.
		if used++; taken.Load()-used > workers+1 {
			t.Fatalf("%d elements were taken when %d were used", taken.Load(), used)
		}
	}
	if most.Load() > workers || used != 500 {
		t.Errorf("%d calls at once of %d, %d elements", most.Load(), workers, used)
	}
}

// TestMapLeft: who leaves the loop leaves nothing running, neither the sequence nor a call.
func TestMapLeft(t *testing.T) {
	for _, at := range []int{0, 300, 9_999} {
		ended := false
		var running atomic.Int64
		for i := range ahead.Map(count(10_000, nil, &ended), 4, func(i int) int {
			running.Add(1)
			defer running.Add(-1)
			runtime.Gosched()
			return i
		}) {
			if i == at {
				break
			}
		}
		if !ended || running.Load() != 0 {
			t.Errorf("left at %d, the sequence has ended: %t; %d calls go on", at, ended, running.Load())
		}
	}
}

// TestMapFails: an error in the middle comes behind what was before it, and the loop may end there.
func TestMapFails(t *testing.T) {
	broken := errors.New("broken")
	var got []int
	for i, err := range ahead.Map(func(yield func(int, error) bool) {
		_ = yield(1, nil) && yield(2, nil) && yield(0, broken) && yield(3, nil)
	}, 2, func(i int) int { return -i }) {
		if err != nil {
			if err != broken {
				t.Error(err)
			}
			break
		}
		got = append(got, i)
	}
	if len(got) != 2 || got[0] != -1 || got[1] != -2 {
		t.Errorf("%v came before the error", got)
	}
}
