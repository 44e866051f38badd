package main

import (
	"context"
	"errors"
	"strings"

	"github.com/mbaudit/mbaudit/collectors"
	"github.com/mbaudit/mbaudit/collectors/imap"
	"github.com/mbaudit/mbaudit/collectors/workspace"
	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/internal/visible"
)

// A reading is one source that is read for one account.
type reading struct {
	collector collectors.Collector
	scope     collectors.Scope
}

// openServers makes the collectors of the servers, asking for passwords. What Google tells comes first: it changes before
// messages do.
func (r *collection) openServers(ctx context.Context) error {
	if r.opts.google.on {
		if err := r.makeGoogle(); err != nil {
			return err
		}
	}
	if err := r.openIMAP(); err != nil {
		return err
	}
	if r.workspace == nil || len(r.opts.accounts) == 0 {
		return nil
	}
	return r.opts.google.consent(ctx, r.workspace, r.opts.accounts[0]) // last: it goes on reading what is typed
}

func (r *collection) openIMAP() error {
	if r.opts.imap.url == "" {
		return nil
	}
	r.opts.imap.disappeared = r.heardDisappeared
	if r.workspace != nil && r.opts.imap.takesDelegation(r.terminal) {
		r.opts.imap.tokens = r.workspace.IMAPToken
	}
	sources, err := r.opts.imap.sources(r.terminal, r.opts.accounts)
	if err != nil {
		return err
	}
	for _, scope := range r.scopes {
		src := sources[scope.Account]
		r.servers = append(r.servers, reading{src.collector, scope})
		r.progress = append(r.progress, src.progress)
	}
	return nil
}

// makeGoogle makes the collector of a Google Workspace, one for all accounts, unless it is there already.
func (r *collection) makeGoogle() error {
	if r.workspace != nil {
		return nil
	}
	r.shown = newProgress(r.terminal)
	r.opts.google.imapServer, r.opts.google.disappeared = r.opts.imap.url, r.heardDisappeared
	var err error
	if r.workspace, err = r.opts.google.collector(r.terminal, r.opts.accounts, r.shown, r.again.of(), 0); err != nil {
		return err
	}
	r.progress = append(r.progress, r.shown)
	return nil
}

// tenantReading is what is read once of each whole Workspace, with the bundle that is not the emergency one.
func (r *collection) tenantReading() []reading {
	if r.workspace == nil || !r.readsAll() {
		return nil
	}
	var tenants []reading
	for _, scope := range r.workspace.Tenants(r.scopes) {
		tenants = append(tenants, reading{r.workspace.Tenant(), scope})
	}
	return tenants
}

// sources lists what is read, for the bundle's opening: servers first.
func (r *collection) sources() []evidence.Source {
	var list []evidence.Source
	if r.workspace != nil {
		list = append(list, evidence.Source{Collector: r.workspace.Name(), Address: r.workspace.Address()})
	}
	if !r.readsAll() {
		return list
	}
	if r.opts.imap.url != "" {
		list = append(list, evidence.Source{Collector: "imap", Address: r.opts.imap.url})
	}
	for _, i := range r.wanted {
		list = append(list, evidence.Source{Collector: i.collector, Address: i.path})
	}
	return list
}

// sourcesInWords names the sources in one line, for the journal.
func (r *collection) sourcesInWords() string {
	var words []string
	for _, s := range r.sources() {
		if s.Collector == "imap" {
			words = append(words, s.Address)
			continue
		}
		words = append(words, s.Collector+" "+s.Address)
	}
	return visible.Text(strings.Join(words, ", "))
}

// notLetIn says that a server did not let us in, rather than that it broke.
func notLetIn(err error) bool {
	return errors.Is(err, imap.ErrAuth) || errors.Is(err, workspace.ErrNotLetIn)
}

// clocks are the comparisons of our clock with others. IMAP has no command that tells the server's time, and a file none
// of its own; the bundle says so rather than leave it out.
func (r *collection) clocks() []evidence.Clock {
	notOffered := func(against, note string) evidence.Clock {
		return evidence.Clock{Against: against, Status: "not offered", At: r.bundleTime(), Note: note}
	}
	var clocks []evidence.Clock
	if r.workspace != nil {
		clocks = append(clocks, r.workspace.Clock())
	}
	if r.opts.imap.url != "" && r.readsAll() {
		clocks = append(clocks, notOffered(r.opts.imap.url, "IMAP has no command that tells the server's time"))
	}
	if len(r.wanted) > 0 && r.readsAll() {
		clocks = append(clocks, notOffered("imported files", "times in files and of files are those of the systems that wrote them"))
	}
	clocks = append(clocks, r.stamps.clocks()...)
	if r.push != nil {
		clocks = append(clocks, r.push.clock(r.now))
	}
	return clocks
}
