package findingstest

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mbaudit/mbaudit/evidence"
)

// A Volume is how much a large bundle holds. Its first account is examined; an intruder comes to it near the end.
type Volume struct {
	Events   int // of 50 persons: a multiple of 1,000
	Messages int // headers in the account's mailbox, one of ten sent
}

// volumeStep is what lies between two events.
const volumeStep = 100 * time.Second

// Fill adds pages of logs as Google answers them, and headers of messages as an IMAP server gives them. The same volume is the
// same bytes.
func (w *Writer) Fill(v Volume) {
	w.t.Helper()
	start := time.Date(2026, 10, 15, 8, 0, 0, 0, time.UTC).Add(-time.Duration(v.Events) * volumeStep)
	for page := range v.Events / 1000 {
		logs := map[string]*strings.Builder{}
		for i := range 1000 {
			n := page*1000 + i
			application, activity := w.activity(n, v.Events, start.Add(time.Duration(n)*volumeStep))
			b := logs[application]
			if b == nil {
				b = &strings.Builder{}
				b.WriteString(`{"kind":"admin#reports#activities","items":[`)
				logs[application] = b
			} else {
				b.WriteByte(',')
			}
			b.WriteString(activity)
		}
		for _, application := range volumeLogs {
			if b := logs[application]; b != nil {
				w.Add(evidence.Exhibit{Resource: "reports/" + application, Item: "page-" + strconv.Itoa(page), Name: fmt.Sprintf("%s~%d.json", application, page)}, b.String()+"]}")
			}
		}
	}
	for n := range v.Messages {
		w.header(n, start.Add(time.Duration(n)*time.Duration(v.Events)*volumeStep/time.Duration(max(v.Messages, 1))))
	}
}

var volumeLogs = []string{"gmail", "login", "drive", "token", "admin"}

// activity is the n-th of so many: who did it is one of 50, who have two networks each; of the last fiftieth, each tenth is the
// intruder's on the account examined.
func (w *Writer) activity(n, of int, at time.Time) (application, doc string) {
	person, network := n%50, fmt.Sprintf("198.51.%d.%d", n%50, 1+n/50%2)
	asn := 64500 + n%3
	email := fmt.Sprintf("user%d@%s", person, w.account[strings.IndexByte(w.account, '@')+1:])
	intruder := n > of-of/50 && n%10 == 0
	if person == 0 || intruder {
		email = w.account
	}
	if intruder {
		person, network, asn = 0, "203.0.113.66", 64666
	}
	kind, event := "", ""
	text := func(name, value string) string { return fmt.Sprintf(`{"name":"%s","value":"%s"}`, name, value) }
	switch n % 20 {
	case 3:
		application, kind = "login", "login"
		event = `"name":"login_success","parameters":[` + text("login_type", "google_password") + `,{"name":"login_challenge_method","multiValue":["password"]},{"name":"is_suspicious","boolValue":false}]`
	case 7, 13:
		application, kind = "drive", "access"
		event = `"name":"view","parameters":[{"name":"primary_event","boolValue":true},` + text("doc_id", "d"+strconv.Itoa(n%5000)) + "," + text("doc_type", "document") + "," + text("doc_title", fmt.Sprint("Budget ", n%5000)) + "," + text("visibility", "people_within_domain_with_link") + `]`
	case 11:
		application, kind = "token", "auth"
		event = `"name":"activity","parameters":[` + text("client_id", fmt.Sprintf("%d.apps.googleusercontent.com", n%17)) + "," + text("app_name", fmt.Sprint("App ", n%17)) + "," + text("api_name", "calendar") + "," + text("method_name", "calendar.events.list") + `,{"name":"num_response_bytes","intValue":"2048"}]`
	case 17:
		application, kind = "admin", "USER_SETTINGS"
		event = `"name":"CHANGE_RECOVERY_PHONE","parameters":[` + text("USER_EMAIL", email) + `]`
		if n%400 != 17 {
			application, kind = "login", "login"
			event = `"name":"logout","parameters":[` + text("login_type", "google_password") + `]`
		}
	default:
		application, kind = "gmail", "delivery_type"
		mail := []int{2, 2, 2, 2, 31, 31, 7, 1, 14, 2}[n/20%10]
		event = fmt.Sprintf(`"name":"delivery","parameters":[{"name":"event_info","messageValue":{"parameter":[{"name":"mail_event_type","intValue":"%d"},{"name":"success","boolValue":true},{"name":"elapsed_time_usec","intValue":"%d"},`+
			`{"name":"client_context","messageValue":{"parameter":[{"name":"client_type","value":"WEB"},{"name":"session_context","messageValue":{"parameter":[{"name":"delegate_user_email","value":""}]}}]}}]}},`+
			`{"name":"message_info","messageValue":{"parameter":[{"name":"subject","value":"Message %d: facture du mois"},{"name":"rfc2822_message_id","value":"<%d@client.example>"},{"name":"payload_size","intValue":"%d"},{"name":"is_spam","boolValue":false},`+
			`{"name":"source","messageValue":{"parameter":[{"name":"address","value":"c%d@client.example"},{"name":"from_header_address","value":"c%d@client.example"},{"name":"service","value":"smtp-inbound"}]}},`+
			`{"name":"destination","multiMessageValue":[{"parameter":[{"name":"address","value":"%s"},{"name":"service","value":"gmail-ui"}]}]},`+
			`{"name":"connection_info","messageValue":{"parameter":[{"name":"client_ip","value":"192.0.2.%d"},{"name":"smtp_tls_state","intValue":"1"},{"name":"dkim_pass","boolValue":true},{"name":"dmarc_pass","boolValue":true},{"name":"spf_pass","boolValue":true}]}}]}}]`,
			mail, 1000+n%9000, n, n, 2000+n%50_000, n%300, n%300, email, n%200)
	}
	return application, fmt.Sprintf(`{"kind":"admin#reports#activity","id":{"time":"%s","uniqueQualifier":"%d","applicationName":"%s","customerId":"C012345"},"etag":"\"%x\"","actor":{"callerType":"USER","email":"%s","profileId":"%d"},`+
		`"ipAddress":"%s","networkInfo":{"ipAsn":[%d],"regionCode":"FR","subdivisionCode":"FR-IDF"},"events":[{"type":"%s",%s}]}`,
		at.Format("2006-01-02T15:04:05.000Z"), n, application, n, email, 1000+person, network, asn, kind, event)
}

