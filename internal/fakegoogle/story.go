package fakegoogle

import (
	"slices"
	"strconv"
	"time"

	"github.com/mbaudit/mbaudit/internal/seedmail"
)

// The intruder's things. The mail that goes with them is seedmail.Compromised, whose times are those of Paris.
const (
	IntruderForward = "a.martin.compta@webfree.example"
	intruderClient  = "77185425430-emclient.apps.googleusercontent.com"
)

// hiddenLabel is where the intruder hides answers.
const hiddenLabel = seedmail.HiddenFolder

// at reads a time of the story, in UTC.
func at(s string) time.Time {
	parsed, err := time.Parse("2006-01-02 15:04:05", s)
	if err != nil {
		panic("fakegoogle: " + err.Error())
	}
	return parsed
}

// at is a time of the tenant's story, which may have been moved to other weeks.
func (t *Tenant) at(s string) time.Time { return at(s).Add(t.config.shift()) }

// morning is when the takeover is noticed.
func (t *Tenant) morning() time.Time { return Start().Add(t.config.shift()) }

// takenOver says that a user is the victim of the story.
func (t *Tenant) takenOver(p person) bool { return p.role == victim && !t.config.Quiet }

// play gives an account what its part wants.
func (t *Tenant) play(a *account) {
	m := &a.mail
	switch a.role {
	case victim:
		if t.takenOver(a.person) {
			t.takeOver(a)
		}
	case traveller: // nothing is wrong: the workshop's account gets a copy, and he reads mail with Thunderbird
		m.forwarding = []object{{"forwardingEmail": "scan@example.test", "verificationStatus": "accepted"}}
		m.autoForwarding = object{"enabled": true, "emailAddress": "scan@example.test", "disposition": "leaveInInbox"}
		a.tokens = append(a.tokens, grant(a, "555000111222-thunderbird.apps.googleusercontent.com", "Mozilla Thunderbird", "https://mail.google.com/"))
	case manager: // nothing is wrong: an assistant and order in the mailbox
		m.delegates = []object{{"delegateEmail": "dave@example.test", "verificationStatus": "accepted"}}
		for i, from := range []string{"lettre@bois-info.example", "newsletter@outillage-nord.example", "alertes@banque-du-lac.example"} {
			m.filters = append(m.filters, object{"id": filterID(uint64(100 + i)), "criteria": object{"from": from},
				"action": object{"addLabelIds": texts(m.labelFor("Lettres")), "removeLabelIds": texts("INBOX")}})
		}
		m.vacation = object{"enableAutoReply": true, "responseSubject": "Absente", "responseBodyPlainText": "Je reviens lundi.",
			"restrictToContacts": false, "restrictToDomain": true}
		m.identities = []object{{"emailAddress": a.email, "primaryKeyPairId": "ANe1BmjKeyPair1"}}
		m.keyPairs = []object{{"keyPairId": "ANe1BmjKeyPair1", "enablementState": "enabled", "subjectEmailAddresses": texts(a.email),
			"pem": mailCertificate(a.email)}}
		m.smime[a.email] = []object{{"id": "1", "issuerCn": "Autorité de test", "isDefault": true, "expiration": strconv.FormatInt(t.morning().AddDate(1, 0, 0).UnixMilli(), 10),
			"pem": mailCertificate(a.email)}}
	case enforced: // nothing is wrong, but who has the victim's account reads this one too
		m.delegates = []object{{"delegateEmail": Victim, "verificationStatus": "accepted"}}
	case dormant: // the intruder has it too, and sends from it under his own address
		if !t.config.Quiet {
			a.sessions[intruderSession], a.knowsPassword = true, true
			m.sendAs = append(m.sendAs, object{"sendAsEmail": IntruderForward, "displayName": "Alice Martin", "isPrimary": false, "isDefault": false,
				"treatAsAlias": true, "verificationStatus": "accepted"})
		}
	case scanner: // nothing is wrong: a device that has had its app password for a year
		a.asps = []object{appPassword(a, 1, "Copieur atelier", t.morning().AddDate(-1, 0, 0), t.morning().Add(-2*time.Hour))}
	}
}

