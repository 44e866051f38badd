package fakegoogle

// The client of the calendar that many users have granted access to.
const calendarClient = "406964657835-calendarsync.apps.googleusercontent.com"

// habits are what is done on ordinary days, in every application of the Reports API. The names are those of Google's
// appendix where that could be read (developers.google.com/workspace/admin/reports/v1/appendix/activity); for jamboard,
// assignments, voice, chrome_sync, workspace_studio and gemini_notebook, and for some parameters of others, they are in
// its manner.
func habits() []habit {
	var all []habit
	for _, some := range [][]habit{accessHabits(), mailHabits(), documentHabits(), meetingHabits(), deviceHabits(), administrationHabits(),
		machineHabits(), assistantHabits()} {
		all = append(all, some...)
	}
	return all
}

// accessHabits are about who gets in.
func accessHabits() []habit {
	password := value("login_type", "google_password")
	signedIn := []detail{password, func(d deed) pairs {
		return named("login_challenge_method", "multiValue", texts("password", pick(d.dice, "none", "google_prompt", "totp")))
	}, truly("is_suspicious", 0)}
	second := []subevent{{"login", "login_verification", []detail{value("login_challenge_method", "google_prompt", "google_authenticator"),
		value("login_challenge_status", "Challenge Passed."), password, truly("is_second_factor", 1000)}}}
	calendar := []detail{value("client_id", calendarClient), value("app_name", "Agenda Pro"), value("client_type", "WEB")}
	scopes := append(calendar[:3:3], many("scope", "https://www.googleapis.com/auth/calendar.readonly", "openid"),
		manyNested("scope_data", 1, value("scope_name", "https://www.googleapis.com/auth/calendar.readonly"), many("product_bucket", "CALENDAR")))
	return []habit{
		{application: "login", kind: "login", name: "login_success", perMille: 1400, fields: signedIn, more: second, twin: sameID},
		{application: "login", kind: "login", name: "login_failure", perMille: 60,
			fields: []detail{password, value("login_failure_type", "login_failure_invalid_password")}},
		{application: "login", kind: "login", name: "logout", perMille: 90, fields: []detail{password}},
		{application: "login", kind: "login", name: "login_challenge", perMille: 40, fields: []detail{password,
			value("login_challenge_method", "google_prompt", "idv_preregistered_phone"), value("login_challenge_status", "Challenge Passed.", "Challenge Failed.")}},
		{application: "user_accounts", kind: "password_change", name: "password_edit", perMille: 3},
		{application: "user_accounts", kind: "2sv_change", name: "2sv_enroll", perMille: 1},
		{application: "user_accounts", kind: "recovery_info_change", name: "recovery_phone_edit", perMille: 4},
		{application: "saml", kind: "login", name: "login_success", perMille: 30, fields: []detail{value("application_name", "Paie en ligne"),
			value("initiated_by", "sp", "idp"), value("orgunit_path", "/Atelier", "/Direction"), value("saml_status_code", "SUCCESS_URI")}},
		{application: "saml", kind: "login", name: "login_failure", perMille: 2, fields: []detail{value("application_name", "Paie en ligne"),
			value("initiated_by", "sp"), value("failure_type", "failure_app_not_enabled_for_user"), value("saml_status_code", "REQUEST_DENIED_URI")}},
		{application: "token", kind: "auth", name: "authorize", perMille: 8, client: calendarClient, fields: scopes},
		{application: "token", kind: "auth", name: "activity", perMille: 700, client: calendarClient, fields: append(calendar[:3:3],
			value("api_name", "calendar"), value("method_name", "calendar.events.list"), count("num_response_bytes", 400, 90_000), value("product_bucket", "CALENDAR"))},
		{application: "access_evaluation", kind: "access_token_evaluation", name: "allow_token_request", perMille: 25, client: calendarClient,
			fields: []detail{value("client_type", "WEB", "NATIVE_ANDROID"), value("configuration_source", "APP_ACCESS_CONTROL", "CONFIGURATION_SOURCE_UNSPECIFIED"),
				nested("scope_data", value("scope_name", "https://www.googleapis.com/auth/calendar.readonly"), value("product_bucket", "CALENDAR")),
				value("scopes_requested", "https://www.googleapis.com/auth/calendar.readonly")}},
		{application: "context_aware_access", kind: "CONTEXT_AWARE_ACCESS_USER_EVENT", name: "ACCESS_DENY_EVENT", perMille: 5, fields: []detail{
			value("CAA_APPLICATION", "GMAIL", "DRIVE"), value("CAA_DEVICE_STATE", "No Policies Applied"), many("CAA_ACCESS_LEVEL_APPLIED", "bureau", "postes gérés"),
			many("CAA_ACCESS_LEVEL_UNSATISFIED", "postes gérés"), ident("CAA_DEVICE_ID", "device-%012d")}},
		{application: "access_transparency", kind: "GSUITE_RESOURCE", name: "ACCESS", perMille: 250, by: googlers, anonymous: true, fields: []detail{
			value("ACTOR_HOME_OFFICE", "IE", "US"), value("GSUITE_PRODUCT_NAME", "GMAIL", "DRIVE"), value("JUSTIFICATIONS", "Customer Initiated Support"),
			ident("LOG_ID", "%016d"), colleague("OWNER_EMAIL"), value("RESOURCE_NAME", "[REDACTED]"), many("TICKETS", "48123001", "48123002")}},
		{application: "profile", kind: "PROFILE_MUTATION", name: "PROFILE_MUTATE_BY_USER", perMille: 6, fields: []detail{
			value("PROFILE_FIELD", "PHOTO", "NAME", "PRONOUNS"), self("USER_EMAIL")}},
		{application: "takeout", kind: "USER_TAKEOUT", name: "STARTED_USER_TAKEOUT", perMille: 2, fields: []detail{ident("TAKEOUT_ID", "to-%012d"),
			value("TAKEOUT_DESTINATION", "EMAIL", "DRIVE"), many("PRODUCTS_REQUESTED", "PHOTOS", "CALENDAR"), value("INITIATED_BY", "USER")}},
	}
}

