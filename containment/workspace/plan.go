package workspace

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mbaudit/mbaudit/containment"
)

// Provider is the name of this provider in plans.
const Provider = "workspace"

const modePrecaution = containment.Precaution

// PlanOptions say what to plan.
type PlanOptions struct {
	Account    string
	Mode       containment.Mode
	Part       Part
	Case, By   string
	OwnDomains []string  // beside the account's
	Since      time.Time // when the window of the incident begins: what is younger is taken away unasked
	Now        time.Time
}

// The stages, in the order in which they are taken. The reasons are in docs/CONTAINMENT.md.
const (
	stageAssignment = iota + 1 // first the identity provider: behind a foreign one the password means nothing
	stageProfile               // Google deletes it when no assignment names it any more
	stagePassword              // with the recovery data
	stageSignOut               // before the grants: a live session consents again
	stageAccess                // app passwords, grants, backup codes, second steps
	stageTokensAgain
	stageFilters
	stageForwarding
	stageAddresses // after the forwarding that names them
	stageDelegates
	stageSendAs
	stageSMIME
	stageVacation
	stageProtocols
	stageDevices
	stageAccounts // those that were made as this one
	stagePrivileges
	stageShares
	stageSuspend // last: a suspended account can be neither read nor cleaned
)

// Plan looks at an account and proposes what to do. Nothing is changed, and what could not be read is a warning.
func (c *Client) Plan(ctx context.Context, o PlanOptions) (containment.Plan, error) {
	s, err := c.survey(ctx, o)
	if err != nil {
		return containment.Plan{}, err
	}
	if ctx.Err() != nil {
		return containment.Plan{}, ctx.Err()
	}
	b := &builder{survey: s, o: o, domains: append([]string{domainOf(o.Account)}, o.OwnDomains...)}
	b.access()
	if o.Mode != containment.Precaution && o.Part != AccessOnly {
		b.mail()
		b.elsewhere()
	}
	if o.Mode == containment.Suspend && o.Part != AccessOnly {
		b.add(stageSuspend, kindSuspend, "", containment.Take)
	}
	b.warn(c.cfg.Admin)
	p := containment.Plan{ID: ulid.MustNewDefault(o.Now).String(), Case: o.Case, Account: o.Account, Provider: Provider, Mode: o.Mode, Made: o.Now.UTC().Truncate(time.Second), By: o.By}
	p.Steps = c.inspected(ctx, b)
	p.Warnings = b.warnings
	p.ByHand = b.chores()
	for _, u := range s.unread {
		p.Warnings = append(p.Warnings, unreadWarning(u))
	}
	return p, ctx.Err()
}

// inspected gives the steps with the state of their targets, in their order. What is as it should be already is no step,
// but for those of which nothing shows; what cannot be looked at is unread.
func (c *Client) inspected(ctx context.Context, b *builder) []containment.Step {
	slices.SortStableFunc(b.steps, func(x, y containment.Step) int { return x.Stage - y.Stage })
	actions := c.Actions(containment.Plan{})
	states := make([]containment.State, len(b.steps))
	errs := make([]error, len(b.steps))
	var group sync.WaitGroup
	slots := make(chan struct{}, 24)
	for i, s := range b.steps {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			states[i], errs[i] = actions[s.Kind].Inspect(ctx, s)
		})
	}
	group.Wait()
	var steps []containment.Step
	for i, s := range b.steps {
		if errs[i] != nil {
			b.failed(s.Kind, errs[i])
		}
		if errs[i] != nil || states[i].Holds {
			continue
		}
		s.N, s.State, s.Before = len(steps)+1, states[i], states[i].Digest()
		steps = append(steps, s)
	}
	return steps
}

// Resource names the row of a collection's coverage ledger that shows what a kind of step changes, and whether that row is
// one of the dozen that are read first; "" where a collection does not show it.
func Resource(kind string) (row string, first bool) {
	rows := map[string]string{kindPassword: "directory/user", kindTwoSteps: "directory/user", kindSuspend: "directory/user", kindSuper: "directory/user",
		kindAppPassword: "directory/asps", kindToken: "directory/tokens", kindFilter: "gmail/filters", kindAutoForwarding: "gmail/autoForwarding",
		kindForwardingAddress: "gmail/forwardingAddresses", kindDelegate: "gmail/delegates", kindSendAs: "gmail/sendAs", kindReplyTo: "gmail/sendAs",
		kindVacation: "gmail/vacation", kindIMAP: "gmail/imap", kindPOP: "gmail/pop"}
	if row, first = rows[kind]; first {
		return row, true
	}
	return map[string]string{kindMobile: "directory/mobiledevices", kindRole: "directory/roleAssignments", kindCodes: "directory/verificationCodes",
		kindSMIME: "gmail/smimeInfo", kindChrome: "directory/chromeosdevices", kindEndpoint: "cloudidentity/deviceUsers",
		kindCalendar: "calendar/acl"}[kind], false
}