// takeOver gives the victim what the intruder left behind.
func (t *Tenant) takeOver(a *account) {
	m := &a.mail
	hidden := m.labelFor(hiddenLabel)
	m.labels[where(m.labels, "id", hidden)]["labelListVisibility"] = "labelHide"
	m.filters = append([]object{{"id": filterID(1), "criteria": object{"from": "lettre@bois-info.example"},
		"action": object{"addLabelIds": texts(m.labelFor("Lettres"))}}}, intruderFilters(m)...)
	m.forwarding = []object{{"forwardingEmail": IntruderForward, "verificationStatus": "accepted"}}
	m.autoForwarding = object{"enabled": true, "emailAddress": IntruderForward, "disposition": "leaveInInbox"}
	m.delegates = []object{{"delegateEmail": Delegate, "verificationStatus": "accepted"}}
	m.sendAs[0]["replyToAddress"] = IntruderForward
	m.sendAs = append(m.sendAs, object{"sendAsEmail": lookAlike, "displayName": "Alice Martin", "isPrimary": false,
		"isDefault": false, "treatAsAlias": true,
		"verificationStatus": "accepted", "smtpMsa": object{"host": "smtp.webfree.example", "port": 587.0, "username": "a.martin.compta",
			"securityMode": "starttls"}})
	a.tokens = append(a.tokens, intruderGrant(a))
	a.asps = []object{appPassword(a, 1, "Outlook Mobile", t.at("2026-10-12 07:26:00"), t.at("2026-10-14 19:50:00"))}
	a.user["recoveryEmail"] = IntruderForward
	a.user["isEnrolledIn2Sv"] = true
	a.codes = t.newCodes(a)
	a.sessions[intruderSession] = true
	a.knowsPassword, a.hisFactor, a.hisCodes = true, true, a.codeSets
}

// coverTracks writes into the victim's history what the intruder did with messages: warnings that he moved to the trash
// soon after they came, answers that he hid, and a sent message that he deleted for good.
func (t *Tenant) coverTracks(a *account) {
	b := a.mail.box
	hidden := a.mail.labelFor(seedmail.HiddenFolder)
	for _, m := range slices.Clone(b.messages) {
		if m.date.Before(t.at("2026-10-12 07:00:00")) {
			continue
		}
		for _, label := range []string{"TRASH", hidden} {
			if slices.Contains(m.labels, label) {
				b.record(m.date.Add(2*time.Minute), "labelAdded", m, []string{label})
				b.record(m.date.Add(2*time.Minute), "labelRemoved", m, []string{"INBOX"})
			}
		}
	}
	raw := []byte("From: Alice Martin <" + Victim + ">\r\nTo: tresorerie@valbourg.example\r\nSubject: Confirmation du nouveau RIB\r\nMessage-ID: <gone-1@mail.example.test>\r\n\r\nMerci de proceder au virement.\r\n")
	gone := t.deliver(a, t.at("2026-10-14 20:01:12"), []string{"SENT"}, raw, func() []byte { return raw })
	b.expunge(t.at("2026-10-14 20:05:40"), gone)
	slices.SortStableFunc(b.history, func(x, y historyRecord) int { return x.at.Compare(y.at) })
	b.renumber()
}

// renumber gives the history ids in the order of time, as they would have been given.
func (b *mailbox) renumber() {
	first := b.last - uint64(len(b.history))*7
	for i := range b.history {
		b.history[i].id = first + uint64(i+1)*7
		b.history[i].message.historyID = b.history[i].id
	}
}

// authorised is the token log's line for a consent.
func authorised(a *account, when time.Time, token object) activity {
	return activity{key: key{at: when}, application: "token", user: a.number, ip: Intruder, client: intruderClient, events: []event{{kind: "auth", name: "authorize", parameters: []any{
		parameter("client_id", text(token, "clientId")), parameter("app_name", text(token, "displayText")), parameter("client_type", "NATIVE_DESKTOP"),
		object{"name": "scope", "multiValue": token["scopes"]}, object{"name": "scope_data", "multiMessageValue": []any{object{"parameter": []any{
			parameter("scope_name", "https://mail.google.com/"), object{"name": "product_bucket", "multiValue": texts("GMAIL")}}}}}}}}}
}

