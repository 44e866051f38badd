package imap

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/collectortest"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/imapwire"
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

// conversation is all that a server sent in a whole collection.
func conversation(f *testing.F, mode collectors.MessageMode) []byte {
	m := cutServer()
	var sent bytes.Buffer
	m.tap = &sent
	sink := &collectortest.Sink{}
	err := mustNew(f, m.config()).Collect(f.Context(), collectors.Scope{Account: "alice@example.test", Messages: mode}, sink)
	m.wait()
	if err != nil {
		f.Fatal(err)
	}
	return sent.Bytes()
}

// FuzzServer sends anything in place of a server, whatever it is asked, and then is silent or hangs up: a collection ends,
// keeps nothing that cannot be kept, and does not read as a success where it was none.
func FuzzServer(f *testing.F) {
	for _, mode := range []collectors.MessageMode{collectors.MessagesRaw, collectors.MessagesMetadata} {
		whole := conversation(f, mode)
		f.Add(whole, mode == collectors.MessagesRaw, true)
		f.Add(whole[:len(whole)/2], mode == collectors.MessagesRaw, false)
		f.Add(bytes.ReplaceAll(whole, []byte("OK"), []byte("NO [LIMIT]")), mode == collectors.MessagesRaw, true)
		f.Add(bytes.ReplaceAll(whole, []byte("UIDVALIDITY 77"), []byte("UIDVALIDITY 0")), mode == collectors.MessagesRaw, true)
		f.Add(bytes.ReplaceAll(whole, []byte("SEARCH 3"), []byte("SEARCH 4294967295 0")), mode == collectors.MessagesRaw, true)
	}
	f.Fuzz(func(t *testing.T, sent []byte, raw, hangUp bool) {
		scope := collectors.Scope{Account: "alice@example.test", Messages: collectors.MessagesMetadata}
		if raw {
			scope.Messages = collectors.MessagesRaw
		}
		sink := &collectortest.Sink{}
		var err error
		synctest.Test(t, func(t *testing.T) {
			m := &memNet{fake: &fake{hello: func(c *fakeConn) bool {
				_, _ = c.nc.Write(sent)
				if hangUp {
					_ = c.nc.Close()
				}
				hang(c)
				return true
			}}}
			cfg := m.config()
			cfg.Retries = 1
			cfg.Limits = imapwire.Limits{Response: 64 << 10, Answer: 1 << 20, Literal: 1 << 20}
			err = mustNew(t, cfg).Collect(t.Context(), scope, sink)
			m.wait()
		})
		if problems := sink.Problems(); len(problems) > 0 {
			t.Errorf("problems: %q", problems)
		}
		if err == nil && len(sink.Resource("list")) == 0 && len(sink.Gaps()) == 0 {
			t.Error("no list of folders was kept, and nothing says so")
		}
	})
}
