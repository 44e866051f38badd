package findings_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/settings"
	"github.com/mbaudit/mbaudit/findings"
	"github.com/mbaudit/mbaudit/findings/facts"
	"github.com/mbaudit/mbaudit/findings/findingstest"
	"github.com/mbaudit/mbaudit/internal/seedmail"
)

const alice = "alice@example.test"

// addMailbox keeps messages as the IMAP collector does.
func addMailbox(w *findingstest.Writer, messages []seedmail.Message) {
	for i, m := range messages {
		w.Add(evidence.Exhibit{Collector: "imap", Resource: "messages/" + m.Folder, Item: fmt.Sprintf("7/%d", i+1), MediaType: "message/rfc822",
			Name: fmt.Sprintf("%s/imap/%09d.eml", alice, i+1), Attrs: map[string]string{"folder": m.Folder, "flags": "(" + strings.Join(m.Flags, " ") + ")",
				"internaldate": `"` + m.InternalDate.Format("02-Jan-2006 15:04:05 -0700") + `"`}}, string(m.Raw))
	}
}

// TestMailbox: what the headers of the taken-over mailbox tell, without any log.
func TestMailbox(t *testing.T) {
	w := findingstest.New(t, bundleID, alice)
	addMailbox(w, seedmail.Compromised())
	result, all := qualified(t, facts.Options{OwnDomains: []string{"menuiserie-dulac.example"}}, w.Open())
	for _, f := range result.Findings {
		t.Log(describe(f))
	}
	kinds := map[string]int{}
	for _, f := range all {
		kinds[f.Kind]++
		if f.Kind == facts.KindMessage && f.Text("time_of") != "internaldate" {
			t.Errorf("the time of a message is its sender's: %s", f.AppendJSON(nil))
		}
	}
	if kinds[facts.KindMessage] != len(seedmail.Compromised()) || kinds[facts.KindUnreadable] > 0 {
		t.Errorf("%v", kinds)
	}
	for _, rule := range []string{"reset-received", "credential-received"} {
		if len(find(result, rule, alice)) == 0 {
			t.Errorf("%s: not found", rule)
		}
	}
	if o := state(result, "mail-guessed", alice); o.State != findings.Unknown {
		t.Errorf("there is no log: %+v", o)
	}
}

func message(from, header string) string {
	return "From: " + from + "\r\nTo: alice@example.test\r\nDate: Mon, 12 Oct 2026 09:00:00 +0200\r\n" + header + "\r\nbody\r\n"
}

// TestHeaders: fraud by headers, one message each, and orphan replies only of messages that are not among the sent.
func TestHeaders(t *testing.T) {
	w := findingstest.New(t, bundleID, alice)
	n := 0
	add := func(folder, raw string) {
		n++
		w.Add(evidence.Exhibit{Collector: "imap", Resource: "messages/" + folder, Item: fmt.Sprintf("7/%d", n), MediaType: "text/rfc822-headers", Name: fmt.Sprintf("%d.hdr", n),
			Attrs: map[string]string{"folder": folder, "internaldate": "12-Oct-2026 09:00:00 +0200"}}, raw)
	}
	add("Sent", message(alice, "Message-ID: <kept@mail.example.test>\r\nSubject: Devis\r\n"))
	add("INBOX", message("c@client.example", "In-Reply-To: <kept@mail.example.test>\r\nMessage-ID: <1@client.example>\r\nSubject: Re: Devis\r\n"))
	add("INBOX", message("c@client.example", "In-Reply-To: <gone@mail.example.test>\r\nMessage-ID: <2@client.example>\r\nSubject: Re: Nouveau RIB\r\n"))
	add("INBOX", message("c@client.example", "In-Reply-To: <x@elsewhere.example>\r\nMessage-ID: <3@client.example>\r\nSubject: Re: autre\r\n"))
	add("INBOX", message("compta@examp1e.test", "Subject: Facture\r\n"))
	add("INBOX", message(`"Bob <bob@example.test>" <bob@stranger.example>`, "Subject: Bonjour\r\n"))
	add("INBOX", message("boss@example.test", "Authentication-Results: mx.example.test; dmarc=fail header.from=example.test\r\nSubject: Virement\r\n"))
	add("INBOX", message("x@shop.example", "Reply-To: x@yopmail.com\r\nSubject: Code de vérification 123456\r\n"))
	add("INBOX", message("eve@friend.example", "Subject: [PRIVÉ] Facture secrète\r\n"))
	result, all := qualified(t, facts.Options{}, w.Open())
	for rule, subject := range map[string]string{"reply-orphan": "gone@mail.example.test", "sender-look-alike": "examp1e.test", "name-holds-address": "bob@stranger.example",
		"own-domain-forged": "boss@example.test", "reply-to-elsewhere": "x@yopmail.com", "credential-received": "shop.example"} {
		found := find(result, rule, alice)
		if len(found) != 1 || found[0].Subject != subject {
			t.Errorf("%s: %v, want one about %s", rule, found, subject)
		}
	}
	for _, f := range all {
		if f.Is("personal") && strings.Contains(string(f.AppendJSON(nil)), "secr") {
			t.Errorf("a message that is marked personal is told: %s", f.AppendJSON(nil))
		}
	}
}

