package imapwire

import (
	"slices"
	"testing"
	"unicode/utf8"
)

// FuzzParseSet feeds sets to the parser: what it reads is in order, each number once, and as many as are allowed.
func FuzzParseSet(f *testing.F) {
	for _, seed := range []string{"1", "1:3,7", "3:1", "4294967295", "1:*", "", ",", "1:16777217", "0", "1:8000000,1:8000000,1:8000000"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, set string) {
		nums, err := ParseSet(set)
		if err != nil {
			return
		}
		if len(nums) == 0 || len(nums) > maxSet || !slices.IsSorted(nums) || len(slices.Compact(slices.Clone(nums))) != len(nums) {
			t.Errorf("%q gives %d numbers, not in order or not each once", set, len(nums))
		}
		if len(nums) > 10_000 {
			return
		}
		var again []byte
		for _, n := range nums {
			again = AppendRange(again, n, n)
		}
		if back, err := ParseSet(string(again)); err != nil || !slices.Equal(back, nums) {
			t.Errorf("%q read back from %q is different: %v", set, again, err)
		}
	})
}

// FuzzFolderName feeds names to the decoder: what comes is UTF-8, and two names that were understood are never the same.
func FuzzFolderName(f *testing.F) {
	for _, seed := range []string{"INBOX", "&AMk-l&AOk-ments", "&", "&-", "&2D0-", "A&AEE-", "\xff", "&ZeVnLIqe-/&MOEw,DDr-"} {
		f.Add([]byte(seed), []byte("A&-B"))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		nameA, okA := FolderName(a)
		nameB, okB := FolderName(b)
		if !utf8.ValidString(nameA) {
			t.Errorf("%q gives %q, which is not UTF-8", a, nameA)
		}
		if okA && okB && nameA == nameB && isASCII(a) && isASCII(b) && string(a) != string(b) {
			t.Errorf("%q and %q are both %q", a, b, nameA)
		}
	})
}
