package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/earlier"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// An earlierBundle is the bundle that --since names: what it holds is not fetched again.
type earlierBundle struct {
	link   evidence.EarlierBundle
	states map[string]*earlier.State // by account
}

// state is what is known of an account, nil where there is no earlier bundle.
func (e *earlierBundle) state(account string) *earlier.State {
	if e == nil {
		return nil
	}
	return e.states[account]
}

// absoluteSince writes a bundle that --since names by its id, or where it lies outside the case by its whole path, so that a
// later run finds it from elsewhere.
func (o *collectOptions) absoluteSince(c *openCase) error {
	if !isBundle(c, o.since) {
		return nil
	}
	var err error
	o.since, err = bundlePath(c, o.since)
	return err
}

// parseEarlier reads the bundle that --since names, if it names one.
func (r *collection) parseEarlier() error {
	if !isBundle(r.c, r.opts.since) {
		return nil
	}
	if r.opts.until != "" {
		return usageError(errors.New("--since names a bundle, and --until a day"), "leave --until out: what is new since the bundle is read whole")
	}
	var err error
	r.earlier, err = openEarlier(r.terminal, r.c, r.opts.since, r.opts.accounts, &r.opts.identity)
	return err
}

// isBundle says whether the value of --since names a bundle, and not a day.
func isBundle(c *openCase, since string) bool {
	_, err := findBundle(c, since)
	return since != "" && err == nil
}

// openEarlier reads what the bundle of --since, and those that it was itself collected since, know of the accounts.
func openEarlier(t *terminal, c *openCase, name string, accounts []string, identity *identityOptions) (*earlierBundle, error) {
	keys, err := identity.read(t)
	if err != nil {
		return nil, err
	}
	folder := ""
	open := func(name string) (*evidence.Bundle, error) {
		dir, err := findBundle(c, name)
		if err != nil {
			// The one before lies beside it where it is not in this case.
			if beside := filepath.Join(folder, name); folder != "" && isDirectory(beside) {
				dir = beside
			} else {
				return nil, withHint(err, "put that bundle beside the one that --since names")
			}
		}
		folder = filepath.Dir(filepath.Clean(dir))
		return openSealed(dir, keys)
	}
	chain, err := earlier.Chain(name, open)
	defer func() {
		for _, b := range chain {
			_ = b.Close() // only read
		}
	}()
	if err != nil {
		return nil, fmt.Errorf("reading the bundle of --since: %w", err)
	}
	last := chain[len(chain)-1]
	found := &earlierBundle{link: evidence.EarlierBundle{Bundle: last.Opening.Bundle, TagManifest: last.TagManifest}, states: make(map[string]*earlier.State)}
	for _, account := range accounts {
		if !slices.Contains(last.Opening.Accounts, account) {
			return nil, usageError(fmt.Errorf("the bundle %s does not examine %s, but %s", last.Opening.Bundle, visible.Text(account),
				visible.Text(strings.Join(last.Opening.Accounts, ", "))), "name the bundle of that account with --since, or leave --since out")
		}
		if found.states[account], err = earlier.Load(chain, account); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// openSealed opens a bundle that is sealed and whole enough to be read.
func openSealed(dir string, keys []evidence.Identity) (*evidence.Bundle, error) {
	_, sealed, err := evidence.ReadOpening(dir)
	if err != nil {
		return nil, err
	}
	if !sealed {
		return nil, withHint(fmt.Errorf("the bundle %s is not sealed yet", filepath.Base(dir)), "go on with it first: mbaudit collect --resume")
	}
	return evidence.Open(dir, keys...)
}

// A disappeared is what a collector found out about messages that are not in an account any more.
type disappeared struct {
	account string
	report  earlier.Report
}

func (r *collection) heardDisappeared(account string, report earlier.Report) {
	r.disappeared = append(r.disappeared, disappeared{account, report})
}

// sayDisappeared says in a few lines what is not there any more.
func (r *collection) sayDisappeared() {
	for _, d := range r.disappeared {
		if len(r.scopes) > 1 {
			r.say("%s:", visible.Text(d.account))
		}
		for _, line := range disappearedLines(d.report) {
			r.say("%s", line)
		}
	}
}

// disappearedLines words a report. What is not proved is not said.
func disappearedLines(report earlier.Report) []string {
	sum := report.Sum()
	var lines []string
	if s := report.Since; s != nil {
		lines = append(lines, fmt.Sprintf("since %s, sealed %s:", s.Bundle, utc(s.SealedAt)),
			fmt.Sprintf("  %s, %d vanished, %d re-flagged", plural(sum.New, "new message"), sum.Vanished, sum.Reflagged))
		if sum.Vanished > 0 {
			lines = append(lines, "  what vanished may have been deleted or moved")
		}
	}
	if sum.Renewed > 0 {
		lines = append(lines, "  "+plural(sum.Renewed, "folder")+" read anew: other messages have their numbers (UIDVALIDITY)")
	}
	if sum.FlagsUnknown > 0 {
		lines = append(lines, "  "+plural(sum.FlagsUnknown, "folder")+" of which it is not known whether flags changed")
	}
	if sum.Unused > 0 {
		lines = append(lines, plural(sum.Unused, "number")+" below UIDNEXT without a message, deleted or moved perhaps")
	}
	if sum.Deleted > 0 {
		lines = append(lines, plural(sum.Deleted, "message")+" marked as deleted, and still there")
	}
	return lines
}

// showDisappeared prints what is not in the accounts any more, the first of each kind one by one.
func showDisappeared(t *terminal, reports map[string]earlier.Report) {
	for _, account := range slices.Sorted(maps.Keys(reports)) {
		report := reports[account]
		lines := disappearedLines(report)
		if len(lines) == 0 {
			continue
		}
		t.print("\nnot there any more, or about to go: %s", visible.Text(account))
		for _, line := range lines {
			t.print("  %s", visible.Cut(line, t.width-2))
		}
		shown := 0
		line := func(kind, resource string, uid uint32, id, exhibit, bundle, more string) {
			number := fmt.Sprintf("UID %d", uid)
			if id != "" {
				number = "id " + id
			}
			if shown++; shown <= mostChanges {
				if bundle != report.Since.Bundle {
					exhibit += " of " + bundle
				}
				t.print("  %-10s %s", kind, visible.Cut(fmt.Sprintf("%s %s%s  %s", resource, number, more, exhibit), t.width-13))
			}
		}
		for _, f := range report.Folders {
			if f.Earlier == nil || report.Since == nil {
				continue
			}
			for _, gone := range f.Earlier.Vanished {
				line("vanished", f.Resource, gone.UID, gone.ID, gone.Exhibit, gone.Bundle, "")
			}
			for _, c := range f.Earlier.Reflagged {
				line("re-flagged", f.Resource, c.UID, c.ID, c.Exhibit, c.Bundle, fmt.Sprintf(" (%s) -> (%s)", c.Before, c.After))
			}
		}
		if shown > mostChanges {
			t.print("  … and %d more: --json has all", shown-mostChanges)
		}
	}
}
