package imap

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"

	"github.com/mbaudit/mbaudit/collectors/imap/imapwire"
	"github.com/mbaudit/mbaudit/evidence"
)

// FuzzAnswers feeds anything to all that reads the server's answers: nothing may crash, folders must have names of
// their own, and what goes into exhibits must be UTF-8.
func FuzzAnswers(f *testing.F) {
	files, err := filepath.Glob("../../testdata/imap/responses/*")
	if err != nil || len(files) == 0 {
		f.Fatalf("no corpus: %v", err)
	}
	for _, file := range files {
		input, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(input)
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		answer := &imapwire.Answer{}
		r := imapwire.NewReader(bytes.NewReader(input), imapwire.Limits{Response: 64 << 10, Literal: 64 << 10})
		run := &run{c: &Collector{}, status: map[string]folderStatus{}, shared: &ledger{paths: map[string]bool{}}}
		for {
			resp, err := r.Next()
			if err != nil {
				break
			}
			answer.Untagged = append(answer.Untagged, resp.Clone())
			ex := evidence.Exhibit{}
			run.attrs(&folder{}, &ex, resp, 0)
			for name, value := range ex.Attrs {
				if !utf8.ValidString(name) || !utf8.ValidString(value) {
					t.Errorf("attribute %q: %q is not UTF-8", name, value)
				}
			}
		}
		_ = parseSelection(answer)
		_ = capsOf(answer)
		_, _ = foundUIDs(answer)
		run.readStatus(answer)
		labels, paths := map[string]bool{}, map[string]bool{}
		for _, f := range parseList(answer) {
			path := pathKey(run.path(f, 1, false))
			if labels[f.label] || paths[path] || !utf8.ValidString(f.label) || !utf8.ValidString(path) {
				t.Errorf("folder %q: label %q or path %q is taken or not UTF-8", f.raw, f.label, path)
			}
			labels[f.label], paths[path] = true, true
		}
		_ = bearerDetail(string(input))
		_ = closeNames(string(input), []string{"INBOX", string(input)})
	})
}
