package imap_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mbaudit/mbaudit/containment"
	"github.com/mbaudit/mbaudit/containment/imap"
)

// TestRunbookSpeaksOfTheServer has the words of the software that was found, and not those of others; of all where nothing was.
func TestRunbookSpeaksOfTheServer(t *testing.T) {
	for name, c := range map[string]struct {
		said  map[string]string
		mail  string
		words []string
		none  []string
	}{
		"dovecot and postfix": {map[string]string{"greeting": "* OK Dovecot (Debian) ready.\r\n"}, "Received: from x by mx (Postfix) with ESMTPS id 4\r\n\tfor <a@example.com>\r\nReceived: by evil (Exim 4.96)\r\n\r\n",
			[]string{"doveadm kick", "postmap -q", "postsuper -h", "cPanel"}, []string{"cyr_info", "exim -bt", "authdaemonrc"}},
		"cyrus": {map[string]string{"greeting": "* OK mail Cyrus IMAP 3.6.1 server ready\r\n"}, "", []string{"cyr_info proc", "saslpasswd2", "postmap -q", "exim -bt"}, []string{"doveadm", "authdaemonrc"}},
		"cPanel": {map[string]string{"greeting": "* OK [CAPABILITY IMAP4rev1] Dovecot ready.\r\n", "certificate": "CN=mail.example.com / O=cPanel\\, Inc."}, "Received: from y by host with esmtps (Exim 4.96)\r\n",
			[]string{"doveadm kick", "exim -bt", "Email Accounts", "/etc/valiases/"}, []string{"postmap", "Plesk", "cyr_info"}},
		"Plesk":   {map[string]string{"certificate": "CN=Plesk / O=Plesk"}, "", []string{"plesk/panel.log", "doveadm kick"}, []string{"cPanel"}},
		"nothing": {nil, "", []string{"doveadm kick", "cyr_info", "postmap", "exim -bt", "cPanel", "Plesk", "No bundle"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var found imap.Found
			for what, text := range c.said {
				found.Hear(what, []byte(text), "P-000001")
			}
			found.HearMessage([]byte(c.mail), "P-000002")
			book := imap.NewRunbook(containment.Plan{ID: "01PLAN", Account: "alice@example.com", Server: "imaps://mail", Mode: containment.Lock, Made: time.Now()}, found, "plan.json", "--imap imaps://mail")
			page := string(book.Markdown("en"))
			for _, word := range c.words {
				if !strings.Contains(page, word) {
					t.Errorf("%q is missing", word)
				}
			}
			for _, word := range c.none {
				if strings.Contains(page, word) {
					t.Errorf("%q is there", word)
				}
			}
			if strings.Count(page, "- [ ] **") != len(book.Tasks) || len(book.Tasks) < 12 {
				t.Errorf("%d tasks, not each with a box", len(book.Tasks))
			}
			file, err := book.Encode()
			if err != nil {
				t.Fatal(err)
			}
			again, err := imap.ParseRunbook(file)
			if err != nil || len(again.Tasks) != len(book.Tasks) {
				t.Errorf("read again it has %d tasks, %v", len(again.Tasks), err)
			}
		})
	}
}

// TestRunbookInFrench says everything in French, and suspends last but one where that is the mode.
func TestRunbookInFrench(t *testing.T) {
	book := imap.NewRunbook(containment.Plan{Account: "a@b.fr", Mode: containment.Suspend}, imap.Found{}, "p", "r")
	kinds := []string{}
	for _, task := range book.Tasks {
		kinds = append(kinds, task.Kind)
		for _, text := range append([]containment.Text{task.What, task.Why}, task.Lines...) {
			if text.FR == "" || text.EN == "" {
				t.Errorf("step %d lacks a language: %+v", task.N, text)
			}
		}
	}
	if n := len(kinds); kinds[n-2] != "suspend" || slices.Index(kinds, "logs") > slices.Index(kinds, "password") || slices.Index(kinds, "password") > slices.Index(kinds, "plan") || slices.Index(kinds, "plan") > slices.Index(kinds, "sessions") {
		t.Errorf("the order is %q", kinds)
	}
	if page := string(book.Markdown("fr")); !strings.Contains(page, "Poser un nouveau mot de passe") || strings.Contains(page, "Set a new") {
		t.Error("it is not in French")
	}
}

// TestRunbookOfHostileNames lets nothing that a server or a name says become markup, a link or a command.
func TestRunbookOfHostileNames(t *testing.T) {
	var found imap.Found
	found.Hear("greeting", []byte("* OK [x](javascript:alert) <script>alert(1)</script> `rm` **b** https://evil.example \u202ekcul\x1b[31m dovecot\r\nfurther"), "P-000001")
	book := imap.NewRunbook(containment.Plan{Account: "x'; rm -rf ~ #`id`@example.com\n- [x] **1.** done", Mode: containment.Lock}, found, "plan $(id).json", "--imap imaps://mail")
	page := string(book.Markdown("en"))
	for _, bad := range []string{" <script", "[x](java", "https://evil", "\u202e", "\x1b", "\n- [x]", "further"} {
		if strings.Contains(page, bad) {
			t.Errorf("%q is in it", bad)
		}
	}
	for line := range strings.Lines(page) {
		if strings.Contains(line, "doveadm kick") && !strings.Contains(line, `kick 'x'\''; rm -rf ~ #`) {
			t.Errorf("the name is not quoted: %s", line)
		}
		if strings.Contains(line, "$(id)") && !strings.Contains(line, "'plan $(id).json'") {
			t.Errorf("the path is not quoted: %s", line)
		}
	}
	for _, bad := range []string{"", "a*b", `a"b`, "a&b", "a\nb", "é"} {
		if imap.CheckFolder(bad) == nil {
			t.Errorf("a folder may be called %q", bad)
		}
	}
}
