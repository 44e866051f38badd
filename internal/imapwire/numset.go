package imapwire

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxSet is how many numbers a set from a server may stand for. A mailbox of that size is beyond what is collected in
// one piece, and "1:4294967295" must not take 16 GiB.
const maxSet = 16 << 20

// ParseSet returns the numbers of a sequence set without "*" (RFC 9051 section 9, sequence-set) in rising order, each
// once.
func ParseSet(set string) ([]uint32, error) {
	var nums []uint32
	for part := range strings.SplitSeq(set, ",") {
		lo, hi, isRange := strings.Cut(part, ":")
		first, ok := parseNumber([]byte(lo))
		last := first
		if isRange && ok {
			last, ok = parseNumber([]byte(hi))
		}
		if !ok {
			return nil, fmt.Errorf("%.40q is no set of numbers", part)
		}
		if first > last {
			first, last = last, first
		}
		if uint64(len(nums))+uint64(last)-uint64(first) >= maxSet {
			return nil, &LimitError{What: "set", Size: fmt.Sprint(uint64(last) - uint64(first)), Limit: maxSet}
		}
		for n := uint64(first); n <= uint64(last); n++ {
			nums = append(nums, uint32(n))
		}
	}
	slices.Sort(nums)
	return slices.Compact(nums), nil
}

// AppendRange appends "first" or "first:last" to a set.
func AppendRange(set []byte, first, last uint32) []byte {
	if len(set) > 0 {
		set = append(set, ',')
	}
	set = strconv.AppendUint(set, uint64(first), 10)
	if last != first {
		set = append(set, ':')
		set = strconv.AppendUint(set, uint64(last), 10)
	}
	return set
}
