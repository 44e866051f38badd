package workspace

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
)

// clockLimit is how far our clock may be from Google's before it is worth a hint: times of events are compared by it.
const clockLimit = 30 * time.Second

// hints says what to do, one thing after the other, the most general first.
func (p *preflight) hints() {
	p.hintClock()
	p.hintAccess()
	p.hintScopes()
	p.hintAPIs()
	p.hintRoles()
	p.hintUsers()
	p.hintLine()
	p.hintAdmin()
}

// hint adds one thing to do about the sources that are chosen, if there are any.
func (p *preflight) hint(h PreflightHint, about func(SourceCheck) bool) {
	for i := range p.report.Sources {
		if s := &p.report.Sources[i]; about(*s) {
			h.Sources = append(h.Sources, s.Resource)
			s.Hint = len(p.report.Hints) + 1
		}
	}
	if len(h.Sources) > 0 {
		p.report.Hints = append(p.report.Hints, h)
	}
}

func has(v Verdict) func(SourceCheck) bool {
	return func(s SourceCheck) bool { return s.Verdict == v }
}

// hintClock speaks of a clock that is wrong, whether Google minds it or not.
func (p *preflight) hintClock() {
	text := clockWords(p.report.Clock)
	if p.report.Count(WrongClock) > 0 {
		p.hint(PreflightHint{Text: cmp.Or(text, "Google says that the clock of this machine is wrong") + ". Set it, as with: timedatectl set-ntp true"}, has(WrongClock))
		return
	}
	if off := p.report.Clock.OffsetMS; off != nil && (time.Duration(*off)*time.Millisecond).Abs() > clockLimit {
		p.report.Hints = append(p.report.Hints, PreflightHint{Text: text + ". Set it before you collect, as with: timedatectl set-ntp true"})
	}
}

// clockWords says how far our clock is from Google's; "" where that is not known.
func clockWords(clock evidence.Clock) string {
	if clock.OffsetMS == nil {
		return ""
	}
	off := (time.Duration(*clock.OffsetMS) * time.Millisecond).Round(time.Second)
	if off < 0 {
		return fmt.Sprintf("the clock of this machine is %s ahead of Google's", -off)
	}
	return fmt.Sprintf("the clock of this machine is %s behind Google's", off)
}

// hintAccess speaks of keys, credentials and consents that are refused: one is enough, all sources have the same.
func (p *preflight) hintAccess() {
	i := slices.IndexFunc(p.report.Sources, has(NoAccess))
	if i < 0 {
		return
	}
	p.hint(PreflightHint{Text: p.c.accessHint(p.report.Sources[i].err)}, has(NoAccess))
}

// hintScopes lists the scopes that are missing, to be pasted.
func (p *preflight) hintScopes() {
	var scopes []string
	for _, s := range p.report.Sources {
		if s.Verdict == NoScope && !slices.Contains(scopes, s.Scope) {
			scopes = append(scopes, s.Scope)
		}
	}
	h := PreflightHint{Paste: scopes, URL: "https://admin.google.com/ac/owl/domainwidedelegation"}
	switch {
	case p.c.consent() != nil:
		h.URL, h.Text = "", fmt.Sprintf("have %s consent again, and tick on Google's page what these stand for", p.account)
	case p.report.Usable:
		h.Text = fmt.Sprintf("as a super administrator, edit the client %s on the page below (Security, Access and data control, API controls, "+
			"Domain-wide delegation), and add; it holds after some minutes", p.c.access.client())
	default:
		h.Text = fmt.Sprintf("nothing is delegated to the client %s, or not yet. As a super administrator, add it on the page below (Security, "+
			"Access and data control, API controls, Domain-wide delegation), with these; it holds after some minutes", p.c.access.client())
	}
	p.hint(h, has(NoScope))
}

// hintAPIs names each API that is off, and the page where it is switched on.
func (p *preflight) hintAPIs() {
	for a := range lastAPI {
		facts := a.facts()
		off := func(s SourceCheck) bool { return s.Verdict == APIOff && s.API == facts.console }
		if slices.ContainsFunc(p.report.Hints, func(h PreflightHint) bool { return h.URL == p.c.apiPage(a) }) {
			continue
		}
		p.hint(PreflightHint{Text: fmt.Sprintf("enable the %s in project %s, on the page below; it holds after some minutes", facts.console,
			cmp.Or(p.c.access.project(), "of your credentials")), URL: p.c.apiPage(a)}, off)
	}
}

// apiPage is where an API is enabled.
func (c *Collector) apiPage(a api) string {
	page := "https://console.cloud.google.com/apis/library/" + a.service()
	if project := c.access.project(); project != "" {
		page += "?project=" + project
	}
	return page
}

