package mailrule_test

import (
	"fmt"
	"strings"

	"github.com/mbaudit/mbaudit/findings/mailrule"
)

func ExampleParseGmailFilters() {
	filters := []byte(`{"filter": [{
		"id": "ANe1Bmj",
		"criteria": {"from": "bank.example", "hasAttachment": true},
		"action": {"addLabelIds": ["TRASH"]}
	}]}`)
	set := mailrule.ParseGmailFilters(filters, mailrule.GmailOptions{})
	for _, rule := range set.Rules {
		fmt.Println(rule.Explains.EN)
		fmt.Println(rule.Explains.FR)
	}
	// Output:
	// moves to the trash every message whose sender has the words "bank.example" and that has an attachment
	// met à la corbeille tout message dont l’expéditeur contient les mots « bank.example » et qui a une pièce jointe
}

func ExampleParseSieve() {
	script := []byte(`require ["fileinto", "imap4flags", "variables", "copy"];
set "box" "mirror@mailfree.example";
if header :contains "subject" ["facture", "virement"] {
  redirect :copy "${box}";
  fileinto :flags "\\Seen" "RSS Feeds";
  stop;
}
`)
	set := mailrule.ParseSieve(script, mailrule.SieveOptions{})
	ctx := mailrule.Context{External: func(address string) mailrule.Answer {
		if strings.HasSuffix(address, "@corp.example") {
			return mailrule.No
		}
		return mailrule.Yes
	}}
	for _, rule := range set.Rules {
		signals := rule.Signals(ctx)
		fmt.Println(rule.Explains.EN)
		fmt.Println(signals.Marks())
		for _, w := range signals.Words {
			fmt.Printf("%s (%s, %s) at bytes %d to %d: %s\n", w.Kind, w.Class, w.Lang, w.At.Start, w.At.End, script[w.At.Start:w.At.End])
		}
		fmt.Println(signals.Score().Verdict)
	}
	// Output:
	// forwards to "mirror@mailfree.example", keeping a copy, and moves to the folder "RSS Feeds" as read every message whose subject contains "facture" or "virement"
	// [forwards-external marks-read money odd-folder skips-inbox]
	// invoice (money, fr) at bytes 126 to 133: facture
	// payment (money, fr) at bytes 137 to 145: virement
	// hostile
}

func ExampleParseGmailForwarding() {
	set := mailrule.ParseGmailForwarding([]byte(`{"enabled": true, "emailAddress": "x@out.example", "disposition": "trash"}`))
	worst, score := set.Worst(mailrule.Context{})
	fmt.Println(set.Rules[worst].Explains.EN)
	fmt.Println(score)
	// Output:
	// forwards to "x@out.example", keeping a copy, and moves to the trash every message
	// hostile: everything goes outside and leaves nothing in the inbox; nearly everything is hidden; everything goes outside; mail goes outside and is hidden here; some mail goes outside; nearly everything skips the inbox; mail is hidden
}
