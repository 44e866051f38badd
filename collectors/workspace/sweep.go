package workspace

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mbaudit/mbaudit/evidence"
)

// SweepUsual is how many mailboxes a sweep looks into, unless Config says otherwise.
const SweepUsual = 1_000

const (
	namingResource = "sweep/naming"
	sweepResource  = "sweep/result"
	sweepAtOnce    = 50 // users whose access tokens are held at the same time
)

// sweepRows are what is asked of each other user: who reads his mailbox, as whom he sends, where his mail goes.
func (r *run) sweepRows(wanted []sought) []perThing {
	row := func(name, list string) perThing {
		return perThing{source: source{resource: "sweep/" + name, api: gmail, path: "gmail/v1/users/{thing}/settings/" + name, scope: scopeGmail, list: list,
			before: func(s source, a *answer) error { return r.naming(s, a, wanted) }}, part: address, asThing: true}
	}
	return []perThing{row("delegates", "delegates"), row("sendAs", "sendAs"), row("autoForwarding", ""), row("forwardingAddresses", "forwardingAddresses")}
}

// sweepStage looks into the mailboxes of the other users for one that names an examined account. An answer that does is
// described in an exhibit of its own before it is kept, so that a sweep which is taken up again need not ask anew.
func sweepStage() stage {
	return stage{"sweep", func(r *run) []source {
		rows := []source{{resource: sweepResource}}
		for _, row := range r.sweepRows(nil) {
			rows = append(rows, row.source)
		}
		return rows
	}, func(ctx context.Context, r *run) error { return r.sweep(ctx) }}
}

// A sought is an examined account, with all its addresses in lower case.
type sought struct {
	account   string
	addresses []string
}

// A sweepDocument says what a sweep looked into and found. It is the last thing that a sweep writes.
type sweepDocument struct {
	Version        int      `json:"v"`
	Accounts       []string `json:"accounts"` // looked for
	Users          int      `json:"users"`    // that the Directory lists, the accounts left out
	UsersWhole     bool     `json:"users_whole"`
	WithoutMailbox int      `json:"without_mailbox"`
	NotOpened      int      `json:"not_opened"`   // suspended
	BeyondLimit    int      `json:"beyond_limit"` // not looked into because of the limit
	LookedInto     int      `json:"looked_into"`  // all that was asked of them was answered
	Refused        int      `json:"refused"`      // of them at least one answer was not had
	Naming         []naming `json:"naming"`
	Note           string   `json:"note"`
}

// A naming says that an answer about a user names an account. Exhibits of sweep/naming have it with Pointers, and that of
// sweep/result lists all of them.
type naming struct {
	Account  string   `json:"account"`
	User     string   `json:"user"`
	Resource string   `json:"resource"` // of the answer; its item is the user
	SHA256   string   `json:"sha256,omitempty"`
	Pointers []string `json:"pointers,omitempty"` // into the answer, RFC 6901
}

func (n naming) item() string { return n.Account + " " + n.Resource + " " + n.User }

// sweep reads all rows, some users at a time.
func (r *run) sweep(ctx context.Context) error {
	list, err := r.listingOf(ctx, fanOut{list: allUsers()})
	if err != nil {
		return err
	}
	doc, wanted, users := r.choose(list)
	f := fanOut{list: allUsers(), most: r.sweepLimit()}
	rows := r.sweepRows(wanted)
	sources := make([][]source, len(rows))
	for i, row := range rows {
		if sources[i], err = r.perThing(f, row, listing{users, list.err}); err != nil {
			return err
		}
	}
	if list.err != nil && len(list.things) == 0 {
		return r.failed(source{resource: sweepResource, api: directory, scope: scopeUser}, 1, request{}, list.err)
	}
	for from := 0; from < len(sources[0]); from += sweepAtOnce {
		var some []source
		to := min(from+sweepAtOnce, len(sources[0]))
		for i := range rows {
			some = append(some, sources[i][from:to]...)
		}
		if err := r.readAll(ctx, some); err != nil {
			return err
		}
		for _, s := range some {
			r.c.tokens.drop(s.subject)
		}
	}
	return r.sweepResult(doc, wanted, rows, sources[0])
}

