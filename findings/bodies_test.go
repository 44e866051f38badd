package findings_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/findings/findingstest"
)

const (
	oldIBAN  = "FR76 3000 6000 0112 3456 7890 189"
	newIBAN  = "FR14 2004 1010 0505 0001 3M02 606"
	farIBAN  = "LT12 1000 0111 0100 1000"
	received = "Received: from out.supplier.example by mx.example.test with ESMTPS; Mon, 12 Oct 2026 09:00:00 +0200\r\n"
)

// A mailbox keeps whole messages, over IMAP or as Gmail's API gives them, each a day after the other.
type mailbox struct {
	w     *findingstest.Writer
	n     int
	gmail bool
}

func (m *mailbox) add(folder, header, body string) {
	m.n++
	at := time.Date(2026, 9, m.n, 9, 0, 0, 0, time.UTC)
	raw := header + "Date: " + at.Format(time.RFC1123Z) + "\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + body
	if !m.gmail {
		m.w.Add(evidence.Exhibit{Collector: "imap", Resource: "messages/" + folder, Item: fmt.Sprintf("7/%d", m.n), MediaType: "message/rfc822", Name: fmt.Sprintf("%d.eml", m.n),
			Attrs: map[string]string{"folder": folder, "internaldate": at.Format("02-Jan-2006 15:04:05 -0700")}}, raw)
		return
	}
	answer, err := json.Marshal(map[string]any{"id": fmt.Sprintf("18c%013x", m.n), "threadId": "18c0", "labelIds": []string{strings.ToUpper(folder)}, "internalDate": fmt.Sprint(at.UnixMilli()),
		"raw": base64.URLEncoding.EncodeToString([]byte(raw))})
	if err != nil {
		panic(err)
	}
	m.w.Add(evidence.Exhibit{Resource: "gmail/messages", Item: fmt.Sprint(m.n)}, string(answer))
}

func from(who, more string) string {
	return received + "From: " + who + "\r\nTo: alice@example.test\r\n" + more
}

func to(who, more string) string {
	return "From: alice@example.test\r\nTo: " + who + "\r\n" + more
}

