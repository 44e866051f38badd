package facts

// The kinds of facts. A rule's logsource names one as its category.
const (
	KindUnreadable        = "unreadable"       // an exhibit, or a part of one, of a known form that cannot be read
	KindFilter            = "gmail_filter"     // a Gmail filter
	KindForwarding        = "gmail_forwarding" // Gmail's automatic forwarding
	KindForwardingAddress = "gmail_address"    // an address that Gmail may forward to
	KindDelegate          = "gmail_delegate"   // who may use the mailbox
	KindSendAs            = "gmail_send_as"    // an address that the account sends as
	KindVacation          = "gmail_vacation"   // the automatic reply
	KindAccess            = "gmail_access"     // IMAP or POP, on or off
	KindLabel             = "gmail_label"      // a label
	KindToken             = "oauth_token"      // an application's grant
	KindAppPassword       = "app_password"     // an app password
	KindCodes             = "backup_codes"     // how many backup codes there are
	KindUser              = "user"             // the user's record
	KindAlias             = "user_alias"       // another address of the user
	KindDevice            = "mobile_device"    // a device that synchronises
	KindGroup             = "group"            // a group that the user is in
	KindGroupSettings     = "group_settings"   // what a group that the user is in lets people do
	KindRole              = "admin_role"       // an administrator's role that the user has
	KindAudit             = "audit"            // an event of an audit log; event.service is the logsource's service
	KindMailLog           = "mail_log"         // an event in a mail server's log
	KindScript            = "sieve_script"     // a Sieve script
	KindRuleAction        = "mail_rule"        // what a filter or script does, as a Reader of mail rules understands it
	KindACL               = "imap_acl"         // an entry of an access control list
	KindRights            = "imap_rights"      // what the account may do in another's mailbox
	KindAnnotation        = "imap_annotation"  // an annotation of a mailbox or of the server
	KindMessage           = "message"          // the header of a message
	KindDraft             = "draft"            // the header of a message that was not sent
	KindDisappeared       = "disappeared"      // what is not there any more in a folder
	KindHistory           = "gmail_history"    // what Gmail's history tells: deleted, moved, relabelled
	KindFile              = "drive_file"       // a file and who has access to it
	KindFileActivity      = "drive_activity"   // what was done with a file
	KindCloudDevice       = "cloud_device"     // a device that Cloud Identity knows the account on
	KindClientState       = "client_state"     // what an application of others says of such a device
	KindPolicy            = "policy"           // a policy of the organisation
	KindSSO               = "single_sign_on"   // who may sign people in from outside: profiles, their keys, whom they hold for
	KindCalendarACL       = "calendar_acl"     // who has access to a calendar
	KindScriptRun         = "script_run"       // a run of Apps Script in the account's name
	KindUsage             = "usage"            // what Google counted on a day
	KindNamedElsewhere    = "named_elsewhere"  // another mailbox's settings name the account
	KindAttached          = "attached"         // what a person saw and kept
	KindSettingChange     = "setting_change"   // a setting that an earlier bundle has and a later one not, or the other way round
	KindAlert             = "alert"            // an alert of Google's Alert Center
)

// Kinds lists all kinds of facts.
func Kinds() []string {
	return []string{KindUnreadable, KindFilter, KindForwarding, KindForwardingAddress, KindDelegate, KindSendAs, KindVacation, KindAccess, KindLabel,
		KindToken, KindAppPassword, KindCodes, KindUser, KindAlias, KindDevice, KindGroup, KindGroupSettings, KindRole, KindAudit, KindMailLog, KindScript,
		KindRuleAction, KindACL, KindRights, KindAnnotation, KindMessage, KindDraft, KindDisappeared, KindHistory, KindFile, KindFileActivity, KindCloudDevice, KindClientState,
		KindPolicy, KindSSO, KindCalendarACL, KindScriptRun, KindUsage, KindNamedElsewhere, KindAttached, KindSettingChange, KindAlert}
}
