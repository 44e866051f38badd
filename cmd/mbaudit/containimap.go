package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"

	collector "github.com/mbaudit/mbaudit/collectors/imap"
	"github.com/mbaudit/mbaudit/containment"
	"github.com/mbaudit/mbaudit/containment/imap"
	"github.com/mbaudit/mbaudit/containment/workspace"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/settings"
	"github.com/mbaudit/mbaudit/findings/mailrule"
	"github.com/mbaudit/mbaudit/internal/imapwire"
	"github.com/mbaudit/mbaudit/internal/managesieve"
	"github.com/mbaudit/mbaudit/internal/secret"
	"github.com/mbaudit/mbaudit/internal/visible"
)

const doveadmKeyVariable = "MBAUDIT_DOVEADM_KEY"

// A provider is a mail system whose accounts are taken back.
type provider interface {
	Plan(ctx context.Context, o workspace.PlanOptions) (containment.Plan, error)
	Actions(p containment.Plan) containment.Actions

	// Signs are what tells that somebody is in the account since a time.
	Signs(ctx context.Context, account string, since time.Time) ([]workspace.Event, error)
}

// containIMAPOptions say how an IMAP server is reached, beside what collect knows of that.
type containIMAPOptions struct {
	imapOptions
	doveadm, doveadmKeyFile string
	folder                  string // for messages in quarantine
}

func (o *containIMAPOptions) addFlags(f *pflag.FlagSet) {
	o.addReach(f)
	f.StringVar(&o.doveadm, "doveadm", "", "doveadm's HTTP API, to end sessions: https://host:port (its key: $"+doveadmKeyVariable+", or --doveadm-key-file)")
	f.StringVar(&o.doveadmKeyFile, "doveadm-key-file", "", "file whose first line is the doveadm_api_key")
}

// onIMAP says that an IMAP server is meant.
func (o *containOptions) onIMAP() bool { return o.imap.url != "" }

// settleIMAP takes the server from a plan that was made at one, where none is named: an edited plan is refused later.
func (o *containOptions) settleIMAP() {
	if o.onIMAP() || o.admin != "" || o.apply == "" {
		return
	}
	file, err := os.ReadFile(o.apply)
	if err != nil {
		return // readPlan says so
	}
	if p, err := containment.Parse(file); err == nil && p.Provider == imap.Provider {
		o.imap.url = p.Server
	}
}

// checkIMAP says what does not go with an IMAP server.
func (o *containOptions) checkIMAP() error {
	switch {
	case !o.onIMAP():
		return nil
	case o.admin != "" || o.keyFile != "" || o.writeKey != "":
		return usageError(errors.New("--imap goes without --google-admin, --google-key and --google-write-key"), "an account of Google Workspace is taken back without --imap")
	case o.now:
		return usageError(errors.New("--now is for Google Workspace: IMAP cannot change a password, and who knows it comes back"),
			"change the password where it is kept, then: mbaudit contain --account "+visible.Text(o.account)+" --imap "+visible.Text(o.imap.url))
	case o.showPassword:
		return usageError(errors.New("--show-password is for Google Workspace: IMAP sets no password"), "leave it out")
	case o.allUsers:
		return usageError(errors.New("--all-users is for Google Workspace: IMAP does not list accounts"), "name them: --account A --account B, with --imap-master")
	case o.imap.doveadm == "" && o.imap.doveadmKeyFile != "":
		return usageError(errors.New("--doveadm-key-file is a key, and it is not said to what"), "add --doveadm https://host:port")
	}
	if o.imap.folder != "" {
		if err := imap.CheckFolder(o.imap.folder); err != nil {
			return usageError(err, "as in: --quarantine-folder "+imap.QuarantineName)
		}
	}
	return o.imap.check(len(o.accounts))
}

