package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/mbaudit/mbaudit/collectors"
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

	credentialsAtMost = 1 << 20 // bytes of a file of credentials
)

// googleOptions are the options that say how to reach a Google Workspace.
type googleOptions struct {
	on                     bool
	keyFile, admin, only   string
	serviceAccount         string
	clientFile, tokenCache string
	quota                  string
	noLogs                 bool
	sweep                  bool
	sweepLimit             int
	imapServer             string // that the messages are read from; "" for none

	tryIMAP     func(ctx context.Context, account string) (string, error) // for a preflight; nil: nothing is tried
	disappeared func(account string, report earlier.Report)               // hears what is not in a mailbox any more
}

// addAccessFlags adds what says how to get in.
func (o *googleOptions) addAccessFlags(f *pflag.FlagSet) {
	f.BoolVar(&o.on, "workspace", false, "read the account's settings, messages, grants, devices and logs from Google Workspace (docs/WORKSPACE.md)")
	f.StringVar(&o.keyFile, "google-key", "", "key file of a service account with domain-wide delegation, or other credentials that sign for --google-service-account (default: $"+googleKeyVariable+", then gcloud's)")
	f.StringVar(&o.serviceAccount, "google-service-account", "", "service account with domain-wide delegation, where --google-key is not its key: user, workload identity or this machine signs for it")
	f.StringVar(&o.clientFile, "google-oauth-client", "", "OAuth client file of an installed application: the user of --account consents himself; nothing of the Directory is offered then")
	f.StringVar(&o.tokenCache, "google-token-cache", "", "keep the consent of --google-oauth-client in this file, for later runs (default: in memory)")
	f.StringVar(&o.admin, "google-admin", "", "administrator for whom the Directory is read; none to do without it")
	f.StringVar(&o.quota, "google-quota", "new", "what the project may ask for: new; old (it used Gmail's API before May 2026); or a factor, as in 0.5 where others use it too")
}

func (o *googleOptions) addFlags(f *pflag.FlagSet) {
	o.addAccessFlags(f)
	f.StringVar(&o.only, "only", "", "emergency: stop after the dozen settings that change first, and seal")
	f.BoolVar(&o.noLogs, "no-logs", false, "leave Google's logs and usage reports unread")
	f.BoolVar(&o.sweep, "sweep", false, "look into the mailboxes of all other users for one that delegates, forwards or sends as to the accounts")
	f.IntVar(&o.sweepLimit, "sweep-limit", workspace.SweepUsual, "how many mailboxes --sweep looks into at the most")
}