// TestBodies: an account number that changes is found in the thread and with the correspondent, in what is sent and in what comes, from
// IMAP and from Gmail; without --content nothing of a body is known, and of messages marked personal never.
func TestBodies(t *testing.T) {
	for _, gmail := range []bool{false, true} {
		w := findingstest.New(t, bundleID, alice)
		m := &mailbox{w: w, gmail: gmail}
		m.add("INBOX", from("compta@supplier.example", "Subject: Facture 1\r\nMessage-ID: <1@supplier.example>\r\n"), "IBAN "+oldIBAN)
		m.add("INBOX", from("vente@supplier.example", "Subject: Facture 2\r\nMessage-ID: <2@supplier.example>\r\n"), "IBAN "+oldIBAN)
		m.add("Sent", to("compta@supplier.example", "Subject: Re: Facture 2\r\nMessage-ID: <s@example.test>\r\nReferences: <2@supplier.example>\r\n"), "Merci\r\n> IBAN "+oldIBAN)
		m.add("INBOX", from("compta@supplier.example", "Subject: Changement de RIB\r\nMessage-ID: <3@supplier.example>\r\n"), "Nouvel IBAN "+newIBAN)
		m.add("INBOX", from("compta@supp1ier.example", "Subject: Re: Facture 2\r\nMessage-ID: <4@supp1ier.example>\r\nReferences: <2@supplier.example> <s@example.test>\r\n"),
			"Notre banque a changé : "+farIBAN+"\r\nmot de passe : Sesame-2026")
		m.add("Sent", to("client@customer.example", "Subject: Facture 77\r\nMessage-ID: <t@example.test>\r\n"), "IBAN "+oldIBAN)
		m.add("Sent", to("client@customer.example", "Subject: nouvelles coordonnées bancaires\r\nMessage-ID: <u@example.test>\r\n"), "IBAN "+farIBAN)
		m.add("INBOX", from("friend@home.example", "Subject: [Privé] Vacances\r\nMessage-ID: <p@home.example>\r\n"), "IBAN "+oldIBAN+"\r\nmot de passe : Sesame-2027")
		b := w.Open()
		result, all := qualified(t, facts.Options{Content: true}, b)
		for rule, subjects := range map[string][]string{
			"iban-changed":                    {"FR1420041010050500013M02606", "LT121000011101001000"},
			"iban-changed-suspect":            {"LT121000011101001000"},
			"iban-changed-sent":               {"LT121000011101001000"},
			"sender-imitates-correspondent":   {"supp1ier.example"},
			"bank-change-sent":                {"customer.example nouvelles coordonnées bancaires"},
			"credentials-in-mail":             {"4@supp1ier.example"},
			"reply-to-imitates-correspondent": nil,
		} {
			var got []string
			for _, f := range find(result, rule, alice) {
				got = append(got, f.Subject)
			}
			if slices.Sort(got); !slices.Equal(got, subjects) {
				t.Errorf("gmail %t, %s: %q, want %q", gmail, rule, got, subjects)
			}
		}
		if found := find(result, "iban-changed", alice); len(found) > 0 && len(found[0].Exhibits) < 2 {
			t.Errorf("the exhibit that told the earlier number is not named: %v", found[0].Exhibits)
		}
		if n := result.Content; n == nil || n.Read != 7 || n.Personal != 1 || n.HeadersOnly != 0 {
			t.Errorf("%+v", result.Content)
		}
		for _, f := range all {
			line := string(f.AppendJSON(nil))
			if strings.Contains(line, "Sesame") || f.Is("personal") && (strings.Contains(line, "iban") || strings.Contains(line, "Vacances")) {
				t.Errorf("a secret, or what is marked personal, is told: %s", line)
			}
		}
		result, all = qualified(t, facts.Options{}, b)
		if o := state(result, "iban-changed", alice); o.State != findings.Unknown || len(o.Missing) != 1 || o.Missing[0].Source != findings.MessageText {
			t.Errorf("without --content: %+v", o)
		}
		for _, f := range all {
			if _, there := f.Get("iban"); there || f.Text("content") != "" {
				t.Errorf("without --content a body was read: %s", f.AppendJSON(nil))
			}
		}
	}
}

// TestVanished: of messages that a later collection does not find, the earlier one tells what they were.
func TestVanished(t *testing.T) {
	w := findingstest.New(t, bundleID, alice)
	m := &mailbox{w: w}
	m.add("Sent", to("c@client.example", "Subject: Facture\r\nMessage-ID: <s@example.test>\r\n"), "x")
	m.add("INBOX", from("no-reply@accounts.example", "Subject: Security alert\r\nMessage-ID: <n@accounts.example>\r\n"), "x")
	m.add("INBOX", from("c@client.example", "Subject: Bonjour\r\nMessage-ID: <b@client.example>\r\n"), "x")
	later := findingstest.New(t, "01JDCTZ0000000000000000001", alice)
	gone := func(n int) string { return fmt.Sprintf(`{"uid":%d,"bundle":"%s","exhibit":"P-%06d"}`, n, bundleID, n) }
	later.Add(evidence.Exhibit{Collector: "imap", Resource: "disappeared"}, `{"v":1,"folders":[{"resource":"messages/Sent","present":0,"earlier":{"held":1,"vanished":[`+gone(1)+`]}},
		{"resource":"messages/INBOX","present":0,"earlier":{"held":2,"vanished":[`+gone(2)+`,`+gone(3)+`]}}]}`)
	result, _ := qualified(t, facts.Options{}, w.Open(), later.Open())
	for rule, subject := range map[string]string{"sent-vanished": "s@example.test", "notice-vanished": "n@accounts.example"} {
		if found := find(result, rule, alice); len(found) != 1 || found[0].Subject != subject || len(found[0].Exhibits) != 2 {
			t.Errorf("%s: %+v", rule, found)
		}
	}
}

