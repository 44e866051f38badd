package workspace

import (
	"context"
	"fmt"
	"iter"

	"github.com/mbaudit/mbaudit/evidence"
)

const (
	labelsResource = "gmail/labels"
	labelDetails   = "gmail/labelDetails"
	labelsAtMost   = 10_000 // Gmail's own limit
)

func labelsSource() source {
	return source{resource: labelsResource, api: gmail, path: "gmail/v1/users/{user}/labels", scope: scopeGmail, list: "labels"}
}

// labelDetails reads of each label how many messages and threads have it, which the list does not tell.
func (r *run) labelDetails(ctx context.Context) error {
	if r.mail.labels == nil && r.sink.Has(r.scope.Account, labelsResource, "") {
		a, err := r.ask(ctx, labelsSource(), "") // an earlier run kept the list; which labels are in it must be read again
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			r.notice(labelsSource(), a)
		} else {
			r.mail.failed(labelsResource, err)
		}
	}
	ids := r.mail.labelIDs
	row := source{resource: labelDetails, api: gmail}
	switch {
	case r.mail.labels == nil:
		return r.unread(labelDetails, labelsResource)
	case len(ids) == 0:
		return r.expect(row, 0, "empty: there are no labels")
	}
	if err := r.expect(row, int64(len(ids)), ""); err != nil {
		return err
	}
	if len(ids) > labelsAtMost {
		if err := r.gap(row, 1, request{}, fmt.Errorf("%w: there are %d labels, and %d are asked about", ErrUnavailable, len(ids), labelsAtMost)); err != nil {
			return err
		}
		ids = ids[:labelsAtMost]
	}
	return r.sideBySide(ctx, labelSources(ids), func(ctx context.Context, s source) error {
		if !plainID(s.item) {
			s.item = cut(s.item, longestWords)
			return r.gap(s, 1, request{}, fmt.Errorf("%w: this is no id to ask for", ErrDamaged))
		}
		return r.read(ctx, s)
	})
}

func labelSources(ids []string) iter.Seq[source] {
	return func(yield func(source) bool) {
		for _, id := range ids {
			s := source{resource: labelDetails, item: id, name: "gmail/labels/" + evidence.SafeName(id), api: gmail, path: "gmail/v1/users/{user}/labels/" + id,
				scope: scopeGmail, vanishes: true}
			if !yield(s) {
				return
			}
		}
	}
}
