package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/evidence/earlier"
	"github.com/mbaudit/mbaudit/internal/secret"
	"github.com/mbaudit/mbaudit/internal/visible"
)

const (
	googleKeyVariable = "GOOGLE_APPLICATION_CREDENTIALS" // what Google's own programs read
	// googleEndpointVariable names a tenant on this machine that stands for Google, for tests.
	googleEndpointVariable = "MBAUDIT_GOOGLE_ENDPOINT"

	onlyEmergency = "emergency"
	noAdmin       = "none"
)

// googleOptions are the options that say how to reach a Google Workspace.
type googleOptions struct {
	on                   bool
	keyFile, admin, only string
	quota                string
	noLogs               bool
	sweep                bool
	sweepLimit           int
	imapServer           string // that the messages are read from; "" for none

	disappeared func(account string, report earlier.Report) // hears what is not in a mailbox any more
}

func (o *googleOptions) addFlags(f *pflag.FlagSet) {
	f.BoolVar(&o.on, "workspace", false, "read the account's settings, messages, grants and devices from Google Workspace (docs/WORKSPACE.md)")
	f.StringVar(&o.keyFile, "google-key", "", "key file of a service account with domain-wide delegation (default: $"+googleKeyVariable+")")
	f.StringVar(&o.admin, "google-admin", "", "administrator for whom the Directory is read; none to do without it")
	f.StringVar(&o.quota, "google-quota", "new", "what the project may ask for: new; old (it used Gmail's API before May 2026); or a factor, as in 0.5 where others use it too")
	f.StringVar(&o.only, "only", "", "emergency: stop after the dozen settings that change first, and seal")
	f.BoolVar(&o.noLogs, "no-logs", false, "leave Google's logs and usage reports unread")
	f.BoolVar(&o.sweep, "sweep", false, "look into the mailboxes of all other users for one that delegates, forwards or sends as to the accounts")
	f.IntVar(&o.sweepLimit, "sweep-limit", workspace.SweepUsual, "how many mailboxes --sweep looks into at the most")
}

// check says what of the options cannot be. others: something else than Google Workspace is read too.
func (o *googleOptions) check(accounts []string, others bool) error {
	switch {
	case !o.on && (o.keyFile != "" || o.admin != "" || o.only != "" || o.noLogs):
		return usageError(errors.New("--google-key, --google-admin, --only and --no-logs are for Google Workspace"), "add --workspace, or leave them out")
	case o.sweep && !o.on:
		return usageError(errors.New("--sweep looks into the mailboxes of a Google Workspace"), "add --workspace, or leave it out")
	case !o.on:
		return nil
	case o.sweep && o.only != "":
		return usageError(errors.New("--only emergency stops before a sweep"), "leave out one of --sweep and --only")
	case o.sweep && o.admin == noAdmin:
		return usageError(errors.New("--sweep lists the users, and nobody is named for whom the Directory is read"), "name an administrator with --google-admin ADMIN@DOMAIN")
	case o.sweepLimit < 1:
		return usageError(fmt.Errorf("--sweep-limit is %d", o.sweepLimit), "write how many mailboxes are looked into at the most, as in --sweep-limit 5000")
	case o.only != "" && o.only != onlyEmergency:
		return usageError(fmt.Errorf("--only knows no %q", visible.Text(o.only)), "write --only "+onlyEmergency)
	case o.only != "" && others:
		return usageError(errors.New("--only emergency goes with --workspace alone"), "collect the rest in a second run, into another bundle")
	case o.admin == "":
		return usageError(errors.New("no administrator is named, for whom the Directory is read"),
			"add --google-admin ADMIN@DOMAIN; --google-admin none leaves grants, app passwords, devices and roles unread, as gaps")
	case o.admin != noAdmin && !strings.Contains(o.admin, "@"):
		return usageError(fmt.Errorf("--google-admin %s is no address", visible.Text(o.admin)), "write it as in --google-admin admin@example.com, or none")
	}
	for _, account := range accounts {
		if !strings.Contains(account, "@") {
			return usageError(fmt.Errorf("--account %s is no address", visible.Text(account)), "name the user's primary address, as in --account alice@example.com")
		}
	}
	return nil
}

// collector makes the collector for all accounts.
func (o *googleOptions) collector(t *terminal, accounts []string, shown *progress, again *workspace.Again) (*workspace.Collector, error) {
	key, err := o.key(t)
	if err != nil {
		return nil, err
	}
	given := map[string]bool{}
	config := workspace.Config{Key: key, EmergencyOnly: o.only == onlyEmergency, NoLogs: o.noLogs, Again: again, Endpoint: t.getenv(googleEndpointVariable), Report: shown, Now: t.now,
		MessagesOverIMAP: o.imapServer, Disappeared: o.disappeared, Say: func(text string) { t.say("%s", visible.Line(text)) },
		Sweep: o.sweep, SweepLimit: o.sweepLimit, SweepFor: accounts,
		Hint: func(hint string) {
			if !given[hint] {
				t.say("not everything is let in: %s", visible.Line(hint))
			}
			given[hint] = true
		}}
	if config.Quota, err = workspace.ParseQuota(o.quota); err != nil {
		return nil, usageError(err, "write --google-quota new, old, or a factor as in 0.5")
	}
	if o.admin != noAdmin {
		config.Admin = o.admin
	}
	collector, err := workspace.New(config)
	switch {
	case errors.Is(err, workspace.ErrEndpoint):
		return nil, usageError(err, "unset "+googleEndpointVariable+": it is for tests on this machine")
	case err != nil:
		return nil, usageError(err, "give the JSON file that Google's console made for the service account: --google-key FILE")
	}
	return collector, nil
}

// key reads the key file from the place that the option or the environment names.
func (o *googleOptions) key(t *terminal) (secret.String, error) {
	path := o.keyFile
	if path == "" {
		path = t.getenv(googleKeyVariable)
	}
	if path == "" {
		return secret.String{}, usageError(errors.New("there is no key for Google Workspace"),
			"give the service account's key file with --google-key FILE, or set "+googleKeyVariable)
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return secret.String{}, usageError(err, "check --google-key, or "+googleKeyVariable)
	}
	return secret.New(string(data)), err
}
