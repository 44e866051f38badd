package decision

import (
	"slices"
	"strings"

	"github.com/mbaudit/mbaudit/findings/facts"
)

// worlds are the rows of what was collected, and so what sort of mail system each account is on.
type worlds struct {
	coverage  *facts.Coverage
	byAccount map[string][]*facts.Row // of rows
}

func newWorlds(coverage *facts.Coverage) *worlds {
	return &worlds{coverage: coverage, byAccount: map[string][]*facts.Row{}}
}

// rows gives the rows that concern an account: its own, those of its tenant, and logs that hold everybody.
func (w *worlds) rows(account string) []*facts.Row {
	account = strings.ToLower(account)
	rows, known := w.byAccount[account]
	if !known {
		rows = w.coverage.Of(account)
		w.byAccount[account] = rows
	}
	return rows
}

func (w *worlds) has(account string, prefixes ...string) bool {
	return slices.ContainsFunc(w.rows(account), func(r *facts.Row) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(r.Resource, p) })
	})
}

// workspace and imap say what sort of mail system an account is on; both where it was read in both ways.
func (w *worlds) workspace(account string) bool {
	return w.has(account, "gmail/", "directory/", "reports/", "report-events:")
}

func (w *worlds) imap(account string) bool {
	return w.has(account, "messages/", "acl", "sieve", "scripts/", "log-events:") || !w.workspace(account)
}

// essential names the rules without whose sources nobody can say that an account is in order.
func (w *worlds) essential(account string) []string {
	rules := []string{"rule-sends-outside"}
	if w.workspace(account) {
		rules = append(rules, "sign-in-new-source", "filter-hides", "forwarding-external", "delegate-external", "token-mail", "app-password-recent")
	} else {
		rules = append(rules, "mail-sign-in-new-source")
	}
	return rules
}

// A reading says how far a resource of an account was read.
type reading int

const (
	notRead reading = iota
	partly
	wholly
	notThere // the source does not have it
)

// read says how far a resource was read; a pattern that ends in * stands for all that begin so, and of several, separated by |, the
// one that was read best counts.
func (w *worlds) read(account, patterns string) reading {
	best := notThere
	for pattern := range strings.SplitSeq(patterns, "|") {
		order := []reading{notThere, notRead, partly, wholly}
		if how := w.readOne(account, pattern); slices.Index(order, how) > slices.Index(order, best) {
			best = how
		}
	}
	return best
}

func (w *worlds) readOne(account, pattern string) reading {
	prefix, wild := strings.CutSuffix(pattern, "*")
	best, all := notRead, wholly
	if len(w.coverage.UnreadOf(account)) > 0 {
		all = partly // a bundle that cannot be read may hold more of it
	}
	for _, r := range w.rows(account) {
		if r.Resource != pattern && (!wild || !strings.HasPrefix(r.Resource, prefix)) {
			continue
		}
		switch {
		case r.Whole():
			return all
		case r.Status == "not offered" && best == notRead:
			best = notThere
		case r.Got > 0:
			best = partly
		}
	}
	return best
}
