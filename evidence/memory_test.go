package evidence

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/asn1"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math/big"
	"testing"

	"github.com/mbaudit/mbaudit/evidence/timestamp"
)

// A memorySource is a bundle in memory of which one file has other bytes.
type memorySource struct {
	files map[string][]byte
	other string
	data  []byte
}

func (m memorySource) Open(_ context.Context, name string) (io.ReadCloser, error) {
	if name == m.other {
		return io.NopCloser(bytes.NewReader(m.data)), nil
	}
	data, ok := m.files[name]
	if !ok {
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

func (m memorySource) Names(context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for name := range m.files {
			if !yield(name, nil) {
				return
			}
		}
	}
}

// stampWith asks an authority in this process for a time-stamp.
func stampWith(t testing.TB, authority *timestamp.Authority, digest Digest) []byte {
	t.Helper()
	nonce, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	type algorithm struct {
		Algorithm  asn1.ObjectIdentifier
		Parameters asn1.RawValue
	}
	type imprint struct {
		Algorithm algorithm
		Digest    []byte
	}
	query, err := asn1.Marshal(struct {
		Version int
		Imprint imprint
		Nonce   *big.Int
		CertReq bool
	}{1, imprint{algorithm{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, asn1.NullRawValue}, digest[:]}, nonce, true})
	if err != nil {
		t.Fatal(err)
	}
	tsr, err := authority.Timestamp(query)
	if err != nil {
		t.Fatal(err)
	}
	return tsr
}
