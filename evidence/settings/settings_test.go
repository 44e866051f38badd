package settings_test

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"strings"
	"testing"

	"github.com/mbaudit/mbaudit/evidence"
	"github.com/mbaudit/mbaudit/evidence/settings"
)

func mailbox(name string) settings.Mailbox { return settings.Mailbox{Name: name, Of: "personal"} }

func rights(name, mine string, entries ...string) settings.Rights {
	r := settings.Rights{Mailbox: mailbox(name), Mine: &mine, Entries: []settings.Entry{}}
	for i := 0; i < len(entries); i += 2 {
		r.Entries = append(r.Entries, settings.Entry{
			Identifier: evidence.Bytes(entries[i]), Negative: strings.HasPrefix(entries[i], "-"), Rights: evidence.Bytes(entries[i+1]),
		})
	}
	return r
}

func annotation(name, entry, value string) settings.Annotation {
	v, sum := evidence.Bytes(value), evidence.Digest(sha256.Sum256([]byte(value)))
	return settings.Annotation{Mailbox: settings.Mailbox{Name: name}, Entry: evidence.Bytes(entry), Value: &v, Size: int64(len(v)), SHA256: &sum}
}

func document(kind string, change func(*settings.Document)) *settings.Document {
	d := settings.New(kind, "alice@example.test")
	d.Login = "alice"
	change(d)
	return d
}

func yes() *bool { b := true; return &b }
func no() *bool  { b := false; return &b }

