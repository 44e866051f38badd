package imap

import (
	"slices"
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/evidence/settings"
	"github.com/mbaudit/mbaudit/internal/imapwire"
)

func TestNamespaces(t *testing.T) {
	for _, test := range []struct {
		name, response string
		of             map[string]string
	}{
		{"none", "* NAMESPACE NIL NIL NIL", map[string]string{"INBOX": personal, "x": personal}},
		{"Dovecot", `* NAMESPACE (("" "/")) (("shared/" "/")) NIL`, map[string]string{"INBOX": personal, "shared": other, "shared/bob": other, "sharedx": personal}},
		{"Cyrus", `* NAMESPACE (("INBOX." ".")) (("user." ".")) (("" "."))`, map[string]string{"inbox": personal, "INBOX.Sent": personal, "user.bob": other, "news": shared}},
		{"Cyrus, alternative", `* NAMESPACE (("" "/")) (("Other Users/" "/")) (("Shared Folders/" "/"))`, map[string]string{"Sent": personal, "Other Users/bob": other, "Shared Folders/x": shared}},
		{"extensions and literals", "* NAMESPACE ((\"\" \"/\" \"X-PARAM\" (\"FLAG1\" \"FLAG2\"))) (({6}\r\n\"user\" NIL)) ((\"#\" \"/\") (\"~\" \"/\"))",
			map[string]string{"x": personal, `"user"bob`: other, "#news/x": shared, "~bob": shared}},
		{"nonsense", `* NAMESPACE (("a" "/") x ("b") ()) ((((`, map[string]string{"abc": personal, "b": personal}},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := scripted(t, test.response+"\r\n")
			r := &run{namespaces: parseNamespaces(answer)}
			for name, want := range test.of {
				if got := r.of(&folder{raw: name}); got != want {
					t.Errorf("%q is %s, want %s; namespaces %+v", name, got, want, r.namespaces)
				}
			}
		})
	}
}

// scripted returns the answer that a server's words are.
func scripted(t *testing.T, words string) *imapwire.Answer {
	t.Helper()
	f := boxes("", "INBOX")
	f.command = func(c *fakeConn, tag, name, args string) bool {
		if name == "NAMESPACE" {
			c.say("%s%s OK done\r\n", words, tag)
		}
		return name == "NAMESPACE"
	}
	conn, err := mustNew(t, f.start(t)).Dial(t.Context(), "alice@example.test")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := conn.Do(imapwire.NewCommand("NAMESPACE"))
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// TestSubscriptions has a server without LIST-EXTENDED: LSUB says what is subscribed to, and with \Noselect that only
// something below is.
func TestSubscriptions(t *testing.T) {
	for name, say := range map[string]string{
		"LSUB":         "* LSUB () \"/\" inbox\r\n* LSUB (\\Noselect) \"/\" \"A B\"\r\n* LSUB () \"/\" \"A B/C\"\r\nTAG OK done\r\n",
		"LSUB refused": "TAG NO not today\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			f := boxes("", "INBOX", `"A B"`, `"A B/C"`, "D")
			f.command = func(c *fakeConn, tag, name, args string) bool {
				if name == "LSUB" {
					c.say("%s", strings.ReplaceAll(say, "TAG", tag))
				}
				return name == "LSUB"
			}
			sink, docs := collectSettings(t, f)
			var subscribed []string
			known := 0
			for _, b := range docs[settings.Mailboxes].Boxes {
				if b.Subscribed == nil {
					continue
				}
				known++
				if *b.Subscribed {
					subscribed = append(subscribed, b.Name)
				}
			}
			if name == "LSUB" && (!slices.Equal(subscribed, []string{"A B/C", "INBOX"}) || known != 4) {
				t.Errorf("subscribed to %q, known of %d", subscribed, known)
			}
			if name == "LSUB refused" && (known != 0 || gapOf(t, sink, "lsub", "").Reason == "") {
				t.Errorf("known of %d although the server refused", known)
			}
		})
	}
}