// TestPlatform: who sends the invoices of many has as many account numbers, and the next one is no change.
func TestPlatform(t *testing.T) {
	w := findingstest.New(t, bundleID, alice)
	m := &mailbox{w: w}
	for i, iban := range []string{oldIBAN, newIBAN, "DE89 3704 0044 0532 0130 00", farIBAN, "NL91 ABNA 0417 1643 00", "BE68 5390 0754 7034"} {
		m.add("INBOX", from("factures@platform.example", fmt.Sprintf("Subject: Facture %d\r\nMessage-ID: <%d@platform.example>\r\n", i, i)), "IBAN "+iban)
	}
	result, _ := qualified(t, facts.Options{Content: true}, w.Open())
	if found := find(result, "iban-changed", alice); len(found) != 2 {
		t.Errorf("%d changes, want the second and the third", len(found))
	}
}

// TestHugeHeader: a message whose header has no end is told by what was read of it, and its text is not taken for read.
func TestHugeHeader(t *testing.T) {
	w := findingstest.New(t, bundleID, alice)
	m := &mailbox{w: w}
	m.add("INBOX", "From: a@b.example\r\nSubject: x\r\nX-Long: "+strings.Repeat("a", 5<<20)+"\r\n", "IBAN "+oldIBAN)
	m.add("INBOX", "From: a@b.example\r\nSubject: y\r\n"+strings.Repeat("X-Short: "+strings.Repeat("b", 60)+"\r\n", 8_000), "IBAN "+oldIBAN)
	result, all := qualified(t, facts.Options{Content: true}, w.Open())
	if n := result.Content; n.Read != 1 || n.HeadersOnly != 1 || len(all) != 2 {
		t.Errorf("%+v, %d facts", n, len(all))
	}
	if o := state(result, "iban-changed", alice); o.State != findings.Unknown {
		t.Errorf("%+v", o)
	}
}

// TestPersonalLabels: a label of Gmail's marks a message as personal by its name, and one whose name nobody read might.
func TestPersonalLabels(t *testing.T) {
	w := findingstest.New(t, bundleID, alice)
	for n, labels := range []string{"Perso", "Label_7", "Factures"} {
		raw := base64.URLEncoding.EncodeToString([]byte("From: a@b.example\r\nSubject: x\r\nMessage-ID: <" + labels + "@x>\r\n\r\nIBAN " + oldIBAN))
		w.Add(evidence.Exhibit{Resource: "gmail/messages", Item: labels, Attrs: map[string]string{"label-ids": "INBOX Label_7", "labels": "INBOX, " + labels}},
			fmt.Sprintf(`{"id":"18c%d","threadId":"1","labelIds":["INBOX","Label_7"],"internalDate":"1760000000000","raw":"%s"}`, n, raw))
	}
	result, all := qualified(t, facts.Options{Content: true}, w.Open())
	if n := result.Content; n.Read != 1 || n.Personal != 2 {
		t.Errorf("%+v", n)
	}
	for _, f := range all {
		if _, there := f.Get("iban"); there != (f.Text("message_id") == "Factures@x") {
			t.Errorf("%s", f.AppendJSON(nil))
		}
	}
}