func TestCompare(t *testing.T) {
	unread := settings.Rights{Mailbox: mailbox("INBOX")}
	theirs := rights("user/bob", "lr")
	theirs.Of, theirs.Entries = "other", nil
	for _, test := range []struct {
		name string
		a, b *settings.Document
		want []string
	}{
		{
			"an entry added, one removed, one changed",
			document(settings.ACL, func(d *settings.Document) {
				d.Rights = []settings.Rights{rights("INBOX", "lra", "bob", "lr", "carol", "lr", "alice", "lra")}
			}),
			document(settings.ACL, func(d *settings.Document) {
				d.Rights = []settings.Rights{rights("INBOX", "arl", "carol", "rl", "-bob", "w", "mallory", "lrs", "alice", "lr")}
			}),
			[]string{
				"added INBOX: bob is denied set flags (w)", "changed INBOX: alice may lookup, read (lr), before lookup, read, administer (lra)",
				"removed INBOX: no longer: bob may lookup, read (lr)", "added INBOX: mallory may lookup, read, set seen (lrs)",
			},
		},
		{
			"what one did not read is unknown, not removed",
			document(settings.ACL, func(d *settings.Document) { d.Rights = []settings.Rights{rights("INBOX", "lr", "bob", "lr")} }),
			document(settings.ACL, func(d *settings.Document) { d.Rights = []settings.Rights{unread} }),
			[]string{"unknown INBOX: only one knows what the account itself may do", "unknown INBOX: only one knows who has rights"},
		},
		{
			"a mailbox of another is seen now",
			document(settings.ACL, func(*settings.Document) {}),
			document(settings.ACL, func(d *settings.Document) { d.Rights = []settings.Rights{theirs} }),
			[]string{"added user/bob: the account may lookup, read (lr)"},
		},
		{
			"nothing follows where the first did not ask of all",
			document(settings.ACL, func(d *settings.Document) { d.Left = 3 }),
			document(settings.ACL, func(d *settings.Document) { d.Rights = []settings.Rights{theirs} }),
			[]string{"unknown user/bob: the first has a limit on mailboxes and may not have asked"},
		},
		{
			"annotations",
			document(settings.Metadata, func(d *settings.Document) {
				d.Annotations = []settings.Annotation{annotation("INBOX", "/private/comment", "x"), annotation("A", "/private/a", "a"),
					{Mailbox: settings.Mailbox{}, Entry: evidence.Bytes("/private/forward")}}
			}),
			document(settings.Metadata, func(d *settings.Document) {
				d.Annotations = []settings.Annotation{annotation("INBOX", "/PRIVATE/comment", "y"), annotation("", "/private/forward", "m@evil.example")}
				d.Unknown = []settings.Mailbox{{Name: "A"}}
			}),
			[]string{
				"unknown annotations of A: the second could not read them", `added /private/forward of the server: "m@evil.example"`,
				`changed /private/comment of INBOX: "y", before "x"`,
			},
		},
		{
			"quota",
			document(settings.Quota, func(d *settings.Document) {
				d.Roots = []settings.Root{{Name: evidence.Bytes("u"), Resources: []settings.Resource{{"STORAGE", 10, 100}}}, {Name: evidence.Bytes("v")}}
			}),
			document(settings.Quota, func(d *settings.Document) {
				d.Roots = []settings.Root{{Name: evidence.Bytes("u"), Resources: []settings.Resource{{"STORAGE", 95, 100}}},
					{Name: evidence.Bytes("v"), Resources: []settings.Resource{{"MESSAGE", 1, 2}}}}
			}),
			[]string{
				`changed quota "u" STORAGE: 95 of 100 KiB, 95 % full, before STORAGE: 10 of 100 KiB, 10 % full`,
				`unknown quota "v": only one knows how full it is`,
			},
		},
		{
			"mailboxes",
			document(settings.Mailboxes, func(d *settings.Document) {
				d.Boxes = []settings.Box{{Mailbox: mailbox("Sent"), Subscribed: yes(), Attributes: []string{`\HasChildren`}}, {Mailbox: mailbox("Old"), Subscribed: yes()}}
			}),
			document(settings.Mailboxes, func(d *settings.Document) {
				d.Boxes = []settings.Box{{Mailbox: mailbox("Sent"), Subscribed: no(), SpecialUse: []string{`\Sent`}}, {Mailbox: mailbox("New")}}
				d.Namespaces = []settings.Namespace{{Of: "other", Prefix: evidence.Bytes("user/")}}
			}),
			[]string{
				`added other namespace "user/"`, "added mailbox New: subscriptions unknown", "removed mailbox Old: subscribed",
				`changed mailbox Sent: not subscribed, \Sent, before subscribed`,
			},
		},
		{"two kinds", document(settings.ACL, func(*settings.Document) {}), document(settings.Quota, func(*settings.Document) {}), []string{"unknown one tells of acl and the other of quota"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, d := range settings.Compare(test.a, test.b) {
				got = append(got, d.Change+" "+d.Text)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
			for _, d := range []*settings.Document{test.a, test.b} {
				if diff := settings.Compare(d, d); len(diff) > 0 {
					t.Errorf("a document differs from itself: %+v", diff)
				}
			}
		})
	}
}

func TestSentences(t *testing.T) {
	d := document(settings.ACL, func(d *settings.Document) {
		theirs := rights("user/bob", "lr")
		theirs.Of = "other"
		d.Rights = []settings.Rights{
			rights("INBOX", "lra", "alice", "lra", "Alice@example.test", "lr", "owner", "lr", "-mallory", "w", "mallory", "lrZ"), theirs,
		}
		d.Annotations = []settings.Annotation{annotation("INBOX", "/private/comment", "harmless"), annotation("", "/private/vendor/x", "to m@evil.example")}
		d.Roots = []settings.Root{{Name: evidence.Bytes(""), Resources: []settings.Resource{{"MESSAGE", 1, 100}, {"STORAGE", 99, 100}, {"X", 0, 0}}}}
	})
	var got []string
	for _, s := range d.Sentences() {
		got = append(got, s.Topic+": "+s.Text)
	}
	want := []string{
		`metadata: /private/vendor/x of the server: "to m@evil.example"`, `metadata: /private/comment of INBOX: "harmless"`,
		`quota: "" STORAGE: 99 of 100 KiB, 99 % full`, `quota: "" X: 0 of 0, 100 % full`, `quota: "" MESSAGE: 1 of 100, 1 % full`,
		`rights: INBOX: mallory may lookup, read, 'Z' (lrZ)`, `rights: INBOX: mallory is denied set flags (w)`,
		`sees: user/bob: lookup, read (lr)`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestParseRefuses(t *testing.T) {
	for input, want := range map[string]string{
		`{"v":2,"kind":"acl"}`: "version 2", `{"v":1,"kind":"sieve"}`: "no settings of the kind", `[`: "reading a document", ``: "reading a document",
		string(bytes.Repeat([]byte(" "), settings.MaxSize+1)): "at most",
	} {
		if _, err := settings.Parse([]byte(input)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q in it", input, err, want)
		}
	}
}

// FuzzParse reads documents out of somebody else's bundle: nothing may crash, and what is read is not different from
// itself.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"v":1,"kind":"acl","rights":[{"name":"INBOX","my_rights":null,"entries":[{"identifier":{"base64":"/w=="},"rights":"lr"}]}]}`))
	f.Add([]byte(`{"v":1,"kind":"metadata","annotations":[{"name":"","entry":"/a","value":"x"}],"unknown":[{"name":"A"}]}`))
	f.Add([]byte(`{"v":1,"kind":"quota","roots":[{"name":"","resources":[{"name":"STORAGE","usage":9223372036854775807,"limit":1}]}]}`))
	f.Add([]byte(`{"v":1,"kind":"mailboxes","mailboxes":[{"name":"A","subscribed":true},{"name":"A","subscribed":false}]}`))
	f.Fuzz(func(t *testing.T, input []byte) {
		d, err := settings.Parse(input)
		if err != nil {
			return
		}
		_ = d.Sentences()
		for _, diff := range settings.Compare(d, d) {
			if diff.Change != settings.Unknown {
				t.Errorf("a document differs from itself: %+v", diff)
			}
		}
		_ = settings.Compare(d, settings.New(d.Kind, "x"))
		_ = settings.Compare(settings.New(d.Kind, "x"), d)
	})
}