// reach are the words that name the mail system in a command to be typed next.
func (o *containOptions) reach() string {
	if !o.onIMAP() {
		return "--google-admin " + visible.Text(o.admin)
	}
	words := "--imap " + visible.Text(o.imap.url)
	for _, f := range []struct{ flag, value string }{
		{"--sieve", o.imap.sieve}, {"--imap-login", o.imap.login}, {"--imap-master", o.imap.master}, {"--doveadm", o.imap.doveadm}, {"--doveadm-key-file", o.imap.doveadmKeyFile}, {"--tls-ca", o.imap.caFile}, {"--tls-pin", o.imap.pin},
	} {
		if f.value != "" {
			words += " " + f.flag + " " + visible.Text(f.value)
		}
	}
	return words
}

// collectFirst is the command that seals what a plan changes.
func (r *containing) collectFirst(account string) string {
	if r.opts.onIMAP() {
		reads := *r.opts // doveadm is for changing things
		reads.imap.doveadm, reads.imap.doveadmKeyFile = "", ""
		return "mbaudit collect --account " + visible.Text(account) + " " + reads.reach() + " --messages none"
	}
	return "mbaudit collect --account " + visible.Text(account) + " --workspace " + r.opts.reach() + " --only " + onlyEmergency
}

// addIMAP takes from an exhibit of an IMAP server what it shows of things that a plan changes.
func (k *preserved) addIMAP(b *evidence.Bundle, record evidence.Record) error {
	x := record.Exhibit
	switch {
	case x.Resource == "sieve":
		body, err := b.Body(x)
		if err != nil {
			return err
		}
		script, err := io.ReadAll(body)
		if err != nil {
			return err
		}
		k.imap[imap.ScriptShown(script)] = record.ID()
	case x.Resource == settings.ACL && x.Item == "settings":
		body, err := b.Body(x)
		if err != nil {
			return err
		}
		var doc settings.Document
		if err := json.NewDecoder(body).Decode(&doc); err != nil {
			return nil // it is ours, and shows nothing
		}
		for _, rights := range doc.Rights {
			for _, e := range rights.Entries {
				k.imap[imap.RightsShown(rights.Key(), string(e.Identifier), string(e.Rights))] = record.ID()
			}
		}
	case strings.HasPrefix(x.Resource, "messages/"):
		k.imap[imap.MessageShown(x.SHA256.String())] = record.ID()
	}
	return nil
}

// An imapProvider reaches accounts of one IMAP server, each with a client of its own.
type imapProvider struct {
	*containing
	writes  bool
	doveadm *imap.Doveadm // nil where none was given

	mu      sync.Mutex
	clients map[string]*imap.Client
}

func (r *containing) imapProvider(writes bool) (*imapProvider, error) {
	p := &imapProvider{containing: r, writes: writes, clients: map[string]*imap.Client{}}
	if r.opts.imap.doveadm == "" {
		return p, nil
	}
	var key secret.String
	var err error
	if r.opts.imap.doveadmKeyFile != "" {
		if key, err = readSecretFile(r.opts.imap.doveadmKeyFile); err != nil {
			return nil, err
		}
	} else {
		key = secret.New(r.getenv(doveadmKeyVariable))
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if file := r.opts.imap.caFile; file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(pem) // the collector says where there is none in it
	}
	p.doveadm, err = imap.NewDoveadm(imap.DoveadmConfig{URL: r.opts.imap.doveadm, Key: key, InsecurePlaintext: r.opts.imap.insecurePlaintext, TLS: config})
	if err != nil {
		return nil, usageError(err, "as in: --doveadm https://mail.example.com:8080, with the server's doveadm_api_key in "+doveadmKeyVariable+" or --doveadm-key-file FILE")
	}
	return p, nil
}