// recordStory writes the takeover into the logs. Filters, delegates and app passwords leave no line, as at Google.
func (t *Tenant) recordStory() {
	alice := t.index[Victim]
	add := func(when, application, kind, name, ip string, parameters ...any) {
		t.recordActivity(activity{key: key{at: t.at(when)}, application: application, user: alice, ip: ip, events: []event{{kind, name, parameters}}})
	}
	if !t.config.Quiet {
		password := parameter("login_type", "google_password")
		add("2026-10-12 07:01:55", "login", "login", "login_failure", Intruder, password, parameter("login_failure_type", "login_failure_invalid_password"))
		for _, when := range []string{"2026-10-12 07:03:04", "2026-10-13 08:12:31", "2026-10-14 06:25:10", "2026-10-14 19:48:22"} {
			add(when, "login", "login", "login_success", Intruder, password, boolean("is_suspicious", when == "2026-10-12 07:03:04"),
				object{"name": "login_challenge_method", "multiValue": texts("password")})
		}
		add("2026-10-12 07:03:05", "login", "account_warning", "suspicious_login", Intruder, parameter("affected_email_address", Victim))
		add("2026-10-12 07:09:12", "user_accounts", "recovery_info_change", "recovery_email_edit", Intruder)
		add("2026-10-12 07:11:40", "user_accounts", "email_forwarding_change", "email_forwarding_out_of_domain", Intruder,
			parameter("email_forwarding_destination_address", IntruderForward))
		add("2026-10-12 07:20:02", "user_accounts", "2sv_change", "2sv_enroll", Intruder)
		t.recordActivity(activity{key: key{at: t.at("2026-10-12 07:21:30")}, application: "login", user: t.index[Delegate], ip: Intruder, // an account he has too
			events: []event{{"login", "login_success", []any{password, boolean("is_suspicious", false)}}}})
		add("2026-10-12 07:31:47", "mobile", "device_updates", "DEVICE_REGISTER_UNREGISTER_EVENT", Intruder, parameter("USER_EMAIL", Victim),
			parameter("DEVICE_MODEL", "SM-A556B"), parameter("ACCOUNT_STATE", "REGISTERED"))
		add("2026-10-14 20:30:15", "drive", "acl_change", "change_user_access", Intruder, boolean("primary_event", true), parameter("doc_id",
			sharedFile), parameter("doc_title", "Clients 2026"),
			parameter("owner", Victim), parameter("target_user", IntruderForward), parameter("visibility",
				"shared_externally"), object{"name": "new_value", "multiValue": texts("can_edit")})
		t.recordActivity(authorised(t.victimStub(), t.at("2026-10-12 07:15:33"), grant(t.victimStub(), intruderClient, "eM Client",
			"https://mail.google.com/", "https://www.googleapis.com/auth/contacts")))
		t.recordMore(add)
		t.recordMail(alice) // last: it makes the account, which reads the logs
	}
}

