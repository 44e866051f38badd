package workspace

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/evidence"
)

const (
	parallel    = 24     // requests at once for one account; the quotas' own bounds are in limiter.go
	pagesAtMost = 10_000 // of a list
)

// A run is one collection of one account.
type run struct {
	c     *Collector
	scope collectors.Scope
	sink  collectors.Sink
	part  Part

	mu     sync.Mutex
	user   *userState          // nil before it was read
	lists  map[string]*listing // by resource: what was heard of lists that a fan-out asks about
	noMail []failedSource      // what Gmail refused because there is no mailbox
	gaps   map[string]bool     // resources that have one
	again  []string            // resources of the emergency part that another run did not get
	said   map[string]*noes    // by resource: what was kept of answers that say no
	mail   mailState
}

// A userState is what the Directory says of the user that explains refusals.
type userState struct {
	Suspended      bool     `json:"suspended"`
	IsMailboxSetup *bool    `json:"isMailboxSetup"` // nil: not said
	ID             string   `json:"id"`
	Customer       string   `json:"customerId"`
	Unit           string   `json:"orgUnitPath"`
	Primary        string   `json:"primaryEmail"`
	Aliases        []string `json:"aliases"`
	FixedAliases   []string `json:"nonEditableAliases"`
}

type failedSource struct {
	source source
	err    error
}

// newRun is a collection that has not begun.
func (c *Collector) newRun(scope collectors.Scope, sink collectors.Sink) *run {
	return &run{c: c, scope: scope, sink: sink, lists: map[string]*listing{}, gaps: map[string]bool{}, said: map[string]*noes{}}
}

// Collect implements collectors.Collector: it reads one account.
func (c *Collector) Collect(ctx context.Context, scope collectors.Scope, sink collectors.Sink) error {
	return c.Part(Whole).Collect(ctx, scope, sink)
}