// A builder collects the steps of a plan.
type builder struct {
	*survey
	o        PlanOptions
	domains  []string
	steps    []containment.Step
	warnings []containment.Warning
}

func (b *builder) add(stage int, name, target string, d containment.Decision) {
	for _, k := range kinds() {
		if k.name == name {
			t := textsOf(name, target)
			b.steps = append(b.steps, containment.Step{Stage: stage, Kind: name, Account: b.account, Target: target, What: t.what, Why: t.why, SideEffect: t.side,
				Scope: fullScope(k.rights.act), Undo: k.undo, Decision: d})
		}
	}
}

func fullScope(name string) string { return scopePrefix + name }

// access plans what shuts somebody out of the account.
func (b *builder) access() {
	if b.assignment != nil {
		b.add(stageAssignment, kindSSOAssignment, b.assignment.text("name"), containment.Unknown)
		saml, _ := b.assignment["samlSsoInfo"].(map[string]any)
		if profile := object(saml).text("inboundSamlSsoProfile"); profile != "" {
			b.add(stageProfile, kindSSOProfile, profile, containment.Unknown)
		}
	}
	if b.o.Part != RestOnly {
		b.add(stagePassword, kindPassword, "", containment.Take)
		if !b.user.truth("suspended") { // Google refuses both for who is suspended
			b.add(stageSignOut, kindSignOut, "", containment.Take)
			if b.codes > 0 {
				b.add(stageAccess, kindCodes, "", containment.Take)
			}
			if b.user.truth("isEnrolledIn2Sv") && !b.user.truth("isEnforcedIn2Sv") {
				b.add(stageAccess, kindTwoSteps, "", containment.Take)
			}
		}
	}
	if b.o.Mode == containment.Precaution {
		return
	}
	for _, asp := range b.asps {
		b.add(stageAccess, kindAppPassword, asp.number("codeId"), containment.Take)
	}
	for _, token := range b.tokens {
		b.add(stageAccess, kindToken, token.text("clientId"), containment.Take)
	}
	b.add(stageTokensAgain, kindTokensAgain, "", containment.Take)
}

// outside says whether an address is of none of the organisation's own domains.
func (b *builder) outside(address string) bool {
	domain := domainOf(address)
	return domain != "" && !slices.ContainsFunc(b.domains, func(own string) bool {
		return strings.EqualFold(own, domain) || strings.HasSuffix(strings.ToLower(domain), "."+strings.ToLower(own))
	})
}

func domainOf(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return ""
	}
	return address[at+1:]
}

// ifOutside takes what leads outside, and leaves to a person what stays inside.
func (b *builder) ifOutside(address string) containment.Decision {
	if b.outside(address) {
		return containment.Take
	}
	return containment.Unknown
}

// suspects are the addresses outside that the account's mail or answers go to.
func (b *builder) suspects() []string {
	var all []string
	note := func(address string) {
		if b.outside(address) && !slices.Contains(all, strings.ToLower(address)) {
			all = append(all, strings.ToLower(address))
		}
	}
	if b.forwarding.truth("enabled") {
		note(b.forwarding.text("emailAddress"))
	}
	for _, f := range b.filters {
		note(actionOf(f).text("forward"))
	}
	for _, a := range b.addresses {
		note(a.text("forwardingEmail"))
	}
	for _, a := range b.sendAs {
		note(a.text("replyToAddress"))
	}
	return all
}

func actionOf(filter object) object {
	action, _ := filter["action"].(map[string]any)
	return action
}