// client is that of an account. Its connections are opened by the collector, which knows how to log in and only reads; who
// takes back has them send more.
func (p *imapProvider) client(account string) (*imap.Client, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.clients[account]; c != nil {
		return c, nil
	}
	opts := p.opts.imap.imapOptions
	opts.passwordFile, opts.connections = p.opts.passwordFile, 1
	sources, err := opts.sources(p.terminal, []string{account})
	if err != nil {
		return nil, err
	}
	reads := sources[account].collector
	c, err := imap.New(imap.Config{Account: account, Login: p.opts.imap.login, Doveadm: p.doveadm, Writes: p.writes,
		Dial: func(ctx context.Context) (*imapwire.Conn, error) { return reads.Dial(ctx, account) },
		DialSieve: func(ctx context.Context) (*managesieve.Conn, error) {
			conn, err := reads.DialSieve(ctx, account)
			if errors.Is(err, collector.ErrNoSieve) {
				err = fmt.Errorf("%w: %w", imap.ErrNoSieve, err)
			}
			return conn, err
		},
		Judge: func(script []byte) imap.Judgement { return p.judge(account, script) }})
	if err != nil {
		return nil, err
	}
	p.clients[account] = c
	return c, nil
}

// judge says what a script does.
func (p *imapProvider) judge(account string, script []byte) imap.Judgement {
	_, home, _ := strings.Cut(account, "@")
	own := append([]string{home}, p.c.OwnDomains...)
	set := mailrule.ParseSieve(script, mailrule.SieveOptions{})
	_, score := set.Worst(mailrule.Context{Own: []string{account}, External: func(address string) mailrule.Answer {
		_, domain, _ := strings.Cut(address, "@")
		if slices.ContainsFunc(own, func(d string) bool { return d != "" && strings.EqualFold(d, domain) }) {
			return mailrule.No
		}
		return mailrule.Yes
	}})
	judgement := imap.Judgement{Hostile: score.Verdict == mailrule.Hostile}
	for _, rule := range set.Rules {
		judgement.Does = append(judgement.Does, containment.Text{EN: rule.Explains.EN, FR: rule.Explains.FR})
	}
	return judgement
}

// close ends all connections.
func (p *imapProvider) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.clients {
		c.Close()
	}
}

// Plan implements provider.
func (p *imapProvider) Plan(ctx context.Context, o workspace.PlanOptions) (containment.Plan, error) {
	return p.plan(ctx, o, nil)
}

// plan plans for an account, or, where messages are named, for these alone.
func (p *imapProvider) plan(ctx context.Context, o workspace.PlanOptions, wanted []string) (containment.Plan, error) {
	c, err := p.client(o.Account)
	if err != nil {
		return containment.Plan{}, err
	}
	defer c.Close()
	return c.Plan(ctx, imap.PlanOptions{Mode: o.Mode, Case: o.Case, By: o.By, Server: p.opts.imap.url, OwnDomains: o.OwnDomains, Now: o.Now, Quarantine: wanted, Folder: p.opts.imap.folder})
}

// Actions implements provider. An account that cannot be reached has actions that say so.
func (p *imapProvider) Actions(plan containment.Plan) containment.Actions {
	c, err := p.client(plan.Account)
	if err != nil {
		return unreachable(plan, err)
	}
	return c.Actions()
}

// unreachable are actions of an account that cannot be reached.
func unreachable(plan containment.Plan, err error) containment.Actions {
	actions := containment.Actions{}
	for _, s := range plan.Steps {
		actions[s.Kind] = unreachableAction{s.Kind, err}
	}
	return actions
}

type unreachableAction struct {
	kind string
	err  error
}

func (a unreachableAction) Kind() string { return a.kind }
func (a unreachableAction) Inspect(context.Context, containment.Step) (containment.State, error) {
	return containment.State{}, a.err
}
func (a unreachableAction) Apply(context.Context, containment.Step, containment.State) error {
	return a.err
}
func (a unreachableAction) Undo(context.Context, containment.Step, containment.State) error {
	return a.err
}

