package workspace

import "net/url"

// vaultStage are the matters, with what each holds back from being purged, and for whom: accounts, or organisational
// units. What a hold covers nobody can destroy, not even who took over the account.
func vaultStage() stage {
	const needs = "managing matters and holds in Vault, with a licence for Vault"
	return fanOut{name: "Vault", own: true,
		list: source{resource: "vault/matters", api: vault, path: "v1/matters", query: url.Values{"view": {"FULL"}, "pageSize": {"100"}}, scope: scopeVault,
			list: "matters", needs: needs, things: field("matterId")},
		rows: []perThing{{source: source{resource: "vault/holds", api: vault, path: "v1/matters/{thing}/holds", query: url.Values{"view": {"FULL_HOLD"}, "pageSize": {"100"}},
			scope: scopeVault, list: "holds", needs: needs}}},
	}.stage()
}