// mailHabits are about mail, groups and addresses.
func mailHabits() []habit {
	group := value("group_email", "tous@"+Domain, "atelier@"+Domain)
	return []habit{
		{application: "gmail", kind: "delivery_type", name: "delivery", perMille: 4000, about: about{"MAIL", "message_info.rfc2822_message_id", "message_info.subject"}},
		{application: "groups", kind: "acl_permission", name: "change_acl_permission", perMille: 2, fields: []detail{group,
			value("acl_permission", "can_view_topics"), many("old_value_repeated", "members"), many("new_value_repeated", "members", "managers")}},
		{application: "groups", kind: "user_action", name: "join", perMille: 6, fields: []detail{group}},
		{application: "groups", kind: "moderator_action", name: "add_user", perMille: 5, fields: []detail{group, colleague("user_email"), value("status", "succeeded")}},
		{application: "groups", kind: "moderator_action", name: "moderate_message", perMille: 4, twin: sameTime, fields: []detail{group,
			ident("message_id", "<%d@mail.example.test>"), value("message_moderation_action", "approved", "rejected"), value("status", "succeeded")}},
		{application: "groups_enterprise", kind: "moderator_action", name: "add_member", perMille: 5, anonymous: true, fields: []detail{
			value("group_id", "atelier@"+Domain), colleague("member_id"), value("member_type", "user"), value("member_role", "member")},
			more: []subevent{{"moderator_action", "add_member_role", []detail{value("group_id", "atelier@"+Domain), colleague("member_id"), value("member_role", "member")}}}},
		{application: "groups_enterprise", kind: "moderator_action", name: "change_security_setting", perMille: 1, anonymous: true, fields: []detail{
			value("group_id", "tous@"+Domain), value("security_setting", "MEMBER_RESTRICTION"), value("value", "members"), value("old_value", "anyone")}},
		{application: "contacts", kind: "contacts", name: "add_to_contacts", perMille: 30, fields: []detail{count("number_of_contacts", 1, 3)}},
		{application: "contacts", kind: "contacts", name: "export_contacts", perMille: 1, fields: []detail{count("number_of_contacts", 20, 400), value("export_format", "GOOGLE_CSV", "VCARD")}},
	}
}