// TestReceiver: results of authentication count where the receiving side wrote them, and those that the sender wrote do not.
func TestReceiver(t *testing.T) {
	const result = "Authentication-Results: %s; dkim=pass header.d=supplier.example; dmarc=pass header.from=supplier.example\r\n"
	for name, c := range map[string]struct {
		header, dmarc string
	}{
		"on top":           {fmt.Sprintf(result, "mx.hoster.example") + "Received: from a.example by mx1.hoster.example with ESMTPS; Mon, 12 Oct 2026 09:00:00 +0200\r\n", "pass"},
		"below ours":       {"Received: from a.example by mx1.hoster.example with ESMTPS; Mon, 12 Oct 2026 09:00:00 +0200\r\n" + fmt.Sprintf(result, "mx1.hoster.example"), "pass"},
		"of the domain":    {fmt.Sprintf(result, "gateway.example.test"), "pass"},
		"somebody else's":  {"Received: from a.example by mx1.hoster.example with ESMTPS; Mon, 12 Oct 2026 09:00:00 +0200\r\n" + fmt.Sprintf(result, "mx.google.com"), ""},
		"the sender's own": {"Received: from a.example by mx1.hoster.example with ESMTPS; Mon, 12 Oct 2026 09:00:00 +0200\r\n" + "Received: from x by out.supplier.example; Mon, 12 Oct 2026 08:59:00 +0200\r\n" + fmt.Sprintf(result, "out.supplier.example"), ""},
	} {
		w := findingstest.New(t, bundleID, alice)
		m := &mailbox{w: w}
		m.add("INBOX", c.header+"From: a@supplier.example\r\n", "x")
		_, all := qualified(t, facts.Options{}, w.Open())
		if got := all[0].Text("auth.dmarc"); got != c.dmarc || (got == "") != (all[0].Text("auth.foreign") != "") {
			t.Errorf("%s: dmarc %q, want %q: %s", name, got, c.dmarc, all[0].AppendJSON(nil))
		}
	}
}

