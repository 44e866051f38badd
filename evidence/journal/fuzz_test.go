package journal_test

import (
	"bytes"
	"testing"

	"github.com/mbaudit/mbaudit/evidence/journal"
)

// FuzzVerify looks for a journal that verifies and whose first lines do not, and for a reader that gives up early.
func FuzzVerify(f *testing.F) {
	j, _, err := journal.Create(f.TempDir()+"/journal.jsonl", entry("first"))
	if err != nil {
		f.Fatal(err)
	}
	for _, d := range []string{"second", "\x00\xff\u202e", "third"} {
		if _, err := j.Append(entry(d)); err != nil {
			f.Fatal(err)
		}
	}
	var whole bytes.Buffer
	if _, err := j.CopyTo(&whole); err != nil {
		f.Fatal(err)
	}
	f.Add(whole.Bytes())
	f.Add([]byte("{}\n"))
	f.Add([]byte(`{"v":1,"seq":1,"prev":"","ref":{"a":"b","a":"c"}}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		head, err := journal.Verify(bytes.NewReader(data))
		lines := uint64(bytes.Count(data, []byte("\n")))
		if err == nil && head.Count != lines {
			t.Errorf("%d lines verify as %d entries", lines, head.Count)
		}
		n := uint64(0)
		for range journal.Read(bytes.NewReader(data)) {
			n++
		}
		if n < head.Count {
			t.Errorf("Verify saw %d entries, Read %d", head.Count, n)
		}
		if head.Count > 1 {
			cut := bytes.Index(data, []byte("\n")) + 1
			if _, err := journal.Verify(bytes.NewReader(data[:cut])); err != nil {
				t.Errorf("the whole verifies and its first line does not: %v", err)
			}
		}
	})
}