// documentHabits are about files, notes and searches.
func documentHabits() []habit {
	drive := about{"DOCUMENT", "doc_id", "doc_title"}
	document := []detail{truly("primary_event", 1000), func(d deed) pairs { return named("doc_id", "value", documentID(d)) }, func(d deed) pairs {
		return named("doc_title", "value", "Devis "+documentID(d)[6:10])
	}, value("doc_type", "document", "spreadsheet", "pdf"), self("owner"), value("visibility", "private", "private", "shared_internally", "people_with_link"),
		truly("is_encrypted", 0), truly("owner_is_shared_drive", 0)}
	with := func(more ...detail) []detail { return append(document[:len(document):len(document)], more...) }
	asset := []detail{ident("ASSET_ID", "a-%012d"), value("ASSET_NAME", "Chantiers 2026"), value("ASSET_TYPE", "REPORT", "DATA_SOURCE"), self("OWNER_EMAIL"),
		value("VISIBILITY", "PRIVATE", "PEOPLE_WITHIN_DOMAIN")}
	note := []detail{self("owner_email"), ident("note_name", "notes/%012d")}
	noted := about{"NOTE", "note_name", ""}
	return []habit{
		{application: "drive", kind: "access", name: "view", perMille: 2500, fields: document, about: drive},
		{application: "drive", kind: "access", name: "edit", perMille: 900, fields: document, about: drive, twin: sameTime},
		{application: "drive", kind: "access", name: "download", perMille: 150, fields: document, about: drive},
		{application: "drive", kind: "acl_change", name: "change_user_access", perMille: 40, about: drive,
			fields: with(colleague("target_user"), many("old_value", "none"), many("new_value", "can_edit"), value("old_visibility", "private"),
				value("visibility_change", "none", "internal")),
			more: []subevent{{"acl_change", "change_document_access_scope", with(many("old_value", "none"), many("new_value", "can_view"), value("target_domain", Domain))},
				{"acl_change", "change_document_visibility", with(many("old_value", "private"), many("new_value", "shared_internally"))}}},
		{application: "data_studio", kind: "ACCESS", name: "VIEW", perMille: 10, fields: asset, about: about{"REPORT", "ASSET_ID", "ASSET_NAME"}},
		{application: "data_studio", kind: "ACCESS", name: "DOWNLOAD_REPORT", perMille: 3, fields: asset, about: about{"REPORT", "ASSET_ID", "ASSET_NAME"}},
		{application: "keep", kind: "user_action", name: "created_note", perMille: 25, fields: note, about: noted},
		{application: "keep", kind: "user_action", name: "edited_note_content", perMille: 40, fields: note, about: noted},
		{application: "keep", kind: "user_action", name: "uploaded_attachment", perMille: 5, about: noted,
			fields: append(note[:2:2], ident("attachment_name", "notes/%012d/attachments/1"))},
		{application: "cloud_search", kind: "SEARCH_QUERY", name: "SEARCH", perMille: 60, fields: []detail{value("request_type", "1P_WEB", "1P_MOBILE"),
			nested("api_status", count("code", 0, 0)), nested("device_info", value("user_agent", "Mozilla/5.0"), value("locale", "fr")),
			nested("search_request", value("query", "devis escalier", "planning"), count("page_size", 10, 25)), nested("search_response", count("result_count", 0, 60))}},
		{application: "cloud_search", kind: "SUGGEST_QUERY", name: "SUGGEST", perMille: 20, fields: []detail{value("request_type", "1P_WEB"), nested("api_status", count("code", 0, 0))}},
		{application: "tasks", kind: "task_modification", name: "task_created", perMille: 60, fields: taskFields(), about: about{"TASK", "task_id", "task_title"}},
		{application: "tasks", kind: "task_modification", name: "task_completed", perMille: 45, fields: taskFields(), about: about{"TASK", "task_id", "task_title"}},
		{application: "gplus", kind: "post_change", name: "create_post", perMille: 8, fields: []detail{ident("post_resource_name", "posts/%012d"), self("post_author_name"),
			value("post_visibility", "domain"), ident("post_permalink", "https://currents.google.com/%012d"), value("attachment_type", "link", "photo")}},
		{application: "gplus", kind: "plusone_change", name: "add_plusone", perMille: 10, fields: []detail{ident("post_resource_name", "posts/%012d"), self("post_author_name")}},
		{application: "graduation", kind: "ACCOUNT_MIGRATION", name: "STARTED_ACCOUNT_MIGRATION", perMille: 4, fields: []detail{value("MIGRATION_ITEMS", "GMAIL", "DRIVE"), self("SOURCE_EMAIL")}},
		{application: "graduation", kind: "ACCOUNT_MIGRATION", name: "COMPLETED_ACCOUNT_MIGRATION", perMille: 3, fields: []detail{value("MIGRATION_ITEMS", "GMAIL", "DRIVE"),
			self("SOURCE_EMAIL"), count("ITEMS_COPIED", 10, 9000)}},
	}
}

