package workspace

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/evidence"
)

const (
	parallel      = 6      // requests at once
	pagesAtMost   = 10_000 // of a list
	aliasesAtMost = 1_000  // that S/MIME certificates are asked of
)

// A run is one collection of one account.
type run struct {
	c     *Collector
	scope collectors.Scope
	sink  collectors.Sink

	mu      sync.Mutex
	user    userState
	aliases []string       // of sendAs; nil before it was read
	noMail  []failedSource // what Gmail refused because there is no mailbox
}

// A userState is what the Directory says of the user that explains refusals.
type userState struct {
	Suspended      bool  `json:"suspended"`
	IsMailboxSetup *bool `json:"isMailboxSetup"` // nil: not said
}

type failedSource struct {
	source source
	err    error
}

// newRun is a collection that has not begun.
func (c *Collector) newRun(scope collectors.Scope, sink collectors.Sink) *run {
	return &run{c: c, scope: scope, sink: sink}
}

// Collect implements collectors.Collector: it reads one account.
func (c *Collector) Collect(ctx context.Context, scope collectors.Scope, sink collectors.Sink) error {
	if local, domain, _ := strings.Cut(scope.Account, "@"); local == "" || domain == "" {
		return fmt.Errorf("%s: workspace: %w", scope.Account, ErrAccount)
	}
	r, stages := c.newRun(scope, sink), c.accountStages()
	err := r.announce(stages)
	if err == nil {
		err = r.enter(ctx, stages[0].rows(r))
	}
	if err == nil {
		err = r.readStages(ctx, stages)
	}
	if err != nil {
		return fmt.Errorf("%s: workspace: %w", scope.Account, err)
	}
	return nil
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
	return r.explainNoMail()
}

