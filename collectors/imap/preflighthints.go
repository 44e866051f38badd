package imap

import "strings"

// A Hint is something that the server's administrator can switch on so that more is recorded or can be read. It changes the server and
// says nothing of the past: it is for after the first collection.
type Hint struct {
	What string   `json:"what"`           // one sentence
	For  string   `json:"for,omitempty"`  // "Dovecot 2.3"; empty for all versions
	Type []string `json:"type,omitempty"` // lines for a configuration file or a shell
}

// hints returns what applies to the server of a report: how to get in where that failed, else what to switch on.
func hints(p *PreflightReport) []Hint {
	if !p.Usable {
		return loginHints(p)
	}
	switch p.Kind {
	case "dovecot":
		return dovecotHints(p)
	case "cyrus":
		return cyrusHints()
	case "courier":
		return courierHints()
	case "exchange":
		return exchangeHints(p)
	case "zimbra":
		return zimbraHints()
	case "gmail":
		return gmailHints()
	}
	return otherHints()
}

func loginHints(p *PreflightReport) []Hint {
	switch {
	case p.Check("login").Verdict != Refused:
		return nil
	case p.Kind == "gmail":
		return []Hint{{What: "A password must be an app password, which needs 2-step verification; else use --imap-token-file."}}
	case p.Kind == "exchange" && online(p.Server):
		return []Hint{{What: "Exchange Online takes no passwords over IMAP, app passwords neither: use --imap-token-file."}}
	}
	return nil
}

// lacks says whether the server was asked for something and has it not to give.
func (p *PreflightReport) lacks(name string) bool {
	v := p.Check(name).Verdict
	return v == NotOffered || v == Refused
}

// dovecotHints come in two forms, as Dovecot 2.4 does not read the configuration of 2.3. A server that tells its
// version gets its own.
func dovecotHints(p *PreflightReport) []Hint {
	hints := []Hint{
		{What: "Log what is done to messages and folders, from now on: plugin mail_log.", For: "Dovecot 2.3", Type: []string{
			"mail_plugins = $mail_plugins notify mail_log",
			"plugin {",
			"  mail_log_events = delete undelete expunge copy save flag_change \\",
			"    mailbox_create mailbox_delete mailbox_rename",
			"  mail_log_fields = uid box msgid size flags from subject",
			"}",
		}},
		{What: "Log what is done to messages and folders, from now on: plugin mail_log.", For: "Dovecot 2.4", Type: []string{
			"mail_plugins {",
			"  notify = yes",
			"  mail_log = yes",
			"}",
			"mail_log_events = delete undelete expunge copy save flag_change \\",
			"  mailbox_create mailbox_delete mailbox_rename",
			"mail_log_fields = uid box msgid size flags from subject",
		}},
		{What: "Log failed logins with the reason. Never set auth_verbose_passwords to plain: it writes " +
			"passwords into the log; sha1:6 tells one guess from another and no more.", Type: []string{"auth_verbose = yes"}},
		{What: "Log the names that clients give themselves (ID).", For: "Dovecot 2.3", Type: []string{"imap_id_log = *"}},
		{What: "The names that clients give themselves (ID) are the event imap_id_received, for an event_exporter; " +
			"imap_id_log is gone.", For: "Dovecot 2.4"},
	}
	if p.lacks("METADATA") {
		hints = append(hints,
			Hint{What: "Let annotations be read: METADATA.", For: "Dovecot 2.3", Type: []string{
				"mail_attribute_dict = file:%h/dovecot-attributes", "protocol imap {", "  imap_metadata = yes", "}",
			}},
			Hint{What: "Let annotations be read: METADATA.", For: "Dovecot 2.4", Type: []string{
				"mail_attribute {", "  dict file {", "    path = %{home}/dovecot-attributes", "  }", "}",
				"protocol imap {", "  imap_metadata = yes", "}",
			}})
	}
	if p.lacks("ACL") {
		hints = append(hints,
			Hint{What: "Let rights on folders be read: ACL. Test it first: rights that were stored before begin to count.", For: "Dovecot 2.3", Type: []string{
				"mail_plugins = $mail_plugins acl", "protocol imap {", "  mail_plugins = $mail_plugins imap_acl", "}",
				"plugin {", "  acl = vfile", "}",
			}},
			Hint{What: "Let rights on folders be read: ACL. Test it first: rights that were stored before begin to count.", For: "Dovecot 2.4", Type: []string{
				"mail_plugins {", "  acl = yes", "}", "protocol imap {", "  mail_plugins {", "    imap_acl = yes", "  }", "}",
				"acl_driver = vfile",
			}})
	}
	if p.lacks("MANAGESIEVE") {
		hints = append(hints, Hint{What: "If filters run by Sieve, let the scripts be read: ManageSieve (package dovecot-managesieved).",
			Type: []string{"protocols = $protocols sieve"}, For: "Dovecot 2.3"},
			Hint{What: "If filters run by Sieve, let the scripts be read: ManageSieve.", For: "Dovecot 2.4", Type: []string{"protocols {", "  sieve = yes", "}"}})
	}
	return ofVersion(hints, p.Software)
}

