package workspace

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

const (
	heldResource = "vault/underHold"
	vaultNeeds   = "managing matters and holds in Vault, with a licence for Vault"
)

func matters() source {
	return source{resource: "vault/matters", api: vault, path: "v1/matters", query: url.Values{"view": {"FULL"}, "pageSize": {"100"}}, scope: scopeVault,
		list: "matters", needs: vaultNeeds, things: field("matterId")}
}

func holds() source {
	return source{resource: "vault/holds", api: vault, path: "v1/matters/{thing}/holds", query: url.Values{"view": {"FULL_HOLD"}, "pageSize": {"100"}},
		scope: scopeVault, list: "holds", needs: vaultNeeds, things: holdThings}
}

// vaultStage are the matters, with what each holds back from being purged, and for whom: accounts, or organisational
// units. What a hold covers nobody can destroy, not even who took over the account. Exports are how somebody with the
// right to it takes whole mailboxes away.
func vaultStage() stage {
	exports := source{resource: "vault/exports", api: vault, path: "v1/matters/{thing}/exports", query: url.Values{"pageSize": {"100"}}, scope: scopeVault, list: "exports",
		needs: "managing exports in Vault, with a licence for Vault"}
	return fanOut{name: "Vault", own: true, list: matters(), rows: []perThing{{source: holds()}, {source: exports}}}.stage()
}

// holdThings names a hold with whom it is for: addresses and ids of users, "unit " and the id of an organisational unit.
func holdThings(item json.RawMessage) []thing {
	var hold struct {
		Accounts []struct{ AccountID, Email string }
		Unit     struct{ OrgUnitID string } `json:"orgUnit"`
		HoldID   string
		Corpus   string
	}
	if json.Unmarshal(item, &hold) != nil {
		return nil
	}
	t := thing{name: hold.HoldID, what: hold.Corpus}
	for _, account := range hold.Accounts {
		t.about = append(t.about, strings.ToLower(account.Email), account.AccountID)
	}
	if hold.Unit.OrgUnitID != "" {
		t.about = append(t.about, unitOf(hold.Unit.OrgUnitID))
	}
	return []thing{t}
}

// unitOf is an organisational unit among those whom a hold is for. The Directory writes "id:" before its id.
func unitOf(id string) string { return "unit " + strings.TrimPrefix(id, "id:") }

// A heldDocument says whether Vault holds back what an account has from being purged.
type heldDocument struct {
	Version int    `json:"v"`
	Account string `json:"account"`
	Held    bool   `json:"held"`
	Holds   []held `json:"holds"`
	Note    string `json:"note"`
}

type held struct {
	Matter string `json:"matter"`
	Hold   string `json:"hold"`
	Corpus string `json:"corpus"` // what of the account: MAIL, DRIVE …
	By     string `json:"by"`     // the account, or the path of the organisational unit that the user is in or below
}

// heldStage says of an account whether it is under a hold. Matters, holds and units are read once for all accounts.
func heldStage() stage {
	return stage{"holds", oneRow(heldResource), func(ctx context.Context, r *run) error { return r.underHold(ctx) }}
}

func (r *run) underHold(ctx context.Context) error {
	row := matters()
	row.resource, row.list, row.things = heldResource, "", nil
	if r.sink.Has(r.scope.Account, heldResource, "") {
		return nil
	}
	if r.c.withheld(row) != "" || r.subject(row) == "" {
		return r.failed(row, 1, request{}, ErrNoAdmin)
	}
	all, err := r.allHolds(ctx)
	if err != nil {
		return err
	}
	doc, unknown, err := r.holdsOf(ctx, all)
	if err != nil {
		return err
	}
	found := ""
	for _, h := range doc.Holds {
		found += fmt.Sprintf("; hold %s of matter %s, %s, by %s", cut(h.Hold, longestWords), cut(h.Matter, longestWords), cut(h.Corpus, longestWords), cut(h.By, longestWords))
	}
	if unknown != nil {
		return r.failed(row, 1, request{}, fmt.Errorf("vault/holds was not read whole, or not for whom holds are, so that it is not known whether there are other ones%s: %w", found, unknown))
	}
	note := "not under a hold of Vault: what is deleted is purged"
	if doc.Held {
		note = "under hold" + found
	}
	if err := r.expect(row, 1, note); err != nil {
		return err
	}
	return r.derive(row, doc, "made from vault/matters, vault/holds, directory/orgunits and directory/user")
}

// holdsOf picks the holds that are for the account, for a unit that the user is in, or for one above. unknown is why there
// may be others; the error is that the collection was stopped.
func (r *run) holdsOf(ctx context.Context, all listing) (doc heldDocument, unknown, err error) {
	doc = heldDocument{Version: 1, Account: r.scope.Account, Holds: []held{}, Note: "Made by mbaudit from vault/matters, vault/holds, directory/orgunits and directory/user."}
	whom := map[string]string{} // as a hold has it -> in words
	addresses, err := r.addresses(ctx)
	if err != nil {
		return doc, nil, err
	}
	for _, a := range addresses {
		whom[a] = "the account"
	}
	user, userErr := r.record(ctx)
	if user.ID != "" {
		whom[user.ID] = "the account"
	}
	unknown = all.err
	if slices.ContainsFunc(all.things, func(t thing) bool {
		return slices.ContainsFunc(t.about, func(a string) bool { return strings.HasPrefix(a, "unit ") })
	}) {
		units, err := r.sharedList(ctx, orgUnits())
		if err != nil {
			return doc, nil, err
		}
		for _, u := range units.things {
			if strings.HasPrefix(user.Unit+"/", strings.TrimSuffix(u.name, "/")+"/") {
				whom[u.about[0]] = u.name
			}
		}
		for _, err := range []error{units.err, userErr} {
			if unknown == nil {
				unknown = err
			}
		}
	}
	for _, t := range all.things {
		for _, a := range t.about {
			if by := whom[a]; by != "" {
				doc.Held = true
				doc.Holds = append(doc.Holds, held{Matter: t.at, Hold: t.name, Corpus: t.what, By: by})
				break
			}
		}
	}
	return doc, unknown, ctx.Err()
}

// allHolds are the holds of all matters; at is the matter.
func (r *run) allHolds(ctx context.Context) (listing, error) {
	return r.c.lists.get(ctx, heldResource, r.customer(), func() (listing, error) {
		list, err := r.listAgain(ctx, matters())
		if err != nil {
			return listing{}, err
		}
		all := listing{err: list.err}
		for _, matter := range list.things {
			_, path := wholeName(matter.name)
			s := holds()
			s.path, s.vanishes = strings.ReplaceAll(s.path, "{thing}", path), true
			some, err := r.listAgain(ctx, s)
			if err != nil {
				return listing{}, err
			}
			for i := range some.things {
				some.things[i].at = matter.name
			}
			all.things = append(all.things, some.things...)
			if all.err == nil {
				all.err = some.err
			}
		}
		return all, nil
	})
}
