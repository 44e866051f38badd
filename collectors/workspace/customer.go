package workspace

import (
	"strings"
	"sync"

	"github.com/mbaudit/mbaudit/collectors"
)

// anyCustomer stands in requests for the customer of the administrator, where it is not known to which one an account
// belongs.
const anyCustomer = "my_customer"

// A customers remembers to which customer of Google's each account belongs, as the Directory says.
type customers struct {
	mu sync.Mutex
	of map[string]string
}

func (c *customers) note(account, customer string) {
	if !plainID(customer) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[string]string{}
	}
	c.of[account] = strings.Clone(customer) // not the whole answer
}

func (c *customers) get(account string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.of[account]
}

// byCustomer names a customer in an address, wherever it stands there: not in the names of users and groups.
func byCustomer(address, customer string) string {
	var pairs []string
	for _, before := range []string{"/customer/", "/customers/", "customer=", "customer=customers%2F"} {
		pairs = append(pairs, before+anyCustomer, before+customer)
	}
	return strings.NewReplacer(pairs...).Replace(address)
}

// customer is the one that is asked about; "" where only the administrator's is known.
func (r *run) customer() string { return r.c.customers.get(r.scope.Account) }

// Tenants are the scopes of what is to be read of whole tenants, once the accounts were read: one for each customer that
// they belong to, named after its first account. Where the Directory did not say to which one, it is taken to be the
// administrator's.
func (c *Collector) Tenants(accounts []collectors.Scope) []collectors.Scope {
	var tenants []collectors.Scope
	known := map[string]bool{}
	add := func(s collectors.Scope, customer string) {
		tenant := collectors.Scope{Account: TenantAccount(s.Account), Since: s.Since, Until: s.Until}
		if known[customer] || known[tenant.Account] { // a domain is of one customer
			return
		}
		known[customer], known[tenant.Account] = true, true
		c.customers.note(tenant.Account, customer)
		tenants = append(tenants, tenant)
	}
	for _, s := range accounts {
		if customer := c.customers.get(s.Account); customer != "" {
			add(s, customer)
		}
	}
	if len(tenants) == 0 && len(accounts) > 0 {
		add(accounts[0], "")
	}
	return tenants
}