// mail plans what keeps reading, hiding or sending in the mailbox.
func (b *builder) mail() {
	for _, f := range b.filters {
		b.add(stageFilters, kindFilter, f.text("id"), b.judgeFilter(actionOf(f)))
	}
	if b.forwarding.truth("enabled") {
		b.add(stageForwarding, kindAutoForwarding, "", b.ifOutside(b.forwarding.text("emailAddress")))
	}
	for _, a := range b.addresses {
		b.add(stageAddresses, kindForwardingAddress, a.text("forwardingEmail"), b.ifOutside(a.text("forwardingEmail")))
	}
	for _, d := range b.delegates {
		b.add(stageDelegates, kindDelegate, d.text("delegateEmail"), b.ifOutside(d.text("delegateEmail")))
	}
	for _, a := range b.sendAs {
		address := a.text("sendAsEmail")
		if !a.truth("isPrimary") {
			b.add(stageSendAs, kindSendAs, address, b.ifOutside(address))
		}
		if to := a.text("replyToAddress"); to != "" && (a.truth("isPrimary") || !b.outside(address)) {
			b.add(stageSendAs, kindReplyTo, address, b.ifOutside(to))
		}
		for _, key := range b.smime[address] {
			b.add(stageSMIME, kindSMIME, address+"/"+key.text("id"), containment.Unknown)
		}
	}
	if b.vacation.truth("enableAutoReply") {
		b.add(stageVacation, kindVacation, "", containment.Unknown)
	}
	if b.imap.truth("enabled") {
		b.add(stageProtocols, kindIMAP, "", containment.Take)
	}
	if window := b.pop.text("accessWindow"); window != "" && window != "disabled" {
		b.add(stageProtocols, kindPOP, "", containment.Take)
	}
}

// judgeFilter takes filters that forward outside or throw mail away; those that pass by the Inbox need a person, and those
// that only put labels on are kept. Google does not say when a filter was made.
func (b *builder) judgeFilter(action object) containment.Decision {
	adds, removes := action.texts("addLabelIds"), action.texts("removeLabelIds")
	switch to := action.text("forward"); {
	case to != "" && b.outside(to), slices.Contains(adds, "TRASH"):
		return containment.Take
	case to != "", slices.Contains(removes, "INBOX"), slices.Contains(removes, "SPAM"), slices.Contains(adds, "SPAM"):
		return containment.Unknown
	}
	return containment.Keep
}

// elsewhere plans devices, privileges and shares.
func (b *builder) elsewhere() {
	for _, d := range b.mobiles {
		b.add(stageDevices, kindMobile, d.text("resourceId"), inWindow(b.young(d.text("firstSync"))))
	}
	b.computers()
	b.accounts()
	if b.user.truth("isAdmin") {
		b.add(stagePrivileges, kindSuper, "", inWindow(b.granted.super))
	}
	for _, r := range b.roles {
		b.add(stagePrivileges, kindRole, r.number("roleAssignmentId"), inWindow(b.granted.role))
	}
	suspects := b.suspects()
	suspect := func(address string) containment.Decision {
		return inWindow(slices.Contains(suspects, strings.ToLower(address)))
	}
	for _, g := range b.groups {
		address := g.text("email")
		for _, m := range b.members[address] {
			switch member := m.text("email"); {
			case strings.EqualFold(member, b.account) && slices.Contains(b.granted.groups, address):
				b.add(stagePrivileges, kindMember, address+"/"+member, containment.Take)
			case b.outside(member):
				b.add(stagePrivileges, kindMember, address+"/"+member, suspect(member))
			}
		}
	}
	for _, f := range b.files {
		b.share(f, suspect)
	}
	for _, r := range b.rules {
		scope, _ := r["scope"].(map[string]any)
		if who := object(scope).text("value"); b.outside(who) {
			b.add(stageShares, kindCalendar, r.text("id"), suspect(who))
		}
	}
}

// inWindow takes what is of the incident, and leaves to a person what is not known to be.
func inWindow(is bool) containment.Decision {
	if is {
		return containment.Take
	}
	return containment.Unknown
}

// young says whether a time is in the window of the incident.
func (b *builder) young(when string) bool {
	at, err := time.Parse(time.RFC3339, when)
	return err == nil && !at.Before(b.o.Since)
}

