package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/visible"
)

const (
	accountsAtOnce = 16 // of a Google Workspace; the quotas' own bounds are the collector's
	causesShown    = 5  // where nobody is let in
)

// A missed is an account that could not be collected.
type missed struct {
	reading
	err error
}

// A misser writes down itself what of an account is missing.
type misser interface {
	Missed(scope collectors.Scope, sink collectors.Sink, cause error) error
}

// collect reads the servers, then what is imported. If no server lets us in, nothing is imported: the password is
// corrected and the command typed again.
func (r *collection) collect(ctx context.Context) error {
	defer r.endProgress()
	if err := r.keepListings(ctx); err != nil {
		return err
	}
	absent, err := r.readGoogle(ctx)
	if err != nil {
		return err
	}
	readings := 0
	if r.workspace != nil {
		readings = len(r.scopes)
	}
	if !r.readsAll() {
		return r.note(absent, readings)
	}
	more, err := r.readInTurn(ctx, r.servers)
	if err != nil {
		return err
	}
	if err := r.note(append(absent, more...), readings+len(r.servers)); err != nil {
		return err
	}
	for _, others := range [][]reading{r.tenantReading(), r.imports} {
		absent, err := r.readInTurn(ctx, others)
		if err != nil {
			return err
		}
		if err := r.note(absent, len(others)); err != nil {
			return err
		}
	}
	return nil
}

// readGoogle reads the accounts of a Workspace side by side. Of several, one that fails, however it does, holds up no other.
// An error means that nothing more can be kept, or that the collection was stopped.
func (r *collection) readGoogle(ctx context.Context) ([]missed, error) {
	if r.workspace == nil {
		return nil, nil
	}
	r.workspace.Several(len(r.scopes))
	reader := r.workspace.Part(r.googlePart())
	r.shown.accounts(len(r.scopes))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	var absent []missed
	var group sync.WaitGroup
	slots := make(chan struct{}, accountsAtOnce)
	for _, scope := range r.scopes {
		slots <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		group.Go(func() {
			defer func() { <-slots }()
			err := reader.Collect(ctx, scope, r.w)
			switch {
			case err == nil:
				r.shown.accountDone()
			case ctx.Err() != nil: // it was stopped, by the operator or by what befell another
			case errors.Is(err, evidence.ErrStorage), len(r.scopes) == 1 && !notLetIn(err):
				cancel(err)
			default:
				r.shown.accountDone()
				mu.Lock()
				defer mu.Unlock()
				absent = append(absent, missed{reading{reader, scope}, err})
			}
		})
	}
	group.Wait()
	return absent, context.Cause(ctx)
}

// readInTurn runs one collector after the other. Where there are several, one that is not let in holds up no other.
func (r *collection) readInTurn(ctx context.Context, readings []reading) ([]missed, error) {
	var absent []missed
	for _, one := range readings {
		err := one.collector.Collect(ctx, one.scope, r.w)
		switch {
		case err == nil:
		case !notLetIn(err):
			return nil, err
		default:
			absent = append(absent, missed{one, err})
		}
	}
	return absent, nil
}

// note writes gaps for the accounts that could not be collected; if these are all, it is an error: the password, or the
// access, is corrected and the command typed again.
func (r *collection) note(absent []missed, of int) error {
	if len(absent) > 0 && len(absent) == of {
		return allMissed(absent)
	}
	for _, m := range absent {
		r.say("not collected: %s", visible.Line(m.err.Error()))
		if err := r.noteOne(m); err != nil {
			return err
		}
	}
	return nil
}

func (r *collection) noteOne(m missed) error {
	if writer, ok := m.collector.(misser); ok {
		return writer.Missed(m.scope, r.w, m.err)
	}
	return r.w.Gap(evidence.Gap{Account: m.scope.Account, Collector: m.collector.Name(), Resource: "login", Class: evidence.GapRefused,
		Reason: visible.Line(m.err.Error())})
}

// allMissed is why nobody could be collected, with the first causes.
func allMissed(absent []missed) error {
	var causes []error
	for _, m := range absent[:min(len(absent), causesShown)] {
		causes = append(causes, m.err)
	}
	if more := len(absent) - len(causes); more > 0 {
		causes = append(causes, fmt.Errorf("and %s more that could not be collected", plural(int64(more), "account")))
	}
	return errors.Join(causes...)
}

// endProgress takes the bars off the screen; a second bundle goes on with them.
func (r *collection) endProgress() {
	for _, p := range r.progress {
		if r.readsAll() {
			p.finish()
		} else {
			p.clear()
		}
	}
}