// logLine is a line of the derived exhibit of a mail log.
func logLine(at time.Time, kind, ip string) string {
	return fmt.Sprintf(`{"source":"/var/log/mail.log","offset":0,"line":1,"time":"%s","kind":"%s","format":"dovecot-login","user":"%s","client_ip":"%s","service":"imap","account":"%s","match":"exact"}`,
		at.Format(time.RFC3339), kind, alice, ip, alice) + "\n"
}

// TestMailLog: guesses and then success from one address; a source that is new after ten days of others.
func TestMailLog(t *testing.T) {
	var log strings.Builder
	start := time.Date(2026, 10, 1, 6, 0, 0, 0, time.UTC)
	for day := range 10 {
		for hour := range 8 {
			log.WriteString(logLine(start.AddDate(0, 0, day).Add(time.Duration(hour)*time.Hour), "sign-in", "192.0.2.14"))
		}
	}
	night := start.AddDate(0, 0, 10).Add(18 * time.Hour)
	for i := range 6 {
		log.WriteString(logLine(night.Add(time.Duration(i)*10*time.Second), "failure", "203.0.113.77"))
	}
	log.WriteString(logLine(night.Add(2*time.Minute), "sign-in", "203.0.113.77"))
	log.WriteString("{\"kind\":\n")
	w := findingstest.New(t, bundleID, alice)
	w.Add(evidence.Exhibit{Collector: "authlog", Resource: "log-events:/var/log", MediaType: "application/x-ndjson", Name: "mail.log~events.jsonl"}, log.String())
	result, _ := qualified(t, facts.Options{}, w.Open())
	for rule, count := range map[string]int64{"mail-guessed": 1, "mail-sign-in-new-source": 1, "mail-unusual-hour": 1, "mail-guessing": 2} {
		found := find(result, rule, alice)
		if len(found) != 1 || found[0].Count != count {
			t.Errorf("%s: %v, want %d", rule, found, count)
		}
	}
	guessed := find(result, "mail-guessed", alice)[0]
	if len(guessed.Observed) != 6 || guessed.Observed[5].Locator != "line 87" || len(guessed.Missing) != 1 {
		t.Errorf("%+v, missing %+v", guessed.Observed, guessed.Missing)
	}
	if o := state(result, "mail-spraying", alice); o.State != findings.Unknown {
		t.Errorf("a line of the log cannot be read: %+v", o)
	}
}

// TestRightsAndScripts: access control lists, and what a reader of mail rules says of scripts.
func TestRightsAndScripts(t *testing.T) {
	mine := "lr"
	doc := settings.New(settings.ACL, alice)
	doc.Login = "alice"
	doc.Rights = []settings.Rights{
		{Mailbox: settings.Mailbox{Name: "INBOX", Of: "personal"}, Entries: []settings.Entry{{Identifier: evidence.Bytes("alice"), Rights: evidence.Bytes("lrswipkxtea")},
			{Identifier: evidence.Bytes("bob"), Rights: evidence.Bytes("lr")}, {Identifier: evidence.Bytes("anyone"), Rights: evidence.Bytes("lrs")}}},
		{Mailbox: settings.Mailbox{Name: "Other/carol", Of: "other"}, Mine: &mine},
	}
	body, err := doc.Encode()
	if err != nil {
		t.Fatal(err)
	}
	write := func(meanings facts.MailRules) (*findings.Result, []*facts.Fact) {
		w := findingstest.New(t, bundleID, alice)
		w.Add(evidence.Exhibit{Collector: "imap", Resource: "acl", Item: "settings", MediaType: settings.MediaType}, string(body))
		w.Add(evidence.Exhibit{Collector: "imap", Resource: "sieve", Item: ".", MediaType: "application/sieve", Attrs: map[string]string{"script": ".", "active": "true"}}, "redirect \"x@stranger.example\";\n")
		return qualified(t, facts.Options{MailRules: meanings}, w.Open())
	}
	result, _ := write(facts.MailRules{})
	for rule, want := range map[string]findings.State{"acl-other": findings.Yes, "acl-everybody": findings.Yes, "rights-elsewhere": findings.Yes, "sieve-odd-name": findings.Yes,
		"sieve-not-by-webmail": findings.Yes, "rule-sends-outside": findings.Unknown, "rule-hides-money": findings.Unknown} {
		if o := state(result, rule, alice); o.State != want {
			t.Errorf("%s: %+v, want %s", rule, o, want)
		}
	}
	if found := find(result, "acl-other", alice); len(found) != 1 || found[0].Subject != "bob INBOX" {
		t.Errorf("%+v", found[0])
	}
	result, _ = write(facts.MailRules{Script: func(script []byte) ([]facts.Meaning, error) {
		return []facts.Meaning{{Locator: "line 1", Action: "forward", Targets: []string{"bob@example.test", "x@stranger.example"}, All: true, Active: true}}, nil
	}})
	found := find(result, "rule-sends-outside", alice)
	if len(found) != 1 || found[0].Observed[0].Locator != "line 1" || !strings.Contains(found[0].Subject, ".") {
		t.Errorf("%+v", found)
	}
	if o := state(result, "rule-hides-money", alice); o.State != findings.No {
		t.Errorf("the script was understood: %+v", o)
	}
}