// header adds the header of the n-th message. Of ten messages one is sent, to which the nine behind it are answers; now and then
// one answers a message that is not there.
func (w *Writer) header(n int, at time.Time) {
	client := fmt.Sprintf("c%d@client%d.example", n%300, n%40)
	folder, from, to, id, network := "INBOX", "Client <"+client+">", w.account, "client.example", fmt.Sprint("192.0.2.", n%200)
	authentication := "Authentication-Results: mx.example.test; spf=pass smtp.mailfrom=client.example;\r\n\tdkim=pass header.d=client.example; dmarc=pass header.from=client.example\r\n"
	answers := n - n%10
	if n%1000 == 999 {
		answers = n
	}
	if n%10 == 0 {
		folder, from, to, id, network, authentication = "Sent", w.account, from, "example.test", "198.51.0.1", ""
	}
	w.Add(evidence.Exhibit{Collector: "imap", Resource: "messages/" + folder, Item: "7/" + strconv.Itoa(n+1), MediaType: "text/rfc822-headers", Name: fmt.Sprintf("%09d.hdr", n+1),
		Attrs: map[string]string{"folder": folder, "flags": `(\Seen)`, "internaldate": at.Format("02-Jan-2006 15:04:05 -0700")}},
		fmt.Sprintf("Return-Path: <%s>\r\nDelivered-To: %s\r\n"+
			"Received: from client.example (client.example [198.51.100.%d])\r\n\tby mx.example.test (Postfix) with ESMTPS id %08X\r\n\tfor <%s>; %s\r\n"+
			"Received: from [192.168.1.%d] (unknown [%s])\r\n\tby client.example with ESMTPSA id %08X;\r\n\t%s\r\n%s"+
			"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=client.example; s=s2026;\r\n\tt=%d; h=from:to:subject:date:message-id; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n\tb=%s\r\n"+
			"From: %s\r\nTo: %s\r\nSubject: =?UTF-8?Q?R=C3=A9union_%d:_commande_et_facture?=\r\nDate: %s\r\nMessage-ID: <%d@%s>\r\n"+
			"In-Reply-To: <%d@example.test>\r\nReferences: <%d@example.test>\r\nX-Mailer: Microsoft Outlook 16.0\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=_%d\"\r\n\r\n",
			client, w.account, n%200, n, w.account, at.Format(time.RFC1123Z), n%200, network, n, at.Format(time.RFC1123Z), authentication,
			at.Unix(), strings.Repeat("Zm9vYmFy", 42), from, to, n, at.Format(time.RFC1123Z), n, id, answers, answers, n))
}

// Ledger announces so many resources of each of so many accounts of the first account's domain; of one in 20 nothing came, the others
// are empty.
func (w *Writer) Ledger(accounts []string, resources int) {
	w.t.Helper()
	known := []string{"reports/login", "reports/token", "reports/gmail", "reports/drive", "gmail/filters", "gmail/delegates", "gmail/sendAs", "gmail/forwardingAddresses", "gmail/autoForwarding", "directory/tokens", "directory/asps"}
	for _, account := range accounts {
		for n := range resources {
			resource := fmt.Sprintf("gmail/settings-%d", n)
			if n < len(known) {
				resource = known[n]
			}
			e := evidence.Expectation{Account: account, Collector: "workspace", Resource: resource}
			if n%20 == 19 {
				e.Count = 3
			}
			if err := w.Expect(e); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}
