package workspace

import (
	"context"
)

// A ManualSlot is something that matters and that no API of Google's tells: a person looks it up in the console, and
// attaches what he saw.
type ManualSlot struct {
	Name      string `json:"slot"` // what mbaudit attach knows it by
	Title     string `json:"title"`
	Where     string `json:"where"` // in the console, or whom to ask
	Why       string `json:"why"`
	OfAccount bool   `json:"of_account"` // it is of each account; else of the whole tenant
}

const console = "admin.google.com: "

// ManualSlots lists what no API tells, those of an account first.
func ManualSlots() []ManualSlot {
	return []ManualSlot{
		{"security-keys", "security keys, passkeys and other second steps of the user",
			console + "Directory, Users, the user, Security: 2-step verification, Security keys and passkeys",
			"a second step that the intruder enrolled survives a new password; the Directory tells only whether there is one", true},
		{"sessions", "the devices and sessions that the user is signed in on",
			"as the user, with his consent: myaccount.google.com/device-activity; mail.google.com, Details below the list of messages",
			"shows sessions that are open now; no API lists them, and signing out ends them without a trace", true},
		{"mail-log", "the e-mail log search for messages of the account older than the logs of Reports",
			console + "Reporting, Email log search, by sender, recipient and message id",
			"tells of deliveries by message id, after messages were deleted; the Gmail log of Reports goes after 30 days", true},
		{"restorable-data", "whether deleted messages and files of the account can still be restored",
			console + "Directory, Users, the user, More options, Restore data (look only: restoring changes the mailbox)",
			"what was deleted for good can be restored for 25 days, and then no more", true},
		{"mail-monitors", "hidden copies of the account's mail (Email Audit API: monitors)",
			"ask the administrator for: gam audit monitor list USER; the admin log has CREATE_EMAIL_MONITOR",
			"a monitor copies all mail to another user of the domain and is shown nowhere in the console", true},
		{"delegated-clients", "the list of clients with domain-wide delegation, with their scopes",
			console + "Security, Access and data control, API controls, Manage domain-wide delegation",
			"a client of the intruder's reads every mailbox of the domain without any password; no API lists them", false},
		{"mail-routing", "Gmail's routing, default routing, content compliance, inbound gateway and hosts",
			console + "Apps, Google Workspace, Gmail: Routing, Default routing, Compliance, Spam, phishing and malware, Hosts",
			"a routing rule copies or diverts mail before it reaches any mailbox; the Policy API tells a part of it only", false},
		{"app-access", "which third-party applications are trusted, limited or blocked",
			console + "Security, Access and data control, API controls, App access control",
			"an application that was made trusted passes the restrictions on scopes", false},
		{"marketplace", "applications installed for the domain from the Marketplace",
			console + "Apps, Google Workspace Marketplace apps, Apps list",
			"an application installed for the domain has the consent of all users at once", false},
		{"rules-and-alerts", "rules of the rules page: who is told of alerts, which rules are off",
			console + "Rules; Security, Alert center, Manage alert notifications",
			"an intruder with administrator rights silences the alerts about himself", false},
	}
}

// manualScope says of what the slots are.
type manualScope bool

const (
	ofTenant  manualScope = false
	ofAccount manualScope = true
)

const (
	manualPrefix      = "manual/" // of the rows of slots, here and where attached files are kept
	checklistResource = "workspace/manual-checklist"
)

// ManualResource is the row of the coverage ledger that a slot has, in bundles of this collector and of attached files.
func ManualResource(slot string) string { return manualPrefix + slot }

// A checklist is the document that says what to look up.
type checklist struct {
	Version int          `json:"v"`
	Slots   []ManualSlot `json:"slots"`
	Note    string       `json:"note"`
}

// manualStage says of what no API tells that it was not read, and of the tenant lists all of it.
func manualStage(scope manualScope) stage {
	list := source{resource: checklistResource}
	return stage{"what no API tells", func(*run) []source {
		if scope == ofTenant {
			return []source{list}
		}
		return nil
	}, func(_ context.Context, r *run) error {
		for _, slot := range ManualSlots() {
			if slot.OfAccount != bool(scope) {
				continue
			}
			err := r.notOffered(source{resource: ManualResource(slot.Name)}, "not readable by API: "+slot.Title+"; look it up and type: mbaudit attach FILE --as "+slot.Name)
			if err != nil {
				return err
			}
		}
		if scope == ofAccount || r.sink.Has(r.scope.Account, list.resource, list.item) {
			return nil
		}
		return r.derive(list, checklist{1, ManualSlots(), "Made by mbaudit. No API of Google's tells any of this. Look it up, take a screenshot or export it, and type: " +
			"mbaudit attach FILE --as SLOT"}, "a list of mbaudit's own")
	}}
}
