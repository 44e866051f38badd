package evidence

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
)

// An itemSet remembers which items of a resource are in the bundle. Items that end in a number ("3857529045/42", a
// UIDVALIDITY and a UID) are kept as ranges, so that a mailbox read in order costs the same memory at any size.
type itemSet struct {
	ranges map[string][]span // by what stands before the number
	others map[textKey]struct{}
	whole  bool // the item "": most resources have no other, and need no map
}

// A textKey stands for a text of any length in a set: the first half of its SHA-256, of which nobody finds two texts with the
// same.
type textKey [16]byte

func keyOf(text string) textKey {
	sum := sha256.Sum256([]byte(text))
	return textKey(sum[:16])
}

// A span is the numbers from lo to hi, both included.
type span struct{ lo, hi uint64 }

// add puts an item into the set and says whether it was not there before.
func (s *itemSet) add(item string) bool {
	if item == "" {
		isNew := !s.whole
		s.whole = true
		return isNew
	}
	prefix, n, numbered := splitItem(item)
	if !numbered {
		key := keyOf(item)
		if _, there := s.others[key]; there {
			return false
		}
		if s.others == nil {
			s.others = make(map[textKey]struct{})
		}
		s.others[key] = struct{}{}
		return true
	}
	spans := s.ranges[prefix]
	i, there := find(spans, n)
	if there {
		return false
	}
	joinsLeft := i > 0 && spans[i-1].hi+1 == n
	joinsRight := i < len(spans) && n+1 == spans[i].lo
	switch {
	case joinsLeft && joinsRight:
		spans[i-1].hi = spans[i].hi
		spans = slices.Delete(spans, i, i+1)
	case joinsLeft:
		spans[i-1].hi = n
	case joinsRight:
		spans[i].lo = n
	default:
		spans = slices.Insert(spans, i, span{n, n})
	}
	if s.ranges == nil {
		s.ranges = make(map[string][]span)
	}
	s.ranges[prefix] = spans
	return true
}

// has says whether the item is in the set.
func (s *itemSet) has(item string) bool {
	if item == "" {
		return s.whole
	}
	prefix, n, numbered := splitItem(item)
	if !numbered {
		_, there := s.others[keyOf(item)]
		return there
	}
	_, there := find(s.ranges[prefix], n)
	return there
}

// append writes the set for a ledger's file.
func (s *itemSet) append(b []byte) []byte {
	b = appendBit(b, s.whole)
	b = appendNumber(b, len(s.ranges))
	for prefix, spans := range s.ranges {
		b = appendNumber(appendText(b, prefix), len(spans))
		for _, span := range spans {
			b = binary.AppendUvarint(binary.AppendUvarint(b, span.lo), span.hi)
		}
	}
	b = appendNumber(b, len(s.others))
	for key := range s.others {
		b = append(b, key[:]...)
	}
	return b
}

// read reads a set out of a ledger's file.
func (s *itemSet) read(r *ledgerReader) {
	s.whole = r.bit()
	if n := r.number(); n > 0 {
		s.ranges = make(map[string][]span, n)
		for range n {
			prefix := r.text()
			spans := make([]span, r.number())
			for i := range spans {
				spans[i] = span{lo: r.unsigned(), hi: r.unsigned()}
			}
			s.ranges[prefix] = spans
		}
	}
	if n := r.number(); n > 0 {
		s.others = make(map[textKey]struct{}, n)
		for range n {
			s.others[textKey(r.bytes(len(textKey{})))] = struct{}{}
		}
	}
}

// find returns the index of the span that holds n, or of the first one after n.
func find(spans []span, n uint64) (int, bool) {
	return slices.BinarySearchFunc(spans, n, func(s span, n uint64) int {
		switch {
		case s.hi < n:
			return -1
		case s.lo > n:
			return 1
		}
		return 0
	})
}

// splitItem takes the number off the end of an item. Only the way strconv prints a number counts as one, so that
// "7" and "07" stay different items.
func splitItem(item string) (prefix string, n uint64, numbered bool) {
	cut := strings.LastIndexByte(item, '/') + 1
	n, err := strconv.ParseUint(item[cut:], 10, 63)
	if err != nil || strconv.FormatUint(n, 10) != item[cut:] {
		return "", 0, false
	}
	return item[:cut], n, true
}
