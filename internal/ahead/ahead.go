package ahead

import "iter"

// How many elements go over at once, and how many such batches wait.
const (
	batch   = 64
	waiting = 2
)

// Of gives what seq gives, in the same order, and runs seq in a goroutine that is a bounded number of elements ahead. When the loop
// over it ends, seq has ended, too. The elements must not share what seq goes on to change.
func Of[T any](seq iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		type element struct {
			value T
			err   error
		}
		batches, stop := make(chan []element, waiting), make(chan struct{})
		go func() {
			defer close(batches)
			full := make([]element, 0, batch)
			for value, err := range seq {
				if full = append(full, element{value, err}); len(full) < batch {
					continue
				}
				select {
				case batches <- full:
					full = make([]element, 0, batch)
				case <-stop:
					return
				}
			}
			select {
			case batches <- full:
			case <-stop:
			}
		}()
		defer func() {
			close(stop)
			for range batches { // until seq has ended
			}
		}()
		for elements := range batches {
			for _, e := range elements {
				if !yield(e.value, e.err) {
					return
				}
			}
		}
	}
}