// check says what of the options cannot be. others: something else than Google Workspace is read too.
func (o *googleOptions) check(accounts []string, others bool) error {
	switch {
	case !o.on && (o.keyFile != "" || o.admin != "" || o.only != "" || o.noLogs || o.serviceAccount != "" || o.clientFile != "" || o.tokenCache != ""):
		return usageError(errors.New("--google-…, --only and --no-logs are for Google Workspace"), "add --workspace, or leave them out")
	case o.sweep && !o.on:
		return usageError(errors.New("--sweep looks into the mailboxes of a Google Workspace"), "add --workspace, or leave it out")
	case !o.on:
		return nil
	case o.sweep && o.only != "":
		return usageError(errors.New("--only emergency stops before a sweep"), "leave out one of --sweep and --only")
	case o.sweep && o.admin == noAdmin:
		return usageError(errors.New("--sweep lists the users, and nobody is named for whom the Directory is read"), "name an administrator with --google-admin ADMIN@DOMAIN")
	case o.sweep && o.sweepLimit < 1:
		return usageError(fmt.Errorf("--sweep-limit is %d", o.sweepLimit), "write how many mailboxes are looked into at the most, as in --sweep-limit 5000")
	case o.only != "" && o.only != onlyEmergency:
		return usageError(fmt.Errorf("--only knows no %q", visible.Text(o.only)), "write --only "+onlyEmergency)
	case o.only != "" && others:
		return usageError(errors.New("--only emergency goes with --workspace alone"), "collect the rest in a second run, into another bundle")
	case o.tokenCache != "" && o.clientFile == "":
		return usageError(errors.New("--google-token-cache keeps the consent of --google-oauth-client, and there is none"), "leave it out, or add --google-oauth-client FILE")
	case o.clientFile != "":
		if err := o.checkConsent(accounts); err != nil {
			return err
		}
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

// checkConsent says what does not go with a user's own consent.
func (o *googleOptions) checkConsent(accounts []string) error {
	switch {
	case o.keyFile != "" || o.serviceAccount != "":
		return usageError(errors.New("--google-oauth-client goes without --google-key and --google-service-account"), "use one way to get in")
	case o.admin != "" && o.admin != noAdmin:
		return usageError(errors.New("--google-oauth-client is for one user's own data, and --google-admin for the Directory"),
			"leave --google-admin out, or use a service account with --google-key")
	case len(accounts) > 1:
		return usageError(errors.New("--google-oauth-client is for one account, there are several"), "collect the accounts one by one")
	}
	return nil
}

// collector makes the collector for all accounts. report may be nil.
func (o *googleOptions) collector(t *terminal, accounts []string, report collectors.Progress, again *workspace.Again, tries int) (*workspace.Collector, error) {
	given := map[string]bool{}
	config := workspace.Config{EmergencyOnly: o.only == onlyEmergency, NoLogs: o.noLogs, Again: again, Endpoint: t.getenv(googleEndpointVariable), Report: report, Now: t.now, Tries: tries,
		MessagesOverIMAP: o.imapServer, Disappeared: o.disappeared, TryIMAP: o.tryIMAP, Say: func(text string) { t.say("%s", visible.Line(text)) },
		Sweep: o.sweep, SweepLimit: o.sweepLimit, SweepFor: accounts,
		Hint: func(hint string) {
			if !given[hint] {
				t.say("not everything is let in: %s", visible.Line(hint))
			}
			given[hint] = true
		}}
	if t.until != nil {
		config.Sleep = func(ctx context.Context, d time.Duration) error { return t.until(ctx, t.now().Add(d)) }
	}
	var err error
	if config.Quota, err = workspace.ParseQuota(o.quota); err != nil {
		return nil, usageError(err, "write --google-quota new, old, or a factor as in 0.5")
	}
	if o.admin != noAdmin {
		config.Admin = o.admin
	}
	if err := o.credentials(t, &config); err != nil {
		return nil, err
	}
	collector, err := workspace.New(config)
	switch {
	case errors.Is(err, workspace.ErrEndpoint):
		return nil, usageError(err, "unset "+googleEndpointVariable+": it is for tests on this machine")
	case errors.Is(err, workspace.ErrClientFile):
		return nil, usageError(err, `in Google's console make an OAuth client of the type "Desktop app", and give its JSON file: --google-oauth-client FILE`)
	case errors.Is(err, workspace.ErrServiceAccount), errors.Is(err, workspace.ErrNoServiceAccount):
		return nil, usageError(err, "name the account that the domain delegates to, as in: --google-service-account NAME@PROJECT.iam.gserviceaccount.com")
	case errors.Is(err, workspace.ErrKeyFile) && strings.Contains(config.Key.Reveal(), `"installed"`):
		return nil, usageError(err, "this file is an OAuth client: give it with --google-oauth-client, or give a service account's key with --google-key")
	case err != nil:
		return nil, usageError(err, "give the JSON file that Google's console made for the service account: --google-key FILE; a P12 key does not do")
	}
	return collector, nil
}

// credentials reads the file that the options or the environment name.
func (o *googleOptions) credentials(t *terminal, config *workspace.Config) error {
	var err error
	if o.clientFile != "" {
		config.Ask = askConsent(t)
		if o.tokenCache != "" {
			config.Cache = tokenCacheFile(o.tokenCache)
		}
		config.OAuthClient, err = readCredentials(o.clientFile, "check --google-oauth-client")
		return err
	}
	config.ServiceAccount = o.serviceAccount
	path := o.keyFile
	if path == "" {
		path = t.getenv(googleKeyVariable)
	}
	if path == "" {
		path = gcloudCredentials(t)
	}
	if path == "" && o.serviceAccount != "" {
		return nil // the machine's own account signs
	}
	if path == "" {
		return usageError(errors.New("there is no key for Google Workspace"),
			"give the service account's key file with --google-key FILE, or set "+googleKeyVariable+"; other ways are in docs/WORKSPACE.md")
	}
	config.Key, err = readCredentials(path, "check --google-key, or "+googleKeyVariable)
	return err
}

// gcloudCredentials is where gcloud auth application-default login writes; "" where nothing is.
func gcloudCredentials(t *terminal) string {
	dir := t.getenv("CLOUDSDK_CONFIG")
	if dir == "" {
		dir = filepath.Join(t.getenv("HOME"), ".config", "gcloud")
	}
	path := filepath.Join(dir, "application_default_credentials.json")
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

func readCredentials(path, hint string) (secret.String, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return secret.String{}, usageError(err, hint)
	case err != nil:
		return secret.String{}, err
	case info.IsDir():
		return secret.String{}, usageError(fmt.Errorf("%s is a directory", visible.Text(path)), hint)
	case info.Size() > credentialsAtMost:
		return secret.String{}, usageError(fmt.Errorf("%s is too large for credentials", visible.Text(path)), hint)
	}
	data, err := os.ReadFile(path)
	return secret.New(string(data)), err
}

// resumeFlags are what a resumed collection must be given again, since the bundle does not say where it lies.
func (o *googleOptions) resumeFlags() string {
	text := ""
	for _, f := range []struct{ name, value string }{{"key", o.keyFile}, {"oauth-client", o.clientFile}, {"token-cache", o.tokenCache}} {
		if f.value != "" {
			text += " --google-" + f.name + " " + visible.Text(f.value)
		}
	}
	return text
}

// consent has the user of an account consent, where that is the way in.
func (o *googleOptions) consent(ctx context.Context, c *workspace.Collector, account string) error {
	err := c.Consent(ctx, account)
	if errors.Is(err, workspace.ErrTokenCache) {
		return usageError(err, "remove the file, or name another one with --google-token-cache")
	}
	return err
}

// askConsent shows the page to open, and reads what is pasted in answer.
func askConsent(t *terminal) func(ctx context.Context, page string) <-chan string {
	return func(ctx context.Context, page string) <-chan string {
		t.say("Open this page in a browser, log in as the account's user, and leave everything ticked:\n\n%s\n", page)
		t.say("On another machine the browser ends at an address that it cannot open: paste that\naddress here. Waiting for the answer.")
		lines := make(chan string)
		go func() { // ends with the standard input, or with the program
			defer close(lines)
			for in := bufio.NewScanner(t.stdin); in.Scan(); {
				select {
				case lines <- in.Text():
				case <-ctx.Done():
					return
				}
			}
		}()
		return lines
	}
}
