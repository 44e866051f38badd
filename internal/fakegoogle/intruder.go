package fakegoogle

import (
	"fmt"
	"slices"
	"time"
)

// A Persistence says how long after something is taken from the intruder he has it again, while he can: 0 means that he
// does not come back for it. Config.Regrant is the same for his grant. What Google logs of a user's own doing is logged
// of his: filters, delegates and app passwords leave no line.
type Persistence struct {
	Filters     time.Duration // needs a session on the web, or a grant with gmail.settings.basic
	Forwarding  time.Duration // the address and the forwarding of all mail to it; needs a session
	Delegate    time.Duration // needs a session
	AppPassword time.Duration // needs a session and two steps
	Factor      time.Duration // his second step; needs a session
	Recovery    time.Duration // his recovery address; needs a session

	// SignIn is how long after his session ends he signs in again. He can while he knows the password and has a
	// second step or backup codes where one is asked for, while the recovery address is his (he sets a password
	// then), or while his identity provider signs the victim in.
	SignIn time.Duration
}

// intruderState is what he is about to do.
type intruderState struct{ planned map[string]bool }

// A reaction is something that the intruder does when something of his is missing.
type reaction struct {
	name          string
	after         time.Duration
	missing, able func() bool
	act           func(when time.Time)
}

// provoke lets the intruder plan what he does about what is missing by now. It holds the lock.
func (t *Tenant) provoke(now time.Time) {
	number, made := t.index[Victim]
	if a := t.accounts[number]; made && a != nil && t.takenOver(a.person) {
		for _, r := range t.reactions(a) {
			t.plan(r, now)
		}
	}
}

func (t *Tenant) plan(r reaction, now time.Time) {
	if r.after <= 0 || t.intruder.planned[r.name] || !r.missing() || !r.able() {
		return
	}
	if t.intruder.planned == nil {
		t.intruder.planned = map[string]bool{}
	}
	t.intruder.planned[r.name] = true
	when := now.Add(r.after)
	t.later(when, func() {
		t.intruder.planned[r.name] = false
		if r.missing() && r.able() {
			r.act(when)
		}
	})
}

// reactions are what the intruder may do about the victim's account.
func (t *Tenant) reactions(a *account) []reaction {
	m, does := &a.mail, t.config.Intruder
	session := func() bool { return a.sessions[intruderSession] && !a.isSuspended() && !a.deleted }
	return []reaction{
		{"session", does.SignIn, func() bool { return !a.sessions[intruderSession] }, func() bool { return len(t.waysIn(a)) > 0 }, func(when time.Time) { t.signIn(a, when) }},
		{"grant", t.config.Regrant, func() bool { return where(a.tokens, "clientId", intruderClient) < 0 }, session, func(when time.Time) {
			token := intruderGrant(a)
			a.tokens = append(a.tokens, token)
			t.recordActivity(authorised(a, when, token))
		}},
		{"forwarding", does.Forwarding, func() bool {
			return !m.forwardsTo(IntruderForward) || text(m.autoForwarding, "emailAddress") != IntruderForward || !truth(m.autoForwarding, "enabled")
		}, session, func(when time.Time) {
			m.forwarding = append(without(m.forwarding, "forwardingEmail", IntruderForward), object{"forwardingEmail": IntruderForward, "verificationStatus": "accepted"})
			m.autoForwarding = object{"enabled": true, "emailAddress": IntruderForward, "disposition": "leaveInInbox"}
			t.intruderDid(a, when, "email_forwarding_change", "email_forwarding_out_of_domain", parameter("email_forwarding_destination_address", IntruderForward))
		}},
		{"filters", does.Filters, func() bool { return len(m.missingFilters()) > 0 }, func() bool { return session() || a.grants(intruderClient, "gmail.settings.basic") }, func(time.Time) {
			for _, f := range m.missingFilters() {
				f["id"] = filterID(t.next())
				m.filters = append(slices.Clone(m.filters), f)
			}
		}},
		{"delegate", does.Delegate, func() bool { return where(m.delegates, "delegateEmail", Delegate) < 0 }, session, func(time.Time) {
			m.delegates = append(slices.Clone(m.delegates), object{"delegateEmail": Delegate, "verificationStatus": "accepted"})
		}},
		{"factor", does.Factor, func() bool { return !a.hisFactor }, session, func(when time.Time) {
			a.user["isEnrolledIn2Sv"], a.hisFactor = true, true
			a.codes = t.newCodes(a)
			a.hisCodes = a.codeSets
			t.intruderDid(a, when, "2sv_change", "2sv_enroll")
		}},
		{"app password", does.AppPassword, func() bool { return len(a.asps) == 0 }, func() bool { return session() && truth(a.user, "isEnrolledIn2Sv") }, func(when time.Time) {
			a.asps = append(a.asps, appPassword(a, 100+int(t.next()), "Outlook Mobile", when, time.Time{}))
		}},
		{"recovery", does.Recovery, func() bool { return text(a.user, "recoveryEmail") != IntruderForward }, session, func(when time.Time) {
			a.user["recoveryEmail"] = IntruderForward
			t.intruderDid(a, when, "recovery_info_change", "recovery_email_edit")
		}},
	}
}

