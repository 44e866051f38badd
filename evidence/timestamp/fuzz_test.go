package timestamp_test

import (
	"bytes"
	"errors"
	"testing"

	digitorus "github.com/digitorus/timestamp"

	"github.com/mbaudit/mbaudit/evidence/timestamp"
)

// FuzzVerify looks for a response that is accepted and says something else than the one that was signed.
func FuzzVerify(f *testing.F) {
	a := newAuthority(f, timestamp.AuthorityOptions{})
	tsr := stamp(f, a)
	want, err := timestamp.Verify(tsr, someDigest(), timestamp.Options{Roots: a.Roots()})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(tsr)
	f.Add(tsr[9:])
	f.Add(bytes.Repeat([]byte{0x30, 0x80}, 500))
	f.Fuzz(func(t *testing.T, data []byte) {
		if info, err := timestamp.Verify(data, someDigest(), timestamp.Options{}); err == nil && info.Trusted {
			t.Error("trusted without roots")
		}
		info, err := timestamp.Verify(data, someDigest(), timestamp.Options{Roots: a.Roots()})
		if err == nil && (!info.Trusted || !info.GenTime.Equal(want.GenTime) || info.Serial.Cmp(want.Serial) != 0) {
			t.Errorf("accepted: %+v", info)
		}
	})
}

// FuzzQuery looks for a query that the authority answers with something else than a response.
func FuzzQuery(f *testing.F) {
	a := newAuthority(f, timestamp.AuthorityOptions{})
	query, err := digitorus.CreateRequest(bytes.NewReader(someData), &digitorus.RequestOptions{Certificates: true})
	if err != nil {
		f.Fatal(err)
	}
	granted, err := timestamp.Verify(stamp(f, a), someDigest(), timestamp.Options{Roots: a.Roots()})
	if err != nil {
		f.Fatal(err)
	}
	opts := timestamp.Options{Roots: a.Roots(), ExtraCerts: granted.Chain}
	f.Add(query)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, query []byte) {
		tsr, err := a.Timestamp(query)
		if err != nil {
			t.Fatal(err)
		}
		_, err = timestamp.Verify(tsr, someDigest(), opts)
		var rejected *timestamp.RejectedError
		if err != nil && !errors.Is(err, timestamp.ErrOtherData) && !errors.As(err, &rejected) {
			t.Errorf("the query %x is answered with what does not verify: %v", query, err)
		}
	})
}
