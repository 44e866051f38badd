package workspace

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// ask is get, but that it tells a thing that is gone apart from a user who is not there: both are 404.
func (r *run) ask(ctx context.Context, s source, token string) (*answer, error) {
	a, err := r.get(ctx, s, token)
	var f *failure
	if s.vanishes && errors.As(err, &f) && f.kind == ErrSubject && (f.status == http.StatusNotFound || s.item != "" && s.subject == s.item) {
		gone := *f
		gone.kind, gone.text = ErrGone, strings.Replace(f.text, ErrSubject.Error(), ErrGone.Error(), 1)
		return nil, &gone
	}
	return a, err
}

// unread writes down of a whole row that it was not asked for, because another row, which names what is in it, was not
// had: for the same reason, if that is known.
func (r *run) unread(resource, because string) error {
	s := source{resource: resource, api: gmail, scope: scopeGmail}
	r.mu.Lock()
	i := slices.IndexFunc(r.noMail, func(f failedSource) bool { return f.source.resource == because })
	r.mu.Unlock()
	if i >= 0 {
		return r.failed(s, 1, request{}, r.noMail[i].err)
	}
	err := r.mail.failure(because)
	if err == nil {
		err = ErrUnavailable
	}
	return r.gap(s, 1, request{}, fmt.Errorf("%s is not known: %w", because, err))
}