// SweepAlsoFor adds accounts that are looked for, before the sweep begins: those that only the Directory's lists named.
func (c *Collector) SweepAlsoFor(accounts ...string) {
	for _, account := range accounts {
		if !slices.Contains(c.cfg.SweepFor, account) {
			c.cfg.SweepFor = append(slices.Clip(c.cfg.SweepFor), account)
		}
	}
}

func (r *run) sweepLimit() int {
	if r.c.cfg.SweepLimit > 0 {
		return r.c.cfg.SweepLimit
	}
	return SweepUsual
}

// choose tells the accounts that are looked for, under all their addresses, from the users that are looked into.
func (r *run) choose(list listing) (doc sweepDocument, wanted []sought, users []thing) {
	doc = sweepDocument{Version: 1, Accounts: r.c.cfg.SweepFor, UsersWhole: list.err == nil, Naming: []naming{},
		Note: "Made by mbaudit from the answers in sweep/…; which part of an answer names the account is in " + namingResource + "."}
	for _, account := range r.c.cfg.SweepFor {
		wanted = append(wanted, sought{account, []string{strings.ToLower(account)}})
	}
	for _, t := range list.things {
		own := slices.IndexFunc(wanted, func(w sought) bool { return slices.Contains(t.about, w.addresses[0]) })
		if own >= 0 {
			wanted[own].addresses = append(wanted[own].addresses, t.about...)
			continue
		}
		doc.Users++
		switch {
		case t.why == withoutMailbox:
			doc.WithoutMailbox++
			continue
		case t.why != "":
			doc.NotOpened++
		}
		users = append(users, t)
	}
	doc.BeyondLimit = max(len(users)-doc.NotOpened-r.sweepLimit(), 0)
	return doc, wanted, users
}

// naming describes, before an answer is kept, which accounts it names and where.
func (r *run) naming(s source, a *answer, wanted []sought) error {
	var content any
	if json.Unmarshal(a.json, &content) != nil {
		return nil // an answer that is no JSON does not come so far
	}
	for _, w := range wanted {
		pointers := pointersTo(content, w.addresses, "")
		n := naming{Account: w.account, User: s.item, Resource: s.resource, SHA256: evidence.Digest(sha256.Sum256(a.body)).String(), Pointers: pointers}
		if len(pointers) == 0 || r.sink.Has(r.scope.Account, namingResource, n.item()) {
			continue
		}
		row := source{resource: namingResource, item: n.item(), name: namingResource + "/" + evidence.SafeName(n.item())}
		if err := r.derive(row, n, "made from the answer that it names"); err != nil {
			return err
		}
	}
	return nil
}

// pointersTo lists the places of a JSON text that hold one of the addresses and nothing else, in order.
func pointersTo(v any, addresses []string, at string) []string {
	var found []string
	switch v := v.(type) {
	case string:
		if slices.Contains(addresses, strings.ToLower(strings.TrimSpace(v))) {
			found = []string{at}
		}
	case []any:
		for i, item := range v {
			found = append(found, pointersTo(item, addresses, at+"/"+strconv.Itoa(i))...)
		}
	case map[string]any:
		for name, item := range v {
			found = append(found, pointersTo(item, addresses, at+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name))...)
		}
		slices.Sort(found)
	}
	return found
}

// sweepResult counts by what is kept, of this run and of earlier ones.
func (r *run) sweepResult(doc sweepDocument, wanted []sought, rows []perThing, asked []source) error {
	for _, user := range asked {
		whole := true
		for _, row := range rows {
			whole = whole && r.sink.Has(r.scope.Account, row.resource, user.item)
			for _, w := range wanted {
				n := naming{Account: w.account, User: user.item, Resource: row.resource}
				if r.sink.Has(r.scope.Account, namingResource, n.item()) {
					doc.Naming = append(doc.Naming, n)
				}
			}
		}
		if whole {
			doc.LookedInto++
		} else {
			doc.Refused++
		}
	}
	if err := r.expect(source{resource: namingResource}, int64(len(doc.Naming)), "answers that name an examined account"); err != nil {
		return err
	}
	row := source{resource: sweepResource}
	err := r.expect(row, 1, fmt.Sprintf("%d mailboxes looked into of %d users, %d answers name an account", doc.LookedInto, doc.Users, len(doc.Naming)))
	if err != nil || r.sink.Has(r.scope.Account, sweepResource, "") {
		return err
	}
	return r.derive(row, doc, "made from the answers of the sweep")
}
