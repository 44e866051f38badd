package workspace

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/mbaudit/mbaudit/evidence"
)

const (
	refusalsResource = "workspace/refusals"
	refusalsAtMost   = 5        // of a row that are kept; those that say the same, once
	refusalKept      = 64 << 10 // bytes of one
)

// noes are what is kept of a row's answers that say no.
type noes struct {
	known map[[sha256.Size]byte]bool
	n     int
}

// keepRefusal makes an exhibit of an answer that says no, as it came: it is the evidence of why something is missing. An
// error of the line, a quota and an access token that ran out are no such answers.
func (r *run) keepRefusal(s source, asked request, err error) error {
	var f *failure
	if asked.address == "" || s.secret || !errors.As(err, &f) || f.answer == nil || f.again || f.expired || f.status < 400 || f.status > 499 || len(f.answer.body) == 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.said[s.resource] == nil {
		r.said[s.resource] = &noes{known: map[[sha256.Size]byte]bool{}}
	}
	kept, digest := r.said[s.resource], sha256.Sum256(f.answer.body)
	if kept.known[digest] {
		return nil
	}
	kept.known[digest] = true
	for kept.n++; r.sink.Has(r.scope.Account, refusalsResource, refusalItem(s, kept.n)); kept.n++ {
		continue
	}
	if kept.n > refusalsAtMost {
		return nil
	}
	return r.putRefusal(s, f.answer, kept.n)
}

// refusalItem is the item of a row's nth answer that says no.
func refusalItem(s source, n int) string { return s.resource + " " + strconv.Itoa(n) }

func (r *run) putRefusal(s source, a *answer, n int) error {
	attrs := r.attributes(s, a, 1)
	delete(attrs, "page")
	delete(attrs, "items")
	attrs["refused"] = s.resource
	if s.item != "" {
		attrs["refused-item"] = cut(s.item, longestWords)
	}
	body, name, media := a.body, fmt.Sprintf("%s/refusals/%s~%d", evidence.SafeName(r.scope.Account), s.resource, n), "text/plain"
	if len(body) > refusalKept {
		attrs["cut"] = fmt.Sprintf("the first %d bytes of %d", refusalKept, len(body))
		body = body[:refusalKept]
	}
	switch {
	case a.packed != "":
		attrs["encoding"], media, name = a.packed, "application/gzip", name+".gz"
	case json.Valid(body):
		media, name = contentTypeAPI, name+".json"
	default:
		name += ".txt"
	}
	_, err := r.sink.Put(evidence.Exhibit{Account: r.scope.Account, Collector: r.c.Name(), Resource: refusalsResource, Item: refusalItem(s, n), Name: name,
		MediaType: media, FetchedAt: a.at, Request: a.request.String(), Attrs: attrs}, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("keeping a refusal: %w", err)
	}
	return nil
}