// signIn starts a session of the intruder. Who cannot pass by the password sets a new one by recovery.
func (t *Tenant) signIn(a *account, when time.Time) {
	kind := "google_password"
	switch {
	case a.passesPassword():
	case text(a.user, "recoveryEmail") == IntruderForward:
		a.knowsPassword = true
		t.intruderDid(a, when, "password_change", "password_edit")
	default:
		kind = "saml"
	}
	a.sessions[intruderSession] = true
	t.recordActivity(activity{key: key{at: when}, application: "login", user: a.number, ip: Intruder, events: []event{{"login", "login_success", []any{
		parameter("login_type", kind), boolean("is_suspicious", false), object{"name": "login_challenge_method", "multiValue": texts("password")}}}}})
}

// intruderDid writes into the log of user accounts what the intruder did as the victim.
func (t *Tenant) intruderDid(a *account, when time.Time, kind, name string, parameters ...any) {
	t.recordActivity(activity{key: key{at: when}, application: "user_accounts", user: a.number, ip: Intruder, events: []event{{kind, name, parameters}}})
}

// passesPassword says that the intruder can sign in with what he knows and has.
func (a *account) passesPassword() bool {
	return a.knowsPassword && (!truth(a.user, "isEnrolledIn2Sv") || a.hisFactor || a.hisCodes > 0 && a.hisCodes == a.codeSets && len(a.codes) > 0)
}

// grants says that a client has been granted a scope, by its last part.
func (a *account) grants(client, scope string) bool {
	i := where(a.tokens, "clientId", client)
	if i < 0 || a.isSuspended() || a.deleted {
		return false
	}
	scopes, _ := a.tokens[i]["scopes"].([]any)
	return slices.Contains(scopes, any("https://www.googleapis.com/auth/"+scope))
}

// waysIn are the ways in which the intruder could sign in to an account on the web.
func (t *Tenant) waysIn(a *account) []string {
	var ways []string
	if a.isSuspended() || a.deleted {
		return nil
	}
	if a.passesPassword() {
		ways = append(ways, "password: he knows it")
	}
	if text(a.user, "recoveryEmail") == IntruderForward {
		ways = append(ways, "recovery address "+IntruderForward)
	}
	if i := where(t.org.single, "name", "inboundSsoAssignments/"+rogueAssignment); i >= 0 && t.unitID(text(a.user, "orgUnitPath")) == text(t.org.single[i], "targetOrgUnit") {
		ways = append(ways, "identity provider "+rogueProfile)
	}
	return ways
}

// unitID is the name of an organisational unit as Cloud Identity has it.
func (t *Tenant) unitID(path string) string {
	i := where(t.org.units, "orgUnitPath", path)
	if i < 0 {
		return ""
	}
	return "orgUnits/" + text(t.org.units[i], "orgUnitId")[len("id:"):]
}

// IntruderAccess lists what still lets the intruder into the victim's mailbox, or back into it: sessions, grants, app
// passwords, ways to sign in and the delegate. Nothing is left when it is empty.
func (t *Tenant) IntruderAccess() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settle(t.config.Now())
	return t.intruderAccess()
}

func (t *Tenant) intruderAccess() []string {
	if t.config.Quiet {
		return nil
	}
	a := t.account(t.index[Victim])
	var left []string
	if a.sessions[intruderSession] {
		left = append(left, "session on the web")
	}
	for _, token := range a.tokens {
		if text(token, "clientId") == intruderClient {
			left = append(left, "grant "+intruderClient)
		}
	}
	for _, asp := range a.asps {
		if text(asp, "name") == "Outlook Mobile" {
			left = append(left, fmt.Sprintf("app password %v %s", asp["codeId"], text(asp, "name")))
		}
	}
	if where(a.mail.delegates, "delegateEmail", Delegate) >= 0 {
		if d := t.account(t.index[Delegate]); d.sessions[intruderSession] || d.passesPassword() && !d.isSuspended() && !d.deleted {
			left = append(left, "delegate "+Delegate)
		}
	}
	return append(left, t.waysIn(a)...)
}

// IntruderLeft lists everything of the intruder that is left: what lets him in, what sends mail to him or hides it, and
// what he has put elsewhere.
func (t *Tenant) IntruderLeft() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settle(t.config.Now())
	left := t.intruderAccess()
	if t.config.Quiet {
		return nil
	}
	a := t.account(t.index[Victim])
	return slices.Concat(left, a.intruderSettings(), t.intruderElsewhere(a))
}

