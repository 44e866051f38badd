package journal_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/mbaudit/mbaudit/evidence/journal"
)

func BenchmarkAppend(b *testing.B) {
	j, _, err := journal.Create(filepath.Join(b.TempDir(), journal.FileName), entry("first"))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := j.Append(entry("x")); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	j, _, err := journal.Create(filepath.Join(b.TempDir(), journal.FileName), entry("first"))
	if err != nil {
		b.Fatal(err)
	}
	for i := range 1000 {
		if _, err := j.Append(entry(fmt.Sprint("event ", i))); err != nil {
			b.Fatal(err)
		}
	}
	var whole bytes.Buffer
	if _, err := j.CopyTo(&whole); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(whole.Len()))
	for b.Loop() {
		if _, err := journal.Verify(bytes.NewReader(whole.Bytes())); err != nil {
			b.Fatal(err)
		}
	}
}
