package workspace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
)

// thingsAtMost is how many things a fan-out asks about, unless it says otherwise.
const thingsAtMost = 1_000

// A thing is something that a list names, and other sources are asked about.
type thing struct {
	name  string    // as the list has it
	why   string    // why it is not asked about, which is then a gap; "" is asked
	about []string  // addresses that it is about, in lower case
	when  time.Time // when it was made
	page  int       // of the list, from 1
	at    string    // JSON pointer (RFC 6901) into that page
	what  string    // what it covers, of a hold
}

// A listing is what was heard of a list.
type listing struct {
	things []thing
	err    error // why it is not whole; nil after its last page
}

var errStillReading = errors.New("it is still being read")

// field names each item of a list by one of its fields.
func field(name string) func(json.RawMessage) []thing {
	return func(item json.RawMessage) []thing {
		var fields map[string]json.RawMessage
		var value string
		if json.Unmarshal(item, &fields) != nil || json.Unmarshal(fields[name], &value) != nil || value == "" {
			return nil
		}
		return []thing{{name: value}}
	}
}

// add notes the things on a page.
func (l *listing) add(s source, page int, a *answer) {
	for i, item := range a.items {
		for _, t := range s.things(item) {
			t.page, t.at = page, fmt.Sprintf("/%s/%d", s.list, i)
			l.things = append(l.things, t)
		}
	}
}

// hear remembers what a page of a list names.
func (r *run) hear(s source, page int, a *answer) {
	if s.things == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lists[s.resource] == nil || page == 1 {
		r.lists[s.resource] = &listing{err: errStillReading}
	}
	r.lists[s.resource].add(s, page, a)
}

// heard remembers that a list is whole, or why it is not.
func (r *run) heard(s source, err error) {
	if s.things == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lists[s.resource] == nil {
		r.lists[s.resource] = &listing{}
	}
	r.lists[s.resource].err = err
}

// A fanOut asks about each thing that a list names: the access rules of each calendar, say. A row of it is whole where the
// list is whole and each thing was asked about; what the list does not name because it broke off is a gap of each row.
type fanOut struct {
	name string
	list source
	rows []perThing
	most int // how many things are asked about; 0 is thingsAtMost

	// own: the list is a row of this stage. shared: it is of the tenant and not kept here; the collector reads it once
	// for all accounts, and asks about the things that are about the account. Neither: another stage keeps it.
	own, shared bool
}

// A perThing is a source that is asked about a thing: its path has {thing}.
type perThing struct {
	source

	// part gives of a thing's name the item, and what stands for {thing} in the path, escaped: "" where it cannot, because
	// the name would lead elsewhere. nil is wholeName.
	part func(name string) (item, path string)

	asThing bool // the thing is a user, for whom it is asked
}

// wholeName asks about a thing by its whole name, as one segment of a path.
func wholeName(name string) (item, path string) {
	if name == "." || name == ".." {
		return name, ""
	}
	return name, url.PathEscape(name)
}

// address is wholeName for names that are addresses.
func address(name string) (item, path string) {
	if !strings.Contains(name, "@") {
		return name, ""
	}
	return wholeName(name)
}

// resourceName asks by the first segments of a resource name, such as devices/d1/deviceUsers/u1, which must have this shape
// with something in the place of each "*".
func resourceName(shape string) func(name string) (item, path string) {
	wanted := strings.Split(shape, "/")
	return func(name string) (item, path string) {
		segments := strings.Split(name, "/")
		if len(segments) < len(wanted) {
			return name, ""
		}
		segments = segments[:len(wanted)]
		item = strings.Join(segments, "/")
		for i, want := range wanted {
			if want != "*" && segments[i] != want || segments[i] == "" || segments[i] == "." || segments[i] == ".." {
				return item, ""
			}
			segments[i] = url.PathEscape(segments[i])
		}
		return item, strings.Join(segments, "/")
	}
}

// stage is the part of a collection that a fan-out is.
func (f fanOut) stage() stage {
	return stage{f.name, func(*run) []source {
		var rows []source
		if f.own {
			rows = append(rows, f.list)
		}
		for _, row := range f.rows {
			rows = append(rows, row.source)
		}
		return rows
	}, func(ctx context.Context, r *run) error { return r.fanOut(ctx, f) }}
}

// fanOut reads the rows of a fan-out.
func (r *run) fanOut(ctx context.Context, f fanOut) error {
	if f.own {
		if err := r.readAll(ctx, []source{f.list}); err != nil {
			return err
		}
	}
	list, err := r.listingOf(ctx, f)
	if err != nil {
		return err
	}
	var sources []source
	for _, row := range f.rows {
		found, err := r.perThing(f, row, list)
		if err != nil {
			return err
		}
		sources = append(sources, found...)
	}
	return r.readAll(ctx, sources)
}

