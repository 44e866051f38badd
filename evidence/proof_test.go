package evidence

import (
	"bytes"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// TestProofs proves every line of trees of 1 to 300 lines, and shows that a proof is good for its line, its place and
// its tree only.
func TestProofs(t *testing.T) {
	line := func(n int64) []byte { return fmt.Appendf(nil, "line %d\n", n) }
	for total := int64(1); total <= 300; total++ {
		numbers := make([]int64, total)
		for i := range numbers {
			numbers[i] = int64(i) + 1
		}
		p, err := newProver(total, numbers)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range numbers {
			p.add(line(n))
		}
		head := TreeHead{p.size, p.root()}
		checkpoint := []byte(checkpointText(testBundle, head) + "\n— key AAAA\n")
		for _, n := range numbers {
			proof, err := p.prove(n)
			if err != nil {
				t.Fatal(err)
			}
			gotN, gotProof, gotCheckpoint, err := parseProof(formatProof(n, proof, checkpoint))
			if err != nil || gotN != n || len(gotProof) != len(proof) || !bytes.Equal(gotCheckpoint, checkpoint) {
				t.Fatalf("%d of %d: the proof is read back as %d %v %q: %v", n, total, gotN, gotProof, gotCheckpoint, err)
			}
			if !inTree(gotProof, head, n, line(n)) {
				t.Fatalf("%d of %d: the proof is refused", n, total)
			}
			if inTree(proof, head, n, line(n+1)) || total > 1 && inTree(proof, head, n%total+1, line(n)) ||
				inTree(append(proof, tlog.Hash{}), head, n, line(n)) || inTree(proof, TreeHead{head.Size, Digest{}}, n, line(n)) {
				t.Fatalf("%d of %d: a wrong proof is accepted", n, total)
			}
			if len(proof) > 0 {
				proof[len(proof)/2][5] ^= 1
				if inTree(proof, head, n, line(n)) {
					t.Fatalf("%d of %d: a changed proof is accepted", n, total)
				}
			}
		}
	}
}

// TestProverKeepsAuditPathsOnly proves one line of a hundred thousand, which needs seventeen hashes.
func TestProverKeepsAuditPathsOnly(t *testing.T) {
	const total = 100_000
	p, err := newProver(total, []int64{77_777})
	if err != nil {
		t.Fatal(err)
	}
	for n := range total {
		p.add(fmt.Appendf(nil, "line %d\n", n+1))
	}
	proof, err := p.prove(77_777)
	if err != nil {
		t.Fatal(err)
	}
	if len(proof) != 17 || len(p.hashes) > 64 || !inTree(proof, TreeHead{p.size, p.root()}, 77_777, []byte("line 77777\n")) {
		t.Errorf("the proof has %d hashes, %d were kept", len(proof), len(p.hashes))
	}
	if _, err := newProver(10, []int64{11}); err == nil {
		t.Error("a line that is not in the tree can be proved")
	}
}

// FuzzProof wants no panic of any bytes, and that what is accepted is written the same again.
func FuzzProof(f *testing.F) {
	f.Add(formatProof(3, tlog.RecordProof{{1}, {2}}, []byte("mbaudit/bundle/X\n4\nAAAA\n\n— x y\n")))
	f.Add([]byte(proofHeader + "\nindex 0\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, proof, checkpoint, err := parseProof(data)
		if err == nil && !bytes.Equal(formatProof(n, proof, checkpoint), data) {
			t.Errorf("%q is accepted and written as %q", data, formatProof(n, proof, checkpoint))
		}
		_, _, _ = parseCheckpoint(data)
	})
}
