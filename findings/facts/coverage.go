package facts

import (
	"cmp"
	"slices"
	"strings"

	"github.com/mbaudit/mbaudit/evidence"
)

// Coverage says of each resource of each account whether it was read, over all bundles, and what of it was not.
type Coverage struct {
	accounts  []string
	rows      map[rowKey]*Row
	baselines map[string]bool
	sent      map[string]bool
	content   *ContentCount
	tenants   tenants
	unread    []Unread

	sorted []*Row            // Rows, until there is another one
	index  map[string][]*Row // by the account or tenant that they are kept under, in lower case; those that hold everybody are everybodys
	owners []string          // the tenants in index
}

// everybodys is the owner of rows that concern all accounts: logs that were imported.
const everybodys = ""

// A ContentCount says of how many messages the body was read, and of which not.
type ContentCount struct {
	Read        int64 `json:"read"`
	Partly      int64 `json:"partly"`       // of Read: something in them could not be read, or is beyond the bounds
	Personal    int64 `json:"personal"`     // marked personal: left out
	HeadersOnly int64 `json:"headers_only"` // only their headers were collected
}

// Content says whose bodies were read; nil where nobody asked for it.
func (c *Coverage) Content() *ContentCount { return c.content }

type rowKey struct{ account, resource string }

// A Row is one resource of one account.
type Row struct {
	Account  string `json:"account"`
	Resource string `json:"resource"`
	Status   string `json:"status"` // as in evidence.Coverage; the best of all bundles
	Reason   string `json:"reason,omitempty"`
	Got      int64  `json:"got"`

	// Unreadable counts exhibits, and parts of them, that are there and cannot be read; Why is the first one's reason.
	Unreadable int64  `json:"unreadable,omitempty"`
	Why        string `json:"why,omitempty"`

	// Services are the logs that events were found of, where the resource holds events.
	Services []string `json:"services,omitempty"`

	wholes int // bundles that read all of it
}

// Whole says that all was read that the source has.
func (r *Row) Whole() bool {
	return r.Unreadable == 0 && (r.Status == evidence.StatusComplete || r.Status == evidence.StatusEmpty)
}

// Accounts lists the accounts under examination.
func (c *Coverage) Accounts() []string { return c.accounts }

// Rows lists the rows in the order of account and resource. The list must not be changed.
func (c *Coverage) Rows() []*Row {
	if c.sorted == nil {
		for _, r := range c.rows {
			c.sorted = append(c.sorted, r)
		}
		slices.SortFunc(c.sorted, compareRows)
	}
	return c.sorted
}

func compareRows(a, b *Row) int {
	return cmp.Or(strings.Compare(a.Account, b.Account), strings.Compare(a.Resource, b.Resource))
}

// Of lists the rows that concern an account, in their order: its own, those of its tenant, which collectors name by its domain as
// in @example.com, and those of logs that were imported, which hold everybody.
func (c *Coverage) Of(account string) []*Row {
	if c.index == nil {
		c.index, c.owners = map[string][]*Row{}, nil
		for _, r := range c.Rows() {
			owner := strings.ToLower(r.Account)
			if strings.HasPrefix(r.Resource, "log-events:") || strings.HasPrefix(r.Resource, "report-events:") {
				owner = everybodys
			}
			if strings.HasPrefix(owner, "@") && c.index[owner] == nil {
				c.owners = append(c.owners, owner)
			}
			c.index[owner] = append(c.index[owner], r)
		}
	}
	account = strings.ToLower(account)
	rows := slices.Concat(c.index[account], c.index[everybodys])
	for _, tenant := range c.owners {
		if tenant != account && c.Concerns(tenant, account) {
			rows = append(rows, c.index[tenant]...)
		}
	}
	slices.SortFunc(rows, compareRows)
	return rows
}

// Baseline says whether enough is known of an account's earlier sign-ins to call a source new. It is known once All has
// ended.
func (c *Coverage) Baseline(account string) bool { return c.baselines[strings.ToLower(account)] }

// Compared says whether some settings of an account were read as a whole by two bundles.
func (c *Coverage) Compared(account string) bool {
	return slices.ContainsFunc(c.Of(account), func(r *Row) bool {
		return r.wholes > 1 && strings.EqualFold(r.Account, account) && compares(r.Resource)
	})
}

// Sent says whether messages that the account sent were collected.
func (c *Coverage) Sent(account string) bool { return c.sent[account] }

func (c *Coverage) at(account, resource string) *Row {
	key := rowKey{account, resource}
	r := c.rows[key]
	if r == nil {
		r = &Row{Account: account, Resource: resource}
		c.rows[key] = r
		c.sorted, c.index = nil, nil
	}
	return r
}

// take adds a bundle's ledger.
func (c *Coverage) take(b *evidence.Bundle) {
	c.tenants.take(b)
	for _, account := range b.Opening.Accounts {
		if !slices.Contains(c.accounts, account) {
			c.accounts = append(c.accounts, account)
		}
	}
	for _, row := range b.Coverage {
		r := c.at(row.Account, row.Resource)
		r.Got += row.Got
		if row.Status == evidence.StatusComplete || row.Status == evidence.StatusEmpty {
			r.wholes++
		}
		if rank(row.Status) >= rank(r.Status) {
			r.Status, r.Reason = row.Status, row.Reason
		}
	}
}

// rank orders what the ledger says by how much is known.
func rank(status string) int {
	return slices.Index([]string{evidence.StatusUnfinished, evidence.StatusNotOffered, evidence.StatusIncomplete, evidence.StatusEmpty, evidence.StatusComplete}, status)
}

func (c *Coverage) unreadable(account, resource string, parts int64, why error) {
	r := c.at(account, resource)
	if r.Unreadable == 0 {
		r.Why = why.Error()
	}
	r.Unreadable += parts
}

// maxServices bounds what a hostile log puts into a row.
const maxServices = 100

// served notes of which log an event was found.
func (c *Coverage) served(account, resource, application string) {
	r := c.at(account, resource)
	if !slices.Contains(r.Services, application) && len(r.Services) < maxServices {
		r.Services = append(r.Services, application)
	}
}