// perThing announces a row, writes the gaps that are known before anything is asked, and gives what is to be asked.
func (r *run) perThing(f fanOut, row perThing, list listing) ([]source, error) {
	known := row.source // the reason of these gaps is the list's, and so is what to do about it
	known.api, known.scope, known.subject, known.needs = f.list.api, f.list.scope, f.list.subject, f.list.needs
	if list.err != nil && len(list.things) == 0 {
		return nil, r.failed(known, 1, request{}, fmt.Errorf("%s was not read, so that nothing is known to ask about: %w", f.list.resource, list.err))
	}
	part := row.part
	if part == nil {
		part = wholeName
	}
	var sources []source
	var unasked []failedSource
	seen := map[string]bool{}
	for _, t := range list.things {
		item, path := part(t.name)
		if seen[item] {
			continue
		}
		seen[item] = true
		s := row.source
		s.item, s.vanishes, s.things = item, true, nil
		if row.asThing {
			s.subject = item
		}
		s.path, s.name = strings.ReplaceAll(s.path, "{thing}", path), s.base()+"/"+evidence.SafeName(item)
		switch {
		case t.why != "":
			unasked = append(unasked, failedSource{s, fmt.Errorf("%w: %s", ErrRefused, t.why)})
		case path == "":
			unasked = append(unasked, failedSource{s, fmt.Errorf("%w: this is no name to ask about", ErrDamaged)})
		default:
			sources = append(sources, s)
		}
	}
	note := ""
	if len(seen) == 0 {
		note = "empty: " + f.list.resource + " names nothing to ask about"
	}
	if err := r.expect(row.source, int64(len(seen)), note); err != nil {
		return nil, err
	}
	for _, u := range unasked {
		if err := r.gap(u.source, 1, request{}, u.err); err != nil {
			return nil, err
		}
	}
	if list.err != nil {
		if err := r.gap(known, 1, request{}, fmt.Errorf("what %s does not name because it broke off is not asked about: %w", f.list.resource, list.err)); err != nil {
			return nil, err
		}
	}
	return r.bounded(f, row.source, sources)
}

// bounded cuts off what is too much, which is a gap.
func (r *run) bounded(f fanOut, row source, sources []source) ([]source, error) {
	most := f.most
	if most == 0 {
		most = thingsAtMost
	}
	if len(sources) <= most {
		return sources, nil
	}
	err := r.gap(row, 1, request{}, fmt.Errorf("%w: %s names %d, and %d are asked about", ErrUnavailable, f.list.resource, len(sources), most))
	return sources[:most], err
}

// listingOf gives what a list names. One that an earlier run kept, or that belongs to the tenant, is read here without
// being kept.
func (r *run) listingOf(ctx context.Context, f fanOut) (listing, error) {
	r.mu.Lock()
	heard := r.lists[f.list.resource]
	r.mu.Unlock()
	switch {
	case f.shared:
		return r.sharedListing(ctx, f.list)
	case heard != nil:
		return *heard, nil
	}
	return r.listAgain(ctx, f.list)
}

// listAgain reads what a list names and keeps nothing. The error is that the collection was stopped.
func (r *run) listAgain(ctx context.Context, s source) (listing, error) {
	var l listing
	if r.subject(s) == "" {
		return listing{err: ErrNoAdmin}, nil
	}
	seen := map[string]bool{}
	for page, token := 1, ""; ; page++ {
		a, err := r.get(ctx, s, token)
		if ctx.Err() != nil {
			return l, ctx.Err()
		}
		if err != nil {
			l.err = err
			return l, nil
		}
		l.add(s, page, a)
		if a.next == "" {
			return l, nil
		}
		if seen[a.next] || page == pagesAtMost {
			l.err = fmt.Errorf("%w: page %d names one that was read before as the next", ErrLoop, page)
			return l, nil
		}
		token, seen[a.next] = a.next, true
	}
}

// A forAll makes something that all accounts of a customer need. What it made lives as long as the collector.
type forAll[T any] struct {
	mu   sync.Mutex
	made map[string]*madeOnce[T] // by name and customer
}

type madeOnce[T any] struct {
	turn chan struct{} // holds one token: who has it makes it, or looks whether it was made
	done bool
	is   T
}

// get gives what is made once for all accounts of a customer. Whoever asks first makes it, the others wait. The error is
// that the collection was stopped.
func (f *forAll[T]) get(ctx context.Context, name, customer string, create func() (T, error)) (made T, err error) {
	f.mu.Lock()
	if f.made == nil {
		f.made = map[string]*madeOnce[T]{}
	}
	name += " " + customer
	one := f.made[name]
	if one == nil {
		one = &madeOnce[T]{turn: make(chan struct{}, 1)}
		f.made[name] = one
	}
	f.mu.Unlock()
	select {
	case one.turn <- struct{}{}:
		defer func() { <-one.turn }()
	case <-ctx.Done():
		return made, ctx.Err()
	}
	if !one.done {
		if one.is, err = create(); err != nil {
			return made, err
		}
		one.done = true
	}
	return one.is, nil
}

// sharedList gives a list of the tenant.
func (r *run) sharedList(ctx context.Context, s source) (listing, error) {
	return r.c.lists.get(ctx, s.resource, r.customer(), func() (listing, error) { return r.listAgain(ctx, s) })
}

// sharedListing gives of a list of the tenant the things that are about the account.
func (r *run) sharedListing(ctx context.Context, s source) (listing, error) {
	shared, err := r.sharedList(ctx, s)
	if err != nil {
		return listing{}, err
	}
	own, err := r.addresses(ctx)
	if err != nil {
		return listing{}, err
	}
	about := listing{err: shared.err}
	for _, t := range shared.things {
		if slices.ContainsFunc(t.about, func(a string) bool { return slices.Contains(own, a) }) {
			about.things = append(about.things, t)
		}
	}
	return about, nil
}

// addresses are all that the account has, in lower case. Where the Directory does not tell, it is the one that was named.
func (r *run) addresses(ctx context.Context) ([]string, error) {
	user, _ := r.record(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	own := []string{strings.ToLower(r.scope.Account)}
	for _, address := range slices.Concat([]string{user.Primary}, user.Aliases, user.FixedAliases) {
		if address = strings.ToLower(address); address != "" && !slices.Contains(own, address) {
			own = append(own, address)
		}
	}
	return own, nil
}
