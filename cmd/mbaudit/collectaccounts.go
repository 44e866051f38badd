package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/evidence/journal"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// accountsOptions are the options that name many accounts at once.
type accountsOptions struct {
	all    bool
	units  []string
	groups []string
	file   string
}

func (o *accountsOptions) addFlags(f *pflag.FlagSet) {
	f.BoolVar(&o.all, "all-users", false, "examine all users of the Google Workspace, suspended ones too")
	f.StringArrayVar(&o.units, "ou", nil, "examine the users of this organisational unit and those below it, as in /Sales (repeatable)")
	f.StringArrayVar(&o.groups, "group", nil, "examine the members of this group and of the groups in it (repeatable)")
	f.StringVar(&o.file, "accounts-file", "", "examine the accounts in this file, one a line; # begins a comment")
}

// listed says that the Directory is asked who there is.
func (o *accountsOptions) listed() bool { return o.all || len(o.units) > 0 || len(o.groups) > 0 }

// lists are the questions to the Directory.
func (o *accountsOptions) lists() []workspace.List {
	var lists []workspace.List
	if o.all {
		lists = append(lists, workspace.List{})
	}
	for _, unit := range o.units {
		lists = append(lists, workspace.List{OrgUnit: unit})
	}
	for _, group := range o.groups {
		lists = append(lists, workspace.List{Group: group})
	}
	return lists
}

func (o *accountsOptions) check(google *googleOptions, others, resume bool) error {
	switch {
	case o.file != "" && resume:
		return usageError(errors.New("--accounts-file is for a new bundle: the unfinished one has its accounts"), "leave it out with --resume, or begin another bundle with --new")
	case !o.listed():
		return nil
	case !google.on || others:
		return usageError(errors.New("--all-users, --ou and --group ask a Google Workspace who there is, and go with --workspace alone"),
			"collect the Workspace first; then read the mailboxes with --imap and --accounts-file FILE")
	case google.admin == noAdmin:
		return usageError(errors.New("--all-users, --ou and --group need an administrator, who may list users"), "add --google-admin ADMIN@DOMAIN")
	case slices.ContainsFunc(o.units, func(unit string) bool { return !strings.HasPrefix(unit, "/") }):
		return usageError(errors.New("--ou is the whole path of an organisational unit"), "write it as in --ou /Sales/Paris")
	case slices.ContainsFunc(o.groups, func(group string) bool { return !strings.Contains(group, "@") }):
		return usageError(errors.New("--group is a group's address"), "write it as in --group sales@example.com")
	}
	return nil
}

// resolveAccounts adds the accounts of a file and of the Directory to those that were named, in that order, each once.
func (r *collection) resolveAccounts(ctx context.Context) error {
	o := &r.opts.many
	if err := o.check(&r.opts.google, r.opts.imap.url != "" || len(r.opts.imports) > 0, r.opts.resume); err != nil || r.opts.resume {
		return err
	}
	if o.file != "" {
		addresses, err := readAccounts(o.file)
		if err != nil {
			return err
		}
		r.addAccounts(addresses)
	}
	if !o.listed() {
		return nil
	}
	if err := r.opts.google.check(nil, false); err != nil {
		return err
	}
	return r.listAccounts(ctx)
}

// readAccounts reads a file of addresses.
func readAccounts(path string) ([]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, usageError(err, "check --accounts-file")
	}
	var addresses []string
	lines := bufio.NewScanner(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if strings.ContainsAny(line, " \t,;\"") {
			return nil, usageError(fmt.Errorf("%s: line %d is not one account: %s", visible.Text(path), n, visible.Cut(line, 60)), "write one account a line")
		}
		addresses = append(addresses, line)
	}
	if len(addresses) == 0 {
		return nil, usageError(fmt.Errorf("%s names no account", visible.Text(path)), "write one account a line")
	}
	return addresses, lines.Err()
}

// addAccounts adds accounts that are not named yet. Case does not tell accounts apart in a list.
func (r *collection) addAccounts(addresses []string) {
	known := make(map[string]bool)
	for _, account := range r.opts.accounts {
		known[strings.ToLower(account)] = true
	}
	for _, account := range addresses {
		if key := strings.ToLower(account); !known[key] {
			known[key] = true
			r.opts.accounts = append(r.opts.accounts, account)
		}
	}
}

// listAccounts asks the Directory who there is. The answers are kept once there is a bundle.
func (r *collection) listAccounts(ctx context.Context) error {
	if err := r.makeGoogle(); err != nil {
		return err
	}
	var words []string
	for _, list := range r.opts.many.lists() {
		words = append(words, list.String())
	}
	what := strings.Join(words, ", ")
	done, err := r.c.begin(journal.Collection, "asking the Directory for the addresses of "+visible.Text(what), map[string]string{"source": r.workspace.Address()})
	if err != nil {
		return err
	}
	suspended, others := 0, 0
	for _, list := range r.opts.many.lists() {
		found, err := r.workspace.List(ctx, list)
		if err != nil {
			return errors.Join(listError(err), done("", err))
		}
		r.listings = append(r.listings, found)
		r.addAccounts(found.Accounts)
		suspended, others = suspended+found.Suspended, others+found.Others
	}
	result := fmt.Sprintf("%s, %d of them suspended", plural(int64(len(r.opts.accounts)), "account"), suspended)
	if others > 0 {
		are := map[bool]string{true: "that is no user is", false: "that are no users are"}[others == 1]
		result += fmt.Sprintf("; %s %s left out", plural(int64(others), "member"), are)
	}
	r.say("%s: %s", visible.Text(what), result)
	return done(result, nil)
}

// listError says what to type after a list that did not come.
func listError(err error) error {
	switch {
	case errors.Is(err, workspace.ErrEverybody):
		return usageError(err, "type --all-users instead")
	case errors.Is(err, workspace.ErrNobody):
		return usageError(err, "check --ou and --group")
	}
	return withHint(err, "name the accounts with --account or --accounts-file, or look at: docs/WORKSPACE.md, scopes to paste")
}

// keepListings makes exhibits of what the Directory said of who there is. A run that was killed before it did, asks again.
func (r *collection) keepListings(ctx context.Context) error {
	if !r.opts.many.listed() || r.part == partRest {
		return nil
	}
	for i, list := range r.opts.many.lists() {
		if r.workspace.Kept(list, r.w) {
			continue
		}
		if len(r.listings) == 0 {
			if err := r.listAgain(ctx); err != nil {
				return err
			}
		}
		if err := r.listings[i].Keep(r.w); err != nil {
			return err
		}
	}
	r.listings = nil
	return nil
}

// listAgain asks anew, for a bundle that has the accounts of a list and not the list. The accounts stay those of the bundle.
func (r *collection) listAgain(ctx context.Context) error {
	accounts := slices.Clone(r.opts.accounts)
	if err := r.listAccounts(ctx); err != nil {
		return err
	}
	if n := len(r.opts.accounts) - len(accounts); n > 0 {
		r.say("%s came since this bundle was begun: collect them in another one", plural(int64(n), "account"))
	}
	r.opts.accounts = accounts
	return nil
}

// accountsInWords names the accounts in a line of the journal: all where they are few.
func accountsInWords(accounts []string) string {
	const few = 10
	if len(accounts) <= few {
		return strings.Join(accounts, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(accounts[:few], ", "), len(accounts)-few)
}