// ofVersion leaves out the hints for another version than the one that the server says it is.
func ofVersion(hints []Hint, software string) []Hint {
	is := ""
	for _, version := range []string{"2.3", "2.4"} {
		if strings.HasPrefix(software, "Dovecot "+version+".") {
			is = "Dovecot " + version
		}
	}
	if is == "" {
		return hints
	}
	var mine []Hint
	for _, h := range hints {
		if h.For == "" || h.For == is {
			mine = append(mine, h)
		}
	}
	return mine
}

func cyrusHints() []Hint {
	return []Hint{
		{What: "Log each action on a message or a folder to syslog, from now on (imapd.conf).", Type: []string{"auditlog: 1"}},
		{What: "Expunged messages and deleted folders stay on disk until cyr_expire removes them, if these are " +
			"delayed (imapd.conf; the default since 2.5). Before collecting, hold up cyr_expire: its entries " +
			"in EVENTS of cyrus.conf, and cron.", Type: []string{"expunge_mode: delayed", "delete_mode: delayed"}},
		{What: "List what of a folder can still be brought back; without -l, unexpunge changes the mailbox.",
			Type: []string{"unexpunge -l user.alice"}},
		{What: "Keep the whole dialogue of a user's new sessions: make a directory of the user's name, writable " +
			"by Cyrus, in log below configdirectory. It fills up with mail: watch the disk, remove it afterwards.",
			Type: []string{"install -d -o cyrus /var/lib/cyrus/log/alice"}},
	}
}

func courierHints() []Hint {
	return []Hint{
		{What: "Logins and logouts are in syslog, facility mail, with address and bytes. DEBUG_LOGIN=1 in " +
			"authdaemonrc tells why one failed. Never 2: it writes passwords into the log."},
		{What: "Courier keeps filters in files and not by Sieve: have the account's .mailfilter and .courier* copied."},
	}
}

func exchangeHints(p *PreflightReport) []Hint {
	hints := []Hint{
		{What: "Inbox rules, forwarding and delegates are not to be seen by IMAP. Have an administrator read them:",
			Type: []string{"Get-InboxRule -Mailbox ADDRESS -IncludeHidden", "Get-Mailbox ADDRESS | Format-List *forward*,AuditEnabled", "Get-MailboxPermission ADDRESS"}},
	}
	if online(p.Server) {
		return append(hints,
			Hint{What: "Who read and did what is in the unified audit log, while it is kept:",
				Type: []string{"Search-UnifiedAuditLog -UserIds ADDRESS -StartDate … -EndDate …"}})
	}
	return append(hints, Hint{What: "Record who does what in the mailbox, from now on, if AuditEnabled is False:",
		Type: []string{"Set-Mailbox ADDRESS -AuditEnabled $true"}})
}

func online(server string) bool {
	host := strings.ToLower(server)
	return strings.Contains(host, "office365.com:") || strings.Contains(host, "outlook.com:")
}

func zimbraHints() []Hint {
	return []Hint{
		{What: "Logins are in /opt/zimbra/log/audit.log, actions in mailbox.log; both are rotated: have them copied now."},
		{What: "Filters and forwarding are not to be seen by IMAP. As user zimbra:",
			Type: []string{"zmprov ga ADDRESS zimbraMailSieveScript zimbraMailOutgoingSieveScript", "zmprov ga ADDRESS zimbraPrefMailForwardingAddress", "zmprov ga ADDRESS zimbraMailForwardingAddress"}},
	}
}

func gmailHints() []Hint {
	return []Hint{
		{What: "Filters, forwarding, delegates and sign-ins are not to be seen by IMAP. In a Workspace domain, an " +
			"administrator finds them in the admin console; have them exported."},
		{What: "The account's settings can hide folders and all but the newest messages from IMAP (Settings, " +
			"Labels: Show in IMAP; Forwarding and POP/IMAP: Folder size limits). Look before you count."},
	}
}

func otherHints() []Hint {
	return []Hint{
		{What: "Ask who runs the server for its logs of logins and of changes to messages, and how long they are " +
			"kept. IMAP itself knows nothing of who signed in."},
		{What: "Ask how filters and forwarding are kept on this server, and have them copied."},
	}
}