func (r *run) expect(s source, count int64, note string) error {
	return r.sink.Expect(evidence.Expectation{Account: r.scope.Account, Collector: r.c.Name(), Resource: s.resource, Count: count, Note: note})
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

// readAll reads sources side by side. An error means that nothing more can be kept, or that the collection was stopped.
func (r *run) readAll(ctx context.Context, sources []source) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slots := make(chan struct{}, parallel)
	var group sync.WaitGroup
	for _, s := range sources {
		slots <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		group.Go(func() {
			defer func() { <-slots }()
			if err := r.read(ctx, s); err != nil {
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
	attempt := 1
	for r.sink.Has(r.scope.Account, s.resource, pageItem(s, attempt, 1)) {
		attempt++
	}
	var items int
	seen := map[string]bool{}
	for page, token := 1, ""; ; page++ {
		a, err := r.get(ctx, s, token)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			err = r.keep(s, a, attempt, page)
		}
		if errors.Is(err, evidence.ErrStorage) {
			return err
		}
		if err == nil && a.next != "" && (seen[a.next] || page == pagesAtMost) {
			err = fmt.Errorf("%w: page %d names one that was read before as the next", ErrLoop, page)
			page++
		}
		if err != nil {
			return r.failed(s, page, s.request(r.c.root(s.api), r.scope.Account, token), err)
		}
		items += len(a.items)
		if a.next == "" {
			return r.complete(s, page, items)
		}
		token = a.next
		seen[token] = true
	}
}

// complete notes what a source that was read whole says.
func (r *run) complete(s source, pages, items int) error {
	if s.item != "" {
		return nil
	}
	note := ""
	if s.list != "" && items == 0 {
		note = "empty: the answer lists nothing"
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
	if s.resource == userResource || s.resource == sendAsResource {
		r.notice(s, a)
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
		r.c.cfg.Report.Done(0, int64(len(body)))
		return nil
	}
	return fmt.Errorf("keeping it: %w", err)
}

// attributes are what is said of an answer beside its body.
func (r *run) attributes(s source, a *answer, page int) map[string]string {
	attrs := map[string]string{
		"status": strconv.Itoa(a.status), "requested": a.asked.UTC().Format(time.RFC3339Nano), "page": strconv.Itoa(page),
		"subject": r.subject(s), "scope": s.scope,
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
	return attrs
}

// notice remembers of an answer what the rest of the collection needs.
func (r *run) notice(s source, a *answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch s.resource {
	case userResource:
		var said userState
		if json.Unmarshal(a.json, &said) == nil {
			r.user = said
		}
	case sendAsResource:
		for _, item := range a.items {
			var one struct {
				Address string `json:"sendAsEmail"`
			}
			if json.Unmarshal(item, &one) == nil && one.Address != "" {
				r.aliases = append(r.aliases, one.Address)
			}
		}
	}
}

// smime reads the certificates of each address that the user sends as.
func (r *run) smime(ctx context.Context) error {
	all := setting("sendAs", "sendAs")
	if r.aliases == nil && r.sink.Has(r.scope.Account, all.resource, "") {
		a, err := r.get(ctx, all, "") // an earlier run kept the list; which addresses are in it must be read again
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			r.notice(all, a)
		}
	}
	whole := setting("smimeInfo", "")
	if i := slices.IndexFunc(r.noMail, func(f failedSource) bool { return f.source.resource == sendAsResource }); i >= 0 {
		r.noMail = append(r.noMail, failedSource{whole, r.noMail[i].err})
		return nil
	}
	if len(r.aliases) == 0 {
		return r.failed(whole, 1, request{}, fmt.Errorf("%w: the addresses that the user sends as are not known", ErrUnavailable))
	}
	addresses := slices.Compact(slices.Sorted(slices.Values(r.aliases)))
	if err := r.expect(whole, int64(len(addresses)), ""); err != nil {
		return err
	}
	if len(addresses) > aliasesAtMost {
		if err := r.failed(whole, 1, request{}, fmt.Errorf("%w: there are %d addresses, and %d are asked about", ErrUnavailable, len(addresses), aliasesAtMost)); err != nil {
			return err
		}
		addresses = addresses[:aliasesAtMost]
	}
	var sources []source
	for _, address := range addresses {
		if !strings.Contains(address, "@") { // "..", say, would be another path
			one := source{resource: smimeResource, item: address, api: gmail}
			if err := r.gap(one, 1, request{}, fmt.Errorf("%w: this is no address to ask about", ErrDamaged)); err != nil {
				return err
			}
			continue
		}
		sources = append(sources, source{resource: smimeResource, item: address, name: "gmail/settings/smimeInfo/" + evidence.SafeName(address), api: gmail,
			path: "gmail/v1/users/{user}/settings/sendAs/" + url.PathEscape(address) + "/smimeInfo", scope: scopeGmail, list: "smimeInfo"})
	}
	return r.readAll(ctx, sources)
}

// failed writes the gap that a source leaves from a page on. That there is no mailbox is explained at the end, when what
// the Directory says of the user is known.
func (r *run) failed(s source, page int, asked request, err error) error {
	if errors.Is(err, ErrNoMailbox) && page == 1 {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.noMail = append(r.noMail, failedSource{s, err})
		return nil
	}
	return r.gap(s, page, asked, err)
}

func (r *run) gap(s source, page int, asked request, err error) error {
	if note := r.c.withheld(s); note != "" {
		return r.sink.Expect(evidence.Expectation{Account: r.scope.Account, Collector: r.c.Name(), Resource: s.resource, NotOffered: true, Note: note})
	}
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
func (r *run) explainNoMail() error {
	for _, f := range r.noMail {
		s := f.source
		if has := r.user.IsMailboxSetup; has != nil && !*has && !r.user.Suspended {
			err := r.sink.Expect(evidence.Expectation{Account: r.scope.Account, Collector: r.c.Name(), Resource: s.resource, NotOffered: true,
				Note: "not licensed: the Directory says that the user has no mailbox now; one that he had before would not show"})
			if err != nil {
				return err
			}
			continue
		}
		err := f.err
		if r.user.Suspended {
			err = fmt.Errorf("the user is suspended, and Google opens no mailbox of such: %w", err)
		}
		if err := r.gap(s, 1, s.request(r.c.root(s.api), r.scope.Account, ""), err); err != nil {
			return err
		}
	}
	return nil
}
