package evidence

import (
	"crypto/sha256"

	"golang.org/x/mod/sumdb/tlog"
)

// tree is the Merkle tree (RFC 6962 section 2.1) over the index lines, kept as a compact range: the roots of the
// complete subtrees from left to right, one per bit of size. A million lines need twenty hashes.
type tree struct {
	size  int64
	roots []tlog.Hash

	// seen, if set, is told each hash of the tree as it becomes final: level 0 are the leaves, n counts from the left.
	seen func(level int, n int64, hash tlog.Hash)
}

// add appends one index line, including its LF.
func (t *tree) add(line []byte) { t.addLeaf(tlog.RecordHash(line)) }

// addLeaf appends a line of which the hash is known.
func (t *tree) addLeaf(leaf tlog.Hash) {
	t.roots = append(t.roots, leaf)
	t.tell(0, t.size)
	for n, level := t.size, 1; n&1 == 1; n, level = n>>1, level+1 {
		last := len(t.roots) - 1
		t.roots[last-1] = tlog.NodeHash(t.roots[last-1], t.roots[last])
		t.roots = t.roots[:last]
		t.tell(level, n>>1)
	}
	t.size++
}

func (t *tree) tell(level int, n int64) {
	if t.seen != nil {
		t.seen(level, n, t.roots[len(t.roots)-1])
	}
}

// root is the Merkle tree hash of the lines so far; of none, the SHA-256 of nothing.
func (t *tree) root() Digest {
	if t.size == 0 {
		return sha256.Sum256(nil)
	}
	h := t.roots[len(t.roots)-1]
	for i := len(t.roots) - 2; i >= 0; i-- {
		h = tlog.NodeHash(t.roots[i], h)
	}
	return Digest(h)
}