// service is the name that an API has in Google's console.
func (a api) service() string {
	switch a {
	case groupsSettings:
		return "groupssettings.googleapis.com"
	case drive:
		return "drive.googleapis.com"
	case calendar:
		return "calendar-json.googleapis.com"
	}
	return strings.TrimSuffix(strings.TrimPrefix(a.facts().root, "https://"), "/")
}

// hintRoles names the privileges that the administrator lacks.
func (p *preflight) hintRoles() {
	var lacking []string
	for _, s := range p.report.Sources {
		if privilege := s.source.privilege(); s.Verdict == NoRole && !slices.Contains(lacking, privilege) {
			lacking = append(lacking, privilege)
		}
	}
	p.hint(PreflightHint{Text: fmt.Sprintf("%s lacks privileges: %s. Name a super administrator with --google-admin, or give %s a role with them on the page below",
		p.c.cfg.Admin, strings.Join(lacking, "; "), p.c.cfg.Admin), URL: "https://admin.google.com/ac/roles"}, has(NoRole))
	p.hint(PreflightHint{Text: "name a super administrator with --google-admin: these are read for one"}, has(NoAdmin))
}

// privilege is what an administrator needs to read a source, as the console calls it.
func (s source) privilege() string {
	switch {
	case s.api == reports:
		return "Reports"
	case s.api == alertCenter:
		return "Alert Center, View access"
	case s.api == vault:
		return "Google Vault, Manage Matters"
	case s.api == groupsSettings, s.scope == scopeGroup:
		return "Admin API, Groups, Read"
	case s.scope == scopeUser:
		return "Admin API, Users, Read"
	case s.scope == scopeSecurity:
		return "Admin API, User Security Management"
	case s.scope == scopeMobile:
		return "Mobile Device Management"
	case s.scope == scopeRoles:
		return "those of a super administrator, for roles"
	}
	return "those that " + s.resource + " needs (a super administrator has them)"
}

// hintUsers speaks of who is not there, or has no mailbox that Google opens.
func (p *preflight) hintUsers() {
	who := func(ofAccount bool) func(SourceCheck) bool {
		return func(s SourceCheck) bool { return s.Verdict == NoUser && (s.Subject == p.account) == ofAccount }
	}
	p.hint(PreflightHint{Text: fmt.Sprintf("check --account %s: Google knows no such user; the primary address of one who is there is wanted", p.account)}, who(true))
	p.hint(PreflightHint{Text: fmt.Sprintf("check --google-admin %s, and --account %s: Google knows no such user", p.c.cfg.Admin, p.account)}, who(false))
	p.hint(PreflightHint{Text: fmt.Sprintf("%s is suspended, and Google opens no mailbox of such. Collect what the Directory tells now. Then end the sessions, "+
		"reset the password, delete grants and app passwords, and reactivate the user for as long as a second collection takes", p.account)}, has(Suspended))
	if primary := p.user.Primary; primary != "" && !strings.EqualFold(primary, p.account) {
		p.report.Hints = append(p.report.Hints, PreflightHint{Text: fmt.Sprintf("%s is another address of %s: name the primary address with --account, so that all exhibits have one name",
			p.account, cut(primary, longestWords))})
	}
	p.hint(PreflightHint{Text: "Google opens no mailbox of a user who is suspended, deleted or has no Gmail licence: look at the user in the admin console"}, has(NoMailbox))
}

// hintLine speaks of what did not answer.
func (p *preflight) hintLine() {
	p.hint(PreflightHint{Text: "see whether this machine reaches https://oauth2.googleapis.com and the APIs' hosts; a proxy is named with HTTPS_PROXY; " +
		"a longer wait with --timeout 5m"}, has(Unreachable))
	p.hint(PreflightHint{Text: "Google is busy, or the project's quota is spent: try again in some minutes"}, has(Busy))
	p.hint(PreflightHint{Text: "Gmail's IMAP server does not let the delegation in. Look at row gmail/imap once it is collected: where IMAP is off for the user, do not switch it on, " +
		"which changes what is examined, but leave --imap out and read the messages by the API"}, func(s SourceCheck) bool { return s.Verdict == Refused && s.Resource == imapResource })
	p.hint(PreflightHint{Text: fmt.Sprintf("the policy of the domain may keep applications from these: see API controls in the admin console, whether %s is blocked there",
		p.c.access.client())}, func(s SourceCheck) bool { return s.Verdict == Refused && s.Resource != imapResource })
}

// hintAdmin warns of an administrator who is the examined account: who has the one has the other.
func (p *preflight) hintAdmin() {
	if admin := p.c.cfg.Admin; admin != "" && (strings.EqualFold(admin, p.account) || strings.EqualFold(admin, p.user.Primary)) {
		p.report.Hints = append(p.report.Hints, PreflightHint{Text: fmt.Sprintf("%s is the account that is examined: whoever took it over may take its rights away, "+
			"or suspend it, while you collect, and sees it in the logs. Name another administrator with --google-admin", p.c.cfg.Admin)})
	}
}
