package evidence

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// proofHeader is the first line of a proof of inclusion in the text form of C2SP (c2sp.org/tlog-proof).
const proofHeader = "c2sp.org/tlog-proof@v1"

// maxProofHashes is more than the audit path of any tree can have, whose size is an int64.
const maxProofHashes = 64

// A prover makes the proofs of inclusion (RFC 6962 section 2.1.1) of chosen lines. It sees all lines once, in order,
// and keeps only the hashes that lie on the audit paths: some twenty for each chosen line of a million, whereas all
// hashes of such a tree are 64 MB.
type prover struct {
	tree
	total  int64
	hashes map[int64]tlog.Hash // by tlog.StoredHashIndex
}

// newProver prepares the proofs of the lines with these numbers (from 1 on) in a tree of total lines.
func newProver(total int64, numbers []int64) (*prover, error) {
	p := &prover{total: total, hashes: make(map[int64]tlog.Hash)}
	need := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		for _, index := range indexes {
			p.hashes[index] = tlog.Hash{}
		}
		return make([]tlog.Hash, len(indexes)), nil
	})
	for _, n := range numbers {
		if n < 1 || n > total {
			return nil, fmt.Errorf("there is no record %d among %d", n, total)
		}
		if _, err := tlog.ProveRecord(total, n-1, need); err != nil {
			return nil, err
		}
	}
	p.seen = func(level int, n int64, hash tlog.Hash) {
		index := tlog.StoredHashIndex(level, n)
		if _, wanted := p.hashes[index]; wanted {
			p.hashes[index] = hash
		}
	}
	return p, nil
}

// prove gives the proof of one of the numbers, once all lines were added.
func (p *prover) prove(n int64) (tlog.RecordProof, error) {
	if p.size != p.total {
		return nil, fmt.Errorf("%d of %d lines were read", p.size, p.total)
	}
	return tlog.ProveRecord(p.total, n-1, tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			hash, kept := p.hashes[index]
			if !kept {
				return nil, fmt.Errorf("record %d was not asked for at the start", n)
			}
			hashes[i] = hash
		}
		return hashes, nil
	}))
}

// formatProof writes a proof of inclusion with the checkpoint that it leads to.
func formatProof(n int64, proof tlog.RecordProof, checkpoint []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\nindex %d\n", proofHeader, n-1)
	for _, hash := range proof {
		fmt.Fprintf(&b, "%s\n", base64.StdEncoding.EncodeToString(hash[:]))
	}
	b.WriteByte('\n')
	b.Write(checkpoint)
	return b.Bytes()
}

// parseProof reads what formatProof writes, and refuses any other form: the optional line "extra" of C2SP has no place
// in a bundle.
func parseProof(data []byte) (n int64, proof tlog.RecordProof, checkpoint []byte, err error) {
	head, checkpoint, found := bytes.Cut(data, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !found || len(lines) < 2 || lines[0] != proofHeader || len(lines) > 2+maxProofHashes {
		return 0, nil, nil, fmt.Errorf("it is not a proof in the form of %s", proofHeader)
	}
	digits, found := strings.CutPrefix(lines[1], "index ")
	index, err := strconv.ParseInt(digits, 10, 64)
	if !found || err != nil || index < 0 || digits != strconv.FormatInt(index, 10) {
		return 0, nil, nil, errors.New("its second line does not give the index")
	}
	for _, text := range lines[2:] {
		hash, err := tlog.ParseHash(text)
		if err != nil || base64.StdEncoding.EncodeToString(hash[:]) != text {
			return 0, nil, nil, errors.New("it has a line that is not a SHA-256 in base64")
		}
		proof = append(proof, hash)
	}
	return index + 1, proof, checkpoint, nil
}

// parseCheckpoint reads the bundle, the size and the root out of a checkpoint (c2sp.org/tlog-checkpoint). It does not
// check the signature.
func parseCheckpoint(data []byte) (bundle string, head TreeHead, err error) {
	bad := errors.New("it is not the checkpoint of a bundle")
	lines := strings.SplitN(string(data), "\n", 5)
	if len(lines) < 5 || lines[3] != "" {
		return "", head, bad
	}
	bundle, found := strings.CutPrefix(lines[0], checkpointOrigin(""))
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if !found || err != nil || size < 0 {
		return "", head, bad
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != sha256.Size {
		return "", head, bad
	}
	head = TreeHead{Size: size, Root: Digest(root)}
	if !strings.HasPrefix(string(data), checkpointText(bundle, head)+"\n") {
		return "", TreeHead{}, bad
	}
	return bundle, head, nil
}

// inTree says whether a line is the n-th of the tree.
func inTree(proof tlog.RecordProof, head TreeHead, n int64, line []byte) bool {
	return tlog.CheckRecord(proof, head.Size, tlog.Hash(head.Root), n-1, tlog.RecordHash(line)) == nil
}