// TestServices: what is told beside the mail, each exhibit by a rule that it makes hold.
func TestServices(t *testing.T) {
	w := findingstest.New(t, bundleID, alice)
	id := func(at string) string {
		when, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%x", uint64(when.UnixMilli())<<20)
	}
	for _, x := range []struct{ account, resource, item, body string }{
		{"", "gmail/history", "", `{"history":[{"id":"7","messagesAdded":[{"message":{"id":"` + id("2026-10-14T20:00:00Z") + `"}}]},
			{"id":"8","messagesDeleted":[{"message":{"id":"18c1","threadId":"18c1","labelIds":["SENT"]}}]},{"id":"9","labelsRemoved":[{"message":{"id":"18c2","labelIds":[]},"labelIds":["UNREAD"]}]},
			{"id":"10","messagesAdded":[{"message":{"id":"` + id("2026-10-14T20:05:00Z") + `"}}]}],"historyId":"11"}`},
		{"", "gmail/drafts", "d1", `{"id":"d1","message":{"id":"18c9","threadId":"18c9","labelIds":["DRAFT"],"internalDate":"1760000000000","payload":{"headers":[{"name":"Subject","value":"Nouveau RIB"},{"name":"To","value":"c@client.example"},{"name":"Message-ID","value":"<d@example.test>"}]}}}`},
		{"", "drive/files", "", `{"files":[{"id":"f1","name":"Clients","mimeType":"text/csv","ownedByMe":true,"modifiedTime":"2026-10-14T20:30:15Z","permissions":[{"type":"user","role":"owner","emailAddress":"alice@example.test"},
			{"type":"anyone","role":"reader"},{"type":"user","role":"writer","emailAddress":"x@yopmail.com"}]},{"id":"f2","name":"Photos perso","ownedByMe":true,"permissions":[]}]}`},
		{"", "drive/permissions", "f3", `{"permissions":[{"type":"user","role":"writer","emailAddress":"y@examp1e.test"}]}`},
		{"", "driveactivity/activity", "", `{"activities":[{"timestamp":"2026-10-14T20:30:15Z","primaryActionDetail":{"permissionChange":{"addedPermissions":[{"role":"VIEWER","anyone":{}}]}},"actors":[{"user":{"knownUser":{"isCurrentUser":true}}}],"targets":[{"driveItem":{"name":"items/f1","title":"Clients"}}]}]}`},
		{"", "cloudidentity/deviceUsers", "", `{"deviceUsers":[{"name":"devices/1/deviceUsers/2","userEmail":"alice@example.test","firstSyncTime":"2026-10-12T07:31:47Z","userAgent":"Mail 7"}]}`},
		{"", "cloudidentity/devices", "1", `{"name":"devices/1","compromisedState":"COMPROMISED","createTime":"2020-01-01T00:00:00Z"}`},
		{"@example.test", "cloudidentity/policies", "", `{"policies":[{"name":"policies/1","setting":{"type":"settings/gmail.auto_forwarding","value":{"enableAutoForwarding":true}}}]}`},
		{"@example.test", "cloudidentity/inboundSamlSsoProfiles", "", `{"inboundSamlSsoProfiles":[{"name":"inboundSamlSsoProfiles/1","idpConfig":{"entityId":"https://idp.example"}}]}`},
		{"@example.test", "cloudidentity/idpCredentials", "1", `{"idpCredentials":[{"name":"inboundSamlSsoProfiles/1/idpCredentials/1","updateTime":"2026-10-14T21:01:50Z"}]}`},
		{"", "groupssettings/groups", "factures@example.test", `{"email":"factures@example.test","whoCanJoin":"ANYONE_CAN_JOIN","allowExternalMembers":"true"}`},
		{"", "cloudidentity/clientStates", "1", `{"clientStates":[{"name":"devices/1/deviceUsers/2/clientStates/3","complianceState":"NON_COMPLIANT"}]}`},
		{"", "calendar/acl", "alice@example.test", `{"items":[{"role":"reader","scope":{"type":"default"}},{"role":"writer","scope":{"type":"user","value":"x@stranger.example"}}]}`},
		{"", "script/processes", "", `{"processes":[{"projectName":"Synchronisation","functionName":"sync","processType":"TIME_DRIVEN","startTime":"2026-10-15T05:40:00Z"}]}`},
		{"", "reports-usage", "2026-10-12", `{"usageReports":[{"date":"2026-10-12","entity":{"type":"USER","userEmail":"alice@example.test"},"parameters":[{"name":"gmail:last_imap_time","datetimeValue":"2026-10-12T19:50:00.000Z"},{"name":"gmail:num_emails_sent","intValue":"7"}]}]}`},
		{"@example.test", "sweep/naming", "n", `{"account":"alice@example.test","user":"boss@example.test","resource":"sweep/delegates","pointers":["/delegates/0/delegateEmail"]}`},
	} {
		w.Add(evidence.Exhibit{Account: x.account, Resource: x.resource, Item: x.item}, x.body)
	}
	w.Add(evidence.Exhibit{Collector: "files", Resource: "manual/security-keys", MediaType: "image/png", Name: "keys.png", Attrs: map[string]string{"slot": "security-keys", "taken-by": "Operator", "taken-at": "2026-10-15T09:00:00+02:00"}}, "PNG")
	result, all := qualified(t, facts.Options{}, w.Open())
	for rule, account := range map[string]string{"history-sent-deleted": alice, "draft-money": alice, "file-open-to-anyone": alice, "file-shared-free": alice, "file-shared-look-alike": alice, "file-opened-to-anyone": alice,
		"device-known-recent": alice, "device-known-compromised": alice, "group-open-to-anybody": alice, "group-takes-outsiders": alice, "device-state-bad": alice, "policy-lets-mail-out": "@example.test", "sso-profile": "@example.test", "sso-key-recent": "@example.test", "calendar-open-to-anyone": alice,
		"calendar-shared-outside": alice, "script-runs-by-itself": alice, "mail-program-counted": alice, "delegate-of-another": alice} {
		if found := find(result, rule, account); len(found) != 1 || len(found[0].Exhibits) != 1 {
			t.Errorf("%s: %v", rule, found)
		}
	}
	for _, f := range all {
		switch f.Kind {
		case facts.KindHistory:
			if f.Text("action") != "deleted" || f.Time.Format(time.RFC3339) != "2026-10-14T20:00:00Z" || f.Text("before") != "2026-10-14T20:05:00.000Z" || f.Inferred == "" || f.Locator != "/history/1/messagesDeleted/0" {
				t.Errorf("%s", f.AppendJSON(nil))
			}
		case facts.KindFile:
			if f.Text("file.id") == "f2" && (f.Text("name") != "" || !f.Is("personal")) {
				t.Errorf("the name of a file that is marked personal is told: %s", f.AppendJSON(nil))
			}
		case facts.KindAttached:
			if f.Text("taken_by") != "Operator" || f.Zone != "+02:00" || len(f.Text("sha256")) != 64 {
				t.Errorf("%s", f.AppendJSON(nil))
			}
		case facts.KindUnreadable:
			t.Errorf("%s", f.AppendJSON(nil))
		}
	}
}

