package ahead

import (
	"iter"
	"sync"
)

// Map gives f of each element of seq, in seq's order. seq runs in a goroutine of its own, and at most workers calls of f at a time
// in others; one element beyond these waits. An error comes in its place, without a call of f. When the
// loop over it ends, seq has ended and no call of f goes on. f must be safe for that, and so must the elements be for seq.
func Map[T, R any](seq iter.Seq2[T, error], workers int, f func(T) R) iter.Seq2[R, error] {
	workers = max(workers, 1)
	return func(yield func(R, error) bool) {
		turns, stop := make(chan turn[R], workers-1), make(chan struct{})
		go func() {
			var running sync.WaitGroup
			defer close(turns)
			defer running.Wait()
			room := make(chan struct{}, workers)
			for value, err := range seq {
				t := turn[R]{err: err}
				if err == nil {
					select {
					case room <- struct{}{}:
					case <-stop:
						return
					}
					t.made = make(chan R, 1)
					running.Go(func() {
						t.made <- f(value)
						<-room
					})
				}
				select {
				case turns <- t:
				case <-stop:
					return
				}
			}
		}()
		defer func() {
			close(stop)
			for range turns { // until seq and every call of f have ended
			}
		}()
		for t := range turns {
			var result R
			if t.err == nil {
				result = <-t.made
			}
			if !yield(result, t.err) {
				return
			}
		}
	}
}

// A turn is an element's place in the order: what f makes of it, or why there is none.
type turn[R any] struct {
	made chan R
	err  error
}
