package ahead_test

import (
	"errors"
	"iter"
	"testing"

	"github.com/mbaudit/mbaudit/internal/ahead"
)

// count gives 0 to n-1 and then an error, and says in ended that it was left.
func count(n int, last error, ended *bool) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		defer func() { *ended = true }()
		for i := range n {
			if !yield(i, nil) {
				return
			}
		}
		if last != nil {
			yield(0, last)
		}
	}
}

// TestOrder: all elements come in their order, and the error behind them.
func TestOrder(t *testing.T) {
	broken := errors.New("broken")
	for _, n := range []int{0, 1, 255, 256, 257, 10_000} {
		ended, next := false, 0
		var got error
		for i, err := range ahead.Of(count(n, broken, &ended)) {
			if err != nil {
				got = err
				continue
			}
			if i != next {
				t.Fatalf("%d is where %d belongs", i, next)
			}
			next++
		}
		if next != n || got != broken || !ended {
			t.Errorf("%d of %d elements, error %v, ended %t", next, n, got, ended)
		}
	}
}

// TestLeft: who leaves the loop leaves nothing running.
func TestLeft(t *testing.T) {
	for _, at := range []int{0, 300, 9_999} {
		ended := false
		for i := range ahead.Of(count(10_000, nil, &ended)) {
			if i == at {
				break
			}
		}
		if !ended {
			t.Errorf("left at %d, the sequence goes on", at)
		}
	}
}