// TestOwnTraces: what the collection itself left in the log of tokens is known as ours and found nowhere; the same client before, or
// another, is judged as any other.
func TestOwnTraces(t *testing.T) {
	token := func(n int, at, client string) string {
		return fmt.Sprintf(`{"id":{"time":"%s","uniqueQualifier":"%d","applicationName":"token"},"actor":{"email":"alice@example.test"},"ipAddress":"192.0.2.99","events":[{"type":"auth","name":"authorize","parameters":[
			{"name":"client_id","value":"%s"},{"name":"app_name","value":"x"},{"name":"scope","multiValue":["https://mail.google.com/"]}]}]}`, at, n, client)
	}
	w := findingstest.New(t, bundleID, alice)
	w.Add(evidence.Exhibit{Resource: "reports/token", Attrs: map[string]string{"client": "117"}}, `{"kind":"admin#reports#activities","items":[`+
		strings.Join([]string{token(1, "2026-10-15T08:00:01Z", "117"), token(2, "2026-09-01T08:00:01Z", "117"), token(3, "2026-10-15T08:00:02Z", "999")}, ",")+`]}`)
	w.Add(evidence.Exhibit{Account: "@example.test", Resource: "reports/admin"}, `{"kind":"admin#reports#activities","items":[{"id":{"time":"2026-01-01T00:00:00Z","uniqueQualifier":"4","applicationName":"admin"},
		"actor":{"email":"admin@example.test"},"events":[{"type":"DOMAIN_SETTINGS","name":"AUTHORIZE_API_CLIENT_ACCESS","parameters":[{"name":"API_CLIENT_NAME","value":"117"},{"name":"API_SCOPES","value":"https://mail.google.com/"}]}]}]}`)
	gmail := func(n int, ip string) string {
		return fmt.Sprintf(`{"id":{"time":"2026-10-15T08:00:00Z","uniqueQualifier":"%d","applicationName":"gmail"},"actor":{"email":"alice@example.test"},"ipAddress":"%s","events":[{"type":"delivery_type","name":"delivery","parameters":[
			{"name":"event_info","messageValue":{"parameter":[{"name":"mail_event_type","intValue":"33"},{"name":"client_context","messageValue":{"parameter":[{"name":"client_type","value":"API"}]}}]}}]}]}`, n, ip)
	}
	w.Add(evidence.Exhibit{Resource: "reports/gmail"}, `{"kind":"admin#reports#activities","items":[`+gmail(5, "192.0.2.99")+","+gmail(6, "203.0.113.77")+`]}`)
	result, _ := qualified(t, facts.Options{}, w.Open())
	if result.OwnTraces != 3 {
		t.Errorf("%d traces are known as ours", result.OwnTraces)
	}
	subjects := func(rule string) (all []string) {
		for _, f := range find(result, rule, alice) {
			all = append(all, f.Subject)
		}
		return all
	}
	if got := subjects("own-client-elsewhen"); !slices.Equal(got, []string{"117"}) {
		t.Errorf("outside of the collection: %v", got)
	}
	if found := find(result, "delegation-domain-wide", "admin@example.test"); len(found) != 0 {
		t.Errorf("our own delegation is found: %v", found)
	}
	for _, f := range result.Findings {
		for _, o := range f.Observed {
			if o.Locator == "/items/0/events/0" && o.Resource == "reports/token" {
				t.Errorf("our own trace is found: %s", describe(f))
			}
		}
	}
}