// announce says of every row that one exhibit is to come, so that a collection that ends early does not read as complete.
func (r *run) announce(stages []stage) error {
	for _, st := range stages {
		for _, s := range st.rows(r) {
			if err := r.expect(s, 1, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *run) readStages(ctx context.Context, stages []stage) error {
	defer r.prepare(ctx, stages)()
	for _, st := range stages {
		r.c.cfg.Report.Step(st.name)
		if err := st.read(ctx, r); err != nil {
			return err
		}
	}
	return r.explainNoMail(ctx)
}

func (r *run) expect(s source, count int64, note string) error {
	return r.sink.Expect(evidence.Expectation{Account: r.scope.Account, Collector: r.c.Name(), Resource: s.resource, Count: count, Note: note})
}

// notOffered says that Google has nothing of a row.
func (r *run) notOffered(s source, why string) error {
	return r.sink.Expect(evidence.Expectation{Account: r.scope.Account, Collector: r.c.Name(), Resource: s.resource, NotOffered: true, Note: why})
}

// enter gets the first access tokens, side by side. If none is granted, nothing can be read: that is an error, not a
// bundle of gaps.
func (r *run) enter(ctx context.Context, first []source) error {
	var wanted []grant
	for _, s := range first {
		g := grant{r.subject(s), s.scope}
		if g.subject != "" && !slices.Contains(wanted, g) {
			wanted = append(wanted, g)
		}
	}
	errs := make([]error, len(wanted))
	var group sync.WaitGroup
	for i, g := range wanted {
		group.Go(func() { _, errs[i] = r.c.tokens.get(ctx, g) })
	}
	group.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if len(wanted) == 0 || slices.Contains(errs, nil) {
		return nil
	}
	return errors.Join(fmt.Errorf("%s: %w", r.c.access.name(), errs[0]), letIn(errs[0]))
}

// letIn adds ErrNotLetIn to a refusal, as against a broken line.
func letIn(err error) error {
	if class(err) == evidence.GapRefused {
		return ErrNotLetIn
	}
	return nil
}

// subject is the user for whom a source is asked; "" where no administrator is named.
func (r *run) subject(s source) string {
	if s.subject != "" {
		return s.subject
	}
	if s.api.facts().asUser {
		return r.scope.Account
	}
	return r.c.cfg.Admin
}

// asks is the request for a page of a source, by the customer that the account belongs to.
func (r *run) asks(s source, token string) request {
	q := s.request(r.c.root(s.api), r.scope.Account, token)
	if customer := r.customer(); customer != "" {
		q.address = byCustomer(q.address, customer)
	}
	return q
}

// readAll reads sources side by side. An error means that nothing more can be kept, or that the collection was stopped.
func (r *run) readAll(ctx context.Context, sources []source) error {
	return r.sideBySide(ctx, slices.Values(sources), r.read)
}

// sideBySide reads sources by read, some at once. They are taken as there is room, and none after an error.
func (r *run) sideBySide(ctx context.Context, sources iter.Seq[source], read func(context.Context, source) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slots := make(chan struct{}, parallel)
	var group sync.WaitGroup
	for s := range sources {
		slots <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		group.Go(func() {
			defer func() { <-slots }()
			if err := read(ctx, s); err != nil {
				cancel(err)
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}

// read reads all pages of one source, unless they are there already.
func (r *run) read(ctx context.Context, s source) error {
	if r.sink.Has(r.scope.Account, s.resource, s.item) {
		return nil
	}
	if r.c.withheld(s) != "" || r.subject(s) == "" {
		return r.failed(s, 1, request{}, ErrNoAdmin)
	}
	attempt, items := r.attempt(s), 0
	pages, err := r.pages(ctx, s, func(a *answer, page int) error {
		items += len(a.items)
		return r.keep(s, a, attempt, page)
	})
	if err != nil || pages == 0 {
		return err
	}
	return r.complete(s, pages, items)
}

// attempt is the number of this reading of a list, of which an earlier one may have kept some pages.
func (r *run) attempt(s source) int {
	attempt := 1
	for r.sink.Has(r.scope.Account, s.resource, pageItem(s, attempt, 1)) {
		attempt++
	}
	return attempt
}

// pages asks for all pages of a source and gives each to keep. It returns how many there are; 0 where a gap says from
// which one on they are not known.
func (r *run) pages(ctx context.Context, s source, keep func(a *answer, page int) error) (int, error) {
	partial := false
	seen := map[string]bool{}
	for page, token := 1, ""; ; page++ {
		a, err := r.ask(ctx, s, token)
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if err == nil {
			err = keep(a, page)
		}
		if errors.Is(err, evidence.ErrStorage) {
			return 0, err
		}
		if err == nil && a.next != "" && (seen[a.next] || page == pagesAtMost) {
			err = fmt.Errorf("%w: page %d names one that was read before as the next", ErrLoop, page)
			page++
		}
		if err != nil {
			r.heard(s, err)
			return 0, r.failed(s, page, r.asks(s, token), err)
		}
		r.hear(s, page, a)
		partial = partial || a.says(s.partial)
		if a.next == "" && partial {
			err := fmt.Errorf("%w: every page came, and Google says itself that it did not search everything", ErrUnavailable)
			r.heard(s, err)
			return 0, r.gap(s, 1, a.request, err)
		}
		if a.next == "" {
			r.heard(s, nil)
			return page, nil
		}
		token = a.next
		seen[token] = true
	}
}

// says tells whether a field of an answer is true.
func (a *answer) says(field string) bool {
	var fields map[string]json.RawMessage
	return field != "" && json.Unmarshal(a.json, &fields) == nil && string(fields[field]) == "true"
}

// complete notes what a source that was read whole says.
func (r *run) complete(s source, pages, items int) error {
	if s.item != "" {
		return nil
	}
	note := s.note
	if s.list != "" && items == 0 {
		note = strings.TrimSuffix("empty: the answer lists nothing; "+s.note, "; ")
	}
	return r.expect(s, int64(pages), note)
}

// pageItem is the item of a page that is not the last one. The last has the source's own item, so that its presence says
// that the list is whole.
func pageItem(s source, attempt, page int) string {
	item := strconv.Itoa(attempt) + "/" + strconv.Itoa(page)
	if s.item != "" {
		item = s.item + "/" + item
	}
	return item
}

// keep makes an exhibit of an answer.
func (r *run) keep(s source, a *answer, attempt, page int) error {
	r.notice(s, a)
	if s.before != nil {
		if err := s.before(s, a); err != nil {
			return err
		}
	}
	name := evidence.SafeName(r.scope.Account) + "/" + s.base()
	item := s.item
	if a.next != "" {
		item = pageItem(s, attempt, page)
		name += fmt.Sprintf("~page-%d", page)
		if attempt > 1 {
			name += fmt.Sprintf("-attempt-%d", attempt)
		}
	}
	name += ".json"
	attrs := r.attributes(s, a, page)
	if s.about != nil {
		s.about(a, attrs)
	}
	body, media := a.body, contentTypeAPI
	if s.secret {
		var err error
		if body, err = describeCodes(a, r.scope.Account); err != nil {
			return err
		}
		attrs["derived"] = "made from the answer, which is not kept: backup codes are passwords"
	} else if a.packed != "" {
		attrs["encoding"] = a.packed
		name += ".gz"
		media = "application/gzip"
	}
	_, err := r.sink.Put(evidence.Exhibit{
		Account: r.scope.Account, Collector: r.c.Name(), Resource: s.resource, Item: item, Name: name, MediaType: media,
		FetchedAt: a.at, Request: a.request.String(), Attrs: attrs,
	}, bytes.NewReader(body))
	if err == nil {
		r.c.cfg.Report.Done(s.messages, int64(len(body)))
		return nil
	}
	return fmt.Errorf("keeping it: %w", err)
}

// attributes are what is said of an answer beside its body.
func (r *run) attributes(s source, a *answer, page int) map[string]string {
	attrs := map[string]string{
		"status": strconv.Itoa(a.status), "requested": a.asked.UTC().Format(time.RFC3339Nano), "page": strconv.Itoa(page),
		"subject": r.subject(s), "scope": s.scope, "client": r.c.access.client(), // by which our own traces in Google's logs are known
	}
	if a.tries > 1 {
		attrs["tries"] = strconv.Itoa(a.tries)
	}
	if s.list != "" {
		attrs["items"] = strconv.Itoa(len(a.items))
	}
	for header, attr := range map[string]string{"Date": "date", "X-Request-Id": "request-id", "Etag": "etag", "Content-Type": "type"} {
		if value := a.header.Get(header); value != "" {
			attrs[attr] = cut(value, headerLongest)
		}
	}
	maps.Copy(attrs, a.more)
	return attrs
}

// notice remembers of an answer what the rest of the collection needs.
func (r *run) notice(s source, a *answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch s.resource {
	case userResource:
		if said := parseUser(a.json); said != nil {
			r.user = said
			r.c.customers.note(r.scope.Account, said.Customer)
		}
	case profileResource, labelsResource:
		r.mail.notice(s, a)
	}
}

// failed writes the gap that a source leaves from a page on. That there is no mailbox is explained at the end, when what
// the Directory says of the user is known.
func (r *run) failed(s source, page int, asked request, err error) error {
	if s.edition != "" && page == 1 && r.withoutEdition(err) {
		return r.lacking(s, asked, "not licensed, or not switched on: Gmail opens this mailbox and refuses "+s.edition+": "+err.Error(), err)
	}
	if errors.Is(err, ErrNoMailbox) && page == 1 {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.noMail = append(r.noMail, failedSource{s, err})
		return nil
	}
	r.mail.failed(s.resource, err)
	if errors.Is(err, ErrNotLicensed) && page == 1 && s.item == "" {
		return r.lacking(s, asked, "not licensed: "+err.Error(), err)
	}
	return r.gap(s, page, asked, err)
}

// lacking says that Google has nothing of a row, with the answer that says so.
func (r *run) lacking(s source, asked request, why string, err error) error {
	if err := r.keepRefusal(s, asked, err); err != nil {
		return err
	}
	return r.notOffered(s, why)
}

func (r *run) gap(s source, page int, asked request, err error) error {
	if note := r.c.withheld(s); note != "" {
		return r.notOffered(s, note)
	}
	if err := r.keepRefusal(s, asked, err); err != nil {
		return err
	}
	r.mu.Lock()
	r.gaps[s.resource] = true
	r.mu.Unlock()
	reason := err.Error()
	if page > 1 {
		reason = fmt.Sprintf("page %d and what follows it: %s", page, reason)
	}
	if hint := r.c.hint(err, s, r.scope.Account); hint != "" {
		reason += "; hint: " + hint
		r.c.hints.give(hint, r.c.cfg.Hint)
	}
	return r.sink.Gap(evidence.Gap{Account: r.scope.Account, Collector: r.c.Name(), Resource: s.resource, Item: s.item, Class: class(err),
		Request: strings.ToValidUTF8(asked.String(), "\uFFFD"), Reason: reason, At: r.c.cfg.Now()})
}

// explainNoMail writes down what Gmail refused because it opens no mailbox. Where the Directory says in so many words that
// the user has none, and he is not suspended, Google has nothing to offer; else something is there and was not read.
func (r *run) explainNoMail(ctx context.Context) error {
	if len(r.noMail) > 0 {
		r.learn(ctx)
	}
	var user userState
	if r.user != nil {
		user = *r.user
	}
	for _, f := range r.noMail {
		s := f.source
		if has := user.IsMailboxSetup; has != nil && !*has && !user.Suspended {
			if err := r.lacking(s, r.asks(s, ""), "not licensed: the Directory says that the user has no mailbox now; one that he had before would not show", f.err); err != nil {
				return err
			}
			continue
		}
		err := f.err
		if user.Suspended {
			err = fmt.Errorf("the user is suspended, and Google opens no mailbox of such: %w", err)
		}
		if err := r.gap(s, 1, r.asks(s, ""), err); err != nil {
			return err
		}
	}
	return nil
}