// recordMore writes the traces that the intruder left in other logs than those of mail and sign-in.
func (t *Tenant) recordMore(add func(when, application, kind, name, ip string, parameters ...any)) {
	scope := "https://mail.google.com/"
	add("2026-10-12 07:03:04", "login", "login", "login_verification", Intruder, parameter("login_challenge_status", "Challenge Passed."),
		parameter("login_type", "google_password"), object{"name": "login_challenge_method", "multiValue": texts("password")}, boolean("is_second_factor", false))
	add("2026-10-12 07:15:33", "access_evaluation", "access_token_evaluation", "allow_token_request", Intruder, parameter("client_type", "NATIVE_APPLICATION"),
		parameter("configuration_source", "CONFIGURATION_SOURCE_UNSPECIFIED"), parameter("scopes_requested", scope))
	add("2026-10-12 07:18:10", "profile", "PROFILE_MUTATION", "PROFILE_MUTATE_BY_USER", Intruder, parameter("PROFILE_FIELD", "PHOTO"), parameter("USER_EMAIL", Victim))
	add("2026-10-12 07:40:12", "cloud_search", "SEARCH_QUERY", "SEARCH", Intruder, parameter("request_type", "1P_WEB"),
		object{"name": "search_request", "messageValue": object{"parameter": []any{parameter("query", "virement RIB fournisseur")}}})
	add("2026-10-12 07:44:03", "contacts", "contacts", "export_contacts", Intruder, number("number_of_contacts", 212), parameter("export_format", "GOOGLE_CSV"))
	add("2026-10-13 08:14:40", "takeout", "USER_TAKEOUT", "STARTED_USER_TAKEOUT", Intruder, parameter("TAKEOUT_ID", "to-000000000077"),
		parameter("TAKEOUT_DESTINATION", "EMAIL"), object{"name": "PRODUCTS_REQUESTED", "multiValue": texts("GMAIL", "DRIVE")}, parameter("INITIATED_BY", "USER"))
	add("2026-10-13 10:02:11", "takeout", "USER_TAKEOUT", "COMPLETED_USER_TAKEOUT", "", parameter("TAKEOUT_ID", "to-000000000077"))
	add("2026-10-13 10:31:57", "takeout", "USER_TAKEOUT", "DOWNLOADED_USER_TAKEOUT", Intruder, parameter("TAKEOUT_ID", "to-000000000077"))
	add("2026-10-13 08:25:00", "calendar", "calendar_change", "change_calendar_acls", Intruder, parameter("calendar_id", Victim),
		parameter("grantee_email", IntruderForward), parameter("access_level", "write"), parameter("api_kind", "web"))
	add("2026-10-13 08:31:09", "chat", "user_action", "message_posted", Intruder, parameter("actor", Victim), parameter("conversation_type", "DIRECT_MESSAGE"),
		parameter("external_room", "DISABLED"), parameter("message_id", "m000000000077"), parameter("room_id", "space000000077"))
	for _, name := range []string{"view", "download"} {
		for i, when := range []string{"20:26:01", "20:26:40", "20:27:15", "20:28:02", "20:29:44"} {
			add("2026-10-14 "+when, "drive", "access", name, Intruder, boolean("primary_event", true), parameter("doc_id", "1fAkEClients2026"+string(rune('0'+i))),
				parameter("doc_title", "Factures fournisseurs"), parameter("doc_type", "spreadsheet"), parameter("owner", Victim), parameter("visibility", "private"))
		}
	}
	add("2026-10-14 20:31:02", "rules", "rule_match_type", "rule_match", Intruder, parameter("rule_name", "IBAN sortant"), parameter("data_source", "DRIVE"),
		parameter("resource_id", sharedFile), object{"name": "matched_detectors", "multiMessageValue": []any{object{"parameter": []any{parameter("detector_id", "IBAN_CODE")}}}})
	add("2026-10-14 20:38:45", "drive", "access", "create_script_trigger", Intruder, boolean("primary_event", true), parameter("doc_id", intruderScript),
		parameter("doc_title", "Synchronisation"), parameter("doc_type", "script"), parameter("owner", Victim), parameter("visibility", "private"))
	for _, when := range []string{"2026-10-12 07:16:02", "2026-10-13 08:13:20", "2026-10-14 19:50:00"} {
		t.recordActivity(activity{key: key{at: t.at(when)}, application: "token", user: t.index[Victim], ip: Intruder, client: intruderClient, events: []event{{"auth", "activity",
			[]any{parameter("client_id", intruderClient), parameter("app_name", "eM Client"), parameter("client_type", "NATIVE_DESKTOP"), parameter("api_name", "gmail"),
				parameter("method_name", "imap.fetch"), number("num_response_bytes", 48_112_300), parameter("product_bucket", "GMAIL")}}}})
	}
	// With a cookie of the administrator's, so that no sign-in is logged: an identity provider of his own for the accounts.
	t.recordActivity(activity{key: key{at: t.at("2026-10-14 21:02:19")}, application: "admin", user: t.index[Admin], ip: Intruder, events: []event{
		{"DOMAIN_SETTINGS", "CHANGE_SSO_SETTINGS", []any{parameter("DOMAIN_NAME", Domain), parameter("NEW_VALUE", rogueProfile)}},
		{"DOMAIN_SETTINGS", "TOGGLE_SSO_ENABLED", []any{parameter("DOMAIN_NAME", Domain), parameter("NEW_VALUE", "true")}}}})
}

// sharedFile is the file that the intruder shared with himself.
const sharedFile = "1fAkEClients2026"

func (t *Tenant) victimStub() *account { return &account{person: t.person(t.index[Victim])} }

// recordMail writes the victim's messages into the gmail log, from the mailbox itself.
func (t *Tenant) recordMail(alice int) {
	a := t.account(alice)
	hidden := a.mail.labelFor(seedmail.HiddenFolder)
	for _, m := range t.box(a).messages {
		sent := slices.Contains(m.labels, "SENT")
		kind, ip, client := 2, "", "WEB"
		if sent {
			kind, ip = 1, "192.0.2.14"
		}
		if sent && m.date.After(t.at("2026-10-13 00:00:00")) {
			ip = Intruder
		}
		write := func(when time.Time, kind int, ip string, more ...any) {
			t.recordActivity(activity{key: key{at: when}, application: "gmail", user: alice, ip: ip,
				events: []event{{"delivery_type", "delivery", delivery(when, kind, a.email, m.subject, m.rfc2, client, more...)}}})
		}
		write(m.date, kind, ip)
		if sent || m.date.Before(t.at("2026-10-12 07:11:40")) {
			continue
		}
		write(m.date.Add(4*time.Second), 11, "") // forwarded by the account's setting
		switch {
		case slices.Contains(m.labels, "TRASH"): // warnings and password resets: opened by the intruder, then thrown away
			write(m.date.Add(time.Minute), 7, Intruder)
			write(m.date.Add(2*time.Minute), 13, Intruder)
		case slices.Contains(m.labels, hidden): // answers of those whom he writes to: opened through the delegate
			write(m.date.Add(9*time.Minute), 7, Intruder, parameter("session_context.delegate_user_email", Delegate))
		}
	}
}