// TestChanges: between two bundles what came and what went is found, with both exhibits; what a bundle did not read as a whole is
// compared with nothing.
func TestChanges(t *testing.T) {
	collect := func(name, filters, delegates, script string) *evidence.Bundle {
		w := findingstest.New(t, name, alice)
		for resource, body := range map[string]string{"gmail/filters": filters, "gmail/delegates": delegates} {
			w.Announce(resource, 1)
			if body == "" {
				if err := w.Gap(evidence.Gap{Account: alice, Collector: "workspace", Resource: resource, Class: evidence.GapRefused, Reason: "no"}); err != nil {
					t.Fatal(err)
				}
				continue
			}
			w.Add(evidence.Exhibit{Resource: resource}, body)
		}
		w.Announce("sieve", 1)
		w.Add(evidence.Exhibit{Collector: "imap", Resource: "sieve", Item: "main", MediaType: "application/sieve", Attrs: map[string]string{"script": "main", "active": "true"}}, script)
		return w.Open()
	}
	const hide = `{"id":"a","criteria":{"from":"boss@example.test"},"action":{"removeLabelIds":["INBOX"]}}`
	const forward = `{"id":"b","criteria":{"query":"facture"},"action":{"forward":"x@stranger.example"}}`
	first := collect(bundleID, `{"filter":[`+hide+`]}`, `{"delegates":[{"delegateEmail":"bob@example.test"}]}`, "keep;")
	second := collect("01JDCTZ0000000000000000001", `{"filter":[`+forward+`]}`, "", "discard;")
	result, all := qualified(t, facts.Options{}, first, second)
	changes := map[string]int{}
	for _, f := range all {
		if f.Kind == facts.KindSettingChange {
			changes[f.Text("change")+" "+f.Text("of")]++
		}
	}
	for what, count := range map[string]int{"gone gmail_filter": 1, "new gmail_filter": 1, "gone sieve_script": 1, "new sieve_script": 1, "gone gmail_delegate": 0} {
		if changes[what] != count {
			t.Errorf("%s: %d, want %d", what, changes[what], count)
		}
	}
	if found := find(result, "forwarding-new", alice); len(found) != 1 || len(found[0].Exhibits) != 2 || found[0].First.IsZero() || !strings.HasPrefix(found[0].Subject, "x@stranger.example") {
		t.Errorf("%+v", found)
	}
	if found := find(result, "setting-gone", alice); len(found) != 2 || len(found[0].Exhibits) != 2 {
		t.Errorf("%+v", found)
	}
	result, _ = qualified(t, facts.Options{}, first)
	if o := state(result, "setting-gone", alice); o.State != findings.Unknown || o.Missing[0].Source != findings.SecondCollection {
		t.Errorf("one collection: %+v", o)
	}
}

// TestBodiesInLittleMemory: more bodies take no more memory. MBAUDIT_TEST_LARGE=1 takes 20,000.
func TestBodiesInLittleMemory(t *testing.T) {
	count := 300
	if os.Getenv("MBAUDIT_TEST_LARGE") != "" {
		count = 20_000
	}
	heap := func(n int) uint64 {
		w := findingstest.New(t, bundleID, alice)
		for i := range n {
			at := time.Date(2026, 9, 1, 9, 0, i, 0, time.UTC)
			w.Add(evidence.Exhibit{Collector: "imap", Resource: "messages/INBOX", Item: fmt.Sprintf("7/%d", i+1), MediaType: "message/rfc822", Name: fmt.Sprintf("%d.eml", i),
				Attrs: map[string]string{"folder": "INBOX", "internaldate": at.Format("02-Jan-2006 15:04:05 -0700")}},
				fmt.Sprintf("From: c%d@client%d.example\r\nMessage-ID: <%d@x>\r\n\r\nIBAN %s\r\n%s", i, i%50, i, oldIBAN, strings.Repeat("Bonjour, voici la facture du mois.\r\n", 200)))
		}
		b := w.Open()
		start := time.Now()
		_, all := qualified(t, facts.Options{Content: true}, b)
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		t.Logf("%d messages in %v", len(all), time.Since(start))
		return m.HeapInuse
	}
	small, large := heap(count/3), heap(count)
	if large > small+96<<20 {
		t.Errorf("the heap grew from %d to %d MiB", small>>20, large>>20)
	}
}
