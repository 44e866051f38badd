package facts

import (
	"slices"
	"strings"

	"github.com/mbaudit/mbaudit/evidence"
)

// tenants know to which tenant each account belongs. What is of a whole tenant is kept under "@" and the domain of one of its
// accounts (workspace.TenantAccount), and a customer of Google's may have several domains.
type tenants struct {
	names     []string            // "@example.com", in lower case, each once
	customers map[string]string   // of accounts and tenants, in lower case: Google's id of the customer
	domains   map[string][]string // of a tenant: its domains and aliases of such, as the Directory lists them
	listed    map[string]bool     // of a tenant: its domains were read, and not only aliases of some
	alone     map[string]string   // of an account: the one tenant that a bundle was made of beside it
}

func newTenants() tenants {
	return tenants{customers: map[string]string{}, domains: map[string][]string{}, listed: map[string]bool{}, alone: map[string]string{}}
}

// IsTenant says whether an account stands for a whole tenant: "@example.com".
func IsTenant(account string) bool { return strings.HasPrefix(account, "@") }

// take notes whom a bundle was made of. Where it has one tenant only, the accounts that Google told something of belong to it,
// unless the Directory says otherwise: that is how the collector reads a tenant whose customer it does not know.
func (t *tenants) take(b *evidence.Bundle) {
	var here []string
	read := map[string]bool{}
	for _, row := range b.Coverage {
		account := strings.ToLower(row.Account)
		switch {
		case row.Collector != "workspace":
		case IsTenant(account):
			if !slices.Contains(here, account) {
				here = append(here, account)
			}
		case row.Got > 0:
			read[account] = true
		}
	}
	for _, name := range here {
		if !slices.Contains(t.names, name) {
			t.names = append(t.names, name)
		}
	}
	if len(here) != 1 {
		return
	}
	for account := range read {
		if t.alone[account] == "" {
			t.alone[account] = here[0]
		}
	}
}

// maxDomains bounds what one tenant's exhibits make its own.
const maxDomains = 2_000

// learn takes from a fact which customer an account or a tenant is of, and which domains the tenant has.
func (t *tenants) learn(f *Fact) {
	owner := strings.ToLower(f.Account)
	switch f.Kind {
	case KindUser:
		id := f.Text("customerid")
		t.customer(owner, id)
		if tenant := owner[max(strings.LastIndexByte(owner, '@'), 0):]; IsTenant(tenant) && t.customers[tenant] == "" {
			t.customer(tenant, id) // a domain is of one customer, and what is of the tenant may be refused
		}
	case kindCustomer:
		if IsTenant(owner) {
			t.customer(owner, f.Text("id"))
		}
	case kindDomain:
		if !IsTenant(owner) {
			return
		}
		t.listed[owner] = t.listed[owner] || f.Text("domainname") != ""
		for _, name := range []string{"domainname", "domainaliasname", "domainaliases.domainaliasname"} {
			v, _ := f.Get(name)
			for _, domain := range v.All() {
				domain = strings.ToLower(domain)
				if domain != "" && len(t.domains[owner]) < maxDomains && !slices.Contains(t.domains[owner], domain) {
					t.domains[owner] = append(t.domains[owner], domain)
				}
			}
		}
	}
}

// customer notes whose customer an account is. my_customer and the like are no ids.
func (t *tenants) customer(owner, id string) {
	if id != "" && id != "my_customer" && len(t.customers) < maxNames {
		t.customers[owner] = id
	}
}

// of says whether an account belongs to a tenant: the Directory names the same customer of both, or lists the account's domain
// as the tenant's, or it has the domain that the tenant is named after. Where nothing of that is known, a bundle that was made
// of one tenant only tells. Two customers stay apart whatever their domains are.
func (t *tenants) of(account, tenant string) bool {
	account, tenant = strings.ToLower(account), strings.ToLower(tenant)
	if !IsTenant(tenant) || IsTenant(account) {
		return account == tenant
	}
	mine, its := t.customers[account], t.customers[tenant]
	if mine != "" && its != "" {
		return mine == its
	}
	domain := account[strings.LastIndexByte(account, '@')+1:]
	switch {
	case !strings.Contains(account, "@"):
		return false
	case "@"+domain == tenant, slices.Contains(t.domains[tenant], domain):
		return true
	case t.listed[tenant]:
		return false
	}
	return t.alone[account] == tenant
}

// Concerns says whether what is kept under owner, which is an account or a tenant, is about an account: its own, or its
// tenant's.
func (c *Coverage) Concerns(owner, account string) bool {
	return strings.EqualFold(owner, account) || IsTenant(owner) && c.tenants.of(account, owner)
}

// Examined says whether an account is under examination, or an account of the tenant that it stands for is.
func (c *Coverage) Examined(account string) bool {
	return slices.ContainsFunc(c.accounts, func(a string) bool { return c.Concerns(account, a) })
}