// TestImportedReports: lines that collectors/reportsfile derives are the same facts as pages of the API.
func TestImportedReports(t *testing.T) {
	line, err := json.Marshal(map[string]any{"source": "login.json", "offset": 12, "time": "2026-10-12T07:11:40Z", "application": "login", "type": "email_forwarding_change",
		"name": "email_forwarding_out_of_domain", "actor_email": "Alice@Example.Test", "ip": "203.0.113.77", "network": map[string]any{"ipAsn": []int{0, 64511}, "regionCode": "NG"},
		"parameters": map[string]any{"EMAIL_FORWARDING_DESTINATION_ADDRESS": "x@stranger.example"}})
	if err != nil {
		t.Fatal(err)
	}
	w := findingstest.New(t, bundleID, alice)
	w.Add(evidence.Exhibit{Collector: "reports", Resource: "report-events:login.json", MediaType: "application/x-ndjson", Name: "login.jsonl"}, string(line)+"\n")
	result, all := qualified(t, facts.Options{}, w.Open())
	if found := find(result, "forwarding-set-up", alice); len(found) != 1 || found[0].Subject != "x@stranger.example" || !found[0].Examined {
		t.Errorf("%+v", result.Findings)
	}
	if len(all) != 1 || all[0].Text("asn") != "64511" || all[0].Text("country") != "NG" || all[0].Zone != "Z" {
		t.Errorf("%s", all[0].AppendJSON(nil))
	}
	if o := state(result, "two-step-disabled", alice); o.State != findings.No {
		t.Errorf("the log of sign-ins was imported: %+v", o)
	}
	if o := state(result, "role-granted", alice); o.State != findings.Unknown {
		t.Errorf("the log of administrators was not: %+v", o)
	}
}

// TestGmailMessages: messages as Gmail's API gives them, whole or by their header fields, are the same facts.
func TestGmailMessages(t *testing.T) {
	w := findingstest.New(t, bundleID, alice)
	raw := base64.URLEncoding.EncodeToString([]byte(message("compta@examp1e.test", "Subject: Facture\r\n")))
	formats := map[string]string{"1": "raw", "2": "metadata"}
	for id, body := range map[string]string{
		"1": `{"id":"1","threadId":"1","labelIds":["INBOX"],"internalDate":"1791788400000","raw":"` + raw + `"}`,
		"2": `{"id":"2","threadId":"1","labelIds":["SENT"],"internalDate":"1791788460000","payload":{"headers":[{"name":"From","value":"alice@example.test"},{"name":"To","value":"x@examp1e.test"},{"name":"Subject","value":"Re: Facture"}]}}`,
	} {
		w.Add(evidence.Exhibit{Resource: "gmail/messages", Item: id, Attrs: map[string]string{"gmail": formats[id]}}, body) // as the collector marks them
	}
	result, all := qualified(t, facts.Options{}, w.Open())
	for _, rule := range []string{"sender-look-alike", "sent-to-look-alike"} {
		if found := find(result, rule, alice); len(found) != 1 || found[0].First.Year() != 2026 {
			t.Errorf("%s: %v", rule, found)
		}
	}
	if len(all) != 2 || !all[1].Is("sent") || all[0].Text("time_of") != "internaldate" {
		t.Errorf("%d facts: %s", len(all), all[0].AppendJSON(nil))
	}
}