// intruderSettings is what the intruder has set in the victim's account.
func (a *account) intruderSettings() []string {
	m := &a.mail
	var left []string
	for _, f := range m.filters {
		if slices.ContainsFunc(intruderFilters(m), func(his object) bool { return sameFilter(f, his) }) {
			left = append(left, "filter "+text(f, "id"))
		}
	}
	if truth(m.autoForwarding, "enabled") && text(m.autoForwarding, "emailAddress") == IntruderForward {
		left = append(left, "forwarding of all mail to "+IntruderForward)
	}
	if where(m.forwarding, "forwardingEmail", IntruderForward) >= 0 {
		left = append(left, "forwarding address "+IntruderForward)
	}
	if where(m.delegates, "delegateEmail", Delegate) >= 0 {
		left = append(left, "delegate "+Delegate+" in the settings")
	}
	for _, s := range m.sendAs {
		switch {
		case text(s, "sendAsEmail") == lookAlike:
			left = append(left, "send-as "+lookAlike)
		case text(s, "replyToAddress") == IntruderForward:
			left = append(left, "reply-to "+IntruderForward)
		}
	}
	if a.hisFactor {
		left = append(left, "second step")
	}
	if a.hisCodes > 0 && a.hisCodes == a.codeSets && len(a.codes) > 0 {
		left = append(left, "backup codes")
	}
	return left
}

// intruderElsewhere is what the intruder has put outside the victim's settings.
func (t *Tenant) intruderElsewhere(a *account) []string {
	var left []string
	for _, d := range t.org.mobiles {
		if text(d, "resourceId") == intruderDevice && text(d, "status") == "APPROVED" {
			left = append(left, "device "+intruderDevice)
		}
	}
	for _, g := range t.org.groups {
		if where(g.members, "email", IntruderForward) >= 0 {
			left = append(left, "member of "+text(g.object, "email"))
		}
	}
	for _, f := range t.files(a) {
		for _, p := range permissions(f) {
			if text(p, "emailAddress") == IntruderForward {
				left = append(left, "share of "+text(f, "name"))
			}
		}
	}
	if where(t.access(a), "id", "user:"+IntruderForward) >= 0 {
		left = append(left, "calendar rule for "+IntruderForward)
	}
	if where(t.org.profiles, "name", "inboundSamlSsoProfiles/"+rogueProfile) >= 0 {
		left = append(left, "identity provider profile "+rogueProfile)
	}
	d := t.account(t.index[Delegate])
	if d.sessions[intruderSession] {
		left = append(left, "session of "+Delegate)
	}
	if where(d.mail.sendAs, "sendAsEmail", IntruderForward) >= 0 {
		left = append(left, "send-as "+IntruderForward+" of "+Delegate)
	}
	return left
}

// The names of what the intruder put into the tenant.
const (
	lookAlike       = "compta@menuiserie-du1ac.example"
	intruderDevice  = "AFiQxQ9999999"
	rogueProfile    = "01ssop7"
	rogueAssignment = "01asg7"

	intruderPermission = "07700000000000000077" // in Drive, of his address
)

func intruderGrant(a *account) object {
	token := grant(a, intruderClient, "eM Client", "https://mail.google.com/", "https://www.googleapis.com/auth/contacts")
	token["nativeApp"] = true
	return token
}

// intruderFilters are the filters of the intruder, as he made them first.
func intruderFilters(m *gmailState) []object {
	hidden := m.labelFor(hiddenLabel)
	return []object{
		{"id": filterID(2), "criteria": object{"query": "facture OR virement OR RIB"}, "action": object{"addLabelIds": texts(hidden),
			"removeLabelIds": texts("INBOX", "UNREAD"), "forward": IntruderForward}},
		{"id": filterID(3), "criteria": object{"from": "no-reply@accounts.mailhost.example OR mailer-daemon"},
			"action": object{"addLabelIds": texts("TRASH"), "removeLabelIds": texts("INBOX")}},
	}
}

// missingFilters are those of his filters that are not there and that Gmail would let him make.
func (m *gmailState) missingFilters() []object {
	return slices.DeleteFunc(intruderFilters(m), func(his object) bool {
		to := text(his["action"].(object), "forward")
		return to != "" && !m.forwardsTo(to) || slices.ContainsFunc(m.filters, func(f object) bool { return sameFilter(f, his) })
	})
}

// sameFilter says that two filters do the same.
func sameFilter(a, b object) bool {
	return etag(object{"c": a["criteria"], "a": a["action"]}) == etag(object{"c": b["criteria"], "a": b["action"]})
}