// Signs implements provider: who is connected, where doveadm says so. Sessions of before were ended, or verify says that they
// were not. IMAP itself tells nobody who signs in.
func (p *imapProvider) Signs(ctx context.Context, account string, since time.Time) ([]workspace.Event, error) {
	c, err := p.client(account)
	if err != nil || p.doveadm == nil {
		return nil, err
	}
	sessions, err := c.Sessions(ctx)
	var signs []workspace.Event
	for _, s := range sessions {
		signs = append(signs, workspace.Event{Time: p.now().UTC(), App: s.Service, Name: "connected", IP: s.IP, Actor: account, Parameters: map[string]string{"pid": s.PID}})
	}
	return signs, err
}

// planIMAPQuarantine searches mailboxes for messages and plans to put what is found into quarantine. Nothing is changed.
func (r *containing) planIMAPQuarantine(ctx context.Context) error {
	ids, err := messageIDs(r.opts.quarantine)
	if err != nil {
		return err
	}
	p, err := r.imapProvider(false)
	if err != nil {
		return err
	}
	defer p.close()
	var wanted []string
	for _, id := range ids {
		wanted = append(wanted, "<"+id+">")
	}
	var plans []containment.Plan
	unsearched := map[string]string{}
	messages := 0
	for _, account := range r.opts.accounts {
		plan, err := p.plan(ctx, workspace.PlanOptions{Account: account, Mode: containment.Quarantine, Case: r.c.Case.Case, By: r.c.Operator.Name, Now: r.now()}, wanted)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			unsearched[account] = err.Error()
			continue
		}
		for _, w := range plan.Warnings {
			if w.Kind == "unread" || w.Kind == "no-move" {
				unsearched[account] = w.Text.In(r.c.Language)
			}
		}
		if len(plan.Steps) > 0 {
			plans = append(plans, plan)
			messages += messagesOf(plan)
		}
	}
	if err := r.keepTogether(plans); err != nil {
		return err
	}
	return r.toldSearch(messages, len(plans), len(r.opts.accounts), unsearched)
}

// ofThisServer keeps the plans of the mail system that is meant. Where none is named, and all plans were made at one IMAP
// server, it is that one.
func (r *containing) ofThisServer(plans []appliedPlan) ([]appliedPlan, error) {
	if !r.opts.onIMAP() && r.opts.admin == "" && len(plans) > 0 && !slices.ContainsFunc(plans, func(p appliedPlan) bool {
		return p.Provider != imap.Provider || p.Server != plans[0].Server
	}) {
		r.opts.imap.url = plans[0].Server
	}
	if !r.opts.onIMAP() && !strings.Contains(r.opts.admin, "@") {
		return nil, usageError(errors.New("no administrator is named"), "add --google-admin ADMIN@DOMAIN, or --imap URL for accounts of an IMAP server")
	}
	kept := slices.DeleteFunc(slices.Clone(plans), func(p appliedPlan) bool { return r.fits(p.Plan) != nil })
	if len(kept) == 0 {
		return nil, r.fits(plans[0].Plan)
	}
	return kept, nil
}

// fits refuses a plan of another mail system than is named.
func (r *containing) fits(p containment.Plan) error {
	switch {
	case p.Provider == imap.Provider && !r.opts.onIMAP():
		return usageError(fmt.Errorf("the plan for %s was made at an IMAP server", visible.Text(p.Account)), "add --imap "+visible.Text(p.Server))
	case p.Provider != imap.Provider && r.opts.onIMAP():
		return usageError(fmt.Errorf("the plan for %s was not made at an IMAP server", visible.Text(p.Account)), "leave --imap out")
	case p.Provider == imap.Provider && !sameServer(p.Server, r.opts.imap.url):
		return usageError(fmt.Errorf("the plan for %s was made at %s", visible.Text(p.Account), visible.Text(p.Server)), "name that server: --imap "+visible.Text(p.Server))
	}
	return nil
}

func sameServer(a, b string) bool {
	x, err1 := url.Parse(a)
	y, err2 := url.Parse(b)
	return err1 == nil && err2 == nil && x.Scheme == y.Scheme && strings.EqualFold(x.Host, y.Host)
}
