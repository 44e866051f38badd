package facts

import (
	"slices"
	"strings"
)

// An Unread is a bundle of the case that was not read, or not to its end. What it holds is unknown, and so is whatever was not
// found of the accounts that it is about.
type Unread struct {
	Bundle   string   `json:"bundle"`             // ULID
	Accounts []string `json:"accounts,omitempty"` // those it was made of; none where that cannot be read either: it may be about any
	Reason   string   `json:"reason"`
	Partly   bool     `json:"partly,omitempty"` // something of it was read
}

// NotRead notes a bundle that cannot be read. Its accounts are under examination all the same. Of a bundle the first reason is kept.
func (c *Coverage) NotRead(u Unread) {
	if slices.ContainsFunc(c.unread, func(x Unread) bool { return x.Bundle == u.Bundle }) {
		return
	}
	c.unread = append(c.unread, u)
	for _, account := range u.Accounts {
		if !slices.Contains(c.accounts, account) {
			c.accounts = append(c.accounts, account)
		}
	}
}

// Unread lists the bundles that were not read, or not to their ends.
func (c *Coverage) Unread() []Unread { return c.unread }

// UnreadOf lists those that may hold something of an account, or of its tenant.
func (c *Coverage) UnreadOf(account string) []Unread {
	var all []Unread
	for _, u := range c.unread {
		if len(u.Accounts) == 0 || slices.ContainsFunc(u.Accounts, func(a string) bool { return strings.EqualFold(a, account) || c.Concerns(account, a) }) {
			all = append(all, u)
		}
	}
	return all
}