func taskFields() []detail {
	return []detail{ident("task_id", "t%012d"), value("task_title", "Rappeler le client", "Commander le chêne"), value("task_list_title", "Mes tâches"), value("source", "TASKS", "GMAIL")}
}

// documentID is the id of a document: one of a hundred of who does it.
func documentID(d deed) string {
	roll := newDice(d.tenant.config.Seed, 4, uint64(d.qualifier))
	return "1fAkE" + hex8(uint64(d.number)<<8|uint64(roll.below(100)))
}

// meetingHabits are about meetings, messages and classes.
func meetingHabits() []habit {
	event := []detail{self("calendar_id"), self("organizer_calendar_id"), ident("event_id", "ev%012d"), value("event_title", "Point chantier", "Visite"),
		value("api_kind", "web", "caldav"), value("user_agent", "Mozilla/5.0")}
	planned := about{"CALENDAR_EVENT", "event_id", "event_title"}
	room := []detail{self("actor"), ident("room_id", "space%09d"), value("room_name", "Chantiers"), ident("message_id", "m%012d"),
		value("conversation_type", "SPACE", "DIRECT_MESSAGE"), value("retention_state", "PERMANENT"), value("external_room", "DISABLED"), value("conversation_ownership", "INTERNALLY_OWNED"),
		func(d deed) pairs { return whole("timestamp_ms", d.at.UnixMilli()) }}
	course := []detail{ident("course_id", "%012d"), value("course_title", "Apprentis menuisiers"), value("user_role", "TEACHER", "STUDENT")}
	return []habit{
		{application: "calendar", kind: "event_change", name: "create_event", perMille: 500, fields: event, about: planned,
			more: []subevent{{"event_change", "add_event_guest", append(event[:4:4], colleague("event_guest"))}}},
		{application: "calendar", kind: "event_change", name: "change_event_guest_response", perMille: 300, about: planned,
			fields: append(event[:6:6], self("event_guest"), value("event_response_status", "accepted", "declined"))},
		{application: "calendar", kind: "calendar_change", name: "change_calendar_acls", perMille: 3, fields: []detail{self("calendar_id"), colleague("grantee_email"),
			value("access_level", "read", "freebusy"), value("api_kind", "web")}},
		{application: "meet", kind: "call", name: "call_ended", perMille: 120, twin: sameTime, about: about{"CONFERENCE", "conference_id", "meeting_code"},
			fields: []detail{ident("conference_id", "conf%012d"), ident("meeting_code", "ABC%07d"), count("duration_seconds", 60, 4060), value("device_type", "web", "android", "pstn_in"),
				self("identifier"), value("identifier_type", "email_address"), colleague("organizer_email"), truly("is_external", 50), value("location_country", "FR"),
				value("ip_address", "192.0.2.14"), count("network_rtt_msec_mean", 5, 60), ident("endpoint_id", "boq_%012d")}},
		{application: "meet", kind: "conference_action", name: "invitation_sent", perMille: 20, fields: []detail{ident("conference_id", "conf%012d"), colleague("action_description"), value("action_reason", "")}},
		{application: "chat", kind: "user_action", name: "message_posted", perMille: 800, fields: room, about: about{"CHAT_MESSAGE", "message_id", ""}},
		{application: "chat", kind: "user_action", name: "attachment_upload", perMille: 60, fields: append(room[:9:9], value("attachment_name", "plan.pdf"),
			value("attachment_hash", "0a1b2c"), value("attachment_status", "NO_MALWARE")), about: about{"CHAT_MESSAGE", "message_id", ""}},
		{application: "voice", kind: "call", name: "outgoing_call", perMille: 60, fields: []detail{value("call_type", "OUTGOING"), count("duration_seconds", 5, 900),
			value("destination_number", "+33639980001", "+33639980002"), value("result", "CALL_COMPLETED", "CALL_MISSED")}},
		{application: "voice", kind: "settings", name: "change_call_forwarding", perMille: 1, fields: []detail{truly("enabled", 500)}},
		{application: "classroom", kind: "coursework", name: "published_course_work", perMille: 10, fields: append(course[:3:3], value("course_work_title", "Assemblage à tenon"),
			value("course_work_type", "ASSIGNMENT"))},
		{application: "classroom", kind: "roster", name: "user_joined_course", perMille: 8, fields: append(course[:3:3], self("impacted_users"))},
		{application: "assignments", kind: "submission", name: "submission_state_changed", perMille: 15, fields: []detail{ident("assignment_id", "as%012d"),
			value("submission_state", "TURNED_IN", "RETURNED"), self("actor_email")}},
	}
}

