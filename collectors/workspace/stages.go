package workspace

import (
	"context"
	"fmt"
	"strings"

	"github.com/mbaudit/mbaudit/collectors"
)

// A stage is a part of a collection that is read before the next one begins.
type stage struct {
	name string                                  // for who waits
	rows func(r *run) []source                   // its rows of the coverage ledger, announced before anything is read
	read func(ctx context.Context, r *run) error // an error means that the collection ends here
}

// accountStages are what is read of an account, in this order: first what changes or vanishes first.
func (c *Collector) accountStages() []stage {
	emergency := listed("emergency", emergencySources)
	logs := c.logStages(applications(), "{user}")
	switch {
	case c.cfg.EmergencyOnly:
		return []stage{emergency, manualStage(ofAccount)}
	case c.cfg.Again != nil:
		return logs
	}
	settings := []stage{
		emergency,
		{"history", oneRow(historyResource), func(ctx context.Context, r *run) error { return r.history(ctx) }}, // it goes after a week, or after hours
		listed("settings", otherSources),
		unitStage(),
		smimeStage(),
		listed("client-side encryption", encryptionSources),
		{"labels", oneRow(labelDetails), func(ctx context.Context, r *run) error { return r.labelDetails(ctx) }},
		{"drafts", draftRows, func(ctx context.Context, r *run) error { return r.drafts(ctx) }},
		groupDetails(),
		transitiveStage(),
		chromeDetails(),
		deviceStage(),
		alertDetails(),
		driveStage(),
		activityStage(),
		calendarStage(),
		scriptStage(),
		heldStage(),
		manualStage(ofAccount),
	}
	messages := stage{"messages", messageRows, func(ctx context.Context, r *run) error { return r.messages(ctx) }} // the longest
	return append(append(settings, logs...), messages)
}

// oneRow is the row of a stage that has but one.
func oneRow(resource string) func(*run) []source {
	return func(*run) []source { return []source{{resource: resource}} }
}

// tenantStages are what is read once of a whole tenant, for the administrator.
func (c *Collector) tenantStages() []stage {
	logs := c.logStages(tenantApplications(), everybody)
	switch {
	case c.cfg.EmergencyOnly:
		return []stage{manualStage(ofTenant)}
	case c.cfg.Again != nil:
		return logs
	}
	stages := append([]stage{
		listed("organisation", organisationSources),
		usersStage(),
		listed("alerts", alertSources),
		listed("policies", identitySources),
		ssoStage(),
		vaultStage(),
		manualStage(ofTenant),
	}, logs...)
	if c.cfg.Sweep {
		stages = append(stages, sweepStage())
	}
	return stages
}

// smimeStage are the certificates of each address that the user sends as.
func smimeStage() stage {
	return fanOut{name: "S/MIME", list: sendAs(), rows: []perThing{
		{source: source{resource: "gmail/smimeInfo", name: "gmail/settings/smimeInfo", api: gmail, path: "gmail/v1/users/{user}/settings/sendAs/{thing}/smimeInfo",
			scope: scopeGmail, list: "smimeInfo"}, part: address},
	}}.stage()
}

// listed is a stage of sources that are known from the start, and are read side by side.
func listed(name string, sources func() []source) stage {
	return stage{name, func(*run) []source { return sources() }, func(ctx context.Context, r *run) error { return r.readAll(ctx, sources()) }}
}

// A Tenant reads what Google tells of a whole tenant rather than of one account. It implements collectors.Collector; the
// account of its scope is one that [TenantAccount] gives.
type Tenant struct{ c *Collector }

// Tenant is the collector of what is not about one account. Who reads several accounts reads it once.
func (c *Collector) Tenant() Tenant { return Tenant{c} }

// TenantAccount stands for the whole tenant of an address where exhibits and gaps name an account: its domain after an @,
// which no address begins with.
func TenantAccount(address string) string {
	return address[max(strings.LastIndexByte(address, '@'), 0):]
}

// Name implements collectors.Collector.
func (t Tenant) Name() string { return t.c.Name() }

// Collect implements collectors.Collector. Where nobody lets us in, each row is a gap that says why.
func (t Tenant) Collect(ctx context.Context, scope collectors.Scope, sink collectors.Sink) error {
	r, stages := t.c.newRun(scope, sink), t.c.tenantStages()
	err := r.announce(stages)
	if err == nil {
		err = r.readStages(ctx, stages)
	}
	if err != nil {
		return fmt.Errorf("%s: workspace: %w", scope.Account, err)
	}
	return nil
}