// computers plans Chromebooks that the account used, and devices that Directory does not know.
func (b *builder) computers() {
	for _, d := range b.chromes {
		b.add(stageDevices, kindChrome, d.text("deviceId"), inWindow(b.young(d.text("lastEnrollmentTime"))))
	}
	for _, e := range b.endpoints {
		parts := strings.Split(e.text("name"), "/") // devices/X/deviceUsers/Y
		known := slices.ContainsFunc(b.mobiles, func(m object) bool { return len(parts) == 4 && m.text("deviceId") == parts[1] })
		if len(parts) == 4 && !known {
			b.add(stageDevices, kindEndpoint, e.text("name"), inWindow(b.young(cmp.Or(e.text("firstSyncTime"), e.text("createTime")))))
		}
	}
}

// accounts plans other accounts that were made as this one, and aliases that it was given. Where administration has been this
// account's work before, who was made may well be a new colleague: that is for a person.
func (b *builder) accounts() {
	for _, address := range b.granted.created {
		b.add(stageAccounts, kindCreated, address, inWindow(b.granted.role || b.granted.super))
	}
	for _, alias := range b.user.texts("aliases") {
		if slices.ContainsFunc(b.granted.aliases, func(given string) bool { return strings.EqualFold(given, alias) }) {
			b.add(stageAccounts, kindAlias, alias, containment.Take)
		}
	}
}

// share plans what of a file is open to people outside. What the log has as shared in the window is taken.
func (b *builder) share(file object, suspect func(string) containment.Decision) {
	list, _ := file["permissions"].([]any)
	for _, each := range list {
		o, _ := each.(map[string]any)
		p := object(o)
		who := cmp.Or(p.text("emailAddress"), p.text("domain"))
		if p.text("role") == "owner" || p.text("type") != "anyone" && !b.outside(who) && !b.outside("@"+who) {
			continue
		}
		d := suspect(who)
		if b.granted.shared(file.text("id"), who) {
			d = containment.Take
		}
		b.add(stageShares, kindShare, file.text("id")+"/"+p.text("id"), d)
	}
}

// warn recognises what will not work as it stands.
func (b *builder) warn(admin string) {
	isAdmin := b.user.truth("isAdmin")
	others := slices.DeleteFunc(slices.Clone(b.admins), func(a object) bool {
		return a.truth("suspended") || strings.EqualFold(a.text("primaryEmail"), b.user.text("primaryEmail"))
	})
	own := strings.EqualFold(admin, b.account) || b.acting != nil && b.acting.text("id") == b.user.text("id") && b.user.text("id") != ""
	last := isAdmin && b.admins != nil && len(others) == 0
	b.warnIf(b.assignment != nil, "third-party-sso", false, b.assignment.text("name"))
	b.warnIf(own, "own-account", true, admin)
	b.warnIf(isAdmin && b.acting != nil && !b.acting.truth("isAdmin"), "super-admin-target", true, admin)
	b.warnIf(last, "last-super-admin", b.o.Mode == containment.Suspend, b.account)
	b.warnIf(b.user.truth("isEnrolledIn2Sv") && b.user.truth("isEnforcedIn2Sv"), "enforced-2sv", false, b.account)
	b.warnIf(b.user.truth("isEnrolledIn2Sv") && !b.user.truth("isEnforcedIn2Sv"), "advanced-protection", false, b.account)
	b.warnIf(isAdmin || b.user.truth("isDelegatedAdmin"), "multi-party-approval", false, b.account)
	b.warnIf(b.user.truth("suspended"), "suspended", false, b.user.text("suspensionReason"))
}

func (b *builder) warnIf(is bool, kind string, stops bool, detail string) {
	if is {
		w := warningTexts(kind, detail)
		w.Kind, w.Stops = kind, stops
		b.warnings = append(b.warnings, w)
	}
}

func unreadWarning(u unread) containment.Warning {
	because := u.err.Error()
	instead := containment.Text{EN: "give the key the right that is missing, or look by hand in the admin console", FR: "donnez à la clé le droit qui manque, ou regardez à la main dans la console d'administration"}
	if errors.Is(u.err, ErrDelegation) {
		instead = containment.Text{EN: "add that scope to the delegation of the service account, and plan again", FR: "ajoutez ce droit à la délégation du compte de service, et refaites le plan"}
	}
	return containment.Warning{Kind: "unread", Text: containment.Text{
		EN: fmt.Sprintf("%s was not read, so that the plan says nothing about it: %s", u.what, because),
		FR: fmt.Sprintf("%s n'a pas été lu, le plan n'en dit donc rien : %s", u.what, because)}, Instead: instead}
}