// deviceHabits are about telephones, browsers and rooms.
func deviceHabits() []habit {
	phone := []detail{self("USER_EMAIL"), func(d deed) pairs { return named("DEVICE_ID", "value", "3d0a"+six(d.number)) }, value("DEVICE_MODEL", "Pixel 9"),
		value("DEVICE_TYPE", "ANDROID"), value("OS_VERSION", "16"), func(d deed) pairs { return named("RESOURCE_ID", "value", "AFiQxQ9"+six(d.number)) }}
	browser := []detail{self("DEVICE_USER"), value("EVENT_REASON", "CHROME_OS_LOGIN"), value("DEVICE_NAME", "5CD0000001"), value("DEVICE_PLATFORM", "ChromeOS 141"),
		value("CLIENT_TYPE", "CHROME_OS_DEVICE"), func(d deed) pairs { return whole("TIMESTAMP", d.at.UnixMilli()) }}
	jam := []detail{value("DEVICE_NAME", "Salle du haut"), ident("DEVICE_ID", "jam%06d"), value("OLD_VALUE", "v1"), value("NEW_VALUE", "v2")}
	return []habit{
		{application: "mobile", kind: "device_updates", name: "DEVICE_SYNC_EVENT", perMille: 250, fields: append(phone[:6:6], value("ACCOUNT_STATE", "REGISTERED"),
			func(d deed) pairs { return whole("LAST_SYNC_AUDIT_DATE", d.at.UnixMilli()) })},
		{application: "mobile", kind: "device_applications", name: "APPLICATION_EVENT", perMille: 30, twin: sameTime, fields: append(phone[:4:4],
			value("APPLICATION_ID", "org.example.planning"), value("APPLICATION_STATE", "INSTALLED", "VERSION_CHANGED"), value("APK_SHA256_HASH", "0a1b2c"), value("NEW_VALUE", "4.2"))},
		{application: "mobile", kind: "suspicious_activity", name: "FAILED_PASSWORD_ATTEMPTS_EVENT", perMille: 4, fields: append(phone[:4:4], count("FAILED_PASSWD_ATTEMPTS", 6, 11))},
		{application: "chrome", kind: "CHROME_OS_LOGIN_LOGOUT_TYPE", name: "CHROME_OS_LOGIN_EVENT", perMille: 60, fields: browser},
		{application: "chrome", kind: "PASSWORD_REUSE_TYPE", name: "PASSWORD_REUSE", perMille: 6, fields: append(browser[:6:6], value("URL", "https://fournisseur.example/connexion"), value("USER_NAME", "x"))},
		{application: "chrome_sync", kind: "user_action", name: "sync_data_changed", perMille: 40, fields: []detail{value("data_type", "BOOKMARKS", "PASSWORDS", "EXTENSIONS"), count("entities", 1, 12),
			ident("client_id", "cs%012d")}},
		{application: "chrome_sync", kind: "user_action", name: "sync_enabled", perMille: 3, fields: []detail{ident("client_id", "cs%012d")}},
		{application: "jamboard", kind: "DEVICE_UPDATE", name: "UPDATE_DEVICE_NAME", perMille: 80, by: administrators, fields: jam},
		{application: "jamboard", kind: "DEVICE_UPDATE", name: "UPDATE_DEVICE_SETTINGS", perMille: 300, by: machines, fields: jam},
		{application: "meet_hardware", kind: "ACTIVITY", name: "EVENT_MEET_CALL_DISCONNECTED", perMille: 900, by: machines, fields: []detail{value("DEVICE_DISPLAY_NAME", "Salle de réunion"),
			value("DEVICE_ID", "mh-0001"), value("SERIAL_NUMBER", "MHW0001"), nested("EVENT_DATA", count("DURATION_SECONDS", 60, 3000))}},
		{application: "meet_hardware", kind: "PERIPHERAL", name: "EVENT_CAMERA_ATTACHED", perMille: 80, by: machines, fields: []detail{value("DEVICE_DISPLAY_NAME", "Salle de réunion"),
			value("DEVICE_ID", "mh-0001"), value("SERIAL_NUMBER", "MHW0001"), nested("EVENT_DATA", value("PERIPHERAL_NAME", "Caméra"))}},
	}
}

