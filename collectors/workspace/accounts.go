package workspace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/evidence"
)

// Errors of lists of accounts.
var (
	ErrNobody    = errors.New("nobody is in it")
	ErrEverybody = errors.New("everybody is a member of the group")
)

// accountsResource is the row of the lists that say who was to be examined.
const accountsResource = "directory/accounts"

// A List says which accounts of a Workspace are wanted: those of an organisational unit and the units in it, those of a
// group and the groups in it, or, as the zero List, all.
type List struct{ OrgUnit, Group string }

// String says what a list is.
func (l List) String() string {
	switch {
	case l.OrgUnit != "":
		return "the organisational unit " + l.OrgUnit
	case l.Group != "":
		return "the group " + l.Group
	}
	return "all users"
}

// A Listing is what the Directory answered: who there is, and the pages that say so, as received.
type Listing struct {
	Accounts  []string // primary addresses, in the order of the answer
	Suspended int      // so many of them
	Others    int      // members of the group that are no users: groups, addresses elsewhere

	run   *run
	src   source
	pages []*answer
}

// source is what is asked for a list.
func (l List) source() source {
	everybody := source{resource: accountsResource, item: "users", name: accountsResource + "/users", api: directory, path: "admin/directory/v1/users",
		query: url.Values{"customer": {"my_customer"}, "maxResults": {"500"}, "orderBy": {"email"}}, scope: scopeUser, list: "users"}
	switch {
	case l.OrgUnit != "":
		everybody.item, everybody.name = "ou:"+l.OrgUnit, accountsResource+"/ou-"+evidence.SafeName(l.OrgUnit)
		everybody.query.Set("query", "orgUnitPath='"+strings.ReplaceAll(l.OrgUnit, "'", `\'`)+"'")
	case l.Group != "":
		return source{resource: accountsResource, item: "group:" + l.Group, name: accountsResource + "/group-" + evidence.SafeName(l.Group), api: directory,
			path:  "admin/directory/v1/groups/" + url.PathEscape(l.Group) + "/members",
			query: url.Values{"includeDerivedMembership": {"true"}, "maxResults": {"200"}}, scope: scopeGroup, list: "members"}
	}
	return everybody
}

// List asks the Directory who there is. A list that does not come whole is an error: whom it leaves out nobody would miss.
// Nothing is kept yet: see Keep.
func (c *Collector) List(ctx context.Context, l List) (*Listing, error) {
	if c.cfg.Admin == "" {
		return nil, fmt.Errorf("listing %s: %w", l, ErrNoAdmin)
	}
	found := &Listing{run: c.newRun(collectors.Scope{Account: TenantAccount(c.cfg.Admin)}, nil), src: l.source()}
	if err := found.read(ctx); err != nil {
		return nil, fmt.Errorf("listing %s: %w", l, err)
	}
	if len(found.Accounts) == 0 {
		return nil, fmt.Errorf("listing %s: %w", l, ErrNobody)
	}
	return found, nil
}

func (l *Listing) read(ctx context.Context) error {
	seen := map[string]bool{}
	for token := ""; ; {
		a, err := l.run.get(ctx, l.src, token)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		if err := l.add(a); err != nil {
			return err
		}
		if token = a.next; token == "" {
			return nil
		}
		if seen[token] || len(l.pages) == pagesAtMost {
			return ErrLoop
		}
		seen[token] = true
	}
}

// add takes the accounts of a page. What is read of it is let go: only the bytes as received stay until they are kept.
func (l *Listing) add(a *answer) error {
	for _, item := range a.items {
		var one struct {
			Primary   string `json:"primaryEmail"` // of a user
			Email     string `json:"email"`        // of a member
			Type      string `json:"type"`
			Suspended bool   `json:"suspended"`
		}
		if json.Unmarshal(item, &one) != nil {
			return fmt.Errorf("%w: an item is no user", ErrDamaged)
		}
		address := one.Primary
		if l.src.list == "members" {
			switch one.Type {
			case "USER":
				address = one.Email
			case "CUSTOMER":
				return ErrEverybody
			default:
				l.Others++
				continue
			}
		}
		if !strings.Contains(address, "@") {
			return fmt.Errorf("%w: a user has no address", ErrDamaged)
		}
		if l.Accounts = append(l.Accounts, address); one.Suspended {
			l.Suspended++
		}
	}
	a.json, a.items = nil, make([]json.RawMessage, len(a.items)) // their number is said of the page
	l.pages = append(l.pages, a)
	return nil
}

// Account is what stands for the account of the exhibits: the whole tenant's.
func (l *Listing) Account() string { return l.run.scope.Account }

// Keep makes exhibits of the pages, unless they are there already.
func (l *Listing) Keep(sink collectors.Sink) error {
	l.run.sink = sink
	if sink.Has(l.Account(), l.src.resource, l.src.item) {
		return nil
	}
	attempt := 1
	for sink.Has(l.Account(), l.src.resource, pageItem(l.src, attempt, 1)) {
		attempt++
	}
	for i, a := range l.pages {
		if err := l.run.keep(l.src, a, attempt, i+1); err != nil {
			return fmt.Errorf("keeping the list of accounts: %w", err)
		}
	}
	l.pages = nil
	return nil
}

// Kept says whether a sink has the whole of a list.
func (c *Collector) Kept(l List, sink collectors.Sink) bool {
	s := l.source()
	return sink.Has(TenantAccount(c.cfg.Admin), s.resource, s.item)
}