// administrationHabits are about what administrators do.
func administrationHabits() []habit {
	setting := []detail{value("APPLICATION_NAME", "Gmail"), value("SETTING_NAME", "Spam, phishing, and malware"), value("ORG_UNIT_NAME", "Menuiserie Dulac"), value("OLD_VALUE", "false"), value("NEW_VALUE", "true")}
	matter := []detail{ident("matter_id", "m-%012d"), value("resource_name", "Litige 2025"), value("additional_details", "")}
	hidden := []detail{value("APPLICATION_NAME_OF_TARGET_DATA", "RULES", "CHAT"), value("EVENT_IDS_ACCESSED", "1"), value("JUSTIFICATION", "Contrôle interne"),
		micros("TIME_USEC_OF_TARGET_DATA", 86_400), count("UNIQUE_QUALIFIER_ACCESSED", 1, 1_000_000)}
	rule := []detail{value("rule_name", "IBAN sortant"), value("rule_resource_name", "policies/akajj264rule1"), value("rule_type", "DLP"), value("data_source", "DRIVE", "GMAIL"),
		value("severity", "LOW", "MEDIUM"), truly("has_alert", 100), counts("matched_threshold_counts", "1", "3"),
		manyNested("matched_detectors", 2, value("detector_id", "IBAN_CODE"), value("display_name", "IBAN"), value("detector_type", "PREDEFINED_DLP")),
		ident("resource_id", "1fAkE%08x"), value("resource_title", "Devis"), self("resource_owner_email"), value("scan_type", "DRIVE_ONLINE_SCAN")}
	return []habit{
		{application: "admin", kind: "USER_SETTINGS", name: "CREATE_USER", perMille: 20, by: administrators, fields: []detail{
			ident("USER_EMAIL", "user%d@"+Domain)}, more: []subevent{{"LICENSES_SETTINGS", "USER_LICENSE_ASSIGNMENT", []detail{
			value("PRODUCT_NAME", "Google Workspace"), value("NEW_VALUE", "Google Workspace Business Plus")}}}},
		{application: "admin", kind: "GROUP_SETTINGS", name: "ADD_GROUP_MEMBER", perMille: 80, by: administrators, twin: sameTime,
			fields: []detail{value("GROUP_EMAIL", "atelier@"+Domain), colleague("USER_EMAIL")}},
		{application: "admin", kind: "USER_SETTINGS", name: "CHANGE_PASSWORD", perMille: 60, by: administrators, fields: []detail{colleague("USER_EMAIL")},
			more: []subevent{{"USER_SETTINGS", "CHANGE_PASSWORD_ON_NEXT_LOGIN", []detail{value("OLD_VALUE", "false"), value("NEW_VALUE", "true")}}}},
		{application: "admin", kind: "APPLICATION_SETTINGS", name: "CHANGE_APPLICATION_SETTING", perMille: 15, by: administrators, fields: setting},
		{application: "rules", kind: "rule_match_type", name: "rule_match", perMille: 4, fields: rule, about: about{"DOCUMENT", "resource_id", "resource_title"},
			more: []subevent{{"action_complete_type", "action_complete", append(rule[:3:3], manyNested("triggered_actions", 1, value("action_type", "DRIVE_WARN_ON_EXTERNAL_SHARING")),
				value("actions", "DriveWarnOnExternalSharing"))}}},
		{application: "rules", kind: "rule_trigger_type", name: "rule_trigger", perMille: 2, fields: rule[:6]},
		{application: "vault", kind: "user_action", name: "view_investigation", perMille: 250, by: administrators, fields: matter},
		{application: "vault", kind: "user_action", name: "search", perMille: 120, by: administrators, fields: append(matter[:2:2], value("query", "facture"), colleague("target_user"))},
		{application: "gcp", kind: "CLOUD_OSLOGIN", name: "GET_LOGIN_PROFILE", perMille: 8, fields: []detail{self("USER_EMAIL")}},
		{application: "gcp", kind: "CLOUD_OSLOGIN", name: "IMPORT_SSH_PUBLIC_KEY", perMille: 2, fields: []detail{self("USER_EMAIL"), value("SSH_KEY_FINGERPRINT", "SHA256:0a1b2c3d")}},
		{application: "admin_data_action", kind: "AUDIT_LOGGING", name: "SENSITIVE_AUDIT_EVENTS_ACCESSED", perMille: 200, by: administrators, fields: append(hidden[:5:5], value("FILTERS_APPLIED", "rule_name"))},
		{application: "admin_data_action", kind: "AUDIT_LOGGING", name: "SENSITIVE_AUDIT_EVENTS_HIDDEN", perMille: 30, by: administrators, fields: hidden},
	}
}

// machineHabits are about what goes on by itself.
func machineHabits() []habit {
	sync := []detail{truly("DRY_RUN", 0), value("ENTITY_TYPE", "USER", "GROUP"), value("LOG_LEVEL", "INFORMATION"), value("REMOTE_DIRECTORY", "annuaire"),
		value("SYNC_JOB", "nuit"), ident("SYNC_RUN", "run%08d"), truly("VERBOSE", 0)}
	return []habit{
		{application: "directory_sync", kind: "DIRECTORY_SYNC_RUN", name: "SYNC_RUN_START", perMille: 1000, by: machines, anonymous: true, fields: sync[2:],
			more: []subevent{{"DIRECTORY_SYNC_RUN", "CLOUD_DIRECTORY_READ_FINISHED", append(sync[2:7:7], count("NUMBER_OF_USERS", 20, 40))}}},
		{application: "directory_sync", kind: "DIRECTORY_SYNC_ENTITY", name: "ENTITY_UPDATED", perMille: 400, by: machines, anonymous: true, fields: append(sync[:7:7], colleague("TARGET_OBJECT_ID"))},
		{application: "data_migration", kind: "MIGRATION_EXECUTION", name: "CREATE_GMAIL_MESSAGE", perMille: 500, by: machines, twin: sameTime, fields: []detail{value("MIGRATION_TYPE", "EXCHANGE"),
			colleague("TARGET_IDENTIFIER"), ident("TARGET_URI", "messages/%012d")}},
		{application: "data_migration", kind: "MIGRATION_SETUP", name: "UPDATE_MIGRATION_SETTINGS", perMille: 20, by: administrators, fields: []detail{value("MIGRATION_TYPE", "EXCHANGE")}},
		{application: "ldap", kind: "ldap", name: "bind_success", perMille: 150, fields: []detail{value("ldap_client_name", "Copieur"), self("bind_dn"), value("result_code", "0")}},
		{application: "ldap", kind: "ldap", name: "search_success", perMille: 120, fields: []detail{value("ldap_client_name", "Copieur"), value("search_base", "dc=example,dc=test"),
			value("search_scope", "WHOLE_SUBTREE"), count("entries_returned", 1, 25)}},
	}
}

// assistantHabits are about what is asked of machines that write.
func assistantHabits() []habit {
	return []habit{
		{application: "gemini_in_workspace_apps", kind: "user_activity", name: "feature_utilization", perMille: 90, fields: []detail{value("action", "summarize_email", "help_me_write"),
			value("app_name", "gmail", "docs"), value("event_category", "active_generate"), value("feature_source", "side_panel")}},
		{application: "workspace_studio", kind: "flow_activity", name: "flow_created", perMille: 6, fields: []detail{ident("flow_id", "flow%09d"), value("flow_name", "Relances"), self("owner_email")}},
		{application: "workspace_studio", kind: "flow_activity", name: "flow_executed", perMille: 30, agent: true, fields: []detail{ident("flow_id", "flow%09d"), value("flow_name", "Relances"),
			value("status", "SUCCEEDED", "FAILED"), nested("trigger", value("type", "ON_EMAIL_RECEIVED"))}},
		{application: "gemini_notebook", kind: "user_activity", name: "notebook_created", perMille: 10, fields: []detail{ident("notebook_id", "nb%012d"), value("notebook_title", "Normes"), self("owner_email")}},
		{application: "gemini_notebook", kind: "user_activity", name: "source_added", perMille: 20, fields: []detail{ident("notebook_id", "nb%012d"), value("source_type", "DRIVE", "URL")}},
	}
}
